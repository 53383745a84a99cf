//! The second-moment approximation of tight binding,
//!
//! E = Σ_i { Σ_j A exp[-p (r_ij/r₀ - 1)] - √( Σ_j ξ² exp[-2 q (r_ij/r₀ - 1)] ) },
//!
//! with A, ξ, p, q and r₀ by pair of species (R. P. Gupta, Phys. Rev. B 23 (1981) 6265;
//! F. Cleri and V. Rosato, Phys. Rev. B 48 (1993) 22).
//!
//! In the terms of `functional`: φ = 2 A exp[...], ρ_ij = (ξ exp[-q (...)])², F = -√ρ. Both
//! A exp and ξ exp end smoothly between two distances (`radial::ended`), ρ being the square
//! of the second, which keeps it from being negative.

use super::radial::{Jet, ended, squared};
use super::{Family, OfPair, PairFunctions, Wanted, end_of, pairs_of};
use crate::error::Result;
use crate::input::parameters;
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt::Write;
use std::path::Path;

/// The file of `gupta`.
#[derive(Debug, Deserialize, JsonSchema)]
struct File {
    /// What pairs of two elements are that have no table of their own; without it each needs one.
    mixing: Option<Mixing>,
    /// Parameters of a pair of elements.
    pair: Vec<Parameters>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mixing {
    /// A and xi are geometric means, all else arithmetic ones.
    Geometric,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Parameters {
    /// The two elements, which may be one and the same.
    elements: [String; 2],
    /// A: strength of the repulsion.
    #[schemars(range(min = 0))]
    a_ev: f64,
    /// Effective hopping integral.
    #[schemars(range(min = 0))]
    xi_ev: f64,
    /// Decay of the repulsion.
    #[schemars(extend("exclusiveMinimum" = 0))]
    p: f64,
    /// Decay of the hopping integral.
    #[schemars(extend("exclusiveMinimum" = 0))]
    q: f64,
    /// Distance at which both have their strength.
    #[schemars(extend("exclusiveMinimum" = 0))]
    r0_angstrom: f64,
    /// From where on the functions are brought to zero.
    #[schemars(extend("exclusiveMinimum" = 0))]
    taper_angstrom: f64,
    /// Where they are zero.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    cutoff_angstrom: f64,
}

impl OfPair for Parameters {
    fn elements(&self) -> &[String; 2] {
        &self.elements
    }
}

impl Parameters {
    fn mixed(one: &Parameters, two: &Parameters) -> Parameters {
        let mean = |value: fn(&Parameters) -> f64| 0.5 * (value(one) + value(two));
        let geometric = |value: fn(&Parameters) -> f64| (value(one) * value(two)).sqrt();
        Parameters {
            elements: [one.elements[0].clone(), two.elements[0].clone()],
            a_ev: geometric(|p| p.a_ev),
            xi_ev: geometric(|p| p.xi_ev),
            p: mean(|p| p.p),
            q: mean(|p| p.q),
            r0_angstrom: mean(|p| p.r0_angstrom),
            taper_angstrom: mean(|p| p.taper_angstrom),
            cutoff_angstrom: mean(|p| p.cutoff_angstrom),
        }
    }

    fn functions(&self) -> PairFunctions {
        let exponential = |strength: f64, decay: f64| -> Jet {
            let (r0, rate) = (self.r0_angstrom, decay / self.r0_angstrom);
            Box::new(move |r| {
                let value = strength * libm::exp(-decay * (r / r0 - 1.0));
                [value, -rate * value, rate * rate * value]
            })
        };
        let ended = |jet: Jet| ended(jet, self.taper_angstrom, self.cutoff_angstrom);
        PairFunctions {
            energy: ended(exponential(2.0 * self.a_ev, self.p)),
            density: Some(squared(ended(exponential(self.xi_ev, self.q)))),
            cutoff: self.cutoff_angstrom,
            joints: Vec::new(),
        }
    }
}

/// A mean of numbers of a few digits, without what rounding adds.
fn shown(x: f64) -> f64 {
    (x * 1e9).round() / 1e9
}

/// Reads a file of this family for the elements that it is to have.
///
/// # Errors
/// With the place of what is missing or wrong.
pub fn read(path: &Path, entries: &[&str]) -> Result<Family> {
    let (file, source) = parameters::read::<File>(path)?;
    for (n, pair) in file.pair.iter().enumerate() {
        if pair.taper_angstrom >= pair.cutoff_angstrom {
            let message = format!(
                "taper_angstrom {} must be below cutoff_angstrom {}",
                pair.taper_angstrom, pair.cutoff_angstrom
            );
            return Err(source.error(&format!("pair[{n}].taper_angstrom"), message));
        }
    }
    let mixed = file.mixing.map(|Mixing::Geometric| Parameters::mixed as fn(&_, &_) -> _);
    let pairs = pairs_of(&file.pair, Wanted::all(entries), &source, mixed)?;
    let (mut conventions, mut warnings) = (String::new(), Vec::new());
    let functions = pairs.iter().map(|(&key, (p, mixed))| {
        let name = p.elements.join("-");
        let mixing = match mixed {
            true => ", by mixing: A and xi geometric means, all else arithmetic",
            false => "",
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            conventions,
            "{name}: A {:.6} eV, xi {:.6} eV, p {}, q {}, r0 {} Å, ends between {} and {} Å{mixing}",
            p.a_ev,
            p.xi_ev,
            shown(p.p),
            shown(p.q),
            shown(p.r0_angstrom),
            shown(p.taper_angstrom),
            shown(p.cutoff_angstrom)
        );
        let pair = p.functions();
        let both = [&pair.energy, pair.density.as_ref().expect("just made")];
        end_of(&name, both, [p.taper_angstrom, p.cutoff_angstrom], &mut warnings);
        (key, pair)
    });
    let pairs = functions.collect();
    let factors = Some(vec![1.0; entries.len()]);
    Ok(Family { pairs, factors, conventions, warnings })
}
