//! Users: reading, searching, creating, changing and removing.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::directory::{Administration, Stored};
use crate::model::{ApiError, User};
use crate::tenant::config::{Config, LEGACY};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::changes::{UserChange, change_user};
use crate::tenant::management::new_user::{NewUser, create_user};
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, UserList, UserObject};
use crate::tenant::management::path::{UserId, ValidQuery};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::search::{Query, check_field};
use crate::tenant::management::user_json;
use crate::tenant::management::user_json::FieldSelection;
use crate::tenant::people::People;
use crate::tenant::profile;

/// The most results of one search.
///
/// Source: Auth0, "List and search users": at most 1,000 results.
const RESULTS: usize = 1_000;
/// The longest time that a search may take.
///
/// Source: Auth0, "User search best practices": 2 seconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// The number of users that a search reads at a time.
const BATCH: usize = 500;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct FieldsQuery {
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ByEmailQuery {
    /// The address, matched byte for byte.
    #[param(min_length = 1)]
    email: String,
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    page: Option<u32>,
    /// The number of users per page.
    #[param(minimum = 0, maximum = 100)]
    per_page: Option<u32>,
    /// Whether the response includes the total.
    include_totals: Option<bool>,
    /// The order: `field:1` for ascending, or `field:-1` for descending.
    #[param(pattern = "^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*:-?1$")]
    sort: Option<String>,
    /// Field names, separated by commas.
    #[param(schema_with = crate::tenant::management::schemas::field_names)]
    fields: Option<String>,
    /// Whether to show only these fields (the default), or all others.
    include_fields: Option<bool>,
    /// A query in Lucene's syntax, such as `email:"ada@example.com" AND email_verified:true`.
    #[param(schema_with = crate::tenant::management::schemas::text)]
    q: Option<String>,
    /// The version of the search: only `v3` is supported.
    #[param(pattern = "^v3$")]
    search_engine: Option<String>,
    /// Accepted without effect.
    #[serde(rename = "primary_order")]
    #[param(rename = "primary_order")]
    _primary_order: Option<bool>,
}

/// List or search users
#[utoipa::path(get, path = "/api/v2/users", operation_id = "get_users", tag = "users",
    params(ListQuery), security(("token" = ["read:users"])),
    responses((status = 200, description = "Users, or a page of them with totals", body = UserList),
              CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit }: ManagementCall,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:users"])?;
    visit
        .run(move |Visit { tenant, .. }| find_users(&tenant.config, &*tenant.directory, &query))
        .await
        .map(Json)
}

fn find_users(config: &Config, directory: &dyn Administration, params: &ListQuery) -> Result<Value, Problem> {
    let fields = FieldSelection::parse(params.fields.as_deref(), params.include_fields)?;
    let page = params.page.unwrap_or(0) as usize;
    let per_page = params.per_page.unwrap_or(50) as usize;
    if per_page > 100 {
        return Err(Problem::query("Value 100 is the greatest allowed on property per_page"));
    }
    match params.search_engine.as_deref() {
        None | Some("v3") => {}
        // v2 is read as v3. The OpenAPI document leaves it out, because it is only enabled for older
        // clients.
        Some("v2") if config.legacy_id_tokens => {}
        Some("v2") => return Err(Problem::query(&format!("search_engine: v2 {LEGACY}"))),
        Some(_) => return Err(Problem::query("search_engine: only v3 is there")),
    }
    let start = page * per_page;
    if start + per_page > RESULTS {
        let message = "You can only page through the first 1000 records. See https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation";
        return Err(Problem::bad(message, "invalid_paging"));
    }
    let sort = params.sort.as_deref().map(Sort::parse).transpose()?;
    let query = match params.q.as_deref().map(str::trim) {
        None | Some("") => None,
        Some(q) => Some(Query::parse(q).map_err(|why| Problem::bad(why, "invalid_query_string"))?),
    };
    let with_totals = params.include_totals == Some(true);
    let (users, total) = match (&query, &sort) {
        (None, None) => {
            let users = directory.page("", start + per_page)?;
            // Count on request only, because counting reads every user.
            let total = if with_totals { directory.count()? } else { 0 };
            (users.into_iter().map(|it| it.user).collect(), total)
        }
        _ => search_users(directory, query.as_ref(), sort.as_ref())?,
    };
    let users: Vec<Value> =
        users.iter().skip(start).take(per_page).map(|user| user_json::render_user(user, &fields)).collect();
    if with_totals {
        return Ok(
            json!({ "start": start, "limit": per_page, "length": users.len(), "total": total, "users": users }),
        );
    }
    Ok(Value::Array(users))
}

/// Returns the first users that match, in the order of `sort`, and the number of all matches.
fn search_users(
    directory: &dyn Administration,
    query: Option<&Query>,
    sort: Option<&Sort>,
) -> Result<(Vec<Arc<User>>, u64), Problem> {
    let ambient = directory.ambient();
    let start = ambient.monotonic();
    let (mut first, mut total, mut after) = (Vec::new(), 0, String::new());
    loop {
        let address = query.and_then(Query::address);
        let batch = match address {
            Some(address) => directory.find_by_email(address, RESULTS)?,
            None => directory.page(&after, BATCH)?,
        };
        let last = batch.last().map(|stored| stored.user.user_id.clone());
        for Stored { user, .. } in batch {
            // Match the completed user object, so that a search sees the attributes that a reader sees.
            let shown = Value::Object(profile::render_user(&user));
            if query.is_none_or(|query| query.matches(&shown)) {
                total += 1;
                if sort.is_some() || first.len() < RESULTS {
                    first.push((sort.map(|sort| sort.key(&shown)), user));
                }
            }
        }
        // Keep no more users than can be shown, however many match.
        if let Some(sort) = sort {
            first.sort_by(|(a, _), (b, _)| if sort.descending { b.cmp(a) } else { a.cmp(b) });
            first.truncate(RESULTS);
        }
        match last {
            Some(last) if address.is_none() => after = last,
            _ => return Ok((first.into_iter().map(|(_, user)| user).collect(), total)),
        }
        if ambient.elapsed(start) > PATIENCE {
            let message = "The query exceeded the timeout. Please try refining your search criteria. See https://auth0.com/docs/best-practices/search-best-practices";
            return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, message, "query_timeout"));
        }
    }
}

struct Sort {
    field: String,
    descending: bool,
}

impl Sort {
    fn parse(text: &str) -> Result<Self, Problem> {
        let (field, descending) = match text.rsplit_once(':') {
            Some((field, "1")) if user_json::is_field_name(field) => (field, false),
            Some((field, "-1")) if user_json::is_field_name(field) => (field, true),
            _ => return Err(Problem::query("sort: expected a field and 1 or -1, such as created_at:-1")),
        };
        // Refuse fields that cannot be searched: the order would reveal values that the caller may not
        // see.
        let field = check_field(field.to_owned()).map_err(|why| Problem::bad(why, "invalid_query_string"))?;
        Ok(Self { field, descending })
    }

    /// Returns the sort key of a user. Timestamps sort correctly as texts. Users without the field
    /// come first.
    fn key(&self, user: &Value) -> (u8, String) {
        match self.field.split('.').try_fold(user, |value, key| value.get(key)) {
            Some(Value::Number(number)) => (1, format!("{:020}", number.as_u64().unwrap_or(0))),
            Some(Value::String(text)) => (2, text.to_lowercase()),
            Some(other) => (3, other.to_string()),
            None => (0, String::new()),
        }
    }
}

/// Get a user
#[utoipa::path(get, path = "/api/v2/users/{id}", operation_id = "get_users_by_id", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), FieldsQuery),
    security(("token" = ["read:users"]), ("token" = ["read:current_user"]), ("token" = ["read:user_idp_tokens"])),
    responses((status = 200, description = "The user", body = UserObject),
              (status = 404, description = "There is no such user", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<FieldsQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require_for(&id, &["read:users", "read:user_idp_tokens"], "read:current_user")?;
    let fields = FieldSelection::parse(query.fields.as_deref(), query.include_fields)?;
    let stored =
        visit.run(move |Visit { tenant, .. }| tenant.directory.get(&id).map_err(Problem::from)).await?;
    Ok(Json(user_json::render_user(&stored.user, &fields)))
}

/// Find users by their address
#[utoipa::path(get, path = "/api/v2/users-by-email", operation_id = "get_users_by_email", tag = "users",
    params(ByEmailQuery), security(("token" = ["read:users"])),
    responses((status = 200, description = "Users whose root address is this one, byte for byte", body = [UserObject]),
              CommonRefusals))]
pub(super) async fn list_by_email(
    ManagementCall { caller, visit }: ManagementCall,
    ValidQuery(query): ValidQuery<ByEmailQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:users"])?;
    if query.email.is_empty() {
        return Err(Problem::query("Missing required property: email"));
    }
    let fields = FieldSelection::parse(query.fields.as_deref(), query.include_fields)?;
    let users = visit
        .run(move |Visit { tenant, .. }| {
            tenant.directory.find_by_exact_email(&query.email, RESULTS).map_err(Problem::from)
        })
        .await?;
    let users = users.iter().map(|stored| user_json::render_user(&stored.user, &fields));
    Ok(Json(users.collect()))
}

/// Create a user
#[utoipa::path(post, path = "/api/v2/users", operation_id = "post_users", tag = "users",
    request_body = NewUser, security(("token" = ["create:users"])),
    responses((status = 201, description = "The user", body = UserObject),
              (status = 409, description = "There is such a user already", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create(
    ManagementCall { caller, visit }: ManagementCall,
    body: Body,
) -> Result<Response, Problem> {
    caller.require(&["create:users"])?;
    let new: NewUser = body.deserialize()?;
    let user = visit.run(move |Visit { tenant, issuer, .. }| create_user(tenant, issuer, new)).await?;
    tracing::info!(target: "audit", client = caller.client_id, "a user was created");
    Ok((StatusCode::CREATED, Json(user_json::render_user(&user, &FieldSelection::default()))).into_response())
}

/// Change a user
#[utoipa::path(patch, path = "/api/v2/users/{id}", operation_id = "patch_users_by_id", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`")), request_body = UserChange,
    security(("token" = ["update:users"]), ("token" = ["update:users_app_metadata"]),
             ("token" = ["update:current_user_metadata"])),
    responses((status = 200, description = "The user", body = UserObject),
              (status = 404, description = "There is no such user", body = ProblemBody),
              (status = 409, description = "The address or name is taken, or a concurrent request changed the user", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn update(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    body: Body,
) -> Result<Json<Value>, Problem> {
    let only = |allowed: &str| body.0.keys().all(|key| key == allowed);
    if !caller.has("update:users") {
        let app_only = caller.has("update:users_app_metadata") && only("app_metadata");
        if !app_only {
            // Either scope allows the request: creating and updating metadata are the same PATCH request.
            let own = ["create:current_user_metadata", "update:current_user_metadata"];
            let own = own.into_iter().find(|scope| caller.has(scope)).unwrap_or(own[1]);
            caller.require_for(&id, &["update:users"], own)?;
            if !only("user_metadata") {
                return Err(caller.lacks(&["update:users"]));
            }
        }
    }
    let change: UserChange = body.deserialize()?;
    let user =
        visit.run(move |Visit { tenant, issuer, .. }| change_user(tenant, issuer, &id, &change)).await?;
    Ok(Json(user_json::render_user(&user, &FieldSelection::default())))
}

/// Remove a user
///
/// Removes the user's linked identities too.
#[utoipa::path(delete, path = "/api/v2/users/{id}", operation_id = "delete_users_by_id", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`")),
    security(("token" = ["delete:users"])),
    responses((status = 204, description = "There is no such user any more"), CommonRefusals))]
pub(super) async fn delete(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:users"])?;
    let gone = id.clone();
    let delete = move |Visit { tenant, .. }: &Visit<()>| {
        delete_user(&*tenant.directory, &tenant.people, &gone).map_err(Problem::from)
    };
    visit.run(delete).await?;
    tracing::info!(target: "audit", client = caller.client_id, user = %crate::model::mask_addresses(&id), "a user was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a user, and ends the user's logins, so that a later user with one of the same
/// identities does not inherit them.
pub(super) fn delete_user(directory: &dyn Administration, people: &People, id: &str) -> Result<(), ApiError> {
    let stored = match directory.get(id) {
        Ok(stored) => stored,
        Err(ApiError::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    directory.delete(id)?;
    people.end_logins(&stored.user);
    Ok(())
}
