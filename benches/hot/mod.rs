//! The system that the benches measure: two particles hot from some steps of dynamics.
//! Each of them uses its part.

#![allow(dead_code)]

use serde::Deserialize;
use sinter_hpc::atoms::Atom;
use sinter_hpc::comm::Comm;
use sinter_hpc::dynamics::{Integrator, Progress, Protocol};
use sinter_hpc::force::{Engine, Settings, System};
use sinter_hpc::geometry::{Cell, on_grid};
use sinter_hpc::input::{self, Config};
use sinter_hpc::potential::{ForceField, Potential};
use sinter_hpc::random::{Purpose, Stream};
use std::path::{Path, PathBuf};

/// `sizes.toml`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sizes {
    pub atoms: Vec<usize>,
    pub temperature_k: f64,
    pub skin_angstrom: f64,
    pub warm_up_steps: u64,
    pub timed_steps: u64,
    pub kinds_atoms: usize,
    pub kinds_rounds: usize,
}

impl Sizes {
    pub fn read() -> Sizes {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sizes.toml");
        let text = std::fs::read_to_string(path).expect("benches/sizes.toml is there");
        toml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

/// Starts the threads, `RAYON_NUM_THREADS` of them, as a run does: this one among them.
pub fn start_threads() {
    let pool = rayon::ThreadPoolBuilder::new().use_current_thread();
    pool.build_global().unwrap_or_else(|error| panic!("{error}"));
}

/// What the particles are made of.
pub struct Material {
    pub library: PathBuf,
    pub parameters: PathBuf,
    pub elements: Vec<String>,
    /// Å
    pub lattice_constant: f64,
    /// As in an input: `Pt = 0.85, Fe = 0.15`.
    pub composition: String,
}

/// The input of a run of two particles of platinum and iron.
pub fn config(atoms: usize, sizes: &Sizes) -> Config {
    let material = Material {
        library: "inputs/potentials/PtFe.library.meam".into(),
        parameters: "inputs/potentials/PtFe.meam".into(),
        elements: vec!["Pt".into(), "Fe".into()],
        lattice_constant: 3.95,
        composition: "Pt = 0.85, Fe = 0.15".into(),
    };
    config_of(&material, atoms, sizes)
}

/// The same of another material.
pub fn config_of(material: &Material, atoms: usize, sizes: &Sizes) -> Config {
    let Material { library, parameters, elements, lattice_constant, composition } = material;
    let temperature = sizes.temperature_k;
    let text = format!(
        r#"
        title = "benches"
        seed = 1
        [potential]
        library = {library:?}
        parameters = {parameters:?}
        elements = {elements:?}
        [[particle]]
        count = 2
        shape = "wulff"
        atoms = {}
        surface_energy_j_per_m2 = {{ "111" = 1.0, "100" = 1.07, "110" = 1.125 }}
        lattice_constant_angstrom = {lattice_constant:?}
        composition = {{ {composition} }}
        [placement]
        facing = [1, 0, 0]
        gap_angstrom = 5.5
        gap_between = "atoms"
        [dynamics]
        skin_angstrom = {:?}
        [[stage]]
        kind = "hold"
        temperature_k = {temperature:?}
        duration_ps = 1000
        relaxation_fs = 50
        [output]
        trajectory_interval_ps = 1000
        "#,
        atoms / 2,
        sizes.skin_angstrom
    );
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/benches.toml"));
    input::parse(&text, path).unwrap_or_else(|error| panic!("the benches' input: {error}"))
}

pub fn potential(config: &Config) -> ForceField {
    ForceField::read(&[&config.potential]).unwrap_or_else(|(_, error)| panic!("{error}"))
}

/// A run under way, warmed up.
pub struct Run<'c> {
    pub engine: Engine<'c, ForceField>,
    comm: &'c Comm,
    protocol: Protocol,
    integrator: Integrator,
    progress: Progress,
}

impl<'c> Run<'c> {
    pub fn new(
        config: &Config,
        sizes: &Sizes,
        comm: &'c Comm,
        potential: &'c ForceField,
    ) -> Run<'c> {
        let (cell, atoms) = atoms(config, comm);
        let settings = Settings { skin: config.dynamics.skin_angstrom, energy_bound: 100.0 };
        let mut engine = Engine::new(comm, potential, cell, atoms, settings).unwrap();
        let protocol = Protocol::new(config);
        let progress = Progress::default();
        let integrator = Integrator::begin(&protocol, &progress, &mut engine, comm).unwrap();
        let mut run = Run { engine, comm, protocol, integrator, progress };
        run.steps(sizes.warm_up_steps);
        run
    }

    pub fn steps(&mut self, count: u64) {
        for _ in 0..count {
            self.progress.advance(&self.protocol);
            let (engine, comm) = (&mut self.engine, self.comm);
            self.integrator.step(engine, comm, &self.progress, false).expect("a sound step");
        }
    }
}

/// The particles, each atom displaced.
pub fn atoms(config: &Config, comm: &Comm) -> (Cell, Vec<Atom>) {
    let built = sinter_hpc::build::structure(config, comm).expect("the particles are valid");
    (built.cell, built.atoms.iter().map(displaced).collect())
}

/// Each atom on its way in a step, for some steps in one direction and then back: forces of atoms that
/// rest would cost less, as what is found for one step serves for others.
pub fn fly<P: Potential>(engine: &mut Engine<P>, step: usize) {
    /// Of platinum at 1473 K in 2 fs along an axis, Å.
    const STRIDE: f64 = 0.005;
    const STEPS: usize = 12;
    let atoms = engine.atoms_mut();
    let sign = if (step / STEPS).is_multiple_of(2) { STRIDE } else { -STRIDE };
    for (position, &id) in atoms.position[..atoms.owned].iter_mut().zip(&atoms.id) {
        let way = Stream::new(2, Purpose::Test, 0, id).normal_vector();
        (0..3).for_each(|d| position[d] += on_grid(sign * way[d]));
    }
}

/// An atom off its lattice site as heat puts it.
fn displaced(atom: &Atom) -> Atom {
    /// Of platinum at 1473 K along an axis, Å.
    const THERMAL: f64 = 0.15;
    let mut random = Stream::new(1, Purpose::Test, 0, atom.id);
    let [[a, b], [c, _]] = [random.normal_pair(), random.normal_pair()];
    let by = [a, b, c];
    Atom { position: [0, 1, 2].map(|d| on_grid(atom.position[d] + THERMAL * by[d])), ..*atom }
}
