//! Who grew together with whom, and when: a row of `/sinter/mergers` for each neck when it stands.
//!
//! Particles between which necks stand are one cluster, named by the least of them, as long as they
//! stand; what fills the box beside them joins none. A row says which clusters its neck joins, so
//! the rows in their order are the history of each.

use super::contact::{Closure, Contact, fills};
use super::{Column, Series, Values};
use crate::build::Filling;
use crate::exchange::Sets;

/// Clusters of particles that necks have joined; what fills the box joins none.
struct Grown {
    sets: Sets,
    filling: Option<Filling>,
}

impl Grown {
    /// Before any neck stands.
    fn apart(particles: usize, filling: Option<Filling>) -> Grown {
        Grown { sets: Sets::apart(particles), filling }
    }

    fn join(&mut self, [a, b]: [u32; 2]) {
        if !fills(self.filling, b) {
            self.sets.join(a, b);
        }
    }

    /// The clusters of two particles, with how many particles in each.
    fn of(&mut self, pair: [u32; 2]) -> [(u32, usize); 2] {
        let names = pair.map(|k| self.sets.root(k));
        let mut counts = [0; 2];
        for root in 0..self.sets.count() as u32 {
            let root = self.sets.root(root);
            (0..2).for_each(|side| counts[side] += (names[side] == root) as usize);
        }
        [(names[0], counts[0]), (names[1], counts[1])]
    }
}

/// The rows of the pairs `new`, in their order, between which necks stand since now.
pub fn mergers(
    contacts: &[Contact],
    new: &[usize],
    particles: usize,
    filling: Option<Filling>,
) -> Vec<Series> {
    if new.is_empty() {
        return Vec::new();
    }
    let mut grown = Grown::apart(particles, filling);
    for (k, contact) in contacts.iter().enumerate() {
        if contact.neck_since_ps.is_some() && new.binary_search(&k).is_err() {
            grown.join(contact.particles);
        }
    }
    let row = |&k: &usize| {
        let contact = &contacts[k];
        let before = grown.of(contact.particles);
        grown.join(contact.particles);
        merger(contact, before)
    };
    new.iter().map(row).collect()
}

/// The row of a neck that stands since now, between clusters of so many particles.
fn merger(contact: &Contact, clusters: [(u32, usize); 2]) -> Series {
    let two = |name, definition, values: [i64; 2]| Column {
        name,
        unit: "1",
        definition,
        shape: vec![2],
        values: Values::Integer(values.to_vec()),
    };
    let known = |value: Option<f64>| value.unwrap_or(f64::NAN);
    let columns = vec![
        two(
            "particles",
            "the two particles between which a neck stands, found at this step",
            contact.particles.map(|k| k as i64),
        ),
        two(
            "clusters",
            "the clusters that the two belonged to before, each by the lowest particle in it; from \
             now on they are one, named by the lower; twice the same if they were one already. \
             Particles that a neck joins are one cluster as long as it stands; what fills the box \
             joins none",
            clusters.map(|(cluster, _)| cluster as i64),
        ),
        two(
            "cluster_particles",
            "how many particles each of these clusters had",
            clusters.map(|(_, particles)| particles as i64),
        ),
        Column::real(
            "first_contact_time",
            "ps",
            "when the gap was first found closed",
            known(contact.first_closed_ps),
        ),
        Column::real("neck_time", "ps", "since when the neck stands", known(contact.neck_since_ps)),
        Column::real(
            "approach",
            "Angstrom",
            "how much nearer the centres were at the first contact than when the pair was found",
            known(contact.approach()),
        ),
        Column::text(
            "closure",
            "how the gap was closed: by `migration` if the approach was more than half of the \
             first gap and more than 1 Å, or if the pair came into reach within one interval of the series, else by \
             `surface diffusion`; `touching` if it was never open",
            contact.closure().map_or("", Closure::name),
        ),
    ];
    Series { path: "/sinter/mergers", columns }
}
