//! Whether a run can bear the atoms of a file: where they are, how near to each other, and how fast.

use super::bad;
use crate::build::contact::closest;
use crate::build::frame::Frame;
use crate::elements::atomic_weight;
use crate::error::Result;
use crate::fixed::Quantum;
use crate::geometry::{Cell, LARGEST_COORDINATE, Vec3, dot};
use crate::input::Config;
use crate::units::{BOLTZMANN, MASS_VELOCITY_SQUARED};

/// Atoms nearer to each other than this are taken for a mistake in the file, Å.
const COINCIDENT: f64 = 0.5;

/// No atoms are bound at less than this, but hydrogen, Å.
const SHORTER_THAN_BONDS: f64 = 1.0;

/// Temperatures (K) that no velocities of a solid or a melt in Å/ps have.
const COLD: f64 = 0.1;
const HOT: f64 = 50_000.0;

/// eV: kinetic energies are summed in quanta, which take no more of one atom (`dynamics::groups`).
const FASTEST: f64 = Quantum::STANDARD.bound();

/// Refuses atoms farther out than a first structure may reach.
pub fn check_reach(config: &Config, positions: &[Vec3]) -> Result<()> {
    let limit = LARGEST_COORDINATE / 2.0;
    let beyond = |r: &Vec3| r.iter().any(|x| x.abs() > limit);
    let mut far = (positions.iter().enumerate()).filter(|(_, r)| beyond(r));
    let Some((atom, [x, y, z])) = far.next() else { return Ok(()) };
    Err(bad(
        config,
        format!(
            "atom {atom} (counted from 0) is at ({x:.0}, {y:.0}, {z:.0}) Å, and {} more are beyond {limit} Å, where coordinates \
             of a first structure end: if they have evaporated, take an earlier frame or leave them out",
            far.count()
        ),
    ))
}

/// Refuses atoms that lie on top of each other, or of images of each other; tells which are the
/// nearest in the box, if these are nearer than any bond.
pub fn check_contacts(
    config: &Config,
    positions: &[Vec3],
    cell: &Cell,
) -> Result<Option<(f64, usize, usize)>> {
    let wrapped: Vec<Vec3> = positions
        .iter()
        .map(|&[x, y, z]| {
            let mut position = [x, y, z, 0.0];
            cell.wrap(&mut position, &mut [0; 3]);
            [position[0], position[1], position[2]]
        })
        .collect();
    let all = || wrapped.iter().copied();
    let nearest = closest(all(), all(), SHORTER_THAN_BONDS, |i, j| i < j);
    if let Some((distance, i, j)) = nearest.filter(|(distance, ..)| *distance < COINCIDENT) {
        return Err(bad(
            config,
            format!("atoms {i} and {j} (counted from 0) are only {distance:.2} Å apart"),
        ));
    }
    // Images beyond the upper ends of those near the lower ones.
    let mut images: Vec<(usize, Vec3)> = Vec::new();
    for (i, &r) in wrapped.iter().enumerate() {
        let near = |d: usize| cell.periodic[d] && r[d] - cell.origin[d] < COINCIDENT;
        for k in 1..8usize {
            if (0..3).all(|d| k >> d & 1 == 0 || near(d)) {
                let shift = |d: usize| (k >> d & 1) as f64 * cell.length[d];
                images.push((i, std::array::from_fn(|d| r[d] + shift(d))));
            }
        }
    }
    let beyond = images.iter().map(|&(_, r)| r);
    match closest(all(), beyond, COINCIDENT, |i, k| i != images[k].0) {
        None => Ok(nearest),
        Some((distance, i, k)) => Err(bad(
            config,
            format!(
                "atoms {i} and {} (counted from 0) are only {distance:.2} Å apart across a periodic \
                 boundary: is the box right, and is it periodic (`[box] boundary`)?",
                images[k].0
            ),
        )),
    }
}

/// Refuses velocities that no run can bear; tells those that are none, or in other units, and what has no effect
/// because of them.
pub fn check_velocities(
    config: &Config,
    frame: &Frame,
    species: &[u32],
    warnings: &mut Vec<String>,
) -> Result<()> {
    let Some(velocities) = &frame.velocities else { return Ok(()) };
    let weights: Vec<f64> =
        config.symbols().into_iter().map(|s| atomic_weight(s).unwrap_or_default()).collect();
    let energies = || {
        let pairs = velocities.iter().zip(species);
        pairs.map(|(&v, &s)| weights[s as usize] * dot(v, v) * MASS_VELOCITY_SQUARED)
    };
    let fast = energies().enumerate().find(|(_, twice)| 0.5 * twice > FASTEST);
    if let Some((atom, twice)) = fast {
        let message = format!(
            "atom {atom} (counted from 0) has a velocity of {:.6e} Å/ps, a kinetic energy of {:.3e} eV: atoms may have {FASTEST} eV; \
             are the velocities in Å/ps?",
            dot(velocities[atom], velocities[atom]).sqrt(),
            0.5 * twice
        );
        return Err(bad(config, message));
    }
    let energy: f64 = energies().sum();
    let temperature = energy / (3.0 * velocities.len() as f64 * BOLTZMANN);
    if velocities.iter().all(|v| *v == [0.0; 3]) {
        // As after a minimisation: then they are drawn, as those of a file that has none.
        warnings.push(match first_temperature(config) {
            Some(t) => {
                format!("all velocities of the file are zero: they are drawn anew, at {t} K")
            }
            None => "all velocities of the file are zero: the atoms start at rest".into(),
        });
        return Ok(());
    }
    if energy > 0.0 && !(COLD..=HOT).contains(&temperature) {
        warnings.push(format!(
            "the velocities of the file are those of {temperature:.3e} K: are they in Å/ps?"
        ));
    }
    if config.source.has("dynamics.initial_temperature_k") {
        warnings.push(format!(
            "`initial_temperature_k` has no effect: the file brings velocities, of {temperature:.0} K"
        ));
    }
    Ok(())
}

/// At which velocities are drawn when atoms at rest begin to move, K. What the input leaves to the stages has been filled in.
fn first_temperature(config: &Config) -> Option<f64> {
    let moves = config.stages.iter().any(|stage| stage.kind.is_dynamic());
    config.dynamics.initial_temperature_k.filter(|t| moves && *t > 0.0)
}
