//! Files as other programs may write them, and those of earlier versions of ours.

use super::*;
use ndarray::{Array3, arr0, arr1, arr2, arr3};

/// A minimal H5MD file: two frames of two atoms.
fn foreign(path: &Path) -> File {
    let file = File::create(path).unwrap();
    let group = file.create_group("particles/all").unwrap();
    let cell = group.create_group("box").unwrap();
    let boundary =
        ["periodic", "none", "periodic"].map(|name| FixedAscii::<16>::from_ascii(name).unwrap());
    cell.new_attr_builder().with_data(&arr1(&boundary)).create("boundary").unwrap();
    cell.new_dataset_builder().with_data(&arr1(&[10.0, 11.0, 12.0])).create("edges").unwrap();
    let position = group.create_group("position").unwrap();
    let frames: Array3<f64> =
        arr3(&[[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [[0.5, 0.0, 0.0], [1.5, 2.0, 3.0]]]);
    position.new_dataset_builder().with_data(&frames).create("value").unwrap();
    group.new_dataset_builder().with_data(&arr1(&[78i32, 26])).create("species").unwrap();
    file
}

fn in_folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.h5");
    (folder, path)
}

fn frame(path: &Path, frame: i64) -> Result<Frame> {
    read(path, Wanted { frame, ..Wanted::default() })
}

fn message(path: &Path, wanted: Wanted) -> String {
    let text = read(path, wanted).unwrap_err().to_string();
    text.replace(path.to_str().unwrap(), "a.h5")
}

/// Gives an element other values, and a unit if there is one.
fn put<'d, T: hdf5::H5Type + 'd, D: ndarray::Dimension>(
    group: &Group,
    name: &str,
    values: impl Into<ndarray::ArrayView<'d, T, D>>,
    unit: &str,
) {
    let _ = group.unlink(name);
    let made = group.new_dataset_builder().with_data(values).create(name).unwrap();
    if !unit.is_empty() {
        set_text(&made, "unit", unit);
    }
}

fn set_text(location: &Location, name: &str, value: &str) {
    let value: VarLenUnicode = value.parse().unwrap();
    location.new_attr::<VarLenUnicode>().create(name).unwrap().write_scalar(&value).unwrap();
}

fn types(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| name.to_string()).collect()
}

#[test]
fn any_frame_of_a_foreign_file() {
    let (_folder, path) = in_folder();
    foreign(&path);
    for (number, x) in [(0, 0.0), (1, 0.5), (-1, 0.5), (-2, 0.0)] {
        let frame = frame(&path, number).unwrap();
        assert_eq!(frame.positions, [[x, 0.0, 0.0], [x + 1.0, 2.0, 3.0]]);
        assert_eq!(frame.species, ["Pt", "Fe"]);
        assert_eq!(frame.periodic, [true, false, true]);
        assert_eq!(frame.lattice.unwrap()[1], [0.0, 11.0, 0.0]);
        assert_eq!(frame.velocities, None);
    }
}

#[derive(Clone, Copy, hdf5::H5Type)]
#[repr(u8)]
enum Kind {
    Pt = 1,
    Fe = 2,
}

#[test]
fn species_of_every_representation() {
    let (_folder, path) = in_folder();
    let file = foreign(&path);
    let group = file.group("particles/all").unwrap();
    let species = |wanted: &[String]| {
        read(&path, Wanted { types: wanted, ..Wanted::default() }).map(|frame| frame.species)
    };
    put(&group, "species", &arr1(&[Kind::Fe, Kind::Pt]), "");
    assert_eq!(species(&[]).unwrap(), ["Fe", "Pt"], "an enumeration");
    assert!(species(&types(&["Pt"])).unwrap_err().to_string().contains("leave `types` out"));

    let names = ["Co", "Pt"].map(|name| name.parse::<VarLenUnicode>().unwrap());
    put(&group, "species", &arr1(&names), "");
    assert_eq!(species(&[]).unwrap(), ["Co", "Pt"], "names of variable length");
    let names = ["Co", "Ni4"].map(|name| FixedAscii::<8>::from_ascii(name).unwrap());
    put(&group, "species", &arr1(&names), "");
    assert_eq!(species(&[]).unwrap(), ["Co", "Ni4"], "names of fixed length");

    put(&group, "species", &arr1(&[2u8, 1]), "");
    assert_eq!(species(&types(&["Pt", "Fe"])).unwrap(), ["Fe", "Pt"], "types");
    assert_eq!(species(&[]).unwrap(), ["He", "H"], "atomic numbers");

    put(&group, "species", &arr1(&[1001i32, 27]), "");
    let numbers = group.dataset("species").unwrap();
    let names = ["Co", "Ni4"].map(|name| FixedAscii::<8>::from_ascii(name).unwrap());
    numbers.new_attr_builder().with_data(&arr1(&names)).create("names").unwrap();
    numbers.new_attr_builder().with_data(&arr1(&[27i32, 1001])).create("numbers").unwrap();
    assert_eq!(species(&[]).unwrap(), ["Ni4", "Co"], "numbers with names beside them");
}

#[test]
fn a_file_of_an_earlier_version_is_read_where_it_tells_who_is_who() {
    let (_folder, path) = in_folder();
    let file = foreign(&path);
    let group = file.group("particles/all").unwrap();
    put(&group, "species", &arr1(&[1i32, 2]), "");
    set_text(&file.create_group("h5md/creator").unwrap(), "name", "sinter-hpc");
    for (name, number) in [("Co", 1i32), ("Pt", 2)] {
        let kind = file.create_group(&format!("parameters/species/{name}")).unwrap();
        kind.new_attr::<i32>().create("atomic_number").unwrap().write_scalar(&number).unwrap();
    }
    assert_eq!(frame(&path, 0).unwrap().species, ["Co", "Pt"]);
    let kind = file.group("parameters/species/Pt").unwrap();
    kind.attr("atomic_number").unwrap().write_scalar(&1i32).unwrap();
    let told = message(&path, Wanted::default());
    assert!(told.contains("species 1 stands for Co and for Pt"), "{told}");
}

#[test]
fn units_are_converted_and_unknown_ones_named() {
    let (_folder, path) = in_folder();
    let file = foreign(&path);
    let group = file.group("particles/all").unwrap();
    let cell = group.group("box").unwrap();
    put(&cell, "edges", &arr1(&[1.0, 1.1, 1.2]), "nm");
    let lengths = |frame: Frame| frame.lattice.map(|l| [l[0][0], l[1][1], l[2][2]]).unwrap();
    assert_eq!(lengths(frame(&path, 0).unwrap()), [10.0, 11.0, 12.0]);

    put(&cell, "edges", &arr1(&[1.0, 1.1, 1.2]), "");
    set_text(&group.dataset("position/value").unwrap(), "unit", "nm");
    let read = frame(&path, 1).unwrap();
    assert_eq!(read.positions[1], [15.0, 20.0, 30.0]);
    assert_eq!(lengths(read), [10.0, 11.0, 12.0], "a box without a unit has that of positions");

    put(&group, "velocity", &arr2(&[[0.1, 0.0, 0.0], [0.0, 0.0, 0.2]]), "nm ps-1");
    assert_eq!(frame(&path, 0).unwrap().velocities.unwrap()[1], [0.0, 0.0, 2.0]);
    put(&group, "velocity", &arr2(&[[0.0; 3]; 2]), "");
    let told = message(&path, Wanted::default());
    assert_eq!(told, "a.h5: `position` is in `nm`, but `velocity` names no unit");
    put(&group, "velocity", &arr2(&[[0.0; 3]; 2]), "sigma/tau");
    let told = message(&path, Wanted::default());
    assert_eq!(told, "a.h5: `velocity` is in `sigma/tau`, which is no unit known here");
    group.unlink("velocity").unwrap();
    put(&cell, "edges", &arr1(&[1.0, 1.1, 1.2]), "parsec");
    let told = message(&path, Wanted::default());
    assert_eq!(told, "a.h5: `box/edges` is in `parsec`, which is no unit known here");
}

#[test]
fn no_group_is_dropped_without_a_word() {
    let (_folder, path) = in_folder();
    let file = foreign(&path);
    let other = file.create_group("particles/solvent").unwrap();
    put(&other, "position", &arr2(&[[7.0, 0.0, 0.0]]), "");
    put(&other, "species", &arr1(&[1i32]), "");
    let told = message(&path, Wanted::default());
    assert_eq!(
        told,
        "a.h5: /particles holds the groups `all`, `solvent`: say which one holds the atoms, as \
         `group = \"all\"` in `[structure]`"
    );
    let chosen = |group| Wanted { group: Some(group), ..Wanted::default() };
    assert_eq!(read(&path, chosen("solvent")).unwrap().species, ["H"]);
    assert_eq!(read(&path, chosen("all")).unwrap().species, ["Pt", "Fe"]);
    let told = message(&path, chosen("none"));
    assert_eq!(told, "a.h5: the group `none` is wanted, but /particles holds `all`, `solvent`");
}

#[test]
fn what_changes_at_other_steps_than_the_positions_is_found_by_step() {
    let (_folder, path) = in_folder();
    let file = foreign(&path);
    let group = file.group("particles/all").unwrap();
    put(&group, "position/step", &arr1(&[0i64, 100]), "");
    group.unlink("box/edges").unwrap();
    let edges = group.create_group("box/edges").unwrap();
    let boxes = [10.0, 20.0, 30.0].map(|a| [[a, 0.0, 0.0], [1.0, 11.0, 0.0], [0.0, 2.0, 12.0]]);
    put(&edges, "value", &arr3(&boxes), "Angstrom");
    // Every fifty steps.
    put(&edges, "step", &arr0(50i64), "");
    let read = frame(&path, 1).unwrap();
    assert_eq!(read.lattice.unwrap(), boxes[2], "rows are the cell vectors");
    put(&edges, "step", &arr1(&[0i64, 50, 90]), "");
    assert_eq!(frame(&path, 0).unwrap().lattice.unwrap(), boxes[0]);
    let told = message(&path, Wanted { frame: 1, ..Wanted::default() });
    assert_eq!(told, "a.h5: `box/edges` has no value for step 100");
}

#[test]
fn images_unwrap() {
    let (_folder, path) = in_folder();
    let file = foreign(&path);
    let group = file.group("particles/all").unwrap();
    put(&group, "image", &arr2(&[[0i32, 0, 0], [-1, 0, 2]]), "");
    assert_eq!(frame(&path, 0).unwrap().positions[1], [-9.0, 2.0, 27.0]);
}

#[test]
fn what_is_missing_or_foreign_is_named() {
    let (_folder, path) = in_folder();
    let message = |frame| message(&path, Wanted { frame, ..Wanted::default() });
    std::fs::write(&path, "no HDF5").unwrap();
    assert!(message(0).starts_with("a.h5: the file cannot be opened as HDF5: "));
    File::create(&path).unwrap();
    assert_eq!(message(0), "a.h5: the file holds no group below /particles, as H5MD asks for");

    let file = foreign(&path);
    assert_eq!(message(5), "a.h5: frame 5 is wanted, but the file has 2 frames");
    assert_eq!(message(-3), "a.h5: frame -3 is wanted, but the file has 2 frames");
    let group = file.group("particles/all").unwrap();
    group.unlink("species").unwrap();
    assert_eq!(
        message(0),
        "a.h5: the file holds no species, so that nobody knows which atom is which: give the \
         structure as extended XYZ, with names"
    );
    put(&group, "species", &arr1(&[78i32, 926]), "");
    assert!(message(0).starts_with("a.h5: species 926 is no atomic number of an element"));
    put(&group, "species", &arr1(&[78i32]), "");
    assert_eq!(message(0), "a.h5: `species` does not stand for every atom");
    put(&group, "species", &arr1(&[78i32, 26]), "");

    let cell = group.group("box").unwrap();
    cell.delete_attr("boundary").unwrap();
    let boundary =
        ["periodic", "open", "none"].map(|name| FixedAscii::<16>::from_ascii(name).unwrap());
    cell.new_attr_builder().with_data(&arr1(&boundary)).create("boundary").unwrap();
    assert_eq!(
        message(0),
        "a.h5: `boundary` of the box must be three of periodic and none, not \"periodic\", \
         \"open\", \"none\""
    );
}

#[test]
fn units_that_are_not_named_and_masses_are_told() {
    let (_folder, path) = in_folder();
    let group = foreign(&path).group("particles/all").unwrap();
    put(&group, "velocity", &arr2(&[[1.0, 0.0, 0.0], [0.0; 3]]), "");
    let told = frame(&path, 0).unwrap();
    assert_eq!(
        told.warnings,
        ["`position` names no unit: taken as Å", "`velocity` names no unit: taken as Å/ps"]
    );
    assert_eq!(told.column("masses"), None);
    let masses = |unit| {
        put(&group, "mass", &arr1(&[55.8, 195.0]), unit);
        frame(&path, 0).unwrap().column("masses").map(|column| column.values.clone())
    };
    for unit in ["", "u", "g/mol"] {
        assert_eq!(masses(unit), Some(super::super::frame::Values::Real(vec![55.8, 195.0])));
    }
    assert_eq!(masses("kg"), None, "not to be compared");
    put(&group, "mass", &arr1(&[55.8]), "u");
    assert_eq!(message(&path, Wanted::default()), "a.h5: `mass` does not stand for every atom");
}

#[test]
fn numbers_that_may_be_types_are_not_taken_for_elements() {
    let (_folder, path) = in_folder();
    let group = foreign(&path).group("particles/all").unwrap();
    let species = |numbers: [i32; 2]| {
        put(&group, "species", &arr1(&numbers), "");
        read(&path, Wanted { elements: 2, ..Wanted::default() }).unwrap().species
    };
    assert_eq!(species([1, 2]), ["1", "2"], "types of two elements, or H and He");
    assert_eq!(species([1, 1]), ["1", "1"]);
    assert_eq!(species([1, 26]), ["H", "Fe"]);
}
