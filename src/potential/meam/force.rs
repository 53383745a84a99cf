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
//! Invariant: each of these is rounded once to quanta and added to one atom, and its
//! exact negative to the other. Forces thus sum to exactly zero.

use super::Meam;
use super::harmonics;
use super::screening::{PairRecord, Records};
use super::shared::Shared;
use crate::atoms::FixedForce;
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::geometry::Vec3;
use crate::potential::Environment;

/// Adds the forces and pair energies of one range of atoms.
///
/// The caller keeps two threads from working on atoms with common neighbours.
/// `adjoints` holds `word_count` values per atom.
pub fn accumulate(
    meam: &Meam,
    env: Environment,
    records: &Records,
    adjoints: &[f64],
    force: &Shared<FixedForce>,
    quantum: Quantum,
) -> Result<()> {
    let mut first = 0;
    for pair in &records.pairs {
        let triples = &records.triples[first..pair.triples as usize];
        first = pair.triples as usize;
        let (i, j) = (pair.i as usize, pair.j as usize);
        let (by_screening, gradient, energy) = bond(meam, env, pair, adjoints);

        let factor = 2.0 * pair.slope * by_screening;
        let pull: Vec3 = std::array::from_fn(|d| pair.screening * gradient[d] + factor * pair.d[d]);
        let half = 0.5 * pair.screening * energy;
        let mut sound = half.abs() < quantum.bound();
        sound &= apply(force, quantum, (i, j), pull);
        // SAFETY: as in `apply`.
        unsafe {
            force.at(i, 1)[0][3] += quantum.round(half);
            force.at(j, 1)[0][3] += quantum.round(half);
        }

        let scale = 2.0 * pair.screening * by_screening;
        let (p, q) = (env.position[i], env.position[j]);
        for triple in triples {
            let k = triple.k as usize;
            let t = env.position[k];
            let [along_i, along_j] = triple.slopes.map(|s| scale * s);
            let from_i = std::array::from_fn(|d| along_i * (t[d] - p[d]));
            let from_j = std::array::from_fn(|d| along_j * (t[d] - q[d]));
            sound &= apply(force, quantum, (i, k), from_i);
            sound &= apply(force, quantum, (j, k), from_j);
        }
        if !sound {
            return Err(out_of_bounds(env, i, j, quantum));
        }
    }
    Ok(())
}

/// P_ij + P_ji + φ_ij, its gradient by d_ij at fixed S, and φ_ij.
#[inline]
fn bond(meam: &Meam, env: Environment, pair: &PairRecord, adjoints: &[f64]) -> (f64, Vec3, f64) {
    let (i, j) = (pair.i as usize, pair.j as usize);
    let words = |atom: usize| &adjoints[atom * meam.word_count..(atom + 1) * meam.word_count];
    let u = pair.d.map(|x| x / pair.r);
    let opposite = u.map(|x| -x);
    let (value_i, gradient_i) = seen(meam, words(i), env.species[j], pair.r, u);
    let (value_j, gradient_j) = seen(meam, words(j), env.species[i], pair.r, opposite);
    let (phi, slope) = meam.tables[meam.pair_index(env.species[i], env.species[j])].at(pair.r);
    let gradient = std::array::from_fn(|d| (gradient_i[d] - gradient_j[d]) + slope * u[d]);
    ((value_i + value_j) + phi, gradient, phi)
}

/// What an atom with these adjoints gains from a neighbour of `species` at r u, and
/// the gradient by the neighbour's position.
#[inline]
fn seen(meam: &Meam, adjoint: &[f64], species: u8, r: f64, u: Vec3) -> (f64, Vec3) {
    let source = &meam.sources[species as usize];
    let density = source.density.at(r);
    let decay = source.decay;
    let mut spherical = adjoint[0];
    for (word, factor) in adjoint[harmonics::COMPONENTS..].iter().zip(source.weight_factors) {
        spherical += factor * word;
    }
    let mut value = spherical * density[0];
    let mut radial = decay[0] * value;
    let mut tangential = [0.0; 3];
    for (h, (b, t)) in harmonics::contract(adjoint, u).into_iter().enumerate() {
        let weighted = source.factors[h + 1] * density[h + 1];
        let term = weighted * b;
        value += term;
        radial += decay[h + 1] * term;
        for d in 0..3 {
            tangential[d] += weighted * t[d];
        }
    }
    (value, std::array::from_fn(|d| radial * u[d] + tangential[d] / r))
}

/// Adds `pull` (the derivative of the energy by the vector from one atom to the other)
/// to the force on the first and takes it from that on the second. False where it is
/// beyond the bound of the quantum or not a number.
#[inline(always)]
fn apply(
    force: &Shared<FixedForce>,
    quantum: Quantum,
    (one, other): (usize, usize),
    pull: Vec3,
) -> bool {
    let mut sound = true;
    for (d, part) in pull.into_iter().enumerate() {
        sound &= part.abs() < quantum.bound();
        let quanta = quantum.round(part);
        // SAFETY: atoms of this range and their neighbours are out of reach of the other
        // ranges of the same colour; each reference ends with its statement.
        unsafe {
            let f = &mut force.at(one, 1)[0][d];
            *f = f.wrapping_add(quanta);
            let f = &mut force.at(other, 1)[0][d];
            *f = f.wrapping_sub(quanta);
        }
    }
    sound
}

#[cold]
fn out_of_bounds(env: Environment, i: usize, j: usize, quantum: Quantum) -> Error {
    let d: Vec3 = std::array::from_fn(|c| env.position[j][c] - env.position[i][c]);
    let message = format!(
        "a force or energy between it and atom {}, {:.4} Å away, is not below {:.0} eV/Å or eV",
        env.id[j],
        crate::geometry::norm(d),
        quantum.bound()
    );
    Error::OutOfBounds { atom: env.id[i], message }
}
