//! Polyhedral template matching (P. M. Larsen, S. Schmidt, J. Schiøtz, Modelling Simul. Mater.
//! Sci. Eng. 24 (2016) 055007): which ideal crystal the neighbours of an atom resemble most, and
//! how closely. Heat and strain disturb it less than common neighbour analysis.
//!
//! Neighbours. Of the eighteen nearest the twelve (fcc, hcp, icosahedron) or fourteen (bcc) whose
//! faces of the atom's Voronoi cell take the largest solid angle, as seen from it. The cell is the
//! polar dual of the hull of the points r/r², so the face of a neighbour is the polygon of the
//! directions of the faces about its corner there.
//!
//! Correspondence. The convex hull of the neighbours is a graph of triangles; those that an ideal
//! polyhedron can have (its squares and rhombs have either diagonal) are listed once, by a code that is
//! the same for two graphs just if they are (L. Weinberg, IEEE Trans. Circuit Theory 13 (1966) 142):
//! from a directed edge corners are numbered as they are met, going round each in turn; the code
//! is the least of all beginnings. Corners with the same number correspond.
//!
//! Deviation. With v the atom and its neighbours, w the template with a mean distance of 1, both about
//! their centres, over all correspondences, scales s and rotations R
//!   RMSD = min √(Σ (s v − R w)² / N)
//! (`superposition`). The template of the smallest counts.

use std::array;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::f64::consts::PI;
use std::iter;
use std::sync::LazyLock;

use super::cna::{Class, FIRST_SHELL, SHELLS};
use super::polyhedron::Polyhedron;
use super::superposition::{Quaternion, Superposition, UNTURNED};
use crate::geometry::{Vec3, cross, dot, norm, scale, sub};

/// Neighbours among which those of a template are sought.
pub const CANDIDATES: usize = 18;
/// Where the Voronoi cell ends that has no neighbour there, in distances of the farthest one.
const FAR: f64 = 10.0;

/// A number for each edge at both ends, and one for each corner.
const LONGEST: usize = 2 * (3 * SHELLS - 6) + SHELLS;
type Code = [u8; LONGEST];
/// Corners in the order in which they were met.
type Walk = [u8; SHELLS];

/// What an atom resembles most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// Other where the deviation is above the bound.
    pub class: Class,
    /// Deviation from the template that fits best, be it above the bound; none (NaN) if none has
    /// its neighbours.
    pub rmsd: f64,
    /// The rotation that brings the crystal onto that template, as a unit quaternion, its real part first.
    pub rotation: Quaternion,
}

impl Match {
    pub const NONE: Match = Match { class: Class::Other, rmsd: f64::NAN, rotation: UNTURNED };
}

/// The neighbours of an atom in an ideal crystal.
struct Template {
    class: Class,
    sites: Vec<Vec3>,
}

/// Ideal polyhedra by what they can look like: which template, and its corners in the order of the
/// walk, once for all that rotations of it make of each other.
type Catalogue = BTreeMap<Code, Vec<(usize, Walk)>>;

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    let signs = || [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]].into_iter();
    let about = |[a, b, c]: Vec3| [[a, b, c], [c, a, b], [b, c, a]];
    let planes = |a: f64, b: f64| -> Vec<Vec3> {
        signs().flat_map(|[s, t]| about([0.0, s * a, t * b])).collect()
    };
    let cube = signs().flat_map(|[s, t]| [[1.0, s, t], [-1.0, s, t]]);
    let axes = [2.0, -2.0].into_iter().flat_map(|x| about([x, 0.0, 0.0]));
    // Six about, and three above and below, all above the same hollows.
    let turn = |radius: f64, angle: f64, height: f64| -> Vec3 {
        [radius * libm::cos(angle), radius * libm::sin(angle), height]
    };
    let mut close_packed: Vec<Vec3> = (0..6).map(|k| turn(1.0, k as f64 * PI / 3.0, 0.0)).collect();
    for height in [1.0, -1.0].map(|side| side * (2.0f64 / 3.0).sqrt()) {
        let angle = |k: i32| (k as f64 * 2.0 + 0.5) * PI / 3.0;
        close_packed.extend((0..3).map(|k| turn(1.0 / 3f64.sqrt(), angle(k), height)));
    }
    let all = [
        (Class::Fcc, planes(1.0, 1.0)),
        (Class::Hcp, close_packed),
        (Class::Bcc, cube.chain(axes).collect()),
        (Class::Icosahedral, planes(1.0, golden)),
    ];
    let normal = |sites: Vec<Vec3>| -> Vec<Vec3> {
        let mean = sites.iter().map(|site| norm(*site)).sum::<f64>() / sites.len() as f64;
        sites.into_iter().map(|site| scale(site, 1.0 / mean)).collect()
    };
    all.into_iter().map(|(class, sites)| Template { class, sites: normal(sites) }).collect()
});

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut catalogue = Catalogue::new();
    for (number, Template { sites, .. }) in TEMPLATES.iter().enumerate() {
        for (code, walks) in shapes(sites) {
            let entry = catalogue.entry(code).or_default();
            for walk in walks {
                let is_rotated = |(other, like): &(usize, Walk)| {
                    let same = |k: usize| (sites[like[k] as usize], sites[walk[k] as usize]);
                    *other == number && laid_upon((0..sites.len()).map(same)).1 < 1e-6
                };
                if !entry.iter().any(is_rotated) {
                    entry.push((number, walk));
                }
            }
        }
    }
    catalogue
});

/// All graphs that the hull of these sites can have, with diagonals of its plane faces drawn in
/// all ways.
fn shapes(sites: &[Vec3]) -> Vec<(Code, Vec<Walk>)> {
    let hull = Polyhedron::hull(sites).expect("templates are not flat");
    let is_diagonal = |edge: &[usize; 4]| {
        let [a, b, c, d] = edge.map(|k| sites[k]);
        dot(sub(d, a), cross(sub(b, a), sub(c, a))).abs() < 1e-6
    };
    let diagonals: Vec<[usize; 4]> = hull.edges().into_iter().filter(is_diagonal).collect();
    let drawn = |chosen: usize| {
        let mut hull = hull.clone();
        let flipped = diagonals.iter().enumerate().filter(|(k, _)| chosen >> k & 1 == 1);
        flipped.for_each(|(_, edge)| hull.flip(*edge));
        code(&hull, sites.len())
    };
    // Not shared among threads: one that waits for others could take up work that waits for this.
    (0..1usize << diagonals.len()).map(drawn).collect()
}

/// The least code of a graph and the walks that have it. Corners: all of `count`.
fn code(graph: &Polyhedron, count: usize) -> (Code, Vec<Walk>) {
    let degrees: [usize; SHELLS] = array::from_fn(|k| graph.degree(k));
    // Few of the beginnings can be told from others by this already.
    let kind = |[a, b]: [usize; 2]| [degrees[a], degrees[b], degrees[graph.after(a, b)]];
    let (mut least, mut edges) = ([usize::MAX; 3], Vec::with_capacity(LONGEST));
    for a in 0..count {
        for b in graph.neighbours(a) {
            let kind = kind([a, b]);
            if kind < least {
                edges.clear();
                least = kind;
            }
            if kind == least {
                edges.push([a, b]);
            }
        }
    }
    let (mut code, mut walks) = ([u8::MAX; LONGEST], Vec::new());
    for edge in edges {
        let (order, walk) = walk(graph, count, edge, &mut code);
        match order {
            Ordering::Greater => continue,
            Ordering::Less => walks.clear(),
            Ordering::Equal => {}
        }
        walks.push(walk);
    }
    (code, walks)
}

/// Walks from a directed edge and compares with the least code so far, which becomes that of the walk if
/// it is less.
fn walk(
    graph: &Polyhedron,
    count: usize,
    [from, to]: [usize; 2],
    least: &mut Code,
) -> (Ordering, Walk) {
    const UNKNOWN: u8 = u8::MAX;
    let (mut number, mut walk) = ([UNKNOWN; SHELLS], [0; SHELLS]);
    // Where each was met from.
    let mut met_from = [0; SHELLS];
    for (k, [corner, other]) in [[from, to], [to, from]].into_iter().enumerate() {
        (number[corner], walk[k], met_from[corner]) = (k as u8, corner as u8, other);
    }
    let (mut known, mut length, mut order) = (2, 0, Ordering::Equal);
    let mut put = |symbol: u8| {
        if order == Ordering::Equal {
            order = symbol.cmp(&least[length]);
        }
        if order == Ordering::Less {
            least[length] = symbol;
        }
        length += 1;
        order
    };
    for k in 0..count {
        let corner = walk[k] as usize;
        let mut other = met_from[corner];
        loop {
            if number[other] == UNKNOWN {
                (number[other], walk[known], met_from[other]) = (known as u8, other as u8, corner);
                known += 1;
            }
            if put(number[other]) == Ordering::Greater {
                return (Ordering::Greater, walk);
            }
            other = graph.after(corner, other);
            if other == met_from[corner] {
                break;
            }
        }
        // The end of those about a corner.
        if put(UNKNOWN) == Ordering::Greater {
            return (Ordering::Greater, walk);
        }
    }
    (order, walk)
}

/// `near`: vectors to the neighbours, nearest first. `bound`: the largest RMSD that counts.
pub fn find(near: &[Vec3], bound: f64) -> Match {
    let near = &near[..near.len().min(CANDIDATES)];
    let order = by_solid_angle(near);
    let (mut best, mut best_fit) = (Match::NONE, None);
    for count in [FIRST_SHELL, SHELLS] {
        if near.len() < count {
            break;
        }
        let shell: [Vec3; SHELLS] =
            array::from_fn(|k| if k < count { near[order[k]] } else { [0.0; 3] });
        let shell = &shell[..count];
        let Some(hull) = Polyhedron::hull(shell) else { continue };
        if (0..count).any(|k| hull.degree(k) == 0) {
            continue; // not every neighbour is a corner
        }
        let (code, walks) = code(&hull, count);
        for (number, sites) in CATALOGUE.get(&code).into_iter().flatten() {
            let Template { class, sites: ideal } = &TEMPLATES[*number];
            let pair = |k: usize| (shell[walks[0][k] as usize], ideal[sites[k] as usize]);
            let (fit, rmsd) = laid_upon((0..count).map(pair));
            if best.rmsd.is_nan() || rmsd < best.rmsd {
                best = Match { class: *class, rmsd, ..best };
                best_fit = Some(fit);
            }
        }
    }
    best.rotation = best_fit.map_or(best.rotation, |fit| fit.rotation());
    if best.rmsd <= bound { best } else { Match { class: Class::Other, ..best } }
}

/// An atom with neighbours as they are and in a template: how one lies best upon the other, and the RMSD.
fn laid_upon(pairs: impl ExactSizeIterator<Item = (Vec3, Vec3)>) -> (Superposition, f64) {
    // The atom itself is one of the points, at zero in both.
    let count = 1 + pairs.len();
    let fit = Superposition::of(iter::once(([0.0; 3], [0.0; 3])).chain(pairs));
    let rmsd = (fit.least_square() / count as f64).sqrt();
    (fit, rmsd)
}

/// The neighbours by the solid angle of their faces of the Voronoi cell, largest first; among
/// equals the nearer ones.
fn by_solid_angle(near: &[Vec3]) -> Vec<usize> {
    let farthest = near.iter().fold(0.0, |far: f64, x| far.max(norm(*x)));
    let mut dual: Vec<Vec3> = near.iter().map(|x| scale(*x, 1.0 / dot(*x, *x))).collect();
    let border = 0.5 / (FAR * farthest);
    for axis in 0..3 {
        for side in [border, -border] {
            dual.push(array::from_fn(|d| if d == axis { side } else { 0.0 }));
        }
    }
    let angles: Vec<f64> = match Polyhedron::hull(&dual) {
        Some(hull) => (0..near.len()).map(|k| solid_angle(hull.directions(k))).collect(),
        None => vec![0.0; near.len()],
    };
    let mut order: Vec<usize> = (0..near.len()).collect();
    order.sort_by(|&a, &b| angles[b].total_cmp(&angles[a]));
    order
}

/// Of a convex polygon on the unit sphere (A. Van Oosterom, J. Strackee, IEEE Trans. Biomed. Eng. 30
/// (1983) 125): the triangles that make it turn a complex number by half of theirs.
fn solid_angle(mut corners: impl Iterator<Item = Vec3>) -> f64 {
    let [Some(a), Some(mut b)] = [corners.next(), corners.next()] else { return 0.0 };
    let (mut re, mut im) = (1.0, 0.0);
    for c in corners {
        let x = 1.0 + dot(a, b) + dot(b, c) + dot(c, a);
        let y = dot(a, cross(b, c));
        (re, im) = (re * x - im * y, re * y + im * x);
        b = c;
    }
    2.0 * libm::atan2(im, re)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ideal_polyhedra_look_like_so_many_graphs() {
        let graphs = |number: usize| {
            CATALOGUE.values().filter(|all| all.iter().any(|(other, _)| *other == number)).count()
        };
        assert_eq!([0, 1, 2, 3].map(graphs), [7, 13, 199, 1]);
    }
}
