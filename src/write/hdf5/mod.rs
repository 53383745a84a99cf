//! The edge to the HDF5 library: the few operations that our files need, safe and
//! collective.
//!
//! One rank, the first of those that touch a file, holds it, alone, as one process would;
//! what it finds there, and what fails, it tells the others. Why not HDF5's own way to write
//! in parallel: in its collective calls ranks wait for each other inside of the library, and
//! one whose write has failed leaves, while the others wait for it for ever. Of 9 runs on 2
//! to 5 ranks whose disk became full, 6 hung so. Here no rank waits for another but where
//! all have learnt how it went.
//!
//! What is large goes past HDF5: it tells where an array of fixed size stands, and each rank
//! writes (and reads, `read_ahead`) its own part there. Blocks of arrays that grow, which
//! are much smaller, are handed to the first rank, one after the other.
//!
//! Invariants:
//! - every operation is collective: all ranks call the same ones in the same
//!   order with the same arguments, except for the block of a dataset that a rank
//!   reads or writes, which may be empty;
//! - what fails on a rank fails on every rank, so nobody waits for one that gave up: where
//!   all come together the next time for an answer, a flush or the end. Until then nothing
//!   more is done to the file, and nothing of it counts: only a flush makes it part of it;
//! - before a file is written to, there is room for it on the disk (`room`); after a failure
//!   it is left as it was last flushed;
//! - a file borrows its `Comm` and a dataset keeps its file open, so everything is
//!   closed before MPI finalises, datasets before files;
//! - no object that we make carries a time of day: in files of fixed size the same
//!   content gives the same bytes.

mod attribute;
mod dataset;
mod element;
mod held;
mod room;
mod superblock;

pub use attribute::Attribute;
pub use dataset::Dataset;
pub use element::{Char, Element, Row, Text};
pub use superblock::{lookup3, why_closed};

use crate::comm::Comm;
use crate::error::{Error, Result};
use ::hdf5::sync::sync;
use held::Held;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::{Cell, OnceCell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// What a new file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Datasets of known size, after so many bytes (0, 512, 1024, ...) that are left
    /// to the caller. The same content gives the same bytes.
    Fixed { user_block: u64 },
    /// Datasets that grow in chunks, so many (even) in a node of their index. That number is
    /// noted in an object that HDF5 stamps with the time of day.
    Growing { chunks: u32 },
}

/// What an open file consists of; datasets share it.
struct Inner<'c> {
    comm: &'c Comm,
    path: PathBuf,
    /// On the first rank.
    held: Option<Held>,
    /// What has failed here and is not told yet.
    failure: RefCell<Option<Error>>,
    failed: Cell<bool>,
    /// For what this rank writes itself; opened when it does.
    own: OnceCell<std::fs::File>,
}

impl Inner<'_> {
    /// The first rank does something with the file.
    fn change(&self, task: impl FnOnce(&Held) -> Result<()>) -> Result<()> {
        self.note(self.held.as_ref().filter(|_| !self.failed.get()).map_or(Ok(()), task)).map(drop)
    }

    /// What has failed on one of several ranks is told when they come together the next time.
    fn note<T>(&self, done: Result<T>) -> Result<Option<T>> {
        match done {
            Ok(done) => return Ok(Some(done)),
            Err(error) if self.comm.size() == 1 => return self.agree(Err(error)),
            Err(error) => drop(self.failure.borrow_mut().get_or_insert(error)),
        }
        self.failed.set(true);
        Ok(None)
    }

    /// What the first rank finds in the file, on every rank.
    fn ask<T: Serialize + DeserializeOwned>(
        &self,
        task: impl FnOnce(&Held) -> Result<T>,
    ) -> Result<T> {
        let found = self.agree(self.look(task))?;
        Ok(match found {
            Some(found) if self.comm.size() == 1 => found,
            found => self.comm.broadcast(0, found),
        })
    }

    /// The same for numbers, bit by bit.
    fn ask_values<T: Element>(&self, task: impl FnOnce(&Held) -> Result<Vec<T>>) -> Result<Vec<T>> {
        let found = self.agree(self.look(task))?.unwrap_or_default();
        if self.comm.size() == 1 {
            return Ok(found);
        }
        let mut bytes = bytemuck::cast_slice(&found).to_vec();
        self.comm.transport().broadcast(0, &mut bytes);
        Ok(bytemuck::pod_collect_to_vec(&bytes))
    }

    /// None on the other ranks, and after a failure that comes first.
    fn look<T>(&self, task: impl FnOnce(&Held) -> Result<T>) -> Result<Option<T>> {
        if self.failed.get() && self.failure.borrow().is_none() {
            let path = self.path.display();
            return Err(Error::Run(format!("{path}: nothing is done with it after a failure")));
        }
        self.held.as_ref().filter(|_| !self.failed.get()).map(task).transpose()
    }

    /// Here ranks learn what has failed on any of them.
    fn agree<T>(&self, mine: Result<T>) -> Result<T> {
        let before = self.failure.borrow_mut().take();
        let agreed = self.comm.agree(before.map_or(mine, Err));
        self.failed.set(self.failed.get() || agreed.is_err());
        agreed
    }
}

impl Drop for Inner<'_> {
    fn drop(&mut self) {
        match self.held.take() {
            Some(held) if self.failed.get() && held.room.is_some() => held.abandon(),
            _ => {}
        }
    }
}

/// An open file.
pub struct File<'c> {
    inner: Rc<Inner<'c>>,
}

impl<'c> File<'c> {
    /// Creates a file, in place of an existing one.
    pub fn create(path: &Path, comm: &'c Comm, purpose: Purpose) -> Result<File<'c>> {
        File::start(path, comm, || Held::create(path, purpose))
    }

    /// Opens an existing file.
    pub fn open(path: &Path, comm: &'c Comm, write: bool) -> Result<File<'c>> {
        File::start(path, comm, || Held::open(path, write))
    }

    fn start(path: &Path, comm: &'c Comm, open: impl FnOnce() -> Result<Held>) -> Result<File<'c>> {
        let held = comm.agree(comm.is_root().then(open).transpose())?;
        let (failure, failed, own) = (RefCell::new(None), Cell::new(false), OnceCell::new());
        let inner = Inner { comm, path: path.to_path_buf(), held, failure, failed, own };
        Ok(File { inner: Rc::new(inner) })
    }

    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    pub fn comm(&self) -> &'c Comm {
        self.inner.comm
    }

    /// Creates a group and the groups above it that are missing; members keep the
    /// order in which they were made.
    pub fn create_group(&self, path: &str) -> Result<()> {
        self.inner.change(|held| held.create_group(path))
    }

    /// Whether an object stands under this absolute path.
    pub fn exists(&self, path: &str) -> Result<bool> {
        self.inner.ask(|held| held.exists(path))
    }

    /// A second name for an object: a hard link.
    pub fn link(&self, object: &str, new_name: &str) -> Result<()> {
        self.inner.change(|held| held.link(object, new_name))
    }

    /// Takes a name away; the object goes with its last one.
    pub fn unlink(&self, name: &str) -> Result<()> {
        self.inner.change(|held| held.unlink(name))
    }

    /// Names of the members of a group, in alphabetical order.
    pub fn members(&self, group: &str) -> Result<Vec<String>> {
        self.inner.ask(|held| held.members(group))
    }

    /// Whether this path names a dataset (rather than a group).
    pub fn is_dataset(&self, path: &str) -> Result<bool> {
        self.inner.ask(|held| held.is_dataset(path))
    }

    /// Says in a file without a user block how far it reaches, so that a flush can be
    /// interrupted anywhere (`superblock`).
    pub fn announce_end(&self) -> Result<()> {
        self.inner.change(Held::announce_end)
    }

    /// Hands everything to the operating system: what was written before survives
    /// the end of the program.
    pub fn flush(&self) -> Result<()> {
        let flushed = self.inner.look(Held::flush);
        self.inner.agree(flushed.map(drop))
    }

    /// Brings what was flushed to the disk: it survives the end of the machine. For files that
    /// the first rank alone has written to.
    pub fn synchronise(&self) -> Result<()> {
        let synchronised = self.inner.look(Held::synchronise);
        self.inner.agree(synchronised.map(drop))
    }

    /// Flushes and closes. Datasets of the file must be dropped before.
    pub fn close(self) -> Result<()> {
        self.flush()?;
        let comm = self.inner.comm;
        let Ok(mut inner) = Rc::try_unwrap(self.inner) else {
            panic!("a dataset of a file outlives its closing");
        };
        comm.agree(inner.held.take().map_or(Ok(()), Held::close))
    }
}

/// Version of the HDF5 library that runs.
pub fn library_version() -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three live integers take the answer.
    sync(|| unsafe { hdf5_sys::h5::H5get_libversion(&mut major, &mut minor, &mut patch) });
    format!("{major}.{minor}.{patch}")
}
