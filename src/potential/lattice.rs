//! The reference lattices that the files may name, as plain geometry: who the
//! neighbours of an atom are and in which directions.
//!
//! Directions are unit vectors; distances come in units of the nearest-neighbour
//! distance. A second-neighbour shell always consists of atoms of the central
//! atom's own kind (that is what makes the second-neighbour correction of Lee and
//! Baskes, Phys. Rev. B 62 (2000) 8564, possible).

use crate::geometry::Vec3;

/// A structure of one or two elements, as LAMMPS's `pair_style meam` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lattice {
    Fcc,
    Bcc,
    Hcp,
    Dimer,
    Diamond,
    /// Diamond whose second interaction is that of the third neighbours.
    Diamond3,
    /// Rock salt, NaCl
    B1,
    /// MoSi2
    C11,
    /// Cu3Au: three atoms of the first element, one of the second
    L12,
    /// CsCl
    B2,
    /// Methane: one atom of the first element, four of the second
    Methane,
    /// A straight chain
    Line,
    /// A chain with a uniform angle
    Zigzag,
    /// A bent molecule such as H2O: two atoms of the first element, one of the second
    Triatomic,
    SimpleCubic,
}

use Lattice::*;

/// Every lattice with the name it has in the files.
const NAMES: [(&str, Lattice); 15] = [
    ("fcc", Fcc),
    ("bcc", Bcc),
    ("hcp", Hcp),
    ("dim", Dimer),
    ("dia", Diamond),
    ("dia3", Diamond3),
    ("b1", B1),
    ("c11", C11),
    ("l12", L12),
    ("b2", B2),
    ("ch4", Methane),
    ("lin", Line),
    ("zig", Zigzag),
    ("tri", Triatomic),
    ("sc", SimpleCubic),
];

/// The second shell of a reference lattice (for `dia3` the third).
#[derive(Debug, Clone, Copy)]
pub struct SecondShell {
    pub atoms: f64,
    /// Its distance over that of the first shell.
    pub ratio: f64,
    /// C of each first neighbour that screens one of its atoms, and how many do.
    pub screening: f64,
    pub screening_atoms: i32,
}

/// Atoms and bonds of one formula unit of two elements, A and B in this order.
#[derive(Debug, Clone, Copy)]
pub struct Formula {
    pub atoms: [f64; 2],
    /// Bonds A-B of the first shell.
    pub bonds: f64,
    /// Bonds between equal atoms that the reference energy counts: A-A, B-B. In chains
    /// and bent molecules they are those of the second shell.
    pub like_bonds: [f64; 2],
}

impl Lattice {
    /// That of a name in a file.
    pub fn from_name(name: &str) -> Option<Lattice> {
        NAMES.iter().find(|(n, _)| *n == name).map(|(_, lattice)| *lattice)
    }

    /// As files have it.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, lattice)| *lattice == self).map_or("", |(name, _)| name)
    }

    /// Of all that are known, as files have them.
    pub fn all_names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Whether one element alone can have it as its reference.
    pub fn is_elemental(self) -> bool {
        !matches!(self, B1 | C11 | L12 | B2 | Methane)
    }

    /// Number of nearest neighbours; of methane and the bent molecule those of the
    /// atom in the middle.
    pub fn coordination(self) -> usize {
        match self {
            Fcc | Hcp | L12 => 12,
            C11 => 10,
            Bcc | B2 => 8,
            B1 | SimpleCubic => 6,
            Diamond | Diamond3 | Methane => 4,
            Line | Zigzag | Triatomic => 2,
            Dimer => 1,
        }
    }

    /// Nearest-neighbour distance over the lattice constant of the element's entry.
    pub fn distance_over_constant(self) -> f64 {
        match self {
            Fcc => 0.5f64.sqrt(),
            Bcc => 0.75f64.sqrt(),
            Diamond | Diamond3 => 3f64.sqrt() / 4.0,
            _ => 1.0,
        }
    }

    /// The second shell; `theta` is the angle of chains and bent molecules, radians.
    pub fn second_shell(self, theta: f64) -> Option<SecondShell> {
        let bent = 2.0 * libm::sin(0.5 * theta);
        let (atoms, ratio, screening_atoms) = match self {
            Fcc | Hcp | L12 => (6.0, 2f64.sqrt(), 4),
            Bcc | B2 => (6.0, 2.0 / 3f64.sqrt(), 4),
            B1 | SimpleCubic => (12.0, 2f64.sqrt(), 2),
            Diamond => (12.0, (8f64 / 3.0).sqrt(), 1),
            Diamond3 => (12.0, (11f64 / 3.0).sqrt(), 4),
            Line => (2.0, 2.0, 1),
            Zigzag => (2.0, bent, 1),
            Triatomic => (1.0, bent, 2),
            C11 | Dimer | Methane => return None,
        };
        // Screening atoms at unit distance from both ends; those of the third shell of
        // diamond stand at right angles, on the sphere over the bond.
        let screening = if self == Diamond3 { 1.0 } else { 4.0 / (ratio * ratio) - 1.0 };
        Some(SecondShell { atoms, ratio, screening, screening_atoms })
    }

    /// Whether the second shell, in a crystal of two elements, consists of atoms of the
    /// central atom's own kind, and is treated so.
    pub fn has_like_second_shell(self) -> bool {
        matches!(self, B1 | B2 | L12 | Diamond)
    }

    /// What one formula unit of two elements consists of.
    pub fn formula(self) -> Formula {
        let (atoms, bonds, like_bonds) = match self {
            L12 => ([3.0, 1.0], 12.0, [12.0, 0.0]),
            C11 => ([1.0, 2.0], 10.0, [0.0, 5.0]),
            Methane => ([1.0, 4.0], 4.0, [0.0; 2]),
            Triatomic => ([2.0, 1.0], 2.0, [1.0, 0.0]),
            Zigzag => ([1.0, 1.0], 2.0, [1.0, 1.0]),
            _ => ([1.0, 1.0], self.coordination() as f64, [0.0; 2]),
        };
        Formula { atoms, bonds, like_bonds }
    }

    /// Unit vectors to the nearest neighbours of an atom of the first or the second
    /// element. C11 has none here: see `reference`.
    pub fn directions(self, theta: f64, first: bool) -> Vec<Vec3> {
        let (sine, cosine) = (libm::sin(0.5 * theta), libm::cos(0.5 * theta));
        let vectors: Vec<Vec3> = match self {
            Fcc | L12 => cube_edges(),
            Bcc | B2 => cube_corners(),
            Dimer => vec![[1.0, 0.0, 0.0]],
            Methane if !first => vec![[1.0, 0.0, 0.0]],
            Triatomic if first => vec![[1.0, 0.0, 0.0]],
            Diamond | Diamond3 | Methane => {
                vec![[1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
            }
            B1 | SimpleCubic => axes(),
            Hcp => hexagonal_close_packed(),
            C11 => vec![],
            Line => vec![[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]],
            Zigzag | Triatomic => vec![[sine, cosine, 0.0], [-sine, cosine, 0.0]],
        };
        vectors
            .into_iter()
            .map(|v| crate::geometry::scale(v, 1.0 / crate::geometry::norm(v)))
            .collect()
    }
}

fn axes() -> Vec<Vec3> {
    (0..6)
        .map(|n| std::array::from_fn(|d| if d == n / 2 { 1.0 - 2.0 * (n % 2) as f64 } else { 0.0 }))
        .collect()
}

fn cube_corners() -> Vec<Vec3> {
    (0..8).map(|n: usize| std::array::from_fn(|d| 1.0 - 2.0 * (n >> d & 1) as f64)).collect()
}

fn cube_edges() -> Vec<Vec3> {
    let signs = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]];
    signs.iter().flat_map(|&[a, b]| [[a, b, 0.0], [0.0, a, b], [b, 0.0, a]]).collect()
}

/// Six neighbours in the basal plane, three above and three below in the same
/// places (ideal c/a): without a centre of inversion, hence with an l = 3 moment.
fn hexagonal_close_packed() -> Vec<Vec3> {
    let (half, root) = (0.5, 0.75f64.sqrt());
    let (side, height) = (1.0 / 12f64.sqrt(), (2f64 / 3.0).sqrt());
    let mut v = vec![[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]];
    for (x, y) in [(half, root), (half, -root), (-half, root), (-half, -root)] {
        v.push([x, y, 0.0]);
    }
    for z in [height, -height] {
        v.extend([[half, side, z], [-half, side, z], [0.0, -2.0 * side, z]]);
    }
    v
}
