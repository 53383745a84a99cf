//! The words and tables of the log, as text: what runs, how it goes, what came of it.
//! Nothing here prints.

mod outcome;
mod sharing;
mod table;
pub use outcome::{minimised, not_held, swapless, swapped};
pub use sharing::{Memory, ranks};
pub use table::{head, row};

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::departure::Departure;
use super::provenance::{Build, GIT_REVISION};
use crate::clock::{Clock, Phase};
use crate::comm::Comm;
use crate::dynamics::{Minimisation, Outcome};
use crate::force::Statistics;
use crate::geometry::Cell;
use crate::input::{StageConfig, SwapsConfig};
use crate::observe::{Closure, Contact, Record};
use crate::terminal::counted;
use table::{Necks, number_of};

/// More pairs than this are summed up instead of listed.
const LISTED_PAIRS: usize = 6;

/// What is known when a run starts.
pub struct Heading<'a> {
    pub title: &'a str,
    pub input: &'a Path,
    /// Symbol and number of atoms of each species.
    pub composition: &'a [(String, u64)],
    pub particles: usize,
    pub cell: &'a Cell,
    /// Ranks, threads, form of the kernels, cores.
    pub runs_on: &'a str,
    /// The effective conventions of the potential; may have several lines.
    pub conventions: &'a str,
    /// Name and version of the MPI library.
    pub mpi: &'a str,
    pub timestep_fs: f64,
    pub stages: &'a [StageConfig],
    /// Checkpoint and step, where the run goes on from one.
    pub resumed: Option<(&'a Path, u64)>,
    /// When the job ends, and who says so.
    pub end_of_job: &'a str,
    /// What will be written.
    pub files: &'a [PathBuf],
}

/// The head of the log.
pub fn heading(start: &Heading) -> String {
    let atoms: u64 = start.composition.iter().map(|(_, n)| n).sum();
    let species: Vec<String> =
        start.composition.iter().map(|(symbol, n)| format!("{n} {symbol}")).collect();
    let [x, y, z] = start.cell.length;
    let (major, minor, patch) = hdf5::library_version();
    let stages = start.stages.iter().enumerate();
    let files: Vec<String> = start.files.iter().map(|f| f.display().to_string()).collect();

    let mut rows = vec![("input", start.input.display().to_string())];
    if !start.title.is_empty() {
        rows.push(("title", start.title.into()));
    }
    if let Some((checkpoint, step)) = start.resumed {
        rows.push(("goes on from", format!("{}, step {step}", checkpoint.display())));
    }
    rows.extend([
        (
            "atoms",
            format!("{atoms}: {}; {}", species.join(", "), counted(start.particles, "particle")),
        ),
        ("box", format!("{x:.1} x {y:.1} x {z:.1} Å, {}", boundaries(start.cell.periodic))),
        ("time step", format!("{} fs", start.timestep_fs)),
        (
            "stages",
            stages.map(|(n, s)| format!("{}. {}", n + 1, stage(s))).collect::<Vec<_>>().join("\n"),
        ),
        ("potential", start.conventions.trim_end().into()),
        ("program", format!("revision {GIT_REVISION}; {}", Build::own())),
        ("runs on", start.runs_on.into()),
        ("libraries", format!("MPI: {}; HDF5 {major}.{minor}.{patch}", start.mpi)),
        ("writes", files.join("\n")),
        ("job ends", start.end_of_job.into()),
    ]);
    let head = format!("sinter-hpc {}, {}", env!("CARGO_PKG_VERSION"), now());
    format!("{head}\n{}", labelled(&rows))
}

fn now() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(seconds).map(|t| t.to_string()).unwrap_or_default()
}

fn boundaries(periodic: [bool; 3]) -> String {
    let along = |kind| {
        let axes = ["x", "y", "z"].into_iter().zip(periodic);
        axes.filter(|(_, p)| *p == kind).map(|(axis, _)| axis).collect::<Vec<_>>().join(", ")
    };
    match (along(false), along(true)) {
        (free, periodic) if periodic.is_empty() => format!("free in {free}"),
        (free, periodic) if free.is_empty() => format!("periodic in {periodic}"),
        (free, periodic) => format!("free in {free}, periodic in {periodic}"),
    }
}

/// What the input asks that is different from a step on; nothing where there is nothing.
pub fn changes(step: u64, changes: &[String]) -> String {
    if changes.is_empty() {
        return String::new();
    }
    let lines: String = changes.iter().map(|change| format!("  {change}\n")).collect();
    format!("\nDifferent from step {step} on:\n{lines}")
}

/// What is said of a run that was through already, and of changes that come too late.
pub fn nothing_left(step: u64, stages: usize, changes: &[String]) -> String {
    let mut text = format!(
        "\nNothing is left to do: the run is through its {}, and ended at step {step}. To go on \
         with it, make the last stage longer (--extend 10ps, or its `duration_ps`) or add a stage.",
        counted(stages, "stage")
    );
    if !changes.is_empty() {
        text += "\nWithout effect, for no step is left to make:\n";
        changes.iter().for_each(|change| text += &format!("  {change}\n"));
    }
    text
}

/// One line on what a stage does.
pub fn stage(stage: &StageConfig) -> String {
    let kind = stage.kind.name();
    let mut text = match &stage.name {
        Some(name) if name != kind => format!("{name}: {kind}"),
        _ => kind.to_string(),
    };
    if let Some(duration) = stage.duration_ps {
        text += &format!(", {duration} ps");
    }
    match (stage.temperature_k, stage.end_temperature_k) {
        (Some(from), Some(to)) => text += &format!(", {from} to {to} K"),
        (Some(at), None) => text += &format!(", {at} K"),
        _ => {}
    }
    if let Some(pressure) = &stage.pressure {
        let end = pressure.end_gpa.map_or(String::new(), |end| format!(" to {end}"));
        text += &format!(", {}{end} GPa", pressure.target_gpa);
    }
    if let Some(SwapsConfig { attempts, interval_ps, .. }) = &stage.swaps {
        text += &format!(", {attempts} swaps every {interval_ps} ps");
    }
    text
}

/// Width of a terminal for which lines are broken.
const WIDTH: usize = 80;

/// Aligned labels, each with the lines of its text.
fn labelled(rows: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (label, text) in rows {
        let lines = text.lines().flat_map(|line| broken(line, WIDTH - 16));
        for (n, line) in lines.enumerate() {
            let label = if n == 0 { label } else { "" };
            out += &format!("  {label:<13} {line}\n");
        }
    }
    out
}

/// A line broken behind commas, as far as it has some, with what goes on set in.
fn broken(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in line.split_inclusive(", ") {
        let last = lines.last_mut().expect("there is one");
        let together = last.chars().count() + part.trim_end().chars().count();
        if together > width && !last.is_empty() {
            last.truncate(last.trim_end().len());
            lines.push(format!("  {part}"));
        } else {
            *last += part;
        }
    }
    lines
}

/// Seconds in each phase over all ranks.
#[derive(Debug, Clone, PartialEq)]
pub struct PhaseTimes {
    /// min, mean, max, in the order of `Phase::ALL`.
    pub seconds: [[f64; 3]; Phase::ALL.len()],
    /// Mean and max of what a rank computes without waiting for another.
    pub work: [f64; 2],
}

/// Phases in which no rank waits for another.
const WORK: [Phase; 3] = [Phase::Density, Phase::Embedding, Phase::Force];

impl PhaseTimes {
    /// Collective.
    pub fn gather(clock: &Clock, comm: &Comm) -> PhaseTimes {
        let mine = clock.seconds();
        let work: f64 = WORK.iter().map(|&phase| mine[phase as usize]).sum();
        let mut extremes: Vec<f64> = mine.iter().flat_map(|s| [*s, -*s]).chain([work]).collect();
        let mut sums = mine.map(|s| (s * 1e9) as i64);
        comm.max_f64(&mut extremes);
        comm.sum_i64(&mut sums);
        let mean = |k: usize| sums[k] as f64 * 1e-9 / comm.size() as f64;
        PhaseTimes {
            seconds: std::array::from_fn(|k| [-extremes[2 * k + 1], mean(k), extremes[2 * k]]),
            work: [WORK.iter().map(|&phase| mean(phase as usize)).sum(), extremes[2 * mine.len()]],
        }
    }

    /// The table; phases that took no time are left out.
    pub fn table(&self) -> String {
        let total: f64 = self.seconds.iter().map(|s| s[1]).sum();
        let mut out = String::from("time by phase      min s      mean s       max s  share\n");
        for (phase, [min, mean, max]) in Phase::ALL.into_iter().zip(self.seconds) {
            if max > 0.0 {
                let share = 100.0 * mean / total;
                let name = phase.name();
                out += &format!(
                    "  {name:<11} {min:>10.2}  {mean:>10.2}  {max:>10.2}  {share:>3.0} %\n"
                );
            }
        }
        out + &format!("  {:<11} {:>10}  {total:>10.2}\n", "total", "")
    }

    /// How evenly the ranks were loaded.
    pub fn imbalance(&self) -> String {
        let [mean, max] = self.work;
        format!(
            "imbalance: {:.3} (density, embedding, force: the busiest rank over the mean)",
            if mean > 0.0 { max / mean } else { 1.0 }
        )
    }
}

/// How fast a run went.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    pub atoms: u64,
    /// Steps of this session.
    pub steps: u64,
    /// Simulated time of this session, ps.
    pub simulated_ps: f64,
    /// s
    pub wall: f64,
    /// Ranks times threads.
    pub cores: usize,
}

impl Speed {
    pub fn ns_per_day(&self) -> f64 {
        self.simulated_ps * 1e-3 * 86_400.0 / self.wall
    }

    pub fn atom_steps_per_second_per_core(&self) -> f64 {
        self.atoms as f64 * self.steps as f64 / (self.wall * self.cores as f64)
    }

    pub fn line(&self) -> String {
        format!(
            "speed: {:.3} ns/day, {:.0} atom-steps per second and core\n       \
             ({} steps of {} atoms in {:.1} s on {})",
            self.ns_per_day(),
            self.atom_steps_per_second_per_core(),
            self.steps,
            self.atoms,
            self.wall,
            counted(self.cores, "core"),
        )
    }
}

/// What the skin has cost: lists of neighbours, how long they are and how often they were built.
pub fn lists(statistics: &Statistics) -> String {
    let per_atom = |count: u64| count as f64 / statistics.atoms.max(1) as f64;
    format!(
        "lists: built {}; {:.1} neighbours per atom, skin included; {:.2} ghosts",
        counted(statistics.rebuilds, "time"),
        per_atom(statistics.neighbours),
        per_atom(statistics.ghosts),
    )
}

/// What checkpoints have cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Checkpoints {
    count: u64,
    took: Duration,
}

impl Checkpoints {
    pub fn add(&mut self, took: Duration) {
        self.count += 1;
        self.took += took;
    }

    /// `wall`: s, of the whole session.
    pub fn line(&self, wall: f64) -> String {
        let took = self.took.as_secs_f64();
        let each = if self.count > 0 { took / self.count as f64 } else { 0.0 };
        format!(
            "checkpoints: {} written, {each:.2} s each, {:.2} % of the time",
            self.count,
            100.0 * took / wall
        )
    }
}

/// How a run, or the part of it that a job had time for, came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Close {
    /// The protocol is carried out.
    Through,
    /// What was wanted is reached, as told.
    Reached(String),
    /// Something ended the job early, as told.
    Interrupted(String),
}

/// What paths are kept.
pub fn traced(atoms: usize, interval_ps: f64) -> String {
    format!("\nThe paths of {} are kept, every {interval_ps} ps", counted(atoms, "atom"))
}

/// What is known when a run ends.
pub struct End<'a> {
    pub close: &'a Close,
    /// Of the last stage, if energy was minimised there.
    pub minimisation: Option<Minimisation>,
    /// Whether a temperature or a pressure follows a ramp in the last stage, whose slope a longer stage
    /// would change.
    pub ramps: bool,
    /// What stages of the run have not reached, in words.
    pub shortfalls: &'a [String],
    pub checkpoints: Checkpoints,
    pub record: &'a Record,
    pub contacts: &'a [Contact],
    pub statistics: &'a Statistics,
    pub speed: Speed,
    /// What was written.
    pub files: &'a [PathBuf],
    pub trajectory: &'a Path,
    /// The last good one.
    pub checkpoint: Option<&'a Path>,
    /// How to call this program where the run was started.
    pub program: String,
    pub input: &'a Path,
    /// Where it is not the one that belongs to the input.
    pub output: Option<&'a Path>,
    pub ranks: usize,
    pub memory: Option<Memory>,
}

/// The temperature; of how few atoms, where that says little.
fn hotness(end: &End) -> String {
    const FEW: f64 = 10.0;
    let get = |name| number_of(end.record, "/sinter/thermo", name);
    let moving = end.statistics.atoms as f64 - get("frozen_atoms") - get("removed_atoms");
    let kelvin = match get("temperature") {
        t if t < 1e5 => format!("{t:.0} K"),
        t => format!("{t:.1e} K"),
    };
    match moving {
        0.0 => "no atom moves any more".to_string(),
        n if n < FEW => format!("{kelvin} (of {})", counted(n, "atom")),
        _ => kelvin,
    }
}

/// Atoms that have departed in one step.
pub fn departures(new: &[Departure], removes: bool) -> String {
    /// So many are named.
    const NAMED: usize = 10;
    let names: Vec<String> = new.iter().take(NAMED).map(|d| d.atom.to_string()).collect();
    let more = if new.len() > NAMED { ", ..." } else { "" };
    let what = if removes { "removed" } else { "come to rest" };
    let (atoms, names) = (counted(new.len(), "atom"), names.join(", "));
    let step = new.first().map_or(0, |departure| departure.step);
    format!("Step {step}: {atoms} ({names}{more}) {what} far out")
}

/// The last lines: what happened, what was written, what to do next.
pub fn end(end: &End) -> String {
    let record = end.record;
    let get = |name| number_of(record, "/sinter/thermo", name);
    let mut out = match end.close {
        Close::Through => "Done".to_string(),
        Close::Reached(what) => format!("Done ({what})"),
        Close::Interrupted(why) => format!("Stopped early ({why})"),
    };
    let motion = match &end.minimisation {
        // A job that finds the run done makes no step.
        None if end.speed.steps == 0 => hotness(end),
        None => format!("{}, {:.3} ns/day", hotness(end), end.speed.ns_per_day()),
        Some(Minimisation { outcome, largest_force, .. }) => {
            let converged = *outcome == Some(Outcome::Converged);
            let how = if converged { "converged" } else { "not converged" };
            format!("{how}, largest force component {largest_force:.3e} eV/Å")
        }
    };
    out += &format!(" at step {}: {:.3} ps, {motion}.\n", record.step, record.time_ps);
    for what in end.shortfalls {
        out += &format!("Warning: {what}.\n");
    }
    if let Some(pairs) = record.series("/sinter/pairs") {
        out += &contacts(&Necks::of(pairs), end.contacts);
    }
    out += &match get("evaporated_atoms") as u64 {
        0 => "No atom has evaporated.\n".to_string(),
        1 => "1 atom has evaporated.\n".to_string(),
        n => format!("{n} atoms have evaporated.\n"),
    };
    for (what, column) in [("at rest", "frozen_atoms"), ("removed", "removed_atoms")] {
        match get(column) as u64 {
            0 => {}
            n => {
                let atoms = counted(n, "atom");
                out += &format!("{atoms} {what} far out ([evaporation] in the input).\n");
            }
        }
    }

    out += "Written:\n";
    for file in end.files {
        let size = std::fs::metadata(file).map_or("missing".into(), |m| bytes(m.len()));
        out += &format!("  {}, {size}\n", file.display());
    }
    out += "Next:\n";
    for (what, command) in next(end) {
        out += &format!("  {what:<17} {command}\n");
    }
    if matches!(end.close, Close::Interrupted(_)) {
        out += "Exit code 75: submit the job again to go on from the checkpoint.\n";
    }
    out
}

/// What to do with the results, as commands that work in the folder where the run was
/// started, on the machine where it ran.
fn next(end: &End) -> Vec<(&'static str, String)> {
    let trajectory = quoted(end.trajectory);
    let mut next = vec![("what it holds", format!("{} inspect {trajectory}", end.program))];
    next.push(match is_on_path("ovito") {
        true => ("look at it", format!("ovito {trajectory}")),
        false => ("look at it", format!("open {trajectory} in OVITO")),
    });
    if let Some(tools) = sinter_tools() {
        next.push(("draw figures", format!("{} plot {trajectory}", quoted(&tools))));
    }
    if end.checkpoint.is_some() {
        let launch = match end.ranks {
            1 => String::new(),
            n => format!("mpirun -n {n} "),
        };
        let output = end.output.map_or(String::new(), |o| format!("--output {} ", quoted(o)));
        let again =
            |how: &str| format!("{launch}{} {how} {output}{}", end.program, quoted(end.input));
        next.push(match end.close {
            Close::Interrupted(_) => ("go on", again("--resume")),
            Close::Reached(_) => {
                ("go on beyond it", format!("change [stop], then {}", again("--resume")))
            }
            Close::Through if end.minimisation.is_some() => {
                let out_of_steps = |end: &Minimisation| end.outcome == Some(Outcome::OutOfSteps);
                let what = match end.minimisation.as_ref().is_some_and(out_of_steps) {
                    true => "make max_steps larger",
                    false => "add a stage",
                };
                ("go on for longer", format!("{what}, then {}", again("--resume")))
            }
            Close::Through if end.ramps => {
                ("go on for longer", format!("add a stage, then {}", again("--resume")))
            }
            Close::Through => ("go on for longer", again("--resume --extend 10ps")),
        });
    }
    next
}

/// How this process was called: what works in the same folder once more.
pub fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_else(|| "sinter-hpc".into());
    quoted(Path::new(&called))
}

/// The command that draws, where it is installed: on the path, or by `tools/quickstart` in
/// the folder of builds.
fn sinter_tools() -> Option<PathBuf> {
    const NAME: &str = "sinter-tools";
    if is_on_path(NAME) {
        return Some(NAME.into());
    }
    let program = std::env::current_exe().ok()?;
    let tools = program.ancestors().map(|folder| folder.join("tools-python/bin").join(NAME));
    tools.into_iter().find(|file| file.is_file())
}

fn is_on_path(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// A path as a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    match text.chars().all(plain) && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn contacts(necks: &Necks, contacts: &[Contact]) -> String {
    if contacts.len() > LISTED_PAIRS {
        let mut out = format!("{} of {} gaps are closed", necks.closed(), contacts.len());
        if necks.closed() > 0 {
            let (atoms, radius) = (necks.atoms.iter().sum::<f64>(), necks.mean_radius());
            out += &format!(", by {atoms} atoms in their necks, mean neck radius {radius:.1} Å");
        }
        return out + ".\n";
    }
    let mut out = String::new();
    for (k, contact) in contacts.iter().enumerate() {
        let [a, b] = [necks.particles[2 * k], necks.particles[2 * k + 1]];
        let mut line =
            format!("Particles {a} and {b}, centres {:.2} Å apart:\n  ", necks.distance[k]);
        line += &match (contact.closed_since_ps, contact.first_closed_ps) {
            (Some(since), first) => format!(
                "the gap closed, for good since {since:.3} ps (first contact at {:.3} ps);\n  {}: \
                 {} in it, radius {:.1} Å.",
                first.unwrap_or(since),
                match contact.neck_since_ps {
                    Some(neck) => {
                        let closure =
                            contact.closure().map_or(String::new(), |closure| match closure {
                                Closure::Touching => String::new(),
                                _ => format!(", by {}", closure.name()),
                            });
                        format!("a neck since {neck:.3} ps{closure}")
                    }
                    None => "no lasting neck yet".to_string(),
                },
                counted(necks.atoms[k], "atom"),
                necks.radius[k],
            ),
            (None, Some(first)) => format!(
                "the gap is open, {:.2} Å, though it was bridged for a while (first at {first:.3} ps).",
                necks.gap[k]
            ),
            (None, None) if necks.gap[k].is_nan() => {
                "too few atoms to measure a gap or a neck.".to_string()
            }
            (None, None) => format!("the gap did not close, {:.2} Å; no neck.", necks.gap[k]),
        };
        out += &format!("{line}\n");
    }
    out
}

/// A size for people.
fn bytes(n: u64) -> String {
    match n as f64 {
        n if n < 1e3 => format!("{n} bytes"),
        n if n < 1e6 => format!("{:.1} kB", n * 1e-3),
        n if n < 1e9 => format!("{:.1} MB", n * 1e-6),
        n => format!("{:.1} GB", n * 1e-9),
    }
}

#[cfg(test)]
mod tests;
