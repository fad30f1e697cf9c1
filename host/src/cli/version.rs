//! The text of `ligature --version`.

use std::sync::LazyLock;

use crate::sandbox::CONTRACT;

static TEXT: LazyLock<String> = LazyLock::new(|| {
    format!(
        "{}\ncommit    {}\ncontract  {CONTRACT}\nwasmtime  {}",
        env!("CARGO_PKG_VERSION"),
        env!("LIGATURE_COMMIT"),
        env!("LIGATURE_WASMTIME"),
    )
});

/// Returns the version, the commit, the contract with plugins, and the version of
/// wasmtime.
pub(super) fn version_text() -> &'static str {
    &TEXT
}
