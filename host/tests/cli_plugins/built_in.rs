//! The code of the built-in policy. Commands that decide a few logins run the code of the build. Servers
//! compile it in a child process, so that they keep no memory of a compiler, and only once.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use ligature_host::ambient::Ambient;
use ligature_host::sandbox::{Cancel, Compiler, Options, Sandbox, Settings};
use ligature_host::{BUILT_IN, PLUGIN};
use serde_json::Value;

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
    sandbox.load_trusted("built-in", BUILT_IN).expect("it loads");
    fs::read_to_string(folder.join("runs")).unwrap_or_default().lines().count()
}

#[test]
fn a_child_compiles_it_at_the_first_start_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let (compiler, cache) = (write_compiler(folder.path()), folder.path().join("cache"));
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache.clone())), 1);
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache.clone())), 1);
    let other_cache = folder.path().join("other-cache");
    assert_eq!(load(folder.path(), compiler.clone(), Some(other_cache)), 2);
    // Without a folder nothing is kept.
    assert_eq!(load(folder.path(), compiler.clone(), None), 3);
    assert_eq!(load(folder.path(), compiler.clone(), None), 4);
    // Code that is lost or damaged is compiled again.
    for file in fs::read_dir(&cache).expect("a folder").map(|file| file.expect("a file").path()) {
        fs::write(file, "damaged").expect("it is written");
    }
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache.clone())), 5);
    fs::remove_dir_all(&cache).expect("it is removed");
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache.clone())), 6);
    assert_eq!(load(folder.path(), compiler, Some(cache)), 6);
}

#[test]
fn it_is_compiled_in_the_process_if_the_child_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("cache");
    assert_eq!(load(folder.path(), folder.path().join("missing"), Some(cache.clone())), 0);
    // The next start finds the code.
    let compiler = write_compiler(folder.path());
    assert_eq!(load(folder.path(), compiler.clone(), Some(cache)), 0);
    // The failure is not noted: where the code is not kept, a start uses a child again.
    let other_cache = folder.path().join("other-cache");
    assert_eq!(load(folder.path(), compiler, Some(other_cache)), 1);
}

#[test]
fn a_few_logins_run_the_code_of_the_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let (compiler, cache) = (write_compiler(folder.path()), folder.path().join("cache"));
    let compiler = Compiler::Child(compiler);
    let options = Options { compiler, cache: Some(cache.clone()), optimise: false, ..Options::default() };
    let sandbox = Sandbox::start(options, &Ambient::system()).expect("a sandbox");
    sandbox.load_trusted("built-in", BUILT_IN).expect("it loads");
    assert!(!folder.path().join("runs").exists());
    assert_eq!(fs::read_dir(cache).expect("a folder").count(), 0);
}

/// The page of `run` shows the fuel that a server would use.
#[test]
fn the_code_of_the_build_takes_the_fuel_of_optimised_code() {
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cases/verified-google-login.json");
    let fuel = |arguments: &[&str], pointer: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ligature"));
        let ran = program.args(arguments).output().expect("the program runs");
        let printed: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
        printed.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{printed}"))
    };
    let bench = ["bench", case, "--json", "--no-snapshot", "--seconds", "0.05"];
    assert_eq!(fuel(&["run", case, "--json"], "/cost/fuel"), fuel(&bench, "/fuel"));
}

#[test]
fn its_snapshot_is_kept_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { cache: Some(folder.path().to_owned()), optimise: false, ..Options::default() };
    let kept = |prefix: &str| {
        let files = fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file"));
        files.filter(|file| file.file_name().to_string_lossy().starts_with(prefix)).count()
    };
    for _ in 0..2 {
        let sandbox = Sandbox::start(options.clone(), &Ambient::system()).expect("a sandbox");
        let plugin = sandbox.load_trusted("built-in", BUILT_IN).expect("it loads");
        let settings = Settings::new("{}");
        let prepared = sandbox.prepare_settings(&plugin, PLUGIN, &settings, &Cancel::default());
        assert!(prepared.expect("a snapshot").expect("it offers one").has_read(&settings));
        // The component that the snapshot is taken of is one of the two.
        assert_eq!((kept("code-"), kept("snapshot-"), kept("")), (0, 2, 2));
    }
}
