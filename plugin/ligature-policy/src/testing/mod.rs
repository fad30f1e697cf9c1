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
mod decided;
mod directory;
mod guard;
mod host;
mod patch;
#[cfg(feature = "schema")]
mod schema;
mod setup;
mod words;

pub use calls::{Call, Fault};
pub use decided::{Decided, Failure, Refusal};
pub use host::Host;
#[cfg(feature = "schema")]
pub use schema::assert_schema;
pub use words::{login, user};
