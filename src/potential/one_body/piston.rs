//! A piston: a plane that repels, and moves.
//!
//! ```text
//! E = K/3 p³,  p = how far an atom is behind the face (0 in front of it)
//! ```
//!
//! as the plane of LAMMPS `fix indent` has it: force and its slope begin at zero. It moves along
//! its axis, in steps of velocity Verlet with the atoms,
//!
//! ```text
//! at a speed:    z' = v                         work on the atoms += F dz
//! at a pressure: M z'' = P A - F - M z'/tau      along the way it presses; F is its force on the atoms
//! ```
//!
//! What it gives to the atoms and to its own motion, less what friction takes, is kept account of, so that
//! potential + kinetic energy + `balance` is conserved in the limit of a small time step. While
//! energy is minimised no time passes, and it stands still.

use super::Site;
use crate::geometry::{Vec3, on_grid};
use crate::input::{Axis, PistonConfig};
use crate::units::{FORCE_PER_MASS, MASS_VELOCITY_SQUARED, PRESSURE_GPA};

/// What moves a piston.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Drive {
    /// Å/ps along the way it presses.
    Speed(f64),
    Pressure {
        /// P A, eV/Å.
        load: f64,
        /// Å²
        area: f64,
        /// g/mol
        mass: f64,
        /// tau, ps
        damping: f64,
    },
}

/// A piston where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Piston {
    pub axis: Axis,
    /// From the piston to the atoms along the axis, the way it presses: 1 or -1.
    pub sign: f64,
    /// K, eV/Å³
    pub stiffness: f64,
    pub drive: Drive,
    /// Å, on the grid.
    pub position: f64,
    /// Å/ps along the axis; of a pressure alone.
    pub velocity: f64,
    /// Energy that came from outside so far, eV.
    pub given: f64,
    /// Force on the atoms along the axis before the step under way, eV/Å, and the way since, Å.
    before: f64,
    moved: f64,
}

/// Mass of all atoms (g/mol) and the cell's area across the axis (Å²; only where both directions
/// are periodic), for what an input leaves open.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    pub mass: f64,
    pub area: Option<f64>,
}

impl Piston {
    /// Of the tables of a checked input, at rest; `position` in Å.
    pub fn new(piston: &PistonConfig, position: f64, around: Surroundings) -> Piston {
        let drive = match (piston.speed_angstrom_per_ps, piston.pressure_gpa) {
            (Some(speed), _) => Drive::Speed(speed),
            (None, pressure) => {
                let area = piston.area_angstrom2.or(around.area).unwrap_or(0.0);
                Drive::Pressure {
                    load: pressure.unwrap_or(0.0) / PRESSURE_GPA * area,
                    area,
                    mass: piston.mass_g_per_mol.unwrap_or(around.mass),
                    damping: piston.damping_time_ps,
                }
            }
        };
        Piston {
            axis: piston.axis,
            sign: piston.side.sign(),
            stiffness: piston.stiffness_ev_per_angstrom3,
            drive,
            position: on_grid(position),
            velocity: 0.0,
            given: 0.0,
            before: 0.0,
            moved: 0.0,
        }
    }

    /// How far behind the face a place is, Å; in front of it negative.
    pub fn depth(&self, place: &Vec3) -> f64 {
        self.sign * (self.position - place[self.axis.index()])
    }

    /// Of an atom at this depth, eV.
    pub fn energy(&self, depth: f64) -> f64 {
        let depth = depth.max(0.0);
        self.stiffness / 3.0 * depth * depth * depth
    }

    pub(super) fn act(&self, site: &Site) -> (f64, Vec3) {
        let depth = self.depth(&site.position);
        let mut force = [0.0; 3];
        if depth > 0.0 {
            force[self.axis.index()] = self.sign * self.stiffness * depth * depth;
        }
        (self.energy(depth), force)
    }

    /// Half a step's acceleration; `force` is that on all atoms along the axis, eV/Å.
    pub fn kick(&mut self, force: f64, duration: f64) {
        if let Drive::Pressure { load, mass, .. } = self.drive {
            self.velocity += duration * FORCE_PER_MASS / mass * (self.sign * load - force);
        }
    }

    /// Begins a step (ps) of the atoms.
    pub fn begin_step(&mut self, force: f64, half: f64) {
        (self.before, self.moved) = (force, 0.0);
        self.kick(force, half);
    }

    /// Moves on for a time (ps).
    pub fn drift(&mut self, duration: f64) {
        match self.drive {
            Drive::Speed(speed) => self.go(self.sign * speed * duration),
            Drive::Pressure { load, mass, damping, .. } => {
                let from = self.position;
                self.go(0.5 * duration * self.velocity);
                let kept = libm::exp(-duration / damping);
                let energy = 0.5 * MASS_VELOCITY_SQUARED * mass * self.velocity * self.velocity;
                self.given -= energy * (1.0 - kept * kept);
                self.velocity *= kept;
                self.go(0.5 * duration * self.velocity);
                self.given += self.sign * load * (self.position - from);
            }
        }
    }

    fn go(&mut self, by: f64) {
        let by = on_grid(by);
        self.position += by;
        self.moved += by;
    }

    /// Ends a step, with the force (eV/Å) where all have come to.
    pub fn end_step(&mut self, force: f64, half: f64) {
        self.kick(force, half);
        if let Drive::Speed(_) = self.drive {
            self.given += 0.5 * (self.before + force) * self.moved;
        }
    }

    /// To be added to the energy of the atoms for what is conserved, eV: the piston's own motion less
    /// what came from outside.
    pub fn balance(&self) -> f64 {
        let kinetic = match self.drive {
            Drive::Speed(_) => 0.0,
            Drive::Pressure { mass, .. } => {
                0.5 * MASS_VELOCITY_SQUARED * mass * self.velocity * self.velocity
            }
        };
        kinetic - self.given
    }

    /// Along the axis, Å/ps.
    pub fn speed(&self) -> f64 {
        match self.drive {
            Drive::Speed(speed) => self.sign * speed,
            Drive::Pressure { .. } => self.velocity,
        }
    }

    /// Of its force on the atoms (eV/Å along the axis) on its area, GPa; not a number where it has no
    /// area.
    pub fn pressure(&self, force: f64) -> f64 {
        match self.drive {
            Drive::Pressure { area, .. } => self.sign * force / area * PRESSURE_GPA,
            Drive::Speed(_) => f64::NAN,
        }
    }
}
