//! The inputs that the project ships: sound, and their reference up to date.

#[path = "../benches/hot/mod.rs"]
mod hot;

use sinter_hpc::input::{self, reference::reference};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every TOML file below a folder but for those with parameters of potentials.
fn inputs_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("potentials") {
            continue;
        }
        if path.is_dir() {
            found.extend(inputs_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "toml") {
            found.push(path);
        }
    }
    found
}

#[test]
fn shipped_inputs_are_sound() {
    let inputs = inputs_below(&home().join("inputs"));
    assert!(inputs.len() >= 5, "the quickstart and four runs of the paper: {inputs:?}");
    for path in inputs {
        let config = input::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(input::warnings(&config), Vec::<String>::new());

        // The effective input is the same input, from another folder too.
        let mut again = input::parse(&input::effective(&config), Path::new("/input.toml")).unwrap();
        again.source = config.source.clone();
        assert_eq!(config, again, "{}", path.display());

        // The program agrees, potential and atoms included.
        let check = Command::new(env!("CARGO_BIN_EXE_sinter-hpc")).arg("check").arg(&path).output();
        let check = check.expect("the program starts");
        let told = String::from_utf8(check.stdout).unwrap();
        assert_eq!(check.status.code(), Some(0), "{}", String::from_utf8_lossy(&check.stderr));
        assert!(told.ends_with("\ninput is sound\n"), "{told}");
    }
}

#[test]
fn reference_of_keys_is_up_to_date() {
    let path = home().join("inputs/README.md");
    let text = fs::read_to_string(&path).unwrap();
    let marker = "rewrites it. -->\n";
    let (head, keys) = text.split_once(marker).expect("the marker above the generated part");
    let wanted = format!("\n{}", reference());
    if std::env::var_os("SINTER_UPDATE").is_some() {
        fs::write(&path, format!("{head}{marker}{wanted}")).unwrap();
    } else {
        assert_eq!(keys, wanted, "run with SINTER_UPDATE=1 to bring inputs/README.md up to date");
    }
}

#[test]
fn benches_have_a_sound_input() {
    let sizes = hot::Sizes::read();
    assert!(!sizes.atoms.is_empty());
    for atoms in &sizes.atoms {
        assert_eq!(hot::config(*atoms, &sizes).particles[0].count, 2);
    }
}
