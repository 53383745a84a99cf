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
            _ if stage.swaps.is_some() => "swaps cannot be undone",
            _ if stage.remove_linear_momentum.is_some()
                || stage.remove_angular_momentum.is_some()
                || stage.kind == StageKind::Equilibrate =>
            {
                "momenta that are taken away cannot be given back: write `kind = \"hold\"`, without `remove_...`"
            }
            _ if !config.pistons.is_empty() => "a `[[piston]]` moves on and cannot be undone",
            _ if config.evaporation.atoms != Evaporated::Keep => {
                "atoms that come to rest or are removed (`[evaporation]`) cannot be undone"
            }
            _ => continue,
        };
        problems.at(&format!("stage[{i}].reversible"), wrong);
    }
}

/// Velocities that are turned around behind a stage that cannot be undone.
pub fn warn(config: &Config, warnings: &mut Problems) {
    let moving = config.stages.iter().enumerate().filter(|(_, stage)| stage.kind.is_dynamic());
    for ((_, before), (i, stage)) in moving.clone().zip(moving.skip(1)) {
        if stage.reverse_velocities && stage.reversible && !before.reversible {
            let message =
                "the stage before is not `reversible`: what came of it is not undone to the bit";
            warnings.at(&format!("stage[{i}].reverse_velocities"), message);
        }
    }
}
