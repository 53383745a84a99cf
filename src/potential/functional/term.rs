//! A pair functional as a term of a force field: with what its files say of it.

use super::Functional;
use crate::atoms::Species;
use crate::elements;
use crate::lanes::InstructionSet;
use crate::potential::lattice::Lattice;

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

impl FunctionalTerm {
    /// The same, computed with another instruction set, which this processor must have.
    pub fn with_instruction_set(self, set: InstructionSet) -> FunctionalTerm {
        FunctionalTerm { functional: self.functional.with_instruction_set(set), ..self }
    }
}

impl Element {
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
