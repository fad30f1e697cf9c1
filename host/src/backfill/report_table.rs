//! The table of a plan for spreadsheets: one decided login per row.

use std::borrow::Cow;
use std::io::{self, Write};

use super::plan::{Plan, PlanError, PlannedGroup};

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
    Unwritable(#[from] io::Error),
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
        table.write_record(row.map(|cell| escape_formula(cell).into_owned()))?;
    }
    Ok(())
}

/// Puts an apostrophe before a text that a spreadsheet would take for a formula.
///
/// Source: OWASP, "CSV Injection".
pub(super) fn escape_formula(cell: &str) -> Cow<'_, str> {
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{cell}").into(),
        false => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::escape_formula;

    #[test]
    fn a_spreadsheet_runs_no_formula_of_an_account() {
        for formula in ["=HYPERLINK(\"https://evil.test\")", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(escape_formula(formula), format!("'{formula}"));
        }
        assert_eq!(escape_formula("auth0|1"), "auth0|1");
    }
}
