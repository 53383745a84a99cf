//! Stress of atoms and necks.

use super::*;

/// Of two balls joined by a bar, with one stress about the middle and others elsewhere; with the
/// gap open there is none.
#[test]
fn the_stress_of_a_neck_is_the_mean_of_its_atoms() {
    let virial = [-3.0, 1.0, 0.5, 0.25, -0.5, 2.0];
    let measured = |all: &[Atom], ranks: usize| {
        let records = threads::run(ranks, |comm| {
            let (mut observers, cell) = (Observers::new(CUTOFF, [false; 3]), free_box());
            let (atoms, routes) = share_by_routes(all, &cell, comm);
            let about_middle = |i: usize| atoms.position[i][0].abs() < 2.5;
            // Those in the neck differ from their mean, alternately.
            let of = |i: usize| {
                let off = if atoms.position[i][1] > 0.0 { 1.0 } else { -1.0 };
                let off = if atoms.position[i][1].abs() < 0.1 { 0.0 } else { off };
                virial.map(|x| if about_middle(i) { x + off } else { 40.0 * x })
            };
            let virials: Vec<[f64; 6]> = (0..atoms.owned).map(of).collect();
            of_any_lists(&mut observers, &atoms, |observers, neighbours| {
                let mut now = snapshot(&atoms, neighbours, &cell, comm);
                observers.measure(now).unwrap();
                let without = observers.close_up(now, &routes).record;
                assert!(without.series(BOUNDARIES).unwrap().column("neck_pressure").is_none());
                now.virials = Some(&virials);
                observers.close_up(now, &routes).record
            })
        });
        assert!(records.iter().all(|other| format!("{other:?}") == format!("{:?}", records[0])));
        records.into_iter().next().unwrap()
    };
    let joined = atoms_of(&dumbbell(12.0, 16.0, 6.0));
    let record = measured(&joined, 1);
    assert_eq!(format!("{record:?}"), format!("{:?}", measured(&joined, 3)));
    let d = reals(&record, "/sinter/structure", "nearest_neighbour_distance")[0];
    let [xx, yy, zz, xy, xz, yz] = virial.map(|w| -w * 2f64.sqrt() / d.powi(3) * PRESSURE_GPA);
    let pressure = -(xx + yy + zz) / 3.0;
    let differences = (xx - yy).powi(2) + (yy - zz).powi(2) + (zz - xx).powi(2);
    let shear = xy * xy + xz * xz + yz * yz;
    let von_mises = (0.5 * differences + 3.0 * shear).sqrt();
    let found = |name| reals(&record, BOUNDARIES, name)[0];
    assert!(close(found("neck_pressure"), pressure, 1e-6), "{} {pressure}", found("neck_pressure"));
    assert!(close(found("neck_von_mises"), von_mises, 1e-6), "{}", found("neck_von_mises"));

    let apart = [sphere(10.0), moved(&sphere(10.0), [30.0, 0.0, 0.0])];
    let open = measured(&atoms_of(&apart), 1);
    assert!(reals(&open, BOUNDARIES, "neck_pressure")[0].is_nan());
    assert!(reals(&open, BOUNDARIES, "neck_von_mises")[0].is_nan());
}

/// At rest where it came to lie, though the particle that it came from drifts.
#[test]
fn an_atom_that_has_departed_has_no_stress_of_motion() {
    let mut all = atoms_of(&[[sphere(8.0), vec![[60.0, 0.0, 0.0]]].concat()]);
    let last = all.len() - 1;
    all[..last].iter_mut().for_each(|atom| atom.velocity = [5.0, 0.0, 0.0]);
    let (comm, cell) = (Comm::single(), free_box());
    let (mut atoms, routes) = share_by_routes(&all, &cell, &comm);
    atoms.border = [50.0; 3];
    let neighbours = neighbours_of(&atoms);
    let virials = vec![[0.0; 6]; atoms.owned];
    let now = Snapshot { virials: Some(&virials), ..snapshot(&atoms, &neighbours, &cell, &comm) };
    let close_up = Observers::new(CUTOFF, cell.periodic).close_up(now, &routes);
    assert!(close_up.atoms.stress(last).unwrap().iter().all(|x| *x == 0.0));
}
