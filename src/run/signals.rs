//! Signals to this process, as flags that the loop looks at when it suits it.
//!
//! SIGUSR1 asks for a checkpoint; SIGTERM, SIGUSR2 and SIGINT for a checkpoint and the
//! end. A second SIGINT ends the process at once. A write beyond a limit of file sizes
//! fails as an error, and does not kill (SIGXFSZ).

use super::watch::Reason;
use crate::error::{Error, Result};
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::flag;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Exit code of a shell's command that SIGINT ended.
const INTERRUPTED: i32 = 130;

pub struct Signals {
    checkpoint: Arc<AtomicBool>,
    stop: [(Arc<AtomicBool>, Reason); 3],
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
        };
        let [interrupt, terminate, user] = signals.stop.each_ref().map(|(flag, _)| flag.clone());
        let listen = || -> std::io::Result<()> {
            // Before the flag is raised for the first time, this does nothing.
            flag::register_conditional_shutdown(SIGINT, INTERRUPTED, interrupt.clone())?;
            for (signal, raised) in [
                (SIGINT, interrupt),
                (SIGTERM, terminate),
                (SIGUSR2, user),
                (SIGUSR1, signals.checkpoint.clone()),
                (SIGXFSZ, raised()),
            ] {
                flag::register(signal, raised)?;
            }
            Ok(())
        };
        listen().map_err(|error| Error::Run(format!("signals cannot be heard: {error}")))?;
        Ok(signals)
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
