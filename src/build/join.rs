//! Putting together particles that were equilibrated apart: each is shifted as it
//! is, without a turn.
//!
//! In a row, each particle's centre of mass comes to lie on the x axis and
//! its facets, as they stand now, where the wanted gap has them (`face`). Otherwise each
//! goes back by the way that it was set apart.

use super::face::{Face, row};
use super::layout::{Facing, Gap, Layout};
use crate::atoms::{Atoms, Species};
use crate::comm::Comm;
use crate::fixed::ExactSum;
use crate::geometry::{Cell, Vec3, on_grid, scale};
use crate::input::Config;

/// How to put the particles together.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// To be added to every position, by particle; on the grid, Å.
    pub shift: Vec<Vec3>,
    /// The box from then on; positions are to be wrapped into it.
    pub cell: Cell,
    /// As they will be between the hot facets.
    pub gaps: Vec<Gap>,
}

/// Collective. `atoms` are this rank's, in the free box of the particles apart.
pub fn join(
    config: &Config,
    species: &[Species],
    layout: &Layout,
    atoms: &Atoms,
    comm: &Comm,
) -> Join {
    let cell = layout.cell;
    let back = layout.particles.iter().map(|p| scale(p.apart, -1.0)).collect();
    let Some(placement) = config.row() else {
        return Join { shift: back, cell, gaps: Vec::new() };
    };
    // Left and right of every gap, one after the other.
    let looking: Vec<(usize, &Facing)> = (layout.particles.iter().enumerate())
        .flat_map(|(p, particle)| particle.facing.iter().map(move |facing| (p, facing)))
        .collect();
    let middles = middles(&looking, atoms, comm);
    let fronts = fronts(&looking, &middles, atoms, comm);
    let faces: Vec<Face> = (middles.iter().zip(fronts))
        .map(|(middle, front)| Face { plane: middle[0], front, reach: 0.0 })
        .collect();
    let (along, gaps) = row(placement, faces.as_chunks::<2>().0);
    let centres = centres_of_mass(layout, species, atoms, comm);
    let shift = centres.iter().zip(along);
    let shift = shift.map(|(c, x)| [x, on_grid(-c[1]), on_grid(-c[2])]).collect();
    Join { shift, cell, gaps }
}

fn position(atoms: &Atoms, i: usize) -> Vec3 {
    let [x, y, z, _] = atoms.position[i];
    [x, y, z]
}

/// The middle of each facing facet.
fn middles(looking: &[(usize, &Facing)], atoms: &Atoms, comm: &Comm) -> Vec<Vec3> {
    let all = |facing: &Facing| -> Vec<Vec3> {
        let mine: Vec<Vec3> = (0..atoms.owned)
            .filter(|&i| !atoms.has_departed(i) && facing.layer.binary_search(&atoms.id[i]).is_ok())
            .map(|i| position(atoms, i))
            .collect();
        comm.all_gather(&mine).concat()
    };
    looking.iter().map(|(_, facing)| Face::middle(&all(facing))).collect()
}

/// The outermost atom along x within each facing facet's outline.
fn fronts(looking: &[(usize, &Facing)], middles: &[Vec3], atoms: &Atoms, comm: &Comm) -> Vec<f64> {
    let mut fronts = vec![f64::NEG_INFINITY; looking.len()];
    for i in (0..atoms.owned).filter(|&i| !atoms.has_departed(i)) {
        let p = atoms.particle[i] as usize;
        let r = position(atoms, i);
        // Of a row in its order, the faces of a particle stand at 2p - 1 and 2p.
        for k in (2 * p).saturating_sub(1)..(2 * p + 1).min(looking.len()) {
            let (owner, facing) = looking[k];
            if owner == p && Face::may_be_front(facing, middles[k], r) {
                fronts[k] = fronts[k].max(facing.side * r[0]);
            }
        }
    }
    comm.max_f64(&mut fronts);
    fronts.iter().zip(looking).map(|(front, (_, facing))| front * facing.side).collect()
}

fn centres_of_mass(layout: &Layout, species: &[Species], atoms: &Atoms, comm: &Comm) -> Vec<Vec3> {
    let mut sums = vec![[ExactSum::default(); 4]; layout.particles.len()];
    for i in (0..atoms.owned).filter(|&i| !atoms.has_departed(i)) {
        let mass = species[atoms.species[i] as usize].mass;
        let [mx, my, mz] = scale(position(atoms, i), mass);
        let sum = &mut sums[atoms.particle[i] as usize];
        for (sum, term) in sum.iter_mut().zip([mass, mx, my, mz]) {
            sum.add(term);
        }
    }
    let mut limbs: Vec<i128> = sums.iter().flatten().map(|sum| sum.0).collect();
    comm.sum_i128(&mut limbs);
    let totals = limbs.as_chunks::<4>().0.iter().map(|s| s.map(|limb| ExactSum(limb).value()));
    totals.map(|[mass, mx, my, mz]| [mx / mass, my / mass, mz / mass]).collect()
}
