//! The guard of one login: what the plugin has seen, and what was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::audit::{Audit, Refusal};
use super::budget::Budget;
use crate::directory::{Actor, Directory, Evidence, MetadataUpdate, PluginVersion, Provenance, Stored};
use crate::limits::Limits;
use crate::model::{
    Addresses, ApiError, LoginEvent, Metadata, MetadataPatch, Proof, Timestamp, User, count_prompt,
    mark_checked,
};

/// The only access that one login's plugin has to the directory.
pub struct Guard {
    pub(super) directory: Arc<dyn Directory>,
    pub(super) login: GuardedLogin,
    /// The user that the login belongs to: its own, or the primary after a link.
    pub(super) user_id: String,
    /// None if the login's own address is not verified: every look-up is
    /// refused then.
    pub(super) addresses: Option<Addresses>,
    pub(super) budget: Budget,
    /// The most users that one look-up may return.
    pub(super) max_candidates: u32,
    /// The first-level metadata keys that a link may write; none allows any.
    pub(super) metadata_keys: Option<Vec<String>>,
    /// The users that look-ups have returned, with the versions that the plugin
    /// saw. Bounded by the number of look-ups and their candidates.
    pub(super) seen: BTreeMap<String, Stored>,
    /// Whether every look-up so far was answered, and with no other user; none
    /// before the first.
    pub(super) found_none: Option<bool>,
    /// The primary of the last link, as which the login continues.
    pub(super) linked: Option<Arc<User>>,
    /// Accounts that another login has linked or changed first.
    pub(super) lost_accounts: Vec<String>,
    closed: bool,
    audit: Audit,
}

/// The login that a guard is for.
#[derive(Debug, Clone)]
pub struct GuardedLogin {
    /// The login's event.
    pub event: Arc<LoginEvent>,
    /// The login's time.
    pub now: Timestamp,
    /// The user's proof of owning another account, if they were prompted for
    /// one.
    pub proof: Option<Proof>,
    /// The plugin that decides.
    pub plugin: Arc<PluginVersion>,
    /// SHA-256 of the policy document, in hexadecimal.
    pub policy_sha256: Arc<str>,
}

impl GuardedLogin {
    /// The journal's record of who links, and on what evidence.
    pub(super) fn provenance(&self) -> Provenance {
        Provenance {
            actor: Actor::Plugin,
            evidence: Some(Evidence::from_login(&self.event, self.proof.as_ref())),
            policy_sha256: Some(self.policy_sha256.to_string()),
            plugin: Some(PluginVersion::clone(&self.plugin)),
        }
    }
}

impl Guard {
    /// Creates the guard of a login.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, login: GuardedLogin, limits: &Limits) -> Self {
        let user = &login.event.user;
        let addresses = match &user.email {
            Some(email) if user.email_verified.is_verified() => Addresses::from_email(email),
            _ => None,
        };
        Self {
            directory,
            user_id: user.user_id.clone(),
            login,
            addresses,
            budget: Budget::new(limits),
            max_candidates: limits.candidates,
            metadata_keys: limits.link_metadata_keys.clone(),
            seen: BTreeMap::new(),
            found_none: None,
            linked: None,
            lost_accounts: Vec::new(),
            closed: false,
            audit: Audit::default(),
        }
    }

    /// The refusals, equal ones counted as one, in the order of their first
    /// occurrence. After a hundred different ones, the last entry counts the
    /// rest.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        self.audit.refusals()
    }

    /// The primary that the login's user was linked into, if it was.
    #[must_use]
    pub fn linked(&self) -> Option<&str> {
        self.linked.as_ref().map(|primary| primary.user_id.as_str())
    }

    /// The accounts that this login would have been linked with, had another
    /// login not linked or changed them first. Includes identities that the
    /// login's user got after its event was made.
    #[must_use]
    pub fn lost_accounts(&self) -> &[String] {
        &self.lost_accounts
    }

    /// Records that the login's user is prompted, so that policies can limit
    /// prompts: `app_metadata.linking.prompts` and `.last_prompted_at`.
    ///
    /// # Errors
    ///
    /// When something of another type stands in the place of these marks, which is
    /// left alone, or when the directory does not write them. The user may then be
    /// prompted once more than allowed.
    pub fn note_prompt(&self) -> Result<(), ApiError> {
        let stored = self.directory.get(&self.user_id)?;
        let counted = count_prompt(stored.user.app_metadata.as_ref(), self.login.now);
        let patch =
            MetadataPatch::for_app_metadata(counted.map_err(|why| ApiError::Invalid(why.to_string()))?);
        self.write_marks(stored.version, &patch)
    }

    /// Returns the patch of `app_metadata` that marks the login's user as checked, so
    /// that policies can leave out look-ups: `app_metadata.linking.checked`. `settings` is
    /// the policy document.
    ///
    /// # Errors
    ///
    /// When a value of another type stands in the place of the mark, which is left
    /// alone, or when this login has not looked up, or has found another user.
    pub fn plan_check_mark(&self, settings: &str) -> Result<Metadata, ApiError> {
        // A look-up has read the user after the event was made.
        let seen = self.seen.get(&self.user_id).map(|seen| &seen.user);
        self.plan_check_mark_on(seen.unwrap_or(self.login.event.account()), settings)
    }

    /// Marks the login's user as checked.
    ///
    /// # Errors
    ///
    /// The same as of [`plan_check_mark`](Self::plan_check_mark), and an error of the directory. If the
    /// mark is not written, the next login looks up again.
    pub fn note_check(&self, settings: &str) -> Result<(), ApiError> {
        let stored = self.directory.get(&self.user_id)?;
        let patch = MetadataPatch::for_app_metadata(self.plan_check_mark_on(&stored.user, settings)?);
        self.write_marks(stored.version, &patch)
    }

    fn write_marks(&self, version: u64, patch: &MetadataPatch) -> Result<(), ApiError> {
        let update =
            MetadataUpdate { user_id: &self.user_id, version: Some(version), patch, now: self.login.now };
        self.directory.patch_metadata(&update).map(drop)
    }

    fn plan_check_mark_on(&self, held: &User, settings: &str) -> Result<Metadata, ApiError> {
        if self.found_none != Some(true) || self.linked.is_some() {
            let why = "no look-up of this login has found that there is no other user";
            return Err(ApiError::Refused(why.to_owned()));
        }
        // The fingerprint is of the user as the plugin sees it.
        let account = self.login.event.account();
        let marked = User { app_metadata: held.app_metadata.clone(), ..User::clone(account) };
        mark_checked(&marked, settings, self.login.now).map_err(|why| ApiError::Invalid(why.to_string()))
    }

    /// Returns whether a look-up has shown that another login has linked or unlinked
    /// the login's identity, or an account that this login would have been linked with.
    #[must_use]
    pub fn is_overtaken(&self) -> bool {
        let Some(own) = self.login.event.identity() else { return true };
        let has_own = |seen: &Stored| seen.user.identities.iter().any(|it| it.key() == own.key());
        let moved = |(user_id, seen): (&String, &Stored)| {
            has_own(seen) != (*user_id == self.login.event.user.user_id)
        };
        !self.lost_accounts.is_empty() || self.linked.is_none() && self.seen.iter().any(moved)
    }

    /// The login's user as this login knows it without another call: the primary as its
    /// link has returned it, otherwise the event's account.
    #[must_use]
    pub fn known_user(&self) -> &Arc<User> {
        self.linked.as_ref().unwrap_or(self.login.event.account())
    }

    /// Refuses a call that no honest plugin makes, and every later call of the
    /// login.
    pub(super) fn refuse_and_close<T>(&mut self, call: &'static str, why: &str) -> Result<T, ApiError> {
        self.closed = true;
        self.refuse(call, why)
    }

    /// Refuses a call, and records why.
    pub(super) fn refuse<T>(&mut self, call: &'static str, why: &str) -> Result<T, ApiError> {
        self.record(call, why);
        Err(ApiError::Refused(why.to_owned()))
    }

    /// Refuses a call beyond the login's budget, and records which limit it is.
    pub(super) fn refuse_beyond_budget(&mut self, call: &'static str, limit: String) -> ApiError {
        self.record(call, &limit);
        ApiError::BudgetSpent(limit)
    }

    /// Records why a call was not answered as the plugin wanted.
    pub(super) fn record(&mut self, call: &'static str, why: &str) {
        self.audit.record(call, why);
    }

    /// Refuses the call if the guard was closed.
    pub(super) fn check_open(&mut self, call: &'static str) -> Result<(), ApiError> {
        if self.closed {
            return self
                .refuse(call, "an earlier call of this login was refused, so every later call is refused");
        }
        Ok(())
    }

    /// Keeps the version of a user that the plugin is about to see, and returns
    /// the user.
    pub(super) fn mark_seen(&mut self, stored: Stored) -> Arc<User> {
        self.seen.insert(stored.user.user_id.clone(), stored.clone());
        stored.user
    }

    /// Returns whether the plugin may name this user: the login's own, its primary, or
    /// one that a look-up returned.
    pub(super) fn is_known(&self, user_id: &str) -> bool {
        self.is_own(user_id) || self.seen.contains_key(user_id)
    }

    /// Returns whether this user is the login's own, or its primary.
    pub(super) fn is_own(&self, user_id: &str) -> bool {
        user_id == self.user_id || user_id == self.login.event.user.user_id
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::{Guard, GuardedLogin};
    use crate::ambient::Ambient;
    use crate::directory::{Directory, Memory, PluginVersion};
    use crate::limits::Limits;
    use crate::model::{ApiError, HostCalls, LoginEvent, Timestamp, User};

    const ADDRESS: &str = "ada@example.com";

    /// A database user of this id.
    fn account(id: &str, app_metadata: &Value) -> User {
        let user = json!({ "user_id": format!("auth0|{id}"), "email": ADDRESS, "email_verified": true,
            "app_metadata": app_metadata,
            "identities": [{ "provider": "auth0", "user_id": id, "connection": "db" }] });
        serde_json::from_value(user).unwrap()
    }

    /// The guard of a login by this user, and its directory, which has these users.
    fn guard(user: &User, held: Vec<User>) -> (Guard, Arc<Memory>) {
        let event = json!({ "user": user, "connection": { "name": "db", "strategy": "auth0" } });
        let event: LoginEvent = serde_json::from_value(event).unwrap();
        let directory = Arc::new(Memory::with_users(&Ambient::system(), held));
        let login = GuardedLogin {
            event: Arc::new(event),
            now: Timestamp::from_millis(5).unwrap(),
            proof: None,
            plugin: Arc::new(PluginVersion { name: "p".to_owned(), sha256: String::new() }),
            policy_sha256: "".into(),
        };
        (Guard::new(directory.clone(), login, &Limits::default()), directory)
    }

    /// `linking` of the user in a directory.
    fn linking_in(directory: &Memory) -> Value {
        directory.get("auth0|1").unwrap().user.app_metadata.clone().unwrap()["linking"].clone()
    }

    /// `linking` of a user after a prompt was counted, and the error of the count.
    fn prompted(linking: &Value) -> (Value, Option<String>) {
        let user = account("1", &json!({ "linking": linking }));
        let (guard, directory) = guard(&user, vec![user.clone()]);
        let error = guard.note_prompt().err();
        (linking_in(&directory), error.map(|it| it.to_string()))
    }

    #[test]
    fn a_plugin_sees_the_rest_of_the_event() {
        let (mut guard, _) = guard(&account("1", &json!({})), Vec::new());
        assert_eq!(guard.event_context()["connection"]["name"], "db");
    }

    #[test]
    fn only_a_login_whose_look_ups_have_found_nobody_is_marked_as_checked() {
        let [own, other] = ["1", "2"].map(|id| account(id, &json!({})));
        let is_refused = |guard: &Guard| matches!(guard.plan_check_mark("{}"), Err(ApiError::Refused(_)));
        let (mut lone, _) = guard(&own, vec![own.clone()]);
        assert!(is_refused(&lone), "nothing was looked up");
        lone.find_by_email(ADDRESS).unwrap();
        assert_eq!(lone.plan_check_mark("{}").unwrap()["linking"]["checked"]["at"], 5);

        let (mut found, directory) = guard(&own, vec![own.clone(), other]);
        assert_eq!(found.find_by_email(ADDRESS).unwrap().len(), 1);
        assert!(is_refused(&found));
        directory.remove("auth0|2");
        assert_eq!(found.find_by_email(ADDRESS), Ok(Vec::new()));
        assert!(is_refused(&found), "an earlier look-up has found somebody");
    }

    /// The directory's copy of the user is newer than the event.
    #[test]
    fn a_mark_of_a_check_keeps_what_linking_holds_by_now() {
        let held = account("1", &json!({ "linking": { "theirs": 1 } }));
        let (mut guard, directory) = guard(&account("1", &json!({})), vec![held]);
        guard.find_by_email(ADDRESS).unwrap();
        assert_eq!(guard.plan_check_mark("{}").unwrap()["linking"]["theirs"], 1);
        guard.note_check("{}").unwrap();
        let linking = linking_in(&directory);
        assert_eq!((&linking["theirs"], &linking["checked"]["at"]), (&json!(1), &json!(5)));
    }

    #[test]
    fn a_prompt_is_counted_beside_what_linking_holds() {
        let counted = json!({ "prompts": 1, "last_prompted_at": 5 });
        for linking in [json!(null), json!({}), json!({ "prompts": null })] {
            assert_eq!(prompted(&linking), (counted.clone(), None), "{linking}");
        }
        let (held, error) = prompted(&json!({ "theirs": [1], "opt_out": true, "prompts": 2 }));
        let expected = json!({ "theirs": [1], "opt_out": true, "prompts": 3, "last_prompted_at": 5 });
        assert_eq!((held, error), (expected, None));
    }

    #[test]
    fn a_prompt_overwrites_nothing_of_another_type() {
        for linking in [
            json!("a hobby"),
            json!(["a"]),
            json!(7),
            json!({ "prompts": "many", "theirs": 1 }),
            json!({ "prompts": -1 }),
            json!({ "prompts": 1, "last_prompted_at": "today" }),
        ] {
            let (held, error) = prompted(&linking);
            assert_eq!(held, linking);
            assert!(
                error.is_some_and(|it| it.contains("`app_metadata.linking") && it.contains("left alone"))
            );
        }
    }
}
