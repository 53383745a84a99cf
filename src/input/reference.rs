//! The reference of every key, as Markdown for `inputs/README.md`.

use super::schema::{Key, Shape, Tagged, keys_of_input};
use super::source::join;
use super::unit;
use serde_json::Value;

/// One section for each table of the input, in the order of `config.rs`.
pub fn reference() -> String {
    let keys = keys_of_input();
    let mut text = String::from("### Top of the file\n");
    table(keys, &mut text);
    sections(keys, "", &mut text);
    text
}

fn sections(keys: &[Key], path: &str, text: &mut String) {
    for key in keys {
        if let Some(own) = key.table() {
            let path = join(path, &key.name);
            let header = if key.repeats() { format!("[[{path}]]") } else { format!("[{path}]") };
            let necessity = if key.required { " Required." } else { "" };
            *text += &format!("\n### `{header}`\n{}{necessity}\n", key.meaning);
            match key.tagged() {
                None => {
                    table(own, text);
                    sections(own, &path, text);
                }
                Some(tagged) => kinds(tagged, &header, &path, text),
            }
        }
    }
}

/// The kinds of a table, each with its own keys.
fn kinds(tagged: &Tagged, header: &str, path: &str, text: &mut String) {
    table(std::slice::from_ref(&tagged.tag), text);
    for kind in tagged.kinds.iter().filter(|kind| !kind.keys.is_empty()) {
        let (tag, name) = (&tagged.tag.name, &kind.name);
        *text += &format!("\n### `{header}` with `{tag} = \"{name}\"`\n{}\n", kind.meaning);
        table(&kind.keys, text);
        sections(&kind.keys, path, text);
    }
}

/// The keys that are not tables themselves.
fn table(keys: &[Key], text: &mut String) {
    *text += "\n| key | type | unit | default | meaning |\n|---|---|---|---|---|\n";
    for key in keys.iter().filter(|key| key.table().is_none()) {
        let unit = unit::split(&key.name).1.map_or("", |unit| unit.symbol);
        let default = match &key.default {
            Some(value) => format!("`{}`", toml(value)),
            None if key.required => "required".to_string(),
            None => String::new(),
        };
        let kind = key.shape.to_string();
        let kind = kind.strip_prefix("a ").unwrap_or(&kind);
        *text += &format!(
            "| `{}` | {kind} | {unit} | {default} | {}{} |\n",
            key.name,
            key.meaning,
            choices(&key.shape)
        );
    }
}

/// What each choice means.
fn choices(shape: &Shape) -> String {
    match shape {
        Shape::Choice(choices) => {
            choices.iter().map(|c| format!(" `{}`: {}", c.name, c.meaning)).collect()
        }
        Shape::List { item, .. } => self::choices(item),
        Shape::Either(shapes) => shapes.iter().map(self::choices).collect(),
        _ => String::new(),
    }
}

/// A default as it would stand in the input.
pub(super) fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", "))
        }
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| format!("\"{key}\" = {}", toml(value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}
