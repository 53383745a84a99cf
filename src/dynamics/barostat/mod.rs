//! Barostats: what keeps the pressure on a periodic box by changing its lengths L.
//!
//! Axes that are named together change by one factor; such a group g of n axes has the strain
//! ε = ln L of each of them, and axes in no group keep their length. With V the volume, P° the
//! pressure asked for, and the pressures of what is in the box
//!
//! ```text
//! P_k = (Σ m u_k² + W_kk) / V,     W the virial, u the velocity relative to the centre of mass
//! ```
//!
//! both kinds have the same ensemble: exp(-(K + U + P° V)/kT) for lengths, positions and momenta
//! relative to the centre of mass. With all axes in one group it is the usual one of constant pressure;
//! with several, shapes have the measure dV Π dε: none is preferred but by what is in the box.
//!
//! Every `interval` steps, after a whole step of dynamics, the box changes, and all places in it along:
//! x -> x L'/L from the box's origin. Positions are wrapped first and then rounded to the grid, lengths too,
//! so it does not matter on which rank, or in which image, an atom was: sums are integers, noise is
//! keyed by step and group, and the trajectory has the same bits as everywhere. Forces are
//! computed anew, so what the change does to the energy is known exactly. Between two changes the
//! dynamics is that of the thermostat in a box of given lengths; so it is with any of them.

mod history;
mod martyna_tobias_klein;
mod stochastic;
#[cfg(test)]
mod tests;

use crate::comm::Comm;
use crate::dynamics::flow::Flow;
use crate::dynamics::groups::{Group, Groups, View};
use crate::dynamics::parallel;
use crate::error::{Error, Result};
use crate::force::{System, Totals};
use crate::geometry::{Vec3, is_period};
use crate::input::config::{Barostat, Config, StageConfig};
use crate::units::PRESSURE_GPA;
pub use history::{Deviation, History, Judgement};
pub use martyna_tobias_klein::MovingBox;
use serde::{Deserialize, Serialize};

/// Change of a length at once, as a fraction, that no integration survives: what is in the box is
/// far from the pressure.
const LARGEST_STRAIN: f64 = 0.1;

/// What the input says of the pressure in a stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub kind: Barostat,
    /// Axes (0 to 2) that change together.
    pub groups: Vec<Vec<usize>>,
    /// P° at begin and end of the stage, eV/Å³.
    pub target: [f64; 2],
    /// ps
    pub relaxation: f64,
    /// Å³/eV; a guess.
    pub compressibility: f64,
    /// Of the Nose-Hoover chain of the box, if it has one.
    pub chain_length: usize,
    /// Steps between changes of the box.
    pub interval: u64,
}

/// All that a barostat remembers from step to step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum BarostatState {
    /// `given`: energy that changes of the box have put into the atoms so far, eV.
    Stochastic {
        given: f64,
    },
    MartynaTobiasKlein(MovingBox),
}

/// One change of the box: when, and what it aims at.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    pub seed: u64,
    pub step: u64,
    /// K
    pub temperature: f64,
    /// P°, eV/Å³
    pub pressure: f64,
    /// For how long the barostat acts, ps.
    pub duration: f64,
}

impl Settings {
    /// Those of a stage, if it is at constant pressure.
    pub fn new(config: &Config, stage: &StageConfig) -> Option<Settings> {
        let pressure = stage.pressure.as_ref()?;
        let end = pressure.end_gpa.unwrap_or(pressure.target_gpa);
        Some(Settings {
            kind: pressure.barostat,
            groups: pressure.groups(),
            target: [pressure.target_gpa, end].map(|p| p / PRESSURE_GPA),
            relaxation: pressure.relaxation_fs / 1000.0,
            compressibility: pressure.compressibility_per_gpa * PRESSURE_GPA,
            chain_length: pressure.chain().unwrap_or(0),
            interval: config.dynamics.steps(pressure.interval_fs / 1000.0),
        })
    }

    /// Whether the box changes after step `step` of the stage.
    pub fn is_due(&self, step: u64) -> bool {
        step.is_multiple_of(self.interval)
    }

    /// A barostat at rest, in a box of this volume (Å³).
    pub fn begin(&self, volume: f64) -> BarostatState {
        match self.kind {
            Barostat::Stochastic => BarostatState::Stochastic { given: 0.0 },
            Barostat::MartynaTobiasKlein => {
                BarostatState::MartynaTobiasKlein(MovingBox::new(self, volume))
            }
        }
    }
}

impl BarostatState {
    /// Energy to be added to that of the atoms for the conserved quantity, eV.
    pub fn energy(&self) -> f64 {
        match self {
            BarostatState::Stochastic { given } => -given,
            BarostatState::MartynaTobiasKlein(moving) => moving.energy(),
        }
    }

    /// Whether a stage with these settings can go on from here.
    pub fn fits(&self, settings: &Settings) -> bool {
        match (self, settings.kind) {
            (BarostatState::Stochastic { .. }, Barostat::Stochastic) => true,
            (BarostatState::MartynaTobiasKlein(moving), Barostat::MartynaTobiasKlein) => {
                moving.fits(settings)
            }
            _ => false,
        }
    }

    /// Changes the box and computes the forces in it, with the virial; `totals`: of the forces before, with
    /// theirs. Gives them, and what pressed before. Collective.
    ///
    /// # Errors
    /// A box that would change by more than a tenth at once or become too short or long; an atom out of bounds.
    pub fn act(
        &mut self,
        settings: &Settings,
        system: &mut dyn System,
        comm: &Comm,
        change: &Change,
        totals: &Totals,
    ) -> Result<(Totals, Inside)> {
        let atoms = Groups::moving(Group::System, &View::new(system, comm));
        let before = Inside::of(&View::new(system, comm), &atoms, totals, change.step)?;
        let stretch = match self {
            BarostatState::Stochastic { .. } => stochastic::stretch(settings, change, &before),
            BarostatState::MartynaTobiasKlein(moving) => moving.begin(settings, change, &before),
        };
        stretch.carry_out((system, comm), before.centre, change.step)?;
        let totals = system.update_forces(true)?;
        let after = Inside::of(&View::new(system, comm), &atoms, &totals, change.step)?;
        match self {
            BarostatState::Stochastic { given } => {
                *given += after.potential - before.potential + (after.kinetic - before.kinetic);
            }
            BarostatState::MartynaTobiasKlein(moving) => {
                moving.end(settings, change, after.volume - before.volume, &after);
            }
        }
        Ok((totals, before))
    }
}

/// What presses from within, as of now.
#[derive(Debug, Clone, Copy)]
pub struct Inside {
    /// P_k V of each axis, eV.
    pressed: [f64; 3],
    /// Σ m u²/2, eV.
    kinetic: f64,
    /// eV
    potential: f64,
    /// 3 N - 3
    freedom: f64,
    /// Å³
    volume: f64,
    /// Of the centre of mass, Å/ps.
    centre: Vec3,
}

impl Inside {
    /// Of all atoms, which are one group.
    fn of(view: &View, all: &Groups, totals: &Totals, step: u64) -> Result<Inside> {
        let Flow { tensor, centre, atoms } =
            Flow::of_group(view, all).map_err(|atom| atom.at(step))?;
        let virial = totals.virial.expect("where the box changes, the virial is asked for");
        Ok(Inside {
            pressed: std::array::from_fn(|k| tensor[k] + virial[k]),
            kinetic: tensor[..3].iter().sum::<f64>() / 2.0,
            potential: totals.potential_energy,
            freedom: 3.0 * atoms as f64 - 3.0,
            volume: view.cell.volume(),
            centre,
        })
    }

    /// Σ (P_k - P°) V over a group of axes, eV.
    fn excess(&self, axes: &[usize], pressure: f64) -> f64 {
        axes.iter().map(|&k| self.pressed[k] - pressure * self.volume).sum()
    }
}

/// What a change does to the box and to the velocities relative to the centre of mass, by axis.
struct Stretch {
    /// Of ln L.
    strains: Vec3,
    factors: Vec3,
}

impl Stretch {
    /// Stretches the box and all places in it; `centre`: velocity of the centre of mass, which stays.
    fn carry_out(
        &self,
        (system, comm): (&mut dyn System, &Comm),
        centre: Vec3,
        step: u64,
    ) -> Result<()> {
        let Stretch { strains, factors } = *self;
        let length = system.cell().length;
        let new: Vec3 = std::array::from_fn(|k| length[k] * libm::exp(strains[k]));
        comm.agree(allowed(length, new, strains, step))?;
        system.stretch(new);
        parallel::change_velocities(system.atoms_mut(), |_, _, v| {
            *v = std::array::from_fn(|k| centre[k] + factors[k] * (v[k] - centre[k]));
        });
        Ok(())
    }
}

fn allowed(length: Vec3, new: Vec3, strains: Vec3, step: u64) -> Result<()> {
    for k in 0..3 {
        let axis = ["x", "y", "z"][k];
        if strains[k].is_nan() || strains[k].abs() > LARGEST_STRAIN {
            return Err(Error::Run(format!(
                "step {step}: the pressure would change the box from {:.3} to {:.3} Å along {axis} at once: \
                 what is in it is far from this pressure. Take other lengths of the box, a smaller \
                 `compressibility_per_gpa`, or a longer `relaxation_fs`, until it has settled",
                length[k], new[k]
            )));
        }
        if !is_period(new[k]) {
            return Err(Error::Run(format!(
                "step {step}: the box becomes {:.3} Å long along {axis}, which no run can live with: does \
                 anything in it withstand this pressure?",
                new[k]
            )));
        }
    }
    Ok(())
}
