//! The folder that a run writes into, and the promise that nothing of another run
//! is overwritten, cut or begun anew without being asked.
//!
//! Invariant: whatever is decided about a folder (where to go on, what to set aside) is
//! decided while its lock is held, so no other run can change it in between.

use super::lock::{Lock, unwritable};
use crate::error::{Error, Result};
use crate::write::checkpoint::is_checkpoint_name;
use crate::write::failure::folder_of;
use crate::write::survey::last_frame;
use std::path::{Path, PathBuf};

/// Name of the trajectory in it.
pub const TRAJECTORY: &str = "trajectory.h5md";
/// Name of the log in it.
pub const LOG: &str = "run.log";
/// The effective input.
pub const INPUT: &str = "input.toml";

/// What folders that keep earlier files begin with.
const ASIDE: &str = "set-aside-";

/// The output folder, and the lock on it. For one rank to hold, to the end of the run.
#[derive(Debug)]
pub struct Folder {
    pub path: PathBuf,
    lock: Option<Lock>,
    /// Folders that were made for it, outermost first.
    made: Vec<PathBuf>,
}

impl Folder {
    /// The folder of the run of `input`: `output`, or else `results/<name of the input file>`
    /// below the current folder. It exists afterwards and is no other run's as long as this
    /// lives; one that was made and stays empty goes with it.
    pub fn take(input: &Path, output: Option<&Path>) -> Result<Folder> {
        let path = match output {
            Some(folder) => folder.to_path_buf(),
            None => default_folder(input),
        };
        if path.exists() && !path.is_dir() {
            return Err(refusal(&path, "this is a file, and the output goes into a folder"));
        }
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let mut made: Vec<PathBuf> = path.ancestors().take_while(missing).map(Into::into).collect();
        made.reverse();
        std::fs::create_dir_all(&path).map_err(|error| unwritable(&path, &error))?;
        let lock = Some(Lock::take(&path)?);
        Ok(Folder { path, lock, made })
    }

    /// What a run has left here: the trajectory, the log, the input and all checkpoints.
    pub fn files_of_a_run(&self) -> Result<Vec<PathBuf>> {
        let folder = &self.path;
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(|source| Error::file(folder, source))? {
            let entry = entry.map_err(|source| Error::file(folder, source))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if is_checkpoint_name(&name) || [TRAJECTORY, LOG, INPUT].contains(&&*name) {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }

    /// Refuses to begin a run of `input` where its effective input would overwrite it.
    pub fn protect(&self, input: &Path) -> Result<()> {
        match is_same_file(&self.path.join(INPUT), input) {
            false => Ok(()),
            true => Err(refusal(
                &self.path,
                "the input itself stands here under the name that the effective one will have: \
                 choose another folder with --output",
            )),
        }
    }

    /// Refuses to begin a run where there is one.
    pub fn refuse_another(&self) -> Result<()> {
        if self.files_of_a_run()?.is_empty() {
            return Ok(());
        }
        Err(refusal(
            &self.path,
            "this folder holds a run already: go on with it (--resume), replace it (--force) \
             or choose another folder (--output)",
        ))
    }

    /// Refuses to go on from a checkpoint of elsewhere where there is a run: its trajectory
    /// would be cut back to a step of another one.
    pub fn admit(&self, checkpoint: &Path) -> Result<()> {
        let home = folder_of(checkpoint);
        let aside = home.file_name().is_some_and(|name| name.to_string_lossy().starts_with(ASIDE));
        let mine = is_same_file(home, &self.path)
            || (aside && home.parent().is_some_and(|above| is_same_file(above, &self.path)));
        if mine || self.files_of_a_run()?.is_empty() {
            return Ok(());
        }
        Err(refusal(
            &self.path,
            &format!(
                "this folder holds a run already, and {} is not in it: choose another folder \
                 (--output), or copy the checkpoint here if it is one of this run",
                checkpoint.display()
            ),
        ))
    }

    /// Why a run without a sound checkpoint cannot have been a false start; none where
    /// nothing would be lost but what was done before the first checkpoint.
    pub fn lost(&self) -> Result<Option<String>> {
        let (trajectory, log) = (self.path.join(TRAJECTORY), self.path.join(LOG));
        let has_checkpoint = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            is_checkpoint_name(&name) && name.ends_with(".h5")
        };
        let reached = match trajectory.exists() {
            false => None,
            true => Some(last_frame(&trajectory)),
        };
        let reach = match &reached {
            Some(Ok(Some(step))) => format!(", and {TRAJECTORY} reaches to step {step}"),
            _ => String::new(),
        };
        if self.files_of_a_run()?.iter().any(has_checkpoint) {
            return Ok(Some(format!("no checkpoint in it is sound{reach}")));
        }
        if log.exists() {
            let text = std::fs::read(&log).map_err(|source| Error::file(&log, source))?;
            let text = String::from_utf8_lossy(&text);
            let told = text.lines().rev().find_map(checkpoint_told_of);
            return Ok(told.map(|name| format!("{name}, of which {LOG} tells, is not here{reach}")));
        }
        // Nobody tells whether there ever was a checkpoint.
        Ok(match reached {
            None | Some(Ok(None | Some(0))) => None,
            Some(Ok(Some(_))) => Some(format!("there is no checkpoint{reach}")),
            Some(Err(error)) => Some(format!("there is no checkpoint ({error})")),
        })
    }

    /// Refuses to begin a run anew that has only lost its checkpoints.
    /// `unsound`: what is wrong with the checkpoints that are there, each on a line.
    pub fn refuse_to_begin_anew(&self, why: &str, unsound: &str) -> Error {
        refusal(
            &self.path,
            &format!(
                "this folder holds a run, but there is nothing to go on from: {why}. Nothing was \
                 touched: bring a checkpoint back, begin anew in another folder (--output), or \
                 replace what is here (--force){unsound}"
            ),
        )
    }

    /// Sets all that a run has left here aside; returns where.
    pub fn clear(&self) -> Result<Option<PathBuf>> {
        set_aside(&self.path, &self.files_of_a_run()?)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.lock.take());
        // Those that are not empty stay.
        self.made.iter().rev().for_each(|folder| drop(std::fs::remove_dir(folder)));
    }
}

/// The checkpoint that a line of the log tells of: one that was written or gone on from.
fn checkpoint_told_of(line: &str) -> Option<String> {
    let told = line.contains(".h5 written in ") || line.trim_start().starts_with("goes on from ");
    let mut words = line.split([' ', '/', ',']).filter(|_| told);
    words.find(|word| is_checkpoint_name(word)).map(String::from)
}

/// Moves files of `folder` into a new folder below it, in their order; returns that
/// folder, or none where there is nothing to move. For one rank to call.
pub fn set_aside(folder: &Path, files: &[PathBuf]) -> Result<Option<PathBuf>> {
    if files.is_empty() {
        return Ok(None);
    }
    let mut numbers = 1..;
    let aside = numbers.find_map(|n| {
        let aside = folder.join(format!("{ASIDE}{n}"));
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

/// Whether two paths lead to one file.
pub fn is_same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn take(folder: &Path) -> Folder {
        Folder::take(Path::new("pair.toml"), Some(folder)).unwrap()
    }

    fn write(folder: &Path, name: &str, text: &str) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }

    fn finished_run(folder: &Path) {
        let checkpoints = ["checkpoint-500.h5", "checkpoint-600.h5.partial"];
        for name in [TRAJECTORY, LOG, INPUT, "notes.txt"].into_iter().chain(checkpoints) {
            write(folder, name, name);
        }
    }

    #[test]
    fn is_named_after_the_input() {
        let folder = default_folder(Path::new("inputs/paper/pair_1473K_5p5A.toml"));
        assert_eq!(folder, Path::new("results/pair_1473K_5p5A"));
    }

    #[test]
    fn a_new_folder_is_made_and_goes_where_nothing_came_into_it() {
        let home = tempfile::tempdir().unwrap();
        let wanted = home.path().join("deep/out");
        let folder = take(&wanted);
        assert_eq!(folder.path, wanted);
        assert!(wanted.is_dir());
        drop(folder);
        assert!(!home.path().join("deep").exists());
        let folder = take(&wanted);
        write(&wanted, LOG, "begun");
        drop(folder);
        assert!(wanted.join(LOG).exists());
        drop(take(home.path()));
        assert!(home.path().exists(), "it was there before");
    }

    #[test]
    fn all_of_a_run_is_set_aside_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        for n in 1..=2 {
            finished_run(home.path());
            let folder = take(home.path());
            assert_eq!(folder.files_of_a_run().unwrap().len(), 5);
            let aside = folder.clear().unwrap().unwrap();
            assert_eq!(aside, home.path().join(format!("set-aside-{n}")));
            assert_eq!(fs::read_to_string(aside.join(TRAJECTORY)).unwrap(), TRAJECTORY);
            assert!(aside.join("checkpoint-500.h5").exists());
            assert!(folder.files_of_a_run().unwrap().is_empty());
            assert!(home.path().join("notes.txt").exists());
        }
        assert_eq!(set_aside(home.path(), &[]).unwrap(), None);
    }

    #[test]
    fn a_run_that_has_lost_its_checkpoints_is_told_from_a_false_start() {
        let lost = |files: &[(&str, &str)]| {
            let home = tempfile::tempdir().unwrap();
            files.iter().for_each(|(name, text)| write(home.path(), name, text));
            take(home.path()).lost().unwrap()
        };
        let written = (LOG, "info: out/checkpoint-40.h5 written in 0.01 s\n");
        let went_on = (LOG, "  goes on from  out/checkpoint-40.h5, step 40\n");
        let begun = (LOG, "  writes        out/checkpoint-<step>.h5\nStage 1 of 2: hold\n");
        let unreadable = (TRAJECTORY, "no HDF5");
        for (files, wanted) in [
            (&[written][..], "checkpoint-40.h5, of which run.log tells, is not here"),
            (&[went_on, unreadable], "checkpoint-40.h5, of which run.log tells, is not here"),
            (&[begun, ("checkpoint-7.h5", "cut")], "no checkpoint in it is sound"),
            (&[unreadable], "there is no checkpoint ("),
        ] {
            let why = lost(files).unwrap_or_default();
            assert!(why.starts_with(wanted), "{files:?}: {why}");
        }
        for files in [
            &[begun][..],
            &[begun, unreadable],
            &[begun, ("checkpoint-40.h5.partial", "begun")],
            &[(INPUT, "title = \"\"")],
        ] {
            assert_eq!(lost(files), None, "{files:?}");
        }
    }

    #[test]
    fn a_checkpoint_of_elsewhere_does_not_cut_the_run_of_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (home.path().join("here"), home.path().join("there"));
        finished_run(&here);
        finished_run(&there);
        finished_run(&here.join("set-aside-1"));
        let folder = take(&here);
        folder.admit(&here.join("checkpoint-500.h5")).unwrap();
        folder.admit(&here.join("set-aside-1/checkpoint-500.h5")).unwrap();
        let error = folder.admit(&there.join("checkpoint-500.h5")).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        take(&home.path().join("new")).admit(&there.join("checkpoint-500.h5")).unwrap();
    }

    #[test]
    fn the_input_itself_is_never_overwritten() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), INPUT, "by hand");
        let folder = take(home.path());
        assert!(folder.protect(&home.path().join(INPUT)).is_err());
        folder.protect(&home.path().join("pair.toml")).unwrap();
    }

    #[test]
    fn a_file_is_no_folder() {
        let home = tempfile::tempdir().unwrap();
        write(home.path(), "out", "");
        let file = home.path().join("out");
        let error = Folder::take(Path::new("p.toml"), Some(&file)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }
}
