//! On a plane across z: at random, or in a hexagonal array.

use super::{Placed, Table};
use crate::build::base::Base;
use crate::build::members::footprint;
use crate::build::survey::Line;
use crate::error::Result;
use crate::geometry::{Vec3, scale, sub};
use crate::input::{Config, PlacementConfig, SupportConfig};
use crate::terminal::counted;
use std::collections::HashMap;

/// Å² in a square micrometre.
const SQUARE_MICROMETRE: f64 = 1e8;

/// So often a place is drawn for a particle before there is none.
const TRIES: usize = 50_000;

/// Random sequential addition of discs ends here (E. L. Hinrichsen, J. Feder and T. Jøssang, J. Stat.
/// Phys. 44 (1986) 793).
const JAMMED: f64 = 0.547;

/// How many particles there are where the tables give fractions: as the input says, or as many as
/// there are on the area; as many as cover it only nearly (`number_to_cover`).
///
/// # Errors
/// A histogram of sizes that cannot be read, or an area with less than half a particle.
pub fn number(config: &Config, base: Option<&Base>) -> Result<usize> {
    let Some(placement) = &config.placement else { return Ok(0) };
    if let Some(particles) = placement.particles() {
        return Ok(particles);
    }
    let PlacementConfig::Support(support) = placement else { return Ok(0) };
    let Some(area) = given_area(config, support, base) else { return Ok(0) };
    match support.density_per_um2 {
        Some(density) => some(config, "density_per_um2", density * area.size() / SQUARE_MICROMETRE),
        None => {
            let (mut sum, mut fractions) = (0.0, 0.0);
            for (table, particle) in config.particles.iter().enumerate() {
                let (fraction, area) =
                    (particle.fraction.unwrap_or(0.0), footprint(config, table)?);
                if area > 0.0 {
                    (sum, fractions) = (sum + fraction * area, fractions + fraction);
                }
            }
            // What is read from a file shows its size when it is there.
            let covered = support.coverage.unwrap_or(0.0) * area.size();
            let guess = if sum > 0.0 { covered * fractions / sum } else { 0.0 };
            Ok((guess.round() as usize).max(config.particles.len()))
        }
    }
}

/// A better number where the particles of these lines cover by more than one of them too much or
/// too little of the area of the input, by the measure that is told in the end: their shadows.
///
/// # Errors
/// The area has room for less than half a particle.
pub fn number_to_cover(
    config: &Config,
    base: Option<&Base>,
    lines: &[Line],
) -> Result<Option<usize>> {
    let Some(PlacementConfig::Support(support)) = &config.placement else { return Ok(None) };
    let by_fractions = config.particles.iter().all(|p| p.fraction.is_some());
    let (Some(coverage), None, true) = (support.coverage, support.particles, by_fractions) else {
        return Ok(None);
    };
    let Some(area) = given_area(config, support, base) else { return Ok(None) };
    let covered: f64 = lines.iter().map(|line| line.hull.shadow()).sum();
    let (mean, wanted) = (covered / lines.len() as f64, coverage * area.size());
    let number = some(config, "coverage", wanted / mean)?;
    Ok(((covered - wanted).abs() > mean).then_some(number))
}

/// The nearest whole number of particles, if that is any.
fn some(config: &Config, key: &str, particles: f64) -> Result<usize> {
    match particles.round() as usize {
        0 => {
            let message = format!(
                "there would be {particles:.2e} particles on this area, not even half of one: take more, \
                 or a larger area"
            );
            Err(config.source.error(&format!("placement.{key}"), message))
        }
        number => Ok(number),
    }
}

/// Where centres may lie.
#[derive(Debug, Clone, Copy)]
struct Area {
    begin: [f64; 2],
    length: [f64; 2],
    periodic: [bool; 2],
}

impl Area {
    fn about_origin(length: [f64; 2], periodic: [bool; 2]) -> Area {
        Area { begin: length.map(|x| -x / 2.0), length, periodic }
    }

    fn size(&self) -> f64 {
        self.length[0] * self.length[1]
    }
}

/// What the input says of the area itself.
fn given_area(config: &Config, support: &SupportConfig, base: Option<&Base>) -> Option<Area> {
    let [x, y, _] = config.cell.periodic();
    if let Some(base) = base {
        let cell = base.cell([[0.0; 3]; 2]);
        return Some(Area {
            begin: [cell.origin[0], cell.origin[1]],
            length: [cell.length[0], cell.length[1]],
            periodic: [cell.periodic[0], cell.periodic[1]],
        });
    }
    let lengths = support.lengths_angstrom.or_else(|| {
        let [a, b, _] = config.cell.lengths_angstrom.filter(|_| x && y)?;
        Some([a, b])
    });
    lengths.map(|lengths| Area::about_origin(lengths, [x, y]))
}

/// Random sequential addition.
pub fn support(
    table: &Table,
    support: &SupportConfig,
    base: Option<&Base>,
    heights: &[f64],
) -> Result<Placed> {
    let shadows: f64 = table.lines.iter().map(|line| line.hull.shadow()).sum();
    let given = given_area(table.config, support, base);
    let area = given.unwrap_or_else(|| {
        let size = match (support.coverage, support.density_per_um2) {
            (Some(coverage), _) => shadows / coverage,
            (None, density) => table.count() as f64 * SQUARE_MICROMETRE / density.unwrap_or(1.0),
        };
        let [x, y, _] = table.config.cell.periodic();
        Area::about_origin([size.sqrt(); 2], [x, y])
    });
    let widest = table.radii.iter().copied().fold(0.0, f64::max);
    let mut squares = Squares::new(area, 2.0 * widest + table.gap);
    let mut centres = vec![[0.0; 3]; table.count()];
    for (done, i) in table.by_size().into_iter().enumerate() {
        let mut stream = table.stream(i);
        let mut draw = || {
            let along = |d: usize, u: f64| area.begin[d] + u * area.length[d];
            [along(0, stream.uniform()), along(1, stream.uniform()), heights[i]]
        };
        let free = |centre: &Vec3| {
            squares.near(centre).all(|(j, other)| table.are_clear(i, j, sub(other, *centre)))
        };
        let Some(centre) = (0..TRIES).map(|_| draw()).find(free) else {
            let covered = shadows_of(table, done) / area.size();
            return Err(no_room(table, support, done, [covered, shadows / area.size()]));
        };
        centres[i] = centre;
        squares.add(i, centre);
    }
    let [x, y] = area.length;
    let note = format!(
        "{} at random on {:.1} nm x {:.1} nm: {:.1} % covered, {:.0} per µm²",
        counted(table.count(), "particle"),
        x / 10.0,
        y / 10.0,
        100.0 * shadows / area.size(),
        table.count() as f64 * SQUARE_MICROMETRE / area.size()
    );
    // Unless the box is that of a crystal, a file or `[box]`.
    let follows = given.is_none() || (base.is_none() && support.lengths_angstrom.is_some());
    let follow = |length: f64| follows.then_some(length);
    Ok(Placed { centres, lengths: [follow(x), follow(y), None], note })
}

/// Of the first so many, by size.
fn shadows_of(table: &Table, done: usize) -> f64 {
    table.by_size()[..done].iter().map(|&i| table.lines[i].hull.shadow()).sum()
}

fn no_room(
    table: &Table,
    support: &SupportConfig,
    done: usize,
    [covered, wanted]: [f64; 2],
) -> crate::error::Error {
    let message = format!(
        "{done} of {} particles found room at random, which cover {:.1} % of the {:.1} % wanted: beyond some {:.0} % \
         (less the gaps) random places run out. Take a larger area (or a smaller coverage), fewer particles, a \
         smaller `gap_angstrom` than {}, or `kind = \"raft\"`",
        table.count(),
        100.0 * covered,
        100.0 * wanted,
        100.0 * JAMMED,
        table.gap
    );
    table.refusal(support.density_key(), message)
}

/// Finds what stands near a place: particles by squares as wide as any two reach.
struct Squares {
    area: Area,
    count: [i64; 2],
    side: [f64; 2],
    filled: HashMap<[i64; 2], Vec<(usize, Vec3)>>,
}

impl Squares {
    fn new(area: Area, reach: f64) -> Squares {
        let count = area.length.map(|x| ((x / reach) as i64).max(1));
        let side = std::array::from_fn(|d| area.length[d] / count[d] as f64);
        Squares { area, count, side, filled: HashMap::new() }
    }

    fn square(&self, centre: &Vec3) -> [i64; 2] {
        std::array::from_fn(|d| {
            (((centre[d] - self.area.begin[d]) / self.side[d]) as i64).clamp(0, self.count[d] - 1)
        })
    }

    fn add(&mut self, particle: usize, centre: Vec3) {
        self.filled.entry(self.square(&centre)).or_default().push((particle, centre));
    }

    /// Those in the nine squares about a place, and their images.
    fn near<'a>(&'a self, centre: &Vec3) -> impl Iterator<Item = (usize, Vec3)> + 'a {
        let [x, y] = self.square(centre);
        let around = (-1..=1).flat_map(move |dx| (-1..=1).map(move |dy| [x + dx, y + dy]));
        around.flat_map(move |place| {
            let turns: [i64; 2] = std::array::from_fn(|d| place[d].div_euclid(self.count[d]));
            let home = std::array::from_fn(|d| place[d].rem_euclid(self.count[d]));
            let there = (0..2).all(|d| turns[d] == 0 || self.area.periodic[d]);
            let shift: [f64; 2] = std::array::from_fn(|d| turns[d] as f64 * self.area.length[d]);
            let here = self.filled.get(&home).filter(|_| there).into_iter().flatten();
            here.map(move |&(i, [x, y, z])| (i, [x + shift[0], y + shift[1], z]))
        })
    }
}

/// Where the second neighbours of the array stand, over the distance of the first.
const SECOND: f64 = 1.732_050_807_568_877_2;

/// From the middle outwards, in random order, as close as the two nearest allow.
pub fn raft(table: &Table, base: Option<&Base>, heights: &[f64]) -> Result<Placed> {
    let places = hexagonal(table.count());
    let order = table.shuffled();
    let mut spacing = 0.0f64;
    for (a, &p) in places.iter().enumerate() {
        for (b, &q) in places.iter().enumerate().skip(a + 1) {
            let apart = sub(q, p);
            let length = crate::geometry::norm(apart);
            if length < SECOND + 0.1 {
                let (i, j) = (order[a], order[b]);
                let [one, other] = [i, j].map(|k| &table.lines[k].hull);
                let (way, higher) = (scale(apart, 1.0 / length), heights[j] - heights[i]);
                spacing =
                    spacing.max(one.contact(other, way, [0.0, 0.0, higher], table.gap) / length);
            }
        }
    }
    let [x0, y0, _] = base.map_or([0.0; 3], Base::middle);
    let mut centres = vec![[0.0; 3]; table.count()];
    for (&i, [x, y, _]) in order.iter().zip(places) {
        centres[i] = [x0 + spacing * x, y0 + spacing * y, heights[i]];
    }
    let apart = match table.count() {
        1 => String::new(),
        _ => format!(", centres {:.2} nm apart", spacing / 10.0),
    };
    let note = format!("{} in a hexagonal array{apart}", counted(table.count(), "particle"));
    Ok(Placed { centres, lengths: [None; 3], note })
}

/// The points of a hexagonal lattice of spacing 1 nearest to one of them.
fn hexagonal(count: usize) -> Vec<Vec3> {
    let reach = (count as f64).sqrt() as i64 + 2;
    let mut points: Vec<(i64, [i64; 2])> = (-reach..=reach)
        .flat_map(|a| (-reach..=reach).map(move |b| (a * a + a * b + b * b, [a, b])))
        .collect();
    points.sort();
    let place =
        |(_, [a, b]): (i64, [i64; 2])| [a as f64 + b as f64 / 2.0, b as f64 * SECOND / 2.0, 0.0];
    points.into_iter().take(count).map(place).collect()
}
