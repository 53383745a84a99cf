//! All atoms of an input: the particles that are placed, then what fills the box.
//!
//! First the table of particles (`survey`), each line by one rank; from it alone every rank finds where all
//! stand; then each makes the atoms that are its share, particle after particle. `[placement]` sets the
//! particles in a row on the x axis (`face::row`) or places them (`place`); `above` sets one at its gap above
//! the surface of the crystal or of the atoms from a file; otherwise each stands at its own `centre_angstrom`
//! (a single one at the origin).

use super::alloy;
use super::base::Base;
use super::body::{Bodies, Body, edges_nm};
use super::face::{Face, row};
use super::layout::{Filling, Gap, Layout, ParticleInfo, bounds, cell, spread};
use super::members::{members, resting};
use super::overlap::check_overlap;
use super::place::{number, number_to_cover, place};
use super::survey::{Line, describe, surface, survey};
use crate::atoms::Atom;
use crate::comm::Comm;
use crate::error::Result;
use crate::geometry::{Cell, Vec3, add, on_grid};
use crate::input::{AboveConfig, Config, GapBetween, PlacementConfig, SizesConfig};
use crate::terminal::counted;
use rayon::prelude::*;
use std::ops::Range;

/// So often a number of particles is bettered that is to cover an area; the second time it is right, since
/// numbers that are nearly the same have nearly the same mean.
const TRIES: usize = 6;

pub struct Assembly<'a> {
    pub layout: Layout,
    bodies: Bodies<'a>,
    base: Option<Base>,
    /// Whether every atom came with a velocity.
    pub velocities: bool,
    pub warnings: Vec<String>,
}

impl<'a> Assembly<'a> {
    /// Builds and reads all that the input names, each rank its part of the particles. Collective.
    pub fn new(config: &'a Config, comm: &Comm) -> Result<Assembly<'a>> {
        let base = comm.agree(Base::new(config))?;
        let surface = surface(config, base.as_ref());
        let mut all = comm.agree(number(config, base.as_ref()))?;
        let mut tries = 0..TRIES;
        let (bodies, lines) = loop {
            let bodies = members(config, surface, all);
            let bodies = comm.agree(bodies.and_then(|members| Bodies::new(config, members)))?;
            let lines = survey(config, &bodies, surface, comm)?;
            match comm.agree(number_to_cover(config, base.as_ref(), &lines))? {
                Some(better) if tries.next().is_some() => all = better,
                _ => break (bodies, lines),
            }
        };
        // All ranks find the same, or fail alike.
        comm.agree(Assembly::placed(config, bodies, base, surface, lines))
    }

    fn placed(
        config: &'a Config,
        bodies: Bodies<'a>,
        base: Option<Base>,
        surface: Option<usize>,
        lines: Vec<Line>,
    ) -> Result<Assembly<'a>> {
        let Stands { centres, gaps, above, lengths, note } =
            stands(config, &lines, base.as_ref(), surface)?;
        let mut first = 0;
        let mut particles = Vec::new();
        for ((line, &centre), above) in lines.iter().zip(&centres).zip(above) {
            let mut info = line.info.clone();
            info.begin(first, centre);
            (info.above, info.lies) = (above, line.lies);
            first += info.atoms;
            particles.push(info);
        }
        let corners =
            lines.iter().zip(&centres).flat_map(|(line, &c)| line.bounds.map(|r| add(r, c)));
        let cell = match &base {
            None => cell(config, bounds(corners), lengths),
            Some(base) => base.cell(bounds(corners.chain(base.positions()))),
        };
        if let Some(base) = &base {
            let infos = base.infos(config, first);
            first += infos.iter().map(|info| info.atoms).sum::<u64>();
            particles.extend(infos);
        }
        let apart = spread(config, &mut particles)?;
        let filling = base.as_ref().map(|_| Filling { first: lines.len() as u32, surface });
        let layout = Layout { particles, atoms: first, cell, apart, filling, gaps, note };
        check_overlap(config, &layout, (&bodies, &lines), base.as_ref())?;

        let brought = lines.iter().map(|line| line.velocities);
        let brought: Vec<bool> = brought.chain(base.iter().map(Base::velocities)).collect();
        let velocities = brought.iter().all(|&v| v);
        let mut warnings = bodies.warnings.clone();
        if !velocities && brought.contains(&true) {
            let message = "some of the atoms come with velocities from a file and others have none: \
                           the velocities of all are drawn anew";
            warnings.push(message.into());
        }
        warnings.extend(base.iter().flat_map(|base| base.warnings().to_vec()));
        warnings.extend(none_of(config, &lines));
        warnings.extend(absent(config, &lines, &layout));
        warnings.extend(other_edges(config, &lines));
        Ok(Assembly { layout, bodies, base, velocities, warnings })
    }

    /// The atoms with these ids, where the protocol begins.
    ///
    /// # Errors
    /// None that `new` has not found.
    pub fn atoms(&self, config: &Config, ids: Range<u64>) -> Result<Vec<Atom>> {
        let placed = &self.layout.particles[..self.bodies.count()];
        let wanted: Vec<(usize, &ParticleInfo)> = (placed.iter().enumerate())
            .filter(|(_, info)| info.first < ids.end && ids.start < info.first + info.atoms)
            .collect();
        let mut atoms = Vec::with_capacity((ids.end - ids.start) as usize);
        // As many at a time as there are threads: no more is in memory twice.
        for together in wanted.chunks(rayon::current_num_threads()) {
            let made: Result<Vec<Vec<Atom>>> = (together.par_iter())
                .map(|&(number, info)| Ok(self.particle(config, &self.bodies.body(number)?, info)))
                .collect();
            let made = made?.into_iter().flatten();
            atoms.extend(made.filter(|atom| ids.contains(&atom.id)));
        }
        if let Some(base) = &self.base {
            let bodies = self.bodies.count();
            let first = self.layout.particles.get(bodies).map_or(self.layout.atoms, |p| p.first);
            let cell = &self.layout.cell;
            if first < ids.end {
                let own = base.atoms(config, (first, bodies as u32), &ids).into_iter();
                atoms.extend(own.map(|atom| wrapped(atom, cell)));
            }
        }
        Ok(atoms)
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

/// Cubes whose edge is not nearly the one that was wanted: about their middle lies an odd number of layers.
fn other_edges(config: &Config, lines: &[Line]) -> Vec<String> {
    const TOLD: f64 = 0.02;
    let cubes = lines.iter().filter_map(|line| {
        let (edge, wanted) = edges_nm(config, line.table, &line.info)?;
        let layer = config.particles[line.table].lattice_constant() / 20.0;
        let below = layer * (2.0 * ((wanted / layer - 1.0) / 2.0).floor() + 1.0);
        let message = format!(
            "the edge of the cube is {edge:.3} nm, not {wanted} nm: an odd number of layers of {layer:.3} nm lies \
             about its middle, which makes {:.3} nm or {:.3} nm",
            below.max(layer),
            below + 2.0 * layer
        );
        let key = format!("particle[{}].edge_nm", line.table);
        let is_other = (edge - wanted).abs() > TOLD * wanted;
        is_other.then(|| config.source.error(&key, message).to_string())
    });
    let mut told: Vec<String> = cubes.collect();
    told.dedup();
    told
}

/// Populations that are so small a part of so few particles that there is none of them, and sizes that
/// nobody has.
fn none_of(config: &Config, lines: &[Line]) -> Vec<String> {
    let fractions: Vec<f64> = config.particles.iter().filter_map(|p| p.fraction).collect();
    let mut told = Vec::new();
    for (table, particle) in config.particles.iter().enumerate() {
        let Some(fraction) = particle.fraction else { continue };
        let count = lines.iter().filter(|line| line.table == table).count();
        let all = counted(lines.len(), "particle");
        if count == 0 {
            let has_one = |&all: &usize| alloy::counts(&fractions, all)[table] > 0;
            let enough = (lines.len()..).find(has_one).unwrap_or(lines.len());
            let message = format!(
                "a fraction of {fraction} of {all} is none: it takes {enough} to have one of these"
            );
            let key = format!("particle[{table}].fraction");
            told.push(config.source.error(&key, message).to_string());
        } else if let Some(SizesConfig::List(list)) = &particle.sizes
            && list.values_nm.len() > count
        {
            let message = format!(
                "there are {} sizes, and a fraction of {fraction} of {all} is {count}: nobody has the last",
                list.values_nm.len()
            );
            let key = format!("particle[{table}].sizes.values_nm");
            told.push(config.source.error(&key, message).to_string());
        }
    }
    told
}

/// Elements that the composition names, and of which so few atoms have none.
fn absent(config: &Config, lines: &[Line], layout: &Layout) -> Vec<String> {
    let tables = lines.iter().map(|line| {
        let (table, particle) = (line.table, &config.particles[line.table]);
        let key = match (particle.mixture.is_some(), particle.sublattices.is_empty()) {
            (true, _) => "mixture",
            (_, false) => "sublattices",
            _ => "composition",
        };
        (format!("particle[{table}].{key}"), particle.mean_composition())
    });
    let crystal = config.crystal.iter();
    let crystal = crystal.map(|c| ("crystal.composition".into(), c.composition.clone()));
    let all = tables.chain(crystal);
    let mut told: Vec<String> = Vec::new();
    for ((key, composition), info) in all.zip(&layout.particles) {
        for (k, symbol) in config.symbols().into_iter().enumerate() {
            let fraction = composition.get(symbol).copied().unwrap_or(0.0);
            if fraction > 0.0 && info.species[k] == 0 {
                let warning = format!(
                    "none of the {} is {symbol}: a fraction of {fraction} is less than one of them",
                    counted(info.atoms, "atom")
                );
                told.push(config.source.error(&key, warning).to_string());
            }
        }
    }
    told.dedup();
    told
}

/// Where the particles stand together.
struct Stands {
    /// On the grid.
    centres: Vec<Vec3>,
    /// Of a row.
    gaps: Vec<Gap>,
    /// Between each particle and the surface that it stands above.
    above: Vec<Option<Gap>>,
    /// Of the box, where they follow.
    lengths: [Option<f64>; 3],
    note: String,
}

fn stands(
    config: &Config,
    lines: &[Line],
    base: Option<&Base>,
    surface: Option<usize>,
) -> Result<Stands> {
    let table = |line: &Line| &config.particles[line.table];
    let own = |line: &Line| table(line).centre_angstrom.unwrap_or_default().map(on_grid);
    let mut centres: Vec<Vec3> = lines.iter().map(own).collect();
    let mut gaps = Vec::new();
    if let Some(placement) = config.row() {
        // Right of one and left of the next, gap after gap.
        let faces: Vec<Face> = lines.iter().flat_map(|line| line.faces.clone()).collect();
        let (along, opened) = row(placement, faces.as_chunks::<2>().0);
        let [x, y, z] = base.map_or([0.0; 3], Base::middle);
        centres = along.iter().map(|&shift| [x + shift, y, z]).collect();
        gaps = opened;
    }
    let mut gap_above = vec![None; lines.len()];
    let mut heights = vec![0.0; lines.len()];
    for (p, line) in lines.iter().enumerate() {
        let Some(above) = resting(config, table(line)) else { continue };
        let (Some(axis), Some(lower)) = (surface, line.lower) else {
            let message = "the atoms of `[structure]` have no surface to stand above: a surface lies across \
                           the one direction in which the box is free (`[box] boundary`)";
            let key = format!("particle[{}].above", line.table);
            return Err(config.source.error(&key, message));
        };
        if config.placement.is_none() {
            centres[p] = over(&above, base.map_or([0.0; 3], Base::middle), axis);
        }
        if above.gap_between == Some(GapBetween::Planes) && !line.lies {
            let message = "no facet of this particle lies on the surface, as it is turned: write \
                           `gap_between = \"atoms\"`";
            let key = format!("particle[{}].above.gap_between", line.table);
            return Err(config.source.error(&key, message));
        }
        let (height, gap) =
            height(&above, (lower, line.lies), base.map_or([0.0; 2], |base| base.top(axis)));
        centres[p][axis] = height;
        heights[p] = height;
        gap_above[p] = Some(gap);
    }
    let placed = place(config, lines, base, &heights)?;
    if base.is_none() {
        // Nothing is below but a plane.
        gap_above.fill(None);
    }
    let (lengths, note) = match placed {
        Some(placed) => {
            of_one_length(config, placed.lengths)?;
            centres = placed.centres;
            (placed.lengths, format!("{}placed: {}\n", describe(config, lines), placed.note))
        }
        None => ([None; 3], String::new()),
    };
    Ok(Stands { centres, gaps, above: gap_above, lengths, note })
}

/// Refuses a box that has other lengths along periodic directions than follow from where the particles
/// were placed.
fn of_one_length(config: &Config, follow: [Option<f64>; 3]) -> Result<()> {
    /// Relative: what the digits of an input leave.
    const SAME: f64 = 1e-6;
    let (Some(placement), Some(given)) = (&config.placement, config.cell.lengths_angstrom) else {
        return Ok(());
    };
    let periodic = config.cell.periodic();
    for (d, follows) in follow.into_iter().enumerate().filter(|&(d, _)| periodic[d]) {
        if let Some(length) = follows.filter(|length| (length / given[d] - 1.0).abs() > SAME) {
            let key = placement.room_key();
            let advice = match placement {
                PlacementConfig::Box(packing) if periodic == [true; 3] => {
                    let volume = |lengths: [f64; 3]| lengths.iter().product::<f64>();
                    let rest = volume(follow.map(Option::unwrap_or_default)) / volume(given);
                    format!(
                        " (a box of these lengths has `packing_fraction = {:.6}`, `proportions = [1, {:.6}, {:.6}]`)",
                        packing.packing_fraction * rest,
                        given[1] / given[0],
                        given[2] / given[0]
                    )
                }
                _ => String::new(),
            };
            let message = format!(
                "the box is {} Å long along {} by this, and {length:.3} Å by `{}` ({}): leave `lengths_angstrom` \
                 out{advice}",
                given[d],
                ["x", "y", "z"][d],
                key.replace("placement.", "[placement] "),
                config.source.place(&key)
            );
            return Err(config.source.error(&format!("box.lengths_angstrom[{d}]"), message));
        }
    }
    Ok(())
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

/// How high the centre of a particle stands, whose facet `lies` on it or not, above a surface whose plane
/// and uppermost atom are at `top`, and the gap that is then between them.
fn height(above: &AboveConfig, (lower, lies): (Face, bool), top: [f64; 2]) -> (f64, Gap) {
    let default = if lies { GapBetween::Planes } else { GapBetween::Atoms };
    let gap = on_grid(above.gap_angstrom);
    let height = match above.gap_between.unwrap_or(default) {
        GapBetween::Planes => top[0] + gap - lower.plane,
        GapBetween::Atoms => top[1] + gap - lower.front,
    };
    (height, Gap { planes: height + lower.plane - top[0], atoms: height + lower.front - top[1] })
}
