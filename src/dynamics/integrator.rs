//! One stage under way: what the run's loop drives, step by step.
//!
//! A step of dynamics, with half a step of a Nose-Hoover chain at either end,
//! Langevin's friction and noise in the middle of the drift, or Bussi's rescaling
//! at the end:
//!
//! ```text
//! rescale,  kick dt/2,  drift dt/2, noise, drift dt/2,  forces,  kick dt/2,  rescale
//! ```
//!
//! A stage may ask for another integrator than this velocity Verlet one:
//!
//! ```text
//! position Verlet  rescale,  drift dt/2,  forces,  kick dt,  drift dt/2,  rescale
//! ```
//!
//! Position Verlet has its forces in the middle of a step, where the motion needs no others; who looks at it asks
//! for those of the whole step (`catch_up`), which changes nothing that follows. Leapfrog, a whole kick and a whole drift,
//! has its velocities at half steps; shown half a kick on, as of the positions, it is velocity Verlet to the
//! bit, as a kick adds integers (`verlet`) and two halves are a whole.
//!
//! Invariants: between steps, forces belong to positions once it has caught up, and `State` with the
//! atoms' positions, velocities and images is all that the future depends on.

use serde::{Deserialize, Serialize};

use crate::comm::Comm;
use crate::dynamics::barostat::{BarostatState, Change, History, Judgement};
use crate::dynamics::fire::{self, Fire, Minimisation};
use crate::dynamics::groups::{Group, Groups, Kinetics, View, largest_speed, temperature};
use crate::dynamics::motion::Motion;
use crate::dynamics::protocol::{Progress, Protocol, Stage};
use crate::dynamics::swaps::{self, Tally};
use crate::dynamics::thermostat::{Chain, Target, ThermostatState, langevin};
use crate::dynamics::verlet::HalfStep;
use crate::dynamics::{momentum, velocities, verlet};
use crate::error::Result;
use crate::force::{System, Totals};
use crate::geometry::{Vec3, add};
use crate::input::config::{Scheme, Thermostat};

/// All that an integrator remembers from step to step; goes into checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum IntegratorState {
    Dynamics(Motion),
    Minimisation(Fire),
}

impl IntegratorState {
    /// What came of swaps, in a stage that has some.
    pub fn swaps(&self) -> Option<Tally> {
        match self {
            IntegratorState::Dynamics(motion) => motion.swaps,
            IntegratorState::Minimisation(_) => None,
        }
    }

    /// Whether a stage can be gone on with from this state, saved in its middle;
    /// `groups`: of its thermostat.
    pub fn fits(&self, stage: &Stage, groups: usize) -> bool {
        match self {
            IntegratorState::Minimisation(_) => !stage.kind.is_dynamic(),
            IntegratorState::Dynamics(motion) => {
                let settings = stage.thermostat.as_ref();
                let thermostat = match (&motion.thermostat, settings.map(|t| t.kind)) {
                    (ThermostatState::None, None) => true,
                    (ThermostatState::NoseHoover(chains), Some(Thermostat::NoseHoover)) => {
                        let wanted = settings.map_or(0, |t| t.chain_length);
                        chains.iter().all(|chain| chain.length() == wanted)
                    }
                    (ThermostatState::Langevin { .. }, Some(Thermostat::Langevin)) => true,
                    (ThermostatState::Bussi { .. }, Some(Thermostat::Bussi)) => true,
                    _ => false,
                };
                let barostat = match (&motion.barostat, &stage.pressure) {
                    (None, None) => true,
                    (Some(state), Some(settings)) => state.fits(settings),
                    _ => false,
                };
                let moves = stage.kind.is_dynamic() && motion.kinetics.len() == groups;
                moves && thermostat && barostat
            }
        }
    }
}

/// A stage under way.
#[derive(Debug, Clone)]
pub struct Integrator {
    stage: Stage,
    seed: u64,
    /// ps
    timestep: f64,
    /// What a thermostat acts on: the system, or each particle.
    groups: Groups,
    /// What Langevin noise leaves in its motion.
    particles: Groups,
    state: IntegratorState,
    /// How many atoms have departed: the groups are of the others.
    departed: u64,
    /// Whether forces and totals are those of the middle of the last step.
    behind: bool,
    /// Whether one-body terms act, which turn what nothing else would, and what they add to the
    /// conserved energy, eV.
    turned: bool,
    balance: f64,
    totals: Totals,
    scratch: Vec<Vec3>,
}

impl Integrator {
    /// Begins the stage in which `progress` stands: computes the forces and brings
    /// the velocities into the state that the stage asks for.
    pub fn begin(
        protocol: &Protocol,
        progress: &Progress,
        system: &mut dyn System,
        comm: &Comm,
    ) -> Result<Integrator> {
        let before = progress.stage.checked_sub(1).map(|before| protocol.stages[before].kind);
        if before.is_some_and(|kind| !kind.is_dynamic()) {
            // What moved them was no motion in time.
            fire::stop(system);
        }
        let totals = system.update_forces(true)?;
        let mut integrator = Integrator::idle(protocol, progress, system, comm, totals);
        let stage = &integrator.stage;
        integrator.state = match stage.kind.is_dynamic() {
            true => IntegratorState::Dynamics(integrator.prepare(system, comm, progress.step)?),
            false => IntegratorState::Minimisation(Fire::begin(
                system,
                comm,
                protocol.timestep,
                stage.force_tolerance,
            )),
        };
        Ok(integrator)
    }

    /// Goes on from a state saved in the middle of the stage; the system holds the
    /// positions and velocities that were saved with it.
    pub fn resume(
        protocol: &Protocol,
        progress: &Progress,
        state: IntegratorState,
        system: &mut dyn System,
        comm: &Comm,
    ) -> Result<Integrator> {
        let totals = system.update_forces(true)?;
        let idle = Integrator::idle(protocol, progress, system, comm, totals);
        Ok(Integrator { state, ..idle })
    }

    fn idle(
        protocol: &Protocol,
        progress: &Progress,
        system: &dyn System,
        comm: &Comm,
        totals: Totals,
    ) -> Integrator {
        let stage = protocol.stages[progress.stage].clone();
        let view = View::new(system, comm);
        Integrator {
            groups: Groups::moving(stage.group(), &view),
            particles: Groups::moving(Group::Particle, &view),
            state: IntegratorState::Dynamics(Motion {
                thermostat: ThermostatState::None,
                freedom: Vec::new(),
                kinetics: Vec::new(),
                swaps: None,
                barostat: None,
                pressures: History::default(),
            }),
            seed: protocol.seed,
            timestep: protocol.timestep,
            stage,
            departed: system.departed(),
            behind: false,
            turned: system.one_body().is_some(),
            balance: balance(system),
            totals,
            scratch: Vec::new(),
        }
    }

    /// First velocities where all atoms are at rest, momenta taken away, degrees of
    /// freedom counted, thermostats at rest.
    fn prepare(&self, system: &mut dyn System, comm: &Comm, step: u64) -> Result<Motion> {
        let stage = &self.stage;
        let free = system.cell().periodic == [false; 3];
        let at_rest = largest_speed(&View::new(system, comm)) == 0.0;
        let first_temperature = stage.first_temperature.filter(|&t| at_rest && t > 0.0);
        if stage.reverse {
            verlet::turn_around(system.atoms_mut());
        }
        if let Some(t) = first_temperature {
            velocities::draw(system, t, self.seed, step);
            momentum::remove_linear(system, comm, Group::Particle);
            if free {
                momentum::remove_angular(system, comm, Group::Particle);
            }
        }
        if let Some(group) = stage.remove_linear {
            momentum::remove_linear(system, comm, group);
        }
        if let Some(group) = stage.remove_angular {
            momentum::remove_angular(system, comm, group);
        }

        let freedom = self.count_freedom(&View::new(system, comm));
        if let Some(t) = first_temperature {
            velocities::set_temperature(system, comm, &self.groups, &freedom, t);
        }
        let masses = system.masses().to_vec();
        let half_step = HalfStep { duration: self.timestep / 2.0, masses: &masses };
        half_step.round_momenta(system.atoms_mut());
        let thermostat = match stage.thermostat {
            None => ThermostatState::None,
            Some(settings) => match settings.kind {
                Thermostat::NoseHoover => {
                    ThermostatState::NoseHoover(vec![
                        Chain::new(settings.chain_length);
                        self.groups.len()
                    ])
                }
                Thermostat::Langevin => ThermostatState::Langevin { taken: 0.0 },
                Thermostat::Bussi => ThermostatState::Bussi { taken: 0.0 },
            },
        };
        let kinetics =
            self.groups.kinetics(&View::new(system, comm)).map_err(|atom| atom.at(step))?;
        let swaps = stage.swaps.as_ref().map(|_| Tally::default());
        let barostat = stage.pressure.as_ref().map(|p| p.begin(system.cell().volume()));
        let pressures = History::default();
        Ok(Motion { thermostat, freedom, kinetics, swaps, barostat, pressures })
    }

    /// Degrees of freedom of each group, as it moves now.
    fn count_freedom(&self, view: &View) -> Vec<u64> {
        let stage = &self.stage;
        let kind = stage.thermostat.map(|t| t.kind);
        let alone = stage.apart || self.groups.kind() == Group::System || self.groups.len() == 1;
        let free = view.cell.periodic == [false; 3];
        let turned = self.turned || stage.swaps.is_some();
        let isolated = free && alone && !turned && kind != Some(Thermostat::Langevin);
        let bodies = self.groups.bodies(view);
        bodies.iter().map(|body| momentum::degrees_of_freedom(body, isolated)).collect()
    }

    /// Counts the groups anew, if atoms have departed from them in this step.
    fn see_departures(&mut self, system: &dyn System, comm: &Comm) {
        if self.departed == system.departed() {
            return;
        }
        self.departed = system.departed();
        let view = View::new(system, comm);
        self.groups = Groups::moving(self.groups.kind(), &view);
        self.particles = Groups::moving(Group::Particle, &view);
        let freedom = self.count_freedom(&view);
        if let IntegratorState::Dynamics(motion) = &mut self.state {
            motion.freedom = freedom;
        }
    }

    /// Makes the step that `progress` has been advanced to, of which the force
    /// evaluation is told whether the virial is wanted.
    pub fn step(
        &mut self,
        system: &mut dyn System,
        comm: &Comm,
        progress: &Progress,
        virial: bool,
    ) -> Result<Totals> {
        let made = self.step_unless(system, comm, progress, virial, &mut || false)?;
        Ok(made.expect("nothing gave it up"))
    }

    /// The same, unless `gives_up`, which a long step asks now and then, says otherwise on all ranks: then
    /// there are no totals, and integrator and system are of no use any more.
    pub fn step_unless(
        &mut self,
        system: &mut dyn System,
        comm: &Comm,
        progress: &Progress,
        virial: bool,
        gives_up: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Totals>> {
        self.totals = match &mut self.state {
            IntegratorState::Dynamics(_) => {
                let pressed = self.change_of_box(progress);
                let virial = virial || pressed.is_some();
                let moved = self.move_atoms(system, comm, progress, virial)?;
                let swapped = self.swap(system, comm, progress, (moved, virial), gives_up)?;
                let Some(totals) = swapped else { return Ok(None) };
                match pressed {
                    Some(change) => self.press(system, comm, &change, &totals)?,
                    None => totals,
                }
            }
            IntegratorState::Minimisation(fire) => {
                let totals = fire.step(system, comm, self.stage.force_tolerance, virial)?;
                if progress.step_in_stage >= self.stage.steps {
                    fire.give_up();
                }
                totals
            }
        };
        Ok(Some(self.totals))
    }

    /// One step of dynamics.
    fn move_atoms(
        &mut self,
        system: &mut dyn System,
        comm: &Comm,
        progress: &Progress,
        virial: bool,
    ) -> Result<Totals> {
        let IntegratorState::Dynamics(motion) = &mut self.state else {
            unreachable!("called for dynamics only");
        };
        let masses = system.masses().to_vec();
        let (whole, half) = (self.timestep, self.timestep / 2.0);
        let step = HalfStep { duration: half, masses: &masses };
        let target = self.stage.thermostat.map_or(NO_TARGET, |settings| Target {
            temperature: self.stage.temperature_at(progress.step_in_stage).unwrap_or(0.0),
            relaxation: settings.relaxation,
            timestep: whole,
        });

        motion.half_chain_step(system, &self.groups, &target);
        if let Some(one_body) = system.one_body_mut() {
            one_body.begin_step(half);
            one_body.drift(whole);
        }
        let scheme = self.stage.integrator;
        match (scheme, &mut motion.thermostat) {
            (Scheme::VelocityVerlet, ThermostatState::Langevin { taken }) => {
                step.kick_and_drift(system.atoms_mut(), [1.0, 1.0]);
                let key = langevin::Key { seed: self.seed, step: progress.step };
                *taken -= langevin::friction_and_noise(
                    system,
                    comm,
                    &self.particles,
                    &target,
                    key,
                    &mut self.scratch,
                )
                .map_err(|atom| atom.at(progress.step))?;
                verlet::drift(system.atoms_mut(), half);
            }
            (Scheme::VelocityVerlet | Scheme::Leapfrog, _) => {
                step.kick_and_drift(system.atoms_mut(), [1.0, 2.0]);
            }
            (Scheme::PositionVerlet, _) => verlet::drift(system.atoms_mut(), half),
        }
        let share = system.begin_forces(virial)?;
        match scheme {
            Scheme::VelocityVerlet | Scheme::Leapfrog => {
                step.kick(system.atoms_mut(), 1.0);
            }
            Scheme::PositionVerlet => {
                step.kick_and_drift(system.atoms_mut(), [2.0, 1.0]);
            }
        }
        self.behind = scheme == Scheme::PositionVerlet;
        self.see_departures(system, comm);
        // Potential and kinetic energies are added up over all ranks together.
        let mut kinetics = self.groups.share_of_kinetics(&View::new(system, comm));
        let totals = system.finish_forces(share, kinetics.sums())?;
        if let Some(one_body) = system.one_body_mut() {
            one_body.end_step(half);
        }
        self.balance = balance(system);
        let IntegratorState::Dynamics(motion) = &mut self.state else {
            unreachable!("called for dynamics only");
        };
        motion.kinetics = kinetics.kinetics(comm).map_err(|atom| atom.at(progress.step))?;
        motion.half_chain_step(system, &self.groups, &target);
        motion.stochastic_rescaling(system, &self.groups, &target, self.seed, progress.step);
        Ok(totals)
    }

    /// How the box is to change after this step, if it is.
    fn change_of_box(&self, progress: &Progress) -> Option<Change> {
        let (stage, step) = (&self.stage, progress.step_in_stage);
        let settings = stage.pressure.as_ref().filter(|pressure| pressure.is_due(step))?;
        Some(Change {
            seed: self.seed,
            step: progress.step,
            temperature: stage.temperature_at(step)?,
            pressure: stage.pressure_at(step)?,
            duration: self.timestep * settings.interval as f64,
        })
    }

    /// Lets the box change, and the atoms with it.
    fn press(
        &mut self,
        system: &mut dyn System,
        comm: &Comm,
        change: &Change,
        totals: &Totals,
    ) -> Result<Totals> {
        let IntegratorState::Dynamics(motion) = &mut self.state else {
            unreachable!("called for dynamics only");
        };
        let (Some(barostat), Some(settings)) = (&mut motion.barostat, &self.stage.pressure) else {
            unreachable!("called for a stage at constant pressure only");
        };
        let (totals, found) = barostat.act(settings, system, comm, change, totals)?;
        motion.pressures.add(settings, change, &found);
        let kinetics = self.groups.kinetics(&View::new(system, comm));
        motion.kinetics = kinetics.map_err(|atom| atom.at(change.step))?;
        Ok(totals)
    }

    /// A round of swaps, if one is due after this step that `moved` the atoms, and the totals
    /// afterwards; none if it was given up.
    fn swap(
        &mut self,
        system: &mut dyn System,
        comm: &Comm,
        progress: &Progress,
        (moved, virial): (Totals, bool),
        gives_up: &mut dyn FnMut() -> bool,
    ) -> Result<Option<Totals>> {
        let step = progress.step_in_stage;
        let Some(settings) = self.stage.swaps.as_ref().filter(|swaps| swaps.is_due(step)) else {
            return Ok(Some(moved));
        };
        let temperature = settings.temperature.or(self.stage.temperature_at(step));
        let temperature = temperature.expect("`input` asks for one");
        let key = swaps::Key { seed: self.seed, step: progress.step };
        let made = swaps::round(settings, system, comm, (key, temperature), virial, gives_up)?;
        let Some((tally, totals)) = made else { return Ok(None) };
        let IntegratorState::Dynamics(motion) = &mut self.state else {
            unreachable!("called for dynamics only");
        };
        motion.swaps.get_or_insert_default().add(&tally);
        if tally.accepted > 0 {
            // Masses have gone from group to group.
            let view = View::new(system, comm);
            self.groups = Groups::moving(self.groups.kind(), &view);
            self.particles = Groups::moving(Group::Particle, &view);
            let kinetics = self.groups.kinetics(&view);
            motion.kinetics = kinetics.map_err(|atom| atom.at(progress.step))?;
            self.balance = balance(system);
        }
        Ok(Some(totals.unwrap_or(moved)))
    }

    /// Computes the forces of the whole step, where those that there are are of its middle: before anyone looks.
    pub fn catch_up(&mut self, system: &mut dyn System, virial: bool) -> Result<()> {
        if std::mem::take(&mut self.behind) {
            self.totals = system.update_forces(virial)?;
        }
        Ok(())
    }

    /// Whether the stage is over after the step that `progress` tells.
    pub fn is_finished(&self, progress: &Progress) -> bool {
        match &self.state {
            IntegratorState::Dynamics(_) => progress.step_in_stage >= self.stage.steps,
            IntegratorState::Minimisation(fire) => fire.outcome().is_some(),
        }
    }

    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// For a checkpoint.
    pub fn state(&self) -> &IntegratorState {
        &self.state
    }

    /// Of the last force evaluation.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// How far a minimisation has come; `None` where atoms move in time.
    pub fn minimisation(&self) -> Option<Minimisation> {
        match &self.state {
            IntegratorState::Dynamics(_) => None,
            IntegratorState::Minimisation(fire) => Some(fire.told(self.stage.force_tolerance)),
        }
    }

    /// What the pressure came to in the last part of the stage, if one was asked for; `volume`: of the box, Å³.
    pub fn pressure_held(&self, volume: f64) -> Option<Judgement> {
        let (IntegratorState::Dynamics(motion), Some(settings)) =
            (&self.state, &self.stage.pressure)
        else {
            return None;
        };
        let times = [settings.interval, self.stage.steps].map(|steps| steps as f64 * self.timestep);
        Some(motion.pressures.judge(settings, times, volume))
    }

    /// Kinetic energy of all atoms, eV; none while energy is minimised.
    pub fn kinetic_energy(&self) -> f64 {
        match &self.state {
            IntegratorState::Dynamics(motion) => motion.kinetics.iter().map(|k| k.energy).sum(),
            IntegratorState::Minimisation(_) => 0.0,
        }
    }

    /// Of the thermal motion of the whole system: that of each particle about its
    /// own centre while they are apart, else about the common centre.
    pub fn degrees_of_freedom(&self) -> u64 {
        match &self.state {
            IntegratorState::Dynamics(motion) if self.groups_are_bodies() => {
                motion.freedom.iter().sum()
            }
            _ => (3 * self.groups.atoms.iter().sum::<u64>()).saturating_sub(3),
        }
    }

    /// Kinetic energy of the thermal motion of the whole system, eV.
    pub fn thermal_energy(&self) -> f64 {
        let IntegratorState::Dynamics(motion) = &self.state else { return 0.0 };
        if self.groups_are_bodies() {
            return motion.thermal_energies(&self.groups).iter().sum();
        }
        let all = Kinetics {
            energy: self.kinetic_energy(),
            momentum: motion.kinetics.iter().fold([0.0; 3], |sum, k| add(sum, k.momentum)),
        };
        all.thermal_energy(self.groups.mass.iter().sum())
    }

    /// K
    pub fn temperature(&self) -> f64 {
        temperature(self.thermal_energy(), self.degrees_of_freedom() as f64)
    }

    /// What came of swaps since the stage began.
    pub fn swaps(&self) -> Tally {
        self.state.swaps().unwrap_or_default()
    }

    /// Potential and kinetic energy, what thermostat and barostat have taken out, and less what pistons and
    /// swaps have given, eV.
    pub fn conserved_energy(&self) -> f64 {
        let baths = match &self.state {
            IntegratorState::Dynamics(motion) => {
                let barostat = motion.barostat.as_ref().map_or(0.0, BarostatState::energy);
                motion.thermostat.energy() + barostat
            }
            IntegratorState::Minimisation(_) => 0.0,
        };
        let given = self.swaps().energy;
        self.totals.potential_energy + self.kinetic_energy() + baths + self.balance - given
    }

    /// Whether the groups of the thermostat are what keeps its momentum.
    fn groups_are_bodies(&self) -> bool {
        self.stage.apart || self.groups.kind() == Group::System
    }
}

/// What one-body terms add to the conserved energy, eV.
fn balance(system: &dyn System) -> f64 {
    system.one_body().map_or(0.0, |one_body| one_body.balance())
}

/// Of a stage without thermostat; never looked at.
const NO_TARGET: Target = Target { temperature: 0.0, relaxation: 1.0, timestep: 0.0 };
