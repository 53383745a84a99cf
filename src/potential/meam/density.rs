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
use super::filter::View;
use super::harmonics::{self, COMPONENTS, FIRST};
use super::records::{Pairs, Records};
use super::screening::cutoff;
use crate::potential::ahead::Ahead;
use crate::potential::lanes::{Coarse, Lanes, WIDTH, eight, eight_mut};
use crate::potential::{Environment, Sums};
use std::ops::Range;

/// Eight pairs as vectors.
pub struct Bonds<'a, L> {
    pub i: &'a [u32; WIDTH],
    pub j: &'a [u32; WIDTH],
    pub species_i: [u32; WIDTH],
    pub species_j: [u32; WIDTH],
    pub line: &'a Line<L>,
}

/// The lines from i to j.
#[derive(Debug, Clone, Copy)]
pub struct Line<L> {
    /// Of length 1.
    pub u: [L; 3],
    /// Å
    pub r: L,
    /// 1/r
    pub inverse: L,
}

/// Lines of pairs, found before anything else is done with them: a root and a quotient
/// take long, and are on their way for several vectors at once only where little stands
/// between these.
pub struct Lines<L>([Line<L>; AHEAD]);

/// More than the vectors of most blocks.
pub const AHEAD: usize = 32;

impl<L: Lanes> Lines<L> {
    #[inline(always)]
    pub fn new() -> Lines<L> {
        let zero = L::splat(0.0);
        Lines([Line { u: [zero; 3], r: zero, inverse: zero }; AHEAD])
    }

    /// Of as many of these pairs as there is room for, by vector.
    #[inline(always)]
    pub fn find(&mut self, env: Environment, pairs: &Pairs, range: Range<usize>) -> &[Line<L>] {
        for (line, at) in self.0.iter_mut().zip(range.step_by(WIDTH)) {
            // SAFETY: records hold atoms of the list.
            let (p, q) = unsafe {
                (
                    L::gather_rows(env.position, eight(&pairs.i, at)),
                    L::gather_rows(env.position, eight(&pairs.j, at)),
                )
            };
            let [x, y, z] = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
            let r = z.mul_add(z, y.mul_add(y, x * x)).sqrt();
            let inverse = r.inverse();
            *line = Line { u: [x * inverse, y * inverse, z * inverse], r, inverse };
        }
        &self.0
    }
}

impl<'a, L: Lanes> Bonds<'a, L> {
    #[inline(always)]
    pub fn new(pairs: &'a Pairs, at: usize, line: &'a Line<L>) -> Bonds<'a, L> {
        let species = eight(&pairs.species, at);
        let (species_i, species_j) = (species.map(|s| s >> 16), species.map(|s| s & 0xffff));
        Bonds { i: eight(&pairs.i, at), j: eight(&pairs.j, at), species_i, species_j, line }
    }
}

/// Atoms as phase 1 sees them, and their sums. Who has one may write to the sums of the atoms of a tile
/// and of their neighbours: that is what `new` asks for.
#[derive(Clone, Copy)]
pub struct DensityTask<'a> {
    pub view: View<'a>,
    sums: &'a Sums<'a>,
}

impl<'a> DensityTask<'a> {
    /// # Safety
    /// As for `Potential::densities`, with the tile whose pairs are then summed.
    pub unsafe fn new(view: View<'a>, sums: &'a Sums<'a>) -> DensityTask<'a> {
        DensityTask { view, sums }
    }
}

/// Adds what the pairs of a block of the tile give to the sums.
#[inline(always)]
pub fn accumulate<L: Lanes>(
    task: DensityTask,
    records: &mut Records,
    range: Range<usize>,
    alike: usize,
    lines: &mut Lines<L>,
    mut ahead: Ahead,
) {
    let View { meam, env, .. } = task.view;
    for first in range.clone().step_by(AHEAD * WIDTH) {
        let lines = lines.find(env, &records.found.pairs, first..range.end);
        for (line, at) in lines.iter().zip((first..range.end).step_by(WIDTH)) {
            if let Some(atoms) = ahead.next() {
                fetch::<L>(task, atoms);
            }
            let screening = screen(meam, line, records, at);
            let bonds = Bonds::new(&records.found.pairs, at, line);
            if at + WIDTH <= alike {
                add_alike(task, &bonds, screening);
            } else {
                add_unlike(task, &bonds, screening, WIDTH.min(range.end - at));
            }
        }
    }
}

/// Fetches what phase 1 sees of these atoms.
#[inline(always)]
pub fn fetch<L: Lanes>(task: DensityTask, atoms: Range<usize>) {
    let DensityTask { view, sums } = task;
    L::Coarse::fetch(&view.coarse[atoms.clone()]);
    L::Coarse::fetch(&view.env.position[atoms.clone()]);
    // SAFETY: atoms of tiles around this one, which no other thread has meanwhile.
    unsafe { sums.parts(atoms) }.for_each(L::Coarse::fetch);
}

/// Pairs whose ends are alike, which give both the same.
#[inline(always)]
fn add_alike<L: Lanes>(task: DensityTask, bonds: &Bonds<L>, screening: L) {
    let meam = task.view.meam;
    let y = harmonics::evaluate(bonds.line.u);
    let densities = meam.coefficients.densities(&bonds.species_j, bonds.line.r);
    let densities = scaled(screening, densities);
    let terms = Terms::new(meam, densities, &y);
    terms.add::<false>(task, bonds.i);
    terms.add::<true>(task, bonds.j);
    add_weights(task, bonds.i, &bonds.species_j, densities[0]);
    add_weights(task, bonds.j, &bonds.species_j, densities[0]);
}

/// The first `count` of pairs of any species.
#[inline(always)]
fn add_unlike<L: Lanes>(task: DensityTask, bonds: &Bonds<L>, screening: L, count: usize) {
    let meam = task.view.meam;
    let y = harmonics::evaluate(bonds.line.u);
    let (i, j) = (&bonds.i[..count], &bonds.j[..count]);
    let [from_j, from_i] =
        meam.coefficients.both_densities([&bonds.species_j, &bonds.species_i], bonds.line.r);
    let (from_j, from_i) = (scaled(screening, from_j), scaled(screening, from_i));
    Terms::new(meam, from_j, &y).add::<false>(task, i);
    Terms::new(meam, from_i, &y).add::<true>(task, j);
    add_weights(task, i, &bonds.species_j, from_j[0]);
    add_weights(task, j, &bonds.species_i, from_i[0]);
}

#[inline(always)]
fn scaled<L: Lanes>(factor: L, densities: [L; 4]) -> [L; 4] {
    let [a, b, c, d] = densities;
    [factor * a, factor * b, factor * c, factor * d]
}

/// Completes S and dS/d(r_ij²) of these pairs by the cutoff.
#[inline(always)]
fn screen<L: Lanes>(meam: &Meam, line: &Line<L>, records: &mut Records, at: usize) -> L {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let x = (L::splat(meam.cutoff) - line.r) * L::splat(1.0 / meam.smoothing);
    let (radial, radial_slope) = cutoff(x.max(zero).min(one));
    let half_inverse_smoothing = L::splat(0.5 / meam.smoothing);
    let product = L::load(eight(&records.screening, at));
    let log_slope = L::load(eight(&records.slope, at));
    let screening = radial * product;
    let slope =
        screening * log_slope - radial_slope * product * (half_inverse_smoothing * line.inverse);
    screening.store(eight_mut(&mut records.screening, at));
    slope.store(eight_mut(&mut records.slope, at));
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
    fn add<const OTHER_END: bool>(&self, task: DensityTask, atoms: &[u32]) {
        for lane in 0..WIDTH {
            if lane == atoms.len() {
                break;
            }
            // SAFETY: atoms of this tile and their neighbours, each with its words, by the promise
            // that the task was made with; the reference ends before the next.
            let words = unsafe { task.sums.of(atoms[lane], 0, COMPONENTS) };
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
fn add_weights<L: Lanes>(task: DensityTask, atoms: &[u32], species: &[u32; WIDTH], density: L) {
    let meam = task.view.meam;
    for (h, weights) in meam.coefficients.weights.iter().enumerate() {
        let mut quanta = [0; WIDTH];
        let per_unit = L::splat(meam.quanta[WEIGHTS + h].per_unit());
        (L::lookup(weights, species) * density).quanta(per_unit).add_to(&mut quanta);
        for (atom, quanta) in atoms.iter().zip(quanta) {
            // SAFETY: as in `Terms::add`.
            let words = unsafe { task.sums.of(*atom, WEIGHTS + h, 1) };
            words[0] += quanta;
        }
    }
}
