//! The commit and the wasmtime that `ligature --version` names.

use std::path::Path;
use std::process::Command;

/// Tells the program its commit and its wasmtime. Cargo asks again when another
/// commit is checked out, and when the lock file changes: for nothing else.
pub(crate) fn tell(workspace: &Path) {
    let lock = workspace.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    println!(
        "cargo::rustc-env=LIGATURE_WASMTIME={}",
        wasmtime(&lock).unwrap_or_else(|| "unknown".to_owned())
    );
    let commit = commit(workspace).unwrap_or_else(|| "unknown: it was built without git's folder".to_owned());
    println!("cargo::rustc-env=LIGATURE_COMMIT={commit}");
}

/// None where the folder is none of git's own, such as that of a tarball, be it
/// within another repository.
fn commit(workspace: &Path) -> Option<String> {
    let top = git(workspace, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != workspace.canonicalize().ok()? {
        return None;
    }
    // `HEAD` names the branch, and the branch's own file or the packed ones the
    // commit. A file that is not there would have cargo ask at every build.
    let branch = git(workspace, &["symbolic-ref", "--quiet", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        if let Some(file) = git(workspace, &["rev-parse", "--git-path", name])
            && workspace.join(&file).exists()
        {
            println!("cargo::rerun-if-changed={}", workspace.join(file).display());
        }
    }
    git(workspace, &["rev-parse", "HEAD"])
}

fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(workspace).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    Some(said.trim().to_owned()).filter(|said| output.status.success() && !said.is_empty())
}

fn wasmtime(lock: &Path) -> Option<String> {
    let text = std::fs::read_to_string(lock).ok()?;
    let (_, behind) = text.split_once("name = \"wasmtime\"\nversion = \"")?;
    behind.split_once('"').map(|(version, _)| version.to_owned())
}
