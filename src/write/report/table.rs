//! The table of a run: a line now and then. What stands in it follows from the record,
//! so that no column is empty: a temperature only
//! where atoms move in time, pressure and volume only where a pressure is held, the contact of particles
//! only where there are some to touch: the gap in Å of two, how many gaps are closed of more. Beside pressure and
//! volume there is room for no more of it than that.

use crate::observe::{Record, Series, Values};

/// The two lines above `row`: the name of each column and its unit.
pub fn head(record: &Record) -> String {
    let [name, unit] = if is_moving(record) { ["T", "K"] } else { ["F max", "eV/Å"] };
    let [mut names, mut units] =
        [["step", "time", name, "E total"], ["", "ps", unit, "eV/atom"]].map(common);
    let contact = record.series("/sinter/pairs").map(|pairs| match Necks::of(pairs).gap.len() {
        1 => [["gap", "neck", "neck R"], ["Å", "atoms", "Å"]],
        _ => [["gaps", "neck", "mean R"], ["closed", "atoms", "Å"]],
    });
    if is_pressed(record) {
        names += &of_box(["P", "V"]);
        units += &of_box(["GPa", "Å³/atom"]);
    }
    if let Some([name, unit]) = contact {
        names += &of_contact(record, name);
        units += &of_contact(record, unit);
    }
    format!("{names} {:>8}\n{units} {:>8}", "speed", "ns/day")
}

/// One line. `E total` is potential and kinetic energy over the number of atoms; for
/// several pairs atoms are those of all necks, and the radius is the mean of the necks.
/// A speed of zero is none: nothing moves in time while energy is minimised.
pub fn row(record: &Record, atoms: u64, ns_per_day: f64) -> String {
    let get = |name| number_of(record, "/sinter/thermo", name);
    let mut text = common([
        &record.step.to_string(),
        &format!("{:.3}", record.time_ps),
        &match is_moving(record) {
            true => format!("{:.0}", get("temperature")),
            false => format!("{:.1e}", get("largest_force")),
        },
        &format!("{:.5}", get("total_energy") / atoms as f64),
    ]);
    if is_pressed(record) {
        let volume = get("volume") / atoms as f64;
        text += &of_box([&format!("{:.2}", get("pressure")), &format!("{volume:.3}")]);
    }
    if let Some(necks) = record.series("/sinter/pairs").map(Necks::of) {
        let radius = match necks.closed() {
            0 => "-".into(),
            _ => format!("{:.2}", necks.mean_radius()),
        };
        let in_necks = necks.atoms.iter().sum::<f64>().to_string();
        text += &of_contact(record, [&necks.gap_cell(), &in_necks, &radius]);
    }
    let speed = if ns_per_day > 0.0 { format!("{ns_per_day:.3}") } else { "-".into() };
    format!("{text} {speed:>8}")
}

/// While energy is minimised there is no temperature, and the largest force component
/// tells how far it has come.
fn is_moving(record: &Record) -> bool {
    !number_of(record, "/sinter/thermo", "temperature").is_nan()
}

fn common([step, time, measure, energy]: [&str; 4]) -> String {
    format!("{step:>10} {time:>11} {measure:>6} {energy:>11}")
}

/// Whether a barostat acts.
fn is_pressed(record: &Record) -> bool {
    !number_of(record, "/sinter/thermo", "target_pressure").is_nan()
}

fn of_box([pressure, volume]: [&str; 2]) -> String {
    format!(" {pressure:>7} {volume:>8}")
}

fn of_contact(record: &Record, [gap, atoms, radius]: [&str; 3]) -> String {
    match is_pressed(record) {
        true => format!(" {gap:>9}"),
        false => format!(" {gap:>9} {atoms:>6} {radius:>7}"),
    }
}

/// The pairs of a record.
pub struct Necks {
    pub particles: Vec<f64>,
    pub distance: Vec<f64>,
    /// Å; 0 where closed, NaN where it cannot be measured.
    pub gap: Vec<f64>,
    pub radius: Vec<f64>,
    pub atoms: Vec<f64>,
}

impl Necks {
    pub fn of(pairs: &Series) -> Necks {
        Necks {
            particles: numbers(pairs, "particles"),
            distance: numbers(pairs, "centre_distance"),
            gap: numbers(pairs, "gap"),
            radius: numbers(pairs, "neck_radius"),
            atoms: numbers(pairs, "neck_atoms"),
        }
    }

    pub fn closed(&self) -> usize {
        self.radius.iter().filter(|r| **r > 0.0).count()
    }

    pub fn mean_radius(&self) -> f64 {
        self.radius.iter().sum::<f64>() / self.closed() as f64
    }

    fn gap_cell(&self) -> String {
        match (self.gap.len(), self.closed()) {
            (1, 1) => "closed".into(),
            (1, _) if self.gap[0].is_nan() => "-".into(),
            (1, _) => format!("{:.2}", self.gap[0]),
            (n, closed) => format!("{closed} of {n}"),
        }
    }
}

/// A column's only number; NaN where there is none.
pub fn number_of(record: &Record, series: &str, column: &str) -> f64 {
    record.series(series).map_or(f64::NAN, |series| numbers(series, column)[0])
}

fn numbers(series: &Series, name: &str) -> Vec<f64> {
    match series.column(name).map(|column| &column.values) {
        Some(Values::Real(values)) => values.clone(),
        Some(Values::Integer(values)) => values.iter().map(|n| *n as f64).collect(),
        Some(Values::Text(_)) | None => vec![f64::NAN],
    }
}
