//! The table `[[particle]]`: what a particle is, built or read. As in `config`, each key has its one home here;
//! what goes with what is in `rules`.

use super::config::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f64::consts::PI;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ParticleConfig {
    /// How many of this kind; each has its own random alloy and adatoms.
    #[serde(default = "one")]
    #[schemars(range(min = 1))]
    pub count: usize,
    /// Instead, the part of all particles of `[placement]` that are of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1))]
    pub fraction: Option<f64>,
    /// Outer shape.
    #[serde(default)]
    pub shape: Shape,
    /// Wanted number of atoms (without adatoms); this, `diameter_nm` or `edge_nm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub atoms: Option<usize>,
    /// Diameter of the sphere of the same volume; this, `atoms` or `edge_nm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub diameter_nm: Option<f64>,
    /// Edge of a `cube`, `octahedron`, `truncated-octahedron`, `cuboctahedron`, `tetrahedron` or
    /// `triangular-plate` (before corners are cut off or rounded), with half a layer of space about
    /// its outermost atoms; this, `atoms` or `diameter_nm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub edge_nm: Option<f64>,
    /// Part of each edge that is cut off at either end, with its corner: of a `cube`, `octahedron`,
    /// `tetrahedron` or `triangular-plate` (this up to 1/3, a hexagonal plate).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 0.5))]
    pub truncation: Option<f64>,
    /// How round a shape of facets is: cut by a sphere about it, 0 just touches its corners, 1 its
    /// nearest facets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub rounding: Option<f64>,
    /// Of a `rod` length over width, above 1, 3 unless given; of a `triangular-plate` thickness over edge, 0.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.05, max = 50))]
    pub aspect_ratio: Option<f64>,
    /// A defect of the stacking across the middle, on (111).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defect: Option<Defect>,
    /// Part of the surface atoms (those that lack neighbours) that is removed at random: roughness. It
    /// comes off the wanted size, but with `size = "exact"` as many atoms are left as are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub surface_removed_fraction: Option<f64>,
    /// Sizes that differ from one particle to the next, in place of the one size of `atoms`,
    /// `diameter_nm` or `edge_nm`. One is drawn from each of as many equally likely intervals as there
    /// are particles: their mean and width are the wanted ones as nearly as the number allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sizes: Option<SizesConfig>,
    /// How `atoms` is met.
    #[serde(default)]
    pub size: Size,
    /// Crystal lattice.
    #[serde(default)]
    pub lattice: Lattice,
    /// Lattice constant a; needed by a particle that is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub lattice_constant_angstrom: Option<f64>,
    /// Lattice constant c of `hcp` and `l1_0`; unless given √(8/3) a and a.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 20))]
    pub lattice_constant_c_angstrom: Option<f64>,
    /// For `wulff`: surface energies by facet family, any of three digits, as `{ "111" = 1.0, "100" = 1.1, "110" = 1.2 }`;
    /// only their ratios matter to the shape; a family left out bears no facet. Unless given, the
    /// potential's own: unrelaxed surfaces of the fcc elements at 0 K, averaged by composition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0.001, "maximum": 1000 },
        "minProperties" = 1
    ))]
    pub surface_energy_j_per_m2: Option<BTreeMap<String, f64>>,
    /// Atom fractions that add up to 1, at random over all sites; met exactly (to the nearest atom).
    /// A particle that is built needs this, `mixture` or `sublattices`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties" = 1
    ))]
    pub composition: BTreeMap<String, f64>,
    /// Where which elements are, if not at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixture: Option<MixtureConfig>,
    /// For `l1_2` and `l1_0`: the composition of each sublattice, as `[{ Fe = 1.0 }, { Pt = 1.0 }]`: the
    /// corners of the cell first, then all faces (`l1_2`) or the sides (`l1_0`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("items" = {
        "type": "object",
        "additionalProperties": { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties": 1
    }))]
    pub sublattices: Vec<BTreeMap<String, f64>>,
    /// Long-range order parameter: 1 (unless given) is as `sublattices` say, 0 at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub order: Option<f64>,
    /// Adatoms on one facet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adatoms: Option<AdatomConfig>,
    /// Read from a file instead of built, as one rigid particle: the keys of its shape and make
    /// have no meaning then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureConfig>,
    /// Which particle of that file, counted from 0, where it holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub particle_of_file: Option<usize>,
    /// Turns the particle before it is placed: Euler angles about z, x', z''.
    #[serde(default)]
    pub euler_angles_deg: [f64; 3],
    /// How it is turned at random, after `euler_angles_deg` have turned it.
    #[serde(default)]
    pub orientation: Orientation,
    /// Turns it at last by this angle about an axis that is drawn at random.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 180))]
    pub misorientation_deg: Option<f64>,
    /// Centre (of a particle from a file: the middle between its outermost atoms), where
    /// `placement` or `above` does not decide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "join"))]
    pub centre_angstrom: Option<[f64; 3]>,
    /// Stands it above the surface of `crystal`, or of `structure` with one free direction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<AboveConfig>,
}

fn one() -> usize {
    1
}

impl ParticleConfig {
    /// Å; of a particle that is built.
    pub fn lattice_constant(&self) -> f64 {
        self.lattice_constant_angstrom.unwrap_or_default()
    }

    /// The wanted number of atoms, adatoms not counted (of sizes that differ a typical one); none of
    /// a particle that is read.
    pub fn wanted_atoms(&self) -> f64 {
        let sizes = self.sizes.as_ref();
        let typical = sizes.and_then(|sizes| Some((sizes.of(), sizes.typical()?)));
        match (self.atoms, typical, self.edge_nm, self.diameter_nm) {
            _ if self.structure.is_some() => 0.0,
            (Some(atoms), ..) => atoms as f64,
            (None, Some((of, size)), ..) => self.atoms_of(of, size),
            (None, None, Some(edge), _) => self.atoms_of(SizeOf::Edge, edge),
            (.., diameter) => self.atoms_of(SizeOf::Diameter, diameter.unwrap_or(0.0)),
        }
    }

    /// How many atoms a size in nm stands for.
    pub fn atoms_of(&self, of: SizeOf, size_nm: f64) -> f64 {
        let volume = match of {
            SizeOf::Edge => self.volume_of_edge() * (10.0 * size_nm).powi(3),
            SizeOf::Diameter => PI / 6.0 * (10.0 * size_nm).powi(3),
        };
        (volume / self.atomic_volume()).round()
    }

    /// Å³; of a particle that is built.
    pub fn atomic_volume(&self) -> f64 {
        let a = self.lattice_constant();
        match self.lattice {
            Lattice::Fcc | Lattice::L12 => a * a * a / 4.0,
            Lattice::Bcc => a * a * a / 2.0,
            Lattice::L10 => a * a * self.lattice_constant_c() / 4.0,
            Lattice::Hcp => 3f64.sqrt() / 4.0 * a * a * self.lattice_constant_c(),
        }
    }

    /// Å; of a particle that is built.
    pub fn lattice_constant_c(&self) -> f64 {
        let ideal = if self.lattice == Lattice::Hcp { (8.0f64 / 3.0).sqrt() } else { 1.0 };
        self.lattice_constant_c_angstrom.unwrap_or(ideal * self.lattice_constant())
    }

    /// Volume over that of the cube of its edge, before corners are rounded.
    pub fn volume_of_edge(&self) -> f64 {
        let cut = self.truncation.unwrap_or(0.0);
        self.shape.volume_of_edge(cut, self.aspect_ratio()).unwrap_or(1.0)
    }

    /// As given, or the usual one of the shape.
    pub fn aspect_ratio(&self) -> f64 {
        self.aspect_ratio.unwrap_or(if self.shape == Shape::Rod { 3.0 } else { 0.3 })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Orientation {
    /// Not: as `above`, `[placement]` and `euler_angles_deg` turn it.
    #[default]
    Given,
    /// By any angle about z, the facet on a support staying down.
    Spin,
    /// Any orientation is equally likely.
    Random,
}

/// The facet families that a Wulff shape may show.
pub const SURFACES: [&str; 3] = ["111", "100", "110"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    /// The complete shape whose number of atoms is nearest.
    #[default]
    Nearest,
    /// Just as many atoms as wanted, with adatoms on top.
    Exact,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdatomConfig {
    /// Facet that bears the monolayer: Miller indices in the particle's lattice.
    #[serde(default)]
    pub facet: Facet,
    /// Fraction of the monolayer that is removed at random.
    #[schemars(range(min = 0, max = 1))]
    pub removed_fraction: f64,
}

/// A facet by its Miller indices, or the one that faces the other particle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    /// The facet towards the other particle.
    #[default]
    Facing,
    #[serde(untagged)]
    Miller([i32; 3]),
}
