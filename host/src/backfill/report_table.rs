//! The table of a plan for spreadsheets: one decided login per row.

use std::io::{self, Write};

use super::plan::{Plan, PlanError, PlannedGroup};
use crate::model::join_lines;

/// The columns.
const COLUMNS: [&str; 9] =
    ["group", "kind", "address", "login", "decision", "primary", "others", "reason", "detail"];

/// The reason why a table is not written.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The plan cannot be read.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The table cannot be written.
    #[error("the table cannot be written: {}", crate::reading::describe_io_error(.0))]
    // No source, which would repeat the text.
    Unwritable(io::Error),
}

impl From<io::Error> for TableError {
    fn from(error: io::Error) -> Self {
        Self::Unwritable(error)
    }
}

impl From<csv::Error> for TableError {
    fn from(error: csv::Error) -> Self {
        Self::Unwritable(error.into())
    }
}

/// Writes the table of a plan as CSV.
///
/// # Errors
///
/// If the plan cannot be read, or the table cannot be written.
pub fn write_table(plan: &Plan, out: impl Write) -> Result<(), TableError> {
    let mut table = csv::Writer::from_writer(out);
    table.write_record(COLUMNS)?;
    plan.read_groups(|group| write_group(&mut table, &group))?;
    Ok(table.flush()?)
}

fn write_group<W: Write>(table: &mut csv::Writer<W>, group: &PlannedGroup) -> Result<(), TableError> {
    let id = group.group.to_string();
    for login in &group.logins {
        let others = login.others.join(" ");
        let row = [
            id.as_str(),
            group.kind.as_str(),
            &group.address,
            &login.user_id,
            login.kind.as_str(),
            login.primary.as_deref().unwrap_or_default(),
            &others,
            &login.reason,
            &login.detail,
        ];
        table.write_record(row.map(escape_cell))?;
    }
    Ok(())
}

/// The longest text of a cell, in bytes. Spreadsheets take 32,767 characters.
const CELL: usize = 32_000;

/// Escapes a text for a cell: control characters and those that control the direction of text are
/// escaped, and an apostrophe is put before a text that a spreadsheet would take for a formula.
///
/// Source: OWASP, "CSV Injection".
pub(super) fn escape_cell(cell: &str) -> String {
    let shown = join_lines(cell, CELL);
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{shown}"),
        false => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::escape_cell;

    #[test]
    fn a_spreadsheet_runs_no_formula_of_an_account() {
        for formula in ["=HYPERLINK(\"https://evil.test\")", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(escape_cell(formula), format!("'{formula}"));
        }
        assert_eq!(escape_cell("\t=1"), "'\\t=1");
        assert_eq!(escape_cell("\r=1"), "'\\r=1");
        assert_eq!(escape_cell("auth0|1"), "auth0|1");
    }

    #[test]
    fn a_cell_shows_what_it_contains() {
        assert_eq!(escape_cell("auth0|\u{202e}1\n2"), "auth0|\\u{202e}1\\n2");
        assert!(escape_cell(&"x".repeat(100_000)).len() < 32_767);
    }
}
