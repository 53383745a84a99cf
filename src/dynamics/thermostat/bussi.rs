//! Stochastic velocity rescaling: Bussi, Donadio, Parrinello, J. Chem. Phys. 126
//! (2007) 014101, equation A7. After a step, the kinetic energy K of a group with
//! f degrees of freedom becomes a² K with
//!
//! ```text
//! a² = c + (1 - c) K0/(f K) (R² + S) + 2 R sqrt(c (1 - c) K0/(f K)),   c = exp(-dt/tau)
//! ```
//!
//! where K0 = f kT/2, R is a normal deviate and S the sum of the squares of
//! f - 1 others; a has the sign of R + sqrt(c f K/((1 - c) K0)).

use crate::dynamics::thermostat::Target;
use crate::random::Stream;
use crate::units::BOLTZMANN;

/// The factor of the velocities of a group with `kinetic` energy (eV) in
/// `freedom` degrees of freedom.
///
/// By itself, without dynamics, it brings any kinetic energy to the canonical mean f kT/2:
///
/// ```
/// use sinter_hpc::dynamics::thermostat::{Target, bussi};
/// use sinter_hpc::random::{Purpose, Stream};
/// use sinter_hpc::units::BOLTZMANN;
///
/// let target = Target { temperature: 300.0, relaxation: 0.1, timestep: 0.05 };
/// let (freedom, steps) = (33, 20_000);
/// let (mut kinetic, mut sum) = (1.0, 0.0);
/// for step in 0..steps {
///     // A draw belongs to a seed, a purpose, a step and a group, whoever asks for it.
///     let mut random = Stream::new(7, Purpose::Test, step, 0);
///     let factor = bussi::factor(kinetic, freedom, &target, &mut random);
///     kinetic *= factor * factor;
///     sum += kinetic;
/// }
/// let expected = freedom as f64 * BOLTZMANN * target.temperature / 2.0;
/// // Five standard errors.
/// assert!((sum / steps as f64 / expected - 1.0).abs() < 0.02);
/// ```
pub fn factor(kinetic: f64, freedom: u64, target: &Target, random: &mut Stream) -> f64 {
    if freedom == 0 || kinetic <= 0.0 {
        return 1.0;
    }
    let c = libm::exp(-target.timestep / target.relaxation);
    // K0 / (f K)
    let ratio = BOLTZMANN * target.temperature / 2.0 / kinetic;
    let r = random.normal();
    let s = random.sum_of_squares(freedom - 1);
    let cross = (c * (1.0 - c) * ratio).sqrt();
    let squared = c + (1.0 - c) * ratio * (r * r + s) + 2.0 * r * cross;
    // The sign of r + sqrt(c / ((1 - c) ratio)), without dividing by zero.
    let sign = if r * ((1.0 - c) * ratio).sqrt() + c.sqrt() < 0.0 { -1.0 } else { 1.0 };
    sign * squared.max(0.0).sqrt()
}
