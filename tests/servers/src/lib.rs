//! PostgreSQL and pgbouncer servers that suites start and end, and ports for other servers.

mod pgbouncer;
mod ports;
mod postgres;

pub use crate::pgbouncer::Pgbouncer;
pub use crate::ports::reserve_port;
pub use crate::postgres::{NoServer, Postgres, binaries, ordinary_user};
