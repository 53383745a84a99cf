//! Pair potentials:
//!
//! - Lennard-Jones: φ = 4 ε [(σ/r)¹² - (σ/r)⁶];
//! - Morse: φ = D {exp[-2 α (r - r₀)] - 2 exp[-α (r - r₀)]}
//!   (L. A. Girifalco and V. G. Weizer, Phys. Rev. 114 (1959) 687);
//! - Johnson: in each of some intervals φ = k (r - s)³ + b r + c, which ends by itself
//!   (R. A. Johnson, Phys. Rev. 134 (1964) A1329). Published coefficients have so few digits
//!   that pieces miss one another by some 10⁻⁶ eV: constants are changed by as much, from the last
//!   piece inwards, so that the energy does not jump.
//!
//! The first two are cut at r_c, `cut` saying how:
//! `none`: they are as they are up to there, and the energy jumps;
//! `shift`: φ(r) - φ(r_c), the force jumps;
//! `smooth`: φ(r) - φ(r_c) - (r - r_c) φ'(r_c), energy and force go to zero
//! (as LAMMPS `lj/smooth/linear` and `morse/smooth/linear`).

use super::radial::Radial;
use super::{Family, INNERMOST, OfPair, PairFunctions, Wanted, pairs_of};
use crate::error::{Error, Result};
use crate::input::{Source, parameters};
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::path::Path;

/// The file of `lennard-jones` or `morse`.
#[derive(Debug, Deserialize, JsonSchema)]
struct File<P> {
    /// How the potential ends at the cutoff.
    cut: Cut,
    /// Where it ends.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    cutoff_angstrom: f64,
    /// What pairs of two elements are that have no table of their own; without it each needs one.
    mixing: Option<Mixing>,
    /// Parameters of a pair of elements.
    pair: Vec<P>,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Cut {
    /// As it is up to there: the energy jumps.
    None,
    /// Less its value there: the force jumps.
    Shift,
    /// Less its tangent there: energy and force go to zero.
    Smooth,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Mixing {
    /// Energies are geometric means; lengths, and alpha of `morse` itself, arithmetic ones.
    LorentzBerthelot,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct LennardJones {
    /// The two elements, which may be one and the same.
    elements: [String; 2],
    /// Depth.
    #[schemars(range(min = 0))]
    epsilon_ev: f64,
    /// Where the energy is zero.
    #[schemars(extend("exclusiveMinimum" = 0))]
    sigma_angstrom: f64,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Morse {
    /// The two elements, which may be one and the same.
    elements: [String; 2],
    /// Depth.
    #[schemars(range(min = 0))]
    d_ev: f64,
    /// Decay.
    #[schemars(extend("exclusiveMinimum" = 0))]
    alpha_per_angstrom: f64,
    /// Where the energy is lowest.
    #[schemars(extend("exclusiveMinimum" = 0))]
    r0_angstrom: f64,
}

/// A pair potential that is cut.
trait Formula: OfPair + Clone + DeserializeOwned + JsonSchema {
    fn mixed(one: &Self, two: &Self) -> Self;

    /// φ and dφ/dr.
    fn function(&self) -> Radial;

    fn parameters(&self) -> String;
}

impl OfPair for LennardJones {
    fn elements(&self) -> &[String; 2] {
        &self.elements
    }
}

impl OfPair for Morse {
    fn elements(&self) -> &[String; 2] {
        &self.elements
    }
}

impl Formula for LennardJones {
    fn mixed(one: &Self, two: &Self) -> Self {
        LennardJones {
            elements: [one.elements[0].clone(), two.elements[0].clone()],
            epsilon_ev: (one.epsilon_ev * two.epsilon_ev).sqrt(),
            sigma_angstrom: 0.5 * (one.sigma_angstrom + two.sigma_angstrom),
        }
    }

    fn function(&self) -> Radial {
        let (depth, sigma) = (4.0 * self.epsilon_ev, self.sigma_angstrom);
        Box::new(move |r| {
            let six = (sigma / r).powi(6);
            [depth * six * (six - 1.0), depth * six * (6.0 - 12.0 * six) / r]
        })
    }

    fn parameters(&self) -> String {
        format!("epsilon {:.6} eV, sigma {} Å", self.epsilon_ev, self.sigma_angstrom)
    }
}

impl Formula for Morse {
    fn mixed(one: &Self, two: &Self) -> Self {
        Morse {
            elements: [one.elements[0].clone(), two.elements[0].clone()],
            d_ev: (one.d_ev * two.d_ev).sqrt(),
            alpha_per_angstrom: 0.5 * (one.alpha_per_angstrom + two.alpha_per_angstrom),
            r0_angstrom: 0.5 * (one.r0_angstrom + two.r0_angstrom),
        }
    }

    fn function(&self) -> Radial {
        let (d, alpha, r0) = (self.d_ev, self.alpha_per_angstrom, self.r0_angstrom);
        Box::new(move |r| {
            let decay = libm::exp(-alpha * (r - r0));
            [d * decay * (decay - 2.0), 2.0 * d * alpha * decay * (1.0 - decay)]
        })
    }

    fn parameters(&self) -> String {
        let Morse { d_ev, alpha_per_angstrom, r0_angstrom, .. } = self;
        format!("D {d_ev:.6} eV, alpha {alpha_per_angstrom} /Å, r0 {r0_angstrom} Å")
    }
}

/// The same, which stays as it is nearer than any two atoms come.
fn bounded(function: Radial) -> Radial {
    Box::new(move |r| match function(r.max(INNERMOST)) {
        [value, slope] if r >= INNERMOST => [value, slope],
        [value, _] => [value, 0.0],
    })
}

fn cut(function: Radial, how: Cut, cutoff: f64) -> Radial {
    let [value, slope] = function(cutoff);
    let (value, slope) = match how {
        Cut::None => return function,
        Cut::Shift => (value, 0.0),
        Cut::Smooth => (value, slope),
    };
    Box::new(move |r| {
        let [v, s] = function(r);
        [v - value - slope * (r - cutoff), s - slope]
    })
}

fn read<P: Formula>(path: &Path, wanted: Wanted) -> Result<Family> {
    let (file, source) = parameters::read::<File<P>>(path)?;
    let mixed = file.mixing.map(|Mixing::LorentzBerthelot| P::mixed as fn(&_, &_) -> _);
    let pairs = pairs_of(&file.pair, wanted, &source, mixed)?;
    let cutoff = file.cutoff_angstrom;
    let mut conventions = String::new();
    let functions = pairs.iter().map(|(&key, (p, mixed))| {
        let mixing = match mixed {
            true => ", by mixing (Lorentz-Berthelot)",
            false => "",
        };
        let jump = match (file.cut, p.function()(cutoff)) {
            (Cut::None, [value, _]) => format!(", where the energy jumps by {value:.3e} eV"),
            (Cut::Shift, [value, slope]) => {
                format!(", shifted by {value:.3e} eV; the force jumps by {slope:.3e} eV/Å")
            }
            (Cut::Smooth, _) => ", where energy and force go to zero".to_string(),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            conventions,
            "{}: {}, cut at {cutoff} Å{jump}{mixing}",
            p.elements().join("-"),
            p.parameters()
        );
        let energy = bounded(cut(p.function(), file.cut, cutoff));
        (key, PairFunctions { energy, density: None, cutoff, joints: Vec::new() })
    });
    let pairs = functions.collect();
    Ok(Family { pairs, factors: None, conventions, warnings: Vec::new() })
}

/// Reads a file of `lennard-jones` for the pairs that it is to have.
///
/// # Errors
/// With the place of what is missing or wrong.
pub fn lennard_jones(path: &Path, wanted: Wanted) -> Result<Family> {
    read::<LennardJones>(path, wanted)
}

/// Reads a file of `morse`.
///
/// # Errors
/// With the place of what is missing or wrong.
pub fn morse(path: &Path, wanted: Wanted) -> Result<Family> {
    read::<Morse>(path, wanted)
}

/// The file of `johnson`.
#[derive(Debug, Deserialize, JsonSchema)]
struct JohnsonFile {
    /// A pair of elements.
    pair: Vec<Johnson>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
struct Johnson {
    /// The two elements, which may be one and the same.
    elements: [String; 2],
    /// The cubics, from the nearest distances on; the first holds from zero on.
    #[schemars(length(min = 1))]
    piece: Vec<Piece>,
}

/// k (r - s)³ + b r + c.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
struct Piece {
    /// Where it ends; the last of them is the cutoff.
    #[schemars(extend("exclusiveMinimum" = 0), range(max = 20))]
    to_angstrom: f64,
    /// k.
    cubic_ev_per_angstrom3: f64,
    /// s.
    centre_angstrom: f64,
    /// b.
    slope_ev_per_angstrom: f64,
    /// c.
    constant_ev: f64,
}

impl OfPair for Johnson {
    fn elements(&self) -> &[String; 2] {
        &self.elements
    }
}

impl Piece {
    fn at(&self, r: f64) -> [f64; 2] {
        let x = r - self.centre_angstrom;
        let value = self.cubic_ev_per_angstrom3 * x * x * x
            + self.slope_ev_per_angstrom * r
            + self.constant_ev;
        [value, 3.0 * self.cubic_ev_per_angstrom3 * x * x + self.slope_ev_per_angstrom]
    }
}

/// Reads a file of `johnson`.
///
/// # Errors
/// With the place of what is missing or wrong: pieces that do not follow one another, or do not
/// meet where one ends and the next begins.
pub fn johnson(path: &Path, wanted: Wanted) -> Result<Family> {
    let (file, source) = parameters::read::<JohnsonFile>(path)?;
    for (n, pair) in file.pair.iter().enumerate() {
        meet(&pair.piece, &source, &format!("pair[{n}]"))?;
    }
    let pairs = pairs_of(&file.pair, wanted, &source, None)?;
    let mut conventions = String::new();
    let functions = pairs.into_iter().map(|(key, (mut pair, _))| {
        join(&mut pair.piece);
        let cutoff = pair.piece.last().expect("one at least").to_angstrom;
        let _ = writeln!(
            conventions,
            "{}: {} cubics, cutoff {cutoff} Å",
            pair.elements.join("-"),
            pair.piece.len()
        );
        let pieces = pair.piece;
        let joints = pieces.iter().map(|piece| piece.to_angstrom).collect();
        let energy: Radial = Box::new(move |r| {
            let piece = pieces.iter().find(|piece| r <= piece.to_angstrom);
            piece.map_or([0.0; 2], |piece| piece.at(r))
        });
        (key, PairFunctions { energy, density: None, cutoff, joints })
    });
    let pairs = functions.collect();
    Ok(Family { pairs, factors: None, conventions, warnings: Vec::new() })
}

/// Moves pieces so that each meets the next, and the last one zero.
fn join(pieces: &mut [Piece]) {
    let mut outer: Option<Piece> = None;
    for piece in pieces.iter_mut().rev() {
        let to = piece.to_angstrom;
        piece.constant_ev += outer.map_or(0.0, |next| next.at(to)[0]) - piece.at(to)[0];
        outer = Some(*piece);
    }
}

/// That pieces follow one another without a jump that their digits do not explain.
fn meet(pieces: &[Piece], source: &Source, key: &str) -> Result<()> {
    /// eV and eV/Å: coefficients are published with six digits.
    const JUMP: f64 = 1e-4;
    let end = |n: usize| pieces.get(n + 1).map(|next| next.at(pieces[n].to_angstrom));
    for (n, piece) in pieces.iter().enumerate() {
        let to = piece.to_angstrom;
        let at = |message: String| {
            Err::<(), Error>(source.error(&format!("{key}.piece[{n}].to_angstrom"), message))
        };
        if pieces[..n].last().is_some_and(|before| before.to_angstrom >= to) {
            return at(format!("this piece ends at {to} Å, before the one in front of it"));
        }
        let [here, next] = [piece.at(to), end(n).unwrap_or([0.0; 2])];
        let jumps = (here[0] - next[0]).abs() > JUMP
            || (n + 1 < pieces.len() && (here[1] - next[1]).abs() > JUMP);
        if jumps {
            return at(format!(
                "at {to} Å φ goes from {:.6} eV, {:.6} eV/Å to {:.6} eV, {:.6} eV/Å: the pieces do not meet",
                here[0], here[1], next[0], next[1]
            ));
        }
    }
    Ok(())
}
