//! What bodies enclose whose surface is known.

use super::*;
use crate::random::{Purpose, Stream};

const SURFACE: &str = "/sinter/surface";
/// Half of the lattice constant: what sites are multiples of.
const HALF: f64 = 0.5 * LATTICE_CONSTANT;

fn of_ranks(ranks: usize, all: &[Atom], cell: &Cell) -> Vec<Record> {
    threads::run(ranks, |comm| {
        let mut observers = Observers::new(CUTOFF, cell.periodic);
        let (_, close_up) = closely(&mut observers, all, cell, comm);
        close_up.record
    })
}

/// The same on any ranks and in any order of the atoms.
fn found(all: &[Atom], cell: &Cell) -> Record {
    let one = of_ranks(1, all, cell).remove(0);
    let told = |record: &Record| format!("{:?}", record.series(SURFACE).unwrap());
    let mut shuffled = all.to_vec();
    shuffled.sort_by_key(|a| a.id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for ranks in [1, 2, 3, 8] {
        for record in of_ranks(ranks, &shuffled, cell) {
            assert_eq!(told(&record), told(&one), "{ranks}");
        }
    }
    one
}

fn value(record: &Record, name: &str) -> f64 {
    reals(record, SURFACE, name)[0]
}

fn assert_near(found: f64, wanted: f64, relative: f64, what: &str) {
    assert!((found / wanted - 1.0).abs() < relative, "{what}: {found}, not {wanted}");
}

/// Atoms that are as far as `n` halves of the lattice constant, by a norm.
fn body(n: i32, size: impl Fn([i32; 3]) -> i32) -> Vec<Vec3> {
    let whole = |x: Vec3| x.map(|x| (x / HALF).round() as i32);
    sites(2.0 * n as f64 * HALF, |x| size(whole(x)) <= n)
}

fn largest(x: [i32; 3]) -> i32 {
    x.map(i32::abs).into_iter().max().unwrap()
}

/// A cube of (100) faces, an octahedron of (111), a cuboctahedron of both, however they lie.
#[test]
fn polyhedra_enclose_what_they_do_in_books() {
    let sum = |x: [i32; 3]| x.iter().map(|x| x.abs()).sum();
    let both = |x: [i32; 3]| largest(x).max((sum(x) + 1) / 2);
    let root = f64::sqrt;
    let n = 8.0;
    for (sites, area, volume) in [
        (body(8, largest), 24.0 * n * n, 8.0 * n * n * n),
        (body(8, sum), 4.0 * root(3.0) * n * n, 4.0 / 3.0 * n * n * n),
        (body(8, both), (12.0 + 4.0 * root(3.0)) * n * n, 20.0 / 3.0 * n * n * n),
    ] {
        let atoms = atoms_of(&[sites]);
        let (area, volume) = (area * HALF * HALF, volume * HALF.powi(3));
        let round = libm::cbrt(PI * (6.0 * volume).powi(2)) / area;
        for atoms in [turned(&atoms, 0.7, [31.0, -12.0, 5.0]), atoms] {
            let record = found(&atoms, &free_box());
            for (name, wanted) in [("area", area), ("volume", volume), ("sphericity", round)] {
                assert_near(value(&record, name), wanted, 1e-9, name);
            }
            assert_eq!(value(&record, "total_area"), value(&record, "area"));
            assert_eq!(value(&record, "total_volume"), value(&record, "volume"));
        }
    }
}

/// Smoothed, a rough ball has less surface, a flat face as much.
#[test]
fn smooth_surfaces_are_without_the_roughness_of_atoms() {
    let record = found(&shaken(&sphere(16.0), [0.0; 3], &free_box()), &free_box());
    let [rough, smooth] = ["area", "smooth_area"].map(|name| value(&record, name));
    let ball = PI * libm::cbrt(6.0 * value(&record, "volume") / PI).powi(2);
    assert!(smooth < 0.92 * rough && rough < 1.2 * ball, "{rough} {smooth} {ball}");
    assert!((1.0..1.03).contains(&(smooth / ball)), "{smooth} {ball}");
    let length = 6.0 * LATTICE_CONSTANT;
    let cell = Cell::new([0.0; 3], [length, length, 60.0], [true, true, false]);
    let slab = sites(60.0, |[x, y, z]| {
        [x, y].iter().all(|x| (-1e-3..length - 1e-3).contains(x)) && (0.0..=12.0).contains(&z)
    });
    let record = found(&atoms_of(&[slab]), &cell);
    assert_near(value(&record, "smooth_area"), 2.0 * length * length, 1e-9, "flat");
}

/// A void within has a surface: what is taken out of a cube is a smaller one, with walls of one layer less.
#[test]
fn holes_count() {
    let hollow: Vec<Vec3> = body(12, largest)
        .into_iter()
        .filter(|x| largest(x.map(|x| (x / HALF).round() as i32)) > 5)
        .collect();
    let record = found(&atoms_of(&[hollow]), &free_box());
    let (n, m) = (12.0, 6.0);
    // The edges and corners of the hole are filled by tetrahedra that fit beneath the ball: some per cent.
    let area = 24.0 * (n * n + m * m) * HALF * HALF;
    let volume = 8.0 * (n * n * n - m * m * m) * HALF.powi(3);
    assert_near(value(&record, "area"), area, 0.05, "area");
    assert_near(value(&record, "volume"), volume, 0.02, "volume");
    assert!(value(&record, "area") > 1.15 * 24.0 * n * n * HALF * HALF);
}

/// Each particle by itself, and both together; what has evaporated encloses nothing.
#[test]
fn particles_that_touch_share_no_surface_with_themselves() {
    let block = |low: i32, high: i32| -> Vec<Vec3> {
        let inside = |x: Vec3| {
            let x = x.map(|x| (x / HALF).round() as i32);
            (low..=high).contains(&x[0]) && x[1].abs() <= 4 && x[2].abs() <= 4
        };
        sites(30.0, inside)
    };
    let (mut left, right) = (block(-8, 0), block(1, 8));
    left.push([-60.0, 0.0, 0.0]);
    let record = found(&atoms_of(&[left, right]), &free_box());
    let of = |length: f64| (HALF * HALF * (128.0 + 32.0 * length), HALF.powi(3) * 64.0 * length);
    let [area, volume] = ["area", "volume"].map(|name| reals(&record, SURFACE, name));
    assert_near(area[0], of(8.0).0, 1e-9, "area");
    assert_near(volume[0], of(8.0).1, 1e-9, "volume");
    assert!(area[1] < of(7.0).0 * 1.1 && volume[1] < of(7.0).1 * 1.05, "{area:?} {volume:?}");
    assert_near(value(&record, "total_area"), of(16.0).0, 1e-9, "area of both");
    assert_near(value(&record, "total_volume"), of(16.0).1, 1e-9, "volume of both");
}

/// Positions in thermal disorder, moved by no lattice vector: wrapped into a box that is periodic all around.
fn shaken(sites: &[Vec3], by: Vec3, cell: &Cell) -> Vec<Atom> {
    let mut noise = Stream::new(11, Purpose::Velocities, 0, 0);
    let mut atoms = atoms_of(&[sites.to_vec()]);
    for atom in &mut atoms {
        let moved = add(add(atom.position, by), scale(noise.normal_vector(), 0.1)).map(on_grid);
        let mut place = [moved[0], moved[1], moved[2], 0.0];
        cell.wrap(&mut place, &mut atom.image);
        atom.position = [place[0], place[1], place[2]];
    }
    atoms
}

/// One body, free, and in a periodic box, wherever this has its borders.
#[test]
fn borders_of_periodic_boxes_cannot_be_told() {
    let ball = sphere(11.0);
    let free = found(&shaken(&ball, [0.0; 3], &free_box()), &free_box());
    let lengths = [37.0, 31.0, 41.0];
    for periodic in [[true; 3], [true, false, true], [false, true, false], [true, true, false]] {
        for by in [[0.0; 3], [3.0, 17.5, 8.0], [18.4, 15.5, 20.2], [-30.0, 1.0, 99.0]] {
            let cell = Cell::new([-2.0; 3], lengths, periodic);
            let boxed = of_ranks(1, &shaken(&ball, by, &cell), &cell).remove(0);
            for name in
                ["area", "smooth_area", "volume", "sphericity", "total_area", "total_volume"]
            {
                assert_near(value(&boxed, name), value(&free, name), 1e-9, name);
            }
            if periodic == [true; 3] {
                let wanted = 1.0 - value(&free, "volume") / lengths.iter().product::<f64>();
                assert!(close(value(&boxed, "void_fraction"), wanted, 1e-9));
            }
        }
    }
}

/// Matter and void change places: a crystal with a hole is the box less the hole, wherever its borders are; so is a rod
/// that is endless one way, and a slab.
#[test]
fn solids_that_fill_a_periodic_box_have_its_volume_less_their_holes() {
    let cells = 8;
    let length = cells as f64 * LATTICE_CONSTANT;
    let cell = Cell::new([0.0; 3], [length; 3], [true; 3]);
    let crystal = sites(length, |x| x.iter().all(|x| (-1e-3..length - 1e-3).contains(x)));
    let full = found(&atoms_of(std::slice::from_ref(&crystal)), &cell);
    assert_eq!(value(&full, "total_area"), 0.0);
    assert_eq!(value(&full, "total_volume"), cell.volume());
    assert_eq!([value(&full, "volume"), value(&full, "void_fraction")], [cell.volume(), 0.0]);
    assert!(value(&full, "sphericity").is_nan());

    let middle = [0.5 * length; 3];
    let kinds: [&dyn Fn(Vec3) -> bool; 4] = [
        &|x| norm(x) > 8.0,
        &|[x, y, _]| x.hypot(y) < 9.0,
        &|[_, y, z]| y.hypot(z) > 7.0,
        &|[_, y, _]| y.abs() < 6.0,
    ];
    for (n, inside) in kinds.into_iter().enumerate() {
        let kept: Vec<Vec3> =
            crystal.iter().copied().filter(|x| inside(add(*x, scale(middle, -1.0)))).collect();
        let reference = found(&shaken(&kept, [0.0; 3], &cell), &cell);
        let (area, volume) = (value(&reference, "total_area"), value(&reference, "total_volume"));
        // Near what is cut out of the continuum, half an atom is lost at surfaces.
        let filled = kept.len() as f64 * LATTICE_CONSTANT.powi(3) / 4.0;
        assert!((filled - volume) / area > 0.0 && (filled - volume) / area < 1.6, "{n} {volume}");
        for by in [[1.0, 2.0, 3.0], [13.3, 15.7, 14.1], [29.0, 9.0, -4.0], [5.5, 22.0, 22.0]] {
            let moved = of_ranks(1, &shaken(&kept, by, &cell), &cell).remove(0);
            assert_near(value(&moved, "total_area"), area, 1e-9, "area");
            assert_near(value(&moved, "total_volume"), volume, 1e-9, "volume");
        }
    }
    // What is too thin encloses nothing.
    let gas = sites(length, |x| x.iter().all(|x| (x / 9.8).fract().abs() < 1e-9 && *x >= 0.0));
    let gas: Vec<Vec3> = gas.into_iter().filter(|x| x.iter().all(|x| *x < length - 1e-3)).collect();
    let record = found(&atoms_of(&[gas]), &cell);
    assert_eq!([value(&record, "total_volume"), value(&record, "void_fraction")], [0.0, 1.0]);
}

/// Boxes of one or two cells, in which an atom sees images of its own: a slab of them has two flat faces.
#[test]
fn images_of_an_atom_are_atoms() {
    for cells in [1, 2, 3] {
        let length = cells as f64 * LATTICE_CONSTANT;
        let cell = Cell::new([0.0; 3], [length, length, 60.0], [true; 3]);
        let slab = sites(40.0, |[x, y, z]| {
            [x, y].iter().all(|x| (-1e-3..length - 1e-3).contains(x)) && (0.0..=8.0).contains(&z)
        });
        let record = found(&atoms_of(&[slab]), &cell);
        assert_near(value(&record, "area"), 2.0 * length * length, 1e-9, "area");
        let volume = 2.0 * LATTICE_CONSTANT * length * length;
        assert_near(value(&record, "volume"), volume, 1e-9, "volume");
    }
}

#[test]
fn frames_that_are_nearer_than_the_interval_have_none() {
    let ball = atoms_of(&[sphere(6.0)]);
    let (cell, comm) = (free_box(), Comm::single());
    let (atoms, routes) = share_by_routes(&ball, &cell, &comm);
    let neighbours = neighbours_of(&atoms);
    let mut observers = Observers::new(CUTOFF, cell.periodic);
    let mut has = |time_ps: f64| {
        let mut now = Snapshot { time_ps, ..snapshot(&atoms, &neighbours, &cell, &comm) };
        now.settings.surface_interval_ps = Some(10.0);
        // Through a checkpoint.
        let text = serde_json::to_string(&observers).unwrap();
        observers = serde_json::from_str(&text).unwrap();
        observers.close_up(now, &routes).record.series(SURFACE).is_some()
    };
    let times = [0.0, 1.0, 9.0, 10.0 - 1e-12, 11.0, 19.5, 20.0, 31.0, 40.0, 41.0];
    let wanted = [true, false, false, true, false, false, true, true, false, true];
    assert_eq!(times.map(&mut has), wanted);
}
