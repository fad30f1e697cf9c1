//! The compilation of the built-in policy: in a child process, so that no server keeps a compiler's
//! memory, and only once.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ligature_host::PLUGIN;
use ligature_host::ambient::Ambient;
use ligature_host::sandbox::{Compiler, Options, Sandbox};

/// Writes a compiler that notes each of its runs, and then does the same as the program.
fn write_compiler(folder: &Path) -> PathBuf {
    let (file, runs) = (folder.join("compiler"), folder.join("runs"));
    let script = format!(
        "#!/bin/sh\necho run >> '{}'\nexec '{}' \"$@\"\n",
        runs.display(),
        env!("CARGO_BIN_EXE_ligature")
    );
    fs::write(&file, script).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).expect("its mode");
    file
}

/// Loads the built-in policy as a new process does. Returns how often the compiler has run so far.
fn load(folder: &Path, compiler: PathBuf, cache: Option<PathBuf>) -> usize {
    let options = Options { compiler: Compiler::Child(compiler), cache, ..Options::default() };
    let sandbox = Sandbox::start(options, &Ambient::system()).expect("a sandbox");
    sandbox.load_trusted("built-in", PLUGIN).expect("it loads");
    fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

#[test]
fn a_child_compiles_it_at_the_first_start_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let (compiler, cache) = (write_compiler(folder.path()), folder.path().join("cache"));
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache.clone())), 1);
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache)), 1);
    // The first cache stays: its sandboxes may still write to it.
    let other_cache = folder.path().join("other-cache");
    assert_eq!(load(folder.path(), compiler.clone(), Some(other_cache)), 2);
    // Without a cache nothing is known.
    assert_eq!(load(folder.path(), compiler.clone(), None), 3);
    assert_eq!(load(folder.path(), compiler, None), 4);
}

#[test]
fn it_is_compiled_in_the_process_if_the_child_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    assert_eq!(load(folder.path(), folder.path().join("missing"), Some(cache.clone())), 0);
    // The failure is not noted: the next start uses a child again.
    let compiler = write_compiler(folder.path());
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache.clone())), 1);
    assert_eq!(load(folder.path(), compiler, Some(cache)), 1);
}
