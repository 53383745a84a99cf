//! Files with a wrong or missing value, each with its exact message.

use sinter_hpc::potential::meam::Meam;

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
            both("1.0 3\n", "1.0 3 0\n"),
            "library.meam:2:2: the entry `Pt` has 20 values instead of 19: the last ones are too many",
        ),
        (
            both("0.9 1 ", "0.9 2 "),
            "library.meam:2:62: t0 is not 1: divide rozero and t1 to t3 so that it is",
        ),
        (both("3.917", "-3.917"), "library.meam:2:47: `alat` is -3.917 but must be positive"),
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
        ("ialloy = 3", "pair.meam:1:10: `ialloy` is 3; it may be 0 or 1 or 2"),
        ("zbl(1,1) = 2 # no", "pair.meam:1:12: `zbl` is 2; it may be 0 or 1"),
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
