//! The tables `[checkpoint]` and `[stop]`: what lets a run of days live in jobs of
//! hours. As in `config`, each key has its one home here.

use super::span::span;
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
    /// Checkpoints to keep, the newest ones. `sinter-hpc audit` does again what lies between two of them.
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

/// What may be other when the same atoms go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// The files of the potential; the elements stay.
    Potential,
    /// Which directions are periodic, and the lengths of the box: atoms stay where they are.
    Box,
    /// The random numbers to come.
    Seed,
}

impl Change {
    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            Change::Potential => "potential",
            Change::Box => "box",
            Change::Seed => "seed",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopConfig {
    /// Time that a job has, as `"23:50:00"`, `"6-23:50:00"` or `"6:23:50:00"` (days first),
    /// `"90m"`, `"1h30m"`, `"2 hours"`, or a number of seconds: it stops in time for a
    /// checkpoint, to be submitted again. A scheduler's own limit is known without this
    /// key where it tells it (Slurm, Torque).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walltime: Option<WallTime>,
    /// The run is done when the neck of every pair of neighbouring particles has grown
    /// to this fraction of the radius of the smaller one, and has stood for `neck_hold_ps`. Pairs count
    /// that were neighbours when the particles were put together, or all if there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 1.5))]
    pub neck_ratio: Option<f64>,
    /// The run is done when every pair of neighbouring particles is as compact as one
    /// ball, but for this excess: 0.05 means a gyration radius at most 5 % above that of
    /// the ball; two balls that touch have 0.3. The same pairs count, once their necks stand.
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
        self.walltime.as_ref().and_then(|time| time.span().ok())
    }
}

/// A span of wall-clock time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WallTime {
    Seconds(f64),
    Text(String),
}

impl WallTime {
    /// The span, or why it is none.
    pub fn span(&self) -> Result<Duration, String> {
        match self {
            WallTime::Seconds(seconds) => span(&seconds.to_string()),
            WallTime::Text(text) => span(text),
        }
    }
}
