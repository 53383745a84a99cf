//! What a potential says of itself: its conventions in words, and its reference
//! structures evaluated atom by atom, against what the files want them to be.
//!
//! The structure is laid out as a cluster around one atom, as large as the atom can feel,
//! and goes through the same kernels as any other: one owned atom, the rest ghosts. What
//! differs from the wish is then the potential itself: neighbours beyond those that its
//! reference counts (bcc iron: third neighbours are not wholly screened, 0.2 meV), or
//! conventions that do not fit the parameters.

use super::Meam;
use super::pair::Pair;
use super::parameters::Averaging;
use crate::error::Result;
use crate::potential::Potential;
use crate::potential::crystal::{self, CrystalSite, site_energy};
use std::fmt::Write;

/// A reference structure as wanted and as found.
#[derive(Debug, Clone, PartialEq)]
pub struct ReferenceState {
    /// Such as `Pt fcc` or `Pt-Fe l12`.
    pub name: String,
    /// Energy per atom, eV.
    pub energy: Found,
    /// Nearest-neighbour distance of lowest energy, Å.
    pub distance: Found,
    /// Bulk modulus, as alpha = √(9 B Ω/E): without unit.
    pub alpha: Found,
}

/// A quantity as the files want it and as the potential gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    pub wanted: f64,
    pub found: f64,
}

impl Found {
    /// Of what was found, over what was wanted.
    pub fn relative_error(self) -> f64 {
        (self.found - self.wanted).abs() / self.wanted.abs().max(f64::MIN_POSITIVE)
    }
}

impl Meam {
    /// The reference structure of every element and pair that is a crystal or a dimer;
    /// of molecules, chains and C11 (whose reference energy LAMMPS defines otherwise) none.
    ///
    /// # Errors
    /// Where a structure cannot be evaluated at all.
    pub fn reference_states(&self) -> Result<Vec<ReferenceState>> {
        let mut states = Vec::new();
        let count = self.species_count();
        for (a, b) in (0..count * count).map(|p| (p / count, p % count)).filter(|(a, b)| a <= b) {
            let pair = self.parameters.pair(a, b);
            let reach = 1.2 * self.range() / pair.rose.distance;
            let [here, there] = [a, b].map(|own| self.members.place(own));
            let sites = crystal::sites(pair.lattice, here, there, reach);
            if !sites.is_empty() {
                states.push(self.reference_state(a, b, pair, &sites)?);
            }
        }
        Ok(states)
    }

    fn reference_state(
        &self,
        a: usize,
        b: usize,
        pair: &Pair,
        sites: &[CrystalSite],
    ) -> Result<ReferenceState> {
        const STEP: f64 = 1e-3;
        let wanted = pair.rose;
        let energy = |r: f64| -> Result<f64> {
            sites
                .iter()
                .try_fold(0.0, |sum, site| Ok(sum + site.weight * site_energy(self, site, r)?))
        };
        // Newton's method on a parabola through three points.
        let mut r = wanted.distance;
        let mut curvature = 0.0;
        for _ in 0..5 {
            let [left, middle, right] = [energy(r - STEP)?, energy(r)?, energy(r + STEP)?];
            curvature = (right - 2.0 * middle + left) / (STEP * STEP);
            if curvature <= 0.0 || curvature.is_nan() {
                break;
            }
            let step = (left - right) / (2.0 * STEP * curvature);
            r += step.clamp(-0.05, 0.05);
        }
        let found = energy(r)?;
        let symbol = |e: usize| self.species[e].symbol.as_str();
        let names = if a == b { symbol(a).into() } else { format!("{}-{}", symbol(a), symbol(b)) };
        Ok(ReferenceState {
            name: format!("{names} {}", pair.lattice.name()),
            energy: Found { wanted: -wanted.energy, found },
            distance: Found { wanted: wanted.distance, found: r },
            alpha: Found {
                wanted: wanted.alpha,
                found: r * (curvature.max(0.0) / found.abs()).sqrt(),
            },
        })
    }

    /// The conventions in effect, line by line, for the log.
    pub fn conventions(&self) -> String {
        let p = &self.parameters;
        let mut text = String::new();
        let mut line = |words: std::fmt::Arguments| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{words}");
        };
        line(format_args!(
            "2NN MEAM: rc {} Å, delr {} Å, atoms matter up to {:.4} Å",
            p.cutoff,
            p.smoothing,
            self.range()
        ));
        let averaging = match p.averaging {
            Averaging::Standard => "0 (t averaged over neighbours)",
            Averaging::Alternative => "1 (t averaged as in DYNAMO)",
            Averaging::None => "2 (t of the atom's own element)",
        };
        line(format_args!(
            "ialloy {averaging}, augt1 {}, erose_form {}, mixture_ref_t {}, bkgd_dyn {}, emb_lin_neg {}, gsmooth_factor {}",
            p.augment_t1,
            p.rose_form,
            p.mixture_reference as u8,
            p.dynamo_background as u8,
            p.linear_negative as u8,
            p.angular_smoothing
        ));
        for (n, e) in p.elements.iter().enumerate() {
            let [t1, t2, t3] = p.weights(n);
            let [b0, b1, b2, b3] = e.beta;
            line(format_args!(
                "{} {}: entry {}, ielement {}, mass {}, A {}, b {b0} {b1} {b2} {b3}, t {t1} {t2} {t3}, rho0 {}, ibar {}",
                n + 1,
                e.symbol,
                e.entry,
                e.charge,
                e.mass,
                e.embedding,
                e.density,
                e.ibar
            ));
        }
        let count = p.elements.len();
        for (i, j) in (0..count * count).map(|n| (n / count, n % count)).filter(|(i, j)| i <= j) {
            let pair = p.pair(i, j);
            let r = &pair.rose;
            line(format_args!(
                "{}-{}: {}, Ec {} eV, re {} Å, alpha {}, attrac {}, repuls {}, nn2 {}, zbl {}",
                p.elements[i].symbol,
                p.elements[j].symbol,
                pair.lattice.name(),
                r.energy,
                r.distance,
                r.alpha,
                r.attraction,
                r.repulsion,
                pair.second_neighbours as u8,
                pair.zbl as u8
            ));
            for k in 0..count {
                let screen = p.screen(i, j, k);
                line(format_args!(
                    "{}-{} screened by {}: Cmin {}, Cmax {}",
                    p.elements[i].symbol,
                    p.elements[j].symbol,
                    p.elements[k].symbol,
                    screen.minimum,
                    screen.maximum
                ));
            }
        }
        text
    }
}
