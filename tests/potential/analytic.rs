//! Analytic families: against their peers, against what was published with their parameters,
//! at their cutoffs, and as one of several terms.

use crate::brute_force::{Listing, evaluate, evaluate_with};
use crate::frames::Frame;
use crate::golden::{agrees, analytic, field, iron_platinum};
use sinter_hpc::input::PotentialConfig;
use sinter_hpc::potential::{ForceField, crystal};

#[test]
fn families_agree_with_their_peers() {
    for (kind, name, elements) in [
        ("gupta", "gupta", &["Au", "Cu"][..]),
        ("sutton-chen", "sutton-chen", &["Au", "Ni"]),
        ("sutton-chen", "quantum-sutton-chen", &["Ag", "Pt"]),
        ("lennard-jones", "lennard-jones", &["Au", "Ag"]),
        ("morse", "morse", &["Cu", "Ni"]),
        ("johnson", "johnson", &["Fe"]),
    ] {
        let file = format!("analytic/{name}-{}.xyz", elements.join("-"));
        agrees(&field(&[analytic(kind, name, elements)]), &file);
    }
}

/// The Lennard-Jones file, changed; the folder holds it.
fn changed(change: &str, into: &str) -> (tempfile::TempDir, PotentialConfig) {
    let mut table = analytic("lennard-jones", "lennard-jones", &["Pt"]);
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(&table.file[0]).unwrap();
    assert!(text.contains(change), "{text}");
    table.file[0] = folder.path().join("changed.toml");
    std::fs::write(&table.file[0], text.replace(change, into)).unwrap();
    (folder, table)
}

#[test]
fn pair_potentials_end_as_asked() {
    for (cut, [energy, force]) in [
        // 4 epsilon (sigma / 10 Å)^6 and 6 / 10 Å of it, less the repulsion.
        ("none", [-7.238e-4, -4.341e-4]),
        ("shift", [0.0, -4.341e-4]),
        ("smooth", [0.0, 0.0]),
    ] {
        let (_folder, table) = changed("\"smooth\"", &format!("{cut:?}"));
        let potential = field(&[table]);
        if cut != "smooth" {
            agrees(&potential, &format!("analytic/lennard-jones-Pt-{cut}.xyz"));
        }
        let found = evaluate(&potential, &dimer(["Pt", "Pt"], 9.999_999)).unwrap();
        let near =
            |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-6, "{cut}: {found}");
        near(found.energy(), energy);
        near(found.forces[1][0], force);
        assert_eq!(evaluate(&potential, &dimer(["Pt", "Pt"], 10.001)).unwrap().energy(), 0.0);
    }
}

fn dimer(symbols: [&str; 2], r: f64) -> Frame {
    Frame {
        edges: [40.0; 3],
        symbols: symbols.map(String::from).to_vec(),
        positions: vec![[0.0; 3], [r, 0.0, 0.0]],
        ..Frame::default()
    }
}

#[test]
fn families_go_to_zero_at_their_cutoffs() {
    for (kind, name, elements, cutoff) in [
        ("gupta", "gupta", ["Au", "Cu"], 0.5 * (7.057 + 6.254)),
        ("sutton-chen", "sutton-chen", ["Au", "Ni"], 8.5),
        ("morse", "morse", ["Cu", "Ni"], 10.0),
        ("johnson", "johnson", ["Fe", "Fe"], 3.44),
    ] {
        let mut named = elements.to_vec();
        named.dedup();
        let potential = field(&[analytic(kind, name, &named)]);
        for (before, energy, force) in [(1e-3, 2e-6, 3e-3), (1e-5, 1e-9, 3e-5)] {
            let found = evaluate(&potential, &dimer(elements, cutoff - before)).unwrap();
            assert!(found.energy().abs() < energy, "{name}: {} eV", found.energy());
            assert!(found.forces[0][0].abs() < force, "{name}: {} eV/Å", found.forces[0][0]);
        }
        assert_eq!(evaluate(&potential, &dimer(elements, cutoff + 1e-6)).unwrap().energy(), 0.0);
    }
}

/// Lattice constant and cohesive energy of each crystal as published with the parameters, or as
/// measured, which they were fitted to. `-- --nocapture` prints the table of
/// `inputs/potentials/README.md`.
#[test]
fn parameters_give_the_published_crystals() {
    // Within so much of each, Å and relative: cutoffs that the authors did not have, zero-point
    // motion in the quantum form, and digits.
    type Set = (&'static str, &'static str, [f64; 2], &'static [(&'static str, f64, f64)]);
    let sets: [Set; 5] = [
        (
            "gupta",
            "gupta",
            [1e-3, 1e-3],
            &[
                ("Ag", 4.085, 2.960),
                ("Al", 4.050, 3.339),
                ("Au", 4.079, 3.779),
                ("Cu", 3.615, 3.544),
                ("Ir", 3.839, 6.930),
                ("Ni", 3.523, 4.435),
                ("Pd", 3.887, 3.936),
                ("Pt", 3.924, 5.853),
                ("Rh", 3.803, 5.752),
            ],
        ),
        (
            "sutton-chen",
            "sutton-chen",
            [8e-3, 2e-2],
            &[
                ("Ag", 4.09, 2.96),
                ("Al", 4.05, 3.34),
                ("Au", 4.08, 3.78),
                ("Cu", 3.61, 3.50),
                ("Ir", 3.84, 6.93),
                ("Ni", 3.52, 4.44),
                ("Pb", 4.95, 2.04),
                ("Pd", 3.89, 3.94),
                ("Pt", 3.92, 5.86),
                ("Rh", 3.80, 5.75),
            ],
        ),
        (
            "sutton-chen",
            "quantum-sutton-chen",
            [2.5e-2, 3e-2],
            &[
                ("Ag", 4.0691, 2.95),
                ("Au", 4.0651, 3.81),
                ("Cu", 3.6030, 3.49),
                ("Ir", 3.8344, 6.94),
                ("Ni", 3.5157, 4.44),
                ("Pd", 3.8813, 3.89),
                ("Pt", 3.9163, 5.84),
                ("Rh", 3.7984, 5.75),
            ],
        ),
        (
            "lennard-jones",
            "lennard-jones",
            [4e-2, 0.1],
            &[
                ("Ag", 4.09, 2.96),
                ("Al", 4.05, 3.34),
                ("Au", 4.08, 3.78),
                ("Cu", 3.61, 3.50),
                ("Ni", 3.52, 4.44),
                ("Pd", 3.89, 3.94),
                ("Pt", 3.92, 5.86),
            ],
        ),
        (
            "morse",
            "morse",
            [2.5e-2, 0.05],
            &[
                ("Ag", 4.0723, 3.010),
                ("Al", 4.0314, 2.930),
                ("Cu", 3.6064, 3.543),
                ("Ni", 3.5219, 4.250),
                ("Pb", 4.9348, 2.039),
            ],
        ),
    ];
    for (kind, name, [length, energy], metals) in sets {
        println!("{name}:");
        for &(symbol, constant, cohesive) in metals {
            let potential = field(&[analytic(kind, name, &[symbol])]);
            let found =
                crystal::lattice_constant(&potential, "fcc", 0).unwrap().expect("a crystal");
            let deep = -crystal::cohesive_energy(&potential, "fcc", 0, found).unwrap();
            println!("| {symbol} | {found:.4} | {constant} | {deep:.4} | {cohesive} |");
            assert!((found - constant).abs() < length, "{name}, {symbol}: {found} Å");
            assert!((deep / cohesive - 1.0).abs() < energy, "{name}, {symbol}: {deep} eV");
        }
    }
    // Johnson's iron: the lattice constant that it was made for. The energy of a pair potential is that of a
    // vacancy, 1.53 eV before its neighbours move (and 1.37 eV then).
    let iron = field(&[analytic("johnson", "johnson", &["Fe"])]);
    let found = crystal::lattice_constant(&iron, "bcc", 0).unwrap().expect("a crystal");
    let deep = -crystal::cohesive_energy(&iron, "bcc", 0, found).unwrap();
    println!("johnson:\n| Fe | {found:.4} | 2.86 | {deep:.4} | |");
    assert!((found - 2.86).abs() < 1e-3, "{found}");
    assert!((deep - 1.537).abs() < 1e-3, "{deep}");
}

/// J. Tersoff, Phys. Rev. B 39 (1989) 5566, gives 5.432 Å and 4.63 eV for Si, 5.657 Å and 3.85 eV
/// for Ge. The ends of a bond share its energy: a crystal's used to be half of it.
#[test]
fn a_crystal_has_both_halves_of_its_bonds() {
    let files = crate::frames::path("tests/reference/embedded/SiGe.tersoff");
    let tersoff = |symbol: &str| -> PotentialConfig {
        toml::from_str(&format!("kind = \"tersoff\"\nfile = {files:?}\nelements = [{symbol:?}]\n"))
            .expect("a table of the input")
    };
    for (symbol, constant, cohesive) in [("Si", 5.432, 4.63), ("Ge", 5.657, 3.85)] {
        let alone = field(&[tersoff(symbol)]);
        let found = crystal::lattice_constant(&alone, "dia", 0).unwrap().expect("a crystal");
        let energy = |of: &ForceField| crystal::cohesive_energy(of, "dia", 0, found).unwrap();
        assert!((found - constant).abs() < 1e-3, "{symbol}: {found} Å");
        assert!((energy(&alone) + cohesive).abs() < 0.01, "{symbol}: {} eV", energy(&alone));
        // Whatever other terms there are.
        let pair = analytic("lennard-jones", "lennard-jones", &[&format!("{symbol}=Ag")]);
        let (both, other) = (field(&[tersoff(symbol), pair.clone()]), field(&[pair]));
        assert!((energy(&both) - energy(&alone) - energy(&other)).abs() < 1e-9, "{symbol}");
    }
}

#[test]
fn terms_add_up_and_leave_alone_whom_they_do_not_know() {
    let pair = analytic("lennard-jones", "lennard-jones", &["Ag", "Pt"]);
    let text = "library = \"PtFe.library.meam\"\nparameters = \"PtFe.meam\"\nelements = [\"Pt\", \"Fe\"]\n";
    let folder = crate::frames::path("inputs/potentials").display().to_string();
    let text = text.replace("\"PtFe", &format!("\"{folder}/PtFe"));
    let meam: PotentialConfig = toml::from_str(&text).expect("a table of the input");
    let both = field(&[pair.clone(), meam]);
    assert_eq!(both.contradiction(), None);
    let names = |field: &ForceField| -> Vec<String> {
        use sinter_hpc::potential::Potential;
        field.species().iter().map(|s| s.symbol.clone()).collect()
    };
    assert_eq!(names(&both), ["Ag", "Pt", "Fe"]);

    let mut frame = crate::frames::read("alloy_rattled.xyz").swap_remove(0);
    let is_silver = |n: usize| n % 5 == 2;
    let count = frame.positions.len();
    (0..count).filter(|&n| is_silver(n)).for_each(|n| frame.symbols[n] = "Ag".into());
    let part = |kept: &dyn Fn(usize) -> bool| {
        let atoms: Vec<usize> = (0..count).filter(|&n| kept(n)).collect();
        let symbols = atoms.iter().map(|&n| frame.symbols[n].clone()).collect();
        let positions = atoms.iter().map(|&n| frame.positions[n]).collect();
        (atoms, Frame { symbols, positions, ..frame.clone() })
    };
    let bits = |field: &ForceField, frame: &Frame| {
        let ids: Vec<u64> = (0..frame.positions.len() as u64).collect();
        evaluate_with(field, frame, &ids, Listing::default()).unwrap().fixed
    };
    let mut expected = vec![[0i64; 4]; count];
    let mut add = |atoms: Vec<usize>, found: Vec<[i64; 4]>| {
        for (n, force) in atoms.into_iter().zip(found) {
            (0..4).for_each(|d| expected[n][d] += force[d]);
        }
    };
    let (atoms, of_meam) = part(&|n| !is_silver(n));
    add(atoms, bits(&iron_platinum(), &of_meam));
    let (atoms, of_pair) = part(&|n| frame.symbols[n] != "Fe");
    add(atoms, bits(&field(&[pair]), &of_pair));
    assert_eq!(bits(&both, &frame), expected);
}

/// What is said of such a file when these elements are asked for.
fn refusal(kind: &str, text: &str, elements: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.toml");
    std::fs::write(&file, text).unwrap();
    let table = format!("kind = {kind:?}\nfile = {file:?}\nelements = {elements:?}\n");
    let table: PotentialConfig = toml::from_str(&table).expect("a table of the input");
    let (_, error) = ForceField::read(&[&table]).expect_err("a bad file");
    assert_eq!(error.exit_code(), 2);
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn bad_files_are_refused_with_the_place() {
    let pair = "[[pair]]\nelements = [\"Au\", \"Au\"]\nepsilon_ev = 0.4\nsigma_angstrom = 2.6\n";
    let head = "cut = \"shift\"\ncutoff_angstrom = 8\n";
    let whole = format!("{head}{pair}");
    let cases = [
        (
            whole.replace("sigma_angstrom", "sigma_nm"),
            &["Au"][..],
            "p.toml:6:1: unknown key `sigma_nm` in `[[pair]]` number 1: `sigma` is given in Å: write \
             `sigma_angstrom = 26`",
        ),
        (
            whole.replace("\"shift\"", "\"sharp\""),
            &["Au"],
            "p.toml:1:7: `cut` must be \"none\", \"shift\" or \"smooth\", not \"sharp\"",
        ),
        (
            whole.replace("0.4", "-0.4"),
            &["Au"],
            "p.toml:5:14: `epsilon_ev` must be a number, at least 0, not -0.4",
        ),
        (format!("{whole}{pair}"), &["Au"], "p.toml:8:1: the pair Au-Au is given twice"),
        (whole.clone(), &["Ag"], "p.toml: no `[[pair]]` for Ag-Ag; there are Au-Au"),
        (
            format!("{whole}{}", pair.replace("Au", "Ag")),
            &["Au", "Ag"],
            "p.toml: no `[[pair]]` for Au-Ag; there are Au-Au or Ag-Ag; the file states no `mixing` \
             that would give it; `pairs` of the term in the input names those between which it acts, if not \
             all do",
        ),
    ];
    for (text, elements, message) in cases {
        assert_eq!(refusal("lennard-jones", &text, elements), message);
    }
    // What a pair would be mixed from is named where it is what is missing.
    assert_eq!(
        refusal(
            "lennard-jones",
            &format!("mixing = \"lorentz-berthelot\"\n{whole}"),
            &["Au", "Ag"]
        ),
        "p.toml: no `[[pair]]` for Ag-Ag, from which Au-Ag would be mixed; there are Au-Au; `pairs` of the term \
                    in the input names those between which it acts, if not all do"
    );
    let file = |name: &str| {
        let path = crate::frames::path(&format!("inputs/potentials/{name}.toml"));
        std::fs::read_to_string(path).unwrap()
    };
    let johnson = file("johnson").replace("-1.581570", "-1.5");
    assert_eq!(
        refusal("johnson", &johnson, &["Fe"]),
        "p.toml:7:1: at 2.4 Å φ goes from -0.200211 eV, -0.504777 eV/Å to -0.118641 eV, -0.504775 \
         eV/Å: the pieces do not meet"
    );
    let gupta = file("gupta").replace("cutoff_angstrom = 7.067", "cutoff_angstrom = 6");
    assert!(refusal("gupta", &gupta, &["Ag"]).contains("taper_angstrom 6.536 must be below"));
    let sutton_chen = file("sutton-chen").replace("mixing = ", "# ");
    assert_eq!(
        refusal("sutton-chen", &sutton_chen, &["Ag", "Au"]),
        "p.toml: the file states no `mixing`, which Ag-Au would follow from"
    );
    assert!(
        refusal("sutton-chen", &sutton_chen, &["Fe"])
            .starts_with("p.toml: no `[[element]]` for Fe")
    );
}
