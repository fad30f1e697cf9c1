//! Faults of a directory's configuration.

/// A fault of the configuration, which a check finds before any login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupFault {
    /// One sentence for people, without a full stop.
    pub sentence: String,
    /// Whether logins are decided all the same, with a loss that the sentence names.
    pub is_tolerable: bool,
}
