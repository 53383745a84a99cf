//! Rows of cells and the Verlet list (L. Verlet, Phys. Rev. 159 (1967) 98).
//!
//! For every owned atom all atoms (owned and ghosts) within `reach`, the range of
//! the potential plus a skin, nearest first at build time (by shells). While no atom
//! has moved more than half the skin since then, the list holds every pair within
//! the range. It decides nothing about the results: any list that covers the
//! range gives the same bits.
//!
//! A rebuild goes: `Rows::around` the owned atoms; owned atoms into the order of
//! these rows (`sort_owned`), so that atoms near in space are near in memory;
//! ghosts; then `Neighbours::build`. Rows also tell in which order owned atoms are worked
//! on, and which at the same time (`sweep`).

mod list;
mod rows;
#[cfg(test)]
mod tests;

pub use rows::{RowOrder, Rows};

/// Set in an entry of the list when this end of the pair computes it: over all
/// ranks and images exactly one of the two ends of a pair has it.
pub const MINE: u32 = 1 << 31;

/// Which entries lists keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    All,
    /// Of two owned atoms that of the end which computes the pair, and all with ghosts.
    Once,
}

/// The neighbour list of one rank.
#[derive(Debug, Clone, Default)]
pub struct Neighbours {
    /// `entries[first[i]..first[i + 1]]` belong to owned atom i; `owned + 1` long.
    pub first: Vec<usize>,
    /// Index of the neighbour, with `MINE` or without.
    pub entries: Vec<u32>,
}

impl Neighbours {
    pub fn of(&self, i: usize) -> &[u32] {
        &self.entries[self.first[i]..self.first[i + 1]]
    }

    /// The whole lists of `Kept::Once`: each pair of owned atoms at both ends, in no order.
    pub fn completed(&self) -> Neighbours {
        let owned = self.first.len().saturating_sub(1);
        let others = |i: usize| {
            self.of(i).iter().map(|entry| (entry & !MINE) as usize).filter(move |&j| j < owned)
        };
        // Where the list of each atom begins, then where its next entry goes.
        let mut first = vec![0; owned + 1];
        for i in 0..owned {
            first[i + 1] += self.of(i).len();
            others(i).for_each(|j| first[j + 1] += 1);
        }
        for i in 0..owned {
            first[i + 1] += first[i];
        }
        let mut next = first.clone();
        let mut entries = vec![0; first[owned]];
        let mut put = |list: usize, entry: u32| {
            entries[next[list]] = entry;
            next[list] += 1;
        };
        for i in 0..owned {
            self.of(i).iter().for_each(|&entry| put(i, entry));
            others(i).for_each(|j| put(j, i as u32));
        }
        Neighbours { first, entries }
    }

    /// Memory held, bytes.
    pub fn bytes(&self) -> usize {
        self.first.capacity() * size_of::<usize>() + self.entries.capacity() * size_of::<u32>()
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
