//! The links of several groups of accounts, as one transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::backfill_store::{GroupClaim, GroupResult};
use super::group_records::MovedIdentity;
use super::journal::Entry;
use super::link::{CheckedLink, compute_link};
use super::records::{Records, TxResult};
use super::store::{Durability, Store};
use super::stored::Stored;
use crate::ambient::Ambient;
use crate::model::{ApiError, User};

/// The links of a group into one of its accounts, as they were decided on copies of all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupLinks {
    /// All accounts with the group's address, as they were read for the decision.
    pub accounts: Vec<Stored>,
    /// The links, in order. All have the same primary.
    pub links: Vec<CheckedLink>,
    /// The result of the group, which is recorded with them.
    pub result: GroupResult,
}

/// A database that has both the users and the runs of a backfill.
///
/// # Errors
///
/// The same as for [`Directory`](super::Directory).
pub trait GroupLinker: Send + Sync {
    /// Returns the users whose root address one of these users has, these ones included, ignoring the
    /// case of ASCII letters, ordered by id, at most `limit`.
    fn users_with_addresses_of(&self, user_ids: &[&str], limit: usize) -> Result<Vec<Stored>, ApiError>;

    /// Makes the links of groups that a claim holds, and records their results, all in one
    /// transaction. `state-changed` if a group has other accounts by now, or an account is at another
    /// version, or another claim holds a group.
    fn link_groups(&self, claim: &GroupClaim, groups: &[GroupLinks]) -> Result<(), ApiError>;
}

impl<S: Store> GroupLinker for S {
    fn users_with_addresses_of(&self, user_ids: &[&str], limit: usize) -> Result<Vec<Stored>, ApiError> {
        let mut found = self.read(|records| records.users_with_addresses_of(user_ids, limit))?;
        found.sort_by(|a, b| a.user.user_id.cmp(&b.user.user_id));
        Ok(found)
    }

    fn link_groups(&self, claim: &GroupClaim, groups: &[GroupLinks]) -> Result<(), ApiError> {
        self.write(Durability::Power, |records| link_groups(records, claim, groups))
    }
}

/// The accounts of a group before and after its links.
struct LinkedGroup {
    primary: Stored,
    linked: Arc<User>,
    removed: Vec<Stored>,
    entries: Vec<Entry>,
}

fn state_changed<T>(why: &str) -> TxResult<T> {
    Err(ApiError::StateChanged(why.to_owned()).into())
}

fn link_groups(records: &mut dyn Records, claim: &GroupClaim, groups: &[GroupLinks]) -> TxResult<()> {
    let mut accounts = lock_accounts(records, groups)?;
    let ambient = records.ambient().clone();
    let linked: Vec<LinkedGroup> =
        groups.iter().map(|group| compute_group(&ambient, group, &mut accounts)).collect::<TxResult<_>>()?;

    // The journal is written first, and follows every earlier entry of these users.
    let ids: Vec<&str> = groups.iter().flat_map(|group| ids_of(&group.accounts)).collect();
    let earlier = records.last_place_of_any(&ids)?;
    let mut entries = Vec::with_capacity(groups.len());
    for entry in linked.iter().flat_map(|group| &group.entries) {
        let place = ambient.draw_moment_after(earlier);
        entries.push(Arc::new(Entry { place, ..entry.clone() }));
    }
    records.add_entries(&entries)?;
    let replaced: Vec<_> = linked.iter().map(|it| (it.linked.clone(), it.primary.version)).collect();
    let removed: Vec<&str> = linked.iter().flat_map(|group| ids_of(&group.removed)).collect();
    let moved: Vec<MovedIdentity<'_>> = linked.iter().flat_map(list_moved).collect();
    let results: Vec<&GroupResult> = groups.iter().map(|group| &group.result).collect();
    let is_whole = records.replace_users(&replaced)? == replaced.len()
        && records.remove_locked_users(&removed)? == removed.len()
        && records.move_identities(&moved)? == moved.len();
    if !is_whole {
        return state_changed("the accounts of a group have changed");
    }
    if records.finish_groups(claim, &results)? != results.len() {
        return state_changed("another claim holds a group");
    }
    Ok(())
}

fn ids_of(accounts: &[Stored]) -> impl Iterator<Item = &str> {
    accounts.iter().map(|stored| stored.user.user_id.as_str())
}

fn list_moved(group: &LinkedGroup) -> impl Iterator<Item = MovedIdentity<'_>> {
    group.removed.iter().flat_map(|removed| {
        let move_it = |identity| MovedIdentity {
            identity,
            from: &removed.user.user_id,
            to: &group.primary.user.user_id,
        };
        removed.user.identities.iter().map(move_it)
    })
}

/// Reads the accounts with the addresses of groups again. They must be those that were decided about,
/// and stay as they are until the end of the transaction.
fn lock_accounts(records: &mut dyn Records, groups: &[GroupLinks]) -> TxResult<BTreeMap<String, Stored>> {
    let known = || groups.iter().flat_map(|group| &group.accounts);
    let lower = |stored: &Stored| stored.user.email.as_deref().unwrap_or_default().to_ascii_lowercase();
    let addresses: BTreeSet<String> = known().map(lower).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let found = records.lock_users_by_emails(&addresses, known().count().saturating_add(1))?;
    let accounts: BTreeMap<String, Stored> =
        found.into_iter().map(|stored| (stored.user.user_id.clone(), stored)).collect();
    let is_same =
        |known: &Stored| accounts.get(&known.user.user_id).is_some_and(|it| it.version == known.version);
    if accounts.len() != known().count() || !known().all(is_same) {
        return state_changed("the accounts of a group have changed");
    }
    Ok(accounts)
}

/// Computes the links of a group on its accounts as they are within the transaction.
fn compute_group(
    ambient: &Ambient,
    group: &GroupLinks,
    accounts: &mut BTreeMap<String, Stored>,
) -> TxResult<LinkedGroup> {
    // Links concern accounts of their own group only.
    let own = group.accounts.iter().filter_map(|it| accounts.remove_entry(&it.user.user_id));
    let mut own: BTreeMap<String, Stored> = own.collect();
    let primary = group.links.first().map(|link| link.request.primary.as_str());
    let Some(primary) = primary.and_then(|primary| own.remove(primary)) else {
        return state_changed("the account that stays is gone");
    };
    let (mut current, mut removed, mut entries) = (primary.clone(), Vec::new(), Vec::new());
    for link in &group.links {
        // The primary itself is not among these any more.
        let Some(secondary) = own.remove(&link.request.secondary) else {
            return state_changed("an account of a link is gone");
        };
        let is_at = |stored: &Stored, version: Option<u64>| version == Some(stored.version);
        if link.request.primary != primary.user.user_id
            || !is_at(&current, link.primary_version)
            || !is_at(&secondary, link.secondary_version)
        {
            return state_changed("an account of a link was changed");
        }
        let (linked, entry) = compute_link(ambient, link, [&current, &secondary]);
        entries.push(entry);
        removed.push(secondary);
        current = Stored { user: linked, version: current.version + 1 };
    }
    Ok(LinkedGroup { primary, linked: current.user, removed, entries })
}
