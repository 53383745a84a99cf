//! The starting structure: lattices, shapes, alloys, adatoms, placement; and the
//! files that a structure can be read from.
//!
//! From a site to an atom: a `lattice` has sites, a `shape` chooses among them, a
//! `solid` adds adatoms and turns the particle, `alloy` deals out the species. A `body` is such
//! a particle or one from a file; what they stand beside is the `base`, a `block` of crystal (whole
//! periods of a `unit_cell`) or the atoms of a file. `assembly` places the bodies, `layout` is
//! what is known of all then; `join` puts hot particles together.
//!
//! Invariants: the structure is a function of the input alone. Ids are 0 .. N-1,
//! particle after particle; within a particle the sites of the shape come in their
//! order, then the adatoms. Every rank can find out all of it and keeps its share.

pub mod alloy;
mod assembly;
mod axes;
mod base;
mod block;
mod body;
pub mod cell;
mod cluster;
mod contact;
pub mod extxyz;
mod face;
pub mod foreign;
pub mod frame;
pub mod h5md;
mod hull;
mod join;
pub mod lammps_data;
pub mod lammps_dump;
pub mod lattice;
mod layout;
mod members;
mod mixture;
pub mod orientation;
mod overlap;
mod particles;
mod place;
mod read;
pub mod shape;
pub mod solid;
pub mod species;
mod survey;
mod text;
mod unit_cell;

pub use frame::Frame;
pub use join::{Join, join};
pub use layout::{APART, FacetInfo, Facing, Filling, Gap, Layout, ParticleInfo, ShapeInfo};
pub use read::frames;

use crate::atoms::Atom;
use crate::comm::Comm;
use crate::error::Result;
use crate::geometry::Cell;
use crate::input::{self, Arrangement, BoxConfig, Config, StructureConfig};
use assembly::Assembly;
use read::Read;
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
    let mut built = match config.reads_files() {
        true => dealt_out(config, comm)?,
        false => {
            let assembly = Assembly::new(config, comm)?;
            let mine = share(assembly.layout.atoms, comm.rank(), comm.size());
            let atoms = comm.agree(assembly.atoms(config, mine))?;
            built(assembly.layout, atoms, false, assembly.warnings)
        }
    };
    check_named(config, &built.layout)?;
    look_at_particles(config, &mut built)?;
    look_at_border(config, &built, comm)?;
    Ok(built)
}

/// Where more atoms are built than this, a look at the input makes none of them.
const MOST_LOOKED_AT: f64 = 4e6;

/// The same for a look at the input: of very many atoms that are built only the table of particles is
/// made, and what single atoms tell is left to the run. Collective.
pub fn looked_at(config: &Config, comm: &Comm) -> Result<Built> {
    if config.reads_files() || config.atoms_to_build() <= MOST_LOOKED_AT {
        return structure(config, comm);
    }
    let Assembly { layout, warnings, .. } = Assembly::new(config, comm)?;
    let mut built = built(layout, Vec::new(), false, warnings);
    check_named(config, &built.layout)?;
    look_at_particles(config, &mut built)?;
    Ok(built)
}

/// The structure of an input for one process that looks at it part by part, as one with room
/// for a part alone has to.
pub struct Parts<'a> {
    config: &'a Config,
    source: Source<'a>,
    whole: Built,
}

enum Source<'a> {
    Assembled(Box<Assembly<'a>>),
    Read(Vec<Atom>),
}

impl<'a> Parts<'a> {
    pub fn new(config: &'a Config) -> Result<Parts<'a>> {
        let (source, mut whole) = match alone(config) {
            Some(structure) => {
                let Read { layout, atoms, velocities, warnings } = read::read(config, structure)?;
                (Source::Read(atoms), built(layout, Vec::new(), velocities, warnings))
            }
            None => {
                let assembly = Assembly::new(config, &Comm::single())?;
                let (layout, warnings) = (assembly.layout.clone(), assembly.warnings.clone());
                let whole = built(layout, Vec::new(), assembly.velocities, warnings);
                (Source::Assembled(Box::new(assembly)), whole)
            }
        };
        check_named(config, &whole.layout)?;
        look_at_particles(config, &mut whole)?;
        Ok(Parts { config, source, whole })
    }

    /// Everything but the atoms.
    pub fn whole(&self) -> &Built {
        &self.whole
    }

    /// The same with the atoms that have these ids.
    pub fn with_atoms(&self, ids: Range<u64>) -> Result<Built> {
        let atoms = match &self.source {
            Source::Assembled(assembly) => assembly.atoms(self.config, ids)?,
            Source::Read(atoms) => atoms[ids.start as usize..ids.end as usize].to_vec(),
        };
        let part = Built { atoms, ..self.whole.clone() };
        look_at_border(self.config, &part, &Comm::single())?;
        Ok(part)
    }
}

/// Refuses particles that are built beyond the distance at which atoms come to rest or are removed.
fn look_at_border(config: &Config, built: &Built, comm: &Comm) -> Result<()> {
    let Some(border) = config.evaporation.beyond_angstrom else { return Ok(()) };
    let is_built = |atom: &&Atom| built.layout.particles[atom.particle as usize].shape.is_some();
    let out = |atom: &Atom| {
        let along = (0..3).filter(|&d| !built.cell.periodic[d]).map(|d| atom.position[d].abs());
        along.fold(0.0, f64::max)
    };
    let reach = comm.max(built.atoms.iter().filter(is_built).map(out).fold(0.0, f64::max));
    if reach < border {
        return Ok(());
    }
    let how = built.layout.apart.map_or("", |_| " where they begin, apart,");
    let message = format!(
        "the particles reach out to {reach:.1} Å{how} and would be at rest from the start beyond \
         {border} Å: make this larger"
    );
    Err(config.source.error("evaporation.beyond_angstrom", message))
}

/// What the input names must be there.
fn check_named(config: &Config, layout: &Layout) -> Result<()> {
    input::check_named(config, layout.atoms, layout.particles.len())
}

/// Says where particles are not measured, and which elements there are not.
fn look_at_particles(config: &Config, built: &mut Built) -> Result<()> {
    let particles = &built.layout.particles;
    let counts = (0..config.symbols().len()).map(|k| particles.iter().map(|p| p.species[k]).sum());
    let absent = input::absent(config, &counts.collect::<Vec<u64>>());
    built.warnings.extend(absent);
    let count = built.layout.particles.len();
    let surface = built.layout.filling.is_some_and(|filling| filling.surface.is_some());
    let refused = |why: &dyn Fn(&str) -> Option<String>| {
        let keys = input::MEASURED_TOGETHER.iter().filter(|key| config.source.has(key));
        let found = keys.filter_map(|key| why(key).map(|why| config.source.error(key, why))).next();
        found.map_or(Ok(()), Err)
    };
    let placed = built.layout.filling.map_or(count, |filling| filling.first as usize);
    refused(&|key| {
        let fits = placed > 1 || (surface && placed == 1 && key != "stop.coalesced_within");
        let found = if placed == 1 { "one".into() } else { placed.to_string() };
        (!fits).then(|| format!("this needs two particles or more, and the structure has {found}"))
    })?;
    if built.layout.measures_particles() {
        return Ok(());
    }
    let what =
        format!("{count} particles of {:.1} atoms", built.layout.atoms as f64 / count as f64);
    refused(&|_| Some(format!("{what} on average are not measured one by one")))?;
    let asked = config.output.told_by_particle().into_iter().find(|key| config.source.has(key));
    if let Some(key) = asked {
        let message = format!(
            "{what} on average are not measured one by one, and this is told by particle: leave it out"
        );
        return Err(config.source.error(key, message));
    }
    built.warnings.push(format!(
        "{what} on average: there will be no series of particles and of pairs, which would take \
         more room than the atoms"
    ));
    Ok(())
}

fn built(layout: Layout, atoms: Vec<Atom>, velocities: bool, warnings: Vec<String>) -> Built {
    let cell = layout.apart.unwrap_or(layout.cell);
    Built { layout, atoms, cell, velocities, warnings }
}

/// What the structure is, without its atoms: the same after a restart. Collective.
pub fn layout(config: &Config, comm: &Comm) -> Result<Layout> {
    let layout = match alone(config) {
        Some(structure) => comm.agree(read::read(config, structure).map(|read| read.layout))?,
        None => Assembly::new(config, comm)?.layout,
    };
    check_named(config, &layout).map(|()| layout)
}

/// The box and the boundaries that the file of `[structure]` has, whatever the input says.
pub fn box_of_file(config: &Config) -> Result<Option<Cell>> {
    let Some(structure) = &config.structure else { return Ok(None) };
    let mut silent = config.clone();
    silent.particles.clear();
    (silent.placement, silent.cell) = (None, BoxConfig::default());
    // Set apart they would be in vacuum.
    silent.stages.iter_mut().for_each(|stage| stage.particles = Arrangement::Together);
    read::read(&silent, structure).map(|read| Some(read.layout.cell))
}

/// The file that all atoms come from, where they stay as they stand in it.
fn alone(config: &Config) -> Option<&StructureConfig> {
    config.structure.as_ref().filter(|_| config.particles.is_empty())
}

/// All atoms, on one rank.
fn whole(config: &Config) -> Result<Read> {
    if let Some(structure) = alone(config) {
        return read::read(config, structure);
    }
    let assembly = Assembly::new(config, &Comm::single())?;
    let atoms = assembly.atoms(config, 0..assembly.layout.atoms)?;
    let Assembly { layout, velocities, warnings, .. } = assembly;
    Ok(Read { layout, atoms, velocities, warnings })
}

/// Rank 0 reads the files and sends every rank its share.
fn dealt_out(config: &Config, comm: &Comm) -> Result<Built> {
    let read = comm.agree(match comm.is_root() {
        true => whole(config).map(Some),
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

#[cfg(test)]
mod tests;
