//! Where the particles stand, and what is known of each before a step is made: all
//! of it follows from the input alone, so a restart finds it again.

use super::lattice::{Centre, Site};
use crate::error::Result;
use crate::geometry::{Cell, LARGEST_COORDINATE, Vec3, on_grid, sub};
use crate::input::{Arrangement, Config};
use crate::terminal::counted;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Free space between particles that are equilibrated apart, Å: more than any
/// potential reaches, even when they swell and shake.
pub const APART: f64 = 60.0;

/// Atoms nearer than this part of the nearest-neighbour distance are on top of each other.
pub const OVERLAP: f64 = 0.5;

/// Vacuum around the atoms in the box that describes free directions, Å.
pub const MARGIN: f64 = 10.0;

/// More particles than this are described together.
const MOST_TOLD: usize = 12;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    pub particles: Vec<ParticleInfo>,
    /// Number of atoms.
    pub atoms: u64,
    /// The box with the particles together.
    pub cell: Cell,
    /// The box that holds them apart, where the protocol begins so.
    pub apart: Option<Cell>,
    /// What fills the box and is not placed in it.
    pub filling: Option<Filling>,
    /// Between one particle of a row and the next, with the particles together.
    pub gaps: Vec<Gap>,
    /// What came of placing them, in lines for people: where there are many, of them all instead of each.
    pub note: String,
}

/// What fills the box beside the particles that are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filling {
    /// Its atoms belong to the particles from this number on.
    pub first: u32,
    /// The axis across its surface, if it has one.
    pub surface: Option<usize>,
}

/// The gap in both readings, Å.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    /// Between the planes of the facets.
    pub planes: f64,
    /// Between the outermost atoms, adatoms included.
    pub atoms: f64,
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Gap { planes, atoms } = self;
        write!(
            f,
            "{planes:.3} Å between the facet planes, {atoms:.3} Å between the outermost atoms"
        )
    }
}

/// A particle as it was built or read. The atoms of a built one are `first .. first + atoms`,
/// the adatoms the last of them; those of one that was found in a file by distance may lie
/// between those of others, `first` being the first.
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
    /// Towards the particles beside it in a row.
    pub facing: Vec<Facing>,
    /// Between it and the surface that it stands above.
    pub above: Option<Gap>,
    /// Whether it lies there on a facet, so that there is a plane between which and the surface one may measure.
    pub lies: bool,
    /// What else is to be said of it, as `, from file`.
    pub note: String,
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

/// Lowest and highest coordinates.
pub fn bounds(positions: impl Iterator<Item = Vec3>) -> [Vec3; 2] {
    positions.fold([[f64::INFINITY; 3], [f64::NEG_INFINITY; 3]], |[low, high], r| {
        [std::array::from_fn(|d| low[d].min(r[d])), std::array::from_fn(|d| high[d].max(r[d]))]
    })
}

/// The box of what is built: along periodic directions as the input says or as follows from where the
/// particles are placed, about the atoms along free ones.
pub fn cell(config: &Config, [low, high]: [Vec3; 2], follow: [Option<f64>; 3]) -> Cell {
    let periodic = config.cell.periodic();
    let given = |d: usize| follow[d].or(config.cell.lengths_angstrom.map(|lengths| lengths[d]));
    let (mut origin, mut length) = ([0.0; 3], [0.0; 3]);
    for d in 0..3 {
        (origin[d], length[d]) = match (periodic[d], given(d)) {
            (true, Some(length)) => (-length / 2.0, length),
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

impl Layout {
    /// Whether particles and pairs of them are measured: each of them all the time takes more room
    /// and time than the atoms where most have but a few.
    pub fn measures_particles(&self) -> bool {
        const MANY: u64 = 100;
        const FEW_ATOMS: u64 = 10;
        let count = self.particles.len() as u64;
        count <= MANY || self.atoms >= FEW_ATOMS * count
    }

    /// The particles, their composition and their gap, in lines for people.
    pub fn describe(&self, symbols: &[&str]) -> String {
        let mut text = String::new();
        let placed = self.filling.map_or(self.particles.len(), |filling| filling.first as usize);
        let untold = if placed > MOST_TOLD && !self.note.is_empty() { placed } else { 0 };
        for (i, particle) in self.particles.iter().enumerate().skip(untold).take(MOST_TOLD) {
            let composition: Vec<String> = (symbols.iter().zip(&particle.species))
                .filter(|(_, count)| **count > 0)
                .map(|(symbol, count)| format!("{count} {symbol}"))
                .collect();
            let _ = write!(
                text,
                "particle {i}: {} ({})",
                counted(particle.atoms, "atom"),
                composition.join(", ")
            );
            text.push_str(&particle.note);
            if let Some(shape) = &particle.shape {
                particle.describe_shape(shape, &mut text);
            }
            if let Some(gap) = particle.above {
                let _ = match particle.lies {
                    true => write!(text, "\n    above the surface: {gap}"),
                    false => write!(
                        text,
                        "\n    above the surface: {:.3} Å between the outermost atoms",
                        gap.atoms
                    ),
                };
            }
            text.push('\n');
        }
        if let Some(rest @ [_, ..]) = self.particles.get(untold + MOST_TOLD..) {
            let atoms = rest.iter().map(|particle| particle.atoms);
            let (least, most) = (atoms.clone().min().unwrap_or(0), atoms.max().unwrap_or(0));
            let more = counted(rest.len(), "more particle");
            let _ = writeln!(text, "and {more} of {}", from_to(least, most));
        }
        for gap in self.gaps.iter().take(MOST_TOLD) {
            let _ = writeln!(text, "gap: {gap}");
        }
        if let Some(rest @ [_, ..]) = self.gaps.get(MOST_TOLD..) {
            let _ = writeln!(text, "and {}", counted(rest.len(), "more gap"));
        }
        if !self.note.is_empty() {
            text.push_str(&self.note);
        }
        text
    }
}

/// Numbers of atoms from the least to the most.
pub fn from_to(least: u64, most: u64) -> String {
    match least == most {
        true => counted(most, "atom"),
        false => format!("{least} to {most} atoms"),
    }
}

impl ParticleInfo {
    /// Without atoms, the first of which will have the id `first`.
    pub fn empty(config: &Config, first: u64) -> ParticleInfo {
        ParticleInfo {
            first,
            atoms: 0,
            adatoms: 0,
            species: vec![0; config.symbols().len()],
            centre: [0.0; 3],
            apart: [0.0; 3],
            radius: 0.0,
            shape: None,
            facing: Vec::new(),
            above: None,
            lies: false,
            note: String::new(),
        }
    }

    /// Its first atom has this id, and it stands here.
    pub fn begin(&mut self, first: u64, centre: Vec3) {
        self.facing.iter_mut().flat_map(|facing| &mut facing.layer).for_each(|id| *id += first);
        self.first += first;
        self.centre = centre;
    }

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
