//! Roles that users may have.

use serde::Deserialize;

/// A role. Users have it by its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its purpose, for people.
    #[serde(default)]
    pub description: String,
}
