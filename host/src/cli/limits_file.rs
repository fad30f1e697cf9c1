//! The file of `--limits`.

use std::path::Path;

use anyhow::anyhow;
use serde::Deserialize;

use crate::harness::{cannot_be_read, with_suggestion};
use crate::limits::Limits;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    #[serde(default)]
    limits: Limits,
}

/// Reads the table `[limits]` of a TOML file.
///
/// # Errors
///
/// With the line, and what is allowed there.
pub(super) fn read(file: &Path) -> anyhow::Result<Limits> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| anyhow!("{}: {}", file.display(), cannot_be_read(&error)))?;
    let read = toml::from_str::<LimitsFile>(&text).map_err(|error| {
        let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
        anyhow!(
            "{}, line {}: {}",
            file.display(),
            before.matches('\n').count() + 1,
            with_suggestion(error.message())
        )
    })?;
    read.limits.check().map_err(|why| anyhow!("{}: limits: {why}", file.display()))?;
    Ok(read.limits)
}
