//! What observers hand on: named columns of plain values, ready for a file or a
//! table. A column names its unit and its definition, so that a file that holds
//! it explains itself.

use serde::{Deserialize, Serialize};

/// The values of a column, row-major in its shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Values {
    Real(Vec<f64>),
    Integer(Vec<i64>),
    /// Names; a file keeps so much of each (`write::hdf5::Text`).
    Text(Vec<String>),
}

impl Values {
    pub fn len(&self) -> usize {
        match self {
            Values::Real(values) => values.len(),
            Values::Integer(values) => values.len(),
            Values::Text(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One quantity at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub name: &'static str,
    /// As in the trajectory file (`Angstrom`, `ps`, `eV`, `K`, `GPa`); `1` for pure numbers and names.
    pub unit: &'static str,
    /// One sentence: what the number means.
    pub definition: &'static str,
    /// `[]` for a scalar, `[particles]`, `[particles, 3]`, ...
    pub shape: Vec<usize>,
    pub values: Values,
}

impl Column {
    pub fn real(
        name: &'static str,
        unit: &'static str,
        definition: &'static str,
        value: f64,
    ) -> Column {
        Column { name, unit, definition, shape: vec![], values: Values::Real(vec![value]) }
    }

    pub fn text(name: &'static str, definition: &'static str, value: &str) -> Column {
        let values = Values::Text(vec![value.to_string()]);
        Column { name, unit: "1", definition, shape: vec![], values }
    }

    pub fn count(name: &'static str, definition: &'static str, value: i64) -> Column {
        Column { name, unit: "1", definition, shape: vec![], values: Values::Integer(vec![value]) }
    }
}

/// The columns that belong together under one group of the trajectory file. Name,
/// order, type and shape of the columns of a group stay the same through a run; but rows of pairs
/// grow as pairs are found.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// `/sinter/thermo`, `/sinter/particles` or `/sinter/pairs`.
    pub path: &'static str,
    pub columns: Vec<Column>,
}

impl Series {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// Everything measured at one time, the same on every rank.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub step: u64,
    pub time_ps: f64,
    pub series: Vec<Series>,
}

impl Record {
    pub fn series(&self, path: &str) -> Option<&Series> {
        self.series.iter().find(|series| series.path == path)
    }
}
