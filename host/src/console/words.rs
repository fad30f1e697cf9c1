//! Times, accounts and entries of the journal in words. Addresses are whole: operators compare them
//! with what a person tells them.

use super::paths::{path_of_entry, path_of_user};
use crate::directory::{Actor, Entry, EntryKind, EntryState};
use crate::model::{Identity, Timestamp, User};

/// Returns a time for people, in UTC.
pub(super) fn format_time(at: Timestamp) -> String {
    let at = i64::try_from(at.as_millis()).ok().and_then(|at| jiff::Timestamp::from_millisecond(at).ok());
    at.map_or_else(String::new, |at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Returns the same, or "never".
pub(super) fn format_time_or_never(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), format_time)
}

/// Returns a user's address, and whether it is verified.
pub(super) fn describe_address(user: &User) -> String {
    match &user.email {
        None => "no address".to_owned(),
        Some(email) if user.email_verified.is_verified() => format!("{email}, verified"),
        Some(email) => format!("{email}, not verified"),
    }
}

/// Returns a user's name; none if the profile has none.
pub(super) fn find_name(user: &User) -> Option<&str> {
    user.rest.get("name")?.as_str().filter(|name| !name.is_empty())
}

/// Returns the address or the phone number of one of a user's identities.
pub(super) fn find_contact<'a>(user: &'a User, identity: &'a Identity) -> Option<&'a str> {
    let is_main = user.identities.first().is_some_and(|main| main.key() == identity.key());
    let attributes = if is_main { Some(&user.rest) } else { identity.profile_data.as_ref() };
    let text = |key: &str| attributes?.get(key)?.as_str();
    let email = if is_main { user.email.as_deref() } else { text("email") };
    email.or_else(|| text("phone_number"))
}

/// Names the actor of an entry.
pub(super) fn describe_actor(actor: &Actor) -> String {
    match actor {
        Actor::Plugin => "the policy, at a login".to_owned(),
        Actor::Operator { name } => format!("the operator {name}"),
        Actor::Client { client_id } => format!("the application {client_id}"),
        Actor::User { user_id } => format!("the user {user_id}"),
    }
}

/// Describes the change of an entry.
pub(super) fn describe_change(entry: &Entry) -> String {
    let Entry { primary, secondary, .. } = entry;
    match entry.kind {
        EntryKind::Link => format!("{secondary} was linked into {primary}"),
        EntryKind::Unlink => format!("{secondary} was unlinked from {primary}"),
        EntryKind::Undo => format!("the link of {secondary} into {primary} was undone"),
        EntryKind::Block => format!("{primary} was blocked"),
        EntryKind::Unblock => format!("{primary} was unblocked"),
    }
}

/// Describes how far an entry's change came; none if it is complete.
pub(super) fn describe_state(state: EntryState) -> Option<&'static str> {
    match state {
        EntryState::Done => None,
        EntryState::Intended => Some("it may or may not have happened; a repair finds out"),
        EntryState::Linked => Some("the metadata is not written yet; a repair writes it"),
        EntryState::Abandoned => Some("it did not happen"),
    }
}

/// A row of a list of entries.
pub(super) struct EntryRow {
    pub(super) path: String,
    pub(super) at: String,
    pub(super) words: String,
    pub(super) actor: String,
    pub(super) is_undone: bool,
    pub(super) state: Option<&'static str>,
}

impl EntryRow {
    pub(super) fn new(entry: &Entry) -> Self {
        Self {
            path: path_of_entry(&entry.id),
            at: format_time(entry.at),
            words: describe_change(entry),
            actor: describe_actor(&entry.provenance.actor),
            is_undone: entry.undone.is_some(),
            state: describe_state(entry.state),
        }
    }
}

/// A row of a list of users.
pub(super) struct UserRow<'a> {
    pub(super) path: String,
    pub(super) user_id: &'a str,
    pub(super) name: Option<&'a str>,
    pub(super) address: String,
    pub(super) connections: String,
    pub(super) last_login: String,
    pub(super) blocked: bool,
}

impl<'a> UserRow<'a> {
    pub(super) fn new(user: &'a User) -> Self {
        /// The most connections that a row lists.
        const MOST: usize = 8;
        let names: Vec<&str> = user.identities.iter().take(MOST).map(|it| &*it.connection).collect();
        Self {
            path: path_of_user(&user.user_id),
            user_id: &user.user_id,
            name: find_name(user),
            address: describe_address(user),
            connections: names.join(", "),
            last_login: format_time_or_never(user.last_login),
            blocked: user.blocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{format_time, format_time_or_never};

    #[test]
    fn a_time_is_read_by_people() {
        assert_eq!(format_time("2026-11-06T09:05:59.999Z".parse().unwrap()), "2026-11-06 09:05:59 UTC");
        assert_eq!(format_time_or_never(None), "never");
    }
}
