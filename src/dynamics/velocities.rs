//! First velocities: each Cartesian component normal with variance kT/m
//! (Maxwell and Boltzmann), drawn by atom id.

use crate::comm::Comm;
use crate::dynamics::groups::{Groups, View, temperature};
use crate::dynamics::{momentum, parallel};
use crate::force::System;
use crate::geometry::scale;
use crate::random::{Purpose, Stream};
use crate::units::{BOLTZMANN, FORCE_PER_MASS};

/// Standard deviation of a velocity component, Å/ps, by species (`masses` in g/mol).
pub fn thermal_speeds(masses: &[f64], temperature: f64) -> Vec<f64> {
    masses.iter().map(|m| (BOLTZMANN * temperature * FORCE_PER_MASS / m).sqrt()).collect()
}

/// Draws the velocity of every atom at `temperature` (K) for step `step`.
pub fn draw(system: &mut dyn System, temperature: f64, seed: u64, step: u64) {
    let speeds = thermal_speeds(system.masses(), temperature);
    parallel::change_velocities(system.atoms_mut(), |atoms, i, v| {
        let noise = Stream::new(seed, Purpose::Velocities, step, atoms.id[i]).normal_vector();
        *v = scale(noise, speeds[atoms.species[i] as usize]);
    });
}

/// Scales the thermal motion of each group to exactly `target` (K) in its
/// degrees of freedom; a group at rest stays at rest.
pub fn set_temperature(
    system: &mut dyn System,
    comm: &Comm,
    groups: &Groups,
    degrees_of_freedom: &[u64],
    target: f64,
) {
    let bodies = groups.bodies(&View::new(system, comm));
    let (velocities, factors): (Vec<_>, Vec<_>) = bodies
        .iter()
        .zip(degrees_of_freedom)
        .map(|(body, &freedom)| {
            let now = temperature(body.thermal_energy, freedom as f64);
            (body.velocity(), if now > 0.0 { (target / now).sqrt() } else { 1.0 })
        })
        .unzip();
    momentum::rescale(system, groups, &velocities, &factors);
}
