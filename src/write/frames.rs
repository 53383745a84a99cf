//! The frames of two trajectories held against each other, bit by bit; for one process.
//!
//! What is compared is all that both files have of a frame. Displacements count from the first frame
//! of a file, so those of the one are held against its own positions.

use super::hdf5::{Dataset, File};
use super::layout;
use super::schema;
use super::trajectory::{read_reals, row_of_reference};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geometry::{norm, sub};
use crate::input::AtomColumn;
use std::ops::RangeInclusive;
use std::path::Path;

/// Numbers read at once, so that memory stays small for any file.
const AT_ONCE: u64 = 1 << 20;

/// What frames of the same steps say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    /// How many are the same, from the first on.
    pub same: usize,
    /// Step of the last of these.
    pub last_same: Option<u64>,
    pub first_other: Option<OtherFrame>,
}

/// A frame of the first file that is not as in the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherFrame {
    pub step: u64,
    /// In words, what is other.
    pub what: String,
}

/// Compares the frames of these steps; the second file is one of these steps alone, and need not have
/// a frame of the last.
///
/// # Errors
/// A file cannot be read, or the two do not hold frames equally exactly.
pub fn compare(one: &Path, other: &Path, steps: RangeInclusive<u64>) -> Result<Comparison> {
    let comm = Comm::single();
    let (one, other) = (File::open(one, &comm, false)?, File::open(other, &comm, false)?);
    let form = |file: &File| layout::form(file, &file.dataset(&schema::POSITION.value())?);
    if form(&one)?.bits != form(&other)?.bits {
        let why = "its positions are not rounded as the input now asks";
        return Err(Error::Run(format!("{}: {why}", one.path().display())));
    }
    let files = Pair::open([&one, &other])?;
    let mut comparison = Comparison::default();
    for (step, rows) in pair_up(&files.steps, &steps) {
        let what = match rows {
            Rows::Both(rows) => files
                .difference(rows)
                .unwrap_or_else(|error| Some(format!("it cannot be read: {error}"))),
            Rows::Unordered => Some("its step is not above that of the frame before".into()),
            Rows::First => Some("done again there is none".into()),
            Rows::Second => Some("there is none, done again there is one".into()),
        };
        if let Some(what) = what {
            comparison.first_other = Some(OtherFrame { step, what });
            break;
        }
        comparison.same += 1;
        comparison.last_same = Some(step);
    }
    Ok(comparison)
}

/// Which of two files have a frame of a step, and in which rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rows {
    Both([u64; 2]),
    First,
    Second,
    /// In the first, whose steps do not rise.
    Unordered,
}

/// The frames to compare. A file that begins later, after a restart into a new folder, lacks nothing
/// before; and the last step is reached, but not looked at as a rule.
fn pair_up(steps: &[Vec<i64>; 2], wanted: &RangeInclusive<u64>) -> Vec<(u64, Rows)> {
    let [one, other] = steps;
    let rises = |n: usize| n == 0 || one[n] > one[n - 1];
    if let Some(n) = (0..one.len()).find(|&n| !rises(n)) {
        return vec![(one[n] as u64, Rows::Unordered)];
    }
    let begin = one.first().copied().unwrap_or_default();
    let mut all: Vec<i64> = one.iter().chain(other).copied().collect();
    all.sort_unstable();
    all.dedup();
    let rows = |step: i64| {
        let at = [one, other].map(|steps| steps.binary_search(&step).ok());
        let is_last = step as u64 == *wanted.end();
        match at.map(|row| row.map(|row| row as u64)) {
            [Some(row), Some(other)] => Some(Rows::Both([row, other])),
            [Some(_), None] => Some(Rows::First).filter(|_| !is_last),
            _ => Some(Rows::Second).filter(|_| !is_last && step >= begin),
        }
    };
    let within = all.into_iter().filter(|step| *step >= 0 && wanted.contains(&(*step as u64)));
    within.filter_map(|step| Some((step as u64, rows(step)?))).collect()
}

/// Two files with what both have of each frame.
struct Pair<'c> {
    steps: [Vec<i64>; 2],
    /// A number or some for all atoms together: names and datasets.
    whole: Vec<(String, [Dataset<'c>; 2])>,
    /// Something of each atom.
    of_atoms: Vec<(String, [Dataset<'c>; 2])>,
    /// Of the first file.
    displacement: Option<Displacement<'c>>,
    id: Dataset<'c>,
}

/// How far atoms are from where they were.
struct Displacement<'c> {
    column: Dataset<'c>,
    position: Dataset<'c>,
    is_single: bool,
    /// The row with the places from which it counts.
    reference: Option<u64>,
}

impl<'c> Pair<'c> {
    fn open([one, other]: [&File<'c>; 2]) -> Result<Pair<'c>> {
        let both = |path: &str| Ok([one.dataset(path)?, other.dataset(path)?]);
        let (displaced, _) = schema::column(AtomColumn::Displacement);
        let mut whole = vec![("time".to_string(), both(schema::TIME)?)];
        let mut of_atoms = Vec::new();
        for group in groups(one, schema::FRAMES)? {
            let path = format!("{group}/value");
            if group == displaced.group || !one.exists(&path)? || !other.exists(&path)? {
                continue;
            }
            let name = group[schema::FRAMES.len() + 1..].to_string();
            let kind = if group.starts_with(schema::BOX) { &mut whole } else { &mut of_atoms };
            kind.push((name, both(&path)?));
        }
        let [steps, others] = both(schema::STEP)?.map(|dataset| dataset.read_all::<i64>());
        let steps = [steps?, others?];
        let displacement = match one.exists(&displaced.value())? {
            false => None,
            true => Some(Displacement::open(one, &displaced.value(), steps[0].len() as u64)?),
        };
        Ok(Pair { steps, whole, of_atoms, displacement, id: other.dataset(&schema::ID.value())? })
    }

    /// In words, what is other in these rows.
    fn difference(&self, rows: [u64; 2]) -> Result<Option<String>> {
        let mut told = Vec::new();
        for (name, datasets) in &self.whole {
            let shape = datasets[0].shape()?;
            let within = shape[1..].iter().map(|&count| (0, count)).collect::<Vec<_>>();
            let [one, other] = [0, 1].map(|n| block(&datasets[n], rows[n], &within));
            if one? != other? {
                told.push(name.clone());
            }
        }
        let mut atoms = OtherAtoms::default();
        let all = self.id.shape()?[1];
        for first in (0..all).step_by(AT_ONCE as usize) {
            self.see_atoms(rows, (first, AT_ONCE.min(all - first)), &mut atoms)?;
        }
        if let Some(first) = atoms.first {
            let id = self.id.read::<i64>(&[rows[1], first], &[1, 1])?[0];
            told.push(atoms_told((atoms.count, all), id, &atoms.names));
        }
        Ok((!told.is_empty()).then(|| told.join(", ")))
    }

    /// Of so many atoms from one on.
    fn see_atoms(
        &self,
        rows: [u64; 2],
        (first, count): (u64, u64),
        seen: &mut OtherAtoms,
    ) -> Result<()> {
        let mut others = vec![false; count as usize];
        let mut note = |name: &str, [one, other]: [&[u8]; 2]| {
            if one == other {
                return;
            }
            if !seen.names.iter().any(|known| known == name) {
                seen.names.push(name.into());
            }
            let width = one.len() / others.len();
            let pairs = one.chunks_exact(width).zip(other.chunks_exact(width));
            others.iter_mut().zip(pairs).for_each(|(is_other, (a, b))| *is_other |= a != b);
        };
        for (name, datasets) in &self.of_atoms {
            let mut within = vec![(first, count)];
            within.extend(datasets[0].shape()?[2..].iter().map(|&count| (0, count)));
            let [one, other] = [0, 1].map(|n| block(&datasets[n], rows[n], &within));
            note(name, [&one?, &other?]);
        }
        if let Some(displacement) = &self.displacement {
            let [one, other] = displacement.found_and_due(rows[0], (first, count))?;
            note("displacement", [&one, &other]);
        }
        seen.count += others.iter().filter(|other| **other).count() as u64;
        let at = others.iter().position(|other| *other).map(|at| first + at as u64);
        seen.first = seen.first.or(at);
        Ok(())
    }
}

impl<'c> Displacement<'c> {
    fn open(file: &File<'c>, path: &str, frames: u64) -> Result<Displacement<'c>> {
        let column = file.dataset(path)?;
        let position = file.dataset(&schema::POSITION.value())?;
        let is_single = column.holds::<f32>()?;
        let reference = row_of_reference(&column, frames)?;
        Ok(Displacement { column, position, is_single, reference })
    }

    /// What stands there of so many atoms from one on, and what is to by their positions.
    fn found_and_due(&self, row: u64, (first, count): (u64, u64)) -> Result<[Vec<u8>; 2]> {
        let places = |row: u64| {
            let block = (&[row, first, 0][..], &[1, count, 3][..]);
            let numbers = read_reals(&self.position, self.is_single, block)?;
            Ok(numbers.chunks_exact(3).map(|x| [x[0], x[1], x[2]]).collect::<Vec<_>>())
        };
        let due: Vec<f64> = match self.reference.filter(|&reference| reference <= row) {
            None => vec![f64::NAN; count as usize],
            Some(reference) => {
                let pairs = places(row)?.into_iter().zip(places(reference)?);
                pairs.map(|(now, then)| norm(sub(now, then))).collect()
            }
        };
        let due = match self.is_single {
            false => bytemuck::cast_slice(&due).to_vec(),
            true => due.iter().flat_map(|x| (*x as f32).to_ne_bytes()).collect(),
        };
        Ok([block(&self.column, row, &[(first, count)])?, due])
    }
}

/// Atoms that are other in some quantity.
#[derive(Default)]
struct OtherAtoms {
    count: u64,
    /// In the order of ids.
    first: Option<u64>,
    names: Vec<String>,
}

/// So many of all atoms are other, the first with this id, in quantities of these names.
pub fn atoms_told((count, all): (u64, u64), first: i64, names: &[impl AsRef<str>]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    format!("{count} of {all} atoms, atom {first} the first ({})", names.join(", "))
}

/// The bytes of a block in a row: where it begins in each direction, and how far it goes.
fn block(dataset: &Dataset, row: u64, within: &[(u64, u64)]) -> Result<Vec<u8>> {
    let (start, count): (Vec<u64>, Vec<u64>) =
        std::iter::once((row, 1)).chain(within.iter().copied()).unzip();
    Ok(if dataset.holds::<f64>()? {
        bytemuck::cast_slice(&dataset.read::<f64>(&start, &count)?).to_vec()
    } else if dataset.holds::<f32>()? {
        bytemuck::cast_slice(&dataset.read::<f32>(&start, &count)?).to_vec()
    } else if dataset.holds::<i64>()? {
        bytemuck::cast_slice(&dataset.read::<i64>(&start, &count)?).to_vec()
    } else {
        bytemuck::cast_slice(&dataset.read::<i32>(&start, &count)?).to_vec()
    })
}

/// All groups below one.
fn groups(file: &File, above: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in file.members(above)? {
        let path = format!("{above}/{name}");
        if !file.is_dataset(&path)? {
            found.extend(groups(file, &path)?);
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_that_one_file_lacks_is_no_frame_that_both_have() {
        let pairs =
            |one: &[i64], other: &[i64]| pair_up(&[one.to_vec(), other.to_vec()], &(20..=40));
        let same = |row, other| Rows::Both([row, other]);
        assert_eq!(pairs(&[0, 20, 30, 40, 50], &[20, 30]), [(20, same(1, 0)), (30, same(2, 1))]);
        assert_eq!(
            pairs(&[0, 30, 40], &[20, 30, 40]),
            [(20, Rows::Second), (30, same(1, 1)), (40, same(2, 2))]
        );
        assert_eq!(
            pairs(&[0, 20, 31, 40], &[20, 30]),
            [(20, same(1, 0)), (30, Rows::Second), (31, Rows::First)]
        );
        // Begun anew at step 30.
        assert_eq!(pairs(&[30, 50], &[20, 30]), [(30, same(0, 1))]);
        assert_eq!(pairs(&[0, 20, 10, 30], &[20, 30]), [(10, Rows::Unordered)]);
    }
}
