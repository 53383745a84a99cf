//! Clusters: atoms that hang together by bonds (`exchange::connected`), neighbours within 1.21 of
//! `nearest_neighbour_distance` (`surroundings`), over all ranks and periodic boundaries.

use std::collections::BTreeMap;

use super::{Column, Series, Snapshot, Values};
use crate::dynamics::groups::View;
use crate::exchange::connected;

/// The clusters of all atoms.
pub struct Clusters {
    /// Of each owned atom the name of its cluster.
    pub of: Vec<u64>,
    /// Atoms of each cluster, by name, over all ranks; but for those of a single atom.
    sizes: BTreeMap<u64, i64>,
    /// Clusters of a single atom.
    alone: i64,
    /// Of each particle the cluster that most of its atoms are in; none without atoms.
    particles: Vec<Option<u64>>,
}

impl Clusters {
    /// Collective. `bond`: Å, within which lists are complete.
    pub fn find(snapshot: &Snapshot, bond: f64) -> Clusters {
        let View { atoms, comm, .. } = snapshot.system;
        let of = connected(atoms, snapshot.neighbours, comm, bond, |_, _| true);
        Clusters::count(snapshot, of)
    }

    /// Sizes of the clusters and those of particles.
    fn count(snapshot: &Snapshot, of: Vec<u64>) -> Clusters {
        let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
        let mut mine: BTreeMap<[u64; 2], u64> = BTreeMap::new();
        for (&name, &particle) in of.iter().zip(&atoms.particle) {
            *mine.entry([particle as u64, name]).or_default() += 1;
        }
        let mine: Vec<[u64; 3]> = mine.into_iter().map(|([k, name], n)| [k, name, n]).collect();
        let mut shares: BTreeMap<[u64; 2], i64> = BTreeMap::new();
        for [particle, name, count] in comm.all_gather(&mine).concat() {
            *shares.entry([particle, name]).or_default() += count as i64;
        }
        let last = shares.keys().next_back().map_or(0, |[particle, _]| *particle as usize);
        let mut most: Vec<Option<(i64, u64)>> = vec![None; last + 1];
        let mut sizes: BTreeMap<u64, i64> = BTreeMap::new();
        for ([particle, name], count) in shares {
            *sizes.entry(name).or_default() += count;
            let most = &mut most[particle as usize];
            if most.is_none_or(|(so_far, _)| count > so_far) {
                *most = Some((count, name));
            }
        }
        let all = sizes.len();
        sizes.retain(|_, size| *size > 1);
        let alone = (all - sizes.len()) as i64;
        let particles = most.into_iter().map(|most| most.map(|(_, name)| name)).collect();
        Clusters { of, sizes, alone, particles }
    }

    pub fn series(&self) -> Series {
        let sizes = self.sizes.values().copied();
        let particles = self.particles.iter();
        let name = |name: &Option<u64>| name.map_or(-1, |name| name as i64);
        let columns = vec![
            Column::count(
                "clusters",
                "clusters of two atoms or more, by bonds of at most 1.21 of \
                 `nearest_neighbour_distance`",
                self.sizes.len() as i64,
            ),
            Column::count("single_atoms", "atoms without a bond", self.alone),
            Column::count("largest", "atoms of the largest cluster", sizes.max().unwrap_or(0)),
            Column {
                name: "of_particles",
                unit: "1",
                definition: "the cluster that most atoms of each particle are in, by the lowest id \
                             in it: particles with the same one hang together",
                shape: vec![self.particles.len()],
                values: Values::Integer(particles.map(name).collect()),
            },
        ];
        Series { path: "/sinter/clusters", columns }
    }
}
