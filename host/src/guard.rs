//! What a plugin may not do, whatever it is.
//!
//! The guard stands between one login's plugin and the directory. It looks up
//! no address but the login's own verified one, links nobody but the login's
//! user with a user that a look-up of this login returned, and believes only
//! its own fresh copies. What it refuses, it writes down.

mod answer;
mod audit;
mod patch;
mod race;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::directory::{Actor, CheckedLink, Directory, Evidence, PluginVersion, Provenance, Stored};
use crate::limits::Limits;
use crate::model::{
    Addresses, ApiError, LinkRequest, LoginEvent, ManagementApi, Metadata, MetadataPatch, Proof, Timestamp,
    User, why_not_vouched_for,
};

use audit::Audit;
pub use audit::Refusal;

/// One login's way to the directory.
pub struct Guard {
    directory: Arc<dyn Directory>,
    login: Login,
    /// Whom the login is as: its own user, and the primary after a link.
    user_id: String,
    /// None if the login's own address is not verified: nothing may be looked
    /// up then.
    addresses: Option<Addresses>,
    budget: Budget,
    /// The users that the plugin has been shown, at which version: at most what its
    /// look-ups may find.
    seen: BTreeMap<String, Stored>,
    /// The primary of the last link, which the login goes on as.
    linked: Option<String>,
    /// Accounts that another login was faster with.
    lost: Vec<String>,
    closed: bool,
    audit: Audit,
}

/// The login that is guarded.
#[derive(Debug, Clone)]
pub struct Login {
    /// The event.
    pub event: Arc<LoginEvent>,
    /// Its time.
    pub now: Timestamp,
    /// What the user has proved of another account, if they were asked.
    pub proof: Option<Proof>,
    /// The plugin that decides.
    pub plugin: Arc<PluginVersion>,
    /// SHA-256 of its policy document, in hexadecimal.
    pub policy_sha256: Arc<str>,
}

impl Login {
    /// For the journal: who links, and on what evidence.
    fn provenance(&self) -> Provenance {
        Provenance {
            actor: Actor::Plugin,
            evidence: Some(Evidence::of(&self.event, self.proof.as_ref())),
            policy_sha256: Some(self.policy_sha256.to_string()),
            plugin: Some(PluginVersion::clone(&self.plugin)),
        }
    }
}

struct Budget {
    look_ups: u32,
    look_ups_left: u32,
    links: u32,
    links_left: u32,
    candidates: u32,
    /// First-level keys of metadata; none if any.
    metadata_keys: Option<Vec<String>>,
}

impl Guard {
    /// A guard for this login.
    #[must_use]
    pub fn new(directory: Arc<dyn Directory>, login: Login, limits: &Limits) -> Self {
        let user = &login.event.user;
        let addresses = match &user.email {
            Some(email) if user.email_verified.is_verified() => Addresses::of(email),
            _ => None,
        };
        Self {
            directory,
            user_id: user.user_id.clone(),
            login,
            addresses,
            budget: Budget {
                look_ups: limits.look_ups,
                look_ups_left: limits.look_ups,
                links: limits.links,
                links_left: limits.links,
                candidates: limits.candidates,
                metadata_keys: limits.link_metadata_keys.clone(),
            },
            seen: BTreeMap::new(),
            linked: None,
            lost: Vec::new(),
            closed: false,
            audit: Audit::default(),
        }
    }

    /// The refusals, each thing once, in the order of the first time. Beyond
    /// a hundred of them, the last tells how many more there were.
    #[must_use]
    pub fn audit(&self) -> &[Refusal] {
        self.audit.refusals()
    }

    /// The primary that the login's user was linked into, if it was.
    #[must_use]
    pub fn linked(&self) -> Option<&str> {
        self.linked.as_deref()
    }

    /// Writes down that the login's user is being asked, for the policy to
    /// count: `app_metadata.linking.prompts` and `.last_prompted_at`.
    ///
    /// # Errors
    ///
    /// When the directory does not take it; the user may then be asked once
    /// more than allowed.
    pub fn note_prompt(&self) -> Result<(), ApiError> {
        let stored = self.directory.get(&self.user_id)?;
        let linking =
            stored.user.app_metadata.as_ref().and_then(|it| it.get("linking")).and_then(Value::as_object);
        let mut linking = linking.cloned().unwrap_or_default();
        let prompts = linking.get("prompts").and_then(Value::as_u64).unwrap_or(0);
        linking.insert("prompts".to_owned(), Value::from(prompts.saturating_add(1)));
        linking.insert("last_prompted_at".to_owned(), Value::from(self.login.now.as_millis()));
        let patch = Metadata::from_iter([("linking".to_owned(), Value::Object(linking))]);
        let patch = MetadataPatch::app(patch);
        self.directory.patch_metadata(&self.user_id, Some(stored.version), &patch, self.login.now).map(drop)
    }

    /// The plugin tried what no honest plugin does: this and every later call
    /// of the login is refused.
    fn violation<T>(&mut self, call: &'static str, why: &str) -> Result<T, ApiError> {
        self.closed = true;
        self.refuse(call, why)
    }

    fn refuse<T>(&mut self, call: &'static str, why: &str) -> Result<T, ApiError> {
        self.note(call, why);
        Err(ApiError::Refused(why.to_owned()))
    }

    fn note(&mut self, call: &'static str, why: &str) {
        self.audit.note(call, why);
    }

    fn check_open(&mut self, call: &'static str) -> Result<(), ApiError> {
        if self.closed {
            return self.refuse(call, "an earlier call of this login was refused, so no other is answered");
        }
        Ok(())
    }

    fn spend_look_up(&mut self, call: &'static str) -> Result<(), ApiError> {
        match self.budget.look_ups_left.checked_sub(1) {
            Some(left) => {
                self.budget.look_ups_left = left;
                Ok(())
            }
            None => self.spent(
                call,
                format!("{} look-ups in a login (the limit is `look_ups`)", self.budget.look_ups),
            ),
        }
    }

    fn spend_link(&mut self, call: &'static str) -> Result<(), ApiError> {
        match self.budget.links_left.checked_sub(1) {
            Some(left) => {
                self.budget.links_left = left;
                Ok(())
            }
            None => {
                self.spent(call, format!("{} links in a login (the limit is `links`)", self.budget.links))
            }
        }
    }

    fn spent(&mut self, call: &'static str, which: String) -> Result<(), ApiError> {
        self.note(call, &which);
        Err(ApiError::BudgetSpent(which))
    }

    fn show(&mut self, stored: Stored) -> Arc<User> {
        self.seen.insert(stored.user.user_id.clone(), stored.clone());
        stored.user
    }

    /// The host's own fresh copy of one side, if it may be linked now. The
    /// version seen counts only for a user that the plugin was shown; the
    /// login's own may be linked unseen.
    fn fresh(&mut self, call: &'static str, side: &str, user_id: &str) -> Result<Stored, ApiError> {
        let stored = match self.directory.get(user_id) {
            Ok(stored) => stored,
            Err(ApiError::NotFound(_)) => {
                self.note(call, &format!("the {side} is gone"));
                return Err(ApiError::StateChanged(format!("{user_id} is gone")));
            }
            Err(error) => return Err(error),
        };
        let user = &stored.user;
        let is_blocked_by_event = self.login.event.user.blocked && user_id == self.user_id;
        if user.blocked || is_blocked_by_event {
            return self.refuse(call, &format!("the {side} is blocked"));
        }
        if !user.email_verified.is_verified() {
            return self.refuse(call, &format!("the {side}'s address is not verified"));
        }
        let own_address = match (&self.addresses, &user.email) {
            (Some(addresses), Some(email)) => addresses.are_of(email),
            _ => false,
        };
        if !own_address {
            return self.refuse(call, &format!("the {side} does not have this login's verified address"));
        }
        if let Some(why) = why_not_vouched_for(user) {
            return self.refuse(call, &format!("nobody vouches for the {side}'s address: {why}"));
        }
        if self.seen.get(user_id).is_some_and(|seen| seen.version != stored.version) {
            self.note(call, &format!("the {side} has changed"));
            return Err(ApiError::StateChanged(format!("{user_id} was changed")));
        }
        Ok(stored)
    }
}

const FIND: &str = "users.find-by-email";
const GET: &str = "users.get";
const RAW: &str = "raw.user";
const LINK: &str = "accounts.link";

impl ManagementApi for Guard {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError> {
        self.check_open(FIND)?;
        match &self.addresses {
            Some(addresses) if addresses.contain(email) => {}
            Some(_) => return self.violation(FIND, "the address is not this login's"),
            None => return self.violation(FIND, "this login has no verified address"),
        }
        self.spend_look_up(FIND)?;
        let most = self.budget.candidates as usize;
        let found = self.directory.find_by_email(email, most.saturating_add(1))?;
        if found.len() > most {
            return Err(ApiError::TooMany(self.budget.candidates));
        }
        let mut others = Vec::with_capacity(found.len());
        for stored in found {
            let user = self.show(stored);
            let is_own = user.user_id == self.login.event.user.user_id;
            let grown = if is_own { self.grown(&user) } else { Vec::new() };
            if !grown.is_empty() {
                self.lost.extend(grown);
                self.note(FIND, "another login was faster");
                let what = format!("{} has got another identity since the login began", user.user_id);
                return Err(ApiError::AlreadyLinked(what));
            }
            // The login's own user is no news; its version is noted all the same.
            if user.user_id != self.user_id {
                others.push(user);
            }
        }
        Ok(others)
    }

    fn ignores_case(&mut self) -> bool {
        self.directory.ignores_case()
    }

    fn get(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        self.check_open(GET)?;
        if user_id != self.user_id && !self.seen.contains_key(user_id) {
            return self.violation(GET, "the user is neither this login's nor one that it has looked up");
        }
        self.spend_look_up(GET)?;
        let stored = self.directory.get(user_id)?;
        Ok(self.show(stored))
    }

    fn event_context(&mut self) -> Metadata {
        self.login.event.context()
    }

    fn shown(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        self.check_open(RAW)?;
        if let Some(seen) = self.seen.get(user_id) {
            return Ok(seen.user.clone());
        }
        if user_id == self.login.event.user.user_id {
            return Ok(self.login.event.account().clone());
        }
        self.violation(RAW, "the user is neither this login's nor one that it has looked up")
    }

    fn link(&mut self, request: LinkRequest) -> Result<Arc<User>, ApiError> {
        self.check_open(LINK)?;
        let other = if request.primary == self.user_id {
            &request.secondary
        } else if request.secondary == self.user_id {
            &request.primary
        } else {
            return self.violation(LINK, "neither side is this login's user");
        };
        if *other == self.user_id {
            return self.violation(LINK, "both sides are the same user");
        }
        if !self.seen.contains_key(other) {
            return self.violation(LINK, "one side was never looked up in this login");
        }
        if let Some(why) = self.stranger_of(&request.reasons) {
            return self.refuse(LINK, &why);
        }
        if let Some(why) = patch::why_not(&request, self.budget.metadata_keys.as_deref()) {
            return self.refuse(LINK, &why);
        }
        self.spend_link(LINK)?;
        let primary = self.fresh(LINK, "primary", &request.primary);
        let secondary = self.fresh(LINK, "secondary", &request.secondary);
        let (primary, secondary) = match (primary, secondary) {
            (Ok(primary), Ok(secondary)) => (primary, secondary),
            (primary, secondary) => {
                let why = self.race_lost(&request, primary.err().or(secondary.err()));
                return Err(self.not_linked(&request, why));
            }
        };
        let link = CheckedLink {
            request,
            primary_version: Some(primary.version),
            secondary_version: Some(secondary.version),
            provenance: Arc::new(self.login.provenance()),
            now: self.login.now,
        };
        let linked = match self.directory.link(&link) {
            Ok(primary) => primary,
            Err(error @ (ApiError::TimedOut | ApiError::Unavailable(_))) => {
                self.linked_all_the_same(&link.request, &secondary).ok_or(error)?
            }
            Err(error) => return Err(self.not_linked(&link.request, error)),
        };
        // The login goes on as the primary. What it saw of both is outdated.
        self.seen.remove(&link.request.primary);
        self.linked = Some(link.request.primary.clone());
        self.user_id = link.request.primary;
        Ok(linked)
    }
    fn reject_link(&mut self, _: &str, _: &str, why: String) -> ApiError {
        self.note(LINK, &why);
        ApiError::Invalid(why)
    }
}
