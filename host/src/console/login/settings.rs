//! The settings of the operators' login, and their faults.

use crate::auth0::ClientCredentials;

/// The settings of the operators' login.
#[derive(Debug, Clone)]
pub struct OperatorSettings {
    /// The URL of the service, as the operators' browsers see it.
    pub public_url: String,
    /// The issuer at which operators log in.
    pub issuer: String,
    /// The persons who may enter: ids at the issuer (`sub`), or verified addresses.
    pub operators: Vec<String>,
    /// The application at the issuer.
    pub credentials: ClientCredentials,
}

/// The reason why the console cannot be served. Texts contain no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConsoleError {
    /// The public URL is malformed, or cannot protect a session.
    #[error("the URL of the console cannot be used: {0}; expected one such as https://hook.example.com")]
    PublicUrl(&'static str),
    /// The list of operators cannot be used.
    #[error("the operators of the console: {0}")]
    Operators(&'static str),
    /// The issuer cannot be used, or does not answer as an issuer does.
    #[error("the issuer at which operators log in: {0}")]
    Issuer(String),
}
