//! Files that the command line names. One that is not there, or cannot be, is a wrong question and no
//! failure: exit code 2, as for an input.

use crate::error::{Error, Result};
use std::path::Path;

/// To be read.
///
/// # Errors
/// There is none of this name.
pub fn to_read(path: &Path) -> Result<()> {
    let is_missing =
        || std::fs::metadata(path).is_err_and(|e| e.kind() == std::io::ErrorKind::NotFound);
    refuse(path, is_missing(), "there is no such file")
}

/// To be written.
///
/// # Errors
/// The folder that it would be in is not there.
pub fn to_write(path: &Path) -> Result<()> {
    let home = path.parent().filter(|home| *home != Path::new(""));
    let is_missing = home.is_some_and(|home| !home.is_dir());
    refuse(path, is_missing, "there is no folder to write this file into: make it first")
}

fn refuse(path: &Path, is_wrong: bool, why: &str) -> Result<()> {
    if is_wrong { Err(Error::input(path, 0, 0, why)) } else { Ok(()) }
}
