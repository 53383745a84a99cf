//! Each word of the vocabulary by its law, on many ranks.

use super::*;
use crate::atoms::{Atom, Atoms};
use crate::comm::threads;
use crate::domain::{Domains, Shares};
use crate::geometry::{Cell, on_grid};
use bytemuck::Zeroable;
use std::collections::BTreeSet;

const SHELL: f64 = 4.0;
const RANKS: [usize; 5] = [1, 2, 3, 8, 64];

fn scattered(count: u64, length: [f64; 3]) -> Vec<Atom> {
    let place = |n: u64, d: usize| on_grid((n as f64 * [0.754877, 0.569840, 0.437357][d]).fract());
    let atom = |id| Atom {
        id,
        position: std::array::from_fn(|d| on_grid(length[d] * place(id + 1, d))),
        species: (id % 5) as u32,
        particle: (id % 7) as u32,
        ..Atom::zeroed()
    };
    (0..count).map(atom).collect()
}

/// Calls `body` on each rank with its atoms, ghosts and routes.
fn with_ghosts<R: Send>(
    ranks: usize,
    cell: Cell,
    list: &[Atom],
    body: impl Fn(&Comm, &mut Atoms, &mut Routes) -> R + Sync,
) -> Vec<R> {
    threads::run(ranks, |comm| {
        let mine = if comm.rank() == ranks - 1 { list } else { &[] };
        let mut atoms = Atoms::from_list(mine);
        let costs = vec![1; atoms.owned];
        let domains =
            Domains::bisect(&cell, &Shares::even(ranks), (&atoms.position, &costs), SHELL, comm);
        migrate(comm, &mut atoms, |p| domains.owner(p));
        for i in 0..atoms.owned {
            assert_eq!(domains.owner(&atoms.position[i]), comm.rank());
            assert_eq!(atoms.record(i), list[atoms.id[i] as usize], "nothing changed on the way");
        }
        let mut routes = share_ghosts(comm, &cell, SHELL, &mut atoms);
        body(comm, &mut atoms, &mut routes)
    })
}

fn cases() -> [(Cell, Vec<Atom>); 4] {
    let case = |length: [f64; 3], periodic, count| {
        (Cell::new([0.0; 3], length, periodic), scattered(count, length))
    };
    [
        case([20.0, 14.0, 9.0], [false; 3], 120),
        case([20.0, 14.0, 9.0], [true; 3], 120),
        case([3.0, 2.5, 11.0], [true, true, false], 9),
        case([1.5, 2.0, 1.75], [true; 3], 1),
    ]
}

/// A place on the grid as a key of a set.
fn key(position: &[f64]) -> [u64; 3] {
    [0, 1, 2].map(|d| (position[d] + 0.0).to_bits())
}

#[test]
fn all_images_within_the_shell_of_an_owned_atom_are_on_its_rank_once() {
    for (cell, list) in cases() {
        let most = [0, 1, 2]
            .map(|d| if cell.periodic[d] { (SHELL / cell.length[d]).ceil() as i64 + 1 } else { 0 });
        let image = |atom: &Atom, n: [i64; 3]| -> [f64; 3] {
            std::array::from_fn(|d| atom.position[d] + n[d] as f64 * cell.length[d])
        };
        let mut images = Vec::new();
        for x in -most[0]..=most[0] {
            for y in -most[1]..=most[1] {
                for z in -most[2]..=most[2] {
                    images.extend(list.iter().map(|a| (a.id, image(a, [x, y, z]))));
                }
            }
        }
        for ranks in RANKS {
            with_ghosts(ranks, cell, &list, |_, atoms, _| {
                let here: BTreeSet<_> =
                    (0..atoms.len()).map(|i| (atoms.id[i], key(&atoms.position[i]))).collect();
                assert_eq!(here.len(), atoms.len(), "no atom or image stands twice");
                for p in &atoms.position[..atoms.owned] {
                    let near = |q: &[f64; 3]| {
                        (0..3).map(|d| (q[d] - p[d]) * (q[d] - p[d])).sum::<f64>() <= SHELL * SHELL
                    };
                    for (id, q) in images.iter().filter(|(_, q)| near(q)) {
                        assert!(here.contains(&(*id, key(q))), "{ranks} ranks, atom {id}");
                    }
                }
                for g in atoms.owned..atoms.len() {
                    let owner = &list[atoms.id[g] as usize];
                    assert_eq!(atoms.species[g] as u32, owner.species);
                    assert_eq!(atoms.particle[g], owner.particle);
                }
            });
        }
    }
}

#[test]
fn refreshed_ghosts_are_owner_plus_shift_exactly() {
    for (cell, list) in cases() {
        for ranks in RANKS {
            with_ghosts(ranks, cell, &list, |comm, atoms, routes| {
                let before = atoms.position.clone();
                let step = |id: u64, d: usize| on_grid(0.3 * (id as f64 + 0.7 * d as f64).sin());
                for i in 0..atoms.owned {
                    for d in 0..3 {
                        atoms.position[i][d] += step(atoms.id[i], d);
                    }
                }
                routes.refresh_positions(comm, &mut atoms.position);
                for (i, before) in before.iter().enumerate() {
                    let expected: [f64; 3] =
                        std::array::from_fn(|d| before[d] + step(atoms.id[i], d));
                    assert_eq!(atoms.position[i][..3], expected);
                }
                let mut words = vec![-1; 3 * atoms.len()];
                for i in 0..atoms.owned {
                    words[3 * i..3 * i + 3].fill(atoms.id[i] as i64);
                }
                routes.refresh(comm, &mut words, 3);
                assert!((0..words.len()).all(|w| words[w] == atoms.id[w / 3] as i64));
            });
        }
    }
}

#[test]
fn gathering_is_the_adjoint_of_refreshing() {
    // Every word anywhere, owned or ghost, comes to be counted at its owner once.
    for (cell, list) in cases() {
        for ranks in RANKS {
            let sums = with_ghosts(ranks, cell, &list, |comm, atoms, routes| {
                let words = 2;
                let mut values: Vec<i64> = (0..words * atoms.len())
                    .map(|w| (w as i64 * 7919 + comm.rank() as i64) * (atoms.id[w / 2] as i64 + 1))
                    .collect();
                let mut partial = vec![0i64; words * list.len()];
                for (w, value) in values.iter().enumerate() {
                    partial[words * atoms.id[w / 2] as usize + w % 2] += value;
                }
                comm.sum_i64(&mut partial);
                routes.gather(comm, &mut values, words);
                for w in 0..words * atoms.owned {
                    assert_eq!(values[w], partial[words * atoms.id[w / 2] as usize + w % 2]);
                }
                values[..words * atoms.owned].iter().sum::<i64>()
                    - if comm.is_root() { partial.iter().sum() } else { 0 }
            });
            assert_eq!(sums.iter().sum::<i64>(), 0);
        }
    }
}

#[test]
fn owned_words_may_change_while_messages_travel() {
    for (cell, list) in cases() {
        for ranks in RANKS {
            with_ghosts(ranks, cell, &list, |comm, atoms, routes| {
                let ids: Vec<i64> = atoms.id.iter().map(|&id| id as i64).collect();
                let mut values = ids.clone();
                let (own, ghosts) = values.split_at_mut(atoms.owned);
                ghosts.fill(-1);
                let mut transfer = routes.begin_refresh(comm, own, ghosts, 1);
                own.fill(7);
                transfer.progress();
                transfer.complete();
                assert_eq!(ghosts, &ids[atoms.owned..], "as it was when it left");
                ghosts.fill(1);
                let mut transfer = routes.begin_gather(comm, ghosts, 1);
                own.iter_mut().for_each(|word| *word += 3);
                transfer.progress();
                transfer.complete();
                routes.add_gathered(own, 1);
                let mut copies = vec![0i64; list.len()];
                atoms.id[atoms.owned..].iter().for_each(|&id| copies[id as usize] += 1);
                comm.sum_i64(&mut copies);
                for i in 0..atoms.owned {
                    assert_eq!(own[i], 10 + copies[atoms.id[i] as usize]);
                }
            });
        }
    }
}

#[test]
fn a_census_tells_lost_and_doubled_atoms() {
    let complete: Vec<u64> = (0..20).collect();
    let census = threads::run(1, |comm| Census::take(comm, &complete))[0];
    let check = |ids: &[u64]| {
        threads::run(1, |comm| census.check(comm, ids, 3)).remove(0).map_err(|e| e.to_string())
    };
    assert_eq!(check(&(0..20).rev().collect::<Vec<u64>>()), Ok(()));
    assert_eq!(
        check(&complete[1..]).unwrap_err(),
        "step 3, atom 0: this atom was lost (20 atoms at the beginning, 19 now)"
    );
    assert_eq!(
        check(&complete[..19]).unwrap_err(),
        "step 3, atom 19: this atom was lost (20 atoms at the beginning, 19 now)"
    );
    let mut swapped = complete.clone();
    swapped[4] = 5;
    assert_eq!(
        check(&swapped).unwrap_err(),
        "step 3, atom 5: this atom is on the ranks twice (20 atoms at the beginning, 20 now)"
    );
    // Three lost and three doubled, with the same number, sum and sum of squares.
    let lost = [0, 4, 5];
    let mut others: Vec<u64> = complete.iter().copied().filter(|id| !lost.contains(id)).collect();
    others.extend([1, 2, 6]);
    for power in 0..3 {
        let sum = |ids: &[u64]| ids.iter().map(|id| id.pow(power)).sum::<u64>();
        assert_eq!(sum(&others), sum(&complete));
    }
    assert_eq!(
        check(&others).unwrap_err(),
        "step 3, atom 1: this atom is on the ranks twice (20 atoms at the beginning, 20 now)"
    );
}
