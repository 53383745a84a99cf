//! Structures that are read from files.

use super::*;

const XYZ: &str = "4\nLattice=\"10 0 0 0 12 0 0 0 14\" Properties=species:S:1:pos:R:3:velo:R:3:particle:I:1:id:I:1\n\
    Fe 1 2 3 0.5 0 0 7 4\nPt 4 2 3 0 0.5 0 3 3\nPt -1 2 3 0 0 0.5 7 2\nPt 4 5 3 1 2 3 3 1\n";

/// A structure in `file` with this text, and these lines of the input.
fn from_file(file: &str, text: &str, more: &str) -> (tempfile::TempDir, Config) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), text).unwrap();
    let input = format!(
        "[potential]\nlibrary = \"a\"\nelements = [\"Pt\", \"Fe\"]\n[structure]\nfile = \"{file}\"\n{more}\n\
         [[stage]]\nkind = \"hold\"\ntemperature_k = 300\nduration_ps = 1\n"
    );
    let config = input::parse(&input, &folder.path().join("input.toml")).unwrap();
    (folder, config)
}

const FREE: &str = "[box]\nboundary = [\"free\", \"free\", \"free\"]";
const PERIODIC: &str = "[box]\nboundary = [\"periodic\", \"periodic\", \"periodic\"]";

#[test]
fn a_file_is_dealt_out_in_the_order_of_particles_and_ids() {
    let (_folder, config) = from_file("a.xyz", XYZ, PERIODIC);
    let built = build(&config);
    assert!(built.velocities);
    assert_eq!(built.cell, Cell::new([0.0; 3], [10.0, 12.0, 14.0], [true; 3]));
    let seen: Vec<_> = (built.atoms.iter())
        .map(|a| (a.id, a.particle, a.species, a.position, a.velocity, a.image))
        .collect();
    assert_eq!(
        seen,
        [
            (0, 0, 0, [4.0, 5.0, 3.0], [1.0, 2.0, 3.0], [0; 3]),
            (1, 0, 0, [4.0, 2.0, 3.0], [0.0, 0.5, 0.0], [0; 3]),
            (2, 1, 0, [9.0, 2.0, 3.0], [0.0, 0.0, 0.5], [-1, 0, 0]),
            (3, 1, 1, [1.0, 2.0, 3.0], [0.5, 0.0, 0.0], [0; 3]),
        ]
    );
    let [one, other] = &built.layout.particles[..] else { panic!("two particles") };
    assert_eq!((one.first, one.atoms, &one.species[..]), (0, 2, &[2, 0][..]));
    assert_eq!((other.first, other.atoms, &other.species[..]), (2, 2, &[1, 1][..]));
    for ranks in [1, 3, 8] {
        let shares = threads::run(ranks, |comm| structure(&config, comm).unwrap());
        assert!(shares.iter().all(|s| s.layout == built.layout && s.velocities));
        assert_eq!(shares.iter().flat_map(|s| s.atoms.clone()).collect::<Vec<_>>(), built.atoms);
    }
}

#[test]
fn particles_from_a_file_go_apart_and_come_back() {
    let (_folder, mut config) = from_file("a.xyz", XYZ, FREE);
    config.stages[0].particles = crate::input::Arrangement::Apart;
    let built = build(&config);
    let gap = lowest(of(&built, 1)) - highest(of(&built, 0));
    assert!(gap >= crate::build::APART);
    let (join, positions) = joined(&config, &built, 2);
    assert_eq!((join.gaps, join.cell), (Vec::new(), built.layout.cell));
    assert_eq!(positions[&3], [1.0, 2.0, 3.0]);
}

#[test]
fn what_a_file_cannot_be_is_said_with_the_key() {
    let message = |file: &str, text: &str, more: &str| {
        let (folder, config) = from_file(file, text, more);
        let error = structure(&config, &Comm::single()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let cases = [
        ("a.xyz", XYZ, "frame = 3", "input.toml:6:1: frame 3 is wanted, but `a.xyz` has 1 frames"),
        (
            "a.xyz",
            XYZ,
            "frame = -2",
            "input.toml:6:1: frame -2 is wanted, but `a.xyz` has 1 frames",
        ),
        (
            "a.xyz",
            "1\n\nAu 0 0 0\n",
            "",
            "input.toml:5:1: atom 0 (counted from 0) is Au, but the potential has only Pt, Fe",
        ),
        ("a.xyz", "0\n\n", "", "input.toml:5:1: there are no atoms in this frame"),
        (
            "a.xyz",
            "3\n\nPt 0 0 0\nPt 5 5 5\nPt 0 0.25 0\n",
            "",
            "input.toml:5:1: atoms 0 and 2 (counted from 0) are only 0.25 Å apart",
        ),
        (
            "a.xyz",
            "1\nLattice=\"9 0 0 1 9 0 0 0 9\"\nPt 0 0 0\n",
            PERIODIC,
            "input.toml:5:1: cell vector b = (1, 9, 0) Å stands along none of x, y and z; only orthogonal \
             boxes are supported: take a larger, orthogonal cell of the same crystal",
        ),
        (
            "a.xyz",
            "1\n\nPt 0 0 0\n",
            PERIODIC,
            "input.toml:7:1: periodic along x, but the file gives no box: write `lengths_angstrom`",
        ),
        (
            "a.xyz",
            "2\n\nPt 0 0 0\n",
            "",
            "a.xyz:4:1: the file ends within frame 0 (from line 1): 1 of its 2 atoms are there; it was \
             probably cut short",
        ),
    ];
    for (file, text, more, wanted) in cases {
        assert_eq!(message(file, text, more), wanted);
    }
}

/// What is said of a structure in `file` with this text, and what it is.
fn told(file: &str, text: &str, more: &str) -> (Vec<String>, Built) {
    let (_folder, config) = from_file(file, text, more);
    let built = build(&config);
    (built.warnings.clone(), built)
}

const CRYSTAL: &str = "4\nLattice=\"3.92 0 0 0 3.92 0 0 0 3.92\" Properties=species:S:1:pos:R:3\n\
    Pt 0 0 0\nPt 0 1.96 1.96\nPt 1.96 0 1.96\nPt 1.96 1.96 0\n";

#[test]
fn the_boundaries_of_a_file_count_unless_the_input_says_otherwise() {
    let (warnings, built) = told("a.xyz", CRYSTAL, "");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(built.cell, Cell::new([0.0; 3], [3.92; 3], [true; 3]));
    let (warnings, built) = told("a.xyz", CRYSTAL, FREE);
    assert_eq!(
        warnings,
        [
            "the file is periodic along x, y, z, and by `box.boundary` it is periodic nowhere: the input \
             counts"
        ]
    );
    assert_eq!(built.cell.periodic, [false; 3]);
    let slab = CRYSTAL.replace("Properties", "pbc=\"T T F\" Properties");
    let (warnings, built) = told("a.xyz", &slab, PERIODIC);
    assert!(warnings[0].contains("periodic along x, y, and by `box.boundary`"), "{warnings:?}");
    assert_eq!(built.cell.periodic, [true; 3]);
    let (warnings, built) = told("a.xyz", &slab, "");
    assert_eq!((warnings.len(), built.cell.periodic), (0, [true, true, false]));
    let longer = format!("{PERIODIC}\nlengths_angstrom = [3.92, 4.0, 3.92]");
    let (warnings, built) = told("a.xyz", CRYSTAL, &longer);
    assert_eq!(
        warnings,
        ["`box.lengths_angstrom` is 4 along y, and the file has 3.92: the input counts"]
    );
    assert_eq!(built.cell.length[1], on_grid(4.0));
    let (warnings, _) = told("a.xyz", "1\n\nPt 0 0 0\n", "[box]\nlengths_angstrom = [9, 9, 9]");
    assert_eq!(warnings, ["`box.lengths_angstrom` has no effect: no boundary is periodic"]);
}

const DATA: &str = "t\n2 atoms\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nAtoms # full\n\n\
    1 1 1 0.0 8.5 1 1 0 0 0\n2 1 1 0.0 2.1 1 1 1 0 0\n";
const TYPES: &str = "types = [\"Pt\"]";

#[test]
fn lammps_data_is_periodic_and_image_flags_make_particles_whole() {
    let (warnings, built) = told("a.data", DATA, TYPES);
    assert_eq!(built.cell.periodic, [true; 3]);
    assert_eq!(
        warnings,
        [
            "LAMMPS data does not say which boundaries are periodic: all are taken so, as LAMMPS does \
          (`[box] boundary` for others)"
        ]
    );
    assert_eq!(built.atoms[1].position[0], on_grid(2.1));
    assert_eq!(built.atoms[1].image, [1, 0, 0]);
    let (warnings, built) = told("a.data", DATA, &format!("{TYPES}\n{FREE}"));
    assert_eq!(
        warnings,
        ["1 atoms stand where their image flags have them along x, which is free"]
    );
    assert_eq!(built.atoms[1].position[0], on_grid(2.1) + 9.0);
}

#[test]
fn atoms_that_touch_across_a_boundary_are_refused() {
    let double = CRYSTAL.replace("4\nLattice", "5\nLattice") + "Pt 3.92 0.1 0\n";
    let (_folder, config) = from_file("a.xyz", &double, "");
    let message = structure(&config, &Comm::single()).unwrap_err().to_string();
    assert!(message.contains("atoms 0 and 4 (counted from 0) are only 0.10 Å apart"), "{message}");
    let face = CRYSTAL.replace("4\nLattice", "5\nLattice") + "Pt 3.8 0.1 3.9\n";
    let (_folder, config) = from_file("a.xyz", &face, "");
    let message = structure(&config, &Comm::single()).unwrap_err().to_string();
    assert!(message.contains("across a periodic boundary: is the box right"), "{message}");
    assert_eq!(told("a.xyz", &face, FREE).1.layout.atoms, 5);
}

/// Two cubes of 27 atoms, 4 Å apart, and a lone atom, with `columns` and their values.
fn two_cubes(columns: &str, value: impl Fn(usize) -> String) -> String {
    let site = |k: usize| {
        let [x, y, z] = [k % 3, k / 3 % 3, k / 9 % 3].map(|k| 2.5 * k as f64);
        let x = x + if k < 27 { 0.0 } else { 9.0 };
        format!("Pt {x} {y} {z} {}\n", value(k))
    };
    let atoms: String = (0..54).map(site).collect();
    format!("55\nProperties=species:S:1:pos:R:3{columns}\n{atoms}Pt 25 0 0 {}\n", value(54))
}

#[test]
fn particles_are_found_by_distance_and_ids_stay_those_of_the_file() {
    let text = two_cubes("", |_| String::new());
    let (warnings, built) = told("a.xyz", &text, "");
    assert_eq!(
        warnings,
        [
            "the file does not say what a particle is: 2 are found, as clusters of atoms within 3.25 Å of \
             each other (`particles_from`)",
            "1 atoms in 1 clusters of fewer than 10 belong to the nearest particle \
             (`smallest_particle_atoms`)"
        ]
    );
    let sizes: Vec<u64> = built.layout.particles.iter().map(|p| p.atoms).collect();
    assert_eq!(sizes, [27, 28]);
    let (_, one) = told("a.xyz", &text, "particles_from = \"one\"");
    assert_eq!(one.layout.particles.len(), 1);
    // Labels alone differ: ids and places, and with them all random numbers, do not.
    let places = |built: &Built| built.atoms.iter().map(|a| (a.id, a.position)).collect::<Vec<_>>();
    assert_eq!(places(&built), places(&one));
    let (_, each) =
        told("a.xyz", &text, "particles_from = \"clusters\"\nsmallest_particle_atoms = 1");
    assert_eq!(each.layout.particles.len(), 3);
    let (_, joined) = told("a.xyz", &text, "cluster_distance_angstrom = 4.5");
    assert_eq!(joined.layout.particles.len(), 1);
}

#[test]
fn labels_count_where_they_can_be_trusted() {
    let message = |text: &str, more: &str| {
        let (_folder, config) = from_file("a.xyz", text, more);
        structure(&config, &Comm::single()).unwrap_err().to_string()
    };
    let count = |text: &str, more: &str| told("a.xyz", text, more).1.layout.particles.len();
    let thirds = two_cubes(":Mol:I:1", |k| (k / 20).to_string());
    assert_eq!(count(&thirds, ""), 3);
    assert_eq!(count(&thirds, "particles_from = \"clusters\""), 2);
    let each = two_cubes(":molecule:I:1", |k| k.to_string());
    assert!(
        message(&each, "").ends_with(
            "the column `molecule` would make 55 particles of 1.0 atoms on average: say under \
             `[structure]` what a particle is, `particles_from` = \"molecule\" if that is meant, \
             \"clusters\" (of near atoms) or \"one\" (all atoms)"
        ),
        "{}",
        message(&each, "")
    );
    assert_eq!(count(&each, "particles_from = \"molecule\""), 55);
    assert_eq!(count(&each, "particles_from = \"clusters\""), 2);
    let same = two_cubes(":molecule:I:1", |_| "1".into());
    assert_eq!(count(&same, ""), 2, "one number for all says nothing");
    assert_eq!(count(&same, "particles_from = \"molecule\""), 1);
    assert!(message(&same, "particles_from = \"column\"").contains("no column `particle`"));
    let hyphens = two_cubes(":Molecule-ID:I:1", |k| (k / 20).to_string());
    assert_eq!(count(&hyphens, ""), 3);
    let reals = two_cubes(":particle:R:1", |k| format!("{}.0", k / 30));
    assert_eq!(count(&reals, ""), 2);
    let halves = two_cubes(":particle:R:1", |k| format!("{}", k as f64 / 2.0));
    assert!(
        message(&halves, "particles_from = \"column\"")
            .contains("no column `particle` of one whole")
    );
    // A file of ours: what it says, however small.
    let ours = two_cubes(":particle:I:1", |k| (k / 54).to_string());
    assert_eq!(count(&ours, ""), 2);
}

#[test]
fn numbers_and_capitals_name_species() {
    let (warnings, built) = told("a.xyz", "2\n\n1 0 0 0\n2 3 0 0\n", "types = [\"Fe\", \"Pt\"]");
    assert_eq!(warnings, Vec::<String>::new());
    assert_eq!(built.atoms.iter().map(|a| a.species).collect::<Vec<_>>(), [1, 0]);
    let (warnings, built) = told("a.xyz", "2\n\nPT 0 0 0\n26 3 0 0\n", "");
    assert_eq!(warnings.len(), 2);
    assert_eq!(built.atoms.iter().map(|a| a.species).collect::<Vec<_>>(), [0, 1]);
    let (_folder, config) = from_file("a.xyz", "1\n\nPt 0 0 0\n", "types = [\"Fe\"]");
    let message = structure(&config, &Comm::single()).unwrap_err().to_string();
    assert!(
        message.ends_with("the file names its species itself: leave `types` out of `[structure]`")
    );
}

#[test]
fn velocities_of_a_file_are_looked_at() {
    let text = |v: f64| {
        format!("2\nProperties=species:S:1:pos:R:3:velo:R:3\nPt 0 0 0 {v} 0 0\nPt 3 0 0 0 {v} 0\n")
    };
    assert_eq!(told("a.xyz", &text(2.0), "").0, Vec::<String>::new());
    // As they are after a minimisation.
    let drawn =
        |t: f64| format!("all velocities of the file are zero: they are drawn anew, at {t} K");
    assert_eq!(told("a.xyz", &text(0.0), "").0, [drawn(300.0)]);
    let started = "[dynamics]\ninitial_temperature_k = 400";
    assert_eq!(told("a.xyz", &text(0.0), started).0, [drawn(400.0)]);
    let (folder, _) = from_file("a.xyz", &text(0.0), "");
    let still = "[potential]\nlibrary = \"a\"\nelements = [\"Pt\"]\n[structure]\nfile = \"a.xyz\"\n\
                 [[stage]]\nkind = \"hold\"\nensemble = \"nve\"\nduration_ps = 1\n";
    let config = input::parse(still, &folder.path().join("input.toml")).unwrap();
    assert_eq!(
        build(&config).warnings,
        ["all velocities of the file are zero: the atoms start at rest"]
    );
    // Å/fs: m v²/3k = 195.084 x 1.0364e-4 x 4e-6 / (3 x 8.617e-5) K.
    assert_eq!(
        told("a.xyz", &text(0.002), "").0,
        ["the velocities of the file are those of 3.128e-4 K: are they in Å/ps?"]
    );
    let started = "[dynamics]\ninitial_temperature_k = 300";
    assert_eq!(
        told("a.xyz", &text(2.0), started).0,
        ["`initial_temperature_k` has no effect: the file brings velocities, of 313 K"]
    );
}

#[test]
fn atoms_too_fast_or_too_far_for_any_run_are_named() {
    let refused = |line: &str| {
        let text =
            format!("2\nProperties=species:S:1:pos:R:3:velo:R:3\nPt 0 0 0 1 0 0\nPt {line}\n");
        let (_folder, config) = from_file("a.xyz", &text, FREE);
        structure(&config, &Comm::single()).unwrap_err().to_string()
    };
    // m v²/2 = 0.5 x 195.084 x 1.0364e-4 x 900² eV.
    let told = refused("3 0 0 900 0 0");
    assert!(told.contains("atom 1 (counted from 0) has a velocity of 9.000000e2 Å/ps"), "{told}");
    assert!(told.contains("8.189e3 eV"), "{told}");
    let told = refused("0 20000 0 0 0 0");
    assert!(told.contains("atom 1 (counted from 0) is at (0, 20000, 0) Å"), "{told}");
}

#[test]
fn the_last_of_several_frames_and_double_ids_are_told() {
    let (_folder, config) = from_file("a.xyz", "1\n\nPt 0 0 0\n1\n\nPt 1 0 0\n", "");
    let built = build(&config);
    assert_eq!(built.atoms[0].position, [1.0, 0.0, 0.0]);
    assert!(built.warnings[0].ends_with("has 2 frames: the last is taken (`frame`)"));
    let double = "2\nProperties=species:S:1:pos:R:3:id:I:1\nPt 0 0 0 5\nPt 3 0 0 5\n";
    assert!(
        told("a.xyz", double, "").0[0]
            .starts_with("atoms 0 and 1 (counted from 0) have the same id, 5")
    );
}

#[test]
fn masses_of_another_element_are_told_under_either_name() {
    for name in ["mass", "masses"] {
        let text = format!("1\nProperties=species:S:1:pos:R:3:{name}:R:1\nPt 0 0 0 55.8\n");
        assert_eq!(
            told("a.xyz", &text, "").0,
            [
                "the file gives an atom of Pt the mass 55.8 g/mol: masses are those of the potential's library"
            ]
        );
    }
}

const DUMP: &str = "ITEM: TIMESTEP\n7\nITEM: NUMBER OF ATOMS\n3\nITEM: BOX BOUNDS pp ff ff\n0 10\n-5 5\n-5 5\n\
    ITEM: ATOMS id type x y z vx vy vz ix iy iz\n3 1 9 0 0 1 2 3 0 0 0\n1 2 1 0 0 0 0 0 1 0 0\n2 2 5 0 0 0 0 0 0 0 1\n";

#[test]
fn a_lammps_dump_is_a_structure() {
    let types = "types = [\"Fe\", \"Pt\"]\nparticles_from = \"one\"";
    for (name, more) in
        [("a.dump", ""), ("a.lammpstrj", ""), ("a.txt", "\nformat = \"lammps-dump\"")]
    {
        let (warnings, built) = told(name, DUMP, &format!("{types}{more}"));
        assert_eq!(
            warnings,
            ["1 atoms stand where their image flags have them along z, which is free"]
        );
        assert_eq!(built.cell.periodic, [true, false, false]);
        let seen: Vec<_> =
            built.atoms.iter().map(|a| (a.species, a.position, a.velocity, a.image)).collect();
        assert_eq!(
            seen,
            [
                (0, [1.0, 0.0, 0.0], [0.0; 3], [1, 0, 0]),
                (0, [5.0, 0.0, 10.0], [0.0; 3], [0; 3]),
                (1, [9.0, 0.0, 0.0], [1.0, 2.0, 3.0], [0; 3]),
            ]
        );
    }
    let (_folder, config) = from_file("a.dump", DUMP, "");
    let message = structure(&config, &Comm::single()).unwrap_err().to_string();
    assert!(
        message.contains("is 1, which may be a type or an atomic number: `types` names"),
        "{message}"
    );
    let twice = format!("{DUMP}{}", DUMP.replace("\n7\n", "\n8\n").replace("3 1 9", "3 1 8"));
    let (warnings, built) = told("a.dump", &twice, types);
    assert!(warnings[0].ends_with("has 2 frames: the last is taken (`frame`)"));
    assert_eq!(built.atoms[2].position[0], 8.0);
    let named =
        [("id type", "id element"), ("3 1 9", "3 Fe 9"), ("1 2 1", "1 Pt 1"), ("2 2 5", "2 Pt 5")];
    let named = named.iter().fold(DUMP.to_string(), |text, (old, new)| text.replace(old, new));
    let (_folder, config) = from_file("a.dump", &named, "types = [\"Fe\"]");
    let message = structure(&config, &Comm::single()).unwrap_err().to_string();
    assert!(message.contains("the file names its species itself"), "{message}");
}

#[test]
fn a_file_of_another_format_is_named() {
    let message = |file: &str, bytes: &[u8], more: &str| {
        let (folder, config) = from_file(file, "", more);
        std::fs::write(folder.path().join(file), bytes).unwrap();
        let error = structure(&config, &Comm::single()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string().replace(&format!("{}/", folder.path().display()), "")
    };
    let cases: [(&str, &[u8], &str, &str); 6] = [
        (
            "a.h5",
            b"CDF\x02\0\0",
            "",
            "a.h5: this file is netCDF in its classic form, which is not read: make extended XYZ of it, with \
             OVITO or ASE",
        ),
        (
            "a.xyz",
            b"\x1f\x8b\x08",
            "",
            "a.xyz: this file is compressed with gzip: unpack it first (gunzip)",
        ),
        (
            "a.xyz",
            b"\xff\xfe1\0",
            "",
            "a.xyz: this file is text in UTF-16: save it as UTF-8 (iconv -f UTF-16 -t UTF-8)",
        ),
        (
            "a.data",
            DUMP.as_bytes(),
            "",
            "a.data: this file is a LAMMPS dump, and by its name or `format` LAMMPS data: name it so, or \
             write `format`",
        ),
        (
            "a.nc",
            b"\x89HDF\r\n\x1a\n",
            "format = \"extxyz\"",
            "a.nc: this file is H5MD, and by its name or `format` extended XYZ: name it so, or write `format`",
        ),
        (
            "a.xyz",
            b"ITEM: TIMESTEP",
            "",
            "a.xyz: this file is a LAMMPS dump, and by its name or `format` \
             extended XYZ: name it so, or write `format`",
        ),
    ];
    for (file, bytes, more, wanted) in cases {
        assert_eq!(message(file, bytes, more), wanted);
    }
}

/// What is asked of particles beside one another, where the file has one.
#[test]
fn one_particle_of_a_file_has_no_gap_and_no_neck() {
    let one = "2\nProperties=species:S:1:pos:R:3\nPt 0 0 0\nPt 2.7 0 0\n";
    for table in ["[stop]\nneck_ratio = 0.5", "[traces]\natoms = \"gap\""] {
        let (_folder, config) = from_file("a.xyz", one, &format!("{FREE}\n{table}"));
        let error = structure(&config, &Comm::single()).err().unwrap();
        assert_eq!(error.exit_code(), 2);
        let error = error.to_string();
        let told = "this needs two particles or more, and the structure has one";
        assert!(error.contains(told) && error.contains("input.toml:9:"), "{error}");
        let (_folder, config) = from_file("a.xyz", XYZ, &format!("{FREE}\n{table}"));
        structure(&config, &Comm::single()).unwrap();
    }
}
