//! `sinter-hpc evaluate`: energy, forces and virial of every frame of a file.
//!
//! Out comes each frame as it came in, with columns `forces` (eV/Å) and
//! `local_energy` (eV: embedding and half of each pair term), and keys `energy`
//! (eV) and `virial` (xx yy zz xy xz yz, sum of r_a f_b, eV). Frames are dealt to
//! the ranks in turn, each being evaluated on one rank.

use super::warnings;
use crate::atoms::{Atom, Species};
use crate::build::frame::Frame;
use crate::build::{extxyz, numbered};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::force;
use crate::geometry::{Cell, GRID, LARGEST_COORDINATE, SHORTEST_PERIOD, on_grid};
use crate::potential::Potential;
use crate::potential::meam::Meam;
use bytemuck::Zeroable;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Energy, forces and virial of every frame of a file, into another file.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Library file in LAMMPS `meam` format
    #[arg(long, value_name = "FILE")]
    pub library: PathBuf,
    /// Parameter file in LAMMPS `meam` format; without it the library counts alone
    #[arg(long, value_name = "FILE")]
    pub parameters: Option<PathBuf>,
    /// Elements, in the order in which the parameter file numbers them, as Pt,Fe;
    /// Ni=Ni4 takes the library's entry Ni4 for Ni
    #[arg(long, value_name = "ELEMENTS", required = true, value_delimiter = ',')]
    pub elements: Vec<String>,
    /// Structures in extended XYZ
    #[arg(value_name = "FRAMES.xyz")]
    pub frames: PathBuf,
    /// Where the structures go with what was computed; replaced if it exists
    #[arg(long, value_name = "OUT.xyz")]
    pub output: PathBuf,
}

/// What was evaluated, over all ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub frames: usize,
    pub atoms: usize,
}

/// Evaluates the frames and writes them; the output appears only when it is
/// complete. Collective.
pub fn evaluate(comm: &Comm, arguments: &Arguments) -> Result<Summary> {
    let Arguments { library, parameters, elements, .. } = arguments;
    let potential = comm.agree(Meam::from_files(library, parameters.as_deref(), elements))?;
    if comm.is_root() {
        // Frames may be sound where a reference structure is not.
        if let Err(error) = warnings::of_potential(&potential) {
            warnings::tell([format!("a reference structure cannot be evaluated: {error}")]);
        }
    }
    let mut frames = comm.agree(extxyz::open(&arguments.frames))?;
    let mut output = comm.agree(Output::create(comm.is_root(), &arguments.output))?;
    let named = |frame: Result<Frame>| {
        let mut frame = frame?;
        let named = numbered::name_all(&mut frame.species, &[]);
        named.map(|()| frame).map_err(|what| Error::input(&arguments.frames, 0, 0, what))
    };
    let mut summary = Summary::default();
    loop {
        // One round: a frame for each rank.
        let round: Result<Vec<Frame>> = frames.by_ref().take(comm.size()).map(&named).collect();
        let round = comm.agree(round)?;
        let mine = round.get(comm.rank()).map(|frame| {
            let number = summary.frames + comm.rank();
            evaluated(&potential, frame, number, &arguments.frames).map(text)
        });
        let mine = comm.agree(mine.transpose())?.unwrap_or_default();
        let texts = comm.all_gather(&mine);
        comm.agree(output.append(&texts))?;
        summary.frames += round.len();
        summary.atoms += round.iter().map(Frame::len).sum::<usize>();
        if round.len() < comm.size() {
            break;
        }
    }
    if summary.frames == 0 {
        return Err(Error::input(&arguments.frames, 0, 0, "there are no frames in this file"));
    }
    comm.agree(output.finish())?;
    Ok(summary)
}

/// The frame with what the potential says of it; `number` counts from 0.
fn evaluated(potential: &Meam, frame: &Frame, number: usize, path: &Path) -> Result<Frame> {
    let complain = |message: String| {
        Error::input(path, 0, 0, format!("frame {number} (the first is 0): {message}"))
    };
    let cell = cell_of(frame).map_err(&complain)?;
    let atoms = atoms_of(frame, potential.species()).map_err(&complain)?;
    let found = force::evaluate(potential, cell, &atoms).map_err(|error| match error {
        Error::Physics { atom, message, .. } => Error::Run(format!(
            "{}: frame {number} (the first is 0), atom {atom}: {message}",
            path.display()
        )),
        other => other,
    })?;
    let mut frame = frame.clone();
    frame.set_reals("forces", 3, found.forces.into_flattened());
    frame.set_reals("local_energy", 1, found.energies);
    frame.set_info("energy", format!("{:?}", found.totals.potential_energy));
    let virial = found.totals.virial.unwrap_or_default();
    frame.set_info("virial", virial.map(|x| format!("{x:?}")).join(" "));
    Ok(frame)
}

/// The box of a frame. Only its periodic directions matter, and these must stand
/// along the axes.
fn cell_of(frame: &Frame) -> std::result::Result<Cell, String> {
    let mut length = [0.0; 3];
    for d in (0..3).filter(|&d| frame.periodic[d]) {
        let axis = ["x", "y", "z"][d];
        let Some(lattice) = frame.lattice else {
            return Err(format!("periodic along {axis}, but there is no Lattice"));
        };
        let along = lattice[d];
        if (0..3).any(|k| k != d && along[k].abs() > GRID) {
            return Err(format!(
                "cell vector {} = ({}, {}, {}) Å does not stand along {axis}; only orthogonal \
                 boxes are supported: take a larger, orthogonal cell of the same crystal",
                ["a", "b", "c"][d],
                along[0],
                along[1],
                along[2]
            ));
        }
        length[d] = along[d];
    }
    let cell = Cell::new(frame.origin, length, frame.periodic);
    match cell.unusable() {
        None => Ok(cell),
        Some(d) => Err(format!(
            "the box length along {} is {:?} Å, from {:?} Å on: a periodic direction must be at least \
             {SHORTEST_PERIOD} Å long and lie within {LARGEST_COORDINATE} Å",
            ["x", "y", "z"][d],
            length[d],
            frame.origin[d]
        )),
    }
}

fn atoms_of(frame: &Frame, species: &[Species]) -> std::result::Result<Vec<Atom>, String> {
    let atom = |i: usize| {
        let symbol = &frame.species[i];
        let Some(number) = species.iter().position(|s| s.symbol == *symbol) else {
            let known: Vec<&str> = species.iter().map(|s| s.symbol.as_str()).collect();
            return Err(format!(
                "atom {i} is {symbol}, which is not among the elements {}",
                known.join(", ")
            ));
        };
        let position = frame.positions[i].map(on_grid);
        Ok(Atom { id: i as u64, position, species: number as u32, ..Atom::zeroed() })
    };
    (0..frame.len()).map(atom).collect()
}

fn text(frame: Frame) -> Vec<u8> {
    let mut bytes = Vec::new();
    extxyz::write(&mut bytes, &frame).expect("memory takes any text");
    bytes
}

/// The output of the root (other ranks have none) under a temporary name.
struct Output {
    file: Option<BufWriter<File>>,
    path: PathBuf,
    temporary: PathBuf,
}

impl Output {
    fn create(is_root: bool, path: &Path) -> Result<Output> {
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        if name.is_empty() || path.is_dir() {
            return Err(Error::input(path, 0, 0, "this is not the name of a file to write"));
        }
        name.push(".part");
        let temporary = path.with_file_name(name);
        let create = || File::create(&temporary).map_err(|e| Error::file(&temporary, e));
        let file = if is_root { Some(BufWriter::new(create()?)) } else { None };
        Ok(Output { file, path: path.into(), temporary })
    }

    fn append(&mut self, texts: &[Vec<u8>]) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let mut write = || texts.iter().try_for_each(|text| file.write_all(text));
        write().map_err(|e| Error::file(&self.temporary, e))
    }

    fn finish(mut self) -> Result<()> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.flush().map_err(|e| Error::file(&self.temporary, e))?;
        drop(file);
        std::fs::rename(&self.temporary, &self.path).map_err(|e| Error::file(&self.path, e))
    }
}

impl Drop for Output {
    /// An output that was not finished leaves nothing behind.
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}
