//! A folder in which suites run the program on a directory in SQLite.

#![allow(dead_code, reason = "each suite uses what it needs")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of a test, with its files and its directory `users.db`.
pub(crate) struct Place(tempfile::TempDir);

/// The result of a run of the program.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Reads the result of a run, which must not have panicked.
    pub(crate) fn read(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
        let ran =
            Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        assert!(!ran.stderr.contains("panicked") && !ran.stderr.contains("backtrace"), "{}", ran.stderr);
        ran
    }
}

impl Place {
    /// Creates a folder with these files.
    pub(crate) fn with_files(files: &[(&str, &str)]) -> Self {
        let place = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, text) in files {
            place.write(name, text.as_bytes());
        }
        place
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.file(name), bytes).expect("a file is written");
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env("LIGATURE_DIRECTORY", "sqlite:users.db")
            .env("USER", "the operator")
            .env_remove("SUDO_USER")
            .env("RUST_BACKTRACE", "1");
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::read(self.command(arguments).output().expect("the program runs"))
    }

    /// Runs the program, expects success, and returns its output.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        ran.stdout
    }

    /// Runs the program, expects this exit code, and returns its one line of error.
    pub(crate) fn bad(&self, arguments: &[&str], code: i32) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "one sentence: {}", ran.stderr);
        ran.stderr
    }

    /// Runs the program, expects success, and returns the JSON value that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.good(arguments)).expect("JSON")
    }

    /// Runs the program, expects success, and returns the JSON values that it prints, one a line.
    pub(crate) fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let printed = self.good(arguments);
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}
