//! The addresses of the pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::directory::{ConflictKey, DecisionId, EntryId};

pub(super) const HOME: &str = "/console";
pub(super) const USERS: &str = "/console/users";
pub(super) const USER: &str = "/console/users/{id}";
pub(super) const JOURNAL: &str = "/console/journal";
pub(super) const ENTRY: &str = "/console/journal/{id}";
pub(super) const UNDO: &str = "/console/journal/{id}/undo";
#[cfg(feature = "hook")]
pub(super) const LOG_IN: &str = "/console/log-in";
#[cfg(feature = "hook")]
pub(super) const CALLBACK: &str = "/console/callback";
pub(super) const LOG_OUT: &str = "/console/log-out";
pub(super) const DECISIONS: &str = "/console/decisions";
pub(super) const DECISION: &str = "/console/decisions/{id}";
pub(super) const CONFLICTS: &str = "/console/conflicts";
pub(super) const SETTLE: &str = "/console/conflicts/{id}/settle";
pub(super) const LIVE: &str = "/console/live";
pub(super) const LIVE_SCRIPT: &str = "/console/live.js";
pub(super) const LIVE_EVENTS: &str = "/console/live/events";
pub(super) const MERGE: &str = "/console/merge";

/// Everything but the unreserved characters of a URL.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Returns the address of a user's page.
pub(super) fn path_of_user(user_id: &str) -> String {
    format!("{USERS}/{}", utf8_percent_encode(user_id, &ESCAPED))
}

/// Returns the address of an entry of the journal.
pub(super) fn path_of_entry(id: &EntryId) -> String {
    format!("{JOURNAL}/{id}")
}

/// Returns the address of a decision's page.
pub(super) fn path_of_decision(id: &DecisionId) -> String {
    format!("{DECISIONS}/{id}")
}

/// Returns the address to which the form of a conflict is sent.
pub(super) fn settle_path(key: &ConflictKey) -> String {
    format!("{CONFLICTS}/{key}/settle")
}

/// Returns an address with these parameters, without those that are missing.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let set = parameters.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(set).finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::{path_of_user, with_query};

    #[test]
    fn an_id_is_one_segment_of_a_path() {
        assert_eq!(path_of_user("auth0|a/b?c#d\"<"), "/console/users/auth0%7Ca%2Fb%3Fc%23d%22%3C");
    }

    #[test]
    fn a_parameter_that_is_missing_is_left_out() {
        assert_eq!(with_query("/a", &[("b", None)]), "/a");
        assert_eq!(with_query("/a", &[("b", None), ("c", Some("|&"))]), "/a?c=%7C%26");
    }
}
