//! The pair distribution by species, g_ab(r), up to a distance that the input gives:
//! `/sinter/pair_distribution`, a row with each frame.
//!
//! ```text
//! g_ab(r) = V / (N_a N_b) · n_ab(r) / (4π/3 (r_k+1³ - r_k³))
//! ```
//!
//! with n_ab the ordered pairs in a bin: for a = b each pair twice, for others each once in
//! either order. V is that of the box where it is periodic all around, and else N d³/√2, the
//! volume that N atoms take in a close-packed crystal with `nearest_neighbour_distance` d.
//! The sum over a and b of c_a c_b g_ab is g(r).
//!
//! That is farther than lists and ghosts of the potential reach, so the atoms get ghosts of
//! their own for it. Pairs are counted, so the values are the same on any ranks.

use std::f64::consts::{PI, SQRT_2};

use rayon::prelude::*;

use super::wide::Wide;
use super::{Column, Series, Snapshot, Values, pairs_of_species};
use crate::atoms::Atoms;
use crate::neighbour::Rows;

/// Width of bins, Å, as nearly as a whole number of them allows.
const WIDTH: f64 = 0.05;

/// `reach`: Å. `nearest`: d, where it is known. Collective.
pub fn measure(snapshot: &Snapshot, reach: f64, nearest: Option<f64>) -> Series {
    let (view, species) = (&snapshot.system, snapshot.system.masses.len());
    let bins = (reach / WIDTH).round().max(1.0) as usize;
    let Wide { atoms, .. } = Wide::find(snapshot, reach);
    let mut numbers = vec![0i64; species];
    atoms.species[..atoms.owned].iter().for_each(|&kind| numbers[kind as usize] += 1);
    let mut ordered = count(&atoms, reach, bins, species);
    view.comm.sum_i64(&mut numbers);
    view.comm.sum_i64(&mut ordered);

    let all: i64 = numbers.iter().sum();
    let volume = match view.cell.periodic {
        [true, true, true] => view.cell.volume(),
        _ => nearest.map_or(f64::NAN, |d| all as f64 * d * d * d / SQRT_2),
    };
    let edge = |k: usize| reach * k as f64 / bins as f64;
    let shell = |k: usize| {
        let cube = |r: f64| r * r * r;
        4.0 / 3.0 * PI * (cube(edge(k + 1)) - cube(edge(k)))
    };
    let place = |a: usize, b: usize, k: usize| (a * species + b) * bins + k;
    let (mut counts, mut g) = (Vec::new(), Vec::new());
    for (a, b) in pairs_of_species(species) {
        let each = numbers[a] as f64 * numbers[b] as f64;
        for k in 0..bins {
            let n = ordered[place(a, b, k)];
            counts.push(if a == b { n / 2 } else { n });
            g.push(n as f64 * volume / (each * shell(k)));
        }
    }
    let pairs = species * (species + 1) / 2;
    let column = |name, unit, definition, shape: &[usize], values| Column {
        name,
        unit,
        definition,
        shape: shape.to_vec(),
        values,
    };
    let columns = vec![
        column(
            "distance",
            "Angstrom",
            "middle of each bin, the same in every row",
            &[bins],
            Values::Real((0..bins).map(|k| 0.5 * (edge(k) + edge(k + 1))).collect()),
        ),
        column(
            "counts",
            "1",
            "pairs of atoms in each bin, each once; by species, in the order 0-0, 0-1, ..., 1-1, ... \
             of `index` in /parameters/species",
            &[pairs, bins],
            Values::Integer(counts),
        ),
        column(
            "g",
            "1",
            "pair distribution of the same pairs, with the volume of a box that is periodic all \
             around, else with d³/√2 for each atom, d being `nearest_neighbour_distance`",
            &[pairs, bins],
            Values::Real(g),
        ),
    ];
    Series { path: "/sinter/pair_distribution", columns }
}

/// Ordered pairs of this rank's atoms with all, by both species and bin.
fn count(atoms: &Atoms, reach: f64, bins: usize, species: usize) -> Vec<i64> {
    let rows = Rows::around(&atoms.position[..atoms.owned], reach);
    let own = rows.order(&atoms.position[..atoms.owned]);
    let all = rows.order(&atoms.position);
    let none = || vec![0i64; species * species * bins];
    let add = |mut counts: Vec<i64>, row: usize| {
        let cells = rows.pieces_of(row..row + 1);
        for &i in own.of(cells) {
            let here = &atoms.position[i as usize];
            let kind = atoms.species[i as usize] as usize;
            for cells in rows.stretches(row, here) {
                for &j in all.of(cells) {
                    let there = &atoms.position[j as usize];
                    let d = [there[0] - here[0], there[1] - here[1], there[2] - here[2]];
                    let square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2];
                    if square < reach * reach && j != i {
                        let bin = (square.sqrt() / reach * bins as f64) as usize;
                        let other = atoms.species[j as usize] as usize;
                        counts[(kind * species + other) * bins + bin.min(bins - 1)] += 1;
                    }
                }
            }
        }
        counts
    };
    let merge = |mut a: Vec<i64>, b: Vec<i64>| {
        a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        a
    };
    (0..rows.total()).into_par_iter().with_min_len(16).fold(none, add).reduce(none, merge)
}
