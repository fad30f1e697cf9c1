//! Importing users.

use std::sync::Arc;

use super::credential::Credential;
use super::import_batch::{Batch, ImportRefusal, Imported, LEFT_OUT, TAKEN, UserWithPassword};
use super::records::{Records, TxResult, conflict};
use super::stored::Stored;
use super::users::{first_version, identity_conflict, replace_user, validate};
use super::{assumed_connection, credentials};
use crate::model::{ApiError, Identity, Timestamp, User, keep_marks};

/// Imports the lines of a batch, and records the import's progress.
pub(super) fn import(records: &mut dyn Records, batch: &Batch<'_>) -> TxResult<Vec<Imported>> {
    let mut imported = Vec::with_capacity(batch.lines.len());
    let mut progress = Progress::default();
    // A new directory has no credentials, which spares a look-up for each line.
    let mut has_logins = records.has_credentials()?;
    for (line, text) in batch.lines {
        let result = match (batch.parse)(*line, text) {
            Ok(user) => import_line(records, user, batch.replace, &mut has_logins)?,
            Err(why) => Imported::Refused(ImportRefusal::Unfit(why)),
        };
        let is_refused = matches!(result, Imported::Refused(_));
        imported.push(result);
        if batch.strict && is_refused {
            progress.done = line - 1;
            break;
        }
        progress.done = *line;
        *if is_refused { &mut progress.left_out } else { &mut progress.taken } += 1;
    }
    if let Some(import) = batch.import {
        record_progress(records, import, &progress, batch.now)?;
    }
    Ok(imported)
}

/// The progress of an import by one batch.
#[derive(Default)]
struct Progress {
    /// The last line that was read.
    done: u64,
    /// The number of lines that were left out.
    left_out: u64,
    /// The number of lines that were imported.
    taken: u64,
}

/// Records the progress of an import. Nothing is recorded before the first imported
/// user, so that a repeated import reports every line again.
fn record_progress(
    records: &mut dyn Records,
    import: &str,
    progress: &Progress,
    now: Timestamp,
) -> TxResult<()> {
    let [left_out_name, taken_name] = [LEFT_OUT, TAKEN].map(|what| [import, what].concat());
    let taken = records.import_progress(&taken_name)?.unwrap_or(0) + progress.taken;
    if taken == 0 {
        return Ok(());
    }
    let left_out = records.import_progress(&left_out_name)?.unwrap_or(0) + progress.left_out;
    records.set_import_progress(import, progress.done, now)?;
    records.set_import_progress(&left_out_name, left_out, now)?;
    records.set_import_progress(&taken_name, taken, now)
}

/// Imports one line.
fn import_line(
    records: &mut dyn Records,
    line: UserWithPassword,
    may_replace: bool,
    has_logins: &mut bool,
) -> TxResult<Imported> {
    let UserWithPassword { user, password, states_block } = line;
    let user = match validate(user) {
        Ok(user) => Arc::new(user),
        Err(error) => return Ok(Imported::Refused(to_refusal(error))),
    };
    let refusal = credentials::find_conflict(records, &user, *has_logins)?;
    if let Some(why) = &refusal
        && !records.is_user(&user.user_id)?
    {
        return Ok(Imported::Refused(why.clone()));
    }
    let login = match &password {
        Some(hash) => match credentials::credential_for_import(records, &user, hash)? {
            Ok(credential) => Some(credential),
            Err(why) => return Ok(Imported::Refused(why)),
        },
        None => None,
    };
    let version = first_version(records.ambient());
    if records.add_user(&user, version)? {
        // If one of its identities is taken, nothing of the user is written.
        for (n, identity) in user.identities.iter().enumerate() {
            if !records.add_identity(identity, &user.user_id)? {
                let why = identity_conflict(records, identity)?;
                for added in &user.identities[..n] {
                    records.remove_identity(added, &user.user_id)?;
                }
                records.remove_user(&user.user_id, version)?;
                return Ok(Imported::Refused(to_refusal(why)));
            }
        }
        if let Some(login) = &login {
            credentials::put_credential(records, login)?;
        }
        *has_logins |= credentials::reserve_logins(records, &user)? || login.is_some();
        return Ok(Imported::Added);
    }
    let before = records.user(&user.user_id)?.ok_or_else(|| conflict(&user.user_id))?;
    let user = assumed_connection::apply_known_connections(User::clone(&user), &before.user);
    let mut user = keep_marks(user, &before.user);
    // A line that does not state `blocked` does not unblock.
    user.blocked |= !states_block && before.user.blocked;
    let user = Arc::new(user);
    // An existing password is newer than that of the line.
    let login = match login {
        Some(_) if credentials::has_password(records, &before.user)? => None,
        // The connection may have become known since.
        Some(login) => Some(Credential { connection: user.identities[0].connection.clone(), ..login }),
        None => None,
    };
    if before.user == user && login.is_none() {
        return Ok(Imported::Same);
    }
    if !may_replace {
        return Ok(Imported::Refused(ImportRefusal::Differs(user.user_id.clone())));
    }
    if let Some(why) = refusal {
        return Ok(Imported::Refused(why));
    }
    if let Some(why) = find_replace_conflict(records, &before.user, &user)? {
        return Ok(Imported::Refused(ImportRefusal::Unfit(why)));
    }
    replace(records, &before, &user)?;
    if let Some(login) = &login {
        credentials::put_credential(records, login)?;
    }
    *has_logins |= credentials::reserve_logins(records, &user)? || login.is_some();
    Ok(Imported::Replaced)
}

/// Converts an error to the refusal of a line, without the name of its kind.
fn to_refusal(error: ApiError) -> ImportRefusal {
    ImportRefusal::Unfit(match error {
        ApiError::Invalid(why) | ApiError::AlreadyLinked(why) => why,
        error => error.to_string(),
    })
}

/// Returns the reason why a line's user cannot replace the one with its id, if any.
fn find_replace_conflict(records: &mut dyn Records, before: &User, user: &User) -> TxResult<Option<String>> {
    // Such an identity would lose its user, and the data it was linked with.
    if before.identities.iter().any(|it| find_same_account(it, user).is_none()) {
        return Ok(Some(format!(
            "{} has linked identities that the line does not have; unlink them first",
            user.user_id
        )));
    }
    for identity in &user.identities {
        match find_same_account(identity, before) {
            None if records.owner(&identity.provider, &identity.user_id)?.is_some() => {
                return Ok(Some(to_refusal(identity_conflict(records, identity)?).to_string()));
            }
            Some(held) if held.connection != identity.connection && !held.connection_assumed => {
                return Ok(Some(format!(
                    "{} belongs to the connection `{}`, and the line says `{}`",
                    held.as_user_id(),
                    held.connection,
                    identity.connection
                )));
            }
            Some(held) => {
                if let Some(why) = credentials::find_move_conflict(records, held, &identity.connection)? {
                    return Ok(Some(why));
                }
            }
            None => {}
        }
    }
    Ok(None)
}

/// Replaces a user by that of a line, after all checks.
fn replace(records: &mut dyn Records, before: &Stored, user: &Arc<User>) -> TxResult<()> {
    replace_user(records, User::clone(user), before.version)?;
    records.set_logins(user)?;
    for identity in &user.identities {
        match find_same_account(identity, &before.user) {
            Some(held) => assumed_connection::change_connection(records, held, identity, &user.user_id)?,
            None if !records.add_identity(identity, &user.user_id)? => return Err(conflict(&user.user_id)),
            None => {}
        }
    }
    Ok(())
}

/// Returns the user's identity for the same account at the same provider, in any
/// connection.
fn find_same_account<'u>(identity: &Identity, user: &'u User) -> Option<&'u Identity> {
    user.identities.iter().find(|it| it.provider == identity.provider && it.user_id == identity.user_id)
}
