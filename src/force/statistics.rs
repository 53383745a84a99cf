//! What the division of atoms between ranks came to: figures for the log, for planning, and for when to divide anew.

use crate::comm::Comm;
use crate::exchange::Traffic;

/// Figures for the log and for planning, over all ranks, as of the last rebuild.
#[derive(Debug, Clone, Copy, Default)]
pub struct Statistics {
    /// Neighbour lists built so far.
    pub rebuilds: u64,
    /// How often space was divided anew.
    pub divisions: u64,
    pub atoms: u64,
    pub ghosts: u64,
    /// Entries of the neighbour lists; twice the number of pairs within reach.
    pub neighbours: u64,
    /// The smallest and the largest share of the work that a rank shall have, over the mean.
    pub shares: [f64; 2],
    /// Cost of this rank, counted in neighbours, were its share an even one.
    pub load: u64,
    /// The greatest of these over the mean.
    pub imbalance: f64,
    /// Most owned atoms and most ghosts on one rank.
    pub most_atoms: u64,
    pub most_ghosts: u64,
    /// What an evaluation of the forces sends: most of one rank, and all ranks together.
    pub most_traffic: Traffic,
    pub traffic: Traffic,
}

impl Statistics {
    /// What each rank says of itself (`rebuilds`, `divisions` and `shares` are the same on all) over all of them. Collective.
    pub fn over_ranks(self, comm: &Comm) -> Statistics {
        let Statistics { atoms, ghosts, neighbours, load, traffic, .. } = self;
        let mut sums =
            [atoms, ghosts, neighbours, traffic.messages, traffic.bytes].map(|n| n as i64);
        comm.sum_i64(&mut sums);
        let mut most = [load, atoms, ghosts, traffic.messages, traffic.bytes].map(|n| n as i64);
        comm.max_i64(&mut most);
        let [atoms, ghosts, neighbours, messages, bytes] = sums.map(|n| n as u64);
        let traffic = Traffic { messages, bytes };
        let [most_load, most_atoms, most_ghosts, messages, bytes] = most.map(|n| n as u64);
        let most_traffic = Traffic { messages, bytes };
        let mean = (atoms + neighbours) as f64 / comm.size() as f64;
        let imbalance = if mean > 0.0 { most_load as f64 / mean } else { 1.0 };
        Statistics {
            atoms,
            ghosts,
            neighbours,
            imbalance,
            most_atoms,
            most_ghosts,
            most_traffic,
            traffic,
            ..self
        }
    }
}
