//! A requested merge: the accounts, the choice and the person.

use serde::Serialize;

use super::metadata::MetadataRule;
use super::privileged::PrivilegedAccounts;
use crate::directory::Stored;

/// The two accounts of a merge.
#[derive(Debug, Clone, Copy)]
pub struct MergePair<'a> {
    /// The account that stays.
    pub kept: &'a Stored,
    /// The account whose identities move to the other one.
    pub moved: &'a Stored,
}

/// A choice of what the account that stays takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct MergeChoice {
    /// The rule for `user_metadata`.
    pub user_metadata: MetadataRule,
    /// The rule for `app_metadata`. An owner's merge keeps it: users must not write it.
    pub app_metadata: MetadataRule,
}

/// The person who merges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MergeScope<'a> {
    /// The owner of both accounts.
    Owner {
        /// The accounts that the policies name as privileged, which an owner does not merge.
        privileged: &'a PrivilegedAccounts,
    },
    /// An application that has a login of the owner to each account. The addresses of both need not be
    /// verified.
    ///
    /// Source: Auth0 Management API v2, "Link a user account": a `link_with` token needs no verified address.
    Application {
        /// The accounts that the policies name as privileged, which an application does not merge.
        privileged: &'a PrivilegedAccounts,
    },
    /// An operator, who may overrule marks and unverified addresses.
    Operator,
}
