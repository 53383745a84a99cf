//! Text of potential files, as LAMMPS reads it: whatever the encoding of its
//! comments, and words, each with its place.
//!
//! Invariant: a character of the file is a character here, so columns are those of an editor.

use crate::error::{Error, Result};
use std::path::Path;

/// The text of a file: UTF-8, and what is not as Latin-1, in which old comments are
/// written; without a byte order mark.
///
/// # Errors
/// Where the file cannot be read, or is UTF-16.
pub fn read(path: &Path) -> std::io::Result<String> {
    let bytes = std::fs::read(path)?;
    // With a mark, or every other byte of plain letters zero.
    let marked = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    if marked
        || bytes.iter().take(1000).filter(|&&byte| byte == 0).count() > bytes.len().min(1000) / 4
    {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            "it is text in UTF-16, and LAMMPS files are ASCII or UTF-8: save it as UTF-8 (`iconv -f \
             UTF-16 -t UTF-8`)",
        ));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|&byte| byte as char));
    }
    // Lines that end as on the first Macintosh.
    if !text.contains('\n') {
        text = text.replace('\r', "\n");
    }
    Ok(text)
}

/// The same of a file that the user named as a potential.
///
/// # Errors
/// [`Error::Input`] where it cannot be read.
pub fn of_potential(path: &Path) -> Result<String> {
    read(path)
        .map_err(|error| Error::input(path, 0, 0, format!("cannot read the potential: {error}")))
}

/// What LAMMPS reads in place of some characters that word processors and web pages bring
/// in (section "Input and data files" of its manual: "UTF-8 characters are replaced").
fn ascii(c: char) -> char {
    match c {
        '\u{2d7}' | '\u{2212}' => '-',
        '\u{2d6}' | '\u{2064}' => '+',
        '\u{2018}' | '\u{2019}' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{a0}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{2060}' | '\u{2063}' | '\u{feff}' => {
            ' '
        }
        other => other,
    }
}

/// Replaces such characters, and says which and where, but for those in comments.
pub fn replace_typography(path: &Path, text: &str) -> (String, Vec<String>) {
    let mut warnings = Vec::new();
    let mut line = |(number, line): (usize, &str)| -> String {
        let comment = line.chars().position(|c| c == '#').unwrap_or(usize::MAX);
        let replaced = line.chars().enumerate().map(|(column, c)| {
            let plain = ascii(c);
            if plain != c && column < comment {
                warnings.push(format!(
                    "{}:{}:{}: the character U+{:04X} is read as `{plain}`",
                    path.display(),
                    number + 1,
                    column + 1,
                    c as u32
                ));
            }
            plain
        });
        replaced.collect()
    };
    let lines: Vec<String> = text.split('\n').enumerate().map(&mut line).collect();
    (lines.join("\n"), warnings)
}

/// A word without its quotes; line and column count from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word<'a> {
    pub text: &'a str,
    pub line: usize,
    pub column: usize,
}

impl Word<'_> {
    /// `file:line:column`, as messages begin.
    pub fn place(&self, path: &Path) -> String {
        format!("{}:{}:{}", path.display(), self.line, self.column)
    }

    /// Bad input at the word.
    pub fn error(&self, path: &Path, message: impl Into<String>) -> Error {
        Error::input(path, self.line, self.column, message)
    }

    /// The number that the word is, if it is one; Fortran's exponent letter `d` is accepted.
    pub fn as_number(&self) -> Option<f64> {
        let parsed = self.text.parse::<f64>();
        parsed.or_else(|_| self.text.replace(['d', 'D'], "e").parse::<f64>()).ok()
    }

    /// A finite number.
    ///
    /// # Errors
    /// With the place of the word where it is none; `name` is what needs it.
    pub fn number(&self, path: &Path, name: &str) -> Result<f64> {
        match self.as_number() {
            Some(x) if x.is_finite() => Ok(x),
            _ => Err(self.error(path, format!("`{}` is no number; `{name}` needs one", self.text))),
        }
    }

    /// A whole number, also where a tool wrote it as `-5.0` or `3.`
    ///
    /// # Errors
    /// As for `number`, and where it is not whole.
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
