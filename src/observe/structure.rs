//! What costs more than a sum over atoms, measured with each frame of the trajectory:
//! the crystals that the atoms are in, surfaces, how lattices lie (`cna`, `surroundings`
//! and `lattice` have the definitions).
//!
//! `/sinter/structure` has a row of each particle: the atoms that came from it, wherever
//! they are now. `/sinter/boundaries` has one of each pair: how their lattices lie to each
//! other, and by how much one has turned more than the other since they were put together.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::cna::Class;
use super::facets::{self, Sites};
use super::lattice::{
    Axes, Bonds, Misorientation, UPRIGHT, named_like, relative_rotation, rotation,
};
use super::order::{self, Lattice};
use super::surroundings::AllSurroundings;
use super::{Column, Contact, Series, Snapshot, Values, defects, faults};
use crate::exchange::Routes;
use crate::fixed::ExactSum;

/// What is remembered of lattices.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Structure {
    /// Of each particle: its axes when they were last found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    last: Vec<Option<Axes>>,
    /// And when they were first found after the particles had been put together.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    first: Vec<Option<Axes>>,
}

/// Where the series of pairs stands.
pub const BOUNDARIES: &str = "/sinter/boundaries";

/// Places in `Tally::passed`.
const VAPOUR: usize = 0;
const AWAY: usize = 1;
const GUEST: usize = 2;

/// Counts of one particle.
#[derive(Debug, Clone, Default)]
struct Tally {
    classes: [i64; Class::COUNT],
    neighbours: i64,
    bonds: Bonds,
    /// Atoms at the surface and within, by species.
    surface: Vec<i64>,
    inner: Vec<i64>,
    /// Atoms that came from it and have no neighbour, or another host; and atoms that it is
    /// host to and that came from others.
    passed: [i64; 3],
}

impl Tally {
    fn new(species: usize) -> Tally {
        Tally { surface: vec![0; species], inner: vec![0; species], ..Tally::default() }
    }

    fn words(&self) -> impl Iterator<Item = i128> + '_ {
        let counts = self.classes.iter().chain([&self.neighbours]);
        let counts = counts.chain(&self.passed).chain(&self.surface).chain(&self.inner);
        let counts = counts.map(|&n| n as i128);
        self.bonds.words().into_iter().chain(counts)
    }

    fn from_words(words: &[i128], species: usize) -> Tally {
        let (bonds, counts) = words.split_at(Bonds::WORDS);
        let counts: Vec<i64> = counts.iter().map(|&n| n as i64).collect();
        let (classes, rest) = counts.split_at(Class::COUNT);
        Tally {
            classes: std::array::from_fn(|k| classes[k]),
            neighbours: rest[0],
            bonds: Bonds::from_words(bonds),
            passed: [rest[1], rest[2], rest[3]],
            surface: rest[4..4 + species].to_vec(),
            inner: rest[4 + species..].to_vec(),
        }
    }

    fn atoms(&self) -> i64 {
        self.classes.iter().sum()
    }
}

impl Structure {
    /// The series of particles, and that of pairs where there are some; and of each owned atom its site.
    pub fn measure(
        &mut self,
        snapshot: &Snapshot,
        routes: &Routes,
        surroundings: &AllSurroundings,
        contacts: &[Contact],
    ) -> (Vec<Series>, Sites) {
        let tallies = tallies(snapshot, surroundings);
        let (order, axes) = self.follow(&tallies, snapshot.together);
        let mut series = vec![self.particles(&tallies, order, surroundings.nearest)];
        let sites = facets::find(snapshot, routes, surroundings, &self.last);
        let facets = facets::counts(snapshot, &sites.of, tallies.len());
        let classes = surroundings.of.iter().map(|atom| atom.class as i64).collect();
        let hexagonal = &surroundings.hexagonal;
        let faults = faults::counts(snapshot, routes, classes, hexagonal, tallies.len());
        series[0].columns.extend(of_planes(tallies.len(), facets, faults));
        if snapshot.system.masses.len() > 1 {
            let lattice = |(axes, tally): (Option<Axes>, &Tally)| {
                axes.filter(|_| tally.bonds.count[0] > 0)
                    .map(|axes| Lattice::of(axes, tally.bonds.fcc_length()))
            };
            let lattices: Vec<_> = axes.into_iter().zip(&tallies).map(lattice).collect();
            series.push(order::measure(snapshot, surroundings, &lattices));
        }
        if snapshot.together && !contacts.is_empty() {
            let defects = defects::between(snapshot, routes, surroundings, contacts);
            series.push(self.boundaries(contacts, defects));
        }
        series.extend(templates(snapshot, surroundings));
        (series, sites)
    }

    /// Finds the axes of each particle; returns its order, and the axes where there are some now.
    fn follow(&mut self, tallies: &[Tally], together: bool) -> (Vec<f64>, Vec<Option<Axes>>) {
        self.last.resize(tallies.len(), None);
        self.first.resize(tallies.len(), None);
        let fits: Vec<_> = tallies.par_iter().map(|tally| tally.bonds.fit()).collect();
        for (k, (_, axes)) in fits.iter().enumerate() {
            let Some(axes) = axes else { continue };
            let axes = named_like(axes, self.last[k].as_ref().unwrap_or(&UPRIGHT));
            self.last[k] = Some(axes);
            if together {
                self.first[k].get_or_insert(axes);
            }
        }
        fits.into_iter().unzip()
    }

    fn particles(&self, tallies: &[Tally], order: Vec<f64>, nearest: Option<f64>) -> Series {
        let particles = tallies.len();
        let species = tallies.first().map_or(0, |tally| tally.surface.len());
        let column = |name, unit, definition, row: &[usize], values| {
            let shape = [&[particles], row].concat();
            Column { name, unit, definition, shape, values }
        };
        let counts = |name, definition, row: &[usize], of: &dyn Fn(&Tally) -> Vec<i64>| {
            let values = Values::Integer(tallies.iter().flat_map(of).collect());
            column(name, "1", definition, row, values)
        };
        let turned = |k: usize| match (&self.first[k], &self.last[k]) {
            (Some(first), Some(last)) => rotation(first, last),
            _ => f64::NAN,
        };
        let axes = |k: usize| self.last[k].map_or([f64::NAN; 9], |axes| flat(&axes));
        let columns = vec![
            Column::real(
                "nearest_neighbour_distance",
                "Angstrom",
                "mean distance to the twelve nearest neighbours, over all atoms that have as many \
                 within the cutoff of the potential",
                nearest.unwrap_or(f64::NAN),
            ),
            counts(
                "classes",
                "atoms by adaptive common neighbour analysis: other, fcc, hcp, bcc, icosahedral",
                &[Class::COUNT],
                &|tally| tally.classes.to_vec(),
            ),
            counts(
                "surface_atoms",
                "atoms whose neighbours within 3/2 of `nearest_neighbour_distance` leave a cone of \
                 45° empty",
                &[],
                &|tally| vec![tally.surface.iter().sum()],
            ),
            counts(
                "surface_species",
                "the surface atoms by species, in the order of `index` in /parameters/species",
                &[species],
                &|tally| tally.surface.clone(),
            ),
            counts(
                "inner_species",
                "all other atoms that have neighbours, by species",
                &[species],
                &|tally| tally.inner.clone(),
            ),
            counts(
                "vapour_atoms",
                "atoms without a neighbour within 1.21 of `nearest_neighbour_distance`",
                &[],
                &|tally| vec![tally.passed[VAPOUR]],
            ),
            counts(
                "lost_atoms",
                "atoms that have gone over: more than half of their neighbours came from one other \
                 particle",
                &[],
                &|tally| vec![tally.passed[AWAY]],
            ),
            counts(
                "guest_atoms",
                "atoms that have come over from other particles, by the same rule",
                &[],
                &|tally| vec![tally.passed[GUEST]],
            ),
            column(
                "coordination",
                "1",
                "mean number of neighbours within 1.21 of `nearest_neighbour_distance`",
                &[],
                Values::Real(
                    tallies.iter().map(|t| t.neighbours as f64 / t.atoms() as f64).collect(),
                ),
            ),
            column(
                "lattice_order",
                "1",
                "how well the bonds of atoms in fcc and bcc surroundings agree on cubic axes: 1 for \
                 one perfect crystal, 0 for directions without order",
                &[],
                Values::Real(order),
            ),
            column(
                "lattice_axes",
                "1",
                "the cubic axes that fit these bonds best, one in each row, named so that they \
                 follow those of the measurement before; as last found, NaN before",
                &[3, 3],
                Values::Real((0..particles).flat_map(axes).collect()),
            ),
            column(
                "rotation",
                "degree",
                "by how much the axes have turned since the particles were put together",
                &[],
                Values::Real((0..particles).map(turned).collect()),
            ),
        ];
        Series { path: "/sinter/structure", columns }
    }

    fn boundaries(&self, contacts: &[Contact], defects: Vec<i64>) -> Series {
        let pairs = contacts.len();
        let axes = |k: u32| self.last[k as usize].as_ref();
        let boundaries: Vec<Option<Misorientation>> = contacts
            .iter()
            .map(|contact| {
                let [a, b] = contact.particles;
                Some(Misorientation::between(axes(a)?, axes(b)?))
            })
            .collect();
        let relative = |contact: &Contact| {
            let [a, b] = contact.particles.map(|k| k as usize);
            let one = [self.first[a].as_ref()?, self.last[a].as_ref()?];
            Some(relative_rotation(one, [self.first[b].as_ref()?, self.last[b].as_ref()?]))
        };
        let column = |name, unit, definition, row: &[usize], values| {
            let shape = [&[pairs], row].concat();
            Column { name, unit, definition, shape, values }
        };
        let known = |of: fn(&Misorientation) -> f64| {
            boundaries.iter().map(|b| b.as_ref().map_or(f64::NAN, of)).collect()
        };
        let axis = boundaries.iter().flat_map(|b| b.map_or([f64::NAN; 3], |b| b.axis));
        let sigma = boundaries.iter().map(|b| b.map_or(-1, |b| b.sigma as i64));
        let columns = vec![
            column(
                "particles",
                "1",
                "the two particles of each pair, as in /sinter/pairs; -1 in rows before it was found",
                &[2],
                Values::Integer(
                    contacts.iter().flat_map(|c| c.particles).map(|k| k as i64).collect(),
                ),
            ),
            column(
                "misorientation",
                "degree",
                "the least rotation that brings the lattice of one particle onto that of the other",
                &[],
                Values::Real(known(|boundary| boundary.angle)),
            ),
            column(
                "misorientation_axis",
                "1",
                "the direction of the lattices about which it turns, components positive and falling",
                &[3],
                Values::Real(axis.collect()),
            ),
            column(
                "sigma",
                "1",
                "coincidence site lattice within 15°/√Σ (Brandon), up to 29; 1 for a misorientation \
                 below 15°, 0 for none of these, -1 where the lattices are not known",
                &[],
                Values::Integer(sigma.collect()),
            ),
            column(
                "relative_rotation",
                "degree",
                "by how much one particle has turned against the other since they were put together",
                &[],
                Values::Real(contacts.iter().map(|c| relative(c).unwrap_or(f64::NAN)).collect()),
            ),
            column(
                "defect_atoms",
                "1",
                "atoms in no crystal (other), not at surfaces nor beside them, that hang together with \
                 such or have neighbours of both particles: cores of dislocations and planes between \
                 the lattices, and what heat disturbs there",
                &[],
                Values::Integer(defects),
            ),
        ];
        Series { path: BOUNDARIES, columns }
    }
}

/// `/sinter/templates`, a row with each frame, where templates are asked for. Collective.
fn templates(snapshot: &Snapshot, around: &AllSurroundings) -> Option<Series> {
    let matches = around.matches.as_ref()?;
    let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
    let particles = super::particles(snapshot);
    // Of each particle the atoms of each class, and the sums of their deviations.
    let mut sums = vec![0i128; particles * 2 * Class::COUNT];
    for (found, &particle) in matches.iter().zip(&atoms.particle) {
        let of = &mut sums[particle as usize * 2 * Class::COUNT..][..2 * Class::COUNT];
        of[found.class as usize] += 1;
        if found.class != Class::Other {
            let mut sum = ExactSum(of[Class::COUNT + found.class as usize]);
            sum.add(found.rmsd);
            of[Class::COUNT + found.class as usize] = sum.0;
        }
    }
    comm.sum_i128(&mut sums);
    let (mut classes, mut rmsd) = (Vec::new(), Vec::new());
    for of in sums.chunks_exact(2 * Class::COUNT) {
        let (counts, deviations) = of.split_at(Class::COUNT);
        classes.extend(counts.iter().map(|&n| n as i64));
        let each = counts.iter().zip(deviations).skip(1);
        rmsd.extend(each.map(|(&n, &sum)| ExactSum(sum).value() / n as f64));
    }
    let column = |name, definition, row: usize, values| Column {
        name,
        unit: "1",
        definition,
        shape: vec![particles, row],
        values,
    };
    let columns = vec![
        column(
            "classes",
            "atoms by polyhedral template matching: other, fcc, hcp, bcc, icosahedral",
            Class::COUNT,
            Values::Integer(classes),
        ),
        column(
            "rmsd",
            "mean root mean square deviation of the atoms that match fcc, hcp, bcc and icosahedral \
             templates, in mean distances of the neighbours; none (NaN) without atoms",
            Class::COUNT - 1,
            Values::Real(rmsd),
        ),
    ];
    Some(Series { path: "/sinter/templates", columns })
}

/// Columns of the atoms of each particle at facets and in faults.
fn of_planes(particles: usize, facets: Vec<i64>, faults: Vec<i64>) -> [Column; 2] {
    let column = |name, definition, counts: Vec<i64>| Column {
        name,
        unit: "1",
        definition,
        shape: vec![particles, counts.len() / particles],
        values: Values::Integer(counts),
    };
    [
        column(
            "facets",
            "the surface atoms by what the direction out of them and their neighbours there is \
             within 15° of in the lattice of the particle: (100), (111), (110), none of them (steps, \
             edges, or all where no lattice was found)",
            facets,
        ),
        column(
            "faults",
            "atoms in hcp layers by how they are stacked: single ones (twin boundaries), double ones \
             (intrinsic stacking faults), more (hcp crystals)",
            faults,
        ),
    ]
}

fn flat(axes: &Axes) -> [f64; 9] {
    std::array::from_fn(|k| axes[k / 3][k % 3])
}

/// Counts over all ranks, of each particle.
fn tallies(snapshot: &Snapshot, surroundings: &AllSurroundings) -> Vec<Tally> {
    let (atoms, comm) = (snapshot.system.atoms, snapshot.system.comm);
    let particles = super::particles(snapshot);
    let species = snapshot.system.masses.len();
    let mut tallies = vec![Tally::new(species); particles];
    for (&particle, bonds) in &surroundings.bonds {
        tallies[particle as usize].bonds = *bonds;
    }
    for (i, around) in surroundings.of.iter().enumerate() {
        let own = atoms.particle[i];
        tallies[around.host as usize].passed[GUEST] += (around.host != own) as i64;
        let tally = &mut tallies[own as usize];
        tally.passed[AWAY] += (around.host != own) as i64;
        tally.passed[VAPOUR] += (around.coordination == 0) as i64;
        tally.classes[around.class as usize] += 1;
        tally.neighbours += around.coordination as i64;
        let kind = atoms.species[i] as usize;
        match (around.is_surface, around.coordination) {
            (true, _) => tally.surface[kind] += 1,
            (false, 1..) => tally.inner[kind] += 1,
            (false, 0) => {} // in the vapour
        }
    }
    let mut words: Vec<i128> = tallies.iter().flat_map(Tally::words).collect();
    comm.sum_i128(&mut words);
    let each = words.len() / particles;
    words.chunks_exact(each).map(|words| Tally::from_words(words, species)).collect()
}
