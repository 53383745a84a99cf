//! The house has one direction (ARCHITECTURE.md): a module uses only those that
//! stand above it in `src/lib.rs`, and `comm` alone names MPI.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Modules in the order of `src/lib.rs`, with all their source files.
fn house() -> Vec<(String, Vec<(PathBuf, String)>)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let library = std::fs::read_to_string(source.join("lib.rs")).unwrap();
    let names = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    names
        .map(|name| {
            let mut files = Vec::new();
            collect(&source.join(format!("{name}.rs")), &mut files);
            collect(&source.join(name), &mut files);
            (name.to_string(), files)
        })
        .collect()
}

fn collect(path: &Path, files: &mut Vec<(PathBuf, String)>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), files);
        }
    } else if path.is_file() && path.extension().is_some_and(|e| e == "rs") {
        files.push((path.to_path_buf(), std::fs::read_to_string(path).unwrap()));
    }
}

/// Code without its unit tests and comments: tests may use the whole house.
fn code(file: &Path, text: &str) -> String {
    let is_test = file
        .components()
        .any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "tests.rs" | "testing.rs")));
    let until =
        if is_test { 0 } else { text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len()) };
    text[..until]
        .lines()
        .filter(|l| !l.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The modules of the crate that a text names.
fn used(code: &str) -> Vec<String> {
    let word = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    code.match_indices("crate::").map(|(at, found)| word(&code[at + found.len()..])).collect()
}

#[test]
fn modules_use_only_those_above_them() {
    let house = house();
    let floor: BTreeMap<&str, usize> =
        house.iter().enumerate().map(|(n, (name, _))| (name.as_str(), n)).collect();
    assert!(floor.len() > 15, "src/lib.rs lists its modules one to a line");
    let mut wrong = Vec::new();
    for (n, (name, files)) in house.iter().enumerate() {
        assert!(!files.is_empty(), "{name} has source files");
        for (file, text) in files {
            for other in used(&code(file, text)) {
                if floor.get(other.as_str()).is_some_and(|&m| m > n) {
                    wrong.push(format!("{} uses {other}, which stands below", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn comm_alone_names_mpi() {
    for (name, files) in house() {
        for (file, text) in files.iter().filter(|_| name != "comm") {
            let code = code(file, text);
            for forbidden in ["mpi::", "mpi_sys", "MPI_", "feature = \"mpi\""] {
                assert!(!code.contains(forbidden), "{} names {forbidden}", file.display());
            }
        }
    }
}
