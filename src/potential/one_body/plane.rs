//! An inert plane: the energy of an atom by its distance d from it.
//!
//! ```text
//! lj-9-3:   E(d) = epsilon (2/15 (sigma/d)^9 - (sigma/d)^3)
//! lj-12-6:  E(d) = 4 epsilon ((sigma/d)^12 - (sigma/d)^6)
//! ```
//!
//! as LAMMPS `fix wall/lj93` and `wall/lj126` have them, without a cutoff: a term of one atom
//! costs nothing, and so nothing jumps.
//!
//! The work of adhesion W is what it takes to part the plane from a half-space of atoms that
//! are spread evenly, one in the volume Omega. At the distance D of its face the energy of an
//! area is
//!
//! ```text
//! w(D) = 1/Omega ∫_D^∞ E(z) dz        W = -min w = g epsilon sigma / Omega
//! lj-9-3:   g = 3/8 (15/2)^(1/3) = 0.7341      lj-12-6:   g = 24/55 = 0.4364
//! ```
//!
//! with the minimum where E(D) = 0. Layers of a crystal in place of the even spread, and their
//! relaxing, change W by some per cent.

use super::Site;
use crate::geometry::Vec3;
use crate::input::{Axis, PlaneConfig, PlaneKind};
use crate::units::SURFACE_ENERGY;

/// How strongly a species feels a plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Strength {
    /// eV
    pub epsilon: f64,
    /// Å
    pub sigma: f64,
}

/// A plane across an axis, with the atoms on one side of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    pub kind: PlaneKind,
    pub axis: Axis,
    /// From the plane to the atoms along the axis: 1 or -1.
    pub sign: f64,
    /// Å
    pub position: f64,
    /// By species.
    pub strengths: Vec<Strength>,
}

impl PlaneKind {
    /// g of the work of adhesion.
    fn adhesion(self) -> f64 {
        match self {
            PlaneKind::NineThree => 3.0 / 8.0 * libm::cbrt(7.5),
            PlaneKind::TwelveSix => 24.0 / 55.0,
        }
    }

    /// For people.
    pub fn formula(self) -> &'static str {
        match self {
            PlaneKind::NineThree => "E(d) = epsilon (2/15 (sigma/d)^9 - (sigma/d)^3)",
            PlaneKind::TwelveSix => "E(d) = 4 epsilon ((sigma/d)^12 - (sigma/d)^6)",
        }
    }
}

impl Strength {
    /// Of an element as a checked input has it.
    pub fn of(plane: &PlaneConfig, symbol: &str) -> Strength {
        let number = |all: &std::collections::BTreeMap<String, f64>| all.get(symbol).copied();
        let sigma = number(&plane.sigma_angstrom).unwrap_or(1.0);
        let from_work = || {
            let work = number(&plane.work_of_adhesion_j_per_m2)?;
            let volume = number(&plane.atomic_volume_angstrom3)?;
            Some(work * SURFACE_ENERGY * volume / (plane.kind.adhesion() * sigma))
        };
        let epsilon = number(&plane.epsilon_ev).or_else(from_work).unwrap_or(0.0);
        Strength { epsilon, sigma }
    }

    /// Distance (Å) and energy (eV) of the minimum.
    pub fn minimum(&self, kind: PlaneKind) -> (f64, f64) {
        let distance = self.sigma
            * match kind {
                PlaneKind::NineThree => libm::pow(0.4, 1.0 / 6.0),
                PlaneKind::TwelveSix => libm::pow(2.0, 1.0 / 6.0),
            };
        (distance, self.at(kind, distance).0)
    }

    /// J/m², of a half-space of atoms of this volume (Å³).
    pub fn work_of_adhesion(&self, kind: PlaneKind, volume: f64) -> f64 {
        kind.adhesion() * self.epsilon * self.sigma / volume / SURFACE_ENERGY
    }

    /// Energy (eV) at a distance (Å) and the force away from the plane (eV/Å).
    pub fn at(&self, kind: PlaneKind, distance: f64) -> (f64, f64) {
        let ratio = self.sigma / distance;
        let third = ratio * ratio * ratio;
        let sixth = third * third;
        match kind {
            PlaneKind::NineThree => {
                let ninth = sixth * third;
                let energy = self.epsilon * (2.0 / 15.0 * ninth - third);
                (energy, self.epsilon * (1.2 * ninth - 3.0 * third) / distance)
            }
            PlaneKind::TwelveSix => {
                let twelfth = sixth * sixth;
                let energy = 4.0 * self.epsilon * (twelfth - sixth);
                (energy, 24.0 * self.epsilon * (2.0 * twelfth - sixth) / distance)
            }
        }
    }
}

impl Plane {
    /// Of the tables of an input; `position` in Å.
    pub fn new(plane: &PlaneConfig, symbols: &[&str], position: f64) -> Plane {
        Plane {
            kind: plane.kind,
            axis: plane.axis,
            sign: plane.side.sign(),
            position,
            strengths: symbols.iter().map(|symbol| Strength::of(plane, symbol)).collect(),
        }
    }

    /// How far an atom is from the plane, Å; negative on the wrong side.
    pub fn distance(&self, position: &Vec3) -> f64 {
        self.sign * (position[self.axis.index()] - self.position)
    }

    /// Whether it acts on a species.
    pub fn feels(&self, species: usize) -> bool {
        self.strengths[species].epsilon > 0.0
    }

    pub(super) fn act(&self, site: &Site) -> Result<(f64, Vec3), String> {
        let strength = &self.strengths[site.species];
        if strength.epsilon == 0.0 {
            return Ok((0.0, [0.0; 3]));
        }
        let distance = self.distance(&site.position);
        if distance <= 0.0 {
            return Err(format!(
                "this atom is {:.3} Å behind the plane at {} = {} Å, or in it",
                -distance,
                self.axis.name(),
                self.position
            ));
        }
        let (energy, force) = strength.at(self.kind, distance);
        let mut vector = [0.0; 3];
        vector[self.axis.index()] = self.sign * force;
        Ok((energy, vector))
    }
}
