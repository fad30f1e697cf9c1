//! The circumstances of a login.

use crate::model::StepAnswer;
use crate::tenant::config::Client;
use crate::tenant::people::proved_identity::ProvedIdentity;

/// The circumstances of a login: its client, its protocol and its sender.
pub(crate) struct LoginRequest<'a> {
    pub(crate) client: &'a Client,
    /// The protocol, as in `transaction.protocol`.
    pub(crate) protocol: &'static str,
    pub(crate) scope: &'a str,
    pub(crate) sender: &'a Sender,
    /// Whether the user is present and can be prompted.
    pub(crate) interactive: bool,
    /// The user's answer to a prompt.
    pub(crate) answer: Option<&'a StepAnswer>,
}

/// A login of a proved identity.
#[derive(Clone, Copy)]
pub(crate) struct RequestedLogin<'a> {
    pub(crate) proved: &'a ProvedIdentity,
    pub(crate) context: &'a LoginRequest<'a>,
}

/// The sender of a request, as a plugin sees it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sender {
    pub(crate) ip: String,
    pub(crate) user_agent: Option<String>,
    /// The tenant's host name in the request.
    pub(crate) hostname: String,
    /// The HTTP method: `POST`, or `GET` for every other method.
    pub(crate) method: &'static str,
}
