//! Requests of other protocols to a tenant, over the connections, certificates and limits
//! of this client.

use ureq::http::Request;

use super::retry::{Repeat, retry};
use super::transport::Transport;
use super::{CallError, CallErrorKind, SetupError, TenantAddress, TimeLimit};
use crate::ambient::Ambient;

/// A request with its body.
pub(crate) type HttpRequest = Request<Vec<u8>>;

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// The URL to which a redirect leads.
    pub(crate) location: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Sends requests to one tenant. Follows no redirect, and reads at most 2 MiB of an answer.
#[derive(Debug)]
pub(crate) struct TenantHttp {
    transport: Transport,
    ambient: Ambient,
}

impl TenantHttp {
    /// # Errors
    ///
    /// If the machine has no certificates of authorities.
    pub(crate) fn new(address: &TenantAddress, ambient: &Ambient) -> Result<Self, SetupError> {
        Ok(Self { transport: Transport::new(address, ambient)?, ambient: ambient.clone() })
    }

    /// Sends a request once.
    ///
    /// # Errors
    ///
    /// If no whole answer arrives within the limit.
    pub(crate) fn send(&self, request: HttpRequest, limit: TimeLimit) -> Result<HttpAnswer, CallError> {
        let answer = self.transport.forward(request, limit).map_err(|failure| without_id(failure.kind))?;
        let status = answer.status;
        let (content_type, location) = (answer.content_type.clone(), answer.location.clone());
        let body = match answer.body {
            Ok(body) => body,
            // A refusal is known by its status.
            Err(_) if !(200..=299).contains(&status) => Vec::new(),
            Err(_) => return Err(without_id(answer.into_body(&[]).err().unwrap_or(unreadable()))),
        };
        Ok(HttpAnswer { status, content_type, location, body })
    }

    /// Reads a document of the tenant. Repeats the request while the tenant fails.
    ///
    /// # Errors
    ///
    /// If no success arrives within the limit.
    pub(crate) fn get(&self, url: &str, limit: TimeLimit) -> Result<Vec<u8>, CallError> {
        let attempt = || {
            let request = Request::get(url).body(Vec::new());
            let request = request.map_err(|error| {
                super::transport::Failure::lasting(CallErrorKind::NotSent(format!(
                    "the request cannot be sent: {error}"
                )))
            })?;
            super::client::into_success(self.transport.forward(request, limit)?, &[])
        };
        let answer = retry(&self.ambient, limit, Repeat::Read, attempt).map_err(without_id)?;
        answer.into_body(&[]).map_err(without_id)
    }
}

fn without_id(kind: CallErrorKind) -> CallError {
    CallError { kind, correlation_id: None }
}

fn unreadable() -> CallErrorKind {
    CallErrorKind::Unreadable("the tenant's answer cannot be read".to_owned())
}
