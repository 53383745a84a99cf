//! Atoms that come from a file: from a `Frame` to the records of the run.
//!
//! Particles are the values of an integer column (`particle`, or the molecule), in rising
//! order; of a file without labels they are clusters of near atoms (`particles`). Ids are
//! given anew, 0 .. N-1, label after label, within one by the column `id`, or else in the
//! order of the file: a file of ours keeps its ids, and clusters change none.
//!
//! Boundaries and lengths of the box are those of the file where the input gives none.

use super::cell::{self, AXES, Side, Sides};
use super::frame::Frame;
use super::layout::{Layout, MARGIN, ParticleInfo, bounds, spread};
use super::{extxyz, foreign, h5md, lammps_data, lammps_dump, particles, species};
use crate::atoms::Atom;
use crate::error::{Error, Result};
use crate::geometry::{Cell, Vec3, add, norm, on_grid, scale, sub};
use crate::input::{Boundary, Config, ParticlesFrom, StructureConfig, StructureFormat};
use std::collections::VecDeque;
use std::path::Path;

mod scrutiny;

/// Lengths that differ by less than this, relatively, are the same.
const SAME_LENGTH: f64 = 1e-6;

/// Particles of fewer atoms than this on average are doubtful where only labels say so.
const FEW_ATOMS: usize = 10;

/// More particles than this found by distance are doubtful.
const MANY_PARTICLES: usize = 1000;

/// A warning.
pub const BOUNDARIES_UNKNOWN: &str = "LAMMPS data does not say which boundaries are periodic: all \
    are taken so, as LAMMPS does (`[box] boundary` for others)";

/// Columns that number molecules, in any capitals.
const MOLECULE: [&str; 6] =
    ["molecule", "mol", "molecule_id", "molecule_identifier", "mol_id", "molid"];

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
    for name in ["id", "particle"].into_iter().chain(MOLECULE) {
        frame.make_integers(name);
    }
    let mut warnings = std::mem::take(&mut frame.warnings);
    // What is done with is freed at once: of millions of atoms it would be the most that
    // the run ever holds.
    let species = species(config, structure, &mut frame, &mut warnings)?;
    let sides = cell::sides(&frame).map_err(|message| bad(config, message))?;
    let periodic = boundaries(config, structure, &frame, &sides, &mut warnings);
    for position in &mut frame.positions {
        *position = position.map(on_grid);
    }
    unwrap(&mut frame, &sides, periodic, &mut warnings);
    scrutiny::check_reach(config, &frame.positions)?;
    let cell = file_cell(config, &frame.positions, &sides, periodic, &mut warnings)?;
    let near = scrutiny::check_contacts(config, &frame.positions, &cell)?;
    let is_hydrogen = |&i: &usize| config.symbols().get(species[i] as usize) == Some(&"H");
    if let Some((distance, i, j)) = near.filter(|(_, i, j)| ![i, j].into_iter().any(is_hydrogen)) {
        warnings.push(format!(
            "atoms {i} and {j} (counted from 0) are only {distance:.2} Å apart: is that meant?"
        ));
    }
    scrutiny::check_velocities(config, &frame, &species, &mut warnings)?;

    let labels = labels(config, structure, &frame)?;
    let order = order(&frame, labels, &mut warnings);
    let atom = |(id, &(particle, i)): (usize, &(usize, usize))| {
        let image = frame.images.as_ref().map_or([0; 3], |images| images[i]);
        let mut atom = Atom {
            id: id as u64,
            position: frame.positions[i],
            velocity: frame.velocities.as_ref().map_or([0.0; 3], |v| v[i]),
            image: std::array::from_fn(|d| if periodic[d] { image[d] } else { 0 }),
            particle: particle as u32,
            species: species[i],
            padding: 0,
        };
        wrap(&mut atom, &cell);
        atom
    };
    let mut atoms: Vec<Atom> = order.iter().enumerate().map(atom).collect();
    let by_distance = matches!(structure.particles_from, None | Some(ParticlesFrom::Clusters));
    if labels.is_none() && by_distance {
        divide(config, structure, &mut atoms, &cell, &mut warnings)?;
    }
    let mut particles = infos(config, &atoms, &cell);
    let apart = spread(config, &mut particles)?;
    if let Some(apart) = &apart {
        if cell.periodic != [false; 3] {
            let message = "particles read from a file can be set apart only where every boundary \
                           is free (`[box] boundary`)";
            return Err(config.source.error("stage[0].particles", message));
        }
        for atom in &mut atoms {
            atom.position = add(atom.position, particles[atom.particle as usize].apart);
            wrap(atom, apart);
        }
    }
    let layout = Layout {
        particles,
        atoms: atoms.len() as u64,
        cell,
        apart,
        filling: None,
        gaps: Vec::new(),
        note: String::new(),
    };
    Ok(Read { layout, atoms, velocities: frame.velocities.is_some(), warnings })
}

/// Wraps an atom into a box.
fn wrap(atom: &mut Atom, cell: &Cell) {
    let [x, y, z] = atom.position;
    let mut position = [x, y, z, 0.0];
    cell.wrap(&mut position, &mut atom.image);
    let [x, y, z, _] = position;
    atom.position = [x, y, z];
}

/// Each particle by its atoms, where they are whole.
fn infos(config: &Config, atoms: &[Atom], cell: &Cell) -> Vec<ParticleInfo> {
    let count = atoms.iter().map(|atom| atom.particle as usize + 1).max().unwrap_or(0);
    let mut particles: Vec<ParticleInfo> =
        (0..count).map(|_| ParticleInfo::empty(config, 0)).collect();
    let place = |atom: &Atom| {
        let [x, y, z] = atom.position;
        cell.unwrap(&[x, y, z, 0.0], &atom.image)
    };
    let mut ends = vec![[[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]]; count];
    for atom in atoms.iter().rev() {
        let info = &mut particles[atom.particle as usize];
        info.first = atom.id;
        info.atoms += 1;
        info.species[atom.species as usize] += 1;
        let (r, [low, high]) = (place(atom), &mut ends[atom.particle as usize]);
        for d in 0..3 {
            low[d] = low[d].min(r[d]);
            high[d] = high[d].max(r[d]);
        }
    }
    for (info, [low, high]) in particles.iter_mut().zip(ends) {
        info.centre = scale(add(low, high), 0.5).map(on_grid);
    }
    for atom in atoms {
        let info = &mut particles[atom.particle as usize];
        info.radius = info.radius.max(norm(sub(place(atom), info.centre)));
    }
    particles
}

fn bad(config: &Config, message: impl Into<String>) -> Error {
    config.source.error("structure.file", message)
}

/// The frames of a file of a format that has one after the other, up to the first error.
///
/// # Errors
/// A file that cannot be opened, or is of a format that has one alone.
pub fn frames(
    file: &Path,
    format: StructureFormat,
) -> Result<Box<dyn Iterator<Item = Result<Frame>>>> {
    foreign::refuse(file, Some(format))?;
    match format {
        StructureFormat::Extxyz => Ok(Box::new(extxyz::open(file)?)),
        StructureFormat::LammpsDump => Ok(Box::new(lammps_dump::open(file)?)),
        StructureFormat::LammpsData | StructureFormat::H5md => {
            let message = format!(
                "frames are read one after the other of extended XYZ and LAMMPS dumps, and by its name \
                 this file is {}: make one of it (`sinter-hpc build INPUT.toml --output FRAMES.xyz`, \
                 with this file as `[structure]`)",
                format.name()
            );
            Err(Error::input(file, 0, 0, message))
        }
    }
}

/// The frame that is asked for.
fn frame(config: &Config, structure: &StructureConfig) -> Result<Frame> {
    let StructureConfig { file, format, frame: wanted, group, types, .. } = structure;
    let format = format.or_else(|| StructureFormat::of(file));
    foreign::refuse(file, format)?;
    let elements = config.symbols().len();
    let missing = |count: i64| {
        let message =
            format!("frame {wanted} is wanted, but `{}` has {count} frames", file.display());
        config.source.error("structure.frame", message)
    };
    let frame = match format {
        Some(format @ (StructureFormat::Extxyz | StructureFormat::LammpsDump)) => {
            // As many of the last frames as it takes to count from the end.
            let most = if *wanted < 0 { wanted.unsigned_abs() } else { 0 };
            let mut kept = VecDeque::new();
            let mut count = 0;
            for frame in frames(file, format)? {
                let frame = frame?;
                if count == *wanted {
                    return Ok(frame);
                }
                count += 1;
                kept.push_back(frame);
                if kept.len() as u64 > most {
                    kept.pop_front();
                }
            }
            let first = kept.pop_front().filter(|_| kept.len() as u64 + 1 == most);
            let mut frame = first.ok_or_else(|| missing(count))?;
            if count > 1 && !config.source.has("structure.frame") {
                frame.warnings.push(format!(
                    "`{}` has {count} frames: the last is taken (`frame`)",
                    file.display()
                ));
            }
            frame
        }
        Some(StructureFormat::LammpsData) if !matches!(wanted, -1 | 0) => return Err(missing(1)),
        Some(StructureFormat::LammpsData) => lammps_data::read(file, types, elements)?,
        Some(StructureFormat::H5md) => {
            let group = group.as_deref();
            h5md::read(file, h5md::Wanted { frame: *wanted, group, types, elements })?
        }
        None => return Err(bad(config, "the ending of the name tells no format")),
    };
    Ok(frame)
}

/// The species of each atom; the names are given back.
fn species(
    config: &Config,
    structure: &StructureConfig,
    frame: &mut Frame,
    warnings: &mut Vec<String>,
) -> Result<Vec<u32>> {
    let known = config.symbols();
    if frame.is_empty() {
        return Err(bad(config, "there are no atoms in this frame"));
    }
    species::masses(frame, warnings);
    let names = std::mem::take(&mut frame.species);
    let has_names =
        matches!(structure.format, Some(StructureFormat::Extxyz | StructureFormat::LammpsDump));
    if !structure.types.is_empty() && has_names && names.iter().all(|n| n.parse::<i64>().is_err()) {
        let message = "the file names its species itself: leave `types` out of `[structure]`";
        return Err(bad(config, message));
    }
    species::resolve(&names, &known, &structure.types, warnings)
        .map_err(|message| bad(config, message))
}

/// Which directions are periodic: as the input says, or else as the file.
fn boundaries(
    config: &Config,
    structure: &StructureConfig,
    frame: &Frame,
    sides: &Sides,
    warnings: &mut Vec<String>,
) -> [bool; 3] {
    let silent = structure.format == Some(StructureFormat::LammpsData);
    let Some(given) = config.cell.boundary else {
        if silent {
            warnings.push(BOUNDARIES_UNKNOWN.into());
        }
        return sides.periodic;
    };
    let periodic = given.map(|boundary| boundary == Boundary::Periodic);
    if !silent && frame.lattice.is_some() && periodic != sides.periodic {
        let along = |all: [bool; 3]| {
            let axes: Vec<&str> = (0..3).filter(|&d| all[d]).map(|d| AXES[d]).collect();
            match axes[..] {
                [] => "periodic nowhere".to_string(),
                _ => format!("periodic along {}", axes.join(", ")),
            }
        };
        warnings.push(format!(
            "the file is {}, and by `box.boundary` it is {}: the input counts",
            along(sides.periodic),
            along(periodic)
        ));
    }
    periodic
}

/// Along free directions image flags say where an atom is.
fn unwrap(frame: &mut Frame, sides: &Sides, periodic: [bool; 3], warnings: &mut Vec<String>) {
    let Some(images) = &frame.images else { return };
    for d in (0..3).filter(|&d| !periodic[d]) {
        let Some(Side { length, .. }) = sides.sides[d] else { continue };
        let length = on_grid(length);
        let mut moved = 0;
        for (position, image) in frame.positions.iter_mut().zip(images) {
            position[d] += image[d] as f64 * length;
            moved += (image[d] != 0) as usize;
        }
        if moved > 0 {
            warnings.push(format!(
                "{moved} atoms stand where their image flags have them along {}, which is free",
                AXES[d]
            ));
        }
    }
}

/// The box of the input, with what it does not say from the file.
fn file_cell(
    config: &Config,
    positions: &[Vec3],
    sides: &Sides,
    periodic: [bool; 3],
    warnings: &mut Vec<String>,
) -> Result<Cell> {
    let mut known = sides.sides;
    if let Some(lengths) = config.cell.lengths_angstrom {
        for d in 0..3 {
            let length = lengths[d];
            if let Some(side) = known[d].filter(|_| periodic[d])
                && (side.length - length).abs() > SAME_LENGTH * length
            {
                warnings.push(format!(
                    "`box.lengths_angstrom` is {length} along {}, and the file has {}: the input counts",
                    AXES[d], side.length
                ));
            }
            let low = known[d].map_or(-length / 2.0, |side| side.low);
            known[d] = Some(Side { low, length });
        }
        if periodic == [false; 3] {
            let message = "`box.lengths_angstrom` has no effect: no boundary is periodic";
            warnings.push(message.into());
        }
    }
    if let Some(d) = (0..3).find(|&d| periodic[d] && known[d].is_none()) {
        let by_input = config.cell.boundary.is_some();
        let (key, who) = match by_input {
            true => ("box.boundary", "periodic"),
            false => ("structure.file", "the file says periodic"),
        };
        let message =
            format!("{who} along {}, but the file gives no box: write `lengths_angstrom`", AXES[d]);
        return Err(config.source.error(key, message));
    }
    let [low, high] = bounds(positions.iter().copied());
    let described = std::array::from_fn(|d| Side {
        low: low[d] - MARGIN,
        length: high[d] - low[d] + 2.0 * MARGIN,
    });
    cell::boxed(known, periodic, described).map_err(|message| bad(config, message))
}

/// The labels of the file by which atoms are particles.
fn labels<'a>(
    config: &Config,
    structure: &StructureConfig,
    frame: &'a Frame,
) -> Result<Option<&'a [i64]>> {
    let particle = frame.integers("particle");
    let molecule = MOLECULE.iter().find_map(|name| frame.integers(name));
    let missing = |name: &str| {
        let message = format!("the file has no column `{name}` of one whole number for each atom");
        config.source.error("structure.particles_from", message)
    };
    match structure.particles_from {
        Some(ParticlesFrom::Column) => particle.map(Some).ok_or_else(|| missing("particle")),
        Some(ParticlesFrom::Molecule) => molecule.map(Some).ok_or_else(|| missing("molecule")),
        Some(ParticlesFrom::Clusters | ParticlesFrom::One) => Ok(None),
        None => {
            if let Some(labels) = particle {
                // Particles of a run may have become small.
                return trusted(config, labels, "particle", MANY_PARTICLES).map(Some);
            }
            // One number for all says nothing.
            let several = molecule.filter(|labels| labels.iter().any(|n| *n != labels[0]));
            several.map(|labels| trusted(config, labels, "molecule", 1)).transpose()
        }
    }
}

/// Refuses labels that make more than `most` particles of very few atoms each.
fn trusted<'a>(config: &Config, labels: &'a [i64], name: &str, most: usize) -> Result<&'a [i64]> {
    let mut numbers = labels.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let count = numbers.len();
    if count <= most || labels.len() >= FEW_ATOMS * count {
        return Ok(labels);
    }
    let own = if name == "particle" { "column" } else { name };
    Err(doubtful(
        config,
        format!(
            "the column `{name}` would make {count} particles of {:.1} atoms on average",
            labels.len() as f64 / count as f64
        ),
        &format!("\"{own}\" if that is meant, \"clusters\" (of near atoms)"),
    ))
}

fn doubtful(config: &Config, what: String, choice: &str) -> Error {
    bad(
        config,
        format!(
            "{what}: say under `[structure]` what a particle is, `particles_from` = {choice} or \
             \"one\" (all atoms)"
        ),
    )
}

/// Makes clusters of near atoms the particles.
fn divide(
    config: &Config,
    structure: &StructureConfig,
    atoms: &mut [Atom],
    cell: &Cell,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let smallest = structure.smallest_particle_atoms;
    let found = particles::clusters(atoms, cell, structure.cluster_distance_angstrom, smallest);
    let distance = found.distance;
    if found.count > MANY_PARTICLES && structure.particles_from.is_none() {
        let what = format!(
            "the file does not say what a particle is, and atoms within {distance:.2} Å of each \
             other make {} of them",
            found.count
        );
        return Err(doubtful(config, what, "\"clusters\" if that is meant"));
    }
    let (pieces, loose) = found.fragments;
    let by_file = structure.particles_from.is_none();
    if found.count > 1 && by_file {
        warnings.push(format!(
            "the file does not say what a particle is: {} are found, as clusters of atoms within \
             {distance:.2} Å of each other (`particles_from`)",
            found.count
        ));
    }
    if loose == atoms.len() && pieces > 1 {
        warnings.push(format!(
            "no cluster of the file has {smallest} atoms (`smallest_particle_atoms`): all are one \
             particle"
        ));
    } else if loose > 0 && loose < atoms.len() {
        warnings.push(format!(
            "{loose} atoms in {pieces} clusters of fewer than {smallest} belong to the nearest \
             particle (`smallest_particle_atoms`)"
        ));
    }
    for (i, atom) in atoms.iter_mut().enumerate() {
        atom.particle = found.particle[i];
        atom.image = found.images[i];
    }
    Ok(())
}

/// Label and place in the file of each atom, in the order of the ids to be given.
fn order(frame: &Frame, labels: Option<&[i64]>, warnings: &mut Vec<String>) -> Vec<(usize, usize)> {
    let particle = labels.unwrap_or(&[]);
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
    let twice = order.windows(2).find(|w| (w[0].0, w[0].1) == (w[1].0, w[1].1));
    if let (Some([(_, id, i), (_, _, j)]), false) = (twice, id.is_empty()) {
        warnings.push(format!(
            "atoms {i} and {j} (counted from 0) have the same id, {id}: of them the order in the \
             file counts"
        ));
    }
    order.into_iter().map(|(particle, _, i)| (particle, i)).collect()
}
