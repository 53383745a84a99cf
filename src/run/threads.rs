//! The threads of a rank.

use crate::comm::Comm;
use crate::error::{Error, Result};
use std::num::NonZeroUsize;

/// Starts the pool that every parallel loop of this rank uses; returns its size. The
/// calling thread is one of it: a loop that begins there need not wait for another thread
/// to wake, on another core with another cache, and a lone thread does all by itself.
/// Collective. Unless told how many, the cores that this rank may use are divided
/// by the number of ranks that may use the same ones.
pub fn start(comm: &Comm, wanted: Option<NonZeroUsize>) -> Result<usize> {
    let sharing = ranks_on_the_same_cores(comm);
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let threads = wanted.map_or((cores / sharing).max(1), NonZeroUsize::get);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .thread_name(|number| format!("worker {number}"))
        .build_global()
        .map_err(|error| Error::Run(format!("{threads} threads cannot be started: {error}")))?;
    Ok(threads)
}

/// Launchers bind ranks to cores, sockets or not at all: ranks share cores when
/// they are on the same node and allowed on the same set of cores.
fn ranks_on_the_same_cores(comm: &Comm) -> usize {
    let mine = cores_of_this_process().unwrap_or_default();
    let all = comm.all_gather(mine.as_bytes());
    if all.iter().any(|cores| cores.is_empty()) {
        return comm.transport().ranks_on_node();
    }
    all.iter().filter(|cores| cores[..] == *mine.as_bytes()).count()
}

/// Name of the node and list of the cores, as Linux tells them.
fn cores_of_this_process() -> Option<String> {
    let node = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let cores = status.lines().find(|line| line.starts_with("Cpus_allowed_list"))?;
    Some(node + cores)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_one_process_share_its_cores() {
        let counts = crate::comm::threads::run(3, ranks_on_the_same_cores);
        assert_eq!(counts, [3; 3]);
    }
}
