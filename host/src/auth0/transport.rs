//! One HTTP request to a tenant.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use ureq::http::{HeaderMap, Method, Request, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::{Agent, AsSendBody, Body, Proxy, Timeout};

use super::connect::{NamedConnector, NamedResolver, NotConnected};
use super::rate_headers::{RateHeaders, http_date};
use super::response::{BodyFault, TenantResponse};
use super::{CallErrorKind, SetupError, TenantAddress, TimeLimit};
use crate::ambient::Ambient;

/// The most bytes of an answer's body.
const MOST_BYTES: u64 = 2 * 1024 * 1024;

/// The time until the answer of a download begins.
const DOWNLOAD_BEGINS: Duration = Duration::from_mins(1);

/// The connections that are kept open for later requests.
const KEPT_CONNECTIONS: usize = 16;

/// Sends requests to one tenant: over https with the machine's certificates, or over
/// http to this machine. Follows no redirect.
#[derive(Debug)]
pub(super) struct Transport {
    ambient: Ambient,
    address: TenantAddress,
    agent: Agent,
    /// The tenant's time by its last answer, in seconds ahead of this machine's;
    /// [`NO_TIME`] before the first.
    tenant_lead: AtomicI64,
}

const NO_TIME: i64 = i64::MIN;

/// A request. Its `Debug` output would contain secrets.
pub(super) struct Sending<'a> {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) json: Option<&'a [u8]>,
    pub(super) correlation_id: &'a str,
}

/// A failed try of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: CallErrorKind,
    /// The time that the tenant asks to wait.
    pub(super) wait: Option<Duration>,
    /// Whether another try may succeed.
    pub(super) is_passing: bool,
}

impl Failure {
    pub(super) fn lasting(kind: CallErrorKind) -> Self {
        Self { kind, wait: None, is_passing: false }
    }

    pub(super) fn passing(kind: CallErrorKind) -> Self {
        Self { kind, wait: None, is_passing: true }
    }
}

impl Transport {
    /// A transport that trusts the machine's authorities.
    ///
    /// # Errors
    ///
    /// If the machine has none, unless the tenant is on this machine.
    pub(super) fn new(address: &TenantAddress, ambient: &Ambient) -> Result<Self, SetupError> {
        let roots = if address.is_loopback() { Vec::new() } else { load_roots()? };
        Ok(Self::trusting(&roots, address, ambient))
    }

    fn trusting(roots: &[Certificate<'static>], address: &TenantAddress, ambient: &Ambient) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(!address.is_loopback())
            .max_redirects(0)
            .user_agent(concat!("ligature/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .max_idle_connections(KEPT_CONNECTIONS)
            .max_idle_connections_per_host(KEPT_CONNECTIONS);
        let config = if address.is_loopback() {
            // A proxy would be asked for its own loopback.
            config.proxy(None)
        } else {
            config.tls_config(tls(roots))
        };
        let agent = Agent::with_parts(config.build(), NamedConnector::default(), NamedResolver::default());
        let tenant_lead = AtomicI64::new(NO_TIME);
        Self { ambient: ambient.clone(), address: address.clone(), agent, tenant_lead }
    }

    /// Returns by how many seconds this machine's clock is ahead of the tenant's, by its
    /// last answer with a `Date`.
    pub(super) fn clock_lead(&self) -> Option<i64> {
        let lead = self.tenant_lead.load(Ordering::Relaxed);
        (lead != NO_TIME).then(|| -lead)
    }

    fn note_time(&self, date: Option<&str>) {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).ok();
        let lead = || Some(seconds(http_date(date?)?)? - seconds(self.ambient.since_epoch())?);
        if let Some(lead) = lead() {
            self.tenant_lead.store(lead, Ordering::Relaxed);
        }
    }

    /// Sends a request and reads its answer, whatever its status.
    ///
    /// # Errors
    ///
    /// If no answer arrives within the limit.
    pub(super) fn send(&self, sending: &Sending<'_>, limit: TimeLimit) -> Result<TenantResponse, Failure> {
        let left = limit.left(&self.ambient);
        if left.is_zero() {
            return Err(Failure::lasting(CallErrorKind::TimedOut { may_have_effect: false }));
        }
        let response = match sending.json {
            Some(json) => self.run(sending, json, left),
            None => self.run(sending, (), left),
        };
        response.map(|response| self.read_response(response)).map_err(|error| self.failure(&error))
    }

    /// Sends a request of another protocol to the tenant, and reads its answer, whatever
    /// its status.
    ///
    /// # Errors
    ///
    /// If no answer arrives within the limit.
    pub(super) fn forward(
        &self,
        request: Request<Vec<u8>>,
        limit: TimeLimit,
    ) -> Result<TenantResponse, Failure> {
        let left = limit.left(&self.ambient);
        if left.is_zero() {
            return Err(Failure::lasting(CallErrorKind::TimedOut { may_have_effect: false }));
        }
        let request = self.agent.configure_request(request).timeout_global(Some(left)).build();
        self.agent
            .run(request)
            .map(|response| self.read_response(response))
            .map_err(|error| self.failure(&error))
    }

    /// Requests a file of any server, without a token. The answer is returned before its body.
    ///
    /// # Errors
    ///
    /// If no answer begins within a minute or the limit, which holds for the body too. No error contains
    /// the URL.
    pub(super) fn download(&self, url: &str, limit: TimeLimit) -> Result<Response<Body>, Failure> {
        let left = limit.left(&self.ambient);
        let request = Request::get(url).header("accept", "*/*").body(());
        let unsent = |why: String| Failure::lasting(CallErrorKind::NotSent(why));
        let request = request.map_err(|_| unsent("the URL of the export's file is malformed".to_owned()))?;
        let request = self.agent.configure_request(request).timeout_global(Some(left));
        let request = request.timeout_recv_response(Some(left.min(DOWNLOAD_BEGINS))).build();
        self.agent.run(request).map_err(|error| match error {
            ureq::Error::Timeout(_) => Failure::passing(CallErrorKind::TimedOut { may_have_effect: false }),
            ureq::Error::Other(other) => Failure::passing(CallErrorKind::NotSent(format!(
                "the server of the export's file cannot be reached{}: {other}",
                self.describe_proxy()
            ))),
            ureq::Error::Io(error) => Failure::passing(CallErrorKind::Unclear(format!(
                "the connection to the server of the export's file broke: {}",
                crate::reading::describe_io_error(&error)
            ))),
            _ => Failure::passing(CallErrorKind::Unclear(
                "the server of the export's file does not answer by HTTP".to_owned(),
            )),
        })
    }

    fn run(
        &self,
        sending: &Sending<'_>,
        body: impl AsSendBody,
        left: Duration,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder()
            .method(sending.method.clone())
            .uri(self.address.url(sending.path))
            .header("x-correlation-id", sending.correlation_id);
        if sending.json.is_some() {
            request = request.header("content-type", "application/json");
        }
        if let Some(token) = sending.token {
            request = request.header("authorization", ["Bearer ", token].concat());
        }
        let request = self.agent.configure_request(request.body(body)?).timeout_global(Some(left)).build();
        self.agent.run(request)
    }

    fn read_response(&self, mut response: Response<Body>) -> TenantResponse {
        let header = |name: &str| text_of(response.headers(), name);
        self.note_time(header("date"));
        let rate = RateHeaders::from_headers(header, self.ambient.since_epoch());
        let content_type = header("content-type").unwrap_or_default().to_owned();
        let location = header("location").map(str::to_owned);
        let body = response.body_mut().with_config().limit(MOST_BYTES).read_to_vec();
        let body = body.map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => BodyFault::TooLong,
            ureq::Error::Timeout(_) => BodyFault::TimedOut,
            error => BodyFault::Broken(error.to_string()),
        });
        TenantResponse { status: response.status().as_u16(), content_type, location, rate, body }
    }

    /// Returns what is known after an error. Only a connection that was never made
    /// proves that the request had no effect.
    fn failure(&self, error: &ureq::Error) -> Failure {
        match error {
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Failure::lasting(CallErrorKind::TimedOut { may_have_effect: false })
            }
            ureq::Error::Timeout(_) => Failure::lasting(CallErrorKind::TimedOut { may_have_effect: true }),
            ureq::Error::Http(_) | ureq::Error::BadUri(_) | ureq::Error::RequireHttpsOnly(_) => {
                Failure::lasting(CallErrorKind::NotSent(format!("the request cannot be sent: {error}")))
            }
            ureq::Error::Other(other) => match other.downcast_ref() {
                Some(NotConnected { why, is_passing }) => {
                    let domain = self.address.domain();
                    let why =
                        format!("the tenant {domain} cannot be reached{}: {why}", self.describe_proxy());
                    Failure { kind: CallErrorKind::NotSent(why), wait: None, is_passing: *is_passing }
                }
                None => self.broken(&other.to_string()),
            },
            error => self.broken(&error.to_string()),
        }
    }

    /// Describes the proxy of the environment without its credentials, as a part of a sentence.
    fn describe_proxy(&self) -> String {
        let proxy = self.agent.config().proxy();
        let describe = |it: &Proxy| format!(" through the proxy {}:{} (HTTPS_PROXY)", it.host(), it.port());
        proxy.map(describe).unwrap_or_default()
    }

    fn broken(&self, why: &str) -> Failure {
        let hint =
            if self.address.is_loopback() { "; localhost is asked by http: check the port" } else { "" };
        Failure::passing(CallErrorKind::Unclear(format!(
            "the connection broke before the answer was whole: {why}{hint}"
        )))
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn load_roots() -> Result<Vec<Certificate<'static>>, SetupError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(SetupError::NoRoots(errors.join("; ")));
    }
    Ok(found.certs.iter().map(|root| Certificate::from_der(root).to_owned()).collect())
}

fn tls(roots: &[Certificate<'static>]) -> TlsConfig {
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::new_with_certs(roots))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .build()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::time::Duration;

    use rcgen::{CertifiedKey, generate_simple_self_signed};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};
    use ureq::http::Method;
    use ureq::tls::Certificate;

    use super::{Failure, Sending, Transport};
    use crate::ambient::Ambient;
    use crate::auth0::{CallErrorKind, TimeLimit};

    /// Starts a server with a certificate for this name; its port and its certificate.
    fn serve_tls(name: &str) -> (u16, Certificate<'static>) {
        let CertifiedKey { cert, signing_key } = generate_simple_self_signed([name.to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("0.0.0.0:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut tls = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream);
                let mut request = [0; 4_096];
                if tls.read(&mut request).is_ok_and(|length| length > 0) {
                    let _ = tls.write_all(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n");
                }
            }
        });
        (port, Certificate::from_der(cert.der()).to_owned())
    }

    /// Sends a change to that port; the status.
    fn send(port: u16, root: &Certificate<'static>) -> Result<u16, Failure> {
        let ambient = Ambient::system();
        // By its text an address of another machine, so https is spoken.
        let address = format!("auth0://0.0.0.0:{port}").parse().unwrap();
        let transport = Transport::trusting(std::slice::from_ref(root), &address, &ambient);
        let sending =
            Sending { method: Method::DELETE, path: "/x", token: None, json: None, correlation_id: "c" };
        let limit = TimeLimit::after(&ambient, Duration::from_secs(10));
        transport.send(&sending, limit).map(|answer| answer.status)
    }

    #[test]
    fn a_server_with_a_certificate_of_a_known_authority_is_trusted() {
        let (port, root) = serve_tls("0.0.0.0");
        assert_eq!(send(port, &root), Ok(204));
    }

    #[test]
    fn a_server_that_cannot_be_verified_gets_no_request() {
        let (_, other) = serve_tls("0.0.0.0");
        let (unknown, _) = serve_tls("0.0.0.0");
        let (misnamed, root) = serve_tls("tenant.example.com");
        for (port, root) in [(unknown, &other), (misnamed, &root)] {
            let failure = send(port, root).unwrap_err();
            let CallErrorKind::NotSent(why) = &failure.kind else { panic!("{failure:?}") };
            assert!(why.contains("cannot be verified: ") && !failure.is_passing, "{why}");
        }
    }
}
