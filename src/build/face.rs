//! The facet by which a particle faces another, cold or hot, and the gap between two.
//!
//! The plane of a facet is the median of the axial coordinates of the atoms that its
//! outermost layer was built of: it stays where it is when some of them wander off.
//! The front is the outermost atom within the facet's outline, adatoms included.
//! Both are minima, maxima and medians: no order of atoms or ranks matters.

use super::layout::{Facing, Gap};
use crate::geometry::{Vec3, on_grid};
use crate::input::{GapBetween, RowConfig};
use serde::{Deserialize, Serialize};

/// An atom that stands farther than this before the plane of its facet has left the
/// particle, Å: adatoms stand below 2 Å, on top of each other below 4.
const FARTHEST_ADATOM: f64 = 6.0;

/// How far beyond the middles of its outermost atoms a facet reaches, Å.
const ATOM_RADIUS: f64 = 1.5;

/// Where a facing facet stands along x, Å.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Face {
    pub plane: f64,
    pub front: f64,
    /// Distance of the facet's farthest atom from its middle, across x.
    pub reach: f64,
}

impl Face {
    /// Of a particle as it is built or read, in its own frame, towards `side` of an axis: the atoms of the
    /// facet, and all that may be its front (the corners of the hull among them are enough).
    pub fn new(layer: &[Vec3], all: impl Iterator<Item = Vec3>, axis: usize, side: f64) -> Face {
        let middle = median(layer);
        let reach = layer.iter().map(|&r| across(r, middle)).fold(0.0, f64::max);
        let front = all.map(|r| r[axis] * side).fold(f64::NEG_INFINITY, f64::max) * side;
        Face { plane: middle[axis], front, reach }
    }

    /// Whether an atom at `r` may be the front of the facet whose layer has its
    /// middle at `middle`.
    pub fn may_be_front(facing: &Facing, middle: Vec3, r: Vec3) -> bool {
        across(r, middle) <= facing.reach + ATOM_RADIUS
            && (r[0] - middle[0]) * facing.side <= FARTHEST_ADATOM
    }

    /// The middle of a facet, from the positions of all atoms of its layer, in any order.
    pub fn middle(layer: &[Vec3]) -> Vec3 {
        median(layer)
    }
}

/// Distance across x.
fn across(a: Vec3, b: Vec3) -> f64 {
    let [_, y, z] = crate::geometry::sub(a, b);
    (y * y + z * z).sqrt()
}

/// The median of each coordinate, on the grid.
fn median(positions: &[Vec3]) -> Vec3 {
    std::array::from_fn(|d| {
        let mut values: Vec<f64> = positions.iter().map(|r| r[d]).collect();
        values.sort_unstable_by(f64::total_cmp);
        let n = values.len();
        if n == 0 { 0.0 } else { on_grid((values[(n - 1) / 2] + values[n / 2]) / 2.0) }
    })
}

/// How far to shift each particle of a row along x, on the grid, so that the wanted gap opens
/// between one and the next, the middle of the row's gaps at the origin; and the gaps. `between`
/// are the faces that look at each other across each gap.
pub fn row(placement: &RowConfig, between: &[[Face; 2]]) -> (Vec<f64>, Vec<Gap>) {
    let edges = |[left, right]: [Face; 2]| match placement.gap_between {
        GapBetween::Planes => (left.plane, right.plane),
        GapBetween::Atoms => (left.front, right.front),
    };
    let half = on_grid(placement.gap_angstrom / 2.0);
    // The middle of the first gap is at the origin until all stand.
    let mut shifts = vec![-half - between.first().map_or(0.0, |&faces| edges(faces).0)];
    let mut middle = 0.0;
    for (k, &faces) in between.iter().enumerate() {
        let (low, high) = edges(faces);
        middle = low + shifts[k] + half;
        shifts.push(middle + half - high);
    }
    let back = on_grid(middle / 2.0);
    shifts.iter_mut().for_each(|shift| *shift -= back);
    let gap = |(k, [left, right]): (usize, &[Face; 2])| Gap {
        planes: (right.plane + shifts[k + 1]) - (left.plane + shifts[k]),
        atoms: (right.front + shifts[k + 1]) - (left.front + shifts[k]),
    };
    let gaps = between.iter().enumerate().map(gap).collect();
    (shifts, gaps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_wanted_gap_between_all_of_it() {
        let face = |plane, front| Face { plane, front, reach: 0.0 };
        let right = |k: f64| face(10.0 + k, 12.0);
        let left = |k: f64| face(-8.0 - k, -8.5);
        let between = [[right(0.0), left(1.0)], [right(1.0), left(2.0)], [right(2.0), left(3.0)]];
        for gap_between in [GapBetween::Planes, GapBetween::Atoms] {
            let placement = RowConfig {
                facing: [1, 0, 0],
                gap_angstrom: 4.5,
                gap_between,
                twist_deg: 0.0,
                tilt_deg: 0.0,
            };
            let (shifts, gaps) = row(&placement, &between);
            assert_eq!((shifts.len(), gaps.len()), (4, 3));
            for gap in gaps {
                let wanted = if gap_between == GapBetween::Planes { gap.planes } else { gap.atoms };
                assert_eq!(wanted, 4.5);
            }
            // Of two, the gap is about the origin.
            let (shifts, _) = row(&placement, &between[..1]);
            let (low, high) = match gap_between {
                GapBetween::Planes => (10.0, -9.0),
                GapBetween::Atoms => (12.0, -8.5),
            };
            assert_eq!(shifts, [-2.25 - low, 2.25 - high]);
        }
    }
}
