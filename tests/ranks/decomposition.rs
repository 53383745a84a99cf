//! The cuts of space must not depend on which rank holds which atom.

use super::Body;
use sinter_hpc::comm::Comm;
use sinter_hpc::domain::{Domains, Shares, imbalance};
use sinter_hpc::geometry::{Cell, on_grid};

pub const BODIES: &[(&str, Body)] = &[
    ("cuts do not depend on who holds the atoms", cuts_do_not_depend_on_who_holds_the_atoms),
    ("every rank gets its share", every_rank_gets_its_share),
];

const ATOMS: usize = 4_000;

/// Of borders, Å.
const REACH: f64 = 5.6;

/// A filled box with one corner denser than the rest, and costs that vary.
fn atoms() -> (Vec<[f64; 4]>, Vec<i64>) {
    let coordinate = |i: usize, step: f64| {
        let x = (i as f64 * step).fract();
        on_grid(60.0 * x * x)
    };
    let position = |i| {
        [coordinate(i, 0.618_033_988), coordinate(i, 0.754_877_666), coordinate(i, 0.569_84), 0.]
    };
    (0..ATOMS).map(|i| (position(i), 50 + (i % 13) as i64)).unzip()
}

fn cell() -> Cell {
    Cell::new([0.0; 3], [60.0; 3], [false, true, false])
}

/// The atoms for which `mine` says so.
fn held(mine: impl Fn(usize) -> bool) -> (Vec<[f64; 4]>, Vec<i64>) {
    let (positions, costs) = atoms();
    let all = positions.into_iter().zip(costs).enumerate();
    all.filter(|(i, _)| mine(*i)).map(|(_, atom)| atom).unzip()
}

fn cuts_do_not_depend_on_who_holds_the_atoms(comm: &Comm) {
    let (rank, size) = (comm.rank(), comm.size());
    let (positions, costs) = atoms();
    let parts = 5.max(size);
    let alone = Domains::bisect(
        &cell(),
        &Shares::even(parts),
        (&positions, &costs),
        REACH,
        &Comm::single(),
    );
    let in_turn: &dyn Fn(usize) -> bool = &|i| i % size == rank;
    let in_blocks: &dyn Fn(usize) -> bool = &|i| i * size / ATOMS == rank;
    let all_on_the_last: &dyn Fn(usize) -> bool = &|_| rank + 1 == size;
    for deal in [in_turn, in_blocks, all_on_the_last] {
        let (positions, costs) = held(deal);
        assert_eq!(
            Domains::bisect(&cell(), &Shares::even(parts), (&positions, &costs), REACH, comm),
            alone
        );
    }
}

/// One atom in five hundred, and the tolerance of three cuts.
const IMBALANCE: f64 = 1.01;

fn every_rank_gets_its_share(comm: &Comm) {
    let (positions, costs) = held(|i| i % comm.size() == comm.rank());
    let domains =
        Domains::bisect(&cell(), &Shares::even(comm.size()), (&positions, &costs), REACH, comm);
    let mut loads = vec![0; comm.size()];
    for (position, cost) in positions.iter().zip(costs) {
        loads[domains.owner(position)] += cost;
    }
    comm.sum_i64(&mut loads);
    assert_eq!(loads.iter().sum::<i64>(), atoms().1.iter().sum::<i64>());
    assert!(imbalance(&loads) < IMBALANCE, "{loads:?}");
}
