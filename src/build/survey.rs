//! The table of particles: what placing them and telling of them takes, a line for each. It is the one
//! thing about all particles that every rank has; who makes a line makes the atoms, notes, and forgets them.

use super::base::Base;
use super::body::Bodies;
use super::face::Face;
use super::hull::Hull;
use super::layout::{ParticleInfo, bounds, from_to};
use crate::comm::Comm;
use crate::error::Result;
use crate::geometry::Vec3;
use crate::input::Config;
use crate::terminal::counted;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// A particle about its own centre.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    pub table: usize,
    /// Its first id is not known yet.
    pub info: ParticleInfo,
    pub hull: Hull,
    /// Lowest and highest coordinates, Å.
    pub bounds: [Vec3; 2],
    /// Distance of neighbours in it, Å.
    pub nearest_distance: f64,
    /// Å³
    pub volume: f64,
    /// Of those that look at others in a row.
    pub faces: Vec<Face>,
    /// Towards the surface that it stands above.
    pub lower: Option<Face>,
    /// Whether the facet lies on it that the input says.
    pub lies: bool,
    /// Whether it came with velocities.
    pub velocities: bool,
}

/// Every rank makes each so many-th particle, and tells the others. Collective.
pub fn survey(
    config: &Config,
    bodies: &Bodies,
    surface: Option<usize>,
    comm: &Comm,
) -> Result<Vec<Line>> {
    let mine: Vec<usize> = (comm.rank()..bodies.count()).step_by(comm.size()).collect();
    let lines: Result<Vec<Line>> =
        mine.par_iter().map(|&number| line(config, bodies, number, surface)).collect();
    let lines = comm.agree(lines)?;
    if comm.size() == 1 {
        return Ok(lines);
    }
    let told = serde_json::to_vec(&lines).expect("plain data serialises");
    let mut of_ranks: Vec<_> = (comm.all_gather(&told).iter())
        .map(|told| {
            let lines: Vec<Line> = serde_json::from_slice(told).expect("that rank wrote it");
            lines.into_iter()
        })
        .collect();
    let ranks = (0..bodies.count()).map(|number| number % comm.size());
    Ok(ranks.filter_map(|rank| of_ranks[rank].next()).collect())
}

fn line(config: &Config, bodies: &Bodies, number: usize, surface: Option<usize>) -> Result<Line> {
    let body = bodies.body(number)?;
    let outermost = body.outermost();
    Ok(Line {
        table: body.table(),
        info: body.info(config, [0.0; 3], 0),
        // In a row, and where particles stand at their own centres, nobody asks.
        hull: match config.row().is_none() && config.placement.is_some() {
            true => Hull::of(&outermost),
            false => Hull { corners: Vec::new() },
        },
        bounds: bounds(outermost.iter().copied()),
        nearest_distance: body.nearest_distance(),
        volume: body.volume(config),
        faces: body.facing().into_iter().map(|(_, _, face)| face).collect(),
        lower: surface.map(|axis| body.lower_face(axis, &outermost)),
        lies: surface.is_some_and(|axis| body.lies_on(axis).is_some()),
        velocities: body.velocities().is_some(),
    })
}

/// The axis across the surface that particles stand above.
pub fn surface(config: &Config, base: Option<&Base>) -> Option<usize> {
    let flat = config.placement.as_ref().is_some_and(|placement| placement.is_flat());
    match base {
        Some(base) => base.surface(),
        None => flat.then_some(2),
    }
}

/// The particles of each table together, in lines for people.
pub fn describe(config: &Config, lines: &[Line]) -> String {
    let mut text = String::new();
    for table in 0..config.particles.len() {
        let own: Vec<&Line> = lines.iter().filter(|line| line.table == table).collect();
        let (count, told) = (own.len() as f64, counted(own.len(), "particle"));
        let atoms = own.iter().map(|line| line.info.atoms);
        let (Some(least), Some(most)) = (atoms.clone().min(), atoms.clone().max()) else {
            continue;
        };
        let diameter =
            |line: &&Line| 2.0 * libm::cbrt(0.75 / std::f64::consts::PI * line.volume) / 10.0;
        let mean = own.iter().map(diameter).sum::<f64>() / count;
        let square = own.iter().map(|line| (diameter(line) - mean).powi(2)).sum::<f64>() / count;
        let species = config.symbols().into_iter().enumerate().filter_map(|(k, symbol)| {
            let sum: u64 = own.iter().map(|line| line.info.species[k]).sum();
            (sum > 0).then(|| format!("{sum} {symbol}"))
        });
        let _ = writeln!(
            text,
            "[[particle]] number {}: {told} of {}; diameters of spheres of the same volume {mean:.2} nm, standard \
             deviation {:.2} nm; {}",
            table + 1,
            from_to(least, most),
            square.sqrt(),
            species.collect::<Vec<_>>().join(", ")
        );
    }
    text
}
