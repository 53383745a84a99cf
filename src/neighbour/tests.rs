//! The list against all pairs, and the schedule against its own definition.

use super::*;
use crate::atoms::{Atom, Atoms};
use bytemuck::Zeroable;
use proptest::prelude::*;

const REACH: f64 = 3.0;

/// Atoms at these positions: the first `owned` sorted and owned, the rest ghosts.
fn prepare(positions: &[[f64; 3]], owned: usize) -> (Rows, Vec<u32>, Atoms) {
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

fn check(positions: &[[f64; 3]], owned: usize, threads: usize) -> Result<(), TestCaseError> {
    let (rows, first, atoms) = prepare(positions, owned);
    let mut list = Neighbours::default();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    pool.install(|| list.build(&rows, &first, &atoms, REACH));
    prop_assert_eq!(list.first.len(), owned + 1);
    for i in 0..owned {
        let found: Vec<usize> = list.of(i).iter().map(|e| (e & !MINE) as usize).collect();
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
        for entry in list.of(i) {
            let j = (entry & !MINE) as usize;
            if j < owned {
                prop_assert_eq!(entry & MINE != 0, i < j);
            }
        }
    }
    // Atoms that see ghosts have ghosts themselves, and so may others.
    let sees_ghosts = |i: usize| list.of(i).iter().any(|e| (e & !MINE) as usize >= owned);
    let is_shared = |i: usize| sees_ghosts(i) || (owned < atoms.len() && i % 997 == 5);
    let shared: Vec<usize> = (0..owned).filter(|&i| is_shared(i)).collect();
    let schedule = Schedule::new(&rows, &first, threads, shared.iter().copied());
    check_colours(&schedule, &list, atoms.len())?;
    check_steps(&schedule, &list, &shared)
}

/// Every owned atom once, and no atom within reach of two ranges of a colour.
fn check_colours(schedule: &Schedule, list: &Neighbours, all: usize) -> Result<(), TestCaseError> {
    let owned = list.first.len() - 1;
    let mut seen = vec![0; owned];
    for wave in &schedule.waves {
        for colour in &wave.colours {
            let mut writer = vec![usize::MAX; all];
            for (number, range) in colour.iter().enumerate() {
                for i in range.clone() {
                    prop_assert!(wave.atoms.contains(&i));
                    seen[i] += 1;
                    let written = list.of(i).iter().map(|e| (e & !MINE) as usize);
                    for j in written.chain([i]) {
                        prop_assert!(writer[j] == usize::MAX || writer[j] == number);
                        writer[j] = number;
                    }
                }
            }
        }
    }
    prop_assert!(seen.iter().all(|&n| n == 1));
    Ok(())
}

/// Every step finds what it needs, atom by atom: nothing is read before it is complete,
/// nothing of a ghost is touched on its way, and no wave takes the place of another.
fn check_steps(
    schedule: &Schedule,
    list: &Neighbours,
    shared: &[usize],
) -> Result<(), TestCaseError> {
    let owned = list.first.len() - 1;
    let sections = [
        &schedule.while_positions_travel,
        &schedule.before_gather,
        &schedule.while_sums_travel,
        &schedule.before_refresh,
        &schedule.while_adjoints_travel,
        &schedule.at_last,
    ];
    let mut done = vec![None; owned];
    let mut in_place = std::collections::HashMap::new();
    let mut holder = vec![None; schedule.ring.places(owned)];
    let needs = |holder: usize, done: &[Option<Task>]| {
        let near = list.of(holder).iter().map(|e| (e & !MINE) as usize).chain([holder]);
        near.filter(|&j| j < owned).any(|j| done[j] != Some(Task::Forces))
    };
    for (section, steps) in sections.into_iter().enumerate() {
        for &(task, number) in steps {
            let wave = &schedule.waves[number];
            for i in wave.atoms.clone() {
                let before = match task {
                    Task::Begin => None,
                    Task::Densities => Some(Task::Begin),
                    Task::Embed => Some(Task::Densities),
                    Task::Forces => Some(Task::Embed),
                };
                prop_assert_eq!(done[i], before);
                for j in list.of(i).iter().map(|e| (e & !MINE) as usize) {
                    if j < owned {
                        prop_assert!(done[j] >= before, "{task:?} of {i} needs {j}");
                    } else if task == Task::Densities {
                        prop_assert_eq!(section, 1, "ghosts are written to before they leave");
                    } else if task == Task::Forces {
                        prop_assert_eq!(section, 5, "ghosts are read when they are there");
                    }
                }
                if task == Task::Begin {
                    let before = holder[schedule.ring.place(i)].replace(i);
                    prop_assert!(before.is_none_or(|before| !needs(before, &done)));
                }
                let is_shared = shared.binary_search(&i).is_ok();
                prop_assert!(task != Task::Embed || !is_shared || section == 3);
            }
            match task {
                Task::Densities => prop_assert_eq!(in_place.insert(wave.place, number), None),
                Task::Forces => prop_assert_eq!(in_place.remove(&wave.place), Some(number)),
                Task::Begin | Task::Embed => {}
            }
            wave.atoms.clone().for_each(|i| done[i] = Some(task));
        }
    }
    prop_assert!(done.iter().all(|task| *task == Some(Task::Forces)));
    Ok(())
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
fn beam(length: usize, width: usize) -> Vec<[f64; 3]> {
    let site = |n: usize| [n / width / width, n / width % width, n % width].map(|c| c as f64);
    (0..length * width * width).map(site).collect()
}

#[test]
fn a_long_beam_is_swept_with_few_waves_under_way() {
    let positions = beam(120, 12);
    for threads in [1, 2, 4] {
        check(&positions, positions.len(), threads).unwrap();
        // Ghosts at one end, and a third of all.
        check(&positions, positions.len() - 12 * 12, threads).unwrap();
        check(&positions, positions.len() * 2 / 3, threads).unwrap();
    }
    let (rows, first, _) = prepare(&positions, positions.len());
    let places = |shared: &[usize]| {
        let schedule = Schedule::new(&rows, &first, 1, shared.iter().copied());
        assert!(schedule.waves.len() > 10);
        1 + schedule.waves.iter().map(|wave| wave.place).max().unwrap()
    };
    assert_eq!(places(&[]), 3);
    let ring = Schedule::new(&rows, &first, 1, []).ring;
    assert!(ring.places(positions.len()) < positions.len() / 2);
    let parts: Vec<_> = ring.parts(0..positions.len()).collect();
    assert!(parts.len() > 2 && parts.windows(2).all(|two| two[0].end == two[1].start));
    assert!(
        parts
            .iter()
            .all(|part| ring.place(part.end - 1) + 1 == ring.place(part.start) + part.len())
    );
    // The two waves that are open wait, and beside them one that does not see ghosts.
    assert!(places(&[0, positions.len() - 1]) <= 7);
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
