//! How the ranks come to life, and how they end together when one of them dies.

use super::{Comm, Transport};
use crate::error::{Error, Result};

/// Where launchers tell a process how many of its kind they started.
const LAUNCHED: [&str; 3] = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"];

impl Comm {
    /// All ranks of this launch. Call it once, on the main thread, and keep it to
    /// the end of `main`: when it is dropped, MPI finalises.
    ///
    /// Errors: a launcher started several processes that know nothing of one
    /// another; they would all do the same run and overwrite each other's files.
    pub fn world() -> Result<Comm> {
        let transport = transport()?;
        let launched = launched(|name| std::env::var(name).ok());
        if transport.size() == 1 && launched > 1 {
            return Err(Error::Usage(format!(
                "{launched} processes were started, but each finds itself alone: {REASON}"
            )));
        }
        Ok(Comm::new(transport))
    }
}

/// The number of processes that the launcher says it started; 1 without a launcher.
fn launched(variable: impl Fn(&str) -> Option<String>) -> usize {
    LAUNCHED.iter().filter_map(|name| variable(name)?.trim().parse().ok()).max().unwrap_or(1)
}

#[cfg(feature = "mpi")]
fn transport() -> Result<Box<dyn Transport>> {
    match super::mpi::World::initialise() {
        Some(world) => Ok(Box::new(world)),
        None => Err(Error::Run("MPI was initialised before the program asked for it".into())),
    }
}

#[cfg(not(feature = "mpi"))]
fn transport() -> Result<Box<dyn Transport>> {
    Ok(Box::new(super::Single))
}

#[cfg(feature = "mpi")]
const REASON: &str = "the launcher belongs to another MPI library than the one the program was \
    built with. Use the mpirun (or srun --mpi=...) of that library";

#[cfg(not(feature = "mpi"))]
const REASON: &str = "this program was built without MPI. Start it without mpirun, or build it \
    with the default features";

/// From here on a panic on any thread (this one or a worker) prints rank, place
/// and message and ends all ranks with exit code 1, so that none waits for ever.
pub fn abort_on_panic(comm: &Comm) {
    let (rank, size, abort) = (comm.rank(), comm.size(), comm.transport().aborter());
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        eprintln!(
            "sinter-hpc: rank {rank} of {size}, thread {}: {panic}\n\
             This is a fault of the program, not of the input; please report it.",
            thread.name().unwrap_or("worker"),
        );
        abort(1)
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launcher_is_known_by_its_variables() {
        assert_eq!(launched(|_| None), 1);
        assert_eq!(launched(|name| (name == "PMI_SIZE").then(|| "8".into())), 8);
        assert_eq!(launched(|name| (name == "OMPI_COMM_WORLD_SIZE").then(|| "1".into())), 1);
        assert_eq!(launched(|_| Some("not a number".into())), 1);
    }
}
