//! The log of a run: on the terminal and, once the output folder stands, in
//! `run.log`, to which a resumed run appends.
//!
//! Only the root prints; on other ranks every call does nothing. Messages of the
//! `log` macros go the same way (`RUST_LOG` filters, `info` unless given): all of
//! them into the file, warnings and errors to the terminal's error stream too. Every
//! command installs it, most without ever opening a file. A file that cannot be
//! written is an error of the next `record` or `finish`, not a panic.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::failure;
use super::progress::{Bar, Lines, Pace};
use super::report::{self, End, Heading, PhaseTimes};
use crate::comm::Comm;
use crate::error::Result;
use crate::observe::Record;
use crate::terminal::{self, Kind};

pub struct Log {
    /// `None` on ranks that do not print.
    sink: Option<Arc<Sink>>,
    pace: Pace,
    lines: Lines,
    /// Number of atoms, for energies per atom.
    atoms: u64,
    /// That of the table under way: of each stage, and where other columns begin.
    head: String,
    /// The last line of the table, where it was left out.
    pending: Option<Record>,
    session_first_step: u64,
}

/// Where lines go; shared with the `log` macros.
struct Sink {
    file: Mutex<LogFile>,
    bar: Bar,
    /// `false`: the file alone.
    terminal: bool,
}

/// `run.log`, or the lines that wait for it.
#[derive(Default)]
struct LogFile {
    path: PathBuf,
    file: Option<File>,
    waiting: String,
    failed: Option<std::io::Error>,
}

impl LogFile {
    fn write(&mut self, text: &str) {
        match &mut self.file {
            None => self.waiting += text,
            Some(file) => {
                if let Err(error) = file.write_all(text.as_bytes()) {
                    self.failed.get_or_insert(error);
                }
            }
        }
    }
}

impl Sink {
    fn file(&self) -> MutexGuard<'_, LogFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lines to file and terminal.
    fn say(&self, text: &str) {
        let text = format!("{}\n", text.trim_end());
        self.file().write(&text);
        if self.terminal {
            // A terminal that went away stops no run.
            self.bar.suspend(|| drop(std::io::stdout().write_all(text.as_bytes())));
        }
    }

    /// The first failure to write, once.
    fn check(&self) -> Result<()> {
        let mut file = self.file();
        match file.failed.take() {
            Some(error) => Err(failure::unwritten(&file.path, error)),
            None => Ok(()),
        }
    }
}

impl Log {
    /// Prints on the root alone.
    pub fn new(comm: &Comm) -> Log {
        Log::with_sink(comm.is_root().then(|| Sink {
            file: Mutex::default(),
            bar: Bar::new(true, "steps"),
            terminal: true,
        }))
    }

    /// The same for a file alone; the bar is drawn.
    pub fn silent(comm: &Comm) -> Log {
        Log::with_sink(comm.is_root().then(|| Sink {
            file: Mutex::default(),
            bar: Bar::new(true, "steps"),
            terminal: false,
        }))
    }

    fn with_sink(sink: Option<Sink>) -> Log {
        Log {
            sink: sink.map(Arc::new),
            pace: Pace::new(0.0),
            lines: Lines::of_stage(0, 0),
            atoms: 1,
            head: String::new(),
            pending: None,
            session_first_step: 0,
        }
    }

    /// Lets the `log` macros of this process come here.
    pub fn install(&self) {
        let filter = env_logger::Env::default().default_filter_or("info");
        let filter = env_logger::Builder::from_env(filter).build();
        log::set_max_level(filter.filter());
        // A second log in one process, as in tests, leaves the first in place.
        let _ = log::set_boxed_logger(Box::new(Messages { filter, sink: self.sink.clone() }));
    }

    /// Opens `run.log` for appending and puts there what has been said so far.
    pub fn open(&mut self, path: &Path) -> Result<()> {
        let Some(sink) = &self.sink else { return Ok(()) };
        let failed = |error| failure::unwritten(path, error);
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() > 0 {
            file.write_all(format!("\n{}\n", "-".repeat(72)).as_bytes()).map_err(failed)?;
        }
        let mut log = sink.file();
        file.write_all(std::mem::take(&mut log.waiting).as_bytes()).map_err(failed)?;
        log.file = Some(file);
        log.path = path.to_path_buf();
        Ok(())
    }

    /// Lines to terminal and file.
    pub fn say(&self, text: &str) {
        if let Some(sink) = &self.sink {
            sink.say(text);
        }
    }

    /// What runs, and the head of the table.
    pub fn start(&mut self, start: &Heading) {
        self.atoms = start.composition.iter().map(|(_, n)| n).sum::<u64>().max(1);
        self.say(&report::heading(start));
    }

    /// The clock of ns/day begins to run here: building and reading do not count.
    pub fn begin(&mut self, step: u64, time_ps: f64) {
        self.pace = Pace::new(time_ps);
        self.session_first_step = step;
    }

    /// A stage begins, of so many steps at most.
    pub fn begin_stage(&mut self, title: &str, step: u64, steps: u64) {
        self.lines = Lines::of_stage(step, steps);
        self.head.clear();
        self.say(&format!("\n{title}"));
        if let Some(sink) = &self.sink {
            sink.bar.begin(step, steps);
        }
    }

    /// Called at every step.
    pub fn step(&self, step: u64) {
        if let Some(sink) = &self.sink {
            sink.bar.at(step);
        }
    }

    /// A measurement: now and then a line of the table.
    pub fn record(&mut self, record: &Record) -> Result<()> {
        let Some(sink) = self.sink.clone() else { return Ok(()) };
        if !self.lines.due(record.step) || sink.bar.is_too_soon(&self.pace) {
            self.pending = Some(record.clone());
        } else {
            self.row(&sink, record);
        }
        sink.check()
    }

    fn row(&mut self, sink: &Sink, record: &Record) {
        let rate = self.pace.since_last_line(record.time_ps);
        let head = report::head(record);
        if head != self.head {
            sink.say(&head);
            self.head = head;
        }
        sink.say(&report::row(record, self.atoms, rate));
        sink.bar.message(format!("{rate:.2} ns/day"));
        self.pending = None;
    }

    /// The last measurement of a stage always has its line.
    pub fn end_stage(&mut self) {
        if let (Some(sink), Some(record)) = (self.sink.clone(), self.pending.take()) {
            self.row(&sink, &record);
        }
    }

    /// Speed of this session up to a step.
    pub fn speed(&self, step: u64, time_ps: f64, cores: usize) -> report::Speed {
        let (simulated_ps, wall) = self.pace.total(time_ps);
        let steps = step - self.session_first_step;
        report::Speed { atoms: self.atoms, steps, simulated_ps, wall, cores }
    }

    /// Time by phase, speed, and the last lines.
    pub fn finish(&mut self, times: &PhaseTimes, end: &End) -> Result<()> {
        let Some(sink) = &self.sink else { return Ok(()) };
        sink.bar.finish();
        let (table, imbalance) = (times.table(), times.imbalance());
        let (mut lists, speed) = (report::lists(end.statistics), end.speed.line());
        if end.ranks > 1 {
            lists += &format!("\n{}", report::ranks(end.statistics));
        }
        let memory = end.memory.map(|memory| memory.line(end.ranks) + "\n").unwrap_or_default();
        let checkpoints = end.checkpoints.line(end.speed.wall);
        sink.say(&format!(
            "\n{table}\n{imbalance}\n{lists}\n{speed}\n{memory}{checkpoints}\n\n{}",
            report::end(end)
        ));
        sink.check()
    }
}

/// The `log` macros.
struct Messages {
    filter: env_logger::Logger,
    sink: Option<Arc<Sink>>,
}

impl log::Log for Messages {
    fn enabled(&self, metadata: &log::Metadata) -> bool {
        self.sink.is_some() && self.filter.enabled(metadata)
    }

    fn log(&self, record: &log::Record) {
        let Some(sink) = &self.sink else { return };
        if !self.filter.matches(record) {
            return;
        }
        let (level, kind) = match record.level() {
            log::Level::Error => ("error".to_string(), Some(Kind::Error)),
            log::Level::Warn => ("warning".to_string(), Some(Kind::Warning)),
            level => (level.as_str().to_lowercase(), None),
        };
        let message = record.args().to_string();
        sink.file().write(&format!("{level}: {message}\n"));
        if let Some(kind) = kind.filter(|_| sink.terminal) {
            sink.bar.suspend(|| terminal::notice(kind, &message));
        }
    }

    fn flush(&self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::Log as _;

    fn file_only() -> Log {
        Log::with_sink(Some(Sink {
            file: Mutex::default(),
            bar: Bar::new(false, "steps"),
            terminal: false,
        }))
    }

    fn record(step: u64) -> Record {
        Record { step, time_ps: step as f64 * 0.002, series: vec![] }
    }

    #[test]
    fn a_resumed_run_appends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        for text in ["first session", "second session"] {
            let mut log = file_only();
            // Said before the folder stands.
            log.say(text);
            log.open(&path).unwrap();
            log.say("on");
        }
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = written.lines().filter(|l| !l.starts_with('-')).collect();
        assert_eq!(lines, ["first session", "on", "", "second session", "on"]);
    }

    #[test]
    fn the_last_measurement_of_a_stage_has_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let mut log = file_only();
        log.open(&path).unwrap();
        log.begin_stage("hold", 0, 5000);
        for step in (0..=5000).step_by(10) {
            log.record(&record(step)).unwrap();
        }
        log.record(&record(5001)).unwrap();
        log.end_stage();
        log.end_stage();
        let written = std::fs::read_to_string(&path).unwrap();
        let steps: Vec<u64> = written
            .lines()
            .filter_map(|line| line.split_whitespace().next()?.parse().ok())
            .collect();
        let expected: Vec<u64> = (0..=5000).step_by(100).chain([5001]).collect();
        assert_eq!(steps, expected);
    }

    #[test]
    fn messages_of_the_log_macros_reach_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let mut log = file_only();
        log.open(&path).unwrap();
        let filter = env_logger::Builder::new().filter_level(log::LevelFilter::Info).build();
        let messages = Messages { filter, sink: log.sink.clone() };
        for (level, text) in [(log::Level::Warn, "kept"), (log::Level::Debug, "dropped")] {
            let record = format_args!("{text}").to_string();
            messages
                .log(&log::Record::builder().level(level).args(format_args!("{record}")).build());
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "warning: kept\n");
    }

    #[test]
    fn a_full_disk_is_an_error_with_the_name_of_the_file() {
        let mut log = file_only();
        log.open(Path::new("/dev/full")).unwrap();
        log.say("text");
        let error = log.record(&record(0)).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: "), "{error}");
    }

    #[test]
    fn other_ranks_say_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let mut log = Log::with_sink(None);
        log.open(&path).unwrap();
        log.say("nothing");
        log.record(&record(0)).unwrap();
        assert!(!path.exists());
    }
}
