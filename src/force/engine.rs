//! The engine: the atoms of this rank, the ways between ranks, and the potential.
//!
//! One evaluation, as on the textbook page:
//!
//! ```text
//! if an atom has moved more than half the skin, or is to be removed:
//!     wrap, balance, migrate, sort, share ghosts, list neighbours
//! else: refresh the positions of ghosts
//! densities;   gather them at the owners
//! embed;       refresh the adjoints of ghosts
//! forces;      gather them at the owners
//! ```
//!
//! Invariants. Every decision here is taken from integers or maxima over all
//! ranks, so all ranks take the same one. A rank on which something fails goes on
//! exchanging (zeros) to the end of the evaluation, where all ranks fail together:
//! nobody waits for a rank that has left. When wrapping and rebuilding happen
//! depends on the skin, so wrapped positions do too; unwrapped ones
//! (`Cell::unwrap`), forces, energy and virial do not.

use super::phases::{Memory, Phases};
use super::{Departures, OneBodyTerms, Share, Statistics, System, Totals, displacement};
use crate::atoms::{Atom, Atoms, FixedForce};
use crate::clock::{Clock, Phase};
use crate::comm::{Arrived, Comm, Transfer};
use crate::domain::{Balance, Domains, Pace};
use crate::error::{Error, Result};
use crate::exchange::{Census, Routes, connected, migrate, share_ghosts};
use crate::fixed::Quantum;
use crate::geometry::{Cell, END_OF_COORDINATES, GRID, Vec3, grid_index, on_far_grid};
use crate::lanes::{WIDTH, Words};
use crate::neighbour::{Kept, Neighbours, Rows};
use crate::potential::{Environment, Potential};
use crate::sweep::{Measures, Schedule, Section, Tiling};
use bytemuck::cast_slice_mut;
use rayon::prelude::*;

/// Components of a symmetric tensor in the order xx, yy, zz, xy, xz, yz.
pub const COMPONENTS: [(usize, usize); 6] = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)];

/// What an engine is told besides the system.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Å, added to the range of the potential; changes speed, never results.
    pub skin: f64,
    /// The run fails when the energy of an atom exceeds this, eV.
    pub energy_bound: f64,
}

/// A system whose atoms are spread over the ranks, with the forces of a potential on them: domains, ghosts,
/// neighbour lists, and the phases of the potential over them. Results do not depend on the number of
/// ranks or threads.
pub struct Engine<'c, P: Potential> {
    comm: &'c Comm,
    potential: &'c P,
    memory: Memory<P>,
    settings: Settings,
    masses: Vec<f64>,
    atoms: Atoms,
    cell: Cell,
    /// Which atoms there were at the beginning.
    census: Census,
    domains: Domains,
    routes: Routes,
    neighbours: Neighbours,
    measures: Measures,
    schedule: Schedule,
    /// Density sums, then adjoints: `potential.words()` for each place of the ring.
    words: Vec<Words>,
    departures: Departures,
    one_body: OneBodyTerms,
    /// Where owned atoms were when the neighbour list was built.
    built_at: Vec<Vec3>,
    statistics: Statistics,
    balance: Balance,
    pace: Pace,
    clock: Clock,
    step: u64,
}

impl<'c, P: Potential> Engine<'c, P> {
    /// A system of atoms that may lie on any ranks, each on one; ids are 0 .. N-1
    /// over all ranks. Distributes them and lists neighbours; forces come with
    /// `update_forces`. In free directions only the atoms decide the cell.
    /// Collective.
    ///
    /// # Errors
    /// [`Error::Physics`] where a position is not a number or lies beyond the coordinates; on every rank.
    pub fn new(
        comm: &'c Comm,
        potential: &'c P,
        cell: Cell,
        list: Vec<Atom>,
        settings: Settings,
    ) -> Result<Engine<'c, P>> {
        let mut atoms = Atoms::from_list(&list);
        drop(list);
        atoms.quantum = potential.quantum();
        for position in &mut atoms.position {
            *position = position.map(on_far_grid);
        }
        let census = Census::take(comm, &atoms.id);
        let pace = Pace::new(comm.size());
        let mut engine = Engine {
            comm,
            potential,
            memory: Memory::default(),
            settings,
            masses: potential.species().iter().map(|s| s.mass).collect(),
            atoms,
            cell,
            census,
            domains: Domains::bisect(&cell, pace.shares(), (&[], &[]), 0.0, comm),
            routes: Routes::default(),
            neighbours: Neighbours::default(),
            measures: Measures::default(),
            schedule: Schedule::default(),
            words: Vec::new(),
            departures: Departures::default(),
            one_body: OneBodyTerms::default(),
            built_at: Vec::new(),
            statistics: Statistics::default(),
            balance: Balance::default(),
            pace,
            clock: Clock::default(),
            step: 0,
        };
        engine.rebuild()?;
        // The first division counted atoms; now their neighbours are known.
        if engine.balance.calls_for_division() {
            engine.rebuild()?;
        }
        Ok(engine)
    }

    /// The same system with other atoms in another cell: after something has moved
    /// them farther than a step does. Its clock and its count of lists go on; one-body terms
    /// begin anew. Collective.
    ///
    /// # Errors
    /// As for `new`.
    pub fn restarted(&self, cell: Cell, list: Vec<Atom>) -> Result<Engine<'c, P>> {
        let mut engine = Engine::new(self.comm, self.potential, cell, list, self.settings)?;
        engine.clock = self.clock.clone();
        engine.statistics.rebuilds += self.statistics.rebuilds;
        engine.step = self.step;
        engine.set_departures(self.departures.clone());
        Ok(engine)
    }

    /// Forces and energies in another quantum than the potential's own.
    pub fn set_quantum(&mut self, quantum: Quantum) {
        self.atoms.quantum = quantum;
    }

    /// Where atoms depart; unless told, where coordinates end. The next `update_forces` looks.
    pub fn set_departures(&mut self, departures: Departures) {
        departures.mark(&mut self.atoms, &self.cell);
        self.departures = departures;
        self.departures.here = 0;
    }

    /// What acts on the atoms one by one; unless told, nothing.
    pub fn set_one_body(&mut self, one_body: OneBodyTerms) {
        self.one_body = one_body;
        self.one_body.mark(&mut self.atoms);
    }

    /// How the work is cut for threads and caches; unless told, as suits them. Changes speed,
    /// never results. The next `update_forces` lists neighbours anew.
    pub fn set_measures(&mut self, measures: Measures) {
        self.measures = measures;
        self.built_at.clear();
    }

    /// How the work was cut at the last rebuild.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// The ids of atoms that have departed since this was last asked; the same on every rank.
    pub fn take_departures(&mut self) -> Vec<u64> {
        self.departures.take()
    }

    /// The number of the step that errors name.
    pub fn set_step(&mut self, step: u64) {
        self.step = step;
    }

    /// The ranks that the system is spread over.
    pub fn comm(&self) -> &'c Comm {
        self.comm
    }

    /// What acts between its atoms.
    pub fn potential(&self) -> &'c P {
        self.potential
    }

    /// Where the time of this rank goes, by phase.
    pub fn clock(&mut self) -> &mut Clock {
        &mut self.clock
    }

    /// Counts since the engine was made: lists, divisions, atoms and messages of ranks.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// The ways of the ghosts that `atoms` has.
    pub fn routes(&self) -> &Routes {
        &self.routes
    }

    /// Lists as of the last rebuild, with the skin; half of them where the potential takes such.
    pub fn neighbours(&self) -> &Neighbours {
        &self.neighbours
    }

    /// Range of the potential plus skin, Å.
    fn reach(&self) -> f64 {
        self.potential.range() + self.settings.skin
    }

    fn failure(&self, atom: usize, message: String) -> Error {
        Error::Physics { step: self.step, atom: self.atoms.id[atom], message }
    }

    /// Whether an atom, on any rank, moved more than half the skin since the last
    /// rebuild, and whether one has departed. A position that is not a number counts as far.
    /// The list learns how far they moved.
    fn look_around(&mut self) -> (bool, bool) {
        let Atoms { owned, position, border, .. } = &self.atoms;
        let (farthest, any) = match *owned == self.built_at.len() {
            true => displacement::look(&position[..*owned], &self.built_at, border),
            false => (f64::INFINITY, true),
        };
        let departed = if any { self.count_departed() } else { 0 };
        let mut most = [farthest, (departed != self.departures.here) as u8 as f64];
        self.comm.max_f64(&mut most);
        let half = 0.5 * self.settings.skin;
        self.neighbours.note_displacement(most[0].sqrt() / half);
        (most[0] > half * half, most[1] > 0.0)
    }

    /// Owned atoms that have departed.
    fn count_departed(&self) -> usize {
        let atoms = &self.atoms;
        (0..atoms.owned)
            .into_par_iter()
            .with_min_len(4096)
            .filter(|&i| atoms.has_departed(i))
            .count()
    }

    /// Afterwards: every atom is owned by the rank of its region and wrapped into
    /// the cell, owned atoms are in the order of rows, ghosts and lists are complete.
    fn rebuild(&mut self) -> Result<()> {
        let caller = self.clock.enter(Phase::Migrate);
        self.atoms.drop_ghosts();
        self.comm.agree(self.check_positions())?;
        self.wrap();
        if self.take_shares() || self.balance.calls_for_division() {
            self.divide_space();
        }
        let domains = &self.domains;
        migrate(self.comm, &mut self.atoms, |position| domains.owner(position));
        self.census.check(self.comm, &self.atoms.id, self.step)?;

        self.clock.enter(Phase::Neighbour);
        let rows = Rows::around(&self.atoms.position, self.reach());
        let row_starts = rows.sort_owned(&mut self.atoms);
        self.built_at = self.atoms.position.iter().map(|&[x, y, z, _]| [x, y, z]).collect();
        self.departures.here = self.count_departed();
        self.one_body.mark(&mut self.atoms);

        self.clock.enter(Phase::Exchange);
        self.routes = share_ghosts(self.comm, &self.cell, self.reach(), &mut self.atoms);

        self.clock.enter(Phase::Neighbour);
        let kept = match self.potential.takes_half_lists() {
            true => Kept::Once,
            false => Kept::All,
        };
        let reach = [self.potential.range(), self.settings.skin];
        self.neighbours.build((&rows, &row_starts), &self.atoms, reach, kept);
        let ghosts = self.atoms.len() - self.atoms.owned;
        let threads = rayon::current_num_threads();
        let tiling = Tiling::new(&rows, &row_starts, threads, self.measures);
        self.schedule = Schedule::new(&tiling, self.routes.shared(), ghosts);
        let words = self.schedule.ring.places(self.atoms.len()) * self.potential.words();
        self.words.resize(words.div_ceil(WIDTH), Words::default());
        self.take_statistics();
        self.clock.enter(caller);
        Ok(())
    }

    fn check_positions(&self) -> Result<()> {
        for (i, p) in self.atoms.position[..self.atoms.owned].iter().enumerate() {
            if !p[..3].iter().all(|x| x.abs() < END_OF_COORDINATES) {
                let place = format!("({}, {}, {}) Å", p[0], p[1], p[2]);
                let message = if p[..3].iter().all(|x| x.is_finite()) {
                    format!("this atom is at {place}, beyond the end of coordinates at 131072 Å")
                } else {
                    format!("the position of this atom is {place}")
                };
                return Err(self.failure(i, message + "; is the time step too long?"));
            }
        }
        Ok(())
    }

    /// Wraps positions into periodic directions, and lets the cell enclose the
    /// atoms in free ones.
    fn wrap(&mut self) {
        let owned = self.atoms.owned;
        let mut bounds = [f64::NEG_INFINITY; 6];
        for (position, image) in self.atoms.position[..owned].iter_mut().zip(&mut self.atoms.image)
        {
            self.cell.wrap(position, image);
            for d in 0..3 {
                bounds[d] = bounds[d].max(-position[d]);
                bounds[d + 3] = bounds[d + 3].max(position[d]);
            }
        }
        self.comm.max_f64(&mut bounds);
        if self.census.count() > 0 {
            for d in (0..3).filter(|&d| !self.cell.periodic[d]) {
                self.cell.origin[d] = -bounds[d];
                self.cell.length[d] = bounds[d + 3] + bounds[d];
            }
        }
    }

    /// Whether ranks have new shares of the work, by how fast they have been. Collective.
    fn take_shares(&mut self) -> bool {
        let load = self.load();
        self.pace.end_lap(load, self.clock.spent());
        self.pace.look(self.comm.rank(), load, self.comm)
    }

    /// The cost of all owned atoms.
    fn load(&self) -> u64 {
        (self.atoms.owned + self.neighbours.whole_count()) as u64
    }

    /// Divides space by the cost of atoms: one plus the number of neighbours, an
    /// integer that is the same wherever it is counted; one, where these are not known yet.
    fn divide_space(&mut self) {
        let owned = self.atoms.owned;
        let by_loads = self.statistics.rebuilds > 0;
        let costs: Vec<i64> = match by_loads {
            true => self.neighbours.counts().iter().map(|&count| 1 + count as i64).collect(),
            false => vec![1; owned],
        };
        let positions = &self.atoms.position[..owned];
        self.domains = Domains::bisect(
            &self.cell,
            self.pace.shares(),
            (positions, &costs),
            self.reach(),
            self.comm,
        );
        self.statistics.divisions += 1;
        self.balance.divided(by_loads);
    }

    fn take_statistics(&mut self) {
        let here = Statistics {
            rebuilds: self.statistics.rebuilds + 1,
            divisions: self.statistics.divisions,
            shares: self.pace.shares().extent(),
            load: self.pace.shares().load_of_even(self.comm.rank(), self.load()),
            atoms: self.atoms.owned as u64,
            ghosts: (self.atoms.len() - self.atoms.owned) as u64,
            neighbours: self.neighbours.whole_count() as u64,
            traffic: self.routes.traffic(self.comm.rank(), self.potential.words()),
            ..Statistics::default()
        };
        self.statistics = here.over_ranks(self.comm);
        self.balance.count(self.statistics.imbalance);
    }

    /// Positions to ghosts, where they are not as new as the list, and the three phases.
    /// What fails on this rank is returned only when all exchanges are done, with zeros in
    /// place of what it could not compute.
    fn run_phases(&mut self, is_new: bool, virial: &mut Option<[i128; 6]>) -> Result<()> {
        let Engine { comm, potential, memory, atoms, neighbours, schedule, .. } = self;
        let Engine { words, routes, clock, .. } = self;
        let stride = potential.words();
        let own_words = schedule.ring.places(atoms.owned) * stride;
        let words = &mut cast_slice_mut(words)[..schedule.ring.places(atoms.len()) * stride];
        let Atoms { owned, id, species, position, force, quantum, .. } = atoms;
        let (owned, all, quantum) = (*owned, position.len(), *quantum);
        let still = Environment { owned, position: &[], species, id, neighbours, quantum };
        let mut phases = Phases::new(*potential, schedule, memory, clock);

        // Behind an exchange under way the owned atoms are seen alone.
        let (own, ghosts) = position.split_at_mut(owned);
        let mut transfer: Box<dyn Transfer> = match is_new {
            true => Box::new(Arrived),
            false => routes.begin_refresh_positions(comm, own, ghosts),
        };
        phases.clock.enter(Phase::Density);
        phases.prepare(still.at(own), 0..owned);
        let travelling = Section::PositionsTravel;
        phases.run(travelling, still.at(own), words, force, &mut *transfer);
        phases.clock.enter(Phase::Exchange);
        transfer.complete();

        phases.clock.enter(Phase::Density);
        phases.prepare(still.at(position), owned..all);
        phases.zero(&mut words[own_words..], &mut force[owned..]);
        phases.run(Section::BeforeSums, still.at(position), words, force, &mut Arrived);

        let (own, ghosts) = words.split_at_mut(own_words);
        phases.withhold(ghosts);
        phases.clock.enter(Phase::Exchange);
        let mut transfer = routes.begin_gather(comm, ghosts, stride);
        let travelling = Section::SumsTravel;
        phases.run(travelling, still.at(&position[..owned]), own, force, &mut *transfer);
        phases.clock.enter(Phase::Exchange);
        transfer.complete();
        routes.add_gathered(own, stride);

        phases.run(Section::BeforeAdjoints, still.at(position), words, force, &mut Arrived);

        let (own, ghosts) = words.split_at_mut(own_words);
        phases.withhold(own);
        phases.clock.enter(Phase::Exchange);
        let mut transfer = routes.begin_refresh(comm, own, ghosts, stride);
        let travelling = Section::AdjointsTravel;
        phases.run(travelling, still.at(&position[..owned]), own, force, &mut *transfer);
        phases.clock.enter(Phase::Exchange);
        transfer.complete();

        phases.run(Section::BeforeForces, still.at(position), words, force, &mut Arrived);

        let (own, ghosts) = force.split_at_mut(owned);
        phases.withhold(ghosts.as_flattened_mut());
        phases.clock.enter(Phase::Exchange);
        let mut transfer = routes.begin_gather(comm, ghosts.as_flattened(), 4);
        let (travelling, words) = (Section::ForcesTravel, &mut words[..own_words]);
        phases.run(travelling, still.at(&position[..owned]), words, own, &mut *transfer);
        phases.clock.enter(Phase::Exchange);
        transfer.complete();
        if let Some(virial) = virial {
            *virial = partial_virial(position, force);
        }
        routes.add_gathered(force[..owned].as_flattened_mut(), 4);
        phases.result
    }

    /// Energies of the owned atoms in quanta, were all atoms and ghosts elsewhere, neighbours hardly
    /// moved against each other. All is afterwards as it was before. Collective.
    pub(super) fn energies_where(
        &mut self,
        place: impl Fn(&[f64; 4]) -> [f64; 4] + Sync + Send,
    ) -> Result<Vec<i64>> {
        let (position, force) = (self.atoms.position.clone(), self.atoms.force.clone());
        let moved = position.par_iter().map(place);
        moved.collect_into_vec(&mut self.atoms.position);
        // Whole lists, as far as they were made.
        self.neighbours.note_displacement(1.0);
        let result = self.run_phases(true, &mut None);
        let energies = self.atoms.force[..self.atoms.owned].iter().map(|force| force[3]).collect();
        (self.atoms.position, self.atoms.force) = (position, force);
        self.comm.agree(result.map_err(|error| at_step(error, self.step)))?;
        Ok(energies)
    }

    /// Energy of the owned atoms in quanta, none of them beyond the bound.
    fn sum_energies(&self) -> Result<i128> {
        let quantum = self.atoms.quantum;
        let bound = self.settings.energy_bound;
        let owned = &self.atoms.force[..self.atoms.owned];
        let part = |forces: &[FixedForce]| {
            let add = |(sum, largest): (i128, u64), f: &FixedForce| {
                (sum + f[3] as i128, largest.max(f[3].unsigned_abs()))
            };
            forces.iter().fold((0, 0), add)
        };
        let parts = owned.par_chunks(4096).map(part);
        let (sum, largest) = parts.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1.max(b.1)));
        let is_beyond = |quanta: u64| quantum.value_wide(quanta as i128) > bound;
        if !is_beyond(largest) {
            return Ok(sum);
        }
        let beyond = owned.iter().position(|f| is_beyond(f[3].unsigned_abs()));
        let atom = beyond.expect("the largest energy is of some atom");
        let energy = self.atoms.energy_of(atom);
        let message = format!(
            "the energy of this atom is {energy:.6} eV, beyond the bound of {bound} eV; \
             do atoms overlap, or is the time step too long?"
        );
        Err(self.failure(atom, message))
    }
}

/// Sum of r_a f_b over owned atoms and ghosts before forces are gathered, in grid
/// spacings times quanta. Every contribution to the forces adds up to zero, so it
/// does not matter in which image, or on which rank, it was computed: exact.
fn partial_virial(position: &[[f64; 4]], force: &[[i64; 4]]) -> [i128; 6] {
    let add = |a: [i128; 6], b: [i128; 6]| std::array::from_fn(|k| a[k] + b[k]);
    position
        .par_iter()
        .with_min_len(4096)
        .zip(force)
        .map(|(p, f)| COMPONENTS.map(|(a, b)| grid_index(p[a]) as i128 * f[b] as i128))
        .reduce(|| [0; 6], add)
}

impl<P: Potential> System for Engine<'_, P> {
    fn atoms(&self) -> &Atoms {
        &self.atoms
    }

    fn atoms_mut(&mut self) -> &mut Atoms {
        &mut self.atoms
    }

    fn cell(&self) -> &Cell {
        &self.cell
    }

    fn masses(&self) -> &[f64] {
        &self.masses
    }

    fn refresh_species(&mut self) {
        let caller = self.clock.enter(Phase::Exchange);
        let species = &mut self.atoms.species;
        let mut words: Vec<i64> = species.iter().map(|&kind| kind as i64).collect();
        self.routes.refresh(self.comm, &mut words, 1);
        species.iter_mut().zip(words).for_each(|(kind, word)| *kind = word as u8);
        self.clock.enter(caller);
    }

    fn stretch(&mut self, length: Vec3) {
        let new = self.cell.with_lengths(length);
        let Atoms { owned, position, image, .. } = &mut self.atoms;
        for (position, image) in position[..*owned].iter_mut().zip(image) {
            self.cell.wrap(position, image);
            let [x, y, z, _] = *position;
            let [x, y, z] = self.cell.carried_to(&new, &[x, y, z]);
            *position = [x, y, z, position[3]];
        }
        self.cell = new;
        // Lists and ghosts are of the box before.
        self.built_at.clear();
    }

    fn energy_reach(&self) -> f64 {
        self.potential.energy_reach()
    }

    fn clusters(&self, bond: f64) -> Vec<u64> {
        connected(&self.atoms, &self.neighbours, self.comm, bond, |_, _| true)
    }

    fn departed(&self) -> u64 {
        self.departures.count()
    }

    fn one_body(&self) -> Option<&OneBodyTerms> {
        Some(&self.one_body).filter(|terms| !terms.is_empty())
    }

    fn one_body_mut(&mut self) -> Option<&mut OneBodyTerms> {
        Some(&mut self.one_body).filter(|terms| !terms.is_empty())
    }

    fn begin_forces(&mut self, virial: bool) -> Result<Share> {
        let caller = self.clock.enter(Phase::Exchange);
        let (moved_far, has_departed) = self.look_around();
        if has_departed {
            let seen = (&self.atoms, &self.cell);
            self.departures.learn(self.comm, seen, self.potential.range(), self.step)?;
            self.departures.here = self.count_departed();
        }
        // What is removed must be on no list, in this very step.
        let is_new = moved_far || (has_departed && self.departures.removes);
        if is_new {
            self.rebuild()?;
        }
        let mut partial_virial = virial.then_some([0; 6]);
        let phases = self.run_phases(is_new, &mut partial_virial);
        self.pace.count_evaluation();
        self.departures.rest(&mut self.atoms);
        let outside = phases.and_then(|()| self.one_body.act(&mut self.atoms, &self.cell));
        let energy = outside.and_then(|()| self.sum_energies());
        let mut sums = vec![*energy.as_ref().unwrap_or(&0), energy.is_err() as i128];
        sums.extend(partial_virial.into_iter().flatten());
        sums.extend(self.one_body.sums());
        self.clock.enter(caller);
        Ok(Share { result: energy.map(drop), sums })
    }

    fn finish_forces(&mut self, share: Share, more: &mut [i128]) -> Result<Totals> {
        let Share { result, mut sums } = share;
        let caller = self.clock.enter(Phase::Exchange);
        let own = sums.len();
        sums.extend(&*more);
        self.comm.sum_i128(&mut sums);
        more.copy_from_slice(&sums[own..]);
        self.clock.enter(caller);
        let [energy, failures] = [sums[0], sums[1]];
        if failures > 0 {
            self.comm.agree(result.map_err(|e| at_step(e, self.step)))?;
        }
        let (virial, one_body) = sums[2..own].split_at(own - 2 - self.one_body.sums().len());
        let quantum = self.atoms.quantum;
        self.one_body.learn(one_body, quantum);
        let virial = <&[i128; 6]>::try_from(virial).ok();
        Ok(Totals {
            potential_energy: quantum.value_wide(energy),
            virial: virial.map(|virial| virial.map(|quanta| quantum.value_wide(quanta) * GRID)),
        })
    }
}

/// Potentials do not know the step: it is filled in here.
fn at_step(error: Error, step: u64) -> Error {
    match error {
        Error::OutOfBounds { atom, message } => Error::Physics { step, atom, message },
        other => other,
    }
}
