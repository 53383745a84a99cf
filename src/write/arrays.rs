//! The arrays of a checkpoint: `/atoms/<field>`, in order of id, and
//! `/checksums/<field>`, XXH3-64 of each block of `by_id::BLOCK` atoms.
//!
//! What is large stands last in the file: the arrays, one after the other up to its end.
//! Whatever tells where and what they are stands before them, and so do their checksums.

use super::by_id::{BLOCK, Order, ROUND, slab};
use super::hdf5::{File, Row};
use super::read_ahead::ReadAhead;
use super::seal::{self, damaged};
use super::write_back::WriteBack;
use crate::atoms::Atoms;
use crate::error::Result;
use crate::geometry::{Cell, Vec3};
use rayon::prelude::*;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// One array and where its values stand in memory.
struct Field<T, V> {
    name: &'static str,
    /// That of an atom of this rank.
    value: V,
    /// Appends what was read of some atoms.
    add: fn(&mut Atoms, &[T]),
}

/// The one list of what a checkpoint holds of an atom.
fn fields(cell: &Cell) -> [Box<dyn Array>; 6] {
    let cell = *cell;
    // When a run wraps depends on its skin and its restarts; its state does not.
    let wrapped = move |atoms: &Atoms, i: usize| -> (Vec3, [i32; 3]) {
        let (mut position, mut image) = (atoms.position[i], atoms.image[i]);
        cell.wrap(&mut position, &mut image);
        let [x, y, z, _] = position;
        ([x, y, z], image)
    };
    fn field<T: Row>(
        name: &'static str,
        value: impl Fn(&Atoms, usize) -> T + Sync + 'static,
        add: fn(&mut Atoms, &[T]),
    ) -> Box<dyn Array> {
        Box::new(Field { name, value, add })
    }
    [
        field("id", |atoms, i| atoms.id[i], |atoms, list| atoms.id.extend(list)),
        field(
            "position",
            move |atoms, i| wrapped(atoms, i).0,
            |atoms, list| atoms.position.extend(list.iter().map(|&[x, y, z]| [x, y, z, 0.0])),
        ),
        field("image", move |atoms, i| wrapped(atoms, i).1, |atoms, list| atoms.image.extend(list)),
        field("velocity", |atoms, i| atoms.velocity[i], |atoms, list| atoms.velocity.extend(list)),
        field("species", |atoms, i| atoms.species[i], |atoms, list| atoms.species.extend(list)),
        field("particle", |atoms, i| atoms.particle[i], |atoms, list| atoms.particle.extend(list)),
    ]
}

/// Checksums of every field of a slab.
pub type Checksums = Vec<Vec<u64>>;

/// A file that is being written.
pub struct Output<'c> {
    file: File<'c>,
    total: u64,
    /// Where the arrays stand in the file, bytes.
    places: Vec<Range<u64>>,
    write_back: WriteBack,
}

impl<'c> Output<'c> {
    /// In a file that was made for it.
    pub fn start(file: File<'c>, total: u64, cell: &Cell) -> Result<Output<'c>> {
        file.create_group("/atoms")?;
        file.create_group("/checksums")?;
        for field in fields(cell) {
            field.prepare(&file, total)?;
        }
        let write_back = file.comm().agree(WriteBack::start(file.path()))?;
        Ok(Output { file, total, places: Vec::new(), write_back })
    }

    /// Closes the file, brings it to the disk and meanwhile reads back from it what was
    /// written, of which these are the checksums. Returns how much of the file stands before the arrays.
    pub fn finish(self, cell: &Cell, written: &Checksums) -> Result<u64> {
        let Output { file, total, places, write_back } = self;
        let (path, comm) = (file.path().to_path_buf(), file.comm());
        file.close()?;
        let last_part = write_back.finish();
        let verified = File::open(&path, comm, false).and_then(|file| {
            let read = read(&file, total, cell, (None, None))?;
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

/// Writes all fields and returns their checksums; `output` on a rank that touches the
/// file. Collective over all ranks.
pub fn write(
    cell: &Cell,
    atoms: &Atoms,
    order: &Order,
    mut output: Option<&mut Output>,
) -> Result<Checksums> {
    let fields = fields(cell);
    let written = fields.iter().map(|field| {
        let sums = field.write(atoms, order, output.as_deref_mut());
        order.comm().agree(sums)
    });
    written.collect()
}

/// The atoms of this rank's slab, but for their forces and number, from a file that may be on
/// the disk only. Collective over the ranks that touch the file.
pub fn read_from_disk(file: &File, total: u64, cell: &Cell) -> Result<Atoms> {
    let parts = fields(cell).into_iter().map(|field| field.parts(file, total));
    let parts: Vec<Vec<Range<u64>>> = parts.collect::<Result<_>>()?;
    let ahead = ReadAhead::start(file.path(), parts.concat());
    let mut atoms = Atoms::default();
    read(file, total, cell, (Some(&mut atoms), Some(&ahead)))?;
    Ok(atoms)
}

/// Reads the fields of a slab, holds them against their checksums and returns these.
fn read(
    file: &File,
    total: u64,
    cell: &Cell,
    (mut atoms, ahead): (Option<&mut Atoms>, Option<&ReadAhead>),
) -> Result<Checksums> {
    let read = fields(cell)
        .into_iter()
        .map(|field| field.read(file, total, (atoms.as_deref_mut(), ahead)));
    read.collect()
}

/// What is done with an array, whatever it holds.
trait Array {
    /// Makes room for the checksums.
    fn prepare(&self, file: &File, total: u64) -> Result<()>;
    fn write(&self, atoms: &Atoms, order: &Order, output: Option<&mut Output>) -> Result<Vec<u64>>;
    /// Where in the file this rank will read, bytes.
    fn parts(&self, file: &File, total: u64) -> Result<Vec<Range<u64>>>;
    fn read(
        &self,
        file: &File,
        total: u64,
        to: (Option<&mut Atoms>, Option<&ReadAhead>),
    ) -> Result<Vec<u64>>;
}

impl<T: Row, V: Fn(&Atoms, usize) -> T + Sync> Array for Field<T, V> {
    fn prepare(&self, file: &File, total: u64) -> Result<()> {
        file.create_dataset::<u64>(&table(self.name), &[total.div_ceil(BLOCK)]).map(drop)
    }

    fn write(&self, atoms: &Atoms, order: &Order, output: Option<&mut Output>) -> Result<Vec<u64>> {
        let value = |i: usize| (self.value)(atoms, i);
        let Some(output) = output else {
            return order.pass(value, |_, _: &[T]| Ok(())).map(|()| Vec::new());
        };
        let Output { file, total, places, write_back } = output;
        let (mut data, mut sums) = (None, Vec::new());
        order.pass(value, |first, rows: &[T]| {
            let data = match &mut data {
                Some(data) => data,
                none => {
                    let shape = [*total, T::WIDTH];
                    let made = file.create_dataset::<T::Number>(&array(self.name), &shape)?;
                    places.push(made.place()?);
                    none.insert(made)
                }
            };
            sums.par_extend(checksums(rows));
            data.write(&[first, 0], &[rows.len() as u64, T::WIDTH], T::numbers(rows))?;
            write_back.more();
            Ok(())
        })?;
        let blocks = own_slab(file, *total).start.div_ceil(BLOCK);
        file.dataset(&table(self.name))?.write(&[blocks], &[sums.len() as u64], &sums)?;
        Ok(sums)
    }

    fn parts(&self, file: &File, total: u64) -> Result<Vec<Range<u64>>> {
        let path = file.path();
        let place = file.dataset(&array(self.name))?.place()?;
        let length = file.comm().agree(seal::length(path))?;
        let wanted = total.checked_mul(size_of::<T>() as u64);
        if wanted != Some(place.end - place.start) || length < place.end {
            return Err(damaged(path, &format!("{} is not there for {total} atoms", self.name)));
        }
        let byte = |atom: u64| place.start + atom * size_of::<T>() as u64;
        let slab = own_slab(file, total);
        let firsts = slab.clone().step_by(ROUND as usize);
        Ok(firsts.map(|first| byte(first)..byte((first + ROUND).min(slab.end))).collect())
    }

    fn read(
        &self,
        file: &File,
        total: u64,
        (mut atoms, ahead): (Option<&mut Atoms>, Option<&ReadAhead>),
    ) -> Result<Vec<u64>> {
        let (name, path) = (self.name, file.path());
        let data = file.dataset(&array(name))?;
        let table = file.dataset(&table(name))?;
        if data.shape()? != [total, T::WIDTH] || table.shape()? != [total.div_ceil(BLOCK)] {
            return Err(damaged(path, &format!("{name} is not there for {total} atoms")));
        }
        let slab = own_slab(file, total);
        let comm = file.comm();
        let mut rows = vec![T::zeroed(); (slab.end - slab.start).min(ROUND) as usize];
        let mut sums = Vec::new();
        for round in 0..comm.max_u64((slab.end - slab.start).div_ceil(ROUND)) {
            let first = (slab.start + round * ROUND).min(slab.end);
            rows.truncate((slab.end - first) as usize);
            let count = [rows.len() as u64, T::WIDTH];
            if let Some(ahead) = ahead.filter(|_| !rows.is_empty()) {
                ahead.next();
            }
            data.read_into(&[first, 0], &count, T::numbers_mut(&mut rows))?;
            sums.par_extend(checksums(&rows));
            if let Some(atoms) = &mut atoms {
                (self.add)(atoms, &rows);
            }
        }
        let block = slab.start.div_ceil(BLOCK);
        let expected = table.read::<u64>(&[block], &[sums.len() as u64])?;
        let wrong = sums.iter().zip(&expected).position(|(found, written)| found != written);
        comm.agree(match wrong {
            None => Ok(sums),
            Some(block) => {
                let atom = slab.start + block as u64 * BLOCK;
                Err(damaged(path, &format!("its checksum of {name} is wrong from atom {atom} on")))
            }
        })
    }
}

fn array(name: &str) -> String {
    format!("/atoms/{name}")
}

fn table(name: &str) -> String {
    format!("/checksums/{name}")
}

/// One checksum for each block of atoms.
fn checksums<T: Row>(rows: &[T]) -> impl IndexedParallelIterator<Item = u64> {
    rows.par_chunks(BLOCK as usize).map(|block| xxh3_64(bytemuck::cast_slice(block)))
}

/// The ids that this rank writes or reads.
fn own_slab(file: &File, total: u64) -> Range<u64> {
    slab(total, file.comm().rank(), file.comm().size())
}
