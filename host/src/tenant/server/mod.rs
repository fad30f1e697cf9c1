//! The HTTP server: listeners, routes, limits, metrics and reload.

pub(super) mod certificates;
pub(super) mod early_end;
pub(super) mod listener;
pub(super) mod login_routes;
pub(super) mod rate_limit;
pub(super) mod refusal;
pub(super) mod reload;
pub(super) mod routes;
pub(super) mod serve;
pub(super) mod termination;
pub(super) mod time_limit;
pub(super) mod unknown_path;
