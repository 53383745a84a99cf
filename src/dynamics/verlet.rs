//! Velocity Verlet (Swope, Andersen, Berens, Wilson, J. Chem. Phys. 76 (1982)
//! 637), as its two operations:
//!
//! ```text
//! kick:   p <- p + n F,   v = p u / m
//! drift:  x <- x + t v,   with t v rounded to the grid of positions
//! ```
//!
//! A step is kick(1/2), drift(dt), new forces, kick(1/2).
//!
//! Forces are integers. A momentum p is one too: how many times a quantum of force that acts for
//! half a time step, u in (g/mol) Å/ps, so that a kick of n half steps is an addition of integers. No kick
//! rounds anything: momenta add up to the same number for ever, to the bit, as forces add up to zero.
//! Velocities are what is kept; p is the integer next to v m / u. Where a thermostat or a barostat has changed v,
//! it is rounded to the next p, by 10⁻¹³ Å/ps.
//!
//! Of a drift the displacement is rounded, not the position, so the addition is exact: the same motion happens
//! in every periodic image and anywhere in space. Drifts and kicks with -v undo those with v, so at constant
//! energy every run can be undone to the bit. The arithmetic of an atom never involves another one.
//!
//! All this holds up to `FASTEST`, where momenta are below 2⁵⁰ and so come back from velocities as they were (they do not
//! much beyond). With the quantum above, that is so for time steps of about 1 fs and more. In shorter ones u is larger by
//! 2ᵏ, and kicks are of so many quanta of force each, to the nearest: motion is undone to the bit all the same, while
//! momenta add up to the same number but for 2ᵏ⁻⁴¹ eV/Å in each kick.

use crate::atoms::{Atoms, FixedForce, any_beyond, is_beyond};
use crate::dynamics::parallel;
use crate::geometry::{Vec3, on_grid};
use crate::lanes::{Loop, run_loop};
use crate::units::FORCE_PER_MASS;

/// The speed up to which momenta of the heaviest atoms are integers, Å/ps: three times the mean of platinum at 3000 K.
pub const FASTEST: f64 = 20.0;
/// Momenta below this, 2⁵⁰, are the same again after they were velocities, which rounds four times by 2⁻⁵³.
const LARGEST_MOMENTUM: f64 = (1_u64 << 50) as f64;

/// Half a time step, of which there are whole numbers in all that is done.
#[derive(Debug, Clone, Copy)]
pub struct HalfStep<'a> {
    /// ps
    pub duration: f64,
    /// g/mol, by species.
    pub masses: &'a [f64],
}

impl HalfStep<'_> {
    /// Accelerates the owned atoms by their forces for `n` half steps.
    pub fn kick(self, atoms: &mut Atoms, n: f64) {
        let (quanta, given) = &self.quanta(atoms);
        let share = n * given;
        let Atoms { owned, velocity, force, species, .. } = atoms;
        parallel::for_each_task(&mut velocity[..*owned], |first, velocity| {
            let (force, species) = (&force[first..], &species[first..]);
            run_loop(Kick { velocity, force, species, quanta, share });
        });
    }

    /// A kick and then a drift, for some atoms after the other, of so many half steps each.
    pub fn kick_and_drift(self, atoms: &mut Atoms, [kicked, drifted]: [f64; 2]) {
        let (quanta, given) = &self.quanta(atoms);
        let share = kicked * given;
        let Atoms { owned, velocity, position, force, species, border, .. } = atoms;
        let (position, velocity) = (&mut position[..*owned], &mut velocity[..*owned]);
        parallel::for_each_task_of_two(position, velocity, |first, position, velocity| {
            let (force, species) = (&force[first..], &species[first..]);
            run_loop(Kick { velocity, force, species, quanta, share });
            run_loop(Drift { position, velocity, border, duration: drifted * self.duration });
        });
    }

    /// Makes the momenta of the owned atoms integers.
    pub fn round_momenta(self, atoms: &mut Atoms) {
        let (quanta, _) = self.quanta(atoms);
        parallel::change_velocities(atoms, |atoms, i, v| {
            let quantum = quanta[atoms.species[i] as usize];
            *v = v.map(|v| quantum.value(quantum.momentum(v)));
        });
    }

    /// By species what a momentum of 1 is, and how much a quantum of force gives in this time: 1 but in very short steps,
    /// where it is the highest power of two with which momenta of the heaviest atoms at `FASTEST` are not too large.
    fn quanta(self, atoms: &Atoms) -> (Vec<VelocityQuantum>, f64) {
        // (g/mol) Å/ps
        let given = self.duration * FORCE_PER_MASS / atoms.quantum.per_unit();
        let heaviest = self.masses.iter().copied().fold(0.0, f64::max);
        let largest = FASTEST * heaviest / (LARGEST_MOMENTUM * given);
        let coarseness = largest.log2().ceil().max(0.0).exp2();
        let impulse = given * coarseness;
        let quantum = |m: &f64| VelocityQuantum { velocity: impulse / m, inverse: m / impulse };
        (self.masses.iter().map(quantum).collect(), 1.0 / coarseness)
    }
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

/// The velocity of an atom whose momentum is 1, Å/ps.
#[derive(Debug, Clone, Copy)]
struct VelocityQuantum {
    velocity: f64,
    inverse: f64,
}

impl VelocityQuantum {
    /// The momentum of an atom that has a velocity of `v`, an integer.
    #[inline(always)]
    fn momentum(self, v: f64) -> f64 {
        (v * self.inverse).round_ties_even()
    }

    #[inline(always)]
    fn value(self, momentum: f64) -> f64 {
        momentum * self.velocity
    }
}

/// Some atoms, the forces on them, and how much momentum a quantum of these gives, an integer or a power of two.
struct Kick<'a> {
    velocity: &'a mut [Vec3],
    force: &'a [FixedForce],
    species: &'a [u8],
    /// By species.
    quanta: &'a [VelocityQuantum],
    share: f64,
}

impl Loop for Kick<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Kick { velocity, force, species, quanta, share } = self;
        for ((v, force), species) in velocity.iter_mut().zip(force).zip(species) {
            let quantum = quanta[*species as usize];
            for d in 0..3 {
                let impulse = (share * force[d] as f64).round_ties_even();
                v[d] = quantum.value(quantum.momentum(v[d]) + impulse);
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

#[inline(always)]
fn advance(x: &mut [f64; 4], v: &Vec3, duration: f64) {
    for d in 0..3 {
        x[d] += on_grid(duration * v[d]);
    }
}
