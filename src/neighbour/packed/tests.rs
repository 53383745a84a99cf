//! Packed lists against what went into them, and lists of many atoms against their sites.

use super::*;
use crate::atoms::Atoms;
use crate::lanes::{InstructionSet, dispatch};
use crate::neighbour::tests::{REACH, SKIN, crystal, prepare};
use crate::neighbour::{Kept, Neighbours, computes_pair};
use std::collections::HashMap;
use std::ops::Range;

/// Whether vectors of a list are what it says, entry by entry.
fn check_vectors<L: Lanes>(lists: &Neighbours, expected: &[Vec<u32>]) {
    const REST: u32 = 123;
    for (i, expected) in expected.iter().enumerate() {
        for list in [lists.of(i), lists.of(i).beginning(expected.len() / 2)] {
            let entry = |n: usize| if n < list.len() { expected[n] } else { REST };
            for at in 0..list.len() {
                let eight = list.eight::<L>(at, REST);
                assert_eq!(eight, std::array::from_fn(|n| entry(at + n)));
                let sixteen = list.sixteen::<L::Coarse>(at, REST);
                assert_eq!(sixteen, std::array::from_fn(|n| entry(at + n)));
            }
        }
    }
}

#[test]
fn lists_hold_any_entries() {
    const WINDOW: u32 = 8192;
    // By block, what begins with one entry and ends with another of a window, or a bit later;
    // windows up to the last index that there is, and as many as there may be and more.
    let spread = |count: u32, apart: u32| (0..count).map(|n| n * apart).collect::<Vec<u32>>();
    let ends = |begin: u32| vec![begin, begin + 1, begin + WINDOW - 1, begin + WINDOW, begin + 5];
    let mut blocks = vec![
        ends(0),
        ends(1023),
        ends(65_535),
        ends(1 << 30),
        ends(MINE - 2 * WINDOW),
        vec![MINE - 2, 0, MINE - 3, WINDOW],
        spread(8, WINDOW),
        spread(9, WINDOW),
        spread(4, 20_000_000),
        spread(100, 20_000_000),
        Vec::new(),
    ];
    // Each in one direction alone, and in both.
    let mine = |block: &Vec<u32>| block.iter().map(|entry| entry | MINE).collect::<Vec<u32>>();
    let both =
        |block: &Vec<u32>| block.iter().flat_map(|&e| [e, e | MINE, e]).collect::<Vec<u32>>();
    let more: Vec<Vec<u32>> = blocks.iter().map(mine).chain(blocks.iter().map(both)).collect();
    blocks.extend(more);
    let mut expected = Vec::new();
    for (n, block) in blocks.iter().enumerate() {
        // Together they fill the block; the last is not full.
        let count = if n + 1 < blocks.len() { BLOCK } else { 3 };
        expected
            .extend((0..count).map(|i| block.iter().skip(i).step_by(1 + i % 3).copied().collect()));
    }
    let expected: Vec<Vec<u32>> = expected;
    let lists = Neighbours::new(Kept::All, &expected);
    assert_eq!(lists.owned(), expected.len());
    for (i, expected) in expected.iter().enumerate() {
        assert_eq!(lists.of(i).iter().collect::<Vec<u32>>(), *expected);
        assert_eq!(lists.of(i).len(), expected.len());
    }
    for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
        let (lists, expected) = (&lists, &expected[..]);
        dispatch!(set, check_vectors, (lists: &Neighbours, expected: &[Vec<u32>]) -> ());
    }
    // Eight windows suffice for these.
    let inside = Neighbours::new(Kept::All, &vec![spread(100, 81); 320]);
    assert!(inside.shorts.len() == 320 * 100 + BEHIND);
}

/// The lists of a crystal against what stands around each site, for which atoms are looked up by
/// their places; `scattered`: whether ghosts follow one another in no order.
fn check_crystal(size: [usize; 3], owned_layers: Range<usize>, scattered: bool) -> Neighbours {
    let is_owned = |p: &[f64; 3]| owned_layers.contains(&(p[2] as usize));
    let (mut positions, mut ghosts): (Vec<_>, Vec<_>) =
        crystal(size).into_iter().partition(is_owned);
    let owned = positions.len();
    if scattered {
        // Of a prime number of them.
        ghosts = (0..ghosts.len()).map(|n| ghosts[n * 7919 % ghosts.len()]).collect();
    }
    positions.extend(ghosts);
    let (rows, first, atoms) = prepare(&positions, owned);
    let site = |p: &[f64; 4]| [p[0] as i32, p[1] as i32, p[2] as i32];
    let place: HashMap<[i32; 3], u32> = atoms.position.iter().map(site).zip(0..).collect();
    assert_eq!(place.len(), atoms.len());
    let reach = REACH as i32;
    let steps: Vec<[i32; 3]> = (0..(2 * reach + 1).pow(3))
        .map(|n| [n / 49 - reach, n / 7 % 7 - reach, n % 7 - reach])
        .filter(|&[x, y, z]| (1..=reach * reach).contains(&(x * x + y * y + z * z)))
        .collect();
    let [mut whole, mut half] = [Neighbours::default(), Neighbours::default()];
    whole.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::All);
    half.build((&rows, &first), &atoms, [REACH - SKIN, SKIN], Kept::Once);
    for i in 0..owned {
        let [x, y, z] = site(&atoms.position[i]);
        let around = steps.iter().filter_map(|[a, b, c]| place.get(&[x + a, y + b, z + c]));
        let entry = |&j: &u32| match computes_pair_of(&atoms, i, j as usize) {
            true => j | MINE,
            false => j,
        };
        let sorted = |entries: &mut dyn Iterator<Item = u32>| {
            let mut entries: Vec<u32> = entries.collect();
            entries.sort_unstable();
            entries
        };
        let expected = sorted(&mut around.map(entry));
        assert_eq!(sorted(&mut whole.of(i).iter()), expected);
        let kept = |e: &u32| e & MINE != 0 || *e as usize >= owned;
        assert_eq!(sorted(&mut half.of(i).iter()), sorted(&mut expected.into_iter().filter(kept)));
    }
    half
}

fn computes_pair_of(atoms: &Atoms, i: usize, j: usize) -> bool {
    if j < atoms.owned {
        return i < j;
    }
    let [a, b] = [i, j].map(|i| atoms.position[i]);
    computes_pair(atoms.id[i], atoms.id[j], [0, 1, 2].map(|d| b[d] - a[d]))
}

#[test]
fn lists_of_more_atoms_than_16_bits_count_are_what_stands_around() {
    // Slabs of 9,000 atoms; a slab that sees as many ghosts on either side, in order and in none.
    let inside = check_crystal([60, 50, 30], 0..30, false);
    assert_eq!(inside.owned(), 90_000);
    assert!(inside.shorts.len() == inside.count.all + BEHIND, "all in windows");
    let scattered = check_crystal([97, 109, 9], 3..6, true);
    let wide = scattered.shorts.len() - BEHIND - scattered.count.all;
    assert!(wide > scattered.count.all / 2, "{wide} of {}", scattered.count.all);
}
