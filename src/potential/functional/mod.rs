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
use crate::potential::{Environment, Shared, Sums};
use crate::sweep::Tile;
use kernel::View;
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
    /// Squared, by pair of species.
    cutoff_squares: Option<Vec<f64>>,
    per_angstrom: f64,
    /// Tables of intervals one after another, and where that of each pair begins.
    density_rows: Vec<[f64; 4]>,
    energy_rows: Vec<[f64; 4]>,
    density_start: Vec<u32>,
    energy_start: Vec<u32>,
    /// The same where species are few, by own species and then the other's: of the density here,
    /// of that there, and of the energy.
    starts_of_few: Option<Vec<[[u32; WIDTH]; 3]>>,
    density_quantum: Quantum,
    embedding: Embedding,
    instruction_set: InstructionSet,
}

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
        let intervals = (cutoff / spacing).ceil() as usize + 2;
        let (density_rows, density_start) = tables(&curves, &density, intervals);
        let (energy_rows, energy_start) = tables(&curves, &energy, intervals);
        let closest = (CLOSEST / spacing) as usize;
        let used: Vec<&Curve> = density.iter().flatten().map(|&curve| &curves[curve]).collect();
        let values = used.iter().flat_map(|curve| curve.values.iter().skip(closest));
        let largest = values.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let n = species.len();
        let row =
            |of: &dyn Fn(usize) -> u32| std::array::from_fn(|j| if j < n { of(j) } else { 0 });
        let starts = |i: usize| {
            [
                row(&|j| density_start[i * n + j]),
                row(&|j| density_start[j * n + i]),
                row(&|j| energy_start[i * n + j]),
            ]
        };
        Ok(Functional {
            starts_of_few: (n <= WIDTH).then(|| (0..n).map(starts).collect()),
            species,
            cutoff,
            cutoff_squares: cutoffs.map(|all| all.iter().map(|r| r * r).collect()),
            per_angstrom: 1.0 / spacing,
            density_rows,
            energy_rows,
            density_start,
            energy_start,
            density_quantum: quantum(largest),
            embedding,
            instruction_set,
        })
    }

    /// From here on with this instruction set, which this processor must have.
    pub fn set_instruction_set(&mut self, set: InstructionSet) {
        assert!(set.is_available(), "{} is not available", set.name());
        self.instruction_set = set;
    }

    pub fn species(&self) -> &[Species] {
        &self.species
    }

    /// Å
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

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

    /// The greatest density of an atom of this rank so far that lay beyond the end of the
    /// tables; zero if none did.
    pub fn farthest_density(&self) -> f64 {
        match &self.embedding {
            Embedding::Splines(splines) => splines.farthest(),
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

    /// Phase 1 (`Potential::densities`); `sums` begin at this term's word.
    pub fn densities(
        &self,
        env: Environment,
        species: &[u32],
        tile: &Tile,
        records: &mut Records,
        sums: &Sums,
    ) -> Result<()> {
        assert!(!self.embeds() || sums.has_room_for(env.position.len()));
        let view = self.view(env, species, tile);
        if self.species.len() == 1 {
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
        }
    }

    /// Phase 2 (`Potential::embed`), one word for each atom.
    pub fn embed(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        let quantum = env.quantum;
        let task = embedding::Task {
            embedding: &self.embedding,
            density: self.density_quantum,
            quantum,
            species: &env.species[atoms.clone()],
            words,
            force,
        };
        let done = dispatch!(self.instruction_set, embedding::embed, (
            task: embedding::Task,
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
    pub fn forces(
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
        let view = self.view(env, species, tile);
        if self.species.len() == 1 {
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
        }
    }

    fn view<'a>(&'a self, env: Environment<'a>, species: &'a [u32], tile: &'a Tile) -> View<'a> {
        assert!(self.species.len() == 1 || species.len() >= env.position.len());
        View { functional: self, env, species, tile }
    }
}

/// The tables that pairs use, each once, and where that of each pair begins. What is zero
/// has a table too.
fn tables(
    curves: &[Curve],
    pairs: &[Option<usize>],
    intervals: usize,
) -> (Vec<[f64; 4]>, Vec<u32>) {
    let mut used: Vec<Option<usize>> = pairs.to_vec();
    used.sort_unstable();
    used.dedup();
    let table = |curve: &Option<usize>| match curve {
        Some(curve) => curves[*curve].intervals(intervals),
        None => vec![[0.0; 4]; intervals],
    };
    let start = |pair: &Option<usize>| {
        let place = used.iter().position(|curve| curve == pair).expect("it is used");
        (place * intervals) as u32
    };
    (used.iter().flat_map(table).collect(), pairs.iter().map(start).collect())
}

/// As fine as 8,192 terms of the largest size let it be.
pub fn quantum(largest: f64) -> Quantum {
    let mut bits = 62;
    while bits > -900 && largest >= 0.5 * LARGEST_QUANTA / Quantum::new(bits).per_unit() {
        bits -= 1;
    }
    Quantum::new(bits)
}
