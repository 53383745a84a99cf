//! Words of the two potential files, each with its place.

use crate::error::{Error, Result};
use std::path::Path;

/// A word without its quotes; line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word<'a> {
    pub text: &'a str,
    pub line: usize,
    pub column: usize,
}

impl Word<'_> {
    pub fn error(&self, path: &Path, message: impl Into<String>) -> Error {
        Error::input(path, self.line, self.column, message)
    }

    /// The number that the word is, if it is one; Fortran's exponent letter `d` is accepted.
    pub fn as_number(&self) -> Option<f64> {
        let parsed = self.text.parse::<f64>();
        parsed.or_else(|_| self.text.replace(['d', 'D'], "e").parse::<f64>()).ok()
    }

    /// A finite number.
    pub fn number(&self, path: &Path, name: &str) -> Result<f64> {
        match self.as_number() {
            Some(x) if x.is_finite() => Ok(x),
            _ => Err(self.error(path, format!("`{}` is no number; `{name}` needs one", self.text))),
        }
    }

    /// A whole number, also where a tool wrote it as `-5.0` or `3.`
    pub fn integer(&self, path: &Path, name: &str) -> Result<i32> {
        match self.number(path, name)? {
            x if x == x.trunc() && x.abs() < 1e6 => Ok(x as i32),
            _ => Err(self.error(path, format!("`{name}` is {} but must be whole", self.text))),
        }
    }
}

/// The words of one line up to a comment, split at white space, quotes and `separators`.
pub fn words_of<'a>(line: &'a str, number: usize, separators: &[char]) -> Vec<Word<'a>> {
    let line = line.split('#').next().unwrap_or("");
    let splits = |c: char| c.is_whitespace() || c == '\'' || c == '"' || separators.contains(&c);
    line.split(splits)
        .filter(|text| !text.is_empty())
        .map(|text| {
            let offset = text.as_ptr() as usize - line.as_ptr() as usize;
            Word { text, line: number, column: line[..offset].chars().count() + 1 }
        })
        .collect()
}
