//! Queries for entries of the journal.

use super::entry_state::EntryState;
use super::journal::{Entry, EntryId, EntryKind};
use super::provenance::Actor;
use crate::model::{Moment, Timestamp};

/// A query for entries. Its conditions are combined with "and".
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalQuery {
    /// Entries that have this user on either side.
    pub user_id: Option<String>,
    /// Entries of this kind.
    pub kind: Option<EntryKind>,
    /// Entries in this state.
    pub state: Option<EntryState>,
    /// Entries of this actor: `plugin`, `operator`, `client` or `user`, with or
    /// without a name (`operator:ada`).
    pub actor: Option<String>,
    /// Entries with a reason of this code.
    pub reason: Option<String>,
    /// Entries of this time or later, by the clock.
    pub since: Option<Timestamp>,
    /// Entries of this time or earlier, by the clock.
    pub until: Option<Timestamp>,
    /// Entries before this one in the journal, for the next page.
    pub before: Option<EntryId>,
    /// The most entries to return.
    pub limit: usize,
}

/// The part of a query that a storage can evaluate.
#[derive(Debug, Clone)]
pub(super) struct EntryFilter<'a> {
    pub(super) user_id: Option<&'a str>,
    pub(super) kind: Option<EntryKind>,
    pub(super) state: Option<EntryState>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) before: Option<(Moment, EntryId)>,
    pub(super) limit: usize,
}

impl<'a> EntryFilter<'a> {
    /// Selects every entry of a user, up to 65,535.
    pub(super) fn for_user(user_id: &'a str) -> Self {
        Self {
            user_id: Some(user_id),
            kind: None,
            state: None,
            since: None,
            until: None,
            before: None,
            limit: usize::from(u16::MAX),
        }
    }

    /// Returns whether an entry matches.
    pub(super) fn matches(&self, entry: &Entry) -> bool {
        self.user_id.is_none_or(|id| entry.primary == id || entry.secondary == id)
            && self.kind.is_none_or(|kind| entry.kind == kind)
            && self.state.is_none_or(|state| entry.state == state)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && self.before.as_ref().is_none_or(|(place, id)| (entry.place, &entry.id) < (*place, id))
    }
}

impl JournalQuery {
    /// Returns whether an entry has the queried actor and reason.
    pub(super) fn matches_actor_and_reason(&self, entry: &Entry) -> bool {
        self.actor.as_ref().is_none_or(|text| matches_actor(&entry.provenance.actor, text))
            && self.reason.as_ref().is_none_or(|code| entry.reasons.iter().any(|it| it.code == *code))
    }
}

fn matches_actor(actor: &Actor, text: &str) -> bool {
    let (kind, name) = match actor {
        Actor::Plugin => ("plugin", ""),
        Actor::Operator { name } => ("operator", name.as_str()),
        Actor::Client { client_id } => ("client", client_id.as_str()),
        Actor::User { user_id } => ("user", user_id.as_str()),
    };
    match text.split_once(':') {
        Some((queried, queried_name)) => queried == kind && queried_name == name,
        None => text == kind,
    }
}
