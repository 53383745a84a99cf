//! The columns of a frame: which there are, what becomes of each, and the lines of atoms.

use crate::build::frame::{Column, Frame, MOST_IMAGES, Values};
use crate::build::species::MASSES;
use crate::build::text::{Lines, Word, number, real, words};
use crate::elements::{atomic_weight, symbol};
use crate::error::{Error, Result};
use crate::geometry::{Vec3, scale};
use crate::units::ASE_VELOCITY;
use std::io::BufRead;

/// Names (in any capitals) of what is looked for; the first that is there counts.
const SPECIES: [&str; 12] = [
    "species",
    "element",
    "elements",
    "symbol",
    "symbols",
    "z",
    "numbers",
    "atomic_number",
    "atomic_numbers",
    "type",
    "types",
    "atom_type",
];
/// Of these, which hold atomic numbers.
const ATOMIC_NUMBERS: [&str; 4] = ["z", "numbers", "atomic_number", "atomic_numbers"];
const POSITIONS: [&str; 4] = ["pos", "position", "positions", "coordinates"];
const VELOCITIES: [&str; 5] = ["velo", "vel", "velocities", "velocity", "momenta"];

/// Columns of how often an atom has crossed the ends of the cell.
const IMAGES: [&str; 4] = ["image", "images", "image_flags", "periodic_image"];

/// Velocities that differ by less, in Å/ps or relatively, are the same.
const SAME_VELOCITY: f64 = 1e-3;

/// What becomes of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Species,
    Position,
    Velocity,
    Other,
}

/// A column while its values are read.
struct Builder {
    role: Role,
    column: Column,
}

/// The columns of a frame while its atoms are read.
pub struct Columns {
    all: Vec<Builder>,
    /// Whether the file names them itself.
    named: bool,
}

/// The columns that `Properties` names.
pub fn properties<R: BufRead>(lines: &Lines<R>, value: &str, column: usize) -> Result<Columns> {
    let bad = |message: String| lines.error(column, message);
    let fields: Vec<&str> = value.split(':').collect();
    if !fields.len().is_multiple_of(3) {
        return Err(bad(format!(
            "Properties wants name:kind:width for each column, not \"{value}\""
        )));
    }
    let mut all: Vec<Builder> = Vec::new();
    for field in fields.chunks_exact(3) {
        let [name, kind, width] = [field[0], field[1], field[2]];
        let width = width.parse().ok().filter(|&w| w > 0).ok_or_else(|| {
            bad(format!("the width of the column {name} must be 1 or more, not \"{width}\""))
        })?;
        let values = match kind {
            "R" | "r" => Values::Real(Vec::new()),
            "I" | "i" => Values::Integer(Vec::new()),
            "L" | "l" => Values::Logical(Vec::new()),
            "S" | "s" => Values::Text(Vec::new()),
            _ => {
                return Err(bad(format!(
                    "the kind of the column {name} must be S, R, I or L, not \"{kind}\""
                )));
            }
        };
        if all.iter().any(|c| c.column.name == name) {
            return Err(bad(format!("the column {name} stands twice in Properties")));
        }
        let column = Column { name: name.into(), width, values };
        all.push(Builder { role: Role::Other, column });
    }
    for (role, names) in [
        (Role::Species, &SPECIES[..]),
        (Role::Position, &POSITIONS[..]),
        (Role::Velocity, &VELOCITIES[..]),
    ] {
        let place = |name: &&str| all.iter().position(|c| c.column.name.eq_ignore_ascii_case(name));
        match names.iter().find_map(place) {
            Some(k) => all[k].take(role).map_err(bad)?,
            None if role == Role::Velocity => {}
            None => return Err(bad(format!("Properties must name the column {}", names[0]))),
        }
    }
    Ok(Columns { all, named: true })
}

impl Builder {
    /// Takes this column for what its name says; an error in words where it cannot be that.
    fn take(&mut self, role: Role) -> std::result::Result<(), String> {
        let Column { name, width, values } = &mut self.column;
        let (kind, wanted_width) = if role == Role::Species { ("S", 1) } else { ("R", 3) };
        match (role, &*values) {
            (Role::Species, Values::Text(_))
            | (Role::Position | Role::Velocity, Values::Real(_)) => {}
            // Numbers name species, too, and whole numbers are numbers.
            (Role::Species, Values::Integer(_)) => *values = Values::Text(Vec::new()),
            (_, Values::Integer(_)) => *values = Values::Real(Vec::new()),
            (_, other) => {
                let found = other.kind();
                return Err(format!("the column {name} must be of kind {kind}, not {found}"));
            }
        }
        if *width != wanted_width {
            return Err(format!("the column {name} must have width {wanted_width}, not {width}"));
        }
        self.role = role;
        Ok(())
    }

    fn push(&mut self, word: Word) -> Option<()> {
        match &mut self.column.values {
            // What nobody needs may be not a number.
            Values::Real(v) if self.role == Role::Other => v.push(number(word.text)?),
            Values::Real(v) => v.push(real(word.text)?),
            Values::Integer(v) => v.push(word.text.parse().ok()?),
            Values::Logical(v) => v.push(logical(word.text)?),
            Values::Text(v) => v.push(word.text.into()),
        }
        Some(())
    }
}

impl Columns {
    /// The same where the file did not name them.
    pub fn unnamed(self) -> Columns {
        Columns { named: false, ..self }
    }

    /// Reads the line of one atom.
    pub fn atom<R: BufRead>(&mut self, lines: &Lines<R>) -> Result<()> {
        let mut all = words(lines.text());
        let commas = if lines.text().contains(',') {
            "; columns are divided by white space alone, and decimals begin with a point"
        } else {
            ""
        };
        for builder in &mut self.all {
            for _ in 0..builder.column.width {
                let name = &builder.column.name;
                let Some(word) = all.next() else {
                    return Err(lines.error(
                        lines.text().len() + 1,
                        format!("the line ends where the column {name} is wanted{commas}"),
                    ));
                };
                if builder.push(word).is_none() {
                    return Err(unfit(lines, builder, word, commas));
                }
            }
        }
        let advice = if self.named {
            ""
        } else {
            ": the comment line names columns, as Properties=species:S:1:pos:R:3:velo:R:3"
        };
        match all.next() {
            None => Ok(()),
            Some(word) => Err(lines.error(
                word.column,
                format!("\"{}\" is more than the columns of this frame{advice}", word.text),
            )),
        }
    }

    /// Puts what was read into the frame.
    ///
    /// # Errors
    /// In words: a number that is that of no element.
    pub fn store(self, frame: &mut Frame) -> std::result::Result<(), String> {
        let mut moving = None;
        for Builder { role, column } in self.all {
            match role {
                Role::Species => frame.species = names(column)?,
                Role::Position => frame.positions = vectors(column.values),
                Role::Velocity => moving = Some(column),
                Role::Other => frame.columns.push(column),
            }
        }
        match moving {
            Some(column) => velocities(frame, column),
            None => components(frame),
        }
        images(frame);
        contradictions(frame);
        Ok(())
    }
}

fn unfit<R: BufRead>(lines: &Lines<R>, builder: &Builder, word: Word, commas: &str) -> Error {
    let wanted = match builder.column.values {
        Values::Real(_) if builder.role == Role::Other => "a number",
        Values::Real(_) => "a finite number",
        Values::Integer(_) => "an integer",
        _ => "T or F",
    };
    let name = &builder.column.name;
    lines.error(
        word.column,
        format!("the column {name} wants {wanted}, not \"{}\"{commas}", word.text),
    )
}

fn vectors(values: Values) -> Vec<Vec3> {
    match values {
        Values::Real(v) => v.as_chunks::<3>().0.to_vec(),
        _ => unreachable!("the header made it a column of reals"),
    }
}

fn names(column: Column) -> std::result::Result<Vec<String>, String> {
    let Values::Text(names) = column.values else {
        unreachable!("the header made it a column of texts")
    };
    if !ATOMIC_NUMBERS.contains(&column.name.to_ascii_lowercase().as_str()) {
        return Ok(names);
    }
    let element = |number: &String| {
        let symbol = number.parse().ok().and_then(symbol);
        symbol.map(String::from).ok_or_else(|| {
            format!("{number} in the column {} is no atomic number of an element", column.name)
        })
    };
    names.iter().map(element).collect()
}

/// Takes a column for the velocities, as its name says.
fn velocities(frame: &mut Frame, column: Column) {
    frame.velocities = in_angstrom_per_ps(frame, &column);
    match column.name.to_ascii_lowercase().as_str() {
        "velo" => {}
        "vel" => {
            let message =
                "the column `vel` is taken as velocities in Å/ps (`velo` says so for certain)";
            frame.warnings.push(message.into());
        }
        "momenta" => {
            if frame.velocities.is_none() {
                let message =
                    "the momenta of the file are not taken: not all of its atoms have a mass";
                frame.warnings.push(message.into());
            }
            // It stays: it is ASE's own.
            frame.columns.push(column);
        }
        _ => frame.warnings.push(format!(
            "the column `{}` is taken as ASE's velocities, of which 1 is {ASE_VELOCITY:.4} Å/ps \
             (call it `velo` where it is in Å/ps)",
            column.name
        )),
    }
}

/// Takes `vx`, `vy` and `vz` for the velocities; tells what may be some and has another name.
fn components(frame: &mut Frame) {
    let joined = frame.joined(["vx", "vy", "vz"]);
    if let Some(velocities) = joined.filter(|all| all.iter().flatten().all(|x| x.is_finite())) {
        frame.velocities = Some(velocities);
        frame.columns.retain(|column| {
            !["vx", "vy", "vz"].iter().any(|name| column.name.eq_ignore_ascii_case(name))
        });
        let message = "the columns `vx`, `vy` and `vz` are taken as velocities in Å/ps";
        frame.warnings.push(message.into());
        return;
    }
    let moving = |column: &&Column| {
        let name = column.name.to_ascii_lowercase();
        ["veloc", "momenta", "momentum"].iter().any(|part| name.contains(part))
            || ["vx", "vy", "vz"].contains(&&*name)
    };
    let told = frame.columns.iter().find(moving).map(|column| {
        format!(
            "the column `{}` is not read: velocities are `velo:R:3` (Å/ps) or as ASE writes them",
            column.name
        )
    });
    frame.warnings.extend(told);
}

/// Takes a column for the image flags.
fn images(frame: &mut Frame) {
    let flags = |name: &&str| match frame.column(name)? {
        Column { width: 3, values: Values::Integer(v), .. } => v
            .as_chunks::<3>()
            .0
            .iter()
            .map(|flags| {
                let [x, y, z] =
                    flags.map(|n| i32::try_from(n).ok().filter(|n| n.abs() <= MOST_IMAGES));
                Some([x?, y?, z?])
            })
            .collect::<Option<Vec<[i32; 3]>>>(),
        _ => None,
    };
    frame.images = IMAGES.iter().find_map(flags);
}

/// The velocities (Å/ps) of a column of one of their names. Momenta are as ASE writes them,
/// in g/mol times its unit of velocity, over `masses`, or else the standard weights that ASE
/// takes, too; `None` where an atom has no mass.
fn in_angstrom_per_ps(frame: &Frame, column: &Column) -> Option<Vec<Vec3>> {
    let given = vectors(column.values.clone());
    let masses = MASSES.iter().find_map(|name| frame.column(name)?.numbers());
    let factor = |i: usize| match column.name.to_ascii_lowercase().as_str() {
        "velo" | "vel" => Some(1.0),
        "momenta" => {
            let mass = match &masses {
                Some(masses) => masses.get(i).copied(),
                None => atomic_weight(&frame.species[i]),
            };
            Some(ASE_VELOCITY / mass.filter(|m| m.is_finite() && *m > 0.0)?)
        }
        _ => Some(ASE_VELOCITY),
    };
    given.into_iter().enumerate().map(|(i, v)| Some(scale(v, factor(i)?))).collect()
}

/// Columns of velocities that are not those which count.
fn other_velocities(frame: &Frame) -> Vec<String> {
    let Some(counting) = &frame.velocities else { return Vec::new() };
    let named = |c: &&Column| VELOCITIES.iter().any(|name| c.name.eq_ignore_ascii_case(name));
    let vectors = |c: &&Column| c.width == 3 && matches!(c.values, Values::Real(_));
    let mut told = Vec::new();
    for column in frame.columns.iter().filter(named).filter(vectors) {
        let Some(others) = in_angstrom_per_ps(frame, column) else { continue };
        let far = |(v, w): (&Vec3, &Vec3)| {
            (0..3).any(|d| (v[d] - w[d]).abs() > SAME_VELOCITY * (1.0 + v[d].abs()))
        };
        if let Some(atom) = counting.iter().zip(&others).position(far) {
            told.push(format!(
                "the column `{}` has other velocities than the one that counts: atom {atom} (counted \
                 from 0) would have {:.4?} Å/ps, and has {:.4?}",
                column.name, others[atom], counting[atom]
            ));
        }
    }
    told
}

/// Two columns that say different elements or velocities; atoms that are to stay where they are.
fn contradictions(frame: &mut Frame) {
    let number = frame
        .columns
        .iter()
        .find(|c| c.width == 1 && ATOMIC_NUMBERS.contains(&c.name.to_ascii_lowercase().as_str()));
    let differs = number.and_then(|Column { name, values, .. }| match values {
        Values::Integer(numbers) => {
            let mut both = numbers.iter().zip(&frame.species);
            let place = both.position(|(&z, species)| {
                symbol(z).is_some_and(|symbol| !symbol.eq_ignore_ascii_case(species))
                    && atomic_weight(species).is_some()
            })?;
            Some(format!(
                "atom {place} (counted from 0) is {} by its species and {} by the column {name}: \
                 the species counts",
                frame.species[place],
                symbol(numbers[place]).unwrap_or_default()
            ))
        }
        _ => None,
    });
    frame.warnings.extend(differs);
    let others = other_velocities(frame);
    frame.warnings.extend(others);
    let held = frame.column("move_mask").is_some_and(|c| match &c.values {
        Values::Logical(moves) => moves.contains(&false),
        Values::Integer(moves) => moves.contains(&0),
        _ => false,
    });
    if held {
        let message = "the file holds atoms fixed (`move_mask`): here all atoms move";
        frame.warnings.push(message.into());
    }
}

/// A flag, as Fortran, Python and C have it.
pub fn logical(word: &str) -> Option<bool> {
    match word {
        "T" | "t" | "True" | "true" | "TRUE" | "1" => Some(true),
        "F" | "f" | "False" | "false" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}
