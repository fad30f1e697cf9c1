//! The configuration file `tenant.toml`: clients, connections and initial users.

mod check;
mod client;
mod connection;
mod created_connections;
mod fault;
mod organization;
mod role;
mod scopes;
mod settings;
mod strategies;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

pub use client::Client;
pub(super) use client::{ACCOUNT_CLIENT, GRANTS};
pub use connection::{Account, Connection, SeedUser};
pub(super) use created_connections::{CreatedConnection, CreatedConnections, CreationError};
pub use fault::InjectedFault;
pub use organization::ConfiguredOrganization;
pub(super) use organization::{check_display_name, check_name};
pub use role::ConfiguredRole;
pub use settings::{ConsoleSwitch, Lifetimes, PasswordHash, RateLimit, RateLimits};
pub(super) use strategies::{is_strategy, strategies};
pub use webhook::{Webhook, WebhookSecret};

use crate::decide::OnFailure;
use crate::limits::Limits;
use crate::policies::PolicyEntry;
use crate::reading::{object, read_toml_text};
use check::{
    check_clients, check_connections, check_host_names, check_organizations, check_roles, check_user,
};
use connection::derive_id;
pub(super) use connection::derive_id_with_prefix;

/// The configuration that `ligature serve --init` writes; `{secret}` stands for a random secret.
const TEMPLATE: &str = include_str!("../tenant.toml");

/// The policy that `ligature serve --init` writes beside the configuration. It links the template's
/// accounts or asks about them at every attempt.
const POLICY: &str = include_str!("../policy.json");

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
    pub(super) created: Arc<CreatedConnections>,
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
pub(super) const LEGACY: &str = "is for applications from before 2018: it needs `legacy = true` (or `legacy_id_tokens = true`) in tenant.toml";

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

/// The reason why a configuration is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

const LONGEST_S: u64 = 10 * 365 * 86_400;

impl Config {
    /// Returns the file that `--init` writes, with fresh secrets.
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

    /// Returns the policy that `--init` writes.
    #[must_use]
    pub fn template_policy() -> &'static str {
        POLICY
    }

    /// Parses a configuration.
    ///
    /// # Errors
    ///
    /// Returns the line and column if the text is not a configuration, or else the name of the
    /// setting that is inconsistent.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        // Omits the offending line, which may hold a secret.
        let read = read_toml_text(Path::new("tenant.toml"), text);
        let mut config: Self = read.map_err(|error| ConfigError(error.message_without_file()))?;
        config.check().map_err(ConfigError)?;
        for connection in &mut config.connections {
            if connection.id.is_empty() {
                connection.id = derive_id(&connection.name);
            }
        }
        config.organizations.iter_mut().for_each(ConfiguredOrganization::complete);
        Ok(config)
    }

    /// Makes the paths of the configuration relative to its own file.
    pub fn resolve_files(&mut self, file: &Path) {
        let folder = file.parent().unwrap_or(Path::new(""));
        if let Some(key) = &mut self.signing_key {
            *key = folder.join(&*key);
        }
    }

    fn check(&self) -> Result<(), String> {
        if let Some(issuer) = &self.issuer {
            check_issuer(issuer).map_err(|why| format!("issuer: {why}"))?;
        }
        check_clients(&self.clients)?;
        check_connections(&self.connections)?;
        check_roles(&self.roles)?;
        check_organizations(&self.organizations)?;
        self.users.iter().try_for_each(|seed| check_user(seed, &self.connections))?;
        check_host_names(&self.hosts, &self.custom_domains)?;
        Webhook::check_all(&self.webhooks)?;
        for api in &self.apis {
            // Access tokens for this API would be accepted as ID tokens of that client.
            if self.client(&api.identifier).is_some() {
                return Err(format!("api `{}`: a client has that name", api.identifier));
            }
        }
        if let Some((name, _)) =
            self.lifetimes.all().iter().find(|(_, seconds)| !(1..=LONGEST_S).contains(seconds))
        {
            return Err(format!("lifetimes: {name} is not between a second and ten years"));
        }
        self.limits.check().map_err(|why| format!("limits: {why}"))?;
        PolicyEntry::check_all(&self.policy, &self.limits)?;
        let PasswordHash { memory_kib, iterations, lanes } = self.password_hash;
        if argon2::Params::new(memory_kib, iterations, lanes, None).is_err() {
            return Err("password_hash: Argon2 does not take these parameters".to_owned());
        }
        Ok(())
    }

    /// Returns the configuration without the connections that the Management API has created.
    pub(super) fn without_created_connections(&self) -> Self {
        Self { created: Arc::default(), ..self.clone() }
    }

    /// Returns the settings that make the tenant weaker than its defaults, for the operator.
    pub(super) fn weaknesses(&self) -> Vec<&'static str> {
        let mut weaknesses = Vec::new();
        if self.legacy_id_tokens {
            weaknesses
                .push("legacy: anybody with an ID token can link and unlink its user's accounts, and access tokens reveal the whole profile");
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
    pub(super) fn client(&self, client_id: &str) -> Option<&Client> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    /// Returns the client of a login that was begun: one of the configuration, or the tenant's own,
    /// which no request can name.
    pub(super) fn client_of_login(&self, client_id: &str) -> Option<&Client> {
        self.client(client_id).or_else(|| (client_id == ACCOUNT_CLIENT).then(Client::account_page))
    }

    /// Returns the connection with this name.
    pub(super) fn connection(&self, name: &str) -> Option<&Connection> {
        self.connections().find(|connection| connection.name == name)
    }

    /// Returns the first connection with this strategy.
    pub(super) fn connection_of(&self, strategy: &str) -> Option<&Connection> {
        self.connections().find(|connection| connection.strategy == strategy)
    }

    /// Iterates over all connections, including those created through the Management API.
    pub(super) fn connections(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().chain(self.created.iter().map(|it| &it.connection))
    }
}

/// Checks that an issuer has the form of Auth0's: a scheme, a host and a slash.
fn check_issuer(issuer: &str) -> Result<(), String> {
    let expected = "is not a URL such as https://tenant.test/, with a slash at its end and nothing behind it";
    let url = url::Url::parse(issuer).ok().filter(|_| issuer.len() <= 255);
    let is_issuer = url.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.as_str() == issuer
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.password().is_none()
    });
    let shown: String = issuer.chars().take(100).collect();
    if is_issuer { Ok(()) } else { Err(format!("`{shown}` {expected}")) }
}

#[cfg(test)]
mod tests {
    use crate::tenant::config::Config;

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
    fn a_connection_is_called_as_people_know_it() {
        let label = |more: &str| {
            let config = Config::parse(&format!("[[connections]]\n{more}")).unwrap();
            config.connections[0].label().to_owned()
        };
        assert_eq!(label("name = \"google-oauth2\"\nstrategy = \"google-oauth2\""), "Google");
        assert_eq!(label("name = \"windowslive\"\nstrategy = \"windowslive\""), "Microsoft");
        assert_eq!(label("name = \"sms\"\nstrategy = \"sms\""), "phone");
        assert_eq!(label("name = \"acme\"\nstrategy = \"samlp\""), "acme");
        assert_eq!(label("name = \"acme\"\nstrategy = \"samlp\"\ndisplay_name = \"Acme Inc.\""), "Acme Inc.");
        assert_eq!(label("name = \"acme\"\nstrategy = \"samlp\"\ndisplay_name = \" \""), "acme");
    }

    #[test]
    fn an_error_says_where_and_shows_no_secret() {
        let error = refusal("[[clients]]\nclient_id = \"a\"\nclient_sekret = \"hunter2hunter2hunter2\"\n");
        assert!(error.starts_with("line 3, column 1: unknown field `client_sekret`"), "{error}");
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
            refusal("[[clients]]\nclient_id = \"ligature-account\""),
            "client `ligature-account`: the tenant's own page /account has that client_id; choose another"
        );
        assert_eq!(
            refusal("[[connections]]\nname = \"x\"\nstrategy = \"gogle\""),
            "connection `x`: there is no strategy `gogle`"
        );
        assert_eq!(
            refusal("[[connections]]\nname = \"x\"\nstrategy = \"samlp\"\ndisplay_name = \"a\\nb\""),
            "connection `x`: a display_name has up to 128 characters, and no line breaks"
        );
        for issuer in [
            "tenant.test",
            "https://tenant.test",
            "https://tenant.test/a",
            "https://TENANT.test/",
            "ftp://tenant.test/",
            "https://a:b@tenant.test/",
            "https://tenant.test/?a",
            "https://tenant.test/#",
            "https://tenant.test:443/",
            "",
        ] {
            let error = refusal(&format!("issuer = {issuer:?}"));
            assert!(error.starts_with(&format!("issuer: `{issuer}` is not a URL such as")), "{error}");
        }
        assert_eq!(
            refusal("custom_domains = [\"https://login.test/\"]"),
            "custom_domains: `https://login.test/` is not a name such as tenant.test:4481"
        );
        assert_eq!(
            refusal("hosts = [\"login.test\"]\ncustom_domains = [\"login.test\"]"),
            "custom_domains: `login.test` is among `hosts` as well"
        );
        assert_eq!(
            refusal("[[organizations]]\nname = \"Acme\""),
            "organization `Acme`: a name has up to 50 small letters, digits, - and _, and begins with a letter or a digit"
        );
        assert_eq!(
            refusal("[[organizations]]\nname = \"acme\"\nid = \"acme\""),
            "organization `acme`: an id begins with org_, followed by letters and digits"
        );
        assert_eq!(
            refusal(
                "[[organizations]]\nname = \"a\"\nid = \"org_1\"\n[[organizations]]\nname = \"b\"\nid = \"org_1\""
            ),
            "organizations: the name `b` or its id appears twice"
        );
        assert_eq!(
            refusal("[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\""),
            "user `auth0|1`: there is no connection `db`"
        );
    }

    #[test]
    fn a_misspelt_key_of_a_user_is_named() {
        let user = "[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\"\n";
        assert_eq!(
            refusal(&format!("{user}emial = \"ada@example.com\"")),
            "user `auth0|1`: unknown key `emial`; did you mean `email`?"
        );
        assert_eq!(
            refusal(&format!("{user}pasword = \"hunter2hunter2\"")),
            "user `auth0|1`: unknown key `pasword`; did you mean `password`?"
        );
        assert_eq!(
            refusal(&format!("{user}favourite_colour = \"blue\"")),
            "user `auth0|1`: unknown key `favourite_colour`; attributes of your own belong in user_metadata or app_metadata"
        );
    }

    #[test]
    fn a_key_of_the_whole_file_behind_the_users_is_named() {
        let user = "[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\"\n";
        for key in
            ["issuer = \"https://tenant.test/\"", "signing_key = \"key.pem\"", "legacy = true", "hosts = []"]
        {
            let name = key.split(' ').next().unwrap();
            assert_eq!(
                refusal(&format!("{user}{key}")),
                format!(
                    "user `auth0|1`: `{name}` is a key of the whole file: put it before the first table, such as [lifetimes]"
                )
            );
        }
    }

    #[test]
    fn every_attribute_that_a_user_of_the_api_has_is_accepted() {
        let text = "[[connections]]\nname = \"db\"\nstrategy = \"auth0\"\n[[users]]\nuser_id = \"auth0|1\"\nconnection = \"db\"\n\
                    email = \"a@example.com\"\nemail_verified = true\npassword = \"correct horse\"\nusername = \"a\"\nname = \"A\"\n\
                    nickname = \"a\"\ngiven_name = \"A\"\nfamily_name = \"B\"\npicture = \"https://example.com/a.png\"\n\
                    phone_number = \"+15550100\"\nphone_verified = true\nblocked = false\nroles = []\norganizations = []\n\
                    locale = \"en\"\nlast_ip = \"127.0.0.1\"\nmfa_factors = []\nmultifactor = []\nuser_metadata = {}\napp_metadata = {}";
        assert!(Config::parse(text).is_ok(), "{:?}", Config::parse(text).err());
    }
}
