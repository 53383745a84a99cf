//! Extended XYZ: any number of frames, each a line with the number of atoms, a
//! line of `key=value` pairs, and one line per atom.
//!
//! `Properties=species:S:1:pos:R:3:...` names the columns in any order (S text,
//! R real, I integer, L logical); `species` and `pos` are needed, `velo` is taken
//! as Å/ps, others are kept as they are. `Lattice="ax ay az bx by bz cx cy cz"`
//! is the cell, `Origin` its corner, `pbc` its periodic directions (all three
//! where there is a cell and no `pbc`). A comment line without `Properties` makes
//! the frame a plain XYZ: symbol and position.
//! The format: <https://github.com/libAtoms/extxyz>.
//!
//! Numbers are written with as many digits as it takes to read the same bits back.

use super::frame::{Column, Frame, Values};
use super::text::{Lines, Word, real, words};
use crate::error::Result;
use crate::geometry::Vec3;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
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
        let (mut frame, mut columns) = header(lines)?;
        for have in 0..atoms {
            if !lines.advance()? {
                return Err(lines.error(1, cut(have)));
            }
            atom(lines, &mut columns)?;
        }
        for builder in columns {
            builder.store(&mut frame);
        }
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

/// What becomes of a column.
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

impl Builder {
    fn store(self, frame: &mut Frame) {
        let vectors = |values: Values| -> Vec<Vec3> {
            match values {
                Values::Real(v) => v.as_chunks::<3>().0.to_vec(),
                _ => unreachable!("the header made it a column of reals"),
            }
        };
        match (self.role, self.column.values) {
            (Role::Species, Values::Text(symbols)) => frame.species = symbols,
            (Role::Position, values) => frame.positions = vectors(values),
            (Role::Velocity, values) => frame.velocities = Some(vectors(values)),
            (_, values) => frame.columns.push(Column { values, ..self.column }),
        }
    }
}

/// The comment line: a frame without atoms, and the columns to come.
fn header<R: BufRead>(lines: &Lines<R>) -> Result<(Frame, Vec<Builder>)> {
    let mut frame = Frame::default();
    let mut columns = None;
    let mut periodic = None;
    let pairs = match pairs(lines) {
        Ok(pairs) => pairs,
        // A plain XYZ may say anything here.
        Err(_) if !lines.text().contains("Properties=") => Vec::new(),
        Err(e) => return Err(e),
    };
    for Pair { key, value, column } in pairs {
        match key.as_str() {
            "Lattice" => {
                let a: [f64; 9] = numbers(lines, &key, &value, column)?;
                frame.lattice = Some([[a[0], a[1], a[2]], [a[3], a[4], a[5]], [a[6], a[7], a[8]]]);
            }
            "Origin" => frame.origin = numbers(lines, &key, &value, column)?,
            "pbc" => periodic = Some(flags(lines, &value, column)?),
            "Properties" => columns = Some(properties(lines, &value, column)?),
            _ => frame.info.push((key, value)),
        }
    }
    frame.periodic = periodic.unwrap_or([frame.lattice.is_some(); 3]);
    let columns = match columns {
        Some(columns) => columns,
        None => properties(lines, "species:S:1:pos:R:3", 1)?,
    };
    Ok((frame, columns))
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
    let mut pairs = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if at == text.len() {
            return Ok(pairs);
        }
        let (key, after) = quoted(lines, at, &['='])?;
        at = after;
        if !text[at..].starts_with('=') {
            pairs.push(Pair { key, value: "T".into(), column: at + 1 });
            continue;
        }
        let (value, after) = quoted(lines, at + 1, &[])?;
        pairs.push(Pair { key, value, column: at + 2 });
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

fn numbers<const N: usize, R: BufRead>(
    lines: &Lines<R>,
    key: &str,
    value: &str,
    column: usize,
) -> Result<[f64; N]> {
    let values: Option<Vec<f64>> = words(value).map(|w| real(w.text)).collect();
    values
        .and_then(|v| v.try_into().ok())
        .ok_or_else(|| lines.error(column, format!("{key} wants {N} numbers, not \"{value}\"")))
}

fn logical(word: &str) -> Option<bool> {
    match word {
        "T" | "True" | "true" | "TRUE" | "1" => Some(true),
        "F" | "False" | "false" | "FALSE" | "0" => Some(false),
        _ => None,
    }
}

fn flags<R: BufRead>(lines: &Lines<R>, value: &str, column: usize) -> Result<[bool; 3]> {
    let bare = value.replace(['[', ']', ','], " ");
    let values: Option<Vec<bool>> = words(&bare).map(|w| logical(w.text)).collect();
    values
        .and_then(|v| v.try_into().ok())
        .ok_or_else(|| lines.error(column, format!("pbc wants three of T and F, not \"{value}\"")))
}

/// The columns that `Properties` names.
fn properties<R: BufRead>(lines: &Lines<R>, value: &str, column: usize) -> Result<Vec<Builder>> {
    let bad = |message: String| lines.error(column, message);
    let fields: Vec<&str> = value.split(':').collect();
    if !fields.len().is_multiple_of(3) {
        return Err(bad(format!(
            "Properties wants name:kind:width for each column, not \"{value}\""
        )));
    }
    let mut columns: Vec<Builder> = Vec::new();
    for field in fields.chunks_exact(3) {
        let [name, kind, width] = [field[0], field[1], field[2]];
        let width = width.parse().ok().filter(|&w| w > 0).ok_or_else(|| {
            bad(format!("the width of the column {name} must be 1 or more, not \"{width}\""))
        })?;
        let mut values = match kind {
            "R" => Values::Real(Vec::new()),
            "I" => Values::Integer(Vec::new()),
            "L" => Values::Logical(Vec::new()),
            "S" => Values::Text(Vec::new()),
            _ => {
                return Err(bad(format!(
                    "the kind of the column {name} must be S, R, I or L, not \"{kind}\""
                )));
            }
        };
        let role = match name {
            "species" => Role::Species,
            "pos" => Role::Position,
            "velo" => Role::Velocity,
            _ => Role::Other,
        };
        let (wanted_kind, wanted_width) = match role {
            Role::Species => ("S", 1),
            Role::Position | Role::Velocity => ("R", 3),
            Role::Other => (kind, width),
        };
        // Whole numbers are numbers.
        if wanted_kind == "R" && kind == "I" {
            values = Values::Real(Vec::new());
        } else if kind != wanted_kind {
            return Err(bad(format!(
                "the column {name} must be of kind {wanted_kind}, not {kind}"
            )));
        }
        if width != wanted_width {
            return Err(bad(format!(
                "the column {name} must have width {wanted_width}, not {width}"
            )));
        }
        if columns.iter().any(|c| c.column.name == name) {
            return Err(bad(format!("the column {name} stands twice in Properties")));
        }
        columns.push(Builder { role, column: Column { name: name.into(), width, values } });
    }
    for needed in ["species", "pos"] {
        if !columns.iter().any(|c| c.column.name == needed) {
            return Err(bad(format!("Properties must name the column {needed}")));
        }
    }
    Ok(columns)
}

/// Reads the line of one atom into the columns.
fn atom<R: BufRead>(lines: &Lines<R>, columns: &mut [Builder]) -> Result<()> {
    let mut all = words(lines.text());
    for Builder { column, .. } in columns {
        for _ in 0..column.width {
            let Some(word) = all.next() else {
                return Err(lines.error(
                    lines.text().len() + 1,
                    format!("the line ends where the column {} is wanted", column.name),
                ));
            };
            push(&mut column.values, word).ok_or_else(|| {
                let wanted = match column.values {
                    Values::Real(_) => "a finite number",
                    Values::Integer(_) => "an integer",
                    _ => "T or F",
                };
                lines.error(
                    word.column,
                    format!("the column {} wants {wanted}, not \"{}\"", column.name, word.text),
                )
            })?;
        }
    }
    match all.next() {
        None => Ok(()),
        Some(word) => Err(lines.error(
            word.column,
            format!("\"{}\" is more than the columns of this frame", word.text),
        )),
    }
}

fn push(values: &mut Values, word: Word) -> Option<()> {
    match values {
        Values::Real(v) => v.push(real(word.text)?),
        Values::Integer(v) => v.push(word.text.parse().ok()?),
        Values::Logical(v) => v.push(logical(word.text)?),
        Values::Text(v) => v.push(word.text.into()),
    }
    Some(())
}

/// Appends a frame.
pub fn write(out: &mut impl Write, frame: &Frame) -> std::io::Result<()> {
    writeln!(out, "{}", frame.len())?;
    if let Some(lattice) = &frame.lattice {
        let numbers: Vec<String> = lattice.iter().flatten().map(|x| format!("{x:?}")).collect();
        write!(out, "Lattice=\"{}\" ", numbers.join(" "))?;
    }
    if frame.origin != [0.0; 3] {
        let [x, y, z] = frame.origin;
        write!(out, "Origin=\"{x:?} {y:?} {z:?}\" ")?;
    }
    write!(out, "Properties=species:S:1:pos:R:3")?;
    if frame.velocities.is_some() {
        write!(out, ":velo:R:3")?;
    }
    for Column { name, width, values } in &frame.columns {
        let kind = match values {
            Values::Real(_) => "R",
            Values::Integer(_) => "I",
            Values::Logical(_) => "L",
            Values::Text(_) => "S",
        };
        write!(out, ":{name}:{kind}:{width}")?;
    }
    let [x, y, z] = frame.periodic.map(letter);
    write!(out, " pbc=\"{x} {y} {z}\"")?;
    for (key, value) in &frame.info {
        write!(out, " {}={}", quote(key), quote(value))?;
    }
    writeln!(out)?;
    for (i, symbol) in frame.species.iter().enumerate() {
        write!(out, "{symbol}")?;
        let velocity = frame.velocities.iter().flat_map(|v| v[i]);
        for x in frame.positions[i].into_iter().chain(velocity) {
            write!(out, " {x:?}")?;
        }
        for Column { width, values, .. } in &frame.columns {
            for k in i * width..(i + 1) * width {
                match values {
                    Values::Real(v) => write!(out, " {:?}", v[k])?,
                    Values::Integer(v) => write!(out, " {}", v[k])?,
                    Values::Logical(v) => write!(out, " {}", letter(v[k]))?,
                    Values::Text(v) => write!(out, " {}", v[k])?,
                }
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn letter(flag: bool) -> char {
    if flag { 'T' } else { 'F' }
}

/// In quotes where the bare text would not read back.
fn quote(text: &str) -> String {
    let bare = !text.is_empty()
        && !text.starts_with(['{', '['])
        && !text.contains(|c: char| c.is_whitespace() || "\"'=\\".contains(c));
    if bare {
        text.into()
    } else {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frames(text: &str) -> Vec<Result<Frame>> {
        Frames::new(Path::new("a.xyz"), text.as_bytes()).collect()
    }

    fn only(text: &str) -> Frame {
        let mut all = frames(text);
        assert_eq!(all.len(), 1);
        all.remove(0).unwrap()
    }

    #[test]
    fn columns_in_any_order_and_keys_in_any_quotes() {
        let frame = only(
            "2\nfree energy=-1.5 label='a \"b\"' list=[1, 2] old={3 4} Properties=id:I:1:pos:R:3:species:S:1:velo:R:3:fixed:L:1 Lattice=\"10 0 0 0 11 0 0 0 12\" Origin=\"-5 0 1e0\" pbc=\"T F T\"\n\
             7 1 2 3 Pt .1 .2 .3 T\n8 -1 2.5d0 3e-1 Fe 0 0 0 F\n",
        );
        assert_eq!(frame.lattice, Some([[10.0, 0.0, 0.0], [0.0, 11.0, 0.0], [0.0, 0.0, 12.0]]));
        assert_eq!(frame.origin, [-5.0, 0.0, 1.0]);
        assert_eq!(frame.periodic, [true, false, true]);
        assert_eq!(frame.species, ["Pt", "Fe"]);
        assert_eq!(frame.positions, [[1.0, 2.0, 3.0], [-1.0, 2.5, 0.3]]);
        assert_eq!(frame.velocities, Some(vec![[0.1, 0.2, 0.3], [0.0; 3]]));
        assert_eq!(frame.integers("id"), Some(&[7, 8][..]));
        assert_eq!(frame.column("fixed").unwrap().values, Values::Logical(vec![true, false]));
        let info: Vec<_> = frame.info.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let wanted = [
            ("free", "T"),
            ("energy", "-1.5"),
            ("label", "a \"b\""),
            ("list", "[1, 2]"),
            ("old", "3 4"),
        ];
        assert_eq!(info, wanted);
    }

    #[test]
    fn plain_xyz_with_any_comment_and_blank_lines_after_it() {
        let all = frames("1\nan \"open quote, x = 3\nPt 0 0 0\n\n1\n\nFe 1 2 3\r\n\n\n");
        assert_eq!(all.len(), 2);
        let second = all[1].as_ref().unwrap();
        assert_eq!((second.species[0].as_str(), second.positions[0]), ("Fe", [1.0, 2.0, 3.0]));
        assert_eq!((second.lattice, second.periodic), (None, [false; 3]));
    }

    #[test]
    fn every_mistake_has_its_place_and_message() {
        let cases = [
            ("x\n\n", "a.xyz:1:1: the number of atoms of a frame is wanted here, not \"x\""),
            ("1 2\n\n", "a.xyz:1:3: only the number of atoms may stand on this line, not \"2\""),
            (
                "3\n\nPt 0 0 0\n",
                "a.xyz:4:1: the file ends within frame 0 (from line 1): 1 of its 3 atoms are there; it was probably cut short",
            ),
            ("2\n\nPt 0 0 0\nPt 0 0", "a.xyz:4:7: the line ends where the column pos is wanted"),
            ("1\n\nPt 0 O 0\n", "a.xyz:3:6: the column pos wants a finite number, not \"O\""),
            ("1\n\nPt 0 nan 0\n", "a.xyz:3:6: the column pos wants a finite number, not \"nan\""),
            ("1\n\nPt 0 0 0 1\n", "a.xyz:3:10: \"1\" is more than the columns of this frame"),
            (
                "1\nProperties=species:S:1:pos:R:3:id:I:1\nPt 0 0 0 1.5\n",
                "a.xyz:3:10: the column id wants an integer, not \"1.5\"",
            ),
            (
                "1\nProperties=species:S:1:pos:R\n",
                "a.xyz:2:12: Properties wants name:kind:width for each column, not \"species:S:1:pos:R\"",
            ),
            ("1\nProperties=species:S:1\n", "a.xyz:2:12: Properties must name the column pos"),
            (
                "1\nProperties=species:S:1:pos:R:2\n",
                "a.xyz:2:12: the column pos must have width 3, not 2",
            ),
            (
                "1\nProperties=species:S:1:pos:Q:3\n",
                "a.xyz:2:12: the kind of the column pos must be S, R, I or L, not \"Q\"",
            ),
            (
                "1\nProperties=species:S:1:pos:R:3:pos:R:3\n",
                "a.xyz:2:12: the column pos stands twice in Properties",
            ),
            ("1\nLattice=\"1 2 3\" x=1\n", "a.xyz:2:9: Lattice wants 9 numbers, not \"1 2 3\""),
            ("1\npbc=\"T T\"\n", "a.xyz:2:5: pbc wants three of T and F, not \"T T\""),
            (
                "1\nProperties=species:S:1:pos:R:3 label=\"open\n",
                "a.xyz:2:38: what begins here is not closed by \"",
            ),
        ];
        for (text, message) in cases {
            let all = frames(text);
            let error = all.last().unwrap().as_ref().unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[test]
    fn what_is_not_text_is_refused() {
        let bytes: &[u8] = b"1\n\xff\xfe\nPt 0 0 0\n";
        let error = Frames::new(Path::new("b.xyz"), bytes).next().unwrap().unwrap_err();
        assert_eq!(error.to_string(), "b.xyz:2:1: this line is not text (UTF-8)");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_reads_back_bit_for_bit(
            numbers in prop::collection::vec(prop::array::uniform7(prop::num::f64::NORMAL | prop::num::f64::ZERO), 0..20),
            label in "[ -~]{1,20}",
            periodic: [bool; 3],
        ) {
            let mut frame = Frame {
                lattice: Some([[1e-3, 0.0, 0.0], [0.1, 2.0, 0.0], [0.0, -0.0, 1e20]]),
                origin: [0.1, 0.2, 0.3],
                periodic,
                species: numbers.iter().map(|_| "Pt".to_string()).collect(),
                positions: numbers.iter().map(|n| [n[0], n[1], n[2]]).collect(),
                velocities: Some(numbers.iter().map(|n| [n[3], n[4], n[5]]).collect()),
                ..Frame::default()
            };
            frame.set_reals("local_energy", 1, numbers.iter().map(|n| n[6]).collect());
            frame.set_integers("id", (0..numbers.len() as i64).collect());
            frame.set_info("label", label);
            let mut bytes = Vec::new();
            write(&mut bytes, &frame).unwrap();
            write(&mut bytes, &frame).unwrap();
            let back: Vec<Frame> =
                Frames::new(Path::new("c.xyz"), &bytes[..]).map(|f| f.unwrap()).collect();
            prop_assert_eq!(&back[0], &frame);
            prop_assert_eq!(&back[1], &frame);
        }
    }
}
