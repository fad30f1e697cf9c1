//! Errors of opening a directory.

/// The reason why a directory cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The text is not a valid location.
    #[error("{0}; expected sqlite:PATH, postgres://USER@HOST/DATABASE or auth0://DOMAIN")]
    InvalidLocation(String),
    /// The text is not a valid location of a tenant's journal.
    #[error("{0}; expected sqlite:PATH or postgres://USER@HOST/DATABASE")]
    InvalidJournal(&'static str),
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
    /// The file of the server's password cannot be used.
    #[error("the password file {file} (PGPASSFILE): {why}")]
    PasswordFile {
        /// The file.
        file: String,
        /// The cause.
        why: String,
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
    /// A tenant keeps no journal, and none is named for it.
    #[error(
        "a tenant of Auth0 keeps no journal, which this command reads or writes; name a database for it with \
         --journal sqlite:PATH or --journal postgres://USER@HOST/DATABASE"
    )]
    NoJournal,
    /// The directory keeps its journal itself, and another one is named for it.
    #[error("this directory keeps its journal itself; --journal is for a tenant of Auth0, auth0://DOMAIN")]
    OwnJournal,
    /// The journal of a tenant cannot be opened.
    #[error("{}", describe_journal_error(.0))]
    OfJournal(Box<OpenError>),
    /// The directory cannot be used at the moment.
    #[error("the directory {place} cannot be used: {why}")]
    Unusable {
        /// The location, without passwords.
        place: String,
        /// The cause.
        why: String,
    },
}

impl OpenError {
    /// Returns whether the server does not respond yet, so that another attempt may succeed.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        matches!(self.source_of_journal(), Self::Unreachable { .. })
    }

    /// Returns whether the command or the configuration is wrong. Any other error may be over at
    /// the next attempt.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        !matches!(self.source_of_journal(), Self::Unreachable { .. } | Self::Unusable { .. })
    }

    fn source_of_journal(&self) -> &Self {
        match self {
            Self::OfJournal(error) => error.source_of_journal(),
            error => error,
        }
    }
}

/// Describes the error of a database that is opened as the journal of a tenant.
fn describe_journal_error(error: &OpenError) -> String {
    match error {
        OpenError::Unreachable { place, why } => format!("the journal {place} cannot be reached: {why}"),
        OpenError::NotADirectory { place, why } | OpenError::Unusable { place, why } => {
            format!("the journal {place} cannot be used: {why}")
        }
        error => error.to_string(),
    }
}
