//! Short constructors for users and for operations on them.

use std::net::IpAddr;
use std::sync::Arc;

use ligature_host::directory::{
    Administration, CheckedLink, CountedLogin, Entry, EntryId, EntryKind, JournalQuery, Provenance, Undo,
    UndoError, Undoing, Unlink,
};
use ligature_host::model::{ApiError, IdentityKey, Level, LinkRequest, Metadata, Reason, Timestamp, User};

/// The user of this JSON.
pub(crate) fn user(json: &str) -> User {
    serde_json::from_str::<User>(json).expect("a user").with_own_identity("")
}

/// The metadata of this JSON.
pub(crate) fn metadata(json: &str) -> Metadata {
    serde_json::from_str(json).expect("metadata")
}

/// A point in time.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_795_000_000_000 + seconds * 1000).expect("a time")
}

/// A login of a user by its own identity.
pub(crate) fn counted(user_id: &str, at: Timestamp, ip: Option<IpAddr>) -> CountedLogin<'_> {
    CountedLogin { user_id, identity: user_id.split_once('|'), at, ip }
}

/// Ada's database account: the primary.
pub(crate) fn ada() -> User {
    user(
        r#"{"user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "name": "Ada",
            "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-02-02T00:00:00Z", "logins_count": 3,
            "last_login": "2026-01-01T00:00:00Z", "user_metadata": {"theme": "dark"}, "roles": ["reader"]}"#,
    )
}

/// Ada's Google account: the secondary.
pub(crate) fn google() -> User {
    user(
        r#"{"user_id": "google-oauth2|115", "email": "ada@example.com", "email_verified": true, "given_name": "Ada",
            "created_at": "2025-01-01T00:00:00Z", "logins_count": 7, "blocked": false,
            "identities": [{"provider": "google-oauth2", "user_id": 115, "connection": "google-oauth2", "isSocial": true}],
            "user_metadata": {"theme": "light", "lang": "en"}, "app_metadata": {"plan": "pro", "n": 0.1},
            "roles": ["editor"], "organizations": ["org_1"], "multifactor": ["otp"], "ſtrange": {"ключ": [1, 2.5, null]}}"#,
    )
}

/// Two users to link, whatever their versions.
pub(crate) fn link(primary: &str, secondary: &str) -> CheckedLink {
    CheckedLink {
        request: LinkRequest {
            primary: primary.to_owned(),
            secondary: secondary.to_owned(),
            user_metadata: None,
            app_metadata: None,
            reasons: Arc::new([Reason {
                code: "LINKED_VERIFIED_BOTH".to_owned(),
                level: Level::Info,
                subject: vec![primary.to_owned()],
                detail: "Both belong to somebody@corp.com.".to_owned(),
            }]),
        },
        primary_version: None,
        secondary_version: None,
        read: None,
        provenance: by("the test"),
        now: at(100),
    }
}

/// Returns the provenance of a person of this name.
pub(crate) fn by(name: &str) -> Arc<Provenance> {
    Arc::new(Provenance::operator(name))
}

/// An identity to unlink.
pub(crate) fn unlink(primary: &str, provider: &str, user_id: &str) -> Unlink {
    Unlink {
        restores: None,
        keeps_factors: true,
        primary: primary.to_owned(),
        provider: provider.to_owned(),
        user_id: user_id.to_owned(),
        provenance: by("the test"),
        now: at(200),
    }
}

/// The calls of the suites, in few words, on every directory.
pub(crate) trait InFewWords {
    fn user(&self, user_id: &str) -> User;
    fn all(&self) -> Vec<User>;
    fn identities(&self, user_id: &str) -> Vec<String>;
    fn owner_of(&self, connection: &str, provider: &str, user_id: &str) -> Option<String>;
    fn last_link(&self) -> Entry;
    fn undo_at(&self, id: &EntryId, seconds: u64) -> Result<Undoing, UndoError>;
}

impl InFewWords for Arc<dyn Administration> {
    fn user(&self, user_id: &str) -> User {
        User::clone(&self.get(user_id).expect("the user is there").user)
    }

    /// Returns all users in the order of their ids, read in pages of three.
    fn all(&self) -> Vec<User> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.page(&after, 3).expect("a page");
            let Some(last) = page.last() else { break };
            after.clone_from(&last.user.user_id);
            all.extend(page.iter().map(|stored| User::clone(&stored.user)));
        }
        all.sort_by(|a, b| a.user_id.cmp(&b.user_id));
        all
    }

    fn identities(&self, user_id: &str) -> Vec<String> {
        self.user(user_id).identities.iter().map(|it| it.as_user_id()).collect()
    }

    fn owner_of(&self, connection: &str, provider: &str, user_id: &str) -> Option<String> {
        let owner = self.owner(IdentityKey { connection, provider, user_id }).expect("an answer");
        owner.map(|stored| stored.user.user_id.clone())
    }

    fn last_link(&self) -> Entry {
        let entries =
            self.journal(&JournalQuery { limit: 10, ..JournalQuery::default() }).expect("a journal");
        let link = entries.into_iter().find(|entry| entry.kind == EntryKind::Link).expect("a link");
        self.journal_entry(&link.id).expect("the entry")
    }

    fn undo_at(&self, id: &EntryId, seconds: u64) -> Result<Undoing, UndoError> {
        self.undo(&Undo { id: id.clone(), provenance: by("the test"), now: at(seconds), dry_run: false })
    }
}

/// The user without the mark of the cool-down.
pub(crate) fn without_mark(mut user: User) -> User {
    if let Some(held) = &mut user.app_metadata {
        if let Some(linking) = held.get_mut("linking").and_then(|linking| linking.as_object_mut()) {
            linking.remove("unlinked");
        }
        if held.get("linking").is_some_and(|linking| linking.as_object().is_some_and(|it| it.is_empty())) {
            held.remove("linking");
        }
        if held.is_empty() {
            user.app_metadata = None;
        }
    }
    user
}

/// The error's first word.
pub(crate) fn kind(error: &ApiError) -> String {
    error.to_string().split(':').next().unwrap_or_default().to_owned()
}
