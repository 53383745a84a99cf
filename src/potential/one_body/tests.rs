//! Laws of each one-body term.

use super::{Drive, OneBodyForm, Piston, Plane, Site, Strength, Surroundings};
use crate::geometry::Vec3;
use crate::input::{Axis, PlaneKind};
use crate::units::SURFACE_ENERGY;

fn plane(kind: PlaneKind, axis: Axis, sign: f64) -> OneBodyForm {
    let strengths =
        vec![Strength { epsilon: 0.3, sigma: 2.4 }, Strength { epsilon: 0.1, sigma: 3.1 }];
    OneBodyForm::Plane(Plane { kind, axis, sign, position: -1.5, strengths })
}

/// Atoms below it, at z = 2.9 Å.
fn piston() -> Piston {
    let text = "position_angstrom = 2.9\npressure_gpa = 1.0\narea_angstrom2 = 50.0";
    let around = Surroundings { mass: 4000.0, area: None };
    Piston::new(&toml::from_str(text).unwrap(), 2.9, around)
}

fn terms() -> Vec<OneBodyForm> {
    let mut terms = vec![
        OneBodyForm::Tether(0.7),
        OneBodyForm::Uniform([0.01, -0.02, 0.003]),
        OneBodyForm::Fixed,
    ];
    let mut before = piston();
    before.position = 2.0;
    terms.push(OneBodyForm::Piston(before));
    for kind in [PlaneKind::NineThree, PlaneKind::TwelveSix] {
        for axis in Axis::ALL {
            terms.extend([1.0, -1.0].map(|sign| plane(kind, axis, sign)));
        }
    }
    terms
}

/// Å; the differences have an error of its square times the third derivative, and of rounding
/// over it.
const STEP: f64 = 1e-4;
const DIFFERENCE: f64 = 1e-6;

#[test]
fn forces_are_differences_of_the_energy() {
    let places: [Vec3; 3] = [[1.3, 1.1, 1.9], [2.2, 4.0, 0.9], [6.0, 1.7, 3.3]];
    let mut acted = 0;
    for term in terms() {
        for (place, species) in places.into_iter().zip([0, 1, 0]) {
            // On the side of the plane on which atoms are.
            let mut position = place;
            if let OneBodyForm::Plane(plane) = &term {
                let axis = plane.axis.index();
                position[axis] = plane.position + plane.sign * (place[axis] + 1.2);
            }
            let site = |position| Site { position, species, anchor: [1.0, 1.5, 2.0] };
            let (_, force) = term.act(&site(position)).unwrap();
            for d in 0..3 {
                let energy = |by: f64| {
                    let mut moved = position;
                    moved[d] += by;
                    term.act(&site(moved)).unwrap().0
                };
                let slope = (energy(STEP) - energy(-STEP)) / (2.0 * STEP);
                let most = DIFFERENCE * (1.0 + slope.abs());
                assert!((force[d] + slope).abs() < most, "{term:?}: {} {slope}", force[d]);
                acted += (force[d] != 0.0) as usize;
            }
        }
    }
    assert_eq!(acted, 9 + 9 + 1 + 36, "a tether and a force along three axes, planes along one");
}

#[test]
fn the_minimum_is_where_it_is_said_to_be() {
    for kind in [PlaneKind::NineThree, PlaneKind::TwelveSix] {
        let strength = Strength { epsilon: 0.3, sigma: 2.4 };
        let (distance, energy) = strength.minimum(kind);
        assert!(strength.at(kind, distance).1.abs() < 1e-14);
        assert!([0.999, 1.001].iter().all(|f| strength.at(kind, f * distance).0 > energy));
    }
    let (_, twelve) = Strength { epsilon: 0.3, sigma: 2.4 }.minimum(PlaneKind::TwelveSix);
    assert!((twelve + 0.3).abs() < 1e-15);
}

/// The work of adhesion is the minimum of the energy of an area of a half-space, integrated
/// by Simpson's rule here.
#[test]
fn a_plane_has_the_work_of_adhesion_that_was_asked() {
    for (kind, name) in [(PlaneKind::NineThree, "lj-9-3"), (PlaneKind::TwelveSix, "lj-12-6")] {
        let text = format!(
            "kind = '{name}'\nposition_angstrom = 0\nsigma_angstrom = {{ Pt = 2.6 }}\n\
             work_of_adhesion_j_per_m2 = {{ Pt = 0.8 }}\natomic_volume_angstrom3 = {{ Pt = 15.1 }}"
        );
        let strength = Strength::of(&toml::from_str(&text).unwrap(), "Pt");
        let area_energy = |from: f64| {
            // With z = 1/u the integral to infinity has an end.
            let n = 2000;
            let h = 1.0 / from / n as f64;
            let at = |k: usize| {
                let u = k as f64 * h;
                if k == 0 { 0.0 } else { strength.at(kind, 1.0 / u).0 / (u * u) }
            };
            let weight = |k: usize| if k == 0 || k == n { 1.0 } else { 2.0 + 2.0 * (k % 2) as f64 };
            (0..=n).map(|k| weight(k) * at(k)).sum::<f64>() * h / 3.0 / 15.1
        };
        let least = (0..2000).map(|k| area_energy(1.5 + k as f64 * 1e-3)).fold(0.0, f64::min);
        let found = -least / SURFACE_ENERGY;
        assert!((found - 0.8).abs() < 1e-5, "{name}: {found} J/m²");
        assert!((strength.work_of_adhesion(kind, 15.1) - 0.8).abs() < 1e-14);
    }
}

#[test]
fn an_atom_behind_a_plane_is_told() {
    let site = Site { position: [0.0, 0.0, -2.0], species: 0, anchor: [0.0; 3] };
    let told = plane(PlaneKind::NineThree, Axis::Z, 1.0).act(&site).unwrap_err();
    assert_eq!(told, "this atom is 0.500 Å behind the plane at z = -1.5 Å, or in it");
}

/// LAMMPS (22 Jul 2025): `fix wall/lj93` and `wall/lj126` with the wall at z = -1.5 and a cutoff of
/// 2000 Å, and the plane of `fix indent` at z = 2.9, on single atoms; energy and force along z.
#[test]
fn single_atoms_are_as_lammps_has_them() {
    let cases = [
        (PlaneKind::NineThree, 0.5, -0.31200878540160004, 0.15116046335999989),
        (PlaneKind::NineThree, 1.0, -0.23771943964862086, -0.21878006460127486),
        (PlaneKind::NineThree, 2.2, -0.0810616125256176, -0.06440708652921293),
        (PlaneKind::TwelveSix, 0.5, 7.116139737907197, 53.44638082744318),
        (PlaneKind::TwelveSix, 1.0, -0.20405763883947894, 1.2748657678949824),
        (PlaneKind::TwelveSix, 2.2, -0.08272232965205611, -0.12334876311219174),
    ];
    let check = |term: &OneBodyForm, z: f64, energy: f64, force: f64| {
        let site = Site { position: [0.7, -3.0, z], species: 0, anchor: [0.0; 3] };
        let (found, vector) = term.act(&site).unwrap();
        // LAMMPS takes off the energy at the cutoff, 5e-10 eV.
        assert!((found - energy).abs() < 2e-9, "{term:?} at {z}: {found} {energy}");
        assert!((vector[2] - force).abs() < 1e-13 * (1.0 + force.abs()), "{term:?} at {z}");
        assert_eq!(vector[..2], [0.0; 2]);
    };
    for (kind, z, energy, force) in cases {
        check(&plane(kind, Axis::Z, 1.0), z, energy, force);
    }
    let mut exact = piston();
    exact.position = 2.9; // not on the grid
    let exact = OneBodyForm::Piston(exact);
    for (z, energy, force) in [(2.5, 0.0, 0.0), (3.7, 1.7066666666666686, -6.4)] {
        check(&exact, z, energy, force);
    }
}

/// Without atoms the load and friction alone move it: M v' = P A - M v/tau ends at v = P A tau / M, and
/// the account of energy stays even on the way.
#[test]
fn a_piston_falls_as_load_and_friction_let_it() {
    let mut piston = piston();
    let Drive::Pressure { load, mass, damping, .. } = piston.drive else { panic!("a pressure") };
    assert!((load - 50.0 / 160.2176634).abs() < 1e-12 && mass == 4000.0 && damping == 1.0);
    for _ in 0..20_000 {
        piston.begin_step(0.0, 0.0005);
        piston.drift(0.001);
        piston.end_step(0.0, 0.0005);
    }
    let limit = -load * damping * crate::units::FORCE_PER_MASS / mass;
    assert!((piston.velocity / limit - 1.0).abs() < 1e-6, "{} Å/ps", piston.velocity);
    // Of 20 ps at that speed the first ps is missing.
    assert!(
        (piston.position - 2.9 - 19.0 * limit).abs() < 1e-3 * limit.abs(),
        "{}",
        piston.position
    );
    assert!(piston.balance().abs() < 1e-6, "{} eV", piston.balance());
}
