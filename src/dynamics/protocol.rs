//! The protocol of a run: its stages with durations in steps, and the place
//! where a run stands in them.
//!
//! Stages follow one another; those with the particles apart come first
//! (`input` sees to that), and `Protocol::is_apart` tells when they are put together.
//! What happens when a stage begins, and when it ends, is `Integrator`'s.

use serde::{Deserialize, Serialize};

use crate::dynamics::barostat;
use crate::dynamics::groups::View;
use crate::dynamics::swaps;
use crate::input::config::{
    Arrangement, Config, Group, Scheme, StageConfig, StageKind, Thermostat,
};

/// The whole protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    pub seed: u64,
    /// ps
    pub timestep: f64,
    pub stages: Vec<Stage>,
}

/// One stage, in steps and internal units.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    pub name: String,
    pub kind: StageKind,
    /// Its length; of `minimise` and `quench` the greatest.
    pub steps: u64,
    /// Target at begin and end, K; also at constant energy where it is given.
    pub temperature: Option<[f64; 2]>,
    /// Of the velocities drawn where all atoms are at rest when the stage begins, K.
    pub first_temperature: Option<f64>,
    /// None at constant energy.
    pub thermostat: Option<ThermostatSettings>,
    /// Monte Carlo moves between steps, if any.
    pub swaps: Option<swaps::Settings>,
    /// What presses on the box, if anything does.
    pub pressure: Option<barostat::Settings>,
    /// Each particle alone.
    pub apart: bool,
    /// Velocities are turned around when it begins.
    pub reverse: bool,
    /// The integrator of the motion in time.
    pub integrator: Scheme,
    pub remove_linear: Option<Group>,
    pub remove_angular: Option<Group>,
    /// Of the largest force component at the end of `minimise` and `quench`, eV/Å.
    pub force_tolerance: f64,
    /// Steps between frames of the trajectory.
    pub trajectory_interval: u64,
    /// Steps between points of the time series.
    pub series_interval: u64,
    /// Steps between points of paths, where some atoms are traced.
    pub trace_interval: Option<u64>,
}

/// How a stage keeps its temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThermostatSettings {
    pub kind: Thermostat,
    /// ps
    pub relaxation: f64,
    pub chain_length: usize,
    pub group: Group,
}

impl Protocol {
    /// Of a checked input with its defaults filled in.
    pub fn new(config: &Config) -> Protocol {
        let first_moving = config.stages.iter().position(|s| s.kind.is_dynamic());
        let stages = config.stages.iter().enumerate().map(|(k, stage)| {
            let initial = config.dynamics.initial_temperature_k.filter(|_| Some(k) == first_moving);
            Stage::new(config, stage, initial)
        });
        Protocol {
            seed: config.seed,
            timestep: config.dynamics.timestep_fs / 1000.0,
            stages: stages.collect(),
        }
    }

    /// The stage in which a run stands; `None` when all are done.
    pub fn stage(&self, progress: &Progress) -> Option<&Stage> {
        self.stages.get(progress.stage)
    }

    /// Whether the particles are still apart.
    pub fn is_apart(&self, progress: &Progress) -> bool {
        self.stage(progress).is_some_and(|stage| stage.apart)
    }

    /// Simulated time, ps: no time passes while energy is minimised.
    pub fn time(&self, progress: &Progress) -> f64 {
        progress.moving_steps as f64 * self.timestep
    }

    /// The key of the swaps of the first stage from `first` on that could do nothing with these
    /// atoms, and why; as far ahead as their composition is known. `cutoff`: of the potential, Å. Collective.
    pub fn idle_swaps(&self, first: usize, view: &View, cutoff: f64) -> Option<(String, String)> {
        for (n, stage) in self.stages.iter().enumerate().skip(first) {
            let Some(swaps) = &stage.swaps else { continue };
            if let Some(bond) = swaps.bond.filter(|&bond| bond > cutoff) {
                let why = format!(
                    "{bond} Å is beyond the cutoff of the potential, {cutoff} Å: atoms so far from one another do not hang \
                     together"
                );
                return Some((format!("stage[{n}].swaps.bond_angstrom"), why));
            }
            if let Some(why) = swaps.idle(view) {
                let key = format!("stage[{n}].swaps");
                return Some((key, format!("there is nothing to swap: {why}")));
            }
            if matches!(swaps.ensemble, swaps::Ensemble::Open { .. }) {
                break;
            }
        }
        None
    }

    /// Time steps of all stages that move in time.
    pub fn moving_steps(&self) -> u64 {
        self.stages.iter().filter(|s| s.kind.is_dynamic()).map(|s| s.steps).sum()
    }
}

impl Stage {
    fn new(config: &Config, stage: &StageConfig, initial: Option<f64>) -> Stage {
        let steps = |time_ps: f64| config.dynamics.steps(time_ps);
        let output = &config.output;
        let temperature = stage.temperature_k.map(|start| {
            [start, stage.end_temperature_k.filter(|_| stage.kind.is_ramp()).unwrap_or(start)]
        });
        let apart = stage.particles == Arrangement::Apart;
        // A particle that is alone is kept warm alone.
        let group = if apart { Group::Particle } else { stage.thermostat_for };
        let settings = ThermostatSettings {
            kind: stage.thermostat,
            relaxation: stage.relaxation_fs / 1000.0,
            chain_length: stage.chain_length,
            group,
        };
        Stage {
            name: stage.name.clone().unwrap_or_else(|| stage.kind.name().to_string()),
            kind: stage.kind,
            steps: match stage.kind.is_dynamic() {
                true => stage.duration_ps.map_or(0, steps),
                false => stage.max_steps,
            },
            temperature,
            first_temperature: initial.or(stage.temperature_k),
            thermostat: (stage.ensemble.has_temperature() && temperature.is_some())
                .then_some(settings),
            swaps: swaps::Settings::new(config, stage),
            pressure: barostat::Settings::new(config, stage),
            apart,
            reverse: stage.reverse_velocities,
            integrator: stage.integrator,
            remove_linear: stage.remove_linear_momentum,
            remove_angular: stage.remove_angular_momentum,
            force_tolerance: stage.force_tolerance_ev_per_angstrom,
            trajectory_interval: steps(
                stage.trajectory_interval_ps.unwrap_or(output.trajectory_interval_ps),
            ),
            series_interval: steps(stage.series_interval_ps.unwrap_or(output.series_interval_ps)),
            trace_interval: config.traces.as_ref().map(|traces| steps(traces.interval_ps)),
        }
    }

    /// What its thermostat keeps warm, each for itself: all atoms or each particle.
    pub fn group(&self) -> Group {
        match &self.thermostat {
            _ if self.apart => Group::Particle,
            Some(settings) => settings.group,
            None => Group::System,
        }
    }

    /// Target temperature at the end of step `step` of the stage, K: linear in time.
    pub fn temperature_at(&self, step: u64) -> Option<f64> {
        let [start, end] = self.temperature?;
        Some(start + (end - start) * (step.min(self.steps) as f64 / self.steps as f64))
    }

    /// Target pressure at the end of step `step` of the stage, eV/Å³: linear in time.
    pub fn pressure_at(&self, step: u64) -> Option<f64> {
        let [start, end] = self.pressure.as_ref()?.target;
        Some(start + (end - start) * (step.min(self.steps) as f64 / self.steps as f64))
    }

    /// Whether a frame of the trajectory is due after step `step` of the stage.
    pub fn frame_is_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.trajectory_interval)
    }

    /// Whether a point of the paths of traced atoms is due after step `step` of the stage.
    pub fn trace_is_due(&self, step: u64) -> bool {
        self.trace_interval.is_some_and(|interval| step.is_multiple_of(interval))
    }

    /// Whether a point of the time series is due after step `step` of the stage.
    pub fn series_is_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.series_interval)
    }
}

/// Where a run stands. With the atoms and the integrator's state, all that a
/// restart needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Index of the stage.
    pub stage: usize,
    /// Steps made in it.
    pub step_in_stage: u64,
    /// Steps made in all, those of minimisers included; never repeats.
    pub step: u64,
    /// Steps made in time.
    pub moving_steps: u64,
}

impl Progress {
    /// One more step of the present stage.
    pub fn advance(&mut self, protocol: &Protocol) {
        self.step_in_stage += 1;
        self.step += 1;
        self.moving_steps += protocol.stage(self).is_some_and(|s| s.kind.is_dynamic()) as u64;
    }

    /// On to the next stage.
    pub fn next_stage(&mut self) {
        self.stage += 1;
        self.step_in_stage = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const INPUT: &str = r#"
seed = 5
potential = { library = "l", elements = ["Pt"] }
structure = { file = "s.xyz" }
box = { boundary = ["free", "free", "free"] }
dynamics = { timestep_fs = 2 }
[[stage]]
kind = "minimise"
max_steps = 30
particles = "apart"
[[stage]]
kind = "equilibrate"
particles = "apart"
temperature_k = 300
duration_ps = 0.1
[[stage]]
kind = "heat"
temperature_k = 300
end_temperature_k = 400
duration_ps = 0.2
thermostat = "langevin"
relaxation_fs = 50
[[stage]]
kind = "hold"
ensemble = "nve"
duration_ps = 1
trajectory_interval_ps = 0.5
"#;

    fn protocol() -> Protocol {
        Protocol::new(&crate::input::parse(INPUT, Path::new("in.toml")).unwrap())
    }

    #[test]
    fn stages_get_their_steps_and_groups() {
        let protocol = protocol();
        assert_eq!(protocol.seed, 5);
        assert_eq!(protocol.stages.iter().map(|s| s.steps).collect::<Vec<_>>(), [30, 50, 100, 500]);
        assert_eq!(protocol.moving_steps(), 650);
        let equilibrate = &protocol.stages[1];
        assert_eq!(equilibrate.thermostat.unwrap().group, Group::Particle, "alone when apart");
        assert_eq!(equilibrate.remove_linear, Some(Group::Particle));
        assert_eq!(equilibrate.remove_angular, Some(Group::Particle));
        assert_eq!(equilibrate.first_temperature, Some(300.0));
        assert_eq!(protocol.stages[2].thermostat.unwrap().relaxation, 0.05);
        assert_eq!(protocol.stages[3].thermostat, None);
        assert_eq!(protocol.stages[3].trajectory_interval, 250);
        assert_eq!(protocol.stages[3].first_temperature, None);
    }

    #[test]
    fn a_ramp_is_linear_and_ends_at_its_end() {
        let protocol = protocol();
        let heat = &protocol.stages[2];
        assert_eq!(heat.temperature_at(0), Some(300.0));
        assert_eq!(heat.temperature_at(25), Some(325.0));
        assert_eq!(heat.temperature_at(100), Some(400.0));
        assert_eq!(protocol.stages[1].temperature_at(17), Some(300.0));
        assert_eq!(protocol.stages[3].temperature_at(17), None);
    }

    #[test]
    fn time_passes_only_where_atoms_move_in_time() {
        let protocol = protocol();
        let mut progress = Progress::default();
        progress.advance(&protocol);
        assert!(protocol.is_apart(&progress));
        progress.next_stage();
        progress.advance(&protocol);
        assert_eq!(progress, Progress { stage: 1, step_in_stage: 1, step: 2, moving_steps: 1 });
        assert_eq!(protocol.time(&progress), 0.002);
        assert!(!protocol.stages[1].series_is_due(49) && protocol.stages[1].series_is_due(50));
        assert!(protocol.stages[3].frame_is_due(250) && !protocol.stages[3].frame_is_due(125));
        progress.stage = protocol.stages.len();
        assert_eq!(protocol.stage(&progress), None);
    }
}
