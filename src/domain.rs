//! Which rank owns which part of space: recursive bisection weighted by cost.
//!
//! The box is cut in two so that the costs of its atoms on both sides are as the
//! numbers of ranks meant for them (⌊n/2⌋ to ⌈n/2⌉), each half is cut again, and
//! so on until every part has one rank (Berger and Bokhari, IEEE Trans. Comput.
//! C-36 (1987) 570). A part is cut along the axis that makes the fewest ghosts: where the fewest of its atoms lie
//! within reach of the cut. Particles in vacuum cost no rank for
//! their vacuum.
//!
//! All parts of one level are searched at once by histograms that are refined
//! sixty-four-fold around each cut, with one reduction over ranks for each
//! refinement: a few reductions of integers for each level, log₂(ranks) levels.
//!
//! Invariants:
//! - the regions tile all space that atoms can reach, without overlap: a point
//!   belongs to one rank, that of `owner`, and lies in `region` of that rank only;
//! - cuts are points of the grid of positions, and the result depends on the
//!   atoms as a set, not on which rank holds them or in which order;
//! - all ranks know all cuts.

use crate::geometry::{Cell, GRID, Vec3, grid_index, on_grid};
use std::ops::Range;

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
    /// Cuts the box for so many ranks. `positions` and `costs` are those of the
    /// atoms that this rank holds at the moment, whichever these are: wrapped into
    /// the box, on the grid; costs are not negative, in any unit. Atoms are ghosts within `reach`
    /// (Å) of a border. All ranks call it.
    pub fn bisect(
        cell: &Cell,
        ranks: usize,
        (positions, costs): (&[[f64; 4]], &[i64]),
        reach: f64,
        reduction: &dyn Reduction,
    ) -> Domains {
        assert_eq!(positions.len(), costs.len(), "one cost for each atom");
        let mut domains = Domains::uncut(cell, ranks);
        let mut parts: Vec<Range<usize>> = std::iter::once(0..ranks).collect();
        // Index into `parts` for each atom.
        let mut part_of = vec![0u32; positions.len()];
        while parts.iter().any(|part| part.len() > 1) {
            let atoms = Held { positions, costs, part_of: &part_of };
            for (part, cut) in parts.iter().zip(best_cuts(&parts, &atoms, reach, reduction)) {
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

/// How uneven a load is: its largest part over the mean; 1 is even, also for no load.
pub fn imbalance(loads: &[i64]) -> f64 {
    let total: i64 = loads.iter().sum();
    if total == 0 {
        return 1.0;
    }
    let largest = *loads.iter().max().expect("a load that sums up");
    largest as f64 * loads.len() as f64 / total as f64
}

/// The atoms of this rank, and the part of the level that each lies in.
struct Held<'a> {
    positions: &'a [[f64; 4]],
    costs: &'a [i64],
    part_of: &'a [u32],
}

/// Bins of a histogram, hence the factor by which each refinement narrows a cut.
const BINS: i64 = 64;

/// A cut is good enough when the cost on its lower side is right within this
/// fraction of the cost of its part: ten levels add up to less than 0.5 %.
const TOLERANCE: i128 = 1 << 11;

/// A cut may be less even than the best one by this fraction if it makes fewer ghosts.
const SLACK: i128 = 1 << 9;

/// The search for the cut of one part along one axis. Coordinates are indices of the grid.
struct Search {
    axis: usize,
    /// Of the atoms of the part.
    extent: i64,
    /// The cut lies in `low..=high`; `below` is the cost below `low`.
    low: i64,
    high: i64,
    below: i64,
    /// Of the part; unknown before the first histogram.
    total: Option<i64>,
    /// Deviation from the wanted cost, in units of 1/ranks, and its cut.
    best: Option<(i128, i64)>,
    ranks: Range<usize>,
    finished: bool,
}

/// Axis and grid index of the best cut of each part; `None` where there is
/// nothing to cut.
fn best_cuts(
    parts: &[Range<usize>],
    atoms: &Held,
    reach: f64,
    reduction: &dyn Reduction,
) -> Vec<Option<(usize, i64)>> {
    let mut searches = begin(parts, atoms, reduction);
    while searches.iter().any(|s| !s.finished) {
        let mut histogram = vec![0i64; searches.len() * BINS as usize];
        for ((position, &cost), &part) in atoms.positions.iter().zip(atoms.costs).zip(atoms.part_of)
        {
            for n in ways(part) {
                let search = &searches[n];
                let index = grid_index(position[search.axis]);
                if !search.finished && (search.low..search.high).contains(&index) {
                    let bin = (index - search.low) / search.width();
                    histogram[n * BINS as usize + bin as usize] += cost;
                }
            }
        }
        reduction.sum(&mut histogram);
        for (search, bins) in searches.iter_mut().zip(histogram.chunks_exact(BINS as usize)) {
            if !search.finished {
                search.refine(bins);
            }
        }
    }
    let ghosts = ghosts_made(&searches, atoms, reach, reduction);
    let cheapest = |part: usize| {
        let ways = || ways(part as u32).map(|n| (&searches[n], ghosts[n]));
        let deviation = |search: &Search| search.best.map(|(deviation, _)| deviation);
        let least = ways().filter_map(|(search, _)| deviation(search)).min()?;
        // The first of equals, so that every rank takes the same.
        let even = ways().filter(|(search, _)| {
            deviation(search).is_some_and(|deviation| search.allows(deviation - least))
        });
        let (search, _) = even.min_by_key(|(search, ghosts)| (*ghosts, -search.extent))?;
        search.best.map(|(_, index)| (search.axis, index))
    };
    (0..parts.len()).map(cheapest).collect()
}

/// The searches of a part: one along each axis.
fn ways(part: u32) -> Range<usize> {
    3 * part as usize..3 * part as usize + 3
}

/// For each search, how many ghosts its cut makes: atoms on one side within reach of the extent of
/// those on the other.
fn ghosts_made(
    searches: &[Search],
    atoms: &Held,
    reach: f64,
    reduction: &dyn Reduction,
) -> Vec<i64> {
    let reach = grid_index(on_grid(reach));
    // Of each atom, by how much it lies below each cut of its part; above, if that is not positive.
    let by_search = |visit: &mut dyn FnMut(usize, i64)| {
        for (position, &part) in atoms.positions.iter().zip(atoms.part_of) {
            for n in ways(part) {
                if let Some((_, cut)) = searches[n].best {
                    visit(n, cut - grid_index(position[searches[n].axis]));
                }
            }
        }
    };
    // How near the atoms below, and those above, come to the cut: the largest is the nearest.
    let mut nearest = vec![NOWHERE; 2 * searches.len()];
    by_search(&mut |n, below| {
        let side = 2 * n + (below <= 0) as usize;
        nearest[side] = nearest[side].max(-below.abs());
    });
    reduction.max(&mut nearest);
    let mut ghosts = vec![0i64; searches.len()];
    by_search(&mut |n, below| {
        let other = nearest[2 * n + (below > 0) as usize];
        ghosts[n] += (below.abs() - other <= reach) as i64;
    });
    reduction.sum(&mut ghosts);
    ghosts
}

/// Of atoms that are not there: no index comes near it, nor do differences of indices.
const NOWHERE: i64 = -(1 << 60);

/// Finds the extent of the atoms of each part.
fn begin(parts: &[Range<usize>], atoms: &Held, reduction: &dyn Reduction) -> Vec<Search> {
    // For each part, the largest -x, -y, -z, x, y, z.
    let mut extent = vec![NOWHERE; parts.len() * 6];
    for (position, &part) in atoms.positions.iter().zip(atoms.part_of) {
        let extent = &mut extent[part as usize * 6..][..6];
        for d in 0..3 {
            let index = grid_index(position[d]);
            extent[d] = extent[d].max(-index);
            extent[d + 3] = extent[d + 3].max(index);
        }
    }
    reduction.max(&mut extent);
    let searches = |(part, extent): (&Range<usize>, &[i64])| {
        let finished = part.len() == 1 || extent[0] == NOWHERE;
        [0, 1, 2].map(|axis| Search {
            axis,
            extent: extent[axis] + extent[axis + 3],
            low: -extent[axis],
            high: extent[axis + 3] + 1,
            below: 0,
            total: None,
            best: None,
            ranks: part.clone(),
            finished,
        })
    };
    parts.iter().zip(extent.chunks_exact(6)).flat_map(searches).collect()
}

impl Search {
    /// Width of a bin.
    fn width(&self) -> i64 {
        (self.high - self.low + BINS - 1) / BINS
    }

    /// Whether a cut may be that much less even than another.
    fn allows(&self, deviation: i128) -> bool {
        deviation * SLACK <= self.total.unwrap_or(0) as i128 * self.ranks.len() as i128
    }

    /// Weighs the edges of the bins as cuts and narrows the search to the bin in
    /// which the wanted cost is reached.
    fn refine(&mut self, bins: &[i64]) {
        let total = *self.total.get_or_insert(bins.iter().sum());
        let lower_ranks = (middle(&self.ranks) - self.ranks.start) as i128;
        let wanted = total as i128 * lower_ranks;
        let ranks = self.ranks.len() as i128;
        let width = self.width();
        let (mut below, mut next) = (self.below, (self.low, self.below));
        for edge in 0..=bins.len() {
            let index = (self.low + edge as i64 * width).min(self.high);
            let excess = below as i128 * ranks - wanted;
            if self.best.is_none_or(|(deviation, _)| excess.abs() < deviation) {
                self.best = Some((excess.abs(), index));
            }
            if excess <= 0 {
                next = (index, below);
            }
            below += bins.get(edge).copied().unwrap_or(0);
        }
        (self.low, self.below) = next;
        self.high = self.high.min(self.low + width);
        let good_enough = |(deviation, _)| deviation * TOLERANCE <= total as i128 * ranks;
        self.finished = width == 1 || self.low >= self.high || self.best.is_some_and(good_enough);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let domains = Domains::bisect(&vacuum(), ranks, (&positions, &costs), REACH, &Alone);
            let uneven = imbalance(&loads(&domains, &positions, &costs));
            assert!(uneven < IMBALANCE, "{ranks} ranks: {uneven}");
        }
        // Two ranks: the cut is in the gap between the particles.
        let domains = Domains::bisect(&vacuum(), 2, (&positions, &vec![1; 62_750]), REACH, &Alone);
        let cut = domains.region(0).high[0];
        assert!((29.0..=34.5).contains(&cut), "cut at {cut}");
    }

    #[test]
    fn a_cut_goes_where_it_makes_the_fewest_ghosts() {
        // Two rods side by side, farther apart than atoms reach: across the longest extent a cut
        // would go through both.
        let place = |n: usize| [n % 40, n / 40 % 4, n / 160 % 4, n / 640].map(|n| 2.5 * n as f64);
        let rod = |n: usize| [place(n)[0], place(n)[1] + 6.0 * place(n)[3], place(n)[2], 0.0];
        let positions: Vec<[f64; 4]> = (0..1280).map(rod).collect();
        let costs = [1; 1280];
        let domains = Domains::bisect(&vacuum(), 2, (&positions, &costs), REACH, &Alone);
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
        let domains = Domains::bisect(&vacuum(), 8, (&positions, &[1; 512]), REACH, &Alone);
        assert_eq!(loads(&domains, &positions, &[1; 512]), [64; 8]);
    }

    #[test]
    fn borders_are_infinite_where_the_box_is_free_and_those_of_the_box_elsewhere() {
        let cell = Cell::new([-1.0; 3], [10.0; 3], [true, false, true]);
        let positions = [[0.0, 1.0, 2.0, 0.0], [5.0, 300.0, 2.0, 0.0]];
        let domains = Domains::bisect(&cell, 2, (&positions, &[1, 1]), REACH, &Alone);
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
            let domains = Domains::bisect(&vacuum(), 8, (positions, costs), REACH, &Alone);
            let loads = loads(&domains, positions, costs);
            assert_eq!(loads.iter().sum::<i64>(), 5 * positions.len() as i64);
            assert_eq!(loads.len(), 8);
        }
    }

    #[test]
    fn imbalance_is_the_largest_load_over_the_mean() {
        assert_eq!(imbalance(&[3, 1]), 1.5);
        assert_eq!(imbalance(&[0, 0]), 1.0);
        assert_eq!(imbalance(&[7]), 1.0);
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
            let domains = Domains::bisect(&vacuum(), ranks, (&positions, &costs), REACH, &Alone);
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
                &domains, &Domains::bisect(&vacuum(), ranks, (&reversed, &costs), REACH, &Alone)
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
            let domains = Domains::bisect(&vacuum(), ranks, (&positions, &costs), REACH, &Alone);
            let even = positions.len() as f64 / ranks as f64;
            for load in loads(&domains, &positions, &costs) {
                prop_assert!((load as f64 - even).abs() < 2.0, "{} for {}", load, even);
            }
        }
    }
}
