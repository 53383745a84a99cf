//! Which site is near a place: sites in cells as wide as the distance that is asked for at most.

use crate::geometry::{Cell, Vec3};
use std::collections::HashMap;

/// Sites with a number each.
pub struct Near {
    cell: Cell,
    /// Of cells in space, Å.
    width: Vec3,
    /// How many there are along a periodic direction.
    periods: [Option<i64>; 3],
    sites: HashMap<[i64; 3], Vec<(Vec3, u32)>>,
}

impl Near {
    /// For distances up to `reach` (Å), which may be infinite.
    pub fn new(cell: &Cell, reach: f64) -> Near {
        let (mut width, mut periods) = ([reach; 3], [None; 3]);
        for d in (0..3).filter(|&d| cell.periodic[d]) {
            let count = (cell.length[d] / reach).floor().max(1.0);
            width[d] = cell.length[d] / count;
            periods[d] = Some(count as i64);
        }
        Near { cell: *cell, width, periods, sites: HashMap::new() }
    }

    fn cell_of(&self, position: &Vec3, offset: [i64; 3]) -> [i64; 3] {
        std::array::from_fn(|d| {
            let along = ((position[d] - self.cell.origin[d]) / self.width[d]).floor() as i64;
            let along = along + offset[d];
            self.periods[d].map_or(along, |count| along.rem_euclid(count))
        })
    }

    pub fn insert(&mut self, position: Vec3, number: u32) {
        let cell = self.cell_of(&position, [0; 3]);
        self.sites.entry(cell).or_default().push((position, number));
    }

    /// The number of a site within `distance` (at most `reach`) of a place, itself or an image.
    pub fn find(&self, position: &Vec3, distance: f64) -> Option<u32> {
        (0..27).find_map(|n| {
            let cell = self.cell_of(position, [n % 3 - 1, n / 3 % 3 - 1, n / 9 - 1]);
            let here = self.sites.get(&cell)?;
            let is_near = |site: &&(Vec3, u32)| self.cell.distance(&site.0, position) <= distance;
            here.iter().find(is_near).map(|site| site.1)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_across_borders_and_nothing_else() {
        for periodic in [[false; 3], [true, false, true]] {
            let cell = Cell::new([-3.0; 3], [20.0, 11.0, 4.0], periodic);
            let mut near = Near::new(&cell, 3.0);
            let place = |n: u64| -> Vec3 {
                std::array::from_fn(|d| {
                    let mut random =
                        crate::random::Stream::new(1, crate::random::Purpose::Test, d as u64, n);
                    cell.origin[d] + 1.2 * (random.uniform() - 0.1) * cell.length[d]
                })
            };
            (0..20).for_each(|n| near.insert(place(n), n as u32));
            for n in 20..400 {
                let here = place(n);
                let is_near = |k: u64| cell.distance(&place(k), &here) <= 3.0;
                match near.find(&here, 3.0) {
                    Some(k) => assert!(is_near(k as u64)),
                    None => assert!(!(0..20).any(is_near)),
                }
            }
        }
        let mut everywhere = Near::new(&Cell::new([0.0; 3], [9.0; 3], [true; 3]), f64::INFINITY);
        everywhere.insert([1.0; 3], 7);
        assert_eq!(everywhere.find(&[5.0; 3], f64::INFINITY), Some(7));
    }
}
