//! Sets the commit and the version of wasmtime for `ligature --version`.

use std::path::Path;
use std::process::Command;

/// Passes the commit and the version of wasmtime to the program. Cargo runs this again
/// only when another commit is checked out or the lock file changes.
pub(crate) fn set_environment(workspace: &Path) {
    let lock = workspace.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    println!(
        "cargo::rustc-env=LIGATURE_WASMTIME={}",
        find_wasmtime(&lock).unwrap_or_else(|| "unknown".to_owned())
    );
    let commit =
        find_commit(workspace).unwrap_or_else(|| "unknown: it was built without git's folder".to_owned());
    println!("cargo::rustc-env=LIGATURE_COMMIT={commit}");
}

/// Finds the commit of the workspace. Returns none if the workspace is not the root of a
/// git repository, such as an unpacked tarball, even inside another repository.
fn find_commit(workspace: &Path) -> Option<String> {
    let top = run_git(workspace, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != workspace.canonicalize().ok()? {
        return None;
    }
    // `HEAD` names the branch; the branch's file or the packed refs name the commit.
    // Cargo would run this at every build if a watched file did not exist.
    let branch = run_git(workspace, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(file) = run_git(workspace, &["rev-parse", "--git-path", name])
            && workspace.join(&file).exists()
        {
            println!("cargo::rerun-if-changed={}", workspace.join(file).display());
        }
    }
    run_git(workspace, &["rev-parse", "HEAD"])
}

fn run_git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(workspace).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| output.status.success() && !text.is_empty())
}

/// Finds the version of wasmtime in the lock file.
fn find_wasmtime(lock: &Path) -> Option<String> {
    let text = std::fs::read_to_string(lock).ok()?;
    let (_, behind) = text.split_once("name = \"wasmtime\"\nversion = \"")?;
    behind.split_once('"').map(|(version, _)| version.to_owned())
}
