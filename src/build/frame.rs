//! A structure as a file holds it: what every reader gives and every writer takes.

use crate::geometry::Vec3;

/// No atom has crossed a boundary a million times.
pub const MOST_IMAGES: i32 = 1_000_000;

/// Atoms in the order of the file, with whatever else the file says about them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Frame {
    /// Rows are the cell vectors a, b, c in Å; `None` where the file knows no cell.
    pub lattice: Option<[Vec3; 3]>,
    /// Corner of the cell, Å.
    pub origin: Vec3,
    pub periodic: [bool; 3],
    /// Symbol of each atom.
    pub species: Vec<String>,
    /// Å
    pub positions: Vec<Vec3>,
    /// Å/ps
    pub velocities: Option<Vec<Vec3>>,
    /// How often each atom has crossed the ends of the cell along a, b and c.
    pub images: Option<Vec<[i32; 3]>>,
    /// Every other value per atom, in the order of the file.
    pub columns: Vec<Column>,
    /// Every other `key=value`, as raw text without its quotes, in the order of the file.
    pub info: Vec<(String, String)>,
    /// What the reader took another way than its writer may have meant, a line for each.
    pub warnings: Vec<String>,
}

/// A named value of each atom: `width` numbers or words, atom after atom.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: String,
    pub width: usize,
    pub values: Values,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    Real(Vec<f64>),
    Integer(Vec<i64>),
    Logical(Vec<bool>),
    Text(Vec<String>),
}

impl Frame {
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// The raw text of a key.
    pub fn info(&self, key: &str) -> Option<&str> {
        self.info.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// In any capitals, and with `-` or `_` between words.
    pub fn column(&self, name: &str) -> Option<&Column> {
        let plain = |name: &str| name.to_ascii_lowercase().replace('-', "_");
        let wanted = plain(name);
        self.columns.iter().find(|column| plain(&column.name) == wanted)
    }

    /// Of all other columns and keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let columns = self.columns.iter().map(|column| column.name.as_str());
        columns.chain(self.info.iter().map(|(key, _)| key.as_str()))
    }

    /// A column of one integer per atom.
    pub fn integers(&self, name: &str) -> Option<&[i64]> {
        match self.column(name)? {
            Column { width: 1, values: Values::Integer(v), .. } => Some(v),
            _ => None,
        }
    }

    /// Three columns of one number each, as `vx`, `vy` and `vz`, for every atom the three.
    pub fn joined(&self, names: [&str; 3]) -> Option<Vec<Vec3>> {
        let [x, y, z] = names.map(|name| self.column(name).and_then(Column::numbers));
        let rows = x?.into_iter().zip(y?).zip(z?);
        Some(rows.map(|((x, y), z)| [x, y, z]).collect())
    }

    /// Makes a column of whole numbers one of integers, however they are written.
    pub fn make_integers(&mut self, name: &str) {
        let whole = |x: &f64| x.fract() == 0.0 && x.abs() < 1e15;
        let numbers = self.column(name).and_then(Column::numbers);
        if let Some(numbers) = numbers.filter(|numbers| numbers.iter().all(whole)) {
            let name = self.column(name).map_or(String::new(), |column| column.name.clone());
            self.set_integers(&name, numbers.into_iter().map(|x| x as i64).collect());
        }
    }

    /// Puts a key, in place of an earlier one of the same name.
    pub fn set_info(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        match self.info.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => self.info.push((key.into(), value)),
        }
    }

    /// Puts a column of `width` numbers per atom, in place of an earlier one of the same name.
    pub fn set_reals(&mut self, name: &str, width: usize, values: Vec<f64>) {
        self.set_column(name, width, Values::Real(values));
    }

    /// Puts a column of one integer per atom, in place of an earlier one of the same name.
    pub fn set_integers(&mut self, name: &str, values: Vec<i64>) {
        self.set_column(name, 1, Values::Integer(values));
    }

    fn set_column(&mut self, name: &str, width: usize, values: Values) {
        debug_assert_eq!(values.len(), width * self.len(), "a value for every atom");
        let column = Column { name: name.into(), width, values };
        match self.columns.iter_mut().find(|c| c.name == name) {
            Some(old) => *old = column,
            None => self.columns.push(column),
        }
    }
}

impl Column {
    /// One number for each atom.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match &self.values {
            _ if self.width != 1 => None,
            Values::Real(v) => Some(v.clone()),
            Values::Integer(v) => Some(v.iter().map(|&n| n as f64).collect()),
            _ => None,
        }
    }
}

impl Values {
    /// The letter that extended XYZ has for it.
    pub fn kind(&self) -> char {
        match self {
            Values::Real(_) => 'R',
            Values::Integer(_) => 'I',
            Values::Logical(_) => 'L',
            Values::Text(_) => 'S',
        }
    }

    pub fn len(&self) -> usize {
        match self {
            Values::Real(v) => v.len(),
            Values::Integer(v) => v.len(),
            Values::Logical(v) => v.len(),
            Values::Text(v) => v.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
