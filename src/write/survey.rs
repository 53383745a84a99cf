//! What a trajectory file holds, read from its beginning to its end by one
//! process, and whether it keeps its promises (`trajectory`, invariants).

use super::departure::DEPARTURES;
use super::hdf5::{File, why_closed};
use super::layout;
use super::provenance::{Build, PROGRAM, Restart};
use super::schema::{self, Quantity};
use super::series::rising;
use super::species;
use crate::comm::Comm;
use crate::error::{Error, Result};
use std::path::Path;

/// Numbers read at once, so that memory stays small for any file.
const AT_ONCE: u64 = 1 << 20;

/// What a sound trajectory file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    pub title: String,
    pub program_version: String,
    pub git_revision: String,
    /// Empty in files of older versions, as the next.
    pub build: Build,
    pub instruction_set: String,
    pub mpi: String,
    pub hdf5: String,
    pub ranks: i64,
    pub threads: i64,
    pub seed: i64,
    /// Names and SHA-256 of the files of the potential.
    pub potential: Vec<(String, String)>,
    pub restarts: Vec<Restart>,
    pub atoms: u64,
    /// Names and numbers of atoms, by rising number in the file: in the first frame and in the last.
    pub composition: Vec<(String, [u64; 2])>,
    pub periodic: [bool; 3],
    /// Box lengths of the first frame and of the last, Å; 0 in free directions.
    pub edges: [[f64; 3]; 2],
    /// The last point of the series at which a pressure was held.
    pub pressed: Option<Pressed>,
    /// Names of what frames hold.
    pub content: Vec<String>,
    pub frames: Span,
    /// Name and extent of each time series.
    pub series: Vec<(String, Span)>,
}

/// A pressure that a barostat steers to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pressed {
    /// Step and time in ps.
    pub at: (i64, f64),
    /// GPa
    pub pressure: f64,
    pub target: f64,
    /// Å³
    pub volume: f64,
}

/// How far a list of steps and times reaches.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Span {
    pub rows: u64,
    /// Step and time in ps of the first and last row; none if there are no rows.
    pub first: Option<(i64, f64)>,
    pub last: Option<(i64, f64)>,
}

/// Reads a trajectory file. An error names what is wrong with it.
pub fn survey(path: &Path) -> Result<Survey> {
    read(path).map_err(|error| {
        let told = error.to_string();
        let what = told.strip_prefix(&format!("{}: ", path.display())).unwrap_or(&told);
        Error::Run(format!("{}: not a sound trajectory: {what}", path.display()))
    })
}

/// Step of the last frame of a trajectory file, if it has one; for one process.
pub fn last_frame(path: &Path) -> Result<Option<u64>> {
    let comm = Comm::single();
    let file = File::open(path, &comm, false)?;
    let steps: Vec<i64> = file.dataset(schema::STEP)?.read_all()?;
    Ok(steps[..rising(&steps, false)].last().map(|&step| step as u64))
}

fn read(path: &Path) -> Result<Survey> {
    let comm = Comm::single();
    let file = File::open(path, &comm, false).map_err(|_| wrong(&why_closed(path)))?;
    let surveyor = Surveyor { file };
    if surveyor.file.exists("/header")? && surveyor.file.exists("/checksums")? {
        return Err(wrong("this is a checkpoint that was never finished"));
    }
    let creator = "/h5md/creator";
    if !surveyor.file.exists(creator)? || surveyor.file.text_attribute(creator, "name")? != PROGRAM
    {
        return Err(wrong(&format!("this is an HDF5 file, but not of {PROGRAM}")));
    }
    surveyor.survey()
}

struct Surveyor<'c> {
    file: File<'c>,
}

impl Surveyor<'_> {
    fn survey(&self) -> Result<Survey> {
        let frames = self.span(schema::STEP, schema::TIME)?;
        let shape = self.file.dataset(&schema::POSITION.value())?.shape()?;
        let atoms = shape.get(1).copied().unwrap_or(0);
        let here = schema::PARAMETERS;
        let text = |name: &str| self.file.text_attribute(here, name);
        let newer = |name: &str| match self.file.has_attribute(here, name)? {
            true => text(name),
            false => Ok(String::new()),
        };
        let number = |name: &str| self.file.number_attribute(here, name);
        Ok(Survey {
            title: self.file.text_attribute("/", "title")?,
            program_version: text("program_version")?,
            git_revision: text("git_revision")?,
            build: Build {
                compiler: newer("compiler")?,
                profile: newer("profile")?,
                features: newer("features")?,
                target: newer("target")?,
            },
            instruction_set: newer("instruction_set")?,
            mpi: text("mpi")?,
            hdf5: text("hdf5")?,
            ranks: number("ranks")?,
            threads: number("threads")?,
            seed: number("seed")?,
            potential: self.potential()?,
            restarts: self.restarts()?,
            atoms,
            composition: self.composition(frames.rows, atoms)?,
            periodic: self.periodic(frames.rows)?,
            edges: self.edges(frames.rows)?,
            pressed: self.pressed()?,
            content: self.content(frames.rows, atoms)?,
            frames,
            series: self.series()?,
        })
    }

    /// Of rows whose steps rise (those of departed atoms may also stay) and whose times do not fall.
    fn span(&self, step: &str, time: &str) -> Result<Span> {
        let steps: Vec<i64> = self.file.dataset(step)?.read_all()?;
        let times: Vec<f64> = self.file.dataset(time)?.read_all()?;
        if steps.len() != times.len() {
            return Err(wrong(&format!(
                "{step} has {} rows and {time} {}",
                steps.len(),
                times.len()
            )));
        }
        let whole = rising(&steps, step.starts_with(DEPARTURES));
        if whole < steps.len() {
            let cut_off = match steps[whole..].iter().all(|&step| step == 0) {
                true => {
                    ": what follows was never finished, as the job was killed while it wrote; \
                         --resume cuts it off"
                }
                false => "",
            };
            let row = whole - 1;
            return Err(wrong(&format!("{step} does not rise after row {row}{cut_off}")));
        }
        if let Some(row) = times.windows(2).position(|pair| !matches!(pair, [a, b] if a <= b)) {
            return Err(wrong(&format!("{time} falls after row {row}")));
        }
        let row = |n: usize| Some((*steps.get(n)?, times[n]));
        let last = steps.len().wrapping_sub(1);
        Ok(Span { rows: steps.len() as u64, first: row(0), last: row(last) })
    }

    /// Every quantity has a row for every frame, and only finite numbers.
    fn content(&self, frames: u64, atoms: u64) -> Result<Vec<String>> {
        let always = [schema::POSITION];
        let optional = [schema::VELOCITY, schema::FORCE, schema::ENERGY];
        let mut content = Vec::new();
        for quantity in always.into_iter().chain(optional) {
            if self.file.exists(&quantity.value())? {
                self.finite(&quantity, frames, atoms)?;
                content.push(quantity.amber.to_string());
            }
        }
        let form = layout::form(&self.file, &self.file.dataset(&schema::POSITION.value())?)?;
        content.extend(form.words());
        Ok(content)
    }

    fn finite(&self, quantity: &Quantity, frames: u64, atoms: u64) -> Result<()> {
        let told = |frame: u64, start: u64, width: u64, place: Option<usize>| match place {
            None => Ok(()),
            Some(n) => Err(wrong(&format!(
                "{} of atom {} in frame {frame} is no number",
                quantity.amber,
                start + n as u64 / width
            ))),
        };
        if self.file.dataset(&quantity.value())?.holds::<f32>()? {
            return self.each_block::<f32>(
                quantity,
                frames,
                atoms,
                |frame, start, width, values| {
                    told(frame, start, width, values.iter().position(|x| !x.is_finite()))
                },
            );
        }
        self.each_block::<f64>(quantity, frames, atoms, |frame, start, width, values| {
            told(frame, start, width, values.iter().position(|x| !x.is_finite()))
        })
    }

    /// Calls `look` with the frame, the first atom, the elements per atom and the
    /// values of block after block.
    fn each_block<T: super::hdf5::Element>(
        &self,
        quantity: &Quantity,
        frames: u64,
        atoms: u64,
        mut look: impl FnMut(u64, u64, u64, &[T]) -> Result<()>,
    ) -> Result<()> {
        let dataset = self.file.dataset(&quantity.value())?;
        let shape = dataset.shape()?;
        if shape.first() != Some(&frames) || shape.get(1) != Some(&atoms) {
            return Err(wrong(&format!(
                "{} has the shape {shape:?} for {frames} frames of {atoms} atoms",
                quantity.value()
            )));
        }
        let width = shape[2..].iter().try_fold(1, |width: u64, n| width.checked_mul(*n));
        let width = width
            .filter(|width| (1..=AT_ONCE).contains(width))
            .ok_or_else(|| wrong(&format!("{} has the shape {shape:?}", quantity.value())))?;
        for frame in 0..frames {
            for start in (0..atoms).step_by((AT_ONCE / width) as usize) {
                let mut count = shape.clone();
                (count[0], count[1]) = (1, (AT_ONCE / width).min(atoms - start));
                let mut begin = vec![0; shape.len()];
                (begin[0], begin[1]) = (frame, start);
                look(frame, start, width, &dataset.read(&begin, &count)?)?;
            }
        }
        Ok(())
    }

    /// Ids in order and species that are known, in every frame.
    fn composition(&self, frames: u64, atoms: u64) -> Result<Vec<(String, [u64; 2])>> {
        self.each_block::<i64>(&schema::ID, frames, atoms, |frame, start, _, ids| {
            let misplaced = ids.iter().zip(start..).find(|&(&id, n)| id != n as i64);
            match misplaced {
                None => Ok(()),
                Some((id, n)) => {
                    Err(wrong(&format!("id {id} at the place of atom {n} in frame {frame}")))
                }
            }
        })?;
        let mut species: Vec<(i32, String, [u64; 2])> = Vec::new();
        for (number, symbol) in species::read(&self.file)? {
            match species.last_mut().filter(|(known, ..)| *known == number) {
                Some((_, names, _)) => *names = format!("{names} or {symbol}"),
                None => species.push((number, symbol, [0; 2])),
            }
        }
        self.each_block::<i32>(&schema::SPECIES, frames, atoms, |frame, start, _, numbers| {
            for (number, atom) in numbers.iter().zip(start..) {
                match species.iter_mut().find(|(known, ..)| known == number) {
                    Some((_, _, [first, last])) => {
                        *first += (frame == 0) as u64;
                        *last += (frame + 1 == frames) as u64;
                    }
                    None => {
                        return Err(wrong(&format!(
                            "species {number} of atom {atom} in frame {frame} is unknown"
                        )));
                    }
                }
            }
            Ok(())
        })?;
        Ok(species.into_iter().map(|(_, symbol, count)| (symbol, count)).collect())
    }

    fn periodic(&self, frames: u64) -> Result<[bool; 3]> {
        let boundary = self.file.text_list_attribute(schema::BOX, "boundary")?;
        match <[String; 3]>::try_from(boundary) {
            Ok(boundary) => Ok(boundary.map(|word| word == "periodic")),
            Err(_) => Err(wrong(&format!("the box of its {frames} frames has no boundaries"))),
        }
    }

    fn pressed(&self) -> Result<Option<Pressed>> {
        let column = |name: &str| format!("{}/thermo/{name}", schema::SERIES);
        if !self.file.exists(&column("target_pressure"))? {
            return Ok(None);
        }
        let read = |name: &str| self.file.dataset(&column(name))?.read_all::<f64>();
        let target = read("target_pressure")?;
        let Some(row) = target.iter().rposition(|target| !target.is_nan()) else {
            return Ok(None);
        };
        let steps: Vec<i64> = self.file.dataset(&column("step"))?.read_all()?;
        let number = |name: &str| Ok(read(name)?.get(row).copied().unwrap_or(f64::NAN));
        Ok(Some(Pressed {
            at: (steps.get(row).copied().unwrap_or_default(), number("time")?),
            pressure: number("pressure")?,
            target: target[row],
            volume: number("volume")?,
        }))
    }

    fn edges(&self, frames: u64) -> Result<[[f64; 3]; 2]> {
        for quantity in [schema::EDGES, schema::ANGLES, schema::ORIGIN] {
            let shape = self.file.dataset(&quantity.value())?.shape()?;
            if shape != [frames, 3] {
                let found = format!("{} has the shape {shape:?}", quantity.value());
                return Err(wrong(&format!("{found} for {frames} frames")));
            }
        }
        let edges: Vec<f64> = self.file.dataset(&schema::EDGES.value())?.read_all()?;
        let ends = [edges.first_chunk().copied(), edges.last_chunk().copied()];
        Ok(ends.map(Option::unwrap_or_default))
    }

    fn series(&self) -> Result<Vec<(String, Span)>> {
        let mut series = Vec::new();
        for name in self.file.members(schema::SERIES)? {
            let path = format!("{}/{name}", schema::SERIES);
            let span = self.span(&format!("{path}/step"), &format!("{path}/time"))?;
            for column in self.file.members(&path)? {
                let column = format!("{path}/{column}");
                let rows = self.file.dataset(&column)?.shape()?.first().copied().unwrap_or(1);
                if rows != span.rows {
                    let steps = span.rows;
                    return Err(wrong(&format!("{column} has {rows} rows, not {steps}")));
                }
            }
            series.push((name, span));
        }
        Ok(series)
    }

    fn potential(&self) -> Result<Vec<(String, String)>> {
        let here = format!("{}/potential", schema::PARAMETERS);
        let told = |name: String| {
            let sum = self.file.text_attribute(&format!("{here}/{name}"), "sha256")?;
            Ok((name, sum))
        };
        self.file.members(&here)?.into_iter().map(told).collect()
    }

    fn restarts(&self) -> Result<Vec<Restart>> {
        let here = format!("{}/restarts", schema::PARAMETERS);
        let told = |name: String| {
            let path = format!("{here}/{name}");
            let step = self.file.number_attribute(&path, "step")?;
            let checkpoint = self.file.text_attribute(&path, "checkpoint")?;
            let changes = match self.file.has_attribute(&path, "changes")? {
                true => self.file.text_attribute(&path, "changes")?,
                false => String::new(),
            };
            let changes = changes.lines().map(String::from).collect();
            Ok(Restart { step, checkpoint, changes })
        };
        self.file.members(&here)?.into_iter().map(told).collect()
    }
}

fn wrong(what: &str) -> Error {
    Error::Run(what.into())
}
