//! The tables `[checkpoint]` and `[stop]`: what lets a run of days live in jobs of
//! hours. As in `config`, each key has its one home here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckpointConfig {
    /// A checkpoint after every so many steps; one at the end of each stage comes anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub every_steps: Option<u64>,
    /// A checkpoint whenever so much time has passed since the last one.
    #[serde(default = "default_minutes")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub every_minutes: f64,
    /// Checkpoints to keep, the newest ones.
    #[serde(default = "default_keep")]
    #[schemars(range(min = 2))]
    pub keep: usize,
    /// What may differ between a checkpoint and the input that goes on from it; then a
    /// new trajectory begins, in another output folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub may_change: Vec<Change>,
}

fn default_minutes() -> f64 {
    10.0
}
fn default_keep() -> usize {
    2
}

impl Default for CheckpointConfig {
    fn default() -> Self {
        CheckpointConfig {
            every_steps: None,
            every_minutes: default_minutes(),
            keep: default_keep(),
            may_change: Vec::new(),
        }
    }
}

/// What makes another system of the same atoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The files of the potential; the elements stay.
    Potential,
    /// Which directions are periodic.
    Box,
    /// The random numbers to come.
    Seed,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopConfig {
    /// Time that a job has, as `"23:50:00"` or `"6-23:50:00"` (days): it stops in time
    /// for a checkpoint, to be submitted again. A scheduler's own limit is known
    /// without this key where it tells it (Slurm, Torque).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walltime: Option<String>,
    /// The run is done when the neck of every pair of neighbouring particles has grown
    /// to this fraction of the radius of the smaller one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub neck_ratio: Option<f64>,
    /// The run is done when every pair of neighbouring particles is as compact as one
    /// ball, but for this excess: 0.05 means a gyration radius at most 5 % above that of
    /// the ball; two balls that touch have 0.3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 0.3))]
    pub coalesced_within: Option<f64>,
    /// The run fails, after a checkpoint, when the conserved energy of a stage has
    /// drifted this far since the stage began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub energy_drift_ev_per_atom: Option<f64>,
}

impl StopConfig {
    /// `walltime` as a span of time; none where it is not given or, before the rules
    /// are checked, not a time.
    pub fn job_time(&self) -> Option<Duration> {
        self.walltime.as_deref().and_then(span)
    }
}

/// `hours:minutes:seconds`, with or without `days-` before.
pub fn span(text: &str) -> Option<Duration> {
    let number = |digits: &str| -> Option<u64> {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let parts: Vec<u64> = clock.split(':').map(number).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts[..] else { return None };
    let hours = number(days)?.checked_mul(24)?.checked_add(hours)?;
    let total = hours.checked_mul(3600)?.checked_add(60 * minutes.min(60) + seconds.min(60))?;
    (minutes < 60 && seconds < 60 && total > 0).then(|| Duration::from_secs(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_time_are_hours_minutes_seconds() {
        let seconds = |text| span(text).map(|span| span.as_secs());
        assert_eq!(seconds("23:50:00"), Some(85_800));
        assert_eq!(seconds("0:00:07"), Some(7));
        assert_eq!(seconds("2-01:00:00"), Some(49 * 3600));
        for wrong in ["", "50:00", "1:2:3:4", "1:60:00", "1:00:x", "-1:00:00", "0:00:00", "+1:0:0"]
        {
            assert_eq!(seconds(wrong), None, "{wrong}");
        }
    }
}
