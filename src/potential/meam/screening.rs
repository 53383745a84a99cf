//! Phase 1a: which pairs survive the screening, and how S changes with the distances.
//!
//! S_ij = f_c((r_c - r_ij)/δ) Π_k f_c((C_k - Cmin)/(Cmax - Cmin)), where the ellipse
//! through i, j and k with its axis along ij defines (Baskes 1997), with
//! a, b, c = r_ij², r_ik², r_jk²,
//!
//! C = [2a(b + c) - (b - c)² - a²] / [a² - (b - c)²].
//!
//! C >= Cmax: k does not screen; C <= Cmin: it screens wholly and the pair is dropped.
//! Both are decided without a division; most k are rejected by their distance alone,
//! since the ellipse of Cmax lies within r² <= a Cmax²/[4 (Cmax - 1)] of both ends.
//!
//! Invariant: swapping i and j, or reordering the k, leaves every bit of S and of its
//! derivatives. The formulas are symmetric in b and c, and factors and terms are
//! sorted by value before they are combined.

use super::Meam;
use super::functions::cutoff;
use super::table::CLOSEST;
use crate::error::{Error, Result};
use crate::geometry::Vec3;
use crate::neighbour::MINE;
use crate::potential::Environment;
use std::ops::Range;

/// A pair with S > 0 that this rank computes.
#[derive(Debug, Clone, Copy)]
pub struct PairRecord {
    pub i: u32,
    pub j: u32,
    /// From i to j, Å.
    pub d: Vec3,
    pub r: f64,
    pub screening: f64,
    /// dS/d(r_ij²) at fixed distances to third atoms, Å⁻².
    pub slope: f64,
    /// Where its triples end; they begin where those of the pair before it end.
    pub triples: u32,
}

/// A third atom that screens a pair in part.
#[derive(Debug, Clone, Copy)]
pub struct TripleRecord {
    pub k: u32,
    /// d ln S/d(r_ik²) and d ln S/d(r_jk²), Å⁻²
    pub slopes: [f64; 2],
}

/// The records of one range of atoms, and the workspace to find them.
#[derive(Debug, Default)]
pub struct Records {
    pub pairs: Vec<PairRecord>,
    pub triples: Vec<TripleRecord>,
    near: Vec<Near>,
    factors: Vec<f64>,
    terms: Vec<f64>,
}

/// A neighbour of the atom at hand.
#[derive(Debug, Clone, Copy)]
struct Near {
    d: Vec3,
    square: f64,
    index: u32,
    species: u8,
    mine: bool,
}

/// C as a quotient, and what its derivatives need.
struct Ellipse {
    numerator: f64,
    denominator: f64,
    a: f64,
    sum: f64,
    difference: f64,
}

impl Ellipse {
    #[inline(always)]
    fn new(a: f64, b: f64, c: f64) -> Ellipse {
        let (sum, difference) = (b + c, b - c);
        let square = difference * difference;
        Ellipse {
            numerator: 2.0 * a * sum - square - a * a,
            denominator: a * a - square,
            a,
            sum,
            difference,
        }
    }

    /// C and its derivatives by a, b and c.
    #[inline(always)]
    fn evaluate(&self) -> (f64, [f64; 3]) {
        let inverse = 1.0 / self.denominator;
        let value = self.numerator * inverse;
        let by_a = 2.0 * (self.sum - self.a - value * self.a) * inverse;
        let common = 2.0 * self.a * inverse;
        let shift = 2.0 * self.difference * (value - 1.0) * inverse;
        (value, [by_a, common + shift, common - shift])
    }
}

/// Fills `records` with the pairs and triples of the atoms in `range`.
pub fn find(
    meam: &Meam,
    env: Environment,
    range: Range<usize>,
    records: &mut Records,
) -> Result<()> {
    records.pairs.clear();
    records.triples.clear();
    for i in range {
        gather(meam, env, i, &mut records.near);
        for n in 0..records.near.len() {
            let pair = records.near[n];
            if pair.mine && pair.square < meam.cutoff_square {
                if pair.square < CLOSEST * CLOSEST {
                    return Err(too_close(env, i, pair.index as usize, pair.square));
                }
                screen(meam, env.species[i], i, n, records);
            }
        }
    }
    Ok(())
}

/// The neighbours of atom i within reach.
fn gather(meam: &Meam, env: Environment, i: usize, near: &mut Vec<Near>) {
    near.clear();
    let [x, y, z, _] = env.position[i];
    for &entry in env.neighbours.of(i) {
        let index = entry & !MINE;
        let p = env.position[index as usize];
        let d = [p[0] - x, p[1] - y, p[2] - z];
        let square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
        if square <= meam.reach_square {
            let species = env.species[index as usize];
            near.push(Near { d, square, index, species, mine: entry & MINE != 0 });
        }
    }
}

/// Appends the pair of atom i and its n-th neighbour, with its triples, if S > 0.
#[inline]
fn screen(meam: &Meam, species: u8, i: usize, n: usize, records: &mut Records) {
    let Records { pairs, triples, near, factors, terms } = records;
    let pair = near[n];
    let a = pair.square;
    let block = meam.pair_index(species, pair.species);
    let bound = meam.ellipse_bounds[block] * a;
    let first = triples.len();
    factors.clear();
    terms.clear();
    for (m, third) in near.iter().enumerate() {
        let b = third.square;
        if b > bound || m == n {
            continue;
        }
        let e = [third.d[0] - pair.d[0], third.d[1] - pair.d[1], third.d[2] - pair.d[2]];
        let c = e[0] * e[0] + e[1] * e[1] + e[2] * e[2];
        if c > bound {
            continue;
        }
        let ellipse = Ellipse::new(a, b, c);
        let screen = meam.screens[block * meam.species_count() + third.species as usize];
        if ellipse.denominator <= 0.0 || ellipse.numerator >= screen.maximum * ellipse.denominator {
            continue;
        }
        if ellipse.numerator <= screen.minimum * ellipse.denominator {
            triples.truncate(first);
            return;
        }
        let (value, by) = ellipse.evaluate();
        let (factor, slope) = cutoff((value - screen.minimum) * screen.inverse_width);
        if factor <= 0.0 {
            triples.truncate(first);
            return;
        }
        let log_slope = slope * screen.inverse_width / factor;
        factors.push(factor);
        terms.push(log_slope * by[0]);
        triples
            .push(TripleRecord { k: third.index, slopes: [log_slope * by[1], log_slope * by[2]] });
    }
    let r = a.sqrt();
    let (radial, radial_slope) = cutoff((meam.cutoff - r) / meam.smoothing);
    sort(factors);
    sort(terms);
    let product = factors.iter().fold(1.0, |p, f| p * f);
    let screening = radial * product;
    if screening <= 0.0 {
        triples.truncate(first);
        return;
    }
    let log_slope: f64 = terms.iter().sum();
    let slope = screening * log_slope - radial_slope * product / (2.0 * meam.smoothing * r);
    pairs.push(PairRecord {
        i: i as u32,
        j: pair.index,
        d: pair.d,
        r,
        screening,
        slope,
        triples: triples.len() as u32,
    });
}

/// Insertion sort: the handful of values seldom exceeds ten.
#[inline]
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

#[cold]
fn too_close(env: Environment, i: usize, j: usize, square: f64) -> Error {
    let message = format!(
        "it is {:.3e} Å from atom {}: closer than {CLOSEST} Å the potential is not defined",
        square.sqrt(),
        env.id[j]
    );
    Error::OutOfBounds { atom: env.id[i], message }
}
