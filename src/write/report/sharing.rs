//! How the work and the memory of a run were shared among its ranks.

use super::bytes;
use crate::comm::Comm;
use crate::force::Statistics;
use crate::terminal::counted;

/// The most memory that a rank has held so far, and the sum of what each held at the most, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub most: u64,
    pub all: u64,
}

impl Memory {
    /// Collective; none where the system does not tell.
    pub fn gather(comm: &Comm) -> Option<Memory> {
        let mine = largest_resident_set().unwrap_or(0) as i64;
        let (all, is_known) = (comm.sum(mine), comm.all(mine > 0));
        let most = comm.max_u64(mine as u64);
        is_known.then_some(Memory { most, all: all as u64 })
    }

    pub fn line(&self, ranks: usize) -> String {
        let most = format!("memory: at most {}", bytes(self.most));
        match ranks {
            1 => most,
            _ => format!("{most} on a rank, {} on all", bytes(self.all)),
        }
    }
}

/// Of this process, bytes.
fn largest_resident_set() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// What ranks have and send to each other, as of the last lists.
pub fn ranks(statistics: &Statistics) -> String {
    let Statistics { most_atoms, most_ghosts, divisions, most_traffic, traffic, .. } = statistics;
    let [least, most] = statistics.shares;
    let share = match least == most {
        true => "the mean".to_string(),
        false => format!("its share, by speed {least:.2} to {most:.2} of the mean"),
    };
    format!(
        "ranks: at most {} and {}, work {:.3} of {share}; space divided {}\n\
         exchange: {} in {} a step from a rank at most, {} in {} from all",
        counted(*most_atoms as usize, "atom"),
        counted(*most_ghosts as usize, "ghost"),
        statistics.imbalance,
        counted(*divisions as usize, "time"),
        bytes(most_traffic.bytes),
        counted(most_traffic.messages as usize, "message"),
        bytes(traffic.bytes),
        traffic.messages,
    )
}
