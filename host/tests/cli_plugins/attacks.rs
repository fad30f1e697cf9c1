//! The program `ligature` with a plugin that means harm to the program itself.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

/// A case in which the evil plugin makes this attack, and limits under which
/// the machine's speed does not matter.
fn prepare(attack: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let user = |id: &str| json!({"user_id": id, "email": "ada@example.com", "email_verified": true});
    let case = json!({
        "title": attack,
        "now": "2026-11-21T10:00:00Z",
        "users": [user("auth0|verified")],
        "event": {
            "user": user("google-oauth2|2"),
            "connection": {"name": attack, "strategy": "google-oauth2"},
        },
    });
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("it is written");
    write("attack.json", &case.to_string());
    write("limits.toml", "[limits]\ndeadline_ms = 60000\n");
    directory
}

/// The program with 512 MiB for its data: one that takes more is aborted.
fn in_512_mib(directory: &Path, arguments: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_ligature");
    let evil = ligature_test_guests::EVIL_FILE;
    let command =
        format!("ulimit -d 524288; exec '{program}' {arguments} --plugin '{evil}' --limits limits.toml");
    let mut shell = Command::new("sh");
    shell.args(["-c", &command]).current_dir(directory).output().expect("the program runs")
}

fn ran(attack: &str) -> Value {
    let directory = prepare(attack);
    let ran = in_512_mib(directory.path(), "run attack.json --json");
    assert!(ran.status.success(), "{}: {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    assert!(ran.stdout.len() < 2 << 20, "{} bytes", ran.stdout.len());
    serde_json::from_slice(&ran.stdout).expect("it prints JSON")
}

#[test]
fn a_record_of_1500_calls_of_a_megabyte_each_is_kept_within_limits() {
    let report = ran("megabyte-look-ups");
    let last = &report["calls"][100];
    assert_eq!((&last["call"], &last["times"]), (&json!("more calls"), &json!(1_400)));
    assert_eq!(last["answer"]["limit"], "100 calls of a login are kept, and 1024 KiB of them");
}

#[test]
fn a_record_of_300_links_of_30_kb_each_is_kept_within_limits() {
    let report = ran("other-links");
    let calls = report["calls"].as_array().expect("a list");
    let times = |call: &Value| call["times"].as_u64().unwrap_or(1);
    assert_eq!(calls.iter().map(times).sum::<u64>(), 301);
    assert_eq!(calls.last().map(|call| &call["call"]), Some(&json!("more calls")));
}

#[test]
fn the_page_of_such_a_login_is_short() {
    let directory = prepare("megabyte-look-ups");
    let ran = in_512_mib(directory.path(), "run attack.json");
    let page = String::from_utf8(ran.stdout).expect("it prints UTF-8");
    assert!(ran.status.success() && page.len() < 1 << 20, "{}: {} bytes", ran.status, page.len());
    assert!(page.contains("more calls") && page.contains("(1,400 times)"), "{page}");
}

#[test]
fn the_snapshot_of_such_a_login_is_kept_within_limits() {
    let directory = prepare("megabyte-look-ups");
    let first = in_512_mib(directory.path(), "test attack.json --accept");
    assert!(first.status.success(), "{}: {}", first.status, String::from_utf8_lossy(&first.stderr));
    let snapshot = fs::metadata(directory.path().join("snapshots/attack.snap")).expect("it is written");
    assert!(snapshot.len() < 2 << 20, "{} bytes", snapshot.len());
    let again = in_512_mib(directory.path(), "test attack.json");
    assert!(again.status.success(), "{}: {}", again.status, String::from_utf8_lossy(&again.stdout));
}

/// The program's answer to a file that its compiler would work on for minutes.
fn inspected(limits: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let bomb = ligature_test_guests::with_module(
        ligature_test_guests::MINIMAL,
        &ligature_test_guests::slow_to_compile(),
    );
    fs::write(directory.path().join("bomb.wasm"), bomb).expect("it is written");
    fs::write(directory.path().join("limits.toml"), format!("[limits]\n{limits}\n")).expect("it is written");
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["inspect", "bomb.wasm", "--limits", "limits.toml"])
        .current_dir(directory.path())
        // It has not been compiled before.
        .env("XDG_CACHE_HOME", directory.path())
        .output()
        .expect("the program runs");
    (ran.status.code(), String::from_utf8(ran.stderr).expect("UTF-8"))
}

#[test]
fn compiling_ends_at_its_limit_of_time() {
    let (code, said) = inspected("compile_ms = 300");
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: plugin bomb.wasm takes longer than 300 ms to compile (the limit is `compile_ms`)\n"
    );
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "only Linux limits the memory of a process")]
fn compiling_ends_at_its_limit_of_memory() {
    let (code, said) = inspected("compile_ms = 600000\ncompile_memory_bytes = 67108864");
    assert_eq!(code, Some(2));
    assert_eq!(
        said,
        "error: plugin bomb.wasm takes more than 67108864 bytes of memory to compile (the limit is \
         `compile_memory_bytes`)\n"
    );
}

#[test]
fn a_file_that_is_too_large_is_not_read_whole() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = fs::File::create(directory.path().join("huge.wasm")).expect("a file");
    file.set_len(1 << 40).expect("a file with nothing in it");
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["inspect", "huge.wasm"])
        .current_dir(directory.path())
        .output()
        .expect("the program runs");
    assert_eq!(ran.status.code(), Some(2));
    assert_eq!(
        String::from_utf8_lossy(&ran.stderr),
        "error: plugin huge.wasm is larger than 67108864 bytes (the limit is `component_bytes`)\n"
    );
}

/// Reading a pipe without a writer would never end.
#[test]
#[cfg(unix)]
fn a_pipe_is_not_waited_for() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let pipe = directory.path().join("pipe.wasm");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it runs").success());
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["inspect", "pipe.wasm"])
        .current_dir(directory.path())
        .output()
        .expect("the program runs");
    assert_eq!(ran.status.code(), Some(2));
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(said.starts_with("error: pipe.wasm: ") && said.contains("it is not a regular file"), "{said}");
}

/// Compiled code is run from the cache.
#[test]
#[cfg(unix)]
fn a_cache_that_others_can_write_to_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let cache = directory.path().join("ligature");
    let entries = |mode| {
        fs::create_dir_all(&cache).expect("a folder");
        fs::set_permissions(&cache, fs::Permissions::from_mode(mode)).expect("its mode");
        let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
            .args(["inspect", ligature_test_guests::MINIMAL_FILE])
            .env("XDG_CACHE_HOME", directory.path())
            .output()
            .expect("the program runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        fs::read_dir(&cache).expect("a folder").count()
    };
    assert_eq!(entries(0o777), 0);
    assert!(entries(0o700) > 0);
}

#[test]
fn an_interface_with_long_names_is_told_in_short() {
    let name = "n".repeat(50_000);
    let functions: String = (0..20).map(|it| format!("(export \"{name}{it}\" (func))")).collect();
    let text = format!("(component (import \"ligature:login/users@0.1.0\" (instance {functions})))");
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("long.wasm"), wat::parse_str(text).expect("a component"))
        .expect("it is written");
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .args(["inspect", "long.wasm"])
        .current_dir(directory.path())
        .output()
        .expect("the program runs");
    assert!(ran.stdout.len() < 20_000, "{} bytes", ran.stdout.len());
}

#[test]
fn the_child_alone_says_for_whom_it_is() {
    let ran = Command::new(env!("CARGO_BIN_EXE_ligature"))
        .arg("compile-plugin")
        .stdin(std::process::Stdio::null())
        .output()
        .expect("the program runs");
    assert_eq!(ran.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&ran.stderr).starts_with("error: this command is internal to this program")
    );
}

/// The limits may be lower than when it was compiled: kept code of a file, and the code of the build.
#[test]
fn a_component_is_checked_although_there_is_code_of_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let limits = directory.path().join("limits.toml");
    fs::write(&limits, "[limits]\nfunctions = 1\n").expect("it is written");
    let run = |arguments: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_ligature"));
        program.args(arguments).env("XDG_CACHE_HOME", directory.path());
        program.output().expect("the program runs")
    };
    let case = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/cases/verified-google-login.json");
    for arguments in [["inspect", ligature_test_guests::MINIMAL_FILE], ["run", case]] {
        let ran = run(&arguments);
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let limits = limits.to_str().expect("UTF-8");
        let ran = run(&[arguments[0], arguments[1], "--limits", limits]);
        assert_eq!(ran.status.code(), Some(2));
        let said = String::from_utf8_lossy(&ran.stderr).into_owned() + &String::from_utf8_lossy(&ran.stdout);
        assert!(said.contains("a login may take 1 (the limit is `functions`)"), "{said}");
    }
    assert_eq!(fs::read_dir(directory.path().join("ligature")).expect("a folder").count(), 1);
}
