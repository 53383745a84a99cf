//! One frame of an H5MD file: of ours, or of any program that writes `position`,
//! `species` and `box` (H5MD 1.1, <https://www.nongnu.org/h5md/h5md.html>).
//!
//! The first group of `/particles` is read (in our files `trajectory`). An element
//! may change in time (`value` with a row for every frame) or stand once. Species
//! are atomic numbers, or an HDF5 enumeration of symbols. Units are taken to be Å
//! and ps, those of our files; a file that names others is refused.

use super::frame::Frame;
use crate::elements::symbol;
use crate::error::{Error, Result};
use crate::geometry::Vec3;
use hdf5::types::{FixedAscii, TypeDescriptor, VarLenAscii, VarLenUnicode};
use hdf5::{Dataset, File, Group, Hyperslab, SliceOrIndex};
use ndarray::ArrayD;
use std::path::Path;

/// Reads frame `frame`, counted from 0; negative counts from the end.
pub fn read(path: &Path, frame: i64) -> Result<Frame> {
    let file = File::open(path)
        .map_err(|e| bad(path, format!("the file cannot be opened as HDF5: {e}")))?;
    let reader = Reader { path, group: group(path, &file)?, frame };
    reader.read()
}

fn bad(path: &Path, message: impl Into<String>) -> Error {
    Error::input(path, 0, 0, message)
}

fn group(path: &Path, file: &File) -> Result<Group> {
    let none = || bad(path, "the file holds no group below /particles, as H5MD asks for");
    let particles = file.group("particles").map_err(|_| none())?;
    let mut groups = particles.groups().unwrap_or_default();
    let ours = groups.iter().position(|g| g.name().ends_with("/trajectory"));
    match (ours, groups.len()) {
        (_, 0) => Err(none()),
        (ours, _) => Ok(groups.swap_remove(ours.unwrap_or(0))),
    }
}

struct Reader<'a> {
    path: &'a Path,
    group: Group,
    frame: i64,
}

impl Reader<'_> {
    fn read(&self) -> Result<Frame> {
        let positions = self.vectors("position", "Angstrom")?;
        let positions = positions.ok_or_else(|| bad(self.path, "the file holds no positions"))?;
        let atoms = positions.len();
        let mut frame = Frame { positions, species: self.species(atoms)?, ..Frame::default() };
        frame.velocities = self.vectors("velocity", "Angstrom ps-1")?;
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
        self.cell(&mut frame)?;
        Ok(frame)
    }

    /// An element's dataset, and which of its rows is the frame's (`None`: it stands once).
    fn element(&self, name: &str) -> Result<Option<(Dataset, Option<usize>)>> {
        if let Ok(fixed) = self.group.dataset(name) {
            return Ok(Some((fixed, None)));
        }
        let Ok(values) = self.group.dataset(&format!("{name}/value")) else { return Ok(None) };
        let frames = values.shape().first().copied().unwrap_or(0);
        let row = match self.frame {
            frame if frame < 0 => (frames as i64).saturating_add(frame),
            frame => frame,
        };
        if row < 0 || row >= frames as i64 {
            let message =
                format!("frame {} is wanted, but the file has {frames} frames", self.frame);
            return Err(bad(self.path, message));
        }
        Ok(Some((values, Some(row as usize))))
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
        if bytes.is_none_or(|bytes| bytes as u64 > length) {
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

    fn integers(&self, name: &str) -> Result<Option<Vec<i64>>> {
        let Some((dataset, row)) = self.element(name)? else { return Ok(None) };
        Ok(Some(self.slice::<i64>(name, &dataset, row)?.into_iter().collect()))
    }

    fn vectors(&self, name: &str, unit: &str) -> Result<Option<Vec<Vec3>>> {
        let Some((dataset, row)) = self.element(name)? else { return Ok(None) };
        if let Some(stated) = text(&dataset, "unit")
            && !["Angstrom", "Ang", "A", "Å"].contains(&stated.trim_end_matches(" ps-1"))
        {
            let message = format!("`{name}` is in `{stated}`, but `{unit}` is wanted");
            return Err(bad(self.path, message));
        }
        let values = self.slice::<f64>(name, &dataset, row)?;
        if values.ndim() != 2 || values.shape()[1] != 3 {
            return Err(bad(self.path, format!("`{name}` is not three numbers for each atom")));
        }
        let flat: Vec<f64> = values.into_iter().collect();
        if flat.iter().any(|x| !x.is_finite()) {
            return Err(bad(self.path, format!("`{name}` holds a number that is not finite")));
        }
        Ok(Some(flat.as_chunks::<3>().0.to_vec()))
    }

    fn species(&self, atoms: usize) -> Result<Vec<String>> {
        let Some((dataset, row)) = self.element("species")? else {
            return Err(bad(self.path, "the file holds no species"));
        };
        let values = self.slice::<i64>("species", &dataset, row)?;
        if values.len() != atoms {
            return Err(bad(self.path, "`species` does not stand for every atom"));
        }
        let names = enumeration(&dataset);
        let name = |number: i64| match names.iter().find(|(_, value)| *value == number) {
            Some((name, _)) => Some(name.clone()),
            None => symbol(number).map(String::from),
        };
        let unknown =
            |number| bad(self.path, format!("species {number} is no atomic number of an element"));
        values.into_iter().map(|number| name(number).ok_or_else(|| unknown(number))).collect()
    }

    fn cell(&self, frame: &mut Frame) -> Result<()> {
        let Ok(group) = self.group.group("box") else { return Ok(()) };
        frame.periodic = boundary(&group);
        if let Some((dataset, row)) = self.element("box/edges")? {
            let edges = self.slice::<f64>("box/edges", &dataset, row)?;
            let flat: Vec<f64> = edges.iter().copied().collect();
            frame.lattice = Some(match flat[..] {
                [a, b, c] => [[a, 0.0, 0.0], [0.0, b, 0.0], [0.0, 0.0, c]],
                [ax, ay, az, bx, by, bz, cx, cy, cz] => [[ax, ay, az], [bx, by, bz], [cx, cy, cz]],
                _ => return Err(bad(self.path, "`box/edges` is not a box in three dimensions")),
            });
        }
        if let Some((dataset, row)) = self.element("box/origin")? {
            let origin = self.slice::<f64>("box/origin", &dataset, row)?;
            frame.origin = std::array::from_fn(|d| origin.iter().nth(d).copied().unwrap_or(0.0));
        }
        Ok(())
    }
}

/// Directions whose boundary is `periodic`.
fn boundary(group: &Group) -> [bool; 3] {
    let Ok(attribute) = group.attr("boundary") else { return [false; 3] };
    let variable = attribute.read_raw::<VarLenAscii>().map(|v| strings(&v));
    let fixed = || attribute.read_raw::<FixedAscii<16>>().map(|v| strings(&v));
    let names = variable.or_else(|_| fixed()).unwrap_or_default();
    std::array::from_fn(|d| names.get(d).is_some_and(|name| name == "periodic"))
}

fn strings(values: &[impl AsRef<str>]) -> Vec<String> {
    values.iter().map(|v| v.as_ref().to_string()).collect()
}

/// An attribute that is a string, of variable or of fixed length.
fn text(dataset: &Dataset, name: &str) -> Option<String> {
    let attribute = dataset.attr(name).ok()?;
    let unicode = attribute.read_scalar::<VarLenUnicode>().map(|v| v.to_string());
    let ascii = || attribute.read_scalar::<VarLenAscii>().map(|v| v.to_string());
    let fixed = || attribute.read_scalar::<FixedAscii<64>>().map(|v| v.to_string());
    unicode.or_else(|_| ascii()).or_else(|_| fixed()).ok()
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
mod tests {
    use super::*;
    use ndarray::{Array3, arr1, arr2, arr3};

    /// A minimal H5MD file as another program might write it.
    fn foreign(path: &Path) -> File {
        let file = File::create(path).unwrap();
        let group = file.create_group("particles/all").unwrap();
        let cell = group.create_group("box").unwrap();
        let boundary = ["periodic", "none", "periodic"]
            .map(|name| FixedAscii::<16>::from_ascii(name).unwrap());
        cell.new_attr_builder().with_data(&arr1(&boundary)).create("boundary").unwrap();
        cell.new_dataset_builder().with_data(&arr1(&[10.0, 11.0, 12.0])).create("edges").unwrap();
        let position = group.create_group("position").unwrap();
        let frames: Array3<f64> =
            arr3(&[[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]], [[0.5, 0.0, 0.0], [1.5, 2.0, 3.0]]]);
        position.new_dataset_builder().with_data(&frames).create("value").unwrap();
        group.new_dataset_builder().with_data(&arr1(&[78i32, 26])).create("species").unwrap();
        file
    }

    #[test]
    fn any_frame_of_a_foreign_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        foreign(&path);
        for (frame, x) in [(0, 0.0), (1, 0.5), (-1, 0.5), (-2, 0.0)] {
            let frame = read(&path, frame).unwrap();
            assert_eq!(frame.positions, [[x, 0.0, 0.0], [x + 1.0, 2.0, 3.0]]);
            assert_eq!(frame.species, ["Pt", "Fe"]);
            assert_eq!(frame.periodic, [true, false, true]);
            assert_eq!(frame.lattice.unwrap()[1], [0.0, 11.0, 0.0]);
            assert_eq!(frame.velocities, None);
        }
    }

    #[derive(Clone, Copy, hdf5::H5Type)]
    #[repr(u8)]
    enum Kind {
        Pt = 1,
        Fe = 2,
    }

    #[test]
    fn species_may_be_an_enumeration_of_symbols() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let file = foreign(&path);
        let group = file.group("particles/all").unwrap();
        group.unlink("species").unwrap();
        let kinds = arr1(&[Kind::Fe, Kind::Pt]);
        group.new_dataset_builder().with_data(&kinds).create("species").unwrap();
        assert_eq!(read(&path, 0).unwrap().species, ["Fe", "Pt"]);
    }

    #[test]
    fn what_is_missing_or_foreign_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.h5");
        let message = |frame| {
            let text = read(&path, frame).unwrap_err().to_string();
            text.replace(path.to_str().unwrap(), "a.h5")
        };
        std::fs::write(&path, "no HDF5").unwrap();
        assert!(message(0).starts_with("a.h5: the file cannot be opened as HDF5: "));
        File::create(&path).unwrap();
        assert_eq!(message(0), "a.h5: the file holds no group below /particles, as H5MD asks for");

        let file = foreign(&path);
        assert_eq!(message(5), "a.h5: frame 5 is wanted, but the file has 2 frames");
        assert_eq!(message(-3), "a.h5: frame -3 is wanted, but the file has 2 frames");
        let group = file.group("particles/all").unwrap();
        group.unlink("species").unwrap();
        assert_eq!(message(0), "a.h5: the file holds no species");
        let species = |numbers: [i32; 2]| {
            let numbers = arr1(&numbers);
            group.new_dataset_builder().with_data(&numbers).create("species").unwrap();
        };
        species([78, 926]);
        assert_eq!(message(0), "a.h5: species 926 is no atomic number of an element");
        let rest = arr2(&[[0.0; 3], [0.0; 3]]);
        let velocity = group.new_dataset_builder().with_data(&rest).create("velocity").unwrap();
        let unit: VarLenUnicode = "nm ps-1".parse().unwrap();
        velocity.new_attr::<VarLenUnicode>().create("unit").unwrap().write_scalar(&unit).unwrap();
        group.unlink("species").unwrap();
        species([78, 26]);
        assert_eq!(message(0), "a.h5: `velocity` is in `nm ps-1`, but `Angstrom ps-1` is wanted");
    }
}
