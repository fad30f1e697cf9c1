//! A login arrives: whose it is.

use std::borrow::Cow;

use super::assumed::is_assumed;
use super::said::as_user;
use super::{Administration, Credential, Stored};
use crate::model::{ApiError, Identity, LoginEvent, Timestamp, User, signed_in};

/// Why a login cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrivalError {
    /// The user's id names no identity.
    #[error("the event's user_id `{0}` is not of the form `provider|id`")]
    NoIdentity(String),
    /// The event is another user's than it says.
    #[error(
        "the event says that {identity} is {said}; in the directory it is {known}. Is the directory of another tenant?"
    )]
    OtherUser {
        /// The identity that has logged in.
        identity: String,
        /// Whom the event says it belongs to.
        said: String,
        /// Whom the directory says it belongs to.
        known: String,
    },
    /// The event says another address than the identity logs in with, and the
    /// login cannot be changed.
    #[error(
        "the event says that the address of {identity} is {said}; in the directory it logs in with {known}, which cannot be changed: {why}"
    )]
    OtherLogin {
        /// The database identity.
        identity: String,
        /// The address that the event says.
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

/// The login as its user's: the one that has the identity, be it as a linked
/// one, with what the event says of it; a new one at the identity's first login.
///
/// # Errors
///
/// When the login is nobody's, or the directory fails.
pub fn arrive(
    directory: &dyn Administration,
    event: LoginEvent,
    now: Timestamp,
) -> Result<LoginEvent, ArrivalError> {
    // Twice: of two first logins at a time, the second finds the first one's user.
    let known = match owner(directory, &event)? {
        Some(known) => known,
        None => match directory.create(first_user(&event, now)) {
            Ok(made) => return Ok(as_user(event, &made.user)),
            Err(error @ (ApiError::Invalid(_) | ApiError::AlreadyLinked(_))) => {
                owner(directory, &event)?.ok_or(error)?
            }
            Err(error) => return Err(error.into()),
        },
    };
    as_known(directory, event, known, now)
}

/// The same of a login that makes no user. None if nobody has the identity.
///
/// # Errors
///
/// As of [`arrive`].
pub fn arrive_again(
    directory: &dyn Administration,
    event: LoginEvent,
    now: Timestamp,
) -> Result<Option<LoginEvent>, ArrivalError> {
    let Some(known) = owner(directory, &event)? else { return Ok(None) };
    as_known(directory, event, known, now).map(Some)
}

fn owner(directory: &dyn Administration, event: &LoginEvent) -> Result<Option<Stored>, ArrivalError> {
    let identity = event.identity().ok_or_else(|| ArrivalError::NoIdentity(event.user.user_id.clone()))?;
    let known = directory.owner(identity.key());
    let may_be_assumed = match &known {
        Ok(Some(known)) => is_assumed(&known.user, identity.key()),
        Err(ApiError::Invalid(_)) => true,
        _ => false,
    };
    // A login of another kind, or of one that the event does not tell, settles
    // nothing.
    if may_be_assumed && event.connection.strategy == identity.provider {
        return Ok(directory.settle_connection(identity.key())?);
    }
    Ok(known?)
}

fn as_known(
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
    let known = synchronised(directory, &event, known, now)?;
    Ok(as_user(event, &known.user))
}

/// The user that the first login of an identity makes.
#[must_use]
pub fn first_user(event: &LoginEvent, now: Timestamp) -> User {
    let mut user = signed_in(event, None).into_owned();
    user.created_at = user.created_at.or(Some(now));
    user.updated_at = user.updated_at.or(Some(now));
    // This login is counted when it is through.
    user.logins_count = user.logins_count.map(|count| count.saturating_sub(1)).filter(|count| *count > 0);
    user.last_login = None;
    user
}

/// Writes down what the event says, if anything is new.
fn synchronised(
    directory: &dyn Administration,
    event: &LoginEvent,
    mut known: Stored,
    now: Timestamp,
) -> Result<Stored, ArrivalError> {
    // Whoever changes the user at the same moment, twice more will do.
    for _ in 0..3 {
        let user = match signed_in(event, Some(&known.user)) {
            Cow::Owned(user) if user != *known.user => User { updated_at: Some(now), ..user },
            _ => return Ok(known),
        };
        match updated(directory, user, &known) {
            // Whoever has the identity by now.
            Err(ArrivalError::Directory(error @ ApiError::StateChanged(_))) => {
                let identity = event.identity().map(|identity| directory.owner(identity.key()));
                known = identity.transpose()?.flatten().ok_or(error)?;
            }
            done => return done,
        }
    }
    Err(ApiError::StateChanged(format!("{} keeps being changed", known.user.user_id)).into())
}

/// Replaces the known user. The credential of an identity that has got another
/// address changes with it: the old mailbox must not lead into the account.
fn updated(directory: &dyn Administration, user: User, known: &Stored) -> Result<Stored, ArrivalError> {
    let changed = user.identities.iter().find(|it| address_of(&user, it) != address_of(&known.user, it));
    let said = changed.and_then(|identity| Some((identity, address_of(&user, identity)?.to_owned())));
    let Some((identity, said)) = said else { return Ok(directory.update(user, known.version)?) };
    let identity = identity.clone();
    let old = address_of(&known.user, &identity);
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

/// The address of one of the user's identities: the root one of its own, that of
/// the profile of a linked one.
pub(super) fn address_of<'a>(user: &'a User, identity: &Identity) -> Option<&'a str> {
    if identity.as_user_id() == user.user_id {
        return user.email.as_deref();
    }
    let known = user.identities.iter().find(|it| it.key() == identity.key());
    known?.profile_data.as_ref()?.get("email")?.as_str()
}
