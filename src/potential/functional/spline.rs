//! Cubics on an even grid: between two knots the one that has value and slope of both
//! (Hermite). Value and slope are continuous, so energies and forces belong together.

/// A function at the knots of an even grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    pub values: Vec<f64>,
    /// Per interval of the grid.
    pub slopes: Vec<f64>,
}

impl Curve {
    /// From values alone, of which there are two at least. Slopes come from the values around:
    /// five of them (exact for quartics), three beside the ends, two at the ends, as in
    /// S. M. Foiles, M. I. Baskes and M. S. Daw's program DYNAMO, for which tables are made.
    pub fn through(values: Vec<f64>) -> Curve {
        let n = values.len();
        let slope = |m: usize| {
            let rise = |by: usize| values[m + by] - values[m - by];
            match m.min(n - 1 - m) {
                0 if m == 0 => values[1] - values[0],
                0 => values[m] - values[m - 1],
                1 => 0.5 * rise(1),
                _ => (8.0 * rise(1) - rise(2)) / 12.0,
            }
        };
        Curve { slopes: (0..n).map(slope).collect(), values }
    }

    /// From a function that gives its value and its derivative.
    pub fn of(knots: usize, spacing: f64, function: impl Fn(f64) -> [f64; 2]) -> Curve {
        let all = (0..knots).map(|n| function(n as f64 * spacing));
        let (values, slopes) = all.map(|[value, slope]| (value, slope * spacing)).unzip();
        Curve { values, slopes }
    }

    /// Whether all values and slopes are numbers.
    pub fn is_finite(&self) -> bool {
        self.values.iter().chain(&self.slopes).all(|x| x.is_finite())
    }

    /// Coefficients of each interval in rising powers of the distance from its left end, in
    /// units of its length. From the last knot on, constants up to `intervals`.
    pub fn intervals(&self, intervals: usize) -> Vec<[f64; 4]> {
        let (v, s) = (&self.values, &self.slopes);
        let cubic = |n: usize| {
            let rise = v[n + 1] - v[n];
            [v[n], s[n], 3.0 * rise - 2.0 * s[n] - s[n + 1], s[n] + s[n + 1] - 2.0 * rise]
        };
        let end = [v[v.len() - 1], 0.0, 0.0, 0.0];
        let cubics = (0..v.len() - 1).map(cubic);
        cubics.chain(std::iter::repeat(end)).take(intervals).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_points_are_exact_for_quartics_and_cubics_for_cubics() {
        let quartic = |x: f64| [x.powi(4) - 3.0 * x * x + 1.0, 4.0 * x.powi(3) - 6.0 * x];
        let spacing = 0.25;
        let exact = Curve::of(12, spacing, quartic);
        let found = Curve::through(exact.values.clone());
        for n in 2..10 {
            assert!((found.slopes[n] - exact.slopes[n]).abs() < 1e-13, "{n}");
        }
        let cubic = Curve::of(6, 1.0, |x| [x * x * x, 3.0 * x * x]);
        let rows = cubic.intervals(7);
        let [a, b, c, d] = rows[2];
        let t: f64 = 0.3;
        assert!((a + t * (b + t * (c + t * d)) - 2.3f64.powi(3)).abs() < 1e-13);
        assert_eq!(rows[6], [125.0, 0.0, 0.0, 0.0]);
        assert_eq!(rows.len(), 7);
    }
}
