//! The constants of the hot loops, laid out for `Lanes`: by species, each table filled up
//! with NaN to whole vectors.

// Lanes and degrees are counted, over several arrays at once.
#![allow(clippy::needless_range_loop)]

use super::Meam;
use super::parameters::{Averaging, Parameters};
use super::reference::AtomicDensity;
use super::table::PairTable;
use crate::lanes::{Lanes, WIDTH};

#[derive(Debug)]
pub struct Coefficients {
    /// 1/r_e, Å⁻¹
    inverse_distance: Vec<f64>,
    /// β_l
    beta: [Vec<f64>; 4],
    /// Partial densities at r_e: `rozero`, times t_l where the weights stand inside the
    /// angular densities (`Averaging::Alternative`).
    amplitude: [Vec<f64>; 4],
    /// -β_l/r_e: logarithmic slopes of the partial densities, Å⁻¹.
    pub decay: [Vec<f64>; 4],
    /// t1, t2, t3 and their squares: what multiplies ρ₀ in the words after the harmonics.
    pub weights: Vec<Vec<f64>>,
    /// Cmin and 1/(Cmax - Cmin): a table over third species for each pair of species.
    pub minimum: Vec<f64>,
    pub inverse_width: Vec<f64>,
    /// Length of one such table.
    pub stride: usize,
    /// φ: the intervals of all pairs of species, one table after another.
    pub intervals: Vec<[f64; 4]>,
    pub intervals_per_table: usize,
    pub first_interval: usize,
    pub per_angstrom: f64,
    /// β₁ = β₃ for all species, as in most published potentials.
    odd_alike: bool,
}

impl Coefficients {
    pub fn new(
        parameters: &Parameters,
        densities: &[AtomicDensity],
        tables: &[PairTable],
    ) -> Coefficients {
        let n = parameters.elements.len();
        let stride = n.next_multiple_of(WIDTH);
        let by_species = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..stride).map(|e| if e < n { value(e) } else { f64::NAN }).collect()
        };
        let amplitude = |l: usize, e: usize| match parameters.averaging {
            Averaging::Alternative if l > 0 => densities[e].scale * parameters.weights(e)[l - 1],
            _ => densities[e].scale,
        };
        let weight = |h: usize, e: usize| {
            let t = parameters.weights(e)[h % 3];
            if h < 3 { t } else { t * t }
        };
        let words = super::embedding::words(parameters.averaging) - super::embedding::WEIGHTS;
        let screen = |value: &dyn Fn(usize) -> f64| -> Vec<f64> {
            (0..n * n).flat_map(|block| by_species(&|third| value(block * n + third))).collect()
        };
        let screens = &parameters.screens;
        let full = tables.iter().map(|t| t.intervals.len()).max().unwrap_or(0);
        let mut intervals = Vec::with_capacity(full * tables.len());
        for (block, table) in tables.iter().enumerate() {
            intervals.extend_from_slice(&table.intervals);
            intervals.resize((block + 1) * full, [0.0; 4]);
        }
        Coefficients {
            inverse_distance: by_species(&|e| 1.0 / densities[e].distance),
            beta: std::array::from_fn(|l| by_species(&|e| densities[e].beta[l])),
            amplitude: std::array::from_fn(|l| by_species(&|e| amplitude(l, e))),
            decay: std::array::from_fn(|l| {
                by_species(&|e| -densities[e].beta[l] / densities[e].distance)
            }),
            weights: (0..words).map(|h| by_species(&|e| weight(h, e))).collect(),
            minimum: screen(&|s| screens[s].minimum),
            inverse_width: screen(&|s| 1.0 / (screens[s].maximum - screens[s].minimum)),
            stride,
            intervals,
            intervals_per_table: full,
            first_interval: tables[0].first,
            per_angstrom: tables[0].per_angstrom,
            odd_alike: densities.iter().all(|d| d.beta[1] == d.beta[3]),
        }
    }

    /// The partial densities ρ_l(r) of atoms of these species, without screening.
    #[inline(always)]
    pub fn densities<L: Lanes>(&self, species: &[u32; WIDTH], r: L) -> [L; 4] {
        let one = L::splat(1.0);
        let compression = one - r * L::lookup(&self.inverse_distance, species);
        let mut found = [one; 4];
        for l in 0..3 {
            found[l] = (L::lookup(&self.beta[l], species) * compression).exp();
        }
        found[3] = if self.odd_alike {
            found[1]
        } else {
            (L::lookup(&self.beta[3], species) * compression).exp()
        };
        for l in 0..4 {
            found[l] = L::lookup(&self.amplitude[l], species) * found[l];
        }
        found
    }

    /// The same for both ends of pairs.
    #[inline(always)]
    pub fn both_densities<L: Lanes>(&self, species: [&[u32; WIDTH]; 2], r: L) -> [[L; 4]; 2] {
        [self.densities(species[0], r), self.densities(species[1], r)]
    }

    /// φ and dφ/dr.
    #[inline(always)]
    pub fn pair_energy<L: Lanes>(&self, meam: &Meam, species: [&[u32; WIDTH]; 2], r: L) -> (L, L) {
        let x = r * L::splat(self.per_angstrom);
        let (mut grid, mut left) = (x.truncate(), [0.0; WIDTH]);
        let mut index = [0; WIDTH];
        for lane in 0..WIDTH {
            left[lane] = grid[lane] as i32 as f64;
            // Only a lane without a meaning (r = 0) can lie outside.
            grid[lane] = grid[lane].wrapping_sub(self.first_interval as u32);
            grid[lane] = grid[lane].min(self.intervals_per_table as u32 - 1);
            let (a, b) = (species[0][lane], species[1][lane]);
            let block = a.min(b) * meam.species_count() as u32 + a.max(b);
            index[lane] = block * self.intervals_per_table as u32 + grid[lane];
        }
        // SAFETY: blocks and intervals are within the table by the lines above.
        let [a, b, c, d] = unsafe { L::gather_rows(&self.intervals, &index) };
        let t = x - L::load(&left);
        let value = t.mul_add(t.mul_add(t.mul_add(d, c), b), a);
        let slope = t.mul_add(t.mul_add(L::splat(3.0) * d, c + c), b);
        (value, L::splat(self.per_angstrom) * slope)
    }
}
