//! Phase 3: the chain rule over the records of phase 1.
//!
//! With P_ij = Σ_w (dF_i/dw) ρ_j Y_w the energy depends on a pair through
//! S [P_ij + P_ji + φ_ij], so
//!
//! dE/d(d_ij) = S ∇(P_ij + P_ji + φ_ij) + 2 d_ij (dS/dr_ij²) [P_ij + P_ji + φ_ij]
//!
//! and for each third atom k a force along ik and one along jk,
//! 2 d_ik S (d ln S/dr_ik²) [P_ij + P_ji + φ_ij] and the same with j.
//!
//! Eight pairs at a time, then the triples of the same block eight at a time. Both ends
//! of a pair share its harmonics but for the sign (-1)^l, so their adjoints are combined
//! before the gradient is taken, once. Where the ends differ in species this takes plain
//! products and sums: a fused operation would round one end's product and not the
//! other's. Pairs of one species, which stand first, have equal densities at both ends:
//! their adjoints are added as they are loaded.
//!
//! Invariant: each force is rounded once to quanta and added to one atom, and its
//! exact negative to the other. Forces thus sum to exactly zero.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::Meam;
use super::density::{AHEAD, Bonds, Line, Lines, ODD};
use super::harmonics::{self, COMPONENTS, FIRST};
use super::records::{Block, Records};
use crate::atoms::FixedForce;
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::potential::ahead::Ahead;
use crate::potential::lanes::{Coarse, Lanes, WIDTH, eight, eight_mut};
use crate::potential::shared::ensure;
use crate::potential::shared::{add, bounded};
use crate::potential::{Environment, Shared, Sums};
use crate::sweep::Tile;
use std::ops::Range;

/// What a phase 3 needs besides the records. Who has one may write to the forces of all that these
/// name: that is what `new` asks for.
#[derive(Clone, Copy)]
pub struct ForceTask<'a> {
    meam: &'a Meam,
    env: Environment<'a>,
    tile: &'a Tile,
    adjoints: &'a Sums<'a>,
    force: &'a Shared<'a, FixedForce>,
    quantum: Quantum,
}

impl<'a> ForceTask<'a> {
    /// # Safety
    /// As for `Potential::forces`, with the records that phase 1 left for this tile.
    pub unsafe fn new(
        meam: &'a Meam,
        env: Environment<'a>,
        tile: &'a Tile,
        adjoints: &'a Sums<'a>,
        force: &'a Shared<'a, FixedForce>,
    ) -> ForceTask<'a> {
        ForceTask { meam, env, tile, adjoints, force, quantum: env.quantum }
    }
}

/// Adds the forces and pair energies of one range of atoms. `scales` is workspace.
///
/// The caller keeps two threads from working on atoms with common neighbours.
#[inline(always)]
pub fn accumulate<L: Lanes>(
    task: ForceTask,
    records: &Records,
    scales: &mut Vec<f64>,
) -> Result<()> {
    let [mut first_pair, mut first_triple] = [0, 0];
    let mut lines = Lines::<L>::new();
    let blocks = records.found.blocks.len();
    Ahead::of(task.tile, 0, blocks).for_each(|atoms| fetch::<L>(task, atoms));
    let ends = records.found.blocks.iter().zip(&records.triple_ends);
    for (block, (&Block { alike, pairs: last_pair, .. }, &last_triple)) in ends.enumerate() {
        ensure(scales, last_pair - first_pair + WIDTH);
        let pairs = first_pair..last_pair;
        let ahead = &mut Ahead::of(task.tile, block + 1, blocks).by_vectors_of(pairs.len());
        // Those of one species first: what their last vector writes behind them into
        // `scales` is overwritten.
        let mut sound =
            push_pairs::<L, true>(task, records, first_pair..alike, scales, &mut lines, ahead);
        let unlike = &mut scales[alike - first_pair..];
        sound &= push_pairs::<L, false>(task, records, alike..last_pair, unlike, &mut lines, ahead);
        sound &= push_thirds::<L>(task, records, first_triple..last_triple, first_pair, scales);
        if !sound {
            return Err(out_of_bounds(task, records, pairs));
        }
        (first_pair, first_triple) = (last_pair, last_triple);
    }
    Ok(())
}

/// Fetches what phase 3 sees of these atoms.
#[inline(always)]
fn fetch<L: Lanes>(task: ForceTask, atoms: Range<usize>) {
    L::Coarse::fetch(&task.env.position[atoms.clone()]);
    // SAFETY: atoms of tiles around this one, which no other thread has meanwhile.
    unsafe {
        L::Coarse::fetch(task.force.read(atoms.start, atoms.len()));
        task.adjoints.parts(atoms).for_each(L::Coarse::fetch);
    }
}

/// Forces between the atoms of pairs; leaves 2 S [P_ij + P_ji + φ_ij] in `scales`.
/// False where a force or energy is beyond the bound of the quantum or not a number.
#[inline(always)]
fn push_pairs<L: Lanes, const ALIKE: bool>(
    task: ForceTask,
    records: &Records,
    range: Range<usize>,
    scales: &mut [f64],
    lines: &mut Lines<L>,
    ahead: &mut Ahead,
) -> bool {
    let per_unit = L::splat(task.quantum.per_unit());
    let mut sound = u32::MAX;
    for first in range.clone().step_by(AHEAD * WIDTH) {
        let lines = lines.find(task.env, &records.found.pairs, first..range.end);
        for (line, at) in lines.iter().zip((first..range.end).step_by(WIDTH)) {
            if let Some(atoms) = ahead.next() {
                fetch::<L>(task, atoms);
            }
            let bonds = &Bonds::new(&records.found.pairs, at, line);
            let count = WIDTH.min(range.end - at);
            let screening = L::load(eight(&records.screening, at));
            let slope = L::load(eight(&records.slope, at));
            let (by_screening, [radial, tangential @ ..], energy) =
                if ALIKE { bond_alike(task, bonds) } else { bond(task, bonds) };

            // Along the line between the atoms and across it.
            let &Line { u, r, inverse } = line;
            let along = screening.mul_add(radial, (slope + slope) * by_screening * r);
            let across = screening * inverse;
            let pull = [
                along.mul_add(u[0], across * tangential[0]),
                along.mul_add(u[1], across * tangential[1]),
                along.mul_add(u[2], across * tangential[2]),
            ];
            let half = L::splat(0.5) * screening * energy;
            ((screening + screening) * by_screening).store(eight_mut(scales, at - range.start));

            sound &= bounded(task.quantum, [pull[0], pull[1], pull[2], half]) | (0xff << count);
            let rows = L::rows([
                pull[0].quanta(per_unit),
                pull[1].quanta(per_unit),
                pull[2].quanta(per_unit),
                half.quanta(per_unit),
            ]);
            for lane in 0..count {
                let [x, y, z, half] = rows[lane];
                // SAFETY: ends of a pair of the records, one after the other.
                unsafe { add(task.force, bonds.i[lane], [x, y, z, half]) };
                let [x, y, z] = [x.wrapping_neg(), y.wrapping_neg(), z.wrapping_neg()];
                // SAFETY: as above.
                unsafe { add(task.force, bonds.j[lane], [x, y, z, half]) };
            }
        }
    }
    sound & 0xff == 0xff
}

/// Forces of third atoms on the two of their pair.
#[inline(always)]
fn push_thirds<L: Lanes>(
    task: ForceTask,
    records: &Records,
    range: Range<usize>,
    first_pair: usize,
    scales: &[f64],
) -> bool {
    let (pairs, triples) = (&records.found.pairs, &records.triples);
    let per_unit = L::splat(task.quantum.per_unit());
    let zero = L::splat(0.0);
    let mut sound = u32::MAX;
    let last_pair = scales.len() as u32 - 1;
    for at in range.clone().step_by(WIDTH) {
        let count = WIDTH.min(range.end - at);
        let (mut i, mut j) = ([0; WIDTH], [0; WIDTH]);
        let (mut pair, k) = (*eight(&triples.thirds.pair, at), eight(&triples.thirds.k, at));
        // What stands behind the last triple may belong to a block of more pairs.
        for pair in &mut pair {
            *pair = (*pair).min(last_pair);
        }
        for lane in 0..WIDTH {
            let pair = pair[lane] as usize;
            i[lane] = pairs.i[first_pair + pair];
            j[lane] = pairs.j[first_pair + pair];
        }
        // SAFETY: pairs of this block, by the bound above.
        let scale = unsafe { L::gather(scales, &pair) };
        let along_i = scale * L::load(eight(&triples.slope_i, at));
        let along_j = scale * L::load(eight(&triples.slope_j, at));
        let position = task.env.position;
        // SAFETY: records hold atoms of the list.
        let (p, q, t) = unsafe {
            (
                L::gather_rows(position, &i),
                L::gather_rows(position, &j),
                L::gather_rows(position, k),
            )
        };
        let from_i =
            [along_i * (t[0] - p[0]), along_i * (t[1] - p[1]), along_i * (t[2] - p[2]), zero];
        let from_j =
            [along_j * (t[0] - q[0]), along_j * (t[1] - q[1]), along_j * (t[2] - q[2]), zero];
        sound &= bounded(task.quantum, from_i) & bounded(task.quantum, from_j) | (0xff << count);
        let [x, y, z, _] = from_i;
        let rows_i = L::rows([x.quanta(per_unit), y.quanta(per_unit), z.quanta(per_unit), zero]);
        let [x, y, z, _] = from_j;
        let rows_j = L::rows([x.quanta(per_unit), y.quanta(per_unit), z.quanta(per_unit), zero]);
        for lane in 0..count {
            let (on_i, on_j) = (rows_i[lane], rows_j[lane]);
            let mut on_k = [0; 4];
            for d in 0..4 {
                on_k[d] = on_i[d].wrapping_add(on_j[d]).wrapping_neg();
            }
            // SAFETY: atoms of a triple of the records, one after the other.
            unsafe {
                add(task.force, i[lane], on_i);
                add(task.force, j[lane], on_j);
                add(task.force, k[lane], on_k);
            }
        }
    }
    sound & 0xff == 0xff
}

/// P_ij + P_ji + φ_ij, its gradient by d_ij at fixed S, and φ_ij.
#[inline(always)]
fn bond<L: Lanes>(task: ForceTask, bonds: &Bonds<L>) -> (L, [L; 4], L) {
    let (meam, zero) = (task.meam, L::splat(0.0));
    let (species_i, species_j) = (&bonds.species_i, &bonds.species_j);
    let a = adjoints::<L>(task, bonds.i);
    let b = adjoints::<L>(task, bonds.j);
    let y = harmonics::evaluate(bonds.line.u);
    let [rho_j, rho_i] = meam.coefficients.both_densities([species_j, species_i], bonds.line.r);
    let (phi, slope) = meam.coefficients.pair_energy(meam, [species_i, species_j], bonds.line.r);

    let mut value_i = rho_j[0] * spherical(task, bonds.i, species_j, a[0]);
    let mut value_j = rho_i[0] * spherical(task, bonds.j, species_i, b[0]);
    let decay = &meam.coefficients.decay;
    let mut radial_i = L::lookup(&decay[0], species_j) * value_i;
    let mut radial_j = L::lookup(&decay[0], species_i) * value_j;
    let mut combined = [zero; COMPONENTS];
    for l in 1..4 {
        let weight_j = if l % 2 == 1 { zero - rho_i[l] } else { rho_i[l] };
        let (mut sum_i, mut sum_j) = (zero, zero);
        for m in FIRST[l]..FIRST[l + 1] {
            sum_i = a[m].mul_add(y[m], sum_i);
            sum_j = b[m].mul_add(y[m], sum_j);
            combined[m] = rho_j[l] * a[m] + weight_j * b[m];
        }
        let (term_i, term_j) = (rho_j[l] * sum_i, weight_j * sum_j);
        value_i = value_i + term_i;
        value_j = value_j + term_j;
        radial_i = L::lookup(&decay[l], species_j).mul_add(term_i, radial_i);
        radial_j = L::lookup(&decay[l], species_i).mul_add(term_j, radial_j);
    }
    let radial = (radial_i + radial_j) + slope;
    let [x, y, z] = harmonics::gradient(&combined, bonds.line.u);
    ((value_i + value_j) + phi, [radial, x, y, z], phi)
}

/// The same for pairs of atoms of one species: with equal densities the adjoints of both
/// ends add up to those of one.
#[inline(always)]
fn bond_alike<L: Lanes>(task: ForceTask, bonds: &Bonds<L>) -> (L, [L; 4], L) {
    let (meam, species) = (task.meam, &bonds.species_j);
    let c = joint_adjoints::<L>(task, bonds.i, bonds.j);
    let y = harmonics::evaluate(bonds.line.u);
    let rho = meam.coefficients.densities(species, bonds.line.r);
    let (phi, slope) = meam.coefficients.pair_energy(meam, [species, species], bonds.line.r);

    let total = spherical(task, bonds.i, species, L::splat(0.0))
        + spherical(task, bonds.j, species, L::splat(0.0));
    let decay = &meam.coefficients.decay;
    let mut value = rho[0] * (c[0] + total);
    let mut radial = L::lookup(&decay[0], species).mul_add(value, slope);
    let mut combined = [L::splat(0.0); COMPONENTS];
    for l in 1..4 {
        let mut sum = c[FIRST[l]] * y[FIRST[l]];
        for m in FIRST[l] + 1..FIRST[l + 1] {
            sum = c[m].mul_add(y[m], sum);
        }
        for m in FIRST[l]..FIRST[l + 1] {
            combined[m] = rho[l] * c[m];
        }
        let term = rho[l] * sum;
        value = value + term;
        radial = L::lookup(&decay[l], species).mul_add(term, radial);
    }
    let [x, y, z] = harmonics::gradient(&combined, bonds.line.u);
    (value + phi, [radial, x, y, z], phi)
}

/// The adjoints of an atom to its harmonics.
#[inline(always)]
fn words<'a>(task: ForceTask<'a>, atom: u32) -> &'a [f64] {
    // SAFETY: records hold atoms of the list, and each has its words (`Meam::forces`).
    unsafe { task.adjoints.adjoints(atom, 0, COMPONENTS) }
}

/// The adjoints of i plus those of j seen from i, where odd ones change sign.
#[inline(always)]
fn joint_adjoints<L: Lanes>(
    task: ForceTask,
    i: &[u32; WIDTH],
    j: &[u32; WIDTH],
) -> [L; COMPONENTS] {
    let sign = |word: usize| if ODD >> word & 1 == 1 { -1.0 } else { 1.0 };
    let signs: [f64; COMPONENTS] = std::array::from_fn(sign);
    let (low_sign, high_sign) = (L::load(eight(&signs, 0)), L::load(eight(&signs, WIDTH)));
    let mut low = [L::splat(0.0); WIDTH];
    let mut high = low;
    for lane in 0..WIDTH {
        let [a, b] = [i[lane], j[lane]].map(|atom| words(task, atom));
        low[lane] = L::load(eight(b, 0)).mul_add(low_sign, L::load(eight(a, 0)));
        high[lane] = L::load(eight(b, WIDTH)).mul_add(high_sign, L::load(eight(a, WIDTH)));
    }
    let [a, b, c, d, e, f, g, h] = L::transpose(low);
    let [i, j, k, l, m, n, o, p] = L::transpose(high);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// The adjoints of eight atoms to their harmonics.
#[inline(always)]
fn adjoints<L: Lanes>(task: ForceTask, atoms: &[u32; WIDTH]) -> [L; COMPONENTS] {
    let mut low = [L::splat(0.0); WIDTH];
    let mut high = low;
    for lane in 0..WIDTH {
        let words = words(task, atoms[lane]);
        low[lane] = L::load(eight(words, 0));
        high[lane] = L::load(eight(words, WIDTH));
    }
    let [a, b, c, d, e, f, g, h] = L::transpose(low);
    let [i, j, k, l, m, n, o, p] = L::transpose(high);
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
}

/// What multiplies ρ₀ of a neighbour of this species: the adjoint of the spherical
/// density, and of the sums of weights, if they are kept.
#[inline(always)]
fn spherical<L: Lanes>(
    task: ForceTask,
    atoms: &[u32; WIDTH],
    species: &[u32; WIDTH],
    mut total: L,
) -> L {
    for (h, weights) in task.meam.coefficients.weights.iter().enumerate() {
        let mut words = [0.0; WIDTH];
        for lane in 0..WIDTH {
            // SAFETY: as above; where there are weights, so many words are theirs.
            words[lane] = unsafe { task.adjoints.adjoints(atoms[lane], COMPONENTS + h, 1) }[0];
        }
        total = L::lookup(weights, species).mul_add(L::load(&words), total);
    }
    total
}

/// Names the closest pair of the block in which it happened.
#[cold]
fn out_of_bounds(task: ForceTask, records: &Records, pairs: Range<usize>) -> Error {
    let ends =
        |pair: usize| (records.found.pairs.i[pair] as usize, records.found.pairs.j[pair] as usize);
    let distance = |(i, j): &(usize, usize)| task.env.distance(*i, *j);
    let closest = pairs.map(ends).min_by(|p, q| distance(p).total_cmp(&distance(q)));
    let (i, j) = closest.expect("a block with a force has a pair");
    task.env.out_of_bounds(i, j)
}
