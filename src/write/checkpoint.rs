//! Checkpoints: everything that the next step needs, in one HDF5 file that any
//! number of ranks reads.
//!
//! Layout: a user block of `seal::LENGTH` bytes, then HDF5 with `/header` (JSON,
//! `Checkpoint`), `/atoms/<field>` (in order of id), if diffusion is measured `/beginnings/<field>`, and `/checksums/<field>`,
//! taken from memory before writing (`arrays`). Forces are not in it: they follow from the positions,
//! to the bit (ARCHITECTURE.md, determinism).
//!
//! The user block seals the file (`seal`): a cut file, or one whose structure has
//! changed, is recognised before HDF5 looks at it, and a changed value by the checksum of
//! its block.
//!
//! A checkpoint is written under a temporary name, closed, brought to the disk, opened
//! again and verified, sealed, renamed, and then the folder is synchronised: under its own
//! name it is complete or not there. The same state gives the same bytes on any number of
//! ranks; another build, or another form of the kernels, differs in what the header says of it.

use super::arrays::{self, Expected, Output};
use super::by_id::IdOrder;
use super::failure;
use super::hdf5::{File, Purpose};
use super::provenance::{Build, GIT_REVISION, PROGRAM_VERSION, Provenance, form};
use super::seal::{self, damaged};
use crate::atoms::Atoms;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geometry::Cell;
use crate::observe::Beginnings;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Version of the layout; a reader refuses others.
pub const SCHEMA: u32 = 2;

/// What a checkpoint says besides the atoms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub schema: u32,
    pub program_version: String,
    pub git_revision: String,
    /// How the program was compiled that wrote it; empty in files of older versions.
    #[serde(default)]
    pub build: Build,
    /// The form of the kernels on the first rank; empty in files of older versions.
    #[serde(default)]
    pub instruction_set: String,
    pub provenance: Provenance,
    /// Number of atoms over all ranks.
    pub atoms: u64,
    pub step: u64,
    pub time_ps: f64,
    /// Stage of the protocol that is under way, from 0.
    pub stage: usize,
    pub cell: Cell,
    /// What the run loop adds: clock of the stage, thermostat, observers.
    pub state: serde_json::Value,
    /// What is kept of atoms since they are watched for diffusion: of some on each rank, whichever ids. It stands in arrays.
    #[serde(skip)]
    pub beginnings: Arc<Beginnings>,
}

impl Checkpoint {
    /// A checkpoint by this program.
    pub fn new(
        provenance: Provenance,
        atoms: u64,
        at: (u64, f64),
        stage: usize,
        mut cell: Cell,
        state: serde_json::Value,
    ) -> Checkpoint {
        // In free directions the cell follows the atoms, as of some rebuild.
        for d in (0..3).filter(|&d| !cell.periodic[d]) {
            (cell.origin[d], cell.length[d]) = (0.0, 0.0);
        }
        Checkpoint {
            schema: SCHEMA,
            program_version: PROGRAM_VERSION.into(),
            git_revision: GIT_REVISION.into(),
            build: Build::own(),
            instruction_set: form().into(),
            provenance,
            atoms,
            step: at.0,
            time_ps: at.1,
            stage,
            cell,
            state,
            beginnings: Arc::default(),
        }
    }

    /// That the name of its file says which step it is of, where it says any.
    ///
    /// # Errors
    /// Names both.
    pub fn goes_by_its_name(&self, path: &Path) -> Result<()> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match step_of(name).filter(|&named| named != self.step) {
            None => Ok(()),
            Some(named) => {
                let told = self.step;
                let why = format!(
                    "its name says step {named}, and it is of step {told}: was it renamed? Name it \
                     {} again",
                    checkpoint_name(told)
                );
                Err(Error::input(path, 0, 0, why))
            }
        }
    }

    fn expected(&self) -> Expected<'_> {
        let kinds = self.provenance.species.len();
        Expected { total: self.atoms, cell: &self.cell, kinds }
    }
}

/// What the name of an unfinished checkpoint ends in.
const PARTIAL: &str = ".partial";

/// The file of a step.
pub fn checkpoint_name(step: u64) -> String {
    format!("checkpoint-{step}.h5")
}

/// Step of a finished checkpoint by its name; none for other files.
fn step_of(name: &str) -> Option<u64> {
    let step = name.strip_prefix("checkpoint-")?.strip_suffix(".h5")?.parse().ok()?;
    (checkpoint_name(step) == name).then_some(step)
}

/// How large the checkpoint of so many atoms will be, about, `watched` for diffusion or not; bytes.
pub fn bytes_of(atoms: u64, watched: bool) -> u64 {
    /// What HDF5, the seal and the header take: with the input, the potential and the state of a
    /// small run.
    const HEAD: u64 = 22_000;
    let kept = if watched { arrays::bytes_of::<Beginnings>(atoms) } else { 0 };
    HEAD + arrays::bytes_of::<Atoms>(atoms) + kept
}

/// Whether a file of this name is a checkpoint, finished or begun.
pub fn is_checkpoint_name(name: &str) -> bool {
    step_of(name.strip_suffix(PARTIAL).unwrap_or(name)).is_some()
}

/// Writes a checkpoint into `folder` and then removes all but the `keep` newest
/// (at least one). Returns its path. Collective, like everything here.
pub fn write_checkpoint(
    folder: &Path,
    comm: &Comm,
    checkpoint: &Checkpoint,
    atoms: &Atoms,
    keep: usize,
) -> Result<PathBuf> {
    let finished = folder.join(checkpoint_name(checkpoint.step));
    let partial = folder.join(checkpoint_name(checkpoint.step) + PARTIAL);
    let order = IdOrder::find(comm, &atoms.id[..atoms.owned], checkpoint.atoms)?;
    let written = write_file(&partial, comm, checkpoint, atoms, &order);
    if written.is_err() && comm.is_root() {
        // The disk may be full; that it is not there either is no second failure.
        let _ = std::fs::remove_file(&partial);
    }
    written?;

    let published = match comm.is_root() {
        true => seal::publish(&partial, &finished).and_then(|()| remove_old(folder, keep)),
        false => Ok(()),
    };
    comm.agree(published)?;
    Ok(finished)
}

/// Reads a checkpoint: what it says, and the atoms of this rank's portion of ids (none on
/// ranks that do not touch files).
/// An error names the file and what is wrong with it.
pub fn read_checkpoint(path: &Path, comm: &Comm) -> Result<(Checkpoint, Atoms)> {
    let group = comm.writers().group.as_ref();
    let read = comm.agree(group.map(|group| read_portion(path, group)).transpose())?;
    let (mut checkpoint, atoms) = read.unzip();
    let beginnings = checkpoint.as_mut().map(|own| std::mem::take(&mut own.beginnings));
    let checkpoint = comm.broadcast(0, checkpoint);
    let beginnings = beginnings.unwrap_or_default();
    Ok((Checkpoint { beginnings, ..checkpoint }, atoms.unwrap_or_default()))
}

/// The same for the ranks that touch files, collective among them.
fn read_portion(path: &Path, comm: &Comm) -> Result<(Checkpoint, Atoms)> {
    seal::check(path, comm)?;
    let file = File::open(path, comm, false)?;
    let mut checkpoint = parse_header(path, &file.read_text("/header")?)?;
    if let Some(d) = checkpoint.cell.unusable() {
        let length = checkpoint.cell.length[d];
        return Err(damaged(path, &format!("its box cannot be {length:?} Å long")));
    }
    let mut atoms = arrays::read_atoms(&file, checkpoint.expected())?;
    checkpoint.beginnings = Arc::new(arrays::read_beginnings(&file, checkpoint.expected())?);
    file.close()?;
    atoms.force = vec![[0; 4]; atoms.owned];
    Ok((checkpoint, atoms))
}

/// Finished checkpoints in a folder, newest first. The first rank looks, so that
/// all see the same.
pub fn checkpoints(folder: &Path, comm: &Comm) -> Result<Vec<PathBuf>> {
    let found = match comm.is_root() {
        true => steps(folder),
        false => Ok(Vec::new()),
    };
    let found = comm.agree(found)?;
    let found: Vec<u64> = comm.broadcast(0, Some(found));
    Ok(found.into_iter().map(|step| folder.join(checkpoint_name(step))).collect())
}

/// The newest sound checkpoint of a folder, and why newer ones were refused.
pub fn newest_sound(folder: &Path, comm: &Comm) -> Result<(Option<PathBuf>, Vec<Error>)> {
    let mut refused = Vec::new();
    for path in checkpoints(folder, comm)? {
        match read_checkpoint(&path, comm) {
            Ok(_) => return Ok((Some(path), refused)),
            Err(error) => refused.push(error),
        }
    }
    Ok((None, refused))
}

/// Collective over all ranks; those that touch no file hand over their atoms.
fn write_file(
    path: &Path,
    comm: &Comm,
    checkpoint: &Checkpoint,
    atoms: &Atoms,
    order: &IdOrder,
) -> Result<()> {
    let expected = checkpoint.expected();
    let beginnings = &*checkpoint.beginnings;
    let watched = comm.any(!beginnings.id.is_empty());
    let group = comm.writers().group.as_ref();
    let begin = |group| -> Result<Output> {
        let file = File::create(path, group, Purpose::Fixed { user_block: seal::LENGTH })?;
        let header = serde_json::to_string_pretty(checkpoint).expect("plain data serialises");
        file.write_text("/header", &header)?;
        Output::start(file, expected, watched)
    };
    let mut output = comm.agree(group.map(begin).transpose())?;
    let mut written = arrays::write(expected, atoms, order, output.as_mut())?;
    if watched {
        let order = IdOrder::find(comm, &beginnings.id, checkpoint.atoms)?;
        written.extend(arrays::write(expected, beginnings, &order, output.as_mut())?);
    }
    let finish = |(group, output): (&Comm, Output)| {
        let head = output.finish(&written)?;
        seal::close(path, group, head)
    };
    comm.agree(group.zip(output).map_or(Ok(()), finish))
}

fn parse_header(path: &Path, text: &str) -> Result<Checkpoint> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let told = |error: serde_json::Error| damaged(path, &format!("its header: {error}"));
    let Version { schema } = serde_json::from_str(text).map_err(told)?;
    if schema != SCHEMA {
        return Err(damaged(
            path,
            &format!("its layout is version {schema}, this program reads version {SCHEMA}"),
        ));
    }
    serde_json::from_str(text).map_err(told)
}

/// Steps of the finished checkpoints in a folder, newest first; for one process.
pub fn steps(folder: &Path) -> Result<Vec<u64>> {
    let failed = |error| failure::unread(folder, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        found.extend(name.to_str().and_then(step_of));
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Finished checkpoints in a folder beyond a step, newest first.
pub fn newer_than(folder: &Path, step: u64) -> Result<Vec<PathBuf>> {
    let newer = steps(folder)?.into_iter().filter(|&found| found > step);
    Ok(newer.map(|step| folder.join(checkpoint_name(step))).collect())
}

/// Removes what a killed job has begun to write; returns what that was.
pub fn remove_partial(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let failed = |error| failure::unread(folder, error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_suffix(PARTIAL).and_then(step_of).is_some() {
            std::fs::remove_file(&path).map_err(|error| failure::unread(&path, error))?;
            removed.push(path);
        }
    }
    Ok(removed)
}

fn remove_old(folder: &Path, keep: usize) -> Result<()> {
    for step in steps(folder)?.into_iter().skip(keep.max(1)) {
        let path = folder.join(checkpoint_name(step));
        std::fs::remove_file(&path).map_err(|error| failure::unwritten(&path, error))?;
    }
    Ok(())
}
