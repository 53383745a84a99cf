//! A force field: the sum of terms, each a potential of some species.
//!
//! Terms with sums over neighbours (many-body terms) have words of their own in the sums of an
//! atom, one term's behind the other's; what they add to forces and energies goes to the same
//! place. A pair of species has one many-body term at most, and any number of pair terms.
//!
//! Which model a term is, is asked once for each tile and phase; the models know nothing of
//! one another.

use super::adp::{self, Adp};
use super::analytic;
use super::eam;
use super::functional::{self, FunctionalTerm};
use super::meam::{self, Meam, ReferenceState};
use super::tersoff::{self, Tersoff};
use super::{Environment, Potential, Shared, Sums};
use crate::atoms::{FixedForce, Species};
use crate::elements;
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::input::{PotentialConfig, PotentialKind};
use crate::lanes::InstructionSet;
use crate::neighbour::Tile;
use std::ops::Range;

/// What a term may be.
#[derive(Debug)]
pub enum Model {
    Meam(Box<Meam>),
    Functional(Box<FunctionalTerm>),
    Adp(Box<Adp>),
    Tersoff(Box<Tersoff>),
}

/// A potential of some species of a force field.
#[derive(Debug)]
pub struct Term {
    pub model: Model,
    /// Whether it is of each species of the field.
    members: Vec<bool>,
    /// The first of its words.
    first_word: usize,
}

/// The sum of terms.
#[derive(Debug)]
pub struct ForceField {
    species: Vec<Species>,
    terms: Vec<Term>,
    words: usize,
    warnings: Vec<String>,
}

/// What the phases of one term see besides the environment.
#[derive(Debug, Default)]
pub struct Prepared {
    coarse: Vec<meam::CoarseAtom>,
    species: Vec<u32>,
}

/// What phase 1 of one term leaves for phase 3.
#[derive(Debug, Default)]
pub struct Records {
    meam: meam::Workbench,
    functional: functional::Records,
    tersoff: tersoff::Records,
}

/// A crystal in which the files say that an element is at home.
#[derive(Debug, Clone, PartialEq)]
pub struct Home {
    pub species: usize,
    /// As `crystal::lattice_constant` knows it.
    pub lattice: &'static str,
    /// Å
    pub lattice_constant: f64,
}

impl Model {
    fn read(term: &PotentialConfig, field: &[&str]) -> Result<Model> {
        Ok(match term.kind {
            PotentialKind::Meam => Model::Meam(Box::new(Meam::from_files(
                term.library.as_deref().expect("checked"),
                term.parameters.as_deref(),
                &term.elements,
            )?)),
            PotentialKind::Eam | PotentialKind::EamAlloy | PotentialKind::EamFs => {
                Model::Functional(Box::new(eam::read(term, field)?))
            }
            PotentialKind::Gupta
            | PotentialKind::SuttonChen
            | PotentialKind::LennardJones
            | PotentialKind::Morse
            | PotentialKind::Johnson => Model::Functional(Box::new(analytic::read(term, field)?)),
            PotentialKind::Adp => Model::Adp(Box::new(Adp::read(term, field)?)),
            PotentialKind::Tersoff => Model::Tersoff(Box::new(Tersoff::read(term, field)?)),
        })
    }

    fn words(&self) -> usize {
        match self {
            Model::Meam(meam) => meam.words(),
            Model::Functional(term) => term.functional.words(),
            Model::Adp(_) => adp::WORDS,
            Model::Tersoff(_) => 0,
        }
    }

    fn range(&self) -> f64 {
        match self {
            Model::Meam(meam) => meam.range(),
            Model::Functional(term) => term.functional.cutoff(),
            Model::Adp(adp) => adp.term.functional.cutoff(),
            Model::Tersoff(tersoff) => tersoff.cutoff(),
        }
    }

    fn cutoff(&self) -> f64 {
        match self {
            Model::Meam(meam) => meam.cutoff(),
            Model::Functional(term) => term.functional.cutoff(),
            Model::Adp(adp) => adp.term.functional.cutoff(),
            Model::Tersoff(tersoff) => tersoff.cutoff(),
        }
    }

    /// The pair functional that it is, or has.
    fn functional(&self) -> Option<&FunctionalTerm> {
        match self {
            Model::Functional(term) => Some(term),
            Model::Adp(adp) => Some(&adp.term),
            Model::Meam(_) | Model::Tersoff(_) => None,
        }
    }

    fn is_many_body(&self) -> bool {
        self.words() > 0 || matches!(self, Model::Tersoff(_))
    }

    fn warnings(&self) -> &[String] {
        match self {
            Model::Meam(meam) => meam.warnings(),
            Model::Functional(term) => &term.warnings,
            Model::Adp(adp) => &adp.term.warnings,
            Model::Tersoff(tersoff) => tersoff.warnings(),
        }
    }

    /// Symbol and mass of the species that its files describe.
    fn described(&self) -> Vec<Species> {
        match self {
            Model::Meam(meam) => meam.species().to_vec(),
            Model::Functional(term) => term.elements.iter().map(|e| e.species()).collect(),
            Model::Adp(adp) => adp.term.elements.iter().map(|e| e.species()).collect(),
            Model::Tersoff(tersoff) => tersoff.species(),
        }
    }
}

impl ForceField {
    /// The sum of what these tables of an input name; species in the order in which they come,
    /// but those of MEAM first, which knows them by their places.
    ///
    /// # Errors
    /// [`Error::Input`] with the place in the files of a term, or with the number of the term as
    /// the line and column 0 where no line of its files is to blame.
    pub fn read(tables: &[&PotentialConfig]) -> Result<ForceField, (usize, Error)> {
        let mut symbols: Vec<&str> = Vec::new();
        let of_meam = |table: &&&PotentialConfig| table.kind == PotentialKind::Meam;
        let ordered = tables.iter().filter(of_meam).chain(tables.iter().filter(|t| !of_meam(t)));
        for symbol in ordered.flat_map(|table| table.symbols()) {
            if !symbols.contains(&symbol) {
                symbols.push(symbol);
            }
        }
        let models = tables.iter().enumerate();
        let models = models.map(|(n, table)| Model::read(table, &symbols).map_err(|e| (n, e)));
        let models: Vec<Model> = models.collect::<Result<_, _>>()?;
        Ok(ForceField::sum(models, &symbols))
    }

    /// Of models that were made for these species, in this order.
    fn sum(models: Vec<Model>, symbols: &[&str]) -> ForceField {
        let mut species: Vec<Option<Species>> = vec![None; symbols.len()];
        let mut warnings = Vec::new();
        let (mut terms, mut words) = (Vec::new(), 0);
        for model in models {
            let described = model.described();
            let of = |symbol: &&str| described.iter().find(|s| s.symbol == *symbol);
            for (known, new) in species.iter_mut().zip(symbols.iter().map(of)) {
                // A mass of zero is none: the file is silent.
                match (&known, new.filter(|new| new.mass > 0.0)) {
                    (None, Some(new)) => *known = Some(new.clone()),
                    (Some(old), Some(new)) if (old.mass / new.mass - 1.0).abs() > 1e-3 => warnings
                        .push(format!(
                            "{} has the mass {} g/mol in one term of the potential and {} in another: \
                             the first counts",
                            old.symbol, old.mass, new.mass
                        )),
                    _ => {}
                }
            }
            let members = symbols.iter().map(|symbol| of(symbol).is_some()).collect();
            let count = model.words();
            terms.push(Term { model, members, first_word: words });
            words += count;
        }
        let alone = |n: usize| Species {
            symbol: symbols[n].into(),
            mass: elements::atomic_weight(symbols[n]).unwrap_or(1.0),
            atomic_number: elements::atomic_number(symbols[n]).unwrap_or(0),
        };
        let unknown =
            |n: &usize| species[*n].is_none() && elements::atomic_weight(symbols[*n]).is_none();
        warnings.extend((0..symbols.len()).filter(unknown).map(|n| {
            format!("no file and no table has a mass for {}: it counts as 1 g/mol", symbols[n])
        }));
        let species: Vec<Species> =
            species.into_iter().enumerate().map(|(n, s)| s.unwrap_or_else(|| alone(n))).collect();
        let mut field = ForceField { species, terms, words: words.max(1), warnings };
        field.warn_of_strangers();
        field
    }

    /// Pairs of species that nothing acts between.
    fn warn_of_strangers(&mut self) {
        let n = self.species.len();
        for (i, j) in (0..n * n).map(|p| (p / n, p % n)).filter(|(i, j)| i <= j) {
            if !self.terms.iter().any(|term| term.members[i] && term.members[j]) {
                let [a, b] = [i, j].map(|e| &self.species[e].symbol);
                self.warnings.push(format!("no term of the potential acts between {a} and {b}"));
            }
        }
    }

    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Å: atoms farther apart than this do not interact.
    pub fn cutoff(&self) -> f64 {
        self.terms.iter().map(|term| term.model.cutoff()).fold(0.0, f64::max)
    }

    /// The form in which it is computed; the results are the same bits in all.
    pub fn instruction_set(&self) -> InstructionSet {
        let of = |term: &Term| match &term.model {
            Model::Meam(meam) => Some(meam.instruction_set()),
            Model::Functional(term) => Some(term.functional.instruction_set()),
            Model::Adp(adp) => Some(adp.term.functional.instruction_set()),
            // Plain arithmetic.
            Model::Tersoff(_) => None,
        };
        self.terms.iter().find_map(of).unwrap_or(InstructionSet::Portable)
    }

    /// What the files of a term contradict so that no run should begin: which term, and why.
    pub fn contradiction(&self) -> Option<(usize, String)> {
        let of = |(n, term): (usize, &Term)| match &term.model {
            Model::Meam(meam) => meam.contradiction().map(|why| (n, why.to_string())),
            _ => None,
        };
        if let Some(found) = self.terms.iter().enumerate().find_map(of) {
            return Some(found);
        }
        let n = self.species.len();
        for p in (0..n * n).filter(|p| p / n <= p % n) {
            let acts = |term: &Term| {
                term.model.is_many_body() && term.members[p / n] && term.members[p % n]
            };
            let mut acting = self.terms.iter().enumerate().filter(|(_, term)| acts(term));
            if let (Some((first, _)), Some((second, _))) = (acting.next(), acting.next()) {
                let [a, b] = [p / n, p % n].map(|e| &self.species[e].symbol);
                let message = format!(
                    "terms {} and {} both have many-body parts between {a} and {b}: one at most may",
                    first + 1,
                    second + 1
                );
                return Some((second, message));
            }
        }
        let is_meam = |(_, term): &(usize, &Term)| matches!(term.model, Model::Meam(_));
        let second_meam = self.terms.iter().enumerate().filter(is_meam).nth(1);
        second_meam.map(|(n, _)| (n, "a force field has one `meam` term at most".to_string()))
    }

    /// What deserves a second look in the files, in words.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.terms.iter().flat_map(|term| term.model.warnings()).chain(&self.warnings)
    }

    /// The terms with the conventions in effect, line by line, for the log.
    pub fn conventions(&self) -> String {
        let of = |term: &Term| match &term.model {
            Model::Meam(meam) => meam.conventions(),
            Model::Functional(term) => term.conventions.clone(),
            Model::Adp(adp) => adp.term.conventions.clone(),
            Model::Tersoff(tersoff) => tersoff.conventions().to_string(),
        };
        self.terms.iter().map(of).collect()
    }

    /// The structures from which terms were made, as wanted and as found.
    ///
    /// # Errors
    /// Where one cannot be evaluated at all.
    pub fn reference_states(&self) -> Result<Vec<ReferenceState>> {
        let mut states = Vec::new();
        for term in &self.terms {
            if let Model::Meam(meam) = &term.model {
                states.extend(meam.reference_states()?);
            }
        }
        Ok(states)
    }

    /// The crystals in which files say that elements are at home and of what size.
    pub fn homes(&self) -> Vec<Home> {
        let mut homes = Vec::new();
        for term in &self.terms {
            let Some(term) = term.model.functional() else { continue };
            for element in &term.elements {
                let species = self.species.iter().position(|s| s.symbol == element.symbol);
                if let (Some(species), Some(lattice)) = (species, element.known_lattice()) {
                    let lattice_constant = element.lattice_constant;
                    homes.push(Home { species, lattice, lattice_constant });
                }
            }
        }
        homes
    }

    /// How far densities have gone beyond the tables of each term on this rank: the greatest
    /// such density, or zero.
    pub fn farthest(&self) -> Vec<f64> {
        let of = |term: &Term| {
            term.model.functional().map_or(0.0, |term| term.functional.farthest_density())
        };
        self.terms.iter().map(of).collect()
    }

    /// The same in words, of the greatest of all ranks.
    pub fn remarks(&self, farthest: &[f64]) -> Vec<String> {
        let of = |(term, &density): (&Term, &f64)| {
            let term = term.model.functional().filter(|_| density > 0.0)?;
            Some(format!(
                "densities of up to {density:.4} came up in {}; its tables of F end at {:.4}, and F \
                 went on straight from there",
                term.name,
                term.functional.end_of_densities()
            ))
        };
        self.terms.iter().zip(farthest).filter_map(of).collect()
    }

    /// The same force field, computed with another instruction set, which this processor must
    /// have (`InstructionSet::is_available`).
    pub fn with_instruction_set(mut self, set: InstructionSet) -> ForceField {
        let turn = |term: Term| {
            let model = match term.model {
                Model::Meam(meam) => Model::Meam(Box::new(meam.with_instruction_set(set))),
                Model::Functional(term) => {
                    Model::Functional(Box::new(term.with_instruction_set(set)))
                }
                Model::Adp(adp) => Model::Adp(Box::new(adp.with_instruction_set(set))),
                tersoff @ Model::Tersoff(_) => tersoff,
            };
            Term { model, ..term }
        };
        self.terms = self.terms.into_iter().map(turn).collect();
        self
    }

    /// Whether the words and species of a term are those of the field, so that its slices can
    /// be handed on.
    fn is_whole(&self, term: &Term) -> bool {
        term.model.words() == self.words
    }
}

impl From<Meam> for ForceField {
    fn from(meam: Meam) -> ForceField {
        let symbols: Vec<String> = meam.species().iter().map(|s| s.symbol.clone()).collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        ForceField::sum(vec![Model::Meam(Box::new(meam))], &symbols)
    }
}

impl Potential for ForceField {
    type Prepared = Vec<Prepared>;

    type Records = Vec<Records>;

    fn species(&self) -> &[Species] {
        &self.species
    }

    fn range(&self) -> f64 {
        self.terms.iter().map(|term| term.model.range()).fold(0.0, f64::max)
    }

    fn words(&self) -> usize {
        self.words
    }

    fn takes_half_lists(&self) -> bool {
        self.terms.iter().all(|term| match &term.model {
            Model::Meam(_) | Model::Tersoff(_) => false,
            Model::Functional(_) | Model::Adp(_) => true,
        })
    }

    fn neighbour_distance(&self, element: usize) -> Option<f64> {
        let of_this = self.terms.iter().filter(|term| term.members[element]);
        of_this.map(|term| &term.model).find_map(|model| match model {
            Model::Meam(meam) => meam.neighbour_distance(element),
            other => {
                let symbol = &self.species[element].symbol;
                let described = &other.functional()?.elements;
                described.iter().find(|e| e.symbol == *symbol)?.neighbour_distance()
            }
        })
    }

    fn quantum(&self) -> Quantum {
        Quantum::STANDARD
    }

    fn prepare(&self, env: Environment, atoms: Range<usize>, prepared: &mut Vec<Prepared>) {
        prepared.resize_with(self.terms.len(), Prepared::default);
        for (term, prepared) in self.terms.iter().zip(prepared) {
            match &term.model {
                Model::Meam(meam) => meam.prepare(env, atoms.clone(), &mut prepared.coarse),
                Model::Functional(term) => {
                    term.functional.prepare(env, atoms.clone(), &mut prepared.species);
                }
                Model::Adp(adp) => {
                    adp.term.functional.prepare(env, atoms.clone(), &mut prepared.species);
                }
                Model::Tersoff(_) => {}
            }
        }
    }

    fn densities(
        &self,
        env: Environment,
        prepared: &Vec<Prepared>,
        tile: &Tile,
        records: &mut Vec<Records>,
        sums: &Sums,
    ) -> Result<()> {
        records.resize_with(self.terms.len(), Records::default);
        for ((term, prepared), records) in self.terms.iter().zip(prepared).zip(records) {
            let sums = &sums.from_word(term.first_word);
            match &term.model {
                Model::Meam(meam) => {
                    meam.densities(env, &prepared.coarse, tile, &mut records.meam, sums)?;
                }
                Model::Functional(term) => {
                    let records = &mut records.functional;
                    term.functional.densities(env, &prepared.species, tile, records, sums)?;
                }
                Model::Adp(adp) => {
                    let records = &mut records.functional;
                    adp.densities(env, &prepared.species, tile, records, sums)?;
                }
                Model::Tersoff(_) => {}
            }
        }
        Ok(())
    }

    fn embed(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        for term in &self.terms {
            let count = term.model.words();
            let embed = |words: &mut [i64], force: &mut [FixedForce]| match &term.model {
                Model::Meam(meam) => meam.embed(env, atoms.clone(), words, force),
                Model::Functional(term) => term.functional.embed(env, atoms.clone(), words, force),
                Model::Adp(adp) => adp.embed(env, atoms.clone(), words, force),
                Model::Tersoff(_) => Ok(()),
            };
            if count == 0 {
                continue;
            }
            if self.is_whole(term) {
                embed(words, force)?;
                continue;
            }
            // The term's words of each atom, close together.
            let place = term.first_word..term.first_word + count;
            let mut own: Vec<i64> = words
                .chunks_exact(self.words)
                .flat_map(|all| &all[place.clone()])
                .copied()
                .collect();
            embed(&mut own, force)?;
            for (all, own) in words.chunks_exact_mut(self.words).zip(own.chunks_exact(count)) {
                all[place.clone()].copy_from_slice(own);
            }
        }
        Ok(())
    }

    fn forces(
        &self,
        env: Environment,
        prepared: &Vec<Prepared>,
        tile: &Tile,
        records: &mut Vec<Records>,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        for ((term, prepared), records) in self.terms.iter().zip(prepared).zip(records) {
            let adjoints = &adjoints.from_word(term.first_word);
            match &term.model {
                Model::Meam(meam) => {
                    meam.forces(env, &prepared.coarse, tile, &mut records.meam, adjoints, force)?;
                }
                Model::Functional(term) => {
                    let records = &mut records.functional;
                    term.functional.forces(
                        env,
                        &prepared.species,
                        tile,
                        records,
                        adjoints,
                        force,
                    )?;
                }
                Model::Adp(adp) => {
                    let records = &mut records.functional;
                    adp.forces(env, &prepared.species, tile, records, adjoints, force)?;
                }
                Model::Tersoff(tersoff) => {
                    tersoff.forces(env, tile, &mut records.tersoff, force)?;
                }
            }
        }
        Ok(())
    }
}
