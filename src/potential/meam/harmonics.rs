//! Real solid harmonics of a direction u up to l = 3.
//!
//! The partial densities of MEAM are sums over pairs of neighbours of cos θ,
//! cos²θ - 1/3 and cos³θ - 3/5 cos θ, which are Legendre polynomials times
//! 1, 2/3 and 2/5. By the addition theorem each is a scalar product of harmonics,
//!
//! Σ_m Y_lm(u) Y_lm(v) = c_l P_l(u·v),   c = 1, 2/3, 2/5,
//!
//! so 1 + 3 + 5 + 7 sums over neighbours replace the 24 Cartesian moments of the
//! literature, and the squared densities are sums of squares.
//!
//! Invariant: under u → -u every component keeps its bits but for the sign (-1)^l.

use crate::lanes::Real;

/// Where each l begins among the sixteen components, and where the last ends.
pub const FIRST: [usize; 5] = [0, 1, 4, 9, 16];
pub const COMPONENTS: usize = 16;

const SQRT_2: f64 = std::f64::consts::SQRT_2;
const SQRT_1_2: f64 = std::f64::consts::FRAC_1_SQRT_2;
const SQRT_1_6: f64 = 0.408_248_290_463_863;
const SQRT_6: f64 = 2.449_489_742_783_178;
const SQRT_3_20: f64 = 0.387_298_334_620_741_7;
const SQRT_1_10: f64 = 0.316_227_766_016_837_94;

/// The sixteen components; l = 0 is 1.
#[inline(always)]
pub fn evaluate<T: Real>([x, y, z]: [T; 3]) -> [T; COMPONENTS] {
    let c = T::splat;
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let difference = xx - yy;
    let three = zz.mul_add(c(3.0), c(-1.0));
    let five = zz.mul_add(c(5.0), c(-1.0));
    [
        c(1.0),
        x,
        y,
        z,
        c(SQRT_2) * (x * y),
        c(SQRT_2) * (y * z),
        c(SQRT_2) * (x * z),
        c(SQRT_1_2) * difference,
        c(SQRT_1_6) * three,
        c(SQRT_1_10) * (z * (five - c(2.0))),
        c(SQRT_3_20) * (x * five),
        c(SQRT_3_20) * (y * five),
        c(SQRT_6) * ((x * y) * z),
        c(0.5 * SQRT_6) * (z * difference),
        c(0.5) * (x * yy.mul_add(c(-3.0), xx)),
        c(0.5) * (y * xx.mul_add(c(3.0), c(0.0) - yy)),
    ]
}

/// Of the function Σ_m a_m Y_lm(u), l = 1, 2, 3, the part of its gradient that is
/// tangential to the unit sphere; `a` is in the order of `evaluate`.
#[inline(always)]
pub fn gradient<T: Real>(a: &[T; COMPONENTS], [x, y, z]: [T; 3]) -> [T; 3] {
    let c = T::splat;
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let (xy, yz, xz) = (x * y, y * z, x * z);
    let difference = xx - yy;
    let five = zz.mul_add(c(5.0), c(-1.0));

    // Odd degrees first, whose gradients are even under u -> -u.
    let (g, h, k) = (c(SQRT_1_10) * a[9], c(SQRT_3_20) * a[10], c(SQRT_3_20) * a[11]);
    let (l, m) = (c(SQRT_6) * a[12], c(0.5 * SQRT_6) * a[13]);
    let (n, o) = (c(1.5) * a[14], c(1.5) * a[15]);
    let (m2, n2, o2) = (m + m, n + n, o + o);
    let third = [
        h.mul_add(five, a[1]) + l.mul_add(yz, m2 * xz) + n.mul_add(difference, o2 * xy),
        k.mul_add(five, a[2]) + (l * xz - m2 * yz) + (o * difference - n2 * xy),
        g.mul_add(zz.mul_add(c(15.0), c(-3.0)), a[3])
            + c(10.0) * h.mul_add(xz, k * yz)
            + l.mul_add(xy, m * difference),
    ];

    let (p, q, r) = (c(SQRT_2) * a[4], c(SQRT_2) * a[5], c(SQRT_2) * a[6]);
    let (e, f) = (c(2.0 * SQRT_1_2) * a[7], c(6.0 * SQRT_1_6) * a[8]);
    let second =
        [p.mul_add(y, r * z) + e * x, p.mul_add(x, q * z) - e * y, q.mul_add(y, r * x) + f * z];

    let v = [third[0] + second[0], third[1] + second[1], third[2] + second[2]];
    let radial = v[0].mul_add(x, v[1].mul_add(y, v[2] * z));
    [v[0] - radial * x, v[1] - radial * y, v[2] - radial * z]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{Vec3, dot, norm, scale};

    /// Rounding of polynomials of degree three with unit arguments.
    const ROUNDING: f64 = 1e-14;

    fn unit(v: Vec3) -> Vec3 {
        scale(v, 1.0 / norm(v))
    }

    #[test]
    fn products_obey_the_addition_theorem() {
        let (u, v) = (unit([0.3, -0.8, 0.4]), unit([-0.7, 0.2, 1.1]));
        let (a, b, c) = (evaluate(u), evaluate(v), dot(u, v));
        let expected = [1.0, c, c * c - 1.0 / 3.0, c * c * c - 0.6 * c];
        for l in 0..4 {
            let product: f64 = (FIRST[l]..FIRST[l + 1]).map(|m| a[m] * b[m]).sum();
            assert!((product - expected[l]).abs() < ROUNDING, "l = {l}");
        }
    }

    #[test]
    fn gradient_is_that_of_the_sum() {
        let u = unit([0.3, -0.8, 0.4]);
        let a: [f64; COMPONENTS] = std::array::from_fn(|m| (m as f64 * 1.7).sin());
        // Central differences of step 1e-5 err by about 1e-10.
        const STEP: f64 = 1e-5;
        let value = |u: Vec3| -> f64 { evaluate(unit(u)).iter().zip(a).map(|(y, a)| a * y).sum() };
        for d in 0..3 {
            let (mut p, mut m) = (u, u);
            p[d] += STEP;
            m[d] -= STEP;
            let slope = (value(p) - value(m)) / (2.0 * STEP);
            assert!((slope - gradient(&a, u)[d]).abs() < 1e-9, "d = {d}");
        }
    }

    #[test]
    fn inversion_changes_signs_only() {
        let u = unit([0.3, -0.8, 0.4]);
        let (plus, minus) = (evaluate(u), evaluate(u.map(|x| -x)));
        for l in 0..4 {
            let sign = if l % 2 == 0 { 1.0 } else { -1.0 };
            for m in FIRST[l]..FIRST[l + 1] {
                assert_eq!(plus[m].to_bits(), (sign * minus[m]).to_bits());
            }
        }
        // As for a pair seen from its other end: coefficients change sign with the harmonics.
        let a: [f64; COMPONENTS] = std::array::from_fn(|m| (m as f64 * 1.7).sin());
        let mut b = a;
        (FIRST[1]..FIRST[2]).chain(FIRST[3]..FIRST[4]).for_each(|m| b[m] = -a[m]);
        assert_eq!(gradient(&a, u), gradient(&b, u.map(|x| -x)).map(|x| -x));
    }
}
