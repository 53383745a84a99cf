//! Real potentials behind the engine: the same bits however atoms, ranks, threads, the skin and
//! the sizes of tiles share out the work, also after atoms have moved.

use sinter_hpc::atoms::Atom;
use sinter_hpc::build::extxyz;
use sinter_hpc::comm::threads;
use sinter_hpc::force::{Engine, Settings, System};
use sinter_hpc::geometry::{Cell, on_grid};
use sinter_hpc::input::PotentialConfig;
use sinter_hpc::potential::meam::Meam;
use sinter_hpc::potential::{ForceField, Potential};
use sinter_hpc::sweep::{Measures, Schedule};
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

/// How the work is shared out, which must not matter.
#[derive(Debug, Clone, Copy)]
struct Sharing {
    ranks: usize,
    workers: usize,
    /// Å
    skin: f64,
    measures: Measures,
}

/// As a run has it.
fn by_default(ranks: usize, workers: usize, skin: f64) -> Sharing {
    Sharing { ranks, workers, skin, measures: Measures::default() }
}

fn evaluate<P: Potential>(
    potential: &P,
    (cell, atoms): &(Cell, Vec<Atom>),
    sharing: Sharing,
) -> Bits {
    evaluate_seeing(potential, (*cell, atoms), sharing, |_| ())
}

/// The same; `see` is shown how each rank has cut its work.
fn evaluate_seeing<P: Potential>(
    potential: &P,
    (cell, atoms): (Cell, &[Atom]),
    sharing: Sharing,
    see: impl Fn(&Schedule) + Sync,
) -> Bits {
    let Sharing { ranks, workers, skin, measures } = sharing;
    let parts = threads::run(ranks, |comm| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers).use_current_thread();
        let _pool = pool.build().unwrap();
        let mine: Vec<Atom> =
            atoms.iter().filter(|a| a.id as usize % ranks == comm.rank()).copied().collect();
        let settings = Settings { skin, energy_bound: 100.0 };
        let mut engine = Engine::new(comm, potential, cell, mine, settings).unwrap();
        engine.set_measures(measures);
        let mut evaluations = Vec::new();
        for _ in 0..3 {
            let totals = engine.update_forces(true).unwrap();
            see(engine.schedule());
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
    let sample = sample(&potential, name);
    let alone = evaluate(&potential, &sample, by_default(1, 1, 1.0));
    for (ranks, workers, skin) in
        [(1, 2, 1.0), (1, 4, 0.2), (2, 1, 1.0), (3, 2, 0.5), (8, 1, 1.3), (64, 1, 0.6)]
    {
        let sharing = by_default(ranks, workers, skin);
        assert!(evaluate(&potential, &sample, sharing) == alone, "{sharing:?}");
    }
}

/// All atoms of a rank at once, phase by phase.
const PLAIN: Measures = Measures {
    slab_atoms: usize::MAX,
    column_atoms: usize::MAX,
    column_parts: usize::MAX,
    part_atoms: usize::MAX,
    band_slabs: usize::MAX,
};

/// What millions of atoms are cut into, of some thousands: columns, which end with bands.
const NARROW: Measures =
    Measures { slab_atoms: 20, column_atoms: 120, column_parts: 3, part_atoms: 30, band_slabs: 3 };

/// Slabs alone, of which one thread has the words of a few at a time.
const SLABS: Measures = Measures { slab_atoms: 20, ..PLAIN };

/// A plate of an fcc alloy, thermally displaced: 5,808 atoms, a dozen slabs and rows wide.
fn plate(species: u32, spacing: f64, periodic: bool) -> (Cell, Vec<Atom>) {
    const CELLS: [usize; 3] = [22, 22, 3];
    const SITES: [[f64; 3]; 4] = [[0.0; 3], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]];
    let number = |n: usize, k: usize| ((n * 4 + k) as f64 * 0.618_033_988_75).fract();
    let atom = |n: usize| {
        let place = [n / 4 % CELLS[0], n / 4 / CELLS[0] % CELLS[1], n / 4 / CELLS[0] / CELLS[1]];
        let at = |d: usize| spacing * (place[d] as f64 + SITES[n % 4][d]) + 0.3 * number(n, d);
        Atom {
            id: n as u64,
            position: std::array::from_fn(|d| on_grid(at(d))),
            velocity: [0.0; 3],
            image: [0; 3],
            particle: 0,
            species: (number(n, 3) * species as f64) as u32,
            padding: 0,
        }
    };
    let length = CELLS.map(|n| on_grid(spacing * n as f64));
    let atoms = (0..4 * CELLS.iter().product::<usize>()).map(atom).collect();
    (Cell::new([0.0; 3], length, [periodic, periodic, false]), atoms)
}

/// Free and periodic, with one thread and more, on one rank and more.
fn assert_cuts_do_not_matter<P: Potential>(potential: &P, spacing: f64) {
    let species = potential.species().len() as u32;
    for periodic in [false, true] {
        let (cell, atoms) = plate(species, spacing, periodic);
        let with = |ranks, workers, measures| Sharing { ranks, workers, skin: 1.0, measures };
        let plain = with(1, 1, PLAIN);
        let expected = evaluate_seeing(potential, (cell, &atoms), plain, |cut| {
            assert_eq!(cut.tiles.len(), 1);
        });
        let has_columns = |cut: &Schedule| {
            assert!(cut.tiles.len() > 30, "{}", cut.tiles.len());
            assert!(cut.tiles.iter().any(|tile| tile.leads_on), "no columns");
        };
        let has_ring = |cut: &Schedule| {
            let places = cut.ring.places(atoms.len());
            assert!(periodic || places < atoms.len(), "no room is used twice: {places}");
        };
        for (sharing, see) in [
            (with(1, 1, NARROW), &has_columns as &(dyn Fn(&Schedule) + Sync)),
            (with(1, 2, NARROW), &has_columns),
            (with(1, 3, NARROW), &|_| ()),
            (with(2, 2, NARROW), &|_| ()),
            (with(1, 1, SLABS), &has_ring),
            (with(3, 1, SLABS), &|_| ()),
        ] {
            let found = evaluate_seeing(potential, (cell, &atoms), sharing, see);
            assert!(found == expected, "periodic: {periodic}, {sharing:?}");
        }
    }
}

#[test]
fn columns_bands_and_rings_give_the_bits_of_meam_phase_by_phase() {
    assert_cuts_do_not_matter(&iron_platinum(), 3.9);
}

#[test]
fn columns_bands_and_rings_give_the_bits_of_tables_phase_by_phase() {
    let file = home("tests/reference/embedded/tables.eam.alloy");
    let table = format!("kind = \"eam/alloy\"\nfile = {file:?}\nelements = [\"Cu\", \"Ag\"]\n");
    let table: PotentialConfig = toml::from_str(&table).unwrap();
    let potential = ForceField::read(&[&table]).unwrap_or_else(|(_, error)| panic!("{error}"));
    assert_cuts_do_not_matter(&potential, 3.9);
}

#[test]
fn a_hot_pair_of_particles_has_the_same_bits_however_it_is_shared() {
    assert_same_bits("pair_hot");
}

#[test]
fn a_liquid_in_a_periodic_box_has_the_same_bits_however_it_is_shared() {
    assert_same_bits("liquid");
}
