//! Where a PostgreSQL server is and how it is reached: the URL, and libpq's
//! environment variables for what the URL leaves out.
//!
//! Names, values and precedence are libpq's
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>). The crate
//! `postgres` reads the URL alone.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use postgres::config::{Host, SslMode, TargetSessionAttrs};
use postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::passfile::{self, Login};
use super::url::{Url, parameter};
use crate::directory::open::OpenError;

/// How long a connection may take to be made, over all hosts.
const CONNECT: Duration = Duration::from_secs(5);
/// How long sent data may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// The variables that count, with the parameters that they stand for. `PGPORT`
/// is beside them, because a host may have a port of its own.
const VARIABLES: [(&str, &str); 12] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGDATABASE", "dbname"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
];

/// The value of an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A server, or several of which one takes changes.
pub(super) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// For messages: without user and password.
    pub(super) place: String,
}

impl Address {
    /// # Errors
    ///
    /// When the URL or a variable cannot be understood, with its name, or when
    /// TLS is needed and cannot be had.
    pub(super) fn new(url: &str, reads_only: bool, environment: Environment<'_>) -> Result<Self, OpenError> {
        let mut config = configure(url, reads_only, environment)?;
        let place = place(&config);
        let tls = tls(&mut config, &place)?;
        Ok(Self { config, tls, place })
    }

    /// # Errors
    ///
    /// When no server of it can be used.
    pub(super) fn connect(&self) -> Result<Client, postgres::Error> {
        match &self.tls {
            None => self.config.connect(NoTls),
            Some(tls) => self.config.connect(tls.clone()),
        }
    }
}

fn configure(url: &str, reads_only: bool, environment: Environment<'_>) -> Result<Config, OpenError> {
    // A variable that is empty counts as not set.
    let value_of = |name: &str| environment(name).filter(|value| !value.is_empty());
    let url = Url::split(url)?;
    let ports = match value_of("PGPORT") {
        Some(value) => understood("PGPORT", "port", &value)?.get_ports().to_vec(),
        None => Vec::new(),
    };
    let one = (ports.len() == 1).then(|| ports[0]);
    let mut config = url.config(|host| one.or_else(|| ports.get(host).copied()))?;
    if !url.says("target_session_attrs") && !reads_only {
        // The one of several servers that takes changes.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    // A URL that names a host is not led elsewhere by either of the two.
    let says_host = url.says("host") || url.says("hostaddr");
    for (name, key) in VARIABLES {
        let said = if key.starts_with("host") { says_host } else { url.says(key) };
        if let Some(value) = value_of(name).filter(|_| !said) {
            take(&mut config, key, &understood(name, key, &value)?);
        }
    }
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    if hosts == 0 {
        return Err(OpenError::NoLocation("the postgres URL names no host, nor does PGHOST".to_owned()));
    }
    if config.get_ports().is_empty() {
        ports.iter().for_each(|port| _ = config.port(*port));
    }
    if config.get_ports().len() > 1 && config.get_ports().len() != hosts {
        let why = format!("{} ports are given for {hosts} hosts", config.get_ports().len());
        return Err(OpenError::Mistaken { place: place(&config), why });
    }
    if let Some(file) = value_of("PGPASSFILE").filter(|_| config.get_password().is_none()) {
        let passwords = passfile::read(Path::new(&file))?;
        if let Some(password) = password_of(&config, &passwords)? {
            config.password(password);
        }
    }
    if config.get_application_name().is_none() {
        config.application_name("ligature");
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNACKNOWLEDGED);
    }
    if config.get_connect_timeout().is_none() {
        // One that does not answer leaves the others their time.
        config.connect_timeout(CONNECT / u32::try_from(hosts).unwrap_or(u32::MAX));
    }
    Ok(config)
}

/// The password in a file for all hosts that have one there: a connection takes
/// no more than one.
fn password_of(config: &Config, passwords: &str) -> Result<Option<String>, OpenError> {
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let of_host = |(host, port): (String, u16)| {
        passfile::password(passwords, &Login { host: &host, port, database, user })
    };
    let mut found: Vec<String> = servers(config).into_iter().filter_map(of_host).collect();
    found.dedup();
    if found.len() > 1 {
        let why = "the file in PGPASSFILE has not one password for all its hosts".to_owned();
        return Err(OpenError::Unusable { place: place(config), why });
    }
    Ok(found.pop())
}

/// A variable's value, understood. The message does not repeat it: it may be a
/// password in the wrong place.
fn understood(name: &'static str, key: &str, value: &str) -> Result<Config, OpenError> {
    parameter(key, value).ok_or_else(|| {
        let expected = match key {
            "port" => "port numbers with commas between them",
            "hostaddr" => "IP addresses with commas between them",
            "connect_timeout" => "a number of seconds",
            "sslmode" => "disable, allow, prefer, require, verify-ca or verify-full",
            "target_session_attrs" => "any, read-write, read-only, primary or standby",
            "channel_binding" => "disable, prefer or require",
            "load_balance_hosts" => "disable or random",
            _ => "text",
        };
        OpenError::Variable { name, expected }
    })
}

/// Takes over the one parameter that `from` holds.
fn take(config: &mut Config, key: &str, from: &Config) {
    match key {
        "host" => from.get_hosts().iter().for_each(|host| match host {
            Host::Tcp(name) => _ = config.host(name),
            #[cfg(unix)]
            Host::Unix(path) => _ = config.host_path(path),
        }),
        "hostaddr" => from.get_hostaddrs().iter().for_each(|address| _ = config.hostaddr(*address)),
        "user" => from.get_user().into_iter().for_each(|user| _ = config.user(user)),
        "password" => from.get_password().into_iter().for_each(|password| _ = config.password(password)),
        "dbname" => from.get_dbname().into_iter().for_each(|name| _ = config.dbname(name)),
        "options" => from.get_options().into_iter().for_each(|options| _ = config.options(options)),
        "application_name" => {
            from.get_application_name().into_iter().for_each(|name| _ = config.application_name(name));
        }
        "connect_timeout" => {
            from.get_connect_timeout().into_iter().for_each(|timeout| _ = config.connect_timeout(*timeout));
        }
        "sslmode" => _ = config.ssl_mode(from.get_ssl_mode()),
        "target_session_attrs" => _ = config.target_session_attrs(from.get_target_session_attrs()),
        "channel_binding" => _ = config.channel_binding(from.get_channel_binding()),
        "load_balance_hosts" => _ = config.load_balance_hosts(from.get_load_balance_hosts()),
        _ => {}
    }
}

/// Deny by default: beyond this machine only with TLS and a certificate that
/// is valid, unless `sslmode` is `disable`.
fn tls(config: &mut Config, place: &str) -> Result<Option<MakeRustlsConnect>, OpenError> {
    let local =
        config.get_hosts().iter().all(is_local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    match config.get_ssl_mode() {
        SslMode::Disable => return Ok(None),
        SslMode::Prefer if local => return Ok(None),
        _ => {}
    }
    config.ssl_mode(SslMode::Require);
    let (connector, _) = MakeRustlsConnect::with_native_certs().map_err(|_| OpenError::Unusable {
        place: place.to_owned(),
        why: "TLS is needed, and this machine has no root certificates; name a file of them in SSL_CERT_FILE"
            .to_owned(),
    })?;
    Ok(Some(connector))
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The servers with their ports, and the database, without user and password.
fn place(config: &Config) -> String {
    let name = |(host, port): (String, u16)| match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let names: Vec<String> = servers(config).into_iter().map(name).collect();
    format!("postgres://{}/{}", names.join(","), config.get_dbname().unwrap_or_default())
}

/// Each server's name, socket's folder or address, and its port.
fn servers(config: &Config) -> Vec<(String, u16)> {
    let name = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    };
    let mut names: Vec<String> = config.get_hosts().iter().map(name).collect();
    if names.is_empty() {
        names = config.get_hostaddrs().iter().map(ToString::to_string).collect();
    }
    let ports = config.get_ports();
    let port = |number: usize| ports.get(number).or(ports.first()).copied().unwrap_or(5432);
    names.into_iter().enumerate().map(|(number, name)| (name, port(number))).collect()
}

#[cfg(test)]
mod tests;
