//! Phase 1a: which pairs survive the screening, and how S changes with the distances.
//!
//! S_ij = f_c((r_c - r_ij)/δ) Π_k f_c((C_k - Cmin)/(Cmax - Cmin)), where the ellipse
//! through i, j and k with its axis along ij defines (Baskes 1997), with
//! a, b, c = r_ij², r_ik², r_jk²,
//!
//! C = [2a(b + c) - (b - c)² - a²] / [a² - (b - c)²].
//!
//! C >= Cmax: k does not screen; C <= Cmin: it screens wholly and the pair is dropped.
//! Only the product over k is formed here; f_c of r_ij follows in `density`.
//!
//! Why the loops are as they are. Most of a step would go into triples that screen
//! nothing. A filter in single precision tests sixteen k at once, without a division and
//! with a margin for rounding, drops pairs that some k screens wholly, and packs what
//! passes, about nine triples per atom. The neighbours of an atom lie nearest first, so
//! the first sixteen nearly always suffice. A second stage computes S and its
//! derivatives, in double precision and with divisions, on full vectors of packed
//! triples of any pairs: k that passed within the margin only have a factor of exactly 1
//! there, or exactly 0, and change no bit.
//!
//! Invariant: swapping i and j, or reordering the k, leaves every bit of S and of its
//! derivatives. The formulas are symmetric in b and c, and factors and terms are
//! sorted by value before they are combined.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::filter::{Filter, View};
use super::records::{Pairs, Records};
use crate::error::Result;
use crate::potential::lanes::{Lanes, WIDTH, eight, eight_mut};
use crate::potential::shared::ensure;
use std::ops::Range;

/// Pairs with so many triples or fewer, nine out of ten, are sorted eight at a time.
const NETWORK: usize = 4;

/// What a thread needs besides the records while it works on a block.
#[derive(Debug, Default)]
pub struct Workspace {
    filter: Filter,
    /// By triple: factor of S, d ln S/dr_ij².
    factor: Vec<f64>,
    term: Vec<f64>,
    /// For phase 3, by pair: 2 S [P_ij + P_ji + φ_ij].
    pub scales: Vec<f64>,
}

/// Appends the pairs and triples of a block of atoms to `records`. The product over k
/// and the sum of d ln S/dr_ij² stand where S and dS/dr_ij² will be.
#[inline(always)]
pub fn find<L: Lanes>(
    view: View,
    atoms: Range<usize>,
    records: &mut Records,
    work: &mut Workspace,
) -> Result<()> {
    let (first_pair, first_triple) = (records.pairs.len, records.triples.len);
    work.filter.find::<L::Coarse>(view, atoms, records)?;
    derive::<L>(view, records, [first_pair, first_triple], work);
    combine::<L>(records, [first_pair, first_triple], work);
    Ok(())
}

/// C as numerator and denominator.
#[inline(always)]
fn quotient<L: Lanes>(twice_a: L, a_square: L, b: L, c: L) -> (L, L) {
    let (sum, difference) = (b + c, b - c);
    let square = difference * difference;
    (twice_a * sum - (square + a_square), a_square - square)
}

/// Second stage: the factor of each triple of the block and its logarithmic slopes.
/// Distances are computed anew, which is cheaper than to pack them in the first stage.
#[inline(always)]
fn derive<L: Lanes>(
    View { meam, env, coarse }: View,
    records: &mut Records,
    [first_pair, first_triple]: [usize; 2],
    work: &mut Workspace,
) {
    let (pairs, triples) = (&records.pairs, &mut records.triples);
    let count = triples.len - first_triple;
    let Workspace { factor, term, .. } = work;
    ensure(factor, count + WIDTH + 1);
    ensure(term, count + WIDTH + 1);
    let coarse: &[u32] = bytemuck::cast_slice(coarse);
    // Places in it are signed integers for the processor.
    assert!(coarse.len() < 1 << 31);
    let tables = &meam.coefficients;
    let count_species = meam.species_count() as u32;
    let (zero, one, two) = (L::splat(0.0), L::splat(1.0), L::splat(2.0));
    for at in (0..count).step_by(WIDTH) {
        let pair = eight(&triples.pair, first_triple + at);
        let k = eight(&triples.k, first_triple + at);
        // The fourth word of a coarse atom is its species.
        let mut place = *k;
        for place in &mut place {
            *place = 4 * *place + 3;
        }
        // SAFETY: triples name pairs of their block, and what stands behind the last one its
        // first; k are atoms, of which all have a coarse form.
        let (i, j, species, third) = unsafe {
            (
                L::gather_index(&pairs.i[first_pair..], pair),
                L::gather_index(&pairs.j[first_pair..], pair),
                L::gather_index(&pairs.species[first_pair..], pair),
                L::gather_index(coarse, &place),
            )
        };
        let mut bounds = [0; WIDTH];
        for lane in 0..WIDTH {
            let [first, second] = [species[lane] >> 16, species[lane] & 0xffff];
            bounds[lane] = (first * count_species + second) * tables.stride as u32 + third[lane];
        }
        // SAFETY: atoms of the list; places in the tables of the bounds.
        let (p, q, t, minimum, inverse_width) = unsafe {
            (
                L::gather_rows(env.position, &i),
                L::gather_rows(env.position, &j),
                L::gather_rows(env.position, k),
                L::gather(&tables.minimum, &bounds),
                L::gather(&tables.inverse_width, &bounds),
            )
        };
        let (a, b, c) = (square_distance(p, q), square_distance(p, t), square_distance(q, t));
        let (numerator, denominator) = quotient(a + a, a * a, b, c);
        let inverse = denominator.inverse();
        let value = numerator * inverse;
        let twice = two * inverse;
        let by_a = twice * ((b + c) - a - value * a);
        let common = twice * a;
        let shift = (twice * (b - c)) * (value - one);

        let x = ((value - minimum) * inverse_width).max(zero).min(one);
        let (f, slope) = cutoff(x);
        // f = 0 has slope 0.
        let log_slope = slope * inverse_width * f.max(L::splat(f64::MIN_POSITIVE)).inverse();
        f.store(eight_mut(factor, at));
        (log_slope * by_a).store(eight_mut(term, at));
        let at = first_triple + at;
        (log_slope * (common + shift)).store(eight_mut(&mut triples.slope_i, at));
        (log_slope * (common - shift)).store(eight_mut(&mut triples.slope_j, at));
    }
}

/// Positions differ exactly (`geometry`): the same from either end.
#[inline(always)]
fn square_distance<L: Lanes>(p: [L; 4], q: [L; 4]) -> L {
    let (x, y, z) = (q[0] - p[0], q[1] - p[1], q[2] - p[2]);
    z.mul_add(z, y.mul_add(y, x * x))
}

/// f_c(x) = [1 - (1-x)⁴]² and df_c/dx, for 0 <= x <= 1.
#[inline(always)]
pub fn cutoff<L: Lanes>(x: L) -> (L, L) {
    let one = L::splat(1.0);
    let y = one - x;
    let cube = y * y * y;
    let root = one - cube * y;
    (root * root, L::splat(8.0) * root * cube)
}

/// Product of factors and sum of terms for each pair of the block.
#[inline(always)]
fn combine<L: Lanes>(
    records: &mut Records,
    [first_pair, first_triple]: [usize; 2],
    work: &mut Workspace,
) {
    let count = records.pairs.len - first_pair;
    let triples = records.triples.len - first_triple;
    let Workspace { filter, factor, term, .. } = work;
    let Pairs { screening: product, slope: log_slope, .. } = &mut records.pairs;
    let pair_first = &mut filter.first_triple;
    // Pairs behind the last have no triples.
    ensure(pair_first, count + 1 + WIDTH);
    eight_mut(pair_first, count + 1).fill(triples as u32);
    // What stands for missing factors and terms.
    let none = triples + WIDTH;
    (factor[none], term[none]) = (1.0, 0.0);
    for at in (0..count).step_by(WIDTH) {
        let (first, end) = (eight(pair_first, at), eight(pair_first, at + 1));
        let mut most = 0;
        let mut places = [[0; WIDTH]; NETWORK];
        for lane in 0..WIDTH {
            most = most.max(end[lane] - first[lane]);
        }
        for n in 0..NETWORK {
            for lane in 0..WIDTH {
                let place = first[lane] + n as u32;
                places[n][lane] = if place < end[lane] { place } else { none as u32 };
            }
        }
        // SAFETY: places of triples of this block, or of the last value.
        let (f, t) = unsafe { (gather_all::<L>(factor, &places), gather_all::<L>(term, &places)) };
        let (f, t) = (sorted(f), sorted(t));
        (f[0] * f[1] * f[2] * f[3]).store(eight_mut(product, first_pair + at));
        (t[0] + t[1] + t[2] + t[3]).store(eight_mut(log_slope, first_pair + at));
        if most as usize <= NETWORK {
            continue;
        }
        for pair in at..count.min(at + WIDTH) {
            let range = pair_first[pair] as usize..pair_first[pair + 1] as usize;
            if range.len() > NETWORK {
                let (factors, terms) = (&mut factor[range.clone()], &mut term[range]);
                sort(factors);
                sort(terms);
                product[first_pair + pair] = factors.iter().fold(1.0, |p, f| p * f);
                log_slope[first_pair + pair] = terms.iter().sum();
            }
        }
    }
}

/// # Safety
/// All places are within `values`.
#[inline(always)]
unsafe fn gather_all<L: Lanes>(values: &[f64], places: &[[u32; WIDTH]; NETWORK]) -> [L; NETWORK] {
    let [a, b, c, d] = places;
    // SAFETY: the caller's promise.
    unsafe {
        [L::gather(values, a), L::gather(values, b), L::gather(values, c), L::gather(values, d)]
    }
}

/// Sorts four values in each lane.
#[inline(always)]
fn sorted<L: Lanes>([a, b, c, d]: [L; NETWORK]) -> [L; NETWORK] {
    let (a, b) = (a.min(b), a.max(b));
    let (c, d) = (c.min(d), c.max(d));
    let (a, c) = (a.min(c), a.max(c));
    let (b, d) = (b.min(d), b.max(d));
    let (b, c) = (b.min(c), b.max(c));
    [a, b, c, d]
}

/// Insertion sort: the handful of values seldom exceeds ten.
#[inline(always)]
fn sort(values: &mut [f64]) {
    for n in 1..values.len() {
        let value = values[n];
        let mut m = n;
        while m > 0 && values[m - 1] > value {
            values[m] = values[m - 1];
            m -= 1;
        }
        values[m] = value;
    }
}
