//! A small many-body potential for tests, in the manner of M. W. Finnis and
//! J. E. Sinclair, Phil. Mag. A 50 (1984) 45, with two densities so that every
//! phase and every exchange is used:
//!
//! U = Σ_i [ σ_i² / 8 - √ρ_i + ½ Σ_j φ(r_ij) ],  ρ_i = Σ_j w(r_ij),  σ_i = Σ_j q_j w(r_ij)²,
//! φ(r) = 2 (1 - r/R)³ + (1 - r/R)², w(r) = (1 - r/R)², q = 1 or 2 by species.

use crate::atoms::{FixedForce, Species};
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::potential::{Environment, OwnPair, Potential, Shared, Sums};
use crate::sweep::Tile;
use std::ops::Range;

pub const RANGE: f64 = 3.0;
/// Keeps the derivative of the square root finite for an atom alone.
const LEAST_DENSITY: f64 = 1e-6;
const DENSITY: Quantum = Quantum::STANDARD;

pub struct TwoDensities {
    species: [Species; 2],
    /// Multiplies the pair energy φ.
    pub strength: f64,
}

impl Default for TwoDensities {
    fn default() -> Self {
        let species = |symbol: &str, mass, atomic_number| Species {
            symbol: symbol.into(),
            mass,
            atomic_number,
        };
        TwoDensities {
            species: [species("Pt", 195.08, 78), species("Fe", 55.847, 26)],
            strength: 1.0,
        }
    }
}

/// All pairs of these atoms that this rank computes, each with the atom that its list is of.
fn pairs<'a>(
    env: Environment<'a>,
    atoms: Range<usize>,
) -> impl Iterator<Item = (usize, OwnPair)> + 'a {
    let pairs = atoms.flat_map(move |i| env.pairs(i).map(move |pair| (i, pair)));
    pairs.filter(|(_, pair)| pair.distance < RANGE)
}

pub fn charge(species: u8) -> f64 {
    1.0 + species as f64
}

pub fn density(rho: f64, sigma: f64) -> f64 {
    sigma * sigma / 8.0 - (rho + LEAST_DENSITY).sqrt()
}

pub fn weight(r: f64) -> f64 {
    let x = 1.0 - r / RANGE;
    x * x
}

pub fn pair_energy(r: f64) -> f64 {
    let x = 1.0 - r / RANGE;
    2.0 * x * x * x + x * x
}

impl Potential for TwoDensities {
    type Prepared = ();

    /// The atoms of the tile.
    type Records = Range<usize>;

    fn species(&self) -> &[Species] {
        &self.species
    }

    fn range(&self) -> f64 {
        RANGE
    }

    fn words(&self) -> usize {
        2
    }

    unsafe fn densities(
        &self,
        env: Environment,
        (): &(),
        tile: &Tile,
        records: &mut Range<usize>,
        sums: &Sums,
    ) -> Result<()> {
        *records = tile.atoms.clone();
        for (i, OwnPair { atom: j, distance: r, .. }) in pairs(env, tile.atoms.clone()) {
            let w = weight(r);
            for (atom, other) in [(i, j), (j, i)] {
                // SAFETY: an atom in reach of the tile, used for two additions.
                let words = unsafe { sums.of(atom as u32, 0, 2) };
                words[0] += DENSITY.round(w);
                words[1] += DENSITY.round(charge(env.species[other]) * (w * w));
            }
        }
        Ok(())
    }

    fn embed(
        &self,
        env: Environment,
        _: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        let quantum = env.quantum;
        for (words, force) in words.chunks_exact_mut(2).zip(force) {
            let (rho, sigma) = (DENSITY.value(words[0]), DENSITY.value(words[1]));
            force[3] += quantum.round(density(rho, sigma));
            words[0] = (-0.5 / (rho + LEAST_DENSITY).sqrt()).to_bits() as i64;
            words[1] = (sigma / 4.0).to_bits() as i64;
        }
        Ok(())
    }

    unsafe fn forces(
        &self,
        env: Environment,
        (): &(),
        _: &Tile,
        records: &mut Range<usize>,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        let quantum = env.quantum;
        // SAFETY: atoms in reach of the tile, two words each.
        let adjoint = |i: usize, k: usize| unsafe { adjoints.adjoints(i as u32, k, 1) }[0];
        let add = |i: usize, component: usize, quanta: i64| {
            // SAFETY: an atom in reach of the tile, used for one addition.
            let sum = unsafe { force.at(i, 1) };
            sum[0][component] += quanta;
        };
        for (i, OwnPair { atom: j, line: d, distance: r }) in pairs(env, records.clone()) {
            let x = 1.0 - r / RANGE;
            let dw = -2.0 * x / RANGE;
            let dphi = -self.strength * (6.0 * x * x + 2.0 * x) / RANGE;
            let sigma =
                adjoint(i, 1) * charge(env.species[j]) + adjoint(j, 1) * charge(env.species[i]);
            let slope = dphi + dw * (adjoint(i, 0) + adjoint(j, 0)) + 2.0 * weight(r) * dw * sigma;
            let half = quantum.round(0.5 * self.strength * pair_energy(r));
            add(i, 3, half);
            add(j, 3, half);
            for (a, d) in d.into_iter().enumerate() {
                let f = slope * d / r;
                if f.is_nan() || f.abs() >= quantum.bound() {
                    let message = format!("a force of {f} eV/Å");
                    return Err(Error::OutOfBounds { atom: env.id[i], message });
                }
                add(i, a, quantum.round(f));
                add(j, a, -quantum.round(f));
            }
        }
        Ok(())
    }
}
