//! The directory of a recorded login that another policy decides: everything that the recording
//! shows, and nothing else.

use std::sync::{Arc, Mutex, PoisonError};

use super::exchange::{DirectoryAnswer, DirectoryCall};
use crate::directory::{CheckedLink, Directory, MetadataUpdate, Stored};
use crate::model::{ApiError, IdentityKey, User};

/// A directory that answers a call if the recording shows the answer:
///
/// - the recorded call itself, unless a recorded link that was not made comes before it;
/// - a user by its id or its identity, as the recording showed the user last before such a
///   link, or as the event has the login's own user.
///
/// Every other call is kept as unknown. A link is answered only if exactly this link is
/// recorded.
pub(super) struct KnownDirectory {
    event_user: Arc<User>,
    ignores_case: bool,
    state: Mutex<State>,
}

struct State {
    /// The recorded calls that were not made yet.
    rest: Vec<(DirectoryCall, DirectoryAnswer)>,
    /// The users that answers so far could show, the latest first.
    users: Vec<Stored>,
    unknown: Option<DirectoryCall>,
}

impl KnownDirectory {
    pub(super) fn new(
        exchange: Vec<(DirectoryCall, DirectoryAnswer)>,
        event_user: Arc<User>,
        ignores_case: bool,
    ) -> Self {
        let mut state = State { rest: exchange, users: Vec::new(), unknown: None };
        state.learn_users();
        Self { event_user, ignores_case, state: Mutex::new(state) }
    }

    /// The first call that the recording has no answer for.
    pub(super) fn unknown(&self) -> Option<DirectoryCall> {
        self.lock().unknown.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_known<T>(state: &mut State, call: DirectoryCall) -> Result<T, ApiError> {
        state.unknown.get_or_insert(call);
        Err(ApiError::Unavailable("not known from the recording".to_owned()))
    }
}

impl State {
    /// The place of the first recorded link that was made. What follows it holds only after it.
    fn next_link(&self) -> usize {
        let is_link =
            |(_, answered): &(DirectoryCall, DirectoryAnswer)| matches!(answered, DirectoryAnswer::Linked(_));
        self.rest.iter().position(is_link).unwrap_or(self.rest.len())
    }

    /// Learns the users that are shown before the next link.
    fn learn_users(&mut self) {
        let before = &self.rest[..self.next_link()];
        let mut users: Vec<Stored> = Vec::new();
        for (_, answered) in before.iter().rev() {
            match answered {
                DirectoryAnswer::Users(found) => users.extend(found.iter().cloned()),
                DirectoryAnswer::User(stored) | DirectoryAnswer::Owner(Some(stored)) => {
                    users.push(stored.clone())
                }
                DirectoryAnswer::Owner(None) | DirectoryAnswer::Linked(_) | DirectoryAnswer::Failed(_) => {}
            }
        }
        users.append(&mut self.users);
        self.users = users;
    }

    /// Takes the answer of a recorded call that holds now.
    fn take(&mut self, is_it: impl Fn(&DirectoryCall) -> bool) -> Option<DirectoryAnswer> {
        let place = self.rest[..self.next_link()].iter().position(|(call, _)| is_it(call))?;
        Some(self.rest.remove(place).1)
    }

    /// Takes the answer of a link, if it is the next one or failed before it.
    fn take_link(&mut self, link: &CheckedLink) -> Option<DirectoryAnswer> {
        let wanted = &link.request;
        let is_it = |call: &DirectoryCall| match call {
            DirectoryCall::Link { primary, secondary, user_metadata, app_metadata, .. } => {
                *primary == wanted.primary
                    && *secondary == wanted.secondary
                    && *user_metadata == wanted.user_metadata
                    && *app_metadata == wanted.app_metadata
            }
            _ => false,
        };
        let last = (self.next_link() + 1).min(self.rest.len());
        let place = self.rest[..last].iter().position(|(call, _)| is_it(call))?;
        let (_, answered) = self.rest.remove(place);
        if let DirectoryAnswer::Linked(_) = answered {
            // The two users are no longer as they were.
            self.users.retain(|it| it.user.user_id != wanted.primary && it.user.user_id != wanted.secondary);
            self.learn_users();
        }
        Some(answered)
    }

    fn user(&self, is_it: impl Fn(&User) -> bool) -> Option<Stored> {
        self.users.iter().find(|stored| is_it(&stored.user)).cloned()
    }
}

impl Directory for KnownDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        let (mut state, wanted) =
            (self.lock(), DirectoryCall::FindByEmail { email: email.to_owned(), limit });
        match state.take(|call| *call == wanted) {
            Some(DirectoryAnswer::Users(users)) => Ok(users),
            Some(DirectoryAnswer::Failed(error)) => Err(error),
            _ => Self::not_known(&mut state, wanted),
        }
    }

    fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        let (mut state, wanted) = (self.lock(), DirectoryCall::Get { user_id: user_id.to_owned() });
        match state.take(|call| *call == wanted) {
            Some(DirectoryAnswer::User(stored)) => Ok(stored),
            Some(DirectoryAnswer::Failed(error)) => Err(error),
            _ => match state.user(|user| user.user_id == user_id) {
                Some(stored) => Ok(stored),
                None if self.event_user.user_id == user_id => {
                    Ok(Stored { user: self.event_user.clone(), version: 0 })
                }
                None => Self::not_known(&mut state, wanted),
            },
        }
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        let (mut state, wanted) = (self.lock(), DirectoryCall::for_owner(identity));
        let has = |user: &User| user.identities.iter().any(|it| it.key() == identity);
        match state.take(|call| *call == wanted) {
            Some(DirectoryAnswer::Owner(owner)) => Ok(owner),
            Some(DirectoryAnswer::Failed(error)) => Err(error),
            _ => match state.user(has) {
                Some(stored) => Ok(Some(stored)),
                None if has(&self.event_user) => {
                    Ok(Some(Stored { user: self.event_user.clone(), version: 0 }))
                }
                None => Self::not_known(&mut state, wanted),
            },
        }
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        let mut state = self.lock();
        match state.take_link(link) {
            Some(DirectoryAnswer::Linked(primary)) => Ok(primary),
            Some(DirectoryAnswer::Failed(error)) => Err(error),
            _ => Self::not_known(&mut state, DirectoryCall::for_link(link)),
        }
    }

    /// Prompts are not counted here, and nothing depends on the mark of a look-up.
    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        let mut state = self.lock();
        match state.user(|user| user.user_id == update.user_id) {
            Some(stored) => Ok(stored),
            None if self.event_user.user_id == update.user_id => {
                Ok(Stored { user: self.event_user.clone(), version: 0 })
            }
            None => Self::not_known(&mut state, DirectoryCall::for_patch(update)),
        }
    }
}
