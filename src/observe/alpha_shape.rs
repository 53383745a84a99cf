//! The surface of what atoms enclose, triangle by triangle, from what is near each atom alone.
//!
//! Solid are the Delaunay tetrahedra with a circumscribed sphere smaller than that of `RADIUS` R, all else is
//! void (H. Edelsbrunner, E. P. Mücke, ACM Trans. Graph. 13 (1994) 43); as OVITO's "alpha shape" and
//! `sinter_tools.surfaces` have it. Three atoms make a triangle of the surface if and only if just one of the two
//! balls of radius R that touch all three is empty, that is, holds no other atom: along the line of the centres of all balls that touch
//! three atoms those of the empty ones lie between the centres of the two tetrahedra beside the triangle, and
//! the ball on one side is empty if the tetrahedron there, and no other, is larger than R. With both
//! balls empty there is void on either side, with none there is solid on both, or no triangle.
//! The empty ball lies outside.
//!
//! So whether three atoms make a triangle depends on what is within 2 R of the first of them, and no tetrahedron is made. The
//! centres are at m ± √(R² - m²) n with, from the first atom on,
//! ```text
//! m = (u² v - v² u) × w / 2 w²     w = u × v     n = w / |w|
//! ```
//!
//! Invariants. A triangle is found by the rank of the first of its atoms (of the lowest id, of images that which stands
//! first), from differences of positions, which are exact: the same bits on any ranks. Four atoms of a crystal often
//! are on one empty ball; so balls are looked for in a space that is strained by some 10⁻⁷ (`STRAIN`), which leaves no such ties,
//! turns no image of an atom otherwise than another, and makes two triangles of a square. Areas and volumes are those of
//! the atoms as they stand.

use std::sync::LazyLock;

use rayon::prelude::*;

use super::wide::Wide;
use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::geometry::{Vec3, add, cross, dot, scale, sub};
use crate::neighbour::{RowOrder, Rows};

/// R, Å: of OVITO's examples for metals, about a bond; the same as that of `sinter_tools.surfaces`.
pub const RADIUS: f64 = 2.8;
/// What touches a ball together is no farther apart, Å.
pub const REACH: f64 = 2.0 * RADIUS;

/// Its rows; all components are other than each other, so that no symmetry of a crystal is left.
const STRAIN: [Vec3; 3] =
    [[4.3e-7, 1.7e-7, -2.3e-7], [1.7e-7, -3.1e-7, 0.9e-7], [-2.3e-7, 0.9e-7, 1.3e-7]];

/// Atoms farther than that hardly help to show that no empty ball touches an atom, Å.
const COVERING: f64 = 4.6;
/// No direction is farther from the nearest of `DIRECTIONS`: cosine and sine of 18.8°.
const WIDTH: [f64; 2] = [0.946_649_260_115_696_4, 0.322_265_695_230_511_1];
/// For rounding to single precision.
const MARGIN: f64 = 1e-4;

/// Directions to the corners, faces and edges of an icosahedron, 62; two of them twice.
static DIRECTIONS: LazyLock<[[f32; 64]; 3]> = LazyLock::new(|| {
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    let signs = [1.0, -1.0];
    let mut all: Vec<Vec3> = Vec::new();
    let mut round = |[a, b, c]: Vec3| all.extend([[a, b, c], [c, a, b], [b, c, a]]);
    for a in signs {
        round([a, 0.0, 0.0]);
        for b in signs {
            round([0.0, a, b * golden]);
            round([0.0, a * golden, b / golden]);
            signs.iter().for_each(|c| round([a, b / golden, c * golden]));
        }
    }
    for (a, b) in signs.iter().flat_map(|a| signs.map(|b| (*a, b))) {
        all.extend(signs.map(|c| [a, b, c]));
    }
    let mut directions = [[0f32; 64]; 3];
    for m in 0..64 {
        let u = all[m % all.len()];
        (0..3).for_each(|d| directions[d][m] = (u[d] / dot(u, u).sqrt()) as f32);
    }
    directions
});

/// Whose surface a triangle is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    /// Of the atoms of this particle by themselves.
    pub particle: Option<u32>,
    /// Of all atoms.
    pub whole: bool,
}

/// Three atoms of a surface.
#[derive(Debug, Clone, Copy)]
pub struct Triangle {
    pub of: Sides,
    /// Id of the first atom.
    pub first: u64,
    /// Numbers of the atoms, anticlockwise as seen from outside, and where they stand, Å.
    pub atoms: [u32; 3],
    pub corners: [Vec3; 3],
    /// Of the empty ball, Å: a place in the void.
    pub centre: Vec3,
}

/// What a rank finds.
#[derive(Debug, Default)]
pub struct Surface {
    pub triangles: Vec<Triangle>,
    /// Of atoms that were looked at closely, those that an empty ball touches in one of some directions.
    pub bare: Vec<Sides>,
}

/// Of an atom that it is sure that no empty ball touches it: among those of its particle, among all.
const INNER: [i64; 2] = [1, 2];

/// Another atom within 2 R.
#[derive(Debug, Clone, Copy)]
struct Near {
    index: u32,
    apart: Vec3,
    /// The same, strained, and its square.
    seen: Vec3,
    square: f64,
    /// Whether it may be another corner of a triangle: it comes behind the atom that looks, and may be at the surface.
    is_corner: bool,
}

/// Atoms in rows, and what is around them.
struct Vicinity<'a> {
    atoms: &'a Atoms,
    rows: Rows,
    own: RowOrder,
    all: RowOrder,
}

impl Surface {
    /// From the atoms of this rank and all within `REACH` of them. Collective.
    pub fn find(comm: &Comm, Wide { atoms, routes, .. }: &Wide) -> Surface {
        let vicinity = Vicinity::new(atoms, COVERING);
        let mut inner = vec![0; atoms.owned];
        for (i, flags) in vicinity.of_rows(|found, row| vicinity.find_inner(row, found)) {
            inner[i as usize] = flags;
        }
        let inner = routes.with_ghosts(comm, inner, 1);
        let vicinity = Vicinity::new(atoms, REACH);
        let parts = vicinity.of_rows(|found: &mut Vec<Surface>, row| {
            let mut surface = found.pop().unwrap_or_default();
            vicinity.find_triangles(row, &inner, &mut surface);
            found.push(surface);
        });
        let mut surface = Surface::default();
        for part in parts {
            surface.triangles.extend(part.triangles);
            surface.bare.extend(part.bare);
        }
        surface
    }
}

impl Vicinity<'_> {
    fn new(atoms: &Atoms, reach: f64) -> Vicinity<'_> {
        let own = &atoms.position[..atoms.owned];
        let rows = Rows::around(own, reach);
        let (own, all) = (rows.order(own), rows.order(&atoms.position));
        Vicinity { atoms, rows, own, all }
    }

    /// What is found in all rows.
    fn of_rows<T: Send>(&self, find: impl Fn(&mut Vec<T>, usize) + Sync) -> Vec<T> {
        let add = |mut found: Vec<T>, row: usize| {
            find(&mut found, row);
            found
        };
        let join = |mut a: Vec<T>, b: Vec<T>| {
            a.extend(b);
            a
        };
        let rows = (0..self.rows.total()).into_par_iter().with_min_len(4);
        rows.fold(Vec::new, add).reduce(Vec::new, join)
    }

    fn own_of(&self, row: usize) -> impl Iterator<Item = usize> + '_ {
        let cells = self.rows.pieces_of(row..row + 1);
        self.own.of(cells).iter().map(|&i| i as usize)
    }

    /// Calls `put` with the other atoms within a distance of one in this row that the rows are for: index, vector, square.
    fn each(&self, row: usize, i: usize, within: f64, mut put: impl FnMut(u32, Vec3, f64)) {
        let here = &self.atoms.position[i];
        for cells in self.rows.stretches(row, here) {
            for &j in self.all.of(cells) {
                let there = &self.atoms.position[j as usize];
                let apart: Vec3 = std::array::from_fn(|d| there[d] - here[d]);
                let square = dot(apart, apart);
                if square <= within * within && j as usize != i {
                    put(j, apart, square);
                }
            }
        }
    }

    /// Which atoms of a row have `INNER` flags.
    fn find_inner(&self, row: usize, found: &mut Vec<(u32, i64)>) {
        let particle = &self.atoms.particle;
        for i in self.own_of(row) {
            let (mut own, mut all) = (Covered::default(), Covered::default());
            let mut is_among_others = false;
            self.each(row, i, COVERING, |j, apart, square| {
                if particle[j as usize] == particle[i] {
                    own.add(apart, square);
                } else {
                    is_among_others = true;
                    all.add(apart, square);
                }
            });
            let is_inner = own.is_whole();
            let with_others = is_inner || (is_among_others && own.with(&all).is_whole());
            let flags = INNER[0] * is_inner as i64 + INNER[1] * with_others as i64;
            if flags != 0 {
                found.push((i as u32, flags));
            }
        }
    }

    /// The triangles whose first atoms are in a row.
    fn find_triangles(&self, row: usize, inner: &[i64], found: &mut Surface) {
        let Atoms { id, particle, .. } = self.atoms;
        let mut near = Vec::new();
        for i in self.own_of(row).filter(|&i| inner[i] != INNER[0] + INNER[1]) {
            near.clear();
            let mut is_among_others = false;
            self.each(row, i, REACH, |index, apart, _| {
                let j = index as usize;
                let seen = add(apart, STRAIN.map(|row| dot(row, apart)));
                let is_corner = id[j] > id[i] || (id[j] == id[i] && apart > [0.0; 3]);
                is_among_others |= particle[j] != particle[i];
                near.push(Near { index, apart, seen, square: dot(seen, seen), is_corner });
            });
            // Near ones are in the way of most balls.
            near.sort_unstable_by(|a, b| a.square.total_cmp(&b.square));
            let own = Some(particle[i]);
            if !is_among_others {
                self.add(Sides { particle: own, whole: true }, i, &near, inner, found);
                continue;
            }
            self.add(Sides { particle: None, whole: true }, i, &near, inner, found);
            near.retain(|other| particle[other.index as usize] == particle[i]);
            self.add(Sides { particle: own, whole: false }, i, &near, inner, found);
        }
    }

    /// The triangles of atom i and these.
    fn add(&self, of: Sides, i: usize, near: &[Near], inner: &[i64], found: &mut Surface) {
        let flag = if of.whole { INNER[1] } else { INNER[0] };
        if inner[i] & flag != 0 {
            return;
        }
        if is_bare(near) {
            found.bare.push(of);
        }
        let [x, y, z, _] = self.atoms.position[i];
        let here = [x, y, z];
        let is_corner = |(_, other): &(usize, &Near)| {
            other.is_corner && inner[other.index as usize] & flag == 0
        };
        let corners: Vec<(usize, &Near)> = near.iter().enumerate().filter(is_corner).collect();
        for (n, &(a, u)) in corners.iter().enumerate() {
            for &(b, v) in &corners[n + 1..] {
                let Some((outside, is_above)) = empty_ball(near, a, b) else { continue };
                let [second, third] = if is_above { [u, v] } else { [v, u] };
                found.triangles.push(Triangle {
                    of,
                    first: self.atoms.id[i],
                    atoms: [i as u32, second.index, third.index],
                    corners: [here, add(here, second.apart), add(here, third.apart)],
                    centre: add(here, outside),
                });
            }
        }
    }
}

/// The centre of the empty one of the balls that touch the atom and these two, and whether it is on the side of u × v; none if both are
/// empty, or neither.
fn empty_ball(near: &[Near], a: usize, b: usize) -> Option<(Vec3, bool)> {
    let (u, v) = (&near[a], &near[b]);
    let across = sub(v.seen, u.seen);
    if dot(across, across) > REACH * REACH {
        return None;
    }
    let w = cross(u.seen, v.seen);
    let square = dot(w, w);
    let m = sub(scale(v.seen, u.square), scale(u.seen, v.square));
    let m = scale(cross(m, w), 0.5 / square);
    let height = RADIUS * RADIUS - dot(m, m);
    // NaN where all three are in a line.
    if height.is_nan() || height <= 0.0 {
        return None;
    }
    let n = scale(w, (height / square).sqrt());
    let (mut above, mut below) = (true, true);
    for (k, other) in near.iter().enumerate() {
        // |r - c|² < R² = c², with c = m ± n.
        let level = other.square - 2.0 * dot(other.seen, m);
        let side = 2.0 * dot(other.seen, n);
        let is_other = k != a && k != b;
        above &= !(is_other && level < side);
        below &= !(is_other && level < -side);
        if !above && !below {
            return None;
        }
    }
    match (above, below) {
        (true, false) => Some((add(m, n), true)),
        (false, true) => Some((sub(m, n), false)),
        _ => None,
    }
}

/// How far each of `DIRECTIONS` is on the safe side of where an empty ball might touch an atom. The balls that touch it have their centres on
/// a sphere; what is r away is in those about whose centres it is seen at less than an angle φ, cos φ = r/2R; so centres as far as
/// `WIDTH` from some direction are none of empty balls if this is less than φ - WIDTH from it.
struct Covered([f32; 64]);

impl Default for Covered {
    fn default() -> Covered {
        Covered([f32::NEG_INFINITY; 64])
    }
}

impl Covered {
    /// Another atom, nearer than `COVERING`.
    #[allow(clippy::needless_range_loop)]
    fn add(&mut self, apart: Vec3, square: f64) {
        let ([cosine, sine], [x, y, z]) = (WIDTH, &*DIRECTIONS);
        let part = square / (REACH * REACH);
        let least = cosine * part + sine * (part * (1.0 - part)).sqrt();
        let [p, q, r] = apart.map(|x| (x / REACH) as f32);
        let least = (least + MARGIN) as f32;
        for m in 0..64 {
            let far = x[m] * p + y[m] * q + z[m] * r - least;
            self.0[m] = if far > self.0[m] { far } else { self.0[m] };
        }
    }

    fn with(&self, other: &Covered) -> Covered {
        Covered(std::array::from_fn(|m| self.0[m].max(other.0[m])))
    }

    fn is_whole(&self) -> bool {
        self.0.iter().all(|&far| far > 0.0)
    }
}

/// Whether an empty ball touches the atom in one of `DIRECTIONS`.
fn is_bare(near: &[Near]) -> bool {
    let [x, y, z] = &*DIRECTIONS;
    let is_free = |m: usize| {
        let u = [x[m], y[m], z[m]].map(f64::from);
        near.iter().all(|other| dot(u, other.seen) * REACH <= other.square)
    };
    (0..64).any(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    #[test]
    fn no_direction_is_far_from_those_that_are_looked_in() {
        let mut noise = Stream::new(7, Purpose::Velocities, 0, 0);
        let [x, y, z] = &*DIRECTIONS;
        let mut least = 1.0f64;
        for _ in 0..100_000 {
            let r: Vec3 = noise.normal_vector();
            let along = |m: usize| dot(r, [x[m], y[m], z[m]].map(f64::from)) / dot(r, r).sqrt();
            least = least.min((0..64).map(along).fold(-1.0, f64::max));
        }
        assert!(least > WIDTH[0] && least < WIDTH[0] + 0.002, "{least}");
        assert!((WIDTH[0].hypot(WIDTH[1]) - 1.0).abs() < 1e-9);
    }
}
