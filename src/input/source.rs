//! Where each key of an input file stands, so that any module can point at it.

use crate::error::{Error, Place, Result};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of an input file and the places of its keys. A key is named by its
/// path: `seed`, `potential.library`, `particle[1].composition.Fe`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
    /// Byte at which a key (or the header of a table, or an item of a list) begins.
    begins: BTreeMap<String, usize>,
}

impl Source {
    pub fn new(path: &Path, text: &str) -> Source {
        Source { path: path.to_path_buf(), text: text.to_string(), ..Source::default() }
    }

    /// Notes where every key of the document stands.
    pub fn index(&mut self, document: &DeTable) {
        self.collect(document, "");
    }

    fn collect(&mut self, table: &DeTable, above: &str) {
        for (key, value) in table {
            let begin = key.span().start.min(value.span().start);
            self.record(join(above, key.get_ref()), begin, value);
        }
    }

    fn record(&mut self, path: String, begin: usize, value: &Spanned<DeValue>) {
        match value.get_ref() {
            DeValue::Table(table) => self.collect(table, &path),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.record(format!("{path}[{i}]"), item.span().start, item);
                }
            }
            _ => {}
        }
        self.begins.insert(path, begin);
    }

    /// The place of a key. A key that does not stand in the file has the place of
    /// the table that it belongs to, in the end that of the file's first line.
    pub fn place(&self, key: &str) -> Place {
        let mut path = key;
        loop {
            if let Some(&begin) = self.begins.get(path) {
                return self.place_at(begin);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return self.place_at(0),
            }
        }
    }

    /// The same text where the table at the path `from` is taken for the one at `to`.
    pub fn with(&self, from: &str, to: &str) -> Source {
        let mut source = self.clone();
        let below = |key: &str, path: &str| {
            key.strip_prefix(path)
                .filter(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
                .map(String::from)
        };
        source.begins.retain(|key, _| below(key, to).is_none());
        for (key, &begin) in &self.begins {
            if let Some(rest) = below(key, from) {
                source.begins.insert(format!("{to}{rest}"), begin);
            }
        }
        source
    }

    /// Whether the file itself gives the key.
    pub fn has(&self, key: &str) -> bool {
        self.begins.contains_key(key)
    }

    /// Line and column (in characters, from 1) of a byte of the text; without a
    /// text (a `Config` that came from no file) the place is the file as a whole.
    pub fn place_at(&self, byte: usize) -> Place {
        if self.text.is_empty() {
            return Place::new(&self.path, 0, 0);
        }
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Place::new(&self.path, line, column)
    }

    /// Bad input at the place of a key.
    pub fn error(&self, key: &str, message: impl Into<String>) -> Error {
        Error::Input { place: self.place(key), message: message.into() }
    }
}

/// The path of `key` in the table at the path `above`.
pub fn join(above: &str, key: &str) -> String {
    if above.is_empty() { key.to_string() } else { format!("{above}.{key}") }
}

/// More problems than this are counted, not told.
const MOST_TOLD: usize = 100;

/// All that is wrong with an input, gathered before it is refused.
pub struct Problems<'a> {
    source: &'a Source,
    found: Vec<(Place, String)>,
    untold: usize,
}

impl<'a> Problems<'a> {
    pub fn new(source: &'a Source) -> Problems<'a> {
        Problems { source, found: Vec::new(), untold: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Something wrong at the place of a key.
    pub fn at(&mut self, key: &str, message: impl Into<String>) {
        self.add(|source| source.place(key), message.into());
    }

    /// Something wrong at a byte of the text.
    pub fn at_byte(&mut self, byte: usize, message: impl Into<String>) {
        self.add(|source| source.place_at(byte), message.into());
    }

    fn add(&mut self, place: impl Fn(&Source) -> Place, message: String) {
        match self.found.len() {
            ..MOST_TOLD => self.found.push((place(self.source), message)),
            _ => self.untold += 1,
        }
    }

    /// One line `file:line:column: message` for each, in the order of the file.
    pub fn lines(mut self) -> Vec<String> {
        self.sort();
        self.found.into_iter().map(|(place, message)| format!("{place}: {message}")).collect()
    }

    /// Nothing found, or one error at the first place that says all.
    pub fn into_result(mut self) -> Result<()> {
        self.sort();
        let mut found = self.found.into_iter();
        let Some((place, mut message)) = found.next() else { return Ok(()) };
        for (place, more) in found {
            message += &format!("\n{place}: {more}");
        }
        if self.untold > 0 {
            message += &format!("\nand {} more", self.untold);
        }
        Err(Error::Input { place, message })
    }

    fn sort(&mut self) {
        self.found.sort_by_key(|(place, _)| (place.line, place.column));
    }
}
