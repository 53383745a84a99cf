//! The table `[crystal]`, bulk or slab, and how a particle stands above its surface,
//! with the rules for both. As in `config`, each key has its one home here. What takes
//! lattice vectors to judge (right angles, lengths of the box) is judged where
//! the crystal is built.

use super::config::{Boundary, Config, GapBetween, ParticleConfig, PlacementConfig};
use super::read_particle::refuse_planes;
use super::rules::{family, fractions};
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CrystalConfig {
    /// Crystal structure.
    #[serde(default)]
    pub lattice: CrystalLattice,
    /// Lattice constant a.
    #[schemars(range(min = 2, max = 10))]
    pub lattice_constant_angstrom: f64,
    /// Lattice constant c of `hcp` and `l1_0`; unless given √(8/3) a and a.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 20))]
    pub lattice_constant_c_angstrom: Option<f64>,
    /// Lattice direction along the box's x axis, as `[1, -1, 0]`, for `hcp` also with four
    /// indices, as `[1, 1, -2, 0]`. The three are at right angles; those left out are
    /// found (short ones), all of them are `[1, 0, 0]`, `[0, 1, 0]`, `[0, 0, 1]` (`hcp`:
    /// `[2, -1, -1, 0]`, `[0, 1, -1, 0]`, `[0, 0, 0, 1]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 4))]
    pub x: Option<Vec<i32>>,
    /// Lattice direction along the box's y axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 4))]
    pub y: Option<Vec<i32>>,
    /// Lattice direction along the box's z axis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 4))]
    pub z: Option<Vec<i32>>,
    /// Periods of the lattice along x, y and z; with `layers` or `thickness_angstrom` only
    /// along the two axes in the surface. The size is this, `lengths_angstrom` or `atoms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 3), inner(range(min = 1, max = 100_000)))]
    pub repeats: Option<Vec<u32>>,
    /// Wanted lengths instead: the nearest whole numbers of periods are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 3), inner(range(min = 1, max = 30_000)))]
    pub lengths_angstrom: Option<Vec<f64>>,
    /// Wanted number of atoms instead: sides as equal as whole periods can be that come
    /// near to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub atoms: Option<usize>,
    /// A slab: the axis across its surfaces, along which the box is free (or has
    /// `vacuum_angstrom`). The upper surface lies at 0 on it, the slab below. Without it bulk,
    /// periodic in all directions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub surface: Option<Axis>,
    /// Thickness of a slab in atomic layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub layers: Option<u32>,
    /// Wanted thickness instead, from the lowest layer to the uppermost: the nearest number of layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 30_000))]
    pub thickness_angstrom: Option<f64>,
    /// Which layer of the period is the lowest of the slab, counted from 0: the termination,
    /// where layers differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_layer: Option<u32>,
    /// Vacuum between a slab and its image, where `[box] boundary` is periodic across the surface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 30_000))]
    pub vacuum_angstrom: Option<f64>,
    /// Atom fractions that add up to 1, at random over all sites; met exactly (to the nearest atom).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties" = 1
    ))]
    pub composition: BTreeMap<String, f64>,
    /// For `b2`, `l1_0` and `l1_2` instead, the composition of each sublattice, as
    /// `[{ Fe = 1.0 }, { Pt = 1.0 }]`: the corners of the cell first, then the centre (`b2`), the
    /// sides (`l1_0`) or all faces (`l1_2`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("items" = {
        "type": "object",
        "additionalProperties": { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties": 1
    }))]
    pub sublattices: Vec<BTreeMap<String, f64>>,
    /// Adatoms on the upper surface of a slab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adatoms: Option<SurfaceAdatoms>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CrystalLattice {
    /// Simple cubic.
    Sc,
    /// Body-centred cubic.
    Bcc,
    /// Face-centred cubic.
    #[default]
    Fcc,
    /// Diamond.
    Diamond,
    /// Hexagonal close-packed.
    Hcp,
    /// CsCl, an ordered bcc.
    B2,
    /// CuAu, an ordered fcc of alternate (001) layers, tetragonal.
    #[serde(rename = "l1_0")]
    L10,
    /// Cu3Au, an ordered fcc.
    #[serde(rename = "l1_2")]
    L12,
}

impl CrystalLattice {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            CrystalLattice::Sc => "sc",
            CrystalLattice::Bcc => "bcc",
            CrystalLattice::Fcc => "fcc",
            CrystalLattice::Diamond => "diamond",
            CrystalLattice::Hcp => "hcp",
            CrystalLattice::B2 => "b2",
            CrystalLattice::L10 => "l1_0",
            CrystalLattice::L12 => "l1_2",
        }
    }

    /// How many kinds of sites an ordered alloy tells apart.
    pub fn sublattices(self) -> usize {
        match self {
            CrystalLattice::B2 | CrystalLattice::L10 | CrystalLattice::L12 => 2,
            _ => 1,
        }
    }

    /// Whether c is a length of its own.
    fn has_c(self) -> bool {
        matches!(self, CrystalLattice::Hcp | CrystalLattice::L10)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SurfaceAdatoms {
    /// Fraction of the next full layer of the crystal that is removed at random.
    #[schemars(range(min = 0, max = 1))]
    pub removed_fraction: f64,
}

/// An axis of the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Axis {
    /// Along x.
    X,
    /// Along y.
    Y,
    /// Along z.
    Z,
}

impl Axis {
    pub const ALL: [Axis; 3] = [Axis::X, Axis::Y, Axis::Z];

    /// 0, 1, 2
    pub fn index(self) -> usize {
        self as usize
    }

    /// As in the input.
    pub fn name(self) -> &'static str {
        ["x", "y", "z"][self.index()]
    }
}

/// A particle above the surface of `[crystal]` or of `[structure]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AboveConfig {
    /// The gap between the particle and the surface.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub gap_angstrom: f64,
    /// Between what it is measured; unless given `planes` where a `facet` lies on the surface and `atoms`
    /// where there is none, or the particle is turned away from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap_between: Option<GapBetween>,
    /// Facet of a built particle that is turned down to the surface, Miller indices; without it
    /// the particle stands as `euler_angles_deg` or `[placement]` turns it. (With it, these angles
    /// turn it on: about an axis z across the surface, the first or the last alone spins it.)
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facet: Option<[i32; 3]>,
    /// Where its centre stands along the other two axes, in their order; in the middle of the box
    /// unless given. With `[placement]` the row stands in the middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_angstrom: Option<[f64; 2]>,
}

/// Fills in the boundaries that follow from the crystal.
pub fn complete(config: &mut Config) {
    if let Some(crystal) = &config.crystal
        && !config.source.has("box.boundary")
    {
        let mut boundary = [Boundary::Periodic; 3];
        if let (Some(axis), None) = (crystal.surface, crystal.vacuum_angstrom) {
            boundary[axis.index()] = Boundary::Free;
        }
        config.cell.boundary = Some(boundary);
    }
}

/// Adds every breach of the rules of `[crystal]` to `problems`.
pub fn check(config: &Config, crystal: &CrystalConfig, problems: &mut Problems) {
    if config.structure.is_some() {
        problems.at(
            "crystal",
            "`[crystal]` and `[structure]` exclude each other: the box has either a crystal that is \
             built or atoms that are read",
        );
    }
    if crystal.surface.is_none() && !config.particles.is_empty() {
        problems.at(
            "crystal",
            "this crystal is bulk and leaves no room for particles: for a slab to stand above write \
             `surface = \"z\"`",
        );
    }
    size(crystal, problems);
    slab(config, crystal, problems);
    directions(crystal, problems);
    sites(config, crystal, problems);
    if crystal.lattice_constant_c_angstrom.is_some() && !crystal.lattice.has_c() {
        let name = crystal.lattice.name();
        problems.at(
            "crystal.lattice_constant_c_angstrom",
            format!("`{name}` is cubic: it has no c, only `lattice_constant_angstrom`"),
        );
    }
}

fn size(crystal: &CrystalConfig, problems: &mut Problems) {
    let given = [
        ("repeats", crystal.repeats.is_some()),
        ("lengths_angstrom", crystal.lengths_angstrom.is_some()),
        ("atoms", crystal.atoms.is_some()),
    ];
    let names: Vec<&str> = given.iter().filter(|g| g.1).map(|g| g.0).collect();
    match names[..] {
        [] => problems.at(
            "crystal",
            "the size of the crystal is missing: write `repeats`, `lengths_angstrom` or `atoms`",
        ),
        [_] => {}
        [first, second, ..] => problems.at(
            &format!("crystal.{second}"),
            format!(
                "`{first}` and `{second}` exclude each other: both are the size of the crystal"
            ),
        ),
    }
    let third = crystal.layers.is_some() || crystal.thickness_angstrom.is_some();
    let lengths = [
        ("repeats", crystal.repeats.as_ref().map(Vec::len)),
        ("lengths_angstrom", crystal.lengths_angstrom.as_ref().map(Vec::len)),
    ];
    for (name, length) in lengths {
        let message = match (length, third) {
            (Some(3), true) => format!(
                "`layers` or `thickness_angstrom` says how thick the slab is: `{name}` has only \
                 the two numbers along its surface"
            ),
            (Some(2), false) => format!(
                "`{name}` has two numbers where x, y and z need three (a slab with `layers` or \
                 `thickness_angstrom` needs two)"
            ),
            _ => continue,
        };
        problems.at(&format!("crystal.{name}"), message);
    }
    if crystal.atoms.is_some() && crystal.surface.is_some() && !third {
        problems.at(
            "crystal.atoms",
            "a slab of so many atoms needs its thickness as well: write `layers` or \
             `thickness_angstrom`",
        );
    }
    if crystal.layers.is_some() && crystal.thickness_angstrom.is_some() {
        problems.at(
            "crystal.thickness_angstrom",
            "`layers` and `thickness_angstrom` exclude each other: both are the thickness of the slab",
        );
    }
}

/// What belongs to a surface, and the boundaries.
fn slab(config: &Config, crystal: &CrystalConfig, problems: &mut Problems) {
    let of_slab = [
        ("layers", crystal.layers.is_some()),
        ("thickness_angstrom", crystal.thickness_angstrom.is_some()),
        ("first_layer", crystal.first_layer.is_some()),
        ("vacuum_angstrom", crystal.vacuum_angstrom.is_some()),
        ("adatoms", crystal.adatoms.is_some()),
    ];
    let surface = crystal.surface.map(Axis::index);
    for (name, _) in of_slab.iter().filter(|(_, given)| *given && surface.is_none()) {
        problems.at(
            &format!("crystal.{name}"),
            format!(
                "`{name}` is for a slab: write `surface` as well, the axis across its surfaces, as \
                 `surface = \"z\"`"
            ),
        );
    }
    for (d, axis) in Axis::ALL.into_iter().enumerate() {
        let periodic = config.cell.periodic()[d];
        let key = format!("box.boundary[{d}]");
        let name = axis.name();
        match (surface == Some(d), periodic, crystal.vacuum_angstrom) {
            (false, false, _) => problems.at(
                &key,
                format!(
                    "the crystal repeats along {name}, and `boundary` is \"free\" there: for a slab \
                     with its surfaces across {name} write `surface = \"{name}\"` in `[crystal]`, \
                     or leave `boundary` out"
                ),
            ),
            (true, true, None) => problems.at(
                &key,
                format!(
                    "the slab has its surfaces across {name}, and `boundary` is \"periodic\" there: \
                     write `vacuum_angstrom` in `[crystal]`, or \"free\""
                ),
            ),
            (true, false, Some(vacuum)) => problems.at(
                "crystal.vacuum_angstrom",
                format!(
                    "`boundary` is \"free\" along {name}, which is vacuum without an end, and not \
                     {vacuum} Å: leave one of the two out"
                ),
            ),
            _ => {}
        }
    }
}

fn directions(crystal: &CrystalConfig, problems: &mut Problems) {
    for (name, indices) in [("x", &crystal.x), ("y", &crystal.y), ("z", &crystal.z)] {
        let Some(indices) = indices else { continue };
        let key = format!("crystal.{name}");
        let hcp = crystal.lattice == CrystalLattice::Hcp;
        if indices.iter().all(|&index| index == 0) {
            problems.at(&key, format!("{indices:?} is no direction"));
        } else if let Some(large) = indices.iter().find(|index| index.unsigned_abs() > MOST_INDEX) {
            problems.at(&key, format!("the index {large} is larger than {MOST_INDEX}"));
        } else if let [u, v, t, _] = indices[..] {
            if !hcp {
                problems.at(&key, "four indices are for `hcp`: elsewhere a direction has three");
            } else if u + v + t != 0 {
                problems.at(
                    &key,
                    format!("of four indices the first three add up to 0, not to {}", u + v + t),
                );
            }
        }
    }
}

/// Larger indices make periods that no box holds.
const MOST_INDEX: u32 = 50;

fn sites(config: &Config, crystal: &CrystalConfig, problems: &mut Problems) {
    let (lattice, name) = (crystal.lattice, crystal.lattice.name());
    let kinds = lattice.sublattices();
    let composition = !crystal.composition.is_empty();
    if composition && !crystal.sublattices.is_empty() {
        problems.at(
            "crystal.sublattices",
            "`composition` (at random) and `sublattices` (ordered) exclude each other",
        );
    } else if kinds == 1 && !crystal.sublattices.is_empty() {
        problems.at(
            "crystal.sublattices",
            format!("the sites of `{name}` are all alike: write `composition`"),
        );
    } else if kinds > 1 && crystal.sublattices.len() != kinds {
        let random = if lattice == CrystalLattice::B2 { "bcc" } else { "fcc" };
        problems.at(
            if composition { "crystal.composition" } else { "crystal.sublattices" },
            format!(
                "`{name}` is an order of {kinds} sublattices: write the composition of each, as \
                 `sublattices = [{{ Fe = 1.0 }}, {{ Pt = 1.0 }}]` (at random over all sites it is \
                 `lattice = \"{random}\"`)"
            ),
        );
    } else if kinds == 1 && !composition {
        problems.at("crystal", "what the crystal is made of is missing: write `composition`");
    }
    if composition {
        fractions(config, &crystal.composition, "crystal.composition", problems);
    }
    for (i, sublattice) in crystal.sublattices.iter().enumerate() {
        fractions(config, sublattice, &format!("crystal.sublattices[{i}]"), problems);
    }
}

/// Adds every breach of the rules of `above`, at `key` in a particle's table, to `problems`.
pub fn check_above(
    config: &Config,
    particle: &ParticleConfig,
    above: &AboveConfig,
    key: &str,
    problems: &mut Problems,
) {
    let free = config.cell.periodic().iter().filter(|periodic| !**periodic).count();
    let plane = config.placement.as_ref().is_some_and(PlacementConfig::is_flat);
    let nothing = config.crystal.is_none() && config.structure.is_none();
    if nothing && !plane {
        problems.at(
            key,
            "above what? `above` needs a `[crystal]` with a `surface`, a `[structure]`, or a `[placement]` \
             of the kind `support` or `raft`",
        );
    } else if config.structure.is_some() && config.source.has("box.boundary") && free != 1 {
        problems.at(
            key,
            "a surface lies across the one direction in which `[box] boundary` is \"free\"",
        );
    }
    let at = |name: &str| format!("{key}.{name}");
    if config.row().is_some() {
        for (name, given) in
            [("facet", above.facet.is_some()), ("at_angstrom", above.at_angstrom.is_some())]
        {
            if given {
                problems.at(
                    &at(name),
                    format!("`[placement]` decides that: leave `{name}` out, or `[placement]`"),
                );
            }
        }
    }
    match (particle.structure.is_some(), above.facet) {
        (true, Some(_)) => problems.at(
            &at("facet"),
            "a particle that is read does not tell its facets: turn it with `euler_angles_deg`",
        ),
        (true, None) => refuse_planes(
            above.gap_between.unwrap_or(GapBetween::Atoms),
            "this particle",
            &at("gap_between"),
            problems,
        ),
        (false, Some(facet)) => family(facet, &at("facet"), problems),
        (false, None) if above.gap_between == Some(GapBetween::Planes) => problems.at(
            &at("gap_between"),
            "between which planes? Write `facet`, the one that lies on the surface",
        ),
        _ => {}
    }
}
