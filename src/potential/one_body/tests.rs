//! Laws of each one-body term.

use super::{OneBody, Plane, Site, Strength};
use crate::geometry::Vec3;
use crate::input::{Axis, PlaneKind};
use crate::units::SURFACE_ENERGY;

fn plane(kind: PlaneKind, axis: Axis, sign: f64) -> OneBody {
    let strengths =
        vec![Strength { epsilon: 0.3, sigma: 2.4 }, Strength { epsilon: 0.1, sigma: 3.1 }];
    OneBody::Plane(Plane { kind, axis, sign, position: -1.5, strengths })
}

fn terms() -> Vec<OneBody> {
    let mut terms =
        vec![OneBody::Tether(0.7), OneBody::Uniform([0.01, -0.02, 0.003]), OneBody::Fixed];
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
            if let OneBody::Plane(plane) = &term {
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
                assert!((force[d] + slope).abs() < DIFFERENCE, "{term:?}: {} {slope}", force[d]);
                acted += (force[d] != 0.0) as usize;
            }
        }
    }
    assert_eq!(acted, 9 + 9 + 36, "a tether and a force along three axes, planes along one");
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
