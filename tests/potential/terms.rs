//! Several terms side by side: which acts between which species.

use crate::brute_force::{Outcome, evaluate};
use crate::frames::{self, Frame};
use crate::golden::{analytic, field};
use sinter_hpc::input::{self, PotentialConfig};
use sinter_hpc::potential::{ForceField, Potential};
use std::path::Path;

fn table(text: &str) -> PotentialConfig {
    toml::from_str(text).expect("a table of the input")
}

/// Of one element of the options' library, by itself.
fn meam(element: &str) -> PotentialConfig {
    let library = frames::path("tests/reference/options/ialloy_1.library.meam");
    table(&format!("library = {library:?}\nelements = [{element:?}]\n"))
}

fn tables_of(element: &str) -> PotentialConfig {
    let file = frames::path("tests/reference/embedded/tables.eam.alloy");
    table(&format!("kind = \"eam/alloy\"\nfile = {file:?}\nelements = [{element:?}]\n"))
}

fn frame(atoms: &[(&str, [f64; 3])]) -> Frame {
    Frame {
        symbols: atoms.iter().map(|(symbol, _)| symbol.to_string()).collect(),
        positions: atoms.iter().map(|(_, position)| *position).collect(),
        ..Frame::default()
    }
}

/// Two clusters that interpenetrate; the species alternate.
fn mixture(symbols: [&str; 2]) -> Frame {
    let place = |n: usize| {
        let site = [n % 3, n / 3 % 3, n / 9].map(|k| 2.4 * k as f64);
        std::array::from_fn(|d| site[d] + 0.3 * ((7 * n + 3 * d) as f64 * 0.618).fract())
    };
    let atoms: Vec<_> = (0..27).map(|n| (symbols[n % 2], place(n))).collect();
    frame(&atoms)
}

fn only(symbol: &str, all: &Frame) -> Frame {
    let atoms = all.symbols.iter().zip(&all.positions).filter(|(own, _)| *own == symbol);
    frame(&atoms.map(|(own, position)| (own.as_str(), *position)).collect::<Vec<_>>())
}

fn of(symbol: &str, all: &Frame, outcome: &Outcome) -> Vec<[i64; 4]> {
    let atoms = all.symbols.iter().zip(&outcome.fixed);
    atoms.filter(|(own, _)| *own == symbol).map(|(_, fixed)| *fixed).collect()
}

#[test]
fn many_body_terms_of_different_species_stand_side_by_side() {
    for (tables, symbols) in [
        ([meam("A"), meam("B")], ["A", "B"]),
        ([meam("B"), meam("A")], ["B", "A"]),
        ([tables_of("Cu"), meam("A")], ["Cu", "A"]),
        ([tables_of("Ag"), tables_of("Cu")], ["Ag", "Cu"]),
    ] {
        let both = field(&tables);
        let known: Vec<&str> = both.species().iter().map(|s| s.symbol.as_str()).collect();
        assert_eq!(known, symbols, "in the order of the input");
        assert_eq!(both.contradiction(), None);
        let [a, b] = symbols;
        let told: Vec<&String> = both.warnings().collect();
        let expected = format!("no term of the potential acts between {a} and {b}");
        assert!(told.iter().any(|told| **told == expected), "{told:?}");
        let all = mixture(symbols);
        let found = evaluate(&both, &all).unwrap();
        for (symbol, table) in symbols.iter().zip(&tables) {
            let alone = evaluate(&field(std::slice::from_ref(table)), &only(symbol, &all)).unwrap();
            assert!(alone.energy() < -1.0);
            assert!(of(symbol, &all, &found) == alone.fixed, "{symbol} of {symbols:?}");
        }
        let states = |field: &ForceField| field.reference_states().unwrap().len();
        let apart: usize = tables.iter().map(|t| states(&field(std::slice::from_ref(t)))).sum();
        assert_eq!(states(&both), apart);
    }
}

#[test]
fn a_pair_of_species_has_one_many_body_term() {
    let twice = field(&[meam("A"), meam("A")]);
    let (term, message) = twice.contradiction().expect("A-A has two");
    assert_eq!(term, 1);
    assert!(message.contains("between A and A"), "{message}");
}

/// Species of atoms are numbered by the input, those of forces by the force field.
#[test]
fn species_have_the_same_order_in_the_input_and_in_the_force_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.toml");
    let [eam, library] = ["embedded/tables.eam.alloy", "options/ialloy_1.library.meam"]
        .map(|name| frames::path("tests/reference").join(name));
    std::fs::write(
        &path,
        format!(
            "[potential]\nkind = \"eam/alloy\"\nfile = {eam:?}\nelements = [\"Cu\"]\n\
             [[term]]\nlibrary = {library:?}\nelements = [\"A\"]\n"
        ),
    )
    .unwrap();
    let config = input::read_force_field(&path).unwrap();
    let tables: Vec<&PotentialConfig> = config.potentials().into_iter().map(|(_, t)| t).collect();
    let field = ForceField::read(&tables).map_err(|(_, error)| error).unwrap();
    let symbols: Vec<&str> = field.species().iter().map(|s| s.symbol.as_str()).collect();
    assert_eq!((symbols, config.symbols()), (vec!["Cu", "A"], vec!["Cu", "A"]));
}

#[test]
fn pair_terms_act_between_the_pairs_that_are_named() {
    let all = analytic("lennard-jones", "lennard-jones", &["Ag", "Cu"]);
    let unlike = PotentialConfig { pairs: vec![["Cu".into(), "Ag".into()]], ..all.clone() };
    let (all, unlike) = (field(&[all]), field(&[unlike]));
    let energy = |field: &ForceField, a: &str, b: &str| {
        evaluate(field, &frame(&[(a, [0.0; 3]), (b, [2.9, 0.5, 0.0])])).unwrap().energy()
    };
    // Tables of the one and the other differ by less than their error.
    assert!((energy(&all, "Ag", "Cu") - energy(&unlike, "Ag", "Cu")).abs() < 1e-9);
    assert!(energy(&unlike, "Cu", "Ag") < -0.1);
    for like in ["Ag", "Cu"] {
        assert!(energy(&all, like, like) < -0.1);
        assert_eq!(energy(&unlike, like, like), 0.0);
        let told = format!("no term of the potential acts between {like} and {like}");
        assert!(unlike.warnings().any(|warning| *warning == told));
    }
}

#[test]
fn a_file_for_one_pair_serves_a_term_for_that_pair() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.toml");
    let text = "cut = \"smooth\"\ncutoff_angstrom = 8.0\n[[pair]]\nelements = [\"Ag\", \"C\"]\n\
                epsilon_ev = 0.03\nsigma_angstrom = 3.0\n";
    std::fs::write(&file, text).unwrap();
    let table = |pairs: &str| {
        table(&format!(
            "kind = \"lennard-jones\"\nfile = {file:?}\nelements = [\"Ag\", \"C\"]\n{pairs}"
        ))
    };
    let one = field(&[table("pairs = [[\"Ag\", \"C\"]]\n")]);
    assert!(one.conventions().contains("Ag-C: epsilon 0.030000 eV") && one.cutoff() == 8.0);
    let (_, error) = ForceField::read(&[&table("")]).unwrap_err();
    let expected = "no `[[pair]]` for Ag-Ag; there are Ag-C; `pairs` of the term in the input names those \
                    between which it acts, if not all do";
    assert!(error.to_string().ends_with(expected), "{error}");
}

/// Nothing acts between Cu and Ag here, and Ag and Ag: only Cu has tables, which end at 0.5 Å.
#[test]
fn a_term_does_not_judge_how_near_the_atoms_of_others_come() {
    let silver = analytic("morse", "morse", &["Al", "Ag"]);
    let silver = PotentialConfig { pairs: vec![["Al".into(), "Ag".into()]], ..silver };
    let both = field(&[tables_of("Cu"), silver]);
    let near = |a: &str, b: &str, c: [f64; 3]| {
        evaluate(&both, &frame(&[(a, [0.0; 3]), (b, [0.3, 0.0, 0.0]), ("Cu", c)]))
    };
    for (a, b) in [("Cu", "Ag"), ("Ag", "Ag"), ("Cu", "Al")] {
        assert_eq!(near(a, b, [30.0, 0.0, 0.0]).unwrap().fixed[1], [0; 4], "{a}-{b}");
    }
    // What is named is the atom that is too close, not the nearest.
    let refused = near("Cu", "Ag", [0.0, 0.4, 0.0]).unwrap_err().to_string();
    let expected = "it is 0.4000 Å from atom 2; closer than 0.5 Å no table of this potential goes";
    assert!(refused.contains(expected), "{refused}");
    assert!(near("Al", "Ag", [30.0, 0.0, 0.0]).is_err());
}

#[test]
fn a_cutoff_nearer_than_any_two_atoms_come_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text =
        std::fs::read_to_string(frames::path("inputs/potentials/lennard-jones.toml")).unwrap();
    let file = folder.path().join("in.toml");
    std::fs::write(&file, text.replace("cutoff_angstrom = 10.0", "cutoff_angstrom = 0.3")).unwrap();
    let refused = |file: &Path| {
        let text = format!("kind = \"lennard-jones\"\nfile = {file:?}\nelements = [\"Ag\"]\n");
        ForceField::read(&[&table(&text)]).unwrap_err().1.to_string()
    };
    assert!(refused(&file).contains("the cutoff 0.3 Å is not beyond 0.5 Å"), "{}", refused(&file));
}
