//! The errors of a login at the tenant.

use crate::auth0::CallError;

/// The reason why a login proves no account. Texts contain no token and no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OidcError {
    /// The issuer's URL cannot be used.
    #[error("the issuer's URL cannot be used: {0}; expected one such as https://login.example.com")]
    Issuer(&'static str),
    /// The client cannot be made.
    #[error("{0}")]
    Setup(String),
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
    /// The tenant does not accept the application's credentials.
    #[error("it refuses the application: check the client id and the client secret")]
    Credentials,
    /// The application may not exchange codes.
    #[error("the application may not exchange a code: enable its grant type Authorization Code")]
    GrantType,
    /// The tenant does not allow the callback.
    #[error("it does not send users back to {0}: add this URL to the application's Allowed Callback URLs")]
    Callback(String),
    /// The authorization endpoint fails.
    #[error("its authorization endpoint answers with the status {0}")]
    Authorization(u16),
    /// The ID token is refused.
    #[error("the ID token is refused: {0}")]
    IdToken(&'static str),
}
