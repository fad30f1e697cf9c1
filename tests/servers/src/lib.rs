//! PostgreSQL and pgbouncer servers that suites start and end.

mod pgbouncer;
mod postgres;

pub use crate::pgbouncer::Pgbouncer;
pub use crate::postgres::{NoServer, Postgres, binaries, ordinary_user};
