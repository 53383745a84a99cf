//! Which rank owns which part of space: recursive bisection weighted by cost.
//!
//! The box is cut in two so that the costs of its atoms on both sides are as the shares of
//! the ranks meant for them (⌊n/2⌋ and ⌈n/2⌉, of even shares at first), each half is cut again, and
//! so on until every part has one rank (Berger and Bokhari, IEEE Trans. Comput.
//! C-36 (1987) 570). A part is cut along the axis that makes the fewest ghosts: where the fewest of its atoms lie
//! within reach of the cut. Particles in vacuum cost no rank for
//! their vacuum.
//!
//! How cuts are found is in `cuts`, when it is worth finding new ones in `balance`, what shares are in `pace`.
//!
//! Invariants:
//! - the regions tile all space that atoms can reach, without overlap: a point
//!   belongs to one rank, that of `owner`, and lies in `region` of that rank only;
//! - cuts are points of the grid of positions, and the result depends on the
//!   atoms as a set, not on which rank holds them or in which order;
//! - all ranks know all cuts.

use crate::geometry::{Cell, GRID, Vec3};
use cuts::{Held, best_cuts};
use std::ops::Range;

mod balance;
mod cuts;
mod pace;

pub use balance::{Balance, imbalance};
pub use pace::{Pace, Shares};

/// Exact sums and maxima of integers over all ranks.
pub trait Reduction {
    fn sum(&self, values: &mut [i64]);
    fn max(&self, values: &mut [i64]);
}

/// A box, `low` inside, `high` outside; borders towards free directions are infinite.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    pub low: Vec3,
    pub high: Vec3,
}

impl Region {
    /// No point lies in it: a rank that was left without atoms may get such a region.
    pub fn is_empty(&self) -> bool {
        (0..3).any(|d| self.low[d] >= self.high[d])
    }

    pub fn contains(&self, point: Vec3) -> bool {
        (0..3).all(|d| self.low[d] <= point[d] && point[d] < self.high[d])
    }

    /// Square of the distance from a point to the region, Å²; 0 inside, infinite
    /// for an empty region.
    pub fn distance_squared(&self, point: Vec3) -> f64 {
        if self.is_empty() {
            return f64::INFINITY;
        }
        let outside = |d: usize| (self.low[d] - point[d]).max(point[d] - self.high[d]).max(0.0);
        (0..3).map(|d| outside(d) * outside(d)).sum()
    }
}

/// The cuts of space into one region for each rank.
///
/// The cut between the ranks below `k` and those from `k` on is number `k`: the
/// part for ranks `first..last` is cut by number `middle(first..last)`, so the
/// tree needs no links. Number 0 cuts nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Domains {
    whole: Region,
    cuts: Vec<Cut>,
}

/// Points below `at` along `axis` go to the lower ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cut {
    axis: usize,
    at: f64,
}

fn middle(ranks: &Range<usize>) -> usize {
    ranks.start + ranks.len() / 2
}

impl Domains {
    /// Cuts the box for the ranks of these shares. `positions` and `costs` are those of the
    /// atoms that this rank holds at the moment, whichever these are: wrapped into
    /// the box, on the grid; costs are not negative, in any unit. Atoms are ghosts within `reach`
    /// (Å) of a border. All ranks call it.
    pub fn bisect(
        cell: &Cell,
        shares: &Shares,
        (positions, costs): (&[[f64; 4]], &[i64]),
        reach: f64,
        reduction: &dyn Reduction,
    ) -> Domains {
        assert_eq!(positions.len(), costs.len(), "one cost for each atom");
        let ranks = shares.ranks();
        let mut domains = Domains::uncut(cell, ranks);
        let mut parts: Vec<Range<usize>> = std::iter::once(0..ranks).collect();
        // Index into `parts` for each atom.
        let mut part_of = vec![0u32; positions.len()];
        while parts.iter().any(|part| part.len() > 1) {
            let atoms = Held { positions, costs, part_of: &part_of };
            for (part, cut) in
                parts.iter().zip(best_cuts((&parts, shares), &atoms, reach, reduction))
            {
                if part.len() > 1 {
                    domains.cuts[middle(part)] = match cut {
                        Some((axis, index)) => Cut { axis, at: index as f64 * GRID },
                        // No atoms to share out: the upper ranks get the empty space.
                        None => Cut { axis: 0, at: domains.region(part.start).low[0] },
                    };
                }
            }
            // Where each half of each part comes to stand among the new parts.
            let mut next = Vec::with_capacity(2 * parts.len());
            let mut place = Vec::with_capacity(parts.len());
            for part in &parts {
                place.push(next.len() as u32);
                next.push(part.start..middle(part).max(part.start + 1));
                if part.len() > 1 {
                    next.push(middle(part)..part.end);
                }
            }
            for (part, position) in part_of.iter_mut().zip(positions) {
                let ranks = &parts[*part as usize];
                let upper = ranks.len() > 1 && !domains.cuts[middle(ranks)].is_below(position);
                *part = place[*part as usize] + upper as u32;
            }
            parts = next;
        }
        domains
    }

    /// Everything to the last rank, until there are atoms to share out.
    fn uncut(cell: &Cell, ranks: usize) -> Domains {
        assert!(ranks > 0, "at least one rank");
        let border = |d: usize, periodic: f64, free: f64| {
            if cell.periodic[d] { periodic } else { free }
        };
        let low: Vec3 = std::array::from_fn(|d| border(d, cell.origin[d], f64::NEG_INFINITY));
        let high =
            std::array::from_fn(|d| border(d, cell.origin[d] + cell.length[d], f64::INFINITY));
        let nothing = Cut { axis: 0, at: low[0] };
        Domains { whole: Region { low, high }, cuts: vec![nothing; ranks] }
    }

    pub fn ranks(&self) -> usize {
        self.cuts.len()
    }

    /// The rank that owns a position; along periodic directions it must be wrapped
    /// into the box. Takes log₂(ranks) comparisons.
    #[inline]
    pub fn owner(&self, position: &[f64; 4]) -> usize {
        let mut ranks = 0..self.ranks();
        while ranks.len() > 1 {
            let middle = middle(&ranks);
            ranks = if self.cuts[middle].is_below(position) {
                ranks.start..middle
            } else {
                middle..ranks.end
            };
        }
        ranks.start
    }

    pub fn region(&self, rank: usize) -> Region {
        let mut region = self.whole;
        let mut ranks = 0..self.ranks();
        while ranks.len() > 1 {
            let middle = middle(&ranks);
            let Cut { axis, at } = self.cuts[middle];
            if rank < middle {
                region.high[axis] = at;
                ranks.end = middle;
            } else {
                region.low[axis] = at;
                ranks.start = middle;
            }
        }
        region
    }

    /// Calls `visit` with each rank whose region has a point in the box from `low`
    /// to `high`, both borders inside; in rising order. Periodic images are the
    /// caller's: it shifts the box.
    pub fn ranks_in(&self, low: Vec3, high: Vec3, visit: &mut impl FnMut(usize)) {
        let reached = |d: usize| self.whole.low[d] <= high[d] && low[d] < self.whole.high[d];
        if (0..3).all(reached) {
            self.descend(0..self.ranks(), self.whole, (low, high), visit);
        }
    }

    fn descend(
        &self,
        ranks: Range<usize>,
        region: Region,
        (low, high): (Vec3, Vec3),
        visit: &mut impl FnMut(usize),
    ) {
        if region.is_empty() {
            return;
        }
        if ranks.len() == 1 {
            return visit(ranks.start);
        }
        let middle = middle(&ranks);
        let Cut { axis, at } = self.cuts[middle];
        if low[axis] < at {
            let mut lower = region;
            lower.high[axis] = at;
            self.descend(ranks.start..middle, lower, (low, high), visit);
        }
        if high[axis] >= at {
            let mut upper = region;
            upper.low[axis] = at;
            self.descend(middle..ranks.end, upper, (low, high), visit);
        }
    }
}

impl Cut {
    #[inline(always)]
    fn is_below(&self, position: &[f64; 4]) -> bool {
        position[self.axis] < self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::on_grid;
    use proptest::prelude::*;

    /// Å.
    const REACH: f64 = 5.6;

    struct Alone;

    impl Reduction for Alone {
        fn sum(&self, _: &mut [i64]) {}
        fn max(&self, _: &mut [i64]) {}
    }

    fn vacuum() -> Cell {
        Cell::new([0.0; 3], [100.0; 3], [false; 3])
    }

    fn loads(domains: &Domains, positions: &[[f64; 4]], costs: &[i64]) -> Vec<i64> {
        let mut loads = vec![0; domains.ranks()];
        positions.iter().zip(costs).for_each(|(p, cost)| loads[domains.owner(p)] += cost);
        loads
    }

    /// Numbers in 0..1 that look random (a linear congruence modulo 2⁶⁴, upper bits).
    fn sequence() -> impl FnMut() -> f64 {
        let mut state = 1u64;
        move || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        }
    }

    /// Two spheres of 58 Å across, 5.5 Å apart, as in the paper's run.
    fn two_spheres(atoms: usize) -> Vec<[f64; 4]> {
        let mut random = sequence();
        let mut positions = Vec::new();
        while positions.len() < atoms {
            let p: Vec3 = std::array::from_fn(|_| 58.0 * (random() - 0.5));
            if crate::geometry::norm(p) < 29.0 {
                let shift = if positions.len() % 2 == 0 { 0.0 } else { 63.5 };
                positions.push([on_grid(p[0] + shift), on_grid(p[1]), on_grid(p[2]), 0.0]);
            }
        }
        positions
    }

    /// Ten cuts in turn, each off by less than 2⁻¹¹, and one atom of about a thousand.
    const IMBALANCE: f64 = 1.02;

    #[test]
    fn two_particles_are_shared_out_evenly() {
        let positions = two_spheres(62_750);
        let costs: Vec<i64> = (0..positions.len() as i64).map(|i| 10 + i % 7).collect();
        for ranks in [2, 3, 8, 48, 64] {
            let domains = Domains::bisect(
                &vacuum(),
                &Shares::even(ranks),
                (&positions, &costs),
                REACH,
                &Alone,
            );
            let uneven = imbalance(&loads(&domains, &positions, &costs));
            assert!(uneven < IMBALANCE, "{ranks} ranks: {uneven}");
        }
        // Two ranks: the cut is in the gap between the particles.
        let domains = Domains::bisect(
            &vacuum(),
            &Shares::even(2),
            (&positions, &vec![1; 62_750]),
            REACH,
            &Alone,
        );
        let cut = domains.region(0).high[0];
        assert!((29.0..=34.5).contains(&cut), "cut at {cut}");
    }

    #[test]
    fn ranks_have_the_shares_of_the_work_that_they_shall() {
        let positions = two_spheres(20_000);
        let costs: Vec<i64> = (0..positions.len() as i64).map(|i| 10 + i % 7).collect();
        let uneven = [3, 1, 2, 2, 1].map(|share| share << 19);
        let shares = Shares::of(&uneven);
        let domains = Domains::bisect(&vacuum(), &shares, (&positions, &costs), REACH, &Alone);
        let loads = loads(&domains, &positions, &costs);
        let total: i64 = loads.iter().sum();
        for (load, share) in loads.iter().zip(uneven) {
            let wanted = total as f64 * share as f64 / uneven.iter().sum::<i64>() as f64;
            assert!((*load as f64 / wanted - 1.0).abs() < IMBALANCE - 1.0, "{loads:?}");
        }
    }

    #[test]
    fn a_cut_goes_where_it_makes_the_fewest_ghosts() {
        // Two rods side by side, farther apart than atoms reach: across the longest extent a cut
        // would go through both.
        let place = |n: usize| [n % 40, n / 40 % 4, n / 160 % 4, n / 640].map(|n| 2.5 * n as f64);
        let rod = |n: usize| [place(n)[0], place(n)[1] + 6.0 * place(n)[3], place(n)[2], 0.0];
        let positions: Vec<[f64; 4]> = (0..1280).map(rod).collect();
        let costs = [1; 1280];
        let domains =
            Domains::bisect(&vacuum(), &Shares::even(2), (&positions, &costs), REACH, &Alone);
        let cut = domains.region(0).high;
        assert!(cut[0].is_infinite() && (7.5..=15.0).contains(&cut[1]), "{cut:?}");
        assert_eq!(loads(&domains, &positions, &costs), [640, 640]);
    }

    #[test]
    fn a_perfect_crystal_is_cut_between_its_planes() {
        let mut positions = Vec::new();
        for x in 0..8 {
            for y in 0..8 {
                for z in 0..8 {
                    positions.push([x, y, z, 0].map(|n| 2.0 * n as f64));
                }
            }
        }
        let domains =
            Domains::bisect(&vacuum(), &Shares::even(8), (&positions, &[1; 512]), REACH, &Alone);
        assert_eq!(loads(&domains, &positions, &[1; 512]), [64; 8]);
    }

    #[test]
    fn borders_are_infinite_where_the_box_is_free_and_those_of_the_box_elsewhere() {
        let cell = Cell::new([-1.0; 3], [10.0; 3], [true, false, true]);
        let positions = [[0.0, 1.0, 2.0, 0.0], [5.0, 300.0, 2.0, 0.0]];
        let domains =
            Domains::bisect(&cell, &Shares::even(2), (&positions, &[1, 1]), REACH, &Alone);
        let (a, b) = (domains.region(0), domains.region(1));
        assert_eq!(a.low, [-1.0, f64::NEG_INFINITY, -1.0]);
        assert_eq!(b.high, [9.0, f64::INFINITY, 9.0]);
        assert_eq!(a.high[1], b.low[1]);
        assert!(a.contains([0.0, -1e9, 0.0]) && b.contains([0.0, 1e9, 0.0]));
        assert_eq!(a.distance_squared([0.0, a.high[1] + 3.0, -5.0]), 25.0);
    }

    #[test]
    fn more_ranks_than_atoms_leave_some_without() {
        for atoms in 0..=3 {
            let positions = &[[1.0; 4], [1.0; 4], [3.0; 4]][..atoms];
            let costs = &[5, 5, 5][..positions.len()];
            let domains =
                Domains::bisect(&vacuum(), &Shares::even(8), (positions, costs), REACH, &Alone);
            let loads = loads(&domains, positions, costs);
            assert_eq!(loads.iter().sum::<i64>(), 5 * positions.len() as i64);
            assert_eq!(loads.len(), 8);
        }
    }

    /// Few distinct values, so that planes and coincident points are common.
    fn coordinate() -> impl Strategy<Value = f64> {
        prop_oneof![(-3i32..3).prop_map(f64::from), (-50.0..50.0f64).prop_map(on_grid)]
    }

    fn point() -> impl Strategy<Value = [f64; 4]> {
        [coordinate(), coordinate(), coordinate()].prop_map(|[x, y, z]| [x, y, z, 0.0])
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_point_has_one_owner_and_order_does_not_matter(
            positions in proptest::collection::vec(point(), 0..120),
            probes in proptest::collection::vec(point(), 20),
            ranks in 1usize..20,
            range in 0.0..9.0f64,
        ) {
            let costs = vec![1; positions.len()];
            let domains = Domains::bisect(&vacuum(), &Shares::even(ranks), (&positions, &costs), REACH, &Alone);
            for probe in positions.iter().chain(&probes) {
                let [x, y, z, _] = *probe;
                let regions: Vec<usize> =
                    (0..ranks).filter(|&r| domains.region(r).contains([x, y, z])).collect();
                prop_assert_eq!(&regions, &[domains.owner(probe)]);

                let mut visited = Vec::new();
                let (low, high) = ([x, y, z].map(|c| c - range), [x, y, z].map(|c| c + range));
                domains.ranks_in(low, high, &mut |rank| visited.push(rank));
                let overlaps = |r: &usize| {
                    let region = domains.region(*r);
                    !region.is_empty()
                        && (0..3).all(|d| region.low[d] <= high[d] && low[d] < region.high[d])
                };
                prop_assert_eq!(visited, (0..ranks).filter(overlaps).collect::<Vec<_>>());
            }
            let reversed: Vec<_> = positions.iter().rev().copied().collect();
            prop_assert_eq!(
                &domains, &Domains::bisect(&vacuum(), &Shares::even(ranks), (&reversed, &costs), REACH, &Alone)
            );
        }

        #[test]
        fn a_cut_is_as_even_as_the_atoms_allow(
            mut heights in proptest::collection::vec(-40.0..40.0f64, 2..200),
            ranks in 2usize..9,
        ) {
            // On a line only: each load can be right to one atom for each cut above it.
            heights.iter_mut().for_each(|x| *x = on_grid(*x));
            let positions: Vec<_> = heights.iter().map(|&x| [x, 0.0, 0.0, 0.0]).collect();
            let costs = vec![1; positions.len()];
            let domains = Domains::bisect(&vacuum(), &Shares::even(ranks), (&positions, &costs), REACH, &Alone);
            let even = positions.len() as f64 / ranks as f64;
            for load in loads(&domains, &positions, &costs) {
                prop_assert!((load as f64 - even).abs() < 2.0, "{} for {}", load, even);
            }
        }
    }
}
