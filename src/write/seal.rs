//! The seal of a finished file: its first `LENGTH` bytes, text that tells the
//! length of the file and a checksum of all bytes after the seal.
//!
//! The checksum is XXH3-64 over the XXH3-64 of blocks of 1 MiB, so ranks share
//! the work and find the same number however many they are.

use crate::comm::Comm;
use crate::error::{Error, Result};
use std::fs::{self, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use xxhash_rust::xxh3::xxh3_64;

/// Length of the seal: the smallest user block of HDF5.
pub const LENGTH: u64 = 512;

const BLOCK: u64 = 1 << 20;
const TITLE: &str = "sinter-hpc checkpoint";

/// Brings a written file to the disk and seals it, with the checksum of what is read
/// back from there. Collective.
pub fn close(path: &Path, comm: &Comm) -> Result<()> {
    comm.agree(synchronise(path))?;
    let length = comm.agree(length(path))?;
    let sum = checksum(path, comm, length)?;
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(text(length, sum).as_bytes())?;
        file.sync_all()
    };
    let written = if comm.is_root() { write() } else { Ok(()) };
    comm.agree(written.map_err(|error| Error::file(path, error)))?;
    match comm.agree(read(path))? {
        told if told == (length, sum) => Ok(()),
        _ => Err(damaged(path, "its seal is not what was written")),
    }
}

/// An error if the file is not as it was when it was sealed. Collective.
pub fn check(path: &Path, comm: &Comm) -> Result<()> {
    let told = comm.agree(read(path))?;
    let length = comm.agree(length(path))?;
    if length != told.0 {
        return Err(damaged(path, &format!("it has {length} bytes instead of {}", told.0)));
    }
    if checksum(path, comm, length)? != told.1 {
        return Err(damaged(path, "its checksum is wrong: some bytes of it have changed"));
    }
    Ok(())
}

/// Whether a file begins as a sealed one does.
pub fn is_sealed(path: &Path) -> bool {
    let mut start = vec![0; TITLE.len()];
    let read = fs::File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == TITLE.as_bytes()
}

/// Gives a finished file its name, for good.
pub fn publish(partial: &Path, finished: &Path) -> Result<()> {
    fs::rename(partial, finished).map_err(|error| Error::file(finished, error))?;
    let folder = match finished.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    synchronise(folder)
}

fn synchronise(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|error| Error::file(path, error))
}

fn length(path: &Path) -> Result<u64> {
    fs::metadata(path).map(|data| data.len()).map_err(|error| Error::file(path, error))
}

/// The whole seal, `LENGTH` bytes.
fn text(length: u64, sum: u64) -> String {
    let text = format!(
        "{TITLE}\nbytes {length}\nxxh3 {sum:016x}\n\
         An HDF5 file follows; its readers skip these {LENGTH} bytes.\n"
    );
    let width = LENGTH as usize - 1;
    format!("{text:width$}\n")
}

/// Length and checksum that the seal tells.
fn read(path: &Path) -> Result<(u64, u64)> {
    let mut seal = vec![0; LENGTH as usize];
    let mut file = fs::File::open(path).map_err(|error| Error::file(path, error))?;
    if file.read_exact(&mut seal).is_err() {
        return Err(damaged(path, "it is too short to be one"));
    }
    if !seal.starts_with(TITLE.as_bytes()) {
        return Err(damaged(path, "it was not written by this program, or never finished"));
    }
    parse(&seal).ok_or_else(|| damaged(path, "its first bytes have changed"))
}

fn parse(seal: &[u8]) -> Option<(u64, u64)> {
    let mut lines = std::str::from_utf8(seal).ok()?.lines().skip(1);
    let length = lines.next()?.strip_prefix("bytes ")?.parse().ok()?;
    let sum = u64::from_str_radix(lines.next()?.strip_prefix("xxh3 ")?, 16).ok()?;
    (text(length, sum).as_bytes() == seal).then_some((length, sum))
}

/// Checksum of all bytes after the seal. Collective.
fn checksum(path: &Path, comm: &Comm, length: u64) -> Result<u64> {
    let blocks = length.saturating_sub(LENGTH).div_ceil(BLOCK);
    let share = |rank: usize| blocks * rank as u64 / comm.size() as u64;
    let (first, last) = (share(comm.rank()), share(comm.rank() + 1));
    let hash = || -> std::io::Result<Vec<u64>> {
        let mut file = fs::File::open(path)?;
        file.seek(SeekFrom::Start(LENGTH + first * BLOCK))?;
        let mut buffer = Vec::with_capacity(BLOCK as usize);
        (first..last)
            .map(|block| {
                let rest = length - LENGTH - block * BLOCK;
                buffer.clear();
                (&mut file).take(rest.min(BLOCK)).read_to_end(&mut buffer)?;
                Ok(xxh3_64(&buffer))
            })
            .collect()
    };
    let mine = comm.agree(hash().map_err(|error| Error::file(path, error)))?;
    let all: Vec<u64> = comm.all_gather(&mine).into_iter().flatten().collect();
    Ok(xxh3_64(bytemuck::cast_slice(&all)))
}

fn damaged(path: &Path, what: &str) -> Error {
    Error::Run(format!("{}: not a sound checkpoint: {what}", path.display()))
}
