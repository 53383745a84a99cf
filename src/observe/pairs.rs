//! Each pair of neighbouring particles: distance, gap and neck (`neck` has the
//! definitions), since when the gap is closed and a neck stands.
//!
//! Neighbours are those whose surfaces, taken as spheres of the gyration radii that they had when
//! they were put together, are closer than `NEIGHBOUR_REACH`, or of which each has a layer of atoms
//! (`neck::LAYER`) that interact with the other's; two particles alone are neighbours at any distance.
//! They are looked for at every measurement, as particles move. A pair that is found stays, behind
//! those before it: columns grow, and never change their places.
//!
//! What fills the box beside them has no centre for a line to go through. With a surface it is a
//! neighbour of every particle all the same: the line goes through the particle's centre across the
//! surface, the density is that of the particle, and so is the smaller radius. Bulk is none.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use super::contact::{Contact, fills};
use super::mergers::mergers;
use super::neck::{CrossSection, Faces, Line, Neck, Profile, sphere_radius};
use super::strangers::Strangers;
use super::{Column, Needs, Observer, Scene, Series, Snapshot, Values};
use crate::atoms::Atoms;
use crate::build::Filling;
use crate::dynamics::View;
use crate::error::Result;
use crate::geometry::{Cell, Vec3};

/// Largest distance of the surfaces of neighbours, Å: several times any interaction range.
const NEIGHBOUR_REACH: f64 = 20.0;

/// Depth of the outermost layer in lattice constants: 3/4 of the distance of (100) planes,
/// so that those that shake are in it and the plane below is not.
const LAYER: f64 = 0.375;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pairs {
    /// In the order in which they were found; none before the particles are put together.
    contacts: Option<Vec<Contact>>,
    /// Of each particle as a sphere of its gyration radius when they were put together, Å; where
    /// there are more than two.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    radii: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filling: Option<Filling>,
    /// Necks that the last measurement found new, a row each.
    #[serde(skip)]
    mergers: Vec<Series>,
}

impl Pairs {
    /// Rows of `/sinter/mergers` that the last measurement has added.
    pub fn take_mergers(&mut self) -> Vec<Series> {
        std::mem::take(&mut self.mergers)
    }

    /// Ids of the owned atoms that make the outermost layer of a particle towards a neighbour:
    /// those within `LAYER` of its last atom before the narrowest place. Collective.
    pub fn facing_layers(&self, scene: &Scene) -> Vec<u64> {
        let (pairs, lines, sections) = self.sections(scene);
        let ends = Ends::find(scene, &pairs);
        // Of the first particle the largest, of the second the least axial coordinate.
        let towards = [1.0, -1.0];
        let nothing = || vec![f64::NEG_INFINITY; 2 * pairs.len()];
        let farthest = |last: &mut Vec<f64>, _: usize, (k, end): (usize, usize), position| {
            let t = towards[end] * lines[k].axial(end, position);
            let before = sections[k].is_some_and(|s| t <= towards[end] * s.position);
            if before {
                last[2 * k + end] = last[2 * k + end].max(t);
            }
        };
        let mut last = ends.gather(nothing, farthest, |last: &mut Vec<f64>, more| {
            last.iter_mut().zip(more).for_each(|(last, more)| *last = last.max(more));
        });
        scene.snapshot.system.comm.max_f64(&mut last);
        let is_last = |ids: &mut Vec<u64>, i: usize, (k, end): (usize, usize), position| {
            let Some(section) = &sections[k] else { return };
            let below = last[2 * k + end] - towards[end] * lines[k].axial(end, position);
            if (0.0..LAYER * section.lattice_constant).contains(&below) {
                ids.push(ends.atoms.id[i]);
            }
        };
        ends.gather(Vec::new, is_last, |ids: &mut Vec<u64>, more| ids.extend(more))
    }

    /// All pairs, the line of each, and its narrowest place. Collective.
    pub fn sections(&self, scene: &Scene) -> (Vec<[u32; 2]>, Vec<Line>, Vec<Option<CrossSection>>) {
        let pairs: Vec<[u32; 2]> = self.contacts().iter().map(|c| c.particles).collect();
        let lines: Vec<Line> = pairs.iter().map(|p| line(scene, self.filling, *p)).collect();
        let sections = sections(scene, self.filling, &pairs, &lines);
        (pairs, lines, sections)
    }

    /// Empty before the particles are put together.
    pub fn contacts(&self) -> &[Contact] {
        self.contacts.as_deref().unwrap_or_default()
    }

    /// Adds the pairs that are neighbours now and were not before, in the order of their particles.
    fn find(&mut self, scene: &Scene, strangers: &Strangers) {
        let filling = self.filling;
        let is_first = self.contacts.is_none();
        let all = (0..scene.bodies.len() as u32).filter(|&k| scene.bodies[k as usize].atoms > 0);
        let (fillings, particles): (Vec<u32>, Vec<u32>) = all.partition(|&k| fills(filling, k));
        let many = particles.len() > 2;
        if !many && !is_first {
            return;
        }
        let radii = scene.bodies.iter().map(|body| sphere_radius(body.gyration_radius()));
        let radii = match self.radii.is_empty() {
            true => radii.collect(),
            false => std::mem::take(&mut self.radii),
        };
        let known: BTreeSet<[u32; 2]> = self.contacts().iter().map(|c| c.particles).collect();
        let touching = match many {
            true => strangers.touching(scene),
            false => BTreeSet::new(),
        };
        let centres: Vec<Vec3> = scene.bodies.iter().map(|body| body.centre).collect();
        let cell = scene.snapshot.system.cell;
        let near = |pair: [u32; 2]| {
            let [a, b] = pair.map(|k| radii[k as usize]);
            let apart = || Line::new(pair.map(|k| centres[k as usize]), cell).distance;
            let is_near = || apart() - a - b <= NEIGHBOUR_REACH;
            !many || touching.contains(&pair) || is_near()
        };
        let surface = filling.is_some_and(|filling| filling.surface.is_some());
        let of_first = |(n, &a): (usize, &u32)| {
            let others = particles[n + 1..].iter().map(move |&b| [a, b]).filter(|pair| near(*pair));
            let others: Vec<[u32; 2]> = others.collect();
            others.into_iter().chain(fillings.iter().filter(|_| surface).map(move |&b| [a, b]))
        };
        let now: Vec<[u32; 2]> = particles.par_iter().enumerate().flat_map_iter(of_first).collect();
        let new = now.into_iter().filter(|pair| !known.contains(pair)).map(|pair| Contact {
            particles: pair,
            found_ps: (!is_first).then_some(scene.snapshot.time_ps),
            radii: pair.map(|k| if fills(filling, k) { f64::MAX } else { radii[k as usize] }),
            first_closed_ps: None,
            closed_since_ps: None,
            first_distance: Some(line(scene, filling, pair).distance),
            first_gap: None,
            contact_distance: None,
            layer_since_ps: None,
            neck_since_ps: None,
        });
        self.contacts.get_or_insert_default().extend(new);
        self.radii = if many { radii } else { Vec::new() };
    }
}

impl Observer for Pairs {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn measure(&mut self, scene: &Scene) -> Result<Option<Series>> {
        if !scene.snapshot.together {
            return Ok(None);
        }
        let filling = self.filling;
        let strangers = Strangers::find(scene);
        let known = self.contacts().len();
        self.find(scene, &strangers);
        if self.contacts.get_or_insert_default().is_empty() {
            return Ok(None);
        }
        let (pairs, lines, sections) = self.sections(scene);
        let contacts = self.contacts.get_or_insert_default();
        let necks = necks(scene, &strangers, &pairs, (&lines, &sections));

        let Snapshot { time_ps, settings, .. } = scene.snapshot;
        for (contact, neck) in contacts.iter_mut().zip(&necks).skip(known) {
            contact.first_gap = Some(neck.gap).filter(|gap| !gap.is_nan());
        }
        let mut new = Vec::new();
        for (k, (neck, line)) in necks.iter().zip(&lines).enumerate() {
            if contacts[k].follow(neck, (line.distance, time_ps), settings.neck_hold_ps) {
                new.push(k);
            }
        }
        self.mergers = mergers(contacts, &new, scene.bodies.len(), filling);
        let compactness = contacts.iter().zip(&lines).map(|(contact, line)| {
            let [_, other] = contact.particles;
            if fills(filling, other) { f64::NAN } else { compactness(scene, contact, line) }
        });
        Ok(Some(columns(contacts, &lines, &necks, compactness.collect())))
    }
}

fn line(scene: &Scene, filling: Option<Filling>, pair: [u32; 2]) -> Line {
    let mut centres = pair.map(|k| scene.bodies[k as usize].centre);
    if let Some(Filling { surface: Some(axis), .. }) = filling.filter(|f| pair[1] >= f.first) {
        let across = centres[1][axis];
        centres[1] = centres[0];
        centres[1][axis] = across;
    }
    Line::new(centres, scene.snapshot.system.cell)
}

/// Gyration radius of the two bodies together over that of one ball with their first
/// volumes: (m_A R_A² + m_B R_B²)/M + m_A m_B d²/M² against 3/5 (r_A³ + r_B³)^⅔.
fn compactness(scene: &Scene, contact: &Contact, line: &Line) -> f64 {
    let [a, b] = contact.particles.map(|k| &scene.bodies[k as usize]);
    let mass = a.mass + b.mass;
    let square = |x: f64| x * x;
    let own = a.mass * square(a.gyration_radius()) + b.mass * square(b.gyration_radius());
    let apart = a.mass * b.mass / mass * square(line.distance);
    let volume: f64 = contact.radii.iter().map(|&r| square(r) * r).sum();
    let ball = 0.6 * square(libm::cbrt(volume));
    ((own + apart) / mass / ball).sqrt()
}

/// The owned atoms that have neighbours as ends of pairs: an atom of either particle is one.
pub(super) struct Ends<'a> {
    atoms: &'a Atoms,
    cell: &'a Cell,
    evaporated: &'a [bool],
    /// Of each particle the pairs to which it belongs, and which end it is.
    of: Vec<Vec<(usize, usize)>>,
}

impl<'a> Ends<'a> {
    pub(super) fn find(scene: &'a Scene, pairs: &[[u32; 2]]) -> Ends<'a> {
        let mut of = vec![Vec::new(); scene.bodies.len()];
        for (k, pair) in pairs.iter().enumerate() {
            for (end, &particle) in pair.iter().enumerate() {
                of[particle as usize].push((k, end));
            }
        }
        let View { atoms, cell, .. } = scene.snapshot.system;
        Ends { atoms, cell, evaporated: &scene.evaporated, of }
    }

    /// What `add` makes of them all, an atom, a pair with its end, and an unwrapped position at a
    /// time: each thread begins with `nothing` and has a portion of the atoms, and `join` puts
    /// together what they have found, in the order of the portions.
    pub(super) fn gather<T: Send>(
        &self,
        nothing: impl Fn() -> T + Sync,
        add: impl Fn(&mut T, usize, (usize, usize), Vec3) + Sync,
        join: impl Fn(&mut T, T),
    ) -> T {
        let Ends { atoms, cell, evaporated, of } = self;
        let portion = atoms.owned.div_ceil(rayon::current_num_threads()).max(1);
        let of_portion = |evaporated: &[bool], first: usize| {
            let mut found = nothing();
            for i in (first..).zip(evaporated).filter(|(_, gone)| !**gone).map(|(i, _)| i) {
                let position = cell.unwrap(&atoms.position[i], &atoms.image[i]);
                for end in &of[atoms.particle[i] as usize] {
                    add(&mut found, i, *end, position);
                }
            }
            found
        };
        let portions = evaporated.par_chunks(portion).enumerate();
        let found: Vec<T> = portions.map(|(n, part)| of_portion(part, n * portion)).collect();
        let mut found = found.into_iter();
        let mut all = found.next().unwrap_or_else(&nothing);
        found.for_each(|more| join(&mut all, more));
        all
    }
}

/// The narrowest cross-section of each pair; first pass over the atoms.
fn sections(
    scene: &Scene,
    filling: Option<Filling>,
    pairs: &[[u32; 2]],
    lines: &[Line],
) -> Vec<Option<CrossSection>> {
    // Of what fills the box no part is a core.
    let core = |k: u32| {
        if fills(filling, k) { 0.0 } else { scene.bodies[k as usize].gyration_radius() }
    };
    let empty: Vec<Profile> =
        lines.iter().zip(pairs).map(|(line, pair)| Profile::new(*line, pair.map(core))).collect();
    let add = |profiles: &mut Vec<Profile>, _: usize, (k, end): (usize, usize), position| {
        profiles[k].add(end, position);
    };
    let join = |profiles: &mut Vec<Profile>, more: Vec<Profile>| {
        profiles.iter_mut().zip(&more).for_each(|(profile, more)| profile.join(more));
    };
    let mut profiles = Ends::find(scene, pairs).gather(|| empty.clone(), add, join);

    let comm = scene.snapshot.system.comm;
    let mut counts: Vec<i64> = profiles.iter().flat_map(|p| p.counts.iter().copied()).collect();
    let mut weights: Vec<i128> = profiles.iter().map(|p| p.core_weight.0).collect();
    comm.sum_i64(&mut counts);
    comm.sum_i128(&mut weights);
    let mut counts = counts.into_iter();
    for (profile, weight) in profiles.iter_mut().zip(weights) {
        profile.counts.iter_mut().for_each(|n| *n = counts.next().expect("one for each bin"));
        profile.core_weight.0 = weight;
    }
    profiles.iter().map(Profile::narrowest).collect()
}

/// What the atoms at the narrowest place make of it; second pass over the atoms.
pub(super) fn necks(
    scene: &Scene,
    strangers: &Strangers,
    pairs: &[[u32; 2]],
    (lines, sections): (&[Line], &[Option<CrossSection>]),
) -> Vec<Neck> {
    let species = scene.snapshot.system.masses.len();
    let ends = Ends::find(scene, pairs);
    let nothing = || vec![Faces::new(species); pairs.len()];
    let add = |faces: &mut Vec<Faces>, i: usize, (k, end): (usize, usize), position| {
        if let Some(section) = &sections[k] {
            let other = pairs[k][1 - end];
            let bonded = strangers.are_near(i, other, section.bond_length());
            let kind = (end, ends.atoms.species[i] as usize);
            faces[k].add(section, kind, lines[k].axial(end, position), bonded);
        }
    };
    let join = |faces: &mut Vec<Faces>, more: Vec<Faces>| {
        faces.iter_mut().zip(&more).for_each(|(faces, more)| faces.join(more));
    };
    let faces = ends.gather(nothing, add, join);

    let comm = scene.snapshot.system.comm;
    let mut nearest: Vec<f64> = faces.iter().flat_map(|f| [f.before, -f.after]).collect();
    let counts = |f: &Faces| f.bonded.into_iter().chain(f.atoms.clone()).collect::<Vec<_>>();
    let mut numbers: Vec<i64> = faces.iter().flat_map(counts).collect();
    comm.max_f64(&mut nearest);
    comm.sum_i64(&mut numbers);
    let over_all_ranks = nearest.chunks_exact(2).zip(numbers.chunks_exact(2 + species));
    over_all_ranks
        .map(|(t, n)| Faces {
            before: t[0],
            after: -t[1],
            bonded: [n[0], n[1]],
            atoms: n[2..].to_vec(),
        })
        .zip(sections)
        .map(|(faces, section)| section.map_or(Neck::unknown(species), |s| s.neck(faces)))
        .collect()
}

fn columns(contacts: &[Contact], lines: &[Line], necks: &[Neck], compactness: Vec<f64>) -> Series {
    let pairs = contacts.len();
    let column = |name, unit, definition, width: usize, values| Column {
        name,
        unit,
        definition,
        shape: if width == 1 { vec![pairs] } else { vec![pairs, width] },
        values,
    };
    let real =
        |name, unit, definition, values| column(name, unit, definition, 1, Values::Real(values));
    let count = |name, definition, width, values| {
        column(name, "1", definition, width, Values::Integer(values))
    };
    let of_contacts = |value: fn(&Contact) -> Option<f64>| {
        contacts.iter().map(|contact| value(contact).unwrap_or(f64::NAN)).collect()
    };
    let species = necks.first().map_or(0, |neck| neck.atoms.len());
    let columns = vec![
        Column {
            shape: vec![pairs, 2],
            ..count(
                "particles",
                "the two particles of each pair; -1 in rows before it was found, where nothing else \
                 of it is known either (NaN, or -1)",
                2,
                contacts.iter().flat_map(|c| c.particles).map(|k| k as i64).collect(),
            )
        },
        real(
            "centre_distance",
            "Angstrom",
            "distance of the two centres of mass, nearest image",
            lines.iter().map(|line| line.distance).collect(),
        ),
        real(
            "gap",
            "Angstrom",
            "empty interval of the coordinate along the line of centres at the narrowest \
             cross-section, between outermost atoms; 0 where it is bridged by bonded atoms",
            necks.iter().map(|neck| neck.gap).collect(),
        ),
        real(
            "neck_radius",
            "Angstrom",
            "radius of a disc with the area of the narrowest cross-section between the \
             centres; 0 where the gap is open",
            necks.iter().map(|neck| neck.radius).collect(),
        ),
        count(
            "neck_atoms",
            "atoms in a slab 3/4 of a lattice constant thick about the narrowest \
             cross-section; 0 where the gap is open",
            1,
            necks.iter().map(|neck| neck.atoms.iter().sum()).collect(),
        ),
        Column {
            shape: vec![pairs, species],
            ..count(
                "neck_species",
                "the neck atoms by species, in the order of `index` in /parameters/species",
                species,
                necks.iter().flat_map(|neck| neck.atoms.clone()).collect(),
            )
        },
        count(
            "bonded_atoms",
            "atoms with an atom of the other particle closer than half-way between first and second \
             neighbours of an fcc crystal as dense as the cores of the two (1.21 of its \
             nearest-neighbour distances)",
            1,
            necks.iter().map(|neck| neck.bonded.iter().sum()).collect(),
        ),
        count(
            "bridging_atoms",
            "the bonded atoms of the first and of the second particle",
            2,
            necks.iter().flat_map(|neck| neck.bonded).collect(),
        ),
        real(
            "neck_ratio",
            "1",
            "neck radius over the radius of the smaller particle when they were put together, \
             as a sphere of its gyration radius",
            contacts.iter().zip(necks).map(|(c, neck)| neck.radius / c.smaller_radius()).collect(),
        ),
        real(
            "compactness",
            "1",
            "gyration radius of both particles together over that of one ball of the \
             volumes that they had as spheres when they were put together",
            compactness,
        ),
        real(
            "shrinkage",
            "1",
            "how much nearer the centres are than when the pair was found, which is when the \
             particles were put together if they were neighbours then, as a part of the distance \
             that they had",
            contacts.iter().zip(lines).map(|(c, line)| c.shrinkage(line.distance)).collect(),
        ),
        real(
            "found_time",
            "ps",
            "when the pair was found; none (NaN) for those that were neighbours when the particles \
             were put together",
            of_contacts(|contact| contact.found_ps),
        ),
        real(
            "first_contact_time",
            "ps",
            "when the gap was first found closed; none (NaN) before",
            of_contacts(|contact| contact.first_closed_ps),
        ),
        real(
            "neck_time",
            "ps",
            "since when a neck stands: four atoms or more of each particle have been bonded to \
             the other for `neck_hold_ps` without a break, the first moment of which counts; \
             none (NaN) before that, and when the gap has opened",
            of_contacts(|contact| contact.neck_since_ps),
        ),
    ];
    Series { path: "/sinter/pairs", columns }
}
