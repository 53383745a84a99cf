//! Area and volume of what the atoms of each particle enclose, each particle by itself, and of what all do:
//! `/sinter/surface`, a row with the first frame after each of so many ps as the input says.
//!
//! With the triangles of the surface (`alpha_shape`), n outwards of them,
//! ```text
//! A = Σ |A_t|      V = ∮ x n_x dA      sphericity = π^⅓ (6 V)^⅔ / A
//! ```
//! (H. Wadell, J. Geol. 40 (1932) 443; the area beside it that OVITO's mesh has after smoothing, `smooth`), along a free direction x if there is one. In a box that is periodic all around a
//! place is known only up to periods. There x̃ is x less whole periods, from an origin in the void (the centre of an empty ball) on, and
//! what the solid cuts out of the plane x̃ = 0 is told in the same way, then of a line in it:
//! ```text
//! V = ∮ x̃ n_x dA + L_x S      S = ∮ ỹ n_y dl + L_y l      l = Σ z̃ n_z
//! ```
//! The origin itself adds nothing. Without any triangle all of the box is solid, or, where an empty ball touches an atom, all is void.
//!
//! Invariants. Sums are of integers. The edge of a triangle meets a plane at the same place whichever of the
//! two triangles beside it is looked at, up to rounding. In a free direction what encloses something is closed, so its volume
//! does not depend on where the origin is.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::alpha_shape::{REACH, Sides, Surface, Triangle};
use super::smooth::{self, Corners};
use super::wide::Wide;
use super::{Column, Series, Snapshot, Values};
use crate::dynamics::groups::View;
use crate::fixed::ExactSum;
use crate::geometry::{Cell, GRID, Vec3, add, cross, grid_index, norm, on_grid, scale, sub};

/// Between frames with surfaces unless told, ps; and up to how many atoms. The atoms and the ghosts that balls reach
/// are there a second time meanwhile: of a million that is a third of what a run holds.
const USUAL_INTERVAL: f64 = 20.0;
const MOST_ATOMS: i64 = 50_000;

/// When it was measured last.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Enclosed {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_ps: Option<f64>,
}

/// What the triangles of one surface add up to; and of its atoms how many there are, and how many are bare.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    area: ExactSum,
    /// Of the smoothed surface.
    smooth: ExactSum,
    volume: ExactSum,
    triangles: i128,
    atoms: i128,
    bare: i128,
}

impl Tally {
    const WORDS: usize = 6;

    fn words(&self) -> [i128; Tally::WORDS] {
        [self.area.0, self.smooth.0, self.volume.0, self.triangles, self.atoms, self.bare]
    }

    fn from_words(words: &[i128]) -> Tally {
        Tally {
            area: ExactSum(words[0]),
            smooth: ExactSum(words[1]),
            volume: ExactSum(words[2]),
            triangles: words[3],
            atoms: words[4],
            bare: words[5],
        }
    }

    /// Å³.
    fn volume(&self, cell: &Cell) -> f64 {
        let is_full = self.triangles == 0 && self.atoms > 0 && self.bare == 0;
        match cell.periodic {
            [true, true, true] if is_full => cell.volume(),
            _ => self.volume.value(),
        }
    }

    fn sphericity(&self, cell: &Cell) -> f64 {
        let (area, volume) = (self.area.value(), 6.0 * self.volume(cell));
        if area > 0.0 { libm::cbrt(PI * volume * volume) / area } else { f64::NAN }
    }
}

impl Enclosed {
    /// Where it is due; of the particles too, or of the whole only. Collective.
    pub fn measure(&mut self, snapshot: &Snapshot, by_particle: bool) -> Option<Series> {
        let View { comm, atoms, .. } = snapshot.system;
        let asked = snapshot.settings.surface_interval_ps;
        // Times are sums of steps.
        let least = asked.or(usual_interval(comm.sum(atoms.owned as i64)))? * (1.0 - 1e-9);
        if self.last_ps.is_some_and(|last| snapshot.time_ps - last < least) {
            return None;
        }
        self.last_ps = Some(snapshot.time_ps);
        let tallies = tallies(snapshot);
        let (whole, particles) = tallies.split_last().expect("the whole is one");
        Some(series(snapshot.system.cell, whole, by_particle.then_some(particles)))
    }
}

fn usual_interval(atoms: i64) -> Option<f64> {
    (atoms <= MOST_ATOMS).then_some(USUAL_INTERVAL)
}

/// Of each particle, and behind them of the whole, over all ranks.
fn tallies(snapshot: &Snapshot) -> Vec<Tally> {
    let (comm, cell) = (snapshot.system.comm, snapshot.system.cell);
    let particles = super::particles(snapshot);
    let of = |sides: Sides| {
        let particle = sides.particle.map(|k| k as usize);
        particle.into_iter().chain(sides.whole.then_some(particles))
    };
    let mut wide = Wide::find(snapshot, REACH);
    let surface = Surface::find(comm, &wide);
    let mut smoothed = |is_of: fn(&Sides) -> bool| {
        let own = surface.triangles.iter().filter(|triangle| is_of(&triangle.of));
        let own: Vec<Corners> = own.map(|triangle| (triangle.atoms, triangle.corners)).collect();
        smooth::shifts(comm, &mut wide, &own)
    };
    let shifts = [smoothed(|of| of.particle.is_some()), smoothed(|of| of.whole)];
    let atoms = &wide.atoms;

    let is_wrapped = cell.periodic == [true; 3];
    let mut origins = vec![[0.0; 3]; particles + 1];
    if is_wrapped {
        origins = in_the_void(snapshot, particles + 1, &surface, of);
    }
    let free = (0..3).find(|&d| !cell.periodic[d]);
    let mut tallies = vec![Tally::default(); particles + 1];
    for &particle in &atoms.particle[..atoms.owned] {
        tallies[particle as usize].atoms += 1;
        tallies[particles].atoms += 1;
    }
    for k in surface.bare.iter().flat_map(|sides| of(*sides)) {
        tallies[k].bare += 1;
    }
    for triangle in &surface.triangles {
        let area = vector(&triangle.corners);
        for k in of(triangle.of) {
            let tally = &mut tallies[k];
            tally.triangles += 1;
            tally.area.add(norm(area));
            let shifts = &shifts[(k == particles) as usize];
            let shifted = |n: usize| add(triangle.corners[n], shifts[triangle.atoms[n] as usize]);
            tally.smooth.add(norm(vector(&[0, 1, 2].map(shifted))));
            tally.volume.add(match free {
                Some(d) => mean(&triangle.corners, d) * area[d],
                None => wrapped(&triangle.corners.map(|x| sub(x, origins[k])), cell.length),
            });
        }
    }
    let mut sums: Vec<i128> = tallies.iter().flat_map(Tally::words).collect();
    comm.sum_i128(&mut sums);
    sums.chunks_exact(Tally::WORDS).map(Tally::from_words).collect()
}

/// Of each surface a place outside of it, on the grid and in the box: that of the triangle whose first atom has the lowest id, and of these the
/// lowest. Collective.
fn in_the_void<I: Iterator<Item = usize>>(
    snapshot: &Snapshot,
    surfaces: usize,
    found: &Surface,
    of: impl Fn(Sides) -> I,
) -> Vec<Vec3> {
    let place = |triangle: &Triangle| {
        let [x, y, z] = triangle.centre.map(on_grid);
        let mut place = [x, y, z, 0.0];
        snapshot.system.cell.wrap(&mut place, &mut [0; 3]);
        let [x, y, z, _] = place.map(grid_index);
        [x, y, z]
    };
    let mut lowest: Vec<Option<(u64, [i64; 3])>> = vec![None; surfaces];
    let mut put = |k: usize, this: (u64, [i64; 3])| {
        let lowest = &mut lowest[k];
        if lowest.is_none_or(|lowest| this < lowest) {
            *lowest = Some(this);
        }
    };
    for triangle in &found.triangles {
        of(triangle.of).for_each(|k| put(k, (triangle.first, place(triangle))));
    }
    let mine: Vec<[u64; 5]> = lowest
        .iter()
        .enumerate()
        .filter_map(|(k, lowest)| {
            let (first, [x, y, z]) = (*lowest)?;
            Some([k as u64, first, x as u64, y as u64, z as u64])
        })
        .collect();
    let mut lowest: Vec<Option<(u64, [i64; 3])>> = vec![None; surfaces];
    for [k, first, x, y, z] in snapshot.system.comm.all_gather(&mine).concat() {
        let (this, lowest) = ((first, [x, y, z].map(|x| x as i64)), &mut lowest[k as usize]);
        if lowest.is_none_or(|lowest| this < lowest) {
            *lowest = Some(this);
        }
    }
    let place = |(_, place): (u64, [i64; 3])| place.map(|x| x as f64 * GRID);
    lowest.into_iter().map(|lowest| lowest.map_or([0.0; 3], place)).collect()
}

/// Half of the product of two edges: as long as the area, outwards.
fn vector([a, b, c]: &[Vec3; 3]) -> Vec3 {
    scale(cross(sub(*b, *a), sub(*c, *a)), 0.5)
}

/// Of coordinate `d`.
fn mean([a, b, c]: &[Vec3; 3], d: usize) -> f64 {
    a[d] + ((b[d] - a[d]) + (c[d] - a[d])) / 3.0
}

/// What a triangle adds to the volume in a box that is periodic all around with these periods, from a place
/// in the void on.
fn wrapped(corners: &[Vec3; 3], [period, others @ ..]: [f64; 3]) -> f64 {
    let lowest = corners.iter().map(|x| x[0]).fold(f64::INFINITY, f64::min);
    let shift = (lowest / period).floor() * period;
    let corners = corners.map(|[x, y, z]| [x - shift, y, z]);
    let highest = corners.iter().map(|x| x[0]).fold(0.0, f64::max);
    let across = vector(&corners)[0];
    let mut sum = mean(&corners, 0) * across;
    for k in 1..=(highest / period) as usize {
        let plane = k as f64 * period;
        let is_above = corners.map(|x| x[0] >= plane);
        let count = is_above.iter().filter(|above| **above).count();
        // The corner that is alone on its side, and those behind it.
        let alone = (0..3).find(|&c| is_above[c] == (count == 1)).expect("one is");
        let [a, b, c] = [0, 1, 2].map(|n| corners[(alone + n) % 3]);
        let [to_b, to_c] = [b, c].map(|other| (plane - a[0]) / (other[0] - a[0]));
        let part = if count == 1 { to_b * to_c } else { 1.0 - to_b * to_c };
        sum -= period * across * part;
        // From where the surface, anticlockwise, comes down through the plane to where it goes up.
        let ends = [b, c].map(|other| crossing(a, other, plane));
        let ends = if count == 1 { ends } else { [ends[1], ends[0]] };
        sum += period * wrapped_segment(&ends, others);
    }
    sum
}

/// Where in the plane across x the edge between two corners goes through it.
fn crossing(a: Vec3, b: Vec3, plane: f64) -> [f64; 2] {
    let [low, high] = if a[0] < b[0] { [a, b] } else { [b, a] };
    let part = (plane - low[0]) / (high[0] - low[0]);
    [1, 2].map(|d| low[d] + part * (high[d] - low[d]))
}

/// What a stretch of the border adds to the area that the solid takes of a plane: y and z of its ends, so that with y to the right
/// and z upwards the solid is on its left.
fn wrapped_segment(ends: &[[f64; 2]; 2], [period, last]: [f64; 2]) -> f64 {
    let lowest = ends[0][0].min(ends[1][0]);
    let shift = (lowest / period).floor() * period;
    let [[y, z], [y_end, z_end]] = ends.map(|[y, z]| [y - shift, z]);
    let mut sum = 0.5 * (y + y_end) * (z_end - z);
    for k in 1..=(y.max(y_end) / period) as usize {
        let line = k as f64 * period;
        let rises = y_end >= line;
        let [low, high] = if rises { [[y, z], [y_end, z_end]] } else { [[y_end, z_end], [y, z]] };
        let at = low[1] + (line - low[0]) / (high[0] - low[0]) * (high[1] - low[1]);
        let above = if rises { z_end - at } else { at - z };
        sum -= period * above;
        // Going to the right, the solid is above.
        let height = at - (at / last).floor() * last;
        sum += period * if rises { -height } else { height };
    }
    sum
}

fn series(cell: &Cell, whole: &Tally, particles: Option<&[Tally]>) -> Series {
    let mut columns = Vec::new();
    if let Some(particles) = particles {
        let column = |name, unit, definition, of: &dyn Fn(&Tally) -> f64| Column {
            name,
            unit,
            definition,
            shape: vec![particles.len()],
            values: Values::Real(particles.iter().map(of).collect()),
        };
        columns.extend([
            column(
                "area",
                "Angstrom2",
                "surface of what the atoms that came from the particle enclose by themselves: Delaunay \
                 tetrahedra with circumscribed spheres of at most 2.8 Å",
                &|tally| tally.area.value(),
            ),
            column(
                "smooth_area",
                "Angstrom2",
                "the same without the roughness of single atoms: after eight rounds of Taubin's smoothing, \
                 as OVITO's surface mesh has it",
                &|tally| tally.smooth.value(),
            ),
            column("volume", "Angstrom3", "volume of what is enclosed", &|tally| {
                tally.volume(cell)
            }),
            column(
                "sphericity",
                "1",
                "surface of a sphere of this volume over that of the particle; none (NaN) without a \
                 surface",
                &|tally| tally.sphericity(cell),
            ),
        ]);
    }
    let volume = whole.volume(cell);
    columns.extend([
        Column::real(
            "total_area",
            "Angstrom2",
            "surface of what all atoms enclose together, by the same rule",
            whole.area.value(),
        ),
        Column::real("total_smooth_area", "Angstrom2", "that, smoothed", whole.smooth.value()),
        Column::real("total_volume", "Angstrom3", "volume of what all enclose", volume),
    ]);
    if cell.periodic == [true; 3] {
        let definition = "share of the box that no atoms enclose";
        let share = 1.0 - volume / cell.volume();
        columns.push(Column::real("void_fraction", "1", definition, share));
    }
    Series { path: "/sinter/surface", columns }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory of a run of millions of atoms is that which `plan` tells.
    #[test]
    fn of_many_atoms_surfaces_are_measured_only_if_asked_for() {
        assert_eq!(usual_interval(MOST_ATOMS), Some(USUAL_INTERVAL));
        assert_eq!(usual_interval(MOST_ATOMS + 1), None);
    }
}
