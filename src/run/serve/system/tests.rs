//! Frames, and what is answered, against `evaluate` to the bit, on one rank and on several.

use super::testing::expected;
use super::*;
use crate::build;
use crate::comm::threads;
use crate::force::evaluate;
use crate::geometry::on_grid;
use crate::input;
use std::path::Path;

#[test]
fn cell_vectors_count_by_their_axis_and_free_directions_need_none() {
    let slab = expected(1, [true, true, false]);
    let lengths = |vectors| slab.frame(vectors, vec![[0.0; 3]]).map(|frame| frame.lengths);
    let told = |vectors| lengths(vectors).unwrap_err().to_string();
    let [a, b, c] = [[8.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 30.0]];
    assert_eq!(lengths([a, b, c]).unwrap()[..2], [8.0, 9.0]);
    assert_eq!(lengths([b, a, c]).unwrap()[..2], [8.0, 9.0]);
    // No cell there, or an oblique one: nothing repeats.
    assert_eq!(lengths([a, b, [0.0; 3]]).unwrap()[..2], [8.0, 9.0]);
    assert_eq!(lengths([a, b, [1.0, 1.0, 30.0]]).unwrap()[..2], [8.0, 9.0]);
    let oblique = told([a, [1.0, 9.0, 0.0], c]);
    assert!(
        oblique.contains("cell vector b = (1, 9, 0) Å stands along none of x, y and z"),
        "{oblique}"
    );
    let missing = told([a, c, [0.0; 3]]);
    assert!(missing.ends_with("is periodic along y, and no vector stands along it"), "{missing}");
}

/// Sixteen atoms, which `by` moves from where they are at first, in a cell that is periodic along x and y.
fn places(by: f64, scale: f64) -> Vec<Vec3> {
    let site = |n: usize| [n & 3, (n >> 2) & 1, n >> 3].map(|k| 2.5 * k as f64);
    let shift = |n: usize, d: usize| by * ((7 * n + 3 * d) as f64).sin();
    let place = |n: usize| std::array::from_fn(|d| on_grid(scale * site(n)[d] + shift(n, d)));
    (0..16).map(place).collect()
}

fn config(folder: &Path) -> Config {
    let potential =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs/potentials/sutton-chen.toml");
    let cell = "16\nLattice=\"10 0 0 0 5 0 0 0 9\" pbc=\"T T F\" Properties=species:S:1:pos:R:3\n";
    let atom = |(n, [x, y, z]): (usize, Vec3)| {
        format!("{} {x:?} {y:?} {z:?}\n", if n % 3 == 0 { "Ag" } else { "Cu" })
    };
    let atoms: String = places(0.0, 1.0).into_iter().enumerate().map(atom).collect();
    std::fs::write(folder.join("atoms.xyz"), cell.to_string() + &atoms).unwrap();
    let text = format!(
        "[potential]\nkind = 'sutton-chen'\nfile = '{}'\nelements = ['Cu', 'Ag']\n\
         [structure]\nfile = 'atoms.xyz'\n[[tether]]\nspring_ev_per_angstrom2 = 0.5\n",
        potential.display()
    );
    std::fs::write(folder.join("in.toml"), text).unwrap();
    input::read_system(&folder.join("in.toml")).unwrap()
}

#[test]
fn answers_are_those_of_evaluate_to_the_bit_whatever_was_asked_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut free = config(folder.path());
    free.tethers.clear();
    let potential = crate::run::potential::read(&free).unwrap();
    let periodic = [true, true, false];
    let asked = [(0.0, 1.0), (0.01, 1.0), (0.3, 1.0), (0.2, 1.03125), (0.2, 1.0), (0.0, 1.0)];
    for ranks in [1, 2, 3] {
        threads::run(ranks, |comm| {
            let expected = expected(16, periodic);
            let built = build::structure(&free, comm).unwrap();
            let species: Vec<u32> =
                comm.all_gather(&built.atoms).concat().iter().map(|atom| atom.species).collect();
            let mut served = Served::begin(&free, &potential, built, false, comm).unwrap();
            for (by, scale) in asked {
                let lengths = [10.0 * scale, 5.0 * scale, 0.0];
                let vectors = [[lengths[0], 0.0, 0.0], [0.0, lengths[1], 0.0], [0.0; 3]];
                // An atom that the other program has wrapped.
                let mut wrapped = places(by, scale);
                wrapped[5][0] -= 3.0 * lengths[0];
                let frame = comm.is_root().then(|| expected.frame(vectors, wrapped).unwrap());
                let found = served.evaluate(frame.as_ref()).unwrap().unwrap();
                let atom = |(n, position): (usize, Vec3)| Atom {
                    id: n as u64,
                    position,
                    species: species[n],
                    ..Atom::zeroed()
                };
                let atoms: Vec<Atom> =
                    places(by, scale).into_iter().enumerate().map(atom).collect();
                let alone = evaluate(&potential, Cell::new([0.0; 3], lengths, periodic), &atoms);
                let alone = alone.unwrap();
                assert_eq!(found.energy, alone.totals.potential_energy);
                assert_eq!(Some(found.virial), alone.totals.virial);
                if comm.is_root() {
                    assert_eq!(found.forces, alone.forces);
                }
            }
            assert!(served.evaluate(None).unwrap().is_none());
        });
    }
}

#[test]
fn tethers_hold_to_the_structure_of_the_input_through_wraps_and_other_cells() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path());
    let potential = crate::run::potential::read(&config).unwrap();
    let comm = Comm::single();
    let built = build::structure(&config, &comm).unwrap();
    let mut served = Served::begin(&config, &potential, built, false, &comm).unwrap();
    let mut ask = |places: Vec<Vec3>, length: f64| {
        let vectors = [[length, 0.0, 0.0], [0.0, 5.0, 0.0], [0.0; 3]];
        let frame = expected(16, [true, true, false]).frame(vectors, places).unwrap();
        served.evaluate(Some(&frame)).unwrap().unwrap()
    };
    let here = ask(places(0.1, 1.0), 10.0);
    let mut wrapped = places(0.1, 1.0);
    wrapped[2][0] += 10.0;
    let there = ask(wrapped, 10.0);
    assert_eq!(there.energy, here.energy);
    assert_eq!(there.forces, here.forces);
    let other = ask(places(0.1, 1.0), 10.125);
    assert_ne!(other.energy, here.energy);
    assert_eq!(ask(places(0.1, 1.0), 10.0).energy, here.energy);
}
