//! The end of a growing file, told before anything refers to what lies there.
//!
//! HDF5 writes its superblock, which says how far the file reaches, as the last
//! part of a flush. If the program is killed in the middle of one, arrays may
//! already point beyond that end, and no reader opens them: of 40 files that grew
//! at full speed and were killed at random, 3 were lost. So the end is written
//! first, by hand. It tells no more than the truth: the file does reach so far.
//!
//! Format: HDF5 File Format Specification 3.0, II.A, superblock version 2;
//! checksum: lookup3 of Bob Jenkins (2006), as appendix "Checksum" there says.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

const SIGNATURE: &[u8; 8] = b"\x89HDF\r\n\x1a\n";
const LENGTH: usize = 48;
/// Where the end of the file stands in the superblock, 8 bytes.
const END: usize = 28;
/// Where its checksum stands, 4 bytes.
const CHECKSUM: usize = 44;

/// Says in a file without a user block how far it reaches, so that a flush can be
/// interrupted anywhere.
pub(super) fn announce(file: &File, end: u64) -> std::io::Result<()> {
    let mut block = [0; LENGTH];
    file.read_exact_at(&mut block, 0)?;
    if !with_end(&mut block, end) {
        return Err(std::io::Error::other("its superblock is not the one that HDF5 wrote"));
    }
    if file.metadata()?.len() < end {
        file.set_len(end)?;
    }
    file.write_all_at(&block, 0)
}

/// Cuts a file without a user block, which HDF5 has closed, to where it says that it ends: on
/// closing, HDF5 gives back what is left of the places for its structure.
pub(super) fn cut_to_end(file: &File) -> std::io::Result<()> {
    let mut block = [0; LENGTH];
    file.read_exact_at(&mut block, 0)?;
    let end = u64::from_le_bytes(block[END..END + 8].try_into().expect("eight bytes"));
    match is_sound(&block) && end < file.metadata()?.len() {
        true => file.set_len(end),
        false => Ok(()),
    }
}

/// Sets the end in a superblock of version 2; false if this is not a sound one.
fn with_end(block: &mut [u8; LENGTH], end: u64) -> bool {
    if !is_sound(block) {
        return false;
    }
    block[END..END + 8].copy_from_slice(&end.to_le_bytes());
    let sum = checksum(block);
    block[CHECKSUM..].copy_from_slice(&sum);
    true
}

/// Version 2, with addresses and lengths of 8 bytes.
fn is_sound(block: &[u8; LENGTH]) -> bool {
    let known = block.starts_with(SIGNATURE) && block[8..11] == [2, 8, 8];
    known && block[CHECKSUM..] == checksum(block)
}

fn checksum(block: &[u8; LENGTH]) -> [u8; 4] {
    lookup3(&block[..CHECKSUM]).to_le_bytes()
}

/// Why HDF5 does not open this file.
pub fn why_closed(path: &Path) -> String {
    if path.is_dir() {
        return "this is a folder".into();
    }
    let mut block = [0; LENGTH];
    let found = OpenOptions::new().read(true).open(path).and_then(|file| {
        let length = file.metadata()?.len();
        let there = file.read_at(&mut block, 0)?;
        Ok((length, block[..there].starts_with(SIGNATURE)))
    });
    match found {
        Err(error) => error.to_string(),
        Ok((_, false)) => "this is not an HDF5 file, or its beginning is damaged".into(),
        Ok((length, true)) => {
            let end = u64::from_le_bytes(block[END..END + 8].try_into().expect("eight bytes"));
            if is_sound(&block) && length < end {
                format!("it was cut short: {length} bytes are there, of {end}")
            } else {
                "its beginning is damaged".into()
            }
        }
    }
}

/// lookup3, "hashlittle" with initial value 0: the checksum of HDF5's own structures.
pub fn lookup3(bytes: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let (mut a, mut b, mut c) = (start, start, start);
    let mut rest = bytes;
    loop {
        let taken = rest.len().min(12);
        let mut words = [0; 12];
        words[..taken].copy_from_slice(&rest[..taken]);
        let word = |n: usize| u32::from_le_bytes(words[4 * n..4 * n + 4].try_into().expect("4"));
        if taken == 0 {
            return c; // only for no bytes at all
        }
        a = a.wrapping_add(word(0));
        b = b.wrapping_add(word(1));
        c = c.wrapping_add(word(2));
        rest = &rest[taken..];
        if rest.is_empty() {
            break;
        }
        for (left, middle, right, turn) in
            [(0, 2, 1, 4), (1, 0, 2, 6), (2, 1, 0, 8), (0, 2, 1, 16), (1, 0, 2, 19), (2, 1, 0, 4)]
        {
            let mut v = [a, b, c];
            v[left] = v[left].wrapping_sub(v[middle]) ^ v[middle].rotate_left(turn);
            v[middle] = v[middle].wrapping_add(v[right]);
            [a, b, c] = v;
        }
    }
    for (target, source, turn) in
        [(2, 1, 14), (0, 2, 11), (1, 0, 25), (2, 1, 16), (0, 2, 4), (1, 0, 14), (2, 1, 24)]
    {
        let mut v = [a, b, c];
        v[target] = (v[target] ^ v[source]).wrapping_sub(v[source].rotate_left(turn));
        [a, b, c] = v;
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lookup3_is_that_of_its_author() {
        // From the self-test printed in the author's lookup3.c.
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }
}
