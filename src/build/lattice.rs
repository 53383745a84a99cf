//! Crystal lattices. A site is three integers, in units of half the cubic lattice
//! constant, counted from the centre of the particle; everything about a lattice
//! that the shapes need is therefore exact. (hcp has no such frame: see `cluster`.)

use crate::geometry::Vec3;
use crate::input::Lattice;

/// A point in units of half the cubic lattice constant.
pub type Site = [i32; 3];

/// Where the centre of a particle lies in its crystal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Centre {
    Atom,
    /// The octahedral interstice, half a lattice constant from an atom.
    Octahedral,
}

impl std::fmt::Display for Centre {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Centre::Atom => "an atom",
            Centre::Octahedral => "an octahedral site",
        })
    }
}

/// A crystal seen from one of its points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crystal {
    pub lattice: Lattice,
    pub centre: Centre,
}

/// Steps to the nearest neighbours in fcc.
const FCC_NEIGHBOURS: [Site; 12] = [
    [-1, -1, 0],
    [-1, 0, -1],
    [-1, 0, 1],
    [-1, 1, 0],
    [0, -1, -1],
    [0, -1, 1],
    [0, 1, -1],
    [0, 1, 1],
    [1, -1, 0],
    [1, 0, -1],
    [1, 0, 1],
    [1, 1, 0],
];

/// The same in bcc.
const BCC_NEIGHBOURS: [Site; 8] = [
    [-1, -1, -1],
    [-1, -1, 1],
    [-1, 1, -1],
    [-1, 1, 1],
    [1, -1, -1],
    [1, -1, 1],
    [1, 1, -1],
    [1, 1, 1],
];

impl Crystal {
    /// The points that keep every symmetry of a cubic shape about it.
    pub fn all(lattice: Lattice) -> Vec<Crystal> {
        let centres: &[Centre] = match lattice {
            // About the octahedral site of bcc there is no threefold axis.
            Lattice::Bcc => &[Centre::Atom],
            _ => &[Centre::Atom, Centre::Octahedral],
        };
        centres.iter().map(|&centre| Crystal { lattice, centre }).collect()
    }

    pub fn is_site(&self, h: Site) -> bool {
        let parity = (self.centre == Centre::Octahedral) as i32;
        match self.lattice {
            Lattice::Bcc => {
                let odd = h.map(|x| x.rem_euclid(2));
                odd[0] == odd[1] && odd[1] == odd[2]
            }
            // The ordered ones are fcc with names on the sites; hcp is no lattice of this frame.
            Lattice::Fcc | Lattice::L12 | Lattice::L10 | Lattice::Hcp => {
                (h[0] + h[1] + h[2]).rem_euclid(2) == parity
            }
        }
    }

    /// Steps from a site to its nearest neighbours.
    pub fn neighbours(&self) -> &'static [Site] {
        match self.lattice {
            Lattice::Bcc => &BCC_NEIGHBOURS,
            Lattice::Fcc | Lattice::L12 | Lattice::L10 | Lattice::Hcp => &FCC_NEIGHBOURS,
        }
    }

    /// On which sublattice of an ordered alloy a site lies: the corners of the cell, then the rest of
    /// them (L1_2), or the corners and the face above them, then the sides (L1_0).
    pub fn sublattice(&self, [x, y, z]: Site) -> usize {
        // From the centre to the nearest corner.
        let x = x - (self.centre == Centre::Octahedral) as i32;
        match self.lattice {
            Lattice::L12 => [x, y, z].iter().any(|x| x.rem_euclid(2) != 0) as usize,
            Lattice::L10 => (z.rem_euclid(2) != 0) as usize,
            Lattice::Fcc | Lattice::Bcc | Lattice::Hcp => 0,
        }
    }
}

/// Distance of nearest neighbours in Å for the lattice constants a and c in Å.
pub fn nearest_distance(lattice: Lattice, a: f64, c: f64) -> f64 {
    match lattice {
        Lattice::Fcc | Lattice::L12 => a / 2f64.sqrt(),
        Lattice::Bcc => 3f64.sqrt() / 2.0 * a,
        Lattice::L10 => (a / 2f64.sqrt()).min((a * a + c * c).sqrt() / 2.0),
        Lattice::Hcp => a.min((a * a / 3.0 + c * c / 4.0).sqrt()),
    }
}

pub fn step(a: Site, b: Site) -> Site {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

pub fn dot(a: Site, b: Site) -> i32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// Å, for half the lattice constants along the axes in Å.
pub fn position(h: Site, half: Vec3) -> Vec3 {
    std::array::from_fn(|d| h[d] as f64 * half[d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_site_has_its_neighbours_at_the_nearest_distance() {
        for crystal in [Lattice::Fcc, Lattice::Bcc].into_iter().flat_map(Crystal::all) {
            let site = if crystal.centre == Centre::Atom { [0, 0, 0] } else { [1, 0, 0] };
            let mut nearest = Vec::new();
            for x in -3..=3 {
                for y in -3..=3 {
                    for z in -3..=3 {
                        let h = [x, y, z];
                        let away = [x - site[0], y, z];
                        let distance = dot(away, away);
                        if crystal.is_site(h) && distance > 0 {
                            nearest.push((distance, away));
                        }
                    }
                }
            }
            nearest.sort();
            let shortest = nearest[0].0;
            nearest.retain(|n| n.0 == shortest);
            let steps: Vec<Site> = nearest.iter().map(|n| n.1).collect();
            assert_eq!(steps, crystal.neighbours());
            let a = 4.0;
            let length = (shortest as f64).sqrt() * a / 2.0;
            assert!((length - nearest_distance(crystal.lattice, a, a)).abs() < 1e-15 * a);
        }
    }
}
