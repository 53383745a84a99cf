//! Where a run begins: what the command line asks, and what the output folder holds.
//!
//! The rule (README.md, "Runs of many jobs"): a folder that holds a run is never begun
//! anew without `--force`. With `--resume` the run goes on from its newest sound
//! checkpoint. Without one it is refused, unless the log shows that it ended before its
//! first checkpoint: then what that false start has left is set aside, and the run begins;
//! else a chain of jobs would end there.
//!
//! All of it is decided under the lock of the folder: another run that was there until
//! now may have left newer checkpoints.

use std::path::{Path, PathBuf};

use super::arguments::Run;
use super::folder::Folder;
use super::named;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::write::checkpoint::newest_sound;

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// At the beginning, once the folder is cleared.
    Beginning(Leftovers),
    /// At this checkpoint.
    Checkpoint(PathBuf),
}

/// What the folder holds where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftovers {
    Nothing,
    /// A run to be replaced.
    Replaced,
    /// A run that came to no checkpoint.
    FalseStart,
}

/// The output folder, which the first rank makes, locks and holds; all know its path.
/// Collective, as is the rest.
pub fn take(run: &Run, comm: &Comm) -> Result<(PathBuf, Option<Folder>)> {
    let output = run.output.as_deref();
    let taken = comm.is_root().then(|| Folder::take(&run.input, output)).transpose();
    let folder = comm.agree(taken)?;
    let name = folder.as_ref().map(|folder| folder.path.to_string_lossy().into_owned());
    let name: String = comm.broadcast(0, name);
    Ok((PathBuf::from(name), folder))
}

/// Finds the place to begin; touches nothing. `folder`: on the rank that holds it.
pub fn resolve(run: &Run, path: &Path, folder: Option<&Folder>, comm: &Comm) -> Result<Origin> {
    let on_root = |task: &dyn Fn(&Folder) -> Result<()>| comm.agree(folder.map_or(Ok(()), task));
    if let Some(checkpoint) = &run.restart {
        on_root(&|folder| {
            named::to_read(checkpoint)?;
            folder.admit(checkpoint)
        })?;
        return Ok(Origin::Checkpoint(checkpoint.clone()));
    }
    if run.resume {
        let (newest, refused) = newest_sound(path, comm)?;
        if let Some(newest) = newest {
            for error in refused.iter().filter(|_| comm.is_root()) {
                log::warn!("{error}; an older checkpoint is taken");
            }
            return Ok(Origin::Checkpoint(newest));
        }
        on_root(&|folder| match folder.lost()? {
            None => Ok(()),
            Some(why) => {
                let unsound = refused.iter().map(|error| format!("\n{error}"));
                Err(folder.refuse_to_begin_anew(&why, &unsound.collect::<String>()))
            }
        })?;
    }
    on_root(&|folder| folder.protect(&run.input))?;
    if !run.resume && !run.force {
        on_root(&Folder::refuse_another)?;
    }
    let files = comm.agree(folder.map(Folder::files_of_a_run).transpose())?;
    let leftovers = match comm.any(files.is_some_and(|files| !files.is_empty())) {
        false => Leftovers::Nothing,
        true if run.force => Leftovers::Replaced,
        true => Leftovers::FalseStart,
    };
    Ok(Origin::Beginning(leftovers))
}

/// Makes room for a run that begins, as late as can be: all that can be wrong with it has
/// been looked at. Returns where the files of a run that is replaced wait until the new
/// one stands (`discard`).
pub fn make_room(
    leftovers: Leftovers,
    folder: Option<&Folder>,
    comm: &Comm,
) -> Result<Option<PathBuf>> {
    if leftovers == Leftovers::Nothing {
        return Ok(None);
    }
    let aside = comm.agree(folder.map(Folder::clear).transpose())?.flatten();
    if let (Leftovers::FalseStart, Some(aside)) = (leftovers, &aside) {
        log::warn!(
            "the run in this folder ended before its first checkpoint, and begins again; what it \
             left is set aside: {}",
            aside.display()
        );
    }
    Ok(aside.filter(|_| leftovers == Leftovers::Replaced))
}

/// Removes the files of a run that has been replaced (`--force`).
pub fn discard(replaced: Option<&Path>, comm: &Comm) -> Result<()> {
    let removed = match replaced {
        None => Ok(()),
        Some(aside) => {
            log::warn!("the run that this folder held is replaced (--force)");
            std::fs::remove_dir_all(aside).map_err(|error| Error::file(aside, error))
        }
    };
    comm.agree(removed)
}
