//! Nose-Hoover chains: Martyna, Klein, Tuckerman, J. Chem. Phys. 97 (1992) 2635,
//! integrated by the factorisation of Martyna, Tuckerman, Tobias, Klein, Mol.
//! Phys. 87 (1996) 1117. For a group of kinetic energy K with f degrees of freedom:
//!
//! ```text
//! dv/dt   = F/m - w1 v
//! dw1/dt  = (2 K - f kT) / Q1 - w1 w2           Q1 = f kT tau²
//! dwj/dt  = (Q(j-1) w(j-1)² - kT) / Qj - wj w(j+1)      Qj = kT tau²
//! ```
//!
//! with the chain's velocities w in 1/ps. Half a step of the chain comes before
//! and half a step after the velocity Verlet step, each in three Suzuki-Yoshida
//! parts, or in as many times three as the chain is too fast for that: far from its
//! temperature a large group drives w2 with f kT, against a mass for kT. Conserved is U + K + sum Qj wj²/2 + integral of kT (f w1 + w2 + ...) dt;
//! the integral (instead of kT times the positions of the chain) keeps it
//! conserved while T is ramped.

use serde::{Deserialize, Serialize};

use crate::dynamics::thermostat::Target;
use crate::units::BOLTZMANN;

/// Weights of the fourth-order Suzuki-Yoshida factorisation: w, 1 - 2w, w with w = 1/(2 - 2^(1/3)).
const WEIGHTS: [f64; 3] =
    [1.351_207_191_959_657_8, -1.702_414_383_919_315_5, 1.351_207_191_959_657_8];

/// Of a rate of the chain and the time that is gone in three parts: small enough that the
/// fourth order holds. A chain near its temperature, whose relaxation takes many steps, is
/// slower than that.
const LARGEST_STRIDE: f64 = 0.1;

/// The chain's masses are those of a target of at least this temperature, K:
/// a cooling ramp may end at zero.
const LEAST_TEMPERATURE: f64 = 1.0;

/// The chain of thermostats of one group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chain {
    /// w, 1/ps
    velocity: Vec<f64>,
    /// Q, eV ps²; set at the first step.
    mass: Vec<f64>,
    /// The integral in the conserved quantity, eV.
    integral: f64,
}

impl Chain {
    /// Number of thermostats in it.
    pub fn length(&self) -> usize {
        self.velocity.len()
    }

    /// A chain of this many thermostats at rest.
    pub fn new(length: usize) -> Chain {
        Chain { velocity: vec![0.0; length.max(1)], mass: vec![0.0; length.max(1)], integral: 0.0 }
    }

    /// Kinetic energy of the chain and the integral, eV.
    pub fn energy(&self) -> f64 {
        let kinetic: f64 = self.velocity.iter().zip(&self.mass).map(|(w, q)| 0.5 * q * w * w).sum();
        kinetic + self.integral
    }

    /// Half a time step of the chain of a group with `kinetic` energy (eV) in
    /// `freedom` degrees of freedom. Returns the factor of its velocities.
    pub fn half_step(&mut self, mut kinetic: f64, freedom: u64, target: &Target) -> f64 {
        if freedom == 0 {
            return 1.0;
        }
        let kt = BOLTZMANN * target.temperature;
        let freedom = freedom as f64;
        self.set_masses(freedom, target);
        let mut factor = 1.0;
        let mut left = target.timestep / 2.0;
        while left > 0.0 {
            let fastest = self.fastest(left, [kinetic, freedom, kt]);
            let strides = (fastest * left / LARGEST_STRIDE).ceil();
            let t = left / strides.max(1.0);
            left = if strides > 1.0 { left - t } else { 0.0 };
            for weight in WEIGHTS {
                let scale = self.part(weight * t, [kinetic, freedom, kt]);
                factor *= scale;
                kinetic *= scale * scale;
            }
        }
        factor
    }

    /// The greatest rate at which something changes now, 1/ps, or will in the time that is
    /// left (ps), in which the group may set the second thermostat going.
    fn fastest(&self, left: f64, [kinetic, freedom, kt]: [f64; 3]) -> f64 {
        let force = |j: usize| self.force(j, kinetic, freedom, kt).abs();
        let rates = self.velocity.iter().enumerate().map(|(j, w)| w.abs().max(force(j).sqrt()));
        let first = self.velocity[0].abs() + force(0) * left;
        let second = self.mass.get(1).map_or(0.0, |mass| (self.mass[0] / mass).sqrt() * first);
        rates.fold(second, f64::max)
    }

    /// One part of the factorisation, of time t (ps); returns the factor of the group's
    /// velocities.
    fn part(&mut self, t: f64, [mut kinetic, freedom, kt]: [f64; 3]) -> f64 {
        let last = self.velocity.len() - 1;
        self.velocity[last] += self.force(last, kinetic, freedom, kt) * t / 2.0;
        for j in (0..last).rev() {
            self.advance(j, [kinetic, freedom, kt], t / 2.0);
        }
        let scale = libm::exp(-self.velocity[0] * t);
        kinetic *= scale * scale;
        let others: f64 = self.velocity[1..].iter().sum();
        self.integral += kt * (freedom * self.velocity[0] + others) * t;
        for j in 0..last {
            self.advance(j, [kinetic, freedom, kt], t / 2.0);
        }
        self.velocity[last] += self.force(last, kinetic, freedom, kt) * t / 2.0;
        scale
    }

    /// Half the friction of the next thermostat, the force, the other half.
    fn advance(&mut self, j: usize, [kinetic, freedom, kt]: [f64; 3], t: f64) {
        let friction = libm::exp(-self.velocity[j + 1] * t / 2.0);
        let force = self.force(j, kinetic, freedom, kt);
        self.velocity[j] = (self.velocity[j] * friction + force * t) * friction;
    }

    /// Acceleration of thermostat `j`, 1/ps².
    fn force(&self, j: usize, kinetic: f64, freedom: f64, kt: f64) -> f64 {
        let drive = match j {
            0 => 2.0 * kinetic - freedom * kt,
            _ => self.mass[j - 1] * self.velocity[j - 1] * self.velocity[j - 1] - kt,
        };
        drive / self.mass[j]
    }

    /// Lets the masses follow the target; the change of kinetic energy that
    /// this brings is booked in the integral.
    fn set_masses(&mut self, freedom: f64, target: &Target) {
        let kt = BOLTZMANN * target.temperature.max(LEAST_TEMPERATURE);
        for (j, (q, w)) in self.mass.iter_mut().zip(&self.velocity).enumerate() {
            let new =
                if j == 0 { freedom } else { 1.0 } * kt * target.relaxation * target.relaxation;
            self.integral -= 0.5 * (new - *q) * w * w;
            *q = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The centre part of the factorisation goes back in time: with a w2 driven by all of a
    /// million atoms it overflowed, and all velocities were NaN.
    #[test]
    fn a_large_group_far_from_its_temperature_goes_towards_it() {
        /// Of the energy of the group at its temperature: what is allowed to a fourth order
        /// while w2 is as fast as `LARGEST_STRIDE` lets it be.
        const DRIFT: f64 = 1e-3;
        let target = Target { temperature: 1473.0, relaxation: 0.05, timestep: 0.002 };
        for freedom in [300, 1_500_000, 30_000_000] {
            let wanted = 0.5 * freedom as f64 * BOLTZMANN * target.temperature;
            for start in [1e-3, 5.0] {
                let mut chain = Chain::new(3);
                let mut kinetic = start * wanted;
                let total = kinetic;
                for step in 0..1000 {
                    let factor = chain.half_step(kinetic, freedom, &target);
                    kinetic *= factor * factor;
                    let drift = (kinetic + chain.energy() - total).abs();
                    assert!(drift < DRIFT * wanted, "{drift} eV of {wanted} at {step}");
                }
                let [before, after] = [total, kinetic].map(|kinetic| (kinetic - wanted).abs());
                assert!(after < before, "{kinetic} eV instead of {wanted}");
            }
        }
    }
}
