//! Atoms that have departed (`[evaporation]` of the input), as a series of the trajectory
//! file with a row for each of them. Where it is, each frame shows: it moves no more.

use crate::observe::{Column, Record, Series};
use serde::{Deserialize, Serialize};

/// Where the rows stand.
pub const DEPARTURES: &str = "/sinter/departures";

/// One atom and when it departed; the list of all goes into checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Departure {
    pub step: u64,
    pub time_ps: f64,
    /// Its id.
    pub atom: u64,
}

impl Departure {
    /// Its row.
    pub fn record(&self) -> Record {
        let definition = "id of an atom that has come to rest or was removed far out \
                          ([evaporation] in the input), from this step on";
        let atom = Column::count("atom", definition, self.atom as i64);
        let series = vec![Series { path: DEPARTURES, columns: vec![atom] }];
        Record { step: self.step, time_ps: self.time_ps, series }
    }
}
