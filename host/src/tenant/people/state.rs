//! All per-user stores, and the operations on several of them.

use std::convert::Infallible;
use std::sync::Arc;

use crate::ambient::Ambient;
use crate::directory::Credential;
use crate::model::{Identity, Moment, Timestamp, User, mask_addresses};
use crate::service::forms::FormKey;
use crate::tenant::config::{Config, Connection, Lifetimes};
use crate::tenant::people::identifier_keys::{credential_key, identifier_key};
use crate::tenant::people::mail_links::{Closed, LoginLink, ResetLink, VerificationLink};
use crate::tenant::people::mailed_codes::MailedCodes;
use crate::tenant::people::message_limit::MessageLimit;
use crate::tenant::people::objections::Objections;
use crate::tenant::people::outbox::{MailOutbox, Message, MessageKind};
use crate::tenant::people::passwords::Passwords;
use crate::tenant::people::refresh_tokens::RefreshTokens;
use crate::tenant::people::revocations::Revocations;
use crate::tenant::people::sessions::{CookieKey, Sessions};
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::signing::verification::{Claims, LEEWAY};
use crate::tenant::store::one_time::OneTime;
use crate::tenant::store::spent_names::SpentNames;

/// The lifetime of a link in a mail, in seconds. It allows for the time until the mail is read.
const MAIL_LINK_S: u64 = 86_400;

/// The per-user state of the tenant.
pub(crate) struct People {
    pub(crate) sessions: Sessions,
    pub(crate) refresh_tokens: RefreshTokens,
    pub(crate) revocations: Arc<Revocations>,
    /// The grants of codes that were used twice.
    revoked_codes: Arc<SpentNames>,
    pub(crate) passwords: Passwords,
    /// One-time passwords that were sent by mail or to a phone.
    pub(crate) mailed_codes: MailedCodes,
    /// The codes of second factors.
    pub(crate) second_factors: MailedCodes,
    /// The last link that each login has asked for, by the name of the login. It logs in by a mailbox.
    pub(crate) login_links: OneTime<Arc<LoginLink>>,
    /// Links that verify an address.
    pub(crate) verifications: OneTime<VerificationLink>,
    /// Links to a page that asks for a new password.
    pub(crate) resets: OneTime<ResetLink>,
    pub(crate) outbox: MailOutbox,
    pub(crate) message_limit: MessageLimit,
    /// The links by which owners of accounts object to changes.
    pub(crate) objections: Objections,
    /// The key of the forms on which users change their account.
    pub(crate) form_key: FormKey,
    ambient: Ambient,
}

/// The parts that are kept across restarts.
pub(crate) struct KeptParts<'a> {
    pub(crate) cookie_key: &'a CookieKey,
    pub(crate) revocations: Arc<Revocations>,
    /// The grants of codes that were used twice.
    pub(crate) revoked_codes: Arc<SpentNames>,
    /// The links of objections that were used.
    pub(crate) spent_objections: Arc<SpentNames>,
}

impl People {
    /// Creates empty stores, beside those that are kept across restarts.
    pub(crate) fn new(kept: KeptParts<'_>, config: &Config, ambient: &Ambient) -> Self {
        let KeptParts { cookie_key, revocations, revoked_codes, spent_objections } = kept;
        let lifetimes = &config.lifetimes;
        let sessions = Sessions::new(cookie_key, lifetimes.session, ambient);
        Self {
            form_key: FormKey::derive(sessions.cookie_key().signing()),
            sessions,
            refresh_tokens: RefreshTokens::new(lifetimes.refresh_token, ambient),
            revocations,
            revoked_codes,
            passwords: Passwords::new(config.password_hash, ambient),
            mailed_codes: MailedCodes::new(lifetimes.mailed_code, ambient),
            second_factors: MailedCodes::new(lifetimes.mailed_code, ambient),
            login_links: OneTime::new(lifetimes.mailed_code, ambient),
            verifications: OneTime::new(MAIL_LINK_S, ambient),
            resets: OneTime::new(MAIL_LINK_S, ambient),
            outbox: MailOutbox::default(),
            message_limit: MessageLimit::new(config.rate_limit.messages, ambient),
            objections: Objections::new(cookie_key, spent_objections, ambient),
            ambient: ambient.clone(),
        }
    }

    /// Revokes the tokens that were issued for a code.
    ///
    /// Source: RFC 6749, 4.1.2.
    pub(crate) fn revoke_code(&self, grant: &str, lifetimes: &Lifetimes) {
        let longest_s = lifetimes.all().into_iter().map(|(_, lifetime_s)| lifetime_s).max();
        let lifetime_ms = longest_s.unwrap_or_default().saturating_add(LEEWAY + 1).saturating_mul(1000);
        let until = Timestamp::from_millis(self.ambient.now().as_millis().saturating_add(lifetime_ms));
        // A code that is used a third time is revoked already.
        let _: Option<Result<(), Infallible>> =
            self.revoked_codes.spend(grant, until.unwrap_or_default(), || Ok(()));
    }

    /// Returns whether a token of a user is revoked: with the logins of the user, or with the code for
    /// which it was issued.
    pub(crate) fn is_token_revoked(&self, user_id: &str, claims: &Claims) -> bool {
        self.revocations.is_revoked(user_id, claims.began())
            || claims.grant().is_some_and(|grant| self.revoked_codes.contains(&grant))
    }

    /// Checks that a mailed link or a ticket of an identity may be used, which was sent at this moment.
    pub(crate) fn check_link(&self, owner: &User, identity: &str, began: Moment) -> Result<(), Closed> {
        if owner.blocked {
            let user = mask_addresses(&owner.user_id);
            tracing::warn!(target: "audit", %user, "a mailed link of a blocked user was refused");
            return Err(Closed::Blocked);
        }
        if self.revocations.is_revoked(identity, began) { Err(Closed::Used) } else { Ok(()) }
    }

    /// Ends all logins of a user, with any of their identities: sessions, refresh tokens, codes and
    /// tickets.
    pub(crate) fn end_logins(&self, user: &User) {
        self.revoke_logins(user);
        for identity in user.identities.iter().map(Identity::as_user_id) {
            self.sessions.end_by_identity(&identity);
            self.refresh_tokens.end_where(&identity, |_| true);
        }
    }

    /// Revokes all logins of a user, but keeps sessions and refresh tokens: they are refused with
    /// "blocked" while the user is blocked, and with "revoked" afterwards.
    pub(crate) fn revoke_logins(&self, user: &User) {
        for identity in user.identities.iter().map(Identity::as_user_id) {
            self.revocations.revoke(&identity);
        }
        self.mailed_codes.invalidate_for_user(user);
    }

    /// Ends the refresh tokens of identities that were issued to another user than `user_id`, the
    /// identities' new owner, so that a stolen token does not give access to a larger account.
    /// Sessions are kept, because the browser belongs to the same person.
    pub(crate) fn end_refresh_tokens<'a>(
        &self,
        identities: impl IntoIterator<Item = &'a Identity>,
        user_id: &str,
    ) {
        for identity in identities {
            self.refresh_tokens.end_where(&identity.as_user_id(), |grant| grant.user_id != user_id);
        }
    }

    /// Ends all logins of a user whose credential has changed, and resets the count of failed
    /// attempts: a holder of the old password is logged out of the whole account, and the owner can
    /// use the new password at once.
    pub(crate) fn apply_credential_change(&self, credential: &Credential, owner: &User) {
        self.end_logins(owner);
        self.passwords.reset_attempts(&credential_key(credential));
        for login in credential.email.iter().chain(&credential.username) {
            self.passwords.reset_attempts(&identifier_key(&credential.connection, login));
        }
    }

    /// Mails a link by which a mailbox proves itself at the login of this name. An earlier link of the
    /// same login ends: it may have gone to a mistyped address.
    pub(crate) fn send_login_link(&self, issuer: &Issuer, login: &str, link: LoginLink) {
        let (to, connection, token) = (link.address.clone(), link.connection.clone(), link.token.clone());
        self.login_links.put_as(login.to_owned(), Arc::new(link));
        let state: String = url::form_urlencoded::byte_serialize(login.as_bytes()).collect();
        self.outbox.send(Message {
            to,
            kind: MessageKind::Link,
            connection,
            code: None,
            link: Some(format!("{issuer}u/link?state={state}&token={token}")),
            text: Vec::new(),
            at: self.ambient.now(),
        });
    }

    /// Mails a link that verifies an address. The link's URL begins with the issuer.
    pub(crate) fn send_verification(&self, issuer: &Issuer, connection: &Connection, link: VerificationLink) {
        let to = link.email.clone();
        let ticket = self.verifications.put(link);
        self.outbox.send(Message {
            to,
            kind: MessageKind::Verify,
            connection: connection.name.clone(),
            code: None,
            link: Some(format!("{issuer}u/email-verification?ticket={ticket}")),
            text: Vec::new(),
            at: self.ambient.now(),
        });
    }
}
