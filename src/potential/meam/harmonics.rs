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

use crate::geometry::Vec3;

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
pub fn evaluate([x, y, z]: Vec3) -> [f64; COMPONENTS] {
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let difference = xx - yy;
    let five = 5.0 * zz - 1.0;
    [
        1.0,
        x,
        y,
        z,
        SQRT_2 * (x * y),
        SQRT_2 * (y * z),
        SQRT_2 * (x * z),
        SQRT_1_2 * difference,
        SQRT_1_6 * (3.0 * zz - 1.0),
        SQRT_1_10 * (z * (5.0 * zz - 3.0)),
        SQRT_3_20 * (x * five),
        SQRT_3_20 * (y * five),
        SQRT_6 * (x * y * z),
        0.5 * SQRT_6 * (z * difference),
        0.5 * (x * (xx - 3.0 * yy)),
        0.5 * (y * (3.0 * xx - yy)),
    ]
}

/// For each l = 1, 2, 3 the contraction B_l(u) = Σ_m a_m Y_lm(u) and the part of
/// its gradient that is tangential to the unit sphere; `a` is in the order of `evaluate`.
#[inline(always)]
pub fn contract(a: &[f64], [x, y, z]: Vec3) -> [(f64, Vec3); 3] {
    let (xx, yy, zz) = (x * x, y * y, z * z);
    let five = 5.0 * zz - 1.0;

    let first = [a[1], a[2], a[3]];

    let (b, c, d) = (SQRT_2 * a[4], SQRT_2 * a[5], SQRT_2 * a[6]);
    let (e, f) = (SQRT_1_2 * a[7], SQRT_1_6 * a[8]);
    let second_value =
        b * (x * y) + c * (y * z) + d * (x * z) + e * (xx - yy) + f * (3.0 * zz - 1.0);
    let second =
        [b * y + d * z + 2.0 * e * x, b * x + c * z - 2.0 * e * y, c * y + d * x + 6.0 * f * z];

    let (g, h, k) = (SQRT_1_10 * a[9], SQRT_3_20 * a[10], SQRT_3_20 * a[11]);
    let (l, m) = (SQRT_6 * a[12], 0.5 * SQRT_6 * a[13]);
    let (n, o) = (0.5 * a[14], 0.5 * a[15]);
    let third_value = g * (z * (5.0 * zz - 3.0))
        + h * (x * five)
        + k * (y * five)
        + l * (x * y * z)
        + m * (z * (xx - yy))
        + n * (x * (xx - 3.0 * yy))
        + o * (y * (3.0 * xx - yy));
    let third = [
        h * five + l * (y * z) + 2.0 * m * (x * z) + 3.0 * n * (xx - yy) + 6.0 * o * (x * y),
        k * five + l * (x * z) - 2.0 * m * (y * z) - 6.0 * n * (x * y) + 3.0 * o * (xx - yy),
        g * (15.0 * zz - 3.0)
            + 10.0 * h * (x * z)
            + 10.0 * k * (y * z)
            + l * (x * y)
            + m * (xx - yy),
    ];

    let first_value = first[0] * x + first[1] * y + first[2] * z;
    [(first_value, first), (second_value, second), (third_value, third)].map(|(value, v)| {
        let radial = v[0] * x + v[1] * y + v[2] * z;
        (value, [v[0] - radial * x, v[1] - radial * y, v[2] - radial * z])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{dot, norm, scale};

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
    fn contraction_and_its_gradient_belong_together() {
        let u = unit([0.3, -0.8, 0.4]);
        let a: Vec<f64> = (0..COMPONENTS).map(|m| (m as f64 * 1.7).sin()).collect();
        let contractions = contract(&a, u);
        let values = evaluate(u);
        // Central differences of step 1e-5 err by about 1e-10.
        const STEP: f64 = 1e-5;
        for l in 1..4 {
            let sum = |y: [f64; COMPONENTS]| -> f64 {
                (FIRST[l]..FIRST[l + 1]).map(|m| a[m] * y[m]).sum()
            };
            assert!((contractions[l - 1].0 - sum(values)).abs() < ROUNDING);
            for d in 0..3 {
                let mut p = u;
                let mut m = u;
                p[d] += STEP;
                m[d] -= STEP;
                let slope = (sum(evaluate(unit(p))) - sum(evaluate(unit(m)))) / (2.0 * STEP);
                assert!((slope - contractions[l - 1].1[d]).abs() < 1e-9, "l = {l}, d = {d}");
            }
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
    }
}
