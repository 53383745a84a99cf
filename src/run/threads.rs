//! The threads of a rank, and the cores that they may have.
//!
//! Cores are those that the operating system lets a rank use: its affinity (launchers
//! bind ranks to cores, sockets or not at all) and the quota of its control group.
//! Ranks that may use the same ones share them. More threads than cores wait for each
//! other at every step, so they have to be asked for twice (`--oversubscribe`); ranks of
//! one thread always start, however many there are, since nobody starts them by mistake.
//!
//! Only `--threads` counts. Variables that tell other programs how many threads to take
//! do not, and where one of them is set the log says so.

use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::terminal::counted;
use std::num::NonZeroUsize;

/// How many threads a rank has; those of a run stand there, since clap finds no group of options
/// that has another one in it.
#[derive(Debug, Clone, Default, PartialEq, clap::Args)]
pub struct Threads {
    /// Threads of each rank [default: the cores of the node divided by its ranks]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub threads: Option<NonZeroUsize>,
    /// Start more threads than there are cores for them
    #[arg(long, requires = "threads")]
    pub oversubscribe: bool,
}

/// What other programs go by.
const VARIABLES: [&str; 3] = ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"];

/// Even of those who ask twice: thousands of threads take minutes to start, and never end.
const MOST_PER_CORE: usize = 32;

/// Cores, and the ranks that may use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    cores: usize,
    ranks: usize,
}

impl Share {
    /// Of this rank. Collective.
    fn find(comm: &Comm) -> Share {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Share { cores, ranks: ranks_on_the_same_cores(comm) }
    }

    /// Threads of each rank that do not wait for each other.
    fn threads(self) -> usize {
        (self.cores / self.ranks).max(1)
    }

    /// How many threads a rank starts; an error where there would be too many.
    fn wanted(self, wanted: Option<usize>, oversubscribe: bool) -> Result<usize> {
        let fair = self.threads();
        match wanted {
            Some(threads) if threads > fair && !oversubscribe => {
                let Share { cores, ranks } = self;
                let have = if cores == 1 { "1 core".into() } else { format!("{cores} cores") };
                let who = match ranks {
                    1 => format!("this rank may use {have}"),
                    _ => format!("{ranks} ranks share {have}"),
                };
                Err(Error::Usage(format!(
                    "--threads {threads}: {who}, so more than --threads {fair} would wait for each other; take \
                     fewer, let the launcher give a rank more cores (mpirun --map-by slot:PE=N, \
                     srun --cpus-per-task=N), or say --oversubscribe too"
                )))
            }
            Some(threads) if threads > MOST_PER_CORE * self.cores => Err(Error::Usage(format!(
                "--threads {threads}: more than {MOST_PER_CORE} for each core that this rank may use help \
                 nobody, --oversubscribe or not; take at most {}",
                MOST_PER_CORE * self.cores
            ))),
            Some(threads) => Ok(threads),
            None => Ok(fair),
        }
    }
}

/// Starts the pool that every parallel loop of this rank uses. The
/// calling thread is one of it: a loop that begins there need not wait for another thread
/// to wake, on another core with another cache, and a lone thread does all by itself.
/// Collective. Unless told how many, the cores that this rank may use are divided
/// by the number of ranks that may use the same ones.
///
/// # Errors
/// Where the threads cannot be started, or are asked for twice.
pub fn start(comm: &Comm, said: Option<&Threads>) -> Result<()> {
    let said = said.cloned().unwrap_or_default();
    let wanted = said.threads.map(NonZeroUsize::get);
    let threads = comm.agree(Share::find(comm).wanted(wanted, said.oversubscribe))?;
    let cannot = |why: String| Error::Run(format!("{threads} threads cannot be started: {why}"));
    let started = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .use_current_thread()
        .thread_name(|number| format!("worker {number}"))
        .build_global()
        .map_err(|error| cannot(error.to_string()));
    let started = started.and_then(|()| match rayon::current_num_threads() {
        n if n == threads => Ok(()),
        n => Err(cannot(format!("{n} are the most"))),
    });
    comm.agree(started)
}

/// Threads and cores of all ranks, as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    ranks: usize,
    /// Over all ranks.
    threads: usize,
    /// That these threads keep busy.
    pub cores: usize,
    /// Variables that ask for another number of threads than this rank has.
    passed_over: Vec<String>,
}

impl InUse {
    /// Collective.
    pub fn find(comm: &Comm) -> InUse {
        let share = Share::find(comm);
        let mine = rayon::current_num_threads();
        let all = comm.all_gather(&[mine as u64, share.cores as u64, share.ranks as u64]).concat();
        // Ranks on the same cores count each a part of them, in 1/2^20 of a core.
        const WHOLE: f64 = (1u64 << 20) as f64;
        let part = |rank: &[u64]| (rank[0] as f64).min(rank[1] as f64 / rank[2] as f64) * WHOLE;
        let parts: u64 = all.chunks_exact(3).map(|rank| part(rank) as u64).sum();
        let set = |name: &&str| {
            let value = std::env::var(name).ok()?;
            (value.trim() != mine.to_string()).then(|| format!("{name}={}", value.trim()))
        };
        InUse {
            ranks: comm.size(),
            threads: all.chunks_exact(3).map(|rank| rank[0] as usize).sum(),
            cores: ((parts as f64 / WHOLE).round() as usize).max(1),
            passed_over: VARIABLES.iter().filter_map(set).collect(),
        }
    }

    /// For the log: how many, in which form of the kernels, on how many cores, and what did
    /// not count.
    pub fn told(&self, form: &str) -> String {
        let InUse { ranks, threads, cores, .. } = *self;
        let ranks_told = counted(ranks, "rank");
        let mut text = match threads.is_multiple_of(ranks) {
            true => format!("{ranks_told} x {}", counted(threads / ranks, "thread")),
            false => format!("{ranks_told} with {} together", counted(threads, "thread")),
        };
        text += &format!(", {form}, on {}", counted(cores, "core"));
        if threads > cores {
            text += ", where they wait for each other";
        }
        for variable in &self.passed_over {
            text += &format!("\n{variable} does not count, --threads does");
        }
        text
    }
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

    #[test]
    fn more_threads_than_cores_are_to_be_asked_for_twice() {
        let alone = Share { cores: 8, ranks: 1 };
        let shared = Share { cores: 8, ranks: 3 };
        let crowded = Share { cores: 2, ranks: 8 };
        for (share, wanted, threads) in [
            (alone, None, 8),
            (alone, Some(8), 8),
            (shared, None, 2),
            (shared, Some(1), 1),
            (crowded, None, 1),
            (crowded, Some(1), 1),
        ] {
            assert_eq!(share.wanted(wanted, false).unwrap(), threads);
        }
        for (share, wanted, said) in [
            (alone, 99, "--threads 99: this rank may use 8 cores, so more than --threads 8 "),
            (shared, 3, "--threads 3: 3 ranks share 8 cores, so more than --threads 2 "),
            (crowded, 2, "--threads 2: 8 ranks share 2 cores, so more than --threads 1 "),
        ] {
            let error = share.wanted(Some(wanted), false).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().starts_with(said), "{error}");
            assert_eq!(share.wanted(Some(wanted), true).unwrap(), wanted);
        }
        // Nobody means so many, however often they say so.
        let error = alone.wanted(Some(999_999), true).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().ends_with("take at most 256"), "{error}");
    }

    #[test]
    fn the_log_counts_threads_and_cores() {
        let mut used = InUse { ranks: 2, threads: 8, cores: 8, passed_over: vec![] };
        assert_eq!(used.told("avx2"), "2 ranks x 4 threads, avx2, on 8 cores");
        used.cores = 1;
        assert_eq!(
            used.told("avx2"),
            "2 ranks x 4 threads, avx2, on 1 core, where they wait for each other"
        );
        used =
            InUse { ranks: 2, threads: 3, cores: 3, passed_over: vec!["OMP_NUM_THREADS=4".into()] };
        assert_eq!(
            used.told("avx2"),
            "2 ranks with 3 threads together, avx2, on 3 cores\nOMP_NUM_THREADS=4 does not count, --threads does"
        );
    }
}
