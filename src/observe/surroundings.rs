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
//! Nothing beyond the cutoff of the potential is looked at, as far as lists are complete on
//! any ranks; whatever depends on the order of neighbours is sorted or summed as integers.

use rayon::prelude::*;

use super::Snapshot;
use super::cna::{Class, FIRST_SHELL, HALF_WAY, SHELLS, classify};
use crate::atoms::Atoms;
use crate::fixed::{ExactSum, Quantum};
use crate::geometry::{Vec3, dot, norm, scale, sub};
use crate::input::AtomColumn;
use crate::neighbour::{MINE, Neighbours};

/// Radius of the surroundings in which a cone is looked for, in units of d.
const CONE_REACH: f64 = 1.5;

/// Cosine of half the angle of the cone.
const CONE: f64 = std::f64::consts::FRAC_1_SQRT_2;

/// Of components of unit vectors.
const DIRECTION: Quantum = Quantum::STANDARD;

/// Of one atom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Surroundings {
    pub class: Class,
    pub is_surface: bool,
    pub coordination: u8,
}

impl Surroundings {
    /// As it stands in a frame.
    pub fn number(&self, column: AtomColumn) -> i32 {
        match column {
            AtomColumn::Structure => self.class as i32,
            AtomColumn::Surface => self.is_surface as i32,
            AtomColumn::Coordination => self.coordination as i32,
        }
    }
}

/// Of the atoms of this rank, and what they have in common over all ranks.
pub struct AllSurroundings {
    pub of: Vec<Surroundings>,
    /// d, Å; none where no atom has twelve neighbours.
    pub nearest: Option<f64>,
}

impl AllSurroundings {
    /// Of all owned atoms. Collective. `cutoff`: Å, within which lists are complete.
    pub fn find(snapshot: &Snapshot, cutoff: f64) -> AllSurroundings {
        let owned = snapshot.system.atoms.owned;
        let vicinity = Vicinity::new(snapshot, cutoff);
        let crystal: Vec<(Class, f64)> =
            (0..owned).into_par_iter().map(|i| vicinity.crystal(i)).collect();
        let mut sums = [0, 0];
        for &(_, mean) in crystal.iter().filter(|(_, mean)| *mean > 0.0) {
            let mut quanta = ExactSum::default();
            quanta.add(mean);
            sums = [sums[0] + quanta.0, sums[1] + 1];
        }
        snapshot.system.comm.sum_i128(&mut sums);
        let nearest = (sums[1] > 0).then(|| ExactSum(sums[0]).value() / sums[1] as f64);
        let reach = nearest.map_or(cutoff, |d| (CONE_REACH * d).min(cutoff));
        let bond = nearest.map_or(cutoff, |d| (HALF_WAY * d).min(cutoff));
        let of = crystal.into_par_iter().enumerate().map(|(i, (class, _))| {
            let (coordination, is_surface) = vicinity.shell(i, bond, reach);
            Surroundings { class, is_surface, coordination }
        });
        AllSurroundings { of: of.collect(), nearest }
    }
}

/// The atoms about each owned atom, as far as the lists of all ranks are complete.
#[derive(Clone, Copy)]
pub struct Vicinity<'a> {
    atoms: &'a Atoms,
    neighbours: &'a Neighbours,
    /// Å
    cutoff: f64,
}

impl<'a> Vicinity<'a> {
    pub fn new(snapshot: &Snapshot<'a>, cutoff: f64) -> Vicinity<'a> {
        let Snapshot { system, neighbours, .. } = *snapshot;
        Vicinity { atoms: system.atoms, neighbours, cutoff }
    }

    /// Squares of the distances to those within `reach`, their ids and the vectors to them.
    fn within(self, i: usize, reach: f64) -> impl Iterator<Item = (f64, u64, Vec3)> + 'a {
        let Vicinity { atoms, neighbours, .. } = self;
        let place = |i: usize| [0, 1, 2].map(|d| atoms.position[i][d]);
        let here = place(i);
        let neighbours = neighbours.of(i).iter().map(|entry| (entry & !MINE) as usize);
        neighbours.filter_map(move |j| {
            let apart = sub(place(j), here);
            let square = dot(apart, apart);
            (square <= reach * reach).then_some((square, atoms.id[j], apart))
        })
    }

    /// Vectors to the nearest, nearest first, and how many there are, at most `SHELLS`: of
    /// those as far away as each other the one with the lower id, then the lower vector.
    pub fn nearest(self, i: usize) -> ([Vec3; SHELLS], usize) {
        let mut near = [(f64::INFINITY, 0, [0.0; 3]); SHELLS];
        let mut count = 0;
        for found in self.within(i, self.cutoff) {
            if count == SHELLS && !is_nearer(&found, &near[SHELLS - 1]) {
                continue;
            }
            count = (count + 1).min(SHELLS);
            let mut place = count - 1;
            while place > 0 && is_nearer(&found, &near[place - 1]) {
                near[place] = near[place - 1];
                place -= 1;
            }
            near[place] = found;
        }
        (near.map(|(.., apart)| apart), count)
    }

    /// The class of an atom and the mean distance to its twelve nearest; 0 if it has fewer.
    fn crystal(self, i: usize) -> (Class, f64) {
        let (near, count) = self.nearest(i);
        let near = &near[..count];
        if count < FIRST_SHELL {
            return (Class::Other, 0.0);
        }
        let mut distance = [0.0; SHELLS];
        distance.iter_mut().zip(near).for_each(|(d, x)| *d = norm(*x));
        let mean = distance[..FIRST_SHELL].iter().sum::<f64>() / FIRST_SHELL as f64;
        (classify(near, &distance), mean)
    }

    /// How many an atom has within `bond`, and whether those within `reach` leave a cone empty.
    fn shell(self, i: usize, bond: f64, reach: f64) -> (u8, bool) {
        let (mut bonded, mut sum) = (0u32, [0i64; 3]);
        let unit = |square: f64, apart: Vec3| scale(apart, 1.0 / square.sqrt());
        for (square, _, apart) in self.within(i, reach.max(bond)) {
            bonded += (square <= bond * bond) as u32;
            if square <= reach * reach {
                let direction = unit(square, apart);
                (0..3).for_each(|d| sum[d] += DIRECTION.round(direction[d]));
            }
        }
        if bonded == 0 {
            return (0, false); // in the vapour
        }
        let away = sum.map(|quanta| -DIRECTION.value(quanta));
        let length = norm(away);
        // Directions that cancel leave no room anywhere.
        let mut others = self.within(i, reach);
        let empty = length > 0.0
            && others.all(|(square, _, apart)| dot(unit(square, apart), away) < CONE * length);
        (bonded.min(u8::MAX as u32) as u8, empty)
    }
}

fn is_nearer(a: &(f64, u64, Vec3), b: &(f64, u64, Vec3)) -> bool {
    (a.0, a.1, a.2) < (b.0, b.1, b.2)
}
