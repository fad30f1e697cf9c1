//! The logins that are not finished: their data, and the secrets that continue them.

pub(super) mod account_proof;
pub(super) mod authorization;
pub(super) mod authorization_code;
pub(super) mod errand;
pub(super) mod linking_request;
pub(super) mod pending_login;
pub(super) mod stores;
pub(super) mod tickets;

pub(super) use stores::Flows;
