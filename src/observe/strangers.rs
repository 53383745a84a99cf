//! Where particles meet: atoms within the cutoff of one of another particle. Few are, so that most need not
//! be looked at: only those within the cutoff of the box around another particle. Boxes are those of what a rank sees of a particle;
//! which atoms are found does not depend on them.

use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

use super::neck;
use super::{Scene, Snapshot};
use crate::atoms::Atoms;
use crate::geometry::Vec3;

/// More than the roundings of boxes, Å.
const ROUNDING: f64 = 1e-6;

/// Of all owned atoms.
pub struct Strangers(Vec<Stranger>);

/// Within the cutoff of an owned atom, an atom of another particle, and the square of how far it is, Å².
struct Stranger {
    of: u32,
    particle: u32,
    square: f64,
}

impl Strangers {
    pub fn find(scene: &Scene) -> Strangers {
        let Snapshot { system, neighbours, .. } = &scene.snapshot;
        let atoms = system.atoms;
        let Atoms { owned, particle, .. } = atoms;
        let limit = scene.cutoff * scene.cutoff;
        let facing =
            facing(&atoms.position, particle, (scene.bodies.len(), scene.cutoff + ROUNDING));
        let may_see_others = |i: &usize| {
            facing[particle[*i] as usize].iter().any(|region| region.holds(&atoms.position[*i]))
        };
        let of_atom = |i: usize| {
            let others = neighbours.near_pairs_of(i).filter(move |&j| particle[j] != particle[i]);
            let others = others.map(move |j| (j, atoms.square_between(i, j)));
            others.filter(move |(_, square)| *square <= limit).flat_map(move |(j, square)| {
                let here = Stranger { of: i as u32, particle: particle[j], square };
                let there = Stranger { of: j as u32, particle: particle[i], square };
                std::iter::once(here).chain((j < *owned).then_some(there))
            })
        };
        let candidates = (0..*owned).into_par_iter().with_min_len(4096).filter(may_see_others);
        let mut all: Vec<Stranger> = candidates.flat_map_iter(of_atom).collect();
        all.sort_unstable_by_key(|stranger| (stranger.of, stranger.particle));
        Strangers(all)
    }

    /// Pairs of particles each of which has a layer of atoms that interact with the other's.
    /// Collective.
    pub fn touching(&self, scene: &Scene) -> BTreeSet<[u32; 2]> {
        let particle = &scene.snapshot.system.atoms.particle;
        let mut mine: BTreeMap<[u32; 2], [u64; 2]> = BTreeMap::new();
        let mut last = None;
        for stranger in &self.0 {
            // An atom counts once, however many of the other particle are near it.
            let this = Some((stranger.of, stranger.particle));
            if std::mem::replace(&mut last, this) == this {
                continue;
            }
            let (own, other) = (particle[stranger.of as usize], stranger.particle);
            let atoms = mine.entry([own.min(other), own.max(other)]).or_default();
            atoms[(own > other) as usize] += 1;
        }
        let mine: Vec<[u64; 4]> =
            mine.iter().map(|([a, b], [m, n])| [*a as u64, *b as u64, *m, *n]).collect();
        let mut all: BTreeMap<[u32; 2], [u64; 2]> = BTreeMap::new();
        for [a, b, m, n] in scene.snapshot.system.comm.all_gather(&mine).concat() {
            let atoms = all.entry([a as u32, b as u32]).or_default();
            *atoms = [atoms[0] + m, atoms[1] + n];
        }
        let layer = |atoms: &[u64; 2]| atoms.iter().all(|&n| n as i64 >= neck::LAYER);
        all.into_iter().filter(|(_, atoms)| layer(atoms)).map(|(pair, _)| pair).collect()
    }

    /// Whether an atom of this particle is within `distance` of an owned one.
    pub fn are_near(&self, i: usize, particle: u32, distance: f64) -> bool {
        let first = self.0.partition_point(|stranger| (stranger.of as usize) < i);
        let own = self.0[first..].iter().take_while(|stranger| stranger.of as usize == i);
        let mut near = own.filter(|stranger| stranger.square <= distance * distance);
        near.any(|stranger| stranger.particle == particle)
    }
}

/// A box, Å.
#[derive(Debug, Clone, Copy)]
struct Region {
    low: Vec3,
    high: Vec3,
}

impl Region {
    const EMPTY: Region = Region { low: [f64::INFINITY; 3], high: [f64::NEG_INFINITY; 3] };

    fn include(&mut self, position: &[f64; 4]) {
        for ((low, high), x) in self.low.iter_mut().zip(&mut self.high).zip(position) {
            (*low, *high) = (low.min(*x), high.max(*x));
        }
    }

    fn grown(&self, by: f64) -> Region {
        Region { low: self.low.map(|x| x - by), high: self.high.map(|x| x + by) }
    }

    fn holds(&self, position: &[f64; 4]) -> bool {
        (0..3).all(|d| self.low[d] <= position[d] && position[d] <= self.high[d])
    }

    fn meets(&self, other: &Region) -> bool {
        (0..3).all(|d| self.low[d] <= other.high[d] && other.low[d] <= self.high[d])
    }
}

/// By particle, the boxes around others that come within `reach` (Å) of its own, so much larger than these.
fn facing(
    positions: &[[f64; 4]],
    particle: &[u32],
    (particles, reach): (usize, f64),
) -> Vec<Vec<Region>> {
    let mut around = vec![Region::EMPTY; particles];
    for (position, particle) in positions.iter().zip(particle) {
        around[*particle as usize].include(position);
    }
    let mut seen: Vec<usize> =
        (0..particles).filter(|k| around[*k].low[0] < f64::INFINITY).collect();
    seen.sort_unstable_by(|a, b| around[*a].low[0].total_cmp(&around[*b].low[0]));
    let mut facing = vec![Vec::new(); particles];
    for (n, &one) in seen.iter().enumerate() {
        let large = around[one].grown(reach);
        // Along x they begin one behind the other.
        for &other in seen[n + 1..].iter().take_while(|k| around[**k].low[0] <= large.high[0]) {
            if large.meets(&around[other]) {
                facing[one].push(around[other].grown(reach));
                facing[other].push(large);
            }
        }
    }
    facing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    /// Clouds that overlap, touch, and stand apart, one of them empty.
    #[test]
    fn atoms_that_see_others_are_in_a_region_that_faces_their_particle() {
        let reach = 2.0;
        let centres =
            [[0.0; 3], [3.0, 0.5, -1.0], [9.0, 0.0, 0.0], [0.0, 30.0, 0.0], [3.0, 0.0, 4.0]];
        let mut noise = Stream::new(7, Purpose::Velocities, 0, 0);
        let (mut positions, mut particle) = (Vec::new(), Vec::new());
        for n in 0..600 {
            let of = [0, 1, 2, 3, 5][n % 5];
            let [x, y, z] = noise.normal_vector();
            let [a, b, c] = centres[n % 5];
            positions.push([a + x, b + y, c + z, 0.0]);
            particle.push(of);
        }
        let facing = facing(&positions, &particle, (6, reach));
        let (mut seen, mut held) = (0, 0);
        for (p, own) in positions.iter().zip(&particle) {
            let near =
                |q: &[f64; 4]| (0..3).map(|d| (p[d] - q[d]).powi(2)).sum::<f64>() <= reach * reach;
            let sees = positions.iter().zip(&particle).any(|(q, other)| other != own && near(q));
            let is_held = facing[*own as usize].iter().any(|region| region.holds(p));
            assert!(is_held || !sees, "{p:?} of {own}");
            (seen, held) = (seen + sees as usize, held + is_held as usize);
        }
        assert!(facing[3].is_empty() && facing[4].is_empty());
        assert!(
            seen > 200 && held < 500,
            "no test: {seen} of 600 see others, {held} are looked at"
        );
    }
}
