//! Laws that hold for any potential: forces and virial are derivatives of the energy, the
//! energy does not change with the frame of reference, forces add up to nothing, and the
//! bits do not depend on how the atoms and their neighbours are stored.

use crate::brute_force::{Listing, Outcome, evaluate, evaluate_with};
use crate::frames::Frame;
use crate::golden::{iron_platinum, options};
use sinter_hpc::fixed::Quantum;
use sinter_hpc::geometry::on_grid;
use sinter_hpc::potential::ForceField;

/// Between them these use every parameter and every way of averaging of MEAM, all kinds of
/// tables, all analytic families, and a sum of terms of which one does not know all species.
const CASES: [&str; 20] = [
    "ialloy_0",
    "ialloy_1",
    "ialloy_2",
    "mixture_ref_t_ialloy_0",
    "mixture_ref_t_ialloy_1",
    "ibar_-5",
    "ibar_1",
    "gsmooth_factor_0.7",
    "zbl",
    "eam",
    "eam/alloy",
    "eam/fs",
    "adp",
    "tersoff",
    "gupta",
    "sutton-chen",
    "lennard-jones",
    "morse",
    "johnson",
    "meam+morse",
];

/// The n-th point of Roberts' sequence, which fills the unit cube evenly.
fn spread(n: usize) -> [f64; 3] {
    [0.819_172_513_396, 0.671_043_606_704, 0.549_700_477_902].map(|a| (0.5 + n as f64 * a).fract())
}

/// A dense disordered group of A and B, no two atoms closer than 1.9 Å.
fn disordered(count: usize, size: f64, periodic: bool) -> Frame {
    let mut frame = Frame { edges: [size; 3], periodic: [periodic; 3], ..Frame::default() };
    let mut n = 0;
    while frame.positions.len() < count {
        n += 1;
        let p = spread(n).map(|x| on_grid(size * x));
        let far = frame.positions.iter().all(|q| {
            let square: f64 = (0..3)
                .map(|d| {
                    let x = p[d] - q[d];
                    let x = if periodic { x - size * (x / size).round() } else { x };
                    x * x
                })
                .sum();
            square > 1.9 * 1.9
        });
        if far {
            frame.positions.push(p);
            frame.symbols.push(if spread(7 * n)[0] < 0.5 { "A".into() } else { "B".into() });
        }
    }
    frame
}

fn cluster() -> Frame {
    disordered(20, 7.0, false)
}

/// A box smaller than the cutoff diameter: atoms meet several images of each other.
fn crowd() -> Frame {
    disordered(16, 6.5, true)
}

fn bits(meam: &ForceField, frame: &Frame, ids: &[u64], listing: Listing) -> Outcome {
    evaluate_with(meam, frame, ids, listing).unwrap()
}

fn in_order(frame: &Frame) -> Vec<u64> {
    (0..frame.positions.len() as u64).collect()
}

#[test]
fn forces_are_the_gradient_of_the_energy() {
    // Truncation h²/6 E''' is about 1e-7, rounding N 2⁻⁴⁰/h about 1e-7.
    const STEP: f64 = 1.0 / 16384.0;
    const TOLERANCE: f64 = 2e-6;
    for case in CASES {
        let meam = options(case);
        for frame in [cluster(), crowd()] {
            let found = evaluate(&meam, &frame).unwrap();
            for i in [0, 7, 11] {
                for d in 0..3 {
                    let energy = |by: f64| {
                        let mut moved = frame.clone();
                        moved.positions[i][d] += by;
                        evaluate(&meam, &moved).unwrap().energy()
                    };
                    let slope = (energy(STEP) - energy(-STEP)) / (2.0 * STEP);
                    let force = found.forces[i][d];
                    let error = (force + slope).abs();
                    assert!(error < TOLERANCE * force.abs().max(1.0), "{case}: {force} {slope}");
                }
            }
        }
    }
}

#[test]
fn virial_is_the_derivative_by_strain() {
    // As above, with energies of some 100 eV.
    const STRAIN: f64 = 1e-5;
    const TOLERANCE: f64 = 1e-5;
    for case in CASES {
        let meam = options(case);
        let frame = crowd();
        let found = evaluate(&meam, &frame).unwrap();
        let scale = found.virial.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for d in 0..3 {
            let energy = |strain: f64| {
                let mut strained = frame.clone();
                strained.edges[d] *= 1.0 + strain;
                strained.positions.iter_mut().for_each(|p| p[d] *= 1.0 + strain);
                evaluate(&meam, &strained).unwrap().energy()
            };
            let slope = (energy(STRAIN) - energy(-STRAIN)) / (2.0 * STRAIN);
            let error = (found.virial[d] + slope).abs();
            assert!(error < TOLERANCE * scale, "{case}: {} {slope}", found.virial[d]);
        }
    }
}

#[test]
fn rotation_turns_the_forces_and_leaves_the_energy() {
    // Positions are rounded to 2⁻³⁶ Å; everything else to 2⁻⁴⁰.
    const TOLERANCE: f64 = 1e-8;
    let (a, b, c) = (2.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0);
    let rotation = [[a, -c, b], [c, b, -a], [b, a, c]];
    let turn = |v: [f64; 3]| rotation.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
    for case in CASES {
        let meam = options(case);
        let frame = cluster();
        let mut turned = frame.clone();
        turned.positions.iter_mut().for_each(|p| *p = turn(*p));
        let (before, after) = (evaluate(&meam, &frame).unwrap(), evaluate(&meam, &turned).unwrap());
        for i in 0..frame.positions.len() {
            assert!((before.energies[i] - after.energies[i]).abs() < TOLERANCE, "{case}");
            let expected = turn(before.forces[i]);
            let scale = expected.iter().fold(1.0f64, |m, f| m.max(f.abs()));
            for (expected, found) in expected.iter().zip(after.forces[i]) {
                let error = (expected - found).abs();
                assert!(error < TOLERANCE * scale, "{case}: {error}");
            }
        }
    }
}

#[test]
fn translation_and_reflection_keep_the_bits() {
    for case in CASES {
        let meam = options(case);
        for frame in [cluster(), crowd()] {
            let before = bits(&meam, &frame, &in_order(&frame), Listing::default());
            let mut moved = frame.clone();
            for p in &mut moved.positions {
                *p = [p[0] + 1.25, p[1] - 0.75, p[2] + 3.5];
            }
            let after = bits(&meam, &moved, &in_order(&frame), Listing::default());
            assert_eq!(before.fixed, after.fixed, "{case}: translation");

            let mut mirrored = frame.clone();
            mirrored.positions.iter_mut().for_each(|p| p[0] = on_grid(frame.edges[0]) - p[0]);
            let after = bits(&meam, &mirrored, &in_order(&frame), Listing::default());
            for (f, g) in before.fixed.iter().zip(&after.fixed) {
                assert_eq!([-f[0], f[1], f[2], f[3]], *g, "{case}: reflection");
            }
        }
    }
}

#[test]
fn forces_add_up_to_exactly_nothing() {
    for case in CASES {
        for frame in [cluster(), crowd()] {
            let found = evaluate(&options(case), &frame).unwrap();
            for d in 0..3 {
                assert_eq!(found.fixed.iter().map(|f| f[d]).sum::<i64>(), 0, "{case}");
            }
            assert!(found.fixed.iter().any(|f| f[0] != 0), "{case}: no force at all");
        }
    }
}

#[test]
fn neither_list_nor_order_nor_ids_change_a_bit() {
    for case in CASES {
        let meam = options(case);
        for frame in [cluster(), crowd()] {
            let ids = in_order(&frame);
            let before = bits(&meam, &frame, &ids, Listing::default());
            let listings = [
                Listing { skin: 0.0, ..Listing::default() },
                Listing { skin: 2.0, reversed: true, ..Listing::default() },
                Listing { chunk: 3, ..Listing::default() },
            ];
            for listing in listings {
                let after = bits(&meam, &frame, &ids, listing);
                assert_eq!(before.fixed, after.fixed, "{case}: {listing:?}");
            }

            // Atoms in another order, and ids that give other pairs to other ends.
            let count = frame.positions.len();
            let order: Vec<usize> = (0..count).map(|i| (i * 7 + 3) % count).collect();
            let mut permuted = frame.clone();
            permuted.positions = order.iter().map(|&i| frame.positions[i]).collect();
            permuted.symbols = order.iter().map(|&i| frame.symbols[i].clone()).collect();
            let ids: Vec<u64> = (0..count as u64).map(|i| (i * 5 + 1) % 1009).collect();
            let after = bits(&meam, &permuted, &ids, Listing::default());
            for (n, &i) in order.iter().enumerate() {
                assert_eq!(before.fixed[i], after.fixed[n], "{case}: permutation");
            }
        }
    }
}

#[test]
fn tiles_without_common_neighbours_run_together() {
    let meam = options("ialloy_1");
    let one = cluster();
    let mut many = one.clone();
    for copy in 1..8 {
        many.symbols.extend(one.symbols.iter().cloned());
        many.positions
            .extend(one.positions.iter().map(|p| [p[0] + 32.0 * copy as f64, p[1], p[2]]));
    }
    let alone = evaluate(&meam, &one).unwrap();
    let listing = Listing { chunk: one.positions.len(), parallel: true, ..Listing::default() };
    let together = bits(&meam, &many, &in_order(&many), listing);
    for (n, force) in together.fixed.iter().enumerate() {
        assert_eq!(*force, alone.fixed[n % one.positions.len()]);
    }
}

fn dimer(symbol: &str, r: f64) -> Frame {
    Frame {
        edges: [30.0; 3],
        symbols: vec![symbol.into(); 2],
        positions: vec![[0.0; 3], [r, 0.0, 0.0]],
        ..Frame::default()
    }
}

#[test]
fn the_cutoff_function_ends_a_platinum_dimer_as_published() {
    let meam = iron_platinum();
    // The last digit that the peer printed.
    const TOLERANCE: f64 = 1e-8;
    for (r, expected) in
        [(4.30, -0.54358420), (4.35, -0.45627127), (4.39, -0.08102360), (4.40, 0.0)]
    {
        let energy = evaluate(&meam, &dimer("Pt", r)).unwrap().energy();
        assert!((energy - expected).abs() < TOLERANCE, "{r} Å: {energy} eV");
    }
}

#[test]
fn atoms_on_top_of_each_other_are_named() {
    let meam = iron_platinum();
    let error = |r, quantum| {
        let listing = Listing { quantum, ..Listing::default() };
        evaluate_with(&meam, &dimer("Pt", r), &[17, 4], listing).unwrap_err().to_string()
    };
    assert_eq!(
        error(0.01, Quantum::STANDARD),
        "atom 17: it is 1.000e-2 Å from atom 4: closer than 0.0625 Å the potential is not defined"
    );
    assert_eq!(
        error(1.6, Quantum::new(48)),
        "atom 17: a force or energy between it and atom 4, 1.6000 Å away, is not below 8 eV/Å or eV"
    );
}
