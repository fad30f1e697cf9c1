//! Endpoints for the authors of tests, which Auth0 does not have.

pub(crate) mod fault_list;
mod refusal;
pub(crate) mod reset;
