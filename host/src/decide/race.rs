//! Races: another login of the same person may link the accounts while this
//! login is decided. The login is then decided again.

use std::sync::Arc;

use crate::directory::{Directory, merge_known_user};
use crate::model::{ApiError, Decision, Identity, Level, LoginEvent, Outcome, Reason, User};

/// The user that a login continues as.
#[derive(Debug, Clone, PartialEq)]
pub enum FinalUser {
    /// The user that had the identity after the decision.
    User(Arc<User>),
    /// No user: the login is denied.
    Denied,
    /// No user: the account was removed during the decision.
    Gone,
    /// The directory could not be read. No token may be issued.
    Unknown(ApiError),
}

/// The state of a login's accounts after its decision.
enum AccountsAfterwards {
    /// The decision stands.
    Settled(FinalUser),
    /// The identity belongs neither to its user nor to the user that the decision
    /// linked it into.
    Unlinked,
    /// The accounts have changed, so the decision is void.
    Overtaken(ChangedLogin),
}

/// A login whose accounts another login has changed.
struct ChangedLogin {
    /// The same login, as that of the user that has the identity now.
    event: Arc<LoginEvent>,
    /// The change.
    change: RaceChange,
}

/// A change to the accounts by another login.
enum RaceChange {
    /// The account became an identity of the owner, or the owner of the account.
    Linked { account: String, owner: String },
    /// An account was changed, and nothing was linked.
    Changed,
}

/// One round of deciding a login.
pub struct Round<R> {
    /// The outcome.
    pub outcome: Outcome,
    /// The accounts that another login linked or changed during the round.
    pub lost_accounts: Vec<String>,
    /// The user that the login continues as, if the directory need not be read for it.
    pub known_user: Option<Arc<User>>,
    /// Anything else that belongs to the round.
    pub run: R,
}

/// A login whose decision stands.
#[derive(Debug)]
pub struct SettledDecision<R> {
    /// The outcome.
    pub outcome: Outcome,
    /// The round that decided.
    pub run: R,
    /// The rounds before, on accounts that have changed since.
    pub overtaken: Vec<R>,
    /// The user that the login continues as.
    pub final_user: FinalUser,
}

/// The most times that a login is decided again.
const MAX_RETRIES: u32 = 4;

/// Decides a login until its accounts are those that it was decided for.
/// `decide_once` decides it as the event's user's. Its flag says whether nothing
/// was linked since the first round, so that the user's answer to a prompt is
/// still valid.
pub fn decide_until_settled<R>(
    first: &Arc<LoginEvent>,
    directory: &dyn Directory,
    mut decide_once: impl FnMut(&Arc<LoginEvent>, bool) -> Round<R>,
) -> SettledDecision<R> {
    let (mut overtaken, mut event, mut change) = (Vec::new(), first.clone(), None);
    let mut retries_left = MAX_RETRIES;
    loop {
        let Round { outcome, lost_accounts, known_user, run } = decide_once(&event, change.is_none());
        let is_denied = matches!(outcome.decision, Decision::Deny { .. });
        let is_last = retries_left == 0;
        let afterwards = match known_user {
            Some(_) if is_denied => AccountsAfterwards::Settled(FinalUser::Denied),
            Some(user) => AccountsAfterwards::Settled(FinalUser::User(user)),
            None => read_afterwards(&event, &lost_accounts, &outcome, directory),
        };
        let (outcome, final_user) = match afterwards {
            AccountsAfterwards::Settled(FinalUser::Gone) => (outcome_if_gone(&event), FinalUser::Gone),
            AccountsAfterwards::Unlinked => (outcome_if_unlinked(&event), FinalUser::Denied),
            AccountsAfterwards::Settled(final_user) => (with_race_lost(change.as_ref(), outcome), final_user),
            AccountsAfterwards::Overtaken(_) if is_last && is_denied => (outcome, FinalUser::Denied),
            AccountsAfterwards::Overtaken(_) if is_last => {
                (outcome_if_never_settled(&event), FinalUser::Denied)
            }
            AccountsAfterwards::Overtaken(ChangedLogin { event: current, change: latest }) => {
                overtaken.push(run);
                (event, retries_left) = (current, retries_left - 1);
                // A change without a link does not say who has the identity now:
                // it does not replace an earlier link.
                change = match latest {
                    RaceChange::Changed => change.or(Some(latest)),
                    latest => Some(latest),
                };
                continue;
            }
        };
        return SettledDecision { outcome, run, overtaken, final_user };
    }
}

/// Reads again which user has the identity of this login.
fn read_afterwards(
    event: &Arc<LoginEvent>,
    lost_accounts: &[String],
    outcome: &Outcome,
    directory: &dyn Directory,
) -> AccountsAfterwards {
    let is_denied = matches!(outcome.decision, Decision::Deny { .. });
    if is_denied && lost_accounts.is_empty() {
        return AccountsAfterwards::Settled(FinalUser::Denied);
    }
    let owner = event.identity().map(|identity| directory.owner(identity.key()));
    let owner = match owner {
        Some(Ok(Some(owner))) => owner.user,
        Some(Err(_)) if is_denied => return AccountsAfterwards::Settled(FinalUser::Denied),
        Some(Err(error)) => return AccountsAfterwards::Settled(FinalUser::Unknown(error)),
        Some(Ok(None)) | None => match read_holder(event, directory) {
            Ok(Some(holder)) => holder,
            Ok(None) => return AccountsAfterwards::Settled(FinalUser::Gone),
            Err(_) if is_denied => return AccountsAfterwards::Settled(FinalUser::Denied),
            Err(error) => return AccountsAfterwards::Settled(FinalUser::Unknown(error)),
        },
    };
    let before = &event.user.user_id;
    let (decided_as, is_linked) = match &outcome.decision {
        Decision::Linked { primary } => (primary, true),
        _ => (before, false),
    };
    let has = |user_id: &String| owner.identities.iter().any(|it| it.as_user_id() == *user_id);
    let joined = if owner.user_id == *decided_as {
        lost_accounts.iter().find(|it| !is_linked && has(it))
    } else {
        Some(before).filter(|it| owner.user_id != **it && has(it))
    };
    let change = match joined {
        Some(account) => RaceChange::Linked { account: account.clone(), owner: owner.user_id.clone() },
        None if owner.user_id != *decided_as => return AccountsAfterwards::Unlinked,
        // The login was denied on accounts that have changed; as they are now,
        // they may be linked.
        None if is_denied => RaceChange::Changed,
        None => return AccountsAfterwards::Settled(FinalUser::User(owner)),
    };
    let event = Arc::new(merge_known_user(LoginEvent::clone(event), &owner));
    AccountsAfterwards::Overtaken(ChangedLogin { event, change })
}

/// Returns the event's user, if it still has the identity of this login. A tenant of Auth0
/// finds a user by its root identity only: one that was linked before Ligature was there has
/// no owner for it.
fn read_holder(event: &LoginEvent, directory: &dyn Directory) -> Result<Option<Arc<User>>, ApiError> {
    let Some(used) = event.identity().map(Identity::as_user_id) else { return Ok(None) };
    let has_used = |user: &Arc<User>| user.identities.iter().any(|it| it.as_user_id() == used);
    match directory.get(&event.user.user_id) {
        Ok(stored) => Ok(Some(stored.user).filter(has_used)),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds the reason `RACE_LOST` to an outcome if another login has linked the accounts since
/// the event was made. A login that proceeds is `linked` then.
fn with_race_lost(change: Option<&RaceChange>, mut outcome: Outcome) -> Outcome {
    let Some(RaceChange::Linked { account, owner }) = change else { return outcome };
    let detail = format!(
        "The event of this login does not show that {account} is an identity of {owner}; this login continues as {owner}."
    );
    let reason = race_lost_reason(vec![owner.clone(), account.clone()], detail);
    if let Decision::Proceed = outcome.decision {
        outcome.decision = Decision::Linked { primary: owner.clone() };
        outcome.reasons.insert(0, reason);
    } else {
        outcome.reasons.push(reason);
    }
    outcome
}

/// The outcome of a login whose user is not in the directory. The user may have been deleted
/// during the decision, or before it: a tenant of Auth0 is not asked for the login's user first.
fn outcome_if_gone(event: &LoginEvent) -> Outcome {
    let user = &event.user.user_id;
    let detail = format!(
        "There is no user {user} with the identity of this login: the user was deleted, or the identity unlinked, or \
         the event is of another tenant. The login is denied."
    );
    let reason = Reason {
        code: "USER_NOT_FOUND".to_owned(),
        level: Level::Error,
        subject: vec![user.clone()],
        detail,
    };
    deny("This account no longer exists.", reason)
}

/// The outcome of a login whose identity belongs to another user than the decision's.
fn outcome_if_unlinked(event: &LoginEvent) -> Outcome {
    let detail = "The identity of this login belongs to another user by now: the login is denied.";
    deny_after_race(event, "Your accounts have just been changed. Please log in again.", detail)
}

/// The outcome of a login whose accounts changed in every round.
fn outcome_if_never_settled(event: &LoginEvent) -> Outcome {
    let detail = "The accounts of this login keep changing while it is decided: the login is denied.";
    deny_after_race(event, "The login could not be completed. Please try again later.", detail)
}

fn deny_after_race(event: &LoginEvent, message: &str, detail: &str) -> Outcome {
    deny(message, race_lost_reason(vec![event.user.user_id.clone()], detail.to_owned()))
}

fn deny(message: &str, reason: Reason) -> Outcome {
    Outcome {
        decision: Decision::Deny { message: message.to_owned() },
        reasons: vec![reason],
        trace: Vec::new(),
        counterfactual: None,
    }
}

/// The reason `RACE_LOST`, with the code and level that the built-in policy uses.
fn race_lost_reason(subject: Vec<String>, detail: String) -> Reason {
    Reason { code: "RACE_LOST".to_owned(), level: Level::Info, subject, detail }
}
