//! Where a file comes from: what a run was asked, with which program, and from
//! which checkpoints it went on.

use super::failure;
use crate::atoms::Species;
use crate::comm::Comm;
use crate::error::Result;
use crate::input::extension::Extension;
use crate::lanes::InstructionSet;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{self, Display, Formatter};
use std::fs::File;
use std::io;
use std::path::Path;

pub const PROGRAM: &str = "sinter-hpc";
pub const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Revision of the sources that the program was built from: of git, and whether they were changed
/// since; "unknown" where they came without a repository.
pub const GIT_REVISION: &str = env!("SINTER_REVISION");

/// How a program was compiled. Results do not depend on it as far as the tests of all forms go; files
/// say it for the day when they do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Build {
    /// Name and version.
    pub compiler: String,
    /// Of cargo, with the level of optimisation.
    pub profile: String,
    /// Of this crate.
    pub features: String,
    /// For which processors and system.
    pub target: String,
}

impl Build {
    /// Of this program.
    pub fn own() -> Build {
        Build {
            compiler: env!("SINTER_COMPILER").into(),
            profile: env!("SINTER_PROFILE").into(),
            features: env!("SINTER_FEATURES").into(),
            target: env!("SINTER_TARGET").into(),
        }
    }
}

impl Display for Build {
    /// In a line for people.
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        let Build { compiler, profile, features, target } = self;
        write!(f, "{compiler}, {profile}, features: {features}, {target}")
    }
}

/// The form of the kernels in this process (`lanes`).
pub fn form() -> &'static str {
    // A wrong choice was told when the potential was made.
    InstructionSet::choose().map_or("", InstructionSet::name)
}

/// A file of the potential as the run read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PotentialFile {
    /// Name without folder.
    pub name: String,
    pub text: String,
}

impl PotentialFile {
    /// SHA-256 of the text, in hexadecimal.
    pub fn sha256(&self) -> String {
        hexadecimal(&Sha256::digest(&self.text))
    }
}

/// A file that atoms were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructureFile {
    /// Of the input, that names it.
    pub key: String,
    /// Name without folder.
    pub name: String,
    /// Of its content, in hexadecimal.
    pub sha256: String,
}

impl StructureFile {
    /// Reads it from its beginning to its end.
    pub fn of(key: &str, path: &Path) -> Result<StructureFile> {
        let mut digest = Sha256::new();
        let read = File::open(path).and_then(|mut file| io::copy(&mut file, &mut digest));
        read.map_err(|error| failure::unread(path, error))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(StructureFile { key: key.into(), name, sha256: hexadecimal(&digest.finalize()) })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a run was asked: the same for every job of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub title: String,
    /// Who runs it.
    pub author: String,
    /// The input file as text.
    pub input: String,
    pub potential: Vec<PotentialFile>,
    /// None where the atoms are built.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub structures: Vec<StructureFile>,
    /// In the order of `Atoms::species`.
    pub species: Vec<Species>,
    pub seed: u64,
    /// By how much stages are longer than `input` says (`--extend`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<Extension>,
    /// The checkpoints that the run went on from, oldest first.
    pub lineage: Vec<Restart>,
}

/// A restart from a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    pub step: u64,
    /// Name of the checkpoint without folder.
    pub checkpoint: String,
    /// What the input asks from there on that is different, a key each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
}

/// What carries a run at the moment; results do not depend on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub program_version: String,
    pub git_revision: String,
    pub build: Build,
    pub mpi_library: String,
    pub hdf5_version: String,
    /// The form of the kernels (`lanes`).
    pub instruction_set: String,
    pub ranks: usize,
    pub threads: usize,
}

impl Job {
    pub fn new(comm: &Comm, threads: usize) -> Job {
        Job {
            program_version: PROGRAM_VERSION.into(),
            git_revision: GIT_REVISION.into(),
            build: Build::own(),
            mpi_library: comm.transport().library(),
            hdf5_version: super::hdf5::library_version(),
            instruction_set: form().into(),
            ranks: comm.size(),
            threads,
        }
    }
}
