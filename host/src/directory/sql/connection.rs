//! The common interface of SQLite's and PostgreSQL's clients.
//!
//! Both accept the same statements. Parameters are `$1`, `$2` … in the order of their
//! first appearance, because SQLite numbers them by that order.

use crate::directory::records::TxResult;

/// A parameter of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum Param<'a> {
    Text(Option<&'a str>),
    Int(Option<i64>),
    Bytes(Option<&'a [u8]>),
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Some(text))
    }
}

impl<'a> From<&'a String> for Param<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(Some(text))
    }
}

/// Versions, counts and times fit into an `i64`: they grow from 0, by one or by the clock.
impl From<u64> for Param<'_> {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

/// One row of a result. Columns count from 0.
pub(super) trait Row {
    fn text(&self, column: usize) -> TxResult<Option<&str>>;
    fn int(&self, column: usize) -> TxResult<Option<i64>>;
    fn bytes(&self, column: usize) -> TxResult<Option<&[u8]>>;
}

/// A connection to a database.
pub(super) trait Connection {
    /// Whether the database locks single rows, so that a selection can skip locked ones.
    const LOCKS_ROWS: bool;

    /// Runs a statement. Returns how many rows it changed.
    fn execute(&mut self, statement: &'static str, params: &[Param<'_>]) -> TxResult<u64>;

    /// Runs a query, row by row.
    fn query(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> TxResult<()>,
    ) -> TxResult<()>;
}
