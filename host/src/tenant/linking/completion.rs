//! The links and unlinks of accounts that an owner has requested.

use std::sync::Arc;

use crate::directory::{Actor, CheckedLink, Evidence, Provenance, Stored, Unlink};
use crate::model::{ApiError, LinkRequest, Timestamp, User, mask_addresses};
use crate::tenant::flows::linking_request::LinkingRequest;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::oauth_error::unavailable;
use crate::tenant::linking::request::{find_owner, login_error, login_required, read_owner};
use crate::tenant::logins::Logins;
use crate::tenant::logins::context::LoginRequest;
use crate::tenant::logins::outcome::NotLoggedIn;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The number of times that two accounts are read again if somebody changes them meanwhile.
const ATTEMPTS: usize = 5;

/// The completion of a link, or of its end, that an application has requested.
pub(crate) struct Completion<'a> {
    pub(crate) logins: &'a Logins,
    pub(crate) linking: &'a LinkingRequest,
}

impl Completion<'_> {
    /// Links a proved account to its owner. A new account is created first, without a
    /// decision of the plugin, which could link it to another user.
    pub(crate) fn link(
        &self,
        owner: &ProvedIdentity,
        second: &ProvedIdentity,
        around: &LoginRequest<'_>,
    ) -> Result<Arc<User>, OAuthError> {
        let is_new = find_owner(&*self.logins.directory, second)?.is_none();
        let linked = self.try_link(owner, second, around);
        if linked.is_err() && is_new {
            self.logins.remove_unused(&second.user.user_id);
        }
        linked
    }

    fn try_link(
        &self,
        owner: &ProvedIdentity,
        second: &ProvedIdentity,
        around: &LoginRequest<'_>,
    ) -> Result<Arc<User>, OAuthError> {
        for _ in 0..ATTEMPTS {
            let primary = self.require_owner(owner)?;
            if let Some(user) = self.find_settled(second)? {
                return Ok(user);
            }
            let secondary = self.logins.find_or_create_user(second, around).map_err(login_error)?;
            // A concurrent request changed it first, and has linked the identity: not their whole
            // account is meant.
            if secondary.user.user_id != second.user.user_id {
                continue;
            }
            if secondary.user.blocked {
                return Err(login_error(NotLoggedIn::Blocked));
            }
            if let Some(why) = self.logins.find_refusal_of_application(&primary, &secondary) {
                return Err(OAuthError::access_denied(why.to_string()));
            }
            for proved in [owner, second] {
                if self.logins.lacks_second_factor(proved).map_err(unavailable)? {
                    return Err(login_required(
                        "An account has a second factor, which was not passed. Log in again.",
                    ));
                }
            }
            let link = build_link(&primary, &secondary, self.logins.ambient.now());
            let answer = self.logins.directory.link(&link);
            tracing::info!(
                target: "audit", client = around.client.client_id, primary = %mask_addresses(&self.linking.owner),
                secondary = %mask_addresses(&secondary.user.user_id), done = answer.is_ok(), "link"
            );
            match answer {
                Ok(user) => {
                    self.logins.people.end_refresh_tokens(&secondary.user.identities, &self.linking.owner);
                    return Ok(user);
                }
                // One of them has changed meanwhile: both are read again.
                Err(ApiError::StateChanged(_) | ApiError::NotFound(_) | ApiError::AlreadyLinked(_)) => {}
                Err(error) => return Err(unavailable(error)),
            }
        }
        Err(OAuthError::temporarily_unavailable())
    }

    /// Reads the owner. Refuses an owner whose login has ended.
    fn require_owner(&self, owner: &ProvedIdentity) -> Result<Stored, OAuthError> {
        read_owner(&*self.logins.directory, self.linking)?;
        let holds = owner.user.user_id == self.linking.owner
            && find_owner(&*self.logins.directory, owner)?
                .is_some_and(|user| user.user_id == self.linking.owner);
        if !holds || self.logins.people.revocations.is_revoked(&owner.user.user_id, owner.began) {
            return Err(login_required("The login of the account's owner has ended. Log in again."));
        }
        self.logins.directory.get(&self.linking.owner).map_err(unavailable)
    }

    /// The owner, where the account is linked to them already; a refusal, where
    /// it cannot be.
    fn find_settled(&self, second: &ProvedIdentity) -> Result<Option<Arc<User>>, OAuthError> {
        let Some(key) = second.key() else { return Err(OAuthError::temporarily_unavailable()) };
        let known = match self.logins.directory.owner(key) {
            Ok(Some(stored)) => stored.user,
            Ok(None) => return Ok(None),
            Err(ApiError::Invalid(_)) => {
                return Err(OAuthError::access_denied("The account is known through another connection."));
            }
            Err(error) => return Err(unavailable(error)),
        };
        if second.user.user_id == self.linking.owner {
            return Err(OAuthError::access_denied("Main identity and the new one are the same."));
        }
        if known.user_id == self.linking.owner {
            return Ok(Some(known));
        }
        if known.user_id != second.user.user_id {
            return Err(OAuthError::access_denied("The account is linked to another user already."));
        }
        if known.blocked { Err(login_error(NotLoggedIn::Blocked)) } else { Ok(None) }
    }

    /// Unlinks the owner's identity of the connection, which becomes a separate user.
    pub(crate) fn unlink(&self, client: &str) -> Result<Arc<User>, OAuthError> {
        let user = read_owner(&*self.logins.directory, self.linking)?;
        let mut of = user.identities.iter().skip(1).filter(|it| it.connection == self.linking.connection);
        let identity = match (of.next(), of.next()) {
            (Some(identity), None) => identity,
            (Some(_), Some(_)) => {
                return Err(OAuthError::access_denied(format!(
                    "Several accounts of {} are linked: which one is meant is not known.",
                    self.linking.connection
                )));
            }
            (None, _)
                if user.identities.first().is_some_and(|it| it.connection == self.linking.connection) =>
            {
                return Err(OAuthError::access_denied("Main identity cannot be removed."));
            }
            (None, _) => {
                return Err(OAuthError::access_denied(format!(
                    "No account of {} is linked.",
                    self.linking.connection
                )));
            }
        };
        let unlink = Unlink {
            restores: None,
            keeps_factors: true,
            primary: user.user_id.clone(),
            provider: identity.provider.clone(),
            user_id: identity.user_id.clone(),
            provenance: Arc::new(Provenance {
                evidence: Some(Evidence {
                    client_id: Some(client.to_owned()),
                    ..Evidence::from_request(&user)
                }),
                ..user_provenance(&user.user_id)
            }),
            now: self.logins.ambient.now(),
        };
        let answer = self.logins.directory.unlink(&unlink);
        let left = |user: &User| user.identities.iter().any(|it| it.key() == identity.key());
        let is_done = answer.as_ref().is_ok_and(|user| !left(user));
        tracing::info!(
            target: "audit", client, primary = %mask_addresses(&user.user_id),
            identity = %mask_addresses(&identity.as_user_id()), done = is_done, "unlink"
        );
        answer.map_err(unavailable)
    }
}

fn build_link(primary: &Stored, secondary: &Stored, now: Timestamp) -> CheckedLink {
    CheckedLink {
        request: LinkRequest {
            primary: primary.user.user_id.clone(),
            secondary: secondary.user.user_id.clone(),
            user_metadata: None,
            app_metadata: None,
            reasons: Arc::new([]),
        },
        primary_version: Some(primary.version),
        secondary_version: Some(secondary.version),
        read: None,
        provenance: Arc::new(Provenance {
            evidence: Some(Evidence::from_request(&primary.user)),
            ..user_provenance(&primary.user.user_id)
        }),
        now,
    }
}

fn user_provenance(user_id: &str) -> Provenance {
    let actor = Actor::User { user_id: user_id.to_owned() };
    Provenance { actor, evidence: None, policy_sha256: None, plugin: None }
}
