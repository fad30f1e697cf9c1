//! The user of a browser's session.

use crate::directory::Stored;
use crate::model::ApiError;
use crate::tenant::logins::state::Logins;
use crate::tenant::people::sessions::Session;

impl Logins {
    /// Finds the user of a session. `None` if the user could not log in any more.
    pub(crate) fn find_session_user(&self, session: &Session) -> Result<Option<Stored>, ApiError> {
        let proved = &session.proved;
        if self.people.revocations.is_revoked(&proved.user.user_id, proved.began) {
            return Ok(None);
        }
        let Some(key) = proved.key() else { return Ok(None) };
        match self.directory.owner(key) {
            Ok(owner) => Ok(owner.filter(|stored| {
                let user = &stored.user;
                !user.blocked
                    && (user.mfa_factors().is_empty() || proved.passed_factor_of(&user.user_id).is_some())
            })),
            Err(ApiError::Invalid(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
