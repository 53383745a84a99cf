//! The scalar functions of the formulation, each with its derivative.
//!
//! - f_c(x) = [1 - (1-x)⁴]² between 0 and 1 (Baskes, Mater. Chem. Phys. 50 (1997) 152,
//!   with the exponent that LAMMPS uses): radial cutoff and screening.
//! - G(Γ), from the angular share Γ of the density to the factor on its spherical part.
//! - F(ρ) = A E ρ ln ρ (Baskes, Phys. Rev. B 46 (1992) 2727).
//! - The universal equation of state of Rose et al., Phys. Rev. B 29 (1984) 2963.
//! - The universal screened Coulomb repulsion of Ziegler, Biersack and Littmark (1985).
//!
//! G and F, which every atom needs at every step, are written for eight atoms at a time.

use crate::lanes::{Lanes, Real, portable::Portable};

/// f_c(x) and df_c/dx.
#[inline(always)]
pub fn cutoff(x: f64) -> (f64, f64) {
    if x >= 1.0 {
        return (1.0, 0.0);
    }
    if x <= 0.0 {
        return (0.0, 0.0);
    }
    let y = 1.0 - x;
    let cube = y * y * y;
    let root = 1.0 - cube * y;
    (root * root, 8.0 * root * cube)
}

/// The form of G(Γ), `ibar` in the library file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AngularForm {
    /// 0 and 4: √(1+Γ), continued below Γ₀ = -s/(s+1) by a power law that meets it
    /// in value and slope; s is `gsmooth_factor`.
    SquareRoot { smoothing: f64 },
    /// 1: exp(Γ/2)
    Exponential,
    /// 3: 2/(1+exp(-Γ))
    Logistic,
    /// -5: ±√|1+Γ|
    SignedSquareRoot,
}

impl AngularForm {
    /// That of an `ibar` of the library; none for an unknown one.
    pub fn from_ibar(ibar: i32, smoothing: f64) -> Option<AngularForm> {
        Some(match ibar {
            0 | 4 => AngularForm::SquareRoot { smoothing },
            1 => AngularForm::Exponential,
            3 => AngularForm::Logistic,
            -5 => AngularForm::SignedSquareRoot,
            _ => return None,
        })
    }

    /// G and dG/dΓ.
    #[inline(always)]
    pub fn evaluate<L: Lanes>(self, gamma: L) -> (L, L) {
        let (zero, half, one) = (L::splat(0.0), L::splat(0.5), L::splat(1.0));
        match self {
            AngularForm::SquareRoot { smoothing } => {
                let switch = L::splat(-smoothing / (smoothing + 1.0));
                let root = (one + gamma).max(zero).sqrt();
                let slope = half * root.inverse();
                let below = gamma.below(switch);
                if L::bits(below) == 0 {
                    return (root, slope);
                }
                // [(Γ₀/Γ)^s/(s + 1)]^½; lanes above the switch are put on it.
                let inverse = gamma.min(switch).inverse();
                let power = L::splat(0.5 * smoothing);
                let factor = L::splat((1.0 / (smoothing + 1.0)).sqrt());
                let g = factor * (power * (switch * inverse).log()).exp();
                let falling = (zero - power) * g * inverse;
                (L::select(below, g, root), L::select(below, falling, slope))
            }
            AngularForm::Exponential => {
                let g = (half * gamma).exp();
                (g, half * g)
            }
            AngularForm::Logistic => {
                let e = gamma.min(zero - gamma).exp();
                let share = (one + e).inverse();
                let twice = share + share;
                (L::select(gamma.below(zero), e * twice, twice), e * (twice * share))
            }
            AngularForm::SignedSquareRoot => {
                let shifted = one + gamma;
                let root = shifted.max(zero - shifted).sqrt();
                let slope = L::select(zero.below(root), half * root.inverse(), zero);
                (L::select(shifted.below(zero), zero - root, root), slope)
            }
        }
    }

    /// G and dG/dΓ of one number.
    pub fn at(self, gamma: f64) -> (f64, f64) {
        let (g, slope) = self.evaluate(Portable::splat(gamma));
        (g.first(), slope.first())
    }
}

/// F and dF/dρ; `scale` is A times the cohesive energy in eV, `density` in units of
/// the background. Where the density is not positive, F is zero or, as DYNAMO has
/// it (`emb_lin_neg`), linear.
#[inline(always)]
pub fn embedding<L: Lanes>(scale: L, density: L, linear_negative: bool) -> (L, L) {
    let zero = L::splat(0.0);
    let log = density.max(L::splat(f64::MIN_POSITIVE)).log();
    let slope = scale * log;
    let beyond = if linear_negative { zero - scale } else { zero };
    let positive = zero.below(density);
    (
        L::select(positive, slope * density, beyond * density),
        L::select(positive, scale + slope, beyond),
    )
}

/// Energy per atom of a reference structure against its nearest-neighbour distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rose {
    /// Cohesive energy, eV
    pub energy: f64,
    /// Equilibrium distance, Å
    pub distance: f64,
    /// √(9 B Ω / E)
    pub alpha: f64,
    pub attraction: f64,
    pub repulsion: f64,
    /// `erose_form`: 0, 1 or 2
    pub form: u8,
}

impl Rose {
    /// E^u(r), eV, at a distance of nearest neighbours in Å.
    pub fn energy_at(&self, r: f64) -> f64 {
        let stretch = r / self.distance;
        let a = self.alpha * (stretch - 1.0);
        let cubic = if a < 0.0 { self.repulsion } else { self.attraction };
        let factor = match self.form {
            1 => -self.attraction + self.repulsion / r,
            2 => cubic,
            _ => cubic / stretch,
        };
        -self.energy * (1.0 + a + factor * a * a * a) * libm::exp(-a)
    }
}

/// Screened Coulomb repulsion of two atoms, eV, r in Å.
pub fn ziegler_biersack_littmark(charges: [f64; 2], r: f64) -> f64 {
    const COULOMB: f64 = 14.3997; // e²/(4πε₀) in eV Å
    const LENGTH: f64 = 0.4685; // 0.88534 Bohr radii in Å
    const TERMS: [(f64, f64); 4] =
        [(0.028171, 0.20162), (0.28022, 0.40290), (0.50986, 0.94229), (0.18175, 3.1998)];
    let length = LENGTH / (libm::pow(charges[0], 0.23) + libm::pow(charges[1], 0.23));
    let x = r / length;
    let screening: f64 = TERMS.iter().map(|(c, d)| c * libm::exp(-d * x)).sum();
    COULOMB * charges[0] * charges[1] / r * screening
}
