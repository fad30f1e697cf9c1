//! Connections, their stand-in accounts, and the initial users.

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::model::{Metadata, Timestamp, User};
use crate::reading::find_nearest;
use crate::service::provider_names::provider_display_name;
use crate::tenant::config::strategies::{ENTERPRISE, is_strategy};

/// A connection: a source of identities.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// The connection name, which identities refer to.
    pub name: String,
    /// The strategy: `auth0`, `email`, `sms`, `google-oauth2`, `samlp`, …
    pub strategy: String,
    /// The display name. Defaults to the provider's own name.
    #[serde(default)]
    pub display_name: String,
    /// The connection ID. Derived from the name by default.
    #[serde(default)]
    pub id: String,
    /// Whether users may sign up. For databases.
    #[serde(default = "return_true")]
    pub sign_up: bool,
    /// Whether users have a username besides the address. For databases.
    #[serde(default)]
    pub requires_username: bool,
    /// The accounts offered on the login page. For social and enterprise stand-ins.
    #[serde(default)]
    pub accounts: Vec<Account>,
    /// Metadata that the plugin can read.
    #[serde(default)]
    pub metadata: Metadata,
}

fn return_true() -> bool {
    true
}

/// An account at a stand-in provider.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// The account's ID at the provider.
    pub user_id: String,
    /// The account's email address.
    pub email: Option<String>,
    /// Whether the provider reports the address as verified.
    pub email_verified: Option<bool>,
    /// All other attributes that the provider sends: name, picture, locale, …
    #[serde(flatten)]
    pub rest: Metadata,
}

/// A user created at the start unless it exists: Auth0's user object, with connection and password.
#[derive(Clone, Deserialize)]
pub struct SeedUser {
    /// The connection of the user's own identity.
    #[serde(default)]
    pub connection: String,
    /// The password. For databases.
    #[serde(default)]
    pub password: Option<String>,
    /// All other attributes of the user.
    #[serde(flatten)]
    pub user: User,
}

impl Account {
    /// Returns the text by which pages show the account.
    pub(in crate::tenant) fn words(&self) -> String {
        let name = self.rest.get("name").and_then(|name| name.as_str());
        let verified = if self.email_verified == Some(true) { "verified" } else { "not verified" };
        match (name, &self.email) {
            (Some(name), Some(email)) => format!("{name} ({email}, {verified})"),
            (None, Some(email)) => format!("{email} ({verified})"),
            (Some(name), None) => name.to_owned(),
            (None, None) => self.user_id.clone(),
        }
    }
}

impl std::fmt::Debug for SeedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedUser").field("user_id", &self.user.user_id).finish_non_exhaustive()
    }
}

/// The maximum number of characters of a display name, as in Auth0's Management API.
const DISPLAY_NAME: usize = 128;

impl Connection {
    /// Checks the values of the connection; the error says which is wrong and what is
    /// expected.
    pub(super) fn check(&self) -> Result<(), String> {
        if !is_strategy(&self.strategy) {
            return Err(format!("there is no strategy `{}`", self.strategy));
        }
        let is_name = self.display_name.chars().count() <= DISPLAY_NAME
            && !self.display_name.chars().any(char::is_control);
        if !is_name {
            return Err(format!("a display_name has up to {DISPLAY_NAME} characters, and no line breaks"));
        }
        Ok(())
    }

    /// Returns the display name.
    pub(in crate::tenant) fn label(&self) -> &str {
        if !self.display_name.trim().is_empty() {
            return &self.display_name;
        }
        // A name chosen by the operator is more specific than the provider's.
        if self.name == self.strategy { provider_display_name(&self.strategy) } else { &self.name }
    }

    /// Returns the provider that identities of this connection have.
    pub(in crate::tenant) fn provider(&self) -> &str {
        &self.strategy
    }

    /// Returns the ID that an account of this provider has in identities. The ID contains the
    /// connection name if a tenant may have several connections of the strategy.
    ///
    /// Source: Auth0, "User profile structure": `samlp|connection|id`.
    pub(in crate::tenant) fn identity_id(&self, account: &str) -> String {
        let is_one_of_many = ENTERPRISE.contains(&self.strategy.as_str()) || self.strategy == "oauth2";
        if is_one_of_many { format!("{}|{account}", self.name) } else { account.to_owned() }
    }

    /// Returns whether the connection is a database of the tenant.
    pub(in crate::tenant) fn is_database(&self) -> bool {
        self.strategy == "auth0"
    }

    /// Returns whether the connection logs users in by a mailed or texted code.
    pub(in crate::tenant) fn is_passwordless(&self) -> bool {
        matches!(self.strategy.as_str(), "email" | "sms")
    }

    /// Returns whether the provider is a social one.
    ///
    /// Source: Auth0's event schema `user.created`, by category of provider.
    pub(in crate::tenant) fn is_social(&self) -> bool {
        !self.is_database() && !self.is_passwordless() && !ENTERPRISE.contains(&self.strategy.as_str())
    }
}

/// Returns a connection ID of Auth0's form, derived from the name and thus the same at every start.
pub(super) fn derive_id(name: &str) -> String {
    derive_id_with_prefix("con_", name)
}

/// Returns an ID with this prefix, derived from the name and thus the same at every start.
pub(in crate::tenant) fn derive_id_with_prefix(prefix: &str, name: &str) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let hash = Sha256::digest(name);
    let id = hash.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(*byte) % 62]));
    prefix.chars().chain(id).collect()
}

/// The attributes of a user that have no field of their own in [`User`], and are kept as they are.
///
/// Source: Auth0, "User profile structure"; OpenID Connect Core 1.0, 5.1.
const ATTRIBUTES: [&str; 22] = [
    "address",
    "birthdate",
    "family_name",
    "gender",
    "given_name",
    "last_ip",
    "last_password_reset",
    "locale",
    "mfa_factors",
    "middle_name",
    "multifactor",
    "multifactor_last_modified",
    "name",
    "nickname",
    "phone_number",
    "phone_verified",
    "picture",
    "preferred_username",
    "profile",
    "username",
    "website",
    "zoneinfo",
];

/// The attributes that a field holds.
const FIELDS: [&str; 15] = [
    "app_metadata",
    "blocked",
    "connection",
    "created_at",
    "email",
    "email_verified",
    "identities",
    "last_login",
    "logins_count",
    "organizations",
    "password",
    "roles",
    "updated_at",
    "user_id",
    "user_metadata",
];

/// The keys that belong before the first table. TOML makes a key behind `[[users]]` one of the user.
const KEYS_OF_THE_FILE: [&str; 7] =
    ["custom_domains", "hosts", "issuer", "legacy", "legacy_id_tokens", "on_failure", "signing_key"];

impl SeedUser {
    /// Checks the names of the attributes; the error names the nearest known one.
    pub(super) fn check(&self) -> Result<(), String> {
        let unknown = self.user.rest.keys().find(|key| !ATTRIBUTES.contains(&key.as_str()));
        let Some(key) = unknown else { return Ok(()) };
        if KEYS_OF_THE_FILE.contains(&key.as_str()) {
            return Err(format!(
                "`{key}` is a key of the whole file: put it before the first table, such as [lifetimes]"
            ));
        }
        let advice = match find_nearest(key, FIELDS.into_iter().chain(ATTRIBUTES)) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => "attributes of your own belong in user_metadata or app_metadata".to_owned(),
        };
        let shown: String = key.chars().take(100).collect();
        Err(format!("unknown key `{shown}`; {advice}"))
    }

    /// Returns the user to create.
    pub(in crate::tenant) fn to_user(&self, connection: &Connection, now: Timestamp) -> User {
        let mut user = self.user.clone().with_own_identity(&connection.name);
        for identity in &mut user.identities {
            if identity.connection == connection.name {
                identity.is_social = connection.is_social();
            }
        }
        if connection.is_database() {
            user.email = user.email.map(|email| email.to_ascii_lowercase());
        }
        user.created_at = user.created_at.or(Some(now));
        user.updated_at = user.updated_at.or(Some(now));
        user
    }
}
