//! Sums that do not depend on the order of their terms.
//!
//! A real number is rounded once to a multiple of a quantum (a negative power
//! of two) and then added as an integer, so threads, borders and ranks may add
//! in any order and still get the same bits. `Quantum` is for the hot loops
//! (i64), `ExactSum` for global sums (i128).

/// Largest magnitude, in quanta, that `Quantum::round` takes: 2⁵¹.
pub const LARGEST_QUANTA: f64 = (1u64 << 51) as f64;

/// 1.5 × 2⁵²: adding it leaves the nearest integer in the low bits of the mantissa.
const MAGIC: f64 = 6_755_399_441_055_744.0;
const MAGIC_BITS: i64 = MAGIC.to_bits() as i64;

/// A quantum 2⁻ᵇ of a fixed-point sum in i64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantum {
    bits: i32,
}

impl Quantum {
    /// 2⁻⁴⁰: forces in eV/Å, energies in eV, densities; takes magnitudes below 2048.
    pub const STANDARD: Quantum = Quantum::new(40);

    pub const fn new(bits: i32) -> Quantum {
        Quantum { bits }
    }

    /// How many quanta make one: 2ᵇ.
    #[inline(always)]
    pub const fn per_unit(self) -> f64 {
        f64::from_bits(((1023 + self.bits) as u64) << 52)
    }

    /// The largest magnitude that `round` takes.
    pub const fn bound(self) -> f64 {
        LARGEST_QUANTA / self.per_unit()
    }

    /// `x` in quanta, ties to even. Valid for |x| < `bound()`: callers check the
    /// bound once for a block of values (which also catches NaN and infinity).
    #[inline(always)]
    pub fn round(self, x: f64) -> i64 {
        (x * self.per_unit() + MAGIC).to_bits() as i64 - MAGIC_BITS
    }

    #[inline(always)]
    pub fn value(self, quanta: i64) -> f64 {
        quanta as f64 / self.per_unit()
    }

    /// The value of a sum over many atoms.
    pub fn value_wide(self, quanta: i128) -> f64 {
        quanta as f64 / self.per_unit()
    }
}

/// A global sum at 2⁻⁶⁰ in i128: magnitudes up to 2⁶⁶, any number of terms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExactSum(pub i128);

impl ExactSum {
    const PER_UNIT: f64 = (1u64 << 60) as f64;

    pub fn add(&mut self, x: f64) {
        let quanta = x * Self::PER_UNIT;
        // Rounding is dear where the processor has no instruction for it, and what has as
        // many digits is whole.
        let is_whole = quanta.abs() >= 2.0 * LARGEST_QUANTA;
        self.0 += if is_whole { quanta } else { quanta.round_ties_even() } as i128;
    }

    pub fn value(self) -> f64 {
        self.0 as f64 / Self::PER_UNIT
    }
}

impl std::ops::Add for ExactSum {
    type Output = ExactSum;
    fn add(self, other: ExactSum) -> ExactSum {
        ExactSum(self.0 + other.0)
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> ExactSum {
        let mut sum = ExactSum::default();
        values.into_iter().for_each(|x| sum.add(x));
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_to_quanta_is_nearest_and_odd_symmetric() {
        let q = Quantum::STANDARD;
        for x in [0.0, 1.0, 0.1, 1.0 / 3.0, 2047.9, 1e-13] {
            assert!((q.value(q.round(x)) - x).abs() <= 0.5 / q.per_unit());
            assert_eq!(q.round(-x), -q.round(x));
        }
    }

    #[test]
    fn exact_sum_does_not_depend_on_order() {
        let values = [1e9, -1e-9, 3.5, -1e9, 7.25e-5];
        let forward: ExactSum = values.into_iter().collect();
        let backward: ExactSum = values.into_iter().rev().collect();
        assert_eq!(forward, backward);
    }
}
