//! Quantities of the whole system, or of each particle: mass, centre, momenta,
//! inertia, kinetic energy, over all ranks.
//!
//! ```text
//! M = sum m          R = sum m x / M        P = sum m v        K = sum m v² / 2
//! L = sum m (x - R) x (v - V)     I = sum m (r² 1 - r r^T), r = x - R       V = P / M
//! ```
//!
//! with x the unwrapped positions, over the atoms that have not departed (`Groups::moving`: and that
//! are not held fixed). Every sum over atoms in `dynamics` (and in the
//! observers that care for bits) goes through `Groups::sum` or
//! `Groups::quick_sum`: integers, so that neither ranks nor threads nor the
//! order of atoms can be told from the result.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use crate::atoms::{Atoms, any_beyond};
use crate::comm::Comm;
use crate::dynamics::inertia::Inertia;
use crate::dynamics::parallel;
use crate::error::Error;
use crate::fixed::{ExactSum, Quantum};
use crate::force::System;
use crate::geometry::{Cell, END_OF_COORDINATES, Vec3, cross, dot, norm, scale, sub};
use crate::lanes::{Loop, run_loop};
use crate::units::{BOLTZMANN, MASS_VELOCITY_SQUARED};

pub use crate::input::config::Group;

/// Of kinetic energies in eV: 2⁻⁴⁰ takes an atom of up to 2048 eV.
const ENERGY_QUANTUM: Quantum = Quantum::STANDARD;

/// Of momenta in g/mol Å/ps: 2⁻³² takes up to 5 x 10⁵, more than any atom below 2048 eV has.
pub(super) const MOMENTUM_QUANTUM: Quantum = Quantum::new(32);

/// What the sums need to see of a system: the atoms of this rank and the ranks.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub atoms: &'a Atoms,
    pub cell: &'a Cell,
    /// g/mol, by species index.
    pub masses: &'a [f64],
    pub comm: &'a Comm,
}

impl<'a> View<'a> {
    pub fn new(system: &'a dyn System, comm: &'a Comm) -> View<'a> {
        View { atoms: system.atoms(), cell: system.cell(), masses: system.masses(), comm }
    }
}

/// The atoms as one group, or as one group for each particle, with what never changes of a
/// group while no atom departs. Particle k is group k.
#[derive(Debug, Clone, PartialEq)]
pub struct Groups {
    kind: Group,
    /// Whether atoms that are held fixed are left out.
    moving: bool,
    /// Number of atoms in each group.
    pub atoms: Vec<u64>,
    /// Mass of each group, g/mol.
    pub mass: Vec<f64>,
}

/// An atom whose position or velocity is out of bounds or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfBounds {
    pub atom: u64,
}

impl OutOfBounds {
    pub fn at(self, step: u64) -> Error {
        let message = "its velocity is out of bounds or not a number, or it flew out of reach of \
                       the coordinates; is the time step too long, or do atoms overlap?";
        Error::Physics { step, atom: self.atom, message: message.to_string() }
    }
}

/// Kinetic energy and momentum of a group: what a thermostat has to know at every step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Kinetics {
    /// Sum of m v²/2 in eV, motion of the centre of mass included.
    pub energy: f64,
    /// g/mol Å/ps
    pub momentum: Vec3,
}

impl Kinetics {
    /// Kinetic energy of the motion of the centre of mass, eV.
    pub fn centre_energy(&self, mass: f64) -> f64 {
        if mass > 0.0 {
            0.5 * MASS_VELOCITY_SQUARED * dot(self.momentum, self.momentum) / mass
        } else {
            0.0
        }
    }

    /// Kinetic energy relative to the centre of mass, eV.
    pub fn thermal_energy(&self, mass: f64) -> f64 {
        (self.energy - self.centre_energy(mass)).max(0.0)
    }
}

/// T = 2 K / (f k), in K, of kinetic energy K (eV) in f degrees of freedom; 0 where f is 0.
pub fn temperature(kinetic_energy: f64, degrees_of_freedom: f64) -> f64 {
    if degrees_of_freedom > 0.0 {
        2.0 * kinetic_energy / (degrees_of_freedom * BOLTZMANN)
    } else {
        0.0
    }
}

/// A group of atoms as mechanics sees it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Body {
    pub atoms: u64,
    /// Of them those that can move.
    pub moving: u64,
    /// g/mol
    pub mass: f64,
    /// Centre of mass from unwrapped positions, Å; without atoms none (NaN).
    pub centre: Vec3,
    /// g/mol Å/ps
    pub momentum: Vec3,
    /// About the centre, in its frame; g/mol Å²/ps.
    pub angular_momentum: Vec3,
    /// About the centre.
    pub inertia: Inertia,
    /// Kinetic energy relative to the centre of mass (of the atoms that can move), eV.
    pub thermal_energy: f64,
}

impl Body {
    /// Of the centre of mass, Å/ps.
    pub fn velocity(&self) -> Vec3 {
        if self.mass > 0.0 { scale(self.momentum, 1.0 / self.mass) } else { [0.0; 3] }
    }

    /// 1/ps
    pub fn angular_velocity(&self) -> Vec3 {
        self.inertia.angular_velocity(self.angular_momentum)
    }

    /// Kinetic energy of the rotation as a whole, L·omega/2, eV.
    pub fn rotational_energy(&self) -> f64 {
        0.5 * MASS_VELOCITY_SQUARED * dot(self.angular_momentum, self.angular_velocity())
    }

    /// sqrt(sum m r² / M), Å.
    pub fn gyration_radius(&self) -> f64 {
        if self.mass > 0.0 { (self.inertia.polar() / self.mass).sqrt() } else { 0.0 }
    }

    /// Temperature of the motion relative to the centre of mass, 3 N - 3 degrees of freedom of the
    /// N atoms that can move, K.
    pub fn temperature(&self) -> f64 {
        temperature(self.thermal_energy, 3.0 * self.moving as f64 - 3.0)
    }
}

impl Groups {
    /// Counts and weighs the groups, with the atoms that are held fixed.
    pub fn new(kind: Group, view: &View) -> Groups {
        Groups::counted(kind, view, false)
    }

    /// The same of the atoms that can move: what momenta, temperatures and thermostats are of.
    pub fn moving(kind: Group, view: &View) -> Groups {
        Groups::counted(kind, view, true)
    }

    fn counted(kind: Group, view: &View, moving: bool) -> Groups {
        let owned = &view.atoms.particle[..view.atoms.owned];
        let count = match kind {
            Group::System => 1,
            Group::Particle => {
                let last = owned.iter().copied().max().unwrap_or(0);
                view.comm.max_u64(last as u64) as usize + 1
            }
        };
        let mut groups = Groups { kind, moving, atoms: vec![0; count], mass: vec![0.0; count] };
        let View { atoms, masses, .. } = *view;
        let sums = groups.sum(view, |i| [1.0, masses[atoms.species[i] as usize]]);
        for (k, [number, mass]) in sums.into_iter().enumerate() {
            groups.atoms[k] = number as u64;
            groups.mass[k] = mass;
        }
        groups
    }

    pub fn kind(&self) -> Group {
        self.kind
    }

    /// Whether an owned atom counts in no group.
    #[inline(always)]
    fn leaves_out(&self, atoms: &Atoms, i: usize) -> bool {
        atoms.has_departed(i) || (self.moving && atoms.is_fixed(i))
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.atoms.len()
    }

    pub fn is_empty(&self) -> bool {
        self.atoms.is_empty()
    }

    /// The group of an atom of this particle.
    #[inline(always)]
    pub fn of(&self, particle: u32) -> usize {
        match self.kind {
            Group::System => 0,
            Group::Particle => particle as usize,
        }
    }

    /// For each group, the sums of K numbers given for each owned atom, at
    /// 2⁻⁶⁰; magnitudes below 2⁶⁶.
    pub fn sum<const K: usize>(
        &self,
        view: &View,
        term: impl Fn(usize) -> [f64; K] + Sync,
    ) -> Vec<[f64; K]> {
        let mut sums = self.integer_sums(view.atoms, |i| {
            term(i).map(|x| {
                let mut quanta = ExactSum::default();
                quanta.add(x);
                quanta.0
            })
        });
        view.comm.sum_i128(sums.as_flattened_mut());
        sums.into_iter().map(|s| s.map(|quanta| ExactSum(quanta).value())).collect()
    }

    /// The same for every step: each number is rounded to its own quantum
    /// in i64. Where one is out of bounds or not a number, every rank gets an
    /// error that names the atom.
    pub fn quick_sum<const K: usize>(
        &self,
        view: &View,
        quanta: [Quantum; K],
        summand: impl Summand<K>,
    ) -> Result<Vec<[f64; K]>, OutOfBounds> {
        let mut share = self.quick_share(view.atoms, quanta, summand);
        view.comm.sum_i128(share.sums());
        share.values(view.comm)
    }

    /// What this rank has to add to a quick sum.
    fn quick_share<const K: usize>(
        &self,
        atoms: &Atoms,
        quanta: [Quantum; K],
        summand: impl Summand<K>,
    ) -> QuickShare<K> {
        let culprit = AtomicU64::new(0);
        let quick = QuickSummands { groups: self, atoms, quanta, summand, culprit: &culprit };
        let parts = parallel::fold_tasks(
            atoms.owned,
            self.len(),
            || QuickSums::new(self.len()),
            |sums, atoms| run_loop((&quick, sums, atoms)),
            |left, right| left.merge(right),
        );
        let mut sums = parts.into_total();
        let culprit = culprit.into_inner();
        sums.push([0; K]);
        sums[self.len()][0] = (culprit > 0) as i128;
        QuickShare { sums, quanta, culprit }
    }

    /// Sums over the owned atoms of this rank.
    fn integer_sums<const K: usize>(
        &self,
        atoms: &Atoms,
        term: impl Fn(usize) -> [i128; K] + Sync,
    ) -> Vec<[i128; K]> {
        let add = |sum: &mut [i128; K], x: [i128; K]| (0..K).for_each(|k| sum[k] += x[k]);
        parallel::fold(
            atoms.owned,
            self.len(),
            || vec![[0i128; K]; self.len()],
            |sums, i| {
                if !self.leaves_out(atoms, i) {
                    add(&mut sums[self.of(atoms.particle[i])], term(i));
                }
            },
            |left, right| left.iter_mut().zip(right).for_each(|(l, r)| add(l, r)),
        )
    }

    /// Kinetic energy and momentum of each group; cheap enough for every step.
    /// The error names an atom whose kinetic energy is beyond 2048 eV, or whose
    /// coordinates are beyond those that the grid is made for.
    pub fn kinetics(&self, view: &View) -> Result<Vec<Kinetics>, OutOfBounds> {
        let mut share = self.share_of_kinetics(view);
        view.comm.sum_i128(share.sums());
        share.kinetics(view.comm)
    }

    /// What this rank has to add to kinetic energies and momenta.
    pub fn share_of_kinetics(&self, view: &View) -> QuickShare<4> {
        let View { atoms, masses, .. } = *view;
        let quanta = [ENERGY_QUANTUM, MOMENTUM_QUANTUM, MOMENTUM_QUANTUM, MOMENTUM_QUANTUM];
        self.quick_share(atoms, quanta, Motion { atoms, masses })
    }

    /// Everything mechanical about each group: two passes over the atoms.
    pub fn bodies(&self, view: &View) -> Vec<Body> {
        let View { atoms, cell, masses, .. } = *view;
        let mass = |i: usize| masses[atoms.species[i] as usize];
        let place = |i: usize| cell.unwrap(&atoms.position[i], &atoms.image[i]);

        let first = self.sum(view, |i| {
            let (m, x, v) = (mass(i), place(i), atoms.velocity[i]);
            [m * x[0], m * x[1], m * x[2], m * v[0], m * v[1], m * v[2]]
        });
        let mut bodies: Vec<Body> = first
            .into_iter()
            .enumerate()
            .map(|(k, [x, y, z, px, py, pz])| {
                let mass = self.mass[k];
                let centre = scale([x, y, z], 1.0 / mass);
                let momentum = [px, py, pz];
                let atoms = self.atoms[k];
                Body { atoms, moving: atoms, mass, centre, momentum, ..Body::default() }
            })
            .collect();

        let motion: Vec<(Vec3, Vec3)> = bodies.iter().map(|b| (b.centre, b.velocity())).collect();
        let second = self.sum(view, |i| {
            let (centre, velocity) = motion[self.of(atoms.particle[i])];
            let (m, r, u) = (mass(i), sub(place(i), centre), sub(atoms.velocity[i], velocity));
            let l = cross(r, u);
            [
                m * l[0],
                m * l[1],
                m * l[2],
                m * (r[0] * r[0]),
                m * (r[1] * r[1]),
                m * (r[2] * r[2]),
                m * (r[0] * r[1]),
                m * (r[0] * r[2]),
                m * (r[1] * r[2]),
                0.5 * MASS_VELOCITY_SQUARED * m * dot(u, u),
            ]
        });
        for (body, [lx, ly, lz, xx, yy, zz, xy, xz, yz, energy]) in bodies.iter_mut().zip(second) {
            body.angular_momentum = [lx, ly, lz];
            body.inertia = Inertia::from_second_moments([xx, yy, zz, xy, xz, yz]);
            body.thermal_energy = energy;
        }
        if !self.moving && !atoms.fixed.is_empty() {
            let moving = Groups::moving(self.kind, view);
            for (body, own) in bodies.iter_mut().zip(moving.bodies(view)) {
                (body.moving, body.thermal_energy) = (own.atoms, own.thermal_energy);
            }
        }
        bodies
    }
}

/// A quick sum of which this rank has its own part, until it is added up over all: by whoever has more
/// to add up at the same time.
pub struct QuickShare<const K: usize> {
    /// Of each group; then in how many parts there is an atom out of bounds.
    sums: Vec<[i128; K]>,
    quanta: [Quantum; K],
    /// One more than the largest id among atoms of this rank that are out of bounds.
    culprit: u64,
}

impl<const K: usize> QuickShare<K> {
    /// To be added up over all ranks, on each of which there are as many.
    pub fn sums(&mut self) -> &mut [i128] {
        self.sums.as_flattened_mut()
    }

    /// Of each group, after `sums` were added up. Collective.
    fn values(mut self, comm: &Comm) -> Result<Vec<[f64; K]>, OutOfBounds> {
        if self.sums.pop().is_some_and(|last| last[0] > 0) {
            return Err(OutOfBounds { atom: comm.max_u64(self.culprit) - 1 });
        }
        let value = |sums: [i128; K]| std::array::from_fn(|k| self.quanta[k].value_wide(sums[k]));
        Ok(self.sums.into_iter().map(value).collect())
    }
}

impl QuickShare<4> {
    /// Of each group, after `sums` were added up. Collective.
    ///
    /// # Errors
    /// As for [`Groups::kinetics`].
    pub fn kinetics(self, comm: &Comm) -> Result<Vec<Kinetics>, OutOfBounds> {
        let kinetics = |[energy, x, y, z]: [f64; 4]| Kinetics { energy, momentum: [x, y, z] };
        Ok(self.values(comm)?.into_iter().map(kinetics).collect())
    }
}

/// What an atom adds to a quick sum. A function will do; what is asked for in every step has a
/// type of its own, whose `of` is `#[inline(always)]`, as `Loop` wants it.
pub trait Summand<const K: usize>: Sync {
    fn of(&self, i: usize) -> [f64; K];
}

impl<const K: usize, F: Fn(usize) -> [f64; K] + Sync> Summand<K> for F {
    #[inline(always)]
    fn of(&self, i: usize) -> [f64; K] {
        self(i)
    }
}

/// Kinetic energy (eV) and momentum (g/mol Å/ps) of an atom; not a number where it has left the
/// coordinates that the grid is made for.
struct Motion<'a> {
    atoms: &'a Atoms,
    masses: &'a [f64],
}

impl Summand<4> for Motion<'_> {
    #[inline(always)]
    fn of(&self, i: usize) -> [f64; 4] {
        let Motion { atoms, masses } = *self;
        let [x, y, z, _] = atoms.position[i];
        if x.abs().max(y.abs()).max(z.abs()) >= END_OF_COORDINATES {
            return [f64::NAN; 4];
        }
        let (m, v) = (masses[atoms.species[i] as usize], atoms.velocity[i]);
        [0.5 * MASS_VELOCITY_SQUARED * m * dot(v, v), m * v[0], m * v[1], m * v[2]]
    }
}

/// What atoms add to a quick sum, and one more than the largest id of an atom out of bounds.
struct QuickSummands<'a, const K: usize, F> {
    groups: &'a Groups,
    atoms: &'a Atoms,
    quanta: [Quantum; K],
    summand: F,
    culprit: &'a AtomicU64,
}

/// Adds the terms of a range of atoms to sums.
impl<const K: usize, F: Summand<K>> Loop
    for (&QuickSummands<'_, K, F>, QuickSums<K>, Range<usize>)
{
    type Output = QuickSums<K>;

    #[inline(always)]
    fn run(self) -> QuickSums<K> {
        let (&QuickSummands { groups, atoms, quanta, ref summand, culprit }, mut sums, range) =
            self;
        // Of all at once, as almost never one is left out.
        let all =
            atoms.fixed.is_empty() && !any_beyond(&atoms.position[range.clone()], &atoms.border);
        for i in range {
            if !all && groups.leaves_out(atoms, i) {
                continue;
            }
            let terms = summand.of(i);
            let (mut rounded, mut sound) = ([0; K], true);
            for k in 0..K {
                sound &= terms[k].abs() < quanta[k].bound();
                rounded[k] = quanta[k].round(terms[k]);
            }
            if !sound {
                culprit.fetch_max(atoms.id[i] + 1, Ordering::Relaxed);
            }
            sums.add(groups.of(atoms.particle[i]), rounded);
        }
        sums
    }
}

/// Sums of each group in i64, which are cheap, taken over into i128 before they can overflow.
struct QuickSums<const K: usize> {
    recent: Vec<[i64; K]>,
    terms: usize,
    total: Vec<[i128; K]>,
}

impl<const K: usize> QuickSums<K> {
    /// So many terms below 2⁵¹ (`Quantum`) fit into an i64.
    const MOST_TERMS: usize = 4096;

    fn new(groups: usize) -> QuickSums<K> {
        QuickSums { recent: vec![[0; K]; groups], terms: 0, total: vec![[0; K]; groups] }
    }

    #[inline(always)]
    fn add(&mut self, group: usize, quanta: [i64; K]) {
        let sum = &mut self.recent[group];
        // What is out of bounds may wrap: the sums are not looked at then.
        (0..K).for_each(|k| sum[k] = sum[k].wrapping_add(quanta[k]));
        self.terms += 1;
        if self.terms == Self::MOST_TERMS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for (total, recent) in self.total.iter_mut().zip(&mut self.recent) {
            (0..K).for_each(|k| total[k] += recent[k] as i128);
            *recent = [0; K];
        }
        self.terms = 0;
    }

    fn merge(&mut self, other: QuickSums<K>) {
        for (left, right) in self.total.iter_mut().zip(other.into_total()) {
            (0..K).for_each(|k| left[k] += right[k]);
        }
    }

    fn into_total(mut self) -> Vec<[i128; K]> {
        self.flush();
        self.total
    }
}

/// The largest force component (x, y or z of any atom), eV/Å.
pub fn largest_force(view: &View) -> f64 {
    let components = view.atoms.force[..view.atoms.owned].iter().flat_map(|f| &f[..3]);
    let largest = components.fold(0, |largest: u64, f| largest.max(f.unsigned_abs()));
    view.atoms.quantum.value(view.comm.max_u64(largest) as i64)
}

/// The largest speed among all atoms, Å/ps.
pub fn largest_speed(view: &View) -> f64 {
    let owned = &view.atoms.velocity[..view.atoms.owned];
    view.comm.max(owned.iter().fold(0.0, |fastest: f64, &v| fastest.max(norm(v))))
}
