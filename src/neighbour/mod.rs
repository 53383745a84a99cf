//! Rows of cells and the Verlet list (L. Verlet, Phys. Rev. 159 (1967) 98).
//!
//! For every owned atom all atoms (owned and ghosts) within `reach`, the range of
//! the potential plus a skin, nearest first at build time (by shells). While no atom
//! has moved more than half the skin since then, the list holds every pair within
//! the range; and while none has moved as far, its beginning does (`within_range`). It decides nothing about the results: any list that covers the
//! range gives the same bits.
//!
//! A rebuild goes: `Rows::around` the owned atoms; owned atoms into the order of
//! these rows (`sort_owned`), so that atoms near in space are near in memory;
//! ghosts; then `Neighbours::build`. Rows also tell in which order owned atoms are worked
//! on, and which at the same time (`sweep`).

use crate::lanes::portable::Portable;
use std::ops::Range;

mod list;
mod packed;
mod portion;
mod rows;
#[cfg(test)]
mod tests;

pub use packed::List;
use packed::{BEHIND, BLOCK, Packer, Windows};
pub use portion::{Portion, WholeLists};
pub use rows::{RowOrder, Rows};

/// Set in an entry of the list when this end of the pair computes it: over all
/// ranks and images exactly one of the two ends of a pair has it.
pub const MINE: u32 = 1 << 31;

/// Which entries lists keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kept {
    #[default]
    All,
    /// Of two owned atoms that of the end which computes the pair, and all with ghosts.
    Once,
}

/// The neighbour list of one rank.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// `shorts[first[i]..first[i + 1]]` belong to owned atom i; `owned + 1` long.
    first: Vec<usize>,
    /// Entries as `packed` has them, and `BEHIND` more.
    shorts: Vec<u16>,
    /// Of each block.
    windows: Vec<Windows>,
    count: Count,
    /// Which entries there are. Who looks at pairs takes any (`pairs_of`), and who looks at
    /// all that stands around an atom makes whole lists of a few atoms at a time (`portions`).
    kept: Kept,
    /// Of each owned atom how many entries, the first of its list, can be within range while no
    /// atom has moved farther than 1/4, 2/4 and 3/4 of half the skin; `MANY`: that or more.
    /// Of half lists only: kernels look at whole ones by sixteens, of which it would spare none.
    nearer: Vec<[u8; QUARTERS]>,
    /// So many quarters of half the skin some atom has moved.
    moved: usize,
    /// How often lists were built here.
    number: u64,
}

/// How many entries there are, and how many of those name ghosts.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    all: usize,
    ghosts: usize,
}

impl Count {
    #[inline(always)]
    fn of(entries: &[u32], owned: usize) -> Count {
        let mut ghosts = 0;
        for entry in entries {
            ghosts += ((entry & !MINE) >= owned as u32) as u32;
        }
        Count { all: entries.len(), ghosts: ghosts as usize }
    }

    fn add(&mut self, more: Count) {
        self.all += more.all;
        self.ghosts += more.ghosts;
    }
}

const QUARTERS: usize = 3;
const MANY: u8 = u8::MAX;

impl Neighbours {
    /// The lists of owned atoms, each entry the index of a neighbour, with `MINE` or without.
    pub fn new(kept: Kept, lists: &[Vec<u32>]) -> Neighbours {
        let mut neighbours = Neighbours { first: vec![0], kept, ..Neighbours::default() };
        let mut packer = Packer::default();
        let atoms = lists.iter().flatten().map(|entry| (entry & !MINE) as usize + 1).max();
        packer.ensure(atoms.unwrap_or(0));
        for block in lists.chunks(BLOCK) {
            let entries = block.concat();
            neighbours.count.add(Count::of(&entries, lists.len()));
            let (windows, each) = packer.pack::<Portable>(&entries, &mut neighbours.shorts);
            neighbours.windows.push(windows);
            for list in block {
                neighbours
                    .first
                    .push(neighbours.first[neighbours.first.len() - 1] + each * list.len());
            }
        }
        neighbours.shorts.extend([0; BEHIND]);
        neighbours
    }

    /// Atoms that have lists.
    pub fn owned(&self) -> usize {
        self.first.len().saturating_sub(1)
    }

    /// Which lists these are of all that were built here one after the other.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Which entries there are.
    pub fn kept(&self) -> Kept {
        self.kept
    }

    #[inline(always)]
    pub fn of(&self, i: usize) -> List<'_> {
        let (start, end) = (self.first[i], self.first[i + 1]);
        List::new(&self.shorts[start..], end - start, &self.windows[i / BLOCK])
    }

    /// No more entries than these atoms have together.
    #[inline(always)]
    pub fn most_of(&self, atoms: Range<usize>) -> usize {
        self.first[atoms.end] - self.first[atoms.start]
    }

    /// How many entries whole lists have.
    pub fn whole_count(&self) -> usize {
        match self.kept {
            Kept::All => self.count.all,
            Kept::Once => 2 * self.count.all - self.count.ghosts,
        }
    }

    /// The entries of atom i that may be within range now; those behind them are not.
    #[inline(always)]
    pub fn within_range(&self, i: usize) -> List<'_> {
        let list = self.of(i);
        match self.nearer.get(i).and_then(|nearer| nearer.get(self.moved)) {
            Some(&count) if count != MANY => list.beginning(count as usize),
            _ => list,
        }
    }

    /// Takes notice that no atom has moved farther than this part of half the skin since the
    /// list was built.
    pub fn note_displacement(&mut self, part: f64) {
        self.moved = (part * (QUARTERS + 1) as f64) as usize;
    }

    /// The other atoms of pairs that are looked at from owned atom i: each pair of owned
    /// atoms comes from one of its ends, each with a ghost from the owned one.
    pub fn pairs_of(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        self.others(self.of(i))
    }

    /// Those of them that may be within range now.
    pub fn near_pairs_of(&self, i: usize) -> impl Iterator<Item = usize> + '_ {
        self.others(self.within_range(i))
    }

    fn others<'a>(&self, list: List<'a>) -> impl Iterator<Item = usize> + use<'a> {
        let owned = self.owned() as u32;
        let counts = move |entry: u32| entry & MINE != 0 || entry >= owned;
        list.iter().filter(move |entry| counts(*entry)).map(|entry| (entry & !MINE) as usize)
    }

    /// How many neighbours each owned atom has, whichever of them are kept.
    pub fn counts(&self) -> Vec<u32> {
        let owned = self.owned();
        let mut counts = vec![0; owned];
        for i in 0..owned {
            for j in self.pairs_of(i) {
                counts[i] += 1;
                if let Some(other) = counts.get_mut(j) {
                    *other += 1;
                }
            }
        }
        counts
    }

    /// Memory that so many lists take with so many entries together where they are whole, bytes.
    pub fn bytes_of(kept: Kept, atoms: usize, entries: usize) -> usize {
        let of_atom = match kept {
            Kept::All => size_of::<usize>(),
            Kept::Once => size_of::<usize>() + size_of::<[u8; QUARTERS]>(),
        };
        let entries = match kept {
            Kept::All => entries,
            Kept::Once => entries / 2,
        };
        atoms * of_atom + atoms.div_ceil(BLOCK) * size_of::<Windows>() + entries * size_of::<u16>()
    }
}

/// Whether the end with id `mine` computes the pair of two atoms that do not both
/// belong to this rank's owned atoms; `d` is the vector from it to the other end.
/// Exactly one end gets `true`; the parity spreads the pairs over both.
#[inline]
pub fn computes_pair(mine: u64, other: u64, d: [f64; 3]) -> bool {
    if mine == other {
        // An atom and its own image: the one that lies in the positive direction.
        return d.iter().find(|x| **x != 0.0).is_some_and(|x| *x > 0.0);
    }
    ((mine ^ other) & 1 == 0) == (mine < other)
}
