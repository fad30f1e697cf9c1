//! Logins of before a separation that another process has made, such as `ligature undo`. No process ends
//! the logins of another one; the directory says when the accounts were separated.

use crate::directory::{Administration, Entry, JournalQuery};
use crate::model::{ApiError, Moment, Timestamp, User, last_separation};
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The number of journal entries that are searched, newest first.
const NEWEST: usize = 100;

/// Returns whether the account of a proved identity has left another account since the login began. The
/// journal is read only if the marks of the account name a separation that is as recent.
pub(crate) fn has_left_since(
    directory: &dyn Administration,
    account: &User,
    proved: &ProvedIdentity,
) -> Result<bool, ApiError> {
    if !last_separation(account).is_some_and(|at| may_follow(at, proved.began)) {
        return Ok(false);
    }
    let entries = directory.journal(&JournalQuery {
        user_id: Some(account.user_id.clone()),
        limit: NEWEST,
        ..JournalQuery::default()
    })?;
    let separates = |entry: &Entry| {
        entry.kind.separates_accounts() && entry.secondary == account.user_id && proved.began < entry.place
    };
    // Where entries since the login are beyond the search, the separation may be among them.
    let is_searched = entries.len() < NEWEST || entries.last().is_some_and(|last| last.place < proved.began);
    Ok(!is_searched || entries.iter().any(separates))
}

/// Returns whether an action at this time may have a place after a moment, which may be of the same
/// millisecond. Moments can be ahead of the clock by a little.
fn may_follow(at: Timestamp, began: Moment) -> bool {
    const AHEAD_MS: u64 = 1_000;
    began.as_micros() / 1_000 <= at.as_millis().saturating_add(AHEAD_MS)
}
