//! Connecting to a server, with errors that tell that no request was sent.

use std::fmt;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, DefaultConnector, NextTimeout};
use ureq::{Error, Timeout};

use crate::reading::describe_io_error;

const UNVERIFIED: &str = "its certificate cannot be verified";

/// The reason why there is no connection. It is the content of [`Error::Other`].
#[derive(Debug)]
pub(super) struct NotConnected {
    pub(super) why: String,
    /// Whether another try may succeed.
    pub(super) is_passing: bool,
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for NotConnected {}

impl NotConnected {
    fn lasting(why: &str) -> Error {
        Error::Other(Box::new(Self { why: why.to_owned(), is_passing: false }))
    }
}

/// Looks names up. A name that is not found is not asked for again: the resolver of the
/// system has done so.
#[derive(Debug, Default)]
pub(super) struct NamedResolver(DefaultResolver);

impl Resolver for NamedResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| match error {
            Error::Timeout(_) => Error::Timeout(Timeout::Resolve),
            // The system reports a name that does not exist as an error of no kind.
            Error::Io(_) | Error::HostNotFound => {
                NotConnected::lasting("no server with this name was found; check the domain")
            }
            error => error,
        })
    }
}

/// Connects, TLS included. Without this, an error of the handshake looks the same as one
/// of a request.
#[derive(Debug, Default)]
pub(super) struct NamedConnector(DefaultConnector);

impl Connector for NamedConnector {
    type Out = <DefaultConnector as Connector>::Out;

    fn connect(&self, details: &ConnectionDetails, chained: Option<()>) -> Result<Option<Self::Out>, Error> {
        self.0.connect(details, chained).map_err(|error| match error {
            Error::Timeout(_) => Error::Timeout(Timeout::Connect),
            error => match certificate_error(&error) {
                Some(why) => NotConnected::lasting(&format!("{UNVERIFIED}: {why:?}")),
                None => Error::Other(Box::new(NotConnected { why: describe(&error), is_passing: true })),
            },
        })
    }
}

fn describe(error: &Error) -> String {
    match error {
        Error::Io(error) => describe_io_error(error),
        Error::Other(error) => error.to_string(),
        error => error.to_string(),
    }
}

fn certificate_error(error: &Error) -> Option<&rustls::CertificateError> {
    let error = match error {
        Error::Rustls(error) => error,
        Error::Io(error) => error.get_ref()?.downcast_ref()?,
        _ => return None,
    };
    match error {
        rustls::Error::InvalidCertificate(why) => Some(why),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::UNVERIFIED;

    #[test]
    fn the_documentation_has_the_error_of_a_certificate() {
        assert!(
            include_str!("../../../docs/auth0.md").contains(&format!("cannot be reached: {UNVERIFIED}: …"))
        );
    }
}
