//! One request: who asks whom, from where, and with which parameters.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use axum::http::header::{ORIGIN, USER_AGENT};
use axum::http::{HeaderMap, Method, StatusCode, request};
use axum::response::{IntoResponse, Response};

use crate::tenant::admission::{FULL, Full, Place};
use crate::tenant::http::blocking::{Route, RunsOn};
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::OAuthError;
use crate::tenant::http::params::Params;
use crate::tenant::logins::context::Sender;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::Shared;

/// A request to the tenant.
///
/// `Visit` reads the parameters of the query (`GET`) or of the body (`POST`).
/// `Visit<()>` reads neither, and can stand before an extractor of a body.
pub(crate) struct Visit<P = Params> {
    /// The tenant that is visited.
    pub(crate) tenant: Shared,
    /// The tenant as this client calls it.
    pub(crate) issuer: Issuer,
    pub(crate) sender: Sender,
    pub(crate) headers: HeaderMap,
    pub(crate) params: P,
    route: Route,
    runs_on: RunsOn,
    /// The place of its work, until the work ends.
    place: Option<Place>,
}

impl<P: Send + Sync + 'static> Visit<P> {
    /// Does the work of this request, on the thread that [`RunsOn::decide`] has chosen.
    pub(crate) async fn run<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> T {
        // A request whose body another extractor has read was admitted before, and has no place yet.
        if self.place.is_none() {
            self.place = self.tenant.admission.enter().ok();
        }
        let (runs_on, is_remote) = (self.runs_on, self.tenant.is_remote);
        runs_on.run(is_remote, move || work(&self)).await
    }

    /// Returns the path of the request's route, with the names of its parameters.
    pub(crate) fn path(&self) -> Option<&str> {
        self.route.path()
    }

    /// Returns whether a page of another origin sent the request.
    pub(crate) fn is_cross_origin(&self) -> bool {
        self.headers.get(ORIGIN).is_some_and(|origin| origin.as_bytes() != self.issuer.origin().as_bytes())
    }
}

impl Visit<()> {
    /// The same visit with these parameters.
    pub(crate) fn with_params<P>(self, params: P) -> Visit<P> {
        let Self { tenant, issuer, sender, headers, params: (), route, runs_on, place } = self;
        Visit { tenant, issuer, sender, headers, params, route, runs_on, place }
    }

    /// Takes a place for the work of this visit.
    fn admit(self) -> Result<Self, Full> {
        let place = self.tenant.admission.enter()?;
        Ok(Self { place: Some(place), ..self })
    }
}

impl FromRequestParts<Shared> for Visit<()> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut request::Parts, tenant: &Shared) -> Result<Self, Response> {
        if !tenant.admission.has_place() {
            return Err(refuse_without_place(&parts.headers));
        }
        let issuer = Issuer::from_request_parts(parts, tenant).await?;
        let Ok(sender) = Sender::from_request_parts(parts, tenant).await;
        let route = Route::from_parts(parts);
        let runs_on = RunsOn::decide(&route, &parts.headers, &Params::default());
        let (tenant, headers) = (tenant.clone(), parts.headers.clone());
        Ok(Self { tenant, issuer, sender, headers, params: (), route, runs_on, place: None })
    }
}

impl FromRequest<Shared> for Visit {
    type Rejection = Response;

    async fn from_request(request: Request, tenant: &Shared) -> Result<Self, Response> {
        let (mut parts, body) = request.into_parts();
        let headers = parts.headers.clone();
        let visit = Visit::from_request_parts(&mut parts, tenant).await?;
        let params = if parts.method == Method::GET || parts.method == Method::HEAD {
            Params::from_query(&parts.uri)
        } else {
            Params::from_body(Request::from_parts(parts, body), tenant).await
        };
        let params = params.map_err(IntoResponse::into_response)?;
        let visit = visit.admit().map_err(|Full| refuse_without_place(&headers))?;
        let runs_on = RunsOn::decide(&visit.route, &visit.headers, &params);
        Ok(Self { runs_on, ..visit.with_params(params) })
    }
}

/// Returns the refusal of a request without a place: a page for people, and an OAuth error for all
/// others.
fn refuse_without_place(headers: &HeaderMap) -> Response {
    if html::wants_page(headers) {
        return html::error_page(StatusCode::SERVICE_UNAVAILABLE, FULL);
    }
    OAuthError::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", FULL).into_response()
}

impl FromRequestParts<Shared> for Sender {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut request::Parts, _: &Shared) -> Result<Self, Infallible> {
        let ip = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.ip().to_string());
        let user_agent = parts.headers.get(USER_AGENT).and_then(|it| it.to_str().ok());
        let hostname = parts.extensions.get::<Issuer>().map(Issuer::domain);
        Ok(Self {
            ip: ip.unwrap_or_default(),
            user_agent: user_agent.map(|it| it.chars().take(512).collect()),
            hostname: hostname.unwrap_or_default().to_owned(),
            method: if parts.method == Method::POST { "POST" } else { "GET" },
        })
    }
}
