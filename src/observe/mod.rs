//! Plain values measured in situ, over all ranks.
//!
//! Each observer says what it needs (`Needs`), so that the virial is computed only where
//! someone asks; it measures one `Snapshot`
//! and hands on named columns (`Record`), the same on every rank. Lists of neighbours are
//! there as the potential has them, half or whole: observers look at their pairs, or make
//! whole lists of some atoms at a time (`neighbour::Portion`). Sums over atoms
//! are of integers (`dynamics::groups`, `fixed::ExactSum`) or minima and maxima, so
//! neither ranks nor the order of atoms can be told from the values.
//!
//! What observers remember (`Observers` serialises) goes into the checkpoint: where
//! the particles stood when they were put together, which of them are neighbours,
//! and since when gaps are closed; what they remember of each atom (`Beginnings`) as arrays.

use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::build::Filling;
use crate::comm::Comm;
use crate::dynamics::groups::{Body, Group, Groups, View};
use crate::dynamics::swaps::Tally;
use crate::error::Result;
use crate::exchange::Routes;
use crate::force::{OneBodyTerms, Totals};
use crate::input::{AtomColumn, TracedAtoms, TracesConfig};
use crate::neighbour::{Kept, Neighbours};
use clusters::Clusters;
use diffusion::Diffusion;
use enclosed::Enclosed;
use facets::Sites;
use grains::Grains;
use structure::BOUNDARIES;
use surroundings::AllSurroundings;

mod alpha_shape;
mod clusters;
mod cna;
mod contact;
mod defects;
mod diffusion;
mod distribution;
mod enclosed;
mod facets;
mod faults;
mod grains;
mod lattice;
mod layers;
mod mergers;
pub mod neck;
mod neck_stress;
mod one_body;
mod order;
mod pairs;
mod particles;
mod polyhedron;
mod record;
mod shells;
mod smooth;
mod strangers;
mod stress;
mod structure;
mod superposition;
mod surroundings;
pub mod swaps;
mod templates;
mod thermo;
mod traces;
mod wide;

pub use cna::Class;
pub use contact::{Closure, Contact};
pub use diffusion::Beginnings;
pub use facets::Site;
pub use layers::{LAYERS, NOWHERE};
pub use pairs::Pairs;
pub use particles::Particles;
pub use record::{Column, Record, Series, Values};
pub use structure::Structure;
pub use surroundings::Surroundings;
pub use templates::Match;
pub use thermo::Thermo;
pub use traces::Traces;

/// What has to be there before a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// `Totals::virial` of the step that is measured.
    pub virial: bool,
}

impl std::ops::BitOr for Needs {
    type Output = Needs;
    fn bitor(self, other: Needs) -> Needs {
        Needs { virial: self.virial | other.virial }
    }
}

/// The system at one time: forces belong to positions, velocities are of the same time.
#[derive(Clone, Copy)]
pub struct Snapshot<'a> {
    pub step: u64,
    pub time_ps: f64,
    pub place: Place<'a>,
    pub system: View<'a>,
    pub neighbours: &'a Neighbours,
    pub totals: Totals,
    /// Of each owned atom its part of the virial, eV, if stresses are asked for.
    pub virials: Option<&'a [[f64; 6]]>,
    /// What acts on the atoms one by one, if anything does.
    pub one_body: Option<&'a OneBodyTerms>,
    /// What came of swaps in the stage of this number (from 1), in a run that has some.
    pub swaps: Option<(usize, Tally)>,
    /// Of the whole system: 3 N less what is held fixed.
    pub degrees_of_freedom: f64,
    /// Total energy less what thermostats and barostats put in, eV.
    pub conserved_energy: f64,
    /// Whether the particles share one space, as opposed to each alone.
    pub together: bool,
    /// Whether velocities are motion in time. Those of a minimiser are not: they have no
    /// temperature and no kinetic energy.
    pub moving: bool,
    pub settings: Settings,
}

impl<'a> Snapshot<'a> {
    /// The other atoms of bonded pairs that are looked at from owned atom i (`Neighbours::pairs_of`), within `bond` (Å).
    fn bonded(&self, i: usize, bond: f64) -> impl Iterator<Item = usize> + use<'a> {
        let (atoms, neighbours) = (self.system.atoms, self.neighbours);
        neighbours.pairs_of(i).filter(move |&j| atoms.square_between(i, j) <= bond * bond)
    }
}

/// What the input says of measuring; none of it touches the trajectory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// So long must atoms of both sides hold a layer until it is a neck, ps.
    pub neck_hold_ps: f64,
    /// How far pair distributions are wanted, Å.
    pub pair_distribution: Option<f64>,
    /// Whether atoms are wanted by their layer below the surface.
    pub layers: bool,
    /// The largest RMSD from a template that counts, where they are to be matched.
    pub template_rmsd: Option<f64>,
    /// Whether grains are wanted, where templates are.
    pub grains: bool,
    /// Between frames with surfaces, ps; unless told, as suits so many atoms.
    pub surface_interval_ps: Option<f64>,
    /// So long are the windows in which displacements are measured, ps, if they are wanted.
    pub diffusion_window_ps: Option<f64>,
}

/// Where in the protocol a snapshot stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place<'a> {
    /// Number of the stage, from 1, and its name.
    pub stage: usize,
    /// Whether no step of it is made.
    pub begins: bool,
    pub name: &'a str,
    /// What the thermostat steers to, K; none where there is none.
    pub target_temperature: Option<f64>,
    /// What the barostat steers to, eV/Å³; none where there is none.
    pub target_pressure: Option<f64>,
}

/// A snapshot with what several observers look at.
pub struct Scene<'a> {
    pub snapshot: Snapshot<'a>,
    pub groups: &'a Groups,
    /// One for each particle.
    pub bodies: Vec<Body>,
    /// Å, of the potential.
    pub cutoff: f64,
    /// For each owned atom, whether it has no neighbour within the cutoff of the potential.
    pub evaporated: Vec<bool>,
}

/// What measures something at one time. A new one is a file here, and a place in [`Observers`].
///
/// ```
/// use sinter_hpc::atoms::{Atom, Atoms};
/// use sinter_hpc::comm::Comm;
/// use sinter_hpc::dynamics::{Group, Groups, View};
/// use sinter_hpc::force::Totals;
/// use sinter_hpc::geometry::Cell;
/// use sinter_hpc::neighbour::Neighbours;
/// use sinter_hpc::observe::{
///     Column, Needs, Observer, Place, Scene, Series, Settings, Snapshot, Values,
/// };
///
/// /// The height of the highest atom.
/// struct Height;
///
/// impl Observer for Height {
///     fn needs(&self) -> Needs {
///         Needs::default()
///     }
///
///     fn measure(&mut self, scene: &Scene) -> sinter_hpc::Result<Option<Series>> {
///         let View { atoms, comm, .. } = scene.snapshot.system;
///         let mine = atoms.position[..atoms.owned].iter();
///         // Of all ranks, so that every one has the same.
///         let highest = comm.max(mine.fold(f64::NEG_INFINITY, |highest, r| highest.max(r[2])));
///         let column = Column::real("height", "Angstrom", "largest z of an atom", highest);
///         Ok(Some(Series { path: "/sinter/height", columns: vec![column] }))
///     }
/// }
///
/// let atom = |id, z| Atom {
///     id,
///     position: [0.0, 0.0, z],
///     velocity: [0.0; 3],
///     image: [0; 3],
///     particle: 0,
///     species: 0,
///     padding: 0,
/// };
/// let atoms = Atoms::from_list(&[atom(0, 1.0), atom(1, 4.0), atom(2, -2.0)]);
/// let (comm, cell) = (Comm::single(), Cell::new([0.0; 3], [9.0; 3], [false; 3]));
/// let system = View { atoms: &atoms, cell: &cell, masses: &[63.546], comm: &comm };
/// let groups = Groups::new(Group::System, &system);
/// let snapshot = Snapshot {
///     step: 0,
///     time_ps: 0.0,
///     place: Place::default(),
///     system,
///     neighbours: &Neighbours::default(),
///     totals: Totals::default(),
///     virials: None,
///     one_body: None,
///     swaps: None,
///     degrees_of_freedom: 9.0,
///     conserved_energy: 0.0,
///     together: true,
///     moving: true,
///     settings: Settings::default(),
/// };
/// let bodies = groups.bodies(&system);
/// let scene = Scene { snapshot, groups: &groups, bodies, cutoff: 4.4, evaporated: vec![true; 3] };
/// let series = Height.measure(&scene)?.expect("there are atoms");
/// assert_eq!(series.columns[0].values, Values::Real(vec![4.0]));
/// # Ok::<(), sinter_hpc::Error>(())
/// ```
pub trait Observer {
    fn needs(&self) -> Needs;
    /// `None` where there is nothing to measure: no pairs, or not yet.
    fn measure(&mut self, scene: &Scene) -> Result<Option<Series>>;
}

/// All observers of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observers {
    /// Å: atoms farther apart do not interact.
    cutoff: f64,
    pub thermo: Thermo,
    pub particles: Particles,
    pub pairs: Pairs,
    #[serde(default)]
    pub structure: Structure,
    #[serde(default)]
    enclosed: Enclosed,
    #[serde(default, skip_serializing_if = "Diffusion::is_idle")]
    diffusion: Diffusion,
    /// Whether particles and pairs are left alone, being too many and too small.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    only_whole: bool,
    #[serde(default)]
    pub traces: Traces,
}

/// What a close-up tells of each owned atom.
#[derive(Debug, Default)]
pub struct PerAtom {
    pub surroundings: Vec<Surroundings>,
    clusters: Vec<u64>,
    sites: Sites,
    grains: Option<Vec<i32>>,
    matches: Option<Vec<Match>>,
    stress: Option<Vec<[f64; 6]>>,
}

impl PerAtom {
    /// As it stands in a frame; none for what is no whole number, or what this moment does not tell.
    pub fn number(&self, i: usize, column: AtomColumn) -> Option<i32> {
        let around = &self.surroundings[i];
        Some(match column {
            AtomColumn::Structure => around.class as i32,
            AtomColumn::Surface => around.is_surface as i32,
            AtomColumn::Coordination => around.coordination as i32,
            AtomColumn::Host => around.host as i32,
            AtomColumn::Cluster => self.clusters[i] as i32,
            AtomColumn::Facet => *self.sites.of.get(i)? as i32,
            AtomColumn::Grain => self.grains.as_ref()?[i],
            AtomColumn::Template => self.matches.as_ref()?[i].class as i32,
            AtomColumn::TemplateRmsd | AtomColumn::Displacement | AtomColumn::Stress => {
                return None;
            }
        })
    }

    /// How far it is from the template that it resembles most.
    pub fn template_rmsd(&self, i: usize) -> Option<f64> {
        Some(self.matches.as_ref()?[i].rmsd)
    }

    /// GPa: xx, yy, zz, xy, xz, yz.
    pub fn stress(&self, i: usize) -> Option<[f64; 6]> {
        Some(self.stress.as_ref()?[i])
    }
}

/// What is measured with a frame: series of its own, and what there is of each owned atom.
#[derive(Debug)]
pub struct CloseUp {
    pub record: Record,
    pub atoms: PerAtom,
}

impl Observers {
    /// `cutoff`: Å, beyond which atoms do not interact; `periodic`: of the box.
    pub fn new(cutoff: f64, periodic: [bool; 3]) -> Observers {
        Observers {
            cutoff,
            thermo: Thermo::new(periodic),
            particles: Particles::default(),
            pairs: Pairs::default(),
            structure: Structure::default(),
            enclosed: Enclosed::default(),
            diffusion: Diffusion::default(),
            only_whole: false,
            traces: Traces::default(),
        }
    }

    /// The same, where something fills the box beside the particles.
    pub fn beside(mut self, filling: Option<Filling>) -> Observers {
        self.pairs.filling = filling;
        self
    }

    /// The same, with particles and pairs or without.
    pub fn of_particles(self, measured: bool) -> Observers {
        Observers { only_whole: !measured, ..self }
    }

    /// What the step that is to be measured has to provide.
    pub fn needs(&self) -> Needs {
        self.thermo.needs() | self.particles.needs() | self.pairs.needs()
    }

    /// Where the traced atoms are, none as long as they cannot be chosen; and a warning of their choice.
    /// Called by all ranks together, after `measure` where both are due.
    pub fn trace(
        &mut self,
        snapshot: Snapshot,
        wanted: &TracesConfig,
    ) -> (Option<Record>, Option<String>) {
        let mut told = None;
        if self.traces.are_to_be_chosen(wanted, snapshot.together) {
            let mut mine = Vec::new();
            if wanted.atoms == Some(TracedAtoms::Gap) {
                let groups = Groups::new(Group::Particle, &snapshot.system);
                mine = self.pairs.facing_layers(&self.scene(snapshot, &groups));
            }
            told = self.traces.choose(wanted, &snapshot, &mine);
        }
        (self.traces.measure(&snapshot), told)
    }

    /// Measures everything. Called by all ranks together; the first snapshot with
    /// `together` sets the places from which displacements count.
    pub fn measure(&mut self, snapshot: Snapshot) -> Result<Record> {
        let groups = Groups::new(Group::Particle, &snapshot.system);
        let scene = self.scene(snapshot, &groups);
        let observers: [&mut dyn Observer; 3] =
            [&mut self.thermo, &mut self.particles, &mut self.pairs];
        let mut series = Vec::new();
        for observer in observers.into_iter().take(if self.only_whole { 1 } else { 3 }) {
            series.extend(observer.measure(&scene)?);
        }
        series.extend(self.pairs.take_mergers());
        series.extend(snapshot.one_body.into_iter().flat_map(one_body::series));
        series.extend(swaps::series(&snapshot));
        Ok(Record { step: snapshot.step, time_ps: snapshot.time_ps, series })
    }

    /// Measures what belongs to a frame of the trajectory, with the ways of the ghosts that there are.
    /// Called by all ranks together, after `measure` where both are due.
    pub fn close_up(&mut self, snapshot: Snapshot, routes: &Routes) -> CloseUp {
        let around = AllSurroundings::find(&snapshot, self.cutoff);
        let clusters = Clusters::find(&snapshot, around.bond);
        let of = |virials| stress::measure(&snapshot, virials, around.nearest);
        let stress = snapshot.virials.map(of);
        let (mut series, mut sites) = (Vec::new(), Sites::default());
        let matches = around.matches.as_ref().filter(|_| snapshot.settings.grains);
        let grains = matches.map(|found| Grains::find(&snapshot, routes, &around, found));
        if !self.only_whole {
            let contacts = self.pairs.contacts();
            (series, sites) = self.structure.measure(&snapshot, routes, &around, contacts);
            series.extend(grains.as_ref().map(Grains::series));
            let boundaries = series.iter_mut().find(|series| series.path == BOUNDARIES);
            if let (Some(stress), Some(boundaries)) = (&stress, boundaries) {
                let groups = Groups::new(Group::Particle, &snapshot.system);
                let scene = self.scene(snapshot, &groups);
                boundaries.columns.extend(neck_stress::columns(&scene, &self.pairs, stress));
            }
            series.push(clusters.series());
            series.extend(snapshot.settings.layers.then(|| layers::measure(&snapshot, &around)));
            series.extend(self.diffusion.measure(&snapshot, routes, &around, &sites));
        }
        series.extend(self.enclosed.measure(&snapshot, !self.only_whole));
        let reach = snapshot.settings.pair_distribution;
        series.extend(reach.map(|reach| distribution::measure(&snapshot, reach, around.nearest)));
        let record = Record { step: snapshot.step, time_ps: snapshot.time_ps, series };
        let AllSurroundings { of: surroundings, matches, .. } = around;
        let (clusters, grains) = (clusters.of, grains.map(|grains| grains.of));
        CloseUp {
            record,
            atoms: PerAtom { surroundings, clusters, sites, grains, matches, stress },
        }
    }

    /// What is kept of atoms since they are watched for diffusion, those of this rank's home.
    pub fn beginnings(&self) -> &Arc<Beginnings> {
        self.diffusion.beginnings()
    }

    /// Goes on with what a checkpoint has kept, of any ids on each rank. Collective.
    pub fn take_back(&mut self, comm: &Comm, kept: &Beginnings) {
        if !self.diffusion.is_idle() {
            self.diffusion.take_back(comm, kept);
        }
    }

    fn scene<'a>(&self, snapshot: Snapshot<'a>, groups: &'a Groups) -> Scene<'a> {
        Scene {
            snapshot,
            groups,
            bodies: groups.bodies(&snapshot.system),
            cutoff: self.cutoff,
            evaporated: without_neighbours(&snapshot, self.cutoff),
        }
    }
}

/// For each owned atom, whether no other atom is within `cutoff`.
fn without_neighbours(snapshot: &Snapshot, cutoff: f64) -> Vec<bool> {
    let Snapshot { system, neighbours, .. } = snapshot;
    let (atoms, owned) = (system.atoms, &system.atoms.owned);
    let within = |i: usize, j: usize| atoms.square_between(i, j) <= cutoff * cutoff;
    // Most have a near one in what the list has at their end; of the others the other ends are
    // looked at.
    let near_one = |i: usize| neighbours.of(i).atoms().find(|&j| within(i, j));
    let atoms = (0..*owned).into_par_iter().with_min_len(4096);
    let near: Vec<Option<usize>> = atoms.map(near_one).collect();
    let mut alone: Vec<bool> = near.iter().map(Option::is_none).collect();
    for &j in near.iter().flatten().filter(|j| **j < *owned) {
        alone[j] = false;
    }
    if neighbours.kept() == Kept::Once && alone.contains(&true) {
        for i in 0..*owned {
            for j in neighbours.pairs_of(i).filter(|&j| j < *owned) {
                alone[j] &= !within(i, j);
            }
        }
    }
    alone
}

/// How many there are. Collective.
fn particles(snapshot: &Snapshot) -> usize {
    let atoms = snapshot.system.atoms;
    let last = atoms.particle[..atoms.owned].iter().copied().max().unwrap_or(0);
    snapshot.system.comm.max_u64(last as u64) as usize + 1
}

/// Of each particle how many of its atoms are of each of `N` kinds, over all ranks, from numbers and kinds
/// of owned atoms. Collective.
fn of_particles<const N: usize>(
    snapshot: &Snapshot,
    particles: usize,
    kinds: impl Iterator<Item = (usize, usize)>,
) -> Vec<i64> {
    let mut counts = vec![0; particles * N];
    for (i, kind) in kinds {
        counts[snapshot.system.atoms.particle[i] as usize * N + kind] += 1;
    }
    snapshot.system.comm.sum_i64(&mut counts);
    counts
}

/// Pairs of species a ≤ b, in the order (0, 0), (0, 1), ..., (1, 1), ...
fn pairs_of_species(species: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..species).flat_map(move |a| (a..species).map(move |b| (a, b)))
}

#[cfg(test)]
mod tests;
