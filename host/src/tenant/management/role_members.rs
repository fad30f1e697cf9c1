//! The members of each role.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::members::{self, check_ids};
use crate::tenant::management::openapi::{
    BodyRefusals, CommonRefusals, MemberList, PermissionList, RoleList,
};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{UserId, ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management_data::roles::Role;

/// Ids of roles.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleIds {
    #[schema(min_items = 1, max_items = 50)]
    roles: Vec<String>,
}

/// Ids of users.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserIds {
    #[schema(min_items = 1, max_items = 50)]
    users: Vec<String>,
}

/// Get a user's roles
#[utoipa::path(get, path = "/api/v2/users/{id}/roles", operation_id = "get_user_roles", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), PageQuery),
    security(("token" = ["read:users"]), ("token" = ["read:roles"]), ("token" = ["read:role_members"])),
    responses((status = 200, description = "The roles, or a page of them", body = RoleList),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_by_user(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:users", "read:roles", "read:role_members"])?;
    members::list_by_user::<Role>(visit, id, query, "roles").await.map(Json)
}

/// Give a user roles
#[utoipa::path(post, path = "/api/v2/users/{id}/roles", operation_id = "post_user_roles", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`")), request_body = RoleIds,
    security(("token" = ["update:users"]), ("token" = ["create:role_members"])),
    responses((status = 204, description = "The user has the roles"),
              (status = 404, description = "There is no such user, or no such role", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn assign(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.require(&["update:users", "create:role_members"])?;
    let RoleIds { roles } = body.deserialize()?;
    let roles = check_ids(roles, "roles")?;
    tracing::info!(target: "audit", client = caller.client_id, user = %crate::model::mask_addresses(&id), roles = roles.len(), "roles are given");
    members::add::<Role>(visit, vec![id], roles).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take roles from a user
#[utoipa::path(delete, path = "/api/v2/users/{id}/roles", operation_id = "delete_user_roles", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`")), request_body = RoleIds,
    security(("token" = ["update:users"]), ("token" = ["delete:role_members"])),
    responses((status = 204, description = "The user no longer has the roles"),
              (status = 404, description = "There is no such user", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn withdraw(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.require(&["update:users", "delete:role_members"])?;
    let RoleIds { roles } = body.deserialize()?;
    let roles = check_ids(roles, "roles")?;
    tracing::info!(target: "audit", client = caller.client_id, user = %crate::model::mask_addresses(&id), roles = roles.len(), "roles are taken");
    members::remove::<Role>(visit, vec![id], roles).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Get a user's permissions
///
/// The list is always empty: roles have no permissions in this tenant.
#[utoipa::path(get, path = "/api/v2/users/{id}/permissions", operation_id = "get_permissions", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), PageQuery),
    security(("token" = ["read:users"])),
    responses((status = 200, description = "No permissions", body = PermissionList),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn permissions_of_user(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:users"])?;
    visit.run(move |Visit { tenant, .. }| tenant.directory.get(&id).map_err(Problem::from)).await?;
    query.select_page(&[], "permissions", "permission_name").map(Json)
}

/// Get a role's permissions
///
/// The list is always empty: roles have no permissions in this tenant.
#[utoipa::path(get, path = "/api/v2/roles/{id}/permissions", operation_id = "get_role_permission", tag = "roles",
    params(("id" = String, Path, description = "The role's id"), PageQuery), security(("token" = ["read:roles"])),
    responses((status = 200, description = "No permissions", body = PermissionList),
              (status = 404, description = "There is no such role", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_permissions(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:roles"])?;
    tenant.management_data.roles.get(&read_path(path)?)?;
    query.select_page(&[], "permissions", "permission_name").map(Json)
}

/// Get a role's users
#[utoipa::path(get, path = "/api/v2/roles/{id}/users", operation_id = "get_role_user", tag = "roles",
    params(("id" = String, Path, description = "The role's id"), PageQuery),
    security(("token" = ["read:users"]), ("token" = ["read:roles"]), ("token" = ["read:role_members"])),
    responses((status = 200, description = "Users of the role, or a page of them: the first 1,000", body = MemberList),
              (status = 404, description = "There is no such role", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_users(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:users", "read:roles", "read:role_members"])?;
    members::list::<Role>(visit, read_path(path)?, query, "users").await.map(Json)
}

/// Give users a role
#[utoipa::path(post, path = "/api/v2/roles/{id}/users", operation_id = "post_role_users", tag = "roles",
    params(("id" = String, Path, description = "The role's id")), request_body = UserIds,
    security(("token" = ["update:users"]), ("token" = ["create:role_members"])),
    responses((status = 200, description = "The users have the role", body = Object),
              (status = 404, description = "There is no such role, or no such user", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn add_users(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    caller.require(&["update:users", "create:role_members"])?;
    let id = read_path(path)?;
    let UserIds { users } = body.deserialize()?;
    let users = check_ids(users, "users")?;
    tracing::info!(target: "audit", client = caller.client_id, role = id, users = users.len(), "a role is given");
    members::add::<Role>(visit, users, vec![id]).await?;
    Ok(Json(json!({})))
}
