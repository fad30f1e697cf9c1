//! The parts that the console is started with, whichever server has its pages.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::access::Access;
use super::live_feed::LiveFeed;
#[cfg(feature = "hook")]
use super::login::operator_login::OperatorLogin;
#[cfg(feature = "hook")]
use super::login::{ConsoleError, OperatorSettings};
use super::routes::router;
use super::state::Console;
use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::service::forms::FormKey;

/// The persons who may enter the console.
#[derive(Clone)]
pub struct ConsoleAccess(pub(super) Access);

impl ConsoleAccess {
    /// Everybody who reaches the server. For one that listens on this machine only, and refuses requests
    /// that name another host than its own.
    #[must_use]
    pub fn local() -> Self {
        Self(Access::Local)
    }

    /// Operators, after a login at their issuer. Asks the issuer for nothing yet.
    ///
    /// # Errors
    ///
    /// If one of the settings cannot be used.
    #[cfg(feature = "hook")]
    pub fn of_operators(settings: OperatorSettings, ambient: &Ambient) -> Result<Self, ConsoleError> {
        Ok(Self(Access::Operators(Arc::new(OperatorLogin::new(settings, ambient)?))))
    }

    /// Checks that the issuer answers, and that it accepts the application, its secret and its callback.
    /// Returns the callback; none if operators do not log in.
    ///
    /// # Errors
    ///
    /// If the issuer does not answer as an issuer does, or refuses the application.
    #[cfg(feature = "hook")]
    pub fn check(&self) -> Result<Option<String>, ConsoleError> {
        match &self.0 {
            Access::Local => Ok(None),
            Access::Operators(login) => login.check().map(|callback| Some(callback.into())),
        }
    }
}

/// The parts of the console.
#[derive(Clone)]
pub struct ConsoleParts {
    /// The directory of the users.
    pub directory: Arc<dyn Administration>,
    /// The persons who may enter.
    pub access: ConsoleAccess,
    /// The console's clock and source of randomness.
    pub ambient: Ambient,
}

/// The most pages that are made at the same time. They take threads from logins.
const PAGES_AT_ONCE: usize = 16;

impl ConsoleParts {
    /// Returns the pages.
    pub fn into_routes(self) -> axum::Router {
        let Self { directory, access: ConsoleAccess(access), ambient } = self;
        let form_key = FormKey::derive(ambient.random().secret().as_bytes());
        let feed = LiveFeed::new(&directory);
        let places = Arc::new(Semaphore::new(PAGES_AT_ONCE));
        router(&Arc::new(Console { directory, access, form_key, feed, ambient, places }))
    }
}
