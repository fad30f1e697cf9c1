//! The connections that a policy trusts.

use serde::Deserialize;

use crate::Names;

/// A connection that is trusted when it calls an address verified.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[cfg_attr(feature = "schema", serde(untagged))]
pub enum TrustedConnection {
    /// By name, for every domain; `*` for all connections. An enterprise
    /// connection needs domains to be trusted, unless it is `*`.
    Name(String),
    /// By name or strategy, for its own domains.
    Detailed(TrustedDetail),
}

/// A connection, by name or strategy, and the e-mail domains it speaks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields, default)]
pub struct TrustedDetail {
    /// The connection's name.
    pub name: Option<String>,
    /// The strategy of all such connections, in place of a name.
    pub strategy: Option<String>,
    /// The domains for which the connection is trusted; all if the list is empty.
    /// Addresses at other domains are not linked.
    pub domains: Names,
}

/// Returns whether connections of this strategy belong to one customer each. Source:
/// Auth0's event schema, the enterprise category of identities.
#[must_use]
pub fn is_enterprise(strategy: &str) -> bool {
    matches!(
        strategy,
        "ad" | "adfs"
            | "auth0-adldap"
            | "google-apps"
            | "ip"
            | "office365"
            | "oidc"
            | "okta"
            | "pingfederate"
            | "samlp"
            | "sharepoint"
            | "waad"
    )
}
