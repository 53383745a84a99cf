//! Phase 1b: the sums over neighbours, in fixed point.
//!
//! Each surviving pair adds to both of its atoms S ρ_l(r) Y_lm(u), u pointing from the
//! atom to its neighbour, and where the weights t are averages also S t ρ₀ and S t² ρ₀.
//!
//! Eight pairs at a time, of any atoms. Towards its other end a pair has the same
//! harmonics but for the sign (-1)^l, and between atoms of one species, which stand
//! first, also the same densities. The sixteen quanta of a pair are transposed from
//! lanes into the order of the sums, so that an atom gains them in two additions.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::Meam;
use super::embedding::WEIGHTS;
use super::harmonics::{self, COMPONENTS, FIRST};
use super::records::Pairs;
use super::screening::cutoff;
use super::shared::Shared;
use super::sieve::View;
use crate::potential::Environment;
use crate::potential::lanes::{Lanes, WIDTH, eight, eight_mut};
use std::ops::Range;

/// Eight pairs as vectors.
pub struct Bonds<L> {
    pub i: [u32; WIDTH],
    pub j: [u32; WIDTH],
    pub species_i: [u32; WIDTH],
    pub species_j: [u32; WIDTH],
    /// From i to j, Å.
    pub d: [L; 3],
    pub r: L,
    pub inverse: L,
    /// d/r
    pub u: [L; 3],
}

impl<L: Lanes> Bonds<L> {
    #[inline(always)]
    pub fn load(env: Environment, pairs: &Pairs, at: usize) -> Bonds<L> {
        let (i, j) = (*eight(&pairs.i, at), *eight(&pairs.j, at));
        // SAFETY: records hold atoms of the list.
        let (p, q) =
            unsafe { (L::gather_rows(env.position, &i), L::gather_rows(env.position, &j)) };
        let d @ [x, y, z] = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
        let r = z.mul_add(z, y.mul_add(y, x * x)).sqrt();
        let inverse = r.inverse();
        let species = eight(&pairs.species, at);
        let (species_i, species_j) = (species.map(|s| s >> 16), species.map(|s| s & 0xffff));
        let u = [x * inverse, y * inverse, z * inverse];
        Bonds { i, j, species_i, species_j, d, r, inverse, u }
    }
}

/// Adds what the pairs of a block give to the sums.
///
/// The caller keeps two threads from working on atoms with common neighbours.
#[inline(always)]
pub fn accumulate<L: Lanes>(
    View { meam, env, .. }: View,
    pairs: &mut Pairs,
    range: Range<usize>,
    alike: usize,
    sums: &Shared<i64>,
) {
    // Whole vectors of pairs whose ends are alike, which give both the same.
    let alike = alike - (alike - range.start) % WIDTH;
    for at in (range.start..alike).step_by(WIDTH) {
        let bonds = Bonds::<L>::load(env, pairs, at);
        let screening = screen(meam, &bonds, pairs, at);
        let y = harmonics::evaluate(bonds.u);
        let densities = meam.coefficients.densities(&bonds.species_j, bonds.r);
        let densities = scaled(screening, densities);
        let terms = Terms::new(meam, densities, &y);
        terms.add::<false>(meam, sums, &bonds.i);
        terms.add::<true>(meam, sums, &bonds.j);
        add_weights(meam, sums, &bonds.i, &bonds.species_j, densities[0]);
        add_weights(meam, sums, &bonds.j, &bonds.species_j, densities[0]);
    }
    for at in (alike..range.end).step_by(WIDTH) {
        let count = WIDTH.min(range.end - at);
        let bonds = Bonds::<L>::load(env, pairs, at);
        let screening = screen(meam, &bonds, pairs, at);
        let y = harmonics::evaluate(bonds.u);
        let (i, j) = (&bonds.i[..count], &bonds.j[..count]);
        let [from_j, from_i] =
            meam.coefficients.both_densities([&bonds.species_j, &bonds.species_i], bonds.r);
        let (from_j, from_i) = (scaled(screening, from_j), scaled(screening, from_i));
        Terms::new(meam, from_j, &y).add::<false>(meam, sums, i);
        Terms::new(meam, from_i, &y).add::<true>(meam, sums, j);
        add_weights(meam, sums, i, &bonds.species_j, from_j[0]);
        add_weights(meam, sums, j, &bonds.species_i, from_i[0]);
    }
}

#[inline(always)]
fn scaled<L: Lanes>(factor: L, densities: [L; 4]) -> [L; 4] {
    let [a, b, c, d] = densities;
    [factor * a, factor * b, factor * c, factor * d]
}

/// Completes S and dS/d(r_ij²) of these pairs by the cutoff.
#[inline(always)]
fn screen<L: Lanes>(meam: &Meam, bonds: &Bonds<L>, pairs: &mut Pairs, at: usize) -> L {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let x = (L::splat(meam.cutoff) - bonds.r) * L::splat(1.0 / meam.smoothing);
    let (radial, radial_slope) = cutoff(x.max(zero).min(one));
    let half_inverse_smoothing = L::splat(0.5 / meam.smoothing);
    let product = L::load(eight(&pairs.screening, at));
    let log_slope = L::load(eight(&pairs.slope, at));
    let screening = radial * product;
    let slope =
        screening * log_slope - radial_slope * product * (half_inverse_smoothing * bonds.inverse);
    screening.store(eight_mut(&mut pairs.screening, at));
    slope.store(eight_mut(&mut pairs.slope, at));
    screening
}

/// What eight pairs give to the harmonics of one end: the words of each in a row.
struct Terms<L> {
    low: [L; WIDTH],
    high: [L; WIDTH],
}

/// The components of odd l, by word.
pub const ODD: u32 = 0b1111_1110_0000_1110;

impl<L: Lanes> Terms<L> {
    #[inline(always)]
    fn new(meam: &Meam, densities: [L; 4], y: &[L; COMPONENTS]) -> Terms<L> {
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
        Terms { low, high }
    }

    /// Adds to the sums of these atoms; towards the other end odd components change sign.
    #[inline(always)]
    fn add<const OTHER_END: bool>(&self, meam: &Meam, sums: &Shared<i64>, atoms: &[u32]) {
        for lane in 0..WIDTH {
            if lane == atoms.len() {
                break;
            }
            // SAFETY: atoms of this range and their neighbours are out of reach of the
            // other ranges of the same colour; each has its words.
            let words = unsafe { sums.at(atoms[lane] as usize * meam.word_count, COMPONENTS) };
            let (first, second) = words.split_at_mut(WIDTH);
            let first = first.first_chunk_mut().expect("eight words");
            let second = second.first_chunk_mut().expect("eight words");
            if OTHER_END {
                self.low[lane].add_signed_to(ODD & 0xff, first);
                self.high[lane].add_signed_to(ODD >> WIDTH, second);
            } else {
                self.low[lane].add_to(first);
                self.high[lane].add_to(second);
            }
        }
    }
}

/// Adds S t ρ₀ and S t² ρ₀ of neighbours of these species, where the weights are averages.
#[inline(always)]
fn add_weights<L: Lanes>(
    meam: &Meam,
    sums: &Shared<i64>,
    atoms: &[u32],
    species: &[u32; WIDTH],
    density: L,
) {
    for (h, weights) in meam.coefficients.weights.iter().enumerate() {
        let mut quanta = [0; WIDTH];
        let per_unit = L::splat(meam.quanta[WEIGHTS + h].per_unit());
        (L::lookup(weights, species) * density).quanta(per_unit).add_to(&mut quanta);
        for (atom, quanta) in atoms.iter().zip(quanta) {
            // SAFETY: as in `Terms::add`.
            let words = unsafe { sums.at(*atom as usize * meam.word_count + WEIGHTS + h, 1) };
            words[0] += quanta;
        }
    }
}
