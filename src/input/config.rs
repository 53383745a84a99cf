//! The input as checked, plain values. Every key of the TOML file is a field
//! here, under the same name; dimensional keys end in their unit.
//!
//! This file is the one home of a key: its name, type, default, bounds (the
//! `schemars` attributes) and meaning (the doc comment). `schema` reads them from
//! here, for the check of an input and for the reference in `inputs/README.md`.

pub use super::atom_column::AtomColumn;
pub use super::crystal::{AboveConfig, Axis, CrystalConfig, CrystalLattice, SurfaceAdatoms};
pub use super::jobs::{Change, CheckpointConfig, StopConfig, WallTime};
pub use super::make::{
    Defect, GradientConfig, Lattice, MixtureConfig, PartConfig, Shape, ShellsConfig, SlicesConfig,
};
pub use super::one_body::{
    AtomsConfig, FixedConfig, PistonConfig, PlaneConfig, PlaneKind, Side, TetherConfig,
    UniformForceConfig,
};
pub use super::particle::{AdatomConfig, Facet, Orientation, ParticleConfig, SURFACES, Size};
pub use super::placement::{
    AggregateConfig, ChainConfig, PackingConfig, PlacementConfig, PositionsConfig, RaftConfig,
    RingConfig, RowConfig, SupportConfig,
};
pub use super::potential::{PotentialConfig, PotentialKind};
pub use super::pressure::{Barostat, PressureConfig};
pub use super::sizes::{
    GaussianSizes, HistogramSizes, ListedSizes, LogNormalSizes, SizeOf, SizesConfig,
};
use super::source::Source;
pub use super::stage::{Arrangement, Ensemble, Group, Scheme, StageConfig, StageKind, Thermostat};
pub use super::structure::{ParticlesFrom, StructureConfig, StructureFormat};
pub use super::swaps::{SwapEnsemble, SwapRegion, SwapsConfig};
pub use super::traces::{TracedAtoms, TracesConfig};
use crate::geometry::FARTHEST_BORDER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// A whole input file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A line for the log and the files.
    #[serde(default)]
    #[schemars(extend("x-fixed" = "never"))]
    pub title: String,
    /// Of every random choice: alloy, adatoms, velocities, thermostat noise, swaps.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// The interaction of the atoms.
    pub potential: PotentialConfig,
    /// Further terms of it, one table each: the force field is the sum of `potential` and these.
    #[serde(default, rename = "term", skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<PotentialConfig>,
    /// Inert planes that attract and repel every atom. Like all one-body terms (`piston`, `tether`,
    /// `uniform_force`, `fixed`) they act when the particles are together, not while they are apart.
    #[serde(default, rename = "plane", skip_serializing_if = "Vec::is_empty")]
    pub planes: Vec<PlaneConfig>,
    /// Planes that only repel, and move: at a speed, or so that they hold a pressure. While energy is
    /// minimised they stand still.
    #[serde(default, rename = "piston", skip_serializing_if = "Vec::is_empty")]
    pub pistons: Vec<PistonConfig>,
    /// Springs that hold atoms to where they stand when the particles are together for the first time.
    #[serde(default, rename = "tether", skip_serializing_if = "Vec::is_empty")]
    pub tethers: Vec<TetherConfig>,
    /// Forces that are the same on each of a group of atoms.
    #[serde(default, rename = "uniform_force", skip_serializing_if = "Vec::is_empty")]
    pub uniform_forces: Vec<UniformForceConfig>,
    /// Atoms that are held where they stand: a frozen support, bottom layers. They have no
    /// velocity and count in no degree of freedom; other atoms feel them as ever.
    #[serde(default, rename = "fixed", skip_serializing_if = "Vec::is_empty")]
    pub fixed: Vec<FixedConfig>,
    /// The box and its boundaries.
    #[serde(default, rename = "box")]
    pub cell: BoxConfig,
    /// Particles, built or read from a file, one table each (with `count` alike ones). They stand
    /// alone, or beside the atoms of `crystal` or `structure`.
    #[serde(
        default,
        rename = "particle",
        skip_serializing_if = "Vec::is_empty",
        serialize_with = "super::read_particle::write"
    )]
    pub particles: Vec<ParticleConfig>,
    /// Where particles stand that do not say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementConfig>,
    /// Atoms read from a file, where they stand in it; its box is the box.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureConfig>,
    /// A crystal that fills the box along its periodic directions: bulk, or a slab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crystal: Option<CrystalConfig>,
    /// Integration in time.
    #[serde(default)]
    pub dynamics: DynamicsConfig,
    /// What becomes of atoms that have left.
    #[serde(default)]
    pub evaporation: EvaporationConfig,
    /// The protocol: stages, carried out in order.
    #[serde(
        rename = "stage",
        serialize_with = "super::stage::write",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(length(min = 1))]
    #[schemars(extend("x-fixed" = "stage"))]
    pub stages: Vec<StageConfig>,
    /// What is written, and how often.
    #[serde(default)]
    pub output: OutputConfig,
    /// Paths of chosen atoms at a fine interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub traces: Option<TracesConfig>,
    /// When checkpoints are written, besides the ends of stages, and how they are used.
    #[serde(default)]
    #[schemars(extend("x-fixed" = "never"))]
    pub checkpoint: CheckpointConfig,
    /// What ends a job or the run before its last stage is through.
    #[serde(default)]
    #[schemars(extend("x-fixed" = "never"))]
    pub stop: StopConfig,
    /// The text that this came from, for messages that name the place of a key.
    #[serde(skip)]
    pub source: Source,
}

impl Config {
    /// Whether anything acts on atoms by where they are: one-body terms, and what holds atoms.
    pub fn acts_one_by_one(&self) -> bool {
        let of_walls = self.planes.len() + self.pistons.len();
        of_walls + self.tethers.len() + self.fixed.len() + self.uniform_forces.len() > 0
    }

    /// The tables of the force field with their keys: `[potential]`, then each `[[term]]`.
    pub fn potentials(&self) -> Vec<(String, &PotentialConfig)> {
        let tables = std::iter::once(&self.potential).chain(&self.terms).enumerate();
        tables.map(|(n, table)| (super::potential::key_of_term(n), table)).collect()
    }

    /// The chemical symbols of the species, in the order of the force field's.
    pub fn symbols(&self) -> Vec<&str> {
        super::potential::symbols(self.potentials().into_iter().map(|(_, table)| table))
    }

    /// The files of the force field, with the keys that name them.
    pub fn potential_files(&self) -> Vec<(String, &Path)> {
        let tables = self.potentials();
        tables.into_iter().flat_map(|(key, table)| table.files(&key)).collect()
    }

    /// How many atoms the particles to build have, nearly.
    pub fn atoms_to_build(&self) -> f64 {
        let count = |particle: &ParticleConfig| match particle.fraction {
            Some(fraction) => fraction * self.particle_count() as f64,
            None => particle.count as f64,
        };
        self.particles.iter().map(|particle| count(particle) * particle.wanted_atoms()).sum()
    }

    /// Whether any atoms are read from a file.
    pub fn reads_files(&self) -> bool {
        self.structure.is_some() || self.particles.iter().any(|p| p.structure.is_some())
    }

    /// The row that the particles stand in, if they do.
    pub fn row(&self) -> Option<&RowConfig> {
        match &self.placement {
            Some(PlacementConfig::Row(row)) => Some(row),
            _ => None,
        }
    }

    /// The files that the structure is made from, with the keys that name them.
    pub fn structure_files(&self) -> Vec<(String, &Path)> {
        let whole = self.structure.iter().map(|s| ("structure.file".to_string(), &*s.file));
        let particles = self.particles.iter().enumerate().flat_map(|(i, particle)| {
            let structure = particle.structure.as_ref().map(|s| ("structure.file", &*s.file));
            let sizes = particle.sizes.as_ref().and_then(SizesConfig::file);
            let both = structure.into_iter().chain(sizes.map(|file| ("sizes.file", file)));
            both.map(move |(key, file)| (format!("particle[{i}].{key}"), file))
        });
        let positions = match &self.placement {
            Some(PlacementConfig::File(positions)) => {
                Some(("placement.file".to_string(), &*positions.file))
            }
            _ => None,
        };
        whole.chain(particles).chain(positions).collect()
    }

    /// How many particles `[[particle]]` asks for; where they are as many as an area holds, several.
    pub fn particle_count(&self) -> usize {
        if self.particles.iter().any(|particle| particle.fraction.is_some()) {
            return self.placement.as_ref().and_then(PlacementConfig::particles).unwrap_or(2);
        }
        self.particles.iter().fold(0, |sum, particle| particle.count.saturating_add(sum))
    }
}

fn default_seed() -> u64 {
    1
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BoxConfig {
    /// In x, y and z; unless given, those of the structure file, and `free` for what is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boundary: Option<[Boundary; 3]>,
    /// Box lengths; needed for periodic directions of a built structure, without effect in free
    /// ones; those of a structure file count unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "join"))]
    pub lengths_angstrom: Option<[f64; 3]>,
}

impl BoxConfig {
    /// Which directions the input makes periodic.
    pub fn periodic(&self) -> [bool; 3] {
        self.boundary.map_or([false; 3], |all| all.map(|b| b == Boundary::Periodic))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    /// Vacuum; the box grows with the atoms.
    Free,
    /// The box repeats.
    Periodic,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GapBetween {
    /// Between the facet planes; an adatom stands above its plane. Not for particles from files,
    /// whose facets nobody knows.
    #[default]
    Planes,
    /// Between the outermost atoms, adatoms included.
    Atoms,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicsConfig {
    /// Time step of the integration.
    #[serde(default = "default_timestep")]
    #[schemars(range(min = 0.01, max = 20))]
    pub timestep_fs: f64,
    /// Added to the range of the neighbour list; changes speed, never results.
    #[serde(default = "default_skin")]
    #[schemars(range(min = 0.1, max = 10))]
    #[schemars(extend("x-fixed" = "never"))]
    pub skin_angstrom: f64,
    /// Temperature of the first velocities where the structure brings none;
    /// unless given, that of the first stage that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20_000))]
    #[schemars(extend("x-fixed" = "motion"))]
    pub initial_temperature_k: Option<f64>,
}

fn default_timestep() -> f64 {
    2.0
}
fn default_skin() -> f64 {
    1.0
}

impl Default for DynamicsConfig {
    fn default() -> Self {
        DynamicsConfig {
            timestep_fs: default_timestep(),
            skin_angstrom: default_skin(),
            initial_temperature_k: None,
        }
    }
}

impl DynamicsConfig {
    /// How many time steps stand for a duration or an interval: the nearest whole number, at least one.
    pub fn steps(&self, time_ps: f64) -> u64 {
        ((time_ps * 1000.0 / self.timestep_fs).round() as u64).max(1)
    }

    /// The time of so many steps, ps.
    pub fn time_ps(&self, steps: u64) -> f64 {
        steps as f64 * self.timestep_fs / 1000.0
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaporationConfig {
    /// What becomes of an atom that has left along a free direction.
    #[serde(default)]
    pub atoms: Evaporated,
    /// For `freeze` and `remove`: how far from the origin of coordinates, along x, y or z.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 130_000))]
    pub beyond_angstrom: Option<f64>,
}

impl EvaporationConfig {
    /// Where atoms come to rest, Å.
    pub fn border(&self) -> f64 {
        self.beyond_angstrom.unwrap_or(FARTHEST_BORDER)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Evaporated {
    /// It flies on, as far as coordinates reach: 130,000 Å (13 µm) from the origin. There it
    /// comes to rest as with `freeze`.
    #[default]
    Keep,
    /// Beyond `beyond_angstrom` it comes to rest and stays, seen in each frame, as an obstacle
    /// to others. It counts no more in temperatures and centres of mass; the energy of its
    /// motion leaves the conserved energy.
    Freeze,
    /// Beyond `beyond_angstrom` it is taken out of the run: it has no neighbours and no energy,
    /// and counts in no sum. Files keep its row, with the place where it was removed and no
    /// velocity; `/sinter/departures` of the trajectory says which atoms, and when.
    Remove,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// Between frames of the trajectory, to the nearest whole number of steps.
    #[serde(default = "default_trajectory_interval")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub trajectory_interval_ps: f64,
    /// Between points of the time series and lines of the log, to the nearest whole number of steps.
    #[serde(default = "default_series_interval")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub series_interval_ps: f64,
    /// How long atoms of both particles must hold a layer together (four of each bonded to the
    /// other) until it counts as a neck, and not as adatoms that touch.
    #[serde(default = "default_neck_hold")]
    #[schemars(range(min = 0, max = 1_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub neck_hold_ps: f64,
    /// Between frames that come with surface area, volume and sphericity of the particles, and the void fraction of a
    /// periodic box, in `/sinter/surface`: the first one, and each that is so much later than the last of these; 0: all. One
    /// costs some ten steps, and up to 200 bytes of memory for each atom. Unless told, 20 up to 50,000 atoms, and none of more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub surface_interval_ps: Option<f64>,
    /// With every frame how far atoms have gone since the first frame of a window of this length, by whether they were inside, at
    /// (100), (111) or (110) facets or at steps then, coefficients of diffusion, and how atoms vibrate by layer (Lindemann), in
    /// `/sinter/diffusion`. A window lasts to the first frame that is so much later, and no longer than its stage; it holds five
    /// frames or more. It costs less than a step, 300 bytes for each atom in memory, and 70 in
    /// checkpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub diffusion_window_ps: Option<f64>,
    /// With every frame the pair distribution by species, up to this distance, in
    /// `/sinter/pair_distribution`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub pair_distribution_angstrom: Option<f64>,
    /// With every frame atoms, energies and what is melted by layers below the surface, in `/sinter/layers`;
    /// it costs about six steps.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub layers: bool,
    /// With every frame the crystals that atoms resemble by polyhedral template matching (fcc, hcp, bcc,
    /// icosahedral, other), in `/sinter/templates`: those count that are within this RMSD, in distances
    /// of the neighbours; 0.1 is usual, and what columns of templates and grains take if it is not given. It costs
    /// some fifteen steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1))]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub template_rmsd: Option<f64>,
    /// Velocities of the atoms in the trajectory. Unless given: yes, but not where positions are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub velocities: Option<bool>,
    /// Forces on the atoms in the trajectory.
    #[serde(default)]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub forces: bool,
    /// Energy of each atom in the trajectory.
    #[serde(default)]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub energies: bool,
    /// What frames tell of each atom besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub columns: Vec<AtomColumn>,
    /// For a trajectory to look at, a tenth as large with 0.001: positions may be off by so
    /// much; they are rounded (velocities alike, in Å/ps) and all numbers kept in single
    /// precision. Unless given: the bits of the run. Checkpoints are always exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0005, max = 0.1))]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub position_tolerance_angstrom: Option<f64>,
    /// Compress the trajectory, without loss. Unless given: where positions are rounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub compress: Option<bool>,
    /// The run fails when the energy per atom leaves these bounds.
    #[serde(default = "default_energy_bound")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    #[schemars(extend("x-fixed" = "never"))]
    pub energy_bound_ev_per_atom: f64,
}

fn default_trajectory_interval() -> f64 {
    1.0
}
fn default_series_interval() -> f64 {
    0.1
}
fn default_neck_hold() -> f64 {
    1.0
}
/// As OVITO has it.
const USUAL_TEMPLATE_RMSD: f64 = 0.1;

fn default_energy_bound() -> f64 {
    100.0
}

impl OutputConfig {
    /// Whether frames hold velocities.
    pub fn holds_velocities(&self) -> bool {
        self.velocities.unwrap_or(self.position_tolerance_angstrom.is_none())
    }

    /// The largest RMSD from a template that counts, if they are to be matched.
    pub fn matches_templates(&self) -> Option<f64> {
        self.template_rmsd.or(self.has_templates().then_some(USUAL_TEMPLATE_RMSD))
    }

    /// Keys that ask for what is measured particle by particle, and for nothing else.
    pub fn told_by_particle(&self) -> Vec<&'static str> {
        let facets = self.columns.contains(&AtomColumn::Facet);
        let only_counts = self.template_rmsd.is_some() && !self.has_templates();
        let all = [
            (self.layers, "output.layers"),
            (self.diffusion_window_ps.is_some(), "output.diffusion_window_ps"),
            (only_counts, "output.template_rmsd"),
            (facets, "output.columns"),
        ];
        all.into_iter().filter_map(|(asked, key)| asked.then_some(key)).collect()
    }

    /// Whether a column of frames wants templates.
    fn has_templates(&self) -> bool {
        let of_templates = [AtomColumn::Template, AtomColumn::TemplateRmsd, AtomColumn::Grain];
        of_templates.iter().any(|column| self.columns.contains(column))
    }

    /// Whether frames are compressed.
    pub fn is_compressed(&self) -> bool {
        self.compress.unwrap_or(self.position_tolerance_angstrom.is_some())
    }
}

impl Default for OutputConfig {
    fn default() -> Self {
        OutputConfig {
            trajectory_interval_ps: default_trajectory_interval(),
            series_interval_ps: default_series_interval(),
            neck_hold_ps: default_neck_hold(),
            surface_interval_ps: None,
            diffusion_window_ps: None,
            pair_distribution_angstrom: None,
            layers: false,
            template_rmsd: None,
            velocities: None,
            forces: false,
            energies: false,
            columns: Vec::new(),
            position_tolerance_angstrom: None,
            compress: None,
            energy_bound_ev_per_atom: default_energy_bound(),
        }
    }
}
