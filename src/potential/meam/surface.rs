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

use super::Meam;
use super::check::{Site, sites};
use super::lattice::Lattice;
use crate::error::Result;
use crate::geometry::{Vec3, norm};
use crate::potential::Potential;
use crate::units::SURFACE_ENERGY;

/// Searched for the minimum, over the element's own nearest-neighbour distance.
const SEARCHED: std::ops::Range<f64> = 0.8..1.3;

impl Meam {
    /// The lattice constant a, Å, at which the crystal of an element has its lowest energy (hcp
    /// with the ideal c): of several minima that nearest to the element's own distance of
    /// neighbours. `None` where there is none within a third of it, or no such lattice.
    ///
    /// # Errors
    /// Where the crystal cannot be evaluated.
    pub fn lattice_constant(&self, lattice: &str, element: usize) -> Result<Option<f64>> {
        const POINTS: usize = 60;
        let Some((lattice, edge)) = Lattice::from_name(lattice).and_then(|l| Some((l, edge(l)?)))
        else {
            return Ok(None);
        };
        let own = self.parameters.pair(element, element).rose.distance;
        let site = self.site(lattice, element, SEARCHED.start * own);
        let energy = |r: f64| self.site_energy(&site, r);
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

    /// Energy of an unrelaxed (hkl) surface of the fcc crystal of an element, J/m².
    ///
    /// # Errors
    /// Where the crystal cannot be evaluated.
    pub fn fcc_surface_energy(
        &self,
        element: usize,
        lattice_constant: f64,
        miller: [i32; 3],
    ) -> Result<f64> {
        const TOUCH: f64 = 1e-6;
        let distance = std::f64::consts::FRAC_1_SQRT_2 * lattice_constant;
        let whole = self.site(Lattice::Fcc, element, distance);
        let bulk = self.site_energy(&whole, distance)?;
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
            let site = Site { weight: 1.0, atoms: below.copied().collect() };
            excess += self.site_energy(&site, distance)? - bulk;
        }
        let volume = lattice_constant.powi(3) / 4.0;
        Ok(excess * layers * distance / volume / SURFACE_ENERGY)
    }

    /// An atom of a crystal with all that it can feel down to this distance of neighbours.
    fn site(&self, lattice: Lattice, element: usize, distance: f64) -> Site {
        let element = element as u8;
        let reach = 1.01 * self.range() / distance;
        sites(lattice, element, element, reach).swap_remove(0)
    }
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
