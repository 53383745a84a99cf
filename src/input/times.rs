//! Durations and intervals, which are made of whole time steps: the rules for all of them.

use super::config::Config;
use super::source::Problems;
use crate::terminal::counted;
use std::fmt::{self, Display, Formatter};

/// Relative difference that is owed to decimal fractions alone.
const ROUNDING: f64 = 1e-9;

/// A duration or an interval that is made of whole time steps.
struct Time {
    key: String,
    time: f64,
    unit: TimeUnit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum TimeUnit {
    Ps,
    Fs,
}

impl TimeUnit {
    fn ps(self, time: f64) -> f64 {
        if self == TimeUnit::Fs { time / 1000.0 } else { time }
    }
}

impl Display for TimeUnit {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        f.write_str(if *self == TimeUnit::Fs { "fs" } else { "ps" })
    }
}

/// Every duration and interval that the file gives.
fn times(config: &Config) -> Vec<Time> {
    let of = |key: String, time| {
        let unit = if key.ends_with("_fs") { TimeUnit::Fs } else { TimeUnit::Ps };
        Time { key, time, unit }
    };
    let output = &config.output;
    let mut times = vec![
        of("output.trajectory_interval_ps".into(), output.trajectory_interval_ps),
        of("output.series_interval_ps".into(), output.series_interval_ps),
    ];
    let window = output.diffusion_window_ps;
    times.extend(window.map(|time| of("output.diffusion_window_ps".into(), time)));
    let traces = config.traces.iter().map(|traces| traces.interval_ps);
    times.extend(traces.map(|time| of("traces.interval_ps".into(), time)));
    for (i, stage) in config.stages.iter().enumerate() {
        let own = [
            ("duration_ps", stage.duration_ps),
            ("trajectory_interval_ps", stage.trajectory_interval_ps),
            ("series_interval_ps", stage.series_interval_ps),
            ("swaps.interval_ps", stage.swaps.as_ref().map(|swaps| swaps.interval_ps)),
            ("pressure.interval_fs", stage.pressure.as_ref().map(|pressure| pressure.interval_fs)),
        ];
        for (name, time) in own {
            times.extend(time.map(|time| of(format!("stage[{i}].{name}"), time)));
        }
    }
    // Nobody wrote the others; an interval that `complete` took from `output` is looked at there.
    times.retain(|time| config.source.has(&time.key));
    times
}

/// Adds those that are shorter than a time step to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    let timestep = config.dynamics.timestep_fs;
    for Time { key, time, unit } in times(config) {
        if unit.ps(time * 1000.0) < timestep / 2.0 {
            let name = key.rsplit('.').next().unwrap_or(&key);
            problems.at(
                &key,
                format!("`{name}` = {time} {unit} is shorter than one time step of {timestep} fs"),
            );
        }
    }
}

/// Those that are no whole number of time steps.
pub fn warn(config: &Config, warnings: &mut Problems) {
    let dynamics = &config.dynamics;
    for Time { key, time, unit } in times(config) {
        let steps = dynamics.steps(unit.ps(time));
        let used = steps as f64 * dynamics.timestep_fs / unit.ps(1000.0);
        if (used - time).abs() > ROUNDING * used {
            warnings.at(
                &key,
                format!(
                    "{time} {unit} is not a whole number of time steps of {} fs: the \
                     nearest is used, {} = {} {unit}",
                    dynamics.timestep_fs,
                    counted(steps, "step"),
                    // Ten digits hide the rounding of the product.
                    (used * 1e10).round() / 1e10
                ),
            );
        }
    }
}
