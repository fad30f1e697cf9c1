//! Users for the tests: each test at a tenant has users of its own.

use std::sync::Arc;

use ligature_host::directory::{
    CheckedLink, Directory, Entry, EntryState, JournalQuery, LinkJournal, Memory, Undo,
};
use ligature_host::model::{ApiError, User};

use crate::users::{at, by, link, metadata, user, without_mark};

/// Two accounts of one person. The second one has a linked identity of its own, metadata, a
/// cool-down, an opt-out, a block, a role and a membership.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) primary: String,
    pub(super) secondary: String,
    further: String,
    name: String,
}

impl Pair {
    pub(super) fn new(name: &str) -> Self {
        let id = |provider: &str| format!("{provider}|{name}");
        Self {
            primary: id("auth0"),
            secondary: id("google-oauth2"),
            further: id("sms"),
            name: name.to_owned(),
        }
    }

    /// The users as they are before any change.
    pub(super) fn users(&self) -> [User; 2] {
        let name = &self.name;
        let primary = user(&format!(
            r#"{{"user_id": "auth0|{name}", "email": "{name}@example.com", "email_verified": true, "name": "Ada",
                "created_at": "2024-01-01T00:00:00Z", "logins_count": 3, "user_metadata": {{"theme": "dark"}},
                "roles": ["reader"]}}"#
        ));
        let secondary = user(&format!(
            r#"{{"user_id": "google-oauth2|{name}", "email": "{name}@example.com", "email_verified": true,
                "created_at": "2025-01-01T00:00:00Z", "logins_count": 7, "blocked": true,
                "identities": [
                    {{"provider": "google-oauth2", "user_id": "{name}", "connection": "google-oauth2", "isSocial": true}},
                    {{"provider": "sms", "user_id": "{name}", "connection": "sms"}}
                ],
                "user_metadata": {{"theme": "light", "lang": "en"}},
                "app_metadata": {{
                    "plan": "pro", "linking": {{"opt_out": true, "unlinked": [{{"from": "email|4", "at": 5}}]}}
                }},
                "roles": ["editor"], "organizations": ["org_1"]}}"#
        ));
        [primary, secondary]
    }

    /// The link of both, with metadata for the primary.
    pub(super) fn link(&self) -> CheckedLink {
        let mut link = link(&self.primary, &self.secondary);
        link.request.user_metadata = Some(metadata(r#"{"lang": "en", "theme": null}"#));
        link.request.app_metadata = Some(metadata(r#"{"plan": "pro"}"#));
        link
    }

    /// Looks the address up, as a login does, and links.
    pub(super) fn log_in(&self, directory: &dyn Directory) -> Result<Arc<User>, ApiError> {
        let found = directory.find_by_email(&format!("{}@example.com", self.name), 10)?;
        assert_eq!(found.len(), 2, "both users");
        directory.link(&self.link())
    }

    /// Returns whether the accounts are linked at the tenant.
    pub(super) fn is_linked(&self, users: &Memory) -> bool {
        self.find(users, &self.primary).is_some_and(|primary| primary.identities.len() > 1)
    }

    fn find(&self, users: &Memory, user_id: &str) -> Option<User> {
        users.get(user_id).ok().map(|stored| User::clone(&stored.user))
    }

    /// Checks that the link is whole or absent, and that the journal says so. Returns
    /// whether it is whole.
    pub(super) fn check(&self, users: &Memory, journal: &dyn LinkJournal, context: &str) -> bool {
        let entries = entries_of(journal, &self.primary);
        let states: Vec<EntryState> = entries.iter().map(|entry| entry.state).collect();
        assert!(states.iter().all(|state| !state.is_unfinished()), "{context}: {states:?}");
        let done = states.iter().filter(|state| **state == EntryState::Done).count();
        let primary = self.find(users, &self.primary).expect("the primary stays");
        let [first, second] = self.users();
        let is_linked = primary.identities.len() > 1;
        if is_linked {
            assert_eq!(done, 1, "{context}: {states:?}");
            assert_eq!(primary.user_metadata, Some(metadata(r#"{"lang": "en"}"#)), "{context}");
            let app_metadata = primary.app_metadata.as_ref().expect("metadata");
            assert_eq!(app_metadata["plan"], "pro", "{context}");
            assert_eq!(app_metadata["linking"]["unlinked"][0]["from"], "email|4", "{context}");
            assert_eq!(
                self.identities(&primary),
                [&*self.primary, &self.secondary, &self.further],
                "{context}"
            );
            for gone in [&self.secondary, &self.further] {
                assert_eq!(self.find(users, gone), None, "{context}");
            }
        } else {
            assert_eq!(done, 0, "{context}: {states:?}");
            assert_eq!(primary, first, "{context}");
            assert_eq!(self.find(users, &self.secondary), Some(second), "{context}");
        }
        is_linked
    }

    /// Undoes the only link.
    pub(super) fn undo(&self, directory: &dyn ligature_host::directory::Administration) -> Undo {
        let query =
            JournalQuery { user_id: Some(self.primary.clone()), limit: 10, ..JournalQuery::default() };
        let entries = directory.journal(&query).expect("a journal");
        let link = entries.into_iter().rfind(|entry| entry.state == EntryState::Done).expect("a link");
        Undo { id: link.id, provenance: by("the test"), now: at(400), dry_run: false }
    }

    /// Checks that an undo gave everything back.
    pub(super) fn check_undone(&self, users: &Memory, context: &str) {
        let [first, second] = self.users();
        let primary = self.find(users, &self.primary).expect("the primary stays");
        let secondary = self.find(users, &self.secondary).unwrap_or_else(|| panic!("{context}: nobody"));
        assert_eq!(self.identities(&primary), [&*self.primary], "{context}");
        assert_eq!(self.identities(&secondary), [&*self.secondary, &self.further], "{context}");
        assert_eq!(self.find(users, &self.further), None, "{context}");
        let unmarked = without_mark(primary.clone());
        assert_eq!(unmarked.user_metadata, first.user_metadata, "{context}");
        assert_eq!(unmarked.app_metadata, first.app_metadata, "{context}");
        assert_eq!(secondary.user_metadata, second.user_metadata, "{context}");
        assert!(secondary.blocked, "{context}: an undo must not lift a block");
        assert_eq!(
            (&secondary.roles, &secondary.organizations),
            (&second.roles, &second.organizations),
            "{context}"
        );
        assert_eq!(
            (&primary.roles, &primary.organizations),
            (&first.roles, &first.organizations),
            "{context}"
        );
        let app_metadata = secondary.app_metadata.as_ref().expect("metadata");
        assert_eq!(app_metadata["plan"], "pro", "{context}");
        assert_eq!(app_metadata["linking"]["opt_out"], true, "{context}");
        let cools_down = |user: &User, from: &str| {
            let marks = user.app_metadata.as_ref().map(|it| it["linking"]["unlinked"].clone());
            let marks = marks.and_then(|marks| marks.as_array().cloned()).unwrap_or_default();
            marks.iter().any(|mark| mark["from"] == from)
        };
        assert!(cools_down(&primary, &self.secondary), "{context}: {primary:?}");
        assert!(cools_down(&secondary, &self.primary), "{context}: {secondary:?}");
        assert!(cools_down(&secondary, "email|4"), "{context}: {secondary:?}");
    }

    fn identities(&self, user: &User) -> Vec<String> {
        user.identities.iter().map(|it| it.as_user_id()).collect()
    }
}

/// The entries of a user, the newest first.
pub(super) fn entries_of(journal: &dyn LinkJournal, user_id: &str) -> Vec<Entry> {
    journal.entries_of(user_id).expect("a journal")
}

/// Puts the users of a pair into a tenant.
pub(super) fn put(users: &Arc<Memory>, pair: &Pair) {
    pair.users().into_iter().for_each(|user| users.put(user));
}
