//! The arrival of a login: finding or creating its user.

use std::borrow::Cow;

use super::assumed_connection::is_connection_assumed;
use super::credential::Credential;
use super::event_merge::merge_known_user;
use super::operations::Administration;
use super::stored::Stored;
use crate::model::{ApiError, LoginEvent, Timestamp, User, apply_sign_in};

/// The reason why a login cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrivalError {
    /// The event's `user_id` is malformed.
    #[error("the event's user_id `{0}` is not of the form `provider|id`")]
    NoIdentity(String),
    /// The directory has the identity under another user than the event.
    #[error(
        "the event says that {identity} is {said}; in the directory it is {known}. Is the directory of another tenant?"
    )]
    OtherUser {
        /// The identity that has logged in.
        identity: String,
        /// The user of the identity in the event.
        said: String,
        /// The user of the identity in the directory.
        known: String,
    },
    /// The event is of a login at a host that is none of the tenant's.
    #[error(
        "the event is of a login at {said}; the directory is the tenant of {}. If {said} is a custom domain of this \
         tenant, list it too (custom_domain={said} in the address of the directory); otherwise the event is of \
         another tenant",
        known.join(" and ")
    )]
    OtherTenant {
        /// The host in the event.
        said: String,
        /// The hosts of the tenant.
        known: Vec<String>,
    },
    /// The event has another address than the identity's credential, and the credential
    /// cannot be changed.
    #[error(
        "the event says that the address of {identity} is {said}; in the directory it logs in with {known}, which cannot be changed: {why}"
    )]
    OtherLogin {
        /// The database identity.
        identity: String,
        /// The address in the event.
        said: String,
        /// The address of its credential.
        known: String,
        /// The reason why the credential cannot be changed.
        why: String,
    },
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
}

/// Finds the user of a login by its identity, primary or linked, and updates the user
/// from the event. Creates the user at the identity's first login. Returns the event with
/// that user. If the directory does not learn from logins, the event stays as it is.
///
/// # Errors
///
/// If the event contradicts the directory, or the directory fails.
pub fn arrive(
    directory: &dyn Administration,
    event: LoginEvent,
    now: Timestamp,
) -> Result<LoginEvent, ArrivalError> {
    if !directory.learns_from_logins() {
        return check_host(directory, event);
    }
    // The second look-up finds the user that a concurrent first login has created.
    let known = match find_owner(directory, &event)? {
        Some(known) => known,
        None => match directory.create(new_user(&event, now)) {
            Ok(created) => return Ok(merge_known_user(event, &created.user)),
            Err(error @ (ApiError::Invalid(_) | ApiError::AlreadyLinked(_))) => {
                find_owner(directory, &event)?.ok_or(error)?
            }
            Err(error) => return Err(error.into()),
        },
    };
    arrive_as(directory, event, known, now)
}

/// Does the same as [`arrive`], but creates no user. Returns none if no user has the
/// identity.
///
/// # Errors
///
/// The same as for [`arrive`].
pub fn arrive_existing(
    directory: &dyn Administration,
    event: LoginEvent,
    now: Timestamp,
) -> Result<Option<LoginEvent>, ArrivalError> {
    if !directory.learns_from_logins() {
        return check_host(directory, event).map(Some);
    }
    let Some(known) = find_owner(directory, &event)? else { return Ok(None) };
    arrive_as(directory, event, known, now).map(Some)
}

/// Refuses the event of another tenant, if the hosts of this one are known.
///
/// Source: Auth0, post-login event, `request.hostname`.
fn check_host(directory: &dyn Administration, event: LoginEvent) -> Result<LoginEvent, ArrivalError> {
    let known = directory.login_hosts();
    let host = event.rest.get("request").and_then(|request| request.get("hostname")?.as_str());
    let is_other = |host: &&str| !known.is_empty() && !known.iter().any(|it| it.eq_ignore_ascii_case(host));
    match host.filter(is_other) {
        Some(host) => Err(ArrivalError::OtherTenant { said: host.to_owned(), known: known.to_vec() }),
        None => Ok(event),
    }
}

/// Returns the user that has the identity, and settles an assumed connection.
fn find_owner(directory: &dyn Administration, event: &LoginEvent) -> Result<Option<Stored>, ArrivalError> {
    let identity = event.identity().ok_or_else(|| ArrivalError::NoIdentity(event.user.user_id.clone()))?;
    let known = directory.owner(identity.key());
    let may_be_assumed = match &known {
        Ok(Some(known)) => is_connection_assumed(&known.user, identity.key()),
        Err(ApiError::Invalid(_)) => true,
        _ => false,
    };
    // Only a login of a known strategy that is the identity's provider settles it.
    if may_be_assumed && event.connection.strategy == identity.provider {
        return Ok(directory.settle_connection(identity.key())?);
    }
    Ok(known?)
}

/// Updates the known user from the event, and returns the event with that user.
fn arrive_as(
    directory: &dyn Administration,
    event: LoginEvent,
    known: Stored,
    now: Timestamp,
) -> Result<LoginEvent, ArrivalError> {
    let identity = event.identity().ok_or_else(|| ArrivalError::NoIdentity(event.user.user_id.clone()))?;
    let is_own = identity.as_user_id() == event.user.user_id;
    if !is_own && known.user.user_id != event.user.user_id {
        return Err(ArrivalError::OtherUser {
            identity: identity.as_user_id(),
            said: event.user.user_id.clone(),
            known: known.user.user_id.clone(),
        });
    }
    let known = synchronise(directory, &event, known, now)?;
    Ok(merge_known_user(event, &known.user))
}

/// Returns the user that an identity's first login creates.
#[must_use]
pub fn new_user(event: &LoginEvent, now: Timestamp) -> User {
    let mut user = apply_sign_in(event, None).into_owned();
    user.created_at = user.created_at.or(Some(now));
    user.updated_at = user.updated_at.or(Some(now));
    // This login is counted once it has completed.
    user.logins_count = user.logins_count.map(|count| count.saturating_sub(1)).filter(|count| *count > 0);
    user.last_login = None;
    user
}

/// Updates the known user from the event, if something has changed.
fn synchronise(
    directory: &dyn Administration,
    event: &LoginEvent,
    mut known: Stored,
    now: Timestamp,
) -> Result<Stored, ArrivalError> {
    // Two repetitions suffice for concurrent changes of the user.
    for _ in 0..3 {
        let user = match apply_sign_in(event, Some(&known.user)) {
            Cow::Owned(user) if user != *known.user => User { updated_at: Some(now), ..user },
            _ => return Ok(known),
        };
        match update_user(directory, user, &known) {
            // The identity may have another owner by now.
            Err(ArrivalError::Directory(error @ ApiError::StateChanged(_))) => {
                let identity = event.identity().map(|identity| directory.owner(identity.key()));
                known = identity.transpose()?.flatten().ok_or(error)?;
            }
            done => return done,
        }
    }
    Err(ApiError::StateChanged(format!("{} keeps being changed", known.user.user_id)).into())
}

/// Replaces the known user. If the address of an identity has changed, its credential
/// changes too: the old mailbox must not lead into the account.
fn update_user(directory: &dyn Administration, user: User, known: &Stored) -> Result<Stored, ArrivalError> {
    let changed = user.identities.iter().find(|it| user.address_of(it) != known.user.address_of(it));
    let said = changed.and_then(|identity| Some((identity, user.address_of(identity)?.to_owned())));
    let Some((identity, said)) = said else { return Ok(directory.update(user, known.version)?) };
    let identity = identity.clone();
    let old = known.user.address_of(&identity);
    let credential = match identity.provider.as_str() {
        "auth0" => directory.credential_of(&identity.connection, &identity.user_id)?,
        _ => None,
    };
    let leads_from_old = |login: &str| {
        old.is_some_and(|old| old.eq_ignore_ascii_case(login)) && !said.eq_ignore_ascii_case(login)
    };
    let Some(credential) = credential.filter(|it| it.email.as_deref().is_some_and(leads_from_old)) else {
        return Ok(directory.update(user, known.version)?);
    };
    let moved = Credential { email: Some(said.clone()), ..credential.clone() };
    directory.change_login(user, known.version, &moved).map_err(|error| match error {
        ApiError::Invalid(why) => ArrivalError::OtherLogin {
            identity: identity.as_user_id(),
            said,
            known: credential.email.unwrap_or_default(),
            why,
        },
        error => error.into(),
    })
}
