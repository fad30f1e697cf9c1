//! Endpoints of logins within an application's own pages, as Lock and auth0-js use them.

pub(super) mod cross_origin;
pub(super) mod database;
pub(super) mod legacy;
pub(super) mod lock;
pub(super) mod login_ticket;
pub(super) mod own_origin;
pub(super) mod passwordless;
pub(super) mod resource_owner;
