//! Where a run starts: from the structure that the input describes, or from a
//! checkpoint.

use std::path::{Path, PathBuf};

use super::simulation::State;
use crate::atoms::{Atom, Species};
use crate::build::{self, Layout};
use crate::comm::Comm;
use crate::dynamics::Progress;
use crate::error::{Error, Result};
use crate::geometry::Cell;
use crate::input::Config;
use crate::observe::Observers;
use crate::potential::Potential;
use crate::potential::meam::Meam;
use crate::write::checkpoint::{Checkpoint, read_checkpoint};
use crate::write::provenance::{PotentialFile, Provenance, Restart};

/// The first state of a run, or of the rest of one.
pub struct Start {
    pub layout: Layout,
    pub cell: Cell,
    /// This rank's share, wherever in space.
    pub atoms: Vec<Atom>,
    pub state: State,
    pub provenance: Provenance,
    /// Checkpoint and its step, where the run goes on from one.
    pub resumed: Option<(PathBuf, u64)>,
}

impl Start {
    /// What the input describes. Collective.
    pub fn build(config: &Config, potential: &Meam, comm: &Comm) -> Result<Start> {
        let built = comm.agree(build::structure(config, comm))?;
        Ok(Start {
            state: State {
                progress: Progress::default(),
                integrator: None,
                observers: Observers::new(potential.cutoff(), built.layout.cell.periodic),
            },
            provenance: provenance(config, potential.species())?,
            layout: built.layout,
            cell: built.cell,
            atoms: built.atoms,
            resumed: None,
        })
    }

    /// What a checkpoint holds, if it belongs to this input. Collective.
    pub fn restart(config: &Config, potential: &Meam, comm: &Comm, path: &Path) -> Result<Start> {
        let (checkpoint, atoms) = read_checkpoint(path, comm)?;
        let mut provenance = provenance(config, potential.species())?;
        check_belongs(path, &checkpoint, &provenance)?;
        provenance.lineage = checkpoint.provenance.lineage.clone();
        provenance.lineage.push(Restart {
            step: checkpoint.step,
            checkpoint: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        });
        let state: State = serde_json::from_value(checkpoint.state).map_err(|error| {
            Error::Run(format!("{}: its state cannot be read: {error}", path.display()))
        })?;
        let layout = comm.agree(build::layout(config))?;
        if layout.atoms != checkpoint.atoms {
            let message = format!(
                "this checkpoint holds {} atoms, and the input describes {}",
                checkpoint.atoms, layout.atoms
            );
            return Err(Error::input(path, 0, 0, message));
        }
        if state.progress.stage > config.stages.len() {
            let message = format!(
                "this checkpoint stands after stage {}, and the protocol of the input has {}",
                state.progress.stage,
                config.stages.len()
            );
            return Err(Error::input(path, 0, 0, message));
        }
        Ok(Start {
            layout,
            cell: checkpoint.cell,
            atoms: (0..atoms.owned).map(|i| atoms.record(i)).collect(),
            state,
            provenance,
            resumed: Some((path.to_path_buf(), checkpoint.step)),
        })
    }
}

/// A checkpoint of another system would go on as nonsense: refused, with both values.
fn check_belongs(path: &Path, checkpoint: &Checkpoint, now: &Provenance) -> Result<()> {
    let then = &checkpoint.provenance;
    let refuse = |what: &str, then: String, now: String| {
        let message = format!(
            "this checkpoint was written with {what} {then}, and the input says {now}; \
             go on with the input of that run, or start a new one"
        );
        Err(Error::input(path, 0, 0, message))
    };
    if then.seed != now.seed {
        return refuse("seed", then.seed.to_string(), now.seed.to_string());
    }
    if then.species != now.species {
        let list = |species: &[Species]| {
            let symbols: Vec<&str> = species.iter().map(|s| s.symbol.as_str()).collect();
            symbols.join(", ")
        };
        return refuse("the elements", list(&then.species), list(&now.species));
    }
    for (then, now) in then.potential.iter().zip(&now.potential) {
        if then.sha256() != now.sha256() {
            let short = |file: &PotentialFile| format!("{} ({:.12})", file.name, file.sha256());
            return refuse("the potential file", short(then), short(now));
        }
    }
    if then.potential.len() != now.potential.len() {
        let count = |n: usize| format!("{n} potential files");
        return refuse("", count(then.potential.len()), count(now.potential.len()));
    }
    Ok(())
}

/// What the run was asked. Each rank reads the files for itself.
fn provenance(config: &Config, species: &[Species]) -> Result<Provenance> {
    let paths = std::iter::once(&config.potential.library).chain(&config.potential.parameters);
    let file = |path: &PathBuf| -> Result<PotentialFile> {
        Ok(PotentialFile {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            text: std::fs::read_to_string(path).map_err(|source| Error::file(path, source))?,
        })
    };
    Ok(Provenance {
        title: config.title.clone(),
        author: std::env::var("USER").unwrap_or_default(),
        input: config.source.text.clone(),
        potential: paths.map(file).collect::<Result<_>>()?,
        species: species.to_vec(),
        seed: config.seed,
        lineage: Vec::new(),
    })
}
