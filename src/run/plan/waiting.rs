//! What of a rank's atoms is in memory only while tiles (`sweep::tiling`) wait: sums and adjoints, and the
//! pairs and triples between densities and forces.
//!
//! A tile waits for those around it, and where others have copies of its atoms for the sums and adjoints of
//! these. The rank's space is cut as in a run, and its scheduler deals out tasks with which nothing is done
//! but to see how many atoms each of its records was for.

use crate::geometry::Vec3;
use crate::neighbour::Rows;
use crate::sweep::{Measures, Next, Schedule, Scheduler, Section, Task, Tiling};

/// Evaluations after which records have met the larger tiles.
const EVALUATIONS: usize = 2;

/// The atoms of a rank by the cells of its rows.
pub struct Cells {
    extent: (Vec3, Vec3),
    rows: Rows,
    /// How many atoms, behind the number of each cell.
    counts: Vec<u32>,
    /// Of which others have copies.
    shared: Vec<u32>,
}

/// What waits at the same time, at the most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Atoms, and ghosts, that have sums.
    pub sums: u64,
    /// Atoms that have room for records.
    pub records: u64,
}

impl Cells {
    /// Of so many atoms in this box, none of which is known yet; `reach` of lists, Å.
    pub fn within(extent: (Vec3, Vec3), atoms: u64, reach: f64) -> Cells {
        let rows = Rows::within(extent, atoms as usize, reach);
        let counts = vec![0; rows.cells() + 1];
        Cells { extent, rows, counts, shared: Vec::new() }
    }

    /// An atom here, of which others have copies or not; in the box, or at its border.
    pub fn take(&mut self, place: Vec3, is_shared: bool) {
        let (low, high) = self.extent;
        let [x, y, z]: Vec3 = std::array::from_fn(|d| place[d].max(low[d]).min(high[d]));
        let cell = self.rows.cell_of(&[x, y, z, 0.0]);
        self.counts[cell as usize + 1] += 1;
        if is_shared && self.shared.last() != Some(&cell) {
            self.shared.push(cell);
        }
    }

    /// What waits for so many ghosts.
    pub fn waiting(mut self, ghosts: u64, threads: usize) -> Waiting {
        for cell in 1..self.counts.len() {
            self.counts[cell] += self.counts[cell - 1];
        }
        let first = self.counts;
        let atoms = first[first.len() - 1] as usize;
        let tiling = Tiling::new(&self.rows, &first, threads, Measures::default());
        let shared = self.shared.iter().map(|&cell| first[cell as usize] as usize);
        let schedule = Schedule::new(&tiling, shared, ghosts as usize);
        let sums = schedule.ring.places(atoms + ghosts as usize) as u64;
        Waiting { sums, records: records(&schedule) }
    }
}

/// Atoms that all records together have room for.
fn records(schedule: &Schedule) -> u64 {
    // Of the largest tile that each was for.
    let mut scheduler = Scheduler::<u64>::default();
    for _ in 0..EVALUATIONS {
        scheduler.clear(schedule);
        for section in Section::ALL {
            if scheduler.enter(schedule, section) {
                pass_through(&mut scheduler, schedule);
            }
        }
    }
    scheduler.spare().iter().sum()
}

/// Through a section, all threads being as fast; what travels arrives during their first tasks.
fn pass_through(scheduler: &mut Scheduler<u64>, schedule: &Schedule) {
    loop {
        let mut jobs = Vec::with_capacity(schedule.threads);
        for thread in 0..schedule.threads {
            if let Next::Do(job) = scheduler.next(schedule, thread) {
                jobs.push(job);
            }
        }
        if jobs.is_empty() {
            return;
        }
        scheduler.note_arrival();
        for mut job in jobs {
            if job.task == Task::Densities {
                job.records = job.records.max(schedule.tiles[job.tile].atoms.len() as u64);
            }
            scheduler.finish(schedule, job);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REACH: f64 = 5.6;

    /// Of a block of this size filled as a metal is, of which a face across `axis` is a border; and how
    /// many atoms there are.
    fn waiting(size: Vec3, axis: Option<usize>, ghosts: u64) -> (Waiting, u64) {
        let number = size.map(|length| (length / 2.5) as usize);
        let atoms = number.iter().product::<usize>();
        let mut cells = Cells::within(([0.0; 3], size), atoms as u64, REACH);
        for n in 0..atoms {
            let at = [n / number[1] / number[2], n / number[2] % number[1], n % number[2]];
            let place = at.map(|k| 2.5 * k as f64 + 1.2);
            cells.take(place, axis.is_some_and(|axis| place[axis] > size[axis] - REACH));
        }
        (cells.waiting(ghosts, 1), atoms as u64)
    }

    #[test]
    fn a_border_across_slabs_lets_all_wait_and_one_along_them_a_few() {
        // Slabs lie across the longest direction, the first.
        let size = [400.0, 100.0, 60.0];
        let (none, all) = waiting(size, None, 0);
        assert!(none.records < all / 10 && none.sums < all / 4, "{none:?} of {all}");
        let (across, all) = waiting(size, Some(1), 5000);
        assert_eq!(across.sums, all + 5000);
        assert!((all..all * 11 / 10).contains(&across.records), "{across:?} of {all}");
        let (along, all) = waiting(size, Some(0), 1000);
        assert_eq!(along.sums, all + 1000);
        assert!((all / 40..all / 8).contains(&along.records), "{along:?} of {all}");
    }

    #[test]
    fn who_is_said_to_be_beyond_the_box_is_at_its_border() {
        let mut cells = Cells::within(([0.0; 3], [40.0, 30.0, 20.0]), 3, REACH);
        for place in [[-9.0, 1.0, 1.0], [1.0, 99.0, 1.0], [49.0, 31.0, 21.0]] {
            cells.take(place, true);
        }
        assert_eq!(cells.waiting(1, 1), Waiting { sums: 4, records: 3 });
    }

    #[test]
    fn of_thick_slabs_cut_into_columns_what_is_at_the_border_waits() {
        let size = [250.0, 280.0, 260.0];
        let (waiting, all) = waiting(size, Some(1), 10_000);
        assert!((all / 20..all / 3).contains(&waiting.records), "{waiting:?} of {all}");
    }
}
