//! The tables `[[stage]]`: what is done, and in which order. As in `config`, each key has its
//! one home here.

use super::pressure::PressureConfig;
use super::swaps::SwapsConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageConfig {
    /// For the log; the kind unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-fixed" = "never"))]
    pub name: Option<String>,
    /// What happens in this stage.
    pub kind: StageKind,
    /// Simulated time, to the nearest whole number of steps; not for `minimise` and `quench`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    pub duration_ps: Option<f64>,
    /// Temperature, or the one at the start of a ramp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20_000))]
    pub temperature_k: Option<f64>,
    /// Temperature at the end of `heat` and `cool`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20_000))]
    pub end_temperature_k: Option<f64>,
    /// What is kept constant.
    #[serde(default)]
    pub ensemble: Ensemble,
    /// How positions and velocities are taken from step to step; `velocity-verlet` unless given.
    #[serde(default, skip_serializing_if = "Scheme::is_default")]
    pub integrator: Scheme,
    /// How `nvt` and `npt` keep the temperature.
    #[serde(default)]
    pub thermostat: Thermostat,
    /// Relaxation time of the thermostat.
    #[serde(default = "default_relaxation")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub relaxation_fs: f64,
    /// Number of thermostats in a Nose-Hoover chain.
    #[serde(default = "default_chain")]
    #[schemars(range(min = 1, max = 20))]
    pub chain_length: usize,
    /// One thermostat for the whole system or one for each particle; particles that
    /// are `apart` always have one each.
    #[serde(default)]
    pub thermostat_for: Group,
    /// Where the particles are during the stage.
    #[serde(default)]
    pub particles: Arrangement,
    /// Take away linear momentum when the stage begins. Unless given: not at all, but
    /// `equilibrate` takes it away, for each particle where the particles are `apart`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_linear_momentum: Option<Group>,
    /// Take away angular momentum when the stage begins; only with free boundaries.
    /// Unless given: as for the linear momentum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_angular_momentum: Option<Group>,
    /// Turn all velocities around when the stage begins: the atoms go back where they came from.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reverse_velocities: bool,
    /// For `nve`: the motion is to be undone to the bit (`reverse_velocities` in a stage after it), so what cannot be is
    /// refused. The motion is the same without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reversible: bool,
    /// For `minimise` and `quench`: stop when no force component exceeds this.
    #[serde(default = "default_force_tolerance")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub force_tolerance_ev_per_angstrom: f64,
    /// For `minimise` and `quench`: give up after so many steps.
    #[serde(default = "default_max_steps")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub max_steps: u64,
    /// Between frames of the trajectory; that of `output` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub trajectory_interval_ps: Option<f64>,
    /// Between points of the time series; that of `output` unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 100_000_000))]
    #[schemars(extend("x-fixed" = "never"))]
    pub series_interval_ps: Option<f64>,
    /// Monte Carlo moves between steps, in which atoms change their elements: what diffusion would
    /// take too long for. Not for `minimise` and `quench`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swaps: Option<SwapsConfig>,
    /// For `npt`: the pressure on a periodic box, and how the box answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pressure: Option<PressureConfig>,
}

/// Keys that change nothing in a stage, and why.
pub struct Idle {
    pub keys: Vec<&'static str>,
    pub because: String,
}

const THERMOSTAT: [&str; 4] = ["thermostat", "relaxation_fs", "chain_length", "thermostat_for"];

impl StageConfig {
    /// What follows a ramp, of which the length of the stage decides the slope; none if nothing does.
    pub fn ramps(&self) -> Option<&'static str> {
        let rises = |p: &PressureConfig| p.end_gpa.is_some_and(|end| end != p.target_gpa);
        match (self.kind.is_ramp(), self.pressure.as_ref().is_some_and(rises)) {
            (true, true) => Some("temperatures and pressures"),
            (true, false) => Some("temperatures"),
            (false, true) => Some("pressures"),
            (false, false) => None,
        }
    }

    /// The keys that have no effect beside the others, given or not; `moved` tells whether atoms
    /// move in a stage before.
    pub fn idle(&self, moved: bool) -> Vec<Idle> {
        let idle = |keys: &[&'static str], because: &str| Idle {
            keys: keys.to_vec(),
            because: because.to_string(),
        };
        let kind = self.kind.name();
        if !self.kind.is_dynamic() {
            let all = [&["ensemble"], &THERMOSTAT[..]].concat();
            return vec![idle(&all, &format!("`{kind}` has no temperature"))];
        }
        let minimisers = ["force_tolerance_ev_per_angstrom", "max_steps"];
        let lasts = format!("a stage of kind `{kind}` lasts for its `duration_ps`");
        let mut all = vec![idle(&minimisers, &lasts)];
        if self.ensemble == Ensemble::Nve {
            let kept = "the ensemble is `nve`, which keeps the energy and not the temperature";
            all.push(idle(&THERMOSTAT, kept));
            if moved {
                let goes_on = "an `nve` stage goes on with the velocities that there are";
                all.push(idle(&["temperature_k"], goes_on));
            }
            return all;
        }
        if self.thermostat != Thermostat::NoseHoover {
            all.push(idle(&["chain_length"], "only the `nose-hoover` thermostat has a chain"));
        }
        if self.particles == Arrangement::Apart && self.thermostat_for != Group::Particle {
            let one_each = "particles that are `apart` have a thermostat each";
            all.push(idle(&["thermostat_for"], one_each));
        }
        all
    }
}

/// Writes `[[stage]]` without the defaults that have no effect: nobody gave them.
pub fn write<S: Serializer>(stages: &[StageConfig], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(stages.iter().enumerate().map(|(i, stage)| {
        let moved = stages[..i].iter().any(|stage| stage.kind.is_dynamic());
        let mut table = serde_json::to_value(stage).expect("a stage is plain data");
        let bare: StageConfig =
            serde_json::from_value(json!({ "kind": stage.kind })).expect("a kind makes a stage");
        let bare = serde_json::to_value(bare).expect("a stage is plain data");
        for key in stage.idle(moved).iter().flat_map(|idle| &idle.keys) {
            let is_default = |value: &Value| bare.get(key) == Some(value);
            if table.get(key).is_some_and(is_default) {
                // In the order of the others.
                table.as_object_mut().map(|keys| keys.shift_remove(*key));
            }
        }
        table
    }))
}

pub fn default_relaxation() -> f64 {
    100.0
}
fn default_chain() -> usize {
    3
}
fn default_force_tolerance() -> f64 {
    1e-4
}
fn default_max_steps() -> u64 {
    10_000
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StageKind {
    /// FIRE until the forces are small; no time passes.
    Minimise,
    /// At one temperature, with the momenta taken away first.
    Equilibrate,
    /// Along a ramp up from `temperature_k` to `end_temperature_k`.
    Heat,
    /// Along a ramp down from `temperature_k` to `end_temperature_k`.
    Cool,
    /// At one temperature, or at constant energy.
    Hold,
    /// Velocities to zero, then FIRE: the inherent structure.
    Quench,
}

impl StageKind {
    /// Whether atoms move in time: a temperature and a duration have a meaning.
    pub fn is_dynamic(self) -> bool {
        !matches!(self, StageKind::Minimise | StageKind::Quench)
    }

    /// Whether the temperature follows a ramp.
    pub fn is_ramp(self) -> bool {
        matches!(self, StageKind::Heat | StageKind::Cool)
    }

    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            StageKind::Minimise => "minimise",
            StageKind::Equilibrate => "equilibrate",
            StageKind::Heat => "heat",
            StageKind::Cool => "cool",
            StageKind::Hold => "hold",
            StageKind::Quench => "quench",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ensemble {
    /// Constant energy.
    Nve,
    /// Constant temperature.
    #[default]
    Nvt,
    /// Constant temperature and pressure: the box changes, as `pressure` says.
    Npt,
}

impl Ensemble {
    /// Whether a thermostat keeps the temperature.
    pub fn has_temperature(self) -> bool {
        self != Ensemble::Nve
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Half a kick, a drift, half a kick.
    #[default]
    VelocityVerlet,
    /// A kick and a drift, velocities half a step behind; for `nve`. Files hold velocities of whole steps,
    /// half a kick further on: those of `velocity-verlet`, to the bit.
    Leapfrog,
    /// Half a drift, a kick, half a drift; not with `langevin`. Forces of whole steps are computed besides
    /// where something is measured or written.
    PositionVerlet,
}

impl Scheme {
    fn is_default(&self) -> bool {
        *self == Scheme::VelocityVerlet
    }

    /// As in the input.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::VelocityVerlet => "velocity-verlet",
            Scheme::Leapfrog => "leapfrog",
            Scheme::PositionVerlet => "position-verlet",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Thermostat {
    /// A Nose-Hoover chain of `chain_length`.
    #[default]
    NoseHoover,
    /// Friction and noise that keep the momentum of each particle.
    Langevin,
    /// Stochastic velocity rescaling.
    Bussi,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Group {
    /// All atoms together.
    #[default]
    System,
    /// Each particle by itself.
    Particle,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Arrangement {
    /// As placed.
    #[default]
    Together,
    /// Each particle alone, out of reach of the others; such stages come first, and
    /// after the last one the particles are put together.
    Apart,
}
