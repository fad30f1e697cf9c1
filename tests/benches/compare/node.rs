//! The contenders in JavaScript: their packages, which are installed beside copies of the scripts, and
//! their runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ligature_test_servers::{npm_ci, output};
use serde_json::Value;

use crate::Place;
use crate::component;
use crate::times::Times;

/// The contenders, by their names for the scripts and for people.
pub(crate) const CONTENDERS: [(&str, &str); 4] = [
    ("vm-fresh", "the Rule, in `node:vm`, a fresh context"),
    ("vm-reused", "the Rule, in `node:vm`, one context for all logins"),
    (ISOLATE, "the Rule, in `isolated-vm`, a fresh isolate"),
    (EMBEDDED, "the embedded Action"),
];
const ISOLATE: &str = "isolated-vm";
const EMBEDDED: &str = "embedded-action";

/// The installed scripts.
pub(crate) struct Scripts {
    folder: PathBuf,
    /// The version of Node.
    pub(crate) node: String,
    /// The version of isolated-vm, or the reason why it is left out.
    pub(crate) isolate: Result<String, String>,
    /// The folder of the embedded Action, or the reason why it is left out.
    embedded: Result<PathBuf, String>,
}

impl Scripts {
    /// Installs what can be installed. Fails without Node.
    pub(crate) fn install(place: &Place) -> Result<Self, String> {
        let node = output(Command::new("node").arg("--version"))?;
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/node");
        let folder = place.0.join("node");
        copy(&sources, &folder);
        let isolate = install_isolate(&folder);
        let embedded = build_embedded(place);
        Ok(Self { folder, node, isolate, embedded })
    }

    /// Returns why a contender is left out.
    pub(crate) fn why_not(&self, contender: &str) -> Option<&str> {
        match contender {
            ISOLATE => self.isolate.as_ref().err(),
            EMBEDDED => self.embedded.as_ref().err(),
            _ => None,
        }
        .map(String::as_str)
    }

    /// Measures how a contender decides a login for so many seconds.
    pub(crate) fn measure(&self, contender: &str, login: &Path, seconds: f64) -> Times {
        // isolated-vm requires it since Node 20; the others start alike.
        let mut node = Command::new("node");
        node.args(["--no-node-snapshot", "measure.mjs", contender]).arg(login).arg(seconds.to_string());
        if contender == EMBEDDED {
            node.args(&self.embedded);
        }
        let printed =
            output(node.current_dir(&self.folder)).unwrap_or_else(|why| panic!("{contender}: {why}"));
        let figures: Value = serde_json::from_str(&printed).expect("figures");
        Times::read(&figures)
    }
}

/// Installs isolated-vm, and returns its version.
fn install_isolate(folder: &Path) -> Result<String, String> {
    npm_ci(folder, &fs::read_to_string(folder.join("package-lock.json")).expect("a lock"))?;
    let load = || {
        let code = "const isolate = new (require('isolated-vm').Isolate)(); isolate.dispose()";
        let mut node = Command::new("node");
        output(node.args(["--no-node-snapshot", "--eval", code]).current_dir(folder))
    };
    if load().is_err() {
        println!("the binary of isolated-vm may be compiled, which takes minutes");
        output(Command::new("npm").args(["rebuild", ISOLATE]).current_dir(folder))?;
        load()?;
    }
    let manifest = fs::read_to_string(folder.join("node_modules/isolated-vm/package.json"));
    let manifest: Value = serde_json::from_str(&manifest.expect("a manifest")).expect("JSON");
    Ok(manifest["version"].as_str().unwrap_or_default().to_owned())
}

/// Builds the embedded Action from the component of the program under measurement.
fn build_embedded(place: &Place) -> Result<PathBuf, String> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/auth0-action-embedded");
    let folder = place.0.join("embedded");
    copy(&package, &folder);
    for part in ["lib", "test"] {
        copy(&package.join(part), &folder.join(part));
    }
    npm_ci(&folder, &fs::read_to_string(folder.join("package-lock.json")).expect("a lock"))?;
    let wasm = folder.join("component.wasm");
    component::run(place, &["component", "--built-in", "--output", &wasm.to_string_lossy()]);
    let mut build = Command::new("node");
    output(build.arg("build.mjs").env("LIGATURE_COMPONENT", &wasm).current_dir(&folder))?;
    Ok(folder)
}

/// Copies the files of a folder, without the folders in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for file in fs::read_dir(from).expect("a folder").map(|file| file.expect("a file").path()) {
        if file.is_file() {
            fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
}
