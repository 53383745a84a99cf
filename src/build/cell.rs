//! The cell of a file: which directions repeat, from where and how far. One rule for all
//! formats, for runs and for `evaluate`.
//!
//! Boxes are orthogonal and stand along x, y and z. Cell vectors count by the axis along
//! which they stand, so their order and their signs (a left-handed cell) do not matter; what
//! is beside the axis counts as rounding up to `ROUNDING` of the length. Vectors of free
//! directions may be anything. A cell that is only turned or truly oblique is refused.

use super::frame::Frame;
use crate::geometry::{Cell, LARGEST_COORDINATE, SHORTEST_PERIOD, Vec3};

/// Largest component of a cell vector beside its axis, relative to its length, that counts
/// as rounding.
const ROUNDING: f64 = 1e-6;

pub const AXES: [&str; 3] = ["x", "y", "z"];

/// Begin and length of a box along an axis, Å.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Side {
    pub low: f64,
    pub length: f64,
}

/// What a file says of each axis.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Sides {
    pub sides: [Option<Side>; 3],
    pub periodic: [bool; 3],
}

/// The cell of a frame by axes.
///
/// # Errors
/// In words: a periodic direction that does not stand along an axis, or two along one.
pub fn sides(frame: &Frame) -> Result<Sides, String> {
    let Some(lattice) = frame.lattice else {
        return Ok(Sides { periodic: frame.periodic, ..Sides::default() });
    };
    let mut found = Sides::default();
    for (k, vector) in lattice.into_iter().enumerate() {
        let periodic = frame.periodic[k];
        match axis(vector) {
            Some(d) if found.sides[d].is_none() => {
                let (low, length) = (vector[d].min(0.0), vector[d].abs());
                found.sides[d] = Some(Side { low: frame.origin[d] + low, length });
                found.periodic[d] = periodic;
            }
            Some(d) if periodic || found.periodic[d] => {
                return Err(format!("two cell vectors of the file stand along {}", AXES[d]));
            }
            // A periodic direction without length.
            None if periodic && vector == [0.0; 3] => {
                found.sides[k] = Some(Side { low: frame.origin[k], length: 0.0 });
                found.periodic[k] = true;
            }
            None if periodic => return Err(oblique(lattice, k)),
            _ => {}
        }
    }
    Ok(found)
}

/// The axis along which a vector stands.
fn axis(vector: Vec3) -> Option<usize> {
    let d = (0..3).max_by(|&d, &e| vector[d].abs().total_cmp(&vector[e].abs()))?;
    let straight = (0..3).all(|e| e == d || vector[e].abs() <= ROUNDING * vector[d].abs());
    (straight && vector[d] != 0.0).then_some(d)
}

fn oblique(lattice: [Vec3; 3], k: usize) -> String {
    let [x, y, z] = lattice[k];
    let length = |v: Vec3| crate::geometry::norm(v);
    let right =
        |a: Vec3, b: Vec3| crate::geometry::dot(a, b).abs() <= ROUNDING * length(a) * length(b);
    let [a, b, c] = lattice;
    let advice = match right(a, b) && right(b, c) && right(a, c) {
        true => {
            "its vectors are at right angles: turn cell and atoms so that they stand along x, y and z"
        }
        false => "take a larger, orthogonal cell of the same crystal",
    };
    format!(
        "cell vector {} = ({x}, {y}, {z}) Å stands along none of x, y and z; only orthogonal boxes \
         are supported: {advice}",
        ["a", "b", "c"][k]
    )
}

/// The box with these periodic directions; in free ones it only describes, as `described`
/// (begin and length) has it.
///
/// # Errors
/// In words: a periodic direction of which no length is known, or one that no run can live with.
pub fn boxed(
    sides: [Option<Side>; 3],
    periodic: [bool; 3],
    described: [Side; 3],
) -> Result<Cell, String> {
    if let Some(d) = (0..3).find(|&d| periodic[d] && sides[d].is_none()) {
        return Err(format!("periodic along {}, but the file gives no cell there", AXES[d]));
    }
    let side = |d: usize| sides[d].filter(|_| periodic[d]).unwrap_or(described[d]);
    let all = [side(0), side(1), side(2)];
    let cell = Cell::new(all.map(|s| s.low), all.map(|s| s.length), periodic);
    match cell.unusable() {
        None => Ok(cell),
        Some(d) => Err(format!(
            "along {} the box is {:?} Å long from {:?} Å on: a periodic direction must be at least \
             {SHORTEST_PERIOD} Å long and lie within {LARGEST_COORDINATE} Å",
            AXES[d], all[d].length, all[d].low
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(lattice: [Vec3; 3], periodic: [bool; 3]) -> Frame {
        Frame { lattice: Some(lattice), periodic, origin: [1.0, 2.0, 3.0], ..Frame::default() }
    }

    fn side(low: f64, length: f64) -> Option<Side> {
        Some(Side { low, length })
    }

    #[test]
    fn vectors_count_by_the_axis_along_which_they_stand() {
        let straight = [[10.0, 0.0, 0.0], [0.0, 11.0, 0.0], [0.0, 0.0, 12.0]];
        let usual = sides(&frame(straight, [true, false, true])).unwrap();
        assert_eq!(usual.sides, [side(1.0, 10.0), side(2.0, 11.0), side(3.0, 12.0)]);
        assert_eq!(usual.periodic, [true, false, true]);
        // Permuted: pbc goes with the vector.
        let permuted = [[0.0, 11.0, 0.0], [0.0, 0.0, 12.0], [10.0, 0.0, 0.0]];
        assert_eq!(sides(&frame(permuted, [false, true, true])).unwrap(), usual);
        // Left-handed: the cell goes down from its corner.
        let left = [[-10.0, 0.0, 0.0], [0.0, 11.0, 0.0], [0.0, 0.0, 12.0]];
        assert_eq!(sides(&frame(left, [true; 3])).unwrap().sides[0], side(-9.0, 10.0));
        // Rounding beside the axis.
        let rounded = [[10.0, 1e-9, 0.0], [0.0, 11.0, -1e-6], [1e-5, 0.0, 12.0]];
        assert_eq!(sides(&frame(rounded, [true, false, true])).unwrap(), usual);
    }

    #[test]
    fn oblique_and_turned_cells_are_refused_where_they_repeat() {
        let oblique = [[10.0, 0.0, 0.0], [5.0, 8.7, 0.0], [0.0, 0.0, 12.0]];
        let told = sides(&frame(oblique, [true; 3])).unwrap_err();
        assert!(told.starts_with("cell vector b = (5, 8.7, 0) Å stands along none of x, y and z"));
        assert!(told.ends_with("take a larger, orthogonal cell of the same crystal"), "{told}");
        assert_eq!(sides(&frame(oblique, [true, false, true])).unwrap().sides[1], None);
        let turned = [[6.0, 8.0, 0.0], [-8.0, 6.0, 0.0], [0.0, 0.0, 12.0]];
        let told = sides(&frame(turned, [true; 3])).unwrap_err();
        assert!(told.contains("turn cell and atoms"), "{told}");
        let twice = [[6.0, 0.0, 0.0], [8.0, 0.0, 0.0], [0.0, 0.0, 12.0]];
        let told = sides(&frame(twice, [true; 3])).unwrap_err();
        assert_eq!(told, "two cell vectors of the file stand along x");
    }

    #[test]
    fn a_periodic_direction_needs_a_length() {
        let free = [Side { low: -5.0, length: 10.0 }; 3];
        let known = [side(0.0, 20.0), None, side(0.0, 0.5)];
        let cell = boxed(known, [true, false, false], free).unwrap();
        assert_eq!(cell, Cell::new([0.0, -5.0, -5.0], [20.0, 10.0, 10.0], [true, false, false]));
        let told = boxed(known, [true, true, false], free).unwrap_err();
        assert_eq!(told, "periodic along y, but the file gives no cell there");
        let told = boxed(known, [false, false, true], free).unwrap_err();
        assert!(told.starts_with("along z the box is 0.5 Å long from 0.0 Å on: a periodic"));
    }
}
