//! `sinter-hpc evaluate` as its users call it: reference frames of LAMMPS in, the
//! same energies, forces and virials out; and what it says of frames it refuses.

use sinter_hpc::build::extxyz;
use sinter_hpc::build::frame::{Frame, Values};
use sinter_hpc::comm::{Comm, threads};
use sinter_hpc::run::evaluate::{Arguments, evaluate};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The agreement asked for: relative above 1 eV, 1 eV/Å and 1 eV, absolute below
/// (LAMMPS interpolates pair terms on a 1000-point table).
const ENERGY_TOLERANCE: f64 = 1e-6;
const FORCE_TOLERANCE: f64 = 1e-5;
const VIRIAL_TOLERANCE: f64 = 1e-5;
/// Sums of a few terms of eV size, each rounded to 2⁻⁴⁰ eV.
const ROUNDING: f64 = 1e-10;

struct Potential {
    library: &'static str,
    parameters: &'static str,
    elements: &'static str,
}

const IRON_PLATINUM: Potential = Potential {
    library: "inputs/potentials/PtFe.library.meam",
    parameters: "inputs/potentials/PtFe.meam",
    elements: "Pt,Fe",
};
const NICKEL: Potential = Potential {
    library: "tests/reference/potentials/Ni4.library.meam",
    parameters: "tests/reference/potentials/Ni4.meam",
    elements: "Ni=Ni4",
};
const ALUMINIUM_ALLOY: Potential = Potential {
    library: "tests/reference/potentials/Jelinek2012.library.meam",
    parameters: "tests/reference/potentials/Jelinek2012.meam",
    elements: "Al=AlS,Si=SiS,Mg=MgS,Cu=CuS,Fe=FeS",
};

fn home(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn run(potential: &Potential, frames: &Path, output: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sinter-hpc"))
        .arg("evaluate")
        .args(["--library", potential.library, "--parameters", potential.parameters])
        .args(["--elements", potential.elements])
        .arg(frames)
        .arg("--output")
        .arg(output)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program starts")
}

#[test]
fn a_file_that_is_read_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let frames = folder.path().join("frames.xyz");
    std::fs::copy(home("tests/reference/dimers.xyz"), &frames).unwrap();
    let before = std::fs::read(&frames).unwrap();
    let done = run(&IRON_PLATINUM, &frames, &folder.path().join("./frames.xyz"));
    assert_eq!(done.status.code(), Some(2));
    let message = String::from_utf8(done.stderr).unwrap();
    assert!(message.contains("frames.xyz is read and would be lost"), "{message}");
    assert_eq!(std::fs::read(&frames).unwrap(), before);
}

fn read(path: &Path) -> Vec<Frame> {
    extxyz::open(path).unwrap().map(|frame| frame.unwrap()).collect()
}

fn evaluated(potential: &Potential, frames: &Path) -> Vec<Frame> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("evaluated.xyz");
    let result = run(potential, frames, &output);
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    read(&output)
}

fn reals<'a>(frame: &'a Frame, name: &str) -> &'a [f64] {
    match &frame.column(name).unwrap_or_else(|| panic!("a column {name}")).values {
        Values::Real(values) => values,
        other => panic!("{name} is not real: {other:?}"),
    }
}

fn numbers(frame: &Frame, key: &str) -> Vec<f64> {
    let text = frame.info(key).unwrap_or_else(|| panic!("a key {key}"));
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// Deviation relative above `scale` 1, absolute below.
fn deviation(found: f64, expected: f64, scale: f64) -> f64 {
    (found - expected).abs() / scale.max(1.0)
}

fn assert_agreement(file: &str, found: &Frame, expected: &Frame) {
    let label = format!("{file}, {:?}", expected.info("label"));
    assert_eq!(found.species, expected.species, "{label}");
    assert_eq!(found.positions, expected.positions, "{label}");
    assert_eq!((found.lattice, found.periodic), (expected.lattice, expected.periodic), "{label}");
    assert_eq!(found.velocities, expected.velocities, "{label}");
    assert_eq!(found.info("label"), expected.info("label"));
    let (energies, forces) = (reals(found, "local_energy"), reals(found, "forces"));
    for (e, expected) in energies.iter().zip(reals(expected, "local_energy")) {
        assert!(deviation(*e, *expected, expected.abs()) <= ENERGY_TOLERANCE, "{label}");
    }
    for (f, expected) in forces.chunks(3).zip(reals(expected, "forces").chunks(3)) {
        let length = expected.iter().map(|x| x * x).sum::<f64>().sqrt();
        for d in 0..3 {
            assert!(deviation(f[d], expected[d], length) <= FORCE_TOLERANCE, "{label}");
        }
    }
    let (total, sum) = (numbers(found, "energy")[0], energies.iter().sum::<f64>());
    assert!((total - sum).abs() <= ROUNDING * (1.0 + sum.abs()), "{label}: {total} {sum}");
    // Of LAMMPS: xx yy zz xy xz yz.
    let &[xx, yy, zz, xy, xz, yz] = &*numbers(expected, "virial") else { panic!("six numbers") };
    let virial = [xx, xy, xz, xy, yy, yz, xz, yz, zz];
    let largest = virial.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    assert_eq!(numbers(found, "virial").len(), 9);
    for (found, expected) in numbers(found, "virial").iter().zip(&virial) {
        assert!(deviation(*found, *expected, largest) <= VIRIAL_TOLERANCE, "{label}");
    }
}

fn assert_reference(potential: &Potential, names: &[&str]) {
    for name in names {
        let path = home(&format!("tests/reference/{name}.xyz"));
        let expected = read(&path);
        let found = evaluated(potential, &path);
        assert_eq!(found.len(), expected.len(), "{name}");
        found.iter().zip(&expected).for_each(|(f, e)| assert_agreement(name, f, e));
    }
}

#[test]
fn few_atoms_agree_with_the_reference() {
    assert_reference(&IRON_PLATINUM, &["dimers", "trimers"]);
}

#[test]
fn crystals_and_liquid_agree_with_the_reference() {
    assert_reference(&IRON_PLATINUM, &["crystals", "alloy_rattled", "liquid", "nve_bulk"]);
}

#[test]
fn particles_agree_with_the_reference() {
    assert_reference(&IRON_PLATINUM, &["particle_hot", "pair_hot", "nve_particle"]);
}

#[test]
fn other_potentials_agree_with_the_reference() {
    assert_reference(&NICKEL, &["ni"]);
    assert_reference(&ALUMINIUM_ALLOY, &["alsimgcufe"]);
}

/// Evaluates this text.
fn evaluated_text(text: &str) -> Vec<Frame> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.xyz");
    std::fs::write(&path, text).unwrap();
    evaluated(&IRON_PLATINUM, &path)
}

#[test]
fn the_smallest_cells_of_a_crystal_are_as_good_as_large_ones() {
    // Pt, fcc, at its lattice constant: -5.77 eV whatever cell is repeated.
    let a = 3.9173715678;
    let (h, diagonal) = (a / 2.0, a / f64::sqrt(2.0));
    let cubic = format!(
        "4\nLattice=\"{a} 0 0 0 {a} 0 0 0 {a}\" Properties=species:S:1:pos:R:3\n\
         Pt 0 0 0\nPt {h} {h} 0\nPt {h} 0 {h}\nPt 0 {h} {h}\n"
    );
    let tetragonal = format!(
        "2\nLattice=\"{diagonal} 0 0 0 {diagonal} 0 0 0 {a}\" pbc=\"T T T\" \
         Properties=species:S:1:pos:R:3\nPt 0 0 0\nPt {q} {q} {h}\n",
        q = diagonal / 2.0
    );
    for frame in evaluated_text(&(cubic + &tetragonal)) {
        for energy in reals(&frame, "local_energy") {
            assert!((energy + 5.77).abs() < ENERGY_TOLERANCE, "{energy}");
        }
        assert!(reals(&frame, "forces").iter().all(|f| f.abs() < ROUNDING));
        assert!(numbers(&frame, "virial").iter().all(|v| v.abs() < 1e-3));
    }
}

#[test]
fn free_and_periodic_boundaries_mix_and_only_periodic_vectors_count() {
    // A wire along y; the cell vectors of free directions may be anything.
    let atoms = "Pt 0 0 0\nFe 0.3 2.4 0.2\n";
    let with = |lattice: &str| {
        format!("2\nLattice=\"{lattice}\" pbc=\"F T F\" Properties=species:S:1:pos:R:3\n{atoms}")
    };
    let frames = evaluated_text(&(with("9 0 0 0 4.8 0 0 0 9") + &with("1 2 3 0 4.8 0 4 0 -1")));
    assert_eq!(frames[0].info("energy"), frames[1].info("energy"));
    assert_eq!(reals(&frames[0], "forces"), reals(&frames[1], "forces"));
    // Along the wire both neighbours of an atom pull: not so for the free dimer.
    let dimer = evaluated_text(&with("9 0 0 0 4.8 0 0 0 9").replace("F T F", "F F F"));
    assert!(numbers(&frames[0], "energy")[0] < numbers(&dimer[0], "energy")[0] - 0.1);
}

#[test]
fn cells_are_the_same_in_any_order_and_hand_and_with_rounding() {
    let atoms = "Pt 0 0 0\nFe 0.3 2.4 0.2\nPt 2.5 0.1 1.9\n";
    let with = |lattice: &str, pbc: &str| {
        format!("3\nlattice=\"{lattice}\" PBC=\"{pbc}\" Properties=species:S:1:pos:R:3\n{atoms}")
    };
    let cells = [
        with("5 0 0 0 4.8 0 0 0 9", "T T F"),
        with("0 0 9 5 0 0 0 4.8 0", "F T T"),
        with("5 0 0 0 -4.8 0 0 0 9", "T T F"),
        with("5 1e-9 0 0 4.8 -1e-9 0 0 9", "T T F"),
    ];
    let frames = evaluated_text(&cells.concat());
    for frame in &frames {
        assert_eq!(frame.info("energy"), frames[0].info("energy"));
        assert_eq!(reals(frame, "forces"), reals(&frames[0], "forces"));
    }
}

#[test]
fn stress_is_minus_virial_over_volume_and_nothing_stale_stays() {
    let text = |pbc: &str| {
        format!(
            "4\nLattice=\"3.6 0 0 0 3.7 0 0 0 3.8\" pbc=\"{pbc}\" energy=1.0 Stress=\"1 2 3 4 5 6 7 8 9\" \
             free_energy=1 virial=\"1 2 3 4 5 6\" magmom=0 label=kept \
             Properties=species:S:1:pos:R:3:energies:R:1:magmoms:R:1:Forces:R:3:tag:I:1\n\
             Pt 0 0 0 1 1 nan 0 0 4\nPt 0 1.9 1.9 1 1 0 0 0 4\nPt 1.8 0 1.9 1 1 0 0 0 4\nFe 1.8 1.9 0 1 1 0 0 0 4\n"
        )
    };
    let frame = &evaluated_text(&text("T T T"))[0];
    let (virial, stress) = (numbers(frame, "virial"), numbers(frame, "stress"));
    let volume = 3.6 * 3.7 * 3.8;
    assert!(virial.iter().zip(&stress).all(|(w, s)| (s + w / volume).abs() < 1e-9), "{virial:?}");
    assert!((0..3).all(|i| (0..3).all(|j| virial[3 * i + j] == virial[3 * j + i])));
    // A crystal that is squeezed pushes outwards.
    assert!(virial[0] > 0.0 && stress[0] < 0.0);
    let keys: Vec<&str> = frame.info.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["label", "energy", "virial", "stress"]);
    let columns: Vec<&str> = frame.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(columns, ["tag", "forces", "local_energy"]);
    let slab = &evaluated_text(&text("T T F"))[0];
    assert_eq!(slab.info("stress"), None, "no volume, no stress");
}

#[test]
fn what_is_odd_about_frames_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.xyz");
    let frame = "2\nProperties=species:S:1:pos:R:3:vel:R:3 free_energy=1\nPT 0 0 0 0 0 0\nFe 2.7 0 0 0 0 0\n";
    std::fs::write(&path, frame.repeat(3)).unwrap();
    let result = run(&IRON_PLATINUM, &path, &folder.path().join("out.xyz"));
    let said = String::from_utf8_lossy(&result.stderr).into_owned();
    assert!(result.status.success(), "{said}");
    for warning in
        ["taken as velocities in Å/ps", "PT of the file is taken as Pt", "free_energy of the file"]
    {
        let lines: Vec<&str> = said.lines().filter(|line| line.contains(warning)).collect();
        assert_eq!(lines.len(), 1, "{said}");
        assert!(lines[0].starts_with("warning: ") && lines[0].contains("frame 0: "), "{said}");
    }
}

#[test]
fn types_name_the_elements_of_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("dump.xyz");
    std::fs::write(&dump, "2\nAtoms. Timestep: 100\n2 0 0 0\n1 2.7 0 0\n").unwrap();
    let output = folder.path().join("out.xyz");
    let result = run(&IRON_PLATINUM, &dump, &output);
    assert_eq!(result.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&result.stderr)
            .contains("is 2, which may be a type or an atomic number")
    );
    let arguments = Arguments {
        library: Some(home(IRON_PLATINUM.library)),
        parameters: Some(home(IRON_PLATINUM.parameters)),
        elements: vec!["Pt".into(), "Fe".into()],
        types: vec!["Pt".into(), "Fe".into()],
        files: vec![dump],
        output: output.clone(),
    };
    evaluate(&Comm::single(), &arguments).unwrap();
    let symbols = evaluated_text("2\n\nFe 0 0 0\nPt 2.7 0 0\n");
    assert_eq!(read(&output)[0].info("energy"), symbols[0].info("energy"));
}

#[test]
fn squeezed_atoms_get_large_forces_instead_of_a_refusal() {
    let text = |r: f64| format!("2\nProperties=species:S:1:pos:R:3\nPt 0 0 0\nPt {r} 0 0\n");
    let steps = [0.5, 0.5 + 1e-5, 0.5 - 1e-5].map(text).concat();
    let frames = evaluated_text(&steps);
    let energy = |k: usize| numbers(&frames[k], "energy")[0];
    let force = reals(&frames[0], "forces")[0];
    let slope = (energy(1) - energy(2)) / 2e-5;
    assert!(force < -1e3, "{force}");
    // Central differences with quanta of 2⁻³⁰ eV over 2e-5 Å.
    assert!((force - slope).abs() < 1e-4 * force.abs(), "{force} {slope}");
}

#[test]
fn ranks_share_frames_and_the_file_stays_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = |output: &str| Arguments {
        library: Some(home(IRON_PLATINUM.library)),
        parameters: Some(home(IRON_PLATINUM.parameters)),
        elements: vec!["Pt".into(), "Fe".into()],
        types: Vec::new(),
        files: vec![home("tests/reference/trimers.xyz")],
        output: folder.path().join(output),
    };
    let alone = evaluate(&Comm::single(), &arguments("one.xyz")).unwrap();
    let together = threads::run(3, |comm| evaluate(comm, &arguments("three.xyz")).unwrap());
    assert!(together.iter().all(|summary| *summary == alone));
    let content = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert!(content("one.xyz") == content("three.xyz"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "no other file is left");
}

#[test]
fn frames_that_cannot_be_evaluated_are_refused_by_number_and_reason() {
    let good = "1\nProperties=species:S:1:pos:R:3\nPt 0 0 0\n";
    let cases = [
        (
            "1\nLattice=\"4 0 0 1 4 0 0 0 4\" pbc=\"T T T\" Properties=species:S:1:pos:R:3\nPt 0 0 0\n",
            2,
            "frame 1 (the first is 0): cell vector b = (1, 4, 0) Å stands along none of x, y and z; only \
             orthogonal boxes are supported",
        ),
        (
            "1\nLattice=\"4 0 0 0 4 0 0 0 0\" Properties=species:S:1:pos:R:3\nPt 0 0 0\n",
            2,
            "frame 1 (the first is 0): along z the box is 0.0 Å long from 0.0 Å on",
        ),
        (
            "1\npbc=\"T F F\" Properties=species:S:1:pos:R:3\nPt 0 0 0\n",
            2,
            "periodic along x, but the file gives no cell there",
        ),
        (
            "2\nProperties=species:S:1:pos:R:3\nPt 0 0 0\nAu 3 0 0\n",
            2,
            "frame 1 (the first is 0): atom 1 (counted from 0) is Au, but the potential has only Pt, Fe",
        ),
        (
            "2\nProperties=species:S:1:pos:R:3\nPt 1 0 0\nPt 1 0 0\n",
            2,
            "frame 1 (the first is 0), atom 0: it is 0.000e0 Å from atom 1",
        ),
        (
            "1\nProperties=species:S:1:pos:R:3\nPt 1e6 0 0\n",
            2,
            "frame 1 (the first is 0): atom 0 (the first is 0) is at (1000000, 0, 0) Å, and coordinates \
             end at 131072 Å",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("frames.xyz");
    let output = folder.path().join("evaluated.xyz");
    for (bad, code, message) in cases {
        std::fs::write(&path, format!("{good}{bad}")).unwrap();
        let result = run(&IRON_PLATINUM, &path, &output);
        let said = String::from_utf8_lossy(&result.stderr);
        assert!(said.contains(message), "{said}");
        assert_eq!(result.status.code(), Some(code), "{said}");
        assert!(!output.exists(), "a file appears only when it is complete");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    std::fs::write(&path, "").unwrap();
    let result = run(&IRON_PLATINUM, &path, &output);
    assert_eq!(result.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&result.stderr).contains("there are no frames in this file"));
}

#[test]
fn frames_in_another_format_are_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    for (name, format) in [("a.data", "LAMMPS data"), ("a.lmp", "LAMMPS data"), ("a.h5md", "H5MD")]
    {
        let path = folder.path().join(name);
        std::fs::write(&path, "LAMMPS data file\n\n1 atoms\n").unwrap();
        let done = run(&IRON_PLATINUM, &path, &folder.path().join("out.xyz"));
        assert_eq!(done.status.code(), Some(2));
        let told = String::from_utf8_lossy(&done.stderr);
        let expected = format!(
            "frames are read one after the other of extended XYZ and LAMMPS dumps, and by its name this \
             file is {format}"
        );
        assert!(told.contains(&expected), "{told}");
    }
}

#[test]
fn frames_of_a_lammps_dump_are_evaluated_as_the_same_in_extended_xyz() {
    let folder = tempfile::tempdir().unwrap();
    let [xyz, dump] = ["a.xyz", "a.dump"].map(|name| folder.path().join(name));
    std::fs::write(
        &xyz,
        "2\nLattice=\"20 0 0 0 20 0 0 0 20\" pbc=\"T F F\" Properties=species:S:1:pos:R:3\nPt 0.5 0 0\nFe 18 0 1\n",
    )
    .unwrap();
    std::fs::write(
        &dump,
        "ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp ff ff\n0 20\n0 20\n0 20\n\
         ITEM: ATOMS element id xu yu zu\nPt 1 0.5 0 0\nFe 2 18 0 1\n",
    )
    .unwrap();
    let energy = |frames: &Path| {
        let frames = evaluated(&IRON_PLATINUM, frames);
        (frames[0].info("energy").unwrap().to_string(), frames[0].column("forces").unwrap().clone())
    };
    let found = energy(&dump);
    assert_eq!(found, energy(&xyz));
    assert!(found.0.parse::<f64>().unwrap() < -1.0, "they are bound: {}", found.0);
}

#[test]
fn densities_beyond_the_tables_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let [input, frames, output] =
        ["in.toml", "in.xyz", "out.xyz"].map(|name| folder.path().join(name));
    let file = home("tests/reference/embedded/tables.eam.alloy");
    std::fs::write(
        &input,
        format!("[potential]\nkind = \"eam/alloy\"\nfile = {file:?}\nelements = [\"Cu\"]\n"),
    )
    .unwrap();
    let told = |edge: f64| {
        let half = edge / 2.0;
        let text = format!(
            "4\nLattice=\"{edge} 0 0 0 {edge} 0 0 0 {edge}\" Properties=species:S:1:pos:R:3\n\
             Cu 0 0 0\nCu 0 {half} {half}\nCu {half} 0 {half}\nCu {half} {half} 0\n"
        );
        std::fs::write(&frames, text).unwrap();
        let done = Command::new(env!("CARGO_BIN_EXE_sinter-hpc"))
            .arg("evaluate")
            .args([&input, &frames])
            .arg("--output")
            .arg(&output)
            .output()
            .unwrap();
        assert!(done.status.success());
        let told = String::from_utf8_lossy(&done.stderr).into_owned();
        told.matches("its tables of F end at 19.9000, and F went on straight").count()
    };
    // The crystals that are tried to find the lattice constant go beyond them: those are not meant.
    assert_eq!((told(3.6), told(2.6)), (0, 1));
}
