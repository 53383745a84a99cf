//! Who looks up from the work now and then: is a checkpoint due, does the job end?
//!
//! Ranks hear signals at different moments, and only the first rank looks at the
//! clock and for the file STOP. So they look up together, after steps that the first
//! rank chose at the look before, about `BETWEEN_LOOKS` apart: one reduction of two
//! integers, in which any rank's order counts for all. Between looks only the number of
//! the step is looked at. When a run stops or writes checkpoints changes nothing in it.

use super::deadline::time_left;
use super::signals::Signals;
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::input::Config;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// So much may pass before an order is heard.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Looking for a file asks the file system, which many ranks of many jobs share.
const BETWEEN_FILE_LOOKS: Duration = Duration::from_secs(1);

/// A job stops when so many times the cost of a checkpoint are left, for the file
/// system may be busier next time ...
const SAFETY: f64 = 2.0;

/// ... and this, for closing files and leaving, on a disk that others keep busy too: two
/// seconds were once too few by a hundredth of one.
const LEAVING: Duration = Duration::from_secs(5);

/// Rate of writing that is assumed before the first checkpoint, atoms/s (of about
/// 80 bytes): a slow disk.
const ATOMS_PER_SECOND: f64 = 5e5;

/// Its presence in the output folder asks for the end.
pub const STOP: &str = "STOP";

/// Why a run stops early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    WallTime,
    File,
    User,
    Terminate,
    Interrupt,
}

impl Reason {
    const ALL: [Reason; 5] =
        [Reason::WallTime, Reason::File, Reason::User, Reason::Terminate, Reason::Interrupt];

    pub fn words(self) -> &'static str {
        match self {
            Reason::WallTime => "the time of the job is used up",
            Reason::File => "the file STOP asked for it",
            Reason::User => "signal SIGUSR2",
            Reason::Terminate => "signal SIGTERM",
            Reason::Interrupt => "signal SIGINT",
        }
    }
}

/// What to do after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    GoOn,
    Checkpoint,
    /// After a checkpoint.
    Stop(Reason),
}

impl Order {
    fn number(self) -> i64 {
        match self {
            Order::GoOn => 0,
            Order::Checkpoint => 1,
            Order::Stop(reason) => 2 + reason as i64,
        }
    }

    fn from_number(number: i64) -> Order {
        match number {
            0 => Order::GoOn,
            1 => Order::Checkpoint,
            n => Order::Stop(Reason::ALL[n as usize - 2]),
        }
    }
}

pub struct Watch<'c> {
    comm: &'c Comm,
    signals: Signals,
    stop_file: PathBuf,
    every_steps: Option<u64>,
    every: Duration,
    /// When the job ends, and who says so.
    end: Option<(Instant, String)>,
    last_checkpoint: Instant,
    checkpoint_cost: Duration,
    file_look: Instant,
    last_look: (u64, Instant),
    next_look: u64,
}

impl<'c> Watch<'c> {
    /// The clock of the job begins, and signals are heard from here on.
    pub fn begin(config: &Config, comm: &'c Comm) -> Result<Watch<'c>> {
        let now = Instant::now();
        let left =
            time_left(config.stop.job_time(), SystemTime::now(), |name| std::env::var(name).ok());
        // A span longer than the clock can tell is no limit.
        let end = left.and_then(|(left, who)| Some((now.checked_add(left)?, who)));
        let minutes = config.checkpoint.every_minutes;
        Ok(Watch {
            comm,
            signals: Signals::listen()?,
            stop_file: PathBuf::new(),
            every_steps: config.checkpoint.every_steps,
            every: Duration::try_from_secs_f64(60.0 * minutes).unwrap_or(Duration::MAX),
            end,
            last_checkpoint: now,
            checkpoint_cost: Duration::ZERO,
            file_look: now,
            last_look: (0, now),
            next_look: 0,
        })
    }

    /// The first step can be made, in this folder and of so many atoms. A file STOP
    /// that is there already belonged to an earlier job.
    pub fn start(&mut self, folder: &Path, atoms: u64, step: u64) -> Result<()> {
        self.stop_file = folder.join(STOP);
        self.checkpoint_cost = Duration::from_secs_f64(atoms as f64 / ATOMS_PER_SECOND);
        self.last_look = (step, Instant::now());
        self.next_look = step;
        let removed = if self.comm.is_root() { self.remove_stop_file() } else { Ok(()) };
        self.comm.agree(removed)
    }

    /// Who ends the job and in how much time, for the log.
    pub fn end_of_job(&self) -> Option<String> {
        let (end, who) = self.end.as_ref()?;
        let left = end.saturating_duration_since(Instant::now()).as_secs();
        let (hours, minutes, seconds) = (left / 3600, left / 60 % 60, left % 60);
        Some(format!("in {hours}:{minutes:02}:{seconds:02} (says {who})"))
    }

    /// A checkpoint was just written, in so much time.
    pub fn checkpointed(&mut self, cost: Duration) {
        self.last_checkpoint = Instant::now();
        self.checkpoint_cost = cost;
    }

    /// What to do after `step`, the same on every rank. Collective.
    pub fn order(&mut self, step: u64) -> Result<Order> {
        let regular = match self.every_steps {
            Some(every) if step.is_multiple_of(every) => Order::Checkpoint,
            _ => Order::GoOn,
        };
        let seen = if step < self.next_look { Order::GoOn } else { self.look(step)? };
        Ok(seen.max(regular))
    }

    fn look(&mut self, step: u64) -> Result<Order> {
        let mine = match (self.signals.stop(), self.signals.checkpoint()) {
            (Some(reason), _) => Order::Stop(reason),
            (None, true) => Order::Checkpoint,
            (None, false) => Order::GoOn,
        };
        let mine = if self.comm.is_root() { mine.max(self.by_the_clock()) } else { mine };
        let steps = if self.comm.is_root() { self.steps_to_next_look(step) } else { 0 };
        let mut told = [mine.number(), steps as i64];
        self.comm.max_i64(&mut told);
        self.last_look = (step, Instant::now());
        self.next_look = step + told[1] as u64;
        let order = Order::from_number(told[0]);
        if order == Order::Stop(Reason::File) {
            // It has had its effect: the next job goes on.
            let removed = if self.comm.is_root() { self.remove_stop_file() } else { Ok(()) };
            self.comm.agree(removed)?;
        }
        Ok(order)
    }

    /// What the first rank alone sees.
    fn by_the_clock(&mut self) -> Order {
        let now = Instant::now();
        let needed = self.checkpoint_cost.mul_f64(SAFETY) + LEAVING + BETWEEN_LOOKS;
        if self.end.as_ref().is_some_and(|(end, _)| now + needed >= *end) {
            return Order::Stop(Reason::WallTime);
        }
        if now - self.file_look >= BETWEEN_FILE_LOOKS {
            self.file_look = now;
            if self.stop_file.exists() {
                return Order::Stop(Reason::File);
            }
        }
        if now - self.last_checkpoint >= self.every { Order::Checkpoint } else { Order::GoOn }
    }

    /// As many as were made in `BETWEEN_LOOKS`, growing slowly from one.
    fn steps_to_next_look(&self, step: u64) -> u64 {
        let (before, at) = self.last_look;
        let made = (step - before).max(1);
        let share = BETWEEN_LOOKS.as_secs_f64() / at.elapsed().as_secs_f64().max(1e-6);
        ((made as f64 * share.min(2.0)) as u64).max(1)
    }

    fn remove_stop_file(&self) -> Result<()> {
        match std::fs::remove_file(&self.stop_file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::file(&self.stop_file, error))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_travel_as_numbers_and_the_gravest_wins() {
        let stops = Reason::ALL.map(Order::Stop);
        let orders: Vec<Order> =
            [Order::GoOn, Order::Checkpoint].into_iter().chain(stops).collect();
        for pair in orders.windows(2) {
            assert!(pair[0] < pair[1] && pair[0].number() < pair[1].number());
        }
        for order in orders {
            assert_eq!(Order::from_number(order.number()), order);
        }
    }
}
