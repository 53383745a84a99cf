//! The frames of two trajectories held against each other, bit by bit; for one process.

use super::hdf5::{Element, File};
use super::layout;
use super::schema::{self, Quantity};
use crate::comm::Comm;
use crate::error::Result;
use std::ops::RangeInclusive;
use std::path::Path;

/// Numbers read at once, so that memory stays small for any file.
const AT_ONCE: u64 = 1 << 20;

/// What frames of the same steps say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Comparison {
    /// How many are the same, from the first on.
    pub same: usize,
    /// Steps of the last of these and of the first one that is not.
    pub last_same: Option<u64>,
    pub first_other: Option<u64>,
}

/// Compares positions and velocities in the frames of these steps that both files have; none if the
/// files do not hold them equally exactly.
pub fn compare(one: &Path, other: &Path, steps: RangeInclusive<u64>) -> Result<Comparison> {
    let comm = Comm::single();
    let (one, other) = (File::open(one, &comm, false)?, File::open(other, &comm, false)?);
    let form = |file: &File| layout::form(file, &file.dataset(&schema::POSITION.value())?);
    let mut comparison = Comparison::default();
    if form(&one)?.bits != form(&other)?.bits {
        return Ok(comparison);
    }
    let steps_of = |file: &File| file.dataset(schema::STEP)?.read_all::<i64>();
    let others = steps_of(&other)?;
    for (row, step) in steps_of(&one)?.into_iter().enumerate() {
        let Ok(at) = others.binary_search(&step) else { continue };
        if !steps.contains(&(step as u64)) {
            continue;
        }
        let rows = [row as u64, at as u64];
        for quantity in [schema::POSITION, schema::VELOCITY] {
            if !is_same(&quantity, [&one, &other], rows)? {
                comparison.first_other = Some(step as u64);
                return Ok(comparison);
            }
        }
        comparison.same += 1;
        comparison.last_same = Some(step as u64);
    }
    Ok(comparison)
}

/// Whether these rows of two files have the same bits; they have if one has none.
fn is_same(quantity: &Quantity, files: [&File; 2], rows: [u64; 2]) -> Result<bool> {
    let path = quantity.value();
    if !files[0].exists(&path)? || !files[1].exists(&path)? {
        return Ok(true);
    }
    match files[0].dataset(&path)?.holds::<f32>()? {
        true => has_same_bits::<f32>(&path, files, rows),
        false => has_same_bits::<f64>(&path, files, rows),
    }
}

fn has_same_bits<T: Element>(path: &str, files: [&File; 2], rows: [u64; 2]) -> Result<bool> {
    let [one, other] = [files[0].dataset(path)?, files[1].dataset(path)?];
    let shape = one.shape()?;
    if shape[1..] != other.shape()?[1..] {
        return Ok(false);
    }
    let atoms = shape[1];
    for first in (0..atoms).step_by(AT_ONCE as usize) {
        let read = |dataset: &super::hdf5::Dataset, row: u64| {
            dataset.read::<T>(&[row, first, 0], &[1, AT_ONCE.min(atoms - first), shape[2]])
        };
        let [one, other] = [read(&one, rows[0])?, read(&other, rows[1])?];
        if bytemuck::cast_slice::<T, u8>(&one) != bytemuck::cast_slice::<T, u8>(&other) {
            return Ok(false);
        }
    }
    Ok(true)
}
