//! The force field and its terms. All are evaluated in three phases, between which ghosts are
//! exchanged:
//!
//! 1. `densities`: pair and triple sums over neighbours, for owned atoms and ghosts;
//!    then ghosts send their sums to the owner, which adds them (`exchange::gather`).
//! 2. `embed`: from the complete sums of an owned atom (none for a sum over pairs) its energy and the
//!    derivatives of that energy (adjoints), written over the sums;
//!    then owners send them to their ghosts (`exchange::refresh`).
//! 3. `forces`: the chain rule over the same pairs and triples, for owned atoms
//!    and ghosts; then ghosts send their forces to the owner, which adds them.
//!
//! A phase is given one tile at a time (`sweep::Schedule`), and reads and writes what is
//! in reach of its atoms. Several threads call at once, but never for tiles that have a
//! tile around them in common; so no phase has parallel loops of its own. That is a promise
//! of the caller, as are the indices in the list: `densities` and `forces` are `unsafe` to call.
//!
//! Nothing here knows of ranks. Invariants that the determinism of the program
//! rests on: the result for a pair or a triple has the same bits whichever way
//! round its atoms are given; sums are integers (`fixed`), so their order does
//! not matter; every contribution to the forces adds up to exactly zero.

use crate::atoms::{FixedForce, Species};
use crate::error::{Error, Result};
use crate::fixed::Quantum;
use crate::geometry::{Vec3, norm};
use crate::neighbour::{MINE, Neighbours};
use crate::sweep::Tile;
use std::ops::Range;

mod adp;
mod ahead;
pub mod analytic;
pub mod crystal;
pub mod eam;
mod field;
mod functional;
mod lattice;
mod model;
pub mod meam;
pub mod one_body;
mod shared;
mod tersoff;
mod text;

pub use crate::lanes;
pub use field::{ForceField, Term};
pub use meam::{Found, ReferenceState};
pub use model::{AnyPotential, Home, Model};
pub use shared::{Shared, Sums};
pub use text::read as read_text;

/// What a potential sees of one rank.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    pub owned: usize,
    /// Å, on the grid; owned atoms, then ghosts.
    pub position: &'a [[f64; 4]],
    pub species: &'a [u8],
    /// For messages only: which atom it is over all ranks.
    pub id: &'a [u64],
    pub neighbours: &'a Neighbours,
    /// Of forces and energies.
    pub quantum: Quantum,
}

/// A pair as the end that computes it sees it.
#[derive(Debug, Clone, Copy)]
pub struct OwnPair {
    /// The other end.
    pub atom: usize,
    /// To it, Å.
    pub line: Vec3,
    /// Å
    pub distance: f64,
}

impl<'a> Environment<'a> {
    /// The pairs of an atom that this end computes, of all that its list has.
    pub fn pairs(self, i: usize) -> impl Iterator<Item = OwnPair> + 'a {
        let mine = self.neighbours.of(i).iter().filter(|entry| entry & MINE != 0);
        mine.map(move |entry| {
            let atom = (entry & !MINE) as usize;
            let (p, q) = (self.position[i], self.position[atom]);
            let line = [q[0] - p[0], q[1] - p[1], q[2] - p[2]];
            OwnPair { atom, line, distance: norm(line) }
        })
    }

    /// From one atom to another, Å.
    fn distance(self, i: usize, j: usize) -> f64 {
        let d: Vec3 = std::array::from_fn(|c| self.position[j][c] - self.position[i][c]);
        norm(d)
    }

    /// The nearest of these atoms to atom i, and how far it is, Å.
    fn nearest(self, i: usize, others: impl Iterator<Item = usize>) -> Option<(f64, usize)> {
        let distance = |j: usize| (self.distance(i, j), j);
        others.map(distance).min_by(|p, q| p.0.total_cmp(&q.0))
    }

    /// The failure where what two atoms do to each other is beyond the bound of the quantum.
    #[cold]
    fn out_of_bounds(self, i: usize, j: usize) -> Error {
        let message = format!(
            "a force or energy between it and atom {}, {:.4} Å away, is not below {:.0} eV/Å or eV",
            self.id[j],
            self.distance(i, j),
            self.quantum.bound()
        );
        Error::OutOfBounds { atom: self.id[i], message }
    }

    /// The same with the atoms here.
    pub fn at<'b>(self, position: &'b [[f64; 4]]) -> Environment<'b>
    where
        Self: 'b,
    {
        Environment { position, ..self }
    }
}

/// Bytes that a potential keeps of an atom, about.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct AtomBytes {
    /// Of each, owned or ghost, in `Potential::Prepared`; of each owned one, besides.
    pub prepared: f64,
    pub kept: f64,
    /// Of each that has its densities and waits for its forces, in `Potential::Records`.
    pub records: f64,
}

/// What an engine evaluates: a whole force field, or a term of one (then see [`Model`], with an
/// example).
pub trait Potential: Send + Sync {
    /// What the phases see of all atoms besides the environment; kept from step to step.
    type Prepared: Default + Send + Sync;

    /// What `densities` leaves for `forces` of the same tile, with room to work in.
    type Records: Default + Send;

    /// In the order of `Environment::species`.
    fn species(&self) -> &[Species];

    /// Å: no atom farther than this from an owned atom matters to that atom's phases.
    fn range(&self) -> f64;

    /// Å: no atom farther than this from another has a part in the energy of that one.
    fn energy_reach(&self) -> f64 {
        self.range()
    }

    /// Whether the phases of other atoms add to the energy of one where none of their pairs with
    /// it is theirs to compute: a part of each bond, say, that its other end finds.
    fn shares_energies(&self) -> bool {
        false
    }

    /// 64-bit words per atom that `densities` sums and `embed` overwrites; none for a sum over
    /// pairs.
    fn words(&self) -> usize {
        0
    }

    /// Whether phases look at a pair only from the end that computes it, so that lists need
    /// no other entries (`neighbour::Kept::Once`).
    fn takes_half_lists(&self) -> bool {
        false
    }

    /// Å: between neighbours in the crystal of an element at rest, where the potential says so.
    fn neighbour_distance(&self, _element: usize) -> Option<f64> {
        None
    }

    /// The quantum of the force array that suits this potential in a run.
    fn quantum(&self) -> Quantum {
        Quantum::STANDARD
    }

    /// What it keeps of each atom, for planning: of a dense metal, of which so many are owned and whole lists
    /// of atoms within `reach` (Å) have so many entries each.
    fn bytes_of_atom(&self, _owned: usize, _neighbours: f64, _reach: f64) -> AtomBytes {
        AtomBytes::default()
    }

    /// Comes before the phases see these atoms, owned or ghosts, at their positions.
    fn prepare(&self, _: Environment, _: Range<usize>, _: &mut Self::Prepared) {}

    /// Adds the fixed-point sums of all pairs of this tile's atoms that this rank computes to
    /// `sums` (zero before; `words()` for each atom).
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] with the atom's id where the potential is not defined, such as for atoms too
    /// close to each other.
    ///
    /// # Safety
    /// The list of `env` names atoms that have positions and sums, and the atoms of the tile
    /// have lists. Meanwhile nobody else touches the sums of the atoms of this tile or of any
    /// that these lists name.
    unsafe fn densities(
        &self,
        _env: Environment,
        _prepared: &Self::Prepared,
        _tile: &Tile,
        _records: &mut Self::Records,
        _sums: &Sums,
    ) -> Result<()> {
        Ok(())
    }

    /// For each of these owned atoms: adds its energy to its `force[3]` and writes the bits
    /// of its adjoints (f64) over its sums. `words` and `force` are theirs alone.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`] with the atom's id where its energy is not below the quantum's bound.
    fn embed(
        &self,
        _env: Environment,
        _atoms: Range<usize>,
        _words: &mut [i64],
        _force: &mut [FixedForce],
    ) -> Result<()> {
        Ok(())
    }

    /// Adds forces and pair energies of the pairs that `densities` left in `records`, for
    /// owned atoms and ghosts, to `force`.
    ///
    /// # Errors
    /// With the atom's id where a force is NaN or beyond the quantum's bound.
    ///
    /// # Safety
    /// As for `densities`, of adjoints and forces; `records` are what that left for this tile
    /// and these positions.
    unsafe fn forces(
        &self,
        env: Environment,
        prepared: &Self::Prepared,
        tile: &Tile,
        records: &mut Self::Records,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()>;
}
