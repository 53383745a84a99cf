//! The table `[placement]`: where particles stand that do not say it themselves, each in
//! one of several ways, with the rules for them. As in `config`, each key has its one home here.

use super::config::{Config, GapBetween, Orientation, ParticleConfig};
use super::crystal::Axis;
use super::read_particle::refuse_planes;
use super::rules::family;
use super::source::Problems;
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::PathBuf;

/// In Å: gaps are between the convex hulls of particles, through the middles of their outermost
/// atoms, so that no two atoms of different particles are nearer than that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", remote = "Self")]
#[schemars(extend("x-kind" = "row"))]
pub enum PlacementConfig {
    /// In a row along x in the order of the input, each facing the next across the same gap: the pair
    /// of two, a straight chain of more.
    Row(RowConfig),
    /// On a flat support across z, at random: one after the other where there is room (random
    /// sequential addition), the largest first.
    Support(SupportConfig),
    /// In a box, at random and then compressed to the wanted packing.
    Box(PackingConfig),
    /// One after the other at the gap, straight or winding.
    Chain(ChainConfig),
    /// In a ring across z that the gap just closes.
    Ring(RingConfig),
    /// A hexagonal array across z from the middle outwards, as close as the gap allows.
    Raft(RaftConfig),
    /// A fractal aggregate: each particle added at the gap to one that is there, at the distance from
    /// the centre that the dimension asks for (tunable sequential aggregation; A. V. Filippov, M.
    /// Zurita and D. E. Rosner, J. Colloid Interface Sci. 229 (2000) 261).
    Aggregate(AggregateConfig),
    /// At the positions that a file lists.
    File(PositionsConfig),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowConfig {
    /// What faces the other particle, family of Miller indices: of a cube `[1, 0, 0]` is a facet,
    /// `[1, 1, 0]` an edge and `[1, 1, 1]` a corner. (Of every particle that is built; one from a file
    /// faces the others as `euler_angles_deg` turns it.)
    #[serde(default = "default_facing")]
    pub facing: [i32; 3],
    /// The gap across which they face each other.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// Between what the gap is measured.
    #[serde(default)]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_between: GapBetween,
    /// Turns the second particle about the line of centres (the third twice as far, and so on).
    #[serde(default)]
    pub twist_deg: f64,
    /// Tilts the second particle about an axis across the line of centres (z; the third twice as
    /// far, and so on).
    #[serde(default)]
    pub tilt_deg: f64,
}

fn default_facing() -> [i32; 3] {
    [1, 0, 0]
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SupportConfig {
    /// Smallest gap between particles.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// How many particles, where the `[[particle]]`s give a `fraction` each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub particles: Option<usize>,
    /// Part of the support that the particles cover, seen from above: the shadows of their convex hulls
    /// through the middles of their outermost atoms. Two of number, coverage (or `density_per_um2`)
    /// and area are given; the third follows, to within one particle. At random no more than about
    /// 0.5 can be covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 0.9))]
    #[schemars(extend("x-fixed" = "join"))]
    pub coverage: Option<f64>,
    /// Particles per square micrometre, instead of `coverage`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub density_per_um2: Option<f64>,
    /// The area within which the centres of the particles lie, along x and y. Not where a
    /// `[crystal]`, a `[structure]` or a periodic `[box]` gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(inner(range(min = 10, max = 30_000)))]
    #[schemars(extend("x-fixed" = "join"))]
    pub lengths_angstrom: Option<[f64; 2]>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PackingConfig {
    /// Part of the box that the particles fill: 0.3 is loose, spheres reach about 0.6 at random.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 0.9))]
    #[schemars(extend("x-fixed" = "join"))]
    pub packing_fraction: f64,
    /// Smallest gap between particles.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// How many particles, where the `[[particle]]`s give a `fraction` each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub particles: Option<usize>,
    /// Lengths of the box along x, y and z in proportion to each other; how long they are follows
    /// from the particles and `packing_fraction`. Of a periodic `[box]` they are the periods.
    #[serde(default = "cubic")]
    #[schemars(inner(range(min = 0.05, max = 20)))]
    #[schemars(extend("x-fixed" = "join"))]
    pub proportions: [f64; 3],
}

fn cubic() -> [f64; 3] {
    [1.0; 3]
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    /// The gap between one particle and the next.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// How far a link may turn away from the one before, at random; 0 is straight, along x.
    #[serde(default)]
    #[schemars(range(min = 0, max = 120))]
    #[schemars(extend("x-fixed" = "join"))]
    pub bend_deg: f64,
    /// How many particles, where the `[[particle]]`s give a `fraction` each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub particles: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RingConfig {
    /// The gap between one particle and the next.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// How many particles, where the `[[particle]]`s give a `fraction` each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 3))]
    pub particles: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RaftConfig {
    /// Smallest gap between particles: that of the two nearest of the array.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// How many particles, where the `[[particle]]`s give a `fraction` each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub particles: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AggregateConfig {
    /// The gap between a particle and that which it was added to, the smallest of all.
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
    /// Fractal dimension D in N = k (R/a)^D, with N particles of radius a in a radius of gyration R:
    /// 1.8 for aggregates that grew by diffusion, 3 for compact ones. For a count the mean over the
    /// particles of half the gap and the radius of a disc as large as their shadow (of the hull
    /// through the middles of their outermost atoms), for R the masses and the extent of each.
    #[schemars(range(min = 1, max = 3))]
    #[schemars(extend("x-fixed" = "join"))]
    pub dimension: f64,
    /// k of that law. A straight chain has D = 1 with k of about 1.7, and no aggregate is longer.
    #[serde(default = "default_prefactor")]
    #[schemars(range(min = 0.3, max = 5))]
    #[schemars(extend("x-fixed" = "join"))]
    pub prefactor: f64,
    /// How many particles, where the `[[particle]]`s give a `fraction` each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub particles: Option<usize>,
}

fn default_prefactor() -> f64 {
    1.3
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionsConfig {
    /// Text with a line for each particle, in the order of the input: x, y and z of its centre in Å,
    /// between blanks or commas; lines that begin with `#` say nothing. Relative to the input file.
    #[schemars(extend("x-fixed" = "join"))]
    pub file: PathBuf,
    /// Smallest gap between particles, below which the positions are refused.
    #[serde(default = "no_overlap")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "join"))]
    pub gap_angstrom: f64,
}

fn no_overlap() -> f64 {
    1.5
}

/// A table without `kind` is a row, as all were once.
impl<'de> Deserialize<'de> for PlacementConfig {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<PlacementConfig, D::Error> {
        let mut table = serde_json::Map::deserialize(from)?;
        table.entry("kind").or_insert("row".into());
        PlacementConfig::deserialize(serde_json::Value::Object(table)).map_err(D::Error::custom)
    }
}

impl Serialize for PlacementConfig {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        PlacementConfig::serialize(self, to)
    }
}

impl PlacementConfig {
    /// As in the input.
    pub fn name(&self) -> &'static str {
        match self {
            PlacementConfig::Row(_) => "row",
            PlacementConfig::Support(_) => "support",
            PlacementConfig::Box(_) => "box",
            PlacementConfig::Chain(_) => "chain",
            PlacementConfig::Ring(_) => "ring",
            PlacementConfig::Raft(_) => "raft",
            PlacementConfig::Aggregate(_) => "aggregate",
            PlacementConfig::File(_) => "file",
        }
    }

    /// How many particles it wants in all, if it says so.
    pub fn particles(&self) -> Option<usize> {
        match self {
            PlacementConfig::Row(_) | PlacementConfig::File(_) => None,
            PlacementConfig::Support(support) => support.particles,
            PlacementConfig::Box(packing) => packing.particles,
            PlacementConfig::Chain(chain) => chain.particles,
            PlacementConfig::Ring(ring) => ring.particles,
            PlacementConfig::Raft(raft) => raft.particles,
            PlacementConfig::Aggregate(aggregate) => aggregate.particles,
        }
    }

    /// The smallest gap, Å.
    pub fn gap(&self) -> f64 {
        match self {
            PlacementConfig::Row(row) => row.gap_angstrom,
            PlacementConfig::Support(support) => support.gap_angstrom,
            PlacementConfig::Box(packing) => packing.gap_angstrom,
            PlacementConfig::Chain(chain) => chain.gap_angstrom,
            PlacementConfig::Ring(ring) => ring.gap_angstrom,
            PlacementConfig::Raft(raft) => raft.gap_angstrom,
            PlacementConfig::Aggregate(aggregate) => aggregate.gap_angstrom,
            PlacementConfig::File(positions) => positions.gap_angstrom,
        }
    }

    /// The key, with `placement.` before it, by which the particles stand as far apart as they do.
    pub fn room_key(&self) -> String {
        let key = match self {
            PlacementConfig::Support(support) => support.density_key(),
            PlacementConfig::Box(_) => "packing_fraction",
            PlacementConfig::File(_) => "file",
            _ => "gap_angstrom",
        };
        format!("placement.{key}")
    }

    /// Whether the particles stand on a plane across z: a surface, or one without atoms.
    pub fn is_flat(&self) -> bool {
        matches!(self, PlacementConfig::Support(_) | PlacementConfig::Raft(_))
    }
}

/// Adds every breach of the rules of `[placement]` to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    numbers(config, problems);
    let Some(placement) = &config.placement else { return };
    if config.particles.is_empty() {
        let message = "`[placement]` is for particles (`[[particle]]`): there are none";
        return problems.at("placement", message);
    }
    match placement {
        PlacementConfig::Row(row) => self::row(config, row, problems),
        PlacementConfig::Support(support) => self::support(config, support, problems),
        _ => {}
    }
    if !matches!(placement, PlacementConfig::Row(_)) {
        surroundings(config, placement, problems);
    }
}

/// How many particles of each table there are.
fn numbers(config: &Config, problems: &mut Problems) {
    let fractions: Vec<f64> = config.particles.iter().filter_map(|p| p.fraction).collect();
    let kind = config.placement.as_ref().map(PlacementConfig::name);
    for (i, particle) in config.particles.iter().enumerate() {
        let at = |name: &str| format!("particle[{i}].{name}");
        let Some(fraction) = particle.fraction else {
            if !fractions.is_empty() {
                problems.at(
                    &format!("particle[{i}]"),
                    "other `[[particle]]`s give the `fraction` that they are of all: give that of \
                     this one too, or the `count` of each",
                );
            }
            continue;
        };
        if config.source.has(&at("count")) {
            problems.at(&at("count"), "`fraction` and `count` exclude each other");
        }
        if matches!(kind, None | Some("row" | "file")) {
            problems.at(
                &at("fraction"),
                format!(
                    "{fraction} of how many? `fraction` is for a `[placement]` of the kinds `support`, \
                     `box`, `chain`, `ring`, `raft` and `aggregate`, with its number of `particles`; \
                     elsewhere write `count`"
                ),
            );
        }
    }
    let sum: f64 = fractions.iter().sum();
    if !fractions.is_empty() && (sum - 1.0).abs() > FRACTION_TOLERANCE {
        let message = format!("the fractions add up to {}, not to 1", (sum * 1e10).round() / 1e10);
        problems.at("particle[0].fraction", message);
    }
    let Some(placement) = &config.placement else { return };
    let follows = matches!(placement, PlacementConfig::Support(s) if s.has_density());
    match (placement.particles(), fractions.is_empty()) {
        (Some(_), true) => problems.at(
            "placement.particles",
            "every `[[particle]]` gives its `count`, which makes their number: leave `particles` out, \
             or give a `fraction` in each",
        ),
        (None, false) if !follows && !matches!(kind, Some("row" | "file")) => problems.at(
            "placement",
            "how many particles are there in all? The `[[particle]]`s give the `fraction` of each: \
             write `particles`",
        ),
        _ => {}
    }
}

/// How far fractions may be from adding up to 1, to allow for thirds in five digits.
const FRACTION_TOLERANCE: f64 = 1e-4;

fn row(config: &Config, row: &RowConfig, problems: &mut Problems) {
    family(row.facing, "placement.facing", problems);
    if config.particle_count() < 2 {
        problems.at("placement", "`[placement]` is for two particles or more, but there is one");
    }
    let read = |particle: &ParticleConfig| particle.structure.is_some();
    let turned =
        |p: &ParticleConfig| p.orientation != Orientation::Given || p.misorientation_deg.is_some();
    if let Some(i) = config.particles.iter().position(turned)
        && row.gap_between == GapBetween::Planes
    {
        problems.at(
            &format!("particle[{i}]"),
            "turned at random, its facets do not lie across the gap: write `gap_between = \"atoms\"` in \
             `[placement]`",
        );
    }
    if config.particles.iter().any(read) {
        let key = "placement.gap_between";
        refuse_planes(row.gap_between, "a particle of this row", key, problems);
        if config.particles.iter().all(read) && config.source.has("placement.facing") {
            problems.at(
                "placement.facing",
                "particles that are read do not tell their facets: turn them with `euler_angles_deg`",
            );
        }
    }
    let support = config.crystal.is_some() || config.structure.is_some();
    if support && config.crystal.as_ref().is_some_and(|c| c.surface == Some(Axis::X)) {
        problems.at(
            "placement",
            "particles face each other along x, and the surface of the crystal lies across x: write \
             `surface = \"z\"`",
        );
    } else if support && config.particles.iter().any(|particle| particle.above.is_none()) {
        problems.at(
            "placement",
            "the row stands in the middle of the box, where there are other atoms: write `above` in \
             each `[[particle]]`, as `above = { gap_angstrom = 2.5 }`",
        );
    }
}

impl SupportConfig {
    /// Whether it says how densely the particles stand.
    pub fn has_density(&self) -> bool {
        self.coverage.is_some() || self.density_per_um2.is_some()
    }

    /// The key by which there is as much room for them as there is.
    pub fn density_key(&self) -> &'static str {
        match self {
            SupportConfig { coverage: Some(_), .. } => "coverage",
            SupportConfig { density_per_um2: Some(_), .. } => "density_per_um2",
            SupportConfig { lengths_angstrom: Some(_), .. } => "lengths_angstrom",
            _ => "kind",
        }
    }
}

/// Of number, density and area two.
fn support(config: &Config, support: &SupportConfig, problems: &mut Problems) {
    if support.coverage.is_some() && support.density_per_um2.is_some() {
        problems.at(
            "placement.density_per_um2",
            "`coverage` and `density_per_um2` exclude each other: both say how densely the particles stand",
        );
    }
    let given = area_from(config);
    let own = support.lengths_angstrom.is_some();
    if let (Some(from), true) = (given, own) {
        problems.at(
            "placement.lengths_angstrom",
            format!("{from} gives the area of the support: leave one of the two out"),
        );
    }
    let counted =
        config.particles.iter().all(|p| p.fraction.is_none()) || support.particles.is_some();
    let area = given.is_some() || own;
    match (counted, support.has_density(), area) {
        (true, true, true) => {
            let name = if support.coverage.is_some() { "coverage" } else { "density_per_um2" };
            problems.at(
                &format!("placement.{name}"),
                format!(
                    "number and area of the particles are given, and how densely they stand follows: \
                     leave `{name}` out, or one of the other two"
                ),
            );
        }
        (true, false, false) => problems.at(
            "placement",
            "how large is the support? Write `coverage`, `density_per_um2` or `lengths_angstrom`",
        ),
        (false, true, false) => problems.at(
            "placement",
            "how many particles, or how large a support? Write `particles` or `lengths_angstrom`",
        ),
        _ => {}
    }
}

/// Whether all periods of the box follow from where particles are placed.
pub fn gives_periods(config: &Config) -> bool {
    let [x, y, z] = config.cell.periodic();
    match &config.placement {
        Some(PlacementConfig::Box(_)) => true,
        Some(PlacementConfig::Support(_)) => !z && x == y,
        _ => !(x || y || z),
    }
}

/// What says how large a support is, apart from `[placement]`.
fn area_from(config: &Config) -> Option<&'static str> {
    let periodic = config.cell.periodic();
    match () {
        () if config.crystal.is_some() => Some("`[crystal]`"),
        () if config.structure.is_some() => Some("`[structure]`"),
        () if config.cell.lengths_angstrom.is_some() && periodic[0] && periodic[1] => {
            Some("`[box]`")
        }
        () => None,
    }
}

/// What else is in the box, and what single particles say.
fn surroundings(config: &Config, placement: &PlacementConfig, problems: &mut Problems) {
    let kind = placement.name();
    let across_z = config.crystal.as_ref().is_none_or(|c| c.surface == Some(Axis::Z));
    if config.crystal.is_some() || config.structure.is_some() {
        if !placement.is_flat() {
            let message = format!(
                "`kind = \"{kind}\"` fills empty space, and there are other atoms: above a surface are \
                 the kinds `row`, `support` and `raft`"
            );
            problems.at("placement", message);
        } else if !across_z {
            let message = format!(
                "`kind = \"{kind}\"` stands on a surface across z: write `surface = \"z\"` in `[crystal]`"
            );
            problems.at("placement", message);
        }
    }
    for (i, particle) in config.particles.iter().enumerate() {
        let at = |name: &str| format!("particle[{i}].{name}");
        match &particle.above {
            Some(_) if !placement.is_flat() => problems.at(
                &at("above"),
                format!("nothing lies below the particles of a `kind = \"{kind}\"`: leave it out"),
            ),
            Some(above) if above.at_angstrom.is_some() => problems.at(
                &at("above.at_angstrom"),
                "`[placement]` decides that: leave `at_angstrom` out, or `[placement]`",
            ),
            _ => {}
        }
    }
}
