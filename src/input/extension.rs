//! `--extend`: the plain wish that a run goes on for longer.
//!
//! The input file is left alone; the checkpoints remember by how much a stage is longer
//! than the file says. An extension holds in later jobs too as long as the file gives the
//! stage the same duration; where that was changed, the file alone counts.

use super::config::{Config, StageConfig};
use super::source::Source;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// A stage made longer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Extension {
    /// From 0.
    pub stage: usize,
    pub by_ps: f64,
}

/// The longest wish, ps: as long as a stage may be.
const LONGEST: f64 = 1e8;

/// `10ps`, `0.5 ns` or `500fs`, in ps.
pub fn span_ps(text: &str) -> Result<f64, String> {
    let begin = text.find(|c: char| c.is_ascii_alphabetic() && c != 'e').unwrap_or(text.len());
    let (number, unit) = text.split_at(begin);
    let factor = match unit {
        "fs" => 1e-3,
        "ps" => 1.0,
        "ns" => 1e3,
        "" => return Err("the unit is missing: write 10ps, 0.5ns or 500fs".into()),
        _ => return Err(format!("`{unit}` is no unit of time here: ps, fs or ns")),
    };
    match number.trim().parse::<f64>() {
        Ok(time) if time * factor > LONGEST => {
            Err(format!("`{text}` is more than {LONGEST} ps, which no stage may be longer than"))
        }
        Ok(time) if time.is_finite() && time > 0.0 => Ok(rounded(time * factor)),
        _ => Err(format!("`{}` is no time above 0", number.trim())),
    }
}

/// Those of an earlier job that hold for this input.
pub fn carried_on(past: &[Extension], then: &Config, now: &Config) -> Vec<Extension> {
    let duration = |config: &Config, stage: usize| {
        let time_ps = config.stages.get(stage)?.duration_ps?;
        Some(config.dynamics.steps(time_ps))
    };
    let same = |stage| duration(then, stage) == duration(now, stage);
    past.iter().copied().filter(|extension| same(extension.stage)).collect()
}

/// Makes the stages of an input as much longer as the extensions say.
pub fn apply(config: &mut Config, extensions: &[Extension]) {
    for Extension { stage, by_ps } in extensions {
        let stage = config.stages.get_mut(*stage);
        if let Some(StageConfig { duration_ps: Some(time_ps), .. }) = stage {
            *time_ps = rounded(*time_ps + by_ps);
        }
    }
}

/// The extension of the last stage by so much time.
pub fn of_last_stage(config: &Config, by_ps: f64) -> Result<Extension> {
    let source: &Source = &config.source;
    let last = config.stages.len() - 1;
    let stage = &config.stages[last];
    let Some(time_ps) = stage.duration_ps else {
        return Err(source.error(
            &format!("stage[{last}].kind"),
            format!(
                "--extend makes the last stage longer, and `{}` has no duration: make its \
                 `max_steps` larger, or add a stage",
                stage.kind.name()
            ),
        ));
    };
    if config.dynamics.steps(time_ps + by_ps) == config.dynamics.steps(time_ps) {
        return Err(Error::Usage(format!(
            "--extend: {by_ps} ps is shorter than a time step of {} fs",
            config.dynamics.timestep_fs
        )));
    }
    Ok(Extension { stage: last, by_ps })
}

/// Ten digits hide the rounding of sums and products.
fn rounded(time_ps: f64) -> f64 {
    (time_ps * 1e10).round() / 1e10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_names_its_unit() {
        for (text, wanted) in
            [("10ps", 10.0), ("0.5 ns", 500.0), ("500fs", 0.5), ("1e-2ns", 10.0), ("0.1ps", 0.1)]
        {
            assert_eq!(span_ps(text), Ok(wanted), "{text}");
        }
        for wrong in
            ["10", "", "ps", "-1ps", "0ps", "1us", "infps", "1 h", "nanps", "1e30ps", "1e6ns"]
        {
            assert!(span_ps(wrong).is_err(), "{wrong}");
        }
    }
}
