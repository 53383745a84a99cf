//! Crystals, surfaces and how lattices lie.

use super::*;

const STRUCTURE: &str = "/sinter/structure";
const BOUNDARIES: &str = "/sinter/boundaries";

fn hot_pair() -> Vec<Atom> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/pair_hot.xyz");
    let mut frames = crate::build::extxyz::open(path.as_ref()).unwrap();
    let places = frames.next().unwrap().unwrap().positions;
    atoms_of(&[places[..1103].to_vec(), places[1103..].to_vec()])
}

fn look(atoms: &[Atom]) -> (Atoms, CloseUp) {
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    closely(&mut observers, atoms, &free_box(), &Comm::single())
}

#[test]
fn a_ball_of_fcc_is_fcc_within_and_has_a_surface() {
    let ball = sphere(14.0);
    let (atoms, close_up) = look(&atoms_of(std::slice::from_ref(&ball)));
    let record = &close_up.record;
    let [other, fcc, hcp, bcc, ico] = reals(record, STRUCTURE, "classes")[..] else { panic!() };
    assert_eq!([hcp, bcc, ico], [0.0; 3]);
    // Those with all twelve neighbours, and all others.
    let full = |x: &Vec3| {
        let near = ball.iter().filter(|y| norm(crate::geometry::sub(**y, *x)) < 2.8).count();
        near == 13
    };
    let within = ball.iter().filter(|x| full(x)).count();
    assert_eq!(fcc, within as f64);
    assert_eq!(other, (ball.len() - within) as f64);
    for (i, around) in close_up.atoms.surroundings.iter().enumerate() {
        let place = [0, 1, 2].map(|d| atoms.position[i][d]);
        let neighbours =
            ball.iter().filter(|y| norm(crate::geometry::sub(**y, place)) < 3.3).count() - 1;
        assert_eq!(around.coordination as usize, neighbours);
        assert_eq!(around.is_surface, neighbours < 12 && around.class == Class::Other);
    }
    let nearest = reals(record, STRUCTURE, "nearest_neighbour_distance")[0];
    assert!(nearest > LATTICE_CONSTANT / 2f64.sqrt() && nearest < 3.1, "{nearest}");
    assert!(close(reals(record, STRUCTURE, "lattice_order")[0], 1.0, 1e-9));
}

/// Counted apart from this program: OVITO 3.17, adaptive common neighbour analysis, and its
/// surface by alpha shape with 2.8 Å.
#[test]
fn a_hot_pair_has_the_crystals_and_the_surface_that_ovito_sees() {
    let (_, close_up) = look(&hot_pair());
    let classes = reals(&close_up.record, STRUCTURE, "classes");
    let total: Vec<f64> = (0..5).map(|k| classes[k] + classes[k + 5]).collect();
    assert_eq!(total, HOT_CLASSES);
    let surface: f64 = reals(&close_up.record, STRUCTURE, "surface_atoms").iter().sum();
    assert!(close(surface, 824.0, 12.0), "{surface}");
}

const HOT_CLASSES: [f64; 5] = [1150.0, 1056.0, 0.0, 0.0, 0.0];

#[test]
fn the_inside_of_a_melt_is_no_surface() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/liquid.xyz");
    let mut frames = crate::build::extxyz::open(path.as_ref()).unwrap();
    let frame = frames.next().unwrap().unwrap();
    let lattice = frame.lattice.unwrap();
    let length = [0, 1, 2].map(|d| on_grid(lattice[d][d]));
    let cell = Cell::new([0.0; 3], length, [true; 3]);
    let mut all = atoms_of(&[frame.positions]);
    for atom in &mut all {
        let [x, y, z] = atom.position;
        let mut place = [x, y, z, 0.0];
        cell.wrap(&mut place, &mut atom.image);
        atom.position = [place[0], place[1], place[2]];
    }
    let mut observers = Observers::new(CUTOFF, [true; 3]);
    let (_, close_up) = closely(&mut observers, &all, &cell, &Comm::single());
    assert!(reals(&close_up.record, STRUCTURE, "surface_atoms")[0] <= 2.0);
    assert!(reals(&close_up.record, STRUCTURE, "lattice_order")[0] < 0.2);
    assert!(reals(&close_up.record, STRUCTURE, "lattice_axes").iter().all(|x| x.is_nan()));
}

#[test]
fn surfaces_and_insides_are_told_by_species() {
    let mut atoms = atoms_of(&[[sphere(10.0), vec![[40.0, 0.0, 0.0]]].concat()]);
    atoms.iter_mut().for_each(|atom| atom.species = (atom.id % 4 == 0) as u32);
    atoms.last_mut().unwrap().species = 0;
    let (shared, close_up) = look(&atoms);
    let count = |surface: bool, species: u8| {
        let each = close_up.atoms.surroundings.iter().zip(&shared.species);
        each.filter(|(a, s)| a.is_surface == surface && **s == species).count() as f64
    };
    // The last one is far out, in the vapour.
    let count =
        |surface, species| count(surface, species) - (!surface && species == 0) as u8 as f64;
    let record = &close_up.record;
    assert_eq!(reals(record, STRUCTURE, "surface_species"), [count(true, 0), count(true, 1)]);
    assert_eq!(reals(record, STRUCTURE, "inner_species"), [count(false, 0), count(false, 1)]);
}

/// One of two balls turns step by step; then they lie as they were set.
#[test]
fn turns_of_a_particle_are_followed() {
    let (comm, cell, ball) = (Comm::single(), free_box(), sphere(10.0));
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    let mut last = None;
    for degrees in [0.0f64, 20.0, 40.9, 60.0] {
        let still = atoms_of(&[ball.clone(), moved(&ball, [30.0, 0.0, 0.0])]);
        let (one, other): (Vec<Atom>, Vec<Atom>) =
            still.into_iter().partition(|atom| atom.particle == 0);
        let all = [one, turned(&other, degrees.to_radians(), [0.0; 3])].concat();
        measured(&mut observers, &all, &cell, &comm);
        let record = closely(&mut observers, &all, &cell, &comm).1.record;
        let rotation = reals(&record, STRUCTURE, "rotation");
        assert!(close(rotation[0], 0.0, 1e-6), "{rotation:?}");
        assert!(close(rotation[1], degrees, 1e-4), "{rotation:?}");
        assert!(close(reals(&record, BOUNDARIES, "relative_rotation")[0], degrees, 1e-4));
        // What is remembered passes through a checkpoint without losing a bit.
        let text = serde_json::to_string(&observers).unwrap();
        assert_eq!(serde_json::from_str::<Observers>(&text).unwrap(), observers);
        last = Some(record);
    }
    // 60° about [1 2 3] is another, smaller rotation to a cube, at most 62.8°.
    let angle = reals(&last.unwrap(), BOUNDARIES, "misorientation")[0];
    assert!(angle < 60.0 && angle > 10.0, "{angle}");
}

#[test]
fn close_ups_do_not_depend_on_ranks_nor_on_the_order_of_atoms() {
    let mut atoms = hot_pair();
    atoms.iter_mut().for_each(|atom| atom.species = (atom.id % 5 == 0) as u32);
    let told = |atoms: &Atoms, close_up: &CloseUp| {
        let each = atoms.id[..atoms.owned].iter().copied().zip(close_up.atoms.surroundings.clone());
        (format!("{:?}", close_up.record), each.collect::<Vec<_>>())
    };
    let (shared, close_up) = look(&atoms);
    let (one, mut around) = told(&shared, &close_up);
    around.sort_by_key(|(id, _)| *id);
    atoms.sort_by_key(|a| a.id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for ranks in [1, 3] {
        let parts = threads::run(ranks, |comm| {
            let mut observers = Observers::new(CUTOFF, [false; 3]);
            let (shared, close_up) = closely(&mut observers, &atoms, &free_box(), comm);
            told(&shared, &close_up)
        });
        assert!(parts.iter().all(|(record, _)| *record == one));
        let mut all: Vec<_> = parts.into_iter().flat_map(|(_, each)| each).collect();
        all.sort_by_key(|(id, _)| *id);
        assert_eq!(all, around);
    }
}

/// One adatom of the first ball sits on the second, one is in the vapour.
#[test]
fn atoms_that_went_over_or_away_are_counted() {
    let ball = sphere(10.0);
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let other = moved(&ball, [2.0 * face + 12.0, 0.0, 0.0]);
    let [guest, gone] = [[2.0 * face + 12.0, 0.0, face + 1.96], [face + 6.0, 0.0, 0.0]];
    let (atoms, close_up) = look(&atoms_of(&[[ball, vec![guest, gone]].concat(), other]));
    let record = &close_up.record;
    assert_eq!(reals(record, STRUCTURE, "lost_atoms"), [1.0, 0.0]);
    assert_eq!(reals(record, STRUCTURE, "guest_atoms"), [0.0, 1.0]);
    assert_eq!(reals(record, STRUCTURE, "vapour_atoms"), [1.0, 0.0]);
    for (around, &particle) in close_up.atoms.surroundings.iter().zip(&atoms.particle) {
        assert_eq!(around.host != particle, around.host == 1 && particle == 0);
    }
    let hosts = close_up.atoms.surroundings.iter().filter(|a| a.host == 1).count();
    assert_eq!(hosts, atoms.particle.iter().filter(|p| **p == 1).count() + 1);
}

/// Two balls that touch and one apart, across a periodic boundary, with an atom in the vapour.
#[test]
fn clusters_are_found_over_ranks_and_boundaries() {
    let ball = sphere(8.0);
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let other = moved(&ball, [2.0 * face + 1.96, 1.96, 0.0]);
    // Half of the third ball lies on the other side of the box.
    let third: Vec<Vec3> = moved(&ball, [0.0, 0.0, 30.0])
        .into_iter()
        .map(|x| if x[2] >= 30.0 { [x[0], x[1], x[2] - 60.0] } else { x })
        .collect();
    let alone = vec![[0.0, 25.0, 0.0]];
    let mut atoms = atoms_of(&[ball.clone(), other.clone(), third, alone]);
    let cell = Cell::new([-30.0; 3], [60.0; 3], [false, false, true]);
    let n = ball.len() as f64;
    atoms.sort_by_key(|a| a.id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for ranks in [1, 2, 3, 5] {
        let parts = threads::run(ranks, |comm| {
            let mut observers = Observers::new(CUTOFF, cell.periodic);
            let (shared, close_up) = closely(&mut observers, &atoms, &cell, comm);
            let each = (0..shared.owned).map(|i| {
                (shared.particle[i], close_up.atoms.number(i, AtomColumn::Cluster).unwrap())
            });
            (close_up.record, each.collect::<Vec<_>>())
        });
        for (record, each) in parts {
            let told = |name| reals(&record, "/sinter/clusters", name);
            assert_eq!(told("clusters"), [2.0], "{ranks}");
            assert_eq!(told("single_atoms"), [1.0]);
            assert_eq!(told("largest"), [2.0 * n]);
            assert_eq!(told("of_particles"), [0.0, 0.0, 2.0 * n, 3.0 * n]);
            let wanted = [0, 0, 2 * ball.len() as i32, 3 * ball.len() as i32];
            assert!(each.iter().all(|&(particle, name)| name == wanted[particle as usize]));
        }
    }
}

/// A crystal whose box is shorter than twice the distance; counted the long way too.
#[test]
fn pairs_are_counted_by_species_as_far_as_is_asked() {
    const REACH: f64 = 9.0;
    let side = 3.0 * LATTICE_CONSTANT;
    let cell = Cell::new([0.0; 3], [on_grid(side); 3], [true; 3]);
    let inside = |x: &f64| (-1e-6..side - 1e-6).contains(x);
    let mut atoms = atoms_of(&[sites(2.0 * side, |x| x.iter().all(inside))]);
    atoms.iter_mut().for_each(|atom| atom.species = (atom.id % 4 == 0) as u32);
    let bins = (REACH / 0.05) as usize;
    let mut expected = vec![0i64; 3 * bins];
    for (n, a) in atoms.iter().enumerate() {
        for b in &atoms[..=n] {
            for shift in (0..125).map(|k| [k % 5 - 2, k / 5 % 5 - 2, k / 25 - 2]) {
                // Each atom and an image of itself once, too.
                let twice = a.id == b.id;
                if twice && shift <= [0; 3] {
                    continue;
                }
                let image = shift.map(|n| n as f64 * cell.length[0]);
                let apart = norm(crate::geometry::sub(add(b.position, image), a.position));
                if apart < REACH {
                    let bin = (apart / REACH * bins as f64) as usize;
                    expected[(a.species + b.species) as usize * bins + bin] += 1;
                }
            }
        }
    }
    for ranks in [1, 3] {
        let records = threads::run(ranks, |comm| {
            let mut observers = Observers::new(CUTOFF, cell.periodic);
            let (shared, routes) = share_by_routes(&atoms, &cell, comm);
            let neighbours = neighbours_of(&shared);
            let mut now = snapshot(&shared, &neighbours, &cell, comm);
            now.settings.pair_distribution = Some(REACH);
            observers.close_up(now, &routes).record
        });
        for record in records {
            let told = |name| reals(&record, "/sinter/pair_distribution", name);
            let counts: Vec<i64> = told("counts").iter().map(|n| *n as i64).collect();
            assert_eq!(counts, expected, "{ranks}");
            // The first peak of the whole: twelve neighbours.
            let first = (2.772 / 0.05) as usize;
            let pairs: i64 = (0..3).map(|pair| counts[pair * bins + first]).sum();
            assert_eq!(pairs, 6 * atoms.len() as i64);
            let [c, d] = [0.75, 0.25];
            let g = told("g");
            let [aa, ab, bb] = [0, 1, 2].map(|pair| g[pair * bins + first]);
            let shell = 4.0 / 3.0 * PI * ((2.80f64).powi(3) - (2.75f64).powi(3));
            let whole = 12.0 / (4.0 / LATTICE_CONSTANT.powi(3) * shell);
            assert!(close(c * c * aa + 2.0 * c * d * ab + d * d * bb, whole, 1e-6 * whole));
        }
    }
}
