//! A directory in which links take effect.

use link_users_by_email::bindings::{ApiError, LinkRequest, Timestamp, User};
use link_users_by_email::carry_out::Host;

use super::NOW;

/// A minimal directory: look-up by address, and links that move identities.
pub(crate) struct World {
    pub(crate) users: Vec<User>,
}

impl World {
    pub(crate) fn apply(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        let place = |id: &str, users: &[User]| users.iter().position(|user| user.user_id == id);
        let gone = || ApiError::NotFound("a side is gone".to_owned());
        let secondary = place(&request.secondary, &self.users).ok_or_else(gone)?;
        place(&request.primary, &self.users).ok_or_else(gone)?;
        let mut moved = self.users.remove(secondary);
        for identity in &mut moved.identities {
            identity.email.clone_from(&moved.email);
            identity.email_verified = moved.email_verified.clone();
        }
        let primary = place(&request.primary, &self.users).ok_or_else(gone)?;
        self.users[primary].identities.append(&mut moved.identities);
        Ok(())
    }
}

impl Host for World {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError> {
        Ok(self.users.iter().filter(|user| user.email.as_deref() == Some(email)).cloned().collect())
    }

    fn ignores_case(&mut self) -> bool {
        false
    }

    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        self.apply(request)
    }

    fn now(&mut self) -> Timestamp {
        NOW
    }
}
