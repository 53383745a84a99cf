//! How fast ranks are, and what part of the work each shall have.
//!
//! The costs of atoms tell how much there is to do, not how long it takes: a core is slower while
//! another program wants it, or the other half of it, and all ranks wait for the slowest. So each takes the
//! time of its own work, list by list, without what it waits. When for a while the slowest has taken longer
//! than all would with shares in proportion to their speeds, by `LATE`, these become the shares, and follow the
//! speeds until even ones are about as good.
//!
//! Of the lists of a while the median counts: a program that is halted, or a host that does something else
//! for a moment, says nothing of what comes. A while is `SHORTEST`; twice as long if new shares were no use, and
//! so on.
//!
//! Invariant: all ranks decide alike, from what they have told each other. Times decide who has which
//! atoms, so how fast a run is, never what comes of it.

use super::Reduction;
use crate::clock::Spent;

/// As much later than it need be may the slowest be with even shares. Cores that others use a little change their
/// speeds by less, and faster than could be followed; cuts leave the gaps between particles then, for nothing
/// (benches/README.md).
const LATE: f64 = 1.15;

/// With other shares even ones come back where the slowest would be no later than this with them, ...
const LATE_IF_EVEN: f64 = 1.08;
/// ... and else they follow where it is later than this.
const LATE_IF_UNEVEN: f64 = 1.06;

/// By as much the slowest has to come nearer to the others, else new shares were no use.
const USE: f64 = 1.02;

/// Seconds, and lists, that speeds are measured for at least, and at most.
const SHORTEST: f64 = 1.0;
const FEWEST: usize = 5;
const LONGEST: f64 = 120.0;

/// Times travel as picoseconds.
const PER_SECOND: f64 = 1e12;

/// What part of the work each rank shall have.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares(Vec<i64>);

impl Shares {
    /// An even share; none is less than half of it, or more than twice it, so that memory is planned for.
    const EVEN: i64 = 1 << 20;

    /// The same for each of so many ranks.
    pub fn even(ranks: usize) -> Shares {
        Shares(vec![Shares::EVEN; ranks])
    }

    /// These, in whatever unit.
    #[cfg(test)]
    pub fn of(shares: &[i64]) -> Shares {
        Shares(shares.to_vec())
    }

    /// In proportion to these speeds, one for each rank; those of 0 are not known.
    fn by(speeds: &[i64]) -> Shares {
        let known = speeds.iter().filter(|&&speed| speed > 0);
        let mean = known.clone().sum::<i64>() as f64 / known.count().max(1) as f64;
        let share = |&speed: &i64| match speed {
            0 => Shares::EVEN,
            _ => (Shares::EVEN as f64 * (speed as f64 / mean).clamp(0.5, 2.0)) as i64,
        };
        Shares(speeds.iter().map(share).collect())
    }

    pub fn ranks(&self) -> usize {
        self.0.len()
    }

    /// Of some ranks together.
    pub(super) fn sum(&self, ranks: std::ops::Range<usize>) -> i128 {
        self.0[ranks].iter().map(|&share| share as i128).sum()
    }

    /// The smallest and the largest over the mean.
    pub fn extent(&self) -> [f64; 2] {
        let mean = self.sum(0..self.ranks()) as f64 / self.ranks() as f64;
        let [least, most] = [self.0.iter().min(), self.0.iter().max()];
        [least, most].map(|share| share.map_or(1.0, |&share| share as f64 / mean))
    }

    /// The load of a rank for an even share of all.
    pub fn load_of_even(&self, rank: usize, load: u64) -> u64 {
        let mean = self.sum(0..self.ranks()) / self.ranks() as i128;
        (load as i128 * mean / self.0[rank] as i128) as u64
    }
}

/// The shares of all ranks, and what this one has measured of its own speed.
#[derive(Debug, Clone)]
pub struct Pace {
    shares: Shares,
    /// Seconds for a unit of load, with each list of this while.
    laps: Vec<f64>,
    /// Evaluations with the present list.
    evaluations: u32,
    /// Until it was built, and until the first of this while was.
    until_list: Spent,
    until_first: Spent,
    /// With how many ranks look at each other's.
    next_look: usize,
    /// Seconds.
    shortest: f64,
    /// How much later than need be the slowest was when shares were changed.
    before: Option<f64>,
}

impl Pace {
    /// Of so many ranks, with even shares.
    pub fn new(ranks: usize) -> Pace {
        Pace {
            shares: Shares::even(ranks),
            laps: Vec::new(),
            evaluations: 0,
            until_list: Spent::default(),
            until_first: Spent::default(),
            next_look: FEWEST,
            shortest: SHORTEST,
            before: None,
        }
    }

    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Forces have been evaluated once more.
    pub fn count_evaluation(&mut self) {
        self.evaluations += 1;
    }

    /// A list has served its time, if there was one: with a load of so much on this rank, which has spent so much
    /// until now.
    pub fn end_lap(&mut self, load: u64, spent: Spent) {
        match self.evaluations {
            0 => self.until_first = spent,
            n => {
                let done = (load * n as u64).max(1) as f64;
                self.laps.push((spent.work - self.until_list.work) / done);
            }
        }
        (self.until_list, self.evaluations) = (spent, 0);
    }

    /// Whether shares have changed, as others than before are worth it. This rank, of that number, has a load of so
    /// much. Collective.
    pub fn look(&mut self, rank: usize, load: u64, reduction: &dyn Reduction) -> bool {
        let ranks = self.shares.ranks();
        if ranks == 1 || self.laps.len() < self.next_look {
            return false;
        }
        // Seconds for a unit of load; of a rank without load nothing is known.
        let pace = if load > 0 { median(&mut self.laps) } else { 0.0 };
        let speed = if pace > 0.0 { (1.0 / pace) as i64 } else { 0 };
        let mut sums = [load as i64, speed];
        reduction.sum(&mut sums);
        let [loads, speeds] = sums.map(|n| n as f64);
        let passed = self.until_list.all - self.until_first.all;
        let even = loads / ranks as f64;
        let times = [load as f64 * pace, even * pace, passed];
        let mut most = times.map(|seconds| (seconds * PER_SECOND) as i64);
        reduction.max(&mut most);
        let [slowest, slowest_if_even, passed] = most.map(|n| n as f64 / PER_SECOND);
        if passed < self.shortest {
            self.next_look = 2 * self.laps.len();
            return false;
        }
        self.next_look = (self.laps.len() / 2).max(FEWEST);
        self.laps.clear();
        self.until_first = self.until_list;
        let [late, late_if_even] = [slowest, slowest_if_even].map(|s| s * speeds / loads.max(1.0));
        if let Some(before) = self.before.take() {
            let longer = (2.0 * self.shortest).min(LONGEST);
            self.shortest = if before > USE * late { SHORTEST } else { longer };
        }
        let are_even = self.shares == Shares::even(ranks);
        let is_worth_it = match are_even {
            true => late > LATE,
            false => late > LATE_IF_UNEVEN || late_if_even <= LATE_IF_EVEN,
        };
        if !is_worth_it {
            return false;
        }
        let mut all = vec![0; ranks];
        all[rank] = speed;
        reduction.sum(&mut all);
        let shares = match late_if_even <= LATE_IF_EVEN {
            true => Shares::even(ranks),
            false => Shares::by(&all),
        };
        let have_changed = shares != self.shares;
        self.before = have_changed.then_some(late);
        self.shares = shares;
        have_changed
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comm::threads;

    /// So many lists of ten evaluations each, on ranks that take `seconds(list, rank, load)` for them: which shares
    /// they had with each, of a load of a thousand for an even one.
    fn shares(
        lists: usize,
        ranks: usize,
        seconds: impl Fn(usize, usize, f64) -> f64 + Sync,
    ) -> Vec<Shares> {
        let seen = threads::run(ranks, |comm| {
            let mut pace = Pace::new(ranks);
            let (mut spent, mut seen) = (Spent { work: 7.0, all: 9.0 }, Vec::new());
            pace.end_lap(5, spent);
            for list in 0..lists {
                let shares = pace.shares().clone();
                let load = |rank: usize| 1000.0 * shares.0[rank] as f64 / Shares::EVEN as f64;
                let times: Vec<f64> = (0..ranks).map(|r| seconds(list, r, load(r))).collect();
                (0..10).for_each(|_| pace.count_evaluation());
                spent.work += times[comm.rank()];
                spent.all += times.iter().copied().fold(0.0, f64::max);
                let own = load(comm.rank()) as u64;
                pace.end_lap(own, spent);
                let has_changed = pace.look(comm.rank(), own, comm);
                assert_eq!(has_changed, *pace.shares() != shares);
                seen.push(shares);
            }
            seen
        });
        assert!(seen.iter().all(|of_rank| *of_rank == seen[0]), "all ranks decide alike");
        seen[0].clone()
    }

    /// Numbers of the lists before which shares changed.
    fn changes(shares: &[Shares]) -> Vec<usize> {
        (1..shares.len()).filter(|&n| shares[n] != shares[n - 1]).collect()
    }

    #[test]
    fn a_slow_rank_has_a_smaller_share_as_long_as_it_is_slow() {
        // 0.3 and 0.45 s for a list, 0.3 s again from list 40 on.
        let slow = |list: usize, rank: usize| rank == 1 && list < 40;
        let seconds = |list, rank, load| load * if slow(list, rank) { 4.5e-4 } else { 3e-4 };
        let shares = shares(80, 3, seconds);
        assert_eq!(changes(&shares), [5, 45]);
        let Shares(slow) = &shares[20];
        assert!((slow[1] as f64 / slow[0] as f64 - 1.0 / 1.5).abs() < 1e-3, "{slow:?}");
        assert_eq!(slow[0], slow[2]);
        assert_eq!(shares[79], Shares::even(3));
    }

    #[test]
    fn what_lasts_a_moment_or_is_little_changes_nothing() {
        // Every fifth list rank 2 is held up for long; rank 1 is 15 % slower.
        let seconds = |list: usize, rank, load| match rank {
            2 if list % 5 == 4 => 1e-2 * load,
            1 => 3.45e-4 * load,
            _ => 3e-4 * load,
        };
        assert_eq!(changes(&shares(50, 4, seconds)), [0; 0]);
    }

    #[test]
    fn speeds_are_measured_for_a_while() {
        // 2 ms for a list, so that a second takes 500.
        let seconds = |_, rank, load| if rank == 1 { 2e-6 * load } else { 1e-6 * load };
        let changes = changes(&shares(1500, 2, seconds));
        assert_eq!(changes.len(), 1);
        assert!((250..=1000).contains(&changes[0]), "{changes:?}");
    }

    #[test]
    fn what_is_no_use_is_tried_ever_more_seldom() {
        // How long the second takes does not depend on what it has to do: it is always late.
        let seconds = |list: usize, rank, load| match rank {
            1 => 0.4 + 1e-3 * (list % 7) as f64,
            _ => 2e-4 * load,
        };
        let changes = changes(&shares(800, 2, seconds));
        // Of 160 whiles.
        assert!((2..=16).contains(&changes.len()), "{changes:?}");
        assert!(changes.last() < Some(&400), "{changes:?}");
    }

    #[test]
    fn shares_follow_known_speeds_within_a_factor_of_two() {
        let Shares(shares) = Shares::by(&[100, 110, 0, 90, 1, 10_000]);
        assert_eq!(shares[2], Shares::EVEN);
        assert_eq!((shares[4], shares[5]), (Shares::EVEN / 2, Shares::EVEN * 2));
        let even = Shares::even(3);
        assert_eq!((even.load_of_even(1, 77), even.extent()), (77, [1.0, 1.0]));
        let uneven = Shares(vec![Shares::EVEN / 2, 3 * Shares::EVEN / 2]);
        assert_eq!((uneven.load_of_even(0, 50), uneven.load_of_even(1, 150)), (100, 100));
        assert_eq!(uneven.extent(), [0.5, 1.5]);
    }
}
