//! Atoms that are too close to each other.

use crate::geometry::{Vec3, norm, sub};
use std::collections::HashMap;

/// Atoms of a cube that are looked at. Where more are, in a damaged file, many of these
/// are closer than the limit already, and to compare all would take forever.
const CROWD: usize = 64;

/// The closest of those pairs, one atom of `a` and one of `b`, that `counts` lets
/// count: distance (below `limit`) and places in `a` and `b`. Atoms of `b` are sorted
/// into cubes of side `limit`, of which 27 are searched for each of `a`.
pub fn closest(
    a: impl Iterator<Item = Vec3>,
    b: impl Iterator<Item = Vec3>,
    limit: f64,
    counts: impl Fn(usize, usize) -> bool,
) -> Option<(f64, usize, usize)> {
    let cube = |r: Vec3| r.map(|x| (x / limit).floor() as i64);
    let mut cubes: HashMap<[i64; 3], Vec<(usize, Vec3)>> = HashMap::new();
    for (j, r) in b.enumerate() {
        let cube = cubes.entry(cube(r)).or_default();
        if cube.len() < CROWD {
            cube.push((j, r));
        }
    }
    let mut closest: Option<(f64, usize, usize)> = None;
    for (i, r) in a.enumerate() {
        let [x, y, z] = cube(r);
        let near = (0..27).map(|k| [x + k % 3 - 1, y + k / 3 % 3 - 1, z + k / 9 - 1]);
        for &(j, s) in near.filter_map(|cube| cubes.get(&cube)).flatten() {
            let distance = norm(sub(r, s));
            if distance < closest.map_or(limit, |c| c.0) && counts(i, j) {
                closest = Some((distance, i, j));
            }
        }
    }
    closest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_closest_pair_and_nothing_beyond_the_limit() {
        let a = [[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]];
        let b = [[0.0, 1.5, 0.0], [5.0, 0.0, -1.25], [9.0, 9.0, 9.0]];
        let within = |limit| closest(a.into_iter(), b.into_iter(), limit, |_, _| true);
        assert_eq!(within(2.0), Some((1.25, 1, 1)));
        assert_eq!(within(1.25), None);
        let other = closest(a.into_iter(), b.into_iter(), 2.0, |i, _| i == 0);
        assert_eq!(other, Some((1.5, 0, 0)));
        let itself =
            |list: [Vec3; 3]| closest(list.into_iter(), list.into_iter(), 2.0, |i, j| i < j);
        assert_eq!(itself(b), None);
    }
}
