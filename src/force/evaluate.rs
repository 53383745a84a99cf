//! Energy, forces and virial of one configuration on one rank.

use super::one_body::Scene;
use super::{Departures, Engine, OneBodyTerms, Settings, System, Totals};
use crate::atoms::Atom;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::geometry::{Cell, Vec3};
use crate::potential::Potential;

/// Quanta 2⁻ᵇ for configurations whose forces exceed the bound of a run's quantum.
const COARSER_BITS: [i32; 2] = [30, 20];

/// What `evaluate` gives; atoms in the order of their ids.
#[derive(Debug, Clone)]
pub struct Evaluation {
    pub totals: Totals,
    /// eV/Å
    pub forces: Vec<Vec3>,
    /// eV: embedding and half of each pair term.
    pub energies: Vec<f64>,
}

/// Evaluates atoms with ids 0 .. N-1, virial included. Where a force or energy is
/// too large for the potential's quantum, coarser quanta are tried.
///
/// # Errors
/// [`Error::Physics`] with the atom's id where the potential is not defined, or a force or an energy is
/// too large for any of the quanta.
pub fn evaluate<P: Potential>(potential: &P, cell: Cell, atoms: &[Atom]) -> Result<Evaluation> {
    evaluate_with(potential, cell, atoms, |_| Ok(OneBodyTerms::default()))
}

/// The same with one-body terms, as they begin to act on these atoms.
///
/// # Errors
/// Those of `begin`, too.
pub fn evaluate_with<P: Potential>(
    potential: &P,
    cell: Cell,
    atoms: &[Atom],
    begin: impl FnOnce(Scene) -> Result<OneBodyTerms>,
) -> Result<Evaluation> {
    let comm = Comm::single();
    let settings = Settings { skin: 0.0, energy_bound: f64::INFINITY };
    let mut engine = Engine::new(&comm, potential, cell, atoms.to_vec(), settings)?;
    engine.set_departures(Departures::beyond(f64::INFINITY, false));
    let (atoms, cell, species) = (engine.atoms(), engine.cell(), potential.species());
    let one_body = begin(Scene { comm: &comm, atoms, cell, species })?;
    engine.set_one_body(one_body);
    let totals = update_in_any_quantum(&mut engine, true)?;
    let atoms = engine.atoms();
    let mut forces = vec![[0.0; 3]; atoms.owned];
    let mut energies = vec![0.0; atoms.owned];
    for i in 0..atoms.owned {
        let id = atoms.id[i] as usize;
        forces[id] = atoms.force_on(i);
        energies[id] = atoms.energy_of(i);
    }
    Ok(Evaluation { totals, forces, energies })
}

/// `update_forces`, in the potential's quantum or, where a force or energy is too large for that,
/// in coarser ones. Collective.
///
/// # Errors
/// As for `evaluate`.
pub fn update_in_any_quantum<P: Potential>(engine: &mut Engine<P>, virial: bool) -> Result<Totals> {
    engine.set_quantum(engine.potential().quantum());
    let mut totals = engine.update_forces(virial);
    for bits in COARSER_BITS {
        if matches!(totals, Err(Error::Physics { .. })) {
            engine.set_quantum(Quantum::new(bits));
            totals = engine.update_forces(virial);
        }
    }
    totals
}
