//! Atoms that have gone beyond the border of the input: evaporated, and far out.
//!
//! Whether an atom has departed, its place alone says (`Atoms::has_departed`); here is what
//! is to be done when one departs: all ranks learn of it in the same step, and it is seen to
//! that nothing is held as by a wall that has not evaporated. What is known already (of an
//! earlier job, say) is not looked at again.

use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geometry::{Cell, FARTHEST_BORDER, Vec3};
use std::collections::BTreeSet;

/// So many neighbours has an atom of a cluster that may evaporate as a whole; with more it
/// is part of what the run is about.
const MOST_OF_A_CLUSTER: i64 = 3;

/// What becomes of atoms far out, and which have come so far.
#[derive(Debug, Clone)]
pub struct Departures {
    /// Å from the origin, in free directions.
    border: f64,
    /// Whether they act on nobody any more.
    pub removes: bool,
    /// Over all ranks.
    known: BTreeSet<u64>,
    /// Of the known ones those that nobody has taken notice of.
    new: Vec<u64>,
    /// Owned atoms of this rank that have departed, when it last looked.
    pub here: usize,
}

impl Default for Departures {
    fn default() -> Departures {
        Departures::beyond(FARTHEST_BORDER, false)
    }
}

/// One that is not known yet.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Departing {
    id: u64,
    position: Vec3,
}

impl Departures {
    /// Atoms depart at this distance (Å) from the origin along x, y or z, and are removed or
    /// else only come to rest.
    pub fn beyond(border: f64, removes: bool) -> Departures {
        Departures { border, removes, known: BTreeSet::new(), new: Vec::new(), here: 0 }
    }

    /// The same, where these have departed before.
    pub fn after(self, known: impl IntoIterator<Item = u64>) -> Departures {
        Departures { known: known.into_iter().collect(), ..self }
    }

    /// Tells the atoms where the border is.
    pub fn mark(&self, atoms: &mut Atoms, cell: &Cell) {
        atoms.border = cell.periodic.map(|p| if p { f64::INFINITY } else { self.border });
        atoms.removes = self.removes;
    }

    /// How many have departed, over all ranks.
    pub fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// Those that have departed since this was last asked, in order.
    pub fn take(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.new)
    }

    /// Learns which atoms have departed on any rank. An error, on every rank, where one is part of
    /// something larger: it has neighbours within `range` (Å). Collective.
    ///
    /// # Errors
    /// [`Error::Physics`] as said, with the atom's id.
    pub fn learn(
        &mut self,
        comm: &Comm,
        (atoms, cell): (&Atoms, &Cell),
        range: f64,
        step: u64,
    ) -> Result<()> {
        let is_known = |i: usize| self.known.contains(&atoms.id[i]);
        let place = |i: usize| std::array::from_fn(|d| atoms.position[i][d]);
        let mine: Vec<Departing> = (0..atoms.owned)
            .filter(|&i| atoms.has_departed(i) && !is_known(i))
            .map(|i| Departing { id: atoms.id[i], position: place(i) })
            .collect();
        let mut all = comm.all_gather(&mine).concat();
        all.sort_by_key(|departing| departing.id);
        let acting: Vec<Vec3> = (0..atoms.owned)
            .filter(|&i| !(atoms.is_removed(i) && is_known(i)))
            .map(place)
            .collect();
        let near = |from: &Departing| {
            acting.iter().filter(|to| cell.distance(&from.position, to) <= range).count() as i64
        };
        let mut neighbours: Vec<i64> = all.iter().map(near).collect();
        comm.sum_i64(&mut neighbours);
        for (departing, neighbours) in all.iter().zip(neighbours.iter().map(|n| n - 1)) {
            if neighbours > MOST_OF_A_CLUSTER {
                let [x, y, z] = departing.position;
                let message = format!(
                    "this atom is at ({x:.1}, {y:.1}, {z:.1}) Å, beyond {} Å, where atoms come to \
                     rest, and has not evaporated: it has {neighbours} neighbours; make \
                     `[evaporation] beyond_angstrom` larger",
                    self.border
                );
                return comm.agree(Err(Error::Physics { step, atom: departing.id, message }));
            }
        }
        self.known.extend(all.iter().map(|departing| departing.id));
        self.new.extend(all.iter().map(|departing| departing.id));
        Ok(())
    }

    /// Nothing pulls at what has departed; what is removed has no energy either.
    pub fn rest(&self, atoms: &mut Atoms) {
        if self.here == 0 {
            return;
        }
        for i in (0..atoms.owned).filter(|&i| atoms.has_departed(i)).collect::<Vec<_>>() {
            let energy = if self.removes { 0 } else { atoms.force[i][3] };
            atoms.force[i] = [0, 0, 0, energy];
        }
    }
}
