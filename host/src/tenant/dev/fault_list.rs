//! `/dev/faults`: the faults that the tenant injects.

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::reading::{self, parse_json};
use crate::tenant::config::InjectedFault;
use crate::tenant::dev::refusal::{is_from_another_site, refuse};
use crate::tenant::faults;
use crate::tenant::http::visit::Visit;

/// The paths of the tenant, which faults can name.
#[derive(Clone)]
pub(crate) struct RoutePaths(pub(crate) &'static [String]);

/// Lists the faults, with the number of requests that each has answered.
pub(crate) async fn list(visit: Visit<()>) -> Response {
    Json(visit.tenant.faults.list()).into_response()
}

/// Replaces all faults.
pub(crate) async fn replace(
    visit: Visit<()>,
    axum::Extension(paths): axum::Extension<RoutePaths>,
    body: Bytes,
) -> Response {
    if is_from_another_site(&visit) {
        return refuse(
            StatusCode::FORBIDDEN,
            "Pages of other origins cannot change the faults of this tenant.",
        );
    }
    let read = std::str::from_utf8(&body).map_err(|_| "the body is not UTF-8".to_owned());
    let read = read.and_then(|text| parse_json::<Vec<InjectedFault>>(text).map_err(describe_fault));
    match read.and_then(|list| faults::check(&list, paths.0).map(|()| list)) {
        Ok(list) => {
            visit.tenant.faults.replace(&list);
            Json(visit.tenant.faults.list()).into_response()
        }
        Err(why) => refuse(StatusCode::BAD_REQUEST, &format!("The faults were not changed: {why}.")),
    }
}

/// Removes all faults.
pub(crate) async fn remove(visit: Visit<()>) -> Response {
    if is_from_another_site(&visit) {
        return refuse(
            StatusCode::FORBIDDEN,
            "Pages of other origins cannot change the faults of this tenant.",
        );
    }
    visit.tenant.faults.replace(&[]);
    StatusCode::NO_CONTENT.into_response()
}

/// Returns the words for a fault of the text, with its place.
fn describe_fault((place, message): reading::ParseFault) -> String {
    place.map_or(message.clone(), |(line, column)| format!("line {line}, column {column}: {message}"))
}
