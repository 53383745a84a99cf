//! Atoms that come from a file: from a `Frame` to the records of the run.
//!
//! Particles are the values of an integer column `particle` (in LAMMPS data: the
//! molecule), in rising order; without it all atoms are one particle. Ids are given
//! anew, 0 .. N-1, particle after particle, within one by the column `id`, or else in
//! the order of the file: a file of ours keeps its ids.

use super::contact::closest;
use super::frame::Frame;
use super::layout::{Layout, ParticleInfo, bounds, cell, spread};
use super::{extxyz, h5md, lammps_data, numbered};
use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::geometry::{
    Cell, LARGEST_COORDINATE, SHORTEST_PERIOD, Vec3, add, norm, on_grid, scale, sub,
};
use crate::input::{Config, StructureConfig, StructureFormat};
use std::collections::VecDeque;

/// Atoms nearer to each other than this are taken for a mistake in the file, Å.
const COINCIDENT: f64 = 0.5;

/// Largest component of a cell vector across its direction, relative to its length,
/// that counts as rounding.
const ORTHOGONAL: f64 = 1e-6;

/// The atoms of the file, the layout they make, and whether they came with velocities.
pub struct Read {
    pub layout: Layout,
    pub atoms: Vec<Atom>,
    pub velocities: bool,
    /// What deserves a second look: of the reader, then of what was made of it.
    pub warnings: Vec<String>,
}

/// Reads the file that `[structure]` names.
pub fn read(config: &Config, structure: &StructureConfig) -> Result<Read> {
    let mut frame = frame(config, structure)?;
    let mut warnings = std::mem::take(&mut frame.warnings);
    // What is done with is freed at once: of millions of atoms it would be the most that
    // the run ever holds.
    let species = species(config, &frame)?;
    frame.species = Vec::new();
    for position in &mut frame.positions {
        *position = position.map(on_grid);
    }
    let positions = &frame.positions;
    check_positions(config, positions)?;
    let order = order(&frame);

    let mut particles: Vec<ParticleInfo> = Vec::new();
    let mut atoms = Vec::with_capacity(order.len());
    for (id, &(particle, i)) in order.iter().enumerate() {
        if particle == particles.len() {
            particles.push(ParticleInfo::empty(config, id as u64));
        }
        let info = &mut particles[particle];
        info.atoms += 1;
        info.species[species[i] as usize] += 1;
        atoms.push(Atom {
            id: id as u64,
            position: positions[i],
            velocity: frame.velocities.as_ref().map_or([0.0; 3], |v| v[i]),
            image: [0; 3],
            particle: particle as u32,
            species: species[i],
            padding: 0,
        });
    }
    for info in &mut particles {
        let own = &atoms[info.first as usize..(info.first + info.atoms) as usize];
        let [low, high] = bounds(own.iter().map(|a| a.position));
        info.centre = scale(add(low, high), 0.5).map(on_grid);
        let away = own.iter().map(|a| norm(sub(a.position, info.centre)));
        info.radius = away.fold(0.0, f64::max);
    }
    let cell = file_cell(config, &frame, bounds(positions.iter().copied()), &mut warnings)?;
    let apart = spread(config, &mut particles)?;
    if apart.is_some() && cell.periodic != [false; 3] {
        let message =
            "particles read from a file can be set apart only where every boundary is free";
        return Err(config.source.error("stage[0].particles", message));
    }
    for atom in &mut atoms {
        place(atom, &particles, &apart, &cell);
    }
    if frame.velocities.is_none() && frame.columns.iter().any(|c| c.name == "momenta") {
        let message = "the file has momenta but no velocities, and only velocities (`velo`, Å/ps) \
             are taken: the atoms start as if it had neither";
        warnings.push(message.into());
    }
    let layout = Layout {
        particles,
        atoms: atoms.len() as u64,
        cell,
        apart,
        filling: None,
        gaps: Vec::new(),
    };
    Ok(Read { layout, atoms, velocities: frame.velocities.is_some(), warnings })
}

/// Sets an atom where the protocol begins.
fn place(atom: &mut Atom, particles: &[ParticleInfo], apart: &Option<Cell>, cell: &Cell) {
    if apart.is_some() {
        atom.position = add(atom.position, particles[atom.particle as usize].apart);
    }
    let [x, y, z] = atom.position;
    let mut position = [x, y, z, 0.0];
    apart.as_ref().unwrap_or(cell).wrap(&mut position, &mut atom.image);
    let [x, y, z, _] = position;
    atom.position = [x, y, z];
}

fn bad(config: &Config, message: impl Into<String>) -> Error {
    config.source.error("structure.file", message)
}

/// The frame that is asked for.
fn frame(config: &Config, structure: &StructureConfig) -> Result<Frame> {
    let StructureConfig { file, format, frame: wanted, group, types } = structure;
    let frame = match format.or_else(|| StructureFormat::of(file)) {
        Some(StructureFormat::Extxyz) => {
            let named = |mut frame: Frame| {
                let named = numbered::name_all(&mut frame.species, types);
                named.map(|()| frame).map_err(|message| bad(config, message))
            };
            // As many of the last frames as it takes to count from the end.
            let most = if *wanted < 0 { wanted.unsigned_abs() } else { 0 };
            let mut kept = VecDeque::new();
            let mut count = 0;
            for frame in extxyz::open(file)? {
                let frame = frame?;
                if count == *wanted {
                    return named(frame);
                }
                count += 1;
                kept.push_back(frame);
                if kept.len() as u64 > most {
                    kept.pop_front();
                }
            }
            let first = kept.pop_front().filter(|_| kept.len() as u64 + 1 == most);
            let missing = || {
                let message = format!(
                    "frame {wanted} is wanted, but `{}` has {count} frames",
                    file.display()
                );
                config.source.error("structure.frame", message)
            };
            named(first.ok_or_else(missing)?)?
        }
        Some(StructureFormat::LammpsData) => lammps_data::read(file, types)?,
        Some(StructureFormat::H5md) => {
            h5md::read(file, h5md::Wanted { frame: *wanted, group: group.as_deref(), types })?
        }
        None => return Err(bad(config, "the ending of the name tells no format")),
    };
    Ok(frame)
}

fn species(config: &Config, frame: &Frame) -> Result<Vec<u32>> {
    let known: Vec<&str> = config.potential.symbols().collect();
    let find = |(i, symbol): (usize, &String)| {
        let place = known.iter().position(|k| k == symbol);
        place.map(|k| k as u32).ok_or_else(|| {
            bad(
                config,
                format!(
                    "atom {i} (counted from 0) is {symbol}, but the potential has only {}",
                    known.join(", ")
                ),
            )
        })
    };
    if frame.is_empty() {
        return Err(bad(config, "there are no atoms in this frame"));
    }
    frame.species.iter().enumerate().map(find).collect()
}

/// Particle and place in the file of each atom, in the order of the ids to be given.
fn order(frame: &Frame) -> Vec<(usize, usize)> {
    let particle = frame.integers("particle").unwrap_or(&[]);
    let id = frame.integers("id").unwrap_or(&[]);
    let mut numbers = particle.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let mut order: Vec<(usize, i64, usize)> = (0..frame.len())
        .map(|i| {
            let number = particle.get(i).map_or(0, |p| numbers.partition_point(|n| n < p));
            (number, id.get(i).copied().unwrap_or(0), i)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(particle, _, i)| (particle, i)).collect()
}

fn check_positions(config: &Config, positions: &[Vec3]) -> Result<()> {
    let reach = positions.iter().flatten().map(|x| x.abs()).fold(0.0, f64::max);
    if reach > LARGEST_COORDINATE / 2.0 {
        let limit = LARGEST_COORDINATE / 2.0;
        return Err(bad(config, format!("an atom at {reach:.0} Å: coordinates end at {limit} Å")));
    }
    let all = || positions.iter().copied();
    match closest(all(), all(), COINCIDENT, |i, j| i < j) {
        None => Ok(()),
        Some((distance, i, j)) => Err(bad(
            config,
            format!("atoms {i} and {j} (counted from 0) are only {distance:.2} Å apart"),
        )),
    }
}

/// The box of the input, with the lengths of the file where the input gives none.
fn file_cell(
    config: &Config,
    frame: &Frame,
    bounds: [Vec3; 2],
    warnings: &mut Vec<String>,
) -> Result<Cell> {
    let known = match frame.lattice {
        None => None,
        Some(lattice) => {
            let tilted = (0..3).any(|d| {
                let across = (0..3).filter(|&e| e != d).map(|e| lattice[d][e].abs());
                across.fold(0.0, f64::max) > ORTHOGONAL * lattice[d][d].abs()
            });
            if tilted {
                return Err(bad(config, "the cell of the file is not orthogonal along x, y and z"));
            }
            Some([frame.origin, std::array::from_fn(|d| lattice[d][d])])
        }
    };
    let cell = cell(config, bounds, known);
    let names = ["x", "y", "z"];
    for (d, name) in names.into_iter().enumerate() {
        if cell.periodic[d] && known.is_none() && config.cell.lengths_angstrom.is_none() {
            return Err(config.source.error(
                "box.boundary",
                format!(
                    "periodic along {name}, but the file gives no box: write `lengths_angstrom`"
                ),
            ));
        }
        if frame.periodic[d] && frame.lattice.is_some() && !cell.periodic[d] {
            let message =
                format!("the file is periodic along {name}, `box.boundary` is free: taken as free");
            warnings.push(message);
        }
    }
    if let Some(d) = cell.unusable() {
        let message = format!(
            "along {} the box is {:?} Å long from {:?} Å on: a periodic direction must be at least \
             {SHORTEST_PERIOD} Å long and lie within {LARGEST_COORDINATE} Å",
            names[d], cell.length[d], cell.origin[d]
        );
        return Err(bad(config, message));
    }
    Ok(cell)
}
