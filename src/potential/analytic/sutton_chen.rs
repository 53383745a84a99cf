//! The potentials of A. P. Sutton and J. Chen, Phil. Mag. Lett. 61 (1990) 139,
//!
//! E = Σ_i { ½ Σ_j ε_ij (a_ij/r_ij)^n_ij - c_i ε_ii √ρ_i },   ρ_i = Σ_j (a_ij/r_ij)^m_ij.
//!
//! The quantum form (Y. Kimura, Y. Qi, T. Cagin and W. A. Goddard III, 1998) has the same
//! equations with parameters of its own. Pairs of two elements are mixed: n and m are arithmetic
//! means, ε is the geometric one; a is the geometric one (`rafii-tabar`: H. Rafii-Tabar and
//! A. P. Sutton, Phil. Mag. Lett. 63 (1991) 217) or the arithmetic one (`kimura`).
//!
//! (a/r)^n and (a/r)^(m/2) end smoothly between two distances (`radial::ended`); ρ_ij is the
//! square of the second. Nearer than 1 Å ρ_ij stays what it is there.

use super::radial::{Jet, ended, squared};
use super::{Family, INNERMOST, PairFunctions, end_of};
use crate::error::{Error, Result};
use crate::input::{did_you_mean, or, parameters};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt::Write;
use std::path::Path;

/// The file of `sutton-chen`.
#[derive(Debug, Deserialize, JsonSchema)]
struct File {
    /// How pairs of two elements follow from those of each; needed where there are such.
    mixing: Option<Mixing>,
    /// From where on the functions are brought to zero.
    #[schemars(extend("exclusiveMinimum" = 0))]
    taper_angstrom: f64,
    /// Where they are zero.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    cutoff_angstrom: f64,
    /// Parameters of an element.
    element: Vec<Parameters>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mixing {
    /// n and m arithmetic, epsilon and a geometric means.
    RafiiTabar,
    /// n, m and a arithmetic, epsilon geometric means.
    Kimura,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Parameters {
    /// The element.
    symbol: String,
    /// Power of the repulsion.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    n: f64,
    /// Power of the density.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    m: f64,
    /// Scale of the energy.
    #[schemars(range(min = 0))]
    epsilon_ev: f64,
    /// Weight of the root.
    #[schemars(range(min = 0))]
    c: f64,
    /// Scale of distances: the lattice constant.
    #[schemars(extend("exclusiveMinimum" = 0))]
    a_angstrom: f64,
}

fn power(strength: f64, a: f64, n: f64, innermost: f64) -> Jet {
    Box::new(move |r| {
        let outside = r >= innermost;
        let r = r.max(innermost);
        let value = strength * libm::pow(a / r, n);
        let slope = if outside { -n * value / r } else { 0.0 };
        [value, slope, n * (n + 1.0) * value / (r * r)]
    })
}

/// Reads a file of this family for the elements that it is to have.
///
/// # Errors
/// With the place of what is missing or wrong.
pub fn read(path: &Path, entries: &[&str]) -> Result<Family> {
    /// Å
    const NEAREST_DENSITY: f64 = 1.0;
    let (file, source) = parameters::read::<File>(path)?;
    let (start, end) = (file.taper_angstrom, file.cutoff_angstrom);
    if start >= end {
        let message = format!("taper_angstrom {start} must be below cutoff_angstrom {end}");
        return Err(source.error("taper_angstrom", message));
    }
    for (n, element) in file.element.iter().enumerate() {
        if file.element[..n].iter().any(|earlier| earlier.symbol == element.symbol) {
            let message = format!("the element {} is given twice", element.symbol);
            return Err(source.error(&format!("element[{n}].symbol"), message));
        }
    }
    let find = |name: &&str| {
        file.element.iter().find(|element| element.symbol == *name).ok_or_else(|| {
            let known: Vec<String> = file.element.iter().map(|e| e.symbol.clone()).collect();
            let meant = did_you_mean(name, known.iter().map(String::as_str));
            let message = format!("no `[[element]]` for {name}; there are {}{meant}", or(&known));
            Error::input(path, 0, 0, message)
        })
    };
    let elements: Vec<&Parameters> = entries.iter().map(find).collect::<Result<_>>()?;
    let (mut conventions, mut warnings) = (String::new(), Vec::new());
    let mut pairs = std::collections::BTreeMap::new();
    for (i, one) in elements.iter().enumerate() {
        for (j, two) in elements.iter().enumerate().skip(i) {
            let a = match file.mixing {
                _ if i == j => one.a_angstrom,
                Some(Mixing::RafiiTabar) => (one.a_angstrom * two.a_angstrom).sqrt(),
                Some(Mixing::Kimura) => 0.5 * (one.a_angstrom + two.a_angstrom),
                None => {
                    let message = format!(
                        "the file states no `mixing`, which {}-{} would follow from",
                        one.symbol, two.symbol
                    );
                    return Err(Error::input(path, 0, 0, message));
                }
            };
            let (n, m) = (0.5 * (one.n + two.n), 0.5 * (one.m + two.m));
            let epsilon = (one.epsilon_ev * two.epsilon_ev).sqrt();
            let name = format!("{}-{}", one.symbol, two.symbol);
            let root = match i == j {
                true => format!(", c {}", one.c),
                false => ", by mixing".to_string(),
            };
            // Writing to a string does not fail.
            let _ = writeln!(
                conventions,
                "{name}: epsilon {epsilon:.7} eV, n {n}, m {m}, a {a:.4} Å{root}"
            );
            let pair = PairFunctions {
                energy: ended(power(epsilon, a, n, INNERMOST), start, end),
                density: Some(squared(ended(power(1.0, a, 0.5 * m, NEAREST_DENSITY), start, end))),
                cutoff: end,
                joints: Vec::new(),
            };
            let both = [&pair.energy, pair.density.as_ref().expect("just made")];
            end_of(&name, both, [start, end], &mut warnings);
            pairs.insert([i, j], pair);
        }
    }
    let mixing = match file.mixing {
        Some(Mixing::RafiiTabar) if elements.len() > 1 => {
            "; mixing rafii-tabar: n and m arithmetic, epsilon and a geometric means"
        }
        Some(Mixing::Kimura) if elements.len() > 1 => {
            "; mixing kimura: n, m and a arithmetic, epsilon geometric means"
        }
        _ => "",
    };
    let _ = writeln!(conventions, "ends between {start} and {end} Å{mixing}");
    let factors = Some(elements.iter().map(|element| element.c * element.epsilon_ev).collect());
    Ok(Family { pairs, factors, conventions, warnings })
}
