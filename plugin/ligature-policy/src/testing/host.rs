//! A host for tests, for one login.

use super::calls::Fault;
use super::check;
use super::decided::{Decided, Failure};
use super::guard::Guard;
use super::setup::Setup;
use crate::settings::for_login;
use crate::{Answer, ApiError, LoginEvent, Outcome, Policy, Settings, User};

/// A host with users, for one login.
#[derive(Debug, Clone, Default)]
pub struct Host {
    setup: Setup,
}

impl Host {
    /// A host without users, at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self { setup: Setup { now: 1_767_225_600_000, ..Setup::default() } }
    }

    /// Adds this user. A user with the login's id is the directory's copy of the login's user;
    /// without one, the event's user is in the directory.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.setup.directory.put(user);
        self
    }

    /// Sets the time of the login, in milliseconds since 1970.
    #[must_use]
    pub fn now(mut self, now: u64) -> Self {
        self.setup.now = now;
        self
    }

    /// Makes look-ups find an address only in exactly its case, as those of Auth0 do.
    #[must_use]
    pub fn exact_look_up(mut self) -> Self {
        self.setup.directory.is_exact = true;
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.setup.faults.push(fault);
        self
    }

    /// Sets the answer to `raw_event`. The default holds the connection only.
    #[must_use]
    pub fn raw_event(mut self, json: &str) -> Self {
        self.setup.raw_event = Some(json.to_owned());
        self
    }

    /// Sets the answer to `raw_user` about this user. The default holds the user's id, address and
    /// verification only.
    #[must_use]
    pub fn raw_user(mut self, id: &str, json: &str) -> Self {
        self.setup.raw_users.insert(id.to_owned(), json.to_owned());
        self
    }

    /// Decides a login, by [`Policy::on_login`]. The policy document is checked
    /// first.
    ///
    /// # Errors
    ///
    /// When the policy gives no valid answer.
    pub fn login<P: Policy>(self, login: &LoginEvent, settings: &str) -> Result<Decided, Failure> {
        self.decide(login, settings, |login, settings, host| P::on_login(login, settings, host))
    }

    /// Decides a login after the user was asked, by [`Policy::on_continue`].
    ///
    /// # Errors
    ///
    /// When the policy gives no valid answer.
    pub fn after_answer<P: Policy>(
        self,
        login: &LoginEvent,
        settings: &str,
        answer: &Answer,
    ) -> Result<Decided, Failure> {
        self.decide(login, settings, |login, settings, host| P::on_continue(login, answer, settings, host))
    }

    fn decide<S: Settings>(
        self,
        login: &LoginEvent,
        document: &str,
        policy: impl FnOnce(&LoginEvent, &S, &mut Guard) -> Result<Outcome, ApiError>,
    ) -> Result<Decided, Failure> {
        S::read_and_check(document).map_err(Failure::Settings)?;
        let settings = for_login::<S>(document).map_err(Failure::GaveUp)?;
        let login = LoginEvent { settings: document.to_owned(), ..login.clone() };
        let mut guard = Guard::new(self.setup, &login);
        let outcome = policy(&login, &settings, &mut guard).map_err(Failure::GaveUp)?;
        check::outcome(&outcome, &guard).map_err(Failure::InvalidAnswer)?;
        Ok(guard.decided(outcome))
    }
}
