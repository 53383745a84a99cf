//! The structure of a new trajectory file: all that stands in it before the first frame.
//! `schema` has the names.

use super::content::{Content, Form};
use super::hdf5::{Attribute, Char, Dataset, Element, File};
use super::provenance::{Job, PROGRAM, PROGRAM_VERSION, Provenance, Restart};
use super::schema::{self, Direction, Quantity};
use super::species;
use crate::error::Result;
use crate::input::AtomColumn;

/// Most atoms in a chunk: about 3 MiB of positions.
const CHUNK_ATOMS: u64 = 131_072;

/// Rows in a chunk of steps, times and boxes.
const CHUNK_ROWS: u64 = 256;

/// Chunks in a node of the index of a dataset: so many frames of up to `CHUNK_ATOMS`
/// atoms come before the first node is split, the one change of a growing file that
/// takes several writes at once (a killed program may leave it half done).
const CHUNK_NODE: u32 = 512;

/// The same where files are to be small: nodes are given out whole, for each dataset.
const SMALL_CHUNK_NODE: u32 = 64;

/// Says what positions are multiples of, Å.
const RESOLUTION: &str = "resolution";

/// How many chunks a node of the index is to hold.
pub fn chunks_in_node(content: Content) -> u32 {
    if content.form.compressed { SMALL_CHUNK_NODE } else { CHUNK_NODE }
}

/// Writes it all. `what`: the number of atoms over all ranks, the boundaries and what
/// frames will hold. Collective, like everything here.
pub fn write(
    file: &File,
    (atoms, periodic, content): (u64, [bool; 3], Content),
    (provenance, job): (&Provenance, &Job),
) -> Result<()> {
    write_root(file, &provenance.title)?;
    write_h5md(file, &provenance.author)?;
    write_scales(file, atoms, content)?;
    write_quantities(file, atoms, content)?;
    species::write(file, &provenance.species)?;
    write_box(file, periodic)?;
    write_parameters(file, provenance, job)?;
    file.create_group(schema::SERIES)
}

/// The form that the frames of a file have.
pub fn form(file: &File, position: &Dataset) -> Result<Form> {
    let path = schema::POSITION.value();
    let bits = match file.has_attribute(&path, RESOLUTION)? {
        false => None,
        true => Some(-libm::log2(file.number_attribute::<f64>(&path, RESOLUTION)?) as u8),
    };
    Ok(Form { bits, compressed: position.is_compressed()? })
}

/// The root attributes of AMBER.
fn write_root(file: &File, title: &str) -> Result<()> {
    for (name, value) in [
        ("Conventions", "AMBER"),
        ("ConventionVersion", "1.0"),
        ("application", PROGRAM),
        ("program", PROGRAM),
        ("programVersion", PROGRAM_VERSION),
        ("title", title),
    ] {
        file.set_attribute("/", name, Attribute::Fixed(value))?;
    }
    Ok(())
}

fn write_h5md(file: &File, author: &str) -> Result<()> {
    file.create_group("/h5md/author")?;
    file.create_group("/h5md/creator")?;
    file.set_attribute("/h5md", "version", Attribute::Integers(&[1, 1]))?;
    let author = if author.is_empty() { "unknown" } else { author };
    file.set_attribute("/h5md/author", "name", Attribute::Fixed(author))?;
    file.set_attribute("/h5md/creator", "name", Attribute::Fixed(PROGRAM))?;
    file.set_attribute("/h5md/creator", "version", Attribute::Fixed(PROGRAM_VERSION))
}

/// The scales of the directions, in the root group as netCDF wants them.
fn write_scales(file: &File, atoms: u64, content: Content) -> Result<()> {
    for direction in directions(content) {
        let path = root(direction.name());
        let Some(labels) = direction.labels() else {
            let (length, scale) = match direction {
                Direction::Frame => (0, file.create_growing::<i32>(&path, &[], &[CHUNK_ROWS])?),
                Direction::Atom => (atoms, file.create_dataset::<i32>(&path, &[atoms])?),
                _ => {
                    (direction.length(), file.create_dataset::<i32>(&path, &[direction.length()])?)
                }
            };
            scale.make_scale(&format!("{}{length:10}", schema::NO_VARIABLE))?;
            continue;
        };
        let scale = file.create_dataset::<Char>(&path, &[labels.len() as u64])?;
        let labels = Char::list(labels);
        scale.write_known(&[0], &[labels.len() as u64], &labels)?;
        scale.make_scale(direction.name())?;
    }
    Ok(())
}

/// The directions of what a file holds.
fn directions(content: Content) -> impl Iterator<Item = Direction> {
    let has_tensors = content.columns.iter().any(|column| column == AtomColumn::Stress);
    Direction::ALL.into_iter().filter(move |d| *d != Direction::Voigt || has_tensors)
}

fn write_quantities(file: &File, atoms: u64, content: Content) -> Result<()> {
    let scales: Vec<(Direction, Dataset)> = directions(content)
        .map(|direction| Ok((direction, file.dataset(&root(direction.name()))?)))
        .collect::<Result<_>>()?;
    let attach = |dataset: &Dataset, directions: &[Direction]| -> Result<()> {
        for (n, direction) in directions.iter().enumerate() {
            let (_, scale) = scales.iter().find(|(d, _)| d == direction).expect("all are there");
            dataset.attach_scale(scale, n)?;
        }
        Ok(())
    };
    let with_frame = |q: &Quantity| [&[Direction::Frame], q.directions].concat();
    let finish = |q: &Quantity, dataset: Dataset| -> Result<()> {
        attach(&dataset, &with_frame(q))?;
        describe(file, &q.value(), q.unit, q.amber_units)?;
        for shared in ["step", "time"] {
            let own = format!("{}/{shared}", q.group);
            if !file.exists(&own)? {
                file.link(&format!("{}/{shared}", schema::POSITION.group), &own)?;
            }
        }
        file.link(&q.value(), &root(q.amber))
    };

    file.create_group(schema::POSITION.group)?;
    let step = file.create_growing::<i64>(schema::STEP, &[], &[CHUNK_ROWS])?;
    attach(&step, &[Direction::Frame])?;
    let time = file.create_growing::<f64>(schema::TIME, &[], &[CHUNK_ROWS])?;
    attach(&time, &[Direction::Frame])?;
    describe(file, schema::TIME, "ps", "picosecond")?;
    file.link(schema::TIME, "/time")?;
    file.link(schema::STEP, "/step")?;

    let columns = AtomColumns { file, atoms, form: content.form };
    let mut vectors = vec![schema::POSITION];
    vectors.extend(content.velocities.then_some(schema::VELOCITY));
    vectors.extend(content.forces.then_some(schema::FORCE));
    for q in vectors {
        file.create_group(q.group)?;
        finish(&q, columns.reals(&q)?)?;
    }
    if content.energies {
        let q = schema::ENERGY;
        file.create_group(q.group)?;
        finish(&q, columns.reals(&q)?)?;
    }
    file.create_group(schema::ID.group)?;
    finish(&schema::ID, columns.create::<i64>(&schema::ID)?)?;
    file.create_group(schema::SPECIES.group)?;
    finish(&schema::SPECIES, columns.create::<i32>(&schema::SPECIES)?)?;
    for column in content.columns.iter() {
        let (q, definition) = schema::column(column);
        file.create_group(q.group)?;
        let dataset = match column.is_real() {
            true => columns.reals(&q)?,
            false => columns.create::<i32>(&q)?,
        };
        finish(&q, dataset)?;
        file.set_attribute(&q.value(), "definition", Attribute::Variable(definition))?;
    }
    if let Some(quantum) = content.form.quantum() {
        file.set_attribute(&schema::POSITION.value(), RESOLUTION, Attribute::Real(quantum))?;
    }
    for q in [schema::EDGES, schema::ANGLES, schema::ORIGIN] {
        file.create_group(q.group)?;
        finish(&q, file.create_growing::<f64>(&q.value(), &[3], &[CHUNK_ROWS, 3])?)?;
    }
    let particle = file.create_dataset::<i32>(schema::PARTICLE, &[atoms])?;
    attach(&particle, &[Direction::Atom])?;
    file.link(schema::PARTICLE, "/particle")
}

/// The columns with a row of all atoms for each frame.
struct AtomColumns<'a, 'c> {
    file: &'a File<'c>,
    atoms: u64,
    form: Form,
}

impl<'c> AtomColumns<'_, 'c> {
    fn reals(&self, quantity: &Quantity) -> Result<Dataset<'c>> {
        match self.form.bits {
            None => self.create::<f64>(quantity),
            Some(_) => self.create::<f32>(quantity),
        }
    }

    /// Several numbers of an atom stand beside each other, except in compressed chunks: numbers
    /// of one direction are more alike there, atoms of near ids being near in space.
    fn create<T: Element>(&self, quantity: &Quantity) -> Result<Dataset<'c>> {
        let AtomColumns { file, atoms, form } = *self;
        let chunk_atoms = atoms.div_ceil(atoms.div_ceil(CHUNK_ATOMS).max(1)).max(1);
        let width = quantity.directions.get(1).map(|direction| direction.length());
        let within = width.map(|width| if form.compressed { 1 } else { width });
        let row: Vec<u64> = [atoms].into_iter().chain(width).collect();
        let chunk: Vec<u64> = [1, chunk_atoms].into_iter().chain(within).collect();
        match form.compressed {
            false => file.create_growing::<T>(&quantity.value(), &row, &chunk),
            true => file.create_compressed::<T>(&quantity.value(), &row, &chunk),
        }
    }
}

/// Units, in the attributes of both formats.
fn describe(file: &File, path: &str, unit: &str, amber_units: &str) -> Result<()> {
    if !unit.is_empty() {
        file.set_attribute(path, "unit", Attribute::Variable(unit))?;
    }
    if !amber_units.is_empty() {
        file.set_attribute(path, "units", Attribute::Fixed(amber_units))?;
    }
    Ok(())
}

fn write_box(file: &File, periodic: [bool; 3]) -> Result<()> {
    let boundary = periodic.map(|p| if p { "periodic" } else { "none" });
    file.set_attribute(schema::BOX, "dimension", Attribute::Integer(3))?;
    file.set_attribute(schema::BOX, "boundary", Attribute::FixedList(&boundary))
}

fn write_parameters(file: &File, provenance: &Provenance, job: &Job) -> Result<()> {
    let here = schema::PARAMETERS;
    file.create_group(here)?;
    file.set_attribute(here, "seed", Attribute::Integer(provenance.seed as i64))?;
    write_job(file, here, job)?;
    file.write_text(&format!("{here}/input"), &provenance.input)?;
    file.create_group(&format!("{here}/potential"))?;
    for potential in &provenance.potential {
        let path = format!("{here}/potential/{}", potential.name);
        file.write_text(&path, &potential.text)?;
        file.set_attribute(&path, "sha256", Attribute::Variable(&potential.sha256()))?;
    }
    for (index, species) in provenance.species.iter().enumerate() {
        let path = format!("{here}/species/{}", species.symbol);
        file.create_group(&path)?;
        file.set_attribute(&path, "index", Attribute::Integer(index as i64))?;
        let number = Attribute::Integer(species.atomic_number as i64);
        file.set_attribute(&path, "atomic_number", number)?;
        file.set_attribute(&path, "mass", Attribute::Real(species.mass))?;
        file.set_attribute(&path, "mass_unit", Attribute::Variable("g mol-1"))?;
    }
    file.create_group(&format!("{here}/restarts"))?;
    write_lineage(file, &provenance.lineage)
}

/// Restarts that came before this file was begun.
fn write_lineage(file: &File, lineage: &[Restart]) -> Result<()> {
    for (n, restart) in lineage.iter().enumerate() {
        let group = format!("{}/restarts/{:04}", schema::PARAMETERS, n + 1);
        file.create_group(&group)?;
        describe_restart(file, &group, restart)?;
    }
    Ok(())
}

/// From where, and what the input asks since then that is different.
pub fn describe_restart(file: &File, group: &str, restart: &Restart) -> Result<()> {
    file.set_attribute(group, "step", Attribute::Integer(restart.step as i64))?;
    file.set_attribute(group, "checkpoint", Attribute::Variable(&restart.checkpoint))?;
    match restart.changes.is_empty() {
        true => Ok(()),
        false => {
            let changes = restart.changes.join("\n");
            file.set_attribute(group, "changes", Attribute::Variable(&changes))
        }
    }
}

pub fn write_job(file: &File, group: &str, job: &Job) -> Result<()> {
    for (name, value) in [
        ("program_version", &job.program_version),
        ("git_revision", &job.git_revision),
        ("compiler", &job.build.compiler),
        ("profile", &job.build.profile),
        ("features", &job.build.features),
        ("target", &job.build.target),
        ("mpi", &job.mpi_library),
        ("hdf5", &job.hdf5_version),
        ("instruction_set", &job.instruction_set),
    ] {
        file.set_attribute(group, name, Attribute::Variable(value))?;
    }
    file.set_attribute(group, "ranks", Attribute::Integer(job.ranks as i64))?;
    file.set_attribute(group, "threads", Attribute::Integer(job.threads as i64))
}

pub fn root(name: &str) -> String {
    format!("/{name}")
}
