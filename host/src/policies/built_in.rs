//! The policy that comes with the host.

use crate::sandbox::ComponentBytes;

/// The plugin `link-users-by-email`, built with this host.
#[cfg(feature = "built-in")]
pub const PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/link_users_by_email.wasm"));

/// SHA-256 of [`PLUGIN`], in hexadecimal.
#[cfg(feature = "built-in")]
pub const PLUGIN_SHA256: &str = env!("LIGATURE_PLUGIN_SHA256");

/// The name of the built-in policy in messages.
pub const PLUGIN_NAME: &str = "link-users-by-email";

/// Returns the component of the built-in policy; none in a build without the feature `built-in`.
pub(super) fn built_in_plugin() -> Option<ComponentBytes<'static>> {
    #[cfg(feature = "built-in")]
    let plugin = Some(ComponentBytes { bytes: PLUGIN, sha256: PLUGIN_SHA256 });
    #[cfg(not(feature = "built-in"))]
    let plugin = None;
    plugin
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{PLUGIN, PLUGIN_SHA256};

    #[test]
    fn the_hash_is_that_of_the_embedded_component() {
        let hash: String = Sha256::digest(PLUGIN).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(PLUGIN_SHA256, hash);
    }
}
