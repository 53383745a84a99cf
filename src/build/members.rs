//! Which particles there are: of each table of the input so many, each of its own size and orientation.
//!
//! All random choices are keyed by (seed, table, place in the table): a particle is the same whatever other
//! tables ask for, and whoever asks.

use super::alloy;
use super::cluster::{is_cluster, rests_on};
use super::lattice::Site;
use super::orientation::{
    self, IDENTITY, Rotation, about, about_axis, euler, product, turned_down, uniform,
};
use super::shape::Outline;
use crate::error::{Error, Result};
use crate::input::{
    AboveConfig, Config, GapBetween, HistogramSizes, Orientation, ParticleConfig, PlacementConfig,
    Shape, SizeOf, SizesConfig,
};
use crate::random::{Purpose, Stream};
use std::path::Path;

/// One particle that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its number, and that of its table in the input.
    pub number: usize,
    pub table: usize,
    /// Which of its table it is.
    pub place: usize,
    /// Wanted number of atoms, adatoms not counted.
    pub wanted: usize,
    /// The facet that lies on a surface, in the crystal's frame.
    pub down: Option<Site>,
    pub turn: Rotation,
}

/// All particles of the input, table after table; `surface` is the axis across the surface that some stand
/// above, and `all` how many there are where the tables give fractions.
///
/// # Errors
/// A histogram that cannot be read.
pub fn members(config: &Config, surface: Option<usize>, all: usize) -> Result<Vec<Member>> {
    let counts = counts(config, all);
    let mut members = Vec::with_capacity(counts.iter().sum());
    for (table, count) in counts.into_iter().enumerate() {
        let particle = &config.particles[table];
        let wanted = wanted(config, table, count)?;
        let down = resting(config, particle).and_then(|above| above.facet);
        for (place, wanted) in wanted.into_iter().enumerate() {
            let number = members.len();
            let first = match (config.row(), down, surface) {
                (Some(row), _, _) => orientation::facing(row.facing),
                (None, Some(facet), Some(axis)) => {
                    product(&turned_down(axis), &orientation::facing(facet))
                }
                _ => IDENTITY,
            };
            let flat = config.placement.as_ref().is_some_and(PlacementConfig::is_flat);
            let first = match surface {
                _ if particle.structure.is_some() => IDENTITY,
                Some(axis) if flat && is_cluster(particle) => {
                    product(&turned_down(axis), &orientation::to_x(rests_on(particle)))
                }
                _ if is_cluster(particle) => IDENTITY,
                _ => first,
            };
            let turn = turn(config, (table, place, number), &first);
            members.push(Member { number, table, place, wanted, down, turn });
        }
    }
    Ok(members)
}

/// How many of each table there are.
fn counts(config: &Config, all: usize) -> Vec<usize> {
    let fractions: Vec<f64> = config.particles.iter().filter_map(|p| p.fraction).collect();
    match fractions.len() == config.particles.len() && !fractions.is_empty() {
        true => alloy::counts(&fractions, all),
        false => config.particles.iter().map(|particle| particle.count).collect(),
    }
}

/// How a particle stands above a surface: as its table says, or else, on a flat support, on a facet of its
/// shape, as near as atoms are to each other where there are any below.
pub fn resting(config: &Config, particle: &ParticleConfig) -> Option<AboveConfig> {
    let flat = config.placement.as_ref().is_some_and(PlacementConfig::is_flat);
    if particle.above.is_some() || !flat {
        return particle.above.clone();
    }
    let bare = config.crystal.is_none() && config.structure.is_none();
    let named = particle.structure.is_none() && !is_cluster(particle);
    let facet = particle.shape.rests_on().filter(|_| named);
    Some(AboveConfig {
        gap_angstrom: if bare { 0.0 } else { ABOVE_ATOMS },
        gap_between: Some(GapBetween::Atoms),
        facet,
        at_angstrom: None,
    })
}

/// The gap between a support and particles that do not say it, Å.
const ABOVE_ATOMS: f64 = 2.5;

/// The facet to where it looks (`first`), its own angles, what is drawn for it, and in a row twist and tilt
/// against the one before it.
fn turn(
    config: &Config,
    (table, place, number): (usize, usize, usize),
    first: &Rotation,
) -> Rotation {
    let particle = &config.particles[table];
    let mut own = product(&euler(particle.euler_angles_deg), first);
    let mut stream = Stream::new(config.seed, Purpose::Orientations, table as u64, place as u64);
    match particle.orientation {
        Orientation::Given => {}
        Orientation::Spin => own = product(&about(2, 360.0 * stream.uniform()), &own),
        Orientation::Random => own = product(&uniform(&mut stream), &own),
    }
    if let Some(angle) = particle.misorientation_deg {
        own = product(&about_axis(stream.normal_vector(), angle), &own);
    }
    let Some(row) = config.row() else { return own };
    let times = number as f64;
    let tilt = about(2, times * row.tilt_deg);
    product(&product(&tilt, &about(0, times * row.twist_deg)), &own)
}

/// The wanted numbers of atoms of the particles of a table.
fn wanted(config: &Config, table: usize, count: usize) -> Result<Vec<usize>> {
    let particle = &config.particles[table];
    // What corners lose when they are rounded off, an edge does not know.
    let left = match particle.rounding {
        Some(_) => Outline::of(particle).map_or(1.0, |outline| outline.left_by_rounding()),
        None => 1.0,
    };
    let Some(sizes) = &particle.sizes else {
        let left = if particle.edge_nm.is_some() { left } else { 1.0 };
        return Ok(vec![(particle.wanted_atoms() * left) as usize; count]);
    };
    let left = if sizes.of() == SizeOf::Edge { left } else { 1.0 };
    let distribution = Distribution::new(config, table, sizes)?;
    let order = alloy::shuffled(config.seed, Purpose::Diameters, table, 0, count);
    let atoms = |place: usize| {
        let mut stream =
            Stream::new(config.seed, Purpose::Diameters, table as u64 + (1 << 40), place as u64);
        let part = (order[place] as f64 + stream.uniform()) / count as f64;
        let size = match sizes {
            SizesConfig::List(list) => list.values_nm[place % list.values_nm.len()],
            _ => distribution.quantile(part),
        };
        ((particle.atoms_of(sizes.of(), size) * left) as usize).max(1)
    };
    Ok((0..count).map(atoms).collect())
}

/// Mean area that a particle of a table covers, nearly, Å²: of that of a cube its facet, otherwise a disc.
///
/// # Errors
/// A histogram that cannot be read.
pub fn footprint(config: &Config, table: usize) -> Result<f64> {
    /// So many sizes tell the mean.
    const SAMPLE: usize = 200;
    let particle = &config.particles[table];
    let atoms = wanted(config, table, SAMPLE)?;
    let one = particle.atoms_of(SizeOf::Diameter, 1.0).max(1.0);
    let volume_of_one = std::f64::consts::PI / 6.0 * 1000.0;
    let shape = match particle.shape {
        Shape::Cube => libm::cbrt(particle.volume_of_edge()).powi(-2),
        _ => std::f64::consts::FRAC_PI_4 * libm::cbrt(6.0 / std::f64::consts::PI).powi(2),
    };
    let area = |&n: &usize| shape * libm::cbrt(n as f64 / one * volume_of_one).powi(2);
    Ok(atoms.iter().map(area).sum::<f64>() / SAMPLE as f64)
}

/// Sizes by the part of all particles that are smaller, nm.
enum Distribution {
    Normal {
        mean: f64,
        deviation: f64,
    },
    LogNormal {
        median: f64,
        deviation: f64,
    },
    /// Ends of the classes, and the part below each.
    Classes {
        ends: Vec<f64>,
        below: Vec<f64>,
    },
}

/// Full width at half maximum of a normal distribution, in standard deviations.
const FULL_WIDTH: f64 = 2.354_820_045_030_949_3;

/// What would be smaller than this part of the mean is that.
const SMALLEST: f64 = 0.2;

impl Distribution {
    fn new(config: &Config, table: usize, sizes: &SizesConfig) -> Result<Distribution> {
        Ok(match sizes {
            SizesConfig::Gaussian(g) => {
                Distribution::Normal { mean: g.mean_nm, deviation: g.fwhm_nm / FULL_WIDTH }
            }
            SizesConfig::LogNormal(l) => {
                Distribution::LogNormal { median: l.median_nm, deviation: libm::log(l.deviation) }
            }
            SizesConfig::List(list) => {
                Distribution::Normal { mean: list.values_nm[0], deviation: 0.0 }
            }
            SizesConfig::Histogram(HistogramSizes { file, .. }) => {
                let text =
                    std::fs::read_to_string(file).map_err(|source| Error::file(file, source))?;
                classes(&text, file).map_err(|error| match error {
                    Some(error) => error,
                    None => config.source.error(
                        &format!("particle[{table}].sizes.file"),
                        format!("`{}` has no class with any particles", file.display()),
                    ),
                })?
            }
        })
    }

    fn quantile(&self, part: f64) -> f64 {
        match self {
            Distribution::Normal { mean, deviation } => {
                (mean + deviation * normal_quantile(part)).max(SMALLEST * mean)
            }
            Distribution::LogNormal { median, deviation } => {
                median * libm::exp(deviation * normal_quantile(part))
            }
            Distribution::Classes { ends, below } => {
                let k = below.partition_point(|&b| b <= part).clamp(1, below.len() - 1);
                let inside = (part - below[k - 1]) / (below[k] - below[k - 1]);
                ends[2 * k - 2] + inside.clamp(0.0, 1.0) * (ends[2 * k - 1] - ends[2 * k - 2])
            }
        }
    }
}

/// Numbers of a line, between blanks or commas; none of one that says nothing.
pub fn numbers(line: &str) -> Option<std::result::Result<Vec<f64>, String>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let words =
        line.split(|c: char| c.is_whitespace() || c == ',' || c == ';').filter(|w| !w.is_empty());
    let number = |word: &str| match word.parse::<f64>() {
        Ok(x) if x.is_finite() => Ok(x),
        _ => Err(format!("`{word}` is no number")),
    };
    Some(words.map(number).collect())
}

/// `None` where no class has any.
fn classes(text: &str, file: &Path) -> std::result::Result<Distribution, Option<Error>> {
    let (mut ends, mut below, mut sum) = (Vec::new(), vec![0.0], 0.0);
    for (i, line) in text.lines().enumerate() {
        let Some(numbers) = numbers(line) else { continue };
        let wrong = |message: String| Some(Error::input(file, i + 1, 1, message));
        let [from, to, weight] = numbers.map_err(wrong)?[..] else {
            return Err(wrong("a class is three numbers: from and to in nm, and how many".into()));
        };
        if !(0.0 < from && from < to && to <= 1000.0 && weight >= 0.0) {
            return Err(wrong(format!(
                "from {from} nm to {to} nm there are {weight}: a class goes up, lies between 0 and 1000 nm, and has \
                 no fewer than 0"
            )));
        }
        if weight > 0.0 {
            sum += weight;
            ends.extend([from, to]);
            below.push(sum);
        }
    }
    below.iter_mut().for_each(|b| *b /= sum);
    if ends.is_empty() { Err(None) } else { Ok(Distribution::Classes { ends, below }) }
}

/// Below which a standard normal deviate lies with this probability, by bisection.
fn normal_quantile(part: f64) -> f64 {
    let (mut low, mut high) = (-8.0f64, 8.0f64);
    for _ in 0..80 {
        let middle = (low + high) / 2.0;
        let below = 0.5 * libm::erfc(-middle / std::f64::consts::SQRT_2);
        if below < part { low = middle } else { high = middle }
    }
    (low + high) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_distributions() {
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        let normal = Distribution::Normal { mean: 11.6, deviation: 2.4 / FULL_WIDTH };
        let sizes: Vec<f64> = (0..264).map(|i| normal.quantile((i as f64 + 0.5) / 264.0)).collect();
        let mean = sizes.iter().sum::<f64>() / 264.0;
        let variance = sizes.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 264.0;
        assert!((mean - 11.6).abs() < 1e-9);
        assert!((variance.sqrt() * FULL_WIDTH - 2.4).abs() < 0.02);
        let log = Distribution::LogNormal { median: 8.0, deviation: 1.5f64.ln() };
        assert!((log.quantile(0.841_344_746_068_543) - 12.0).abs() < 1e-9);
        let classes = classes("# nm\n4 6 1\n6, 8, 3\n8 9 0\n", Path::new("h.txt")).ok().unwrap();
        assert!((classes.quantile(0.125) - 5.0).abs() < 1e-12);
        assert!((classes.quantile(0.625) - 7.0).abs() < 1e-12);
        assert!((classes.quantile(1.0) - 8.0).abs() < 1e-12);
    }

    #[test]
    fn a_class_that_is_none_is_told_with_its_line() {
        let told = |text: &str| match classes(text, Path::new("h.txt")) {
            Err(Some(error)) => error.to_string(),
            _ => panic!("{text}"),
        };
        assert!(
            told("1 2 3\n4 2 1\n").starts_with("h.txt:2:1: from 4 nm to 2 nm"),
            "{}",
            told("1 2 3\n4 2 1\n")
        );
        assert!(told("1 x 3\n").contains("`x` is no number"));
        assert!(matches!(classes("# nothing\n", Path::new("h.txt")), Err(None)));
    }
}
