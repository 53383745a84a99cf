//! What is said when a file of a run cannot be written: which one, what failed, in which
//! step, and what to do. Nobody waits for a rank that says so: `Comm::agree` tells it to all.

use crate::comm::step_under_way;
use crate::error::Error;
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// A failure of the system in writing a file, making it or bringing it to the disk.
pub fn unwritten(path: &Path, error: io::Error) -> Error {
    let advice = advice(error.raw_os_error());
    told(path, &error.to_string(), advice)
}

/// A failure of the system in reading a file: in a step it is one that was just written.
pub fn unread(path: &Path, error: io::Error) -> Error {
    match step_under_way() {
        Some(_) => unwritten(path, error),
        None => Error::file(path, error),
    }
}

/// A failure in writing as HDF5 tells it: of all its words people want the reason that the system gave.
/// HDF5 does not pass on all of them; that the folder has gone can be asked again.
pub fn unwritten_by_hdf5(path: &Path, error: &hdf5::Error) -> Error {
    let frames = match error {
        hdf5::Error::HDF5(stack) => stack.clone().expand().ok(),
        hdf5::Error::Internal(_) => None,
    };
    let mut frames = frames.iter().flat_map(|frames| frames.iter());
    if let Some(number) = frames.find_map(|frame| reason(frame.desc())) {
        return unwritten(path, io::Error::from_raw_os_error(number));
    }
    match folder_of(path).metadata() {
        Err(gone) => unwritten(path, gone),
        Ok(_) => told(path, &format!("HDF5: {error}"), advice(None)),
    }
}

/// The folder that a file stands in.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."))
}

/// A failure in reading as HDF5 tells it: in a step it is of a file that was just written, and
/// is read back to prove it.
pub fn unread_by_hdf5(path: &Path, error: hdf5::Error) -> Error {
    match step_under_way() {
        Some(_) => unwritten_by_hdf5(path, &error),
        None => {
            Error::Library { path: path.to_path_buf(), library: "HDF5", source: Box::new(error) }
        }
    }
}

fn told(path: &Path, what: &str, advice: &str) -> Error {
    let step = match step_under_way() {
        Some(step) => format!(" in step {step}"),
        None => String::new(),
    };
    Error::Run(format!("{}: {what}{step}. {advice}", path.display()))
}

fn advice(number: Option<i32>) -> &'static str {
    match number.map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC) => {
            "The disk is full. What was written before is kept: make room, then go on with --resume"
        }
        Some(Errno::DQUOT) => {
            "Your quota is used up. What was written before is kept: make room or ask for more, \
             then go on with --resume"
        }
        Some(Errno::FBIG) => {
            "Files may not become as large as this here (ulimit -f). What was written before is \
             kept: raise the limit, then go on with --resume"
        }
        Some(Errno::MFILE | Errno::NFILE) => {
            "Too few files may be open at a time (ulimit -n). What was written before is kept: \
             raise the limit, then go on with --resume"
        }
        Some(Errno::ROFS) => {
            "The file system lets nobody write any more, as after a failure of its disk. What was \
             written before is kept: when it is writable again, go on with --resume"
        }
        Some(Errno::NOENT | Errno::STALE | Errno::NOTDIR) => {
            "It was removed or renamed while the run was writing, or the folder that it stood in \
             was. Put it back if you can, then go on with --resume"
        }
        _ => "What was written before is kept: see to the reason, then go on with --resume",
    }
}

/// The number of the system's error in what HDF5 tells, as in `errno = 28`.
fn reason(stack: &str) -> Option<i32> {
    let (_, rest) = stack.split_once("errno = ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().filter(|&number| number != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_file_reason_and_what_to_do() {
        let path = Path::new("out/trajectory.h5md");
        let full = unwritten(path, io::Error::from_raw_os_error(28)).to_string();
        let expected = "out/trajectory.h5md: No space left on device (os error 28). The disk is \
                        full. What was written before is kept: make room, then go on with --resume";
        assert_eq!(full, expected);
    }

    #[test]
    fn without_a_reason_of_the_system_the_words_of_hdf5_are_told() {
        let other =
            unwritten_by_hdf5(Path::new("Cargo.toml"), &"unable to flush".into()).to_string();
        assert!(other.starts_with("Cargo.toml: HDF5: unable to flush. What"), "{other}");
    }

    /// HDF5 says "can't retrieve stat info for file", and no number, of a folder that is taken
    /// away between making a file in it and asking for its status.
    #[test]
    fn a_folder_that_is_gone_is_told_though_hdf5_gives_no_reason() {
        let path = Path::new("no-such-folder/checkpoint-20.h5.partial");
        let silent = "H5Fcreate(): unable to create file: can't retrieve stat info for file";
        let error = unwritten_by_hdf5(path, &silent.into()).to_string();
        let expected = "checkpoint-20.h5.partial: No such file or directory (os error 2). It was removed or renamed";
        assert!(error.contains(expected), "{error}");
    }

    /// As of a checkpoint that is read back after its folder was taken away.
    #[test]
    fn a_file_that_is_gone_when_hdf5_opens_it_was_removed() {
        let path = Path::new("no-such-folder/checkpoint-20.h5.partial");
        let gone = hdf5::File::open(path).unwrap_err();
        let error = unwritten_by_hdf5(path, &gone).to_string();
        let expected = "checkpoint-20.h5.partial: No such file or directory (os error 2). It was removed or renamed";
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn the_reason_is_found_in_what_hdf5_tells() {
        let told = "file write failed: time = Sun Nov 29 02:00:00 2026\n, filename = 'a', file \
                    descriptor = 7, errno = 28, error message = 'No space left on device', buf = 0";
        assert_eq!(reason(told), Some(28));
        assert_eq!(reason("unable to flush"), None);
    }
}
