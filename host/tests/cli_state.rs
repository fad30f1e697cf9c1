//! Checks that one process and one tenant use a state folder.
#![cfg(unix)]

mod serving;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serving::Tenant;

const CONFIG: &str = "name = \"one\"\n";

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    command
        .args(["serve", "--port", "0", "--tls-port", "0"])
        .current_dir(folder)
        .env("LIGATURE_STATE", folder.join("state"))
        .env("LIGATURE_LOG", "warn")
        .env_remove("LIGATURE_DIRECTORY")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn start(folder: &Path) -> Child {
    command(folder).spawn().expect("the program runs")
}

/// The exit code and the message of a server that refuses to start.
fn refused(folder: &Path) -> (Option<i32>, String) {
    let mut child = start(folder);
    assert!(serving::end(&mut child, Duration::from_mins(1)).is_some(), "it serves");
    let Output { status, stdout, stderr } = child.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    (status.code(), said.replace(&folder.display().to_string(), "FOLDER"))
}

/// The files in a folder, but for the lock.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let files =
        fs::read_dir(folder.join("state")).expect("a folder").map(|entry| entry.expect("a file").path());
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name != "lock").then(|| (name, fs::read(path).expect("it can be read")))
    };
    let mut files: Vec<_> = files.filter_map(|path| read(&path)).collect();
    files.sort();
    files
}

#[test]
fn a_second_start_is_refused_and_names_the_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let first = Tenant::start(folder.path(), CONFIG, &[]);
    let before = files(folder.path());
    let process = first.pid();
    let words = format!(
        "error: FOLDER/state: the tenant of process {process} uses this folder, which is for one at a time; \
         end that process, or name another folder with --state\n"
    );
    assert_eq!(refused(folder.path()), (Some(2), words));
    assert_eq!(files(folder.path()), before, "nothing was made or changed");

    // By another name of the same folder.
    std::os::unix::fs::symlink(folder.path(), folder.path().join("alias")).expect("a link");
    let (code, said) = refused(&folder.path().join("alias"));
    assert!(code == Some(2) && said.contains("uses this folder"), "{said}");

    // Somebody tidies up.
    fs::remove_file(folder.path().join("state/lock")).expect("it is removed");
    let (code, said) = refused(folder.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another tenant uses this folder"), "{said}");
    first.stop();
    Tenant::start(folder.path(), CONFIG, &[]).stop();
}

#[test]
fn a_process_that_was_killed_leaves_the_folder_free() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Ended by the signal that cannot be heard.
    drop(Tenant::start(folder.path(), CONFIG, &[]));
    assert!(folder.path().join("state/lock").exists());
    let before = files(folder.path());
    let again = Tenant::start(folder.path(), CONFIG, &[]);
    assert_eq!(files(folder.path()), before);
    again.stop();
}

#[test]
fn of_first_starts_at_the_same_moment_one_serves() {
    for _ in 0..5 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut starts: Vec<Child> = (0..6).map(|_| start(folder.path())).collect();
        let ended: Vec<Option<i32>> = loop {
            let ended: Vec<_> =
                starts.iter_mut().map(|it| it.try_wait().expect("a process of ours")).collect();
            if ended.iter().flatten().count() >= 5 {
                break ended.into_iter().map(|it| it.and_then(|it| it.code())).collect();
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        for child in &mut starts {
            let _ = child.kill();
            let _ = child.wait();
        }
        assert_eq!(ended.iter().filter(|it| it.is_none()).count(), 1, "{ended:?}");
        assert!(ended.iter().flatten().all(|code| *code == 2), "{ended:?}");
        // Whichever it was, its folder serves.
        drop(Tenant::start(folder.path(), CONFIG, &[]));
    }
}

#[test]
fn a_folder_in_which_no_lock_can_be_written_is_kept_all_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // As on a disk that cannot be written: the file cannot be opened for writing.
    fs::create_dir_all(folder.path().join("state/lock")).expect("a folder");
    let first = Tenant::start(folder.path(), CONFIG, &[]);
    let (code, said) = refused(folder.path());
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("another tenant uses this folder"), "{said}");
    first.stop();
}

/// On a network drive without locks, the tenant starts and logs a warning.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_without_locks_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, library) = (folder.path().join("flock.c"), folder.path().join("flock.so"));
    fs::write(&source, "#include <errno.h>\nint flock(int f, int o) { errno = ENOLCK; return -1; }\n")
        .expect("a file is written");
    let compiled =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status().expect("cc");
    assert!(compiled.success());
    let start = || {
        let mut command = command(folder.path());
        command.env("LD_PRELOAD", &library).spawn().expect("the program runs")
    };
    let mut server = start();
    // The shell is there when it is ready, and ends it.
    let mut shell = Command::new("sh")
        .args(["-c", "read -r _; kill -TERM $0", &server.id().to_string()])
        .stdin(server.stdout.take().expect("its output"))
        .spawn()
        .expect("a shell");
    assert!(shell.wait().expect("it ends").success());
    let output = server.wait_with_output().expect("its output");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let words = "the state folder cannot be locked: make sure that no second tenant uses it";
    assert!(said.contains(words) && said.contains("No locks available"), "{said}");
}
