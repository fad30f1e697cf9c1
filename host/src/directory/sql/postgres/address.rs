//! The address of a PostgreSQL server: the URL, completed by libpq's environment variables.
//!
//! Names, values and precedence are those of libpq
//! (<https://www.postgresql.org/docs/current/libpq-envars.html>). The crate `postgres`
//! reads only the URL.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use postgres::config::{Host, SslMode, TargetSessionAttrs};
use postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::passfile::{self, PasswordQuery};
use super::url::{Url, parse_parameter};
use crate::directory::open_error::OpenError;

/// The timeout of a connection attempt, over all hosts.
const CONNECT: Duration = Duration::from_secs(5);
/// The time after which unacknowledged data closes a connection.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);

/// The environment variables, with the parameters that they set. `PGPORT` is handled
/// separately, because each host may have its own port.
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

/// A function that returns the value of an environment variable.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The address of a server, or of several servers of which one accepts changes.
pub(super) struct Address {
    config: Config,
    tls: Option<MakeRustlsConnect>,
    /// The address for messages, without user and password.
    pub(super) place: String,
}

impl Address {
    /// Parses a URL, and completes it from the environment.
    ///
    /// # Errors
    ///
    /// If the URL or a variable is malformed (the message names it), or if TLS is needed but no
    /// root certificates exist.
    pub(super) fn new(url: &str, reads_only: bool, environment: Environment<'_>) -> Result<Self, OpenError> {
        let mut config = configure(url, reads_only, environment)?;
        let place = describe(&config);
        let tls = tls_connector(&mut config, &place)?;
        Ok(Self { config, tls, place })
    }

    /// Connects to the first server that can be used.
    ///
    /// # Errors
    ///
    /// If no server can be used.
    pub(super) fn connect(&self) -> Result<Client, postgres::Error> {
        match &self.tls {
            None => self.config.connect(NoTls),
            Some(tls) => self.config.connect(tls.clone()),
        }
    }
}

/// Returns the configuration derived from the URL and the environment.
fn configure(url: &str, reads_only: bool, environment: Environment<'_>) -> Result<Config, OpenError> {
    // An empty variable counts as unset.
    let value_of = |name: &str| environment(name).filter(|value| !value.is_empty());
    let url = Url::split(url)?;
    let ports = match value_of("PGPORT") {
        Some(value) => parse_variable("PGPORT", "port", &value)?.get_ports().to_vec(),
        None => Vec::new(),
    };
    let one = (ports.len() == 1).then(|| ports[0]);
    let mut config = url.config(|host| one.or_else(|| ports.get(host).copied()))?;
    if !url.sets("target_session_attrs") && !reads_only {
        // Selects the server that accepts changes, if there are several.
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    // If the URL sets a host, neither variable may replace it.
    let sets_host = url.sets("host") || url.sets("hostaddr");
    for (name, key) in VARIABLES {
        let is_set = if key.starts_with("host") { sets_host } else { url.sets(key) };
        if let Some(value) = value_of(name).filter(|_| !is_set) {
            copy_parameter(&mut config, key, &parse_variable(name, key, &value)?);
        }
    }
    let hosts = config.get_hosts().len().max(config.get_hostaddrs().len());
    if hosts == 0 {
        return Err(OpenError::InvalidLocation("the postgres URL names no host, nor does PGHOST".to_owned()));
    }
    if config.get_ports().is_empty() {
        ports.iter().for_each(|port| _ = config.port(*port));
    }
    if config.get_ports().len() > 1 && config.get_ports().len() != hosts {
        let why = format!("{} ports are given for {hosts} hosts", config.get_ports().len());
        return Err(OpenError::NotADirectory { place: describe(&config), why });
    }
    if let Some(file) = value_of("PGPASSFILE").filter(|_| config.get_password().is_none()) {
        let passwords = passfile::read_file(Path::new(&file))?;
        if let Some(password) = find_password(&config, &passwords)? {
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
        // Divides the timeout, so that a host that does not respond leaves time for the others.
        config.connect_timeout(CONNECT / u32::try_from(hosts).unwrap_or(u32::MAX));
    }
    Ok(config)
}

/// Returns the password from a password file. All hosts that have an entry must share one password,
/// because a connection has only one.
fn find_password(config: &Config, passwords: &str) -> Result<Option<String>, OpenError> {
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let of_host = |(host, port): (String, u16)| {
        passfile::find_password(passwords, &PasswordQuery { host: &host, port, database, user })
    };
    let mut found: Vec<String> = servers(config).into_iter().filter_map(of_host).collect();
    found.dedup();
    if found.len() > 1 {
        let why = "the file in PGPASSFILE has not one password for all its hosts".to_owned();
        return Err(OpenError::Unusable { place: describe(config), why });
    }
    Ok(found.pop())
}

/// Parses the value of a variable. The error does not repeat the value, because it may be a
/// misplaced password.
fn parse_variable(name: &'static str, key: &str, value: &str) -> Result<Config, OpenError> {
    parse_parameter(key, value).ok_or_else(|| {
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

/// Copies one parameter from another configuration.
fn copy_parameter(config: &mut Config, key: &str, from: &Config) {
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

/// Returns the TLS connector. Connections beyond this machine need TLS with a valid certificate,
/// unless `sslmode` is `disable`.
fn tls_connector(config: &mut Config, place: &str) -> Result<Option<MakeRustlsConnect>, OpenError> {
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

/// Returns whether a host is this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// Describes the servers and the database for messages, without user and password.
fn describe(config: &Config) -> String {
    let name = |(host, port): (String, u16)| match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let names: Vec<String> = servers(config).into_iter().map(name).collect();
    format!("postgres://{}/{}", names.join(","), config.get_dbname().unwrap_or_default())
}

/// Returns the name, socket folder or address of each server, with its port.
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
