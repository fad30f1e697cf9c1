//! Roles that users may have.

use serde::Deserialize;

/// A role. Users refer to it by its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfiguredRole {
    /// The name.
    pub name: String,
    /// The description, for people.
    #[serde(default)]
    pub description: String,
}
