//! Entries of lists in 16 bits, whatever the number of atoms.
//!
//! Owned atoms are in the order of rows, so that those of a **block** (some that follow one
//! another) have neighbours in a few stretches of indices: in their own rows and those beside
//! them, and for ghosts in as many of each rank that they came from. A block says where up to
//! eight **windows** of 8,192 entries begin; a short of it has the number of the window in its
//! high bits and the place in that window in the others. An entry is that of the list with
//! `MINE` or without, so that these two kinds stand in different windows. Where a block
//! would need more windows it is **wide**: two shorts make an entry, the low one first.

use super::MINE;
use crate::lanes::{COARSE_WIDTH, Coarse, Lanes, PLACE_BITS, WIDTH};

/// Atoms of a block.
pub(super) const BLOCK: usize = 32;

/// Shorts behind the last list, so that sixteen entries may be read from any entry on.
pub(super) const BEHIND: usize = 2 * COARSE_WIDTH;

/// Entries are counted in buckets of so many to find windows.
const BUCKET_BITS: u32 = 10;
const BUCKETS_OF_WINDOW: u32 = 1 << (PLACE_BITS - BUCKET_BITS);

/// No entry is as great as this.
const NOWHERE: u32 = u32::MAX;

/// The windows of a block: for each what a short and its entry differ by.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(32))]
pub(super) struct Windows([u32; WIDTH]);

impl Windows {
    /// Of a block that is wide, or has no entries.
    const NONE: Windows = Windows::new([NOWHERE; WIDTH]);

    /// Windows that begin at these entries, in order, and then nowhere.
    const fn new(mut begins: [u32; WIDTH]) -> Windows {
        let mut n = 0;
        while n < WIDTH {
            begins[n] = begins[n].wrapping_sub((n as u32) << PLACE_BITS);
            n += 1;
        }
        Windows(begins)
    }

    fn begins(&self) -> [u32; WIDTH] {
        std::array::from_fn(|n| self.0[n].wrapping_add((n as u32) << PLACE_BITS))
    }

    #[inline(always)]
    fn is_wide(&self) -> bool {
        self.0[0] == NOWHERE
    }
}

/// The list of one atom.
#[derive(Clone, Copy)]
pub struct List<'a> {
    /// From its first on, `BEHIND` and more behind its last.
    shorts: &'a [u16],
    windows: &'a Windows,
    len: usize,
}

impl<'a> List<'a> {
    /// Of so many shorts, the first of these.
    #[inline(always)]
    pub(super) fn new(shorts: &'a [u16], count: usize, windows: &'a Windows) -> List<'a> {
        List { shorts, windows, len: count >> windows.is_wide() as u32 }
    }

    /// The first so many entries, or all if it has fewer.
    #[inline(always)]
    pub fn beginning(self, len: usize) -> List<'a> {
        List { len: self.len.min(len), ..self }
    }

    #[inline(always)]
    pub fn len(self) -> usize {
        self.len
    }

    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Each the index of an atom, with `MINE` or without.
    pub fn iter(self) -> impl Iterator<Item = u32> + use<'a> {
        (0..self.len).map(move |n| self.entry(n))
    }

    /// The same as indices alone.
    pub fn atoms(self) -> impl Iterator<Item = usize> + use<'a> {
        self.iter().map(|entry| (entry & !MINE) as usize)
    }

    #[inline(always)]
    fn entry(self, n: usize) -> u32 {
        if self.windows.is_wide() {
            return self.shorts[2 * n] as u32 | (self.shorts[2 * n + 1] as u32) << 16;
        }
        let short = self.shorts[n] as u32;
        self.windows.0[(short >> PLACE_BITS) as usize].wrapping_add(short)
    }

    /// Eight entries from the one at `at`, which there is, on; `rest` behind the last.
    #[inline(always)]
    pub(crate) fn eight<L: Lanes>(self, at: usize, rest: u32) -> [u32; WIDTH] {
        let count = WIDTH.min(self.len - at);
        if self.windows.is_wide() {
            return self.wide(at, rest);
        }
        let shorts = self.shorts[at..].first_chunk().expect("shorts behind the last list");
        L::expand(shorts, &self.windows.0, count, rest)
    }

    /// Sixteen of them.
    #[inline(always)]
    pub(crate) fn sixteen<C: Coarse>(self, at: usize, rest: u32) -> [u32; COARSE_WIDTH] {
        let count = COARSE_WIDTH.min(self.len - at);
        if self.windows.is_wide() {
            return self.wide(at, rest);
        }
        let shorts = self.shorts[at..].first_chunk().expect("shorts behind the last list");
        C::expand(shorts, &self.windows.0, count, rest)
    }

    #[cold]
    fn wide<const N: usize>(self, at: usize, rest: u32) -> [u32; N] {
        std::array::from_fn(|n| if at + n < self.len { self.entry(at + n) } else { rest })
    }

    /// Tells the processor that this list will be read soon.
    #[inline(always)]
    pub(crate) fn fetch<C: Coarse>(self) {
        C::fetch(&self.shorts[..self.len << self.windows.is_wide() as u32]);
    }
}

impl std::fmt::Debug for List<'_> {
    fn fmt(&self, to: &mut std::fmt::Formatter) -> std::fmt::Result {
        to.debug_list().entries(self.iter()).finish()
    }
}

/// What it takes to pack blocks.
pub(super) struct Packer {
    /// Of each bucket whether it has an entry of the block at hand; nowhere between two blocks.
    seen: Vec<bool>,
    /// Those that have.
    buckets: Vec<u32>,
    /// Of the block before, which often do for the next.
    last: Windows,
}

impl Default for Packer {
    fn default() -> Packer {
        Packer { seen: Vec::new(), buckets: Vec::new(), last: Windows::NONE }
    }
}

impl Packer {
    /// For lists that name so many atoms at most.
    pub fn ensure(&mut self, atoms: usize) {
        let buckets = 2 * ((atoms >> BUCKET_BITS) + 1);
        if self.seen.len() < buckets {
            self.seen.resize(buckets, false);
        }
    }

    /// Appends what the atoms of a block have on their lists; gives the windows, and into how
    /// many shorts an entry went.
    #[inline(always)]
    pub fn pack<L: Lanes>(&mut self, entries: &[u32], shorts: &mut Vec<u16>) -> (Windows, usize) {
        let start = shorts.len();
        shorts.resize(start + entries.len().next_multiple_of(WIDTH), 0);
        let to = &mut shorts[start..];
        let fits = !self.last.is_wide() && self.last.hold::<L>(entries, to);
        if !fits {
            self.last = self.find_windows(entries).unwrap_or(Windows::NONE);
            if self.last.is_wide() {
                shorts.truncate(start);
                shorts.extend(entries.iter().flat_map(|&e| [e as u16, (e >> 16) as u16]));
                return (Windows::NONE, 2);
            }
            self.last.hold::<L>(entries, to);
        }
        shorts.truncate(start + entries.len());
        (self.last, 1)
    }

    /// Windows that hold all these entries, if eight can.
    #[inline(never)]
    fn find_windows(&mut self, entries: &[u32]) -> Option<Windows> {
        /// With and without `MINE` side by side.
        fn place(bucket: u32) -> usize {
            const MINE_BIT: u32 = MINE >> BUCKET_BITS;
            ((bucket & !MINE_BIT) << 1 | (bucket & MINE_BIT != 0) as u32) as usize
        }
        let Packer { seen, buckets, .. } = self;
        for &entry in entries {
            let bucket = entry >> BUCKET_BITS;
            let seen = &mut seen[place(bucket)];
            if !*seen {
                *seen = true;
                buckets.push(bucket);
            }
        }
        buckets.sort_unstable();
        let mut begins = [NOWHERE; WIDTH];
        let (mut count, mut end) = (0, 0);
        for bucket in buckets.drain(..) {
            seen[place(bucket)] = false;
            if bucket >= end {
                if let Some(begin) = begins.get_mut(count) {
                    *begin = bucket << BUCKET_BITS;
                }
                count += 1;
                end = bucket + BUCKETS_OF_WINDOW;
            }
        }
        (count <= WIDTH).then_some(Windows::new(begins))
    }
}

impl Windows {
    /// Whether all these entries are in the windows; what they are there goes `to` as many
    /// shorts and some more.
    #[inline(always)]
    fn hold<L: Lanes>(&self, entries: &[u32], to: &mut [u16]) -> bool {
        let begins = self.begins();
        let windows = begins.iter().take_while(|&&begin| begin != NOWHERE).count();
        let (eights, rest) = entries.as_chunks::<WIDTH>();
        let to = to.as_chunks_mut::<WIDTH>().0;
        let mut outside = 0;
        for (eight, to) in eights.iter().zip(&mut *to) {
            outside |= L::shorten(eight, &begins, windows, to);
        }
        if let Some(to) = to.get_mut(eights.len()) {
            let mut last = [begins[0]; WIDTH];
            last[..rest.len()].copy_from_slice(rest);
            outside |= L::shorten(&last, &begins, windows, to);
        }
        outside == 0
    }
}

#[cfg(test)]
mod tests;
