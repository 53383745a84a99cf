//! A frame as extended XYZ.

use crate::build::frame::{Column, Frame, Values};
use std::io::Write;

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
        write!(out, ":{name}:{}:{width}", values.kind())?;
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
