//! The exit codes, and the code of each error: 1 if the command cannot be done now, 2 if
//! the user's input is wrong, 3 if a replay differs from its recording.

use anyhow::anyhow;

use crate::directory::{KeyError, OpenError};
use crate::model::mask_addresses;
use crate::policies::{PolicyError, SourceError};
use crate::reading::InputError;
use crate::scaffold::ScaffoldError;
#[cfg(feature = "serve")]
use crate::tenant::{ServeError, StateError};

/// The plugin or the directory failed, or a snapshot differs.
pub(super) const FAILED: u8 = 1;
/// The usage is wrong, or an input cannot be read.
pub(super) const UNREADABLE: u8 = 2;

/// A replay differs from its recording.
pub(super) const MISMATCH: u8 = 3;

/// The result of a command: an error has an exit code.
pub(super) type CommandResult = Result<(), Exit>;

/// An error of a command, with its exit code.
#[derive(Debug)]
pub(crate) struct Exit {
    pub(super) code: u8,
    pub(super) error: Option<anyhow::Error>,
}

impl Exit {
    /// An exit with code 1: the command cannot be done now.
    pub(super) fn failed(error: impl Into<anyhow::Error>) -> Self {
        Self { code: FAILED, error: Some(error.into()) }
    }

    /// An exit with code 2: the input is wrong.
    pub(super) fn unreadable(error: impl Into<anyhow::Error>) -> Self {
        Self { code: UNREADABLE, error: Some(error.into()) }
    }

    /// An exit code without a message, because the command has printed it already.
    pub(super) fn silently(code: u8) -> Self {
        Self { code, error: None }
    }
}

/// A server that does not answer, or a locked file, may work later (1). A file that does
/// not exist, or belongs to another program, is a mistake of the user (2).
impl From<OpenError> for Exit {
    fn from(error: OpenError) -> Self {
        if error.is_mistake() { Self::unreadable(error) } else { Self::failed(error) }
    }
}

impl From<InputError> for Exit {
    fn from(error: InputError) -> Self {
        Self::unreadable(error)
    }
}

/// A full disk may have room later (1); a name that is no folder is a mistake (2).
impl From<crate::recording::FolderError> for Exit {
    fn from(error: crate::recording::FolderError) -> Self {
        match error {
            crate::recording::FolderError::NoThread(_) => Self::failed(error),
            error => Self::unreadable(error),
        }
    }
}

impl From<KeyError> for Exit {
    fn from(error: KeyError) -> Self {
        Self::unreadable(error)
    }
}

/// The directory returned an error.
impl From<crate::model::ApiError> for Exit {
    fn from(error: crate::model::ApiError) -> Self {
        Self::failed(anyhow!("{}", mask_addresses(&error.to_sentence())))
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

#[cfg(feature = "serve")]
impl From<StateError> for Exit {
    fn from(error: StateError) -> Self {
        Self::unreadable(error)
    }
}

#[cfg(feature = "serve")]
impl From<ServeError> for Exit {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Source(error) => error.into(),
            ServeError::State(error) => error.into(),
            ServeError::Port { .. } | ServeError::Seed(_) | ServeError::Stopped(_) => Self::failed(error),
            ServeError::Keys(_) | ServeError::Certificate(_) | ServeError::Faults(_) => {
                Self::unreadable(error)
            }
        }
    }
}

#[cfg(feature = "hook-command")]
impl From<crate::hook::ServeError> for Exit {
    fn from(error: crate::hook::ServeError) -> Self {
        match error {
            crate::hook::ServeError::Source(error) => error.into(),
            error => Self::failed(error),
        }
    }
}

#[cfg(feature = "hook-command")]
impl From<crate::hook::SecretError> for Exit {
    fn from(error: crate::hook::SecretError) -> Self {
        Self::unreadable(error)
    }
}

#[cfg(feature = "hook-command")]
impl From<crate::hook::TlsError> for Exit {
    fn from(error: crate::hook::TlsError) -> Self {
        Self::unreadable(error)
    }
}

/// Joins an error and its causes. A cause that the error already contains is not repeated.
pub(super) fn describe_error(error: &anyhow::Error) -> String {
    let mut described = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !described.contains(&cause) {
            described = format!("{described}: {cause}");
        }
    }
    described
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::describe_error;

    #[derive(Debug, thiserror::Error)]
    #[error("the server stopped: {0}")]
    struct Stopped(#[source] std::io::Error);

    #[test]
    fn a_cause_that_the_error_contains_is_not_repeated() {
        let why = || std::io::Error::other("no power");
        assert_eq!(describe_error(&Stopped(why()).into()), "the server stopped: no power");
        let error = Err::<(), _>(why()).context("case.json").unwrap_err();
        assert_eq!(describe_error(&error), "case.json: no power");
    }
}
