//! The potential that an input names.

use crate::error::{Error, Result};
use crate::input::{Config, PotentialConfig, PotentialKind};
use crate::potential::meam::Meam;

/// Reads the potential's files.
///
/// # Errors
/// [`Error::Input`] with the place in those files, or, where no line of theirs is to
/// blame (an element that is not in the library, indices in another order), in the input.
pub fn potential(config: &Config) -> Result<Meam> {
    let PotentialConfig { kind, library, parameters, elements } = &config.potential;
    let read = match kind {
        PotentialKind::Meam => Meam::from_files(library, parameters.as_deref(), elements),
    };
    let read = read.map_err(|error| match error {
        Error::Input { place, message } if place.line == 0 => {
            let message = format!("{}: {message}", place.file.display());
            config.source.error("potential.elements", message)
        }
        error => error,
    })?;
    match read.contradiction() {
        Some(message) => Err(config.source.error("potential.elements", message)),
        None => Ok(read),
    }
}
