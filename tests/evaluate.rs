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
    let virial = numbers(expected, "virial");
    let largest = virial.iter().fold(0.0f64, |most, x| most.max(x.abs()));
    assert_eq!(numbers(found, "virial").len(), 6);
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
        library: home(IRON_PLATINUM.library),
        parameters: Some(home(IRON_PLATINUM.parameters)),
        elements: vec!["Pt".into(), "Fe".into()],
        frames: home("tests/reference/trimers.xyz"),
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
            "frame 1 (the first is 0): cell vector b = (1, 4, 0) Å does not stand along y; only \
             orthogonal boxes are supported",
        ),
        (
            "1\nLattice=\"4 0 0 0 4 0 0 0 0\" Properties=species:S:1:pos:R:3\nPt 0 0 0\n",
            2,
            "frame 1 (the first is 0): the box length along z is 0.0 Å, from 0.0 Å on",
        ),
        (
            "1\npbc=\"T F F\" Properties=species:S:1:pos:R:3\nPt 0 0 0\n",
            2,
            "periodic along x, but there is no Lattice",
        ),
        (
            "2\nProperties=species:S:1:pos:R:3\nPt 0 0 0\nAu 3 0 0\n",
            2,
            "frame 1 (the first is 0): atom 1 is Au, which is not among the elements Pt, Fe",
        ),
        (
            "2\nProperties=species:S:1:pos:R:3\nPt 1 0 0\nPt 1 0 0\n",
            1,
            "frame 1 (the first is 0), atom 0: it is 0.000e0 Å from atom 1",
        ),
        (
            "1\nProperties=species:S:1:pos:R:3\nPt 1e6 0 0\n",
            1,
            "frame 1 (the first is 0), atom 0: this atom is at (1000000, 0, 0) Å",
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
