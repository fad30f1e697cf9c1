//! The parts that the console is started with, whichever server has its pages.

use std::sync::Arc;

use super::routes::router;
use super::state::Console;
use crate::ambient::Ambient;
use crate::directory::Administration;
use crate::service::forms::FormKey;

/// The parts of the console of a server that only this machine reaches: whoever reaches it is an
/// operator.
#[derive(Clone)]
pub struct ConsoleParts {
    /// The directory of the users.
    pub directory: Arc<dyn Administration>,
    /// The console's clock and source of randomness.
    pub ambient: Ambient,
}

impl ConsoleParts {
    /// Returns the pages. The server refuses requests that name another host than its own.
    pub fn into_routes(self) -> axum::Router {
        let Self { directory, ambient } = self;
        let form_key = FormKey::derive(ambient.random().secret().as_bytes());
        router(&Arc::new(Console { directory, form_key, ambient }))
    }
}
