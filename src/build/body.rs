//! A particle that is placed as one rigid body: built (`solid`, `cluster`) or read from a file.

use super::alloy;
use super::cell::AXES;
use super::cluster::{BOND, Cluster, bonds, is_cluster};
use super::contact::closest;
use super::face::Face;
use super::hull::is_between;
use super::layout::{FacetInfo, Facing, ParticleInfo, ShapeInfo, bounds};
use super::members::Member;
use super::mixture::{self, Places};
use super::orientation::apply;
use super::read;
use super::read::Read;
use super::shape::{Roughness, Shape};
use super::solid::{Solid, shape, sides};
use crate::atoms::Atom;
use crate::error::Result;
use crate::geometry::{Vec3, add, dot, norm, on_grid, scale, sub};
use crate::input::{
    self, Arrangement, BoxConfig, Config, Lattice, ParticleConfig, PlacementConfig, StructureConfig,
};
use crate::random::Purpose;
use std::sync::Arc;

/// Atoms of a particle from a file within this of its outermost one are its face, Å.
const FACE: f64 = 1.0;

/// Where no two atoms of a particle from a file are nearer than this, it is taken for the
/// distance of neighbours, Å.
const NEIGHBOURS: f64 = 3.0;

/// Atoms whose images across a periodic boundary are nearer than this many distances of
/// nearest neighbours are one crystal with them.
const CUT: f64 = 1.3;

/// A particle as a file has it.
struct AsRead {
    /// On the grid, from the middle between the outermost atoms as they stand in the file, Å.
    positions: Vec<Vec3>,
    species: Vec<u32>,
    velocities: Option<Vec<Vec3>>,
    nearest_distance: f64,
}

/// Atoms that are neither on the sites of one lattice nor have facets with names: from a file, or a
/// `Cluster`; turned.
pub struct Rigid {
    number: usize,
    table: usize,
    positions: Vec<Vec3>,
    species: Vec<u32>,
    velocities: Option<Vec<Vec3>>,
    /// On which it faces others of a row.
    sides: Vec<f64>,
    nearest_distance: f64,
    /// What else is to be said of it.
    note: String,
}

pub enum Body {
    Solid(Solid),
    Rigid(Rigid),
}

/// Makes any particle of the input, as often as one likes: each is a function of its member alone.
pub struct Bodies<'a> {
    config: &'a Config,
    pub members: Vec<Member>,
    tables: Vec<Table>,
    /// What the readers of files found worth a warning.
    pub warnings: Vec<String>,
}

/// What the particles of a table have in common.
enum Table {
    /// The one shape of all, or one for each.
    Built(Option<Arc<Shape>>),
    Clusters(Option<Arc<Cluster>>),
    /// One after the other, and again from the first.
    Read {
        particles: Vec<AsRead>,
        file: String,
    },
}

impl<'a> Bodies<'a> {
    /// # Errors
    /// A file that cannot be read, or holds several particles, or none of the wanted number.
    pub fn new(config: &'a Config, members: Vec<Member>) -> Result<Bodies<'a>> {
        let (mut tables, mut warnings) = (Vec::new(), Vec::new());
        for (table, particle) in config.particles.iter().enumerate() {
            tables.push(match (&particle.structure, &particle.sizes) {
                (Some(structure), _) => {
                    let (particles, told) = from_file(config, table, structure)?;
                    warnings.extend(told);
                    let file = structure.file.file_name().unwrap_or_default();
                    Table::Read { particles, file: file.to_string_lossy().into_owned() }
                }
                (None, sizes) if is_cluster(particle) => Table::Clusters(match sizes {
                    Some(_) => None,
                    None => Some(Arc::new(Cluster::new(particle, wanted_of(&members, table)))),
                }),
                (None, Some(_)) => Table::Built(None),
                (None, None) => {
                    let wanted = wanted_of(&members, table);
                    Table::Built(Some(Arc::new(shape(config, table, wanted)?)))
                }
            });
        }
        Ok(Bodies { config, members, tables, warnings })
    }

    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// # Errors
    /// Adatoms are wanted on a facet without a place for any.
    pub fn body(&self, number: usize) -> Result<Body> {
        let member = &self.members[number];
        Ok(match &self.tables[member.table] {
            Table::Built(common) => {
                let shape = match common {
                    Some(shape) => shape.clone(),
                    None => Arc::new(shape(self.config, member.table, member.wanted)?),
                };
                Body::Solid(Solid::new(self.config, member, shape)?)
            }
            Table::Clusters(common) => {
                let particle = &self.config.particles[member.table];
                let cluster = match common {
                    Some(cluster) => cluster.clone(),
                    None => Arc::new(Cluster::new(particle, member.wanted)),
                };
                Body::Rigid(self.grown(member, &cluster))
            }
            Table::Read { particles, file } => {
                let read = &particles[member.place % particles.len()];
                let turned =
                    |all: &Vec<Vec3>| all.iter().map(|&r| apply(&member.turn, r)).collect();
                let positions: Vec<Vec3> = turned(&read.positions);
                Body::Rigid(Rigid {
                    number,
                    table: member.table,
                    positions: positions.into_iter().map(|r| r.map(on_grid)).collect(),
                    species: read.species.clone(),
                    velocities: read.velocities.as_ref().map(turned),
                    sides: sides(self.config, number),
                    nearest_distance: read.nearest_distance,
                    note: format!(", from `{file}`"),
                })
            }
        })
    }
}

impl Bodies<'_> {
    /// A cluster with its elements.
    fn grown(&self, member: &Member, complete: &Cluster) -> Rigid {
        let (config, number) = (self.config, member.number);
        let particle = &config.particles[member.table];
        let rough = Roughness::of(particle, member.wanted).map(|roughness| {
            let order = |count| alloy::shuffled(config.seed, Purpose::Roughness, number, 0, count);
            complete.roughened(roughness, order)
        });
        let cluster = rough.as_ref().unwrap_or(complete);
        let count = cluster.positions.len();
        let species = match particle.composition.is_empty() {
            false => {
                let fractions = alloy::fractions(config, &particle.composition);
                alloy::deal(config.seed, number, 0, count, &fractions)
            }
            true => {
                let places = Places {
                    count,
                    depth: &|i| cluster.depth[i],
                    along: &|i, direction| dot(cluster.positions[i], direction.map(f64::from)),
                    sublattice: &|_| 0,
                };
                mixture::species(config, particle, number, &places)
            }
        };
        let name = match particle.lattice {
            Lattice::Hcp => "sphere of hcp",
            _ => particle.shape.name(),
        };
        Rigid {
            number,
            table: member.table,
            positions: cluster
                .positions
                .iter()
                .map(|&r| apply(&member.turn, r).map(on_grid))
                .collect(),
            species,
            velocities: None,
            sides: sides(config, number),
            nearest_distance: cluster.nearest_distance,
            note: match count == cluster.complete {
                true => format!(", a complete {name}"),
                false => format!(", made from the complete {name} of {}", cluster.complete),
            },
        }
    }
}

/// How many atoms the particles of a table want, which are alike.
fn wanted_of(members: &[Member], table: usize) -> usize {
    members.iter().find(|member| member.table == table).map_or(1, |member| member.wanted)
}

/// The particles that a table takes from its file, and what the reader found worth a warning.
fn from_file(
    config: &Config,
    table: usize,
    structure: &StructureConfig,
) -> Result<(Vec<AsRead>, Vec<String>)> {
    let particle = &config.particles[table];
    let alone = alone(config, particle, table);
    let read = read::read(&alone, structure)?;
    let particles = &read.layout.particles;
    // Where they are placed one by one, all that the file has may come.
    let all = !matches!(config.placement, None | Some(PlacementConfig::Row(_)));
    let numbers = match (particle.particle_of_file, &particles[..]) {
        (None, [_]) => 0..1,
        (None, [_, ..]) if all => 0..particles.len(),
        (Some(wanted), _) if wanted < particles.len() => wanted..wanted + 1,
        (wanted, _) => {
            let (count, last) = (particles.len(), particles.len().saturating_sub(1));
            let message = match wanted {
                Some(wanted) => {
                    format!("particle {wanted} is wanted, but this file holds {count}, from 0")
                }
                None => format!(
                    "this file holds {count} particles, and a `[[particle]]` is one: say which, as \
                     `particle_of_file = {last}`, or take all as they stand with `[structure]`"
                ),
            };
            let key = if wanted.is_some() { "particle_of_file" } else { "structure.file" };
            return Err(config.source.error(&format!("particle[{table}].{key}"), message));
        }
    };
    let file = structure.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut warnings = Vec::new();
    let taken = numbers.map(|number| as_read(&read, number, &file, &mut warnings)).collect();
    // In vacuum it does not matter how its own box was bounded.
    let told = read.warnings.into_iter().filter(|w| w != read::BOUNDARIES_UNKNOWN);
    Ok((taken, told.chain(warnings).collect()))
}

/// One particle of a file by itself.
fn as_read(read: &Read, number: usize, file: &str, warnings: &mut Vec<String>) -> AsRead {
    let own: Vec<&Atom> =
        read.atoms.iter().filter(|atom| atom.particle as usize == number).collect();
    let whole = own.iter().map(|atom| {
        let [x, y, z] = atom.position;
        read.layout.cell.unwrap(&[x, y, z, 0.0], &atom.image)
    });
    let [low, high] = bounds(whole.clone());
    let centre = scale(add(low, high), 0.5).map(on_grid);
    let positions: Vec<Vec3> = whole.map(|r| sub(r, centre)).collect();
    let all = || positions.iter().copied();
    let shortest = closest(all(), all(), NEIGHBOURS, |i, j| i < j);
    let nearest_distance = shortest.map_or(NEIGHBOURS, |(distance, _, _)| distance);
    // Where it reaches across its box it had no surface there.
    let reach = CUT * nearest_distance;
    let cell = &read.layout.cell;
    let cut = |d: &usize| cell.periodic[*d] && cell.length[*d] - (high[*d] - low[*d]) < reach;
    let cut: Vec<&str> = (0..3).filter(cut).map(|d| AXES[d]).collect();
    if !cut.is_empty() {
        warnings.push(format!(
            "the atoms of `{file}` fill its periodic box along {}: as a particle they are cut there, \
             with free surfaces (as bulk they are `[structure]`)",
            cut.join(", ")
        ));
    }
    AsRead {
        positions,
        species: own.iter().map(|atom| atom.species).collect(),
        velocities: (read.velocities).then(|| own.iter().map(|atom| atom.velocity).collect()),
        nearest_distance,
    }
}

/// The input as if the file were its `[structure]`, in vacuum.
fn alone(config: &Config, particle: &ParticleConfig, table: usize) -> Config {
    let mut alone = config.clone();
    alone.structure = particle.structure.clone();
    alone.particles.clear();
    (alone.placement, alone.crystal, alone.cell) = (None, None, BoxConfig::default());
    for stage in &mut alone.stages {
        stage.particles = Arrangement::Together;
    }
    alone.source = config.source.with(&format!("particle[{table}].structure"), "structure");
    alone
}

impl Body {
    /// Its number, and that of its table in the input.
    pub fn number(&self) -> usize {
        match self {
            Body::Solid(solid) => solid.number,
            Body::Rigid(read) => read.number,
        }
    }

    pub fn table(&self) -> usize {
        match self {
            Body::Solid(solid) => solid.table,
            Body::Rigid(read) => read.table,
        }
    }

    pub fn atoms(&self) -> usize {
        match self {
            Body::Solid(solid) => solid.atoms(),
            Body::Rigid(read) => read.positions.len(),
        }
    }

    /// From its centre, on the grid, Å.
    pub fn positions(&self) -> Box<dyn Iterator<Item = Vec3> + '_> {
        match self {
            Body::Solid(solid) => Box::new(solid.positions()),
            Body::Rigid(read) => Box::new(read.positions.iter().copied()),
        }
    }

    pub fn species(&self, config: &Config) -> Vec<u32> {
        match self {
            Body::Solid(solid) => solid.species(config),
            Body::Rigid(read) => read.species.clone(),
        }
    }

    /// Å/ps, if it came with any.
    pub fn velocities(&self) -> Option<&[Vec3]> {
        match self {
            Body::Solid(_) => None,
            Body::Rigid(read) => read.velocities.as_deref(),
        }
    }

    /// Å³: of its lattice, or for one that is read that of a ball with its radius of gyration.
    pub fn volume(&self, config: &Config) -> f64 {
        match self {
            Body::Solid(solid) => {
                config.particles[solid.table].atomic_volume() * solid.atoms() as f64
            }
            Body::Rigid(rigid) if config.particles[rigid.table].structure.is_none() => {
                config.particles[rigid.table].atomic_volume() * rigid.positions.len() as f64
            }
            Body::Rigid(Rigid { positions, .. }) => {
                let count = positions.len() as f64;
                let sum = positions.iter().fold([0.0; 3], |sum, &r| add(sum, r));
                let centre = scale(sum, 1.0 / count);
                let square = |r: &Vec3| dot(sub(*r, centre), sub(*r, centre));
                let gyration = positions.iter().map(square).sum::<f64>() / count;
                4.0 / 3.0
                    * std::f64::consts::PI
                    * (5.0 / 3.0 * gyration)
                    * (5.0 / 3.0 * gyration).sqrt()
            }
        }
    }

    /// Atoms among which are all corners of its convex hull, and so the first and last along any direction.
    pub fn outermost(&self) -> Vec<Vec3> {
        match self {
            Body::Solid(solid) => solid.outermost(),
            Body::Rigid(rigid) => {
                let positions = &rigid.positions;
                let bonds = bonds(positions, BOND * rigid.nearest_distance);
                let near = |i: usize| -> Vec<Vec3> {
                    bonds[i].iter().map(|&j| positions[j as usize]).collect()
                };
                let all = 0..positions.len();
                // What lies between its neighbours is no corner.
                let corner = all.filter(|&i| !is_between(&near(i), positions[i]));
                corner.map(|i| positions[i]).collect()
            }
        }
    }

    /// How many atoms of each species it has.
    fn composition(&self, config: &Config) -> Vec<u64> {
        if let Body::Solid(solid) = self
            && let Some(counts) = solid.composition(config)
        {
            return counts;
        }
        let mut counts = vec![0; config.symbols().len()];
        self.species(config).iter().for_each(|&kind| counts[kind as usize] += 1);
        counts
    }

    /// Distance of neighbours in it, Å.
    pub fn nearest_distance(&self) -> f64 {
        match self {
            Body::Solid(solid) => solid.nearest_distance,
            Body::Rigid(read) => read.nearest_distance,
        }
    }

    /// Its faces towards its neighbours in a row, with their sides and the places of the atoms
    /// of the outermost layer.
    pub fn facing(&self) -> Vec<(f64, Vec<usize>, Face)> {
        let in_row = match self {
            Body::Solid(solid) => !solid.facing.is_empty(),
            Body::Rigid(rigid) => !rigid.sides.is_empty(),
        };
        if !in_row {
            return Vec::new();
        }
        let positions: Vec<Vec3> = self.positions().collect();
        let face = |side: f64, layer: Vec<usize>| {
            let atoms: Vec<Vec3> = layer.iter().map(|&i| positions[i]).collect();
            let mut face = Face::new(&atoms, positions.iter().copied(), 0, side);
            if let Body::Rigid(_) = self {
                // Of its outline nobody knows more than how wide it is.
                face.reach = positions.iter().copied().map(norm).fold(0.0, f64::max);
            }
            (side, layer, face)
        };
        match self {
            Body::Solid(solid) => {
                let facing = solid.facing.iter();
                facing.map(|&(facet, side)| face(side, solid.layer(facet))).collect()
            }
            Body::Rigid(read) => {
                let sides = read.sides.iter();
                sides.map(|&side| face(side, outermost(&positions, side))).collect()
            }
        }
    }

    /// The atoms of the facet by which it lies on a surface across this axis, if one does.
    pub fn lies_on(&self, axis: usize) -> Option<Vec<Vec3>> {
        match self {
            Body::Solid(solid) => solid.lies_on(axis).map(|facet| solid.facet(facet)),
            Body::Rigid(_) => None,
        }
    }

    /// Its lower end across a surface: the facet that lies on it, and the lowest of the outermost atoms.
    pub fn lower_face(&self, axis: usize, outermost: &[Vec3]) -> Face {
        let layer = self.lies_on(axis);
        let face = |layer: &[Vec3]| Face::new(layer, outermost.iter().copied(), axis, -1.0);
        match layer {
            Some(layer) => face(&layer),
            None => Face { plane: face(&[]).front, ..face(&[]) },
        }
    }

    /// What is known of it where it stands; the first of its atoms has the id `first`.
    pub fn info(&self, config: &Config, centre: Vec3, first: u64) -> ParticleInfo {
        let mut info = ParticleInfo::empty(config, first);
        info.atoms = self.atoms() as u64;
        info.centre = centre;
        info.radius = self.outermost().into_iter().map(norm).fold(0.0, f64::max);
        info.species = self.composition(config);
        let facing = self.facing().into_iter();
        info.facing = facing
            .map(|(side, layer, face)| Facing {
                side,
                layer: layer.into_iter().map(|i| first + i as u64).collect(),
                reach: face.reach,
            })
            .collect();
        match self {
            Body::Solid(solid) => {
                info.adatoms = solid.adatoms.len() as u64;
                info.shape = Some(shape_info(solid));
                if let Some((edge, wanted)) = edges_nm(config, solid.table, &info) {
                    info.note = format!(", edge {edge:.3} nm ({wanted} wanted)");
                }
            }
            Body::Rigid(read) => info.note.clone_from(&read.note),
        }
        info
    }
}

/// The atoms of a side, in rising order.
fn outermost(positions: &[Vec3], side: f64) -> Vec<usize> {
    let front = positions.iter().map(|r| r[0] * side).fold(f64::NEG_INFINITY, f64::max);
    (0..positions.len()).filter(|&i| positions[i][0] * side >= front - FACE).collect()
}

/// Edge of a cube, with half a layer of space about its outermost atoms, and the one that was
/// wanted, if one was; nm.
pub fn edges_nm(config: &Config, table: usize, info: &ParticleInfo) -> Option<(f64, f64)> {
    let particle = &config.particles[table];
    let facets = &info.shape.as_ref().filter(|_| particle.shape == input::Shape::Cube)?.facets;
    let side = facets.iter().find(|facet| facet.indices == [1, 0, 0])?;
    let edge = 2.0 * side.distance + particle.lattice_constant() / 2.0;
    Some((edge / 10.0, particle.edge_nm?))
}

fn shape_info(solid: &Solid) -> ShapeInfo {
    ShapeInfo {
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
    }
}
