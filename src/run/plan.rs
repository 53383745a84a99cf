//! `sinter-hpc plan`: what a run on so many ranks would be, before it is queued.
//!
//! One process builds the structure and lists its neighbours; space is divided by
//! the same bisection and the same costs as in a run, and ghosts are counted by the
//! rule of the exchange: all atoms and images within the range of the potential plus
//! the skin of the bounding box of a rank's atoms. Sizes of files follow from the
//! protocol. The time comes from the speed of a core of this machine, measured on a
//! part of the structure.

use super::warnings;
use crate::atoms::Atom;
use crate::build;
use crate::comm::Comm;
use crate::domain::{Domains, imbalance};
use crate::error::{Error, Result};
use crate::force::{Engine, Settings, System};
use crate::geometry::{Vec3, add, scale};
use crate::input::{Arrangement, Config};
use crate::potential::Potential;
use crate::potential::meam::Meam;
use crate::random::{Purpose, Stream};
use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

/// Most ranks to plan for.
const MOST_RANKS: usize = 1 << 20;

/// Atoms on which the speed is measured, and evaluations of the forces.
const SAMPLE: usize = 10_000;
const EVALUATIONS: u32 = 3;

/// Thermal displacement along an axis, Å: that of a metal at some 1000 K.
const THERMAL: f64 = 0.15;

/// The arrays of `Atoms` for an owned atom and for a ghost, and where an owned atom
/// was and its list began at the last rebuild, bytes.
const OWNED_BYTES: u64 = 8 + 1 + 32 + 32 + 24 + 4 + 12 + 24 + 8;
const GHOST_BYTES: u64 = 8 + 1 + 32 + 32 + 4;

/// What the kernel keeps per owned atom beyond the engine's own arrays, bytes: coarse
/// positions and, where sums wait for those of ghosts, pairs and triples of a dense metal.
const KERNEL_BYTES: u64 = 16;
const WAITING_BYTES: u64 = 450;

/// What the messages of a step take on a cluster, however few the atoms: refresh and
/// two gathers among some ten neighbours, and a reduction, seconds.
const MESSAGES_SECONDS: f64 = 1e-4;

/// What a rank takes before it has an atom, bytes: MPI, HDF5, the program.
const BASE_BYTES: u64 = 60 << 20;

/// Prints the plan of a run on `ranks` ranks of `threads` threads each.
pub fn plan(input: &Path, ranks: usize, threads: usize) -> Result<()> {
    let config = warnings::read_input(input)?;
    print!("{}", report(&config, ranks, threads)?);
    Ok(())
}

fn report(config: &Config, ranks: usize, threads: usize) -> Result<String> {
    if !(1..=MOST_RANKS).contains(&ranks) {
        let message = format!("--ranks must be from 1 to {MOST_RANKS} for a plan, not {ranks}");
        return Err(Error::input(&config.source.path, 0, 0, message));
    }
    let mut config = config.clone();
    let (meam, _) = warnings::potential(&mut config)?;
    let config = &config;
    // Together, space is harder to divide than apart.
    let mut together = config.clone();
    for stage in &mut together.stages {
        stage.particles = Arrangement::Together;
    }
    let settings = Settings {
        skin: config.dynamics.skin_angstrom,
        energy_bound: config.output.energy_bound_ev_per_atom,
    };
    let shares = shares(&together, &meam, settings, ranks)?;
    let speed = speed(&together, &meam, settings)?;
    let work = Work::of(config);
    let costs: Vec<i64> = shares.iter().map(|s| (s.atoms + s.neighbours) as i64).collect();
    let atoms: u64 = shares.iter().map(|s| s.atoms).sum();
    let load = atoms as f64 * imbalance(&costs) / (ranks * threads) as f64;

    let mut text = format!("atoms        {atoms}, on {ranks} ranks x {threads} threads\n");
    describe_ranks(&mut text, &shares, imbalance(&costs), meam.words());
    describe_files(&mut text, config, atoms, &work);
    describe_time(&mut text, &work, load, speed, ranks * threads);
    Ok(text)
}

/// What one rank has.
#[derive(Debug, Clone, Copy)]
struct Share {
    atoms: u64,
    ghosts: u64,
    neighbours: u64,
    low: Vec3,
    high: Vec3,
}

impl Share {
    const NONE: Share = Share {
        atoms: 0,
        ghosts: 0,
        neighbours: 0,
        low: [f64::INFINITY; 3],
        high: [f64::NEG_INFINITY; 3],
    };

    fn take(&mut self, r: &[f64; 4], neighbours: u64) {
        self.atoms += 1;
        self.neighbours += neighbours;
        self.low = std::array::from_fn(|d| self.low[d].min(r[d]));
        self.high = std::array::from_fn(|d| self.high[d].max(r[d]));
    }

    /// Squared distance of a point from the bounding box, Å².
    fn distance_squared(&self, r: Vec3) -> f64 {
        let outside = |d: usize| (self.low[d] - r[d]).max(r[d] - self.high[d]).max(0.0);
        (0..3).map(|d| outside(d) * outside(d)).sum()
    }

    /// The arrays of the engine and of the kernel, bytes.
    fn bytes(&self, words: usize) -> u64 {
        let word = 8 * words as u64;
        let waiting = if self.ghosts > 0 { word + WAITING_BYTES } else { 0 };
        self.atoms * (OWNED_BYTES + KERNEL_BYTES + waiting)
            + self.ghosts * (GHOST_BYTES + word)
            + self.neighbours * 4
    }
}

/// What each of so many ranks would have.
fn shares(config: &Config, meam: &Meam, settings: Settings, ranks: usize) -> Result<Vec<Share>> {
    let comm = Comm::single();
    let mut built = build::structure(config, &comm)?;
    warnings::tell(&built.warnings);
    built.atoms.iter_mut().for_each(shake);
    let engine = Engine::new(&comm, meam, built.cell, built.atoms, settings)?;
    let (atoms, neighbours) = (engine.atoms(), engine.neighbours());
    let count = |i: usize| neighbours.of(i).len() as u64;
    let costs: Vec<i64> = (0..atoms.owned).map(|i| 1 + count(i) as i64).collect();
    let owned = &atoms.position[..atoms.owned];
    let domains = Domains::bisect(engine.cell(), ranks, owned, &costs, &comm);
    let owners: Vec<usize> = owned.iter().map(|r| domains.owner(r)).collect();
    let mut shares = vec![Share::NONE; ranks];
    for (i, &rank) in owners.iter().enumerate() {
        shares[rank].take(&owned[i], count(i));
    }
    let reach = meam.range() + settings.skin;
    // Beyond the owned atoms stand their periodic images.
    for (i, &[x, y, z, _]) in atoms.position.iter().enumerate() {
        let r = [x, y, z];
        domains.ranks_in(r.map(|x| x - reach), r.map(|x| x + reach), &mut |rank| {
            let near = shares[rank].distance_squared(r) <= reach * reach;
            shares[rank].ghosts += (near && owners.get(i) != Some(&rank)) as u64;
        });
    }
    Ok(shares)
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
        let atoms = built.atoms.len();
        let mut engine = Engine::new(&comm, meam, built.cell, built.atoms, settings)?;
        engine.update_forces(false)?;
        let start = Instant::now();
        for _ in 0..EVALUATIONS {
            engine.update_forces(false)?;
        }
        let evaluated = atoms as f64 * EVALUATIONS as f64;
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

fn describe_ranks(text: &mut String, shares: &[Share], imbalance: f64, words: usize) {
    let ranks = shares.len() as u64;
    let mean_and_most = |of: &dyn Fn(&Share) -> u64| {
        let sum: u64 = shares.iter().map(of).sum();
        (sum / ranks, shares.iter().map(of).max().unwrap_or(0))
    };
    let (mean, most) = mean_and_most(&|s| s.atoms);
    let _ = writeln!(text, "per rank     {mean} atoms on average, {most} at most");
    let _ = writeln!(text, "imbalance    {imbalance:.3} (greatest work of a rank over the mean)");
    let (mean, most) = mean_and_most(&|s| s.ghosts);
    let _ = writeln!(text, "ghosts       {mean} per rank on average, {most} at most");
    let (mean, most) = mean_and_most(&|s| BASE_BYTES + s.bytes(words));
    let _ = writeln!(
        text,
        "memory       about {} per rank, {} in all",
        bytes(most),
        bytes(mean * ranks)
    );
    let idle = shares.iter().filter(|s| s.atoms == 0).count();
    if idle > 0 {
        let _ = writeln!(text, "note         {idle} ranks have no atoms");
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
        config.checkpoint.keep
    );
}

/// `load`: atoms of the busiest core.
fn describe_time(text: &mut String, work: &Work, load: f64, speed: f64, cores: usize) {
    let _ = writeln!(
        text,
        "speed        {:.0} thousand atom-steps/s on one core of this machine (forces, measured now)",
        speed / 1000.0
    );
    let mut line = |steps: u64, most: &str| {
        let forces = load / speed * steps as f64;
        let messages = if cores > 1 { MESSAGES_SECONDS * steps as f64 } else { 0.0 };
        let _ = writeln!(
            text,
            "time         {most}{} for {steps} steps: forces {} if {cores} such cores keep that speed, \
             messages {}; files come on top",
            duration(forces + messages),
            duration(forces),
            duration(messages)
        );
    };
    line(work.steps, "about ");
    if work.minimisation > 0 {
        line(work.minimisation, "and minimisation at most ");
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
    use super::super::potential::potential;
    use super::*;
    use crate::input;

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

    /// A run divides space by atoms alone until it finds that worse than this, and
    /// does not look again (`force::Engine`).
    const DIVIDED_OTHERWISE: f64 = 0.1;

    #[test]
    fn the_ranks_of_a_plan_are_those_of_a_run() {
        let mut config = quickstart();
        config.stages.truncate(0);
        let (meam, _) = potential(&mut config).unwrap();
        let settings = Settings { skin: 1.0, energy_bound: 100.0 };
        for ranks in [1, 5, 8] {
            let shares = shares(&config, &meam, settings, ranks).unwrap();
            let real = crate::comm::threads::run(ranks, |comm| {
                let mut built = build::structure(&config, comm).unwrap();
                built.atoms.iter_mut().for_each(shake);
                let engine = Engine::new(comm, &meam, built.cell, built.atoms, settings).unwrap();
                *engine.statistics()
            })[0];
            let sum = |of: fn(&Share) -> u64| shares.iter().map(of).sum::<u64>();
            assert_eq!(sum(|s| s.atoms), real.atoms);
            assert_eq!(sum(|s| s.neighbours), real.neighbours);
            let [planned, ghosts] = [sum(|s| s.ghosts) as f64, real.ghosts as f64];
            assert!((planned - ghosts).abs() <= DIVIDED_OTHERWISE * ghosts, "{planned} {ghosts}");
        }
    }

    #[test]
    fn a_report_says_what_the_ranks_are() {
        let config = quickstart();
        let text = report(&config, 8, 2).unwrap();
        let atoms = build::layout(&config).unwrap().atoms;
        assert!(text.starts_with(&format!("atoms        {atoms}, on 8 ranks x 2 threads\n")));
        assert!(text.contains("16 such cores"));
        assert!(!text.contains("have no atoms"));
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
