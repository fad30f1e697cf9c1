//! The JSON of users, as the API returns it.

use serde_json::{Map, Value};

use crate::model::{Identity, User};
use crate::tenant::management::problem::Problem;
use crate::tenant::profile;

/// Returns whether the text can be the name of a field.
pub(super) fn is_field_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.-".contains(&it))
}

/// The fields that a request asks for, or leaves out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct FieldSelection {
    names: Vec<String>,
    exclude: bool,
}

impl FieldSelection {
    /// Parses the parameters `fields` and `include_fields`.
    pub(super) fn parse(fields: Option<&str>, include: Option<bool>) -> Result<Self, Problem> {
        let names: Vec<String> = fields
            .into_iter()
            .flat_map(|it| it.split(','))
            .map(|it| it.trim_matches(' ').to_owned())
            .collect();
        if fields.is_some_and(|fields| !fields.is_empty()) && !names.iter().all(|name| is_field_name(name)) {
            return Err(Problem::query("fields: expected names, separated by commas"));
        }
        let names = if fields == Some("") { Vec::new() } else { names };
        Ok(Self { exclude: include == Some(false), names })
    }

    /// Removes the fields that the request does not select.
    pub(super) fn apply(&self, object: &mut Map<String, Value>) {
        if !self.names.is_empty() {
            object.retain(|key, _| self.names.iter().any(|name| name == key) != self.exclude);
        }
    }
}

/// Returns the JSON of a user.
pub(super) fn render_user(user: &User, fields: &FieldSelection) -> Value {
    let mut shown = profile::render_user(user);
    for key in profile::NOT_SHOWN {
        shown.remove(key);
    }
    fields.apply(&mut shown);
    Value::Object(shown)
}

/// Returns the JSON of a user's identities.
pub(super) fn render_identities(identities: &[Identity]) -> Value {
    let shown = |identity| {
        let mut shown = serde_json::to_value(identity).unwrap_or_default();
        profile::complete_identity(&mut shown);
        shown
    };
    Value::Array(identities.iter().map(shown).collect())
}
