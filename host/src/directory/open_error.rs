//! Errors of opening a directory.

/// The reason why a directory cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The text is not a valid location.
    #[error("{0}; expected sqlite:PATH, postgres://USER@HOST/DATABASE or auth0://DOMAIN")]
    InvalidLocation(String),
    /// The server does not respond, or does not accept connections yet.
    #[error("the directory {place} cannot be reached: {why}")]
    Unreachable {
        /// The location, without passwords.
        place: String,
        /// The cause.
        why: String,
    },
    /// An environment variable that completes a `postgres://` URL is malformed.
    #[error("the environment variable {name} cannot be understood; expected {expected}")]
    Variable {
        /// The name of the variable.
        name: &'static str,
        /// The values that are accepted.
        expected: &'static str,
    },
    /// The location holds no directory: there is no such file, it belongs to another
    /// program, or it is not a database.
    #[error("the directory {place} cannot be used: {why}")]
    NotADirectory {
        /// The location, without passwords.
        place: String,
        /// The cause.
        why: String,
    },
    /// This build has no support for the database.
    #[error(
        "this build has no support for directories in {database}; build it with the cargo feature `{feature}`"
    )]
    NotBuiltIn {
        /// The database.
        database: &'static str,
        /// The cargo feature that adds the support.
        feature: &'static str,
    },
    /// The tenant's address or its credentials cannot be used. Holds the reason.
    #[error("{0}")]
    Tenant(String),
    /// A tenant needs a journal, and other directories have their own.
    #[error("{0}")]
    Journal(&'static str),
    /// The directory cannot be used at the moment.
    #[error("the directory {place} cannot be used: {why}")]
    Unusable {
        /// The location, without passwords.
        place: String,
        /// The cause.
        why: String,
    },
}
