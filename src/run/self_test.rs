//! The test of a potential before the first step: its reference structures,
//! evaluated by the kernels of the run, against what its files want them to be.

use crate::error::Result;
use crate::potential::{ForceField, Found, Home, Potential, ReferenceState, crystal};

/// Deviations up to here are the potential's own: neighbours beyond those that the
/// reference counts are seldom screened to the last bit (bcc iron: 5e-5 in energy).
const ENERGY_TOLERANCE: f64 = 1e-3;
const DISTANCE_TOLERANCE: f64 = 1e-3;
/// alpha goes with the second derivative, which feels those neighbours more.
const ALPHA_TOLERANCE: f64 = 2e-2;

/// Lattice constants in the headers of table files are rounded, and often those of experiment.
const CRYSTAL_TOLERANCE: f64 = 0.01;

/// The references of a potential, in words.
pub struct SelfTest {
    /// One line for each structure.
    pub table: String,
    /// Those that are not what the files want.
    pub deviations: Vec<String>,
}

/// Evaluates the references. An error where one cannot be evaluated.
pub fn self_test(potential: &ForceField) -> Result<SelfTest> {
    let states = potential.reference_states()?;
    let mut deviations: Vec<String> = states.iter().filter_map(deviation).collect();
    let mut table: String = states.iter().map(line).collect();
    for home in potential.homes() {
        let (line, deviation) = crystal_at_home(potential, &home)?;
        table += &line;
        deviations.extend(deviation);
    }
    Ok(SelfTest { table, deviations })
}

fn line(state: &ReferenceState) -> String {
    format!(
        "reference {:<10} {:>10.5} eV ({:.5} wanted), nearest neighbours {:.4} Å ({:.4}), alpha {:.3} ({:.3})\n",
        state.name,
        state.energy.found,
        state.energy.wanted,
        state.distance.found,
        state.distance.wanted,
        state.alpha.found,
        state.alpha.wanted,
    )
}

/// The crystal of an element in the lattice that its file names, how far it is from what the file
/// says of it, and whether its densities are beyond the tables.
fn crystal_at_home(potential: &ForceField, home: &Home) -> Result<(String, Vec<String>)> {
    let Home { species, lattice, lattice_constant: wanted } = *home;
    let name = format!("{} {lattice}", potential.species()[species].symbol);
    let Some(found) = crystal::lattice_constant(potential, lattice, species)? else {
        let none =
            format!("{name}: the potential has no such crystal, which its file says is its own");
        return Ok((String::new(), vec![none]));
    };
    // Those of the crystals that were tried on the way do not count.
    let _ = potential.take_farthest();
    let energy = crystal::cohesive_energy(potential, lattice, species, found)?;
    let beyond = potential.remarks(&potential.take_farthest()).pop();
    let line = format!(
        "crystal   {name:<10} {energy:>10.5} eV, lattice constant {found:.4} Å ({wanted:.4} in the file)\n"
    );
    let off = (found / wanted - 1.0).abs() > CRYSTAL_TOLERANCE;
    let deviation = off.then(|| {
        format!("{name}: the lattice constant is {found:.4} Å, and the file says {wanted:.4} Å")
    });
    let beyond = beyond.map(|beyond| format!("{name} at rest: {beyond}"));
    Ok((line, deviation.into_iter().chain(beyond).collect()))
}

fn deviation(state: &ReferenceState) -> Option<String> {
    let off = |what: &str, quantity: Found, tolerance: f64| {
        // Not a number is a deviation too.
        let fits = quantity.relative_error() <= tolerance;
        (!fits)
            .then(|| format!("{what} is {:.5} instead of {:.5}", quantity.found, quantity.wanted))
    };
    let all = [
        off("energy", state.energy, ENERGY_TOLERANCE),
        off("nearest-neighbour distance", state.distance, DISTANCE_TOLERANCE),
        off("alpha (bulk modulus)", state.alpha, ALPHA_TOLERANCE),
    ];
    let all: Vec<String> = all.into_iter().flatten().collect();
    (!all.is_empty()).then(|| {
        format!(
            "reference structure {}: {}; do the conventions (ialloy, augt1, rc, Cmin, ...) belong to these parameters?",
            state.name,
            all.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_names_the_structure_and_both_values() {
        let good = Found { wanted: -5.77, found: -5.77 };
        let sound =
            ReferenceState { name: "Pt fcc".into(), energy: good, distance: good, alpha: good };
        assert_eq!(deviation(&sound), None);
        let off = ReferenceState { energy: Found { wanted: -5.77, found: -5.7 }, ..sound.clone() };
        let told = deviation(&off).unwrap();
        assert!(
            told.starts_with("reference structure Pt fcc: energy is -5.70000 instead of -5.77000;")
        );
        let nan = ReferenceState { distance: Found { wanted: 2.77, found: f64::NAN }, ..sound };
        assert!(deviation(&nan).unwrap().contains("nearest-neighbour distance"));
    }
}
