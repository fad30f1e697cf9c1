//! Signing users up with a credential, and changing credentials.

use std::sync::Arc;

use super::credential::{Credential, PROVIDER};
use super::credentials::{credential_identity, replace};
use super::records::{Records, TxResult, conflict, not_found, other_connection};
use super::stored::Stored;
use super::users::{create, update};
use crate::model::User;

/// Adds a user and a credential of one of its identities.
pub(super) fn sign_up(
    records: &mut dyn Records,
    user: &Arc<User>,
    credential: &Credential,
) -> TxResult<Stored> {
    let stored = create(records, user)?;
    replace(records, credential)?;
    Ok(stored)
}

/// Replaces a user and a credential of one of its identities.
pub(super) fn change_login(
    records: &mut dyn Records,
    user: &Arc<User>,
    version: u64,
    credential: &Credential,
) -> TxResult<Stored> {
    let stored = update(records, user, version)?;
    replace(records, credential)?;
    Ok(stored)
}

/// Adds or replaces the credential of an identity.
pub(super) fn set_credential(records: &mut dyn Records, credential: &Credential) -> TxResult<()> {
    let id = credential.as_user_id();
    let owner = records.owner(PROVIDER, &credential.user_id)?.ok_or_else(|| not_found(&id))?;
    if owner.connection != credential.connection {
        return Err(other_connection(credential.identity_key(), &owner.connection));
    }
    // Moving the identity to its own owner locks it: a concurrent deletion waits, and
    // then removes this credential too.
    let identity = credential_identity(credential);
    if !records.move_identity(&identity, &owner.user_id, &owner.user_id)? {
        return Err(conflict(&id));
    }
    replace(records, credential)
}
