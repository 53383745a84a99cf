//! Datasets: arrays that a rank reads and writes block by block.

use super::element::Element;
use super::held::{Held, Id, bytes, c_string, no_times, plist};
use super::{File, Inner};
use crate::comm::Comm;
use crate::error::Result;
use crate::write::failure;
use ::hdf5::sync::sync;
use hdf5_sys::h5d::{self, H5D_alloc_time_t, H5D_fill_time_t};
use hdf5_sys::{h5, h5p, h5s, h5t, h5z};
use serde::{Deserialize, Serialize};
use std::cell::{OnceCell, RefCell};
use std::ffi::{c_int, c_uint};
use std::fs::OpenOptions;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

/// Bytes that deflate makes of one at most.
const EXPANSION: u64 = 1032;

/// How much work deflate takes upon itself, of 9.
const DEFLATE: c_uint = 6;

/// How a dataset lies in a file.
#[derive(Clone, Copy)]
enum Layout<'a> {
    Contiguous,
    /// It grows along its first direction in chunks of this shape.
    Chunks(&'a [u64]),
    /// The same; rows grow along their first direction too.
    WideChunks(&'a [u64]),
    /// As `Chunks`, each chunk compressed: bytes of equal weight side by side (shuffle), then
    /// deflate, which every HDF5 and netCDF library knows.
    Compressed(&'a [u64]),
}

/// An open dataset.
pub struct Dataset<'c> {
    /// On the first rank. Before `file`, which it keeps open.
    pub(super) held: Option<Id>,
    file: Rc<Inner<'c>>,
    name: String,
    /// As this handle has made it, on every rank.
    shape: RefCell<Vec<u64>>,
    /// Where each rank writes its part itself, once that is known; none if the first does.
    open_to_all: OnceCell<Option<Place>>,
}

/// Of an array of fixed shape.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    /// In the file, bytes.
    start: u64,
    shape: Vec<u64>,
}

impl<'c> File<'c> {
    /// Creates a dataset of fixed shape, contiguous in the file.
    pub fn create_dataset<T: Element>(&self, path: &str, shape: &[u64]) -> Result<Dataset<'c>> {
        self.make(path, shape, |held| held.new_dataset::<T>(path, shape, Layout::Contiguous))
    }

    /// Creates a dataset of shape `[0, row...]` that grows along its first
    /// direction, in chunks of this shape.
    pub fn create_growing<T: Element>(
        &self,
        path: &str,
        row: &[u64],
        chunk: &[u64],
    ) -> Result<Dataset<'c>> {
        self.grow::<T>(path, row, Layout::Chunks(chunk))
    }

    /// The same, where rows too may grow along their first direction (`set_width`).
    pub fn create_widening<T: Element>(
        &self,
        path: &str,
        row: &[u64],
        chunk: &[u64],
    ) -> Result<Dataset<'c>> {
        self.grow::<T>(path, row, Layout::WideChunks(chunk))
    }

    /// As `create_growing` with compressed chunks.
    pub fn create_compressed<T: Element>(
        &self,
        path: &str,
        row: &[u64],
        chunk: &[u64],
    ) -> Result<Dataset<'c>> {
        self.grow::<T>(path, row, Layout::Compressed(chunk))
    }

    fn grow<T: Element>(&self, path: &str, row: &[u64], layout: Layout) -> Result<Dataset<'c>> {
        let shape: Vec<u64> = std::iter::once(0).chain(row.iter().copied()).collect();
        self.make(path, &shape, |held| {
            // SAFETY: asks whether the library was built with zlib.
            let has_zlib = || sync(|| unsafe { h5z::H5Zfilter_avail(h5z::H5Z_FILTER_DEFLATE) }) > 0;
            if matches!(layout, Layout::Compressed(_)) && !has_zlib() {
                return Err(held.unsound(format!(
                    "this HDF5 library ({}) cannot compress, it was built without zlib: leave \
                     `compress` out of `[output]`",
                    super::library_version()
                )));
            }
            held.new_dataset::<T>(path, &shape, layout)
        })
    }

    pub fn dataset(&self, path: &str) -> Result<Dataset<'c>> {
        let held = self.inner.agree(self.inner.look(|held| held.open_dataset(path)))?;
        let shape = self
            .inner
            .ask(|file| file.shape(held.as_ref().expect("who holds a file holds its datasets")))?;
        Ok(self.handle(path, shape, held))
    }

    fn make(
        &self,
        path: &str,
        shape: &[u64],
        make: impl FnOnce(&Held) -> Result<Id>,
    ) -> Result<Dataset<'c>> {
        let held = self.inner.note(self.inner.look(make))?.flatten();
        Ok(self.handle(path, shape.to_vec(), held))
    }

    fn handle(&self, path: &str, shape: Vec<u64>, held: Option<Id>) -> Dataset<'c> {
        let (file, shape, open_to_all) = (self.inner.clone(), RefCell::new(shape), OnceCell::new());
        Dataset { held, file, name: path.into(), shape, open_to_all }
    }
}

impl<'c> Dataset<'c> {
    pub fn comm(&self) -> &'c Comm {
        self.file.comm
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn shape(&self) -> Result<Vec<u64>> {
        Ok(self.shape.borrow().clone())
    }

    /// Where a dataset of fixed shape stands in the file, bytes.
    pub fn place(&self) -> Result<Range<u64>> {
        self.file.ask(|held| held.place(self.id(), &self.name))
    }

    /// The same for whoever reads it there; an error unless these are all its elements, in
    /// the form that they have in memory.
    pub fn place_of<T: Element>(&self) -> Result<Range<u64>> {
        self.file.ask(|held| held.place_of::<T>(self.id(), &self.name))
    }

    /// Grows the dataset along its first direction, or cuts it back.
    pub fn set_rows(&self, rows: u64) -> Result<()> {
        self.set_length(0, rows)
    }

    /// The same along the first direction of its rows. What is in the new part is not defined
    /// until it is written.
    pub fn set_width(&self, width: u64) -> Result<()> {
        self.set_length(1, width)
    }

    fn set_length(&self, direction: usize, length: u64) -> Result<()> {
        self.shape.borrow_mut()[direction] = length;
        self.change(|held, id| held.set_length(id, direction, length))
    }

    /// Whether `set_width` is possible.
    pub fn widens(&self) -> Result<bool> {
        self.file.ask(|held| held.widens(self.id()))
    }

    /// Writes a block that every rank has; the first one does it.
    pub fn write_known<T: Element>(
        &self,
        start: &[u64],
        count: &[u64],
        values: &[T],
    ) -> Result<()> {
        assert_eq!(values.len() as u64, count.iter().product::<u64>(), "{}", self.name);
        self.change(|held, id| {
            held.make_room()?;
            held.write(id, start, count, values)
        })
    }

    /// Writes this rank's block: `count` elements from `start` on in each direction
    /// (any `count` 0: nothing), row by row in `values`.
    pub fn write<T: Element>(&self, start: &[u64], count: &[u64], values: &[T]) -> Result<()> {
        assert_eq!(values.len() as u64, count.iter().product::<u64>(), "{}", self.name);
        assert_eq!(start.len(), count.len(), "{}", self.name);
        let place = match self.open_to_all.get() {
            Some(place) => place,
            None => {
                let place = self.file.ask(|held| held.open_to_all::<T>(self.id()))?;
                self.open_to_all.get_or_init(|| place)
            }
        };
        match place {
            Some(place) => {
                let bytes = bytemuck::cast_slice(values);
                self.file.change(Held::make_room)?;
                let written = self.write_part(place, (start, count), size_of::<T>(), bytes);
                self.file.note(written).map(drop)
            }
            None => self.hand_over(start, count, values),
        }
    }

    /// This rank's block, to where it stands.
    fn write_part(
        &self,
        place: &Place,
        (start, count): (&[u64], &[u64]),
        size: usize,
        bytes: &[u8],
    ) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let failed = |error| failure::unwritten(&self.file.path, error);
        let own = match self.file.own.get() {
            Some(own) => own,
            None => {
                let own = OpenOptions::new().write(true).open(&self.file.path).map_err(failed)?;
                self.file.own.get_or_init(|| own)
            }
        };
        let (length, offsets) = runs(start, count, &place.shape);
        for (offset, part) in offsets.into_iter().zip(bytes.chunks(length as usize * size)) {
            own.write_all_at(part, place.start + offset * size as u64).map_err(failed)?;
        }
        Ok(())
    }

    /// The blocks of all ranks to the first, which writes one after the other.
    fn hand_over<T: Element>(&self, start: &[u64], count: &[u64], values: &[T]) -> Result<()> {
        let mut received = Vec::new();
        for (rank, start, count) in self.blocks(start, count) {
            let own = rank == self.comm().rank();
            let (mut sends, mut receives) = (Vec::new(), Vec::new());
            match (self.comm().is_root(), own) {
                (true, false) => {
                    received.resize(count.iter().product::<u64>() as usize, T::zeroed());
                    receives.push((rank, bytemuck::cast_slice_mut(&mut received)));
                }
                (false, true) => sends.push((0, bytemuck::cast_slice(values))),
                _ => {}
            }
            self.comm().transport().transfer(&sends, &mut receives);
            let values = if own { values } else { &received[..] };
            self.change(|held, id| {
                held.make_room()?;
                held.write(id, &start, &count, values)
            })?;
        }
        Ok(())
    }

    /// The blocks of all ranks that have one, in the order of rank.
    fn blocks(&self, start: &[u64], count: &[u64]) -> Vec<(usize, Vec<u64>, Vec<u64>)> {
        let own = if count.contains(&0) { Vec::new() } else { [start, count].concat() };
        // A scalar is one element without directions, and each rank has the same.
        let scalar = start.is_empty();
        let all = self.comm().all_gather(&own).into_iter().enumerate();
        let all = all.filter(|(rank, block)| !block.is_empty() || (scalar && *rank == 0));
        all.map(|(rank, block)| {
            let (start, count) = block.split_at(block.len() / 2);
            (rank, start.to_vec(), count.to_vec())
        })
        .collect()
    }

    /// Reads this rank's block.
    pub fn read<T: Element>(&self, start: &[u64], count: &[u64]) -> Result<Vec<T>> {
        assert_eq!(start.len(), count.len(), "{}", self.name);
        let blocks = self.blocks(start, count);
        let read = |held: &Held| -> Result<Vec<Vec<T>>> {
            blocks.iter().map(|(_, start, count)| held.read(self.id(), start, count)).collect()
        };
        let read = self.file.agree(self.file.look(read))?;
        let mut read = read.unwrap_or_default();
        let own = blocks.iter().position(|(rank, ..)| *rank == self.comm().rank());
        if self.comm().size() == 1 {
            return Ok(own.map_or(Vec::new(), |own| read.swap_remove(own)));
        }
        let elements = own.map_or(0, |own| blocks[own].2.iter().product());
        let mut values = vec![T::zeroed(); elements as usize];
        let ranks = blocks.iter().map(|(rank, ..)| *rank);
        let sends = ranks.zip(&read).map(|(rank, values)| (rank, bytemuck::cast_slice(values)));
        let mut receives = Vec::new();
        if own.is_some() {
            receives.push((0, bytemuck::cast_slice_mut(&mut values)));
        }
        self.comm().transport().transfer(&sends.collect::<Vec<_>>(), &mut receives);
        Ok(values)
    }

    /// Whether its chunks are compressed.
    pub fn is_compressed(&self) -> Result<bool> {
        self.file.ask(|held| held.is_compressed(self.id()))
    }

    /// Whether its elements are of this type in the file.
    pub fn holds<T: Element>(&self) -> Result<bool> {
        self.file.ask(|held| held.holds::<T>(self.id()))
    }

    /// The whole of a small dataset, on every rank.
    pub fn read_all<T: Element>(&self) -> Result<Vec<T>> {
        self.file.ask_values(|held| {
            let shape = held.shape(self.id())?;
            held.read(self.id(), &vec![0; shape.len()], &shape)
        })
    }

    pub(super) fn change(&self, task: impl FnOnce(&Held, &Id) -> Result<()>) -> Result<()> {
        self.file.change(|held| task(held, self.id()))
    }

    /// On the rank that holds it.
    fn id(&self) -> &Id {
        self.held.as_ref().expect("who holds a file holds its datasets")
    }
}

/// Where the stretches of a block begin that stand in one piece in an array of this shape,
/// in elements, and how long each is.
fn runs(start: &[u64], count: &[u64], shape: &[u64]) -> (u64, Vec<u64>) {
    let partial = (0..count.len()).rev().find(|&d| count[d] != shape[d]).unwrap_or(0);
    let length = count[partial..].iter().product();
    let mut offsets = vec![0];
    for d in 0..count.len() {
        let lines = if d < partial { count[d] } else { 1 };
        let step = |above: u64| (0..lines).map(move |n| above * shape[d] + start[d] + n);
        offsets = offsets.into_iter().flat_map(step).collect();
    }
    (length, offsets)
}

impl Held {
    fn new_dataset<T: Element>(&self, path: &str, shape: &[u64], layout: Layout) -> Result<Id> {
        let name = c_string(path.as_bytes())?;
        let creation = plist(&self.path, &h5p::H5P_CLS_DATASET_CREATE)?;
        let (chunk, compressed) = match layout {
            Layout::Contiguous => (None, false),
            Layout::Chunks(chunk) | Layout::WideChunks(chunk) => (Some(chunk), false),
            Layout::Compressed(chunk) => (Some(chunk), true),
        };
        let growing = match layout {
            Layout::Contiguous => 0,
            Layout::Chunks(_) | Layout::Compressed(_) => 1,
            Layout::WideChunks(_) => 2,
        };
        let mut largest = shape.to_vec();
        largest.iter_mut().take(growing).for_each(|length| *length = h5s::H5S_UNLIMITED);
        let space = self.id(sync(|| {
            // SAFETY: both lists have one entry per direction.
            unsafe { h5s::H5Screate_simple(shape.len() as c_int, shape.as_ptr(), largest.as_ptr()) }
        }))?;
        // SAFETY: the list, the space and the file are live, `chunk` has one entry
        // per direction. Space is given out early and not filled, in every build:
        // every element is written, and files come out alike. Compressed chunks get their
        // place when their size is known; what a rank has not written yet is 0 in them.
        let raw = sync(|| unsafe {
            no_times(&creation);
            if let Some(chunk) = chunk {
                assert_eq!(chunk.len(), shape.len(), "a chunk has the rank of its dataset");
                h5p::H5Pset_chunk(creation.0, chunk.len() as c_int, chunk.as_ptr());
            }
            let (alloc, fill) = match compressed {
                true => {
                    h5p::H5Pset_shuffle(creation.0);
                    h5p::H5Pset_deflate(creation.0, DEFLATE);
                    let alloc = H5D_alloc_time_t::H5D_ALLOC_TIME_INCR;
                    (alloc, H5D_fill_time_t::H5D_FILL_TIME_ALLOC)
                }
                false => {
                    let alloc = H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY;
                    (alloc, H5D_fill_time_t::H5D_FILL_TIME_NEVER)
                }
            };
            h5p::H5Pset_alloc_time(creation.0, alloc);
            h5p::H5Pset_fill_time(creation.0, fill);
            h5d::H5Dcreate2(
                self.file.0,
                name.as_ptr(),
                T::types().0,
                space.0,
                h5p::H5P_DEFAULT,
                creation.0,
                h5p::H5P_DEFAULT,
            )
        });
        self.id(raw)
    }

    pub(super) fn open_dataset(&self, path: &str) -> Result<Id> {
        let name = c_string(path.as_bytes())?;
        // SAFETY: the file is live; the name ends in NUL.
        let raw = sync(|| unsafe { h5d::H5Dopen2(self.file.0, name.as_ptr(), h5p::H5P_DEFAULT) });
        self.id(raw).map_err(|_| self.unsound(format!("there is no dataset {path} in it")))
    }

    fn place(&self, dataset: &Id, name: &str) -> Result<Range<u64>> {
        // SAFETY: the dataset is live.
        let (start, length) = sync(|| unsafe {
            (h5d::H5Dget_offset(dataset.0), h5d::H5Dget_storage_size(dataset.0))
        });
        match start == h5::HADDR_UNDEF {
            true => Err(self.unsound(format!("{name} has no place in it"))),
            false => Ok(start..start.saturating_add(length)),
        }
    }

    fn place_of<T: Element>(&self, dataset: &Id, name: &str) -> Result<Range<u64>> {
        self.check_storage::<T>(dataset, name)?;
        let (place, shape) = (self.place(dataset, name)?, self.shape(dataset)?);
        match same_everywhere::<T>()
            && Some(place.end - place.start) == bytes(&shape, size_of::<T>())
        {
            true => Ok(place),
            false => Err(self.unsound(format!("{name} is not what it should be"))),
        }
    }

    /// Where all ranks may write themselves; none if they must not.
    fn open_to_all<T: Element>(&self, dataset: &Id) -> Result<Option<Place>> {
        let shape = self.shape(dataset)?;
        // SAFETY: the dataset is live.
        let start = sync(|| unsafe { h5d::H5Dget_offset(dataset.0) });
        let alone = is_on_nfs(&self.path)? || !same_everywhere::<T>();
        Ok((start != h5::HADDR_UNDEF && !alone).then_some(Place { start, shape }))
    }

    fn set_length(&self, dataset: &Id, direction: usize, length: u64) -> Result<()> {
        let mut shape = self.shape(dataset)?;
        // What is compressed grows in rows alone.
        if let Some(room) = self.room.as_ref().filter(|_| direction == 0) {
            room.expect(self.to_be_placed(dataset, &shape, length)?);
        }
        shape[direction] = length;
        // SAFETY: the dataset is live; `shape` has one entry per direction.
        self.check(sync(|| unsafe { h5d::H5Dset_extent(dataset.0, shape.as_ptr()) })).map(drop)
    }

    /// The bytes at most of the chunks that get their places in the file when they are
    /// written, and not when the dataset grows: those that are compressed.
    fn to_be_placed(&self, dataset: &Id, shape: &[u64], rows: u64) -> Result<u64> {
        let mut chunk = vec![1; shape.len()];
        // SAFETY: the dataset is live; `chunk` has one entry per direction.
        let (filters, size) = sync(|| unsafe {
            let creation = self.id(h5d::H5Dget_create_plist(dataset.0))?;
            let kind = self.id(h5d::H5Dget_type(dataset.0))?;
            h5p::H5Pget_chunk(creation.0, chunk.len() as c_int, chunk.as_mut_ptr());
            Ok((self.check(h5p::H5Pget_nfilters(creation.0))?, h5t::H5Tget_size(kind.0)))
        })?;
        if filters == 0 || rows <= shape[0] {
            return Ok(0);
        }
        let begun = shape[0] / chunk[0];
        let wide = |d: usize| shape[d].next_multiple_of(chunk[d]);
        let row: u64 = (1..shape.len()).map(wide).product();
        Ok((rows.div_ceil(chunk[0]) - begun) * chunk[0] * row * size as u64)
    }

    fn write<T: Element>(
        &self,
        dataset: &Id,
        start: &[u64],
        count: &[u64],
        values: &[T],
    ) -> Result<()> {
        let (memory, file) = self.spaces(dataset, start, count)?;
        // SAFETY: `values` holds as many elements as both spaces select; all identifiers are live.
        let status = sync(|| unsafe {
            let (memory_type, list) = (T::types().1, h5p::H5P_DEFAULT);
            h5d::H5Dwrite(dataset.0, memory_type, memory.0, file.0, list, values.as_ptr().cast())
        });
        self.check(status).map(drop)
    }

    fn read<T: Element>(&self, dataset: &Id, start: &[u64], count: &[u64]) -> Result<Vec<T>> {
        let expansion = if self.is_compressed(dataset)? { EXPANSION } else { 1 };
        let length = self.bytes(count, size_of::<T>(), expansion)?;
        let mut values = vec![T::zeroed(); length as usize / size_of::<T>()];
        self.check_storage::<T>(dataset, "a dataset")?;
        let (memory, file) = self.spaces(dataset, start, count)?;
        // SAFETY: `values` has room for as many elements as both spaces select; all identifiers
        // are live.
        let status = sync(|| unsafe {
            let (memory_type, list) = (T::types().1, h5p::H5P_DEFAULT);
            let buffer = values.as_mut_ptr().cast();
            h5d::H5Dread(dataset.0, memory_type, memory.0, file.0, list, buffer)
        });
        self.check(status)?;
        Ok(values)
    }

    fn is_compressed(&self, dataset: &Id) -> Result<bool> {
        // SAFETY: the dataset is live, then the list.
        sync(|| unsafe {
            let creation = self.id(h5d::H5Dget_create_plist(dataset.0))?;
            Ok(self.check(h5p::H5Pget_nfilters(creation.0))? > 0)
        })
    }

    fn holds<T: Element>(&self, dataset: &Id) -> Result<bool> {
        // SAFETY: the dataset is live, then the type.
        sync(|| unsafe {
            let kind = self.id(h5d::H5Dget_type(dataset.0))?;
            Ok(h5t::H5Tequal(kind.0, T::types().0) > 0)
        })
    }

    /// An error if the elements are of another type, or fewer are stored than the shape
    /// says, or beyond the end: HDF5 trusts its own structures, and would read beyond its buffers.
    fn check_storage<T: Element>(&self, dataset: &Id, name: &str) -> Result<()> {
        let (space, length) = (self.space(dataset)?, self.length()?);
        // SAFETY: all identifiers are live.
        let sound = sync(|| unsafe {
            let kind = self.id(h5d::H5Dget_type(dataset.0))?;
            let creation = self.id(h5d::H5Dget_create_plist(dataset.0))?;
            let elements = h5s::H5Sget_simple_extent_npoints(space.0) as u64;
            let bytes = elements.checked_mul(size_of::<T>() as u64);
            let contiguous = h5p::H5Pget_layout(creation.0) == h5d::H5D_layout_t::H5D_CONTIGUOUS;
            let is_stored = |bytes: u64| {
                let stored = h5d::H5Dget_storage_size(dataset.0);
                let end = h5d::H5Dget_offset(dataset.0).checked_add(stored);
                bytes == 0 || (bytes <= stored && end.is_some_and(|end| end <= length))
            };
            Ok(h5t::H5Tequal(kind.0, T::types().0) > 0
                && (!contiguous || bytes.is_some_and(is_stored)))
        })?;
        match sound {
            true => Ok(()),
            false => Err(self.unsound(format!("{name} is not what it should be"))),
        }
    }

    /// As many elements in memory, one after the other, and those of a block in the file.
    fn spaces(&self, dataset: &Id, start: &[u64], count: &[u64]) -> Result<(Id, Id)> {
        let space = self.space(dataset)?;
        let elements: u64 = count.iter().product();
        // SAFETY: the space is live; `start` and `count` have one entry per direction
        // of the dataset, which the assertion checks.
        sync(|| unsafe {
            let rank = h5s::H5Sget_simple_extent_ndims(space.0);
            assert_eq!(rank as usize, count.len(), "as many directions as the dataset");
            self.check(if elements == 0 {
                h5s::H5Sselect_none(space.0)
            } else if rank == 0 {
                h5s::H5Sselect_all(space.0)
            } else {
                let every = std::ptr::null();
                let set = h5s::H5S_seloper_t::H5S_SELECT_SET;
                h5s::H5Sselect_hyperslab(space.0, set, start.as_ptr(), every, count.as_ptr(), every)
            })?;
            // In memory a block has the shape that it has in the file, which lets HDF5 cut
            // both into chunks alike.
            let shape = if elements > 0 && rank > 0 { count } else { &[elements] };
            let (directions, unlimited) = (shape.len() as c_int, std::ptr::null());
            let memory = self.id(h5s::H5Screate_simple(directions, shape.as_ptr(), unlimited))?;
            Ok((memory, space))
        })
    }

    pub(super) fn space(&self, dataset: &Id) -> Result<Id> {
        // SAFETY: the dataset is live.
        self.id(sync(|| unsafe { h5d::H5Dget_space(dataset.0) }))
    }
}

/// Whether a file is on a Network File System: its clients write whole pages, over what
/// others have put there.
fn is_on_nfs(path: &Path) -> Result<bool> {
    #[cfg(target_os = "linux")]
    {
        let file = std::fs::File::open(path);
        let system = file.and_then(|file| Ok(rustix::fs::fstatfs(&file)?));
        let system = system.map_err(|error| failure::unwritten(path, error))?;
        Ok(system.f_type == rustix::fs::NFS_SUPER_MAGIC)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = path;
        Ok(false)
    }
}

/// Whether an element is in the file as it is in memory.
fn same_everywhere<T: Element>() -> bool {
    // SAFETY: types of the library.
    sync(|| unsafe { h5t::H5Tequal(T::types().0, T::types().1) > 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_falls_into_the_stretches_that_stand_in_one_piece() {
        assert_eq!(runs(&[], &[], &[]), (1, vec![0]));
        assert_eq!(runs(&[3], &[4], &[9]), (4, vec![3]));
        assert_eq!(runs(&[2, 0], &[3, 5], &[9, 5]), (15, vec![10]));
        assert_eq!(runs(&[0, 0], &[9, 5], &[9, 5]), (45, vec![0]));
        assert_eq!(runs(&[2, 1], &[2, 3], &[9, 5]), (3, vec![11, 16]));
        assert_eq!(runs(&[1, 1, 0], &[2, 2, 4], &[3, 4, 4]), (8, vec![20, 36]));
    }
}
