//! Looks at clock, signals and the file STOP between steps: is a checkpoint due, does the job end?
//!
//! Ranks hear signals at different moments, and only the first rank looks at the
//! clock and for the file STOP. So they look up together, after steps that the first
//! rank chose at the look before, about `BETWEEN_LOOKS` apart: one reduction of two
//! integers, in which any rank's order counts for all. Between looks only the number of
//! the step is looked at. Within a step that takes long (a round of swaps) the same goes by its parts. When
//! a run stops or writes checkpoints changes nothing in it.

use super::deadline::Deadline;
use super::reason::Reason;
use super::signals::Signals;
use super::warnings;
use crate::comm::Comm;
use crate::error::Result;
use crate::input::Config;
use jiff::Timestamp;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// So much may pass before an order is heard: what launchers leave to a rank between
/// SIGTERM and SIGKILL, a second (Open MPI), is for the checkpoint.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

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

/// What appears under this name in the output folder asks for the end.
pub const STOP: &str = "STOP";

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
    /// Something of that name was there and could not be removed: it asks for nothing.
    stop_file_stays: bool,
    every_steps: Option<u64>,
    every: Duration,
    /// The step after which the job ends.
    until: Option<u64>,
    /// When the job ends.
    end: Option<Instant>,
    /// The same for the log.
    end_of_job: String,
    last_checkpoint: Instant,
    checkpoint_cost: Duration,
    file_look: Instant,
    steps: Pace,
    /// Of the parts of long steps, and how many there were.
    parts: Pace,
    part: u64,
}

/// When to look: after how many steps, or other things that are counted.
#[derive(Debug, Clone, Copy)]
struct Pace {
    last: (u64, Instant),
    next: u64,
}

impl Pace {
    fn begin(count: u64) -> Pace {
        Pace { last: (count, Instant::now()), next: count }
    }

    /// As many as were made in `BETWEEN_LOOKS`, growing slowly from one.
    fn until_next(&self, count: u64) -> u64 {
        let (before, at) = self.last;
        let made = count.saturating_sub(before).max(1);
        let share = BETWEEN_LOOKS.as_secs_f64() / at.elapsed().as_secs_f64().max(1e-6);
        ((made as f64 * share.min(2.0)) as u64).max(1)
    }

    /// A look was just made, the next one comes after so many more.
    fn looked(&mut self, count: u64, to_next: u64) {
        *self = Pace { last: (count, Instant::now()), next: count + to_next };
    }
}

impl<'c> Watch<'c> {
    /// The clock of the job begins, and signals are heard from here on.
    pub fn begin(config: &Config, comm: &'c Comm) -> Result<Watch<'c>> {
        let now = Instant::now();
        let today = Timestamp::now();
        let deadline = Deadline::find(config.stop.job_time(), today, |name| {
            Some(std::env::var_os(name)?.to_string_lossy().into_owned())
        });
        warnings::tell(&deadline.warnings);
        // A span longer than the clock can tell is no limit.
        let end = deadline.ends.first().and_then(|end| now.checked_add(end.left));
        let minutes = config.checkpoint.every_minutes;
        Ok(Watch {
            every_steps: config.checkpoint.every_steps,
            every: Duration::try_from_secs_f64(60.0 * minutes).unwrap_or(Duration::MAX),
            end,
            end_of_job: deadline.told(today),
            ..Watch::of_signals(comm)?
        })
    }

    /// The same of a job that ends with the checkpoint of this step.
    pub fn until(step: u64, comm: &'c Comm) -> Result<Watch<'c>> {
        Ok(Watch { until: Some(step), ..Watch::of_signals(comm)? })
    }

    fn of_signals(comm: &'c Comm) -> Result<Watch<'c>> {
        let now = Instant::now();
        Ok(Watch {
            comm,
            signals: Signals::listen()?,
            stop_file: PathBuf::new(),
            stop_file_stays: false,
            every_steps: None,
            every: Duration::MAX,
            until: None,
            end: None,
            end_of_job: String::new(),
            last_checkpoint: now,
            checkpoint_cost: Duration::ZERO,
            file_look: now,
            steps: Pace::begin(0),
            parts: Pace::begin(0),
            part: 0,
        })
    }

    /// The first rank has locked this folder.
    pub fn locked(&self, folder: &Path) {
        if self.comm.is_root() {
            self.signals.leave_no_lock(folder);
        }
    }

    /// The first step can be made, in this folder and of so many atoms. A file STOP
    /// that is there already belonged to an earlier job.
    pub fn start(&mut self, folder: &Path, atoms: u64, step: u64) {
        if self.comm.is_root() {
            self.signals.leave_nothing_begun(folder);
        }
        self.stop_file = folder.join(STOP);
        self.checkpoint_cost = Duration::from_secs_f64(atoms as f64 / ATOMS_PER_SECOND);
        self.steps = Pace::begin(step);
        if self.remove_stop_file() {
            let path = self.stop_file.display();
            warnings::tell([format!(
                "{path} was there before this job began: it has been removed, and stops nothing"
            )]);
        }
    }

    /// When the job ends and who says so, for the log.
    pub fn end_of_job(&self) -> &str {
        &self.end_of_job
    }

    /// A checkpoint was just written, in so much time.
    pub fn checkpointed(&mut self, cost: Duration) {
        self.last_checkpoint = Instant::now();
        self.checkpoint_cost = cost;
    }

    /// What to do after `step`, the same on every rank. Collective.
    pub fn order(&mut self, step: u64) -> Order {
        let regular = match self.every_steps {
            _ if self.until == Some(step) => Order::Stop(Reason::Step),
            Some(every) if step.is_multiple_of(every) => Order::Checkpoint,
            _ => Order::GoOn,
        };
        let seen = if step < self.steps.next { Order::GoOn } else { self.look(step) };
        seen.max(regular)
    }

    /// Why the job ends before the next part of a step that is under way, if it does, the same on
    /// every rank. Collective.
    pub fn ends_within_step(&mut self) -> Option<Reason> {
        self.part += 1;
        if self.part < self.parts.next {
            return None;
        }
        let mine = self.signals.stop().map_or(Order::GoOn, Order::Stop);
        let (order, to_next) = self.agree(mine, self.parts.until_next(self.part));
        self.parts.looked(self.part, to_next);
        // A checkpoint comes after the step.
        if let Order::Stop(reason) = order { Some(reason) } else { None }
    }

    fn look(&mut self, step: u64) -> Order {
        let mine = match (self.signals.stop(), self.signals.checkpoint()) {
            (Some(reason), _) => Order::Stop(reason),
            (None, true) => Order::Checkpoint,
            (None, false) => Order::GoOn,
        };
        let (order, to_next) = self.agree(mine, self.steps.until_next(step));
        self.steps.looked(step, to_next);
        order
    }

    /// The gravest of what ranks have heard and the first one sees, and when that one looks again.
    fn agree(&mut self, mine: Order, to_next: u64) -> (Order, u64) {
        let mine = if self.comm.is_root() { mine.max(self.by_the_clock()) } else { mine };
        let to_next = if self.comm.is_root() { to_next } else { 0 };
        let mut told = [mine.number(), to_next as i64];
        self.comm.max_i64(&mut told);
        let order = Order::from_number(told[0]);
        if order == Order::Stop(Reason::File) {
            // It has had its effect: the next job goes on.
            self.remove_stop_file();
        }
        (order, told[1] as u64)
    }

    /// What the first rank alone sees.
    fn by_the_clock(&mut self) -> Order {
        let now = Instant::now();
        let needed = self.checkpoint_cost.mul_f64(SAFETY) + LEAVING + BETWEEN_LOOKS;
        if self.end.is_some_and(|end| now + needed >= end) {
            return Order::Stop(Reason::WallTime);
        }
        if now - self.file_look >= BETWEEN_FILE_LOOKS {
            self.file_look = now;
            let is_there = self.stop_file.symlink_metadata().is_ok();
            if is_there && !self.stop_file_stays {
                return Order::Stop(Reason::File);
            }
            self.stop_file_stays = is_there;
        }
        if now - self.last_checkpoint >= self.every { Order::Checkpoint } else { Order::GoOn }
    }

    /// Where it cannot be removed (a folder, somebody else's file) it is told of and left:
    /// no job ends for it, neither this one by failing nor each later one at once. Whether it was
    /// there and is gone.
    fn remove_stop_file(&mut self) -> bool {
        if !self.comm.is_root() {
            return false;
        }
        let removed = match self.stop_file.is_dir() && !self.stop_file.is_symlink() {
            true => std::fs::remove_dir(&self.stop_file),
            false => std::fs::remove_file(&self.stop_file),
        };
        match removed {
            Ok(()) => return true,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = self.stop_file.display();
                warnings::tell([format!(
                    "{path} cannot be removed ({error}): it is left and asks for nothing more"
                )]);
                self.stop_file_stays = true;
            }
        }
        false
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
