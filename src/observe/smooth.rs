//! Surfaces of triangles without the roughness of single atoms, as OVITO's surface mesh has them.
//!
//! Each round moves every corner by λ times the mean of its edges, and then by μ, which undoes that it shrinks
//! (G. Taubin, Proc. SIGGRAPH (1995) 351):
//! ```text
//! x_a += λ ⟨x_b - x_a⟩      λ = 1/2      1/μ = 1/10 - 1/λ
//! ```
//! An edge counts once, at either end, as two triangles share it. A corner where two sheets of the surface
//! touch is one; OVITO makes two of it.
//!
//! Ranks add what their triangles tell of an atom; sums are of integers, and ghosts move as their owners do.

use super::wide::Wide;
use crate::comm::Comm;
use crate::fixed::Quantum;
use crate::geometry::{Vec3, add, sub};

/// As OVITO does unless told otherwise.
const ROUNDS: usize = 8;
const LAMBDA: f64 = 0.5;
const MU: f64 = 1.0 / (0.1 - 1.0 / LAMBDA);

/// Of edges and shifts in Å.
const QUANTUM: Quantum = Quantum::STANDARD;

/// Numbers of three atoms, and where they stand, Å.
pub type Corners = ([u32; 3], [Vec3; 3]);

/// By how much each atom has to be shifted, Å, ghosts too. Collective.
pub fn shifts(comm: &Comm, wide: &mut Wide, triangles: &[Corners]) -> Vec<Vec3> {
    let Wide { atoms, routes, .. } = wide;
    let mut shifts = vec![0i64; 3 * atoms.len()];
    for factor in [LAMBDA, MU].repeat(ROUNDS) {
        // The edges from each atom, and how many there are.
        let mut sums = vec![0i64; 4 * atoms.len()];
        for (ids, places) in triangles {
            let places = moved(ids, places, &shifts);
            for k in 0..3 {
                let edge = sub(places[(k + 1) % 3], places[k]);
                let sum = &mut sums[4 * ids[k] as usize..][..4];
                (0..3).for_each(|d| sum[d] += QUANTUM.round(edge[d]));
                sum[3] += 1;
            }
        }
        routes.gather(comm, &mut sums, 4);
        shifts.truncate(3 * atoms.owned);
        for (shift, sum) in shifts.chunks_exact_mut(3).zip(sums.chunks_exact(4)) {
            if sum[3] > 0 {
                let step = |d: usize| factor * QUANTUM.value(sum[d]) / sum[3] as f64;
                (0..3).for_each(|d| shift[d] += QUANTUM.round(step(d)));
            }
        }
        shifts = routes.with_ghosts(comm, shifts, 3);
    }
    (0..atoms.len()).map(|i| value(&shifts, i)).collect()
}

fn value(shifts: &[i64], i: usize) -> Vec3 {
    std::array::from_fn(|d| QUANTUM.value(shifts[3 * i + d]))
}

fn moved(ids: &[u32; 3], places: &[Vec3; 3], shifts: &[i64]) -> [Vec3; 3] {
    std::array::from_fn(|k| add(places[k], value(shifts, ids[k] as usize)))
}
