//! Vectors, the grid of positions, and the box.
//!
//! Invariant (determinism): every position and every periodic length is a
//! multiple of 2⁻³⁶ Å, so differences of positions and shifts by images are exact,
//! whichever rank computes them. Periods, and atoms where a run starts, are smaller than
//! 2¹⁵ Å in magnitude. In free directions atoms may go as far as 2¹⁷ Å, where f64 still
//! has the grid: what has evaporated comes to rest before (`FARTHEST_BORDER`).

/// A vector in Å (positions), Å/ps (velocities) or eV/Å (forces).
pub type Vec3 = [f64; 3];

/// Spacing of the grid on which positions live, Å.
pub const GRID: f64 = 1.0 / (1u64 << 36) as f64;

/// Largest magnitude of a coordinate where a run starts, Å (3.3 µm): `on_grid` is exact
/// below it.
pub const LARGEST_COORDINATE: f64 = 32768.0;

/// Nothing goes beyond, Å: adding a displacement on the grid is exact as far as here.
pub const END_OF_COORDINATES: f64 = 131_072.0;

/// Where atoms come to rest at the latest, Å (13 µm): a step is much shorter than what is
/// left to the end of coordinates.
pub const FARTHEST_BORDER: f64 = 130_000.0;

/// Shortest length of a periodic direction, Å: no atom is thinner, and an atom sees all
/// of its images within the range of a potential.
pub const SHORTEST_PERIOD: f64 = 1.0;

/// 1.5 × 2⁵² × GRID: adding it pushes the bits below the grid out of the mantissa.
const GRID_MAGIC: f64 = 98304.0;

/// The grid point nearest to `x` (ties to even), for |x| < `LARGEST_COORDINATE`.
#[inline(always)]
pub fn on_grid(x: f64) -> f64 {
    (x + GRID_MAGIC) - GRID_MAGIC
}

/// The same for |x| < `END_OF_COORDINATES`, more slowly; what is farther stays what it is.
pub fn on_far_grid(x: f64) -> f64 {
    if x.abs() < LARGEST_COORDINATE { on_grid(x) } else { (x / GRID).round_ties_even() * GRID }
}

/// A coordinate as an integer number of grid spacings: exact for points of the grid.
#[inline(always)]
pub fn grid_index(x: f64) -> i64 {
    (x * (1u64 << 36) as f64) as i64
}

/// Whether a periodic direction may have this length.
pub fn is_period(length: f64) -> bool {
    (SHORTEST_PERIOD..LARGEST_COORDINATE).contains(&length)
}

/// An orthogonal box. In a free direction the box encloses the atoms and grows
/// with them (`origin` and `length` then only describe, they do not act); in a
/// periodic one, `origin` and `length` are points of the grid.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Cell {
    pub origin: Vec3,
    pub length: Vec3,
    pub periodic: [bool; 3],
}

impl Cell {
    /// A box with origin and lengths rounded to the grid.
    pub fn new(origin: Vec3, length: Vec3, periodic: [bool; 3]) -> Cell {
        Cell { origin: origin.map(on_grid), length: length.map(on_grid), periodic }
    }

    /// Wraps a position into the box along periodic directions and counts the
    /// images in `image`, so that `position + image × length` never jumps.
    pub fn wrap(&self, position: &mut [f64; 4], image: &mut [i32; 3]) {
        for d in 0..3 {
            if self.periodic[d] {
                while position[d] >= self.origin[d] + self.length[d] {
                    position[d] -= self.length[d];
                    image[d] += 1;
                }
                while position[d] < self.origin[d] {
                    position[d] += self.length[d];
                    image[d] -= 1;
                }
            }
        }
    }

    /// The unwrapped position: on the grid, hence exact.
    pub fn unwrap(&self, position: &[f64; 4], image: &[i32; 3]) -> Vec3 {
        std::array::from_fn(|d| {
            let shift = if self.periodic[d] { image[d] as f64 * self.length[d] } else { 0.0 };
            position[d] + shift
        })
    }

    /// Distance of the nearest images of two positions, Å.
    pub fn distance(&self, a: &Vec3, b: &Vec3) -> f64 {
        norm(std::array::from_fn(|d| {
            let apart = b[d] - a[d];
            let whole = if self.periodic[d] { (apart / self.length[d]).round() } else { 0.0 };
            apart - whole * self.length[d]
        }))
    }

    /// The box with other lengths, rounded to the grid; its origin stays.
    pub fn with_lengths(&self, length: Vec3) -> Cell {
        Cell { length: length.map(on_grid), ..*self }
    }

    /// Where a place of this box is in one with other lengths, which stretches with all in it. The
    /// position must be wrapped; so the result does not depend on the image in which it was before.
    pub fn carried_to(&self, other: &Cell, position: &Vec3) -> Vec3 {
        std::array::from_fn(|d| {
            let along = (position[d] - self.origin[d]) * (other.length[d] / self.length[d]);
            other.origin[d] + on_grid(along)
        })
    }

    /// The first periodic direction whose length or origin no run can live with.
    pub fn unusable(&self) -> Option<usize> {
        let is_usable = |d: usize| {
            is_period(self.length[d]) && self.origin[d].abs() <= LARGEST_COORDINATE / 2.0
        };
        (0..3).find(|&d| self.periodic[d] && !is_usable(d))
    }

    /// Volume in Å³; meaningful only where every direction is periodic.
    pub fn volume(&self) -> f64 {
        self.length.iter().product()
    }
}

#[inline]
pub fn dot(a: Vec3, b: Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[inline]
pub fn sub(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] - b[0], a[1] - b[1], a[2] - b[2]]
}

#[inline]
pub fn add(a: Vec3, b: Vec3) -> Vec3 {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

#[inline]
pub fn scale(a: Vec3, s: f64) -> Vec3 {
    [a[0] * s, a[1] * s, a[2] * s]
}

#[inline]
pub fn cross(a: Vec3, b: Vec3) -> Vec3 {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

#[inline]
pub fn norm(a: Vec3) -> f64 {
    dot(a, a).sqrt()
}
