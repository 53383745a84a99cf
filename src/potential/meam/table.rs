//! φ(r) as a table of cubics on an even grid.
//!
//! Each interval carries the cubic that has the value and the slope of φ at both ends
//! (Hermite); slopes come from the values at the four nearest grid points. The table is
//! a pure function of the potential files: every rank builds the same bits.
//!
//! The grid is the one that LAMMPS interpolates on, 1000 intervals up to 1.1 r_c. Its
//! error against the analytic function is some 1e-8 eV, more (1e-6 eV, 1e-4 eV/Å) only
//! where the reference energy itself has a kink in a derivative. A finer grid was tried:
//! it comes closer to the analytic function, and farther from every published number.
//! Energy and force belong together on any grid; the fuzzer (tests/fuzz) takes the
//! coarsest, to make many potentials.

const INTERVALS: f64 = if cfg!(fuzzing) { 16.0 } else { 1000.0 };
const EXTENT: f64 = 1.1;

/// Closer no two atoms may come, Å: towards r = 0 no table holds the repulsion.
pub const CLOSEST: f64 = 0.0625;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairTable {
    pub per_angstrom: f64,
    /// Grid index of the first interval.
    pub first: usize,
    /// Coefficients in rising powers of the distance from the interval's left end, in
    /// units of its length.
    pub intervals: Vec<[f64; 4]>,
}

impl PairTable {
    /// Tabulates `phi` between `CLOSEST` and `cutoff`.
    pub fn new(cutoff: f64, phi: impl Fn(f64) -> f64) -> PairTable {
        let spacing = EXTENT * cutoff / INTERVALS;
        let first = (CLOSEST / spacing) as usize;
        let last = (cutoff / spacing) as usize + 1;
        // Two more points on either side; for a huge spacing the leftmost would not be positive.
        let value = |n: usize, shift: f64| phi(((n as f64 + shift) * spacing).max(0.1 * CLOSEST));
        let values: Vec<f64> = (first..=last + 4).map(|n| value(n, -2.0)).collect();
        let slope = |n: usize| {
            let difference = |d: usize| values[n + 2 + d] - values[n + 2 - d];
            (8.0 * difference(1) - difference(2)) / 12.0
        };
        let intervals = (0..last - first)
            .map(|n| {
                let (left, right) = (values[n + 2], values[n + 3]);
                let (rise, s, t) = (right - left, slope(n), slope(n + 1));
                [left, s, 3.0 * rise - 2.0 * s - t, s + t - 2.0 * rise]
            })
            .collect();
        PairTable { per_angstrom: 1.0 / spacing, first, intervals }
    }

    /// Whether every number of it is one.
    pub fn is_finite(&self) -> bool {
        self.intervals.as_flattened().iter().all(|x| x.is_finite())
    }

    /// φ and dφ/dr for `CLOSEST` <= r <= cutoff.
    #[cfg(test)]
    pub fn at(&self, r: f64) -> (f64, f64) {
        let x = r * self.per_angstrom;
        let n = x as usize;
        let [a, b, c, d] = self.intervals[n - self.first];
        let t = x - n as f64;
        (a + t * (b + t * (c + t * d)), self.per_angstrom * (b + t * (2.0 * c + t * (3.0 * d))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_reproduces_value_and_slope() {
        let phi = |r: f64| 30.0 * (-3.0 * (r - 2.0)).exp() - 2.0 * (-(r - 2.0)).exp();
        let slope = |r: f64| -90.0 * (-3.0 * (r - 2.0)).exp() + 2.0 * (-(r - 2.0)).exp();
        let cutoff = 4.4;
        let table = PairTable::new(cutoff, phi);
        // h⁴/384 and h³/(72√3) times the fourth derivative, 2430 eV/Å⁴, h = 4.84e-3 Å.
        const VALUE: f64 = 3.5e-9;
        const SLOPE: f64 = 2.3e-6;
        for n in 0..=10_000 {
            let r = 2.0 + (cutoff - 2.0) * n as f64 / 10_000.0;
            let (value, derivative) = table.at(r);
            assert!((value - phi(r)).abs() < VALUE, "{r}");
            assert!((derivative - slope(r)).abs() < SLOPE, "{r}");
        }
    }
}
