//! The routes, and the middleware of every request.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer};

use crate::service::readiness::TENANT_TIME;
use crate::tenant::account;
use crate::tenant::config::Config;
use crate::tenant::dev::fault_list::RoutePaths;
use crate::tenant::dev::{fault_list, reset};
use crate::tenant::http::html;
use crate::tenant::http::oauth_error::too_many;
use crate::tenant::management;
use crate::tenant::management::Problem;
use crate::tenant::metrics;
use crate::tenant::pages::{outbox_page, start_page};
use crate::tenant::server::login_routes;
use crate::tenant::server::rate_limit::ApiLimit;
use crate::tenant::server::{injected_faults, own_forms, time_limit, unknown_path};
use crate::tenant::signing::issuer::{Scheme, require_own_host};
use crate::tenant::state::Shared;

/// The maximum size of a body, as at Auth0.
const BODY_BYTES: usize = 1 << 20;
/// The maximum size of a body for a login.
const LOGIN_BODY_BYTES: usize = 32 << 10;
/// The time for which browsers may cache the response to a preflight request.
const PREFLIGHT: Duration = Duration::from_secs(600);

/// Returns all routes, for any listener.
pub(crate) fn router(tenant: &Shared) -> Router<Shared> {
    let limits = &tenant.config.rate_limit;
    let management_limit = Arc::new(ApiLimit::new(limits.management, &tenant.ambient));
    let authentication_limit = Arc::new(ApiLimit::new(limits.authentication, &tenant.ambient));
    let management = management::router()
        .route_layer(middleware::from_fn_with_state(tenant.clone(), management::record_request))
        .route_layer(middleware::from_fn_with_state(management_limit, limit_management))
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    let authentication = login_routes::router()
        .router
        .route_layer(middleware::from_fn(own_forms::refuse_foreign_forms))
        .route_layer(middleware::from_fn_with_state(authentication_limit.clone(), limit_authentication))
        .layer(DefaultBodyLimit::max(LOGIN_BODY_BYTES));
    let account_router = account::routes::router()
        .route_layer(middleware::from_fn_with_state(authentication_limit.clone(), limit_authentication));
    // Other origins cannot read these pages: `cors` excludes them.
    let dev = login_routes::dev_router()
        .router
        .route_layer(middleware::from_fn_with_state(authentication_limit.clone(), limit_authentication))
        .route("/", get(start_page::show))
        .route("/dev/outbox", get(outbox_page::show))
        .route("/dev/reset", post(reset::reset).get(reset::explain))
        .route("/dev/faults", get(fault_list::list).put(fault_list::replace).delete(fault_list::remove))
        .merge(account_router)
        .layer(DefaultBodyLimit::max(LOGIN_BODY_BYTES))
        .layer(middleware::map_response(html::add_resource_policy));
    Router::new()
        .merge(dev)
        .merge(management)
        .merge(authentication)
        .merge(login_routes::script_router().router)
        .merge(management::openapi_router())
        .merge(management::download_router())
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        // Browsers request an icon unprompted.
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/metrics", get(metrics))
        .fallback(unknown_path::answer)
        .layer(Extension(RoutePaths(paths())))
}

/// Returns the paths of the APIs, of the login pages and of the account page, with the names of their parameters.
pub(crate) fn paths() -> &'static [String] {
    static PATHS: OnceLock<Vec<String>> = OnceLock::new();
    PATHS.get_or_init(|| {
        [
            login_routes::router().paths,
            login_routes::script_router().paths,
            account::routes::paths(),
            management::paths(),
        ]
        .concat()
    })
}

/// Returns the routes with the middleware of one listener.
pub(crate) fn add_state(router: Router<Shared>, tenant: &Shared, scheme: Scheme) -> Router {
    let arrived = move |State(tenant): State<Shared>, request: Request, next: Next| async move {
        match require_own_host(&tenant.signing.hosts, scheme, request) {
            Ok(request) => next.run(request).await,
            // Further requests on this connection are not for this tenant either.
            Err(refusal) => ([(CONNECTION, "close")], refusal).into_response(),
        }
    };
    router
        .layer(CatchPanicLayer::custom(|_: Box<dyn std::any::Any + Send>| {
            Problem::plain(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }))
        .layer(middleware::from_fn(time_limit::limit_time))
        // Outside of the time limit: a delay may be as long.
        .layer(middleware::from_fn_with_state(tenant.clone(), injected_faults::inject))
        .layer(middleware::from_fn_with_state(tenant.clone(), arrived))
        .layer(new_cors_layer(&tenant.config))
        .layer(middleware::from_fn_with_state(tenant.clone(), observe_request))
        .with_state(tenant.clone())
}

/// Returns the CORS layer. Pages of the clients' origins, and no others, may send requests, cookies
/// included, and read every response, including refusals. Scripts cannot read pages for users and
/// for the operator.
///
/// Source: Auth0, "Allowed Origins (CORS)": the origins of callbacks are allowed.
fn new_cors_layer(config: &Config) -> CorsLayer {
    let of_callback = |callback: &String| {
        let origin = url::Url::parse(callback).ok()?.origin();
        origin.is_tuple().then(|| origin.ascii_serialization())
    };
    let origins: std::collections::HashSet<String> = (config.clients.iter())
        .flat_map(|client| {
            client.origins.iter().cloned().chain(client.callbacks.iter().filter_map(of_callback))
        })
        .collect();
    let is_for_people = |path: &str| {
        path == "/"
            || path == "/metrics"
            || path == "/account"
            || path == "/console"
            || path.starts_with("/console/")
            || path.starts_with("/account/")
            || path.starts_with("/u/")
            || path.starts_with("/dev/")
    };
    let exposed = ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"]
        .map(HeaderName::from_static);
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(move |origin, request| {
            !is_for_people(request.uri.path()) && origin.to_str().is_ok_and(|origin| origins.contains(origin))
        }))
        .allow_credentials(true)
        .allow_headers(AllowHeaders::mirror_request())
        .allow_methods([Method::GET, Method::POST, Method::PATCH, Method::DELETE])
        .expose_headers(exposed)
        .max_age(PREFLIGHT)
}

/// Counts every response, and adds the headers that forbid caching and protect against other sites.
async fn observe_request(State(tenant): State<Shared>, request: Request, next: Next) -> Response {
    let start = tenant.ambient.monotonic();
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    // Unknown paths are not used as labels: a sender can choose their number and length.
    let route = route.unwrap_or_else(|| "none".to_owned());
    let from = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|it| it.0);
    let mut response = next.run(request).await;
    let status = response.status();
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: browsers would send forms with `Origin: null`.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    // Clients may retry after an overload or an outage. A delay longer than a second is set where
    // the response is made.
    if let StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE = status {
        headers.entry(RETRY_AFTER).or_insert(HeaderValue::from_static("1"));
    }
    let took = tenant.ambient.elapsed(start);
    let status = status.as_u16();
    let counted = metrics::Response { route, method, status };
    tenant.metrics.count_response(&counted, took);
    tracing::debug!(
        target: "http", method, route = counted.route, status, took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
        from = from.map(|it| it.ip().to_string()), "answered"
    );
    response
}

async fn limit_management(State(limit): State<Arc<ApiLimit>>, request: Request, next: Next) -> Response {
    let (left, mut response) = match limit.count() {
        Ok(left) => (left, next.run(request).await),
        Err(left) => (left, Problem::too_many().into_response()),
    };
    left.write_headers(response.headers_mut());
    response
}

async fn limit_authentication(State(limit): State<Arc<ApiLimit>>, request: Request, next: Next) -> Response {
    match limit.count() {
        Ok(_) => next.run(request).await,
        Err(left) => {
            let mut response = too_many().into_response();
            left.write_headers(response.headers_mut());
            response
        }
    }
}

async fn healthz() -> &'static str {
    "ok\n"
}

/// Responds whether logins can be served, which is when the directory answers a cheap read.
async fn readyz(State(tenant): State<Shared>) -> Response {
    let directory = tenant.directory.clone();
    match tenant.readiness.check(&tenant.ambient, move || directory.check(TENANT_TIME)).await {
        Ok(()) => "ready\n".into_response(),
        Err(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "not ready: the directory does not answer\n").into_response()
        }
    }
}

async fn metrics(State(tenant): State<Shared>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        tenant.metrics.render_page(&tenant.directory.state()),
    )
}
