//! The fault of a user that cannot be read.

use crate::reading::InputError;

/// The fault of a user that cannot be read.
#[derive(Debug, PartialEq)]
pub(super) struct UserFault {
    pub(super) why: String,
    /// The line and the column within the user.
    pub(super) at: Option<(usize, usize)>,
}

impl From<String> for UserFault {
    fn from(why: String) -> Self {
        Self { why, at: None }
    }
}

impl From<InputError> for UserFault {
    fn from(error: InputError) -> Self {
        Self { why: error.message, at: error.place }
    }
}
