//! Lines and words of a text file, each knowing its place for messages.

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// What some editors put in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A text file read line by line.
pub struct Lines<R> {
    path: PathBuf,
    input: R,
    /// Number of the line last read, from 1.
    number: usize,
    bytes: Vec<u8>,
    text: String,
}

/// A word of a line and the column where it begins, from 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Word<'a> {
    pub text: &'a str,
    pub column: usize,
}

impl Lines<BufReader<File>> {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .map_err(|e| Error::input(path, 0, 0, format!("the file cannot be opened: {e}")))?;
        Ok(Lines::new(path, BufReader::with_capacity(1 << 20, file)))
    }
}

impl<R: BufRead> Lines<R> {
    /// `path` is for messages.
    pub fn new(path: &Path, input: R) -> Self {
        Lines { path: path.to_path_buf(), input, number: 0, bytes: Vec::new(), text: String::new() }
    }

    /// Goes to the next line; false at the end of the file.
    pub fn advance(&mut self) -> Result<bool> {
        self.text.clear();
        self.bytes.clear();
        self.number += 1;
        match self.input.read_until(b'\n', &mut self.bytes) {
            Ok(0) => Ok(false),
            Ok(_) if self.bytes.contains(&0) => Err(self.error(1, "this line is not text")),
            Ok(_) => {
                // What is no UTF-8 is Latin-1, in which old comments are written.
                for chunk in self.bytes.utf8_chunks() {
                    self.text.push_str(chunk.valid());
                    self.text.extend(chunk.invalid().iter().map(|&byte| byte as char));
                }
                if self.number == 1 && self.text.starts_with(BYTE_ORDER_MARK) {
                    self.text.remove(0);
                }
                let end = self.text.trim_end_matches(['\n', '\r']).len();
                self.text.truncate(end);
                Ok(true)
            }
            Err(e) => Err(Error::file(&self.path, e)),
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn number(&self) -> usize {
        self.number
    }

    /// An error at a column of the line last read.
    pub fn error(&self, column: usize, message: impl Into<String>) -> Error {
        Error::input(&self.path, self.number, column, message)
    }
}

/// The words of a line between white space.
pub fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let begin = rest + line[rest..].find(|c: char| !c.is_whitespace())?;
        let length = line[begin..].find(char::is_whitespace).unwrap_or(line.len() - begin);
        rest = begin + length;
        Some(Word { text: &line[begin..rest], column: begin + 1 })
    })
}

/// A finite number; `1.5d0` as Fortran writes it is understood.
pub fn real(word: &str) -> Option<f64> {
    number(word).filter(|value| value.is_finite())
}

/// The same, or what stands for none (`nan`, `inf`).
pub fn number(word: &str) -> Option<f64> {
    word.parse().or_else(|_| word.replace(['d', 'D'], "e").parse()).ok()
}
