//! Users out of a directory.

use std::io::{self, Write};

use super::user::to_import;
use crate::directory::Administration;
use crate::login::ApiError;
use crate::terminal::write_json;

/// Users read at a time.
const PAGE: usize = 1_000;

/// How users are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Auth0's bulk export: one user object a line.
    #[default]
    Export,
    /// Auth0's bulk import: one array of database users.
    Import,
}

/// What came of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Users written.
    pub users: u64,
    /// Users that the format cannot hold.
    pub left_out: u64,
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

/// Writes every user, in the order of the directory's ids. `each` is told how
/// many are done. A user that changes meanwhile is written as it was or as it
/// is.
///
/// # Errors
///
/// When the directory or the writing fails; what was written then is not all.
pub fn export(
    directory: &dyn Administration,
    format: Format,
    out: &mut dyn Write,
    mut each: impl FnMut(u64),
) -> Result<Exported, ExportError> {
    let mut exported = Exported::default();
    let mut after = String::new();
    if format == Format::Import {
        out.write_all(b"[")?;
    }
    loop {
        let page = directory.page(&after, PAGE)?;
        for stored in &page {
            match format {
                Format::Export => {
                    write_json(&mut *out, stored.user.as_ref()).map_err(io::Error::from)?;
                    out.write_all(b"\n")?;
                }
                Format::Import => match to_import(&stored.user) {
                    Some(user) => {
                        out.write_all(if exported.users == 0 { b"\n" } else { b",\n" })?;
                        write_json(&mut *out, &user).map_err(io::Error::from)?;
                    }
                    None => {
                        exported.left_out += 1;
                        continue;
                    }
                },
            }
            exported.users += 1;
        }
        each(exported.users);
        match page.last() {
            Some(last) => after.clone_from(&last.user.user_id),
            None => break,
        }
    }
    if format == Format::Import {
        out.write_all(b"\n]\n")?;
    }
    out.flush()?;
    Ok(exported)
}
