//! PostgreSQL and pgbouncer servers that suites start and end, ports for other servers, and packages of
//! other languages.

mod packages;
mod pgbouncer;
mod ports;
mod postgres;

pub use crate::packages::{npm_ci, output, unless_stamped};
pub use crate::pgbouncer::Pgbouncer;
pub use crate::ports::reserve_port;
pub use crate::postgres::{NoServer, Postgres, binaries, ordinary_user};
