//! A policy from the command line: the reports on it, and the changes that would alter a
//! decision.

mod hints;
mod one_road;
mod production;
mod program;
mod reading;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

/// The result of a run of the program.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

fn ligature(arguments: &[&str]) -> Ran {
    ligature_in(&workspace(), arguments)
}

fn ligature_in(folder: &Path, arguments: &[&str]) -> Ran {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Ran { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
}
