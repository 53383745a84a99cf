//! The facet by which a particle faces another, cold or hot, and the gap between two.
//!
//! The plane of a facet is the median of the axial coordinates of the atoms that its
//! outermost layer was built of: it stays where it is when some of them wander off.
//! The front is the outermost atom within the facet's outline, adatoms included.
//! Both are minima, maxima and medians: no order of atoms or ranks matters.

use super::layout::{Facing, Gap};
use super::solid::Solid;
use crate::geometry::{Vec3, on_grid};
use crate::input::{GapBetween, PlacementConfig};

/// An atom that stands farther than this before the plane of its facet has left the
/// particle, Å: adatoms stand below 2 Å, on top of each other below 4.
const FARTHEST_ADATOM: f64 = 6.0;

/// How far beyond the middles of its outermost atoms a facet reaches, Å.
const ATOM_RADIUS: f64 = 1.5;

/// Where a facing facet stands along x, Å.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Face {
    pub plane: f64,
    pub front: f64,
    /// Distance of the facet's farthest atom from its middle, across x.
    pub reach: f64,
}

impl Face {
    /// Of a particle as it is built, in its own frame; here every atom counts for the front.
    pub fn of_solid(solid: &Solid) -> Option<Face> {
        let (_, side) = solid.facing?;
        let positions: Vec<Vec3> = solid.positions().collect();
        let layer: Vec<Vec3> = solid.facing_layer().iter().map(|&i| positions[i]).collect();
        let middle = median(&layer);
        let reach = layer.iter().map(|&r| across(r, middle)).fold(0.0, f64::max);
        let front = positions.iter().map(|r| r[0] * side).fold(f64::NEG_INFINITY, f64::max) * side;
        Some(Face { plane: middle[0], front, reach })
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

/// How far to shift each of two facing particles along x, on the grid, so that the
/// wanted gap opens about the origin; and the gap in both readings.
pub fn shifts(placement: &PlacementConfig, left: Face, right: Face) -> ([f64; 2], Gap) {
    let (low, high) = match placement.gap_between {
        GapBetween::Planes => (left.plane, right.plane),
        GapBetween::Atoms => (left.front, right.front),
    };
    let half = on_grid(placement.gap_angstrom / 2.0);
    let shifts = [-half - low, half - high];
    let gap = Gap {
        planes: (right.plane + shifts[1]) - (left.plane + shifts[0]),
        atoms: (right.front + shifts[1]) - (left.front + shifts[0]),
    };
    (shifts, gap)
}
