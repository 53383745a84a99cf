//! A file as the rank that holds it sees it: HDF5's interface for one process, made safe.
//! `File` and `Dataset` let all ranks see the same.

use super::Purpose;
use super::room::Room;
use crate::error::{Error, Result};
use crate::write::failure;
use ::hdf5::sync::sync;
use hdf5_sys::{h5f, h5g, h5i, h5l, h5o, h5p, h5s};
use std::ffi::{CString, c_int};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

pub(super) type RawId = h5i::hid_t;

/// Groups and attributes stay in the compact form below this many members, which
/// is more than our files have.
const COMPACT: u32 = 256;

/// Bytes for all that describes the datasets of a file of fixed size, in one piece at its
/// front: the data follow in the order of their creation.
const STRUCTURE: u64 = 1 << 14;

/// An HDF5 identifier of any kind, released when dropped.
pub(super) struct Id(pub(super) RawId);

impl Drop for Id {
    fn drop(&mut self) {
        // SAFETY: the identifier is valid and this is its only owner.
        sync(|| unsafe { h5i::H5Idec_ref(self.0) });
    }
}

/// An open file.
pub(super) struct Held {
    pub(super) path: PathBuf,
    pub(super) file: Id,
    /// What it may still grow into; of a file that is open for writing.
    pub(super) room: Option<Room>,
}

impl Held {
    /// Creates a file, in place of an existing one.
    pub fn create(path: &Path, purpose: Purpose) -> Result<Held> {
        // The system says plainly why a file cannot be made; HDF5 does not.
        let made = std::fs::File::create(path);
        drop(made.map_err(|error| failure::unwritten(path, error))?);
        let access = access(path)?;
        if let Purpose::Fixed { .. } = purpose {
            // SAFETY: the list is live.
            sync(|| unsafe {
                h5p::H5Pset_meta_block_size(access.0, STRUCTURE);
                h5p::H5Pset_small_data_block_size(access.0, 0)
            });
        }
        let creation = plist(path, &h5p::H5P_CLS_FILE_CREATE)?;
        let root = keep_order(path, creation)?;
        let name = c_string(path.as_os_str().as_bytes())?;
        // SAFETY: lists are live; the name ends in NUL.
        let raw = sync(|| unsafe {
            match purpose {
                Purpose::Fixed { user_block } => h5p::H5Pset_userblock(root.0, user_block),
                Purpose::Growing { chunks } => h5p::H5Pset_istore_k(root.0, chunks / 2),
            };
            h5f::H5Fcreate(name.as_ptr(), h5f::H5F_ACC_TRUNC, root.0, access.0)
        });
        if raw < 0 {
            return Err(failure::unwritten_by_hdf5(path, &last_words()));
        }
        let front = match purpose {
            Purpose::Fixed { user_block } => user_block,
            Purpose::Growing { .. } => 0,
        };
        Held { path: path.to_path_buf(), file: Id(raw), room: None }.with_room(front)
    }

    /// Opens an existing file; for writing only one without a user block.
    pub fn open(path: &Path, write: bool) -> Result<Held> {
        let mode = if write { h5f::H5F_ACC_RDWR } else { h5f::H5F_ACC_RDONLY };
        let (name, access) = (c_string(path.as_os_str().as_bytes())?, access(path)?);
        // SAFETY: the list is live; the name ends in NUL.
        let raw = sync(|| unsafe { h5f::H5Fopen(name.as_ptr(), mode, access.0) });
        let held = Held { path: path.to_path_buf(), file: new_id(path, raw)?, room: None };
        if write { held.with_room(0) } else { Ok(held) }
    }

    fn with_room(self, front: u64) -> Result<Held> {
        let room = Some(Room::open(&self.path, front)?);
        Ok(Held { room, ..self })
    }

    /// The identifier that HDF5 returned, or its error.
    pub fn id(&self, raw: RawId) -> Result<Id> {
        self.check(raw).map(Id)
    }

    /// An error if HDF5 returned a negative status, else the status.
    pub fn check<T: Default + PartialOrd>(&self, status: T) -> Result<T> {
        match status < T::default() {
            false => Ok(status),
            true if self.room.is_some() => {
                Err(failure::unwritten_by_hdf5(&self.path, &last_words()))
            }
            true => Err(last_error(&self.path)),
        }
    }

    pub fn unsound(&self, message: impl std::fmt::Display) -> Error {
        Error::Run(format!("{}: {message}", self.path.display()))
    }

    /// Of the file as the system sees it, bytes.
    pub fn length(&self) -> Result<u64> {
        let data = std::fs::metadata(&self.path);
        Ok(data.map_err(|error| failure::unread(&self.path, error))?.len())
    }

    /// The bytes of so many elements. More than the file has is not sound: no buffer is
    /// made for a number that only damage tells.
    pub fn bytes(&self, count: &[u64], size: usize, expansion: u64) -> Result<u64> {
        let length = self.length()?.saturating_mul(expansion);
        match bytes(count, size) {
            Some(bytes) if bytes <= length => Ok(bytes),
            _ => Err(self.unsound("it claims to hold more than it has bytes")),
        }
    }

    /// Where what HDF5 has given out ends, after what is left to the caller.
    fn end(&self) -> Result<u64> {
        // The size of an image of the file tells it; without a buffer it is only told.
        // SAFETY: the file is live.
        let end = sync(|| unsafe { h5f::H5Fget_file_image(self.file.0, std::ptr::null_mut(), 0) });
        Ok(self.check(end)? as u64)
    }

    /// Makes sure that all that HDF5 has given out and not written yet has its place on the
    /// disk.
    pub fn make_room(&self) -> Result<()> {
        match &self.room {
            Some(room) => room.take(self.end()?),
            None => Ok(()),
        }
    }

    /// Says in the file how far it reaches (`superblock`).
    pub fn announce_end(&self) -> Result<()> {
        match &self.room {
            Some(room) => room.announce(self.end()?),
            None => Ok(()),
        }
    }

    /// Hands everything to the operating system.
    pub fn flush(&self) -> Result<()> {
        self.make_room()?;
        // SAFETY: the file is live.
        let scope = h5f::H5F_scope_t::H5F_SCOPE_GLOBAL;
        self.check(sync(|| unsafe { h5f::H5Fflush(self.file.0, scope) }))?;
        match &self.room {
            Some(room) => room.used(self.end()?),
            None => Ok(()),
        }
    }

    /// Brings what was flushed to the disk.
    pub fn synchronise(&self) -> Result<()> {
        self.room.as_ref().map_or(Ok(()), Room::synchronise)
    }

    /// Closes a file that was flushed.
    pub fn close(self) -> Result<()> {
        let Held { path, file, room } = self;
        let raw = std::mem::ManuallyDrop::new(file).0;
        // SAFETY: the identifier is live and `ManuallyDrop` gave up its ownership.
        match sync(|| unsafe { h5f::H5Fclose(raw) }) {
            0.. => room.map_or(Ok(()), |room| room.closed()),
            _ if room.is_some() => Err(failure::unwritten_by_hdf5(&path, &last_words())),
            _ => Err(last_error(&path)),
        }
    }

    /// Leaves the file as it was flushed: HDF5 would write at its end what it could not write
    /// before, in part.
    pub fn abandon(self) {
        std::mem::forget(self.file);
    }

    /// Creates a group and the groups above it that are missing; members keep the
    /// order in which they were made.
    pub fn create_group(&self, path: &str) -> Result<()> {
        let creation = plist(&self.path, &h5p::H5P_CLS_GROUP_CREATE)?;
        let creation = keep_order(&self.path, creation)?;
        let mut above = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            above = format!("{above}/{part}");
            if self.exists(&above)? {
                continue;
            }
            let name = c_string(above.as_bytes())?;
            // SAFETY: file and list are live; the name ends in NUL.
            self.id(sync(|| unsafe {
                h5g::H5Gcreate2(
                    self.file.0,
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
            let found =
                sync(|| unsafe { h5l::H5Lexists(self.file.0, name.as_ptr(), h5p::H5P_DEFAULT) });
            if self.check(found)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A second name for an object: a hard link.
    pub fn link(&self, object: &str, new_name: &str) -> Result<()> {
        let (object, new_name) = (c_string(object.as_bytes())?, c_string(new_name.as_bytes())?);
        let file = self.file.0;
        // SAFETY: the file is live; both names end in NUL.
        let status = sync(|| unsafe {
            let default = h5p::H5P_DEFAULT;
            h5l::H5Lcreate_hard(file, object.as_ptr(), file, new_name.as_ptr(), default, default)
        });
        self.check(status).map(drop)
    }

    /// Takes a name away; the object goes with its last one.
    pub fn unlink(&self, name: &str) -> Result<()> {
        let name = c_string(name.as_bytes())?;
        // SAFETY: the file is live; the name ends in NUL.
        let status =
            sync(|| unsafe { h5l::H5Ldelete(self.file.0, name.as_ptr(), h5p::H5P_DEFAULT) });
        self.check(status).map(drop)
    }

    pub(super) fn shape(&self, dataset: &Id) -> Result<Vec<u64>> {
        self.extent(dataset).map(|[shape, _]| shape)
    }

    /// Whether rows may grow along their first direction.
    pub(super) fn widens(&self, dataset: &Id) -> Result<bool> {
        let [_, largest] = self.extent(dataset)?;
        Ok(largest.get(1) == Some(&h5s::H5S_UNLIMITED))
    }

    /// Its shape, and the largest that it may have.
    fn extent(&self, dataset: &Id) -> Result<[Vec<u64>; 2]> {
        let space = self.space(dataset)?;
        // SAFETY: the space is live; both lists get one entry per direction.
        sync(|| unsafe {
            let rank = self.check(h5s::H5Sget_simple_extent_ndims(space.0))?;
            let mut shape = vec![0; rank as usize];
            let mut largest = shape.clone();
            let (dimensions, limits) = (shape.as_mut_ptr(), largest.as_mut_ptr());
            self.check(h5s::H5Sget_simple_extent_dims(space.0, dimensions, limits))?;
            Ok([shape, largest])
        })
    }

    /// Names of the members of a group, in alphabetical order.
    pub fn members(&self, group: &str) -> Result<Vec<String>> {
        let object = self.object(group)?;
        let mut info = h5g::H5G_info_t::default();
        // SAFETY: the group is live and `info` takes the answer.
        self.check(sync(|| unsafe { h5g::H5Gget_info(object.0, &mut info) }))?;
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
        let length = self.check(read(std::ptr::null_mut(), 0) as c_int)? as usize;
        let mut buffer = vec![0u8; length + 1];
        self.check(read(buffer.as_mut_ptr().cast(), length + 1) as c_int)?;
        buffer.truncate(length);
        String::from_utf8(buffer).map_err(|_| self.unsound("a name that is not UTF-8"))
    }

    /// Whether this path names a dataset (rather than a group).
    pub fn is_dataset(&self, path: &str) -> Result<bool> {
        let object = self.object(path)?;
        // SAFETY: the identifier is live.
        let kind = sync(|| unsafe { h5i::H5Iget_type(object.0) });
        Ok(kind == h5i::H5I_type_t::H5I_DATASET)
    }

    /// Opens a group or dataset by its absolute path.
    pub fn object(&self, path: &str) -> Result<Id> {
        let name = c_string(path.as_bytes())?;
        // SAFETY: the file is live; the name ends in NUL.
        let raw = sync(|| unsafe { h5o::H5Oopen(self.file.0, name.as_ptr(), h5p::H5P_DEFAULT) });
        self.id(raw).map_err(|_| self.unsound(format!("there is no {path} in it")))
    }
}

/// Of so many elements; none if no number tells it.
pub(super) fn bytes(count: &[u64], size: usize) -> Option<u64> {
    count.iter().try_fold(size as u64, |bytes, &n| bytes.checked_mul(n))
}

/// How a file is opened. Locks are refused by some parallel file systems, and they would
/// keep readers out of a running job's file. The format is that of HDF5 1.8: every reader
/// knows it, its metadata carry checksums, and a file left open by a killed job opens as it
/// is. Values are not kept in memory by HDF5: other ranks write beside it.
fn access(path: &Path) -> Result<Id> {
    let access = plist(path, &h5p::H5P_CLS_FILE_ACCESS)?;
    let version = h5f::H5F_libver_t::H5F_LIBVER_V18;
    // SAFETY: `access` is a live file access list.
    let status = sync(|| unsafe {
        h5p::H5Pset_file_locking(access.0, 0, 1);
        h5p::H5Pset_fclose_degree(access.0, h5f::H5F_close_degree_t::H5F_CLOSE_DEFAULT);
        h5p::H5Pset_sieve_buf_size(access.0, 0);
        h5p::H5Pset_cache(access.0, 0, 0, 0, 0.0);
        h5p::H5Pset_libver_bounds(access.0, version, version)
    });
    if status < 0 { Err(last_error(path)) } else { Ok(access) }
}

/// A property list of a class. The class is known only once the library runs,
/// hence the reference to it.
pub(super) fn plist(path: &Path, class: &'static &'static RawId) -> Result<Id> {
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
pub(super) unsafe fn no_times(list: &Id) -> c_int {
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
fn last_words() -> ::hdf5::Error {
    ::hdf5::Error::query().unwrap_or_else(|error| error)
}

fn last_error(path: &Path) -> Error {
    failure::unread_by_hdf5(path, last_words())
}

pub(super) fn c_string(bytes: &[u8]) -> Result<CString> {
    CString::new(bytes).map_err(|_| {
        let name = String::from_utf8_lossy(bytes).replace('\0', "\\0");
        Error::Run(format!("{name}: a name cannot hold a NUL character"))
    })
}
