//! A login: the arrival of a proved identity and the decision of the policies.

use std::sync::Arc;

use crate::decide::{DecisionContext, DecisionRequest, FinalUser, UserKeeper};
use crate::directory::{ArrivalError, CountedLogin, Stored, arrive, arrive_existing};
use crate::model::{ApiError, Decision, Identity, LoginEvent, Timestamp, User, mask_addresses};
use crate::policies::LoadedPolicy;
use crate::service::decision_log::log_policy_run;
use crate::service::decision_recorder::NotedLogin;
use crate::tenant::config::Connection;
use crate::tenant::logins::context::{LoginRequest, RequestedLogin};
use crate::tenant::logins::event::{add_second_factor, login_event, with_roles};
use crate::tenant::logins::outcome::{LoggedIn, NotLoggedIn};
use crate::tenant::logins::separation::has_left_since;
use crate::tenant::logins::state::Logins;
use crate::tenant::people::proved_identity::ProvedIdentity;

impl Logins {
    /// Logs in a proved identity: finds or creates the user, runs the policies, and counts the
    /// login.
    pub(crate) fn log_in(
        &self,
        proved: &ProvedIdentity,
        context: &LoginRequest<'_>,
    ) -> Result<LoggedIn, NotLoggedIn> {
        // The user of a database identity exists or was deleted: logins never create one.
        if self.config.connection(&proved.connection).is_some_and(Connection::is_database) {
            return self.log_in_known(proved, context);
        }
        self.refuse_revoked(proved)?;
        let now = self.ambient.now();
        let arrived =
            arrive(&*self.directory, login_event(&self.config, RequestedLogin { proved, context }, now), now)
                .map_err(log_failure);
        give_back_on_failure(
            proved,
            arrived.and_then(|event| self.decide_and_record(event, RequestedLogin { proved, context }, now)),
        )
    }

    /// Finds or creates the user of a proved identity without a login, that is, without running
    /// policies.
    pub(crate) fn find_or_create_user(
        &self,
        proved: &ProvedIdentity,
        context: &LoginRequest<'_>,
    ) -> Result<Stored, NotLoggedIn> {
        self.refuse_revoked(proved)?;
        let now = self.ambient.now();
        let arrived =
            arrive(&*self.directory, login_event(&self.config, RequestedLogin { proved, context }, now), now)
                .map_err(log_failure);
        let key = proved.key().ok_or(NotLoggedIn::Gone)?;
        let owner =
            arrived.and_then(|_| self.directory.owner(key).map_err(|error| log_failure(error.into())));
        give_back_on_failure(proved, owner)?.ok_or(NotLoggedIn::Gone)
    }

    /// Removes a user who was created for a link that failed, unless they have logged in since.
    pub(crate) fn remove_unused(&self, user_id: &str) {
        let is_unused = self.directory.get(user_id).is_ok_and(|stored| stored.user.last_login.is_none());
        if is_unused && let Err(error) = self.directory.delete(user_id) {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a user was left behind");
        }
    }

    /// Logs in an identity that a session or a refresh token has proved before.
    pub(crate) fn log_in_again(
        &self,
        proved: &ProvedIdentity,
        context: &LoginRequest<'_>,
    ) -> Result<LoggedIn, NotLoggedIn> {
        self.log_in_known(&proved.without_attributes(), context)
    }

    /// Logs in an identity that has a user. A deleted user is not created again.
    pub(crate) fn log_in_known(
        &self,
        proved: &ProvedIdentity,
        context: &LoginRequest<'_>,
    ) -> Result<LoggedIn, NotLoggedIn> {
        self.refuse_revoked(proved)?;
        let now = self.ambient.now();
        match arrive_existing(
            &*self.directory,
            login_event(&self.config, RequestedLogin { proved, context }, now),
            now,
        ) {
            Ok(Some(event)) => give_back_on_failure(
                proved,
                self.decide_and_record(event, RequestedLogin { proved, context }, now),
            ),
            Ok(None) | Err(ArrivalError::Directory(ApiError::Invalid(_))) => Err(NotLoggedIn::Gone),
            Err(error) => give_back_on_failure(proved, Err(log_failure(error))),
        }
    }

    fn decide_and_record(
        &self,
        event: LoginEvent,
        login: RequestedLogin<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, NotLoggedIn> {
        let ended = self.decide(event, login, now);
        self.events.record_login(&self.config, login, &ended);
        ended
    }

    fn decide(
        &self,
        event: LoginEvent,
        RequestedLogin { proved, context }: RequestedLogin<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, NotLoggedIn> {
        let mut event = with_roles(event);
        let user = event.account().clone();
        if user.blocked {
            return Err(refuse_blocked(&user));
        }
        let has_left = has_left_since(&*self.directory, &user, &proved.user.user_id, proved.began);
        if has_left.map_err(|error| log_failure(error.into()))? {
            return Err(NotLoggedIn::Revoked);
        }
        // Whichever way a login takes, it does not go round the second factor of its user.
        match proved.passed_factor_of(&user.user_id) {
            Some(at) => add_second_factor(&mut event, at.min(now)),
            None if user.mfa_factors().is_empty() => {}
            None => {
                tracing::warn!(target: "audit", user = %mask_address(&user), "a login lacks a second factor");
                return Err(NotLoggedIn::LacksSecondFactor);
            }
        }
        let loaded = self.decider.policies_for_login();
        let policies: Vec<_> = loaded.iter().map(LoadedPolicy::borrowed).collect();
        let event = Arc::new(event);
        let request =
            DecisionRequest { event: &event, now, trace: self.decisions.is_on(), answer: context.answer };
        let environment = DecisionContext {
            directory: self.directory.clone(),
            on_failure: self.config.on_failure,
            can_prompt: context.interactive,
            user_keeper: UserKeeper::Directory,
        };
        let decided = self.recorder.decide(&policies, request, environment);

        for step in decided.overtaken.iter().chain(&decided.steps) {
            log_policy_run(step, &mask_address(&user), self.config.on_failure);
        }
        self.metrics.decisions.count(&decided);
        self.decisions.note(&NotedLogin { event: &event, at: now, policies: &loaded, decided: &decided });
        let codes: Vec<&str> = decided.outcome.reasons.iter().map(|reason| reason.code.as_str()).collect();
        let policy = decided.steps.last().map(|step| step.policy.clone()).unwrap_or_default();
        tracing::info!(
            target: "login", user = %mask_address(&user), client = context.client.client_id, protocol = context.protocol,
            policy, decision = decided.outcome.decision.kind(), reasons = codes.join(" "), "login decided"
        );

        if let FinalUser::User(by_now) = &decided.final_user {
            self.people.end_refresh_tokens(find_moved_identities(&user, by_now), &by_now.user_id);
            if let Decision::Linked { primary } = &decided.outcome.decision {
                self.events.record_link(context, &user.user_id, primary);
            }
        }
        // Tokens are issued for the user who has the identity after the decision, not before it.
        let user = match (decided.final_user, decided.outcome.decision) {
            (FinalUser::User(user), _) if user.blocked => return Err(refuse_blocked(&user)),
            (FinalUser::User(current), Decision::Suggest { step, candidates }) if context.interactive => {
                return Ok(LoggedIn::Prompted { current, step, candidates, policy });
            }
            (FinalUser::User(user), _) => user,
            (FinalUser::Denied, Decision::Deny { message }) => return Err(NotLoggedIn::Denied(message)),
            (FinalUser::Denied | FinalUser::Gone, _) => return Err(NotLoggedIn::Gone),
            (FinalUser::Unknown(error), _) => return Err(log_failure(error.into())),
        };
        // Failing to count a login does not make the login fail.
        let identity = event.identity().map(|it| (it.provider.as_str(), it.user_id.as_str()));
        let ip = context.sender.ip.parse().ok();
        let login = CountedLogin { user_id: &user.user_id, identity, at: now, ip };
        if let Err(error) = self.directory.count_login(&login) {
            tracing::warn!(error = %mask_addresses(&error.to_string()), "a login was not counted");
        }
        Ok(LoggedIn::As(user))
    }

    /// Refuses a login that began before the password or the address was changed, or before the
    /// account was blocked or deleted.
    fn refuse_revoked(&self, proved: &ProvedIdentity) -> Result<(), NotLoggedIn> {
        if !self.people.revocations.is_revoked(&proved.user.user_id, proved.began) {
            return Ok(());
        }
        match proved.key().map(|key| self.directory.owner(key)) {
            Some(Ok(Some(owner))) if owner.user.blocked => Err(refuse_blocked(&owner.user)),
            _ => Err(NotLoggedIn::Revoked),
        }
    }
}

fn refuse_blocked(user: &User) -> NotLoggedIn {
    tracing::warn!(target: "audit", user = %mask_address(user), "a blocked user was refused");
    NotLoggedIn::Blocked
}

/// Returns the identities that a link has moved to another user: those of the user who
/// logged in, or those of the other account if that user is the primary.
fn find_moved_identities<'a>(before: &'a User, merged: &'a User) -> Vec<&'a Identity> {
    if before.user_id != merged.user_id {
        return before.identities.iter().collect();
    }
    let is_new = |it: &&Identity| !before.identities.iter().any(|known| known.key() == it.key());
    merged.identities.iter().filter(is_new).collect()
}

fn mask_address(user: &User) -> std::borrow::Cow<'_, str> {
    mask_addresses(&user.user_id)
}

/// Makes the code of a login valid again if the directory has failed.
fn give_back_on_failure<T>(proved: &ProvedIdentity, ended: Result<T, NotLoggedIn>) -> Result<T, NotLoggedIn> {
    if let Err(NotLoggedIn::Failed(_)) = &ended {
        proved.give_back();
    }
    ended
}

fn log_failure(error: ArrivalError) -> NotLoggedIn {
    let error = error.to_string();
    let error = mask_addresses(&error);
    tracing::error!(%error, "a login could not be decided");
    NotLoggedIn::Failed(error.into_owned())
}
