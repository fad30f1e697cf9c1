//! A session with a PostgreSQL server, and its errors.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, SimpleQueryMessage, SimpleQueryRow, Statement};

use super::address::Address;
use crate::ambient::Ambient;
use crate::clock::Monotonic;
use crate::directory::records::{TxError, TxResult};
use crate::directory::sql::connection::{Connection, Param, Row};
use crate::directory::sql::migrations::{Database, from_to, with_cause};
use crate::model::ApiError;

/// The settings of every session: waiting for a locked row ends after two seconds, a statement ends
/// before a request of the tenant times out (30 s), and a client that dies within a transaction
/// releases its locks.
const SESSION: &str = "SET lock_timeout = '2s'; SET statement_timeout = '15s'; \
                       SET idle_in_transaction_session_timeout = '15s'";
/// Settings of the query planner. A statement that is prepared while a table is empty would be
/// planned as a scan, even after the table has grown. Every statement but the count has an index,
/// and none is worth starting parallel workers. Errors are ignored for databases that do not
/// support these settings.
const BY_INDEX: &str = "SET enable_seqscan = off; SET max_parallel_workers_per_gather = 0";
/// The additional setting of a read-only session.
const READING: &str = "SET default_transaction_read_only = on";
/// The idle time after which a session is checked before use: the server may have closed
/// it, or a firewall may have dropped it.
const IDLE: Duration = Duration::from_secs(1);
/// The timeout of that check.
const ANSWER: Duration = Duration::from_secs(1);

/// A connection and its prepared statements.
pub(super) struct PostgresSession {
    pub(super) client: Client,
    statements: HashMap<&'static str, Statement>,
    pub(super) in_transaction: bool,
    /// The time at which the session was last returned to the pool.
    used: Monotonic,
    /// The value of `all_ends` when this session was last known to be open.
    ends: u64,
    /// The number of sessions that the server has closed.
    all_ends: Arc<AtomicU64>,
}

impl PostgresSession {
    /// Runs statements without parameters.
    pub(super) fn statement(&mut self, sql: &str) -> TxResult<()> {
        self.client.batch_execute(sql).map_err(|error| self.transaction_error(&error))
    }

    /// Prepares a statement, or returns the prepared one.
    fn prepare(&mut self, sql: &'static str) -> TxResult<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let prepared = self.client.prepare(sql).map_err(|error| self.transaction_error(&error))?;
        self.statements.insert(sql, prepared.clone());
        Ok(prepared)
    }

    /// Notes that the server has closed this session. It may have closed all others too, so each is
    /// checked before its next use.
    pub(super) fn note_server_end(&mut self) {
        self.in_transaction = true;
        self.all_ends.fetch_add(1, Ordering::Relaxed);
    }

    /// Converts an error of the server before a COMMIT.
    pub(super) fn transaction_error(&mut self, error: &postgres::Error) -> TxError {
        if self.client.is_closed() || is_unreachable(error) {
            self.note_server_end();
            return TxError::Conflict(format!(
                "the database server ended the connection ({})",
                describe(error)
            ));
        }
        match error.code() {
            // After a failover, another server accepts changes.
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                self.note_server_end();
                TxError::Conflict(describe(error))
            }
            // Normal in distributed databases, and in PostgreSQL at stricter isolation levels.
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                TxError::Conflict("other transactions kept conflicting with this one".to_owned())
            }
            // The transaction has already waited for the lock, and others need the connection.
            Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                let why =
                    "another client of the database holds this row or table for too long; try again later";
                ApiError::Unavailable(why.to_owned()).into()
            }
            Some(&SqlState::QUERY_CANCELED) => ApiError::TimedOut.into(),
            _ => ApiError::Unavailable(describe(error)).into(),
        }
    }
}

/// The pool's factory of connections.
pub(super) struct Server {
    pub(super) address: Address,
    reads_only: bool,
    /// The number of sessions that the server has closed.
    ends: Arc<AtomicU64>,
    ambient: Ambient,
}

impl Server {
    /// Creates the factory for an address.
    pub(super) fn new(address: Address, reads_only: bool, ambient: &Ambient) -> Self {
        Self { address, reads_only, ends: Arc::default(), ambient: ambient.clone() }
    }

    /// Opens a session.
    pub(super) fn session(&self) -> Result<PostgresSession, postgres::Error> {
        let ends = self.ends.load(Ordering::Relaxed);
        let mut client = self.address.connect()?;
        client.batch_execute(SESSION)?;
        let _ = client.batch_execute(BY_INDEX);
        if self.reads_only {
            client.batch_execute(READING)?;
        }
        Ok(PostgresSession {
            client,
            statements: HashMap::new(),
            in_transaction: false,
            used: self.ambient.monotonic(),
            ends,
            all_ends: self.ends.clone(),
        })
    }
}

impl r2d2::ManageConnection for Server {
    type Connection = PostgresSession;
    type Error = postgres::Error;

    fn connect(&self) -> Result<PostgresSession, postgres::Error> {
        self.session()
    }

    /// Checks a session that may have been closed.
    fn is_valid(&self, session: &mut PostgresSession) -> Result<(), postgres::Error> {
        let ends = self.ends.load(Ordering::Relaxed);
        if session.ends == ends && self.ambient.elapsed(session.used) < IDLE {
            return Ok(());
        }
        session.client.is_valid(ANSWER)?;
        session.ends = ends;
        Ok(())
    }

    /// Returns whether a session that is returned to the pool must be discarded.
    fn has_broken(&self, session: &mut PostgresSession) -> bool {
        session.used = self.ambient.monotonic();
        session.in_transaction || session.client.is_closed()
    }
}

impl Database for Client {
    const HAS_HISTORY: &'static str = "SELECT 'yes' WHERE to_regclass('refinery_schema_history') IS NOT NULL";
    const TABLES: &'static str = "SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = current_schema() AND c.relname IN ('users', 'identities', 'credentials', 'journal', 'imports') \
         ORDER BY c.relname";
    const NOT_OURS: &'static str = "give Ligature a schema of its own: CREATE SCHEMA ligature, and the URL with \
         ?options=-csearch_path%3Dligature";

    fn query_texts(&mut self, statement: &str) -> Result<Vec<Vec<String>>, String> {
        let messages = self.simple_query(statement).map_err(|error| describe(&error))?;
        let text = |row: &SimpleQueryRow, n| row.get(n).unwrap_or_default().to_owned();
        Ok(messages
            .iter()
            .filter_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some((0..row.len()).map(|n| text(row, n)).collect()),
                _ => None,
            })
            .collect())
    }

    fn prepare_migration(&mut self, from: usize, notify: &dyn Fn(&str)) -> Result<(), String> {
        notify(&format!(
            "{}; earlier versions of the program cannot use it; to go back, restore a dump made before the \
             change: pg_dump --schema NAME \
             DATABASE > before.sql",
            from_to("the PostgreSQL directory", from)
        ));
        Ok(())
    }
}

impl ToSql for Param<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Text(text) => text.to_sql_checked(kind, out),
            Self::Int(number) => number.to_sql_checked(kind, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Each value checks its own type.
        true
    }

    to_sql_checked!();
}

impl Connection for PostgresSession {
    const LOCKS_ROWS: bool = true;

    fn execute(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<u64> {
        let statement = self.prepare(statement)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        self.client.execute(&statement, &params).map_err(|error| self.transaction_error(&error))
    }

    fn query(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> TxResult<()>,
    ) -> TxResult<()> {
        // PostgreSQL's text cannot contain NUL, so no row has such a value.
        if params.iter().any(|param| matches!(param, Param::Text(Some(text)) if text.contains('\0'))) {
            return Ok(());
        }
        let statement = self.prepare(statement)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let rows = self.client.query(&statement, &params).map_err(|error| self.transaction_error(&error))?;
        rows.iter().try_for_each(|row| each(row))
    }
}

impl Row for postgres::Row {
    fn text(&self, column: usize) -> TxResult<Option<&str>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }

    fn int(&self, column: usize) -> TxResult<Option<i64>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }

    fn bytes(&self, column: usize) -> TxResult<Option<&[u8]>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }
}

/// Returns the server's own message.
fn server_message(error: &postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned())
}

/// Returns the error for a value of an unexpected type.
fn unreadable(error: &postgres::Error) -> TxError {
    ApiError::Other(format!("the database holds a value that cannot be read: {error}")).into()
}

/// Returns whether an error only means that the server is unavailable: it closes the
/// connection, does not accept one yet, or cannot be reached.
///
/// Source: PostgreSQL, "PostgreSQL Error Codes", classes 08, 25 (25P03), 53 and 57.
pub(super) fn is_unreachable(error: &postgres::Error) -> bool {
    match error.code() {
        Some(code) => {
            code.code().starts_with("08")
                || matches!(
                    *code,
                    SqlState::ADMIN_SHUTDOWN
                        | SqlState::CRASH_SHUTDOWN
                        | SqlState::CANNOT_CONNECT_NOW
                        | SqlState::TOO_MANY_CONNECTIONS
                        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
                )
        }
        None => error.is_closed() || is_io(error),
    }
}

/// Returns whether the network or the remote machine failed.
fn is_io(error: &postgres::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<std::io::Error>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Describes an error for people.
pub(super) fn describe(error: &postgres::Error) -> String {
    match error.code() {
        Some(&SqlState::DISK_FULL) => "the database server's disk is full; this change was not made".to_owned(),
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
            "the database server takes no changes (a replica?); this change was not made".to_owned()
        }
        Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            format!("this database role lacks the permission ({})", server_message(error))
        }
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "the database server does not accept this user and password".to_owned()
        }
        Some(&SqlState::INVALID_SQL_STATEMENT_NAME | &SqlState::DUPLICATE_PSTATEMENT) => {
            "the database server does not know a statement that was prepared on this connection: a pooler before it must \
             leave each client its connection (pgbouncer: pool_mode = session)"
                .to_owned()
        }
        _ => with_cause(error),
    }
}
