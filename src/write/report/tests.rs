//! The text as a whole: what a reader of the log sees.

use super::*;
use crate::exchange::Traffic;
use crate::force::Statistics;
use crate::geometry::Cell;
use crate::input;
use crate::observe::{Column, Series, Values};

fn series(path: &'static str, columns: Vec<Column>) -> Series {
    Series { path, columns }
}

fn column(name: &'static str, values: Values) -> Column {
    Column { name, unit: "", definition: "", shape: vec![values.len()], values }
}

fn record(gap: &[f64], radius: &[f64], atoms: &[i64]) -> Record {
    let real = |name, value| Column::real(name, "", "", value);
    let pairs = gap.len() as i64;
    let mut list = vec![series(
        "/sinter/thermo",
        vec![
            real("temperature", 1468.4),
            real("total_energy", -11_000.0),
            Column::count("evaporated_atoms", "", 0),
        ],
    )];
    if !gap.is_empty() {
        list.push(series(
            "/sinter/pairs",
            vec![
                column("particles", Values::Integer((0..pairs).flat_map(|k| [k, k + 1]).collect())),
                column("centre_distance", Values::Real(vec![31.8; gap.len()])),
                column("gap", Values::Real(gap.to_vec())),
                column("neck_radius", Values::Real(radius.to_vec())),
                column("neck_atoms", Values::Integer(atoms.to_vec())),
            ],
        ));
    }
    Record { step: 30_000, time_ps: 60.0, series: list }
}

fn contact(first: Option<f64>, since: Option<f64>) -> Contact {
    Contact {
        particles: [0, 1],
        radii: [10.0; 2],
        found_ps: None,
        first_closed_ps: first,
        closed_since_ps: since,
        first_distance: Some(33.0),
        first_gap: Some(4.2),
        contact_distance: Some(32.9),
        layer_since_ps: since,
        neck_since_ps: since.map(|since| since + 0.4),
    }
}

const SPEED: Speed =
    Speed { atoms: 2206, steps: 30_000, simulated_ps: 60.0, wall: 100.0, cores: 2 };

/// Head and line as they stand in the log.
fn table(record: &Record, ns_per_day: f64) -> String {
    format!("{}\n{}", head(record), row(record, 2206, ns_per_day))
}

#[test]
fn the_table_of_one_particle_has_no_columns_of_a_neck() {
    let expected = [
        "      step        time      T     E total    speed",
        "                    ps      K     eV/atom   ns/day",
        "     30000      60.000   1468    -4.98640   51.840",
    ];
    assert_eq!(table(&record(&[], &[], &[]), 51.84), expected.join("\n"));
}

#[test]
fn the_gap_of_a_pair_stands_in_its_unit() {
    let head = [
        "      step        time      T     E total       gap   neck  neck R    speed",
        "                    ps      K     eV/atom         Å  atoms       Å   ns/day",
    ];
    for (gap, radius, atoms, line) in [
        (
            3.77,
            0.0,
            0,
            "     30000      60.000   1468    -4.98640      3.77      0       -   51.840",
        ),
        (
            0.0,
            6.385,
            53,
            "     30000      60.000   1468    -4.98640    closed     53    6.38   51.840",
        ),
        // Single atoms have neither surface nor gap.
        (
            f64::NAN,
            0.0,
            0,
            "     30000      60.000   1468    -4.98640         -      0       -   51.840",
        ),
    ] {
        let expected = [head[0], head[1], line].join("\n");
        assert_eq!(table(&record(&[gap], &[radius], &[atoms]), 51.84), expected);
    }
}

#[test]
fn of_several_pairs_the_closed_gaps_are_counted() {
    let expected = [
        "      step        time      T     E total      gaps   neck  mean R    speed",
        "                    ps      K     eV/atom    closed  atoms       Å   ns/day",
        "     30000      60.000   1468    -4.98640    2 of 3     90    6.50        -",
    ];
    let record = record(&[0.0, 2.0, 0.0], &[6.0, 0.0, 7.0], &[40, 0, 50]);
    assert_eq!(table(&record, 0.0), expected.join("\n"));
}

#[test]
fn time_by_phase() {
    let mut seconds = [[0.0; 3]; Phase::ALL.len()];
    seconds[Phase::Density as usize] = [20.0, 30.0, 40.0];
    seconds[Phase::Write as usize] = [1.0, 10.0, 19.5];
    let expected = "\
time by phase      min s      mean s       max s  share
  density          20.00       30.00       40.00   75 %
  write             1.00       10.00       19.50   25 %
  total                        40.00
";
    let times = PhaseTimes { seconds, work: [30.0, 37.5] };
    assert_eq!(times.table(), expected);
    assert!(times.imbalance().starts_with("imbalance: 1.250 ("));
}

#[test]
fn phases_are_gathered_over_ranks() {
    let all = crate::comm::threads::run(3, |comm| {
        let mut clock = Clock::default();
        clock.enter(Phase::Force);
        std::thread::sleep(std::time::Duration::from_millis(2 * comm.rank() as u64));
        clock.enter(Phase::Other);
        (clock.seconds()[Phase::Force as usize], PhaseTimes::gather(&clock, comm))
    });
    let times: Vec<f64> = all.iter().map(|(t, _)| *t).collect();
    let [min, mean, max] = all[0].1.seconds[Phase::Force as usize];
    // No other phase was work.
    assert_eq!(all[0].1.work, [mean, max]);
    assert_eq!(min, times.iter().copied().fold(f64::INFINITY, f64::min));
    assert_eq!(max, times.iter().copied().fold(0.0, f64::max));
    // Means are sums of whole nanoseconds.
    assert!((mean - times.iter().sum::<f64>() / 3.0).abs() < 2e-9);
}

#[test]
fn speed_in_the_units_of_the_field() {
    assert_eq!(
        SPEED.line(),
        "speed: 51.840 ns/day, 330900 atom-steps per second and core\n       \
         (30000 steps of 2206 atoms in 100.0 s on 2 cores)"
    );
}

#[test]
fn lists_are_counted_over_all_atoms() {
    let mut statistics =
        Statistics { rebuilds: 1, atoms: 200, neighbours: 8825, ghosts: 50, ..Default::default() };
    assert_eq!(
        lists(&statistics),
        "lists: built 1 time; 44.1 neighbours per atom, skin included; 0.25 ghosts"
    );
    statistics = Statistics { rebuilds: 28, ..Default::default() };
    assert_eq!(
        lists(&statistics),
        "lists: built 28 times; 0.0 neighbours per atom, skin included; 0.00 ghosts"
    );
}

#[test]
fn what_ranks_have_send_and_hold_is_told() {
    let statistics = Statistics {
        divisions: 2,
        imbalance: 1.0234,
        most_atoms: 412,
        most_ghosts: 1210,
        most_traffic: Traffic { messages: 52, bytes: 1_234_567 },
        traffic: Traffic { messages: 2900, bytes: 60_000_000 },
        ..Default::default()
    };
    assert_eq!(
        ranks(&statistics),
        "ranks: at most 412 atoms and 1210 ghosts, work 1.023 of the mean; space divided 2 times\n\
         exchange: 1.2 MB in 52 messages a step from a rank at most, 60.0 MB in 2900 from all"
    );
    let statistics = Statistics { shares: [0.694, 1.306], ..statistics };
    let by_speed =
        "work 1.023 of its share, by speed 0.69 to 1.31 of the mean; space divided 2 times";
    assert!(ranks(&statistics).contains(by_speed), "{}", ranks(&statistics));
    let memory = Memory { most: 45_000_000, all: 2_880_000_000 };
    assert_eq!(memory.line(64), "memory: at most 45.0 MB on a rank, 2.9 GB on all");
    assert_eq!(memory.line(1), "memory: at most 45.0 MB");
    assert!(Memory::gather(&Comm::single()).is_some_and(|m| m.most == m.all && m.most > 1 << 20));
}

#[test]
fn the_head_of_the_log() {
    let input = r#"
        [potential]
        library = "a"
        elements = ["Pt", "Fe"]
        [structure]
        file = "pair.xyz"
        [[stage]]
        name = "sinter"
        kind = "hold"
        duration_ps = 60.0
        temperature_k = 1473.0
        [[stage]]
        kind = "cool"
        duration_ps = 5.0
        temperature_k = 1473.0
        end_temperature_k = 300.0
    "#;
    let config: input::Config = toml::from_str(input).unwrap();
    let text = heading(&Heading {
        title: "Two particles",
        input: Path::new("pair.toml"),
        composition: &[("Pt".into(), 1876), ("Fe".into(), 330)],
        particles: 2,
        cell: &Cell::new([0.0; 3], [80.0, 40.0, 40.0], [false, false, true]),
        runs_on: "2 ranks x 1 thread, avx2, on 2 cores",
        conventions: "MEAM: rc 4.4 Å\nialloy 2\n",
        mpi: "Open MPI 4.1.4",
        timestep_fs: 2.0,
        stages: &config.stages,
        end_of_job: "in 23:50:00 (says the input)",
        resumed: None,
        files: &["results/pair/trajectory.h5md".into(), "results/pair/run.log".into()],
    });
    let (head, body) = text.split_once('\n').unwrap();
    assert!(head.starts_with(concat!("sinter-hpc ", env!("CARGO_PKG_VERSION"), ", 2")), "{head}");
    let mut body: Vec<&str> = body.lines().filter(|line| !line.contains("libraries")).collect();
    // Of this build, on one line or two.
    let [begin, end] = ["  program       ", "  runs on "]
        .map(|label| body.iter().position(|line| line.starts_with(label)).unwrap());
    let program: Vec<&str> = body.drain(begin..end).map(str::trim).collect();
    let told = format!("program       revision {GIT_REVISION}; rustc ");
    assert!(program.join(" ").starts_with(&told), "{program:?}");
    let expected = "  \
  input         pair.toml
  title         Two particles
  atoms         2206: 1876 Pt, 330 Fe; 2 particles
  box           80.0 x 40.0 x 40.0 Å, free in x, y, periodic in z
  time step     2 fs
  stages        1. sinter: hold, 60 ps, 1473 K
                2. cool, 5 ps, 1473 to 300 K
  potential     MEAM: rc 4.4 Å
                ialloy 2
  runs on       2 ranks x 1 thread, avx2, on 2 cores
  writes        results/pair/trajectory.h5md
                results/pair/run.log
  job ends      in 23:50:00 (says the input)";
    assert_eq!(body.join("\n"), expected);
}

#[test]
fn the_last_lines_say_what_happened_and_what_to_do_next() {
    let folder = tempfile::tempdir().unwrap();
    let trajectory = folder.path().join("trajectory.h5md");
    std::fs::write(&trajectory, vec![0u8; 1_234_567]).unwrap();
    let record = record(&[0.0], &[6.385], &[53]);
    let text = end(&End {
        close: &Close::Through,
        minimisation: None,
        ramps: false,
        shortfalls: &[],
        checkpoints: Checkpoints::default(),
        output: None,
        record: &record,
        contacts: &[contact(Some(3.9), Some(4.1))],
        statistics: &Statistics::default(),
        speed: SPEED,
        files: std::slice::from_ref(&trajectory),
        trajectory: &trajectory,
        checkpoint: Some(Path::new("checkpoint-30000.h5")),
        program: "target/release/sinter-hpc".into(),
        input: Path::new("pair.toml"),
        ranks: 2,
        memory: None,
    });
    let expected = format!(
        "Done at step 30000: 60.000 ps, 1468 K, 51.840 ns/day.
Particles 0 and 1, centres 31.80 Å apart:
  the gap closed, for good since 4.100 ps (first contact at 3.900 ps);
  a neck since 4.500 ps, by surface diffusion: 53 atoms in it, radius 6.4 Å.
No atom has evaporated.
Written:
  {0}, 1.2 MB
Next:
  what it holds     target/release/sinter-hpc inspect {0}
  look at it        {1}
{2}  go on for longer  mpirun -n 2 target/release/sinter-hpc --resume --extend 10ps pair.toml
",
        trajectory.display(),
        match is_on_path("ovito") {
            true => format!("ovito {}", trajectory.display()),
            false => format!("open {} in OVITO", trajectory.display()),
        },
        sinter_tools().map_or(String::new(), |tools| {
            format!("  draw figures      {} plot {}\n", tools.display(), trajectory.display())
        }),
    );
    assert_eq!(text, expected);
}

#[test]
fn a_run_that_stopped_early_says_how_to_go_on() {
    let record = record(&[3.77], &[0.0], &[0]);
    let mut stopped = End {
        close: &Close::Interrupted("wall time".into()),
        minimisation: None,
        ramps: false,
        shortfalls: &[],
        checkpoints: Checkpoints::default(),
        output: Some(Path::new("out")),
        record: &record,
        contacts: &[contact(None, None)],
        statistics: &Statistics::default(),
        speed: SPEED,
        files: &[],
        trajectory: Path::new("t.h5md"),
        checkpoint: Some(Path::new("checkpoint-30000.h5")),
        program: "target/release/sinter-hpc".into(),
        input: Path::new("pair.toml"),
        ranks: 1,
        memory: None,
    };
    let text = end(&stopped);
    for line in [
        "Stopped early (wall time) at step 30000: ",
        "the gap did not close, 3.77 Å; no neck.\n",
        "  go on             target/release/sinter-hpc --resume --output out pair.toml\n",
        "Exit code 75: submit the job again",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let bridged = [contact(Some(2.0), None)];
    stopped.contacts = &bridged;
    let bridged =
        "  the gap is open, 3.77 Å, though it was bridged for a while (first at 2.000 ps).\n";
    assert!(end(&stopped).contains(bridged));
    let touching = [Contact { neck_since_ps: None, ..contact(Some(2.0), Some(2.5)) }];
    stopped.contacts = &touching;
    assert!(end(&stopped).contains(";\n  no lasting neck yet: 0 atoms in it, radius 0.0 Å.\n"));
}

#[test]
fn single_atoms_have_no_gap_that_could_be_told() {
    let record = record(&[f64::NAN], &[0.0], &[0]);
    let necks = Necks::of(record.series("/sinter/pairs").unwrap());
    assert_eq!(
        super::contacts(&necks, &[contact(None, None)]),
        "Particles 0 and 1, centres 31.80 Å apart:\n  too few atoms to measure a gap or a neck.\n"
    );
}

#[test]
fn paths_are_words_of_a_shell() {
    for (path, word) in [
        ("results/pair-1/run.log", "results/pair-1/run.log"),
        ("my results/Bjørn", "'my results/Bjørn'"),
        ("it's", r"'it'\''s'"),
        ("$HOME", "'$HOME'"),
    ] {
        assert_eq!(quoted(Path::new(path)), word);
    }
}

#[test]
fn long_lines_are_broken_behind_commas_and_nowhere_else() {
    let line = "Pt-Pt: fcc, Ec 5.77 eV, re 2.77 Å";
    assert_eq!(broken(line, 33), [line]);
    assert_eq!(broken(line, 25), ["Pt-Pt: fcc, Ec 5.77 eV,", "  re 2.77 Å"]);
    assert_eq!(broken(line, 8), ["Pt-Pt: fcc,", "  Ec 5.77 eV,", "  re 2.77 Å"]);
    assert_eq!(broken("/a/very long/path", 8), ["/a/very long/path"]);
    assert_eq!(broken("", 8), [""]);
}

#[test]
fn a_minimisation_says_whether_it_converged() {
    let end_of = |outcome, largest_force| Minimisation {
        outcome,
        steps: 20,
        largest_force,
        tolerance: 1e-4,
    };
    let converged = end_of(Some(Outcome::Converged), 9.87654e-5);
    assert_eq!(
        minimised(&converged),
        "converged in 20 steps: the largest force component is 9.877e-5 eV/Å, at most 0.0001 was \
         wanted"
    );
    let used_up = end_of(Some(Outcome::OutOfSteps), 0.25);
    assert_eq!(
        minimised(&used_up),
        "has not converged: it gave up after 20 steps, as many as `max_steps` allows; the largest \
         force component is 2.500e-1 eV/Å, 0.0001 was wanted"
    );
    let stuck = minimised(&end_of(Some(Outcome::Stuck), 0.25));
    assert!(stuck.contains("rounding"), "{stuck}");

    let record = record(&[], &[], &[]);
    let told = [format!("stage 1 (minimise) {}", minimised(&used_up))];
    let mut ending = End {
        close: &Close::Through,
        minimisation: Some(used_up),
        ramps: false,
        shortfalls: &told,
        checkpoints: Checkpoints::default(),
        output: None,
        record: &record,
        contacts: &[],
        statistics: &Statistics::default(),
        speed: SPEED,
        files: &[],
        trajectory: Path::new("t.h5md"),
        checkpoint: None,
        program: "sinter-hpc".into(),
        input: Path::new("pair.toml"),
        ranks: 1,
        memory: None,
    };
    let text = end(&ending);
    assert!(
        text.starts_with(&format!(
            "Done at step 30000: 60.000 ps, not converged, largest force component 2.500e-1 eV/Å.\n\
             Warning: {}.\n",
            told[0]
        )),
        "{text}"
    );
    (ending.minimisation, ending.shortfalls) = (Some(converged), &[]);
    let text = end(&ending);
    let first = "ps, converged, largest force component 9.877e-5 eV/Å.\n";
    assert!(text.contains(first) && !text.contains("Warning"), "{text}");
}

#[test]
fn no_temperature_is_shown_where_there_is_none() {
    let mut still = record(&[], &[], &[]);
    let thermo = &mut still.series[0].columns;
    thermo[0].values = Values::Real(vec![f64::NAN]);
    thermo.push(Column::real("largest_force", "", "", 0.0312));
    let expected = [
        "      step        time  F max     E total    speed",
        "                    ps   eV/Å     eV/atom   ns/day",
        "     30000      60.000 3.1e-2    -4.98640        -",
    ];
    assert_eq!(table(&still, 0.0), expected.join("\n"));
}
