//! `ligature serve`, as another process.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::load::Line;
use crate::program::{Running, program};

/// The policy of a tenant that has a configuration.
const POLICY: &str = r#"{"mode": "auto", "trusted_connections": ["google-oauth2"]}"#;

/// A running tenant.
pub(crate) struct Server {
    pub(crate) process: Running,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) ca: PathBuf,
    /// The time from the start of the process to its first response.
    pub(crate) started_in: Duration,
}

impl Server {
    /// Starts one whose state, cache and log are in this folder. Without a
    /// configuration it makes the one that people get.
    pub(crate) fn start(place: &Path, config: Option<&str>, directory: Option<&Path>) -> Self {
        fs::create_dir_all(place).expect("a folder");
        let mut command = program(place);
        command.args(["serve", "--port", "0", "--tls-port", "0", "--state"]).arg(place.join("state"));
        if let Some(config) = config {
            let file = place.join("tenant.toml");
            fs::write(&file, config).expect("a file is written");
            command.arg("--config").arg(file);
            let policy = place.join("policy.json");
            fs::write(&policy, POLICY).expect("a file is written");
            command.arg("--policy").arg(policy);
        }
        if let Some(directory) = directory {
            command.arg("--directory").arg(format!("sqlite:{}", directory.display()));
        }

        let start = Instant::now();
        let (process, (http, https, ca)) = Running::start(command, place, |ready| {
            let (addresses, ca) = ready.split_once(" ca=")?;
            let (http, https) = addresses.split_once(' ')?;
            Some((address(http)?, address(https)?, PathBuf::from(ca)))
        });
        Line::open(http).get("/healthz", &[]);
        Self { process, http, https, ca, started_in: start.elapsed() }
    }
}

/// Returns the address of a URL such as `http://localhost:4480/`.
fn address(url: &str) -> Option<SocketAddr> {
    let port = url.trim_end_matches('/').rsplit_once(':')?.1.parse().ok()?;
    Some((Ipv4Addr::LOCALHOST, port).into())
}
