//! The examples for the browser, started as `make demo-spa` and its like start them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc;
use std::time::Duration;

use ligature_test_servers::{npm_ci, reserve_port};

use crate::SUITES;
use crate::suites::{run_with_log, serving::end};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
const LOCKS: [(&str, &str); 3] = [
    ("spa", include_str!("../../../examples/spa/package-lock.json")),
    ("spa-lock", include_str!("../../../examples/spa-lock/package-lock.json")),
    ("webapp", include_str!("../../../examples/webapp/package-lock.json")),
];

/// Seals the sessions of the web application, whose age a test changes.
const SESSION_SECRET: &str = "the secret of the sessions of this suite";

#[test]
fn a_person_links_accounts_in_the_single_page_application() {
    run("spa");
}

#[test]
fn a_person_links_accounts_in_the_application_with_lock() {
    run("spa-lock");
}

#[test]
fn a_person_links_accounts_in_the_web_application() {
    run("webapp");
}

#[test]
fn the_locks_name_no_registry() {
    for (name, lock) in LOCKS {
        assert!(!lock.contains("\"resolved\""), "{name}: `npm install` ran without the folder's .npmrc");
    }
}

#[test]
fn a_demo_says_what_is_missing() {
    let place = tempfile::tempdir().expect("a temporary folder");
    let demo = |name: &str| {
        let script = Path::new(SOURCES).join("demo.sh");
        let mut command = Command::new("/bin/bash");
        command.arg(script).arg(name).env_clear().env("PATH", place.path());
        refusal(&command.output().expect("bash runs"))
    };
    let add = |name: &str, script: &str| {
        let file = place.path().join(name);
        fs::write(&file, format!("#!/bin/bash\n{script}\n")).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&file, mode).expect("a program");
    };
    add("dirname", "echo \"${1%/*}\"");
    assert_eq!(demo("nothing"), "demo: usage: demo.sh spa|spa-lock|webapp");
    assert_eq!(demo("../examples/spa"), "demo: usage: demo.sh spa|spa-lock|webapp");
    assert!(demo("spa").starts_with("demo: Node.js is missing"), "{}", demo("spa"));
    add("node", "[ \"$1\" = --version ] && echo v18.0.0; exit 1");
    assert!(demo("spa").starts_with("demo: npm is missing"), "{}", demo("spa"));
    add("npm", "exit 1");
    assert_eq!(demo("spa"), "demo: Node.js v18.0.0 is too old: version 20.19 or later is needed");
}

#[test]
fn a_demo_whose_port_is_in_use_ends_its_tenant() {
    let Some(folder) = installed() else { return };
    let ports = Ports::free();
    let _held = TcpListener::bind(("127.0.0.1", ports.app)).expect("the port");
    let refused = demo(folder, "spa", &ports).output().expect("bash runs");
    let said = refusal(&refused);
    assert!(said.contains(&format!("Port {} is in use.", ports.app)), "{said}");
    assert!(said.contains("demo: the example has not started, see above"), "{said}");
    TcpListener::bind(("127.0.0.1", ports.http)).expect("the tenant has ended");
}

/// Returns what a demo has printed that ended with code 1.
fn refusal(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

/// Ports that a demo listens on.
struct Ports {
    app: u16,
    http: u16,
    https: u16,
}

impl Ports {
    fn free() -> Self {
        Self { app: reserve_port(), http: reserve_port(), https: reserve_port() }
    }
}

/// Builds the command that starts an example and its tenant.
fn demo(folder: &Path, name: &str, ports: &Ports) -> Command {
    let mut command = Command::new("bash");
    command.arg(copies(folder).join("demo.sh")).arg(name).stdin(Stdio::null());
    command.env("LIGATURE", env!("CARGO_BIN_EXE_ligature"));
    command.env("APP_PORT", ports.app.to_string());
    command.env("TENANT_PORT", ports.http.to_string());
    command.env("TENANT_TLS_PORT", ports.https.to_string());
    command
}

/// Runs the suite of an example, and interrupts the demo as Ctrl-C does.
fn run(name: &str) {
    let Some(folder) = installed() else { return };
    let place = tempfile::tempdir().expect("a temporary folder");
    let ports = Ports::free();
    let log = place.path().join("log");
    let mut command = demo(folder, name, &ports);
    command.stdout(Stdio::piped()).stderr(File::create(&log).expect("a file"));
    command.env("SESSION_SECRET", SESSION_SECRET);
    let mut demo = Started(command.spawn().expect("bash runs"));
    let log = || fs::read_to_string(&log).unwrap_or_default();
    let address = format!("http://localhost:{}", ports.app);
    let line = first_line(&mut demo.0);
    let expected = format!("Open {address}/ and log in as ada@example.com, correct horse battery");
    assert_eq!(line, expected, "{}", log());

    let mut suite = Command::new("node");
    suite
        .args(["--test-reporter=spec", &format!("example-{name}.test.mjs")])
        .current_dir(folder)
        .env("LIGATURE_HTTP", format!("http://localhost:{}", ports.http))
        .env("LIGATURE_HTTPS", format!("https://localhost:{}", ports.https))
        .env("LIGATURE_HTTP_APP", &address)
        // This one is not started.
        .env("LIGATURE_HTTPS_APP", "https://localhost:1")
        .env("SESSION_SECRET", SESSION_SECRET)
        .env("LIGATURE_CHROMIUM", crate::chromium().expect("it was found"))
        .env("HOME", place.path());
    run_with_log(&mut suite, &place.path().join("output"), log);

    demo.interrupt();
    let status = end(&mut demo.0, Duration::from_secs(30)).expect("the demo ends");
    assert_eq!(status.code(), Some(130), "{}", log());
    for port in [ports.app, ports.http, ports.https] {
        TcpListener::bind(("127.0.0.1", port)).expect("both have ended");
    }
}

/// A running demo. A failed test ends it too, with its tenant.
struct Started(Child);

impl Started {
    /// Interrupts the demo as Ctrl-C does.
    fn interrupt(&self) {
        let _ = Command::new("sh").args(["-c", "kill -INT $0", &self.0.id().to_string()]).status();
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.0.try_wait().is_ok_and(|status| status.is_none()) {
            self.interrupt();
            end(&mut self.0, Duration::from_secs(30));
        }
    }
}

/// Waits for the line that names the address to open.
fn first_line(demo: &mut Child) -> String {
    let printed = BufReader::new(demo.stdout.take().expect("its output"));
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in printed.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    // An unoptimised build compiles its plugin for some seconds.
    receiver.recv_timeout(Duration::from_mins(2)).unwrap_or_default()
}

fn installed() -> Option<&'static Path> {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    SUITES.installed(&INSTALLED, "the examples", packages)
}

/// The folder of the examples' copies, so that no package gets into the checkout.
fn copies(folder: &Path) -> PathBuf {
    folder.join("examples")
}

fn packages(folder: &Path) -> Result<(), String> {
    crate::packages(folder)?;
    let copies = copies(folder);
    copy_files(Path::new(SOURCES), &copies);
    for (name, lock) in LOCKS {
        copy_files(&Path::new(SOURCES).join(name), &copies.join(name));
        npm_ci(&copies.join(name), lock)?;
    }
    Ok(())
}

/// Copies the files of a folder that have changed.
fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for file in fs::read_dir(from).expect("the example").map(|file| file.expect("a file").path()) {
        let Some(name) = file.file_name().filter(|_| file.is_file()) else { continue };
        let (bytes, copy) = (fs::read(&file).expect("a file"), to.join(name));
        if fs::read(&copy).ok().as_ref() != Some(&bytes) {
            fs::write(copy, bytes).expect("a copy");
        }
    }
}
