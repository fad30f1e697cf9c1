//! The HTTP server: start, routes, limits and certificates.

pub(super) mod certificates;
pub(super) mod current;
pub(super) mod injected_faults;
pub(super) mod login_routes;
pub(super) mod own_forms;
pub(super) mod rate_limit;
pub(super) mod refusal;
pub(super) mod route_list;
pub(super) mod routes;
pub(super) mod serve;
pub(super) mod time_limit;
pub(super) mod unknown_path;
