//! What no single key can say: relations between keys, and files that must exist.

use super::config::*;
use super::conform::nearest;
use super::crystal;
use super::integrator;
use super::make;
use super::one_body;
use super::placement;
use super::potential;
use super::pressure;
use super::read_particle;
use super::reversible;
use super::schema::or;
use super::sizes;
use super::source::Problems;
use super::stage::default_relaxation;
use super::swaps;
use super::times;
use super::{diffusion, traces};
use crate::geometry::{LARGEST_COORDINATE, SHORTEST_PERIOD, is_period};
use std::collections::BTreeMap;
use std::path::Path;

/// How far a composition may be from adding up to 1, to allow for thirds in five digits.
const COMPOSITION_TOLERANCE: f64 = 1e-4;

/// Most atoms to build.
pub const MOST_ATOMS: f64 = 1e9;

/// Above this, velocity Verlet visibly loses energy in hot metals (vibrations of 100 to 150 fs).
const LONG_TIMESTEP_FS: f64 = 5.0;

/// Adds every breach of the rules to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    force_field(config, problems);
    one_body::check(config, problems);
    atoms(config, problems);
    for (i, particle) in config.particles.iter().enumerate() {
        one_particle(config, particle, &format!("particle[{i}]"), problems);
    }
    placement::check(config, problems);
    cell(config, problems);
    stages(config, problems);
    times::check(config, problems);
    stops(config, problems);
    integrator::check(config, problems);
    reversible::check(config, problems);
    swaps::check(config, problems);
    pressure::check(config, problems);
    traces::check(config, problems);
    diffusion::check(config, problems);
    evaporation(config, problems);
    first_temperature(config, problems);
    if super::knows_boundaries(config) {
        boundaries(config, problems);
    }
}

/// What is allowed but deserves a second look.
pub fn warn(config: &Config, warnings: &mut Problems) {
    one_body::warn(config, warnings);
    for (i, particle) in config.particles.iter().enumerate() {
        make::warn(particle, &format!("particle[{i}]"), warnings);
    }
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
    thermostats(config, warnings);
    reversible::warn(config, warnings);
    diffusion::warn(config, warnings);
    times::warn(config, warnings);
}

/// A thermostat in less time than steps resolve, or in more than the stage has.
fn thermostats(config: &Config, warnings: &mut Problems) {
    const FEW_STEPS: f64 = 5.0;
    let timestep = config.dynamics.timestep_fs;
    let stages = config.stages.iter().enumerate();
    for (i, stage) in stages.filter(|(_, s)| s.kind.is_dynamic() && s.ensemble.has_temperature()) {
        let key = format!("stage[{i}].relaxation_fs");
        let (relaxation, whole) = (stage.relaxation_fs, stage.duration_ps.unwrap_or(0.0) * 1000.0);
        // Which the effective input gives, too.
        if relaxation == default_relaxation() {
            continue;
        }
        if relaxation < FEW_STEPS * timestep {
            warnings.at(
                &key,
                format!(
                    "{relaxation} fs are few time steps of {timestep} fs: the thermostat would hold \
                     the temperature and not the motion; take 100 fs"
                ),
            );
        } else if relaxation > whole {
            warnings.at(
                &key,
                format!(
                    "{relaxation} fs are longer than the stage ({whole} fs): the thermostat will \
                     hardly act"
                ),
            );
        }
    }
}

/// Adds what is wrong with the tables of the force field to `problems`.
pub fn force_field(config: &Config, problems: &mut Problems) {
    for (key, table) in config.potentials() {
        potential::check(table, &key, problems);
    }
}

/// Adds every file that the input names and that is not there to `problems`.
pub fn files(config: &Config, problems: &mut Problems) {
    potential_files(config, problems);
    for (key, path) in config.structure_files() {
        file(&key, path, problems);
    }
}

/// The same for files of the force field alone.
pub fn potential_files(config: &Config, problems: &mut Problems) {
    for (key, path) in config.potential_files() {
        file(&key, path, problems);
    }
}

fn file(key: &str, path: &Path, problems: &mut Problems) {
    if !path.is_file() {
        let what = match path {
            path if path.is_dir() => "is a folder, not a file",
            path if path.exists() => "is not a file",
            _ => "does not exist",
        };
        problems.at(
            key,
            match path.as_os_str().is_empty() {
                true => "the name of the file is empty".to_string(),
                false => format!("`{}` {what}", path.display()),
            },
        );
    }
}

fn atoms(config: &Config, problems: &mut Problems) {
    if config.structure.is_none() && config.crystal.is_none() && config.particles.is_empty() {
        problems.at(
            "",
            "there are no atoms: the input needs `[[particle]]` or `[crystal]` (to build them) or \
             `[structure]` (to read them)",
        );
    }
    if let Some(structure) = &config.structure {
        one_structure(config, structure, "structure", problems);
    }
    if let Some(crystal) = &config.crystal {
        crystal::check(config, crystal, problems);
    }
    few_enough(config, problems);
}

fn one_structure(config: &Config, structure: &StructureConfig, key: &str, problems: &mut Problems) {
    if structure.format.is_none() {
        problems.at(
            &format!("{key}.file"),
            format!(
                "the ending of `{}` tells no format: write `format` as well (extended XYZ, LAMMPS data, \
                 LAMMPS dumps and H5MD are read; OVITO and ASE make extended XYZ of others)",
                structure.file.display()
            ),
        );
    }
    let h5md = structure.format == Some(StructureFormat::H5md);
    if let (Some(_), false) = (&structure.group, h5md) {
        problems.at(&format!("{key}.group"), "only H5MD files have groups of particles");
    }
    for (i, element) in structure.types.iter().enumerate() {
        known_element(config, element, &format!("{key}.types[{i}]"), problems);
    }
}

/// More than that is a slip of the pen.
fn few_enough(config: &Config, problems: &mut Problems) {
    let mut atoms = 0.0;
    for (i, particle) in config.particles.iter().enumerate() {
        let count = match particle.fraction {
            Some(fraction) => fraction * config.particle_count() as f64,
            None => particle.count as f64,
        };
        atoms += count * particle.wanted_atoms();
        if atoms > MOST_ATOMS {
            let size = sizes_given(particle).first().copied().unwrap_or("atoms");
            let message = format!(
                "with this the particles have {atoms:.2e} atoms, and at most {MOST_ATOMS:.0e} can \
                 be built: make them smaller or fewer"
            );
            return problems.at(&format!("particle[{i}].{size}"), message);
        }
    }
}

/// The element must be one of the potential's.
pub fn known_element(config: &Config, name: &str, key: &str, problems: &mut Problems) {
    let known: Vec<String> = config.symbols().into_iter().map(String::from).collect();
    if !known.iter().any(|symbol| symbol == name) {
        let hint = nearest(name, known.iter().map(|symbol| &**symbol))
            .map_or(String::new(), |near| format!("; did you mean {near}?"));
        problems
            .at(key, format!("the potential has no element `{name}`, only {}{hint}", or(&known)));
    }
}

fn one_particle(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    match &particle.structure {
        Some(structure) => {
            one_structure(config, structure, &format!("{key}.structure"), problems);
            read_particle::check(config, key, problems);
        }
        None => built_particle(config, particle, key, problems),
    }
    let centre = format!("{key}.centre_angstrom");
    match (particle.centre_angstrom, &config.placement, &particle.above) {
        (Some(_), Some(_), _) => problems.at(
            &centre,
            "`[placement]` decides where the particles stand: leave one of the two out",
        ),
        (Some(_), None, Some(_)) => problems.at(
            &centre,
            "`above` decides where the particle stands (`at_angstrom` moves it along the surface): \
             leave one of the two out",
        ),
        (Some(_), None, None) if particle.count > 1 => problems.at(
            &centre,
            "particles with the same centre would overlap: write one `[[particle]]` for each",
        ),
        (None, None, Some(_)) if particle.count > 1 => problems.at(
            &format!("{key}.count"),
            "they would all stand in the same place: write one `[[particle]]` for each, with \
             `at_angstrom` in `above`, or a `[placement]`",
        ),
        (None, None, None) if config.crystal.is_some() || config.structure.is_some() => problems.at(
            key,
            "where does this particle stand? Write `above`, as `above = { gap_angstrom = 2.5 }`, or \
             `centre_angstrom`",
        ),
        (None, None, None) if config.particle_count() > 1 => problems.at(
            key,
            "with several particles each needs its `centre_angstrom`, or all of them a `[placement]`",
        ),
        _ => {}
    }
    if let Some(above) = &particle.above {
        crystal::check_above(config, particle, above, &format!("{key}.above"), problems);
    }
}

fn built_particle(config: &Config, particle: &ParticleConfig, key: &str, problems: &mut Problems) {
    if particle.particle_of_file.is_some() {
        problems.at(
            &format!("{key}.particle_of_file"),
            "of which file? Write `structure = { file = ... }` as well",
        );
    }
    if particle.lattice_constant_angstrom.is_none() {
        problems.at(
            key,
            "a particle that is built needs `lattice_constant_angstrom` (one from a file, `structure`)",
        );
    }
    make::check(config, particle, key, problems);
    sizes::check(particle, key, problems);
    match sizes_given(particle)[..] {
        [] if particle.shape == Shape::Cube => {
            problems.at(key, "the size of the cube is missing: write `atoms` or `edge_nm`")
        }
        [] => {
            problems.at(key, "the size of the particle is missing: write `atoms` or `diameter_nm`")
        }
        [first, second, ..] => problems.at(
            &format!("{key}.{second}"),
            format!(
                "`{first}` and `{second}` exclude each other: both are the size of the particle"
            ),
        ),
        _ => {}
    }
    if particle.edge_nm.is_some() && particle.shape.volume_of_edge(0.0, 1.0).is_none() {
        problems.at(
            &format!("{key}.edge_nm"),
            "`edge_nm` is the size of a cube or another shape with one kind of edge, and this is none: write \
             `diameter_nm`, that of the sphere of the same volume, or `shape = \"cube\"`",
        );
    }
    if particle.size == Size::Exact && particle.atoms.is_none() {
        problems.at(&format!("{key}.size"), "`size = \"exact\"` needs `atoms`");
    }
    if !particle.composition.is_empty() {
        let key = format!("{key}.composition");
        fractions(config, &particle.composition, &key, problems);
    }
    if let Some(AdatomConfig { facet, .. }) = particle.adatoms {
        let key = format!("{key}.adatoms.facet");
        match facet {
            Facet::Miller(indices) => family(indices, &key, problems),
            Facet::Facing => match &config.placement {
                Some(PlacementConfig::Row(_)) => {}
                Some(other) => problems.at(
                    &key,
                    format!(
                        "with `[placement] kind = \"{}\"` no facet faces another particle: give the Miller \
                         indices, as `facet = [1, 0, 0]`",
                        other.name()
                    ),
                ),
                None => problems.at(
                    &key,
                    "without `[placement]` no facet faces another particle: give the Miller indices, \
                     as `facet = [1, 0, 0]`",
                ),
            },
        }
    }
}

/// The keys that give the size of a particle.
fn sizes_given(particle: &ParticleConfig) -> Vec<&'static str> {
    let given = [
        ("atoms", particle.atoms.is_some()),
        ("diameter_nm", particle.diameter_nm.is_some()),
        ("edge_nm", particle.edge_nm.is_some()),
        ("sizes", particle.sizes.is_some()),
    ];
    given.iter().filter(|(_, given)| *given).map(|(key, _)| *key).collect()
}

/// Of known elements, and adding up to 1.
pub fn fractions(
    config: &Config,
    composition: &BTreeMap<String, f64>,
    key: &str,
    problems: &mut Problems,
) {
    for name in composition.keys() {
        known_element(config, name, &format!("{key}.{name}"), problems);
    }
    let sum: f64 = composition.values().sum();
    if (sum - 1.0).abs() > COMPOSITION_TOLERANCE {
        problems.at(
            key,
            // Ten digits hide the rounding of the sum.
            format!("the fractions add up to {}, not to 1", (sum * 1e10).round() / 1e10),
        );
    }
}

/// Only the families (100), (110) and (111) are facets here.
pub fn family(indices: [i32; 3], key: &str, problems: &mut Problems) {
    let mut sorted = indices.map(i32::unsigned_abs);
    sorted.sort_unstable();
    if !matches!(sorted, [0, 0, 1] | [0, 1, 1] | [1, 1, 1]) {
        problems.at(key, format!("{indices:?} is no facet of the families (100), (110) and (111)"));
    }
}

fn cell(config: &Config, problems: &mut Problems) {
    let periodic = config.cell.periodic();
    match config.cell.lengths_angstrom {
        None if config.structure.is_none()
            && config.crystal.is_none()
            && !placement::gives_periods(config) =>
        {
            problems.at(
                "box.boundary",
                "periodic directions need the lengths of the box: write `lengths_angstrom`",
            )
        }
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
        one_stage(stage, &key, problems);
        if stage.particles == Arrangement::Apart {
            alone(config, &format!("{key}.particles"), problems);
        }
        if together && stage.particles == Arrangement::Apart {
            problems.at(
                &format!("{key}.particles"),
                "a stage with the particles apart cannot follow one with them together",
            );
        }
        together |= stage.particles == Arrangement::Together;
    }
}

/// What fills the box cannot be set apart from particles beside it.
fn alone(config: &Config, key: &str, problems: &mut Problems) {
    let what = match (&config.crystal, &config.structure) {
        (Some(_), _) => "the crystal",
        (_, Some(_)) if !config.particles.is_empty() => "`[structure]`",
        _ => return,
    };
    problems.at(
        key,
        format!(
            "{what} fills its periodic box and cannot be set apart from what stands in it: equilibrate \
             particles in a run of their own, and read them from its trajectory (`structure` in \
             `[[particle]]`)"
        ),
    );
}

fn one_stage(stage: &StageConfig, key: &str, problems: &mut Problems) {
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
    if stage.ensemble.has_temperature() || !dynamic {
        needs("temperature_k", stage.temperature_k.is_some(), dynamic);
    }
    needs("end_temperature_k", stage.end_temperature_k.is_some(), stage.kind.is_ramp());
    if !dynamic {
        needs("reverse_velocities", stage.reverse_velocities, false);
        needs("reversible", stage.reversible, false);
        needs("integrator", stage.integrator != Scheme::VelocityVerlet, false);
    }

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
}

/// What depends on the boundaries, which those of a file may decide.
pub fn boundaries(config: &Config, problems: &mut Problems) {
    if config.evaporation.beyond_angstrom.is_some() && config.cell.periodic() == [true; 3] {
        problems.at(
            "evaporation.beyond_angstrom",
            "no atom leaves a box that is periodic in x, y and z: leave this key out",
        );
    }
    for (i, stage) in config.stages.iter().enumerate() {
        if stage.remove_angular_momentum.is_some() && config.cell.periodic() != [false; 3] {
            problems.at(
                &format!("stage[{i}].remove_angular_momentum"),
                "angular momentum has no meaning in a periodic box: leave this key out",
            );
        }
    }
    one_body::boundaries(config, problems);
    pressure::boundaries(config, problems);
}

fn stops(config: &Config, problems: &mut Problems) {
    let stop = &config.stop;
    if let Some(Err(message)) = stop.walltime.as_ref().map(WallTime::span) {
        problems.at("stop.walltime", message);
    }
    let pairs = config.structure.is_some() || config.particle_count() > 1;
    let support = config.particles.iter().any(|particle| particle.above.is_some());
    for (name, given, possible) in [
        ("neck_ratio", stop.neck_ratio, pairs || support),
        ("coalesced_within", stop.coalesced_within, pairs),
    ] {
        if given.is_some() && !possible {
            problems.at(&format!("stop.{name}"), format!("`{name}` needs two particles or more"));
        }
    }
}

fn evaporation(config: &Config, problems: &mut Problems) {
    let EvaporationConfig { atoms, beyond_angstrom } = config.evaporation;
    let beyond = "evaporation.beyond_angstrom";
    match (atoms, beyond_angstrom) {
        (Evaporated::Freeze, None) => problems.at(
            "evaporation",
            "`atoms = \"freeze\"` needs `beyond_angstrom`: how far out an atom comes to rest",
        ),
        (Evaporated::Remove, None) => problems.at(
            "evaporation",
            "`atoms = \"remove\"` needs `beyond_angstrom`: how far out an atom is removed",
        ),
        (Evaporated::Keep, Some(_)) => problems.at(
            beyond,
            "`beyond_angstrom` has no meaning with `atoms = \"keep\"`: write `atoms = \"freeze\"` \
             or `atoms = \"remove\"`",
        ),
        _ => {}
    }
}

fn first_temperature(config: &Config, problems: &mut Problems) {
    // A stage at constant temperature names its own, so only `nve` can leave it open.
    let mut moving = config.stages.iter().enumerate().filter(|(_, s)| s.kind.is_dynamic());
    let first = moving.clone().next().filter(|_| moving.all(|(_, s)| s.ensemble == Ensemble::Nve));
    let is_built = |particle: &ParticleConfig| particle.structure.is_none();
    let builds = config.crystal.is_some() || config.particles.iter().any(is_built);
    if let (Some((i, _)), None, true) = (first, config.dynamics.initial_temperature_k, builds) {
        problems.at(
            &format!("stage[{i}]"),
            "nothing gives the built atoms their first velocities: write `temperature_k` here or \
             `initial_temperature_k` in `[dynamics]`",
        );
    }
}
