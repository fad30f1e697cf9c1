//! Races: logins of the same accounts at the same time.

use std::sync::Arc;

use super::login_guard::Guard;
use crate::directory::Stored;
use crate::model::{ApiError, Identity, LinkRequest, User};

impl Guard {
    /// Returns the primary if a link was made although its call failed, so that
    /// only the answer was lost: the primary then has the secondary's own
    /// identity.
    pub(super) fn find_made_link(&self, request: &LinkRequest, secondary: &Stored) -> Option<Arc<User>> {
        let moved = secondary.user.identities.first()?.as_user_id();
        let primary = self.directory.get(&request.primary).ok()?;
        let is_there = primary.user.identities.iter().any(|identity| identity.as_user_id() == moved);
        is_there.then_some(primary.user)
    }

    /// Returns the link of another login that has taken one of the two accounts,
    /// as the error for this one.
    pub(super) fn find_faster_login(&self, request: &LinkRequest) -> Option<ApiError> {
        [&request.secondary, &request.primary].into_iter().find_map(|user_id| {
            let owner = self.find_new_owner(user_id)?;
            Some(ApiError::AlreadyLinked(format!("{user_id} is already an identity of {owner}")))
        })
    }

    /// Returns the identities of the login's user that its event does not hold.
    /// A decision on the event alone would not see that the link was made.
    pub(super) fn identities_unknown_to_event(&self, user: &User) -> Vec<String> {
        if self.linked.is_some() {
            return Vec::new();
        }
        let known = &self.login.event.account().identities;
        let new = user.identities.iter().filter(|it| !known.iter().any(|own| own.key() == it.key()));
        new.map(Identity::as_user_id).collect()
    }

    /// Keeps the other account of a failed link if it failed because something
    /// had changed. Returns the error.
    pub(super) fn keep_lost_account(&mut self, request: &LinkRequest, error: ApiError) -> ApiError {
        if let ApiError::AlreadyLinked(_) | ApiError::StateChanged(_) | ApiError::NotFound(_) = error {
            let is_primary = request.primary == self.user_id;
            let other = if is_primary { &request.secondary } else { &request.primary };
            self.lost_accounts.push(other.clone());
        }
        error
    }

    /// Returns the user that has this user's identity now, if it is another one.
    fn find_new_owner(&self, user_id: &str) -> Option<String> {
        let seen = self.seen.get(user_id).map(|seen| &seen.user);
        let own = self.login.event.account();
        let user = seen.or_else(|| (own.user_id == user_id).then_some(own))?;
        let owner = self.directory.owner(user.identities.first()?.key()).ok()??;
        (owner.user.user_id != user_id).then(|| owner.user.user_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::Guard;
    use crate::ambient::Ambient;
    use crate::directory::{Memory, PluginVersion};
    use crate::guard::GuardedLogin;
    use crate::limits::Limits;
    use crate::model::{ApiError, HostCalls, LinkRequest, LoginEvent, Timestamp, User};

    /// No look-up returns the login's own user, which is an identity of the candidate by
    /// then.
    #[test]
    fn a_login_linked_before_its_look_up_learns_its_owner() {
        let google = json!({ "provider": "google-oauth2", "user_id": "115", "connection": "google-oauth2" });
        let own = json!({ "user_id": "google-oauth2|115", "email": "ada@example.com", "email_verified": true,
            "identities": [google] });
        let owner = json!({ "user_id": "auth0|1", "email": "ada@example.com", "email_verified": true,
            "identities": [{ "provider": "auth0", "user_id": "1", "connection": "db" }, google] });
        let owner: User = serde_json::from_value(owner).unwrap();
        let event =
            json!({ "user": own, "connection": { "name": "google-oauth2", "strategy": "google-oauth2" } });
        let event: LoginEvent = serde_json::from_value(event).unwrap();
        let login = GuardedLogin {
            event: Arc::new(event),
            now: Timestamp::from_millis(5).unwrap(),
            proof: None,
            plugin: Arc::new(PluginVersion { name: "p".to_owned(), sha256: String::new() }),
            policy_sha256: "".into(),
        };
        let directory = Arc::new(Memory::with_users(&Ambient::system(), [owner]));
        let mut guard = Guard::new(directory, login, &Limits::default());
        let found = guard.find_by_email("ada@example.com").unwrap();
        assert_eq!(found.iter().map(|user| user.user_id.as_str()).collect::<Vec<_>>(), ["auth0|1"]);
        let error = guard.link(LinkRequest {
            primary: "auth0|1".to_owned(),
            secondary: "google-oauth2|115".to_owned(),
            user_metadata: None,
            app_metadata: None,
            reasons: [].into(),
        });
        let faster = "google-oauth2|115 is already an identity of auth0|1";
        assert_eq!(error, Err(ApiError::AlreadyLinked(faster.to_owned())));
        assert_eq!(guard.lost_accounts(), ["auth0|1"]);
        assert_eq!(
            guard.refusals().last().map(|refusal| refusal.why.as_str()),
            Some("a concurrent login changed the accounts first")
        );
    }
}
