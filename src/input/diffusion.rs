//! The windows in which diffusion is measured, `[output] diffusion_window_ps`: a line through mean square displacements wants
//! frames, and a window stages that are as long.

use super::config::Config;
use super::source::Problems;

/// Frames that a window holds at least.
const FRAMES: u64 = 5;

/// Adds a window that is too short to `problems`.
pub fn check(config: &Config, problems: &mut Problems) {
    let Some(window) = config.output.diffusion_window_ps else { return };
    let usual = config.output.trajectory_interval_ps;
    let moving = config.stages.iter().filter(|stage| stage.kind.is_dynamic());
    let intervals = moving.map(|stage| stage.trajectory_interval_ps.unwrap_or(usual));
    let least = intervals.fold(f64::INFINITY, f64::min);
    let steps = |time| config.dynamics.steps(time);
    if least.is_finite() && steps(window) < FRAMES * steps(least) {
        problems.at(
            "output.diffusion_window_ps",
            format!(
                "a window of {window} ps has fewer than {FRAMES} frames, which are {least} ps apart \
                 (`trajectory_interval_ps`): make it {} ps or more, or frames more frequent",
                config.dynamics.time_ps(FRAMES * steps(least))
            ),
        );
    }
}

/// Warns of a window that is longer than all stages, so that none comes to its end.
pub fn warn(config: &Config, warnings: &mut Problems) {
    let Some(window) = config.output.diffusion_window_ps else { return };
    let moving = config.stages.iter().filter(|stage| stage.kind.is_dynamic());
    let longest = moving.filter_map(|stage| stage.duration_ps).fold(0.0, f64::max);
    if config.dynamics.steps(window) > config.dynamics.steps(longest) {
        warnings.at(
            "output.diffusion_window_ps",
            format!(
                "no window of {window} ps comes to its end: the longest stage in which atoms move is one of \
                 {longest} ps, and each begins with windows of its own"
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::input::{parse, warnings};
    use std::path::Path;

    const INPUT: &str = r#"
[potential]
library = "PtFe.library.meam"
parameters = "PtFe.meam"
elements = ["Pt", "Fe"]
[[particle]]
atoms = 200
lattice_constant_angstrom = 3.88
composition = { Pt = 0.85, Fe = 0.15 }
[[stage]]
kind = "minimise"
trajectory_interval_ps = 0.002
[[stage]]
kind = "hold"
temperature_k = 300
duration_ps = 60
[output]
diffusion_window_ps = WINDOW
"#;

    #[test]
    fn a_window_has_frames_and_a_stage_that_is_as_long() {
        let read = |window: &str| parse(&INPUT.replace("WINDOW", window), Path::new("in.toml"));
        let told = read("4.9").unwrap_err().to_string();
        let wanted = "in.toml:18:1: a window of 4.9 ps has fewer than 5 frames, which are 1 ps apart \
                      (`trajectory_interval_ps`): make it 5 ps or more";
        assert!(told.contains(wanted), "{told}");
        for window in ["5", "60"] {
            assert_eq!(warnings(&read(window).unwrap()), Vec::<String>::new());
        }
        let told = warnings(&read("61").unwrap());
        let wanted = "in.toml:18:1: no window of 61 ps comes to its end: the longest stage in which \
                      atoms move is one of 60 ps, and each begins with windows of its own";
        assert_eq!(told, [wanted]);
    }
}
