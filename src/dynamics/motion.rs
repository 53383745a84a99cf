//! What a stage that moves in time remembers, and what its thermostat does to the groups at either end of a step.

use serde::{Deserialize, Serialize};

use crate::dynamics::barostat::{BarostatState, History};
use crate::dynamics::groups::{Groups, Kinetics};
use crate::dynamics::momentum;
use crate::dynamics::swaps::Tally;
use crate::dynamics::thermostat::{Target, ThermostatState, bussi};
use crate::force::System;
use crate::geometry::scale;
use crate::random::{Purpose, Stream};

/// The state of a stage that moves in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Motion {
    pub thermostat: ThermostatState,
    /// Of the motion of each group relative to its centre of mass.
    pub freedom: Vec<u64>,
    /// Of each group, as the thermostat left it.
    pub kinetics: Vec<Kinetics>,
    /// What came of swaps, in a stage that has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swaps: Option<Tally>,
    /// Of the box, in a stage at constant pressure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barostat: Option<BarostatState>,
    /// The pressures that it found.
    #[serde(default, skip_serializing_if = "History::is_empty")]
    pub pressures: History,
}

impl Motion {
    /// Of the motion of each group about its centre of mass, eV.
    pub(super) fn thermal_energies(&self, groups: &Groups) -> Vec<f64> {
        self.kinetics.iter().zip(&groups.mass).map(|(k, &mass)| k.thermal_energy(mass)).collect()
    }

    /// Half a step of the chains, if there are any.
    pub(super) fn half_chain_step(
        &mut self,
        system: &mut dyn System,
        groups: &Groups,
        target: &Target,
    ) {
        let thermal = self.thermal_energies(groups);
        let ThermostatState::NoseHoover(chains) = &mut self.thermostat else { return };
        let factors: Vec<f64> = chains
            .iter_mut()
            .zip(thermal.iter().zip(&self.freedom))
            .map(|(chain, (&kinetic, &freedom))| chain.half_step(kinetic, freedom, target))
            .collect();
        self.rescale(system, groups, &factors);
    }

    /// Bussi's rescaling, if it is the thermostat.
    pub(super) fn stochastic_rescaling(
        &mut self,
        system: &mut dyn System,
        groups: &Groups,
        target: &Target,
        seed: u64,
        step: u64,
    ) {
        let thermal = self.thermal_energies(groups);
        let ThermostatState::Bussi { taken } = &mut self.thermostat else { return };
        let factors: Vec<f64> = thermal
            .iter()
            .zip(&self.freedom)
            .enumerate()
            .map(|(k, (&kinetic, &freedom))| {
                let mut random = Stream::new(seed, Purpose::Bussi, step, k as u64);
                bussi::factor(kinetic, freedom, target, &mut random)
            })
            .collect();
        *taken += thermal.iter().zip(&factors).map(|(k, f)| k * (1.0 - f * f)).sum::<f64>();
        self.rescale(system, groups, &factors);
    }

    /// Scales the thermal motion of each group.
    fn rescale(&mut self, system: &mut dyn System, groups: &Groups, factors: &[f64]) {
        let mut centres = Vec::with_capacity(groups.len());
        for ((kinetics, &mass), factor) in self.kinetics.iter_mut().zip(&groups.mass).zip(factors) {
            let inverse_mass = if mass > 0.0 { 1.0 / mass } else { 0.0 };
            centres.push(scale(kinetics.momentum, inverse_mass));
            kinetics.energy =
                kinetics.thermal_energy(mass) * factor * factor + kinetics.centre_energy(mass);
        }
        momentum::rescale(system, groups, &centres, factors);
    }
}
