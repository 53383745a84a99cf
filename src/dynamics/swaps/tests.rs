//! Swaps against what is known exactly: Boltzmann's weights of all arrangements of a few atoms.

use super::*;
use crate::atoms::Atom;
use crate::comm::threads;
use crate::dynamics::testing::moments;
use crate::force::two_densities::TwoDensities;
use crate::force::{Engine, Settings as EngineSettings, evaluate};
use crate::geometry::{Cell, on_grid};
use crate::random::{Purpose, Stream};
use crate::units::{BOLTZMANN, MASS_VELOCITY_SQUARED};
use bytemuck::Zeroable;
use std::collections::BTreeMap;

const ENGINE: EngineSettings = EngineSettings { skin: 0.3, energy_bound: 100.0 };

fn free() -> Cell {
    Cell::new([0.0; 3], [1.0; 3], [false; 3])
}

fn settings(attempts: u64, ensemble: Ensemble) -> Settings {
    Settings {
        interval: 1,
        attempts,
        temperature: None,
        exchanged: vec![true; 2],
        ensemble,
        bond: None,
    }
}

fn canonical(attempts: u64, region: SwapRegion) -> Settings {
    settings(attempts, Ensemble::Canonical(region))
}

/// Within clusters of atoms nearer than so much (Å).
fn clustered(attempts: u64, bond: f64) -> Settings {
    Settings { bond: Some(bond), ..canonical(attempts, SwapRegion::WithinClusters) }
}

/// Atoms of a rattled lattice that move, those with the numbers in `others` of the second species.
fn lattice(size: [u64; 3], particle: u32, others: impl Fn(u64) -> bool) -> Vec<Atom> {
    let sites = size.iter().product();
    let atom = |n: u64| {
        let site = [n % size[0], n / size[0] % size[1], n / size[0] / size[1]];
        let mut random = Stream::new(8, Purpose::Test, particle as u64, n);
        Atom {
            id: n,
            position: site.map(|x| on_grid(1.7 * x as f64 + 0.4 * (random.uniform() - 0.5))),
            velocity: random.normal_vector(),
            species: others(n) as u32,
            particle,
            ..Atom::zeroed()
        }
    };
    (0..sites).map(atom).collect()
}

/// Two particles of six atoms, out of reach of one another, with two atoms of the second species each.
fn pair() -> Vec<Atom> {
    let mut atoms = lattice([3, 2, 1], 0, |n| n < 2);
    let mut other = lattice([3, 2, 1], 1, |n| n > 3);
    for atom in &mut other {
        atom.id += 6;
        atom.position[0] += 40.0;
    }
    atoms.extend(other);
    atoms
}

/// Which atoms are of the second species, as bits.
fn pattern(system: &dyn System) -> u32 {
    let atoms = system.atoms();
    (0..atoms.owned).map(|i| (atoms.species[i] as u32) << atoms.id[i]).sum()
}

/// By how many standard deviations chi-square of these counts is above what Boltzmann's weights at this
/// temperature (K) would give (Wilson and Hilferty 1931), from the energies w (eV) of all
/// arrangements; those next to one another in energy are taken together, up to ten expected counts.
fn excess(counts: &BTreeMap<u32, u64>, energies: &BTreeMap<u32, f64>, temperature: f64) -> f64 {
    const EXPECTED: f64 = 10.0;
    let mut levels: Vec<(f64, u32)> = energies.iter().map(|(&pattern, &w)| (w, pattern)).collect();
    levels.sort_by(|a, b| a.0.total_cmp(&b.0));
    let weight = |w: f64| (-(w - levels[0].0) / (BOLTZMANN * temperature)).exp();
    let samples = counts.values().sum::<u64>() as f64;
    let unit = samples / levels.iter().map(|level| weight(level.0)).sum::<f64>();
    let (mut square, mut bins) = (0.0, 0.0);
    let (mut expected, mut seen) = (0.0, 0.0);
    let mut left = samples;
    for &(w, pattern) in &levels {
        expected += unit * weight(w);
        seen += counts.get(&pattern).copied().unwrap_or(0) as f64;
        // The last bin has the rest.
        if expected >= EXPECTED && left - expected >= EXPECTED {
            square += (seen - expected) * (seen - expected) / expected;
            bins += 1.0;
            left -= expected;
            (expected, seen) = (0.0, 0.0);
        }
    }
    square += (seen - expected) * (seen - expected) / expected;
    let freedom: f64 = bins;
    let spread = 2.0 / (9.0 * freedom);
    ((square / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

/// Samples groups of attempts on atoms that stand still, and compares with all arrangements that `may_be`,
/// of energies U + `more`: at the right temperature by chi-square, at another one to see that it can
/// fail. The temperature is one at which the energies matter.
fn compare(
    settings: &Settings,
    groups: (u64, u64),
    may_be: impl Fn(u32) -> bool,
    more: impl Fn(u32) -> f64,
) {
    compare_on(pair(), settings, groups, may_be, more);
}

/// The same on these twelve atoms.
fn compare_on(
    first: Vec<Atom>,
    settings: &Settings,
    (groups, size): (u64, u64),
    may_be: impl Fn(u32) -> bool,
    more: impl Fn(u32) -> f64,
) {
    const SAMPLES: u64 = 2000;
    // So few atoms are not worth a second thread.
    let threads = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
    let _pool = threads.build().unwrap();
    let potential = TwoDensities::default();
    let comm = Comm::single();
    let mut atoms = first.clone();
    let mut energies = BTreeMap::new();
    for pattern in (0..1u32 << 12).filter(|&pattern| may_be(pattern)) {
        atoms.iter_mut().for_each(|atom| atom.species = pattern >> atom.id & 1);
        let energy = evaluate(&potential, free(), &atoms).unwrap().totals.potential_energy;
        energies.insert(pattern, energy + more(pattern));
    }
    let (_, variance) = moments(&energies.values().copied().collect::<Vec<_>>());
    let right = 0.7 * variance.sqrt() / BOLTZMANN;

    let mut engine = Engine::new(&comm, &potential, free(), first, ENGINE).unwrap();
    engine.update_forces(false).unwrap();
    let mut counts = BTreeMap::new();
    let mut all = Tally::default();
    for step in 0..SAMPLES {
        let key = Key { seed: 3, step };
        let mut round = Round::begin(settings, &mut engine, &comm, (key, right));
        (0..groups).for_each(|_| round.group(size).unwrap());
        all.add(&round.end(false).unwrap().0);
        *counts.entry(pattern(&engine)).or_default() += 1;
    }
    let accepted = all.accepted as f64 / all.attempts as f64;
    assert!((0.1..0.9).contains(&accepted), "{accepted} says little");
    assert!(counts.keys().all(|pattern| energies.contains_key(pattern)));
    let excess = |temperature| excess(&counts, &energies, temperature);
    assert!(excess(right) < 3.1, "chi-square: {} standard deviations", excess(right));
    assert!(excess(3.0 * right) > 6.0, "blind: {}", excess(3.0 * right));
}

fn four(pattern: u32) -> bool {
    pattern.count_ones() == 4
}

#[test]
fn arrangements_have_the_weights_of_boltzmann_one_attempt_at_a_time() {
    compare(&canonical(1, SwapRegion::Anywhere), (12, 1), four, |_| 0.0);
}

/// Most groups have two attempts, one in each particle.
#[test]
fn and_so_they_have_where_attempts_are_decided_together() {
    compare(&canonical(1, SwapRegion::Anywhere), (12, 2), four, |_| 0.0);
}

#[test]
fn and_where_atoms_are_exchanged_within_particles() {
    let two_each = |pattern: u32| four(pattern) && (pattern & 63).count_ones() == 2;
    compare(&canonical(1, SwapRegion::WithinParticles), (10, 2), two_each, |_| 0.0);
}

/// Two clusters, each of atoms of both particles: what hangs together decides, not where atoms came from.
#[test]
fn and_where_they_are_exchanged_within_clusters() {
    let mut atoms = pair();
    atoms.iter_mut().for_each(|atom| atom.particle = atom.id as u32 % 2);
    let two_each = |pattern: u32| four(pattern) && (pattern & 63).count_ones() == 2;
    compare_on(atoms, &clustered(1, 2.3), (10, 2), two_each, |_| 0.0);
}

#[test]
fn swaps_within_clusters_have_the_same_bits_on_any_ranks() {
    // Some neighbours are farther: the rod falls into clusters, which decide.
    let settings = clustered(40, 1.65);
    let alone = rounds(1, &settings);
    assert!(alone.1.iter().any(|tally| tally.accepted > 0));
    assert_ne!(alone.0, rounds(1, &clustered(40, 2.2)).0);
    for ranks in [2, 3] {
        assert_eq!(rounds(ranks, &settings), alone, "{ranks} ranks");
    }
}

/// Numbers in each particle change, on which the number of unlike pairs depends.
#[test]
fn and_where_they_are_exchanged_between_particles() {
    compare(&canonical(1, SwapRegion::BetweenParticles), (25, 1), four, |_| 0.0);
}

#[test]
fn the_semi_grand_ensemble_has_the_weights_of_its_chemical_potentials() {
    let potential = vec![0.3, 1.0];
    let open = Ensemble::Open { potential: potential.clone(), constraint: None };
    let more = |pattern: u32| {
        let others = pattern.count_ones() as f64;
        -potential[0] * (12.0 - others) - potential[1] * others
    };
    compare(&settings(1, open), (12, 2), |_| true, more);
}

#[test]
fn the_constrained_ensemble_has_the_weights_of_its_spring() {
    let constraint = Constraint { strength: 5.0, composition: vec![0.7, 0.3] };
    let open = Ensemble::Open { potential: vec![0.0, 0.5], constraint: Some(constraint) };
    let more = |pattern: u32| {
        let others = pattern.count_ones() as f64;
        let part = others / 12.0;
        -0.5 * others + 5.0 * 12.0 / 2.0 * ((part - 0.3).powi(2) + (1.0 - part - 0.7).powi(2))
    };
    compare(&settings(1, open), (12, 2), |_| true, more);
}

/// A rod in which groups are large.
fn rod() -> (Cell, Vec<Atom>) {
    let cell = Cell::new([-0.85; 3], [68.0, 5.1, 5.1], [true; 3]);
    (cell, lattice([40, 3, 3], 0, |n| n % 3 == 0))
}

#[test]
fn attempts_on_trial_together_change_the_energy_as_each_alone() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let (cell, atoms) = rod();
    let mut engine = Engine::new(&comm, &potential, cell, atoms, ENGINE).unwrap();
    let whole = |engine: &Engine<_>| engine.atoms().force[..360].iter().map(|f| f[3]).sum::<i64>();
    engine.update_forces(false).unwrap();
    let before = whole(&engine);
    let settings = canonical(5, SwapRegion::Anywhere);
    let mut round = Round::begin(&settings, &mut engine, &comm, (Key { seed: 1, step: 1 }, 300.0));
    let attempts = round.draws.choose(&View::new(&*round.system, &comm), 4);
    assert_eq!(attempts.len(), 4);
    let together = round.put_on_trial(&attempts).unwrap().change;
    let alone: Vec<Option<i64>> = attempts
        .iter()
        .flat_map(|attempt| round.put_on_trial(std::slice::from_ref(attempt)).unwrap().change)
        .collect();
    assert_eq!(together, alone);
    round.put(&attempts, |change| change.to);
    engine.update_forces(false).unwrap();
    assert_eq!(whole(&engine) - before, together.iter().flatten().sum::<i64>());
}

/// Id, species and velocity of an atom.
type Bits = (u64, u8, [u64; 3]);

/// A round that nothing cuts short.
fn whole(settings: &Settings, system: &mut dyn System, comm: &Comm, key: (Key, f64)) -> Tally {
    round(settings, system, comm, key, false, &mut || false).unwrap().unwrap().0
}

/// All atoms in the order of their ids after some rounds, and what these came to.
fn rounds(ranks: usize, settings: &Settings) -> (Vec<Bits>, Vec<Tally>) {
    let parts = threads::run(ranks, |comm| {
        let (cell, mut atoms) = rod();
        atoms.retain(|atom| atom.id as usize * 7 % ranks == comm.rank());
        let potential = TwoDensities::default();
        let mut engine = Engine::new(comm, &potential, cell, atoms, ENGINE).unwrap();
        engine.update_forces(false).unwrap();
        let round = |step| whole(settings, &mut engine, comm, (Key { seed: 5, step }, 2000.0));
        let tallies: Vec<Tally> = (0..5).map(round).collect();
        let atoms = engine.atoms();
        let own = |i: usize| (atoms.id[i], atoms.species[i], atoms.velocity[i].map(f64::to_bits));
        ((0..atoms.owned).map(own).collect::<Vec<_>>(), tallies)
    });
    let tallies = parts[0].1.clone();
    let mut atoms: Vec<_> = parts.into_iter().flat_map(|(atoms, _)| atoms).collect();
    atoms.sort();
    (atoms, tallies)
}

#[test]
fn rounds_are_the_same_bits_on_any_ranks() {
    let open = Ensemble::Open { potential: vec![0.0, 0.5], constraint: None };
    for settings in [canonical(40, SwapRegion::Anywhere), settings(40, open)] {
        let alone = rounds(1, &settings);
        assert!(
            alone.1.iter().all(|tally| tally.attempts == 40 && tally.accepted > 0),
            "{:?}",
            alone.1
        );
        assert!(alone.1[0].evaluations < 30, "several are decided together: {:?}", alone.1);
        assert_eq!(rounds(2, &settings), alone);
        assert_eq!(rounds(3, &settings), alone);
    }
}

#[test]
fn an_exchange_keeps_momentum_and_kinetic_energy_and_a_change_the_energy_of_the_atom() {
    let (_, atoms) = rod();
    let masses = [195.08, 55.847];
    let sum = |of: &dyn Fn(usize, [f64; 3]) -> f64, all: &[Bits]| -> i128 {
        all.iter()
            .map(|(_, s, v)| {
                let mut sum = crate::fixed::ExactSum::default();
                sum.add(of(*s as usize, v.map(f64::from_bits)));
                sum.0
            })
            .sum()
    };
    let before: Vec<Bits> =
        atoms.iter().map(|a| (a.id, a.species as u8, a.velocity.map(f64::to_bits))).collect();
    let (after, tallies) = rounds(1, &canonical(40, SwapRegion::Anywhere));
    assert!(tallies.iter().any(|tally| tally.accepted > 0) && after != before);
    for d in 0..3 {
        let momentum = |s: usize, v: [f64; 3]| masses[s] * v[d];
        assert_eq!(sum(&momentum, &after), sum(&momentum, &before));
    }
    let energy = |s: usize, v: [f64; 3]| {
        0.5 * MASS_VELOCITY_SQUARED * masses[s] * v.iter().map(|x| x * x).sum::<f64>()
    };
    assert_eq!(sum(&energy, &after), sum(&energy, &before));

    let open = Ensemble::Open { potential: vec![0.0, 0.5], constraint: None };
    let (after, _) = rounds(1, &settings(40, open));
    for ((_, s, v), (_, then, u)) in after.iter().zip(&before) {
        let [now, then] =
            [(*s, v), (*then, u)].map(|(s, v)| energy(s as usize, v.map(f64::from_bits)));
        assert!((now - then).abs() <= 1e-14 * then, "{now} {then}");
    }
}

#[test]
fn cold_atoms_take_nothing_that_rises_and_hot_ones_all() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let (cell, atoms) = rod();
    let run = |temperature: f64, rounds: u64| {
        let mut engine = Engine::new(&comm, &potential, cell, atoms.clone(), ENGINE).unwrap();
        engine.update_forces(false).unwrap();
        let settings = canonical(60, SwapRegion::Anywhere);
        let tally = |step| {
            let key = (Key { seed: 2, step }, temperature);
            whole(&settings, &mut engine, &comm, key)
        };
        (0..rounds).map(tally).collect::<Vec<_>>()
    };
    let hot = run(1e12, 2);
    assert!(hot.iter().all(|tally| tally.accepted == 60), "{hot:?}");
    let cold = run(1e-6, 40);
    assert!(cold.iter().all(|tally| tally.energy <= 0.0));
    assert!(cold[0].accepted > 0 && cold[39].accepted < 5, "{cold:?}");
}

#[test]
fn a_round_asks_before_each_group_whether_to_give_up() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let (cell, atoms) = rod();
    let settings = canonical(60, SwapRegion::Anywhere);
    let asked = |last: u64| {
        let mut engine = Engine::new(&comm, &potential, cell, atoms.clone(), ENGINE).unwrap();
        engine.update_forces(false).unwrap();
        let (mut asked, key) = (0, (Key { seed: 2, step: 1 }, 300.0));
        let mut gives_up = || {
            asked += 1;
            asked > last
        };
        let made = round(&settings, &mut engine, &comm, key, false, &mut gives_up).unwrap();
        (made.map(|(tally, _)| tally.evaluations), asked)
    };
    let (evaluations, groups) = asked(u64::MAX);
    // One more for what comes of it.
    assert_eq!(evaluations, Some(groups + 1));
    assert!(groups > 3);
    assert_eq!(asked(2), (None, 3));
}

#[test]
fn a_lonely_stranger_has_one_attempt_in_a_group() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let (cell, _) = rod();
    let atoms = lattice([40, 3, 3], 0, |n| n == 17);
    let mut engine = Engine::new(&comm, &potential, cell, atoms, ENGINE).unwrap();
    engine.update_forces(false).unwrap();
    let settings = canonical(3, SwapRegion::Anywhere);
    let mut round = Round::begin(&settings, &mut engine, &comm, (Key { seed: 1, step: 1 }, 300.0));
    let view = View::new(&*round.system, &comm);
    assert_eq!(round.draws.groups(&view), [1, 1, 1]);
    assert_eq!(round.draws.choose(&view, 5).len(), 1, "no second pair without it");
}

#[test]
fn what_would_be_beyond_all_bounds_is_not_accepted_and_the_others_are_as_ever() {
    let (comm, potential) = (Comm::single(), TwoDensities::default());
    let (cell, atoms) = rod();
    let settings = canonical(60, SwapRegion::Anywhere);
    let hottest = |bound: f64| {
        let engine_settings = EngineSettings { energy_bound: bound, ..ENGINE };
        let mut engine =
            Engine::new(&comm, &potential, cell, atoms.clone(), engine_settings).unwrap();
        engine.update_forces(false).unwrap();
        let key = (Key { seed: 2, step: 1 }, 1e12);
        let tally = whole(&settings, &mut engine, &comm, key);
        let largest = (0..360).map(|i| engine.atoms().energy_of(i).abs()).fold(0.0, f64::max);
        (tally, largest)
    };
    let (all, largest) = hottest(100.0);
    assert_eq!(all.accepted, 60);
    let mut engine = Engine::new(&comm, &potential, cell, atoms.clone(), ENGINE).unwrap();
    engine.update_forces(false).unwrap();
    let first = (0..360).map(|i| engine.atoms().energy_of(i).abs()).fold(0.0, f64::max);
    assert!(largest > first, "no test: {largest} {first}");
    let bound = 0.5 * (largest + first);
    let (some, largest) = hottest(bound);
    assert!(largest <= bound && some.accepted < 60 && some.accepted > 30, "{some:?}");
}
