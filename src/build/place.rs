//! Where particles come to stand that do not say it themselves: from the table of particles alone, their
//! hulls at the wanted gaps, one way of `[placement]` in each module.
//!
//! Random choices are keyed by (seed, particle). What cannot be reached is an error that says how far it
//! came and what would help.

mod aggregate;
mod flat;
mod line;
mod packing;

use super::alloy;
use super::base::Base;
use super::members::numbers;
use super::survey::Line;
use crate::error::{Error, Result};
use crate::geometry::{Vec3, add, norm, on_grid, sub};
use crate::input::{Config, PlacementConfig, PositionsConfig};
use crate::random::{Purpose, Stream};
use crate::terminal::counted;
pub use flat::{number, number_to_cover};

/// Where they stand.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Placed {
    /// On the grid, Å.
    pub centres: Vec<Vec3>,
    /// Lengths of the box that follow from it, along directions that are periodic.
    pub lengths: [Option<f64>; 3],
    /// What came of it, a line for people.
    pub note: String,
}

/// The particles while they are placed.
struct Table<'a> {
    config: &'a Config,
    lines: &'a [Line],
    radii: Vec<f64>,
    gap: f64,
}

/// Places all particles; `heights` are those of their centres above a flat support. None where each
/// stands at its own centre or in a row.
pub fn place(
    config: &Config,
    lines: &[Line],
    base: Option<&Base>,
    heights: &[f64],
) -> Result<Option<Placed>> {
    let Some(placement) = &config.placement else { return Ok(None) };
    let radii = lines.iter().map(|line| line.hull.radius()).collect();
    let table = Table { config, lines, radii, gap: placement.gap() };
    let mut placed = match placement {
        PlacementConfig::Row(_) => return Ok(None),
        PlacementConfig::Support(support) => flat::support(&table, support, base, heights),
        PlacementConfig::Raft(_) => flat::raft(&table, base, heights),
        PlacementConfig::Box(packing) => packing::packing(&table, packing),
        PlacementConfig::Chain(chain) => line::chain(&table, chain),
        PlacementConfig::Ring(_) => line::ring(&table),
        PlacementConfig::Aggregate(aggregate) => aggregate::aggregate(&table, aggregate),
        PlacementConfig::File(positions) => table.listed(positions),
    }?;
    placed.centres.iter_mut().for_each(|centre| *centre = centre.map(on_grid));
    Ok(Some(placed))
}

impl Table<'_> {
    fn count(&self) -> usize {
        self.lines.len()
    }

    /// Whether two particles are no nearer to each other than the gap.
    fn are_clear(&self, i: usize, j: usize, shift: Vec3) -> bool {
        norm(shift) >= self.radii[i] + self.radii[j] + self.gap
            || self.lines[i].hull.apart(&self.lines[j].hull, shift, self.gap).distance >= self.gap
    }

    /// How far apart the centres of two are at the gap, the second in a direction of length 1.
    fn contact(&self, i: usize, j: usize, direction: Vec3) -> f64 {
        self.lines[i].hull.contact(&self.lines[j].hull, direction, [0.0; 3], self.gap)
    }

    /// The particles in random order.
    fn shuffled(&self) -> Vec<usize> {
        alloy::shuffled(self.config.seed, Purpose::Placement, 0, 0, self.count())
    }

    /// The largest first.
    fn by_size(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.count()).collect();
        order.sort_by(|&i, &j| self.radii[j].total_cmp(&self.radii[i]).then(i.cmp(&j)));
        order
    }

    /// The random numbers by which one of them is placed.
    fn stream(&self, particle: usize) -> Stream {
        Stream::new(self.config.seed, Purpose::Placement, 1, particle as u64)
    }

    /// The smallest gap of all, and its two particles; among those that are nearer than `reach`.
    fn smallest_gap(&self, centres: &[Vec3], reach: f64) -> Option<(f64, usize, usize)> {
        let mut smallest: Option<(f64, usize, usize)> = None;
        for i in 0..centres.len() {
            for j in i + 1..centres.len() {
                let shift = sub(centres[j], centres[i]);
                let limit = smallest.map_or(reach, |s| s.0);
                if norm(shift) - self.radii[i] - self.radii[j] < limit {
                    let apart = self.lines[i].hull.apart(&self.lines[j].hull, shift, limit);
                    if apart.distance < limit {
                        smallest = Some((apart.distance, i, j));
                    }
                }
            }
        }
        smallest
    }

    fn refusal(&self, key: &str, message: String) -> Error {
        self.config.source.error(&format!("placement.{key}"), message)
    }

    /// At the positions of a file.
    fn listed(&self, positions: &PositionsConfig) -> Result<Placed> {
        let file = &positions.file;
        let text = std::fs::read_to_string(file).map_err(|source| Error::file(file, source))?;
        let mut centres: Vec<Vec3> = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let Some(numbers) = numbers(line) else { continue };
            let wrong = |message: String| Error::input(file, i + 1, 1, message);
            match numbers.map_err(wrong)?[..] {
                [x, y, z] => centres.push([x, y, z]),
                ref other => {
                    let message = format!(
                        "a position is x, y and z in Å: three numbers, not {}",
                        other.len()
                    );
                    return Err(wrong(message));
                }
            }
        }
        if centres.len() != self.count() {
            let message = format!(
                "`{}` has {}, and the input {}",
                file.display(),
                counted(centres.len(), "position"),
                counted(self.count(), "particle")
            );
            return Err(self.refusal("file", message));
        }
        if let Some((gap, i, j)) = self.smallest_gap(&centres, self.gap) {
            let message = format!(
                "the gap between particles {i} and {j} is {gap:.2} Å at these positions, and `gap_angstrom` = {} is \
                 the smallest: move them apart, or allow less",
                self.gap
            );
            return Err(self.refusal("file", message));
        }
        let note = format!("{} at positions of a file", counted(centres.len(), "particle"));
        Ok(Placed { centres, lengths: [None; 3], note })
    }
}

/// About their middle.
fn centred(mut centres: Vec<Vec3>) -> Vec<Vec3> {
    let [low, high] = super::layout::bounds(centres.iter().copied());
    let back: Vec3 = std::array::from_fn(|d| -(low[d] + high[d]) / 2.0);
    centres.iter_mut().for_each(|centre| *centre = add(*centre, back));
    centres
}

/// A direction of length 1, any as likely as any other.
fn direction(stream: &mut Stream) -> Vec3 {
    let v = stream.normal_vector();
    crate::geometry::scale(v, 1.0 / norm(v))
}
