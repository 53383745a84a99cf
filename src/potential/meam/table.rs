//! φ(r) as a table of cubics on an even grid.
//!
//! Each interval carries the cubic that has the value and the slope of φ at both ends
//! (Hermite). The slopes come from the values at the six nearest grid points, so the
//! table inherits the accuracy of the analytic function: its error is h⁴/384 φ'''',
//! below 1e-9 eV where atoms of metals meet. The table is a pure function of the
//! potential files: every rank builds the same bits.

/// Grid spacing, Å.
const SPACING: f64 = 1.0 / PER_ANGSTROM;
const PER_ANGSTROM: f64 = 256.0;

/// The table begins here, Å; closer no two atoms may come.
pub const CLOSEST: f64 = 16.0 * SPACING;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct PairTable {
    /// Coefficients of (r - r_n)/h in rising powers; the first interval begins at `CLOSEST`.
    intervals: Vec<[f64; 4]>,
}

impl PairTable {
    /// Tabulates `phi` from `CLOSEST` to beyond `cutoff`.
    pub fn new(cutoff: f64, phi: impl Fn(f64) -> f64) -> PairTable {
        const MARGIN: usize = 3;
        let count = ((cutoff - CLOSEST) * PER_ANGSTROM) as usize + 2;
        let values: Vec<f64> = (0..count + 1 + 2 * MARGIN)
            .map(|n| phi(CLOSEST + (n as f64 - MARGIN as f64) * SPACING))
            .collect();
        // Slope per interval length, sixth order.
        let slope = |n: usize| {
            let v = |d: usize| values[n + MARGIN + d] - values[n + MARGIN - d];
            (45.0 * v(1) - 9.0 * v(2) + v(3)) / 60.0
        };
        let intervals = (0..count)
            .map(|n| {
                let (left, right) = (values[n + MARGIN], values[n + 1 + MARGIN]);
                let (rise, s, t) = (right - left, slope(n), slope(n + 1));
                [left, s, 3.0 * rise - 2.0 * s - t, s + t - 2.0 * rise]
            })
            .collect();
        PairTable { intervals }
    }

    /// φ and dφ/dr for `CLOSEST` <= r <= cutoff.
    #[inline(always)]
    pub fn at(&self, r: f64) -> (f64, f64) {
        let x = (r - CLOSEST) * PER_ANGSTROM;
        let n = x as usize;
        let [a, b, c, d] = self.intervals[n];
        let t = x - n as f64;
        (a + t * (b + t * (c + t * d)), PER_ANGSTROM * (b + t * (2.0 * c + t * (3.0 * d))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_reproduces_value_and_slope() {
        let phi = |r: f64| 30.0 * (-3.0 * (r - 2.0)).exp() - 2.0 * (-(r - 2.0)).exp();
        let slope = |r: f64| -90.0 * (-3.0 * (r - 2.0)).exp() + 2.0 * (-(r - 2.0)).exp();
        let table = PairTable::new(4.4, phi);
        for n in 0..10_000 {
            let r = 2.0 + 2.4 * n as f64 / 9_999.0;
            let (value, derivative) = table.at(r);
            // h⁴/384 times 81 × 30 is 1.5e-9; for the slope h³/72√3 × 2430 is 1.2e-6.
            assert!((value - phi(r)).abs() < 2e-9, "{r}");
            assert!((derivative - slope(r)).abs() < 2e-6, "{r}");
        }
    }
}
