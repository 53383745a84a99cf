//! Gaps and necks: spheres, cylinders, facets.

use super::*;

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

/// Adatoms that touch are a contact; a layer of both sides that holds is a neck, from its
/// first moment on, until the gap opens.
#[test]
fn a_neck_is_a_layer_that_holds() {
    let half = 0.5 * LATTICE_CONSTANT;
    let face = 4.0 * half;
    let ball = sites(face, |x| x.iter().all(|x| x.abs() <= face));
    // Two adatoms in a row across a gap of three missing layers.
    let mut touched = [ball.clone(), moved(&ball, [2.0 * face + 6.0 * half, 0.0, 0.0])];
    touched[0].extend([[face + half, 0.0, half], [face + 2.0 * half, 0.0, 0.0]]);
    touched[1].extend([[face + 5.0 * half, 0.0, half], [face + 4.0 * half, 0.0, 0.0]]);
    touched[1].push([face + 3.0 * half, 0.0, half]);
    let apart = [ball.clone(), moved(&ball, [2.0 * face + 6.0 * half, 0.0, 0.0])];
    let joined = [ball.clone(), moved(&ball, [2.0 * face + half, half, 0.0])];
    let (comm, cell) = (Comm::single(), free_box());
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    let mut at = |time_ps: f64, particles: &[Vec<Vec3>; 2]| {
        measured_at(
            time_ps,
            &mut observers,
            share(&atoms_of(particles), &cell, &comm),
            &cell,
            &comm,
        )
    };
    let nan = |record: &Record, name: &str| pair(record, name).is_nan();

    let first = at(0.0, &apart);
    assert!(nan(&first, "first_contact_time") && nan(&first, "neck_time"));
    assert_eq!(pair(&first, "shrinkage"), 0.0);
    let contact = at(0.5, &touched);
    assert_eq!(pair(&contact, "gap"), 0.0);
    assert_eq!(reals(&contact, "/sinter/pairs", "bridging_atoms"), [1.0, 1.0]);
    assert_eq!(pair(&contact, "first_contact_time"), 0.5);
    assert!(nan(&at(2.5, &touched), "neck_time"), "however long they touch");

    for (time, stands) in [(3.0, false), (3.9, false), (4.0, true), (4.5, true)] {
        let record = at(time, &joined);
        let found = pair(&record, "neck_time");
        let merger = record.series("/sinter/mergers").is_some();
        assert_eq!(merger, time == 4.0, "once, when it is found");
        if merger {
            assert_eq!(reals(&record, "/sinter/mergers", "particles"), [0.0, 1.0]);
            assert_eq!(reals(&record, "/sinter/mergers", "neck_time"), [3.0]);
            assert_eq!(reals(&record, "/sinter/mergers", "first_contact_time"), [0.5]);
            let approach = reals(&record, "/sinter/mergers", "approach")[0];
            assert!(approach.abs() < 0.5, "{approach}");
            let series = record.series("/sinter/mergers").unwrap();
            let closure = &series.column("closure").unwrap().values;
            assert_eq!(*closure, Values::Text(vec!["surface diffusion".into()]));
        }
        assert!(if stands { found == 3.0 } else { found.is_nan() }, "at {time}: {found}");
        assert!(reals(&record, "/sinter/pairs", "bridging_atoms").iter().all(|&n| n >= 4.0));
    }
    // A neck that thins out stands as long as it closes the gap.
    assert_eq!(pair(&at(5.0, &touched), "neck_time"), 3.0);
    let opened = at(6.0, &apart);
    assert!(opened.series("/sinter/mergers").is_none());
    assert!(nan(&opened, "neck_time"));
    assert_eq!(pair(&opened, "first_contact_time"), 0.5);
    assert!(nan(&at(7.0, &joined), "neck_time"), "the time begins anew");
    let record = at(8.0, &joined);
    assert_eq!(pair(&record, "neck_time"), 7.0);
    let [before, now] = [2.0 * face + 6.0 * half, (2.0 * face + half).hypot(half)];
    assert!(close(pair(&record, "shrinkage"), (before - now) / before, ROUNDING));
}

#[test]
fn the_composition_of_a_neck_is_counted() {
    let mut atoms = atoms_of(&dumbbell(15.0, 20.0, 6.0));
    atoms.iter_mut().for_each(|atom| atom.species = (atom.id % 3 == 0) as u32);
    let record = measure(&atoms);
    let neck = reals(&record, "/sinter/pairs", "neck_species");
    assert_eq!(neck.iter().sum::<f64>(), pair(&record, "neck_atoms"));
    // The slab 3/4 a thick about a narrowest place anywhere in the cylinder.
    let iron = atoms.iter().filter(|a| a.species == 1);
    let within = |x: f64| {
        let near = |a: &&Atom| (a.position[0] - x).abs() < 0.375 * LATTICE_CONSTANT;
        iron.clone().filter(near).count() as f64
    };
    assert!((-64..=64).any(|n| within(0.125 * n as f64) == neck[1]), "{neck:?}");
    assert!(neck.iter().all(|&n| n > 3.0));
}

/// A checkpoint of a program that knew no necks.
#[test]
fn what_earlier_checkpoints_do_not_tell_is_not_known() {
    let text = r#"{"contacts":[{"particles":[0,1],"radii":[8.0,8.0],"first_closed_ps":0.25,"closed_since_ps":0.25}]}"#;
    let (comm, cell, ball) = (Comm::single(), free_box(), sphere(8.0));
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    observers.pairs = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&observers.pairs).unwrap(), text);
    let two = atoms_of(&[ball.clone(), moved(&ball, [20.0, 0.0, 0.0])]);
    let record = measured(&mut observers, &two, &cell, &comm);
    assert!(pair(&record, "shrinkage").is_nan());
    assert_eq!(pair(&record, "first_contact_time"), 0.25);
}

/// Adatoms on two facing (100) facets: these are traced by the rule, and others by name.
#[test]
fn adatoms_in_the_gap_are_found_and_followed() {
    let half = 0.5 * LATTICE_CONSTANT;
    let cube = sites(4.0 * half, |x| x.iter().all(|x| x.abs() <= 4.0 * half));
    let face = 4.0 * half;
    let mut pair = [cube.clone(), moved(&cube, [2.0 * face + 8.0, 0.0, 0.0])];
    // Shaken, each differently.
    pair[0].extend([[face + half + 0.2, 0.0, half], [face + half - 0.2, half, 0.0]]);
    pair[1].push([face + 8.0 - half + 0.1, -half, 0.0]);
    let mut all = atoms_of(&pair);
    let (count, cell) = (cube.len() as u64, free_box());
    let wanted = TracesConfig { atoms: Some(TracedAtoms::Gap), ids: vec![5], interval_ps: 0.01 };
    let adatoms = [count, count + 1, 2 * count + 2];
    all.sort_by_key(|a| a.id.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for ranks in [1, 3] {
        let traced = threads::run(ranks, |comm| {
            let mut observers = Observers::new(CUTOFF, [false; 3]);
            measured(&mut observers, &all, &cell, comm);
            let atoms = share(&all, &cell, comm);
            let neighbours = neighbours_of(&atoms);
            let now = snapshot(&atoms, &neighbours, &cell, comm);
            let apart = Snapshot { together: false, ..now };
            assert_eq!(Observers::new(CUTOFF, [false; 3]).trace(apart, &wanted), (None, None));
            let (record, told) = observers.trace(now, &wanted);
            assert_eq!((told, record.is_some()), (None, true));
            assert_eq!(observers.trace(now, &wanted), (record.clone(), None));
            record.unwrap()
        });
        for record in traced {
            let ids: Vec<u64> =
                reals(&record, "/sinter/traces", "atoms").into_iter().map(|id| id as u64).collect();
            assert_eq!(ids, [&[5], &adatoms[..]].concat());
            let position = reals(&record, "/sinter/traces", "position");
            for (id, place) in ids.iter().zip(position.chunks_exact(3)) {
                assert_eq!(place, all.iter().find(|a| a.id == *id).unwrap().position);
            }
        }
    }
}

/// Three particles far apart, of which two meet later: until then nothing is traced, which is told once.
#[test]
fn a_gap_that_is_not_there_is_told_and_traced_when_it_is() {
    let (comm, cell, ball) = (Comm::single(), free_box(), sphere(8.0));
    let row = |x: f64| {
        let places = [0.0, x, 400.0];
        atoms_of(&places.map(|x| moved(&ball, [x, 0.0, 0.0])))
    };
    let mut observers = Observers::new(CUTOFF, [false; 3]);
    let mut look = |x: f64, ids: &[u64]| {
        let wanted =
            TracesConfig { atoms: Some(TracedAtoms::Gap), ids: ids.to_vec(), interval_ps: 0.01 };
        let all = row(x);
        measured(&mut observers, &all, &cell, &comm);
        let atoms = share(&all, &cell, &comm);
        let neighbours = neighbours_of(&atoms);
        let (record, told) =
            observers.clone().trace(snapshot(&atoms, &neighbours, &cell, &comm), &wanted);
        let by_name = record.map(|record| reals(&record, "/sinter/traces", "atoms"));
        if ids.is_empty() {
            let now = snapshot(&atoms, &neighbours, &cell, &comm);
            assert_eq!(observers.trace(now, &wanted).0.is_some(), by_name.is_some());
        }
        (by_name, told)
    };
    let (traced, told) = look(200.0, &[7]);
    assert_eq!(traced, Some(vec![7.0]));
    assert!(told.unwrap().ends_with("only the paths of `ids` are kept"));
    let (traced, told) = look(200.0, &[]);
    assert_eq!(traced, None);
    let told = told.unwrap();
    assert!(told.ends_with("near it: no paths are kept until there are"), "{told}");
    assert_eq!(look(200.0, &[]), (None, None));
    let (traced, told) = look(20.0, &[]);
    assert!(traced.unwrap().len() >= 2);
    assert_eq!(told, None);
}

#[test]
fn particles_that_move_together_are_told_from_gaps_that_fill() {
    let (comm, cell, ball) = (Comm::single(), free_box(), sphere(8.0));
    let face = ball.iter().map(|x| x[0]).fold(0.0, f64::max);
    let closure = |gaps: [f64; 2]| {
        let mut observers = Observers::new(CUTOFF, [false; 3]);
        for gap in gaps {
            let pair = [ball.clone(), moved(&ball, [2.0 * face + gap, 0.0, 0.0])];
            measured(&mut observers, &atoms_of(&pair), &cell, &comm);
        }
        let contact = observers.pairs.contacts()[0];
        (contact.closure(), contact.approach())
    };
    let (moved, approach) = closure([6.0, 2.0]);
    assert_eq!(moved, Some(Closure::Migration));
    assert!(close(approach.unwrap(), 4.0, ROUNDING));
    assert_eq!(closure([2.0, 2.0]).0, Some(Closure::Touching));
    assert_eq!(closure([6.0, 5.0]), (None, None));
}

/// Corners that overlap along the line of centres leave next to no gap, of which a thermal motion of the centres is more than half.
#[test]
fn a_gap_of_a_tenth_of_an_angstrom_is_not_closed_by_migration() {
    let closure = |gap: f64, approach: f64| {
        let contact = Contact {
            particles: [4, 21],
            found_ps: None,
            radii: [20.0; 2],
            first_closed_ps: Some(8.75),
            closed_since_ps: Some(16.0),
            first_distance: Some(50.6),
            first_gap: Some(gap),
            contact_distance: Some(50.6 - approach),
            layer_since_ps: Some(16.75),
            neck_since_ps: Some(16.75),
        };
        contact.closure()
    };
    assert_eq!(closure(0.13, 0.066), Some(Closure::Diffusion));
    assert_eq!(closure(0.13, 1.1), Some(Closure::Migration));
    assert_eq!(closure(6.0, 2.9), Some(Closure::Diffusion));
    assert_eq!(closure(6.0, 3.1), Some(Closure::Migration));
}

/// What three balls are measured as, at several times, with the observers brought through a
/// checkpoint before each.
fn at_times(ranks: usize, times: &[(f64, [Vec<Vec3>; 3])]) -> Vec<Vec<Record>> {
    let cell = free_box();
    threads::run(ranks, |comm| {
        let mut observers = Observers::new(CUTOFF, [false; 3]);
        let measure = |(time, particles): &(f64, [Vec<Vec3>; 3])| {
            let atoms = share(&atoms_of(particles), &cell, comm);
            let record = measured_at(*time, &mut observers, atoms, &cell, comm);
            let text = serde_json::to_string(&observers).unwrap();
            observers = serde_json::from_str(&text).unwrap();
            record
        };
        times.iter().map(measure).collect()
    })
}

#[test]
fn pairs_are_found_as_particles_move_and_stay_behind_those_before() {
    let ball = sphere(6.0);
    let at = |x: f64| moved(&ball, [x, 0.0, 0.0]);
    let places = |first: f64, third: f64| [at(first), at(17.0), at(third)];
    let times = [
        (0.0, places(0.0, 70.0)),
        (0.5, places(0.0, 34.0)),
        (1.0, places(4.0, 29.0)),
        (1.5, places(-60.0, 90.0)),
    ];
    for ranks in [1, 3] {
        for records in at_times(ranks, &times) {
            let pairs: Vec<Vec<f64>> =
                records.iter().map(|r| reals(r, "/sinter/pairs", "particles")).collect();
            let far = vec![0.0, 1.0, 1.0, 2.0, 0.0, 2.0];
            assert_eq!(pairs, [far[..2].to_vec(), far[..4].to_vec(), far.clone(), far]);
            let distance = |k: usize| reals(&records[k], "/sinter/pairs", "centre_distance");
            let close_to = |found: Vec<f64>, wanted: &[f64]| {
                assert_eq!(found.len(), wanted.len());
                found.iter().zip(wanted).for_each(|(a, b)| assert!(close(*a, *b, ROUNDING)));
            };
            close_to(distance(1), &[17.0, 17.0]);
            close_to(distance(2), &[13.0, 12.0, 25.0]);
            close_to(distance(3), &[77.0, 73.0, 150.0]);
            // From where each was when it was found.
            let shrinkage = reals(&records[2], "/sinter/pairs", "shrinkage");
            close_to(shrinkage, &[4.0 / 17.0, 5.0 / 17.0, 0.0]);
        }
    }
}

#[test]
fn rods_that_touch_at_their_ends_are_neighbours_however_long() {
    let rod = sites(60.0, |[x, y, z]| x.abs() <= 60.0 && y.hypot(z) <= 8.0);
    let half = 0.5 * LATTICE_CONSTANT;
    let end = rod.iter().map(|x| x[0]).fold(0.0, f64::max);
    let far = moved(&sphere(6.0), [0.0, 150.0, 0.0]);
    let pairs = |gap: f64| {
        let other = moved(&rod, [2.0 * end + gap, half, 0.0]);
        let record = measure(&atoms_of(&[rod.clone(), other, far.clone()]));
        record.series("/sinter/pairs").map(|_| reals(&record, "/sinter/pairs", "particles"))
    };
    assert_eq!(pairs(half), Some(vec![0.0, 1.0]));
    assert_eq!(pairs(12.0), None);
}

#[test]
fn mergers_tell_which_clusters_a_neck_joins() {
    let half = 0.5 * LATTICE_CONSTANT;
    let face = 4.0 * half;
    let cube = sites(face, |x| x.iter().all(|x| x.abs() <= face));
    let row = |gaps: [f64; 2]| {
        let second = 2.0 * face + gaps[0];
        let third = second + 2.0 * face + gaps[1];
        [cube.clone(), moved(&cube, [second, half, 0.0]), moved(&cube, [third, 0.0, 0.0])]
    };
    let (near, apart) = (half, 8.0);
    let times = [
        (0.0, row([apart, near])),
        (1.0, row([apart, near])),
        (2.0, row([near, near])),
        (3.0, row([near, near])),
        (4.0, row([apart, near])),
        (5.0, row([near, near])),
        (6.0, row([near, near])),
    ];
    for records in at_times(2, &times) {
        let rows: Vec<(f64, [Vec<f64>; 3])> = records
            .iter()
            .filter(|record| record.series("/sinter/mergers").is_some())
            .map(|record| {
                let column = |name: &str| reals(record, "/sinter/mergers", name);
                (record.time_ps, ["particles", "clusters", "cluster_particles"].map(column))
            })
            .collect();
        let row = |time, columns: [[f64; 2]; 3]| (time, columns.map(|c| c.to_vec()));
        assert_eq!(
            rows,
            [
                row(1.0, [[1.0, 2.0], [1.0, 2.0], [1.0, 1.0]]),
                row(3.0, [[0.0, 1.0], [0.0, 1.0], [1.0, 2.0]]),
                // It had opened.
                row(6.0, [[0.0, 1.0], [0.0, 1.0], [1.0, 2.0]]),
            ]
        );
    }
}
