//! Clusters: atoms that hang together by bonds, neighbours within 1.21 of
//! `nearest_neighbour_distance` (`surroundings`), over all ranks and periodic boundaries.
//!
//! Each rank joins what hangs together there, ghosts included, under the lowest id of its
//! atoms. Then every rank tells under which name it has the ghosts of others (that a ghost
//! and its owner are one atom makes their names one), and all ranks join all names alike.
//! The name of a cluster is the lowest id in it: a set of atoms has but one.

use std::collections::{BTreeMap, BTreeSet};

use super::{Column, Series, Snapshot, Values, squared_distance};

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

/// Sets that are joined; each is named by its least member.
pub(super) struct Sets(Vec<u32>);

impl Sets {
    /// So many sets of one member each.
    pub fn apart(members: usize) -> Sets {
        Sets((0..members as u32).collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn root(&mut self, mut i: u32) -> u32 {
        while self.0[i as usize] != i {
            let above = self.0[self.0[i as usize] as usize];
            self.0[i as usize] = above;
            i = above;
        }
        i
    }

    /// Of each member the root.
    fn into_roots(mut self) -> Vec<u32> {
        (0..self.0.len()).for_each(|i| self.0[i] = self.root(i as u32));
        self.0
    }

    pub fn join(&mut self, i: u32, j: u32) {
        let (a, b) = (self.root(i), self.root(j));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

/// Two names of one cluster.
type Same = [u64; 2];

impl Clusters {
    /// Collective. `bond`: Å, within which lists are complete.
    pub fn find(snapshot: &Snapshot, bond: f64) -> Clusters {
        let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
        let mut sets = Sets::apart(atoms.len());
        for i in 0..atoms.owned {
            let near = |j: &usize| squared_distance(snapshot, i, *j) <= bond * bond;
            for j in snapshot.neighbours.pairs_of(i).filter(near) {
                sets.join(i as u32, j as u32);
            }
        }
        // Of each atom the name of what it hangs on: that of the root, which stands no later.
        let roots = sets.into_roots();
        let mut names = vec![u64::MAX; atoms.len()];
        for (&root, &id) in roots.iter().zip(&atoms.id) {
            names[root as usize] = names[root as usize].min(id);
        }
        for (i, &root) in roots.iter().enumerate().rev() {
            names[i] = names[root as usize];
        }

        // What others have as a ghost has a name there; a ghost that hangs on nothing, which is
        // its own root as no owned atom is, says nothing.
        let ghosts = (atoms.owned..atoms.len()).filter(|&i| roots[i] as usize != i);
        let mut mine: Vec<Same> = ghosts.map(|i| [atoms.id[i], names[i]]).collect();
        drop(roots);
        names.truncate(atoms.owned);
        mine.sort_unstable();
        mine.dedup();
        let mut there = comm.all_gather(&mine).concat();
        drop(mine);
        there.sort_unstable();
        let mut same = Vec::new();
        if !there.is_empty() {
            for (&id, &name) in atoms.id.iter().zip(&names) {
                let first = there.partition_point(|[ghost, _]| *ghost < id);
                let other = there[first..].iter().take_while(|[ghost, _]| *ghost == id);
                same.extend(other.map(|&[_, other]| [name, other]).filter(|[a, b]| a != b));
            }
        }
        drop(there);
        same.sort_unstable();
        same.dedup();
        let joined = join(comm.all_gather(&same).concat());
        if !joined.is_empty() {
            names.iter_mut().for_each(|name| *name = joined.get(name).copied().unwrap_or(*name));
        }
        Clusters::count(snapshot, names)
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

/// The name that each of these names goes by at last: the lowest that is the same.
fn join(same: Vec<Same>) -> BTreeMap<u64, u64> {
    let all: BTreeSet<u64> = same.iter().flatten().copied().collect();
    let names: Vec<u64> = all.into_iter().collect();
    let number = |name: &u64| names.binary_search(name).expect("one of them") as u32;
    let mut sets = Sets::apart(names.len());
    same.iter().for_each(|[one, other]| sets.join(number(one), number(other)));
    names.iter().map(|name| (*name, names[sets.root(number(name)) as usize])).collect()
}
