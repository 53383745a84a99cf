//! Spans of wall-clock time as people and schedulers write them.
//!
//! ```text
//! 23:50:00    6:23:50:00    6-23:50:00    hours:minutes:seconds, days in front
//! 2h    90m    1h30m    2 hours           with units
//! 86400                                   seconds
//! ```
//!
//! In an input, what can be read in two ways is refused: `50:00` is hours to LSF and
//! minutes to Slurm and PBS, and a small number without a unit may be meant as hours or
//! minutes. A scheduler's own value is read as that scheduler means it.

use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

const DAY: f64 = 86_400.0;

/// So few seconds are no time for a job: a number below has lost its unit.
const FEWEST_SECONDS: f64 = 300.0;

/// The forms, after "write".
const FORMS: &str =
    "\"23:50:00\", \"6-23:50:00\" (days first), \"90m\", \"2h\" or a number of seconds";

/// A span that an input gives, or why it is none.
pub fn span(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        if (0.0..FEWEST_SECONDS).contains(&seconds) && seconds > 0.0 {
            return Err(format!(
                "{text} without a unit is {text} seconds, too few for a job: write \"{text}h\", \
                 \"{text}m\" or \"{text}s\""
            ));
        }
    } else if let [Some(first), Some(second)] = parts(text)[..] {
        return Err(format!(
            "`{text}` may be hours and minutes, or minutes and seconds: write \
             \"{first}:{second:02}:00\" or \"0:{first}:{second:02}\""
        ));
    }
    of_scheduler(text).ok_or_else(|| format!("`{text}` is no time: write {FORMS}"))
}

/// A span that a scheduler gives: the same forms, and `minutes:seconds`.
pub fn of_scheduler(text: &str) -> Option<Duration> {
    let text = text.trim();
    let seconds = text.parse().ok().or_else(|| clock(text)).or_else(|| with_units(text))?;
    Duration::try_from_secs_f64(seconds).ok().filter(|span| !span.is_zero())
}

/// Whole numbers between colons.
fn parts(text: &str) -> Vec<Option<u32>> {
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    text.split(':').map(number).collect()
}

/// Seconds of what is written like a clock.
fn clock(text: &str) -> Option<f64> {
    let (days, clock) = match text.split_once('-') {
        Some((days, clock)) => (Some(days), clock),
        None => (None, text),
    };
    let numbers: Vec<u32> = parts(clock).into_iter().collect::<Option<_>>()?;
    let [days, hours, minutes, seconds] = match (days, &numbers[..]) {
        (None, &[days, hours, minutes, seconds]) => [days, hours, minutes, seconds],
        (None, &[minutes, seconds]) => [0, minutes / 60, minutes % 60, seconds],
        (None, &[hours, minutes, seconds]) => [0, hours, minutes, seconds],
        // As Slurm writes it, whose minutes and seconds may be left out.
        (Some(days), &[hours, ref rest @ ..]) if rest.len() <= 2 => {
            let [days] = parts(days)[..] else { return None };
            let rest = |n: usize| rest.get(n).copied().unwrap_or(0);
            [days?, hours, rest(0), rest(1)]
        }
        _ => return None,
    };
    let total = days as f64 * DAY + hours as f64 * 3600.0 + minutes as f64 * 60.0 + seconds as f64;
    (minutes < 60 && seconds < 60).then_some(total)
}

/// Seconds of what is written with units; months and years have no length.
fn with_units(text: &str) -> Option<f64> {
    let span: Span = text.to_lowercase().parse().ok()?;
    // What looks like a clock was read as one, or refused.
    if span.is_negative() || text.contains(':') {
        return None;
    }
    span.to_duration(SpanRelativeTo::days_are_24_hours()).ok().map(|span| span.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_an_input() {
        for (text, seconds) in [
            ("23:50:00", 85_800.0),
            ("0:00:07", 7.0),
            ("2-01:00:00", 49.0 * 3600.0),
            ("6-23:50", 6.0 * DAY + 85_800.0),
            ("2-12", 2.5 * DAY),
            ("1:02:03:04", DAY + 7384.0),
            ("100:00:00", 360_000.0),
            ("2h", 7200.0),
            ("90m", 5400.0),
            ("1h30m", 5400.0),
            ("1h 30min", 5400.0),
            ("2 hours", 7200.0),
            ("1.5h", 5400.0),
            ("2H", 7200.0),
            ("3 days", 3.0 * DAY),
            ("24s", 24.0),
            ("86400", DAY),
            (" 3600.5 ", 3600.5),
        ] {
            assert_eq!(span(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_span_is_told_with_the_way_to_write_it() {
        for wrong in [
            "",
            "soon",
            "1:2:3:4:5",
            "1:60:00",
            "1:00:x",
            "-1:00:00",
            "0:00:00",
            "+1:0:0",
            "-2h",
            "2h ago",
            "1 month",
            "0",
            "-5",
            "inf",
            "nan",
            "1e300",
            "1-2-3",
            "unlimited",
        ] {
            let error = span(wrong).unwrap_err();
            assert!(
                error.starts_with(&format!("`{wrong}` is no time: write \"23:50:00\"")),
                "{error}"
            );
        }
        let error = span("24").unwrap_err();
        assert!(error.contains("24 seconds") && error.contains("\"24h\""), "{error}");
        let error = span("50:00").unwrap_err();
        assert!(error.ends_with("write \"50:00:00\" or \"0:50:00\""), "{error}");
    }

    #[test]
    fn schedulers_mean_minutes_and_seconds() {
        assert_eq!(of_scheduler("50:00"), Some(Duration::from_secs(3000)));
        assert_eq!(of_scheduler("90:30"), Some(Duration::from_secs(5430)));
        assert_eq!(of_scheduler("24"), Some(Duration::from_secs(24)));
        assert_eq!(of_scheduler("1:00:00:00"), Some(Duration::from_secs(86_400)));
        assert_eq!(of_scheduler("24:00:00"), Some(Duration::from_secs(86_400)));
        assert_eq!(of_scheduler("UNLIMITED"), None);
    }
}
