//! The modified embedded-atom method with second neighbours (2NN MEAM), as the
//! documentation of LAMMPS' `pair_style meam` defines it.
//!
//! E = Σ_i F_i(ρ_i) + ½ Σ_i Σ_j S_ij φ_ij(r_ij)
//!
//! - `text`, `library`, `parameters`: the two files and what they leave to defaults;
//! - `lattice`, `reference`: the structures of known energy, and φ from them;
//! - `functions`, `harmonics`, `table`: arithmetic without state;
//! - `screening` → `density` → `embedding` → `force`: the phases of one evaluation;
//! - `check`: the reference structures, evaluated atom by atom;
//! - `shared`: writes of several threads to disjoint places.
//!
//! The formulation: Baskes, Phys. Rev. B 46 (1992) 2727; Baskes, Mater. Chem. Phys. 50
//! (1997) 152 (screening); Lee and Baskes, Phys. Rev. B 62 (2000) 8564 (second
//! neighbours); Lee, Baskes, Kim and Cho, Phys. Rev. B 64 (2001) 184102; Jelinek et al.,
//! Phys. Rev. B 85 (2012) 245102 (alloys).
//!
//! Invariants: half pairs, S once per pair; phase 1 leaves its pairs and triples in the
//! scratch and phase 3 reads them, so the two cannot disagree; nothing is allocated once
//! the scratch has grown; every sum over atoms is made of integers.

use crate::atoms::{FixedForce, Species};
use crate::error::{Error, Result};
use crate::fixed::{LARGEST_QUANTA, Quantum};
use crate::potential::{Environment, Potential};
use embedding::{Embedding, MOST_WORDS};
use parameters::{Averaging, Parameters};
use rayon::prelude::*;
use reference::{AtomicDensity, References};
use screening::Records;
use shared::Shared;
use std::ops::Range;
use std::path::Path;
use table::PairTable;

mod check;
mod density;
mod embedding;
mod force;
mod functions;
mod harmonics;
mod lattice;
mod library;
mod parameters;
mod reference;
mod screening;
mod shared;
mod table;
mod text;

pub use check::{Found, ReferenceState};

/// The potential, ready to be evaluated.
#[derive(Debug)]
pub struct Meam {
    parameters: Parameters,
    species: Vec<Species>,
    /// What an atom of each element gives to its neighbours.
    sources: Vec<Source>,
    embeddings: Vec<Embedding>,
    /// φ by `pair_index`.
    tables: Vec<PairTable>,
    /// By `pair_index` × number of elements + element of the third atom.
    screens: Vec<ScreenRange>,
    /// Cmax²/[4 (Cmax - 1)] by `pair_index`: largest of the third elements.
    ellipse_bounds: Vec<f64>,
    /// Å
    cutoff: f64,
    cutoff_square: f64,
    /// Å
    smoothing: f64,
    /// Square of `range()`.
    reach_square: f64,
    word_count: usize,
    density_quantum: Quantum,
}

/// An element as a source of density.
#[derive(Debug, Clone)]
struct Source {
    density: AtomicDensity,
    /// -β_l/r_e: logarithmic slopes of the partial densities, Å⁻¹.
    decay: [f64; 4],
    /// 1, or t_l where the weights stand inside the angular densities.
    factors: [f64; 4],
    /// t1, t2, t3
    weights: [f64; 3],
    /// t1, t2, t3 and their squares, as the words after the harmonics need them.
    weight_factors: [f64; 6],
}

/// Bounds of C with what the division by their distance needs.
#[derive(Debug, Clone, Copy)]
struct ScreenRange {
    minimum: f64,
    maximum: f64,
    inverse_width: f64,
}

/// What `densities` leaves for `forces`: one set of records per range of the schedule.
#[derive(Debug, Default)]
pub struct Scratch {
    records: Vec<Records>,
}

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
        Ok(Meam::new(Parameters::read(library, parameters, elements)?))
    }

    /// Å: atoms farther apart than this do not interact.
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    fn new(parameters: Parameters) -> Meam {
        /// Quanta below which a density is noise.
        const FLOOR_QUANTA: f64 = 16.0;
        let n = parameters.elements.len();
        let density_quantum = density_quantum(&parameters);
        let references = References::new(&parameters, FLOOR_QUANTA / density_quantum.per_unit());
        let tables = (0..n * n)
            .map(|p| match (p / n, p % n) {
                (a, b) if a <= b => {
                    PairTable::new(parameters.cutoff, |r| references.pair_energy(a, b, r))
                }
                _ => PairTable::default(),
            })
            .collect();
        let (densities, embeddings) = references.into_parts();
        let ellipse_bounds: Vec<f64> = parameters
            .screens
            .chunks(n)
            .map(|thirds| thirds.iter().map(|s| ellipse_bound(s.maximum)).fold(1.0, f64::max))
            .collect();
        let reach = ellipse_bounds.iter().copied().fold(1.0, f64::max);
        let species = parameters
            .elements
            .iter()
            .map(|e| Species {
                symbol: e.symbol.clone(),
                mass: e.mass,
                atomic_number: e.atomic_number,
            })
            .collect();
        let screens = parameters
            .screens
            .iter()
            .map(|s| ScreenRange {
                minimum: s.minimum,
                maximum: s.maximum,
                inverse_width: 1.0 / (s.maximum - s.minimum),
            })
            .collect();
        let (cutoff, smoothing) = (parameters.cutoff, parameters.smoothing);
        Meam {
            species,
            sources: (0..n).map(|e| Source::new(&parameters, e, densities[e])).collect(),
            embeddings,
            tables,
            screens,
            ellipse_bounds,
            cutoff,
            cutoff_square: cutoff * cutoff,
            smoothing,
            reach_square: cutoff * cutoff * reach,
            word_count: embedding::words(parameters.averaging),
            density_quantum,
            parameters,
        }
    }

    fn averaging(&self) -> Averaging {
        self.parameters.averaging
    }

    fn species_count(&self) -> usize {
        self.species.len()
    }

    /// The block of an unordered pair of elements in `tables` and `screens`.
    #[inline(always)]
    fn pair_index(&self, a: u8, b: u8) -> usize {
        a.min(b) as usize * self.species.len() + a.max(b) as usize
    }

    /// Runs `work` over all ranges of the schedule, those of one colour in parallel.
    fn over_schedule(
        &self,
        env: Environment,
        scratch: &mut Scratch,
        work: impl Fn(Range<usize>, &mut Records) -> Result<()> + Sync,
    ) -> Result<()> {
        let schedule = &env.neighbours.schedule;
        let ranges = schedule.iter().map(Vec::len).sum();
        if scratch.records.len() < ranges {
            scratch.records.resize_with(ranges, Records::default);
        }
        let mut records = scratch.records.as_mut_slice();
        for colour in schedule {
            let (now, later) = records.split_at_mut(colour.len());
            records = later;
            colour
                .par_iter()
                .zip(now)
                .try_for_each(|(range, records)| work(range.clone(), records))?;
        }
        Ok(())
    }
}

/// How far the ellipse of Cmax reaches from either end, squared, over the squared
/// distance of the pair; below Cmax = 2 its farthest point is the other end.
fn ellipse_bound(maximum: f64) -> f64 {
    if maximum > 2.0 { maximum * maximum / (4.0 * (maximum - 1.0)) } else { 1.0 }
}

/// 2⁻⁴⁰, or coarser where single terms of the sums can reach 2048: their bound follows
/// from the largest partial density between contact and cutoff and from the weights t.
fn density_quantum(parameters: &Parameters) -> Quantum {
    let mut bound: f64 = 1.0;
    for (e, element) in parameters.elements.iter().enumerate() {
        let weights = parameters.weights(e);
        let far = 1.0 - parameters.cutoff / element.distance;
        let largest_weight = match parameters.averaging {
            Averaging::None => 1.0,
            _ => weights.iter().fold(1.0, |w: f64, t| w.max(t.abs()).max(t * t)),
        };
        for beta in element.beta {
            let density = element.density * libm::exp(beta.max(beta * far).max(0.0));
            bound = bound.max(density * largest_weight);
        }
    }
    let mut bits = 40;
    while bound >= LARGEST_QUANTA / Quantum::new(bits).per_unit() {
        bits -= 1;
    }
    Quantum::new(bits)
}

impl Source {
    fn new(parameters: &Parameters, element: usize, density: AtomicDensity) -> Source {
        let weights @ [t1, t2, t3] = parameters.weights(element);
        let factors = match parameters.averaging {
            Averaging::Alternative => [1.0, t1, t2, t3],
            _ => [1.0; 4],
        };
        Source {
            density,
            decay: density.beta.map(|beta| -beta / density.distance),
            factors,
            weights,
            weight_factors: [t1, t2, t3, t1 * t1, t2 * t2, t3 * t3],
        }
    }
}

impl Potential for Meam {
    type Scratch = Scratch;

    fn species(&self) -> &[Species] {
        &self.species
    }

    fn range(&self) -> f64 {
        self.reach_square.sqrt()
    }

    fn words(&self) -> usize {
        self.word_count
    }

    fn densities(&self, env: Environment, scratch: &mut Scratch, sums: &mut [i64]) -> Result<()> {
        let sums = Shared::new(sums);
        self.over_schedule(env, scratch, |range, records| {
            screening::find(self, env, range, records)?;
            density::accumulate(self, env, &records.pairs, &sums);
            Ok(())
        })
    }

    fn embed(
        &self,
        env: Environment,
        _: &mut Scratch,
        words: &mut [i64],
        force: &mut [FixedForce],
        quantum: Quantum,
    ) -> Result<()> {
        words[..env.owned * self.word_count]
            .par_chunks_exact_mut(self.word_count)
            .zip(&mut force[..env.owned])
            .enumerate()
            .try_for_each(|(i, (words, force))| {
                let mut sums = [0.0; MOST_WORDS];
                for (sum, word) in sums.iter_mut().zip(words.iter()) {
                    *sum = self.density_quantum.value(*word);
                }
                let (energy, adjoint) = self.embeddings[env.species[i] as usize].evaluate(&sums);
                // The comparison is false for NaN as well.
                let sound = energy.abs() < quantum.bound();
                if !sound {
                    let message = format!(
                        "its embedding energy {energy:.3e} eV is not below {:.0} eV",
                        quantum.bound()
                    );
                    return Err(Error::OutOfBounds { atom: env.id[i], message });
                }
                force[3] += quantum.round(energy);
                for (word, value) in words.iter_mut().zip(adjoint) {
                    *word = value.to_bits() as i64;
                }
                Ok(())
            })
    }

    fn forces(
        &self,
        env: Environment,
        scratch: &mut Scratch,
        words: &[i64],
        force: &mut [FixedForce],
        quantum: Quantum,
    ) -> Result<()> {
        let force = Shared::new(force);
        let adjoints: &[f64] = bytemuck::cast_slice(words);
        self.over_schedule(env, scratch, |_, records| {
            force::accumulate(self, env, records, adjoints, &force, quantum)
        })
    }
}
