//! Programs that suites run, and the packages that they need.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// Returns the output of a command.
///
/// # Errors
///
/// The program, and the first line that names an error.
pub fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if ran.status.success() {
        return Ok(text(&ran.stdout));
    }
    let complaint = text(&ran.stderr);
    let line = complaint.lines().find(|line| line.contains("rror")).or(complaint.lines().last());
    Err(format!("{program}: {}", line.unwrap_or("it failed")))
}

/// Installs the packages of a lock with `npm ci`, without their scripts, if Node.js is recent enough.
///
/// # Errors
///
/// The reason why they cannot be installed.
pub fn npm_ci(folder: &Path, lock: &str) -> Result<(), String> {
    let node = output(Command::new("node").arg("--version"))?;
    let version: Vec<u32> = node.trim_start_matches('v').split('.').map_while(|n| n.parse().ok()).collect();
    if version < vec![20, 19] {
        return Err(format!("node is {node}, older than 20.19"));
    }
    unless_stamped(&folder.join("node_modules"), lock, || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        output(npm.current_dir(folder))
    })
}

/// Installs packages into a folder, unless those of these very pins are there.
///
/// # Errors
///
/// The reason why they cannot be installed.
pub fn unless_stamped(
    installed: &Path,
    pins: &str,
    install: impl FnOnce() -> Result<String, String>,
) -> Result<(), String> {
    let stamp = installed.join(".ligature");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == pins) {
        return Ok(());
    }
    let _ = fs::remove_file(&stamp);
    install()?;
    fs::write(&stamp, pins).map_err(|error| format!("{}: {error}", stamp.display()))
}
