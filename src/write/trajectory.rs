//! The trajectory file: frames and time series, written in parallel and flushed
//! after every frame. `schema` says what stands where.
//!
//! Invariants: a step stands once; steps rise; all quantities of frames have as
//! many rows as there are frames, all columns of a series as many as its steps.
//! Atoms stand in the order of their ids, so the content does not depend on the
//! number of ranks (only `/parameters` tells them). After a killed job the file
//! opens as it was at its last flush.

use super::by_id::IdOrder;
use super::content;
use super::content::Content;
use super::departure::Departure;
use super::hdf5::{Attribute, Dataset, Element, File, Purpose, Row};
use super::layout::{self, root};
use super::provenance::{Job, Provenance};
use super::schema::{self, Direction, Quantity};
use super::series::{SeriesWriter, rows_before};
use super::species;
use crate::atoms::{Atoms, Species};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::geometry::{Cell, norm, sub};
use crate::input::AtomColumn;
use crate::observe::{PerAtom, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// One frame to be written: `atoms` are those that this rank owns, with complete
/// forces if the file holds forces or energies.
pub struct Frame<'a> {
    pub step: u64,
    pub time_ps: f64,
    pub cell: &'a Cell,
    pub atoms: &'a Atoms,
    /// What else there is of them, if the file holds any columns of that.
    pub more: Option<&'a PerAtom>,
    /// Whether the particles stand together: from the first such frame on displacements count.
    pub together: bool,
    /// Whether velocities are motion in time. Those of a minimiser are not: the frame has none.
    pub moving: bool,
}

/// An open trajectory file. All ranks hold one; those that touch files
/// (`Comm::writers`) have the file open, and get their portions of atoms from the others.
pub struct Trajectory<'c> {
    comm: &'c Comm,
    atoms: u64,
    standing: Standing,
    /// Of each species.
    numbers: Vec<i32>,
    file: Option<OpenFile<'c>>,
}

/// How far a file reaches.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Standing {
    atoms: u64,
    content: Content,
    frames: u64,
    last_step: Option<u64>,
    /// Row of the frame from which displacements count, if the file holds any.
    reference: Option<u64>,
}

/// A number of an atom that f32 can stand for, or three.
trait Real: Row {
    type Single: Row;
    /// To the nearest multiple of `quantum`, a power of two, or else the nearest f32.
    fn single(self, quantum: Option<f64>) -> Self::Single;
}

impl Real for f64 {
    type Single = f32;

    fn single(self, quantum: Option<f64>) -> f32 {
        // Zero has one sign.
        quantum.map_or(self, |quantum| (self / quantum).round() * quantum + 0.0) as f32
    }
}

impl<const N: usize> Real for [f64; N]
where
    [f64; N]: Row,
    [f32; N]: Row,
{
    type Single = [f32; N];

    fn single(self, quantum: Option<f64>) -> [f32; N] {
        self.map(|x| x.single(quantum))
    }
}

/// The file on a rank that touches it; every operation is collective among these.
struct OpenFile<'c> {
    file: File<'c>,
    columns: Columns<'c>,
    series: SeriesWriter<'c>,
}

/// The datasets of the frames.
struct Columns<'c> {
    frame: Dataset<'c>,
    step: Dataset<'c>,
    time: Dataset<'c>,
    position: Dataset<'c>,
    velocity: Option<Dataset<'c>>,
    force: Option<Dataset<'c>>,
    energy: Option<Dataset<'c>>,
    id: Dataset<'c>,
    species: Dataset<'c>,
    edges: Dataset<'c>,
    angles: Dataset<'c>,
    origin: Dataset<'c>,
    particle: Dataset<'c>,
    more: BTreeMap<AtomColumn, Dataset<'c>>,
}

impl<'c> Columns<'c> {
    fn open(file: &File<'c>) -> Result<Columns<'c>> {
        let optional = |quantity: Quantity| -> Result<Option<Dataset<'c>>> {
            match file.exists(&quantity.value())? {
                true => file.dataset(&quantity.value()).map(Some),
                false => Ok(None),
            }
        };
        let mut more = BTreeMap::new();
        for column in AtomColumn::ALL {
            more.extend(optional(schema::column(column).0)?.map(|dataset| (column, dataset)));
        }
        Ok(Columns {
            more,
            frame: file.dataset(&root(Direction::Frame.name()))?,
            step: file.dataset(schema::STEP)?,
            time: file.dataset(schema::TIME)?,
            position: file.dataset(&schema::POSITION.value())?,
            velocity: optional(schema::VELOCITY)?,
            force: optional(schema::FORCE)?,
            energy: optional(schema::ENERGY)?,
            id: file.dataset(&schema::ID.value())?,
            species: file.dataset(&schema::SPECIES.value())?,
            edges: file.dataset(&schema::EDGES.value())?,
            angles: file.dataset(&schema::ANGLES.value())?,
            origin: file.dataset(&schema::ORIGIN.value())?,
            particle: file.dataset(schema::PARTICLE)?,
        })
    }

    /// Row of the frame from which displacements count, if the file holds any.
    fn reference(&self, frames: u64) -> Result<Option<u64>> {
        let column = self.more.get(&AtomColumn::Displacement);
        Ok(column.map(|column| row_of_reference(column, frames)).transpose()?.flatten())
    }

    /// Those with a row for every frame.
    fn growing(&self) -> impl Iterator<Item = &Dataset<'c>> {
        let always = [
            &self.frame,
            &self.step,
            &self.time,
            &self.position,
            &self.id,
            &self.species,
            &self.edges,
            &self.angles,
            &self.origin,
        ];
        let optional = self.velocity.iter().chain(&self.force).chain(&self.energy);
        always.into_iter().chain(optional).chain(self.more.values())
    }
}

impl<'c> Trajectory<'c> {
    /// Creates the file, in place of an existing one. `atoms`: number over all
    /// ranks. Collective, like everything here.
    pub fn create(
        path: &Path,
        comm: &'c Comm,
        atoms: u64,
        periodic: [bool; 3],
        content: Content,
        origin: (&Provenance, &Job),
    ) -> Result<Trajectory<'c>> {
        Trajectory::begin(comm, &origin.0.species, |group| {
            let chunks = layout::chunks_in_node(content);
            let file = File::create(path, group, Purpose::Growing { chunks })?;
            layout::write(&file, (atoms, periodic, content), origin)?;
            file.flush()?;
            OpenFile::start(file)
        })
    }

    /// Opens the file of an earlier job and cuts it back: frames and series from
    /// `step` on go, so that none stands twice when the run goes on from a checkpoint
    /// of that step. `reached`: step of the last frame when that was written.
    pub fn resume(
        path: &Path,
        comm: &'c Comm,
        (step, reached): (u64, Option<u64>),
        kinds: &[Species],
    ) -> Result<Trajectory<'c>> {
        Trajectory::begin(comm, kinds, |group| {
            let opened = || {
                let file = File::open(path, group, true)?;
                keep_names(&file, kinds)?;
                OpenFile::start(file)
            };
            let (mut open, mut standing) = opened().map_err(|error| {
                Error::Run(format!(
                    "{error}. The checkpoint is sound, this trajectory is not: restore the file, or move \
                     it away, and a new one begins at step {step}"
                ))
            })?;
            // A file that begins later, of a restart into a new folder, lacks nothing; and what
            // was written of that very step will be written again.
            let before = open.last_before(step)?;
            let reached = reached.filter(|&reached| reached < step);
            if before.is_some() && before < reached {
                return Err(Error::Run(format!(
                    "{}: its last frame up to step {step} is that of step {}, and the checkpoint \
                     was written after one of step {}: frames would be missing. Restore the \
                     file, or go on in a new folder (--restart with --output)",
                    path.display(),
                    before.unwrap_or_default(),
                    reached.unwrap_or_default(),
                )));
            }
            open.cut_back(step, &mut standing)?;
            open.file.flush()?;
            Ok((open, standing))
        })
    }

    /// Opens the file on the ranks that touch it and tells the others where it stands.
    fn begin(
        comm: &'c Comm,
        kinds: &[Species],
        open: impl FnOnce(&'c Comm) -> Result<(OpenFile<'c>, Standing)>,
    ) -> Result<Trajectory<'c>> {
        let opened = comm.agree(comm.writers().group.as_ref().map(open).transpose())?;
        let (file, standing) = opened.unzip();
        let standing: Standing = comm.broadcast(0, standing);
        let numbers = species::numbers(kinds);
        Ok(Trajectory { comm, atoms: standing.atoms, standing, numbers, file })
    }

    /// What frames of this file hold: on resuming, what they held from the start.
    pub fn content(&self) -> Content {
        self.standing.content
    }

    pub fn frames(&self) -> u64 {
        self.standing.frames
    }

    /// Step of the last frame.
    pub fn last_step(&self) -> Option<u64> {
        self.standing.last_step
    }

    /// Appends a frame and flushes it together with the time series. A frame of a
    /// step that is already there is not written again: returns false.
    pub fn append(&mut self, frame: &Frame) -> Result<bool> {
        let Standing { frames, last_step, .. } = self.standing;
        if last_step.is_some_and(|last| frame.step <= last) {
            return Ok(false);
        }
        let atoms = frame.atoms;
        let order = IdOrder::find(self.comm, &atoms.id[..atoms.owned], self.atoms)?;
        self.on_file(|file| file.begin_frame(frames, frame))?;
        if self.standing.reference.is_none() && frame.together {
            self.standing.reference = Some(frames);
        }
        self.write_atoms(frames, frame, &order)?;
        self.on_file(OpenFile::flush)?;
        self.standing.frames += 1;
        self.standing.last_step = Some(frame.step);
        Ok(true)
    }

    fn write_atoms(&self, row: u64, frame: &Frame, order: &IdOrder) -> Result<()> {
        let Frame { cell, atoms, more, moving, .. } = *frame;
        let Content { velocities, forces, energies, columns, .. } = self.standing.content;
        let unwrapped = |i: usize| cell.unwrap(&atoms.position[i], &atoms.image[i]);
        self.reals((row, true), order, |columns| Some(&columns.position), unwrapped)?;
        if velocities {
            let velocity = |i: usize| if moving { atoms.velocity[i] } else { [0.0; 3] };
            self.reals((row, true), order, |columns| columns.velocity.as_ref(), velocity)?;
        }
        if forces {
            let force = |i: usize| atoms.force_on(i);
            self.reals((row, false), order, |columns| columns.force.as_ref(), force)?;
        }
        if energies {
            let energy = |i: usize| atoms.energy_of(i);
            self.reals((row, false), order, |columns| columns.energy.as_ref(), energy)?;
        }
        for column in columns.iter() {
            match column {
                AtomColumn::Displacement => self.displacements(row, order, unwrapped)?,
                AtomColumn::TemplateRmsd => {
                    let rmsd = |i: usize| more.and_then(|more| more.template_rmsd(i));
                    let rmsd = |i: usize| rmsd(i).unwrap_or(f64::NAN);
                    self.reals((row, false), order, |columns| columns.more.get(&column), rmsd)?;
                }
                AtomColumn::Stress => {
                    let stress = |i: usize| more.and_then(|more| more.stress(i));
                    let stress = |i: usize| stress(i).unwrap_or([f64::NAN; 6]);
                    self.reals((row, false), order, |columns| columns.more.get(&column), stress)?;
                }
                _ => {
                    let number = |i: usize| more.and_then(|more| more.number(i, column));
                    let number = |i: usize| number(i).unwrap_or(-1);
                    self.column(Some(row), order, |columns| columns.more.get(&column), number)?;
                }
            }
        }
        let row = Some(row);
        self.column(row, order, |columns| Some(&columns.id), |i| atoms.id[i] as i64)?;
        let numbers = &self.numbers;
        let number = |i: usize| numbers[atoms.species[i] as usize];
        self.column(row, order, |columns| Some(&columns.species), number)?;
        if row == Some(0) {
            let particle = |i: usize| atoms.particle[i] as i32;
            self.column(None, order, |columns| Some(&columns.particle), particle)?;
        }
        Ok(())
    }

    /// Writes real numbers of every atom into a row, in the form that the file has; those
    /// that may be `rounded` to its quantum, if it has one.
    fn reals<T: Real>(
        &self,
        (row, rounded): (u64, bool),
        order: &IdOrder,
        select: impl for<'a> Fn(&'a Columns<'c>) -> Option<&'a Dataset<'c>>,
        value: impl Fn(usize) -> T + Sync,
    ) -> Result<()> {
        let Some(quantum) = self.standing.content.form.quantum() else {
            return self.column(Some(row), order, select, value);
        };
        let quantum = rounded.then_some(quantum);
        self.column(Some(row), order, select, |i| value(i).single(quantum))
    }

    /// Writes how far all atoms are from where they were in the frame of reference, which is read
    /// from the file: so it is what differences of the rows of positions are.
    fn displacements(
        &self,
        row: u64,
        order: &IdOrder,
        place: impl Fn(usize) -> [f64; 3] + Sync,
    ) -> Result<()> {
        let quantum = self.standing.content.form.quantum();
        let kept = |i: usize| match quantum {
            None => place(i),
            Some(_) => place(i).single(quantum).map(f64::from),
        };
        let passed = order.pass(kept, |first, places: &[[f64; 3]]| {
            let file = self.file.as_ref().expect("a rank that holds a portion has the file open");
            let column = &file.columns.more[&AtomColumn::Displacement];
            let count = places.len() as u64;
            let lengths: Vec<f64> = match self.standing.reference {
                None => vec![f64::NAN; places.len()],
                Some(reference) if reference == row => vec![0.0; places.len()],
                Some(reference) => {
                    let block = (&[reference, first, 0][..], &[1, count, 3][..]);
                    let then = read_reals(&file.columns.position, quantum.is_some(), block)?;
                    let then = then.chunks_exact(3).map(|x| [x[0], x[1], x[2]]);
                    places.iter().zip(then).map(|(now, then)| norm(sub(*now, then))).collect()
                }
            };
            let (start, count) = ([row, first], [1, count]);
            match quantum {
                None => column.write(&start, &count, &lengths),
                Some(_) => {
                    let single: Vec<f32> = lengths.iter().map(|x| *x as f32).collect();
                    column.write(&start, &count, &single)
                }
            }
        });
        self.comm.agree(passed)
    }

    /// Writes a value of every atom: in a row of the column, or in one that has no rows.
    fn column<T: Row>(
        &self,
        row: Option<u64>,
        order: &IdOrder,
        select: impl for<'a> Fn(&'a Columns<'c>) -> Option<&'a Dataset<'c>>,
        value: impl Fn(usize) -> T + Sync,
    ) -> Result<()> {
        let column = self.file.as_ref().and_then(|file| select(&file.columns));
        let place = |row: Option<u64>, atom: u64, within: u64| -> Vec<u64> {
            let within = (T::WIDTH > 1).then_some(within);
            row.into_iter().chain([atom]).chain(within).collect()
        };
        let passed = order.pass(value, |first, values: &[T]| {
            let count = place(row.map(|_| 1), values.len() as u64, T::WIDTH);
            let column = column.expect("a rank that holds a portion has the file open");
            column.write(&place(row, first, 0), &count, T::numbers(values))
        });
        self.comm.agree(passed)
    }

    /// Appends a row to each time series; it is written with the next frame, by
    /// `synchronise`, or when many have gathered. A step that is already there is not
    /// taken again.
    pub fn append_series(&mut self, record: &Record) -> Result<()> {
        self.on_file(|file| file.series.append(&file.file, record))
    }

    /// Says that a job went on with the file from this step.
    pub fn write_restart(&mut self, step: u64, origin: (&Provenance, &Job)) -> Result<()> {
        self.on_file(|file| file.write_restart(step, origin))
    }

    /// Brings the list of departed atoms up to date: `all` are those so far, in order.
    pub fn take_departures(&mut self, all: &[Departure]) -> Result<()> {
        if all.is_empty() {
            return Ok(());
        }
        self.on_file(|file| file.series.take_departures(&file.file, all))
    }

    /// Writes what is still in memory and brings the file to the disk. Call it before a
    /// checkpoint: the file must reach as far as the checkpoint does.
    pub fn synchronise(&mut self) -> Result<()> {
        self.on_file(|open| {
            open.flush()?;
            open.file.synchronise()
        })
    }

    /// Writes what is still in memory and closes the file.
    pub fn close(self) -> Result<()> {
        self.comm.agree(self.file.map_or(Ok(()), OpenFile::close))
    }

    /// Does something on the ranks that touch the file; if it fails, on all.
    fn on_file(&mut self, task: impl FnOnce(&mut OpenFile<'c>) -> Result<()>) -> Result<()> {
        self.comm.agree(self.file.as_mut().map_or(Ok(()), task))
    }
}

impl<'c> OpenFile<'c> {
    fn start(file: File<'c>) -> Result<(OpenFile<'c>, Standing)> {
        let columns = Columns::open(&file)?;
        let atoms = columns.position.shape()?[1];
        let steps: Vec<i64> = columns.step.read_all()?;
        let standing = Standing {
            atoms,
            content: Content {
                velocities: columns.velocity.is_some(),
                forces: columns.force.is_some(),
                energies: columns.energy.is_some(),
                columns: content::Columns::of(|column| columns.more.contains_key(&column)),
                form: layout::form(&file, &columns.position)?,
            },
            frames: steps.len() as u64,
            last_step: steps.last().map(|&step| step as u64),
            reference: columns.reference(steps.len() as u64)?,
        };
        let series = SeriesWriter::open(&file)?;
        Ok((OpenFile { columns, series, file }, standing))
    }

    /// A new row with all but the atoms.
    fn begin_frame(&mut self, row: u64, frame: &Frame) -> Result<()> {
        for column in self.columns.growing() {
            column.set_rows(row + 1)?;
        }
        self.write_row(&self.columns.step, row, &[frame.step as i64])?;
        self.write_row(&self.columns.time, row, &[frame.time_ps])?;
        self.write_cell(row, frame.cell)
    }

    fn flush(&mut self) -> Result<()> {
        self.series.write()?;
        self.file.announce_end()?;
        self.file.flush()
    }

    fn close(mut self) -> Result<()> {
        self.series.write()?;
        let OpenFile { file, columns, series } = self;
        drop((columns, series));
        file.close()
    }

    /// Step of the last frame before a step.
    fn last_before(&self, step: u64) -> Result<Option<u64>> {
        let steps: Vec<i64> = self.columns.step.read_all()?;
        Ok(steps[..rows_before(&steps, step, false)].last().map(|&s| s as u64))
    }

    /// A checkpoint stands before its own step is observed: what the file has of that
    /// step is of another future (of particles put together across another gap, say, or of
    /// the end of a run that is now longer), or comes again to the same bits.
    fn cut_back(&mut self, step: u64, standing: &mut Standing) -> Result<()> {
        let steps: Vec<i64> = self.columns.step.read_all()?;
        let kept = rows_before(&steps, step, false) as u64;
        for column in self.columns.growing() {
            let rows = column.shape()?[0];
            if rows < kept {
                return Err(Error::Run(format!(
                    "{}: {} has {rows} frames, fewer than its {kept} steps",
                    self.file.path().display(),
                    column.name(),
                )));
            }
            column.set_rows(kept)?;
        }
        standing.frames = kept;
        standing.last_step = steps[..kept as usize].last().map(|&s| s as u64);
        standing.reference = standing.reference.filter(|&row| row < kept);
        self.series.cut_back(step)
    }

    /// Says that this job went on with the file.
    fn write_restart(&self, step: u64, origin: (&Provenance, &Job)) -> Result<()> {
        let restarts = format!("{}/restarts", schema::PARAMETERS);
        let number = self.file.members(&restarts)?.len() + 1;
        let group = format!("{restarts}/{number:04}");
        self.file.create_group(&group)?;
        layout::write_job(&self.file, &group, origin.1)?;
        let provenance = origin.0;
        match provenance.lineage.last() {
            Some(restart) => {
                if !restart.changes.is_empty() {
                    self.file.write_text(&format!("{group}/input"), &provenance.input)?;
                }
                layout::describe_restart(&self.file, &group, restart)
            }
            None => self.file.set_attribute(&group, "step", Attribute::Integer(step as i64)),
        }
    }

    /// A row that every rank knows; the first rank writes it.
    fn write_row<T: Element>(&self, column: &Dataset, row: u64, values: &[T]) -> Result<()> {
        let shape = column.shape()?;
        let mut start = vec![0; shape.len()];
        start[0] = row;
        let mut count = shape;
        count[0] = 1;
        column.write_known(&start, &count, values)
    }

    fn write_cell(&self, row: u64, cell: &Cell) -> Result<()> {
        let acting = |values: [f64; 3]| -> [f64; 3] {
            std::array::from_fn(|d| if cell.periodic[d] { values[d] } else { 0.0 })
        };
        self.write_row(&self.columns.edges, row, &acting(cell.length))?;
        self.write_row(&self.columns.angles, row, &[90.0; 3])?;
        self.write_row(&self.columns.origin, row, &acting(cell.origin))
    }
}

/// Row of the frame from which displacements count, the first that has some; none if there
/// are none, or not yet.
pub(super) fn row_of_reference(column: &Dataset, frames: u64) -> Result<Option<u64>> {
    let is_single = column.holds::<f32>()?;
    let (mut before, mut end) = (0, frames);
    while before < end {
        let row = (before + end) / 2;
        let block = (&[row, 0][..], &[1, 1][..]);
        match read_reals(column, is_single, block)?.iter().any(|x| x.is_nan()) {
            true => before = row + 1,
            false => end = row,
        }
    }
    Ok((before < frames).then_some(before))
}

/// A block (start and counts) of real numbers, whichever of the two forms the file has them in.
pub(super) fn read_reals(
    dataset: &Dataset,
    is_single: bool,
    (start, count): (&[u64], &[u64]),
) -> Result<Vec<f64>> {
    match is_single {
        false => dataset.read(start, count),
        true => Ok(dataset.read::<f32>(start, count)?.into_iter().map(f64::from).collect()),
    }
}

/// Sees to it that a file tells the species as this program does: one of an earlier version
/// gets the names that it lacks, if its numbers are those of the elements.
fn keep_names(file: &File, kinds: &[Species]) -> Result<()> {
    let mut ours: Vec<(i32, String)> =
        species::numbers(kinds).into_iter().zip(kinds.iter().map(|k| k.symbol.clone())).collect();
    ours.sort();
    let theirs = species::read(file)?;
    if theirs != ours {
        let list = |all: &[(i32, String)]| {
            let one = |(number, name): &(i32, String)| format!("{number} for {name}");
            all.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        return Err(Error::Run(format!(
            "{}: its frames have the numbers {}, this program writes {}: one file cannot have \
             both. Go on in a new folder (--restart with --output)",
            file.path().display(),
            list(&theirs),
            list(&ours),
        )));
    }
    if species::are_named(file)? { Ok(()) } else { species::write(file, kinds) }
}
