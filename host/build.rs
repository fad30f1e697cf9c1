//! Builds the policy plugin and hands it to the host, which embeds it: the
//! program `ligature` is one file that works.

#[cfg(feature = "built-in")]
fn main() {
    let workspace = std::path::PathBuf::from(
        std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"),
    );
    let workspace = workspace.parent().expect("the host lies in the workspace");
    build_guest::Guest::package("link-users-by-email").build(workspace, "link_users_by_email.wasm");
}

#[cfg(not(feature = "built-in"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
