//! The edge to the HDF5 library: the few operations that our files need, safe
//! and collective.
//!
//! Why not the safe crate alone: it always transfers independently, and its MPI
//! support excludes the bundled library of the build without MPI. So this module
//! speaks to the C interface under that crate's lock.
//!
//! Invariants:
//! - every operation is collective: all ranks call the same ones in the same
//!   order with the same arguments, except for the block of a dataset that a rank
//!   reads or writes, which may be empty;
//! - an operation that a single rank can fail (opening, transfers, flushing,
//!   closing) fails on every rank, so nobody waits for a rank that gave up;
//! - a file borrows its `Comm` and a dataset keeps its file open, so everything is
//!   closed before MPI finalises, datasets before files;
//! - no object that we make carries a time of day: in files of fixed size the same
//!   content gives the same bytes.

mod attribute;
mod dataset;
mod superblock;

pub use attribute::Attribute;
pub use dataset::{Char, Dataset, Element, Row};
pub use superblock::{lookup3, why_closed};

use crate::comm::Comm;
use crate::error::{Error, Result};
use ::hdf5::sync::sync;
use hdf5_sys::{h5f, h5g, h5i, h5l, h5o, h5p};
use std::ffi::{CString, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

pub(super) type RawId = h5i::hid_t;

/// Groups and attributes stay in the compact form below this many members, which
/// is more than our files have.
const COMPACT: u32 = 256;

/// Chunks in a node of the index of a dataset: so many frames of up to `CHUNK_ATOMS`
/// atoms come before the first node is split, the one change of a growing file that
/// takes several writes at once (a killed program may leave it half done).
const CHUNK_NODE: u32 = 512;

/// Bytes for all that describes the datasets of a file of fixed size, in one piece at its
/// front: the data follow in the order of their creation.
const STRUCTURE: u64 = 1 << 14;

/// What a new file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Datasets of known size, after so many bytes (0, 512, 1024, ...) that are left
    /// to the caller. The same content gives the same bytes.
    Fixed { user_block: u64 },
    /// Datasets that grow in chunks. The size of the nodes of their index is noted in
    /// an object that HDF5 stamps with the time of day.
    Growing,
}

/// An HDF5 identifier of any kind, released when dropped.
struct Id(RawId);

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: the identifier is valid and this is its only owner.
        sync(|| unsafe { h5i::H5Idec_ref(self.0) });
    }
}

/// What an open file consists of; datasets share it.
struct Inner<'c> {
    comm: &'c Comm,
    path: PathBuf,
    id: Id,
    /// Transfer properties: collective where there are several ranks.
    transfer: Id,
}

impl Inner<'_> {
    /// The identifier that HDF5 returned, or its error.
    fn id(&self, raw: RawId) -> Result<Id> {
        new_id(&self.path, raw)
    }

    /// An error if HDF5 returned a negative status, else the status.
    fn check(&self, status: c_int) -> Result<c_int> {
        if status < 0 { Err(last_error(&self.path)) } else { Ok(status) }
    }

    /// Lets the library exchange what changed in the file's structure now, while all
    /// ranks are together. It does so whenever enough has changed and any part of
    /// the structure is looked at next, with no thought for who looks: in a transfer
    /// that would be only the ranks with a block of their own, and they would wait
    /// for the others forever.
    fn settle(&self) -> Result<()> {
        // SAFETY: the file is live; the name ends in NUL. Whether the name exists does
        // not matter: the root group is looked at.
        let status =
            sync(|| unsafe { h5l::H5Lexists(self.id.0, c"h5md".as_ptr(), h5p::H5P_DEFAULT) });
        self.check(status).map(drop)
    }

    fn length(&self) -> Result<u64> {
        let data = std::fs::metadata(&self.path);
        Ok(data.map_err(|error| Error::file(&self.path, error))?.len())
    }

    /// The bytes of so many elements. More than the file has is not sound: no buffer is
    /// made for a number that only damage tells.
    fn bytes(&self, count: &[u64], size: usize) -> Result<u64> {
        let length = self.length()?;
        match bytes(count, size) {
            Some(bytes) if bytes <= length => Ok(bytes),
            _ => Err(self.unsound("it claims to hold more than it has bytes")),
        }
    }

    fn unsound(&self, message: impl std::fmt::Display) -> Error {
        Error::Run(format!("{}: {message}", self.path.display()))
    }
}

/// Of so many elements; none if no number tells it.
fn bytes(count: &[u64], size: usize) -> Option<u64> {
    count.iter().try_fold(size as u64, |bytes, &n| bytes.checked_mul(n))
}

/// An open file.
pub struct File<'c> {
    inner: Rc<Inner<'c>>,
}

impl<'c> File<'c> {
    /// Creates a file, in place of an existing one.
    pub fn create(path: &Path, comm: &'c Comm, purpose: Purpose) -> Result<File<'c>> {
        // The system says plainly why a file cannot be made; HDF5 and MPI do not.
        let made = if comm.is_root() { std::fs::File::create(path).map(drop) } else { Ok(()) };
        comm.agree(made.map_err(|error| Error::file(path, error)))?;
        File::start(path, comm, |name, access| {
            if let Purpose::Fixed { .. } = purpose {
                // SAFETY: the list is live.
                sync(|| unsafe {
                    h5p::H5Pset_meta_block_size(access, STRUCTURE);
                    h5p::H5Pset_small_data_block_size(access, 0)
                });
            }
            let creation = plist(path, &h5p::H5P_CLS_FILE_CREATE)?;
            let root = keep_order(path, creation)?;
            // SAFETY: lists are live; the name ends in NUL.
            let raw = sync(|| unsafe {
                match purpose {
                    Purpose::Fixed { user_block } => h5p::H5Pset_userblock(root.0, user_block),
                    Purpose::Growing => h5p::H5Pset_istore_k(root.0, CHUNK_NODE / 2),
                };
                h5f::H5Fcreate(name.as_ptr(), h5f::H5F_ACC_TRUNC, root.0, access)
            });
            new_id(path, raw)
        })
    }

    /// Opens an existing file.
    pub fn open(path: &Path, comm: &'c Comm, write: bool) -> Result<File<'c>> {
        let mode = if write { h5f::H5F_ACC_RDWR } else { h5f::H5F_ACC_RDONLY };
        File::start(path, comm, |name, access| {
            // SAFETY: the list is live; the name ends in NUL.
            new_id(path, sync(|| unsafe { h5f::H5Fopen(name.as_ptr(), mode, access) }))
        })
    }

    fn start(
        path: &Path,
        comm: &'c Comm,
        open: impl FnOnce(CString, RawId) -> Result<Id>,
    ) -> Result<File<'c>> {
        let name = c_string(path.as_os_str().as_bytes())?;
        let access = plist(path, &h5p::H5P_CLS_FILE_ACCESS)?;
        let transfer = plist(path, &h5p::H5P_CLS_DATASET_XFER)?;
        // SAFETY: `access` is a live file access list. Locks are refused by some
        // parallel file systems, and they would keep readers out of a running job's
        // file. The format is that of HDF5 1.8: every reader knows it, its metadata
        // carry checksums, and a file left open by a killed job opens as it is.
        let status = sync(|| unsafe {
            h5p::H5Pset_file_locking(access.0, 0, 1);
            h5p::H5Pset_fclose_degree(access.0, h5f::H5F_close_degree_t::H5F_CLOSE_DEFAULT);
            h5p::H5Pset_libver_bounds(
                access.0,
                h5f::H5F_libver_t::H5F_LIBVER_V18,
                h5f::H5F_libver_t::H5F_LIBVER_V18,
            )
        });
        if status < 0 {
            return Err(last_error(path));
        }
        let parallel = comm.transport().set_parallel_access(access.0)
            && comm.transport().set_collective_transfer(transfer.0);
        if comm.size() > 1 && !parallel {
            return Err(Error::Run(format!(
                "{}: several ranks can write one file only through MPI",
                path.display()
            )));
        }
        let id = comm.agree(open(name, access.0))?;
        let inner = Inner { comm, path: path.to_path_buf(), id, transfer };
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
        let creation = plist(self.path(), &h5p::H5P_CLS_GROUP_CREATE)?;
        let creation = keep_order(self.path(), creation)?;
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            above = format!("{above}/{part}");
            if self.exists(&above)? {
                continue;
            }
            let name = c_string(above.as_bytes())?;
            // SAFETY: file and list are live; the name ends in NUL.
            self.inner.id(sync(|| unsafe {
                h5g::H5Gcreate2(
                    self.inner.id.0,
                    name.as_ptr(),
                    h5p::H5P_DEFAULT,
                    creation.0,
                    h5p::H5P_DEFAULT,
                )
            }))?;
        }
        Ok(())
    }

    /// Whether an object stands under this absolute path.
    pub fn exists(&self, path: &str) -> Result<bool> {
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            above = format!("{above}/{part}");
            let name = c_string(above.as_bytes())?;
            // SAFETY: the file is live; the name ends in NUL; the groups above exist.
            let found = sync(|| unsafe {
                h5l::H5Lexists(self.inner.id.0, name.as_ptr(), h5p::H5P_DEFAULT)
            });
            if self.inner.check(found)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A second name for an object: a hard link.
    pub fn link(&self, object: &str, new_name: &str) -> Result<()> {
        let (object, new_name) = (c_string(object.as_bytes())?, c_string(new_name.as_bytes())?);
        let file = self.inner.id.0;
        // SAFETY: the file is live; both names end in NUL.
        let status = sync(|| unsafe {
            let default = h5p::H5P_DEFAULT;
            h5l::H5Lcreate_hard(file, object.as_ptr(), file, new_name.as_ptr(), default, default)
        });
        self.inner.check(status).map(drop)
    }

    /// The transfer property list, of which HDF5 tells after a transfer whether it
    /// was collective.
    pub fn transfer_list(&self) -> i64 {
        self.inner.transfer.0
    }

    /// Names of the members of a group, in alphabetical order.
    pub fn members(&self, group: &str) -> Result<Vec<String>> {
        let object = self.object(group)?;
        let mut info = h5g::H5G_info_t::default();
        // SAFETY: the group is live and `info` takes the answer.
        self.inner.check(sync(|| unsafe { h5g::H5Gget_info(object.0, &mut info) }))?;
        let mut names: Vec<String> =
            (0..info.nlinks).map(|n| self.member(&object, n)).collect::<Result<_>>()?;
        names.sort();
        Ok(names)
    }

    fn member(&self, group: &Id, n: u64) -> Result<String> {
        let here = c".".as_ptr();
        let read = |buffer: *mut std::ffi::c_char, size: usize| {
            // SAFETY: the group is live; `buffer` has room for `size` bytes, or is
            // null and `size` 0, which asks for the length.
            sync(|| unsafe {
                h5l::H5Lget_name_by_idx(
                    group.0,
                    here,
                    hdf5_sys::h5::H5_index_t::H5_INDEX_NAME,
                    hdf5_sys::h5::H5_iter_order_t::H5_ITER_INC,
                    n,
                    buffer,
                    size,
                    h5p::H5P_DEFAULT,
                )
            })
        };
        let length = self.inner.check(read(std::ptr::null_mut(), 0) as c_int)? as usize;
        let mut buffer = vec![0u8; length + 1];
        self.inner.check(read(buffer.as_mut_ptr().cast(), length + 1) as c_int)?;
        buffer.truncate(length);
        String::from_utf8(buffer).map_err(|_| self.inner.unsound("a name that is not UTF-8"))
    }

    /// Whether this path names a dataset (rather than a group).
    pub fn is_dataset(&self, path: &str) -> Result<bool> {
        let object = self.object(path)?;
        // SAFETY: the identifier is live.
        let kind = sync(|| unsafe { h5i::H5Iget_type(object.0) });
        Ok(kind == h5i::H5I_type_t::H5I_DATASET)
    }

    /// Opens a group or dataset by its absolute path.
    fn object(&self, path: &str) -> Result<Id> {
        let name = c_string(path.as_bytes())?;
        // SAFETY: the file is live; the name ends in NUL.
        let raw =
            sync(|| unsafe { h5o::H5Oopen(self.inner.id.0, name.as_ptr(), h5p::H5P_DEFAULT) });
        self.inner.id(raw).map_err(|_| self.inner.unsound(format!("there is no {path} in it")))
    }

    /// Hands everything to the operating system: what was written before survives
    /// the end of the program.
    pub fn flush(&self) -> Result<()> {
        // SAFETY: the file is live.
        let status =
            sync(|| unsafe { h5f::H5Fflush(self.inner.id.0, h5f::H5F_scope_t::H5F_SCOPE_GLOBAL) });
        self.inner.comm.agree(self.inner.check(status).map(drop))
    }

    /// Flushes and closes. Datasets of the file must be dropped before.
    pub fn close(self) -> Result<()> {
        self.flush()?;
        let comm = self.inner.comm;
        let Ok(inner) = Rc::try_unwrap(self.inner) else {
            panic!("a dataset of a file outlives its closing");
        };
        let Inner { path, id, .. } = inner;
        let raw = std::mem::ManuallyDrop::new(id).0;
        // SAFETY: the identifier is live and `ManuallyDrop` gave up its ownership.
        let status = sync(|| unsafe { h5f::H5Fclose(raw) });
        comm.agree(if status < 0 { Err(last_error(&path)) } else { Ok(()) })
    }
}

/// Version of the HDF5 library that runs.
pub fn library_version() -> String {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: three live integers take the answer.
    sync(|| unsafe { hdf5_sys::h5::H5get_libversion(&mut major, &mut minor, &mut patch) });
    format!("{major}.{minor}.{patch}")
}

/// A property list of a class. The class is known only once the library runs,
/// hence the reference to it.
fn plist(path: &Path, class: &'static &'static RawId) -> Result<Id> {
    // SAFETY: the class is a constant of the library, set when it starts, and
    // `sync` has started it.
    new_id(path, sync(|| unsafe { h5p::H5Pcreate(**class) }))
}

/// A creation list of a group (or of the root group) whose members and attributes
/// keep their order, as netCDF wants it.
fn keep_order(path: &Path, list: Id) -> Result<Id> {
    let order = h5p::H5P_CRT_ORDER_TRACKED | h5p::H5P_CRT_ORDER_INDEXED;
    // SAFETY: the list is live and of a class that has these properties.
    let status = sync(|| unsafe {
        h5p::H5Pset_link_creation_order(list.0, order);
        h5p::H5Pset_link_phase_change(list.0, COMPACT, COMPACT / 2);
        no_times(&list)
    });
    if status < 0 { Err(last_error(path)) } else { Ok(list) }
}

/// Attributes in order, and no time of day, in an object creation list.
///
/// # Safety
/// `list` is live and a creation list of objects; the caller holds the lock.
unsafe fn no_times(list: &Id) -> c_int {
    let order = h5p::H5P_CRT_ORDER_TRACKED | h5p::H5P_CRT_ORDER_INDEXED;
    // SAFETY: as above.
    unsafe {
        h5p::H5Pset_attr_creation_order(list.0, order);
        h5p::H5Pset_attr_phase_change(list.0, COMPACT, COMPACT / 2);
        h5p::H5Pset_obj_track_times(list.0, 0)
    }
}

fn new_id(path: &Path, raw: RawId) -> Result<Id> {
    if raw < 0 { Err(last_error(path)) } else { Ok(Id(raw)) }
}

/// What HDF5 says about the operation that just failed.
fn last_error(path: &Path) -> Error {
    let source = ::hdf5::Error::query().unwrap_or_else(|error| error);
    Error::Hdf5 { path: path.to_path_buf(), source }
}

fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| {
        let name = String::from_utf8_lossy(bytes).replace('\0', "\\0");
        Error::Run(format!("{name}: a name cannot hold a NUL character"))
    })
}
