//! What the fuzzer does with an input: the way of a user's file through the program, as
//! far as it is cheap. `tests/found_by_fuzzing.rs` takes the same way.
//!
//! An error must be a message for people, with the exit code of bad input where the file
//! is one that people write; everything else that may go wrong (a panic, an overflow, an
//! endless loop, memory) the fuzzer sees by itself.

use sinter_hpc::atoms::{Atom, Atoms, Species};
use sinter_hpc::build::{self, extxyz};
use sinter_hpc::comm::Comm;
use sinter_hpc::dynamics::Protocol;
use sinter_hpc::geometry::Cell;
use sinter_hpc::input::{self, Config, StructureFormat};
use sinter_hpc::potential::meam::Meam;
use sinter_hpc::run::inspect;
use sinter_hpc::write::hdf5::lookup3;
use sinter_hpc::write::{
    Checkpoint, Content, Frame, Job, PotentialFile, Provenance, Trajectory, seal, write_checkpoint,
};
use sinter_hpc::{Error, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in `corpus`.
pub const TARGETS: [(&str, Target); 8] = [
    ("toml", toml),
    ("meam", meam),
    ("extxyz", extxyz),
    ("lammps_data", lammps_data),
    ("lammps_dump", lammps_dump),
    ("checkpoint", checkpoint),
    ("trajectory", trajectory),
    ("forged", forged),
];

/// Larger particles are not built: that would fuzz the allocator.
const MOST_ATOMS: f64 = 1000.0;

/// Divides an input of `meam` into the library and the parameter file.
const DIVIDER: &str = "\n%%\n";

/// A folder with the files that inputs name, one for each process.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("sinter-hpc-fuzz-{}", std::process::id()));
    fs::create_dir_all(folder.join("potentials")).expect("a folder");
    let files = [
        ("PtFe.library.meam", include_str!("../../inputs/potentials/PtFe.library.meam")),
        ("PtFe.meam", include_str!("../../inputs/potentials/PtFe.meam")),
        ("dimers.xyz", include_str!("../reference/dimers.xyz")),
    ];
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("a file");
        fs::write(folder.join("potentials").join(name), text).expect("a file");
    }
    folder
});

/// Removes this folder.
pub fn clean_up() {
    // What is not there need not go.
    let _ = fs::remove_dir_all(&*FOLDER);
}

/// A file of this process with this content.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.join(name);
    fs::write(&path, bytes).expect("a file");
    path
}

/// Bad input is refused with a message and exit code 2.
fn refused(error: &Error) {
    assert!(!error.to_string().is_empty());
    assert_eq!(error.exit_code(), 2, "{error}");
}

/// An input file.
pub fn toml(bytes: &[u8]) {
    if let Err(error) = read_and_build(&file("input.toml", bytes)) {
        refused(&error);
    }
}

fn read_and_build(path: &Path) -> Result<()> {
    let config = input::read(path)?;
    input::warnings(&config);
    Protocol::new(&config);
    let mut again = input::parse(&input::effective(&config), Path::new("/input.toml"))?;
    again.source = config.source.clone();
    assert_eq!(config, again, "the effective input says something else");
    if config.atoms_to_build() <= MOST_ATOMS {
        build::structure(&config, &Comm::single())?;
    }
    Ok(())
}

/// The wanted elements on the first line, then the library; behind the divider the
/// parameter file.
pub fn meam(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (elements, files) = text.split_once('\n').unwrap_or((&text, ""));
    let (library, parameters) = match files.split_once(DIVIDER) {
        Some((library, parameters)) => (library, Some(parameters)),
        None => (files, None),
    };
    let elements: Vec<String> = elements.split_whitespace().map(String::from).collect();
    let library = file("library.meam", library.as_bytes());
    let parameters = parameters.map(|text| file("parameters.meam", text.as_bytes()));
    match Meam::from_files(&library, parameters.as_deref(), &elements) {
        Ok(potential) => drop(potential.conventions()),
        Err(error) => refused(&error),
    }
}

/// Extended XYZ: all frames, then the atoms of the first and the last.
pub fn extxyz(bytes: &[u8]) {
    static CONFIGS: LazyLock<Vec<Config>> = LazyLock::new(|| {
        [configs("structure.xyz", "frame = 0"), configs("structure.xyz", "frame = -1")].concat()
    });
    let path = file("structure.xyz", bytes);
    let frames = extxyz::open(&path).expect("the file is there");
    frames.filter_map(Result::err).for_each(|error| refused(&error));
    structure(&CONFIGS, bytes.len());
}

/// A LAMMPS data file.
pub fn lammps_data(bytes: &[u8]) {
    static CONFIGS: LazyLock<Vec<Config>> =
        LazyLock::new(|| configs("structure.data", "types = [\"Pt\", \"Fe\"]"));
    file("structure.data", bytes);
    structure(&CONFIGS, bytes.len());
}

/// A LAMMPS dump: all frames, then the atoms of the last.
pub fn lammps_dump(bytes: &[u8]) {
    static CONFIGS: LazyLock<Vec<Config>> =
        LazyLock::new(|| configs("structure.dump", "types = [\"Pt\", \"Fe\"]"));
    let path = file("structure.dump", bytes);
    match build::frames(&path, StructureFormat::LammpsDump) {
        Ok(frames) => frames.filter_map(Result::err).for_each(|error| refused(&error)),
        Err(error) => refused(&error),
    }
    structure(&CONFIGS, bytes.len());
}

/// Inputs that ask for this structure in boxes of every kind.
fn configs(name: &str, keys: &str) -> Vec<Config> {
    let free = "boundary = [\"free\", \"free\", \"free\"]";
    let periodic = "boundary = [\"periodic\", \"free\", \"periodic\"]";
    let lengths =
        "boundary = [\"periodic\", \"periodic\", \"periodic\"]\nlengths_angstrom = [20, 20, 20]";
    let boxes =
        [(free, "together"), (free, "apart"), (periodic, "together"), (lengths, "together")];
    let config = |(cell, particles)| {
        let text = format!(
            "[potential]\nlibrary = \"PtFe.library.meam\"\nelements = [\"Pt\", \"Fe\"]\n\
             [box]\n{cell}\n[structure]\nfile = \"{name}\"\n{keys}\n\
             [[stage]]\nkind = \"minimise\"\nparticles = \"{particles}\"\n"
        );
        input::parse(&text, &FOLDER.join("input.toml")).expect("a sound input")
    };
    boxes.map(config).to_vec()
}

/// One of these for each input, by its length: many inputs see more than many boxes.
fn structure(configs: &[Config], length: usize) {
    if let Err(error) = build::structure(&configs[length % configs.len()], &Comm::single()) {
        refused(&error);
    }
}

/// A checkpoint, as `inspect` reads it. The first byte says what the others are.
pub fn checkpoint(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    let (content, sealed) = match how % 4 {
        0 => (rest.to_vec(), false),
        // HDF5 behind a seal that fits.
        1 => ([&vec![0; seal::LENGTH as usize], rest].concat(), true),
        // Another header in a sound file.
        2 => (CHECKPOINT.with_header(rest), true),
        _ => (CHECKPOINT.patched(rest, false), how & 4 == 0),
    };
    let path = file("checkpoint-1.h5", &content);
    if sealed {
        seal::close(&path, &Comm::single(), content.len() as u64).expect("a seal");
    }
    inspected(&path);
}

/// A trajectory, as `inspect` and `[structure]` read it: by the first byte the file itself,
/// or patches of a sound one.
pub fn trajectory(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    static CONFIGS: LazyLock<Vec<Config>> =
        LazyLock::new(|| configs("trajectory.h5", "frame = -1"));
    let content = if how % 2 == 0 { rest.to_vec() } else { TRAJECTORY.patched(rest, false) };
    let path = file("trajectory.h5", &content);
    inspected(&path);
    structure(&CONFIGS, bytes.len());
}

/// Patches of a sound checkpoint or trajectory whose checksums are all made to fit. What
/// HDF5 itself makes of these is not ours (README.md).
pub fn forged(bytes: &[u8]) {
    let Some((how, rest)) = bytes.split_first() else { return };
    if how % 2 == 0 {
        let content = CHECKPOINT.patched(rest, true);
        let path = file("checkpoint-1.h5", &content);
        seal::close(&path, &Comm::single(), content.len() as u64).expect("a seal");
        inspected(&path);
    } else {
        inspected(&file("trajectory.h5", &TRAJECTORY.patched(rest, true)));
    }
}

static CHECKPOINT: LazyLock<Template> = LazyLock::new(|| Template::new(&sound_checkpoint()));
static TRAJECTORY: LazyLock<Template> = LazyLock::new(|| Template::new(&sound_trajectory()));

fn inspected(path: &Path) {
    if let Err(error) = inspect::report(path) {
        assert!(!error.to_string().is_empty());
    }
}

/// A sound HDF5 file to be changed.
struct Template {
    bytes: Vec<u8>,
    /// Begin and end of every block of it that is followed by its checksum.
    checked: Vec<(usize, usize)>,
}

impl Template {
    fn new(path: &Path) -> Template {
        let bytes = fs::read(path).expect("the file was just written");
        let checked = (0..bytes.len())
            .filter(|&n| {
                [&b"\x89HDF"[..], b"OHDR", b"OCHK"].iter().any(|s| bytes[n..].starts_with(s))
            })
            .filter_map(|begin| {
                let followed = |end: &usize| bytes[*end..].starts_with(&sum(&bytes[begin..*end]));
                (begin + 4..bytes.len().min(begin + 4096)).find(followed).map(|end| (begin, end))
            })
            .collect();
        Template { bytes, checked }
    }

    /// With patches: two bytes of place, one of length, and the new bytes; and, where that
    /// is wanted, with checksums of HDF5's structures that fit.
    fn patched(&self, mut patches: &[u8], repaired: bool) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        while let [low, high, length, rest @ ..] = patches {
            let begin = u16::from_le_bytes([*low, *high]) as usize % bytes.len();
            let length = (*length as usize).min(rest.len()).min(bytes.len() - begin);
            bytes[begin..begin + length].copy_from_slice(&rest[..length]);
            patches = &rest[length..];
        }
        for &(begin, end) in self.checked.iter().filter(|_| repaired) {
            let sum = sum(&bytes[begin..end]);
            bytes[end..end + 4].copy_from_slice(&sum);
        }
        bytes
    }

    /// With another text as header, cut or filled up to the length of the old one.
    fn with_header(&self, text: &[u8]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let begin = find(&bytes, b"{\n  \"schema\"").expect("a header");
        let length = find(&bytes[begin..], b"\n}").expect("its end") + 2;
        let filled = text.iter().copied().chain(std::iter::repeat(b' '));
        bytes[begin..begin + length].iter_mut().zip(filled).for_each(|(to, from)| *to = from);
        bytes
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    lookup3(bytes).to_le_bytes()
}

const ATOMS: u64 = 3;

fn provenance() -> Provenance {
    let species =
        |symbol: &str, mass, atomic_number| Species { symbol: symbol.into(), mass, atomic_number };
    Provenance {
        title: "three atoms".into(),
        author: String::new(),
        input: "seed = 1\n".into(),
        potential: vec![PotentialFile { name: "PtFe.meam".into(), text: "rc = 4\n".into() }],
        species: vec![species("Pt", 195.08, 78), species("Fe", 55.847, 26)],
        seed: 1,
        structures: Vec::new(),
        extensions: Vec::new(),
        lineage: Vec::new(),
    }
}

fn cell() -> Cell {
    Cell::new([0.0; 3], [10.0; 3], [true, false, true])
}

fn atoms() -> Atoms {
    let atom = |id: u64| Atom {
        id,
        position: [3.0 * id as f64; 3],
        velocity: [0.1; 3],
        image: [0; 3],
        particle: 0,
        species: (id % 2) as u32,
        padding: 0,
    };
    Atoms::from_list(&(0..ATOMS).map(atom).collect::<Vec<_>>())
}

fn sound_checkpoint() -> PathBuf {
    let state = serde_json::json!({ "clock": 0.5, "chain": [1.0, 2.0] });
    let checkpoint = Checkpoint::new(provenance(), ATOMS, (10, 0.02), 0, cell(), state);
    write_checkpoint(&FOLDER, &Comm::single(), &checkpoint, &atoms(), 2).expect("a checkpoint")
}

fn sound_trajectory() -> PathBuf {
    let (path, comm) = (FOLDER.join("sound.h5md"), Comm::single());
    let content = Content { energies: true, ..Content::bare(true) };
    let job = Job::new(&comm, 1);
    let periodic = cell().periodic;
    let origin = (&provenance(), &job);
    let mut trajectory =
        Trajectory::create(&path, &comm, ATOMS, periodic, content, origin).expect("a trajectory");
    for step in [0, 10] {
        let time_ps = 0.002 * step as f64;
        let frame = Frame {
            step,
            time_ps,
            cell: &cell(),
            atoms: &atoms(),
            more: None,
            together: true,
            moving: true,
        };
        trajectory.append(&frame).expect("a frame");
    }
    trajectory.close().expect("a trajectory");
    path
}
