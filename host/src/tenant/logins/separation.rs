//! Logins of before a separation that another process has made, such as `ligature undo`. No process ends
//! the logins of another one; the directory says when the accounts were separated.

use crate::directory::{Administration, Entry, EntryKind, JournalQuery, SnapshotState};
use crate::model::{ApiError, Identity, Moment, Timestamp, User, last_separation};

/// The number of journal entries of an account that are searched, newest first.
const NEWEST: usize = 100;

/// The number of accounts whose entries are searched.
const MOST_HOLDERS: usize = 10;

/// Returns whether an identity (`provider|id`) has left an account since a login by it began.
/// `account` has the identity now, by a later link perhaps: a login of before the separation does not
/// become valid again when the accounts are linked again.
///
/// An account with one identity has not been joined with another one since it left, and its marks name
/// its separations. The journal is read for any other account.
pub(crate) fn has_left_since(
    directory: &dyn Administration,
    account: &User,
    identity: &str,
    began: Moment,
) -> Result<bool, ApiError> {
    let is_alone = account.identities.len() < 2;
    if is_alone && !last_separation(account).is_some_and(|at| may_follow(at, began)) {
        return Ok(false);
    }
    // The accounts that may have had the identity since the login began.
    let mut holders = vec![account.user_id.clone()];
    if identity != account.user_id {
        holders.push(identity.to_owned());
    }
    let mut searched = 0;
    while let Some(holder) = holders.get(searched).cloned() {
        searched += 1;
        // Where entries since the login are beyond the search, a separation may be among them.
        let Some(entries) = find_entries_since(directory, &holder, began, NEWEST)? else { return Ok(true) };
        if holders.len() > MOST_HOLDERS {
            return Ok(true);
        }
        for entry in entries.iter().filter(|entry| began < entry.place) {
            if entry.kind.separates_accounts() && entry.secondary == holder {
                return Ok(true);
            }
            let joins = entry.kind == EntryKind::Link && entry.primary == holder;
            if joins && !holders.contains(&entry.secondary) && may_have_brought(directory, entry, identity)? {
                holders.push(entry.secondary.clone());
            }
        }
    }
    Ok(false)
}

/// Finds the journal entries of an account since a moment. `None` if the newest `most` entries do not
/// reach back to it, so that the account may have others.
pub(crate) fn find_entries_since(
    directory: &dyn Administration,
    user_id: &str,
    began: Moment,
    most: usize,
) -> Result<Option<Vec<Entry>>, ApiError> {
    let query = JournalQuery { user_id: Some(user_id.to_owned()), limit: most, ..JournalQuery::default() };
    let mut entries = directory.journal(&query)?;
    let reaches_back = entries.len() < most || entries.last().is_some_and(|last| last.place < began);
    entries.retain(|entry| began <= entry.place);
    Ok(reaches_back.then_some(entries))
}

/// Returns whether a link may have brought this identity into its primary.
fn may_have_brought(directory: &dyn Administration, link: &Entry, identity: &str) -> Result<bool, ApiError> {
    Ok(match directory.journal_entry(&link.id)?.kept {
        SnapshotState::Whole(kept) => {
            kept.secondary.identities.iter().map(Identity::as_user_id).any(|it| it == identity)
        }
        _ => true,
    })
}

/// Returns whether an action at this time may have a place after a moment, which may be of the same
/// millisecond. Moments can be ahead of the clock by a little.
fn may_follow(at: Timestamp, began: Moment) -> bool {
    const AHEAD_MS: u64 = 1_000;
    began.as_micros() / 1_000 <= at.as_millis().saturating_add(AHEAD_MS)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::{NEWEST, has_left_since};
    use crate::ambient::Ambient;
    use crate::directory::{
        Administration, CheckedLink, Directory, EntryId, JournalQuery, Memory, Provenance, SetBlocked, Undo,
        Unlink,
    };
    use crate::model::{IdentityKey, LinkRequest, Moment, Timestamp, User};

    const SECOND: &str = "google-oauth2|2";

    struct Journal {
        directory: Memory,
        provenance: Arc<Provenance>,
    }

    impl Journal {
        fn new() -> Self {
            let user = |provider: &str, own: &str| {
                serde_json::from_value::<User>(json!({
                    "user_id": format!("{provider}|{own}"),
                    "identities": [{ "provider": provider, "user_id": own, "connection": provider, "isSocial": false }],
                }))
                .unwrap()
            };
            let users =
                [user("auth0", "1"), user("google-oauth2", "2"), user("github", "3"), user("auth0", "4")];
            let directory = Memory::with_users(&Ambient::fixed(Timestamp::default()), users);
            Self { directory, provenance: Arc::new(Provenance::operator("ada".to_owned())) }
        }

        fn link(&self, primary: &str, secondary: &str) -> EntryId {
            let request = LinkRequest {
                primary: primary.to_owned(),
                secondary: secondary.to_owned(),
                user_metadata: None,
                app_metadata: None,
                reasons: Arc::default(),
            };
            let (provenance, now) = (self.provenance.clone(), Timestamp::default());
            let link = CheckedLink {
                request,
                primary_version: None,
                secondary_version: None,
                read: None,
                provenance,
                now,
            };
            self.directory.link(&link).unwrap();
            let newest = JournalQuery { limit: 1, ..JournalQuery::default() };
            self.directory.journal(&newest).unwrap().remove(0).id
        }

        fn undo(&self, link: EntryId) {
            self.directory
                .undo(&Undo {
                    id: link,
                    dry_run: false,
                    provenance: self.provenance.clone(),
                    now: Timestamp::default(),
                })
                .unwrap();
        }

        fn separate(&self) {
            self.link("auth0|1", SECOND);
            let unlink = Unlink {
                primary: "auth0|1".to_owned(),
                provider: "google-oauth2".to_owned(),
                user_id: "2".to_owned(),
                restores: None,
                keeps_factors: true,
                provenance: self.provenance.clone(),
                now: Timestamp::default(),
            };
            self.directory.unlink(&unlink).unwrap();
        }

        /// Blocks and unblocks the account, with an entry each.
        fn write(&self, entries: usize) {
            for number in 0..entries {
                let change = SetBlocked {
                    user_id: SECOND.to_owned(),
                    blocked: number % 2 == 0,
                    provenance: self.provenance.clone(),
                    now: Timestamp::default(),
                };
                self.directory.set_blocked(&change).unwrap();
            }
        }

        fn now(&self) -> Moment {
            self.directory.ambient().draw_moment()
        }

        fn has_left_since(&self, began: Moment) -> bool {
            self.has(SECOND, began)
        }

        /// Returns whether the owner of this identity is an account that the identity has come to by
        /// way of a separation.
        fn has(&self, identity: &str, began: Moment) -> bool {
            let (provider, user_id) = identity.split_once('|').unwrap();
            let account = self
                .directory
                .owner(IdentityKey { connection: provider, provider, user_id })
                .unwrap()
                .unwrap()
                .user;
            has_left_since(&self.directory, &account, identity, began).unwrap()
        }
    }

    #[test]
    fn a_login_of_before_a_separation_ends() {
        let journal = Journal::new();
        let before = journal.now();
        assert!(!journal.has_left_since(before), "nothing was separated");
        journal.separate();
        let after = journal.now();
        assert!(journal.has_left_since(before));
        assert!(!journal.has_left_since(after));
    }

    /// A separation beyond the search is not found, and must not let the login live.
    #[test]
    fn a_login_ends_whose_separation_may_be_beyond_the_search() {
        let journal = Journal::new();
        let before = journal.now();
        journal.separate();
        journal.write(NEWEST + 1);
        assert!(journal.has_left_since(before));
    }

    #[test]
    fn a_login_lives_as_long_as_the_search_reaches_it() {
        let journal = Journal::new();
        journal.separate();
        journal.write(NEWEST + 2);
        let after = journal.now();
        journal.write(NEWEST - 1);
        assert!(!journal.has_left_since(after), "the search ends with an entry of before the login");
        journal.write(2);
        assert!(journal.has_left_since(after), "all entries of the search are of after it");
    }

    #[test]
    fn a_login_of_before_a_separation_stays_ended_after_another_link() {
        for primary in ["auth0|1", "auth0|4"] {
            let journal = Journal::new();
            let before = journal.now();
            journal.separate();
            journal.link(primary, SECOND);
            let after = journal.now();
            assert!(journal.has(SECOND, before), "{primary}");
            assert!(!journal.has(SECOND, after), "{primary}");
        }
    }

    /// The journal names the account that left, which had this identity.
    #[test]
    fn a_login_by_a_further_identity_of_the_account_that_left_stays_ended_too() {
        let journal = Journal::new();
        journal.link(SECOND, "github|3");
        let before = journal.now();
        let link = journal.link("auth0|1", SECOND);
        assert!(!journal.has("github|3", before), "nothing was separated");
        journal.undo(link);
        assert!(journal.has("github|3", before));
        journal.link("auth0|4", SECOND);
        assert!(journal.has("github|3", before));
        assert!(!journal.has("github|3", journal.now()));
    }

    #[test]
    fn the_owner_who_removes_a_login_and_adds_it_again_stays_logged_in() {
        let journal = Journal::new();
        let before = journal.now();
        journal.separate();
        journal.link("auth0|1", SECOND);
        journal.link("auth0|1", "github|3");
        assert!(!journal.has("auth0|1", before));
        assert!(!journal.has("github|3", before));
    }
}
