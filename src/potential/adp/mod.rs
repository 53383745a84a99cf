//! Angular-dependent potentials (Y. Mishin, M. J. Mehl and D. A. Papaconstantopoulos, Acta Mater. 53
//! (2005) 4029): a pair functional, and beside it dipoles and quadrupoles of the surroundings,
//!
//! E = Σ F(ρ) + ½ Σ φ + ½ Σ_i |μ_i|² + ½ Σ_i Σ_ab (λ_i^ab)² - ⅙ Σ_i (tr λ_i)²,
//! μ_i = Σ_j u_ij(r) d,   λ_i^ab = Σ_j w_ij(r) d_a d_b,   d from i to j,
//!
//! from the files of LAMMPS `pair_style adp`: `setfl`, with u and w behind φ.
//!
//! The pair functional is evaluated as any other; the rest is plain arithmetic over the same
//! half pairs, whose bits are those of any processor and do not depend on which end computes a
//! pair. With M = μ_i - μ_j and Λ = Σ over both ends of λ - ⅓ tr λ the force on i is
//!
//! u M + (u'/r) (M·d) d + 2 w Λ d + (w'/r) (d·Λ d) d,
//!
//! and its exact negative goes to j. Words of an atom: ρ, three of μ, six of λ (xx yy zz xy xz yz);
//! after embedding F', μ and λ - ⅓ tr λ.

use crate::atoms::{FixedForce, Species};
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::geometry::{Vec3, dot};
use crate::input::PotentialConfig;
use crate::lanes::InstructionSet;
use crate::potential::functional::{self, Curve, FunctionalTerm};
use crate::potential::shared::add;
use crate::potential::{self, eam};
use crate::potential::{AtomBytes, Environment, Home, Model, Potential, Shared, Sums};
use crate::sweep::Tile;
use std::ops::Range;

const WORDS: usize = 10;

/// A potential of this kind, for all species of a force field.
#[derive(Debug)]
pub struct Adp {
    pub term: FunctionalTerm,
    /// Of the field.
    species: usize,
    per_angstrom: f64,
    /// u and w by pair of species; empty where there is none.
    dipole: Vec<Vec<[f64; 4]>>,
    quadrupole: Vec<Vec<[f64; 4]>>,
    /// Of the sums μ and λ.
    quantum: Quantum,
}

impl Adp {
    /// Reads the file of a term, for the species of a force field in their order; those that the
    /// term does not name feel nothing of it.
    ///
    /// # Errors
    /// [`Error::Input`] with the place of whatever is missing or wrong in the file.
    pub fn read(term: &PotentialConfig, field: &[&str]) -> Result<Adp> {
        let (functional_term, angular) = eam::read_angular(term, field)?;
        let eam::Angular { spacing, dipole, quadrupole } = angular;
        let intervals = (functional_term.functional.cutoff() / spacing).ceil() as usize + 2;
        let rows = |tables: Vec<Option<Vec<f64>>>| -> Vec<Vec<[f64; 4]>> {
            let of = |table: Option<Vec<f64>>| {
                table.map_or(Vec::new(), |values| Curve::through(values).intervals(intervals))
            };
            tables.into_iter().map(of).collect()
        };
        let knots = |tables: &[Option<Vec<f64>>], power: i32| {
            let values = tables.iter().flatten().flat_map(|table| table.iter().enumerate());
            let first = (functional::CLOSEST / spacing) as usize;
            let largest = values.filter(|(n, _)| *n >= first);
            largest.map(|(n, x)| (n as f64 * spacing).powi(power) * x.abs()).fold(0.0, f64::max)
        };
        let largest = knots(&dipole, 1).max(knots(&quadrupole, 2));
        Ok(Adp {
            term: functional_term,
            species: field.len(),
            per_angstrom: 1.0 / spacing,
            dipole: rows(dipole),
            quadrupole: rows(quadrupole),
            quantum: functional::quantum(largest),
        })
    }
}

impl Potential for Adp {
    type Prepared = Vec<u32>;

    type Records = functional::Records;

    fn species(&self) -> &[Species] {
        self.term.species()
    }

    fn range(&self) -> f64 {
        self.term.range()
    }

    fn words(&self) -> usize {
        WORDS
    }

    fn takes_half_lists(&self) -> bool {
        true
    }

    fn bytes_of_atom(&self, owned: usize, neighbours: f64, reach: f64) -> AtomBytes {
        self.term.bytes_of_atom(owned, neighbours, reach)
    }

    fn prepare(&self, env: Environment, atoms: Range<usize>, species: &mut Vec<u32>) {
        self.term.prepare(env, atoms, species);
    }

    unsafe fn densities(
        &self,
        env: Environment,
        species: &Vec<u32>,
        tile: &Tile,
        records: &mut functional::Records,
        sums: &Sums,
    ) -> Result<()> {
        assert!(sums.has_room_for(env.position.len()));
        // SAFETY: by the caller's promise.
        unsafe { self.term.functional.densities(env, species, tile, records, sums) }?;
        for i in tile.atoms.clone() {
            for pair in self.pairs(env, i) {
                let AngularPair { d, u, w, .. } = pair;
                let dipole = d.map(|x| self.quantum.round(u[0] * x));
                let quadrupole = products(d).map(|x| self.quantum.round(w[0] * x));
                let give = |atom: u32, sign: i64| {
                    // SAFETY: an atom of this tile or a neighbour of it, one after the other.
                    let words = unsafe { sums.of(atom, 1, WORDS - 1) };
                    for (word, x) in words.iter_mut().zip(dipole) {
                        *word = word.wrapping_add(sign * x);
                    }
                    for (word, x) in words[3..].iter_mut().zip(quadrupole) {
                        *word = word.wrapping_add(x);
                    }
                };
                give(i as u32, 1);
                give(pair.atom, -1);
            }
        }
        Ok(())
    }

    fn embed(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        let mut densities: Vec<i64> = words.iter().step_by(WORDS).copied().collect();
        self.term.functional.embed(env, atoms.clone(), &mut densities, force)?;
        let bound = env.quantum.bound();
        let all = words.chunks_exact_mut(WORDS).zip(densities).zip(force);
        for (n, ((words, adjoint), force)) in all.enumerate() {
            words[0] = adjoint;
            let sums: [f64; WORDS - 1] = std::array::from_fn(|k| self.quantum.value(words[k + 1]));
            let [mx, my, mz, mut xx, mut yy, mut zz, xy, xz, yz] = sums;
            let trace = xx + yy + zz;
            let quadrupoles = xx * xx + yy * yy + zz * zz + 2.0 * (xy * xy + xz * xz + yz * yz);
            let energy =
                0.5 * (mx * mx + my * my + mz * mz) + 0.5 * quadrupoles - trace * trace / 6.0;
            if energy.is_nan() || energy.abs() >= bound {
                let message = format!(
                    "the energy {energy:.3e} eV of its dipole and quadrupole is not below {bound:.0} eV"
                );
                return Err(Error::OutOfBounds { atom: env.id[atoms.start + n], message });
            }
            force[3] = force[3].wrapping_add(env.quantum.round(energy));
            for diagonal in [&mut xx, &mut yy, &mut zz] {
                *diagonal -= trace / 3.0;
            }
            for (word, x) in words[1..].iter_mut().zip([mx, my, mz, xx, yy, zz, xy, xz, yz]) {
                *word = x.to_bits() as i64;
            }
        }
        Ok(())
    }

    unsafe fn forces(
        &self,
        env: Environment,
        species: &Vec<u32>,
        tile: &Tile,
        records: &mut functional::Records,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        assert!(force.has_room_for(env.position.len()));
        assert!(adjoints.has_room_for(env.position.len()));
        // SAFETY: by the caller's promise.
        unsafe { self.term.functional.forces(env, species, tile, records, adjoints, force) }?;
        let quantum = env.quantum;
        for i in tile.atoms.clone() {
            for AngularPair { atom, r, d, u, w } in self.pairs(env, i) {
                let [own, other] = [i as u32, atom].map(|atom| {
                    // SAFETY: an atom of this tile or a neighbour, which have adjoints; read only.
                    unsafe { adjoints.adjoints(atom, 1, WORDS - 1) }
                });
                let m: Vec3 = std::array::from_fn(|c| own[c] - other[c]);
                let [xx, yy, zz, xy, xz, yz]: [f64; 6] =
                    std::array::from_fn(|c| own[3 + c] + other[3 + c]);
                let turned = [dot([xx, xy, xz], d), dot([xy, yy, yz], d), dot([xz, yz, zz], d)];
                let radial = u[1] / r * dot(m, d) + w[1] / r * dot(d, turned);
                let pull: Vec3 =
                    std::array::from_fn(|c| u[0] * m[c] + radial * d[c] + 2.0 * w[0] * turned[c]);
                if !pull.iter().all(|x| x.abs() < quantum.bound()) {
                    return Err(env.out_of_bounds(i, atom as usize));
                }
                let [x, y, z] = pull.map(|x| quantum.round(x));
                let back = [x.wrapping_neg(), y.wrapping_neg(), z.wrapping_neg(), 0];
                // SAFETY: an atom of this tile, then a neighbour of it.
                unsafe {
                    add(force, i as u32, [x, y, z, 0]);
                    add(force, atom, back);
                }
            }
        }
        Ok(())
    }
}

/// What the files of its pair functional say.
impl Model for Adp {
    fn described(&self) -> Vec<Species> {
        self.term.described()
    }

    fn cutoff(&self) -> f64 {
        self.term.cutoff()
    }

    fn conventions(&self) -> String {
        self.term.conventions.clone()
    }

    fn is_many_body(&self) -> bool {
        true
    }

    fn warnings(&self) -> &[String] {
        &self.term.warnings
    }

    fn bond_length(&self, symbol: &str) -> Option<f64> {
        self.term.bond_length(symbol)
    }

    fn homes(&self, field: &[Species]) -> Vec<Home> {
        self.term.homes(field)
    }

    fn instruction_set(&self) -> Option<InstructionSet> {
        self.term.instruction_set()
    }

    fn set_instruction_set(&mut self, set: InstructionSet) {
        self.term.set_instruction_set(set);
    }

    fn take_farthest(&self) -> f64 {
        self.term.take_farthest()
    }

    fn remark(&self, farthest: f64) -> Option<String> {
        self.term.remark(farthest)
    }
}

impl Adp {
    /// The pairs of an atom that this end computes, within the cutoff, of species with tables.
    fn pairs<'a>(
        &'a self,
        env: Environment<'a>,
        i: usize,
    ) -> impl Iterator<Item = AngularPair> + 'a {
        let (own, cutoff) = (env.species[i] as usize, self.term.functional.cutoff());
        env.pairs(i).filter_map(move |potential::OwnPair { atom, line: d, distance: r }| {
            let pair = own * self.species + env.species[atom] as usize;
            if r > cutoff || self.dipole[pair].is_empty() {
                return None;
            }
            let [u, w] = [&self.dipole[pair], &self.quadrupole[pair]].map(|rows| self.at(rows, r));
            Some(AngularPair { atom: atom as u32, r, d, u, w })
        })
    }

    /// A function and its derivative.
    fn at(&self, rows: &[[f64; 4]], r: f64) -> [f64; 2] {
        let x = r * self.per_angstrom;
        let place = x as usize;
        let [a, b, c, d] = rows[place.min(rows.len() - 1)];
        let t = x - place as f64;
        [a + t * (b + t * (c + t * d)), (b + t * (2.0 * c + t * 3.0 * d)) * self.per_angstrom]
    }
}

/// Two atoms near enough to each other.
struct AngularPair {
    atom: u32,
    r: f64,
    /// To the other one.
    d: Vec3,
    /// Values and derivatives.
    u: [f64; 2],
    w: [f64; 2],
}

/// xx yy zz xy xz yz.
fn products([x, y, z]: Vec3) -> [f64; 6] {
    [x * x, y * y, z * z, x * y, x * z, y * z]
}
