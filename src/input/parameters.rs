//! TOML files that an input names, held against a shape of their own as the input is against its.

use super::source::{Problems, Source};
use super::{conform, not_toml, schema};
use crate::error::Result;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::de::DeTable;

/// The contents of a file, and where each of its keys stands.
///
/// # Errors
/// All that is not of the shape of `T`, each with its place: unknown keys with the nearest
/// known one, missing ones, wrong types, values out of bounds. Where the text is no TOML.
pub fn read<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<(T, Source)> {
    parse(&super::text_of(path)?, path)
}

/// The same for a text that is (or would be) in the file `path`.
///
/// # Errors
/// As for `read`.
pub fn parse<T: DeserializeOwned + JsonSchema>(text: &str, path: &Path) -> Result<(T, Source)> {
    let mut source = Source::new(path, text);
    let (document, faults) = DeTable::parse_recoverable(text);
    if let Some(fault) = faults.first() {
        return Err(not_toml(fault, &source));
    }
    source.index(document.get_ref());
    let mut problems = Problems::new(&source);
    conform::conform(document.get_ref(), &schema::keys_of_file::<T>(), &mut problems);
    problems.into_result()?;
    let contents = T::deserialize(toml::de::Deserializer::from(document))
        .map_err(|fault| not_toml(&fault, &source))?;
    Ok((contents, source))
}
