//! The official clients, run against `ligature serve`: a tenant of its own for
//! every suite of `tests/clients/`, and one whose rate limit is narrow.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const NARROW: &str = "\n[rate_limit]\nmanagement = { per_second = 1, burst = 1 }\n";

#[test]
fn auth0_7_for_node_manages_users_and_links() {
    node("auth0-v7.test.mjs");
}

#[test]
fn auth0_5_for_node_manages_users_and_links() {
    node("auth0-v5.test.mjs");
}

#[test]
fn auth0_4_for_node_manages_users_and_links() {
    node("auth0-v4.test.mjs");
}

#[test]
fn auth0_4_for_node_logs_in_without_a_browser() {
    node("authentication.test.mjs");
}

#[test]
fn express_openid_connect_logs_in_and_links() {
    node("express-openid-connect.test.mjs");
}

#[test]
fn auth0_python_logs_in_manages_users_and_links() {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(folder) = installed(&INSTALLED, "python", python_packages) {
        let mut command = Command::new(folder.join("venv/bin/python"));
        command.args(["-W", "ignore", "-m", "unittest", "-v", "test_auth0_python"]);
        run(command.current_dir(folder));
    }
}

fn node(file: &str) {
    static INSTALLED: OnceLock<Option<PathBuf>> = OnceLock::new();
    if let Some(folder) = installed(&INSTALLED, "node", node_packages) {
        let mut command = Command::new("node");
        command.args(["--test-reporter=spec", file]);
        run(command.current_dir(folder));
    }
}

/// One suite, with the tenants that it asks.
fn run(suite: &mut Command) {
    let place = tempfile::tempdir().expect("a temporary folder");
    // The tenants must know where the application will listen. Its port is held
    // until then, or one of them might get it.
    let held = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let app = format!("http://localhost:{}", held.local_addr().expect("its port").port());
    let config = include_str!("clients/tenant.toml").replace("APP", &app);
    let wide = Tenant::start(&place.path().join("wide"), &config);
    let narrow = Tenant::start(&place.path().join("narrow"), &(config + NARROW));

    let authorities = place.path().join("ca.pem");
    let pem = |tenant: &Tenant| fs::read_to_string(&tenant.ca).expect("the tenant's own authority");
    fs::write(&authorities, pem(&wide) + &pem(&narrow)).expect("a file is written");
    let output = place.path().join("output");
    let file = File::create(&output).expect("a file");
    suite
        .env("LIGATURE_HTTP", &wide.http)
        .env("LIGATURE_HTTPS", &wide.https)
        .env("LIGATURE_NARROW", &narrow.https)
        .env("LIGATURE_APP", format!("{app}/"))
        .env("NODE_EXTRA_CA_CERTS", &authorities)
        .env("SSL_CERT_FILE", &authorities)
        .env("REQUESTS_CA_BUNDLE", &authorities)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stderr(file.try_clone().expect("a file"))
        .stdout(file);
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        suite.env_remove(proxy).env_remove(proxy.to_uppercase());
    }
    drop(held);
    let mut child = suite.spawn().expect("the suite starts");
    let status = end(&mut child, Duration::from_mins(4));
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{}\n--- what the tenant said ---\n{}",
        fs::read_to_string(&output).unwrap_or_default(),
        wide.log(),
    );
    wide.stop();
    narrow.stop();
}

/// A running `ligature serve`.
struct Tenant {
    server: Child,
    http: String,
    https: String,
    ca: PathBuf,
    log: PathBuf,
    /// What it prints after the line that it is ready.
    rest: Option<JoinHandle<String>>,
}

impl Tenant {
    fn start(folder: &Path, config: &str) -> Self {
        fs::create_dir(folder).expect("a folder");
        let (file, log) = (folder.join("tenant.toml"), folder.join("log"));
        fs::write(&file, config).expect("a file is written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("LIGATURE_") {
                command.env_remove(name);
            }
        }
        let mut server = command
            .args(["serve", "--port", "0", "--tls-port", "0", "--config"])
            .arg(&file)
            .arg("--state")
            .arg(folder.join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the program runs");
        let mut printed = BufReader::new(server.stdout.take().expect("its output"));
        let (ready, line) = mpsc::channel();
        let rest = std::thread::spawn(move || {
            let (mut line, mut rest) = (String::new(), String::new());
            let _ = printed.read_line(&mut line);
            let _ = ready.send(line);
            let _ = printed.read_to_string(&mut rest);
            rest
        });
        let mut this = Self {
            server,
            http: String::new(),
            https: String::new(),
            ca: PathBuf::new(),
            log,
            rest: Some(rest),
        };
        // An unoptimised build compiles its plugin for some seconds.
        let line = line.recv_timeout(Duration::from_mins(2)).unwrap_or_default();
        let read = || {
            let (addresses, ca) = line.strip_prefix("ligature: ready ")?.trim_end().split_once(" ca=")?;
            let (http, https) = addresses.split_once(' ')?;
            Some((http.to_owned(), https.to_owned(), PathBuf::from(ca)))
        };
        (this.http, this.https, this.ca) =
            read().unwrap_or_else(|| panic!("it is not ready: {line:?}\n{}", this.log()));
        this
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as an operator does, and sees that it went well.
    fn stop(mut self) {
        // The standard library sends no signal but the one that cannot be heard.
        let kill = Command::new("sh").args(["-c", "kill -TERM $0", &self.server.id().to_string()]).status();
        assert!(kill.is_ok_and(|status| status.success()), "it is still running: {}", self.log());
        let status = end(&mut self.server, Duration::from_secs(30));
        assert_eq!(status.and_then(|status| status.code()), Some(0), "{status:?}: {}", self.log());
        let rest = self.rest.take().map(|rest| rest.join().expect("it was read"));
        assert_eq!(rest.as_deref(), Some(""), "one line on stdout, and no other");
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// How a process ended. `None`: it did not in time, and was killed.
fn end(child: &mut Child, patience: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        if let Some(status) = child.try_wait().expect("a process of ours") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// The folder where the suites are run: copies of `tests/clients/` beside the
/// packages that they need. `None`: said once why they are not run.
fn installed(
    once: &'static OnceLock<Option<PathBuf>>,
    name: &str,
    packages: fn(&Path) -> Result<(), String>,
) -> Option<&'static Path> {
    let install = || {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("a target folder").join("clients");
        fs::create_dir_all(&folder).expect("a folder");
        // Another `cargo test` may be at it too; the lock ends with the file.
        let lock = File::create(folder.join("lock")).expect("a file");
        lock.lock().expect("it is locked");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients");
        for file in fs::read_dir(sources).expect("the suites").map(|file| file.expect("a file").path()) {
            let Some(name) = file.file_name().filter(|_| file.is_file()) else { continue };
            let (bytes, copy) = (fs::read(&file).expect("a file"), folder.join(name));
            // A suite that is running already reads the same bytes.
            if fs::read(&copy).ok().as_ref() != Some(&bytes) {
                fs::write(copy, bytes).expect("a copy");
            }
        }
        let why = packages(&folder).err().map(|why| format!("clients: those for {name} were not run: {why}"));
        let Some(why) = why else { return Some(folder) };
        let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
        assert!(!required.split([',', ' ']).any(|name| name == "clients"), "{why}");
        // Not `eprintln!`, which nobody sees of a test that passes.
        let _ = writeln!(std::io::stderr(), "{why}");
        None
    };
    once.get_or_init(install).as_deref()
}

fn node_packages(folder: &Path) -> Result<(), String> {
    let node = output(Command::new("node").arg("--version"))?;
    let version: Vec<u32> = node.trim_start_matches('v').split('.').map_while(|n| n.parse().ok()).collect();
    if version < vec![20, 19] {
        return Err(format!("node is {node}, older than 20.19"));
    }
    unless_stamped(&folder.join("node_modules"), include_str!("clients/package-lock.json"), || {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        output(npm.current_dir(folder))
    })
}

fn python_packages(folder: &Path) -> Result<(), String> {
    // Debian's has a venv without the pip that goes into it.
    let check =
        "import ensurepip, sys, venv; assert sys.version_info >= (3, 10), sys.version; print(sys.version)";
    let python = output(Command::new("python3").args(["-c", check]))?;
    let stamp = python + include_str!("clients/requirements.txt");
    unless_stamped(&folder.join("venv"), &stamp, || {
        output(Command::new("python3").args(["-m", "venv", "--clear", "venv"]).current_dir(folder))?;
        let mut pip = Command::new(folder.join("venv/bin/python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
        pip.args(["--require-hashes", "--only-binary=:all:", "-r", "requirements.txt"]);
        output(pip.current_dir(folder))
    })
}

/// Installs what was not installed from these very pins.
fn unless_stamped(
    installed: &Path,
    pins: &str,
    install: impl FnOnce() -> Result<String, String>,
) -> Result<(), String> {
    let stamp = installed.join(".ligature");
    if fs::read_to_string(&stamp).is_ok_and(|text| text == pins) {
        return Ok(());
    }
    let _ = fs::remove_file(&stamp);
    install()?;
    fs::write(&stamp, pins).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// What a command prints; one line of its complaint if it fails.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.stdin(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if ran.status.success() {
        return Ok(text(&ran.stdout));
    }
    let complaint = text(&ran.stderr);
    let line = complaint.lines().find(|line| line.contains("rror")).or(complaint.lines().last());
    Err(format!("{program}: {}", line.unwrap_or("it failed")))
}
