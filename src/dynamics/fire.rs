//! FIRE: the fast inertial relaxation engine (Bitzek, Koskinen, Gähler, Moseler,
//! Gumbsch, Phys. Rev. Lett. 97 (2006) 170201) in the version 2.0 of Guénolé et
//! al., Comput. Mater. Sci. 175 (2020) 109584. Downhill, the atoms gain speed and
//! are steered into the direction of the force; uphill, they stop:
//!
//! ```text
//! P = F·v > 0:  after a delay dt grows and the steering a shrinks
//! else:         dt shrinks, a = a0, x <- x - v dt/2, v <- 0
//! v <- v + dt F/m        v <- (1 - a) v + a |v| F/|F|        x <- x + dt v
//! ```
//!
//! All atoms have the mean mass: the minimum does not depend on masses, and
//! equal ones make the stiffness the only source of different frequencies. The
//! norms are of all atoms, summed in integers.

use serde::{Deserialize, Serialize};

use crate::comm::Comm;
use crate::dynamics::groups::{Group, Groups, View, largest_force, largest_speed};
use crate::dynamics::{parallel, verlet};
use crate::error::Result;
use crate::force::{System, Totals};
use crate::geometry::dot;
use crate::units::FORCE_PER_MASS;

/// Parameters of the paper; the time steps in units of the first one.
const FIRST_STEERING: f64 = 0.25;
const LESS_STEERING: f64 = 0.99;
const LONGER: f64 = 1.1;
const SHORTER: f64 = 0.5;
const LONGEST: f64 = 10.0;
const SHORTEST: f64 = 0.02;
/// Steps downhill before the time step grows, and from the start before it may shrink.
const DELAY: u64 = 20;
/// Steps uphill in a row after which there is nothing more to gain.
const MOST_UPHILL: u64 = 2000;

/// No atom moves further than this in one step, Å: a tenth of a bond's reach,
/// so that overlapping atoms part without being thrown out.
const LARGEST_MOVE: f64 = 0.1;

/// How a minimisation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// No force component exceeds the tolerance.
    Converged,
    /// Going on would not lower the energy any more (rounding).
    Stuck,
    /// The steps are used up.
    OutOfSteps,
}

/// How far a minimisation has come, for people.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Minimisation {
    /// `None` while it is under way.
    pub outcome: Option<Outcome>,
    pub steps: u64,
    /// Largest force component, and the one that is small enough; eV/Å.
    pub largest_force: f64,
    pub tolerance: f64,
}

/// A minimisation under way: with positions and velocities, all it remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fire {
    first_timestep: f64,
    timestep: f64,
    steering: f64,
    steps: u64,
    downhill: u64,
    uphill: u64,
    /// Largest force component, eV/Å.
    largest_force: f64,
    outcome: Option<Outcome>,
    /// Whether, out of steps, the atoms still have the velocities to go on with.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    can_go_on: bool,
}

impl Fire {
    /// Brings the atoms to rest; `timestep` (ps) is the first one. The forces are
    /// those of the positions.
    pub fn begin(system: &mut dyn System, comm: &Comm, timestep: f64, tolerance: f64) -> Fire {
        let mut fire = Fire {
            first_timestep: timestep,
            timestep,
            steering: FIRST_STEERING,
            steps: 0,
            downhill: 0,
            uphill: 0,
            largest_force: 0.0,
            outcome: None,
            can_go_on: false,
        };
        stop(system);
        fire.look_at_forces(system, comm, tolerance);
        fire
    }

    /// How far it has come towards this tolerance (eV/Å).
    pub fn told(&self, tolerance: f64) -> Minimisation {
        let Fire { outcome, steps, largest_force, .. } = *self;
        Minimisation { outcome, steps, largest_force, tolerance }
    }

    /// `None` while there is more to do.
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// One step; where the minimisation ends with it, the atoms are at rest.
    pub fn step(
        &mut self,
        system: &mut dyn System,
        comm: &Comm,
        tolerance: f64,
        virial: bool,
    ) -> Result<Totals> {
        let view = View::new(system, comm);
        let everything = Groups::moving(Group::System, &view);
        let atoms = view.atoms;
        let [power, force_squared, mut speed_squared] = everything.sum(&view, |i| {
            let (f, v) = (atoms.force_on(i), atoms.velocity[i]);
            [dot(f, v), dot(f, f), dot(v, v)]
        })[0];

        if power > 0.0 {
            self.downhill += 1;
            self.uphill = 0;
            if self.downhill > DELAY {
                self.timestep = (self.timestep * LONGER).min(LONGEST * self.first_timestep);
                self.steering *= LESS_STEERING;
            }
        } else {
            self.downhill = 0;
            self.uphill += 1;
            if self.steps >= DELAY {
                self.timestep = (self.timestep * SHORTER).max(SHORTEST * self.first_timestep);
            }
            self.steering = FIRST_STEERING;
            self.drift(system, comm, -0.5);
            stop(system);
            speed_squared = 0.0;
        }
        self.steps += 1;

        let mean_mass = everything.mass[0] / everything.atoms[0] as f64;
        let gain = self.timestep * FORCE_PER_MASS / mean_mass;
        let downhill_power = if speed_squared > 0.0 { power } else { 0.0 };
        let new_speed = (speed_squared + 2.0 * gain * downhill_power + gain * gain * force_squared)
            .max(0.0)
            .sqrt();
        let along = match force_squared > 0.0 {
            true => self.steering * new_speed / force_squared.sqrt(),
            false => 0.0,
        };
        self.steer(system, gain, along);
        self.drift(system, comm, 1.0);
        let totals = system.update_forces(virial)?;
        self.look_at_forces(system, comm, tolerance);
        if self.uphill >= MOST_UPHILL {
            self.outcome.get_or_insert(Outcome::Stuck);
        }
        if self.outcome.is_some() {
            stop(system);
        }
        Ok(totals)
    }

    /// Ends a minimisation that has no steps left. The atoms keep their velocities, for more
    /// steps that a later job may be given; the next stage brings them to rest.
    pub fn give_up(&mut self) {
        if self.outcome.is_none() {
            self.outcome = Some(Outcome::OutOfSteps);
            self.can_go_on = true;
        }
    }

    /// Whether `go_on` would find all as it was.
    pub fn can_go_on(&self) -> bool {
        self.can_go_on
    }

    /// Goes on where there were no steps left.
    pub fn go_on(&mut self) {
        if std::mem::take(&mut self.can_go_on) {
            self.outcome = None;
        }
    }

    /// v <- (1 - a)(v + gain F) + along F
    fn steer(&self, system: &mut dyn System, gain: f64, along: f64) {
        let keep = 1.0 - self.steering;
        let atoms = system.atoms_mut();
        let (force, quantum) = (&atoms.force, atoms.quantum);
        parallel::for_each(&mut atoms.velocity[..atoms.owned], |i, v| {
            for d in 0..3 {
                let f = quantum.value(force[i][d]);
                v[d] = keep * (v[d] + gain * f) + along * f;
            }
        });
    }

    /// Moves the atoms for this part of the time step, less where one would go too far.
    fn drift(&self, system: &mut dyn System, comm: &Comm, part: f64) {
        let duration = self.timestep * part;
        let furthest = largest_speed(&View::new(system, comm)) * duration.abs();
        let shortened = if furthest > LARGEST_MOVE { LARGEST_MOVE / furthest } else { 1.0 };
        verlet::drift(system.atoms_mut(), duration * shortened);
    }

    fn look_at_forces(&mut self, system: &dyn System, comm: &Comm, tolerance: f64) {
        self.largest_force = largest_force(&View::new(system, comm));
        if self.largest_force <= tolerance {
            self.outcome = Some(Outcome::Converged);
        }
    }
}

/// Brings every atom to rest.
pub fn stop(system: &mut dyn System) {
    system.atoms_mut().velocity.fill([0.0; 3]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamics::testing::{LennardJones, icosahedron};
    use crate::geometry::norm;

    /// Energy of the 13-atom Lennard-Jones cluster, in units of epsilon (Hoare and
    /// Pal 1971; Wales and Doye, J. Phys. Chem. A 101 (1997) 5111).
    const LJ13: f64 = -44.326801;
    /// The published digits.
    const DIGITS: f64 = 5e-7;

    #[test]
    fn fire_finds_the_icosahedron_of_thirteen_atoms() {
        let comm = Comm::single();
        let mut system = LennardJones::new(icosahedron(0.15));
        let mut energy = system.update_forces(false).unwrap().potential_energy;
        let start = energy;
        let tolerance = 1e-6;
        let mut fire = Fire::begin(&mut system, &comm, 0.002, tolerance);
        while fire.outcome().is_none() && fire.steps < 2000 {
            energy = fire.step(&mut system, &comm, tolerance, false).unwrap().potential_energy;
        }
        assert_eq!(fire.outcome(), Some(Outcome::Converged), "{fire:?}");
        assert!(start > LJ13 * LennardJones::EPSILON + 1.0, "the start was no test: {start}");
        assert!((energy / LennardJones::EPSILON - LJ13).abs() < DIGITS, "{energy}");
        assert!(fire.largest_force <= tolerance);
        assert!(system.atoms().velocity.iter().all(|&v| norm(v) == 0.0));
    }

    #[test]
    fn a_converged_start_is_left_alone() {
        let comm = Comm::single();
        let mut system = LennardJones::new(icosahedron(0.15));
        system.update_forces(false).unwrap();
        let fire = Fire::begin(&mut system, &comm, 0.002, 1e9);
        assert_eq!(fire.outcome(), Some(Outcome::Converged));
    }
}
