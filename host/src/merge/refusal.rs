//! The reasons for which a merge is refused.

use super::merge_request::MergeScope;
use super::privileged::PrivilegedAccounts;
use super::warning::{has_unverified_address, is_managed, is_not_to_be_linked};
use crate::model::{User, mask_addresses};

/// The reason for which a merge is refused. Ids are masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeRefusal {
    /// Both accounts are the same user.
    #[error("both are the same user, {0}; name two users")]
    SameUser(String),
    /// The account that goes is blocked.
    #[error(
        "{0} is blocked, and nothing was changed: the link would lift the block. To make both one account, unblock it first: ligature users unblock '{0}'"
    )]
    MovedIsBlocked(String),
    /// The account that stays is blocked.
    #[error(
        "{0} is blocked, and nothing was changed: the link would lock out the owner of the other account, too. To make both one account, unblock it first: ligature users unblock '{0}'"
    )]
    KeptIsBlocked(String),
    /// Both accounts are managed by directories.
    #[error(
        "both accounts are managed by a directory (app_metadata.linking.managed_by), which would create the one again that goes; end the one there first"
    )]
    BothManaged,
    /// The account that goes is managed by a directory.
    #[error(
        "{0} is managed by a directory (app_metadata.linking.managed_by), which would create it again: let it be the account that stays"
    )]
    MovedIsManaged(String),
    /// The tenant does not want the account to be linked. An operator may.
    #[error("{0} is not to be linked")]
    NotToBeLinked(String),
    /// The owner of an account with this address has not been proved.
    #[error("the address of {0} is not verified; verify it first")]
    Unverified(String),
    /// The account that stays would not ask for the second factor of the other one.
    #[error("{0} has a second factor, which the account that stays lacks: let it be the account that stays")]
    LosesSecondFactor(String),
    /// The account has rights that a merge could hand on.
    #[error("{0} is a privileged account; ask support")]
    Privileged(String),
}

/// Returns the reason against this merge, if there is one.
pub(super) fn find_refusal(kept: &User, moved: &User, scope: MergeScope<'_>) -> Option<MergeRefusal> {
    let id = |user: &User| mask_addresses(&user.user_id).into_owned();
    if kept.user_id == moved.user_id {
        return Some(MergeRefusal::SameUser(id(kept)));
    }
    if moved.blocked {
        return Some(MergeRefusal::MovedIsBlocked(id(moved)));
    }
    if kept.blocked {
        return Some(MergeRefusal::KeptIsBlocked(id(kept)));
    }
    match (is_managed(kept), is_managed(moved)) {
        (true, true) => return Some(MergeRefusal::BothManaged),
        (false, true) => return Some(MergeRefusal::MovedIsManaged(id(moved))),
        (true | false, false) => {}
    }
    match scope {
        MergeScope::Operator => None,
        MergeScope::Application { privileged } => find_refusal_of_owner(kept, moved, privileged),
        MergeScope::Owner { privileged } => {
            find_refusal_of_owner(kept, moved, privileged).or_else(|| find_unverified(kept, moved))
        }
    }
}

/// Returns the reason against a merge that only an operator may overrule.
fn find_refusal_of_owner(kept: &User, moved: &User, privileged: &PrivilegedAccounts) -> Option<MergeRefusal> {
    let id = |user: &User| mask_addresses(&user.user_id).into_owned();
    for user in [kept, moved] {
        if is_not_to_be_linked(user) {
            return Some(MergeRefusal::NotToBeLinked(id(user)));
        }
        if privileged.has(user) {
            return Some(MergeRefusal::Privileged(id(user)));
        }
    }
    let loses_factor = kept.mfa_factors().is_empty() && !moved.mfa_factors().is_empty();
    loses_factor.then(|| MergeRefusal::LosesSecondFactor(id(moved)))
}

fn find_unverified(kept: &User, moved: &User) -> Option<MergeRefusal> {
    let user = [kept, moved].into_iter().find(|user| has_unverified_address(user))?;
    Some(MergeRefusal::Unverified(mask_addresses(&user.user_id).into_owned()))
}
