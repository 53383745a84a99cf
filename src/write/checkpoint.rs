//! Checkpoints: everything that the next step needs, in one HDF5 file that any
//! number of ranks reads.
//!
//! Layout: a user block of `SEAL` bytes, then HDF5 with
//! `/header` (JSON, `Checkpoint`), `/atoms/<field>` (in order of id) and
//! `/checksums/<field>` (XXH3-64 of each block of `by_id::BLOCK` atoms, taken from
//! memory before writing). Forces are not in it: they follow from the positions,
//! to the bit (ARCHITECTURE.md, determinism).
//!
//! The user block is text that seals the file: its length, and an XXH3-64 over
//! all that follows. So a cut or flipped file is recognised before HDF5 looks at
//! it, and the checksums tell that HDF5 gave back what it was given.
//!
//! A checkpoint is written under a temporary name, closed, synchronised with the
//! disk, sealed, opened again and verified, renamed, and then the folder is
//! synchronised: under its own name it is complete or not there. The same state
//! gives the same bytes on any number of ranks.

use super::by_id::{BLOCK, by_id, slab};
use super::hdf5::{Element, File, Purpose};
use super::provenance::{GIT_REVISION, PROGRAM_VERSION, Provenance};
use super::seal;
use crate::atoms::{Atom, Atoms};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geometry::{Cell, LARGEST_COORDINATE};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Version of the layout; a reader refuses others.
pub const SCHEMA: u32 = 1;

/// What a checkpoint says besides the atoms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub schema: u32,
    pub program_version: String,
    pub git_revision: String,
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
            provenance,
            atoms,
            step: at.0,
            time_ps: at.1,
            stage,
            cell,
            state,
        }
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
    let mut slab = by_id(comm, atoms, checkpoint.atoms)?;
    // When a run wraps depends on its skin and its restarts; its state does not.
    for (position, image) in slab.position.iter_mut().zip(&mut slab.image) {
        checkpoint.cell.wrap(position, image);
    }

    let write = |group: &Comm| {
        write_file(&partial, group, checkpoint, &slab)?;
        seal::close(&partial, group)?;
        read_fields(&partial, group).map(drop)
    };
    let written = comm.agree(comm.writers().group.as_ref().map_or(Ok(()), write));
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

/// Reads a checkpoint: what it says, and the atoms of this rank's slab of ids (none on
/// ranks that do not touch files).
/// An error names the file and what is wrong with it.
pub fn read_checkpoint(path: &Path, comm: &Comm) -> Result<(Checkpoint, Atoms)> {
    let group = comm.writers().group.as_ref();
    let read = comm.agree(group.map(|group| read_slab(path, group)).transpose())?;
    let (checkpoint, atoms) = read.unzip();
    Ok((comm.broadcast(0, checkpoint), atoms.unwrap_or_default()))
}

/// The same for the ranks that touch files, collective among them.
fn read_slab(path: &Path, comm: &Comm) -> Result<(Checkpoint, Atoms)> {
    seal::check(path, comm)?;
    let (checkpoint, fields) = read_fields(path, comm)?;
    Ok((checkpoint, fields.into_atoms()))
}

/// The arrays of a slab as HDF5 gives them, each held against its checksums and the ids
/// against their places; what stands under the seal is not looked at.
fn read_fields(path: &Path, comm: &Comm) -> Result<(Checkpoint, Fields)> {
    let file = File::open(path, comm, false)?;
    let header = file.read_text("/header")?;
    let checkpoint = parse_header(path, &header)?;
    comm.agree(file.check_holds(checkpoint.atoms, Fields::BYTES))?;
    let mine = slab(checkpoint.atoms, comm.rank(), comm.size());
    let mut fields = Fields::empty((mine.end - mine.start) as usize);
    fields.each(&mut Reader { file: &file, total: checkpoint.atoms, start: mine.start })?;
    file.close()?;
    let checked = fields.check(mine.start, &checkpoint);
    comm.agree(checked.map_err(|message| damaged(path, &message)))?;
    Ok((checkpoint, fields))
}

/// Finished checkpoints in a folder, newest first. The first rank looks, so that
/// all see the same.
pub fn checkpoints(folder: &Path, comm: &Comm) -> Result<Vec<PathBuf>> {
    let found = match comm.is_root() {
        true => list(folder),
        false => Ok(Vec::new()),
    };
    let steps = comm.agree(found)?;
    let steps: Vec<u64> = comm.broadcast(0, Some(steps));
    Ok(steps.into_iter().map(|step| folder.join(checkpoint_name(step))).collect())
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

fn write_file(path: &Path, comm: &Comm, checkpoint: &Checkpoint, slab: &Atoms) -> Result<()> {
    let header = serde_json::to_string_pretty(checkpoint).expect("plain data serialises");
    let file = File::create(path, comm, Purpose::Fixed { user_block: seal::LENGTH })?;
    file.write_text("/header", &header)?;
    file.create_group("/atoms")?;
    file.create_group("/checksums")?;
    let start = super::by_id::slab(checkpoint.atoms, comm.rank(), comm.size()).start;
    let mut fields = Fields::of(slab);
    fields.each(&mut Writer { file: &file, total: checkpoint.atoms, start })?;
    file.close()
}

/// The arrays of a checkpoint, flat and in order of id.
struct Fields {
    id: Vec<u64>,
    /// Å, wrapped into the box
    position: Vec<f64>,
    image: Vec<i32>,
    /// Å/ps
    velocity: Vec<f64>,
    species: Vec<u8>,
    particle: Vec<u32>,
}

/// Something done with every array of a checkpoint.
trait Visitor {
    /// `width`: elements per atom.
    fn visit<T: Element>(&mut self, name: &str, width: u64, values: &mut Vec<T>) -> Result<()>;
}

impl Fields {
    /// Of an atom.
    const BYTES: usize = 8 + 3 * 8 + 3 * 4 + 3 * 8 + 1 + 4;

    fn empty(atoms: usize) -> Fields {
        Fields {
            id: vec![0; atoms],
            position: vec![0.0; 3 * atoms],
            image: vec![0; 3 * atoms],
            velocity: vec![0.0; 3 * atoms],
            species: vec![0; atoms],
            particle: vec![0; atoms],
        }
    }

    fn of(slab: &Atoms) -> Fields {
        Fields {
            id: slab.id.clone(),
            position: slab.position.iter().flat_map(|p| [p[0], p[1], p[2]]).collect(),
            image: slab.image.iter().copied().flatten().collect(),
            velocity: slab.velocity.iter().copied().flatten().collect(),
            species: slab.species.clone(),
            particle: slab.particle.clone(),
        }
    }

    /// The one list of what a checkpoint holds of an atom.
    fn each(&mut self, visitor: &mut impl Visitor) -> Result<()> {
        visitor.visit("id", 1, &mut self.id)?;
        visitor.visit("position", 3, &mut self.position)?;
        visitor.visit("image", 3, &mut self.image)?;
        visitor.visit("velocity", 3, &mut self.velocity)?;
        visitor.visit("species", 1, &mut self.species)?;
        visitor.visit("particle", 1, &mut self.particle)
    }

    /// What no checksum tells: that every atom is in its place and can be gone on with.
    fn check(&self, start: u64, checkpoint: &Checkpoint) -> Result<(), String> {
        if let Some((expected, id)) = (start..).zip(&self.id).find(|(wanted, id)| wanted != *id) {
            return Err(format!("atom {id} stands in the place of atom {expected}"));
        }
        let kinds = checkpoint.provenance.species.len();
        if let Some(i) = self.species.iter().position(|&kind| kind as usize >= kinds) {
            return Err(format!("atom {} is of a species beyond all {kinds}", self.id[i]));
        }
        let is_place = |x: &f64| x.abs() < LARGEST_COORDINATE;
        if let Some(n) = self.position.iter().position(|x| !is_place(x)) {
            return Err(format!("atom {} is nowhere: {:?} Å", self.id[n / 3], self.position[n]));
        }
        match checkpoint.cell.unusable() {
            Some(d) => Err(format!("its box cannot be {:?} Å long", checkpoint.cell.length[d])),
            None => Ok(()),
        }
    }

    fn into_atoms(self) -> Atoms {
        let mut atoms = Atoms::default();
        for (i, &id) in self.id.iter().enumerate() {
            let vector = |list: &[f64]| [list[3 * i], list[3 * i + 1], list[3 * i + 2]];
            atoms.push_owned(&Atom {
                id,
                position: vector(&self.position),
                velocity: vector(&self.velocity),
                image: [self.image[3 * i], self.image[3 * i + 1], self.image[3 * i + 2]],
                particle: self.particle[i],
                species: self.species[i] as u32,
                padding: 0,
            });
        }
        atoms
    }
}

struct Writer<'a, 'c> {
    file: &'a File<'c>,
    total: u64,
    start: u64,
}

impl Visitor for Writer<'_, '_> {
    fn visit<T: Element>(&mut self, name: &str, width: u64, values: &mut Vec<T>) -> Result<()> {
        let sums = checksums(values, width);
        let data =
            self.file.create_dataset::<T>(&format!("/atoms/{name}"), &[self.total, width])?;
        data.write(&[self.start, 0], &[values.len() as u64 / width, width], values)?;
        let blocks = [self.total.div_ceil(BLOCK)];
        let table = self.file.create_dataset::<u64>(&format!("/checksums/{name}"), &blocks)?;
        table.write(&[self.start.div_ceil(BLOCK)], &[sums.len() as u64], &sums)
    }
}

struct Reader<'a, 'c> {
    file: &'a File<'c>,
    total: u64,
    start: u64,
}

impl Visitor for Reader<'_, '_> {
    fn visit<T: Element>(&mut self, name: &str, width: u64, values: &mut Vec<T>) -> Result<()> {
        let data = self.file.dataset(&format!("/atoms/{name}"))?;
        let table = self.file.dataset(&format!("/checksums/{name}"))?;
        let path = self.file.path();
        if data.shape()? != [self.total, width] || table.shape()? != [self.total.div_ceil(BLOCK)] {
            return Err(damaged(path, &format!("{name} is not there for {} atoms", self.total)));
        }
        *values = data.read(&[self.start, 0], &[values.len() as u64 / width, width])?;
        let sums = checksums(values, width);
        let expected = table.read::<u64>(&[self.start.div_ceil(BLOCK)], &[sums.len() as u64])?;
        let wrong = sums.iter().zip(&expected).position(|(found, written)| found != written);
        self.file.comm().agree(match wrong {
            None => Ok(()),
            Some(block) => {
                let atom = self.start + block as u64 * BLOCK;
                Err(damaged(path, &format!("checksum of {name} is wrong from atom {atom} on")))
            }
        })
    }
}

/// One checksum for each block of atoms.
fn checksums<T: Element>(values: &[T], width: u64) -> Vec<u64> {
    let blocks = values.chunks((BLOCK * width) as usize);
    blocks.map(|block| xxh3_64(bytemuck::cast_slice(block))).collect()
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

fn damaged(path: &Path, what: &str) -> Error {
    Error::Run(format!("{}: not a sound checkpoint: {what}", path.display()))
}

/// Steps of the finished checkpoints in a folder, newest first.
fn list(folder: &Path) -> Result<Vec<u64>> {
    let failed = |error| Error::file(folder, error);
    let mut steps = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        steps.extend(name.to_str().and_then(step_of));
    }
    steps.sort_unstable_by(|a, b| b.cmp(a));
    Ok(steps)
}

/// Finished checkpoints in a folder beyond a step, newest first.
pub fn newer_than(folder: &Path, step: u64) -> Result<Vec<PathBuf>> {
    let newer = list(folder)?.into_iter().filter(|&found| found > step);
    Ok(newer.map(|step| folder.join(checkpoint_name(step))).collect())
}

/// Removes what a killed job has begun to write.
pub fn remove_partial(folder: &Path) -> Result<()> {
    let failed = |error| Error::file(folder, error);
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_suffix(PARTIAL).and_then(step_of).is_some() {
            std::fs::remove_file(&path).map_err(|error| Error::file(&path, error))?;
        }
    }
    Ok(())
}

fn remove_old(folder: &Path, keep: usize) -> Result<()> {
    for step in list(folder)?.into_iter().skip(keep.max(1)) {
        let path = folder.join(checkpoint_name(step));
        std::fs::remove_file(&path).map_err(|error| Error::file(&path, error))?;
    }
    Ok(())
}
