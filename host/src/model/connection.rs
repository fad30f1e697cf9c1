//! Connections: the sources of accounts that an application logs in through.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::open_object::open_object;

/// A connection.
#[derive(Debug, Clone, PartialEq, Default, Serialize, JsonSchema)]
pub struct Connection {
    /// The id, such as `con_0000000000000001`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The name, such as `google-oauth2`.
    pub name: String,
    /// The strategy, such as `google-oauth2` or `auth0`.
    #[serde(default)]
    pub strategy: String,
    /// All other fields, unchanged.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

open_object!(Connection, "a connection object", {
    name "name",
} {
    id "id",
    strategy "strategy",
});

/// Returns whether a connection can have this name.
///
/// Source: Auth0 Management API v2, `POST /api/v2/connections`, `name`.
#[must_use]
pub fn is_connection_name(name: &str) -> bool {
    (1..=128).contains(&name.len())
        && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}
