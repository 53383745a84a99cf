//! Which atoms of a rank wait for ghosts in a step: those of the tiles (`sweep::tiling`) at its borders, whose
//! pairs and triples stay in memory meanwhile.
//!
//! A slab waits with its embedding if others have copies of its atoms, and those around it with their
//! forces. (What is in reach of ghosts has copies elsewhere.) Of thick slabs that are cut into columns
//! so much waits as there are ghosts, and a good deal around.

use crate::geometry::Vec3;
use crate::neighbour::Rows;
use crate::sweep::Measures;

/// Atoms that wait in columns, for each ghost: measured with 2 and 13 million atoms on a rank.
const PER_GHOST: u64 = 20;

#[derive(Debug, Clone, Copy, Default)]
struct Slab {
    atoms: u64,
    /// Whether others have copies of some.
    sends: bool,
}

impl Slab {
    fn add(&mut self, more: Slab) {
        self.atoms += more.atoms;
        self.sends |= more.sends;
    }
}

/// The slabs of a rank, and what lies in them.
pub struct Waiting {
    rows: Rows,
    has_columns: bool,
    slabs: Vec<Slab>,
}

impl Waiting {
    /// Of so many atoms in this box, none of which is known yet; `reach` of lists, Å.
    pub fn within(extent: (Vec3, Vec3), atoms: u64, reach: f64) -> Waiting {
        let rows = Rows::within(extent, atoms as usize, reach);
        let counts = rows.counts();
        let has_columns = Measures::default().columns(atoms as usize, counts) > 1;
        Waiting { rows, has_columns, slabs: vec![Slab::default(); counts[0]] }
    }

    /// Atoms here, of which others have copies or not.
    pub fn take(&mut self, place: Vec3, atoms: u32, sends: bool) {
        let last = self.slabs.len() - 1;
        let slab = self.rows.slab_of(place).min(last);
        self.slabs[slab].add(Slab { atoms: atoms as u64, sends });
    }

    /// How many wait for so many ghosts.
    pub fn count(&self, ghosts: u64) -> u64 {
        if self.has_columns {
            return self.slabs.iter().map(|slab| slab.atoms).sum::<u64>().min(PER_GHOST * ghosts);
        }
        // Thin ones make one tile.
        let least = Measures::default().slab_atoms as u64;
        let mut tiles: Vec<Slab> = Vec::new();
        for slab in &self.slabs {
            match tiles.last_mut() {
                Some(last) if last.atoms < least => last.add(*slab),
                _ => tiles.push(*slab),
            }
        }
        let waits = |n: usize| {
            tiles[n.saturating_sub(1)..(n + 2).min(tiles.len())].iter().any(|tile| tile.sends)
        };
        (0..tiles.len()).filter(|n| waits(*n)).map(|n| tiles[n].atoms).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACH: f64 = 5.6;

    /// Of a block of this size filled as a metal is, of which a face across `axis` is a border.
    fn waiting(size: Vec3, axis: Option<usize>, ghosts: u64) -> [u64; 2] {
        let cells = size.map(|length| (length / 4.0) as usize);
        let atoms = 4 * cells.iter().product::<usize>() as u64;
        let mut waiting = Waiting::within(([0.0; 3], size), atoms, REACH);
        for n in 0..atoms as usize / 4 {
            let at = [n / cells[1] / cells[2], n / cells[2] % cells[1], n % cells[2]];
            let place = at.map(|k| 4.0 * k as f64 + 2.0);
            let sends = axis.is_some_and(|axis| place[axis] > size[axis] - REACH);
            waiting.take(place, 4, sends);
        }
        [waiting.count(ghosts), atoms]
    }

    #[test]
    fn a_border_across_slabs_lets_all_wait_and_one_along_them_a_few() {
        // Slabs lie across the longest direction, the first.
        let size = [400.0, 200.0, 60.0];
        assert_eq!(waiting(size, None, 0)[0], 0);
        let [across, all] = waiting(size, Some(1), 5000);
        assert_eq!(across, all);
        let [along, all] = waiting(size, Some(0), 1000);
        assert!((2 * all / 80..=4 * all / 60).contains(&along), "{along} of {all}");
    }

    #[test]
    fn of_thick_slabs_cut_into_columns_what_is_at_the_border_waits() {
        assert_eq!(waiting([600.0, 560.0, 160.0], Some(1), 1000)[0], 20_000);
        let [waiting, all] = waiting([600.0, 560.0, 160.0], Some(1), 1_000_000);
        assert_eq!(waiting, all);
    }
}
