//! A box with a mass: Martyna, Tobias and Klein, J. Chem. Phys. 101 (1994) 4177. With ν the rate of
//! the strain of each axis (one for a group of n axes), f = 3 N - 3 and W the mass of a group:
//!
//! ```text
//! dL/dt = ν L       dx/dt = v + ν x       dv/dt = F/m - (ν + Σ ν / f) v
//! W dν/dt = Σ (P_k - P°) V + n 2 K/f      (sum over the axes of the group)
//! ```
//!
//! and a Nose-Hoover chain for each group, which keeps its W ν²/2 at the temperature (one for all would leave
//! open how they share). The atoms have a thermostat of their own. The
//! box is the slow part of the motion: an interval of it is half a step of the chain, half a kick of ν, velocities and
//! places changed as ν says, new forces, and the two halves again, the same forth and back (a
//! multiple time step, as Tuckerman, Berne and Martyna, J. Chem. Phys. 97 (1992) 1990, have it).
//! The mass follows from the period of the oscillation that is asked for: the box resists a strain with
//! n² V/β per unit of it, so W = n² V/β (τ/2π)². Conserved is K + U + ∫ P° dV + W ν²/2 and the energies of the
//! chains and of the thermostat.

use super::{Change, Inside, Settings, Stretch};
use crate::dynamics::thermostat::{Chain, Target};
use serde::{Deserialize, Serialize};

/// The box in motion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MovingBox {
    /// ν of each group of axes, 1/ps
    rate: Vec<f64>,
    /// W, eV ps²
    mass: Vec<f64>,
    /// Of each group.
    chains: Vec<Chain>,
    /// ∫ P° dV, eV
    work: f64,
}

impl MovingBox {
    /// At rest, in a box of this volume (Å³).
    pub(super) fn new(settings: &Settings, volume: f64) -> MovingBox {
        let time = settings.relaxation / std::f64::consts::TAU;
        let mass = settings.groups.iter().map(|axes| {
            let n = axes.len() as f64;
            n * n * volume / settings.compressibility * time * time
        });
        MovingBox {
            rate: vec![0.0; settings.groups.len()],
            mass: mass.collect(),
            chains: vec![Chain::new(settings.chain_length); settings.groups.len()],
            work: 0.0,
        }
    }

    pub(super) fn fits(&self, settings: &Settings) -> bool {
        let fits = |chain: &Chain| chain.length() == settings.chain_length;
        self.rate.len() == settings.groups.len() && self.chains.iter().all(fits)
    }

    /// Σ W ν²/2, eV.
    fn kinetic_energy(&self) -> f64 {
        self.rate.iter().zip(&self.mass).map(|(rate, mass)| 0.5 * mass * rate * rate).sum()
    }

    /// Its part of the conserved quantity, eV.
    pub(super) fn energy(&self) -> f64 {
        self.kinetic_energy() + self.chains.iter().map(Chain::energy).sum::<f64>() + self.work
    }

    /// The first half of an interval, and how the box changes in it.
    pub(super) fn begin(
        &mut self,
        settings: &Settings,
        change: &Change,
        before: &Inside,
    ) -> Stretch {
        self.half_chain_step(settings, change);
        self.half_kick(settings, change, before);
        let mut rates = [0.0; 3];
        for (axes, &rate) in settings.groups.iter().zip(&self.rate) {
            axes.iter().for_each(|&k| rates[k] = rate);
        }
        let slowed = rates.iter().sum::<f64>() / before.freedom;
        Stretch {
            strains: rates.map(|rate| rate * change.duration),
            factors: rates.map(|rate| libm::exp(-(rate + slowed) * change.duration)),
        }
    }

    /// The second half, in the box that has become larger by so much (Å³).
    pub(super) fn end(
        &mut self,
        settings: &Settings,
        change: &Change,
        larger: f64,
        after: &Inside,
    ) {
        self.work += change.pressure * larger;
        self.half_kick(settings, change, after);
        self.half_chain_step(settings, change);
    }

    fn half_kick(&mut self, settings: &Settings, change: &Change, inside: &Inside) {
        let each = settings.groups.iter().zip(self.rate.iter_mut().zip(&self.mass));
        for (axes, (rate, mass)) in each {
            let thermal = axes.len() as f64 * 2.0 * inside.kinetic / inside.freedom;
            let force = inside.excess(axes, change.pressure) + thermal;
            *rate += force / mass * (change.duration / 2.0);
        }
    }

    fn half_chain_step(&mut self, settings: &Settings, change: &Change) {
        let target = Target {
            temperature: change.temperature,
            relaxation: settings.relaxation,
            timestep: change.duration,
        };
        for ((rate, mass), chain) in self.rate.iter_mut().zip(&self.mass).zip(&mut self.chains) {
            *rate *= chain.half_step(0.5 * mass * *rate * *rate, 1, &target);
        }
    }
}
