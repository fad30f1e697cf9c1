//! A login and its secret, as a person has typed them.

/// A login and its secret, as a person has typed them.
#[derive(Clone, Copy)]
pub(crate) struct TypedCredentials<'a> {
    /// An address, a username or a phone number.
    pub(crate) login: &'a str,
    /// A password or a one-time password.
    pub(crate) secret: &'a str,
    /// The sender's network address.
    pub(crate) sender: &'a str,
}
