use super::trajectory::{ALL, create, write_steps};
use super::*;
use crate::write::hdf5::File;
use crate::write::survey::survey;
use std::path::Path;

/// A file of three frames, spoiled by `spoil`, and what the survey says of it.
fn refusal(spoil: impl Fn(&File)) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (path, comm) = (folder.path().join("a.h5md"), Comm::single());
    write(&path, &comm);
    let file = File::open(&path, &comm, true).unwrap();
    spoil(&file);
    file.close().unwrap();
    survey(&path).expect_err("it is unsound").to_string()
}

fn write(path: &Path, comm: &Comm) {
    let mut trajectory = create(path, comm, ALL);
    write_steps(&mut trajectory, [0, 10, 20].into_iter());
    trajectory.close().unwrap();
}

#[test]
fn a_sound_file_is_told_from_first_to_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5md");
    write(&path, &Comm::single());
    let told = survey(&path).unwrap();
    assert_eq!((told.atoms, told.frames.rows), (ATOMS, 3));
    assert_eq!((told.frames.first, told.frames.last), (Some((0, 0.0)), Some((20, 0.04))));
    assert_eq!(told.composition, [("Fe".into(), [10, 10]), ("Pt".into(), [40, 40])]);
    assert_eq!((told.periodic, told.edges), ([true, true, false], [[10.0, 11.0, 0.0]; 2]));
    assert_eq!(
        told.content,
        ["coordinates", "velocities", "forces", "potential_energy", "exact (f64)"]
    );
    let names: Vec<&str> = told.series.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["pairs", "thermo"]);
    assert!(told.series.iter().all(|(_, span)| span.rows == 6));
    assert_eq!(told.potential[0].0, "FePt.library");
}

#[test]
fn what_is_wrong_is_named() {
    let told = refusal(|file| {
        file.dataset("/coordinates").unwrap().write(&[1, 7, 2], &[1, 1, 1], &[f64::NAN]).unwrap();
    });
    assert!(told.ends_with("coordinates of atom 7 in frame 1 is no number"), "{told}");
    let told = refusal(|file| {
        file.dataset("/id").unwrap().write(&[2, 4], &[1, 1], &[5i64]).unwrap();
    });
    assert!(told.ends_with("id 5 at the place of atom 4 in frame 2"), "{told}");
    let told = refusal(|file| file.dataset("/step").unwrap().write(&[1], &[1], &[0i64]).unwrap());
    assert!(told.ends_with("position/step does not rise after row 0"), "{told}");
    let told = refusal(|file| file.dataset("/velocities").unwrap().set_rows(2).unwrap());
    assert!(told.contains("velocity/value has the shape [2, 50, 3] for 3 frames"), "{told}");
    let told =
        refusal(|file| file.dataset("/sinter/thermo/temperature").unwrap().set_rows(9).unwrap());
    assert!(told.contains("thermo/temperature has 9 rows, not 6"), "{told}");
}
