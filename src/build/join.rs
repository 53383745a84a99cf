//! Putting together particles that were equilibrated apart: each is shifted as it
//! is, without a turn.
//!
//! With `[placement]`, each particle's centre of mass comes to lie on the x axis and
//! its facet, as it stands now, where the wanted gap has it (`face`). Otherwise each
//! goes back by the way that it was set apart.

use super::face::{Face, shifts};
use super::layout::{Gap, Layout, ParticleInfo};
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
    /// As it will be between the hot facets.
    pub gap: Option<Gap>,
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
    let Some(placement) = &config.placement else {
        return Join { shift: back, cell, gap: None };
    };
    let middles = middles(layout, atoms, comm);
    let fronts = fronts(layout, &middles, atoms, comm);
    let face = |p: usize| Face { plane: middles[p][0], front: fronts[p], reach: 0.0 };
    let (along, gap) = shifts(placement, face(0), face(1));
    let centres = centres_of_mass(layout, species, atoms, comm);
    let shift = centres.iter().zip(along);
    let shift = shift.map(|(c, x)| [x, on_grid(-c[1]), on_grid(-c[2])]).collect();
    Join { shift, cell, gap: Some(gap) }
}

fn position(atoms: &Atoms, i: usize) -> Vec3 {
    let [x, y, z, _] = atoms.position[i];
    [x, y, z]
}

/// The middle of each particle's facing facet.
fn middles(layout: &Layout, atoms: &Atoms, comm: &Comm) -> Vec<Vec3> {
    let in_layer = |p: &ParticleInfo, id: u64| {
        p.facing.as_ref().is_some_and(|facing| facing.layer.binary_search(&id).is_ok())
    };
    let all = |p: &ParticleInfo| -> Vec<Vec3> {
        let mine: Vec<Vec3> = (0..atoms.owned)
            .filter(|&i| in_layer(p, atoms.id[i]))
            .map(|i| position(atoms, i))
            .collect();
        comm.all_gather(&mine).concat()
    };
    layout.particles.iter().map(|p| Face::middle(&all(p))).collect()
}

/// The outermost atom along x within each facing facet's outline.
fn fronts(layout: &Layout, middles: &[Vec3], atoms: &Atoms, comm: &Comm) -> Vec<f64> {
    let mut fronts = vec![f64::NEG_INFINITY; layout.particles.len()];
    for i in 0..atoms.owned {
        let p = atoms.particle[i] as usize;
        let r = position(atoms, i);
        if let Some(facing) = &layout.particles[p].facing
            && Face::may_be_front(facing, middles[p], r)
        {
            fronts[p] = fronts[p].max(facing.side * r[0]);
        }
    }
    comm.max_f64(&mut fronts);
    let sides = layout.particles.iter().map(|p| p.facing.as_ref().map_or(1.0, |f| f.side));
    fronts.iter().zip(sides).map(|(front, side)| front * side).collect()
}

fn centres_of_mass(layout: &Layout, species: &[Species], atoms: &Atoms, comm: &Comm) -> Vec<Vec3> {
    let mut sums = vec![[ExactSum::default(); 4]; layout.particles.len()];
    for i in 0..atoms.owned {
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
