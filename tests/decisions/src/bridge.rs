//! The policy's host calls, answered by the guard.

use ligature_host::guard::Guard;
use ligature_host::model::{self, HostCalls, Timestamp};
use link_users_by_email::bindings::{self, ApiError, LinkRequest, User};
use link_users_by_email::carry_out::Host;

use crate::types;

/// Stands where the sandbox stands: between the policy and the guard.
pub struct Bridge {
    /// The login's guard.
    pub guard: Guard,
    /// The login's time.
    pub now: Timestamp,
    /// The number of look-ups and links that were asked for.
    pub calls: usize,
    /// The links that were asked for.
    pub links: Vec<model::LinkRequest>,
}

impl Host for Bridge {
    fn find_by_email(&mut self, email: &str) -> Result<Vec<User>, ApiError> {
        self.calls += 1;
        let found = self.guard.find_by_email(email);
        found.map(|users| users.iter().map(|user| types::user(user)).collect()).map_err(types::error)
    }

    fn ignores_case(&mut self) -> bool {
        self.guard.ignores_case()
    }

    fn link(&mut self, request: &LinkRequest) -> Result<(), ApiError> {
        self.calls += 1;
        let request: model::LinkRequest = types::link_request(request).map_err(ApiError::Invalid)?;
        self.links.push(request.clone());
        self.guard.link(request).map(drop).map_err(types::error)
    }

    fn now(&mut self) -> bindings::Timestamp {
        self.now.as_millis()
    }
}
