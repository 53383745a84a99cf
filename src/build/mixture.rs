//! Which element is where, if not at random over all sites: shells, slices, a gradient, ordered sublattices.
//!
//! Parts are so many atoms, those of the lowest depth (or the least along a direction) first, equal ones in an
//! order drawn by (seed, particle, site); within a part the composition is exact. Of sublattices with
//! the compositions c_s and the mean m over the particle, the order S makes S c_s + (1 - S) m: for a
//! stoichiometric crystal S is the long-range order parameter.

use super::alloy::{counts, deal, fractions};
use crate::input::{Config, GradientConfig, MixtureConfig, PartConfig, ParticleConfig};
use crate::random::{Purpose, Stream};
use std::collections::BTreeMap;

/// The atoms of a particle, as far as it matters here.
pub struct Places<'a> {
    pub count: usize,
    /// How far out an atom is: 0 in the middle, the same all along the surface.
    pub depth: &'a dyn Fn(usize) -> f64,
    /// How far along a direction of the lattice.
    pub along: &'a dyn Fn(usize, [i32; 3]) -> f64,
    pub sublattice: &'a dyn Fn(usize) -> usize,
}

/// The species of all atoms of particle `number`.
pub fn species(
    config: &Config,
    particle: &ParticleConfig,
    number: usize,
    places: &Places,
) -> Vec<u32> {
    let mixing = Mixing { config, number };
    match &particle.mixture {
        Some(MixtureConfig::Shells(shells)) => {
            mixing.parts(&shells.parts, &mixing.order(places.count, places.depth))
        }
        Some(MixtureConfig::Slices(slices)) => {
            let order = mixing.order(places.count, &|i| (places.along)(i, slices.direction));
            mixing.parts(&slices.parts, &order)
        }
        Some(MixtureConfig::Gradient(gradient)) => mixing.gradient(gradient, places),
        None => mixing.sublattices(particle, places),
    }
}

struct Mixing<'a> {
    config: &'a Config,
    number: usize,
}

impl Mixing<'_> {
    /// By rising value.
    fn order(&self, count: usize, value: &dyn Fn(usize) -> f64) -> Vec<usize> {
        let key = |i: usize| {
            Stream::new(self.config.seed, Purpose::Mixture, self.number as u64, i as u64).next_u64()
        };
        let mut order: Vec<(f64, u64, usize)> = (0..count).map(|i| (value(i), key(i), i)).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        order.into_iter().map(|(_, _, i)| i).collect()
    }

    /// The atoms in their order, part after part.
    fn parts(&self, parts: &[PartConfig], order: &[usize]) -> Vec<u32> {
        let weights: Vec<f64> = parts.iter().map(|part| part.fraction).collect();
        let mut species = vec![0; order.len()];
        let mut begin = 0;
        for (part, count) in parts.iter().zip(counts(&weights, order.len())) {
            let own = &order[begin..begin + count];
            self.deal(own, begin, &fractions(self.config, &part.composition), &mut species);
            begin += count;
        }
        species
    }

    /// At random over these atoms; the numbers drawn are those of sites from `first` on.
    fn deal(&self, atoms: &[usize], first: usize, fractions: &[f64], species: &mut [u32]) {
        let dealt = deal(self.config.seed, self.number, first, atoms.len(), fractions);
        atoms.iter().zip(dealt).for_each(|(&i, kind)| species[i] = kind);
    }

    /// From the middle outwards each atom becomes what is owed most: what is wanted of each element up to there
    /// has come, to the nearest atom, and atoms of equal depth come in random order.
    fn gradient(&self, gradient: &GradientConfig, places: &Places) -> Vec<u32> {
        let order = self.order(places.count, places.depth);
        let outermost = order.last().map_or(1.0, |&i| (places.depth)(i)).max(f64::MIN_POSITIVE);
        let ends: [&BTreeMap<String, f64>; 2] = [&gradient.inside, &gradient.outside];
        let [inside, outside] = ends.map(|composition| fractions(self.config, composition));
        let mut owed = vec![0.0; inside.len()];
        let mut species = vec![0; places.count];
        for i in order {
            let out = (places.depth)(i) / outermost;
            let wanted = inside.iter().zip(&outside).map(|(a, b)| a + (b - a) * out);
            owed.iter_mut().zip(wanted).for_each(|(owed, wanted)| *owed += wanted);
            let most =
                (0..owed.len()).fold(0, |most, k| if owed[k] > owed[most] { k } else { most });
            owed[most] -= 1.0;
            species[i] = most as u32;
        }
        species
    }

    fn sublattices(&self, particle: &ParticleConfig, places: &Places) -> Vec<u32> {
        let mut atoms = vec![Vec::new(); particle.sublattices.len()];
        (0..places.count).for_each(|i| atoms[(places.sublattice)(i)].push(i));
        let own: Vec<Vec<f64>> =
            particle.sublattices.iter().map(|c| fractions(self.config, c)).collect();
        let order = particle.order.unwrap_or(1.0);
        let mean = |k: usize| {
            let sum = own.iter().zip(&atoms).map(|(own, atoms)| own[k] * atoms.len() as f64);
            sum.sum::<f64>() / places.count as f64
        };
        let mut species = vec![0; places.count];
        let mut begin = 0;
        for (own, atoms) in own.iter().zip(&atoms) {
            let mixed: Vec<f64> =
                own.iter().enumerate().map(|(k, c)| order * c + (1.0 - order) * mean(k)).collect();
            self.deal(atoms, begin, &mixed, &mut species);
            begin += atoms.len();
        }
        species
    }
}
