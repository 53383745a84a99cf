//! Functions of a distance, and how they end.

/// A function of a distance with its derivatives, up to the second.
pub type Jet = Box<dyn Fn(f64) -> [f64; 3]>;

/// A function of a distance with its derivative.
pub type Radial = Box<dyn Fn(f64) -> [f64; 2]>;

/// The same up to `start`; from there to `end`, with x = r - end, the polynomial
///
/// c₃ x³ + c₄ x⁴ + c₅ x⁵,
///
/// which has value, slope and curvature of the function at `start`, and none at `end`; then zero.
/// LAMMPS ends the functions of `pair_style smatb` so.
pub fn ended(function: Jet, start: f64, end: f64) -> Radial {
    let width = start - end;
    let [value, slope, curvature] = function(start);
    // In units of the width the coefficients a, b, c of x³, x⁴, x⁵ fulfil a + b + c = A,
    // 3a + 4b + 5c = B and 6a + 12b + 20c = C.
    let [whole_a, whole_b, whole_c] =
        [value / width.powi(3), slope / width.powi(2), curvature / width];
    let c = 0.5 * (whole_c - 6.0 * whole_b + 12.0 * whole_a);
    let b = whole_b - 3.0 * whole_a - 2.0 * c;
    let a = whole_a - b - c;
    let (b, c) = (b / width, c / (width * width));
    Box::new(move |r| {
        let x = r - end;
        match r {
            _ if r <= start => {
                let [value, slope, _] = function(r);
                [value, slope]
            }
            _ if x < 0.0 => {
                let value = x * x * x * (a + x * (b + x * c));
                [value, x * x * (3.0 * a + x * (4.0 * b + x * 5.0 * c))]
            }
            _ => [0.0, 0.0],
        }
    })
}

/// Whether a function that `ended` gave falls (or rises) all the way from `start` to its end.
pub fn ends_evenly(ended: &Radial, start: f64, end: f64) -> bool {
    const POINTS: usize = 100;
    let slopes = (0..POINTS).map(|n| ended(start + (end - start) * n as f64 / POINTS as f64)[1]);
    let [mut falls, mut rises] = [false; 2];
    slopes.for_each(|slope| match slope > 0.0 {
        true => rises = true,
        false => falls = true,
    });
    !(falls && rises)
}

/// The square of a function.
pub fn squared(function: Radial) -> Radial {
    Box::new(move |r| {
        let [value, slope] = function(r);
        [value * value, 2.0 * value * slope]
    })
}

/// That r φ(r) and its derivative.
pub fn times_distance(function: &Radial, r: f64) -> [f64; 2] {
    let [value, slope] = function(r);
    [r * value, value + r * slope]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_smooth() {
        let [start, end] = [6.5, 7.1];
        let curved = |r: f64| {
            let value = libm::exp(-1.4 * (r - 5.0));
            [value, -1.4 * value, 1.96 * value]
        };
        let ended = ended(Box::new(curved), start, end);
        assert!(ends_evenly(&ended, start, end));
        let h = 1e-4;
        let second = |r: f64| (ended(r + h)[1] - ended(r - h)[1]) / (2.0 * h);
        for (r, expected) in [(start, curved(start)), (end, [0.0; 3])] {
            let [value, slope] = ended(r);
            let near = |a: f64, b: f64, error: f64| assert!((a - b).abs() < error, "{r}: {a} {b}");
            near(value, expected[0], 1e-14);
            near(slope, expected[1], 1e-14);
            near(second(r), expected[2], 1e-2);
        }
        for n in 0..30 {
            let r = 6.0 + 0.04 * n as f64;
            let difference = (ended(r + h)[0] - ended(r - h)[0]) / (2.0 * h);
            assert!((difference - ended(r)[1]).abs() < 1e-7, "{r}");
        }
        assert_eq!(ended(7.2), [0.0, 0.0]);
    }
}
