//! The check whether a user's token is still valid, apart from its signature and its lifetime.

use crate::directory::Administration;
use crate::model::{ApiError, User};
use crate::tenant::logins::separation::has_left_since;
use crate::tenant::people::People;
use crate::tenant::signing::verification::Claims;

/// Returns whether a token of this account is revoked: its identity has left the account, even if it was
/// linked again since, or its login or its code was revoked.
///
/// # Errors
///
/// If the journal cannot be read.
pub(crate) fn is_token_revoked(
    directory: &dyn Administration,
    people: &People,
    account: &User,
    claims: &Claims,
) -> Result<bool, ApiError> {
    let Some(identity) = claims.find_identity(account) else { return Ok(true) };
    let began = claims.began();
    Ok(people.is_token_revoked(&account.user_id, claims)
        || people.revocations.is_revoked(&identity, began)
        || has_left_since(directory, account, &identity, began)?)
}
