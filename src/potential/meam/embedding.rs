//! From the complete sums of one atom to its energy and the derivatives of that
//! energy by each sum (adjoints).
//!
//! With ρ₀ the spherical density, ρ_h² the squared angular densities and t_h their weights
//!
//! Γ = Σ_h t_h ρ_h² / ρ₀²,   ρ = ρ₀ G(Γ) / ρ_background,   E = F(ρ) = A E_c ρ ln ρ
//!
//! t_h is a constant of the atom's element, or T_h/ρ₀ with T_h = Σ_j t_h,j ρ₀,j S, or
//! T_h / Σ_j t_h,j² ρ₀,j S (`Averaging`). The background is that of the reference
//! structure of the element.
//!
//! Eight atoms at a time, whatever their elements and options: constants are looked up
//! by element, and where forms differ from lane to lane all are evaluated and one is
//! chosen. With one form for all elements that costs nothing.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop, clippy::manual_memcpy)]

use super::functions::{AngularForm, embedding};
use super::harmonics::FIRST;
use super::parameters::Averaging;
use crate::atoms::FixedForce;
use crate::fixed::Quantum;
use crate::lanes::{Lanes, WIDTH};

/// Sums of an atom: sixteen harmonics, then T₁ T₂ T₃, then the sums of t²ρ₀ S.
/// Which of the last six exist depends on `Averaging`; the others are zero.
pub type Sums = [f64; MOST_WORDS];
pub const MOST_WORDS: usize = 22;
pub const WEIGHTS: usize = 16;
pub const SQUARED_WEIGHTS: usize = 19;

/// Number of words per atom that have a meaning.
pub fn words(averaging: Averaging) -> usize {
    match averaging {
        Averaging::None => WEIGHTS,
        Averaging::Standard => SQUARED_WEIGHTS,
        Averaging::Alternative => MOST_WORDS,
    }
}

/// The embedding function of one element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding {
    /// A times the cohesive energy, eV.
    pub scale: f64,
    pub form: AngularForm,
    /// t1, t2, t3 of the element.
    pub weights: [f64; 3],
    pub background: Background,
}

/// What densities are measured by: `density` times G(Σ t_h `shape`_h), with the atom's own
/// averages of t (`mixture_ref_t`); without these the shape is zero and G(0) = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Background {
    pub density: f64,
    pub shape: [f64; 3],
}

/// The embedding functions of all elements.
#[derive(Debug)]
pub struct Embeddings {
    averaging: Averaging,
    linear_negative: bool,
    /// Where the spherical density is not above this, the atom counts as alone:
    /// below, quotients of sums would be noise of their quanta.
    floor: f64,
    /// The forms that occur, each with 1 for the elements that have it, else 0.
    forms: Vec<(AngularForm, Vec<f64>)>,
    scale: Vec<f64>,
    weights: [Vec<f64>; 3],
    inverse_background: Vec<f64>,
    /// Of the background, if that of any element has one.
    shape: Option<[Vec<f64>; 3]>,
}

impl Embeddings {
    pub fn new(
        elements: &[Embedding],
        averaging: Averaging,
        linear_negative: bool,
        floor: f64,
    ) -> Embeddings {
        let table = |value: &dyn Fn(&Embedding) -> f64| -> Vec<f64> {
            let mut table: Vec<f64> = elements.iter().map(value).collect();
            table.resize(elements.len().next_multiple_of(WIDTH), f64::NAN);
            table
        };
        let mut forms: Vec<(AngularForm, Vec<f64>)> = Vec::new();
        for form in elements.iter().map(|e| e.form) {
            if forms.iter().all(|(known, _)| *known != form) {
                forms.push((form, table(&|e| (e.form == form) as u8 as f64)));
            }
        }
        let shaped = elements.iter().any(|e| e.background.shape != [0.0; 3]);
        Embeddings {
            averaging,
            linear_negative,
            floor,
            forms,
            scale: table(&|e| e.scale),
            weights: [0, 1, 2].map(|h| table(&|e| e.weights[h])),
            inverse_background: table(&|e| 1.0 / e.background.density),
            shape: shaped.then(|| [0, 1, 2].map(|h| table(&|e| e.background.shape[h]))),
        }
    }

    /// The energies of eight atoms in eV and their derivatives by each of the sums;
    /// `reference` are weights of their own for the background density.
    #[inline(always)]
    pub fn evaluate<L: Lanes>(
        &self,
        species: &[u32; WIDTH],
        sums: &[L; MOST_WORDS],
        reference: Option<[L; 3]>,
    ) -> (L, [L; MOST_WORDS]) {
        let zero = L::splat(0.0);
        let density = sums[0];
        let inverse = density.inverse();
        let (weights, inverse_squared_weights) = self.average(species, sums, inverse);

        let mut squares = [zero; 3];
        let mut gamma = zero;
        for h in 0..3 {
            let mut sum = zero;
            for m in FIRST[h + 1]..FIRST[h + 2] {
                sum = sums[m].mul_add(sums[m], sum);
            }
            squares[h] = (sum * inverse) * inverse;
            gamma = weights[h].mul_add(squares[h], gamma);
        }
        let (g, slope) = self.angular(species, gamma);
        let (inverse_background, background_slope) =
            self.background(species, reference.unwrap_or(weights));
        let share = g * inverse_background;
        let scale = L::lookup(&self.scale, species);
        let (energy, by_scaled) = embedding(scale, density * share, self.linear_negative);

        // dE/dΓ at fixed ρ₀, and the derivative by each t_h at fixed sums.
        let by_gamma = by_scaled * density * (slope * inverse_background);
        let by_background = by_scaled * density * share;
        let mut adjoint = [zero; MOST_WORDS];
        let twice = (by_gamma + by_gamma) * inverse;
        adjoint[0] = by_scaled * share - twice * gamma;
        for h in 0..3 {
            let factor = twice * inverse * weights[h];
            for m in FIRST[h + 1]..FIRST[h + 2] {
                adjoint[m] = factor * sums[m];
            }
            if self.averaging == Averaging::None {
                continue;
            }
            let by_weight = by_gamma * squares[h] - by_background * background_slope[h];
            if self.averaging == Averaging::Standard {
                let by_sum = by_weight * inverse;
                adjoint[WEIGHTS + h] = by_sum;
                adjoint[0] = adjoint[0] - by_sum * weights[h];
            } else {
                let by_sum = by_weight * inverse_squared_weights[h];
                adjoint[WEIGHTS + h] = by_sum;
                adjoint[SQUARED_WEIGHTS + h] = zero - by_sum * weights[h];
            }
        }
        let present = L::splat(self.floor).below(density);
        for value in &mut adjoint {
            *value = L::select(present, *value, zero);
        }
        (L::select(present, energy, zero), adjoint)
    }

    /// t1, t2, t3 of each atom, and the inverse sums of squares that they are made with, if any.
    #[inline(always)]
    fn average<L: Lanes>(
        &self,
        species: &[u32; WIDTH],
        sums: &[L; MOST_WORDS],
        inverse: L,
    ) -> ([L; 3], [L; 3]) {
        let zero = L::splat(0.0);
        let (mut weights, mut inverses) = ([zero; 3], [zero; 3]);
        for h in 0..3 {
            weights[h] = match self.averaging {
                Averaging::None => L::lookup(&self.weights[h], species),
                Averaging::Standard => sums[WEIGHTS + h] * inverse,
                Averaging::Alternative => {
                    let squared = sums[SQUARED_WEIGHTS + h];
                    let present = L::splat(self.floor).below(squared);
                    inverses[h] = L::select(present, squared.inverse(), zero);
                    sums[WEIGHTS + h] * inverses[h]
                }
            };
        }
        (weights, inverses)
    }

    /// G and dG/dΓ of the form of each atom's element.
    #[inline(always)]
    fn angular<L: Lanes>(&self, species: &[u32; WIDTH], gamma: L) -> (L, L) {
        let (mut g, mut slope) = self.forms[0].0.evaluate(gamma);
        for (form, elements) in &self.forms[1..] {
            let has_it = L::splat(0.5).below(L::lookup(elements, species));
            let (other, other_slope) = form.evaluate(gamma);
            g = L::select(has_it, other, g);
            slope = L::select(has_it, other_slope, slope);
        }
        (g, slope)
    }

    /// The inverse of the background density, and its logarithmic derivatives by the weights.
    #[inline(always)]
    fn background<L: Lanes>(&self, species: &[u32; WIDTH], weights: [L; 3]) -> (L, [L; 3]) {
        let inverse = L::lookup(&self.inverse_background, species);
        let Some(shape) = &self.shape else {
            return (inverse, [L::splat(0.0); 3]);
        };
        let shape = shape.each_ref().map(
            #[inline(always)]
            |table| L::lookup(table, species),
        );
        let gamma = weights[0] * shape[0] + weights[1] * shape[1] + weights[2] * shape[2];
        let (g, slope) = self.angular(species, gamma);
        let inverse_g = g.inverse();
        let relative = slope * inverse_g;
        (inverse * inverse_g, [relative * shape[0], relative * shape[1], relative * shape[2]])
    }
}

/// Phase 2 of some atoms in turn.
pub struct EmbeddingTask<'a> {
    pub embeddings: &'a Embeddings,
    /// Of `words`, per unit.
    pub quanta: &'a [f64; MOST_WORDS],
    pub word_count: usize,
    /// Of `force`.
    pub quantum: Quantum,
    pub species: &'a [u8],
    /// Sums as integers, then the bits of their adjoints: `word_count` per atom.
    pub words: &'a mut [f64],
    pub force: &'a mut [FixedForce],
}

/// Adds the energies to the forces and writes the adjoints over the sums. Fails with an
/// atom, counted from the first, whose energy is out of the bounds of the quantum.
#[inline(always)]
pub fn embed<L: Lanes>(task: EmbeddingTask) -> Result<(), Unsound> {
    let EmbeddingTask { embeddings, quanta, word_count, quantum, species, words, force } = task;
    let per_value = quanta.map(
        #[inline(always)]
        |per_unit| 1.0 / per_unit,
    );
    let per_unit = L::splat(quantum.per_unit());
    let bound = L::splat(quantum.bound());
    for first in (0..species.len()).step_by(WIDTH) {
        let count = WIDTH.min(species.len() - first);
        let mut elements = [0; WIDTH];
        for lane in 0..count {
            elements[lane] = species[first + lane] as u32;
        }
        let words = &mut words[first * word_count..(first + count) * word_count];
        let mut sums = load::<L>(words, word_count);
        for word in 0..word_count {
            sums[word] = sums[word].integers() * L::splat(per_value[word]);
        }
        let (energy, adjoint) = embeddings.evaluate(&elements, &sums, None);
        let magnitude = energy.max(L::splat(0.0) - energy);
        let sound = L::bits(magnitude.below(bound)) | 0xff << count;
        if sound & 0xff != 0xff {
            let lane = sound.trailing_ones() as usize;
            let mut energies = [0.0; WIDTH];
            energy.store(&mut energies);
            return Err(Unsound { atom: first + lane, energy: energies[lane] });
        }
        store(adjoint, words, word_count);
        let mut rounded = [0.0; WIDTH];
        energy.quanta(per_unit).store(&mut rounded);
        for lane in 0..count {
            let sum = &mut force[first + lane][3];
            *sum = sum.wrapping_add(rounded[lane].to_bits() as i64);
        }
    }
    Ok(())
}

/// An atom whose energy is too large or not a number.
pub struct Unsound {
    pub atom: usize,
    /// eV
    pub energy: f64,
}

/// The words of up to eight atoms, word by word; what is missing is zero.
#[inline(always)]
fn load<L: Lanes>(words: &[f64], word_count: usize) -> [L; MOST_WORDS] {
    let mut sums = [L::splat(0.0); MOST_WORDS];
    for part in (0..word_count).step_by(WIDTH) {
        let mut rows = [L::splat(0.0); WIDTH];
        for (row, atom) in rows.iter_mut().zip(words.chunks_exact(word_count)) {
            *row = match atom[part..].first_chunk() {
                Some(eight) => L::load(eight),
                None => {
                    let mut rest = [0.0; WIDTH];
                    rest[..word_count - part].copy_from_slice(&atom[part..]);
                    L::load(&rest)
                }
            };
        }
        let columns = L::transpose(rows);
        for word in part..word_count.min(part + WIDTH) {
            sums[word] = columns[word - part];
        }
    }
    sums
}

/// The way back.
#[inline(always)]
fn store<L: Lanes>(values: [L; MOST_WORDS], words: &mut [f64], word_count: usize) {
    for part in (0..word_count).step_by(WIDTH) {
        let mut columns = [L::splat(0.0); WIDTH];
        for word in part..word_count.min(part + WIDTH) {
            columns[word - part] = values[word];
        }
        let rows = L::transpose(columns);
        for (row, atom) in rows.into_iter().zip(words.chunks_exact_mut(word_count)) {
            match atom[part..].first_chunk_mut() {
                Some(eight) => row.store(eight),
                None => {
                    let mut rest = [0.0; WIDTH];
                    row.store(&mut rest);
                    atom[part..].copy_from_slice(&rest[..word_count - part]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::{InstructionSet, Real, dispatch, portable::Portable};

    fn some_sums() -> Sums {
        let mut sums: Sums = std::array::from_fn(|m| 0.8 * (m as f64 * 2.3).sin());
        sums[0] = 9.0;
        for (m, s) in sums.iter_mut().enumerate().skip(SQUARED_WEIGHTS) {
            *s = 4.0 + m as f64 * 0.1;
        }
        sums
    }

    /// Three elements: the middle one has the given form.
    fn embeddings(ibar: i32, averaging: Averaging, shape: [f64; 3]) -> Embeddings {
        let element = |ibar: i32, scale: f64| Embedding {
            scale,
            form: AngularForm::from_ibar(ibar, 0.7).unwrap(),
            weights: [3.0, -2.0, 4.0],
            background: Background { density: 12.0, shape },
        };
        let elements = [element(3, 3.0), element(ibar, 4.0), element(1, 5.0)];
        Embeddings::new(&elements, averaging, true, 0.0)
    }

    fn cases() -> impl Iterator<Item = (String, Averaging, Embeddings)> {
        let averages = [Averaging::Standard, Averaging::Alternative, Averaging::None];
        averages.into_iter().flat_map(|averaging| {
            [[0.0; 3], [0.1, 0.2, 0.3]].into_iter().flat_map(move |shape| {
                [0, 1, 3, 4, -5].into_iter().map(move |ibar| {
                    let case = format!("{averaging:?}, shape {shape:?}, ibar {ibar}");
                    (case, averaging, embeddings(ibar, averaging, shape))
                })
            })
        })
    }

    #[test]
    fn adjoints_are_the_derivatives_of_the_energy() {
        let sums = some_sums();
        for (case, averaging, embeddings) in cases() {
            let evaluate = |sums: Sums| {
                let (energy, adjoint) =
                    embeddings.evaluate(&[1; WIDTH], &sums.map(Portable::splat), None);
                (energy.first(), adjoint.map(Portable::first))
            };
            let (_, adjoint) = evaluate(sums);
            for m in 0..words(averaging) {
                // Central difference: error of order 1e-10.
                const STEP: f64 = 1e-5;
                let shifted = |by: f64| {
                    let mut s = sums;
                    s[m] += by;
                    evaluate(s).0
                };
                let slope = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                let found = adjoint[m];
                assert!((slope - found).abs() < 1e-8, "{case}, word {m}: {slope} {found}");
            }
        }
    }

    /// Atoms of several elements, one of them alone, and what becomes of their words: with an
    /// instruction set, or as compiled for any processor.
    fn embedded(
        set: Option<InstructionSet>,
        embeddings: &Embeddings,
        averaging: Averaging,
    ) -> Vec<i64> {
        const ATOMS: usize = 13;
        let quantum = Quantum::STANDARD;
        let quanta = &[quantum.per_unit(); MOST_WORDS];
        let word_count = words(averaging);
        let species: Vec<u8> = (0..ATOMS).map(|i| (i % 3) as u8).collect();
        let mut words = vec![0; ATOMS * word_count];
        for (i, words) in words.chunks_exact_mut(word_count).enumerate().filter(|(i, _)| *i != 5) {
            for (word, sum) in words.iter_mut().zip(some_sums()) {
                *word = quantum.round(sum * (1.0 + 0.1 * i as f64));
            }
        }
        let mut force = vec![[0; 4]; ATOMS];
        let task = EmbeddingTask {
            embeddings,
            quanta,
            word_count,
            quantum,
            species: &species,
            words: bytemuck::cast_slice_mut(&mut words),
            force: &mut force,
        };
        let sound = match set {
            Some(set) => dispatch!(set, embed, (task: EmbeddingTask) -> Result<(), Unsound>),
            None => embed::<Portable>(task),
        };
        assert!(sound.is_ok());
        assert!(words[5 * word_count..6 * word_count].iter().all(|w| *w == 0), "it is alone");
        words.extend(force.as_flattened());
        words
    }

    #[test]
    fn instruction_sets_give_the_same_bits() {
        for (case, averaging, embeddings) in cases() {
            let plain = embedded(None, &embeddings, averaging);
            for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
                let found = embedded(Some(set), &embeddings, averaging);
                assert!(found == plain, "{case}: {}", set.name());
            }
        }
    }
}
