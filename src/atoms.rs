//! The atoms of one rank as a structure of arrays: owned atoms first, then ghosts.
//!
//! Invariants: `id`, `species`, `particle`, `position` and `force` have `len()`
//! entries (owned and ghosts); `velocity` and `image` belong to owned atoms only. Ids are 0 .. N-1 over all ranks, each owned exactly once.
//! Positions lie on the grid of `geometry`; the fourth component is padding.

use crate::fixed::Quantum;
use crate::geometry::{Vec3, dot};
use bytemuck::Pod;
use rayon::prelude::*;

/// A chemical element as the potential names it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Species {
    /// What tells it from others, in the input and in every file.
    pub symbol: String,
    /// g/mol
    pub mass: f64,
    /// Of the symbol; 0 where that is not the symbol of a chemical element.
    pub atomic_number: u32,
}

/// Force in x, y, z and energy in fixed point (`Atoms::quantum`), 32 bytes.
pub type FixedForce = [i64; 4];

/// The atoms of a rank, an array for each of their properties, all in one order: owned ones, then ghosts,
/// which have no velocity.
#[derive(Debug, Clone)]
pub struct Atoms {
    /// Number of owned atoms; entries from here on are ghosts.
    pub owned: usize,
    pub id: Vec<u64>,
    pub species: Vec<u8>,
    /// Å, on the grid.
    pub position: Vec<[f64; 4]>,
    /// Force (eV/Å) and energy (eV: embedding and half of each pair term) in `quantum`.
    pub force: Vec<FixedForce>,
    /// Å/ps
    pub velocity: Vec<Vec3>,
    /// The particle that the atom came from; ghosts carry it too, so that bonds
    /// between particles can be counted.
    pub particle: Vec<u32>,
    /// How often the atom crossed each periodic boundary.
    pub image: Vec<[i32; 3]>,
    /// Of `force`: 2⁻⁴⁰ in a run.
    pub quantum: Quantum,
    /// Å. Atoms beyond, on either side of the origin, have departed: they stay where they are;
    /// infinite in periodic directions.
    pub border: Vec3,
    /// Whether those that have departed act on nobody any more.
    pub removes: bool,
    /// Of each owned atom, whether it is held where it is; empty where none is, over all ranks.
    /// Such an atom has no velocity and no force. Told anew after each change of the owned atoms.
    pub fixed: Vec<bool>,
}

impl Default for Atoms {
    fn default() -> Atoms {
        Atoms {
            owned: 0,
            id: Vec::new(),
            species: Vec::new(),
            position: Vec::new(),
            force: Vec::new(),
            velocity: Vec::new(),
            particle: Vec::new(),
            image: Vec::new(),
            quantum: Quantum::STANDARD,
            border: [f64::INFINITY; 3],
            removes: false,
            fixed: Vec::new(),
        }
    }
}

/// One atom as it travels between ranks and through the builder.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
pub struct Atom {
    pub id: u64,
    /// Å, on the grid
    pub position: Vec3,
    /// Å/ps
    pub velocity: Vec3,
    pub image: [i32; 3],
    pub particle: u32,
    pub species: u32,
    pub padding: u32,
}

impl Atoms {
    /// Owned atoms and ghosts.
    pub fn len(&self) -> usize {
        self.position.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.position.is_empty()
    }

    /// Owned atoms from a list, without ghosts; forces zero.
    pub fn from_list(list: &[Atom]) -> Atoms {
        let mut atoms = Atoms::default();
        atoms.append_owned(list);
        atoms
    }

    /// Appends owned atoms, without room for more; only while there are no ghosts.
    pub fn append_owned(&mut self, list: &[Atom]) {
        self.reserve_owned(list.len());
        list.iter().for_each(|atom| self.push_owned(atom));
    }

    /// Appends an owned atom; only while there are no ghosts.
    pub fn push_owned(&mut self, atom: &Atom) {
        debug_assert_eq!(self.owned, self.len(), "owned atoms come before ghosts");
        let [x, y, z] = atom.position;
        self.id.push(atom.id);
        self.species.push(atom.species as u8);
        self.position.push([x, y, z, 0.0]);
        self.force.push([0; 4]);
        self.velocity.push(atom.velocity);
        self.particle.push(atom.particle);
        self.image.push(atom.image);
        self.owned += 1;
    }

    /// Appends a ghost: an atom of another rank, or an image, at this position.
    pub fn push_ghost(&mut self, id: u64, species: u8, particle: u32, position: Vec3) {
        let [x, y, z] = position;
        self.id.push(id);
        self.species.push(species);
        self.particle.push(particle);
        self.position.push([x, y, z, 0.0]);
        self.force.push([0; 4]);
    }

    /// Å², between two atoms (owned or ghosts).
    pub fn square_between(&self, i: usize, j: usize) -> f64 {
        let [a, b] = [self.position[i], self.position[j]];
        let apart: Vec3 = std::array::from_fn(|d| b[d] - a[d]);
        dot(apart, apart)
    }

    /// Makes room for just so many owned atoms.
    pub fn reserve_owned(&mut self, owned: usize) {
        self.reserve_ghosts(owned);
        self.velocity.reserve_exact(owned);
        self.image.reserve_exact(owned);
    }

    /// Makes room for just so many ghosts.
    pub fn reserve_ghosts(&mut self, ghosts: usize) {
        self.id.reserve_exact(ghosts);
        self.species.reserve_exact(ghosts);
        self.particle.reserve_exact(ghosts);
        self.position.reserve_exact(ghosts);
        self.force.reserve_exact(ghosts);
    }

    /// Copies owned atom `from` over owned atom `to`, all but its force.
    pub fn move_owned(&mut self, from: usize, to: usize) {
        self.id[to] = self.id[from];
        self.species[to] = self.species[from];
        self.position[to] = self.position[from];
        self.velocity[to] = self.velocity[from];
        self.particle[to] = self.particle[from];
        self.image[to] = self.image[from];
    }

    /// Keeps the first `owned` owned atoms and no ghosts.
    pub fn truncate_owned(&mut self, owned: usize) {
        self.owned = owned;
        self.drop_ghosts();
        self.velocity.truncate(owned);
        self.image.truncate(owned);
    }

    /// Brings owned atoms into a new order, `order[k]` becoming atom k; only while
    /// there are no ghosts. Forces are lost: they are computed anew.
    pub fn permute_owned(&mut self, order: &[u32]) {
        fn permute<T: Pod + Send + Sync>(values: &mut [T], order: &[u32], room: &mut [FixedForce]) {
            let bytes = &mut bytemuck::cast_slice_mut::<_, u8>(room)[..size_of_val(values)];
            let old: &mut [T] = bytemuck::cast_slice_mut(bytes);
            old.copy_from_slice(values);
            let places = values.par_iter_mut().with_min_len(4096).zip(order);
            places.for_each(|(value, &from)| *value = old[from as usize]);
        }
        debug_assert_eq!(self.owned, self.len(), "ghosts are not to be moved");
        // Nothing is larger than a force. For memory of its own the system would clear pages,
        // each time.
        let room = &mut self.force[..];
        permute(&mut self.id, order, room);
        permute(&mut self.species, order, room);
        permute(&mut self.position, order, room);
        permute(&mut self.velocity, order, room);
        permute(&mut self.particle, order, room);
        permute(&mut self.image, order, room);
    }

    /// Memory that so many owned atoms and ghosts take without room for more, bytes.
    pub fn bytes_of(owned: usize, ghosts: usize) -> usize {
        fn each<T>(_: &[T]) -> usize {
            size_of::<T>()
        }
        let Atoms { id, species, position, force, velocity, particle, image, .. } =
            &Atoms::default();
        let of_all = each(id) + each(species) + each(position) + each(force) + each(particle);
        (owned + ghosts) * of_all + owned * (each(velocity) + each(image))
    }

    /// The owned atom `i` as one record.
    pub fn record(&self, i: usize) -> Atom {
        let [x, y, z, _] = self.position[i];
        Atom {
            id: self.id[i],
            position: [x, y, z],
            velocity: self.velocity[i],
            image: self.image[i],
            particle: self.particle[i],
            species: self.species[i] as u32,
            padding: 0,
        }
    }

    /// Drops every ghost.
    pub fn drop_ghosts(&mut self) {
        self.id.truncate(self.owned);
        self.species.truncate(self.owned);
        self.particle.truncate(self.owned);
        self.position.truncate(self.owned);
        self.force.truncate(self.owned);
    }

    /// Force on an owned atom, eV/Å.
    #[inline(always)]
    pub fn force_on(&self, i: usize) -> Vec3 {
        let f = self.force[i];
        std::array::from_fn(|d| self.quantum.value(f[d]))
    }

    /// Whether an atom has come to rest far out: it moves no more, and counts in no sum of
    /// mechanics. Its place alone says so, hence it is the same on any ranks and through any
    /// restart.
    #[inline(always)]
    pub fn has_departed(&self, i: usize) -> bool {
        is_beyond(&self.position[i], &self.border)
    }

    /// Whether an owned atom is held where it is.
    #[inline(always)]
    pub fn is_fixed(&self, i: usize) -> bool {
        !self.fixed.is_empty() && self.fixed[i]
    }

    /// Whether it does not act on others either.
    #[inline(always)]
    pub fn is_removed(&self, i: usize) -> bool {
        self.removes && self.has_departed(i)
    }

    /// Potential energy of an owned atom, eV.
    pub fn energy_of(&self, i: usize) -> f64 {
        self.quantum.value(self.force[i][3])
    }
}

/// Whether a position lies beyond a border in some direction.
#[inline(always)]
pub fn is_beyond(position: &[f64; 4], border: &Vec3) -> bool {
    // Without branches, as almost none is.
    let beyond = |d: usize| position[d].abs() >= border[d];
    beyond(0) | beyond(1) | beyond(2)
}

/// Whether one of these does: a loop for vectors (`lanes::Loop`).
#[inline(always)]
pub fn any_beyond(positions: &[[f64; 4]], border: &Vec3) -> bool {
    let mut most = [0.0; 4];
    for position in positions {
        for d in 0..4 {
            let far = position[d].abs();
            most[d] = if far > most[d] { far } else { most[d] };
        }
    }
    is_beyond(&most, border)
}
