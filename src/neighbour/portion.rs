//! Whole lists of a few atoms at a time, of whatever lists there are.
//!
//! Half lists (`Kept::Once`) name a pair of owned atoms at the earlier of the two. What an atom
//! lacks stands with earlier atoms, and as these are in the order of rows, those that may have
//! it are few: from the first that names an atom of the portion on. So nobody ever holds the
//! whole lists of all atoms.

use super::{Kept, Neighbours};
use std::ops::Range;

/// Atoms of a portion: no fewer, that threads may share a small system, and no more, as lists
/// are made anew for each.
const LEAST: usize = 2048;
const MOST: usize = 32768;

/// Owned atoms one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Portion {
    pub atoms: Range<usize>,
    /// No atom before this one names any of them.
    from: usize,
}

/// The neighbours of the atoms of a portion, each at both ends of a pair; in no order.
pub struct WholeLists {
    begin: usize,
    first: Vec<u32>,
    entries: Vec<u32>,
}

impl WholeLists {
    pub fn of(&self, i: usize) -> &[u32] {
        let WholeLists { begin, first, entries } = self;
        &entries[first[i - begin] as usize..first[i - begin + 1] as usize]
    }
}

/// How many atoms a portion has.
fn size(owned: usize, threads: usize) -> usize {
    (owned / (8 * threads)).clamp(LEAST, MOST)
}

impl Neighbours {
    /// Bytes of the whole lists that so many threads have at a time, with so many entries of an atom.
    pub fn bytes_of_portions(owned: usize, threads: usize, entries: f64) -> usize {
        let atoms = (threads * size(owned, threads)).min(owned);
        (atoms as f64 * entries) as usize * size_of::<u32>()
    }

    /// All owned atoms, in portions that `threads` may share.
    pub fn portions(&self, threads: usize) -> Vec<Portion> {
        let owned = self.owned();
        let size = size(owned, threads);
        let mut from: Vec<usize> = (0..owned).step_by(size).collect();
        if self.kept == Kept::Once {
            for i in 0..owned {
                for j in self.pairs_of(i).filter(|&j| j < owned) {
                    from[j / size] = from[j / size].min(i);
                }
            }
        }
        let portion = |(n, from)| Portion { atoms: n * size..owned.min((n + 1) * size), from };
        from.into_iter().enumerate().map(portion).collect()
    }

    pub fn whole_of(&self, portion: &Portion) -> WholeLists {
        let Portion { atoms, from } = portion;
        let begin = atoms.start;
        if self.kept == Kept::All {
            let (mut first, mut entries) = (vec![0], Vec::new());
            for i in atoms.clone() {
                entries.extend(self.of(i).atoms().map(|j| j as u32));
                first.push(entries.len() as u32);
            }
            return WholeLists { begin, first, entries };
        }
        // Each entry of the lists of these atoms: whose it is, and the atom that it names.
        let each = |put: &mut dyn FnMut(usize, usize)| {
            for i in *from..atoms.end {
                for j in self.pairs_of(i) {
                    if i >= begin {
                        put(i - begin, j);
                    }
                    if atoms.contains(&j) {
                        put(j - begin, i);
                    }
                }
            }
        };
        let mut first = vec![0u32; atoms.len() + 1];
        each(&mut |list, _| first[list + 1] += 1);
        for list in 0..atoms.len() {
            first[list + 1] += first[list];
        }
        let mut next = first.clone();
        let mut entries = vec![0; first[atoms.len()] as usize];
        each(&mut |list, other| {
            entries[next[list] as usize] = other as u32;
            next[list] += 1;
        });
        WholeLists { begin, first, entries }
    }
}
