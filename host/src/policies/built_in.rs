//! The policy that comes with the host.

#[cfg(feature = "built-in")]
use crate::sandbox::ComponentBytes;
use crate::sandbox::TrustedComponent;

/// The plugin `link-users-by-email`, built with this host.
#[cfg(feature = "built-in")]
pub const PLUGIN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/link_users_by_email.wasm"));

/// The plugin `link-users-by-email` with its hash, and, with the feature `cli`, the code that the build
/// compiled of it.
#[cfg(feature = "built-in")]
#[allow(unsafe_code, reason = "the build script writes the component and its code")]
pub const BUILT_IN: TrustedComponent = {
    let component = ComponentBytes { bytes: PLUGIN, sha256: env!("LIGATURE_PLUGIN_SHA256") };
    // SAFETY: `host/build/precompile.rs` has compiled the code of this component. The program's wasmtime has the
    // features of the build script's.
    unsafe { TrustedComponent::new(component, CODE) }
};

#[cfg(feature = "cli")]
const CODE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/link_users_by_email.code"));

/// The name of the built-in policy in messages.
pub const PLUGIN_NAME: &str = "link-users-by-email";

/// A library has no code: its wasmtime may have features that the build script's lacks.
#[cfg(all(feature = "built-in", not(feature = "cli")))]
const CODE: &[u8] = &[];

/// Returns the built-in policy; none in a build without the feature `built-in`.
pub(super) fn built_in_plugin() -> Option<TrustedComponent> {
    #[cfg(feature = "built-in")]
    let plugin = Some(BUILT_IN);
    #[cfg(not(feature = "built-in"))]
    let plugin = None;
    plugin
}

#[cfg(test)]
#[cfg(feature = "built-in")]
mod tests {
    use sha2::{Digest, Sha256};

    use super::{BUILT_IN, PLUGIN};

    #[test]
    fn the_hash_is_that_of_the_embedded_component() {
        let hash: String = Sha256::digest(PLUGIN).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(BUILT_IN.component().sha256, hash);
    }
}
