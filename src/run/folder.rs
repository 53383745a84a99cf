//! The folder that a run writes into, and the promise that nothing of another run
//! is overwritten without being asked.

use super::lock::Lock;
use crate::error::{Error, Result};
use crate::write::checkpoint::is_checkpoint_name;
use std::path::{Path, PathBuf};

pub const TRAJECTORY: &str = "trajectory.h5md";
pub const LOG: &str = "run.log";
/// The effective input.
pub const INPUT: &str = "input.toml";

/// What a folder that holds a run already means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// A mistake.
    Refuse,
    /// To be replaced: the files of the earlier run are removed (`--force`).
    Replace,
    /// To be kept in a folder of its own below (`--resume` where no checkpoint is sound).
    SetAside,
    /// To be gone on with (`--resume`, `--restart`).
    Continue,
}

/// The folder of the run of `input`: `output`, or else `results/<name of the input file>`
/// below the current folder. It exists afterwards and is no other run's as long as the lock
/// is held. For one rank to call.
pub fn output_folder(
    input: &Path,
    output: Option<&Path>,
    existing: Existing,
) -> Result<(PathBuf, Lock)> {
    let folder = match output {
        Some(folder) => folder.to_path_buf(),
        None => default_folder(input),
    };
    if folder.exists() && !folder.is_dir() {
        return Err(refusal(&folder, "this is a file, and the output goes into a folder"));
    }
    std::fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
    let lock = Lock::take(&folder)?;
    if existing != Existing::Continue {
        // The effective input must not overwrite the one that was written by hand.
        if is_same_file(&folder.join(INPUT), input) {
            return Err(refusal(
                &folder,
                "the input itself stands here under the name that the effective one will have: \
                 choose another folder with --output",
            ));
        }
        let files = files_of_a_run(&folder)?;
        if existing == Existing::Refuse && !files.is_empty() {
            return Err(refusal(
                &folder,
                "this folder holds a run already: go on with it (--resume), replace it (--force) \
                 or choose another folder (--output)",
            ));
        }
        if existing == Existing::SetAside {
            set_aside(&folder, &files)?;
        } else {
            for file in files {
                std::fs::remove_file(&file).map_err(|source| Error::file(&file, source))?;
            }
        }
    }
    Ok((folder, lock))
}

/// Moves files of `folder` into a new folder below it, in their order; returns that
/// folder, or none where there is nothing to move. For one rank to call.
pub fn set_aside(folder: &Path, files: &[PathBuf]) -> Result<Option<PathBuf>> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut numbers = 1..;
    let aside = numbers.find_map(|n| {
        let aside = folder.join(format!("set-aside-{n}"));
        (!aside.exists()).then_some(aside)
    });
    let aside = aside.expect("numbers do not end");
    std::fs::create_dir(&aside).map_err(|source| Error::file(&aside, source))?;
    for file in files {
        let place = aside.join(file.file_name().unwrap_or_default());
        std::fs::rename(file, &place).map_err(|source| Error::file(file, source))?;
    }
    Ok(Some(aside))
}

/// `results/<name of the input file>`.
pub fn default_folder(input: &Path) -> PathBuf {
    Path::new("results").join(input.file_stem().unwrap_or_default())
}

fn refusal(folder: &Path, message: &str) -> Error {
    Error::input(folder, 0, 0, message)
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

/// What a run has left in the folder: the trajectory, the log, the input and all checkpoints.
fn files_of_a_run(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|source| Error::file(folder, source))? {
        let entry = entry.map_err(|source| Error::file(folder, source))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_checkpoint_name(&name) || [TRAJECTORY, LOG, INPUT].contains(&&*name) {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn finished_run(folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let checkpoints = ["checkpoint-500.h5", "checkpoint-600.h5.partial"];
        for name in [TRAJECTORY, LOG, INPUT, "notes.txt"].into_iter().chain(checkpoints) {
            fs::write(folder.join(name), name).unwrap();
        }
    }

    #[test]
    fn is_named_after_the_input() {
        let folder = default_folder(Path::new("inputs/paper/pair_1473K_5p5A.toml"));
        assert_eq!(folder, Path::new("results/pair_1473K_5p5A"));
    }

    #[test]
    fn a_new_folder_is_made() {
        let home = tempfile::tempdir().unwrap();
        let wanted = home.path().join("deep/out");
        let (folder, _lock) =
            output_folder(Path::new("p.toml"), Some(&wanted), Existing::Refuse).unwrap();
        assert_eq!(folder, wanted);
        assert!(folder.is_dir());
    }

    #[test]
    fn another_run_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        finished_run(home.path());
        let error =
            output_folder(Path::new("pair.toml"), Some(home.path()), Existing::Refuse).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains("--force"), "{error}");
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 6);
    }

    #[test]
    fn force_removes_the_files_of_the_run_and_no_others() {
        let home = tempfile::tempdir().unwrap();
        finished_run(home.path());
        output_folder(Path::new("pair.toml"), Some(home.path()), Existing::Replace).unwrap();
        let left: Vec<_> =
            fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["notes.txt"]);
    }

    #[test]
    fn what_is_set_aside_is_kept() {
        let home = tempfile::tempdir().unwrap();
        for n in 1..=2 {
            finished_run(home.path());
            output_folder(Path::new("pair.toml"), Some(home.path()), Existing::SetAside).unwrap();
            let aside = home.path().join(format!("set-aside-{n}"));
            assert_eq!(fs::read_to_string(aside.join(TRAJECTORY)).unwrap(), TRAJECTORY);
            assert!(aside.join("checkpoint-500.h5").exists());
            assert!(!home.path().join(TRAJECTORY).exists());
        }
        assert_eq!(set_aside(home.path(), &[]).unwrap(), None);
    }

    #[test]
    fn going_on_keeps_everything() {
        let home = tempfile::tempdir().unwrap();
        finished_run(home.path());
        output_folder(Path::new("pair.toml"), Some(home.path()), Existing::Continue).unwrap();
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 6);
    }

    #[test]
    fn the_input_itself_is_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        let input = home.path().join(INPUT);
        fs::write(&input, "by hand").unwrap();
        for existing in [Existing::Refuse, Existing::Replace] {
            assert!(output_folder(&input, Some(home.path()), existing).is_err());
            assert_eq!(fs::read_to_string(&input).unwrap(), "by hand");
        }
    }

    #[test]
    fn a_file_is_no_folder() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("out");
        fs::write(&file, "").unwrap();
        let error = output_folder(Path::new("p.toml"), Some(&file), Existing::Replace).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
