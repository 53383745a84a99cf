//! Time series in the trajectory file: one group each, `step`, `time` and a
//! dataset per column, with unit and definition as attributes.
//!
//! Rows gather in memory and are written many at once: a series is longer than
//! the trajectory, and a row is small. Those of pairs are as wide as there are pairs
//! (`schema::WIDENING`): with a new one the rows before it get what says "not known".

use super::departure::{DEPARTURES, Departure};
use super::hdf5::{Attribute, Dataset, Element, File, Text};
use super::schema;
use crate::error::{Error, Result};
use crate::observe::{Column, Record, Series, Values};
use std::collections::BTreeMap;

/// Rows in memory at most, and rows in a chunk.
const ROWS: u64 = 256;

/// Numbers in a chunk at most, unless a row has more: a chunk takes its room at once, and
/// a series of many particles is not to outgrow their atoms.
const CHUNK: u64 = 2048;

/// Where rows widen, a chunk has so large a part of their entries, or so many: that much room an
/// entry more may take.
const PARTS: u64 = 8;
const PART: u64 = 32;

/// All series of a file.
pub struct SeriesWriter<'c> {
    tables: BTreeMap<String, Table<'c>>,
}

/// Series with a row for each event, or for each stage where two meet: several may be of one step.
const EVENTS: [&str; 3] = ["/mergers", "/departures", "/swaps"];

/// One series: its datasets, and the rows that are not in them yet.
struct Table<'c> {
    /// Whether a step may have several rows.
    repeats: bool,
    rows: u64,
    last_step: Option<u64>,
    step: Dataset<'c>,
    time: Dataset<'c>,
    columns: BTreeMap<String, Dataset<'c>>,
    /// Columns that another version has begun and this one does not measure, and a row of each.
    strange: BTreeMap<String, Values>,
    new_steps: Vec<i64>,
    new_times: Vec<f64>,
    new_values: BTreeMap<String, Values>,
}

impl<'c> SeriesWriter<'c> {
    pub fn open(file: &File<'c>) -> Result<SeriesWriter<'c>> {
        let mut tables = BTreeMap::new();
        for name in file.members(schema::SERIES)? {
            let path = format!("{}/{name}", schema::SERIES);
            tables.insert(path.clone(), Table::open(file, &path)?);
        }
        Ok(SeriesWriter { tables })
    }

    /// Takes a row of each series of the record; creates those that are new. A series with
    /// several rows of one step stands in the record as often.
    pub fn append(&mut self, file: &File<'c>, record: &Record) -> Result<()> {
        let has_step = |table: &Table| table.last_step.is_some_and(|last| record.step <= last);
        let there = self.tables.iter().filter(|(_, table)| has_step(table));
        let there: Vec<String> = there.map(|(path, _)| path.clone()).collect();
        for series in &record.series {
            if there.iter().any(|path| path == series.path) {
                continue;
            }
            if series.columns.iter().all(|column| column.values.is_empty()) {
                continue; // no pairs of particles, for example
            }
            if !self.tables.contains_key(series.path) {
                self.tables.insert(series.path.into(), Table::create(file, series)?);
            }
            let table = self.tables.get_mut(series.path).expect("just made");
            table.adopt(file, record.step, series)?;
            if schema::WIDENING.contains(&series.path) {
                table.widen(file, series)?;
            }
            table.add(record, series)?;
        }
        Ok(())
    }

    /// Takes rows for those of all departures so far that have none.
    pub fn take_departures(&mut self, file: &File<'c>, all: &[Departure]) -> Result<()> {
        let there = self.tables.get(DEPARTURES).map_or(0, Table::length);
        for record in all.iter().skip(there).map(Departure::record) {
            let [series] = &record.series[..] else { continue };
            if !self.tables.contains_key(DEPARTURES) {
                self.tables.insert(DEPARTURES.into(), Table::create(file, series)?);
            }
            self.tables.get_mut(DEPARTURES).expect("just made").add(&record, series)?;
        }
        Ok(())
    }

    /// Writes the rows in memory.
    pub fn write(&mut self) -> Result<()> {
        self.tables.values_mut().try_for_each(Table::write)
    }

    /// Drops rows from a step on.
    pub fn cut_back(&mut self, step: u64) -> Result<()> {
        self.tables.values_mut().try_for_each(|table| table.cut_back(step))
    }
}

impl<'c> Table<'c> {
    fn create(file: &File<'c>, series: &Series) -> Result<Table<'c>> {
        let path = series.path;
        file.create_group(path)?;
        file.create_growing::<i64>(&format!("{path}/step"), &[], &[ROWS])?;
        let time = format!("{path}/time");
        file.create_growing::<f64>(&time, &[], &[ROWS])?;
        explain(file, &format!("{path}/step"), "1", "number of the time step")?;
        explain(file, &time, "ps", "simulated time")?;
        for column in &series.columns {
            create_column(file, path, column, None)?;
        }
        Table::open(file, path)
    }

    fn open(file: &File<'c>, path: &str) -> Result<Table<'c>> {
        let step = file.dataset(&format!("{path}/step"))?;
        let time = file.dataset(&format!("{path}/time"))?;
        let steps: Vec<i64> = step.read_all()?;
        let mut columns = BTreeMap::new();
        for name in file.members(path)? {
            if name != "step" && name != "time" {
                let dataset = file.dataset(&format!("{path}/{name}"))?;
                columns.insert(name, dataset);
            }
        }
        Ok(Table {
            repeats: EVENTS.iter().any(|name| path.ends_with(name)),
            rows: steps.len() as u64,
            last_step: steps.last().map(|&s| s as u64),
            step,
            time,
            columns,
            strange: BTreeMap::new(),
            new_steps: Vec::new(),
            new_times: Vec::new(),
            new_values: BTreeMap::new(),
        })
    }

    /// Makes columns that a file of another version does not have, and sees to those that
    /// only that version measures. What a column does not know is NaN, -1 or an empty name,
    /// and it says in which rows.
    fn adopt(&mut self, file: &File<'c>, step: u64, series: &Series) -> Result<()> {
        let measured = |name: &String| series.columns.iter().any(|c| c.name == name);
        for name in self.columns.keys().filter(|name| !measured(name)) {
            if self.strange.contains_key(name) {
                continue;
            }
            let dataset = &self.columns[name];
            let length = dataset.shape()?[1..].iter().product::<u64>() as usize;
            let like = match (dataset.holds::<f64>()?, dataset.holds::<i64>()?) {
                (true, _) => Values::Real(Vec::new()),
                (_, true) => Values::Integer(Vec::new()),
                _ => Values::Text(Vec::new()),
            };
            let path = format!("{}/{name}", series.path);
            if !file.has_attribute(&path, "note")? {
                let note = format!("not measured from step {step} on, by another program version");
                file.set_attribute(&path, "note", Attribute::Variable(&note))?;
            }
            self.strange.insert(name.clone(), unknown(&like, length));
        }
        let missing = series.columns.iter().filter(|c| !self.columns.contains_key(c.name));
        let missing: Vec<&Column> = missing.collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.write()?;
        for column in missing {
            let since = (self.rows > 0).then_some(step);
            let dataset = create_column(file, series.path, column, since)?;
            let before = unknown(&column.values, self.rows as usize * column.values.len());
            write_values(&dataset, 0, self.rows, before)?;
            self.columns.insert(column.name.into(), dataset);
        }
        Ok(())
    }

    /// Makes the rows as wide as those of the series: wider where pairs were found; narrower where
    /// the file is of a run that found some after the checkpoint that this one goes on from.
    fn widen(&mut self, file: &File<'c>, series: &Series) -> Result<()> {
        for column in &series.columns {
            let was = self.columns[column.name].shape()?;
            let wanted: Vec<u64> = column.shape.iter().map(|&n| n as u64).collect();
            if wanted.is_empty() || was[1] == wanted[0] {
                continue;
            }
            self.write()?;
            let dataset = self.columns.get_mut(column.name).expect("just seen");
            if !dataset.widens()? {
                // An earlier version made it, for as many pairs as there were.
                *dataset = remade(file, series.path, column, (dataset, was[1]))?;
                continue;
            }
            dataset.set_width(wanted[0])?;
            if was[1] < wanted[0] && self.rows > 0 {
                let [mut start, mut count] =
                    [vec![0; was.len()], [&[self.rows], &wanted[..]].concat()];
                (start[1], count[1]) = (was[1], wanted[0] - was[1]);
                let length = count.iter().product::<u64>() as usize;
                write_block(dataset, (&start, &count), unknown(&column.values, length))?;
            }
        }
        Ok(())
    }

    /// Rows, those in memory included.
    fn length(&self) -> usize {
        self.rows as usize + self.new_steps.len()
    }

    /// Appends a row.
    fn add(&mut self, record: &Record, series: &Series) -> Result<()> {
        self.last_step = Some(record.step);
        self.new_steps.push(record.step as i64);
        self.new_times.push(record.time_ps);
        for column in &series.columns {
            self.take(column.name, &column.values)?;
        }
        for (name, unknown) in std::mem::take(&mut self.strange) {
            self.take(&name, &unknown)?;
            self.strange.insert(name, unknown);
        }
        if self.new_steps.len() as u64 >= ROWS { self.write() } else { Ok(()) }
    }

    fn take(&mut self, column: &str, values: &Values) -> Result<()> {
        let gathered = self.new_values.entry(column.into());
        match (gathered.or_insert_with(|| unknown(values, 0)), values) {
            (Values::Real(all), Values::Real(row)) => all.extend(row),
            (Values::Integer(all), Values::Integer(row)) => all.extend(row),
            (Values::Text(all), Values::Text(row)) => all.extend_from_slice(row),
            _ => return Err(Error::Run(format!("{column}: the column changes its type"))),
        }
        Ok(())
    }

    /// Every rank knows all rows; the first one writes them.
    fn write(&mut self) -> Result<()> {
        let new = self.new_steps.len() as u64;
        if new == 0 {
            return Ok(());
        }
        let (steps, times) = (&mut self.new_steps, &mut self.new_times);
        write_values(&self.step, self.rows, new, Values::Integer(std::mem::take(steps)))?;
        write_values(&self.time, self.rows, new, Values::Real(std::mem::take(times)))?;
        for (name, values) in std::mem::take(&mut self.new_values) {
            write_values(&self.columns[&name], self.rows, new, values)?;
        }
        self.rows += new;
        Ok(())
    }

    fn cut_back(&mut self, step: u64) -> Result<()> {
        let steps: Vec<i64> = self.step.read_all()?;
        self.rows = rows_before(&steps, step, self.repeats) as u64;
        self.last_step = steps[..self.rows as usize].last().map(|&s| s as u64);
        [&self.step, &self.time]
            .into_iter()
            .chain(self.columns.values())
            .try_for_each(|dataset| dataset.set_rows(self.rows))
    }
}

/// How many rows of a file belong to steps before this one, of those that `rising` counts.
pub(super) fn rows_before(steps: &[i64], step: u64, repeats: bool) -> usize {
    let rising = &steps[..rising(steps, repeats)];
    rising.iter().take_while(|&&before| (before as u64) < step).count()
}

/// How many rows of a file there are from the first on whose steps rise (or, where a step may have
/// several rows, do not fall). A job that was killed while it flushed may have left a row behind them
/// whose step has not come to the disk: it reads as 0.
pub(super) fn rising(steps: &[i64], repeats: bool) -> usize {
    let follows = |pair: &[i64]| if repeats { pair[0] <= pair[1] } else { pair[0] < pair[1] };
    steps.windows(2).position(|pair| !follows(pair)).map_or(steps.len(), |row| row + 1)
}

/// So many values of the same kind for what was not measured.
fn unknown(like: &Values, length: usize) -> Values {
    match like {
        Values::Real(_) => Values::Real(vec![f64::NAN; length]),
        Values::Integer(_) => Values::Integer(vec![-1; length]),
        Values::Text(_) => Values::Text(vec![String::new(); length]),
    }
}

/// A column of a series, without rows; it tells since which step it is measured, unless always.
fn create_column<'c>(
    file: &File<'c>,
    series: &str,
    column: &Column,
    since: Option<u64>,
) -> Result<Dataset<'c>> {
    let path = format!("{series}/{}", column.name);
    let row: Vec<u64> = column.shape.iter().map(|&n| n as u64).collect();
    let widens = schema::WIDENING.contains(&series) && !row.is_empty();
    let mut part: Vec<u64> = row.iter().map(|&n| n.max(1)).collect();
    let rows = (CHUNK / part.iter().product::<u64>()).clamp(1, ROWS);
    part.iter_mut().take(widens as usize).for_each(|n| *n = n.div_ceil(PARTS).max(PART.min(*n)));
    let chunk = [&[rows], &part[..]].concat();
    let dataset = match (&column.values, widens) {
        (Values::Real(_), false) => file.create_growing::<f64>(&path, &row, &chunk)?,
        (Values::Integer(_), false) => file.create_growing::<i64>(&path, &row, &chunk)?,
        (Values::Text(_), false) => file.create_growing::<Text>(&path, &row, &chunk)?,
        (Values::Real(_), true) => file.create_widening::<f64>(&path, &row, &chunk)?,
        (Values::Integer(_), true) => file.create_widening::<i64>(&path, &row, &chunk)?,
        (Values::Text(_), true) => file.create_widening::<Text>(&path, &row, &chunk)?,
    };
    let unknown = match column.values {
        Values::Real(_) => "NaN",
        Values::Integer(_) => "-1",
        Values::Text(_) => "empty",
    };
    let definition = match since {
        Some(step) => format!("{}; {unknown} before step {step}: not measured", column.definition),
        None => column.definition.to_string(),
    };
    explain(file, &path, column.unit, &definition)?;
    Ok(dataset)
}

/// A column whose rows cannot widen, made anew as wide as the column's, with what it has.
fn remade<'c>(
    file: &File<'c>,
    series: &str,
    column: &Column,
    (old, width): (&Dataset<'c>, u64),
) -> Result<Dataset<'c>> {
    let shape = old.shape()?;
    let rows = shape[0] as usize;
    let each = shape[2..].iter().product::<u64>() as usize;
    let (was, wanted) = (width as usize * each, column.values.len());
    let nothing = unknown(&column.values, wanted.saturating_sub(was));
    let values = match (&column.values, nothing) {
        (Values::Real(_), Values::Real(n)) => {
            Values::Real(widened(old.read_all()?, [was, wanted], &n))
        }
        (Values::Integer(_), Values::Integer(n)) => {
            Values::Integer(widened(old.read_all()?, [was, wanted], &n))
        }
        _ => return Err(Error::Run(format!("{}: the column changes its shape", old.name()))),
    };
    let path = format!("{series}/{}", column.name);
    file.unlink(&path)?;
    let new = create_column(file, series, column, None)?;
    if rows > 0 {
        write_values(&new, 0, rows as u64, values)?;
    }
    Ok(new)
}

/// Rows of `was` values, each cut or made longer by `nothing` to what is wanted.
fn widened<T: Copy>(values: Vec<T>, [was, wanted]: [usize; 2], nothing: &[T]) -> Vec<T> {
    let row = |row: &[T]| [&row[..was.min(wanted)], nothing].concat();
    values.chunks_exact(was.max(1)).flat_map(row).collect()
}

fn explain(file: &File, path: &str, unit: &str, definition: &str) -> Result<()> {
    file.set_attribute(path, "unit", Attribute::Variable(unit))?;
    file.set_attribute(path, "definition", Attribute::Variable(definition))
}

fn write_values(dataset: &Dataset, first: u64, rows: u64, values: Values) -> Result<()> {
    dataset.set_rows(first + rows)?;
    let mut count = dataset.shape()?;
    count[0] = rows;
    let mut start = vec![0; count.len()];
    start[0] = first;
    write_block(dataset, (&start, &count), values)
}

fn write_block(dataset: &Dataset, block: (&[u64], &[u64]), values: Values) -> Result<()> {
    match values {
        Values::Real(v) => write_numbers(dataset, block, &v),
        Values::Integer(v) => write_numbers(dataset, block, &v),
        Values::Text(v) => {
            let texts: Vec<Text> = v.iter().map(|text| Text::new(text)).collect();
            write_numbers(dataset, block, &texts)
        }
    }
}

fn write_numbers<T: Element>(
    dataset: &Dataset,
    (start, count): (&[u64], &[u64]),
    values: &[T],
) -> Result<()> {
    if count.iter().product::<u64>() != values.len() as u64 {
        return Err(Error::Run(format!("{}: the column changes its shape", dataset.name())));
    }
    dataset.write_known(start, count, values)
}

#[cfg(test)]
mod tests {
    use super::rows_before;

    #[test]
    fn rows_whose_step_has_not_come_to_the_disk_do_not_count() {
        assert_eq!(rows_before(&[0, 10, 20, 30, 40, 0], 50, false), 5);
        assert_eq!(rows_before(&[0, 0], 50, false), 1);
        assert_eq!(rows_before(&[0, 10, 20], 20, false), 2);
        assert_eq!(rows_before(&[5, 5, 10, 0], 50, true), 3);
        assert_eq!(rows_before(&[], 50, false), 0);
    }
}
