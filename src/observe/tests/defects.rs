//! What lies between two lattices.

use super::*;
use crate::observe::cna::HALF_WAY;

/// Id, place, whether in no crystal, whether at the surface.
type Told = (u64, Vec3, bool, bool);

/// Of a ball in two halves, the second turned about x: on so many ranks, with class and surface of each atom.
fn between(turn: f64, ranks: usize) -> (f64, f64, Vec<Told>) {
    let (left, right) = sphere(16.0).into_iter().partition(|x: &Vec3| x[0] < -0.1);
    let (sine, cosine) = turn.to_radians().sin_cos();
    let turned = |[x, y, z]: Vec3| [x, cosine * y - sine * z, sine * y + cosine * z];
    let right: Vec<Vec3> = Vec::into_iter(right).map(turned).collect();
    let all = atoms_of(&[left, right]);
    let mut parts = threads::run(ranks, |comm| {
        let (mut observers, cell) = (Observers::new(CUTOFF, [false; 3]), free_box());
        let (atoms, routes) = share_by_routes(&all, &cell, comm);
        let close_up = of_any_lists(&mut observers, &atoms, |observers, neighbours| {
            let now = snapshot(&atoms, neighbours, &cell, comm);
            observers.measure(now).unwrap();
            observers.close_up(now, &routes)
        });
        let number = |i: usize, column| close_up.atoms.number(i, column).unwrap();
        let told = (0..atoms.owned).map(|i| {
            let [x, y, z, _] = atoms.position[i];
            let is_other = number(i, AtomColumn::Structure) == 0;
            (atoms.id[i], [x, y, z], is_other, number(i, AtomColumn::Surface) == 1)
        });
        let of = |path: &str, name: &str| reals(&close_up.record, path, name)[0];
        let count = of(BOUNDARIES, "defect_atoms");
        (count, of("/sinter/structure", "nearest_neighbour_distance"), told.collect::<Vec<_>>())
    });
    let (count, distance) = (parts[0].0, parts[0].1);
    assert!(parts.iter().all(|part| part.0 == count));
    let mut told: Vec<_> = parts.drain(..).flat_map(|part| part.2).collect();
    told.sort_by_key(|atom| atom.0);
    (count, distance, told)
}

/// The plane of a twist boundary, all of which hangs together.
#[test]
fn atoms_between_two_lattices_are_counted_and_those_of_one_crystal_are_not() {
    assert_eq!(between(0.0, 2).0, 0.0);
    let (count, distance, atoms) = between(20.0, 1);
    let bond = HALF_WAY * distance;
    let is_beside = |x: &Vec3| {
        let near = |y: &Vec3| norm(std::array::from_fn(|d| y[d] - x[d])) <= bond;
        atoms.iter().any(|(_, y, _, at_surface)| *at_surface && near(y))
    };
    let inner =
        atoms.iter().filter(|(_, x, other, at_surface)| *other && !at_surface && !is_beside(x));
    let inner: Vec<&Vec3> = inner.map(|(_, x, ..)| x).collect();
    assert!(inner.len() > 50 && inner.iter().all(|x| x[0].abs() < LATTICE_CONSTANT));
    assert_eq!(count, inner.len() as f64);
    for ranks in [2, 3] {
        assert_eq!(between(20.0, ranks), (count, distance, atoms.clone()));
    }
}
