//! LAMMPS data files in `units metal`: header, `Masses`, `Atoms`, `Velocities`
//! (Å/ps); other sections are passed over. The style of the atoms stands behind the
//! header, as in `Atoms # full`; without it lines of 5 columns (8 with image flags)
//! are taken as `atomic`. Boxes are orthogonal.
//! The format: <https://docs.lammps.org/read_data.html>.
//!
//! Atoms come in the order of the file, with columns `id` and, in molecular styles,
//! `particle` (the number of the molecule). Image flags shift nothing.

use super::frame::Frame;
use super::text::{Lines, Word, real, words};
use crate::error::{Error, Result};
use crate::geometry::Vec3;
use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

/// Reads a file whose atom types 1, 2, ... are the elements `types`.
pub fn read(path: &Path, types: &[String]) -> Result<Frame> {
    parse(Lines::open(path)?, types)
}

/// Where the columns of a style of atoms stand.
struct Style {
    molecule: Option<usize>,
    kind: usize,
    position: usize,
}

fn style(name: &str) -> Option<Style> {
    let (molecule, kind, position) = match name {
        "atomic" => (None, 1, 2),
        "charge" => (None, 1, 3),
        "molecular" | "bond" | "angle" => (Some(1), 2, 3),
        "full" => (Some(1), 2, 4),
        _ => return None,
    };
    Some(Style { molecule, kind, position })
}

#[derive(Default)]
struct Header {
    atoms: Option<usize>,
    low: Vec3,
    high: Vec3,
    known: [bool; 3],
}

fn parse<R: BufRead>(mut lines: Lines<R>, types: &[String]) -> Result<Frame> {
    // The first line is a title, whatever it says.
    lines.advance()?;
    let mut header = Header::default();
    let mut next = sections(&mut lines, &mut header)?;
    let atoms =
        header.atoms.ok_or_else(|| lines.error(1, "the header does not say how many `atoms`"))?;
    if let Some(d) = header.known.iter().position(|known| !known) {
        let name = ["xlo xhi", "ylo yhi", "zlo zhi"][d];
        return Err(lines.error(1, format!("the header gives no box: `{name}` is missing")));
    }
    let length = crate::geometry::sub(header.high, header.low);
    let mut frame = Frame {
        lattice: Some([[length[0], 0.0, 0.0], [0.0, length[1], 0.0], [0.0, 0.0, length[2]]]),
        origin: header.low,
        periodic: [true; 3],
        ..Frame::default()
    };
    let mut ids = Vec::new();
    while let Some(section) = next {
        match section.name.as_str() {
            "Atoms" if !ids.is_empty() => {
                return Err(lines.error(1, "a second section `Atoms`"));
            }
            "Atoms" => ids = read_atoms(&mut lines, &section, atoms, types, &mut frame)?,
            "Velocities" if ids.len() != atoms => {
                let message =
                    "the section `Velocities` stands before `Atoms`: which atoms are these?";
                return Err(lines.error(1, message));
            }
            "Velocities" => {
                frame.velocities = Some(read_velocities(&mut lines, &section, &ids)?);
            }
            _ => {}
        }
        next = sections(&mut lines, &mut header)?;
    }
    if ids.len() != atoms {
        return Err(
            lines.error(1, "the file ends without a section `Atoms`; it was probably cut short")
        );
    }
    frame.set_integers("id", ids);
    Ok(frame)
}

struct Section {
    name: String,
    /// What stands behind `#`.
    hint: String,
}

/// Goes on to the next header of a section, taking in what belongs to the header of the file.
fn sections<R: BufRead>(lines: &mut Lines<R>, header: &mut Header) -> Result<Option<Section>> {
    while lines.advance()? {
        let (text, hint) = without_comment(lines.text());
        let all: Vec<Word> = words(text).collect();
        let Some(first) = all.first() else { continue };
        if first.text.starts_with(|c: char| c.is_alphabetic()) {
            return Ok(Some(Section { name: text.trim().into(), hint: hint.trim().into() }));
        }
        let names: Vec<&str> =
            all.iter().map(|w| w.text).skip_while(|w| real(w).is_some()).collect();
        match names[..] {
            ["atoms"] => {
                let count =
                    first.text.parse().map_err(|_| not_a(lines, *first, "a whole number"))?;
                header.atoms = Some(count);
            }
            ["xlo", "xhi"] | ["ylo", "yhi"] | ["zlo", "zhi"] => {
                let d = (names[0].as_bytes()[0] - b'x') as usize;
                header.low[d] = number(lines, all.first())?;
                header.high[d] = number(lines, all.get(1))?;
                header.known[d] = true;
                if header.high[d] <= header.low[d] {
                    return Err(lines.error(first.column, "the box has no extent here"));
                }
            }
            ["xy", "xz", "yz"] if all[..3].iter().any(|w| real(w.text) != Some(0.0)) => {
                return Err(lines.error(
                    first.column,
                    "the box is tilted: only orthogonal boxes are supported",
                ));
            }
            _ => {}
        }
    }
    Ok(None)
}

fn read_atoms<R: BufRead>(
    lines: &mut Lines<R>,
    section: &Section,
    count: usize,
    types: &[String],
    frame: &mut Frame,
) -> Result<Vec<i64>> {
    let mut known = match section.hint.as_str() {
        "" => None,
        name => Some(style(name).ok_or_else(|| {
            lines.error(
                1,
                format!(
                    "atoms of style `{name}` are not understood, only atomic, charge, bond, angle, \
                     molecular and full"
                ),
            )
        })?),
    };
    let (mut ids, mut molecules) = (Vec::new(), Vec::new());
    for _ in 0..count {
        entry(lines, section, ids.len(), count)?;
        let all: Vec<Word> = words(without_comment(lines.text()).0).collect();
        if known.is_none() {
            if !matches!(all.len(), 5 | 8) {
                let message =
                    "which columns are these? Write the style behind the header, as `Atoms # full`";
                return Err(lines.error(1, message));
            }
            known = style("atomic");
        }
        let Style { molecule, kind, position } = known.as_ref().expect("set above");
        ids.push(integer(lines, all.first())?);
        if let Some(column) = molecule {
            molecules.push(integer(lines, all.get(*column))?);
        }
        let kind_number = integer(lines, all.get(*kind))?;
        let symbol =
            usize::try_from(kind_number).ok().and_then(|kind| types.get(kind.checked_sub(1)?));
        frame.species.push(symbol.cloned().ok_or_else(|| {
            lines.error(
                all[*kind].column,
                format!(
                    "atom type {kind_number}: `types` in the input names the elements of types 1 to {}",
                    types.len()
                ),
            )
        })?);
        let at = |d: usize| number(lines, all.get(position + d));
        frame.positions.push([at(0)?, at(1)?, at(2)?]);
    }
    if !molecules.is_empty() {
        frame.set_integers("particle", molecules);
    }
    Ok(ids)
}

fn read_velocities<R: BufRead>(
    lines: &mut Lines<R>,
    section: &Section,
    ids: &[i64],
) -> Result<Vec<Vec3>> {
    let place: HashMap<i64, usize> = ids.iter().enumerate().map(|(i, &id)| (id, i)).collect();
    let mut velocities = vec![[0.0; 3]; ids.len()];
    for done in 0..ids.len() {
        entry(lines, section, done, ids.len())?;
        let all: Vec<Word> = words(without_comment(lines.text()).0).collect();
        let id = integer(lines, all.first())?;
        let &i = place
            .get(&id)
            .ok_or_else(|| lines.error(all[0].column, format!("there is no atom {id}")))?;
        let at = |d: usize| number(lines, all.get(1 + d));
        velocities[i] = [at(0)?, at(1)?, at(2)?];
    }
    Ok(velocities)
}

/// Goes to the next line that holds anything.
fn entry<R: BufRead>(
    lines: &mut Lines<R>,
    section: &Section,
    done: usize,
    count: usize,
) -> Result<()> {
    loop {
        if !lines.advance()? {
            return Err(lines.error(
                1,
                format!(
                    "the file ends within the section `{}`: {done} of {count} lines are there; it was \
                     probably cut short",
                    section.name
                ),
            ));
        }
        if !without_comment(lines.text()).0.trim().is_empty() {
            return Ok(());
        }
    }
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

fn not_a<R: BufRead>(lines: &Lines<R>, word: Word, wanted: &str) -> Error {
    lines.error(word.column, format!("{wanted} is wanted here, not \"{}\"", word.text))
}

fn too_short<R: BufRead>(lines: &Lines<R>) -> Error {
    lines.error(lines.text().len() + 1, "the line ends too early: columns are missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Frame> {
        let types = ["Pt".to_string(), "Fe".to_string()];
        parse(Lines::new(Path::new("a.data"), text.as_bytes()), &types)
    }

    const HEADER: &str =
        "title: 7 atoms\n\n2 atoms\n2 atom types\n0 10.5 xlo xhi\n-1 1 ylo yhi\n0 2e1 zlo zhi\n";

    #[test]
    fn atoms_of_several_styles_in_any_order() {
        let masses = "\nMasses\n\n1 195.08 # Pt\n2 55.847\n";
        let atomic = "\nAtoms\n\n2 1 1 2 3 0 0 1\n1 2 4 5 6 0 0 0 # a comment\n";
        let full = "\nAtoms # full\n\n2 8 1 0.5 1 2 3\n1 9 2 -0.5 4 5 6\n";
        let velocities = "\nVelocities\n\n1 0.1 0.2 0.3\n2 -1 -2 -3\n";
        for atoms in [atomic, full] {
            let frame = read_text(&format!("{HEADER}{masses}{atoms}{velocities}")).unwrap();
            assert_eq!(frame.lattice, Some([[10.5, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 20.0]]));
            assert_eq!((frame.origin, frame.periodic), ([0.0, -1.0, 0.0], [true; 3]));
            assert_eq!(frame.species, ["Pt", "Fe"]);
            assert_eq!(frame.positions, [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
            assert_eq!(frame.velocities, Some(vec![[-1.0, -2.0, -3.0], [0.1, 0.2, 0.3]]));
            assert_eq!(frame.integers("id"), Some(&[2, 1][..]));
            let molecules = (atoms == full).then_some(&[8, 9][..]);
            assert_eq!(frame.integers("particle"), molecules);
        }
    }

    #[test]
    fn every_mistake_has_its_place_and_message() {
        let cases = [
            ("", "\n\nAtoms\n\n", "a.data:3:1: the header does not say how many `atoms`"),
            (
                HEADER,
                "1 0 0 xy xz yz\n",
                "a.data:8:1: the box is tilted: only orthogonal boxes are supported",
            ),
            (
                "t\n1 atoms\n0 1 xlo xhi\n",
                "",
                "a.data:4:1: the header gives no box: `ylo yhi` is missing",
            ),
            (HEADER, "5 1 xlo xhi\n", "a.data:8:1: the box has no extent here"),
            (
                HEADER,
                "Atoms # sphere\n",
                "a.data:8:1: atoms of style `sphere` are not understood, only atomic, charge, bond, angle, molecular and full",
            ),
            (
                HEADER,
                "Atoms\n\n1 1 0 0 0 0\n",
                "a.data:10:1: which columns are these? Write the style behind the header, as `Atoms # full`",
            ),
            (
                HEADER,
                "Atoms\n\n1 1 0 x 0\n",
                "a.data:10:7: a finite number is wanted here, not \"x\"",
            ),
            (
                HEADER,
                "Atoms # charge\n\n1 1 0 0 0\n",
                "a.data:10:10: the line ends too early: columns are missing",
            ),
            (
                HEADER,
                "Atoms\n\n1 3 0 0 0\n",
                "a.data:10:3: atom type 3: `types` in the input names the elements of types 1 to 2",
            ),
            (
                HEADER,
                "Atoms\n\n1 1 0 0 0\n",
                "a.data:11:1: the file ends within the section `Atoms`: 1 of 2 lines are there; it was probably cut short",
            ),
            (
                HEADER,
                "Atoms\n\n1 1 0 0 0\n2 1 1 1 1\n\nVelocities\n\n3 0 0 0\n",
                "a.data:15:1: there is no atom 3",
            ),
            (
                HEADER,
                "Velocities\n\n1 0 0 0\n2 0 0 0\n\nAtoms\n\n1 1 0 0 0\n2 1 1 1 1\n",
                "a.data:8:1: the section `Velocities` stands before `Atoms`: which atoms are these?",
            ),
            (
                HEADER,
                "",
                "a.data:8:1: the file ends without a section `Atoms`; it was probably cut short",
            ),
        ];
        for (header, rest, message) in cases {
            let error = read_text(&format!("{header}{rest}")).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.exit_code(), 2);
        }
    }
}
