//! The atoms of reference trajectories, and the potential that they were made with.

use std::path::{Path, PathBuf};

use sinter_hpc::atoms::Atom;
use sinter_hpc::build::{Frame, extxyz};
use sinter_hpc::geometry::Cell;
use sinter_hpc::potential::meam::Meam;

pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Those of a file in `tests/reference`.
pub fn frames(name: &str) -> Vec<Frame> {
    let path = in_repository("tests/reference").join(name);
    extxyz::open(&path).unwrap().collect::<Result<_, _>>().unwrap()
}

pub fn platinum_iron() -> Meam {
    let folder = in_repository("inputs/potentials");
    let elements = ["Pt", "Fe"].map(String::from);
    let parameters = folder.join("PtFe.meam");
    Meam::from_files(&folder.join("PtFe.library.meam"), Some(&parameters), &elements).unwrap()
}

pub fn cell(frame: &Frame) -> Cell {
    let [a, b, c] = frame.lattice.unwrap();
    Cell::new([0.0; 3], [a[0], b[1], c[2]], frame.periodic)
}

pub fn atoms(frame: &Frame) -> Vec<Atom> {
    let velocities = frame.velocities.as_ref().unwrap();
    (0..frame.len())
        .map(|i| Atom {
            id: i as u64,
            position: frame.positions[i],
            velocity: velocities[i],
            image: [0; 3],
            particle: 0,
            species: (frame.species[i] == "Fe") as u32,
            padding: 0,
        })
        .collect()
}
