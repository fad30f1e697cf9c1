//! Builds the policy plugin and hands it to the host, which embeds it: the
//! program `ligature` is one file that works.

use std::path::Path;

fn main() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the host lies in the workspace");
    build_guest::Guest::package("link-users-by-email").build(workspace, "link_users_by_email.wasm");
}
