//! How the ranks come to life, and how they end together when one of them dies.

use super::{Comm, Transport};
use crate::error::{Error, Result};
use crate::terminal::tell;
use std::sync::atomic::{AtomicU64, Ordering};

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
        let launched = launched(environment);
        if transport.size() == 1 && launched > 1 {
            return Err(Error::Usage(format!(
                "{launched} processes were started, but each finds itself alone: {REASON}"
            )));
        }
        Ok(Comm::new(transport))
    }

    /// The same, but where no launcher started several processes, MPI is left alone.
    pub fn world_if_launched() -> Result<Comm> {
        if launched(environment) > 1 { Comm::world() } else { Ok(Comm::single()) }
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The number of processes that the launcher says it started; 1 without a launcher.
fn launched(variable: impl Fn(&str) -> Option<String>) -> usize {
    LAUNCHED.iter().filter_map(|name| variable(name)?.trim().parse().ok()).max().unwrap_or(1)
}

#[cfg(feature = "mpi")]
fn transport() -> Result<Box<dyn Transport>> {
    one_library()?;
    match super::mpi::World::initialise() {
        Some(world) => Ok(Box::new(world)),
        None => Err(Error::Run("MPI was initialised before the program asked for it".into())),
    }
}

/// Refuses a program whose HDF5 brought another MPI library than its own: neither
/// understands the other's communicators.
#[cfg(feature = "mpi")]
fn one_library() -> Result<()> {
    // Linux lists the files that a process has mapped; elsewhere nothing is known.
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    match mpi_libraries(&maps)[..] {
        [] | [_] => Ok(()),
        ref several => Err(Error::Usage(format!(
            "this program and its HDF5 are linked with different MPI libraries ({}). Build it \
             again with the mpicc that belongs to HDF5: export MPICC=..., cargo clean -p mpi-sys",
            several.join(", ")
        ))),
    }
}

/// The files named `libmpi.so` and so on in a listing of mapped files, each once.
#[cfg(feature = "mpi")]
fn mpi_libraries(maps: &str) -> Vec<&str> {
    let files = maps.lines().filter_map(|line| Some(&line[line.find('/')?..]));
    let mut libraries: Vec<&str> = files
        .filter(|file| file.rsplit('/').next().is_some_and(|name| name.starts_with("libmpi.so")))
        .collect();
    libraries.sort();
    libraries.dedup();
    libraries
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

/// The step under way, for the last words of this process; none before the first.
static STEP: AtomicU64 = AtomicU64::new(u64::MAX);

/// Tells what panics and failures to write are to name from here on.
pub fn begins_step(step: u64) {
    STEP.store(step, Ordering::Relaxed);
}

/// The step under way; none before the first.
pub fn step_under_way() -> Option<u64> {
    Some(STEP.load(Ordering::Relaxed)).filter(|&step| step != u64::MAX)
}

/// From here on a panic on any thread (this one or a worker) prints rank, step,
/// place and message and ends all ranks with exit code 1, so that none waits for ever.
pub fn abort_on_panic(comm: &Comm) {
    let (rank, size, abort) = (comm.rank(), comm.size(), comm.transport().aborter());
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let step = step_under_way().map_or(String::new(), |step| format!(", step {step}"));
        tell(format!(
            "sinter-hpc: rank {rank} of {size}, thread {}{step}: {panic}\n\
             This is a fault of the program, not of the input; please report it.",
            thread.name().unwrap_or("worker"),
        ));
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

    #[cfg(feature = "mpi")]
    #[test]
    fn two_mpi_libraries_in_one_process_are_seen() {
        let maps = "7f00-7f01 r-xp 00000000 08:01 1 /usr/lib/libmpi.so.40.30.4\n\
            7f01-7f02 r--p 00000000 08:01 1 /usr/lib/libmpi.so.40.30.4\n\
            7f02-7f03 r-xp 00000000 08:01 1 /usr/lib/libmpi_cxx.so.40\n\
            7f03-7f04 rw-p 00000000 00:00 0\n";
        assert_eq!(mpi_libraries(maps), ["/usr/lib/libmpi.so.40.30.4"]);
        let more = "7f05-7f06 r-xp 00000000 08:01 1 /opt/mpich/lib/libmpi.so.12\n";
        assert_eq!(mpi_libraries(&format!("{maps}{more}")).len(), 2);
    }
}
