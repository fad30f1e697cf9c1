//! The facts that a person should know before a merge.

use std::fmt;

use ligature_linking_marks::{LINKING, NO_LINK, linking, unlinked};
use serde::Serialize;
use serde_json::Value;

use super::merge_request::MergePair;
use super::privileged::{PrivilegedAccounts, is_set};
use crate::model::{Identity, Timestamp, User, mask_addresses};

/// A fact that a person should know before a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MergeWarning {
    /// The accounts have different addresses.
    AddressesDiffer,
    /// The address of an account is not proved.
    AddressUnverified {
        /// The account's id.
        user_id: String,
    },
    /// The tenant does not want the account to be linked (`docs/marks.md`).
    NotToBeLinked {
        /// The account's id.
        user_id: String,
    },
    /// The account is privileged.
    Privileged {
        /// The account's id.
        user_id: String,
    },
    /// The account that stays does not ask for the second factor of the other one.
    LosesSecondFactor,
    /// The two were separated before.
    SeparatedBefore {
        /// The time.
        at: Timestamp,
    },
    /// The account has never logged in, so that nobody has proved it.
    NeverUsed {
        /// The account's id.
        user_id: String,
    },
}

impl fmt::Display for MergeWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked = |user_id: &str| mask_addresses(user_id).into_owned();
        match self {
            Self::AddressesDiffer => f.write_str("the accounts have different addresses"),
            Self::AddressUnverified { user_id } => {
                write!(f, "the address of {} is not verified", masked(user_id))
            }
            Self::NotToBeLinked { user_id } => {
                write!(f, "{} is marked as not to be linked", masked(user_id))
            }
            Self::Privileged { user_id } => write!(f, "{} is a privileged account", masked(user_id)),
            Self::LosesSecondFactor => {
                f.write_str("the account that stays has no second factor, and the other one has")
            }
            Self::SeparatedBefore { at } => write!(f, "the two were separated at {at}"),
            Self::NeverUsed { user_id } => write!(f, "{} has never logged in", masked(user_id)),
        }
    }
}

/// Returns what a person should know before this merge.
pub(super) fn find_warnings(pair: MergePair<'_>) -> Vec<MergeWarning> {
    let (kept, moved) = (&*pair.kept.user, &*pair.moved.user);
    let mut warnings = Vec::new();
    let differ = match (&kept.email, &moved.email) {
        (Some(one), Some(other)) => !one.eq_ignore_ascii_case(other),
        (one, other) => one.is_some() != other.is_some(),
    };
    if differ {
        warnings.push(MergeWarning::AddressesDiffer);
    }
    for user in [kept, moved] {
        let user_id = || user.user_id.clone();
        if has_unverified_address(user) {
            warnings.push(MergeWarning::AddressUnverified { user_id: user_id() });
        }
        if is_not_to_be_linked(user) {
            warnings.push(MergeWarning::NotToBeLinked { user_id: user_id() });
        }
        if PrivilegedAccounts::default().has(user) {
            warnings.push(MergeWarning::Privileged { user_id: user_id() });
        }
        if user.last_login.is_none() {
            warnings.push(MergeWarning::NeverUsed { user_id: user_id() });
        }
    }
    if kept.mfa_factors().is_empty() && !moved.mfa_factors().is_empty() {
        warnings.push(MergeWarning::LosesSecondFactor);
    }
    let separations = [(kept, moved), (moved, kept)].map(|(user, from)| find_separation(user, from));
    warnings.extend(separations.into_iter().flatten().max().map(|at| MergeWarning::SeparatedBefore { at }));
    warnings
}

/// Returns the latest separation of a user from one of another user's identities.
fn find_separation(user: &User, from: &User) -> Option<Timestamp> {
    let unlinked = mark(user, linking::UNLINKED)?.as_array()?;
    let ids: Vec<String> = from.identities.iter().map(Identity::as_user_id).collect();
    let is_meant = |mark: &&Value| {
        mark[unlinked::FROM].as_str().is_some_and(|id| id == from.user_id || ids.iter().any(|it| it == id))
    };
    let times = unlinked.iter().filter(is_meant).filter_map(|mark| mark[unlinked::AT].as_u64());
    times.max().and_then(Timestamp::from_millis)
}

fn mark<'a>(user: &'a User, key: &str) -> Option<&'a Value> {
    user.app_metadata.as_ref()?.get(LINKING)?.get(key)
}

/// Returns whether the account is not to be linked: the tenant does not want it, the account is being
/// deleted, a change of its address is pending, or its marks cannot be read.
pub(super) fn is_not_to_be_linked(user: &User) -> bool {
    let held = |key: &str| user.app_metadata.as_ref()?.get(key);
    let is_unreadable = held(LINKING).is_some_and(|it| !it.is_null() && !it.is_object());
    let marks = [linking::OPT_OUT, linking::DELETED, linking::PENDING_EMAIL];
    is_unreadable || is_set(held(NO_LINK)) || marks.into_iter().any(|key| is_set(mark(user, key)))
}

/// Returns whether an account has an address that nobody has verified, or another one than was verified.
pub(super) fn has_unverified_address(user: &User) -> bool {
    let Some(email) = &user.email else { return false };
    let verified = mark(user, linking::VERIFIED_EMAIL).and_then(Value::as_str);
    let is_stale = verified.is_some_and(|verified| !verified.eq_ignore_ascii_case(email));
    is_stale || !user.email_verified.is_verified()
}

/// Returns whether a directory manages the account.
pub(super) fn is_managed(user: &User) -> bool {
    is_set(mark(user, linking::MANAGED_BY))
}
