//! `tenant.toml`: clients, connections, and who is there at first.

use std::collections::HashSet;
use std::num::NonZeroU32;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::login::{Metadata, Timestamp, User};

/// What `ligature serve --init` writes; `{secret}` stands for a random one.
const TEMPLATE: &str = include_str!("tenant.toml");

/// What a configuration file says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What the tenant is called.
    #[serde(default = "default_name")]
    pub name: String,
    /// Names, with ports if any, under which it is reached besides this
    /// machine's own.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// What becomes of a login whose plugin fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Whether ID tokens are taken for access tokens, as until 2018.
    #[serde(default)]
    pub legacy_id_tokens: bool,
    /// What a password's hash costs.
    #[serde(default)]
    pub password_hash: PasswordHash,
    /// How many requests are answered.
    #[serde(default)]
    pub rate_limit: RateLimits,
    /// How long things last.
    #[serde(default)]
    pub lifetimes: Lifetimes,
    /// Applications.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// APIs of one's own.
    #[serde(default)]
    pub apis: Vec<Api>,
    /// Where identities come from.
    #[serde(default)]
    pub connections: Vec<Connection>,
    /// Users that are made if they are not there.
    #[serde(default)]
    pub users: Vec<SeedUser>,
}

fn default_name() -> String {
    "dev".to_owned()
}

/// What becomes of a login whose plugin fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// It goes on, unlinked.
    #[default]
    Proceed,
    /// It ends.
    Deny,
}

/// Parameters of Argon2id. The defaults are OWASP's.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordHash {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub iterations: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for PasswordHash {
    fn default() -> Self {
        Self { memory_kib: 19_456, iterations: 2, lanes: 1 }
    }
}

/// Token buckets; none where nothing is limited.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Of the Management API.
    pub management: Option<RateLimit>,
    /// Of the Authentication API.
    pub authentication: Option<RateLimit>,
}

/// A token bucket.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests a second that fill it again.
    pub per_second: NonZeroU32,
    /// Requests that it holds.
    pub burst: NonZeroU32,
}

/// How long things last, in seconds. The defaults are Auth0's.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lifetimes {
    /// An access token.
    pub access_token: u64,
    /// One of the Management API's.
    pub management_token: u64,
    /// An ID token.
    pub id_token: u64,
    /// An authorization code, a login ticket, a login page.
    pub code: u64,
    /// A one-time password, and the links that are mailed.
    pub mailed_code: u64,
    /// A session in a browser.
    pub session: u64,
    /// A refresh token, renewed at each exchange.
    pub refresh_token: u64,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self {
            access_token: 86_400,
            management_token: 86_400,
            id_token: 36_000,
            code: 600,
            mailed_code: 300,
            session: 259_200,
            refresh_token: 2_592_000,
        }
    }
}

/// An application.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its id.
    pub client_id: String,
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Its secret; a public client has none.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// Where a login may return to, compared byte for byte.
    #[serde(default)]
    pub callbacks: Vec<String>,
    /// Where a logout may return to, compared byte for byte.
    #[serde(default)]
    pub logout_urls: Vec<String>,
    /// Origins of its pages.
    #[serde(default)]
    pub origins: Vec<String>,
    /// Grants that it may use.
    #[serde(default = "default_grants")]
    pub grant_types: Vec<String>,
    /// Scopes of the Management API that it has by itself.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Shown to the plugin.
    #[serde(default)]
    pub metadata: Metadata,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

fn default_grants() -> Vec<String> {
    ["authorization_code", "implicit", "refresh_token"].map(str::to_owned).into()
}

/// An API of one's own: an audience for access tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The audience.
    pub identifier: String,
    /// Scopes that users and clients may have of it.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// Where identities come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    /// Its name, which identities carry.
    pub name: String,
    /// What it is: `auth0`, `email`, `sms`, `google-oauth2`, `samlp`, …
    pub strategy: String,
    /// Its id; derived from the name where left out.
    #[serde(default)]
    pub id: String,
    /// Whether people may sign up; for databases.
    #[serde(default = "yes")]
    pub sign_up: bool,
    /// Whether users have a name besides the address; for databases.
    #[serde(default)]
    pub requires_username: bool,
    /// Who its login page offers to be; for social and enterprise stand-ins.
    #[serde(default)]
    pub accounts: Vec<Account>,
    /// Shown to the plugin.
    #[serde(default)]
    pub metadata: Metadata,
}

fn yes() -> bool {
    true
}

/// An account at a provider that is played.
#[derive(Debug, Clone, Deserialize)]
pub struct Account {
    /// Its id at the provider.
    pub user_id: String,
    /// Its address.
    pub email: Option<String>,
    /// Whether the provider calls it verified.
    pub email_verified: Option<bool>,
    /// What else the provider sends: name, picture, locale, …
    #[serde(flatten)]
    pub rest: Metadata,
}

/// A user that is made if it is not there: Auth0's user object, with its
/// connection and password.
#[derive(Clone, Deserialize)]
pub struct SeedUser {
    /// The connection of its own identity.
    #[serde(default)]
    pub connection: String,
    /// Its password, for databases.
    #[serde(default)]
    pub password: Option<String>,
    /// The rest.
    #[serde(flatten)]
    pub user: User,
}

impl std::fmt::Debug for SeedUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedUser").field("user_id", &self.user.user_id).finish_non_exhaustive()
    }
}

/// What is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Grants that a client may be given.
pub(super) const GRANTS: [&str; 7] = [
    "authorization_code",
    "implicit",
    "refresh_token",
    "client_credentials",
    "password",
    "http://auth0.com/oauth/grant-type/password-realm",
    "http://auth0.com/oauth/grant-type/passwordless/otp",
];

/// Scopes of the Management API.
pub(super) const MANAGEMENT_SCOPES: [&str; 9] = [
    "read:users",
    "create:users",
    "update:users",
    "update:users_app_metadata",
    "delete:users",
    "read:user_idp_tokens",
    "read:connections",
    "read:signing_keys",
    "update:signing_keys",
];

impl Config {
    /// What `--init` writes, with secrets of its own.
    #[must_use]
    pub fn template(secret: impl Fn() -> String) -> String {
        let mut parts = TEMPLATE.split("{secret}");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            text.push_str(&secret());
            text.push_str(part);
        }
        text
    }

    /// Reads a configuration.
    ///
    /// # Errors
    ///
    /// With line and column where the text is no configuration; with the name of
    /// what contradicts itself otherwise.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            // Without the offending line, which may hold a secret.
            let place = error.span().map_or_else(String::new, |span| {
                let before = &text[..span.start.min(text.len())];
                format!("line {}: ", before.matches('\n').count() + 1)
            });
            ConfigError(format!("{place}{}", error.message()))
        })?;
        config.check().map_err(ConfigError)?;
        for connection in &mut config.connections {
            if connection.id.is_empty() {
                connection.id = derived_id(&connection.name);
            }
        }
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        for client in &self.clients {
            if client.client_id.is_empty() {
                return Err("a client has no client_id".to_owned());
            }
            if !seen.insert(&client.client_id) {
                return Err(format!("two clients are called `{}`", client.client_id));
            }
            client.check().map_err(|why| format!("client `{}`: {why}", client.client_id))?;
        }
        let mut seen = HashSet::new();
        for connection in &self.connections {
            if !seen.insert(&connection.name) {
                return Err(format!("two connections are called `{}`", connection.name));
            }
            if !is_strategy(&connection.strategy) {
                return Err(format!(
                    "connection `{}`: there is no strategy `{}`",
                    connection.name, connection.strategy
                ));
            }
        }
        for seed in &self.users {
            let id = &seed.user.user_id;
            let connection = self.connections.iter().find(|it| it.name == seed.connection);
            let Some(connection) = connection else {
                return Err(format!("user `{id}`: there is no connection `{}`", seed.connection));
            };
            if seed.password.is_some() && connection.strategy != "auth0" {
                return Err(format!("user `{id}`: only users of a database have passwords"));
            }
        }
        let PasswordHash { memory_kib, iterations, lanes } = self.password_hash;
        if argon2::Params::new(memory_kib, iterations, lanes, None).is_err() {
            return Err("password_hash: Argon2 does not take these parameters".to_owned());
        }
        Ok(())
    }

    /// The client of this id.
    pub(super) fn client(&self, client_id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    /// The connection of this name.
    pub(super) fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.name == name)
    }

    /// The first connection of this kind.
    pub(super) fn connection_of(&self, strategy: &str) -> Option<&Connection> {
        self.connections.iter().find(|connection| connection.strategy == strategy)
    }
}

impl Client {
    fn check(&self) -> Result<(), String> {
        for callback in self.callbacks.iter().chain(&self.logout_urls) {
            match url::Url::parse(callback) {
                Ok(url) if url.fragment().is_none() && !url.cannot_be_a_base() => {}
                _ => return Err(format!("`{callback}` is not an absolute URL without a fragment")),
            }
        }
        for origin in &self.origins {
            let is_origin =
                url::Url::parse(origin).is_ok_and(|url| url.origin().ascii_serialization() == *origin);
            if !is_origin {
                return Err(format!("`{origin}` is not an origin such as http://localhost:3000"));
            }
        }
        if let Some(grant) = self.grant_types.iter().find(|grant| !GRANTS.contains(&grant.as_str())) {
            return Err(format!("there is no grant type `{grant}`; there are {}", GRANTS.join(", ")));
        }
        if let Some(scope) = self.scopes.iter().find(|scope| !MANAGEMENT_SCOPES.contains(&scope.as_str())) {
            return Err(format!("there is no scope `{scope}`; there are {}", MANAGEMENT_SCOPES.join(", ")));
        }
        if self.client_secret.as_ref().is_some_and(|secret| secret.len() < 16) {
            return Err("a client_secret has 16 characters at least".to_owned());
        }
        if self.client_secret.is_none() && self.may("client_credentials") {
            return Err("a client without a client_secret cannot use client_credentials".to_owned());
        }
        Ok(())
    }

    /// Whether it may use this grant.
    pub(super) fn may(&self, grant: &str) -> bool {
        self.grant_types.iter().any(|it| it == grant)
    }
}

impl Connection {
    /// The provider that identities of this connection carry.
    pub(super) fn provider(&self) -> &str {
        &self.strategy
    }

    pub(super) fn is_database(&self) -> bool {
        self.strategy == "auth0"
    }

    pub(super) fn is_passwordless(&self) -> bool {
        matches!(self.strategy.as_str(), "email" | "sms")
    }

    /// Source: Auth0's event schema `user.created`, by category of provider.
    pub(super) fn is_social(&self) -> bool {
        !self.is_database() && !self.is_passwordless() && !ENTERPRISE.contains(&self.strategy.as_str())
    }
}

const ENTERPRISE: [&str; 12] = [
    "ad",
    "adfs",
    "custom",
    "google-apps",
    "ip",
    "office365",
    "oidc",
    "okta",
    "pingfederate",
    "samlp",
    "sharepoint",
    "waad",
];

const SOCIAL: [&str; 40] = [
    "amazon",
    "apple",
    "dropbox",
    "bitbucket",
    "auth0-oidc",
    "baidu",
    "bitly",
    "box",
    "daccount",
    "dwolla",
    "evernote-sandbox",
    "evernote",
    "exact",
    "facebook",
    "fitbit",
    "github",
    "google-oauth2",
    "instagram",
    "line",
    "linkedin",
    "oauth1",
    "oauth2",
    "paypal",
    "paypal-sandbox",
    "planningcenter",
    "salesforce-community",
    "salesforce-sandbox",
    "salesforce",
    "shopify",
    "shop",
    "soundcloud",
    "thirtysevensignals",
    "twitter",
    "untappd",
    "vkontakte",
    "weibo",
    "windowslive",
    "wordpress",
    "yahoo",
    "yandex",
];

/// Whether Auth0 has such a provider.
///
/// Source: Auth0's Management API, `provider` of `POST
/// /api/v2/users/{id}/identities`.
pub(super) fn is_strategy(name: &str) -> bool {
    matches!(name, "auth0" | "email" | "sms") || ENTERPRISE.contains(&name) || SOCIAL.contains(&name)
}

/// An id of Auth0's form, the same at every start.
fn derived_id(name: &str) -> String {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let hash = Sha256::digest(name);
    let id = hash.iter().take(16).map(|byte| char::from(ALPHABET[usize::from(*byte) % 62]));
    "con_".chars().chain(id).collect()
}

impl SeedUser {
    /// The user as it is made.
    pub(super) fn made(&self, connection: &Connection, now: Timestamp) -> User {
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

#[cfg(test)]
mod tests {
    use super::Config;

    fn refusal(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn what_init_writes_is_a_configuration() {
        let text = Config::template(|| "0123456789abcdef".to_owned());
        let config = Config::parse(&text).unwrap();
        assert!(config.clients.iter().any(|client| client.client_secret.is_some()));
        assert!(config.connections.iter().all(|connection| connection.id.len() == 20));
        assert!(!text.contains("{secret}"));
    }

    #[test]
    fn an_error_says_where_and_shows_no_secret() {
        let error = refusal("[[clients]]\nclient_id = \"a\"\nclient_sekret = \"hunter2hunter2hunter2\"\n");
        assert!(error.starts_with("line 3: unknown field `client_sekret`"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn contradictions_are_named() {
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"a\"\ncallbacks = [\"/callback\"]"),
            "client `a`: `/callback` is not an absolute URL without a fragment"
        );
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"a\"\norigins = [\"http://localhost:3000/\"]"),
            "client `a`: `http://localhost:3000/` is not an origin such as http://localhost:3000"
        );
        assert_eq!(
            refusal("[[clients]]\nclient_id = \"a\"\ngrant_types = [\"client_credentials\"]"),
            "client `a`: a client without a client_secret cannot use client_credentials"
        );
        assert_eq!(
            refusal("[[connections]]\nname = \"x\"\nstrategy = \"gogle\""),
            "connection `x`: there is no strategy `gogle`"
        );
        assert_eq!(
            refusal("[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\""),
            "user `auth0|1`: there is no connection `db`"
        );
    }
}
