//! The Management API v2: users, their identities, connections.
//!
//! | file | contents |
//! |---|---|
//! | `access` | the caller, and the scopes that they have |
//! | `users`, `new_user`, `changes`, `search` | users: read, create, change, search |
//! | `identities`, `link_with` | linking and unlinking |
//! | `logins` | a user's sessions and refresh tokens |
//! | `connections`, `connection_changes`, `clients`, `custom_domains`, `settings`, `signing_keys` | the tenant's own data |
//! | `roles`, `role_members` | roles, and the users who have them |
//! | `organizations`, `organization_members` | organizations, and their members |
//! | `groups`, `members` | what roles and organizations have in common |
//! | `tickets` | links for applications to send |
//! | `jobs`, `users_export`, `users_import`, `csv` | jobs: mails, exports and imports of users |
//! | `logs` | log events |
//! | `absent` | endpoints that this tenant does not have |
//! | `problem`, `body`, `shown`, `path`, `paging`, `scan` | the format of requests and responses |
//! | `openapi`, `schemas` | the OpenAPI document |
//!
//! A new endpoint is a function in one of these files, and a line in [`described`].

mod absent;
mod access;
mod attributes;
mod body;
mod changes;
mod clients;
mod connection_changes;
mod connections;
mod csv;
mod custom_domains;
mod groups;
mod identities;
mod imported_user;
mod jobs;
mod link_with;
mod logins;
mod logs;
mod members;
mod new_user;
mod openapi;
mod organization_members;
mod organizations;
mod paging;
mod path;
mod problem;
mod role_members;
mod roles;
mod scan;
mod schemas;
mod search;
mod search_conditions;
mod settings;
mod signing_keys;
#[cfg(test)]
mod supported;
mod tickets;
mod user_json;
mod users;
mod users_export;
mod users_import;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) use logs::record_request;
pub(super) use problem::Problem;

use crate::tenant::state::Shared;

/// Returns the paths of all endpoints.
pub(super) fn paths() -> Vec<String> {
    let described = router_with_schema().into_openapi().paths.paths.into_keys();
    described.chain(absent::paths()).collect()
}

/// Returns the router of all endpoints.
pub(super) fn router() -> Router<Shared> {
    let (router, _) = router_with_schema().split_for_parts();
    let router = router.merge(absent::router());
    router.method_not_allowed_fallback(async || Problem::plain(StatusCode::METHOD_NOT_ALLOWED))
}

/// Returns the endpoints that the OpenAPI document describes, together with the document.
fn router_with_schema() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(openapi::new_document())
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::get, users::update, users::delete))
        .routes(routes!(users::list_by_email))
        .routes(routes!(identities::link))
        .routes(routes!(identities::unlink))
        .routes(routes!(logins::list_sessions, logins::end_sessions))
        .routes(routes!(logins::refresh_tokens, logins::end_refresh_tokens))
        .routes(routes!(connections::list, connection_changes::create))
        .routes(routes!(connections::get, connection_changes::update, connection_changes::delete))
        .routes(routes!(connections::list_clients, connection_changes::enable))
        .routes(routes!(tickets::create_verification_ticket))
        .routes(routes!(tickets::create_password_ticket))
        .routes(routes!(jobs::verification_email))
        .routes(routes!(users_export::create))
        .routes(routes!(users_import::create))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::get_errors))
        .routes(routes!(logs::list))
        .routes(routes!(logs::get))
        .routes(routes!(logs::list_by_user))
        .routes(routes!(clients::list))
        .routes(routes!(clients::get))
        .routes(routes!(clients::list_grants))
        .routes(routes!(clients::resource_servers))
        .routes(routes!(settings::get_tenant_settings))
        .routes(routes!(settings::brute_force))
        .routes(routes!(custom_domains::list))
        .routes(routes!(roles::list, roles::create))
        .routes(routes!(roles::get, roles::update, roles::delete))
        .routes(routes!(role_members::list_permissions))
        .routes(routes!(role_members::list_users, role_members::add_users))
        .routes(routes!(role_members::list_by_user, role_members::assign, role_members::withdraw))
        .routes(routes!(role_members::permissions_of_user))
        .routes(routes!(organizations::list, organizations::create))
        .routes(routes!(organizations::get, organizations::delete))
        .routes(routes!(organization_members::list, organization_members::add, organization_members::remove))
        .routes(routes!(organization_members::list_by_user))
        .routes(routes!(signing_keys::list))
        .routes(routes!(signing_keys::rotate))
}

/// Returns the route to download exported files. A download needs no token, only the file's
/// secret name.
pub(super) fn download_router() -> Router<Shared> {
    Router::new().route("/exports/{secret}/{name}", get(users_export::download))
}

/// Returns the route of the OpenAPI document. The document is built when it is first requested:
/// most tenants are never asked for it, and its parts take more than 1 MB.
pub(super) fn openapi_router() -> Router<Shared> {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    Router::new().route(
        "/openapi.json",
        get(async || {
            let text = TEXT.get_or_init(|| openapi::finish_document(&router_with_schema().into_openapi()));
            ([(axum::http::header::CONTENT_TYPE, "application/json")], text.as_str())
        }),
    )
}
