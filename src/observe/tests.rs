//! Configurations whose answer is known, and what measures them.

use std::f64::consts::PI;

use super::*;
use crate::atoms::{Atom, Atoms};
use crate::comm::{Comm, threads};
use crate::exchange::share_ghosts;
use crate::geometry::{Cell, Vec3, add, dot, norm, on_grid, scale};
use crate::neighbour::MINE;
use crate::units::{BOLTZMANN, PRESSURE_GPA};

mod alloys;
mod defects;
mod diffusion;
mod enclosed;
mod pairs;
mod planes;
mod stress;
mod structure;
mod templates;
mod whole;

/// Platinum.
const LATTICE_CONSTANT: f64 = 3.92;
const MASS: f64 = 195.08;
/// Å, as of the Fe-Pt potential.
const CUTOFF: f64 = 4.4;
const SKIN: f64 = 1.0;

/// As of an input that says nothing else.
const SETTINGS: Settings = Settings {
    neck_hold_ps: 1.0,
    pair_distribution: None,
    layers: false,
    template_rmsd: None,
    grains: false,
    surface_interval_ps: Some(0.0),
    diffusion_window_ps: None,
};

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

/// Whole numbers up to 3.
pub fn cubic(inside: impl Fn([i32; 3]) -> bool) -> Vec<Vec3> {
    let all = (-3..=3).flat_map(|x| (-3..=3).flat_map(move |y| (-3..=3).map(move |z| [x, y, z])));
    all.filter(|x| inside(*x)).map(|x| x.map(f64::from)).collect()
}

/// Layers of closest packing by their letters, the middle one about the origin.
pub fn stacked(letters: &str) -> Vec<Vec3> {
    let shift = |letter: u8| (letter - b'A') as f64 / 3.0;
    let [first, half] = [letters.as_bytes()[letters.len() / 2], letters.len() as u8 / 2];
    let mut sites = Vec::new();
    for (k, &letter) in letters.as_bytes().iter().enumerate() {
        let s = shift(letter) - shift(first);
        for a in -4..=4 {
            for b in -4..=4 {
                let (u, v) = (a as f64 + s, b as f64 + s);
                let height = (k as f64 - half as f64) * (2f64 / 3.0).sqrt();
                sites.push([u + 0.5 * v, v * 0.75f64.sqrt(), height]);
            }
        }
    }
    sites
}

/// An atom and its twelve neighbours.
pub fn icosahedron() -> Vec<Vec3> {
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    let mut ball = vec![[0.0; 3]];
    for (a, b) in [(1.0, golden), (-1.0, golden), (1.0, -golden), (-1.0, -golden)] {
        ball.extend([[0.0, a, b], [a, b, 0.0], [b, 0.0, a]]);
    }
    ball
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
    let entry = |i: usize, j: usize| {
        let apart = |d: usize| atoms.position[j][d] - atoms.position[i][d];
        let d2: f64 = (0..3).map(|d| apart(d).powi(2)).sum();
        let mine = if i < j && j < atoms.owned { MINE } else { 0 };
        (i != j && d2 <= reach * reach).then_some(j as u32 | mine)
    };
    let list = |i: usize| (0..atoms.len()).filter_map(|j| entry(i, j)).collect();
    let lists: Vec<Vec<u32>> = (0..atoms.owned).map(list).collect();
    Neighbours::new(Kept::All, &lists)
}

/// What is measured with whole lists, which is the same with half of them.
fn of_any_lists<T: std::fmt::Debug>(
    observers: &mut Observers,
    atoms: &Atoms,
    measure: impl Fn(&mut Observers, &Neighbours) -> T,
) -> T {
    let whole = neighbours_of(atoms);
    let kept = |entry: &u32| entry & MINE != 0 || *entry as usize >= atoms.owned;
    let list = |i: usize| whole.of(i).iter().filter(kept).collect();
    let lists: Vec<Vec<u32>> = (0..atoms.owned).map(list).collect();
    let half = Neighbours::new(Kept::Once, &lists);
    let of_half = measure(&mut observers.clone(), &half);
    let of_whole = measure(observers, &whole);
    // NaN is not equal to itself, but reads the same.
    assert_eq!(format!("{of_half:?}"), format!("{of_whole:?}"));
    of_whole
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
                        let species = atom.species as u8;
                        atoms.push_ghost(
                            atom.id,
                            species,
                            atom.particle,
                            add(atom.position, shift),
                        );
                    }
                }
            }
        }
    }
    atoms
}

/// The same with the ghosts that a run has.
fn share_by_routes(all: &[Atom], cell: &Cell, comm: &Comm) -> (Atoms, Routes) {
    let mine = |n: usize| n % comm.size() == comm.rank();
    let owned: Vec<Atom> =
        all.iter().enumerate().filter(|(n, _)| mine(*n)).map(|(_, a)| *a).collect();
    let mut atoms = Atoms::from_list(&owned);
    let routes = share_ghosts(comm, cell, CUTOFF + SKIN, &mut atoms);
    (atoms, routes)
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
    let measure = |observers: &mut Observers, neighbours: &Neighbours| {
        let snapshot = Snapshot { moving, ..snapshot(&atoms, neighbours, cell, comm) };
        observers.measure(snapshot).unwrap()
    };
    of_any_lists(observers, &atoms, measure)
}

fn measured_at(
    time_ps: f64,
    observers: &mut Observers,
    atoms: Atoms,
    cell: &Cell,
    comm: &Comm,
) -> Record {
    let measure = |observers: &mut Observers, neighbours: &Neighbours| {
        let snapshot = Snapshot { time_ps, ..snapshot(&atoms, neighbours, cell, comm) };
        observers.measure(snapshot).unwrap()
    };
    of_any_lists(observers, &atoms, measure)
}

/// What is measured with a frame.
fn closely(observers: &mut Observers, all: &[Atom], cell: &Cell, comm: &Comm) -> (Atoms, CloseUp) {
    let (atoms, routes) = share_by_routes(all, cell, comm);
    let close_up = of_any_lists(observers, &atoms, |observers, neighbours| {
        observers.close_up(snapshot(&atoms, neighbours, cell, comm), &routes)
    });
    (atoms, close_up)
}

fn snapshot<'a>(
    atoms: &'a Atoms,
    neighbours: &'a Neighbours,
    cell: &'a Cell,
    comm: &'a Comm,
) -> Snapshot<'a> {
    Snapshot {
        step: 7,
        time_ps: 0.5,
        place: Place {
            stage: 2,
            begins: false,
            name: "warm up",
            target_temperature: Some(800.0),
            target_pressure: None,
        },
        system: View { atoms, cell, masses: &[MASS, MASS], comm },
        neighbours,
        totals: Totals { potential_energy: -3.0, virial: Some([0.0; 6]) },
        virials: None,
        one_body: None,
        swaps: None,
        degrees_of_freedom: 3.0 * comm.sum(atoms.owned as i64) as f64 - 3.0,
        conserved_energy: -1.0,
        together: true,
        moving: true,
        settings: SETTINGS,
    }
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
