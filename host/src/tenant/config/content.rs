//! The content of a configuration file, and finding its parts.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;

use crate::decide::OnFailure;
use crate::limits::Limits;
use crate::policies::PolicyEntry;
use crate::reading::object;
use crate::tenant::config::client::{ACCOUNT_CLIENT, Client};
use crate::tenant::config::connection::{Connection, SeedUser};
use crate::tenant::config::created_connections::CreatedConnections;
use crate::tenant::config::fault::InjectedFault;
use crate::tenant::config::organization::ConfiguredOrganization;
use crate::tenant::config::role::ConfiguredRole;
use crate::tenant::config::settings::{ConsoleSwitch, Lifetimes, PasswordHash, RateLimits};
use crate::tenant::config::webhook::Webhook;

/// The content of a configuration file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The name of the tenant.
    #[serde(default = "default_name")]
    pub name: String,
    /// Host names, with ports if any, by which the tenant is reached besides the machine's own
    /// names.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The custom domains, with ports if any. The tenant is reached by them too, and each is an
    /// issuer. Unlike a name of `hosts`, a custom domain is no audience of the Management API.
    #[serde(default)]
    pub custom_domains: Vec<String>,
    /// The file of a fixed signing key, an RSA key in PEM (PKCS #8). Without it, the state folder
    /// has the keys. [`Config::resolve_files`] makes the path relative to the configuration.
    #[serde(default)]
    pub signing_key: Option<PathBuf>,
    /// The fixed issuer of tokens. Without it, the issuer is the name by which a client addresses
    /// the tenant.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The outcome of a login whose plugin fails.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// Whether legacy features of applications from before 2018 are enabled: tokens for a password
    /// at `/oauth/ro`, ID tokens accepted as access tokens, … The key in the file is `legacy`; it
    /// was `legacy_id_tokens` when the option covered only ID tokens.
    #[serde(default, alias = "legacy")]
    pub legacy_id_tokens: bool,
    /// The cost of a password hash.
    #[serde(default)]
    pub password_hash: PasswordHash,
    /// The rate limits.
    #[serde(default)]
    pub rate_limit: RateLimits,
    /// The lifetimes of tokens, codes and sessions.
    #[serde(default)]
    pub lifetimes: Lifetimes,
    /// The limits of a policy's plugin in one login.
    #[serde(default, deserialize_with = "object")]
    pub limits: Limits,
    /// The policies that decide a login, in order. Without any, the policy of the command line
    /// applies.
    #[serde(default)]
    pub policy: Vec<PolicyEntry>,
    /// The applications.
    #[serde(default)]
    pub clients: Vec<Client>,
    /// The operator's own APIs.
    #[serde(default)]
    pub apis: Vec<Api>,
    /// The sources of identities.
    #[serde(default)]
    pub connections: Vec<Connection>,
    /// The connections created through the Management API.
    #[serde(skip)]
    pub(in crate::tenant) created: Arc<CreatedConnections>,
    /// The roles that users may have.
    #[serde(default)]
    pub roles: Vec<ConfiguredRole>,
    /// The organizations that users may be members of.
    #[serde(default)]
    pub organizations: Vec<ConfiguredOrganization>,
    /// The operators' console, which is off unless it is enabled.
    #[serde(default)]
    pub console: ConsoleSwitch,
    /// The faults that the tenant injects from its start on.
    #[serde(default)]
    pub faults: Vec<InjectedFault>,
    /// The URLs to which the tenant posts its events.
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
    /// Users created at the start unless they exist.
    #[serde(default)]
    pub users: Vec<SeedUser>,
}

/// The part of a refusal that names the option for legacy applications.
pub(in crate::tenant) const LEGACY: &str = "is for applications from before 2018: it needs `legacy = true` (or `legacy_id_tokens = true`) in tenant.toml";

fn default_name() -> String {
    "dev".to_owned()
}

/// An API of the operator: an audience for access tokens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The audience.
    pub identifier: String,
    /// The scopes of the API that users and clients may have.
    #[serde(default)]
    pub scopes: Vec<String>,
}

impl Config {
    /// Returns the configuration without the connections that the Management API has created.
    pub(in crate::tenant) fn without_created_connections(&self) -> Self {
        Self { created: Arc::default(), ..self.clone() }
    }

    /// Returns the settings that make the tenant weaker than its defaults, for the operator.
    pub(in crate::tenant) fn weaknesses(&self) -> Vec<&'static str> {
        let mut weaknesses = Vec::new();
        if self.legacy_id_tokens {
            weaknesses
                .push("legacy: anybody with an ID token can link and unlink its user's accounts, and access tokens reveal the whole profile");
        }
        if !self.rate_limit.messages {
            weaknesses.push("rate_limit.messages: anybody can have any number of codes sent to any address");
        }
        let usual = PasswordHash::default();
        if self.password_hash.memory_kib * self.password_hash.iterations < usual.memory_kib * usual.iterations
        {
            weaknesses
                .push("password_hash: passwords are hashed with weaker parameters than OWASP recommends");
        }
        weaknesses
    }

    /// Returns the client with this ID.
    pub(in crate::tenant) fn client(&self, client_id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    /// Returns the client of a login that was begun: one of the configuration, or the tenant's own,
    /// which no request can name.
    pub(in crate::tenant) fn client_of_login(&self, client_id: &str) -> Option<&Client> {
        self.client(client_id).or_else(|| (client_id == ACCOUNT_CLIENT).then(Client::account_page))
    }

    /// Returns the connection with this name.
    pub(in crate::tenant) fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections().find(|connection| connection.name == name)
    }

    /// Returns the first connection with this strategy.
    pub(in crate::tenant) fn connection_of(&self, strategy: &str) -> Option<&Connection> {
        self.connections().find(|connection| connection.strategy == strategy)
    }

    /// Iterates over all connections, including those created through the Management API.
    pub(in crate::tenant) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().chain(self.created.iter().map(|it| &it.connection))
    }
}
