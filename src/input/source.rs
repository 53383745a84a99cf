//! Where each key of an input file stands, so that any module can point at it.

use crate::error::{Error, Place};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of an input file and the places of its keys. A key is named by its
/// path: `seed`, `potential.library`, `particle[1].composition.Fe`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    pub path: PathBuf,
    pub text: String,
    /// Byte ranges of the key and of its value (for the header of a table: both are the header).
    spans: BTreeMap<String, [Range<usize>; 2]>,
}

impl Source {
    pub fn new(path: &Path, text: &str, root: &DeTable) -> Source {
        let mut source =
            Source { path: path.to_path_buf(), text: text.to_string(), ..Source::default() };
        source.collect(root, "");
        source
    }

    fn collect(&mut self, table: &DeTable, above: &str) {
        for (key, value) in table {
            let path = join(above, key.get_ref());
            self.record(path, key.span(), value);
        }
    }

    fn record(&mut self, path: String, key: Range<usize>, value: &Spanned<DeValue>) {
        match value.get_ref() {
            DeValue::Table(table) => self.collect(table, &path),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.record(format!("{path}[{i}]"), item.span(), item);
                }
            }
            _ => {}
        }
        self.spans.insert(path, [key, value.span()]);
    }

    /// The place of a key's value. A key that does not stand in the file has the
    /// place of the table that it belongs to, in the end that of the file's first line.
    pub fn place(&self, key: &str) -> Place {
        let mut path = key;
        loop {
            if let Some([_, value]) = self.spans.get(path) {
                return self.place_at(value.start);
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return self.place_at(0),
            }
        }
    }

    /// Whether the file itself gives the key.
    pub fn has(&self, key: &str) -> bool {
        self.spans.contains_key(key)
    }

    /// Line and column (in characters, from 1) of a byte of the text; without a
    /// text (a `Config` that came from no file) the place is the file as a whole.
    pub fn place_at(&self, byte: usize) -> Place {
        if self.text.is_empty() {
            return Place::new(&self.path, 0, 0);
        }
        let before = &self.text[..self.text.floor_char_boundary(byte)];
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
