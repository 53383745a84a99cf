//! The run: the loop that reads like the textbook page.
//!
//! A state is observed and written before the step that leaves it, and the last
//! one at the end; so whatever a stage does when it begins (putting particles
//! together, taking momenta away) is done before anyone looks. A checkpoint stands
//! at the end of each stage, before that: a restart from it observes and writes
//! the same state again, to the same bits, where the files do not have it yet. One
//! within a stage stands after a step, never before the first: what a stage does when
//! it begins is done once.

mod back;
mod seen;

use super::Ending;
use super::fault::Fault;
use super::files::{Files, LastStage};
use super::limits::{Verdict, judge};
use super::reason::Reason;
use super::start::Start;
use super::state::State;
use super::warnings;
use super::watch::{Order, Watch};
use crate::atoms::Atom;
use crate::build::{self, Layout};
use crate::clock::Phase;
use crate::comm::{Comm, begins_step};
use crate::dynamics::{self, Integrator, IntegratorState, Minimisation, Progress, Protocol, View};
use crate::error::{Error, Result};
use crate::force::one_body::{Scene, TermState};
use crate::force::{Departures, Engine, OneBodyTerms, Settings, System};
use crate::geometry::add;
use crate::input::config::Evaporated;
use crate::input::{AtomColumn, Config};
use crate::observe::{self, CloseUp, Observers, Record, Snapshot};
use crate::potential::{ForceField, Potential};
use crate::write::report::{self, Close};
use crate::write::{Departure, Frame};
use seen::snapshot;
use std::time::Instant;

/// How a stage came to its end.
enum Outcome {
    Finished,
    /// In its middle: the job ends.
    Stopped(Reason),
    /// In its middle: the run is done.
    Reached(String),
}

/// A run under way.
pub struct Simulation<'c> {
    config: &'c Config,
    comm: &'c Comm,
    protocol: Protocol,
    layout: Layout,
    engine: Engine<'c, ForceField>,
    progress: Progress,
    integrator: Option<IntegratorState>,
    observers: Observers,
    stage_energy: Option<f64>,
    shortfalls: Vec<String>,
    departures: Vec<Departure>,
    /// Step of the checkpoint that this job goes on from with the input that wrote it.
    kept: Option<u64>,
    /// Whether this job goes on from a checkpoint.
    resumed: bool,
    files: Files<'c>,
    watch: Watch<'c>,
    fault: Option<Fault>,
}

impl<'c> Simulation<'c> {
    /// The atoms of `start` on their ranks. Collective, like everything here.
    pub fn new(
        config: &'c Config,
        comm: &'c Comm,
        potential: &'c ForceField,
        start: Start,
        (files, watch): (Files<'c>, Watch<'c>),
    ) -> Result<Simulation<'c>> {
        let resumed = start.resumed.is_some();
        let kept = start.resumed.as_ref().map(|(_, step)| *step);
        let kept =
            kept.filter(|_| start.provenance.lineage.last().is_some_and(|l| l.changes.is_empty()));
        let Start { layout, cell, atoms, state, .. } = start;
        let mut engine = Engine::new(comm, potential, cell, atoms, settings(config))?;
        let known = state.departures.iter().map(|departure| departure.atom);
        engine.set_departures(departures(config).after(known));
        let mut simulation = Simulation {
            config,
            comm,
            protocol: Protocol::new(config),
            layout,
            engine,
            progress: state.progress,
            integrator: state.integrator,
            observers: state.observers,
            stage_energy: state.stage_energy,
            shortfalls: state.shortfalls,
            departures: state.departures,
            kept,
            resumed,
            files,
            watch,
            fault: comm.agree(Fault::ordered(comm))?,
        };
        match state.one_body {
            Some(states) => simulation.act_one_by_one(Some(&states))?,
            None if simulation.is_together() => simulation.act_one_by_one(None)?,
            None => {}
        }
        simulation.can_swap()?;
        Ok(simulation)
    }

    /// Swaps that are asked for must be possible.
    fn can_swap(&self) -> Result<()> {
        let view = View::new(&self.engine, self.comm);
        let idle =
            self.protocol.idle_swaps(self.progress.stage, &view, self.engine.potential().cutoff());
        self.comm.agree(match idle {
            Some((key, why)) => Err(self.config.source.error(&key, why)),
            None => Ok(()),
        })
    }

    /// Whether the particles share one space already.
    fn is_together(&self) -> bool {
        let last = self.protocol.stages.len() - 1;
        !self.protocol.stages[self.progress.stage.min(last)].apart && !self.joins()
    }

    /// Whether the particles are put together with the next step.
    fn joins(&self) -> bool {
        let Progress { stage, step_in_stage, .. } = self.progress;
        let stages = &self.protocol.stages;
        let [before, next] = [stage.checked_sub(1), Some(stage)].map(|n| stages.get(n?));
        step_in_stage == 0 && before.is_some_and(|s| s.apart) && next.is_some_and(|s| !s.apart)
    }

    /// Lets the one-body terms act from now on, or go on as a checkpoint has them.
    fn act_one_by_one(&mut self, states: Option<&[TermState]>) -> Result<()> {
        let engine = &self.engine;
        let (atoms, cell, species) = (engine.atoms(), engine.cell(), engine.potential().species());
        let scene = Scene { comm: self.comm, atoms, cell, species };
        let one_body = match states {
            Some(states) => OneBodyTerms::resume(self.config, scene, states),
            None => OneBodyTerms::begin(self.config, scene),
        };
        let wrong = |(key, message): (String, String)| self.config.source.error(&key, message);
        let one_body = self.comm.agree(one_body.map_err(wrong))?;
        if states.is_none() && !one_body.is_empty() {
            self.files.log.say(&format!("\nOne-body terms begin to act\n{}", one_body.found()));
        }
        self.engine.set_one_body(one_body);
        if states.is_none() {
            warnings::of_movable(self.engine.atoms(), self.comm);
        }
        Ok(())
    }

    /// Carries out what is left of the protocol, or of it what the job has time for.
    pub fn run(mut self) -> Result<Ending> {
        self.files.begin(&self.progress, self.protocol.time(&self.progress));
        self.keep_wishes()?;
        let mut last = None;
        while self.protocol.stage(&self.progress).is_some() {
            let mut integrator = self.begin_stage()?;
            let outcome = self.stage(&mut integrator)?;
            self.files.log.end_stage();
            match outcome {
                Outcome::Finished => {
                    self.conclude(&integrator);
                    self.progress.next_stage();
                    self.integrator = Some(integrator.state().clone());
                    self.checkpoint(self.integrator.clone())?;
                    let order = self.watch.order(self.progress.step);
                    let more = self.protocol.stage(&self.progress).is_some();
                    if let (Order::Stop(reason), true) = (order, more) {
                        return self.stopped(reason, &mut integrator);
                    }
                }
                Outcome::Stopped(reason) => {
                    self.checkpoint_within(&integrator)?;
                    return self.stopped(reason, &mut integrator);
                }
                Outcome::Reached(why) => {
                    self.checkpoint_within(&integrator)?;
                    return self.done(Close::Reached(why), &mut integrator);
                }
            }
            last = Some(integrator);
        }
        let mut last = match last {
            Some(integrator) => integrator,
            None => self.finished_before()?,
        };
        self.done(Close::Through, &mut last)
    }

    /// A checkpoint between two stages tells the input of the job that wrote it. One that goes on from it
    /// with another input may find at once that the run is done, and what it was asked (a longer
    /// stage, say) is to hold in later jobs.
    fn keep_wishes(&mut self) -> Result<()> {
        let between = self.resumed && self.progress.step_in_stage == 0;
        if between && self.kept.is_none() && self.protocol.stage(&self.progress).is_some() {
            self.checkpoint(self.integrator.clone())?;
        }
        Ok(())
    }

    /// Says what came of swaps, and how a minimisation ended; what has not been reached is told again at the end.
    fn conclude(&mut self, integrator: &Integrator) {
        let swaps = integrator.stage().swaps.as_ref().map(|swaps| (integrator.swaps(), swaps.bond));
        if let Some((tally, _)) = &swaps {
            self.files.log.say(&report::swapped(tally));
        }
        let swapless = swaps.and_then(|(tally, bond)| report::swapless(&tally, bond));
        let stage = format!("stage {} ({})", self.progress.stage + 1, integrator.stage().name);
        let minimised = integrator.minimisation();
        let reached = |end: &Minimisation| end.outcome == Some(dynamics::Outcome::Converged);
        if let Some(end) = minimised.filter(reached) {
            self.files.log.say(&format!("{stage} {}", report::minimised(&end)));
        }
        let failed = minimised.filter(|end| !reached(end)).map(|end| report::minimised(&end));
        let pressure = integrator.pressure_held(self.engine.cell().volume());
        let pressure = pressure.and_then(|judgement| report::not_held(&judgement));
        for what in failed.into_iter().chain(pressure).chain(swapless) {
            let told = format!("{stage} {what}");
            if self.comm.is_root() {
                log::warn!("{told}");
            }
            self.shortfalls.push(told);
        }
    }

    /// One stage of the protocol, from where `progress` stands.
    fn stage(&mut self, integrator: &mut Integrator) -> Result<Outcome> {
        while !integrator.is_finished(&self.progress) {
            match self.report(integrator)? {
                Verdict::GoOn => {}
                Verdict::Reached(why) => return Ok(Outcome::Reached(why)),
                Verdict::Broken(why) => {
                    self.checkpoint_within(integrator)?;
                    return self
                        .comm
                        .agree(Err(Error::Run(format!("step {}: {why}", self.progress.step))));
                }
            }
            if let Some(reason) = self.step(integrator)? {
                return Ok(Outcome::Stopped(reason));
            }
            if integrator.is_finished(&self.progress) {
                break;
            }
            match self.watch.order(self.progress.step) {
                Order::GoOn => {}
                Order::Checkpoint => self.checkpoint(Some(integrator.state().clone()))?,
                Order::Stop(reason) => return Ok(Outcome::Stopped(reason)),
            }
        }
        Ok(Outcome::Finished)
    }

    /// A step; or, if the job ends within it, why, and all is as before the step.
    fn step(&mut self, integrator: &mut Integrator) -> Result<Option<Reason>> {
        self.files.go_on()?;
        let before = self.before_long_step(integrator);
        self.progress.advance(&self.protocol);
        self.engine.set_step(self.progress.step);
        begins_step(self.progress.step);
        if let Some(fault) = &self.fault {
            fault.strike(self.progress.step, self.engine.atoms_mut());
        }
        self.engine.clock().enter(Phase::Integrate);
        let virial = self.virial_is_due(integrator);
        let energy = integrator.conserved_energy();
        let (mut end, begun) = (None, Instant::now());
        let watch = &mut self.watch;
        let mut ends = || {
            end = watch.ends_within_step();
            end.is_some()
        };
        let (engine, progress) = (&mut self.engine, &self.progress);
        let made = integrator.step_unless(engine, self.comm, progress, virial, &mut ends)?;
        if let (None, Some(before)) = (made, before) {
            self.go_back(before, integrator, begun.elapsed())?;
            return Ok(end);
        }
        if self.see_departures()? {
            // What they took with them is no drift.
            let taken = integrator.conserved_energy() - energy;
            self.stage_energy = self.stage_energy.map(|energy| energy + taken);
        }
        self.engine.clock().enter(Phase::Other);
        self.files.log.step(self.progress.step);
        Ok(None)
    }

    /// Notes the atoms that have departed in this step; whether there are any.
    fn see_departures(&mut self) -> Result<bool> {
        let new = self.engine.take_departures();
        let (step, time_ps) = (self.progress.step, self.protocol.time(&self.progress));
        self.departures.extend(new.iter().map(|&atom| Departure { step, time_ps, atom }));
        if !new.is_empty() {
            let removes = self.engine.atoms().removes;
            self.files.departures(&self.departures, new.len(), removes)?;
        }
        Ok(!new.is_empty())
    }

    /// The last state, which is observed and written whatever the intervals are.
    fn done(mut self, close: Close, integrator: &mut Integrator) -> Result<Ending> {
        let record = self.observe(integrator)?;
        self.write_series(&record)?;
        self.write_frame(integrator)?;
        self.trace(integrator)?;
        self.remark();
        let told = self.told(integrator);
        self.files.end(close, record, &self.observers, told, &mut self.engine)?;
        Ok(Ending::Done)
    }

    /// The state of the checkpoint just written. It is looked at for the log alone: the
    /// files must not show where jobs begin and end.
    fn stopped(mut self, reason: Reason, integrator: &mut Integrator) -> Result<Ending> {
        let record = self.observe(integrator)?;
        let close = Close::Interrupted(reason.words().into());
        self.remark();
        let told = self.told(integrator);
        self.files.end(close, record, &self.observers, told, &mut self.engine)?;
        Ok(Ending::Stopped)
    }

    /// Tells what the potential has met on any rank in this job.
    fn remark(&self) {
        warnings::of_densities(self.engine.potential(), self.comm);
    }

    /// What the last lines say of the protocol.
    fn told(&self, integrator: &Integrator) -> LastStage {
        let last = self.progress.stage.min(self.config.stages.len() - 1);
        LastStage {
            minimisation: integrator.minimisation(),
            ramps: self.config.stages[last].ramps().is_some(),
            shortfalls: self.shortfalls.clone(),
        }
    }

    fn begin_stage(&mut self) -> Result<Integrator> {
        let (index, stages) = (self.progress.stage, &self.protocol.stages);
        let begins = self.progress.step_in_stage == 0;
        let joins = self.joins();
        let steps = stages[index].steps;
        let title = format!(
            "Stage {} of {}: {}",
            index + 1,
            stages.len(),
            report::stage(&self.config.stages[index])
        );
        if joins {
            self.join()?;
            self.act_one_by_one(None)?;
        }
        self.files.log.begin_stage(&title, self.progress.step - self.progress.step_in_stage, steps);
        self.engine.set_step(self.progress.step);
        // Where a stage begins, that of the one before.
        let state = self.integrator.take();
        let swapped = state.as_ref().filter(|_| begins).and_then(IntegratorState::swaps);
        let integrator = match state.filter(|_| !begins) {
            Some(state) => Integrator::resume(
                &self.protocol,
                &self.progress,
                state,
                &mut self.engine,
                self.comm,
            ),
            None => Integrator::begin(&self.protocol, &self.progress, &mut self.engine, self.comm),
        }?;
        if let Some(tally) = swapped {
            // Before the row of the stage that begins, in whose place it stands.
            let now =
                snapshot(&self.engine, &integrator, (self.config, &self.protocol, &self.progress));
            let swaps = Some((now.place.stage - 1, tally));
            self.files.series_alone(&observe::swaps::of_ended_stage(&Snapshot { swaps, ..now }))?;
        }
        self.see_departures()?;
        if begins {
            self.stage_energy = None;
        }
        self.stage_energy.get_or_insert(integrator.conserved_energy());
        Ok(integrator)
    }

    /// Puts together the particles that were apart, each as it is.
    fn join(&mut self) -> Result<()> {
        let potential = self.engine.potential();
        let join = build::join(
            self.config,
            potential.species(),
            &self.layout,
            self.engine.atoms(),
            self.comm,
        );
        let moved = shifted(&self.engine, &join.shift);
        self.engine = self.engine.restarted(join.cell, moved)?;
        for gap in &join.gaps {
            self.files.log.say(&format!(
                "\nThe particles are put together: {:.2} Å between the facet planes, {:.2} Å\n\
                 between the outermost atoms",
                gap.planes, gap.atoms
            ));
        }
        Ok(())
    }

    /// Observes and writes the present state where that is due, and judges it.
    fn report(&mut self, integrator: &mut Integrator) -> Result<Verdict> {
        let (stage, step) = (integrator.stage(), self.progress.step_in_stage);
        let [series, frame, trace] =
            [stage.series_is_due(step), stage.frame_is_due(step), stage.trace_is_due(step)];
        let mut verdict = Verdict::GoOn;
        if series {
            let record = self.observe(integrator)?;
            self.write_series(&record)?;
            verdict = judge(&self.config.stop, &record, self.drift(integrator));
        }
        if frame {
            self.write_frame(integrator)?;
        }
        if trace {
            self.trace(integrator)?;
        }
        Ok(verdict)
    }

    /// Of the conserved energy since the stage began, eV per atom; there is none while
    /// energy is minimised.
    fn drift(&self, integrator: &Integrator) -> f64 {
        match self.stage_energy.filter(|_| integrator.stage().kind.is_dynamic()) {
            Some(first) => (integrator.conserved_energy() - first) / self.layout.atoms as f64,
            None => 0.0,
        }
    }

    /// Whether the forces of the step under way are to come with the virial. A
    /// minimiser may end at any step, and its end is observed.
    fn virial_is_due(&self, integrator: &Integrator) -> bool {
        let (stage, step) = (integrator.stage(), self.progress.step_in_stage);
        let observed = stage.series_is_due(step) || step == stage.steps || !stage.kind.is_dynamic();
        observed && self.observers.needs().virial
    }

    /// Forces of the present positions, before anyone looks.
    fn catch_up(&mut self, integrator: &mut Integrator) -> Result<()> {
        integrator.catch_up(&mut self.engine, self.observers.needs().virial)
    }

    fn observe(&mut self, integrator: &mut Integrator) -> Result<Record> {
        self.catch_up(integrator)?;
        self.engine.clock().enter(Phase::Observe);
        let snapshot =
            snapshot(&self.engine, integrator, (self.config, &self.protocol, &self.progress));
        let record = self.observers.measure(snapshot)?;
        self.engine.clock().enter(Phase::Other);
        Ok(record)
    }

    fn write_series(&mut self, record: &Record) -> Result<()> {
        self.engine.clock().enter(Phase::Write);
        self.files.series(record)?;
        self.engine.clock().enter(Phase::Other);
        Ok(())
    }

    fn write_frame(&mut self, integrator: &mut Integrator) -> Result<()> {
        self.catch_up(integrator)?;
        self.engine.clock().enter(Phase::Observe);
        let has_stress = self.config.output.columns.contains(&AtomColumn::Stress);
        let virials = has_stress.then(|| self.engine.virials()).transpose()?;
        let of = (self.config, &self.protocol, &self.progress);
        let snapshot =
            Snapshot { virials: virials.as_deref(), ..snapshot(&self.engine, integrator, of) };
        let close_up = self.observers.close_up(snapshot, self.engine.routes());
        self.engine.clock().enter(Phase::Write);
        let CloseUp { record, atoms: more } = &close_up;
        let frame = Frame {
            step: record.step,
            time_ps: record.time_ps,
            cell: self.engine.cell(),
            atoms: self.engine.atoms(),
            more: Some(more),
            together: !integrator.stage().apart,
            moving: integrator.stage().kind.is_dynamic(),
        };
        self.files.frame(record, &frame)?;
        self.engine.clock().enter(Phase::Other);
        Ok(())
    }

    /// Where the atoms are whose paths are wanted.
    fn trace(&mut self, integrator: &mut Integrator) -> Result<()> {
        let Some(wanted) = &self.config.traces else { return Ok(()) };
        self.catch_up(integrator)?;
        self.engine.clock().enter(Phase::Observe);
        let known = self.observers.traces.count();
        let snapshot =
            snapshot(&self.engine, integrator, (self.config, &self.protocol, &self.progress));
        let (record, told) = self.observers.trace(snapshot, wanted);
        warnings::tell(told);
        self.engine.clock().enter(Phase::Write);
        if let Some(record) = &record {
            let count = self.observers.traces.count();
            if known != count {
                self.files.log.say(&report::traced(count, wanted.interval_ps));
            }
            self.files.series_alone(record)?;
        }
        self.engine.clock().enter(Phase::Other);
        Ok(())
    }

    fn checkpoint(&mut self, integrator: Option<IntegratorState>) -> Result<()> {
        self.engine.clock().enter(Phase::Checkpoint);
        let state = State {
            progress: self.progress,
            integrator,
            observers: self.observers.clone(),
            stage_energy: self.stage_energy,
            last_frame: self.files.last_frame(),
            shortfalls: self.shortfalls.clone(),
            departures: self.departures.clone(),
            one_body: self.engine.one_body().map(OneBodyTerms::states),
        };
        let time = self.protocol.time(&self.progress);
        let cost = self.files.checkpoint(&state, time, self.engine.cell(), self.engine.atoms())?;
        self.watch.checkpointed(cost);
        self.engine.clock().enter(Phase::Other);
        Ok(())
    }

    /// Before its first step, the checkpoint that ends the stage before serves; before the
    /// first of a job, the one that it goes on from.
    fn checkpoint_within(&mut self, integrator: &Integrator) -> Result<()> {
        let kept = self.progress.step_in_stage == 0 || self.kept == Some(self.progress.step);
        if kept { Ok(()) } else { self.checkpoint(Some(integrator.state().clone())) }
    }

    /// The end of the last stage, where a checkpoint says that nothing is left to do.
    fn finished_before(&mut self) -> Result<Integrator> {
        let end = Progress { stage: self.protocol.stages.len() - 1, ..self.progress };
        match self.integrator.take() {
            Some(state) => {
                Integrator::resume(&self.protocol, &end, state, &mut self.engine, self.comm)
            }
            None => Integrator::begin(&self.protocol, &end, &mut self.engine, self.comm),
        }
    }
}

fn settings(config: &Config) -> Settings {
    Settings {
        skin: config.dynamics.skin_angstrom,
        energy_bound: config.output.energy_bound_ev_per_atom,
    }
}

fn departures(config: &Config) -> Departures {
    let removes = config.evaporation.atoms == Evaporated::Remove;
    Departures::beyond(config.evaporation.border(), removes)
}

/// The atoms of this rank, those of each particle moved by its shift; what has departed stays.
fn shifted(engine: &Engine<ForceField>, shift: &[[f64; 3]]) -> Vec<Atom> {
    let (atoms, cell) = (engine.atoms(), engine.cell());
    let moved = |i: usize| {
        let atom = atoms.record(i);
        let place = cell.unwrap(&atoms.position[i], &atom.image);
        let shift = if atoms.has_departed(i) { [0.0; 3] } else { shift[atom.particle as usize] };
        Atom { position: add(place, shift), image: [0; 3], ..atom }
    };
    (0..atoms.owned).map(moved).collect()
}
