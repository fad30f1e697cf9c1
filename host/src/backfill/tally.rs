//! The counts of a plan.

use std::collections::BTreeMap;

use serde::Serialize;

use super::group_decision::GroupKind;
use super::plan::PlannedGroup;

/// The counts of a plan, whatever the source of the users.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// The number of groups.
    pub groups: u64,
    /// The number of accounts in groups.
    pub accounts: u64,
    /// The number of accounts that links remove.
    pub removed_accounts: u64,
    /// The number of groups of each kind.
    pub groups_by_kind: BTreeMap<&'static str, u64>,
    /// The number of decided logins of each kind.
    pub logins_by_kind: BTreeMap<&'static str, u64>,
    /// The number of decided logins of each kind, by the deciding reason.
    pub reasons: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// The number of links by pair of connections, in alphabetical order within a pair.
    pub connection_pairs: BTreeMap<String, u64>,
}

impl Tally {
    /// Creates the counts of no group. Each kind has a count, also of 0.
    #[must_use]
    pub fn new() -> Self {
        let zeros: BTreeMap<_, _> = GroupKind::ALL.iter().map(|kind| (kind.as_str(), 0)).collect();
        Self { groups_by_kind: zeros.clone(), logins_by_kind: zeros, ..Self::default() }
    }

    /// Counts a group.
    pub fn add(&mut self, planned: &PlannedGroup) {
        self.groups += 1;
        self.accounts += planned.accounts.len() as u64;
        self.removed_accounts += planned.count_removed_accounts() as u64;
        *self.groups_by_kind.entry(planned.kind.as_str()).or_default() += 1;
        for login in &planned.logins {
            let kind = login.kind.as_str();
            *self.logins_by_kind.entry(kind).or_default() += 1;
            *self.reasons.entry(kind).or_default().entry(login.reason.clone()).or_default() += 1;
            if let (GroupKind::Link, Some(primary)) = (login.kind, &login.primary) {
                for other in &login.others {
                    *self.connection_pairs.entry(name_pair(planned, primary, other)).or_default() += 1;
                }
            }
        }
    }
}

/// Names the connections of two accounts of a group.
fn name_pair(planned: &PlannedGroup, one: &str, other: &str) -> String {
    let connection = |id: &str| {
        let account = planned.accounts.iter().find(|account| account.user_id == id);
        account.and_then(|account| account.connections.first()).map_or("", String::as_str)
    };
    let mut pair = [connection(one), connection(other)];
    pair.sort_unstable();
    pair.join(" + ")
}
