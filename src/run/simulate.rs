//! The command that runs an input: from its text to the last line of the log.

use std::path::Path;

use super::Ending;
use super::arguments::Run;
use super::files::Files;
use super::folder::{LOG, TRAJECTORY};
use super::origin::{self, Origin};
use super::potential::potential;
use super::self_test::self_test;
use super::simulation::Simulation;
use super::start::{From, Start};
use super::threads::InUse;
use super::warnings;
use super::watch::Watch;
use crate::comm::Comm;
use crate::dynamics::Protocol;
use crate::error::Result;
use crate::input::{self, Config};
use crate::potential::{ForceField, Potential, one_body};
use crate::write::log::Log;
use crate::write::report;
use crate::write::survey::last_frame;

/// Runs an input. Every rank calls it.
pub fn simulate(comm: &Comm, run: &Run, mut log: Log) -> Result<Ending> {
    let mut config = comm.agree(warnings::read_input(&run.input))?;
    let mut watch = comm.agree(Watch::begin(&config, comm))?;
    let (potential, own) = comm.agree(potential(&mut config))?;
    warnings::tell(potential.warnings());
    warnings::tell(&own.warnings);
    // The same on every rank, so one evaluates it.
    let tested = comm.is_root().then(|| self_test(&potential)).transpose();
    let tested = comm.agree(tested)?;
    // Locked to the end.
    let (folder, held) = origin::take(run, comm)?;
    watch.locked(&folder);
    let from = origin::resolve(run, &folder, held.as_ref(), comm)?;
    let start = match &from {
        Origin::Checkpoint(checkpoint) => {
            let there = comm.any(comm.is_root() && folder.join(TRAJECTORY).exists());
            let from = From { checkpoint, extend: run.extend, new_trajectory: !there };
            Start::restart(&mut config, &potential, comm, &from)?
        }
        Origin::Beginning(_) => Start::build(&mut config, &potential, comm, run.extend)?,
    };
    let replaced = match from {
        Origin::Beginning(leftovers) => origin::make_room(leftovers, held.as_ref(), comm)?,
        Origin::Checkpoint(_) => None,
    };
    comm.agree(input::settle(&mut config, start.layout.cell.periodic))?;
    let opened = log.open(&folder.join(LOG));
    comm.agree(opened)?;
    log.start(&report::Heading {
        title: &config.title,
        input: &run.input,
        composition: &composition(&start, &potential, comm),
        particles: start.layout.particles.len(),
        cell: &start.layout.cell,
        runs_on: &InUse::find(comm).told(potential.instruction_set().name()),
        conventions: &(potential.conventions() + &one_body::conventions(&config)),
        mpi: &comm.transport().library(),
        timestep_fs: config.dynamics.timestep_fs,
        stages: &config.stages,
        end_of_job: watch.end_of_job(),
        resumed: start.resumed.as_ref().map(|(path, step)| (path.as_path(), *step)),
        files: &[folder.join(TRAJECTORY), folder.join("checkpoint-<step>.h5"), folder.join(LOG)],
    });
    if let Some(tested) = tested {
        log.say(&(tested.table + &own.table));
        warnings::tell(&tested.deviations);
    }
    let changes = start.provenance.lineage.last().filter(|_| start.resumed.is_some());
    let changes = changes.map_or(&[][..], |restart| &restart.changes);
    let step = start.state.progress.step;
    if is_complete(&config, &start, &folder, comm) {
        log.say(&report::nothing_left(step, config.stages.len(), changes));
        return Ok(Ending::Done);
    }
    log.say(&report::changes(step, changes));
    warnings::forget_densities(&potential);
    let files = Files::open(&folder, &config, comm, &start, log)?;
    origin::discard(replaced.as_deref(), comm)?;
    watch.start(&folder, start.layout.atoms, start.state.progress.step);
    Simulation::new(&config, comm, &potential, start, (files, watch))?.run()
}

/// Whether the run is through its protocol and its files say so: nothing is left to do.
/// Collective.
fn is_complete(config: &Config, start: &Start, folder: &Path, comm: &Comm) -> bool {
    let through = Protocol::new(config).stage(&start.state.progress).is_none();
    let trajectory = folder.join(TRAJECTORY);
    let step = start.state.progress.step;
    // A job that was killed may have written the last checkpoint but not the last frame.
    let written = || last_frame(&trajectory).is_ok_and(|last| last == Some(step));
    comm.any(comm.is_root() && through && trajectory.exists() && written())
}

/// Symbol and number of atoms of each species.
fn composition(start: &Start, potential: &ForceField, comm: &Comm) -> Vec<(String, u64)> {
    let mut counts = vec![0i64; potential.species().len()];
    start.atoms.iter().for_each(|atom| counts[atom.species as usize] += 1);
    comm.sum_i64(&mut counts);
    let symbols = potential.species().iter().map(|species| species.symbol.clone());
    symbols.zip(counts.into_iter().map(|n| n as u64)).collect()
}
