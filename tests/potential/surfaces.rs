//! Crystals of one element and their surfaces against LAMMPS (22 Jul 2025), which had whole
//! slabs: `tests/reference/surfaces.py` prints these numbers.

use crate::golden::iron_platinum;
use sinter_hpc::potential::crystal;

/// Golden section and 1e-7 of a distance are what the constants are found to.
const LATTICE: f64 = 1e-6;
/// Of the tables of pair energies, J/m².
const SURFACE: f64 = 1e-6;

#[test]
fn lattice_constants_and_unrelaxed_surfaces_are_those_of_lammps() {
    let meam = iron_platinum();
    let cases = [
        (0, 3.917371590, [1.709679427, 2.287840199, 2.327711056]),
        (1, 3.611098554, [2.093080107, 2.378165264, 2.388077090]),
    ];
    for (element, constant, energies) in cases {
        let found = crystal::lattice_constant(&meam, "fcc", element).unwrap().expect("a crystal");
        assert!((found - constant).abs() < LATTICE, "{found} for {constant}");
        for (miller, wanted) in [[1, 1, 1], [1, 0, 0], [1, 1, 0]].into_iter().zip(energies) {
            let found = crystal::fcc_surface_energy(&meam, element, found, miller).unwrap();
            assert!((found - wanted).abs() < SURFACE, "{miller:?}: {found} for {wanted}");
        }
    }
    // Of the reference structures: alat of the library.
    let bcc = crystal::lattice_constant(&meam, "bcc", 1).unwrap().expect("a crystal");
    assert!((bcc - 2.86364579).abs() < LATTICE, "{bcc}");
}

#[test]
fn compounds_have_no_lattice_constant_of_an_element() {
    assert_eq!(crystal::lattice_constant(&iron_platinum(), "l12", 0).unwrap(), None);
}
