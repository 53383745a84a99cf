//! What deserves a second look is told by every command alike, once, on the error stream.

use std::fs;
use std::path::Path;
use std::process::Command;

const INPUT: &str = r#"
[potential]
library = "LIBRARY"
parameters = "PARAMETERS"
elements = ["Pt", "Fe"]
[[particle]]
shape = "sphere"
atoms = 13
lattice_constant_angstrom = 3.9
composition = { Pt = 1.0 }
[dynamics]
timestep_fs = 8
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 0.016
"#;

/// The lines on the error stream of a command that must succeed.
fn told(folder: &Path, words: &[&str]) -> Vec<String> {
    let program = Path::new(env!("CARGO_BIN_EXE_sinter-hpc"));
    let output = Command::new(program).args(words).current_dir(folder).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{words:?}: {told}");
    told.lines().map(String::from).collect()
}

#[test]
fn every_command_tells_the_warnings_of_an_input_once() {
    let folder = tempfile::tempdir().unwrap();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials");
    let path = |name: &str| home.join(name).to_str().unwrap().to_string();
    let text = INPUT
        .replace("LIBRARY", &path("PtFe.library.meam"))
        .replace("PARAMETERS", &path("PtFe.meam"));
    fs::write(folder.path().join("a.toml"), text).unwrap();
    let warning = "warning: a.toml:12:1: 8 fs is a long time step for metals near melting; watch \
                   the energy of an `nve` stage, or take 2 fs";
    for words in [
        &["check", "a.toml"][..],
        &["plan", "a.toml", "--ranks", "2"],
        &["build", "a.toml", "--output", "a.xyz"],
        &["build", "a.toml", "--output", "a.h5"],
        &["--threads", "1", "--output", "run", "a.toml"],
    ] {
        let lines = told(folder.path(), words);
        let warnings: Vec<&String> = lines.iter().filter(|l| l.contains("warning")).collect();
        assert_eq!(warnings, [warning], "{words:?}");
    }
    let log = fs::read_to_string(folder.path().join("run/run.log")).unwrap();
    assert_eq!(log.matches(warning).count(), 1, "{log}");
}

/// An input of one particle, written beside the potential files that it names.
fn written(folder: &Path, name: &str, library: &str, parameters: &str, particle: &str) {
    let text = format!(
        "[potential]\nlibrary = '{library}'\nparameters = '{parameters}'\nelements = ['Pt', 'Fe']\n\
         [[particle]]\n{particle}\n[[stage]]\nkind = 'hold'\ntemperature_k = 300\nduration_ps = 0.004\n"
    );
    fs::write(folder.join(name), text).unwrap();
}

/// What of potential files deserves a second look, for each command: pair parameters that
/// fall back on mixing, and a lattice constant far from the potential's own.
#[test]
fn what_is_odd_about_a_potential_is_told_by_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials");
    let read = |name: &str| fs::read_to_string(home.join(name)).unwrap();
    fs::write(folder.path().join("library.meam"), read("PtFe.library.meam")).unwrap();
    let silent: String = (read("PtFe.meam").lines())
        .filter(|line| !line.starts_with("re(1,2)"))
        .map(|line| format!("{line}\n"))
        .collect();
    fs::write(folder.path().join("pair.meam"), silent).unwrap();
    let particle =
        "shape = 'sphere'\natoms = 13\nlattice_constant_angstrom = 5.5\ncomposition = { Pt = 1.0 }";
    written(folder.path(), "a.toml", "library.meam", "pair.meam", particle);
    fs::write(folder.path().join("frame.xyz"), "1\nProperties=species:S:1:pos:R:3\nPt 0 0 0\n")
        .unwrap();
    let mixing = "warning: pair.meam: of Pt-Fe nothing says re: taken from the elements by the rules of \
                  mixing: re 2.6250 Å";
    let far = "warning: a.toml:8:1: 5.5 Å is +40.4 % off the lattice constant that the potential has for fcc \
               of this composition at 0 K, 3.9174 Å";
    for words in [
        &["check", "a.toml"][..],
        &["plan", "a.toml", "--ranks", "2"],
        &["build", "a.toml", "--output", "a.xyz"],
        &["--threads", "1", "--output", "run", "a.toml"],
    ] {
        let place = format!("{}/", folder.path().display());
        let lines = told(folder.path(), words).into_iter().map(|line| line.replace(&place, ""));
        let lines: Vec<String> = lines.collect();
        for warning in [mixing, far] {
            assert_eq!(
                lines.iter().filter(|line| *line == warning).count(),
                1,
                "{words:?} {lines:?}"
            );
        }
    }
    let words = "evaluate --library library.meam --parameters pair.meam --elements Pt,Fe frame.xyz --output e.xyz";
    let lines = told(folder.path(), &words.split(' ').collect::<Vec<_>>());
    assert!(lines.iter().any(|line| line == mixing), "{lines:?}");
    // Permuted elements are refused in an input (`tests/inputs/bad`), and told here.
    let swapped = words.replace("Pt,Fe", "Fe,Pt");
    let lines = told(folder.path(), &swapped.split(' ').collect::<Vec<_>>());
    assert!(
        lines[0].starts_with("warning: pair.meam: nothing that it says of the elements fits"),
        "{lines:?}"
    );
}

/// The surface energies of a Wulff shape come from the potential, and the effective input
/// that a run leaves builds the same atoms.
#[test]
fn surface_energies_are_those_of_the_potential() {
    let folder = tempfile::tempdir().unwrap();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials");
    let [library, parameters] = ["PtFe.library.meam", "PtFe.meam"]
        .map(|name| home.join(name).to_str().unwrap().to_string());
    let particle =
        "atoms = 100\nlattice_constant_angstrom = 3.92\ncomposition = { Pt = 0.75, Fe = 0.25 }";
    written(folder.path(), "a.toml", &library, &parameters, particle);
    told(folder.path(), &["--threads", "1", "--output", "run", "a.toml"]);
    let [effective, log] = ["input.toml", "run.log"]
        .map(|name| fs::read_to_string(folder.path().join("run").join(name)).unwrap());
    // Three quarters of platinum and a quarter of iron, of the numbers in `tests/potential/surfaces.rs`.
    for line in ["111 = 1.8055", "100 = 2.3104", "110 = 2.3428"] {
        assert!(effective.contains(line), "{line}: {effective}");
    }
    assert!(log.contains("(111) 1.8055, (100) 2.3104, (110) 2.3428 J/m²"), "{log}");
    fs::copy(folder.path().join("run/input.toml"), folder.path().join("b.toml")).unwrap();
    for name in ["a", "b"] {
        told(
            folder.path(),
            &["build", &format!("{name}.toml"), "--output", &format!("{name}.xyz")],
        );
    }
    let [a, b] =
        ["a.xyz", "b.xyz"].map(|name| fs::read_to_string(folder.path().join(name)).unwrap());
    assert_eq!(a, b);
}

/// A cube has the edge that was asked for, with half a layer about its atoms.
#[test]
fn a_cube_has_its_edge() {
    let folder = tempfile::tempdir().unwrap();
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials");
    let [library, parameters] = ["PtFe.library.meam", "PtFe.meam"]
        .map(|name| home.join(name).to_str().unwrap().to_string());
    for (edge, planes) in [(2.156, 11usize), (2.94, 15)] {
        let particle = format!(
            "shape = 'cube'\nedge_nm = {edge}\nlattice_constant_angstrom = 3.92\ncomposition = {{ Pt = 1.0 }}"
        );
        written(folder.path(), "a.toml", &library, &parameters, &particle);
        told(folder.path(), &["build", "a.toml", "--output", "a.xyz", "--force"]);
        let text = fs::read_to_string(folder.path().join("a.xyz")).unwrap();
        let first = |line: &str| line.split_whitespace().nth(1)?.parse::<f64>().ok();
        let x: Vec<f64> = text.lines().skip(2).filter_map(first).collect();
        let [low, high] = [f64::min, f64::max].map(|of| x.iter().copied().reduce(of).unwrap());
        // Planes stand half a lattice constant apart.
        assert!((high - low - 1.96 * (planes - 1) as f64).abs() < 1e-6, "{edge}: {}", high - low);
        assert_eq!(x.len(), (planes * planes * planes).div_ceil(2), "{edge}");
    }
}
