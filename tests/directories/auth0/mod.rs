//! A tenant of Auth0 as a directory: changes that take several requests, with faults and
//! crashes between them.

mod changes;
mod faults;
mod interrupted;
mod stand_in;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use ligature_host::ambient::Ambient;
use ligature_host::clock::ManualClock;
use ligature_host::directory::{
    Auth0Directory, CheckedLink, Entry, EntryState, JournalQuery, LinkJournal, Memory, OpenMode, SqlDirectory,
};
use ligature_host::model::{IdentityKey, User};
use ligature_host::random::SeededRandom;

use super::users::{ada, at, google, link, metadata, user};
use super::{Implementation, Test};
pub(crate) use changes::CHANGES;
pub(crate) use faults::FAULTS;
pub(crate) use interrupted::INTERRUPTED;
use stand_in::{CRASH, Fault, StandIn};

/// A tenant, its journal, and a clock that the test moves.
struct Place {
    clock: Arc<ManualClock>,
    tenant: Arc<StandIn>,
    journal: Arc<dyn LinkJournal>,
    directory: Auth0Directory,
    _folder: tempfile::TempDir,
}

impl Place {
    /// A tenant with these users, whose journal is in this implementation.
    fn new(implementation: &Implementation, users: impl IntoIterator<Item = User>) -> Self {
        let clock = Arc::new(ManualClock::starting_at(at(0)));
        let ambient = Ambient::new(clock.clone(), Arc::new(SeededRandom::new(1)));
        let folder = tempfile::tempdir().unwrap();
        let journal: Arc<dyn LinkJournal> = match implementation {
            Implementation::Memory => Arc::new(Memory::new(&ambient)),
            Implementation::Postgres(server) => {
                Arc::new(SqlDirectory::postgres(&server.schema(), None, OpenMode::Create, &ambient).unwrap())
            }
            _ => {
                let file = folder.path().join("journal.db");
                Arc::new(SqlDirectory::sqlite(&file, None, OpenMode::Create, &ambient).unwrap())
            }
        };
        let tenant = Arc::new(StandIn::new(users));
        let directory = Auth0Directory::open(tenant.clone(), journal.clone(), OpenMode::Existing).unwrap();
        Self { clock, tenant, journal, directory, _folder: folder }
    }

    /// The next process, after the time in which a change may still be under way. It
    /// repairs at its start.
    fn restart(&mut self) {
        self.clock.advance(Duration::from_secs(61));
        self.tenant.set_faults([]);
        self.directory =
            Auth0Directory::open(self.tenant.clone(), self.journal.clone(), OpenMode::Existing).unwrap();
    }

    /// Returns the entries of the journal, oldest first.
    fn entries(&self) -> Vec<Entry> {
        let query = JournalQuery { limit: 100, ..JournalQuery::default() };
        let mut entries = self.journal.journal(&query).unwrap();
        entries.reverse();
        entries.iter().map(|entry| self.journal.journal_entry(&entry.id).unwrap()).collect()
    }

    fn states(&self) -> Vec<EntryState> {
        self.entries().iter().map(|entry| entry.state).collect()
    }

    /// A user as the tenant has it, roles and memberships included; none if it is gone.
    fn user(&self, user_id: &str) -> Option<User> {
        use ligature_host::directory::Directory;
        self.tenant.users.get(user_id).ok().map(|stored| User::clone(&stored.user))
    }

    fn is_linked(&self) -> bool {
        self.user("auth0|1").unwrap().identities.len() > 1
    }
}

/// Runs work that may end with the process.
fn until_crash<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(panic) if panic.downcast_ref::<&str>() == Some(&CRASH) => None,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A link of Ada's accounts with metadata for the primary.
fn link_with_metadata() -> CheckedLink {
    let mut link = link("auth0|1", "google-oauth2|115");
    link.request.user_metadata = Some(metadata(r#"{"lang": "en", "theme": null}"#));
    link.request.app_metadata = Some(metadata(r#"{"plan": "pro"}"#));
    link
}

/// Google's account, with a linked identity of its own, a cool-down and a block.
fn busy_google() -> User {
    let mut google = google();
    google.blocked = true;
    google.identities.extend(user(r#"{"user_id": "sms|7"}"#).identities);
    google.app_metadata =
        Some(metadata(r#"{"plan": "pro", "linking": {"unlinked": [{"from": "email|4", "at": 5}]}}"#));
    google
}

/// Checks that the link is whole or absent, and that the journal says so.
fn check_whole_or_absent(place: &Place, secondary: &User, context: &str) {
    let states = place.states();
    assert!(states.iter().all(|state| !state.is_unfinished()), "{context}: {states:?}");
    let done = states.iter().filter(|state| **state == EntryState::Done).count();
    if place.is_linked() {
        assert_eq!(done, 1, "{context}: {states:?}");
        let primary = place.user("auth0|1").unwrap();
        assert_eq!(primary.user_metadata, Some(metadata(r#"{"lang": "en"}"#)), "{context}");
        assert_eq!(primary.app_metadata.as_ref().unwrap()["plan"], "pro", "{context}");
        assert_eq!(place.user(&secondary.user_id), None, "{context}");
        for identity in &secondary.identities {
            let IdentityKey { provider, user_id, .. } = identity.key();
            assert!(
                primary.identities.iter().any(|it| it.provider == provider && it.user_id == user_id),
                "{context}: {provider}|{user_id}"
            );
        }
    } else {
        assert_eq!(done, 0, "{context}: {states:?}");
        assert_eq!(place.user(&secondary.user_id).as_ref(), Some(secondary), "{context}");
        assert_eq!(place.user("auth0|1"), Some(ada()), "{context}");
    }
}
