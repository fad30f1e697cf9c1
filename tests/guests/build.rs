//! Builds the components that the tests run.

use std::path::PathBuf;

use ligature_build_guest::Guest;

fn main() {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let workspace = package.ancestors().nth(2).expect("the tests lie in the workspace");
    Guest::package("ligature-evil").build(workspace, "evil.wasm");
    Guest::package("ligature-evil").feature("worldly").build(workspace, "worldly.wasm");
    Guest::package("ligature-pinned").build(workspace, "pinned.wasm");
    Guest::package("ligature-probe").build(workspace, "probe.wasm");
    let example = workspace.join("examples/minimal-plugin");
    Guest::package("minimal-plugin").profile("release").build(&example, "minimal_plugin.wasm");
}
