//! LAMMPS data files: header, `Atom Type Labels`, `Masses`, `Atoms`, `Velocities`; other
//! sections are passed over. The style of the atoms stands behind the header, as in
//! `Atoms # full`; without it lines of 5 columns (8 with image flags) are taken as
//! `atomic`. Units are metal (velocities Å/ps) unless the title says `units = real` (Å/fs).
//! The format: <https://docs.lammps.org/read_data.html>.
//!
//! Atoms come in the order of the file, with columns `id` and, in molecular styles,
//! `molecule`; image flags are kept. The file does not say which directions are periodic:
//! all are, as LAMMPS has it unless told otherwise.

mod header;
mod kinds;
#[cfg(test)]
mod tests;

use super::frame::{Frame, MOST_IMAGES};
use super::text::{Lines, Word, real, words};
use crate::error::{Error, Result};
use crate::geometry::{Vec3, scale};
use header::{Header, Section};
use kinds::Kinds;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

/// Reads a file whose atom types 1, 2, ... are the elements `types`, where it has no labels
/// that say so. Where neither says what a type is, it may be an atomic number, as in files that
/// OVITO writes of a trajectory of ours, if none of them can be the number of one of so many
/// `elements`.
pub fn read(path: &Path, types: &[String], elements: usize) -> Result<Frame> {
    parse(Lines::open(path)?, types, elements)
}

/// Where the columns of a style of atoms stand, and how many there are.
struct Style {
    molecule: Option<usize>,
    kind: usize,
    position: usize,
    columns: usize,
}

const STYLES: &str = "atomic, charge, bond, angle, molecular, full, sphere and dipole";

fn style(name: &str) -> Option<Style> {
    let (molecule, kind, position, columns) = match name {
        "atomic" => (None, 1, 2, 5),
        "charge" => (None, 1, 3, 6),
        "molecular" | "bond" | "angle" => (Some(1), 2, 3, 6),
        "full" => (Some(1), 2, 4, 7),
        "sphere" => (None, 1, 4, 7),
        "dipole" => (None, 1, 3, 9),
        _ => return None,
    };
    Some(Style { molecule, kind, position, columns })
}

fn parse<R: BufRead>(mut lines: Lines<R>, types: &[String], elements: usize) -> Result<Frame> {
    // The first line is a title, whatever it says.
    lines.advance()?;
    let mut header = Header::of_title(&lines)?;
    let mut next = header.read(&mut lines)?;
    let (lattice, origin) = header.cell(&lines)?;
    let atoms = header.atoms(&lines)?;
    let mut frame =
        Frame { lattice: Some(lattice), origin, periodic: [true; 3], ..Frame::default() };
    frame.warnings.append(&mut header.warnings);
    let mut kinds = Kinds::new(types, header.types);
    let mut unnamed = None;
    let mut ids = Vec::new();
    while let Some(section) = next {
        let mut whole = None;
        match section.name.as_str() {
            "Atom Type Labels" => {
                kinds.read_labels(&mut lines, &section)?;
                whole = Some(kinds.count());
            }
            "Masses" => {
                kinds.read_masses(&mut lines, &section)?;
                whole = Some(kinds.count());
            }
            "Atoms" if !ids.is_empty() => {
                return Err(lines.error(1, "a second section `Atoms`"));
            }
            "Atoms" => {
                (ids, unnamed) = read_atoms(&mut lines, &section, atoms, &kinds, &mut frame)?;
                whole = Some(atoms);
            }
            "Velocities" if ids.len() != atoms => {
                let message =
                    "the section `Velocities` stands before `Atoms`: which atoms are these?";
                return Err(lines.error(1, message));
            }
            "Velocities" => {
                let velocities = read_velocities(&mut lines, &section, &ids)?;
                let unit = header.velocity;
                frame.velocities = Some(velocities.into_iter().map(|v| scale(v, unit)).collect());
                whole = Some(atoms);
            }
            _ => {}
        }
        next = Section::after(&mut lines, whole.map(|count| (section.name.as_str(), count)))?;
    }
    if ids.len() != atoms {
        return Err(
            lines.error(1, "the file ends without a section `Atoms`; it was probably cut short")
        );
    }
    kinds.finish(&lines, &mut frame.warnings)?;
    if let Some(error) = unnamed.filter(|_| !kinds.are_atomic_numbers(&frame.species, elements)) {
        return Err(error);
    }
    frame.set_integers("id", ids);
    Ok(frame)
}

/// The ids; and what is wrong with the first atom of a type that nothing names.
fn read_atoms<R: BufRead>(
    lines: &mut Lines<R>,
    section: &Section,
    count: usize,
    kinds: &Kinds,
    frame: &mut Frame,
) -> Result<(Vec<i64>, Option<Error>)> {
    // With KOKKOS the same columns have names of their own.
    let mut known = match section.hint.trim_end_matches("/kk") {
        "" => None,
        name => Some(style(name).ok_or_else(|| {
            lines.error(1, format!("atoms of style `{name}` are not understood, only {STYLES}"))
        })?),
    };
    let (mut ids, mut molecules, mut images) = (Vec::new(), Vec::new(), Vec::new());
    let mut places = HashMap::new();
    let mut unnamed = None;
    for _ in 0..count {
        section.entry(lines, ids.len(), count)?;
        let all: Vec<Word> = words(without_comment(lines.text()).0).collect();
        if known.is_none() {
            if !matches!(all.len(), 5 | 8) {
                let message =
                    "which columns are these? Write the style behind the header, as `Atoms # full`";
                return Err(lines.error(1, message));
            }
            known = style("atomic");
        }
        let Style { molecule, kind, position, columns } = known.as_ref().expect("set above");
        let flags = |d: usize| image(lines, all.get(columns + d));
        match all.len().checked_sub(*columns) {
            Some(0) => {}
            Some(3) => images.push([flags(0)?, flags(1)?, flags(2)?]),
            _ => {
                let style = if section.hint.is_empty() { "atomic" } else { &section.hint };
                let message = format!(
                    "a line of the style {style} has {columns} columns, or {} with image flags; here \
                     are {}",
                    columns + 3,
                    all.len()
                );
                return Err(lines.error(1, message));
            }
        }
        let id = integer(lines, all.first())?;
        if let Some(line) = places.insert(id, lines.number()) {
            let message = format!("the atom {id} stands on line {line} already");
            return Err(lines.error(1, message));
        }
        ids.push(id);
        if let Some(column) = molecule {
            molecules.push(integer(lines, all.get(*column))?);
        }
        let kind = *all.get(*kind).ok_or_else(|| too_short(lines))?;
        let symbol = kinds.symbol(lines, kind)?.unwrap_or_else(|| {
            unnamed.get_or_insert_with(|| kinds.unnamed(lines, kind));
            kind.text.into()
        });
        frame.species.push(symbol);
        let at = |d: usize| number(lines, all.get(position + d));
        frame.positions.push([at(0)?, at(1)?, at(2)?]);
    }
    if !molecules.is_empty() {
        frame.set_integers("molecule", molecules);
    }
    if !images.is_empty() && images.len() < count {
        return Err(lines.error(1, "image flags stand on some lines of `Atoms` and not on others"));
    }
    frame.images = (!images.is_empty()).then_some(images);
    Ok((ids, unnamed))
}

fn read_velocities<R: BufRead>(
    lines: &mut Lines<R>,
    section: &Section,
    ids: &[i64],
) -> Result<Vec<Vec3>> {
    let mut place: HashMap<i64, usize> = ids.iter().enumerate().map(|(i, &id)| (id, i)).collect();
    let mut velocities = vec![[0.0; 3]; ids.len()];
    for done in 0..ids.len() {
        section.entry(lines, done, ids.len())?;
        let all: Vec<Word> = words(without_comment(lines.text()).0).collect();
        let id = integer(lines, all.first())?;
        // Each once: as many lines as atoms, so all have theirs.
        let i = place.remove(&id).ok_or_else(|| {
            let known = ids.contains(&id);
            let message = match known {
                true => format!("the atom {id} has a velocity already"),
                false => format!("there is no atom {id}"),
            };
            lines.error(all[0].column, message)
        })?;
        let at = |d: usize| number(lines, all.get(1 + d));
        velocities[i] = [at(0)?, at(1)?, at(2)?];
    }
    Ok(velocities)
}

fn without_comment(line: &str) -> (&str, &str) {
    line.split_once('#').unwrap_or((line, ""))
}

fn number<R: BufRead>(lines: &Lines<R>, word: Option<&Word>) -> Result<f64> {
    let word = word.ok_or_else(|| too_short(lines))?;
    real(word.text).ok_or_else(|| not_a(lines, *word, "a finite number"))
}

fn integer<R: BufRead>(lines: &Lines<R>, word: Option<&Word>) -> Result<i64> {
    let word = word.ok_or_else(|| too_short(lines))?;
    word.text.parse().map_err(|_| not_a(lines, *word, "a whole number"))
}

fn image<R: BufRead>(lines: &Lines<R>, word: Option<&Word>) -> Result<i32> {
    let word = word.ok_or_else(|| too_short(lines))?;
    let flag =
        word.text.parse::<i32>().ok().filter(|flag| (-MOST_IMAGES..=MOST_IMAGES).contains(flag));
    flag.ok_or_else(|| not_a(lines, *word, "an image flag, a whole number,"))
}

fn not_a<R: BufRead>(lines: &Lines<R>, word: Word, wanted: &str) -> Error {
    lines.error(word.column, format!("{wanted} is wanted here, not \"{}\"", word.text))
}

fn too_short<R: BufRead>(lines: &Lines<R>) -> Error {
    lines.error(lines.text().len() + 1, "the line ends too early: columns are missing")
}
