//! The table `pressure` of a stage: what presses on a periodic box and how the box answers, with the
//! rules for it. As in `config`, each key has its one home here.

use super::config::{Arrangement, Config, Ensemble, StageConfig};
use super::source::Problems;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PressureConfig {
    /// Pressure on the box, or the one at the start of a ramp.
    #[schemars(range(min = -1000, max = 1000))]
    pub target_gpa: f64,
    /// Pressure at the end of the stage; unless given, it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000, max = 1000))]
    pub end_gpa: Option<f64>,
    /// How the box is brought to the pressure.
    #[serde(default)]
    pub barostat: Barostat,
    /// Axes that change, those of one word by the same factor: `["xyz"]` keeps the shape of the box,
    /// `["x", "y", "z"]` lets each length find its own, `["xy"]` keeps the length along z.
    #[serde(default = "default_axes")]
    #[schemars(length(min = 1, max = 3))]
    pub axes: Vec<String>,
    /// Relaxation time of `stochastic`, period of the oscillation of `martyna-tobias-klein`.
    #[serde(default = "default_relaxation")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1_000_000_000))]
    pub relaxation_fs: f64,
    /// A guess at the compressibility of what is in the box: it scales `relaxation_fs`, results do not
    /// depend on it. The default is that of gold or platinum.
    #[serde(default = "default_compressibility")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1000))]
    pub compressibility_per_gpa: f64,
    /// Number of thermostats in each Nose-Hoover chain of `martyna-tobias-klein`, which keep the
    /// motion of the box at the temperature; 3 unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 20))]
    pub chain_length: Option<usize>,
    /// Between changes of the box, to the nearest whole number of steps; each costs an evaluation of the
    /// forces and new neighbour lists.
    #[serde(default = "default_interval")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1_000_000))]
    pub interval_fs: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Barostat {
    /// Stochastic cell rescaling (Bernetti and Bussi): first order, no oscillations.
    #[default]
    Stochastic,
    /// A box with a mass of its own (Martyna, Tobias and Klein).
    MartynaTobiasKlein,
}

impl Barostat {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            Barostat::Stochastic => "stochastic",
            Barostat::MartynaTobiasKlein => "martyna-tobias-klein",
        }
    }
}

fn default_axes() -> Vec<String> {
    vec!["xyz".to_string()]
}
fn default_relaxation() -> f64 {
    1000.0
}
fn default_compressibility() -> f64 {
    0.005
}
fn default_interval() -> f64 {
    40.0
}

const AXES: [char; 3] = ['x', 'y', 'z'];

impl PressureConfig {
    /// Of its Nose-Hoover chain, where its barostat has one.
    pub fn chain(&self) -> Option<usize> {
        match self.barostat {
            Barostat::Stochastic => None,
            Barostat::MartynaTobiasKlein => Some(self.chain_length.unwrap_or(3)),
        }
    }

    /// Axes (0 to 2) that change together, group by group: in their order, in whichever `axes` names them.
    pub fn groups(&self) -> Vec<Vec<usize>> {
        let of = |group: &String| (0..3).filter(|&k| group.contains(AXES[k])).collect();
        let mut groups: Vec<Vec<usize>> = self.axes.iter().map(of).collect();
        groups.sort();
        groups
    }

    /// The same table as everyone would write it who means the same.
    pub fn plain(&self) -> PressureConfig {
        let word = |axes: &Vec<usize>| axes.iter().map(|&k| AXES[k]).collect();
        PressureConfig {
            axes: self.groups().iter().map(word).collect(),
            end_gpa: self.end_gpa.filter(|&end| end != self.target_gpa),
            ..self.clone()
        }
    }
}

/// Adds every breach of the rules to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    for (i, stage) in config.stages.iter().enumerate() {
        let key = format!("stage[{i}].pressure");
        let wanted = stage.ensemble == Ensemble::Npt;
        match &stage.pressure {
            None if wanted => problems.at(
                &format!("stage[{i}].ensemble"),
                "`npt` needs a table `pressure` in this stage: write `pressure = { target_gpa = 0 }`",
            ),
            Some(_) if !wanted => problems.at(
                &key,
                "this stage does not hold a pressure: write `ensemble = \"npt\"`, or leave `pressure` out",
            ),
            Some(pressure) => one_table(config, (stage, pressure), &key, problems),
            None => {}
        }
    }
}

fn one_table(
    config: &Config,
    (stage, pressure): (&StageConfig, &PressureConfig),
    key: &str,
    problems: &mut Problems,
) {
    let at = |name: &str| format!("{key}.{name}");
    if !stage.kind.is_dynamic() {
        let message =
            format!("`pressure` has no meaning in a stage of kind `{}`", stage.kind.name());
        return problems.at(key, message + ": its box stays as it is");
    }
    if stage.particles == Arrangement::Apart {
        problems.at(key, "particles that are `apart` have no box that could be pressed");
    }
    let mut seen = Vec::new();
    for (n, group) in pressure.axes.iter().enumerate() {
        let place = at(&format!("axes[{n}]"));
        if group.is_empty() || !group.chars().all(|letter| "xyz".contains(letter)) {
            let message =
                format!("{group:?} names no axes: write \"x\", \"yz\", \"xyz\" and the like");
            problems.at(&place, message);
        }
        for letter in group.chars() {
            if seen.contains(&letter) {
                problems.at(&place, format!("the axis {letter} is named twice"));
            }
            seen.push(letter);
        }
    }
    if pressure.barostat == Barostat::Stochastic && pressure.chain_length.is_some() {
        problems
            .at(&at("chain_length"), "only `martyna-tobias-klein` has a chain: leave this key out");
    }
    let (interval, relaxation) = (pressure.interval_fs, pressure.relaxation_fs);
    if let Some(duration) = stage.duration_ps.filter(|duration| duration * 1000.0 < interval) {
        let message = format!(
            "the box would never change in this stage: it ends after {duration} ps, and the box \
             changes every {interval} fs"
        );
        problems.at(&at("interval_fs"), message);
    }
    // With less the integration of the box is no longer a good one.
    if relaxation < 10.0 * interval {
        let message = format!(
            "{relaxation} fs are fewer than ten changes of the box, one every {interval} fs: take a longer \
             `relaxation_fs` or a shorter `interval_fs`"
        );
        problems.at(&at("relaxation_fs"), message);
    }
    if config.acts_one_by_one() {
        problems.at(
            key,
            "the box cannot change while something holds, tethers, presses or pulls atoms at places of its own \
             (`[[fixed]]`, `[[tether]]`, `[[plane]]`, `[[piston]]`, `[[uniform_force]]`)",
        );
    }
}

/// Adds what is wrong with the boundaries to `problems`.
pub fn boundaries(config: &Config, problems: &mut Problems) {
    for (i, _) in config.stages.iter().enumerate().filter(|(_, stage)| stage.pressure.is_some()) {
        if config.cell.periodic() != [true; 3] {
            problems.at(
                &format!("stage[{i}].pressure"),
                "only a box that is periodic in x, y and z has a volume, and so a pressure: write \
                 `boundary = [\"periodic\", \"periodic\", \"periodic\"]` in `[box]`, or press with a `[[piston]]`",
            );
        }
    }
}
