//! The MEAM potential behind the engine: the same bits however atoms, ranks,
//! threads and the skin share out the work, also after atoms have moved.

use sinter_hpc::atoms::Atom;
use sinter_hpc::build::extxyz;
use sinter_hpc::comm::threads;
use sinter_hpc::force::{Engine, Settings, System};
use sinter_hpc::geometry::{Cell, on_grid};
use sinter_hpc::potential::Potential;
use sinter_hpc::potential::meam::Meam;
use std::path::{Path, PathBuf};

fn home(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn iron_platinum() -> Meam {
    Meam::from_files(
        &home("inputs/potentials/PtFe.library.meam"),
        Some(&home("inputs/potentials/PtFe.meam")),
        &["Pt".into(), "Fe".into()],
    )
    .unwrap()
}

/// The last frame of a reference file.
fn sample(potential: &Meam, name: &str) -> (Cell, Vec<Atom>) {
    let path = home(&format!("tests/reference/{name}.xyz"));
    let frame = extxyz::open(&path).unwrap().last().unwrap().unwrap();
    let number = |symbol: &String| potential.species().iter().position(|s| s.symbol == *symbol);
    let atom = |i: usize| Atom {
        id: i as u64,
        position: frame.positions[i].map(on_grid),
        velocity: [0.0; 3],
        image: [0; 3],
        particle: 0,
        species: number(&frame.species[i]).unwrap() as u32,
        padding: 0,
    };
    let lattice = frame.lattice.unwrap();
    let length = std::array::from_fn(|d| lattice[d][d]);
    (Cell::new(frame.origin, length, frame.periodic), (0..frame.len()).map(atom).collect())
}

/// Forces by id and totals, in bits, before and after each of some displacements.
type Bits = Vec<(Vec<[i64; 4]>, u64, [u64; 6])>;

fn evaluate(potential: &Meam, name: &str, ranks: usize, workers: usize, skin: f64) -> Bits {
    let (cell, atoms) = sample(potential, name);
    let parts = threads::run(ranks, |comm| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).use_current_thread();
        let _pool = pool.build().unwrap();
        let mine: Vec<Atom> =
            atoms.iter().filter(|a| a.id as usize % ranks == comm.rank()).copied().collect();
        let settings = Settings { skin, energy_bound: 100.0 };
        let mut engine = Engine::new(comm, potential, cell, mine, settings).unwrap();
        let mut evaluations = Vec::new();
        for _ in 0..3 {
            let totals = engine.update_forces(true).unwrap();
            let held = engine.atoms();
            let forces: Vec<(u64, [i64; 4])> =
                (0..held.owned).map(|i| (held.id[i], held.force[i])).collect();
            let virial = totals.virial.unwrap().map(f64::to_bits);
            evaluations.push((forces, totals.potential_energy.to_bits(), virial));
            // Downhill, a few hundredths of an Å; some cross into other regions.
            let held = engine.atoms_mut();
            for i in 0..held.owned {
                let force = held.force_on(i);
                for (x, f) in held.position[i].iter_mut().zip(force) {
                    *x += on_grid((0.02 * f).clamp(-0.2, 0.2));
                }
            }
        }
        evaluations
    });
    (0..3)
        .map(|k| {
            let mut forces: Vec<_> = parts.iter().flat_map(|p| p[k].0.iter().copied()).collect();
            forces.sort_unstable();
            assert!(parts.iter().all(|p| (p[k].1, p[k].2) == (parts[0][k].1, parts[0][k].2)));
            (forces.into_iter().map(|(_, f)| f).collect(), parts[0][k].1, parts[0][k].2)
        })
        .collect()
}

fn assert_same_bits(name: &str) {
    let potential = iron_platinum();
    let alone = evaluate(&potential, name, 1, 1, 1.0);
    for (ranks, workers, skin) in
        [(1, 2, 1.0), (1, 4, 0.2), (2, 1, 1.0), (3, 2, 0.5), (8, 1, 1.3), (64, 1, 0.6)]
    {
        let shared = evaluate(&potential, name, ranks, workers, skin);
        assert!(shared == alone, "{ranks} ranks, {workers} threads, skin {skin} Å");
    }
}

#[test]
fn a_hot_pair_of_particles_has_the_same_bits_however_it_is_shared() {
    assert_same_bits("pair_hot");
}

#[test]
fn a_liquid_in_a_periodic_box_has_the_same_bits_however_it_is_shared() {
    assert_same_bits("liquid");
}
