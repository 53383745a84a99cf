//! One run at a time in an output folder: a lock on a file there, which names the run
//! that holds it. The lock is the system's and ends with the process, however that ends,
//! so nothing stale can stand in the way of the next job. One rank takes it.

use crate::error::{Error, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub const NAME: &str = "run.lock";

/// A run that has just been killed may need a moment to be gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// Environment variables by which schedulers tell the number of a job.
const JOB: [&str; 4] = ["SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "FLUX_JOB_ID"];

/// Held as long as the run writes into the folder.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// None where the file system knows no locks.
    file: Option<File>,
}

impl Lock {
    /// Takes the lock of a folder that is there, or says who holds it.
    pub fn take(folder: &Path) -> Result<Lock> {
        Lock::take_within(folder, PATIENCE)
    }

    fn take_within(folder: &Path, patience: Duration) -> Result<Lock> {
        let path = folder.join(NAME);
        let began = Instant::now();
        loop {
            let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
            let mut file = opened.map_err(|error| unwritable(folder, &error))?;
            match file.try_lock() {
                // Whoever held it may have removed the file since it was opened here.
                Ok(()) if !is_still_there(&file, &path) => {}
                Ok(()) => {
                    let named = file.set_len(0).and_then(|()| file.write_all(name().as_bytes()));
                    named.map_err(|error| Error::file(&path, error))?;
                    return Ok(Lock { path, file: Some(file) });
                }
                Err(TryLockError::WouldBlock) if began.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => return Err(refusal(folder, &path)),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Interrupted => {}
                Err(TryLockError::Error(error)) => {
                    log::warn!(
                        "{}: no lock can be had ({error}): see to it that no other run writes \
                         into this folder",
                        path.display()
                    );
                    return Ok(Lock { path, file: None });
                }
            }
        }
    }
}

impl Drop for Lock {
    /// Removed while it is held, so never that of another run.
    fn drop(&mut self) {
        if self.file.is_some() {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn is_still_there(file: &File, path: &Path) -> bool {
    let (here, there) = (file.metadata(), path.metadata());
    matches!((here, there), (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()))
}

/// This run, for people.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let job = JOB.iter().find_map(|variable| std::env::var(variable).ok());
    let job = job.map_or(String::new(), |job| format!(", job {job}"));
    format!("process {} on {}{job}\n", std::process::id(), host.trim())
}

/// The output folder, or the way to it, takes no files.
pub fn unwritable(folder: &Path, error: &std::io::Error) -> Error {
    let message = format!(
        "the results cannot be written into this folder ({error}): choose another (--output)"
    );
    Error::input(folder, 0, 0, message)
}

/// Who holds the lock of this folder at the moment, if anybody does.
pub fn holder(folder: &Path) -> Option<String> {
    let path = folder.join(NAME);
    let file = File::open(&path).ok()?;
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)).then(|| named(&path))
}

/// Who has left its name in the lock's file.
fn named(path: &Path) -> String {
    let mut holder = String::new();
    // A name that cannot be read is no reason to say less of the rest.
    let _ = File::open(path).and_then(|file| file.take(1000).read_to_string(&mut holder));
    holder.trim().into()
}

fn refusal(folder: &Path, path: &Path) -> Error {
    let message = format!(
        "another run writes into this folder ({}): wait for its end or stop it, or choose another \
         folder (--output)",
        named(path)
    );
    Error::input(folder, 0, 0, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_run_is_told_who_is_there_and_a_later_one_is_not_in_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let first = Lock::take(folder.path()).unwrap();
        let error = Lock::take_within(folder.path(), Duration::ZERO).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let process = format!("process {} on ", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        assert!(holder(folder.path()).is_some_and(|name| name.starts_with(&process)));
        drop(first);
        assert_eq!(holder(folder.path()), None);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        Lock::take_within(folder.path(), Duration::ZERO).unwrap();
    }

    #[test]
    fn what_a_killed_run_leaves_does_not_block() {
        let folder = tempfile::tempdir().unwrap();
        let left = "process 1 on some host with a longer name than this one has, job 12345678\n";
        std::fs::write(folder.path().join(NAME), left).unwrap();
        let _lock = Lock::take_within(folder.path(), Duration::ZERO).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join(NAME)).unwrap(), name());
    }

    #[test]
    fn a_lock_of_a_file_that_is_gone_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        let file = File::create(&path).unwrap();
        assert!(is_still_there(&file, &path));
        std::fs::remove_file(&path).unwrap();
        assert!(!is_still_there(&file, &path));
        File::create(&path).unwrap();
        assert!(!is_still_there(&file, &path));
    }
}
