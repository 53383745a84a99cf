//! Which atoms of a file are one particle: by its labels, by distance, or all.
//!
//! By distance: atoms closer to each other than some 1.3 times the distance of nearest
//! neighbours (the median over the file; between the first and the second shell of fcc) are of
//! one cluster, across periodic boundaries too. Clusters of very few atoms, as atoms that have
//! evaporated, are no particles: they belong to the nearest one.

use crate::atoms::Atom;
use crate::geometry::{Cell, Vec3, norm, sub};
use std::collections::HashMap;

/// The distance up to which atoms are linked, over that of nearest neighbours.
const LINK: f64 = 1.3;

/// No metal has its nearest neighbours farther away than this, Å.
const NEAREST: f64 = 6.0;

/// How many atoms tell the distance of nearest neighbours.
const SAMPLE: usize = 2000;

/// Particles found by distance.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// For each atom the number of its particle, in the order of their first atoms.
    pub particle: Vec<u32>,
    pub count: usize,
    /// For each atom the images with which its particle is whole, where it can be.
    pub images: Vec<[i32; 3]>,
    /// Up to which atoms were linked, Å.
    pub distance: f64,
    /// Clusters that were too small to be particles, and their atoms.
    pub fragments: (usize, usize),
}

/// The clusters of `smallest` atoms or more among atoms that lie in `cell`; all atoms are one
/// particle where there is none. `distance` in Å, or else by the file itself.
pub fn clusters(atoms: &[Atom], cell: &Cell, distance: Option<f64>, smallest: usize) -> Clusters {
    let distance = distance.unwrap_or_else(|| LINK * nearest_neighbours(atoms, cell));
    let mut found = linked(atoms, cell, distance);
    let sizes = sizes(&found);
    let whole: Vec<bool> = sizes.iter().map(|&size| size >= smallest).collect();
    let kept = whole.iter().filter(|&&whole| whole).count();
    if kept == sizes.len() {
        return found;
    }
    let small = || sizes.iter().zip(&whole).filter(|(_, whole)| !**whole);
    found.fragments = (small().count(), small().map(|(size, _)| size).sum());
    let number: Vec<u32> = whole
        .iter()
        .scan(0, |next, &whole| {
            let number = *next;
            *next += whole as u32;
            Some(number)
        })
        .collect();
    let bodies = bodies(atoms, cell, &found, &whole);
    found.count = kept.max(1);
    for (i, atom) in atoms.iter().enumerate() {
        let cluster = found.particle[i] as usize;
        found.particle[i] = match whole[cluster] {
            true => number[cluster],
            false => nearest(atom.position, cell, &bodies),
        };
    }
    in_order(&mut found);
    found
}

/// Numbers the particles in the order of their first atoms.
fn in_order(found: &mut Clusters) {
    let mut numbers = vec![u32::MAX; found.count];
    let mut next = 0;
    for particle in &mut found.particle {
        let number = &mut numbers[*particle as usize];
        if *number == u32::MAX {
            *number = next;
            next += 1;
        }
        *particle = *number;
    }
}

fn sizes(found: &Clusters) -> Vec<usize> {
    let mut sizes = vec![0; found.count];
    found.particle.iter().for_each(|&k| sizes[k as usize] += 1);
    sizes
}

/// A sphere about a cluster.
struct Ball {
    centre: Vec3,
    radius: f64,
}

fn bodies(atoms: &[Atom], cell: &Cell, found: &Clusters, whole: &[bool]) -> Vec<Ball> {
    let place = |i: usize| {
        let [x, y, z] = atoms[i].position;
        cell.unwrap(&[x, y, z, 0.0], &found.images[i])
    };
    let mut ends = vec![[[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]]; found.count];
    for i in 0..atoms.len() {
        let (r, [low, high]) = (place(i), &mut ends[found.particle[i] as usize]);
        for d in 0..3 {
            low[d] = low[d].min(r[d]);
            high[d] = high[d].max(r[d]);
        }
    }
    let ball = |[low, high]: &[Vec3; 2]| Ball {
        centre: std::array::from_fn(|d| (low[d] + high[d]) / 2.0),
        radius: norm(sub(*high, *low)) / 2.0,
    };
    ends.iter().zip(whole).filter(|(_, whole)| **whole).map(|(ends, _)| ball(ends)).collect()
}

/// The ball whose surface is nearest; the first where there is none.
fn nearest(r: Vec3, cell: &Cell, balls: &[Ball]) -> u32 {
    let away = |ball: &Ball| {
        let mut apart = sub(r, ball.centre);
        for d in (0..3).filter(|&d| cell.periodic[d]) {
            apart[d] -= cell.length[d] * (apart[d] / cell.length[d]).round();
        }
        norm(apart) - ball.radius
    };
    let all = balls.iter().enumerate();
    all.min_by(|a, b| away(a.1).total_cmp(&away(b.1))).map_or(0, |(k, _)| k as u32)
}

/// The median distance of nearest neighbours, Å; of atoms without any, nothing is linked.
fn nearest_neighbours(atoms: &[Atom], cell: &Cell) -> f64 {
    let grid = Grid::new(atoms, cell, NEAREST);
    let stride = atoms.len().div_ceil(SAMPLE).max(1);
    let mut distances: Vec<f64> = (0..atoms.len())
        .step_by(stride)
        .filter_map(|i| {
            let mut least = f64::INFINITY;
            grid.around(i, |_, distance, _| least = least.min(distance));
            least.is_finite().then_some(least)
        })
        .collect();
    if distances.is_empty() {
        return 0.0;
    }
    let middle = distances.len() / 2;
    *distances.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Atoms that are linked, directly or through others.
fn linked(atoms: &[Atom], cell: &Cell, distance: f64) -> Clusters {
    const NONE: u32 = u32::MAX;
    let grid = Grid::new(atoms, cell, distance.max(1.0));
    let mut particle = vec![NONE; atoms.len()];
    let mut images: Vec<[i32; 3]> = atoms.iter().map(|atom| atom.image).collect();
    let mut count = 0;
    let (mut stack, mut members) = (Vec::new(), Vec::new());
    for first in 0..atoms.len() {
        if particle[first] != NONE {
            continue;
        }
        particle[first] = count;
        stack.push(first);
        members.clear();
        let mut endless = false;
        while let Some(i) = stack.pop() {
            members.push(i);
            let here = images[i];
            grid.around(i, |j, apart, shift| {
                if apart > distance {
                    return;
                }
                let there = std::array::from_fn(|d| here[d] + shift[d]);
                if particle[j] == NONE {
                    particle[j] = count;
                    images[j] = there;
                    stack.push(j);
                } else {
                    endless |= images[j] != there;
                }
            });
        }
        // What goes on through its own image is whole nowhere.
        if endless {
            members.iter().for_each(|&i| images[i] = atoms[i].image);
        }
        count += 1;
    }
    Clusters { particle, count: count as usize, images, distance, fragments: (0, 0) }
}

/// Atoms by cubes (along periodic directions: parts of the box) of a side or a little more.
struct Grid<'a> {
    atoms: &'a [Atom],
    cell: &'a Cell,
    side: Vec3,
    /// How many parts a periodic direction has.
    parts: [i64; 3],
    /// Where the atoms of a cube stand in `order`.
    cubes: HashMap<[i64; 3], (u32, u32)>,
    order: Vec<u32>,
    reach: f64,
}

impl<'a> Grid<'a> {
    fn new(atoms: &'a [Atom], cell: &'a Cell, reach: f64) -> Grid<'a> {
        let parts = std::array::from_fn(|d| (cell.length[d] / reach).floor().max(1.0) as i64);
        let side = std::array::from_fn(|d| match cell.periodic[d] {
            true => cell.length[d] / parts[d] as f64,
            false => reach,
        });
        let mut grid =
            Grid { atoms, cell, side, parts, cubes: HashMap::new(), order: Vec::new(), reach };
        let mut placed: Vec<([i64; 3], u32)> =
            (0..atoms.len()).map(|i| (grid.cube(i), i as u32)).collect();
        placed.sort_unstable();
        let mut begin = 0;
        for same in placed.chunk_by(|a, b| a.0 == b.0) {
            let end = begin + same.len() as u32;
            grid.cubes.insert(same[0].0, (begin, end));
            begin = end;
        }
        grid.order = placed.into_iter().map(|(_, i)| i).collect();
        grid
    }

    fn cube(&self, i: usize) -> [i64; 3] {
        std::array::from_fn(|d| {
            let place = (self.atoms[i].position[d] - self.cell.origin[d]) / self.side[d];
            let place = place.floor() as i64;
            if self.cell.periodic[d] { place.clamp(0, self.parts[d] - 1) } else { place }
        })
    }

    /// Calls `f` for each other atom (its nearest image) within reach, with its distance and
    /// the image in which it is nearest.
    fn around(&self, i: usize, mut f: impl FnMut(usize, f64, [i32; 3])) {
        let home = self.cube(i);
        let mut seen: Vec<[i64; 3]> = Vec::with_capacity(27);
        for k in 0..27 {
            let step = [k % 3 - 1, k / 3 % 3 - 1, k / 9 - 1];
            let cube = std::array::from_fn(|d| match self.cell.periodic[d] {
                true => (home[d] + step[d]).rem_euclid(self.parts[d]),
                false => home[d] + step[d],
            });
            // In a small box the same cube lies on both sides.
            if seen.contains(&cube) {
                continue;
            }
            seen.push(cube);
            let Some(&(begin, end)) = self.cubes.get(&cube) else { continue };
            for &j in &self.order[begin as usize..end as usize] {
                let j = j as usize;
                let mut apart = sub(self.atoms[j].position, self.atoms[i].position);
                let mut shift = [0; 3];
                for d in (0..3).filter(|&d| self.cell.periodic[d]) {
                    let turns = -(apart[d] / self.cell.length[d]).round();
                    apart[d] += turns * self.cell.length[d];
                    shift[d] = turns as i32;
                }
                let distance = norm(apart);
                if j != i && distance <= self.reach {
                    f(j, distance, shift);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    /// A cube of n³ atoms, 2.5 Å apart, with its corner at `r`.
    fn cube(r: Vec3, n: usize) -> Vec<Atom> {
        let site = |k: usize| [k % n, k / n % n, k / n / n].map(|k| 2.5 * k as f64);
        let atom = |k| {
            let s = site(k);
            Atom { position: std::array::from_fn(|d| r[d] + s[d]), ..Atom::zeroed() }
        };
        (0..n * n * n).map(atom).collect()
    }

    fn wrapped(mut atoms: Vec<Atom>, cell: &Cell) -> Vec<Atom> {
        for atom in &mut atoms {
            let [x, y, z] = atom.position;
            let mut position = [x, y, z, 0.0];
            cell.wrap(&mut position, &mut atom.image);
            let [x, y, z, _] = position;
            atom.position = [x, y, z];
        }
        atoms
    }

    #[test]
    fn two_particles_and_what_has_evaporated_from_them() {
        let cell = Cell::new([0.0; 3], [100.0; 3], [false; 3]);
        let mut atoms = [cube([0.0; 3], 3), cube([9.0, 0.0, 0.0], 3)].concat();
        atoms.push(Atom { position: [25.0, 0.0, 0.0], ..Atom::zeroed() });
        let found = clusters(&atoms, &cell, None, 10);
        assert_eq!((found.count, found.fragments, found.distance), (2, (1, 1), 3.25));
        let expected: Vec<u32> = (0..55).map(|i| (i >= 27) as u32).collect();
        assert_eq!(found.particle, expected, "the lone atom belongs to the second");
        // Every cluster is a particle where the input says so.
        let found = clusters(&atoms, &cell, None, 1);
        assert_eq!((found.count, found.fragments, found.particle[54]), (3, (0, 0), 2));
        // A larger distance closes the gap of 4 Å.
        assert_eq!(clusters(&atoms, &cell, Some(4.5), 10).count, 1);
        // Where nothing is large enough, all is one particle.
        let few = clusters(&atoms[52..], &cell, None, 10);
        assert_eq!((few.count, few.particle), (1, vec![0; 3]));
    }

    #[test]
    fn a_particle_across_a_boundary_is_one_and_whole() {
        let cell = Cell::new([0.0; 3], [30.0; 3], [true, false, true]);
        let atoms = wrapped(cube([-2.6, 1.0, 28.0], 3), &cell);
        assert!(
            atoms.iter().any(|a| a.position[0] > 25.0) && atoms.iter().any(|a| a.position[0] < 5.0)
        );
        let found = clusters(&atoms, &cell, None, 10);
        assert_eq!(found.count, 1);
        let whole = |i: usize| {
            let [x, y, z] = atoms[i].position;
            cell.unwrap(&[x, y, z, 0.0], &found.images[i])
        };
        for i in 0..27 {
            let apart = sub(whole(i), whole(0));
            assert!(apart.iter().all(|x| x.abs() <= 5.0 + 1e-9), "{apart:?}");
        }
    }

    #[test]
    fn a_crystal_is_one_particle_that_stays_as_it_is() {
        let cell = Cell::new([0.0; 3], [10.0; 3], [true; 3]);
        let atoms = cube([0.0; 3], 4);
        let found = clusters(&atoms, &cell, None, 10);
        assert_eq!((found.count, found.fragments), (1, (0, 0)));
        assert!(found.images.iter().all(|image| *image == [0; 3]));
    }
}
