//! The records of the links of several groups, within one transaction. Only databases have them, because
//! only they keep runs.

use std::sync::Arc;

use super::backfill_store::{GroupClaim, GroupResult};
use super::journal::Entry;
use super::stored::Stored;
use super::tx_result::{TxError, TxResult};
use crate::model::{ApiError, Identity, Moment, User};

fn no_database() -> TxError {
    ApiError::Invalid("a backfill needs a directory, or a journal, in a database".to_owned()).into()
}

/// An identity that moves from one user to another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct MovedIdentity<'a> {
    pub(super) identity: &'a Identity,
    pub(super) from: &'a str,
    pub(super) to: &'a str,
}

/// The records of many users at once: a statement for each of them would be a round trip to a server.
/// Methods that change records return how many they have changed.
pub(super) trait GroupRecords {
    /// Returns the users whose root address one of these users has, ignoring the case of ASCII letters,
    /// in no order, at most `limit`.
    fn users_with_addresses_of(&mut self, _user_ids: &[&str], _limit: usize) -> TxResult<Vec<Stored>> {
        Err(no_database())
    }
    /// Returns the users with one of these root addresses in lower case, at most `limit`. No other
    /// transaction changes them before the end of this one.
    fn lock_users_by_emails(&mut self, _lower: &[&str], _limit: usize) -> TxResult<Vec<Stored>> {
        Err(no_database())
    }
    /// Returns the place of the newest entry that has one of these users on either side.
    fn last_place_of_any(&mut self, _user_ids: &[&str]) -> TxResult<Moment> {
        Err(no_database())
    }
    /// Adds entries to the journal.
    fn add_entries(&mut self, _: &[Arc<Entry>]) -> TxResult<()> {
        Err(no_database())
    }
    /// Replaces users, each at its version.
    fn replace_users(&mut self, _: &[(Arc<User>, u64)]) -> TxResult<usize> {
        Err(no_database())
    }
    /// Removes locked users, without their identities.
    fn remove_locked_users(&mut self, _user_ids: &[&str]) -> TxResult<usize> {
        Err(no_database())
    }
    /// Moves identities to other users.
    fn move_identities(&mut self, _: &[MovedIdentity<'_>]) -> TxResult<usize> {
        Err(no_database())
    }
    /// Records results and ends the claims of their groups, as far as the claim holds them.
    fn finish_groups(&mut self, _: &GroupClaim, _: &[&GroupResult]) -> TxResult<usize> {
        Err(no_database())
    }
}
