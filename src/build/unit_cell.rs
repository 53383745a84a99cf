//! Crystals of any lattice, turned as one likes: the orthogonal unit cell whose axes are
//! three lattice directions at right angles.
//!
//! All that decides which sites there are is done in integers. Directions have
//! integer components along the axes of the conventional cell; the period along one is
//! the shortest lattice vector, half the vector of its smallest integers where the
//! lattice is centred there. A site is a fraction of the period along each axis with
//! one common denominator. So lengths are rounded once, where atoms are placed.

use crate::geometry::Vec3;
use crate::input::{CrystalConfig, CrystalLattice};

/// Components along the axes of the conventional cell.
pub type Direction = [i64; 3];

/// Cosines smaller than this belong to right angles, whose lengths are rounded.
const RIGHT_ANGLE: f64 = 1e-9;

/// Shape of a conventional cell: axes of length a, a and c, the first two at 120° in
/// a hexagonal one and all else at right angles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    pub a: f64,
    pub c: f64,
    pub hexagonal: bool,
}

/// A lattice with its sites: `sites` in units of 1/`parts` of the conventional cell,
/// each with its sublattice, and `centring`, translations in units of half the cell.
struct Kind {
    parts: i64,
    sites: &'static [(Direction, usize)],
    centring: &'static [Direction],
}

const FACES: [Direction; 3] = [[0, 1, 1], [1, 0, 1], [1, 1, 0]];

fn kind(lattice: CrystalLattice) -> Kind {
    let (parts, sites, centring): (i64, &[(Direction, usize)], &[Direction]) = match lattice {
        CrystalLattice::Sc => (1, &[([0, 0, 0], 0)], &[]),
        CrystalLattice::Bcc => (2, &[([0, 0, 0], 0), ([1, 1, 1], 0)], &[[1, 1, 1]]),
        CrystalLattice::Fcc => {
            (2, &[([0, 0, 0], 0), ([0, 1, 1], 0), ([1, 0, 1], 0), ([1, 1, 0], 0)], &FACES)
        }
        CrystalLattice::Diamond => (
            4,
            &[
                ([0, 0, 0], 0),
                ([0, 2, 2], 0),
                ([2, 0, 2], 0),
                ([2, 2, 0], 0),
                ([1, 1, 1], 0),
                ([1, 3, 3], 0),
                ([3, 1, 3], 0),
                ([3, 3, 1], 0),
            ],
            &FACES,
        ),
        CrystalLattice::Hcp => (6, &[([0, 0, 0], 0), ([4, 2, 3], 0)], &[]),
        CrystalLattice::B2 => (2, &[([0, 0, 0], 0), ([1, 1, 1], 1)], &[]),
        CrystalLattice::L10 => {
            (2, &[([0, 0, 0], 0), ([0, 1, 1], 1), ([1, 0, 1], 1), ([1, 1, 0], 0)], &[[1, 1, 0]])
        }
        CrystalLattice::L12 => {
            (2, &[([0, 0, 0], 0), ([0, 1, 1], 1), ([1, 0, 1], 1), ([1, 1, 0], 1)], &[])
        }
    };
    Kind { parts, sites, centring }
}

impl Shape {
    pub fn of(config: &CrystalConfig) -> Shape {
        let a = config.lattice_constant_angstrom;
        let hexagonal = config.lattice == CrystalLattice::Hcp;
        let ideal = if hexagonal { (8.0f64 / 3.0).sqrt() * a } else { a };
        Shape { a, c: config.lattice_constant_c_angstrom.unwrap_or(ideal), hexagonal }
    }

    /// Scalar product of two vectors of the lattice, Å².
    pub fn dot(&self, u: Direction, v: Direction) -> f64 {
        let mut across = 2 * (u[0] * v[0] + u[1] * v[1]);
        if self.hexagonal {
            across -= u[0] * v[1] + u[1] * v[0];
        }
        self.a * self.a * (across as f64 / 2.0) + self.c * self.c * (u[2] * v[2]) as f64
    }

    pub fn cosine(&self, u: Direction, v: Direction) -> f64 {
        self.dot(u, v) / (self.dot(u, u) * self.dot(v, v)).sqrt()
    }

    pub fn at_right_angles(&self, u: Direction, v: Direction) -> bool {
        self.cosine(u, v).abs() < RIGHT_ANGLE
    }

    /// The direction at right angles to both that makes them right-handed, if it is one of the
    /// lattice: the reciprocal vector u × v, in the axes of the lattice.
    pub fn perpendicular(&self, u: Direction, v: Direction) -> Option<Direction> {
        let [h, k, l] = cross(u, v);
        let across = if self.hexagonal { [2 * h + k, h + 2 * k] } else { [h, k] };
        match ([h, k], l) {
            ([0, 0], l) => Some([0, 0, l.signum()]),
            (_, 0) => Some(primitive([across[0], across[1], 0])),
            _ if !self.hexagonal && self.a == self.c => Some(primitive([h, k, l])),
            _ => None,
        }
    }
}

fn cross(u: Direction, v: Direction) -> Direction {
    [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]]
}

pub fn determinant([u, v, w]: [Direction; 3]) -> i64 {
    (0..3).map(|i| cross(u, v)[i] * w[i]).sum()
}

/// With the smallest integers.
pub fn primitive(v: Direction) -> Direction {
    let divisor = v.iter().fold(0, |a, &b| {
        let (mut a, mut b): (i64, i64) = (a, b);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a.abs()
    });
    v.map(|x| x / divisor.max(1))
}

/// Three indices from three or four: `[u, v, t, w]` of a hexagonal lattice is u a₁ + v a₂ + t a₃ + w c
/// with a₃ = -a₁ - a₂.
pub fn direction(indices: &[i32]) -> Direction {
    match indices.iter().map(|&i| i as i64).collect::<Vec<_>>()[..] {
        [u, v, t, w] => primitive([u - t, v - t, w]),
        [u, v, w] => primitive([u, v, w]),
        _ => [0; 3],
    }
}

/// A site of the unit cell: `at[d]` / `UnitCell::parts` of the period along axis d.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitSite {
    pub at: [i64; 3],
    pub sublattice: usize,
}

/// The smallest orthogonal cell with these axes; `sites` in rising order.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitCell {
    pub period: Vec3,
    pub parts: i64,
    pub sites: Vec<UnitSite>,
}

impl UnitCell {
    /// How many sites there are in a cell with these axes.
    pub fn count(lattice: CrystalLattice, axes: [Direction; 3]) -> i64 {
        let kind = kind(lattice);
        determinant(axes.map(|axis| period(&kind, axis))) * kind.sites.len() as i64 / 8
    }

    /// `axes` are primitive, at right angles and right-handed.
    pub fn new(lattice: CrystalLattice, shape: Shape, axes: [Direction; 3]) -> UnitCell {
        let kind = kind(lattice);
        let halves = axes.map(|axis| period(&kind, axis));
        let [x, y, z] = halves;
        let volume = determinant(halves);
        // r = Σ s_d halves_d / 2 has s_d = 2 r · (halves_e × halves_f) / volume.
        let reciprocal = [cross(y, z), cross(z, x), cross(x, y)];
        let parts = kind.parts * volume;
        // All conventional cells that the unit cell touches.
        let ends = |i: usize| {
            let along = halves.map(|h| h[i]);
            let sum = |of: fn(i64) -> i64| along.iter().map(|&x| of(x)).sum::<i64>();
            [sum(|x| x.min(0)).div_euclid(2) - 1, sum(|x| x.max(0)).div_euclid(2) + 1]
        };
        let [[x0, x1], [y0, y1], [z0, z1]] = [ends(0), ends(1), ends(2)];
        let mut sites = Vec::new();
        for i in x0..=x1 {
            for j in y0..=y1 {
                for k in z0..=z1 {
                    for &(site, sublattice) in kind.sites {
                        let cell = [i, j, k];
                        let r: Direction = std::array::from_fn(|d| cell[d] * kind.parts + site[d]);
                        let at = reciprocal.map(|b| 2 * (0..3).map(|d| r[d] * b[d]).sum::<i64>());
                        if at.iter().all(|s| (0..parts).contains(s)) {
                            sites.push(UnitSite { at, sublattice });
                        }
                    }
                }
            }
        }
        sites.sort_unstable();
        UnitCell { period: halves.map(|h| shape.dot(h, h).sqrt() / 2.0), parts, sites }
    }

    /// Where the layers across an axis lie within its period, in rising order.
    pub fn levels(&self, axis: usize) -> Vec<i64> {
        let mut levels: Vec<i64> = self.sites.iter().map(|site| site.at[axis]).collect();
        levels.sort_unstable();
        levels.dedup();
        levels
    }
}

/// The shortest lattice vector along a primitive direction, in units of half the axes.
fn period(kind: &Kind, axis: Direction) -> Direction {
    let centred = kind.centring.contains(&axis.map(|x| x.rem_euclid(2)));
    if centred { axis } else { axis.map(|x| 2 * x) }
}

/// Length of the period along a primitive direction, Å.
pub fn period_length(lattice: CrystalLattice, shape: Shape, axis: Direction) -> f64 {
    let half = period(&kind(lattice), axis);
    shape.dot(half, half).sqrt() / 2.0
}

/// Distance of nearest neighbours, Å.
pub fn nearest_distance(lattice: CrystalLattice, shape: Shape) -> f64 {
    let Kind { parts, sites, .. } = kind(lattice);
    let mut nearest = f64::INFINITY;
    for (site, _) in sites {
        for image in 0..27 {
            let image = [image % 3 - 1, image / 3 % 3 - 1, image / 9 - 1];
            let away: Direction = std::array::from_fn(|d| site[d] + parts * image[d]);
            if away != [0; 3] {
                nearest = nearest.min(shape.dot(away, away).sqrt() / parts as f64);
            }
        }
    }
    nearest
}
