//! The guard of the host for tests: the rules of the host's guard
//! (`host/src/guard` in Ligature's workspace), in the same order and words.

use std::collections::BTreeMap;

use serde_json::json;

use super::calls::Call;
use super::contract::check_request;
use super::decided::{Decided, Refusal};
use super::directory::{Directory, Stored, is_same};
use super::patch;
use super::setup::Setup;
use super::words::{NAME, join_lines};
use crate::{ApiError, LinkRequest, LogLevel, LoginEvent, Outcome, Reason, Timestamp, User, Verification};

/// The host's defaults.
const LOOK_UPS: u32 = 8;
const LINKS: u32 = 2;
const CANDIDATES: u32 = 1_000;

const FIND: &str = "users.find-by-email";
const GET: &str = "users.get";
const RAW: &str = "raw.user";
const LINK: &str = "accounts.link";

/// One login's way to the directory.
#[derive(Debug)]
pub(super) struct Guard {
    setup: Setup,
    login: LoginEvent,
    /// The user that the login is as: its own, and the primary after a link.
    user_id: String,
    look_ups_left: u32,
    links_left: u32,
    seen: BTreeMap<String, Stored>,
    linked: Option<String>,
    is_closed: bool,
    refusals: Vec<Refusal>,
    log: Vec<(LogLevel, String)>,
}

impl Guard {
    pub(super) fn new(mut setup: Setup, login: &LoginEvent) -> Self {
        if !setup.directory.has(&login.user.user_id) {
            setup.directory.put(login.user.clone());
        }
        Self {
            setup,
            user_id: login.user.user_id.clone(),
            login: login.clone(),
            look_ups_left: LOOK_UPS,
            links_left: LINKS,
            seen: BTreeMap::new(),
            linked: None,
            is_closed: false,
            refusals: Vec::new(),
            log: Vec::new(),
        }
    }

    pub(super) fn decided(self, outcome: Outcome) -> Decided {
        let Self { setup, linked, refusals, log, .. } = self;
        Decided { outcome, linked, users: setup.directory.into_users(), refusals, log }
    }

    pub(super) fn linked(&self) -> Option<&str> {
        self.linked.as_deref()
    }

    /// The login's own user, its primary, or one that was looked up.
    pub(super) fn knows(&self, id: &str) -> bool {
        self.is_own(id) || self.seen.contains_key(id)
    }

    pub(super) fn is_own(&self, id: &str) -> bool {
        id == self.user_id || id == self.login.user.user_id
    }

    /// The fault, if a reason is about a user that the policy has not been
    /// shown.
    pub(super) fn find_stranger(&self, reasons: &[Reason]) -> Option<String> {
        reasons.iter().find_map(|reason| {
            let stranger = reason.subject.iter().find(|id| !self.knows(id))?;
            let (code, id) = (join_lines(&reason.code, NAME), join_lines(stranger, NAME));
            Some(format!("`{code}` is about `{id}`, a user that no look-up of this login returned"))
        })
    }

    /// The policy tried what no honest policy does: this and every later call of
    /// the login is refused.
    fn violation<T>(&mut self, call: &'static str, why: &str) -> Result<T, ApiError> {
        self.is_closed = true;
        self.refuse(call, why)
    }

    fn refuse<T>(&mut self, call: &'static str, why: &str) -> Result<T, ApiError> {
        self.note(call, why);
        Err(ApiError::Refused(why.to_owned()))
    }

    fn note(&mut self, call: &'static str, why: &str) {
        match self.refusals.iter_mut().find(|refusal| refusal.call == call && refusal.why == why) {
            Some(known) => known.times += 1,
            None => self.refusals.push(Refusal { call: call.to_owned(), why: why.to_owned(), times: 1 }),
        }
    }

    fn check_open(&mut self, call: &'static str) -> Result<(), ApiError> {
        if self.is_closed {
            return self
                .refuse(call, "an earlier call of this login was refused, so every later call is refused");
        }
        Ok(())
    }

    fn spend_look_up(&mut self, call: &'static str) -> Result<(), ApiError> {
        match self.look_ups_left.checked_sub(1) {
            Some(left) => self.look_ups_left = left,
            None => {
                return self
                    .count_call(call, format!("{LOOK_UPS} look-ups in a login (the limit is `look_ups`)"));
            }
        }
        Ok(())
    }

    fn count_call(&mut self, call: &'static str, which: String) -> Result<(), ApiError> {
        self.note(call, &which);
        Err(ApiError::BudgetSpent(which))
    }

    /// Triggers the faults of this call.
    fn apply_faults(&mut self, call: Call) -> Result<(), ApiError> {
        let mut answer = Ok(());
        for fault in self.setup.faults.iter().filter(|fault| fault.call == call) {
            fault.put.iter().for_each(|user| self.setup.directory.put(user.clone()));
            fault.removed.iter().for_each(|id| self.setup.directory.remove(id));
            answer = fault.error.clone().map_or(answer, Err);
        }
        answer
    }

    fn directory(&self) -> &Directory {
        &self.setup.directory
    }

    fn own_address(&self) -> Option<&str> {
        self.login.verified_email()
    }

    /// Returns whether the login's user has identities that the event does not know of.
    fn has_grown(&self, user: &User) -> bool {
        let known = &self.login.user.identities;
        self.linked.is_none() && user.identities.iter().any(|it| !known.iter().any(|own| is_same(own, it)))
    }

    /// The reason why a link is refused: if another login has linked one side
    /// meanwhile, that, and not what followed from it.
    fn race_lost(&mut self, request: &LinkRequest, why: Option<ApiError>) -> ApiError {
        for id in [&request.secondary, &request.primary] {
            if let Some(owner) = self.linked_elsewhere(id) {
                self.note(LINK, "a concurrent login changed the accounts first");
                return ApiError::AlreadyLinked(format!("{id} is already an identity of {owner}"));
            }
        }
        why.unwrap_or(ApiError::StateChanged("the accounts have changed".to_owned()))
    }

    fn linked_elsewhere(&self, id: &str) -> Option<String> {
        let seen = self.seen.get(id).map(|seen| &seen.user);
        let own = &self.login.user;
        let user = seen.or_else(|| (own.user_id == id).then_some(own))?;
        let owner = self.directory().owner(user.identities.first()?)?;
        (owner != id).then(|| owner.to_owned())
    }

    /// The directory's own copy of one side, if it may be linked now.
    fn check_side(&mut self, side: &str, id: &str) -> Result<(), ApiError> {
        let stored = match self.directory().get(id) {
            Ok(stored) => stored,
            Err(_) => {
                self.note(LINK, &format!("the {side} is gone"));
                return Err(ApiError::StateChanged(format!("{id} is gone")));
            }
        };
        let user = &stored.user;
        if user.blocked || (self.login.user.blocked && id == self.user_id) {
            return self.refuse(LINK, &format!("the {side} is blocked"));
        }
        if !user.email_verified.is_verified() {
            return self.refuse(LINK, &format!("the {side}'s address is not verified"));
        }
        let is_own_address = match (self.own_address(), &user.email) {
            (Some(own), Some(email)) => email.eq_ignore_ascii_case(own),
            _ => false,
        };
        if !is_own_address {
            return self.refuse(LINK, &format!("the {side} does not have this login's verified address"));
        }
        if let Some(why) = find_unvouched(user) {
            return self.refuse(LINK, &format!("the {side}'s address is not proved: {why}"));
        }
        if self.seen.get(id).is_some_and(|seen| seen.version != stored.version) {
            self.note(LINK, &format!("the {side} has changed"));
            return Err(ApiError::StateChanged(format!("{id} was changed")));
        }
        Ok(())
    }

    /// Returns whether the two may be asked for at all.
    fn check_sides(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
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
        if let Some(why) = self.find_stranger(&request.reasons).or_else(|| patch::find_patch_fault(request)) {
            return self.refuse(LINK, &why);
        }
        match self.links_left.checked_sub(1) {
            Some(left) => self.links_left = left,
            None => return self.count_call(LINK, format!("{LINKS} links in a login (the limit is `links`)")),
        }
        Ok(())
    }
}

impl crate::Host for Guard {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError> {
        self.check_open(FIND)?;
        match self.own_address() {
            Some(own) if email == own || email == own.to_ascii_lowercase() => {}
            Some(_) => return self.violation(FIND, "the address is not this login's"),
            None => return self.violation(FIND, "this login has no verified address"),
        }
        self.spend_look_up(FIND)?;
        self.apply_faults(Call::FindByEmail)?;
        let found = self.directory().find_by_email(email);
        if found.len() > CANDIDATES as usize {
            return Err(ApiError::TooMany(CANDIDATES));
        }
        let mut others = Vec::with_capacity(found.len());
        for stored in found {
            let user = stored.user.clone();
            self.seen.insert(user.user_id.clone(), stored);
            if user.user_id == self.login.user.user_id && self.has_grown(&user) {
                self.note(FIND, "the event of this login does not show every identity of its user");
                let what =
                    format!("{} has an identity that the event of this login does not show", user.user_id);
                return Err(ApiError::AlreadyLinked(what));
            }
            if user.user_id != self.user_id {
                others.push(user);
            }
        }
        Ok(others)
    }

    fn ignores_case(&mut self) -> bool {
        !self.directory().is_exact
    }

    fn get(&mut self, id: &str) -> Result<User, ApiError> {
        self.check_open(GET)?;
        if id != self.user_id && !self.seen.contains_key(id) {
            return self.violation(GET, "the user is neither this login's nor one that it has looked up");
        }
        self.spend_look_up(GET)?;
        self.apply_faults(Call::Get)?;
        let stored = self.directory().get(id)?;
        self.seen.insert(id.to_owned(), stored.clone());
        Ok(stored.user)
    }

    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        if let Err(why) = check_request(request) {
            self.note(LINK, &why);
            return Err(ApiError::Invalid(why));
        }
        self.check_open(LINK)?;
        self.check_sides(request)?;
        let answer = self.apply_faults(Call::Link);
        let primary = self.check_side("primary", &request.primary);
        let secondary = self.check_side("secondary", &request.secondary);
        if let Some(why) = primary.err().or(secondary.err()) {
            return Err(self.race_lost(request, Some(why)));
        }
        answer?;
        self.setup.directory.link(request);
        // The login continues as the primary. The copies that it saw of both are outdated.
        self.seen.remove(&request.primary);
        self.linked = Some(request.primary.clone());
        self.user_id.clone_from(&request.primary);
        Ok(())
    }

    fn raw_event(&mut self) -> String {
        let connection = &self.login.connection;
        self.setup.raw_event.clone().unwrap_or_else(|| {
            json!({ "connection": { "name": connection.name, "strategy": connection.strategy } }).to_string()
        })
    }

    fn raw_user(&mut self, id: &str) -> Result<String, ApiError> {
        self.check_open(RAW)?;
        let own = (id == self.login.user.user_id).then_some(&self.login.user);
        let Some(user) = self.seen.get(id).map(|seen| &seen.user).or(own) else {
            return self.violation(RAW, "the user is neither this login's nor one that it has looked up");
        };
        Ok(self.setup.raw_users.get(id).cloned().unwrap_or_else(|| raw_user(user)))
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.log.push((level, message.to_owned()));
    }

    fn now(&mut self) -> Timestamp {
        self.setup.now
    }
}

/// The reason why a user's own identity does not prove its address, if there
/// is one: a linked user's own identity keeps the address that it came with.
fn find_unvouched(user: &User) -> Option<&'static str> {
    let is_own = |id: &str| id == user.user_id;
    let own = user.identities.iter().find(|it| is_own(&format!("{}|{}", it.provider, it.user_id)));
    let own = own.or(user.identities.first())?;
    let root = user.email.as_deref().unwrap_or_default();
    if own.email.as_deref().is_some_and(|email| !email.eq_ignore_ascii_case(root)) {
        return Some("its root identity supplied another address");
    }
    match own.email_verified {
        Verification::Absent | Verification::Null | Verification::Verified => None,
        Verification::Unverified | Verification::NotBoolean(_) => Some("its root identity did not verify it"),
    }
}

fn raw_user(user: &User) -> String {
    let verified = user.email_verified.is_verified();
    json!({ "user_id": user.user_id, "email": user.email, "email_verified": verified }).to_string()
}
