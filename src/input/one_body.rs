//! The tables of one-body terms: `[[plane]]`, `[[piston]]`, `[[tether]]`, `[[uniform_force]]` and
//! `[[fixed]]`, with the rules for them. As in `config`, each key has its one home here.

use super::config::{Arrangement, Axis, Config, SwapEnsemble, SwapsConfig};
use super::rules::known_element;
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A number for each element.
type ByElement = BTreeMap<String, f64>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaneConfig {
    /// Energy of an atom by its distance from the plane.
    pub kind: PlaneKind,
    /// The axis that the plane stands across; its direction must be free.
    #[serde(default = "along_z")]
    pub axis: Axis,
    /// On which side of the plane the atoms are, along the axis.
    #[serde(default = "above")]
    pub side: Side,
    /// Where the plane is; this or `gap_angstrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -30_000, max = 30_000))]
    pub position_angstrom: Option<f64>,
    /// How far the nearest atom is from the plane where it begins to act; this or `position_angstrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 10_000))]
    pub gap_angstrom: Option<f64>,
    /// Sigma of each element, as `{ Pt = 2.5 }`.
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0.5, "maximum": 20 },
        "minProperties" = 1
    ))]
    pub sigma_angstrom: ByElement,
    /// Epsilon of each element, 0 for one that does not feel the plane; this or
    /// `work_of_adhesion_j_per_m2`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 100 },
        "minProperties" = 1
    ))]
    pub epsilon_ev: ByElement,
    /// In place of `epsilon_ev`, what it takes to part the plane from a half-space of each element
    /// (of `atomic_volume_angstrom3` for an atom, spread evenly): the depth of the minimum of the
    /// energy of an area against the distance.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 0, "maximum": 100 },
        "minProperties" = 1
    ))]
    pub work_of_adhesion_j_per_m2: ByElement,
    /// Volume of an atom of each element, for `work_of_adhesion_j_per_m2`: a quarter of the cube of
    /// the lattice constant in an fcc crystal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend(
        "additionalProperties" = { "type": "number", "minimum": 1, "maximum": 200 },
        "minProperties" = 1
    ))]
    pub atomic_volume_angstrom3: ByElement,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PistonConfig {
    /// The axis along which it moves; its direction must be free.
    #[serde(default = "along_z")]
    pub axis: Axis,
    /// On which side of the piston the atoms are, along the axis: it presses that way.
    #[serde(default = "below")]
    pub side: Side,
    /// Where its face is when it begins to act; this or `gap_angstrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -30_000, max = 30_000))]
    pub position_angstrom: Option<f64>,
    /// How far the nearest atom is from its face then; this or `position_angstrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub gap_angstrom: Option<f64>,
    /// K: an atom at the depth p behind the face has the energy K p³/3, and none in front of it.
    #[serde(default = "stiffness")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 10_000))]
    pub stiffness_ev_per_angstrom3: f64,
    /// Moves at this speed, negative away from the atoms; this or `pressure_gpa`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -100, max = 100))]
    pub speed_angstrom_per_ps: Option<f64>,
    /// Moves so that the atoms bear this pressure in the mean; this or `speed_angstrom_per_ps`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub pressure_gpa: Option<f64>,
    /// For `pressure_gpa`: the area on which it presses; unless given, that of the box, if this is
    /// periodic along both other axes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1e12))]
    pub area_angstrom2: Option<f64>,
    /// For `pressure_gpa`: mass of the piston; unless given, that of all atoms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1e15))]
    pub mass_g_per_mol: Option<f64>,
    /// For `pressure_gpa`: time in which friction slows the piston down; what it takes is kept
    /// account of in the conserved energy.
    #[serde(default = "damping_time")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1_000_000))]
    pub damping_time_ps: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PlaneKind {
    /// A half-space of Lennard-Jones atoms: epsilon (2/15 (sigma/d)^9 - (sigma/d)^3), as LAMMPS
    /// `fix wall/lj93`, without a cutoff.
    #[serde(rename = "lj-9-3")]
    NineThree,
    /// 4 epsilon ((sigma/d)^12 - (sigma/d)^6), as LAMMPS `fix wall/lj126`, without a cutoff.
    #[serde(rename = "lj-12-6")]
    TwelveSix,
}

impl PlaneKind {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            PlaneKind::NineThree => "lj-9-3",
            PlaneKind::TwelveSix => "lj-12-6",
        }
    }
}

/// A side of a plane along its axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// At larger coordinates than the plane.
    Above,
    /// At smaller coordinates.
    Below,
}

impl Side {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            Side::Above => "above",
            Side::Below => "below",
        }
    }

    /// From the plane to this side, along the axis: 1 or -1.
    pub fn sign(self) -> f64 {
        match self {
            Side::Above => 1.0,
            Side::Below => -1.0,
        }
    }
}

fn along_z() -> Axis {
    Axis::Z
}
fn above() -> Side {
    Side::Above
}

fn below() -> Side {
    Side::Below
}
fn stiffness() -> f64 {
    10.0
}
fn damping_time() -> f64 {
    1.0
}

/// Which atoms a table is for: those to which all that it says applies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AtomsConfig {
    /// Of these elements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub species: Vec<String>,
    /// Of these particles, counted from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub particles: Vec<u32>,
    /// With these numbers (`id` in the files), counted from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1))]
    pub numbers: Vec<u64>,
    /// The axis of the keys below.
    #[serde(default = "along_z")]
    pub axis: Axis,
    /// At a coordinate below this where the term begins to act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -30_000, max = 30_000))]
    pub below_angstrom: Option<f64>,
    /// At a coordinate above this where the term begins to act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -30_000, max = 30_000))]
    pub above_angstrom: Option<f64>,
    /// Within so much of the lowest atom (of those to which the other keys apply) where the term
    /// begins to act: the bottom layers of a crystal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 30_000))]
    pub lowest_angstrom: Option<f64>,
    /// Within so much of the highest atom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 30_000))]
    pub highest_angstrom: Option<f64>,
}

impl Default for AtomsConfig {
    fn default() -> AtomsConfig {
        AtomsConfig {
            species: Vec::new(),
            particles: Vec::new(),
            numbers: Vec::new(),
            axis: along_z(),
            below_angstrom: None,
            above_angstrom: None,
            lowest_angstrom: None,
            highest_angstrom: None,
        }
    }
}

impl AtomsConfig {
    /// Whether it says nothing: all atoms.
    pub fn is_all(&self) -> bool {
        self.species.is_empty()
            && self.particles.is_empty()
            && self.numbers.is_empty()
            && !self.looks_at_places()
    }

    /// Whether it depends on where atoms are.
    pub fn looks_at_places(&self) -> bool {
        let places =
            [self.below_angstrom, self.above_angstrom, self.lowest_angstrom, self.highest_angstrom];
        places.iter().any(Option::is_some)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TetherConfig {
    /// Which atoms; all unless given. Chosen when the term begins to act, they stay these, also where swaps change
    /// their elements.
    #[serde(default, skip_serializing_if = "AtomsConfig::is_all")]
    pub atoms: AtomsConfig,
    /// Spring constant k: an atom at distance r from where the term began to act on it has the
    /// energy k r²/2.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub spring_ev_per_angstrom2: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UniformForceConfig {
    /// Which atoms; all unless given. Chosen when the term begins to act, they stay these, also where swaps change
    /// their elements.
    #[serde(default, skip_serializing_if = "AtomsConfig::is_all")]
    pub atoms: AtomsConfig,
    /// Force on each of them, along x, y and z. Their energy is -F r, zero at the origin.
    #[schemars(inner(range(min = -100, max = 100)))]
    pub force_ev_per_angstrom: [f64; 3],
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedConfig {
    /// Which atoms. Chosen when the term begins to act, they stay these (swaps leave fixed atoms what they are).
    pub atoms: AtomsConfig,
}

impl Config {
    /// The keys of all tables of one-body terms, in the order in which they act.
    pub fn one_body_keys(&self) -> Vec<String> {
        let tables = [
            ("plane", self.planes.len()),
            ("piston", self.pistons.len()),
            ("tether", self.tethers.len()),
            ("uniform_force", self.uniform_forces.len()),
            ("fixed", self.fixed.len()),
        ];
        let keys = |(name, count)| (0..count).map(move |n| format!("{name}[{n}]"));
        tables.into_iter().flat_map(keys).collect()
    }

    /// The tables of what stands across an axis.
    pub fn across(&self) -> Vec<(String, Axis)> {
        let planes = self.planes.iter().enumerate().map(|(n, p)| (format!("plane[{n}]"), p.axis));
        let pistons = self.pistons.iter().enumerate();
        planes.chain(pistons.map(|(n, p)| (format!("piston[{n}]"), p.axis))).collect()
    }

    /// The tables that say which atoms they are for, with their keys.
    fn selections(&self) -> Vec<(String, &AtomsConfig)> {
        let tethers =
            self.tethers.iter().enumerate().map(|(n, t)| (format!("tether[{n}]"), &t.atoms));
        let uniform = self.uniform_forces.iter().enumerate();
        let uniform = uniform.map(|(n, t)| (format!("uniform_force[{n}]"), &t.atoms));
        let fixed = self.fixed.iter().enumerate().map(|(n, t)| (format!("fixed[{n}]"), &t.atoms));
        tethers.chain(uniform).chain(fixed).collect()
    }
}

/// Adds every atom and particle that tables name and that is not among so many to `problems`.
pub(super) fn check_selections(
    config: &Config,
    (atoms, particles): (u64, usize),
    problems: &mut Problems,
) {
    for (key, wanted) in config.selections() {
        for (n, number) in wanted.numbers.iter().enumerate().filter(|(_, id)| **id >= atoms) {
            let message = beyond("atom", *number, atoms);
            problems.at(&format!("{key}.atoms.numbers[{n}]"), message);
        }
        let is_beyond = |(_, number): &(usize, &u32)| **number as usize >= particles;
        for (n, number) in wanted.particles.iter().enumerate().filter(is_beyond) {
            let message = beyond("particle", *number as u64, particles as u64);
            problems.at(&format!("{key}.atoms.particles[{n}]"), message);
        }
    }
}

/// Of something that is named by a number and not there.
pub(super) fn beyond(what: &str, number: u64, count: u64) -> String {
    format!("there is no {what} {number}: they are numbered from 0 to {}", count.saturating_sub(1))
}

/// Elements that tables name beside others and of which there is no atom; `counts` by species.
pub(super) fn warn_of_absent(config: &Config, counts: &[u64], warnings: &mut Problems) {
    let open = |swaps: &SwapsConfig| swaps.ensemble != SwapEnsemble::Canonical;
    if config.stages.iter().filter_map(|stage| stage.swaps.as_ref()).any(open) {
        return; // atoms of it may come
    }
    let tables = config.selections().into_iter();
    let tables = tables.map(|(key, atoms)| (format!("{key}.atoms.species"), &atoms.species));
    let swaps = config.stages.iter().enumerate().filter_map(|(i, stage)| {
        Some((format!("stage[{i}].swaps.species"), &stage.swaps.as_ref()?.species))
    });
    let is_absent = |symbol: &String| {
        config.symbols().iter().zip(counts).any(|(known, count)| symbol == known && *count == 0)
    };
    for (key, species) in tables.chain(swaps) {
        for (n, symbol) in species.iter().enumerate().filter(|(_, symbol)| is_absent(symbol)) {
            warnings.at(&format!("{key}[{n}]"), format!("no atom is {symbol}"));
        }
    }
}

/// Adds every breach of the rules for one-body terms to `problems`.
pub(super) fn check(config: &Config, problems: &mut Problems) {
    for (n, plane) in config.planes.iter().enumerate() {
        check_plane(config, plane, &format!("plane[{n}]"), problems);
    }
    for (n, piston) in config.pistons.iter().enumerate() {
        check_piston(piston, &format!("piston[{n}]"), problems);
    }
    for (key, atoms) in config.selections() {
        for (n, symbol) in atoms.species.iter().enumerate() {
            known_element(config, symbol, &format!("{key}.atoms.species[{n}]"), problems);
        }
        if let (Some(above), Some(below)) = (atoms.above_angstrom, atoms.below_angstrom)
            && above >= below
        {
            let message = format!(
                "no atom is above {above} Å (`above_angstrom`) and below {below} Å: write the smaller \
                 number at `above_angstrom`"
            );
            problems.at(&format!("{key}.atoms.below_angstrom"), message);
        }
        if key.starts_with("fixed") && atoms.is_all() {
            let message = "which atoms? This would hold all of them: write `species`, `particles`, `numbers`, \
                           `below_angstrom`, `above_angstrom`, `lowest_angstrom` or `highest_angstrom`";
            problems.at(&format!("{key}.atoms"), message);
        }
    }
    for (n, uniform) in config.uniform_forces.iter().enumerate() {
        if uniform.force_ev_per_angstrom == [0.0; 3] {
            let key = format!("uniform_force[{n}].force_ev_per_angstrom");
            problems.at(&key, "a force of zero does nothing: leave this table out");
        }
    }
}

fn one_place(key: &str, position: Option<f64>, gap: Option<f64>, problems: &mut Problems) {
    match (position, gap) {
        (Some(_), Some(_)) => problems.at(
            &format!("{key}.gap_angstrom"),
            "`position_angstrom` and `gap_angstrom` exclude each other: both say where it is",
        ),
        (None, None) => {
            problems.at(key, "where is it? Write `position_angstrom` or `gap_angstrom`");
        }
        _ => {}
    }
}

fn check_piston(piston: &PistonConfig, key: &str, problems: &mut Problems) {
    one_place(key, piston.position_angstrom, piston.gap_angstrom, problems);
    match (piston.speed_angstrom_per_ps, piston.pressure_gpa) {
        (Some(_), Some(_)) => problems.at(
            &format!("{key}.pressure_gpa"),
            "`speed_angstrom_per_ps` and `pressure_gpa` exclude each other: both say how it moves",
        ),
        (None, None) => problems.at(
            key,
            "how does it move? Write `speed_angstrom_per_ps` (0: it stands still) or `pressure_gpa`",
        ),
        (Some(_), None) => {
            let given = [
                ("area_angstrom2", piston.area_angstrom2.is_some()),
                ("mass_g_per_mol", piston.mass_g_per_mol.is_some()),
            ];
            for (name, _) in given.into_iter().filter(|(_, given)| *given) {
                let message = format!(
                    "`{name}` belongs to `pressure_gpa`: with `speed_angstrom_per_ps` leave it out"
                );
                problems.at(&format!("{key}.{name}"), message);
            }
        }
        _ => {}
    }
}

fn check_plane(config: &Config, plane: &PlaneConfig, key: &str, problems: &mut Problems) {
    one_place(key, plane.position_angstrom, plane.gap_angstrom, problems);
    let given = |name: &str| format!("{key}.{name}");
    let mut of_each = vec![("sigma_angstrom", &plane.sigma_angstrom)];
    match (plane.epsilon_ev.is_empty(), plane.work_of_adhesion_j_per_m2.is_empty()) {
        (false, false) => problems.at(
            &given("work_of_adhesion_j_per_m2"),
            "`epsilon_ev` and `work_of_adhesion_j_per_m2` exclude each other: both say how strong the \
             plane is",
        ),
        (true, true) => problems.at(
            key,
            "how strong is the plane? Write `epsilon_ev`, as `{ Pt = 0.1 }`, or \
             `work_of_adhesion_j_per_m2` with `atomic_volume_angstrom3`",
        ),
        (false, true) => of_each.push(("epsilon_ev", &plane.epsilon_ev)),
        (true, false) => {
            of_each.push(("work_of_adhesion_j_per_m2", &plane.work_of_adhesion_j_per_m2));
            of_each.push(("atomic_volume_angstrom3", &plane.atomic_volume_angstrom3));
        }
    }
    let from_work = plane.epsilon_ev.is_empty();
    if !from_work && !plane.atomic_volume_angstrom3.is_empty() {
        problems.at(
            &given("atomic_volume_angstrom3"),
            "`atomic_volume_angstrom3` belongs to `work_of_adhesion_j_per_m2`: with `epsilon_ev` leave it out",
        );
    }
    for (name, numbers) in of_each {
        for symbol in numbers.keys() {
            known_element(config, symbol, &format!("{key}.{name}.{symbol}"), problems);
        }
        for symbol in config.symbols().iter().filter(|symbol| !numbers.contains_key(**symbol)) {
            let hint = match name {
                "epsilon_ev" | "work_of_adhesion_j_per_m2" => " (0: it does not feel the plane)",
                _ => "",
            };
            let message = format!("`{name}` lacks the element {symbol} of the potential{hint}");
            problems.at(&given(name), message);
        }
    }
}

/// What depends on the boundaries.
pub(super) fn boundaries(config: &Config, problems: &mut Problems) {
    let periodic = config.cell.periodic();
    for (n, piston) in config.pistons.iter().enumerate() {
        let open = (0..3).any(|d| d != piston.axis.index() && !periodic[d]);
        if piston.pressure_gpa.is_some() && piston.area_angstrom2.is_none() && open {
            let message = "on which area? Write `area_angstrom2`: the box has no area across the piston, \
                           not being periodic along both other axes";
            problems.at(&format!("piston[{n}].pressure_gpa"), message);
        }
    }
    let across = config.across().into_iter();
    for (key, axis) in across.filter(|(_, axis)| periodic[axis.index()]) {
        let name = axis.name();
        let message = format!(
            "the box is periodic along {name}: nothing stands across a direction that has no end; make \
             it free (`[box] boundary`) or choose another `axis`"
        );
        let own = format!("{key}.axis");
        problems.at(if config.source.has(&own) { &own } else { &key }, message);
    }
}

/// What is allowed but deserves a second look.
pub(super) fn warn(config: &Config, warnings: &mut Problems) {
    let keys = config.one_body_keys();
    let Some(first) = keys.first() else { return };
    let turning = keys.iter().find(|key| !key.starts_with("uniform_force"));
    for (i, stage) in config.stages.iter().enumerate() {
        if stage.particles == Arrangement::Apart {
            continue;
        }
        let removed = [
            ("linear", "remove_linear_momentum", Some(first)),
            ("angular", "remove_angular_momentum", turning),
        ];
        for (word, name, by) in removed {
            let key = format!("stage[{i}].{name}");
            if let Some(by) = by.filter(|_| config.source.has(&key)) {
                let message = format!(
                    "the {word} momentum is taken away once, when the stage begins: `{by}` changes it again"
                );
                warnings.at(&key, message);
            }
        }
    }
    for (n, piston) in config.pistons.iter().enumerate() {
        let key = format!("piston[{n}].damping_time_ps");
        if piston.speed_angstrom_per_ps.is_some() && config.source.has(&key) {
            let message =
                "`damping_time_ps` has no effect: the piston moves at `speed_angstrom_per_ps`";
            warnings.at(&key, message);
        }
    }
    for (key, atoms) in config.selections() {
        if !atoms.looks_at_places() && config.source.has(&format!("{key}.atoms.axis")) {
            let message = "`axis` has no effect: none of `below_angstrom`, `above_angstrom`, \
                           `lowest_angstrom` and `highest_angstrom` is given";
            warnings.at(&format!("{key}.atoms.axis"), message);
        }
    }
    if config.stages.iter().all(|stage| stage.particles == Arrangement::Apart) {
        let message = format!(
            "`{first}` has no effect: one-body terms act when the particles are together, and in \
             all stages they are apart"
        );
        warnings.at(first, message);
    }
}
