//! Texts that are read and refused.

use super::*;

fn read_text(text: &str) -> Result<Frame> {
    let types = ["Pt".to_string(), "Fe".to_string()];
    parse(Lines::new(Path::new("a.data"), text.as_bytes()), &types, 2)
}

const HEADER: &str =
    "title: 7 atoms\n\n2 atoms\n2 atom types\n0 10.5 xlo xhi\n-1 1 ylo yhi\n0 2e1 zlo zhi\n";

#[test]
fn atoms_of_several_styles_in_any_order() {
    let masses = "\nMasses\n\n1 195.08 # Pt\n2 55.847\n";
    let atomic = "\nAtoms\n\n2 1 1 2 3 0 0 1\n1 2 4 5 6 0 0 0 # a comment\n";
    let full = "\nAtoms # full\n\n2 8 1 0.5 1 2 3\n1 9 2 -0.5 4 5 6\n";
    let velocities = "\nVelocities\n\n1 0.1 0.2 0.3\n2 -1 -2 -3\n";
    for atoms in [atomic, full] {
        let frame = read_text(&format!("{HEADER}{masses}{atoms}{velocities}")).unwrap();
        assert_eq!(frame.lattice, Some([[10.5, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 20.0]]));
        assert_eq!((frame.origin, frame.periodic), ([0.0, -1.0, 0.0], [true; 3]));
        assert_eq!(frame.species, ["Pt", "Fe"]);
        assert_eq!(frame.positions, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        assert_eq!(frame.velocities, Some(vec![[-1.0, -2.0, -3.0], [0.1, 0.2, 0.3]]));
        assert_eq!(frame.integers("id"), Some(&[2, 1][..]));
        let molecules = (atoms == full).then_some(&[8, 9][..]);
        assert_eq!(frame.integers("molecule"), molecules);
    }
}

#[test]
fn image_flags_tilts_and_general_boxes_are_handed_on() {
    let frame =
        read_text(&format!("{HEADER}Atoms\n\n1 1 0 0 0 0 -1 2\n2 2 1 1 1 0 0 0\n")).unwrap();
    assert_eq!(frame.images, Some(vec![[0, -1, 2], [0, 0, 0]]));
    let frame =
        read_text(&format!("{HEADER}3 1e-9 0 xy xz yz\nAtoms\n\n1 1 0 0 0\n2 1 1 1 1\n")).unwrap();
    assert_eq!(frame.lattice, Some([[10.5, 0.0, 0.0], [3.0, 2.0, 0.0], [1e-9, 0.0, 20.0]]));
    let general = "t\n1 atoms\n1 atom types\n9 0 0 avec\n0 8 0 bvec\n0 0 7 cvec\n1 2 3 abc origin\n\nAtoms\n\n1 1 0 0 0\n";
    let frame = read_text(general).unwrap();
    assert_eq!(frame.lattice, Some([[9.0, 0.0, 0.0], [0.0, 8.0, 0.0], [0.0, 0.0, 7.0]]));
    assert_eq!(frame.origin, [1.0, 2.0, 3.0]);
}

#[test]
fn units_of_the_title_count() {
    let body = "2 atoms\n2 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nAtoms # atomic\n\n1 1 0 0 0\n2 2 3 0 0\n\nVelocities\n\n1 0.001 0 0\n2 0 0 0\n";
    let read = |title: &str| read_text(&format!("{title}\n{body}"));
    let velocity = |title: &str| read(title).unwrap().velocities.unwrap()[0][0];
    assert_eq!(velocity("LAMMPS data file via write_data, timestep = 0, units = metal"), 0.001);
    assert_eq!(velocity("any units at all"), 0.001);
    let title = "LAMMPS data file via write_data, version 22 Jul 2025, timestep = 0, units = real";
    assert_eq!(velocity(title), 1.0);
    assert!(
        read(title).unwrap().warnings[0].starts_with("the title says units = real: velocities")
    );
    assert_eq!(
        read("LAMMPS data, units = lj").unwrap_err().to_string(),
        "a.data:1:1: the title says units = lj: only metal (Å, Å/ps, g/mol) and real are read"
    );
}

#[test]
fn labels_name_the_elements() {
    let text = |types: &[&str]| {
        let types: Vec<String> = types.iter().map(|t| t.to_string()).collect();
        let text = "t\n2 atoms\n2 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n\
            Atom Type Labels\n\n1 Pt\n2 Fe\n\nMasses\n\nPt 195.08\nFe 55.847\n\nAtoms # atomic\n\n1 Fe 0 0 0\n2 1 3 0 0\n";
        parse(Lines::new(Path::new("a.data"), text.as_bytes()), &types, 2)
    };
    for types in [&[][..], &["Pt", "Fe"]] {
        let frame = text(types).unwrap();
        assert_eq!(
            (&frame.species[..], frame.warnings.len()),
            (&["Fe".to_string(), "Pt".into()][..], 0)
        );
    }
    assert_eq!(
        text(&["Fe", "Pt"]).unwrap_err().to_string(),
        "a.data: atom type 1 is Fe by `types` of the input, and Pt by its label in the file: leave `types` out or mend it"
    );
}

#[test]
fn labels_that_the_masses_contradict_are_refused() {
    let text = format!(
        "{HEADER}\nAtom Type Labels\n\n1 Fe\n2 Pt\n\nMasses\n\nFe 195.08\nPt 55.847\n\nAtoms\n\n\
         1 Pt 0 0 0\n2 Fe 1 1 1\n"
    );
    let error = parse(Lines::new(Path::new("a.data"), text.as_bytes()), &[], 2).unwrap_err();
    assert!(
        error.to_string().ends_with(
            "atom type 1 has the mass 195.08 g/mol, which is that of Pt, and by its label it is Fe \
             (55.845 g/mol): the file contradicts itself"
        ),
        "{error}"
    );
}

#[test]
fn masses_say_whether_the_types_are_right() {
    let read = |masses: &str, types: &[&str]| {
        let types: Vec<String> = types.iter().map(|t| t.to_string()).collect();
        let text = format!("{HEADER}\nMasses\n\n{masses}\nAtoms\n\n1 1 0 0 0\n2 2 1 1 1\n");
        parse(Lines::new(Path::new("a.data"), text.as_bytes()), &types, 2)
    };
    let told = |masses| read(masses, &["Pt", "Fe"]).unwrap().warnings;
    assert!(told("1 195.08 # Pt\n2 55.847\n").is_empty());
    assert!(told("2 55.9 # Fe\n1 190 # heavy atoms\n").is_empty());
    for masses in ["1 55.847\n2 195.08\n", "2 195.08 # Pt\n1 55.847 # Fe\n"] {
        let error = read(masses, &["Pt", "Fe"]).unwrap_err().to_string();
        let line = if masses.starts_with('1') { 11 } else { 12 };
        assert_eq!(
            error,
            format!(
                "a.data:{line}:1: atom type 1 has the mass 55.847 g/mol, which is that of Fe, and by the input it is Pt (195.084 g/mol): is `types` in the order of the file?"
            )
        );
    }
    assert_eq!(
        told("1 196.97\n2 107.87\n"),
        [
            "atom type 2 has the mass 107.87 g/mol (that of Ag) in the file, and Fe 55.845: masses are those of the potential's library"
        ]
    );
    assert_eq!(
        told("1 195.08 # Ir\n2 55.8\n"),
        ["atom type 1 is Pt, and Ir in a comment of the file"]
    );
    assert_eq!(
        read("1 195.08\n2 55.847\n", &[]).unwrap_err().to_string(),
        "a.data:16:3: which element is atom type 1? Write `types` under `[structure]`, the element of type 1, 2, ...; by its masses it may be `types = [\"Pt\", \"Fe\"]`"
    );
    assert_eq!(
        read("1 195.08\n2 55.847\n", &["Pt", "Fe", "Co"]).unwrap().warnings,
        ["`types` names 3 elements, and the file has 2 atom types"]
    );
}

#[test]
fn every_mistake_has_its_place_and_message() {
    let cases = [
        (
            "",
            "\n\nAtoms\n\n",
            "a.data:3:1: the header does not say how many `atoms` (the first line is a title)",
        ),
        (
            "t\n1 atoms\n0 1 xlo xhi\n",
            "",
            "a.data:4:1: the header gives no box: `ylo yhi` is missing",
        ),
        (HEADER, "5 1 xlo xhi\n", "a.data:8:1: the box has no extent here"),
        (
            HEADER,
            "Atoms # ellipsoid\n",
            "a.data:8:1: atoms of style `ellipsoid` are not understood, only atomic, charge, bond, angle, molecular, full, sphere and dipole",
        ),
        (
            HEADER,
            "Atoms\n\n1 1 0 0 0 0\n",
            "a.data:10:1: which columns are these? Write the style behind the header, as `Atoms # full`",
        ),
        (HEADER, "Atoms\n\n1 1 0 x 0\n", "a.data:10:7: a finite number is wanted here, not \"x\""),
        (
            HEADER,
            "Atoms # charge\n\n1 1 0 0 0\n",
            "a.data:10:1: a line of the style charge has 6 columns, or 9 with image flags; here are 5",
        ),
        (
            HEADER,
            "Atoms\n\n1 3 0 0 0\n",
            "a.data:10:3: atom type 3: `types` in the input names the elements of types 1 to 2",
        ),
        (
            HEADER,
            "Atoms\n\n1 1 0 0 0\n",
            "a.data:11:1: the file ends within the section `Atoms`: 1 of 2 lines are there; it was probably cut short",
        ),
        (
            HEADER,
            "Atoms\n\n1 1 0 0 0\n2 1 1 1 1\n\nVelocities\n\n3 0 0 0\n",
            "a.data:15:1: there is no atom 3",
        ),
        (
            HEADER,
            "Velocities\n\n1 0 0 0\n2 0 0 0\n\nAtoms\n\n1 1 0 0 0\n2 1 1 1 1\n",
            "a.data:8:1: the section `Velocities` stands before `Atoms`: which atoms are these?",
        ),
        (
            HEADER,
            "",
            "a.data:8:1: the file ends without a section `Atoms`; it was probably cut short",
        ),
        (
            HEADER,
            "Atoms # atomic\n\n1 1 0 0 0\n1 2 2 0 0\n",
            "a.data:11:1: the atom 1 stands on line 10 already",
        ),
        (
            HEADER,
            "Atoms # atomic\n\n1 1 0 0 0\n2 2 1 1 1\n3 2 2 2 2\n",
            "a.data:12:1: one line more: the section `Atoms` should have 2, as the header says",
        ),
        (
            HEADER,
            "Atoms # atomic\n\n1 7 1 0.0 0 0 0\n2 7 1 0.0 1 1 1\n",
            "a.data:10:1: a line of the style atomic has 5 columns, or 8 with image flags; here are 7",
        ),
        (
            HEADER,
            "Atoms\n\n1 1 0 0 0\n2 1 1 1 1\n\nVelocities\n\n1 0 0 0\n1 0 0 0\n",
            "a.data:16:1: the atom 1 has a velocity already",
        ),
    ];
    for (header, rest, message) in cases {
        let error = read_text(&format!("{header}{rest}")).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.exit_code(), 2);
    }
}

#[test]
fn types_that_nothing_names_are_atomic_numbers_where_they_can_be_nothing_else() {
    let read = |atoms: &str, masses: &str| {
        let text = format!(
            "t\n2 atoms\n78 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n{masses}\nAtoms # atomic/kk\n\n{atoms}"
        );
        parse(Lines::new(Path::new("a.data"), text.as_bytes()), &[], 2)
    };
    // As OVITO writes a trajectory of ours.
    assert_eq!(read("0 26 0 0 0\n1 78 3 0 0\n", "").unwrap().species, ["26", "78"]);
    let told = |atoms: &str, masses: &str| read(atoms, masses).unwrap_err().to_string();
    assert!(
        told("1 1 0 0 0\n2 2 3 0 0\n", "")
            .contains(":10:3: which element is atom type 1? Write `types`")
    );
    let of_lead: String = (1..=78).map(|k| format!("{k} 207.2\n")).collect();
    let masses = format!("\nMasses\n\n{of_lead}");
    assert!(
        told("1 26 0 0 0\n2 78 3 0 0\n", &masses)
            .contains("by its masses it may be `types = [\"Pb\", ")
    );
}
