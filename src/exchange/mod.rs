//! What ranks tell each other about atoms, in four words:
//!
//! - `migrate`: every atom goes to the rank whose region it is in. Then each atom
//!   is owned exactly once, by that rank.
//! - `share_ghosts`: every rank gets copies (ghosts) of all atoms and periodic
//!   images within `shell` of the bounding box of its own atoms. Then whatever is
//!   within `shell` of an owned atom is on its rank, and the `Plan` knows the way
//!   of every ghost.
//! - `refresh`: owner to ghosts. Then a ghost has its owner's words, and for
//!   positions exactly its owner's position plus the shift of its image.
//! - `gather`: ghosts to owner. Then the owner has the sum of its own words and
//!   those of all its ghosts; the ghosts' words count no more.
//!
//! Any two ranks may be neighbours, also a rank and itself (its own periodic
//! images): one path serves all, so a region may be thinner than the shell, a box
//! shorter than it, a rank without atoms. (A grid of ranks that pass ghosts on in
//! six directions would need fewer messages on paper, but holds for none of these
//! and divides particles in vacuum badly.) All words are 64 bits, so sums are of
//! integers, and the order in which messages arrive changes nothing.
//!
//! `refresh` and `gather` are split into a start, which posts every message and
//! blocks nowhere, and a finish, so that work may be done between the two.

mod ghosts;
mod migrate;
#[cfg(test)]
mod tests;

pub use ghosts::share_ghosts;
pub use migrate::{Census, migrate};

use crate::comm::{Comm, Message, Pending};
use crate::geometry::Vec3;
use std::ops::Range;

/// The way of every ghost of this rank and of every copy of its owned atoms.
#[derive(Debug, Default)]
pub struct Plan {
    /// Copies of owned atoms, for each rank that has some.
    send: Vec<Copies>,
    /// Ghosts, for each rank that owns some: which of this rank's atoms they are.
    receive: Vec<(usize, Range<usize>)>,
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
    /// Owned atom and shift of each copy.
    fn iter(&self) -> impl Iterator<Item = (usize, &Vec3)> {
        let starts = [0].into_iter().chain(self.runs.iter().map(|(_, end)| *end));
        self.runs.iter().zip(starts).flat_map(move |((shift, end), start)| {
            self.atoms[start..*end].iter().map(move |&i| (i as usize, shift))
        })
    }
}

/// Words on their way; `finish_...` of the same kind takes them in.
#[must_use = "an exchange that was started must be finished"]
pub struct Flight<'c> {
    pending: Box<dyn Pending + 'c>,
    words: usize,
}

const WORD: usize = size_of::<i64>();

impl Plan {
    /// Starts to send every ghost its owner's words, `words` per atom, for atom i
    /// those at `values[i * words..]`.
    pub fn start_refresh<'c>(&self, comm: &'c Comm, values: &[i64], words: usize) -> Flight<'c> {
        self.start_to_ghosts(comm, words, |i, _, bytes| {
            bytes.extend_from_slice(bytemuck::cast_slice(&values[i * words..(i + 1) * words]));
        })
    }

    /// Then ghosts have their owners' words.
    pub fn finish_refresh(&self, flight: Flight, values: &mut [i64]) {
        let words = flight.words;
        for ((_, ghosts), bytes) in self.receive.iter().zip(flight.pending.wait()) {
            let target = &mut values[ghosts.start * words..ghosts.end * words];
            bytemuck::cast_slice_mut(target).copy_from_slice(&bytes);
        }
    }

    /// Starts to send every ghost its owner's position, shifted as its image is.
    pub fn start_positions<'c>(&self, comm: &'c Comm, positions: &[[f64; 4]]) -> Flight<'c> {
        self.start_to_ghosts(comm, 3, |i, shift, bytes| {
            for d in 0..3 {
                bytes.extend_from_slice(&(positions[i][d] + shift[d]).to_ne_bytes());
            }
        })
    }

    /// Then a ghost is where its owner is, shifted as its image is: on the grid, exact.
    pub fn finish_positions(&self, flight: Flight, positions: &mut [[f64; 4]]) {
        for ((_, ghosts), bytes) in self.receive.iter().zip(flight.pending.wait()) {
            let received = bytes.chunks_exact(3 * WORD);
            for (position, new) in positions[ghosts.clone()].iter_mut().zip(received) {
                for d in 0..3 {
                    position[d] = bytemuck::pod_read_unaligned(&new[d * WORD..][..WORD]);
                }
            }
        }
    }

    /// Starts to send the words of ghosts back to their owners.
    pub fn start_gather<'c>(&self, comm: &'c Comm, values: &[i64], words: usize) -> Flight<'c> {
        let message = |(rank, ghosts): &(usize, Range<usize>)| {
            let from_ghosts = &values[ghosts.start * words..ghosts.end * words];
            (*rank, bytemuck::cast_slice(from_ghosts).to_vec())
        };
        let send: Vec<Message> = self.receive.iter().map(message).collect();
        let expect: Vec<(usize, usize)> =
            self.send.iter().map(|to| (to.rank, to.atoms.len() * words * WORD)).collect();
        Flight { pending: comm.transport().start(send, &expect), words }
    }

    /// Then an owner has the sum of its words and those of all its ghosts.
    pub fn finish_gather(&self, flight: Flight, values: &mut [i64]) {
        let words = flight.words;
        for (copies, bytes) in self.send.iter().zip(flight.pending.wait()) {
            let mut received = bytes.chunks_exact(WORD).map(bytemuck::pod_read_unaligned::<i64>);
            for &i in &copies.atoms {
                let owner = &mut values[i as usize * words..(i as usize + 1) * words];
                for (sum, word) in owner.iter_mut().zip(&mut received) {
                    *sum = sum.wrapping_add(word);
                }
            }
        }
    }

    /// Ranks (this one included) that have ghosts of this rank's atoms.
    pub fn neighbours(&self) -> usize {
        self.send.len()
    }

    /// Memory held, bytes.
    pub fn bytes(&self) -> usize {
        let copies = |to: &Copies| {
            to.atoms.capacity() * size_of::<u32>() + to.runs.capacity() * size_of::<(Vec3, usize)>()
        };
        self.send.iter().map(copies).sum()
    }

    fn start_to_ghosts<'c>(
        &self,
        comm: &'c Comm,
        words: usize,
        pack: impl Fn(usize, &Vec3, &mut Vec<u8>),
    ) -> Flight<'c> {
        let message = |copies: &Copies| {
            let mut bytes = Vec::with_capacity(copies.atoms.len() * words * WORD);
            copies.iter().for_each(|(i, shift)| pack(i, shift, &mut bytes));
            (copies.rank, bytes)
        };
        let send: Vec<Message> = self.send.iter().map(message).collect();
        let expect: Vec<(usize, usize)> = self
            .receive
            .iter()
            .map(|(rank, ghosts)| (*rank, ghosts.len() * words * WORD))
            .collect();
        Flight { pending: comm.transport().start(send, &expect), words }
    }
}
