//! What a share of the atoms costs a rank: memory, and the time of a step.
//!
//! Time of a step = work + messages, none of which is hidden behind the other:
//!   work     = atoms of the busiest rank · `UPKEEP` / (threads · speed of a core)
//!   messages = 4 · (`LATENCY` + senders · `PER_MESSAGE`) + ghosts · (bytes / `BANDWIDTH` + `PACKING`)
//!              + `REDUCTIONS` · log2(ranks) · `LATENCY`
//! the four being positions, sums of density, adjoints and forces of the ghosts. What an
//! unhurried network does is assumed; it is hidden in part behind work where there is
//! enough of it, so the truth lies between the time without messages and this.

use super::space::Share;
use crate::atoms::Atoms;
use crate::geometry::Vec3;
use crate::neighbour::Neighbours;

/// A step against its forces alone: lists, integration, sums over atoms. Measured
/// (benches/README.md): 643 ns against 555.
const UPKEEP: f64 = 1.16;

/// Of a message between two nodes, and what each further one costs a rank, s.
pub const LATENCY: f64 = 2e-6;
pub const PER_MESSAGE: f64 = 1e-6;

/// Of a rank, while all others on its node send too, bytes per second.
pub const BANDWIDTH: f64 = 1e9;

/// What a ghost costs in all four exchanges without wires, s. Measured (benches/README.md).
const PACKING: f64 = 77e-9;

/// Reductions over all ranks in a step: of the farthest displacement; of potential and kinetic energies.
pub const REDUCTIONS: f64 = 2.0;

/// What follows was measured as the greatest resident set of a rank (`VmHWM`) on 1, 2, 4
/// and 8 ranks, with 5,304 to 4 million atoms, and met there to 12 % (one run of a million atoms on one
/// rank took 29 % more); bytes.
///
/// The program, MPI and HDF5 before there is an atom.
const BASE: u64 = 41_000_000;

/// What the first of several ranks holds besides, which opens files and hears of all others; of
/// each of these, in the buffers of MPI.
const FIRST: u64 = 5_000_000;
const FIRST_PER_RANK: u64 = 64_000;

/// Ranks of a node, where nothing is said of nodes.
const MOST_OF_A_NODE: usize = 128;

/// The kernel's coarse positions, and atoms as they come from the builder.
const KERNEL: u64 = 16 + 93;

/// Buffers of tiles and files: so much per atom, up to a bound.
const BUFFERS: u64 = 202;
const MOST_BUFFERS: u64 = 12_000_000;

/// Pairs and triples of a dense metal that wait for the sums of ghosts (`Share::waiting`), in vectors
/// that grow by doubling: of rafts of 60 thousand, 236 thousand and a million atoms on 2 to 8 ranks.
const WAITING: u64 = 670;

/// A ghost and its copy on the way, in the buffers of MPI.
const TRAVELLING: u64 = 1000;

/// Bytes that a ghost's words take on their way: position, sums, adjoints, force.
fn travels(words: usize) -> u64 {
    2 * (8 * words as u64 + size_of::<[f64; 4]>() as u64)
}

/// Memory of a rank, bytes; `words` per atom between the phases.
pub fn memory(share: &Share, words: usize) -> u64 {
    let word = 8 * words as u64;
    let Share { atoms, ghosts, .. } = *share;
    let sums = if ghosts > 0 { atoms * word } else { 0 };
    let lists = Neighbours::bytes_of(atoms as usize, share.neighbours as usize);
    BASE + Atoms::bytes_of(atoms as usize, ghosts as usize) as u64
        + lists as u64
        + atoms * (size_of::<Vec3>() as u64 + KERNEL)
        + sums
        + share.waiting * WAITING
        + (atoms * BUFFERS).min(MOST_BUFFERS)
        + ghosts * (2 * word + size_of::<u32>() as u64 + TRAVELLING)
}

/// The same of each rank, of which `per_node` share a node.
pub fn memories(shares: &[Share], per_node: usize, words: usize) -> Vec<u64> {
    let mut all: Vec<u64> = shares.iter().map(|share| memory(share, words)).collect();
    if all.len() > 1 {
        all[0] += FIRST + FIRST_PER_RANK * per_node.min(all.len()).min(MOST_OF_A_NODE) as u64;
    }
    all
}

/// Seconds of a step: work of the busiest core, and messages.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub work: f64,
    pub messages: f64,
}

impl Step {
    /// `speed`: atoms times evaluations of forces per second and core.
    pub fn of(shares: &[Share], threads: usize, speed: f64, words: usize) -> Step {
        let atoms: u64 = shares.iter().map(|s| s.atoms).sum();
        let cores = (shares.len() * threads) as f64;
        let busiest = atoms as f64 * super::space::imbalance_of(shares) / cores;
        let exchange = |share: &Share| {
            let each = travels(words) as f64 / BANDWIDTH + PACKING;
            // Ghosts that are images of its own atoms nobody sends.
            let begin = if share.received > 0 { LATENCY } else { 0.0 };
            4.0 * (begin + share.senders as f64 * PER_MESSAGE) + share.received as f64 * each
        };
        let reductions = REDUCTIONS * (shares.len() as f64).log2() * LATENCY;
        Step {
            work: UPKEEP * busiest / speed,
            messages: shares.iter().map(exchange).fold(0.0, f64::max) + reductions,
        }
    }

    pub fn seconds(&self) -> f64 {
        self.work + self.messages
    }

    /// Of so many cores, how much would be worth as much without messages and waiting.
    pub fn efficiency(&self, atoms: u64, cores: usize, speed: f64) -> f64 {
        UPKEEP * atoms as f64 / (speed * cores as f64 * self.seconds())
    }
}
