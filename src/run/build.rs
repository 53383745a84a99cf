//! `sinter-hpc build`: the starting structure alone, with the particles together
//! as `[placement]` has them even where the protocol begins with them apart, or there is none.

use super::{named, warnings};
use crate::atoms::{Atom, Atoms};
use crate::build::{self, Built, Frame, extxyz};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geometry::Vec3;
use crate::input::{self, Arrangement, Config};
use crate::potential::{ForceField, Potential};
use crate::terminal::counted;
use crate::write::{Content, Frame as Written, Job, Provenance, Trajectory};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Builds the structure of the input file and writes it to `output`, whose ending
/// tells the format. A file that exists is replaced only with `force`.
///
/// # Errors
/// For a bad input, and where the file cannot be written or would replace another.
pub fn build(input: &Path, output: &Path, force: bool) -> Result<()> {
    let format = format(output)?;
    if output.exists() && !force {
        let message = "this file exists already: replace it (--force) or choose another (--output)";
        return Err(Error::input(output, 0, 0, message));
    }
    named::to_write(output)?;
    let mut config = warnings::read_system(input)?;
    let (potential, _) = warnings::potential(&mut config)?;
    for stage in &mut config.stages {
        stage.particles = Arrangement::Together;
    }
    let comm = Comm::single();
    let built = build::structure(&config, &comm)?;
    warnings::of_structure(&built, &potential, &comm);
    match format {
        Format::Extxyz => write_extxyz(&config, &built, output)?,
        Format::H5md => write_h5md(&config, &potential, &built, output)?,
    }
    let symbols = config.symbols();
    print!("{}", built.layout.describe(&symbols));
    println!("{} written to {}", counted(built.layout.atoms, "atom"), output.display());
    Ok(())
}

enum Format {
    Extxyz,
    H5md,
}

fn format(output: &Path) -> Result<Format> {
    match output.extension().and_then(|ending| ending.to_str()) {
        Some("xyz" | "extxyz") => Ok(Format::Extxyz),
        Some("h5" | "h5md") => Ok(Format::H5md),
        _ => {
            let message = "the ending must tell the format: .xyz (extended XYZ) or .h5 (H5MD)";
            Err(Error::input(output, 0, 0, message))
        }
    }
}

/// The structure as a frame: positions unwrapped, so that particles are whole.
fn frame(config: &Config, built: &Built) -> Frame {
    let symbols = config.symbols();
    let cell = built.cell;
    let [a, b, c] = cell.length;
    let whole = |atom: &Atom| -> Vec3 {
        let [x, y, z] = atom.position;
        cell.unwrap(&[x, y, z, 0.0], &atom.image)
    };
    let mut frame = Frame {
        lattice: Some([[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]]),
        origin: cell.origin,
        periodic: cell.periodic,
        species: built.atoms.iter().map(|a| symbols[a.species as usize].to_string()).collect(),
        positions: built.atoms.iter().map(whole).collect(),
        velocities: built.velocities.then(|| built.atoms.iter().map(|a| a.velocity).collect()),
        ..Frame::default()
    };
    frame.set_integers("id", built.atoms.iter().map(|a| a.id as i64).collect());
    frame.set_integers("particle", built.atoms.iter().map(|a| a.particle as i64).collect());
    if !config.title.is_empty() {
        frame.set_info("title", &config.title);
    }
    frame
}

fn write_extxyz(config: &Config, built: &Built, output: &Path) -> Result<()> {
    let frame = frame(config, built);
    let write = || {
        let mut file = BufWriter::new(File::create(output)?);
        extxyz::write(&mut file, &frame)?;
        file.flush()
    };
    write().map_err(|source| Error::file(output, source))
}

/// A protocol that the input does not have is none of it.
fn without_stand_in(config: &Config) -> Config {
    let mut config = config.clone();
    if !config.source.has("stage[0]") {
        config.stages.clear();
        if !config.source.has("dynamics.initial_temperature_k") {
            config.dynamics.initial_temperature_k = None;
        }
    }
    config
}

/// Masses and atomic numbers are known to the potential's library only.
fn write_h5md(config: &Config, potential: &ForceField, built: &Built, output: &Path) -> Result<()> {
    let comm = Comm::single();
    let provenance = Provenance {
        title: config.title.clone(),
        author: String::new(),
        input: input::effective(&without_stand_in(config)),
        potential: Vec::new(),
        species: potential.species().to_vec(),
        seed: config.seed,
        structures: Vec::new(),
        extensions: Vec::new(),
        lineage: Vec::new(),
    };
    let content = Content::bare(built.velocities);
    let mut file = Trajectory::create(
        output,
        &comm,
        built.layout.atoms,
        built.cell.periodic,
        content,
        (&provenance, &Job::new(&comm, 1)),
    )?;
    let atoms = Atoms::from_list(&built.atoms);
    file.append(&Written {
        step: 0,
        time_ps: 0.0,
        cell: &built.cell,
        atoms: &atoms,
        more: None,
        together: true,
        moving: true,
    })?;
    file.close()
}
