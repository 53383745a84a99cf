//! A pair functional as a term of a force field: with what its files say of it.

use super::{Functional, Records};
use crate::atoms::{FixedForce, Species};
use crate::elements;
use crate::error::Result;
use crate::lanes::InstructionSet;
use crate::potential::lattice::Lattice;
use crate::potential::{AtomBytes, Environment, Home, Model, Potential, Shared, Sums};
use crate::sweep::Tile;
use std::ops::Range;

/// A pair functional for all species of a force field, of which its files describe some.
#[derive(Debug)]
pub struct FunctionalTerm {
    pub functional: Functional,
    /// Of its files.
    pub name: String,
    /// Those that its files describe.
    pub elements: Vec<Element>,
    /// What it is, line by line, for the log.
    pub conventions: String,
    /// What deserves a second look in the files, in words.
    pub warnings: Vec<String>,
}

/// What a file says of an element.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Element {
    /// What the user calls it.
    pub symbol: String,
    /// Zero where the file is silent.
    pub atomic_number: i64,
    /// g/mol; zero where the file is silent.
    pub mass: f64,
    /// Å
    pub lattice_constant: f64,
    pub lattice: String,
}

impl Potential for FunctionalTerm {
    type Prepared = Vec<u32>;

    type Records = Records;

    fn species(&self) -> &[Species] {
        self.functional.species()
    }

    fn range(&self) -> f64 {
        self.functional.cutoff()
    }

    fn words(&self) -> usize {
        self.functional.words()
    }

    fn takes_half_lists(&self) -> bool {
        true
    }

    fn bytes_of_atom(&self, owned: usize, neighbours: f64, reach: f64) -> AtomBytes {
        self.functional.bytes_of_atom(owned, neighbours, reach)
    }

    fn prepare(&self, env: Environment, atoms: Range<usize>, species: &mut Vec<u32>) {
        self.functional.prepare(env, atoms, species);
    }

    unsafe fn densities(
        &self,
        env: Environment,
        species: &Vec<u32>,
        tile: &Tile,
        records: &mut Records,
        sums: &Sums,
    ) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.functional.densities(env, species, tile, records, sums) }
    }

    fn embed(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        self.functional.embed(env, atoms, words, force)
    }

    unsafe fn forces(
        &self,
        env: Environment,
        species: &Vec<u32>,
        tile: &Tile,
        records: &mut Records,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.functional.forces(env, species, tile, records, adjoints, force) }
    }
}

impl Model for FunctionalTerm {
    fn described(&self) -> Vec<Species> {
        self.elements.iter().map(Element::species).collect()
    }

    fn cutoff(&self) -> f64 {
        self.functional.cutoff()
    }

    fn conventions(&self) -> String {
        self.conventions.clone()
    }

    fn is_many_body(&self) -> bool {
        self.functional.words() > 0
    }

    fn acts_between(&self, a: &str, b: &str) -> bool {
        let place = |symbol| self.species().iter().position(|s| s.symbol == symbol);
        place(a).zip(place(b)).is_some_and(|(a, b)| self.functional.acts_between(a, b))
    }

    fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn bond_length(&self, symbol: &str) -> Option<f64> {
        self.elements.iter().find(|e| e.symbol == symbol)?.neighbour_distance()
    }

    fn homes(&self, field: &[Species]) -> Vec<Home> {
        let home = |element: &Element| {
            let species = field.iter().position(|s| s.symbol == element.symbol)?;
            let lattice = element.known_lattice()?;
            Some(Home { species, lattice, lattice_constant: element.lattice_constant })
        };
        self.elements.iter().filter_map(home).collect()
    }

    fn instruction_set(&self) -> Option<InstructionSet> {
        Some(self.functional.instruction_set())
    }

    fn set_instruction_set(&mut self, set: InstructionSet) {
        self.functional.set_instruction_set(set);
    }

    fn take_farthest(&self) -> f64 {
        self.functional.take_farthest()
    }

    fn remark(&self, farthest: f64) -> Option<String> {
        (farthest > 0.0).then(|| {
            format!(
                "densities of up to {farthest:.4} came up in {}; its tables of F end at {:.4}, and \
                 F went on straight from there",
                self.name,
                self.functional.end_of_densities()
            )
        })
    }
}

impl Element {
    /// The element as a species of a force field.
    pub fn species(&self) -> Species {
        Species {
            symbol: self.symbol.clone(),
            mass: self.mass,
            atomic_number: elements::atomic_number(&self.symbol).unwrap_or(0),
        }
    }

    /// Å: between neighbours in its crystal, where the file names one.
    pub fn neighbour_distance(&self) -> Option<f64> {
        let edge = match self.lattice.as_str() {
            "fcc" => std::f64::consts::FRAC_1_SQRT_2,
            "bcc" => 0.75f64.sqrt(),
            "hcp" => 1.0,
            "dia" | "diamond" => 0.1875f64.sqrt(),
            _ => return None,
        };
        Some(edge * self.lattice_constant).filter(|r| (1.0..6.0).contains(r))
    }

    /// Its lattice, where the name in the file is of one that this program can lay out.
    pub fn known_lattice(&self) -> Option<&'static str> {
        let name = if self.lattice == "diamond" { "dia" } else { &self.lattice };
        Lattice::from_name(name).map(Lattice::name)
    }
}

/// The species of a field, which may be one that the files of a term do not describe.
pub fn species(symbol: &str, elements: &[Element]) -> Species {
    match elements.iter().find(|element| element.symbol == symbol) {
        Some(element) => element.species(),
        None => Element { symbol: symbol.into(), ..Element::default() }.species(),
    }
}
