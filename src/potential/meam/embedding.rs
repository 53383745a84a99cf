//! From the complete sums of one atom to its energy and the derivatives of that
//! energy by each sum (adjoints).
//!
//! With ρ₀ the spherical density, ρ_h² the squared angular densities and t_h their weights
//!
//! Γ = Σ_h t_h ρ_h² / ρ₀²,   ρ = ρ₀ G(Γ) / ρ_background,   E = F(ρ) = A E_c ρ ln ρ
//!
//! t_h is a constant of the atom's element, or T_h/ρ₀ with T_h = Σ_j t_h,j ρ₀,j S, or
//! T_h / Σ_j t_h,j² ρ₀,j S (`Averaging`). The background is that of the reference
//! structure of the element.

use super::functions::{AngularForm, embedding};
use super::harmonics::FIRST;
use super::parameters::Averaging;

/// Sums of an atom: sixteen harmonics, then T₁ T₂ T₃, then the sums of t²ρ₀ S.
/// Which of the last six exist depends on `Averaging`; the others are zero.
pub type Sums = [f64; MOST_WORDS];
pub const MOST_WORDS: usize = 22;
pub const WEIGHTS: usize = 16;
pub const SQUARED_WEIGHTS: usize = 19;

/// Number of words per atom that have a meaning.
pub fn words(averaging: Averaging) -> usize {
    match averaging {
        Averaging::None => WEIGHTS,
        Averaging::Standard => SQUARED_WEIGHTS,
        Averaging::Alternative => MOST_WORDS,
    }
}

/// What the densities are measured by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Background {
    Fixed(f64),
    /// Of the reference structure, but with the atom's own averages of t
    /// (`mixture_ref_t`): `density` times G(Σ t_h `shape`_h).
    Mixture {
        density: f64,
        shape: [f64; 3],
    },
}

/// The embedding function of one element.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embedding {
    /// A times the cohesive energy, eV.
    pub scale: f64,
    pub form: AngularForm,
    /// t1, t2, t3 of the element.
    pub weights: [f64; 3],
    pub background: Background,
    pub averaging: Averaging,
    pub linear_negative: bool,
    /// Where the spherical density is not above this, the atom counts as alone:
    /// below, quotients of sums would be noise of their quanta.
    pub floor: f64,
}

impl Embedding {
    /// The energy in eV and its derivatives by each of the sums.
    pub fn evaluate(&self, sums: &Sums) -> (f64, Sums) {
        self.evaluate_with(sums, None)
    }

    /// The same with weights of its own for the background density.
    pub fn evaluate_with(&self, sums: &Sums, reference: Option<[f64; 3]>) -> (f64, Sums) {
        let mut adjoint = [0.0; MOST_WORDS];
        let density = sums[0];
        if density <= self.floor {
            return (0.0, adjoint);
        }
        let inverse = 1.0 / density;
        let weights = self.average(sums, inverse);

        let mut squares = [0.0; 3];
        let mut gamma = 0.0;
        for h in 0..3 {
            let sum: f64 = sums[FIRST[h + 1]..FIRST[h + 2]].iter().map(|m| m * m).sum();
            squares[h] = sum * inverse * inverse;
            gamma += weights[h] * squares[h];
        }
        let (g, slope) = self.form.evaluate(gamma);
        let (background, by_weight) = self.background(reference.unwrap_or(weights));
        let scaled = density * g / background;
        let (energy, by_scaled) = embedding(self.scale, scaled, self.linear_negative);

        // dE/dΓ at fixed ρ₀, and the derivative by each t_h at fixed sums.
        let by_gamma = by_scaled * density * slope / background;
        let by_weight: [f64; 3] = std::array::from_fn(|h| {
            by_gamma * squares[h] - by_scaled * scaled / background * by_weight[h]
        });

        adjoint[0] = by_scaled * g / background - 2.0 * by_gamma * gamma * inverse;
        for h in 0..3 {
            let factor = 2.0 * by_gamma * weights[h] * inverse * inverse;
            for m in FIRST[h + 1]..FIRST[h + 2] {
                adjoint[m] = factor * sums[m];
            }
            match self.averaging {
                Averaging::None => {}
                Averaging::Standard => {
                    adjoint[WEIGHTS + h] = by_weight[h] * inverse;
                    adjoint[0] -= by_weight[h] * weights[h] * inverse;
                }
                Averaging::Alternative if sums[SQUARED_WEIGHTS + h] > self.floor => {
                    let inverse = 1.0 / sums[SQUARED_WEIGHTS + h];
                    adjoint[WEIGHTS + h] = by_weight[h] * inverse;
                    adjoint[SQUARED_WEIGHTS + h] = -by_weight[h] * weights[h] * inverse;
                }
                Averaging::Alternative => {}
            }
        }
        (energy, adjoint)
    }

    fn average(&self, sums: &Sums, inverse: f64) -> [f64; 3] {
        match self.averaging {
            Averaging::None => self.weights,
            Averaging::Standard => std::array::from_fn(|h| sums[WEIGHTS + h] * inverse),
            Averaging::Alternative => std::array::from_fn(|h| match sums[SQUARED_WEIGHTS + h] {
                squared if squared > self.floor => sums[WEIGHTS + h] / squared,
                _ => 0.0,
            }),
        }
    }

    /// The background density and its derivatives by the weights.
    fn background(&self, weights: [f64; 3]) -> (f64, [f64; 3]) {
        match self.background {
            Background::Fixed(density) => (density, [0.0; 3]),
            Background::Mixture { density, shape } => {
                let gamma = (0..3).map(|h| weights[h] * shape[h]).sum();
                let (g, slope) = self.form.evaluate(gamma);
                (density * g, shape.map(|s| density * slope * s))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adjoints_are_the_derivatives_of_the_energy() {
        let mut sums = [0.0; MOST_WORDS];
        for (m, s) in sums.iter_mut().enumerate() {
            *s = if m == 0 { 9.0 } else { 0.8 * (m as f64 * 2.3).sin() };
        }
        for (m, s) in sums.iter_mut().enumerate().skip(SQUARED_WEIGHTS) {
            *s = 4.0 + m as f64 * 0.1;
        }
        let backgrounds = [
            Background::Fixed(12.0),
            Background::Mixture { density: 12.0, shape: [0.1, 0.2, 0.3] },
        ];
        for averaging in [Averaging::Standard, Averaging::Alternative, Averaging::None] {
            for background in backgrounds {
                for ibar in [0, 1, 3, 4, -5] {
                    let embedding = Embedding {
                        scale: 4.0,
                        form: AngularForm::from_ibar(ibar, 0.7).unwrap(),
                        weights: [3.0, -2.0, 4.0],
                        background,
                        averaging,
                        linear_negative: true,
                        floor: 0.0,
                    };
                    let (_, adjoint) = embedding.evaluate(&sums);
                    for m in 0..words(averaging) {
                        // Central difference: error of order 1e-10.
                        const STEP: f64 = 1e-5;
                        let shifted = |by: f64| {
                            let mut s = sums;
                            s[m] += by;
                            embedding.evaluate(&s).0
                        };
                        let slope = (shifted(STEP) - shifted(-STEP)) / (2.0 * STEP);
                        let case = format!("{averaging:?} {background:?} ibar {ibar} word {m}");
                        assert!(
                            (slope - adjoint[m]).abs() < 1e-8,
                            "{case}: {slope} {}",
                            adjoint[m]
                        );
                    }
                }
            }
        }
    }
}
