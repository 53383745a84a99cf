//! Phase 1b: the sums over neighbours, in fixed point.
//!
//! Each surviving pair adds to both of its atoms S ρ_l(r) Y_lm(u), u pointing from the
//! atom to its neighbour, and where the weights t are averages also S t ρ₀ and S t² ρ₀.
//!
//! Eight pairs at a time, of any atoms. Towards its other end a pair has the same
//! harmonics but for the sign (-1)^l. The sixteen quanta of a pair are transposed from
//! lanes into the order of the sums, so that an atom gains them in two additions.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::Meam;
use super::embedding::WEIGHTS;
use super::harmonics::{self, COMPONENTS, FIRST};
use super::records::Pairs;
use super::shared::Shared;
use crate::potential::Environment;
use crate::potential::lanes::{Lanes, WIDTH, eight};
use std::ops::Range;

/// Eight pairs as vectors.
pub struct Bonds<'a, L> {
    pub i: &'a [u32; WIDTH],
    pub j: &'a [u32; WIDTH],
    pub species_i: [u32; WIDTH],
    pub species_j: [u32; WIDTH],
    /// From i to j, Å.
    pub d: [L; 3],
    pub r: L,
    pub inverse: L,
    /// d/r
    pub u: [L; 3],
}

impl<'a, L: Lanes> Bonds<'a, L> {
    #[inline(always)]
    pub fn load(env: Environment, pairs: &'a Pairs, at: usize) -> Bonds<'a, L> {
        let (i, j) = (eight(&pairs.i, at), eight(&pairs.j, at));
        // SAFETY: records hold atoms of the list.
        let (p, q) = unsafe { (L::gather_rows(env.position, i), L::gather_rows(env.position, j)) };
        let d @ [x, y, z] = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
        let r = z.mul_add(z, y.mul_add(y, x * x)).sqrt();
        let inverse = r.inverse();
        let (mut species_i, mut species_j) = ([0; WIDTH], [0; WIDTH]);
        for lane in 0..WIDTH {
            species_i[lane] = env.species[i[lane] as usize] as u32;
            species_j[lane] = env.species[j[lane] as usize] as u32;
        }
        let u = [x * inverse, y * inverse, z * inverse];
        Bonds { i, j, species_i, species_j, d, r, inverse, u }
    }
}

/// Adds what these pairs give to the sums.
///
/// The caller keeps two threads from working on atoms with common neighbours.
#[inline(always)]
pub fn accumulate<L: Lanes>(
    meam: &Meam,
    env: Environment,
    pairs: &Pairs,
    range: Range<usize>,
    sums: &Shared<i64>,
) {
    for at in range.clone().step_by(WIDTH) {
        let count = WIDTH.min(range.end - at);
        let bonds = Bonds::<L>::load(env, pairs, at);
        let screening = L::load(eight(&pairs.screening, at));
        let y = harmonics::evaluate(bonds.u);
        let species = [&bonds.species_j, &bonds.species_i];
        let (mut from_j, mut from_i) = meam.coefficients.both_densities(species, bonds.r);
        for l in 0..4 {
            from_j[l] = screening * from_j[l];
            from_i[l] = screening * from_i[l];
        }
        from_i[1] = L::splat(0.0) - from_i[1];
        from_i[3] = L::splat(0.0) - from_i[3];
        add(meam, sums, &bonds.i[..count], &bonds.species_j, from_j, &y);
        add(meam, sums, &bonds.j[..count], &bonds.species_i, from_i, &y);
    }
}

/// Adds to `atoms` what neighbours of these species and densities give.
#[inline(always)]
fn add<L: Lanes>(
    meam: &Meam,
    sums: &Shared<i64>,
    atoms: &[u32],
    species: &[u32; WIDTH],
    densities: [L; 4],
    y: &[L; COMPONENTS],
) {
    let per_unit = |word: usize| L::splat(meam.quanta[word].per_unit());
    let mut terms = [densities[0].quanta(per_unit(0)); COMPONENTS];
    for l in 1..4 {
        let per_unit = per_unit(FIRST[l]);
        for m in FIRST[l]..FIRST[l + 1] {
            terms[m] = (densities[l] * y[m]).quanta(per_unit);
        }
    }
    let [t0, t1, t2, t3, t4, t5, t6, t7, s0, s1, s2, s3, s4, s5, s6, s7] = terms;
    let low = L::transpose([t0, t1, t2, t3, t4, t5, t6, t7]);
    let high = L::transpose([s0, s1, s2, s3, s4, s5, s6, s7]);
    for lane in 0..WIDTH {
        if lane == atoms.len() {
            break;
        }
        // SAFETY: atoms of this range and their neighbours are out of reach of the other
        // ranges of the same colour.
        let words = unsafe { sums.at(atoms[lane] as usize * meam.word_count, COMPONENTS) };
        let (first, second) = words.split_at_mut(WIDTH);
        low[lane].add_to(first.first_chunk_mut().expect("eight words"));
        high[lane].add_to(second.first_chunk_mut().expect("eight words"));
    }
    for (h, weights) in meam.coefficients.weights.iter().enumerate() {
        let mut quanta = [0; WIDTH];
        let per_unit = per_unit(WEIGHTS + h);
        (L::lookup(weights, species) * densities[0]).quanta(per_unit).add_to(&mut quanta);
        for (atom, quanta) in atoms.iter().zip(quanta) {
            // SAFETY: as above.
            let words = unsafe { sums.at(*atom as usize * meam.word_count + WEIGHTS + h, 1) };
            words[0] += quanta;
        }
    }
}
