//! Which atoms hang together, over all ranks and periodic boundaries.
//!
//! Each rank joins what hangs together there, ghosts included, under the lowest id of its
//! atoms. Then every rank tells under which name it has the ghosts of others (that a ghost
//! and its owner are one atom makes their names one), and all ranks join all names alike.
//! The name of a cluster is the lowest id in it: a set of atoms has but one. It follows from places alone.

use std::collections::{BTreeMap, BTreeSet};

use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::neighbour::Neighbours;

/// Sets that are joined; each is named by its least member.
pub struct Sets(Vec<u32>);

impl Sets {
    /// So many sets of one member each.
    pub fn apart(members: usize) -> Sets {
        Sets((0..members as u32).collect())
    }

    pub fn count(&self) -> usize {
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

/// Of each owned atom the name of the cluster that it is in: the lowest id of those that hang together, over all
/// ranks, by neighbours nearer than `bond` (Å), within which lists are complete, that `belong` together
/// either way. Collective.
pub fn connected(
    atoms: &Atoms,
    neighbours: &Neighbours,
    comm: &Comm,
    bond: f64,
    belong: impl Fn(usize, usize) -> bool,
) -> Vec<u64> {
    let mut sets = Sets::apart(atoms.len());
    for i in 0..atoms.owned {
        let near = |j: &usize| atoms.square_between(i, *j) <= bond * bond;
        for j in neighbours.pairs_of(i).filter(near).filter(|&j| belong(i, j)) {
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
    names
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
