//! Atoms that are too close to each other.

use crate::geometry::{Vec3, norm, sub};

/// An atom in its cube.
struct Placed {
    cube: [i64; 3],
    place: usize,
    position: Vec3,
}

/// Atoms of a run that are looked at. Where more are, in a damaged file, many of these
/// are closer than the limit already, and to compare all would take forever.
const CROWD: usize = 192;

/// The closest of those pairs, one atom of `a` and one of `b`, that `counts` lets
/// count: distance (below `limit`) and places in `a` and `b`. Atoms are sorted by cubes
/// of side `limit`, of which 27 are searched for each of `a`: nine runs of three, and as the
/// cubes of `a` go up, so do these runs. Nothing is looked up, and memory is read in order.
pub fn closest(
    a: impl Iterator<Item = Vec3>,
    b: impl Iterator<Item = Vec3>,
    limit: f64,
    counts: impl Fn(usize, usize) -> bool,
) -> Option<(f64, usize, usize)> {
    let (a, b) = (sorted(a, limit), sorted(b, limit));
    let mut runs = [0; 9];
    let mut closest: Option<(f64, usize, usize)> = None;
    for &Placed { cube: [x, y, z], place: i, position: r } in &a {
        for (k, start) in runs.iter_mut().enumerate() {
            let [x, y] = [x + k as i64 / 3 - 1, y + k as i64 % 3 - 1];
            while b.get(*start).is_some_and(|s| s.cube < [x, y, z - 1]) {
                *start += 1;
            }
            let near = b[*start..].iter().take_while(|s| s.cube <= [x, y, z + 1]).take(CROWD);
            for &Placed { place: j, position: s, .. } in near {
                let distance = norm(sub(r, s));
                if distance < closest.map_or(limit, |c| c.0) && counts(i, j) {
                    closest = Some((distance, i, j));
                }
            }
        }
    }
    closest
}

fn sorted(atoms: impl Iterator<Item = Vec3>, side: f64) -> Vec<Placed> {
    let cube = |r: Vec3| r.map(|x| (x / side).floor() as i64);
    let place = |(place, position)| Placed { cube: cube(position), place, position };
    let mut placed: Vec<Placed> = atoms.enumerate().map(place).collect();
    placed.sort_unstable_by_key(|atom| atom.cube);
    placed
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
