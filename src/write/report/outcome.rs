//! What came of a stage, in words: swaps, minimisations, a pressure that was to be held.

use crate::dynamics::barostat::{Deviation, Judgement};
use crate::dynamics::swaps::Tally;
use crate::dynamics::{Minimisation, Outcome};
use crate::terminal::counted;
use crate::units::PRESSURE_GPA;

/// A box that has grown or shrunk by so much in what was looked at is on its way to somewhere else.
const FAR: f64 = 0.02;

/// One that has changed by less has hardly begun to.
const NEAR: f64 = 0.001;

/// What came of the swaps of a stage.
pub fn swapped(tally: &Tally) -> String {
    let Tally { attempts, accepted, evaluations, energy } = *tally;
    let part = if attempts > 0 { 100.0 * accepted as f64 / attempts as f64 } else { 0.0 };
    format!(
        "swaps: {accepted} of {attempts} accepted ({part:.1} %), {energy:.3} eV in all, in {} of the energy",
        counted(evaluations, "evaluation")
    )
}

/// After "stage 1 (hold)": that no swap was tried in it, if that is so, and what to do; `bond`: within clusters, Å.
pub fn swapless(tally: &Tally, bond: Option<f64>) -> Option<String> {
    if tally.evaluations > 0 {
        return None;
    }
    let why = match bond {
        Some(bond) => format!(
            "no round found two atoms of different elements in one cluster of atoms nearer than `bond_angstrom` = {bond} \
             Å to one another. Half-way between first and second neighbours is right, for fcc 0.85 lattice constants"
        ),
        None => "no round found atoms of different elements that may be swapped: see `species` and `region` of \
                 its `swaps`"
            .into(),
    };
    Some(format!("ended without a single swap being tried: {why}"))
}

/// How a minimisation ended, after "stage 1 (minimise)": whether it is where it was to be.
pub fn minimised(end: &Minimisation) -> String {
    let Minimisation { outcome, steps, largest_force, tolerance } = end;
    let steps = counted(*steps, "step");
    let forces = format!("the largest force component is {largest_force:.3e} eV/Å");
    let tolerance = plain(*tolerance);
    let how = match outcome {
        Some(Outcome::Converged) => {
            return format!("converged in {steps}: {forces}, at most {tolerance} was wanted");
        }
        Some(Outcome::OutOfSteps) => {
            format!("gave up after {steps}, as many as `max_steps` allows")
        }
        Some(Outcome::Stuck) => {
            format!("gave up after {steps}: rounding lets the energy fall no further")
        }
        None => format!("was left after {steps}"),
    };
    format!("has not converged: it {how}; {forces}, {tolerance} was wanted")
}

/// After "stage 1 (hold)": that the pressure was not held, or that nobody can say, and what to do.
pub fn not_held(judgement: &Judgement) -> Option<String> {
    match judgement {
        Judgement::Held => None,
        Judgement::NotHeld(deviation) => Some(off(deviation)),
        Judgement::TooShort { changes, enough } => Some(format!(
            "is too short to say whether it has held its pressure: its box changed {}, and from {enough} times on one can \
             tell. Take a longer stage or a shorter `interval_fs`, or look at the column `pressure`",
            match changes {
                1 => "once".to_string(),
                _ => format!("{changes} times"),
            }
        )),
    }
}

/// How far off the pressure was, and what to do.
fn off(deviation: &Deviation) -> String {
    let Deviation { axes, time, growth, compressibility, .. } = deviation;
    let [mean, target, error] =
        [deviation.pressure, deviation.target, deviation.error].map(|p| p * PRESSURE_GPA);
    let along = if axes.len() == 3 { String::new() } else { format!(" along {axes}") };
    let change = if *growth < 0.0 { "shrunk" } else { "grown" };
    let percent = 100.0 * growth.abs();
    let advice = if growth.abs() > FAR {
        format!(
            "the box has {change} by {percent:.1} % in this time: does what is in it withstand this pressure? If it \
             was only on its way, take a longer stage or a shorter `relaxation_fs`"
        )
    } else if growth.abs() > NEAR {
        format!(
            "the box has {change} by {percent:.2} % in this time and was on its way: take a longer stage or a shorter \
             `relaxation_fs`"
        )
    } else {
        let guess = plain(compressibility / PRESSURE_GPA);
        format!(
            "the box has hardly changed in this time ({percent:.1e} %): take a longer stage, a shorter `relaxation_fs`, or a \
             larger `compressibility_per_gpa` than {guess} (metals have 0.003 to 0.03)"
        )
    };
    format!(
        "has not held its pressure: {mean:.3} ± {error:.3} GPa{along} in its last {time:.3} ps, where {target:.3} \
         GPa was asked for; {advice}"
    )
}

/// A number as people write it.
fn plain(number: f64) -> String {
    if number < 1e-5 { format!("{number:e}") } else { number.to_string() }
}
