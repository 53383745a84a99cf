//! Order of alloys on the fcc lattices of particles: `/sinter/order`, a row with each frame, where
//! there are several species.
//!
//! Short range: `shells`.
//!
//! Long range (B. E. Warren, X-ray Diffraction (1969), chapter 12). An fcc lattice has four simple
//! cubic sublattices. With x from the middle of a particle's fcc atoms,
//!   m_k = f_k·x − t_k
//! is whole at each site, the coordinate in halves of the lattice constant, and whether m_1, m_2, m_3
//! are even tells the sublattice; their sum has one parity in one crystal, and what has the other is
//! left out (stacking faults, twins). f begins as 2/a along the axes that `lattice` finds, a being √2
//! times the mean bond, t as the phase of the (200) amplitudes of the inmost atoms. Then both are
//! fitted to the distances of m from whole numbers, in a window that grows twofold to the surface, so
//! that phases are never lost. Occupations are counts: heat does not blur them. With c_s the share of
//! a species on sublattice s,
//!   η_k = ½ Σ_s ± c_s,   + where m_k is even there,
//! are the amplitudes of the superlattice reflections (100), (010), (001): (½, ½, ½) in L1_2 and
//! (1, 0, 0) in L1_0. So with |η| falling
//!   l1_2 = 2 |η_3|, with the sign of η_1 η_2 η_3,   l1_0 = |η_1| − |η_2|,
//! which at any composition are the difference of the species' shares on its own and on the other
//! sublattices: at stoichiometry the parameter S of Bragg and Williams. Random occupation leaves
//! about N^−½. A particle of several crystals has none: its order is of short range.
//!
//! Sums are of integers, so neither ranks nor the order of atoms show.

use rayon::prelude::*;
use std::collections::BTreeMap;
use std::f64::consts::{PI, SQRT_2};

use super::cna::Class;
use super::lattice::Axes;
use super::shells::{SHELLS, Shells};
use super::surroundings::AllSurroundings;
use super::{Column, Series, Snapshot, Values};
use crate::atoms::Atoms;
use crate::dynamics::groups::View;
use crate::fixed::Quantum;
use crate::geometry::{Cell, Vec3, dot, norm, scale, sub};

const SUBLATTICES: usize = 4;
/// Which of m_1, m_2, m_3 are odd on each of them, a bit each, where their sum is even.
const ODD: [usize; SUBLATTICES] = [0b000, 0b011, 0b101, 0b110];
/// Of sums over atoms; takes coordinates wherever an atom can be.
const QUANTUM: Quantum = Quantum::new(33);
/// Radius of the first window, in lattice constants.
const FIRST_WINDOW: f64 = 3.0;

/// The fcc lattice of a particle, as it is begun with.
#[derive(Debug, Clone, Copy)]
pub struct Lattice {
    pub axes: Axes,
    /// Å
    pub constant: f64,
}

/// Where the sites of a particle's lattice are.
#[derive(Debug, Clone, Copy)]
struct Sites {
    centre: Vec3,
    /// 1/Å
    f: [Vec3; 3],
    t: [f64; 3],
}

/// An atom in fcc surroundings: its particle, its species, its unwrapped place.
struct Member {
    particle: usize,
    species: usize,
    place: Vec3,
}

impl Member {
    fn of((atoms, cell): (&Atoms, &Cell), i: u32) -> Member {
        let i = i as usize;
        Member {
            particle: atoms.particle[i] as usize,
            species: atoms.species[i] as usize,
            place: cell.unwrap(&atoms.position[i], &atoms.image[i]),
        }
    }
}

/// `lattices`: of each particle that has one. Collective.
pub fn measure(
    snapshot: &Snapshot,
    around: &AllSurroundings,
    lattices: &[Option<Lattice>],
) -> Series {
    let (particles, species) = (lattices.len(), snapshot.system.masses.len());
    let occupation = occupation(snapshot, around, lattices);
    let shells = all_shells(snapshot, &around.shells, particles);
    let each = || occupation.chunks_exact(SUBLATTICES * species);
    let ordered: Vec<[f64; 2]> =
        each().flat_map(|counts| (0..species).map(|kind| order(counts, kind, species))).collect();
    let column = |name, definition, row: &[usize], values| {
        let shape = [&[particles], row].concat();
        Column { name, unit: "1", definition, shape, values }
    };
    let unlike = species * (species - 1) / 2;
    let columns = vec![
        column(
            "sublattices",
            "atoms in fcc surroundings by species, on each of the four simple cubic sublattices of \
             their particle's lattice, which are named anew with each frame; 0 where no lattice was found",
            &[SUBLATTICES, species],
            Values::Integer(occupation.clone()),
        ),
        column(
            "l1_2",
            "long-range order of each species as in L1_2: 1 where it has one of the sublattices for \
             itself, -1 where it has three, 0 without order; none (NaN) without a lattice",
            &[species],
            Values::Real(ordered.iter().map(|[l1_2, _]| *l1_2).collect()),
        ),
        column(
            "l1_0",
            "long-range order of each species as in L1_0: 1 where it has two of the sublattices for \
             itself, 0 without order; none (NaN) without a lattice",
            &[species],
            Values::Real(ordered.iter().map(|[_, l1_0]| *l1_0).collect()),
        ),
        column(
            "warren_cowley",
            "short-range order of unlike species, in the order 0-1, 0-2, ..., 1-2, ..., in the first \
             and second shell about atoms in fcc surroundings: 0 at random, negative where they are neighbours",
            &[SHELLS, unlike],
            Values::Real(shells.iter().flat_map(Shells::warren_cowley).collect()),
        ),
    ];
    Series { path: "/sinter/order", columns }
}

/// l1_2 and l1_0 of a species.
fn order(counts: &[i64], kind: usize, species: usize) -> [f64; 2] {
    let share = |s: usize| {
        let here = &counts[s * species..(s + 1) * species];
        here[kind] as f64 / here.iter().sum::<i64>() as f64
    };
    let sign = |s: usize, k: usize| if ODD[s] >> k & 1 == 0 { 0.5 } else { -0.5 };
    let mut eta: [f64; 3] =
        std::array::from_fn(|k| (0..SUBLATTICES).map(|s| sign(s, k) * share(s)).sum());
    eta.sort_by(|a, b| b.abs().total_cmp(&a.abs()));
    let handed = (eta[0] * eta[1] * eta[2]).signum();
    [handed * 2.0 * eta[2].abs(), eta[0].abs() - eta[1].abs()]
}

/// The shells of all particles, over all ranks.
fn all_shells(snapshot: &Snapshot, mine: &BTreeMap<u32, Shells>, particles: usize) -> Vec<Shells> {
    let mut all = vec![Shells::new(snapshot.system.masses.len()); particles];
    mine.iter().for_each(|(&k, shells)| all[k as usize].merge(shells));
    let mut counts: Vec<i64> = all.iter().flat_map(|shells| shells.counts.clone()).collect();
    snapshot.system.comm.sum_i64(&mut counts);
    let each = counts.len() / particles;
    all.iter_mut().zip(counts.chunks_exact(each)).for_each(|(a, n)| a.counts = n.to_vec());
    all
}

/// Atoms on each sublattice of each particle, by species.
fn occupation(
    snapshot: &Snapshot,
    around: &AllSurroundings,
    lattices: &[Option<Lattice>],
) -> Vec<i64> {
    let (view, species) = (snapshot.system, snapshot.system.masses.len());
    let is_member = |i: &usize| {
        let particle = view.atoms.particle[*i] as usize;
        around.of[*i].class == Class::Fcc && lattices[particle].is_some()
    };
    let list: Vec<u32> = (0..around.of.len()).filter(is_member).map(|i| i as u32).collect();
    let all = Members { list, particles: lattices.len(), view };
    let sites = all.fit(all.begin(lattices));

    let mut counts = vec![0i64; all.particles * 2 * SUBLATTICES * species];
    for member in all.list.iter().map(|&i| Member::of((view.atoms, view.cell), i)) {
        let Some(sites) = &sites[member.particle] else { continue };
        let m = sites.coordinates(member.place);
        let odd: usize = (0..3).map(|k| ((m[k].round() as i64 & 1) as usize) << k).sum();
        counts[(member.particle * 2 * SUBLATTICES + odd) * species + member.species] += 1;
    }
    view.comm.sum_i64(&mut counts);
    counts.chunks_exact(2 * SUBLATTICES * species).flat_map(|c| of_one_parity(c, species)).collect()
}

/// The four sublattices of the parity that most atoms have.
fn of_one_parity(counts: &[i64], species: usize) -> Vec<i64> {
    let of = |flip: usize| -> Vec<i64> {
        let rows = ODD.map(|odd| &counts[(odd ^ flip) * species..][..species]);
        rows.concat()
    };
    let [even, odd] = [of(0b000), of(0b111)];
    if odd.iter().sum::<i64>() > even.iter().sum() { odd } else { even }
}

impl Sites {
    fn coordinates(&self, place: Vec3) -> [f64; 3] {
        let x = sub(place, self.centre);
        std::array::from_fn(|k| dot(self.f[k], x) - self.t[k])
    }
}

/// All atoms in fcc surroundings of particles with a lattice; those of this rank are listed.
struct Members<'a> {
    list: Vec<u32>,
    particles: usize,
    view: View<'a>,
}

impl Members<'_> {
    /// Sums over the atoms of each particle, those left out for which there is `None`.
    fn sums<const N: usize>(
        &self,
        of: impl Fn(&Member) -> Option<[f64; N]> + Sync,
    ) -> Vec<[f64; N]> {
        let particles = self.particles;
        let none = || vec![[0i128; N]; particles];
        let (atoms, cell) = (self.view.atoms, self.view.cell);
        let add = |mut sums: Vec<[i128; N]>, &i: &u32| {
            let member = Member::of((atoms, cell), i);
            if let Some(terms) = of(&member) {
                let sums = &mut sums[member.particle];
                sums.iter_mut().zip(terms).for_each(|(sum, x)| *sum += QUANTUM.round(x) as i128);
            }
            sums
        };
        let merge = |mut a: Vec<[i128; N]>, b: Vec<[i128; N]>| {
            let pairs = a.iter_mut().flatten().zip(b.iter().flatten());
            pairs.for_each(|(a, b)| *a += *b);
            a
        };
        let sums = self.list.par_iter().with_min_len(4096).fold(none, add).reduce(none, merge);
        let mut words: Vec<i128> = sums.into_iter().flatten().collect();
        self.view.comm.sum_i128(&mut words);
        let value = |words: &[i128]| std::array::from_fn(|k| QUANTUM.value_wide(words[k]));
        words.chunks_exact(N).map(value).collect()
    }

    /// The middle of each particle's atoms with the axes that were found, and the radius of its
    /// first window, Å.
    fn begin(&self, lattices: &[Option<Lattice>]) -> Vec<Option<(Sites, f64)>> {
        let places = self.sums(|member| {
            let [x, y, z] = member.place;
            Some([1.0, x, y, z])
        });
        let begun = |(lattice, [n, x, y, z]): (&Option<Lattice>, &[f64; 4])| {
            let lattice = lattice.filter(|_| *n > 0.0)?;
            let f = lattice.axes.map(|axis| scale(axis, 2.0 / lattice.constant));
            let sites = Sites { centre: [x / n, y / n, z / n], f, t: [0.0; 3] };
            Some((sites, FIRST_WINDOW * lattice.constant))
        };
        let mut all: Vec<Option<(Sites, f64)>> = lattices.iter().zip(&places).map(begun).collect();
        // A shell has no atom about its middle.
        let nearest = self.farthest(&all, -1.0);
        for (of, nearest) in all.iter_mut().zip(nearest) {
            of.iter_mut().for_each(|(_, window)| *window -= nearest);
        }
        let waves = self.sums(|member| {
            let (sites, window) = all[member.particle].as_ref()?;
            let phases = sites.coordinates(member.place).map(|m| 2.0 * PI * m);
            let [a, b, c] = phases.map(|phase| [libm::cos(phase), libm::sin(phase)]);
            let is_near = norm(sub(member.place, sites.centre)) <= *window;
            is_near.then_some([a[0], a[1], b[0], b[1], c[0], c[1]])
        });
        for (of, waves) in all.iter_mut().zip(waves) {
            let waves: [f64; 6] = waves;
            let phase = |k: usize| libm::atan2(waves[2 * k + 1], waves[2 * k]) / (2.0 * PI);
            of.iter_mut().for_each(|(sites, _)| sites.t = [0, 1, 2].map(phase));
        }
        all
    }

    /// Of each particle the largest of its atoms' distances from the middle times `sign`, Å.
    fn farthest(&self, all: &[Option<(Sites, f64)>], sign: f64) -> Vec<f64> {
        let mut far = vec![f64::NEG_INFINITY; self.particles];
        let (atoms, cell) = (self.view.atoms, self.view.cell);
        for member in self.list.iter().map(|&i| Member::of((atoms, cell), i)) {
            if let Some((sites, _)) = &all[member.particle] {
                let distance = sign * norm(sub(member.place, sites.centre));
                far[member.particle] = far[member.particle].max(distance);
            }
        }
        self.view.comm.max_f64(&mut far);
        far
    }

    /// Fits the sites to the atoms in windows that grow until they hold all.
    fn fit(&self, mut all: Vec<Option<(Sites, f64)>>) -> Vec<Option<Sites>> {
        let far = self.farthest(&all, 1.0);
        loop {
            let sums = self.sums(|member| {
                let (sites, window) = all[member.particle].as_ref()?;
                let [x, y, z] = scale(sub(member.place, sites.centre), 1.0 / window);
                let off = sites.coordinates(member.place).map(|m| m - m.round());
                let terms = off.map(|off| [off, off * x, off * y, off * z]);
                let mut row = [0.0; 22];
                row[..10].copy_from_slice(&[
                    1.0,
                    x,
                    y,
                    z,
                    x * x,
                    y * y,
                    z * z,
                    x * y,
                    x * z,
                    y * z,
                ]);
                row[10..].copy_from_slice(terms.as_flattened());
                (x * x + y * y + z * z <= 1.0).then_some(row)
            });
            let mut complete = true;
            for (k, of) in all.iter_mut().enumerate() {
                let Some((sites, window)) = of else { continue };
                let [n, x, y, z, xx, yy, zz, xy, xz, yz, off @ ..] = sums[k];
                let normal = [[n, x, y, z], [x, xx, xy, xz], [y, xy, yy, yz], [z, xz, yz, zz]];
                for d in 0..3 {
                    let wanted = std::array::from_fn(|j| off[4 * d + j]);
                    // Too few atoms, or all in a plane, leave it as it is.
                    if let Some([t, slope @ ..]) = solved(normal, wanted) {
                        sites.t[d] += t;
                        sites.f[d] = sub(sites.f[d], scale(slope, 1.0 / *window));
                    }
                }
                complete &= *window >= far[k];
                *window *= 2.0;
            }
            if complete {
                break all.into_iter().map(|of| of.map(|(sites, _)| sites)).collect();
            }
        }
    }
}

/// The solution of four linear equations, by elimination; none where they do not determine it.
fn solved(mut a: [[f64; 4]; 4], mut b: [f64; 4]) -> Option<[f64; 4]> {
    const SINGULAR: f64 = 1e-9;
    let size = a[0][0];
    for k in 0..4 {
        let pivot = (k..4).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs()))?;
        a.swap(k, pivot);
        b.swap(k, pivot);
        if a[k][k].abs() <= SINGULAR * size {
            return None;
        }
        for i in k + 1..4 {
            let factor = a[i][k] / a[k][k];
            let (above, below) = a.split_at_mut(i);
            below[0].iter_mut().zip(above[k]).for_each(|(x, y)| *x -= factor * y);
            b[i] -= factor * b[k];
        }
    }
    let mut x = [0.0; 4];
    for k in (0..4).rev() {
        let known: f64 = (k + 1..4).map(|j| a[k][j] * x[j]).sum();
        x[k] = (b[k] - known) / a[k][k];
    }
    Some(x)
}

impl Lattice {
    /// `bond`: mean distance of neighbours, Å.
    pub fn of(axes: Axes, bond: f64) -> Lattice {
        Lattice { axes, constant: SQRT_2 * bond }
    }
}
