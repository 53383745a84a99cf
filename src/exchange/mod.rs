//! What ranks tell each other about atoms, in four words:
//!
//! - `migrate`: every atom goes to the rank whose region it is in. Then each atom
//!   is owned exactly once, by that rank.
//! - `share_ghosts`: every rank gets copies (ghosts) of all atoms and periodic
//!   images within `shell` of the bounding box of its own atoms. Then whatever is
//!   within `shell` of an owned atom is on its rank, and the `Routes` knows the way
//!   of every ghost.
//! - `refresh`: owner to ghosts. Then a ghost has its owner's words, and for
//!   positions exactly its owner's position plus the shift of its image.
//! - `gather`: ghosts to owner. Then the owner has the sum of its own words and
//!   those of all its ghosts; the ghosts' words count no more.
//!
//! The last two begin and end apart, so that work can be done while messages travel.
//!
//! Any two ranks may be neighbours, also a rank and itself (its own periodic
//! images): one path serves all, so a region may be thinner than the shell, a box
//! shorter than it, a rank without atoms. (A grid of ranks that pass ghosts on in
//! six directions would need fewer messages on paper, but holds for none of these
//! and divides particles in vacuum badly.) All words are 64 bits, so sums are of
//! integers, and the order in which messages arrive changes nothing.
//!
//! The ghosts of one rank stand together, so their words travel straight from and to
//! where they stand; those of owned atoms, which are scattered, are packed and unpacked.

mod connected;
mod ghosts;
mod migrate;
#[cfg(test)]
mod tests;

pub use connected::{Sets, connected};
pub use ghosts::share_ghosts;
pub use migrate::{Census, migrate};

use crate::comm::{Comm, Transfer, parts, parts_mut};
use crate::geometry::Vec3;

/// The way of every ghost of this rank and of every copy of its owned atoms.
#[derive(Debug, Default)]
pub struct Routes {
    /// Copies of owned atoms, for each rank that has some.
    send: Vec<Copies>,
    /// Ghosts, for each rank that owns some: how many, one after another behind the owned
    /// atoms.
    receive: Vec<(usize, usize)>,
    /// The words of all copies, on their way.
    packed: Vec<i64>,
}

/// The copies of owned atoms that one rank has, in its order.
#[derive(Debug, Default)]
struct Copies {
    rank: usize,
    atoms: Vec<u32>,
    /// Runs of copies with the same shift (Å, added to the owner's position), and
    /// where each run ends in `atoms`.
    runs: Vec<(Vec3, usize)>,
}

impl Copies {
    /// The shift and the owned atoms of each run.
    fn runs(&self) -> impl Iterator<Item = (&Vec3, &[u32])> {
        let starts = [0].into_iter().chain(self.runs.iter().map(|(_, end)| *end));
        self.runs.iter().zip(starts).map(|((shift, end), start)| (shift, &self.atoms[start..*end]))
    }

    /// The rank, and how many it has.
    fn count(&self) -> (usize, usize) {
        (self.rank, self.atoms.len())
    }

    /// Owned atom and shift of each copy.
    fn iter(&self) -> impl Iterator<Item = (usize, &Vec3)> {
        self.runs().flat_map(|(shift, atoms)| atoms.iter().map(move |&i| (i as usize, shift)))
    }
}

impl Routes {
    /// Begins to send every ghost its owner's words, `words` per atom; afterwards it has
    /// them too.
    pub fn begin_refresh<'a>(
        &'a mut self,
        comm: &Comm,
        owned: &[i64],
        ghosts: &'a mut [i64],
        words: usize,
    ) -> Box<dyn Transfer + 'a> {
        self.send_packed(comm, owned, ghosts, words, |from, _, to| to.copy_from_slice(from))
    }

    /// The same for positions: afterwards a ghost is where its owner is, shifted as its
    /// image is; on the grid, exact.
    pub fn begin_refresh_positions<'a>(
        &'a mut self,
        comm: &Comm,
        owned: &[[f64; 4]],
        ghosts: &'a mut [[f64; 4]],
    ) -> Box<dyn Transfer + 'a> {
        let owned = bytemuck::cast_slice(owned.as_flattened());
        let ghosts = bytemuck::cast_slice_mut(ghosts.as_flattened_mut());
        self.send_packed(comm, owned, ghosts, 4, |from, shift, to| {
            for d in 0..3 {
                to[d] = (f64::from_bits(from[d] as u64) + shift[d]).to_bits() as i64;
            }
            to[3] = from[3];
        })
    }

    /// Begins to send the words of ghosts back to their owners, who `add_gathered` them.
    pub fn begin_gather<'a>(
        &'a mut self,
        comm: &Comm,
        ghosts: &'a [i64],
        words: usize,
    ) -> Box<dyn Transfer + 'a> {
        let packed = room(&mut self.packed, &self.send, words);
        let send = parts(ghosts, counts(self.receive.iter().copied(), words));
        let receive = parts_mut(packed, counts(self.send.iter().map(Copies::count), words));
        comm.transport().begin_transfer(&send, receive)
    }

    /// When gathering is complete: then an owner has the sum of its words and those of all
    /// its ghosts.
    pub fn add_gathered(&self, owned: &mut [i64], words: usize) {
        let mut received = self.packed.chunks_exact(words);
        for copies in &self.send {
            for (&i, received) in copies.atoms.iter().zip(&mut received) {
                let owner = &mut owned[i as usize * words..][..words];
                for (sum, word) in owner.iter_mut().zip(received) {
                    *sum = sum.wrapping_add(*word);
                }
            }
        }
    }

    /// `begin_refresh` to its end, with those of atom i at `values[i * words..]`.
    pub fn refresh(&mut self, comm: &Comm, values: &mut [i64], words: usize) {
        let (owned, ghosts) = self.divide(values, words);
        self.begin_refresh(comm, owned, ghosts, words).complete();
    }

    pub fn refresh_positions(&mut self, comm: &Comm, positions: &mut [[f64; 4]]) {
        let (owned, ghosts) = self.divide(positions, 1);
        self.begin_refresh_positions(comm, owned, ghosts).complete();
    }

    /// `begin_gather` to its end.
    pub fn gather(&mut self, comm: &Comm, values: &mut [i64], words: usize) {
        let (owned, ghosts) = self.divide(values, words);
        self.begin_gather(comm, ghosts, words).complete();
        self.add_gathered(owned, words);
    }

    /// The words of this rank's own atoms, `words` for each, and behind them those of the owners of its ghosts;
    /// with room of its own, unlike `refresh`. Collective.
    pub fn with_ghosts(&self, comm: &Comm, mut values: Vec<i64>, words: usize) -> Vec<i64> {
        let copies = self.send.iter().flat_map(Copies::iter);
        let packed: Vec<i64> =
            copies.flat_map(|(i, _)| &values[i * words..][..words]).copied().collect();
        let ghosts: usize = self.receive.iter().map(|(_, count)| count).sum();
        values.resize(values.len() + ghosts * words, 0);
        let (_, ghosts) = self.divide(&mut values, words);
        let send = parts(&packed, counts(self.send.iter().map(Copies::count), words));
        let receive = parts_mut(ghosts, counts(self.receive.iter().copied(), words));
        comm.transport().begin_transfer(&send, receive).complete();
        values
    }

    /// Values of owned atoms and of ghosts, `each` per atom.
    fn divide<'v, T>(&self, values: &'v mut [T], each: usize) -> (&'v mut [T], &'v mut [T]) {
        let ghosts: usize = self.receive.iter().map(|(_, count)| count).sum();
        values.split_at_mut(values.len() - ghosts * each)
    }

    /// Owners to ghosts: packs the words of copies by `pack`(words of the owner, shift, words of the copy).
    fn send_packed<'a>(
        &'a mut self,
        comm: &Comm,
        owned: &[i64],
        ghosts: &'a mut [i64],
        words: usize,
        pack: impl Fn(&[i64], &Vec3, &mut [i64]),
    ) -> Box<dyn Transfer + 'a> {
        let packed = room(&mut self.packed, &self.send, words);
        let mut places = packed.chunks_exact_mut(words);
        for (shift, atoms) in self.send.iter().flat_map(Copies::runs) {
            for (&i, to) in atoms.iter().zip(&mut places) {
                pack(&owned[i as usize * words..][..words], shift, to);
            }
        }
        let send = parts(packed, counts(self.send.iter().map(Copies::count), words));
        let receive = parts_mut(ghosts, counts(self.receive.iter().copied(), words));
        comm.transport().begin_transfer(&send, receive)
    }

    /// Owned atoms that have ghosts, on this rank or another; some of them several times.
    pub fn shared(&self) -> impl Iterator<Item = usize> {
        self.send.iter().flat_map(|copies| copies.atoms.iter().map(|&i| i as usize))
    }

    /// Ranks (this one included) that have ghosts of this rank's atoms.
    pub fn neighbours(&self) -> usize {
        self.send.len()
    }

    /// What this rank sends to others for one evaluation of the forces, with `words` per atom
    /// between its phases: positions and adjoints of copies, sums and forces of ghosts.
    pub fn traffic(&self, rank: usize, words: usize) -> Traffic {
        let copies = self.send.iter().map(Copies::count);
        let away = |(to, _): &(usize, usize)| *to != rank;
        let all: Vec<(usize, usize)> =
            copies.chain(self.receive.iter().copied()).filter(away).collect();
        let atoms: usize = all.iter().map(|(_, count)| count).sum();
        Traffic { messages: 2 * all.len() as u64, bytes: bytes_sent(atoms as u64, words) }
    }
}

/// Messages, and bytes in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    pub messages: u64,
    pub bytes: u64,
}

/// Of copies as well as of ghosts: four words each, a position or a force, and the words between
/// phases.
pub fn bytes_sent(atoms: u64, words: usize) -> u64 {
    atoms * (4 + words as u64) * size_of::<i64>() as u64
}

/// How many words each rank has of so many atoms.
fn counts(
    atoms: impl Iterator<Item = (usize, usize)>,
    words: usize,
) -> impl Iterator<Item = (usize, usize)> {
    atoms.map(move |(rank, atoms)| (rank, atoms * words))
}

/// Room for `words` of each copy.
fn room<'a>(packed: &'a mut Vec<i64>, send: &[Copies], words: usize) -> &'a mut [i64] {
    let needed = words * send.iter().map(|copies| copies.atoms.len()).sum::<usize>();
    if packed.len() < needed {
        packed.resize(needed, 0);
    }
    &mut packed[..needed]
}
