//! What a checkpoint holds besides the atoms.

use crate::dynamics::{IntegratorState, Progress};
use crate::force::one_body::TermState;
use crate::observe::Observers;
use crate::write::Departure;
use serde::{Deserialize, Serialize};

/// What a restart needs to know besides the atoms; goes into checkpoints.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    pub progress: Progress,
    /// Of the stage that was under way or has just ended.
    pub integrator: Option<IntegratorState>,
    pub observers: Observers,
    /// Conserved energy when the stage of the integrator began, eV.
    #[serde(default)]
    pub stage_energy: Option<f64>,
    /// Step of the last frame of the trajectory that lies behind.
    #[serde(default)]
    pub last_frame: Option<u64>,
    /// What stages have not reached: minimisations that have not converged, pressures that were not held.
    #[serde(default, skip_serializing_if = "Vec::is_empty", rename = "unconverged")]
    pub shortfalls: Vec<String>,
    /// Atoms that have come to rest or were removed far out, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub departures: Vec<Departure>,
    /// Of the one-body terms, once they act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_body: Option<Vec<TermState>>,
}
