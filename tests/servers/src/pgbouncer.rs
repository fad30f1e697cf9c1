//! pgbouncer in front of a private PostgreSQL server, started from the machine's
//! program and ended with the suite.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::ports::reserve_port;
use crate::postgres::{NoServer, Postgres, ordinary_user, run_as};

/// A pooler, and a database of its own for every test.
pub struct Pgbouncer {
    /// The PostgreSQL server behind the pooler.
    pub server: Arc<Postgres>,
    pooler: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pgbouncer {
    /// Starts a pooler in front of a server, in this `pool_mode`. `Err` says in one
    /// line why there is none.
    ///
    /// # Errors
    ///
    /// When the machine has none or the server is somebody else's, and nothing
    /// says that there must be one.
    ///
    /// # Panics
    ///
    /// When `LIGATURE_REQUIRE` names `pgbouncer` and there is none, or it does
    /// not start.
    pub fn start(server: Arc<Postgres>, mode: &str) -> Result<Self, NoServer> {
        let (Some(program), Some(socket)) = (program(), server.folder()) else {
            let why =
                "pgbouncer: not on this machine, or the server is not the suite's; its tests were skipped";
            let required = std::env::var("LIGATURE_REQUIRE").unwrap_or_default();
            assert!(!required.split([',', ' ']).any(|name| name == "pgbouncer"), "{why}, and may not be");
            return Err(NoServer(why.to_owned()));
        };
        let folder = tempfile::Builder::new().prefix("ligature-pgbouncer-").tempdir().expect("a folder");
        let user = ordinary_user(folder.path());
        let port = reserve_port();
        let configuration = format!(
            "[databases]\n* = host={} user=ligature\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = {mode}\ndefault_pool_size = 16\n\
             max_client_conn = 400\nserver_idle_timeout = 1\n{}",
            socket.display(),
            // From version 1.21 on, pgbouncer can track prepared statements.
            if version(&program) < [1, 21] { "" } else { "max_prepared_statements = 0\n" },
        );
        let file = folder.path().join("pgbouncer.ini");
        std::fs::write(&file, configuration).expect("a file is written");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = run_as(user.as_deref(), &program, folder.path());
        let pooler = command.arg(&file).stdin(Stdio::null()).stderr(log).spawn().expect("pgbouncer starts");
        let this = Self { server, pooler, port, _folder: folder };
        this.wait();
        Ok(this)
    }

    /// The URL of a database through the pooler.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://ligature@127.0.0.1:{}/{database}", self.port)
    }

    fn wait(&self) {
        let patience = Instant::now() + Duration::from_secs(60);
        while let Err(error) = postgres::Client::connect(&self.url("postgres"), postgres::NoTls) {
            assert!(Instant::now() < patience, "pgbouncer does not answer: {error}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Pgbouncer {
    fn drop(&mut self) {
        let _ = self.pooler.kill();
        let _ = self.pooler.wait();
    }
}

/// Returns the program: one of `PATH`, or where Debian installs it.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    folders.map(|folder| folder.join("pgbouncer")).find(|file| file.is_file())
}

fn version(program: &Path) -> [u32; 2] {
    let printed = Command::new(program).arg("--version").output().expect("pgbouncer runs").stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    let version = printed.split_whitespace().nth(1).unwrap_or_default();
    let mut parts = version.split('.').map_while(|part| part.parse().ok());
    [parts.next().unwrap_or(0), parts.next().unwrap_or(0)]
}
