//! A commit whose answer was lost.
//!
//! The connection may end between COMMIT and its answer: the change may be there
//! or not. It is looked for before anything is answered, by the record itself and
//! not by the number of the transaction: another leader may give that number to
//! another transaction.

use std::sync::Arc;

use super::rows::document;
use crate::directory::credential::Credential;
use crate::directory::journal::EntryId;
use crate::directory::records::{Done, Records};
use crate::model::{ApiError, User};

/// How a transaction ended whose work was done.
pub(super) enum Ended<T> {
    /// It is there.
    Committed(T),
    /// It is not known until this record is looked for. Without a record, the
    /// transaction may run twice.
    Unanswered(T, Option<Written>),
}

/// A record that is there if a transaction was committed, and only then.
#[derive(Debug, Clone)]
pub(super) enum Written {
    /// An entry of the journal, whose id is random.
    Entry(EntryId),
    /// A user at a version.
    User(Arc<User>, u64),
    /// A user that was removed.
    Removed(String),
    /// A credential.
    Credential(Credential),
}

impl Written {
    /// The one of two records that tells more, or the newer one.
    pub(super) fn or_better(known: Option<Self>, new: Self) -> Option<Self> {
        let rank = |written: &Self| match written {
            Self::Entry(_) => 3,
            Self::User(..) => 2,
            Self::Removed(_) => 1,
            Self::Credential(_) => 0,
        };
        match known {
            Some(known) if rank(&known) > rank(&new) => Some(known),
            _ => Some(new),
        }
    }

    /// Whether it is there; None if others have changed the user since, so that
    /// it cannot be told.
    pub(super) fn is_in(&self, records: &mut dyn Records) -> Done<Option<bool>> {
        Ok(Some(match self {
            Self::Entry(id) => records.entry(id)?.is_some(),
            Self::User(user, version) => match records.user(&user.user_id)? {
                Some(stored) if stored.version > *version => return Ok(None),
                Some(stored) => stored.version == *version && document(&stored.user)? == document(user)?,
                None => false,
            },
            Self::Removed(user_id) => !records.is_user(user_id)?,
            Self::Credential(credential) => {
                let known = records.credential_of(&credential.connection, &credential.user_id)?;
                known.as_ref() == Some(credential)
            }
        }))
    }
}

/// The answer where the change can be neither promised nor ruled out.
pub(super) fn not_known() -> ApiError {
    let why = "the connection to the database ended while a change was committed, and whether it was made is \
               not known; look before you try again";
    ApiError::Unavailable(why.to_owned())
}
