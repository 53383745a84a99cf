//! The shape of an input file: its tables, keys, types, bounds and defaults.
//!
//! `config.rs` is the only place where they are written; `schemars` derives a JSON
//! schema from it, and this module turns the part of JSON schema that occurs there
//! into plain values for `conform` (is a document of this shape?) and `reference`
//! (what is the shape?).

use super::config::Config;
use super::past::Fixed;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::{self, Display, Formatter};
use std::sync::LazyLock;

#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    pub name: String,
    pub meaning: String,
    pub required: bool,
    /// What a left-out key counts as; none where that depends on other keys.
    pub default: Option<Value>,
    /// Since when it cannot change in a run, where its table does not say it.
    pub fixed: Option<Fixed>,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Number(Range),
    Whole(Range),
    Text,
    Flag,
    Choice(Vec<Choice>),
    List {
        item: Box<Shape>,
        least: usize,
        most: usize,
    },
    Table(Vec<Key>),
    Tagged(Box<Tagged>),
    /// Numbers under names, any or only those given.
    Map {
        names: Option<Vec<String>>,
        value: Box<Shape>,
        least: usize,
    },
    Either(Vec<Shape>),
}

/// A table of one of several kinds, which a key in it names; each kind has keys of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// The key that names the kind.
    pub tag: Key,
    pub kinds: Vec<Kind>,
    /// The keys of all kinds, each once; the first is the tag.
    pub all: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Kind {
    pub name: String,
    pub meaning: String,
    /// Without the tag.
    pub keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub name: String,
    pub meaning: String,
}

/// Bounds of a number, inclusive but for `above`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    pub above: Option<f64>,
    pub least: Option<f64>,
    pub most: Option<f64>,
}

impl Range {
    pub fn holds(&self, x: f64) -> bool {
        x.is_finite()
            && self.above.is_none_or(|bound| x > bound)
            && self.least.is_none_or(|bound| x >= bound)
            && self.most.is_none_or(|bound| x <= bound)
    }
}

impl Key {
    /// The keys of the table, or of each table of the array of tables, that this key is.
    pub fn table(&self) -> Option<&[Key]> {
        match &self.shape {
            Shape::Table(keys) => Some(keys),
            Shape::Tagged(tagged) => Some(&tagged.all),
            Shape::List { item, .. } => match &**item {
                Shape::Table(keys) => Some(keys),
                _ => None,
            },
            _ => None,
        }
    }

    /// The kinds of the table, if it is of one of several.
    pub fn tagged(&self) -> Option<&Tagged> {
        match &self.shape {
            Shape::Tagged(tagged) => Some(tagged),
            _ => None,
        }
    }

    /// Whether the key stands for an array of tables.
    pub fn repeats(&self) -> bool {
        self.table().is_some() && matches!(self.shape, Shape::List { .. })
    }
}

/// The keys of an input file at its top level.
pub fn keys_of_input() -> &'static [Key] {
    static KEYS: LazyLock<Vec<Key>> = LazyLock::new(keys_of_file::<Config>);
    &KEYS
}

/// The keys of a TOML file of this shape at its top level.
pub fn keys_of_file<T: JsonSchema>() -> Vec<Key> {
    let schema = schemars::generate::SchemaSettings::default()
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>();
    keys_of(schema.as_value())
}

fn keys_of(table: &Value) -> Vec<Key> {
    let required: Vec<&str> =
        array(&table["required"]).iter().filter_map(|name| name.as_str()).collect();
    let properties = table["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, schema)| Key {
            name: name.clone(),
            meaning: meaning_of(schema),
            required: required.contains(&name.as_str()),
            default: schema.get("default").cloned(),
            fixed: schema.get("x-fixed").map(|fixed| {
                Fixed::deserialize(fixed).expect("`x-fixed` in config.rs is one of `Fixed`")
            }),
            shape: shape_of(schema),
        })
        .collect()
}

fn shape_of(schema: &Value) -> Shape {
    if let Some(choices) = schema["oneOf"].as_array() {
        if choices.iter().any(|choice| choice.get("properties").is_some()) {
            return Shape::Tagged(Box::new(tagged_of(schema, choices)));
        }
        return Shape::Choice(choices.iter().map(choice_of).collect());
    }
    if let Some(shapes) = schema["anyOf"].as_array() {
        let mut shapes: Vec<Shape> =
            shapes.iter().filter(|s| s["type"] != "null").map(shape_of).collect();
        return if shapes.len() == 1 { shapes.remove(0) } else { Shape::Either(shapes) };
    }
    if schema.get("const").is_some() {
        return Shape::Choice(vec![choice_of(schema)]);
    }
    let least = |key: &str| schema[key].as_u64().unwrap_or(0) as usize;
    match type_of(schema) {
        "number" => Shape::Number(range_of(schema)),
        "integer" => Shape::Whole(range_of(schema)),
        "string" => Shape::Text,
        "boolean" => Shape::Flag,
        "array" => Shape::List {
            item: Box::new(shape_of(&schema["items"])),
            least: least("minItems"),
            most: schema["maxItems"].as_u64().map_or(usize::MAX, |n| n as usize),
        },
        "object" if schema.get("properties").is_some() => Shape::Table(keys_of(schema)),
        "object" => Shape::Map {
            names: schema["propertyNames"]["enum"].as_array().map(|names| {
                names.iter().filter_map(|name| name.as_str()).map(String::from).collect()
            }),
            value: Box::new(shape_of(&schema["additionalProperties"])),
            least: least("minProperties"),
        },
        other => unreachable!("config.rs has no key of the type {other}: {schema}"),
    }
}

/// The tag is the one key of all kinds that has one value; `x-kind` is that of a table without it.
fn tagged_of(schema: &Value, choices: &[Value]) -> Tagged {
    let is_tag = |key: &Key| matches!(&key.shape, Shape::Choice(names) if names.len() == 1);
    let mut tag: Option<Key> = None;
    let mut kinds = Vec::new();
    for choice in choices {
        let (own, keys): (Vec<Key>, Vec<Key>) = keys_of(choice).into_iter().partition(is_tag);
        let mut own = own.into_iter().next().expect("every kind in config.rs has its tag");
        let Shape::Choice(names) = &mut own.shape else { unreachable!("the tag is a choice") };
        let name = names[0].name.clone();
        let meaning = meaning_of(choice);
        names[0].meaning = meaning.clone();
        kinds.push(Kind { name, meaning, keys });
        match &mut tag {
            None => tag = Some(own),
            Some(tag) => {
                let Shape::Choice(all) = &mut tag.shape else { unreachable!("as above") };
                all.append(names);
            }
        }
    }
    let mut tag = tag.expect("a tagged enum has kinds");
    tag.default = schema.get("x-kind").cloned();
    tag.required = tag.default.is_none();
    tag.meaning = "Which of these:".into();
    let mut all = vec![tag.clone()];
    for key in kinds.iter().flat_map(|kind| &kind.keys) {
        if !all.iter().any(|known| known.name == key.name) {
            all.push(key.clone());
        }
    }
    Tagged { tag, kinds, all }
}

/// The type, without the `null` that an `Option` adds.
fn type_of(schema: &Value) -> &str {
    match &schema["type"] {
        Value::Array(types) => {
            types.iter().filter_map(|t| t.as_str()).find(|&t| t != "null").unwrap_or_default()
        }
        single => single.as_str().unwrap_or_default(),
    }
}

fn range_of(schema: &Value) -> Range {
    let bound = |key: &str| schema[key].as_f64();
    let small = schema["format"] == "int32";
    Range {
        above: bound("exclusiveMinimum"),
        least: bound("minimum").or(small.then_some(i32::MIN as f64)),
        most: bound("maximum").or(small.then_some(i32::MAX as f64)),
    }
}

fn choice_of(schema: &Value) -> Choice {
    let name = schema["const"].as_str().unwrap_or_default().to_string();
    Choice { name, meaning: meaning_of(schema) }
}

/// The doc comment as one line.
fn meaning_of(schema: &Value) -> String {
    let words = schema["description"].as_str().unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], |items| items)
}

/// `a number above 0`, `a list of 3 numbers`, `"nve" or "nvt"`: after "must be".
impl Display for Shape {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match self {
            Shape::Number(range) => write!(f, "a number{range}"),
            Shape::Whole(range) => write!(f, "a whole number{range}"),
            Shape::Text => f.write_str("a text in quotes"),
            Shape::Flag => f.write_str("true or false"),
            Shape::Choice(choices) => {
                let names: Vec<String> =
                    choices.iter().map(|choice| format!("\"{}\"", choice.name)).collect();
                f.write_str(&or(&names))
            }
            Shape::List { item, least, most } => {
                let items = match &**item {
                    Shape::Number(range) => format!("numbers{range}"),
                    Shape::Whole(Range { most: Some(_), .. }) => "whole numbers".to_string(),
                    Shape::Whole(range) => format!("whole numbers{range}"),
                    Shape::Text => "texts in quotes".to_string(),
                    Shape::Table(_) => "tables".to_string(),
                    Shape::Map { value, .. } => format!("tables of names, each with {value}"),
                    choice => format!("values, each {choice}"),
                };
                match (least, most) {
                    (0, &usize::MAX) => write!(f, "a list of {items}"),
                    (1, &usize::MAX) => write!(f, "a list of one or more {items}"),
                    (least, &usize::MAX) => write!(f, "a list of {least} or more {items}"),
                    (least, most) if least < most => {
                        write!(f, "a list of {least} to {most} {items}")
                    }
                    (_, most) => write!(f, "a list of {most} {items}"),
                }
            }
            Shape::Table(_) | Shape::Tagged(_) => f.write_str("a table"),
            Shape::Map { names: None, value, .. } => {
                write!(f, "a table of names, each with {value}")
            }
            Shape::Map { names: Some(names), value, .. } => {
                let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
                write!(f, "a table of {}, each with {value}", or(&names))
            }
            Shape::Either(shapes) => {
                f.write_str(&or(&shapes.iter().map(Shape::to_string).collect::<Vec<_>>()))
            }
        }
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter) -> fmt::Result {
        match (self.above, self.least, self.most) {
            (None, None, None) => Ok(()),
            (Some(above), _, None) => write!(f, " above {above}"),
            (Some(above), _, Some(most)) => write!(f, " above {above}, at most {most}"),
            (None, Some(least), None) => write!(f, ", at least {least}"),
            (None, Some(least), Some(most)) => write!(f, " from {least} to {most}"),
            (None, None, Some(most)) => write!(f, ", at most {most}"),
        }
    }
}

/// `a, b or c`
pub fn or(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_key<'a>(keys: &'a [Key], found: &mut Vec<&'a Key>) {
        for key in keys {
            found.push(key);
            every_key(key.table().unwrap_or_default(), found);
        }
    }

    #[test]
    fn every_key_and_every_choice_has_a_meaning() {
        let input = keys_of_input();
        let mut keys = Vec::new();
        every_key(input, &mut keys);
        assert!(keys.iter().any(|key| key.name == "removed_fraction"), "tables within tables");
        for key in keys {
            assert!(!key.meaning.is_empty(), "{} has no doc comment", key.name);
            if let Shape::Choice(choices) = &key.shape {
                for choice in choices {
                    let name = &choice.name;
                    assert!(
                        !choice.meaning.is_empty(),
                        "{name} of {} has no doc comment",
                        key.name
                    );
                }
            }
        }
    }

    #[test]
    fn bounds_are_read_and_shown() {
        let range = Range { above: Some(0.0), least: None, most: Some(20.0) };
        assert!(range.holds(20.0) && !range.holds(0.0) && !range.holds(20.1));
        assert!(!range.holds(f64::NAN) && !Range::default().holds(f64::INFINITY));
        assert_eq!(Shape::Number(range).to_string(), "a number above 0, at most 20");
    }
}
