//! Frames of extended XYZ files: what is given and, in golden files, what is expected.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Default)]
pub struct Frame {
    pub label: String,
    /// Å
    pub edges: [f64; 3],
    pub periodic: [bool; 3],
    pub symbols: Vec<String>,
    /// Å
    pub positions: Vec<[f64; 3]>,
    /// eV/Å
    pub forces: Vec<[f64; 3]>,
    /// eV
    pub energies: Vec<f64>,
    /// xx yy zz xy xz yz, eV
    pub virial: [f64; 6],
}

/// A file below `tests/` or `inputs/`.
pub fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// All frames of a file of `tests/reference`.
pub fn read(name: &str) -> Vec<Frame> {
    let file = path("tests/reference").join(name);
    let text = std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut lines = text.lines();
    let mut frames = Vec::new();
    while let Some(count) = lines.next() {
        let count: usize = count.trim().parse().expect("number of atoms");
        let header = pairs(lines.next().expect("a comment line"));
        let numbers = |key: &str| -> Vec<f64> {
            header[key].split_whitespace().map(|x| x.parse().expect("a number")).collect()
        };
        let lattice = numbers("Lattice");
        let periodic: Vec<bool> = header["pbc"].split_whitespace().map(|x| x == "T").collect();
        let mut frame = Frame {
            label: format!("{name}: {}", header["label"]),
            edges: [lattice[0], lattice[4], lattice[8]],
            periodic: periodic.try_into().expect("three directions"),
            virial: numbers("virial").try_into().expect("six components"),
            ..Frame::default()
        };
        for _ in 0..count {
            let mut words = lines.next().expect("an atom").split_whitespace();
            frame.symbols.push(words.next().expect("a species").to_string());
            let x: Vec<f64> = words.map(|w| w.parse().expect("a number")).collect();
            frame.positions.push([x[0], x[1], x[2]]);
            frame.forces.push([x[3], x[4], x[5]]);
            frame.energies.push(x[6]);
        }
        frames.push(frame);
    }
    assert!(!frames.is_empty(), "{name} holds no frame");
    frames
}

/// `key=value` and `key="some values"` of a comment line.
fn pairs(line: &str) -> HashMap<&str, &str> {
    let mut found = HashMap::new();
    let mut rest = line;
    while let Some((key, after)) = rest.split_once('=') {
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').expect("a closing quote"),
            None => after.split_once(' ').unwrap_or((after, "")),
        };
        found.insert(key.trim(), value);
        rest = next;
    }
    found
}
