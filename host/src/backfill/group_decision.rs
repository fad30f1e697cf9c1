//! Deciding a group: as the logins by which its accounts would join, on a copy of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::group::Group;
use crate::ambient::Ambient;
use crate::decide::{DecisionContext, DecisionRequest, LoginDecision, OnFailure, UserKeeper, decide_login};
use crate::directory::{Directory, Memory};
use crate::guard::Guard;
use crate::model::{
    ApiError, Connection, Decision, Level, LoginEvent, Reason, Timestamp, User, mask_addresses,
};
use crate::policies::LoadedPolicy;

/// The kind of a decision about accounts with one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum GroupKind {
    /// Accounts are linked.
    Link,
    /// The accounts contradict each other, and a person has to decide.
    Conflict,
    /// The user is asked at the next login.
    Suggest,
    /// The accounts stay separate.
    Skip,
}

impl GroupKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Link, Self::Suggest, Self::Conflict, Self::Skip];

    /// The name, as in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Link => "LINK",
            Self::Conflict => "CONFLICT",
            Self::Suggest => "SUGGEST",
            Self::Skip => "SKIP",
        }
    }
}

/// The decision about one login of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedLogin {
    /// The account that logs in.
    pub user_id: String,
    /// The kind of the decision.
    pub kind: GroupKind,
    /// The account that stays, if accounts are linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<String>,
    /// The accounts that become identities of it, or those that a suggestion or a conflict is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
    /// The code of the deciding reason.
    pub reason: String,
    /// The deciding reason in words. Addresses are masked.
    pub detail: String,
}

/// The parts by which groups are decided.
#[derive(Clone, Copy)]
pub struct GroupDecider<'a> {
    /// The policies, in order.
    pub policies: &'a [LoadedPolicy],
    /// The time of all logins.
    pub now: Timestamp,
    /// The clock and the source of randomness.
    pub ambient: &'a Ambient,
    /// Reads the roles that are kept beside the users; none if there are none.
    pub read_roles: Option<&'a ReadRoles<'a>>,
}

/// Returns the names of the roles of a user that are kept beside it.
pub type ReadRoles<'a> = dyn Fn(&str) -> Result<Vec<String>, ApiError> + Sync + 'a;

impl GroupDecider<'_> {
    /// Decides a group as the logins by which its accounts would join, the newest account first. An
    /// account that a login has linked does not log in itself, nor does the last one that is left.
    ///
    /// Roles that are kept beside the accounts take requests of their own. They only prevent links, so
    /// they are read where a link is decided without them.
    ///
    /// # Errors
    ///
    /// If the roles cannot be read.
    pub fn decide_group(&self, group: &Group) -> Result<Vec<PlannedLogin>, ApiError> {
        let decided = self.decide_copy(group);
        let (true, Some(read_roles)) =
            (decided.iter().any(|login| login.kind == GroupKind::Link), self.read_roles)
        else {
            return Ok(decided);
        };
        let (mut with_roles, mut has_roles) = (group.clone(), false);
        for user in &mut with_roles.users {
            let roles = read_roles(&user.user_id)?;
            has_roles |= !roles.is_empty();
            user.add_roles(roles.iter().map(String::as_str));
        }
        Ok(if has_roles { self.decide_copy(&with_roles) } else { decided })
    }

    fn decide_copy(&self, group: &Group) -> Vec<PlannedLogin> {
        let copy = Arc::new(Memory::with_users(self.ambient, group.users.iter().cloned()));
        self.decide_logins(group, &copy, &copy)
    }

    /// Decides the logins of a group on copies of its accounts. The directory of the logins changes the
    /// copies.
    pub(super) fn decide_logins<D: Directory + 'static>(
        &self,
        group: &Group,
        copies: &Memory,
        directory: &Arc<D>,
    ) -> Vec<PlannedLogin> {
        let mut logins = Vec::new();
        let newest_first = group.users.iter().skip(1).rev();
        for account in newest_first {
            // A login before this one may have linked the account.
            if let Ok(stored) = copies.get(&account.user_id) {
                let before = list_ids(copies);
                let decided = self.decide_login_of(&stored.user, directory.clone());
                let gone: Vec<String> = before.difference(&list_ids(copies)).cloned().collect();
                logins.push(describe(&account.user_id, decided, gone));
            }
        }
        logins
    }

    /// Decides a login of an account in a directory, behind the guard.
    pub(super) fn decide_login_of(
        &self,
        account: &User,
        directory: Arc<dyn Directory>,
    ) -> LoginDecision<Guard> {
        let event = &Arc::new(new_event(account));
        let policies: Vec<_> = self.policies.iter().map(LoadedPolicy::borrowed).collect();
        let request = DecisionRequest { event, now: self.now, trace: false, answer: None };
        let context = DecisionContext {
            directory,
            on_failure: OnFailure::Proceed,
            can_prompt: false,
            user_keeper: UserKeeper::Directory,
        };
        decide_login(&policies, request, |guard| guard, context)
    }
}

fn list_ids(copy: &Memory) -> BTreeSet<String> {
    copy.users().iter().map(|user| user.user_id.clone()).collect()
}

/// Returns the event of a login of an account by its own identity, without a browser's request.
fn new_event(account: &User) -> LoginEvent {
    let own = account.identities.first();
    let connection = Connection {
        name: own.map(|it| it.connection.clone()).unwrap_or_default(),
        strategy: own.map(|it| it.provider.clone()).unwrap_or_default(),
        ..Connection::default()
    };
    LoginEvent::new(account.clone(), connection, Map::new())
}

/// Describes a decision. `gone` are the accounts that it has linked.
fn describe(user_id: &str, decided: LoginDecision<Guard>, gone: Vec<String>) -> PlannedLogin {
    let failure = decided.steps.iter().find_map(|step| step.failure.as_ref()).map(ToString::to_string);
    let outcome = decided.outcome;
    let first = outcome.reasons.first();
    let kind = find_kind(&outcome.decision, &outcome.reasons);
    let (primary, others) = match outcome.decision {
        Decision::Linked { primary } => (Some(primary), gone),
        Decision::Suggest { candidates, .. } => (None, candidates),
        _ => find_accounts(kind, user_id, first),
    };
    let (reason, detail) = match (failure, first) {
        (Some(why), _) => ("PLUGIN_FAILED".to_owned(), why),
        (None, Some(reason)) => (reason.code.clone(), reason.detail.clone()),
        (None, None) => ("NO_REASON".to_owned(), "The policy gives no reason.".to_owned()),
    };
    let detail = mask_addresses(&detail).into_owned();
    PlannedLogin { user_id: user_id.to_owned(), kind, primary, others, reason, detail }
}

/// Returns the accounts that a decision without a link is about. A policy that only observes names
/// the primary first.
fn find_accounts(kind: GroupKind, user_id: &str, reason: Option<&Reason>) -> (Option<String>, Vec<String>) {
    let subject = reason.map(|reason| reason.subject.as_slice()).unwrap_or_default();
    match (kind, subject) {
        (GroupKind::Link, [primary, others @ ..]) => (Some(primary.clone()), others.to_vec()),
        _ => (None, subject.iter().filter(|id| *id != user_id).cloned().collect()),
    }
}

/// Returns the kind of a decision. The reports of a policy that only observes count as the decisions
/// that they report.
fn find_kind(decision: &Decision, reasons: &[Reason]) -> GroupKind {
    let code = reasons.first().map(|reason| reason.code.as_str());
    match (decision, code) {
        (Decision::Linked { .. }, _) | (Decision::Proceed, Some("WOULD_LINK")) => GroupKind::Link,
        (Decision::Suggest { .. }, _) | (Decision::Proceed, Some("WOULD_SUGGEST")) => GroupKind::Suggest,
        _ if reasons.iter().any(|reason| reason.level == Level::Conflict) => GroupKind::Conflict,
        (_, Some("WOULD_CONFLICT")) => GroupKind::Conflict,
        _ => GroupKind::Skip,
    }
}
