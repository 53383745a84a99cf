//! Whole trajectories: the same bits on any number of ranks, with every
//! integrator, as the same motion on one.

use super::Body;
use sinter_hpc::atoms::Atom;
use sinter_hpc::comm::Comm;
use sinter_hpc::dynamics::{Integrator, IntegratorState, Progress, Protocol};
use sinter_hpc::force::{Engine, Settings, System};
use sinter_hpc::geometry::Cell;
use sinter_hpc::input;
use sinter_hpc::potential::meam::Meam;
use std::path::Path;
use std::sync::OnceLock;

pub const BODIES: &[(&str, Body)] = &[
    ("constant energy", |comm| same_as_alone(comm, r#"ensemble = "nve""#)),
    ("Nose-Hoover chain of the system", |comm| {
        same_as_alone(comm, r#"thermostat = "nose-hoover""#)
    }),
    ("Nose-Hoover chain of each particle", |comm| {
        same_as_alone(comm, r#"thermostat = "nose-hoover", thermostat_for = "particle""#)
    }),
    ("Langevin", |comm| same_as_alone(comm, r#"thermostat = "langevin""#)),
    ("Bussi", |comm| same_as_alone(comm, r#"thermostat = "bussi", thermostat_for = "particle""#)),
    ("swaps", |comm| same_as_alone(comm, "swaps = { interval_ps = 0.01, attempts = 15 }")),
    ("swaps at constant energy and other temperature", |comm| {
        same_as_alone(
            comm,
            r#"ensemble = "nve", swaps = { interval_ps = 0.01, attempts = 5, temperature_k = 9000, region = "between-particles" }"#,
        )
    }),
    ("minimisation", minimisation),
];

/// Two spheres of 55 atoms with every seventh iron, close enough to touch.
fn particles() -> Vec<Atom> {
    const HALF_EDGE: f64 = 1.94;
    let mut atoms = Vec::new();
    for particle in 0..2u32 {
        for n in 0..11 * 11 * 11 {
            let site = [n % 11 - 5, n / 11 % 11 - 5, n / 121 - 5];
            let squared: i32 = site.iter().map(|x| x * x).sum();
            if squared <= 10 && site.iter().sum::<i32>() % 2 == 0 {
                let [x, y, z] = site.map(|x| HALF_EDGE * x as f64);
                let id = atoms.len() as u64;
                atoms.push(Atom {
                    id,
                    position: [x + 16.0 * particle as f64, y, z],
                    velocity: [0.0; 3],
                    image: [0; 3],
                    particle,
                    species: id.is_multiple_of(7) as u32,
                    padding: 0,
                });
            }
        }
    }
    atoms
}

/// Read once: its tables take longer than a stage.
fn platinum_iron() -> &'static Meam {
    static POTENTIAL: OnceLock<Meam> = OnceLock::new();
    POTENTIAL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials");
        let [library, parameters] = ["PtFe.library.meam", "PtFe.meam"].map(|f| folder.join(f));
        let elements = ["Pt", "Fe"].map(String::from);
        Meam::from_files(&library, Some(&parameters), &elements).unwrap()
    })
}

/// Carries out one stage (its keys in TOML) and returns all atoms in order of
/// their ids, the state of the integrator, and how often lists were rebuilt.
fn run(comm: &Comm, stage: &str) -> (Vec<Atom>, IntegratorState, u64) {
    let text = format!(
        r#"
potential = {{ library = "PtFe.library.meam", elements = ["Pt", "Fe"] }}
structure = {{ file = "start.xyz" }}
dynamics = {{ timestep_fs = 2 }}
stage = [{{ {stage} }}]
"#
    );
    let protocol = Protocol::new(&input::parse(&text, Path::new("trajectories.toml")).unwrap());
    let potential = platinum_iron();
    // Rank by rank in turn: the engine has to deal them out. A thin skin makes for rebuilds.
    let mine: Vec<Atom> = particles()
        .into_iter()
        .filter(|atom| atom.id as usize % comm.size() == comm.rank())
        .collect();
    let settings = Settings { skin: 0.1, energy_bound: 100.0 };
    let cell = Cell::new([0.0; 3], [1.0; 3], [false; 3]);
    let mut engine = Engine::new(comm, potential, cell, mine, settings).unwrap();
    let mut progress = Progress::default();
    let mut integrator = Integrator::begin(&protocol, &progress, &mut engine, comm).unwrap();
    while !integrator.is_finished(&progress) {
        progress.advance(&protocol);
        integrator.step(&mut engine, comm, &progress, false).unwrap();
    }
    let mine: Vec<Atom> = (0..engine.atoms().owned).map(|i| engine.atoms().record(i)).collect();
    let mut all = comm.all_gather(&mine).concat();
    all.sort_by_key(|atom| atom.id);
    (all, integrator.state().clone(), engine.statistics().rebuilds)
}

fn same_as_alone(comm: &Comm, keys: &str) {
    let stage = format!(r#"kind = "hold", temperature_k = 2500, duration_ps = 0.05, {keys}"#);
    let rebuilds = compare(comm, &stage);
    assert!(rebuilds > 2, "no test without migration");
}

fn minimisation(comm: &Comm) {
    compare(comm, r#"kind = "minimise", max_steps = 25"#);
}

/// Compares with the same stage on the first rank alone, and returns how often lists
/// were rebuilt. Equality of `Atom` is that of bits but for the sign of zero.
fn compare(comm: &Comm, stage: &str) -> u64 {
    let (together, state, rebuilds) = run(comm, stage);
    assert_eq!(comm.broadcast(0, Some(state.clone())), state, "the ranks disagree");
    if comm.is_root() {
        let (alone, state_alone, _) = run(&Comm::single(), stage);
        assert_eq!(together.len(), particles().len());
        for (a, b) in together.iter().zip(&alone) {
            assert_eq!(a, b, "{stage} on {} ranks", comm.size());
        }
        assert_eq!(state, state_alone);
    }
    rebuilds
}
