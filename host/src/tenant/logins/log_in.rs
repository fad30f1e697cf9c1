//! One login: the plugin is asked, whoever it is that logs in and however.

use std::sync::Arc;

use crate::decide::{DecisionContext, DecisionRequest, FinalUser, decide_login};
use crate::directory::{ArrivalError, Stored, arrive, arrive_existing};
use crate::model::{
    ApiError, Decision, Identity, LoginEvent, Step, StepAnswer, Timestamp, User, Verification, mask_addresses,
};
use crate::policies::Policy;
use crate::tenant::config::{Client, Connection};
use crate::tenant::http::visit::Sender;
use crate::tenant::logins::event::with_roles;
use crate::tenant::people::proved::Proved;
use crate::tenant::state::Tenant;

/// Where a login comes from, and where it goes.
pub(crate) struct Around<'a> {
    pub(crate) client: &'a Client,
    /// As in `transaction.protocol`.
    pub(crate) protocol: &'static str,
    pub(crate) scope: &'a str,
    pub(crate) sender: &'a Sender,
    /// Whether somebody is there to be asked.
    pub(crate) interactive: bool,
    /// What came back after they were asked.
    pub(crate) answer: Option<&'a StepAnswer>,
}

/// What becomes of a login.
pub(crate) enum LoggedIn {
    /// Tokens are for this user.
    As(Arc<User>),
    /// The user is to be asked whether the accounts are theirs.
    Asked {
        /// The user of the login.
        current: Arc<User>,
        /// What they are to do.
        step: Step,
        /// The other accounts.
        candidates: Vec<String>,
        /// The policy that asks.
        policy: String,
    },
}

impl LoggedIn {
    /// The user, where nobody can be asked: a question changes nothing then.
    pub(crate) fn user(self) -> Arc<User> {
        match self {
            Self::As(user) | Self::Asked { current: user, .. } => user,
        }
    }
}

/// Why nobody is logged in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLoggedIn {
    /// The plugin says no.
    #[error("{0}")]
    Denied(String),
    /// The user is blocked.
    #[error("user is blocked")]
    Blocked,
    /// A session or a refresh token is of a user that is gone.
    #[error("the user is gone")]
    Gone,
    /// The login began before the password or the address was changed, or the
    /// user blocked or deleted.
    #[error("the login was revoked")]
    Revoked,
    /// The directory does not answer, or says that it is another tenant's.
    #[error("{0}")]
    Failed(String),
}

impl Tenant {
    /// Logs somebody in who has proved to be this identity: the user is found,
    /// or made, the plugin asked, the login counted.
    pub(crate) fn log_in(&self, proved: &Proved, around: &Around<'_>) -> Result<LoggedIn, NotLoggedIn> {
        // Whoever has a password has a user, or had one.
        if self.config.connection(&proved.connection).is_some_and(Connection::is_database) {
            return self.log_in_known(proved, around);
        }
        self.refuse_revoked(proved)?;
        let now = self.ambient.now();
        let arrived = arrive(&*self.directory, self.event(proved, around, now), now).map_err(failed);
        given_back(proved, arrived.and_then(|event| self.decided_and_told(event, (proved, around), now)))
    }

    /// The user of somebody who has proved to be this identity, found or made.
    /// It logs nobody in, and does not ask the plugin.
    pub(crate) fn arrived(&self, proved: &Proved, around: &Around<'_>) -> Result<Stored, NotLoggedIn> {
        self.refuse_revoked(proved)?;
        let now = self.ambient.now();
        let arrived = arrive(&*self.directory, self.event(proved, around, now), now).map_err(failed);
        let key = proved.key().ok_or(NotLoggedIn::Gone)?;
        let owner = arrived.and_then(|_| self.directory.owner(key).map_err(|error| failed(error.into())));
        given_back(proved, owner)?.ok_or(NotLoggedIn::Gone)
    }

    /// Writes down that a user's address is theirs. True if the user still has
    /// that address.
    pub(crate) fn set_verified(&self, user_id: &str, email: &str) -> Result<bool, ApiError> {
        for _ in 0..5 {
            let stored = match self.directory.get(user_id) {
                Ok(stored) => stored,
                // Linked by now: its address is a profile's, which proves nothing.
                Err(ApiError::NotFound(_)) => return Ok(false),
                Err(error) => return Err(error),
            };
            if stored.user.email.as_deref() != Some(email) {
                return Ok(false);
            }
            if stored.user.email_verified.is_verified() {
                return Ok(true);
            }
            let user = User {
                email_verified: Verification::Verified,
                updated_at: Some(self.ambient.now()),
                ..User::clone(&stored.user)
            };
            match self.directory.update(user, stored.version) {
                Ok(_) => return Ok(true),
                Err(ApiError::StateChanged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ApiError::StateChanged(user_id.to_owned()))
    }

    /// The same beside a change that is made already: it is not worth saying that
    /// the change was not.
    pub(crate) fn verified_besides(&self, user_id: &str, email: &str) {
        if let Err(error) = self.set_verified(user_id, email) {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "an address stays unverified");
        }
    }

    /// The same without anybody there: a session or a refresh token stands for
    /// the proof.
    pub(crate) fn log_in_again(&self, proved: &Proved, around: &Around<'_>) -> Result<LoggedIn, NotLoggedIn> {
        self.log_in_known(&proved.remembered(), around)
    }

    /// The same of somebody who has a user. Users that are gone do not come back
    /// by it.
    pub(crate) fn log_in_known(&self, proved: &Proved, around: &Around<'_>) -> Result<LoggedIn, NotLoggedIn> {
        self.refuse_revoked(proved)?;
        let now = self.ambient.now();
        match arrive_existing(&*self.directory, self.event(proved, around, now), now) {
            Ok(Some(event)) => given_back(proved, self.decided_and_told(event, (proved, around), now)),
            Ok(None) | Err(ArrivalError::Directory(ApiError::Invalid(_))) => Err(NotLoggedIn::Gone),
            Err(error) => given_back(proved, Err(failed(error))),
        }
    }

    fn decided_and_told(
        &self,
        event: LoginEvent,
        (proved, around): (&Proved, &Around<'_>),
        now: Timestamp,
    ) -> Result<LoggedIn, NotLoggedIn> {
        let ended = self.decided(event, around, now);
        self.logins.events.logged_in(self, (proved, around), &ended);
        ended
    }

    fn decided(
        &self,
        event: LoginEvent,
        around: &Around<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, NotLoggedIn> {
        let event = with_roles(event);
        let user = event.account().clone();
        if user.blocked {
            return Err(self.blocked(&user));
        }
        let in_force = self.logins.decider.in_force();
        let policies: Vec<_> = in_force.iter().map(Policy::borrowed).collect();
        let event = Arc::new(event);
        let request = DecisionRequest { event: &event, now, trace: false, answer: around.answer };
        let context =
            DecisionContext { directory: self.directory.clone(), on_failure: self.config.on_failure };
        let decided = decide_login(&policies, request, |guard| guard, context);

        for step in decided.overtaken.iter().chain(&decided.steps) {
            self.tell(step, &masked(&user));
        }
        self.metrics.decided(&decided);
        let codes: Vec<&str> = decided.outcome.reasons.iter().map(|reason| reason.code.as_str()).collect();
        let policy = decided.steps.last().map(|step| step.policy.clone()).unwrap_or_default();
        tracing::info!(
            target: "login", user = %masked(&user), client = around.client.client_id, protocol = around.protocol,
            policy, decision = decided.outcome.decision.kind(), reasons = codes.join(" "), "login decided"
        );

        if let FinalUser::User(by_now) = &decided.final_user {
            self.end_refresh_tokens(moved(&user, by_now), &by_now.user_id);
            if let Decision::Linked { primary } = &decided.outcome.decision {
                self.logins.events.linked(around, &user.user_id, primary);
            }
        }
        // Whoever has the identity now: nothing is issued on an older read.
        let user = match (decided.final_user, decided.outcome.decision) {
            (FinalUser::User(user), _) if user.blocked => return Err(self.blocked(&user)),
            (FinalUser::User(current), Decision::Suggest { step, candidates }) if around.interactive => {
                return Ok(LoggedIn::Asked { current, step, candidates, policy });
            }
            (FinalUser::User(user), _) => user,
            (FinalUser::Denied, Decision::Deny { message }) => return Err(NotLoggedIn::Denied(message)),
            (FinalUser::Denied | FinalUser::Gone, _) => return Err(NotLoggedIn::Gone),
            (FinalUser::Unknown(error), _) => return Err(failed(error.into())),
        };
        // A count is not worth a login.
        if let Err(error) = self.directory.count_login(&user.user_id, now, around.sender.ip.parse().ok()) {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a login was not counted");
        }
        Ok(LoggedIn::As(user))
    }

    /// Refuses a login that began before the password, the address or the account
    /// was changed.
    fn refuse_revoked(&self, proved: &Proved) -> Result<(), NotLoggedIn> {
        if !self.people.revocations.is_revoked(&proved.user.user_id, proved.began) {
            return Ok(());
        }
        match proved.key().map(|key| self.directory.owner(key)) {
            Some(Ok(Some(owner))) if owner.user.blocked => Err(self.blocked(&owner.user)),
            _ => Err(NotLoggedIn::Revoked),
        }
    }

    fn blocked(&self, user: &User) -> NotLoggedIn {
        tracing::warn!(target: "audit", user = %masked(user), "a blocked user was refused");
        NotLoggedIn::Blocked
    }
}

/// The identities that a link has brought to another user: those of the user who
/// logged in, or, where they stayed the primary, those of the other account.
fn moved<'a>(before: &'a User, merged: &'a User) -> Vec<&'a Identity> {
    if before.user_id != merged.user_id {
        return before.identities.iter().collect();
    }
    let is_new = |it: &&Identity| !before.identities.iter().any(|known| known.key() == it.key());
    merged.identities.iter().filter(is_new).collect()
}

fn masked(user: &User) -> std::borrow::Cow<'_, str> {
    mask_addresses(&user.user_id)
}

/// The end of a login. One that the directory did not answer spends no code.
fn given_back<T>(proved: &Proved, ended: Result<T, NotLoggedIn>) -> Result<T, NotLoggedIn> {
    if let Err(NotLoggedIn::Failed(_)) = &ended {
        proved.give_back();
    }
    ended
}

fn failed(error: ArrivalError) -> NotLoggedIn {
    let error = error.to_string();
    let error = mask_addresses(&error);
    tracing::error!(%error, "a login could not be decided");
    NotLoggedIn::Failed(error.into_owned())
}
