//! One-body terms: energy and force of an atom by itself, from its unwrapped position.
//!
//! What stands here is pure, like all of `potential`: which atoms a term is for, where it is
//! and what it has given is `force::one_body`'s. Invariant: the force is minus the gradient of
//! the energy (tests take differences of each term).

mod piston;
mod plane;
#[cfg(test)]
mod tests;

pub use piston::{Drive, Piston, Surroundings};
pub use plane::{Plane, Strength};

use crate::geometry::{Vec3, dot, scale, sub};
use crate::input::Config;
use std::fmt::Write;

/// An atom as a one-body term sees it.
#[derive(Debug, Clone, Copy)]
pub struct Site {
    /// Å, unwrapped.
    pub position: Vec3,
    pub species: usize,
    /// Å: where a tether holds it; elsewhere without meaning.
    pub anchor: Vec3,
}

/// What acts on atoms one by one.
#[derive(Debug, Clone, PartialEq)]
pub enum OneBodyForm {
    Plane(Plane),
    Piston(Piston),
    /// A spring to the anchor of each atom, eV/Å².
    Tether(f64),
    /// The same force on each atom, eV/Å.
    Uniform(Vec3),
    /// Holds atoms where they are, whatever pulls at them.
    Fixed,
}

impl OneBodyForm {
    /// Energy (eV) and force (eV/Å) of an atom; of atoms that are held fixed neither.
    ///
    /// # Errors
    /// In words: the atom is where the term has no energy.
    pub fn act(&self, site: &Site) -> Result<(f64, Vec3), String> {
        match self {
            OneBodyForm::Plane(plane) => plane.act(site),
            OneBodyForm::Piston(piston) => Ok(piston.act(site)),
            OneBodyForm::Tether(spring) => {
                let off = sub(site.position, site.anchor);
                Ok((0.5 * spring * dot(off, off), scale(off, -spring)))
            }
            OneBodyForm::Uniform(force) => Ok((-dot(*force, site.position), *force)),
            OneBodyForm::Fixed => Ok((0.0, [0.0; 3])),
        }
    }
}

/// The terms of an input with their formulae and numbers, line by line, for the log.
pub fn conventions(config: &Config) -> String {
    let mut told = String::new();
    let place = |axis: &str, position: Option<f64>, gap: Option<f64>| match position {
        Some(position) => format!("at {axis} = {position} Å"),
        None => format!("across {axis}, {} Å from the nearest atom", gap.unwrap_or(0.0)),
    };
    let axes = |[x, y, z]: Vec3| format!("({x}, {y}, {z})");
    for (n, plane) in config.planes.iter().enumerate() {
        let axis = plane.axis.name();
        let place = place(axis, plane.position_angstrom, plane.gap_angstrom);
        let (side, formula) = (plane.side.name(), plane.kind.formula());
        let _ = writeln!(told, "plane[{n}]: {place}, atoms {side} it; {formula}, without cutoff");
        for symbol in config.symbols() {
            let strength = Strength::of(plane, symbol);
            let (distance, energy) = strength.minimum(plane.kind);
            let Strength { epsilon, sigma } = strength;
            let work = plane.atomic_volume_angstrom3.get(symbol).map_or(String::new(), |&volume| {
                let work = strength.work_of_adhesion(plane.kind, volume);
                format!("; work of adhesion {work:.4} J/m² with {volume} Å³ for an atom")
            });
            let _ = writeln!(
                told,
                "  {symbol}: epsilon {epsilon:.6} eV, sigma {sigma} Å; least energy {energy:.6} eV at \
                 {distance:.4} Å{work}"
            );
        }
    }
    for (n, piston) in config.pistons.iter().enumerate() {
        let (axis, side) = (piston.axis.name(), piston.side.name());
        let place = place(axis, piston.position_angstrom, piston.gap_angstrom);
        let drive = match (piston.speed_angstrom_per_ps, piston.pressure_gpa) {
            (Some(speed), _) => format!("it moves at {speed} Å/ps"),
            (_, pressure) => format!(
                "it holds {} GPa on {}; mass {}, friction time {} ps",
                pressure.unwrap_or(0.0),
                piston
                    .area_angstrom2
                    .map_or("the area of the box".into(), |area| format!("{area} Å²")),
                piston.mass_g_per_mol.map_or("of all atoms".into(), |mass| format!("{mass} g/mol")),
                piston.damping_time_ps
            ),
        };
        let stiffness = piston.stiffness_ev_per_angstrom3;
        let _ = writeln!(
            told,
            "piston[{n}]: {place}, atoms {side} it; E(p) = K/3 p³ of an atom p behind it, \
             K = {stiffness} eV/Å³; {drive}"
        );
    }
    for (n, tether) in config.tethers.iter().enumerate() {
        let spring = tether.spring_ev_per_angstrom2;
        let _ = writeln!(
            told,
            "tether[{n}]: E(r) = k r²/2 from where it begins to act, k = {spring} eV/Å²"
        );
    }
    for (n, uniform) in config.uniform_forces.iter().enumerate() {
        let force = axes(uniform.force_ev_per_angstrom);
        let _ = writeln!(told, "uniform_force[{n}]: F = {force} eV/Å on each atom, E = -F r");
    }
    for n in 0..config.fixed.len() {
        let _ = writeln!(told, "fixed[{n}]: atoms that do not move");
    }
    told
}
