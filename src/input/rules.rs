//! What no single key can say: relations between keys, and files that must exist.

use super::config::*;
use super::conform::nearest;
use super::schema::or;
use super::source::Problems;
use crate::geometry::{LARGEST_COORDINATE, SHORTEST_PERIOD, is_period};
use std::collections::BTreeSet;
use std::path::Path;

/// How far a composition may be from adding up to 1, to allow for thirds in five digits.
const COMPOSITION_TOLERANCE: f64 = 1e-4;

/// Most atoms to build: some hundred bytes each while they are chosen.
const MOST_ATOMS: f64 = 1e9;

/// Above this, velocity Verlet visibly loses energy in hot metals (vibrations of 100 to 150 fs).
const LONG_TIMESTEP_FS: f64 = 5.0;

/// Relative difference that is owed to decimal fractions alone.
const ROUNDING: f64 = 1e-9;

/// Adds every breach of the rules to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    potential(config, problems);
    atoms(config, problems);
    for (i, particle) in config.particles.iter().enumerate() {
        one_particle(config, particle, &format!("particle[{i}]"), problems);
    }
    placement(config, problems);
    cell(config, problems);
    stages(config, problems);
    intervals(config, problems);
    stops(config, problems);
    first_temperature(config, problems);
}

/// What is allowed but deserves a second look.
pub fn warn(config: &Config, warnings: &mut Problems) {
    let dynamics = &config.dynamics;
    if dynamics.timestep_fs > LONG_TIMESTEP_FS {
        warnings.at(
            "dynamics.timestep_fs",
            format!(
                "{} fs is a long time step for metals near melting; watch the energy \
                 of an `nve` stage, or take 2 fs",
                dynamics.timestep_fs
            ),
        );
    }
    for (key, time_ps) in times(config) {
        let steps = dynamics.steps(time_ps);
        let used = steps as f64 * dynamics.timestep_fs / 1000.0;
        if (used - time_ps).abs() > ROUNDING * used {
            warnings.at(
                &key,
                format!(
                    "{time_ps} ps is not a whole number of time steps of {} fs: the \
                     nearest is used, {steps} steps = {} ps",
                    dynamics.timestep_fs,
                    // Ten digits hide the rounding of the product.
                    (used * 1e10).round() / 1e10
                ),
            );
        }
    }
}

/// Every duration and interval that the file gives, with its key.
fn times(config: &Config) -> Vec<(String, f64)> {
    let mut times = vec![
        ("output.trajectory_interval_ps".to_string(), config.output.trajectory_interval_ps),
        ("output.series_interval_ps".to_string(), config.output.series_interval_ps),
    ];
    for (i, stage) in config.stages.iter().enumerate() {
        let own = [
            ("duration_ps", stage.duration_ps),
            ("trajectory_interval_ps", stage.trajectory_interval_ps),
            ("series_interval_ps", stage.series_interval_ps),
        ];
        for (name, time) in own {
            let key = format!("stage[{i}].{name}");
            times.extend(time.map(|time| (key, time)));
        }
    }
    // Nobody wrote the others; an interval that `complete` took from `output` is looked at there.
    times.retain(|(key, _)| config.source.has(key));
    times
}

/// Adds every file that the input names and that is not there to `problems`.
pub fn files(config: &Config, problems: &mut Problems) {
    let potential = &config.potential;
    let mut file = |key: &str, path: &Path| {
        if !path.is_file() {
            let what = if path.exists() { "is not a file" } else { "does not exist" };
            problems.at(key, format!("`{}` {what}", path.display()));
        }
    };
    file("potential.library", &potential.library);
    if let Some(parameters) = &potential.parameters {
        file("potential.parameters", parameters);
    }
    if let Some(structure) = &config.structure {
        file("structure.file", &structure.file);
    }
}

fn potential(config: &Config, problems: &mut Problems) {
    let mut seen = BTreeSet::new();
    for (i, symbol) in config.potential.symbols().enumerate() {
        let key = format!("potential.elements[{i}]");
        if symbol.is_empty() {
            problems.at(&key, "an element without a name");
        } else if !seen.insert(symbol) {
            problems.at(&key, format!("the element {symbol} is given twice"));
        }
    }
}

fn atoms(config: &Config, problems: &mut Problems) {
    match (&config.structure, config.particles.is_empty()) {
        (None, true) => problems.at(
            "",
            "there are no atoms: the input needs `[[particle]]` (to build them) or `[structure]` \
             (to read them)",
        ),
        (Some(_), false) => problems.at(
            "structure",
            "`[structure]` and `[[particle]]` exclude each other: atoms are either read or built",
        ),
        (Some(structure), true) => {
            if structure.format.is_none() {
                problems.at(
                    "structure.file",
                    format!(
                        "the ending of `{}` tells no format: write `format` as well",
                        structure.file.display()
                    ),
                );
            }
            let data = structure.format == Some(StructureFormat::LammpsData);
            if data && structure.types.is_empty() {
                problems.at(
                    "structure",
                    "a LAMMPS data file numbers its atom types: write `types`, the element of \
                     type 1, 2, ...",
                );
            }
            let h5md = structure.format == Some(StructureFormat::H5md);
            if let (Some(_), false) = (&structure.group, h5md) {
                problems.at("structure.group", "only H5MD files have groups of particles");
            }
            for (i, element) in structure.types.iter().enumerate() {
                known_element(config, element, &format!("structure.types[{i}]"), problems);
            }
        }
        (None, false) => few_enough(config, problems),
    }
}

/// Every process that builds particles holds the sites of all of them.
fn few_enough(config: &Config, problems: &mut Problems) {
    let mut atoms = 0.0;
    for (i, particle) in config.particles.iter().enumerate() {
        atoms += particle.count as f64 * particle.wanted_atoms();
        if atoms > MOST_ATOMS {
            let size = if particle.atoms.is_some() { "atoms" } else { "diameter_nm" };
            let message = format!(
                "with this the particles have {atoms:.2e} atoms, and at most {MOST_ATOMS:.0e} can \
                 be built: make them smaller or fewer"
            );
            return problems.at(&format!("particle[{i}].{size}"), message);
        }
    }
}

/// The element must be one of the potential's.
fn known_element(config: &Config, name: &str, key: &str, problems: &mut Problems) {
    let known: Vec<String> = config.potential.symbols().map(String::from).collect();
    if !known.iter().any(|symbol| symbol == name) {
        let hint = nearest(name, known.iter().map(|symbol| &**symbol))
            .map_or(String::new(), |near| format!("; did you mean {near}?"));
        problems
            .at(key, format!("the potential has no element `{name}`, only {}{hint}", or(&known)));
    }
}

fn one_particle(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    match (particle.atoms, particle.diameter_nm) {
        (None, None) => {
            problems.at(key, "the size of the particle is missing: write `atoms` or `diameter_nm`")
        }
        (Some(_), Some(_)) => problems.at(
            &format!("{key}.diameter_nm"),
            "`atoms` and `diameter_nm` exclude each other: both are the size of the particle",
        ),
        _ => {}
    }
    if particle.size == Size::Exact && particle.atoms.is_none() {
        problems.at(&format!("{key}.size"), "`size = \"exact\"` needs `atoms`");
    }
    composition(config, particle, key, problems);
    if let Some(AdatomConfig { facet, .. }) = particle.adatoms {
        let key = format!("{key}.adatoms.facet");
        match facet {
            Facet::Miller(indices) => family(indices, &key, problems),
            Facet::Facing if config.placement.is_none() => problems.at(
                &key,
                "without `[placement]` no facet faces another particle: give the Miller indices, \
                 as `facet = [1, 0, 0]`",
            ),
            Facet::Facing => {}
        }
    }
    let centre = format!("{key}.centre_angstrom");
    let several = particle_count(config) > 1;
    match (particle.centre_angstrom, &config.placement) {
        (Some(_), Some(_)) => problems.at(
            &centre,
            "`[placement]` decides where the particles stand: leave one of the two out",
        ),
        (Some(_), None) if particle.count > 1 => problems.at(
            &centre,
            "particles with the same centre would overlap: write one `[[particle]]` for each",
        ),
        (None, None) if several => problems.at(
            key,
            "with several particles each needs its `centre_angstrom`, or two of them a `[placement]`",
        ),
        _ => {}
    }
}

fn composition(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    let key = format!("{key}.composition");
    for name in particle.composition.keys() {
        known_element(config, name, &format!("{key}.{name}"), problems);
    }
    let sum: f64 = particle.composition.values().sum();
    if (sum - 1.0).abs() > COMPOSITION_TOLERANCE {
        problems.at(
            &key,
            // Ten digits hide the rounding of the sum.
            format!("the fractions add up to {}, not to 1", (sum * 1e10).round() / 1e10),
        );
    }
}

fn particle_count(config: &Config) -> usize {
    config.particles.iter().fold(0, |sum, particle| particle.count.saturating_add(sum))
}

/// Only the families (100), (110) and (111) are facets here.
fn family(indices: [i32; 3], key: &str, problems: &mut Problems) {
    let mut sorted = indices.map(i32::unsigned_abs);
    sorted.sort_unstable();
    if !matches!(sorted, [0, 0, 1] | [0, 1, 1] | [1, 1, 1]) {
        problems.at(key, format!("{indices:?} is no facet of the families (100), (110) and (111)"));
    }
}

fn placement(config: &Config, problems: &mut Problems) {
    let Some(placement) = &config.placement else { return };
    family(placement.facing, "placement.facing", problems);
    if config.structure.is_some() && config.particles.is_empty() {
        problems.at("placement", "`[placement]` is for built particles, not for a `[structure]`");
    } else if particle_count(config) != 2 {
        let count = particle_count(config);
        problems
            .at("placement", format!("`[placement]` is for two particles, but there are {count}"));
    }
}

fn cell(config: &Config, problems: &mut Problems) {
    let periodic = config.cell.boundary.map(|boundary| boundary == Boundary::Periodic);
    match config.cell.lengths_angstrom {
        None if config.structure.is_none() && periodic != [false; 3] => problems.at(
            "box.boundary",
            "periodic directions need the lengths of the box: write `lengths_angstrom`",
        ),
        None => {}
        Some(lengths) => {
            for d in (0..3).filter(|&d| periodic[d]) {
                if !is_period(lengths[d]) {
                    problems.at(
                        &format!("box.lengths_angstrom[{d}]"),
                        format!(
                            "the length of a periodic direction must be at least {SHORTEST_PERIOD} and below \
                             {LARGEST_COORDINATE}, not {}",
                            lengths[d]
                        ),
                    );
                }
            }
        }
    }
}

fn stages(config: &Config, problems: &mut Problems) {
    let mut together = false;
    for (i, stage) in config.stages.iter().enumerate() {
        let key = format!("stage[{i}]");
        one_stage(config, stage, &key, problems);
        if together && stage.particles == Arrangement::Apart {
            problems.at(
                &format!("{key}.particles"),
                "a stage with the particles apart cannot follow one with them together",
            );
        }
        together |= stage.particles == Arrangement::Together;
    }
}

fn one_stage(config: &Config, stage: &StageConfig, key: &str, problems: &mut Problems) {
    let kind = stage.kind.name();
    let at = |name: &str| format!("{key}.{name}");
    let mut needs = |name: &str, given: bool, wanted: bool| match (given, wanted) {
        (false, true) => problems.at(&at(name), format!("a stage of kind `{kind}` needs `{name}`")),
        (true, false) => {
            problems.at(&at(name), format!("`{name}` has no meaning in a stage of kind `{kind}`"))
        }
        _ => {}
    };
    let dynamic = stage.kind.is_dynamic();
    needs("duration_ps", stage.duration_ps.is_some(), dynamic);
    // At constant energy the temperature may be given, for the first velocities.
    if stage.ensemble == Ensemble::Nvt || !dynamic {
        needs("temperature_k", stage.temperature_k.is_some(), dynamic);
    }
    needs("end_temperature_k", stage.end_temperature_k.is_some(), stage.kind.is_ramp());

    if stage.kind.is_ramp() {
        if stage.ensemble == Ensemble::Nve {
            problems.at(
                &at("ensemble"),
                format!("`{kind}` follows a temperature, which `nve` cannot: write `nvt`"),
            );
        }
        if let (Some(start), Some(end)) = (stage.temperature_k, stage.end_temperature_k) {
            let (wrong, word, other) = match stage.kind {
                StageKind::Heat => (end <= start, "above", "cool"),
                _ => (end >= start, "below", "heat"),
            };
            if wrong {
                problems.at(
                    &at("end_temperature_k"),
                    format!(
                        "`{kind}` must end {word} the {start} K at which it starts, not at {end} K \
                         (or is it `{other}`?)"
                    ),
                );
            }
        }
    }
    let turns = stage.remove_angular_momentum.is_some();
    if turns && config.cell.boundary.contains(&Boundary::Periodic) {
        problems.at(
            &at("remove_angular_momentum"),
            "angular momentum has no meaning in a periodic box: leave this key out",
        );
    }
}

fn intervals(config: &Config, problems: &mut Problems) {
    let timestep = config.dynamics.timestep_fs;
    for (key, time_ps) in times(config) {
        if time_ps * 1000.0 < timestep / 2.0 {
            let name = key.rsplit('.').next().unwrap_or(&key);
            problems.at(
                &key,
                format!("`{name}` = {time_ps} ps is shorter than one time step of {timestep} fs"),
            );
        }
    }
}

fn stops(config: &Config, problems: &mut Problems) {
    let stop = &config.stop;
    if let (Some(walltime), None) = (&stop.walltime, stop.job_time()) {
        problems.at(
            "stop.walltime",
            format!(
                "`{walltime}` is no time of the form \"hours:minutes:seconds\", as \"23:50:00\""
            ),
        );
    }
    let pairs = config.structure.is_some() || particle_count(config) > 1;
    for (name, given) in
        [("neck_ratio", stop.neck_ratio), ("coalesced_within", stop.coalesced_within)]
    {
        if given.is_some() && !pairs {
            problems.at(&format!("stop.{name}"), format!("`{name}` needs two particles or more"));
        }
    }
}

fn first_temperature(config: &Config, problems: &mut Problems) {
    // A stage at constant temperature names its own, so only `nve` can leave it open.
    let mut moving = config.stages.iter().enumerate().filter(|(_, s)| s.kind.is_dynamic());
    let first = moving.clone().next().filter(|_| moving.all(|(_, s)| s.ensemble == Ensemble::Nve));
    if let (Some((i, _)), None, false) =
        (first, config.dynamics.initial_temperature_k, config.particles.is_empty())
    {
        problems.at(
            &format!("stage[{i}]"),
            "nothing gives the built atoms their first velocities: write `temperature_k` here or \
             `initial_temperature_k` in `[dynamics]`",
        );
    }
}
