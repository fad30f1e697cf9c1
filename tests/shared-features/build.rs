//! Without a build script, cargo ignores the dependencies of one.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}
