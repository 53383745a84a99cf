//! Files written and read by one rank; several ranks need MPI (`tests/`).

mod checkpoint;
mod survey;
mod trajectory;

use super::*;
use crate::atoms::{Atom, Atoms, Species};
use crate::comm::Comm;
use crate::geometry::{Cell, on_grid};

const ATOMS: u64 = 50;

fn provenance() -> Provenance {
    Provenance {
        title: "Fifty atoms".into(),
        author: String::new(),
        input: "seed = 7\n# 1473 K, 5.5 Å\n".into(),
        potential: vec![PotentialFile { name: "FePt.library".into(), text: "abc".into() }],
        species: vec![
            Species { symbol: "Pt".into(), mass: 195.08, atomic_number: 78 },
            Species { symbol: "Fe".into(), mass: 55.847, atomic_number: 26 },
        ],
        seed: 7,
        structures: Vec::new(),
        extensions: Vec::new(),
        lineage: Vec::new(),
    }
}

fn cell() -> Cell {
    Cell::new([0.0; 3], [10.0, 11.0, 12.0], [true, true, false])
}

/// Atoms in falling order of id, as they might stand on a rank at some step.
fn atoms_at(step: u64) -> Atoms {
    let list: Vec<Atom> = (0..ATOMS)
        .rev()
        .map(|id| Atom {
            id,
            position: [0.19, 0.2, 0.21].map(|x| on_grid(x * id as f64 + 1e-3 * step as f64)),
            velocity: [1.0 / (id + 1) as f64, -0.1 * step as f64, 0.3],
            image: [(id % 2) as i32, -1, 0],
            particle: (id % 2) as u32,
            species: (id % 5 == 0) as u32,
            padding: 0,
        })
        .collect();
    let mut atoms = Atoms::from_list(&list);
    for (force, id) in atoms.force.iter_mut().zip(&atoms.id) {
        *force = [*id as i64 * 1_000_003, -5, step as i64, -(1 << 42)];
    }
    atoms
}
