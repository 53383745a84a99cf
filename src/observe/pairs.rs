//! Each pair of neighbouring particles: distance, gap and neck (`neck` has the
//! definitions), and since when the gap is closed.
//!
//! Neighbours are chosen once, when the particles are put together: those whose
//! surfaces, taken as spheres of the same gyration radius, are closer than
//! `NEIGHBOUR_REACH`; two particles alone are neighbours at any distance. The list
//! stays, so that its columns keep their shape through a run.
//!
//! What fills the box beside them has no centre for a line to go through. With a surface it is a
//! neighbour of every particle all the same: the line goes through the particle's centre across the
//! surface, the density is that of the particle, and so is the smaller radius. Bulk is none.

use serde::{Deserialize, Serialize};

use super::neck::{Faces, Line, Neck, Profile, Section, sphere_radius};
use super::{Column, Needs, Observer, Scene, Series, Values, neighbours_within};
use crate::build::Filling;
use crate::error::Result;
use crate::geometry::Vec3;

/// Largest distance of the surfaces of neighbours, Å: several times any interaction range.
const NEIGHBOUR_REACH: f64 = 20.0;

/// What is remembered of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contact {
    pub particles: [u32; 2],
    /// Of spheres with their gyration radii when the pair was chosen, Å.
    pub radii: [f64; 2],
    /// When the gap was first found closed, ps.
    pub first_closed_ps: Option<f64>,
    /// Since when it has been closed at every measurement, ps.
    pub closed_since_ps: Option<f64>,
}

impl Contact {
    fn smaller_radius(&self) -> f64 {
        self.radii[0].min(self.radii[1])
    }
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Pairs {
    /// Chosen when the particles are put together.
    contacts: Option<Vec<Contact>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filling: Option<Filling>,
}

impl Pairs {
    /// Empty before the particles are put together.
    pub fn contacts(&self) -> &[Contact] {
        self.contacts.as_deref().unwrap_or_default()
    }
}

impl Observer for Pairs {
    fn needs(&self) -> Needs {
        Needs { virial: false, neighbours: true }
    }

    fn measure(&mut self, scene: &Scene) -> Result<Option<Series>> {
        if !scene.snapshot.together {
            return Ok(None);
        }
        let filling = self.filling;
        let contacts = self.contacts.get_or_insert_with(|| neighbouring(scene, filling));
        if contacts.is_empty() {
            return Ok(None);
        }
        let pairs: Vec<[u32; 2]> = contacts.iter().map(|c| c.particles).collect();
        let lines: Vec<Line> = pairs.iter().map(|p| line(scene, filling, *p)).collect();
        let sections = sections(scene, filling, &pairs, &lines);
        let necks = necks(scene, &pairs, &lines, &sections);

        let time = scene.snapshot.time_ps;
        for (contact, neck) in contacts.iter_mut().zip(&necks) {
            if neck.is_closed() {
                contact.first_closed_ps.get_or_insert(time);
                contact.closed_since_ps.get_or_insert(time);
            } else {
                contact.closed_since_ps = None;
            }
        }
        let ratios = contacts.iter().zip(&necks).map(|(c, neck)| neck.radius / c.smaller_radius());
        let compactness = contacts.iter().zip(&lines).map(|(contact, line)| {
            let [_, other] = contact.particles;
            if fills(filling, other) { f64::NAN } else { compactness(scene, contact, line) }
        });
        let sizes = [ratios.collect(), compactness.collect()];
        Ok(Some(columns(&pairs, &lines, &necks, sizes)))
    }
}

/// Whether this particle fills the box.
fn fills(filling: Option<Filling>, particle: u32) -> bool {
    filling.is_some_and(|filling| particle >= filling.first)
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

fn neighbouring(scene: &Scene, filling: Option<Filling>) -> Vec<Contact> {
    let all = (0..scene.bodies.len() as u32).filter(|&k| scene.bodies[k as usize].atoms > 0);
    let (fillings, particles): (Vec<u32>, Vec<u32>) = all.partition(|&k| fills(filling, k));
    let radius = |k: u32| sphere_radius(scene.bodies[k as usize].gyration_radius());
    let contact = |a: u32, b: u32, radii: [f64; 2]| Contact {
        particles: [a, b],
        radii,
        first_closed_ps: None,
        closed_since_ps: None,
    };
    let mut contacts = Vec::new();
    for (n, &a) in particles.iter().enumerate() {
        for &b in &particles[n + 1..] {
            let apart = line(scene, None, [a, b]).distance - radius(a) - radius(b);
            if particles.len() == 2 || apart <= NEIGHBOUR_REACH {
                contacts.push(contact(a, b, [radius(a), radius(b)]));
            }
        }
        if filling.is_some_and(|filling| filling.surface.is_some()) {
            contacts.extend(fillings.iter().map(|&b| contact(a, b, [radius(a), f64::MAX])));
        }
    }
    contacts
}

/// Calls `f` for each owned atom that has neighbours and each pair to which its particle
/// belongs, with the atom, the pair, which end of the pair, and the unwrapped position.
fn for_each_end(scene: &Scene, pairs: &[[u32; 2]], mut f: impl FnMut(usize, usize, usize, Vec3)) {
    let mut ends_of = vec![Vec::new(); scene.bodies.len()];
    for (k, pair) in pairs.iter().enumerate() {
        for (end, &particle) in pair.iter().enumerate() {
            ends_of[particle as usize].push((k, end));
        }
    }
    let (atoms, cell) = (scene.snapshot.system.atoms, scene.snapshot.system.cell);
    for i in (0..atoms.owned).filter(|&i| !scene.evaporated[i]) {
        let position = cell.unwrap(&atoms.position[i], &atoms.image[i]);
        for &(k, end) in &ends_of[atoms.particle[i] as usize] {
            f(i, k, end, position);
        }
    }
}

/// The narrowest cross-section of each pair; first pass over the atoms.
fn sections(
    scene: &Scene,
    filling: Option<Filling>,
    pairs: &[[u32; 2]],
    lines: &[Line],
) -> Vec<Option<Section>> {
    // Of what fills the box no part is a core.
    let core = |k: u32| {
        if fills(filling, k) { 0.0 } else { scene.bodies[k as usize].gyration_radius() }
    };
    let mut profiles: Vec<Profile> =
        lines.iter().zip(pairs).map(|(line, pair)| Profile::new(*line, pair.map(core))).collect();
    for_each_end(scene, pairs, |_, k, end, position| profiles[k].add(end, position));

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
fn necks(
    scene: &Scene,
    pairs: &[[u32; 2]],
    lines: &[Line],
    sections: &[Option<Section>],
) -> Vec<Neck> {
    let mut faces = vec![Faces::default(); pairs.len()];
    let particle = &scene.snapshot.system.atoms.particle;
    for_each_end(scene, pairs, |i, k, end, position| {
        if let Some(section) = &sections[k] {
            let other = pairs[k][1 - end];
            let bonded = neighbours_within(&scene.snapshot, i, section.bond_length())
                .any(|j| particle[j] == other);
            faces[k].add(section, lines[k].axial(end, position), bonded);
        }
    });

    let comm = scene.snapshot.system.comm;
    let mut nearest: Vec<f64> = faces.iter().flat_map(|f| [f.before, -f.after]).collect();
    let mut numbers: Vec<i64> = faces.iter().flat_map(|f| [f.atoms, f.bonded]).collect();
    comm.max_f64(&mut nearest);
    comm.sum_i64(&mut numbers);
    let over_all_ranks = nearest.chunks_exact(2).zip(numbers.chunks_exact(2)).map(|(t, n)| Faces {
        before: t[0],
        after: -t[1],
        atoms: n[0],
        bonded: n[1],
    });
    over_all_ranks
        .zip(sections)
        .map(|(faces, section)| section.map_or(Neck::UNKNOWN, |s| s.neck(&faces)))
        .collect()
}

fn columns(
    pairs: &[[u32; 2]],
    lines: &[Line],
    necks: &[Neck],
    [ratios, compactness]: [Vec<f64>; 2],
) -> Series {
    let shape = vec![pairs.len()];
    let real = |name, unit, definition, values| Column {
        name,
        unit,
        definition,
        shape: shape.clone(),
        values: Values::Real(values),
    };
    let count = |name, definition, values| Column {
        name,
        unit: "1",
        definition,
        shape: shape.clone(),
        values: Values::Integer(values),
    };
    let columns = vec![
        Column {
            name: "particles",
            unit: "1",
            definition: "the two particles of each pair",
            shape: vec![pairs.len(), 2],
            values: Values::Integer(pairs.as_flattened().iter().map(|k| *k as i64).collect()),
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
            necks.iter().map(|neck| neck.atoms).collect(),
        ),
        count(
            "bonded_atoms",
            "atoms with an atom of the other particle closer than half-way between first \
             and second neighbours (1.21 nearest-neighbour distances)",
            necks.iter().map(|neck| neck.bonded).collect(),
        ),
        real(
            "neck_ratio",
            "1",
            "neck radius over the radius of the smaller particle when the pair was chosen, \
             as a sphere of its gyration radius",
            ratios,
        ),
        real(
            "compactness",
            "1",
            "gyration radius of both particles together over that of one ball of the \
             volumes that they had as spheres when the pair was chosen",
            compactness,
        ),
    ];
    Series { path: "/sinter/pairs", columns }
}
