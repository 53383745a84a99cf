//! When a job must have ended: by the input, or by what its scheduler says in the
//! environment.
//!
//! Slurm (newer than 22.05) tells the end, Torque the length of the job, which is
//! counted from the start of the program. PBS Pro and LSF tell neither: LSF warns with
//! SIGUSR2, and any job script may say the end itself (`SINTER_JOB_END_TIME`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Variables that hold the end of the job in seconds since 1970.
const END: [&str; 2] = ["SINTER_JOB_END_TIME", "SLURM_JOB_END_TIME"];

/// The variable that holds the length of the job in seconds.
const LENGTH: &str = "PBS_WALLTIME";

/// Time that is left to a program that starts `now`, the least of all that is known,
/// and who says so.
pub fn time_left(
    wanted: Option<Duration>,
    now: SystemTime,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(Duration, String)> {
    let seconds = |name: &str| -> Option<u64> { variable(name)?.trim().parse().ok() };
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let until = |end: u64| Duration::from_secs(end).saturating_sub(now);
    let ends = END.iter().filter_map(|name| Some((until(seconds(name)?), name.to_string())));
    let length = seconds(LENGTH).map(|s| (Duration::from_secs(s), LENGTH.to_string()));
    let wanted = wanted.map(|time| (time, "the input".to_string()));
    ends.chain(length).chain(wanted).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(wanted: Option<u64>, environment: &[(&str, &str)]) -> Option<(u64, String)> {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let variable = |name: &str| {
            environment.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string())
        };
        time_left(wanted.map(Duration::from_secs), now, variable)
            .map(|(left, who)| (left.as_secs(), who))
    }

    #[test]
    fn the_earliest_end_counts() {
        assert_eq!(left(None, &[]), None);
        assert_eq!(left(Some(60), &[]), Some((60, "the input".into())));
        let slurm = ("SLURM_JOB_END_TIME", "1000600");
        assert_eq!(left(None, &[slurm]), Some((600, slurm.0.into())));
        assert_eq!(left(Some(60), &[slurm]), Some((60, "the input".into())));
        assert_eq!(left(Some(6000), &[slurm]), Some((600, slurm.0.into())));
        assert_eq!(left(None, &[("PBS_WALLTIME", "3600")]), Some((3600, "PBS_WALLTIME".into())));
        assert_eq!(left(None, &[("SLURM_JOB_END_TIME", "soon")]), None, "not a number");
        let past = ("SINTER_JOB_END_TIME", "999999");
        assert_eq!(left(None, &[past]), Some((0, past.0.into())), "already over");
    }
}
