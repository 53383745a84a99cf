//! Phase 1a: which pairs survive the screening, and how S changes with the distances.
//!
//! S_ij = f_c((r_c - r_ij)/δ) Π_k f_c((C_k - Cmin)/(Cmax - Cmin)), where the ellipse
//! through i, j and k with its axis along ij defines (Baskes 1997), with
//! a, b, c = r_ij², r_ik², r_jk²,
//!
//! C = [2a(b + c) - (b - c)² - a²] / [a² - (b - c)²].
//!
//! C >= Cmax: k does not screen; C <= Cmin: it screens wholly and the pair is dropped.
//!
//! Why the loops are as they are. Most of a step would go into triples that screen
//! nothing, so a first stage tests eight k at once without a division, rejects most by
//! their distance alone (the ellipse of Cmax lies within r² <= a Cmax²/[4 (Cmax - 1)] of
//! both ends), and drops a pair that some k screens wholly. What passes, about nine
//! triples per atom, is packed; a second stage computes S and its derivatives, with
//! divisions, on full vectors of packed triples of any pairs.
//!
//! Invariant: swapping i and j, or reordering the k, leaves every bit of S and of its
//! derivatives. The formulas are symmetric in b and c, and factors and terms are
//! sorted by value before they are combined.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::Meam;
use super::records::{Records, ensure};
use super::table::CLOSEST;
use crate::error::{Error, Result};
use crate::neighbour::MINE;
use crate::potential::Environment;
use crate::potential::lanes::{Lanes, WIDTH, eight, eight_mut};
use std::ops::Range;

/// Pairs with so many triples or fewer, nine out of ten, are sorted eight at a time.
const NETWORK: usize = 4;

/// Farther than any atom: fills up vectors of neighbours.
const FAR: f64 = 1e30;

/// What is known of the pairs and triples of a block before S.
#[derive(Debug, Default)]
pub struct Workspace {
    near: Near,
    /// By pair: r_ij², where its bounds of C stand, and where its triples begin.
    pair_square: Vec<f64>,
    pair_table: Vec<u32>,
    pair_first: Vec<usize>,
    /// By triple: factor of S, d ln S/dr_ij².
    factor: Vec<f64>,
    term: Vec<f64>,
    /// By pair: product of factors, sum of terms.
    product: Vec<f64>,
    log_slope: Vec<f64>,
}

/// The neighbours of the atom at hand, within reach; coordinates relative to it.
#[derive(Debug, Default)]
struct Near {
    count: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    z: Vec<f64>,
    square: Vec<f64>,
    /// As in the list, with `MINE` or without.
    entry: Vec<u32>,
    index: Vec<u32>,
    species: Vec<u32>,
}

/// Appends the pairs and triples of a block of atoms to `records`.
#[inline(always)]
pub fn find<L: Lanes>(
    meam: &Meam,
    env: Environment,
    atoms: Range<usize>,
    records: &mut Records,
    work: &mut Workspace,
) -> Result<()> {
    let (first_pair, first_triple) = (records.pairs.len, records.triples.len);
    for i in atoms {
        work.near.gather::<L>(meam, env, i)?;
        let count = work.near.count;
        records.pairs.reserve(count);
        records.triples.reserve(count * count);
        let room = records.pairs.len - first_pair + count + WIDTH;
        ensure(&mut work.pair_square, room);
        ensure(&mut work.pair_table, room);
        ensure(&mut work.pair_first, room);
        for first in (0..count).step_by(WIDTH) {
            let within =
                L::load(eight(&work.near.square, first)).below(L::splat(meam.cutoff_square));
            let mut pairs = L::bits(within) & work.near.mine(first);
            while pairs != 0 {
                let n = first + pairs.trailing_zeros() as usize;
                pairs &= pairs - 1;
                test::<L>(meam, env.species[i], i, n, records, [first_pair, first_triple], work);
            }
        }
    }
    records.end_block();
    derive::<L>(meam, env, records, [first_pair, first_triple], work);
    combine::<L>(meam, records, [first_pair, first_triple], work);
    Ok(())
}

impl Near {
    /// The neighbours of atom i.
    #[inline(always)]
    fn gather<L: Lanes>(&mut self, meam: &Meam, env: Environment, i: usize) -> Result<()> {
        let list = env.neighbours.of(i);
        let room = list.len() + 2 * WIDTH;
        for values in [&mut self.x, &mut self.y, &mut self.z, &mut self.square] {
            ensure(values, room);
        }
        for values in [&mut self.entry, &mut self.index, &mut self.species] {
            ensure(values, room);
        }

        let [x, y, z, _] = env.position[i].map(L::splat);
        let (reach, closest) = (L::splat(meam.reach_square), L::splat(CLOSEST * CLOSEST));
        let mut too_close = false;
        self.count = 0;
        for first in (0..list.len()).step_by(WIDTH) {
            let mut entries = [i as u32; WIDTH];
            let rest = &list[first..];
            let (lanes, valid) = match rest.first_chunk() {
                Some(whole) => (whole, 0xff),
                None => {
                    entries[..rest.len()].copy_from_slice(rest);
                    (&entries, (1u32 << rest.len()) - 1)
                }
            };
            let mut index = *lanes;
            for entry in &mut index {
                *entry &= !MINE;
            }
            // SAFETY: the list names atoms of this rank, of which all have positions.
            let [px, py, pz, _] = unsafe { L::gather_rows(env.position, &index) };
            let (dx, dy, dz) = (px - x, py - y, pz - z);
            let square = dz.mul_add(dz, dy.mul_add(dy, dx * dx));
            let kept = L::bits(square.at_most(reach)) & valid;
            too_close |= L::bits(square.below(closest)) & valid != 0;
            dx.compress(kept).store(eight_mut(&mut self.x, self.count));
            dy.compress(kept).store(eight_mut(&mut self.y, self.count));
            dz.compress(kept).store(eight_mut(&mut self.z, self.count));
            square.compress(kept).store(eight_mut(&mut self.square, self.count));
            L::compress_index(lanes, kept, eight_mut(&mut self.entry, self.count));
            self.count += kept.count_ones() as usize;
        }
        L::splat(FAR).store(eight_mut(&mut self.square, self.count));
        *eight_mut(&mut self.entry, self.count) = [0; WIDTH];
        for first in (0..self.count).step_by(WIDTH) {
            let index = eight_mut(&mut self.index, first);
            for (index, entry) in index.iter_mut().zip(eight(&self.entry, first)) {
                *index = entry & !MINE;
            }
            let species = eight_mut(&mut self.species, first);
            for (species, index) in species.iter_mut().zip(index) {
                *species = env.species[*index as usize] as u32;
            }
        }
        if too_close { Err(self.closest(env, i)) } else { Ok(()) }
    }

    /// Which of eight neighbours this end of the pair computes.
    #[inline(always)]
    fn mine(&self, first: usize) -> u32 {
        let mut bits = 0;
        for (lane, entry) in eight(&self.entry, first).iter().enumerate() {
            bits |= (entry >> 31) << lane;
        }
        bits
    }

    #[cold]
    fn closest(&self, env: Environment, i: usize) -> Error {
        let near = (0..self.count).min_by(|&m, &n| self.square[m].total_cmp(&self.square[n]));
        let n = near.expect("there is one too close");
        let message = format!(
            "it is {:.3e} Å from atom {}: closer than {CLOSEST} Å the potential is not defined",
            self.square[n].sqrt(),
            env.id[(self.entry[n] & !MINE) as usize]
        );
        Error::OutOfBounds { atom: env.id[i], message }
    }
}

/// First stage: appends the pair of atom i and its n-th neighbour, and all k that screen
/// it in part, unless one screens it wholly. No branch asks whether any of eight k pass:
/// that cannot be predicted, and a wrong guess costs as much as a test of eight.
#[inline(always)]
fn test<L: Lanes>(
    meam: &Meam,
    species: u8,
    i: usize,
    n: usize,
    records: &mut Records,
    [first_pair, first_triple]: [usize; 2],
    work: &mut Workspace,
) {
    let near = &work.near;
    let (pairs, triples) = (&mut records.pairs, &mut records.triples);
    let block = meam.pair_index(species, near.species[n] as u8);
    let table = block * meam.coefficients.stride;
    let thirds = table..table + meam.coefficients.stride;
    let minimum = &meam.coefficients.minimum[thirds.clone()];
    let maximum = &meam.coefficients.maximum[thirds];

    let square = near.square[n];
    let a = L::splat(square);
    let (twice_a, a_square) = (a + a, a * a);
    let bound = L::splat(meam.ellipse_bounds[block] * square);
    let (x, y, z) = (L::splat(near.x[n]), L::splat(near.y[n]), L::splat(near.z[n]));
    let zero = L::splat(0.0);
    let pair = (pairs.len - first_pair) as u32;

    let vectors = near.count.div_ceil(WIDTH);
    let squares = &near.square.as_chunks::<WIDTH>().0[..vectors];
    let xs = &near.x.as_chunks::<WIDTH>().0[..vectors];
    let ys = &near.y.as_chunks::<WIDTH>().0[..vectors];
    let zs = &near.z.as_chunks::<WIDTH>().0[..vectors];
    let indices = &near.index.as_chunks::<WIDTH>().0[..vectors];
    let kinds = &near.species.as_chunks::<WIDTH>().0[..vectors];
    let mut end = triples.len;
    for v in 0..vectors {
        let b = L::load(&squares[v]);
        let close = b.at_most(bound);
        if L::bits(close) == 0 {
            continue;
        }
        let (dx, dy, dz) = (L::load(&xs[v]) - x, L::load(&ys[v]) - y, L::load(&zs[v]) - z);
        let c = dz.mul_add(dz, dy.mul_add(dy, dx * dx));
        let (numerator, denominator) = quotient(twice_a, a_square, b, c);
        // The second atom of the pair is among the k: b = a and c = 0 make its
        // denominator exactly zero, for which plain products are needed.
        let ellipse = close
            & c.at_most(bound)
            & zero.below(denominator)
            & numerator.below(L::lookup(maximum, &kinds[v]) * denominator);
        let whole = ellipse & numerator.at_most(L::lookup(minimum, &kinds[v]) * denominator);
        if L::bits(whole) != 0 {
            return;
        }
        let partial = L::bits(ellipse);
        L::compress_index(&indices[v], partial, eight_mut(&mut triples.k, end));
        *eight_mut(&mut triples.pair, end) = [pair; WIDTH];
        end += partial.count_ones() as usize;
    }
    work.pair_square[pair as usize] = square;
    work.pair_table[pair as usize] = table as u32;
    work.pair_first[pair as usize] = triples.len - first_triple;
    triples.len = end;
    pairs.i[pairs.len] = i as u32;
    pairs.j[pairs.len] = near.index[n];
    pairs.len += 1;
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
    meam: &Meam,
    env: Environment,
    records: &mut Records,
    [first_pair, first_triple]: [usize; 2],
    work: &mut Workspace,
) {
    let (pairs, triples) = (&records.pairs, &mut records.triples);
    let count = triples.len - first_triple;
    let Workspace { pair_table, factor, term, .. } = work;
    ensure(factor, count + WIDTH + 1);
    ensure(term, count + WIDTH + 1);
    let tables = &meam.coefficients;
    let (zero, one, two) = (L::splat(0.0), L::splat(1.0), L::splat(2.0));
    for at in (0..count).step_by(WIDTH) {
        let (mut i, mut j, mut bounds) = ([0; WIDTH], [0; WIDTH], [0; WIDTH]);
        let pair = eight(&triples.pair, first_triple + at);
        let k = eight(&triples.k, first_triple + at);
        for lane in 0..WIDTH {
            let pair = pair[lane] as usize;
            i[lane] = pairs.i[first_pair + pair];
            j[lane] = pairs.j[first_pair + pair];
            bounds[lane] = pair_table[pair] + env.species[k[lane] as usize] as u32;
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

/// Positions differ exactly (`geometry`): the same from either end and as in `Near`.
#[inline(always)]
fn square_distance<L: Lanes>(p: [L; 4], q: [L; 4]) -> L {
    let (x, y, z) = (q[0] - p[0], q[1] - p[1], q[2] - p[2]);
    z.mul_add(z, y.mul_add(y, x * x))
}

/// f_c(x) = [1 - (1-x)⁴]² and df_c/dx, for 0 <= x <= 1.
#[inline(always)]
fn cutoff<L: Lanes>(x: L) -> (L, L) {
    let one = L::splat(1.0);
    let y = one - x;
    let cube = y * y * y;
    let root = one - cube * y;
    (root * root, L::splat(8.0) * root * cube)
}

/// S and its slope by r_ij² for each pair of the block.
#[inline(always)]
fn combine<L: Lanes>(
    meam: &Meam,
    records: &mut Records,
    [first_pair, first_triple]: [usize; 2],
    work: &mut Workspace,
) {
    let count = records.pairs.len - first_pair;
    let triples = records.triples.len - first_triple;
    let Workspace { pair_square, pair_first, factor, term, product, log_slope, .. } = work;
    for values in [&mut *pair_square, &mut *product, &mut *log_slope] {
        ensure(values, count + WIDTH);
    }
    ensure(pair_first, count + 1);
    pair_first[count] = triples;
    // What stands for missing factors and terms.
    let none = triples + WIDTH;
    (factor[none], term[none]) = (1.0, 0.0);
    for at in (0..count).step_by(WIDTH) {
        let lanes = WIDTH.min(count - at);
        let mut most = 0;
        let mut places = [[none as u32; WIDTH]; NETWORK];
        for lane in 0..lanes {
            let (first, end) = (pair_first[at + lane], pair_first[at + lane + 1]);
            most = most.max(end - first);
            for n in 0..NETWORK {
                places[n][lane] = if first + n < end { first + n } else { none } as u32;
            }
        }
        // SAFETY: places of triples of this block, or of the last value.
        let (f, t) = unsafe { (gather_all::<L>(factor, &places), gather_all::<L>(term, &places)) };
        let (f, t) = (sorted(f), sorted(t));
        (f[0] * f[1] * f[2] * f[3]).store(eight_mut(product, at));
        (t[0] + t[1] + t[2] + t[3]).store(eight_mut(log_slope, at));
        if most <= NETWORK {
            continue;
        }
        for pair in at..at + lanes {
            let range = pair_first[pair]..pair_first[pair + 1];
            if range.len() > NETWORK {
                let (factors, terms) = (&mut factor[range.clone()], &mut term[range]);
                sort(factors);
                sort(terms);
                product[pair] = factors.iter().fold(1.0, |p, f| p * f);
                log_slope[pair] = terms.iter().sum();
            }
        }
    }
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let inverse_smoothing = L::splat(1.0 / meam.smoothing);
    let half_inverse_smoothing = L::splat(0.5 / meam.smoothing);
    for at in (0..count).step_by(WIDTH) {
        let r = L::load(eight(pair_square, at)).sqrt();
        let x = ((L::splat(meam.cutoff) - r) * inverse_smoothing).max(zero).min(one);
        let (radial, radial_slope) = cutoff(x);
        let product = L::load(eight(product, at));
        let screening = radial * product;
        let log_slope = L::load(eight(log_slope, at));
        let slope =
            screening * log_slope - radial_slope * product * (half_inverse_smoothing * r.inverse());
        screening.store(eight_mut(&mut records.pairs.screening, first_pair + at));
        slope.store(eight_mut(&mut records.pairs.slope, first_pair + at));
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
