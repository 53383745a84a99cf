//! How the lattice of a particle lies: the cubic axes that fit its bonds best.
//!
//! With u the directions from atoms of fcc (or bcc) surroundings to their twelve (eight)
//! nearest neighbours, and e_k three axes at right angles,
//!   F(e) = Σ_u Σ_k (u·e_k)⁴ = Σ_k T(e_k, e_k, e_k, e_k),   T = Σ_u u ⊗ u ⊗ u ⊗ u.
//! ⟨110⟩ bonds of fcc and ⟨111⟩ bonds of bcc alike have their least F along the cubic axes,
//! 1/2 and 1/3 for each; directions without any order have 3/5. So
//!   order = (3/5 n − F) / Σ (3/5 − 1/2 or 1/3)
//! is 1 for one perfect crystal and 0 for none. No site has to be known of any atom, and T
//! is a sum of integers.
//!
//! The axes are found as those of independent components are (P. Comon, Signal Processing
//! 36 (1994) 287): in the plane of two axes F is a constant and a sine of four times the
//! angle, so the best angle is known, and planes are taken in turn until none turns any
//! more. From several beginnings, since the first valley need not be the deepest.
//!
//! Cubic axes have 24 names. Those are taken that are nearest to the ones of the
//! measurement before, so a rotation can be followed beyond 45°.

use serde::{Deserialize, Serialize};

use crate::fixed::{ExactSum, Quantum};
use crate::geometry::{Vec3, cross, dot, norm, scale};

/// Three axes at right angles, right-handed; row k is axis k.
pub type Axes = [Vec3; 3];

pub const UPRIGHT: Axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

/// Of products of four components of unit vectors.
const QUANTUM: Quantum = Quantum::STANDARD;

/// Exponents of x, y and z in the 15 products, in the order of `Bonds::products`.
const PRODUCTS: [[u8; 3]; 15] = [
    [4, 0, 0],
    [0, 4, 0],
    [0, 0, 4],
    [3, 1, 0],
    [3, 0, 1],
    [1, 3, 0],
    [0, 3, 1],
    [1, 0, 3],
    [0, 1, 3],
    [2, 2, 0],
    [2, 0, 2],
    [0, 2, 2],
    [2, 1, 1],
    [1, 2, 1],
    [1, 1, 2],
];

/// Order below which there are no axes to speak of.
const LEAST_ORDER: f64 = 0.2;

/// So often through all planes is more than enough.
const MOST_ROUNDS: usize = 100;

/// F of a bond of no order.
const ISOTROPIC: f64 = 0.6;

/// Sums over bonds, complete once they are added over all ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bonds {
    /// Of fcc and of bcc.
    pub count: [i64; 2],
    /// Quanta of `QUANTUM`.
    pub products: [i128; 15],
    /// Sum of the lengths of those of fcc, Å.
    length: ExactSum,
}

impl Bonds {
    pub const WORDS: usize = 18;

    /// Adds those of one atom; `kind`: 0 for fcc, 1 for bcc.
    pub fn add(&mut self, kind: usize, near: &[Vec3]) {
        self.count[kind] += near.len() as i64;
        let mut sums = [0i64; 15];
        for bond in near {
            let length = norm(*bond);
            if kind == 0 {
                self.length.add(length);
            }
            let [x, y, z] = scale(*bond, 1.0 / length);
            let [xx, yy, zz] = [x * x, y * y, z * z];
            let [xy, xz, yz] = [x * y, x * z, y * z];
            let terms = [
                xx * xx,
                yy * yy,
                zz * zz,
                xx * xy,
                xx * xz,
                yy * xy,
                yy * yz,
                zz * xz,
                zz * yz,
                xx * yy,
                xx * zz,
                yy * zz,
                xx * yz,
                yy * xz,
                zz * xy,
            ];
            sums.iter_mut().zip(terms).for_each(|(sum, x)| *sum += QUANTUM.round(x));
        }
        self.products.iter_mut().zip(sums).for_each(|(all, sum)| *all += sum as i128);
    }

    pub fn merge(&mut self, other: &Bonds) {
        self.count.iter_mut().zip(other.count).for_each(|(a, b)| *a += b);
        self.products.iter_mut().zip(other.products).for_each(|(a, b)| *a += b);
        self.length = self.length + other.length;
    }

    /// Mean length of those of fcc, Å; none (NaN) without any.
    pub fn fcc_length(&self) -> f64 {
        self.length.value() / self.count[0] as f64
    }

    /// As integers to be summed over ranks, and back.
    pub fn words(&self) -> [i128; Self::WORDS] {
        std::array::from_fn(|k| match k {
            0 | 1 => self.count[k] as i128,
            17 => self.length.0,
            _ => self.products[k - 2],
        })
    }

    pub fn from_words(words: &[i128]) -> Bonds {
        Bonds {
            count: [words[0] as i64, words[1] as i64],
            products: std::array::from_fn(|k| words[k + 2]),
            length: ExactSum(words[17]),
        }
    }

    /// The axes that fit best, of no particular name, and the order; none without order.
    pub fn fit(&self) -> (f64, Option<Axes>) {
        let [fcc, bcc] = self.count.map(|n| n as f64);
        if fcc + bcc == 0.0 {
            return (0.0, None);
        }
        let tensor = Tensor::new(self);
        let best = beginnings()
            .map(|axes| tensor.descend(axes, 2))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("there are beginnings");
        let best = tensor.descend(best.1, MOST_ROUNDS);
        let perfect = fcc * (ISOTROPIC - 0.5) + bcc * (ISOTROPIC - 1.0 / 3.0);
        let order = (ISOTROPIC * (fcc + bcc) - best.0) / perfect;
        (order, (order >= LEAST_ORDER).then_some(best.1))
    }
}

/// T, all of its components.
struct Tensor([[[[f64; 3]; 3]; 3]; 3]);

impl Tensor {
    fn new(bonds: &Bonds) -> Tensor {
        let value = |exponents: [u8; 3]| {
            let k = PRODUCTS.iter().position(|p| *p == exponents).expect("all products are there");
            QUANTUM.value_wide(bonds.products[k])
        };
        let all = |f: &dyn Fn(usize) -> [[[f64; 3]; 3]; 3]| [f(0), f(1), f(2)];
        Tensor(all(&|a| {
            std::array::from_fn(|b| {
                std::array::from_fn(|c| {
                    std::array::from_fn(|d| {
                        let mut exponents = [0; 3];
                        [a, b, c, d].into_iter().for_each(|axis| exponents[axis] += 1);
                        value(exponents)
                    })
                })
            })
        }))
    }

    fn of(&self, [p, q, r, s]: [Vec3; 4]) -> f64 {
        let mut sum = 0.0;
        for (a, t) in self.0.iter().enumerate() {
            for (b, t) in t.iter().enumerate() {
                for (c, t) in t.iter().enumerate() {
                    sum += p[a] * q[b] * r[c] * dot(*t, s);
                }
            }
        }
        sum
    }

    fn value(&self, axes: &Axes) -> f64 {
        axes.iter().map(|e| self.of([*e; 4])).sum()
    }

    /// Towards the bottom of the valley, so many times through all planes; and F there.
    fn descend(&self, mut axes: Axes, rounds: usize) -> (f64, Axes) {
        const STILL: f64 = 1e-12;
        for _ in 0..rounds {
            let mut most = 0f64;
            for (i, j) in [(0, 1), (0, 2), (1, 2)] {
                let (p, q) = (axes[i], axes[j]);
                let cosine =
                    0.25 * (self.of([p; 4]) + self.of([q; 4])) - 1.5 * self.of([p, p, q, q]);
                let sine = self.of([p, p, p, q]) - self.of([p, q, q, q]);
                let angle = 0.25 * libm::atan2(-sine, -cosine);
                let (s, c) = (libm::sin(angle), libm::cos(angle));
                axes[i] = std::array::from_fn(|d| c * p[d] + s * q[d]);
                axes[j] = std::array::from_fn(|d| c * q[d] - s * p[d]);
                most = most.max(angle.abs());
            }
            if most < STILL {
                break;
            }
        }
        (self.value(&axes), axes)
    }
}

/// Axes that lie as differently as cubic axes can, nearly.
fn beginnings() -> impl Iterator<Item = Axes> {
    let turns =
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 1.0, 1.0]];
    let more = [[1.0, 0.0, 1.0], [1.0, 1.0, 1.0], [1.0, -1.0, 1.0], [-1.0, 1.0, 1.0]];
    let turned = turns
        .into_iter()
        .chain(more)
        .flat_map(|axis| [0.35, -0.35, 0.7].map(|angle| turn(axis, angle)));
    std::iter::once(UPRIGHT).chain(turned)
}

/// The upright axes turned about a direction (Rodrigues), radians.
pub fn turn(about: Vec3, angle: f64) -> Axes {
    let about = scale(about, 1.0 / dot(about, about).sqrt());
    let (s, c) = (libm::sin(angle), libm::cos(angle));
    UPRIGHT.map(|x| {
        let (across, along) = (cross(about, x), dot(about, x) * (1.0 - c));
        std::array::from_fn(|d| c * x[d] + s * across[d] + along * about[d])
    })
}

/// The 24 rotations of a cube, as permutations of axes with signs.
fn names() -> impl Iterator<Item = Axes> {
    const EVEN: [[usize; 3]; 3] = [[0, 1, 2], [1, 2, 0], [2, 0, 1]];
    const ODD: [[usize; 3]; 3] = [[1, 0, 2], [0, 2, 1], [2, 1, 0]];
    let signs = (0..8).map(|k| [0, 1, 2].map(|bit| if k >> bit & 1 == 0 { 1.0 } else { -1.0 }));
    signs.flat_map(|signs: [f64; 3]| {
        let even = signs.iter().product::<f64>() > 0.0;
        let orders = if even { EVEN } else { ODD };
        orders.map(|order| [0, 1, 2].map(|k| scale(UPRIGHT[order[k]], signs[k])))
    })
}

/// a · b of two rotations as matrices of rows.
fn product(a: &Axes, b: &Axes) -> Axes {
    a.map(|row| std::array::from_fn(|d| (0..3).map(|k| row[k] * b[k][d]).sum()))
}

fn transposed(a: &Axes) -> Axes {
    std::array::from_fn(|i| std::array::from_fn(|j| a[j][i]))
}

fn trace(a: &Axes) -> f64 {
    a[0][0] + a[1][1] + a[2][2]
}

/// Angle of a rotation, degrees. By its sine and cosine, good at any angle.
fn angle(rotation: &Axes) -> f64 {
    let sine = 0.5 * axial(rotation).map(|x| x * x).iter().sum::<f64>().sqrt();
    libm::atan2(sine, 0.5 * (trace(rotation) - 1.0)).to_degrees()
}

/// Twice the sine of the angle along the axis of a rotation whose rows are turned axes.
fn axial(r: &Axes) -> Vec3 {
    [r[1][2] - r[2][1], r[2][0] - r[0][2], r[0][1] - r[1][0]]
}

/// What an axis of the rotation is, a unit vector; any where it turns nothing.
fn axis(rotation: &Axes) -> Vec3 {
    let sine = axial(rotation);
    let length = dot(sine, sine).sqrt();
    if length > 1e-6 {
        return scale(sine, 1.0 / length);
    }
    if trace(rotation) > 0.0 {
        return UPRIGHT[0];
    }
    // Half a turn: R + 1 is twice the axis with itself.
    let k = [0, 1, 2].into_iter().max_by(|&i, &j| rotation[i][i].total_cmp(&rotation[j][j]));
    let k = k.expect("three axes");
    let along: Vec3 = std::array::from_fn(|d| rotation[k][d] + UPRIGHT[k][d]);
    scale(along, 1.0 / dot(along, along).sqrt())
}

/// The axes by the names that make them nearest to `to`.
pub fn named_like(axes: &Axes, to: &Axes) -> Axes {
    let right_handed = dot(cross(axes[0], axes[1]), axes[2]) > 0.0;
    let axes = if right_handed { *axes } else { axes.map(|e| scale(e, -1.0)) };
    let closeness = |a: &Axes| (0..3).map(|k| dot(a[k], to[k])).sum::<f64>();
    let all = names().map(|name| product(&name, &axes));
    all.max_by(|a, b| closeness(a).total_cmp(&closeness(b))).expect("24 names")
}

/// By how much axes have turned, degrees.
pub fn rotation(from: &Axes, to: &Axes) -> f64 {
    angle(&product(&transposed(from), to))
}

/// By how much one pair of axes has turned more than another, degrees.
pub fn relative_rotation(one: [&Axes; 2], other: [&Axes; 2]) -> f64 {
    let turned = |[from, to]: [&Axes; 2]| product(&transposed(from), to);
    angle(&product(&transposed(&turned(one)), &turned(other)))
}

/// How two lattices lie to each other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Misorientation {
    /// The least that brings one lattice onto the other, degrees; at most 62.8.
    pub angle: f64,
    /// About this direction of the lattices, components positive and falling.
    pub axis: Vec3,
    /// Of the coincidence site lattice, up to 29; 1 for an angle below 15°, 0 for none.
    pub sigma: u32,
}

impl Misorientation {
    pub fn between(one: &Axes, other: &Axes) -> Misorientation {
        // In the frame of the first lattice.
        let relative = product(other, &transposed(one));
        let best = least(&relative);
        let mut axis = axis(&best).map(f64::abs);
        axis.sort_by(|a, b| b.total_cmp(a));
        Misorientation { angle: angle(&best), axis, sigma: sigma(&relative) }
    }
}

/// The least rotation among those that are the same to a cube.
fn least(rotation: &Axes) -> Axes {
    let all = names().map(|name| product(&name, rotation));
    all.max_by(|a, b| trace(a).total_cmp(&trace(b))).expect("24 names")
}

/// Coincidence site lattices of cubic crystals up to 29: Σ, angle and axis (H. Grimmer,
/// W. Bollmann, D. H. Warrington, Acta Cryst. A30 (1974) 197).
const COINCIDENCE: [(u32, f64, [i8; 3]); 21] = [
    (3, 60.0, [1, 1, 1]),
    (5, 36.8699, [1, 0, 0]),
    (7, 38.2132, [1, 1, 1]),
    (9, 38.9424, [1, 1, 0]),
    (11, 50.4788, [1, 1, 0]),
    (13, 22.6199, [1, 0, 0]),
    (13, 27.7958, [1, 1, 1]),
    (15, 48.1897, [2, 1, 0]),
    (17, 28.0725, [1, 0, 0]),
    (17, 61.9275, [2, 2, 1]),
    (19, 26.5254, [1, 1, 0]),
    (19, 46.8264, [1, 1, 1]),
    (21, 21.7868, [1, 1, 1]),
    (21, 44.4153, [2, 1, 1]),
    (23, 40.4591, [3, 1, 1]),
    (25, 16.2602, [1, 0, 0]),
    (25, 51.6839, [3, 3, 1]),
    (27, 31.5863, [1, 1, 0]),
    (27, 35.4309, [2, 1, 0]),
    (29, 43.6028, [1, 0, 0]),
    (29, 46.3972, [2, 2, 1]),
];

/// The first Σ within 15°/√Σ (D. G. Brandon, Acta Metall. 14 (1966) 1479).
fn sigma(relative: &Axes) -> u32 {
    const BRANDON: f64 = 15.0;
    if angle(&least(relative)) < BRANDON {
        return 1;
    }
    let is_near = |sigma: u32, degrees: f64, about: [i8; 3]| {
        let ideal = turn(about.map(f64::from), degrees.to_radians());
        let off =
            |name: Axes| angle(&least(&product(&product(relative, &name), &transposed(&ideal))));
        let bound = BRANDON / (sigma as f64).sqrt();
        names().any(|name| off(name) <= bound)
    };
    let near = COINCIDENCE.into_iter().find(|&(sigma, angle, about)| is_near(sigma, angle, about));
    near.map_or(0, |(sigma, ..)| sigma)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bonds of one atom of fcc or bcc, the crystal turned by `axes`.
    fn bonds(kind: usize, axes: &Axes) -> Vec<Vec3> {
        let all =
            (-1..=1).flat_map(|x| (-1..=1).flat_map(move |y| (-1..=1).map(move |z| [x, y, z])));
        let wanted = [2, 3][kind];
        let of_kind = all.filter(|x: &[i32; 3]| x.iter().map(|k| k * k).sum::<i32>() == wanted);
        let place =
            |x: [i32; 3]| std::array::from_fn(|d| (0..3).map(|k| x[k] as f64 * axes[k][d]).sum());
        of_kind.map(place).collect()
    }

    fn fitted(kind: usize, axes: &Axes) -> (f64, Axes) {
        let mut sums = Bonds::default();
        sums.add(kind, &bonds(kind, axes));
        let (order, found) = Bonds::from_words(&sums.words()).fit();
        (order, found.unwrap())
    }

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance
    }

    #[test]
    fn the_axes_of_a_turned_crystal_are_found() {
        for kind in [0, 1] {
            for (n, about) in
                [[1.0, 2.0, 3.0], [-1.0, 0.3, 0.2], [0.0, 0.0, 1.0]].iter().enumerate()
            {
                for degrees in [0.0, 10.1, 40.9, 44.9, 45.0, 61.0, 130.0] {
                    let axes = turn(*about, f64::to_radians(degrees));
                    let (order, found) = fitted(kind, &axes);
                    assert!(close(order, 1.0, 1e-9), "{kind} {n} {degrees}: {order}");
                    let found = named_like(&found, &axes);
                    assert!(rotation(&axes, &found) < 1e-6, "{kind} {n} {degrees}");
                }
            }
        }
    }

    #[test]
    fn no_order_has_no_axes() {
        let mut sums = Bonds::default();
        assert_eq!(sums.fit(), (0.0, None));
        for n in 0..600 {
            let axes = turn([1.0, (3 * n % 7) as f64, (5 * n % 11) as f64], 0.37 * n as f64);
            sums.add(0, &bonds(0, &axes));
        }
        let (order, axes) = sums.fit();
        assert!(order < LEAST_ORDER && axes.is_none(), "{order}");
    }

    #[test]
    fn a_rotation_is_followed_beyond_half_a_quarter() {
        let about = [1.0, 1.0, 0.2];
        let (first, mut last) = (UPRIGHT, UPRIGHT);
        for n in 1..=9 {
            let (_, found) = fitted(0, &turn(about, 0.2 * n as f64));
            last = named_like(&found, &last);
            assert!(close(rotation(&first, &last), (0.2 * n as f64).to_degrees(), 1e-6), "{n}");
        }
        let other = turn(about, 0.5);
        let apart = relative_rotation([&first, &last], [&first, &other]);
        assert!(close(apart, 1.3f64.to_degrees(), 1e-6), "{apart}");
    }

    #[test]
    fn misorientations_of_known_boundaries() {
        for (degrees, about, sigma) in [
            (0.0, [1.0, 0.0, 0.0], 1),
            (10.1, [1.0, 0.0, 0.0], 1),
            (40.9, [0.0, 1.0, 0.0], 5),
            (60.0, [1.0, 1.0, 1.0], 3),
            (57.0, [1.0, 1.0, 1.0], 3),
            (36.87, [0.0, 0.0, 1.0], 5),
            (30.0, [3.0, 2.0, 1.0], 0),
        ] {
            let one = turn([0.3, -1.0, 0.4], 0.7);
            // Turned about a direction of the first lattice.
            let other = product(&turn(about, f64::to_radians(degrees)), &one);
            // By any names.
            let other = product(&names().nth(17).unwrap(), &other);
            let found = Misorientation::between(&one, &other);
            assert!(close(found.angle, degrees, 1e-6), "{degrees}: {found:?}");
            assert_eq!(found.sigma, sigma, "{degrees}: {found:?}");
            if degrees > 0.0 {
                let mut axis = about.map(f64::abs);
                axis.sort_by(|a, b| b.total_cmp(a));
                let length = dot(axis, axis).sqrt();
                assert!(close(dot(axis, found.axis), length, 1e-6), "{degrees}: {found:?}");
            }
        }
        let twice =
            Misorientation::between(&UPRIGHT, &turn([1.0, 1.0, 1.0], f64::to_radians(180.0)));
        assert!(close(twice.angle, 60.0, 1e-6), "{twice:?}");
    }

    #[test]
    fn half_a_turn_has_an_axis() {
        for about in [[1.0, 0.0, 0.0], [0.6, 0.0, 0.8], [0.0, 0.6, -0.8]] {
            let found = axis(&turn(about, std::f64::consts::PI));
            assert!(close(dot(found, about).abs(), 1.0, 1e-9), "{found:?}");
        }
    }
}
