//! Merging two accounts by hand: what it would change, whether it may be done, and doing it.
//!
//! An operator merges the accounts of a person who asked for it, and an owner merges their own
//! after proving both. A plugin's links do not go through here: the guard checks them.
//!
//! | file | contents |
//! |---|---|
//! | `merge_request` | the accounts, the choice and the person |
//! | `plan` | the effect of a merge on two users at their versions |
//! | `metadata` | the keys that the account that stays takes over |
//! | `privileged` | the accounts that an owner does not merge |
//! | `refusal`, `warning` | the reasons against a merge, for both scopes |
//! | `carry_out` | the link itself |

mod carry_out;
mod merge_request;
mod metadata;
mod plan;
mod privileged;
mod refusal;
mod warning;

pub use carry_out::{MergeAuthor, MergeError, Merged};
pub use merge_request::{MergeChoice, MergePair, MergeScope};
pub use metadata::{MetadataEffect, MetadataRule};
pub use plan::{LostData, MergePlan, PlanDigest, plan_merge};
pub use privileged::PrivilegedAccounts;
pub use refusal::MergeRefusal;
pub use warning::MergeWarning;

#[cfg(test)]
mod tests;
