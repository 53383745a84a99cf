//! Space in rows: beams of rectangular cross-section, at least `reach` wide either
//! way, with their atoms in order along the beam. All atoms within reach of an
//! atom stand in its own row or the eight around it, there in one stretch.
//!
//! Rows run along the shortest extent of the owned atoms; row (a, b) has number
//! a × (count_b + 2) + b, counting a border of one row all round that takes what
//! lies outside the owned atoms' extent (ghosts). Rows of equal a form a slab.
//!
//! Why not cells in three directions: a stretch cut out of a sorted row holds
//! fewer candidates than three cells, is contiguous, and the number of rows stays
//! small when an atom has evaporated far from the rest.

use crate::atoms::Atoms;
use rayon::prelude::*;

/// Widens rows so that rounding in `row_of` never puts a neighbour two rows away.
const WIDTH_MARGIN: f64 = 1.0 + 1e-6;

#[derive(Debug, Clone)]
pub struct Rows {
    /// Directions: across slabs, across the rows of a slab, along a row.
    axes: [usize; 3],
    low: [f64; 2],
    per_width: [f64; 2],
    /// Without the border.
    count: [usize; 2],
}

/// Atoms in the order of rows, and along each row.
#[derive(Debug, Clone, Default)]
pub struct RowOrder {
    /// Atoms of row r: `atoms[first[r]..first[r + 1]]`.
    pub first: Vec<u32>,
    pub atoms: Vec<u32>,
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
        let extent = |d: usize| high[d] - low[d];
        let mut axes = [0, 1, 2];
        axes.sort_by(|&a, &b| extent(b).total_cmp(&extent(a)));
        let width = reach * WIDTH_MARGIN;
        let across = [axes[0], axes[1]];
        let mut count = across.map(|d| ((extent(d) / width) as usize).max(1));
        // Few atoms in a wide space: rather wide rows than many empty ones.
        while count[0] * count[1] > 4 * positions.len() + 64 {
            let longest = if count[0] >= count[1] { 0 } else { 1 };
            count[longest] = count[longest].div_ceil(2);
        }
        // The margin keeps the outermost owned atom out of the border.
        let per_width = std::array::from_fn(|k| {
            1.0 / (extent(across[k]) * WIDTH_MARGIN / count[k] as f64).max(width)
        });
        Rows { axes, low: across.map(|d| low[d]), per_width, count }
    }

    /// The direction along which rows run.
    pub fn along(&self) -> usize {
        self.axes[2]
    }

    /// Number of rows, border included.
    pub fn total(&self) -> usize {
        (self.count[0] + 2) * (self.count[1] + 2)
    }

    /// Slabs and rows in a slab, without the border.
    pub fn counts(&self) -> [usize; 2] {
        self.count
    }

    /// Row (a, b), counted without the border.
    pub fn number(&self, a: usize, b: usize) -> usize {
        (a + 1) * (self.count[1] + 2) + b + 1
    }

    fn row_of(&self, position: &[f64; 4]) -> usize {
        let [a, b] = std::array::from_fn(|k| {
            let cell = ((position[self.axes[k]] - self.low[k]) * self.per_width[k]).floor();
            (cell as i64).clamp(-1, self.count[k] as i64) + 1
        });
        a as usize * (self.count[1] + 2) + b as usize
    }

    /// The three rows b - 1, b, b + 1 of the slabs a - 1, a, a + 1 about a row
    /// inside the border.
    pub fn around_row(&self, row: usize) -> [usize; 9] {
        let stride = self.count[1] + 2;
        std::array::from_fn(|k| row + (k / 3) * stride + k % 3 - stride - 1)
    }

    /// Sorts atoms by row and along the rows, in linear time but for the latter.
    pub fn order(&self, positions: &[[f64; 4]]) -> RowOrder {
        let row: Vec<u32> = positions.par_iter().map(|p| self.row_of(p) as u32).collect();
        let mut first = vec![0u32; self.total() + 1];
        for &r in &row {
            first[r as usize + 1] += 1;
        }
        for r in 0..self.total() {
            first[r + 1] += first[r];
        }
        let mut next = first.clone();
        let mut atoms = vec![0u32; positions.len()];
        for (i, &r) in row.iter().enumerate() {
            atoms[next[r as usize] as usize] = i as u32;
            next[r as usize] += 1;
        }
        let mut rest = &mut atoms[..];
        let mut by_row = Vec::with_capacity(self.total());
        for r in 0..self.total() {
            let (head, tail) = rest.split_at_mut((first[r + 1] - first[r]) as usize);
            by_row.push(head);
            rest = tail;
        }
        let along = self.along();
        by_row.into_par_iter().with_min_len(8).for_each(|row| {
            row.sort_unstable_by(|&i, &j| {
                positions[i as usize][along].total_cmp(&positions[j as usize][along])
            });
        });
        RowOrder { first, atoms }
    }

    /// Brings owned atoms (there must be no ghosts) into the order of the rows
    /// and returns where each row begins among them.
    pub fn sort_owned(&self, atoms: &mut Atoms) -> Vec<u32> {
        let order = self.order(&atoms.position);
        atoms.permute_owned(&order.atoms);
        order.first
    }
}
