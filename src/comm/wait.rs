//! A wait that may be long: for what comes from outside to the first rank.
//!
//! Ranks that wait in MPI keep their cores busy. Here the others look now and then whether the
//! first has called them, and sleep in between: the longer they have waited, the longer, so that
//! what follows at once loses nothing, and hours of waiting cost nothing.

use super::Comm;
use std::time::{Duration, Instant};

/// As long nobody sleeps: waking takes longer.
const AWAKE: Duration = Duration::from_micros(100);

/// Longest sleep.
const LONGEST: Duration = Duration::from_millis(2);

impl Comm {
    /// Returns on every rank when the first has called it: that one goes on at once, the others
    /// leave their cores to whoever has work. Collective.
    pub fn wait_for_root(&self) {
        let transport = self.transport();
        if self.is_root() {
            let call: Vec<(usize, &[u8])> = (1..self.size()).map(|rank| (rank, &[1][..])).collect();
            return transport.transfer(&call, &mut []);
        }
        let mut call = [0];
        let mut transfer = transport.begin_transfer(&[], vec![(0, &mut call[..])]);
        let began = Instant::now();
        while !transfer.progress() {
            let waited = began.elapsed();
            match waited < AWAKE {
                true => std::thread::yield_now(),
                false => std::thread::sleep((waited / 8).min(LONGEST)),
            }
        }
        transfer.complete();
    }
}

#[cfg(test)]
mod tests {
    use crate::comm::threads;
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
    use std::time::Duration;

    #[test]
    fn nobody_goes_on_before_the_first_rank_calls() {
        let called = AtomicBool::new(false);
        let seen = threads::run(3, |comm| {
            for pause in [0, 20] {
                if comm.is_root() {
                    std::thread::sleep(Duration::from_millis(pause));
                    called.store(true, SeqCst);
                }
                comm.wait_for_root();
                assert!(called.load(SeqCst));
                comm.barrier();
                called.store(false, SeqCst);
                comm.barrier();
            }
            comm.sum(1)
        });
        assert_eq!(seen, [3; 3]);
    }
}
