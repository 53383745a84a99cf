//! The rules for stages whose motion is to be undone (`reversible`, `reverse_velocities`).

use super::config::{Config, Ensemble, Evaporated, Scheme, StageConfig, StageKind};
use super::source::Problems;

/// Adds what a motion that is to be undone cannot have beside it to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    for (i, stage) in config.stages.iter().enumerate().filter(|(_, stage)| stage.reversible) {
        if let Some([what, advice]) = obstacle(config, stage).filter(|_| stage.kind.is_dynamic()) {
            problems.at(&format!("stage[{i}].reversible"), format!("{what}: {advice}"));
        }
    }
}

/// What of the motion of this stage cannot be undone to the bit, and what to do about it.
fn obstacle(config: &Config, stage: &StageConfig) -> Option<[&'static str; 2]> {
    if stage.ensemble != Ensemble::Nve {
        Some(["heat baths cannot be undone", "write `ensemble = \"nve\"`"])
    } else if stage.swaps.is_some() {
        Some(["swaps cannot be undone", "leave `reversible` out of this stage, or its `swaps`"])
    } else if stage.remove_linear_momentum.is_some()
        || stage.remove_angular_momentum.is_some()
        || stage.kind == StageKind::Equilibrate
    {
        Some([
            "momenta that are taken away cannot be given back",
            "write `kind = \"hold\"`, without `remove_...`",
        ])
    } else if !config.pistons.is_empty() {
        Some([
            "a `[[piston]]` moves on and cannot be undone",
            "leave `reversible` out, or the piston",
        ])
    } else if config.evaporation.atoms != Evaporated::Keep {
        Some([
            "atoms that come to rest or are removed (`[evaporation]`) cannot be undone",
            "leave `reversible` out, or write `atoms = \"keep\"` there",
        ])
    } else {
        None
    }
}

/// Velocities that are turned around behind a stage that cannot be undone, or not so.
pub fn warn(config: &Config, warnings: &mut Problems) {
    let built =
        config.structure.is_none() && config.particles.iter().all(|p| p.structure.is_none());
    if built && config.stages.first().is_some_and(|stage| stage.reverse_velocities) {
        let message = "there is nothing to turn around: atoms that are built begin at rest";
        warnings.at("stage[0].reverse_velocities", message.to_owned());
    }
    for (n, pair) in config.stages.windows(2).enumerate() {
        let (i, [before, stage]) = (n + 1, [&pair[0], &pair[1]]);
        if !stage.reverse_velocities || !stage.kind.is_dynamic() {
            continue;
        }
        let at = |name: &str| {
            let key = format!("stage[{n}].{name}");
            let key = if config.source.has(&key) { key } else { format!("stage[{n}]") };
            format!("stage[{n}], line {}", config.source.place(&key).line)
        };
        if !before.kind.is_dynamic() {
            let message = format!(
                "there is nothing to turn around: the stage before ({}) leaves all atoms at rest. Leave \
                 `reverse_velocities` out, or the stage before",
                at("kind")
            );
            warnings.at(&format!("stage[{i}].reverse_velocities"), message);
            continue;
        }
        // Who turns velocities around elsewhere does not ask for a way back.
        if obstacle(config, stage).is_some() {
            continue;
        }
        if let Some([what, _]) = obstacle(config, before) {
            let message = format!(
                "what came of the stage before ({}) is not undone to the bit: {what}",
                at("ensemble")
            );
            warnings.at(&format!("stage[{i}].reverse_velocities"), message);
            continue;
        }
        let schemes = [before, stage].map(|stage| stage.integrator);
        // Leapfrog is velocity Verlet with velocities of other times.
        let [one, other] = schemes.map(|scheme| scheme == Scheme::PositionVerlet);
        if one != other {
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
