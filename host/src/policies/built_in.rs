//! The policy that comes with the host.

/// The plugin `link-users-by-email`, built with this host.
#[cfg(feature = "built-in")]
pub const PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/link_users_by_email.wasm"));

/// The name of [`PLUGIN`] in messages.
pub const PLUGIN_NAME: &str = "link-users-by-email";
