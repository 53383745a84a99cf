use super::*;
use crate::observe::{Column, Record, Series};
use crate::write::hdf5::{File, Text};
use crate::write::schema;
use std::path::Path;

pub const ALL: Content = Content { forces: true, energies: true, ..Content::bare(true) };

pub fn create<'c>(path: &Path, comm: &'c Comm, content: Content) -> Trajectory<'c> {
    let job = Job::new(comm, 1);
    let origin = (&provenance(), &job);
    Trajectory::create(path, comm, ATOMS, cell().periodic, content, origin).unwrap()
}

fn resume<'c>(path: &Path, comm: &'c Comm, step: u64) -> Trajectory<'c> {
    let mut origin = provenance();
    let checkpoint = format!("checkpoint-{step}.h5");
    origin.lineage.push(Restart { step, checkpoint, changes: Vec::new() });
    let mut trajectory = Trajectory::resume(path, comm, (step, None), &origin.species).unwrap();
    trajectory.write_restart(step, (&origin, &Job::new(comm, 2))).unwrap();
    trajectory
}

/// A frame and two points of a series for every step.
pub fn write_steps(trajectory: &mut Trajectory, steps: impl Iterator<Item = u64>) {
    for step in steps {
        let (time_ps, atoms) = (0.002 * step as f64, atoms_at(step));
        trajectory.append_series(&record(step)).unwrap();
        let frame = Frame {
            step,
            time_ps,
            cell: &cell(),
            atoms: &atoms,
            more: None,
            together: true,
            moving: true,
        };
        trajectory.append(&frame).unwrap();
        trajectory.append_series(&record(step + 5)).unwrap();
    }
}

fn record(step: u64) -> Record {
    let mut gap = Column::real("gap", "Angstrom", "Smallest distance.", 0.0);
    gap.shape = vec![2];
    gap.values = crate::observe::Values::Real(vec![step as f64, 1.0]);
    let thermo = Series {
        path: "/sinter/thermo",
        columns: vec![
            Column::real("temperature", "K", "Kinetic.", 300.0 + step as f64),
            Column::count("evaporated", "Atoms without a neighbour.", step as i64),
        ],
    };
    let pairs = Series { path: "/sinter/pairs", columns: vec![gap] };
    let none = Series { path: "/sinter/none", columns: vec![] };
    Record { step, time_ps: 0.002 * step as f64, series: vec![thermo, pairs, none] }
}

fn steps(path: &Path, dataset: &str) -> Vec<i64> {
    let comm = Comm::single();
    File::open(path, &comm, false).unwrap().dataset(dataset).unwrap().read_all().unwrap()
}

#[test]
fn frames_come_back_in_order_of_id_and_unwrapped() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    let mut trajectory = create(&path, &comm, ALL);
    write_steps(&mut trajectory, [0, 10].into_iter());
    trajectory.close().unwrap();

    let file = File::open(&path, &comm, false).unwrap();
    let position = file.dataset("/coordinates").unwrap();
    assert_eq!(position.shape().unwrap(), [2, ATOMS, 3]);
    let second: Vec<f64> = position.read(&[1, 0, 0], &[1, ATOMS, 3]).unwrap();
    let force: Vec<f64> =
        file.dataset("/forces").unwrap().read(&[1, 0, 0], &[1, ATOMS, 3]).unwrap();
    let atoms = atoms_at(10);
    for i in 0..atoms.owned {
        let id = atoms.id[i] as usize;
        let expected = cell().unwrap(&atoms.position[i], &atoms.image[i]);
        assert_eq!(second[3 * id..3 * id + 3], expected);
        assert_eq!(force[3 * id..3 * id + 3], atoms.force_on(i));
    }
    let edges: Vec<f64> = file.dataset("/cell_lengths").unwrap().read_all().unwrap();
    assert_eq!(edges, [10.0, 11.0, 0.0, 10.0, 11.0, 0.0], "0 where the box is free");
    let species: Vec<i32> = file.dataset("/atom_types").unwrap().read_all().unwrap();
    assert_eq!(species[..6], [26, 78, 78, 78, 78, 26]);
}

#[test]
fn parameters_tell_the_whole_origin() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    create(&path, &comm, ALL).close().unwrap();
    let file = File::open(&path, &comm, false).unwrap();
    assert_eq!(file.read_text("/parameters/input").unwrap(), provenance().input);
    let library = "/parameters/potential/FePt.library";
    assert_eq!(file.read_text(library).unwrap(), "abc");
    // SHA-256 of "abc": FIPS 180-2, appendix B.1.
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(file.text_attribute(library, "sha256").unwrap(), known);
    assert_eq!(file.number_attribute::<i64>("/parameters", "seed").unwrap(), 7);
    assert_eq!(file.number_attribute::<f64>("/parameters/species/Fe", "mass").unwrap(), 55.847);
    let unit = file.text_attribute(&schema::POSITION.value(), "unit").unwrap();
    assert_eq!(unit, "Angstrom");
}

#[test]
fn no_step_stands_twice_after_a_resume_and_the_file_is_as_if_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let comm = Comm::single();
    let [whole, broken] = ["whole.h5md", "broken.h5md"].map(|name| folder.path().join(name));
    let mut trajectory = create(&whole, &comm, ALL);
    write_steps(&mut trajectory, (0..5).map(|n| 10 * n));
    trajectory.close().unwrap();

    let mut trajectory = create(&broken, &comm, ALL);
    write_steps(&mut trajectory, (0..4).map(|n| 10 * n));
    trajectory.close().unwrap();
    let mut trajectory = resume(&broken, &comm, 20);
    // What it has of the step itself comes again.
    assert_eq!((trajectory.frames(), trajectory.last_step()), (2, Some(10)));
    write_steps(&mut trajectory, (2..5).map(|n| 10 * n));
    trajectory.close().unwrap();

    assert_eq!(steps(&broken, "/step"), [0, 10, 20, 30, 40]);
    for name in ["/step", "/sinter/thermo/step", "/sinter/thermo/evaporated"] {
        assert_eq!(steps(&broken, name), steps(&whole, name), "{name}");
    }
    let read = |path: &Path, name: &str| -> Vec<f64> {
        File::open(path, &comm, false).unwrap().dataset(name).unwrap().read_all().unwrap()
    };
    for name in ["/coordinates", "/velocities", "/time", "/sinter/pairs/gap"] {
        assert!(read(&broken, name) == read(&whole, name), "{name}");
    }
    let file = File::open(&broken, &comm, false).unwrap();
    let restart = "/parameters/restarts/0001";
    assert_eq!(file.number_attribute::<i64>(restart, "step").unwrap(), 20);
    assert_eq!(file.text_attribute(restart, "checkpoint").unwrap(), "checkpoint-20.h5");
}

#[test]
fn a_file_resumed_at_step_zero_begins_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    let bare = Content::bare(false);
    let mut trajectory = create(&path, &comm, bare);
    write_steps(&mut trajectory, [0, 10].into_iter());
    trajectory.close().unwrap();
    let trajectory = resume(&path, &comm, 0);
    assert_eq!(trajectory.content(), bare);
    trajectory.close().unwrap();
    assert!(steps(&path, "/step").is_empty());
    assert!(steps(&path, "/sinter/thermo/step").is_empty());
}

#[test]
fn a_trajectory_to_look_at_is_rounded_and_stays_as_it_was_begun() {
    let folder = tempfile::tempdir().unwrap();
    let comm = Comm::single();
    let [exact, small] = ["exact.h5md", "small.h5md"].map(|name| folder.path().join(name));
    let content = Content { form: Form { bits: Some(9), compressed: true }, ..ALL };
    for (path, content) in [(&exact, ALL), (&small, content)] {
        let mut trajectory = create(path, &comm, content);
        write_steps(&mut trajectory, (0..3).map(|n| 10 * n));
        trajectory.close().unwrap();
        let mut trajectory = resume(path, &comm, 20);
        assert_eq!((trajectory.content(), trajectory.frames()), (content, 2));
        write_steps(&mut trajectory, [20, 30].into_iter());
        trajectory.close().unwrap();
    }
    let [exact, small] = [exact, small].map(|path| File::open(&path, &comm, false).unwrap());
    let of = |name: &str| -> (Vec<f64>, Vec<f32>) {
        let [exact, small] = [&exact, &small].map(|file| file.dataset(name).unwrap());
        assert!(small.is_compressed().unwrap() && !exact.is_compressed().unwrap());
        assert_eq!(small.shape().unwrap(), exact.shape().unwrap());
        (exact.read_all().unwrap(), small.read_all().unwrap())
    };
    for name in ["/coordinates", "/velocities"] {
        let (exact, small) = of(name);
        assert!(small.iter().all(|x| (512.0 * x).fract() == 0.0), "{name}");
        let off = exact.iter().zip(&small).map(|(a, b)| (a - *b as f64).abs());
        assert!(off.fold(0.0, f64::max) <= 0.5 / 512.0, "{name}");
    }
    for name in ["/forces", "/potential_energy"] {
        let (exact, small) = of(name);
        assert!(exact.iter().zip(&small).all(|(a, b)| *a as f32 == *b), "{name}");
    }
    for name in ["/id", "/step", "/sinter/thermo/step"] {
        let [a, b] = [&exact, &small].map(|f| f.dataset(name).unwrap().read_all::<i64>().unwrap());
        assert_eq!(a, b, "{name}");
    }
    let told = crate::write::survey::survey(&folder.path().join("small.h5md")).unwrap();
    assert_eq!(told.frames.rows, 4);
    assert!(told.content.contains(&"positions to 9.8e-4 Å (f32)".to_string()));
}

#[test]
fn a_series_of_an_earlier_version_gets_the_columns_that_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    let mut trajectory = create(&path, &comm, ALL);
    write_steps(&mut trajectory, [0, 10].into_iter());
    trajectory.close().unwrap();
    let mut trajectory = resume(&path, &comm, 15);
    let mut more = record(20);
    more.series[0].columns.push(Column::real("pressure", "GPa", "New.", 2.5));
    more.series[0].columns.push(Column::text("stage", "New.", "heat up"));
    more.series[0].columns.push(Column::count("frozen", "At rest", 7));
    trajectory.append_series(&more).unwrap();
    trajectory.close().unwrap();
    let file = File::open(&path, &comm, false).unwrap();
    let pressure: Vec<f64> = file.dataset("/sinter/thermo/pressure").unwrap().read_all().unwrap();
    assert!(pressure[..3].iter().all(|p| p.is_nan()) && pressure[3..] == [2.5]);
    let stage: Vec<Text> = file.dataset("/sinter/thermo/stage").unwrap().read_all().unwrap();
    assert_eq!((stage[0], stage[3]), (Text::new(""), Text::new("heat up")));
    let frozen: Vec<i64> = file.dataset("/sinter/thermo/frozen").unwrap().read_all().unwrap();
    assert_eq!(frozen, [-1, -1, -1, 7]);
    let told = file.text_attribute("/sinter/thermo/frozen", "definition").unwrap();
    assert_eq!(told, "At rest; -1 before step 20: not measured");
    assert_eq!(file.text_attribute("/sinter/thermo/step", "unit").unwrap(), "1");
}

#[test]
fn a_series_of_many_particles_takes_little_room() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    let mut trajectory = create(&path, &comm, ALL);
    trajectory.synchronise().unwrap();
    let before = std::fs::metadata(&path).unwrap().len();
    for step in 0..300 {
        let mut many = record(step);
        let gaps: Vec<f64> = (0..1000).map(|pair| (step * 1000 + pair) as f64).collect();
        many.series[1].columns[0].shape = vec![1000];
        many.series[1].columns[0].values = crate::observe::Values::Real(gaps);
        trajectory.append_series(&many).unwrap();
        if step == 0 {
            trajectory.synchronise().unwrap();
            let took = std::fs::metadata(&path).unwrap().len() - before;
            // 8 kB of numbers, and indices; 2 MB with 256 rows in a chunk.
            assert!(took < 200_000, "{took} bytes for a row of 1000 pairs");
        }
    }
    trajectory.close().unwrap();
    let gap = File::open(&path, &comm, false).unwrap().dataset("/sinter/pairs/gap").unwrap();
    let all: Vec<f64> = gap.read_all().unwrap();
    assert!(all.len() == 300_000 && all.iter().enumerate().all(|(i, &x)| x == i as f64));
}

#[test]
fn a_column_that_only_another_version_measures_goes_on_without_values() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    let with = |step: u64| {
        let mut more = record(step);
        more.series[0].columns.push(Column::real("enthalpy", "eV", "Old.", 2.5));
        more.series[0].columns.push(Column::count("vacancies", "Old.", 3));
        more.series[0].columns.push(Column::text("phase", "Old.", "solid"));
        more
    };
    let mut trajectory = create(&path, &comm, ALL);
    [0, 10].iter().for_each(|&step| trajectory.append_series(&with(step)).unwrap());
    trajectory.close().unwrap();
    for step in [20, 30] {
        let mut trajectory = resume(&path, &comm, step);
        trajectory.append_series(&record(step)).unwrap();
        trajectory.close().unwrap();
    }
    let file = File::open(&path, &comm, false).unwrap();
    let enthalpy: Vec<f64> = file.dataset("/sinter/thermo/enthalpy").unwrap().read_all().unwrap();
    assert!(enthalpy[..2] == [2.5; 2] && enthalpy[2..].iter().all(|h| h.is_nan()));
    assert_eq!(enthalpy.len(), 4);
    assert_eq!(steps(&path, "/sinter/thermo/vacancies"), [3, 3, -1, -1]);
    assert_eq!(steps(&path, "/sinter/thermo/evaporated"), [0, 10, 20, 30]);
    let phase: Vec<Text> = file.dataset("/sinter/thermo/phase").unwrap().read_all().unwrap();
    assert_eq!((phase[1], phase[3]), (Text::new("solid"), Text::new("")));
    let note = file.text_attribute("/sinter/thermo/vacancies", "note").unwrap();
    assert_eq!(note, "not measured from step 20 on, by another program version");
}

/// A point of the series at a step, with so many pairs.
fn of_pairs(step: u64, pairs: usize) -> Record {
    let mut record = record(step);
    let values =
        crate::observe::Values::Real((0..pairs).map(|k| (100 * step) as f64 + k as f64).collect());
    let gap = Column { shape: vec![pairs], values, ..Column::real("gap", "Angstrom", "Gap.", 0.0) };
    let ids = crate::observe::Values::Integer((0..2 * pairs as i64).collect());
    let ids =
        Column { shape: vec![pairs, 2], values: ids, ..Column::count("particles", "Who.", 0) };
    record.series[1].columns = vec![gap, ids];
    record
}

/// How many pairs there are at a step: some are found at 20, at 50, and more than a chunk holds at 60.
fn found(step: u64) -> usize {
    match step {
        0..20 => 1,
        20..50 => 3,
        50..60 => 4,
        _ => 70,
    }
}

#[test]
fn series_of_pairs_widen_as_pairs_are_found_and_a_resumed_file_is_as_if_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let comm = Comm::single();
    let [whole, broken] = ["whole.h5md", "broken.h5md"].map(|name| folder.path().join(name));
    let append = |trajectory: &mut Trajectory, steps: std::ops::Range<u64>| {
        for step in steps.step_by(5) {
            trajectory.append_series(&of_pairs(step, found(step))).unwrap();
        }
    };
    let mut trajectory = create(&whole, &comm, ALL);
    append(&mut trajectory, 0..100);
    trajectory.close().unwrap();
    let mut trajectory = create(&broken, &comm, ALL);
    append(&mut trajectory, 0..30);
    trajectory.synchronise().unwrap();
    append(&mut trajectory, 30..70);
    trajectory.close().unwrap();
    // Before some of the pairs that the file knows were found.
    let mut trajectory = resume(&broken, &comm, 35);
    append(&mut trajectory, 35..45);
    trajectory.close().unwrap();
    let mut trajectory = resume(&broken, &comm, 45);
    append(&mut trajectory, 45..100);
    trajectory.close().unwrap();

    let [whole, broken] = [whole, broken].map(|path| File::open(&path, &comm, false).unwrap());
    let gap = whole.dataset("/sinter/pairs/gap").unwrap();
    assert_eq!(gap.shape().unwrap(), [20, 70]);
    let gaps: Vec<f64> = gap.read_all().unwrap();
    let ids = whole.dataset("/sinter/pairs/particles").unwrap();
    assert_eq!(ids.shape().unwrap(), [20, 70, 2]);
    let ids: Vec<i64> = ids.read_all().unwrap();
    for (row, step) in (0..100).step_by(5).enumerate() {
        for k in 0..70 {
            let (gap, id) = (gaps[70 * row + k], ids[140 * row + 2 * k + 1]);
            match k < found(step) {
                true => assert!(gap == (100 * step) as f64 + k as f64 && id == 2 * k as i64 + 1),
                false => assert!(gap.is_nan() && id == -1, "{step} {k}: {gap} {id}"),
            }
        }
    }
    let again: Vec<f64> = broken.dataset("/sinter/pairs/gap").unwrap().read_all().unwrap();
    assert!(
        again.len() == gaps.len()
            && again.iter().zip(&gaps).all(|(a, b)| a.to_bits() == b.to_bits())
    );
    let again: Vec<i64> = broken.dataset("/sinter/pairs/particles").unwrap().read_all().unwrap();
    assert_eq!(again, ids);
}

/// A file whose rows of pairs could not widen, as earlier versions made them.
#[test]
fn rows_of_pairs_that_cannot_widen_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    let mut trajectory = create(&path, &comm, ALL);
    trajectory.append_series(&of_pairs(0, 1)).unwrap();
    trajectory.close().unwrap();
    let file = File::open(&path, &comm, true).unwrap();
    let [gap, ids] = ["gap", "particles"].map(|name| format!("/sinter/pairs/{name}"));
    [&gap, &ids].iter().for_each(|name| file.unlink(name).unwrap());
    let old = file.create_growing::<f64>(&gap, &[1], &[8, 1]).unwrap();
    old.set_rows(1).unwrap();
    old.write_known(&[0, 0], &[1, 1], &[7.5]).unwrap();
    let old = file.create_growing::<i64>(&ids, &[1, 2], &[8, 1, 2]).unwrap();
    old.set_rows(1).unwrap();
    old.write_known(&[0, 0, 0], &[1, 1, 2], &[0i64, 1]).unwrap();
    file.flush().unwrap();
    drop((old, file));

    let mut trajectory = resume(&path, &comm, 5);
    trajectory.append_series(&of_pairs(5, 3)).unwrap();
    trajectory.close().unwrap();
    let file = File::open(&path, &comm, false).unwrap();
    let gaps: Vec<f64> = file.dataset(&gap).unwrap().read_all().unwrap();
    assert!(gaps[0] == 7.5 && gaps[1..3].iter().all(|gap| gap.is_nan()), "{gaps:?}");
    assert_eq!(gaps[3..], [500.0, 501.0, 502.0]);
    let ids: Vec<i64> = file.dataset(&ids).unwrap().read_all().unwrap();
    assert_eq!(ids, [0, 1, -1, -1, -1, -1, 0, 1, 2, 3, 4, 5]);
}
