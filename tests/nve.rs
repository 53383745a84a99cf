//! Molecular dynamics at constant energy with the Fe-Pt potential, against
//! trajectories of LAMMPS (22 Jul 2025; 1 fs velocity Verlet, a frame every 40
//! steps) made for this project: `tests/reference/nve_*.xyz`, a hot particle in
//! vacuum and a periodic crystal.

#[path = "support/frames.rs"]
mod frames;

use std::path::Path;

use frames::{atoms, cell, frames, platinum_iron};
use sinter_hpc::atoms::Atom;
use sinter_hpc::build::Frame;
use sinter_hpc::comm::Comm;
use sinter_hpc::dynamics::{Integrator, Progress, Protocol};
use sinter_hpc::force::{Engine, Settings, System};
use sinter_hpc::geometry::Cell;
use sinter_hpc::input;
use sinter_hpc::units::MASS_VELOCITY_SQUARED;

/// Carries out one stage (its keys in TOML) and calls `look` after each step;
/// returns the atoms at its end.
fn run(
    cell: Cell,
    start: &[Atom],
    timestep_fs: f64,
    stage: &str,
    mut look: impl FnMut(u64, &Integrator, &dyn System),
) -> Vec<Atom> {
    let text = format!(
        r#"
potential = {{ library = "PtFe.library.meam", elements = ["Pt", "Fe"] }}
structure = {{ file = "start.xyz" }}
dynamics = {{ timestep_fs = {timestep_fs} }}
stage = [{{ kind = "hold", {stage} }}]
"#
    );
    let protocol = Protocol::new(&input::parse(&text, Path::new("nve.toml")).unwrap());
    let (comm, potential) = (Comm::single(), platinum_iron());
    let settings = Settings { skin: 1.0, energy_bound: 100.0 };
    let mut engine = Engine::new(&comm, &potential, cell, start.to_vec(), settings).unwrap();
    let mut progress = Progress::default();
    let mut integrator = Integrator::begin(&protocol, &progress, &mut engine, &comm).unwrap();
    while !integrator.is_finished(&progress) {
        progress.advance(&protocol);
        integrator.step(&mut engine, &comm, &progress, false).unwrap();
        look(progress.step, &integrator, &engine);
    }
    (0..engine.atoms().owned).map(|i| engine.atoms().record(i)).collect()
}

/// Largest distance of an atom from where a frame has it, by the nearest image.
fn farthest(system: &dyn System, frame: &Frame) -> f64 {
    let (atoms, cell) = (system.atoms(), system.cell());
    (0..atoms.owned)
        .map(|i| {
            let there = frame.positions[atoms.id[i] as usize];
            let squares = (0..3).map(|d| {
                let mut r = atoms.position[i][d] - there[d];
                if cell.periodic[d] {
                    r -= cell.length[d] * (r / cell.length[d]).round();
                }
                r * r
            });
            squares.sum::<f64>().sqrt()
        })
        .fold(0.0, f64::max)
}

/// Å. Both programs round differently, LAMMPS interpolates its pair terms (about
/// 1e-7 eV/Å in the forces), and chaos enlarges the difference: 1.4e-7 Å measured after 400 steps.
const TRAJECTORY: f64 = 1e-6;
/// eV for all atoms: 4e-6 measured.
const ENERGY: f64 = 2e-5;
/// Of the swings of the total energy about its mean, which are the error of the integrator;
/// 2e-4 measured.
const SWING: f64 = 1e-3;

/// Kinetic energy of a frame, eV.
fn kinetic_energy(frame: &Frame, masses: &[f64]) -> f64 {
    let square = |v: &[f64; 3]| v.iter().map(|x| x * x).sum::<f64>();
    let twice =
        atoms(frame).iter().map(|a| masses[a.species as usize] * square(&a.velocity)).sum::<f64>();
    0.5 * MASS_VELOCITY_SQUARED * twice
}

fn assert_same_trajectory(name: &str) {
    let frames = frames(name);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    run(
        cell(&frames[0]),
        &atoms(&frames[0]),
        1.0,
        r#"ensemble = "nve", duration_ps = 0.4"#,
        |step, integrator, system| {
            if step.is_multiple_of(40) {
                let frame = &frames[step as usize / 40];
                let energy: f64 = frame.info("energy").unwrap().parse().unwrap();
                let off = farthest(system, frame);
                assert!(off < TRAJECTORY, "{name}, step {step}: {off} Å away");
                let difference = integrator.totals().potential_energy - energy;
                assert!(difference.abs() < ENERGY, "{name}, step {step}: {difference} eV");
                ours.push(integrator.conserved_energy());
                theirs.push(energy + kinetic_energy(frame, system.masses()));
            }
        },
    );
    assert_eq!(ours.len(), frames.len() - 1);
    let about_mean = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        values.iter().map(|x| x - mean).collect::<Vec<_>>()
    };
    let (ours, theirs) = (about_mean(&ours), about_mean(&theirs));
    let largest = theirs.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
    for (step, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        let off = (ours - theirs).abs() / largest;
        assert!(off < SWING, "{name}, frame {step}: {ours} eV about the mean, not {theirs} eV");
    }
}

#[test]
fn a_hot_particle_goes_where_lammps_takes_it() {
    assert_same_trajectory("nve_particle.xyz");
}

#[test]
fn a_periodic_crystal_goes_where_lammps_takes_it() {
    assert_same_trajectory("nve_bulk.xyz");
}

/// Root mean square of values about their straight trend.
fn noise(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let middle = (n - 1.0) / 2.0;
    let mean = values.iter().sum::<f64>() / n;
    let off = || values.iter().enumerate().map(|(k, x)| (k as f64 - middle, x - mean));
    let slope = off().map(|(t, x)| t * x).sum::<f64>() / off().map(|(t, _)| t * t).sum::<f64>();
    (off().map(|(t, x)| (x - slope * t).powi(2)).sum::<f64>() / n).sqrt()
}

/// The noise of the total energy at time steps of 1 and 2 fs, meV/atom.
fn noise_at_1_and_2_fs(cell: Cell, start: &[Atom], duration_ps: f64) -> [f64; 2] {
    let stage = format!(r#"ensemble = "nve", duration_ps = {duration_ps}"#);
    [1.0, 2.0].map(|timestep_fs| {
        let mut energies = Vec::new();
        run(cell, start, timestep_fs, &stage, |_, integrator, _| {
            energies.push(integrator.conserved_energy());
        });
        1e3 * noise(&energies) / start.len() as f64
    })
}

/// The error of velocity Verlet is of second order; the fourth order adds a few thousandths.
const ORDER_TOLERANCE: f64 = 0.03;

#[test]
fn energy_noise_goes_with_the_square_of_the_time_step() {
    let frames = frames("nve_particle.xyz");
    let start = frames.last().unwrap();
    let [one, two] = noise_at_1_and_2_fs(cell(start), &atoms(start), 0.4);
    assert!((two / one - 4.0).abs() < ORDER_TOLERANCE, "{one} and {two} meV/atom");
}
