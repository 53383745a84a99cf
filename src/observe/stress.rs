//! Stress of single atoms,
//!   σ_ab = −(W_ab + m u_a u_b) / Ω,
//! with the atom's part W of the virial (`force::virials`), its velocity u about that of the
//! centre of its particle, and Ω = d³/√2, d being the mean distance of nearest neighbours: tension is
//! positive. The share of a surface atom in space is larger than that, and not known.

use super::Snapshot;
use crate::dynamics::groups::{Body, Group, Groups};
use crate::force::COMPONENTS;
use crate::geometry::sub;
use crate::units::{MASS_VELOCITY_SQUARED, PRESSURE_GPA};

/// Of each owned atom, GPa, components as `COMPONENTS` has them; none (NaN) without a distance of
/// neighbours. Collective.
pub fn measure(snapshot: &Snapshot, virials: &[[f64; 6]], nearest: Option<f64>) -> Vec<[f64; 6]> {
    let system = &snapshot.system;
    let groups = Groups::new(Group::Particle, system);
    let drift: Vec<_> = groups.bodies(system).iter().map(Body::velocity).collect();
    let volume = nearest.map_or(f64::NAN, |d| d * d * d / std::f64::consts::SQRT_2);
    let of = |(i, virial): (usize, &[f64; 6])| {
        // What has departed is at rest, wherever its particle drifts.
        let mass = match snapshot.moving && !system.atoms.has_departed(i) {
            true => system.masses[system.atoms.species[i] as usize] * MASS_VELOCITY_SQUARED,
            false => 0.0,
        };
        let u = sub(system.atoms.velocity[i], drift[groups.of(system.atoms.particle[i])]);
        std::array::from_fn(|k| {
            let (a, b) = COMPONENTS[k];
            -(virial[k] + mass * u[a] * u[b]) / volume * PRESSURE_GPA
        })
    };
    virials.iter().enumerate().map(of).collect()
}
