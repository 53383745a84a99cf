//! Crystals by template.

use super::*;
use crate::geometry::sub;
use crate::observe::templates::{CANDIDATES, find};
use crate::random::{Purpose, Stream};

/// As of an atom among these sites, one of which is the origin.
fn found(sites: &[Vec3], bound: f64) -> Match {
    let mut sites = sites.to_vec();
    sites.sort_by(|a, b| norm(*a).total_cmp(&norm(*b)));
    let near: Vec<Vec3> = sites[1..].iter().map(|x| sub(*x, sites[0])).collect();
    find(&near[..CANDIDATES.min(near.len())], bound)
}

/// Four crystals about the origin, distances of neighbours nearly 1.
fn crystals() -> [(Class, Vec<Vec3>); 4] {
    let sized = |sites: Vec<Vec3>, size: f64| -> Vec<Vec3> {
        sites.into_iter().map(|x| scale(x, size)).collect()
    };
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    [
        (Class::Fcc, sized(cubic(|[x, y, z]| (x + y + z) % 2 == 0), 0.5f64.sqrt())),
        (Class::Hcp, stacked("BABAB")),
        (
            Class::Bcc,
            sized(cubic(|x| x.iter().all(|k| k.rem_euclid(2) == x[0].rem_euclid(2))), 0.54),
        ),
        (Class::Icosahedral, sized(icosahedron(), 1.0 / (1.0 + golden * golden).sqrt())),
    ]
}

fn rotated(sites: &[Vec3]) -> Vec<Vec3> {
    let (s, c) = (libm::sin(0.7), libm::cos(0.7));
    let about_z = |[x, y, z]: Vec3| [c * x - s * y, s * x + c * y, z];
    let about_x = |[x, y, z]: Vec3| [x, s * y + c * z, s * z - c * y];
    sites.iter().map(|x| about_x(about_z(*x))).collect()
}

fn shaken(sites: &[Vec3], width: f64, seed: u64) -> Vec<Vec3> {
    let mut noise = Stream::new(seed, Purpose::Velocities, 0, 0);
    sites.iter().map(|x| add(*x, scale(noise.normal_vector(), width))).collect()
}

#[test]
fn ideal_surroundings_match_their_template() {
    for (class, sites) in crystals() {
        for sites in [rotated(&sites), sites] {
            let Match { class: found, rmsd, .. } = found(&sites, 0.1);
            assert_eq!(found, class);
            assert!(rmsd < 1e-6, "{class:?} {rmsd}");
        }
    }
    assert_eq!(found(&cubic(|_| true), 0.1).class, Class::Other, "simple cubic");
    let surface = found(&cubic(|[x, y, z]| (x + y + z) % 2 == 0 && z <= 0), 0.1);
    assert_eq!(surface.class, Class::Other);
}

/// Heat: the deviation is near that of the noise, the same however the crystal lies, and
/// what is farther than the bound is other, with its deviation.
#[test]
fn noise_is_the_deviation() {
    const WIDTH: f64 = 0.05;
    for (class, sites) in crystals() {
        let mut sum = 0.0;
        for seed in 0..40 {
            let sites = shaken(&sites, WIDTH, seed);
            let one = found(&sites, 0.3);
            let other = found(&rotated(&sites), 0.3);
            assert_eq!([one.class, other.class], [class; 2], "{seed}");
            assert!((one.rmsd - other.rmsd).abs() < 1e-9, "{seed}");
            let bound = one.rmsd * (1.0 - 1e-9);
            assert_eq!(found(&sites, bound), Match { class: Class::Other, ..one });
            sum += one.rmsd;
        }
        // Of three coordinates of N points less seven that are fitted.
        let points: f64 = if class == Class::Bcc { 15.0 } else { 13.0 };
        let expected = WIDTH * ((3.0 * points - 7.0) / points).sqrt();
        assert!((sum / 40.0 / expected - 1.0).abs() < 0.06, "{class:?} {}", sum / 40.0 / expected);
    }
}
