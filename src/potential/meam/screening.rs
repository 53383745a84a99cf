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
//! passes, some eleven triples per atom, for about three evaluations (`kept`). The neighbours of an atom lie nearest first, so
//! the first sixteen nearly always suffice. A second stage computes S and its
//! derivatives, in double precision and with divisions, on full vectors of packed
//! triples of any pairs, and leaves out those that do not screen: k that passed within the margin
//! only have a factor of exactly 1 there, or exactly 0, and change no bit.
//!
//! Invariant: swapping i and j, or reordering the k, leaves every bit of S and of its
//! derivatives. The formulas are symmetric in b and c, and factors and terms are
//! sorted by value before they are combined.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::filter::{Filter, SPECIES, View};
use super::records::{Records, Thirds, Triples};
use crate::potential::lanes::{Lanes, WIDTH, eight, eight_mut};
use crate::potential::shared::ensure;
use std::ops::Range;

/// How many bits of a byte are set below each.
const BITS_BELOW: [[u8; WIDTH]; 256] = {
    let mut below = [[0; WIDTH]; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut lane = 1;
        while lane < WIDTH {
            below[byte][lane] = below[byte][lane - 1] + (byte >> (lane - 1) & 1) as u8;
            lane += 1;
        }
        byte += 1;
    }
    below
};

/// Pairs with so many triples or fewer, nine out of ten, are sorted eight at a time.
const NETWORK: usize = 4;

/// What a thread needs besides the records while it works on a block.
#[derive(Debug, Default)]
pub struct Workspace {
    pub filter: Filter,
    /// By triple: factor of S, d ln S/dr_ij².
    factor: Vec<f64>,
    term: Vec<f64>,
    /// By third of the block, how many triples there are before it.
    before: Vec<u32>,
    /// By pair of the block where its triples begin, and where the last one's end.
    first_triple: Vec<u32>,
    /// For phase 3, by pair: 2 S [P_ij + P_ji + φ_ij].
    pub scales: Vec<f64>,
}

/// A block of what was found: its pairs, and their thirds.
struct Part {
    pairs: Range<usize>,
    thirds: Range<usize>,
}

/// Appends the triples of a block to `records`, and what they do to its pairs. The product over k
/// and the sum of d ln S/dr_ij² stand where S and dS/dr_ij² will be.
#[inline(always)]
pub fn screen<L: Lanes>(view: View, block: usize, records: &mut Records, work: &mut Workspace) {
    let (begin, end) = (records.found.beginning(block), records.found.blocks[block]);
    let part = Part { pairs: begin.pairs..end.pairs, thirds: begin.thirds..end.thirds };
    records.reserve(part.pairs.end, part.thirds.len());
    let first_triple = records.triples.thirds.len;
    derive::<L>(view, &part, records, work);
    combine::<L>(&part, first_triple, records, work);
    records.triple_ends.push(records.triples.thirds.len);
}

/// C as numerator and denominator.
#[inline(always)]
fn quotient<L: Lanes>(twice_a: L, a_square: L, b: L, c: L) -> (L, L) {
    let (sum, difference) = (b + c, b - c);
    let square = difference * difference;
    (twice_a * sum - (square + a_square), a_square - square)
}

/// Second stage: the factor of each triple of the block and its logarithmic slopes; those with a
/// factor of 1 are none. Distances are computed anew, which is cheaper than to pack them in the
/// first stage.
#[inline(always)]
fn derive<L: Lanes>(
    View { meam, env, coarse, .. }: View,
    part: &Part,
    records: &mut Records,
    work: &mut Workspace,
) {
    /// Å⁴, far below the denominator of any k between i and j.
    const SMALL: f64 = 1e-12;
    /// Å⁻⁴
    const GREAT: f64 = 1e12;
    let Records { found, triples, .. } = records;
    let (pairs, thirds, count) = (&found.pairs, &found.thirds, part.thirds.len());
    let Triples { thirds: Thirds { len, pair: pair_of, k: third_of }, slope_i, slope_j } = triples;
    let Workspace { factor, term, before, first_triple, .. } = work;
    ensure(before, count + WIDTH);
    ensure(factor, count + WIDTH + 1);
    ensure(term, count + WIDTH + 1);
    let (first_pair, first) = (part.pairs.start, *len);
    let mut last = first;
    let coarse: &[u32] = bytemuck::cast_slice(coarse);
    // Places in it are signed integers for the processor.
    assert!(coarse.len() < 1 << 31);
    let tables = &meam.coefficients;
    let count_species = meam.species_count() as u32;
    let (zero, one, two) = (L::splat(0.0), L::splat(1.0), L::splat(2.0));
    for at in (0..count).step_by(WIDTH) {
        let pair = eight(&thirds.pair, part.thirds.start + at);
        let k = eight(&thirds.k, part.thirds.start + at);
        // The fourth word of a coarse atom is its species.
        let mut place = *k;
        for place in &mut place {
            *place = 4 * *place + 3;
        }
        // SAFETY: thirds name pairs of their block, and what stands behind the last one its
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
            bounds[lane] =
                (first * count_species + second) * tables.stride as u32 + (third[lane] & SPECIES);
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
        let inverse = denominator.max(L::splat(SMALL)).inverse();
        let value = numerator * inverse;
        let twice = two * inverse;
        let by_a = twice * ((b + c) - a - value * a);
        let common = twice * a;
        let shift = (twice * (b - c)) * (value - one);

        // A third atom that is not between i and j does not screen.
        let beyond = (zero - denominator) * L::splat(GREAT);
        let x = ((value - minimum) * inverse_width).max(zero).max(beyond).min(one);
        let (f, slope) = cutoff(x);
        // f = 0 has slope 0.
        let log_slope = slope * inverse_width * f.max(L::splat(f64::MIN_POSITIVE)).inverse();
        let bits = L::bits(x.below(one)) & (u32::MAX >> (32 - WIDTH.min(count - at)));
        f.compress(bits).store(eight_mut(factor, last - first));
        (log_slope * by_a).compress(bits).store(eight_mut(term, last - first));
        (log_slope * (common + shift)).compress(bits).store(eight_mut(slope_i, last));
        (log_slope * (common - shift)).compress(bits).store(eight_mut(slope_j, last));
        L::compress_index(pair, bits, eight_mut(pair_of, last));
        L::compress_index(k, bits, eight_mut(third_of, last));
        let places = eight_mut(before, at);
        for lane in 0..WIDTH {
            places[lane] = (last - first) as u32 + BITS_BELOW[bits as usize][lane] as u32;
        }
        last += bits.count_ones() as usize;
    }
    *len = last;
    let all = (last - first) as u32;
    before[count] = all;
    let pair_count = part.pairs.len();
    ensure(first_triple, pair_count + 2 * WIDTH);
    for at in (0..pair_count).step_by(WIDTH) {
        let mut third = *eight(&pairs.first_third, first_pair + at);
        // What stands behind the last pair may be of another block.
        for third in &mut third {
            *third = (*third).min(count as u32);
        }
        // SAFETY: places up to that of `count`, by the line above.
        *eight_mut(first_triple, at) = unsafe { L::gather_index(before, &third) };
    }
    // Pairs behind the last have no triples.
    first_triple[pair_count..pair_count + 1 + WIDTH].fill(all);
    triples.thirds.end(pairs.j[part.pairs.start]);
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
    part: &Part,
    first_triple: usize,
    records: &mut Records,
    work: &mut Workspace,
) {
    let (first_pair, count) = (part.pairs.start, part.pairs.len());
    let triples = records.triples.thirds.len - first_triple;
    let Workspace { factor, term, first_triple: pair_first, .. } = work;
    let Records { screening: product, slope: log_slope, .. } = records;
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
