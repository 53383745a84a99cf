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
