//! Writes the policy's JSON Schema, from its types, for the plugin to embed.

use std::path::Path;

fn main() {
    let schema = schemars::schema_for!(ligature_link_policy::Policy);
    let text = serde_json::to_string(&schema).expect("a schema is JSON");
    let out_dir = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out_dir).join("policy.schema.json"), text).expect("OUT_DIR can be written to");
    println!("cargo::rerun-if-changed=build.rs");

    // Memory that is there from the start: to grow it by a page at every login
    // is a system call, and takes longer than deciding.
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg-cdylib=--initial-memory={}", 23 * 64 * 1024);
    }
}
