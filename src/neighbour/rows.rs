//! Space in rows: bars of rectangular cross-section, at least `reach` wide either
//! way, cut across into short pieces. All atoms within reach of an atom stand
//! in its own row or the eight around it, there in one stretch of pieces.
//!
//! Rows run along the shortest extent of the owned atoms; row (a, b) has number
//! a × (count_b + 2) + b, counting a border of one row all round that takes what
//! lies outside the owned atoms' extent (ghosts). Rows of equal a form a slab.
//!
//! Why not cells as wide as reach in three directions: a stretch of a row, as long as
//! the sphere about the atom is there, holds fewer candidates than three cells and is
//! contiguous in memory. Why pieces and not atoms in order along the row: an atom's
//! piece is arithmetic, so sorting is counting, and finding a stretch two loads.

// Directions are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use crate::atoms::Atoms;
use crate::geometry::Vec3;
use rayon::prelude::*;
use std::ops::Range;

/// Widens rows so that rounding in `cell_of` never puts a neighbour two rows away, and
/// the sphere about an atom so that it never takes one out of the stretch.
const WIDTH_MARGIN: f64 = 1.0 + 1e-6;

/// Length of a piece of a row over reach, if there are enough atoms to fill the pieces:
/// those of a dense metal hold two or three atoms.
const PIECE: f64 = 0.2;

#[derive(Debug, Clone)]
pub struct Rows {
    /// Directions: across slabs, across the rows of a slab, along a row.
    axes: [usize; 3],
    low: [f64; 3],
    width: [f64; 3],
    per_width: [f64; 3],
    /// Slabs, rows in a slab (both without the border), pieces of a row.
    count: [usize; 3],
    /// Square of the range of neighbours, with its margin.
    reach_squared: f64,
}

/// Atoms in the order of rows, and of the pieces along each row.
#[derive(Debug, Clone, Default)]
pub struct RowOrder {
    /// Atoms of cell c: `atoms[first[c]..first[c + 1]]`; the cells of row r are its
    /// pieces (`Rows::pieces_of`).
    pub first: Vec<u32>,
    pub atoms: Vec<u32>,
}

impl RowOrder {
    /// The atoms of a stretch of cells.
    pub fn of(&self, cells: Range<usize>) -> &[u32] {
        &self.atoms[self.first[cells.start] as usize..self.first[cells.end] as usize]
    }
}

impl Rows {
    /// Rows that cover these positions, no thinner than `reach` (Å).
    pub fn around(positions: &[[f64; 4]], reach: f64) -> Rows {
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for p in positions {
            for d in 0..3 {
                low[d] = low[d].min(p[d]);
                high[d] = high[d].max(p[d]);
            }
        }
        if positions.is_empty() {
            (low, high) = ([0.0; 3], [0.0; 3]);
        }
        Rows::within((low, high), positions.len(), reach)
    }

    /// The same, for so many atoms of which the outermost lie at `low` and `high` (Å).
    pub fn within((low, high): (Vec3, Vec3), atoms: usize, reach: f64) -> Rows {
        let extent = |d: usize| high[d] - low[d];
        let mut axes = [0, 1, 2];
        axes.sort_by(|&a, &b| extent(b).total_cmp(&extent(a)));
        let reach = reach * WIDTH_MARGIN;
        let least = [reach, reach, PIECE * reach];
        let mut count: [usize; 3] =
            std::array::from_fn(|k| ((extent(axes[k]) / least[k]) as usize).max(1));
        // Few atoms in a wide space: rather wide rows than many empty ones.
        while count.iter().product::<usize>() > 4 * atoms + 64 {
            let longest =
                if count[2] > count[0].max(count[1]) { 2 } else { (count[1] > count[0]) as usize };
            count[longest] = count[longest].div_ceil(2);
        }
        // The margin keeps the outermost owned atom out of the border.
        let width: [f64; 3] = std::array::from_fn(|k| {
            (extent(axes[k]) * WIDTH_MARGIN / count[k] as f64).max(least[k])
        });
        Rows {
            axes,
            low: axes.map(|d| low[d]),
            width,
            per_width: width.map(|w| 1.0 / w),
            count,
            reach_squared: reach * reach,
        }
    }

    /// Number of rows, border included.
    pub fn total(&self) -> usize {
        (self.count[0] + 2) * (self.count[1] + 2)
    }

    /// Slabs and rows in a slab, without the border.
    pub fn counts(&self) -> [usize; 2] {
        [self.count[0], self.count[1]]
    }

    /// Row (a, b), counted without the border.
    pub fn number(&self, a: usize, b: usize) -> usize {
        (a + 1) * (self.count[1] + 2) + b + 1
    }

    /// Number of cells, border included.
    pub fn cells(&self) -> usize {
        self.total() * self.count[2]
    }

    /// The cells of these rows.
    pub fn pieces_of(&self, rows: Range<usize>) -> Range<usize> {
        rows.start * self.count[2]..rows.end * self.count[2]
    }

    /// The cell of a position.
    #[inline(always)]
    pub fn cell_of(&self, position: &[f64; 4]) -> u32 {
        let place = |k: usize| (position[self.axes[k]] - self.low[k]) * self.per_width[k];
        // Conversion rounds towards zero and takes what is negative as zero.
        let row = |k: usize| ((place(k) + 1.0) as u32).min(self.count[k] as u32 + 1);
        let piece = (place(2) as u32).min(self.count[2] as u32 - 1);
        (row(0) * (self.count[1] as u32 + 2) + row(1)) * self.count[2] as u32 + piece
    }

    /// Of the row of an owned atom and the eight around it the cells that hold all atoms
    /// within reach of it.
    #[inline(always)]
    pub fn stretches(&self, row: usize, position: &[f64; 4]) -> [Range<usize>; 9] {
        let stride = self.count[1] + 2;
        let number = [row / stride, row % stride];
        // Squared distances to the rows of the slab before, the same and the next, ...
        let mut gaps = [[0.0; 3]; 2];
        for k in 0..2 {
            let place = (position[self.axes[k]] - self.low[k]) * self.per_width[k];
            let before = (place + 1.0 - number[k] as f64) * self.width[k];
            let after = self.width[k] - before;
            gaps[k] = [before * before, 0.0, after * after];
        }
        let place = position[self.axes[2]] - self.low[2];
        let last = self.count[2] as i32 - 1;
        let piece = |x: f64| ((x * self.per_width[2]) as i32).clamp(0, last) as usize;
        let mut stretches = [const { 0..0 }; 9];
        for k in 0..9 {
            // ... and half of what the sphere cuts out of a row at that distance.
            let left = self.reach_squared - gaps[0][k / 3] - gaps[1][k % 3];
            let half = left.max(0.0).sqrt();
            let first = (row + (k / 3) * stride + k % 3 - stride - 1) * self.count[2];
            stretches[k] = first + piece(place - half)..first + piece(place + half) + 1;
        }
        stretches
    }

    /// Sorts atoms by row and piece, in linear time; atoms of one cell keep their order.
    pub fn order(&self, positions: &[[f64; 4]]) -> RowOrder {
        let cell: Vec<u32> =
            positions.par_iter().with_min_len(4096).map(|p| self.cell_of(p)).collect();
        let mut first = vec![0u32; self.cells() + 1];
        for &c in &cell {
            first[c as usize + 1] += 1;
        }
        for c in 1..first.len() {
            first[c] += first[c - 1];
        }
        let mut next = first.clone();
        let mut atoms = vec![0u32; positions.len()];
        for (i, &c) in cell.iter().enumerate() {
            atoms[next[c as usize] as usize] = i as u32;
            next[c as usize] += 1;
        }
        RowOrder { first, atoms }
    }

    /// Brings owned atoms (there must be no ghosts) into the order of the rows
    /// and returns where each cell begins among them.
    pub fn sort_owned(&self, atoms: &mut Atoms) -> Vec<u32> {
        let order = self.order(&atoms.position);
        atoms.permute_owned(&order.atoms);
        order.first
    }
}
