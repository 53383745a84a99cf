//! When it is worth to divide space anew: whenever lists have been built, the loads of all ranks are
//! counted, and what is decided follows from these counts alone, so that all ranks decide alike.
//!
//! Dividing costs about as much as a step; lists are built every some tens of steps, when atoms
//! change their ranks anyway. It is done
//! - if the greatest load exceeds the mean by `IMBALANCE`, and what the last division has achieved by
//!   `WORSENING`: few atoms, or planes of a perfect crystal, cannot be divided well;
//! - or, if it exceeds the mean so much all the same, now and then, as atoms may have come to lie
//!   better: after `PATIENCE` lists, after twice as many if that was no use, and so on.

const IMBALANCE: f64 = 1.02;
const WORSENING: f64 = 1.02;
const PATIENCE: u32 = 8;
const MOST_PATIENCE: u32 = 1 << 20;

/// How uneven a load is: its largest part over the mean; 1 is even, also for no load.
pub fn imbalance(loads: &[i64]) -> f64 {
    let total: i64 = loads.iter().sum();
    if total == 0 {
        return 1.0;
    }
    let largest = *loads.iter().max().expect("a load that sums up");
    largest as f64 * loads.len() as f64 / total as f64
}

/// What the divisions of space so far have come to.
#[derive(Debug, Clone)]
pub struct Balance {
    /// Greatest load over the mean, as counted last; unknown before there is a division.
    imbalance: f64,
    /// The same just after the last division; 1 as long as that knew nothing of loads.
    achieved: f64,
    /// Just before it.
    before: f64,
    /// Counts since then, and after how many another division is tried.
    counts: u32,
    patience: u32,
}

impl Default for Balance {
    fn default() -> Balance {
        let (imbalance, achieved) = (f64::INFINITY, 1.0);
        Balance { imbalance, achieved, before: imbalance, counts: 0, patience: PATIENCE }
    }
}

impl Balance {
    pub fn calls_for_division(&self) -> bool {
        let Balance { imbalance, achieved, counts, patience, .. } = *self;
        imbalance > IMBALANCE && (imbalance > WORSENING * achieved || counts >= patience)
    }

    /// Space has been divided, by loads or without knowledge of them.
    pub fn divided(&mut self, by_loads: bool) {
        self.before = self.imbalance;
        self.achieved = if by_loads { f64::NAN } else { 1.0 };
        self.counts = 0;
    }

    /// The greatest load over the mean, after lists have been built.
    pub fn count(&mut self, imbalance: f64) {
        self.imbalance = imbalance;
        self.counts += 1;
        if self.achieved.is_nan() {
            self.achieved = imbalance;
            let was_of_use = self.before > WORSENING * imbalance;
            let longer = (2 * self.patience).min(MOST_PATIENCE);
            self.patience = if was_of_use { PATIENCE } else { longer };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imbalance_is_the_largest_load_over_the_mean() {
        assert_eq!(imbalance(&[3, 1]), 1.5);
        assert_eq!(imbalance(&[0, 0]), 1.0);
        assert_eq!(imbalance(&[7]), 1.0);
    }

    /// At which of these counts, from 0, space is divided, where the load is that of the count and
    /// of that at which space was divided last.
    fn divisions(counts: usize, load: impl Fn(usize, usize) -> f64) -> Vec<usize> {
        let mut balance = Balance::default();
        let mut all = Vec::new();
        for n in 0..counts {
            if balance.calls_for_division() {
                // Before the first lists nothing is known of loads.
                balance.divided(n > 0);
                all.push(n);
            }
            balance.count(load(n, *all.last().expect("the first is at 0")));
        }
        all
    }

    #[test]
    fn space_is_divided_again_when_loads_are_known_and_when_they_have_shifted() {
        assert_eq!(divisions(100, |_, _| 1.01), [0], "even by chance");
        assert_eq!(divisions(100, |_, last| if last == 0 { 1.2 } else { 1.001 }), [0, 1]);
        let shifts = |n: usize, last: usize| 1.001 + 0.01 * (n - last) as f64;
        assert_eq!(divisions(20, shifts), [0, 3, 7, 11, 15, 19], "where it exceeds 2 %");
    }

    #[test]
    fn what_cannot_be_divided_well_is_tried_ever_more_seldom() {
        assert_eq!(divisions(200, |_, _| 1.3), [0, 1, 17, 49, 113]);
        // Until it can, as when a crystal warms up.
        let warms = |_, last: usize| if last < 17 { 1.3 } else { 1.001 };
        assert_eq!(divisions(200, warms), [0, 1, 17]);
        // Worse is worse at once.
        let worse = |n: usize, _| if n < 9 { 1.3 } else { 1.34 };
        assert_eq!(divisions(20, worse), [0, 1, 10]);
    }
}
