//! The input as checked, plain values. Every key of the TOML file is a field
//! here, under the same name; dimensional keys end in their unit. The doc
//! comments are the source of `inputs/README.md`.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A whole input file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A line for the log and the files.
    #[serde(default)]
    pub title: String,
    /// Of every random choice: alloy, adatoms, velocities, thermostat noise.
    #[serde(default = "default_seed")]
    pub seed: u64,
    pub potential: PotentialConfig,
    #[serde(default, rename = "box")]
    pub cell: BoxConfig,
    /// Particles to build, one table each (with `count` alike ones); or else `structure`.
    #[serde(default, rename = "particle", skip_serializing_if = "Vec::is_empty")]
    pub particles: Vec<ParticleConfig>,
    /// How two particles face each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementConfig>,
    /// Atoms read from a file instead of built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub structure: Option<StructureConfig>,
    #[serde(default)]
    pub dynamics: DynamicsConfig,
    /// The protocol, carried out in order.
    #[serde(rename = "stage")]
    pub stages: Vec<StageConfig>,
    #[serde(default)]
    pub output: OutputConfig,
}

fn default_seed() -> u64 {
    1
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PotentialConfig {
    /// The kind of potential.
    #[serde(default)]
    pub kind: PotentialKind,
    /// Library file in LAMMPS `meam` format; relative to the input file.
    pub library: PathBuf,
    /// Parameter file in LAMMPS `meam` format; without it the library alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<PathBuf>,
    /// Species in the order that the indices of the parameter file follow;
    /// `"Ni=Ni4"` takes the library's entry Ni4 for the element Ni.
    pub elements: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PotentialKind {
    #[default]
    Meam,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoxConfig {
    /// In x, y and z; a free boundary moves with the atoms.
    #[serde(default = "default_boundary")]
    pub boundary: [Boundary; 3],
    /// Box lengths; needed for periodic directions of a built structure, ignored for free ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lengths_angstrom: Option<[f64; 3]>,
}

fn default_boundary() -> [Boundary; 3] {
    [Boundary::Free; 3]
}

impl Default for BoxConfig {
    fn default() -> Self {
        BoxConfig { boundary: default_boundary(), lengths_angstrom: None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Boundary {
    Free,
    Periodic,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ParticleConfig {
    /// How many of this kind; each has its own random alloy and adatoms.
    #[serde(default = "one")]
    pub count: usize,
    #[serde(default)]
    pub shape: Shape,
    /// Wanted number of atoms (without adatoms); this or `diameter_nm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atoms: Option<usize>,
    /// Diameter of the sphere of the same volume; this or `atoms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diameter_nm: Option<f64>,
    /// `nearest`: the nearest complete shape; `exact`: just as many atoms as wanted.
    #[serde(default)]
    pub size: Size,
    #[serde(default)]
    pub lattice: Lattice,
    /// Cubic lattice constant.
    pub lattice_constant_angstrom: f64,
    /// For `wulff`: surface energies by facet family, as `{ "111" = 1.0, "100" = 1.1, "110" = 1.2 }`;
    /// only their ratios matter to the shape.
    #[serde(default = "default_surface_energies")]
    pub surface_energy_j_per_m2: BTreeMap<String, f64>,
    /// Atom fractions; the composition is met exactly (to the nearest atom).
    pub composition: BTreeMap<String, f64>,
    /// Adatoms on one facet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adatoms: Option<AdatomConfig>,
    /// Turns the particle before it is placed: Euler angles about z, x', z''.
    #[serde(default)]
    pub euler_angles_deg: [f64; 3],
    /// Centre, where `placement` does not decide it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub center_angstrom: Option<[f64; 3]>,
}

fn one() -> usize {
    1
}

/// Surface energies of platinum, J/m² (relaxed, order (111) < (100) < (110)).
pub fn default_surface_energies() -> BTreeMap<String, f64> {
    [("111", 1.656), ("100", 2.167), ("110", 1.979)]
        .into_iter()
        .map(|(k, v)| (k.into(), v))
        .collect()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    #[default]
    Wulff,
    Sphere,
    Cube,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Size {
    #[default]
    Nearest,
    Exact,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lattice {
    #[default]
    Fcc,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdatomConfig {
    /// Facet that bears the monolayer, in the particle's lattice; `facing` is the
    /// one towards the other particle.
    #[serde(default)]
    pub facet: Facet,
    /// Fraction of the monolayer that is removed at random.
    pub removed_fraction: f64,
}

/// A facet by its Miller indices, or the one that faces the other particle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Facet {
    #[default]
    Facing,
    #[serde(untagged)]
    Miller([i32; 3]),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementConfig {
    /// Facets that face each other, family of Miller indices (both particles).
    #[serde(default = "default_facing")]
    pub facing: [i32; 3],
    /// The gap across which they face each other.
    pub gap_angstrom: f64,
    /// `planes`: between the facet planes (the paper's reading; an adatom stands above
    /// its plane); `atoms`: between the outermost atoms, adatoms included.
    #[serde(default)]
    pub gap_between: GapBetween,
    /// Turns the second particle about the line of centres.
    #[serde(default)]
    pub twist_deg: f64,
    /// Tilts the second particle about an axis across the line of centres (z).
    #[serde(default)]
    pub tilt_deg: f64,
}

fn default_facing() -> [i32; 3] {
    [1, 0, 0]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GapBetween {
    #[default]
    Planes,
    Atoms,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureConfig {
    /// Extended XYZ (.xyz), LAMMPS data (.data, .lmp) or H5MD (.h5md, .h5); relative to the input file.
    pub file: PathBuf,
    /// Told by the ending of the name unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<StructureFormat>,
    /// Frame, counted from 0; negative counts from the end.
    #[serde(default = "last_frame")]
    pub frame: i64,
    /// For LAMMPS data: element of atom type 1, 2, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
}

fn last_frame() -> i64 {
    -1
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StructureFormat {
    Extxyz,
    LammpsData,
    H5md,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicsConfig {
    #[serde(default = "default_timestep")]
    pub timestep_fs: f64,
    /// Added to the range of the neighbour list; changes speed, never results.
    #[serde(default = "default_skin")]
    pub skin_angstrom: f64,
    /// Temperature of the first velocities where the structure brings none;
    /// unless given, that of the first stage that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// For the log; the kind unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub kind: StageKind,
    /// Not for `minimise`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ps: Option<f64>,
    /// Temperature, or the one at the start of a ramp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_k: Option<f64>,
    /// Temperature at the end of `heat` and `cool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_temperature_k: Option<f64>,
    #[serde(default)]
    pub ensemble: Ensemble,
    /// For `nvt`.
    #[serde(default)]
    pub thermostat: Thermostat,
    /// Relaxation time of the thermostat.
    #[serde(default = "default_relaxation")]
    pub relaxation_fs: f64,
    /// Number of thermostats in a Nose-Hoover chain.
    #[serde(default = "default_chain")]
    pub chain_length: usize,
    /// One thermostat for the whole system or one for each particle.
    #[serde(default)]
    pub thermostat_for: Group,
    /// `apart`: each particle alone, out of reach of the others; such stages come
    /// first, and after the last one the particles are put together.
    #[serde(default)]
    pub particles: Arrangement,
    /// Take away linear momentum when the stage begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_linear_momentum: Option<Group>,
    /// Take away angular momentum when the stage begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_angular_momentum: Option<Group>,
    /// For `minimise` and `quench`: stop when no force component exceeds this.
    #[serde(default = "default_force_tolerance")]
    pub force_tolerance_ev_per_angstrom: f64,
    /// For `minimise` and `quench`: give up after so many steps.
    #[serde(default = "default_max_steps")]
    pub max_steps: u64,
    /// Between frames of the trajectory; that of `output` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trajectory_interval_ps: Option<f64>,
    /// Between points of the time series; that of `output` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series_interval_ps: Option<f64>,
}

fn default_relaxation() -> f64 {
    100.0
}
fn default_chain() -> usize {
    3
}
fn default_force_tolerance() -> f64 {
    1e-4
}
fn default_max_steps() -> u64 {
    10_000
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StageKind {
    /// FIRE until the forces are small; no time passes.
    Minimise,
    /// At one temperature, with the momenta taken away first.
    Equilibrate,
    /// Along a ramp from `temperature_k` to `end_temperature_k`.
    Heat,
    /// The same downwards.
    Cool,
    /// At one temperature.
    Hold,
    /// Velocities to zero, then FIRE: the inherent structure.
    Quench,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ensemble {
    Nve,
    #[default]
    Nvt,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Thermostat {
    #[default]
    NoseHoover,
    Langevin,
    Bussi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    #[default]
    System,
    Particle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrangement {
    #[default]
    Together,
    Apart,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputConfig {
    /// Between frames of the trajectory.
    #[serde(default = "default_trajectory_interval")]
    pub trajectory_interval_ps: f64,
    /// Between points of the time series and lines of the log.
    #[serde(default = "default_series_interval")]
    pub series_interval_ps: f64,
    #[serde(default = "yes")]
    pub velocities: bool,
    #[serde(default)]
    pub forces: bool,
    /// Energy of each atom.
    #[serde(default)]
    pub energies: bool,
    /// Checkpoints to keep.
    #[serde(default = "default_keep")]
    pub keep_checkpoints: usize,
    /// The run fails when the energy per atom leaves these bounds, eV.
    #[serde(default = "default_energy_bound")]
    pub energy_bound_ev_per_atom: f64,
}

fn default_trajectory_interval() -> f64 {
    1.0
}
fn default_series_interval() -> f64 {
    0.1
}
fn yes() -> bool {
    true
}
fn default_keep() -> usize {
    2
}
fn default_energy_bound() -> f64 {
    100.0
}

impl Default for OutputConfig {
    fn default() -> Self {
        OutputConfig {
            trajectory_interval_ps: default_trajectory_interval(),
            series_interval_ps: default_series_interval(),
            velocities: true,
            forces: false,
            energies: false,
            keep_checkpoints: default_keep(),
            energy_bound_ev_per_atom: default_energy_bound(),
        }
    }
}
