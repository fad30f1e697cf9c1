//! Builds a guest component with a nested cargo, for build scripts.
//!
//! `cargo build` itself builds the workspace's components, so that no other command has
//! to run first. A failure ends the build with the command that corrects it; it is never
//! skipped.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that guests are built for.
pub const TARGET: &str = "wasm32-wasip2";

/// A guest to build: a package of a workspace.
#[derive(Debug, Clone)]
pub struct Guest {
    package: String,
    profile: String,
    features: Vec<String>,
}

impl Guest {
    /// A guest that is the package with this name.
    #[must_use]
    pub fn package(name: &str) -> Self {
        Self { package: name.to_owned(), profile: "guest".to_owned(), features: Vec::new() }
    }

    /// Uses this profile instead of `guest`, which only this workspace defines.
    #[must_use]
    pub fn profile(mut self, name: &str) -> Self {
        self.profile = name.to_owned();
        self
    }

    /// Enables a feature of the package.
    #[must_use]
    pub fn feature(mut self, name: &str) -> Self {
        self.features.push(name.to_owned());
        self
    }

    /// Builds the guest and copies the component to `OUT_DIR/<file>`. Cargo runs the build
    /// script again when a source file of the guest changes.
    ///
    /// `workspace` is the root of the package's workspace.
    ///
    /// # Panics
    ///
    /// When the guest cannot be built, with the remedy. A build script reports failure by
    /// panicking.
    pub fn build(&self, workspace: &Path, file: &str) -> PathBuf {
        let out_dir = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
        let target_dir = guest_target_dir(&out_dir);
        let manifest = workspace.join("Cargo.toml");

        println!("cargo::rerun-if-changed={}", manifest.display());
        println!("cargo::rerun-if-changed={}", workspace.join("Cargo.lock").display());

        let status = self.cargo(&manifest, &target_dir).status();
        match status {
            Ok(status) if status.success() => {}
            Ok(_) => panic!(
                "\n\nThe guest `{}` was not built; cargo's messages are above.\n\
                 If they say that the target `{TARGET}` is not installed, run:\n\n    \
                 rustup target add {TARGET}\n\n",
                self.package
            ),
            Err(error) => panic!("\n\ncargo could not be run to build `{}`: {error}\n\n", self.package),
        }

        let built = target_dir.join(TARGET).join(&self.profile);
        let name = self.package.replace('-', "_");
        rerun_if_sources_change(&built.join(format!("{name}.d")), &target_dir);
        let component = out_dir.join(file);
        std::fs::copy(built.join(format!("{name}.wasm")), &component).unwrap_or_else(|error| {
            panic!("\n\n{name}.wasm could not be copied to {}: {error}\n\n", component.display())
        });
        component
    }

    fn cargo(&self, manifest: &Path, target_dir: &Path) -> Command {
        let mut cargo = Command::new(env::var_os("CARGO").expect("cargo sets CARGO"));
        cargo
            .args(["build", "--locked", "--lib", "--profile", &self.profile, "--target", TARGET])
            .args(["--package", &self.package])
            .arg("--manifest-path")
            .arg(manifest)
            .arg("--target-dir")
            .arg(target_dir);
        if !self.features.is_empty() {
            cargo.args(["--features", &self.features.join(",")]);
        }
        // The outer cargo's settings for the host must not affect the guest.
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_BUILD_TARGET",
            "CARGO_TARGET_DIR",
        ] {
            cargo.env_remove(name);
        }
        for (name, _) in env::vars_os() {
            let is_of_outer_package =
                name.to_str().is_some_and(|n| n.starts_with("CARGO_FEATURE_") || n.starts_with("CARGO_CFG_"));
            if is_of_outer_package {
                cargo.env_remove(name);
            }
        }
        cargo
    }
}

/// Returns the target directory of guests, beside the host's profiles, which share it. In
/// the outer build's own directory, cargo would wait for the lock that the outer build
/// holds.
fn guest_target_dir(out_dir: &Path) -> PathBuf {
    // <target>/<profile>/build/<package>-<hash>/out
    out_dir.ancestors().nth(4).unwrap_or(out_dir).join("guest")
}

/// Has cargo watch the source files that the guest's dependency file lists. Files that the guest's own
/// build script has written are newer than the beginning of this one, so that the next build would run it
/// again, and compile the host once more. They change only with the others.
fn rerun_if_sources_change(dep_file: &Path, target_dir: &Path) {
    let Ok(text) = std::fs::read_to_string(dep_file) else {
        panic!("\n\ncargo wrote no dependency file {}\n\n", dep_file.display());
    };
    for source in text.lines().filter_map(|line| line.split_once(": ")).flat_map(|(_, list)| list.split(' '))
    {
        if !source.is_empty() && !Path::new(source).starts_with(target_dir) {
            println!("cargo::rerun-if-changed={source}");
        }
    }
}
