//! When a job must have ended: by the input, or by what its scheduler says in the
//! environment.
//!
//! Slurm (newer than 22.05) tells the end, Torque the length of the job, which is
//! counted from the start of the program. PBS Pro and LSF tell neither: LSF warns with
//! SIGUSR2, and any job script may say the end itself (`SINTER_JOB_END_TIME`).
//!
//! A value that cannot be understood is never passed over: it becomes a warning.

use crate::input::span::of_scheduler;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use std::time::Duration;

/// Variables that hold the end of the job: seconds since 1970, or a date.
const END: [&str; 2] = ["SINTER_JOB_END_TIME", "SLURM_JOB_END_TIME"];

/// The variable that holds the length of the job.
const LENGTH: &str = "PBS_WALLTIME";

/// No job has ended so long ago: such an end is a mistake, as of a length in place of a date.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(10 * 365 * 24);

/// What schedulers write where a job has no end.
const ENDLESS: [&str; 5] = ["unlimited", "infinite", "infinity", "none", "not_set"];

/// An end of the job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// From the start of the program; none if it has passed.
    pub left: Duration,
    /// Who says so.
    pub who: String,
}

/// What is known about the end of the job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deadline {
    /// The earliest first, which counts.
    pub ends: Vec<End>,
    pub warnings: Vec<String>,
}

impl Deadline {
    /// For a program that starts `now`. `wanted`: by the input.
    pub fn find(
        wanted: Option<Duration>,
        now: Timestamp,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Deadline {
        let mut known = Deadline::default();
        let says_nothing = |text: &String| {
            let text = text.trim();
            text.is_empty() || ENDLESS.iter().any(|word| text.eq_ignore_ascii_case(word))
        };
        let value = |name| variable(name).filter(|text| !says_nothing(text));
        for name in END {
            let Some(text) = value(name) else { continue };
            match point_in_time(&text).filter(|end| now.duration_since(*end) < LONG_AGO) {
                Some(end) => known.add_end(name, end, now),
                None => known.warnings.push(format!(
                    "{name} = `{text}` is not understood: no end of this job is taken from it; it is \
                     to be seconds since 1970, as `date +%s` tells them, or a date as \
                     2026-11-29T12:00:00 (local time) or 2026-11-29T12:00:00Z"
                )),
            }
        }
        if let Some(text) = value(LENGTH) {
            match of_scheduler(&text) {
                Some(left) => known.ends.push(End { left, who: LENGTH.into() }),
                None => known.warnings.push(format!(
                    "{LENGTH} = `{text}` is not understood: no end of this job is taken from it; it is \
                     to be seconds, or hours:minutes:seconds with or without days: before"
                )),
            }
        }
        known.ends.extend(wanted.map(|left| End { left, who: "the input".into() }));
        known.ends.sort_by_key(|end| end.left);
        known
    }

    fn add_end(&mut self, name: &str, end: Timestamp, now: Timestamp) {
        let left = end.duration_since(now);
        if left.is_negative() {
            let ago = SignedDuration::from_secs(left.abs().as_secs());
            self.warnings.push(format!(
                "{name} says that this job ended {ago:#} ago: it stops after the first step"
            ));
        }
        self.ends.push(End { left: left.try_into().unwrap_or_default(), who: name.into() });
    }

    /// Until when the job is believed to last and who says so, for the log; `now` as in `find`.
    pub fn told(&self, now: Timestamp) -> String {
        let Some(first) = self.ends.first() else {
            return "no end is known: [stop] walltime would tell one".into();
        };
        let at =
            now.checked_add(first.left).ok().and_then(|end| end.round(jiff::Unit::Second).ok());
        let at = at.map_or(String::new(), |end| format!("{end}, "));
        let mut text = format!("{at}in {} (says {})", clock(first.left), first.who);
        for End { left, who } in &self.ends[1..] {
            text += &format!("; {who} says in {}", clock(*left));
        }
        text
    }
}

/// hours:minutes:seconds
fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Seconds since 1970, or a date, in local time where it names no other.
fn point_in_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        let since = SignedDuration::try_from_secs_f64(seconds).ok()?;
        return Timestamp::from_duration(since).ok();
    }
    let zoned = || text.parse::<Zoned>().ok().map(|end| end.timestamp());
    let local = || {
        let end: DateTime = text.parse().ok()?;
        end.to_zoned(TimeZone::system()).ok().map(|end| end.timestamp())
    };
    zoned().or_else(|| text.parse().ok()).or_else(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-29T10:00:00Z
    const NOW: i64 = 1_795_946_400;

    fn find(wanted: Option<u64>, environment: &[(&str, &str)]) -> Deadline {
        let now = Timestamp::from_second(NOW).unwrap();
        let variable = |name: &str| {
            environment.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string())
        };
        Deadline::find(wanted.map(Duration::from_secs), now, variable)
    }

    fn left(wanted: Option<u64>, environment: &[(&str, &str)]) -> Option<(f64, String)> {
        let known = find(wanted, environment);
        assert_eq!(known.warnings, Vec::<String>::new());
        known.ends.first().map(|end| (end.left.as_secs_f64(), end.who.clone()))
    }

    #[test]
    fn the_earliest_end_counts() {
        assert_eq!(left(None, &[]), None);
        assert_eq!(left(Some(60), &[]), Some((60.0, "the input".into())));
        let slurm = ("SLURM_JOB_END_TIME", "1795947000");
        assert_eq!(left(None, &[slurm]), Some((600.0, slurm.0.into())));
        assert_eq!(left(Some(60), &[slurm]), Some((60.0, "the input".into())));
        assert_eq!(left(Some(6000), &[slurm]), Some((600.0, slurm.0.into())));
    }

    #[test]
    fn lengths_of_jobs_are_understood_as_schedulers_write_them() {
        for (text, seconds) in [
            ("3600", 3600.0),
            ("24:00:00", 86_400.0),
            ("1:00:00:00", 86_400.0),
            ("50:00", 3000.0),
            ("1-00:00:00", 86_400.0),
        ] {
            let pbs = ("PBS_WALLTIME", text);
            assert_eq!(left(None, &[pbs]), Some((seconds, pbs.0.into())), "{text}");
        }
    }

    #[test]
    fn ends_of_jobs_are_seconds_or_dates() {
        for text in [
            "1795950000.5",
            " 1795950000.5\n",
            "1.7959500005e9",
            "2026-11-29T11:00:00.5Z",
            "2026-11-29 11:00:00.5Z",
            "2026-11-29T12:00:00.5+01:00",
            "2026-11-29T13:00:00.5+02:00",
        ] {
            let end = ("SINTER_JOB_END_TIME", text);
            assert_eq!(left(None, &[end]), Some((3600.5, end.0.into())), "{text}");
        }
        // Local time, wherever this test runs.
        let now = Timestamp::from_second(NOW).unwrap().to_zoned(TimeZone::system());
        for form in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"] {
            let text = (&now + Duration::from_secs(3600)).strftime(form).to_string();
            let end = ("SINTER_JOB_END_TIME", &*text);
            assert_eq!(left(None, &[end]), Some((3600.0, end.0.into())), "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (name, text) in [
            ("SLURM_JOB_END_TIME", "soon"),
            ("SINTER_JOB_END_TIME", "3600"),
            ("SINTER_JOB_END_TIME", "1795950000000"),
            ("SINTER_JOB_END_TIME", "29.11.2026"),
            ("SINTER_JOB_END_TIME", "nan"),
            ("PBS_WALLTIME", "a day"),
            ("PBS_WALLTIME", "-1"),
        ] {
            let known = find(Some(60), &[(name, text)]);
            let [warning] = &known.warnings[..] else { panic!("{text}: {known:?}") };
            assert!(
                warning.starts_with(&format!("{name} = `{text}` is not understood")),
                "{warning}"
            );
            assert_eq!(known.ends.len(), 1, "the input's own");
        }
        assert_eq!(find(None, &[("PBS_WALLTIME", "")]), Deadline::default(), "not set");
    }

    #[test]
    fn a_job_without_end_and_one_that_ends_far_from_now_are_understood() {
        for text in ["unlimited", "UNLIMITED", " infinite\n", "INFINITY", "none"] {
            for name in ["PBS_WALLTIME", "SLURM_JOB_END_TIME", "SINTER_JOB_END_TIME"] {
                assert_eq!(find(None, &[(name, text)]), Deadline::default(), "{name} = {text}");
            }
        }
        let (seconds, _) = left(None, &[("SINTER_JOB_END_TIME", "2099-01-01T00:00:00Z")]).unwrap();
        assert_eq!(seconds, 4_070_908_800.0 - NOW as f64);
        assert_eq!(left(None, &[("SLURM_JOB_END_TIME", "4070908800")]).unwrap().0, seconds);
        let known = find(None, &[("SINTER_JOB_END_TIME", "9999-12-01T00:00:00Z")]);
        assert!(
            known.told(Timestamp::from_second(NOW).unwrap()).starts_with("9999-12-01T00:00:00Z")
        );
    }

    #[test]
    fn an_end_that_has_passed_stops_and_is_told() {
        let known = find(None, &[("SINTER_JOB_END_TIME", "1795946399")]);
        assert_eq!(known.ends[0].left, Duration::ZERO);
        assert!(known.warnings[0].contains("ended 1s ago"), "{known:?}");
    }

    #[test]
    fn the_log_tells_until_when_and_who_says_so() {
        let now = Timestamp::from_second(NOW).unwrap();
        let end = ("SLURM_JOB_END_TIME", "2026-11-29T10:10:00Z");
        assert_eq!(
            find(Some(7200), &[end]).told(now),
            "2026-11-29T10:10:00Z, in 0:10:00 (says SLURM_JOB_END_TIME); the input says in 2:00:00"
        );
        assert!(find(None, &[]).told(now).starts_with("no end is known: "));
    }
}
