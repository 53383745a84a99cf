//! `sinter-hpc evaluate`: energy, forces and virial of every frame of a file.
//!
//! Out comes each frame as it came in, with columns `forces` (eV/Å) and
//! `local_energy` (eV: embedding and half of each pair term), and keys `energy`
//! (eV), `virial` (nine numbers: xx xy xz yx yy yz zx zy zz, W = sum of r_a f_b, eV: positive
//! where the atoms push outwards) and, where all directions are periodic, `stress` (nine
//! numbers in the same order, -W / V without the kinetic part, eV/Å³: the sign of ASE, where
//! tension is positive). What another calculation had left there is not carried along. Frames
//! are dealt to the ranks in turn, each being evaluated on one rank.

use super::potential::read;
use super::{named, warnings};
use crate::atoms::{Atom, Atoms, Species};
use crate::build::cell::{self, Side, Sides};
use crate::build::frame::Frame;
use crate::build::{self, extxyz, species};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::force::one_body::Scene;
use crate::force::{self, OneBodyTerms};
use crate::geometry::{Cell, END_OF_COORDINATES, on_grid};
use crate::input::{self, Config, StructureFormat};
use crate::potential::{ForceField, Potential};
use bytemuck::Zeroable;
use std::collections::HashSet;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The two ways of naming a force field.
pub const USAGE: &str = "\
sinter-hpc evaluate [OPTIONS] <INPUT.toml> <FRAMES.xyz> --output <OUT.xyz>
       sinter-hpc evaluate [OPTIONS] --library <FILE> --elements <ELEMENTS> <FRAMES.xyz> --output <OUT.xyz>";

/// Energy, forces and virial of every frame of a file, into another file.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Without an input: library file in LAMMPS `meam` format
    #[arg(long, value_name = "FILE", requires = "elements")]
    pub library: Option<PathBuf>,
    /// Parameter file in LAMMPS `meam` format; without it the library counts alone
    #[arg(long, value_name = "FILE", requires = "library")]
    pub parameters: Option<PathBuf>,
    /// Elements, in the order in which the parameter file numbers them, as Pt,Fe;
    /// Ni=Ni4 takes the library's entry Ni4 for Ni
    #[arg(long, value_name = "ELEMENTS", requires = "library", value_delimiter = ',')]
    pub elements: Vec<String>,
    /// Elements of atom types 1, 2, ..., where the frames have numbers in place of symbols
    #[arg(long, value_name = "ELEMENTS", value_delimiter = ',')]
    pub types: Vec<String>,
    /// FRAMES.xyz: structures in extended XYZ or as a LAMMPS dump; before them, unless a library is
    /// named, INPUT.toml, of which the force field counts and the rest may be missing
    #[arg(value_name = "FILE", num_args = 1..=2, required = true)]
    pub files: Vec<PathBuf>,
    /// Where the structures go with what was computed; replaced if it exists
    #[arg(long, value_name = "OUT.xyz")]
    pub output: PathBuf,
}

impl Arguments {
    fn frames(&self) -> &Path {
        self.files.last().expect("one is required")
    }
}

/// The force field of the input, or of the files, that the arguments name, with the input; what is
/// odd about it is told.
fn force_field(arguments: &Arguments) -> Result<(ForceField, Option<Config>)> {
    let Arguments { library, parameters, elements, files, .. } = arguments;
    match (library, &files[..]) {
        (Some(library), [_]) => {
            Ok((ForceField::from_files(library, parameters.as_deref(), elements)?, None))
        }
        (None, [input, _]) => {
            let config = input::read_force_field(input)?;
            Ok((read(&config)?, Some(of_frames(config)?)))
        }
        (Some(_), _) => Err(Error::Usage(
            "the force field is that of an input or of `--library`, not of both: name the frames alone \
             or leave `--library` out"
                .into(),
        )),
        (None, _) => Err(Error::Usage(
            "which force field? Name an input before the frames (`evaluate INPUT.toml FRAMES.xyz \
             --output OUT.xyz`), or `--library` and `--elements`"
                .into(),
        )),
    }
}

/// The input with the one-body terms that a frame alone can have: what holds atoms to where they
/// stand belongs to a run.
fn of_frames(mut config: Config) -> Result<Config> {
    let uniform = config.uniform_forces.iter();
    if let Some(n) = uniform.map(|force| &force.atoms.particles).position(|list| !list.is_empty()) {
        let key = format!("uniform_force[{n}].atoms.particles");
        return Err(config.source.error(&key, "frames that are evaluated have no particles"));
    }
    let holding = [("tether", config.tethers.len()), ("fixed", config.fixed.len())];
    for (name, _) in holding.into_iter().filter(|(_, count)| *count > 0) {
        let place = config.source.place(name);
        warnings::tell([format!(
            "{place}: `[[{name}]]` holds atoms to where a run begins: it has no effect on frames that \
             are evaluated"
        )]);
    }
    config.tethers.clear();
    config.fixed.clear();
    Ok(config)
}

/// An output is replaced if it exists, but not if it is a file that is read.
fn replaces_nothing_read(arguments: &Arguments) -> Result<()> {
    let Arguments { files, library, parameters, output, .. } = arguments;
    let Ok(place) = output.canonicalize() else { return Ok(()) };
    let mut read = files.iter().chain(library).chain(parameters);
    match read.find(|path| path.canonicalize().is_ok_and(|path| path == place)) {
        Some(path) => Err(Error::Usage(format!(
            "--output: {} is read and would be lost: name another file",
            path.display()
        ))),
        None => Ok(()),
    }
}

/// What was evaluated, over all ranks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub frames: usize,
    pub atoms: usize,
}

/// Evaluates the frames and writes them; the output appears only when it is
/// complete. Collective.
///
/// # Errors
/// [`Error::Input`] for a force field or a frame that cannot be evaluated, with the number of the frame;
/// [`Error::Usage`] for arguments that contradict each other; where a file cannot be read or written. On
/// every rank.
pub fn evaluate(comm: &Comm, arguments: &Arguments) -> Result<Summary> {
    comm.agree(replaces_nothing_read(arguments))?;
    let (potential, config) = comm.agree(force_field(arguments))?;
    warnings::of_potential_beside(&potential, comm);
    warnings::forget_densities(&potential);
    let format = StructureFormat::of(arguments.frames()).unwrap_or(StructureFormat::Extxyz);
    let mut frames = comm.agree(build::frames(arguments.frames(), format))?;
    let mut output = comm.agree(Output::create(comm.is_root(), &arguments.output))?;
    let mut summary = Summary::default();
    let mut told = Told::default();
    loop {
        // One round: a frame for each rank.
        let round: Result<Vec<Frame>> = frames.by_ref().take(comm.size()).collect();
        let round = comm.agree(round)?;
        if comm.is_root() {
            let elements = potential.species();
            told.tell(arguments, summary.frames, &round, (elements, config.as_ref()));
        }
        let mine = round.get(comm.rank()).map(|frame| {
            let number = summary.frames + comm.rank();
            evaluated((&potential, config.as_ref()), frame, number, arguments).map(text)
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
        return Err(Error::input(arguments.frames(), 0, 0, "there are no frames in this file"));
    }
    comm.agree(output.finish())?;
    warnings::of_densities(&potential, comm);
    Ok(summary)
}

/// The frame with what the potential says of it; `number` counts from 0.
fn evaluated(
    (potential, config): (&ForceField, Option<&Config>),
    frame: &Frame,
    number: usize,
    arguments: &Arguments,
) -> Result<Frame> {
    let path = arguments.frames();
    let complain = |message: String| {
        Error::input(path, 0, 0, format!("frame {number} (the first is 0): {message}"))
    };
    let System { cell, atoms, .. } =
        system(frame, potential.species(), &arguments.types).map_err(&complain)?;
    let across = config.map_or(Vec::new(), Config::across);
    if let Some((key, axis)) = across.iter().find(|(_, axis)| cell.periodic[axis.index()]) {
        let axis = axis.name();
        return Err(complain(format!(
            "it is periodic along {axis}, and {} of the input stands across {axis}",
            input::title(key)
        )));
    }
    if let Some(config) = config {
        let named = input::check_named(config, atoms.len() as u64, 1);
        named.map_err(|error| match error {
            Error::Input { place, message } => {
                let message =
                    format!("{message} in frame {number} (the first is 0) of {}", path.display());
                Error::Input { place, message }
            }
            other => other,
        })?;
    }
    let begin = |scene: Scene| match config {
        Some(config) => OneBodyTerms::on_frame(config, scene)
            .map_err(|(key, message)| complain(format!("{}: {message}", input::title(&key)))),
        None => Ok(OneBodyTerms::default()),
    };
    let found = force::evaluate_with(potential, cell, &atoms, begin);
    let found = found.map_err(|error| match error {
        // What the file has cannot be evaluated.
        Error::Physics { atom, message, .. } => {
            let place = format!("frame {number} (the first is 0), atom {atom}");
            Error::input(path, 0, 0, format!("{place}: {message}"))
        }
        other => other,
    })?;
    let mut frame = frame.clone();
    // By their symbols, whatever the file called them.
    let symbol = |atom: &Atom| potential.species()[atom.species as usize].symbol.clone();
    frame.species = atoms.iter().map(symbol).collect();
    frame.columns.retain(|column| !is_calculated(&column.name));
    frame.info.retain(|(key, _)| !is_calculated(key));
    frame.set_reals("forces", 3, found.forces.into_flattened());
    frame.set_reals("local_energy", 1, found.energies);
    frame.set_info("energy", format!("{:?}", found.totals.potential_energy));
    let [xx, yy, zz, xy, xz, yz] = found.totals.virial.unwrap_or_default();
    let virial = [xx, xy, xz, xy, yy, yz, xz, yz, zz];
    let numbers = |all: [f64; 9]| all.map(|x| format!("{x:?}")).join(" ");
    frame.set_info("virial", numbers(virial));
    if cell.periodic == [true; 3] {
        frame.set_info("stress", numbers(virial.map(|x| -x / cell.volume())));
    }
    Ok(frame)
}

/// What was said of frames: each thing once, of the first to which it applies.
#[derive(Default)]
struct Told(HashSet<String>);

impl Told {
    fn tell(
        &mut self,
        arguments: &Arguments,
        first: usize,
        frames: &[Frame],
        (elements, config): (&[Species], Option<&Config>),
    ) {
        for (k, frame) in frames.iter().enumerate() {
            // One that cannot be evaluated is an error, told elsewhere.
            let Ok(mut system) = system(frame, elements, &arguments.types) else { continue };
            system.warn_of_idle_terms(elements, config);
            for warning in system.warnings {
                if !self.0.contains(&warning) {
                    let number = first + k;
                    warnings::tell([format!(
                        "{}: frame {number}: {warning}",
                        arguments.frames().display()
                    )]);
                    self.0.insert(warning);
                }
            }
        }
    }
}

/// What is computed of a frame, and what is odd about it.
struct System {
    cell: Cell,
    atoms: Vec<Atom>,
    warnings: Vec<String>,
}

impl System {
    /// Says which tables of one-body terms are for none of its atoms.
    fn warn_of_idle_terms(&mut self, species: &[Species], config: Option<&Config>) {
        let Some(config) = config.filter(|config| !config.uniform_forces.is_empty()) else {
            return;
        };
        let (comm, atoms) = (Comm::single(), Atoms::from_list(&self.atoms));
        let scene = Scene { comm: &comm, atoms: &atoms, cell: &self.cell, species };
        let Ok(one_body) = OneBodyTerms::on_frame(config, scene) else { return };
        self.warnings.extend(one_body.idle().map(|key| {
            let title = input::title(key);
            format!(
                "{title} of the input does nothing: no atom is of these elements, numbers and places"
            )
        }));
    }
}

/// # Errors
/// In words: a frame that cannot be evaluated.
fn system(
    frame: &Frame,
    elements: &[Species],
    types: &[String],
) -> std::result::Result<System, String> {
    let mut warnings = frame.warnings.clone();
    let known: Vec<&str> = elements.iter().map(|s| s.symbol.as_str()).collect();
    let species = species::resolve(&frame.species, &known, types, &mut warnings)?;
    let Sides { sides, periodic } = cell::sides(frame)?;
    let cell = cell::boxed(sides, periodic, [Side { low: 0.0, length: 0.0 }; 3])?;
    let far = |p: &[f64; 3]| !p.iter().all(|x| x.abs() < END_OF_COORDINATES);
    if let Some(atom) = frame.positions.iter().position(far) {
        let [x, y, z] = frame.positions[atom];
        return Err(format!(
            "atom {atom} (the first is 0) is at ({x}, {y}, {z}) Å, and coordinates end at \
             {END_OF_COORDINATES} Å: is the file in Å?"
        ));
    }
    let atom = |(i, &species): (usize, &u32)| {
        let position = frame.positions[i].map(on_grid);
        Atom { id: i as u64, position, species, ..Atom::zeroed() }
    };
    let atoms = species.iter().enumerate().map(atom).collect();
    let stressed = periodic == [true; 3];
    let computed = |name: &str| {
        ["energy", "forces", "virial", "local_energy"].contains(&name)
            || (name == "stress" && stressed)
    };
    let stale: Vec<&str> =
        frame.names().filter(|name| is_calculated(name) && !computed(name)).collect();
    if !stale.is_empty() {
        warnings.push(format!(
            "{} of the file belong to another calculation: not carried along",
            stale.join(", ")
        ));
    }
    Ok(System { cell, atoms, warnings })
}

/// Names of columns and keys that a calculator writes, those of ASE among them.
const CALCULATED: [&str; 24] = [
    "energy",
    "energies",
    "free_energy",
    "potential_energy",
    "total_energy",
    "atomic_energy",
    "energy_per_atom",
    "local_energy",
    "forces",
    "force",
    "stress",
    "stresses",
    "virial",
    "virials",
    "local_virial",
    "pressure",
    "enthalpy",
    "dipole",
    "charges",
    "magmom",
    "magmoms",
    "polarization",
    "dielectric_tensor",
    "born_effective_charges",
];

fn is_calculated(name: &str) -> bool {
    CALCULATED.iter().any(|known| known.eq_ignore_ascii_case(name))
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
        named::to_write(path)?;
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
