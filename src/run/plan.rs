//! `sinter-hpc plan`: what a run would take.

use super::arguments::Plan;
use crate::error::{Error, Result};

pub fn plan(_: &Plan) -> Result<()> {
    Err(Error::Run("plan is not built yet".into()))
}
