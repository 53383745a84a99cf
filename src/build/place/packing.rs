//! A random packing in a box: the particles are strewn in a large one, which shrinks by steps while they
//! are shaken (Monte Carlo moves that keep the gap), until they fill the wanted part of it.

use super::{Placed, Table, direction};
use crate::error::Result;
use crate::geometry::{Vec3, add, norm, scale, sub};
use crate::input::PackingConfig;
use crate::random::Stream;
use crate::terminal::counted;

/// Part of the box that is filled to begin with; at random there is room for that.
const STREWN: f64 = 0.08;

/// So often a place is drawn.
const TRIES: usize = 20_000;

/// Passes over all particles at most, and without the box becoming smaller.
const PASSES: usize = 4000;
const IDLE: usize = 300;

/// By how much the box shrinks at first, and when it is not worth it any more.
const FIRST_STEP: f64 = 0.02;
const LAST_STEP: f64 = 1e-6;

struct Packing<'t> {
    table: &'t Table<'t>,
    periodic: [bool; 3],
    length: Vec3,
    centres: Vec<Vec3>,
}

pub fn packing(table: &Table, wanted: &PackingConfig) -> Result<Placed> {
    let config = table.config;
    let volume: f64 = table.lines.iter().map(|line| line.volume).sum();
    // The lengths at which the particles fill this part of the box.
    let box_of = |filled: f64| {
        let product: f64 = wanted.proportions.iter().product();
        scale(wanted.proportions, libm::cbrt(volume / filled / product))
    };
    let filled = |length: Vec3| volume / (length[0] * length[1] * length[2]);
    let mut packing = Packing {
        table,
        periodic: config.cell.periodic(),
        length: box_of(STREWN.min(wanted.packing_fraction)),
        centres: Vec::new(),
    };
    if !packing.strew() {
        let message = format!(
            "not even {:.2} % of the box can be filled at this `gap_angstrom`: make it smaller",
            100.0 * filled(packing.length)
        );
        return Err(table.refusal("gap_angstrom", message));
    }
    let target = box_of(wanted.packing_fraction);
    let mut stream = table.stream(table.count());
    let (mut step, mut reach, mut idle) = (FIRST_STEP, 0.1 * packing.length[0], 0);
    let mut stuck = false;
    for _ in 0..PASSES {
        if packing.length[0] <= target[0] {
            break;
        }
        let moved = packing.shake(reach, &mut stream);
        // Half of the moves are to succeed.
        reach *= if moved > 0.5 { 1.1 } else { 0.9 };
        reach = reach.min(0.3 * packing.length[0]);
        let factor = (1.0 - step).max(target[0] / packing.length[0]);
        idle += 1;
        if packing.shrink(factor) {
            (step, idle) = ((1.5 * step).min(FIRST_STEP), 0);
        } else {
            step *= 0.7;
        }
        stuck = idle > IDLE && step < LAST_STEP;
        if stuck {
            break;
        }
        step = step.max(LAST_STEP / 2.0);
    }
    if packing.length[0] > target[0] * (1.0 + 1e-9) {
        let [came, asked] = [filled(packing.length), wanted.packing_fraction].map(|x| 100.0 * x);
        // As many digits as it takes to tell the two apart.
        let digits = (1..9).find(|&d| (asked - came) * 10f64.powi(d as i32) > 1.0).unwrap_or(9);
        let end = match stuck {
            true => format!("and no more came of {IDLE} passes of shaking"),
            false => format!("and more came but slowly after {PASSES} passes of shaking"),
        };
        let message = format!(
            "the particles fill {came:.digits$} % of the box, {end}, where {asked:.digits$} % are wanted: take \
             less, a smaller `gap_angstrom` than {}, more different sizes, or press the packing in a run",
            table.gap
        );
        return Err(table.refusal("packing_fraction", message));
    }
    let [x, y, z] = packing.length.map(|x| x / 10.0);
    let note = format!(
        "{} in {x:.1} nm x {y:.1} nm x {z:.1} nm: {:.1} % filled",
        counted(table.count(), "particle"),
        100.0 * filled(packing.length)
    );
    Ok(Placed { centres: packing.centres, lengths: packing.length.map(Some), note })
}

impl Packing<'_> {
    /// The largest first, each where there is room.
    fn strew(&mut self) -> bool {
        self.centres = vec![[f64::NAN; 3]; self.table.count()];
        for i in self.table.by_size() {
            let mut stream = self.table.stream(i);
            let mut draw = || self.length.map(|x| (stream.uniform() - 0.5) * x);
            let Some(centre) = (0..TRIES).map(|_| draw()).find(|&c| self.is_free(i, c)) else {
                return false;
            };
            self.centres[i] = centre;
        }
        true
    }

    /// Whether particle `i` has room at a place.
    fn is_free(&self, i: usize, centre: Vec3) -> bool {
        self.is_inside(i, centre)
            && (0..self.centres.len()).all(|j| j == i || self.clear(i, centre, j))
    }

    /// In free directions it stays within the box.
    fn is_inside(&self, i: usize, centre: Vec3) -> bool {
        let [low, high] = self.table.lines[i].bounds;
        (0..3).all(|d| {
            let half = self.length[d] / 2.0;
            self.periodic[d] || (centre[d] + low[d] >= -half && centre[d] + high[d] <= half)
        })
    }

    /// Whether `i` at a place is clear of `j` and of all its near images (its own for `i` itself).
    fn clear(&self, i: usize, centre: Vec3, j: usize) -> bool {
        let other = self.centres[j];
        if other[0].is_nan() {
            return true;
        }
        let reach = self.table.radii[i] + self.table.radii[j] + self.table.gap;
        let shift = sub(other, centre);
        let images: [Vec<f64>; 3] = std::array::from_fn(|d| {
            if !self.periodic[d] {
                return vec![shift[d]];
            }
            let length = self.length[d];
            let first = ((-reach - shift[d]) / length).ceil() as i64;
            let last = ((reach - shift[d]) / length).floor() as i64;
            (first..=last).map(|k| shift[d] + k as f64 * length).collect()
        });
        images[0].iter().all(|&x| {
            images[1].iter().all(|&y| {
                images[2].iter().all(|&z| {
                    (i == j && norm([x, y, z]) == 0.0) || self.table.are_clear(i, j, [x, y, z])
                })
            })
        })
    }

    /// A move of each; the part of them that succeeded.
    fn shake(&mut self, reach: f64, stream: &mut Stream) -> f64 {
        let mut moved = 0;
        for i in 0..self.centres.len() {
            let step = scale(direction(stream), reach * stream.uniform());
            let centre = self.home(add(self.centres[i], step));
            if self.is_free(i, centre) {
                self.centres[i] = centre;
                moved += 1;
            }
        }
        moved as f64 / self.centres.len() as f64
    }

    /// Into the box, where that is periodic.
    fn home(&self, centre: Vec3) -> Vec3 {
        std::array::from_fn(|d| match self.periodic[d] {
            true => centre[d] - (centre[d] / self.length[d]).round() * self.length[d],
            false => centre[d],
        })
    }

    /// Box and places become smaller together, if the gaps allow it.
    fn shrink(&mut self, factor: f64) -> bool {
        let (length, centres) = (self.length, self.centres.clone());
        self.length = scale(length, factor);
        self.centres.iter_mut().for_each(|centre| *centre = scale(*centre, factor));
        let fits = (0..self.centres.len()).all(|i| {
            let centre = self.centres[i];
            self.is_inside(i, centre) && (i..self.centres.len()).all(|j| self.clear(i, centre, j))
        });
        if !fits {
            (self.length, self.centres) = (length, centres);
        }
        fits
    }
}
