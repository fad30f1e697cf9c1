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

    const ADDRESS: &str = "ada@example.com";

    /// A user with the identities of these ids, the first of which is its own.
    fn user(ids: &[&str]) -> User {
        let identity = |id: &&str| {
            let (provider, user_id) = id.split_once('|').unwrap();
            json!({ "provider": provider, "user_id": user_id, "connection": provider })
        };
        let identities: Vec<_> = ids.iter().map(identity).collect();
        let user =
            json!({ "user_id": ids[0], "email": ADDRESS, "email_verified": true, "identities": identities });
        serde_json::from_value(user).unwrap()
    }

    /// The guard of a login through Google by this user, and its directory, which has these users.
    fn guard(own: User, held: impl IntoIterator<Item = User>) -> (Guard, Arc<Memory>) {
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
        let directory = Arc::new(Memory::with_users(&Ambient::system(), held));
        (Guard::new(directory.clone(), login, &Limits::default()), directory)
    }

    fn link(primary: &str, secondary: &str) -> LinkRequest {
        LinkRequest {
            primary: primary.to_owned(),
            secondary: secondary.to_owned(),
            user_metadata: None,
            app_metadata: None,
            reasons: [].into(),
        }
    }

    /// No look-up returns the login's own user, which is an identity of the candidate by
    /// then.
    #[test]
    fn a_login_linked_before_its_look_up_learns_its_owner() {
        let (mut guard, _) = guard(user(&["google-oauth2|115"]), [user(&["auth0|1", "google-oauth2|115"])]);
        let found = guard.find_by_email(ADDRESS).unwrap();
        assert_eq!(found.iter().map(|user| user.user_id.as_str()).collect::<Vec<_>>(), ["auth0|1"]);
        let error = guard.link(link("auth0|1", "google-oauth2|115"));
        let faster = "google-oauth2|115 is already an identity of auth0|1";
        assert_eq!(error, Err(ApiError::AlreadyLinked(faster.to_owned())));
        assert_eq!(guard.lost_accounts(), ["auth0|1"]);
        assert_eq!(
            guard.refusals().last().map(|refusal| refusal.why.as_str()),
            Some("a concurrent login changed the accounts first")
        );
    }

    #[test]
    fn a_login_is_overtaken_once_a_look_up_shows_its_identity_elsewhere() {
        let own = || user(&["google-oauth2|115"]);
        let joined = || user(&["auth0|1", "google-oauth2|115"]);
        for (name, event, held, expected) in [
            ("nobody has its address", own(), vec![], false),
            ("another account has its address", own(), vec![own(), user(&["auth0|1"])], false),
            ("another account has its identity", own(), vec![joined()], true),
            ("its account has its identity", joined(), vec![joined()], false),
            ("its account has lost its identity", joined(), vec![user(&["auth0|1"])], true),
        ] {
            let (mut guard, _) = guard(event, held);
            assert!(!guard.is_overtaken(), "{name}: nothing was looked up");
            guard.find_by_email(ADDRESS).unwrap();
            assert_eq!(guard.is_overtaken(), expected, "{name}");
        }
    }

    #[test]
    fn a_login_does_not_overtake_itself() {
        let held = [user(&["google-oauth2|115"]), user(&["auth0|1"])];
        let (mut guard, _) = guard(user(&["google-oauth2|115"]), held);
        guard.find_by_email(ADDRESS).unwrap();
        guard.link(link("auth0|1", "google-oauth2|115")).unwrap();
        guard.get("auth0|1").unwrap();
        assert!(!guard.is_overtaken());
    }

    /// The other account becomes an identity of a third after the look-up.
    #[test]
    fn a_login_that_has_lost_the_other_account_is_overtaken() {
        let own = || user(&["google-oauth2|115"]);
        let (mut guard, directory) = guard(own(), [own(), user(&["auth0|1"])]);
        guard.find_by_email(ADDRESS).unwrap();
        directory.remove("auth0|1");
        directory.put(user(&["auth0|9", "auth0|1"]));
        assert!(guard.link(link("auth0|1", "google-oauth2|115")).is_err());
        assert!(guard.is_overtaken());
    }
}
