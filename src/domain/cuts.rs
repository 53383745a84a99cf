//! The search for the cuts of one level of the bisection.
//!
//! All parts of a level are searched at once, along all three axes, by histograms that are
//! refined sixty-four-fold around each cut, with one reduction over ranks for each
//! refinement: a few reductions of integers for each level, log₂(ranks) levels. Of cuts that are
//! about as even that is taken which makes the fewest ghosts.

use super::{Reduction, Shares, middle};
use crate::geometry::{grid_index, on_grid};
use std::ops::Range;

/// The atoms of this rank, and the part of the level that each lies in.
pub struct Held<'a> {
    pub positions: &'a [[f64; 4]],
    pub costs: &'a [i64],
    pub part_of: &'a [u32],
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
    /// Deviation from the wanted cost, in units of 1/share, and its cut.
    best: Option<(i128, i64)>,
    /// What the lower ranks shall have, and what all of the part together.
    lower_share: i128,
    share: i128,
    finished: bool,
}

/// Axis and grid index of the best cut of each part; `None` where there is
/// nothing to cut.
pub fn best_cuts(
    (parts, shares): (&[Range<usize>], &Shares),
    atoms: &Held,
    reach: f64,
    reduction: &dyn Reduction,
) -> Vec<Option<(usize, i64)>> {
    let mut searches = begin(parts, shares, atoms, reduction);
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
fn begin(
    parts: &[Range<usize>],
    shares: &Shares,
    atoms: &Held,
    reduction: &dyn Reduction,
) -> Vec<Search> {
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
            lower_share: shares.sum(part.start..middle(part)),
            share: shares.sum(part.clone()),
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
        deviation * SLACK <= self.total.unwrap_or(0) as i128 * self.share
    }

    /// Weighs the edges of the bins as cuts and narrows the search to the bin in
    /// which the wanted cost is reached.
    fn refine(&mut self, bins: &[i64]) {
        let total = *self.total.get_or_insert(bins.iter().sum());
        let wanted = total as i128 * self.lower_share;
        let width = self.width();
        let (mut below, mut next) = (self.below, (self.low, self.below));
        for edge in 0..=bins.len() {
            let index = (self.low + edge as i64 * width).min(self.high);
            let excess = below as i128 * self.share - wanted;
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
        let good_enough = |(deviation, _)| deviation * TOLERANCE <= total as i128 * self.share;
        self.finished = width == 1 || self.low >= self.high || self.best.is_some_and(good_enough);
    }
}
