//! The list itself: for each owned atom nine stretches of candidates, those
//! within reach kept and sorted by distance.

use super::{MINE, Neighbours, Rows, computes_pair, schedule};
use crate::atoms::Atoms;
use rayon::prelude::*;
use std::ops::Range;

impl Neighbours {
    /// Lists all atoms within `reach` (Å) of each owned atom. `rows` are those by
    /// which the owned atoms are sorted, row r beginning at `owned_first[r]`
    /// (`Rows::sort_owned`); no ghost that matters lies beyond their border.
    pub fn build(&mut self, rows: &Rows, owned_first: &[u32], atoms: &Atoms, reach: f64) {
        let search = Search::new(rows, atoms, reach);
        let work: Vec<usize> =
            (0..rows.total()).filter(|&r| owned_first[r] < owned_first[r + 1]).collect();
        self.first.clear();
        self.first.reserve_exact(atoms.owned + 1);
        self.first.push(0);
        self.entries.clear();
        // In batches, so that little is held twice.
        for batch in work.chunks(16 * rayon::current_num_threads()) {
            let lists: Vec<RowLists> = batch
                .par_iter()
                .map_init(Vec::new, |near, &row| {
                    let owned = owned_first[row] as usize..owned_first[row + 1] as usize;
                    search.row(row, owned, near)
                })
                .collect();
            for list in lists {
                let mut end = self.entries.len();
                for length in list.lengths {
                    end += length as usize;
                    self.first.push(end);
                }
                self.make_room(list.entries.len(), atoms.owned);
                self.entries.extend_from_slice(&list.entries);
            }
        }
        self.schedule = schedule::schedule(rows, owned_first, rayon::current_num_threads());
    }

    /// Room for `more` entries; where it lacks, for as many as the atoms so far
    /// let expect, instead of twice as many.
    fn make_room(&mut self, more: usize, owned: usize) {
        let needed = self.entries.len() + more;
        if needed > self.entries.capacity() {
            let atoms_so_far = self.first.len() - 1;
            let expected = needed * owned / atoms_so_far.max(1) * 21 / 20;
            self.entries.reserve_exact(expected.max(needed) - self.entries.len());
        }
    }
}

/// All atoms in row order, coordinates apart so that distances fill whole vectors.
struct Search<'a> {
    rows: &'a Rows,
    atoms: &'a Atoms,
    reach: f64,
    first: Vec<u32>,
    coordinate: [Vec<f64>; 3],
    index: Vec<u32>,
}

/// The lists of the owned atoms of one row.
struct RowLists {
    lengths: Vec<u32>,
    entries: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(rows: &'a Rows, atoms: &'a Atoms, reach: f64) -> Search<'a> {
        let order = rows.order(&atoms.position);
        let coordinate = [0, 1, 2]
            .map(|d| order.atoms.par_iter().map(|&i| atoms.position[i as usize][d]).collect());
        Search { rows, atoms, reach, first: order.first, coordinate, index: order.atoms }
    }

    fn row(&self, row: usize, owned: Range<usize>, near: &mut Vec<u64>) -> RowLists {
        let along = self.rows.along();
        let line = &self.coordinate[along];
        let around = self.rows.around_row(row);
        // Of each row around, the stretch within reach; owned atoms come in order
        // along the row, so its two ends only move forward.
        let mut stretches = around.map(|r| self.first[r] as usize..self.first[r] as usize);
        let mut lists = RowLists { lengths: Vec::with_capacity(owned.len()), entries: Vec::new() };
        for i in owned {
            let at = self.atoms.position[i][along];
            near.clear();
            for (stretch, row) in stretches.iter_mut().zip(around) {
                let row_end = self.first[row + 1] as usize;
                while stretch.end < row_end && line[stretch.end] <= at + self.reach {
                    stretch.end += 1;
                }
                while stretch.start < stretch.end && line[stretch.start] < at - self.reach {
                    stretch.start += 1;
                }
                self.keep_near(i, stretch.clone(), near);
            }
            near.sort_unstable();
            lists.lengths.push(near.len() as u32);
            lists.entries.extend(near.iter().map(|&key| self.entry(i, key as u32)));
        }
        lists
    }

    /// Adds to `near` the candidates within reach of owned atom i, each as the
    /// bits of its squared distance (which sort as numbers do) above its index.
    fn keep_near(&self, i: usize, candidates: Range<usize>, near: &mut Vec<u64>) {
        let [x0, y0, z0, _] = self.atoms.position[i];
        let limit = self.reach * self.reach;
        let [x, y, z] = self.coordinate.each_ref().map(|c| &c[candidates.clone()]);
        let index = &self.index[candidates];
        let mut kept = near.len();
        near.resize(kept + index.len(), 0);
        for (((x, y), z), &j) in x.iter().zip(y).zip(z).zip(index) {
            let (dx, dy, dz) = (x - x0, y - y0, z - z0);
            let squared = dx * dx + dy * dy + dz * dz;
            near[kept] = ((squared as f32).to_bits() as u64) << 32 | j as u64;
            kept += (squared <= limit && j as usize != i) as usize;
        }
        near.truncate(kept);
    }

    fn entry(&self, i: usize, j: u32) -> u32 {
        let atoms = self.atoms;
        let other = j as usize;
        let mine = if other < atoms.owned {
            i < other
        } else {
            let (a, b) = (atoms.position[i], atoms.position[other]);
            let d = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
            computes_pair(atoms.id[i], atoms.id[other], d)
        };
        if mine { j | MINE } else { j }
    }
}
