//! Polyhedra of a few corners whose faces are triangles: convex hulls of points.
//!
//! The points are rounded to a grid of 2⁻¹⁹ of the farthest coordinate. There it is exact in
//! i64 on which side of a face a point lies, so a hull is always whole, however many points lie
//! in a plane; which of the diagonals it draws there is left to the order of the points.

use crate::geometry::{Vec3, norm, scale};

/// So many corners at most.
pub const MOST: usize = 24;
/// Of the farthest coordinate, in steps of the grid: sums of three products of three
/// differences stay below 2⁶³.
const STEPS: f64 = ((1 << 19) - 1) as f64;

type Grid = [i64; 3];

/// A face, its corners in the order of the hands of a clock backwards, seen from outside.
#[derive(Clone, Copy)]
struct Face {
    corners: [u8; 3],
    /// Outward, as long as the face is large.
    normal: Grid,
    /// Of points in it, along `normal`.
    height: i64,
}

#[derive(Clone)]
pub struct Polyhedron {
    points: [Grid; MOST],
    /// `next[a][b]` is c if a, b, c is a face: about the corner a the neighbour after b.
    next: [[u8; MOST]; MOST],
    /// Which b there are for each a, a bit each.
    around: [u32; MOST],
}

fn sub([a, b, c]: Grid, [x, y, z]: Grid) -> Grid {
    [a - x, b - y, c - z]
}

fn dot([a, b, c]: Grid, [x, y, z]: Grid) -> i64 {
    a * x + b * y + c * z
}

fn cross([a, b, c]: Grid, [x, y, z]: Grid) -> Grid {
    [b * z - c * y, c * x - a * z, a * y - b * x]
}

impl Polyhedron {
    /// The convex hull, corners numbered as the points are; none of points in a plane, or more than
    /// `MOST`.
    pub fn hull(points: &[Vec3]) -> Option<Polyhedron> {
        let farthest = points.iter().flatten().fold(0.0f64, |far, x| far.max(x.abs()));
        if points.len() > MOST || !farthest.is_normal() {
            return None;
        }
        let mut hull =
            Polyhedron { points: [[0; 3]; MOST], next: [[0; MOST]; MOST], around: [0; MOST] };
        for (grid, point) in hull.points.iter_mut().zip(points) {
            *grid = point.map(|x| (x * (STEPS / farthest)) as i64);
        }
        let first = hull.tetrahedron(points.len())?;
        let [a, b, c, d] = first;
        let mut faces = Vec::with_capacity(2 * MOST);
        for corners in [[a, b, c], [b, a, d], [c, b, d], [a, c, d]] {
            faces.push(hull.add(corners));
        }
        let mut seen = Vec::with_capacity(2 * MOST);
        for k in (0..points.len() as u8).filter(|k| !first.contains(k)) {
            let point = hull.points[k as usize];
            seen.clear();
            faces.retain(|face: &Face| {
                let is_seen = dot(face.normal, point) > face.height;
                if is_seen {
                    seen.push(face.corners);
                }
                !is_seen
            });
            // What the point sees goes; the edges about it are joined with the point.
            let edges = |[a, b, c]: [u8; 3]| [[a, b], [b, c], [c, a]];
            for [a, b] in seen.iter().flat_map(|corners| edges(*corners)) {
                hull.around[a as usize] &= !(1 << b);
            }
            for [a, b] in seen.iter().flat_map(|corners| edges(*corners)) {
                if hull.around[b as usize] >> a & 1 == 1 {
                    faces.push(hull.add([a, b, k]));
                }
            }
        }
        Some(hull)
    }

    /// Four points that are not in a plane, the last of them below the others.
    fn tetrahedron(&self, count: usize) -> Option<[u8; 4]> {
        let from = |k: usize| sub(self.points[k], self.points[0]);
        let b = (1..count).find(|&k| from(k) != [0; 3])?;
        let c = (b + 1..count).find(|&k| cross(from(b), from(k)) != [0; 3])?;
        let normal = cross(from(b), from(c));
        let d = (c + 1..count).find(|&k| dot(normal, from(k)) != 0)?;
        let [b, c] = if dot(normal, from(d)) < 0 { [b, c] } else { [c, b] };
        Some([0, b as u8, c as u8, d as u8])
    }

    fn add(&mut self, corners: [u8; 3]) -> Face {
        let [a, b, c] = corners.map(usize::from);
        for [a, b, c] in [[a, b, c], [b, c, a], [c, a, b]] {
            self.next[a][b] = c as u8;
            self.around[a] |= 1 << b;
        }
        let normal = self.normal([a, b, c]);
        Face { corners, normal, height: dot(normal, self.points[a]) }
    }

    fn normal(&self, [a, b, c]: [usize; 3]) -> Grid {
        let from = |k: usize| sub(self.points[k], self.points[a]);
        cross(from(b), from(c))
    }

    /// About corner a the neighbour after b, which is one, seen from outside.
    pub fn after(&self, a: usize, b: usize) -> usize {
        self.next[a][b] as usize
    }

    /// Neighbours of a corner, in no order; none of a point within.
    pub fn neighbours(&self, a: usize) -> impl Iterator<Item = usize> + use<> {
        let mut left = self.around[a];
        std::iter::from_fn(move || {
            let b = (left != 0).then(|| left.trailing_zeros() as usize);
            left &= left.wrapping_sub(1);
            b
        })
    }

    /// How many those are.
    pub fn degree(&self, a: usize) -> usize {
        self.around[a].count_ones() as usize
    }

    /// Directions of the faces about a corner one after another, outward; none of a point within.
    pub fn directions(&self, a: usize) -> impl Iterator<Item = Vec3> + '_ {
        let first = self.neighbours(a).next();
        let after = move |&b: &usize| Some(self.after(a, b)).filter(|c| Some(*c) != first);
        std::iter::successors(first, after).map(move |b| {
            let normal = self.normal([a, b, self.after(a, b)]).map(|x| x as f64);
            scale(normal, 1.0 / norm(normal))
        })
    }

    /// Edges at which two faces meet, each once; a pair of corners with the third ones of both faces.
    pub fn edges(&self) -> Vec<[usize; 4]> {
        let all = (0..MOST).flat_map(|a| self.neighbours(a).map(move |b| [a, b]));
        let once = all.filter(|[a, b]| a < b);
        once.map(|[a, b]| [a, b, self.after(a, b), self.after(b, a)]).collect()
    }

    /// Draws the other diagonal of the two triangles at an edge, as `edges` has it.
    pub fn flip(&mut self, [a, b, c, d]: [usize; 4]) {
        self.around[a] &= !(1 << b);
        self.around[b] &= !(1 << a);
        for [a, b, c] in [[a, d, c], [d, b, c]] {
            self.add([a as u8, b as u8, c as u8]);
        }
    }
}
