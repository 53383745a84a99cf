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

use crate::atoms::{Atoms, FixedForce, any_beyond, is_beyond};
use crate::dynamics::parallel;
use crate::geometry::{Vec3, on_grid};
use crate::lanes::{Loop, run_loop};
use crate::units::FORCE_PER_MASS;

/// Which velocities there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Velocities {
    Any,
    /// Those on a grid, as positions are: kicks are rounded to it, so a kick with the velocity turned around
    /// undoes one to the bit, as a drift does; and so does a whole run.
    OnGrid,
}

/// Accelerates the owned atoms by their forces for `duration` (ps); `masses` in
/// g/mol by species.
pub fn kick(atoms: &mut Atoms, masses: &[f64], duration: f64, kind: Velocities) {
    let per_quantum = velocity_per_quantum(atoms, masses, duration);
    let Atoms { owned, velocity, force, species, .. } = atoms;
    parallel::for_each_task(&mut velocity[..*owned], |first, velocity| {
        let (force, species) = (&force[first..], &species[first..]);
        Kick { velocity, force, species, per_quantum: &per_quantum }.carry_out(kind);
    });
}

/// Puts the velocities of the owned atoms on the grid.
pub fn round_velocities(atoms: &mut Atoms) {
    parallel::change_velocities(atoms, |_, _, v| *v = v.map(on_grid));
}

/// Turns the velocities of the owned atoms around.
pub fn turn_around(atoms: &mut Atoms) {
    parallel::change_velocities(atoms, |_, _, v| *v = v.map(|x| -x));
}

/// Moves the owned atoms along their velocities for `duration` (ps). Those that have departed
/// come to rest.
pub fn drift(atoms: &mut Atoms, duration: f64) {
    let Atoms { owned, velocity, position, border, .. } = atoms;
    let (position, velocity) = (&mut position[..*owned], &mut velocity[..*owned]);
    parallel::for_each_task_of_two(position, velocity, |_, position, velocity| {
        run_loop(Drift { position, velocity, border, duration });
    });
}

/// A kick and then a drift, for some atoms after the other.
pub fn kick_and_drift(
    atoms: &mut Atoms,
    masses: &[f64],
    [kicked, drifted]: [f64; 2],
    kind: Velocities,
) {
    let per_quantum = velocity_per_quantum(atoms, masses, kicked);
    let Atoms { owned, velocity, position, force, species, border, .. } = atoms;
    let (position, velocity) = (&mut position[..*owned], &mut velocity[..*owned]);
    parallel::for_each_task_of_two(position, velocity, |first, position, velocity| {
        let (force, species) = (&force[first..], &species[first..]);
        Kick { velocity, force, species, per_quantum: &per_quantum }.carry_out(kind);
        run_loop(Drift { position, velocity, border, duration: drifted });
    });
}

/// Some atoms, the forces on them, and what these do.
struct Kick<'a> {
    velocity: &'a mut [Vec3],
    force: &'a [FixedForce],
    species: &'a [u8],
    /// `velocity_per_quantum`
    per_quantum: &'a [f64],
}

impl Kick<'_> {
    fn carry_out(self, kind: Velocities) {
        match kind {
            Velocities::Any => run_loop(Kicks::<false>(self)),
            Velocities::OnGrid => run_loop(Kicks::<true>(self)),
        }
    }
}

struct Kicks<'a, const ON_GRID: bool>(Kick<'a>);

impl<const ON_GRID: bool> Loop for Kicks<'_, ON_GRID> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Kick { velocity, force, species, per_quantum } = self.0;
        for ((v, force), species) in velocity.iter_mut().zip(force).zip(species) {
            let per_quantum = per_quantum[*species as usize];
            for d in 0..3 {
                let change = per_quantum * force[d] as f64;
                v[d] += if ON_GRID { on_grid(change) } else { change };
            }
        }
    }
}

/// Some atoms and how long they drift.
struct Drift<'a> {
    position: &'a mut [[f64; 4]],
    velocity: &'a mut [Vec3],
    border: &'a Vec3,
    duration: f64,
}

impl Loop for Drift<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Drift { position, velocity, border, duration } = self;
        // Of all at once, as almost never one is beyond.
        if !any_beyond(position, border) {
            for (x, v) in position.iter_mut().zip(&mut *velocity) {
                advance(x, v, duration);
            }
        } else {
            let within = |x: &&mut [f64; 4]| !is_beyond(x, border);
            for (x, v) in position.iter_mut().zip(&mut *velocity).filter(|(x, _)| within(x)) {
                advance(x, v, duration);
            }
        }
        if any_beyond(position, border) {
            for (_, v) in position.iter().zip(velocity).filter(|(x, _)| is_beyond(x, border)) {
                *v = [0.0; 3];
            }
        }
    }
}

/// What a quantum of force adds to a velocity in `duration` (ps), by species, Å/ps.
fn velocity_per_quantum(atoms: &Atoms, masses: &[f64], duration: f64) -> Vec<f64> {
    let quantum = atoms.quantum.per_unit();
    masses.iter().map(|m| duration * FORCE_PER_MASS / m / quantum).collect()
}

#[inline(always)]
fn advance(x: &mut [f64; 4], v: &Vec3, duration: f64) {
    for d in 0..3 {
        x[d] += on_grid(duration * v[d]);
    }
}
