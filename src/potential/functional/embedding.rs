//! Phase 2: F(ρ) and its derivative, for eight atoms at a time.

use super::spline::Curve;
use crate::atoms::FixedForce;
use crate::fixed::Quantum;
use crate::potential::lanes::{Lanes, WIDTH};
use std::sync::atomic::{AtomicU64, Ordering};

/// F of each species.
#[derive(Debug)]
pub enum Embedding {
    /// No many-body part: a sum over pairs.
    Nothing,
    Splines(Splines),
    /// -A √ρ, by A in eV.
    Roots(Vec<f64>),
}

impl Embedding {
    /// The density at the end of its tables, where it has some.
    pub fn end(&self) -> Option<f64> {
        match self {
            Embedding::Splines(splines) => Some(splines.end()),
            Embedding::Nothing | Embedding::Roots(_) => None,
        }
    }
}

/// Tables of F on one grid. Beyond its end F goes on straight, with the slope that it has
/// there; below zero, where only densities of both signs lead, with the first cubic. Where the last
/// knot lies before the end (`Splines::up_to`), F is what it is there in between, and has no slope.
#[derive(Debug)]
pub struct Splines {
    per_unit: f64,
    /// Intervals of each species.
    intervals: usize,
    /// From the last knot to the end, in intervals.
    level: f64,
    rows: Vec<[f64; 4]>,
    /// The greatest density beyond the end so far, as bits: an order that positive numbers share.
    farthest: AtomicU64,
}

impl Splines {
    /// A table for each species, all with as many knots; `None` is zero everywhere.
    pub fn new(spacing: f64, knots: usize, curves: &[Option<Curve>]) -> Splines {
        let intervals = knots - 1;
        let zero = || vec![[0.0; 4]; intervals];
        let rows =
            |curve: &Option<Curve>| curve.as_ref().map_or_else(zero, |c| c.intervals(intervals));
        Splines {
            per_unit: 1.0 / spacing,
            intervals,
            level: 0.0,
            rows: curves.iter().flat_map(rows).collect(),
            farthest: AtomicU64::new(0),
        }
    }

    /// The same with the end at this density, behind the last knot.
    pub fn up_to(self, end: f64) -> Splines {
        Splines { level: (end * self.per_unit - self.intervals as f64).max(0.0), ..self }
    }

    /// Density at the end of the tables.
    pub fn end(&self) -> f64 {
        (self.intervals as f64 + self.level) / self.per_unit
    }

    /// The greatest density beyond the end of the tables that any atom of this rank has had since
    /// this was last asked, or zero.
    pub fn take_farthest(&self) -> f64 {
        f64::from_bits(self.farthest.swap(0, Ordering::Relaxed))
    }

    #[inline(always)]
    fn evaluate<L: Lanes>(&self, species: &[u32; WIDTH], density: L) -> [L; 2] {
        let (zero, one) = (L::splat(0.0), L::splat(1.0));
        let x = density * L::splat(self.per_unit);
        // Whatever is no number ends up in the first interval, and stays none.
        let within = x.max(zero).min(L::splat((self.intervals - 1) as f64));
        let (mut index, mut left) = (within.truncate(), [0.0; WIDTH]);
        for lane in 0..WIDTH {
            left[lane] = index[lane] as i32 as f64;
            index[lane] += species[lane] * self.intervals as u32;
        }
        // SAFETY: a species of the tables, and an interval of its.
        let [a, b, c, d] = unsafe { L::gather_rows(&self.rows, &index) };
        let whole = x - L::load(&left);
        let t = whole.min(one);
        let value = t.mul_add(t.mul_add(t.mul_add(d, c), b), a);
        let slope = t.mul_add(t.mul_add(L::splat(3.0) * d, c + c), b);
        let beyond = (whole - one - L::splat(self.level)).max(zero);
        if L::bits(zero.below(beyond)) != 0 {
            self.note(density);
        }
        let energy = slope.mul_add(beyond, value);
        let slope = slope * L::splat(self.per_unit);
        if self.level == 0.0 {
            return [energy, slope];
        }
        let before_end = L::select(one.below(whole), zero, slope);
        [energy, L::select(zero.below(beyond), slope, before_end)]
    }

    #[cold]
    fn note<L: Lanes>(&self, density: L) {
        let mut densities = [0.0; WIDTH];
        density.store(&mut densities);
        let largest = densities.into_iter().fold(0.0, f64::max);
        self.farthest.fetch_max(largest.to_bits(), Ordering::Relaxed);
    }
}

/// What embedding works on: as many species, sums and forces.
pub struct EmbeddingTask<'a> {
    pub embedding: &'a Embedding,
    /// Of the sums.
    pub density: Quantum,
    /// Of the forces.
    pub quantum: Quantum,
    pub species: &'a [u8],
    pub words: &'a mut [i64],
    pub force: &'a mut [FixedForce],
}

/// Adds F to the energies and writes dF/dρ over the sums. Fails with the atom, counted from
/// the first, and its energy, where that is out of the bounds of the quantum.
///
/// # Errors
/// As said; the energy in eV.
#[inline(always)]
pub fn embed<L: Lanes>(task: EmbeddingTask) -> Result<(), (usize, f64)> {
    let EmbeddingTask { embedding, density, quantum, species, words, force } = task;
    let per_quantum = L::splat(1.0 / density.per_unit());
    let (zero, bound) = (L::splat(0.0), L::splat(quantum.bound()));
    let eights = species.chunks(WIDTH).zip(words.chunks_mut(WIDTH)).zip(force.chunks_mut(WIDTH));
    for (n, ((species, words), force)) in eights.enumerate() {
        let count = species.len();
        let (mut elements, mut sums) = ([0; WIDTH], [0.0; WIDTH]);
        for lane in 0..count {
            elements[lane] = species[lane] as u32;
            sums[lane] = f64::from_bits(words[lane] as u64);
        }
        let rho = L::load(&sums).integers() * per_quantum;
        let [energy, slope] = match embedding {
            Embedding::Nothing => return Ok(()),
            Embedding::Splines(splines) => splines.evaluate(&elements, rho),
            Embedding::Roots(factors) => {
                let mut factor = [0.0; WIDTH];
                for lane in 0..WIDTH {
                    factor[lane] = factors[elements[lane] as usize];
                }
                root(L::load(&factor), rho)
            }
        };
        let sound = L::bits(energy.max(zero - energy).below(bound)) | 0xff << count;
        let (mut energies, mut slopes) = ([0.0; WIDTH], [0.0; WIDTH]);
        if sound & 0xff != 0xff {
            energy.store(&mut energies);
            let lane = sound.trailing_ones() as usize;
            return Err((n * WIDTH + lane, energies[lane]));
        }
        energy.quanta(L::splat(quantum.per_unit())).store(&mut energies);
        slope.store(&mut slopes);
        for lane in 0..count {
            words[lane] = slopes[lane].to_bits() as i64;
            force[lane][3] = force[lane][3].wrapping_add(energies[lane].to_bits() as i64);
        }
    }
    Ok(())
}

/// -A √ρ and its derivative, zero for an atom alone.
#[inline(always)]
fn root<L: Lanes>(factor: L, density: L) -> [L; 2] {
    let zero = L::splat(0.0);
    let alone = density.at_most(zero);
    let root = density.max(zero).sqrt();
    let safe = L::select(alone, L::splat(1.0), root);
    let slope = (L::splat(-0.5) * factor) * safe.inverse();
    [zero - factor * root, L::select(alone, zero, slope)]
}
