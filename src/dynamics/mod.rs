//! How the atoms move: integrators, thermostats, minimiser, and the protocol of
//! stages that drives them.
//!
//! This module sees a system only through `force::System` and the ranks only
//! through `comm::Comm`; it knows neither domains nor neighbours nor a potential.

pub mod groups;
pub mod inertia;

pub use groups::{Body, Group, Groups, Kinetics, View, temperature};
