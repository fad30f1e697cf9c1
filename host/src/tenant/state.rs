//! The tenant: its configuration, its directory and its parts.

use std::sync::Arc;

use crate::ambient::Ambient;
use crate::directory::{Administration, Credential};
use crate::model::{Identity, User};
use crate::tenant::config::{Config, Connection};
use crate::tenant::logins::Logins;
use crate::tenant::logins::flows::Verification;
use crate::tenant::management;
use crate::tenant::metrics::Metrics;
use crate::tenant::people::People;
use crate::tenant::people::login_name::{credential_name, login_name};
use crate::tenant::people::outbox::{Kind, Message};
use crate::tenant::server::rate_limit::Limiter;
use crate::tenant::signing::Signing;
use crate::tenant::signing::issuer::Issuer;

/// A tenant, shared by every request.
pub(crate) struct Tenant {
    pub(crate) config: Config,
    pub(crate) directory: Arc<dyn Administration>,
    /// Whether the directory is asked over a network.
    pub(crate) is_remote: bool,
    pub(crate) signing: Signing,
    pub(crate) people: People,
    pub(crate) logins: Logins,
    pub(crate) stores: management::Stores,
    pub(crate) metrics: Metrics,
    pub(crate) management_limit: Limiter,
    pub(crate) authentication_limit: Limiter,
    pub(crate) ambient: Ambient,
}

/// A handle on the tenant, as handlers hold it.
pub(crate) type Shared = Arc<Tenant>;

impl Tenant {
    /// Ends what every identity of a user has: sessions, refresh tokens, codes
    /// and tickets, whichever of them it was got by.
    pub(crate) fn end_logins(&self, user: &User) {
        self.revoke_logins(user);
        for identity in user.identities.iter().map(Identity::as_user_id) {
            self.people.sessions.end_of(&identity);
            self.people.refresh_tokens.end_where(&identity, |_| true);
        }
    }

    /// The same, but for what a browser and an application keep: they are told
    /// that the user is blocked, as long as that is so, and that the login is over
    /// afterwards.
    pub(crate) fn revoke_logins(&self, user: &User) {
        for identity in user.identities.iter().map(Identity::as_user_id) {
            self.people.revocations.revoke(&identity);
        }
        self.logins.flows.end_mailed_codes(user);
    }

    /// Ends the refresh tokens of these identities that were issued to another user
    /// than this one, whom they belong to from now on: one that was copied does not
    /// open more than it did. Sessions stay, as the user's browser is still theirs;
    /// they follow the identity.
    pub(crate) fn end_refresh_tokens<'a>(
        &self,
        identities: impl IntoIterator<Item = &'a Identity>,
        user_id: &str,
    ) {
        for identity in identities {
            self.people.refresh_tokens.end_where(&identity.as_user_id(), |grant| grant.user_id != user_id);
        }
    }

    /// A login has another name or password: whoever knew the one before is out
    /// of the whole account, and whoever has the new one may try it.
    pub(crate) fn login_changed(&self, credential: &Credential, owner: &User) {
        self.end_logins(owner);
        self.people.passwords.forgive(&credential_name(credential));
        for login in credential.email.iter().chain(&credential.username) {
            self.people.passwords.forgive(&login_name(&credential.connection, login));
        }
    }

    /// Mails a link that verifies an address.
    pub(crate) fn send_verification(
        &self,
        issuer: &Issuer,
        connection: &Connection,
        user_id: &str,
        email: &str,
    ) {
        let ticket = self
            .logins
            .flows
            .verifications
            .put(Verification { user_id: user_id.to_owned(), email: email.to_owned() });
        self.people.outbox.send(Message {
            to: email.to_owned(),
            kind: Kind::Verify,
            connection: connection.name.clone(),
            code: None,
            link: Some(format!("{issuer}u/email-verification?ticket={ticket}")),
            at: self.ambient.now(),
        });
    }
}
