//! The modified embedded-atom method with second neighbours (2NN MEAM), as the
//! documentation of LAMMPS' `pair_style meam` defines it.
//!
//! E = Σ_i F_i(ρ_i) + ½ Σ_i Σ_j S_ij φ_ij(r_ij)
//!
//! - `library`, `parameters`, `pair`: the two files and what they leave to defaults;
//! - `consistency`: what they contradict;
//! - `reference`: the structures of known energy, and φ from them;
//! - `functions`, `harmonics`, `table`: arithmetic without state;
//! - `coefficients`, `records`: what the hot loops read, laid out for vectors of eight;
//! - `filter` → `screening` → `density` → `embedding` → `force`: the phases of one
//!   evaluation, their loops written once for all instruction sets (`lanes`);
//! - `kept`, `drift`: for how many evaluations serves what the filter finds;
//! - `check`: the reference structures, evaluated atom by atom.
//!
//! The formulation: Baskes, Phys. Rev. B 46 (1992) 2727; Baskes, Mater. Chem. Phys. 50
//! (1997) 152 (screening); Lee and Baskes, Phys. Rev. B 62 (2000) 8564 (second
//! neighbours); Lee, Baskes, Kim and Cho, Phys. Rev. B 64 (2001) 184102; Jelinek et al.,
//! Phys. Rev. B 85 (2012) 245102 (alloys).
//!
//! Invariants: half pairs, S once per pair; phase 1 leaves its pairs and triples in the
//! records and phase 3 reads them, so the two cannot disagree; nothing is allocated once
//! the records have grown; every sum over atoms is made of integers.

use crate::atoms::{FixedForce, Species};
use crate::elements;
use crate::error::{Error, Result};
use crate::fixed::{LARGEST_QUANTA, Quantum};
use crate::lanes::{InstructionSet, Lanes, dispatch};
use crate::potential::ahead::Ahead;
use crate::potential::shared::Pool;
use crate::potential::{AtomBytes, Environment, Model, Potential, Shared, Sums};
use crate::sweep::Tile;
use coefficients::Coefficients;
use density::DensityTask;
use embedding::{Embeddings, MOST_WORDS, SQUARED_WEIGHTS, Unsound, WEIGHTS};
use filter::{Bounds, View};
use force::ForceTask;
use harmonics::FIRST;
use kept::{Keeping, Prepared};
use parameters::{Averaging, Parameters};
use records::{Block, Records, Selection};
use reference::References;
use screening::Workspace;
use std::ops::Range;
use std::path::Path;
use table::PairTable;

mod check;
mod coefficients;
mod consistency;
mod density;
mod drift;
mod embedding;
mod force;
mod functions;
mod harmonics;
mod kept;
mod library;
mod pair;
mod parameters;
mod records;
mod reference;
mod screening;
mod filter;
mod table;

pub use check::{Found, ReferenceState};

/// The potential, ready to be evaluated.
#[derive(Debug)]
pub struct Meam {
    parameters: Parameters,
    species: Vec<Species>,
    members: Members,
    keeping: Keeping,
    embeddings: Embeddings,
    coefficients: Coefficients,
    bounds: Bounds,
    /// Å
    cutoff: f64,
    /// Å
    smoothing: f64,
    /// Square of `range()`.
    reach_square: f64,
    word_count: usize,
    /// Of the words of the sums; the harmonics of one l share theirs.
    quanta: [Quantum; MOST_WORDS],
    instruction_set: InstructionSet,
    workspaces: Pool<Workspace>,
}

/// Which species of a force field are those of a potential.
#[derive(Debug)]
pub struct Members {
    /// By species of the force field.
    own: Vec<Option<u8>>,
    /// Whether each of the potential's has the same place in both.
    in_place: bool,
}

impl Members {
    /// Of a force field of these symbols, for a potential of those.
    fn new(field: &[&str], own: &[Species]) -> Members {
        let place = |symbol: &&str| own.iter().position(|s| s.symbol == *symbol).map(|n| n as u8);
        let own: Vec<_> = field.iter().map(place).collect();
        let in_place = (0..).zip(&own).all(|(n, own)| own.is_none_or(|own| own == n));
        Members { own, in_place }
    }

    /// What a species of the force field is in the potential, if it is one of its.
    #[inline(always)]
    fn own(&self, species: u8) -> Option<u8> {
        self.own.get(species as usize).copied().flatten()
    }

    /// Which species of the force field one of the potential's is.
    fn place(&self, own: usize) -> u8 {
        let place = self.own.iter().position(|&found| found == Some(own as u8));
        place.expect("all of a potential's species are of its force field") as u8
    }
}

/// Å; atoms that matter farther away would come by the thousand.
const LONGEST_RANGE: f64 = 30.0;

/// Atoms whose pairs and triples are worked on at a time: some two hundred pairs, which
/// with the neighbours of these atoms stay in the first level of the cache.
const BLOCK: usize = 32;

impl Meam {
    /// Reads a library and a parameter file (without: the library alone). `elements` are
    /// the species in order, each `Pt` or, where the library's name differs, `Ni=Ni4`.
    ///
    /// # Errors
    /// [`Error::Input`] with the place of whatever is missing or wrong.
    pub fn from_files(
        library: &Path,
        parameters: Option<&Path>,
        elements: &[String],
    ) -> Result<Meam> {
        let instruction_set = InstructionSet::choose()?;
        let read = Parameters::read(library, parameters, elements)?;
        let bad = |path: &Path, message: String| Error::input(path, 0, 0, message);
        let quanta = quanta(&read).map_err(|message| bad(library, message))?;
        Meam::new(read, quanta, instruction_set)
            .map_err(|message| bad(parameters.unwrap_or(library), message))
    }

    /// The same potential as a term of a force field of these species.
    pub fn among(mut self, field: &[&str]) -> Meam {
        self.members = Members::new(field, &self.species);
        self
    }

    /// The same potential, computed with another instruction set, which this processor
    /// must have (`InstructionSet::is_available`).
    pub fn with_instruction_set(mut self, set: InstructionSet) -> Meam {
        self.set_instruction_set(set);
        self
    }

    /// The same potential, which keeps what it finds only where a rank owns no more atoms than these.
    /// That changes speed and memory, never results.
    pub fn keeping_up_to(mut self, atoms: usize) -> Meam {
        self.keeping.most_atoms = atoms;
        self
    }

    /// What of the parameter file contradicts the library where all that can be compared
    /// does: no run should begin so.
    pub fn contradiction(&self) -> Option<&str> {
        self.parameters.contradiction.as_deref()
    }

    /// What deserves a second look in the files, in words.
    pub fn warnings(&self) -> &[String] {
        &self.parameters.warnings
    }

    /// The form in which it is computed; the results are the same bits in all.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Å: atoms farther apart than this do not interact.
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// Numbers that each may be but together make no potential are told.
    fn new(
        parameters: Parameters,
        quanta: [Quantum; MOST_WORDS],
        instruction_set: InstructionSet,
    ) -> Result<Meam, String> {
        /// Quanta below which a density is noise.
        const FLOOR_QUANTA: f64 = 16.0;
        let n = parameters.elements.len();
        let coarsest =
            [0].into_iter().chain(WEIGHTS..MOST_WORDS).map(|w| 1.0 / quanta[w].per_unit());
        let references = References::new(&parameters, FLOOR_QUANTA * coarsest.fold(0.0, f64::max));
        let tables: Vec<PairTable> = (0..n * n)
            .map(|p| match (p / n, p % n) {
                (a, b) if a <= b => {
                    PairTable::new(parameters.cutoff, |r| references.pair_energy(a, b, r))
                }
                _ => PairTable::default(),
            })
            .collect();
        if let Some(p) = tables.iter().position(|table| !table.is_finite()) {
            let [a, b] = [p / n, p % n].map(|e| &parameters.elements[e].symbol);
            return Err(format!("the pair energy of {a}-{b} is not finite up to the cutoff"));
        }
        let (densities, embeddings) = references.into_parts();
        let ellipse_bounds: Vec<f64> = parameters
            .screens
            .chunks(n)
            .map(|thirds| thirds.iter().map(|s| ellipse_bound(s.maximum)).fold(1.0, f64::max))
            .collect();
        let reach = ellipse_bounds.iter().copied().fold(1.0, f64::max);
        let range = parameters.cutoff * reach.sqrt();
        if range > LONGEST_RANGE {
            return Err(format!(
                "with these Cmax atoms matter up to {range:.0} Å; more than {LONGEST_RANGE} Å \
                 make no short-ranged potential"
            ));
        }
        let species: Vec<Species> = parameters
            .elements
            .iter()
            .map(|e| Species {
                symbol: e.symbol.clone(),
                mass: e.mass,
                atomic_number: elements::atomic_number(&e.symbol).unwrap_or(0),
            })
            .collect();
        let symbols: Vec<&str> = species.iter().map(|s| s.symbol.as_str()).collect();
        let members = Members::new(&symbols, &species);
        let (cutoff, smoothing) = (parameters.cutoff, parameters.smoothing);
        Ok(Meam {
            keeping: Keeping::new(species.iter().map(|s| s.mass)),
            species,
            members,
            bounds: Bounds::new(&parameters, &ellipse_bounds),
            coefficients: Coefficients::new(&parameters, &densities, &tables),
            embeddings,
            cutoff,
            smoothing,
            reach_square: cutoff * cutoff * reach,
            word_count: embedding::words(parameters.averaging),
            quanta,
            instruction_set,
            workspaces: Pool::default(),
            parameters,
        })
    }

    fn species_count(&self) -> usize {
        self.species.len()
    }
}

/// How far the ellipse of Cmax reaches from either end, squared, over the squared
/// distance of the pair; below Cmax = 2 its farthest point is the other end.
fn ellipse_bound(maximum: f64) -> f64 {
    if maximum > 2.0 { maximum * maximum / (4.0 * (maximum - 1.0)) } else { 1.0 }
}

/// The quantum of each word of the sums: 2⁻⁴⁰, or coarser where single terms can reach
/// 2048. Their bound follows from the largest partial density of each l between contact
/// and cutoff, and from the weights t; sums of 4096 such terms still fit into an i64.
fn quanta(parameters: &Parameters) -> Result<[Quantum; MOST_WORDS], String> {
    /// No sum of densities is meant to be larger, in units that cancel.
    const LARGEST: f64 = 1e30;
    let mut bounds = [1.0f64; MOST_WORDS];
    for (e, element) in parameters.elements.iter().enumerate() {
        let far = 1.0 - parameters.cutoff / element.distance;
        let largest =
            element.beta.map(|beta| element.density * libm::exp(beta.max(beta * far).max(0.0)));
        if largest.iter().any(|&density| density > LARGEST) {
            return Err(format!(
                "the densities of {} grow beyond {LARGEST:e} between contact and cutoff: its \
                 rozero, b0 to b3 or re cannot be meant",
                element.symbol
            ));
        }
        let weights = parameters.weights(e);
        for l in 0..4 {
            let factor = match parameters.averaging {
                Averaging::Alternative if l > 0 => weights[l - 1].abs(),
                _ => 1.0,
            };
            for bound in &mut bounds[FIRST[l]..FIRST[l + 1]] {
                *bound = bound.max(factor * largest[l]);
            }
        }
        for (h, t) in weights.into_iter().enumerate() {
            for (word, factor) in [(WEIGHTS + h, t.abs()), (SQUARED_WEIGHTS + h, t * t)] {
                bounds[word] = bounds[word].max(factor * largest[0]);
            }
        }
    }
    if bounds.iter().any(|&bound| bound > LARGEST) {
        return Err(format!("t1, t2 and t3 weigh densities beyond {LARGEST:e}"));
    }
    Ok(bounds.map(|bound| {
        let mut bits = 40;
        while bound >= LARGEST_QUANTA / Quantum::new(bits).per_unit() {
            bits -= 1;
        }
        Quantum::new(bits)
    }))
}

/// Phase 1 for one tile.
#[inline(always)]
fn screen_and_sum<L: Lanes>(
    task: DensityTask,
    tile: &Tile,
    version: u64,
    records: &mut Records,
    workspace: &mut Workspace,
) -> Result<()> {
    let mut lines = density::Lines::new();
    let blocks = tile.atoms.len().div_ceil(BLOCK);
    let is_known = records.found.version == version;
    let mut all_apart = true;
    if !is_known {
        records.found.begin(tile.atoms.len(), blocks);
    }
    records.begin();
    Ahead::of(tile, 0, blocks).for_each(|atoms| density::fetch::<L>(task, atoms));
    for (block, first) in tile.atoms.clone().step_by(BLOCK).enumerate() {
        if !is_known {
            let atoms = first..tile.atoms.end.min(first + BLOCK);
            let filter = &mut workspace.filter;
            all_apart &= filter.find::<L::Coarse>(task.view, atoms, &mut records.found)?;
        }
        screening::screen::<L>(task.view, block, records, workspace);
        let Block { alike, pairs, .. } = records.found.blocks[block];
        let first_pair = records.found.beginning(block).pairs;
        density::accumulate::<L>(
            task,
            records,
            first_pair..pairs,
            alike,
            &mut lines,
            Ahead::of(tile, block + 1, blocks).by_vectors_of(pairs - first_pair),
        );
    }
    if !is_known {
        records.found.fit();
        records.found.version = if all_apart { version } else { 0 };
    }
    Ok(())
}

impl Potential for Meam {
    type Prepared = Prepared;

    type Records = Records;

    fn species(&self) -> &[Species] {
        &self.species
    }

    fn range(&self) -> f64 {
        self.reach_square.sqrt()
    }

    fn words(&self) -> usize {
        self.word_count
    }

    fn neighbour_distance(&self, element: usize) -> Option<f64> {
        let own = self.members.own(element as u8)? as usize;
        Some(self.parameters.pair(own, own).rose.distance)
    }

    fn prepare(&self, env: Environment, atoms: Range<usize>, prepared: &mut Prepared) {
        prepared.notice(env, &self.members, &self.keeping, atoms);
    }

    fn bytes_of_atom(&self, owned: usize, _: f64, _: f64) -> AtomBytes {
        let [prepared, kept] = Prepared::bytes_of_atom(owned, &self.keeping);
        let found = Selection::bytes_of_atom() - kept;
        AtomBytes { prepared, kept, records: found + Records::bytes_of_atom() }
    }

    unsafe fn densities(
        &self,
        env: Environment,
        prepared: &Prepared,
        tile: &Tile,
        records: &mut Records,
        sums: &Sums,
    ) -> Result<()> {
        // All that the list names have sums.
        assert!(sums.has_room_for(env.position.len()));
        let Prepared { coarse, most, version, .. } = prepared;
        let (version, view) = (*version, View { meam: self, env, coarse, most: *most });
        records.found = prepared.take(&tile.atoms);
        // SAFETY: by the caller's promise.
        let task = unsafe { DensityTask::new(view, sums) };
        let mut used = self.workspaces.take();
        let workspace = &mut used;
        let done = dispatch!(self.instruction_set, screen_and_sum, (
            task: DensityTask,
            tile: &Tile,
            version: u64,
            records: &mut Records,
            workspace: &mut Workspace,
        ) -> Result<()>);
        self.workspaces.give_back(used);
        done
    }

    fn embed(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        let quanta = &self.quanta.map(Quantum::per_unit);
        let quantum = env.quantum;
        // Atoms of foreign species stay as they are: their sums are zero, as are their adjoints.
        let is_member = |species: u8| self.members.own(species).is_some();
        let mut first = 0;
        for species in env.species[atoms.clone()].chunk_by(|a, b| is_member(*a) == is_member(*b)) {
            let run = first..first + species.len();
            first = run.end;
            if !is_member(species[0]) {
                continue;
            }
            let own: Vec<u8>;
            let species = match self.members.in_place {
                true => species,
                false => {
                    own = species.iter().filter_map(|&s| self.members.own(s)).collect();
                    &own
                }
            };
            let words = &mut words[run.start * self.word_count..run.end * self.word_count];
            let task = embedding::EmbeddingTask {
                embeddings: &self.embeddings,
                quanta,
                word_count: self.word_count,
                quantum,
                species,
                words: bytemuck::cast_slice_mut(words),
                force: &mut force[run.clone()],
            };
            let done = dispatch!(self.instruction_set, embedding::embed, (
                task: embedding::EmbeddingTask,
            ) -> std::result::Result<(), Unsound>);
            done.map_err(|Unsound { atom, energy }| {
                let message = format!(
                    "its embedding energy {energy:.3e} eV is not below {:.0} eV",
                    quantum.bound()
                );
                Error::OutOfBounds { atom: env.id[atoms.start + run.start + atom], message }
            })?;
        }
        Ok(())
    }

    unsafe fn forces(
        &self,
        env: Environment,
        prepared: &Prepared,
        tile: &Tile,
        records: &mut Records,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        // All that the records name have forces and adjoints.
        assert!(force.has_room_for(env.position.len()));
        assert!(adjoints.has_room_for(env.position.len()));
        // SAFETY: by the caller's promise.
        let task = unsafe { ForceTask::new(self, env, tile, adjoints, force) };
        let mut workspace = self.workspaces.take();
        let scales = &mut workspace.scales;
        let done = dispatch!(self.instruction_set, force::accumulate, (
            task: ForceTask,
            records: &Records,
            scales: &mut Vec<f64>,
        ) -> Result<()>);
        self.workspaces.give_back(workspace);
        prepared.give_back(tile.atoms.start, std::mem::take(&mut records.found));
        done
    }
}

impl Model for Meam {
    fn described(&self) -> Vec<Species> {
        self.species.clone()
    }

    fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn conventions(&self) -> String {
        Meam::conventions(self)
    }

    fn is_many_body(&self) -> bool {
        true
    }

    fn warnings(&self) -> &[String] {
        Meam::warnings(self)
    }

    fn contradiction(&self) -> Option<&str> {
        Meam::contradiction(self)
    }

    fn bond_length(&self, symbol: &str) -> Option<f64> {
        let own = self.species.iter().position(|s| s.symbol == symbol)?;
        Some(self.parameters.pair(own, own).rose.distance)
    }

    fn reference_states(&self) -> Result<Vec<ReferenceState>> {
        Meam::reference_states(self)
    }

    fn instruction_set(&self) -> Option<InstructionSet> {
        Some(self.instruction_set)
    }

    fn set_instruction_set(&mut self, set: InstructionSet) {
        assert!(set.is_available(), "{} is not available", set.name());
        self.instruction_set = set;
    }
}
