//! The client of Auth0's Management API, version 2.
//!
//! | file | contents |
//! |---|---|
//! | `users_api.rs` | the calls that a directory needs |
//! | `call_error.rs` | the errors of calls |
//! | `time_limit.rs` | the end of the time that a call has |

mod call_error;
mod time_limit;
mod users_api;

pub use call_error::{CallError, CallErrorKind};
pub use time_limit::TimeLimit;
pub use users_api::{Named, UsersApi};
