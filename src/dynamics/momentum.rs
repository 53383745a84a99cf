//! Linear and angular momentum: taking them away, and the degrees of freedom
//! that are left.
//!
//! ```text
//! linear:   v <- v - P/M               angular:   v <- v - omega x r,  omega = I⁻¹ L
//! ```
//!
//! The rule for degrees of freedom. A thermostat acts on the motion relative to
//! the centre of mass of each of its groups, never on the centre itself, and
//! temperature is measured in the same way. So a group of N atoms has
//!
//! - 3 N (atoms that are held fixed are not of it),
//! - less 3 for its centre of mass, whether it moves or not,
//! - less its rotations (3; atoms on a line 2; one atom 0) where nothing can
//!   turn it and it does not turn: all boundaries are free, no other group acts
//!   on it, no noise turns it, and its rotational energy was taken away.
//!
//! What "can turn" a group:
//!
//! | dynamics                                    | rotation of a group is |
//! |---------------------------------------------|------------------------|
//! | NVE, Nose-Hoover, Bussi on the whole system | conserved              |
//! | the same on each particle, particles apart  | conserved              |
//! | the same on each particle, together         | exchanged: not counted |
//! | Langevin                                    | thermal: not counted   |
//! | any periodic boundary                       | not conserved          |
//! | one-body terms                              | not conserved          |
//! | swaps                                       | thermal: not counted   |
//!
//! Where one-body terms act, the momentum of a group is not conserved either. Its centre is left out
//! all the same: whatever holds the atoms, their momenta at one temperature are independent of
//! places, so the motion relative to the centre has its 3 N - 3 shares of kT/2, and Nose-Hoover
//! and Bussi, which scale it, keep that distribution.

use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::dynamics::groups::{Body, Group, Groups, View};
use crate::dynamics::parallel;
use crate::force::System;
use crate::geometry::{Vec3, add, cross, scale, sub};

/// A body turns if its rotational energy exceeds this fraction of the mean
/// kinetic energy of its atoms: a thermal rotation has about one of the latter,
/// rounding leaves less than 1e-15.
const NEGLIGIBLE_ROTATION: f64 = 1e-6;

/// Takes away the linear momentum of each group.
pub fn remove_linear(system: &mut dyn System, comm: &Comm, group: Group) {
    change_velocities(system, comm, group, |body, _, v| sub(v, body.velocity()));
}

/// Takes away the angular momentum of each group about its own centre of mass.
pub fn remove_angular(system: &mut dyn System, comm: &Comm, group: Group) {
    change_velocities(system, comm, group, |body, r, v| sub(v, cross(body.turning, r)));
}

/// A body with its angular velocity worked out once.
struct Turning {
    body: Body,
    turning: Vec3,
}

impl Turning {
    fn velocity(&self) -> Vec3 {
        self.body.velocity()
    }
}

/// Gives each owned atom the velocity `change(body, r, v)`, r from the body's centre.
fn change_velocities(
    system: &mut dyn System,
    comm: &Comm,
    group: Group,
    change: impl Fn(&Turning, Vec3, Vec3) -> Vec3 + Sync,
) {
    let view = View::new(system, comm);
    let groups = Groups::moving(group, &view);
    let bodies: Vec<Turning> = groups
        .bodies(&view)
        .into_iter()
        .map(|body| Turning { body, turning: body.angular_velocity() })
        .collect();
    let cell = *system.cell();
    parallel::change_velocities(system.atoms_mut(), |atoms, i, v| {
        let body = &bodies[groups.of(atoms.particle[i])];
        let r = sub(cell.unwrap(&atoms.position[i], &atoms.image[i]), body.body.centre);
        *v = change(body, r, *v);
    });
}

/// Degrees of freedom of the motion of a body relative to its centre of mass,
/// by the rule above; `isolated` where nothing can turn it.
pub fn degrees_of_freedom(body: &Body, isolated: bool) -> u64 {
    let at_rest =
        body.rotational_energy() * body.atoms as f64 <= NEGLIGIBLE_ROTATION * body.thermal_energy;
    let rotations = if isolated && at_rest { body.inertia.rotations() as u64 } else { 0 };
    (3 * body.atoms).saturating_sub(3 + rotations)
}

/// Scales the velocities of each group relative to its centre of mass, which
/// moves with `velocities[k]`, by `factors[k]`.
pub fn rescale(system: &mut dyn System, groups: &Groups, velocities: &[Vec3], factors: &[f64]) {
    if factors.iter().all(|&f| f == 1.0) {
        return;
    }
    let rescaled = |particle: u32, v: Vec3| {
        let k = groups.of(particle);
        add(velocities[k], scale(sub(v, velocities[k]), factors[k]))
    };
    // Twice in a step: nobody is asked whether it rests where nobody does.
    let none_has_departed = system.departed() == 0;
    let atoms = system.atoms_mut();
    if none_has_departed && atoms.fixed.is_empty() {
        let Atoms { owned, velocity, particle, .. } = atoms;
        parallel::for_each(&mut velocity[..*owned], |i, v| *v = rescaled(particle[i], *v));
    } else {
        parallel::change_velocities(atoms, |atoms, i, v| *v = rescaled(atoms.particle[i], *v));
    }
}
