//! One after the other: a chain, straight or winding, and a ring.

use super::{Placed, Table, centred, direction};
use crate::error::Result;
use crate::geometry::{Vec3, add, dot, norm, scale, sub};
use crate::input::ChainConfig;
use crate::terminal::counted;

/// So often a link is drawn before there is no way on.
const TRIES: usize = 2000;

/// In random order.
pub fn chain(table: &Table, chain: &ChainConfig) -> Result<Placed> {
    let order = table.shuffled();
    let mut centres = vec![[0.0; 3]; table.count()];
    let mut along = [1.0, 0.0, 0.0];
    for (done, pair) in order.windows(2).enumerate() {
        let [last, next] = [pair[0], pair[1]];
        let mut stream = table.stream(next);
        let mut draw = || {
            let angle = stream.uniform() * chain.bend_deg;
            let way = if chain.bend_deg == 0.0 {
                along
            } else {
                bent(along, angle, direction(&mut stream))
            };
            (way, add(centres[last], scale(way, table.contact(last, next, way))))
        };
        let free = |(_, centre): &(Vec3, Vec3)| {
            let mut before = order[..done].iter();
            before.all(|&i| table.are_clear(i, next, sub(*centre, centres[i])))
        };
        let Some((way, centre)) = (0..TRIES).map(|_| draw()).find(free) else {
            let message = format!(
                "the chain has run into itself after {} of {} particles: take another `seed`, or a smaller \
                 `bend_deg` than {}",
                done + 1,
                table.count(),
                chain.bend_deg
            );
            return Err(table.refusal("bend_deg", message));
        };
        (along, centres[next]) = (way, centre);
    }
    let note = format!("{} in a chain", counted(table.count(), "particle"));
    Ok(Placed { centres: centred(centres), lengths: [None; 3], note })
}

/// Turned away by an angle in degrees, towards where `side` lies.
fn bent(along: Vec3, degrees: f64, side: Vec3) -> Vec3 {
    let across = sub(side, scale(along, dot(side, along)));
    let across = scale(across, 1.0 / norm(across));
    let (sine, cosine) = libm::sincos(degrees.to_radians());
    add(scale(along, cosine), scale(across, sine))
}

/// Halvings of an interval: to the last bit but few.
const HALVINGS: usize = 45;

/// A ring whose last is so much farther from the first than the gap, and more, is open.
const OPEN: f64 = 0.9;

/// In random order; the radius is the smallest on which none comes too near to another.
pub fn ring(table: &Table) -> Result<Placed> {
    let order = table.shuffled();
    let count = table.count();
    if count < 3 {
        let message = format!("a ring has three particles or more, not {count}");
        return Err(table.refusal("kind", message));
    }
    let around: f64 = table.radii.iter().map(|r| 2.0 * r + table.gap).sum();
    let (mut low, mut high) = (0.0, around);
    for _ in 0..HALVINGS {
        let middle = (low + high) / 2.0;
        match angles(table, &order, middle).is_some() {
            true => high = middle,
            false => low = middle,
        }
    }
    let angles = angles(table, &order, high).unwrap_or_default();
    let mut centres = vec![[0.0; 3]; count];
    order.iter().zip(angles).for_each(|(&i, angle)| centres[i] = at(high, angle));
    let [first, last] = [order[0], order[count - 1]];
    let end = sub(centres[first], centres[last]);
    if table.are_clear(last, first, scale(end, OPEN)) {
        let message = format!(
            "this ring of {count} particles does not close: large ones come too near to each other past \
             small ones between them, and the last gap stays open. Take another `seed` (the order is random), \
             sizes that differ less, or `kind = \"chain\"`"
        );
        return Err(table.refusal("kind", message));
    }
    let note = format!("{count} particles in a ring of {:.2} nm about its centres", high / 5.0);
    Ok(Placed { centres, lengths: [None; 3], note })
}

fn at(radius: f64, angle: f64) -> Vec3 {
    let (sine, cosine) = libm::sincos(angle);
    [radius * cosine, radius * sine, 0.0]
}

/// The angle of each, the first at 0, if all have room on a circle of this radius.
fn angles(table: &Table, order: &[usize], radius: f64) -> Option<Vec<f64>> {
    let mut angles = vec![0.0];
    // Each goes on from the last until it is clear of it, and the first from the last in the end.
    let pairs = order.windows(2).map(|pair| [pair[0], pair[1]]);
    for [last, next] in pairs.chain([[*order.last()?, order[0]]]) {
        let from: f64 = *angles.last()?;
        let clear =
            |angle: f64| table.are_clear(last, next, sub(at(radius, angle), at(radius, from)));
        let (mut low, mut high) = (from, from + std::f64::consts::PI);
        if !clear(high) {
            return None;
        }
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            if clear(middle) { high = middle } else { low = middle }
        }
        angles.push(high);
    }
    let end = angles.pop()?;
    let centres: Vec<Vec3> = angles.iter().map(|angle| at(radius, *angle)).collect();
    // A neighbour on either side of a small one may be too near, and the first to the last by the shorter way.
    let clear =
        |i: usize, j: usize| table.are_clear(order[i], order[j], sub(centres[j], centres[i]));
    let all_clear = || (0..order.len()).all(|i| (i + 2..order.len()).all(|j| clear(i, j)));
    (end <= std::f64::consts::TAU && all_clear()).then_some(angles)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::cross;

    #[test]
    fn a_bend_has_its_angle() {
        let along = [0.6, 0.0, 0.8];
        let way = bent(along, 30.0, [0.3, -0.5, 0.1]);
        assert!((norm(way) - 1.0).abs() < 1e-12);
        assert!((dot(way, along) - 30f64.to_radians().cos()).abs() < 1e-12);
        assert!(dot(cross(along, way), cross(along, [0.3, -0.5, 0.1])) > 0.0);
    }
}
