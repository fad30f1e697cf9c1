//! A commit whose response was lost.
//!
//! The connection may close between COMMIT and its response, so that it is unknown whether the
//! change exists. The commit is then verified by looking up one of its records, not by the
//! transaction's number: after a failover, another transaction may get that number.

use std::sync::Arc;

use super::user_rows::user_document;
use crate::directory::credential::Credential;
use crate::directory::journal::EntryId;
use crate::directory::records::{Records, TxResult};
use crate::model::{ApiError, User};

/// The result of a transaction whose work succeeded.
pub(super) enum CommitResult<T> {
    /// The transaction was committed.
    Committed(T),
    /// The response was lost. The commit succeeded if the record exists. Without a record, the
    /// transaction can safely run twice.
    Unanswered(T, Option<CommitProof>),
}

/// A record that exists only if its transaction was committed.
#[derive(Debug, Clone)]
pub(super) enum CommitProof {
    /// An entry of the journal, whose id is random.
    Entry(EntryId),
    /// A user at a version.
    User(Arc<User>, u64),
    /// The absence of a removed user.
    Removed(String),
    /// A credential.
    Credential(Credential),
}

impl CommitProof {
    /// Returns the stronger of two proofs, or the newer of equal ones.
    pub(super) fn stronger_of(known: Option<Self>, new: Self) -> Option<Self> {
        let rank = |proof: &Self| match proof {
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

    /// Returns whether the record exists. Returns `None` if the user has changed since, so that
    /// this cannot be known.
    pub(super) fn exists_in(&self, records: &mut dyn Records) -> TxResult<Option<bool>> {
        Ok(Some(match self {
            Self::Entry(id) => records.entry(id)?.is_some(),
            Self::User(user, version) => match records.user(&user.user_id)? {
                Some(stored) if stored.version > *version => return Ok(None),
                Some(stored) => {
                    stored.version == *version && user_document(&stored.user)? == user_document(user)?
                }
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

/// Returns the error for a commit that can be neither confirmed nor ruled out.
pub(super) fn commit_unknown() -> ApiError {
    let why = "the connection to the database ended while a change was committed, and whether it was made is not known; check before you try again";
    ApiError::Unavailable(why.to_owned())
}
