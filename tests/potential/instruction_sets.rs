//! The kernels compiled for each instruction set: the same bits in all of them, whatever
//! the order of atoms, of lists and of blocks.

use crate::brute_force::{Listing, Outcome, evaluate_with};
use crate::frames::{self, Frame};
use crate::golden::{analytic, embedded, field, iron_platinum, options, other};
use sinter_hpc::potential::ForceField;
use sinter_hpc::potential::lanes::InstructionSet;

/// MEAM with 16, 19 and 22 words per atom, one, two and five species; tables of one and two;
/// roots and cutoffs by pair; a sum of terms.
fn cases() -> Vec<(ForceField, Frame)> {
    let five = ["Al=AlS", "Si=SiS", "Mg=MgS", "Cu=CuS", "Fe=FeS"];
    let crystal = |file: &str| frames::read(&format!("embedded/{file}")).swap_remove(0);
    let pure = |mut frame: Frame| {
        frame.symbols.fill("Cu".into());
        frame
    };
    let invented = |mut frame: Frame| {
        let rename = |symbol: &mut String| *symbol = if symbol == "Cu" { "A" } else { "B" }.into();
        frame.symbols.iter_mut().for_each(rename);
        frame
    };
    let last = |file: &str| frames::read(file).pop().expect("a frame");
    vec![
        (iron_platinum(), last("pair_hot.xyz")),
        (iron_platinum(), last("alloy_rattled.xyz")),
        (other("Ni4", &["Ni=Ni4"]), last("ni.xyz")),
        (other("Jelinek2012", &five), last("alsimgcufe.xyz")),
        (embedded("eam/fs", &["tables.eam.fs"], &["Cu", "Ag"]), crystal("tables.eam.fs.xyz")),
        (embedded("eam", &["Cu.eam"], &["Cu"]), pure(crystal("mixed.eam.xyz"))),
        (field(&[analytic("gupta", "gupta", &["Cu", "Ag"])]), crystal("tables.eam.alloy.xyz")),
        (embedded("adp", &["tables.adp"], &["Cu", "Ag"]), crystal("tables.adp.xyz")),
        (embedded("tersoff", &["SiGe.tersoff"], &["Si", "Ge"]), crystal("SiGe.tersoff.xyz")),
        (options("meam+morse"), invented(crystal("tables.eam.alloy.xyz"))),
    ]
}

fn outcome(meam: &ForceField, frame: &Frame, listing: Listing) -> Outcome {
    let ids: Vec<u64> = (0..frame.positions.len() as u64).collect();
    evaluate_with(meam, frame, &ids, listing).unwrap_or_else(|e| panic!("{}: {e}", frame.label))
}

fn available() -> impl Iterator<Item = InstructionSet> {
    InstructionSet::ALL.into_iter().filter(|set| set.is_available())
}

/// Else the other tests compare less than they seem to.
#[test]
#[cfg(target_os = "linux")]
fn the_forms_that_the_processor_can_run_are_there() {
    let told = std::fs::read_to_string("/proc/cpuinfo").expect("what the system says of it");
    let has = |names: &[&str]| names.iter().all(|name| told.split_whitespace().any(|w| w == *name));
    let mut expected = vec!["portable"];
    if has(&["avx2", "fma"]) {
        expected.push("avx2");
    }
    if has(&["avx2", "fma", "avx512f", "avx512dq", "avx512vl"]) {
        expected.push("avx512");
    }
    assert_eq!(available().map(InstructionSet::name).collect::<Vec<_>>(), expected);
}

#[test]
fn all_instruction_sets_give_the_same_bits() {
    for (mut meam, frame) in cases() {
        meam = meam.with_instruction_set(InstructionSet::Portable);
        let expected = outcome(&meam, &frame, Listing::default());
        for set in available().filter(|set| *set != InstructionSet::Portable) {
            meam = meam.with_instruction_set(set);
            let found = outcome(&meam, &frame, Listing::default());
            assert!(found == expected, "{}, {}", frame.label, set.name());
        }
    }
}

#[test]
fn bits_do_not_depend_on_the_order_of_anything() {
    let default = Listing::default();
    let listings = [
        Listing { reversed: true, ..default },
        Listing { skin: 1.3, ..default },
        Listing { scattered: 1500, ..default },
        Listing { chunk: 5, ..default },
        Listing { chunk: 37, reversed: true, skin: 0.1, ..default },
    ];
    for (mut meam, frame) in cases() {
        let count = frame.positions.len();
        // A walk through all atoms with a step that has no divisor in common with their number.
        let step = (count / 3..).find(|s| greatest_common_divisor(*s, count) == 1).expect("one");
        let order: Vec<usize> = (0..count).map(|n| n * step % count).collect();
        let permuted = Frame {
            symbols: order.iter().map(|&i| frame.symbols[i].clone()).collect(),
            positions: order.iter().map(|&i| frame.positions[i]).collect(),
            ..frame.clone()
        };
        for set in available() {
            meam = meam.with_instruction_set(set);
            let expected = outcome(&meam, &frame, default).fixed;
            for listing in listings {
                let found = outcome(&meam, &frame, listing).fixed;
                assert!(found == expected, "{}, {}, {listing:?}", frame.label, set.name());
            }
            let found = outcome(&meam, &permuted, default).fixed;
            let same = order.iter().zip(&found).all(|(&i, f)| *f == expected[i]);
            assert!(same, "{}, {}, permuted", frame.label, set.name());
        }
    }
}

fn greatest_common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}
