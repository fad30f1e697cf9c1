//! A PostgreSQL URL in its parts, so that what it leaves out can be known: the
//! crate `postgres` tells only what the parts come to.

use std::borrow::Cow;

use postgres::Config;
use postgres::config::Host;

use crate::directory::open::OpenError;

/// Values that libpq has and the crate has not, with what they mean here, where
/// TLS never goes without a valid certificate.
const SYNONYMS: [(&str, &str, &str); 5] = [
    ("sslmode", "allow", "prefer"),
    ("sslmode", "verify-ca", "require"),
    ("sslmode", "verify-full", "require"),
    ("target_session_attrs", "primary", "read-write"),
    ("target_session_attrs", "standby", "read-only"),
];

/// `postgres://CREDENTIALS@HOSTS/DATABASE?QUERY`
pub(super) struct Url<'a> {
    credentials: Option<&'a str>,
    hosts: &'a str,
    database: &'a str,
    query: Vec<(&'a str, &'a str)>,
}

impl<'a> Url<'a> {
    /// Splits it where the crate does: credentials end at the first `@`.
    pub(super) fn split(url: &'a str) -> Result<Self, OpenError> {
        let rest = ["postgres://", "postgresql://"].iter().find_map(|scheme| url.strip_prefix(scheme));
        let rest = rest.ok_or_else(|| refused("the postgres URL does not begin with `postgres://`"))?;
        let (credentials, rest) =
            rest.split_once('@').map_or((None, rest), |(credentials, rest)| (Some(credentials), rest));
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query: Option<_> = pairs.map(|pair| pair.split_once('=')).collect();
        let query = query.ok_or_else(|| refused("a parameter of the postgres URL has no `=`"))?;
        Ok(Self { credentials, hosts, database, query })
    }

    /// Whether it says the parameter, by libpq's name of it.
    pub(super) fn says(&self, parameter: &str) -> bool {
        let said = match parameter {
            "user" => self.credentials.is_some(),
            "password" => self.credentials.is_some_and(|credentials| credentials.contains(':')),
            "host" => self.hosts.split(',').any(|host| !host.is_empty() && !host.starts_with(':')),
            "dbname" => !self.database.is_empty(),
            _ => false,
        };
        said || self.query.iter().any(|(key, _)| *key == parameter)
    }

    /// Its configuration, with `port` for every host without one.
    pub(super) fn config(&self, port: impl Fn(usize) -> Option<u16>) -> Result<Config, OpenError> {
        let mut text = "postgres://".to_owned();
        if let Some(credentials) = self.credentials {
            text.extend([credentials, "@"]);
        }
        // `postgres://:5433/users` leaves out the host and says the port.
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
            text.extend([if number == 0 { "?" } else { "&" }, key, "=", meant(key, value)]);
        }
        let config: Config = text.parse().map_err(|_| self.refused())?;
        // A password with a bare @ is cut in two, and its end taken for the host.
        let split = |host: &Host| matches!(host, Host::Tcp(name) if name.contains('@'));
        if config.get_hosts().iter().any(split) {
            return Err(refused("in the postgres URL a user name or password holds an `@`: write it as %40"));
        }
        Ok(config)
    }

    /// The parameter that is not understood, if it is one. Values are never
    /// repeated: there may be a password among them.
    fn refused(&self) -> OpenError {
        let wrong = self.query.iter().find(|(key, value)| parameter(key, value).is_none());
        match wrong {
            Some((key, _)) if key.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase()) => refused(
                &format!("`{key}` in the postgres URL is not a known parameter, or has a wrong value"),
            ),
            _ => refused("the postgres URL cannot be understood"),
        }
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit(']').next().is_some_and(|behind| behind.contains(':'))
}

fn meant<'v>(key: &str, value: &'v str) -> &'v str {
    let synonym = SYNONYMS.iter().find(|(of, from, _)| *of == key && *from == value);
    synonym.map_or(value, |(_, _, to)| to)
}

fn refused(why: &str) -> OpenError {
    OpenError::NoLocation(why.to_owned())
}

/// A configuration of one parameter, if it can be understood.
pub(super) fn parameter(key: &str, value: &str) -> Option<Config> {
    let quoted = meant(key, value).replace('\\', "\\\\").replace('\'', "\\'");
    format!("{key}='{quoted}'").parse().ok()
}
