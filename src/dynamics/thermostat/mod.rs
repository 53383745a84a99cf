//! Thermostats: what keeps the temperature of each group of atoms.
//!
//! Nose-Hoover chains and Bussi's rescaling multiply the velocities of a group
//! relative to its centre of mass by a factor computed from its kinetic energy;
//! Langevin acts on each atom. None changes the momentum of a particle (with one
//! thermostat for the whole system, the rescaling ones scale the velocities of
//! particles relative to each other). A particle of one atom has no motion
//! relative to its centre: no thermostat of particles touches it.
//!
//! Each keeps account of the energy it has taken out, so that
//! potential + kinetic + `energy` is conserved in the limit of a small time step,
//! also along a ramp of the target temperature.

pub mod bussi;
pub mod langevin;
pub mod nose_hoover;

use serde::{Deserialize, Serialize};

pub use nose_hoover::Chain;

/// What a thermostat works towards in a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// K
    pub temperature: f64,
    /// ps
    pub relaxation: f64,
    /// ps
    pub timestep: f64,
}

/// All that a thermostat remembers from step to step; with positions and
/// velocities, enough to go on bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ThermostatState {
    /// Constant energy.
    None,
    /// A chain for each group.
    NoseHoover(Vec<Chain>),
    /// `taken`: energy taken out of the atoms so far, eV.
    Langevin {
        taken: f64,
    },
    Bussi {
        taken: f64,
    },
}

impl ThermostatState {
    /// Energy to be added to that of the atoms for the conserved quantity, eV.
    pub fn energy(&self) -> f64 {
        match self {
            ThermostatState::None => 0.0,
            ThermostatState::NoseHoover(chains) => chains.iter().map(Chain::energy).sum(),
            ThermostatState::Langevin { taken } | ThermostatState::Bussi { taken } => *taken,
        }
    }
}
