//! Keys that an input gives and that change nothing: each is told, lest it be taken for done.

use super::config::*;
use super::source::Problems;
use super::stage::Idle;

/// What looks at particles beside one another.
pub const MEASURED_TOGETHER: [&str; 3] =
    ["stop.neck_ratio", "stop.coalesced_within", "traces.atoms"];

/// Adds every key of the file that has no effect beside the others.
pub fn warn(config: &Config, warnings: &mut Problems) {
    for (i, stage) in config.stages.iter().enumerate() {
        let moved = config.stages[..i].iter().any(|stage| stage.kind.is_dynamic());
        for Idle { keys, because } in stage.idle(moved) {
            for name in keys {
                told(config, &format!("stage[{i}].{name}"), &because, warnings);
            }
        }
    }
    for (i, particle) in config.particles.iter().enumerate() {
        if particle.shape != Shape::Wulff {
            let key = format!("particle[{i}].surface_energy_j_per_m2");
            told(config, &key, "only a shape of `wulff` follows from surface energies", warnings);
        }
        if particle.orientation == Orientation::Random {
            for name in ["euler_angles_deg", "misorientation_deg", "above.facet"] {
                let because = "with `orientation = \"random\"` any orientation is equally likely";
                told(config, &format!("particle[{i}].{name}"), because, warnings);
            }
        }
    }
    if let Some(structure) = &config.structure {
        of_structure(config, structure, "structure", warnings);
    }
    let files = config.particles.iter().enumerate();
    for (i, structure) in files.filter_map(|(i, p)| Some((i, p.structure.as_ref()?))) {
        of_structure(config, structure, &format!("particle[{i}].structure"), warnings);
    }
    if config.structure.is_none() && config.cell.periodic() == [false; 3] {
        told(config, "box.lengths_angstrom", "no boundary is periodic", warnings);
    }
    let mut stages = config.stages.iter();
    if !config.stages.is_empty() && stages.all(|stage| stage.particles == Arrangement::Apart) {
        for key in MEASURED_TOGETHER {
            told(config, key, "in no stage are the particles together", warnings);
        }
    }
    if !config.stages.iter().any(|stage| stage.kind.is_dynamic()) {
        told(config, "dynamics.initial_temperature_k", "in no stage do the atoms move", warnings);
    }
}

/// If the file gives the key.
fn told(config: &Config, key: &str, because: &str, warnings: &mut Problems) {
    if config.source.has(key) {
        let name = key.rsplit('.').next().unwrap_or(key);
        warnings.at(key, format!("`{name}` has no effect: {because}"));
    }
}

fn of_structure(config: &Config, structure: &StructureConfig, at: &str, warnings: &mut Problems) {
    if !matches!(structure.particles_from, None | Some(ParticlesFrom::Clusters)) {
        for name in ["cluster_distance_angstrom", "smallest_particle_atoms"] {
            let because = "`particles_from` is not `clusters`";
            told(config, &format!("{at}.{name}"), because, warnings);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::input::{parse, warnings};
    use std::path::Path;

    /// What is said of an input with these lines in its tables.
    fn told(particle: &str, stage: &str, more: &str) -> Vec<String> {
        let text = format!(
            "potential = {{ library = \"a\", elements = [\"Pt\"] }}\n\
             [[particle]]\natoms = 100\nlattice_constant_angstrom = 3.9\ncomposition = {{ Pt = 1.0 }}\n{particle}\n\
             [[stage]]\nkind = \"hold\"\nduration_ps = 1\ntemperature_k = 300\n{stage}\n{more}\n"
        );
        let all = warnings(&parse(&text, Path::new("a.toml")).unwrap());
        all.into_iter().map(|line| line.replace("a.toml:", "")).collect()
    }

    #[test]
    fn a_sound_input_is_passed_in_silence() {
        assert_eq!(told("", "thermostat = \"nose-hoover\"\nchain_length = 4", ""), [""; 0]);
        assert_eq!(
            told("shape = \"wulff\"\nsurface_energy_j_per_m2 = { 111 = 1.0 }", "", ""),
            [""; 0]
        );
    }

    #[test]
    fn every_key_without_effect_is_told_with_its_place() {
        let nve = "the ensemble is `nve`, which keeps the energy and not the temperature";
        assert_eq!(
            told("", "ensemble = \"nve\"\nthermostat = \"langevin\"\nrelaxation_fs = 10", ""),
            [
                format!("12:1: `thermostat` has no effect: {nve}"),
                format!("13:1: `relaxation_fs` has no effect: {nve}")
            ]
        );
        assert_eq!(
            told("shape = \"sphere\"\nsurface_energy_j_per_m2 = { 111 = 1.0 }", "", ""),
            [
                "7:1: `surface_energy_j_per_m2` has no effect: only a shape of `wulff` follows from surface energies"
            ]
        );
        let random = "with `orientation = \"random\"` any orientation is equally likely";
        assert_eq!(
            told(
                "orientation = \"random\"\nmisorientation_deg = 10\neuler_angles_deg = [1, 2, 3]",
                "",
                ""
            ),
            [
                format!("7:1: `misorientation_deg` has no effect: {random}"),
                format!("8:1: `euler_angles_deg` has no effect: {random}")
            ]
        );
        assert_eq!(
            told(
                "orientation = \"random\"\nabove = { facet = [1, 1, 1], gap_angstrom = 3 }",
                "",
                "[crystal]\nlattice_constant_angstrom = 3.9\ncomposition = { Pt = 1.0 }\nsurface = \"z\"\n\
                 lengths_angstrom = [40, 40]\nlayers = 3"
            ),
            [format!("7:11: `facet` has no effect: {random}")]
        );
        assert_eq!(
            told("", "thermostat = \"bussi\"\nchain_length = 4\nmax_steps = 5", ""),
            [
                "12:1: `chain_length` has no effect: only the `nose-hoover` thermostat has a chain",
                "13:1: `max_steps` has no effect: a stage of kind `hold` lasts for its `duration_ps`"
            ]
        );
        let later =
            "[[stage]]\nkind = \"hold\"\nensemble = \"nve\"\nduration_ps = 1\ntemperature_k = 900";
        assert_eq!(
            told("", "", later),
            [
                "16:1: `temperature_k` has no effect: an `nve` stage goes on with the velocities that there are"
            ]
        );
        let still = "[[stage]]\nkind = \"minimise\"\nthermostat = \"bussi\"";
        assert_eq!(
            told("", "", still),
            ["14:1: `thermostat` has no effect: `minimise` has no temperature"]
        );
        let apart = "particles = \"apart\"\nthermostat_for = \"system\"";
        assert_eq!(
            told(
                "count = 2",
                "particles = \"apart\"",
                "[placement]\ngap_angstrom = 4\n[stop]\nneck_ratio = 0.5\n[traces]\natoms = \"gap\""
            ),
            [
                "15:1: `neck_ratio` has no effect: in no stage are the particles together",
                "17:1: `atoms` has no effect: in no stage are the particles together"
            ]
        );
        assert_eq!(
            told("", apart, "[box]\nboundary = [\"free\", \"free\", \"free\"]"),
            [
                "12:1: `thermostat_for` has no effect: particles that are `apart` have a thermostat each"
            ]
        );
        assert_eq!(
            told("", "", "[box]\nlengths_angstrom = [90, 90, 90]"),
            ["13:1: `lengths_angstrom` has no effect: no boundary is periodic"]
        );
    }
}
