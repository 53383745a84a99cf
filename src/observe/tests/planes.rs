//! Facets, faults of the stacking and grains.

use super::*;
use crate::observe::lattice::turn;

const STRUCTURE: &str = "/sinter/structure";
const GRAINS: &str = "/sinter/grains";

/// Id, grain and facet of an atom.
type Told = (u64, i32, i32);

fn told(all: &[Atom], cell: &Cell, ranks: usize) -> Vec<(Record, Vec<Told>)> {
    threads::run(ranks, |comm| {
        let mut observers = Observers::new(CUTOFF, cell.periodic);
        let (atoms, routes) = share_by_routes(all, cell, comm);
        let close_up = of_any_lists(&mut observers, &atoms, |observers, neighbours| {
            let mut now = snapshot(&atoms, neighbours, cell, comm);
            (now.settings.template_rmsd, now.settings.grains) = (Some(0.12), true);
            observers.close_up(now, &routes)
        });
        let number = |i: usize, column| close_up.atoms.number(i, column).unwrap();
        let each = (0..atoms.owned)
            .map(|i| (atoms.id[i], number(i, AtomColumn::Grain), number(i, AtomColumn::Facet)));
        (close_up.record, each.collect())
    })
}

/// What is told by any number of ranks, with grain and facet of each atom by id.
fn of_any_ranks(all: &[Atom], cell: &Cell) -> (Record, Vec<Told>) {
    let of = |ranks| {
        let mut parts = told(all, cell, ranks);
        let record = parts[0].0.clone();
        let mut each: Vec<_> = parts.drain(..).flat_map(|(_, each)| each).collect();
        each.sort_unstable();
        (record, each)
    };
    let one = of(1);
    for ranks in [3, 4] {
        assert_eq!(format!("{:?}", of(ranks)), format!("{one:?}"), "{ranks}");
    }
    one
}

/// A pile of close-packed layers as large as a small particle, neighbours as far apart as in platinum.
fn pile(letters: &str) -> Vec<Atom> {
    let bond = LATTICE_CONSTANT / 2f64.sqrt();
    let sites = |x: &Vec3| scale(*x, bond);
    atoms_of(&[stacked_wide(letters, 7).iter().map(sites).collect()])
}

/// Layers of `stacked` beyond its width.
fn stacked_wide(letters: &str, half: i32) -> Vec<Vec3> {
    let mut sites = Vec::new();
    for (k, letter) in letters.bytes().enumerate() {
        let s = (letter - b'A') as f64 / 3.0;
        for (a, b) in (-half..=half).flat_map(|a| (-half..=half).map(move |b| (a, b))) {
            let (u, v) = (a as f64 + s, b as f64 + s);
            sites.push([u + 0.5 * v, v * 0.75f64.sqrt(), k as f64 * (2f64 / 3.0).sqrt()]);
        }
    }
    sites
}

#[test]
fn twins_faults_and_grains_are_told_by_their_stacking() {
    // Within the rims of layers of 15 x 15 atoms: what has all twelve neighbours.
    const WITHIN: i64 = 13 * 13;
    for (letters, faults, grains) in [
        ("ABCABCABCABC", [0, 0, 0], 1),
        ("ABCABCBACBA", [1, 0, 0], 2),
        ("ABCABCBCABCA", [0, 2, 0], 1),
        ("ABABABABAB", [0, 0, 8], 1),
    ] {
        let (record, _) = of_any_ranks(&pile(letters), &free_box());
        let found = reals(&record, STRUCTURE, "faults");
        for (found, layers) in found.iter().zip(faults) {
            let wanted = (layers * WITHIN) as f64;
            // Rims have some of another kind.
            assert!(
                close(*found, wanted, (0.2 * wanted).max(0.08 * WITHIN as f64)),
                "{letters} {found} {wanted}"
            );
        }
        assert_eq!(reals(&record, GRAINS, "grains"), [grains as f64], "{letters}");
    }
}

/// Cut from one lattice and turned against each other, they are two grains, numbered in the order of
/// ids, or one where they lie alike.
#[test]
fn grains_are_crystals_that_lie_alike_and_hang_together() {
    let half = |right: bool| sites(14.0, move |x: Vec3| norm(x) <= 14.0 && (x[0] > 0.1) == right);
    for (degrees, grains) in [(0.0, 1), (3.0, 1), (20.0, 2), (90.0, 1)] {
        let axes = turn([1.0, 0.0, 0.0], f64::to_radians(degrees));
        let upright = half(true).into_iter();
        let turned = upright.map(|x| [0, 1, 2].map(|d| (0..3).map(|k| x[k] * axes[k][d]).sum()));
        let turned: Vec<Vec3> = turned.collect();
        let all = atoms_of(&[half(false), turned]);
        let (record, each) = of_any_ranks(&all, &free_box());
        assert_eq!(reals(&record, GRAINS, "grains"), [grains as f64], "{degrees}");
        assert_eq!(reals(&record, GRAINS, "of_particles"), [1.0, grains as f64]);
        let of = |grain: i32| each.iter().filter(|(_, found, _)| *found == grain).count() as f64;
        assert_eq!(reals(&record, GRAINS, "atoms"), [of(1) + of(2)]);
        assert_eq!(reals(&record, GRAINS, "largest"), [of(1).max(of(2))]);
        for &(id, grain, _) in &each {
            let own = 1 + (grains == 2 && all[id as usize].particle == 1) as i32;
            assert!(grain == 0 || grain == own, "{degrees} {id}");
        }
    }
    // Too small to be one.
    let few = atoms_of(&[sites(6.0, |x| norm(x) <= 6.0)]);
    let (record, each) = of_any_ranks(&few, &free_box());
    assert_eq!(reals(&record, GRAINS, "grains"), [0.0]);
    assert!(each.iter().all(|(_, grain, _)| *grain == 0));
}

/// A crystal through all boundaries is one grain and has no surface.
#[test]
fn a_periodic_crystal_is_one_grain() {
    let side = 4.0 * LATTICE_CONSTANT;
    let cell = Cell::new([0.0; 3], [on_grid(side); 3], [true; 3]);
    let inside = |x: &f64| (-1e-6..side - 1e-6).contains(x);
    let all = atoms_of(&[sites(2.0 * side, |x| x.iter().all(inside))]);
    let (record, each) = of_any_ranks(&all, &cell);
    assert_eq!(reals(&record, GRAINS, "largest"), [256.0]);
    assert!(each.iter().all(|(_, grain, facet)| [*grain, *facet] == [1, 0]));
}

/// Cubes, octahedra and dodecahedra show one kind of facet each, however they lie.
#[test]
fn facets_of_simple_bodies_are_of_their_kind() {
    type Body = fn(Vec3) -> bool;
    let bodies: [(usize, Body); 3] = [
        (0, |x| x.iter().all(|x| x.abs() <= 14.0)),
        (1, |[x, y, z]| x.abs() + y.abs() + z.abs() <= 22.0),
        (2, |[x, y, z]| {
            let [x, y, z] = [x.abs(), y.abs(), z.abs()];
            (x + y).max(x + z).max(y + z) <= 20.0
        }),
    ];
    for (kind, body) in bodies {
        let upright = atoms_of(&[sites(30.0, body), vec![[60.0, 0.0, 0.0]]]);
        for all in [turned(&upright, 0.6, [0.0; 3]), upright] {
            let (record, each) = of_any_ranks(&all, &free_box());
            let facets = reals(&record, STRUCTURE, "facets");
            let surface = reals(&record, STRUCTURE, "surface_atoms")[0];
            assert_eq!(facets[..4].iter().sum::<f64>(), surface);
            assert!((0..3).all(|k| k == kind || facets[k] < 0.3 * facets[kind]), "{facets:?}");
            assert!(facets[kind] > facets[3], "{facets:?}");
            let of = |site: i32| each.iter().filter(|(_, _, found)| *found == site).count() as f64;
            assert_eq!([1, 2, 3, 4].map(of), facets[..4]);
            assert_eq!(each.last().unwrap().2, 5, "in the vapour");
        }
    }
}
