//! How points lie best upon others: the rotation, and what is left after it.
//!
//! With v and w the points about their centres, over all rotations R, and scales s where they are free,
//! ```text
//! min Σ (R v − w)²   = Σ v² + Σ w² − 2 λ
//! min Σ (s R v − w)² = Σ w² − λ² / Σ v²
//! ```
//! λ being the largest eigenvalue of Horn's matrix of Σ v wᵀ, and R the rotation that its eigenvector is as a quaternion (B. K. P.
//! Horn, J. Opt. Soc. Am. A 4 (1987) 629).

use std::array;

use crate::geometry::{Vec3, add, cross, dot, norm, scale};

/// A rotation as a unit quaternion, its real part first.
pub type Quaternion = [f64; 4];

/// How wide bodies are, together, that lie on a line, in parts of their lengths: far above rounding.
const ON_A_LINE: f64 = 1e-7;
/// How far from half a turn an angle is that counts as such, rad.
const HALF_A_TURN: f64 = 1e-9;

pub const UNTURNED: Quaternion = [1.0, 0.0, 0.0, 0.0];

/// Where the vector is after the rotation.
pub fn turned([w, x, y, z]: Quaternion, v: Vec3) -> Vec3 {
    let axis = [x, y, z];
    let twice = cross(axis, v).map(|t| 2.0 * t);
    let across = cross(axis, twice);
    array::from_fn(|d| v[d] + w * twice[d] + across[d])
}

/// Points v and w that belong to each other.
pub struct Superposition {
    /// Σ v² and Σ w², each about their centre.
    pub squares: [f64; 2],
    /// Σ v wᵀ, likewise.
    pub m: [[f64; 3]; 3],
}

impl Superposition {
    /// Of points w whose centre is at zero, and as many points v about any.
    pub fn of(pairs: impl Iterator<Item = (Vec3, Vec3)>) -> Superposition {
        let (mut count, mut mean) = (0.0, [0.0; 3]);
        let (mut of_v, mut of_w, mut m) = (0.0, 0.0, [[0.0; 3]; 3]);
        for (v, w) in pairs {
            count += 1.0;
            mean = add(mean, v);
            of_v += dot(v, v);
            of_w += dot(w, w);
            (0..3).for_each(|a| (0..3).for_each(|b| m[a][b] += v[a] * w[b]));
        }
        of_v -= dot(mean, mean) / count;
        Superposition { squares: [of_v, of_w], m }
    }

    /// The largest eigenvalue of Horn's matrix.
    fn along(&self) -> f64 {
        let [of_v, of_w] = self.squares;
        largest_eigenvalue(&self.m, (of_v * of_w).sqrt()).max(0.0)
    }

    /// The least Σ (s R v − w)².
    pub fn least_square(&self) -> f64 {
        let ([of_v, of_w], along) = (self.squares, self.along());
        (of_w - along * along / of_v).max(0.0)
    }

    /// The rotation of v that brings it onto w: the eigenvector, which is any column of the matrix of
    /// cofactors of Horn's less its eigenvalue; the longest one has the most digits.
    pub fn rotation(&self) -> Quaternion {
        if self.is_of_lines() {
            return self.line_to_line();
        }
        let (mut k, along) = (horn(&self.m), self.along());
        (0..4).for_each(|d| k[d][d] -= along);
        let cofactor = |row: usize, column: usize| {
            let [a, b, c] = array::from_fn(|i| {
                let kept = k[i + (i >= row) as usize];
                array::from_fn(|j| kept[j + (j >= column) as usize])
            });
            let sign = if (row + column).is_multiple_of(2) { 1.0 } else { -1.0 };
            sign * dot(a, cross(b, c))
        };
        let square = |q: &Quaternion| q.iter().map(|x| x * x).sum::<f64>();
        let columns = (0..4).map(|column| array::from_fn(|row| cofactor(row, column)));
        let longest = columns.max_by(|a, b| square(a).total_cmp(&square(b)));
        let longest = longest.expect("four columns");
        let length = square(&longest).sqrt();
        longest.map(|x| x / length)
    }

    /// Whether v or w lie on a line, or at a point: then all rotations about it are as good, and λ is a double root.
    fn is_of_lines(&self) -> bool {
        let [a, b, c] = self.m;
        let minors = [cross(a, b), cross(b, c), cross(c, a)];
        let [square, minors] =
            [[a, b, c], minors].map(|m| m.map(|row| dot(row, row)).iter().sum::<f64>());
        minors.sqrt() <= ON_A_LINE * square
    }

    /// Of points v on a line and w on one: the least rotation that lays one along the other.
    fn line_to_line(&self) -> Quaternion {
        let unit = |x: Vec3| scale(x, 1.0 / norm(x));
        let longest = self.m.iter().max_by(|a, b| dot(**a, **a).total_cmp(&dot(**b, **b)));
        let longest = longest.expect("three rows");
        if norm(*longest) == 0.0 {
            return UNTURNED;
        }
        // m is a multiple of v wᵀ.
        let w = unit(*longest);
        let v = unit(self.m.map(|row| dot(row, w)));
        let [x, y, z] = cross(v, w);
        let half = [1.0 + dot(v, w), x, y, z];
        let length = half.iter().map(|x| x * x).sum::<f64>().sqrt();
        if length > HALF_A_TURN {
            return half.map(|x| x / length);
        }
        // Half a turn about any axis across.
        let least = if v[0].abs() < 0.5 { [1.0, 0.0, 0.0] } else { [0.0, 1.0, 0.0] };
        let [x, y, z] = unit(cross(v, least));
        [0.0, x, y, z]
    }
}

/// Horn's matrix of `m`.
fn horn(m: &[[f64; 3]; 3]) -> [[f64; 4]; 4] {
    let [[xx, xy, xz], [yx, yy, yz], [zx, zy, zz]] = *m;
    [
        [xx + yy + zz, yz - zy, zx - xz, xy - yx],
        [yz - zy, xx - yy - zz, xy + yx, zx + xz],
        [zx - xz, xy + yx, yy - xx - zz, yz + zy],
        [xy - yx, zx + xz, yz + zy, zz - xx - yy],
    ]
}

/// Of Horn's matrix of `m`, by Newton's steps on its characteristic polynomial from `above` (D. L. Theobald, Acta Cryst. A 61 (2005) 478).
fn largest_eigenvalue(m: &[[f64; 3]; 3], above: f64) -> f64 {
    let square = m.iter().flatten().map(|x| x * x).sum::<f64>();
    let determinant = dot(m[0], cross(m[1], m[2]));
    let k = horn(m);
    // Of the 4 x 4 matrix, by the minors of its upper and lower halves (Laplace).
    let minor =
        |row: usize, a: usize, b: usize| k[row][a] * k[row + 1][b] - k[row][b] * k[row + 1][a];
    let halves = |a, b, c, d| minor(0, a, b) * minor(2, c, d);
    let (c2, c1) = (-2.0 * square, -8.0 * determinant);
    let c0 = halves(0, 1, 2, 3) - halves(0, 2, 1, 3) + halves(0, 3, 1, 2) + halves(1, 2, 0, 3)
        - halves(1, 3, 0, 2)
        + halves(2, 3, 0, 1);
    let mut root = above;
    for _ in 0..50 {
        let value = ((root * root + c2) * root + c1) * root + c0;
        let slope = (4.0 * root * root + 2.0 * c2) * root + c1;
        let next = root - value / slope;
        // From above the steps go down; the first that does not is at the end of what digits tell.
        if next < root {
            root = next;
        } else {
            break;
        }
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bodies with three dimensions, two, one and none, about their centres, turned by any angle, half a turn among them.
    #[test]
    fn a_turned_body_is_turned_back() {
        let bodies: [&[Vec3]; 4] = [
            &[[1.0, 0.5, -2.0], [-3.0, 1.0, 0.2], [0.3, -2.0, 1.0], [1.7, 0.5, 0.8]],
            &[[1.0, 2.0, 0.0], [-1.0, -2.0, 0.0], [3.0, -1.0, 0.0], [-3.0, 1.0, 0.0]],
            &[[0.2, -1.3, 0.7], [-0.2, 1.3, -0.7]],
            &[[0.0; 3]],
        ];
        for w in bodies {
            for angle in [0.0, 0.3, 2.0, std::f64::consts::PI] {
                let half = 0.5 * angle;
                let axis = scale([1.0, -2.0, 2.0], libm::sin(half) / 3.0);
                let turn = [libm::cos(half), axis[0], axis[1], axis[2]];
                let pairs = || w.iter().map(|w| (turned(turn, *w), *w));
                let back = Superposition::of(pairs()).rotation();
                for (v, w) in pairs() {
                    let off = add(turned(back, v), scale(w, -1.0));
                    assert!(norm(off) < 1e-9, "{w:?} by {angle}: {off:?}");
                }
            }
        }
    }
}
