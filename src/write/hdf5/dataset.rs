//! Datasets: arrays that a rank reads and writes block by block.

use super::{File, Id, Inner, RawId, bytes, c_string, no_times, plist};
use crate::comm::Comm;
use crate::error::Result;
use ::hdf5::sync::sync;
use hdf5_sys::h5d::{self, H5D_alloc_time_t, H5D_fill_time_t};
use hdf5_sys::{h5, h5p, h5s, h5t};
use std::ffi::c_int;
use std::ops::Range;
use std::rc::Rc;

/// Longest transfer of one rank in one call, bytes: MPI counts are 32-bit.
const PIECE: u64 = 1 << 30;

/// A number or character as it stands in a file and in memory.
pub trait Element: bytemuck::Pod {
    /// The type in the file and in memory. Constants of the library, to be asked
    /// for under its lock.
    fn types() -> (RawId, RawId);
}

/// What an array holds of one atom: a number, or three.
pub trait Row: bytemuck::Pod + Send + Sync {
    type Number: Element;
    const WIDTH: u64 = (size_of::<Self>() / size_of::<Self::Number>()) as u64;

    fn numbers(rows: &[Self]) -> &[Self::Number] {
        bytemuck::cast_slice(rows)
    }
}

impl<T: Element + Send + Sync> Row for T {
    type Number = T;
}

impl<T: Element + Send + Sync> Row for [T; 3] {
    type Number = T;
}

/// One ASCII character (netCDF's NC_CHAR).
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Char(pub u8);

macro_rules! element {
    ($($rust:ty: $file:ident, $memory:ident;)*) => {$(
        impl Element for $rust {
            fn types() -> (RawId, RawId) {
                (*h5t::$file, *h5t::$memory)
            }
        }
    )*};
}

element! {
    f64: H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE;
    f32: H5T_IEEE_F32LE, H5T_NATIVE_FLOAT;
    i64: H5T_STD_I64LE, H5T_NATIVE_INT64;
    u64: H5T_STD_U64LE, H5T_NATIVE_UINT64;
    i32: H5T_STD_I32LE, H5T_NATIVE_INT32;
    u32: H5T_STD_U32LE, H5T_NATIVE_UINT32;
    u8: H5T_STD_U8LE, H5T_NATIVE_UINT8;
    Char: H5T_C_S1, H5T_C_S1;
}

/// An open dataset.
pub struct Dataset<'c> {
    file: Rc<Inner<'c>>,
    pub(super) id: Id,
    name: String,
}

impl<'c> File<'c> {
    /// Creates a dataset of fixed shape, contiguous in the file.
    pub fn create_dataset<T: Element>(&self, path: &str, shape: &[u64]) -> Result<Dataset<'c>> {
        self.new_dataset::<T>(path, shape, None)
    }

    /// Creates a dataset of shape `[0, row...]` that grows along its first
    /// direction, in chunks of this shape.
    pub fn create_growing<T: Element>(
        &self,
        path: &str,
        row: &[u64],
        chunk: &[u64],
    ) -> Result<Dataset<'c>> {
        let shape: Vec<u64> = std::iter::once(0).chain(row.iter().copied()).collect();
        self.new_dataset::<T>(path, &shape, Some(chunk))
    }

    fn new_dataset<T: Element>(
        &self,
        path: &str,
        shape: &[u64],
        chunk: Option<&[u64]>,
    ) -> Result<Dataset<'c>> {
        let name = c_string(path.as_bytes())?;
        let creation = plist(self.path(), &h5p::H5P_CLS_DATASET_CREATE)?;
        let largest: Vec<u64> = match chunk {
            Some(_) => [&[h5s::H5S_UNLIMITED], &shape[1..]].concat(),
            None => shape.to_vec(),
        };
        let space = self.inner.id(sync(|| {
            // SAFETY: both lists have one entry per direction.
            unsafe { h5s::H5Screate_simple(shape.len() as c_int, shape.as_ptr(), largest.as_ptr()) }
        }))?;
        // SAFETY: the list, the space and the file are live, `chunk` has one entry
        // per direction. Space is given out early and not filled, in every build:
        // every element is written, and files come out alike.
        let raw = sync(|| unsafe {
            no_times(&creation);
            if let Some(chunk) = chunk {
                assert_eq!(chunk.len(), shape.len(), "a chunk has the rank of its dataset");
                h5p::H5Pset_chunk(creation.0, chunk.len() as c_int, chunk.as_ptr());
            }
            h5p::H5Pset_alloc_time(creation.0, H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY);
            h5p::H5Pset_fill_time(creation.0, H5D_fill_time_t::H5D_FILL_TIME_NEVER);
            h5d::H5Dcreate2(
                self.inner.id.0,
                name.as_ptr(),
                T::types().0,
                space.0,
                h5p::H5P_DEFAULT,
                creation.0,
                h5p::H5P_DEFAULT,
            )
        });
        Ok(Dataset { file: self.inner.clone(), id: self.inner.id(raw)?, name: path.into() })
    }

    pub fn dataset(&self, path: &str) -> Result<Dataset<'c>> {
        let name = c_string(path.as_bytes())?;
        // SAFETY: the file is live; the name ends in NUL.
        let raw =
            sync(|| unsafe { h5d::H5Dopen2(self.inner.id.0, name.as_ptr(), h5p::H5P_DEFAULT) });
        let id = self
            .inner
            .id(raw)
            .map_err(|_| self.inner.unsound(format!("there is no dataset {path} in it")))?;
        Ok(Dataset { file: self.inner.clone(), id, name: path.into() })
    }
}

impl<'c> Dataset<'c> {
    pub fn comm(&self) -> &'c Comm {
        self.file.comm
    }

    pub(super) fn check(&self, status: c_int) -> Result<()> {
        self.file.check(status).map(drop)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn shape(&self) -> Result<Vec<u64>> {
        let space = self.space()?;
        // SAFETY: the space is live; `shape` gets one entry per direction.
        sync(|| unsafe {
            let rank = self.file.check(h5s::H5Sget_simple_extent_ndims(space.0))?;
            let mut shape = vec![0; rank as usize];
            let (dimensions, no_limits) = (shape.as_mut_ptr(), std::ptr::null_mut());
            self.file.check(h5s::H5Sget_simple_extent_dims(space.0, dimensions, no_limits))?;
            Ok(shape)
        })
    }

    /// Where a dataset of fixed shape stands in the file, bytes.
    pub fn place(&self) -> Result<Range<u64>> {
        // SAFETY: the dataset is live.
        let (start, length) = sync(|| unsafe {
            (h5d::H5Dget_offset(self.id.0), h5d::H5Dget_storage_size(self.id.0))
        });
        match start == h5::HADDR_UNDEF {
            true => Err(self.file.unsound(format!("{} has no place in it", self.name))),
            false => Ok(start..start.saturating_add(length)),
        }
    }

    /// The same for whoever reads it there; an error unless these are all its elements, in
    /// the form that they have in memory.
    pub fn place_of<T: Element>(&self) -> Result<Range<u64>> {
        self.check_storage::<T>()?;
        let (place, shape) = (self.place()?, self.shape()?);
        // SAFETY: types of the library.
        let same = sync(|| unsafe { h5t::H5Tequal(T::types().0, T::types().1) } > 0);
        match same && Some(place.end - place.start) == bytes(&shape, size_of::<T>()) {
            true => Ok(place),
            false => Err(self.file.unsound(format!("{} is not what it should be", self.name))),
        }
    }

    /// Grows the dataset along its first direction, or cuts it back.
    pub fn set_rows(&self, rows: u64) -> Result<()> {
        let mut shape = self.shape()?;
        shape[0] = rows;
        // SAFETY: the dataset is live; `shape` has one entry per direction.
        let status = sync(|| unsafe { h5d::H5Dset_extent(self.id.0, shape.as_ptr()) });
        self.file.comm.agree(self.file.check(status).map(drop))
    }

    /// Writes this rank's block: `count` elements from `start` on in each direction
    /// (any `count` 0: nothing), row by row in `values`.
    pub fn write<T: Element>(&self, start: &[u64], count: &[u64], values: &[T]) -> Result<()> {
        assert_eq!(values.len() as u64, count.iter().product::<u64>(), "{}", self.name);
        let mut rest = values;
        self.file.settle()?;
        self.transfer::<T>(start, count, |memory_type, memory, file, transfer, length| {
            let (now, later) = rest.split_at(length);
            rest = later;
            // SAFETY: `now` holds as many elements as both spaces select; all
            // identifiers are live.
            unsafe {
                h5d::H5Dwrite(self.id.0, memory_type, memory, file, transfer, now.as_ptr().cast())
            }
        })
    }

    /// Reads this rank's block.
    pub fn read<T: Element>(&self, start: &[u64], count: &[u64]) -> Result<Vec<T>> {
        let length = self.file.comm.agree(self.file.bytes(count, size_of::<T>()))?;
        let mut values = vec![T::zeroed(); length as usize / size_of::<T>()];
        self.file.comm.agree(self.check_storage::<T>())?;
        let mut rest = &mut values[..];
        self.transfer::<T>(start, count, |memory_type, memory, file, transfer, length| {
            let (now, later) = std::mem::take(&mut rest).split_at_mut(length);
            rest = later;
            // SAFETY: `now` has room for as many elements as both spaces select;
            // all identifiers are live.
            unsafe {
                h5d::H5Dread(
                    self.id.0,
                    memory_type,
                    memory,
                    file,
                    transfer,
                    now.as_mut_ptr().cast(),
                )
            }
        })?;
        Ok(values)
    }

    /// An error if the elements are of another type, or fewer are stored than the shape
    /// says, or beyond the end: HDF5 trusts its own structures, and would read beyond its buffers.
    fn check_storage<T: Element>(&self) -> Result<()> {
        let (space, length) = (self.space()?, self.file.length()?);
        // SAFETY: all identifiers are live.
        let sound = sync(|| unsafe {
            let kind = self.file.id(h5d::H5Dget_type(self.id.0))?;
            let creation = self.file.id(h5d::H5Dget_create_plist(self.id.0))?;
            let elements = h5s::H5Sget_simple_extent_npoints(space.0) as u64;
            let bytes = elements.checked_mul(size_of::<T>() as u64);
            let contiguous = h5p::H5Pget_layout(creation.0) == h5d::H5D_layout_t::H5D_CONTIGUOUS;
            let is_stored = |bytes: u64| {
                let stored = h5d::H5Dget_storage_size(self.id.0);
                let end = h5d::H5Dget_offset(self.id.0).checked_add(stored);
                bytes == 0 || (bytes <= stored && end.is_some_and(|end| end <= length))
            };
            Ok(h5t::H5Tequal(kind.0, T::types().0) > 0
                && (!contiguous || bytes.is_some_and(is_stored)))
        })?;
        match sound {
            true => Ok(()),
            false => Err(self.file.unsound(format!("{} is not what it should be", self.name))),
        }
    }

    /// The whole of a small dataset, on every rank.
    pub fn read_all<T: Element>(&self) -> Result<Vec<T>> {
        let shape = self.shape()?;
        self.read(&vec![0; shape.len()], &shape)
    }

    /// Carries out a transfer in pieces, cut along the first direction in which the
    /// block is longer than one, as many on every rank. `carry` gets the memory
    /// type, memory space, file space, transfer list and number of elements.
    fn transfer<T: Element>(
        &self,
        start: &[u64],
        count: &[u64],
        mut carry: impl FnMut(RawId, RawId, RawId, RawId, usize) -> c_int,
    ) -> Result<()> {
        let axis = count.iter().position(|&n| n != 1).unwrap_or(0);
        let mut rows = count.get(axis).copied().unwrap_or(1);
        let elements: u64 = count.iter().product();
        let row = elements.checked_div(rows).unwrap_or(0);
        let at_once = (PIECE / (row * size_of::<T>() as u64).max(1)).max(1);
        let comm = self.file.comm;
        let pieces = comm.max_u64(rows.div_ceil(at_once).max(1));
        if elements == 0 {
            rows = 0;
        }
        let (mut start, mut count) = (start.to_vec(), count.to_vec());
        for _ in 0..pieces {
            let now = rows.min(at_once);
            if let Some(extent) = count.get_mut(axis) {
                *extent = now;
            }
            let done = self.space().and_then(|space| {
                self.select(&space, &start, &count, now * row)?;
                let length = now * row;
                // SAFETY: one direction of this length; the identifiers are live.
                sync(|| unsafe {
                    let memory =
                        self.file.id(h5s::H5Screate_simple(1, &length, std::ptr::null()))?;
                    let list = self.file.transfer.0;
                    self.file
                        .check(carry(T::types().1, memory.0, space.0, list, length as usize))
                        .map(drop)
                })
            });
            comm.agree(done)?;
            if let Some(first) = start.get_mut(axis) {
                *first += now;
            }
            rows -= now;
        }
        Ok(())
    }

    fn select(&self, space: &Id, start: &[u64], count: &[u64], elements: u64) -> Result<()> {
        // SAFETY: the space is live; `start` and `count` have one entry per direction
        // of the dataset, which the assertion checks.
        let status = sync(|| unsafe {
            let rank = h5s::H5Sget_simple_extent_ndims(space.0);
            assert_eq!(rank as usize, count.len(), "{}: wrong number of directions", self.name);
            if elements == 0 {
                h5s::H5Sselect_none(space.0)
            } else if rank == 0 {
                h5s::H5Sselect_all(space.0)
            } else {
                let every = std::ptr::null();
                let set = h5s::H5S_seloper_t::H5S_SELECT_SET;
                h5s::H5Sselect_hyperslab(space.0, set, start.as_ptr(), every, count.as_ptr(), every)
            }
        });
        self.file.check(status).map(drop)
    }

    fn space(&self) -> Result<Id> {
        // SAFETY: the dataset is live.
        self.file.id(sync(|| unsafe { h5d::H5Dget_space(self.id.0) }))
    }
}
