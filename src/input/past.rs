//! What an input may ask of a run that goes on: which keys belong to its past.
//!
//! A run has one past, made by the input of the job that wrote the checkpoint. The input
//! of the next job may ask for another future, but not for another past: a key that has
//! had its effect must mean what it meant then. Since when a key counts as past is written
//! beside it in `config` (`x-fixed`); a table hands its own on to the keys in it, and what
//! is not marked is fixed from the start, so that a new key is safe before anyone thinks
//! of it.
//!
//! Compared is what the keys mean, with all defaults filled in: not how the file is
//! written, nor where the files stand that it names, nor keys without an effect.

use super::config::{Arrangement, Change, Config, Shape, StageKind};
use super::potential::symbol_and_entry;
use super::reference::toml;
use super::schema::{Key, keys_of_input};
use super::source::{Problems, join};
use crate::error::Result;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

/// Since when a key can no longer change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fixed {
    /// The run has begun.
    Start,
    /// The first stage has begun in which atoms move in time.
    Motion,
    /// The particles are together.
    Join,
    /// Its stage has begun.
    Stage,
    /// The trajectory file has begun.
    Trajectory,
    /// It changes nothing in the past.
    Never,
}

/// An input, with the contents of the files that it names.
pub struct Asked<'a> {
    pub config: &'a Config,
    /// Key of each file, its name and the checksum of what is in it; none where a file is
    /// named but its content is not known.
    pub files: Vec<(String, Option<File>)>,
}

/// A file by its content.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    pub name: String,
    pub sum: String,
    /// What is in it, where that is known.
    pub text: Option<String>,
}

/// Where the run stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Name of the checkpoint.
    pub checkpoint: String,
    pub step: u64,
    /// Stage that is under way or comes next, from 0.
    pub stage: usize,
    /// Steps made in it.
    pub steps: u64,
    /// How the stage before ended, if that was a minimisation.
    pub minimised: Option<Minimised>,
    /// Whether a new trajectory begins.
    pub new_trajectory: bool,
}

/// The end of a minimisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minimised {
    pub steps: u64,
    /// Whether it was out of steps and can be given more.
    pub can_go_on: bool,
    /// Whether forces became small enough.
    pub converged: bool,
}

/// A key that means something else than when the checkpoint was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    pub key: String,
    pub then: String,
    pub now: String,
}

/// What is different in the future of the run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// In the order of the keys.
    pub noted: Vec<Difference>,
    /// What makes another system of the same atoms, as `may_change` allows.
    pub system: Vec<Change>,
    /// The stage that had just ended is longer: its old length in steps.
    pub longer: Option<u64>,
    /// Whether the particles have been put together.
    pub together: bool,
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.key, self.then, self.now)
    }
}

/// What is different between the input that wrote a checkpoint and the one that goes on
/// from it. An error, at the places of the keys, names all that contradicts the past.
pub fn compare(then: &Asked, now: &Asked, standing: &Standing) -> Result<Changes> {
    let [mut before, mut after] = [then, now].map(meaning);
    contents(then, now, &mut before, &mut after);
    let mut comparison = Comparison {
        then: then.config,
        now: now.config,
        standing,
        changes: Changes::default(),
        derived: Vec::new(),
        problems: Problems::new(&now.config.source),
    };
    comparison.tables(keys_of_input(), Fixed::Start, "", (Some(&before), Some(&after)));
    comparison.changes.together = comparison.is_together();
    // A default that follows a key which is told of needs no word of its own.
    if comparison.problems.is_empty() && comparison.changes.system.is_empty() {
        for (difference, advice) in std::mem::take(&mut comparison.derived) {
            comparison.refuse(difference, &advice);
        }
    }
    comparison.problems.into_result()?;
    Ok(comparison.changes)
}

/// The keys of an input that have an effect, with their values in one form.
fn meaning(asked: &Asked) -> Value {
    let mut config = asked.config.clone();
    let tables = std::iter::once(&mut config.potential).chain(&mut config.terms);
    for element in tables.flat_map(|table| &mut table.elements) {
        // An entry of the element's own name.
        let (symbol, entry) = symbol_and_entry(element);
        if symbol == entry {
            *element = symbol.to_string();
        }
    }
    for table in std::iter::once(&mut config.potential).chain(&mut config.terms) {
        // In whichever order.
        table.pairs.iter_mut().for_each(|pair| pair.sort());
        table.pairs.sort();
    }
    // Boundaries that a file has are not known here: any length may count.
    let periodic = match config.cell.boundary {
        None if config.structure.is_some() => [true; 3],
        _ => config.cell.periodic(),
    };
    if let Some(lengths) = &mut config.cell.lengths_angstrom {
        (0..3).filter(|&d| !periodic[d]).for_each(|d| lengths[d] = 0.0);
    }
    if periodic == [false; 3] {
        config.cell.lengths_angstrom = None;
    }
    for particle in &mut config.particles {
        particle.composition.retain(|_, fraction| *fraction != 0.0);
        if particle.shape != Shape::Wulff {
            particle.surface_energy_j_per_m2 = Default::default();
        }
    }
    for pressure in config.stages.iter_mut().filter_map(|stage| stage.pressure.as_mut()) {
        *pressure = pressure.plain();
    }
    let mut value = serde_json::to_value(&config).expect("a Config is plain data");
    let stages = value["stage"].as_array_mut().into_iter().flatten();
    for ((i, stage), table) in config.stages.iter().enumerate().zip(stages) {
        let table = table.as_object_mut().expect("a stage is a table");
        let mut without = |key: &str| drop(table.remove(key));
        let moved = config.stages[..i].iter().any(|stage| stage.kind.is_dynamic());
        stage.idle(moved).iter().flat_map(|idle| &idle.keys).copied().for_each(&mut without);
        if !stage.kind.is_dynamic() {
            without("remove_linear_momentum");
            without("remove_angular_momentum");
        }
        if stage.particles == Arrangement::Apart {
            // One for each, whatever is said.
            without("thermostat_for");
        }
    }
    value
}

/// Puts the contents of files in place of their names; a file that is the same is so
/// under any name, and one that is not known is not compared.
fn contents(then: &Asked, now: &Asked, before: &mut Value, after: &mut Value) {
    let shown = |file: &File, line: Option<String>| {
        let line = line.map_or(String::new(), |line| format!(", {line}"));
        json!(format!("{} ({:.12}{line})", file.name, file.sum))
    };
    let of = |asked: &'_ Asked, key: &str| -> Option<Option<File>> {
        asked.files.iter().find(|(k, _)| k == key).map(|(_, file)| file.clone())
    };
    let keys: BTreeSet<&String> = then.files.iter().chain(&now.files).map(|(key, _)| key).collect();
    for key in keys {
        let (old, new) = (of(then, key), of(now, key));
        let pointer = format!("/{}", key.replace(['.', '['], "/").replace(']', ""));
        let same = match (&old, &new) {
            (Some(Some(old)), Some(Some(new))) => old.sum == new.sum,
            (Some(None), Some(_)) => true,
            _ => false,
        };
        let text = |file: &Option<Option<File>>| file.as_ref()?.as_ref()?.text.clone();
        let lines = text(&old).zip(text(&new)).and_then(|(old, new)| first_difference(&old, &new));
        let [then, now] = lines.map_or([None, None], |lines| lines.map(Some));
        for (value, file, line) in [(&mut *before, old, then), (&mut *after, new, now)] {
            if let (Some(place), Some(Some(file))) = (value.pointer_mut(&pointer), file) {
                *place = shown(&file, line);
            }
        }
        if same && let Some(place) = before.pointer_mut(&pointer) {
            *place = after.pointer(&pointer).cloned().unwrap_or_default();
        }
    }
}

/// The first line in which two texts differ, in words, of each.
fn first_difference(one: &str, other: &str) -> Option<[String; 2]> {
    /// Longer lines are cut.
    const WIDEST: usize = 60;
    let mut both = [one.lines(), other.lines()];
    for number in 1.. {
        let lines = both.each_mut().map(|lines| lines.next());
        match lines {
            [None, None] => break,
            [old, new] if old == new => {}
            _ => {
                return Some(lines.map(|line| match line {
                    Some(line) => {
                        let cut: String = line.trim().chars().take(WIDEST).collect();
                        format!("line {number}: `{cut}`")
                    }
                    None => format!("no line {number}"),
                }));
            }
        }
    }
    None
}

/// A table or value on either side.
type Sides<'v> = (Option<&'v Value>, Option<&'v Value>);

struct Comparison<'a> {
    then: &'a Config,
    now: &'a Config,
    standing: &'a Standing,
    changes: Changes,
    /// Contradictions in keys that neither input gives.
    derived: Vec<(Difference, String)>,
    problems: Problems<'a>,
}

impl Comparison<'_> {
    /// `fixed` holds for keys that say nothing else.
    fn tables(&mut self, keys: &[Key], fixed: Fixed, path: &str, (then, now): Sides) {
        let empty = Map::new();
        let [then, now] = [then, now].map(|v| v.and_then(Value::as_object).unwrap_or(&empty));
        let gone = then.keys().filter(|name| !now.contains_key(*name));
        for name in now.keys().chain(gone) {
            let path = join(path, name);
            let sides = (then.get(name), now.get(name));
            let Some(key) = keys.iter().find(|key| key.name == *name) else {
                self.value(&path, fixed, sides);
                continue;
            };
            let fixed = key.fixed.unwrap_or(fixed);
            match (key.table(), sides) {
                (Some(keys), (Some(Value::Object(_)), Some(Value::Object(_)))) => {
                    self.tables(keys, fixed, &path, sides);
                }
                (Some(keys), (Some(Value::Array(_)) | None, Some(Value::Array(_)) | None)) => {
                    self.lists(keys, fixed, &path, sides);
                }
                _ => self.value(&path, fixed, sides),
            }
        }
    }

    fn lists(&mut self, keys: &[Key], fixed: Fixed, path: &str, (then, now): Sides) {
        let [then, now] = [then, now]
            .map(|v| v.and_then(Value::as_array).map_or(&[][..], |items| items.as_slice()));
        for i in 0..then.len().max(now.len()) {
            let path = format!("{path}[{i}]");
            match (then.get(i), now.get(i)) {
                (Some(then), Some(now)) => {
                    self.tables(keys, fixed, &path, (Some(then), Some(now)));
                }
                one_sided => self.value(&path, fixed, one_sided),
            }
        }
    }

    fn value(&mut self, key: &str, fixed: Fixed, (then, now): Sides) {
        if then == now || self.same_steps(key, then, now) {
            return;
        }
        let given = |config: &Config| config.source.has(key);
        let derived = !given(self.then) && !given(self.now);
        let difference = Difference { key: key.into(), then: shown(then), now: shown(now) };
        match self.contradiction(key, fixed, &difference) {
            // A default that follows another key, which is told of.
            None if derived => {}
            Some(advice) if derived => self.derived.push((difference, advice)),
            None => self.changes.noted.push(difference),
            Some(advice) => self.refuse(difference, &advice),
        }
    }

    /// Times that are the same number of time steps.
    fn same_steps(&self, key: &str, then: Option<&Value>, now: Option<&Value>) -> bool {
        let [then, now] = [(then, self.then), (now, self.now)].map(|(value, config)| {
            let unit = if key.ends_with("_fs") { 1e-3 } else { 1.0 };
            value.and_then(Value::as_f64).map(|time| config.dynamics.steps(unit * time))
        });
        // Those of a piston are numbers in its equation, not counts of steps; so are relaxation times.
        let is_span =
            (key.ends_with("_ps") && !key.starts_with("piston[")) || key.ends_with(".interval_fs");
        is_span && then.is_some() && then == now
    }

    fn refuse(&mut self, difference: Difference, advice: &str) {
        let Difference { key, then, now } = difference;
        let change = match key.split(['.', '[']).next() {
            Some("potential" | "term") if self.same_symbols() => Some(Change::Potential),
            Some("box") => Some(Change::Box),
            Some("seed") => Some(Change::Seed),
            _ => None,
        };
        let allowed = change.filter(|change| self.now.checkpoint.may_change.contains(change));
        if let Some(change) = allowed {
            if !self.changes.system.contains(&change) {
                self.changes.system.push(change);
            }
            self.changes.noted.push(Difference { key, then, now });
            return;
        }
        let or = change.map_or(String::new(), |change| {
            let name = change.name();
            format!(
                ", or let it change and go on in a new folder: `[checkpoint] may_change = [\"{name}\"]`, \
                 --restart with --output"
            )
        });
        let Standing { checkpoint, step, .. } = self.standing;
        self.problems.at(
            &key,
            format!(
                "{checkpoint} (step {step}) was written with {key} {then}, and the input says \
                 {now}: {advice}{or}"
            ),
        );
    }

    fn same_symbols(&self) -> bool {
        self.then.symbols() == self.now.symbols()
    }

    /// What is to be done where a difference contradicts the past.
    fn contradiction(&mut self, key: &str, fixed: Fixed, found: &Difference) -> Option<String> {
        let advice = |past: bool, since: &str| past.then(|| format!("{since} {GO_ON}"));
        match fixed {
            Fixed::Never => None,
            Fixed::Start => advice(true, "it has had its effect from the start: go on"),
            Fixed::Motion => {
                advice(self.is_moving(), "the atoms have been set in motion with it: go on")
            }
            Fixed::Join if self.then.stages.iter().any(|s| s.particles == Arrangement::Apart) => {
                advice(
                    self.is_together(),
                    "the particles stand together: go on from a checkpoint before that (--restart),",
                )
            }
            Fixed::Join => {
                advice(self.is_together(), "the atoms stand where they do with it: go on")
            }
            Fixed::Trajectory => advice(
                !self.standing.new_trajectory,
                "the trajectory has begun with it: go on in a new folder (--restart with --output),",
            ),
            Fixed::Stage => {
                let stage = key.strip_prefix("stage[")?.split(']').next()?.parse().ok()?;
                self.stage(stage, key.rsplit('.').next().unwrap_or_default(), found)
            }
        }
    }

    /// The same for a key of a stage.
    fn stage(&mut self, stage: usize, name: &str, found: &Difference) -> Option<String> {
        let Standing { stage: here, steps, minimised, .. } = *self.standing;
        let (before, just_ended, under_way) =
            (stage < here, stage + 1 == here && steps == 0, stage == here && steps > 0);
        if !before && !under_way {
            return None;
        }
        let elsewhere = "go on from a checkpoint before it (--restart), with the old value, or add \
                         a stage";
        let over = Some(format!("that stage is over; {elsewhere}"));
        let begun = Some(format!("that stage is under way; {elsewhere}"));
        let (Some(then), Some(now)) = (self.then.stages.get(stage), self.now.stages.get(stage))
        else {
            return if before { over } else { begun };
        };
        if then.kind != now.kind {
            return if before { over } else { begun };
        }
        let length = |config: &Config, time: Option<f64>| {
            time.map_or(0, |time_ps| config.dynamics.steps(time_ps))
        };
        let used_up = |m: Minimised| !m.converged && m.steps >= then.max_steps;
        match name {
            "duration_ps" => {
                let before = length(self.then, then.duration_ps);
                let after = length(self.now, now.duration_ps);
                let ramps = then.ramps().filter(|_| just_ended || under_way);
                if let Some(ramps) = ramps {
                    return Some(format!(
                        "the ramp would have had other {ramps} so far; {elsewhere}"
                    ));
                }
                match (just_ended, under_way, after) {
                    (true, _, after) if after > before => {
                        self.changes.longer = Some(before);
                        None
                    }
                    (_, true, after) if after >= steps => None,
                    (_, true, _) => Some(format!(
                        "{} ps of that stage lie behind; {elsewhere}",
                        self.then.dynamics.time_ps(steps)
                    )),
                    _ => over,
                }
            }
            "max_steps" if under_way => {
                (now.max_steps <= steps).then(|| format!("it has made {steps} steps; {elsewhere}"))
            }
            "max_steps" if just_ended && minimised.is_some_and(used_up) => {
                let made = then.max_steps;
                match now.max_steps > made {
                    true if minimised.is_some_and(|m| m.can_go_on) => {
                        self.changes.longer = Some(made);
                        None
                    }
                    true => Some(format!(
                        "at its last step the atoms were brought to rest, by another program \
                         version; add a stage that minimises on, or {elsewhere}"
                    )),
                    false => Some(format!("it has made {made} steps; {elsewhere}")),
                }
            }
            "max_steps" if just_ended => {
                let made = minimised.map_or(u64::MAX, |m| m.steps);
                (now.max_steps < made).then(|| format!("it has made {made} steps; {elsewhere}"))
            }
            "force_tolerance_ev_per_angstrom" if under_way => {
                let larger = now.force_tolerance_ev_per_angstrom;
                let smaller = then.force_tolerance_ev_per_angstrom;
                (larger > smaller).then(|| {
                    format!("with a larger one the stage might have ended before; {elsewhere}")
                })
            }
            _ if before => over,
            _ => {
                debug_assert_ne!(found.then, found.now);
                begun
            }
        }
    }

    /// Stages that have begun.
    fn begun(&self) -> impl Iterator<Item = &super::config::StageConfig> {
        let under_way = (self.standing.steps > 0) as usize;
        self.then.stages.iter().take(self.standing.stage + under_way)
    }

    fn is_moving(&self) -> bool {
        self.begun().any(|stage| stage.kind.is_dynamic())
    }

    fn is_together(&self) -> bool {
        self.begun().any(|stage| stage.particles == Arrangement::Together)
    }
}

const GO_ON: &str = "with the old value, or begin another run (--output)";

/// A value as it would stand in the input.
fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not given".to_string(),
        Some(Value::Object(table)) if table.contains_key("kind") => {
            // Terms and planes have kinds too.
            let kind = &table["kind"];
            let stage = serde_json::from_value::<StageKind>(kind.clone()).is_ok();
            let time = table.get("duration_ps").map(|time| format!(", {} ps", toml(time)));
            let what = if stage { "a stage" } else { "one of kind" };
            format!("{what} {kind}{}", time.unwrap_or_default())
        }
        Some(Value::Number(number)) if number.is_f64() => {
            number.as_f64().unwrap_or_default().to_string()
        }
        Some(value) => toml(value),
    }
}

#[cfg(test)]
mod tests;
