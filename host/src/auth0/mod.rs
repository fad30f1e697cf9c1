//! The client of Auth0's Management API, version 2, and the connection to the tenant that
//! OpenID Connect uses too. It is blocking, as the rest of the core is.
//!
//! | file | contents |
//! |---|---|
//! | `address.rs` | the address of a tenant: `auth0://DOMAIN` |
//! | `credentials.rs` | id and secret of the machine application |
//! | `users_api.rs` | the calls that a directory needs, as a trait |
//! | `calls.rs` | these calls as requests |
//! | `users_export.rs` | the bulk export of users: its job, and the download of its file |
//! | `client.rs` | the client: token, limiter and retries around a request |
//! | `path.rs` | paths with encoded ids |
//! | `need.rs` | the scopes that calls need, and what for |
//! | `token.rs` | the machine token, asked for once |
//! | `limiter.rs` | the requests that the tenant allows, shared between logins |
//! | `rate_headers.rs` | the headers that state them |
//! | `retry.rs` | repeating a request that failed |
//! | `transport.rs` | one HTTP request |
//! | `tenant_http.rs` | requests of other protocols to the same tenant |
//! | `connect.rs` | the connection under it |
//! | `answer.rs` | its answer, and the envelopes of errors |
//! | `time_limit.rs` | the end of the time that a call has |
//! | `call_error.rs`, `setup_error.rs` | the errors of calls, and of connecting |

mod address;

mod call_error;
mod calls;
mod client;
mod connect;
mod credentials;
mod limiter;
mod need;
mod path;
mod rate_headers;
mod response;
mod retry;
mod setup_error;
#[cfg(feature = "hook")]
mod tenant_http;
mod time_limit;
mod token;
mod transport;
mod users_api;
mod users_export;

pub use address::TenantAddress;
pub use call_error::{CallError, CallErrorKind};
pub use client::ManagementClient;
pub use credentials::ClientCredentials;
pub use need::{Need, UnmetNeed};
pub use setup_error::SetupError;
#[cfg(feature = "hook")]
pub(crate) use tenant_http::{HttpAnswer, TenantHttp};
pub use time_limit::TimeLimit;
pub use users_api::{Named, UsersApi};
pub use users_export::{Download, EXPORTED_FIELDS, ExportState};
