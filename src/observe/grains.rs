//! Grains: atoms whose lattices lie alike and that hang together, over all ranks and periodic
//! boundaries.
//!
//! The lattice of an atom is fcc, hcp or bcc with the orientation that its template has
//! (`templates`). Angles between lattices of one kind are the least of all rotations that are the same to
//! the lattice. Heat turns single lattices by some degrees, so the orientation is averaged with those of
//! the neighbours (`surroundings`) that are less than `NEARLY` apart. Then neighbours belong together whose
//! lattices are less than `ALIKE` apart.
//!
//! Stacking faults part no grain, twin boundaries do: an atom in hcp surroundings with atoms in fcc
//! among its twelve neighbours takes the lattice that most of these have, which in a fault is that on
//! both of its sides, and has none where as many have another, as in a twin boundary.
//! Without fcc beside it, it is of a hcp grain.
//!
//! Grains of fewer than `FEWEST` atoms are none. All others are numbered from 1 on in the order of
//! the lowest ids in them. Boundaries of low angle, through which lattices bend atom by atom, part
//! nothing.
//!
//! Orientations travel as whole numbers, rounded to some hundredths of a degree, so that all ranks
//! see the same.

use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::sync::LazyLock;

use rayon::prelude::*;

use super::cna::Class;
use super::superposition::Quaternion;
use super::surroundings::AllSurroundings;
use super::templates::Match;
use super::{Column, Series, Snapshot, Values};
use crate::exchange::{Routes, connected};
use crate::fixed::Quantum;
use crate::neighbour::Portion;

/// Cosine of half of 2°: what is left of heat is below it, and a boundary of 14° in a neck a few atoms
/// wide is above, where the lattice bends from one side to the other.
const ALIKE: f64 = 0.999_847_695_156_391_3;
/// And of 10°.
const NEARLY: f64 = 0.996_194_698_091_745_5;
const FEWEST: i64 = 50;

/// Of components of unit quaternions.
const QUANTUM: Quantum = Quantum::STANDARD;

/// Of the components of an orientation, each in its bits of a word.
const BITS: u32 = 15;
const LARGEST: f64 = (1 << (BITS - 1)) as f64 - 1.0;

/// The lattice of an atom in a word: its class, and behind it the four components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Lattice(i64);

impl Lattice {
    const NONE: Lattice = Lattice(Class::Other as i64);

    fn of(found: &Match) -> Lattice {
        if matches!(found.class, Class::Other | Class::Icosahedral) {
            return Lattice::NONE;
        }
        Lattice::new(found.class, found.rotation)
    }

    fn new(class: Class, rotation: Quaternion) -> Lattice {
        let word = |word: i64, x: &f64| word << BITS | (x * LARGEST + LARGEST).round() as i64;
        Lattice(rotation.iter().fold(class as i64, word))
    }

    fn class(self) -> Class {
        Class::from_number(self.0 >> (4 * BITS))
    }

    fn rotation(self) -> Quaternion {
        let component = |k: u32| (self.0 >> (BITS * (3 - k)) & ((1 << BITS) - 1)) as f64 - LARGEST;
        unit([0, 1, 2, 3].map(component))
    }

    fn is_like(self, other: Lattice) -> bool {
        self.class() == other.class()
            && self.class() != Class::Other
            && nearest(self, other, ALIKE).is_some()
    }

    /// With the orientation averaged over those beside it that are nearly alike.
    fn among(self, beside: impl Iterator<Item = Lattice>) -> Lattice {
        let mut sum = self.rotation().map(|x| QUANTUM.round(x));
        for other in beside.filter(|other| other.class() == self.class()) {
            let rotation = nearest(self, other, NEARLY).unwrap_or([0.0; 4]);
            (0..4).for_each(|k| sum[k] += QUANTUM.round(rotation[k]));
        }
        Lattice::new(self.class(), unit(sum.map(|quanta| QUANTUM.value(quanta))))
    }
}

fn unit(q: Quaternion) -> Quaternion {
    let length = q.iter().map(|x| x * x).sum::<f64>().sqrt();
    q.map(|x| x / length)
}

/// First q, then p.
fn product(p: Quaternion, q: Quaternion) -> Quaternion {
    let ([a, b, c, d], [w, x, y, z]) = (p, q);
    [
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    ]
}

fn inverse([w, x, y, z]: Quaternion) -> Quaternion {
    [w, -x, -y, -z]
}

/// The rotations that are the same to fcc and bcc, up to the sign of the quaternion.
static CUBIC: LazyLock<Vec<Quaternion>> = LazyLock::new(|| {
    // Whole turns and half turns about axes; quarters about these and half turns about diagonals of
    // faces; thirds about diagonals of the cube.
    let component = |k: usize| [-1.0, 0.0, 1.0][k % 3];
    let all = (0..81).map(|n| [n / 27, n / 9, n / 3, n].map(component));
    let is_first = |q: &Quaternion| q.iter().find(|x| **x != 0.0) == Some(&1.0);
    let parts = |q: &Quaternion| q.iter().filter(|x| **x != 0.0).count();
    all.filter(|q| is_first(q) && parts(q) != 3).map(unit).collect()
});

/// And to hcp: sixths of a turn about z, half turns about six axes across it.
static HEXAGONAL: LazyLock<Vec<Quaternion>> = LazyLock::new(|| {
    let twelfths = || (0..6).map(|k| k as f64 * PI / 6.0).map(|a| (libm::cos(a), libm::sin(a)));
    let about = twelfths().map(|(c, s)| [c, 0.0, 0.0, s]);
    about.chain(twelfths().map(|(c, s)| [0.0, c, s, 0.0])).collect()
});

/// The rotation of the second lattice by the name that brings it nearest to the first one, of the same
/// kind; none where it is farther than by twice the angle of this cosine.
fn nearest(one: Lattice, other: Lattice, half_cosine: f64) -> Option<Quaternion> {
    let group = if one.class() == Class::Hcp { &HEXAGONAL } else { &CUBIC };
    let rotation = other.rotation();
    let turn = product(one.rotation(), inverse(rotation));
    let along = |name: &Quaternion| (0..4).map(|k| name[k] * turn[k]).sum::<f64>();
    let best = group.iter().max_by(|a, b| along(a).abs().total_cmp(&along(b).abs()))?;
    let cosine = along(best);
    (cosine.abs() > half_cosine)
        .then(|| product(*best, rotation).map(|x| if cosine < 0.0 { -x } else { x }))
}

/// The grains of all atoms.
pub struct Grains {
    /// Of each owned atom the number of its grain, 0 for none.
    pub of: Vec<i32>,
    /// Atoms of each, from the first on.
    sizes: Vec<i64>,
    /// Of each particle the grain that most of its atoms are in, and how many these are.
    particles: Vec<(i64, i64)>,
}

impl Grains {
    /// From what templates the owned atoms match. Collective.
    pub fn find(
        snapshot: &Snapshot,
        routes: &Routes,
        around: &AllSurroundings,
        matches: &[Match],
    ) -> Grains {
        let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
        let own: Vec<i64> = matches.iter().map(|found| Lattice::of(found).0).collect();
        let with_ghosts = |own: Vec<i64>| -> Vec<Lattice> {
            routes.with_ghosts(comm, own, 1).into_iter().map(Lattice).collect()
        };
        let mut own = averaged(snapshot, around.bond, &with_ghosts(own));
        let found = with_ghosts(own.clone());
        for of in &around.hexagonal {
            let i = of.atom as usize;
            if found[i].class() == Class::Hcp {
                own[i] = beside(found[i], of.near.map(|j| found[j as usize])).0;
            }
        }
        let lattices = with_ghosts(own);
        let alike = |i: usize, j: usize| lattices[i].is_like(lattices[j]);
        let names = connected(atoms, snapshot.neighbours, comm, around.bond, alike);
        let in_some = |i: usize| lattices[i] != Lattice::NONE;

        let mut mine: BTreeMap<[u64; 2], u64> = BTreeMap::new();
        for i in (0..atoms.owned).filter(|i| in_some(*i)) {
            *mine.entry([names[i], atoms.particle[i] as u64]).or_default() += 1;
        }
        let mine: Vec<[u64; 3]> = mine.into_iter().map(|([name, k], n)| [name, k, n]).collect();
        let mut shares: BTreeMap<u64, BTreeMap<u64, i64>> = BTreeMap::new();
        for [name, particle, count] in comm.all_gather(&mine).concat() {
            *shares.entry(name).or_default().entry(particle).or_default() += count as i64;
        }
        shares.retain(|_, of| of.values().sum::<i64>() >= FEWEST);

        let mut particles = vec![(0, 0); super::particles(snapshot)];
        for (number, (particle, &count)) in
            shares.values().enumerate().flat_map(|(n, of)| of.iter().map(move |share| (n, share)))
        {
            let most = &mut particles[*particle as usize];
            if count > most.1 {
                *most = (number as i64 + 1, count);
            }
        }
        let numbers: BTreeMap<u64, i32> = shares.keys().copied().zip(1..).collect();
        let number = |i: usize| numbers.get(&names[i]).copied().filter(|_| in_some(i)).unwrap_or(0);
        Grains {
            of: (0..atoms.owned).map(number).collect(),
            sizes: shares.values().map(|of| of.values().sum()).collect(),
            particles,
        }
    }

    pub fn series(&self) -> Series {
        let of_particles = |name, definition, of: fn(&(i64, i64)) -> i64| Column {
            name,
            unit: "1",
            definition,
            shape: vec![self.particles.len()],
            values: Values::Integer(self.particles.iter().map(of).collect()),
        };
        let columns = vec![
            Column::count(
                "grains",
                "grains of 50 atoms or more: neighbours whose lattices by template are less than 2° \
                 apart, averaged over neighbours, across stacking faults but not across twin boundaries",
                self.sizes.len() as i64,
            ),
            Column::count("atoms", "atoms in these grains", self.sizes.iter().sum()),
            Column::count(
                "largest",
                "atoms of the largest grain",
                self.sizes.iter().copied().max().unwrap_or(0),
            ),
            of_particles(
                "of_particles",
                "the grain that most atoms of each particle are in, numbered from 1 in the order of \
                 the lowest ids in grains, 0 for none: particles with the same one are one crystal",
                |most| most.0,
            ),
            of_particles(
                "atoms_of_particles",
                "how many atoms of the particle these are",
                |most| most.1,
            ),
        ];
        Series { path: "/sinter/grains", columns }
    }
}

/// The lattices of owned atoms, averaged with those of their neighbours.
fn averaged(snapshot: &Snapshot, bond: f64, lattices: &[Lattice]) -> Vec<i64> {
    let (atoms, neighbours) = (snapshot.system.atoms, snapshot.neighbours);
    let of_portion = |portion: &Portion| {
        let lists = neighbours.whole_of(portion);
        let of = |i: usize| {
            let near = lists.of(i).iter().map(|&j| j as usize);
            let near = near.filter(|&j| atoms.square_between(i, j) <= bond * bond);
            match lattices[i] {
                Lattice::NONE => Lattice::NONE.0,
                own => own.among(near.map(|j| lattices[j])).0,
            }
        };
        portion.atoms.clone().map(of).collect::<Vec<i64>>()
    };
    let portions = neighbours.portions(rayon::current_num_threads());
    portions.par_iter().map(of_portion).collect::<Vec<_>>().concat()
}

/// The lattice of an atom in hcp surroundings: that of most atoms in fcc beside it, its own without any.
fn beside(own: Lattice, near: [Lattice; 12]) -> Lattice {
    let fcc = || near.into_iter().filter(|other| other.class() == Class::Fcc);
    let alike = |one: Lattice| fcc().filter(|other| one.is_like(*other)).count();
    let Some(most) = fcc().map(alike).max() else { return own };
    let best = fcc().find(|one| alike(*one) == most).expect("one of them has most");
    let is_rival = |other: Lattice| alike(other) == most && !best.is_like(other);
    if fcc().any(is_rival) { Lattice::NONE } else { best }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(axis: [f64; 3], degrees: f64) -> Quaternion {
        let length = axis.iter().map(|x| x * x).sum::<f64>().sqrt();
        let half = 0.5 * degrees.to_radians();
        let [x, y, z] = axis.map(|x| libm::sin(half) * x / length);
        [libm::cos(half), x, y, z]
    }

    #[test]
    fn lattices_are_alike_up_to_their_symmetry() {
        assert_eq!([CUBIC.len(), HEXAGONAL.len()], [24, 12]);
        let lattice = Lattice::new;
        let first = about([1.0, 2.0, 3.0], 77.0);
        let turned = |axis, degrees| product(about(axis, degrees), first);
        for (axis, degrees, cubic, hexagonal) in [
            ([0.0, 0.0, 1.0], 0.0, true, true),
            ([0.0, 0.0, 1.0], 1.9, true, true),
            ([0.0, 0.0, 1.0], 2.1, false, false),
            ([0.0, 0.0, 1.0], 90.0, true, false),
            ([0.0, 0.0, 1.0], 61.9, false, true),
            ([0.0, 0.0, 1.0], 180.0, true, true),
            ([1.0, 0.0, 0.0], 91.9, true, false),
            ([1.0, 0.0, 0.0], 181.9, true, true),
            ([1.0, 1.0, 1.0], 120.0, true, false),
            ([1.0, 1.0, 1.0], 60.0, false, false),
            ([1.0, 1.0, 0.0], 180.0, true, false),
            ([3f64.sqrt(), 1.0, 0.0], 180.0, false, true),
        ] {
            let other = turned(axis, degrees);
            for (class, wanted) in
                [(Class::Fcc, cubic), (Class::Bcc, cubic), (Class::Hcp, hexagonal)]
            {
                let one = lattice(class, first);
                assert_eq!(
                    one.is_like(lattice(class, other)),
                    wanted,
                    "{class:?} {axis:?} {degrees}"
                );
            }
        }
        assert!(!lattice(Class::Fcc, first).is_like(lattice(Class::Bcc, first)));
        assert!(!Lattice::NONE.is_like(Lattice::NONE));
    }
}
