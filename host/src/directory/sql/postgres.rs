//! PostgreSQL, and the engines that speak its protocol.

use std::collections::HashMap;
use std::time::Duration;

use postgres::error::SqlState;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut, to_sql_checked};
use postgres::{Client, Statement};

use super::connection::{Connection, Param, Row};
use super::migrations::{Migrate, migrate, with_cause};
use super::postgres_address::Address;
use super::rows::Rows;
use super::seal::Seal;
use crate::directory::open::OpenError;
use crate::directory::records::{Done, Durability, Interrupted, Records};
use crate::login::ApiError;

/// Connections at a time, of one process.
const CONNECTIONS: u32 = 16;
/// How long a connection is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Said at the beginning of every connection: no statement may hang for ever.
const SESSION: &str = "SET statement_timeout = '30s'";

pub(super) struct Postgres {
    pool: r2d2::Pool<Server>,
    seal: Seal,
}

impl Postgres {
    pub(super) fn connect(url: &str, seal: Seal, mode: Migrate) -> Result<Self, OpenError> {
        let server = Server { address: Address::new(url, &|name| std::env::var(name).ok())? };
        let place = server.address.place.clone();
        let unusable = |why: String| OpenError::Unusable { place: place.clone(), why };
        let mut first = server.session().map_err(|error| unusable(words(&error)))?;
        migrate(&mut first.client, mode).map_err(unusable)?;
        let pool = r2d2::Pool::builder()
            .max_size(CONNECTIONS)
            .min_idle(Some(0))
            .test_on_check_out(false)
            .connection_timeout(PATIENCE)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build(server)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { pool, seal })
    }

    pub(super) fn read<T>(&self, what: &mut impl FnMut(&mut dyn Records) -> Done<T>) -> Done<T> {
        let mut session = self.session()?;
        what(&mut Rows { connection: &mut *session, seal: &self.seal, pending: None })
    }

    pub(super) fn write<T>(
        &self,
        durability: Durability,
        what: &mut impl FnMut(&mut dyn Records) -> Done<T>,
    ) -> Done<T> {
        let mut session = self.session()?;
        // Until it is over, the connection must not be another's.
        session.in_transaction = true;
        let begun = session.statement(match durability {
            Durability::Power => "BEGIN",
            Durability::Process => "BEGIN; SET LOCAL synchronous_commit = off",
        });
        if begun.is_err() && session.client.is_closed() {
            // The server was started anew, and nothing has happened yet.
            return Err(Interrupted::Again("the database server closes its connections".to_owned()));
        }
        begun?;
        let done = what(&mut Rows { connection: &mut *session, seal: &self.seal, pending: None });
        match done {
            Ok(done) => {
                session.statement("COMMIT")?;
                session.in_transaction = false;
                Ok(done)
            }
            Err(interrupted) => {
                // If this fails too, the connection is thrown away, and the
                // transaction ends with it.
                session.in_transaction = session.statement("ROLLBACK").is_err();
                Err(interrupted)
            }
        }
    }

    fn session(&self) -> Done<r2d2::PooledConnection<Server>> {
        self.pool.get().map_err(|_| {
            let why = format!("no connection to the database server within {} s", PATIENCE.as_secs());
            ApiError::Unavailable(why).into()
        })
    }
}

/// A connection and the statements that it has prepared.
struct Session {
    client: Client,
    statements: HashMap<&'static str, Statement>,
    in_transaction: bool,
}

impl Session {
    fn statement(&mut self, sql: &str) -> Done<()> {
        self.client.batch_execute(sql).map_err(|error| interrupted(&error))
    }

    fn prepared(&mut self, sql: &'static str) -> Done<Statement> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let prepared = self.client.prepare(sql).map_err(|error| interrupted(&error))?;
        self.statements.insert(sql, prepared.clone());
        Ok(prepared)
    }
}

/// What the pool makes connections with.
struct Server {
    address: Address,
}

impl Server {
    fn session(&self) -> Result<Session, postgres::Error> {
        let mut client = self.address.connect()?;
        client.batch_execute(SESSION)?;
        Ok(Session { client, statements: HashMap::new(), in_transaction: false })
    }
}

impl r2d2::ManageConnection for Server {
    type Connection = Session;
    type Error = postgres::Error;

    fn connect(&self) -> Result<Session, postgres::Error> {
        self.session()
    }

    fn is_valid(&self, session: &mut Session) -> Result<(), postgres::Error> {
        session.client.batch_execute("")
    }

    fn has_broken(&self, session: &mut Session) -> bool {
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
        self.client.execute(&statement, &params).map_err(|error| interrupted(&error))
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
        let rows = self.client.query(&statement, &params).map_err(|error| interrupted(&error))?;
        rows.iter().try_for_each(|row| each(row))
    }
}

impl Row for postgres::Row {
    fn text(&self, column: usize) -> Done<Option<&str>> {
        self.try_get(column).map_err(|error| interrupted(&error))
    }

    fn int(&self, column: usize) -> Done<Option<i64>> {
        self.try_get(column).map_err(|error| interrupted(&error))
    }

    fn bytes(&self, column: usize) -> Done<Option<&[u8]>> {
        self.try_get(column).map_err(|error| interrupted(&error))
    }
}

/// An error of the server's, as the directory answers it.
fn interrupted(error: &postgres::Error) -> Interrupted {
    match error.code() {
        // What a distributed engine answers as a matter of course, and
        // PostgreSQL under stricter isolation.
        Some(&SqlState::T_R_SERIALIZATION_FAILURE | &SqlState::T_R_DEADLOCK_DETECTED) => {
            Interrupted::Again("other transactions kept getting in the way".to_owned())
        }
        Some(&SqlState::QUERY_CANCELED) => ApiError::TimedOut.into(),
        _ => ApiError::Unavailable(words(error)).into(),
    }
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
        Some(&SqlState::INVALID_SQL_STATEMENT_NAME | &SqlState::DUPLICATE_PSTATEMENT) => {
            "the database server does not know a statement that was prepared on this connection: a pooler before it must \
             leave each client its connection (pgbouncer: pool_mode = session)"
                .to_owned()
        }
        _ => with_cause(error),
    }
}
