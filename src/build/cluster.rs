//! Particles that are no single cubic crystal: Marks's decahedra and Mackay's icosahedra, grown together of
//! strained fcc grains, and balls of hcp. Their atoms are points in space, in units of the distance of nearest
//! neighbours, which is their mean distance where the strain makes two.
//!
//! Icosahedron of n shells (A. L. Mackay, Acta Cryst. 15 (1962) 916): all i a + j b + l c with i + j + l < n, for
//! corners a, b, c of one of the twenty faces; 1, 13, 55, 147, 309, ... atoms. Decahedron (L. D. Marks, Philos.
//! Mag. A 49 (1984) 81): columns along the five-fold axis, in rings n = 1, 2, ... about it, one atom shorter in each
//! ring; p atoms along the edge of a (100) side across the axis, q along it, and notches r - 1 columns deep.

use super::lattice::nearest_distance;
use super::shape::Roughness;
use crate::geometry::{Vec3, add, dot, norm, scale, sub};
use crate::input::{Lattice, ParticleConfig, Shape, Size};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

/// Atoms nearer than so many distances of nearest neighbours are neighbours; the next are at 1.41.
pub const BOND: f64 = 1.2;

/// About its centre, in the order of its construction.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Å
    pub positions: Vec<Vec3>,
    /// How far out each atom is: the same all along the surface.
    pub depth: Vec<f64>,
    /// Å
    pub nearest_distance: f64,
    /// Atoms of the complete shape that it is or was made from.
    pub complete: usize,
}

/// Whether the particles of a table are of this kind.
pub fn is_cluster(particle: &ParticleConfig) -> bool {
    particle.shape.is_multiply_twinned() || particle.lattice == Lattice::Hcp
}

/// Outwards across the facet on which such a particle lies.
pub fn rests_on(particle: &ParticleConfig) -> Vec3 {
    match particle.shape {
        Shape::Icosahedron => {
            let [a, b, c] = faces()[0];
            add(add(a, b), c)
        }
        // The cap of a grain goes down by half a spacing for each ring.
        Shape::Decahedron => {
            let [a, b] = [corner(0), corner(1)];
            let middle = scale(add(a, b), 0.5);
            add(scale(middle, 0.5 / norm(middle)), [0.0, 0.0, norm(middle)])
        }
        _ => [0.0, 0.0, 1.0],
    }
}

/// A point and its depth.
type Point = (Vec3, f64);

impl Cluster {
    /// The complete one that comes nearest to so many atoms, or of exactly as many: made from the next
    /// larger one, of which the least bound atoms go one by one. One that will be rough and is promised
    /// to have as many then has more.
    pub fn new(particle: &ParticleConfig, wanted: usize) -> Cluster {
        let roughness = Roughness::of(particle, wanted);
        let make = |wanted| Cluster::of_atoms(particle, wanted);
        Roughness::whole(roughness, wanted, make, |cluster| cluster.surface().len())
    }

    fn of_atoms(particle: &ParticleConfig, wanted: usize) -> Cluster {
        let wanted = wanted.max(1);
        let (a, c) = (particle.lattice_constant(), particle.lattice_constant_c());
        let nearest_distance = nearest_distance(particle.lattice, a, c);
        let complete = match particle.shape {
            Shape::Icosahedron => complete(wanted, particle.size, icosahedron_atoms, icosahedron),
            Shape::Decahedron => decahedron(marks(wanted, particle.size)),
            _ => ball(wanted, particle.size, a / nearest_distance, c / nearest_distance),
        };
        let count = complete.len();
        let points =
            if particle.size == Size::Exact { trimmed(complete, wanted) } else { complete };
        Cluster {
            positions: points.iter().map(|p| scale(p.0, nearest_distance)).collect(),
            depth: points.iter().map(|p| p.1).collect(),
            nearest_distance,
            complete: count,
        }
    }

    /// The atoms that lack neighbours.
    fn surface(&self) -> Vec<usize> {
        const ALL: usize = 12;
        let points: Vec<Vec3> =
            self.positions.iter().map(|&r| scale(r, 1.0 / self.nearest_distance)).collect();
        let bonds = bonds(&points, BOND);
        (0..points.len()).filter(|&i| bonds[i].len() < ALL).collect()
    }

    /// Without some of the atoms that lack neighbours, drawn by numbers of `order`.
    pub fn roughened(&self, roughness: Roughness, order: impl Fn(usize) -> Vec<usize>) -> Cluster {
        let (surface, atoms) = (self.surface(), self.positions.len());
        let removed = roughness.removed(atoms, surface.len());
        let gone: BTreeSet<usize> =
            order(surface.len()).into_iter().take(removed).map(|k| surface[k]).collect();
        let kept = || (0..atoms).filter(|i| !gone.contains(i));
        Cluster {
            positions: kept().map(|i| self.positions[i]).collect(),
            depth: kept().map(|i| self.depth[i]).collect(),
            ..*self
        }
    }
}

/// Of a family that grows with n = 1, 2, ...
fn complete(
    wanted: usize,
    size: Size,
    atoms: impl Fn(usize) -> usize,
    points: impl Fn(usize) -> Vec<Point>,
) -> Vec<Point> {
    let above = (1..).find(|&n| atoms(n) >= wanted).unwrap_or(1);
    let below = above.saturating_sub(1).max(1);
    let nearer = atoms(below).abs_diff(wanted) <= atoms(above).abs_diff(wanted);
    points(if nearer && size == Size::Nearest { below } else { above })
}

fn icosahedron_atoms(shells: usize) -> usize {
    let n = shells;
    (10 * n * n * n + 11 * n - 15 * n * n - 3) / 3
}

/// The corners of an icosahedron with edges of length 1, one of them along z.
fn corners() -> Vec<Vec3> {
    let radius = (1.0 + 1.0 / 5f64.sqrt()).sqrt() * 5f64.sqrt() / 8f64.sqrt();
    let (high, wide) = (radius / 5f64.sqrt(), 2.0 * radius / 5f64.sqrt());
    let mut corners = vec![[0.0, 0.0, radius]];
    for k in 0..10 {
        let (sine, cosine) = libm::sincos(36f64.to_radians() * k as f64);
        corners.push([wide * cosine, wide * sine, if k % 2 == 0 { high } else { -high }]);
    }
    corners.push([0.0, 0.0, -radius]);
    corners
}

/// Its faces: three corners next to each other.
fn faces() -> Vec<[Vec3; 3]> {
    let corners = corners();
    let next = |i: usize, j: usize| (norm(sub(corners[i], corners[j])) - 1.0).abs() < 1e-6;
    let mut faces = Vec::new();
    for i in 0..12 {
        for j in i + 1..12 {
            for k in j + 1..12 {
                if next(i, j) && next(j, k) && next(i, k) {
                    faces.push([corners[i], corners[j], corners[k]]);
                }
            }
        }
    }
    faces
}

fn icosahedron(shells: usize) -> Vec<Point> {
    // From the centre to a corner it is shorter than along an edge: the mean is to be 1.
    let unit = 2.0 / (1.0 + norm(corners()[0]));
    let mut points = Vec::new();
    let mut known = BTreeSet::new();
    for shell in 0..shells as i32 {
        for [a, b, c] in faces() {
            for i in 0..=shell {
                for j in 0..=shell - i {
                    let parts = [i, j, shell - i - j].map(|n| unit * n as f64);
                    let [i, j, k] = parts;
                    let point = add(add(scale(a, i), scale(b, j)), scale(c, k));
                    // Faces share edges and corners.
                    if known.insert(point.map(|x| (x * 1e4).round() as i64)) {
                        points.push((point, shell as f64));
                    }
                }
            }
        }
    }
    points
}

/// Decahedra are no higher than so many times their width and some layers: from there on they are needles.
const HIGHEST: (f64, f64) = (1.5, 3.0);

/// Nor are their notches deeper than p and so much: from there on they are stars.
const DEEPEST: usize = 2;

/// How deep notches are best, over p.
const NOTCHES: f64 = 1.0 / 3.0;

/// Of numbers of atoms that are as near as this to the wanted one, the shape decides, unless it is met.
const NEAR: f64 = 0.01;

/// p, q and r of the decahedron whose number of atoms is nearest to the wanted one, or the next that is not
/// smaller; of several that are near, the one that is most nearly as high as wide with notches of that depth.
fn marks(wanted: usize, size: Size) -> [usize; 3] {
    let mut best: Option<((usize, f64), [usize; 3])> = None;
    let near = (NEAR * wanted as f64) as usize;
    // One column alone is none.
    for p in 1.. {
        for r in 2usize.saturating_sub(p)..=p + DEEPEST {
            let (rings, columns) = (p + 2 * r, Columns::of(p, r));
            let highest = (HIGHEST.0 * columns.width + HIGHEST.1) as usize;
            let fitting = (wanted + columns.missing) as f64 / columns.count as f64;
            for height in [fitting.floor(), fitting.ceil()] {
                let height = (height as usize).clamp(rings, highest.max(rings));
                let atoms = columns.atoms(height);
                let away = match (atoms.abs_diff(wanted), size) {
                    (_, Size::Exact) if atoms < wanted => continue,
                    (0, _) => 0,
                    (away, Size::Nearest) => away.max(near),
                    (away, Size::Exact) => away,
                };
                let uneven = libm::log(height as f64 / columns.width).abs()
                    + (r as f64 / p as f64 - NOTCHES).abs();
                if best.is_none_or(|(known, _)| (away, uneven) < known) {
                    best = Some(((away, uneven), [p, height + 1 - rings, r]));
                }
            }
        }
        // All that are wider have more atoms still.
        if Columns::of(p, 0).atoms(p) > 2 * wanted {
            break;
        }
    }
    best.expect("the widest has more atoms than are wanted").1
}

/// The columns of decahedra that differ in their height alone.
struct Columns {
    count: usize,
    /// By how many atoms all of them are shorter than the one in the middle.
    missing: usize,
    /// Of what they make, in distances of neighbours.
    width: f64,
}

impl Columns {
    fn of(p: usize, r: usize) -> Columns {
        let (rings, farthest) = (p + 2 * r, p + r);
        let (mut count, mut missing) = (1, 0);
        for ring in 1..rings {
            // As `decahedron` has them in a grain.
            let own = 5 * (ring.min(farthest) - (ring + 1).saturating_sub(farthest));
            count += own;
            missing += own * ring;
        }
        Columns { count, missing, width: 1.0 + 2.0 * 0.75f64.sqrt() * (farthest - 1) as f64 }
    }

    fn atoms(&self, height: usize) -> usize {
        self.count * height - self.missing
    }
}

/// Towards one of the five twin boundaries, as far as from one column to the next.
fn corner(k: usize) -> Vec3 {
    // Columns are half a spacing higher from one to the next: neighbours are 1 apart.
    let (sine, cosine) = libm::sincos(72f64.to_radians() * k as f64);
    [0.75f64.sqrt() * cosine, 0.75f64.sqrt() * sine, 0.0]
}

fn decahedron([p, q, r]: [usize; 3]) -> Vec<Point> {
    let height = p + q + 2 * r - 1;
    let rings = p + 2 * r;
    // Notches: no column stands farther out along a twin boundary than this.
    let farthest = rings - r;
    let mut points = Vec::new();
    let mut column = |foot: Vec3, ring: usize| {
        let count = height - ring;
        for j in 0..count {
            let z = j as f64 - (count - 1) as f64 / 2.0;
            // Rings outwards, or atoms from the ends of the columns.
            let from_end = count.min(2 * j.min(count - 1 - j) + 1);
            let depth = (ring as f64 / rings as f64).max(1.0 - from_end as f64 / height as f64);
            points.push((add(foot, [0.0, 0.0, z]), depth));
        }
    };
    column([0.0; 3], 0);
    for ring in 1..height.min(rings) {
        for k in 0..5 {
            for i in (0..ring).filter(|&i| ring - i < farthest && i < farthest) {
                let foot =
                    add(scale(corner(k), (ring - i) as f64), scale(corner((k + 1) % 5), i as f64));
                column(foot, ring);
            }
        }
    }
    points
}

/// Sites of hcp about an atom, shell after shell; a and c over the distance of nearest neighbours.
fn ball(wanted: usize, size: Size, a: f64, c: f64) -> Vec<Point> {
    let volume = 3f64.sqrt() / 4.0 * a * a * c;
    let radius =
        libm::cbrt(0.75 / std::f64::consts::PI * volume * (wanted as f64 + 20.0)) * 1.1 + 1.0;
    let (along, up) = ((radius / a) as i32 + 2, (radius / c) as i32 + 2);
    let mut points: Vec<Point> = Vec::new();
    for i in -2 * along..=2 * along {
        for j in -2 * along..=2 * along {
            for k in -up..=up {
                let root = 3f64.sqrt();
                let corner =
                    [a * (i as f64 + j as f64 / 2.0), a * root / 2.0 * j as f64, c * k as f64];
                let inner = add(corner, [a / 2.0, a / (2.0 * root), c / 2.0]);
                points
                    .extend([corner, inner].map(|r| (r, norm(r))).iter().filter(|p| p.1 <= radius));
            }
        }
    }
    let rank = |p: &Point| ((p.1 * 1e6).round() as i64, p.0.map(|x| (x * 1e6).round() as i64));
    points.sort_by_key(rank);
    let is_shell = |&n: &usize| points.get(n).is_some_and(|next| next.1 - points[n - 1].1 > 1e-6);
    let shells = || (1..points.len()).filter(is_shell);
    let chosen = match size {
        Size::Nearest => shells().min_by_key(|n| n.abs_diff(wanted)),
        Size::Exact => shells().find(|&n| n >= wanted),
    };
    points.truncate(chosen.expect("shells beyond the wanted number"));
    points
}

/// The neighbours of each within this distance, by cubes.
pub fn bonds(points: &[Vec3], reach: f64) -> Vec<Vec<u32>> {
    let cube = |r: Vec3| r.map(|x| (x / reach).floor() as i64);
    let mut cubes: HashMap<[i64; 3], Vec<u32>> = HashMap::new();
    points.iter().enumerate().for_each(|(i, &r)| cubes.entry(cube(r)).or_default().push(i as u32));
    let near = |i: usize, r: Vec3| {
        let [x, y, z] = cube(r);
        let around = (0..27).map(move |k| [x + k % 3 - 1, y + k / 3 % 3 - 1, z + k / 9 - 1]);
        let all = around.filter_map(|home| cubes.get(&home)).flatten().copied();
        all.filter(|&j| {
            let away = sub(points[j as usize], r);
            j as usize != i && dot(away, away) < reach * reach
        })
        .collect()
    };
    points.iter().enumerate().map(|(i, &r)| near(i, r)).collect()
}

/// Takes away the least bound atoms until `wanted` are left; of equally bound ones the farthest out.
fn trimmed(points: Vec<Point>, wanted: usize) -> Vec<Point> {
    let positions: Vec<Vec3> = points.iter().map(|p| p.0).collect();
    let bonds = bonds(&positions, BOND);
    let out = |i: usize| (norm(positions[i]) * 1e6).round() as i64;
    let mut left: Vec<usize> = bonds.iter().map(Vec::len).collect();
    let mut gone = vec![false; points.len()];
    let entry = |i: usize, left: usize| (Reverse(left), out(i), Reverse(i));
    let mut heap: BinaryHeap<_> = (0..points.len()).map(|i| entry(i, left[i])).collect();
    let mut count = points.len();
    while count > wanted {
        let (Reverse(bound), _, Reverse(i)) = heap.pop().expect("an entry for every atom");
        // An atom that lost neighbours since has a newer entry.
        if gone[i] || bound != left[i] {
            continue;
        }
        gone[i] = true;
        count -= 1;
        for &j in &bonds[i] {
            let j = j as usize;
            left[j] -= 1;
            if !gone[j] {
                heap.push(entry(j, left[j]));
            }
        }
    }
    points.into_iter().zip(gone).filter(|(_, gone)| !gone).map(|(point, _)| point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_of_icosahedra_are_mackay_s() {
        for (n, atoms) in [1, 13, 55, 147, 309, 561, 923].into_iter().enumerate() {
            let points = icosahedron(n + 1);
            assert_eq!((points.len(), icosahedron_atoms(n + 1)), (atoms, atoms));
        }
        // Neighbours: 12 of each atom inside, at 0.9511 of the distance along the shell radially.
        let points: Vec<Vec3> = icosahedron(5).iter().map(|p| p.0).collect();
        let bonds = bonds(&points, BOND);
        assert_eq!(bonds.iter().filter(|b| b.len() == 12).count(), icosahedron_atoms(4));
        let near =
            |i: usize| bonds[i].iter().map(move |&j| norm(sub(points[j as usize], points[i])));
        let (short, long) = (near(0).fold(9.0, f64::min), 2.0 / (1.0 + norm(corners()[0])));
        assert!((short / long - 0.951_056_516).abs() < 1e-8);
        assert!(((short + long) / 2.0 - 1.0).abs() < 1e-12);
    }

    #[test]
    fn every_decahedron_that_is_no_needle_is_found_by_its_number_of_atoms() {
        for (p, q, r) in
            (1..5).flat_map(|p| (1..5).flat_map(move |q| (0..4).map(move |r| (p, q, r))))
        {
            // One column alone is none.
            if (p, r) == (1, 0) {
                continue;
            }
            let atoms = decahedron([p, q, r]).len();
            assert_eq!(Columns::of(p, r).atoms(p + q + 2 * r - 1), atoms, "{p} {q} {r}");
            for size in [Size::Nearest, Size::Exact] {
                assert_eq!(decahedron(marks(atoms, size)).len(), atoms, "{p} {q} {r}");
            }
        }
        // L. D. Marks's own, and what the wanted number lies between.
        for (wanted, nearest, exact) in
            [(75, 75, 75), (146, 146, 146), (192, 192, 192), (190, 192, 192)]
        {
            assert_eq!(decahedron(marks(wanted, Size::Nearest)).len(), nearest);
            assert_eq!(decahedron(marks(wanted, Size::Exact)).len(), exact);
        }
        // As many atoms as a needle of 28 layers has.
        assert_ne!(marks(169, Size::Nearest), [2, 28, 0]);
        for wanted in (1000..60_000).step_by(997) {
            let found = decahedron(marks(wanted, Size::Nearest)).len();
            assert!(found.abs_diff(wanted) <= wanted / 100, "{found} for {wanted}");
            let [p, q, r] = marks(wanted, Size::Nearest);
            let (height, width) = ((p + q + 2 * r - 1) as f64, Columns::of(p, r).width);
            assert!((0.55..1.6).contains(&(height / width)), "{wanted}: {height} x {width}");
        }
    }

    #[test]
    fn decahedra_have_neighbours_at_one_distance_nearly() {
        // The smallest, of seven atoms, is the pentagonal bipyramid.
        assert_eq!(decahedron([2, 1, 0]).len(), 7);
        for wanted in [13, 75, 192, 434, 887, 1389, 3839] {
            let n = wanted;
            let points: Vec<Vec3> =
                decahedron(marks(wanted, Size::Nearest)).iter().map(|p| p.0).collect();
            let bonds = bonds(&points, BOND);
            assert!(bonds.iter().all(|b| b.len() >= 3 && b.len() <= 12), "{n}");
            for (i, near) in bonds.iter().enumerate() {
                let lengths = near.iter().map(|&j| norm(sub(points[j as usize], points[i])));
                assert!(lengths.into_iter().all(|l| (0.999..1.02).contains(&l)), "{n}");
            }
        }
    }
}
