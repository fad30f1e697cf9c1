//! A running `ligature hook`, and its signed requests.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::http::{Request, Response, send};
use crate::serving::end;

pub(crate) const SECRET: &str = "the-secret-of-the-tests-0123456789abcdef";
pub(crate) const OLD_SECRET: &str = "the-secret-before-it-0123456789abcdef0123";
pub(crate) const PATH: &str = "/v1/auth0/post-login";

/// The user who logs in by [`event`], and the user whose address it has.
pub(crate) const GOOGLE: &str = "google-oauth2|115014287643218005122";
pub(crate) const DATABASE: &str = "auth0|6571c0ffee0000000000a001";

/// A folder with an SQLite directory of users, a policy and a secret.
pub(crate) struct Place {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) directory: String,
}

impl Place {
    /// A place with the users of the examples, and their policy.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let directory = format!("sqlite:{}", folder.path().join("users.db").display());
        Self::with_directory(folder, directory)
    }

    pub(crate) fn with_directory(folder: tempfile::TempDir, directory: String) -> Self {
        let place = Self { folder, directory };
        place.write("policy.json", include_str!("../../../examples/directory/policy.json"));
        place.write("secret", SECRET);
        place.write("users.ndjson", include_str!("../../../examples/directory/users.ndjson"));
        let users = place.file("users.ndjson");
        let imported = place.ligature(&["users", "import", users.to_str().expect("UTF-8")]);
        assert!(imported.status.success(), "{imported:?}");
        place
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        write_private(&self.file(name), text);
    }

    /// Runs a command on the directory.
    pub(crate) fn ligature(&self, arguments: &[&str]) -> Output {
        let mut command = program();
        command.args(arguments).env("LIGATURE_DIRECTORY", &self.directory).current_dir(self.folder.path());
        command.stdin(Stdio::null()).output().expect("the program runs")
    }

    /// The JSON of a command.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.ligature(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    /// The number of links in the journal.
    pub(crate) fn links(&self) -> usize {
        let listed = self.ligature(&["journal", "list"]);
        String::from_utf8_lossy(&listed.stdout).lines().filter(|line| line.contains("  link ")).count()
    }

    /// Starts the service with the policy and the secret of the place.
    pub(crate) fn start(&self, more: &[&str]) -> Service {
        let policy = self.file("policy.json");
        self.start_with(&[&["--policy", policy.to_str().expect("UTF-8")], more].concat())
    }

    pub(crate) fn start_with(&self, more: &[&str]) -> Service {
        let mut command = program();
        command.args(["hook", "--listen", "127.0.0.1:0", "--directory", &self.directory, "--secret-file"]);
        command.arg(self.file("secret")).args(more).current_dir(self.folder.path());
        Service::spawn(command, self.folder.path())
    }
}

/// Writes a file that only its owner may read, as the files of secrets have to be.
pub(crate) fn write_private(file: &Path, text: impl AsRef<[u8]>) {
    fs::write(file, text).expect("a file is written");
    set_mode(file, 0o600);
}

pub(crate) fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("its mode is changed");
}

/// The program, without the variables of this process.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ligature"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LIGATURE_") {
            command.env_remove(name);
        }
    }
    command
}

/// A running `ligature hook`.
pub(crate) struct Service {
    child: Child,
    /// The service's URL, with a slash at the end.
    pub(crate) url: String,
    log: PathBuf,
}

impl Service {
    pub(crate) fn spawn(mut command: Command, folder: &Path) -> Self {
        let log = folder.join("log");
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the program runs");
        let mut printed = BufReader::new(child.stdout.take().expect("its output"));
        let (ready, line) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let _ = printed.read_line(&mut line);
            let _ = ready.send(line);
        });
        let line = line.recv_timeout(Duration::from_mins(2)).unwrap_or_default();
        let mut service = Self { child, url: String::new(), log };
        let url = line.strip_prefix("ligature: ready ").map(|url| url.trim_end().to_owned());
        service.url = url.unwrap_or_else(|| panic!("it is not ready: {line:?}\n{}", service.log()));
        service
    }

    /// The id of its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The log as it is now.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The log, once it has this text in it.
    pub(crate) fn log_with(&self, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(5);
        while !self.log().contains(text) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        let log = self.log();
        assert!(log.contains(text), "no {text:?} in:\n{log}");
        log
    }

    /// Asks about a login, signed, and returns the answer.
    pub(crate) fn ask(&self, event: &Value) -> Value {
        let response = self.send(&signed(event, SECRET, now()));
        assert_eq!(response.status, 200, "{}", response.text());
        response.json()
    }

    pub(crate) fn send(&self, request: &Request) -> Response {
        send(&self.url, request)
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.send(&Request::get(path))
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.is_ok_and(|status| status.success()), "{}", self.log());
    }

    /// Waits for the end of the service, and returns its exit code and its log.
    pub(crate) fn wait(&mut self) -> (Option<i32>, String) {
        let status = end(&mut self.child, Duration::from_secs(30));
        (status.and_then(|status| status.code()), self.log())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time in seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

/// The event of the examples: a Google login whose address belongs to a database user.
pub(crate) fn event() -> Value {
    serde_json::from_str(include_str!("../../../examples/directory/event.json")).expect("an event")
}

/// The event of another login, of this user through this connection.
pub(crate) fn event_of(user_id: &str, email: &str, connection: &str) -> Value {
    let (provider, id) = user_id.split_once('|').expect("an id");
    json!({
        "user": {
            "user_id": user_id, "email": email, "email_verified": true, "created_at": "2026-11-20T10:00:00Z",
            "identities": [{ "provider": provider, "user_id": id, "connection": connection, "isSocial": true }],
        },
        "connection": { "name": connection, "strategy": provider },
        "client": { "client_id": "web" },
        "transaction": { "protocol": "oidc-basic-profile" },
        "stats": { "logins_count": 1 },
    })
}

/// The signature of a body, in hexadecimal.
pub(crate) fn sign(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, &[timestamp.as_bytes(), b".", body].concat());
    tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A signed request about a login. Its nonce distinguishes it from every other one.
pub(crate) fn signed(event: &Value, secret: &str, timestamp: u64) -> Request {
    static NONCE: AtomicU32 = AtomicU32::new(0);
    let nonce = NONCE.fetch_add(1, Ordering::Relaxed).to_string();
    signed_body(json!({ "event": event, "nonce": nonce }).to_string(), secret, timestamp)
}

/// A signed request with this body.
pub(crate) fn signed_body(body: impl Into<Vec<u8>>, secret: &str, timestamp: u64) -> Request {
    signed_to(PATH, body, secret, timestamp)
}

/// A signed request to this path.
pub(crate) fn signed_to(path: &str, body: impl Into<Vec<u8>>, secret: &str, timestamp: u64) -> Request {
    let (body, timestamp) = (body.into(), timestamp.to_string());
    let signature = format!("v1={}", sign(secret, &timestamp, &body));
    let request = Request::post(path).header("x-ligature-timestamp", timestamp);
    request.header("x-ligature-signature", signature).body("application/json", body)
}

/// The codes of an answer's reasons.
pub(crate) fn codes(answer: &Value) -> Vec<&str> {
    let reasons = answer["reasons"].as_array().expect("reasons");
    reasons.iter().map(|reason| reason["code"].as_str().expect("a code")).collect()
}
