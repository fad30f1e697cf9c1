//! The users, faults and answers that a test has set up.

use std::collections::BTreeMap;

use super::calls::Fault;
use super::directory::Directory;

/// The setup of a host for tests.
#[derive(Debug, Clone, Default)]
pub(super) struct Setup {
    pub(super) directory: Directory,
    pub(super) faults: Vec<Fault>,
    /// The time of the login, in milliseconds since 1970.
    pub(super) now: u64,
    /// The answer to `raw_event`, if the test sets one.
    pub(super) raw_event: Option<String>,
    /// The answers to `raw_user` that the test sets, by the user's id.
    pub(super) raw_users: BTreeMap<String, String>,
}
