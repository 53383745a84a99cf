//! Physical ends of a run, from what was just observed: the neck has grown as far as
//! wanted, the particles have become one, or the energy has drifted.
//!
//! They are looked for where time series have a point, so that they do not depend on
//! when jobs begin and end.

use crate::input::StopConfig;
use crate::observe::{Record, Values};

/// What an observation means for the run.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    GoOn,
    /// The run is done, for this reason.
    Reached(String),
    /// It must not go on, for this reason.
    Broken(String),
}

/// `drift`: of the conserved energy since the stage began, eV per atom.
pub fn judge(limits: &StopConfig, record: &Record, drift: f64) -> Verdict {
    if let Some(bound) = limits.energy_drift_ev_per_atom
        && (drift.is_nan() || drift.abs() > bound)
    {
        return Verdict::Broken(format!(
            "the conserved energy has drifted by {drift:.3e} eV per atom since the stage began, \
             and `energy_drift_ev_per_atom` is {bound}; is the time step too long?"
        ));
    }
    if let (Some(wanted), Some(least)) =
        (limits.neck_ratio, extreme(record, "neck_ratio", f64::min, 0.0))
        && least >= wanted
    {
        return Verdict::Reached(format!("the neck ratio is {least:.3}, {wanted} was wanted"));
    }
    if let (Some(excess), Some(most)) =
        (limits.coalesced_within, extreme(record, "compactness", f64::max, f64::INFINITY))
        && most <= 1.0 + excess
    {
        return Verdict::Reached(format!(
            "the particles have coalesced: compactness {most:.3}, at most {:.3} was wanted",
            1.0 + excess
        ));
    }
    Verdict::GoOn
}

/// Of a column over the pairs that were neighbours when the particles were put together (such as have
/// come near since may have others between them), or over all if there were none of these; none
/// while there are no pairs. Where no neck stands, corners and adatoms may overlap all the same: that counts as
/// `apart`.
fn extreme(record: &Record, name: &str, choose: fn(f64, f64) -> f64, apart: f64) -> Option<f64> {
    let pairs = record.series("/sinter/pairs")?;
    let column = |name| match &pairs.column(name)?.values {
        Values::Real(values) => Some(values),
        Values::Integer(_) | Values::Text(_) => None,
    };
    let (values, found, neck) = (column(name)?, column("found_time")?, column("neck_time")?);
    let values: Vec<f64> =
        values.iter().zip(neck).map(|(&value, t)| if t.is_nan() { apart } else { value }).collect();
    let at_first = values.iter().zip(found).filter(|(_, found)| found.is_nan());
    let extreme = at_first.map(|(value, _)| *value).reduce(choose);
    extreme.or_else(|| values.into_iter().reduce(choose))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Column, Series};

    fn record(ratios: &[f64], compactness: &[f64]) -> Record {
        let column = |name, values: &[f64]| Column {
            shape: vec![values.len()],
            values: Values::Real(values.to_vec()),
            ..Column::real(name, "", "", 0.0)
        };
        let found = vec![f64::NAN; ratios.len().max(compactness.len())];
        let neck = vec![0.5; found.len()];
        let columns = vec![
            column("neck_ratio", ratios),
            column("compactness", compactness),
            column("found_time", &found),
            column("neck_time", &neck),
        ];
        let series = vec![Series { path: "/sinter/pairs", columns }];
        Record { step: 10, time_ps: 0.02, series }
    }

    #[test]
    fn all_pairs_must_reach_the_limit() {
        let limits = StopConfig { neck_ratio: Some(0.5), ..Default::default() };
        assert_eq!(judge(&limits, &record(&[0.6, 0.4], &[1.3; 2]), 0.0), Verdict::GoOn);
        let Verdict::Reached(why) = judge(&limits, &record(&[0.6, 0.5], &[1.3; 2]), 0.0) else {
            panic!("both have it")
        };
        assert_eq!(why, "the neck ratio is 0.500, 0.5 was wanted");
        let limits = StopConfig { coalesced_within: Some(0.05), ..Default::default() };
        assert_eq!(judge(&limits, &record(&[1.1; 2], &[1.0, 1.06]), 0.0), Verdict::GoOn);
        assert!(matches!(judge(&limits, &record(&[1.1], &[1.05]), 0.0), Verdict::Reached(_)));
    }

    /// As the ends of a chain, which come near as it shrinks, and never touch.
    #[test]
    fn pairs_that_have_come_near_since_do_not_count_but_where_there_are_no_others() {
        let limits = StopConfig { neck_ratio: Some(0.5), ..Default::default() };
        let found_at = |times: [f64; 2]| {
            let mut record = record(&[0.6, 0.0], &[1.3; 2]);
            record.series[0].columns[2].values = Values::Real(times.to_vec());
            judge(&limits, &record, 0.0)
        };
        assert!(matches!(found_at([f64::NAN, 7.5]), Verdict::Reached(_)));
        assert_eq!(found_at([f64::NAN; 2]), Verdict::GoOn);
        assert_eq!(found_at([2.0, 7.5]), Verdict::GoOn);
    }

    /// As adatoms of both sides that touch, whose circle is as wide as a neck's.
    #[test]
    fn what_is_no_neck_yet_has_not_grown() {
        for (ratio, within) in [(Some(0.2), None), (None, Some(0.3))] {
            let limits =
                StopConfig { neck_ratio: ratio, coalesced_within: within, ..Default::default() };
            let mut record = record(&[0.32; 2], &[1.2; 2]);
            assert!(matches!(judge(&limits, &record, 0.0), Verdict::Reached(_)));
            record.series[0].columns[3].values = Values::Real(vec![0.5, f64::NAN]);
            assert_eq!(judge(&limits, &record, 0.0), Verdict::GoOn);
        }
    }

    #[test]
    fn while_the_particles_are_apart_nothing_is_reached() {
        let limits = StopConfig { neck_ratio: Some(0.5), ..Default::default() };
        let apart = Record { step: 0, time_ps: 0.0, series: vec![] };
        assert_eq!(judge(&limits, &apart, 0.0), Verdict::GoOn);
    }

    #[test]
    fn drift_is_bounded_on_either_side() {
        let limits = StopConfig { energy_drift_ev_per_atom: Some(1e-3), ..Default::default() };
        let record = record(&[0.0], &[1.3]);
        assert_eq!(judge(&limits, &record, -9e-4), Verdict::GoOn);
        for drift in [-1.1e-3, 1.1e-3, f64::NAN] {
            assert!(matches!(judge(&limits, &record, drift), Verdict::Broken(_)), "{drift}");
        }
        assert_eq!(judge(&StopConfig::default(), &record, f64::NAN), Verdict::GoOn);
    }
}
