//! LAMMPS dump files of the styles `atom` and `custom`, as text: any number of frames, each of
//! sections that begin with `ITEM:`.
//!
//! Positions are `x y z`, unwrapped `xu yu zu`, scaled `xs ys zs` (fractions of the box) or
//! both `xsu ysu zsu`; with `ix iy iz` those that are wrapped are known unwrapped, too. The name of
//! an atom is that of its `element`, its `typelabel`, or else its `type`, a number. Units are metal
//! unless `ITEM: UNITS` says `real`. Every other column is kept. Atoms come in the order of
//! the file, which is none in a parallel run: by their `id` they have one.
//! The format: <https://docs.lammps.org/dump.html>, boxes: <https://docs.lammps.org/Howto_triclinic.html>.

use super::cell::AXES;
use super::frame::{Column, Frame, MOST_IMAGES, Values};
use super::text::{Lines, Word, number, real, words};
use crate::error::Result;
use crate::geometry::{Vec3, add, scale};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Columns of positions: unwrapped ones first, which say more; whether they are scaled.
const POSITIONS: [([&str; 3], bool); 4] = [
    (["xu", "yu", "zu"], false),
    (["xsu", "ysu", "zsu"], true),
    (["x", "y", "z"], false),
    (["xs", "ys", "zs"], true),
];

/// Columns of whole numbers.
const WHOLE: [&str; 5] = ["id", "mol", "ix", "iy", "iz"];

/// Columns that name an atom; the first that is there counts.
const NAMES: [&str; 3] = ["element", "typelabel", "type"];

/// The frames of a file, one after the other; ends after the first error.
pub struct Frames<R> {
    lines: Lines<R>,
    count: usize,
    /// Å/ps of a velocity 1, which holds for all frames.
    velocity: f64,
    failed: bool,
}

/// Opens a file for reading frame by frame.
pub fn open(path: &Path) -> Result<Frames<BufReader<File>>> {
    Ok(Frames::of(Lines::open(path)?))
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

impl<R: BufRead> Frames<R> {
    fn of(lines: Lines<R>) -> Frames<R> {
        Frames { lines, count: 0, velocity: 1.0, failed: false }
    }

    /// The next frame, or `None` after the last.
    fn read(&mut self) -> Result<Option<Frame>> {
        let mut frame = Frame::default();
        let (mut atoms, mut begun) = (None, false);
        while self.lines.advance()? {
            if self.lines.text().trim().is_empty() {
                continue;
            }
            let item = self.lines.text().strip_prefix("ITEM:").map(|item| item.trim().to_string());
            let item = item.ok_or_else(|| {
                self.lines.error(1, "a line that begins with `ITEM:` is wanted here")
            })?;
            begun = true;
            match item.as_str() {
                "TIMESTEP" => {
                    let step = self.line(atoms)?;
                    frame.set_info("Timestep", step.trim());
                }
                "TIME" => {
                    let time = self.line(atoms)?;
                    frame.set_info("Time", time.trim());
                }
                "UNITS" => self.units(&mut frame)?,
                "NUMBER OF ATOMS" => {
                    let text = self.line(None)?;
                    let count = text.trim().parse::<usize>().map_err(|_| {
                        self.lines.error(1, format!("a number of atoms is wanted, not \"{text}\""))
                    })?;
                    atoms = Some(count);
                }
                _ if item.starts_with("BOX BOUNDS") => self.cell(&item, atoms, &mut frame)?,
                _ if item.starts_with("ATOMS") => {
                    let count = atoms.ok_or_else(|| {
                        self.lines.error(1, "`ITEM: NUMBER OF ATOMS` is missing before the atoms")
                    })?;
                    self.atoms(&item, count, &mut frame)?;
                    self.count += 1;
                    return Ok(Some(frame));
                }
                _ => {
                    let message = format!(
                        "`ITEM: {item}` is not understood: dumps of the styles `atom` and `custom` are \
                         read"
                    );
                    return Err(self.lines.error(1, message));
                }
            }
        }
        match begun {
            true => Err(self.cut(0, atoms)),
            false => Ok(None),
        }
    }

    fn cut(&self, have: usize, atoms: Option<usize>) -> crate::error::Error {
        let of =
            atoms.map_or(String::new(), |atoms| format!(": {have} of its {atoms} atoms are there"));
        let message =
            format!("the file ends within frame {}{of}; it was probably cut short", self.count);
        self.lines.error(1, message)
    }

    /// The next line of a section.
    fn line(&mut self, atoms: Option<usize>) -> Result<String> {
        match self.lines.advance()? {
            true => Ok(self.lines.text().to_string()),
            false => Err(self.cut(0, atoms)),
        }
    }

    fn units(&mut self, frame: &mut Frame) -> Result<()> {
        let name = self.line(None)?;
        self.velocity = match name.trim() {
            "metal" => 1.0,
            "real" => {
                let message = "the file says units real: velocities are taken as Å/fs, lengths and \
                               masses are the same as in metal";
                frame.warnings.push(message.into());
                1e3
            }
            other => {
                let message =
                    format!("units are {other}: only metal (Å, Å/ps, g/mol) and real are read");
                return Err(self.lines.error(1, message));
            }
        };
        Ok(())
    }

    /// The box: `xlo xhi`, in an oblique one with a tilt behind each (and bounds of the whole of
    /// it), or three vectors with the origin.
    fn cell(&mut self, item: &str, atoms: Option<usize>, frame: &mut Frame) -> Result<()> {
        let said: Vec<&str> = item.split_whitespace().skip(2).collect();
        let general = said.starts_with(&["abc", "origin"]);
        let tilted = said.starts_with(&["xy", "xz", "yz"]);
        let width = if general { 4 } else { 2 + tilted as usize };
        let mut rows = [[0.0; 4]; 3];
        for (row, axis) in rows.iter_mut().zip(AXES) {
            self.line(atoms)?;
            let all: Vec<Word> = words(self.lines.text()).collect();
            if all.len() != width {
                let message = format!("the box wants {width} numbers on this line");
                return Err(self.lines.error(1, message));
            }
            for (value, word) in row.iter_mut().zip(all) {
                *value = real(word.text).ok_or_else(|| {
                    let message = format!("a finite number is wanted here, not \"{}\"", word.text);
                    self.lines.error(word.column, message)
                })?;
            }
            let [low, high, ..] = *row;
            if !general && high < low {
                let message =
                    format!("the box ends at {axis} = {high}, below {low}, where it begins");
                return Err(self.lines.error(1, message));
            }
        }
        (frame.lattice, frame.origin) = match general {
            true => (Some(rows.map(|[x, y, z, _]| [x, y, z])), rows.map(|row| row[3])),
            false => {
                let [xy, xz, yz] = rows.map(|row| row[2]);
                let least = |all: &[f64]| all.iter().copied().fold(0.0, f64::min);
                let most = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
                let low =
                    [rows[0][0] - least(&[xy, xz, xy + xz]), rows[1][0] - least(&[yz]), rows[2][0]];
                let high =
                    [rows[0][1] - most(&[xy, xz, xy + xz]), rows[1][1] - most(&[yz]), rows[2][1]];
                let [x, y, z] = [high[0] - low[0], high[1] - low[1], high[2] - low[2]];
                if x.min(y) < 0.0 {
                    let message = "the bounds of an oblique box are those of the whole of it: here they are \
                                   narrower than it is tilted";
                    return Err(self.lines.error(1, message));
                }
                (Some([[x, 0.0, 0.0], [xy, y, 0.0], [xz, yz, z]]), low)
            }
        };
        let flags = &said[if general { 2 } else { 3 * tilted as usize }..];
        frame.periodic = match flags {
            [x, y, z] => [x, y, z].map(|flag| flag.starts_with('p')),
            _ => {
                let message = "the dump does not say which boundaries are periodic: all are taken so \
                               (`[box] boundary` for others)";
                frame.warnings.push(message.into());
                [true; 3]
            }
        };
        Ok(())
    }

    fn atoms(&mut self, item: &str, count: usize, frame: &mut Frame) -> Result<()> {
        let names: Vec<&str> = item.split_whitespace().skip(1).collect();
        let has = |name: &str| names.contains(&name);
        let name = NAMES.into_iter().find(|name| has(name));
        let positions = POSITIONS.into_iter().find(|(all, _)| all.iter().all(|name| has(name)));
        let (Some(name), Some((places, scaled))) = (name, positions) else {
            let message = "the columns must be named, with `element` or `type`, and with `x y z`, `xu yu \
                           zu`, `xs ys zs` or `xsu ysu zsu`: `dump ... custom N FILE id element xu yu zu \
                           vx vy vz` writes what is wanted here";
            return Err(self.lines.error(1, message));
        };
        if let Some(twice) = (1..names.len()).find(|&k| names[..k].contains(&names[k])) {
            let message = format!("the column {} stands twice", names[twice]);
            return Err(self.lines.error(1, message));
        }
        let mut columns: Vec<Column> = names
            .iter()
            .map(|&name| Column {
                name: name.into(),
                width: 1,
                values: Values::Integer(Vec::new()),
            })
            .collect();
        let id = names.iter().position(|name| *name == "id");
        let mut seen: HashMap<i64, usize> = HashMap::new();
        for have in 0..count {
            if !self.lines.advance()? {
                return Err(self.cut(have, Some(count)));
            }
            let all: Vec<Word> = words(self.lines.text()).collect();
            if all.len() != columns.len() {
                let (wanted, here) = (columns.len(), all.len());
                let message = format!("a line of this frame has {wanted} columns; here are {here}");
                return Err(self.lines.error(1, message));
            }
            for (column, word) in columns.iter_mut().zip(&all) {
                let vital =
                    places.contains(&&*column.name) || ["vx", "vy", "vz"].contains(&&*column.name);
                if vital && real(word.text).is_none() {
                    let (name, found) = (&column.name, word.text);
                    let message =
                        format!("the column {name} wants a finite number, not \"{found}\"");
                    return Err(self.lines.error(word.column, message));
                }
                if WHOLE.contains(&&*column.name) && word.text.parse::<i64>().is_err() {
                    let (name, found) = (&column.name, word.text);
                    let message =
                        format!("the column {name} wants a whole number, not \"{found}\"");
                    return Err(self.lines.error(word.column, message));
                }
                push(&mut column.values, word.text);
            }
            if let Some(word) = id.map(|k| &all[k])
                && let Ok(id) = word.text.parse()
                && let Some(first) = seen.insert(id, self.lines.number())
            {
                let message =
                    format!("atom {id} stands twice in this frame, first in line {first}");
                return Err(self.lines.error(word.column, message));
            }
        }
        frame.columns = columns;
        frame.species = frame.column(name).map_or(Vec::new(), texts);
        self.name(places, scaled, frame);
        match frame.positions.iter().flatten().all(|x| x.is_finite()) {
            true => Ok(()),
            false => Err(self.lines.error(1, "scaled positions of this frame are beyond measure")),
        }
    }

    /// Makes of columns what a frame calls by other names.
    fn name(&self, places: [&str; 3], scaled: bool, frame: &mut Frame) {
        let mut positions = frame.joined(places).unwrap_or_default();
        if let (true, Some([a, b, c])) = (scaled, frame.lattice) {
            for r in &mut positions {
                let [x, y, z] = *r;
                *r = add(frame.origin, add(scale(a, x), add(scale(b, y), scale(c, z))));
            }
        }
        frame.positions = positions;
        let velocities = frame.joined(["vx", "vy", "vz"]);
        let some = ["vx", "vy", "vz"].into_iter().find(|name| frame.column(name).is_some());
        if let (None, Some(name)) = (&velocities, some) {
            let message = format!(
                "the column `{name}` is not read: velocities are three columns, `vx`, `vy` and `vz`"
            );
            frame.warnings.push(message);
        }
        frame.velocities =
            velocities.map(|all| all.into_iter().map(|v| scale(v, self.velocity)).collect());
        // Unwrapped positions need none.
        if !places[0].contains('u') {
            frame.images = frame.joined(["ix", "iy", "iz"]).and_then(flags);
        }
        let done = [&POSITIONS.map(|(names, _)| names).concat()[..], &["vx", "vy", "vz"], &NAMES];
        let done = done.concat();
        frame.columns.retain(|column| !done.contains(&&*column.name));
    }
}

fn flags(all: Vec<Vec3>) -> Option<Vec<[i32; 3]>> {
    let flag = |x: f64| (x.fract() == 0.0 && x.abs() <= MOST_IMAGES as f64).then_some(x as i32);
    all.into_iter().map(|[x, y, z]| Some([flag(x)?, flag(y)?, flag(z)?])).collect()
}

/// A value of the narrowest kind that all of a column have: integers, numbers, words.
fn push(values: &mut Values, word: &str) {
    if let Values::Integer(v) = values {
        if let Ok(value) = word.parse() {
            return v.push(value);
        }
        // As many digits as it takes: numbers of atoms are exact.
        *values = match v.is_empty() && number(word).is_none() {
            true => Values::Text(Vec::new()),
            false => Values::Real(v.iter().map(|&n| n as f64).collect()),
        };
    }
    if let Values::Real(v) = values {
        if let Some(value) = number(word) {
            return v.push(value);
        }
        *values = Values::Text(v.iter().map(|x| x.to_string()).collect());
    }
    if let Values::Text(v) = values {
        v.push(word.into());
    }
}

fn texts(column: &Column) -> Vec<String> {
    match &column.values {
        Values::Text(v) => v.clone(),
        Values::Integer(v) => v.iter().map(|n| n.to_string()).collect(),
        Values::Real(v) => v.iter().map(|x| x.to_string()).collect(),
        Values::Logical(_) => unreachable!("no column is read as these"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str) -> Vec<Result<Frame>> {
        Frames::of(Lines::new(Path::new("a.dump"), text.as_bytes())).collect()
    }

    fn only(text: &str) -> Frame {
        let mut all = frames(text);
        assert_eq!(all.len(), 1);
        all.remove(0).unwrap()
    }

    const TOP: &str = "ITEM: TIMESTEP\n100\nITEM: NUMBER OF ATOMS\n2\n";
    const BOX: &str = "ITEM: BOX BOUNDS pp ff sm\n0 10\n-1 3\n0 8e0\n";

    #[test]
    fn columns_are_taken_by_their_names() {
        let frame = only(&format!(
            "ITEM: UNITS\nmetal\nITEM: TIME\n0.2\n{TOP}{BOX}ITEM: ATOMS id mol element type x y z vx vy vz ix iy iz c_pe\n\
             2 8 Fe 2 1 2 3 .1 .2 .3 1 0 -2 -4.5\n1 9 Pt 1 4 2 0 0 0 0 0 0 0 -5\n"
        ));
        assert_eq!(frame.lattice, Some([[10.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 8.0]]));
        assert_eq!((frame.origin, frame.periodic), ([0.0, -1.0, 0.0], [true, false, false]));
        assert_eq!(frame.species, ["Fe", "Pt"]);
        assert_eq!(frame.positions, [[1.0, 2.0, 3.0], [4.0, 2.0, 0.0]]);
        assert_eq!(frame.velocities, Some(vec![[0.1, 0.2, 0.3], [0.0; 3]]));
        assert_eq!(frame.images, Some(vec![[1, 0, -2], [0; 3]]));
        assert_eq!(frame.integers("id"), Some(&[2, 1][..]));
        assert_eq!(frame.integers("mol"), Some(&[8, 9][..]));
        assert_eq!(frame.column("c_pe").unwrap().values, Values::Real(vec![-4.5, -5.0]));
        assert_eq!(frame.info("Timestep"), Some("100"));
        assert_eq!(frame.warnings, [""; 0]);
    }

    #[test]
    fn scaled_and_unwrapped_positions() {
        let scaled = only(&format!(
            "{TOP}{BOX}ITEM: ATOMS id type xs ys zs ix iy iz\n1 1 0.5 0.25 1 1 0 0\n2 2 0 0 0 0 0 0\n"
        ));
        assert_eq!(scaled.positions, [[5.0, 0.0, 8.0], [0.0, -1.0, 0.0]]);
        assert_eq!(scaled.images.unwrap()[0], [1, 0, 0]);
        assert_eq!(scaled.species, ["1", "2"]);
        // Where both stand there, those that say more count.
        let both = only(&format!(
            "{TOP}{BOX}ITEM: ATOMS type x y z xu yu zu ix iy iz\n1 1 0 0 11 0 0 1 0 0\n2 2 0 0 2 0 0 0 0 0\n"
        ));
        assert_eq!((both.positions[0], both.images), ([11.0, 0.0, 0.0], None));
        let both = only(&format!("{TOP}{BOX}ITEM: ATOMS type xsu ysu zsu\n1 1.5 0 0\n2 0 0 0\n"));
        assert_eq!(both.positions[0], [15.0, -1.0, 0.0]);
    }

    #[test]
    fn oblique_boxes_by_their_bounds_and_by_their_vectors() {
        let atoms = "ITEM: ATOMS type xs ys zs\n1 0 0 0\n1 1 1 1\n";
        // As LAMMPS writes a box of 10 x 8 x 6 from (1, 2, 3) on with xy = -2, xz = 3, yz = 1.
        let tilted = only(&format!(
            "{TOP}ITEM: BOX BOUNDS xy xz yz pp pp pp\n-1 14 -2\n2 11 3\n3 9 1\n{atoms}"
        ));
        assert_eq!(tilted.lattice, Some([[10.0, 0.0, 0.0], [-2.0, 8.0, 0.0], [3.0, 1.0, 6.0]]));
        assert_eq!(tilted.positions, [[1.0, 2.0, 3.0], [12.0, 11.0, 9.0]]);
        let general = only(&format!(
            "{TOP}ITEM: BOX BOUNDS abc origin pp pp ff\n0 9 0 1\n8 0 0 2\n0 0 7 3\n{atoms}"
        ));
        assert_eq!(general.lattice, Some([[0.0, 9.0, 0.0], [8.0, 0.0, 0.0], [0.0, 0.0, 7.0]]));
        assert_eq!((general.origin, general.periodic), ([1.0, 2.0, 3.0], [true, true, false]));
    }

    #[test]
    fn several_frames_and_units_that_hold_for_all() {
        let one = format!(
            "{TOP}{BOX}ITEM: ATOMS type x y z vx vy vz\n1 0 0 0 0.001 0 0\n1 3 0 0 0 0 0\n"
        );
        let all = frames(&format!("ITEM: UNITS\nreal\n{one}{one}"));
        let first =
            |frame: &Result<Frame>| frame.as_ref().unwrap().velocities.as_ref().unwrap()[0][0];
        assert_eq!(all.iter().map(first).collect::<Vec<_>>(), [1.0, 1.0]);
        let silent = only(&one.replace("pp ff sm", ""));
        assert_eq!(silent.periodic, [true; 3]);
        assert!(silent.warnings[0].contains("does not say which boundaries are periodic"));
    }

    #[test]
    fn velocities_of_two_directions_are_told() {
        let frame =
            only(&format!("{TOP}{BOX}ITEM: ATOMS type x y z vx vy\n1 0 0 0 1 0\n1 3 0 0 0 0\n"));
        assert_eq!(frame.velocities, None);
        assert!(frame.warnings[0].contains("the column `vx` is not read"), "{:?}", frame.warnings);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let told = |text: &str| {
            let error = frames(text).pop().unwrap().unwrap_err().to_string();
            error.split(';').next().unwrap().to_string()
        };
        let atoms = |columns: &str| format!("{TOP}{BOX}ITEM: ATOMS {columns}\n");
        assert_eq!(
            told("ITEM: UNITS\nlj\n"),
            "a.dump:2:1: units are lj: only metal (Å, Å/ps, g/mol) and real are read"
        );
        assert!(
            told(&atoms("id x y z"))
                .starts_with("a.dump:9:1: the columns must be named, with `element`")
        );
        assert!(told(&atoms("id type x y")).starts_with("a.dump:9:1: the columns must be named"));
        assert_eq!(
            told(&format!("{}1 0 0 0\n", atoms("type x y z"))),
            "a.dump:11:1: the file ends within frame 0: 1 of its 2 atoms are there"
        );
        assert_eq!(
            told(&format!("{}1 0 nan 0\n", atoms("type x y z"))),
            "a.dump:10:5: the column y wants a finite number, not \"nan\""
        );
        assert_eq!(
            told(&format!("{}1 0 0\n", atoms("type x y z"))),
            "a.dump:10:1: a line of this frame has 4 columns"
        );
        let boxed =
            |bounds: &str| format!("{TOP}ITEM: BOX BOUNDS {bounds}\nITEM: ATOMS type x y z\n");
        assert_eq!(
            told(&boxed("pp pp pp\n0 10\n3 -1\n0 8")),
            "a.dump:7:1: the box ends at y = -1, below 3, where it begins"
        );
        assert!(
            told(&boxed("xy xz yz pp pp pp\n0 10 -20\n0 10 0\n0 8 0")).starts_with(
                "a.dump:8:1: the bounds of an oblique box are those of the whole of it"
            )
        );
        assert_eq!(
            told(&format!("{}2.5 1 0 0 0\n", atoms("id type x y z"))),
            "a.dump:10:1: the column id wants a whole number, not \"2.5\""
        );
        assert_eq!(
            told(&format!("{}1 0 0 0 0 0.5 0\n", atoms("type x y z ix iy iz"))),
            "a.dump:10:11: the column iy wants a whole number, not \"0.5\""
        );
        assert_eq!(
            told(&format!("{}1 7 0 0 0\n1 7 3 0 0\n", atoms("type id x y z"))),
            "a.dump:11:3: atom 7 stands twice in this frame, first in line 10"
        );
        assert!(
            told("ITEM: NUMBER OF ENTRIES\n")
                .contains("dumps of the styles `atom` and `custom` are read")
        );
        assert!(told("ITEM: TIMESTEP\n5\n").contains("the file ends within frame 0"));
    }
}
