//! One frame of an H5MD file: of ours, or of any program that writes `position`,
//! `species` and `box` (H5MD 1.1, <https://www.nongnu.org/h5md/h5md.html>).
//!
//! - One group of `/particles` is read: the only one, or the one that the input names.
//! - An element changes in time (`value`, `step`) or stands once; those that change give
//!   the value at the step of the frame, wherever that stands in them.
//! - Units are converted to Å and Å/ps. A quantity that names none is in these; a box that
//!   names none has the unit of the positions.
//! - `species` are names, an enumeration of names, numbers with names beside them (our
//!   files, `write::species`), types that the input names, or atomic numbers.
//! - With `image`, positions are unwrapped.

use super::frame::Frame;
use super::species;
use crate::error::{Error, Result};
use crate::geometry::Vec3;
use hdf5::types::{FixedAscii, FixedUnicode, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Attribute, Dataset, File, Group, Hyperslab, Location, SliceOrIndex};
use ndarray::ArrayD;
use std::collections::HashMap;
use std::path::Path;
use units::Unit;

mod units;

/// Longest name of a species, boundary or unit that is kept as fixed text, bytes.
const LONGEST_NAME: usize = 64;

/// Bytes that deflate makes of one at most.
const DEFLATE: u64 = 1032;

/// What is wanted of a file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// Counted from 0; negative counts from the end.
    pub frame: i64,
    /// The group of `/particles`, where there are several.
    pub group: Option<&'a str>,
    /// Names of types 1, 2, ..., for species that are numbers of types; none: the file's
    /// own names, or atomic numbers.
    pub types: &'a [String],
    /// Of how many elements the atoms may be: where no number of the file is above it, they
    /// may be types, and are given as they are.
    pub elements: usize,
}

/// Reads a frame.
pub fn read(path: &Path, wanted: Wanted) -> Result<Frame> {
    let file = File::open(path)
        .map_err(|e| bad(path, format!("the file cannot be opened as HDF5: {e}")))?;
    let group = group(path, &file, wanted.group)?;
    let mut reader = Reader { path, file, group, wanted, row: 0, step: None };
    reader.read()
}

fn bad(path: &Path, message: impl Into<String>) -> Error {
    Error::input(path, 0, 0, message)
}

fn group(path: &Path, file: &File, wanted: Option<&str>) -> Result<Group> {
    let none = || bad(path, "the file holds no group below /particles, as H5MD asks for");
    let particles = file.group("particles").map_err(|_| none())?;
    let mut groups = particles.groups().unwrap_or_default();
    groups.sort_by_key(|group| group.name());
    let name = |group: &Group| group.name().rsplit('/').next().unwrap_or_default().to_string();
    let names: Vec<String> = groups.iter().map(name).collect();
    let list = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (wanted, groups.len()) {
        (_, 0) => Err(none()),
        (None, 1) => Ok(groups.remove(0)),
        (None, _) => Err(bad(
            path,
            format!(
                "/particles holds the groups {}: say which one holds the atoms, as `group = \
                 \"{}\"` in `[structure]`",
                list(),
                names[0]
            ),
        )),
        (Some(wanted), _) => match names.iter().position(|name| name == wanted) {
            Some(place) => Ok(groups.swap_remove(place)),
            None => Err(bad(
                path,
                format!("the group `{wanted}` is wanted, but /particles holds {}", list()),
            )),
        },
    }
}

struct Reader<'a> {
    path: &'a Path,
    file: File,
    group: Group,
    wanted: Wanted<'a>,
    /// Where the frame stands among those of the positions, and its step where the file
    /// tells that.
    row: usize,
    step: Option<i64>,
}

/// An element of the group.
struct Element {
    name: &'static str,
    values: Dataset,
    /// Which of the rows is the frame's; `None`: it stands once.
    row: Option<usize>,
    /// As the file names it.
    unit: Option<String>,
}

impl Reader<'_> {
    fn read(&mut self) -> Result<Frame> {
        let none = || bad(self.path, "the file holds no positions");
        let positions = self.positions()?.ok_or_else(none)?;
        let length = self.unit(&positions, units::length)?.unwrap_or(Unit::ANGSTROM);
        let mut frame = Frame { positions: self.vectors(&positions, length)?, ..Frame::default() };
        if positions.unit.is_none() {
            frame.warnings.push("`position` names no unit: taken as Å".into());
        }
        let atoms = frame.positions.len();
        frame.species = self.species(atoms)?;
        if let Some(velocities) = self.element("velocity")? {
            let unit = match self.unit(&velocities, units::velocity)? {
                Some(unit) => unit,
                None if length == Unit::ANGSTROM => {
                    frame.warnings.push("`velocity` names no unit: taken as Å/ps".into());
                    Unit::ANGSTROM
                }
                None => {
                    let stated = positions.unit.as_deref().unwrap_or_default();
                    let message =
                        format!("`position` is in `{stated}`, but `velocity` names no unit");
                    return Err(bad(self.path, message));
                }
            };
            frame.velocities = Some(self.vectors(&velocities, unit)?);
        }
        if frame.velocities.as_ref().is_some_and(|v| v.len() != atoms) {
            return Err(bad(self.path, "there are not as many velocities as positions"));
        }
        for name in ["id", "particle"] {
            if let Some(values) = self.integers(name)? {
                if values.len() != atoms {
                    return Err(bad(self.path, format!("`{name}` does not stand for every atom")));
                }
                frame.set_integers(name, values);
            }
        }
        self.masses(&mut frame)?;
        self.cell(&mut frame, length)?;
        self.unwrap(&mut frame)?;
        self.departed(&mut frame);
        Ok(frame)
    }

    /// Tells of atoms that were at rest far out, or taken out, in the run that wrote the file.
    fn departed(&self, frame: &mut Frame) {
        let rows =
            self.file.dataset("sinter/departures/step").and_then(|rows| rows.read_1d::<i64>());
        let gone = |step: &&i64| self.step.is_none_or(|now| **step <= now);
        let count = rows.map_or(0, |rows| rows.iter().filter(gone).count());
        if count > 0 {
            frame.warnings.push(format!(
                "{count} of the atoms had evaporated in the run that wrote the file, and rested or were taken out \
                 (`[evaporation]`): here they are atoms as all others"
            ));
        }
    }

    /// Masses in g/mol, to be compared; in other units they are passed over.
    fn masses(&self, frame: &mut Frame) -> Result<()> {
        let Some(element) = self.element("mass")? else { return Ok(()) };
        let known = ["u", "amu", "Da", "g/mol", "g mol-1"];
        if element.unit.as_deref().is_none_or(|unit| known.contains(&unit)) {
            let masses: Vec<f64> = self.values::<f64>(&element)?.into_iter().collect();
            if masses.len() != frame.len() {
                return Err(bad(self.path, "`mass` does not stand for every atom"));
            }
            frame.set_reals("masses", 1, masses);
        }
        Ok(())
    }

    /// The positions, by which the frame is counted.
    fn positions(&mut self) -> Result<Option<Element>> {
        let Some(mut positions) = self.open("position")? else { return Ok(None) };
        if positions.row.is_none() {
            return Ok(Some(positions));
        }
        let frames = positions.values.shape().first().copied().unwrap_or(0);
        let wanted = self.wanted.frame;
        let row = if wanted < 0 { (frames as i64).saturating_add(wanted) } else { wanted };
        if row < 0 || row >= frames as i64 {
            let message = format!("frame {wanted} is wanted, but the file has {frames} frames");
            return Err(bad(self.path, message));
        }
        self.row = row as usize;
        self.step = self.steps("position", frames)?.map(|steps| steps[self.row]);
        positions.row = Some(self.row);
        Ok(Some(positions))
    }

    /// An element as it is in the frame.
    fn element(&self, name: &'static str) -> Result<Option<Element>> {
        let Some(mut element) = self.open(name)? else { return Ok(None) };
        if element.row.is_none() {
            return Ok(Some(element));
        }
        let rows = element.values.shape().first().copied().unwrap_or(0);
        let row = match (self.step, self.steps(name, rows)?) {
            (Some(step), Some(steps)) => steps.iter().position(|&other| other == step),
            _ => Some(self.row).filter(|&row| row < rows),
        };
        let Some(row) = row else {
            let frame = match self.step {
                Some(step) => format!("step {step}"),
                None => format!("frame {}", self.row),
            };
            return Err(bad(self.path, format!("`{name}` has no value for {frame}")));
        };
        element.row = Some(row);
        Ok(Some(element))
    }

    /// An element; if it changes in time, at its first row.
    fn open(&self, name: &'static str) -> Result<Option<Element>> {
        let changing = format!("{name}/value");
        let (values, row) = match (self.group.dataset(name), self.group.dataset(&changing)) {
            (Ok(fixed), _) => (fixed, None),
            (_, Ok(values)) => (values, Some(0)),
            _ => return Ok(None),
        };
        let of_group = || self.group.group(name).ok().and_then(|group| text(&group, "unit"));
        let unit = text(&values, "unit").or_else(of_group).filter(|unit| !unit.is_empty());
        Ok(Some(Element { name, values, row, unit }))
    }

    /// The step of each row: a list, or an increment (with the attribute `offset`).
    fn steps(&self, name: &str, rows: usize) -> Result<Option<Vec<i64>>> {
        let Ok(dataset) = self.group.dataset(&format!("{name}/step")) else { return Ok(None) };
        let steps = self.slice::<i64>(&format!("{name}/step"), &dataset, None)?;
        if steps.ndim() == 0 {
            let increment = steps.iter().next().copied().unwrap_or(0);
            let offset = dataset.attr("offset").and_then(|a| a.read_scalar::<i64>()).unwrap_or(0);
            let step = |row: i64| offset.saturating_add(increment.saturating_mul(row));
            return Ok(Some((0..rows as i64).map(step).collect()));
        }
        if steps.len() != rows {
            let message = format!("`{name}` has {rows} values and {} steps", steps.len());
            return Err(bad(self.path, message));
        }
        Ok(Some(steps.into_iter().collect()))
    }

    /// The unit that an element names; an error if it is none that is known.
    fn unit(&self, element: &Element, known: fn(&str) -> Option<Unit>) -> Result<Option<Unit>> {
        let Some(stated) = &element.unit else { return Ok(None) };
        known(stated).map(Some).ok_or_else(|| {
            let name = element.name;
            bad(self.path, format!("`{name}` is in `{stated}`, which is no unit known here"))
        })
    }

    /// The values of one row, with the shape that is left.
    fn slice<T: hdf5::H5Type>(
        &self,
        name: &str,
        dataset: &Dataset,
        row: Option<usize>,
    ) -> Result<ArrayD<T>> {
        // No buffer is made for numbers that only damage tells.
        let here = dataset.shape();
        let rest = &here[row.is_some() as usize..];
        let bytes = rest.iter().try_fold(size_of::<T>(), |bytes, &n| bytes.checked_mul(n));
        let length = std::fs::metadata(self.path).map_or(0, |data| data.len());
        let most = if dataset.filters().is_empty() { length } else { length * DEFLATE };
        if bytes.is_none_or(|bytes| bytes as u64 > most) {
            return Err(bad(self.path, format!("`{name}` claims more than the file has bytes")));
        }
        let mut selection = vec![SliceOrIndex::from(..); dataset.ndim()];
        if let (Some(row), Some(first)) = (row, selection.first_mut()) {
            *first = SliceOrIndex::Index(row);
        }
        dataset
            .read_slice(Hyperslab::new(selection))
            .map_err(|e| bad(self.path, format!("`{name}` cannot be read: {e}")))
    }

    fn values<T: hdf5::H5Type>(&self, element: &Element) -> Result<ArrayD<T>> {
        self.slice(element.name, &element.values, element.row)
    }

    fn integers(&self, name: &'static str) -> Result<Option<Vec<i64>>> {
        let Some(element) = self.element(name)? else { return Ok(None) };
        Ok(Some(self.values::<i64>(&element)?.into_iter().collect()))
    }

    fn vectors(&self, element: &Element, unit: Unit) -> Result<Vec<Vec3>> {
        let name = element.name;
        let values = self.values::<f64>(element)?;
        if values.ndim() != 2 || values.shape()[1] != 3 {
            return Err(bad(self.path, format!("`{name}` is not three numbers for each atom")));
        }
        let flat: Vec<f64> = values.into_iter().map(|x| unit.convert(x)).collect();
        if flat.iter().any(|x| !x.is_finite()) {
            return Err(bad(self.path, format!("`{name}` holds a number that is not finite")));
        }
        Ok(flat.as_chunks::<3>().0.to_vec())
    }

    fn species(&self, atoms: usize) -> Result<Vec<String>> {
        let Some(element) = self.element("species")? else {
            let message = "the file holds no species, so that nobody knows which atom is which: give \
                           the structure as extended XYZ, with names";
            return Err(bad(self.path, message));
        };
        let kind = element.values.dtype().and_then(|kind| kind.to_descriptor());
        let named = match &kind {
            Ok(TypeDescriptor::VarLenUnicode) => self.words::<VarLenUnicode>(&element)?,
            Ok(TypeDescriptor::VarLenAscii) => self.words::<VarLenAscii>(&element)?,
            Ok(TypeDescriptor::FixedUnicode(_)) => {
                self.words::<FixedUnicode<LONGEST_NAME>>(&element)?
            }
            Ok(TypeDescriptor::FixedAscii(_)) => {
                self.words::<FixedAscii<LONGEST_NAME>>(&element)?
            }
            _ => self.numbered(&element)?,
        };
        match named.len() == atoms {
            true => Ok(named),
            false => Err(bad(self.path, "`species` does not stand for every atom")),
        }
    }

    fn words<T: hdf5::H5Type + AsRef<str>>(&self, element: &Element) -> Result<Vec<String>> {
        self.own_names()?;
        let words = self.values::<T>(element)?;
        Ok(words.iter().map(|word| word.as_ref().trim_matches([' ', '\0']).to_string()).collect())
    }

    /// An error if the input names types of a file that names its species.
    fn own_names(&self) -> Result<()> {
        match self.wanted.types.is_empty() {
            true => Ok(()),
            false => Err(bad(
                self.path,
                "the file names its species itself: leave `types` out of `[structure]`",
            )),
        }
    }

    /// Species that are numbers.
    fn numbered(&self, element: &Element) -> Result<Vec<String>> {
        let all = self.values::<i64>(element)?;
        let numbers = all.iter().copied();
        let Some(names) = self.names(&element.values)? else {
            let Wanted { types, elements, .. } = self.wanted;
            if types.is_empty() && species::may_be_types(numbers.clone(), elements) {
                return Ok(numbers.map(|number| number.to_string()).collect());
            }
            let named = |number| species::numbered(number, types);
            return numbers.map(named).collect::<Result<_, _>>().map_err(|e| bad(self.path, e));
        };
        self.own_names()?;
        let name = |number: i64| match names.get(&number).map(Vec::as_slice) {
            Some([name]) => Ok(name.clone()),
            Some(several) => Err(bad(
                self.path,
                format!(
                    "species {number} stands for {}: this file was written by a version that took \
                     the numbers from the library, and which atom is which is not in it",
                    several.join(" and for ")
                ),
            )),
            None => {
                let message = format!("species {number} has no name among those of the file");
                Err(bad(self.path, message))
            }
        };
        numbers.map(name).collect()
    }

    /// The names that the file has for its numbers.
    fn names(&self, dataset: &Dataset) -> Result<Option<HashMap<i64, Vec<String>>>> {
        let mut pairs = enumeration(dataset);
        if let (Ok(names), Ok(numbers)) = (dataset.attr("names"), dataset.attr("numbers")) {
            let numbers = numbers.read_raw::<i64>().unwrap_or_default();
            pairs.extend(strings(&names).unwrap_or_default().into_iter().zip(numbers));
        }
        if pairs.is_empty() && self.is_ours() {
            let kinds = self.file.group("parameters/species").and_then(|all| all.groups());
            for kind in kinds.unwrap_or_default() {
                let number = kind.attr("atomic_number").and_then(|n| n.read_scalar::<i64>());
                let name = kind.name().rsplit('/').next().unwrap_or_default().to_string();
                pairs.extend(number.ok().map(|number| (name, number)));
            }
        }
        let mut names: HashMap<i64, Vec<String>> = HashMap::new();
        for (name, number) in pairs {
            names.entry(number).or_default().push(name);
        }
        Ok(Some(names).filter(|names| !names.is_empty()))
    }

    fn is_ours(&self) -> bool {
        let creator = self.file.group("h5md/creator");
        creator.is_ok_and(|group| text(&group, "name").as_deref() == Some("sinter-hpc"))
    }

    fn cell(&self, frame: &mut Frame, length: Unit) -> Result<()> {
        let Ok(group) = self.group.group("box") else { return Ok(()) };
        frame.periodic = self.boundary(&group)?;
        let edges = self.element("box/edges")?;
        let unit = match &edges {
            Some(edges) => self.unit(edges, units::length)?.unwrap_or(length),
            None => length,
        };
        if let Some(edges) = &edges {
            let values = self.values::<f64>(edges)?;
            let flat: Vec<f64> = values.iter().map(|&x| unit.convert(x)).collect();
            if flat.iter().any(|x| !x.is_finite()) {
                return Err(bad(self.path, "`box/edges` holds a number that is not finite"));
            }
            let lattice = match flat[..] {
                [a, b, c] => [[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]],
                [ax, ay, az, bx, by, bz, cx, cy, cz] => [[ax, ay, az], [bx, by, bz], [cx, cy, cz]],
                _ => return Err(bad(self.path, "`box/edges` is not a box in three dimensions")),
            };
            // Our files tell a box without any boundary as one of no size.
            frame.lattice = Some(lattice).filter(|lattice| *lattice != [[0.0; 3]; 3]);
        }
        if let Some(origin) = self.element("box/origin")? {
            let unit = self.unit(&origin, units::length)?.unwrap_or(unit);
            let values = self.values::<f64>(&origin)?;
            let flat: Vec<f64> = values.iter().map(|&x| unit.convert(x)).collect();
            frame.origin = flat
                .try_into()
                .map_err(|_| bad(self.path, "`box/origin` is not a place in three dimensions"))?;
        }
        Ok(())
    }

    /// Directions whose boundary is `periodic`.
    fn boundary(&self, group: &Group) -> Result<[bool; 3]> {
        let Ok(attribute) = group.attr("boundary") else { return Ok([false; 3]) };
        let words = strings(&attribute).unwrap_or_default();
        let known = |word: &str| match word {
            "periodic" => Some(true),
            "none" => Some(false),
            _ => None,
        };
        let flags: Option<Vec<bool>> = words.iter().map(|word| known(word)).collect();
        flags.and_then(|flags| flags.try_into().ok()).ok_or_else(|| {
            let found = words.join("\", \"");
            let message = format!(
                "`boundary` of the box must be three of periodic and none, not \"{found}\""
            );
            bad(self.path, message)
        })
    }

    /// Puts atoms where they are without the boundaries, if the file counts their crossings.
    fn unwrap(&self, frame: &mut Frame) -> Result<()> {
        let (Some(image), Some(lattice)) = (self.element("image")?, frame.lattice) else {
            return Ok(());
        };
        let counts = self.values::<i64>(&image)?;
        if counts.shape() != [frame.len(), 3] {
            return Err(bad(self.path, "`image` is not three numbers for each atom"));
        }
        let counts: Vec<i64> = counts.into_iter().collect();
        for (position, counts) in frame.positions.iter_mut().zip(counts.as_chunks::<3>().0) {
            for (vector, &count) in lattice.iter().zip(counts) {
                for (x, edge) in position.iter_mut().zip(vector) {
                    *x += count as f64 * edge;
                }
            }
        }
        Ok(())
    }
}

/// An attribute that is a string, of variable or of fixed length.
fn text(location: &Location, name: &str) -> Option<String> {
    let all = strings(&location.attr(name).ok()?)?;
    all.into_iter().next().map(|text| text.trim().to_string())
}

/// The strings of an attribute, of variable or of fixed length.
fn strings(attribute: &Attribute) -> Option<Vec<String>> {
    fn list<T: AsRef<str>>(values: Vec<T>) -> Vec<String> {
        values.iter().map(|v| v.as_ref().trim_end_matches('\0').to_string()).collect()
    }
    match attribute.dtype().and_then(|kind| kind.to_descriptor()).ok()? {
        TypeDescriptor::VarLenUnicode => attribute.read_raw::<VarLenUnicode>().map(list).ok(),
        TypeDescriptor::VarLenAscii => attribute.read_raw::<VarLenAscii>().map(list).ok(),
        TypeDescriptor::FixedUnicode(_) => {
            attribute.read_raw::<FixedUnicode<LONGEST_NAME>>().map(list).ok()
        }
        TypeDescriptor::FixedAscii(_) => {
            attribute.read_raw::<FixedAscii<LONGEST_NAME>>().map(list).ok()
        }
        _ => None,
    }
}

/// The names and values of an enumeration; none for plain integers.
fn enumeration(dataset: &Dataset) -> Vec<(String, i64)> {
    match dataset.dtype().and_then(|kind| kind.to_descriptor()) {
        Ok(TypeDescriptor::Enum(kind)) => {
            kind.members.into_iter().map(|m| (m.name, m.value as i64)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
