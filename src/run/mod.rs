//! What the program can do, one file for each command, and how each ends.

pub mod arguments;
pub mod audit;
pub mod build;
pub mod check;
mod deadline;
pub mod evaluate;
mod fault;
mod files;
pub mod folder;
pub mod inspect;
mod limits;
mod lock;
mod manual;
mod named;
mod origin;
mod patience;
mod plan;
pub mod potential;
mod reason;
mod self_test;
pub mod serve;
mod signals;
mod simulate;
mod simulation;
mod start;
mod state;
pub mod threads;
mod warnings;
mod watch;

use crate::comm::Comm;
use crate::error::Result;
use crate::write::log::Log;
use arguments::{Arguments, Command};

/// How a command ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Before its end, with a good checkpoint: to be submitted again.
    Stopped,
}

impl Ending {
    /// Of the process: 0 done, 75 stopped early with a good checkpoint.
    pub fn exit_code(self) -> i32 {
        match self {
            Ending::Done => 0,
            Ending::Stopped => 75,
        }
    }
}

/// Does what the command line says. Collective, whatever a command makes of it.
///
/// # Errors
/// Whatever ends a command early; `Error::exit_code` says how the process ends.
pub fn execute(arguments: &Arguments, comm: &Comm) -> Result<Ending> {
    let log = Log::new(comm);
    log.install();
    threads::start(comm, arguments.threads().as_ref())?;
    if let Some(run) = &arguments.run {
        return simulate::simulate(comm, run, log);
    }
    match &arguments.command {
        None => unreachable!("clap wants an input or a command"),
        Some(Command::Check { input }) => on_root(comm, || check::check(input)),
        Some(Command::Plan(wanted)) => on_root(comm, || plan::plan(wanted)),
        Some(Command::Build(structure)) => {
            let arguments::Build { input, output, force } = structure;
            on_root(comm, || build::build(input, output, *force))
        }
        Some(Command::Evaluate(evaluate)) => evaluate::evaluate(comm, evaluate).map(drop),
        Some(Command::Serve(wanted)) => serve::serve(comm, wanted, &log),
        Some(Command::Audit(wanted)) => return audit::audit(comm, wanted, &log),
        Some(Command::Inspect { file }) => on_root(comm, || inspect::inspect(file)),
        Some(Command::Completions { shell }) => on_root(comm, || {
            manual::completions(*shell);
            Ok(())
        }),
        Some(Command::Man { command }) => on_root(comm, || manual::page(command.as_deref())),
    }?;
    Ok(Ending::Done)
}

/// What one process does alone; the others wait, and learn if it fails.
fn on_root(comm: &Comm, task: impl FnOnce() -> Result<()>) -> Result<()> {
    comm.agree(if comm.is_root() { task() } else { Ok(()) })
}
