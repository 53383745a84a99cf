//! The rules for `integrator`: what goes with velocity Verlet alone.

use super::config::{Config, Ensemble, Evaporated, Scheme, Thermostat};
use super::source::Problems;

/// Adds what an integrator cannot have beside it to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    for (i, stage) in config.stages.iter().enumerate() {
        let (scheme, warm) = (stage.integrator, stage.ensemble.has_temperature());
        let frozen = config.evaporation.atoms != Evaporated::Keep;
        let wrong = match scheme {
            Scheme::VelocityVerlet => continue,
            _ if !stage.kind.is_dynamic() => continue,
            _ if stage.ensemble == Ensemble::Npt => {
                "the box changes between steps of velocity Verlet alone. Write another `ensemble` than \"npt\""
            }
            _ if stage.swaps.is_some() => {
                "swaps come between steps of velocity Verlet alone. Leave `swaps` out of this stage"
            }
            _ if !config.pistons.is_empty() => {
                "a `[[piston]]` moves by velocity Verlet alone. Leave the piston out"
            }
            Scheme::Leapfrog if warm => {
                "its velocities are of half steps, on which no thermostat acts. Write `ensemble = \"nve\"`"
            }
            Scheme::PositionVerlet if warm && stage.thermostat == Thermostat::Langevin => {
                "the noise of `langevin` comes in the middle of a drift of velocity Verlet. Take another `thermostat`"
            }
            Scheme::PositionVerlet if frozen => {
                "what atoms take along that come to rest or are removed (`[evaporation]`) is known at whole steps alone. \
                 Write `atoms = \"keep\"` there"
            }
            _ => continue,
        };
        let key = format!("stage[{i}].integrator");
        let name = scheme.name();
        let message = format!(
            "this stage cannot have `integrator = \"{name}\"`: {wrong}, or leave `integrator` out"
        );
        problems.at(&key, message);
    }
}
