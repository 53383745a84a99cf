//! The atoms that another program moves.
//!
//! Neighbour lists stay as long as no atom has moved more than half the skin and the cell is the
//! same; in another cell the engine begins anew. Neither shows in energy, forces or virial.
//! One-body terms begin to act on the structure of the input, as in a run, and stay as they are:
//! energies of all that is asked are of one system. For them, an atom that jumps by a period (when
//! the other program wraps it) stays where it is.

use crate::atoms::Atom;
use crate::build::cell::{self, Side, Sides};
use crate::build::{Built, frame};
use crate::comm::Comm;
use crate::error::{Error, Result};
use crate::force::one_body::{Scene, TermState};
use crate::force::{self, Departures, Engine, OneBodyTerms, Settings, System};
use crate::geometry::{Cell, END_OF_COORDINATES, Vec3, on_far_grid};
use crate::input::Config;
use crate::potential::{ForceField, Potential};
use crate::terminal::counted;
use bytemuck::{Pod, Zeroable};
use std::path::PathBuf;
use std::time::Duration;

/// What is asked: lengths of the cell (along periodic directions) and positions, Å.
#[derive(Debug)]
pub struct Frame {
    lengths: Vec3,
    positions: Vec<Vec3>,
}

/// eV, eV/Å in the order of ids, and eV (xx yy zz xy xz yz).
pub struct Answer {
    pub energy: f64,
    pub forces: Vec<Vec3>,
    pub virial: [f64; 6],
    /// Of single atoms, eV, in the order of ids, where they were asked for.
    pub energies: Option<Vec<f64>>,
}

/// What the protocol does not tell.
pub struct Expected {
    input: PathBuf,
    atoms: usize,
    periodic: [bool; 3],
    /// Symbol and number of each species.
    composition: Vec<(String, i64)>,
}

impl Expected {
    /// Collective.
    pub fn of(built: &Built, config: &Config, potential: &ForceField, comm: &Comm) -> Expected {
        let mut counts = vec![0; potential.species().len()];
        built.atoms.iter().for_each(|atom| counts[atom.species as usize] += 1);
        comm.sum_i64(&mut counts);
        let symbols = potential.species().iter().map(|species| species.symbol.clone());
        Expected {
            input: config.source.path.clone(),
            atoms: built.layout.atoms as usize,
            periodic: built.cell.periodic,
            composition: symbols.zip(counts).filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// One line for people.
    pub fn told(&self) -> String {
        let elements: Vec<String> =
            self.composition.iter().map(|(symbol, n)| format!("{symbol} {n}")).collect();
        let axes = || (0..3).filter(|&d| self.periodic[d]);
        let names: Vec<&str> = axes().map(|d| cell::AXES[d]).collect();
        let periodic = match names[..] {
            [] => "free on all sides".into(),
            _ => format!("periodic along {}", names.join(", ")),
        };
        format!("{} ({}), {periodic}", counted(self.atoms, "atom"), elements.join(", "))
    }

    /// The number of atoms that the other program sends, if it is the right one.
    pub fn check_number(&self, sent: i32) -> Result<usize> {
        if sent as usize == self.atoms {
            return Ok(self.atoms);
        }
        let Expected { input, atoms, .. } = self;
        let input = input.display();
        let message = match sent.swap_bytes() as usize == *atoms {
            true => format!(
                "the other program runs on a processor with another order of bytes ({atoms} atoms come as \
                 {sent}): i-PI's protocol cannot be spoken between the two"
            ),
            false => format!(
                "the other program sends {sent} atoms, and the structure of {input} has {atoms}; elements \
                 come from there, so both need the same atoms in the same order"
            ),
        };
        Err(Error::Usage(message))
    }

    /// A frame of these cell vectors and positions (Å).
    pub fn frame(&self, vectors: [Vec3; 3], positions: Vec<Vec3>) -> Result<Frame> {
        let lengths = self.lengths(vectors).map_err(|message| {
            Error::Run(format!("the cell that the other program sends: {message}"))
        })?;
        let far = |p: &Vec3| !p.iter().all(|x| x.abs() < END_OF_COORDINATES);
        if let Some(atom) = positions.iter().position(far) {
            let [x, y, z] = positions[atom];
            let what = match positions[atom].iter().all(|x| x.is_finite()) {
                true => format!(", and coordinates end at {END_OF_COORDINATES} Å"),
                false => ": that is no position".into(),
            };
            return Err(Error::Run(format!(
                "the other program sends atom {atom} (the first is 0) at ({x}, {y}, {z}) Å{what}"
            )));
        }
        let positions = positions.into_iter().map(|p| p.map(on_far_grid)).collect();
        Ok(Frame { lengths, positions })
    }

    fn lengths(&self, vectors: [Vec3; 3]) -> Result<Vec3, String> {
        if let Some(k) = vectors.iter().position(|v| !v.iter().all(|x| x.is_finite())) {
            return Err(format!("vector {k} is ({:?}) Å", vectors[k]));
        }
        // By the axis along which a vector stands, whichever comes first.
        let along = |k: usize| {
            let size = |d: usize| vectors[k][d].abs();
            let longest = (0..3).max_by(|&d, &e| size(d).total_cmp(&size(e)));
            longest.filter(|&d| size(d) > 0.0).unwrap_or(k)
        };
        let periodic = std::array::from_fn(|k| self.periodic[along(k)]);
        let seen = frame::Frame { lattice: Some(vectors), periodic, ..Default::default() };
        let Sides { sides, periodic } = cell::sides(&seen)?;
        if let Some(d) = (0..3).find(|&d| self.periodic[d] && !periodic[d]) {
            return Err(format!(
                "the structure of {} is periodic along {}, and no vector stands along it",
                self.input.display(),
                cell::AXES[d]
            ));
        }
        cell::boxed(sides, periodic, [Side { low: 0.0, length: 0.0 }; 3]).map(|cell| cell.length)
    }
}

/// A place, or a force with the energy of its atom, on its way to the first rank.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct Given {
    id: u64,
    vector: Vec3,
    energy: f64,
}

pub struct Served<'c> {
    config: &'c Config,
    comm: &'c Comm,
    engine: Engine<'c, ForceField>,
    one_body: Vec<TermState>,
    /// Where the atoms were when last asked, by id; on the first rank.
    places: Vec<Vec3>,
    /// Whether energies of single atoms are wanted.
    energies: bool,
    evaluations: u64,
    taken: Duration,
}

impl<'c> Served<'c> {
    /// The structure of the input, on which one-body terms begin to act; with `energies` of single atoms or without. Collective.
    pub fn begin(
        config: &'c Config,
        potential: &'c ForceField,
        built: Built,
        energies: bool,
        comm: &'c Comm,
    ) -> Result<Served<'c>> {
        let Built { layout, atoms, cell, .. } = built;
        let place = |atom: &Atom| {
            let [x, y, z] = atom.position;
            Given { id: atom.id, vector: cell.unwrap(&[x, y, z, 0.0], &atom.image), energy: 0.0 }
        };
        let placed = by_id(comm, atoms.iter().map(place).collect(), layout.atoms as usize);
        let places = placed.iter().map(|given| given.vector).collect();
        let settings =
            Settings { skin: config.dynamics.skin_angstrom, energy_bound: f64::INFINITY };
        let mut engine = Engine::new(comm, potential, cell, atoms, settings)?;
        engine.set_departures(Departures::beyond(f64::INFINITY, false));
        let begun = OneBodyTerms::begin(config, scene(&engine));
        let one_body = comm.agree(wrong(config, begun))?;
        let states = one_body.states();
        engine.set_one_body(one_body);
        let (evaluations, taken) = Default::default();
        Ok(Served { config, comm, engine, one_body: states, places, energies, evaluations, taken })
    }

    /// What the first rank was asked, answered there; none where it has no frame. Collective.
    pub fn evaluate(&mut self, frame: Option<&Frame>) -> Result<Option<Answer>> {
        let mut bytes = frame.map_or(Vec::new(), |frame| self.message(frame));
        self.comm.transport().broadcast(0, &mut bytes);
        let numbers: Vec<Vec3> = bytemuck::pod_collect_to_vec(&bytes);
        let Some((lengths, places)) = numbers.split_first() else { return Ok(None) };
        self.evaluations += 1;
        let computed = self.compute(lengths, places).map_err(|error| match error {
            Error::Physics { atom, message, .. } => Error::Run(format!(
                "evaluation {}, atom {atom} (the first is 0): {message}",
                self.evaluations
            )),
            other => other,
        });
        self.comm.agree(computed).map(Some)
    }

    /// Lengths, then positions, each nearest to where its atom was: periods do not show.
    fn message(&mut self, frame: &Frame) -> Vec<u8> {
        let Frame { lengths, positions } = frame;
        let periodic = self.engine.cell().periodic;
        for (place, position) in self.places.iter_mut().zip(positions) {
            *place = std::array::from_fn(|d| match periodic[d] {
                true => position[d] - ((position[d] - place[d]) / lengths[d]).round() * lengths[d],
                false => position[d],
            });
        }
        let mut bytes = bytemuck::bytes_of(lengths).to_vec();
        bytes.extend_from_slice(bytemuck::cast_slice(&self.places));
        bytes
    }

    fn compute(&mut self, lengths: &Vec3, places: &[Vec3]) -> Result<Answer> {
        self.engine.set_step(self.evaluations);
        let is_other =
            |cell: &Cell| (0..3).any(|d| cell.periodic[d] && cell.length[d] != lengths[d]);
        let cell = *self.engine.cell();
        match is_other(&cell) {
            true => self.begin_in(Cell { length: *lengths, ..cell }, places)?,
            false => self.move_to(&cell, places),
        }
        let totals = force::update_in_any_quantum(&mut self.engine, true)?;
        let atoms = self.engine.atoms();
        let given = |i: usize| Given {
            id: atoms.id[i],
            vector: atoms.force_on(i),
            energy: atoms.energy_of(i),
        };
        let given = by_id(self.comm, (0..atoms.owned).map(given).collect(), places.len());
        Ok(Answer {
            energy: totals.potential_energy,
            forces: given.iter().map(|given| given.vector).collect(),
            virial: totals.virial.unwrap_or_default(),
            energies: self.energies.then(|| given.iter().map(|given| given.energy).collect()),
        })
    }

    fn move_to(&mut self, cell: &Cell, places: &[Vec3]) {
        let atoms = self.engine.atoms_mut();
        for i in 0..atoms.owned {
            let place = places[atoms.id[i] as usize];
            let image = atoms.image[i].map(f64::from);
            for d in 0..3 {
                let shift = if cell.periodic[d] { image[d] * cell.length[d] } else { 0.0 };
                atoms.position[i][d] = place[d] - shift;
            }
        }
    }

    fn begin_in(&mut self, cell: Cell, places: &[Vec3]) -> Result<()> {
        let atoms = self.engine.atoms();
        let moved = |i: usize| {
            let atom = atoms.record(i);
            Atom { position: places[atom.id as usize], image: [0; 3], ..atom }
        };
        let list = (0..atoms.owned).map(moved).collect();
        self.engine = self.engine.restarted(cell, list)?;
        let resumed = OneBodyTerms::resume(self.config, scene(&self.engine), &self.one_body);
        let one_body = self.comm.agree(wrong(self.config, resumed))?;
        self.engine.set_one_body(one_body);
        Ok(())
    }

    /// Counts the time that an evaluation took.
    pub fn count(&mut self, taken: Duration) {
        self.taken += taken;
    }

    /// Whether there was anything to evaluate.
    pub fn was_asked(&self) -> bool {
        self.evaluations > 0
    }

    /// How many evaluations there were, and how long they took, for people.
    pub fn told(&self) -> String {
        let mean = self.taken.as_secs_f64() * 1e3 / self.evaluations.max(1) as f64;
        let lists = self.engine.statistics().rebuilds;
        let evaluations = counted(self.evaluations, "evaluation");
        format!("{evaluations}, {mean:.3} ms each, {}", counted(lists, "neighbour list"))
    }
}

fn scene<'a>(engine: &'a Engine<'_, ForceField>) -> Scene<'a> {
    let species = engine.potential().species();
    Scene { comm: engine.comm(), atoms: engine.atoms(), cell: engine.cell(), species }
}

fn wrong<T>(config: &Config, begun: Result<T, (String, String)>) -> Result<T> {
    begun.map_err(|(key, message)| config.source.error(&key, message))
}

/// What the ranks have, on the first of them in the order of ids; elsewhere empty. Collective.
fn by_id(comm: &Comm, mine: Vec<Given>, atoms: usize) -> Vec<Given> {
    let received = comm.exchange(&[(0, mine)]);
    let mut all = vec![Given::zeroed(); if comm.is_root() { atoms } else { 0 }];
    for given in received.iter().flat_map(|(_, list)| list) {
        all[given.id as usize] = *given;
    }
    all
}

#[cfg(test)]
pub mod testing {
    use super::*;

    /// So many atoms of the input `here.toml`.
    pub fn expected(atoms: usize, periodic: [bool; 3]) -> Expected {
        Expected { input: "here.toml".into(), atoms, periodic, composition: Vec::new() }
    }

    impl Frame {
        pub fn seen(&self) -> (Vec3, &[Vec3]) {
            (self.lengths, &self.positions)
        }
    }
}

#[cfg(test)]
mod tests;
