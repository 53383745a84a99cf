//! The list against all pairs, and what the scheduler deals out against what it promises.

use super::*;
use crate::atoms::{Atom, Atoms};
use crate::sweep::{Job, Measures, Next, RingBuffer, Schedule, Scheduler, Section, Task, Tiling};
use bytemuck::Zeroable;
use proptest::prelude::*;

/// Å, of `REACH`.
pub(super) const SKIN: f64 = 1.0;
pub(super) const REACH: f64 = 3.0;

/// Tiles for few atoms.
const SLABS: Measures = Measures {
    slab_atoms: 20,
    column_atoms: 4000,
    column_parts: 12,
    part_atoms: 300,
    band_slabs: 24,
};

/// Columns wherever a slab has four rows.
const NARROW: Measures =
    Measures { slab_atoms: 20, column_atoms: 4, column_parts: 2, part_atoms: 1, band_slabs: 3 };

/// Atoms at these positions: the first `owned` sorted and owned, the rest ghosts.
pub(super) fn prepare(positions: &[[f64; 3]], owned: usize) -> (Rows, Vec<u32>, Atoms) {
    let record =
        |(i, &position): (usize, &[f64; 3])| Atom { id: i as u64, position, ..Atom::zeroed() };
    let list: Vec<Atom> = positions[..owned].iter().enumerate().map(record).collect();
    let mut atoms = Atoms::from_list(&list);
    let rows = Rows::around(&atoms.position, REACH);
    let first = rows.sort_owned(&mut atoms);
    for (i, &position) in positions.iter().enumerate().skip(owned) {
        atoms.push_ghost(i as u64, 0, 0, position);
    }
    (rows, first, atoms)
}

fn squared(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    (0..3).map(|d| (a[d] - b[d]) * (a[d] - b[d])).sum()
}

fn distance_squared(atoms: &Atoms, i: usize, entry: u32) -> f64 {
    squared(&atoms.position[i], &atoms.position[(entry & !MINE) as usize])
}

fn check(positions: &[[f64; 3]], owned: usize, threads: usize) -> Result<(), TestCaseError> {
    let (rows, first, atoms) = prepare(positions, owned);
    let mut list = Neighbours::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| list.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::All));
    prop_assert_eq!(list.owned(), owned);
    for i in 0..owned {
        let found: Vec<usize> = list.of(i).atoms().collect();
        let distance = |j: usize| squared(&atoms.position[i], &atoms.position[j]);
        // An atom on the border of two shells may be taken for one of either.
        let shell = |j: usize| distance(j) / (REACH * REACH) * list::SHELLS as f64;
        let pairs = found.windows(2).map(|pair| (shell(pair[0]), shell(pair[1])));
        prop_assert!(pairs.into_iter().all(|(a, b)| (a - 1e-5).floor() - b < 1e-5));
        let mut sorted = found.clone();
        sorted.sort_unstable();
        let expected: Vec<usize> =
            (0..atoms.len()).filter(|&j| j != i && distance(j) <= REACH * REACH).collect();
        prop_assert_eq!(sorted, expected);
        for entry in list.of(i).iter() {
            let j = (entry & !MINE) as usize;
            if j < owned {
                prop_assert_eq!(entry & MINE != 0, i < j);
            }
        }
    }
    let mut half = Neighbours::default();
    pool.install(|| half.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::Once));
    for quarter in 0..4 {
        half.note_displacement(0.25 * quarter as f64 + 0.2);
        let limit = REACH - SKIN + SKIN * 0.25 * (quarter + 1) as f64;
        for i in 0..owned {
            let mut behind = half.of(i).iter().skip(half.within_range(i).len());
            let near = |e: u32| distance_squared(&atoms, i, e) <= limit * limit;
            prop_assert!(!behind.any(near), "{} {}", i, quarter);
        }
    }
    // Atoms that see ghosts have ghosts themselves, and so may others.
    let sees_ghosts = |i: usize| list.of(i).atoms().any(|j| j >= owned);
    let is_shared = |i: usize| sees_ghosts(i) || (owned < atoms.len() && i % 997 == 5);
    let shared: Vec<usize> = (0..owned).filter(|&i| is_shared(i)).collect();
    let ghosts = atoms.len() - owned;
    for measures in [SLABS, NARROW] {
        let tiling = Tiling::new(&rows, &first, threads, measures);
        let schedule = Schedule::new(&tiling, shared.iter().copied(), ghosts);
        for seed in 0..3 {
            Evaluation::new(&schedule, &list, &shared, seed).run()?;
        }
    }
    Ok(())
}

/// An evaluation that computes nothing, but looks at every task, atom by atom: whether it
/// finds what it needs, and nobody else at it.
struct Evaluation<'a> {
    schedule: &'a Schedule,
    list: &'a Neighbours,
    shared: &'a [usize],
    /// Of the order in which threads come to the scheduler.
    seed: u64,
    /// By owned atom.
    is_begun: Vec<bool>,
    done: Vec<Option<Task>>,
    /// By atom with ghosts, the thread whose task reads or writes what belongs to it.
    user: Vec<Option<usize>>,
    /// By place of the ring.
    holder: Vec<Option<usize>>,
    /// Tiles between densities and forces.
    records: usize,
    most_records: usize,
}

/// What densities leave for forces here: their tile.
type Left = Option<usize>;

impl<'a> Evaluation<'a> {
    fn new(
        schedule: &'a Schedule,
        list: &'a Neighbours,
        shared: &'a [usize],
        seed: u64,
    ) -> Evaluation<'a> {
        let owned = list.owned();
        let last = (0..owned).flat_map(|i| list.of(i).atoms()).max().map_or(0, |j| j + 1);
        Evaluation {
            schedule,
            list,
            shared,
            seed,
            is_begun: vec![false; owned],
            done: vec![None; owned],
            user: vec![None; owned.max(last)],
            holder: vec![None; schedule.ring.places(owned)],
            records: 0,
            most_records: 0,
        }
    }

    fn run(mut self) -> Result<usize, TestCaseError> {
        let threads = self.schedule.threads;
        let mut scheduler = Scheduler::<Left>::default();
        // What an evaluation that failed has left behind does not matter.
        scheduler.clear(self.schedule);
        scheduler.enter(self.schedule, Section::PositionsTravel);
        let _ = scheduler.next(self.schedule, 0);
        scheduler.stop();
        scheduler.clear(self.schedule);
        for section in Section::ALL {
            let has_work = scheduler.enter(self.schedule, section);
            let mut jobs: Vec<Option<Job<Left>>> = (0..threads).map(|_| None).collect();
            let mut has_left = vec![false; threads];
            while has_left.contains(&false) {
                let thread = self.random() % threads;
                if let Some(job) = jobs[thread].take() {
                    self.end(thread, &job);
                    scheduler.finish(self.schedule, job);
                }
                // Messages arrive at any moment.
                if self.random().is_multiple_of(5) {
                    scheduler.note_arrival();
                }
                match scheduler.next(self.schedule, thread) {
                    Next::Do(mut job) => {
                        prop_assert!(has_work && !has_left[thread]);
                        self.begin(section, thread, &mut job)?;
                        jobs[thread] = Some(job);
                    }
                    Next::Wait => prop_assert!(jobs.iter().any(Option::is_some)),
                    Next::Leave => {
                        prop_assert!(jobs.iter().all(Option::is_none));
                        has_left[thread] = true;
                    }
                }
            }
        }
        prop_assert!(self.done.iter().all(|task| *task == Some(Task::Forces)));
        Ok(self.most_records)
    }

    /// splitmix64
    fn random(&mut self) -> usize {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 33) as usize
    }

    /// An atom and its neighbours.
    fn around(&self, i: usize) -> impl Iterator<Item = usize> + use<'a> {
        self.list.of(i).atoms().chain([i])
    }

    fn uses(&self, job: &Job<Left>) -> Vec<usize> {
        let tile = &self.schedule.tiles[job.tile];
        if job.task == Task::Embed {
            return tile.atoms.clone().collect();
        }
        let fresh = tile.near.iter().enumerate().filter(|(bit, _)| job.fresh >> bit & 1 == 1);
        let zeroed = fresh.flat_map(|(_, &near)| self.schedule.tiles[near].atoms.clone());
        tile.atoms.clone().flat_map(|i| self.around(i)).chain(zeroed).collect()
    }

    fn begin(
        &mut self,
        section: Section,
        thread: usize,
        job: &mut Job<Left>,
    ) -> Result<(), TestCaseError> {
        for i in self.uses(job) {
            prop_assert!(self.user[i].is_none_or(|user| user == thread), "two tasks at {i}");
            self.user[i] = Some(thread);
        }
        let (tile, owned) = (&self.schedule.tiles[job.tile], self.done.len());
        for (bit, &near) in tile.near.iter().enumerate() {
            if job.fresh >> bit & 1 == 1 {
                for i in self.schedule.tiles[near].atoms.clone() {
                    self.zero(i)?;
                }
            }
        }
        let before = match job.task {
            Task::Densities => None,
            Task::Embed => Some(Task::Densities),
            Task::Forces => Some(Task::Embed),
        };
        for i in tile.atoms.clone() {
            prop_assert_eq!(self.done[i], before);
            for j in self.around(i) {
                if j < owned {
                    prop_assert!(self.is_begun[j] && self.done[j] >= before);
                } else if job.task == Task::Densities {
                    prop_assert_eq!(section, Section::BeforeSums, "ghosts have not left");
                } else if job.task == Task::Forces {
                    prop_assert_eq!(section, Section::BeforeForces, "ghosts are there");
                }
            }
            let is_shared = self.shared.binary_search(&i).is_ok();
            let is_whole = job.task != Task::Embed || section == Section::BeforeAdjoints;
            prop_assert!(is_whole || !is_shared);
        }
        match job.task {
            Task::Densities => {
                job.records = Some(job.tile);
                self.records += 1;
                self.most_records = self.most_records.max(self.records);
            }
            Task::Embed => {}
            Task::Forces => prop_assert_eq!(job.records, Some(job.tile)),
        }
        Ok(())
    }

    /// Nobody needs any more what stood in the place of this atom.
    fn zero(&mut self, i: usize) -> Result<(), TestCaseError> {
        prop_assert!(!self.is_begun[i]);
        self.is_begun[i] = true;
        let before = self.holder[self.schedule.ring.place(i)].replace(i);
        let is_done = |j: usize| self.done.get(j).is_none_or(|done| *done == Some(Task::Forces));
        prop_assert!(before.is_none_or(|before| self.around(before).all(is_done)));
        Ok(())
    }

    fn end(&mut self, thread: usize, job: &Job<Left>) {
        for user in &mut self.user {
            user.take_if(|user| *user == thread);
        }
        for i in self.schedule.tiles[job.tile].atoms.clone() {
            self.done[i] = Some(job.task);
        }
        self.records -= (job.task == Task::Forces) as usize;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn list_holds_all_pairs_and_schedule_has_no_conflict(
        positions in prop::collection::vec(prop::array::uniform3(-9.0..9.0f64), 1..300),
        stretch in prop::array::uniform3(0.05..3.0f64),
        owned in 0.0..1.0f64,
        threads in 1usize..5,
    ) {
        let positions: Vec<[f64; 3]> = positions
            .iter()
            .map(|p| std::array::from_fn(|d| p[d] * stretch[d]))
            .collect();
        let owned = (owned * positions.len() as f64) as usize;
        // Ghosts beyond reach of the owned atoms' bounding box do not occur.
        let mut low = [f64::INFINITY; 3];
        let mut high = [f64::NEG_INFINITY; 3];
        for p in &positions[..owned] {
            for d in 0..3 {
                low[d] = low[d].min(p[d]);
                high[d] = high[d].max(p[d]);
            }
        }
        let near = |p: &[f64; 3]| (0..3).all(|d| p[d] >= low[d] - REACH && p[d] <= high[d] + REACH);
        let ghosts = positions[owned..].iter().copied().filter(near);
        let kept: Vec<[f64; 3]> = positions[..owned].iter().copied().chain(ghosts).collect();
        check(&kept, owned, threads)?;
    }
}

/// A crystal of so many sites, 1 Å apart.
pub(super) fn crystal([a, b, c]: [usize; 3]) -> Vec<[f64; 3]> {
    (0..a * b * c).map(|n| [n / c / b, n / c % b, n % c].map(|site| site as f64)).collect()
}

#[test]
fn a_long_rod_is_swept_with_few_tiles_under_way() {
    let positions = crystal([120, 12, 12]);
    for threads in [1, 2, 4] {
        check(&positions, positions.len(), threads).unwrap();
        // Ghosts at one end, and a third of all.
        check(&positions, positions.len() - 12 * 12, threads).unwrap();
        check(&positions, positions.len() * 2 / 3, threads).unwrap();
    }
    let (rows, first, atoms) = prepare(&positions, positions.len());
    let mut list = Neighbours::default();
    list.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::All);
    let most_records = |threads, shared: &[usize]| {
        let tiling = Tiling::new(&rows, &first, threads, SLABS);
        let schedule = Schedule::new(&tiling, shared.iter().copied(), 0);
        assert!(schedule.tiles.len() > 10);
        Evaluation::new(&schedule, &list, shared, 1).run().unwrap()
    };
    assert_eq!(most_records(1, &[]), 3);
    // Where one thread's way ends in the middle of another's, two tiles have to wait.
    assert!(most_records(2, &[]) <= 2 * (3 + 2));
    // At both ends the tile that is open waits, with two behind it, and where one section
    // ends and the next goes on two more.
    assert!(most_records(1, &[0, positions.len() - 1]) <= 2 * 3 + 2 + 3);

    let tiling = Tiling::new(&rows, &first, 1, SLABS);
    let ring = Schedule::new(&tiling, [], 0).ring;
    assert!(ring.places(positions.len()) < positions.len() / 2);
    let parts: Vec<_> = ring.parts(0..positions.len()).collect();
    assert!(parts.len() > 2 && parts.windows(2).all(|two| two[0].end == two[1].start));
    assert!(
        parts
            .iter()
            .all(|part| ring.place(part.end - 1) + 1 == ring.place(part.start) + part.len())
    );
    // Ghosts have places of their own, also where no atom has any in reach.
    assert_eq!(Schedule::new(&tiling, [], 1).ring, RingBuffer::default());
}

/// What the scheduler gives to one thread that does everything at once.
fn order_of_one_thread(schedule: &Schedule) -> Vec<(Task, usize)> {
    let mut scheduler = Scheduler::<()>::default();
    scheduler.clear(schedule);
    let mut order = Vec::new();
    for section in Section::ALL {
        if scheduler.enter(schedule, section) {
            while let Next::Do(job) = scheduler.next(schedule, 0) {
                order.push((job.task, job.tile));
                scheduler.finish(schedule, job);
            }
        }
    }
    order
}

/// A rank waits for others only when it has nothing left to do, and does not make them wait.
#[test]
fn free_tiles_are_begun_until_messages_arrive_and_last() {
    let positions = crystal([120, 12, 12]);
    let (rows, first, _) = prepare(&positions, positions.len());
    let tiling = Tiling::new(&rows, &first, 1, SLABS);
    let schedule = Schedule::new(&tiling, [0], 1);
    let free = schedule.tiles.iter().filter(|tile| tile.is_free()).count();
    assert_eq!(free, schedule.tiles.len() - 3, "one is open, two are around it");
    // Free tiles that get their densities in each section, where messages arrive after so many tasks.
    let begun = |tasks: usize| -> Vec<usize> {
        let mut scheduler = Scheduler::<()>::default();
        scheduler.clear(&schedule);
        let in_section = |section: Section| {
            let (mut begun, mut done) = (0, 0);
            scheduler.enter(&schedule, section);
            loop {
                if done == tasks {
                    scheduler.note_arrival();
                }
                let Next::Do(job) = scheduler.next(&schedule, 0) else { return begun };
                begun +=
                    (job.task == Task::Densities && schedule.tiles[job.tile].is_free()) as usize;
                done += 1;
                scheduler.finish(&schedule, job);
            }
        };
        Section::ALL.map(in_section).to_vec()
    };
    assert_eq!(begun(usize::MAX), [free, 0, 0, 0, 0, 0, 0]);
    assert_eq!(begun(0), [0, 0, 0, 0, 0, 0, free]);
    assert_eq!(begun(1)[..2], [1, 0]);
    assert_eq!(begun(1).iter().sum::<usize>(), free);
}

#[test]
fn thick_slabs_are_swept_column_by_column() {
    let positions = crystal([60, 48, 9]);
    let (rows, first, atoms) = prepare(&positions, positions.len());
    let mut list = Neighbours::default();
    list.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::All);
    let [slabs, per_slab] = rows.counts();
    assert!(slabs == 19 && per_slab == 15);
    let measures = Measures { column_atoms: 400, column_parts: 5, part_atoms: 1, ..NARROW };
    let tiling = Tiling::new(&rows, &first, 1, measures);
    let schedule = Schedule::new(&tiling, [], 0);
    assert_eq!(schedule.tiles.len(), slabs * per_slab);
    // The first of the three columns, slab by slab to the end of the band.
    let starts = |n: usize| schedule.tiles[n].atoms.start;
    assert!((0..4).all(|n| schedule.tiles[n].atoms.end == starts(n + 1)));
    assert!((4..14).step_by(5).all(|n| schedule.tiles[n].atoms.end < starts(n + 1)));
    assert_eq!(schedule.tiles[4].atoms.end, starts(15), "the second column, first slab");
    // What is read early is what the tile before did not see, and this one does.
    for pair in schedule.tiles.windows(2) {
        let seen = |n: usize| pair[n].near.iter().map(|&near| &schedule.tiles[near].atoms);
        for ahead in &pair[1].ahead {
            assert!(seen(1).any(|atoms| atoms == ahead) && !seen(0).any(|atoms| atoms == ahead));
        }
    }
    let ahead = |n: usize| schedule.tiles[n].ahead.len();
    assert_eq!([ahead(0), ahead(5), ahead(schedule.tiles.len() - 1)], [2, 3, 0]);
    // A slab of a column has all its densities before anything that they have made possible.
    let order = order_of_one_thread(&schedule);
    let place = |tile: usize| order.iter().position(|&job| job == (Task::Densities, tile)).unwrap();
    assert!((0..schedule.tiles.len()).step_by(5).all(|tile| place(tile + 4) == place(tile) + 4));
    assert!((5..schedule.tiles.len()).step_by(5).any(|tile| place(tile) > place(tile - 1) + 1));
    assert_eq!(order.len(), 3 * schedule.tiles.len());
    // Two parts and two slabs wait on either side of a border, one more is under way.
    let most = Evaluation::new(&schedule, &list, &[], 1).run().unwrap();
    assert!(most <= 3 * per_slab + 2 * 2 * 3 + 5, "{most} of {}", slabs * per_slab);
    // A band of three, three slabs before it and one behind.
    let slab = positions.len() / slabs;
    assert!(tiling.most_in_use() <= 8 * slab, "{} of {slab}", tiling.most_in_use());
    check(&positions, positions.len(), 3).unwrap();
    check(&positions, positions.len() * 3 / 4, 1).unwrap();
}

#[test]
fn an_atom_far_away_costs_no_memory() {
    let mut positions: Vec<[f64; 3]> = (0..500).map(|i| [i as f64 * 0.01, 0.0, 0.0]).collect();
    positions.push([30_000.0, -30_000.0, 30_000.0]);
    let (rows, _, atoms) = prepare(&positions, positions.len());
    assert!(rows.total() <= 8 * atoms.len() + 1000, "{} rows", rows.total());
    check(&positions, positions.len(), 2).unwrap();
}

#[test]
fn coinciding_atoms_on_the_edge_of_a_row_are_found() {
    let positions: Vec<[f64; 3]> =
        (0..64).map(|i| [(i % 4) as f64 * REACH, (i / 4 % 4) as f64 * REACH, 0.0]).collect();
    check(&positions, 64, 4).unwrap();
}

#[test]
fn exactly_one_end_of_a_pair_computes_it() {
    for (a, b) in [(0, 1), (3, 8), (5, 7), (1 << 40, 2)] {
        let d = [0.5, -1.0, 2.0];
        let ends = [computes_pair(a, b, d), computes_pair(b, a, d.map(|x| -x))];
        assert_eq!(ends.iter().filter(|x| **x).count(), 1);
    }
    for d in [[2.0, 0.0, 0.0], [0.0, -2.0, 1.0], [0.0, 0.0, -3.0]] {
        assert_ne!(computes_pair(4, 4, d), computes_pair(4, 4, d.map(|x| -x)));
    }
}

#[test]
fn half_lists_have_the_pairs_and_in_portions_the_lists_of_whole_ones() {
    // Atoms everywhere in a cube, a third of them ghosts.
    let place = |n: usize| [0.754_877, 0.569_840, 0.328_150].map(|a| 26.0 * (n as f64 * a).fract());
    let positions: Vec<[f64; 3]> = (1..9000).map(place).collect();
    const OWNED: usize = 6000;
    let (rows, first, atoms) = prepare(&positions, OWNED);
    let [mut whole, mut half] = [Neighbours::default(), Neighbours::default()];
    whole.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::All);
    half.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::Once);
    let entries = |list: &Neighbours| (0..OWNED).map(|i| list.of(i).len()).sum::<usize>();
    assert!(entries(&half) < entries(&whole) * 3 / 4);
    assert_eq!(half.whole_count(), entries(&whole));
    assert_eq!(whole.whole_count(), entries(&whole));

    let sorted = |mut list: Vec<u32>| {
        list.sort_unstable();
        list
    };
    for lists in [&half, &whole] {
        let portions = lists.portions(1);
        assert_eq!(portions.len(), OWNED.div_ceil(2048));
        let mut next = 0;
        for portion in &portions {
            assert_eq!(portion.atoms.start, next);
            next = portion.atoms.end;
            let completed = lists.whole_of(portion);
            for i in portion.atoms.clone() {
                let expected = whole.of(i).atoms().map(|j| j as u32).collect();
                assert_eq!(sorted(completed.of(i).to_vec()), sorted(expected), "{i}");
            }
        }
        assert_eq!(next, OWNED);
        let counts: Vec<u32> = (0..OWNED).map(|i| whole.of(i).len() as u32).collect();
        assert_eq!(lists.counts(), counts);
    }
    let looked_at = |list: &Neighbours| (0..OWNED).map(|i| list.within_range(i).len()).sum();
    let mut list = half.clone();
    let parts: [usize; 4] = [0.0, 0.3, 0.6, 0.9].map(|part| {
        list.note_displacement(part);
        looked_at(&list)
    });
    assert!(parts.is_sorted() && parts[0] < entries(&list) / 2, "{parts:?}");
    assert_eq!(parts[3], entries(&list));
    assert_eq!(looked_at(&whole), entries(&whole));
    let pairs = |list: &Neighbours| -> Vec<[usize; 2]> {
        let of = |i| list.pairs_of(i).map(move |j| [i.min(j), i.max(j)]);
        let mut all: Vec<[usize; 2]> = (0..OWNED).flat_map(of).collect();
        all.sort_unstable();
        all
    };
    assert_eq!(pairs(&half), pairs(&whole));
    assert!(pairs(&half).windows(2).all(|two| two[0] != two[1]), "each pair once");
}
