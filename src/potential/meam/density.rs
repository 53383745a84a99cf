//! Phase 1b: the sums over neighbours, in fixed point.
//!
//! Each surviving pair adds to both of its atoms S ρ_l(r) Y_lm(u), u pointing from the
//! atom to its neighbour, and where the weights t are averages also S t ρ₀ and S t² ρ₀.

use super::Meam;
use super::embedding::{MOST_WORDS, SQUARED_WEIGHTS, WEIGHTS};
use super::harmonics::{self, COMPONENTS, FIRST};
use super::parameters::Averaging;
use super::screening::PairRecord;
use super::shared::Shared;
use crate::geometry::Vec3;
use crate::potential::Environment;

/// Adds the records of one range of atoms to the sums.
///
/// The caller keeps two threads from working on atoms with common neighbours.
pub fn accumulate(meam: &Meam, env: Environment, pairs: &[PairRecord], sums: &Shared<i64>) {
    for pair in pairs {
        let (i, j) = (pair.i as usize, pair.j as usize);
        let u = pair.d.map(|x| x / pair.r);
        add(meam, sums, i, env.species[j], pair, u);
        add(meam, sums, j, env.species[i], pair, u.map(|x| -x));
    }
}

/// Adds to the sums of `atom` what a neighbour of `species` in direction `u` gives.
#[inline]
fn add(meam: &Meam, sums: &Shared<i64>, atom: usize, species: u8, pair: &PairRecord, u: Vec3) {
    let source = &meam.sources[species as usize];
    let density = source.density.at(pair.r).map(|rho| pair.screening * rho);
    let y = harmonics::evaluate(u);
    let mut terms = [0.0; MOST_WORDS];
    for l in 0..4 {
        let factor = density[l] * source.factors[l];
        for m in FIRST[l]..FIRST[l + 1] {
            terms[m] = factor * y[m];
        }
    }
    let count = meam.word_count;
    if meam.averaging() != Averaging::None {
        for h in 0..3 {
            terms[WEIGHTS + h] = source.weights[h] * density[0];
            terms[SQUARED_WEIGHTS + h] = source.weights[h] * source.weights[h] * density[0];
        }
    }
    debug_assert!(count >= COMPONENTS);
    // SAFETY: atoms of this range and their neighbours are out of reach of the other
    // ranges of the same colour.
    let words = unsafe { sums.at(atom * count, count) };
    for (word, term) in words.iter_mut().zip(terms) {
        *word += meam.density_quantum.round(term);
    }
}
