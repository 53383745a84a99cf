//! Particles that are read from a file: which keys of `[[particle]]` mean something
//! for them, and how they stand in the effective input.

use super::config::{AboveConfig, Config, GapBetween, ParticleConfig, StructureConfig};
use super::schema::keys_of_input;
use super::source::Problems;
use serde::{Serialize, Serializer};

/// The keys of `[[particle]]` that a particle from a file has.
#[derive(Serialize)]
struct ReadParticle<'a> {
    count: usize,
    euler_angles_deg: [f64; 3],
    #[serde(skip_serializing_if = "Option::is_none")]
    centre_angstrom: Option<[f64; 3]>,
    structure: &'a StructureConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    particle_of_file: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    above: &'a Option<AboveConfig>,
}

const KEYS: [&str; 6] =
    ["count", "euler_angles_deg", "centre_angstrom", "structure", "particle_of_file", "above"];

#[derive(Serialize)]
#[serde(untagged)]
enum Particle<'a> {
    Built(&'a ParticleConfig),
    Read(ReadParticle<'a>),
}

/// Writes `[[particle]]` with the keys that mean something, and no others.
pub fn write<S: Serializer>(particles: &[ParticleConfig], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(particles.iter().map(|particle| match &particle.structure {
        None => Particle::Built(particle),
        Some(structure) => Particle::Read(ReadParticle {
            count: particle.count,
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
    if let (Some(placement), true, false) = (&mut config.placement, read, said) {
        placement.gap_between = GapBetween::Atoms;
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
