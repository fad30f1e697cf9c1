//! A policy, as its author writes it.

use crate::{Answer, ApiError, Host, LoginEvent, Outcome, Settings};

/// Decides logins.
pub trait Policy {
    /// The policy document; [`NoSettings`](crate::NoSettings) if there is none.
    type Settings: Settings;

    /// Decides one login. A link that the decision needs is made here, through
    /// the host.
    ///
    /// # Errors
    ///
    /// When no decision is possible, commonly an answer of the host passed on
    /// with `?`. The host then lets the login continue without a link, or denies it, as
    /// the operator has chosen.
    fn on_login(
        login: &LoginEvent,
        settings: &Self::Settings,
        host: &mut impl Host,
    ) -> Result<Outcome, ApiError>;

    /// Decides the same login again after the user was asked
    /// ([`Decision::Suggest`](crate::Decision)), with the event as it is now.
    ///
    /// A policy that suggests nothing can leave this out: whatever the answer
    /// is, it links nothing.
    ///
    /// # Errors
    ///
    /// The same as of [`on_login`](Self::on_login).
    fn on_continue(
        _login: &LoginEvent,
        _answer: &Answer,
        _settings: &Self::Settings,
        _host: &mut impl Host,
    ) -> Result<Outcome, ApiError> {
        Ok(Outcome::proceed("ANSWER_NOT_USED", "The policy makes no use of what the user was asked."))
    }
}
