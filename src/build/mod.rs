//! The starting structure: lattices, shapes, alloys, adatoms, placement; and the
//! files that a structure can be read from.
//!
//! From a site to an atom: a `lattice` has sites, a `shape` chooses among them, a
//! `solid` adds adatoms and turns the particle, `alloy` deals out the species,
//! `layout` says where each particle stands; `join` puts hot particles together.
//!
//! Invariants: the structure is a function of the input alone. Ids are 0 .. N-1,
//! particle after particle; within a particle the sites of the shape come in their
//! order, then the adatoms. Every rank can find out all of it and keeps its share.

pub mod alloy;
mod contact;
pub mod extxyz;
mod face;
pub mod frame;
pub mod h5md;
mod join;
pub mod lammps_data;
pub mod lattice;
mod layout;
pub mod numbered;
pub mod orientation;
mod read;
pub mod shape;
pub mod solid;
mod text;

pub use frame::Frame;
pub use join::{Join, join};
pub use layout::{APART, FacetInfo, Facing, Gap, Layout, ParticleInfo, ShapeInfo};

use crate::atoms::Atom;
use crate::comm::Comm;
use crate::error::Result;
use crate::geometry::{Cell, add};
use crate::input::{Config, StructureConfig};
use read::Read;
use solid::Solid;
use std::ops::Range;

/// The starting structure as one rank holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    pub layout: Layout,
    /// This rank's share, in the order of ids.
    pub atoms: Vec<Atom>,
    /// The box in which the atoms start: together, or apart where the protocol begins so.
    pub cell: Cell,
    /// Whether the atoms came with velocities.
    pub velocities: bool,
    /// What deserves a second look, a line for each; on the root alone.
    pub warnings: Vec<String>,
}

/// The ids of the atoms that a rank begins with: equal blocks, to within one atom.
pub fn share(atoms: u64, rank: usize, size: usize) -> Range<u64> {
    let begin = |rank: usize| (atoms as u128 * rank as u128 / size as u128) as u64;
    begin(rank)..begin(rank + 1)
}

/// Builds or reads the structure of the input; collective.
pub fn structure(config: &Config, comm: &Comm) -> Result<Built> {
    if let Some(structure) = &config.structure {
        return dealt_out(config, structure, comm);
    }
    let (layout, solids) = layout::built(config)?;
    let atoms = own_share(config, &layout, &solids, comm);
    Ok(built(layout, atoms, false, Vec::new()))
}

fn built(layout: Layout, atoms: Vec<Atom>, velocities: bool, warnings: Vec<String>) -> Built {
    let cell = layout.apart.unwrap_or(layout.cell);
    Built { layout, atoms, cell, velocities, warnings }
}

/// What the structure is, without its atoms: the same after a restart. For any rank to call.
pub fn layout(config: &Config) -> Result<Layout> {
    match &config.structure {
        Some(structure) => Ok(read::read(config, structure)?.layout),
        None => Ok(layout::built(config)?.0),
    }
}

/// Rank 0 reads the file and sends every rank its share.
fn dealt_out(config: &Config, structure: &StructureConfig, comm: &Comm) -> Result<Built> {
    let read = comm.agree(match comm.is_root() {
        true => read::read(config, structure).map(Some),
        false => Ok(None),
    })?;
    let (layout, velocities): (Layout, bool) =
        comm.broadcast(0, read.as_ref().map(|read| (read.layout.clone(), read.velocities)));
    let of = |rank| share(layout.atoms, rank, comm.size());
    let Some(Read { mut atoms, warnings, .. }) = read else {
        let received = comm.exchange(&[]);
        let mine = received.into_iter().flat_map(|(_, atoms)| atoms).collect();
        return Ok(built(layout, mine, velocities, Vec::new()));
    };
    let others = (1..comm.size()).map(|rank| (rank, of(rank)));
    let shares: Vec<(usize, Vec<Atom>)> = others
        .map(|(rank, ids)| (rank, atoms[ids.start as usize..ids.end as usize].to_vec()))
        .collect();
    comm.exchange(&shares);
    atoms.truncate(of(0).end as usize);
    Ok(built(layout, atoms, velocities, warnings))
}

/// This rank's share of the built particles.
fn own_share(config: &Config, layout: &Layout, solids: &[Solid], comm: &Comm) -> Vec<Atom> {
    let share = share(layout.atoms, comm.rank(), comm.size());
    let mut atoms = Vec::with_capacity((share.end - share.start) as usize);
    for (solid, info) in solids.iter().zip(&layout.particles) {
        let ids = info.first..info.first + info.atoms;
        if ids.start < share.end && share.start < ids.end {
            let all = particle(config, solid, info, layout).into_iter();
            atoms.extend(all.filter(|atom| share.contains(&atom.id)));
        }
    }
    atoms
}

/// The atoms of one built particle where the protocol begins.
fn particle(config: &Config, solid: &Solid, info: &ParticleInfo, layout: &Layout) -> Vec<Atom> {
    let (cell, centre) = match layout.apart {
        Some(cell) => (cell, add(info.centre, info.apart)),
        None => (layout.cell, info.centre),
    };
    let species = solid.species(config);
    let place = |(i, (r, species))| {
        let [x, y, z] = add(r, centre);
        let mut position = [x, y, z, 0.0];
        let mut image = [0; 3];
        cell.wrap(&mut position, &mut image);
        let [x, y, z, _] = position;
        Atom {
            id: info.first + i as u64,
            position: [x, y, z],
            velocity: [0.0; 3],
            image,
            particle: solid.number as u32,
            species,
            padding: 0,
        }
    };
    solid.positions().zip(species).enumerate().map(place).collect()
}

#[cfg(test)]
mod tests;
