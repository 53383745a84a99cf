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
    // Every owned atom once, and no atom within reach of two ranges of a colour.
    let mut seen = vec![0; owned];
    for colour in &list.schedule {
        let mut writer = vec![usize::MAX; atoms.len()];
        for (number, range) in colour.iter().enumerate() {
            for i in range.clone() {
                seen[i] += 1;
                let written = list.of(i).iter().map(|e| (e & !MINE) as usize);
                for j in written.chain([i]) {
                    prop_assert!(writer[j] == usize::MAX || writer[j] == number);
                    writer[j] = number;
                }
            }
        }
    }
    prop_assert!(seen.iter().all(|&n| n == 1));
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
