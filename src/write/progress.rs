//! How far a run is: which measurements become lines of the table, how fast it
//! goes, and a bar with the time that is left where someone is looking.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Lines that a stage puts into the table at most, its last one not counted.
const LINES_PER_STAGE: u64 = 50;

/// On a terminal lines come no faster than can be read.
const LEAST_TIME_BETWEEN_LINES: Duration = Duration::from_secs(1);

/// Simulated against elapsed time, since the beginning and since the last line.
#[derive(Debug)]
pub struct Pace {
    began: (Instant, f64),
    line: (Instant, f64),
}

impl Pace {
    /// Starts at a simulated time in ps.
    pub fn new(time_ps: f64) -> Pace {
        let now = (Instant::now(), time_ps);
        Pace { began: now, line: now }
    }

    /// ns/day since the last call.
    pub fn since_last_line(&mut self, time_ps: f64) -> f64 {
        let rate = ns_per_day(time_ps - self.line.1, self.line.0.elapsed());
        self.line = (Instant::now(), time_ps);
        rate
    }

    /// Simulated time since the beginning, ps, and seconds that it took.
    pub fn total(&self, time_ps: f64) -> (f64, f64) {
        (time_ps - self.began.1, self.began.0.elapsed().as_secs_f64())
    }

    fn line_age(&self) -> Duration {
        self.line.0.elapsed()
    }
}

fn ns_per_day(simulated_ps: f64, wall: Duration) -> f64 {
    simulated_ps * 1e-3 * 86_400.0 / wall.as_secs_f64()
}

/// Which steps of a stage get a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    next: u64,
    every: u64,
}

impl Lines {
    /// For a stage of so many steps (at most) from `first` on.
    pub fn of_stage(first: u64, steps: u64) -> Lines {
        Lines { next: first, every: (steps / LINES_PER_STAGE).max(1) }
    }

    /// Whether this step is due; if so, the next line is a good while off.
    pub fn due(&mut self, step: u64) -> bool {
        let due = step >= self.next;
        if due {
            self.next += self.every * ((step - self.next) / self.every + 1);
        }
        due
    }
}

/// The bar on a terminal; nothing elsewhere.
pub struct Bar {
    bar: ProgressBar,
    watched: bool,
}

impl Bar {
    /// Of so many `steps`, or what else is counted; `watched`: whether this rank draws at all.
    pub fn new(watched: bool, steps: &str) -> Bar {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        // As wide as the terminal: a longer line would wrap, and take others with it
        // when it is wiped away.
        let style = format!("{{wide_bar}} {{pos}}/{{len}} {steps}{{msg}}{{left}}");
        let style = ProgressStyle::with_template(&style).expect("a valid template");
        bar.set_style(style.with_key("left", left));
        Bar { bar, watched }
    }

    /// A line that says what is waited for, and for how long it has been; on a terminal alone.
    pub fn waiting(what: &str) -> Bar {
        let bar = ProgressBar::with_draw_target(None, terminal());
        let style = ProgressStyle::with_template("{spinner} {msg}  {elapsed}");
        bar.set_style(style.expect("a valid template"));
        bar.set_message(what.to_string());
        bar.tick();
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar { bar, watched: true }
    }

    pub fn is_visible(&self) -> bool {
        !self.bar.is_hidden()
    }

    /// So many steps from `first` on: from now on there is something to see.
    pub fn begin(&self, first: u64, steps: u64) {
        self.bar.set_length(first + steps);
        self.bar.set_position(first);
        self.bar.reset_eta();
        if self.watched && !self.is_visible() {
            self.bar.set_draw_target(terminal());
        }
        self.bar.tick();
    }

    pub fn at(&self, step: u64) {
        self.bar.set_position(step);
    }

    pub fn message(&self, text: String) {
        self.bar.set_message(format!("  {text}"));
    }

    /// Runs `print` with the bar out of the way.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    /// Whether a line now would only flicker past.
    pub fn is_too_soon(&self, pace: &Pace) -> bool {
        self.is_visible() && pace.line_age() < LEAST_TIME_BETWEEN_LINES
    }
}

/// The time that is left, as soon as something is done that it follows from.
fn left(state: &ProgressState, line: &mut dyn Write) {
    let eta = state.eta();
    if !eta.is_zero() {
        // A line that cannot be made is not worth an end.
        let _ = write!(line, "  {:#} left", HumanDuration(eta));
    }
}

/// Standard error alone: launchers of MPI programs make standard output a terminal even
/// where their own goes into a file, and then the bar would go there too.
fn terminal() -> ProgressDrawTarget {
    match std::io::stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_puts_a_bounded_number_of_lines_into_the_table() {
        for (first, steps, interval) in
            [(0, 30_000, 50), (700, 120, 7), (5, 20, 1), (0, 1_000_000, 999)]
        {
            let mut lines = Lines::of_stage(first, steps);
            let due =
                (0..=steps / interval).filter(|n| lines.due(first + n * interval)).count() as u64;
            assert!((1..=2 * LINES_PER_STAGE + 1).contains(&due), "{due} lines");
        }
    }

    #[test]
    fn the_first_step_of_a_stage_is_due_and_once_only() {
        let mut lines = Lines::of_stage(100, 5000);
        assert!(lines.due(100));
        assert!(!lines.due(100));
        assert!(!lines.due(199));
        assert!(lines.due(263));
        assert!(!lines.due(299));
        assert!(lines.due(300));
    }

    #[test]
    fn nanoseconds_per_day() {
        // 1 ps per second.
        assert!((ns_per_day(10.0, Duration::from_secs(10)) - 86.4).abs() < 1e-12);
    }
}
