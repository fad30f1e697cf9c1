//! Builds the components that the tests run.

use std::path::Path;

use build_guest::Guest;

fn main() {
    let workspace =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the tests lie in the workspace");
    Guest::package("evil").build(workspace, "evil.wasm");
    Guest::package("evil").feature("worldly").build(workspace, "worldly.wasm");
    Guest::package("minimal-plugin").build(workspace, "minimal_plugin.wasm");
}
