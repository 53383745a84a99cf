//! What a term of a force field is made of: a potential in three phases, and what it can say
//! of itself.
//!
//! A new kind of term implements [`Potential`] and [`Model`], and `ForceField::read` makes it
//! of its table. Terms know nothing of one another. What the phases of a kind keep between
//! them is of a type of its own, which a force field need not know: `AnyPotential` has it behind
//! `Any`, and asks once for each tile and phase.

use super::meam::ReferenceState;
use super::{AtomBytes, Environment, Potential, Shared, Sums};
use crate::atoms::{FixedForce, Species};
use crate::error::Result;
use crate::lanes::InstructionSet;
use crate::sweep::Tile;
use std::any::Any;
use std::fmt::Debug;
use std::ops::Range;

/// A crystal in which the files say that an element is at home.
#[derive(Debug, Clone, PartialEq)]
pub struct Home {
    /// Of the force field.
    pub species: usize,
    /// As `crystal::lattice_constant` knows it.
    pub lattice: &'static str,
    /// Å
    pub lattice_constant: f64,
}

/// What a term says of itself; its species are called by their symbols, since it may be of
/// some of a force field only.
///
/// A sum over pairs, φ = (r - 3 Å)² for r < 3 Å, as a force field by itself:
///
/// ```
/// use sinter_hpc::atoms::{Atom, FixedForce, Species};
/// use sinter_hpc::force::evaluate;
/// use sinter_hpc::geometry::{Cell, on_grid};
/// use sinter_hpc::potential::{Environment, ForceField, Model, OwnPair, Potential, Shared, Sums};
/// use sinter_hpc::sweep::Tile;
///
/// #[derive(Debug)]
/// struct Springs(Vec<Species>);
///
/// impl Potential for Springs {
///     type Prepared = ();
///     type Records = ();
///
///     fn species(&self) -> &[Species] {
///         &self.0
///     }
///
///     fn range(&self) -> f64 {
///         3.0
///     }
///
///     fn takes_half_lists(&self) -> bool {
///         true
///     }
///
///     unsafe fn forces(
///         &self,
///         env: Environment,
///         _: &(),
///         tile: &Tile,
///         _: &mut (),
///         _: &Sums,
///         force: &Shared<FixedForce>,
///     ) -> sinter_hpc::Result<()> {
///         for i in tile.atoms.clone() {
///             for OwnPair { atom: j, line: d, distance: r } in env.pairs(i) {
///                 if r < 3.0 {
///                     let pull = d.map(|x| env.quantum.round(2.0 * (r - 3.0) * x / r));
///                     let half = env.quantum.round(0.5 * (r - 3.0).powi(2));
///                     for (atom, sign) in [(i, 1), (j, -1)] {
///                         // SAFETY: an atom of this tile, then a neighbour; one at a time.
///                         let sum = unsafe { &mut force.at(atom, 1)[0] };
///                         for (sum, x) in sum.iter_mut().zip(pull) {
///                             *sum += sign * x;
///                         }
///                         sum[3] += half;
///                     }
///                 }
///             }
///         }
///         Ok(())
///     }
/// }
///
/// impl Model for Springs {
///     fn described(&self) -> Vec<Species> {
///         self.0.clone()
///     }
///
///     fn cutoff(&self) -> f64 {
///         3.0
///     }
///
///     fn conventions(&self) -> String {
///         "springs: (r - 3 Å)² eV up to 3 Å\n".into()
///     }
///
///     fn is_many_body(&self) -> bool {
///         false
///     }
/// }
///
/// let copper = Species { symbol: "Cu".into(), mass: 63.546, atomic_number: 29 };
/// let field = ForceField::of(vec![Box::new(Springs(vec![copper]))], &["Cu"]);
/// let atom = |id, x: f64| Atom {
///     id,
///     position: [on_grid(x), 0.0, 0.0],
///     velocity: [0.0; 3],
///     image: [0; 3],
///     particle: 0,
///     species: 0,
///     padding: 0,
/// };
/// let cell = Cell::new([0.0; 3], [10.0; 3], [false; 3]);
/// let found = evaluate(&field, cell, &[atom(0, 1.0), atom(1, 3.5)])?;
/// assert!((found.totals.potential_energy - 0.25).abs() < 1e-11);
/// assert!((found.forces[1][0] - 1.0).abs() < 1e-11);
/// assert_eq!(found.forces[0][0], -found.forces[1][0]);
/// # Ok::<(), sinter_hpc::Error>(())
/// ```
pub trait Model: AnyPotential + Debug {
    /// Symbol and mass of the species that its files describe; a mass of zero is none.
    fn described(&self) -> Vec<Species>;

    /// Å: atoms farther apart than this do not interact. (The range of the phases may be
    /// longer: atoms farther away may matter to a pair.)
    fn cutoff(&self) -> f64;

    /// What it is, line by line, for the log.
    fn conventions(&self) -> String;

    /// Whether its energy is more than a sum over pairs: of such terms a pair of species has
    /// one at most.
    fn is_many_body(&self) -> bool;

    /// Whether it acts between atoms of these two of its species (which may be one).
    fn acts_between(&self, _a: &str, _b: &str) -> bool {
        true
    }

    /// What deserves a second look in the files, in words.
    fn warnings(&self) -> &[String] {
        &[]
    }

    /// What its files contradict so that no run should begin.
    fn contradiction(&self) -> Option<&str> {
        None
    }

    /// Å: between neighbours in the crystal of an element at rest, where the files say so.
    fn bond_length(&self, _symbol: &str) -> Option<f64> {
        None
    }

    /// The crystals in which the files say that elements are at home, and of what size.
    fn homes(&self, _field: &[Species]) -> Vec<Home> {
        Vec::new()
    }

    /// The structures from which it was made, as wanted and as found.
    ///
    /// # Errors
    /// Where one cannot be evaluated at all.
    fn reference_states(&self) -> Result<Vec<ReferenceState>> {
        Ok(Vec::new())
    }

    /// The form in which it is computed, where it has several.
    fn instruction_set(&self) -> Option<InstructionSet> {
        None
    }

    /// From here on in this form, if it has several.
    ///
    /// # Panics
    /// Where the processor lacks it (`InstructionSet::is_available`).
    fn set_instruction_set(&mut self, _set: InstructionSet) {}

    /// The greatest density of an atom of this rank, since this was last asked, that lay beyond the
    /// end of its tables; zero if none did.
    fn take_farthest(&self) -> f64 {
        0.0
    }

    /// The same in words, of the greatest of all ranks.
    fn remark(&self, _farthest: f64) -> Option<String> {
        None
    }
}

/// The phases of any potential: `Potential` without its types.
pub trait AnyPotential: Send + Sync {
    /// `Potential::range`
    fn phases_range(&self) -> f64;
    /// `Potential::energy_reach`
    fn phases_energy_reach(&self) -> f64;
    /// `Potential::shares_energies`
    fn phases_share_energies(&self) -> bool;
    /// `Potential::words`
    fn phases_words(&self) -> usize;
    /// `Potential::takes_half_lists`
    fn phases_take_half_lists(&self) -> bool;
    /// `Potential::bytes_of_atom`
    fn phases_bytes_of_atom(&self, owned: usize, neighbours: f64, reach: f64) -> AtomBytes;
    /// Fresh `Potential::Prepared`.
    fn fresh_prepared(&self) -> Box<dyn Any + Send + Sync>;
    /// Fresh `Potential::Records`.
    fn fresh_records(&self) -> Box<dyn Any + Send>;
    /// `Potential::prepare`
    fn prepare_any(&self, env: Environment, atoms: Range<usize>, prepared: &mut dyn Any);
    /// `Potential::densities`
    ///
    /// # Errors
    /// As there.
    ///
    /// # Safety
    /// As there.
    unsafe fn densities_any(
        &self,
        env: Environment,
        prepared: &dyn Any,
        tile: &Tile,
        records: &mut dyn Any,
        sums: &Sums,
    ) -> Result<()>;
    /// `Potential::embed`
    ///
    /// # Errors
    /// As there.
    fn embed_any(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()>;
    /// `Potential::forces`
    ///
    /// # Errors
    /// As there.
    ///
    /// # Safety
    /// As there.
    unsafe fn forces_any(
        &self,
        env: Environment,
        prepared: &dyn Any,
        tile: &Tile,
        records: &mut dyn Any,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()>;
}

/// Made by this very term.
fn own<T: 'static>(any: &dyn Any) -> &T {
    any.downcast_ref().expect("what the term itself made")
}

fn own_mut<T: 'static>(any: &mut dyn Any) -> &mut T {
    any.downcast_mut().expect("what the term itself made")
}

impl<P: Potential> AnyPotential for P
where
    P::Prepared: 'static,
    P::Records: 'static,
{
    fn phases_range(&self) -> f64 {
        self.range()
    }

    fn phases_energy_reach(&self) -> f64 {
        self.energy_reach()
    }

    fn phases_share_energies(&self) -> bool {
        self.shares_energies()
    }

    fn phases_words(&self) -> usize {
        self.words()
    }

    fn phases_take_half_lists(&self) -> bool {
        self.takes_half_lists()
    }

    fn phases_bytes_of_atom(&self, owned: usize, neighbours: f64, reach: f64) -> AtomBytes {
        self.bytes_of_atom(owned, neighbours, reach)
    }

    fn fresh_prepared(&self) -> Box<dyn Any + Send + Sync> {
        Box::<P::Prepared>::default()
    }

    fn fresh_records(&self) -> Box<dyn Any + Send> {
        Box::<P::Records>::default()
    }

    fn prepare_any(&self, env: Environment, atoms: Range<usize>, prepared: &mut dyn Any) {
        self.prepare(env, atoms, own_mut(prepared));
    }

    unsafe fn densities_any(
        &self,
        env: Environment,
        prepared: &dyn Any,
        tile: &Tile,
        records: &mut dyn Any,
        sums: &Sums,
    ) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.densities(env, own(prepared), tile, own_mut(records), sums) }
    }

    fn embed_any(
        &self,
        env: Environment,
        atoms: Range<usize>,
        words: &mut [i64],
        force: &mut [FixedForce],
    ) -> Result<()> {
        self.embed(env, atoms, words, force)
    }

    unsafe fn forces_any(
        &self,
        env: Environment,
        prepared: &dyn Any,
        tile: &Tile,
        records: &mut dyn Any,
        adjoints: &Sums,
        force: &Shared<FixedForce>,
    ) -> Result<()> {
        // SAFETY: by the caller's promise.
        unsafe { self.forces(env, own(prepared), tile, own_mut(records), adjoints, force) }
    }
}
