//! Attributes, text, and the dimension scales by which netCDF knows a direction.

use super::held::{Held, Id, RawId, c_string, no_times, plist};
use super::{Char, Dataset, Element, File};
use crate::error::Result;
use ::hdf5::sync::sync;
use hdf5_sys::{h5, h5a, h5d, h5p, h5s, h5t};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};

// Of the high-level library, which the feature `hl` links; the crate does not
// declare them.
unsafe extern "C" {
    fn H5DSset_scale(dataset: RawId, name: *const c_char) -> c_int;
    fn H5DSattach_scale(dataset: RawId, scale: RawId, direction: c_uint) -> c_int;
}

/// Longest list of strings in an attribute that we read.
const LONGEST_LIST: i64 = 1 << 16;

/// The value of an attribute.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// A string of fixed length.
    Fixed(&'a str),
    /// A string of variable length.
    Variable(&'a str),
    /// A list of strings of one fixed length.
    FixedList(&'a [&'a str]),
    Integer(i64),
    Integers(&'a [i32]),
    Real(f64),
}

impl File<'_> {
    /// Gives the object under `path` an attribute that it does not have yet.
    pub fn set_attribute(&self, path: &str, name: &str, value: Attribute) -> Result<()> {
        self.inner.change(|held| held.set_attribute(path, name, value))
    }

    pub fn has_attribute(&self, path: &str, name: &str) -> Result<bool> {
        self.inner.ask(|held| held.has_attribute(path, name))
    }

    /// A string attribute, of fixed or variable length.
    pub fn text_attribute(&self, path: &str, name: &str) -> Result<String> {
        self.inner.ask(|held| held.text_attribute(path, name))
    }

    /// A list of strings of one fixed length.
    pub fn text_list_attribute(&self, path: &str, name: &str) -> Result<Vec<String>> {
        self.inner.ask(|held| held.text_list_attribute(path, name))
    }

    /// A single number.
    pub fn number_attribute<T: Element>(&self, path: &str, name: &str) -> Result<T> {
        self.inner
            .ask_values(|held| held.number_attribute(path, name).map(|value| vec![value]))
            .map(|values: Vec<T>| values[0])
    }

    /// A list of integers.
    pub fn numbers_attribute(&self, path: &str, name: &str) -> Result<Vec<i32>> {
        self.inner.ask(|held| held.numbers_attribute(path, name))
    }

    /// A text of any length: one string of fixed length as a dataset. (An attribute
    /// holds 64 KiB at most.)
    pub fn write_text(&self, path: &str, text: &str) -> Result<()> {
        self.inner.change(|held| held.write_text(path, text))
    }

    /// A text written by `write_text`.
    pub fn read_text(&self, path: &str) -> Result<String> {
        self.inner.ask(|held| held.read_text(path))
    }
}

impl Held {
    fn set_attribute(&self, path: &str, name: &str, value: Attribute) -> Result<()> {
        let object = self.object(path)?;
        match value {
            Attribute::Fixed(text) => {
                let kind = self.string_type(text.len().max(1))?;
                let mut bytes = text.as_bytes().to_vec();
                bytes.resize(text.len().max(1), 0);
                self.write_attribute(&object, name, (&kind, &kind), None, bytes.as_ptr().cast())
            }
            Attribute::Variable(text) => {
                let kind = self.string_type(h5t::H5T_VARIABLE)?;
                let text = c_string(text.as_bytes())?;
                let pointer = text.as_ptr();
                let value = (&raw const pointer).cast();
                self.write_attribute(&object, name, (&kind, &kind), None, value)
            }
            Attribute::FixedList(list) => {
                let length = list.iter().map(|text| text.len()).max().unwrap_or(0).max(1);
                let kind = self.string_type(length)?;
                let mut bytes = Vec::new();
                for text in list {
                    bytes.extend_from_slice(text.as_bytes());
                    bytes.resize(bytes.len().next_multiple_of(length).max(length), 0);
                }
                let shape = Some(list.len() as u64);
                self.write_attribute(&object, name, (&kind, &kind), shape, bytes.as_ptr().cast())
            }
            Attribute::Integer(value) => self.write_numbers(&object, name, &[value], None),
            Attribute::Real(value) => self.write_numbers(&object, name, &[value], None),
            Attribute::Integers(list) => {
                self.write_numbers(&object, name, list, Some(list.len() as u64))
            }
        }
    }

    fn write_numbers<T: Element>(
        &self,
        object: &Id,
        name: &str,
        values: &[T],
        shape: Option<u64>,
    ) -> Result<()> {
        // SAFETY: the constants of the library are copied, so that they can be owned.
        let (file, memory) = sync(|| unsafe {
            let (file, memory) = T::types();
            (self.id(h5t::H5Tcopy(file)), self.id(h5t::H5Tcopy(memory)))
        });
        self.write_attribute(object, name, (&file?, &memory?), shape, values.as_ptr().cast())
    }

    /// `kinds`: type in the file and in memory; `shape`: length of a list, or none
    /// for a single value; `value` points to as many elements of the memory type.
    fn write_attribute(
        &self,
        object: &Id,
        name: &str,
        kinds: (&Id, &Id),
        shape: Option<u64>,
        value: *const c_void,
    ) -> Result<()> {
        let name = c_string(name.as_bytes())?;
        // SAFETY: all identifiers are live, the name ends in NUL, and our callers
        // point `value` to as many elements as `shape` says.
        let status = sync(|| unsafe {
            let space = self.id(match &shape {
                None => h5s::H5Screate(h5s::H5S_class_t::H5S_SCALAR),
                Some(length) => h5s::H5Screate_simple(1, length, std::ptr::null()),
            })?;
            let default = h5p::H5P_DEFAULT;
            let attribute = self.id(h5a::H5Acreate2(
                object.0,
                name.as_ptr(),
                kinds.0.0,
                space.0,
                default,
                default,
            ))?;
            self.check(h5a::H5Awrite(attribute.0, kinds.1.0, value))
        });
        status.map(drop)
    }

    fn string_type(&self, size: usize) -> Result<Id> {
        // SAFETY: a copy of a constant of the library, then live.
        sync(|| unsafe {
            let kind = self.id(h5t::H5Tcopy(*h5t::H5T_C_S1))?;
            self.check(h5t::H5Tset_size(kind.0, size))?;
            self.check(h5t::H5Tset_strpad(kind.0, h5t::H5T_str_t::H5T_STR_NULLPAD))?;
            self.check(h5t::H5Tset_cset(kind.0, h5t::H5T_cset_t::H5T_CSET_UTF8))?;
            Ok(kind)
        })
    }

    fn has_attribute(&self, path: &str, name: &str) -> Result<bool> {
        let (object, name) = (self.object(path)?, c_string(name.as_bytes())?);
        // SAFETY: the object is live; the name ends in NUL.
        let found = sync(|| unsafe { h5a::H5Aexists(object.0, name.as_ptr()) });
        Ok(self.check(found)? > 0)
    }

    fn text_attribute(&self, path: &str, name: &str) -> Result<String> {
        let (attribute, kind) = self.attribute(path, name)?;
        // SAFETY: the type is live.
        if sync(|| unsafe { h5t::H5Tis_variable_str(kind.0) }) <= 0 {
            let mut list = self.text_list_attribute(path, name)?;
            return match list.len() {
                1 => Ok(list.remove(0)),
                _ => Err(self.unsound(format!("{name} of {path} is not one string"))),
            };
        }
        // SAFETY: the identifiers are live and the space is checked to hold one
        // string, which comes in memory that HDF5 gives and takes back.
        let bytes = sync(|| unsafe {
            let space = self.id(h5a::H5Aget_space(attribute.0))?;
            if h5s::H5Sget_simple_extent_npoints(space.0) != 1 {
                return Err(self.unsound(format!("{name} of {path} is not one string")));
            }
            let mut text: *mut c_char = std::ptr::null_mut();
            self.check(h5a::H5Aread(attribute.0, kind.0, (&raw mut text).cast()))?;
            if text.is_null() {
                return Ok(Vec::new());
            }
            let bytes = CStr::from_ptr(text).to_bytes().to_vec();
            h5::H5free_memory(text.cast());
            Ok(bytes)
        })?;
        Ok(trimmed(bytes))
    }

    fn text_list_attribute(&self, path: &str, name: &str) -> Result<Vec<String>> {
        let (attribute, kind) = self.attribute(path, name)?;
        // SAFETY: the identifiers are live; the type is checked to be a string of
        // fixed length, and the buffer holds as many as the space says.
        sync(|| unsafe {
            let space = self.id(h5a::H5Aget_space(attribute.0))?;
            let points = h5s::H5Sget_simple_extent_npoints(space.0);
            let (class, length) = (h5t::H5Tget_class(kind.0), h5t::H5Tget_size(kind.0));
            if class != h5t::H5T_class_t::H5T_STRING
                || h5t::H5Tis_variable_str(kind.0) != 0
                || !(0..=LONGEST_LIST).contains(&points)
            {
                return Err(self.unsound(format!("{name} of {path} is not text")));
            }
            let size = self.bytes(&[points as u64], length.max(1), 1)?;
            let mut bytes = vec![0u8; size as usize];
            self.check(h5a::H5Aread(attribute.0, kind.0, bytes.as_mut_ptr().cast()))?;
            Ok(bytes.chunks(length.max(1)).map(|text| trimmed(text.to_vec())).collect())
        })
    }

    fn number_attribute<T: Element>(&self, path: &str, name: &str) -> Result<T> {
        let (attribute, _) = self.attribute(path, name)?;
        let mut value = T::zeroed();
        // SAFETY: the identifiers are live; the space is checked to hold one element,
        // which fits `value`.
        sync(|| unsafe {
            let space = self.id(h5a::H5Aget_space(attribute.0))?;
            if h5s::H5Sget_simple_extent_npoints(space.0) != 1 {
                return Err(self.unsound(format!("{name} of {path} is not one number")));
            }
            self.check(h5a::H5Aread(attribute.0, T::types().1, (&raw mut value).cast()))
        })?;
        Ok(value)
    }

    fn numbers_attribute(&self, path: &str, name: &str) -> Result<Vec<i32>> {
        let (attribute, _) = self.attribute(path, name)?;
        // SAFETY: the identifiers are live, and the buffer holds as many numbers as the
        // space says; HDF5 refuses what is no number.
        sync(|| unsafe {
            let space = self.id(h5a::H5Aget_space(attribute.0))?;
            let points = h5s::H5Sget_simple_extent_npoints(space.0);
            if !(0..=LONGEST_LIST).contains(&points) {
                return Err(self.unsound(format!("{name} of {path} is no list of numbers")));
            }
            let mut list = vec![0; points as usize];
            let memory = <i32 as Element>::types().1;
            self.check(h5a::H5Aread(attribute.0, memory, list.as_mut_ptr().cast()))?;
            Ok(list)
        })
    }

    fn attribute(&self, path: &str, name: &str) -> Result<(Id, Id)> {
        let (object, c_name) = (self.object(path)?, c_string(name.as_bytes())?);
        // SAFETY: the object is live; the name ends in NUL.
        let raw = sync(|| unsafe { h5a::H5Aopen(object.0, c_name.as_ptr(), h5p::H5P_DEFAULT) });
        let attribute =
            self.id(raw).map_err(|_| self.unsound(format!("{path} lacks the attribute {name}")))?;
        // SAFETY: the attribute is live.
        let kind = self.id(sync(|| unsafe { h5a::H5Aget_type(attribute.0) }))?;
        Ok((attribute, kind))
    }

    fn write_text(&self, path: &str, text: &str) -> Result<()> {
        let kind = self.string_type(text.len().max(1))?;
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(text.len().max(1), 0);
        let name = c_string(path.as_bytes())?;
        let creation = plist(&self.path, &h5p::H5P_CLS_DATASET_CREATE)?;
        // SAFETY: all identifiers are live; `bytes` has the length of the type.
        let written = sync(|| unsafe {
            no_times(&creation);
            let space = self.id(h5s::H5Screate(h5s::H5S_class_t::H5S_SCALAR))?;
            let (file, default) = (self.file.0, h5p::H5P_DEFAULT);
            h5p::H5Pset_alloc_time(creation.0, h5d::H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY);
            h5p::H5Pset_fill_time(creation.0, h5d::H5D_fill_time_t::H5D_FILL_TIME_NEVER);
            let dataset = self.id(h5d::H5Dcreate2(
                file,
                name.as_ptr(),
                kind.0,
                space.0,
                default,
                creation.0,
                default,
            ))?;
            self.check(h5d::H5Dwrite(
                dataset.0,
                kind.0,
                space.0,
                space.0,
                h5p::H5P_DEFAULT,
                bytes.as_ptr().cast(),
            ))
        });
        written.map(drop)
    }

    fn read_text(&self, path: &str) -> Result<String> {
        let dataset = self.open_dataset(path)?;
        // SAFETY: the identifiers are live; the type is checked to be a string of
        // fixed length and the space to hold one, so it fits the buffer.
        let bytes = sync(|| unsafe {
            let kind = self.id(h5d::H5Dget_type(dataset.0))?;
            let space = self.id(h5d::H5Dget_space(dataset.0))?;
            let class = h5t::H5Tget_class(kind.0);
            if class != h5t::H5T_class_t::H5T_STRING
                || h5t::H5Tis_variable_str(kind.0) != 0
                || h5s::H5Sget_simple_extent_npoints(space.0) != 1
            {
                return Err(self.unsound(format!("{path} is not a text")));
            }
            let size = self.bytes(&[1], h5t::H5Tget_size(kind.0), 1)?;
            let mut bytes = vec![0u8; size as usize];
            self.check(h5d::H5Dread(
                dataset.0,
                kind.0,
                h5s::H5S_ALL,
                h5s::H5S_ALL,
                h5p::H5P_DEFAULT,
                bytes.as_mut_ptr().cast(),
            ))?;
            Ok(bytes)
        });
        bytes.map(trimmed)
    }
}

impl Dataset<'_> {
    /// Makes the dataset the scale of a direction under this name.
    pub fn make_scale(&self, name: &str) -> Result<()> {
        self.change(|held, id| {
            let name = c_string(name.as_bytes())?;
            // SAFETY: the dataset is live; the name ends in NUL.
            held.check(sync(|| unsafe { H5DSset_scale(id.0, name.as_ptr()) })).map(drop)
        })
    }

    /// Says that direction `direction` of this dataset is that of `scale`.
    pub fn attach_scale(&self, scale: &Dataset, direction: usize) -> Result<()> {
        self.change(|held, id| {
            let scale = scale.held.as_ref().expect("this rank holds all datasets of the file");
            // SAFETY: both datasets are live; HDF5 checks the direction.
            let status = sync(|| unsafe { H5DSattach_scale(id.0, scale.0, direction as c_uint) });
            held.check(status).map(drop)
        })
    }
}

impl Char {
    pub fn list(text: &str) -> Vec<Char> {
        text.bytes().map(Char).collect()
    }
}

/// A string without the NUL characters that pad it.
fn trimmed(mut bytes: Vec<u8>) -> String {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
