//! A force field: the sum of terms, each a potential of some species.
//!
//! Terms with sums over neighbours (many-body terms) have words of their own in the sums of an
//! atom, one term's behind the other's; what they add to forces and energies goes to the same
//! place. A pair of species has one many-body term at most, and any number of pair terms.
//!
//! What kind a term is of, `read` alone knows; anything else asks the term (`Model`).

use super::adp::Adp;
use super::meam::{Meam, ReferenceState};
use super::model::{Home, Model};
use super::tersoff::Tersoff;
use super::{AtomBytes, Environment, Potential, Shared, Sums, analytic, eam};
use crate::atoms::{FixedForce, Species};
use crate::elements;
use crate::error::{Error, Result};
use crate::input::{self, PotentialConfig, PotentialKind};
use crate::lanes::InstructionSet;
use crate::sweep::Tile;
use std::any::Any;
use std::ops::Range;
use std::path::Path;

/// A potential of some species of a force field.
#[derive(Debug)]
pub struct Term {
    pub model: Box<dyn Model>,
    /// Whether it is of each species of the field.
    members: Vec<bool>,
    /// Whether it acts between two species, by pair.
    acts: Vec<bool>,
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

/// The term that a table names, for the species of a force field in their order.
fn read(table: &PotentialConfig, field: &[&str]) -> Result<Box<dyn Model>> {
    Ok(match table.kind {
        PotentialKind::Meam => {
            let library = table.library.as_deref().expect("checked");
            let parameters = table.parameters.as_deref();
            Box::new(Meam::from_files(library, parameters, &table.elements)?.among(field))
        }
        PotentialKind::Eam | PotentialKind::EamAlloy | PotentialKind::EamFs => {
            Box::new(eam::read(table, field)?)
        }
        PotentialKind::Gupta
        | PotentialKind::SuttonChen
        | PotentialKind::LennardJones
        | PotentialKind::Morse
        | PotentialKind::Johnson => Box::new(analytic::read(table, field)?),
        PotentialKind::Adp => Box::new(Adp::read(table, field)?),
        PotentialKind::Tersoff => Box::new(Tersoff::read(table, field)?),
    })
}

impl ForceField {
    /// The sum of what these tables of an input name; species in the order in which they come
    /// (`Config::symbols`).
    ///
    /// # Errors
    /// [`Error::Input`] with the place in the files of a term, or with the number of the term as
    /// the line and column 0 where no line of its files is to blame.
    pub fn read(tables: &[&PotentialConfig]) -> Result<ForceField, (usize, Error)> {
        let symbols = input::symbols(tables.iter().copied());
        let models = tables.iter().enumerate();
        let models = models.map(|(n, table)| read(table, &symbols).map_err(|e| (n, e)));
        let models: Vec<_> = models.collect::<Result<_, _>>()?;
        Ok(ForceField::of(models, &symbols))
    }

    /// MEAM from a library and a parameter file, or the library alone; `elements` as
    /// `Meam::from_files` has them.
    ///
    /// # Errors
    /// [`Error::Input`] with the place of whatever is missing or wrong.
    pub fn from_files(
        library: &Path,
        parameters: Option<&Path>,
        elements: &[String],
    ) -> Result<ForceField> {
        Meam::from_files(library, parameters, elements).map(ForceField::from)
    }

    /// The sum of models that were made for these species, in this order.
    pub fn of(models: Vec<Box<dyn Model>>, symbols: &[&str]) -> ForceField {
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
            let members: Vec<bool> = symbols.iter().map(|symbol| of(symbol).is_some()).collect();
            let n = symbols.len();
            let acts = |i: usize, j: usize| {
                members[i] && members[j] && model.acts_between(symbols[i], symbols[j])
            };
            let acts = (0..n * n).map(|p| acts(p / n, p % n)).collect();
            let count = model.phases_words();
            terms.push(Term { model, members, acts, first_word: words });
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
            if !self.terms.iter().any(|term| term.acts[i * n + j]) {
                let [a, b] = [i, j].map(|e| &self.species[e].symbol);
                self.warnings.push(format!("no term of the potential acts between {a} and {b}"));
            }
        }
    }

    /// In the order of the tables of the input.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Å: atoms farther apart than this do not interact.
    pub fn cutoff(&self) -> f64 {
        self.terms.iter().map(|term| term.model.cutoff()).fold(0.0, f64::max)
    }

    /// The form in which it is computed; the results are the same bits in all.
    pub fn instruction_set(&self) -> InstructionSet {
        let mut forms = self.terms.iter().filter_map(|term| term.model.instruction_set());
        forms.next().unwrap_or(InstructionSet::Portable)
    }

    /// What the files of a term contradict so that no run should begin: which term, and why.
    pub fn contradiction(&self) -> Option<(usize, String)> {
        let of = |(n, term): (usize, &Term)| Some((n, term.model.contradiction()?.to_string()));
        if let Some(found) = self.terms.iter().enumerate().find_map(of) {
            return Some(found);
        }
        let n = self.species.len();
        for p in (0..n * n).filter(|p| p / n <= p % n) {
            let acts = |term: &Term| term.model.is_many_body() && term.acts[p];
            let mut acting = self.terms.iter().enumerate().filter(|(_, term)| acts(term));
            if let (Some((first, _)), Some((second, _))) = (acting.next(), acting.next()) {
                let [a, b] = [p / n, p % n].map(|e| &self.species[e].symbol);
                let [one, other] = [first, second].map(|n| input::title(&input::key_of_term(n)));
                let message = format!(
                    "{one} and {other} both have many-body parts between {a} and {b}: one at most may"
                );
                return Some((second, message));
            }
        }
        None
    }

    /// What deserves a second look in the files, in words.
    pub fn warnings(&self) -> impl Iterator<Item = &String> {
        self.terms.iter().flat_map(|term| term.model.warnings()).chain(&self.warnings)
    }

    /// The terms with the conventions in effect, line by line, for the log.
    pub fn conventions(&self) -> String {
        self.terms.iter().map(|term| term.model.conventions()).collect()
    }

    /// The structures from which terms were made, as wanted and as found.
    ///
    /// # Errors
    /// Where one cannot be evaluated at all.
    pub fn reference_states(&self) -> Result<Vec<ReferenceState>> {
        let mut states = Vec::new();
        for term in &self.terms {
            states.extend(term.model.reference_states()?);
        }
        Ok(states)
    }

    /// The crystals in which files say that elements are at home and of what size.
    pub fn homes(&self) -> Vec<Home> {
        self.terms.iter().flat_map(|term| term.model.homes(&self.species)).collect()
    }

    /// How far densities have gone beyond the tables of each term on this rank since this was last
    /// asked: the greatest such density, or zero.
    pub fn take_farthest(&self) -> Vec<f64> {
        self.terms.iter().map(|term| term.model.take_farthest()).collect()
    }

    /// The same in words, of the greatest of all ranks.
    pub fn remarks(&self, farthest: &[f64]) -> Vec<String> {
        let of = |(term, &density): (&Term, &f64)| term.model.remark(density);
        self.terms.iter().zip(farthest).filter_map(of).collect()
    }

    /// The same force field, computed with another instruction set, which this processor must
    /// have (`InstructionSet::is_available`).
    pub fn with_instruction_set(mut self, set: InstructionSet) -> ForceField {
        self.terms.iter_mut().for_each(|term| term.model.set_instruction_set(set));
        self
    }

    /// Whether the words and species of a term are those of the field, so that its slices can
    /// be handed on.
    fn is_whole(&self, term: &Term) -> bool {
        term.model.phases_words() == self.words
    }
}

impl From<Meam> for ForceField {
    fn from(meam: Meam) -> ForceField {
        let symbols: Vec<String> = meam.species().iter().map(|s| s.symbol.clone()).collect();
        let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
        ForceField::of(vec![Box::new(meam)], &symbols)
    }
}

impl Potential for ForceField {
    /// That of each term.
    type Prepared = Vec<Box<dyn Any + Send + Sync>>;

    type Records = Vec<Box<dyn Any + Send>>;

    fn species(&self) -> &[Species] {
        &self.species
    }

    fn range(&self) -> f64 {
        self.terms.iter().map(|term| term.model.phases_range()).fold(0.0, f64::max)
    }

    fn energy_reach(&self) -> f64 {
        self.terms.iter().map(|term| term.model.phases_energy_reach()).fold(0.0, f64::max)
    }

    fn shares_energies(&self) -> bool {
        self.terms.iter().any(|term| term.model.phases_share_energies())
    }

    fn words(&self) -> usize {
        self.words
    }

    fn takes_half_lists(&self) -> bool {
        self.terms.iter().all(|term| term.model.phases_take_half_lists())
    }

    fn bytes_of_atom(&self, owned: usize, neighbours: f64, reach: f64) -> AtomBytes {
        let of = |term: &Term| term.model.phases_bytes_of_atom(owned, neighbours, reach);
        self.terms.iter().map(of).fold(AtomBytes::default(), |sum, one| AtomBytes {
            prepared: sum.prepared + one.prepared,
            kept: sum.kept + one.kept,
            records: sum.records + one.records,
        })
    }

    fn neighbour_distance(&self, element: usize) -> Option<f64> {
        let mut of_this = self.terms.iter().filter(|term| term.members[element]);
        of_this.find_map(|term| term.model.bond_length(&self.species[element].symbol))
    }

    fn prepare(&self, env: Environment, atoms: Range<usize>, prepared: &mut Self::Prepared) {
        if prepared.is_empty() {
            prepared.extend(self.terms.iter().map(|term| term.model.fresh_prepared()));
        }
        for (term, prepared) in self.terms.iter().zip(prepared) {
            term.model.prepare_any(env, atoms.clone(), &mut **prepared);
        }
    }

    unsafe fn densities(
        &self,
        env: Environment,
        prepared: &Self::Prepared,
        tile: &Tile,
        records: &mut Self::Records,
        sums: &Sums,
    ) -> Result<()> {
        if records.is_empty() {
            records.extend(self.terms.iter().map(|term| term.model.fresh_records()));
        }
        for ((term, prepared), records) in self.terms.iter().zip(prepared).zip(records) {
            let sums = &sums.from_word(term.first_word);
            // SAFETY: by the caller's promise.
            unsafe { term.model.densities_any(env, &**prepared, tile, &mut **records, sums) }?;
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
            let count = term.model.phases_words();
            if count == 0 {
                continue;
            }
            if self.is_whole(term) {
                term.model.embed_any(env, atoms.clone(), words, force)?;
                continue;
            }
            // The term's words of each atom, close together.
            let place = term.first_word..term.first_word + count;
            let mut own: Vec<i64> = words
                .chunks_exact(self.words)
                .flat_map(|all| &all[place.clone()])
                .copied()
                .collect();
            term.model.embed_any(env, atoms.clone(), &mut own, force)?;
            for (all, own) in words.chunks_exact_mut(self.words).zip(own.chunks_exact(count)) {
                all[place.clone()].copy_from_slice(own);
            }
        }
        Ok(())
    }

    unsafe fn forces(
        &self,
        env: Environment,
        prepared: &Self::Prepared,
        tile: &Tile,
        records: &mut Self::Records,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        for ((term, prepared), records) in self.terms.iter().zip(prepared).zip(records) {
            let adjoints = &adjoints.from_word(term.first_word);
            let (prepared, records) = (&**prepared, &mut **records);
            // SAFETY: by the caller's promise.
            unsafe { term.model.forces_any(env, prepared, tile, records, adjoints, force) }?;
        }
        Ok(())
    }
}
