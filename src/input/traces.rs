//! The table `[traces]`: atoms whose paths are kept finely, without all others.

use super::config::Config;
use super::one_body::beyond;
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// Which atoms, by a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub atoms: Option<TracedAtoms>,
    /// Which atoms, by their ids (from 0, as in the trajectory).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-fixed" = "trajectory"))]
    pub ids: Vec<u64>,
    /// Between points of the paths, to the nearest whole number of steps.
    #[serde(default = "default_interval")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub interval_ps: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TracedAtoms {
    /// Of each particle the outermost layer towards its neighbours when they are put together: its adatoms in the gap, where it has some.
    Gap,
}

fn default_interval() -> f64 {
    0.01
}

/// Adds every breach of the rules to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    let Some(traces) = &config.traces else { return };
    if traces.atoms.is_none() && traces.ids.is_empty() {
        problems.at("traces", "no atoms are named: give `atoms = \"gap\"`, `ids`, or both");
    }
    let several = config.structure.is_some() || config.particle_count() > 1;
    let support = config.particles.iter().any(|particle| particle.above.is_some());
    if traces.atoms == Some(TracedAtoms::Gap) && !several && !support {
        problems.at("traces.atoms", "`gap` needs two particles, or one above a surface");
    }
    let mut seen = std::collections::BTreeSet::new();
    for (i, id) in traces.ids.iter().enumerate() {
        if !seen.insert(id) {
            problems.at(&format!("traces.ids[{i}]"), format!("atom {id} is named twice"));
        }
    }
}

/// Adds every atom that `ids` names and that is not among so many to `problems`.
pub(super) fn check_ids(config: &Config, atoms: u64, problems: &mut Problems) {
    let ids = config.traces.iter().flat_map(|traces| traces.ids.iter().enumerate());
    for (i, id) in ids.filter(|(_, id)| **id >= atoms) {
        problems.at(&format!("traces.ids[{i}]"), beyond("atom", *id, atoms));
    }
}
