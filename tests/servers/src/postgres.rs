//! A PostgreSQL server for the suites: the one of `DATABASE_URL`, or a private
//! one, started from the machine's binaries and ended with the suite.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A server, and a schema of its own for every test.
pub struct Postgres {
    url: String,
    /// The private server; `None` for the server of `DATABASE_URL`.
    private: Option<Private>,
    schemas: AtomicU32,
}

struct Private {
    server: Child,
    binaries: PathBuf,
    durable: bool,
    user: Option<String>,
    folder: tempfile::TempDir,
}

/// The reason why there is no server.
#[derive(Debug)]
pub struct NoServer(pub String);

impl Postgres {
    /// Starts a server, or takes that of `DATABASE_URL`. `Err` says in one line why
    /// there is none.
    ///
    /// # Errors
    ///
    /// When the machine has no binaries and `LIGATURE_REQUIRE` does not name
    /// `postgres`.
    ///
    /// # Panics
    ///
    /// When `LIGATURE_REQUIRE` names `postgres` and there is none, or one is
    /// there and does not start.
    pub fn start() -> Result<Self, NoServer> {
        Self::start_as(false)
    }

    /// Starts a server for a bench: a private one waits for the disk.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::start`].
    pub fn start_durable() -> Result<Self, NoServer> {
        Self::start_as(true)
    }

    fn start_as(durable: bool) -> Result<Self, NoServer> {
        if let Ok(url) = std::env::var("DATABASE_URL") {
            return Ok(Self { url, private: None, schemas: AtomicU32::new(0) });
        }
        Self::private(durable)
    }

    /// Starts a server that a test may stop and start again, never that of
    /// `DATABASE_URL`.
    ///
    /// # Errors
    ///
    /// The same as of [`Self::start`].
    pub fn start_private() -> Result<Self, NoServer> {
        Self::private(false)
    }

    /// Starts a cluster in a temporary folder, which listens on a socket there only.
    fn private(durable: bool) -> Result<Self, NoServer> {
        let Some(binaries) = binaries() else {
            let why = "PostgreSQL: neither DATABASE_URL nor initdb and postgres on this machine; its suite was skipped";
            let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
            assert!(!required.split([',', ' ']).any(|name| name == "postgres"), "{why}, and may not be");
            return Err(NoServer(why.to_owned()));
        };
        let folder = tempfile::Builder::new().prefix("ligature-pg-").tempdir().expect("a temporary folder");
        let user = ordinary_user(folder.path());
        let made = run_as(user.as_deref(), &binaries.join("initdb"), folder.path())
            .args(["--auth=trust", "--username=ligature", "--no-sync", "--encoding=UTF8", "--pgdata"])
            .arg(folder.path().join("data"))
            .stderr(Stdio::piped())
            .output()
            .expect("initdb runs");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let url = format!(
            "postgres://ligature@%2F{}/postgres",
            folder.path().display().to_string().trim_start_matches('/').replace('/', "%2F")
        );
        let server = serve(&binaries, durable, user.as_deref(), folder.path());
        let private = Private { server, binaries, durable, user, folder };
        let this = Self { url, private: Some(private), schemas: AtomicU32::new(0) };
        this.wait();
        Ok(this)
    }

    /// Ends a private server as an operator does, which cuts its sessions.
    ///
    /// # Panics
    ///
    /// When it is somebody else's, or does not end.
    pub fn stop(&mut self) {
        let private = self.private.as_mut().expect("a private server");
        assert!(send_signal("INT", &private.server), "it is running");
        private.server.wait().expect("it ends");
    }

    /// Starts a private server that was stopped.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn start_again(&mut self) {
        let private = self.private.as_mut().expect("a private server");
        let Private { binaries, durable, user, folder, .. } = private;
        private.server = serve(binaries, *durable, user.as_deref(), folder.path());
        self.wait();
    }

    /// The socket of a private server.
    ///
    /// # Panics
    ///
    /// When it is somebody else's.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.private.as_ref().expect("a private server").folder.path().join(".s.PGSQL.5432")
    }

    fn wait(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        loop {
            match postgres::Client::connect(&self.url, postgres::NoTls) {
                Ok(_) => return,
                Err(error) => assert!(Instant::now() < patience, "postgres does not answer: {error}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Creates an empty schema and returns its URL.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn schema(&self) -> String {
        let name = format!("t{}_{}", std::process::id(), self.schemas.fetch_add(1, Ordering::Relaxed));
        let mut client = postgres::Client::connect(&self.url, postgres::NoTls).expect("the server answers");
        client.batch_execute(&format!("CREATE SCHEMA {name}")).expect("a schema");
        let mut url = self.url.clone();
        let _ = write!(url, "{}options=-csearch_path%3D{name}", if url.contains('?') { '&' } else { '?' });
        url
    }

    /// The folder of a private server's socket.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.private.as_ref().map(|private| private.folder.path())
    }

    /// Creates an empty database and returns its name.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn database(&self) -> String {
        let name = format!("t{}_{}", std::process::id(), self.schemas.fetch_add(1, Ordering::Relaxed));
        let mut client = postgres::Client::connect(&self.url, postgres::NoTls).expect("the server answers");
        client.batch_execute(&format!("CREATE DATABASE {name}")).expect("a database");
        name
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(private) = &mut self.private {
            end(&mut private.server);
        } else if let Ok(mut client) = postgres::Client::connect(&self.url, postgres::NoTls) {
            for n in 0..self.schemas.load(Ordering::Relaxed) {
                let _ = client.batch_execute(&format!("DROP SCHEMA t{}_{n} CASCADE", std::process::id()));
            }
        }
    }
}

/// Sends a signal to a process. Returns whether it was sent.
fn send_signal(signal: &str, process: &Child) -> bool {
    let kill = format!("kill -{signal} $0");
    let sent = Command::new("sh").args(["-c", &kill, &process.id().to_string()]).status();
    sent.is_ok_and(|status| status.success())
}

/// Ends a server that may have ended. If it were killed at once, its processes would answer for some
/// time after it.
fn end(server: &mut Child) {
    let patience = Instant::now() + Duration::from_secs(10);
    let mut is_asked = false;
    while matches!(server.try_wait(), Ok(None)) && Instant::now() < patience {
        is_asked = is_asked || send_signal("QUIT", server);
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = server.kill();
    let _ = server.wait();
}

/// Prepares a program in a folder. A server refuses to run as root; as another
/// user, it ends with the thread that starts it.
pub(crate) fn run_as(user: Option<&str>, program: &Path, folder: &Path) -> Command {
    let mut command = match user {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups", "--pdeathsig", "KILL", "--"]);
            command.arg(program);
            command
        }
        None => Command::new(program),
    };
    command.env("LC_ALL", "C.UTF-8").current_dir(folder).stdout(Stdio::null());
    command
}

fn serve(binaries: &Path, durable: bool, user: Option<&str>, folder: &Path) -> Child {
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    run_as(user, &binaries.join("postgres"), folder)
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-c", "listen_addresses=", "-c", "max_connections=200"])
        .args(["-c", if durable { "fsync=on" } else { "fsync=off" }])
        .stderr(log)
        .spawn()
        .expect("postgres starts")
}

/// Returns the folder of `initdb` and `postgres`: where Debian installs them, or one of `PATH`.
#[must_use]
pub fn binaries() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .collect();
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

/// Returns the user that the server runs as, and gives them the folder, if this
/// process runs as root: PostgreSQL refuses to.
///
/// # Panics
///
/// If there is no user besides root.
#[cfg(unix)]
pub fn ordinary_user(folder: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    if std::fs::metadata(folder).expect("the folder is there").uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let id = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        line.split(':').nth(2)?.parse::<u32>().ok()
    };
    let user = ["postgres", "nobody"].into_iter().find_map(id).expect("there is a user besides root");
    std::os::unix::fs::chown(folder, Some(user), None).expect("root may give a folder away");
    Some(user.to_string())
}
