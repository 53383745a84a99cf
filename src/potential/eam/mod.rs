//! Potentials of the embedded-atom method from the files that LAMMPS and DYNAMO read:
//!
//! - `setfl`: all elements and pairs in one file (`eam/alloy`; `eam/fs`, where a density depends
//!   on both species);
//! - `funcfl`: one element in a file (`eam`), pairs by mixing.
//!
//! Both become the functions of a pair functional (`functional`), interpolated as LAMMPS does:
//! cubics with slopes from five points for F(ρ), ρ(r) and r φ(r). Beyond the last ρ, F goes on
//! straight.
//!
//! The formats: the documentation of LAMMPS' `pair_style eam`; S. M. Foiles, M. I. Baskes and
//! M. S. Daw, Phys. Rev. B 33 (1986) 7983 (funcfl, its units and its mixing).

use crate::elements;
use crate::error::{Error, Result};
use crate::input::{PotentialConfig, PotentialKind};
use crate::lanes::InstructionSet;
use crate::potential::functional::{
    Curve, Element, Embedding, Functional, FunctionalTerm, Functions, Splines, species,
};
use crate::potential::text::Word;
use std::fmt::Write;
use std::path::Path;

mod format;
mod funcfl;
mod numbers;
mod setfl;

use setfl::Form;

pub use numbers::energy_unit;

/// The functions of one potential as its files have them, on grids that begin at zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Tables {
    pub elements: Vec<Element>,
    pub density_spacing: f64,
    /// Where F begins to go on straight, if that is behind the last knot.
    pub density_end: Option<f64>,
    /// Å
    pub spacing: f64,
    /// Å
    pub cutoff: f64,
    /// F of each element, eV.
    pub embedding: Vec<Vec<f64>>,
    /// What an atom of the second element of the index gives at one of the first.
    pub density: Vec<Vec<f64>>,
    /// Index into `density`, by ordered pair of elements.
    pub density_of: Vec<usize>,
    /// r φ(r), eV Å, by ordered pair of elements; symmetric.
    pub energy: Vec<Vec<f64>>,
    /// u and w of `adp`, √eV/Å and √eV/Å², by ordered pair of elements; symmetric.
    pub angular: Option<[Vec<Vec<f64>>; 2]>,
    pub warnings: Vec<String>,
}

/// Reads the files of a term, for the species of a force field in their order; those that
/// the term does not name feel nothing of it.
///
/// # Errors
/// [`Error::Input`] with the place of whatever is missing or wrong in the files, or with no
/// line where the wish does not fit them.
pub fn read(term: &PotentialConfig, field: &[&str]) -> Result<FunctionalTerm> {
    let tables = match term.kind {
        PotentialKind::Eam => funcfl::read(&term.file, &term.elements)?,
        PotentialKind::EamAlloy => setfl::read(&term.file[0], &term.elements, Form::Alloy)?,
        PotentialKind::EamFs => setfl::read(&term.file[0], &term.elements, Form::FinnisSinclair)?,
        _ => unreachable!("not a kind of this method"),
    };
    term_of(tables, term, field)
}

/// The tables of dipoles and quadrupoles of `adp`, by pair of species of a force field.
pub struct Angular {
    /// Å
    pub spacing: f64,
    pub dipole: Vec<Option<Vec<f64>>>,
    pub quadrupole: Vec<Option<Vec<f64>>>,
}

/// The same for a file of `adp`, with what it has beside a pair functional.
///
/// # Errors
/// As for `read`.
pub fn read_angular(term: &PotentialConfig, field: &[&str]) -> Result<(FunctionalTerm, Angular)> {
    let mut tables = setfl::read(&term.file[0], &term.elements, Form::Angular)?;
    let [dipole, quadrupole] = tables.angular.take().expect("this form has them");
    let spacing = tables.spacing;
    let n = tables.elements.len();
    let pairs = pairs_of(&tables.elements, field);
    let by_species = |tables: Vec<Vec<f64>>| -> Vec<Option<Vec<f64>>> {
        pairs.iter().map(|pair| pair.map(|[i, j]| tables[i * n + j].clone())).collect()
    };
    let angular =
        Angular { spacing, dipole: by_species(dipole), quadrupole: by_species(quadrupole) };
    Ok((term_of(tables, term, field)?, angular))
}

/// By ordered pair of species of a field the places of both among the elements, if they are there.
fn pairs_of(elements: &[Element], field: &[&str]) -> Vec<Option<[usize; 2]>> {
    let place = |symbol: &&str| elements.iter().position(|e| e.symbol == *symbol);
    let places: Vec<Option<usize>> = field.iter().map(place).collect();
    let n = places.len();
    (0..n * n).map(|p| Some([places[p / n]?, places[p % n]?])).collect()
}

fn term_of(tables: Tables, term: &PotentialConfig, field: &[&str]) -> Result<FunctionalTerm> {
    let conventions = conventions(term, &tables);
    let Tables { elements, warnings, .. } = &tables;
    let (elements, warnings) = (elements.clone(), warnings.clone());
    let functional = Functional::new(functions(tables, field), InstructionSet::choose()?)
        .map_err(|message| Error::input(&term.file[0], 0, 0, message))?;
    Ok(FunctionalTerm { functional, name: term.file_names(), elements, conventions, warnings })
}

impl Element {
    /// From the line that begins its tables. Only number and mass are always there.
    fn of_header(path: &Path, symbol: &str, words: &[Word]) -> Result<Element> {
        let [number, mass, rest @ ..] = words else {
            let message = format!("{symbol} lacks its mass behind its atomic number");
            return Err(words[0].error(path, message));
        };
        let grams = mass.number(path, "mass")?;
        if grams <= 0.0 {
            return Err(mass.error(path, format!("the mass of {symbol} is {grams}")));
        }
        Ok(Element {
            symbol: symbol.into(),
            atomic_number: number.number(path, "atomic number")? as i64,
            mass: grams,
            lattice_constant: rest.first().and_then(Word::as_number).unwrap_or(0.0),
            lattice: rest.get(1).map_or(String::new(), |word| word.text.to_ascii_lowercase()),
        })
    }

    /// A line where number or mass belong to another element than the symbol.
    fn contradictions(&self, path: &Path, warnings: &mut Vec<String>) {
        /// Masses of isotopes and old tables differ by less.
        const MASS_TOLERANCE: f64 = 0.02;
        let Some(number) = elements::atomic_number(&self.symbol) else { return };
        let file = path.display();
        let Element { symbol, atomic_number, mass, .. } = self;
        if *atomic_number != number as i64 {
            warnings.push(format!(
                "{file}: the atomic number of {symbol} is {number}, and the file has {atomic_number} \
                 (an element is known by its symbol)"
            ));
        }
        let weight = elements::atomic_weight(symbol).unwrap_or(*mass);
        if (mass / weight - 1.0).abs() > MASS_TOLERANCE {
            warnings.push(format!(
                "{file}: {symbol} has the mass {mass} g/mol there, which is used; its atomic weight is {weight}"
            ));
        }
    }
}

/// The functions of these tables for the species of a force field.
fn functions(tables: Tables, field: &[&str]) -> Functions {
    let Tables { elements, density_spacing, density_end, spacing, cutoff, .. } = tables;
    let n = elements.len();
    let place = |symbol: &str| elements.iter().position(|e| e.symbol == symbol);
    let places: Vec<Option<usize>> = field.iter().map(|symbol| place(symbol)).collect();
    let pairs: Vec<Option<usize>> =
        pairs_of(&elements, field).into_iter().map(|pair| pair.map(|[i, j]| i * n + j)).collect();
    let densities = tables.density.len();
    let curves = tables.density.into_iter().chain(tables.energy).map(Curve::through).collect();
    let knots = tables.embedding.iter().map(Vec::len).max().unwrap_or(2);
    let embeddings: Vec<Option<Curve>> = places
        .iter()
        .map(|place| place.map(|e| Curve::through(tables.embedding[e].clone())))
        .collect();
    let splines = Splines::new(density_spacing, knots, &embeddings);
    // Of a pair and its mirror image one table.
    let mirrored = |p: usize| if p / n <= p % n { p } else { p % n * n + p / n };
    Functions {
        species: field.iter().map(|symbol| species(symbol, &elements)).collect(),
        cutoff,
        cutoffs: None,
        spacing,
        curves,
        density: pairs.iter().map(|pair| pair.map(|p| tables.density_of[p])).collect(),
        energy: pairs.iter().map(|pair| pair.map(|p| densities + mirrored(p))).collect(),
        embedding: Embedding::Splines(match density_end {
            Some(end) => splines.up_to(end),
            None => splines,
        }),
    }
}

fn conventions(term: &PotentialConfig, tables: &Tables) -> String {
    let mut text = String::new();
    let knots = |all: &[Vec<f64>]| all.first().map_or(0, Vec::len);
    let Tables { spacing, density_spacing, density_end, cutoff, .. } = tables;
    let last_knot = density_spacing * (knots(&tables.embedding).max(1) - 1) as f64;
    let last = density_end.unwrap_or(last_knot);
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{}: {}, cutoff {cutoff} Å, {} radial knots every {spacing} Å, {} of F(rho) every \
         {density_spacing}, cubics between them; beyond rho = {last} F goes on straight",
        term.kind.name(),
        term.file_names(),
        knots(&tables.energy),
        knots(&tables.embedding),
    );
    for Element { symbol, mass, lattice, lattice_constant, .. } in &tables.elements {
        let _ = writeln!(text, "{symbol}: mass {mass}, {lattice} {lattice_constant} Å");
    }
    text
}
