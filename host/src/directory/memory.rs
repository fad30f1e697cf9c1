//! A directory that lives as long as the process: for cases, and the model
//! that the others are compared with.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use super::{CheckedLink, Directory, Stored};
use crate::login::{ApiError, Metadata, User, absorb, patch};

/// Users in memory. Cloning it copies the state, not the users.
#[derive(Debug, Default)]
pub struct Memory {
    state: RwLock<State>,
}

#[derive(Debug, Default, Clone)]
struct State {
    users: BTreeMap<String, Stored>,
    by_email: HashMap<String, Vec<String>>,
}

impl Memory {
    /// A directory with these users. Of two with one id the later stays.
    pub fn with_users(users: impl IntoIterator<Item = User>) -> Self {
        let mut state = State::default();
        for user in users {
            state.put(Stored { user: Arc::new(user.with_own_identity("")), version: 1 });
        }
        Self { state: RwLock::new(state) }
    }

    /// Every user, in the order of their ids.
    #[must_use]
    pub fn users(&self) -> Vec<Arc<User>> {
        self.read(|state| state.users.values().map(|stored| stored.user.clone()).collect())
    }

    /// Adds or replaces a user.
    pub fn put(&self, user: User) {
        self.write(|state| {
            let version = state.users.get(&user.user_id).map_or(1, |stored| stored.version + 1);
            state.put(Stored { user: Arc::new(user.with_own_identity("")), version });
        });
    }

    /// Removes a user, if it is there.
    pub fn delete(&self, user_id: &str) {
        self.write(|state| state.remove(user_id));
    }

    // A panic while the lock was held cannot leave a half change behind: `put`
    // and `remove` do not panic, and `link` makes its new user beforehand.
    fn read<T>(&self, what: impl FnOnce(&State) -> T) -> T {
        what(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, what: impl FnOnce(&mut State) -> T) -> T {
        what(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { state: RwLock::new(self.read(State::clone)) }
    }
}

impl State {
    fn put(&mut self, stored: Stored) {
        self.remove(&stored.user.user_id.clone());
        if let Some(email) = &stored.user.email {
            self.by_email.entry(email.clone()).or_default().push(stored.user.user_id.clone());
        }
        self.users.insert(stored.user.user_id.clone(), stored);
    }

    fn remove(&mut self, user_id: &str) {
        let Some(old) = self.users.remove(user_id) else { return };
        if let Some(email) = &old.user.email
            && let Some(ids) = self.by_email.get_mut(email)
        {
            ids.retain(|id| id != user_id);
        }
    }

    fn get(&self, user_id: &str) -> Result<&Stored, ApiError> {
        self.users.get(user_id).ok_or_else(|| ApiError::NotFound(user_id.to_owned()))
    }

    fn at_version(&self, user_id: &str, version: u64) -> Result<&User, ApiError> {
        match self.users.get(user_id) {
            Some(stored) if stored.version == version => Ok(&stored.user),
            Some(_) => Err(ApiError::StateChanged(format!("{user_id} was changed"))),
            None => Err(ApiError::StateChanged(format!("{user_id} is gone"))),
        }
    }
}

impl Directory for Memory {
    fn find_by_email(&self, email: &str) -> Result<Vec<Stored>, ApiError> {
        Ok(self.read(|state| {
            let ids = state.by_email.get(email).map(Vec::as_slice).unwrap_or_default();
            ids.iter().filter_map(|id| state.users.get(id)).cloned().collect()
        }))
    }

    fn get(&self, user_id: &str) -> Result<Stored, ApiError> {
        self.read(|state| state.get(user_id).cloned())
    }

    fn link(&self, link: &CheckedLink) -> Result<Arc<User>, ApiError> {
        let CheckedLink { request, primary_version, secondary_version, now } = link;
        if request.primary == request.secondary {
            return Err(ApiError::Invalid("primary and secondary are the same user".to_owned()));
        }
        self.write(|state| {
            let primary = state.at_version(&request.primary, *primary_version)?;
            let secondary = state.at_version(&request.secondary, *secondary_version)?;
            let linked = Arc::new(absorb(primary, secondary, request, *now));
            state.remove(&request.secondary);
            state.put(Stored { user: linked.clone(), version: primary_version + 1 });
            Ok(linked)
        })
    }

    fn patch_app_metadata(&self, user_id: &str, version: u64, change: &Metadata) -> Result<(), ApiError> {
        self.write(|state| {
            let mut user = state.at_version(user_id, version)?.clone();
            patch(&mut user.app_metadata, change);
            state.put(Stored { user: Arc::new(user), version: version + 1 });
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::directory::{CheckedLink, Directory};
    use crate::login::{ApiError, LinkRequest, Timestamp, User};

    fn directory() -> Memory {
        let users: Vec<User> = serde_json::from_str(
            r#"[
                {"user_id": "auth0|1", "email": "ada@example.com", "email_verified": true, "name": "Ada",
                 "user_metadata": {"theme": "dark"}},
                {"user_id": "google-oauth2|2", "email": "ada@example.com", "email_verified": true,
                 "user_metadata": {"theme": "light"}},
                {"user_id": "auth0|3", "email": "Ada@example.com"}
            ]"#,
        )
        .unwrap();
        Memory::with_users(users)
    }

    fn link(primary_version: u64, secondary_version: u64) -> CheckedLink {
        CheckedLink {
            request: LinkRequest {
                primary: "auth0|1".to_owned(),
                secondary: "google-oauth2|2".to_owned(),
                user_metadata: serde_json::from_str(r#"{"locale": "en"}"#).unwrap(),
                app_metadata: None,
                reasons: Vec::new(),
            },
            primary_version,
            secondary_version,
            now: Timestamp::default(),
        }
    }

    #[test]
    fn a_look_up_is_case_sensitive() {
        let ids = |email| {
            let found = directory().find_by_email(email).unwrap();
            found.iter().map(|stored| stored.user.user_id.clone()).collect::<Vec<_>>()
        };
        assert_eq!(ids("ada@example.com"), ["auth0|1", "google-oauth2|2"]);
        assert_eq!(ids("Ada@example.com"), ["auth0|3"]);
        assert!(ids("ADA@example.com").is_empty());
    }

    #[test]
    fn a_link_moves_the_identities_and_removes_the_secondary() {
        let directory = directory();
        let identities = &directory.link(&link(1, 1)).unwrap().identities;
        assert_eq!(
            identities.iter().map(|i| i.as_user_id()).collect::<Vec<_>>(),
            ["auth0|1", "google-oauth2|2"]
        );
        assert_eq!(identities[0].profile_data.as_ref().unwrap()["name"], "Ada");
        let primary = directory.get("auth0|1").unwrap();
        assert_eq!(primary.version, 2);
        assert_eq!(
            serde_json::to_string(&primary.user.user_metadata).unwrap(),
            r#"{"locale":"en","theme":"dark"}"#
        );
        assert_eq!(directory.get("google-oauth2|2"), Err(ApiError::NotFound("google-oauth2|2".to_owned())));
        assert_eq!(directory.find_by_email("ada@example.com").unwrap().len(), 1);
    }

    #[test]
    fn a_link_decided_on_an_older_version_is_refused_and_changes_nothing() {
        let directory = directory();
        let before = directory.users();
        let changed = directory.link(&link(1, 7)).unwrap_err();
        assert_eq!(changed, ApiError::StateChanged("google-oauth2|2 was changed".to_owned()));
        assert_eq!(directory.users(), before);
    }

    #[test]
    fn a_user_is_not_linked_to_itself() {
        let mut same = link(1, 1);
        same.request.secondary = "auth0|1".to_owned();
        assert!(matches!(directory().link(&same), Err(ApiError::Invalid(_))));
    }
}
