//! Displacements that are known.

use super::*;

const DIFFUSION: &str = "/sinter/diffusion";
/// Sites: inner, (100), (111), (110), steps.
const KINDS: usize = 5;
const WINDOW: f64 = 10.0;
/// Normals are kept in single precision; displacements are below 1 Å.
const SINGLE: f64 = 1e-6;

/// A cube with (100) faces: its atoms are inside, at these, or at edges.
fn cube(half: f64) -> Vec<Vec3> {
    sites(half, |x| x.iter().all(|x| x.abs() <= half))
}

/// The axis of the face that a place of the cube is well within.
fn face(x: Vec3, half: f64) -> Option<usize> {
    let at = |d: &usize| x[*d].abs() > half - 0.1;
    let mut axes = (0..3).filter(at);
    let first = axes.next()?;
    let is_within = (0..3).all(|d| d == first || x[d].abs() < half - 5.0);
    is_within.then_some(first)
}

/// As measured on so many ranks, at each time with the atoms of then; what is kept goes through a checkpoint, and to
/// other ranks, before each.
fn told(
    moments: &[(f64, Vec<Atom>)],
    cell: impl Fn(f64) -> Cell + Sync,
    ranks: usize,
) -> Vec<Record> {
    let all = threads::run(ranks, |comm| {
        let mut observers = Observers::new(CUTOFF, cell(0.0).periodic);
        let measure = |(time, atoms): &(f64, Vec<Atom>)| {
            let cell = cell(*time);
            let (atoms, routes) = share_by_routes(atoms, &cell, comm);
            let text = serde_json::to_string(&observers).unwrap();
            let mut resumed: Observers = serde_json::from_str(&text).unwrap();
            resumed.take_back(comm, &to_the_next_rank(observers.beginnings(), comm));
            assert_eq!(resumed, observers);
            observers = resumed;
            let close_up = of_any_lists(&mut observers, &atoms, |observers, neighbours| {
                let mut now =
                    Snapshot { time_ps: *time, ..snapshot(&atoms, neighbours, &cell, comm) };
                now.settings.diffusion_window_ps = Some(WINDOW);
                now.settings.layers = true;
                observers.close_up(now, &routes)
            });
            close_up.record
        };
        moments.iter().map(measure).collect::<Vec<_>>()
    });
    assert!(all.iter().all(|other| format!("{other:?}") == format!("{:?}", all[0])));
    all.into_iter().next().unwrap()
}

/// What a rank has kept, on the rank behind it.
fn to_the_next_rank(kept: &Beginnings, comm: &Comm) -> Beginnings {
    let last = comm.size() - 1;
    let from = (comm.rank() + last) % comm.size();
    let of = |list: &[f64]| comm.all_gather(list)[from].clone();
    let place = of(kept.place.as_flattened());
    let normal: Vec<f64> = kept.normal.iter().flatten().map(|x| f64::from(*x)).collect();
    let normal = of(&normal);
    Beginnings {
        id: comm.all_gather(&kept.id)[from].clone(),
        place: place.chunks(3).map(|x| [x[0], x[1], x[2]]).collect(),
        normal: normal.chunks(3).map(|x| [x[0] as f32, x[1] as f32, x[2] as f32]).collect(),
        site: comm.all_gather(&kept.site)[from].clone(),
        layer: comm.all_gather(&kept.layer)[from].clone(),
        sum: of(kept.sum.as_flattened()).chunks(3).map(|x| [x[0], x[1], x[2]]).collect(),
        square: of(&kept.square),
    }
}

fn values(record: &Record, name: &str) -> Vec<f64> {
    reals(record, DIFFUSION, name)
}

/// Two cubes, of which the first stays and the second turns and goes away; the atoms of its faces go along them,
/// ever farther, and out of them.
#[test]
fn atoms_of_faces_go_along_them_however_their_particle_turns() {
    let half = 4.0 * LATTICE_CONSTANT;
    let coefficient = 0.02;
    let [still, moving] = [cube(half), cube(half)];
    let far = [60.0, 0.0, 0.0];
    let moment = |time: f64| {
        // 4 D t + c after the first frame.
        let along = if time > 0.0 { (4.0 * coefficient * time + 0.1).sqrt() } else { 0.0 };
        let places: Vec<Vec3> = moving
            .iter()
            .map(|x| {
                let mut x = *x;
                if let Some(axis) = face(x, half) {
                    x[(axis + 1) % 3] += along;
                    x[axis] += 0.5 * along * x[axis].signum();
                }
                x
            })
            .collect();
        let all = atoms_of(&[still.clone(), places]);
        let (first, second) = all.split_at(still.len());
        let second = turned(second, 0.3 * time / WINDOW, add(far, [0.0, time, 0.0]));
        (time, [first, &second].concat())
    };
    let times = [0.0, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0];
    let moments: Vec<_> = times.map(moment).to_vec();
    let series = told(&moments, |_| free_box(), 1);
    for ranks in [2, 3] {
        let other = told(&moments, |_| free_box(), ranks);
        assert_eq!(format!("{other:?}"), format!("{series:?}"), "{ranks} ranks");
    }
    assert!(
        series[0].series(DIFFUSION).is_none(),
        "a window begins with a frame, and has a row with the next"
    );
    let faces = moving.iter().filter(|x| face(**x, half).is_some()).count();
    let layers = |record: &Record| reals(record, "/sinter/layers", "atoms");
    assert_eq!(values(&series[1], "layer_atoms"), layers(&series[0]));
    assert_eq!(values(&series[7], "layer_atoms"), layers(&series[6]));
    for (time, series) in times.iter().zip(&series).skip(1) {
        let began = if *time > WINDOW { WINDOW } else { 0.0 };
        assert_eq!(values(series, "began"), [began]);
        let atoms = values(series, "atoms");
        assert_eq!(atoms[..KINDS].iter().sum::<f64>(), still.len() as f64);
        if began > 0.0 {
            continue;
        }
        assert_eq!(&atoms[..KINDS], &atoms[KINDS..]);
        let [square, along] =
            ["square_displacement", "along_facet"].map(|name| values(series, name));
        // No more atoms are at (100) than those that move, and some at the border of a face.
        let share = faces as f64 / atoms[1];
        assert!((0.3..=1.0).contains(&share), "{faces} of {}", atoms[1]);
        let way = 4.0 * coefficient * time + 0.1;
        assert!(close(along[KINDS - 1], share * way, SINGLE), "{along:?} {way} {share}");
        assert!(close(square[KINDS + 1], 1.25 * share * way, SINGLE), "{square:?}");
        let lindemann = values(series, "lindemann");
        assert!(lindemann[..4].iter().all(|x| *x < 1e-6) && lindemann[4] > 0.01, "{lindemann:?}");
        // The others stay, but for their rounding to the grid.
        for at in [0, 1, 4, KINDS, KINDS + 4] {
            assert!(square[at] < 1e-12, "{at}: {square:?}");
        }
        let told = values(series, "coefficient");
        if *time < 4.0 {
            assert!(told[KINDS + 1].is_nan(), "one frame from a fifth of the window on: {told:?}");
        } else {
            assert!(close(told[KINDS + 1], share * coefficient, SINGLE), "{told:?}");
            assert!(close(told[KINDS], 0.0, SINGLE));
        }
    }
}

/// What a barostat does to a box is no motion; that of an atom is, through a boundary too.
#[test]
fn a_box_that_grows_moves_no_atom() {
    let length = 6.0 * LATTICE_CONSTANT;
    let stretch = |time: f64| 1.0 + 0.001 * time;
    let cell = |time: f64| Cell::new([0.0; 3], [length * stretch(time); 3], [true; 3]);
    let crystal = sites(length, |x| x.iter().all(|x| (-1e-3..length - 1e-3).contains(x)));
    let moment = |time: f64| {
        let places = crystal.iter().map(|x| scale(*x, stretch(time))).collect();
        let mut all = atoms_of(&[places]);
        if time > 0.0 {
            // Out of the box and in again at its other side.
            all[0].position[0] =
                on_grid(all[0].position[0] - 0.5 * stretch(time) + cell(time).length[0]);
            all[0].image[0] = -1;
        }
        (time, all)
    };
    let moments: Vec<_> = [0.0, 5.0].map(moment).to_vec();
    for ranks in [1, 3] {
        let series = told(&moments, cell, ranks);
        let series = &series[1];
        let atoms = crystal.len() as f64;
        assert_eq!(values(series, "atoms"), [atoms, 0.0, 0.0, 0.0, 0.0]);
        let square = values(series, "square_displacement");
        // The centre of all goes with it; and it turns them a little.
        assert!(close(square[0], 0.25 / atoms, 0.01 * 0.25 / atoms), "{square:?}");
        assert!(square[1..].iter().all(|x| x.is_nan()));
    }
}

/// Atoms in the vapour, when a window began or now, count in none.
#[test]
fn vapour_is_no_diffusion() {
    let ball = sphere(9.0);
    let moment = |time: f64| {
        let mut all = atoms_of(&[ball.clone(), vec![[40.0, 0.0, 0.0]]]);
        if time > 0.0 {
            let outermost = all.iter().max_by(|a, b| a.position[0].total_cmp(&b.position[0]));
            let id = outermost.unwrap().id as usize;
            all[id - 1].position = [0.0, 50.0, 0.0];
        }
        (time, all)
    };
    let moments: Vec<_> = [0.0, 5.0].map(moment).to_vec();
    let series = told(&moments, |_| free_box(), 2);
    let atoms = values(&series[1], "atoms");
    assert_eq!(atoms.iter().sum::<f64>(), ball.len() as f64 - 1.0);
    assert_eq!(atoms[KINDS..].iter().sum::<f64>(), 0.0, "the second particle is vapour");
}

/// Particles that do not reach all along a box are moved by what a barostat does to it, and not stretched.
#[test]
fn a_box_that_shrinks_about_a_particle_moves_no_atom_in_it() {
    let ball = sphere(9.0);
    let cell = |time: f64| Cell::new([-40.0; 3], [80.0 - 4.0 * time; 3], [true; 3]);
    let moment = |time: f64| (time, atoms_of(&[moved(&ball, [30.0 - 2.0 * time, 0.0, 0.0])]));
    let moments: Vec<_> = [0.0, 5.0].map(moment).to_vec();
    let records = told(&moments, cell, 2);
    let square = values(&records[1], "square_displacement");
    assert!(square.iter().all(|x| x.is_nan() || *x < 1e-12), "{square:?}");
}
