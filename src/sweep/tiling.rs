//! How the atoms of a rank are cut into tiles, and in which order a thread passes over these.
//!
//! Tiles make a grid, slabs one way and parts of slabs (some rows each) the other, of which
//! a tile sees no more than the eight around its own. What a sweep over whole slabs touches
//! grows with them: the sums of five slabs and the records of three. Where slabs are thin
//! that stays in the second-level cache, where they are thick it does not. So thick slabs
//! are cut into **columns**, and a sweep goes along one column after another, slab by slab:
//!
//! ```text
//!  slab    column 0   column 1             What is at either side of the border between two
//!   0      0  1  2    9 10 11              columns waits until the sweep comes by again. So
//!   1      3  4  5   12 13 14   band 0     that this is not much at any time, columns end
//!   2      6  7  8   15 16 17              with a band of slabs, behind which the next band
//!  -----------------------------           begins with its first column.
//!   3     18 19 20   27 28 29   band 1
//! ```

use super::Tile;
use crate::neighbour::Rows;
use std::ops::Range;

/// What decides how tiles are cut. Changes speed and memory, never results.
#[derive(Debug, Clone, Copy)]
pub struct Measures {
    /// Atoms of a whole slab, at least, if there are enough for all threads: beginning and
    /// ending a tile costs a microsecond or two, and a vector that is not full for each kind
    /// of record.
    pub slab_atoms: usize,
    /// Atoms of a slab in one column, about: for each some 2 kB of sums and records are in use
    /// at a time, counting all slabs that are.
    pub column_atoms: usize,
    /// Parts of a slab in one column, at least: two on either side see the next column, and
    /// wait for it.
    pub column_parts: usize,
    /// Atoms of such a part.
    pub part_atoms: usize,
    /// Slabs of a band: two on either side see the next one.
    pub band_slabs: usize,
}

impl Default for Measures {
    fn default() -> Measures {
        Measures {
            slab_atoms: 1000,
            column_atoms: 4000,
            column_parts: 12,
            part_atoms: 300,
            band_slabs: 24,
        }
    }
}

impl Measures {
    /// Parts that a slab is cut into if it is cut, for so many slabs and rows in each (`Rows::counts`).
    fn parts(&self, atoms: usize, [slabs, per_slab]: [usize; 2]) -> usize {
        (atoms / slabs / self.part_atoms).clamp(1, per_slab)
    }

    /// Columns that one thread cuts slabs into; below two, slabs stay whole.
    pub fn columns(&self, atoms: usize, counts: [usize; 2]) -> usize {
        let most = self.parts(atoms, counts) / self.column_parts;
        (atoms / counts[0] / self.column_atoms).min(most)
    }
}

/// Tiles per thread that keep all threads busy to the end, though those next to a tile under
/// way have to wait: one in three at most is under way where tiles are slabs, ...
const SLABS_PER_THREAD: usize = 6;
/// ... one in nine where they are rows.
const ROWS_PER_THREAD: usize = 18;

/// Tiles before they have an order.
#[derive(Debug, Clone)]
pub struct Tiling {
    threads: usize,
    /// The atoms of each, by slab and part; all slabs have as many parts.
    grid: Vec<Vec<Range<usize>>>,
    columns: usize,
    band_slabs: usize,
}

impl Tiling {
    /// For owned atoms in the order of `rows`, cell c beginning at `first[c]`.
    pub fn new(rows: &Rows, first: &[u32], threads: usize, measures: Measures) -> Tiling {
        let [slabs, per_slab] = rows.counts();
        let rows_of = |slabs: Range<usize>, part: Range<usize>| {
            let start = rows.number(slabs.start, part.start);
            let end = rows.number(slabs.end - 1, part.end - 1) + 1;
            let cells = rows.pieces_of(start..end);
            first[cells.start] as usize..first[cells.end] as usize
        };
        let parts_of_slabs = |parts: usize| -> Vec<Vec<Range<usize>>> {
            let border = |part: usize| part * per_slab / parts;
            let part = |slab: usize, n: usize| rows_of(slab..slab + 1, border(n)..border(n + 1));
            (0..slabs).map(|slab| (0..parts).map(|n| part(slab, n)).collect()).collect()
        };
        let atoms = rows_of(0..slabs, 0..per_slab).len();
        if threads > 1 && slabs < SLABS_PER_THREAD * threads {
            let parts = (ROWS_PER_THREAD * threads).div_ceil(slabs).min(per_slab);
            let grid = parts_of_slabs(parts);
            return Tiling { threads, grid, columns: 1, band_slabs: 1 };
        }
        let parts = measures.parts(atoms, [slabs, per_slab]);
        let columns = measures.columns(atoms, [slabs, per_slab]);
        if columns > 1 {
            let band_slabs = measures.band_slabs;
            let grid = parts_of_slabs(parts);
            return Tiling { threads, grid, columns, band_slabs };
        }
        let enough = match threads {
            1 => measures.slab_atoms,
            _ => measures.slab_atoms.min(atoms / (SLABS_PER_THREAD * threads)),
        };
        let mut grid = Vec::new();
        let mut start = 0;
        for end in 1..=slabs {
            let together = rows_of(start..end, 0..per_slab);
            if together.len() >= enough || end == slabs {
                grid.push(vec![together]);
                start = end;
            }
        }
        Tiling { threads, grid, columns: 1, band_slabs: 1 }
    }

    /// For how many the tiles were cut.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The tiles in the order of a sweep.
    pub fn tiles(&self) -> Vec<Tile> {
        let (slabs, parts) = (self.grid.len(), self.grid[0].len());
        let border = |column: usize| column * parts / self.columns;
        let mut order = Vec::with_capacity(slabs * parts);
        for band in self.bands() {
            for column in 0..self.columns {
                for slab in band.clone() {
                    order.extend((border(column)..border(column + 1)).map(|part| (slab, part)));
                }
            }
        }
        let mut place = vec![0; order.len()];
        for (n, (slab, part)) in order.iter().enumerate() {
            place[slab * parts + part] = n;
        }
        let around = |n: usize, end: usize| n.saturating_sub(1)..(n + 2).min(end);
        let ends_column = |part: usize| (1..=self.columns).any(|n| border(n) == part + 1);
        let tile = |(slab, part): (usize, usize)| {
            let near = around(slab, slabs)
                .flat_map(|slab| around(part, parts).map(move |part| slab * parts + part));
            // In thin slabs they are in the cache still.
            let next = (self.columns > 1 && part + 1 < parts).then_some(part + 1);
            let ahead = around(slab, slabs).flat_map(|slab| Some(self.grid[slab][next?].clone()));
            Tile {
                atoms: self.grid[slab][part].clone(),
                near: near.map(|tile| place[tile]).collect(),
                ahead: ahead.collect(),
                leads_on: self.columns > 1 && !ends_column(part),
                ..Tile::default()
            }
        };
        order.into_iter().map(tile).collect()
    }

    fn bands(&self) -> impl Iterator<Item = Range<usize>> {
        let slabs = self.grid.len();
        let band = self.band_slabs;
        (0..slabs).step_by(band).map(move |first| first..(first + band).min(slabs))
    }

    /// How many atoms stand from the first to the last to which one thread gives something,
    /// or of which it still needs something, at the same time in a sweep over all tiles.
    ///
    /// When a band begins, the forces of the second slab before it are still to come, and
    /// need what belongs to the third; at its end it gives to the slab behind it.
    pub fn most_in_use(&self) -> usize {
        let last = self.grid.len() - 1;
        let in_use = |band: Range<usize>| {
            let (from, to) = (band.start.saturating_sub(3), band.end.min(last));
            self.grid[to][self.grid[to].len() - 1].end - self.grid[from][0].start
        };
        self.bands().map(in_use).max().unwrap_or(0)
    }
}
