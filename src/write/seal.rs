//! The seal of a finished file: its first `LENGTH` bytes, text that tells the length of
//! the file and a checksum (XXH3-64) of its head, which is all that stands before its large
//! arrays. The head holds checksums of every block of these, so no byte of the file can
//! change unnoticed, and nobody reads it twice to see to that.

use super::failure::{self, folder_of};
use crate::comm::Comm;
use crate::error::{Error, Result};
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use xxhash_rust::xxh3::Xxh3Default;

/// Length of the seal: the smallest user block of HDF5.
pub const LENGTH: u64 = 512;

/// Bytes that are read at once.
const PIECE: usize = 1 << 20;

const TITLE: &str = "sinter-hpc checkpoint";
const LAYOUT: &str = "layout 2";

/// What a seal tells.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Seal {
    /// Of the file, bytes.
    length: u64,
    /// So many of them come before the arrays.
    head: u64,
    /// Of these, but for the seal itself.
    sum: u64,
}

/// Seals a written file with the checksum of what is read back of its head, and brings
/// it to the disk. Collective.
pub fn close(path: &Path, comm: &Comm, head: u64) -> Result<()> {
    let write = || -> Result<()> {
        let seal = Seal { length: length(path)?, head, sum: checksum(path, head)? };
        let written = OpenOptions::new().write(true).open(path).and_then(|mut file| {
            file.write_all(seal.text().as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| failure::unwritten(path, error))?;
        match read(path)? {
            told if told == seal => Ok(()),
            _ => Err(damaged(path, "its seal is not what was written")),
        }
    };
    comm.agree(if comm.is_root() { write() } else { Ok(()) })
}

/// An error if the length or the head of the file are not as when it was sealed. Collective.
pub fn check(path: &Path, comm: &Comm) -> Result<()> {
    let check = || -> Result<()> {
        let told = read(path)?;
        let length = length(path)?;
        if length != told.length {
            let told = told.length;
            return Err(damaged(path, &format!("it has {length} bytes instead of {told}")));
        }
        match checksum(path, told.head)? {
            sum if sum == told.sum => Ok(()),
            _ => Err(damaged(path, "its checksum is wrong: some bytes of it have changed")),
        }
    };
    comm.agree(if comm.is_root() { check() } else { Ok(()) })
}

/// Whether a file begins as a sealed one does.
pub fn is_sealed(path: &Path) -> bool {
    let mut start = vec![0; TITLE.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == TITLE.as_bytes()
}

/// Gives a finished file its name, for good.
pub fn publish(partial: &Path, finished: &Path) -> Result<()> {
    fs::rename(partial, finished).map_err(|error| failure::unwritten(finished, error))?;
    synchronise(folder_of(finished))
}

fn synchronise(path: &Path) -> Result<()> {
    let synchronised = fs::File::open(path).and_then(|file| file.sync_all());
    synchronised.map_err(|error| failure::unwritten(path, error))
}

/// Of the file, bytes.
pub fn length(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|data| data.len()).map_err(|error| failure::unread(path, error))
}

impl Seal {
    /// The whole seal, `LENGTH` bytes.
    fn text(&self) -> String {
        let Seal { length, head, sum } = self;
        let text = format!(
            "{TITLE}\n{LAYOUT}\nbytes {length}\nhead {head}\nxxh3 {sum:016x}\n\
             An HDF5 file follows; its readers skip these {LENGTH} bytes.\n"
        );
        let width = LENGTH as usize - 1;
        format!("{text:width$}\n")
    }

    fn parse(text: &[u8]) -> Option<Seal> {
        let mut lines = std::str::from_utf8(text).ok()?.lines().skip(2);
        let mut told = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
        let length = told("bytes")?.parse().ok()?;
        let head = told("head")?.parse().ok()?;
        let sum = u64::from_str_radix(told("xxh3")?, 16).ok()?;
        let seal = Seal { length, head, sum };
        (LENGTH <= head && head <= length && seal.text().as_bytes() == text).then_some(seal)
    }
}

fn read(path: &Path) -> Result<Seal> {
    let mut seal = vec![0; LENGTH as usize];
    let mut file = fs::File::open(path).map_err(|error| failure::unread(path, error))?;
    if file.read_exact(&mut seal).is_err() {
        return Err(damaged(path, "it is too short to be one"));
    }
    if !seal.starts_with(TITLE.as_bytes()) {
        return Err(damaged(path, "it was not written by this program, or never finished"));
    }
    if !seal.starts_with(format!("{TITLE}\n{LAYOUT}\n").as_bytes()) {
        return Err(damaged(
            path,
            "its first bytes have changed, or another version of this program wrote it",
        ));
    }
    Seal::parse(&seal).ok_or_else(|| damaged(path, "its first bytes have changed"))
}

/// Checksum of what follows the seal up to `head`.
fn checksum(path: &Path, head: u64) -> Result<u64> {
    let read = || -> std::io::Result<u64> {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(LENGTH))?;
        let mut hash = Xxh3Default::new();
        let mut rest = file.take(head - LENGTH);
        let mut buffer = vec![0; PIECE];
        loop {
            match rest.read(&mut buffer)? {
                0 => return Ok(hash.digest()),
                length => hash.update(&buffer[..length]),
            }
        }
    };
    read().map_err(|error| failure::unread(path, error))
}

/// A file that looks like a checkpoint and is none that can be used.
pub fn damaged(path: &Path, what: &str) -> Error {
    Error::Run(format!("{}: not a sound checkpoint: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sealed file of three pieces, all of it head.
    fn sealed(folder: &Path) -> (std::path::PathBuf, Vec<u8>) {
        let path = folder.join("file");
        fs::write(&path, vec![7; 3 * PIECE]).unwrap();
        close(&path, &Comm::single(), 3 * PIECE as u64).unwrap();
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    }

    #[test]
    fn every_byte_of_the_head_counts() {
        let folder = tempfile::tempdir().unwrap();
        let (path, sound) = sealed(folder.path());
        check(&path, &Comm::single()).unwrap();
        for place in [0, 30, 511, 512, PIECE, 3 * PIECE - 1] {
            let mut changed = sound.clone();
            changed[place] ^= 1;
            fs::write(&path, changed).unwrap();
            let error = check(&path, &Comm::single()).unwrap_err().to_string();
            assert!(error.contains("not a sound checkpoint"), "byte {place}: {error}");
        }
    }

    #[test]
    fn another_layout_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut bytes) = sealed(folder.path());
        let first = format!("{TITLE}\nbytes 3145728\nxxh3 0123456789abcdef\n");
        bytes[..first.len()].copy_from_slice(first.as_bytes());
        fs::write(&path, bytes).unwrap();
        let error = check(&path, &Comm::single()).unwrap_err().to_string();
        assert!(error.contains("another version of this program wrote it"), "{error}");
    }
}
