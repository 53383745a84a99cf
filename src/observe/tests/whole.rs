//! The whole system and each particle: ideal gases, motion, any number of ranks.

use super::*;

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
fn a_drift_of_all_atoms_presses_on_nothing() {
    let cell = Cell::new([0.0; 3], [10.0, 20.0, 40.0], [true; 3]);
    let pressures = [[0.0; 3], [0.5, -8.0, 3.0]].map(|drift: [f64; 3]| {
        let mut atoms = atoms_of(&[vec![[1.0, 1.0, 1.0], [1.0, 11.0, 21.0]]]);
        atoms[0].velocity = std::array::from_fn(|k| drift[k] + [2.0, 1.0, 0.0][k]);
        atoms[1].velocity = std::array::from_fn(|k| drift[k] - [2.0, 1.0, 0.0][k]);
        let mut observers = Observers::new(CUTOFF, cell.periodic);
        let record = measured(&mut observers, &atoms, &cell, &Comm::single());
        ["pressure", "pressure_yy", "pressure_xy"].map(|name| thermo(&record, name))
    });
    let [still, moving] = pressures;
    for (one, other) in still.into_iter().zip(moving) {
        assert!(one > 0.0 && close(one, other, 1e-7 * one), "{one} {other}");
    }
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
    // About the centre of mass, which has half the velocity; summed in quanta of 2⁻⁴⁰ eV.
    for (name, value) in
        [("xx", 2.0), ("yy", 0.0), ("zz", 0.5), ("xy", 0.0), ("xz", -1.0), ("yz", 0.0)]
    {
        let found = thermo(&record, &format!("pressure_{name}"));
        assert!(close(found, value * gpa, 1e-9 * gpa), "{name}: {found}");
    }
    assert!(close(thermo(&record, "pressure"), 2.5 / 3.0 * gpa, 1e-9 * gpa));
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
        virials: None,
        one_body: None,
        swaps: None,
        degrees_of_freedom: 3.0,
        conserved_energy: 0.0,
        together: false,
        moving: true,
        settings: SETTINGS,
    };
    let error = Observers::new(CUTOFF, cell.periodic).measure(snapshot).unwrap_err();
    assert!(error.to_string().starts_with("step 12, atom 3: "), "{error}");
}

#[test]
fn the_gyration_tensor_has_the_shape_of_a_rod() {
    let rod = sites(12.0, |[x, y, z]| x.abs() <= 12.0 && y.hypot(z) <= 4.0);
    let record = measure(&atoms_of(std::slice::from_ref(&rod)));
    let tensor = reals(&record, "/sinter/particles", "gyration_tensor");
    for (k, (a, b)) in [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)].into_iter().enumerate() {
        let mean = rod.iter().map(|x| x[a] * x[b]).sum::<f64>() / rod.len() as f64;
        assert!(close(tensor[k], mean, ROUNDING), "{tensor:?}");
    }
    let radius = reals(&record, "/sinter/particles", "gyration_radius")[0];
    assert!(close(tensor[..3].iter().sum(), radius * radius, ROUNDING));
}
