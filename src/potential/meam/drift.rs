//! How far third atoms can drift into the ellipses of a pair, or out of them, while no atom comes
//! farther than δ from where it was.
//!
//! With d from i to j, a = d², r = √a and q from the middle of these to k, k is inside the ellipse
//! of C where
//!
//! G = |d × q|² + C (d·q)² - C a²/4 < 0.
//!
//! On the ellipse (q∥ = r cos φ/2 along d, q⊥ = √C r sin φ/2 across it) the gradients of G by the
//! three atoms have lengths of K a r at most, which is found by trying angles. On the way
//! between two places of the atoms, on which d and q change by no more than the three ways together,
//! D, G is of the fourth degree, and its second derivative is bounded term by term. So k that is
//! inside at the one place, or on the ellipse, has at the other
//!
//! G <= a D (K r + B D),
//!
//! a and r being those of the other place, if r is no less than `NEAREST` times the longest way; and k
//! that is outside has no less than minus that.

use std::f64::consts::FRAC_PI_2;

/// In units of the longest way: pairs that are closer are not foreseen.
pub const NEAREST: f64 = 10.0;

/// Angles that are tried; the lengths are smooth.
const ANGLES: usize = 200;

/// K and B.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    pub first: f64,
    pub second: f64,
}

impl Drift {
    /// For ellipses of these C.
    pub fn of(several: impl Iterator<Item = f64>) -> Drift {
        /// Above the roundings, and what lies between two angles.
        const SAFETY: f64 = 1.001;
        let mut drift = Drift { first: 0.0, second: 0.0 };
        for c in several {
            let angle = |n: usize| steepest(c, FRAC_PI_2 * n as f64 / ANGLES as f64);
            let slope = SAFETY * (0..=ANGLES).map(angle).fold(0.0, f64::max);
            // At the place on the ellipse the pair may be longer by two ways than at the other, and
            // q is no farther from the ellipse than three: all in units of r.
            let x = 2.0 / NEAREST;
            let (r, q) = (1.0 + x, 0.5 * (1.0 + x) * c.max(1.0).sqrt() + 3.0 / NEAREST);
            // (1 + x)³ <= 1 + x (3 + 3 x + x²), where x r is D at most.
            let growth = slope * (3.0 + 3.0 * x + x * x);
            drift.first = drift.first.max(slope);
            drift.second = drift.second.max(SAFETY * (growth + 0.5 * curve(c, q, r)));
        }
        drift
    }
}

/// The longest of the gradients of G by the three atoms, in units of a r, at φ on the ellipse.
fn steepest(c: f64, phi: f64) -> f64 {
    let (sin, cos) = (libm::sin(phi), libm::cos(phi));
    // Along d and across it, of k and, at fixed q, of d; i and j have minus half of the first.
    let k = [c * cos, c.sqrt() * sin];
    let d = [-0.5 * c, 0.5 * (c - 1.0) * c.sqrt() * cos * sin];
    let end = |sign: f64| (sign * d[0] - 0.5 * k[0]).hypot(sign * d[1] - 0.5 * k[1]);
    k[0].hypot(k[1]).max(end(1.0)).max(end(-1.0))
}

/// A bound of the second derivative of G, in units of D², for |q| and |d|: of |d|²|q|² it is
/// 2q² + 8rq + 2r² at most; with w = d·q, (w²)'' = 2w'² + 2ww'', where |w'| <= q + r and |w''| <= 2;
/// and 0 <= (a²)'' <= 12r², which lessens G.
fn curve(c: f64, q: f64, r: f64) -> f64 {
    let w = 2.0 * (q + r).powi(2) + 4.0 * q * r;
    let up = 2.0 * q * q + 8.0 * r * q + 2.0 * r * r + (c - 1.0).abs() * w;
    let w = if c < 1.0 { w } else { 4.0 * q * r };
    let down = 8.0 * r * q + (c - 1.0).abs() * w + 3.0 * c * r * r;
    up.max(down)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Vec3, dot};
    use crate::random::{Purpose, Stream};

    /// G for i at the origin.
    fn g(c: f64, [i, j, k]: [Vec3; 3]) -> f64 {
        let d: Vec3 = std::array::from_fn(|n| j[n] - i[n]);
        let q: Vec3 = std::array::from_fn(|n| k[n] - 0.5 * (i[n] + j[n]));
        let (a, w) = (dot(d, d), dot(d, q));
        a * dot(q, q) + (c - 1.0) * w * w - 0.25 * c * a * a
    }

    /// Atoms on and around an ellipse, moved as far as they may up or down G.
    #[test]
    fn no_displacement_changes_more_than_is_foreseen() {
        let mut random = Stream::new(7, Purpose::Test, 0, 0);
        let mut uniform = |low: f64, high: f64| low + (high - low) * random.uniform();
        let mut closest = 0.0f64;
        for n in 0..20_000 {
            let c = [0.4, 0.9, 1.2, 2.0, 2.8, 5.0][n % 6];
            let Drift { first, second } = Drift::of([c].into_iter());
            let most = [0.01, 0.05, 0.1][n / 6 % 3];
            let ways = [most, uniform(0.0, most), uniform(0.0, most)];
            let ways = [ways[n % 3], ways[(n + 1) % 3], ways[(n + 2) % 3]];
            let r = uniform(1.3, 4.5);
            let (angle, scale) = (uniform(0.0, std::f64::consts::PI), uniform(0.95, 1.05));
            let k = [
                0.5 * r + 0.5 * scale * r * angle.cos(),
                0.5 * scale * c.sqrt() * r * angle.sin(),
                0.0,
            ];
            let begin = [[0.0; 3], [r, 0.0, 0.0], k];
            for sign in [1.0, -1.0] {
                // Each atom to the rim of its ball, along the gradient of G.
                let mut atoms = begin;
                for _ in 0..10 {
                    for m in 0..3 {
                        let slope: Vec3 = std::array::from_fn(|x| {
                            let mut shifted = atoms;
                            shifted[m][x] += 1e-6;
                            (g(c, shifted) - g(c, atoms)) * 1e6
                        });
                        let length = dot(slope, slope).sqrt().max(1e-12);
                        atoms[m] = std::array::from_fn(|x| {
                            begin[m][x] + sign * ways[m] * slope[x] / length
                        });
                    }
                }
                // Inside (or outside) before: seen from the place after, it is foreseen.
                if sign * g(c, begin) <= 0.0 {
                    let d: Vec3 = std::array::from_fn(|x| atoms[1][x] - atoms[0][x]);
                    let (a, all) = (dot(d, d), ways.iter().sum::<f64>());
                    let bound = a * all * (first * a.sqrt() + second * all);
                    let change = sign * g(c, atoms);
                    assert!(change <= bound, "C {c}, r {r}, ways {ways:?}: {change} of {bound}");
                    closest = closest.max(change / bound);
                }
            }
        }
        // No wider by far than it needs to be.
        assert!(closest > 0.5, "{closest}");
    }
}
