//! The part of each atom in the virial: minus the derivative of its energy (embedding and half of each
//! pair term) by a strain of everything,
//!   W_ab(i) = −∂E_i/∂ε_ab,
//! whatever the force field, which knows nothing of it. The parts add up to the virial.
//!
//! Derivatives are central differences, two evaluations for each of six components. So that neither
//! ranks nor images can be told from them, vectors between atoms have to be strained alike wherever
//! they are seen from: positions wrapped into the box, and its periods, are strained and rounded to
//! the grid, and then put together again. No box is sheared thereby: lists and images stay what they are.

use super::{COMPONENTS, Engine, System};
use crate::error::Result;
use crate::geometry::{Cell, on_far_grid};
use crate::potential::Potential;
use rayon::prelude::*;

/// A power of two: third derivatives of energies and the rounding of positions weigh about the same.
const STRAIN: f64 = 1.0 / (1 << 13) as f64;

impl<P: Potential> Engine<'_, P> {
    /// Of each owned atom its part of the virial, eV, components as `Totals::virial` has them; it costs
    /// twelve evaluations of the forces. Positions, forces and lists stay what they are. Collective.
    ///
    /// # Errors
    /// As for `update_forces`.
    pub fn virials(&mut self) -> Result<Vec<[f64; 6]>> {
        let (cell, quantum) = (*self.cell(), self.atoms().quantum);
        let mut virials = vec![[0.0; 6]; self.atoms().owned];
        for (k, component) in COMPONENTS.into_iter().enumerate() {
            let less =
                self.energies_where(|position| strained(&cell, position, component, -STRAIN))?;
            let more =
                self.energies_where(|position| strained(&cell, position, component, STRAIN))?;
            let differences = less.par_iter().zip(&more).map(|(less, more)| less - more);
            virials
                .par_iter_mut()
                .zip(differences)
                .for_each(|(virial, quanta)| virial[k] = quantum.value(quanta) / (2.0 * STRAIN));
        }
        Ok(virials)
    }
}

/// Where a position goes if coordinate a grows by `strain` times coordinate b.
fn strained(cell: &Cell, position: &[f64; 4], (a, b): (usize, usize), strain: f64) -> [f64; 4] {
    let (mut place, mut image) = (*position, [0; 3]);
    cell.wrap(&mut place, &mut image);
    place[a] = on_far_grid(place[a] + strain * place[b]);
    if cell.periodic[a] {
        place[a] += image[a] as f64 * cell.length[a];
    }
    if cell.periodic[b] {
        place[a] += image[b] as f64 * on_far_grid(strain * cell.length[b]);
    }
    for d in (0..3).filter(|&d| d != a && cell.periodic[d]) {
        place[d] += image[d] as f64 * cell.length[d];
    }
    place
}
