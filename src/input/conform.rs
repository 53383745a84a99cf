//! Holds a TOML document against the shape of the input: unknown keys (with the
//! nearest valid one, or the right unit), missing keys, wrong types, values out of
//! bounds.

use super::schema::{Choice, Key, Kind, Shape, Tagged, or};
use super::source::{Problems, join};
use super::unit;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Adds everything in `document` that is not of the shape of `keys` to `problems`.
pub fn conform(document: &DeTable, keys: &[Key], problems: &mut Problems) {
    Conform { input: keys, problems }.table(document, keys, "", 0);
}

struct Conform<'a, 'b> {
    /// The keys of the whole input: a key may stand in the wrong table.
    input: &'a [Key],
    problems: &'a mut Problems<'b>,
}

impl Conform<'_, '_> {
    /// `begin`: the byte where the table begins.
    fn table(&mut self, table: &DeTable, keys: &[Key], path: &str, begin: usize) {
        let mut meant = Vec::new();
        for (name, value) in table {
            match keys.iter().find(|key| key.name == **name.get_ref()) {
                Some(key) => self.value(value, &key.shape, &key.name, &join(path, &key.name)),
                None => {
                    let (guess, hint) = self.guess(name.get_ref(), value.get_ref(), keys);
                    meant.extend(guess.map(|key| &key.name));
                    let unknown = format!("unknown key `{}` in {}", name.get_ref(), title(path));
                    self.problems.at_byte(name.span().start, unknown + &hint);
                }
            }
        }
        for key in keys.iter().filter(|key| key.required && !table.contains_key(&*key.name)) {
            // `libary` for `library` is one mistake, not two.
            if !meant.contains(&&key.name) {
                let what = match key.table() {
                    Some(_) => header(&join(path, &key.name), key.repeats()),
                    None => format!("`{}` ({})", key.name, key.shape),
                };
                let message = format!("{} lacks {what}: {}", title(path), key.meaning);
                self.problems.at_byte(begin, message);
            }
        }
    }

    /// Against the keys of the kind that the table says it is of.
    fn tagged(&mut self, table: &DeTable, tagged: &Tagged, path: &str, begin: usize) {
        let tag = &tagged.tag;
        let said = table.iter().find(|(name, _)| **name.get_ref() == tag.name);
        let name = match said.map(|(_, value)| value.get_ref()) {
            Some(DeValue::String(text)) => Some(text.to_string()),
            Some(_) => None,
            None => tag.default.as_ref().and_then(|name| name.as_str()).map(String::from),
        };
        let kind = tagged.kinds.iter().find(|kind| Some(&kind.name) == name.as_ref());
        let Some(kind) = kind else {
            // The tag alone is what is wrong.
            match said {
                Some((_, value)) => self.value(value, &tag.shape, &tag.name, path),
                None => {
                    let message = format!("{} lacks `{}` ({})", title(path), tag.name, tag.shape);
                    self.problems.at_byte(begin, message);
                }
            }
            return;
        };
        let mut keys = vec![tag.clone()];
        keys.extend(kind.keys.iter().cloned());
        let own = |name: &str| keys.iter().any(|key| key.name == name);
        let (mut here, mut of_others) = (DeTable::new(), Vec::new());
        for (name, value) in table {
            let text = &**name.get_ref();
            match !own(text) && tagged.all.iter().any(|key| key.name == text) {
                true => of_others.push(name),
                false => drop(here.insert(name.clone(), value.clone())),
            }
        }
        for name in of_others {
            let text = &**name.get_ref();
            let has = |kind: &&Kind| kind.keys.iter().any(|key| key.name == text);
            let homes: Vec<String> = (tagged.kinds.iter().filter(has))
                .map(|kind| format!("\"{}\"", kind.name))
                .collect();
            let message = format!(
                "`{text}` has no meaning with `{} = \"{}\"`: it belongs to {}",
                tag.name,
                kind.name,
                or(&homes)
            );
            self.problems.at_byte(name.span().start, message);
        }
        self.table(&here, &keys, path, begin);
    }

    /// `name` is what messages call the value; `path` leads to it through the tables.
    fn value(&mut self, value: &Spanned<DeValue>, shape: &Shape, name: &str, path: &str) {
        let begin = value.span().start;
        match (shape, value.get_ref()) {
            (Shape::Table(keys), DeValue::Table(table)) => self.table(table, keys, path, begin),
            (Shape::Tagged(tagged), DeValue::Table(table)) => {
                self.tagged(table, tagged, path, begin);
            }
            (Shape::Map { names, value: shape, least }, DeValue::Table(entries)) => {
                if entries.len() < *least {
                    self.problems.at_byte(begin, format!("`{name}` is empty"));
                }
                for (entry, value) in entries {
                    let own = entry.get_ref();
                    match names {
                        Some(names) if !names.iter().any(|known| known == own) => {
                            let known: Vec<_> = names.iter().map(|n| format!("`{n}`")).collect();
                            let message = format!("`{name}` has no `{own}`, only {}", or(&known));
                            self.problems.at_byte(entry.span().start, message);
                        }
                        _ => self.value(value, shape, &join(name, own), &join(path, own)),
                    }
                }
            }
            (Shape::List { item, least, most }, DeValue::Array(items)) => {
                if items.len() < *least || items.len() > *most {
                    let message = format!("`{name}` must be {shape}, not of {}", items.len());
                    self.problems.at_byte(begin, message);
                }
                for (i, value) in items.iter().enumerate() {
                    self.value(value, item, name, &format!("{path}[{i}]"));
                }
            }
            (Shape::List { item, .. }, DeValue::Table(_)) if matches!(**item, Shape::Table(_)) => {
                let header = header(path, true);
                let message = format!("there may be several `{name}`: write {header}");
                self.problems.at_byte(begin, message);
            }
            (Shape::Either(shapes), found) => {
                match shapes.iter().find(|shape| same_kind(shape, found)) {
                    Some(shape) => self.value(value, shape, name, path),
                    None => self.wrong_value(value, shape, name),
                }
            }
            (Shape::Choice(choices), DeValue::String(text)) => {
                if !choices.iter().any(|choice| choice.name == **text) {
                    let message = unknown_choice(text, choices, shape, name);
                    self.problems.at_byte(begin, message);
                }
            }
            (Shape::Number(range), found) if number(found).is_some_and(|x| range.holds(x)) => {}
            (Shape::Whole(range), found @ DeValue::Integer(_))
                if number(found).is_some_and(|x| range.holds(x)) => {}
            (Shape::Text, DeValue::String(_)) | (Shape::Flag, DeValue::Boolean(_)) => {}
            _ => self.wrong_value(value, shape, name),
        }
    }

    fn wrong_value(&mut self, value: &Spanned<DeValue>, shape: &Shape, name: &str) {
        let mut message = format!("`{name}` must be {shape}, not {}", shown(value.get_ref()));
        let wants_number = matches!(shape, Shape::Number(_) | Shape::Whole(_));
        if let (true, DeValue::String(_), (_, Some(unit))) =
            (wants_number, value.get_ref(), unit::split(name))
        {
            message += &format!(" (the bare number, in {})", unit.symbol);
        }
        self.problems.at_byte(value.span().start, message);
    }

    /// Which of `keys` an unknown one stands for, and the hint that helps.
    fn guess<'k>(&self, name: &str, value: &DeValue, keys: &'k [Key]) -> (Option<&'k Key>, String) {
        let (stem, given) = unit::split(name);
        let same_stem = keys.iter().find_map(|key| {
            let (known_stem, wanted) = unit::split(&key.name);
            wanted.filter(|_| known_stem == stem).map(|wanted| (key, wanted))
        });
        if let Some((key, wanted)) = same_stem {
            let converted = given
                .and_then(|given| given.to(wanted, number(value)?))
                .map(|converted| format!(" = {converted}"))
                .unwrap_or_default();
            let hint = format!(
                ": `{stem}` is given in {}: write `{}{converted}`",
                wanted.symbol, key.name
            );
            return (Some(key), hint);
        }
        if let Some(home) = home_of(name, self.input, "") {
            return (None, format!(": it belongs to {home}"));
        }
        if self.input.iter().any(|key| key.name == name) {
            return (None, ": it belongs to the top of the file, before any table".to_string());
        }
        if let Some(near) = nearest(name, keys.iter().map(|key| &*key.name)) {
            let key = keys.iter().find(|key| key.name == near);
            return (key, format!("; did you mean `{near}`?"));
        }
        let known: Vec<String> = keys.iter().map(|key| format!("`{}`", key.name)).collect();
        (None, format!("; the keys here are {}", known.join(", ")))
    }
}

/// A table as the input writes it: `[box]`, `[[stage]] number 2`, `adatoms of [[particle]] number 1`.
pub fn title(path: &str) -> String {
    let (above, name) = match path.rsplit_once('.') {
        Some((above, name)) => (Some(above), name),
        None => (None, path),
    };
    let own = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((name, index)) => {
            let number = index.parse::<usize>().map_or(0, |index| index + 1);
            format!("`[[{name}]]` number {number}")
        }
        None if name.is_empty() => "the file".to_string(),
        None if above.is_some() => format!("`{name}`"),
        None => format!("`[{name}]`"),
    };
    match above {
        Some(above) => format!("{own} of {}", title(above)),
        None => own,
    }
}

/// The header of the table, anywhere below the table `path` of the input, that has the key `name`.
fn home_of(name: &str, tables: &[Key], path: &str) -> Option<String> {
    tables.iter().find_map(|table| {
        let keys = table.table()?;
        let path = join(path, &table.name);
        if keys.iter().any(|key| key.name == name) {
            return Some(header(&path, table.repeats()));
        }
        home_of(name, keys, &path)
    })
}

/// As it stands in the file above the keys of a table, which belongs to the last of those above.
fn header(path: &str, repeats: bool) -> String {
    let without_number = |name: &str| name.split('[').next().unwrap_or_default().to_string();
    let path = path.split('.').map(without_number).collect::<Vec<_>>().join(".");
    if repeats { format!("`[[{path}]]`") } else { format!("`[{path}]`") }
}

/// Names less alike than this (Jaro-Winkler) are no help to each other.
const ALIKE: f64 = 0.8;

/// The known name that is most like `name`, if any is like it.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = name.to_lowercase();
    known
        .map(|known| (strsim::jaro_winkler(&lower, &known.to_lowercase()), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// The known name that is most like `name`, as the end of a message; nothing if none is like it.
pub fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or(String::new(), |near| format!("; did you mean `{near}`?"))
}

fn unknown_choice(text: &str, choices: &[Choice], shape: &Shape, name: &str) -> String {
    let hint = nearest(text, choices.iter().map(|choice| &*choice.name))
        .map(|near| format!("; did you mean \"{near}\"?"))
        .unwrap_or_default();
    format!("`{name}` must be {shape}, not \"{text}\"{hint}")
}

fn same_kind(shape: &Shape, value: &DeValue) -> bool {
    matches!(
        (shape, value),
        (Shape::Choice(_) | Shape::Text, DeValue::String(_))
            | (Shape::List { .. }, DeValue::Array(_))
            | (Shape::Number(_) | Shape::Whole(_), DeValue::Integer(_) | DeValue::Float(_))
    )
}

/// The value as a number, if it is one.
fn number(value: &DeValue) -> Option<f64> {
    match value {
        DeValue::Integer(whole) => {
            i64::from_str_radix(whole.as_str(), whole.radix()).ok().map(|n| n as f64)
        }
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}

fn shown(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => format!("the text \"{text}\""),
        DeValue::Integer(whole) => whole.as_str().to_string(),
        DeValue::Float(float) => float.as_str().to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(date) => format!("the date {date}"),
        DeValue::Array(_) => "a list".to_string(),
        DeValue::Table(_) => "a table".to_string(),
    }
}
