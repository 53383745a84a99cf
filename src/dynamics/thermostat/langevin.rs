//! Langevin dynamics in the splitting BAOAB: Leimkuhler and Matthews, J. Chem.
//! Phys. 138 (2013) 174102. In the middle of the drift each velocity becomes
//!
//! ```text
//! w = c v + sqrt(1 - c²) sqrt(kT/m) xi,   c = exp(-dt/tau),  xi normal
//! ```
//!
//! and then, with M and the sums over the atoms of its particle,
//!
//! ```text
//! v' = w + sum m (v - w) / M
//! ```
//!
//! so friction and noise leave the momentum of every particle as it was. Nothing
//! else changes: in the coordinates sqrt(m) v the noise is isotropic, the
//! correction projects out the three directions of the centre of mass, and what
//! remains is the same process in 3 N - 3 directions, with the canonical
//! distribution at given momentum. Angular momentum is not conserved: a particle
//! turns as a Brownian particle does.

use crate::comm::Comm;
use crate::dynamics::groups::{Groups, MOMENTUM_QUANTUM, OutOfBounds, View};
use crate::dynamics::parallel;
use crate::dynamics::thermostat::Target;
use crate::dynamics::velocities::thermal_speeds;
use crate::fixed::Quantum;
use crate::force::System;
use crate::geometry::{Vec3, add, dot, scale};
use crate::random::{Purpose, Stream};
use crate::units::MASS_VELOCITY_SQUARED;

/// Seed and step that key the noise.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    pub seed: u64,
    pub step: u64,
}

/// Friction and noise of one step; `particles` are the groups whose momentum
/// stays. Returns the kinetic energy that went into the atoms, eV. `scratch`
/// keeps its memory between calls.
pub fn friction_and_noise(
    system: &mut dyn System,
    comm: &Comm,
    particles: &Groups,
    target: &Target,
    key: Key,
    scratch: &mut Vec<Vec3>,
) -> Result<f64, OutOfBounds> {
    let View { atoms, masses, .. } = View::new(system, comm);
    let decay = libm::exp(-target.timestep / target.relaxation);
    let strength = (1.0 - decay * decay).sqrt();
    let noise: Vec<f64> =
        thermal_speeds(masses, target.temperature).iter().map(|s| strength * s).collect();
    scratch.resize(atoms.owned, [0.0; 3]);
    parallel::for_each(scratch, |i, w| {
        let xi = Stream::new(key.seed, Purpose::Langevin, key.step, atoms.id[i]).normal_vector();
        *w = add(scale(atoms.velocity[i], decay), scale(xi, noise[atoms.species[i] as usize]));
    });

    // Sums of m (v - w), of m w, and of m (w² - v²)/2.
    let (p, e) = (MOMENTUM_QUANTUM, Quantum::STANDARD);
    let sums = particles.quick_sum(&View::new(system, comm), [p, p, p, p, p, p, e], |i| {
        let (m, v, w) = (masses[atoms.species[i] as usize], atoms.velocity[i], scratch[i]);
        let energy = 0.5 * MASS_VELOCITY_SQUARED * m * (dot(w, w) - dot(v, v));
        [
            m * (v[0] - w[0]),
            m * (v[1] - w[1]),
            m * (v[2] - w[2]),
            m * w[0],
            m * w[1],
            m * w[2],
            energy,
        ]
    })?;
    let mut gained = 0.0;
    let corrections: Vec<Vec3> = sums
        .iter()
        .zip(&particles.mass)
        .map(|(&[lx, ly, lz, wx, wy, wz, energy], &mass)| {
            let correction = if mass > 0.0 { scale([lx, ly, lz], 1.0 / mass) } else { [0.0; 3] };
            gained += energy
                + MASS_VELOCITY_SQUARED
                    * (dot(correction, [wx, wy, wz]) + 0.5 * mass * dot(correction, correction));
            correction
        })
        .collect();

    parallel::change_velocities(system.atoms_mut(), |atoms, i, v| {
        *v = add(scratch[i], corrections[particles.of(atoms.particle[i])]);
    });
    Ok(gained)
}
