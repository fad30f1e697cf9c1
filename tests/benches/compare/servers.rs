//! Whole servers under the same load: `ligature serve`, and what people run in its place.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ligature_host::harness::group_thousands;
use ligature_test_servers::{npm_ci, output};
use serde_json::{Value, json};

use crate::Place;
use crate::contender::{ROUNDS, format};
use crate::node::copy;
use crate::page::format_ratio;
use crate::program::{Running, program};
use crate::times::Times;

/// The servers, by their names for the scripts and for people. Each is compared with the first one of
/// its protocol.
const SERVERS: [(Name, &str); 4] = [
    (Name::Ligature { tls: false }, "`ligature serve`, by HTTP"),
    (Name::Ligature { tls: true }, "`ligature serve`, by HTTPS"),
    (Name::Package("oauth2-mock-server"), "`oauth2-mock-server`, by HTTP"),
    (Name::Package(SIMULATOR), "`auth0-simulator`, by HTTPS"),
];
const SIMULATOR: &str = "auth0-simulator";
/// The packages of the other servers.
const PACKAGES: [&str; 2] = ["oauth2-mock-server", "@simulacrum/auth0-simulator"];
/// The kinds of requests.
const KINDS: [&str; 3] = ["tokens", "look-ups", "logins"];

/// The users of each server that has users.
const USERS: usize = 100;
const PASSWORD: &str = "correct horse battery";
/// The clients of `load.mjs`. The password hash is that of a tenant that configures none.
const CONFIG: &str = r#"name = "bench"

[[clients]]
client_id = "web"
name = "Web application"
client_secret = "the secret of the web application"
grant_types = ["http://auth0.com/oauth/grant-type/password-realm"]

[[clients]]
client_id = "management"
name = "Management"
client_secret = "the secret of the management"
grant_types = ["client_credentials"]
scopes = ["read:users"]

[[connections]]
name = "Username-Password-Authentication"
strategy = "auth0"
"#;

/// The reading of the table, which stands below it.
const NOTES: &str = "\
The ratio is that of the rate to the rate of `ligature serve` by the same protocol. The client is one process of Node on \
the same cores, with 16 connections, which bounds the fastest server. Before it measures, the command checks which wrong \
secrets and passwords each server refuses, and which look-ups it lacks; what each does with a password is in its code.

- `ligature serve` refuses a wrong secret of a client and a wrong password. A login computes the tenant's default hash, \
Argon2id with 19 MiB and two passes, and runs the policy.
- `oauth2-mock-server` accepts any secret and any password: nothing is hashed. It has no users, and therefore no look-up.
- `auth0-simulator` accepts any secret. It refuses a wrong password, which it compares with the user's as a text: nothing \
is hashed. It has no look-up of users.
";

/// A server's name for the scripts.
#[derive(Clone, Copy)]
enum Name {
    /// The program under measurement.
    Ligature { tls: bool },
    /// A server that `start.mjs` starts.
    Package(&'static str),
}

/// The installed packages of the other servers.
pub(crate) struct Servers {
    folder: PathBuf,
    /// The packages with their versions.
    pub(crate) versions: Vec<String>,
    /// The reason why the simulator is left out.
    no_certificate: Option<String>,
}

/// A server with what is measured of each kind of requests, or nothing if it does not answer them.
struct Row {
    server: &'static str,
    kinds: [Option<Load>; KINDS.len()],
}

/// The rate and the times of one kind of requests.
struct Load {
    per_second: f64,
    times: Times,
}

/// The figures of the servers.
pub(crate) struct Figures(Vec<Row>);

impl Servers {
    /// Installs the packages. Fails without Node.
    pub(crate) fn install(place: &Place) -> Result<Self, String> {
        let folder = place.0.join("servers");
        copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/servers"), &folder);
        npm_ci(&folder, &fs::read_to_string(folder.join("package-lock.json")).expect("a lock"))?;
        write_users(&folder);
        let versions = PACKAGES.iter().map(|package| read_version(&folder, package)).collect();
        let no_certificate = create_certificate(&folder).err();
        Ok(Self { folder, versions, no_certificate })
    }

    /// Measures each kind of requests for so many seconds in each round, one server after the other.
    pub(crate) fn measure_all(&self, seconds: f64, left_out: &mut Vec<String>) -> Figures {
        let mut servers = SERVERS.to_vec();
        if let Some(why) = &self.no_certificate {
            left_out.push(format!("the server `{SIMULATOR}`: {why}"));
            servers.retain(|(name, _)| !matches!(name, Name::Package(SIMULATOR)));
        }
        let new_row = |&(_, server): &(_, _)| Row { server, kinds: [None, None, None] };
        let mut rows: Vec<Row> = servers.iter().map(new_row).collect();
        for round in 1..=ROUNDS {
            for (&(name, server), row) in servers.iter().zip(&mut rows) {
                println!("round {round} of {ROUNDS}: {server}");
                for (kind, least) in KINDS.iter().zip(&mut row.kinds) {
                    let load = self.measure(name, kind, seconds);
                    keep_least(least, load);
                }
            }
        }
        Figures(rows)
    }

    /// Measures requests of one kind, in a new process: the simulator keeps a log of all requests, and is
    /// slower with each.
    fn measure(&self, name: Name, kind: &str, seconds: f64) -> Option<Load> {
        let (running, address) = self.start(name);
        let script_name = match name {
            Name::Ligature { .. } => "ligature",
            Name::Package(package) => package,
        };
        let mut node = Command::new("node");
        node.args(["load.mjs", script_name, kind, &seconds.to_string(), &address]);
        let printed = output(node.current_dir(&self.folder));
        drop(running);
        let printed = printed.unwrap_or_else(|why| panic!("{script_name}, {kind}: {why}"));
        let figures: Value = serde_json::from_str(&printed).expect("figures");
        let per_second = figures["per_second"].as_f64();
        per_second.map(|per_second| Load { per_second, times: Times::read(&figures) })
    }

    /// Starts a server, and returns its address.
    fn start(&self, name: Name) -> (Running, String) {
        match name {
            Name::Ligature { tls } => {
                let mut serve = program(&self.folder);
                serve.args(["serve", "--port", "0", "--tls-port", "0", "--state"]);
                serve.arg(self.folder.join("state")).arg("--config").arg(self.folder.join("tenant.toml"));
                Running::start(serve, &self.folder, |ready| {
                    ready.split(' ').nth(usize::from(tls)).map(str::to_owned)
                })
            }
            Name::Package(package) => {
                let mut node = Command::new("node");
                node.args(["start.mjs", package]).current_dir(&self.folder);
                // The simulator looks for its certificate there.
                node.env("HOME", self.folder.join("home"));
                Running::start_by_line(node, &self.folder, |line| {
                    line.strip_prefix("ready ").map(str::to_owned)
                })
            }
        }
    }
}

impl Figures {
    /// Returns the servers as a table, with how to read it.
    pub(crate) fn table(&self) -> String {
        let (mut table, mut rule) = ("| server |".to_owned(), "|---|".to_owned());
        for kind in KINDS {
            let _ = write!(table, " {kind}/s | p50 | p99 | ratio |");
            rule.push_str("---:|---:|---:|---:|");
        }
        let _ = write!(table, "\n{rule}\n");
        for row in &self.0 {
            let _ = write!(table, "| {} |", row.server);
            let is_same = |own: &&Row| own.server.ends_with(protocol(row.server));
            let own = self.0.iter().find(is_same).unwrap_or(row);
            for (load, own) in row.kinds.iter().zip(&own.kinds) {
                match load {
                    Some(load) => table.push_str(&load.cells(own.as_ref())),
                    None => table.push_str(" - | - | - | - |"),
                }
            }
            table.push('\n');
        }
        table + "\n" + NOTES
    }
}

impl Load {
    /// Returns the cells of the table, with the ratio to the rate of `ligature serve`.
    fn cells(&self, own: Option<&Self>) -> String {
        let ratio = own.map_or("-".to_owned(), |own| format_ratio(self.per_second / own.per_second));
        let (p50, p99) = (format(self.times.p50_us), format(self.times.p99_us));
        format!(" {} | {p50} | {p99} | {ratio} |", format_rate(self.per_second))
    }
}

/// The protocol at the end of a server's name.
fn protocol(server: &str) -> &str {
    server.rsplit_once("by ").map_or("", |(_, protocol)| protocol)
}

/// Keeps the load with the least median.
fn keep_least(least: &mut Option<Load>, load: Option<Load>) {
    let Some(load) = load else { return };
    if least.as_ref().is_none_or(|least| load.times.p50_us < least.times.p50_us) {
        *least = Some(load);
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate")]
fn format_rate(per_second: f64) -> String {
    if per_second < 99.5 { format!("{per_second:.1}") } else { group_thousands(per_second.round() as u64) }
}

/// Writes the users for the scripts and for the simulator, and the configuration of the tenant with them.
fn write_users(folder: &Path) {
    let (mut users, mut config) = (Vec::new(), CONFIG.to_owned());
    for n in 0..USERS {
        let (id, name, email) = (format!("auth0|{n}"), format!("User {n}"), format!("user.{n}@example.com"));
        let _ = write!(
            config,
            r#"
[[users]]
user_id = "{id}"
connection = "Username-Password-Authentication"
email = "{email}"
email_verified = true
name = "{name}"
password = "{PASSWORD}"
"#
        );
        users.push(json!({ "id": id, "name": name, "email": email, "password": PASSWORD }));
    }
    fs::write(folder.join("users.json"), Value::from(users).to_string()).expect("a file is written");
    fs::write(folder.join("tenant.toml"), config).expect("a file is written");
}

/// Creates the certificate of a day which the simulator expects in the home folder.
fn create_certificate(folder: &Path) -> Result<(), String> {
    let certificates = folder.join("home/.simulacrum/certs");
    fs::create_dir_all(&certificates).expect("a folder");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]);
    openssl.args(["-keyout", "localhost-key.pem", "-out", "localhost.pem"]);
    output(openssl.current_dir(certificates)).map(drop)
}

/// Returns a package's name and installed version.
fn read_version(folder: &Path, package: &str) -> String {
    let manifest = fs::read_to_string(folder.join("node_modules").join(package).join("package.json"));
    let manifest: Value = serde_json::from_str(&manifest.expect("a manifest")).expect("JSON");
    format!("{package} {}", manifest["version"].as_str().unwrap_or_default())
}
