//! Builds the policy plugin, compiles it, and hands both to the host, which embeds them: the
//! program `ligature` is one file that works. Embeds the files of `ligature
//! new` too, and says which commit is built.

#[cfg(feature = "cli")]
#[path = "build/c_bindings.rs"]
mod c_bindings;
#[cfg(feature = "cli")]
#[path = "build/precompile.rs"]
mod precompile;
#[cfg(feature = "cli")]
#[path = "build/scaffold.rs"]
mod scaffold;
#[cfg(feature = "cli")]
#[path = "build/version.rs"]
mod version;

#[cfg(feature = "built-in")]
fn main() {
    let host = std::path::PathBuf::from(
        std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"),
    );
    let workspace = host.parent().expect("the host lies in the workspace");
    let guest = ligature_build_guest::Guest::package("link-users-by-email");
    let component = guest.build(workspace, "link_users_by_email.wasm");
    hash_plugin(&component);
    #[cfg(feature = "cli")]
    {
        precompile::write_code(&component);
        version::set_environment(workspace);
        scaffold::embed(&host.join("src/scaffold/templates"), workspace);
    }
}

/// Passes the component's SHA-256 to the host, which would otherwise compute it at each start.
#[cfg(feature = "built-in")]
fn hash_plugin(component: &std::path::Path) {
    use sha2::{Digest, Sha256};
    let bytes = std::fs::read(component).expect("the component was built just now");
    let hash: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    println!("cargo::rustc-env=LIGATURE_PLUGIN_SHA256={hash}");
}

#[cfg(not(feature = "built-in"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
