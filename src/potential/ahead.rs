//! What the next block of a tile will see of the rows that the sweep comes to, fetched
//! little by little while something else is worked on.
//!
//! A processor sees by itself what is read in order, but not that a sweep comes to other
//! rows. It has some sixteen lines on their way at a time, and whoever asks for more waits:
//! so each vector of pairs asks for a few atoms.

use crate::potential::lanes::WIDTH;
use crate::sweep::Tile;
use std::ops::Range;

/// One row in each of three slabs.
const ROWS: usize = 3;

/// Atoms of rows that the sweep comes to (`Tile::ahead`), portion by portion.
#[derive(Debug, Clone)]
pub struct Ahead {
    rows: [Range<usize>; ROWS],
    row: usize,
    portion: usize,
}

impl Ahead {
    /// What comes into reach with this block of so many. Rows are as long as the tile, about,
    /// so it is as large a part of them as the block is of the tile.
    #[inline(always)]
    pub fn of(tile: &Tile, block: usize, blocks: usize) -> Ahead {
        let mut rows = [const { 0..0 }; ROWS];
        let blocks = blocks.max(1);
        for (part, row) in rows.iter_mut().zip(&tile.ahead) {
            let border = |block: usize| row.start + row.len() * block.min(blocks) / blocks;
            *part = border(block)..border(block + 1);
        }
        Ahead { rows, row: 0, portion: usize::MAX }
    }

    /// In no more portions than there are vectors of so many pairs; each row may end with a
    /// smaller one.
    #[inline(always)]
    pub fn by_vectors_of(mut self, pairs: usize) -> Ahead {
        let atoms: usize = self.rows.iter().map(|row| row.len()).sum();
        self.portion = atoms.div_ceil((pairs / WIDTH).saturating_sub(ROWS).max(1));
        self
    }
}

impl Iterator for Ahead {
    type Item = Range<usize>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<usize>> {
        let row = self.rows.get_mut(self.row)?;
        let portion = row.start..row.end.min(row.start.saturating_add(self.portion));
        row.start = portion.end;
        self.row += (row.start == row.end) as usize;
        Some(portion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_together_fetch_each_atom_once_in_no_more_portions_than_vectors() {
        let tile = Tile { ahead: vec![3..90, 200..211, 400..400], ..Tile::default() };
        let blocks = 4;
        for pairs in [0, 7, 200, 1000] {
            let mut atoms = Vec::new();
            for block in 0..blocks + 1 {
                let portions: Vec<_> =
                    Ahead::of(&tile, block, blocks).by_vectors_of(pairs).collect();
                assert!(portions.len() <= (pairs / WIDTH).max(ROWS + 1), "{portions:?}");
                atoms.extend(portions.into_iter().flatten());
            }
            atoms.sort_unstable();
            assert_eq!(atoms, (3..90).chain(200..211).collect::<Vec<_>>());
        }
    }
}
