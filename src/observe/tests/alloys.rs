//! Order of alloys, and layers below surfaces.

use super::*;
use crate::random::{Purpose, Stream};

const ORDER: &str = "/sinter/order";
const LAYERS: &str = "/sinter/layers";

/// Which of the four simple cubic sublattices a site is on.
fn sublattice(site: Vec3) -> usize {
    let odd = site.map(|x| (2.0 * x / LATTICE_CONSTANT).round() as i64 & 1);
    (odd[0] + 2 * odd[1]) as usize
}

/// A ball in which each sublattice has species 1 with a probability of its own.
fn ball(radius: f64, shares: [f64; 4]) -> (Vec<Vec3>, Vec<Atom>) {
    let places = sphere(radius);
    let mut atoms = atoms_of(std::slice::from_ref(&places));
    let mut draws = Stream::new(7, Purpose::Test, 0, 0);
    for (atom, place) in atoms.iter_mut().zip(&places) {
        atom.species = (draws.uniform() < shares[sublattice(*place)]) as u32;
    }
    (places, atoms)
}

/// What stands around atoms moved at random by up to so much, Å.
fn shaken(atoms: &[Atom], by: f64) -> Vec<Atom> {
    let mut draws = Stream::new(11, Purpose::Test, 0, 0);
    let mut move_one = |x: f64| on_grid(x + by * (2.0 * draws.uniform() - 1.0));
    atoms.iter().map(|a| Atom { position: a.position.map(&mut move_one), ..*a }).collect()
}

fn close_up(atoms: &[Atom], ranks: usize, layers: bool) -> Record {
    let cell = free_box();
    let records = threads::run(ranks, |comm| {
        let mut observers = Observers::new(CUTOFF, cell.periodic);
        let (shared, routes) = share_by_routes(atoms, &cell, comm);
        of_any_lists(&mut observers, &shared, |observers, neighbours| {
            let mut now = snapshot(&shared, neighbours, &cell, comm);
            now.settings.layers = layers;
            observers.close_up(now, &routes).record
        })
    });
    let one = format!("{:?}", records[0]);
    assert!(records.iter().all(|record| format!("{record:?}") == one));
    records.into_iter().next().unwrap()
}

/// Perfect, half ordered and random, upright and turned, still and hot: occupations of the
/// sublattices are those that were made, and order follows from them.
#[test]
fn sublattices_are_found_however_a_particle_lies() {
    let l1_2 = [1.0, 0.0, 0.0, 0.0];
    let inverse = [0.0, 1.0, 1.0, 1.0];
    let l1_0 = [1.0, 1.0, 0.0, 0.0];
    let half = [0.7, 0.1, 0.1, 0.1];
    let random = [0.25; 4];
    for (shares, wanted, tolerance) in [
        (l1_2, [1.0, 0.0], 1e-12),
        (inverse, [-1.0, 0.0], 1e-12),
        (l1_0, [0.0, 1.0], 1e-12),
        (half, [0.6, 0.0], 0.06),
        (random, [0.0, 0.0], 0.06),
    ] {
        let (places, made) = ball(20.0, shares);
        let full = |i: usize| {
            let near = places.iter().filter(|y| norm(crate::geometry::sub(**y, places[i])) < 2.8);
            near.count() == 13
        };
        let mut counts = [[0i64; 2]; 4];
        for i in (0..places.len()).filter(|&i| full(i)) {
            counts[sublattice(places[i])][made[i].species as usize] += 1;
        }
        counts.sort();
        let upright = close_up(&made, 1, false);
        let lying = turned(&made, 1.1, [3.0, -5.0, 40.0]);
        for record in
            [&upright, &close_up(&lying, 1, false), &close_up(&shaken(&lying, 0.1), 3, false)]
        {
            let found = reals(record, ORDER, "sublattices");
            let mut found: Vec<[i64; 2]> =
                found.chunks_exact(2).map(|c| [c[0] as i64, c[1] as i64]).collect();
            found.sort();
            assert_eq!(found, counts);
            let [pt, fe] = reals(record, ORDER, "l1_2")[..] else { panic!() };
            assert!(close(pt, -fe, 1e-12));
            assert!(close(fe, wanted[0], tolerance), "{shares:?}: {fe}");
            let [pt, fe] = reals(record, ORDER, "l1_0")[..] else { panic!() };
            assert!(close(pt, fe, 1e-12));
            assert!(close(fe, wanted[1], tolerance), "{shares:?}: {fe}");
        }
    }
}

/// The pairs counted the long way; of perfect order in the bulk -1/3 and 1.
#[test]
fn unlike_neighbours_are_counted_by_shell() {
    let cell = Cell::new([0.0; 3], [on_grid(4.0 * LATTICE_CONSTANT); 3], [true; 3]);
    let inside = |x: &f64| (-1e-6..4.0 * LATTICE_CONSTANT - 1e-6).contains(x);
    let places = sites(8.0 * LATTICE_CONSTANT, |x| x.iter().all(inside));
    let mut draws = Stream::new(3, Purpose::Test, 0, 0);
    let mut of = |shares: [f64; 4]| -> Vec<f64> {
        let mut atoms = atoms_of(std::slice::from_ref(&places));
        for (atom, place) in atoms.iter_mut().zip(&places) {
            atom.species = (draws.uniform() < shares[sublattice(*place)]) as u32;
        }
        let mut observers = Observers::new(CUTOFF, cell.periodic);
        let record = closely(&mut observers, &atoms, &cell, &Comm::single()).1.record;
        let found = reals(&record, ORDER, "warren_cowley");
        let share = atoms.iter().filter(|a| a.species == 1).count() as f64 / atoms.len() as f64;
        for (shell, [from, to]) in [[2.5, 3.0], [3.7, 4.1]].into_iter().enumerate() {
            let (mut all, mut unlike) = (0.0, 0.0);
            for a in atoms.iter().filter(|a| a.species == 0) {
                for b in &atoms {
                    let apart = cell.distance(&a.position, &b.position);
                    if apart > from && apart < to {
                        all += 1.0;
                        unlike += b.species as f64;
                    }
                }
            }
            assert!(close(found[shell], 1.0 - unlike / all / share, 1e-12), "{shell}: {found:?}");
        }
        found
    };
    for perfect in [[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0]] {
        let found = of(perfect);
        assert!(close(found[0], -1.0 / 3.0, 1e-12) && close(found[1], 1.0, 1e-12), "{found:?}");
    }
    let random = of([0.3; 4]);
    assert!(random.iter().all(|alpha| alpha.abs() < 0.1), "{random:?}");
}

/// A particle without crystals has no lattice, and one species has no order.
#[test]
fn what_has_no_lattice_has_no_order() {
    let mut atoms = shaken(&ball(12.0, [0.5; 4]).1, 1.0);
    let record = close_up(&atoms, 1, false);
    assert_eq!(reals(&record, ORDER, "sublattices"), [0.0; 8]);
    assert!(reals(&record, ORDER, "l1_2").iter().all(|x| x.is_nan()));
    atoms.truncate(1);
    assert!(close_up(&atoms, 1, false).series(ORDER).is_some());
}

/// Layers of a cold ball, the long way; all of it is solid within, and nothing of a melt is.
#[test]
fn layers_are_counted_from_the_surface() {
    let (places, made) = ball(14.0, [0.3; 4]);
    let apart = |i: usize, j: usize| norm(crate::geometry::sub(places[i], places[j]));
    let near = |i: usize| (0..places.len()).filter(move |&j| j != i && apart(i, j) < 3.3);
    let mut layer: Vec<usize> =
        (0..places.len()).map(|i| if near(i).count() < 12 { 0 } else { 3 }).collect();
    for depth in [1, 2] {
        let next: Vec<usize> = (0..places.len())
            .filter(|&i| layer[i] == 3 && near(i).any(|j| layer[j] == depth - 1))
            .collect();
        next.into_iter().for_each(|i| layer[i] = depth);
    }
    let count = |depth: usize| layer.iter().filter(|l| **l == depth).count() as f64;
    for ranks in [1, 3] {
        let record = close_up(&made, ranks, true);
        assert_eq!(reals(&record, LAYERS, "atoms"), [0, 1, 2, 3].map(count), "{ranks}");
        assert_eq!(reals(&record, LAYERS, "melted")[1..], [0.0; 3]);
        assert_eq!(reals(&record, LAYERS, "melted_fraction"), [0.0]);
        let species = reals(&record, LAYERS, "species");
        let iron = (0..4).map(|depth| species[2 * depth + 1]).sum::<f64>();
        assert_eq!(iron, made.iter().filter(|a| a.species == 1).count() as f64);
    }
    let molten = close_up(&shaken(&made, 1.0), 1, true);
    assert!(reals(&molten, LAYERS, "melted_fraction")[0] > 0.9);
    assert!(close_up(&made, 1, false).series(LAYERS).is_none());
}
