//! Calls of the directory, and faults of them.

use crate::{ApiError, User};

/// A call of the directory behind the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// The look-up by address.
    FindByEmail,
    /// The look-up by id.
    Get,
    /// The link, as a whole: the guard's own look at both sides too.
    Link,
}

/// A fault at every such call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(super) call: Call,
    pub(super) error: Option<ApiError>,
    pub(super) put: Vec<User>,
    pub(super) removed: Vec<String>,
}

impl Fault {
    /// The directory answers the call with this error.
    #[must_use]
    pub fn answer(call: Call, error: ApiError) -> Self {
        Self { call, error: Some(error), put: Vec::new(), removed: Vec::new() }
    }

    /// Another process writes this user just before the call.
    #[must_use]
    pub fn changed(call: Call, user: User) -> Self {
        Self { call, error: None, put: vec![user], removed: Vec::new() }
    }

    /// Another process deletes this user just before the call.
    #[must_use]
    pub fn removed(call: Call, id: &str) -> Self {
        Self { call, error: None, put: Vec::new(), removed: vec![id.to_owned()] }
    }
}
