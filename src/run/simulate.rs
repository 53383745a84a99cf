//! The command that runs an input: from its text to the last line of the log.

use std::path::PathBuf;

use super::Ending;
use super::arguments::Run;
use super::files::Files;
use super::folder::{Existing, LOG, TRAJECTORY, default_folder, output_folder};
use super::lock::Lock;
use super::potential::potential;
use super::self_test::self_test;
use super::simulation::Simulation;
use super::start::Start;
use super::warnings;
use super::watch::Watch;
use crate::comm::Comm;
use crate::error::Result;
use crate::potential::Potential;
use crate::potential::meam::Meam;
use crate::write::checkpoint::newest_sound;
use crate::write::log::Log;
use crate::write::report;

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// At the beginning; what becomes of a run that the folder holds.
    Beginning(Existing),
    /// At this checkpoint.
    Checkpoint(PathBuf),
}

/// Runs an input. Every rank calls it.
pub fn simulate(comm: &Comm, run: &Run, mut log: Log) -> Result<Ending> {
    let config = comm.agree(warnings::read_input(&run.input))?;
    let mut watch = comm.agree(Watch::begin(&config, comm))?;
    let potential = comm.agree(potential(&config))?;
    warnings::tell(potential.warnings());
    // The same on every rank, so one evaluates it.
    let tested = comm.is_root().then(|| self_test(&potential)).transpose();
    let tested = comm.agree(tested)?;
    let from = resolve(run, comm)?;
    let start = match &from {
        Origin::Checkpoint(path) => Start::restart(&config, &potential, comm, path)?,
        _ => Start::build(&config, &potential, comm)?,
    };
    // Held to the end.
    let (folder, _lock) = folder(run, &from, comm)?;
    let opened = log.open(&folder.join(LOG));
    comm.agree(opened)?;
    log.start(&report::Start {
        title: &config.title,
        input: &run.input,
        composition: &composition(&start, &potential, comm),
        particles: start.layout.particles.len(),
        cell: &start.cell,
        ranks: comm.size(),
        threads: rayon::current_num_threads(),
        instruction_set: potential.instruction_set().name(),
        conventions: &potential.conventions(),
        mpi: &comm.transport().library(),
        timestep_fs: config.dynamics.timestep_fs,
        stages: &config.stages,
        end_of_job: watch.end_of_job(),
        resumed: start.resumed.as_ref().map(|(path, step)| (path.as_path(), *step)),
        files: &[folder.join(TRAJECTORY), folder.join("checkpoint-<step>.h5"), folder.join(LOG)],
    });
    if let Some(tested) = tested {
        log.say(&tested.table);
        warnings::tell(&tested.deviations);
    }
    let files = Files::open(&folder, &config, comm, &start, log)?;
    watch.start(&folder, start.layout.atoms, start.state.progress.step)?;
    Simulation::new(&config, comm, &potential, start, (files, watch))?.run()
}

/// What the command line asks; with `--resume` the newest sound checkpoint in the
/// folder, or else the beginning.
fn resolve(run: &Run, comm: &Comm) -> Result<Origin> {
    if let Some(path) = &run.restart {
        return Ok(Origin::Checkpoint(path.clone()));
    }
    if !run.resume {
        let existing = if run.force { Existing::Replace } else { Existing::Refuse };
        return Ok(Origin::Beginning(existing));
    }
    let folder = run.output.clone().unwrap_or_else(|| default_folder(&run.input));
    if !comm.any(comm.is_root() && folder.is_dir()) {
        return Ok(Origin::Beginning(Existing::Refuse));
    }
    let (newest, refused) = newest_sound(&folder, comm)?;
    let instead = match &newest {
        Some(_) => "an older checkpoint is taken",
        None => "what the folder holds is set aside",
    };
    for error in refused.iter().filter(|_| comm.is_root()) {
        log::warn!("{error}; {instead}");
    }
    // Without a checkpoint there is nothing in the folder to lose but a false start.
    let existing = if refused.is_empty() { Existing::Replace } else { Existing::SetAside };
    Ok(newest.map_or(Origin::Beginning(existing), Origin::Checkpoint))
}

/// The output folder, which the first rank makes and locks.
fn folder(run: &Run, from: &Origin, comm: &Comm) -> Result<(PathBuf, Option<Lock>)> {
    let existing = match from {
        Origin::Beginning(existing) => *existing,
        Origin::Checkpoint(_) => Existing::Continue,
    };
    let output = run.output.as_deref();
    let made = comm.is_root().then(|| output_folder(&run.input, output, existing)).transpose();
    let (folder, lock) = comm.agree(made)?.unzip();
    let name = folder.map(|folder| folder.to_string_lossy().into_owned());
    let name: String = comm.broadcast(0, name);
    Ok((PathBuf::from(name), lock))
}

/// Symbol and number of atoms of each species.
fn composition(start: &Start, potential: &Meam, comm: &Comm) -> Vec<(String, u64)> {
    let mut counts = vec![0i64; potential.species().len()];
    start.atoms.iter().for_each(|atom| counts[atom.species as usize] += 1);
    comm.sum_i64(&mut counts);
    let symbols = potential.species().iter().map(|species| species.symbol.clone());
    symbols.zip(counts.into_iter().map(|n| n as u64)).collect()
}
