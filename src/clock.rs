//! Named phase timers: where the time of a run goes.

use std::time::{Duration, Instant};

/// The phases of a step, in the order in which an atom meets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Integrate,
    Migrate,
    Neighbour,
    Exchange,
    Density,
    Embedding,
    Force,
    Observe,
    Write,
    Checkpoint,
    Other,
}

impl Phase {
    pub const ALL: [Phase; 11] = [
        Phase::Integrate,
        Phase::Migrate,
        Phase::Neighbour,
        Phase::Exchange,
        Phase::Density,
        Phase::Embedding,
        Phase::Force,
        Phase::Observe,
        Phase::Write,
        Phase::Checkpoint,
        Phase::Other,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Phase::Integrate => "integrate",
            Phase::Migrate => "migrate",
            Phase::Neighbour => "neighbour",
            Phase::Exchange => "exchange",
            Phase::Density => "density",
            Phase::Embedding => "embedding",
            Phase::Force => "force",
            Phase::Observe => "observe",
            Phase::Write => "write",
            Phase::Checkpoint => "checkpoint",
            Phase::Other => "other",
        }
    }

    /// Whether it grows with the atoms of a rank, and waits for no other rank.
    fn is_work(self) -> bool {
        use Phase::{Density, Embedding, Force, Integrate, Neighbour};
        matches!(self, Integrate | Neighbour | Density | Embedding | Force)
    }
}

/// Seconds of a rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// In phases that grow with its atoms, and wait for no other rank.
    pub work: f64,
    /// In whatever phase.
    pub all: f64,
}

/// Time spent in each phase by this rank.
#[derive(Debug, Clone)]
pub struct Clock {
    spent: [Duration; Phase::ALL.len()],
    current: Phase,
    since: Instant,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { spent: Default::default(), current: Phase::Other, since: Instant::now() }
    }
}

impl Clock {
    /// Ends the current phase, begins `phase`, and returns the one that ended.
    pub fn enter(&mut self, phase: Phase) -> Phase {
        let now = Instant::now();
        self.spent[self.current as usize] += now - self.since;
        self.since = now;
        std::mem::replace(&mut self.current, phase)
    }

    /// Seconds spent in each phase so far, in the order of `Phase::ALL`.
    pub fn seconds(&self) -> [f64; Phase::ALL.len()] {
        let mut spent = self.spent;
        spent[self.current as usize] += self.since.elapsed();
        spent.map(|d| d.as_secs_f64())
    }

    /// What this rank has spent so far.
    pub fn spent(&self) -> Spent {
        let seconds = self.seconds();
        let work = Phase::ALL.iter().zip(seconds).filter(|(phase, _)| phase.is_work());
        Spent { work: work.map(|(_, seconds)| seconds).sum(), all: seconds.iter().sum() }
    }
}
