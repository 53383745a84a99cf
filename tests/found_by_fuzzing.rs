//! What the fuzzer found, and what it should have found: every file of
//! `tests/fuzz/corpus/TARGET` goes the way that the fuzzer takes with it, and is answered
//! within the memory that the fuzzer allows.

#[path = "fuzz/readers.rs"]
mod readers;

use std::path::{Path, PathBuf};

/// As in `tools/fuzz`.
const MEMORY_KB: u64 = 1 << 20;

fn inputs(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let entries =
        std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// The most memory that this process had so far; none where no file tells.
fn peak_memory_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn what_was_found_once_is_answered() {
    for (target, read) in readers::TARGETS {
        let inputs = inputs(target);
        assert!(inputs.len() > 1, "{target} has no inputs");
        for input in inputs {
            println!("{}", input.display());
            read(&std::fs::read(&input).unwrap());
            let memory = peak_memory_kb();
            assert!(memory.is_none_or(|kb| kb < MEMORY_KB), "{memory:?} kB");
        }
    }
    readers::clean_up();
}
