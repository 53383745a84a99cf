//! A run as observers see it: the present state, where in the protocol it stands, and what the input wants measured.

use crate::dynamics::{Integrator, Progress, Protocol, Stage, View};
use crate::force::{Engine, System};
use crate::input::{AtomColumn, Config};
use crate::observe::{self, Place, Snapshot};
use crate::potential::ForceField;

/// The present state as observers see it.
pub fn snapshot<'a>(
    engine: &'a Engine<ForceField>,
    integrator: &Integrator,
    (config, protocol, progress): (&'a Config, &Protocol, &Progress),
) -> Snapshot<'a> {
    let stage = integrator.stage();
    let place = place(config, stage, progress);
    let swaps = protocol.stages.iter().any(|stage| stage.swaps.is_some());
    Snapshot {
        step: progress.step,
        time_ps: protocol.time(progress),
        place,
        system: View::new(engine, engine.comm()),
        neighbours: engine.neighbours(),
        totals: integrator.totals(),
        virials: None,
        one_body: engine.one_body(),
        swaps: swaps.then(|| (place.stage, integrator.swaps())),
        degrees_of_freedom: integrator.degrees_of_freedom() as f64,
        conserved_energy: integrator.conserved_energy(),
        together: !stage.apart,
        moving: stage.kind.is_dynamic(),
        settings: observe::Settings {
            neck_hold_ps: config.output.neck_hold_ps,
            pair_distribution: config.output.pair_distribution_angstrom,
            layers: config.output.layers,
            template_rmsd: config.output.matches_templates(),
            grains: config.output.columns.contains(&AtomColumn::Grain),
            surface_interval_ps: config.output.surface_interval_ps,
            // As all times, of whole steps.
            diffusion_window_ps: config
                .output
                .diffusion_window_ps
                .map(|window| config.dynamics.time_ps(config.dynamics.steps(window))),
        },
    }
}

/// Where in the protocol a state stands; the last one at the end of the last stage.
fn place<'a>(config: &'a Config, stage: &Stage, progress: &Progress) -> Place<'a> {
    let last = config.stages.len() - 1;
    let ended = progress.stage > last;
    let step = if ended { stage.steps } else { progress.step_in_stage };
    let index = progress.stage.min(last);
    Place {
        stage: index + 1,
        begins: progress.step_in_stage == 0,
        name: config.stages[index].name.as_deref().unwrap_or_default(),
        target_temperature: stage.temperature_at(step).filter(|_| stage.thermostat.is_some()),
        target_pressure: stage.pressure_at(step),
    }
}
