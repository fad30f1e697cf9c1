//! The program `ligature`, as a person or a script uses it: what it prints,
//! where, and with which exit code.

mod case_files;
mod plugins;
mod policies;
mod recordings;
mod running;
mod testing;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const DEMO: &str = "examples/cases/verified-google-login.json";

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

/// The result of a run of the program.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ligature_in(directory: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(arguments)
        .current_dir(directory)
        // The environment of the tests has this set; the program ignores it.
        .env("RUST_BACKTRACE", "1")
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn ligature(arguments: &[&str]) -> Ran {
    ligature_in(&workspace(), arguments)
}

/// A directory of its own, with these files.
fn directory_with(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file is written");
    }
    directory
}

fn demo_case() -> String {
    fs::read_to_string(workspace().join(DEMO)).expect("the demo's case is there")
}

/// The one sentence that a failing run leaves on stderr.
fn sentence(ran: &Ran) -> String {
    assert!(
        !ran.stderr.contains("panicked at /") && !ran.stderr.contains("stack backtrace"),
        "{}",
        ran.stderr
    );
    assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
    format!("{} (exit {})", ran.stderr.trim_end(), ran.code.unwrap_or(-1))
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in ["run", "test", "policy", "inspect", "bench", "schema"] {
        let ran = ligature(&[command, "--help"]);
        assert_eq!(ran.code, Some(0));
        assert!(ran.stdout.contains("Example: ligature"), "{}", ran.stdout);
    }
}
