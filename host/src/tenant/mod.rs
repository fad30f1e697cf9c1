//! The local tenant: an HTTP server that Auth0's clients accept for Auth0.
//!
//! | file | what |
//! |---|---|
//! | `config` | `tenant.toml`: clients, connections, who is there at first |
//! | `server`, `connections`, `early_end` | listeners, their connections, and the end |
//! | `routes`, `unknown_path` | what lies where, and what does not |
//! | `refusal`, `time_limit` | refusals of any path, such as of what takes too long |
//! | `management` | the Management API v2 |
//! | `authentication` | the Authentication API, and the pages that people see |
//! | `login` | one login: the plugin is asked |
//! | `decider`, `reload` | which plugin and policy, and their replacement |
//! | `issuer`, `keys`, `tokens`, `token_id`, `verification` | who the tenant is, and what it signs |
//! | `sessions`, `refresh_tokens`, `revocations`, `passwords`, `attempts` | what it remembers of people |
//! | `one_time`, `per_owner`, `weighed` | the stores, and how much they hold |
//! | `outbox`, `events` | what would have been mailed, what has happened |
//! | `start_page`, `html` | what people see who open the tenant in a browser |
//! | `seed` | users of the configuration |
//! | `rate_limit`, `metrics` | how much is asked |
//! | `profile` | what every user is shown with |
//! | `json_object`, `random` | what bodies are read as, what nobody can guess |
//! | `certificates`, `state_dir` | what it keeps between starts |

mod attempts;
mod authentication;
mod certificates;
mod config;
mod connections;
mod decider;
mod early_end;
mod events;
mod html;
mod issuer;
mod json_object;
mod keys;
mod login;
mod management;
mod metrics;
mod one_time;
mod outbox;
mod passwords;
mod per_owner;
mod profile;
mod random;
mod rate_limit;
mod refresh_tokens;
mod refusal;
mod reload;
mod revocations;
mod routes;
mod seed;
mod server;
mod sessions;
mod start_page;
mod state_dir;
mod time_limit;
mod token_id;
mod tokens;
mod unknown_path;
mod verification;
mod weighed;

use std::sync::Arc;

pub use certificates::CertificateError;
pub use config::{
    Account, Api, Client, Config, ConfigError, Connection, Lifetimes, OnFailure, PasswordHash, RateLimit,
    RateLimits, Role, SeedUser,
};
pub use early_end::EarlyEnd;
pub use keys::KeysError;
pub use metrics::MissingLines;
pub use server::{Opening, Ports, Ready, ServeError, serve};
pub use state_dir::{StateDir, StateError};

use authentication::{Flows, Verification};
use decider::Decider;
use events::Events;
use issuer::{Hosts, Issuer};
use keys::Keys;
use management::SpentProofs;
use metrics::Metrics;
use outbox::{Kind, Message, Outbox};
use passwords::Passwords;
use rate_limit::Limiter;
use refresh_tokens::RefreshTokens;
use revocations::Revocations;
use sessions::Sessions;
use verification::Verified;

use crate::directory::{Administration, Credential};
use crate::model::{Identity, Timestamp, User};

/// A tenant.
pub struct Tenant {
    config: Config,
    hosts: Hosts,
    directory: Arc<dyn Administration>,
    /// Whether the directory is asked over a network.
    is_remote: bool,
    decider: Decider,
    keys: Keys,
    verified: Verified,
    sessions: Sessions,
    refresh_tokens: RefreshTokens,
    revocations: Revocations,
    spent_proofs: SpentProofs,
    passwords: Passwords,
    flows: Flows,
    outbox: Outbox,
    stores: management::Stores,
    events: Events,
    metrics: Metrics,
    management_limit: Limiter,
    authentication_limit: Limiter,
}

type Shared = Arc<Tenant>;

/// A random secret, as `ligature serve --init` gives it to clients.
#[must_use]
pub fn random_secret() -> String {
    random::secret()
}

/// Does something that may wait, where that keeps nobody else waiting.
async fn run<T: Send + 'static>(tenant: &Shared, what: impl FnOnce(&Tenant) -> T + Send + 'static) -> T {
    let tenant = tenant.clone();
    match tokio::task::spawn_blocking(move || what(&tenant)).await {
        Ok(done) => done,
        // A panic goes on where it is caught and answered with 500; nothing
        // cancels these tasks.
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Reads a record or two. Where they are on this machine, that takes less than
/// changing threads would.
async fn read<T: Send + 'static>(tenant: &Shared, what: impl FnOnce(&Tenant) -> T + Send + 'static) -> T {
    if tenant.is_remote { run(tenant, what).await } else { what(tenant) }
}

impl Tenant {
    /// Ends what every identity of a user has: sessions, refresh tokens, codes
    /// and tickets, whichever of them it was got by.
    fn end_logins(&self, user: &User) {
        self.revoke_logins(user);
        for identity in user.identities.iter().map(Identity::as_user_id) {
            self.sessions.end_of(&identity);
            self.refresh_tokens.end_where(&identity, |_| true);
        }
    }

    /// The same, but for what a browser and an application keep: they are told
    /// that the user is blocked, as long as that is so, and that the login is over
    /// afterwards.
    fn revoke_logins(&self, user: &User) {
        for identity in user.identities.iter().map(Identity::as_user_id) {
            self.revocations.revoke(&identity);
        }
        self.flows.end_mailed_codes(user);
    }

    /// Ends the refresh tokens of these identities that were issued to another user
    /// than this one, whom they belong to from now on: one that was copied does not
    /// open more than it did. Sessions stay, as the user's browser is still theirs;
    /// they follow the identity.
    fn end_refresh_tokens<'a>(&self, identities: impl IntoIterator<Item = &'a Identity>, user_id: &str) {
        for identity in identities {
            self.refresh_tokens.end_where(&identity.as_user_id(), |grant| grant.user_id != user_id);
        }
    }

    /// A login has another name or password: whoever knew the one before is out
    /// of the whole account, and whoever has the new one may try it.
    fn login_changed(&self, credential: &Credential, owner: &User) {
        self.end_logins(owner);
        self.passwords.forgive(&credential_name(credential));
        for login in credential.email.iter().chain(&credential.username) {
            self.passwords.forgive(&login_name(&credential.connection, login));
        }
    }

    /// Mails a link that verifies an address.
    fn send_verification(&self, issuer: &Issuer, connection: &Connection, user_id: &str, email: &str) {
        let ticket = self
            .flows
            .verifications
            .put(Verification { user_id: user_id.to_owned(), email: email.to_owned() });
        self.outbox.send(Message {
            to: email.to_owned(),
            kind: Kind::Verify,
            connection: connection.name.clone(),
            code: None,
            link: Some(format!("{issuer}u/email-verification?ticket={ticket}")),
            at: Timestamp::now(),
        });
    }
}

/// A login, unlike others of the same name elsewhere.
fn login_name(connection: &str, login: &str) -> String {
    format!("{connection}\n{login}")
}

/// The login of a credential, whichever of its names is typed. No name that is
/// typed is one: it has a line of its own.
fn credential_name(credential: &Credential) -> String {
    format!("{}\nauth0|\n{}", credential.connection, credential.user_id)
}

/// The id of a passwordless identity: the same whenever the same address logs
/// in, and telling nobody which one that is.
fn passwordless_id(connection: &Connection, address: &str) -> String {
    use sha2::{Digest, Sha256};
    // Of ASCII letters only: elsewhere, other letters than a person would think
    // have one lower case.
    let address = address.to_ascii_lowercase();
    let hash = Sha256::digest(format!("{}\n{address}", connection.name));
    hash.iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}
