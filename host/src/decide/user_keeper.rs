//! The party that keeps a login's user.

/// The party that keeps the login's user: finds it again after the decision, and writes the
/// mark of a look-up that found no other account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserKeeper {
    /// The directory, which this process reads and writes.
    Directory,
    /// A tenant of Auth0: it continues the login by itself, and writes the mark that the
    /// answer names. Neither costs a request.
    Tenant,
}
