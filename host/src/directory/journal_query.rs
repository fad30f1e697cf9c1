//! Questions to the journal, and the place that an entry gets in it.

use std::sync::Arc;

use super::journal::{Actor, Entry, EntryId, Kind};
use super::records::{Done, Records};
use crate::model::{ApiError, Moment, Timestamp};

/// Which entries are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalQuery {
    /// Those that have this user on either side.
    pub user_id: Option<String>,
    /// Those of this kind.
    pub kind: Option<Kind>,
    /// Those of this actor: `plugin`, `operator`, `client` or `user`, with or
    /// without a name (`operator:ada`).
    pub actor: Option<String>,
    /// Those that give this reason's code.
    pub reason: Option<String>,
    /// Those of this time or later, by the clock.
    pub since: Option<Timestamp>,
    /// Those of this time or earlier, by the clock.
    pub until: Option<Timestamp>,
    /// Those that come before this entry in the journal: the next page.
    pub before: Option<EntryId>,
    /// At most so many.
    pub limit: usize,
}

/// The question that a storage answers.
#[derive(Debug, Clone)]
pub(super) struct Wanted<'a> {
    pub(super) user_id: Option<&'a str>,
    pub(super) kind: Option<Kind>,
    pub(super) since: Option<Timestamp>,
    pub(super) until: Option<Timestamp>,
    pub(super) before: Option<(Moment, EntryId)>,
    pub(super) limit: usize,
}

/// Entries that are read at a time where not all of them match.
const AT_A_TIME: usize = 1_000;

impl<'a> Wanted<'a> {
    /// Every entry of a user, within reason.
    pub(super) fn of(user_id: &'a str) -> Self {
        Self {
            user_id: Some(user_id),
            kind: None,
            since: None,
            until: None,
            before: None,
            limit: usize::from(u16::MAX),
        }
    }

    /// Whether an entry is among them.
    pub(super) fn is(&self, entry: &Entry) -> bool {
        self.user_id.is_none_or(|id| entry.primary == id || entry.secondary == id)
            && self.kind.is_none_or(|kind| entry.kind == kind)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at <= until)
            && self.before.as_ref().is_none_or(|(place, id)| (entry.place, &entry.id) < (*place, id))
    }
}

/// The entries that a query asks for, the newest first, without their snapshots.
pub(super) fn matching(records: &mut dyn Records, query: &JournalQuery) -> Done<Vec<Entry>> {
    let before = match &query.before {
        None => None,
        Some(id) => {
            let entry = records.entry(id)?;
            let entry = entry.ok_or_else(|| ApiError::NotFound(format!("the journal has no entry {id}")))?;
            Some((entry.place, entry.id))
        }
    };
    // The storages know neither actors nor reasons.
    let is_of_all = query.actor.is_none() && query.reason.is_none();
    let mut wanted = Wanted {
        user_id: query.user_id.as_deref(),
        kind: query.kind,
        since: query.since,
        until: query.until,
        before,
        limit: if is_of_all { query.limit } else { AT_A_TIME },
    };
    let mut found = Vec::new();
    loop {
        let page = records.entries(&wanted)?;
        let is_last = page.len() < wanted.limit;
        wanted.before = page.last().map(|last| (last.place, last.id.clone()));
        found.extend(page.into_iter().filter(|entry| query.is_of(entry)));
        if is_of_all || is_last || found.len() >= query.limit {
            found.truncate(query.limit);
            return Ok(found);
        }
    }
}

impl JournalQuery {
    /// Whether an entry has the actor and the reason that are asked for.
    fn is_of(&self, entry: &Entry) -> bool {
        self.actor.as_ref().is_none_or(|text| is_of(&entry.provenance.actor, text))
            && self.reason.as_ref().is_none_or(|code| entry.reasons.iter().any(|it| it.code == *code))
    }
}

fn is_of(actor: &Actor, text: &str) -> bool {
    let (kind, name) = match actor {
        Actor::Plugin => ("plugin", ""),
        Actor::Operator { name } => ("operator", name.as_str()),
        Actor::Client { client_id } => ("client", client_id.as_str()),
        Actor::User { user_id } => ("user", user_id.as_str()),
    };
    match text.split_once(':') {
        Some((asked, asked_name)) => asked == kind && asked_name == name,
        None => text == kind,
    }
}

/// Adds an entry behind every earlier one of its users, whatever the clock says.
///
/// No sequence of the database's: a process counts for itself, from the clock
/// upwards, and never below what is there of the two users. Whoever changes one
/// of them at the same time is overtaken, or overtakes.
pub(super) fn write_down(records: &mut dyn Records, entry: Entry) -> Done<()> {
    let earlier = records.last_place([&entry.primary, &entry.secondary])?;
    let place = records.ambient().draw_moment_after(earlier);
    records.add_entry(&Arc::new(Entry { place, ..entry }))
}
