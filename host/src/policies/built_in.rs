//! The policy that comes with the host.

/// The plugin `link-users-by-email`, built with this host.
#[cfg(feature = "built-in")]
pub const PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/link_users_by_email.wasm"));

/// The name of the built-in policy in messages.
pub const PLUGIN_NAME: &str = "link-users-by-email";

/// Returns the component of the built-in policy; none in a build without the feature `built-in`.
pub(super) fn built_in_plugin() -> Option<&'static [u8]> {
    #[cfg(feature = "built-in")]
    let plugin = Some(PLUGIN);
    #[cfg(not(feature = "built-in"))]
    let plugin = None;
    plugin
}
