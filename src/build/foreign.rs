//! Files that are of another format than their name or the input says, told by how they begin.

use crate::error::{Error, Result};
use crate::input::StructureFormat;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How files begin that no reader here reads, what they are, and what to do.
const UNREAD: [(&[u8], &str, &str); 8] = [
    (b"CDF", "netCDF in its classic form, which is not read", CONVERT),
    (b"\x1f\x8b", "compressed with gzip", "unpack it first (gunzip)"),
    (b"BZh", "compressed with bzip2", "unpack it first (bunzip2)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it first (unzstd)"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first (unxz)"),
    (b"PK\x03\x04", "a zip archive", "unpack it first (unzip)"),
    (b"\xff\xfe", "text in UTF-16", "save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "text in UTF-16", "save it as UTF-8 (iconv -f UTF-16 -t UTF-8)"),
];

const CONVERT: &str = "make extended XYZ of it, with OVITO or ASE";

/// How those begin that are read.
const READ: [(&[u8], StructureFormat); 2] =
    [(b"ITEM: ", StructureFormat::LammpsDump), (b"\x89HDF\r\n\x1a\n", StructureFormat::H5md)];

/// An error where the file begins as one of another format does.
pub fn refuse(path: &Path, format: Option<StructureFormat>) -> Result<()> {
    let mut begin = Vec::new();
    // Whether it can be read at all, its reader says.
    let Ok(file) = File::open(path) else { return Ok(()) };
    if file.take(16).read_to_end(&mut begin).is_err() {
        return Ok(());
    }
    let bad = |message: String| Err(Error::input(path, 0, 0, message));
    if let Some((_, what, advice)) = UNREAD.iter().find(|(magic, ..)| begin.starts_with(magic)) {
        return bad(format!("this file is {what}: {advice}"));
    }
    let other = READ.iter().find(|(magic, other)| {
        begin.starts_with(magic) && format.is_some_and(|format| format != *other)
    });
    match (other, format) {
        (Some((_, is)), Some(format)) => bad(format!(
            "this file is {}, and by its name or `format` {}: name it so, or write `format`",
            is.name(),
            format.name()
        )),
        _ => Ok(()),
    }
}
