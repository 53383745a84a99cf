//! The comment line of a frame: `key=value` pairs and what they say of the frame.

use super::columns::{Columns, logical, properties};
use crate::build::frame::Frame;
use crate::build::text::{Lines, real, words};
use crate::error::Result;
use crate::geometry::Vec3;
use std::io::BufRead;

/// What a comment line without `Properties` stands for.
const PLAIN: &str = "species:S:1:pos:R:3";

/// Keys that other programs have for a cell or its boundaries.
const NOT_READ: [&str; 8] =
    ["cell", "box", "boxsize", "box_size", "unitcell", "unit_cell", "periodic", "boundary"];

/// Keys that name a unit of length, and its names that are Å.
const UNITS: [&str; 4] = ["units", "unit", "length_unit", "unit_length"];
const ANGSTROM: [&str; 6] = ["angstrom", "angstroms", "ang", "a", "å", "metal"];

/// A frame without atoms, and the columns to come.
pub fn header<R: BufRead>(lines: &Lines<R>) -> Result<(Frame, Columns)> {
    let mut frame = Frame::default();
    let mut columns = None;
    let (mut periodic, mut origin) = (None, None);
    let twice = |key: &str, column| lines.error(column, format!("{key} is given twice"));
    for Pair { key, value, column } in pairs_or_plain(lines)? {
        match key.to_ascii_lowercase().as_str() {
            "lattice" if frame.lattice.is_some() => return Err(twice("Lattice", column)),
            "lattice" => frame.lattice = Some(lattice(lines, &value, column)?),
            "origin" if origin.is_some() => return Err(twice("Origin", column)),
            "origin" => origin = Some(vector(lines, &value, column)?),
            "pbc" if periodic.is_some() => return Err(twice("pbc", column)),
            "pbc" => periodic = Some(flags(lines, &value, column)?),
            "properties" if columns.is_some() => return Err(twice("Properties", column)),
            "properties" => columns = Some(properties(lines, &value, column)?),
            _ => frame.info.push((key, value)),
        }
    }
    // A cell of zeros is how some writers say that there is none.
    let none = frame.lattice == Some([[0.0; 3]; 3]);
    frame.lattice = frame.lattice.filter(|_| !none);
    frame.origin = origin.unwrap_or_default();
    frame.periodic = periodic.unwrap_or([frame.lattice.is_some(); 3]);
    if frame.lattice.is_none() {
        let other = frame.info.iter().find(|(key, value)| {
            value != "T" && NOT_READ.contains(&key.to_ascii_lowercase().as_str())
        });
        frame.warnings.extend(other.map(|(key, _)| {
            format!(
                "the comment line has `{key}`, which is not read: a cell stands as \
                 Lattice=\"ax ay az bx by bz cx cy cz\" (Å), its boundaries as pbc=\"T T F\""
            )
        }));
    }
    let other = frame.info.iter().find(|(key, value)| {
        UNITS.contains(&key.to_ascii_lowercase().as_str())
            && value != "T"
            && !ANGSTROM.contains(&value.to_lowercase().as_str())
    });
    frame.warnings.extend(other.map(|(key, value)| {
        format!("the comment line has `{key}={value}`, which is not read: lengths are taken as Å")
    }));
    let columns = match columns {
        Some(columns) => columns,
        None => properties(lines, PLAIN, 1)?.unnamed(),
    };
    Ok((frame, columns))
}

/// The pairs of the line; none where it is a plain text.
fn pairs_or_plain<R: BufRead>(lines: &Lines<R>) -> Result<Vec<Pair>> {
    let text = lines.text().to_ascii_lowercase();
    let said = ["properties=", "lattice=", "pbc="].iter().any(|key| text.contains(key));
    match pairs(lines) {
        // A plain XYZ may say anything here.
        Err(_) if !said => Ok(Vec::new()),
        pairs => pairs,
    }
}

struct Pair {
    key: String,
    value: String,
    /// Where the value begins.
    column: usize,
}

/// `key=value` pairs; a value may stand in quotes or brackets, a key without one is true.
fn pairs<R: BufRead>(lines: &Lines<R>) -> Result<Vec<Pair>> {
    let text = lines.text();
    let blank = |at: usize| at + text[at..].len() - text[at..].trim_start().len();
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        at = blank(at);
        if at == text.len() {
            return Ok(pairs);
        }
        let (key, after) = quoted(lines, at, &['='])?;
        at = blank(after);
        if !text[at..].starts_with('=') {
            pairs.push(Pair { key, value: "T".into(), column: after + 1 });
            continue;
        }
        let begin = blank(at + 1);
        let (value, after) = quoted(lines, begin, &[])?;
        pairs.push(Pair { key, value, column: begin + 1 });
        at = after;
    }
}

/// The text that begins at byte `at`: in quotes, in brackets, or up to white
/// space or one of `stops`; and the byte after it.
fn quoted<R: BufRead>(lines: &Lines<R>, at: usize, stops: &[char]) -> Result<(String, usize)> {
    let rest = &lines.text()[at..];
    let close = match rest.chars().next() {
        Some('"') => '"',
        Some('\'') => '\'',
        Some('{') => '}',
        Some('[') => ']',
        _ => {
            let end =
                rest.find(|c: char| c.is_whitespace() || stops.contains(&c)).unwrap_or(rest.len());
            return Ok((rest[..end].into(), at + end));
        }
    };
    // Lists in square brackets keep them: they may be nested and hold quotes.
    if close == ']' {
        let mut depth = 0;
        for (i, c) in rest.char_indices() {
            depth += (c == '[') as i32 - (c == ']') as i32;
            if depth == 0 {
                return Ok((rest[..=i].into(), at + i + 1));
            }
        }
    }
    let mut value = String::new();
    let mut escaped = false;
    for (i, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => {
                value.push(if c == 'n' { '\n' } else { c });
                escaped = false;
            }
            '\\' => escaped = true,
            _ if c == close => return Ok((value, at + i + 1)),
            _ => value.push(c),
        }
    }
    Err(lines.error(at + 1, format!("what begins here is not closed by {close}")))
}

/// Without the brackets and commas of lists.
fn bare(value: &str) -> String {
    value.replace(['[', ']', '{', '}', ','], " ")
}

fn numbers(value: &str) -> Option<Vec<f64>> {
    words(&bare(value)).map(|w| real(w.text)).collect()
}

/// Nine numbers, or the three lengths of an orthogonal cell.
fn lattice<R: BufRead>(lines: &Lines<R>, value: &str, column: usize) -> Result<[Vec3; 3]> {
    match numbers(value).as_deref() {
        Some(&[ax, ay, az, bx, by, bz, cx, cy, cz]) => {
            Ok([[ax, ay, az], [bx, by, bz], [cx, cy, cz]])
        }
        Some(&[a, b, c]) => Ok([[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]]),
        _ => Err(lines.error(column, format!("Lattice wants 9 numbers, not \"{value}\""))),
    }
}

fn vector<R: BufRead>(lines: &Lines<R>, value: &str, column: usize) -> Result<Vec3> {
    let vector = numbers(value).and_then(|v| v.try_into().ok());
    vector.ok_or_else(|| lines.error(column, format!("Origin wants 3 numbers, not \"{value}\"")))
}

/// Three flags, or one for all.
fn flags<R: BufRead>(lines: &Lines<R>, value: &str, column: usize) -> Result<[bool; 3]> {
    let values: Option<Vec<bool>> = words(&bare(value)).map(|w| logical(w.text)).collect();
    match values.as_deref() {
        Some(&[all]) => Ok([all; 3]),
        Some(&[x, y, z]) => Ok([x, y, z]),
        _ => Err(lines.error(column, format!("pbc wants three of T and F, not \"{value}\""))),
    }
}
