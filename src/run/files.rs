//! Everything that a run writes, and its log: one place that knows which files
//! there are and in which order they are written.
//!
//! Invariant: when a checkpoint appears, the trajectory reaches as far as it does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder::{INPUT, TRAJECTORY, default_folder, is_same_file, set_aside};
use super::patience::Patience;
use super::start::Start;
use super::state::State;
use super::threads::InUse;
use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::dynamics::{Minimisation, Progress};
use crate::error::{Error, Result};
use crate::force::Engine;
use crate::geometry::Cell;
use crate::input::{self, Config};
use crate::observe::{Observers, Record};
use crate::potential::ForceField;
use crate::write::checkpoint::{Checkpoint, newer_than, remove_partial, write_checkpoint};
use crate::write::failure;
use crate::write::log::Log;
use crate::write::provenance::{Job, Provenance};
use crate::write::report::{self, Checkpoints, Close, End, Memory, PhaseTimes, program};
use crate::write::{Content, Departure, Frame, Trajectory};

/// The open files of a run.
pub struct Files<'c> {
    pub log: Log,
    comm: &'c Comm,
    folder: PathBuf,
    input: PathBuf,
    trajectory: Trajectory<'c>,
    provenance: Provenance,
    keep: usize,
    atoms: u64,
    last_checkpoint: Option<PathBuf>,
    checkpoints: Checkpoints,
    /// The step at which this job goes on with an earlier trajectory, until that is written.
    went_on_from: Option<(u64, Job)>,
    patience: Patience,
}

impl<'c> Files<'c> {
    /// Opens the files in `folder`: new ones, or those of the run that `start` goes
    /// on with, cut back to where it starts. Collective.
    pub fn open(
        folder: &Path,
        config: &Config,
        comm: &'c Comm,
        start: &Start,
        log: Log,
    ) -> Result<Files<'c>> {
        let job = Job::new(comm, rayon::current_num_threads());
        let path = folder.join(TRAJECTORY);
        let content = Content::of(&config.output);
        let origin = (&start.provenance, &job);
        let species = &start.provenance.species;
        let periodic = start.layout.cell.periodic;
        let there = comm.any(comm.is_root() && path.exists());
        if there && !start.changed.is_empty() {
            let names: Vec<&str> = start.changed.iter().map(|change| change.name()).collect();
            let why = format!(
                "this trajectory was begun with another {} (`may_change` in `[checkpoint]`), and one file is of \
                 one: go on in a new folder (--restart with --output)",
                names.join(" and another ")
            );
            return comm.agree(Err(Error::input(&path, 0, 0, why)));
        }
        let tidied = if comm.is_root() { tidy(folder, start) } else { Ok(()) };
        comm.agree(tidied)?;
        if let (Some((checkpoint, step)), false, true) = (&start.resumed, there, comm.is_root())
            && checkpoint.parent().is_some_and(|home| is_same_file(home, folder))
        {
            log::warn!(
                "{} is not here: a new one begins at step {step}, and what came before is not in it",
                path.display()
            );
        }
        let mut trajectory = match &start.resumed {
            Some((_, step)) if there => {
                let reached = start.state.last_frame;
                let trajectory = Trajectory::resume(&path, comm, (*step, reached), species)?;
                let there = trajectory.content();
                if there != content && comm.is_root() {
                    log::warn!(
                        "{} goes on as it was begun ({there}), though `[output]` asks for \
                         something else ({content}): for that, go on in a new folder (--restart \
                         with --output)",
                        path.display()
                    );
                }
                trajectory
            }
            _ => Trajectory::create(&path, comm, start.layout.atoms, periodic, content, origin)?,
        };
        trajectory.take_departures(&start.state.departures)?;
        let written = match comm.is_root() {
            true => write_input(&folder.join(INPUT), config),
            false => Ok(()),
        };
        comm.agree(written)?;
        Ok(Files {
            log,
            comm,
            folder: folder.to_path_buf(),
            input: config.source.path.clone(),
            trajectory,
            provenance: start.provenance.clone(),
            keep: config.checkpoint.keep,
            atoms: start.layout.atoms,
            last_checkpoint: start.resumed.as_ref().map(|(path, _)| path.clone()),
            checkpoints: Checkpoints::default(),
            patience: Patience::new(comm.is_root(), folder),
            went_on_from: start.resumed.as_ref().filter(|_| there).map(|(_, step)| (*step, job)),
        })
    }

    /// The clock of the run begins.
    pub fn begin(&mut self, progress: &Progress, time_ps: f64) {
        self.log.begin(progress.step, time_ps);
    }

    /// A measurement, to the time series and the log.
    pub fn series(&mut self, record: &Record) -> Result<()> {
        let Files { patience, trajectory, log, comm, .. } = self;
        patience.during(|| {
            trajectory.append_series(record)?;
            comm.agree(log.record(record))
        })
    }

    /// All departures so far, the last `new` of which are news.
    pub fn departures(&mut self, all: &[Departure], new: usize, removes: bool) -> Result<()> {
        self.trajectory.take_departures(all)?;
        self.log.say(&report::departures(&all[all.len() - new..], removes));
        Ok(())
    }

    /// A measurement of its own, as a point of paths, to the time series and not to the log.
    pub fn series_alone(&mut self, record: &Record) -> Result<()> {
        self.trajectory.append_series(record)
    }

    /// A frame and what was measured with it.
    pub fn frame(&mut self, record: &Record, frame: &Frame) -> Result<()> {
        let Files { patience, trajectory, .. } = self;
        patience.during(|| {
            trajectory.append_series(record)?;
            trajectory.append(frame).map(drop)
        })
    }

    /// A job that makes a step goes on with the trajectory; one that only finds that the run is
    /// done leaves no trace in it. Before its first step.
    pub fn go_on(&mut self) -> Result<()> {
        match self.went_on_from.take() {
            None => Ok(()),
            Some((step, job)) => self.trajectory.write_restart(step, (&self.provenance, &job)),
        }
    }

    /// Step of the last frame.
    pub fn last_frame(&self) -> Option<u64> {
        self.trajectory.last_step()
    }

    /// A checkpoint, after everything before it is in the trajectory and on the disk.
    /// Returns how long it took.
    pub fn checkpoint(
        &mut self,
        state: &State,
        time_ps: f64,
        cell: &Cell,
        atoms: &Atoms,
    ) -> Result<Duration> {
        let began = Instant::now();
        self.patience.during(|| self.trajectory.synchronise())?;
        let progress = &state.progress;
        let beginnings = state.observers.beginnings().clone();
        let state = serde_json::to_value(state)
            .map_err(|error| Error::Run(format!("the state of the run: {error}")))?;
        let checkpoint = Checkpoint::new(
            self.provenance.clone(),
            self.atoms,
            (progress.step, time_ps),
            progress.stage,
            *cell,
            state,
        );
        let checkpoint = Checkpoint { beginnings, ..checkpoint };
        let Files { patience, folder, comm, keep, .. } = self;
        let path = patience.during(|| write_checkpoint(folder, comm, &checkpoint, atoms, *keep))?;
        let took = began.elapsed();
        if self.comm.is_root() {
            log::info!("{} written in {:.2} s", path.display(), took.as_secs_f64());
        }
        self.checkpoints.add(took);
        self.last_checkpoint = Some(path);
        Ok(took)
    }

    /// Closes the files and says what happened.
    pub fn end(
        self,
        close: Close,
        record: Record,
        observers: &Observers,
        last: LastStage,
        engine: &mut Engine<ForceField>,
    ) -> Result<()> {
        let Files { log, comm, folder, input, trajectory, patience, .. } = self;
        let last_checkpoint = self.last_checkpoint;
        patience.during(|| trajectory.close())?;
        let times = PhaseTimes::gather(engine.clock(), comm);
        let path = folder.join(TRAJECTORY);
        let mut files = vec![path.clone()];
        files.extend(last_checkpoint.clone());
        files.extend([folder.join(super::folder::LOG), folder.join(INPUT)]);
        let mut log = log;
        log.end_stage();
        let end = End {
            close: &close,
            minimisation: last.minimisation,
            ramps: last.ramps,
            shortfalls: &last.shortfalls,
            checkpoints: self.checkpoints,
            contacts: observers.pairs.contacts(),
            statistics: engine.statistics(),
            speed: log.speed(record.step, record.time_ps, InUse::find(comm).cores),
            record: &record,
            files: &files,
            trajectory: &path,
            checkpoint: last_checkpoint.as_deref(),
            program: program(),
            input: &input,
            output: (folder != default_folder(&input)).then_some(&folder),
            ranks: comm.size(),
            memory: Memory::gather(comm),
        };
        let finished = log.finish(&times, &end);
        comm.agree(finished)
    }
}

/// What the last lines say of the protocol, where a run ends.
pub struct LastStage {
    pub minimisation: Option<Minimisation>,
    /// Whether something follows a ramp.
    pub ramps: bool,
    /// What this stage and those before have not reached.
    pub shortfalls: Vec<String>,
}

/// Makes the folder one of a run that has come as far as `start` and no further.
/// Checkpoints beyond it are of a future that is left (another one may come), or were
/// found unsound: they are set aside before the trajectory is cut back, so that a later
/// `--resume` does not take them for this run's.
fn tidy(folder: &Path, start: &Start) -> Result<()> {
    for partial in remove_partial(folder)? {
        log::warn!("{} was never finished: removed", partial.display());
    }
    let Some((_, step)) = &start.resumed else { return Ok(()) };
    let newer = newer_than(folder, *step)?;
    if let Some(aside) = set_aside(folder, &newer)? {
        log::warn!(
            "{} checkpoints beyond step {step} were set aside: {}",
            newer.len(),
            aside.display()
        );
    }
    Ok(())
}

/// The effective input, for the record; where the run was asked with this very file, it
/// says so itself. A disk that is full leaves the one before.
fn write_input(path: &Path, config: &Config) -> Result<()> {
    if is_same_file(path, &config.source.path) {
        return Ok(());
    }
    let begun = path.with_extension("partial");
    let written = std::fs::write(&begun, input::effective(config));
    let written = written.and_then(|()| std::fs::rename(&begun, path));
    written.map_err(|error| {
        // It takes no room where there is none.
        let _ = std::fs::remove_file(&begun);
        failure::unwritten(path, error)
    })
}
