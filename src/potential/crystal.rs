//! Crystals of one element and their surfaces: the lattice constant of lowest energy, and
//! what it costs to cut the crystal in two.
//!
//! γ_hkl = Σ_k (E_k - E_bulk) d_hkl / Ω, where E_k is the energy of an atom in the k-th
//! layer below the cut, d_hkl the distance of layers and Ω the volume of an atom: half the
//! energy of a slab above that of as much crystal, over its area, for a slab so thick that
//! its middle is crystal (as B.-J. Lee, J.-H. Shim and M. I. Baskes, Phys. Rev. B 68 (2003)
//! 144112, define it). The atoms stay where the crystal has them: relaxing takes some per
//! cent off and leaves the order of the close-packed faces; at 0 K, the area being that of
//! the lattice constant of lowest energy.

use super::lattice::Lattice;
use super::{Environment, Potential, Shared, Sums};
use crate::error::Result;
use crate::fixed::Quantum;
use crate::geometry::{Vec3, norm, on_grid, scale};
use crate::neighbour::{Kept, MINE, Neighbours};
use crate::sweep::{RingBuffer, Tile};
use crate::units::SURFACE_ENERGY;
use std::array::from_fn;

/// Searched for the minimum, over the element's own nearest-neighbour distance.
const SEARCHED: std::ops::Range<f64> = 0.8..1.3;

/// An atom of each kind of site: its element, and all atoms around it.
pub struct CrystalSite {
    pub weight: f64,
    /// Element and position in units of the nearest-neighbour distance; the first is the
    /// site itself.
    pub atoms: Vec<(u8, Vec3)>,
}

/// The lattice constant a, Å, at which the crystal of an element has its lowest energy (hcp
/// with the ideal c): of several minima that nearest to the element's own distance of
/// neighbours. `None` where there is none within a third of it, or no such lattice.
///
/// # Errors
/// Where the crystal cannot be evaluated.
pub fn lattice_constant<P: Potential>(
    potential: &P,
    lattice: &str,
    element: usize,
) -> Result<Option<f64>> {
    const POINTS: usize = 60;
    let Some((lattice, edge)) = Lattice::from_name(lattice).and_then(|l| Some((l, edge(l)?)))
    else {
        return Ok(None);
    };
    let Some(own) = own_distance(potential, lattice, element)? else { return Ok(None) };
    let site = site(potential, lattice, element, SEARCHED.start * own);
    let energy = |r: f64| site_energy(potential, &site, r);
    let width = own * (SEARCHED.end - SEARCHED.start) / POINTS as f64;
    let distances: Vec<f64> =
        (0..=POINTS).map(|n| own * SEARCHED.start + n as f64 * width).collect();
    let energies: Vec<f64> = distances.iter().map(|&r| energy(r)).collect::<Result<_>>()?;
    let minima = (1..POINTS).filter(|&n| {
        energies[n] < 0.0 && energies[n] <= energies[n - 1] && energies[n] < energies[n + 1]
    });
    let away = |n: usize| (distances[n] - own).abs();
    let Some(n) = minima.min_by(|&m, &n| away(m).total_cmp(&away(n))) else {
        return Ok(None);
    };
    let (mut left, mut right) = (distances[n - 1], distances[n + 1]);
    while right - left > 1e-7 * own {
        let [first, second] = [1.0, 2.0].map(|third| left + third * (right - left) / 3.0);
        match energy(first)? < energy(second)? {
            true => right = second,
            false => left = first,
        }
    }
    Ok(Some(0.5 * (left + right) * edge))
}

/// Energy of an atom in the crystal of an element with this lattice constant, eV (hcp with the
/// ideal c); not a number where there is no such lattice.
///
/// # Errors
/// Where the crystal cannot be evaluated.
pub fn cohesive_energy<P: Potential>(
    potential: &P,
    lattice: &str,
    element: usize,
    lattice_constant: f64,
) -> Result<f64> {
    let known = Lattice::from_name(lattice).and_then(|lattice| Some((lattice, edge(lattice)?)));
    let Some((lattice, edge)) = known else { return Ok(f64::NAN) };
    let distance = lattice_constant / edge;
    site_energy(potential, &site(potential, lattice, element, distance), distance)
}

/// Energy of an unrelaxed (hkl) surface of the fcc crystal of an element, J/m².
///
/// # Errors
/// Where the crystal cannot be evaluated.
pub fn fcc_surface_energy<P: Potential>(
    potential: &P,
    element: usize,
    lattice_constant: f64,
    miller: [i32; 3],
) -> Result<f64> {
    const TOUCH: f64 = 1e-6;
    let distance = std::f64::consts::FRAC_1_SQRT_2 * lattice_constant;
    let whole = site(potential, Lattice::Fcc, element, distance);
    let bulk = site_energy(potential, &whole, distance)?;
    let normal = miller.map(f64::from);
    let height = |p: Vec3| (0..3).map(|d| p[d] * normal[d]).sum::<f64>() / norm(normal);
    // All in nearest-neighbour distances: layers above one another, and atoms.
    let heights = whole.atoms.iter().map(|(_, p)| height(*p));
    let layers = heights.filter(|h| *h > TOUCH).fold(f64::INFINITY, f64::min);
    let deepest = whole.atoms.iter().map(|(_, p)| height(*p)).fold(0.0, f64::max);
    let mut excess = 0.0;
    for k in 0..=(deepest / layers).ceil() as usize {
        let top = k as f64 * layers + TOUCH;
        let below = whole.atoms.iter().filter(|(_, p)| height(*p) <= top);
        let site = CrystalSite { weight: 1.0, atoms: below.copied().collect() };
        excess += site_energy(potential, &site, distance)? - bulk;
    }
    let volume = lattice_constant.powi(3) / 4.0;
    Ok(excess * layers * distance / volume / SURFACE_ENERGY)
}

/// An atom of a crystal with all that it can feel down to this distance of neighbours.
fn site<P: Potential>(
    potential: &P,
    lattice: Lattice,
    element: usize,
    distance: f64,
) -> CrystalSite {
    let element = element as u8;
    let reach = 1.01 * potential.energy_reach() / distance;
    sites(lattice, element, element, reach).swap_remove(0)
}

/// Energy of the first atom of a site, in eV, at nearest-neighbour distance r.
///
/// # Errors
/// Where the potential is not defined there.
pub fn site_energy<P: Potential>(potential: &P, site: &CrystalSite, r: f64) -> Result<f64> {
    let position: Vec<[f64; 4]> = site
        .atoms
        .iter()
        .map(|(_, p)| {
            let [x, y, z] = scale(*p, r).map(on_grid);
            [x, y, z, 0.0]
        })
        .collect();
    let species: Vec<u8> = site.atoms.iter().map(|(e, _)| *e).collect();
    let id: Vec<u64> = (0..position.len() as u64).collect();
    // The first atom computes its pairs, the others what is left where they have a part in it.
    let centres = if potential.shares_energies() { position.len() } else { 1 };
    let near = |i: usize, j: usize| {
        i == 0 || norm(from_fn(|d| position[j][d] - position[i][d])) <= potential.range()
    };
    let list = |i: usize| -> Vec<u32> {
        let others = (0..position.len()).filter(|&j| j != i && near(i, j));
        others.map(|j| j as u32 | if i < j { MINE } else { 0 }).collect()
    };
    let neighbours = Neighbours::new(Kept::All, &(0..centres).map(list).collect::<Vec<_>>());
    let env = Environment {
        owned: centres,
        position: &position,
        species: &species,
        id: &id,
        neighbours: &neighbours,
        quantum: Quantum::STANDARD,
    };
    let (mut prepared, mut records) = Default::default();
    let count = potential.words();
    let mut words = vec![0; position.len() * count];
    let mut force = vec![[0; 4]; position.len()];
    potential.prepare(env, 0..position.len(), &mut prepared);
    let sums = Sums::new(&mut words, count, RingBuffer::default());
    let tile = Tile { atoms: 0..centres, ..Tile::default() };
    // SAFETY: the list names atoms of `position`, and this is the only thread.
    unsafe { potential.densities(env, &prepared, &tile, &mut records, &sums) }?;
    potential.embed(env, 0..centres, &mut words[..centres * count], &mut force[..centres])?;
    // Only the energy is asked for: without the ghosts' adjoints the forces are not whole.
    words[centres * count..].fill(0);
    let adjoints = Sums::new(&mut words, count, RingBuffer::default());
    let shared = Shared::new(&mut force);
    // SAFETY: as above.
    unsafe { potential.forces(env, &prepared, &tile, &mut records, &adjoints, &shared) }?;
    Ok(env.quantum.value(force[0][3]))
}

/// Å: between neighbours in the element's own crystal; where the potential has none, that of
/// lowest energy in this lattice.
fn own_distance<P: Potential>(
    potential: &P,
    lattice: Lattice,
    element: usize,
) -> Result<Option<f64>> {
    /// Å: no metal has its neighbours nearer or farther.
    const DISTANCES: std::ops::Range<f64> = 1.8..4.6;
    const STEP: f64 = 0.02;
    let own = potential.neighbour_distance(element);
    if own.is_some() {
        return Ok(own);
    }
    let site = site(potential, lattice, element, DISTANCES.start);
    let mut lowest = (0.0, None);
    for n in 0..((DISTANCES.end - DISTANCES.start) / STEP) as usize {
        let r = DISTANCES.start + n as f64 * STEP;
        let energy = site_energy(potential, &site, r)?;
        if energy < lowest.0 {
            lowest = (energy, Some(r));
        }
    }
    Ok(lowest.1)
}

/// The lattice constant a over the distance of nearest neighbours.
fn edge(lattice: Lattice) -> Option<f64> {
    match lattice {
        Lattice::Fcc => Some(2f64.sqrt()),
        Lattice::Bcc => Some(2.0 / 3f64.sqrt()),
        Lattice::Diamond => Some(4.0 / 3f64.sqrt()),
        Lattice::SimpleCubic | Lattice::Hcp => Some(1.0),
        _ => None,
    }
}

/// The kinds of site of a structure; none where the reference is no crystal of its own.
pub fn sites(lattice: Lattice, a: u8, b: u8, reach: f64) -> Vec<CrystalSite> {
    // Cell vectors and basis (element, fractional position), in nearest-neighbour distances.
    let cubic = |edge: f64| [[edge, 0.0, 0.0], [0.0, edge, 0.0], [0.0, 0.0, edge]];
    let corner = [0.0; 3];
    let faces = [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let shifted = |p: Vec3, by: f64| p.map(|x| x + by);
    let (cell, basis): ([Vec3; 3], Vec<(u8, Vec3)>) = match lattice {
        Lattice::Fcc if a == b => {
            (cubic(2f64.sqrt()), [corner].into_iter().chain(faces).map(|p| (a, p)).collect())
        }
        Lattice::L12 => {
            (cubic(2f64.sqrt()), [(b, corner)].into_iter().chain(faces.map(|p| (a, p))).collect())
        }
        Lattice::Bcc | Lattice::B2 => {
            (cubic(2.0 / 3f64.sqrt()), vec![(a, corner), (b, shifted(corner, 0.5))])
        }
        Lattice::SimpleCubic | Lattice::B1 => {
            let basis =
                [corner].into_iter().chain(faces).flat_map(|p| [(a, p), (b, shifted(p, 0.5))]);
            (cubic(2.0), basis.collect())
        }
        Lattice::Diamond | Lattice::Diamond3 => {
            let basis =
                [corner].into_iter().chain(faces).flat_map(|p| [(a, p), (b, shifted(p, 0.25))]);
            (cubic(4.0 / 3f64.sqrt()), basis.collect())
        }
        Lattice::Hcp if a == b => {
            let cell =
                [[1.0, 0.0, 0.0], [-0.5, 0.75f64.sqrt(), 0.0], [0.0, 0.0, (8f64 / 3.0).sqrt()]];
            (cell, vec![(a, corner), (a, [1.0 / 3.0, 2.0 / 3.0, 0.5])])
        }
        Lattice::Dimer => {
            let ends = [(a, corner), (b, [1.0, 0.0, 0.0])];
            let dimer = |first: usize| CrystalSite {
                weight: 0.5,
                atoms: vec![ends[first], ends[1 - first]],
            };
            return vec![dimer(0), dimer(1)];
        }
        _ => return Vec::new(),
    };
    let cartesian = |f: Vec3| -> Vec3 {
        std::array::from_fn(|d| f[0] * cell[0][d] + f[1] * cell[1][d] + f[2] * cell[2][d])
    };
    let shortest = cell.iter().map(|v| norm(*v)).fold(f64::INFINITY, f64::min);
    let extent = (2.0 * reach / shortest).ceil() as i32 + 1;
    let all: Vec<(u8, Vec3)> = (-extent..=extent)
        .flat_map(|x| {
            (-extent..=extent).flat_map(move |y| (-extent..=extent).map(move |z| [x, y, z]))
        })
        .flat_map(|n| basis.iter().map(move |(e, f)| (*e, [0, 1, 2].map(|d| f[d] + n[d] as f64))))
        .map(|(e, f)| (e, cartesian(f)))
        .collect();
    basis
        .iter()
        .map(|(e, f)| {
            let centre = cartesian(*f);
            let around = all.iter().map(|(e, p)| (*e, [0, 1, 2].map(|d| p[d] - centre[d])));
            let near = around.filter(|(_, p)| norm(*p) > 1e-6 && norm(*p) < reach);
            CrystalSite {
                weight: 1.0 / basis.len() as f64,
                atoms: [(*e, corner)].into_iter().chain(near).collect(),
            }
        })
        .collect()
}
