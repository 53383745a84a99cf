//! Atoms by how deep they lie below the surface: `/sinter/layers`, a row with each frame, where the
//! input asks for it (`layers`).
//!
//! Layers. The first is that of the surface atoms (`surroundings`); the second of the other atoms
//! that have a neighbour in the first, the third of those that have one in the second; the fourth
//! is all that lies deeper. Atoms without a neighbour are in none.
//!
//! Melted (P. R. ten Wolde, M. J. Ruiz-Montero, D. Frenkel, J. Chem. Phys. 104 (1996) 9932). With
//!   q_m(i) = Σ_j Y_6m(u_ij)
//! over the neighbours j of i, in the directions u, the bond of i and j is coherent if
//!   Σ_m q_m(i) q*_m(j) > ½ |q(i)| |q(j)|.
//! An atom is solid if more than half of its bonds are, be it in fcc, hcp, bcc, a twin or a faulted
//! layer, and else melted. So are atoms at the tips and edges of cold crystals: what melts is told by the
//! layers below the first.
//!
//! Whether an atom is in the third layer depends on atoms three times as far away as lists of
//! the potential reach, so the atoms get ghosts of their own for it. That, not the sums, is what
//! it costs: some six steps for each frame. Sums are of integers.

use rayon::prelude::*;

use super::surroundings::{AllSurroundings, Surroundings, empty_cone};
use super::wide::Wide;
use super::{Column, Series, Snapshot, Values};
use crate::atoms::Atoms;
use crate::exchange::Routes;
use crate::fixed::{ExactSum, Quantum};
use crate::geometry::{Vec3, dot, scale, sub};
use crate::neighbour::Rows;

/// How many layers are told apart.
pub const LAYERS: usize = 4;
const SURFACE: u8 = 0;
const DEEP: u8 = LAYERS as u8 - 1;
/// Of an atom without a neighbour.
pub const NOWHERE: u8 = u8::MAX;

/// Of two atoms the least that makes their bond coherent.
const COHERENT: f64 = 0.5;

/// Real and imaginary parts of Y_6m for m from 0 to 6, less the imaginary one of 0.
const HARMONICS: usize = 13;
type Harmonics = [i64; HARMONICS];
const QUANTUM: Quantum = Quantum::STANDARD;

/// An atom and what is around it.
struct Around {
    /// Neighbours within a bond.
    near: Vec<u32>,
    harmonics: Harmonics,
    is_surface: bool,
}

/// Counts of one layer of one particle.
#[derive(Debug, Clone)]
struct Tally {
    species: Vec<i64>,
    melted: i64,
    energy: ExactSum,
}

/// Of each owned atom its layer, or `NOWHERE`, by what owners tell of ghosts: slower to reach far, and without ghosts of its own.
/// Collective.
pub fn depths(snapshot: &Snapshot, routes: &Routes, around: &AllSurroundings) -> Vec<u8> {
    let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
    let with_ghosts = |own: &[u8]| -> Vec<u8> {
        let own = own.iter().map(|layer| i64::from(*layer)).collect();
        routes.with_ghosts(comm, own, 1).into_iter().map(|layer| layer as u8).collect()
    };
    let of = |atom: &Surroundings| first_guess(atom.coordination == 0, atom.is_surface);
    let mut layers = with_ghosts(&around.of.iter().map(of).collect::<Vec<u8>>());
    for layer in SURFACE + 1..DEEP {
        let mut own = layers[..atoms.owned].to_vec();
        for i in 0..atoms.owned {
            for j in snapshot.bonded(i, around.bond) {
                for (here, there) in [(i, j), (j, i)] {
                    if here < atoms.owned && layers[here] == DEEP && layers[there] == layer - 1 {
                        own[here] = layer;
                    }
                }
            }
        }
        layers = with_ghosts(&own);
    }
    layers.truncate(atoms.owned);
    layers
}

/// Of an atom at the surface its layer; of others the deepest.
fn first_guess(is_alone: bool, is_surface: bool) -> u8 {
    match (is_alone, is_surface) {
        (true, _) => NOWHERE,
        (false, true) => SURFACE,
        (false, false) => DEEP,
    }
}

/// Collective.
pub fn measure(snapshot: &Snapshot, surroundings: &AllSurroundings) -> Series {
    let [bond, cone] = [surroundings.bond, surroundings.cone];
    let wide = Wide::find(snapshot, 2.0 * bond + bond.max(cone));
    let around = look(&wide.atoms, bond, cone);
    let layers = layers(&around, wide.atoms.owned);

    let all = snapshot.system.atoms;
    let particles = super::particles(snapshot);
    let species = snapshot.system.masses.len();
    let none = Tally { species: vec![0; species], melted: 0, energy: ExactSum::default() };
    let mut tallies = vec![none; particles * LAYERS];
    for (i, &layer) in layers.iter().enumerate().filter(|(_, layer)| **layer != NOWHERE) {
        let tally = &mut tallies[wide.atoms.particle[i] as usize * LAYERS + layer as usize];
        tally.species[wide.atoms.species[i] as usize] += 1;
        tally.melted += !is_solid(&around, i) as i64;
        tally.energy.add(all.energy_of(wide.from[i]));
    }
    let words = |tally: &Tally| {
        let counts = tally.species.iter().chain([&tally.melted]).map(|&n| n as i128);
        counts.chain([tally.energy.0]).collect::<Vec<i128>>()
    };
    let mut sums: Vec<i128> = tallies.iter().flat_map(words).collect();
    snapshot.system.comm.sum_i128(&mut sums);
    for (tally, words) in tallies.iter_mut().zip(sums.chunks_exact(species + 2)) {
        tally.species = words[..species].iter().map(|&n| n as i64).collect();
        tally.melted = words[species] as i64;
        tally.energy = ExactSum(words[species + 1]);
    }
    series(&tallies, species)
}

fn series(tallies: &[Tally], species: usize) -> Series {
    let particles = tallies.len() / LAYERS;
    let atoms = |tally: &Tally| tally.species.iter().sum::<i64>();
    let energy = |tally: &Tally| tally.energy.value() / atoms(tally) as f64;
    let melted = |tallies: &[Tally]| {
        let inner = || tallies[SURFACE as usize + 1..].iter();
        let melted = inner().map(|tally| tally.melted).sum::<i64>();
        melted as f64 / inner().map(atoms).sum::<i64>() as f64
    };
    let column = |name, unit, definition, row: &[usize], values| {
        let shape = [&[particles], row].concat();
        Column { name, unit, definition, shape, values }
    };
    let columns = vec![
        column(
            "atoms",
            "1",
            "atoms by layer: at the surface, next to it, next to these, deeper",
            &[LAYERS],
            Values::Integer(tallies.iter().map(atoms).collect()),
        ),
        column(
            "species",
            "1",
            "the same by species, in the order of `index` in /parameters/species",
            &[LAYERS, species],
            Values::Integer(tallies.iter().flat_map(|tally| tally.species.clone()).collect()),
        ),
        column(
            "potential_energy",
            "eV",
            "mean over the atoms of each layer: embedding and half of each pair term; none (NaN) without atoms",
            &[LAYERS],
            Values::Real(tallies.iter().map(energy).collect()),
        ),
        column(
            "melted",
            "1",
            "atoms of each layer of whose bonds no more than half are coherent by their bond order (l = 6)",
            &[LAYERS],
            Values::Integer(tallies.iter().map(|tally| tally.melted).collect()),
        ),
        column(
            "melted_fraction",
            "1",
            "of the atoms below the surface those that are melted by this rule",
            &[],
            Values::Real(tallies.chunks_exact(LAYERS).map(melted).collect()),
        ),
    ];
    Series { path: "/sinter/layers", columns }
}

/// What is around all atoms, ghosts included; those of the outermost ghosts are not complete.
fn look(atoms: &Atoms, bond: f64, cone: f64) -> Vec<Around> {
    let reach = bond.max(cone);
    let rows = Rows::around(&atoms.position, reach);
    let order = rows.order(&atoms.position);
    let place = |i: u32| -> Vec3 {
        let [x, y, z, _] = atoms.position[i as usize];
        [x, y, z]
    };
    let of_row = |row: usize| {
        let cells = rows.pieces_of(row..row + 1);
        let own = order.of(cells);
        let mut directions = Vec::new();
        let mut of = |i: u32| {
            let here = place(i);
            let mut around =
                Around { near: Vec::new(), harmonics: [0; HARMONICS], is_surface: false };
            directions.clear();
            for cells in rows.stretches(row, &atoms.position[i as usize]) {
                for &j in order.of(cells).iter().filter(|&&j| j != i) {
                    let apart = sub(place(j), here);
                    let square = dot(apart, apart);
                    if square > reach * reach {
                        continue;
                    }
                    let direction = scale(apart, 1.0 / square.sqrt());
                    if square <= bond * bond {
                        around.near.push(j);
                        let terms = harmonics(direction).map(|y| QUANTUM.round(y));
                        around.harmonics.iter_mut().zip(terms).for_each(|(sum, y)| *sum += y);
                    }
                    if square <= cone * cone {
                        directions.push(direction);
                    }
                }
            }
            around.is_surface = !around.near.is_empty() && empty_cone(&directions).is_some();
            (i, around)
        };
        own.iter().map(|&i| of(i)).collect::<Vec<_>>()
    };
    let found: Vec<(u32, Around)> =
        (0..rows.total()).into_par_iter().flat_map_iter(of_row).collect();
    let mut all: Vec<Option<Around>> = (0..atoms.len()).map(|_| None).collect();
    found.into_iter().for_each(|(i, around)| all[i as usize] = Some(around));
    all.into_iter().map(|around| around.expect("each atom is in a row")).collect()
}

/// Of each owned atom its layer.
fn layers(all: &[Around], owned: usize) -> Vec<u8> {
    let mut layers: Vec<u8> =
        all.iter().map(|around| first_guess(around.near.is_empty(), around.is_surface)).collect();
    for layer in SURFACE + 1..DEEP {
        let touches = |i: usize| all[i].near.iter().any(|&j| layers[j as usize] == layer - 1);
        let next: Vec<usize> =
            (0..all.len()).filter(|&i| layers[i] == DEEP && touches(i)).collect();
        next.into_iter().for_each(|i| layers[i] = layer);
    }
    layers.truncate(owned);
    layers
}

/// Whether more than half of the bonds of an atom are coherent.
fn is_solid(all: &[Around], i: usize) -> bool {
    let q = |i: usize| all[i].harmonics.map(|y| QUANTUM.value(y));
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let here = q(i);
    let coherent = |j: &&u32| {
        let there = q(**j as usize);
        let norms = (product(&here, &here) * product(&there, &there)).sqrt();
        product(&here, &there) > COHERENT * norms
    };
    2 * all[i].near.iter().filter(coherent).count() > all[i].near.len()
}

/// Y_6m of a unit vector as real numbers, so that the products of those of two vectors add up to
/// the Legendre polynomial P_6 of their cosine.
fn harmonics([x, y, z]: Vec3) -> [f64; HARMONICS] {
    let z2 = z * z;
    let z4 = z2 * z2;
    // √(84)/16, √(840)/64, √(840)/32, 3√(28)/32, 3√(616)/32, √(1848)/64, each with its polynomial.
    let of_z = [
        0.572_821_961_869_48 * z * (33.0 * z4 - 30.0 * z2 + 5.0),
        0.452_855_523_318_419_94 * (33.0 * z4 - 18.0 * z2 + 1.0),
        0.905_711_046_636_839_9 * z * (11.0 * z2 - 3.0),
        0.496_078_370_824_610_76 * (11.0 * z2 - 1.0),
        2.326_813_808_623_285_7 * z,
        0.671_693_289_381_396_2,
    ];
    let mut all = [(231.0 * z4 * z2 - 315.0 * z4 + 105.0 * z2 - 5.0) / 16.0; HARMONICS];
    let (mut re, mut im) = (1.0, 0.0);
    for (m, factor) in of_z.into_iter().enumerate() {
        (re, im) = (re * x - im * y, re * y + im * x);
        all[2 * m + 1] = factor * re;
        all[2 * m + 2] = factor * im;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The addition theorem of spherical harmonics.
    #[test]
    fn harmonics_add_up_to_a_legendre_polynomial() {
        let unit = |x: Vec3| scale(x, 1.0 / dot(x, x).sqrt());
        let all = [[1.0, 2.0, 3.0], [-0.3, 0.1, 1.0], [0.0, 0.0, 1.0], [-1.0, -2.0, 0.5]].map(unit);
        for a in all {
            for b in all {
                let t = dot(a, b);
                let legendre = (231.0 * t.powi(6) - 315.0 * t.powi(4) + 105.0 * t * t - 5.0) / 16.0;
                let sum: f64 = harmonics(a).iter().zip(harmonics(b)).map(|(a, b)| a * b).sum();
                assert!((sum - legendre).abs() < 1e-12, "{sum} {legendre}");
            }
        }
    }
}
