//! What the frames of a trajectory hold, and how exactly.
//!
//! As a rule they hold the bits of the run. For looking at, positions to 1e-3 Å are enough:
//! rounded to a power of two, as f32 and compressed they take a tenth of the room. Checkpoints
//! are always exact.

use crate::input::{AtomColumn, OutputConfig};
use serde::{Deserialize, Serialize};

/// What frames hold besides positions, ids and species.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    pub velocities: bool,
    pub forces: bool,
    pub energies: bool,
    pub columns: Columns,
    pub form: Form,
}

/// Which of `AtomColumn::ALL` there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns([bool; AtomColumn::ALL.len()]);

impl Columns {
    pub const NONE: Columns = Columns([false; AtomColumn::ALL.len()]);

    pub fn of(wanted: impl Fn(AtomColumn) -> bool) -> Columns {
        Columns(AtomColumn::ALL.map(wanted))
    }

    pub fn iter(self) -> impl Iterator<Item = AtomColumn> {
        AtomColumn::ALL
            .into_iter()
            .zip(self.0)
            .filter_map(|(column, there)| there.then_some(column))
    }
}

/// How the numbers of the atoms stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Positions are multiples of 2^-bits Å, velocities of 2^-bits Å/ps, and all real numbers
    /// are f32; none: f64 as in the run.
    pub bits: Option<u8>,
    pub compressed: bool,
}

/// Bytes that a small integer of an atom takes in a compressed column.
const COMPRESSED_COLUMN: f64 = 0.4;

impl Content {
    /// Positions, and velocities or not, as they are.
    pub const fn bare(velocities: bool) -> Content {
        let (forces, energies, columns) = (false, false, Columns::NONE);
        Content { velocities, forces, energies, columns, form: Form::EXACT }
    }

    /// What an input asks for.
    pub fn of(output: &OutputConfig) -> Content {
        let bits = output.position_tolerance_angstrom.map(bits);
        Content {
            velocities: output.holds_velocities(),
            forces: output.forces,
            energies: output.energies,
            columns: Columns::of(|column| output.columns.contains(&column)),
            form: Form { bits, compressed: output.is_compressed() },
        }
    }

    /// Bytes of a frame for each atom: exact where nothing is compressed; else as measured on
    /// hot particles of 100 Å, good to some tenths.
    pub fn bytes_per_atom(&self) -> f64 {
        let Content { velocities, forces, energies, columns, form } = *self;
        let (position, velocity, other, numbers) = match (form.bits, form.compressed) {
            (None, false) => (24.0, 24.0, 8.0, 12.0),
            (None, true) => (20.5, 22.0, 7.5, 0.2),
            (Some(_), false) => (12.0, 12.0, 4.0, 12.0),
            (Some(bits), true) => {
                let more = 3.0 / 8.0 * (bits as f64 - 9.0);
                (4.9 + more, 4.9 + more, 3.4, 0.2)
            }
        };
        let integer = if form.compressed { COMPRESSED_COLUMN } else { size_of::<i32>() as f64 };
        let number = |column: AtomColumn| if column.is_real() { other } else { integer };
        let column = |column: AtomColumn| column.width() as f64 * number(column);
        let velocity = if velocities { velocity } else { 0.0 };
        let force = if forces { 3.0 * other } else { 0.0 };
        position
            + velocity
            + force
            + if energies { other } else { 0.0 }
            + numbers
            + columns.iter().map(column).sum::<f64>()
    }
}

impl Form {
    /// The bits of the run.
    pub const EXACT: Form = Form { bits: None, compressed: false };

    /// What positions (Å) and velocities (Å/ps) are multiples of; none: they are exact.
    pub fn quantum(&self) -> Option<f64> {
        self.bits.map(|bits| libm::ldexp(1.0, -(bits as i32)))
    }

    /// What is said of it.
    pub fn words(&self) -> Vec<String> {
        let mut words = vec![match self.quantum() {
            None => "exact (f64)".to_string(),
            Some(quantum) => format!("positions to {:.1e} Å (f32)", quantum / 2.0),
        }];
        words.extend(self.compressed.then(|| "compressed".to_string()));
        words
    }
}

/// As people read it.
impl std::fmt::Display for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let optional =
            [(self.velocities, "velocities"), (self.forces, "forces"), (self.energies, "energies")];
        let there = optional.into_iter().filter_map(|(there, name)| there.then_some(name));
        let columns = self.columns.iter().map(AtomColumn::name);
        let holds: Vec<&str> = std::iter::once("positions").chain(there).chain(columns).collect();
        write!(f, "{}; {}", holds.join(", "), self.form.words().join(", "))
    }
}

/// The fewest bits after the point that keep positions within `tolerance` when they are
/// rounded to the nearest.
fn bits(tolerance: f64) -> u8 {
    (0..30).find(|&bits| libm::ldexp(0.5, -(bits as i32)) <= tolerance).unwrap_or(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_rounded_as_coarsely_as_the_tolerance_allows() {
        assert_eq!([0.5, 0.1, 0.01, 0.001, 0.0005].map(bits), [0, 3, 6, 9, 10]);
        let form = |bits| Form { bits, compressed: true };
        assert_eq!(form(Some(9)).quantum(), Some(1.0 / 512.0));
        assert_eq!(form(None).quantum(), None);
    }

    #[test]
    fn content_is_told_in_words() {
        let exact = Content { energies: true, ..Content::bare(true) };
        assert_eq!(exact.to_string(), "positions, velocities, energies; exact (f64)");
        assert_eq!(exact.bytes_per_atom(), 24.0 + 24.0 + 8.0 + 8.0 + 4.0);
        let form = Form { bits: Some(9), compressed: true };
        let small = Content { form, ..Content::bare(false) };
        assert_eq!(small.to_string(), "positions; positions to 9.8e-4 Å (f32), compressed");
        assert!(small.bytes_per_atom() < 6.0);
        let columns = Columns::of(|column| {
            matches!(column, AtomColumn::Structure | AtomColumn::Coordination)
        });
        let told = Content { columns, ..Content::bare(false) };
        assert_eq!(told.to_string(), "positions, structure, coordination; exact (f64)");
        assert_eq!(told.bytes_per_atom(), 24.0 + 12.0 + 8.0);
    }
}
