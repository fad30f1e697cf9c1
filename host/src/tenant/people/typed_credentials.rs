//! An identifier and its secret, as typed by a user.

/// An identifier and its secret, as typed by a user.
#[derive(Clone, Copy)]
pub(crate) struct TypedCredentials<'a> {
    /// An address, a username or a phone number.
    pub(crate) identifier: &'a str,
    /// A password or a one-time password.
    pub(crate) secret: &'a str,
    /// The sender's network address.
    pub(crate) sender: &'a str,
}
