//! The inertia tensor of a body: I = sum of m (r·r 1 - r r^T) about its centre of mass.
//!
//! One atom has no moment of inertia and atoms on a line have only two: along a
//! principal axis without moment there is no rotation, so it is left out
//! everywhere (the tensor is inverted on the other axes alone).

use crate::geometry::{Vec3, add, dot, scale};

/// A principal moment below this fraction of the largest one counts as none:
/// far above the rounding of collinear atoms (1e-15), far below any real body.
const NEGLIGIBLE_MOMENT: f64 = 1e-10;

/// Sweeps of the Jacobi iteration; it converges quadratically, 3 x 3 in about five.
const SWEEPS: usize = 12;

/// Symmetric, g/mol Å²; rows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Inertia(pub [Vec3; 3]);

impl Inertia {
    /// From xx yy zz xy xz yz of the second moments, sum of m r_a r_b.
    pub fn from_second_moments([xx, yy, zz, xy, xz, yz]: [f64; 6]) -> Inertia {
        Inertia([[yy + zz, -xy, -xz], [-xy, xx + zz, -yz], [-xz, -yz, xx + yy]])
    }

    /// Back to xx yy zz xy xz yz of the second moments.
    pub fn second_moments(&self) -> [f64; 6] {
        let [[xx, xy, xz], [_, yy, yz], [_, _, zz]] = self.0;
        let all = self.polar();
        [all - xx, all - yy, all - zz, -xy, -xz, -yz]
    }

    /// Sum of m r², g/mol Å².
    pub fn polar(&self) -> f64 {
        (self.0[0][0] + self.0[1][1] + self.0[2][2]) / 2.0
    }

    /// Principal moments (g/mol Å²) with their axes (unit vectors), by Jacobi rotations.
    pub fn principal(&self) -> [(f64, Vec3); 3] {
        let mut a = self.0;
        let mut axes = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        for _ in 0..SWEEPS {
            for (p, q) in [(0, 1), (0, 2), (1, 2)] {
                if a[p][q] == 0.0 {
                    continue;
                }
                // Tangent of the angle that makes a[p][q] zero, the smaller root.
                let theta = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let sign = if theta < 0.0 { -1.0 } else { 1.0 };
                let t = sign / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for row in &mut a {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (row_p, row_q) = (a[p], a[q]);
                a[p] = add(scale(row_p, c), scale(row_q, -s));
                a[q] = add(scale(row_p, s), scale(row_q, c));
                let (axis_p, axis_q) = (axes[p], axes[q]);
                axes[p] = add(scale(axis_p, c), scale(axis_q, -s));
                axes[q] = add(scale(axis_p, s), scale(axis_q, c));
            }
        }
        std::array::from_fn(|k| (a[k][k], axes[k]))
    }

    /// The principal axes about which the body can turn.
    fn turning(&self) -> impl Iterator<Item = (f64, Vec3)> {
        let principal = self.principal();
        let largest = principal.iter().fold(0.0, |m: f64, p| m.max(p.0));
        principal.into_iter().filter(move |p| largest > 0.0 && p.0 > NEGLIGIBLE_MOMENT * largest)
    }

    /// How many independent rotations the body has: 3, on a line 2, one atom 0.
    pub fn rotations(&self) -> usize {
        self.turning().count()
    }

    /// The angular velocity (1/ps) that belongs to an angular momentum (g/mol Å²/ps).
    pub fn angular_velocity(&self, angular_momentum: Vec3) -> Vec3 {
        self.turning().fold([0.0; 3], |sum, (moment, axis)| {
            add(sum, scale(axis, dot(axis, angular_momentum) / moment))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative rounding of a handful of operations on 3 x 3 matrices.
    const ROUNDING: f64 = 1e-13;

    fn of(masses_and_places: &[(f64, Vec3)]) -> Inertia {
        let mut moments = [0.0; 6];
        for &(m, [x, y, z]) in masses_and_places {
            for (sum, term) in moments.iter_mut().zip([x * x, y * y, z * z, x * y, x * z, y * z]) {
                *sum += m * term;
            }
        }
        Inertia::from_second_moments(moments)
    }

    #[test]
    fn principal_axes_rebuild_the_tensor() {
        let tensor =
            of(&[(3.0, [1.0, 2.0, -0.5]), (2.0, [-2.0, 0.3, 1.0]), (5.0, [0.1, -1.0, 2.0])]);
        let principal = tensor.principal();
        for p in 0..3 {
            for q in 0..3 {
                let rebuilt: f64 = principal.iter().map(|(m, a)| m * a[p] * a[q]).sum();
                assert!((rebuilt - tensor.0[p][q]).abs() < ROUNDING * tensor.polar());
            }
        }
    }

    #[test]
    fn angular_velocity_inverts_the_tensor() {
        let tensor =
            of(&[(3.0, [1.0, 2.0, -0.5]), (2.0, [-2.0, 0.3, 1.0]), (5.0, [0.1, -1.0, 2.0])]);
        let turning = [0.3, -0.2, 0.7];
        let momentum: Vec3 = std::array::from_fn(|d| dot(tensor.0[d], turning));
        let found = tensor.angular_velocity(momentum);
        for d in 0..3 {
            assert!((found[d] - turning[d]).abs() < ROUNDING);
        }
        assert_eq!(tensor.rotations(), 3);
    }

    #[test]
    fn an_atom_does_not_turn_and_a_line_turns_about_two_axes() {
        assert_eq!(Inertia::default().rotations(), 0);
        assert_eq!(Inertia::default().angular_velocity([1.0, 2.0, 3.0]), [0.0; 3]);
        let place = [0.3, 1.1, -0.7];
        let line = of(&[(2.0, place), (2.0, scale(place, -1.0))]);
        assert_eq!(line.rotations(), 2);
        // Only the part across the line can be momentum of a real motion.
        let turning = line.angular_velocity([1.0, 2.0, 3.0]);
        assert!(dot(turning, place).abs() < ROUNDING);
    }
}
