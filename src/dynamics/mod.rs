//! How the atoms move: integrators, thermostats, minimiser, and the protocol of
//! stages that drives them.
//!
//! This module sees a system only through `force::System` and the ranks only
//! through `comm::Comm`; it knows neither domains nor neighbours nor a potential.
//! What it does is the same on any number of ranks and threads: an atom's
//! arithmetic involves no other atom, sums over atoms are of integers (`groups`),
//! and noise is keyed by step and atom id (`random`).

pub mod barostat;
mod fire;
pub mod flow;
pub mod groups;
mod inertia;
mod integrator;
pub mod momentum;
mod motion;
mod parallel;
mod protocol;
pub mod swaps;
pub mod thermostat;
pub mod velocities;
mod verlet;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use fire::{Fire, Minimisation, Outcome};
pub use groups::{Body, Group, Groups, Kinetics, View, temperature};
pub use inertia::Inertia;
pub use integrator::{Integrator, IntegratorState};
pub use motion::Motion;
pub use protocol::{Progress, Protocol, Stage, ThermostatSettings};
pub use thermostat::ThermostatState;
