//! The user of a browser's session.

use crate::directory::Stored;
use crate::model::ApiError;
use crate::tenant::logins::separation::has_left_since;
use crate::tenant::logins::state::Logins;
use crate::tenant::people::sessions::Session;

impl Logins {
    /// Finds the user of a session. `None` if the user could not log in any more.
    pub(crate) fn find_session_user(&self, session: &Session) -> Result<Option<Stored>, ApiError> {
        let owner = self.find_session_owner(session)?;
        Ok(owner.filter(|Stored { user, .. }| {
            user.mfa_factors().is_empty() || session.proved.passed_factor_of(&user.user_id).is_some()
        }))
    }

    /// Finds the user of a session, which may lack a second factor. `None` if the session has ended.
    pub(crate) fn find_session_owner(&self, session: &Session) -> Result<Option<Stored>, ApiError> {
        let proved = &session.proved;
        if self.people.revocations.is_revoked(&proved.user.user_id, proved.began) {
            return Ok(None);
        }
        let Some(key) = proved.key() else { return Ok(None) };
        let owner = match self.directory.owner(key) {
            Ok(owner) => owner.filter(|stored| !stored.user.blocked),
            Err(ApiError::Invalid(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(owner) = owner else { return Ok(None) };
        let has_left = has_left_since(&*self.directory, &owner.user, &proved.user.user_id, proved.began)?;
        Ok((!has_left).then_some(owner))
    }
}
