//! The Management API v2: users, their identities, connections.
//!
//! | file | what |
//! |---|---|
//! | `access` | who calls, and what they may do |
//! | `users`, `new_user`, `changes`, `search` | users: shown, made, changed, found |
//! | `identities`, `link_with` | linking and unlinking |
//! | `logins` | what they are logged in by |
//! | `connections`, `signing_keys` | what else clients look for |
//! | `problem`, `body`, `shown`, `path` | how questions and answers are written |
//! | `openapi`, `schemas` | the same for programs |

mod access;
mod attributes;
mod body;
mod changes;
mod connections;
mod identities;
mod link_with;
mod logins;
mod new_user;
mod openapi;
mod path;
mod problem;
mod schemas;
mod search;
mod shown;
mod signing_keys;
mod users;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use link_with::SpentProofs;
pub(super) use problem::Problem;

use super::Shared;

/// The endpoints, and the document that describes them.
pub(super) fn router() -> (Router<Shared>, utoipa::openapi::OpenApi) {
    let (router, document) = OpenApiRouter::with_openapi(openapi::outline())
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(users::by_email))
        .routes(routes!(identities::link))
        .routes(routes!(identities::unlink))
        .routes(routes!(logins::sessions, logins::end_sessions))
        .routes(routes!(logins::refresh_tokens, logins::end_refresh_tokens))
        .routes(routes!(connections::list))
        .routes(routes!(connections::get))
        .routes(routes!(signing_keys::list))
        .routes(routes!(signing_keys::rotate))
        .split_for_parts();
    (router.method_not_allowed_fallback(async || Problem::plain(StatusCode::METHOD_NOT_ALLOWED)), document)
}

/// Where the document itself is.
pub(super) fn document(openapi: utoipa::openapi::OpenApi) -> Router<Shared> {
    let text: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let text = std::sync::Arc::new((openapi, text));
    Router::new().route(
        "/openapi.json",
        get(async move || {
            let (openapi, text) = &*text;
            let text = text.get_or_init(|| openapi::finished(openapi)).clone();
            ([(axum::http::header::CONTENT_TYPE, "application/json")], text)
        }),
    )
}
