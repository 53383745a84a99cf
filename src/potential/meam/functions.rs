//! The scalar functions of the formulation, each with its derivative.
//!
//! - f_c(x) = [1 - (1-x)⁴]² between 0 and 1 (Baskes, Mater. Chem. Phys. 50 (1997) 152,
//!   with the exponent that LAMMPS uses): radial cutoff and screening.
//! - G(Γ), from the angular share Γ of the density to the factor on its spherical part.
//! - F(ρ) = A E ρ ln ρ (Baskes, Phys. Rev. B 46 (1992) 2727).
//! - The universal equation of state of Rose et al., Phys. Rev. B 29 (1984) 2963.
//! - The universal screened Coulomb repulsion of Ziegler, Biersack and Littmark (1985).

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
    pub fn evaluate(self, gamma: f64) -> (f64, f64) {
        match self {
            AngularForm::SquareRoot { smoothing } => {
                let switch = -smoothing / (smoothing + 1.0);
                if gamma < switch {
                    let g = (libm::pow(switch / gamma, smoothing) / (smoothing + 1.0)).sqrt();
                    (g, -0.5 * smoothing * g / gamma)
                } else {
                    let g = (1.0 + gamma).sqrt();
                    (g, 0.5 / g)
                }
            }
            AngularForm::Exponential => {
                let g = libm::exp(0.5 * gamma);
                (g, 0.5 * g)
            }
            AngularForm::Logistic => {
                let e = libm::exp(-gamma.abs());
                let share = 1.0 / (1.0 + e);
                let g = if gamma >= 0.0 { 2.0 * share } else { 2.0 * e * share };
                (g, 2.0 * e * share * share)
            }
            AngularForm::SignedSquareRoot => {
                let root = (1.0 + gamma).abs().sqrt();
                let slope = if root > 0.0 { 0.5 / root } else { 0.0 };
                (if gamma >= -1.0 { root } else { -root }, slope)
            }
        }
    }
}

/// F and dF/dρ; `scale` is A times the cohesive energy in eV, `density` in units of
/// the background. Where the density is not positive, F is zero or, as DYNAMO has
/// it (`emb_lin_neg`), linear.
pub fn embedding(scale: f64, density: f64, linear_negative: bool) -> (f64, f64) {
    if density > 0.0 {
        let log = libm::log(density);
        (scale * density * log, scale * (1.0 + log))
    } else if linear_negative {
        (-scale * density, -scale)
    } else {
        (0.0, 0.0)
    }
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
