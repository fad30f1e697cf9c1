//! PostgreSQL, and the engines that speak its protocol.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, Statement};

use super::connection::{Connection, Param, Row};
use super::migrations::{Migrate, migrate, with_cause};
use super::postgres_address::Address;
use super::rows::Rows;
use super::seal::Seal;
use super::written::{Ended, Written, not_known};
use crate::directory::PoolState;
use crate::directory::open::OpenError;
use crate::directory::records::{Done, Durability, Interrupted, Records};
use crate::login::ApiError;

/// Connections at a time, of one process.
const CONNECTIONS: u32 = 16;
/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Said at the beginning of every connection. A row that another client holds
/// keeps one connection for two seconds, and no statement takes as long as a
/// request of the tenant may (30 s). A client that has died in a transaction
/// gives its rows back.
const SESSION: &str = "SET lock_timeout = '2s'; SET statement_timeout = '15s'; \
                       SET idle_in_transaction_session_timeout = '15s'";
/// A session that was idle for longer is asked whether it still lives before it
/// is used: the server may have ended it, or a firewall forgotten it.
const IDLE: Duration = Duration::from_secs(1);
/// How long a session may take to answer that.
const ANSWER: Duration = Duration::from_secs(1);

pub(super) struct Postgres {
    /// None once it is dropped.
    pool: Option<r2d2::Pool<Server>>,
    seal: Seal,
}

impl Postgres {
    pub(super) fn connect(url: &str, seal: Seal, mode: Migrate) -> Result<Self, OpenError> {
        let address = Address::new(url, &|name| std::env::var(name).ok())?;
        let server = Server { address, ends: Arc::default() };
        let place = server.address.place.clone();
        let unusable = |why: String| OpenError::Unusable { place: place.clone(), why };
        let mut first = server.session().map_err(|error| {
            if is_away(&error) {
                return OpenError::Away { place: place.clone(), why: words(&error) };
            }
            unusable(words(&error))
        })?;
        migrate(&mut first.client, mode).map_err(unusable)?;
        let pool = r2d2::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            // Asks only those that may have ended: see `is_valid`.
            .test_on_check_out(true)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(server)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { pool: Some(pool), seal })
    }

    pub(super) fn pool_state(&self) -> PoolState {
        let state = self.pool.as_ref().map(r2d2::Pool::state);
        let (open, idle) = state.map_or((0, 0), |state| (state.connections, state.idle_connections));
        PoolState { open, idle, limit: CONNECTIONS }
    }

    pub(super) fn read<T>(&self, what: &mut impl FnMut(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut session = self.session()?;
        what(&mut Rows::new(&mut *session, &self.seal))
    }

    /// Runs a transaction once. Where the connection ends before it is known
    /// whether the transaction was committed, says what it wrote.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        what: &mut impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Done<Ended<T>> {
        let mut session = self.session()?;
        // Until it is over, the connection must not be another's.
        session.in_transaction = true;
        session.statement(match durability {
            Durability::Power => "BEGIN",
            Durability::Process => "BEGIN; SET LOCAL synchronous_commit = off",
        })?;
        let mut rows = Rows::new(&mut *session, &self.seal);
        let done = what(&mut rows);
        let written = rows.written.take();
        match done {
            Ok(done) => match session.client.batch_execute("COMMIT") {
                Ok(()) => {
                    session.in_transaction = false;
                    Ok(Ended::Committed(done))
                }
                Err(error) if session.client.is_closed() || is_away(&error) => {
                    session.server_ended();
                    // A count of logins is not worth a second one.
                    if durability == Durability::Process {
                        return Ok(Ended::Committed(done));
                    }
                    Ok(Ended::Unanswered(done, written))
                }
                Err(error) => Err(session.interrupted(&error)),
            },
            Err(interrupted) => {
                // If this fails too, the connection is thrown away, and the
                // transaction ends with it.
                session.in_transaction = session.statement("ROLLBACK").is_err();
                Err(interrupted)
            }
        }
    }

    /// Whether something that a transaction wrote is there. Where that cannot be
    /// told, says so.
    fn finds(&self, written: &Written) -> Done<bool> {
        let begin = Instant::now();
        loop {
            match self.read(&mut |records| written.is_in(records)) {
                Ok(Some(is_there)) => return Ok(is_there),
                Err(_) if begin.elapsed() < LOOK => std::thread::sleep(Duration::from_millis(100)),
                Ok(None) | Err(_) => return Err(not_known().into()),
            }
        }
    }

    fn session(&self) -> Done<r2d2::PooledConnection<Server>> {
        let Some(pool) = &self.pool else {
            return Err(ApiError::Unavailable("the directory was closed".to_owned()).into());
        };
        pool.get().map_err(|error| {
            // The pool's own words are "timed out waiting for connection", and
            // the last reason behind them.
            let error = error.to_string();
            let why = error.split_once(": ").map_or(String::new(), |(_, why)| format!(": {why}"));
            let why = format!("no connection to the database server within {} s{why}", PATIENCE.as_secs());
            ApiError::Unavailable(why).into()
        })
    }
}

impl Drop for Postgres {
    /// Closes the connections on a thread of their own: each has a runtime,
    /// which does not end inside of another one, such as the tenant's.
    fn drop(&mut self) {
        let pool = self.pool.take();
        let closing = std::thread::Builder::new().name("closing connections".to_owned());
        if let Ok(closing) = closing.spawn(move || drop(pool)) {
            let _ = closing.join();
        }
    }
}

/// How long a commit whose answer was lost is looked for: as long as another
/// server takes to lead.
const LOOK: Duration = Duration::from_secs(15);

/// A transaction that is run until it is committed. A commit whose answer was lost
/// is looked for before it is run again.
pub(super) struct Write<'a, T, F> {
    postgres: &'a Postgres,
    durability: Durability,
    what: F,
    /// Done in a transaction that was not there when it was looked for. Where the
    /// server was still at it, it comes later.
    unanswered: Option<(T, Written)>,
}

impl<'a, T, F: FnMut(&mut dyn Records) -> Done<T>> Write<'a, T, F> {
    pub(super) fn of(postgres: &'a Postgres, durability: Durability, what: F) -> Self {
        Self { postgres, durability, what, unanswered: None }
    }

    /// Runs it once.
    pub(super) fn run(&mut self) -> Done<T> {
        match self.postgres.write(self.durability, &mut self.what)? {
            Ended::Committed(done) => Ok(done),
            Ended::Unanswered(_, None) => Err(lost()),
            Ended::Unanswered(done, Some(written)) => {
                if self.postgres.finds(&written)? {
                    return Ok(done);
                }
                self.unanswered = Some((done, written));
                Err(lost())
            }
        }
    }

    /// The end of the last run. One that failed may have come upon the work of
    /// the transaction before.
    pub(super) fn end(self, done: Done<T>) -> Done<T> {
        match (done, self.unanswered) {
            (Err(_), Some((done, written))) if self.postgres.finds(&written)? => Ok(done),
            (done, _) => done,
        }
    }
}

fn lost() -> Interrupted {
    Interrupted::Again("the connection to the database ended at a commit, and nothing was changed".to_owned())
}

/// A connection and the statements that it has prepared.
struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    in_transaction: bool,
    /// When it was last given back.
    used: Instant,
    /// How often the server had ended sessions when this one was known to live.
    ends: u64,
    all_ends: Arc<AtomicU64>,
}

impl Session {
    fn statement(&mut self, sql: &str) -> Done<()> {
        self.client.batch_execute(sql).map_err(|error| self.interrupted(&error))
    }

    fn prepared(&mut self, sql: &'static str) -> Done<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let prepared = self.client.prepare(sql).map_err(|error| self.interrupted(&error))?;
        self.statements.insert(sql, prepared.clone());
        Ok(prepared)
    }

    /// The server has ended this session. It has perhaps ended all others, too:
    /// each is asked before it is used again.
    fn server_ended(&mut self) {
        self.in_transaction = true;
        self.all_ends.fetch_add(1, Ordering::Relaxed);
    }

    /// An error of the server's, as the directory answers it before a COMMIT.
    fn interrupted(&mut self, error: &postgres::Error) -> Interrupted {
        if self.client.is_closed() || is_away(error) {
            self.server_ended();
            return Interrupted::Again(format!(
                "the database server ended the connection ({})",
                words(error)
            ));
        }
        match error.code() {
            // Another server leads by now.
            Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                self.server_ended();
                Interrupted::Again(words(error))
            }
            // A distributed engine answers so as a matter of course, and PostgreSQL
            // under stricter isolation.
            Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
                Interrupted::Again("other transactions kept getting in the way".to_owned())
            }
            // Waited for already; meanwhile others need the connection.
            Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                let why = "another client of the database holds the row for more than 2 s; try again later";
                ApiError::Unavailable(why.to_owned()).into()
            }
            Some(&SqlState::QUERY_CANCELED) => ApiError::TimedOut.into(),
            _ => ApiError::Unavailable(words(error)).into(),
        }
    }
}

/// What the pool makes connections with.
struct Server {
    address: Address,
    /// How often a session was ended by the server.
    ends: Arc<AtomicU64>,
}

impl Server {
    fn session(&self) -> Result<Session, postgres::Error> {
        let ends = self.ends.load(Ordering::Relaxed);
        let mut client = self.address.connect()?;
        client.batch_execute(SESSION)?;
        Ok(Session {
            client,
            statements: HashMap::new(),
            in_transaction: false,
            used: Instant::now(),
            ends,
            all_ends: self.ends.clone(),
        })
    }
}

impl r2d2::ManageConnection for Server {
    type Connection = Session;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Session, postgres::Error> {
        self.session()
    }

    /// Asks a session whether it lives, where it may have ended.
    fn is_valid(&self, session: &mut Session) -> Result<(), postgres::Error> {
        let ends = self.ends.load(Ordering::Relaxed);
        if session.ends == ends && session.used.elapsed() < IDLE {
            return Ok(());
        }
        session.client.is_valid(ANSWER)?;
        session.ends = ends;
        Ok(())
    }

    /// Called when a session is given back.
    fn has_broken(&self, session: &mut Session) -> bool {
        session.used = Instant::now();
        session.in_transaction || session.client.is_closed()
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
        // Each value checks for itself.
        true
    }

    to_sql_checked!();
}

impl Connection for Session {
    fn execute(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<u64> {
        let statement = self.prepared(statement)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        self.client.execute(&statement, &params).map_err(|error| self.interrupted(&error))
    }

    fn query(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Done<()>,
    ) -> Done<()> {
        // The server's text holds no NUL and takes none: no row has such a value.
        if params.iter().any(|param| matches!(param, Param::Text(Some(text)) if text.contains('\0'))) {
            return Ok(());
        }
        let statement = self.prepared(statement)?;
        let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|param| param as _).collect();
        let rows = self.client.query(&statement, &params).map_err(|error| self.interrupted(&error))?;
        rows.iter().try_for_each(|row| each(row))
    }
}

impl Row for postgres::Row {
    fn text(&self, column: usize) -> Done<Option<&str>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }

    fn int(&self, column: usize) -> Done<Option<i64>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }

    fn bytes(&self, column: usize) -> Done<Option<&[u8]>> {
        self.try_get(column).map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &postgres::Error) -> Interrupted {
    ApiError::Other(format!("the database holds a value that cannot be read: {error}")).into()
}

/// Whether an error says nothing but that the server is not there: it ends the
/// connection, does not accept one yet, or cannot be reached.
///
/// Source: PostgreSQL, "PostgreSQL Error Codes", classes 08, 25 (25P03), 53 and 57.
fn is_away(error: &postgres::Error) -> bool {
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

/// Whether the network failed, or the machine that was to be reached.
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

fn words(error: &postgres::Error) -> String {
    match error.code() {
        Some(&SqlState::DISK_FULL) => "the database server's disk is full; nothing was changed".to_owned(),
        Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
            "the database server takes no changes (a replica?); nothing was changed".to_owned()
        }
        Some(&SqlState::INVALID_PASSWORD | &SqlState::INVALID_AUTHORIZATION_SPECIFICATION) => {
            "the database server does not accept this user and password".to_owned()
        }
        _ => with_cause(error),
    }
}
