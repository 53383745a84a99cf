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
    /// Greatest cost of a rank over the mean, counted in neighbours.
    pub imbalance: f64,
    /// Most owned atoms and most ghosts on one rank.
    pub most_atoms: u64,
    pub most_ghosts: u64,
    /// What an evaluation of the forces sends: most of one rank, and all ranks together.
    pub most_traffic: Traffic,
    pub traffic: Traffic,
}

impl Statistics {
    /// What each rank says of itself (`rebuilds` and `divisions` are the same on all) over all of them. Collective.
    pub fn over_ranks(self, comm: &Comm) -> Statistics {
        let Statistics { rebuilds, divisions, atoms, ghosts, neighbours, traffic, .. } = self;
        let cost = atoms + neighbours;
        let mut sums =
            [atoms, ghosts, neighbours, traffic.messages, traffic.bytes].map(|n| n as i64);
        comm.sum_i64(&mut sums);
        let mut most = [cost, atoms, ghosts, traffic.messages, traffic.bytes].map(|n| n as i64);
        comm.max_i64(&mut most);
        let [atoms, ghosts, neighbours, messages, bytes] = sums.map(|n| n as u64);
        let traffic = Traffic { messages, bytes };
        let [cost, most_atoms, most_ghosts, messages, bytes] = most.map(|n| n as u64);
        let most_traffic = Traffic { messages, bytes };
        let mean = (atoms + neighbours) as f64 / comm.size() as f64;
        let imbalance = if mean > 0.0 { cost as f64 / mean } else { 1.0 };
        Statistics {
            rebuilds,
            divisions,
            atoms,
            ghosts,
            neighbours,
            imbalance,
            most_atoms,
            most_ghosts,
            most_traffic,
            traffic,
        }
    }
}
