//! Splits a PostgreSQL URL into its parts, to determine which parameters it omits. The crate
//! `postgres` returns only the resulting configuration.

use std::borrow::Cow;

use postgres::Config;
use postgres::config::Host;

use crate::directory::open_error::OpenError;

/// Values that libpq supports but the crate does not, with their equivalents. TLS always requires a
/// valid certificate here.
const SYNONYMS: [(&str, &str, &str); 5] = [
    ("sslmode", "allow", "prefer"),
    ("sslmode", "verify-ca", "require"),
    ("sslmode", "verify-full", "require"),
    ("target_session_attrs", "primary", "read-write"),
    ("target_session_attrs", "standby", "read-only"),
];

/// A PostgreSQL URL: `postgres://CREDENTIALS@HOSTS/DATABASE?QUERY`.
pub(super) struct Url<'a> {
    credentials: Option<&'a str>,
    hosts: &'a str,
    database: &'a str,
    query: Vec<(&'a str, &'a str)>,
}

impl<'a> Url<'a> {
    /// Splits a URL as the crate does: credentials end at the first `@`.
    pub(super) fn split(url: &'a str) -> Result<Self, OpenError> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| refuse_url("the postgres URL does not begin with `postgres://`"))?;
        let (credentials, rest) =
            rest.split_once('@').map_or((None, rest), |(credentials, rest)| (Some(credentials), rest));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query: Option<_> = pairs.map(|pair| pair.split_once('=')).collect();
        let query = query.ok_or_else(|| refuse_url("a parameter of the postgres URL has no `=`"))?;
        Ok(Self { credentials, hosts, database, query })
    }

    /// Returns whether the URL sets a parameter, by libpq's name.
    pub(super) fn sets(&self, parameter: &str) -> bool {
        let is_set = match parameter {
            "user" => self.credentials.is_some(),
            "password" => self.credentials.is_some_and(|credentials| credentials.contains(':')),
            "host" => self.hosts.split(',').any(|host| !host.is_empty() && !host.starts_with(':')),
            "dbname" => !self.database.is_empty(),
            _ => false,
        };
        is_set || self.query.iter().any(|(key, _)| *key == parameter)
    }

    /// Returns the configuration. `port` is called for every host without a port.
    pub(super) fn config(&self, port: impl Fn(usize) -> Option<u16>) -> Result<Config, OpenError> {
        let mut text = "postgres://".to_owned();
        if let Some(credentials) = self.credentials {
            text.extend([credentials, "@"]);
        }
        // `postgres://:5433/users` sets the port but not the host.
        let port_alone = self.hosts.strip_prefix(':').filter(|port| !port.contains(','));
        if port_alone.is_none() && !self.hosts.is_empty() {
            let hosts = self.hosts.split(',').enumerate().map(|(number, host)| match port(number) {
                Some(port) if !has_port(host) => Cow::from(format!("{host}:{port}")),
                _ => Cow::from(host),
            });
            text.push_str(&hosts.collect::<Vec<_>>().join(","));
        }
        text.extend(["/", self.database]);
        let query = port_alone.iter().map(|port| ("port", *port)).chain(self.query.iter().copied());
        for (number, (key, value)) in query.enumerate() {
            text.extend([if number == 0 { "?" } else { "&" }, key, "=", canonical_value(key, value)]);
        }
        let config: Config = text.parse().map_err(|_| self.refuse_url())?;
        // A password with an unescaped @ is split, and its end is parsed as the host.
        let split = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(split) {
            return Err(refuse_url(
                "in the postgres URL a user name or password holds an `@`: write it as %40",
            ));
        }
        Ok(config)
    }

    /// Returns the error for a URL that the crate refuses, with the name of the faulty
    /// parameter. Values are never repeated, because they may contain a password.
    fn refuse_url(&self) -> OpenError {
        let wrong = self.query.iter().find(|(key, value)| parse_parameter(key, value).is_none());
        match wrong {
            Some((key, _)) if key.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()) => {
                refuse_url(&format!(
                    "`{key}` in the postgres URL is not a known parameter, or has a wrong value"
                ))
            }
            _ => refuse_url("the postgres URL cannot be understood"),
        }
    }
}

/// Returns whether a host has a port.
fn has_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|behind| behind.contains(':'))
}

/// Returns the crate's equivalent of a libpq value.
fn canonical_value<'v>(key: &str, value: &'v str) -> &'v str {
    let synonym = SYNONYMS.iter().find(|(of, from, _)| *of == key && *from == value);
    synonym.map_or(value, |(_, _, to)| to)
}

/// Returns the error for a URL that is refused.
fn refuse_url(why: &str) -> OpenError {
    OpenError::InvalidLocation(why.to_owned())
}

/// Parses one parameter to a configuration. Returns `None` if its value is invalid.
pub(super) fn parse_parameter(key: &str, value: &str) -> Option<Config> {
    let quoted = canonical_value(key, value).replace('\\', "\\\\").replace('\'', "\\'");
    format!("{key}='{quoted}'").parse().ok()
}
