//! Privileged accounts, which their owners do not merge.

use ligature_linking_marks::PRIVILEGED;
use serde::Deserialize;
use serde_json::Value;

use crate::model::User;

/// Returns whether a mark is set: neither absent, nor null, nor false.
pub(super) fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.is_null() && *value != Value::Bool(false))
}

/// The names of roles that give power, without regard to ASCII case.
const POWER: [&str; 4] = ["admin", "administrator", "owner", "superuser"];

/// The accounts that policies name as privileged, in addition to those with a mark or a usual role.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PrivilegedAccounts {
    roles: Vec<String>,
    user_ids: Vec<String>,
}

/// The part of a policy document that names privileged accounts.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Document {
    privileged: Named,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    roles: Option<Vec<String>>,
    user_ids: Vec<String>,
}

impl PrivilegedAccounts {
    /// Returns the accounts that these policy documents name in `privileged.roles` and
    /// `privileged.user_ids`. A document of another form names none.
    pub fn from_documents<'a>(documents: impl IntoIterator<Item = &'a str>) -> Self {
        let mut all = Self::default();
        for document in documents {
            let Named { roles, user_ids } =
                serde_json::from_str::<Document>(document).unwrap_or_default().privileged;
            all.roles.extend(roles.into_iter().flatten());
            all.user_ids.extend(user_ids);
        }
        all
    }

    /// Returns whether an account is privileged: by its mark, by its id or that of a linked identity,
    /// or by a role of the account or of its `app_metadata`.
    pub(super) fn has(&self, user: &User) -> bool {
        let metadata = |key: &str| user.app_metadata.as_ref().and_then(|it| it.get(key));
        let has_power = |role: &str| {
            let mut names = POWER.into_iter().chain(self.roles.iter().map(String::as_str));
            names.any(|it| it.trim().eq_ignore_ascii_case(role.trim()))
        };
        let in_metadata = [metadata("roles"), metadata("authorization").and_then(|it| it.get("roles"))];
        let is_named =
            |id: &String| *id == user.user_id || user.identities.iter().any(|it| it.as_user_id() == *id);
        is_set(metadata(PRIVILEGED))
            || self.user_ids.iter().any(is_named)
            || user.roles.iter().any(|role| has_power(role))
            || in_metadata.into_iter().flatten().any(|roles| names_role(roles, &has_power))
    }
}

/// Returns whether a text, a list or an object names a role that is meant.
fn names_role(roles: &Value, is_meant: &impl Fn(&str) -> bool) -> bool {
    match roles {
        Value::String(role) => role.split([',', ' ']).any(is_meant) || is_meant(role),
        Value::Array(roles) => roles.iter().any(|it| names_role(it, is_meant)),
        Value::Object(fields) => fields
            .iter()
            .any(|(key, value)| names_role(value, is_meant) || (is_set(Some(value)) && is_meant(key))),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
