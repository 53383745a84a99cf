//! The arrays of a checkpoint: `/atoms/<field>`, in order of id, if something is kept of atoms since they are
//! watched for diffusion `/beginnings/<field>`, and `/checksums/<field>`, XXH3-64 of each block of `by_id::BLOCK` atoms.
//!
//! What is large stands last in the file: the arrays, one after the other up to its end.
//! Whatever tells where and what they are stands before them, and so do their checksums.

use super::by_id::{BLOCK, IdOrder, portion};
use super::hdf5::{File, Row};
use super::read_ahead::ReadAhead;
use super::seal::{self, damaged};
use super::write_back::WriteBack;
use crate::atoms::Atoms;
use crate::error::Result;
use crate::geometry::{Cell, END_OF_COORDINATES, Vec3};
use crate::observe::{Beginnings, LAYERS, NOWHERE, Site};
use rayon::prelude::*;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// Atoms of a portion that are read at once: what was read is still in the cache when it is
/// looked at.
pub const PART: u64 = 8 * BLOCK;

/// What the arrays of a file are to hold.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Number of atoms over all ranks.
    pub total: u64,
    pub cell: &'a Cell,
    /// Number of species.
    pub kinds: usize,
}

/// What arrays hold of atoms, one value of each.
pub trait Kept: Default + Sync {
    /// In a file.
    const GROUP: &'static str;
    /// The one list of what a checkpoint holds of an atom.
    fn fields(expected: Expected) -> Vec<Box<dyn Array<Self>>>;
    /// Makes room for so many atoms.
    fn reserve(&mut self, atoms: usize);
}

/// One array and where its values stand in memory.
struct Field<S, T, V, C> {
    name: &'static str,
    /// That of an atom of this rank.
    value: V,
    /// What no checksum tells: whether it fits the atom of this id.
    check: C,
    /// Appends what was read of some atoms.
    add: fn(&mut S, &[T]),
}

/// Or why a value cannot be gone on with.
type Fit = Result<(), String>;

fn field<S: Kept + 'static, T: Row>(
    name: &'static str,
    value: impl Fn(&S, usize) -> T + Sync + 'static,
    check: impl Fn(u64, &T) -> Fit + Sync + 'static,
    add: fn(&mut S, &[T]),
) -> Box<dyn Array<S>> {
    Box::new(Field { name, value, check, add })
}

/// The array of a field of `$of` that goes by its name in the file, too.
macro_rules! column {
    ($of:ty, $name:ident, $check:expr) => {
        field(
            stringify!($name),
            |of: &$of, n| of.$name[n],
            $check,
            |of, list| of.$name.extend(list),
        )
    };
}

fn is_somewhere(id: u64, place: &Vec3) -> Fit {
    match place.iter().find(|x| x.is_nan() || x.abs() >= END_OF_COORDINATES) {
        None => Ok(()),
        Some(x) => Err(format!("atom {id} is nowhere: {x:?} Å")),
    }
}

impl Kept for Atoms {
    const GROUP: &'static str = "/atoms";

    fn fields(expected: Expected) -> Vec<Box<dyn Array<Atoms>>> {
        let (cell, kinds) = (*expected.cell, expected.kinds);
        // When a run wraps depends on its skin and its restarts; its state does not.
        let wrapped = move |atoms: &Atoms, i: usize| -> (Vec3, [i32; 3]) {
            let (mut position, mut image) = (atoms.position[i], atoms.image[i]);
            cell.wrap(&mut position, &mut image);
            let [x, y, z, _] = position;
            ([x, y, z], image)
        };
        let is_expected = |expected: u64, id: &u64| match *id == expected {
            true => Ok(()),
            false => Err(format!("atom {id} stands in the place of atom {expected}")),
        };
        let is_known = move |id: u64, kind: &u8| match (*kind as usize) < kinds {
            true => Ok(()),
            false => Err(format!("atom {id} is of a species beyond all {kinds}")),
        };
        vec![
            column!(Atoms, id, is_expected),
            field(
                "position",
                move |atoms, i| wrapped(atoms, i).0,
                is_somewhere,
                |atoms, list| atoms.position.extend(list.iter().map(|&[x, y, z]| [x, y, z, 0.0])),
            ),
            field(
                "image",
                move |atoms, i| wrapped(atoms, i).1,
                |_, _| Ok(()),
                |atoms, list| atoms.image.extend(list),
            ),
            column!(Atoms, velocity, |_, _| Ok(())),
            column!(Atoms, species, is_known),
            column!(Atoms, particle, |_, _| Ok(())),
        ]
    }

    fn reserve(&mut self, atoms: usize) {
        self.reserve_owned(atoms);
    }
}

impl Kept for Beginnings {
    const GROUP: &'static str = "/beginnings";

    fn fields(_: Expected) -> Vec<Box<dyn Array<Beginnings>>> {
        let is_length = |id: u64, normal: &[f32; 3]| match normal.iter().all(|x| x.abs() <= 1.001) {
            true => Ok(()),
            false => Err(format!("atom {id} has no normal: {normal:?}")),
        };
        let is_site = |id: u64, site: &u8| match (*site as usize) < Site::COUNT {
            true => Ok(()),
            false => Err(format!("atom {id} is at no kind of site: {site}")),
        };
        let is_layer = |id: u64, layer: &u8| match (*layer as usize) < LAYERS || *layer == NOWHERE {
            true => Ok(()),
            false => Err(format!("atom {id} is in no layer: {layer}")),
        };
        let is_square = |id: u64, square: &f64| match *square >= 0.0 {
            true => Ok(()),
            false => Err(format!("atom {id} has no square of its ways: {square}")),
        };
        vec![
            column!(Beginnings, place, is_somewhere),
            column!(Beginnings, normal, is_length),
            column!(Beginnings, site, is_site),
            column!(Beginnings, layer, is_layer),
            column!(Beginnings, sum, is_somewhere),
            column!(Beginnings, square, is_square),
        ]
    }

    fn reserve(&mut self, atoms: usize) {
        self.place.reserve(atoms);
        self.normal.reserve(atoms);
        self.site.reserve(atoms);
        self.layer.reserve(atoms);
        self.sum.reserve(atoms);
        self.square.reserve(atoms);
    }
}

/// Checksums of every field of a portion.
pub type Checksums = Vec<Vec<u64>>;

/// A file that is being written.
pub struct Output<'a> {
    file: File<'a>,
    expected: Expected<'a>,
    /// Where the arrays stand in the file, bytes.
    places: Vec<Range<u64>>,
    write_back: WriteBack,
}

impl<'a> Output<'a> {
    /// In a file that was made for it; `watched`: whether it holds beginnings.
    pub fn start(file: File<'a>, expected: Expected<'a>, watched: bool) -> Result<Output<'a>> {
        file.create_group("/checksums")?;
        prepare::<Atoms>(&file, expected)?;
        if watched {
            prepare::<Beginnings>(&file, expected)?;
        }
        let write_back = file.comm().agree(WriteBack::start(file.path()))?;
        Ok(Output { file, expected, places: Vec::new(), write_back })
    }

    /// Closes the file, brings it to the disk and meanwhile reads back from it what was
    /// written, of which these are the checksums. Returns how much of the file stands before the arrays.
    pub fn finish(self, written: &Checksums) -> Result<u64> {
        let Output { file, expected, places, write_back } = self;
        let (path, comm) = (file.path().to_path_buf(), file.comm());
        file.close()?;
        let last_part = write_back.finish();
        let verified = File::open(&path, comm, false).and_then(|file| {
            let mut read = read::<Atoms>(&file, expected, None)?;
            if has::<Beginnings>(&file)? {
                read.extend(self::read::<Beginnings>(&file, expected, None)?);
            }
            file.close()?;
            comm.agree(match read == *written {
                true => Ok(()),
                false => Err(damaged(&path, "other values stand in it than were written")),
            })
        });
        comm.agree(last_part.wait())?;
        verified?;
        let length = comm.agree(seal::length(&path))?;
        // As the library has always laid files out; if another one does not, all is head.
        let ends = places.iter().skip(1).map(|place| place.start).chain([length]);
        let last = places.iter().map(|place| place.end).eq(ends);
        Ok(places.first().filter(|_| last).map_or(length, |place| place.start))
    }
}

/// Makes room for the checksums of what is kept.
fn prepare<S: Kept>(file: &File, expected: Expected) -> Result<()> {
    file.create_group(S::GROUP)?;
    S::fields(expected).iter().try_for_each(|field| field.prepare(file, expected.total))
}

/// Whether a file holds such things.
pub fn has<S: Kept>(file: &File) -> Result<bool> {
    file.exists(S::GROUP)
}

/// Writes all fields and returns their checksums; `output` on a rank that touches the
/// file. Collective over all ranks.
pub fn write<S: Kept>(
    expected: Expected,
    kept: &S,
    order: &IdOrder,
    mut output: Option<&mut Output>,
) -> Result<Checksums> {
    let fields = S::fields(expected);
    let written = fields.iter().map(|field| {
        let sums = field.write(kept, order, output.as_deref_mut());
        order.comm().agree(sums)
    });
    written.collect()
}

/// The atoms of this rank's portion, but for their forces. Collective over the ranks that
/// touch the file.
pub fn read_atoms(file: &File, expected: Expected) -> Result<Atoms> {
    let mut atoms = Atoms::default();
    read(file, expected, Some(&mut atoms))?;
    atoms.owned = atoms.id.len();
    Ok(atoms)
}

/// What is kept of them since they are watched for diffusion, if they are. Likewise.
pub fn read_beginnings(file: &File, expected: Expected) -> Result<Beginnings> {
    let mut beginnings = Beginnings::default();
    if has::<Beginnings>(file)? {
        read(file, expected, Some(&mut beginnings))?;
        beginnings.id = own_portion(file, expected.total).collect();
    }
    Ok(beginnings)
}

/// Reads the fields of a portion, holds them against their checksums and returns these. The
/// values do not pass through HDF5, which would have all ranks wait for each other in each
/// of its transfers: it tells where they stand, as they are in memory, and each rank reads its own.
fn read<S: Kept>(file: &File, expected: Expected, mut kept: Option<&mut S>) -> Result<Checksums> {
    let Expected { total, .. } = expected;
    let fields = S::fields(expected);
    let parts = fields.iter().map(|field| field.parts(file, total));
    let parts: Vec<Vec<Range<u64>>> = parts.collect::<Result<_>>()?;
    if let Some(kept) = &mut kept {
        let portion = own_portion(file, total);
        kept.reserve((portion.end - portion.start) as usize);
    }
    let comm = file.comm();
    let mut ahead = comm.agree(ReadAhead::start(file.path(), parts.concat()))?;
    let read = fields.iter().map(|field| field.read(file, total, &mut ahead, kept.as_deref_mut()));
    read.collect()
}

/// Room that all of this takes in a file, for so many atoms; bytes.
pub fn bytes_of<S: Kept>(total: u64) -> u64 {
    let cell = Cell::new([0.0; 3], [0.0; 3], [false; 3]);
    let expected = Expected { total, cell: &cell, kinds: 0 };
    S::fields(expected).iter().map(|array| array.bytes(total)).sum()
}

/// What is done with an array, whatever it holds.
pub trait Array<S> {
    /// Room in the file, for so many atoms; bytes.
    fn bytes(&self, total: u64) -> u64;
    /// Makes room for the checksums.
    fn prepare(&self, file: &File, total: u64) -> Result<()>;
    fn write(&self, kept: &S, order: &IdOrder, output: Option<&mut Output>) -> Result<Vec<u64>>;
    /// Where in the file this rank will read, bytes.
    fn parts(&self, file: &File, total: u64) -> Result<Vec<Range<u64>>>;
    fn read(
        &self,
        file: &File,
        total: u64,
        ahead: &mut ReadAhead,
        kept: Option<&mut S>,
    ) -> Result<Vec<u64>>;
}

impl<S, T, V, C> Array<S> for Field<S, T, V, C>
where
    S: Kept,
    T: Row,
    V: Fn(&S, usize) -> T + Sync,
    C: Fn(u64, &T) -> Fit + Sync,
{
    fn bytes(&self, total: u64) -> u64 {
        total * size_of::<T>() as u64 + total.div_ceil(BLOCK) * size_of::<u64>() as u64
    }

    fn prepare(&self, file: &File, total: u64) -> Result<()> {
        file.create_dataset::<u64>(&table(self.name), &[total.div_ceil(BLOCK)]).map(drop)
    }

    fn write(&self, kept: &S, order: &IdOrder, output: Option<&mut Output>) -> Result<Vec<u64>> {
        let value = |i: usize| (self.value)(kept, i);
        let Some(output) = output else {
            return order.pass(value, |_, _: &[T]| Ok(())).map(|()| Vec::new());
        };
        let Output { file, expected: Expected { total, .. }, places, write_back } = output;
        let (mut data, mut sums) = (None, Vec::new());
        order.pass(value, |first, rows: &[T]| {
            let data = match &mut data {
                Some(data) => data,
                none => {
                    let shape = [*total, T::WIDTH];
                    let made = file.create_dataset::<T::Number>(&self.path(), &shape)?;
                    places.push(made.place()?);
                    none.insert(made)
                }
            };
            sums.par_extend(checksums(rows));
            data.write(&[first, 0], &[rows.len() as u64, T::WIDTH], T::numbers(rows))?;
            write_back.more();
            Ok(())
        })?;
        let blocks = own_portion(file, *total).start.div_ceil(BLOCK);
        file.dataset(&table(self.name))?.write(&[blocks], &[sums.len() as u64], &sums)?;
        Ok(sums)
    }

    fn parts(&self, file: &File, total: u64) -> Result<Vec<Range<u64>>> {
        let data = file.dataset(&self.path())?;
        let sums = file.dataset(&table(self.name))?;
        if data.shape()? != [total, T::WIDTH] || sums.shape()? != [total.div_ceil(BLOCK)] {
            let message = format!("{} is not there for {total} atoms", self.name);
            return Err(damaged(file.path(), &message));
        }
        let place = file.comm().agree(data.place_of::<T::Number>())?;
        let byte = |atom: u64| place.start + atom * size_of::<T>() as u64;
        let portion = own_portion(file, total);
        let firsts = portion.clone().step_by(PART as usize);
        Ok(firsts.map(|first| byte(first)..byte((first + PART).min(portion.end))).collect())
    }

    fn read(
        &self,
        file: &File,
        total: u64,
        ahead: &mut ReadAhead,
        kept: Option<&mut S>,
    ) -> Result<Vec<u64>> {
        let (comm, portion) = (file.comm(), own_portion(file, total));
        let (sums, fit) = comm.agree(self.take(portion.clone(), ahead, kept))?;
        let block = portion.start.div_ceil(BLOCK);
        let written = file.dataset(&table(self.name))?;
        let written = written.read::<u64>(&[block], &[sums.len() as u64])?;
        let wrong = sums.iter().zip(&written).position(|(found, written)| found != written);
        let fit = wrong.map_or(fit, |block| {
            let atom = portion.start + block as u64 * BLOCK;
            let what =
                self.path().trim_start_matches("/atoms/").trim_start_matches('/').to_string();
            Err(format!("its checksum of {what} is wrong from atom {atom} on"))
        });
        comm.agree(fit.map(|()| sums).map_err(|message| damaged(file.path(), &message)))
    }
}

impl<S: Kept, T: Row, V, C: Fn(u64, &T) -> Fit> Field<S, T, V, C> {
    fn path(&self) -> String {
        format!("{}/{}", S::GROUP, self.name)
    }

    /// Takes the values of a portion. Returns their checksums and whether they fit.
    fn take(
        &self,
        portion: Range<u64>,
        ahead: &mut ReadAhead,
        mut kept: Option<&mut S>,
    ) -> Result<(Vec<u64>, Fit)> {
        let (mut sums, mut fit) = (Vec::new(), Ok(()));
        let mut next = portion.start;
        while next < portion.end {
            let rows: &[T] = ahead.next()?;
            sums.par_extend(checksums(rows));
            if let Some(kept) = &mut kept {
                let mut each = (next..).zip(rows);
                fit = fit.and_then(|()| each.try_for_each(|(id, row)| (self.check)(id, row)));
                (self.add)(kept, rows);
            }
            next += rows.len() as u64;
        }
        Ok((sums, fit))
    }
}

fn table(name: &str) -> String {
    format!("/checksums/{name}")
}

/// One checksum for each block of atoms.
fn checksums<T: Row>(rows: &[T]) -> impl IndexedParallelIterator<Item = u64> {
    rows.par_chunks(BLOCK as usize).map(|block| xxh3_64(bytemuck::cast_slice(block)))
}

/// The ids that this rank writes or reads.
fn own_portion(file: &File, total: u64) -> Range<u64> {
    portion(total, file.comm().rank(), file.comm().size())
}
