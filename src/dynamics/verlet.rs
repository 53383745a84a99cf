//! Velocity Verlet (Swope, Andersen, Berens, Wilson, J. Chem. Phys. 76 (1982)
//! 637), as its two operations:
//!
//! ```text
//! kick:   v <- v + t F / m
//! drift:  x <- x + t v, with t v rounded to the grid of positions
//! ```
//!
//! A step is kick(dt/2), drift(dt), new forces, kick(dt/2). The displacement is
//! rounded, not the position, so the addition is exact: the same motion happens
//! in every periodic image and anywhere in space, and a drift with -v undoes it
//! to the bit. The arithmetic of an atom never involves another one.

use crate::atoms::{Atoms, is_beyond};
use crate::dynamics::parallel;
use crate::geometry::{Vec3, on_grid};
use crate::units::FORCE_PER_MASS;

/// Accelerates the owned atoms by their forces for `duration` (ps); `masses` in
/// g/mol by species.
pub fn kick(atoms: &mut Atoms, masses: &[f64], duration: f64) {
    let Atoms { owned, velocity, force, species, quantum, .. } = atoms;
    let per_quantum: Vec<f64> =
        masses.iter().map(|m| duration * FORCE_PER_MASS / m / quantum.per_unit()).collect();
    parallel::for_each(&mut velocity[..*owned], |i, v| {
        let factor = per_quantum[species[i] as usize];
        for d in 0..3 {
            v[d] += factor * force[i][d] as f64;
        }
    });
}

/// Moves the owned atoms along their velocities for `duration` (ps). Those that have departed
/// come to rest.
pub fn drift(atoms: &mut Atoms, duration: f64) {
    let Atoms { owned, velocity, position, border, .. } = atoms;
    let border = *border;
    let (position, velocity) = (&mut position[..*owned], &mut velocity[..*owned]);
    let moved = |x: &mut [f64; 4], v: &Vec3| {
        for d in 0..3 {
            x[d] += on_grid(duration * v[d]);
        }
    };
    if border == [f64::INFINITY; 3] {
        return parallel::for_each(position, |i, x| moved(x, &velocity[i]));
    }
    parallel::for_each_two(position, velocity, |x, v| {
        if !is_beyond(x, &border) {
            moved(x, v);
        }
        if is_beyond(x, &border) {
            *v = [0.0; 3];
        }
    });
}
