//! Where close-packed layers are stacked otherwise than in fcc.
//!
//! The layer of an atom in hcp surroundings (`cna`) is that of its six neighbours that have one
//! opposite to them; of the six others three lie in either layer beside it. A twin boundary is one
//! such layer between layers of fcc, an intrinsic stacking fault two side by side, hcp more.
//! By majority, where surfaces and heat leave some without a class: a layer beside is hcp, or fcc,
//! where two or all of its three are; a hcp layer beside another that has none of fcc on its other side
//! is of a hcp crystal. Atoms with fewer than two others of hcp in their layer, as heat makes them,
//! are in none.

use super::cna::{Class, FIRST_SHELL};
use super::{Snapshot, of_particles};
use crate::exchange::Routes;
use crate::geometry::{Vec3, dot, norm, scale};

/// What an atom is in, by its place among the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Twin = 0,
    Stacking = 1,
    Crystal = 2,
}

/// So many neighbours are in the layer of an atom in hcp surroundings.
const IN_LAYER: usize = 6;
/// So many of a few are a layer.
const MAJORITY: usize = 2;

/// An atom in hcp surroundings, or nearly.
pub struct Hexagonal {
    pub atom: u32,
    /// The twelve nearest, those of its layer first.
    pub near: [u32; FIRST_SHELL],
    /// Whether those behind them are on the side of the first of these.
    is_above: [bool; FIRST_SHELL - IN_LAYER],
}

impl Hexagonal {
    /// With vectors to the twelve nearest atoms.
    pub fn new(atom: usize, near: [u32; FIRST_SHELL], apart: &[Vec3]) -> Hexagonal {
        let unit: [Vec3; FIRST_SHELL] =
            std::array::from_fn(|k| scale(apart[k], 1.0 / norm(apart[k])));
        // Best opposites: six of hcp's twelve have none nearer than 110° to the straight line.
        let opposite = |k: usize| unit.iter().map(|u| dot(unit[k], *u)).fold(1.0, f64::min);
        let mut order: [(f64, usize); FIRST_SHELL] = std::array::from_fn(|k| (opposite(k), k));
        order.sort_by(|a, b| a.0.total_cmp(&b.0));
        let order = order.map(|(_, k)| k);
        let beside = |n: usize| unit[order[IN_LAYER + n]];
        Hexagonal {
            atom: atom as u32,
            near: order.map(|k| near[k]),
            is_above: std::array::from_fn(|n| dot(beside(0), beside(n)) > 0.0),
        }
    }

    /// By the classes of all atoms, ghosts included.
    fn fault(&self, class: impl Fn(u32) -> Class) -> Option<Fault> {
        let (layer, beside) = self.near.split_at(IN_LAYER);
        let most = |wanted: Class, side: bool| {
            let there = beside.iter().zip(self.is_above).filter(|(_, above)| *above == side);
            there.filter(|(i, _)| class(**i) == wanted).count() >= MAJORITY
        };
        if layer.iter().filter(|i| class(**i) == Class::Hcp).count() < MAJORITY {
            return None;
        }
        let alike = [true, false].into_iter().filter(|side| most(Class::Hcp, *side)).count();
        Some(match alike {
            0 => Fault::Twin,
            1 if most(Class::Fcc, true) || most(Class::Fcc, false) => Fault::Stacking,
            _ => Fault::Crystal,
        })
    }
}

/// Atoms of each particle in twin boundaries, in stacking faults and in hcp crystals, over all ranks; from the classes
/// of this rank's atoms (numbers of `Class`) and those in hcp surroundings. Collective.
pub fn counts(
    snapshot: &Snapshot,
    routes: &Routes,
    own: Vec<i64>,
    hexagonal: &[Hexagonal],
    particles: usize,
) -> Vec<i64> {
    let classes = routes.with_ghosts(snapshot.system.comm, own, 1);
    let class = |i: u32| Class::from_number(classes[i as usize]);
    let hcp = hexagonal.iter().filter(|of| class(of.atom) == Class::Hcp);
    let faults = hcp.filter_map(|of| Some((of.atom as usize, of.fault(class)? as usize)));
    of_particles::<3>(snapshot, particles, faults)
}
