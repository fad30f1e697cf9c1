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

/// The version, the commit that it was built of, the contract with plugins, and
/// the wasmtime that runs them.
pub(super) fn text() -> &'static str {
    &TEXT
}
