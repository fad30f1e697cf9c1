//! The client of one tenant.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::json;
use ureq::http::Method;

use super::limiter::{Limiter, RequestClass};
use super::response::{SUSPENDED, TenantResponse};
use super::retry::{Repeat, retry};
use super::token::{GrantedToken, MachineToken, MachineTokens};
use super::transport::{Failure, Sending, Transport};
use super::{
    CallError, CallErrorKind, ClientCredentials, Need, SetupError, TenantAddress, TimeLimit, UnmetNeed,
};
use crate::ambient::Ambient;

/// The client of a tenant's Management API. It may be shared between threads; copies
/// share connections, machine token and limiter.
#[derive(Clone)]
pub struct ManagementClient {
    tenant: Arc<Tenant>,
    /// The id that the tenant's log shows for the requests of this copy.
    correlation_id: String,
}

struct Tenant {
    address: TenantAddress,
    credentials: ClientCredentials,
    ambient: Ambient,
    transport: Transport,
    tokens: MachineTokens,
    limiter: Limiter,
}

/// A call of the Management API.
pub(super) struct ApiRequest {
    pub(super) method: Method,
    /// Path and query.
    pub(super) path: String,
    pub(super) json: Option<serde_json::Value>,
    pub(super) repeat: Repeat,
    pub(super) need: Need,
}

/// A call with the bytes of its body, which every attempt sends.
struct PreparedCall<'a> {
    call: &'a ApiRequest,
    body: Option<Vec<u8>>,
}

/// The answer of `/oauth/token`.
///
/// Source: RFC 6749, section 5.1.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<String>,
}

impl fmt::Debug for ManagementClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagementClient").field("address", &self.tenant.address).finish_non_exhaustive()
    }
}

impl ManagementClient {
    /// Makes a client. It sends nothing yet.
    ///
    /// # Errors
    ///
    /// If the machine has no certificates of authorities.
    pub fn connect(
        address: TenantAddress,
        credentials: ClientCredentials,
        ambient: &Ambient,
    ) -> Result<Self, SetupError> {
        let tenant = Tenant {
            transport: Transport::new(&address, ambient)?,
            tokens: MachineTokens::new(ambient),
            limiter: Limiter::new(ambient),
            ambient: ambient.clone(),
            address,
            credentials,
        };
        Ok(Self { correlation_id: correlation_id(ambient), tenant: Arc::new(tenant) })
    }

    /// Returns the same client under a new correlation id.
    #[must_use]
    pub fn with_new_correlation_id(&self) -> Self {
        Self { tenant: self.tenant.clone(), correlation_id: correlation_id(&self.tenant.ambient) }
    }

    /// Returns the tenant's address.
    #[must_use]
    pub fn address(&self) -> &TenantAddress {
        &self.tenant.address
    }

    /// Asks for the machine token, and returns the needs whose scopes it lacks. Empty if
    /// the tenant does not name the scopes that it grants: the calls show them then.
    ///
    /// # Errors
    ///
    /// If the tenant grants no token.
    pub fn unmet_needs(&self, limit: TimeLimit) -> Result<Vec<UnmetNeed>, CallError> {
        let token = self.token(limit).map_err(|kind| self.error(kind))?;
        let Some(scope) = &token.scope else { return Ok(Vec::new()) };
        Ok(Need::ALL.into_iter().filter_map(|need| need.find_unmet(scope)).collect())
    }

    /// Returns by how many seconds this machine's clock is ahead of the tenant's, by the
    /// last answer with a time.
    #[must_use]
    pub fn clock_lead(&self) -> Option<i64> {
        self.tenant.transport.clock_lead()
    }

    /// Makes a call and reads the JSON of its answer.
    pub(super) fn read_json<T: DeserializeOwned>(
        &self,
        call: &ApiRequest,
        limit: TimeLimit,
    ) -> Result<T, CallError> {
        let answer = self.send(call, limit)?;
        let is_json = answer.is_json();
        let body = answer.into_body(&[]).map_err(|kind| self.error(kind))?;
        parse_json(&body, is_json).map_err(|kind| self.error(kind))
    }

    /// Makes a call whose answer has no content, or JSON that does not matter.
    pub(super) fn change(&self, call: &ApiRequest, limit: TimeLimit) -> Result<(), CallError> {
        let answer = self.send(call, limit)?;
        let is_json = answer.is_json();
        let body = answer.into_body(&[]).map_err(|kind| self.error(kind))?;
        if body.is_empty() {
            return Ok(());
        }
        parse_json::<IgnoredAny>(&body, is_json).map(drop).map_err(|kind| self.error(kind))
    }

    fn send(&self, call: &ApiRequest, limit: TimeLimit) -> Result<TenantResponse, CallError> {
        let body = call.json.as_ref().map(|json| json.to_string().into_bytes());
        let prepared = PreparedCall { call, body };
        let attempt = || self.attempt(&prepared, limit);
        retry(&self.tenant.ambient, limit, call.repeat, attempt).map_err(|kind| self.error(kind))
    }

    /// Returns the connection to the tenant.
    pub(super) fn transport(&self) -> &Transport {
        &self.tenant.transport
    }

    pub(super) fn error(&self, kind: CallErrorKind) -> CallError {
        CallError { kind, correlation_id: Some(self.correlation_id.clone()) }
    }

    /// Tries a call once; twice if the token is no longer accepted.
    fn attempt(&self, prepared: &PreparedCall<'_>, limit: TimeLimit) -> Result<TenantResponse, Failure> {
        let token = self.token(limit).map_err(Failure::lasting)?;
        match self.attempt_with(&token, prepared, limit) {
            Err(Failure { kind: CallErrorKind::Refused { status: 401, .. }, .. }) => {
                self.tenant.tokens.forget(&token);
                let token = self.token(limit).map_err(Failure::lasting)?;
                self.attempt_with(&token, prepared, limit)
            }
            result => result,
        }
    }

    fn attempt_with(
        &self,
        token: &MachineToken,
        prepared: &PreparedCall<'_>,
        limit: TimeLimit,
    ) -> Result<TenantResponse, Failure> {
        let PreparedCall { call, body } = prepared;
        if let Some(refusal) = token.earlier_refusal(call.need) {
            return Err(Failure::lasting(refusal));
        }
        let class = if call.method == Method::GET { RequestClass::Read } else { RequestClass::Write };
        let permit = self
            .tenant
            .limiter
            .acquire(class, limit)
            .map_err(|wait| Failure::lasting(CallErrorKind::RateLimited { retry_after: Some(wait) }))?;
        let sending = Sending {
            method: call.method.clone(),
            path: &call.path,
            token: Some(&token.text),
            json: body.as_deref(),
            correlation_id: &self.correlation_id,
        };
        let answer = self.tenant.transport.send(&sending, limit)?;
        permit.answered(&answer.rate, answer.status == 429);
        let (secrets, is_json) = ([&token.text, self.tenant.credentials.client_secret()], answer.is_json());
        into_success(answer, &secrets).map_err(|mut failure| {
            failure.kind = distrust_page(failure.kind, is_json);
            let unmet = call.need.refused_with(token.scope.as_deref());
            if name_scope(&mut failure.kind, &unmet) && call.need.is_optional {
                token.keep_refusal(call.need, &failure.kind);
            }
            failure
        })
    }

    fn token(&self, limit: TimeLimit) -> Result<Arc<MachineToken>, CallErrorKind> {
        self.tenant.tokens.get(limit, || {
            let attempt = || self.attempt_token(limit);
            retry(&self.tenant.ambient, limit, Repeat::Read, attempt).map_err(without_effect)
        })
    }

    /// Asks for a machine token.
    ///
    /// Source: RFC 6749, section 4.4; Auth0, "Client Credentials Flow".
    fn attempt_token(&self, limit: TimeLimit) -> Result<GrantedToken, Failure> {
        let Tenant { address, credentials, transport, .. } = &*self.tenant;
        let json = json!({
            "grant_type": "client_credentials",
            "client_id": credentials.client_id(),
            "client_secret": credentials.client_secret(),
            "audience": address.audience(),
        });
        let json = json.to_string();
        let sending = Sending {
            method: Method::POST,
            path: "/oauth/token",
            token: None,
            json: Some(json.as_bytes()),
            correlation_id: &self.correlation_id,
        };
        let secrets = [credentials.client_secret()];
        let answer = into_success(transport.send(&sending, limit)?, &secrets).map_err(|mut failure| {
            explain_refused_token(&mut failure.kind, address);
            failure
        })?;
        let is_json = answer.is_json();
        let body = answer.into_body(&secrets).map_err(Failure::lasting)?;
        let granted: TokenAnswer = parse_json(&body, is_json).map_err(Failure::lasting)?;
        let is_usable =
            !granted.access_token.is_empty() && granted.access_token.bytes().all(|b| b.is_ascii_graphic());
        if !is_usable || !granted.token_type.eq_ignore_ascii_case("bearer") {
            let why = "the answer of /oauth/token has no bearer token".to_owned();
            return Err(Failure::lasting(CallErrorKind::Unreadable(why)));
        }
        let life = granted.expires_in.map(Duration::from_secs);
        Ok(GrantedToken { text: granted.access_token, life, scope: granted.scope })
    }
}

fn correlation_id(ambient: &Ambient) -> String {
    ambient.random().uuid().to_string()
}

/// Returns the answer if it reports success, with its body checked.
pub(super) fn into_success(answer: TenantResponse, secrets: &[&str]) -> Result<TenantResponse, Failure> {
    if (200..=299).contains(&answer.status) && answer.body.is_ok() {
        return Ok(answer);
    }
    let wait = answer.wait();
    let kind =
        answer.into_body(secrets).err().unwrap_or_else(|| CallErrorKind::Unclear("no answer".to_owned()));
    let is_passing = matches!(kind, CallErrorKind::RateLimited { .. } | CallErrorKind::Unclear(_));
    Err(Failure { kind, wait, is_passing })
}

/// Reads an answer of JSON. The parser's error is not repeated, because it may contain
/// values of users.
fn parse_json<T: DeserializeOwned>(body: &[u8], is_json: bool) -> Result<T, CallErrorKind> {
    let refuse = |why: String| Err(CallErrorKind::Unreadable(why));
    if !is_json {
        return refuse("the tenant's answer is not JSON by its content type; check the domain".to_owned());
    }
    match serde_json::from_slice(body) {
        Ok(value) => Ok(value),
        Err(error) if error.is_eof() => refuse("the JSON of the tenant's answer is cut off".to_owned()),
        Err(error) if error.is_syntax() => refuse(format!(
            "the tenant's answer is not valid JSON at line {}, column {}",
            error.line(),
            error.column()
        )),
        Err(error) => refuse(format!(
            "the tenant's answer has another shape than the API documents, at line {}, column {}",
            error.line(),
            error.column()
        )),
    }
}

/// Names the scope that the application lacks, and the purpose of the call. Returns whether
/// it lacks one.
fn name_scope(kind: &mut CallErrorKind, unmet: &UnmetNeed) -> bool {
    let CallErrorKind::Refused { status: 403, error_code: Some(code), message } = kind else { return false };
    let lacks_scope = code == "insufficient_scope";
    if lacks_scope {
        *message = format!("{unmet}; authorize it for the application in Auth0's dashboard");
    }
    lacks_scope
}

/// Says what to do if the tenant grants no token.
fn explain_refused_token(kind: &mut CallErrorKind, address: &TenantAddress) {
    let CallErrorKind::Refused { status, error_code, message } = kind else { return };
    if message.starts_with(SUSPENDED) {
        return;
    }
    let (domain, audience) = (address.domain(), address.audience());
    // The words of the message choose the advice only.
    let knows_no_api = message.contains("Service not found");
    let advice = match status {
        // Source: Auth0, "Client credentials flow": the grant type is enabled for each application.
        _ if error_code.as_deref() == Some("unauthorized_client") => {
            "use a machine-to-machine application, or enable its grant type Client Credentials in Auth0's dashboard"
                .to_owned()
        }
        401 => "check the client id and the client secret".to_owned(),
        403 if knows_no_api => format!(
            "the tenant has no API for the name {domain}: if it is a custom domain, name the canonical one beside it, \
             auth0://TENANT.auth0.com?custom_domain={domain}"
        ),
        403 if address.looks_canonical() => {
            format!("authorize the application for the API {audience} in Auth0's dashboard")
        }
        403 => format!(
            "authorize the application for the API {audience} in Auth0's dashboard, or, if {domain} is a custom \
             domain, name the canonical one beside it: auth0://TENANT.auth0.com?custom_domain={domain}"
        ),
        404 => format!("check the domain {domain}"),
        _ => return,
    };
    *message = format!("no machine token: {message}; {advice}");
}

/// A user who does not exist is refused in JSON. Any other 404 is that of a gateway or of another
/// server, and says nothing of the user.
fn distrust_page(kind: CallErrorKind, is_json: bool) -> CallErrorKind {
    match kind {
        CallErrorKind::Refused { status: 404, message, .. } if !is_json => {
            CallErrorKind::Unreadable(format!("{message} (status 404)"))
        }
        kind => kind,
    }
}

/// A request for a token changes nothing, so no failure of it leaves anything unclear.
fn without_effect(kind: CallErrorKind) -> CallErrorKind {
    match kind {
        CallErrorKind::Unclear(why) | CallErrorKind::Unreadable(why) | CallErrorKind::NotSent(why) => {
            CallErrorKind::NotSent(format!("no machine token: {why}"))
        }
        CallErrorKind::TooLong => {
            CallErrorKind::NotSent("no machine token: the tenant's answer is longer than 2 MiB".to_owned())
        }
        CallErrorKind::TimedOut { .. } => CallErrorKind::TimedOut { may_have_effect: false },
        kind => kind,
    }
}
