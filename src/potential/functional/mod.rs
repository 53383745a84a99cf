//! Pair functionals: everything whose energy is a function of sums over pairs,
//!
//! E = Σ_i F_i(ρ_i) + ½ Σ_i Σ_j φ_ij(r_ij),   ρ_i = Σ_j ρ_ij(r_ij),
//!
//! with ρ_ij what an atom of j's species gives at one of i's. The embedded-atom method
//! (M. S. Daw and M. I. Baskes, Phys. Rev. B 29 (1984) 6443), the potentials of Finnis and
//! Sinclair (Phil. Mag. A 50 (1984) 45) and the second-moment approximation of tight binding
//! are of this form, and plain pair potentials are, with F = 0. (The name is A. E. Carlsson's,
//! Solid State Phys. 43 (1990) 1.)
//!
//! - `spline`: functions as cubics on an even grid; ρ and r φ are such;
//! - `kernel`: sums and forces; `embedding`: F;
//! - `term`: such a functional with what its files say of it.
//!
//! Invariants: half pairs, each end of which gets the same bits whichever computes it; phase 1
//! leaves its pairs for phase 3; nothing is allocated once the records have grown.

use crate::atoms::{FixedForce, Species};
use crate::error::{Error, Result};
use crate::fixed::{LARGEST_QUANTA, Quantum};
use crate::lanes::{InstructionSet, WIDTH, dispatch};
use crate::potential::shared::Pool;
use crate::potential::{AtomBytes, Environment, Shared, Sums};
use crate::sweep::Tile;
use kernel::{View, Workspace};
use rayon::prelude::*;
use std::ops::Range;

mod embedding;
mod kernel;
mod spline;
mod term;

pub use embedding::{Embedding, Splines};
pub use kernel::Records;
pub use spline::Curve;
pub use term::{Element, FunctionalTerm, species};

/// Closer no two atoms may come, Å: tables of published files end in arbitrary numbers there.
pub const CLOSEST: f64 = 0.5;

/// So many times the density at the end of the embedding's tables no pair may have: where files
/// begin with such numbers (10¹² up to some distance), they would only make the quantum of
/// densities coarse, and no two atoms may come as close.
const MOST_DENSITY: f64 = 1e3;

/// A spline feels a knot so many intervals away.
const SPLINE_REACH: usize = 3;

/// The functions of a pair functional; tables by pair of species have the first as rows.
#[derive(Debug)]
pub struct Functions {
    pub species: Vec<Species>,
    /// Å: farther apart no two atoms see each other.
    pub cutoff: f64,
    /// The same by pair, where pairs have cutoffs of their own.
    pub cutoffs: Option<Vec<f64>>,
    /// Å, between the knots of `curves`, of which the first lies at r = 0.
    pub spacing: f64,
    pub curves: Vec<Curve>,
    /// Which of the curves is ρ_ij at an atom of species i; `None` where it is zero.
    pub density: Vec<Option<usize>>,
    /// Which is r φ_ij.
    pub energy: Vec<Option<usize>>,
    pub embedding: Embedding,
}

/// A pair functional, ready to be evaluated.
#[derive(Debug)]
pub struct Functional {
    species: Vec<Species>,
    cutoff: f64,
    /// Squared, by pair of species, where not all pairs have that one: below zero for pairs between
    /// which nothing acts.
    cutoff_squares: Option<Vec<f64>>,
    per_angstrom: f64,
    /// Closer no two atoms may come, Å.
    closest: f64,
    densities: CurveTables,
    energies: CurveTables,
    /// The same where species are few, by own species and then the other's: of the density here,
    /// of that there, and of the energy.
    starts_of_few: Option<Vec<[[u32; WIDTH]; 3]>>,
    density_quantum: Quantum,
    embedding: Embedding,
    instruction_set: InstructionSet,
    workspaces: Pool<Workspace>,
    /// From so many atoms of a rank on records are compact.
    many_atoms: usize,
}

/// Tables, one for each curve that pairs use. All have the first interval first, then all the
/// second: what a pair gives at its two ends stands side by side.
#[derive(Debug)]
struct CurveTables {
    /// Each curve's coefficients of an interval; on lines of the cache.
    rows: Vec<Line>,
    /// How many tables there are.
    count: u32,
    /// Which of them each pair uses.
    start: Vec<u32>,
}

/// A line of the cache, of which a row has half.
#[repr(C, align(64))]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Line([[f64; 4]; 2]);

impl Functional {
    /// # Errors
    /// In words: functions that make no potential.
    pub fn new(
        functions: Functions,
        instruction_set: InstructionSet,
    ) -> Result<Functional, String> {
        let Functions { species, cutoff, cutoffs, spacing, curves, density, energy, embedding } =
            functions;
        if curves.iter().any(|curve| !curve.is_finite()) {
            return Err("a table holds a number that is not finite".into());
        }
        if cutoff <= CLOSEST {
            return Err(format!(
                "the cutoff {cutoff} Å is not beyond {CLOSEST} Å, nearer than which no two atoms may come"
            ));
        }
        let intervals = (cutoff / spacing).ceil() as usize + 2;
        let acts: Vec<bool> =
            density.iter().zip(&energy).map(|(rho, phi)| rho.is_some() || phi.is_some()).collect();
        let densities = CurveTables::new(&curves, &density, intervals);
        let energies = CurveTables::new(&curves, &energy, intervals);
        let used: Vec<&Curve> = density.iter().flatten().map(|&curve| &curves[curve]).collect();
        let most = embedding.end().map_or(f64::INFINITY, |end| MOST_DENSITY * end);
        let first = used.iter().map(|curve| first_within(&curve.values, spacing, most)).max();
        let first = first.unwrap_or((CLOSEST / spacing) as usize);
        let values = used.iter().flat_map(|curve| curve.values.iter().skip(first));
        let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let n = species.len();
        let row =
            |of: &dyn Fn(usize) -> u32| std::array::from_fn(|j| if j < n { of(j) } else { 0 });
        let starts = |i: usize| {
            [
                row(&|j| densities.start[i * n + j]),
                row(&|j| densities.start[j * n + i]),
                row(&|j| energies.start[i * n + j]),
            ]
        };
        Ok(Functional {
            starts_of_few: (n <= WIDTH).then(|| (0..n).map(starts).collect()),
            species,
            cutoff,
            cutoff_squares: (n > 1 && (cutoffs.is_some() || acts.contains(&false))).then(|| {
                let cutoffs = cutoffs.unwrap_or_else(|| vec![cutoff; n * n]);
                let square = |(r, acts): (&f64, &bool)| if *acts { r * r } else { -1.0 };
                cutoffs.iter().zip(&acts).map(square).collect()
            }),
            per_angstrom: 1.0 / spacing,
            closest: CLOSEST.max(first as f64 * spacing),
            densities,
            energies,
            density_quantum: quantum(largest),
            embedding,
            instruction_set,
            workspaces: Pool::default(),
            many_atoms: kernel::MANY_ATOMS,
        })
    }

    /// From here on with this instruction set, which this processor must have.
    pub fn set_instruction_set(&mut self, set: InstructionSet) {
        assert!(set.is_available(), "{} is not available", set.name());
        self.instruction_set = set;
    }

    /// Those of the force field, in its order.
    pub fn species(&self) -> &[Species] {
        &self.species
    }

    /// Å
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// Whether anything acts between atoms of these species, by their places.
    pub fn acts_between(&self, a: usize, b: usize) -> bool {
        let squares = self.cutoff_squares.as_ref();
        squares.is_none_or(|squares| squares[a * self.species.len() + b] >= 0.0)
    }

    /// The form in which it is computed.
    pub fn instruction_set(&self) -> InstructionSet {
        self.instruction_set
    }

    /// Words per atom between the phases: the density, if there is one.
    pub fn words(&self) -> usize {
        self.embeds() as usize
    }

    fn embeds(&self) -> bool {
        !matches!(self.embedding, Embedding::Nothing)
    }

    /// The greatest density of an atom of this rank, since this was last asked, that lay beyond the
    /// end of the tables; zero if none did.
    pub fn take_farthest(&self) -> f64 {
        match &self.embedding {
            Embedding::Splines(splines) => splines.take_farthest(),
            _ => 0.0,
        }
    }

    /// Where the tables of F end.
    pub fn end_of_densities(&self) -> f64 {
        match &self.embedding {
            Embedding::Splines(splines) => splines.end(),
            _ => f64::INFINITY,
        }
    }

    /// Species of these atoms as the kernel reads them; none where there is one only.
    pub fn prepare(&self, env: Environment, atoms: Range<usize>, species: &mut Vec<u32>) {
        if self.species.len() == 1 {
            return;
        }
        species.resize(env.position.len().max(atoms.end), 0);
        let pairs = species[atoms.clone()].par_iter_mut().zip(&env.species[atoms]);
        pairs.with_min_len(1 << 14).for_each(|(wide, &narrow)| *wide = narrow as u32);
    }

    /// `Potential::bytes_of_atom`
    pub fn bytes_of_atom(&self, owned: usize, neighbours: f64, reach: f64) -> AtomBytes {
        let several = self.species.len() > 1;
        let listed = 0.5 * neighbours;
        let word = size_of::<u32>() as f64;
        AtomBytes {
            prepared: if several { word } else { 0.0 },
            records: match owned >= self.many_atoms {
                // A bit for each entry, and some for the last eight of an atom.
                true => listed / WIDTH as f64 + 0.5,
                false => word * (1.0 + listed * (self.cutoff / reach).powi(3)),
            },
            ..AtomBytes::default()
        }
    }

    /// Phase 1 (`Potential::densities`); `sums` begin at this term's word.
    ///
    /// # Errors
    /// With the atom's id where another comes closer than any table goes.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn densities(
        &self,
        env: Environment,
        species: &[u32],
        tile: &Tile,
        records: &mut Records,
        sums: &Sums,
    ) -> Result<()> {
        assert!(!self.embeds() || sums.has_room_for(env.position.len()));
        assert!(self.species.len() == 1 || species.len() >= env.position.len());
        // SAFETY: by the caller's promise, and all atoms have a species.
        let view = unsafe { View::new(self, env, species, tile) };
        records.work = self.workspaces.take();
        let done = if self.species.len() == 1 {
            dispatch!(self.instruction_set, kernel::sum_one, (
                view: View,
                records: &mut Records,
                sums: &Sums,
            ) -> Result<()>)
        } else {
            dispatch!(self.instruction_set, kernel::sum_several, (
                view: View,
                records: &mut Records,
                sums: &Sums,
            ) -> Result<()>)
        };
        self.workspaces.give_back(std::mem::take(&mut records.work));
        done
    }

    /// Phase 2 (`Potential::embed`), one word for each atom.
    ///
    /// # Errors
    /// With the atom's id where an energy is beyond the quantum's bound.
    pub fn embed(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        let quantum = env.quantum;
        let task = embedding::EmbeddingTask {
            embedding: &self.embedding,
            density: self.density_quantum,
            quantum,
            species: &env.species[atoms.clone()],
            words,
            force,
        };
        let done = dispatch!(self.instruction_set, embedding::embed, (
            task: embedding::EmbeddingTask,
        ) -> std::result::Result<(), (usize, f64)>);
        done.map_err(|(atom, energy)| {
            let message = format!(
                "its embedding energy {energy:.3e} eV is not below {:.0} eV",
                quantum.bound()
            );
            Error::OutOfBounds { atom: env.id[atoms.start + atom], message }
        })
    }

    /// Phase 3 (`Potential::forces`).
    ///
    /// # Errors
    /// With the atom's id where a force or an energy is beyond the quantum's bound.
    ///
    /// # Safety
    /// As there.
    pub unsafe fn forces(
        &self,
        env: Environment,
        species: &[u32],
        tile: &Tile,
        records: &mut Records,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        assert!(force.has_room_for(env.position.len()));
        assert!(!self.embeds() || adjoints.has_room_for(env.position.len()));
        assert!(self.species.len() == 1 || species.len() >= env.position.len());
        // SAFETY: by the caller's promise, and all atoms have a species.
        let view = unsafe { View::new(self, env, species, tile) };
        records.work = self.workspaces.take();
        let done = if self.species.len() == 1 {
            dispatch!(self.instruction_set, kernel::push_one, (
                view: View,
                records: &mut Records,
                adjoints: &Sums,
                force: &Shared<FixedForce>,
            ) -> Result<()>)
        } else {
            dispatch!(self.instruction_set, kernel::push_several, (
                view: View,
                records: &mut Records,
                adjoints: &Sums,
                force: &Shared<FixedForce>,
            ) -> Result<()>)
        };
        self.workspaces.give_back(std::mem::take(&mut records.work));
        done
    }
}

impl CurveTables {
    /// Of `pairs` the curves that they use. What is zero has a table too.
    fn new(curves: &[Curve], pairs: &[Option<usize>], intervals: usize) -> CurveTables {
        let mut used: Vec<Option<usize>> = pairs.to_vec();
        used.sort_unstable();
        used.dedup();
        let mut rows = vec![Line([[0.0; 4]; 2]); (used.len() * intervals).div_ceil(2)];
        let flat: &mut [[f64; 4]] = bytemuck::cast_slice_mut(&mut rows);
        for (place, curve) in used.iter().enumerate() {
            if let Some(curve) = curve {
                let table = curves[*curve].intervals(intervals);
                let places = flat[place..].iter_mut().step_by(used.len());
                places.zip(table).for_each(|(row, interval)| *row = interval);
            }
        }
        let place = |pair: &Option<usize>| {
            used.iter().position(|curve| curve == pair).expect("it is used") as u32
        };
        CurveTables { count: used.len() as u32, start: pairs.iter().map(place).collect(), rows }
    }

    #[inline(always)]
    fn rows(&self) -> &[[f64; 4]] {
        bytemuck::cast_slice(&self.rows)
    }
}

/// The first knot, at `CLOSEST` or beyond, from which on all are within `most`.
fn first_within(values: &[f64], spacing: f64, most: f64) -> usize {
    let first = (CLOSEST / spacing) as usize;
    let last = values.iter().skip(first).rposition(|value| value.abs() > most);
    last.map_or(first, |last| first + last + 1 + SPLINE_REACH)
}

/// As fine as 8,192 terms of the largest size let it be.
pub fn quantum(largest: f64) -> Quantum {
    let mut bits = 62;
    while bits > -900 && largest >= 0.5 * LARGEST_QUANTA / Quantum::new(bits).per_unit() {
        bits -= 1;
    }
    Quantum::new(bits)
}

#[cfg(test)]
mod tests;
