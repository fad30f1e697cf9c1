//! Logins of before a separation that another process has made, such as `ligature undo`. No process ends
//! the logins of another one; the directory says when the accounts were separated.

use crate::directory::{Administration, Entry, JournalQuery};
use crate::model::{ApiError, Moment, Timestamp, User, last_separation};

/// The number of journal entries that are searched, newest first.
const NEWEST: usize = 100;

/// Returns whether an account has left another one since a login of it began. The journal is read only
/// if the marks of the account name a separation that is as recent.
pub(crate) fn has_left_since(
    directory: &dyn Administration,
    account: &User,
    began: Moment,
) -> Result<bool, ApiError> {
    if !last_separation(account).is_some_and(|at| may_follow(at, began)) {
        return Ok(false);
    }
    let entries = directory.journal(&JournalQuery {
        user_id: Some(account.user_id.clone()),
        limit: NEWEST,
        ..JournalQuery::default()
    })?;
    let separates = |entry: &Entry| {
        entry.kind.separates_accounts() && entry.secondary == account.user_id && began < entry.place
    };
    // Where entries since the login are beyond the search, the separation may be among them.
    let is_searched = entries.len() < NEWEST || entries.last().is_some_and(|last| last.place < began);
    Ok(!is_searched || entries.iter().any(separates))
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
    use crate::directory::{Administration, CheckedLink, Directory, Memory, Provenance, SetBlocked, Unlink};
    use crate::model::{LinkRequest, Moment, Timestamp, User};

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
            let users = [user("auth0", "1"), user("google-oauth2", "2")];
            let directory = Memory::with_users(&Ambient::fixed(Timestamp::default()), users);
            Self { directory, provenance: Arc::new(Provenance::operator("ada".to_owned())) }
        }

        fn separate(&self) {
            let request = LinkRequest {
                primary: "auth0|1".to_owned(),
                secondary: SECOND.to_owned(),
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
                provenance: provenance.clone(),
                now,
            };
            self.directory.link(&link).unwrap();
            let unlink = Unlink {
                primary: "auth0|1".to_owned(),
                provider: "google-oauth2".to_owned(),
                user_id: "2".to_owned(),
                restores: None,
                keeps_factors: true,
                provenance,
                now,
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
            let account = self.directory.get(SECOND).unwrap().user;
            has_left_since(&self.directory, &account, began).unwrap()
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
}
