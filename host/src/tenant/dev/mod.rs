//! Endpoints for the authors of tests, which Auth0 does not have.

mod refusal;
pub(crate) mod reset;
