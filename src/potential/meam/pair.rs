//! What the files say of a pair of elements.

use super::functions::Rose;
use crate::potential::lattice::Lattice;

/// Parameters of a pair of elements; symmetric.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    pub lattice: Lattice,
    pub rose: Rose,
    /// Angle of the chains and bent molecules among the reference structures, radians.
    pub theta: f64,
    /// Whether second neighbours of the reference structure count.
    pub second_neighbours: bool,
    /// Whether the repulsion of Ziegler, Biersack and Littmark takes over at short range.
    pub zbl: bool,
}
