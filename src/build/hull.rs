//! Convex hulls of particles, and how far two of them are apart.
//!
//! A hull is the list of its corners; all that is asked of it is the corner farthest in a direction. The
//! distance of two hulls is the length of the shortest vector in their Minkowski difference, found by
//! the algorithm of E. G. Gilbert, D. W. Johnson and S. S. Keerthi, IEEE J. Robot. Autom. 4 (1988) 193;
//! v·w/|v| is a bound from below all the while, so that "far enough" is known early. No atom lies outside of
//! its hull: atoms of two particles are never nearer to each other than their hulls.

use crate::geometry::{Vec3, add, cross, dot, norm, scale, sub};
use serde::{Deserialize, Serialize};

/// Å; points nearer to a hull than this are in it, and distances are known to a thousandth of it.
const TOLERANCE: f64 = 1e-4;

/// Each step comes nearer by what is left of rounding at the least; no pair takes so many.
const MOST_STEPS: usize = 200;

/// From the centre of its particle, Å.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hull {
    pub corners: Vec<Vec3>,
}

/// The distance of two hulls, or a bound from below that is far enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apart {
    pub distance: f64,
    /// From the first towards the second, of length 1.
    pub direction: Vec3,
}

fn farthest(points: &[Vec3], direction: Vec3) -> Vec3 {
    let mut best = (f64::NEG_INFINITY, [0.0; 3]);
    for &r in points {
        let along = dot(r, direction);
        if along > best.0 {
            best = (along, r);
        }
    }
    best.1
}

impl Hull {
    /// Of these points, of which there is one. Points that are no corners are found out one by one: each
    /// that lies outside of the corners so far brings the farthest one in its direction (K. L.
    /// Clarkson, Proc. 35th Symp. Found. Comput. Sci. (1994) 695).
    pub fn of(points: &[Vec3]) -> Hull {
        let mut corners: Vec<Vec3> = Vec::new();
        for direction in (0..27).map(|i| [i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1]) {
            let corner = farthest(points, direction.map(f64::from));
            if !corners.contains(&corner) {
                corners.push(corner);
            }
        }
        for &r in points {
            loop {
                let away = separation(&corners, &[r], [0.0; 3], f64::INFINITY);
                let corner = farthest(points, away.direction);
                if away.distance <= TOLERANCE || corners.contains(&corner) {
                    break;
                }
                corners.push(corner);
            }
        }
        Hull { corners }
    }

    /// Distance of its farthest corner from the centre, Å.
    pub fn radius(&self) -> f64 {
        self.corners.iter().map(|&r| norm(r)).fold(0.0, f64::max)
    }

    /// How far apart it and another are whose centre lies `shift` from its own, or no more than that it is
    /// `enough`.
    pub fn apart(&self, other: &Hull, shift: Vec3, enough: f64) -> Apart {
        separation(&self.corners, &other.corners, shift, enough)
    }

    /// How far along this direction (of length 1) the centre of the other stands, moved by `aside`, when it
    /// is at the gap: it comes from afar, each time by as much as the gap is too wide, and never overshoots.
    pub fn contact(&self, other: &Hull, direction: Vec3, aside: Vec3, gap: f64) -> f64 {
        let mut centres = self.radius() + other.radius() + gap + norm(aside);
        for _ in 0..MOST_STEPS {
            let shift = add(scale(direction, centres), aside);
            let apart = self.apart(other, shift, f64::INFINITY);
            let closing = dot(apart.direction, direction);
            let excess = apart.distance - gap;
            if excess < TOLERANCE * 1e-2 || closing <= 0.0 {
                break;
            }
            centres -= excess / closing;
        }
        centres
    }

    /// Area of its shadow along z, Å².
    pub fn shadow(&self) -> f64 {
        let mut points: Vec<[f64; 2]> = self.corners.iter().map(|r| [r[0], r[1]]).collect();
        points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
        let left_of = |a: [f64; 2], b: [f64; 2], c: [f64; 2]| {
            (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        };
        // Andrew's monotone chain: below from left to right, then above and back.
        let chain = |points: &mut dyn Iterator<Item = [f64; 2]>| {
            let mut chain: Vec<[f64; 2]> = Vec::new();
            for point in points {
                while let [.., a, b] = chain[..]
                    && left_of(a, b, point) <= 0.0
                {
                    chain.pop();
                }
                chain.push(point);
            }
            chain
        };
        let mut outline = chain(&mut points.iter().copied());
        outline.pop();
        outline.extend(chain(&mut points.iter().rev().copied()));
        let twice: f64 = outline.windows(2).map(|w| w[0][0] * w[1][1] - w[1][0] * w[0][1]).sum();
        twice / 2.0
    }
}

/// Whether a point lies in the hull of others.
pub fn is_between(others: &[Vec3], point: Vec3) -> bool {
    !others.is_empty()
        && separation(others, &[point], [0.0; 3], TOLERANCE).distance < TOLERANCE * 1e-2
}

fn separation(a: &[Vec3], b: &[Vec3], shift: Vec3, enough: f64) -> Apart {
    let mut simplex: Vec<Vec3> = Vec::with_capacity(4);
    let mut v = if norm(shift) > 0.0 { shift } else { [1.0, 0.0, 0.0] };
    let mut bound = 0.0f64;
    for _ in 0..MOST_STEPS {
        let length = norm(v);
        let w = add(sub(farthest(b, scale(v, -1.0)), farthest(a, v)), shift);
        let along = dot(v, w) / length;
        let direction = scale(v, 1.0 / length);
        bound = bound.max(along);
        if along >= enough {
            return Apart { distance: along, direction };
        }
        if !simplex.is_empty() && (length - bound <= TOLERANCE * 1e-3 || simplex.contains(&w)) {
            return Apart { distance: length, direction };
        }
        simplex.push(w);
        v = nearest(&mut simplex);
        if simplex.len() == 4 || norm(v) < TOLERANCE * 1e-3 {
            return Apart { distance: 0.0, direction };
        }
    }
    Apart { distance: bound.max(0.0), direction: scale(v, 1.0 / norm(v)) }
}

/// The point of a simplex nearest to the origin; what remains of it are the corners that it lies between.
fn nearest(simplex: &mut Vec<Vec3>) -> Vec3 {
    let mut best: Option<(f64, Vec3, usize)> = None;
    for chosen in 1..1usize << simplex.len() {
        let corners: Vec<Vec3> =
            (0..simplex.len()).filter(|i| chosen >> i & 1 == 1).map(|i| simplex[i]).collect();
        if let Some(point) = between(&corners) {
            let length = norm(point);
            if best.is_none_or(|b| length < b.0) {
                best = Some((length, point, chosen));
            }
        }
    }
    let (_, point, chosen) = best.expect("each corner is such a point");
    let mut i = 0;
    simplex.retain(|_| {
        i += 1;
        chosen >> (i - 1) & 1 == 1
    });
    point
}

/// The point nearest to the origin in the plane of these corners, if it lies between them.
fn between(corners: &[Vec3]) -> Option<Vec3> {
    let (&first, rest) = corners.split_first()?;
    let edges: Vec<Vec3> = rest.iter().map(|&r| sub(r, first)).collect();
    let inside = |parts: &[f64]| parts.iter().all(|&t| t > 0.0) && parts.iter().sum::<f64>() < 1.0;
    let parts = match edges[..] {
        [] => Vec::new(),
        [u] => vec![-dot(first, u) / dot(u, u)],
        [u, v] => {
            let (uu, uv, vv) = (dot(u, u), dot(u, v), dot(v, v));
            let (fu, fv) = (-dot(first, u), -dot(first, v));
            let determinant = uu * vv - uv * uv;
            vec![(fu * vv - fv * uv) / determinant, (fv * uu - fu * uv) / determinant]
        }
        [u, v, w] => {
            // The origin itself: Cramer's rule.
            let determinant = dot(u, cross(v, w));
            let back = scale(first, -1.0);
            let part = |a, b| dot(back, cross(a, b)) / determinant;
            vec![part(v, w), part(w, u), part(u, v)]
        }
        _ => return None,
    };
    // Of corners in one line or plane nothing comes of the division.
    inside(&parts).then(|| {
        parts.iter().zip(&edges).fold(first, |point, (&t, &edge)| add(point, scale(edge, t)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cube(half: f64) -> Vec<Vec3> {
        (0..8).map(|i| [i & 1, i >> 1 & 1, i >> 2].map(|b| (2 * b - 1) as f64 * half)).collect()
    }

    #[test]
    fn cubes_stand_apart_by_facets_edges_and_corners() {
        let (one, other) = (Hull::of(&cube(1.0)), Hull::of(&cube(2.0)));
        for (shift, wanted) in [
            ([5.0, 0.5, 0.0], 2.0),
            ([5.0, 5.0, 0.0], 2.0 * 2f64.sqrt()),
            ([-5.0, 5.0, -5.0], 2.0 * 3f64.sqrt()),
            ([2.5, 0.0, 0.0], 0.0),
        ] {
            let apart = one.apart(&other, shift, f64::INFINITY);
            assert!((apart.distance - wanted).abs() < 1e-6, "{shift:?}: {apart:?}");
            // A bound that is enough.
            assert!(one.apart(&other, shift, 0.5).distance <= wanted + 1e-9);
        }
        let x = [1.0, 0.0, 0.0];
        assert!((one.contact(&other, x, [0.0; 3], 0.5) - 3.5).abs() < 1e-5);
        let diagonal = scale([1.0, 1.0, 0.0], 0.5f64.sqrt());
        let corner = one.contact(&other, diagonal, [0.0; 3], 0.5);
        // Facets meet first: they are 0.5 apart when the centres are 3.5 apart along x.
        assert!((corner - 3.5 * 2f64.sqrt()).abs() < 0.3, "{corner}");
        assert!((one.shadow() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn only_corners_remain_of_a_grid() {
        let grid: Vec<Vec3> =
            (0..7 * 7 * 7).map(|i| [i % 7, i / 7 % 7, i / 49].map(|x| x as f64 - 3.0)).collect();
        let hull = Hull::of(&grid);
        assert!(hull.corners.iter().all(|r| r.iter().filter(|x| x.abs() == 3.0).count() >= 1));
        let corners = |r: &&Vec3| r.iter().all(|x| x.abs() == 3.0);
        assert_eq!(hull.corners.iter().filter(corners).count(), 8);
        assert!((hull.shadow() - 36.0).abs() < 1e-12);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hulls_are_as_far_apart_as_their_points_or_less(
            a in prop::collection::vec(prop::array::uniform3(-1.0f64..1.0), 1..30),
            b in prop::collection::vec(prop::array::uniform3(-1.0f64..1.0), 1..30),
            shift in prop::array::uniform3(-4.0f64..4.0),
        ) {
            let (one, other) = (Hull::of(&a), Hull::of(&b));
            let hull = one.apart(&other, shift, f64::INFINITY);
            let points = a.iter().flat_map(|&r| b.iter().map(move |&s| norm(sub(add(s, shift), r))));
            prop_assert!(hull.distance <= points.fold(f64::INFINITY, f64::min) + 1e-9);
            // And a plane between them says that they are so far apart.
            if hull.distance > 1e-3 {
                let low = b.iter().map(|&s| dot(add(s, shift), hull.direction)).fold(f64::INFINITY, f64::min);
                let high = a.iter().map(|&r| dot(r, hull.direction)).fold(f64::NEG_INFINITY, f64::max);
                prop_assert!((low - high - hull.distance).abs() < 1e-3);
            }
        }
    }
}
