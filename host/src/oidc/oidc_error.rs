//! The errors of a login at the tenant.

use crate::auth0::CallError;

/// The reason why a login proves no account. Texts contain no token and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OidcError {
    /// The tenant did not answer as a tenant does.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The tenant's discovery document cannot be used.
    #[error("the tenant's discovery document cannot be used: {0}")]
    Discovery(String),
    /// The tenant's public keys cannot be read.
    #[error("the tenant's keys cannot be read: {0}")]
    Keys(String),
    /// The tenant exchanges no code for a token.
    #[error("the tenant accepts no code: {0}")]
    Code(String),
    /// The ID token is refused.
    #[error("the ID token is refused: {0}")]
    IdToken(&'static str),
}
