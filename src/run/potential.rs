//! The potential that an input names, and what the input leaves to it.

use crate::error::{Error, Result};
use crate::input::{Config, CrystalLattice, Lattice, PotentialConfig, SURFACES, Shape};
use crate::potential::{ForceField, Potential, crystal};
use std::collections::BTreeMap;
use std::fmt::{Display, Write};
use std::path::Path;

/// What the potential says of the particles to build.
#[derive(Debug, Default, PartialEq)]
pub struct Own {
    /// A line for each particle that took something from it.
    pub table: String,
    pub warnings: Vec<String>,
}

/// More than thermal expansion up to the melting point, and than alloys depart from a
/// mean of their elements.
const LATTICE_TOLERANCE: f64 = 0.03;

/// Reads the potential's files, and writes into the input what this leaves to the potential:
/// the surface energies of Wulff shapes.
///
/// # Errors
/// [`Error::Input`] with the place in those files, or, where no line of theirs is to
/// blame (an element that is not in the library, indices in another order), in the input.
pub fn potential(config: &mut Config) -> Result<(ForceField, Own)> {
    let potential = read(config)?;
    let own = complete(config, &potential)?;
    Ok((potential, own))
}

/// The force field of an input.
///
/// # Errors
/// As for [`potential`].
pub fn read(config: &Config) -> Result<ForceField> {
    let (keys, tables): (Vec<_>, Vec<_>) = config.potentials().into_iter().unzip();
    let read = ForceField::read(&tables).map_err(|(term, error)| match error {
        Error::Input { place, message } if place.line == 0 => {
            let message = format!("{}: {message}", place.file.display());
            config.source.error(&to_blame(&keys[term], tables[term], &place.file), message)
        }
        error => error,
    })?;
    match read.contradiction() {
        Some((term, message)) => {
            Err(config.source.error(&format!("{}.elements", keys[term]), message))
        }
        None => Ok(read),
    }
}

/// The key that fits what is said of a file of a term as a whole: where each element has a file, the
/// file itself.
fn to_blame(key: &str, table: &PotentialConfig, file: &Path) -> String {
    let mut files = table.files(key).into_iter();
    match files.find(|(_, path)| table.file.len() > 1 && *path == file) {
        Some((named, _)) => named,
        None => format!("{key}.elements"),
    }
}

/// Means by composition of what the crystals of the elements have, each found once.
struct Crystals<'a> {
    potential: &'a ForceField,
    symbols: Vec<String>,
    lattice_constants: BTreeMap<(&'static str, usize), Option<f64>>,
    /// Of each of `SURFACES`, J/m².
    surfaces: BTreeMap<usize, Option<[f64; 3]>>,
}

impl Crystals<'_> {
    fn parts(&self, composition: &BTreeMap<String, f64>) -> Vec<(usize, f64)> {
        let fraction = |symbol: &String| composition.get(symbol).copied().unwrap_or(0.0);
        let all = self.symbols.iter().enumerate().map(|(e, symbol)| (e, fraction(symbol)));
        all.filter(|(_, fraction)| *fraction > 0.0).collect()
    }

    /// The lattice constant of lowest energy, Å; `lattice` as the potential calls it.
    fn lattice_constant(
        &mut self,
        lattice: &'static str,
        composition: &BTreeMap<String, f64>,
    ) -> Result<Option<f64>> {
        let mut sum = 0.0;
        for (e, fraction) in self.parts(composition) {
            let Some(a) = self.of_element(lattice, e)? else { return Ok(None) };
            sum += fraction * a;
        }
        Ok(Some(sum).filter(|sum| *sum > 0.0))
    }

    fn of_element(&mut self, lattice: &'static str, e: usize) -> Result<Option<f64>> {
        if let Some(known) = self.lattice_constants.get(&(lattice, e)) {
            return Ok(*known);
        }
        let found = crystal::lattice_constant(self.potential, lattice, e)?;
        self.lattice_constants.insert((lattice, e), found);
        Ok(found)
    }

    /// Surface energies of fcc, J/m², where every element has sound ones.
    fn surfaces(&mut self, composition: &BTreeMap<String, f64>) -> Result<Option<[f64; 3]>> {
        let mut sum = [0.0; 3];
        for (e, fraction) in self.parts(composition) {
            if !self.surfaces.contains_key(&e) {
                let found = match self.of_element("fcc", e)? {
                    Some(a) => Some(surfaces(self.potential, e, a)?),
                    None => None,
                };
                self.surfaces.insert(e, found);
            }
            let Some(own) = self.surfaces[&e] else { return Ok(None) };
            sum.iter_mut().zip(own).for_each(|(sum, own)| *sum += fraction * own);
        }
        // Digits that a person can copy: what the effective input says is what is used.
        let sum = sum.map(|x| (x * 1e4).round() / 1e4);
        Ok(Some(sum).filter(|sum| sum.iter().all(|x| *x >= 1e-3)))
    }

    /// A lattice constant of the input that is far from the potential's own, in words.
    fn far(
        &mut self,
        place: impl Display,
        lattice: &'static str,
        wanted: f64,
        composition: &BTreeMap<String, f64>,
    ) -> Result<Option<String>> {
        let own = self.lattice_constant(lattice, composition)?;
        let far = own.filter(|own| (wanted / own - 1.0).abs() > LATTICE_TOLERANCE);
        Ok(far.map(|own| {
            format!(
                "{place}: {wanted} Å is {:+.1} % off the lattice constant that the potential has for \
                 {lattice} of this composition at 0 K, {own:.4} Å",
                100.0 * (wanted / own - 1.0)
            )
        }))
    }
}

fn surfaces(potential: &ForceField, element: usize, lattice_constant: f64) -> Result<[f64; 3]> {
    let mut found = [0.0; 3];
    for (energy, family) in found.iter_mut().zip(SURFACES) {
        let miller = [0, 1, 2].map(|d| (family.as_bytes()[d] - b'0') as i32);
        *energy = crystal::fcc_surface_energy(potential, element, lattice_constant, miller)?;
    }
    Ok(found)
}

/// What the potential calls a lattice of one kind of site, whose lattice constant is a mean
/// of those of the elements.
fn simple(lattice: CrystalLattice) -> Option<&'static str> {
    match lattice {
        CrystalLattice::Sc => Some("sc"),
        CrystalLattice::Bcc => Some("bcc"),
        CrystalLattice::Fcc => Some("fcc"),
        CrystalLattice::Diamond => Some("dia"),
        CrystalLattice::Hcp => Some("hcp"),
        CrystalLattice::B2 | CrystalLattice::L10 | CrystalLattice::L12 => None,
    }
}

/// Writes into the input what it leaves to the potential.
///
/// # Errors
/// Where a crystal of the potential cannot be evaluated.
pub fn complete(config: &mut Config, potential: &ForceField) -> Result<Own> {
    let mut crystals = Crystals {
        potential,
        symbols: potential.species().iter().map(|species| species.symbol.clone()).collect(),
        lattice_constants: BTreeMap::new(),
        surfaces: BTreeMap::new(),
    };
    let mut own = Own::default();
    let source = &config.source;
    if let Some(crystal) = &config.crystal
        && let Some(lattice) = simple(crystal.lattice)
    {
        let place = source.place("crystal.lattice_constant_angstrom");
        let wanted = crystal.lattice_constant_angstrom;
        own.warnings.extend(crystals.far(place, lattice, wanted, &crystal.composition)?);
    }
    for (number, particle) in config.particles.iter_mut().enumerate() {
        if particle.structure.is_some() {
            continue;
        }
        let place = source.place(&format!("particle[{number}].lattice_constant_angstrom"));
        let wanted = particle.lattice_constant();
        let composition = particle.mean_composition();
        let lattice = match particle.lattice {
            Lattice::Fcc => Some("fcc"),
            Lattice::Bcc => Some("bcc"),
            Lattice::Hcp | Lattice::L12 | Lattice::L10 => None,
        };
        if let Some(lattice) = lattice {
            own.warnings.extend(crystals.far(place, lattice, wanted, &composition)?);
        }
        if particle.shape != Shape::Wulff || particle.surface_energy_j_per_m2.is_some() {
            continue;
        }
        let Some(energies) = crystals.surfaces(&composition)? else {
            let message = "the potential has no sound fcc surfaces of this composition (an element has \
                           no stable fcc crystal, or gains by being cut): give `surface_energy_j_per_m2`";
            return Err(source.error(&format!("particle[{number}]"), message));
        };
        let named: Vec<String> =
            SURFACES.iter().zip(energies).map(|(hkl, e)| format!("({hkl}) {e:.4}")).collect();
        let _ = writeln!(
            own.table,
            "particle[{number}]: surface energies of the potential, unrelaxed, 0 K, by composition: {} J/m²",
            named.join(", ")
        );
        particle.surface_energy_j_per_m2 =
            Some(SURFACES.iter().map(|hkl| hkl.to_string()).zip(energies).collect());
    }
    Ok(own)
}
