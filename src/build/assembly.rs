//! All atoms of an input: the particles that are placed, then what fills the box.
//!
//! `[placement]` sets the particles in a row on the x axis (`face::row`); `above` sets one at its gap
//! above the surface of the crystal or of the atoms from a file; otherwise each stands at its own
//! `centre_angstrom` (a single one at the origin).

use super::base::Base;
use super::body::{Body, from_file};
use super::face::{Face, row};
use super::layout::{Filling, Gap, Layout, ParticleInfo, bounds, cell, spread};
use super::overlap::check_overlap;
use super::solid::solids;
use crate::atoms::Atom;
use crate::error::Result;
use crate::geometry::{Cell, Vec3, add, on_grid};
use crate::input::{AboveConfig, Config, GapBetween};
use std::ops::Range;

pub struct Assembly {
    pub layout: Layout,
    pub bodies: Vec<Body>,
    pub base: Option<Base>,
    /// Whether every atom came with a velocity.
    pub velocities: bool,
    pub warnings: Vec<String>,
}

impl Assembly {
    /// Builds and reads all that the input names. For any rank to call.
    pub fn new(config: &Config) -> Result<Assembly> {
        let base = Base::new(config)?;
        let surface = base.as_ref().and_then(Base::surface);
        let (bodies, mut warnings) = bodies(config, surface)?;
        let (centres, gaps, heights) = centres(config, &bodies, base.as_ref())?;
        let mut first = 0;
        let mut particles = Vec::new();
        for ((body, &centre), above) in bodies.iter().zip(&centres).zip(heights) {
            let mut info = body.info(config, centre, first);
            info.above = above;
            first += info.atoms;
            particles.push(info);
        }
        let placed = bodies.iter().zip(&centres);
        let placed = placed.flat_map(|(body, &c)| body.positions().map(move |r| add(r, c)));
        let cell = match &base {
            None => cell(config, bounds(placed)),
            Some(base) => base.cell(bounds(placed.chain(base.positions()))),
        };
        if let Some(base) = &base {
            let infos = base.infos(config, first);
            first += infos.iter().map(|info| info.atoms).sum::<u64>();
            particles.extend(infos);
        }
        let apart = spread(config, &mut particles)?;
        let filling = base.as_ref().map(|_| Filling { first: bodies.len() as u32, surface });
        let layout = Layout { particles, atoms: first, cell, apart, filling, gaps };
        check_overlap(config, &layout, &bodies, base.as_ref())?;

        let brought = bodies.iter().map(|body| body.velocities().is_some());
        let brought: Vec<bool> = brought.chain(base.iter().map(Base::velocities)).collect();
        let velocities = brought.iter().all(|&v| v);
        if !velocities && brought.contains(&true) {
            let message = "some of the atoms come with velocities from a file and others have none: \
                           the velocities of all are drawn anew";
            warnings.push(message.into());
        }
        warnings.extend(base.iter().flat_map(|base| base.warnings().to_vec()));
        warnings.extend(absent(config, &bodies, &layout));
        Ok(Assembly { layout, bodies, base, velocities, warnings })
    }

    /// The atoms with these ids, where the protocol begins.
    pub fn atoms(&self, config: &Config, ids: Range<u64>) -> Vec<Atom> {
        let mut atoms = Vec::with_capacity((ids.end - ids.start) as usize);
        for (body, info) in self.bodies.iter().zip(&self.layout.particles) {
            if info.first < ids.end && ids.start < info.first + info.atoms {
                let all = self.particle(config, body, info).into_iter();
                atoms.extend(all.filter(|atom| ids.contains(&atom.id)));
            }
        }
        if let Some(base) = &self.base {
            let bodies = self.bodies.len();
            let first = self.layout.particles.get(bodies).map_or(self.layout.atoms, |p| p.first);
            let cell = &self.layout.cell;
            if first < ids.end {
                let own = base.atoms(config, (first, bodies as u32), &ids).into_iter();
                atoms.extend(own.map(|atom| wrapped(atom, cell)));
            }
        }
        atoms
    }

    /// The atoms of one placed particle.
    fn particle(&self, config: &Config, body: &Body, info: &ParticleInfo) -> Vec<Atom> {
        let (cell, centre) = match &self.layout.apart {
            Some(cell) => (cell, add(info.centre, info.apart)),
            None => (&self.layout.cell, info.centre),
        };
        let velocities = body.velocities().filter(|_| self.velocities);
        let place = |(i, (r, species)): (usize, (Vec3, u32))| {
            let atom = Atom {
                id: info.first + i as u64,
                position: add(r, centre),
                velocity: velocities.map_or([0.0; 3], |v| v[i]),
                image: [0; 3],
                particle: body.number() as u32,
                species,
                padding: 0,
            };
            wrapped(atom, cell)
        };
        body.positions().zip(body.species(config)).enumerate().map(place).collect()
    }
}

/// Into the box.
fn wrapped(mut atom: Atom, cell: &Cell) -> Atom {
    let [x, y, z] = atom.position;
    let mut position = [x, y, z, 0.0];
    cell.wrap(&mut position, &mut atom.image);
    let [x, y, z, _] = position;
    atom.position = [x, y, z];
    atom
}

/// Elements that the composition names, and of which so few atoms have none.
fn absent(config: &Config, bodies: &[Body], layout: &Layout) -> Vec<String> {
    let tables = bodies.iter().map(|body| {
        let table = body.table();
        (format!("particle[{table}].composition"), &config.particles[table].composition)
    });
    let crystal = config.crystal.iter().map(|c| ("crystal.composition".into(), &c.composition));
    let all = tables.chain(crystal);
    let mut told: Vec<String> = Vec::new();
    for ((key, composition), info) in all.zip(&layout.particles) {
        for (k, symbol) in config.potential.symbols().enumerate() {
            let fraction = composition.get(symbol).copied().unwrap_or(0.0);
            if fraction > 0.0 && info.species[k] == 0 {
                let warning = format!(
                    "none of the {} atoms is {symbol}: a fraction of {fraction} is less than one of them",
                    info.atoms
                );
                told.push(config.source.error(&key, warning).to_string());
            }
        }
    }
    told.dedup();
    told
}

/// Every particle of `[[particle]]`, in their order, and what the readers found.
fn bodies(config: &Config, surface: Option<usize>) -> Result<(Vec<Body>, Vec<String>)> {
    let (mut bodies, mut warnings) = (Vec::new(), Vec::new());
    for (table, particle) in config.particles.iter().enumerate() {
        if particle.structure.is_some() {
            let (read, told) = from_file(config, table, bodies.len())?;
            bodies.extend(read.into_iter().map(Body::FromFile));
            warnings.extend(told);
        } else {
            let solids = solids(config, table, bodies.len(), surface)?;
            bodies.extend(solids.into_iter().map(Body::Solid));
        }
    }
    Ok((bodies, warnings))
}

/// The centres of the particles together, on the grid, the gaps of a row, and that of each
/// particle above a surface.
type Centres = (Vec<Vec3>, Vec<Gap>, Vec<Option<Gap>>);

fn centres(config: &Config, bodies: &[Body], base: Option<&Base>) -> Result<Centres> {
    let table = |body: &Body| &config.particles[body.table()];
    let own = |body: &Body| table(body).centre_angstrom.unwrap_or_default().map(on_grid);
    let mut centres: Vec<Vec3> = bodies.iter().map(own).collect();
    let mut gaps = Vec::new();
    if let Some(placement) = &config.placement {
        // Right of one and left of the next, gap after gap.
        let faces: Vec<Face> =
            bodies.iter().flat_map(|body| body.facing().into_iter().map(|f| f.2)).collect();
        let (along, opened) = row(placement, faces.as_chunks::<2>().0);
        let [x, y, z] = base.map_or([0.0; 3], Base::middle);
        centres = along.iter().map(|&shift| [x + shift, y, z]).collect();
        gaps = opened;
    }
    let mut heights = vec![None; bodies.len()];
    for (p, body) in bodies.iter().enumerate() {
        let (Some(above), Some(base)) = (&table(body).above, base) else { continue };
        let Some(axis) = base.surface() else {
            let message = "the atoms of `[structure]` have no surface to stand above: a surface lies across \
                           the one direction in which the box is free (`[box] boundary`)";
            let key = format!("particle[{}].above", body.table());
            return Err(config.source.error(&key, message));
        };
        if config.placement.is_none() {
            centres[p] = over(above, base.middle(), axis);
        }
        let (height, gap) = height(above, body.lower_face(axis), base.top(axis));
        centres[p][axis] = height;
        heights[p] = Some(gap);
    }
    Ok((centres, gaps, heights))
}

/// Where a particle stands along a surface.
fn over(above: &AboveConfig, middle: Vec3, axis: usize) -> Vec3 {
    let mut centre = middle;
    if let Some(at) = above.at_angstrom {
        let along = (0..3).filter(|&d| d != axis);
        along.zip(at).for_each(|(d, x)| centre[d] = on_grid(x));
    }
    centre
}

/// How high the centre of a particle stands above a surface whose plane and uppermost atom are
/// at `top`, and the gap that is then between them.
fn height(above: &AboveConfig, lower: Face, top: [f64; 2]) -> (f64, Gap) {
    let default = if above.facet.is_some() { GapBetween::Planes } else { GapBetween::Atoms };
    let gap = on_grid(above.gap_angstrom);
    let height = match above.gap_between.unwrap_or(default) {
        GapBetween::Planes => top[0] + gap - lower.plane,
        GapBetween::Atoms => top[1] + gap - lower.front,
    };
    (height, Gap { planes: height + lower.plane - top[0], atoms: height + lower.front - top[1] })
}
