//! Adaptive common neighbour analysis (A. Stukowski, Modelling Simul. Mater. Sci. Eng. 20
//! (2012) 045021): what crystal the nearest neighbours of an atom make.
//!
//! The twelve nearest are bonded to each other where they are closer than
//!   (1 + √2)/2 · mean of their distances from the atom,
//! half-way between first and second neighbours of fcc. Each of the twelve has a signature
//! (neighbours in common with the atom, bonds between these, bonds in the longest chain):
//! twelve (4 2 1) are fcc, six (4 2 1) and six (4 2 2) hcp, twelve (5 5 5) an icosahedron.
//! Of the fourteen nearest, with the mean of both shells in units of the lattice constant,
//! eight (6 6 6) and six (4 4 4) are bcc. All else is other.
//!
//! Only distances between the neighbours count, so nothing has to be known of theirs.

use crate::geometry::{Vec3, dot, sub};

/// What crystal an atom is in; the numbers are those of OVITO.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Class {
    Other = 0,
    Fcc = 1,
    Hcp = 2,
    Bcc = 3,
    Icosahedral = 4,
}

impl Class {
    pub const COUNT: usize = 5;

    /// As ranks tell each other; other for what is no number of a class.
    pub fn from_number(number: i64) -> Class {
        let all = [Class::Fcc, Class::Hcp, Class::Bcc, Class::Icosahedral];
        all.into_iter().find(|class| *class as i64 == number).unwrap_or(Class::Other)
    }

    /// How many of the nearest neighbours are bonded to an atom of a cubic crystal; none of others.
    pub fn cubic_bonds(self) -> usize {
        match self {
            Class::Fcc => 12,
            Class::Bcc => 8,
            _ => 0,
        }
    }
}

/// (1 + √2)/2: half-way between first and second neighbours of fcc, in distances of the first.
pub const HALF_WAY: f64 = 0.5 * (1.0 + std::f64::consts::SQRT_2);

/// Neighbours that are looked at.
pub const SHELLS: usize = 14;
/// Those of fcc, hcp and icosahedra.
pub const FIRST_SHELL: usize = 12;

/// Which of the neighbours each one is bonded to, a bit each.
type Bonds = [u16; SHELLS];

/// `near`: vectors to the nearest neighbours, nearest first, and `distance` their lengths, Å.
pub fn classify(near: &[Vec3], distance: &[f64]) -> Class {
    if near.len() < FIRST_SHELL {
        return Class::Other;
    }
    let mean = distance[..FIRST_SHELL].iter().sum::<f64>() / FIRST_SHELL as f64;
    let class = close_packed(&bonds(&near[..FIRST_SHELL], HALF_WAY * mean));
    if class != Class::Other || near.len() < SHELLS {
        return class;
    }
    // Both shells in units of the lattice constant: √3/2 and 1 of it.
    let inner = distance[..8].iter().sum::<f64>() * 2.0 / 3f64.sqrt();
    let scale = (inner + distance[8..SHELLS].iter().sum::<f64>()) / SHELLS as f64;
    body_centred(&bonds(&near[..SHELLS], HALF_WAY * scale))
}

fn bonds(near: &[Vec3], cutoff: f64) -> Bonds {
    let mut bonds = [0; SHELLS];
    for i in 1..near.len() {
        for j in 0..i {
            let apart = sub(near[i], near[j]);
            let bonded = (dot(apart, apart) <= cutoff * cutoff) as u16;
            bonds[i] |= bonded << j;
            bonds[j] |= bonded << i;
        }
    }
    bonds
}

fn close_packed(bonds: &Bonds) -> Class {
    let [mut n421, mut n422, mut n555] = [0; 3];
    for &common in &bonds[..FIRST_SHELL] {
        match signature(common, bonds) {
            [4, 2, 1] => n421 += 1,
            [4, 2, 2] => n422 += 1,
            [5, 5, 5] => n555 += 1,
            _ => return Class::Other,
        }
    }
    match (n421, n422, n555) {
        (12, 0, 0) => Class::Fcc,
        (6, 6, 0) => Class::Hcp,
        (0, 0, 12) => Class::Icosahedral,
        _ => Class::Other,
    }
}

fn body_centred(bonds: &Bonds) -> Class {
    let [mut n666, mut n444] = [0; 2];
    for &common in bonds {
        match signature(common, bonds) {
            [6, 6, 6] => n666 += 1,
            [4, 4, 4] => n444 += 1,
            _ => return Class::Other,
        }
    }
    if (n666, n444) == (8, 6) { Class::Bcc } else { Class::Other }
}

/// Of the neighbour with these common neighbours: how many, bonds between them, and bonds
/// in the longest chain of bonds that hang together.
fn signature(common: u16, bonds: &Bonds) -> [u32; 3] {
    let twice = |atoms: u16| ones(atoms).map(|k| (bonds[k] & atoms).count_ones()).sum::<u32>();
    let (mut left, mut longest) = (common, 0);
    while left != 0 {
        let mut chain = left & left.wrapping_neg();
        loop {
            let more = ones(chain).fold(chain, |all, k| all | bonds[k] & common);
            if more == chain {
                break;
            }
            chain = more;
        }
        longest = longest.max(twice(chain) / 2);
        left &= !chain;
    }
    [common.count_ones(), twice(common) / 2, longest]
}

/// Places of the bits that are set.
fn ones(mut bits: u16) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| bits.trailing_zeros() as usize);
        bits &= bits.wrapping_sub(1);
        place
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::norm;
    use crate::observe::tests::{cubic, icosahedron, stacked};

    /// The nearest fourteen of these sites about the origin, which is one of them.
    fn class_of(mut sites: Vec<Vec3>) -> Class {
        sites.sort_by(|a, b| norm(*a).total_cmp(&norm(*b)));
        let near = &sites[1..15.min(sites.len())];
        classify(near, &near.iter().map(|x| norm(*x)).collect::<Vec<_>>())
    }

    #[test]
    fn perfect_surroundings_have_their_class() {
        let fcc = cubic(|[x, y, z]| (x + y + z) % 2 == 0);
        assert_eq!(class_of(fcc), Class::Fcc);
        assert_eq!(class_of(stacked("CABCA")), Class::Fcc);
        assert_eq!(class_of(stacked("BABAB")), Class::Hcp);
        let bcc = cubic(|x| x.iter().all(|k| k.rem_euclid(2) == x[0].rem_euclid(2)));
        assert_eq!(class_of(bcc), Class::Bcc);
        assert_eq!(class_of(cubic(|_| true)), Class::Other, "simple cubic");
        assert_eq!(class_of(icosahedron()), Class::Icosahedral);
    }

    #[test]
    fn a_surface_is_of_no_class() {
        assert_eq!(class_of(cubic(|[x, y, z]| (x + y + z) % 2 == 0 && z <= 0)), Class::Other);
        assert_eq!(classify(&[[1.0, 0.0, 0.0]], &[1.0]), Class::Other);
    }
}
