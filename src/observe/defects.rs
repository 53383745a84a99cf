//! Defects between particles: inner atoms in no crystal, of which cores of dislocations and planes of boundaries are made.
//!
//! An atom is one of a defect if what is around it is no crystal (`cna`: other), and neither it nor a neighbour is at a surface
//! (`surroundings`). Those that are bonded to each other are one defect. It lies between two particles if its atoms and
//! their neighbours came from both. Heat makes some of a crystal's atoms look so, most of them alone.
//!
//! Counts do not depend on ranks.

use std::collections::BTreeMap;

use super::cna::Class;
use super::surroundings::AllSurroundings;
use super::{Contact, Snapshot};
use crate::exchange::{Routes, connected};

/// Of each pair the atoms of defects between its particles. Collective.
pub fn between(
    snapshot: &Snapshot,
    routes: &Routes,
    around: &AllSurroundings,
    contacts: &[Contact],
) -> Vec<i64> {
    let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
    let with_ghosts = |own: Vec<bool>| -> Vec<bool> {
        let own = own.into_iter().map(i64::from).collect();
        routes.with_ghosts(comm, own, 1).into_iter().map(|flag| flag != 0).collect()
    };
    // Of an owned atom all neighbours are seen, be they ghosts; of a ghost its owner sees them.
    let bonded = |i: usize| snapshot.bonded(i, around.bond);
    let at_surface = with_ghosts(around.of.iter().map(|atom| atom.is_surface).collect());
    let mut inside = at_surface.iter().map(|at| !at).collect::<Vec<bool>>();
    for i in 0..atoms.owned {
        for j in bonded(i) {
            inside[i] &= !at_surface[j];
            inside[j] &= !at_surface[i];
        }
    }
    let is_defect = |(atom, inside): (&super::Surroundings, &bool)| {
        *inside && atom.class == Class::Other && atom.coordination > 0
    };
    let defect = with_ghosts(around.of.iter().zip(&inside).map(is_defect).collect());
    let both = |i: usize, j: usize| defect[i] && defect[j];
    let names = connected(atoms, snapshot.neighbours, comm, around.bond, both);

    // Of each defect its atoms by particle; none of those that only neighbours came from.
    let mut mine: BTreeMap<[u64; 2], u64> = BTreeMap::new();
    for i in 0..atoms.owned {
        if defect[i] {
            *mine.entry([names[i], atoms.particle[i] as u64]).or_default() += 1;
        }
        for j in bonded(i).filter(|&j| atoms.particle[i] != atoms.particle[j]) {
            for (here, there) in [(i, j), (j, i)] {
                if here < atoms.owned && defect[here] {
                    mine.entry([names[here], atoms.particle[there] as u64]).or_default();
                }
            }
        }
    }
    let mine: Vec<[u64; 3]> = mine.into_iter().map(|([name, k], n)| [name, k, n]).collect();
    let mut defects: BTreeMap<u64, BTreeMap<u64, u64>> = BTreeMap::new();
    for [name, particle, count] in comm.all_gather(&mine).concat() {
        *defects.entry(name).or_default().entry(particle).or_default() += count;
    }
    let of_pair = |contact: &Contact| {
        let is_between = |of: &&BTreeMap<u64, u64>| {
            contact.particles.iter().all(|k| of.contains_key(&u64::from(*k)))
        };
        let own = defects.values().filter(is_between);
        own.map(|of| of.values().sum::<u64>() as i64).sum()
    };
    contacts.iter().map(of_pair).collect()
}
