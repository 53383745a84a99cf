//! The flow of momentum: what the motion of atoms adds to the pressure, for the barostat and for the
//! series alike.
//!
//! ```text
//! J_ab = Σ m v_a v_b − p_a p_b / M
//! ```
//!
//! over the atoms that can move, with p their momentum and M their mass: the motion of the centre of
//! mass presses on nothing.

use super::groups::{Group, Groups, MOMENTUM_QUANTUM, OutOfBounds, View};
use crate::fixed::Quantum;
use crate::geometry::{Vec3, scale};
use crate::units::MASS_VELOCITY_SQUARED;

/// Of all atoms that can move, as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flow {
    /// J, in the order of virials: xx, yy, zz, xy, xz, yz; eV.
    pub tensor: [f64; 6],
    /// Velocity of the centre of mass, Å/ps.
    pub centre: Vec3,
    pub atoms: u64,
}

impl Flow {
    /// Collective.
    ///
    /// # Errors
    /// Names an atom whose velocity is out of bounds or not a number.
    pub fn of(view: &View) -> Result<Flow, OutOfBounds> {
        Flow::of_group(view, &Groups::moving(Group::System, view))
    }

    /// The same where the group of all atoms that can move is known.
    pub fn of_group(view: &View, all: &Groups) -> Result<Flow, OutOfBounds> {
        let View { atoms, masses, .. } = *view;
        let (e, p) = (Quantum::STANDARD, MOMENTUM_QUANTUM);
        let sums = all.quick_sum(view, [e, e, e, e, e, e, p, p, p], |i| {
            let (m, [x, y, z]) = (masses[atoms.species[i] as usize], atoms.velocity[i]);
            let flow = MASS_VELOCITY_SQUARED * m;
            let [xx, yy, zz] = [flow * (x * x), flow * (y * y), flow * (z * z)];
            let [xy, xz, yz] = [flow * (x * y), flow * (x * z), flow * (y * z)];
            [xx, yy, zz, xy, xz, yz, m * x, m * y, m * z]
        })?;
        let [xx, yy, zz, xy, xz, yz, px, py, pz] = sums[0];
        let (mass, p) = (all.mass[0], [px, py, pz]);
        let of_centre = |a: usize, b: usize| match mass > 0.0 {
            true => MASS_VELOCITY_SQUARED * p[a] * p[b] / mass,
            false => 0.0,
        };
        Ok(Flow {
            tensor: [
                xx - of_centre(0, 0),
                yy - of_centre(1, 1),
                zz - of_centre(2, 2),
                xy - of_centre(0, 1),
                xz - of_centre(0, 2),
                yz - of_centre(1, 2),
            ],
            centre: if mass > 0.0 { scale(p, 1.0 / mass) } else { [0.0; 3] },
            atoms: all.atoms[0],
        })
    }
}
