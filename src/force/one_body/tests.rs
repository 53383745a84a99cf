//! Laws of one-body terms in the engine: the same bits on any ranks, momenta that add up to the
//! last quantum, energies that belong to forces.

use super::{OneBodyTerms, Scene, TermState};
use crate::atoms::Atom;
use crate::comm::{Comm, threads};
use crate::dynamics::{Integrator, Progress, Protocol};
use crate::force::two_densities::TwoDensities;
use crate::force::{Engine, Settings, System};
use crate::geometry::{Cell, Vec3, on_grid};
use crate::input::{Config, parse};
use crate::potential::Potential;
use bytemuck::Zeroable;
use std::path::Path;

const SETTINGS: Settings = Settings { skin: 0.6, energy_bound: 100.0 };

/// A block of 5 x 5 x 4 atoms of two species in two particles, 1.7 Å apart.
fn block() -> Vec<Atom> {
    (0..100u64)
        .map(|id| {
            let site = [id % 5, id / 5 % 5, id / 25];
            let jitter = |d: u64| 0.01 * (((id * 7 + d * 13) % 17) as f64 - 8.0);
            Atom {
                id,
                position: std::array::from_fn(|d| on_grid(1.7 * site[d] as f64 + jitter(d as u64))),
                species: (id % 3 == 0) as u32,
                particle: (site[2] > 1) as u32,
                ..Atom::zeroed()
            }
        })
        .collect()
}

fn config(terms: &str, stage: &str) -> Config {
    let text = format!(
        "potential = {{ library = 'l', elements = ['Pt', 'Fe'] }}\nstructure = {{ file = 's.xyz' }}\n\
         box = {{ boundary = ['free', 'free', 'free'] }}\n{terms}\n[[stage]]\nkind = 'hold'\n{stage}\n"
    );
    parse(&text, Path::new("in.toml")).unwrap()
}

const PLANE: &str = "[[plane]]\nkind = 'lj-9-3'\ngap_angstrom = 1.6\n\
                     sigma_angstrom = { Pt = 1.8, Fe = 1.7 }\nepsilon_ev = { Pt = 0.2, Fe = 0.1 }\n";
const PRESSED: &str =
    "[[piston]]\ngap_angstrom = 0\npressure_gpa = 5\narea_angstrom2 = 60\ndamping_time_ps = 0.2\n";
const MOVED: &str = "[[piston]]\ngap_angstrom = 0\nspeed_angstrom_per_ps = 1\n";
const OTHERS: &str = "[[tether]]\natoms = { particles = [1], above_angstrom = 4 }\nspring_ev_per_angstrom2 = 0.3\n\
                      [[uniform_force]]\natoms = { species = ['Fe'] }\nforce_ev_per_angstrom = [0.01, 0, -0.02]\n\
                      [[fixed]]\natoms = { lowest_angstrom = 0.5 }\n[[fixed]]\natoms = { numbers = [60, 99] }\n";
const NVE: &str = "ensemble = 'nve'\nduration_ps = 0.2\ntemperature_k = 300";

/// A run of one stage: what it is at its end, and what was looked at after each step.
struct Run<'c> {
    engine: Engine<'c, TwoDensities>,
    integrator: Integrator,
    protocol: Protocol,
    progress: Progress,
}

impl<'c> Run<'c> {
    fn begin(config: &Config, comm: &'c Comm, potential: &'c TwoDensities) -> Run<'c> {
        let mine = |atom: &Atom| atom.id as usize % comm.size() == comm.rank();
        let list = block().into_iter().filter(mine).collect();
        let cell = Cell::new([0.0; 3], [1.0; 3], [false; 3]);
        let mut engine = Engine::new(comm, potential, cell, list, SETTINGS).unwrap();
        let scene = scene(&engine);
        let one_body = OneBodyTerms::begin(config, scene).unwrap();
        engine.set_one_body(one_body);
        let (protocol, progress) = (Protocol::new(config), Progress::default());
        let integrator = Integrator::begin(&protocol, &progress, &mut engine, comm).unwrap();
        Run { engine, integrator, protocol, progress }
    }

    fn finish(&mut self, mut look: impl FnMut(&Engine<TwoDensities>, &Integrator)) {
        while !self.integrator.is_finished(&self.progress) {
            self.progress.advance(&self.protocol);
            let comm = self.engine.comm();
            self.integrator.step(&mut self.engine, comm, &self.progress, true).unwrap();
            look(&self.engine, &self.integrator);
        }
    }

    /// Positions, velocities and forces by id, as bits.
    fn bits(&self) -> Vec<(u64, [u64; 6], [i64; 4])> {
        let atoms = self.engine.atoms();
        let of = |i: usize| {
            let ([x, y, z, _], v) = (atoms.position[i], atoms.velocity[i]);
            (atoms.id[i], [x, y, z, v[0], v[1], v[2]].map(f64::to_bits), atoms.force[i])
        };
        (0..atoms.owned).map(of).collect()
    }
}

fn scene<'a>(engine: &'a Engine<TwoDensities>) -> Scene<'a> {
    let species = engine.potential().species();
    Scene { comm: engine.comm(), atoms: engine.atoms(), cell: engine.cell(), species }
}

#[test]
fn bits_do_not_depend_on_ranks_or_on_going_on_from_a_state() {
    let text = [PLANE, PRESSED, MOVED, OTHERS].concat();
    let config = config(&text, "temperature_k = 300\nduration_ps = 0.1\nthermostat = 'langevin'");
    let potential = TwoDensities::default();
    let on = |ranks: usize| {
        let parts = threads::run(ranks, |comm| {
            let mut run = Run::begin(&config, comm, &potential);
            let mut energies = Vec::new();
            run.finish(|_, integrator| energies.push(integrator.conserved_energy().to_bits()));
            let one_body = run.engine.one_body().unwrap();
            let shares: Vec<_> = one_body.terms().iter().map(|term| term.share).collect();
            let states = one_body.states();
            // As a checkpoint has them.
            let text = serde_json::to_string(&states).unwrap();
            let again: Vec<TermState> = serde_json::from_str(&text).unwrap();
            let resumed = OneBodyTerms::resume(&config, scene(&run.engine), &again).unwrap();
            assert_eq!(resumed.states(), states);
            (run.bits(), energies, shares, states)
        });
        let first = (parts[0].1.clone(), parts[0].2.clone(), parts[0].3.clone());
        assert!(parts.iter().all(|p| (&p.1, &p.2, &p.3) == (&first.0, &first.1, &first.2)));
        let mut atoms: Vec<_> = parts.into_iter().flat_map(|p| p.0).collect();
        atoms.sort_unstable();
        (atoms, first)
    };
    let alone = on(1);
    assert!(alone.1.1.iter().all(|share| share.force != [0.0; 3]), "all act: {:?}", alone.1.1);
    for ranks in [2, 4] {
        assert!(on(ranks) == alone, "{ranks} ranks");
    }
}

/// Forces of atoms on one another add up to zero; so the sum over all atoms is what the terms
/// give, less what fixed atoms take.
#[test]
fn momentum_is_balanced_to_the_last_quantum() {
    let config = config(&[PLANE, MOVED, OTHERS].concat(), NVE);
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let mut run = Run::begin(&config, &comm, &potential);
    run.finish(|engine, _| {
        let (atoms, one_body) = (engine.atoms(), engine.one_body().unwrap());
        let sum = |d: usize| atoms.force[..atoms.owned].iter().map(|f| f[d]).sum::<i64>();
        for d in 0..3 {
            let of = |term: &super::OneBodyTerm| {
                let force = atoms.quantum.round(term.share.force[d]);
                if term.form == super::Form::Fixed { -force } else { force }
            };
            assert_eq!(sum(d), one_body.terms().iter().map(of).sum::<i64>());
        }
        let energy: i64 = atoms.force[..atoms.owned].iter().map(|f| f[3]).sum();
        assert!(energy != 0);
    });
}

#[test]
fn fixed_atoms_stay_and_count_in_no_degree_of_freedom() {
    let config = config(OTHERS, "temperature_k = 500\nduration_ps = 0.2");
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let mut run = Run::begin(&config, &comm, &potential);
    let then = block();
    // The first velocities have just the temperature that was asked, in the motion that there is.
    assert_eq!(run.integrator.degrees_of_freedom(), 3 * (100 - 27) - 3);
    let temperature = run.integrator.temperature();
    assert!((temperature - 500.0).abs() < 1e-6, "{temperature} K");
    run.finish(|_, _| ());
    let atoms = run.engine.atoms();
    let mut fixed = 0;
    for i in 0..atoms.owned {
        let [x, y, z, _] = atoms.position[i];
        let id = atoms.id[i];
        let stays = [x, y, z] == then[id as usize].position;
        assert_eq!(stays, id < 25 || [60, 99].contains(&id), "atom {id}");
        assert_eq!(atoms.is_fixed(i), stays);
        assert!(!stays || (atoms.velocity[i] == [0.0; 3] && atoms.force[i][..3] == [0; 3]));
        fixed += stays as u64;
    }
    assert_eq!(fixed, 27);
    assert_eq!(run.integrator.degrees_of_freedom(), 3 * (100 - 27) - 3);
}

#[test]
fn a_plane_leaves_no_rotation_to_be_taken_off() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let stage = "temperature_k = 300\nduration_ps = 0.01\nremove_linear_momentum = 'system'\n\
                 remove_angular_momentum = 'system'";
    let freedom = |terms: &str| {
        let config = config(terms, stage);
        Run::begin(&config, &comm, &potential).integrator.degrees_of_freedom()
    };
    assert_eq!(freedom(""), 300 - 6);
    assert_eq!(freedom(PLANE), 300 - 3);
}

/// Root mean square of the conserved energy about its mean, eV.
fn noise(terms: &str, timestep_fs: f64) -> f64 {
    let dynamics = format!("[dynamics]\ntimestep_fs = {timestep_fs}\n");
    let config = config(&(dynamics + terms), NVE);
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let mut run = Run::begin(&config, &comm, &potential);
    let mut energies = Vec::new();
    run.finish(|_, integrator| energies.push(integrator.conserved_energy()));
    let mean = energies.iter().sum::<f64>() / energies.len() as f64;
    let square = energies.iter().map(|e| (e - mean) * (e - mean)).sum::<f64>();
    (square / energies.len() as f64).sqrt()
}

/// The error of velocity Verlet is of second order, with what each term does or has done to it.
#[test]
fn energy_is_conserved_with_every_term() {
    let all = [PLANE, PRESSED, MOVED, OTHERS].concat();
    for terms in [PLANE, PRESSED, MOVED, OTHERS, &all] {
        let [fine, coarse] = [0.25, 0.5].map(|timestep| noise(terms, timestep));
        let order = coarse / fine;
        assert!((order - 4.0).abs() < 0.6, "{terms}: {coarse} and {fine} eV");
        assert!(coarse < 0.02, "{terms}: {coarse} eV");
    }
}

#[test]
fn a_table_for_no_atom_and_one_for_all_are_refused() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let cell = Cell::new([0.0; 3], [1.0; 3], [false; 3]);
    let engine = Engine::new(&comm, &potential, cell, block(), SETTINGS).unwrap();
    let told = |terms: &str| OneBodyTerms::begin(&config(terms, NVE), scene(&engine)).unwrap_err();
    assert_eq!(
        told("[[fixed]]\natoms = { particles = [7] }").0,
        "fixed[0].atoms",
        "there are two particles"
    );
    let (key, message) = told("[[fixed]]\natoms = { lowest_angstrom = 100 }");
    assert_eq!(key, "fixed[0]");
    assert_eq!(message, "all 100 atoms would be held fixed: nothing is left to move");
    let (key, message) = told(&PLANE.replace("gap_angstrom = 1.6", "position_angstrom = 2.5"));
    assert_eq!(key, "plane[0]");
    assert!(
        message
            .starts_with("50 of the atoms are behind this plane at z = 2.5 Å, the farthest by 2.5"),
        "{message}"
    );
}

#[test]
fn where_terms_stand_follows_from_the_atoms() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let config = config(&[PLANE, MOVED].concat(), NVE);
    let run = Run::begin(&config, &comm, &potential);
    let places: Vec<Vec3> = block().iter().map(|atom| atom.position).collect();
    let lowest = places.iter().map(|p| p[2]).fold(f64::INFINITY, f64::min);
    let highest = places.iter().map(|p| p[2]).fold(f64::NEG_INFINITY, f64::max);
    let positions: Vec<_> =
        run.engine.one_body().unwrap().states().iter().map(|s| s.position.unwrap()).collect();
    assert_eq!(positions, [lowest - 1.6, highest]);
}
