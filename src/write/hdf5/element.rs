//! What arrays are made of: numbers, characters and short texts, in a file and in memory.

use super::held::RawId;
use hdf5_sys::h5t;
use std::sync::OnceLock;

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

impl<T: Element + Send + Sync> Row for [T; 6] {
    type Number = T;
}

/// One ASCII character (netCDF's NC_CHAR).
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Char(pub u8);

/// A short text, padded with NUL.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Text([u8; Text::LENGTH]);

impl Text {
    pub const LENGTH: usize = 64;

    /// As much of a text as there is room for.
    pub fn new(text: &str) -> Text {
        let mut bytes = [0; Text::LENGTH];
        let ends = |&end: &usize| text.is_char_boundary(end);
        let end = (0..=text.len().min(Text::LENGTH)).rev().find(ends).unwrap_or(0);
        bytes[..end].copy_from_slice(&text.as_bytes()[..end]);
        Text(bytes)
    }
}

impl Element for Text {
    fn types() -> (RawId, RawId) {
        static KIND: OnceLock<RawId> = OnceLock::new();
        // SAFETY: a copy of a constant of the library, kept to the end of the program.
        let kind = *KIND.get_or_init(|| unsafe {
            let kind = h5t::H5Tcopy(*h5t::H5T_C_S1);
            h5t::H5Tset_size(kind, Text::LENGTH);
            h5t::H5Tset_strpad(kind, h5t::H5T_str_t::H5T_STR_NULLPAD);
            h5t::H5Tset_cset(kind, h5t::H5T_cset_t::H5T_CSET_UTF8);
            kind
        });
        (kind, kind)
    }
}

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
