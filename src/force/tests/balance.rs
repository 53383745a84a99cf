//! Loads that shift: particles that drift past each other, across all regions and through
//! periodic borders, into regions that were another's and out of all that a rank had.

use super::*;

/// Blocks of so many atoms, each at a place and with a velocity of its own, Å and Å/ps.
fn drifting(blocks: &[([usize; 3], Vec3, Vec3)], cell: Cell) -> Sample {
    let mut atoms = Vec::new();
    for (size, place, velocity) in blocks {
        for mut atom in sample(*size, [false; 3]).atoms {
            for d in 0..3 {
                atom.position[d] = on_grid(atom.position[d] + place[d]);
                atom.velocity[d] += velocity[d];
            }
            atom.id = atoms.len() as u64;
            atoms.push(atom);
        }
    }
    Sample { cell, atoms }
}

/// Counts of whole atoms on ranks of a hundred or two, of which a plane may be ten.
const EVEN: f64 = 1.05;

#[test]
fn space_is_divided_anew_as_particles_drift_past_each_other() {
    // One at rest, one that flies past it: all of it into the region of the ranks of the first.
    let size = [8, 6, 6];
    let blocks = [(size, [0.0; 3], [0.0; 3]), (size, [16.0, 15.0, 0.0], [-60.0, 0.0, 0.0])];
    let sample = drifting(&blocks, Cell::new([-90.0; 3], [180.0; 3], [false; 3]));
    let steps = 120;
    let alone = run(&sample, ALONE, steps);
    for ranks in [2, 3, 6] {
        let sharing = Sharing { ranks, shuffle: ranks as u64, ..ALONE };
        let shared = run(&sample, sharing, steps);
        assert!(shared.atoms == alone.atoms && shared.totals == alone.totals, "{ranks} ranks");
        let [now, worst] = shared.imbalance;
        assert!(now <= EVEN, "{ranks} ranks: {now} at the end, {worst} at the worst");
        assert!(shared.divisions > 2, "{ranks} ranks: {} divisions", shared.divisions);
    }
}

#[test]
fn a_particle_drifts_across_all_regions_and_through_the_periodic_border() {
    let blocks = [
        ([6, 6, 6], [0.0; 3], [0.0; 3]),
        ([6, 6, 6], [22.0, 0.0, 0.0], [0.0; 3]),
        ([3, 3, 3], [0.0, 18.0, 1.0], [700.0, 0.0, 0.0]),
    ];
    for periodic in [[true, false, false], [true; 3]] {
        let sample = drifting(&blocks, Cell::new([-4.0; 3], [44.0, 38.0, 30.0], periodic));
        let alone = run(&sample, ALONE, 40);
        // Round the box and on.
        assert_eq!(alone.atoms.len(), 2 * 216 + 27);
        let far = |n: usize| f64::from_bits(alone.atoms[n].1[0]);
        assert!((432..459).all(|n| far(n) > 100.0), "{}", far(440));
        for ranks in [2, 5, 8] {
            let sharing = Sharing { ranks, shuffle: ranks as u64, ..ALONE };
            let shared = run(&sample, sharing, 40);
            assert!(shared.atoms == alone.atoms && shared.totals == alone.totals, "{ranks} ranks");
        }
    }
}

#[test]
fn work_is_counted_in_neighbours_as_soon_as_these_are_known() {
    // A dense block, and a gas of as many atoms that have few neighbours.
    let dense = ([8, 8, 8], [0.0; 3], [0.0; 3]);
    let thin = (0..512).map(|n| {
        let place = [n % 8, n / 8 % 8, n / 64].map(|n| 2.9 * n as f64);
        ([1, 1, 1], [place[0] + 30.0, place[1], place[2]], [0.0; 3])
    });
    let blocks: Vec<_> = std::iter::once(dense).chain(thin).collect();
    let sample = drifting(&blocks, Cell::new([-50.0; 3], [120.0; 3], [false; 3]));
    for ranks in [2, 4] {
        let shared = run(&sample, Sharing { ranks, ..ALONE }, 0);
        assert_eq!(shared.divisions, 2);
        assert!(shared.imbalance[0] <= EVEN, "{:?}", shared.imbalance);
    }
}
