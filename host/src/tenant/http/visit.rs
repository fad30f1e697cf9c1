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
    /// Does the work of a request that has its place, on the thread that [`RunsOn::decide`] has chosen.
    async fn run_admitted<T: Send + 'static>(self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        debug_assert!(self.place.is_some(), "the request was admitted");
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
    /// Takes a place for the work of this visit, whose body has arrived with these parameters.
    pub(crate) fn admit<P>(self, params: P) -> Result<Visit<P>, Full> {
        let place = Some(self.tenant.admission.enter()?);
        let Self { tenant, issuer, sender, headers, params: (), route, runs_on, .. } = self;
        Ok(Visit { tenant, issuer, sender, headers, params, route, runs_on, place })
    }

    /// Does the work of this request, whose body has arrived. Without a place, that is the error.
    pub(crate) async fn run<T, E>(
        self,
        work: impl FnOnce(&Self) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Full> + Send + 'static,
    {
        self.admit(())?.run_admitted(work).await
    }

    /// Does the work of this request, whose body has arrived. Without a place, the response is a page for
    /// people, and an OAuth error for all others.
    pub(crate) async fn respond<T: IntoResponse + Send + 'static>(
        self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Response {
        let headers = self.headers.clone();
        match self.admit(()) {
            Ok(admitted) => admitted.run_admitted(work).await.into_response(),
            Err(Full) => refuse_without_place(&headers),
        }
    }
}

impl Visit {
    /// Does the work of this request. It has had its place since its parameters arrived.
    pub(crate) async fn run<T: Send + 'static>(self, work: impl FnOnce(&Self) -> T + Send + 'static) -> T {
        self.run_admitted(work).await
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
        let runs_on = RunsOn::decide(&visit.route, &headers, &params);
        let admitted = visit.admit(params).map_err(|Full| refuse_without_place(&headers))?;
        Ok(Self { runs_on, ..admitted })
    }
}

/// Returns the refusal of a request without a place: a page for people, and an OAuth error for all
/// others.
fn refuse_without_place(headers: &HeaderMap) -> Response {
    if html::wants_page(headers) {
        return html::error_page(StatusCode::SERVICE_UNAVAILABLE, FULL);
    }
    OAuthError::from(Full).into_response()
}

impl From<Full> for OAuthError {
    fn from(Full: Full) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", FULL)
    }
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
