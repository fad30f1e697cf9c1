//! Users out of a directory.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::user::to_import;
use crate::directory::{Administration, Stored};
use crate::model::ApiError;
use crate::terminal::write_json;

/// How users are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Format {
    /// Auth0's bulk export: one user object a line.
    #[default]
    Export,
    /// Auth0's bulk import: one array of database users, of this connection only if
    /// one is given.
    Import(Option<String>),
}

/// What came of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// Users written.
    pub users: u64,
    /// Users that the format cannot hold.
    pub left_out: u64,
    /// Linked identities of those written, which the format cannot hold.
    pub identities: u64,
    /// The connections of those written, where the format does not tell them.
    pub connections: BTreeSet<String>,
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The directory failed.
    #[error(transparent)]
    Directory(#[from] ApiError),
    /// The users cannot be written.
    #[error("the users cannot be written: {0}")]
    Unwritable(#[from] io::Error),
}

/// Writes every user as it is at one moment, in the order of the directory's ids.
/// `each` is told how many are done.
///
/// # Errors
///
/// When the directory or the writing fails; what was written then is not all.
pub fn export(
    directory: &dyn Administration,
    format: &Format,
    out: &mut dyn Write,
    mut each: impl FnMut(u64),
) -> Result<Exported, ExportError> {
    let mut exported = Exported::default();
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

impl Exported {
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
                let Some(fields) = to_import(user).filter(|_| is_wanted) else {
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
