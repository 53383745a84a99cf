//! What a particle that is built is: its shape, its lattice, and which element stands where, with the
//! rules for them. As in `config`, each key of a table has its one home.

use super::config::{Config, ParticleConfig};
use super::rules::fractions;
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// Wulff construction from `surface_energy_j_per_m2`.
    #[default]
    Wulff,
    /// All lattice sites inside a sphere.
    Sphere,
    /// Bounded by (100) facets.
    Cube,
    /// Bounded by (111) facets.
    Octahedron,
    /// An octahedron whose corners are cut off so that all edges are alike.
    TruncatedOctahedron,
    /// Between cube and octahedron: (100) and (111) facets that meet in corners.
    Cuboctahedron,
    /// Bounded by four (111) facets.
    Tetrahedron,
    /// A triangle between two (111) facets, `aspect_ratio` times as thick as its edge.
    TriangularPlate,
    /// A cylinder along its 001 axis with round ends, `aspect_ratio` times as long as wide.
    Rod,
    /// Half a sphere on a (001) facet.
    Hemisphere,
    /// Marks's decahedron: five twinned grains about an axis, with (100) facets at its waist and
    /// notches between the grains, of any proportions but needles and stars. Of those within 1 % of the
    /// wanted number of atoms the most even one, about as high as wide.
    Decahedron,
    /// Mackay's icosahedron: twenty twinned grains about a point, six five-fold axes.
    Icosahedron,
}

impl Shape {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Wulff => "wulff",
            Shape::Sphere => "sphere",
            Shape::Cube => "cube",
            Shape::Octahedron => "octahedron",
            Shape::TruncatedOctahedron => "truncated-octahedron",
            Shape::Cuboctahedron => "cuboctahedron",
            Shape::Tetrahedron => "tetrahedron",
            Shape::TriangularPlate => "triangular-plate",
            Shape::Rod => "rod",
            Shape::Hemisphere => "hemisphere",
            Shape::Decahedron => "decahedron",
            Shape::Icosahedron => "icosahedron",
        }
    }

    /// Whether it is grown together of several grains about an axis or a point.
    pub fn is_multiply_twinned(self) -> bool {
        matches!(self, Shape::Decahedron | Shape::Icosahedron)
    }

    /// The facet on which it lies, if it has one.
    pub fn rests_on(self) -> Option<[i32; 3]> {
        match self {
            Shape::Sphere | Shape::Decahedron | Shape::Icosahedron => None,
            Shape::Cube | Shape::Cuboctahedron | Shape::Rod => Some([1, 0, 0]),
            Shape::Hemisphere => Some([0, 0, -1]),
            _ => Some([1, 1, 1]),
        }
    }

    /// Volume over that of the cube of its edge, if it has edges that are all alike; with this part of each
    /// edge cut off at either end.
    pub fn volume_of_edge(self, cut: f64, aspect_ratio: f64) -> Option<f64> {
        let root = 2f64.sqrt();
        Some(match self {
            Shape::Cube => 1.0 - 4.0 / 3.0 * cut * cut * cut,
            Shape::Octahedron => root * (1.0 / 3.0 - cut * cut * cut),
            Shape::TruncatedOctahedron => 8.0 * root,
            Shape::Cuboctahedron => 5.0 * root / 3.0,
            Shape::Tetrahedron => (1.0 - 4.0 * cut * cut * cut) / (6.0 * root),
            Shape::TriangularPlate => 3f64.sqrt() / 4.0 * (1.0 - 3.0 * cut * cut) * aspect_ratio,
            _ => return None,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Lattice {
    /// Face-centred cubic.
    #[default]
    Fcc,
    /// Body-centred cubic.
    Bcc,
    /// Hexagonal close-packed: spheres.
    Hcp,
    /// Cu3Au, an ordered fcc: `sublattices` are the corners of the cell and its faces.
    #[serde(rename = "l1_2")]
    L12,
    /// CuAu, an ordered fcc, tetragonal: `sublattices` are alternate (001) layers.
    #[serde(rename = "l1_0")]
    L10,
}

impl Lattice {
    /// How many kinds of sites an ordered alloy tells apart.
    pub fn sublattices(self) -> usize {
        match self {
            Lattice::L12 | Lattice::L10 => 2,
            _ => 1,
        }
    }

    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            Lattice::Fcc => "fcc",
            Lattice::Bcc => "bcc",
            Lattice::Hcp => "hcp",
            Lattice::L12 => "l1_2",
            Lattice::L10 => "l1_0",
        }
    }

    /// Part of the sites that each sublattice has.
    pub fn shares(self) -> &'static [f64] {
        match self {
            Lattice::L12 => &[0.25, 0.75],
            Lattice::L10 => &[0.5, 0.5],
            _ => &[1.0],
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A twin boundary: beyond it the crystal is turned by 180° about its 111 axis.
    Twin,
    /// An intrinsic stacking fault: beyond it the crystal is moved by a/6 [11-2].
    StackingFault,
}

/// Where which elements are, in place of `composition`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MixtureConfig {
    /// Shells of the particle's own shape, from the core outwards.
    Shells(ShellsConfig),
    /// Slices across a direction, as the two halves of a Janus particle.
    Slices(SlicesConfig),
    /// From one composition in the middle to another at the surface, in proportion to the distance.
    Gradient(GradientConfig),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShellsConfig {
    /// From the core outwards.
    #[schemars(length(min = 2))]
    pub parts: Vec<PartConfig>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlicesConfig {
    /// Direction in the particle's lattice along which the slices follow each other.
    #[serde(default = "along_x")]
    pub direction: [i32; 3],
    /// In their order.
    #[schemars(length(min = 2))]
    pub parts: Vec<PartConfig>,
}

fn along_x() -> [i32; 3] {
    [1, 0, 0]
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PartConfig {
    /// Part of the particle's atoms.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1))]
    pub fraction: f64,
    /// Atom fractions that add up to 1, at random over the part; met exactly (to the nearest atom).
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties" = 1
    ))]
    pub composition: BTreeMap<String, f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GradientConfig {
    /// Atom fractions in the middle.
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties" = 1
    ))]
    pub inside: BTreeMap<String, f64>,
    /// Atom fractions at the surface.
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 1 },
        "minProperties" = 1
    ))]
    pub outside: BTreeMap<String, f64>,
}

impl MixtureConfig {
    /// Compositions with their weights.
    pub fn weighted(&self) -> Vec<(f64, &BTreeMap<String, f64>)> {
        match self {
            MixtureConfig::Shells(ShellsConfig { parts })
            | MixtureConfig::Slices(SlicesConfig { parts, .. }) => {
                parts.iter().map(|part| (part.fraction, &part.composition)).collect()
            }
            // Of a ball the mean distance is three quarters of the radius.
            MixtureConfig::Gradient(gradient) => {
                vec![(0.25, &gradient.inside), (0.75, &gradient.outside)]
            }
        }
    }
}

impl ParticleConfig {
    /// Of all of it together, nearly.
    pub fn mean_composition(&self) -> BTreeMap<String, f64> {
        let shares = self.lattice.shares();
        let weighted = match &self.mixture {
            Some(mixture) => mixture.weighted(),
            None if !self.sublattices.is_empty() => {
                shares.iter().copied().zip(&self.sublattices).collect()
            }
            None => return self.composition.clone(),
        };
        let mut mean = BTreeMap::new();
        for (weight, composition) in weighted {
            for (element, fraction) in composition {
                *mean.entry(element.clone()).or_insert(0.0) += weight * fraction;
            }
        }
        mean
    }
}

/// Adds every breach of the rules of shape, lattice and elements, in the table `key`, to `problems`.
pub fn check(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    shape(config, particle, key, problems);
    elements(config, particle, key, problems);
}

/// The part of each edge of a triangle that is cut off at either end where a hexagon is left; with what
/// the digits of a third leave.
const HEXAGON: f64 = 1.0 / 3.0 + 1e-3;

/// Adds what is allowed in the table `key` but makes another shape of the one that is named.
pub fn warn(particle: &ParticleConfig, key: &str, warnings: &mut Problems) {
    let name = particle.shape.name();
    let becomes = match (particle.shape, particle.truncation) {
        (Shape::Cube | Shape::Octahedron, Some(0.5)) => Some("a cuboctahedron"),
        (Shape::Tetrahedron, Some(0.5)) => Some("an octahedron"),
        _ => None,
    };
    if let Some(other) = becomes {
        let message = format!(
            "of the edges of the `{name}` nothing is left: cut by half at either end it is {other}"
        );
        warnings.at(&format!("{key}.truncation"), message);
    }
    if particle.rounding == Some(1.0) {
        let message = format!("of the `{name}` nothing is left: rounded by 1 it is a sphere");
        warnings.at(&format!("{key}.rounding"), message);
    }
}

fn shape(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    let ParticleConfig { shape, lattice, .. } = *particle;
    let (name, of) = (shape.name(), lattice.name());
    let at = |name: &str| format!("{key}.{name}");
    let cut = matches!(
        shape,
        Shape::Cube | Shape::Octahedron | Shape::Tetrahedron | Shape::TriangularPlate
    );
    if particle.truncation.is_some() && !cut {
        problems.at(
            &at("truncation"),
            format!(
                "`{name}` has no edges to cut off: that have `cube`, `octahedron`, `tetrahedron` and \
                 `triangular-plate`"
            ),
        );
    }
    let polyhedron = !matches!(shape, Shape::Sphere | Shape::Hemisphere | Shape::Rod)
        && !shape.is_multiply_twinned();
    if particle.rounding.is_some() && !polyhedron {
        problems.at(&at("rounding"), format!("`{name}` has no corners to round off"));
    }
    if particle.aspect_ratio.is_some() && !matches!(shape, Shape::Rod | Shape::TriangularPlate) {
        problems.at(
            &at("aspect_ratio"),
            format!("`aspect_ratio` is for `rod` and `triangular-plate`, not for `{name}`"),
        );
    }
    if let (Shape::Rod, Some(ratio)) = (shape, particle.aspect_ratio)
        && ratio <= 1.0
    {
        problems.at(
            &at("aspect_ratio"),
            format!(
                "a rod is longer than wide, and this is its length over its width: {ratio} makes a sphere \
                 (`shape = \"sphere\"`)"
            ),
        );
    }
    if let (Shape::TriangularPlate, Some(cut)) = (shape, particle.truncation)
        && cut > HEXAGON
    {
        problems.at(
            &at("truncation"),
            format!(
                "{cut} at either end leave less of the edges than of what is cut, a triangle the other way \
                 round: from 0 to 1/3, a hexagonal plate, for what is left of the edges"
            ),
        );
    }
    if shape.is_multiply_twinned() {
        if lattice != Lattice::Fcc {
            problems.at(
                &at("lattice"),
                format!("`{name}` is grown together of fcc grains: its lattice is not `{of}`"),
            );
        }
        let others = [
            ("adatoms", particle.adatoms.is_some(), "adatoms are for single crystals"),
            ("defect", particle.defect.is_some(), "it is twinned as it is"),
        ];
        for (name, given, why) in others {
            if given {
                problems.at(&at(name), format!("`{name}` has no meaning for this shape: {why}"));
            }
        }
    }
    if lattice == Lattice::Hcp && shape != Shape::Sphere {
        problems.at(
            &at("shape"),
            format!("of `hcp` there are particles of `shape = \"sphere\"`, not `{name}`"),
        );
    }
    if particle.defect.is_some() && matches!(lattice, Lattice::Bcc | Lattice::Hcp) {
        problems.at(&at("defect"), format!("twins and stacking faults are for fcc, not `{of}`"));
    }
    if particle.lattice_constant_c_angstrom.is_some()
        && !matches!(lattice, Lattice::Hcp | Lattice::L10)
    {
        problems.at(
            &at("lattice_constant_c_angstrom"),
            format!("`{of}` is cubic: it has no c, only `lattice_constant_angstrom`"),
        );
    }
    if shape == Shape::Wulff
        && lattice != Lattice::Fcc
        && particle.surface_energy_j_per_m2.is_none()
    {
        problems.at(
            key,
            format!("a Wulff shape of `{of}` needs `surface_energy_j_per_m2`: only those of fcc are the potential's"),
        );
    }
    for family in particle.surface_energy_j_per_m2.iter().flat_map(|table| table.keys()) {
        let digits = family.len() == 3 && family.bytes().all(|b| b.is_ascii_digit());
        if !digits || family == "000" {
            problems.at(
                &format!("{key}.surface_energy_j_per_m2.{family}"),
                format!(
                    "`{family}` is no family of facets: write three digits, as \"111\" or \"210\""
                ),
            );
        }
    }
    if config.row().is_some_and(|row| row.gap_between == super::config::GapBetween::Planes)
        && (shape.is_multiply_twinned() || lattice == Lattice::Hcp)
    {
        let what = if shape.is_multiply_twinned() { name } else { of };
        problems.at(
            "placement.gap_between",
            format!(
                "facets of `{what}` particles have no indices here: write `gap_between = \"atoms\"`"
            ),
        );
    }
    if particle.above.as_ref().is_some_and(|above| above.facet.is_some())
        && (shape.is_multiply_twinned() || lattice == Lattice::Hcp)
    {
        problems.at(
            &at("above.facet"),
            "facets of such particles have no indices here: leave `facet` out, and it lies on one of its own",
        );
    }
}

fn elements(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    let at = |name: &str| format!("{key}.{name}");
    let given = [
        ("composition", !particle.composition.is_empty()),
        ("mixture", particle.mixture.is_some()),
        ("sublattices", !particle.sublattices.is_empty()),
    ];
    let names: Vec<&str> = given.iter().filter(|g| g.1).map(|g| g.0).collect();
    match names[..] {
        [] => problems.at(
            key,
            "a particle that is built needs `composition` (or `mixture`, or `sublattices`); one from a \
             file `structure`",
        ),
        [_] => {}
        [first, second, ..] => problems.at(
            &at(second),
            format!("`{first}` and `{second}` exclude each other: both say which element is where"),
        ),
    }
    let kinds = particle.lattice.sublattices();
    let (have, name) = (particle.sublattices.len(), particle.lattice.name());
    if kinds == 1 && have > 0 {
        let message = format!("the sites of `{name}` are all alike: write `composition`");
        problems.at(&at("sublattices"), message);
    } else if kinds > 1 && have != kinds {
        problems.at(
            if have > 0 { at("sublattices") } else { at("lattice") }.as_str(),
            format!(
                "`{name}` is an order of {kinds} sublattices: write the composition of each, as \
                 `sublattices = [{{ Fe = 1.0 }}, {{ Pt = 1.0 }}]` (at random over all sites it is `lattice = \"fcc\"`)"
            ),
        );
    }
    if particle.order.is_some() && kinds == 1 {
        problems.at(&at("order"), format!("`{name}` has no sublattices that could be ordered"));
    }
    for (i, sublattice) in particle.sublattices.iter().enumerate() {
        fractions(config, sublattice, &format!("{key}.sublattices[{i}]"), problems);
    }
    match &particle.mixture {
        Some(MixtureConfig::Shells(ShellsConfig { parts })) => {
            self::parts(config, parts, key, problems);
        }
        Some(MixtureConfig::Slices(SlicesConfig { parts, direction })) => {
            self::parts(config, parts, key, problems);
            if *direction == [0; 3] {
                problems.at(&at("mixture.direction"), "[0, 0, 0] is no direction");
            }
        }
        Some(MixtureConfig::Gradient(gradient)) => {
            fractions(config, &gradient.inside, &at("mixture.inside"), problems);
            fractions(config, &gradient.outside, &at("mixture.outside"), problems);
        }
        None => {}
    }
}

/// How far fractions may be from adding up to 1, to allow for thirds in five digits.
const FRACTION_TOLERANCE: f64 = 1e-4;

fn parts(config: &Config, parts: &[PartConfig], key: &str, problems: &mut Problems) {
    let sum: f64 = parts.iter().map(|part| part.fraction).sum();
    if (sum - 1.0).abs() > FRACTION_TOLERANCE {
        let sum = (sum * 1e10).round() / 1e10;
        problems
            .at(&format!("{key}.mixture.parts"), format!("the parts add up to {sum}, not to 1"));
    }
    for (i, part) in parts.iter().enumerate() {
        let key = format!("{key}.mixture.parts[{i}].composition");
        fractions(config, &part.composition, &key, problems);
    }
}
