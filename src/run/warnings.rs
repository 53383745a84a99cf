//! What is allowed but deserves a second look, told in one place: of the input, of the
//! potential and its reference states, and of the structure.
//!
//! Whoever finds something returns it as data, a line for each (`input::warnings`,
//! `ForceField::warnings`, `SelfTest::deviations`, `Built::warnings`, `Frame::warnings`);
//! commands hand these lines to `tell`. The logger that every command installs
//! (`write::log`) puts `warning: ` before them and is silent on all ranks but the root.

use super::potential::potential as read_potential;
use super::self_test::self_test;
use crate::atoms::{Atom, Atoms};
use crate::build::Built;
use crate::comm::Comm;
use crate::error::Result;
use crate::input::{self, Config};
use crate::potential::ForceField;
use std::fmt::Display;
use std::path::Path;

/// Tells each of these lines.
pub fn tell(warnings: impl IntoIterator<Item = impl Display>) {
    for warning in warnings {
        log::warn!("{warning}");
    }
}

/// Reads an input and tells what is odd about it.
pub fn read_input(path: &Path) -> Result<Config> {
    let config = input::read(path)?;
    tell(input::warnings(&config));
    Ok(config)
}

/// The same of an input whose protocol may be missing.
pub fn read_system(path: &Path) -> Result<Config> {
    let config = input::read_system(path)?;
    tell(input::warnings(&config));
    Ok(config)
}

/// Reads the potential that an input names, writes into the input what this leaves to it,
/// and tells what is odd; with the table of reference structures and what was written.
pub fn potential(config: &mut Config) -> Result<(ForceField, String)> {
    let (potential, own) = read_potential(config)?;
    let references = of_potential(&potential)?;
    tell(&own.warnings);
    Ok((potential, references + &own.table))
}

/// Tells what is odd about a structure, of which this rank has its share. Collective.
pub fn of_structure(built: &Built, potential: &ForceField, comm: &Comm) {
    tell(&built.warnings);
    tell((built.layout.atoms == 1).then_some(
        "there is one atom: it has no motion but that of the centre of mass, no temperature, and \
         nothing that a thermostat could act on",
    ));
    tell(scattered(built, potential.cutoff(), comm));
}

/// That one atom alone is not held fixed. Collective.
pub fn of_movable(atoms: &Atoms, comm: &Comm) {
    let fixed = comm.sum((0..atoms.owned).filter(|&i| atoms.is_fixed(i)).count() as i64);
    let all = comm.sum(atoms.owned as i64);
    tell((fixed > 0 && all - fixed == 1).then_some(
        "all atoms but one are held fixed: its motion counts as that of the centre of mass, so it has no \
         temperature, no velocity at first, and nothing that a thermostat could act on",
    ));
}

/// That the atoms have no neighbours: their file may be in another unit. A few are looked at.
fn scattered(built: &Built, cutoff: f64, comm: &Comm) -> Option<String> {
    const LOOKED_AT: u64 = 16;
    let atoms = built.layout.atoms;
    let stride = (atoms / LOOKED_AT).max(1);
    let chosen: Vec<[f64; 3]> =
        built.atoms.iter().filter(|a| a.id % stride == 0).map(|a| a.position).collect();
    let chosen = comm.all_gather(&chosen).concat();
    let is_near = |r: &[f64; 3]| {
        let within = |a: &&Atom| built.cell.distance(r, &a.position) <= cutoff;
        built.atoms.iter().filter(within).count() as i64
    };
    let mut neighbours: Vec<i64> = chosen.iter().map(is_near).collect();
    comm.sum_i64(&mut neighbours);
    // Each is near itself.
    let alone = neighbours.iter().all(|&count| count <= 1);
    (alone && chosen.len() as u64 >= LOOKED_AT).then(|| {
        format!(
            "of {} atoms looked at none has a neighbour within {cutoff} Å, the cutoff of the potential: \
             is the structure in Å?",
            chosen.len()
        )
    })
}

/// Tells what is odd about a potential; gives the table of its reference structures.
pub fn of_potential(potential: &ForceField) -> Result<String> {
    tell(potential.contradiction().map(|(_, message)| message));
    tell(potential.warnings());
    let tested = self_test(potential)?;
    tell(&tested.deviations);
    Ok(tested.table)
}

/// Tells how far densities have gone beyond the tables of the force field, on any rank, since
/// `forget_densities`. Collective.
pub fn of_densities(potential: &ForceField, comm: &Comm) {
    let mut farthest = potential.take_farthest();
    comm.max_f64(&mut farthest);
    tell(potential.remarks(&farthest));
}

/// What was evaluated so far (crystals that were squeezed to find the lattice constant of one) is
/// none of what the user has asked for.
pub fn forget_densities(potential: &ForceField) {
    let _ = potential.take_farthest();
}

/// As `of_potential`, where structures may be sound and a reference structure is not: that it cannot
/// be evaluated is a warning too. On the root alone.
pub fn of_potential_beside(potential: &ForceField, comm: &Comm) {
    let told = if comm.is_root() { of_potential(potential).map(drop) } else { Ok(()) };
    tell(told.err().map(|error| format!("a reference structure cannot be evaluated: {error}")));
}
