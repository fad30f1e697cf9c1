//! The table `settings` of an entry `[[policy]]`: its keys as JSON, and their
//! places in the TOML file.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Number, Value};
use toml::de::{DeTable, DeValue};

use crate::reading::{InputError, JsonPath, PathStep, Place, display_path, place_behind};

/// An entry `[[policy]]` of a TOML file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TomlEntry {
    file: PathBuf,
    text: Arc<str>,
    index: usize,
}

impl TomlEntry {
    /// The entry of this index, from 0, of a file that holds this text.
    pub(super) fn new(file: &Path, text: &Arc<str>, index: usize) -> Self {
        Self { file: file.to_owned(), text: text.clone(), index }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The place in the file of a value, or of its key; of the nearest table
    /// around it where the file does not have it.
    pub(super) fn place(&self, path: &JsonPath, is_key: bool) -> Option<Place> {
        let mut way = vec![
            PathStep::Key("policy".into()),
            PathStep::Index(self.index),
            PathStep::Key("settings".into()),
        ];
        way.extend(path.0.iter().cloned());
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(&self.text);
        let document = DeTable::parse(text).ok()?;
        let span = span(document.get_ref(), &way, is_key)?;
        Some(place_behind(&text.as_bytes()[..span.start.min(text.len())]))
    }

    /// The keys as a JSON text.
    ///
    /// # Errors
    ///
    /// When JSON has no such value, with its place in the file.
    pub(super) fn as_json(&self, settings: &toml::Table) -> Result<String, InputError> {
        let mut path = JsonPath::default();
        let object = as_object(settings, &mut path).map_err(|what| InputError {
            file: display_path(&self.file),
            place: self.place(&path, false),
            message: format!("the policy: `{path}`: {what}"),
        })?;
        Ok(Value::Object(object).to_string())
    }
}

/// The bytes of the value that a way leads to, or of its key, as far as it leads.
fn span(table: &DeTable, way: &[PathStep], is_key: bool) -> Option<Range<usize>> {
    let (first, mut rest) = way.split_first()?;
    let PathStep::Key(first) = first else { return None };
    let (mut key, mut value) = table.get_key_value(first.as_str())?;
    let mut last_is_key = true;
    while let Some((step, behind)) = rest.split_first() {
        let next = match (step, value.get_ref()) {
            (PathStep::Key(name), DeValue::Table(table)) => table.get_key_value(name.as_str()),
            (PathStep::Index(index), DeValue::Array(list)) => list.get(*index).map(|element| (key, element)),
            _ => None,
        };
        let Some(next) = next else { return Some(value.span()) };
        (key, value) = next;
        last_is_key = matches!(step, PathStep::Key(_));
        rest = behind;
    }
    Some(if is_key && last_is_key { key.span() } else { value.span() })
}

fn as_object(table: &toml::Table, path: &mut JsonPath) -> Result<Map<String, Value>, &'static str> {
    let mut object = Map::new();
    for (key, value) in table {
        path.0.push(PathStep::Key(key.clone()));
        object.insert(key.clone(), as_value(value, path)?);
        path.0.pop();
    }
    Ok(object)
}

/// On an error, the path is that of the value.
fn as_value(value: &toml::Value, path: &mut JsonPath) -> Result<Value, &'static str> {
    Ok(match value {
        toml::Value::String(text) => Value::from(text.as_str()),
        toml::Value::Integer(number) => Value::from(*number),
        toml::Value::Boolean(value) => Value::from(*value),
        toml::Value::Float(number) => Number::from_f64(*number)
            .map(Value::Number)
            .ok_or("this number is not finite; a policy is JSON, which has no such number")?,
        toml::Value::Datetime(_) => {
            return Err("this is a date or a time; a policy is JSON, which has none: write a text in quotes");
        }
        toml::Value::Array(list) => {
            let mut values = Vec::new();
            for (index, element) in list.iter().enumerate() {
                path.0.push(PathStep::Index(index));
                values.push(as_value(element, path)?);
                path.0.pop();
            }
            Value::Array(values)
        }
        toml::Value::Table(table) => Value::Object(as_object(table, path)?),
    })
}
