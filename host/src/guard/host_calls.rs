//! The host calls of a plugin, each checked before the directory is asked.

use std::sync::Arc;

use super::link_metadata;
use super::login_guard::Guard;
use crate::directory::{CheckedLink, PairReading, ReadPair, Stored};
use crate::model::{ApiError, HostCalls, LinkRequest, Metadata, User, find_unvouched};

const FIND: &str = "users.find-by-email";
const GET: &str = "users.get";
const RAW: &str = "raw.user";
const LINK: &str = "accounts.link";

impl Guard {
    fn spend_look_up(&mut self, call: &'static str) -> Result<(), ApiError> {
        self.budget.spend_look_up().map_err(|limit| self.refuse_beyond_budget(call, limit))
    }

    fn spend_link(&mut self) -> Result<(), ApiError> {
        self.budget.spend_link().map_err(|limit| self.refuse_beyond_budget(LINK, limit))
    }

    /// Reads both sides of a link again.
    fn read_pair(&self, request: &LinkRequest) -> PairReading {
        // Both are known: a link names the login's user and one that was looked up.
        let known =
            |user_id: &String| self.seen.get(user_id).map_or(self.known_user(), |seen| &seen.user).clone();
        let [primary, secondary] = [known(&request.primary), known(&request.secondary)];
        self.directory.read_pair([&primary, &secondary])
    }

    /// Checks one side of a link as it was read again, and refuses it if it may not be
    /// linked. The version must be the one that the plugin saw; the login's own user may
    /// be linked unseen.
    fn check_fresh_copy(
        &mut self,
        side: &str,
        user_id: &str,
        read: Result<Stored, ApiError>,
    ) -> Result<Stored, ApiError> {
        let stored = match read {
            Ok(stored) => stored,
            Err(ApiError::NotFound(_)) => {
                self.record(LINK, &format!("the {side} is gone"));
                return Err(ApiError::StateChanged(format!("{user_id} is gone")));
            }
            Err(error) => return Err(error),
        };
        let user = &stored.user;
        let is_blocked_by_event = self.login.event.user.blocked && user_id == self.user_id;
        if user.blocked || is_blocked_by_event {
            return self.refuse(LINK, &format!("the {side} is blocked"));
        }
        if !user.email_verified.is_verified() {
            return self.refuse(LINK, &format!("the {side}'s address is not verified"));
        }
        let own_address = match (&self.addresses, &user.email) {
            (Some(addresses), Some(email)) => addresses.match_stored(email),
            _ => false,
        };
        if !own_address {
            return self.refuse(LINK, &format!("the {side} does not have this login's verified address"));
        }
        if let Some(why) = find_unvouched(user) {
            return self.refuse(LINK, &format!("the {side}'s address is not proved: {why}"));
        }
        if self.seen.get(user_id).is_some_and(|seen| seen.version != stored.version) {
            self.record(LINK, &format!("the {side} has changed"));
            return Err(ApiError::StateChanged(format!("{user_id} was changed")));
        }
        Ok(stored)
    }

    /// Refuses a link that the plugin may not ask for, before anything is read.
    fn check_link_request(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        let other = if request.primary == self.user_id {
            &request.secondary
        } else if request.secondary == self.user_id {
            &request.primary
        } else {
            return self.refuse_and_close(LINK, "neither side is this login's user");
        };
        if *other == self.user_id {
            return self.refuse_and_close(LINK, "both sides are the same user");
        }
        if !self.seen.contains_key(other) {
            return self.refuse_and_close(LINK, "one side was never looked up in this login");
        }
        if let Some(why) = self.find_unknown_subject(&request.reasons) {
            return self.refuse(LINK, &why);
        }
        if let Some(why) = link_metadata::find_fault(request, self.metadata_keys.as_deref()) {
            return self.refuse(LINK, &why);
        }
        Ok(())
    }
}

impl Guard {
    fn look_up(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError> {
        self.check_open(FIND)?;
        match &self.addresses {
            Some(addresses) if addresses.contains(email) => {}
            Some(_) => return self.refuse_and_close(FIND, "the address is not this login's"),
            None => return self.refuse_and_close(FIND, "this login has no verified address"),
        }
        self.spend_look_up(FIND)?;
        let most = self.max_candidates as usize;
        let found = self.directory.find_by_email(email, most.saturating_add(1))?;
        if found.len() > most {
            return Err(ApiError::TooMany(self.max_candidates));
        }
        let mut others = Vec::with_capacity(found.len());
        for stored in found {
            let user = self.mark_seen(stored);
            let is_own = user.user_id == self.login.event.user.user_id;
            let new = if is_own { self.identities_unknown_to_event(&user) } else { Vec::new() };
            if !new.is_empty() {
                self.lost_accounts.extend(new);
                self.record(FIND, "the event of this login does not show every identity of its user");
                let what =
                    format!("{} has an identity that the event of this login does not show", user.user_id);
                return Err(ApiError::AlreadyLinked(what));
            }
            // The plugin knows the login's own user already; only its version is
            // kept.
            if user.user_id != self.user_id {
                others.push(user);
            }
        }
        Ok(others)
    }
}

impl HostCalls for Guard {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<Arc<User>>, ApiError> {
        let found = self.look_up(email);
        let is_none = found.as_ref().is_ok_and(Vec::is_empty);
        self.found_none = Some(is_none && self.found_none != Some(false));
        found
    }

    fn ignores_case(&mut self) -> bool {
        self.directory.ignores_case()
    }

    fn get(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        self.check_open(GET)?;
        if user_id != self.user_id && !self.seen.contains_key(user_id) {
            return self
                .refuse_and_close(GET, "the user is neither this login's nor one that it has looked up");
        }
        self.spend_look_up(GET)?;
        let stored = self.directory.get(user_id)?;
        Ok(self.mark_seen(stored))
    }

    fn event_context(&mut self) -> Metadata {
        self.login.event.context()
    }

    fn last_seen(&mut self, user_id: &str) -> Result<Arc<User>, ApiError> {
        self.check_open(RAW)?;
        if let Some(seen) = self.seen.get(user_id) {
            return Ok(seen.user.clone());
        }
        if user_id == self.login.event.user.user_id {
            return Ok(self.login.event.account().clone());
        }
        self.refuse_and_close(RAW, "the user is neither this login's nor one that it has looked up")
    }

    fn link(&mut self, request: LinkRequest) -> Result<Arc<User>, ApiError> {
        self.check_open(LINK)?;
        self.check_link_request(&request)?;
        self.spend_link()?;
        let PairReading { users: [primary, secondary], place } = self.read_pair(&request);
        let primary = self.check_fresh_copy("primary", &request.primary, primary);
        let secondary = self.check_fresh_copy("secondary", &request.secondary, secondary);
        let (primary, secondary) = match (primary, secondary) {
            (Ok(primary), Ok(secondary)) => (primary, secondary),
            (primary, secondary) => {
                let why = match self.find_faster_login(&request) {
                    Some(faster) => {
                        self.record(LINK, "a concurrent login changed the accounts first");
                        faster
                    }
                    None => primary
                        .err()
                        .or(secondary.err())
                        .unwrap_or(ApiError::StateChanged("the accounts have changed".to_owned())),
                };
                return Err(self.keep_lost_account(&request, why));
            }
        };
        let link = CheckedLink {
            request,
            primary_version: Some(primary.version),
            secondary_version: Some(secondary.version),
            read: place.map(|place| {
                Box::new(ReadPair { primary: primary.user, secondary: secondary.user.clone(), place })
            }),
            provenance: Arc::new(self.login.provenance()),
            now: self.login.now,
        };
        let linked = match self.directory.link(&link) {
            Ok(primary) => primary,
            Err(error @ (ApiError::TimedOut | ApiError::Unavailable(_))) => {
                self.find_made_link(&link.request, &secondary).ok_or(error)?
            }
            Err(error) => return Err(self.keep_lost_account(&link.request, error)),
        };
        // The login continues as the primary. The plugin's copies of both users
        // are outdated.
        self.seen.remove(&link.request.primary);
        self.linked = Some(linked.clone());
        self.user_id = link.request.primary;
        Ok(linked)
    }

    fn reject_link(&mut self, _: &str, _: &str, why: String) -> ApiError {
        self.record(LINK, &why);
        ApiError::Invalid(why)
    }
}
