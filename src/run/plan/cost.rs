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
use crate::input::OutputConfig;
use crate::neighbour::{Kept, Neighbours};
use crate::potential::{ForceField, Potential};

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

/// What follows was measured as the greatest resident set of a rank (`VmHWM`) on 1, 2 and 8 ranks, with 60
/// thousand to 4 million atoms of particles and crystals, with MEAM and embedded atoms; bytes.
///
/// The program, MPI and HDF5 before there is an atom; of more than two ranks, each has buffers of MPI besides.
const BASE: u64 = 36_200_000;
const BASE_OF_MORE: u64 = 3_000_000;

/// What the first rank holds besides, which opens files and hears of all others; of each of these, in the
/// buffers of MPI.
const FIRST: u64 = 5_500_000;
const FIRST_PER_RANK: u64 = 64_000;

/// Ranks of a node, where nothing is said of nodes, and how many of them touch files (`Comm::writers`).
const MOST_OF_A_NODE: usize = 128;
const WRITERS: usize = 4;

/// Of an atom, while a frame is looked at, and of each that goes through a writer in a round.
const FRAME: u64 = 20;
/// What observers add that are asked for: of an atom that is watched for diffusion what is kept of it, and what tells its home where
/// it is; or, if more, the atom and the ghosts about it that balls at the surface reach.
const WATCHED: u64 = 78;
const TOLD: u64 = 200;
const SURFACE: u64 = 184;
const WRITTEN: u64 = 70;
const ROUND: u64 = 131_072;

/// What was made and let go of (builder, lists), and is not given back by the allocator: of an atom, and of
/// few atoms more, up to a bound.
const LET_GO: u64 = 45;
const LET_GO_OF_FEW: u64 = 150;
const MOST_LET_GO_OF_FEW: u64 = 5_000_000;

/// Lists are made again on top of the records, of each atom that waits, which have taken what had been let go of.
const AGAIN: u64 = 80;

/// How often the words of a ghost from another rank are there, in buffers of this program and of MPI.
const TIMES_ON_THE_WAY: u64 = 2;

/// Bytes that a ghost's words take on their way: position, sums, adjoints, force.
fn travels(words: usize) -> u64 {
    2 * (8 * words as u64 + size_of::<[f64; 4]>() as u64)
}

/// What the observers of an input take, bytes of an atom.
pub fn observed(output: &OutputConfig) -> u64 {
    let is_watched = output.diffusion_window_ps.is_some();
    let (kept, told) = if is_watched { (WATCHED, TOLD) } else { (0, 0) };
    kept + told.max(if output.surface_interval_ps.is_some() { SURFACE } else { 0 })
}

/// Memory of a rank without files, bytes; `reach` of lists, Å; `observed` of an atom.
fn memory(share: &Share, threads: usize, field: &ForceField, reach: f64, observed: u64) -> u64 {
    let Share { atoms, ghosts, neighbours, received, waiting, .. } = *share;
    let word = 8 * field.words() as u64;
    let kept = if field.takes_half_lists() { Kept::Once } else { Kept::All };
    let each = neighbours as f64 / atoms.max(1) as f64;
    // Half lists have all entries that name ghosts, of which each sees a quarter of its surroundings.
    let of_ghosts = ghosts as f64 * each / 4.0;
    let lists =
        Neighbours::bytes_of(kept, atoms as usize, neighbours as usize + of_ghosts as usize)
            + Neighbours::bytes_of_portions(atoms as usize, threads, each);
    let own = field.bytes_of_atom(atoms as usize, each, reach);
    Atoms::bytes_of(atoms as usize, ghosts as usize) as u64
        + lists as u64
        + atoms * (size_of::<Vec3>() as u64 + FRAME + LET_GO + observed)
        + (atoms * LET_GO_OF_FEW).min(MOST_LET_GO_OF_FEW)
        + waiting.sums * word
        + waiting.records.min(atoms) * AGAIN
        + (waiting.records as f64 * own.records) as u64
        + ((atoms + ghosts) as f64 * own.prepared + atoms as f64 * own.kept) as u64
        + ghosts * (word + size_of::<u32>() as u64)
        + received * TIMES_ON_THE_WAY * travels(field.words())
}

/// What each rank of so many threads holds at the most, of which `per_node` share a node; bytes. `observed`: of an atom.
pub fn memories(
    shares: &[Share],
    (threads, per_node): (usize, usize),
    field: &ForceField,
    reach: f64,
    observed: u64,
) -> Vec<u64> {
    let ranks = shares.len();
    let base = if ranks > 2 { BASE + BASE_OF_MORE } else { BASE };
    let mut all: Vec<u64> =
        shares.iter().map(|s| base + memory(s, threads, field, reach, observed)).collect();
    let per_node = per_node.min(ranks).min(MOST_OF_A_NODE);
    let writers = WRITERS.min(per_node);
    let nodes = ranks.div_ceil(per_node.max(1));
    let atoms: u64 = shares.iter().map(|share| share.atoms).sum();
    let written = WRITTEN * ROUND.min(atoms / (nodes * writers).max(1) as u64);
    for node in all.chunks_mut(per_node.max(1)) {
        node.iter_mut().take(writers).for_each(|memory| *memory += written);
    }
    if let Some(first) = all.first_mut() {
        *first += FIRST + FIRST_PER_RANK * per_node as u64;
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
