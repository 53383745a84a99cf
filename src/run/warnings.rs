//! What is allowed but deserves a second look, told in one place: of the input, of the
//! potential and its reference states, and of the structure.
//!
//! Whoever finds something returns it as data, a line for each (`input::warnings`,
//! `ForceField::warnings`, `SelfTest::deviations`, `Built::warnings`, `Frame::warnings`);
//! commands hand these lines to `tell`. The logger that every command installs
//! (`write::log`) puts `warning: ` before them and is silent on all ranks but the root.

use super::potential::potential as read_potential;
use super::self_test::self_test;
use crate::error::Result;
use crate::input::{self, Config};
use crate::potential::ForceField;
use std::fmt::Display;
use std::path::Path;

/// Tells each of these lines.
pub fn tell(warnings: impl IntoIterator<Item = impl Display>) {
    for warning in warnings {
        log::warn!("{warning}");
    }
}

/// Reads an input and tells what is odd about it.
pub fn read_input(path: &Path) -> Result<Config> {
    let config = input::read(path)?;
    tell(input::warnings(&config));
    Ok(config)
}

/// Reads the potential that an input names, writes into the input what this leaves to it,
/// and tells what is odd; with the table of reference structures and what was written.
pub fn potential(config: &mut Config) -> Result<(ForceField, String)> {
    let (potential, own) = read_potential(config)?;
    let references = of_potential(&potential)?;
    tell(&own.warnings);
    Ok((potential, references + &own.table))
}

/// Tells what is odd about a potential; gives the table of its reference structures.
pub fn of_potential(potential: &ForceField) -> Result<String> {
    tell(potential.contradiction().map(|(_, message)| message));
    tell(potential.warnings());
    let tested = self_test(potential)?;
    tell(&tested.deviations);
    Ok(tested.table)
}
