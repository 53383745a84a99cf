//! Configurations whose answer is known: spheres, cylinders, ideal gases.

use std::f64::consts::PI;

use super::*;
use crate::atoms::{Atom, Atoms};
use crate::comm::{Comm, threads};
use crate::geometry::{Cell, Vec3, add, dot, norm, on_grid, scale};
use crate::units::{BOLTZMANN, PRESSURE_GPA};

/// Platinum.
const LATTICE_CONSTANT: f64 = 3.92;
const MASS: f64 = 195.08;
/// Å, as of the Fe-Pt potential.
const CUTOFF: f64 = 4.4;
const SKIN: f64 = 1.0;

/// A disc cut from a lattice grows by shells of atoms: its rim is uncertain by a part
/// of a nearest-neighbour distance (2.77 Å) for any one radius, less on average.
const RADIUS_TOLERANCE: f64 = 0.9;
const MEAN_RADIUS_TOLERANCE: f64 = 0.45;
/// Sums are rounded at 2⁻⁶⁰, positions at 2⁻³⁶ Å; a turned configuration is rounded anew.
const ROUNDING: f64 = 1e-9;
/// An adatom beside the line of centres turns that line a little, Å.
const TILT: f64 = 0.01;
/// A turned configuration falls into other bins of 1/8 Å.
const BINNING: f64 = 0.03;

/// Sites of an fcc lattice (origin on a site) that satisfy `inside`.
fn sites(reach: f64, inside: impl Fn(Vec3) -> bool) -> Vec<Vec3> {
    let n = (reach / LATTICE_CONSTANT).ceil() as i32 + 1;
    let mut list = Vec::new();
    for x in -2 * n..=2 * n {
        for y in -2 * n..=2 * n {
            for z in -2 * n..=2 * n {
                if (x + y + z) % 2 == 0 {
                    let site = [x, y, z].map(|k| 0.5 * LATTICE_CONSTANT * k as f64);
                    if inside(site) {
                        list.push(site);
                    }
                }
            }
        }
    }
    list
}

fn sphere(radius: f64) -> Vec<Vec3> {
    sites(radius, |x| norm(x) <= radius)
}

fn moved(list: &[Vec3], by: Vec3) -> Vec<Vec3> {
    list.iter().map(|x| add(*x, by)).collect()
}

/// Atoms at rest; `particles[k]` holds the places of particle k.
fn atoms_of(particles: &[Vec<Vec3>]) -> Vec<Atom> {
    let places =
        particles.iter().enumerate().flat_map(|(k, list)| list.iter().map(move |x| (k, x)));
    places
        .enumerate()
        .map(|(id, (particle, x))| Atom {
            id: id as u64,
            position: x.map(on_grid),
            velocity: [0.0; 3],
            image: [0; 3],
            particle: particle as u32,
            species: 0,
            padding: 0,
        })
        .collect()
}

/// A dumbbell along x from one lattice: spheres about (±`half`, 0, 0) and a cylinder.
fn dumbbell(sphere: f64, half: f64, cylinder: f64) -> [Vec<Vec3>; 2] {
    let all = sites(half + sphere, |[x, y, z]| {
        norm([x.abs() - half, y, z]) <= sphere || (x.abs() <= half && y.hypot(z) <= cylinder)
    });
    let (left, right) = all.into_iter().partition(|x| x[0] < 0.0);
    [left, right]
}

/// Every pair of atoms within the cutoff and skin, found the long way.
fn neighbours_of(atoms: &Atoms) -> Neighbours {
    let reach = CUTOFF + SKIN;
    let mut list = Neighbours { first: vec![0], ..Neighbours::default() };
    for i in 0..atoms.owned {
        for j in (0..atoms.len()).filter(|&j| j != i) {
            let d2: f64 =
                (0..3).map(|d| (atoms.position[j][d] - atoms.position[i][d]).powi(2)).sum();
            if d2 <= reach * reach {
                list.entries.push(j as u32);
            }
        }
        list.first.push(list.entries.len());
    }
    list
}

fn free_box() -> Cell {
    Cell::new([-100.0; 3], [200.0; 3], [false; 3])
}

/// One rank's share of the atoms (every n-th), all others as ghosts, and in a
/// periodic box the images next to it.
fn share(all: &[Atom], cell: &Cell, comm: &Comm) -> Atoms {
    let mine = |n: usize| n % comm.size() == comm.rank();
    let owned: Vec<Atom> =
        all.iter().enumerate().filter(|(n, _)| mine(*n)).map(|(_, a)| *a).collect();
    let mut atoms = Atoms::from_list(&owned);
    let images = cell.periodic.map(|periodic| if periodic { -1..=1 } else { 0..=0 });
    for (n, atom) in all.iter().enumerate() {
        for x in images[0].clone() {
            for y in images[1].clone() {
                for z in images[2].clone() {
                    if !(mine(n) && [x, y, z] == [0; 3]) {
                        let shift: Vec3 =
                            std::array::from_fn(|d| [x, y, z][d] as f64 * cell.length[d]);
                        atoms.push_ghost(atom.id, 0, atom.particle, add(atom.position, shift));
                    }
                }
            }
        }
    }
    atoms
}

fn measured(observers: &mut Observers, all: &[Atom], cell: &Cell, comm: &Comm) -> Record {
    measured_while(true, observers, share(all, cell, comm), cell, comm)
}

fn measured_while(
    moving: bool,
    observers: &mut Observers,
    atoms: Atoms,
    cell: &Cell,
    comm: &Comm,
) -> Record {
    let neighbours = neighbours_of(&atoms);
    let system = View { atoms: &atoms, cell, masses: &[MASS], comm };
    let snapshot = Snapshot {
        step: 7,
        time_ps: 0.5,
        place: Place { stage: 2, name: "warm up", target_temperature: Some(800.0) },
        system,
        neighbours: &neighbours,
        totals: Totals { potential_energy: -3.0, virial: Some([0.0; 6]) },
        degrees_of_freedom: 3.0 * comm.sum(atoms.owned as i64) as f64 - 3.0,
        conserved_energy: -1.0,
        together: true,
        moving,
    };
    observers.measure(snapshot).unwrap()
}

fn measure(all: &[Atom]) -> Record {
    let cell = free_box();
    measured(&mut Observers::new(CUTOFF, cell.periodic), all, &cell, &Comm::single())
}

fn reals(record: &Record, path: &str, name: &str) -> Vec<f64> {
    match &record.series(path).unwrap().column(name).unwrap().values {
        Values::Real(values) => values.clone(),
        Values::Integer(values) => values.iter().map(|n| *n as f64).collect(),
        Values::Text(_) => panic!("{name} is text"),
    }
}

fn pair(record: &Record, name: &str) -> f64 {
    reals(record, "/sinter/pairs", name)[0]
}

fn thermo(record: &Record, name: &str) -> f64 {
    reals(record, "/sinter/thermo", name)[0]
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}

/// Turns about an axis that lies along no lattice direction (Rodrigues).
fn turned(list: &[Atom], angle: f64, shift: Vec3) -> Vec<Atom> {
    let axis = scale([1.0, 2.0, 3.0], 1.0 / 14.0f64.sqrt());
    let turn = |x: Vec3| {
        let across = crate::geometry::cross(axis, x);
        let along = scale(axis, dot(axis, x) * (1.0 - angle.cos()));
        add(add(scale(x, angle.cos()), scale(across, angle.sin())), along)
    };
    let place = |x: Vec3| add(turn(x), shift).map(on_grid);
    list.iter().map(|a| Atom { position: place(a.position), ..*a }).collect()
}

#[test]
fn an_open_gap_is_the_distance_between_the_outermost_atoms() {
    let ball = sphere(12.0);
    let outermost = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    for gap in [3.6, 5.5, 10.0] {
        let other = moved(&ball, [2.0 * outermost + gap, 0.0, 0.0]);
        let record = measure(&atoms_of(&[ball.clone(), other]));
        assert!(close(pair(&record, "gap"), gap, ROUNDING), "{}", pair(&record, "gap"));
        assert!(close(pair(&record, "centre_distance"), 2.0 * outermost + gap, ROUNDING));
        for name in ["neck_radius", "neck_atoms", "bonded_atoms"] {
            assert_eq!(pair(&record, name), 0.0, "{name} across {gap}");
        }
    }
}

#[test]
fn adatoms_in_the_gap_narrow_it_but_make_no_neck() {
    let ball = sphere(12.0);
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let mut left = ball.clone();
    left.push([face + 1.73, 0.0, 0.0]);
    let mut right = moved(&ball, [2.0 * face + 5.5, 0.0, 0.0]);
    right.push([face + 5.5 - 1.73, 4.0, 0.0]);

    let one = measure(&atoms_of(&[left.clone(), moved(&ball, [2.0 * face + 5.5, 0.0, 0.0])]));
    assert!(close(pair(&one, "gap"), 5.5 - 1.73, ROUNDING));
    assert_eq!(pair(&one, "neck_atoms"), 0.0);

    let both = measure(&atoms_of(&[left, right]));
    assert!(close(pair(&both, "gap"), 5.5 - 2.0 * 1.73, TILT));
    assert_eq!(pair(&both, "neck_radius"), 0.0);
}

#[test]
fn a_chain_of_atoms_is_a_neck_as_thin_as_an_atom() {
    let ball = sphere(12.0);
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let gap = 3.0 * 2.77;
    let mut left = ball.clone();
    left.extend((1..=2).map(|n| [face + 2.77 * n as f64, 0.0, 0.0]));
    let record = measure(&atoms_of(&[left, moved(&ball, [2.0 * face + gap, 0.0, 0.0])]));
    assert_eq!(pair(&record, "gap"), 0.0);
    assert!((1.0..2.0).contains(&pair(&record, "neck_radius")), "{record:?}");
    assert!((1.0..=2.0).contains(&pair(&record, "neck_atoms")), "{record:?}");
    // The end of the chain, and what it touches on the other side.
    assert!(pair(&record, "bonded_atoms") >= 2.0);
}

#[test]
fn the_neck_radius_is_that_of_the_bridging_cylinder() {
    let cylinders: Vec<f64> = (6..=24).map(|n| 0.5 * n as f64).collect();
    let mut errors = Vec::new();
    for cylinder in cylinders {
        let record = measure(&atoms_of(&dumbbell(15.0, 20.0, cylinder)));
        let radius = pair(&record, "neck_radius");
        assert!(close(radius, cylinder, RADIUS_TOLERANCE), "{radius} for {cylinder}");
        errors.push((radius - cylinder).abs());
        assert_eq!(pair(&record, "gap"), 0.0);
        // One or two layers, two atoms in a square of a².
        let layer = 2.0 * PI * radius * radius / LATTICE_CONSTANT.powi(2);
        let layers = pair(&record, "neck_atoms") / layer;
        assert!((0.7..2.3).contains(&layers), "{layers} for {cylinder}");
    }
    let mean = errors.iter().sum::<f64>() / errors.len() as f64;
    assert!(mean < MEAN_RADIUS_TOLERANCE, "{mean}");
}

#[test]
fn the_gap_of_a_built_pair_is_what_the_input_asked_for() {
    let input = |between: &str, gap: f64| {
        format!(
            r#"
            [potential]
            library = "library.meam"
            elements = ["Pt"]
            [[particle]]
            count = 2
            atoms = 1000
            lattice_constant_angstrom = 3.92
            composition = {{ Pt = 1.0 }}
            adatoms = {{ removed_fraction = 0.8 }}
            surface_energy_j_per_m2 = {{ "111" = 1.656, "100" = 2.167, "110" = 1.979 }}
            [placement]
            gap_angstrom = {gap}
            gap_between = "{between}"
            [[stage]]
            kind = "hold"
            duration_ps = 1.0
            temperature_k = 300.0
            "#
        )
    };
    let comm = Comm::single();
    for (between, gap) in [("planes", 5.5), ("planes", 10.0), ("atoms", 4.0), ("atoms", 3.7)] {
        let config: crate::input::Config = toml::from_str(&input(between, gap)).unwrap();
        let built = crate::build::structure(&config, &comm).unwrap();
        let mut observers = Observers::new(CUTOFF, [false; 3]);
        let record = measured(&mut observers, &built.atoms, &built.cell, &comm);
        let wanted = built.layout.gaps[0].atoms;
        let measured = pair(&record, "gap");
        assert!(close(measured, wanted, TILT), "{measured} for {wanted}");
        assert_eq!(pair(&record, "neck_atoms"), 0.0);
    }
}

/// A cube on a surface of its own crystal, wherever on it, has the neck of its own cross-section; above
/// it, the gap that was asked for.
#[test]
fn the_neck_to_a_surface_stands_across_it() {
    let input = |gap: f64, at: [f64; 2]| {
        format!(
            r#"
            [potential]
            library = "library.meam"
            elements = ["Pt"]
            [crystal]
            lattice_constant_angstrom = 3.92
            composition = {{ Pt = 1.0 }}
            surface = "z"
            repeats = [12, 10]
            layers = 4
            [[particle]]
            shape = "cube"
            atoms = 500
            lattice_constant_angstrom = 3.92
            composition = {{ Pt = 1.0 }}
            above = {{ facet = [1, 0, 0], gap_angstrom = {gap}, at_angstrom = {at:?} }}
            [[stage]]
            kind = "minimise"
            "#
        )
    };
    let comm = Comm::single();
    for at in [[0.0, 0.0], [1.96, 13.72], [-21.56, 17.64]] {
        for gap in [1.96, 6.0] {
            let config: crate::input::Config = toml::from_str(&input(gap, at)).unwrap();
            let built = crate::build::structure(&config, &comm).unwrap();
            let mut observers =
                Observers::new(CUTOFF, built.cell.periodic).beside(built.layout.filling);
            let record = measured(&mut observers, &built.atoms, &built.cell, &comm);
            let facet = &built.layout.particles[0].shape.as_ref().unwrap().facets[1];
            let radius = (facet.atoms as f64 * 3.92 * 1.96 / PI).sqrt();
            if gap > 5.0 {
                assert!(close(pair(&record, "gap"), gap, TILT));
                assert_eq!(pair(&record, "neck_radius"), 0.0);
            } else {
                assert_eq!(pair(&record, "gap"), 0.0);
                let measured = pair(&record, "neck_radius");
                assert!(close(measured, radius, RADIUS_TOLERANCE), "{measured} for {radius}");
            }
            assert!(pair(&record, "compactness").is_nan());
        }
    }
}

#[test]
fn two_adatoms_far_apart_do_not_widen_the_neck() {
    let alone = dumbbell(15.0, 20.0, 4.0);
    let mut crowded = alone.clone();
    // In the planes of the neck, on no surface: nearly the worst place.
    crowded[0].push([-1.0, 12.0, 0.0]);
    crowded[0].push([-1.0, 12.0, 2.77]);
    let radius = |parts: &[Vec<Vec3>; 2]| pair(&measure(&atoms_of(parts)), "neck_radius");
    let (with, without) = (radius(&crowded), radius(&alone));
    assert!(close(with, without, 0.2), "{with} against {without}");
}

#[test]
fn the_neck_of_coalesced_particles_is_the_particle() {
    let ball = sphere(15.0);
    // Halves, and origins mixed beyond recognition.
    let halves: (Vec<Vec3>, Vec<Vec3>) = ball.iter().partition(|x| x[2] < 0.0);
    let mixed: (Vec<Vec3>, Vec<Vec3>) =
        ball.iter().partition(|x| (x[0] * 0.51 + x[1] * 2.3 + x[2] * 1.7).rem_euclid(1.0) < 0.5);
    for (a, b) in [halves, mixed] {
        let record = measure(&atoms_of(&[a, b]));
        let radius = pair(&record, "neck_radius");
        // The smallest cross-section between the centres of two halves, 3/8 R off the middle.
        let least = 15.0 * (1.0f64 - (3.0f64 / 8.0).powi(2)).sqrt();
        assert!((least - RADIUS_TOLERANCE..15.0 + RADIUS_TOLERANCE).contains(&radius), "{radius}");
        assert_eq!(pair(&record, "gap"), 0.0);
    }
}

/// Two balls that touch have √(8/5 / (3/5 · 2^⅔)) = 1.296 times the gyration radius of
/// one ball of their volumes, and that ball has a neck of 2^⅓ of their radius.
#[test]
fn coalescence_is_told_by_compactness_and_neck_ratio() {
    /// Balls of lattice sites are round to about half a lattice constant.
    const ROUND: f64 = 0.06;
    let (comm, cell) = (Comm::single(), free_box());
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    let ball = sphere(15.0);
    let touching =
        atoms_of(&[ball.clone(), moved(&ball, [30.0 + 0.5 * LATTICE_CONSTANT, 0.0, 0.0])]);
    let first = measured(&mut observers, &touching, &cell, &comm);
    assert!(close(pair(&first, "compactness"), 1.296, ROUND), "{first:?}");
    assert!(pair(&first, "neck_ratio") < 0.7, "{first:?}");
    let (left, right) = sphere(15.0 * 2f64.cbrt()).into_iter().partition(|x| x[0] < 0.0);
    let last = measured(&mut observers, &atoms_of(&[left, right]), &cell, &comm);
    assert!(close(pair(&last, "compactness"), 1.0, ROUND), "{last:?}");
    // The section 3/8 R off the middle, as above.
    let ratio = 2f64.cbrt() * (1.0f64 - 9.0 / 64.0).sqrt();
    assert!(close(pair(&last, "neck_ratio"), ratio, ROUND), "{last:?}");
}

/// Two Pt85Fe15 particles at 1473 K that have just met, facet on facet (100).
#[test]
fn a_hot_pair_has_the_neck_that_can_be_seen() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/pair_hot.xyz");
    let mut frames = crate::build::extxyz::open(path.as_ref()).unwrap();
    let places = frames.next().unwrap().unwrap().positions;
    let record = measure(&atoms_of(&[places[..1103].to_vec(), places[1103..].to_vec()]));

    // Counted apart from this program (numpy, scipy.spatial.cKDTree).
    assert!(close(pair(&record, "centre_distance"), 31.070950, 1e-6));
    assert_eq!(pair(&record, "bonded_atoms"), 44.0);
    assert_eq!(pair(&record, "gap"), 0.0);
    assert_eq!(thermo(&record, "evaporated_atoms"), 0.0);
    // Each facet has 24 atoms, a²/2 each: a disc of 7.6 Å. They stand on top of each
    // other, hence farther apart than planes of a crystal: the section between is looser.
    let radius = pair(&record, "neck_radius");
    assert!((5.5..7.7).contains(&radius), "{radius}");
    assert!((24.0..=48.0).contains(&pair(&record, "neck_atoms")), "{record:?}");
}

#[test]
fn an_evaporated_atom_is_counted_and_closes_no_gap() {
    let ball = sphere(12.0);
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let mut left = ball.clone();
    left.push([face + 5.0, 0.0, 0.0]);
    left.push([0.0, 30.0, 0.0]);
    let record = measure(&atoms_of(&[left, moved(&ball, [2.0 * face + 10.0, 0.0, 0.0])]));
    assert_eq!(thermo(&record, "evaporated_atoms"), 2.0);
    assert!(pair(&record, "gap") > 9.0, "{}", pair(&record, "gap"));
    // One that went over to the other side is bonded there, yet the gap stays open.
    let mut left = ball.clone();
    left.push([2.0 * face + 10.0, face + 2.0, 0.0]);
    let record = measure(&atoms_of(&[left, moved(&ball, [2.0 * face + 10.0, 0.0, 0.0])]));
    assert_eq!(thermo(&record, "evaporated_atoms"), 0.0);
    assert!(pair(&record, "bonded_atoms") > 1.0);
    assert!(pair(&record, "gap") > 9.0);
    assert_eq!(pair(&record, "neck_radius"), 0.0);
}

#[test]
fn turning_and_shifting_the_pair_changes_nothing() {
    let upright = atoms_of(&dumbbell(13.0, 17.0, 6.0));
    let other = turned(&upright, 1.1, [31.7, -12.1, 5.3]);
    let (a, b) = (measure(&upright), measure(&other));
    for (name, tolerance) in
        [("centre_distance", ROUNDING), ("gap", ROUNDING), ("neck_radius", BINNING)]
    {
        let (a, b) = (pair(&a, name), pair(&b, name));
        assert!(close(a, b, tolerance), "{name}: {a} {b}");
    }
    assert_eq!(pair(&a, "bonded_atoms"), pair(&b, "bonded_atoms"));
    let gyration = |record| reals(record, "/sinter/particles", "gyration_radius");
    for (a, b) in gyration(&a).into_iter().zip(gyration(&b)) {
        assert!(close(a, b, ROUNDING));
    }
}

#[test]
fn a_pair_across_a_periodic_boundary_is_the_same_pair() {
    let ball = sphere(9.0);
    let gap = 4.0;
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let free = atoms_of(&[ball.clone(), moved(&ball, [2.0 * face + gap, 0.0, 0.0])]);
    let cell = Cell::new([-30.0; 3], [60.0; 3], [true, true, false]);
    let wrapped: Vec<Atom> = free
        .iter()
        .map(|a| {
            let [x, y, z] = add(a.position, [25.0, 25.0, 0.0]).map(on_grid);
            let (mut position, mut image) = ([x, y, z, 0.0], [0; 3]);
            cell.wrap(&mut position, &mut image);
            // The second particle went round the box once before it came here.
            image[0] -= a.particle as i32;
            Atom { position: [position[0], position[1], position[2]], image, ..*a }
        })
        .collect();
    let record =
        measured(&mut Observers::new(CUTOFF, cell.periodic), &wrapped, &cell, &Comm::single());
    assert!(close(pair(&record, "gap"), gap, ROUNDING), "{}", pair(&record, "gap"));
    assert!(close(pair(&record, "centre_distance"), 2.0 * face + gap, ROUNDING));
    assert_eq!(thermo(&record, "evaporated_atoms"), 0.0);
}

#[test]
fn neither_ranks_nor_the_order_of_atoms_can_be_told_from_the_values() {
    let mut atoms = atoms_of(&dumbbell(9.0, 11.0, 4.0));
    for (n, atom) in atoms.iter_mut().enumerate() {
        atom.velocity = [(n as f64).sin(), (1.7 * n as f64).cos(), 0.3];
    }
    let one = format!("{:?}", measure(&atoms));
    let mut shuffled = atoms.clone();
    shuffled.sort_by_key(|a| a.id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    assert_eq!(format!("{:?}", measure(&shuffled)), one);
    for ranks in [2, 3] {
        let cell = free_box();
        let records = threads::run(ranks, |comm| {
            measured(&mut Observers::new(CUTOFF, cell.periodic), &shuffled, &cell, comm)
        });
        for record in records {
            assert_eq!(format!("{record:?}"), one);
        }
    }
}

#[test]
fn displacements_count_from_where_the_particles_were_put_together() {
    let (a, b) = (sphere(6.0), moved(&sphere(6.0), [17.0, 0.0, 0.0]));
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    let (cell, comm) = (free_box(), Comm::single());
    measured(&mut observers, &atoms_of(&[a.clone(), b.clone()]), &cell, &comm);
    // What is remembered passes through a checkpoint without losing a bit.
    let text = serde_json::to_string(&observers).unwrap();
    let mut resumed: Observers = serde_json::from_str(&text).unwrap();
    assert_eq!(resumed, observers);
    let record = measured(&mut resumed, &atoms_of(&[a, moved(&b, [1.0, 2.0, -2.0])]), &cell, &comm);
    let displacement = reals(&record, "/sinter/particles", "displacement");
    assert_eq!(displacement[0], 0.0);
    assert!(close(displacement[1], 3.0, ROUNDING));
}

#[test]
fn a_gap_is_closed_since_it_last_opened() {
    let ball = sphere(8.0);
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let at = |gap: f64| atoms_of(&[ball.clone(), moved(&ball, [2.0 * face + gap, 0.0, 0.0])]);
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    let (cell, comm) = (free_box(), Comm::single());
    for (gap, closed) in [(6.0, false), (2.5, true), (6.0, false)] {
        measured(&mut observers, &at(gap), &cell, &comm);
        assert_eq!(observers.pairs.contacts()[0].closed_since_ps.is_some(), closed);
    }
    assert_eq!(observers.pairs.contacts()[0].first_closed_ps, Some(0.5));
}

#[test]
fn only_neighbours_are_pairs_and_one_particle_has_none() {
    let ball = sphere(6.0);
    let at = |x: f64| moved(&ball, [x, 0.0, 0.0]);
    let chain = atoms_of(&[at(0.0), at(17.0), at(70.0), at(34.0)]);
    let record = measure(&chain);
    let particles = reals(&record, "/sinter/pairs", "particles");
    assert_eq!(particles, [0.0, 1.0, 1.0, 3.0]);
    assert!(measure(&atoms_of(&[at(0.0)])).series("/sinter/pairs").is_none());
}

#[test]
fn temperature_and_pressure_of_an_ideal_gas() {
    // Two atoms, ±v along x: K = m v², f = 3 N - 3 = 3.
    let cell = Cell::new([0.0; 3], [10.0, 20.0, 40.0], [true; 3]);
    let mut atoms = atoms_of(&[vec![[1.0, 1.0, 1.0], [1.0, 11.0, 21.0]]]);
    atoms[0].velocity = [2.0, 0.0, 0.0];
    atoms[1].velocity = [-2.0, 0.0, 0.0];
    let kinetic = MASS * 4.0 * crate::units::MASS_VELOCITY_SQUARED;
    let mut observers = Observers::new(CUTOFF, cell.periodic);
    let record = measured(&mut observers, &atoms, &cell, &Comm::single());
    // Kinetic energies are rounded at 2⁻⁴⁰ eV each.
    let tolerance = |x: f64| 1e-10 * x.abs();
    let temperature = 2.0 * kinetic / (3.0 * BOLTZMANN);
    let pressure = 2.0 * kinetic / (3.0 * 8000.0) * PRESSURE_GPA;
    for (name, value) in [
        ("kinetic_energy", kinetic),
        ("temperature", temperature),
        ("total_energy", kinetic - 3.0),
        ("pressure", pressure),
        ("evaporated_atoms", 2.0),
    ] {
        assert!(close(thermo(&record, name), value, tolerance(value)), "{name}");
    }
    let own = reals(&record, "/sinter/particles", "temperature")[0];
    assert!(close(own, temperature, tolerance(temperature)));
}

#[test]
fn what_moves_atoms_to_a_minimum_is_no_motion() {
    let cell = Cell::new([0.0; 3], [10.0, 20.0, 40.0], [true; 3]);
    let mut list = atoms_of(&[vec![[1.0, 1.0, 1.0], [1.0, 11.0, 21.0]]]);
    list[0].velocity = [2.0, 0.0, 0.0];
    let comm = Comm::single();
    let mut atoms = share(&list, &cell, &comm);
    // No component of any atom is larger; the fourth is no force but the energy.
    let quanta = [0.25, -1.5, 0.5, 7.0].map(|x| atoms.quantum.round(x));
    atoms.force[1] = quanta;
    let mut observers = Observers::new(CUTOFF, cell.periodic);
    let record = measured_while(false, &mut observers, atoms, &cell, &comm);
    assert!(thermo(&record, "temperature").is_nan());
    assert!(reals(&record, "/sinter/particles", "temperature")[0].is_nan());
    assert_eq!(thermo(&record, "kinetic_energy"), 0.0);
    assert_eq!(thermo(&record, "total_energy"), -3.0);
    assert_eq!(thermo(&record, "pressure"), 0.0);
    assert_eq!(thermo(&record, "largest_force"), 1.5);
}

#[test]
fn pressure_has_its_components_and_each_row_its_place_in_the_protocol() {
    let cell = Cell::new([0.0; 3], [10.0, 20.0, 40.0], [true; 3]);
    let mut list = atoms_of(&[vec![[1.0, 1.0, 1.0], [1.0, 11.0, 21.0]]]);
    list[0].velocity = [2.0, 0.0, -1.0];
    let mut observers = Observers::new(CUTOFF, cell.periodic);
    let record = measured(&mut observers, &list, &cell, &Comm::single());
    let gpa =
        MASS * crate::units::MASS_VELOCITY_SQUARED / cell.volume() * crate::units::PRESSURE_GPA;
    for (name, value) in
        [("xx", 4.0), ("yy", 0.0), ("zz", 1.0), ("xy", 0.0), ("xz", -2.0), ("yz", 0.0)]
    {
        let found = thermo(&record, &format!("pressure_{name}"));
        assert!(close(found, value * gpa, 1e-12 * gpa), "{name}: {found}");
    }
    // From the kinetic energy, which is summed in coarser quanta.
    assert!(close(thermo(&record, "pressure"), 5.0 / 3.0 * gpa, 1e-9 * gpa));
    assert_eq!(thermo(&record, "target_temperature"), 800.0);
    assert_eq!(thermo(&record, "stage_number"), 2.0);
    let stage = &record.series("/sinter/thermo").unwrap().column("stage").unwrap().values;
    assert_eq!(*stage, Values::Text(vec!["warm up".into()]));
    for column in record.series.iter().flat_map(|series| &series.columns) {
        assert!(!column.unit.is_empty() && !column.definition.is_empty(), "{}", column.name);
    }
}

#[test]
fn the_virial_is_wanted_only_where_there_is_a_volume() {
    assert!(Observers::new(CUTOFF, [true; 3]).needs().virial);
    assert!(!Observers::new(CUTOFF, [true, true, false]).needs().virial);
    assert!(Observers::new(CUTOFF, [false; 3]).needs().neighbours);
}

#[test]
fn a_velocity_that_is_not_a_number_names_its_atom() {
    let mut atoms = atoms_of(&[sphere(4.0)]);
    atoms[3].velocity[1] = f64::NAN;
    let (cell, comm) = (free_box(), Comm::single());
    let atoms = share(&atoms, &cell, &comm);
    let neighbours = neighbours_of(&atoms);
    let snapshot = Snapshot {
        step: 12,
        time_ps: 0.0,
        place: Place::default(),
        system: View { atoms: &atoms, cell: &cell, masses: &[MASS], comm: &comm },
        neighbours: &neighbours,
        totals: Totals::default(),
        degrees_of_freedom: 3.0,
        conserved_energy: 0.0,
        together: false,
        moving: true,
    };
    let error = Observers::new(CUTOFF, cell.periodic).measure(snapshot).unwrap_err();
    assert!(error.to_string().starts_with("step 12, atom 3: "), "{error}");
}
