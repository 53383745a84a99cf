//! `sinter-hpc plan`: what a run on so many ranks would be, before it is queued.
//!
//! One process builds the structure, part by part where it is large, and lists its neighbours;
//! `space` divides it among ranks as a run does, `cost` says what a share takes in memory and time. Sizes of files
//! follow from the protocol. The time rests on the speed of a core, that of this machine
//! measured on a part of the structure unless another is given.

mod cost;
mod space;
mod waiting;

use super::arguments;
use super::warnings;
use crate::build::Parts;
use crate::dynamics::{Protocol, Stage};
use crate::error::{Error, Result};
use crate::force::Settings;
use crate::input::{self, Arrangement, Config};
use crate::potential::{ForceField, Potential};
use crate::terminal::counted;
use crate::write::progress::Bar;
use crate::write::{Content, checkpoint};
use cost::Step;
use space::{Share, Space, imbalance_of};
use std::fmt::Write;

/// Most ranks to plan for.
const MOST_RANKS: usize = 1 << 20;

/// What HDF5 and the schema take beside the atoms of a trajectory, bytes: with the series of a
/// short run, and room held for chunks unless they are compressed.
const TRAJECTORY_HEAD: u64 = 2_000_000;
const COMPRESSED_HEAD: u64 = 560_000;

/// Below this a core waits more than it works.
const PAYS: f64 = 0.5;

/// Prints the plan of a run on each of these numbers of ranks.
pub fn plan(wanted: &arguments::Plan) -> Result<()> {
    let config = warnings::read_input(&wanted.input)?;
    print!("{}", report(&config, wanted)?);
    Ok(())
}

fn report(config: &Config, wanted: &arguments::Plan) -> Result<String> {
    let threads = wanted.threads.get();
    for ranks in &wanted.ranks {
        if ranks.get() > MOST_RANKS {
            return Err(Error::Usage(format!(
                "--ranks: a plan is made for at most {MOST_RANKS} ranks, not {ranks}"
            )));
        }
    }
    let mut config = config.clone();
    let (field, _) = warnings::potential(&mut config)?;
    let config = &config;
    // Together, space is harder to divide than apart.
    let mut together = config.clone();
    for stage in &mut together.stages {
        stage.particles = Arrangement::Together;
    }
    let settings = Settings {
        skin: config.dynamics.skin_angstrom,
        energy_bound: config.output.energy_bound_ev_per_atom,
    };
    let bar = Bar::waiting("making the structure");
    let parts = Parts::new(&together);
    bar.finish();
    let parts = parts?;
    input::settle(&mut config.clone(), parts.whole().layout.cell.periodic)?;
    let space = Space::new(&parts, &field, settings)?;
    let speed = match wanted.speed {
        Some(speed) => speed.get() as f64,
        None => space::speed(&parts, &field, settings)?,
    };
    let observed = cost::observed(&config.output);
    let planned = Planned { space, field: &field, threads, speed, observed };
    let work = Work::of(config);
    let mut text = String::new();
    let (mut rows_of_space, mut of_time) = (Vec::new(), Vec::new());
    for ranks in &wanted.ranks {
        let shares = planned.space.shares_with_waiting(ranks.get(), threads);
        let per_node = wanted.ranks_per_node.unwrap_or(*ranks).get();
        rows_of_space.push(planned.of_space(&shares, per_node));
        of_time.push(planned.of_time(&shares, config, &work));
    }
    planned.describe_atoms(&mut text);
    describe_files(&mut text, config, planned.space.atoms(), &work);
    let node = if wanted.ranks_per_node.is_some() { "per node" } else { "together" };
    text += &table(of_space(node), &rows_of_space);
    text += &table(OF_TIME, &of_time);
    planned.describe_limit(&mut text);
    planned.describe_assumptions(&mut text, wanted.speed.is_none());
    if work.minimisation > 0 {
        let _ = writeln!(text, "minimisations: at most {} steps on top", work.minimisation);
    }
    let stages = Protocol::new(config).stages;
    let attempts = in_all(&stages, |stage| {
        stage.swaps.as_ref().map(|swaps| stage.steps / swaps.interval * swaps.attempts)
    });
    if attempts > 0 {
        let _ =
            writeln!(text, "swaps: {attempts} attempts on top, a step for those that do not touch");
    }
    let changes = in_all(&stages, |stage| {
        stage.pressure.as_ref().map(|pressure| stage.steps / pressure.interval)
    });
    if changes > 0 {
        let _ = writeln!(text, "changes of the box: {changes} on top, a step and a list each");
    }
    Ok(text)
}

/// How often something is done that not each stage has.
fn in_all(stages: &[Stage], of: impl Fn(&Stage) -> Option<u64>) -> u64 {
    stages.iter().filter_map(of).sum()
}

/// What each rank has of space, and what it sends to others for an evaluation of the forces.
fn of_space(node: &str) -> [[&str; 2]; 8] {
    [
        ["ranks", ""],
        ["atoms", "per rank"],
        ["imbalance", ""],
        ["ghosts", "per rank"],
        ["memory", "per rank"],
        ["memory", node],
        ["sends", "per step"],
        ["messages", "per step"],
    ]
}

const OF_TIME: [[&str; 2]; 6] = [
    ["ranks", ""],
    ["step", "ms"],
    ["messages", "ms"],
    ["effi-", "ciency"],
    ["speed", "ns/day"],
    ["run", ""],
];

/// A table with these words above its columns.
fn table<const N: usize>(head: [[&str; 2]; N], rows: &[[String; N]]) -> String {
    let line = |cells: [&str; N]| {
        let cells = cells.map(|cell| format!("{cell:>9}"));
        cells.join(" ").trim_end().to_string() + "\n"
    };
    let head = [0, 1].map(|n| line(head.map(|words| words[n]))).concat();
    let rows = rows.iter().map(|row| line(std::array::from_fn(|n| &*row[n])));
    rows.fold(format!("\n{head}"), |text, row| text + &row)
}

/// What a plan is made from.
struct Planned<'m> {
    space: Space,
    field: &'m ForceField,
    /// Of each rank.
    threads: usize,
    /// Atoms times evaluations of forces per second and core.
    speed: f64,
    /// What observers take that are asked for, bytes of an atom.
    observed: u64,
}

impl Planned<'_> {
    fn step(&self, shares: &[Share]) -> Step {
        Step::of(shares, self.threads, self.speed, self.field.words())
    }

    fn efficiency(&self, shares: &[Share]) -> f64 {
        let cores = shares.len() * self.threads;
        self.step(shares).efficiency(self.space.atoms(), cores, self.speed)
    }

    /// Of so many ranks: the busiest and the largest count.
    fn of_space(&self, shares: &[Share], per_node: usize) -> [String; 8] {
        let most = |of: &dyn Fn(&Share) -> u64| shares.iter().map(of).max().unwrap_or(0);
        let words = self.field.words();
        let memory = cost::memories(
            shares,
            (self.threads, per_node),
            self.field,
            self.space.reach,
            self.observed,
        );
        let of_node = |node: &[u64]| node.iter().sum::<u64>();
        [
            shares.len().to_string(),
            most(&|s| s.atoms).to_string(),
            format!("{:.3}", imbalance_of(shares)),
            most(&|s| s.ghosts).to_string(),
            bytes(memory.iter().copied().max().unwrap_or(0)),
            bytes(memory.chunks(per_node).map(of_node).max().unwrap_or(0)),
            bytes(most(&|s| s.traffic(words).bytes)),
            most(&|s| s.traffic(words).messages).to_string(),
        ]
    }

    fn of_time(&self, shares: &[Share], config: &Config, work: &Work) -> [String; 6] {
        let step = self.step(shares);
        let ns_per_day = config.dynamics.timestep_fs * 1e-6 * 86_400.0 / step.seconds();
        [
            shares.len().to_string(),
            format!("{:.3}", 1e3 * step.seconds()),
            format!("{:.3}", 1e3 * step.messages),
            format!("{:.0} %", 100.0 * self.efficiency(shares)),
            format!("{ns_per_day:.2}"),
            duration(work.steps as f64 * step.seconds()),
        ]
    }

    fn describe_atoms(&self, text: &mut String) {
        let share = self.space.shares(1)[0];
        let _ = writeln!(
            text,
            "atoms        {}, {:.1} neighbours of each in the lists",
            share.atoms,
            share.neighbours as f64 / share.atoms.max(1) as f64
        );
    }

    /// The largest power of two of ranks that pays.
    fn describe_limit(&self, text: &mut String) {
        let pays = |power: u32| self.efficiency(&self.space.shares(1 << power)) >= PAYS;
        let (mut yes, mut no) = (0, self.space.atoms().max(2).ilog2().min(MOST_RANKS.ilog2()) + 1);
        while no - yes > 1 {
            let middle = (yes + no) / 2;
            if pays(middle) { yes = middle } else { no = middle }
        }
        let ranks = 1 << yes;
        let each = self.space.atoms() / ranks;
        let threads = match self.threads {
            1 => String::new(),
            n => format!(" of {n} threads"),
        };
        let _ = writeln!(
            text,
            "\nIt pays up to some {}{threads}, {each} atoms on each: beyond that a core waits\n\
             more than it works (efficiency below {:.0} %).",
            counted(ranks, "rank"),
            100.0 * PAYS
        );
    }

    fn describe_assumptions(&self, text: &mut String, measured: bool) {
        let from = if measured { "measured here and now" } else { "as given" };
        let _ = writeln!(
            text,
            "Assumed: {:.2} million evaluations of an atom's forces per second on each core\n\
             ({from}; --speed {:.0} gives these figures anywhere), a sixth more for lists\n\
             and integration. Not measured, but taken for the network: messages of {:.0} µs,\n\
             {:.0} µs more for each neighbouring rank and {:.0} GB/s, {} sums over all ranks in a\n\
             step. Files come on top.",
            self.speed * 1e-6,
            self.speed,
            1e6 * cost::LATENCY,
            1e6 * cost::PER_MESSAGE,
            1e-9 * cost::BANDWIDTH,
            cost::REDUCTIONS
        );
    }
}

/// What the protocol asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Work {
    /// Time steps, and evaluations in minimisations at most.
    steps: u64,
    minimisation: u64,
    frames: u64,
}

impl Work {
    /// A frame stands at the begin of each stage and of each interval in it, and at the end.
    fn of(config: &Config) -> Work {
        let mut work = Work { frames: 1, ..Work::default() };
        for stage in &config.stages {
            let interval =
                stage.trajectory_interval_ps.unwrap_or(config.output.trajectory_interval_ps);
            match stage.duration_ps.filter(|_| stage.kind.is_dynamic()) {
                Some(duration) => {
                    let steps = config.dynamics.steps(duration);
                    work.steps += steps;
                    work.frames += steps.div_ceil(config.dynamics.steps(interval).max(1));
                }
                None => {
                    work.minimisation += stage.max_steps;
                    work.frames += 1;
                }
            }
        }
        work
    }
}

/// How large the files will be.
fn describe_files(text: &mut String, config: &Config, atoms: u64, work: &Work) {
    let content = Content::of(&config.output);
    let frame = (atoms as f64 * content.bytes_per_atom()) as u64;
    let head = if content.form.compressed { COMPRESSED_HEAD } else { TRAJECTORY_HEAD };
    let _ = writeln!(
        text,
        "trajectory   {}: {} frames of {}, and the series",
        bytes(frame * work.frames + head),
        work.frames,
        bytes(frame)
    );
    let _ = writeln!(
        text,
        "checkpoints  {} each, the last {} are kept",
        bytes(checkpoint::bytes_of(atoms, config.output.diffusion_window_ps.is_some())),
        config.checkpoint.keep
    );
    let _ = writeln!(text, "steps        {}", work.steps);
}

/// In the unit that suits it.
fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.3} {}", units[unit]) }
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::super::potential::potential;
    use super::space::shake;
    use super::*;
    use crate::build;
    use crate::comm::Comm;
    use crate::force::Engine;
    use crate::input;
    use std::path::Path;

    fn quickstart() -> Config {
        input::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/inputs/quickstart.toml")))
            .unwrap()
    }

    #[test]
    fn work_follows_from_the_protocol() {
        let config = quickstart();
        let steps = |ps: f64| (ps * 1000.0 / config.dynamics.timestep_fs).round() as u64;
        let durations: Vec<f64> = config.stages.iter().filter_map(|s| s.duration_ps).collect();
        let interval = steps(config.output.trajectory_interval_ps);
        let wanted = Work {
            steps: durations.iter().map(|&d| steps(d)).sum(),
            minimisation: 0,
            frames: 1 + durations.iter().map(|&d| steps(d).div_ceil(interval)).sum::<u64>(),
        };
        assert_eq!(Work::of(&config), wanted);
    }

    /// A run divides space by atoms alone until it finds that worse than this, and
    /// does not look again (`force::Engine`).
    const DIVIDED_OTHERWISE: f64 = 0.1;

    #[test]
    fn the_ranks_of_a_plan_are_those_of_a_run() {
        let mut config = quickstart();
        config.stages.truncate(0);
        let (field, _) = potential(&mut config).unwrap();
        let settings = Settings { skin: 1.0, energy_bound: 100.0 };
        let space = Space::new(&Parts::new(&config).unwrap(), &field, settings).unwrap();
        for ranks in [1, 5, 8] {
            let shares = space.shares(ranks);
            let real = crate::comm::threads::run(ranks, |comm| {
                let mut built = build::structure(&config, comm).unwrap();
                built.atoms.iter_mut().for_each(shake);
                let engine = Engine::new(comm, &field, built.cell, built.atoms, settings).unwrap();
                *engine.statistics()
            })[0];
            let sum = |of: fn(&Share) -> u64| shares.iter().map(of).sum::<u64>();
            assert_eq!(sum(|s| s.atoms), real.atoms);
            assert_eq!(sum(|s| s.neighbours), real.neighbours);
            let [planned, ghosts] = [sum(|s| s.ghosts) as f64, real.ghosts as f64];
            assert!((planned - ghosts).abs() <= DIVIDED_OTHERWISE * ghosts, "{planned} {ghosts}");
        }
    }

    fn planned(line: &str) -> Result<String> {
        let words = line.split_whitespace().map(std::ffi::OsString::from);
        let arguments = arguments::Arguments::read(words).unwrap();
        let Some(arguments::Command::Plan(wanted)) = arguments.command else { panic!("{line}") };
        report(&quickstart(), &wanted)
    }

    /// The numbers of the rows for so many ranks: of space, of time.
    fn rows(text: &str, ranks: usize) -> [Vec<f64>; 2] {
        let ranks = ranks.to_string();
        let rows =
            text.lines().filter(|line| line.split_whitespace().next() == Some(&*ranks)).take(2);
        let numbers =
            |row: &str| row.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        rows.map(numbers).collect::<Vec<_>>().try_into().expect("a row in each table")
    }

    #[test]
    fn a_report_has_a_row_for_each_number_of_ranks_and_says_where_it_stops_paying() {
        let line = "sinter-hpc plan q.toml --ranks 1,8,64,1024 --threads 2 --speed 1000000";
        let text = planned(line).unwrap();
        let atoms = build::layout(&quickstart(), &Comm::single()).unwrap().atoms;
        assert!(text.starts_with(&format!("atoms        {atoms}, ")), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 91), "{text}");
        let of = |table: usize, column: usize| {
            [1, 8, 64, 1024].map(|ranks| rows(&text, ranks)[table][column])
        };
        // ranks, atoms, imbalance, ghosts, memory, memory of a node, sends, messages
        let messages = of(0, 7);
        assert_eq!(messages[0], 0.0, "{text}");
        assert!(messages[2] > messages[1] && messages[1] == 2.0 * 2.0 * 7.0, "{text}");
        // ranks, step, messages, efficiency ...
        let messages = of(1, 2);
        assert_eq!(messages[0], 0.0, "{text}");
        assert!(messages[3] > messages[1] && messages[1] > 0.0, "{text}");
        let efficiency = of(1, 3);
        assert!(efficiency.windows(2).all(|pair| pair[1] < pair[0]), "{text}");
        assert!(efficiency[0] == 100.0 && efficiency[3] < 20.0, "{text}");
        let limit = text.split("It pays up to some ").nth(1).unwrap();
        let limit: usize = limit.split_whitespace().next().unwrap().parse().unwrap();
        assert_eq!(limit, 4, "{text}");
        // Nodes that the ranks fill, or one for all of them.
        assert!(text.contains(" together ") && !text.contains("per node"), "{text}");
        let on_nodes = planned(&format!("{line} --ranks-per-node 16")).unwrap();
        assert!(on_nodes.contains(" per node "), "{on_nodes}");
        let memory = |text: &str, ranks| {
            let row = text.lines().find(|line| line.trim_start().starts_with(&format!("{ranks} ")));
            let words: Vec<&str> = row.unwrap().split_whitespace().collect();
            let bytes = if words[7] == "GB" { 1e3 } else { 1.0 } * words[6].parse::<f64>().unwrap();
            bytes.round()
        };
        assert_eq!(memory(&on_nodes, 8), memory(&text, 8));
        let part = memory(&on_nodes, 64) / memory(&text, 64);
        assert!((0.2..0.3).contains(&part), "a quarter: {part}");
        // Nothing of this machine is in it.
        assert_eq!(planned(line).unwrap(), text);
        let error = planned("sinter-hpc plan q.toml --ranks 2000000").unwrap_err();
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn one_rank_sends_no_messages_to_itself() {
        let mut config =
            input::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/inputs/bulk.toml")))
                .unwrap();
        config.stages.truncate(1);
        let words = "sinter-hpc plan b.toml --ranks 1,2 --speed 1000000".split(' ');
        let arguments = arguments::Arguments::read(words.map(std::ffi::OsString::from)).unwrap();
        let Some(arguments::Command::Plan(wanted)) = arguments.command else { panic!() };
        let text = report(&config, &wanted).unwrap();
        // Its ghosts are images of its own atoms.
        let [[space, time], [_, of_two]] = [1, 2].map(|ranks| rows(&text, ranks));
        assert!(space[3] > 0.0 && space[6..] == [0.0, 0.0], "{text}");
        assert!(time[2] == 0.0 && time[3] == 100.0, "{text}");
        assert!(of_two[2] > 0.0 && of_two[3] < 100.0, "{text}");
    }

    #[test]
    fn figures_come_in_the_unit_that_suits_them() {
        assert_eq!(
            [999, 1000, 1_234_567, 5_000_000_000].map(bytes),
            ["999 B", "1.000 kB", "1.235 MB", "5.000 GB"]
        );
        assert_eq!(
            [1.0, 600.0, 36_000.0, 864_000.0].map(duration),
            ["1 s", "10 min", "10.0 h", "10.0 days"]
        );
    }
}
