//! How long a write has been under way: a file system whose server has gone answers nobody, and
//! whoever writes to it waits, deaf to everything, with no error to tell of.
//!
//! A thread of the rank that writes looks from outside. It says so on the terminal alone, since the
//! log lies on the same file system, and again at ever longer intervals. That a run waits is
//! right: such servers come back, and then nothing is lost.

use crate::terminal::{self, Kind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// No write of a file system that answers takes so long.
const LONG: Duration = Duration::from_secs(60);

/// Milliseconds from the start of the watch to the start of the write under way, plus one; zero
/// where there is none.
type Since = AtomicU64;

/// The watch over the writes of a run; none on ranks that need none.
pub struct Patience {
    began: Instant,
    long: Duration,
    since: Option<Arc<Since>>,
}

impl Patience {
    /// Watches what is written into `folder`, where `watches`.
    pub fn new(watches: bool, folder: &Path) -> Patience {
        let folder = folder.display().to_string();
        Patience::start(watches, LONG, move |taken| {
            let message = format!(
                "writing to {folder} has taken {} s so far: does its file system answer? The run waits \
                 for it; a second SIGINT (Ctrl-C) would end it, with what was written before",
                taken.as_secs()
            );
            terminal::notice(Kind::Warning, &message);
        })
    }

    fn start(watches: bool, long: Duration, tell: impl Fn(Duration) + Send + 'static) -> Patience {
        let began = Instant::now();
        let since = Arc::new(Since::new(0));
        let watched = Arc::downgrade(&since);
        let look = move || watch(&watched, began, long, &tell);
        let started = watches
            .then(|| thread::Builder::new().name("patience".into()).spawn(look).ok())
            .flatten();
        Patience { began, long, since: started.map(|_| since) }
    }

    /// A task that writes.
    pub fn during<T>(&self, task: impl FnOnce() -> T) -> T {
        let Some(since) = &self.since else { return task() };
        let start = self.began.elapsed();
        since.store(start.as_millis() as u64 + 1, Ordering::Relaxed);
        let result = task();
        since.store(0, Ordering::Relaxed);
        let taken = self.began.elapsed() - start;
        if taken > self.long {
            log::warn!("a write has taken {} s: the file system did not answer", taken.as_secs());
        }
        result
    }
}

/// Tells of each write that takes `long`, twice as long, four times as long, ..., until nobody writes
/// any more.
fn watch(since: &Weak<Since>, began: Instant, long: Duration, tell: &dyn Fn(Duration)) {
    let (mut under_way, mut next) = (0, long);
    while let Some(now) = since.upgrade().map(|since| since.load(Ordering::Relaxed)) {
        if now != under_way {
            (under_way, next) = (now, long);
        }
        let taken = began.elapsed().saturating_sub(Duration::from_millis(under_way));
        if under_way > 0 && taken >= next {
            tell(taken);
            next *= 2;
        }
        thread::sleep(long / 30);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn a_write_that_takes_long_is_told_again_and_again_and_others_are_not() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = told.clone();
        let long = Duration::from_millis(300);
        let patience = Patience::start(true, long, move |taken| tell.lock().unwrap().push(taken));
        for _ in 0..10 {
            patience.during(|| thread::sleep(long / 12));
        }
        assert_eq!(told.lock().unwrap().len(), 0);
        patience.during(|| thread::sleep(5 * long));
        let times = told.lock().unwrap().clone();
        // At one, two and four times; a busy machine may take longer.
        assert!(times.len() >= 3, "{times:?}");
        assert!((times.iter().zip([1, 2, 4])).all(|(time, n)| *time >= n * long), "{times:?}");
        let quiet = Patience::start(false, long, |_| panic!("nobody watches"));
        quiet.during(|| thread::sleep(2 * long));
    }
}
