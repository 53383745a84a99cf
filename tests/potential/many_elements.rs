//! More elements than a vector has lanes: their tables are longer than one register, and
//! from the ninth on elements share places in the filter.

use crate::brute_force::{Listing, evaluate_with};
use crate::frames;
use sinter_hpc::potential::ForceField;
use sinter_hpc::potential::lanes::InstructionSet;
use sinter_hpc::potential::meam::Meam;

/// Between the first element and the last, which have the same place. Unlike the published
/// bounds of C these depend on the third atom.
const BOUNDS: [(&str, [usize; 3], f64); 5] = [
    ("Cmin", [0, 0, 1], 0.9),
    ("Cmax", [0, 0, 1], 1.7),
    ("Cmin", [1, 1, 0], 1.1),
    ("Cmax", [0, 1, 0], 2.2),
    ("Cmin", [0, 1, 1], 0.5),
];

/// Platinum and iron, and `between` of them as many other elements of the same kind.
fn iron_platinum(between: usize) -> ForceField {
    let text = std::fs::read_to_string(frames::path("inputs/potentials/PtFe.meam")).unwrap();
    let last = between + 2;
    // Indices of the published file, 1 and 2.
    let mut parameters: String = text
        .lines()
        .map(|line| match line.split_once('(').zip(line.split_once(')')) {
            Some(((name, _), (before, value))) if !line.starts_with('#') => {
                let indices = &before[name.len() + 1..];
                format!("{name}({}){value}\n", indices.replace('2', &last.to_string()))
            }
            _ => format!("{line}\n"),
        })
        .collect();
    for (name, indices, value) in BOUNDS {
        let [i, j, k] = indices.map(|index| [1, last][index]);
        parameters += &format!("{name}({i},{j},{k}) = {value}\n");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("many.meam");
    std::fs::write(&file, parameters).unwrap();
    let mut elements = vec!["Pt".to_string()];
    elements.extend((0..between).map(|n| format!("X{n}=Pt")));
    elements.push("Fe".to_string());
    let library = frames::path("inputs/potentials/PtFe.library.meam");
    Meam::from_files(&library, Some(&file), &elements).unwrap_or_else(|e| panic!("{e}")).into()
}

#[test]
fn elements_that_are_not_there_change_no_bit() {
    for file in ["alloy_rattled.xyz", "pair_hot.xyz"] {
        let frame = frames::read(file).pop().expect("a frame");
        let ids: Vec<u64> = (0..frame.positions.len() as u64).collect();
        for set in InstructionSet::ALL.into_iter().filter(|set| set.is_available()) {
            let outcome = |between| {
                let meam = iron_platinum(between).with_instruction_set(set);
                evaluate_with(&meam, &frame, &ids, Listing::default()).expect("sound atoms")
            };
            let two = outcome(0);
            // Nine elements, of which two share a place, and seventeen, of which three do.
            for between in [7, 15] {
                assert!(outcome(between) == two, "{file}, {}, {between}", set.name());
            }
        }
    }
}
