//! What stands before the first section: title, numbers of things, the box; and the headers
//! of sections.

use super::{not_a, number, without_comment};
use crate::build::text::{Lines, Word, real, words};
use crate::error::Result;
use crate::geometry::{Vec3, sub};
use std::io::BufRead;

/// The corner and the vectors of the box as they are gathered.
#[derive(Default)]
pub struct Header {
    atoms: Option<usize>,
    /// Number of atom types.
    pub types: Option<usize>,
    low: Vec3,
    high: Vec3,
    known: [bool; 3],
    /// xy, xz, yz
    tilt: Vec3,
    /// Of a box by its vectors (`avec`, `bvec`, `cvec`, `abc origin`).
    vectors: [Option<Vec3>; 4],
    /// What a velocity of the file is multiplied by to be in Å/ps.
    pub velocity: f64,
    pub warnings: Vec<String>,
}

impl Header {
    /// `write_data` puts the units into the title.
    pub fn of_title<R: BufRead>(lines: &Lines<R>) -> Result<Header> {
        let mut header = Header { velocity: 1.0, ..Header::default() };
        let title = lines.text().to_ascii_lowercase();
        let said = title.split_once("units").map(|(_, rest)| rest.trim_start());
        let named = said.and_then(|rest| rest.strip_prefix('=')).unwrap_or_default();
        let name = named.split([',', ' ', '\t']).find(|word| !word.is_empty()).unwrap_or("metal");
        match name {
            "metal" => {}
            "real" => {
                header.velocity = 1e3;
                header.warnings.push(
                    "the title says units = real: velocities are taken as Å/fs, lengths and masses \
                     are the same as in metal"
                        .into(),
                );
            }
            _ => {
                let message = format!(
                    "the title says units = {name}: only metal (Å, Å/ps, g/mol) and real are read"
                );
                return Err(lines.error(1, message));
            }
        }
        Ok(header)
    }

    /// Goes on to the header of the first section.
    pub fn read<R: BufRead>(&mut self, lines: &mut Lines<R>) -> Result<Option<Section>> {
        while lines.advance()? {
            if let Some(section) = Section::here(lines) {
                return Ok(Some(section));
            }
            self.line(lines)?;
        }
        Ok(None)
    }

    fn line<R: BufRead>(&mut self, lines: &Lines<R>) -> Result<()> {
        let all: Vec<Word> = words(without_comment(lines.text()).0).collect();
        let names: Vec<&str> =
            all.iter().map(|w| w.text).skip_while(|w| real(w).is_some()).collect();
        let count = |word: &Word| {
            word.text.parse::<usize>().map_err(|_| not_a(lines, *word, "a whole number"))
        };
        let three = || {
            Ok([
                number(lines, all.first())?,
                number(lines, all.get(1))?,
                number(lines, all.get(2))?,
            ])
        };
        match names[..] {
            ["atoms"] => self.atoms = all.first().map(count).transpose()?,
            ["atom", "types"] => self.types = all.first().map(count).transpose()?,
            [what @ ("bonds" | "angles" | "dihedrals" | "impropers")]
                if all.first().is_some_and(|w| real(w.text) != Some(0.0)) =>
            {
                self.warnings.push(format!("the file has {what}: they are passed over"));
            }
            ["xlo", "xhi"] | ["ylo", "yhi"] | ["zlo", "zhi"] => {
                let d = (names[0].as_bytes()[0] - b'x') as usize;
                self.low[d] = number(lines, all.first())?;
                self.high[d] = number(lines, all.get(1))?;
                self.known[d] = true;
                if self.high[d] <= self.low[d] {
                    let column = all.first().map_or(1, |word| word.column);
                    return Err(lines.error(column, "the box has no extent here"));
                }
            }
            ["xy", "xz", "yz"] => self.tilt = three()?,
            ["avec"] => self.vectors[0] = Some(three()?),
            ["bvec"] => self.vectors[1] = Some(three()?),
            ["cvec"] => self.vectors[2] = Some(three()?),
            ["abc", "origin"] => self.vectors[3] = Some(three()?),
            _ => {}
        }
        Ok(())
    }

    pub fn atoms<R: BufRead>(&self, lines: &Lines<R>) -> Result<usize> {
        self.atoms.ok_or_else(|| {
            let message = "the header does not say how many `atoms` (the first line is a title)";
            lines.error(1, message)
        })
    }

    /// The vectors of the box and its corner.
    pub fn cell<R: BufRead>(&self, lines: &Lines<R>) -> Result<([Vec3; 3], Vec3)> {
        self.atoms(lines)?;
        if let [Some(a), Some(b), Some(c), origin] = self.vectors {
            return Ok(([a, b, c], origin.unwrap_or_default()));
        }
        if let Some(d) = self.known.iter().position(|known| !known) {
            let name = ["xlo xhi", "ylo yhi", "zlo zhi"][d];
            return Err(lines.error(1, format!("the header gives no box: `{name}` is missing")));
        }
        let [x, y, z] = sub(self.high, self.low);
        let [xy, xz, yz] = self.tilt;
        Ok(([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]], self.low))
    }
}

pub struct Section {
    pub name: String,
    /// What stands behind `#`.
    pub hint: String,
}

impl Section {
    /// The header that is on this line.
    fn here<R: BufRead>(lines: &Lines<R>) -> Option<Section> {
        let (text, hint) = without_comment(lines.text());
        let text = text.trim();
        let is_name = text.starts_with(|c: char| c.is_alphabetic());
        is_name.then(|| Section { name: text.into(), hint: hint.trim().into() })
    }

    /// Goes on to the next one. After a section of which all lines were read (its name and
    /// their number) there may be no others.
    pub fn after<R: BufRead>(
        lines: &mut Lines<R>,
        whole: Option<(&str, usize)>,
    ) -> Result<Option<Section>> {
        while lines.advance()? {
            if let Some(section) = Section::here(lines) {
                return Ok(Some(section));
            }
            let blank = without_comment(lines.text()).0.trim().is_empty();
            if let (Some((name, count)), false) = (whole, blank) {
                let message = format!(
                    "one line more: the section `{name}` should have {count}, as the header says"
                );
                return Err(lines.error(1, message));
            }
        }
        Ok(None)
    }

    /// Goes to the next of its lines that holds anything.
    pub fn entry<R: BufRead>(&self, lines: &mut Lines<R>, done: usize, count: usize) -> Result<()> {
        while lines.advance()? {
            if !without_comment(lines.text()).0.trim().is_empty() {
                return Ok(());
            }
        }
        Err(lines.error(
            1,
            format!(
                "the file ends within the section `{}`: {done} of {count} lines are there; it was \
                 probably cut short",
                self.name
            ),
        ))
    }
}
