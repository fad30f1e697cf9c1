//! The directory of a replay: the recorded answers, in order.

use std::sync::{Arc, Mutex, PoisonError};

use super::exchange::{DirectoryAnswer, DirectoryCall};
use crate::directory::{CheckedLink, Directory, MetadataUpdate, Stored};
use crate::model::{ApiError, IdentityKey, User};

/// A directory that gives the recorded answers, as long as the calls are the recorded ones.
pub(super) struct ReplayDirectory {
    exchange: Vec<(DirectoryCall, DirectoryAnswer)>,
    ignores_case: bool,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of calls that were answered.
    answered: usize,
    departure: Option<Departure>,
}

/// The first call that is not the recorded one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Departure {
    /// The number of the call, from 1.
    pub(super) number: usize,
    /// The recorded call; none if there were no more.
    pub(super) recorded: Option<DirectoryCall>,
    /// The call of the replay; none if there were no more.
    pub(super) now: Option<DirectoryCall>,
}

impl ReplayDirectory {
    pub(super) fn new(exchange: Vec<(DirectoryCall, DirectoryAnswer)>, ignores_case: bool) -> Self {
        Self { exchange, ignores_case, progress: Mutex::default() }
    }

    /// Returns the first departure from the recording, recorded calls that were not made
    /// included.
    pub(super) fn departure(&self) -> Option<Departure> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.departure.clone().or_else(|| {
            let (call, _) = self.exchange.get(progress.answered)?;
            Some(Departure { number: progress.answered + 1, recorded: Some(call.clone()), now: None })
        })
    }

    fn answer<T>(
        &self,
        call: DirectoryCall,
        read: impl FnOnce(DirectoryAnswer) -> Option<T>,
    ) -> Result<T, ApiError> {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if progress.departure.is_none() {
            match self.exchange.get(progress.answered) {
                Some((recorded, answered)) if *recorded == call => {
                    progress.answered += 1;
                    return match answered.clone() {
                        DirectoryAnswer::Failed(error) => Err(error),
                        answered => read(answered).ok_or_else(no_answer),
                    };
                }
                recorded => {
                    progress.departure = Some(Departure {
                        number: progress.answered + 1,
                        recorded: recorded.map(|(call, _)| call.clone()),
                        now: Some(call),
                    });
                }
            }
        }
        Err(no_answer())
    }
}

fn no_answer() -> ApiError {
    ApiError::Unavailable("the recording has no answer to this call".to_owned())
}

impl Directory for ReplayDirectory {
    fn find_by_email(&self, email: &str, limit: usize) -> Result<Vec<Stored>, ApiError> {
        self.answer(
            DirectoryCall::FindByEmail { email: email.to_owned(), limit },
            |answered| match answered {
                DirectoryAnswer::Users(users) => Some(users),
                _ => None,
            },
        )
    }

    fn ignores_case(&self) -> bool {
        self.ignores_case
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.answer(DirectoryCall::Get { user_id: user_id.to_owned() }, |answered| match answered {
            DirectoryAnswer::User(stored) => Some(stored),
            _ => None,
        })
    }

    fn owner(&self, identity: IdentityKey<'_>) -> Result<Option<Stored>, ApiError> {
        self.answer(DirectoryCall::for_owner(identity), |answered| match answered {
            DirectoryAnswer::Owner(owner) => Some(owner),
            _ => None,
        })
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        self.answer(DirectoryCall::for_link(link), |answered| match answered {
            DirectoryAnswer::Linked(user) => Some(user),
            _ => None,
        })
    }

    fn patch_metadata(&self, update: &MetadataUpdate<'_>) -> Result<Stored, ApiError> {
        self.answer(DirectoryCall::for_patch(update), |answered| match answered {
            DirectoryAnswer::User(stored) => Some(stored),
            _ => None,
        })
    }
}
