//! Stochastic cell rescaling: Bernetti and Bussi, J. Chem. Phys. 153 (2020) 114107; by axis: Del Tatto,
//! Raiteri, Bernetti and Bussi, Appl. Sci. 12 (2022) 1139. The logarithm of the volume is let go downhill, with noise
//! (of all axes together the paper's equation 6):
//!
//! ```text
//! η = n ε of a group of n axes,  P = mean of P_k over them
//! dη = -n β/(3 τ) (P° - P) dt + sqrt(2 kT n β/(3 V τ)) dW
//! ```
//!
//! with β the compressibility that is assumed. Velocities relative to the centre of mass are divided by what
//! lengths are multiplied with, so a change preserves the volume of phase space at given momentum. What remains is diffusion of η
//! with the mobility μ = n β/(3 V τ) on Φ = K + U + P° V - kT ln V, of which dΦ/dη = V (P° - P) - kT;
//! the noise-induced drift, kT dμ/dη = -kT μ, cancels the last term. A step of it is the explicit one of
//! Euler and Maruyama, its error of the order of the interval over τ.

use super::{Change, Inside, Settings, Stretch};
use crate::random::{Purpose, Stream};
use crate::units::BOLTZMANN;

/// How the box changes.
pub(super) fn stretch(settings: &Settings, change: &Change, before: &Inside) -> Stretch {
    let mut strains = [0.0; 3];
    for (g, axes) in settings.groups.iter().enumerate() {
        // Shares of axes in the whole strain: n β dt/(3 τ V).
        let n = axes.len() as f64;
        let mobility = n * settings.compressibility * change.duration
            / (3.0 * settings.relaxation * before.volume);
        let mut random = Stream::new(change.seed, Purpose::Barostat, change.step, g as u64);
        let noise = (2.0 * BOLTZMANN * change.temperature * mobility).sqrt() * random.normal();
        let eta = mobility * before.excess(axes, change.pressure) / n + noise;
        axes.iter().for_each(|&k| strains[k] = eta / n);
    }
    Stretch { strains, factors: strains.map(|strain| libm::exp(-strain)) }
}
