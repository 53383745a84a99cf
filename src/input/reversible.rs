//! The rules for stages whose motion is to be undone (`reversible`, `reverse_velocities`).

use super::config::{Config, Ensemble, Evaporated, StageKind};
use super::source::Problems;

/// Adds what a motion that is to be undone cannot have beside it to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    for (i, stage) in config.stages.iter().enumerate().filter(|(_, stage)| stage.reversible) {
        let wrong = match stage {
            _ if !stage.kind.is_dynamic() => continue,
            _ if stage.ensemble != Ensemble::Nve => {
                "heat baths cannot be undone: write `ensemble = \"nve\"`"
            }
            _ if stage.swaps.is_some() => {
                "swaps cannot be undone: leave `reversible` out of this stage, or its `swaps`"
            }
            _ if stage.remove_linear_momentum.is_some()
                || stage.remove_angular_momentum.is_some()
                || stage.kind == StageKind::Equilibrate =>
            {
                "momenta that are taken away cannot be given back: write `kind = \"hold\"`, without `remove_...`"
            }
            _ if !config.pistons.is_empty() => {
                "a `[[piston]]` moves on and cannot be undone: leave `reversible` out, or the piston"
            }
            _ if config.evaporation.atoms != Evaporated::Keep => {
                "atoms that come to rest or are removed (`[evaporation]`) cannot be undone: leave `reversible` out, \
                 or write `atoms = \"keep\"` there"
            }
            _ => continue,
        };
        problems.at(&format!("stage[{i}].reversible"), wrong);
    }
}

/// Velocities that are turned around behind a stage that cannot be undone, or not so.
pub fn warn(config: &Config, warnings: &mut Problems) {
    let moving = config.stages.iter().enumerate().filter(|(_, stage)| stage.kind.is_dynamic());
    for ((n, before), (i, stage)) in moving.clone().zip(moving.skip(1)) {
        if !stage.reverse_velocities || !stage.reversible {
            continue;
        }
        let at = |name: &str| {
            let key = format!("stage[{n}].{name}");
            let key = if config.source.has(&key) { key } else { format!("stage[{n}]") };
            format!("stage[{n}], line {}", config.source.place(&key).line)
        };
        if !before.reversible {
            let message =
                "the stage before is not `reversible`: what came of it is not undone to the bit";
            warnings.at(&format!("stage[{i}].reverse_velocities"), message);
            continue;
        }
        let schemes = [before, stage].map(|stage| stage.integrator);
        if schemes[0] != schemes[1] {
            let [there, back] = schemes.map(|scheme| scheme.name());
            let message = format!(
                "the way there ({}) was made with `{there}`, and `{back}` does not undo it to the bit: write the same \
                 `integrator` in both",
                at("integrator")
            );
            warnings.at(&format!("stage[{i}].reverse_velocities"), message);
        }
        if before.particles != stage.particles {
            let message = format!(
                "on the way there ({}) the particles were apart, and before this stage they are put together: the \
                 way back is another. Write `particles = \"apart\"` here too",
                at("particles")
            );
            warnings.at(&format!("stage[{i}].reverse_velocities"), message);
        }
    }
}
