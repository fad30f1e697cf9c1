//! Builds the policy plugin and hands it to the host, which embeds it: the
//! program `ligature` is one file that works. Embeds the files of `ligature
//! new` too, and says which commit is built.

#[cfg(feature = "cli")]
#[path = "build/c_bindings.rs"]
mod c_bindings;
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
    ligature_build_guest::Guest::package("link-users-by-email").build(workspace, "link_users_by_email.wasm");
    #[cfg(feature = "cli")]
    {
        version::set_environment(workspace);
        scaffold::embed(&host.join("src/scaffold/templates"), workspace);
    }
}

#[cfg(not(feature = "built-in"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
