//! The reference structures and the pair potentials that follow from them.
//!
//! A reference structure is one in which the energy per atom E^u(r) is known (`Rose`)
//! as a function of the nearest-neighbour distance r. What is left of it when the
//! embedding energies at the densities of that structure are taken away is the sum
//! over the pairs (Baskes 1992). For an element with Z₁ nearest neighbours
//!
//! ψ(r) = 2/Z₁ [E^u(r) - F(ρ(r))] = φ(r) + (Z₂ S/Z₁) φ(a r)
//!
//! where Z₂ atoms at a times the distance are screened by S; solved for φ by the series
//! of Lee and Baskes (2000), φ(r) = Σ_n (-Z₂ S/Z₁)ⁿ ψ(aⁿ r). For two elements
//! the pairs of equal atoms, known by then, are taken away too:
//!
//! - most lattices (each atom has Z₁ neighbours of the other kind, Z₂ of its own):
//!   2 E^u = F_a + F_b + Z₁ φ_ab(r) + Z₂/2 [S_a φ_aa(a r) + S_b φ_bb(a r)];
//! - L12, A₃B: 4 E^u = 3 F_a + F_b + 12 φ_ab + 12 φ_aa + 9 S_a φ_aa(a r) + 3 S_b φ_bb(a r);
//! - C11, AB₂: 3 E^u = F_a + 2 F_b + 10 φ_ab + 5 φ_bb.

use super::embedding::{Background, Embedding, MOST_WORDS, SQUARED_WEIGHTS, Sums, WEIGHTS};
use super::functions::{AngularForm, cutoff, ziegler_biersack_littmark};
use super::harmonics::{self, COMPONENTS, FIRST};
use super::lattice::{Lattice, SecondShell};
use super::parameters::{Averaging, Pair, Parameters, Screen};
use crate::geometry::Vec3;

/// Partial densities of one atom of an element at distance r, l = 0 to 3:
/// ρ₀ exp[-β_l (r/r_e - 1)], in units that cancel with the background.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtomicDensity {
    pub scale: f64,
    pub beta: [f64; 4],
    /// r_e of the element, Å
    pub distance: f64,
}

impl AtomicDensity {
    pub fn at(&self, r: f64) -> [f64; 4] {
        let stretch = r / self.distance - 1.0;
        self.beta.map(|beta| self.scale * libm::exp(-beta * stretch))
    }
}

/// All reference structures of one potential.
pub struct References<'a> {
    parameters: &'a Parameters,
    densities: Vec<AtomicDensity>,
    embeddings: Vec<Embedding>,
}

/// Second shell of an atom of a given element in a reference structure.
#[derive(Clone, Copy)]
struct Second {
    atoms: f64,
    ratio: f64,
    screening: f64,
}

impl<'a> References<'a> {
    pub fn new(parameters: &'a Parameters, floor: f64) -> References<'a> {
        let densities: Vec<AtomicDensity> = parameters
            .elements
            .iter()
            .map(|e| AtomicDensity { scale: e.density, beta: e.beta, distance: e.distance })
            .collect();
        let embeddings = (0..densities.len())
            .map(|e| embedding_of(parameters, &densities[e], e, floor))
            .collect();
        References { parameters, densities, embeddings }
    }

    pub fn into_parts(self) -> (Vec<AtomicDensity>, Vec<Embedding>) {
        (self.densities, self.embeddings)
    }

    /// φ_ab(r) in eV, without the radial cutoff.
    pub fn pair_energy(&self, a: usize, b: usize, r: f64) -> f64 {
        let (a, b) = (a.min(b), a.max(b));
        let pair = self.parameters.pair(a, b);
        let phi = if a == b { self.element(a, r) } else { self.mixed(a, b, pair, r) };
        if pair.zbl { self.with_repulsion(a, b, phi, r) } else { phi }
    }

    /// Takes over from φ by the screened Coulomb repulsion at short range: wholly
    /// where a* = α(r/r_e - 1) is below -3, not at all above -1.
    fn with_repulsion(&self, a: usize, b: usize, phi: f64, r: f64) -> f64 {
        let rose = &self.parameters.pair(a, b).rose;
        let stretch = rose.alpha * (r / rose.distance - 1.0);
        if stretch >= -1.0 {
            return phi;
        }
        let charges = [a, b].map(|e| self.parameters.elements[e].atomic_number as f64);
        let repulsion = ziegler_biersack_littmark(charges, r);
        if stretch <= -3.0 {
            return repulsion;
        }
        let (share, _) = cutoff(0.5 * (stretch + 3.0));
        share * phi + (1.0 - share) * repulsion
    }

    /// φ of two equal atoms, before the repulsion.
    fn element(&self, e: usize, r: f64) -> f64 {
        /// The series converges like its ratio below 1/2; far terms vanish anyway.
        const MOST_TERMS: i32 = 11;
        let pair = self.parameters.pair(e, e);
        let coordination = pair.lattice.coordination() as f64;
        let Some(second) = self.second(e, e, pair) else {
            return self.element_sum(e, r);
        };
        let ratio = second.atoms * second.screening / coordination;
        let (mut phi, mut factor, mut distance) = (0.0, 1.0, r);
        for _ in 0..MOST_TERMS {
            phi += factor * self.element_sum(e, distance);
            factor *= -ratio;
            distance *= second.ratio;
        }
        phi
    }

    /// ψ: energy that all pairs together contribute, per bond of the first shell.
    fn element_sum(&self, e: usize, r: f64) -> f64 {
        let pair = self.parameters.pair(e, e);
        let embedded = self.embedded(e, &self.shell(pair, e, e, r));
        2.0 / pair.lattice.coordination() as f64 * (pair.rose.energy_at(r) - embedded)
    }

    /// φ of two elements a < b, before the repulsion.
    fn mixed(&self, a: usize, b: usize, pair: &Pair, r: f64) -> f64 {
        let energy = pair.rose.energy_at(r);
        let embedded_a = self.embedded(a, &self.shell(pair, a, b, r));
        let embedded_b = self.embedded(b, &self.shell(pair, b, a, r));
        let second = |e: usize, other: usize| {
            self.second(e, other, pair).map_or(0.0, |s| s.screening * self.element(e, s.ratio * r))
        };
        match pair.lattice {
            Lattice::L12 => {
                energy / 3.0
                    - 0.25 * embedded_a
                    - embedded_b / 12.0
                    - self.element(a, r)
                    - 0.75 * second(a, b)
                    - 0.25 * second(b, a)
            }
            Lattice::C11 => {
                let [minor, major] = self.order_of_c11(a, b);
                let (f_minor, f_major) =
                    if minor == a { (embedded_a, embedded_b) } else { (embedded_b, embedded_a) };
                (3.0 * energy - f_minor - 2.0 * f_major - 5.0 * self.element(major, r)) / 10.0
            }
            lattice => {
                let z = lattice.coordination() as f64;
                let z2 = lattice.second_shell(pair.theta).map_or(0.0, |s| s.atoms);
                (2.0 * energy - embedded_a - embedded_b) / z
                    - 0.5 * z2 / z * (second(a, b) + second(b, a))
            }
        }
    }

    /// Which element of C11 is the rare one, which the frequent: a first element
    /// with the diamond lattice is the frequent one (MoSi2 written as Si, Mo).
    fn order_of_c11(&self, a: usize, b: usize) -> [usize; 2] {
        if self.parameters.pair(a, a).lattice == Lattice::Diamond { [b, a] } else { [a, b] }
    }

    fn embedded(&self, e: usize, sums: &Sums) -> f64 {
        self.embeddings[e].evaluate(sums).0
    }

    /// Second shell of an atom of element e whose first neighbours are of `other`.
    fn second(&self, e: usize, other: usize, pair: &Pair) -> Option<Second> {
        if !pair.second_neighbours {
            return None;
        }
        let shell = pair.lattice.second_shell(pair.theta)?;
        let mut screening = screening_of(self.parameters.screen(e, e, other), shell);
        if pair.lattice == Lattice::L12 && e < other {
            // Two of the four screening atoms are of the frequent element itself.
            let own = screening_of(self.parameters.screen(e, e, e), shell);
            screening = (screening * own).sqrt();
        }
        Some(Second { atoms: shell.atoms, ratio: shell.ratio, screening })
    }

    /// Sums of an atom of element e in the reference structure of the pair (e, other).
    fn shell(&self, pair: &Pair, e: usize, other: usize, r: f64) -> Sums {
        let mut sums = [0.0; MOST_WORDS];
        for (n, direction) in pair.lattice.directions(pair.theta).into_iter().enumerate() {
            // L12: the rare atoms have only frequent neighbours; of the frequent ones'
            // twelve neighbours four, in one plane, are rare.
            let neighbour = match pair.lattice {
                Lattice::L12 if e < other && n % 3 != 0 => e,
                _ => other,
            };
            self.add(&mut sums, neighbour, direction, r);
        }
        if let Some(second) = self.second(e, other, pair) {
            sums[0] += second.atoms * second.screening * self.densities[e].at(second.ratio * r)[0];
        }
        sums
    }

    /// Adds one unscreened neighbour to the sums of an atom.
    fn add(&self, sums: &mut Sums, neighbour: usize, direction: Vec3, r: f64) {
        let densities = self.densities[neighbour].at(r);
        let weights = self.parameters.weights(neighbour);
        let y = harmonics::evaluate(direction);
        sums[0] += densities[0];
        for l in 1..4 {
            let weight = match self.parameters.averaging {
                Averaging::Alternative => weights[l - 1],
                _ => 1.0,
            };
            for m in FIRST[l]..FIRST[l + 1] {
                sums[m] += weight * densities[l] * y[m];
            }
            sums[WEIGHTS + l - 1] += weights[l - 1] * densities[0];
            sums[SQUARED_WEIGHTS + l - 1] += weights[l - 1] * weights[l - 1] * densities[0];
        }
    }
}

/// S of a second neighbour that is screened by `screening_atoms` first neighbours, each
/// at unit distance from both ends: C = 4/a² - 1.
fn screening_of(screen: Screen, shell: SecondShell) -> f64 {
    let c = 4.0 / (shell.ratio * shell.ratio) - 1.0;
    let (factor, _) = cutoff((c - screen.minimum) / (screen.maximum - screen.minimum));
    (0..shell.screening_atoms).map(|_| factor).product()
}

/// The squared angular densities of the first shell, for unit partial densities.
fn shape(pair: &Pair) -> [f64; 3] {
    let mut sums = [0.0; COMPONENTS];
    for direction in pair.lattice.directions(pair.theta) {
        for (sum, y) in sums.iter_mut().zip(harmonics::evaluate(direction)) {
            *sum += y;
        }
    }
    std::array::from_fn(|h| sums[FIRST[h + 1]..FIRST[h + 2]].iter().map(|m| m * m).sum())
}

fn embedding_of(
    parameters: &Parameters,
    density: &AtomicDensity,
    e: usize,
    floor: f64,
) -> Embedding {
    let element = &parameters.elements[e];
    let pair = parameters.pair(e, e);
    let weights = parameters.weights(e);
    let form = AngularForm::from_ibar(element.ibar, parameters.angular_smoothing)
        .unwrap_or(AngularForm::Logistic);
    let coordination = pair.lattice.coordination() as f64;
    let shape = shape(pair).map(|s| s / (coordination * coordination));
    let simple = density.scale * coordination;
    let background = if parameters.mixture_reference && element.ibar > 0 {
        Background::Mixture { density: simple, shape }
    } else if parameters.mixture_reference || parameters.dynamo_background {
        Background::Fixed(simple)
    } else {
        let gamma = (0..3).map(|h| weights[h] * shape[h]).sum();
        let g = if element.ibar > 0 { form.evaluate(gamma).0 } else { 1.0 };
        let shell = pair.lattice.second_shell(pair.theta).filter(|_| pair.second_neighbours);
        let second = shell.map_or(0.0, |shell| {
            let s = screening_of(parameters.screen(e, e, e), shell);
            shell.atoms * s * density.at(shell.ratio * density.distance)[0]
        });
        Background::Fixed((simple + second) * g)
    };
    Embedding {
        scale: element.embedding * element.energy,
        form,
        weights,
        background,
        averaging: parameters.averaging,
        linear_negative: parameters.linear_negative,
        floor,
    }
}
