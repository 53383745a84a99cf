//! Signals to this process, as flags that the loop looks at when it suits it.
//!
//! SIGUSR1 asks for a checkpoint, and so does SIGCONT, which launchers and schedulers
//! send some time before SIGTERM (Open MPI a second, when it is interrupted); SIGTERM, SIGUSR2 and SIGINT for a checkpoint and the
//! end. A second SIGINT ends the process at once, and what it had begun is taken away:
//! the lock of its folder and an unfinished checkpoint. A write beyond a limit of file
//! sizes fails as an error, and does not kill (SIGXFSZ).

use super::lock;
use super::reason::Reason;
use crate::error::{Error, Result};
use crate::write::checkpoint::remove_partial;
use signal_hook::consts::{SIGCONT, SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals as Arrivals;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Exit code of a shell's command that SIGINT ended.
const INTERRUPTED: i32 = 130;

pub struct Signals {
    checkpoint: Arc<AtomicBool>,
    stop: [(Arc<AtomicBool>, Reason); 3],
    begun: Arc<Begun>,
}

/// What this process alone has in a folder, and takes away where it is ended at once.
#[derive(Debug, Default)]
struct Begun {
    /// Where it holds the lock.
    locked: OnceLock<PathBuf>,
    /// Where checkpoints are under way.
    written: OnceLock<PathBuf>,
}

impl Signals {
    /// From here on, signals are flags.
    pub fn listen() -> Result<Signals> {
        let raised = || Arc::new(AtomicBool::new(false));
        let signals = Signals {
            checkpoint: raised(),
            stop: [
                (raised(), Reason::Interrupt),
                (raised(), Reason::Terminate),
                (raised(), Reason::User),
            ],
            begun: Arc::default(),
        };
        let [interrupt, terminate, user] = signals.stop.each_ref().map(|(flag, _)| flag.clone());
        let listen = || -> std::io::Result<()> {
            for (signal, raised) in [
                (SIGTERM, terminate),
                (SIGUSR2, user),
                (SIGUSR1, signals.checkpoint.clone()),
                (SIGCONT, signals.checkpoint.clone()),
                (SIGXFSZ, raised()),
            ] {
                flag::register(signal, raised)?;
            }
            end_at_second_interrupt(interrupt, signals.begun.clone())
        };
        listen().map_err(|error| Error::Run(format!("signals cannot be heard: {error}")))?;
        Ok(signals)
    }

    /// From here on, a process that is ended at once takes its lock on this folder with it.
    pub fn leave_no_lock(&self, folder: &Path) {
        let _ = self.begun.locked.set(folder.to_path_buf());
    }

    /// From here on, a process that is ended at once takes checkpoints that it has begun in
    /// this folder with it.
    pub fn leave_nothing_begun(&self, folder: &Path) {
        let _ = self.begun.written.set(folder.to_path_buf());
    }

    /// Whether a checkpoint was asked for since the last call.
    pub fn checkpoint(&self) -> bool {
        self.checkpoint.swap(false, Ordering::Relaxed)
    }

    /// The signal that asks for the end, if there was one.
    pub fn stop(&self) -> Option<Reason> {
        let mut raised = self.stop.iter().filter(|(flag, _)| flag.load(Ordering::Relaxed));
        raised.next().map(|(_, reason)| *reason)
    }
}

/// The first SIGINT raises the flag; the second ends the process, whatever it is at. A
/// thread waits for them, since a signal handler may not touch files as it pleases.
fn end_at_second_interrupt(interrupt: Arc<AtomicBool>, begun: Arc<Begun>) -> std::io::Result<()> {
    let mut arrivals = Arrivals::new([SIGINT])?;
    let wait = move || {
        for _ in arrivals.forever() {
            if interrupt.swap(true, Ordering::Relaxed) {
                // What fails here is found and tidied by the next run.
                if let Some(folder) = begun.written.get() {
                    let _ = remove_partial(folder);
                }
                if let Some(folder) = begun.locked.get() {
                    let _ = std::fs::remove_file(folder.join(lock::NAME));
                }
                signal_hook::low_level::exit(INTERRUPTED);
            }
        }
    };
    std::thread::Builder::new().name("interrupts".into()).spawn(wait).map(drop)
}
