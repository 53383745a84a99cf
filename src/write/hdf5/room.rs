//! Room on the disk for what a file is about to hold, taken before any of it is written: a
//! disk that is too full says so while the file is still as it was, and not in the middle
//! of its structure. (Some file systems, as older NFS, take no room in advance: there a
//! full disk is told by the write itself.)
//!
//! It also sees to it that the file under its name is still the one that is written to.

use crate::error::{Error, Result};
use crate::write::failure;
use rustix::fs::{FallocateFlags, SeekFrom, fallocate, seek};
use rustix::io::Errno;
use std::cell::Cell;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Bytes for the structure that compressed chunks need when they get their places.
const STRUCTURE: u64 = 1 << 18;

/// How many places are remembered, within how many bytes one looks for something else than
/// zeros, and how many bytes are looked at again.
const WITNESSES: usize = 8;
const NEAR: u64 = 4096;
const WITNESS: usize = 64;

pub struct Room {
    path: PathBuf,
    file: File,
    /// Bytes before those that HDF5 counts.
    front: u64,
    /// So far there is room.
    taken: Cell<u64>,
    /// What HDF5 may give out besides before the next flush.
    expected: Cell<u64>,
    /// So long the file is at least, as it was flushed.
    length: Cell<u64>,
    /// Places all over what was flushed where something else than zeros stood.
    witnesses: Cell<[Option<u64>; WITNESSES]>,
}

impl Room {
    pub fn open(path: &Path, front: u64) -> Result<Room> {
        let failed = |error| failure::unwritten(path, error);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Room {
            path: path.to_path_buf(),
            file,
            front,
            taken: Cell::new(0),
            expected: Cell::new(0),
            length: Cell::new(length),
            witnesses: Cell::new([None; WITNESSES]),
        })
    }

    /// HDF5 may give out so many more bytes before the next flush (for compressed chunks, of
    /// which it knows the size at their end).
    pub fn expect(&self, bytes: u64) {
        if bytes > 0 {
            self.expected.set(self.expected.get() + bytes + STRUCTURE);
        }
    }

    /// Room for what HDF5 has given out up to `end`, and for what is expected.
    pub fn take(&self, end: u64) -> Result<()> {
        let end = self.front + end + self.expected.get();
        let start = self.taken.get();
        if end <= start {
            return Ok(());
        }
        self.undisturbed()?;
        reserve(&self.file, start, end).map_err(|error| failure::unwritten(&self.path, error))?;
        self.taken.set(end);
        Ok(())
    }

    /// Says in the file how far it will reach, HDF5 counting up to `end`.
    pub fn announce(&self, end: u64) -> Result<()> {
        self.undisturbed()?;
        self.take(end)?;
        let end = self.front + end + self.expected.get();
        let told = super::superblock::announce(&self.file, end);
        told.map_err(|error| failure::unwritten(&self.path, error))
    }

    /// HDF5 has written all up to `end`; what was expected beyond it and has not come, of
    /// compressed chunks, is given back.
    pub fn used(&self, end: u64) -> Result<()> {
        // HDF5 itself may have shortened the file.
        self.whole()?;
        let end = self.front + end;
        if self.expected.replace(0) > 0 {
            let told = super::superblock::announce(&self.file, end);
            let cut = told.and_then(|()| self.file.set_len(end));
            cut.map_err(|error| failure::unwritten(&self.path, error))?;
        }
        self.taken.set(end);
        self.length.set(end);
        let places = std::array::from_fn(|n| end * (n as u64 + 1) / WITNESSES as u64);
        self.witnesses.set(places.map(|place| self.last_before(place)));
        Ok(())
    }

    /// HDF5 has closed the file; what it gave back then is cut off.
    pub fn closed(&self) -> Result<()> {
        if self.front > 0 {
            return Ok(());
        }
        let cut = super::superblock::cut_to_end(&self.file);
        cut.map_err(|error| failure::unwritten(&self.path, error))
    }

    /// What has been written, to the disk.
    pub fn synchronise(&self) -> Result<()> {
        self.file.sync_all().map_err(|error| failure::unwritten(&self.path, error))
    }

    /// An error if somebody has removed the file, put another in its place or cut it.
    fn undisturbed(&self) -> Result<()> {
        let failed = |error| failure::unwritten(&self.path, error);
        let (own, named) = (self.file.metadata(), std::fs::metadata(&self.path));
        let (own, named) = (own.map_err(failed)?, named.map_err(failed)?);
        let same = |of: fn(&Metadata) -> u64| of(&own) == of(&named);
        if !same(Metadata::dev) || !same(Metadata::ino) {
            return Err(failed(io::Error::from(Errno::STALE)));
        }
        let length = self.length.get();
        match own.len() {
            now if now < length => Err(Error::Run(format!(
                "{}: it was cut to {now} bytes of {length} while the run was writing it. Put back \
                 what you have of it, or go on from a checkpoint in a new folder (--restart with \
                 --output)",
                self.path.display()
            ))),
            _ => self.whole(),
        }
    }

    /// An error if there is a hole where something was written: the file was cut, and made
    /// longer again by what was written since.
    fn whole(&self) -> Result<()> {
        match self.witnesses.get().iter().flatten().any(|&at| self.is_hole(at)) {
            true => Err(Error::Run(format!(
                "{}: it was cut while the run was writing it, and has a hole now. Go on from a \
                 checkpoint in a new folder (--restart with --output)",
                self.path.display()
            ))),
            false => Ok(()),
        }
    }

    /// Place of the last bytes before `end` that are not all zeros, if they are near.
    fn last_before(&self, end: u64) -> Option<u64> {
        let mut window = vec![0; end.min(NEAR) as usize];
        let first = end - window.len() as u64;
        self.file.read_exact_at(&mut window, first).ok()?;
        let last = window.iter().rposition(|&byte| byte != 0)?;
        Some(first + (last as u64).saturating_sub(WITNESS as u64 - 1))
    }

    /// Whether there is nothing any more where something was: zeros that nobody wrote. HDF5
    /// may write zeros itself, into what it gives out anew.
    fn is_hole(&self, at: u64) -> bool {
        let mut bytes = [0; WITNESS];
        let zeros = self.file.read_exact_at(&mut bytes, at).is_ok() && bytes == [0; WITNESS];
        zeros
            && match seek(&self.file, SeekFrom::Data(at)) {
                Ok(data) => data > at,
                // No data from here on.
                Err(error) => error == Errno::NXIO,
            }
    }
}

/// Gives the file its place on the disk, and its length, from `start` to `end`.
fn reserve(file: &File, start: u64, end: u64) -> io::Result<()> {
    let reserve = || fallocate(file, FallocateFlags::empty(), start, end - start);
    match rustix::io::retry_on_intr(reserve) {
        // Not every file system can.
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        done => Ok(done?),
    }
}
