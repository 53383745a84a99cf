//! Where the phases of a potential meet the exchange of ghosts: from the
//! positions of the owned atoms to the forces on them.

mod departures;
mod displacement;
mod engine;
mod evaluate;
pub mod one_body;
#[cfg(test)]
pub mod two_densities;
mod phases;
mod statistics;
#[cfg(test)]
mod tests;
mod virials;

pub use departures::Departures;
pub use engine::{COMPONENTS, Engine, Settings};
pub use evaluate::{Evaluation, evaluate, evaluate_with, update_in_any_quantum};
pub use one_body::OneBodyTerms;
pub use statistics::Statistics;

use crate::atoms::Atoms;
use crate::error::Result;
use crate::geometry::{Cell, Vec3};

/// What one evaluation of the forces gives besides the forces, over all ranks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// eV
    pub potential_energy: f64,
    /// Sum of r_a f_b in eV, as xx yy zz xy xz yz; only where it was asked for.
    pub virial: Option<[f64; 6]>,
}

/// What an evaluation of the forces came to on this rank, until it is added up over all: no rank knows
/// of a failure on another before.
#[derive(Debug)]
#[must_use]
pub struct Share {
    /// Whether this rank could evaluate its atoms.
    result: Result<()>,
    /// Energy, number of failures, virial, what one-body terms add: quanta, as many on every rank.
    sums: Vec<i128>,
}

#[cfg(test)]
impl Share {
    /// Of a system that knows of no other ranks: nothing failed, energy in quanta.
    pub fn of_one_process(energy: i64) -> Share {
        Share { result: Ok(()), sums: vec![energy as i128, 0] }
    }

    /// In quanta.
    pub fn energy(&self) -> i128 {
        self.sums[0]
    }
}

/// What integrators and minimisers see of the system: atoms whose forces belong
/// to their positions.
pub trait System {
    /// Those of this rank, owned ones first: positions in Å on the grid, velocities in Å/ps, forces as of the
    /// last `update_forces`.
    fn atoms(&self) -> &Atoms;
    /// Positions and velocities of owned atoms may change; then call `update_forces`.
    fn atoms_mut(&mut self) -> &mut Atoms;
    /// Å; in free directions it follows the atoms.
    fn cell(&self) -> &Cell;
    /// g/mol, by species index.
    fn masses(&self) -> &[f64];
    /// After the owned atoms moved: migrates and rebuilds where an atom moved more
    /// than half the skin, else refreshes ghosts; then computes the forces.
    /// Owned atoms may be reordered and change rank.
    ///
    /// # Errors
    /// [`Error::Physics`](crate::error::Error::Physics) on every rank, with the id of an atom that is no longer where it can be
    /// evaluated: too close to another, torn away, or with a force beyond the quantum's bound.
    fn update_forces(&mut self, virial: bool) -> Result<Totals> {
        let share = self.begin_forces(virial)?;
        self.finish_forces(share, &mut [])
    }
    /// The first part of `update_forces`: the forces are there, but what is told of them is not yet added
    /// up over all ranks, which is for `finish_forces`. Meanwhile owned atoms may change.
    ///
    /// # Errors
    /// Those of `update_forces` that all ranks know of already.
    fn begin_forces(&mut self, virial: bool) -> Result<Share>;
    /// Adds up over all ranks what there is of the evaluation and `more`, as long on every rank, that the
    /// caller has to add up: in one reduction. Collective.
    ///
    /// # Errors
    /// As for `update_forces`.
    fn finish_forces(&mut self, share: Share, more: &mut [i128]) -> Result<Totals>;
    /// Gives the periodic box these lengths (Å), and stretches places along with it, from its
    /// origin; then call `update_forces`. Velocities stay.
    fn stretch(&mut self, length: Vec3);
    /// After species of owned atoms changed: their ghosts get them; then call `update_forces`.
    fn refresh_species(&mut self) {}
    /// Å: whatever is farther from an atom than this has no part in that atom's energy.
    fn energy_reach(&self) -> f64 {
        f64::INFINITY
    }
    /// Of each owned atom the name of the cluster that it is in by neighbours nearer than `bond` (Å), as places were in the last
    /// evaluation; one for all where nobody knows better. Collective.
    fn clusters(&self, _bond: f64) -> Vec<u64> {
        vec![0; self.atoms().owned]
    }
    /// How many atoms have departed so far, over all ranks (`Atoms::has_departed`).
    fn departed(&self) -> u64 {
        0
    }
    /// What acts on its atoms one by one, if anything does.
    fn one_body(&self) -> Option<&OneBodyTerms> {
        None
    }
    /// The same to change: pistons move with the integrator.
    fn one_body_mut(&mut self) -> Option<&mut OneBodyTerms> {
        None
    }
}
