//! How far atoms have come since their lists were built: looked at in every step.

use crate::atoms::any_beyond;
use crate::geometry::{Vec3, dot};
use crate::lanes::{Loop, run_loop};
use rayon::prelude::*;

/// Atoms worth a task of their own.
const TASK: usize = 4096;

/// Where atoms are and where they were; how far one of them has come at most, squared, and
/// whether one is beyond the border.
struct Farthest<'a> {
    now: &'a [[f64; 4]],
    then: &'a [Vec3],
    border: &'a Vec3,
}

impl Loop for Farthest<'_> {
    type Output = (f64, bool);

    #[inline(always)]
    fn run(self) -> (f64, bool) {
        let (mut farthest, mut sum) = (0.0, 0.0);
        for (now, then) in self.now.iter().zip(self.then) {
            let d = [now[0] - then[0], now[1] - then[1], now[2] - then[2]];
            let square = dot(d, d);
            farthest = if square > farthest { square } else { farthest };
            sum += square;
        }
        // A sum forgets nothing that is not a number.
        let farthest = if f64::is_nan(sum) { f64::INFINITY } else { farthest };
        (farthest, any_beyond(self.now, self.border))
    }
}

/// The square of the farthest that an atom has come, Å², and whether one is beyond the border. A
/// position that is not a number is infinitely far.
pub fn look(now: &[[f64; 4]], then: &[Vec3], border: &Vec3) -> (f64, bool) {
    let tasks = now.par_chunks(TASK).zip(then.par_chunks(TASK));
    tasks
        .map(|(now, then)| run_loop(Farthest { now, then, border }))
        .reduce(|| (0.0, false), |(a, one), (b, other)| (a.max(b), one | other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_is_found_and_what_is_no_number_is_far() {
        let then: Vec<Vec3> = (0..10_000).map(|i| [i as f64, 0.0, 1.0]).collect();
        let mut now: Vec<[f64; 4]> = then.iter().map(|&[x, y, z]| [x, y, z, 0.0]).collect();
        let border = [1e4, 10.0, 10.0];
        assert_eq!(look(&now, &then, &border), (0.0, false));
        now[7777] = [7777.5, 2.0, 1.0, 0.0];
        assert_eq!(look(&now, &then, &border), (4.25, false));
        now[5][1] = -10.0;
        assert_eq!(look(&now, &then, &border), (100.0, true));
        now[4095][2] = f64::NAN;
        assert_eq!(look(&now, &then, &border), (f64::INFINITY, true));
    }
}
