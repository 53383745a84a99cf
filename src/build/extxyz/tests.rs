//! Texts that are read, refused, and written.

use super::*;
use crate::build::frame::Values;
use proptest::prelude::*;

fn frames(text: &str) -> Vec<Result<Frame>> {
    Frames::new(Path::new("a.xyz"), text.as_bytes()).collect()
}

fn only(text: &str) -> Frame {
    let mut all = frames(text);
    assert_eq!(all.len(), 1);
    all.remove(0).unwrap()
}

#[test]
fn columns_in_any_order_and_keys_in_any_quotes() {
    let frame = only(
        "2\nfree energy=-1.5 label='a \"b\"' list=[1, 2] old={3 4} Properties=id:I:1:pos:R:3:species:S:1:velo:R:3:fixed:L:1 Lattice=\"10 0 0 0 11 0 0 0 12\" Origin=\"-5 0 1e0\" pbc=\"T F T\"\n\
         7 1 2 3 Pt .1 .2 .3 T\n8 -1 2.5d0 3e-1 Fe 0 0 0 F\n",
    );
    assert_eq!(frame.lattice, Some([[10.0, 0.0, 0.0], [0.0, 11.0, 0.0], [0.0, 0.0, 12.0]]));
    assert_eq!(frame.origin, [-5.0, 0.0, 1.0]);
    assert_eq!(frame.periodic, [true, false, true]);
    assert_eq!(frame.species, ["Pt", "Fe"]);
    assert_eq!(frame.positions, [[1.0, 2.0, 3.0], [-1.0, 2.5, 0.3]]);
    assert_eq!(frame.velocities, Some(vec![[0.1, 0.2, 0.3], [0.0; 3]]));
    assert_eq!(frame.integers("id"), Some(&[7, 8][..]));
    assert_eq!(frame.column("fixed").unwrap().values, Values::Logical(vec![true, false]));
    let info: Vec<_> = frame.info.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let wanted = [
        ("free", "T"),
        ("energy", "-1.5"),
        ("label", "a \"b\""),
        ("list", "[1, 2]"),
        ("old", "3 4"),
    ];
    assert_eq!(info, wanted);
}

#[test]
fn plain_xyz_with_any_comment_and_blank_lines_after_it() {
    let all = frames("1\nan \"open quote, x = 3\nPt 0 0 0\n\n1\n\nFe 1 2 3\r\n\n\n");
    assert_eq!(all.len(), 2);
    let second = all[1].as_ref().unwrap();
    assert_eq!((second.species[0].as_str(), second.positions[0]), ("Fe", [1.0, 2.0, 3.0]));
    assert_eq!((second.lattice, second.periodic), (None, [false; 3]));
}

#[test]
fn every_mistake_has_its_place_and_message() {
    let cases = [
        ("x\n\n", "a.xyz:1:1: the number of atoms of a frame is wanted here, not \"x\""),
        ("1 2\n\n", "a.xyz:1:3: only the number of atoms may stand on this line, not \"2\""),
        (
            "3\n\nPt 0 0 0\n",
            "a.xyz:4:1: the file ends within frame 0 (from line 1): 1 of its 3 atoms are there; it was probably cut short",
        ),
        ("2\n\nPt 0 0 0\nPt 0 0", "a.xyz:4:7: the line ends where the column pos is wanted"),
        ("1\n\nPt 0 O 0\n", "a.xyz:3:6: the column pos wants a finite number, not \"O\""),
        ("1\n\nPt 0 nan 0\n", "a.xyz:3:6: the column pos wants a finite number, not \"nan\""),
        (
            "1\n\nPt 0 0 0 1\n",
            "a.xyz:3:10: \"1\" is more than the columns of this frame: the comment line names columns, as Properties=species:S:1:pos:R:3:velo:R:3",
        ),
        (
            "1\n\nPt 0, 0, 0\n",
            "a.xyz:3:4: the column pos wants a finite number, not \"0,\"; columns are divided by white space alone, and decimals begin with a point",
        ),
        (
            "1\n\nPt,0,0,0\n",
            "a.xyz:3:9: the line ends where the column pos is wanted; columns are divided by white space alone, and decimals begin with a point",
        ),
        (
            "1\nlattice=\"9 0 0 0 9 0 0 0 9\" Lattice=\"9 0 0 0 9 0 0 0 9\"\n",
            "a.xyz:2:37: Lattice is given twice",
        ),
        (
            "1\nLattice=\"9 0 0 0 9 0 0 0 9\" it's bulk\nPt 0 0 0\nx",
            "a.xyz:4:1: the number of atoms of a frame is wanted here, not \"x\"",
        ),
        (
            "1\nLattice=\"9 0 0 0 9 0 0 0 9\" 'open\n",
            "a.xyz:2:29: what begins here is not closed by '",
        ),
        (
            "1\nProperties=Z:I:1:pos:R:3\n200 0 0 0\n",
            "a.xyz:3:1: 200 in the column Z is no atomic number of an element",
        ),
        (
            "1\nProperties=species:S:1:pos:R:3:id:I:1\nPt 0 0 0 1.5\n",
            "a.xyz:3:10: the column id wants an integer, not \"1.5\"",
        ),
        (
            "1\nProperties=species:S:1:pos:R\n",
            "a.xyz:2:12: Properties wants name:kind:width for each column, not \"species:S:1:pos:R\"",
        ),
        ("1\nProperties=species:S:1\n", "a.xyz:2:12: Properties must name the column pos"),
        (
            "1\nProperties=species:S:1:pos:R:2\n",
            "a.xyz:2:12: the column pos must have width 3, not 2",
        ),
        (
            "1\nProperties=species:S:1:pos:Q:3\n",
            "a.xyz:2:12: the kind of the column pos must be S, R, I or L, not \"Q\"",
        ),
        (
            "1\nProperties=species:S:1:pos:R:3:pos:R:3\n",
            "a.xyz:2:12: the column pos stands twice in Properties",
        ),
        ("1\nLattice=\"1 2\" x=1\n", "a.xyz:2:9: Lattice wants 9 numbers, not \"1 2\""),
        ("1\npbc=\"T T\"\n", "a.xyz:2:5: pbc wants three of T and F, not \"T T\""),
        (
            "1\nProperties=species:S:1:pos:R:3 label=\"open\n",
            "a.xyz:2:38: what begins here is not closed by \"",
        ),
    ];
    for (text, message) in cases {
        let all = frames(text);
        let error = all.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn keys_and_columns_may_have_any_capitals_and_lists_any_form() {
    for comment in [
        "lattice=\"10 0 0 0 11 0 0 0 12\" properties=Species:S:1:POS:R:3 PBC=\"t f T\"",
        "LATTICE = [[10, 0, 0], [0, 11, 0], [0, 0, 12]] Properties = species:S:1:pos:R:3 pbc = [True, False, True]",
        "Lattice={10.d0 11 12} pbc='1 0 1' Properties=element:s:1:Positions:r:3",
    ] {
        let frame = only(&format!("\u{feff}1\r\n{comment}\r\nPt\t1\t2\t3\r\n \r\n"));
        let cell = [[10.0, 0.0, 0.0], [0.0, 11.0, 0.0], [0.0, 0.0, 12.0]];
        assert_eq!((frame.lattice, frame.periodic), (Some(cell), [true, false, true]), "{comment}");
        assert_eq!(
            (&*frame.species, &*frame.positions),
            (&["Pt".to_string()][..], &[[1.0, 2.0, 3.0]][..])
        );
        assert!(frame.warnings.is_empty() && frame.info.is_empty(), "{frame:?}");
    }
    let all = only("1\nLattice=\"9 0 0 0 9 0 0 0 9\" pbc=F\nPt 0 0 0\n");
    assert_eq!(all.periodic, [false; 3]);
    let none = only("1\nLattice=\"0.0 0 0 0 0 0 0 0 0\"\nPt 0 0 0\n");
    assert_eq!((none.lattice, none.periodic), (None, [false; 3]));
}

#[test]
fn a_cell_under_another_name_is_told() {
    let frame = only("1\ncell=\"9 0 0 0 9 0 0 0 9\"\nPt 0 0 0\n");
    assert_eq!(frame.warnings.len(), 1);
    assert!(frame.warnings[0].starts_with("the comment line has `cell`, which is not read"));
    assert!(only("1\nunit cell of Pt\nPt 0 0 0\n").warnings.is_empty(), "words are no keys");
}

#[test]
fn not_a_number_is_none_where_nobody_needs_it() {
    let frame = only("1\nProperties=species:S:1:pos:R:3:forces:R:3\nPt 0 0 0 nan NaN -inf\n");
    let Values::Real(forces) = &frame.column("forces").unwrap().values else { panic!() };
    assert!(forces[0].is_nan() && forces[1].is_nan() && forces[2] == f64::NEG_INFINITY);
}

#[test]
fn velocities_come_in_the_unit_of_their_column() {
    let read = |column: &str, values: &str| {
        only(&format!("1\nProperties=species:S:1:pos:R:3:{column}\nPt 0 0 0 {values}\n"))
    };
    let near = |frame: &Frame, wanted: f64| {
        let [x, y, z] = frame.velocities.as_ref().expect("velocities")[0];
        assert!((x - wanted).abs() < 1e-9 * wanted && (y, z) == (0.0, 0.0), "{x}, not {wanted}");
    };
    let plain = read("velo:R:3", "2 0 0");
    near(&plain, 2.0);
    assert!(plain.warnings.is_empty());
    let vel = read("vel:R:3", "2 0 0");
    near(&vel, 2.0);
    assert!(vel.warnings[0].starts_with("the column `vel` is taken as velocities in Å/ps"));
    // √(eV/u) = √(1.602176634e-19 / 1.66053906660e-27) m/s = 9822.69 m/s.
    let of_ase = read("velocities:R:3", "0.02 0 0");
    near(&of_ase, 0.02 * 98.22694748);
    assert!(of_ase.warnings[0].contains("ASE's velocities"));
    let momenta = read("momenta:R:3", "4 0 0");
    near(&momenta, 4.0 / 195.084 * 98.22694748);
    assert!(momenta.column("momenta").is_some(), "ASE finds its own again");
    near(&read("masses:R:1:momenta:R:3", "100 4 0 0"), 0.04 * 98.22694748);
    // The column that says its unit counts.
    let both = read("momenta:R:3:velo:R:3", "4 0 0 2 0 0");
    near(&both, 2.0);
    assert_eq!(
        both.warnings,
        [
            "the column `momenta` has other velocities than the one that counts: atom 0 (counted from 0) \
          would have [2.0140, 0.0000, 0.0000] Å/ps, and has [2.0000, 0.0000, 0.0000]"
        ]
    );
    let both = read("momenta:R:3:velo:R:3", "4 0 0 2.01404 0 0");
    assert!(both.warnings.is_empty(), "the same by two columns");
    let nobody = only("1\nProperties=species:S:1:pos:R:3:momenta:R:3\nXx 0 0 0 1 0 0\n");
    assert_eq!(nobody.velocities, None);
    assert!(nobody.warnings[0].contains("not all of its atoms have a mass"));
}

#[test]
fn species_may_be_numbers_of_elements() {
    let frame = only("2\nProperties=Z:I:1:pos:R:3\n78 0 0 0\n26 3 0 0\n");
    assert_eq!(frame.species, ["Pt", "Fe"]);
    let frame = only("1\nProperties=type:I:1:pos:R:3\n1 0 0 0\n");
    assert_eq!(frame.species, ["1"], "a type is no atomic number");
    let frame = only("2\nProperties=species:S:1:pos:R:3:Z:I:1\nPt 0 0 0 78\nPt 3 0 0 26\n");
    assert_eq!(
        frame.warnings,
        ["atom 1 (counted from 0) is Pt by its species and Fe by the column Z: the species counts"]
    );
    let frame = only("1\nProperties=species:S:1:pos:R:3:move_mask:L:1\nPt 0 0 0 F\n");
    assert_eq!(frame.warnings, ["the file holds atoms fixed (`move_mask`): here all atoms move"]);
}

#[test]
fn comments_may_be_latin_1_and_what_is_not_text_is_refused() {
    let read = |bytes: &[u8]| Frames::new(Path::new("b.xyz"), bytes).next().unwrap();
    let frame = read(b"1\nsize=\"gr\xf6\xdfer\"\nPt 0 0 0\n").unwrap();
    assert_eq!(frame.info("size"), Some("größer"));
    let error = read(b"1\n\xff\0\nPt 0 0 0\n").unwrap_err();
    assert_eq!(error.to_string(), "b.xyz:2:1: this line is not text");
}

#[test]
fn velocities_by_components_are_read_and_others_told() {
    let read = |columns: &str, values: &str| {
        only(&format!("1\nProperties=species:S:1:pos:R:3:{columns}\nPt 0 0 0 {values}\n"))
    };
    let parts = read("vx:R:1:VY:R:1:vz:I:1", "1.5 -2 3");
    assert_eq!(parts.velocities, Some(vec![[1.5, -2.0, 3.0]]));
    assert!(parts.columns.is_empty());
    assert_eq!(parts.warnings, ["the columns `vx`, `vy` and `vz` are taken as velocities in Å/ps"]);
    for (columns, values, name) in [
        ("initial_velocities:R:3", "1 2 3", "initial_velocities"),
        ("vx:R:1:vy:R:1", "1 2", "vx"),
        ("vx:R:1:vy:R:1:vz:R:1", "1 2 nan", "vx"),
        ("momentum:R:3", "1 2 3", "momentum"),
    ] {
        let frame = read(columns, values);
        assert_eq!(frame.velocities, None);
        let told = format!("the column `{name}` is not read: velocities are `velo:R:3`");
        assert!(
            matches!(&frame.warnings[..], [one] if one.starts_with(&told)),
            "{:?}",
            frame.warnings
        );
    }
    assert!(read("magmoms:R:1", "2").warnings.is_empty());
    // Where some are read, others of other values are told as before.
    assert!(read("velo:R:3:vx:R:1", "1 2 3 1").warnings.is_empty());
}

#[test]
fn image_flags_are_read() {
    let frame = only("1\nProperties=species:S:1:pos:R:3:Image:I:3\nPt 0 0 0 1 0 -2\n");
    assert_eq!(frame.images, Some(vec![[1, 0, -2]]));
    assert!(frame.column("Image").is_some(), "it is handed on");
    let far = only("1\nProperties=species:S:1:pos:R:3:image:I:3\nPt 0 0 0 9999999 0 0\n");
    assert_eq!(far.images, None);
}

#[test]
fn other_units_of_length_are_told_with_a_cell_too() {
    let told = |keys: &str| only(&format!("1\n{keys}\nPt 0 0 0\n")).warnings;
    for cell in ["", "Lattice=\"9 0 0 0 9 0 0 0 9\" "] {
        assert_eq!(
            told(&format!("{cell}units=nm")),
            ["the comment line has `units=nm`, which is not read: lengths are taken as Å"]
        );
        assert!(told(&format!("{cell}Units=Angstrom")).is_empty());
        assert!(told(&format!("{cell}unit=\"Å\"")).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_reads_back_bit_for_bit(
        numbers in prop::collection::vec(prop::array::uniform7(prop::num::f64::NORMAL | prop::num::f64::ZERO), 0..20),
        label in "[ -~]{1,20}",
        periodic: [bool; 3],
    ) {
        let mut frame = Frame {
            lattice: Some([[1e-3, 0.0, 0.0], [0.1, 2.0, 0.0], [0.0, -0.0, 1e20]]),
            origin: [0.1, 0.2, 0.3],
            periodic,
            species: numbers.iter().map(|_| "Pt".to_string()).collect(),
            positions: numbers.iter().map(|n| [n[0], n[1], n[2]]).collect(),
            velocities: Some(numbers.iter().map(|n| [n[3], n[4], n[5]]).collect()),
            ..Frame::default()
        };
        frame.set_reals("local_energy", 1, numbers.iter().map(|n| n[6]).collect());
        frame.set_integers("id", (0..numbers.len() as i64).collect());
        frame.set_info("label", label);
        let mut bytes = Vec::new();
        write(&mut bytes, &frame).unwrap();
        write(&mut bytes, &frame).unwrap();
        let back: Vec<Frame> =
            Frames::new(Path::new("c.xyz"), &bytes[..]).map(|f| f.unwrap()).collect();
        prop_assert_eq!(&back[0], &frame);
        prop_assert_eq!(&back[1], &frame);
    }
}
