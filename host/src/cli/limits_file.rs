//! The file of `--limits`.

use std::path::Path;

use serde::Deserialize;

use crate::limits::Limits;
use crate::reading::{InputError, object, read_toml};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    #[serde(default, deserialize_with = "object")]
    limits: Limits,
}

/// Reads the table `[limits]` of a TOML file.
///
/// # Errors
///
/// With the line, and what is allowed there.
pub(super) fn read(file: &Path) -> Result<Limits, InputError> {
    let read: LimitsFile = read_toml(file)?;
    read.limits.check().map_err(|why| InputError::whole(file, format!("limits: {why}")))?;
    Ok(read.limits)
}
