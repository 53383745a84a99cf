//! What fills the box and is not placed in it: a crystal that is built, or atoms from a file
//! that stay where they are. Particles may stand above its surface.

use super::block::Block;
use super::layout::{MARGIN, ParticleInfo, bounds};
use super::read::{self, Read};
use crate::atoms::Atom;
use crate::error::Result;
use crate::geometry::{Cell, Vec3, add, norm, on_grid, scale, sub};
use crate::input::Config;
use std::ops::Range;

pub enum Base {
    Crystal(Box<Block>),
    Structure(Box<Read>),
}

impl Base {
    /// What the input has beside particles, if anything.
    pub fn new(config: &Config) -> Result<Option<Base>> {
        Ok(match (&config.crystal, &config.structure) {
            (Some(crystal), _) => Some(Base::Crystal(Box::new(Block::new(config, crystal)?))),
            (None, Some(structure)) => {
                Some(Base::Structure(Box::new(read::read(config, structure)?)))
            }
            (None, None) => None,
        })
    }

    /// As messages call it.
    pub fn name(&self) -> &'static str {
        match self {
            Base::Crystal(_) => "the crystal",
            Base::Structure(_) => "the atoms of `[structure]`",
        }
    }

    /// The axis across its surface: that of the slab, or the one free direction of the file.
    pub fn surface(&self) -> Option<usize> {
        match self {
            Base::Crystal(block) => block.surface(),
            Base::Structure(read) => {
                let free = |d: &usize| !read.layout.cell.periodic[*d];
                let mut free = (0..3).filter(free);
                free.next().filter(|_| free.next().is_none())
            }
        }
    }

    /// Height of its surface: of the plane, and of the uppermost atom, Å.
    pub fn top(&self, axis: usize) -> [f64; 2] {
        match self {
            Base::Crystal(block) => block.top(),
            Base::Structure(_) => {
                let highest = self.positions().map(|r| r[axis]).fold(f64::NEG_INFINITY, f64::max);
                [highest; 2]
            }
        }
    }

    /// From where to where a slab takes all room along the axis across its surface, Å.
    pub fn taken(&self) -> Option<(usize, [f64; 2])> {
        match self {
            Base::Crystal(block) => Some((block.surface()?, [-block.thick(), 0.0])),
            Base::Structure(_) => None,
        }
    }

    /// The middle of the box along its periodic directions, on the grid, Å.
    pub fn middle(&self) -> Vec3 {
        let Base::Structure(read) = self else { return [0.0; 3] };
        let Cell { origin, length, periodic } = read.layout.cell;
        std::array::from_fn(
            |d| {
                if periodic[d] { on_grid(origin[d] + length[d] / 2.0) } else { 0.0 }
            },
        )
    }

    /// In the box, Å.
    pub fn positions(&self) -> Box<dyn Iterator<Item = Vec3> + '_> {
        match self {
            Base::Crystal(block) => Box::new(block.positions()),
            Base::Structure(read) => Box::new(read.atoms.iter().map(|atom| atom.position)),
        }
    }

    /// Distance of neighbours, Å, if it is known.
    pub fn nearest_distance(&self) -> Option<f64> {
        match self {
            Base::Crystal(block) => Some(block.nearest_distance),
            Base::Structure(_) => None,
        }
    }

    /// The box about all atoms, which lie within these bounds.
    pub fn cell(&self, [low, high]: [Vec3; 2]) -> Cell {
        match self {
            Base::Crystal(block) => block.cell([low, high]),
            Base::Structure(read) => {
                let Cell { mut origin, mut length, periodic } = read.layout.cell;
                for d in (0..3).filter(|&d| !periodic[d]) {
                    origin[d] = low[d] - MARGIN;
                    length[d] = high[d] - low[d] + 2.0 * MARGIN;
                }
                Cell::new(origin, length, periodic)
            }
        }
    }

    /// What is known of its particles; the first atom has the id `first`.
    pub fn infos(&self, config: &Config, first: u64) -> Vec<ParticleInfo> {
        match self {
            Base::Crystal(block) => {
                let mut info = ParticleInfo::empty(config, first);
                info.atoms = block.atoms() as u64;
                info.adatoms = block.adatoms() as u64;
                block.species(config).iter().for_each(|&kind| info.species[kind as usize] += 1);
                let [low, high] = bounds(block.positions());
                info.centre = scale(add(low, high), 0.5).map(on_grid);
                info.radius = norm(sub(high, info.centre));
                info.note = block.describe();
                vec![info]
            }
            Base::Structure(read) => {
                let mut infos = read.layout.particles.clone();
                infos.iter_mut().for_each(|info| info.first += first);
                infos
            }
        }
    }

    /// Its atoms with these ids; `from` is the id of the first of all, and the number of the first
    /// particle.
    pub fn atoms(&self, config: &Config, from: (u64, u32), ids: &Range<u64>) -> Vec<Atom> {
        let (first, particle) = from;
        match self {
            Base::Crystal(block) => (first..)
                .zip(block.positions().zip(block.species(config)))
                .filter(|(id, _)| ids.contains(id))
                .map(|(id, (position, species))| Atom {
                    id,
                    position,
                    velocity: [0.0; 3],
                    image: [0; 3],
                    particle,
                    species,
                    padding: 0,
                })
                .collect(),
            Base::Structure(read) => (read.atoms.iter())
                .filter(|atom| ids.contains(&(first + atom.id)))
                .map(|atom| Atom {
                    id: first + atom.id,
                    particle: particle + atom.particle,
                    ..*atom
                })
                .collect(),
        }
    }

    /// Whether its atoms have velocities.
    pub fn velocities(&self) -> bool {
        matches!(self, Base::Structure(read) if read.velocities)
    }

    /// What deserves a second look.
    pub fn warnings(&self) -> &[String] {
        match self {
            Base::Crystal(_) => &[],
            Base::Structure(read) => &read.warnings,
        }
    }
}
