//! The example for newcomers builds in a copy of its folder, with our toolchain.

use std::path::Path;
use std::process::Command;

use ligature_tests::{SANDBOX, workspace};

/// Follows the README of the example: copies the folder, points the dependency at the crate, and
/// builds.
#[test]
fn the_minimal_plugin_builds_in_a_copy_of_its_folder() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let copy = place.path().join("my-policy");
    copy_sources(&workspace().join("examples/minimal-plugin"), &copy);
    let manifest = copy.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).expect("the manifest");
    let relative = "../../plugin/ligature-policy";
    let absolute = workspace().join("plugin/ligature-policy");
    assert_eq!(text.matches(relative).count(), 1, "the README says that one line changes");
    let absolute = absolute.to_str().expect("a path in UTF-8");
    std::fs::write(&manifest, text.replace(relative, absolute)).expect("the manifest is written");

    // Nothing is downloaded: the test's own components have the same lock. What
    // it depends on is built once, and not for every run.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copy");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--offline"]).current_dir(&copy);
    cargo.env("CARGO_TARGET_DIR", &target).env_remove("RUSTFLAGS").env_remove("CARGO_BUILD_TARGET");
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let component = target.join("wasm32-wasip2/release/minimal_plugin.wasm");
    let component = std::fs::read(component).expect("the component");
    SANDBOX.load("minimal", &component).expect("it loads");
}

/// Copies the sources without the output of a build.
fn copy_sources(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("the folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if !from.is_dir() {
            std::fs::copy(&from, &to).expect("the file is copied");
        } else if entry.file_name() != "target" {
            copy_sources(&from, &to);
        }
    }
}

/// rustup would bring another toolchain than the one that is tested.
#[test]
fn every_toolchain_file_names_the_same_toolchain() {
    let channel = |file: &str| {
        let text = std::fs::read_to_string(workspace().join(file)).expect("a toolchain file");
        text.lines().find(|line| line.starts_with("channel")).map(str::to_owned)
    };
    let own = channel("rust-toolchain.toml");
    assert!(own.is_some());
    for file in [
        "examples/minimal-plugin/rust-toolchain.toml",
        "host/src/scaffold/templates/rust/rust-toolchain.toml.in",
    ] {
        assert_eq!(channel(file), own, "{file}");
    }
}
