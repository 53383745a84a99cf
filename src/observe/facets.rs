//! Of what kind of facet surface atoms are.
//!
//! The direction out of a surface atom (`surroundings`) is averaged with those of its neighbours at
//! the surface: heat tilts that of one atom, that of a patch less. Where it lies within 15° of a
//! ⟨100⟩, ⟨111⟩ or ⟨110⟩ of the lattice of the particle that the atom came from, the atom is of such
//! a facet, of the nearest one; else it is at a step, an edge or a corner, as all are where no
//! lattice was found. Its normal is that direction of the lattice; at steps the direction out of it.
//!
//! Sums are of integers; directions of ghosts come from their owners.

use super::lattice::Axes;
use super::surroundings::{AllSurroundings, DIRECTION};
use super::{Snapshot, of_particles};
use crate::exchange::Routes;
use crate::geometry::{Vec3, add, dot, norm, scale};

/// Of the atoms of this rank.
#[derive(Debug, Default)]
pub struct Sites {
    pub of: Vec<Site>,
    /// Of those at a surface the normal there, a unit vector.
    pub normals: Vec<(u32, Vec3)>,
}

/// What an atom is of, by its number in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
#[repr(u8)]
pub enum Site {
    Inner = 0,
    Facet100 = 1,
    Facet111 = 2,
    Facet110 = 3,
    Step = 4,
    /// Without a neighbour.
    Vapour = 5,
}

impl Site {
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// Cosine of 15°.
const NEAR_FACET: f64 = 0.965_925_826_289_068_3;
/// Of directions shorter than this none can be told.
const NO_DIRECTION: f64 = 1e-9;

/// Of each owned atom, with the axes of each particle. Collective.
pub fn find(
    snapshot: &Snapshot,
    routes: &Routes,
    around: &AllSurroundings,
    axes: &[Option<Axes>],
) -> Sites {
    let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
    // Of atoms that are at no surface nothing is added.
    let mut outward = vec![0i64; 3 * atoms.owned];
    for exposed in &around.exposed {
        let quanta = exposed.outward.map(|x| DIRECTION.round(x));
        outward[3 * exposed.atom as usize..][..3].copy_from_slice(&quanta);
    }
    let outward = routes.with_ghosts(comm, outward, 3);

    let site = |coordination| if coordination == 0 { Site::Vapour } else { Site::Inner };
    let mut sites: Vec<Site> = around.of.iter().map(|atom| site(atom.coordination)).collect();
    let mut normals = Vec::with_capacity(around.exposed.len());
    for exposed in &around.exposed {
        let of = |i: u32| &outward[3 * i as usize..][..3];
        let mut sum = [0i64; 3];
        for i in exposed.near.iter().chain([&exposed.atom]) {
            (0..3).for_each(|d| sum[d] += of(*i)[d]);
        }
        let smooth = sum.map(|quanta| DIRECTION.value(quanta));
        let smooth = scale(smooth, 1.0 / norm(smooth).max(NO_DIRECTION));
        let i = exposed.atom as usize;
        let axes = axes.get(atoms.particle[i] as usize).copied().flatten();
        let facet = axes.and_then(|axes| {
            let (site, along) = of_direction(axes.map(|e| dot(e, smooth)))?;
            let sum = |sum, d: usize| add(sum, scale(axes[d], along[d]));
            Some((site, (0..3).fold([0.0; 3], sum)))
        });
        let (site, normal) = facet.unwrap_or((Site::Step, smooth));
        sites[i] = site;
        normals.push((exposed.atom, normal));
    }
    Sites { of: sites, normals }
}

/// The facet that a unit vector along the cubic axes is of, and the normal of that.
fn of_direction(along: Vec3) -> Option<(Site, Vec3)> {
    let mut order = [0, 1, 2];
    order.sort_by(|&a, &b| along[b].abs().total_cmp(&along[a].abs()));
    let facets = [(Site::Facet100, 1), (Site::Facet111, 3), (Site::Facet110, 2)];
    let mut best = (NEAR_FACET, None);
    for (site, axes) in facets {
        let mut normal = [0.0; 3];
        for &d in &order[..axes] {
            normal[d] = (1.0 / (axes as f64).sqrt()).copysign(along[d]);
        }
        let cosine = dot(normal, along);
        if cosine > best.0 {
            best = (cosine, Some((site, normal)));
        }
    }
    best.1
}

/// Atoms of each particle at (100), (111) and (110) facets and at steps, over all ranks.
pub fn counts(snapshot: &Snapshot, sites: &[Site], particles: usize) -> Vec<i64> {
    let at = |site: Site| (Site::Facet100..=Site::Step).contains(&site);
    let kinds = sites.iter().enumerate().filter(|(_, site)| at(**site));
    let kinds = kinds.map(|(i, site)| (i, *site as usize - Site::Facet100 as usize));
    of_particles::<4>(snapshot, particles, kinds)
}
