//! Particles that are read from a file: which keys of `[[particle]]` mean something
//! for them, and how they stand in the effective input.

use super::config::{
    AboveConfig, Config, GapBetween, Orientation, ParticleConfig, PlacementConfig, StructureConfig,
};
use super::schema::keys_of_input;
use super::source::Problems;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// The keys of `[[particle]]` that a particle from a file has.
#[derive(Serialize)]
struct ReadParticle<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    orientation: Orientation,
    #[serde(skip_serializing_if = "Option::is_none")]
    misorientation_deg: Option<f64>,
    euler_angles_deg: [f64; 3],
    #[serde(skip_serializing_if = "Option::is_none")]
    centre_angstrom: Option<[f64; 3]>,
    structure: &'a StructureConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    particle_of_file: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    above: &'a Option<AboveConfig>,
}

const KEYS: [&str; 9] = [
    "count",
    "fraction",
    "orientation",
    "misorientation_deg",
    "euler_angles_deg",
    "centre_angstrom",
    "structure",
    "particle_of_file",
    "above",
];

#[derive(Serialize)]
#[serde(untagged)]
enum Particle<'a> {
    Built(&'a ParticleConfig),
    /// With `fraction`, and so without `count`.
    Uncounted(Value),
    Read(ReadParticle<'a>),
}

/// Writes `[[particle]]` with the keys that mean something, and no others.
pub fn write<S: Serializer>(particles: &[ParticleConfig], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(particles.iter().map(|particle| match &particle.structure {
        None if particle.fraction.is_none() => Particle::Built(particle),
        None => {
            let mut keys = serde_json::to_value(particle).expect("plain data serialises");
            keys.as_object_mut().map(|keys| keys.remove("count"));
            Particle::Uncounted(keys)
        }
        Some(structure) => Particle::Read(ReadParticle {
            count: particle.fraction.is_none().then_some(particle.count),
            fraction: particle.fraction,
            orientation: particle.orientation,
            misorientation_deg: particle.misorientation_deg,
            euler_angles_deg: particle.euler_angles_deg,
            centre_angstrom: particle.centre_angstrom,
            structure,
            particle_of_file: particle.particle_of_file,
            above: &particle.above,
        }),
    }))
}

/// Where a particle is read, gaps are between atoms unless the input says otherwise.
pub fn complete(config: &mut Config) {
    let said = config.source.has("placement.gap_between");
    let read = config.particles.iter().any(|particle| particle.structure.is_some());
    if let (Some(PlacementConfig::Row(row)), true, false) = (&mut config.placement, read, said) {
        row.gap_between = GapBetween::Atoms;
    }
}

/// Adds every key to `problems` that a particle from a file has no use for.
pub fn check(config: &Config, key: &str, problems: &mut Problems) {
    let particle = keys_of_input().iter().find(|key| key.name == "particle");
    let names = particle.and_then(|key| key.table()).unwrap_or_default();
    for name in names.iter().map(|key| &*key.name).filter(|name| !KEYS.contains(name)) {
        let own = format!("{key}.{name}");
        if config.source.has(&own) {
            problems.at(
                &own,
                format!(
                    "`{name}` has no meaning for a particle that is read (`structure`): leave one of \
                     the two out"
                ),
            );
        }
    }
}

/// A facet of such a particle nobody knows: its outermost atoms say where it ends.
pub fn refuse_planes(between: GapBetween, what: &str, key: &str, problems: &mut Problems) {
    if between == GapBetween::Planes {
        problems.at(
            key,
            format!(
                "{what} is read from a file, which does not tell its facets: write \
                 `gap_between = \"atoms\"`"
            ),
        );
    }
}
