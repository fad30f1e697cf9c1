//! The limits file, which `--limits` names.

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
/// When it cannot be read, with the line and the expected content.
pub(super) fn read_limits(file: &Path) -> Result<Limits, InputError> {
    let read: LimitsFile = read_toml(file)?;
    read.limits.check().map_err(|why| InputError::for_file(file, format!("limits: {why}")))?;
    Ok(read.limits)
}
