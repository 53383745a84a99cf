//! Extended XYZ: any number of frames, each a line with the number of atoms, a
//! line of `key=value` pairs, and one line per atom.
//!
//! `Properties=species:S:1:pos:R:3:...` names the columns in any order (S text,
//! R real, I integer, L logical); species and positions are needed, others are kept as
//! they are. `Lattice="ax ay az bx by bz cx cy cz"` is the cell, `Origin` its corner,
//! `pbc` its periodic directions (all three where there is a cell and no `pbc`). A comment
//! line without `Properties` makes the frame a plain XYZ: symbol and position. Names of
//! keys and columns may have any capitals.
//! The format: <https://github.com/libAtoms/extxyz>.
//!
//! Velocities are those of `velo` (Å/ps), or else of `vel` (Å/ps), `velocities` (in ASE's
//! unit, √(eV/u) = 98.2269 Å/ps) or `momenta` (ASE's, √(u eV)).
//!
//! Numbers are written with as many digits as it takes to read the same bits back.

mod columns;
mod comment;
#[cfg(test)]
mod tests;
mod write;

pub use write::write;

use super::frame::Frame;
use super::text::{Lines, words};
use crate::error::Result;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The frames of a file, one after the other; ends after the first error.
pub struct Frames<R> {
    lines: Lines<R>,
    count: usize,
    failed: bool,
}

/// Opens a file for reading frame by frame.
pub fn open(path: &Path) -> Result<Frames<BufReader<File>>> {
    Ok(Frames { lines: Lines::open(path)?, count: 0, failed: false })
}

impl<R: BufRead> Frames<R> {
    /// `path` is for messages.
    pub fn new(path: &Path, input: R) -> Frames<R> {
        Frames { lines: Lines::new(path, input), count: 0, failed: false }
    }

    /// The next frame, or `None` after the last.
    fn read(&mut self) -> Result<Option<Frame>> {
        let lines = &mut self.lines;
        // Blank lines between frames and at the end are common and harmless.
        loop {
            if !lines.advance()? {
                return Ok(None);
            }
            if !lines.text().trim().is_empty() {
                break;
            }
        }
        let start = lines.number();
        let atoms = number_of_atoms(lines)?;
        let cut = |have: usize| {
            format!(
                "the file ends within frame {} (from line {start}): {have} of its {atoms} atoms are there; \
                 it was probably cut short",
                self.count
            )
        };
        if !lines.advance()? {
            return Err(lines.error(1, cut(0)));
        }
        let (mut frame, mut columns) = comment::header(lines)?;
        for have in 0..atoms {
            if !lines.advance()? {
                return Err(lines.error(1, cut(have)));
            }
            columns.atom(lines)?;
        }
        columns.store(&mut frame).map_err(|message| lines.error(1, message))?;
        self.count += 1;
        Ok(Some(frame))
    }
}

impl<R: BufRead> Iterator for Frames<R> {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Result<Frame>> {
        if self.failed {
            return None;
        }
        let frame = self.read().transpose();
        self.failed = matches!(frame, Some(Err(_)));
        frame
    }
}

fn number_of_atoms<R: BufRead>(lines: &Lines<R>) -> Result<usize> {
    let mut all = words(lines.text());
    let word = all.next().expect("the line is not blank");
    let count = word.text.parse().map_err(|_| {
        lines.error(
            word.column,
            format!("the number of atoms of a frame is wanted here, not \"{}\"", word.text),
        )
    })?;
    match all.next() {
        None => Ok(count),
        Some(extra) => Err(lines.error(
            extra.column,
            format!("only the number of atoms may stand on this line, not \"{}\"", extra.text),
        )),
    }
}
