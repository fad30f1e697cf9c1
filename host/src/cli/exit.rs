//! The exit codes, and which error means which: 1 is what cannot be done now,
//! 2 is what the user has written.

use anyhow::anyhow;

use crate::directory::{KeyError, OpenError};
use crate::model::mask_addresses;
use crate::policies::{PolicyError, SourceError};
use crate::reading::InputError;
use crate::scaffold::ScaffoldError;
use crate::tenant::{ServeError, StateError};

/// The plugin or the directory failed, or a snapshot differs.
pub(super) const FAILED: u8 = 1;
/// Usage, or unreadable input.
pub(super) const UNREADABLE: u8 = 2;

/// The end of a command: nothing, or a sentence and the exit code that it means.
pub(super) type Outcome = Result<(), Exit>;

/// The end of a program that did not do as asked.
pub(crate) struct Exit {
    pub(super) code: u8,
    pub(super) error: Option<anyhow::Error>,
}

impl Exit {
    pub(super) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self { code: FAILED, error: Some(error.into()) }
    }

    pub(super) fn unreadable(error: impl Into<anyhow::Error>) -> Self {
        Self { code: UNREADABLE, error: Some(error.into()) }
    }

    /// Everything has been said already.
    pub(super) fn silently(code: u8) -> Self {
        Self { code, error: None }
    }
}

/// A server that does not answer, or a file that is locked, may do tomorrow; a file
/// that is not there, or another program's, is another than was meant.
impl From<OpenError> for Exit {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::NoLocation(_) | OpenError::Variable { .. } | OpenError::Mistaken { .. } => {
                Self::unreadable(error)
            }
            OpenError::Away { .. } | OpenError::Unusable { .. } => Self::failed(error),
        }
    }
}

impl From<InputError> for Exit {
    fn from(error: InputError) -> Self {
        Self::unreadable(error)
    }
}

impl From<KeyError> for Exit {
    fn from(error: KeyError) -> Self {
        Self::unreadable(error)
    }
}

/// The directory did not do as asked.
impl From<crate::model::ApiError> for Exit {
    fn from(error: crate::model::ApiError) -> Self {
        Self::failed(anyhow!("{}", mask_addresses(&error.in_words())))
    }
}

impl From<SourceError> for Exit {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Policy(error) => error.into(),
            SourceError::Sandbox { .. } => Self::failed(error),
            error => Self::unreadable(error),
        }
    }
}

impl From<PolicyError> for Exit {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::Failed { .. } => Self::failed(error),
            error => Self::unreadable(error),
        }
    }
}

impl From<ScaffoldError> for Exit {
    fn from(error: ScaffoldError) -> Self {
        match error {
            ScaffoldError::Unwritable { .. } => Self::failed(error),
            ScaffoldError::Exists(_) | ScaffoldError::Reserved(..) => Self::unreadable(error),
        }
    }
}

impl From<StateError> for Exit {
    fn from(error: StateError) -> Self {
        Self::unreadable(error)
    }
}

impl From<ServeError> for Exit {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Source(error) => error.into(),
            ServeError::State(error) => error.into(),
            ServeError::Port { .. } | ServeError::Seed(_) | ServeError::Stopped(_) => Self::failed(error),
            ServeError::Keys(_) | ServeError::Certificate(_) => Self::unreadable(error),
        }
    }
}
