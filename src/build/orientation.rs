//! Rotations, as matrices that act on columns. Sines and cosines come from the
//! `libm` crate, and a turn by no angle is left out, so that it is exact.

use super::lattice::Site;
use crate::geometry::{Vec3, cross, dot, norm, scale, sub};
use crate::random::Stream;

/// Rows of a rotation matrix.
pub type Rotation = [Vec3; 3];

pub const IDENTITY: Rotation = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];

pub fn apply(r: &Rotation, v: Vec3) -> Vec3 {
    r.map(|row| dot(row, v))
}

/// First `b`, then `a`.
pub fn product(a: &Rotation, b: &Rotation) -> Rotation {
    let column = |j: usize| [b[0][j], b[1][j], b[2][j]];
    a.map(|row| std::array::from_fn(|j| dot(row, column(j))))
}

/// About x, y or z (0, 1, 2), by an angle in degrees.
pub fn about(axis: usize, degrees: f64) -> Rotation {
    if degrees == 0.0 {
        return IDENTITY;
    }
    let (sine, cosine) = libm::sincos(degrees.to_radians());
    let (j, k) = ((axis + 1) % 3, (axis + 2) % 3);
    let mut r = IDENTITY;
    (r[j][j], r[j][k]) = (cosine, -sine);
    (r[k][j], r[k][k]) = (sine, cosine);
    r
}

/// Euler angles in degrees about z, then the new x', then the new z''.
pub fn euler([first, second, third]: Vec3) -> Rotation {
    product(&about(2, first), &product(&about(0, second), &about(2, third)))
}

/// Turns the normal of a facet to +x, and the crystal's y axis (for the facets across
/// it, the z axis) to +y as nearly as it goes: the identity for (100).
pub fn facing(facet: Site) -> Rotation {
    to_x(facet.map(f64::from))
}

/// The same for any vector.
pub fn to_x(normal: Vec3) -> Rotation {
    let x = scale(normal, 1.0 / norm(normal));
    let across = |axis: Vec3| sub(axis, scale(x, dot(axis, x)));
    let y = across([0.0, 1.0, 0.0]);
    let y = if normal[0] == 0.0 && normal[2] == 0.0 { across([0.0, 0.0, 1.0]) } else { y };
    let y = scale(y, 1.0 / norm(y));
    [x, y, cross(x, y)]
}

/// Turns +x down along an axis (0, 1, 2), onto a surface across it; exact.
pub fn turned_down(axis: usize) -> Rotation {
    match axis {
        0 => [[-1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]],
        1 => [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
        _ => [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]],
    }
}

/// About an axis of any length, by an angle in degrees (Rodrigues).
pub fn about_axis(axis: Vec3, degrees: f64) -> Rotation {
    let [x, y, z] = scale(axis, 1.0 / norm(axis));
    let (sine, cosine) = libm::sincos(degrees.to_radians());
    let rest = 1.0 - cosine;
    [
        [cosine + x * x * rest, x * y * rest - z * sine, x * z * rest + y * sine],
        [y * x * rest + z * sine, cosine + y * y * rest, y * z * rest - x * sine],
        [z * x * rest - y * sine, z * y * rest + x * sine, cosine + z * z * rest],
    ]
}

/// Each orientation as likely as any other: a quaternion in a random direction.
pub fn uniform(stream: &mut Stream) -> Rotation {
    let ([w, x], [y, z]) = (stream.normal_pair(), stream.normal_pair());
    let length = (w * w + x * x + y * y + z * z).sqrt();
    let [w, x, y, z] = [w, x, y, z].map(|q| q / length);
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some roundings of numbers of order one.
    const ROUNDING: f64 = 1e-14;

    fn close(a: Vec3, b: Vec3) -> bool {
        norm(sub(a, b)) < ROUNDING
    }

    fn is_rotation(r: &Rotation) -> bool {
        close(cross(r[0], r[1]), r[2])
            && (0..3).all(|i| (norm(r[i]) - 1.0).abs() < ROUNDING)
            && dot(r[0], r[1]).abs() < ROUNDING
    }

    #[test]
    fn facets_turn_to_x() {
        for facet in
            [[1, 0, 0], [0, 1, 0], [0, 0, -1], [0, -1, 0], [1, 1, 0], [-1, 1, 1], [1, 1, 1]]
        {
            let r = facing(facet);
            assert!(is_rotation(&r), "{facet:?}");
            let normal = facet.map(f64::from);
            assert!(close(apply(&r, normal), [norm(normal), 0.0, 0.0]), "{facet:?}");
        }
        assert_eq!(facing([1, 0, 0]), IDENTITY);
    }

    #[test]
    fn any_axis_turns_as_it_says_and_any_orientation_is_a_rotation() {
        for axis in 0..3 {
            let mut along = [0.0; 3];
            along[axis] = 2.0;
            let (one, other) = (about_axis(along, 40.9), about(axis, 40.9));
            assert!((0..3).all(|i| close(one[i], other[i])));
        }
        let draws = 20_000;
        let mut sum = [0.0; 3];
        for id in 0..draws {
            let r = uniform(&mut Stream::new(1, crate::random::Purpose::Test, 0, id));
            assert!(is_rotation(&r));
            let along = apply(&r, [0.0, 0.0, 1.0]);
            (0..3).for_each(|d| sum[d] += along[d] * along[d]);
        }
        // Each square has the mean 1/3 and the variance 4/45.
        let error = 4.0 * (4.0 / 45.0 / draws as f64).sqrt();
        assert!(sum.iter().all(|s| (s / draws as f64 - 1.0 / 3.0).abs() < error), "{sum:?}");
    }

    #[test]
    fn axes_and_euler_angles_turn_as_they_say() {
        assert!(close(apply(&about(0, 90.0), [0.0, 1.0, 0.0]), [0.0, 0.0, 1.0]));
        assert!(close(apply(&about(1, 90.0), [0.0, 0.0, 1.0]), [1.0, 0.0, 0.0]));
        assert!(close(apply(&about(2, 90.0), [1.0, 0.0, 0.0]), [0.0, 1.0, 0.0]));
        assert!(is_rotation(&euler([10.0, 20.0, 30.0])));
        assert_eq!(euler([0.0; 3]), IDENTITY);
        for axis in 0..3 {
            let mut down = [0.0; 3];
            down[axis] = -1.0;
            assert!(is_rotation(&turned_down(axis)));
            assert_eq!(apply(&turned_down(axis), [1.0, 0.0, 0.0]), down);
        }
        // z to y by z, then about x' (which is y): what was z goes to x.
        assert!(close(apply(&euler([90.0, 90.0, 0.0]), [0.0, 0.0, 1.0]), [1.0, 0.0, 0.0]));
    }
}
