//! Bad inputs: each `tests/inputs/bad/NAME.toml` is refused by the program with
//! exit code 2 and with exactly the message in `NAME.expected`, which names the file,
//! the line and the column. `SINTER_UPDATE=1` writes the messages anew: read them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the program says of an input, with paths as seen from the folder of the input and
/// without the `error: ` that stands before each problem.
fn refusal(input: &Path) -> (Option<i32>, String) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO_BIN_EXE_sinter-hpc"))
        .arg("check")
        .arg(input)
        .current_dir(home)
        .output()
        .expect("the program starts");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let told = [input.parent().unwrap(), home]
        .iter()
        .fold(told, |told, folder| told.replace(&format!("{}/", folder.display()), ""));
    let name = input.file_name().unwrap().to_string_lossy();
    assert!(!told.lines().any(|line| line.starts_with(&*name)), "not called an error:\n{told}");
    let lines = told.lines().map(|line| line.strip_prefix("error: ").unwrap_or(line));
    (output.status.code(), lines.map(|line| format!("{line}\n")).collect())
}

#[test]
fn bad_inputs_are_refused_with_their_exact_message() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inputs/bad");
    let mut inputs: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    inputs.sort();
    assert!(inputs.len() >= 30, "only {} bad inputs in {}", inputs.len(), folder.display());

    let mut differences = String::new();
    for input in inputs {
        let (code, told) = refusal(&input);
        let expected_file = input.with_extension("expected");
        if std::env::var_os("SINTER_UPDATE").is_some() {
            fs::write(&expected_file, &told).unwrap();
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if code != Some(2) || told != expected {
            let name = input.file_name().unwrap().to_string_lossy();
            differences +=
                &format!("{name}: exit code {code:?}\ntold:     {told}expected: {expected}\n");
        }
    }
    assert!(differences.is_empty(), "\n{differences}");
}
