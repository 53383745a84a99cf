//! `sinter-hpc inspect`: what a checkpoint or trajectory holds.

use crate::error::{Error, Result};
use std::path::Path;

pub fn inspect(_: &Path) -> Result<()> {
    Err(Error::Run("inspect is not built yet".into()))
}
