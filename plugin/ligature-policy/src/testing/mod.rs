//! A host for tests: users, and a guard with the rules of the real one.
//!
//! ```
//! # use ligature_policy::{ApiError, Host as _, LoginEvent, NoSettings, Outcome, Policy};
//! use ligature_policy::testing::{Host, login, user};
//! # struct Curious;
//! # impl Policy for Curious {
//! #     type Settings = NoSettings;
//! #     fn on_login(login: &LoginEvent, _: &NoSettings, host: &mut impl ligature_policy::Host) -> Result<Outcome, ApiError> {
//! #         host.find_by_email("eve@example.com")?;
//! #         Ok(Outcome::proceed("FOUND", "Somebody is there."))
//! #     }
//! # }
//!
//! let failed = Host::new()
//!     .user(user("auth0|1", "ada@example.com"))
//!     .login::<Curious>(&login(user("google-oauth2|2", "ada@example.com")), "{}")
//!     .unwrap_err();
//! assert_eq!(failed.to_string(), "gave up: refused: the address is not this login's");
//! ```
//!
//! The rules: only the login's own verified address is looked up; only users
//! that a look-up of this login returned are linked, with the login's own; both
//! sides must then be there, verified, not blocked, with an address that is proved by their own
//! identity, and as the policy last saw them; calls are counted; after a call
//! that no honest policy makes, every other is refused; what a link writes and
//! what an outcome says is limited; and the outcome must say what was done. The
//! workspace's tests hold them against the real guard.
//!
//! Differences from the real host: the login's user is taken as the event has it, log
//! lines are all kept, there is no limit of fuel, memory or time, and the host's
//! own marks in `app_metadata` (that a user was asked, or separated) are not
//! written.

mod calls;
mod check;
mod contract;
mod directory;
mod guard;
mod patch;
#[cfg(feature = "schema")]
mod schema;
mod words;

use std::collections::BTreeMap;
use std::fmt;

use crate::settings::for_login;
use crate::{Answer, ApiError, LogLevel, LoginEvent, Outcome, Policy, Settings, SettingsError, User};
use directory::Directory;
use guard::Guard;

pub use calls::{Call, Fault};
pub use guard::Refusal;
#[cfg(feature = "schema")]
pub use schema::assert_schema;
pub use words::{login, user};

/// A host with users, for one login.
#[derive(Debug, Clone, Default)]
pub struct Host {
    directory: Directory,
    faults: Vec<Fault>,
    now: u64,
    raw_event: Option<String>,
    raw_users: BTreeMap<String, String>,
}

/// A login that has got its decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// The policy's answer.
    pub outcome: Outcome,
    /// The primary that the login's user was linked into, if it was.
    pub linked: Option<String>,
    /// The users there are afterwards, in the order of their ids.
    pub users: Vec<User>,
    /// The calls that were refused or over budget, each once.
    pub refusals: Vec<Refusal>,
    /// The lines for the operator.
    pub log: Vec<(LogLevel, String)>,
}

/// The reason why a login got no decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The policy document is invalid. The real host refuses it before any login.
    Settings(SettingsError),
    /// The policy returned an error.
    GaveUp(ApiError),
    /// The outcome breaks the contract, or does not say what was done.
    InvalidAnswer(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(SettingsError { line: 0, message, .. }) => write!(f, "the settings: {message}"),
            Self::Settings(SettingsError { line, column, message }) => {
                write!(f, "the settings, line {line}, column {column}: {message}")
            }
            Self::GaveUp(error) => write!(f, "gave up: {}", words::describe_error(error)),
            Self::InvalidAnswer(what) => write!(f, "gave an invalid answer: {}", words::quote(what)),
        }
    }
}

impl std::error::Error for Failure {}

impl Host {
    /// A host without users, at 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self { now: 1_767_225_600_000, ..Self::default() }
    }

    /// Adds this user. A user with the login's id is the directory's copy of the login's user;
    /// without one, the event's user is in the directory.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.directory.put(user);
        self
    }

    /// Sets the time of the login, in milliseconds since 1970.
    #[must_use]
    pub fn now(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    /// Makes look-ups find an address only in exactly its case, as those of Auth0 do.
    #[must_use]
    pub fn exact_look_up(mut self) -> Self {
        self.directory.is_exact = true;
        self
    }

    /// Adds a fault.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Sets the answer to `raw_event`. The default holds the connection only.
    #[must_use]
    pub fn raw_event(mut self, json: &str) -> Self {
        self.raw_event = Some(json.to_owned());
        self
    }

    /// Sets the answer to `raw_user` about this user. The default holds the user's id, address and
    /// verification only.
    #[must_use]
    pub fn raw_user(mut self, id: &str, json: &str) -> Self {
        self.raw_users.insert(id.to_owned(), json.to_owned());
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
        let mut guard = Guard::new(self, &login);
        let outcome = policy(&login, &settings, &mut guard).map_err(Failure::GaveUp)?;
        check::outcome(&outcome, &guard).map_err(Failure::InvalidAnswer)?;
        Ok(guard.decided(outcome))
    }
}
