//! The reference structures and the pair potentials that follow from them.
//!
//! A reference structure is one in which the energy per atom E^u(r) is known (`Rose`)
//! as a function of the nearest-neighbour distance r. What is left of it when the
//! embedding energies at the densities of that structure are taken away is the sum
//! over the pairs (Baskes 1992). For a formula unit of n_a and n_b atoms
//!
//! m ψ(r) = (n_a + n_b) E^u(r) - n_a F_a - n_b F_b - m_aa φ_aa(r) - m_bb φ_bb(r)
//!
//! with m bonds a-b (for an element 2 E^u - 2 F = Z₁ ψ). If Z₂ second neighbours, at
//! s times the distance and screened by S, count as well, ψ still holds their part:
//!
//! - where they are of the kind of the other neighbours, and in elements,
//!   ψ(r) = φ(r) + (Z₂ S/Z₁) φ(s r), solved by the series of Lee and Baskes (2000),
//!   φ(r) = Σ_n (-Z₂ S/Z₁)ⁿ ψ(sⁿ r);
//! - where they are of the atom's own kind (B1, B2, L12, diamond),
//!   m ψ(r) = m φ(r) + Z₂/2 [n_a S_a φ_aa(s r) + n_b S_b φ_bb(s r)].
//!
//! C11 is peculiar: LAMMPS takes the densities of its two sites together in a form of
//! their own and without a background. So do we, to agree with potentials fitted there;
//! the energy of that structure is then not E^u.

use super::embedding::{
    Background, Embedding, Embeddings, MOST_WORDS, SQUARED_WEIGHTS, Sums, WEIGHTS,
};
use super::functions::{AngularForm, cutoff, embedding, ziegler_biersack_littmark};
use super::harmonics::{self, COMPONENTS, FIRST};
use super::pair::Pair;
use super::parameters::{Averaging, Parameters, Screen};
use crate::geometry::Vec3;
use crate::lanes::{InstructionSet, Lanes, Real, WIDTH, dispatch, portable::Portable};
use crate::potential::lattice::{Lattice, SecondShell};

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
    /// A E, eV, of each element: what multiplies ρ ln ρ.
    scales: Vec<f64>,
    embeddings: Embeddings,
}

/// Second shell of an atom of a given element in a reference structure.
#[derive(Clone, Copy)]
struct Second {
    atoms: f64,
    ratio: f64,
    screening: f64,
}

/// An atom with these sums, and weights of its own for the background density.
struct Alone<'a> {
    embeddings: &'a Embeddings,
    element: u32,
    sums: Sums,
    reference: Option<[f64; 3]>,
}

/// Its energy, eV: the same bits in all forms.
#[inline(always)]
fn energy_alone<L: Lanes>(Alone { embeddings, element, sums, reference }: Alone) -> f64 {
    let mut wide = [L::splat(0.0); MOST_WORDS];
    for (wide, sum) in wide.iter_mut().zip(sums) {
        *wide = L::splat(sum);
    }
    let reference = reference.map(|[a, b, c]| [L::splat(a), L::splat(b), L::splat(c)]);
    let (energy, _) = embeddings.evaluate(&[element; WIDTH], &wide, reference);
    let mut all = [0.0; WIDTH];
    energy.store(&mut all);
    all[0]
}

impl<'a> References<'a> {
    pub fn new(parameters: &'a Parameters, floor: f64) -> References<'a> {
        let densities: Vec<AtomicDensity> = parameters
            .elements
            .iter()
            .map(|e| AtomicDensity { scale: e.density, beta: e.beta, distance: e.distance })
            .collect();
        let elements: Vec<Embedding> =
            (0..densities.len()).map(|e| embedding_of(parameters, &densities[e], e)).collect();
        let scales = elements.iter().map(|e| e.scale).collect();
        let embeddings =
            Embeddings::new(&elements, parameters.averaging, parameters.linear_negative, floor);
        References { parameters, densities, scales, embeddings }
    }

    pub fn into_parts(self) -> (Vec<AtomicDensity>, Embeddings) {
        (self.densities, self.embeddings)
    }

    /// φ_ab(r) in eV, without the radial cutoff.
    pub fn pair_energy(&self, a: usize, b: usize, r: f64) -> f64 {
        let (a, b) = (a.min(b), a.max(b));
        let pair = self.parameters.pair(a, b);
        let phi = if a == b { self.element(a, r) } else { self.mixed(a, b, r) };
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
        let charges = [a, b].map(|e| self.parameters.elements[e].charge as f64);
        let repulsion = ziegler_biersack_littmark(charges, r);
        if stretch <= -3.0 {
            return repulsion;
        }
        let (share, _) = cutoff(0.5 * (stretch + 3.0));
        share * phi + (1.0 - share) * repulsion
    }

    /// φ of two equal atoms, before the repulsion.
    fn element(&self, e: usize, r: f64) -> f64 {
        let pair = self.parameters.pair(e, e);
        if pair.second_neighbours { self.series(e, e, r) } else { self.bonds(e, e, r) }
    }

    /// φ of two elements a < b, before the repulsion.
    fn mixed(&self, a: usize, b: usize, r: f64) -> f64 {
        let pair = self.parameters.pair(a, b);
        if !pair.second_neighbours {
            return self.bonds(a, b, r);
        }
        if !pair.lattice.has_like_second_shell() {
            return self.series(a, b, r);
        }
        let formula = pair.lattice.formula();
        let second = |e: usize, other: usize| {
            self.second(pair, e, other)
                .map_or(0.0, |s| 0.5 * s.atoms * s.screening * self.series(e, e, s.ratio * r))
        };
        let pairs = formula.atoms[0] * second(a, b) + formula.atoms[1] * second(b, a);
        self.bonds(a, b, r) - pairs / formula.bonds
    }

    /// φ with the second neighbours taken out of ψ.
    fn series(&self, a: usize, b: usize, r: f64) -> f64 {
        /// Where LAMMPS ends the series; for a loosely screened bcc the rest is 1e-5 eV.
        const MOST_TERMS: i32 = 11;
        let pair = self.parameters.pair(a, b);
        let Some(second) = self.second(pair, a, b) else {
            return self.bonds(a, b, r);
        };
        let ratio = second.atoms * second.screening / pair.lattice.coordination() as f64;
        let (mut phi, mut factor, mut distance) = (0.0, 1.0, r);
        for _ in 0..MOST_TERMS {
            phi += factor * self.bonds(a, b, distance);
            factor *= -ratio;
            distance *= second.ratio;
            if factor == 0.0 {
                break; // far away the angular densities may overflow
            }
        }
        phi
    }

    /// ψ_ab: what all pairs together contribute, per bond of the first shell.
    fn bonds(&self, a: usize, b: usize, r: f64) -> f64 {
        let pair = self.parameters.pair(a, b);
        let energy = pair.rose.energy_at(r);
        let [first, second] = self.order(pair, a, b);
        let formula = pair.lattice.formula();
        let embedded = match pair.lattice {
            Lattice::C11 => self.embedded_in_c11(first, second, r),
            _ => [self.embedded(pair, a, b, true, r), self.embedded(pair, b, a, false, r)],
        };
        let mut rest = 0.0;
        for (n, e) in [first, second].into_iter().enumerate() {
            rest += formula.atoms[n] * (energy - embedded[n]);
            rest -= self.like_pairs(pair, e, [first, second][1 - n], n, r);
        }
        rest / formula.bonds
    }

    /// Energy of the pairs of atoms of the n-th element e in one formula unit that the
    /// reference energy of two elements a, b counts besides the pairs a-b.
    fn like_pairs(&self, pair: &Pair, e: usize, other: usize, n: usize, r: f64) -> f64 {
        let count = pair.lattice.formula().like_bonds[n];
        match pair.lattice {
            _ if e == other || count == 0.0 => 0.0,
            Lattice::L12 => count * self.series(e, e, r),
            // Ends of a bent molecule and next neighbours in a chain, as screened as by
            // an atom at a right angle between them, whatever the angle is.
            Lattice::Zigzag | Lattice::Triatomic => {
                let (factor, _) = self.parameters.screen(e, e, other).factor(1.0);
                let ratio = 2.0 * libm::sin(0.5 * pair.theta);
                count * factor * self.bonds(e, e, ratio * r)
            }
            _ => count * self.bonds(e, e, r),
        }
    }

    /// The elements in the order of the formula. In C11 the element with the diamond
    /// lattice is the frequent one, else the second (MoSi2 may be written as Si, Mo).
    fn order(&self, pair: &Pair, a: usize, b: usize) -> [usize; 2] {
        let diamond = self.parameters.pair(a, a).lattice == Lattice::Diamond;
        if pair.lattice == Lattice::C11 && diamond { [b, a] } else { [a, b] }
    }

    /// Embedding energy of an atom of element e in the reference structure of the pair.
    fn embedded(&self, pair: &Pair, e: usize, other: usize, first: bool, r: f64) -> f64 {
        let sums = self.shell(pair, e, other, first, r);
        let mean = std::array::from_fn(|h| match sums[0] {
            density if density > 0.0 => sums[WEIGHTS + h] / density,
            _ => 0.0,
        });
        let reference = match self.parameters.averaging {
            Averaging::None => None,
            _ => Some(mean),
        };
        let alone = Alone { embeddings: &self.embeddings, element: e as u32, sums, reference };
        let set = InstructionSet::choose().unwrap_or(InstructionSet::Portable);
        dispatch!(set, energy_alone, (alone: Alone) -> f64)
    }

    /// Embedding energies of the rare and of the frequent element in C11. Coordinates of
    /// the ideal structure (c/a = √6) give the coefficients.
    fn embedded_in_c11(&self, rare: usize, frequent: usize, r: f64) -> [f64; 2] {
        let (n, m) = (self.densities[rare].at(r), self.densities[frequent].at(r));
        let (p, q) = (self.parameters.weights(rare), self.parameters.weights(frequent));
        let weights: [f64; 3] = std::array::from_fn(|h| match self.parameters.averaging {
            Averaging::None => q[h],
            _ => (m[0] * q[h] + n[0] * p[h]) / (m[0] + n[0]),
        });
        let square = |x: f64| x * x;
        let at_rare = square(10.0 * m[0]) + 2.0 / 3.0 * weights[1] * square(m[2]);
        let at_frequent = square(5.0 * (m[0] + n[0]))
            + weights[0] * square(m[1] - n[1])
            + weights[1] / 6.0 * square(m[2] + n[2])
            + 3.025 * weights[2] * square(m[3] - n[3]);
        let energy = |e: usize, squared: f64| {
            let density = Portable::splat(squared.max(0.0).sqrt());
            embedding(Portable::splat(self.scales[e]), density, false).0.first()
        };
        [energy(rare, at_rare), energy(frequent, at_frequent)]
    }

    /// Second shell of an atom of element e whose first neighbours are of `other`.
    fn second(&self, pair: &Pair, e: usize, other: usize) -> Option<Second> {
        let shell = pair.lattice.second_shell(pair.theta)?;
        let mut screening = screening_of(self.parameters.screen(e, e, other), shell);
        if pair.lattice == Lattice::L12 && e < other {
            // Two of the four screening atoms are of the frequent element itself.
            let own = screening_of(self.parameters.screen(e, e, e), shell);
            screening = (screening * own).sqrt();
        }
        Some(Second { atoms: shell.atoms, ratio: shell.ratio, screening })
    }

    /// Sums of an atom of element e in the reference structure of the pair.
    fn shell(&self, pair: &Pair, e: usize, other: usize, first: bool, r: f64) -> Sums {
        let mut sums = [0.0; MOST_WORDS];
        for (n, direction) in pair.lattice.directions(pair.theta, first).into_iter().enumerate() {
            // L12: the rare atoms have only frequent neighbours; of the frequent ones'
            // twelve neighbours four, in one plane, are rare.
            let like = pair.lattice == Lattice::L12 && first && n % 3 != 0;
            self.add(&mut sums, if like { e } else { other }, direction, r);
        }
        if let Some(second) = self.second(pair, e, other).filter(|_| pair.second_neighbours) {
            let first_shell = sums[0];
            sums[0] += second.atoms * second.screening * self.densities[e].at(second.ratio * r)[0];
            if first_shell > 0.0 {
                // The averages of t stay those of the first shell.
                let ratio = sums[0] / first_shell;
                sums[WEIGHTS..].iter_mut().for_each(|sum| *sum *= ratio);
            }
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

/// S of an atom of the second shell.
fn screening_of(screen: Screen, shell: SecondShell) -> f64 {
    let (factor, _) = screen.factor(shell.screening);
    (0..shell.screening_atoms).map(|_| factor).product()
}

/// The squared angular densities of the first shell, for unit partial densities.
fn shape(pair: &Pair) -> [f64; 3] {
    let mut sums = [0.0; COMPONENTS];
    for direction in pair.lattice.directions(pair.theta, false) {
        for (sum, y) in sums.iter_mut().zip(harmonics::evaluate(direction)) {
            *sum += y;
        }
    }
    std::array::from_fn(|h| sums[FIRST[h + 1]..FIRST[h + 2]].iter().map(|m| m * m).sum())
}

fn embedding_of(parameters: &Parameters, density: &AtomicDensity, e: usize) -> Embedding {
    let element = &parameters.elements[e];
    let pair = parameters.pair(e, e);
    let weights = parameters.weights(e);
    let form = AngularForm::from_ibar(element.ibar, parameters.angular_smoothing)
        .unwrap_or(AngularForm::Logistic);
    let coordination = pair.lattice.coordination() as f64;
    let shape = shape(pair).map(|s| s / (coordination * coordination));
    let simple = density.scale * coordination;
    let background = if parameters.mixture_reference && element.ibar > 0 {
        Background { density: simple, shape }
    } else if parameters.mixture_reference || parameters.dynamo_background {
        Background { density: simple, shape: [0.0; 3] }
    } else {
        let gamma = (0..3).map(|h| weights[h] * shape[h]).sum();
        let g = if element.ibar > 0 { form.at(gamma).0 } else { 1.0 };
        let shell = pair.lattice.second_shell(pair.theta).filter(|_| pair.second_neighbours);
        let second = shell.map_or(0.0, |shell| {
            let s = screening_of(parameters.screen(e, e, e), shell);
            shell.atoms * s * density.at(shell.ratio * density.distance)[0]
        });
        Background { density: (simple + second) * g, shape: [0.0; 3] }
    };
    Embedding { scale: element.embedding * element.energy, form, weights, background }
}
