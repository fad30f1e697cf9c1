//! The host's functions for a policy.

use crate::bindings::types::{ApiError, LinkRequest, Timestamp, User};

pub use crate::bindings::log::LogLevel;

/// The host's functions. In a component they are the host's own, in tests
/// [`testing::Host`](crate::testing::Host)'s.
pub trait Host {
    /// Returns every user but the login's own with this address. Allowed are the login's
    /// own verified address and its form in ASCII lower case.
    ///
    /// # Errors
    ///
    /// The host's error, such as [`ApiError::Refused`].
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError>;

    /// Returns whether look-ups ignore the case of ASCII letters. If not, an address
    /// in mixed case takes two look-ups.
    fn ignores_case(&mut self) -> bool;

    /// Returns a fresh copy of one user: the login's own, or one that a look-up of this
    /// login returned. Counts as a look-up.
    ///
    /// # Errors
    ///
    /// The host's error.
    fn get(&mut self, id: &str) -> Result<User, ApiError>;

    /// Links the login's user and one that a look-up of this login returned.
    ///
    /// # Errors
    ///
    /// The host's error; nothing was changed then.
    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError>;

    /// Returns the event, a JSON object in Auth0's shape, without the user and without
    /// secrets.
    fn raw_event(&mut self) -> String;

    /// Returns the complete user object, as the policy last received it. Costs no
    /// look-up.
    ///
    /// # Errors
    ///
    /// The host's error.
    fn raw_user(&mut self, id: &str) -> Result<String, ApiError>;

    /// Writes a line for the operator. It must not hold secrets or metadata.
    fn log(&mut self, level: LogLevel, message: &str);

    /// Returns the login's time, the only clock of a policy.
    fn now(&mut self) -> Timestamp;
}

/// The host, as the contract offers it.
#[cfg(target_family = "wasm")]
pub(crate) struct Imports;

#[cfg(target_family = "wasm")]
impl Host for Imports {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError> {
        crate::bindings::users::find_by_email(email)
    }

    fn ignores_case(&mut self) -> bool {
        crate::bindings::users::ignores_case()
    }

    fn get(&mut self, id: &str) -> Result<User, ApiError> {
        crate::bindings::users::get(id)
    }

    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        crate::bindings::accounts::link(request)
    }

    fn raw_event(&mut self) -> String {
        crate::bindings::raw::event()
    }

    fn raw_user(&mut self, id: &str) -> Result<String, ApiError> {
        crate::bindings::raw::user(id)
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        crate::bindings::log::write(level, message);
    }

    fn now(&mut self) -> Timestamp {
        // Not std's clock, which brings one along that the host does not offer.
        let now = wasi::clocks::wall_clock::now();
        now.seconds.saturating_mul(1000).saturating_add(u64::from(now.nanoseconds / 1_000_000))
    }
}
