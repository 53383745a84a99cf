//! Where the particles stand, and what is known of each before a step is made: all
//! of it follows from the input alone, so a restart finds it again.
//!
//! `[placement]` sets two particles on the x axis, centre to centre, their facing
//! facets looking at each other with the middle of the gap at the origin; without it
//! each particle stands at its own `centre_angstrom` (a single one at the origin).

use super::contact::closest;
use super::face::{Face, shifts};
use super::lattice::{Centre, Site};
use super::solid::{Solid, solids};
use crate::error::Result;
use crate::geometry::{Cell, LARGEST_COORDINATE, Vec3, add, norm, on_grid, sub};
use crate::input::{Arrangement, Boundary, Config};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Free space between particles that are equilibrated apart, Å: more than any
/// potential reaches, even when they swell and shake.
pub const APART: f64 = 60.0;

/// Atoms nearer than this part of the nearest-neighbour distance are on top of each other.
pub const OVERLAP: f64 = 0.5;

/// Vacuum around the atoms in the box that describes free directions, Å.
const MARGIN: f64 = 10.0;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    pub particles: Vec<ParticleInfo>,
    /// Number of atoms.
    pub atoms: u64,
    /// The box with the particles together.
    pub cell: Cell,
    /// The box that holds them apart, where the protocol begins so.
    pub apart: Option<Cell>,
    /// Between the facing facets with the particles together.
    pub gap: Option<Gap>,
}

/// The gap in both readings, Å.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Between the planes of the facets.
    pub planes: f64,
    /// Between the outermost atoms, adatoms included.
    pub atoms: f64,
}

/// A particle as it was built or read. Its atoms are `first .. first + atoms`; the
/// adatoms are the last of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParticleInfo {
    pub first: u64,
    pub atoms: u64,
    pub adatoms: u64,
    /// Atoms of each species, in the order of the potential's elements.
    pub species: Vec<u64>,
    /// Of the shape, with the particles together, Å.
    pub centre: Vec3,
    /// From there to where it stands alone.
    pub apart: Vec3,
    /// Distance of the farthest atom from the centre, Å.
    pub radius: f64,
    /// Of a built particle.
    pub shape: Option<ShapeInfo>,
    pub facing: Option<Facing>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShapeInfo {
    pub centre: Centre,
    /// Atoms of the complete shape that it is, or was made from.
    pub complete: u64,
    /// Of the full monolayer that the adatoms are left of.
    pub monolayer: u64,
    pub facets: Vec<FacetInfo>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacetInfo {
    pub indices: Site,
    /// In its outermost layer.
    pub atoms: u64,
    /// Of that layer from the centre, Å.
    pub distance: f64,
}

/// The facet towards the other particle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facing {
    /// +1 looks along x, -1 against it.
    pub side: f64,
    /// Ids of the atoms of its outermost layer, in rising order.
    pub layer: Vec<u64>,
    /// Distance of the farthest of them from the facet's middle, across x, Å.
    pub reach: f64,
}

/// The layout of the built particles, and their geometry.
pub fn built(config: &Config) -> Result<(Layout, Vec<Solid>)> {
    let solids = solids(config)?;
    let faces: Vec<Option<Face>> = solids.iter().map(Face::of_solid).collect();
    let (centres, gap) = centres(config, &faces);
    let mut first = 0;
    let mut particles = Vec::new();
    for (solid, &centre) in solids.iter().zip(&centres) {
        particles.push(info(config, solid, centre, first));
        first += solid.atoms() as u64;
    }
    let bounds = bounds(solids.iter().zip(&centres).flat_map(|(s, &c)| shifted(s, c)));
    let cell = cell(config, bounds, None);
    let apart = spread(config, &mut particles)?;
    let layout = Layout { particles, atoms: first, cell, apart, gap };
    check_overlap(config, &layout, &solids)?;
    Ok((layout, solids))
}

fn shifted(solid: &Solid, shift: Vec3) -> impl Iterator<Item = Vec3> + '_ {
    solid.positions().map(move |r| add(r, shift))
}

/// The centres of the particles together, on the grid.
fn centres(config: &Config, faces: &[Option<Face>]) -> (Vec<Vec3>, Option<Gap>) {
    if let (Some(placement), [Some(left), Some(right)]) = (&config.placement, faces) {
        let (shifts, gap) = shifts(placement, *left, *right);
        return (shifts.map(|x| [x, 0.0, 0.0]).to_vec(), Some(gap));
    }
    let tables = config.particles.iter().flat_map(|p| std::iter::repeat_n(p, p.count));
    (tables.map(|p| p.centre_angstrom.unwrap_or_default().map(on_grid)).collect(), None)
}

fn info(config: &Config, solid: &Solid, centre: Vec3, first: u64) -> ParticleInfo {
    let mut species = vec![0; config.potential.symbols().count()];
    solid.species(config).iter().for_each(|&kind| species[kind as usize] += 1);
    ParticleInfo {
        first,
        atoms: solid.atoms() as u64,
        adatoms: solid.adatoms.len() as u64,
        species,
        centre,
        apart: [0.0; 3],
        radius: solid.radius(),
        shape: Some(ShapeInfo {
            centre: solid.shape.centre(),
            complete: solid.shape.complete as u64,
            monolayer: solid.monolayer as u64,
            facets: [[1, 1, 1], [1, 0, 0], [1, 1, 0]]
                .map(|indices| FacetInfo {
                    indices,
                    atoms: solid.shape.facet_layer(indices).len() as u64,
                    distance: solid.facet_distance(indices),
                })
                .to_vec(),
        }),
        facing: solid.facing.map(|(_, side)| Facing {
            side,
            layer: solid.facing_layer().iter().map(|&i| first + i as u64).collect(),
            reach: Face::of_solid(solid).map_or(0.0, |face| face.reach),
        }),
    }
}

/// Lowest and highest coordinates.
pub fn bounds(positions: impl Iterator<Item = Vec3>) -> [Vec3; 2] {
    positions.fold([[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]], |[low, high], r| {
        [std::array::from_fn(|d| low[d].min(r[d])), std::array::from_fn(|d| high[d].max(r[d]))]
    })
}

/// The box: along periodic directions as the input says, or else as `known` from a
/// file (corner and lengths); about the atoms along free ones.
pub fn cell(config: &Config, [low, high]: [Vec3; 2], known: Option<[Vec3; 2]>) -> Cell {
    let periodic = config.cell.boundary.map(|b| b == Boundary::Periodic);
    let given = config.cell.lengths_angstrom;
    let (mut origin, mut length) = ([0.0; 3], [0.0; 3]);
    for d in 0..3 {
        (origin[d], length[d]) = match (periodic[d], given, known) {
            (true, _, Some([corner, lengths])) => (corner[d], given.unwrap_or(lengths)[d]),
            (true, Some(lengths), None) => (-lengths[d] / 2.0, lengths[d]),
            _ => (low[d] - MARGIN, high[d] - low[d] + 2.0 * MARGIN),
        };
    }
    Cell::new(origin, length, periodic)
}

/// Where the protocol begins with the particles apart: sets each on its own place of
/// a cubic array, out of reach of all others, and gives the (free) box.
pub fn spread(config: &Config, particles: &mut [ParticleInfo]) -> Result<Option<Cell>> {
    if config.stages.first().is_none_or(|stage| stage.particles == Arrangement::Together) {
        return Ok(None);
    }
    let widest = particles.iter().map(|p| p.radius).fold(0.0, f64::max);
    let spacing = 2.0 * widest + APART;
    let side = (1..).find(|n| n * n * n >= particles.len()).unwrap_or(1);
    let middle = (side - 1) as f64 / 2.0;
    for (i, particle) in particles.iter_mut().enumerate() {
        let place = [i % side, i / side % side, i / side / side];
        let place = place.map(|k| on_grid((k as f64 - middle) * spacing));
        particle.apart = sub(place, particle.centre);
    }
    let reach = (side as f64 * spacing) / 2.0;
    if reach > LARGEST_COORDINATE / 2.0 {
        return Err(config.source.error(
            "stage[0].particles",
            format!(
                "{} particles of up to {:.0} Å have no room apart: coordinates end at {} Å",
                particles.len(),
                2.0 * widest,
                LARGEST_COORDINATE / 2.0
            ),
        ));
    }
    Ok(Some(Cell::new([-reach; 3], [2.0 * reach; 3], [false; 3])))
}

/// Refuses particles that lie on top of each other, or of their own images.
fn check_overlap(config: &Config, layout: &Layout, solids: &[Solid]) -> Result<()> {
    let Cell { length, periodic, .. } = layout.cell;
    for (p, solid) in solids.iter().enumerate() {
        let [low, high] = bounds(solid.positions());
        for d in 0..3 {
            let reach = layout.particles[p].centre[d].abs() + layout.particles[p].radius;
            let key = format!("particle[{}].centre_angstrom", solid.table);
            if reach > LARGEST_COORDINATE / 2.0 {
                let message = format!(
                    "particle {p} reaches out to {reach:.0} Å, but coordinates end at {} Å",
                    LARGEST_COORDINATE / 2.0
                );
                return Err(config.source.error(&key, message));
            }
            let wide = high[d] - low[d] + OVERLAP * solid.nearest_distance;
            if periodic[d] && wide > length[d] {
                let message = format!(
                    "particle {p} is {:.1} Å wide along {} and overlaps its own images in a box of {} Å",
                    high[d] - low[d],
                    ["x", "y", "z"][d],
                    length[d]
                );
                return Err(config.source.error(&format!("box.lengths_angstrom[{d}]"), message));
            }
        }
        for (q, other) in solids.iter().enumerate().skip(p + 1) {
            if let Some(distance) = shortest_between(layout, solids, p, q) {
                let nearest = solid.nearest_distance.min(other.nearest_distance);
                let (key, advice) = match &config.placement {
                    Some(_) => ("placement.gap_angstrom".into(), "make `gap_angstrom` larger"),
                    None => (
                        format!("particle[{}].centre_angstrom", other.table),
                        "move their `centre_angstrom` apart",
                    ),
                };
                let message = format!(
                    "particles {p} and {q} overlap: two of their atoms are {distance:.2} Å apart, where \
                     neighbours in the crystal are {nearest:.2} Å apart; {advice}"
                );
                return Err(config.source.error(&key, message));
            }
        }
    }
    Ok(())
}

/// The shortest distance between atoms of two particles and their images, if they overlap.
fn shortest_between(layout: &Layout, solids: &[Solid], p: usize, q: usize) -> Option<f64> {
    let Cell { length, periodic, .. } = layout.cell;
    let [one, other] = [&layout.particles[p], &layout.particles[q]];
    let limit = OVERLAP * solids[p].nearest_distance.min(solids[q].nearest_distance);
    let mut between = sub(other.centre, one.centre);
    for d in (0..3).filter(|&d| periodic[d]) {
        between[d] -= length[d] * (between[d] / length[d]).round();
    }
    let images = (0..27).map(|i| [i % 3 - 1, i / 3 % 3 - 1, i / 9 - 1]);
    images
        .filter(|image| (0..3).all(|d| periodic[d] || image[d] == 0))
        .map(|image| std::array::from_fn(|d| between[d] + image[d] as f64 * length[d]))
        .filter(|&between| norm(between) < one.radius + other.radius + limit)
        .filter_map(|between| {
            closest(solids[p].positions(), shifted(&solids[q], between), limit, |_, _| true)
        })
        .map(|(distance, _, _)| distance)
        .min_by(f64::total_cmp)
}

impl Layout {
    /// The particles, their composition and their gap, in lines for people.
    pub fn describe(&self, symbols: &[&str]) -> String {
        let mut text = String::new();
        for (i, particle) in self.particles.iter().enumerate() {
            let composition: Vec<String> = (symbols.iter().zip(&particle.species))
                .filter(|(_, count)| **count > 0)
                .map(|(symbol, count)| format!("{count} {symbol}"))
                .collect();
            let _ =
                write!(text, "particle {i}: {} atoms ({})", particle.atoms, composition.join(", "));
            if let Some(shape) = &particle.shape {
                particle.describe_shape(shape, &mut text);
            }
            text.push('\n');
        }
        if let Some(Gap { planes, atoms }) = self.gap {
            let _ = writeln!(
                text,
                "gap: {planes:.3} Å between the facet planes, {atoms:.3} Å between the outermost atoms"
            );
        }
        text
    }
}

impl ParticleInfo {
    fn describe_shape(&self, shape: &ShapeInfo, text: &mut String) {
        let body = self.atoms - self.adatoms;
        let _ = match body == shape.complete {
            true => write!(text, ", a complete shape about {}", shape.centre),
            false => write!(
                text,
                ", made from the complete shape of {} about {}",
                shape.complete, shape.centre
            ),
        };
        if shape.monolayer > 0 {
            let _ = write!(
                text,
                "; {} of them adatoms, left of a monolayer of {}",
                self.adatoms, shape.monolayer
            );
        }
        for FacetInfo { indices: [h, k, l], atoms, distance } in &shape.facets {
            let _ = write!(
                text,
                "\n    ({h}{k}{l}): outermost layer of {atoms} atoms, {distance:.2} Å from the centre"
            );
        }
    }
}
