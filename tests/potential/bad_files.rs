//! Files with a wrong or missing value, each with its exact message.

use crate::frames;
use sinter_hpc::potential::meam::Meam;
use sinter_hpc::potential::{ForceField, Potential};
use std::path::Path;

const PT: &str =
    "'Pt' 'fcc' 12. 78 195.08 6.5 4.92 2.2 6.0 2.2 3.917 5.77 0.9 1 3.94 -2.2 3.84 1.0 3\n";
const FE: &str = "'Fe' 'bcc' 8 26 55.8 5.2 4.15 1 1 1 2.8636 4.29 0.56 1 2.6 1.8 -7.2 1.0 3\n";

/// What is said of these files when the elements Pt and Fe are asked for.
fn message(library: &str, parameters: &str, elements: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let [l, p] = ["library.meam", "pair.meam"].map(|name| folder.path().join(name));
    std::fs::write(&l, library).unwrap();
    std::fs::write(&p, parameters).unwrap();
    let elements: Vec<String> = elements.iter().map(|e| e.to_string()).collect();
    let error = Meam::from_files(&l, Some(&p), &elements).expect_err("bad files");
    assert_eq!(error.exit_code(), 2);
    error.to_string().replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn bad_libraries() {
    let both =
        |change: &str, into: &str| format!("# two elements\n{}{FE}", PT.replacen(change, into, 1));
    let cases = [
        (both("4.92", "4,92"), "library.meam:2:30: `4,92` is no number; `b0` needs one"),
        (both("12.", "8."), "library.meam:2:12: z is 8., but fcc has 12 nearest neighbours"),
        (
            both("fcc", "foc"),
            "library.meam:2:7: `foc` is no known lattice; known are fcc bcc hcp dim dia dia3 b1 c11 \
             l12 b2 ch4 lin zig tri sc",
        ),
        (both("fcc", "b1"), "library.meam:2:7: `b1` is no lattice of a single element"),
        (both("1.0 3\n", "1.0 2\n"), "library.meam:2:83: ibar is 2; known are 0, 1, 3, 4 and -5"),
        (both("1.0 3\n", "1.0 2.5\n"), "library.meam:2:83: `ibar` is 2.5 but must be whole"),
        (
            both("1.0 3\n", "1.0\n"),
            "library.meam:2:2: the entry `Pt` has 18 values instead of 19: `ibar` and what follows \
             is missing",
        ),
        (
            format!("{}{FE}", PT.replace('\n', " ")),
            "library.meam:1:2: the entry `Pt` has 38 values instead of 19: each entry must begin a \
             line of its own",
        ),
        (
            both("1.0 3\n", "1.0 3 1 2 3 4 5 6\n"),
            "library.meam:2:2: the entry `Pt` has 25 values instead of 19: that is the form of \
             `meam/ms`, which is not supported",
        ),
        (
            both("0.9 1 ", "0.9 2 "),
            "library.meam:2:62: t0 is not 1: divide rozero and t1 to t3 so that it is",
        ),
        (
            both("3.917", "-3.917"),
            "pair.meam: re of Pt-Pt is -2.7697372619077067: it must be positive",
        ),
        (both("5.77", "inf"), "library.meam:2:53: `inf` is no number; `esub` needs one"),
        (
            both("4.92", "4.92e9"),
            "library.meam: the densities of Pt grow beyond 1e30 between contact and cutoff: its \
             rozero, b0 to b3 or re cannot be meant",
        ),
        (both("3.94", "3.94e300"), "library.meam: t1, t2 and t3 weigh densities beyond 1e30"),
        (PT.to_string(), "library.meam: no entry `Fe`; there are Pt; did you mean `Pt`?"),
        (String::new(), "library.meam: no entry `Pt`: the file holds no entry at all"),
    ];
    for (library, expected) in cases {
        assert_eq!(message(&library, "", &["Pt", "Fe"]), expected);
    }
}

#[test]
fn bad_parameters() {
    let library = format!("{PT}{FE}");
    let cases = [
        ("rc = four", "pair.meam:1:6: `four` is no number; `rc` needs one"),
        ("\n\nrc =", "pair.meam:3:1: `rc` has no value"),
        ("rc = -4", "pair.meam:1:6: `rc` is -4 but must be from 1 to 20"),
        ("rc = 1e-10", "pair.meam:1:6: `rc` is 1e-10 but must be from 1 to 20"),
        ("Cmax(1,1,1) = 1e308", "pair.meam:1:15: `Cmax` is 1e308 but must be from -100 to 100"),
        (
            "rc = 20\nCmax(1,1,1) = 30",
            "pair.meam: with these Cmax atoms matter up to 56 Å; more than 30 Å make no \
             short-ranged potential",
        ),
        (
            "alpha(1,2) = 1e308\nzbl(1,2) = 0",
            "pair.meam: the pair energy of Pt-Fe is not finite up to the cutoff",
        ),
        ("Cmn(1,1,1) = 2", "pair.meam:1:1: unknown keyword `Cmn`; did you mean `Cmin`?"),
        (
            "Cmin(1,1) = 2",
            "pair.meam:1:1: `Cmin` takes 3 indices and one value, but 3 words follow it",
        ),
        (
            "Ec(1,3) = 2",
            "pair.meam:1:6: index 3, but 2 elements are named: indices follow the order of `elements`",
        ),
        (
            "Ec(0,1) = 2",
            "pair.meam:1:4: index 0, but 2 elements are named: indices follow the order of `elements`",
        ),
        (
            "rc = 4.4 Angstrom",
            "pair.meam:1:1: `rc` takes 0 indices and one value, but 2 words follow it",
        ),
        ("zbl(1,1) = yes", "pair.meam:1:12: `yes` is no number; `zbl` needs one"),
        (
            "lattce(1,2) = 'nacl'",
            "pair.meam:1:16: `nacl` is no known lattice; known are fcc bcc hcp dim dia dia3 b1 c11 \
             l12 b2 ch4 lin zig tri sc",
        ),
        ("lattce(1,1) = 'b1'", "pair.meam:1:16: `b1` is no lattice of a single element"),
        ("Cmax(1,2,2) = 1.5", "pair.meam: Cmax(1,2,2) = 1.5 is not above Cmin(1,2,2) = 2"),
        ("re(1,2) = -2", "pair.meam: re of Pt-Fe is -2: it must be positive"),
    ];
    for (parameters, expected) in cases {
        assert_eq!(message(&library, parameters, &["Pt", "Fe"]), expected);
    }
}

#[test]
fn bad_requests() {
    let library = format!("{PT}{FE}");
    let many: Vec<String> = (0..33).map(|n| format!("E{n}=Pt")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        message(&library, "", &many),
        "library.meam: 33 elements are named; at most 32 may be"
    );
    assert_eq!(
        message(&library, "", &["Pt", "Pt=Fe"]),
        "library.meam: the element `Pt` is named twice"
    );
    assert_eq!(
        message(&library, "", &["Pt", "Ni=Fee"]),
        "library.meam: no entry `Fee`; there are Pt, Fe; did you mean `Fe`?"
    );
    let missing = std::path::Path::new("no/such/library.meam");
    let error = Meam::from_files(missing, None, &["Pt".to_string()]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no/such/library.meam: cannot read the potential: No such file or directory (os error 2)"
    );
}

/// Files as people and tools write them.
#[test]
fn liberal_files_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let [l, p] = ["library.meam", "pair.meam"].map(|name| folder.path().join(name));
    let library = "# a comment\n\nPt \"fcc\" 12\n  78. 195.08 6.5 # in the middle\n4.92d0 2.2 6.0 2.2 3.917 5.77 .9\n\
                   1. 3.94 -2.2 3.84 1.0 3.\n'Pt' 'bcc' nonsense 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18\n";
    std::fs::write(&l, library).unwrap();
    std::fs::write(&p, "rc=4.4\r\n Cmin( 1 , 1, 1 )=1.53#x\n\tialloy = 2.0\n").unwrap();
    let liberal = Meam::from_files(&l, Some(&p), &["Pt".to_string()]).unwrap();
    std::fs::write(&l, PT).unwrap();
    std::fs::write(&p, "rc = 4.4\nCmin(1,1,1) = 1.53\nialloy = 2\n").unwrap();
    let strict = Meam::from_files(&l, Some(&p), &["Pt".to_string()]).unwrap();
    assert_eq!(liberal.conventions(), strict.conventions());
}

/// The potential of these files, which must be sound.
fn sound(library: impl AsRef<[u8]>, parameters: impl AsRef<[u8]>, elements: &[&str]) -> Meam {
    let folder = tempfile::tempdir().unwrap();
    let [l, p] = ["library.meam", "pair.meam"].map(|name| folder.path().join(name));
    std::fs::write(&l, library).unwrap();
    std::fs::write(&p, parameters).unwrap();
    let elements: Vec<String> = elements.iter().map(|e| e.to_string()).collect();
    Meam::from_files(&l, Some(&p), &elements).unwrap_or_else(|e| panic!("{e}"))
}

/// What it warns of, without the folder.
fn warnings(meam: &Meam) -> Vec<String> {
    let without_folder = |warning: &String| match warning.find(".meam") {
        Some(end) => warning[warning[..end].rfind('/').map_or(0, |at| at + 1)..].to_string(),
        None => warning.clone(),
    };
    meam.warnings().iter().map(without_folder).collect()
}

const PAIR: &str = "lattce(1,2) = 'l12'\nEc(1,2) = 5.86\nre(1,2) = 2.7181\nalpha(1,2) = 5.97\n";

/// Forms that LAMMPS reads (tried with it), each as good as the plain one.
#[test]
fn dialects_are_the_same_potential() {
    let library = format!("{PT}{FE}");
    let parameters = format!("{PAIR}zbl(1,2) = 0\nattrac(1,1) = -0.05\n");
    let plain = sound(&library, &parameters, &["Pt", "Fe"]).conventions();
    let latin = |text: &str| text.chars().map(|c| c as u8).collect::<Vec<u8>>();
    let titles =
        "elt lat z ielement atwt\nalpha b0 b1 b2 b3 alat esub asub\nt0 t1 t2 t3 rozero ibar\n";
    for library in [
        latin(&format!("# J\u{f6}rg\n{library}")),
        format!("{titles}{library}").into_bytes(),
        format!("Library of platinum and iron,\nsecond edition\n\n{library}").into_bytes(),
        format!("{PT}here comes iron\n{FE}that was iron\n").into_bytes(),
        format!("\u{feff}{library}").into_bytes(),
        library.replace(" -2.2 ", " \u{2212}2.2\u{a0}").into_bytes(),
        library.replace("'Pt'", "\u{2018}Pt\u{2019}").into_bytes(),
        library.replace('\'', "").replace(' ', "\t").replace('\n', "\r\n").into_bytes(),
        library.replace("1.0 3\n", "1.0 3 9 9\n").into_bytes(),
        library.replace(" 78 195.08 ", " 78\n\n# inside\n195.08 # more\n").into_bytes(),
        library.replace("4.92", "+4.92").replace(" 0.9 ", " .9E+00 ").into_bytes(),
    ] {
        let text = String::from_utf8_lossy(&library).into_owned();
        assert_eq!(sound(&library, &parameters, &["Pt", "Fe"]).conventions(), plain, "{text}");
    }
    for parameters in [
        format!("\u{feff}{parameters}").into_bytes(),
        latin(&format!("# J\u{f6}rg\n{parameters}")),
        parameters.replace("-0.05", "\u{2212}0.05").into_bytes(),
        parameters.replace("zbl(1,2) = 0", "zbl(1,2) = -100").into_bytes(),
        parameters.replace("zbl(1,2) = 0", "zbl(2,1) = 0.5").into_bytes(),
        parameters.replace("zbl(1,2) = 0", "zbl(1,2) = 1\nzbl(2,1) = 0").into_bytes(),
        parameters.replace("re(1,2) =", " re ( 1 , 2 ) ").into_bytes(),
        parameters.replace("re(1,2)", "re(1,2,7)").into_bytes(),
        parameters.replace("'l12'", "l12").replace('\n', "\r\n").into_bytes(),
        parameters.replace("'l12'", "\u{2018}l12\u{2019}").into_bytes(),
        format!("{parameters}Ec(2,1) = 1\nalpha(2,1) = 2\n").into_bytes(),
    ] {
        let text = String::from_utf8_lossy(&parameters).into_owned();
        assert_eq!(sound(&library, &parameters, &["Pt", "Fe"]).conventions(), plain, "{text}");
    }
}

/// What of the files is odd, and what is made of it.
#[test]
fn what_is_odd_is_told() {
    let library = format!("{PT}{FE}");
    let no_zbl = "zbl(1,1) = 0\nzbl(2,2) = 0\nzbl(1,2) = 0\n";
    let cases = [
        (library.clone(), format!("{PAIR}{no_zbl}"), vec![]),
        (
            library.clone(),
            format!("{PAIR}{no_zbl}delta(1,2) = 0.1\n"),
            vec!["pair.meam: delta(1,2) = 0.1 has no effect: Ec(1,2) = 5.86 is given"],
        ),
        (library.clone(), PAIR.to_string(), vec![]),
        (
            library.replace("12. 78", "12. 1"),
            PAIR.to_string(),
            vec![
                "library.meam: ielement of the entry `Pt` is 1, and the atomic number of Pt is 78: the \
                 repulsion of `zbl`, which acts here, is that of charge 1, as in LAMMPS",
            ],
        ),
        (library.replace("12. 78", "12. 0"), format!("{PAIR}{no_zbl}"), vec![]),
        (
            library.replace("195.08", "19.508"),
            PAIR.to_string(),
            vec!["library.meam: atwt of the entry `Pt` is 19.508 g/mol, and Pt weighs 195.084"],
        ),
        (
            library.replace("\u{2d}2.2", "\u{2212}2.2"),
            PAIR.to_string(),
            vec!["library.meam:1:69: the character U+2212 is read as `-`"],
        ),
        (
            library.replacen("1.0 3\n", "1.0 3 9\n", 1),
            PAIR.to_string(),
            vec![
                "library.meam:1:85: the entry `Pt` has 20 values instead of 19: what stands from `9` on \
                 is not read",
            ],
        ),
        (
            format!("{library}{}", PT.replace("4.92", "4.93")),
            PAIR.to_string(),
            vec![
                "library.meam:3:2: another entry `Pt`, with other values: that of line 1 counts, the \
                 first of 2",
            ],
        ),
        (
            library.clone(),
            format!("{PAIR}zbl(1,2) = -100\nialloy = 3\n"),
            vec![
                "pair.meam:5:12: `zbl` is -100: read as 0",
                "pair.meam:6:10: `ialloy` is 3: read as 0",
            ],
        ),
        (
            library.clone(),
            format!("{PAIR}nn2(1,2) = 1\nnn2(2,1) = 0\nrc(1) = 4.0\n"),
            vec![
                "pair.meam:6:1: `nn2` is 0 here and was 1: the later counts",
                "pair.meam:7:4: `rc` takes 0 indices: from `1` on they are not read",
            ],
        ),
        (
            library.clone(),
            format!("{PAIR}Ec(2,1) = 5\nCmin(2,1,1) = 1\n"),
            vec![
                "pair.meam: of a pair only the order I <= J counts here: Ec(2,1), Cmin(2,1,1) not read",
            ],
        ),
        (
            library.clone(),
            "Ec(1,2) = 5.86\n".to_string(),
            vec![
                "pair.meam: of Pt-Fe nothing says lattce, re, alpha: taken from the elements by the rules \
                 of mixing: lattce 'fcc', re 2.6248 Å, alpha 5.8500",
            ],
        ),
        (
            library.clone(),
            format!("{PAIR}Ec(1,1) = 5.77\nre(1,1) = 2.6\n"),
            vec!["pair.meam: re(1,1) is 2.6 Å, and element 1, Pt, has 2.7697 Å in the library"],
        ),
    ];
    for (library, parameters, expected) in cases {
        let meam = sound(&library, &parameters, &["Pt", "Fe"]);
        assert_eq!(warnings(&meam), expected, "{library}{parameters}");
        assert_eq!(meam.contradiction(), None);
    }
    let told = warnings(&sound(&library, PAIR, &["Ni=Pt", "X=Fe"]));
    assert_eq!(
        told,
        [
            "library.meam: the entry `Pt` is taken for the element Ni",
            "library.meam: atwt of the entry `Pt` is 195.08 g/mol, and Ni weighs 58.693",
            "`X` is not the symbol of a chemical element: files of results give it no atomic number; \
             `SYMBOL=Fe` says which element the entry `Fe` stands for",
            "library.meam: ielement of the entry `Pt` is 78, and the atomic number of Ni is 28: the \
             repulsion of `zbl`, which acts here, is that of charge 78, as in LAMMPS",
        ]
    );
}

/// Elements in another order than the file means: all that can be compared contradicts.
#[test]
fn permuted_elements_contradict_the_library() {
    let library = format!("{PT}{FE}");
    let own = "re(1,1) = 2.77\nre(2,2) = 2.48\nEc(1,1) = 5.77\n";
    let parameters = format!("{PAIR}{own}");
    assert_eq!(sound(&library, &parameters, &["Pt", "Fe"]).contradiction(), None);
    let swapped = sound(&library, &parameters, &["Fe", "Pt"]);
    let message = swapped.contradiction().expect("a contradiction");
    assert_eq!(
        &message[message.find("pair.meam").unwrap()..],
        "pair.meam: nothing that it says of the elements fits the library: Ec(1,1) is 5.77 eV, and \
         element 1, Fe, has 4.2900 eV in the library; re(1,1) is 2.77 Å, and element 1, Fe, has 2.4800 Å \
         in the library; re(2,2) is 2.48 Å, and element 2, Pt, has 2.7697 Å in the library; indices \
         follow the order of `elements`; all fit with elements = [\"Pt\", \"Fe\"]"
    );
    // One value of three contradicts: no more than a warning, with the order that would fit.
    let one = sound(
        &library,
        format!("{PAIR}re(1,1) = 2.77\nEc(2,2) = 4.29\nEc(1,1) = 4.4\n"),
        &["Pt", "Fe"],
    );
    assert_eq!(one.contradiction(), None);
    assert_eq!(
        warnings(&one),
        ["pair.meam: Ec(1,1) is 4.4 eV, and element 1, Pt, has 5.7700 eV in the library"]
    );
}

/// What is refused: `tests/inputs/bad/eam_*`.
#[test]
fn tables_of_one_element_are_another_s_only_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let copper = frames::path("tests/reference/embedded/Cu.eam");
    let nameless = folder.path().join("nameless.eam");
    let text = std::fs::read_to_string(&copper).unwrap();
    std::fs::write(&nameless, text.replacen("\n29 ", "\n0 ", 1)).unwrap();
    let read = |path: &Path, element: &str| {
        let text = format!("kind = \"eam\"\nfile = {path:?}\nelements = [{element:?}]\n");
        ForceField::read(&[&toml::from_str(&text).unwrap()]).map_err(|(_, error)| error.to_string())
    };
    // By its atomic number, for another element; for one that is invented; of none.
    for (path, element, symbol) in
        [(&copper, "Ag=Cu", "Ag"), (&copper, "X", "X"), (&nameless, "Ag", "Ag")]
    {
        let field = read(path, element).unwrap();
        assert_eq!(field.species()[0].symbol, symbol);
    }
    let refused = read(&copper, "Ag").unwrap_err();
    let expected = "this is the file of Cu (atomic number 29), and stands where that of Ag should: \
                    `Ag=Cu` in `elements` takes the tables of Cu for Ag";
    assert!(refused.ends_with(expected), "{refused}");
}

/// As old Macintoshes left them; a cutoff beyond the tables is told where something ends there.
#[test]
fn tables_with_other_ends_of_lines_and_tables_that_end_early() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(frames::path("tests/reference/embedded/Cu.eam")).unwrap();
    let alloy = frames::path("tests/reference/embedded/tables.eam.alloy");
    let alloy = std::fs::read_to_string(alloy).unwrap();
    let read = |kind: &str, text: &str| {
        let path = folder.path().join("tables");
        std::fs::write(&path, text).unwrap();
        let text = format!("kind = {kind:?}\nfile = {path:?}\nelements = [\"Cu\"]\n");
        let field = ForceField::read(&[&toml::from_str(&text).unwrap()]);
        field.unwrap_or_else(|(_, error)| panic!("{error}"))
    };
    for ends in ["\r", "\r\n"] {
        let other = read("eam", &text.replace('\n', ends));
        assert_eq!(other.conventions(), read("eam", &text).conventions());
    }
    // A knot more than the tables have, which end at zero; then tables that do not.
    let line = alloy.lines().nth(4).unwrap();
    let mut grid: Vec<&str> = line.split_whitespace().collect();
    let end: f64 = grid[2].parse::<f64>().unwrap() * grid[3].parse::<f64>().unwrap();
    let end = end.to_string();
    grid[4] = &end;
    let beyond = alloy.replacen(line, &grid.join(" "), 1);
    let told = |text: &str| {
        read("eam/alloy", text).warnings().filter(|told| told.contains("beyond the end")).count()
    };
    let last = beyond.trim_end().rsplit(char::is_whitespace).next().unwrap();
    assert_eq!(last.parse::<f64>().unwrap(), 0.0);
    let high = beyond.trim_end().strip_suffix(last).unwrap().to_string() + "0.01\n";
    assert_eq!((told(&beyond), told(&high)), (0, 1));
}
