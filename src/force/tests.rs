//! Laws of the engine, with a small potential that uses every phase: bits that
//! depend on nothing but the input, agreement with plain sums over all images,
//! and failures that name the atom.

use super::two_densities::{RANGE, TwoDensities, charge, density, pair_energy, weight};
use super::{Engine, Settings, Statistics, System, Totals, evaluate};
use crate::atoms::Atom;
use crate::clock::Phase;
use crate::comm::threads;
use crate::geometry::{Cell, Vec3, norm, on_grid};
use crate::sweep::Measures;
use crate::units::FORCE_PER_MASS;
use bytemuck::Zeroable;

mod balance;
mod virials;

const SETTINGS: Settings = Settings { skin: 0.6, energy_bound: 100.0 };

/// Tiles for few atoms.
const TILES: Measures = Measures {
    slab_atoms: 20,
    column_atoms: 4000,
    column_parts: 12,
    part_atoms: 300,
    band_slabs: 24,
};

/// Numbers from -1 to 1 (a Weyl sequence hashed as in splitmix64).
fn noise(n: u64) -> f64 {
    let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (z >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[derive(Clone)]
struct Sample {
    cell: Cell,
    atoms: Vec<Atom>,
}

/// A rattled simple cubic crystal of `size` atoms, 1.7 Å apart, that moves.
fn sample(size: [usize; 3], periodic: [bool; 3]) -> Sample {
    const APART: f64 = 1.7;
    let mut atoms = Vec::new();
    for n in 0..size.iter().product() {
        let site = [n % size[0], n / size[0] % size[1], n / size[0] / size[1]];
        let id = n as u64;
        atoms.push(Atom {
            id,
            position: std::array::from_fn(|d| {
                on_grid(APART * site[d] as f64 + 0.2 * noise(8 * id + d as u64))
            }),
            velocity: std::array::from_fn(|d| 12.0 * noise(8 * id + 3 + d as u64)),
            species: (n % 3 == 0) as u32,
            ..Atom::zeroed()
        });
    }
    let cell = Cell::new([-0.3; 3], size.map(|n| n as f64 * APART), periodic);
    Sample { cell, atoms }
}

/// How the work is shared out, which must not matter.
#[derive(Debug, Clone, Copy)]
struct Sharing {
    ranks: usize,
    threads: usize,
    skin: f64,
    /// Of the order and the first ranks of atoms.
    shuffle: u64,
}

const ALONE: Sharing = Sharing { ranks: 1, threads: 1, skin: 0.6, shuffle: 0 };

/// Everything that the trajectory is, in bits: for each id unwrapped position and
/// forces, and the totals of each step.
#[derive(Debug, PartialEq, Clone, Default)]
struct Trajectory {
    atoms: Vec<(u64, [u64; 3], [i64; 4])>,
    totals: Vec<Vec<u64>>,
    rebuilds: u64,
    divisions: u64,
    /// As of the last lists, and how bad it was at the worst.
    imbalance: [f64; 2],
}

fn bits(totals: &Totals) -> Vec<u64> {
    let virial = totals.virial.into_iter().flatten();
    [totals.potential_energy].into_iter().chain(virial).map(f64::to_bits).collect()
}

/// Velocity Verlet.
fn run(sample: &Sample, sharing: Sharing, steps: usize) -> Trajectory {
    const TIME_STEP: f64 = 0.004;
    let Sharing { ranks, threads, skin, shuffle } = sharing;
    let parts = threads::run(ranks, |comm| {
        let mut builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        builder = builder.use_current_thread();
        let _pool = builder.build().unwrap();
        let mut list = sample.atoms.clone();
        list.sort_by_key(|a| (noise(a.id ^ shuffle) * 1e9) as i64);
        list.retain(|a| (noise(a.id ^ (shuffle + 1)).abs() * ranks as f64) as usize == comm.rank());
        let potential = TwoDensities::default();
        let settings = Settings { skin, ..SETTINGS };
        let mut engine = Engine::new(comm, &potential, sample.cell, list, settings).unwrap();
        engine.set_measures(TILES);
        let mut totals = vec![bits(&engine.update_forces(true).unwrap())];
        let mut worst = 1.0f64;
        for step in 0..steps {
            kick(&mut engine, 0.5 * TIME_STEP);
            let atoms = engine.atoms_mut();
            for (x, v) in atoms.position[..atoms.owned].iter_mut().zip(&atoms.velocity) {
                for d in 0..3 {
                    x[d] = on_grid(x[d] + v[d] * TIME_STEP);
                }
            }
            totals.push(bits(&engine.update_forces(step % 2 == 0).unwrap()));
            worst = worst.max(engine.statistics().imbalance);
            kick(&mut engine, 0.5 * TIME_STEP);
        }
        let (atoms, cell) = (engine.atoms(), engine.cell());
        let state = |i: usize| {
            let x = cell.unwrap(&atoms.position[i], &atoms.image[i]);
            (atoms.id[i], x.map(f64::to_bits), atoms.force[i])
        };
        let atoms = (0..atoms.owned).map(state).collect();
        let Statistics { rebuilds, divisions, imbalance, .. } = *engine.statistics();
        Trajectory { atoms, totals, rebuilds, divisions, imbalance: [imbalance, worst] }
    });
    let mut whole = parts[0].clone();
    assert!(parts.iter().all(|p| p.totals == whole.totals), "totals are those of all ranks");
    whole.atoms = parts.into_iter().flat_map(|p| p.atoms).collect();
    whole.atoms.sort_by_key(|(id, ..)| *id);
    whole
}

fn kick(system: &mut dyn System, time: f64) {
    let masses = system.masses().to_vec();
    let atoms = system.atoms_mut();
    for i in 0..atoms.owned {
        let f = atoms.force_on(i);
        for (v, f) in atoms.velocity[i].iter_mut().zip(f) {
            *v += f * FORCE_PER_MASS / masses[atoms.species[i] as usize] * time;
        }
    }
}

/// The same bits whatever the sharing.
fn assert_same_bits(sample: &Sample, steps: usize, sharings: &[Sharing]) {
    let reference = run(sample, ALONE, steps);
    assert_eq!(reference.atoms.len(), sample.atoms.len());
    for sharing in sharings {
        let other = run(sample, *sharing, steps);
        assert_eq!(other.totals, reference.totals, "{sharing:?}");
        assert_eq!(other.atoms, reference.atoms, "{sharing:?}");
    }
}

const SHARINGS: [Sharing; 8] = [
    Sharing { ranks: 1, threads: 2, skin: 0.6, shuffle: 1 },
    Sharing { ranks: 1, threads: 4, skin: 0.0, shuffle: 2 },
    Sharing { ranks: 2, threads: 1, skin: 0.3, shuffle: 3 },
    Sharing { ranks: 3, threads: 2, skin: 0.9, shuffle: 4 },
    Sharing { ranks: 8, threads: 1, skin: 0.6, shuffle: 5 },
    Sharing { ranks: 8, threads: 4, skin: 2.5, shuffle: 6 },
    Sharing { ranks: 13, threads: 1, skin: 0.6, shuffle: 7 },
    Sharing { ranks: 64, threads: 1, skin: 0.4, shuffle: 8 },
];

#[test]
fn trajectory_does_not_depend_on_how_it_is_shared_in_vacuum() {
    let sample = sample([6, 5, 9], [false; 3]);
    assert!(run(&sample, ALONE, 12).rebuilds > 2, "the run must rebuild and migrate");
    assert_same_bits(&sample, 12, &SHARINGS);
}

#[test]
fn trajectory_does_not_depend_on_how_it_is_shared_in_a_periodic_box() {
    assert_same_bits(&sample([6, 4, 7], [true; 3]), 12, &SHARINGS);
}

#[test]
fn trajectory_does_not_depend_on_how_it_is_shared_in_a_slab_thinner_than_the_shell() {
    assert_same_bits(&sample([8, 1, 9], [true, true, false]), 12, &SHARINGS);
}

#[test]
fn trajectory_does_not_depend_on_how_it_is_shared_in_a_beam_of_many_tiles() {
    for periodic in [[false; 3], [true, false, false]] {
        assert_same_bits(&sample([70, 3, 3], periodic), 6, &SHARINGS[..5]);
    }
}

#[test]
fn ghosts_that_no_atom_has_in_reach_are_of_no_consequence() {
    // Two ranks: an L, and a line that comes close to its empty corner.
    let upright = (0..13).map(|n| [0.0, 1.7 * (n % 8) as f64, 1.7 * (n / 8) as f64]);
    let foot = (1..4).map(|n| [1.7 * n as f64, 0.0, 0.0]);
    let line = (0..16).map(|n| [6.5 + 1.7 * n as f64, 11.9, 0.0]);
    let atom = |(id, position): (u64, [f64; 3])| Atom { id, position, ..Atom::zeroed() };
    let atoms: Vec<Atom> = (0..).zip(upright.chain(foot).chain(line)).map(atom).collect();
    let sample = Sample { cell: Cell::new([0.0; 3], [40.0; 3], [false; 3]), atoms };
    assert_same_bits(&sample, 2, &[Sharing { ranks: 2, ..ALONE }]);
}

#[test]
fn boxes_of_one_and_two_atoms_hold_on_many_ranks() {
    assert_same_bits(&sample([1, 1, 1], [true; 3]), 4, &SHARINGS);
    assert_same_bits(&sample([2, 1, 1], [true; 3]), 4, &SHARINGS);
    assert_same_bits(&sample([2, 1, 1], [false; 3]), 4, &SHARINGS);
}

/// Energy by plain sums over all atoms and images.
fn plain_energy(sample: &Sample) -> f64 {
    let images = |d: usize| {
        let most = (RANGE / sample.cell.length[d]).ceil() as i64 + 1;
        if sample.cell.periodic[d] { -most..=most } else { 0..=0 }
    };
    let mut energy = 0.0;
    for a in &sample.atoms {
        let (mut rho, mut sigma, mut pairs) = (0.0, 0.0, 0.0);
        for b in &sample.atoms {
            for x in images(0) {
                for y in images(1) {
                    for z in images(2) {
                        let n = [x, y, z];
                        let d: Vec3 = std::array::from_fn(|k| {
                            b.position[k] - a.position[k] + n[k] as f64 * sample.cell.length[k]
                        });
                        let r = norm(d);
                        if r < RANGE && r > 0.0 {
                            rho += weight(r);
                            sigma += charge(b.species as u8) * weight(r) * weight(r);
                            pairs += 0.5 * pair_energy(r);
                        }
                    }
                }
            }
        }
        energy += density(rho, sigma) + pairs;
    }
    energy
}

/// Rounding to quanta of 2⁻⁴⁰, a few for each pair.
const ENERGY_TOLERANCE: f64 = 1e-8;
/// Central differences over 1e-4 Å of a function with third derivatives near 10 eV/Å³.
const FORCE_TOLERANCE: f64 = 1e-5;

#[test]
fn forces_and_virial_are_derivatives_of_the_plain_energy() {
    for (size, periodic) in [
        ([1, 1, 1], [true; 3]),
        ([2, 1, 1], [true, false, true]),
        ([3, 2, 1], [true; 3]),
        ([4, 4, 4], [false; 3]),
        ([5, 2, 3], [false, true, true]),
    ] {
        let sample = sample(size, periodic);
        let found = evaluate(&TwoDensities::default(), sample.cell, &sample.atoms).unwrap();
        let energy = found.totals.potential_energy;
        assert!((energy - plain_energy(&sample)).abs() < ENERGY_TOLERANCE, "{size:?}");
        let sum: f64 = found.energies.iter().sum();
        assert!((energy - sum).abs() < ENERGY_TOLERANCE);
        for (i, d) in [(0, 0), (sample.atoms.len() / 2, 1), (sample.atoms.len() - 1, 2)] {
            let moved = |by: f64| {
                let mut sample = sample.clone();
                sample.atoms[i].position[d] += by;
                plain_energy(&sample)
            };
            let slope = (moved(1e-4) - moved(-1e-4)) / 2e-4;
            assert!((slope + found.forces[i][d]).abs() < FORCE_TOLERANCE, "{size:?}");
        }
        let strained = |d: usize, by: f64| {
            let mut sample = sample.clone();
            sample.cell.length[d] *= 1.0 + by;
            sample.atoms.iter_mut().for_each(|a| a.position[d] *= 1.0 + by);
            plain_energy(&sample)
        };
        let volume_scale = sample.atoms.len() as f64;
        for d in 0..3 {
            let slope = (strained(d, 1e-5) - strained(d, -1e-5)) / 2e-5;
            let error = slope + found.totals.virial.unwrap()[d];
            assert!(error.abs() < FORCE_TOLERANCE * volume_scale * 10.0, "{size:?}: {error}");
        }
    }
}

/// Runs on each rank until `update_forces` fails after `spoil`; what the ranks say.
fn failure(ranks: usize, spoil: impl Fn(&mut Engine<TwoDensities>) + Sync) -> String {
    let sample = sample([5, 4, 4], [false; 3]);
    let said = threads::run(ranks, |comm| {
        let potential = TwoDensities::default();
        let list = if comm.is_root() { sample.atoms.clone() } else { Vec::new() };
        let mut engine = Engine::new(comm, &potential, sample.cell, list, SETTINGS).unwrap();
        engine.update_forces(false).unwrap();
        engine.set_step(17);
        spoil(&mut engine);
        engine.update_forces(false).unwrap_err().to_string()
    });
    assert!(said.iter().all(|s| *s == said[0]), "all ranks say the same: {said:?}");
    said[0].clone()
}

/// Applies `change` to owned atom 42, on the rank that has it.
fn on_atom_42(engine: &mut Engine<TwoDensities>, change: impl Fn(&mut [f64; 4])) {
    let atoms = engine.atoms_mut();
    if let Some(i) = (0..atoms.owned).find(|&i| atoms.id[i] == 42) {
        change(&mut atoms.position[i]);
    }
}

#[test]
fn a_position_that_is_no_number_or_too_far_ends_the_run_with_step_and_atom() {
    for ranks in [1, 3] {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let said = failure(ranks, |engine| on_atom_42(engine, |p| p[1] = bad));
            assert!(said.starts_with("step 17, atom 42: the position of this atom is ("), "{said}");
        }
        let said = failure(ranks, |engine| on_atom_42(engine, |p| p[2] = -140_000.0));
        assert!(said.starts_with("step 17, atom 42: this atom is at ("), "{said}");
        assert!(said.contains("beyond the end of coordinates at 131072 Å"), "{said}");
    }
}

#[test]
fn a_lost_atom_and_a_doubled_atom_are_named() {
    for ranks in [1, 3] {
        let said = failure(ranks, |engine| {
            // Some move far, so that there is a rebuild.
            on_atom_42(engine, |p| p[0] += 5.0);
            let atoms = engine.atoms_mut();
            if let Some(i) = (0..atoms.owned).find(|&i| atoms.id[i] == 42) {
                atoms.drop_ghosts();
                atoms.move_owned(atoms.owned - 1, i);
                atoms.truncate_owned(atoms.owned - 1);
            }
        });
        let expected = "step 17, atom 42: this atom was lost (80 atoms at the beginning, 79 now)";
        assert_eq!(said, expected);
        let said = failure(ranks, |engine| {
            on_atom_42(engine, |p| p[0] += 5.0);
            let atoms = engine.atoms_mut();
            if let Some(i) = (0..atoms.owned).find(|&i| atoms.id[i] == 42) {
                atoms.id[i] = 43;
            }
        });
        let expected =
            "step 17, atom 43: this atom is on the ranks twice (80 atoms at the beginning, 80 now)";
        assert_eq!(said, expected);
    }
}

#[test]
fn an_energy_out_of_bounds_and_an_infinite_force_end_the_run_on_all_ranks() {
    for ranks in [1, 3] {
        // Atoms 41 and 42 in one place: r = 0.
        let said = failure(ranks, |engine| {
            let atoms = engine.atoms_mut();
            for (id, position) in atoms.id.iter().zip(&mut atoms.position) {
                if [41, 42].contains(id) {
                    *position = [1.0, 1.0, 1.0, 0.0];
                }
            }
        });
        assert!(said.starts_with("step 17, atom 4"), "{said}");
        assert!(said.contains("a force of NaN eV/Å"), "{said}");
    }
    let sample = sample([3, 3, 3], [false; 3]);
    let settings = Settings { energy_bound: 1e-3, ..SETTINGS };
    for ranks in [1, 2] {
        threads::run(ranks, |comm| {
            let potential = TwoDensities::default();
            let list = if comm.is_root() { sample.atoms.clone() } else { Vec::new() };
            let mut engine = Engine::new(comm, &potential, sample.cell, list, settings).unwrap();
            let said = engine.update_forces(false).unwrap_err().to_string();
            assert!(said.contains("beyond the bound of 0.001 eV"), "{said}");
        });
    }
}

#[test]
fn atoms_that_fly_apart_are_kept_and_the_free_cell_encloses_them() {
    let mut sample = sample([3, 3, 3], [false; 3]);
    sample.atoms.iter_mut().for_each(|a| a.velocity = a.velocity.map(|v| 3e4 * v));
    for ranks in [1, 5] {
        let sharing = Sharing { ranks, ..ALONE };
        assert_eq!(run(&sample, sharing, 10).atoms.len(), 27);
    }
    assert_same_bits(&sample, 10, &SHARINGS[3..5]);
}

#[test]
fn large_forces_are_evaluated_in_a_coarser_quantum() {
    let mut sample = sample([2, 1, 1], [false; 3]);
    let mut potential = TwoDensities::default();
    potential.strength = 1e5;
    sample.atoms[1].position = [0.5, 0.0, 0.0];
    sample.atoms[0].position = [0.0; 3];
    let found = evaluate(&potential, sample.cell, &sample.atoms).unwrap();
    assert!(found.forces[0][0] < -1e4, "{:?}", found.forces);
    assert_eq!(found.forces[0][0], -found.forces[1][0]);
}

#[test]
fn statistics_count_atoms_ghosts_and_balance() {
    let sample = sample([12, 6, 6], [false; 3]);
    let all = threads::run(6, |comm| {
        let potential = TwoDensities::default();
        let list = if comm.is_root() { sample.atoms.clone() } else { Vec::new() };
        let engine = Engine::new(comm, &potential, sample.cell, list, SETTINGS).unwrap();
        let ghosts = engine.comm().sum((engine.atoms().len() - engine.atoms().owned) as i64);
        assert_eq!(engine.statistics().ghosts, ghosts as u64);
        *engine.statistics()
    });
    assert!(all.iter().all(|s| s.atoms == 432 && s.neighbours % 2 == 0));
    // 72 atoms a rank: one atom more is 1.4 % more, and atoms come in planes.
    assert!(all[0].imbalance < 1.25, "{:?}", all[0]);
}

#[test]
fn clock_and_count_of_lists_go_on_with_other_atoms() {
    let sample = sample([6, 6, 6], [false; 3]);
    let counts = threads::run(2, |comm| {
        let list = if comm.is_root() { sample.atoms.clone() } else { Vec::new() };
        let potential = TwoDensities::default();
        let mut engine =
            Engine::new(comm, &potential, sample.cell, list.clone(), SETTINGS).unwrap();
        engine.clock().enter(Phase::Observe);
        let first = engine.statistics().rebuilds;
        let mut other = engine.restarted(sample.cell, list).unwrap();
        (first, other.statistics().rebuilds, other.clock().seconds()[Phase::Observe as usize])
    });
    for (first, second, observed) in counts {
        assert_eq!(second, 2 * first);
        assert!(observed > 0.0);
    }
}
