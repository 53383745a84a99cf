//! What stands around each atom: its crystal, its neighbours, whether it is at a surface.
//!
//! A length for all: d, the mean distance to the twelve nearest neighbours, over the atoms
//! that have as many within the cutoff of the potential. Hot or alloyed, it follows.
//!
//! Coordination. Neighbours within (1 + √2)/2 d, half-way between first and second
//! neighbours of fcc, and beyond both shells of bcc.
//!
//! Surface. With u_j the directions to the neighbours within 3/2 d, an atom is at a surface
//! if they leave a cone empty: about −Σ u_j, the direction that they leave most room in,
//! with half an angle of 45°; atoms without a neighbour are at none (Wang, Teitel, Dellago, J. Chem. Phys. 122 (2005) 214722, who
//! have the cone and ask for some direction). Unlike a bound on the coordination it holds
//! for melts and hot crystals: on the pair of tests/reference OVITO's surface (alpha
//! shape, 2.8 Å) has 824 atoms, and 12 differ.
//!
//! Host. The particle that more than half of the neighbours came from, or else the atom's own:
//! an atom that went over to another particle, through the vapour or a neck, has it as host.
//!
//! Nothing beyond the cutoff of the potential is looked at, as far as lists are complete on
//! any ranks; whatever depends on the order of neighbours is sorted or summed as integers.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use super::Snapshot;
use super::cna::{Class, FIRST_SHELL, HALF_WAY, SHELLS, classify};
use super::faults::Hexagonal;
use super::lattice::Bonds;
use super::shells::Shells;
use super::templates::{self, CANDIDATES, Match};
use crate::atoms::Atoms;
use crate::fixed::{ExactSum, Quantum};
use crate::geometry::{Vec3, dot, norm, scale, sub};
use crate::neighbour::WholeLists;

/// Radius of the surroundings in which a cone is looked for, in units of d.
const CONE_REACH: f64 = 1.5;

/// (√2 + √3)/2: half-way between second and third neighbours of fcc, in units of d.
const SECOND_SHELL: f64 = 0.5 * (std::f64::consts::SQRT_2 + 1.732_050_807_568_877_2);

/// Cosine of half the angle of the cone.
const CONE: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Of components of unit vectors.
pub const DIRECTION: Quantum = Quantum::STANDARD;

/// Of one atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surroundings {
    pub class: Class,
    pub is_surface: bool,
    pub coordination: u8,
    /// The particle that it belongs to.
    pub host: u32,
}

/// An atom at the surface.
pub struct Exposed {
    pub atom: u32,
    /// The direction that its neighbours leave most room in, a unit vector.
    pub outward: Vec3,
    /// Those of its neighbours that are bonded to it.
    pub near: Vec<u32>,
}

/// Of the atoms of this rank, and what they have in common over all ranks.
pub struct AllSurroundings {
    pub of: Vec<Surroundings>,
    /// Of cubic crystals, by the particle that their atoms came from; on this rank.
    pub bonds: BTreeMap<u32, Bonds>,
    /// Which species stand beside which, by particle; on this rank, of several species only.
    pub shells: BTreeMap<u32, Shells>,
    /// d, Å; none where no atom has twelve neighbours.
    pub nearest: Option<f64>,
    /// Neighbours are within, Å.
    pub bond: f64,
    /// And what may fill a cone, Å.
    pub cone: f64,
    /// Of the atoms of this rank what template they match, if that is asked for.
    pub matches: Option<Vec<Match>>,
    /// The atoms of this rank at the surface.
    pub exposed: Vec<Exposed>,
    /// Those in hcp surroundings by their class, or the template that they match.
    pub hexagonal: Vec<Hexagonal>,
}

impl AllSurroundings {
    /// Of all owned atoms. Collective. `cutoff`: Å, within which lists are complete.
    pub fn find(snapshot: &Snapshot, cutoff: f64) -> AllSurroundings {
        let (atoms, neighbours) = (snapshot.system.atoms, snapshot.neighbours);
        let portions = neighbours.portions(rayon::current_num_threads());
        let around = |portion| Vicinity { atoms, lists: neighbours.whole_of(portion) };
        let bound = snapshot.settings.template_rmsd;
        let mut crystals: Vec<Crystals> = portions
            .par_iter()
            .map(|portion| around(portion).crystals(portion.atoms.clone(), cutoff, bound))
            .collect();

        let mut bonds = BTreeMap::<u32, Bonds>::new();
        let mut sums = [0, 0];
        for part in &crystals {
            part.bonds.iter().for_each(|(k, more)| bonds.entry(*k).or_default().merge(more));
            sums = [sums[0] + part.distances.0, sums[1] + part.full];
        }
        snapshot.system.comm.sum_i128(&mut sums);
        let nearest = (sums[1] > 0).then(|| ExactSum(sums[0]).value() / sums[1] as f64);
        let within = |multiple: f64| nearest.map_or(cutoff, |d| (multiple * d).min(cutoff));
        let bond = within(HALF_WAY);
        let species = snapshot.system.masses.len();
        // Lists that end within the second shell would favour its nearer atoms.
        let second = nearest.map_or(0.0, |d| SECOND_SHELL * d).min(cutoff);
        let reaches = [bond, within(CONE_REACH), if species > 1 { second } else { 0.0 }];
        let parts: Vec<_> = portions
            .par_iter()
            .zip(&crystals)
            .map(|(portion, part)| {
                around(portion).shells(portion.atoms.clone(), &part.classes, reaches, species)
            })
            .collect();
        let (mut of, mut shells) = (Vec::with_capacity(atoms.owned), BTreeMap::new());
        let mut exposed = Vec::new();
        for part in parts {
            of.extend(part.around);
            exposed.extend(part.exposed);
            for (k, more) in part.shells {
                shells.entry(k).or_insert_with(|| Shells::new(species)).merge(&more);
            }
        }
        let matches = crystals.iter_mut().flat_map(|part| std::mem::take(&mut part.matches));
        let matches = bound.map(|_| matches.collect());
        let hexagonal = crystals.into_iter().flat_map(|part| part.hexagonal).collect();
        let cone = reaches[1];
        AllSurroundings { of, bonds, shells, nearest, bond, cone, matches, exposed, hexagonal }
    }
}

/// What the first look at some atoms tells.
#[derive(Default)]
struct Crystals {
    classes: Vec<Class>,
    /// None if templates are not asked for.
    matches: Vec<Match>,
    bonds: BTreeMap<u32, Bonds>,
    hexagonal: Vec<Hexagonal>,
    /// Of atoms with twelve neighbours the mean distances to these, and how many there are.
    distances: ExactSum,
    full: i128,
}

/// And what the second one does.
#[derive(Default)]
struct Shown {
    around: Vec<Surroundings>,
    exposed: Vec<Exposed>,
    shells: BTreeMap<u32, Shells>,
}

/// The atoms about each owned atom of a portion.
struct Vicinity<'a> {
    atoms: &'a Atoms,
    lists: WholeLists,
}

/// A neighbour: its index, the vector to it and the square of that, and so it is ordered:
/// of those as far away as each other the one with the lower id, then the lower vector.
struct Near {
    index: usize,
    square: f64,
    apart: Vec3,
}

impl Vicinity<'_> {
    /// Puts the neighbours within `reach` of an owned atom into `near`.
    fn find(&self, i: usize, reach: f64, near: &mut Vec<Near>) {
        let Vicinity { atoms, lists } = self;
        let place = |i: usize| -> Vec3 {
            let [x, y, z, _] = atoms.position[i];
            [x, y, z]
        };
        let here = place(i);
        near.clear();
        for &index in lists.of(i) {
            let index = index as usize;
            let apart = sub(place(index), here);
            let square = dot(apart, apart);
            if square <= reach * reach {
                near.push(Near { index, square, apart });
            }
        }
    }

    /// The crystals that atoms are in; with templates up to a `bound` of the RMSD if that is asked for.
    fn crystals(&self, owned: Range<usize>, cutoff: f64, bound: Option<f64>) -> Crystals {
        let mut all = Crystals::default();
        let (mut near, mut order) = (Vec::new(), Vec::new());
        let (mut nearest, mut distance) = ([[0.0; 3]; CANDIDATES], [0.0; CANDIDATES]);
        for i in owned {
            self.find(i, cutoff, &mut near);
            if near.len() < FIRST_SHELL {
                all.classes.push(Class::Other);
                all.matches.extend(bound.map(|_| Match::NONE));
                continue;
            }
            order.clear();
            order.extend(near.iter().enumerate().map(|(k, near)| (near.square, k)));
            order.sort_unstable_by(|&(a, k), &(b, l)| {
                let further = |k: usize| (self.atoms.id[near[k].index], near[k].apart);
                let same = || further(k).partial_cmp(&further(l)).unwrap_or(Ordering::Equal);
                a.total_cmp(&b).then_with(same)
            });
            let count = order.len().min(CANDIDATES);
            for (n, &(square, k)) in order[..count].iter().enumerate() {
                (nearest[n], distance[n]) = (near[k].apart, square.sqrt());
            }
            let shells = count.min(SHELLS);
            let class = classify(&nearest[..shells], &distance[..shells]);
            let found = bound.map(|bound| templates::find(&nearest[..count], bound));
            if class == Class::Hcp || found.is_some_and(|found| found.class == Class::Hcp) {
                let twelve = std::array::from_fn(|n| near[order[n].1].index as u32);
                all.hexagonal.push(Hexagonal::new(i, twelve, &nearest));
            }
            all.matches.extend(found);
            all.classes.push(class);
            all.distances.add(distance[..FIRST_SHELL].iter().sum::<f64>() / FIRST_SHELL as f64);
            all.full += 1;
            let bonds = class.cubic_bonds();
            if bonds > 0 {
                let of_particle = all.bonds.entry(self.atoms.particle[i]).or_default();
                of_particle.add((class == Class::Bcc) as usize, &nearest[..bonds]);
            }
        }
        all
    }

    /// What stands around atoms of these classes, with neighbours within `bond`, cones
    /// within `reach` and second neighbours of fcc within `second`, none of them if that is zero.
    fn shells(
        &self,
        owned: Range<usize>,
        classes: &[Class],
        [bond, reach, second]: [f64; 3],
        species: usize,
    ) -> Shown {
        let (mut near, mut directions) = (Vec::new(), Vec::new());
        let mut all = Shown::default();
        all.around.reserve(classes.len());
        for (i, &class) in owned.zip(classes) {
            self.find(i, reach.max(bond).max(second), &mut near);
            if second > 0.0 && class == Class::Fcc {
                let shells = all
                    .shells
                    .entry(self.atoms.particle[i])
                    .or_insert_with(|| Shells::new(species));
                for other in near.iter().filter(|near| near.square <= second * second) {
                    let shell = (other.square > bond * bond) as usize;
                    let kinds = [i, other.index].map(|i| self.atoms.species[i] as usize);
                    shells.add(shell, kinds);
                }
            }
            let bonded = || near.iter().filter(|near| near.square <= bond * bond);
            let coordination = bonded().count();
            let host = self.host(i, coordination, bonded);
            let seen = near.iter().filter(|near| near.square <= reach * reach);
            directions.clear();
            directions.extend(seen.map(|near| scale(near.apart, 1.0 / near.square.sqrt())));
            let outward = (coordination > 0).then(|| empty_cone(&directions)).flatten();
            all.around.push(Surroundings {
                class,
                coordination: coordination.min(u8::MAX as usize) as u8,
                host,
                is_surface: outward.is_some(),
            });
            all.exposed.extend(outward.map(|outward| Exposed {
                atom: i as u32,
                outward,
                near: bonded().map(|near| near.index as u32).collect(),
            }));
        }
        all
    }

    /// The particle that more than half of the neighbours came from, or the atom's own.
    fn host<'n, I: Iterator<Item = &'n Near>>(
        &self,
        i: usize,
        coordination: usize,
        bonded: impl Fn() -> I,
    ) -> u32 {
        let own = self.atoms.particle[i];
        let from = |near: &Near| self.atoms.particle[near.index];
        let strangers = || bonded().map(from).filter(|&particle| particle != own);
        if 2 * strangers().count() <= coordination {
            return own;
        }
        let number = |particle: u32| strangers().filter(|&other| other == particle).count();
        strangers().find(|&particle| 2 * number(particle) > coordination).unwrap_or(own)
    }
}

/// The axis of the cone that directions to neighbours leave most room in, a unit vector; none if they
/// do not leave it empty.
pub fn empty_cone(directions: &[Vec3]) -> Option<Vec3> {
    let mut sum = [0i64; 3];
    for direction in directions {
        (0..3).for_each(|d| sum[d] += DIRECTION.round(direction[d]));
    }
    let away = sum.map(|quanta| -DIRECTION.value(quanta));
    let size = norm(away);
    // Directions that cancel leave no room anywhere.
    let is_empty = size > 0.0 && directions.iter().all(|u| dot(*u, away) < CONE * size);
    is_empty.then(|| scale(away, 1.0 / size))
}
