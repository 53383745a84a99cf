//! The numbers of a table file one after another, wherever lines end.

use crate::error::{Error, Result};
use crate::potential::text::{Word, words_of};
use std::path::Path;

/// More knots than any table has.
const MOST_KNOTS: i64 = 10_000_000;

/// Reads one number after another, and knows where it is.
pub struct Numbers<'a> {
    path: &'a Path,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    words: std::vec::IntoIter<Word<'a>>,
    /// The line that was read last, from 1.
    line: usize,
}

impl<'a> Numbers<'a> {
    /// From the beginning of a text.
    pub fn new(path: &'a Path, text: &'a str) -> Numbers<'a> {
        Numbers { path, lines: text.lines().enumerate(), words: Vec::new().into_iter(), line: 0 }
    }

    /// Bad input in the line that was read last.
    pub fn error(&self, message: impl Into<String>) -> Error {
        Error::input(self.path, self.line, 1, message)
    }

    /// The next line whole, of which nothing has been read.
    ///
    /// # Errors
    /// Where the file ends; `what` is what should stand there.
    pub fn whole_line(&mut self, what: &str) -> Result<&'a str> {
        match self.lines.next() {
            Some((number, line)) => {
                self.line = number + 1;
                self.words = Vec::new().into_iter();
                Ok(line)
            }
            None => Err(self.ended(what)),
        }
    }

    /// The words of the next line that has any.
    ///
    /// # Errors
    /// As for `whole_line`.
    pub fn line_of_words(&mut self, what: &str) -> Result<Vec<Word<'a>>> {
        loop {
            let line = self.whole_line(what)?;
            let words = words_of(line, self.line, &[]);
            if !words.is_empty() {
                return Ok(words);
            }
        }
    }

    /// What the line read last has behind what was read of it is a comment.
    pub fn skip_rest_of_line(&mut self) {
        self.words = Vec::new().into_iter();
    }

    /// The next word, of this line or a later one.
    ///
    /// # Errors
    /// As for `whole_line`.
    pub fn word(&mut self, what: &str) -> Result<Word<'a>> {
        loop {
            if let Some(word) = self.words.next() {
                return Ok(word);
            }
            self.words = self.line_of_words(what)?.into_iter();
        }
    }

    /// The next word, which must be a finite number.
    ///
    /// # Errors
    /// With the place of a word that is none, or where the file ends.
    pub fn real(&mut self, what: &str) -> Result<f64> {
        self.word(what)?.number(self.path, what)
    }

    /// So many of them.
    ///
    /// # Errors
    /// As for `real`.
    pub fn reals(&mut self, count: usize, what: &str) -> Result<Vec<f64>> {
        (0..count).map(|_| self.real(what)).collect()
    }

    /// The same above zero.
    ///
    /// # Errors
    /// As for `real`, and where it is not.
    pub fn positive(&mut self, what: &str) -> Result<f64> {
        let word = self.word(what)?;
        match word.number(self.path, what)? {
            x if x > 0.0 => Ok(x),
            x => {
                Err(word.error(self.path, format!("`{what}` is {x} but must be greater than zero")))
            }
        }
    }

    /// The number of knots of a table.
    ///
    /// # Errors
    /// As for `real`, and where it is no such number.
    pub fn knots(&mut self, what: &str) -> Result<usize> {
        let word = self.word(what)?;
        match word.number(self.path, what)? {
            x if x == x.trunc() && (5.0..=MOST_KNOTS as f64).contains(&x) => Ok(x as usize),
            x => Err(word.error(
                self.path,
                format!("`{what}` is {x}; a table has 5 to {MOST_KNOTS} values"),
            )),
        }
    }

    /// That nothing but white space and comments is left.
    pub fn end(&mut self) -> std::result::Result<(), Word<'a>> {
        match self.word("") {
            Ok(word) => Err(word),
            Err(_) => Ok(()),
        }
    }

    fn ended(&self, what: &str) -> Error {
        Error::input(
            self.path,
            self.line,
            1,
            format!("the file ends where `{what}` should stand: it was probably cut short"),
        )
    }
}

/// Factor that makes energies of a file eV, by the `UNITS:` of its first line, which LAMMPS
/// reads; files without are in metal units.
///
/// # Errors
/// For units other than these.
pub fn energy_unit(path: &Path, comment: &str) -> Result<f64> {
    /// One kcal/mol in eV.
    const KILOCALORIE_PER_MOL: f64 = 0.043_364_104_241_8;
    let Some(at) = comment.find("UNITS:") else { return Ok(1.0) };
    match comment[at + "UNITS:".len()..].split_whitespace().next() {
        None | Some("metal") => Ok(1.0),
        Some("real") => Ok(KILOCALORIE_PER_MOL),
        Some(other) => Err(Error::input(
            path,
            1,
            1,
            format!("the file is in units `{other}`; `metal` (eV) and `real` (kcal/mol) are read"),
        )),
    }
}
