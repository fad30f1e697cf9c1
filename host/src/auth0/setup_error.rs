//! The errors of connecting to a tenant.

/// The reason why a client cannot be made: an address or credentials that cannot be
/// used, or a machine without certificates. Texts contain no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The address is malformed. Holds the cause.
    #[error(
        "the tenant's address cannot be used: {0}; expected auth0://DOMAIN, such as auth0://acme.eu.auth0.com"
    )]
    Address(String),
    /// No credentials are configured.
    #[error("no credentials for the tenant: set {id} and {secret}, or {file}")]
    NoCredentials {
        /// The variable of the client id.
        id: &'static str,
        /// The variable of the client secret.
        secret: &'static str,
        /// The variable of the file.
        file: &'static str,
    },
    /// A variable of the environment cannot be used.
    #[error("the environment variable {name} {why}")]
    Variable {
        /// The name of the variable.
        name: &'static str,
        /// The cause.
        why: &'static str,
    },
    /// The file of the credentials cannot be used.
    #[error("{file}: {why}")]
    File {
        /// The file.
        file: String,
        /// The cause.
        why: String,
    },
    /// The machine has no root certificates, so no server can be verified.
    #[error("this machine has no certificates of authorities to verify the tenant's with: {0}")]
    NoRoots(String),
}
