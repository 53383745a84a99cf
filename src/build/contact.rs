//! Atoms that are too close to each other.

use crate::geometry::{Vec3, norm, sub};
use std::collections::HashMap;

/// The shortest distance below `limit` between an atom of `a` and one of `b`.
/// Atoms of `b` are sorted into cubes of side `limit`, of which 27 are searched for each of `a`.
pub fn shortest_below(
    a: impl Iterator<Item = Vec3>,
    b: impl Iterator<Item = Vec3>,
    limit: f64,
) -> Option<f64> {
    let cube = |r: Vec3| r.map(|x| (x / limit).floor() as i64);
    let mut cubes: HashMap<[i64; 3], Vec<Vec3>> = HashMap::new();
    for r in b {
        cubes.entry(cube(r)).or_default().push(r);
    }
    let mut shortest = limit;
    for r in a {
        let [x, y, z] = cube(r);
        for i in 0..27 {
            let near = [x + i % 3 - 1, y + i / 3 % 3 - 1, z + i / 9 - 1];
            for &s in cubes.get(&near).into_iter().flatten() {
                shortest = shortest.min(norm(sub(r, s)));
            }
        }
    }
    (shortest < limit).then_some(shortest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_closest_pair_and_nothing_beyond_the_limit() {
        let a = [[0.0, 0.0, 0.0], [5.0, 0.0, 0.0]];
        let b = [[0.0, 1.5, 0.0], [5.0, 0.0, -1.25], [9.0, 9.0, 9.0]];
        let shortest = |limit| shortest_below(a.into_iter(), b.into_iter(), limit);
        assert_eq!(shortest(2.0), Some(1.25));
        assert_eq!(shortest(1.25), None);
    }
}
