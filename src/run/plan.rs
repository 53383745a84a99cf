//! `sinter-hpc plan`: what a run on so many ranks would be, before it is queued.
//!
//! The ranks are played by threads of this process, which build the structure,
//! divide space, migrate, share ghosts and list neighbours by the same code as in
//! a run: atoms, imbalance, ghosts and memory are what the first step will have.
//! Sizes of files follow from the protocol. The time comes from the speed of this
//! machine's core, measured on a part of the structure.

use crate::atoms::Atom;
use crate::build;
use crate::comm::{Comm, threads};
use crate::error::{Error, Result};
use crate::force::{Engine, Settings, Statistics, System};
use crate::geometry::{add, scale};
use crate::input::{self, Arrangement, Config};
use crate::potential::meam::Meam;
use crate::random::{Purpose, Stream};
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

/// Most ranks that one process plays.
const MOST_RANKS: usize = 4096;

/// Atoms on which the speed is measured, and evaluations of the forces.
const SAMPLE: usize = 10_000;
const EVALUATIONS: u32 = 3;

/// Thermal displacement along an axis, Å: that of a metal at some 1000 K.
const THERMAL: f64 = 0.15;

/// What the kernel keeps per owned atom beyond the engine's own arrays, bytes:
/// surviving pairs and triples of a dense metal.
const KERNEL_BYTES: u64 = 1200;

/// What a rank takes before it has an atom, bytes: MPI, HDF5, the program.
const BASE_BYTES: u64 = 60 << 20;

/// Prints the plan of a run on `ranks` ranks of `threads` threads each.
pub fn plan(input: &Path, ranks: usize, threads: usize) -> Result<()> {
    let config = input::read(input)?;
    print!("{}", report(&config, ranks, threads)?);
    Ok(())
}

fn report(config: &Config, ranks: usize, threads: usize) -> Result<String> {
    if !(1..=MOST_RANKS).contains(&ranks) {
        let message = format!("--ranks must be from 1 to {MOST_RANKS} for a plan, not {ranks}");
        return Err(Error::input(&config.source.path, 0, 0, message));
    }
    let potential = &config.potential;
    let meam =
        Meam::from_files(&potential.library, potential.parameters.as_deref(), &potential.elements)?;
    // Together, space is harder to divide than apart.
    let mut together = config.clone();
    for stage in &mut together.stages {
        stage.particles = Arrangement::Together;
    }
    let settings = Settings {
        skin: config.dynamics.skin_angstrom,
        energy_bound: config.output.energy_bound_ev_per_atom,
    };
    let statistics = distribution(&together, &meam, settings, ranks)?;
    let speed = speed(&together, &meam, settings)?;
    let work = Work::of(config);

    let mut text = String::new();
    describe_ranks(&mut text, &statistics, (ranks, threads));
    describe_files(&mut text, config, statistics.atoms, &work);
    describe_time(&mut text, &work, &statistics, speed, ranks * threads);
    Ok(text)
}

/// What the engine has on so many ranks after its first rebuild.
fn distribution(
    config: &Config,
    meam: &Meam,
    settings: Settings,
    ranks: usize,
) -> Result<Statistics> {
    let outcomes = threads::run(ranks, |comm| -> Result<Statistics> {
        let mut built = build::structure(config, comm)?;
        built.atoms.iter_mut().for_each(shake);
        let engine = Engine::new(comm, meam, built.cell, &built.atoms, settings)?;
        Ok(*engine.statistics())
    });
    outcomes.into_iter().next().expect("there is a first rank")
}

/// Displaces an atom as heat does: no cut can divide a plane of a perfect crystal,
/// so cold it would look harder to divide than it is.
fn shake(atom: &mut Atom) {
    let by = Stream::new(0, Purpose::Planning, 0, atom.id).normal_vector();
    atom.position = add(atom.position, scale(by, THERMAL));
}

/// Atoms times steps in a second on one core of this machine, forces only.
fn speed(config: &Config, meam: &Meam, settings: Settings) -> Result<f64> {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let one = one.map_err(|e| Error::Run(format!("no thread could be started: {e}")))?;
    one.install(|| {
        let comm = Comm::single();
        let mut built = build::structure(config, &comm)?;
        built.atoms.truncate(SAMPLE);
        let mut engine = Engine::new(&comm, meam, built.cell, &built.atoms, settings)?;
        engine.update_forces(false)?;
        let start = Instant::now();
        for _ in 0..EVALUATIONS {
            engine.update_forces(false)?;
        }
        let evaluated = built.atoms.len() as f64 * EVALUATIONS as f64;
        Ok(evaluated / start.elapsed().as_secs_f64())
    })
}

/// What the protocol asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Work {
    /// Time steps, and evaluations in minimisations at most.
    steps: u64,
    minimisation: u64,
    frames: u64,
}

impl Work {
    fn of(config: &Config) -> Work {
        let mut work = Work { frames: 1, ..Work::default() };
        for stage in &config.stages {
            let interval =
                stage.trajectory_interval_ps.unwrap_or(config.output.trajectory_interval_ps);
            match stage.duration_ps.filter(|_| stage.kind.is_dynamic()) {
                Some(duration) => {
                    let steps = config.dynamics.steps(duration);
                    work.steps += steps;
                    work.frames += steps / config.dynamics.steps(interval);
                }
                None => {
                    work.minimisation += stage.max_steps;
                    work.frames += 1;
                }
            }
        }
        work
    }
}

fn describe_ranks(text: &mut String, statistics: &Statistics, (ranks, threads): (usize, usize)) {
    let Statistics { atoms, ghosts, imbalance, most_atoms, most_ghosts, most_bytes, .. } =
        *statistics;
    let count = ranks as u64;
    let memory = BASE_BYTES + most_bytes + most_atoms * KERNEL_BYTES;
    let _ = writeln!(text, "atoms        {atoms}, on {ranks} ranks x {threads} threads");
    let _ = writeln!(text, "per rank     {} atoms on average, {most_atoms} at most", atoms / count);
    let _ = writeln!(text, "imbalance    {imbalance:.3} (greatest work of a rank over the mean)");
    let _ = writeln!(
        text,
        "ghosts       {} per rank on average, {most_ghosts} at most",
        ghosts / count
    );
    let _ = writeln!(
        text,
        "memory       about {} per rank, {} in all",
        bytes(memory),
        bytes(memory * count)
    );
    if atoms < count {
        let _ = writeln!(text, "note         {} ranks have no atoms", count - atoms);
    }
}

/// Bytes per atom of a frame and of a checkpoint: f64 vectors, i64 ids, and smaller integers.
fn describe_files(text: &mut String, config: &Config, atoms: u64, work: &Work) {
    let output = &config.output;
    let vectors = 1 + output.velocities as u64 + output.forces as u64;
    let frame = 24 * vectors + 8 * output.energies as u64 + 8 + 4;
    let checkpoint = 8 + 24 + 12 + 24 + 1 + 4;
    let _ = writeln!(
        text,
        "trajectory   {}: {} frames of {}",
        bytes(atoms * frame * work.frames),
        work.frames,
        bytes(atoms * frame)
    );
    let _ = writeln!(
        text,
        "checkpoints  {} each, the last {} are kept",
        bytes(atoms * checkpoint),
        output.keep_checkpoints
    );
}

fn describe_time(
    text: &mut String,
    work: &Work,
    statistics: &Statistics,
    speed: f64,
    cores: usize,
) {
    let per_step = statistics.atoms as f64 * statistics.imbalance / (speed * cores as f64);
    let _ = writeln!(
        text,
        "speed        {:.0} thousand atom-steps/s on one core of this machine (forces, measured now)",
        speed / 1000.0
    );
    let _ = writeln!(
        text,
        "time         about {} for {} steps, if {cores} such cores keep that speed; messages, \
         observers and files come on top",
        duration(per_step * work.steps as f64),
        work.steps
    );
    if work.minimisation > 0 {
        let _ = writeln!(
            text,
            "             and at most {} for {} steps of minimisation",
            duration(per_step * work.minimisation as f64),
            work.minimisation
        );
    }
}

/// In the unit that suits it.
fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.3} {}", units[unit]) }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quickstart() -> Config {
        input::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/inputs/quickstart.toml")))
            .unwrap()
    }

    #[test]
    fn work_follows_from_the_protocol() {
        let config = quickstart();
        let steps = |ps: f64| (ps * 1000.0 / config.dynamics.timestep_fs).round() as u64;
        let durations: Vec<f64> = config.stages.iter().filter_map(|s| s.duration_ps).collect();
        let interval = steps(config.output.trajectory_interval_ps);
        let wanted = Work {
            steps: durations.iter().map(|&d| steps(d)).sum(),
            minimisation: 0,
            frames: 1 + durations.iter().map(|&d| steps(d) / interval).sum::<u64>(),
        };
        assert_eq!(Work::of(&config), wanted);
    }

    #[test]
    fn the_ranks_of_a_plan_are_those_of_a_run() {
        let config = quickstart();
        let text = report(&config, 8, 2).unwrap();
        let atoms = build::layout(&config).unwrap().atoms;
        assert!(text.starts_with(&format!("atoms        {atoms}, on 8 ranks x 2 threads\n")));
        let imbalance = text.split("imbalance    ").nth(1).and_then(|t| t.split(' ').next());
        let imbalance: f64 = imbalance.unwrap().parse().unwrap();
        assert!((1.0..1.2).contains(&imbalance), "{text}");
        assert!(text.contains("16 such cores"));
        let error = report(&config, 0, 1).unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn figures_come_in_the_unit_that_suits_them() {
        assert_eq!(
            [999, 1000, 1_234_567, 5_000_000_000].map(bytes),
            ["999 B", "1.000 kB", "1.235 MB", "5.000 GB"]
        );
        assert_eq!(
            [1.0, 600.0, 36_000.0, 864_000.0].map(duration),
            ["1 s", "10 min", "10.0 h", "10.0 days"]
        );
    }
}
