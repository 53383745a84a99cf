//! Random alloys at an exact composition, and random choices of an exact number.
//!
//! Every site draws a number keyed by (seed, particle, site); sorted by these
//! numbers, the sites are dealt out. Each arrangement of the exact composition is
//! thus equally likely, and none depends on ranks.

use crate::input::Config;
use crate::random::{Purpose, Stream};
use std::collections::BTreeMap;

/// Fractions in the order of the potential's elements.
pub fn fractions(config: &Config, composition: &BTreeMap<String, f64>) -> Vec<f64> {
    let fraction = |symbol: &str| composition.get(symbol).copied().unwrap_or(0.0);
    config.symbols().into_iter().map(fraction).collect()
}

/// How many of `atoms` each species gets: the whole parts of its share, and what is
/// then left one by one to the largest remainders (of equal ones, to the first).
pub fn counts(fractions: &[f64], atoms: usize) -> Vec<usize> {
    let total: f64 = fractions.iter().sum();
    let shares: Vec<f64> = fractions.iter().map(|f| f / total * atoms as f64).collect();
    let mut counts: Vec<usize> = shares.iter().map(|&share| share as usize).collect();
    let mut order: Vec<usize> = (0..shares.len()).collect();
    order.sort_by(|&a, &b| shares[b].fract().total_cmp(&shares[a].fract()));
    let left = atoms.saturating_sub(counts.iter().sum());
    for &species in order.iter().take(left) {
        counts[species] += 1;
    }
    counts
}

/// A random order of the sites `first .. first + sites` of one particle, as offsets from `first`.
pub fn shuffled(
    seed: u64,
    purpose: Purpose,
    particle: usize,
    first: usize,
    sites: usize,
) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> = (0..sites)
        .map(|i| {
            let site = (first + i) as u64;
            (Stream::new(seed, purpose, particle as u64, site).next_u64(), i)
        })
        .collect();
    order.sort_unstable();
    order.into_iter().map(|(_, i)| i).collect()
}

/// The species of the sites `first .. first + sites` of one particle.
pub fn deal(seed: u64, particle: usize, first: usize, sites: usize, fractions: &[f64]) -> Vec<u32> {
    let counts = counts(fractions, sites);
    if let Some(only) = counts.iter().position(|&count| count == sites) {
        return vec![only as u32; sites];
    }
    let order = shuffled(seed, Purpose::Alloy, particle, first, sites);
    let mut species = vec![0; sites];
    let mut next = order.into_iter();
    for (kind, count) in counts.into_iter().enumerate() {
        for site in next.by_ref().take(count) {
            species[site] = kind as u32;
        }
    }
    species
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_composition_is_that_of_the_paper() {
        assert_eq!(counts(&[0.85, 0.15], 30_802), [26_182, 4_620]);
        assert_eq!(counts(&[1.0, 1.0, 1.0], 5), [2, 2, 1]);
        assert_eq!(counts(&[1.0], 7), [7]);
        assert_eq!(counts(&[0.0, 1.0], 7), [0, 7]);
        let species = deal(1, 0, 0, 30_802, &[0.85, 0.15]);
        assert_eq!(species.iter().filter(|&&s| s == 1).count(), 4_620);
    }

    #[test]
    fn seed_and_particle_change_the_alloy_and_nothing_else_does() {
        let alloy = |seed, particle| deal(seed, particle, 0, 500, &[0.5, 0.5]);
        assert_eq!(alloy(1, 0), alloy(1, 0));
        assert_ne!(alloy(1, 0), alloy(2, 0));
        assert_ne!(alloy(1, 0), alloy(1, 1));
    }

    /// The number of unlike neighbours in a row of sites is that of a random order:
    /// (n - 1) 2 x (1 - x) n / (n - 1), within four standard errors (about n x (1 - x)).
    #[test]
    fn neighbouring_sites_know_nothing_of_each_other() {
        let (n, x) = (100_000, 0.15);
        let species = deal(9, 3, 0, n, &[1.0 - x, x]);
        let unlike = species.windows(2).filter(|w| w[0] != w[1]).count() as f64;
        let expected = 2.0 * x * (1.0 - x) * n as f64;
        let error = (n as f64).sqrt() * 2.0 * x * (1.0 - x);
        assert!((unlike - expected).abs() < 4.0 * error, "{unlike} against {expected}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_species_gets_its_share_to_the_nearest_atom(
            weights in prop::collection::vec(0.01f64..1.0, 1..6), atoms in 0usize..10_000,
        ) {
            let total: f64 = weights.iter().sum();
            let counts = counts(&weights, atoms);
            prop_assert_eq!(counts.iter().sum::<usize>(), atoms);
            for (count, weight) in counts.iter().zip(&weights) {
                // 10⁻⁹ for the rounding of the share itself.
                prop_assert!((*count as f64 - weight / total * atoms as f64).abs() < 1.0 + 1e-9);
            }
        }
    }
}
