//! A rank's atoms with all others within a distance that lists and ghosts of the potential do
//! not reach.

use super::Snapshot;
use crate::atoms::Atoms;
use crate::exchange::{Routes, share_ghosts};

pub struct Wide {
    /// The atoms of this rank that act on others, and ghosts of their own; without forces.
    pub atoms: Atoms,
    /// Of each owned one its number in the snapshot.
    pub from: Vec<usize>,
    /// Of these ghosts.
    pub routes: Routes,
}

impl Wide {
    /// With all atoms and images within `reach` (Å). Collective.
    pub fn find(snapshot: &Snapshot, reach: f64) -> Wide {
        let (all, cell) = (snapshot.system.atoms, snapshot.system.cell);
        let from: Vec<usize> = (0..all.owned).filter(|&i| !all.is_removed(i)).collect();
        let wrapped = |&i: &usize| {
            let mut atom = all.record(i);
            let [x, y, z] = atom.position;
            let mut place = [x, y, z, 0.0];
            cell.wrap(&mut place, &mut atom.image);
            atom.position = [place[0], place[1], place[2]];
            atom
        };
        let list: Vec<_> = from.iter().map(wrapped).collect();
        let mut atoms = Atoms::from_list(&list);
        let routes = share_ghosts(snapshot.system.comm, cell, reach, &mut atoms);
        Wide { atoms, from, routes }
    }
}
