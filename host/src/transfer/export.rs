//! Exporting users.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::import_format::to_import_format;
use crate::directory::{Administration, Stored};
use crate::model::ApiError;
use crate::reading::describe_io_error;
use crate::terminal::write_json;

/// The format of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Format {
    /// Auth0's bulk export: one user object per line.
    #[default]
    Export,
    /// Auth0's bulk import: one array of database users, optionally of one connection only.
    Import(Option<String>),
}

/// The result of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportSummary {
    /// The number of users written.
    pub users: u64,
    /// The number of users that the format cannot represent.
    pub left_out: u64,
    /// The number of linked identities that were left out of the written users, because the
    /// format cannot represent them.
    pub identities: u64,
    /// The connections of the written users, if the format does not contain them.
    pub connections: BTreeSet<String>,
}

/// The reason why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
    /// The users cannot be written.
    #[error("the users cannot be written: {}", describe_io_error(.0))]
    Unwritable(#[from] io::Error),
}

/// Writes every user of one consistent snapshot, in the order of the directory's ids. Calls
/// `each` with the number of users written so far.
///
/// # Errors
///
/// If the directory or the writer fails. The output is then incomplete.
pub fn export(
    directory: &dyn Administration,
    format: &Format,
    out: &mut dyn Write,
    mut each: impl FnMut(u64),
) -> Result<ExportSummary, ExportError> {
    let mut exported = ExportSummary::default();
    if matches!(format, Format::Import(_)) {
        out.write_all(b"[")?;
    }
    let mut written = Ok(());
    directory.each_user(&mut |stored| {
        written = exported.write(stored, format, out);
        each(exported.users);
        written.is_ok()
    })?;
    written?;
    if matches!(format, Format::Import(_)) {
        out.write_all(b"\n]\n")?;
    }
    out.flush()?;
    Ok(exported)
}

impl ExportSummary {
    /// Writes one user, or counts it as left out.
    fn write(&mut self, stored: &Stored, format: &Format, out: &mut dyn Write) -> io::Result<()> {
        let user = &stored.user;
        match format {
            Format::Export => {
                write_json(&mut *out, user.as_ref()).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Format::Import(connection) => {
                let own = user.identities.first().map(|own| &own.connection);
                let is_wanted = connection.is_none() || connection.as_ref() == own;
                let Some(fields) = to_import_format(user).filter(|_| is_wanted) else {
                    self.left_out += 1;
                    return Ok(());
                };
                out.write_all(if self.users == 0 { b"\n" } else { b",\n" })?;
                write_json(&mut *out, &fields).map_err(io::Error::from)?;
                self.identities += user.identities.len().saturating_sub(1) as u64;
                self.connections.extend(own.cloned());
            }
        }
        self.users += 1;
        Ok(())
    }
}
