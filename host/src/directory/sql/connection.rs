//! What SQLite's and PostgreSQL's clients have in common.
//!
//! Both read the same statements: parameters are `$1`, `$2` … in the order in
//! which they first appear, which SQLite takes as names and numbers alike.

use crate::directory::records::Done;

/// A value for a statement.
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

/// Versions, counts and times fit: they grow from 0, by one or by the clock.
impl From<u64> for Param<'_> {
    fn from(number: u64) -> Self {
        Self::Int(Some(i64::try_from(number).unwrap_or(i64::MAX)))
    }
}

/// One row of an answer. Columns count from 0.
pub(super) trait Row {
    fn text(&self, column: usize) -> Done<Option<&str>>;
    fn int(&self, column: usize) -> Done<Option<i64>>;
    fn bytes(&self, column: usize) -> Done<Option<&[u8]>>;
}

/// A connection to a database.
pub(super) trait Connection {
    /// Runs a statement. Returns how many rows it changed.
    fn execute(&mut self, statement: &'static str, params: &[Param<'_>]) -> Done<u64>;

    /// Runs a query, row by row.
    fn query(
        &mut self,
        statement: &'static str,
        params: &[Param<'_>],
        each: &mut dyn FnMut(&dyn Row) -> Done<()>,
    ) -> Done<()>;
}
