//! The reference structures: what the files ask for and what LAMMPS finds, relaxed, at 0 K.

use crate::brute_force::evaluate;
use crate::frames::Frame;
use crate::golden::{iron_platinum, other};
use sinter_hpc::units::PRESSURE_GPA;

#[test]
fn iron_and_platinum_have_the_published_lattices() {
    let states = iron_platinum().reference_states().unwrap();
    // Name, energy (eV), lattice constant over nearest-neighbour distance, lattice constant (Å).
    let expected = [
        ("Pt fcc", -5.77000000, 2f64.sqrt(), 3.91737159),
        ("Pt-Fe l12", -5.86000000, 2f64.sqrt(), 3.84397388),
        ("Fe bcc", -4.29020968, 2.0 / 3f64.sqrt(), 2.86364579),
    ];
    // The last digit that the peer printed; the slope of a tabulated φ errs by 1e-7 eV/Å.
    const ENERGY: f64 = 2e-8;
    const LENGTH: f64 = 2e-6;
    assert_eq!(states.len(), expected.len());
    for (state, (name, energy, ratio, constant)) in states.iter().zip(expected) {
        assert_eq!(state.name, name);
        assert!((state.energy.found - energy).abs() < ENERGY, "{state:?}");
        assert!((state.distance.found * ratio - constant).abs() < LENGTH, "{state:?}");
        // Third neighbours soften iron's lattice by half a per cent.
        assert!(state.alpha.relative_error() < 0.01, "{state:?}");
    }
}

#[test]
fn first_neighbour_nickel_is_its_own_reference() {
    let states = other("Ni4", &["Ni=Ni4"]).reference_states().unwrap();
    // Cutoff and screening leave the first shell alone; the rest is the table of φ.
    assert!(states[0].energy.relative_error() < 1e-8, "{states:?}");
    assert!(states[0].distance.relative_error() < 1e-6, "{states:?}");
    assert!(states[0].alpha.relative_error() < 1e-4, "{states:?}");
}

#[test]
fn conventions_name_every_choice() {
    let text = iron_platinum().conventions();
    for line in [
        "2NN MEAM: rc 4.4 Å, delr 0.1 Å, atoms matter up to 4.5914 Å",
        "ialloy 2 (t of the atom's own element), augt1 0, erose_form 2, mixture_ref_t 0, \
         bkgd_dyn 0, emb_lin_neg 0, gsmooth_factor 99",
        "Pt-Fe: l12, Ec 5.86 eV, re 2.7181 Å, alpha 5.97170757496089, attrac 0.05, repuls 0.05, \
         nn2 1, zbl 0",
        "Pt-Fe screened by Fe: Cmin 0.84357950630559, Cmax 2.8",
    ] {
        assert!(text.lines().any(|found| found == line), "`{line}` is not in\n{text}");
    }
    assert!(!text.contains("not read"), "{text}");
}

/// A periodic crystal: edges of its cell and the basis in fractions of them.
fn crystal(edges: [f64; 3], basis: &[(&str, [f64; 3])]) -> Frame {
    Frame {
        edges,
        periodic: [true; 3],
        symbols: basis.iter().map(|(symbol, _)| symbol.to_string()).collect(),
        positions: basis.iter().map(|(_, f)| [0, 1, 2].map(|d| f[d] * edges[d])).collect(),
        ..Frame::default()
    }
}

/// Stress along the axes, eV/Å³.
fn stress(frame: &Frame) -> [f64; 3] {
    let found = evaluate(&iron_platinum(), frame).unwrap();
    [0, 1, 2].map(|d| -found.virial[d] / frame.edges.iter().product::<f64>())
}

/// C11, C12, C44 in GPa of a cubic crystal: two atoms in a tetragonal cell along
/// [110], [-110], [001] for the shear, along the axes for the rest.
fn elastic_constants(cubic: &Frame, turned: &Frame) -> [f64; 3] {
    // Third-order constants are some 1000 GPa: the central difference errs by 1e-4 relative.
    const STRAIN: f64 = 1e-4;
    let strained = |frame: &Frame, strain: [f64; 3]| {
        let mut frame = frame.clone();
        for d in 0..3 {
            frame.edges[d] *= 1.0 + strain[d];
            frame.positions.iter_mut().for_each(|p| p[d] *= 1.0 + strain[d]);
        }
        stress(&frame)
    };
    let (plus, minus) = (strained(cubic, [STRAIN, 0.0, 0.0]), strained(cubic, [-STRAIN, 0.0, 0.0]));
    let slope = |d: usize| (plus[d] - minus[d]) / (2.0 * STRAIN) * PRESSURE_GPA;
    let sheared = strained(turned, [STRAIN, -STRAIN, 0.0]);
    [slope(0), slope(1), (sheared[0] - sheared[1]) / (4.0 * STRAIN) * PRESSURE_GPA]
}

#[test]
fn elastic_constants_are_the_published_ones() {
    let (o, h) = (0.0, 0.5);
    let platinum = 3.91737159;
    let iron = 2.86364579;
    let fcc = [[o, o, o], [o, h, h], [h, o, h], [h, h, o]].map(|p| ("Pt", p));
    let half = |a: f64| [a * 0.5f64.sqrt(), a * 0.5f64.sqrt(), a];
    let bcc_turned = [[o, o, o], [h, h, o], [h, o, h], [o, h, h]].map(|p| ("Fe", p));
    let cases = [
        (
            crystal([platinum; 3], &fcc),
            crystal(half(platinum), &[("Pt", [o, o, o]), ("Pt", [h, h, h])]),
            [358.118, 253.508, 77.5440],
        ),
        (
            crystal([iron; 3], &[("Fe", [o, o, o]), ("Fe", [h, h, h])]),
            crystal([iron * 2f64.sqrt(), iron * 2f64.sqrt(), iron], &bcc_turned),
            [242.172, 138.414, 121.467],
        ),
    ];
    // Third derivatives of φ are not smooth in a table of cubics: 0.1 GPa.
    const TOLERANCE: f64 = 0.1;
    for (cubic, turned, expected) in cases {
        let found = elastic_constants(&cubic, &turned);
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < TOLERANCE, "{found} instead of {expected} GPa");
        }
    }
}

#[test]
fn ordered_alloys_have_the_published_energies() {
    let (o, h) = (0.0, 0.5);
    let l12 = |a: f64, major, minor| {
        crystal(
            [a; 3],
            &[(minor, [o, o, o]), (major, [o, h, h]), (major, [h, o, h]), (major, [h, h, o])],
        )
    };
    let l10 = crystal(
        [3.81128629, 3.81128629, 3.67267058],
        &[("Pt", [o, o, o]), ("Pt", [h, h, o]), ("Fe", [h, o, h]), ("Fe", [o, h, h])],
    );
    let cases = [
        (l12(3.84397388, "Pt", "Fe"), -5.86000000),
        (l12(3.69478076, "Fe", "Pt"), -5.08165090),
        (l10, -5.63429994),
    ];
    // The last digit that the peer printed; the stress of a structure relaxed to 1e-8 Å.
    const ENERGY: f64 = 2e-8;
    const STRESS: f64 = 1e-6;
    for (frame, expected) in cases {
        let found = evaluate(&iron_platinum(), &frame).unwrap();
        assert!((found.energy() / 4.0 - expected).abs() < ENERGY, "{} {expected}", found.energy());
        assert!(stress(&frame).iter().all(|s| s.abs() < STRESS), "{:?}", stress(&frame));
    }
}
