//! TOML to a checked `Config`. Builds nothing, knows nothing of ranks.
//!
//! The way of an input: `source` remembers where each key stands; `conform` holds
//! the document against the shape of `config` (unknown and missing keys, types,
//! bounds, units in the names of keys); serde then makes a `Config` of it; `complete`
//! fills in the defaults that depend on other keys; `rules` checks what no single
//! key can say. Each of these reports all that it finds, with `file:line:column`.

mod atom_column;
pub mod config;
mod conform;
mod crystal;
mod diffusion;
pub mod extension;
pub mod jobs;
mod integrator;
mod make;
pub mod parameters;
mod one_body;
pub mod past;
mod particle;
mod placement;
mod potential;
mod read_particle;
mod no_effect;
pub mod reference;
mod reversible;
mod rules;
mod schema;
mod source;
mod sizes;
pub mod span;
mod stage;
mod structure;
mod pressure;
mod swaps;
mod times;
mod traces;
mod unit;

pub use config::*;
pub use conform::{did_you_mean, nearest, title};
pub use no_effect::MEASURED_TOGETHER;
pub use past::compare;
pub use potential::{key_of_term, symbol_and_entry, symbols};
pub use rules::MOST_ATOMS;
pub use schema::or;
pub use source::Source;

use crate::error::{Error, Result};
use serde::Deserialize;
use source::Problems;
use std::path::{Path, PathBuf};
use toml::de::DeTable;

/// Reads and checks an input file, and that the files that it names are there.
/// Every default is filled in, and relative paths, which count from the folder of
/// the file, have become absolute.
pub fn read(path: &Path) -> Result<Config> {
    with_files(parse(&text_of(path)?, path)?)
}

/// The same of an input whose protocol may be missing: what acts on which atoms.
pub fn read_system(path: &Path) -> Result<Config> {
    with_files(ruled(config_of(&text_of(path)?, path, Some(STAGE))?)?)
}

fn with_files(config: Config) -> Result<Config> {
    let mut problems = Problems::new(&config.source);
    rules::files(&config, &mut problems);
    problems.into_result()?;
    Ok(config)
}

fn text_of(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|source| {
        let reason = match source.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_string(),
            std::io::ErrorKind::InvalidData => "this is not a text file (UTF-8)".to_string(),
            _ => source.to_string(),
        };
        Error::input(path, 0, 0, reason)
    })
}

/// The same for a text that is (or would be) in the file `path`; looks at no other file.
pub fn parse(text: &str, path: &Path) -> Result<Config> {
    ruled(parse_of_earlier_job(text, path)?)
}

/// By the rules that hold between keys.
fn ruled(config: Config) -> Result<Config> {
    let mut problems = Problems::new(&config.source);
    rules::check(&config, &mut problems);
    if !problems.is_empty() {
        // Who has to mend it anyway is told all of it.
        no_effect::warn(&config, &mut problems);
    }
    problems.into_result()?;
    Ok(config)
}

/// The same without the rules that hold between keys: what ran was sound by those of its day.
pub fn parse_of_earlier_job(text: &str, path: &Path) -> Result<Config> {
    config_of(text, path, None)
}

/// Stands in for a protocol that is not there.
const STAGE: &str = "[[stage]]\nkind = 'hold'\ntemperature_k = 300\nduration_ps = 1\n";

/// Reads the force field of an input: what else belongs into one may be missing.
pub fn read_force_field(path: &Path) -> Result<Config> {
    let config = config_of(&text_of(path)?, path, Some(STAGE))?;
    let mut problems = Problems::new(&config.source);
    rules::force_field(&config, &mut problems);
    one_body::check(&config, &mut problems);
    rules::potential_files(&config, &mut problems);
    problems.into_result()?;
    Ok(config)
}

/// The input of a text, with the tables of another for those that it lacks.
fn config_of(text: &str, path: &Path, otherwise: Option<&str>) -> Result<Config> {
    let mut source = Source::new(path, text);
    let (mut document, faults) = DeTable::parse_recoverable(text);
    if let Some(fault) = faults.first() {
        return Err(not_toml(fault, &source));
    }
    source.index(document.get_ref());
    for (key, value) in DeTable::parse_recoverable(otherwise.unwrap_or("")).0.into_inner() {
        document.get_mut().entry(key).or_insert(value);
    }

    let mut problems = Problems::new(&source);
    conform::conform(document.get_ref(), schema::keys_of_input(), &mut problems);
    problems.into_result()?;

    let mut config = Config::deserialize(toml::de::Deserializer::from(document))
        .map_err(|fault| not_toml(&fault, &source))?;
    config.source = source;
    complete(&mut config);
    Ok(config)
}

/// What is allowed but deserves a second look, one line each with its place.
pub fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Problems::new(&config.source);
    rules::warn(config, &mut warnings);
    no_effect::warn(config, &mut warnings);
    warnings.lines()
}

/// The parser's complaint in the words of someone who writes an input.
fn not_toml(fault: &toml::de::Error, source: &Source) -> Error {
    let span = fault.span().unwrap_or(0..0);
    let found = source.text.get(span.clone()).unwrap_or_default().trim();
    let message = match fault.message() {
        "duplicate key" => given_twice(found, span.start, source),
        reason if reason.starts_with("string values must be quoted") => match found {
            "" => "a value is missing after `=`".to_string(),
            _ => format!(
                "`{found}` is not a value: text stands in quotes, a number alone (its unit is in \
                 the name of the key)"
            ),
        },
        reason if reason.starts_with("invalid basic string") => {
            "a text is not closed on its line: the second `\"` is missing".to_string()
        }
        reason => format!("this is not TOML: {reason}"),
    };
    Error::Input { place: source.place_at(span.start), message }
}

/// What is wrong where a key or a table, which begins at a byte, stands a second time.
fn given_twice(found: &str, begin: usize, source: &Source) -> String {
    let line = source.place_at(begin).line;
    let lines: Vec<&str> = source.text.lines().take(line).map(str::trim_start).collect();
    let header = |line: &str| {
        let inside = line.split('#').next().unwrap_or_default().trim().trim_matches(['[', ']']);
        line.starts_with('[').then(|| inside.trim().to_string())
    };
    let (last, before) = lines.split_last().expect("it stands in a line");
    let Some(table) = header(last) else {
        let same = |line: &&&str| {
            let rest = line.strip_prefix(found);
            rest.is_some_and(|rest| rest.trim_start().starts_with('='))
        };
        let table = before.iter().rposition(|line| line.starts_with('[')).map_or(0, |n| n + 1);
        let first = before[table..].iter().find(same).map(|first| {
            let number = lines.iter().position(|line| std::ptr::eq(*line, *first));
            format!(", first in line {}", number.unwrap_or_default() + 1)
        });
        return format!("`{found}` is given twice{}", first.unwrap_or_default());
    };
    let first = before.iter().position(|line| header(line).as_ref() == Some(&table));
    let first = first.map_or(String::new(), |n| format!(", first in line {}", n + 1));
    let repeats = schema::keys_of_input().iter().any(|key| key.name == table && key.repeats());
    match repeats {
        true => format!(
            "`[{table}]` is given twice{first}: each {table} is a table of its own under \
             `[[{table}]]`, in double brackets"
        ),
        false => format!("`[{table}]` is given twice{first}: all its keys belong into one"),
    }
}

/// The input as TOML with every default filled in: reading it gives the same
/// `Config`, from whichever folder.
pub fn effective(config: &Config) -> String {
    toml::to_string(config).expect("a Config holds nothing that TOML cannot say")
}

impl Config {
    /// The files of the force field and those of the structure, in the order of
    /// `potential_files` and `structure_files`.
    pub fn files_mut(&mut self) -> (Vec<&mut PathBuf>, Vec<&mut PathBuf>) {
        let tables = std::iter::once(&mut self.potential).chain(&mut self.terms);
        let potential = tables.flat_map(PotentialConfig::files_mut).collect();
        let mut structure: Vec<&mut PathBuf> =
            self.structure.iter_mut().map(|structure| &mut structure.file).collect();
        for particle in &mut self.particles {
            structure.extend(particle.structure.iter_mut().map(|structure| &mut structure.file));
            structure.extend(particle.sizes.as_mut().and_then(SizesConfig::file_mut));
        }
        if let Some(PlacementConfig::File(positions)) = &mut self.placement {
            structure.push(&mut positions.file);
        }
        (potential, structure)
    }
}

/// Fills in the defaults that depend on other keys.
fn complete(config: &mut Config) {
    let folder = config.source.path.parent().unwrap_or(Path::new("")).to_path_buf();
    let absolute = |path: &mut PathBuf| {
        // That no name is given is told, not taken for the folder.
        if path.as_os_str().is_empty() {
            return;
        }
        let joined = folder.join(&*path);
        *path = std::path::absolute(&joined).unwrap_or(joined);
    };
    let (potential, structure) = config.files_mut();
    potential.into_iter().chain(structure).for_each(absolute);
    let read = config.particles.iter_mut().filter_map(|particle| particle.structure.as_mut());
    for structure in config.structure.iter_mut().chain(read) {
        structure.format = structure.format.or_else(|| StructureFormat::of(&structure.file));
    }
    crystal::complete(config);
    read_particle::complete(config);

    let output = &mut config.output;
    output.velocities = Some(output.holds_velocities());
    output.compress = Some(output.is_compressed());

    for (i, stage) in config.stages.iter_mut().enumerate() {
        stage.name.get_or_insert_with(|| stage.kind.name().to_string());
        stage.trajectory_interval_ps.get_or_insert(config.output.trajectory_interval_ps);
        stage.series_interval_ps.get_or_insert(config.output.series_interval_ps);
        let apart = stage.particles == Arrangement::Apart;
        if apart && !config.source.has(&format!("stage[{i}].thermostat_for")) {
            stage.thermostat_for = Group::Particle;
        }
        if let Some(swaps) = stage.swaps.take() {
            let region = swaps.region(stage);
            let of_pairs = swaps.ensemble == SwapEnsemble::Canonical;
            let region = swaps.region.or(of_pairs.then_some(region));
            stage.swaps = Some(SwapsConfig { region, ..swaps });
        }
        if let Some(pressure) = &mut stage.pressure {
            pressure.chain_length = pressure.chain().or(pressure.chain_length);
        }
        if stage.kind == StageKind::Equilibrate {
            let group = if apart { Group::Particle } else { Group::System };
            stage.remove_linear_momentum.get_or_insert(group);
        }
    }
    let first = config.stages.iter().find_map(|stage| stage.temperature_k);
    config.dynamics.initial_temperature_k = config.dynamics.initial_temperature_k.or(first);
    if knows_boundaries(config) {
        settle_boundary(config, config.cell.periodic());
    }
}

/// Whether the boundaries are given; those of a structure's file are known when it has been read
/// (`settle`).
fn knows_boundaries(config: &Config) -> bool {
    config.structure.is_none() || config.cell.boundary.is_some()
}

/// Whether all atoms and particles that the input names are among so many.
///
/// # Errors
/// At each that is not, with what there is.
pub fn check_named(config: &Config, atoms: u64, particles: usize) -> Result<()> {
    let mut problems = Problems::new(&config.source);
    traces::check_ids(config, atoms, &mut problems);
    one_body::check_selections(config, (atoms, particles), &mut problems);
    problems.into_result()
}

/// Elements that the input names, and of which there is no atom; `counts` by species.
pub fn absent(config: &Config, counts: &[u64]) -> Vec<String> {
    let mut warnings = Problems::new(&config.source);
    one_body::warn_of_absent(config, counts, &mut warnings);
    warnings.lines()
}

/// Makes the boundaries that a structure has those of the input, and what depends on them.
///
/// # Errors
/// A key that has no meaning with these boundaries.
pub fn settle(config: &mut Config, periodic: [bool; 3]) -> Result<()> {
    settle_boundary(config, periodic);
    let mut problems = Problems::new(&config.source);
    rules::boundaries(config, &mut problems);
    problems.into_result()
}

fn settle_boundary(config: &mut Config, periodic: [bool; 3]) {
    let boundary = periodic.map(|p| if p { Boundary::Periodic } else { Boundary::Free });
    config.cell.boundary.get_or_insert(boundary);
    for stage in &mut config.stages {
        if stage.kind == StageKind::Equilibrate && periodic == [false; 3] {
            stage.remove_angular_momentum.get_or_insert(match stage.particles {
                Arrangement::Apart => Group::Particle,
                Arrangement::Together => Group::System,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: &str = r#"
title = "pair"
[potential]
library = "PtFe.library.meam"
parameters = "PtFe.meam"
elements = ["Pt", "Fe"]
[[particle]]
count = 2
atoms = 1000
lattice_constant_angstrom = 3.88
composition = { Pt = 0.85, Fe = 0.15 }
adatoms = { removed_fraction = 0.8 }
[placement]
gap_angstrom = 4.5
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 1473
duration_ps = 10
[[stage]]
kind = "hold"
temperature_k = 1473
duration_ps = 60
thermostat = "langevin"
"#;

    fn pair() -> Config {
        parse(PAIR, Path::new("/somewhere/pair.toml")).unwrap()
    }

    #[test]
    fn effective_input_reads_back_as_the_same_config() {
        let config = pair();
        let mut again = parse(&effective(&config), Path::new("/elsewhere/input.toml")).unwrap();
        again.source = config.source.clone();
        assert_eq!(config, again);
    }

    #[test]
    fn boundaries_of_a_file_are_judged_when_they_are_known() {
        let potential = PAIR.lines().take_while(|line| !line.contains("[[particle]]"));
        let potential: Vec<&str> = potential.collect();
        let text = format!(
            "{}\n[structure]\nfile = \"slab.xyz\"\n[[piston]]\npressure_gpa = 1\ngap_angstrom = 1\n\
             [[stage]]\nkind = \"hold\"\ntemperature_k = 300\nduration_ps = 1\n",
            potential.join("\n")
        );
        let told = |periodic| {
            let mut config = parse(&text, Path::new("/somewhere/pressed.toml")).unwrap();
            settle(&mut config, periodic).map_err(|e| e.to_string()).err().unwrap_or_default()
        };
        assert_eq!(told([true, true, false]), "");
        assert!(told([true, false, false]).contains("on which area?"));
        assert!(told([true; 3]).contains("the box is periodic along z"), "{}", told([true; 3]));
        // What the input says itself, it says at once.
        let free = format!("{text}[box]\nboundary = [\"periodic\", \"free\", \"free\"]\n");
        let error = parse(&free, Path::new("/somewhere/pressed.toml")).unwrap_err();
        assert!(error.to_string().contains("on which area?"), "{error}");
    }

    #[test]
    fn the_effective_input_has_no_default_without_effect() {
        let stages = "\
[[stage]]
kind = \"minimise\"
[[stage]]
kind = \"hold\"
ensemble = \"nve\"
duration_ps = 1
max_steps = 5
[[stage]]
kind = \"cool\"
temperature_k = 900
end_temperature_k = 300
duration_ps = 1
thermostat = \"bussi\"
";
        let config = parse(&format!("{PAIR}{stages}"), Path::new("/a.toml")).unwrap();
        let text = effective(&config);
        let mut again = parse(&text, Path::new("/a.toml")).unwrap();
        let told = warnings(&again);
        assert!(
            matches!(&told[..], [one] if one.contains("`max_steps` has no effect")),
            "{told:?}"
        );
        again.source = config.source.clone();
        assert_eq!(config, again);
        let minimise = text.split("[[stage]]").nth(3).unwrap();
        let keys: Vec<&str> =
            minimise.lines().filter_map(|line| line.split(" = ").next()).collect();
        assert_eq!(
            keys,
            [
                "",
                "name",
                "kind",
                "particles",
                "force_tolerance_ev_per_angstrom",
                "max_steps",
                "trajectory_interval_ps",
                "series_interval_ps",
                ""
            ]
        );
    }

    #[test]
    fn defaults_that_depend_on_other_keys_are_filled_in() {
        let config = pair();
        assert_eq!(
            config.potential.library.as_deref(),
            Some(Path::new("/somewhere/PtFe.library.meam"))
        );
        assert_eq!(config.dynamics.initial_temperature_k, Some(1473.0));
        let [alone, together] = &config.stages[..] else { panic!("two stages") };
        assert_eq!(alone.name.as_deref(), Some("equilibrate"));
        assert_eq!(alone.thermostat_for, Group::Particle);
        assert_eq!(alone.remove_angular_momentum, Some(Group::Particle));
        assert_eq!(together.remove_linear_momentum, None);
        assert_eq!(together.trajectory_interval_ps, Some(config.output.trajectory_interval_ps));
    }

    #[test]
    fn keys_have_a_place_and_missing_ones_that_of_their_table() {
        let source = pair().source;
        let place = |key: &str| (source.place(key).line, source.place(key).column);
        assert_eq!(place("placement.gap_angstrom"), (14, 1));
        assert_eq!(place("placement.twist_deg"), (13, 1));
        assert_eq!(place("particle[0].composition.Fe"), (11, 28));
        assert_eq!(place("stage[1].duration_ps"), (23, 1));
        assert_eq!(place("dynamics.timestep_fs"), (1, 1));
    }

    #[test]
    fn columns_count_characters() {
        let error = parse("title = \"Å\" x", Path::new("a.toml")).unwrap_err();
        assert!(error.to_string().starts_with("a.toml:1:13: "), "{error}");
    }

    #[test]
    fn times_that_no_whole_number_of_steps_makes_are_told() {
        let text = PAIR.replace("duration_ps = 60", "duration_ps = 0.0051");
        let config = parse(&text, Path::new("pair.toml")).unwrap();
        assert_eq!(config.dynamics.steps(0.0051), 3);
        assert_eq!(
            warnings(&config),
            ["pair.toml:23:1: 0.0051 ps is not a whole number of time steps of 2 fs: the \
              nearest is used, 3 steps = 0.006 ps"]
        );
        assert_eq!(warnings(&pair()), Vec::<String>::new());
    }

    #[test]
    fn a_long_time_step_is_told() {
        let text = format!("{PAIR}[dynamics]\ntimestep_fs = 8\n");
        let told = warnings(&parse(&text, Path::new("pair.toml")).unwrap());
        assert!(told.iter().any(|line| line.contains("long time step")), "{told:?}");
    }
}
