//! The logins of a user: browser sessions, and refresh tokens of clients.
//!
//! Source: Auth0's OpenAPI document, `get_sessions_for_user`,
//! `get_refresh_tokens_for_user` and their deletions.

use axum::Json;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::model::{Identity, Timestamp, User, mask_addresses};
use crate::tenant::config::Config;
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::openapi::CommonRefusals;
use crate::tenant::management::path::{UserId, ValidQuery};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::people::refresh_tokens::Grant;
use crate::tenant::people::revocations::Revocations;
use crate::tenant::people::sessions::Session;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CheckpointQuery {
    /// The id after which the page starts.
    from: Option<String>,
    /// The number of items per page.
    #[param(minimum = 1, maximum = 100)]
    take: Option<usize>,
    /// Accepted without effect, because SDKs send it.
    #[serde(rename = "include_totals")]
    #[param(rename = "include_totals")]
    _include_totals: Option<bool>,
}

/// The sessions of a user.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct SessionList {
    #[schema(value_type = Vec<Object>)]
    sessions: Vec<Value>,
    /// The checkpoint of the next page; absent on the last page.
    next: Option<String>,
}

/// The refresh tokens of a user.
#[derive(ToSchema)]
#[allow(dead_code)]
pub(super) struct RefreshTokenList {
    #[schema(value_type = Vec<Object>)]
    tokens: Vec<Value>,
    /// The checkpoint of the next page; absent on the last page.
    next: Option<String>,
}

/// List the sessions of a user
#[utoipa::path(get, path = "/api/v2/users/{id}/sessions", operation_id = "get_sessions_for_user", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), CheckpointQuery),
    security(("token" = ["read:sessions"])),
    responses((status = 200, description = "The sessions, the oldest first", body = SessionList),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_sessions(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<CheckpointQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:sessions"])?;
    visit
        .run(move |Visit { tenant, .. }| {
            let user = tenant.directory.get(&id)?.user;
            let all = iter_identity_ids(&user)
                .flat_map(|it| tenant.people.sessions.list_by_identity(&it))
                .collect::<Vec<_>>();
            let good = all.iter().filter(|it| is_good(&tenant.people.revocations, it));
            let shown = good.map(|it| render_session(&tenant.config, &user, it));
            select_page(shown.collect(), "sessions", &query)
        })
        .await
}

/// End the sessions of a user
#[utoipa::path(delete, path = "/api/v2/users/{id}/sessions", operation_id = "delete_sessions_for_user", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`")),
    security(("token" = ["delete:sessions"])),
    responses((status = 202, description = "They are ended"),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn end_sessions(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:sessions"])?;
    visit.run(move |Visit { tenant, .. }| {
        let user = tenant.directory.get(&id)?.user;
        let ended: usize = iter_identity_ids(&user).map(|it| tenant.people.sessions.end_by_identity(&it)).sum();
        tracing::info!(
            target: "audit", client = caller.client_id, user = %mask_addresses(&id), ended, "sessions were ended"
        );
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

/// List the refresh tokens of a user
#[utoipa::path(get, path = "/api/v2/users/{id}/refresh-tokens", operation_id = "get_refresh_tokens_for_user",
    tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), CheckpointQuery),
    security(("token" = ["read:refresh_tokens"])),
    responses((status = 200, description = "The refresh tokens, without their secrets", body = RefreshTokenList),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn refresh_tokens(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<CheckpointQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:refresh_tokens"])?;
    visit
        .run(move |Visit { tenant, .. }| {
            let user = tenant.directory.get(&id)?.user;
            let all =
                iter_identity_ids(&user).flat_map(|it| tenant.people.refresh_tokens.list_by_identity(&it));
            let shown = all.map(|(family, grant)| refresh_token(&tenant.config, &user, &family, &grant));
            select_page(shown.collect(), "tokens", &query)
        })
        .await
}

/// End the refresh tokens of a user
#[utoipa::path(delete, path = "/api/v2/users/{id}/refresh-tokens", operation_id = "delete_refresh_tokens_for_user",
    tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`")),
    security(("token" = ["delete:refresh_tokens"])),
    responses((status = 202, description = "They are ended"),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn end_refresh_tokens(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:refresh_tokens"])?;
    visit.run(move |Visit { tenant, .. }| {
        let user = tenant.directory.get(&id)?.user;
        for identity in iter_identity_ids(&user) {
            tenant.people.refresh_tokens.end_where(&identity, |_| true);
        }
        tracing::info!(
            target: "audit", client = caller.client_id, user = %mask_addresses(&id), "refresh tokens were ended"
        );
        Ok(StatusCode::ACCEPTED)
    })
    .await
}

fn iter_identity_ids(user: &User) -> impl Iterator<Item = String> {
    user.identities.iter().map(Identity::as_user_id)
}

fn is_good(revocations: &Revocations, session: &Session) -> bool {
    !revocations.is_revoked(&session.proved.user.user_id, session.proved.began)
}

fn render_session(config: &Config, user: &User, session: &Session) -> Value {
    let Session { sid, proved } = session;
    json!({
        "id": sid, "user_id": user.user_id, "created_at": proved.at, "authenticated_at": proved.at,
        "expires_at": add_seconds(proved.at, config.lifetimes.session),
        "authentication": { "methods": [{ "name": proved.method, "timestamp": proved.at }] },
    })
}

fn refresh_token(config: &Config, user: &User, family: &str, grant: &Grant) -> Value {
    let scopes: Vec<&str> = grant.scope.split(' ').filter(|it| !it.is_empty()).collect();
    json!({
        // A hash of the family's name, because the name itself is half of the token.
        "id": derive_token_id(family), "user_id": user.user_id, "client_id": grant.client_id, "rotating": true,
        "created_at": grant.at, "session_id": grant.session,
        "idle_expires_at": add_seconds(grant.at, config.lifetimes.refresh_token),
        "resource_servers": [{ "audience": grant.audience, "scopes": scopes }],
    })
}

fn derive_token_id(family: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(family).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

fn add_seconds(at: Timestamp, seconds: u64) -> Option<Timestamp> {
    Timestamp::from_millis(at.as_millis().saturating_add(seconds.saturating_mul(1000)))
}

/// Returns the page of items after the id `from`, and the checkpoint of the next page.
fn select_page(all: Vec<Value>, name: &str, query: &CheckpointQuery) -> Result<Json<Value>, Problem> {
    let take = query.take.unwrap_or(50);
    if !(1..=100).contains(&take) {
        return Err(Problem::query("expected a number from 1 to 100 on property take"));
    }
    let start = match &query.from {
        None => 0,
        // An id that no longer exists gives an empty page.
        Some(from) => all.iter().position(|it| it["id"] == from.as_str()).map_or(all.len(), |it| it + 1),
    };
    let shown: Vec<&Value> = all.iter().skip(start).take(take).collect();
    let mut answer = json!({ name: shown });
    if start + take < all.len()
        && let Some(last) = shown.last()
    {
        answer["next"] = last["id"].clone();
    }
    Ok(Json(answer))
}
