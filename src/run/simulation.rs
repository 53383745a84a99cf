//! The run of an input, from its file to the last line of the log.

use super::Ending;
use super::arguments::Run;
use crate::comm::Comm;
use crate::error::{Error, Result};

/// Collective. Every rank gets the same outcome, or `main` ends them all.
pub fn simulate(_: &Comm, _: &Run) -> Result<Ending> {
    Err(Error::Run("the run is not built yet".into()))
}
