//! The members of each organization.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::members::{self, check_ids};
use crate::tenant::management::openapi::{
    BodyRefusals, CommonRefusals, OrganizationList, OrganizationMemberList,
};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{UserId, ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management_data::organizations::Organization;

/// Ids of users.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberIds {
    #[schema(min_items = 1, max_items = 50)]
    members: Vec<String>,
}

impl MemberIds {
    fn from_body(body: Body) -> Result<Vec<String>, Problem> {
        let Self { members } = body.deserialize()?;
        check_ids(members, "members")
    }
}

/// Get a user's organizations
#[utoipa::path(get, path = "/api/v2/users/{id}/organizations", operation_id = "get_organizations_of_user", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), PageQuery),
    security(("token" = ["read:organizations"])),
    responses((status = 200, description = "The organizations, or a page of them", body = OrganizationList),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_by_user(
    ManagementCall { caller, visit }: ManagementCall,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:organizations"])?;
    members::list_by_user::<Organization>(visit, id, query, "organizations").await.map(Json)
}

/// Get an organization's members
#[utoipa::path(get, path = "/api/v2/organizations/{id}/members", operation_id = "get_members", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id"), PageQuery),
    security(("token" = ["read:organization_members"])),
    responses((status = 200, description = "Members, or a page of them: the first 1,000", body = OrganizationMemberList),
              (status = 404, description = "There is no such organization", body = ProblemBody), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:organization_members"])?;
    members::list::<Organization>(visit, read_path(path)?, query, "members").await.map(Json)
}

/// Make users members of an organization
#[utoipa::path(post, path = "/api/v2/organizations/{id}/members", operation_id = "post_members", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")), request_body = MemberIds,
    security(("token" = ["create:organization_members"])),
    responses((status = 204, description = "The users are members"),
              (status = 404, description = "There is no such organization, or no such user", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn add(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.require(&["create:organization_members"])?;
    let (id, users) = (read_path(path)?, MemberIds::from_body(body)?);
    tracing::info!(target: "audit", client = caller.client_id, organization = id, members = users.len(), "members are added");
    members::add::<Organization>(visit, users, vec![id]).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End the membership of users
#[utoipa::path(delete, path = "/api/v2/organizations/{id}/members", operation_id = "delete_members", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")), request_body = MemberIds,
    security(("token" = ["delete:organization_members"])),
    responses((status = 204, description = "The users are no longer members"),
              (status = 404, description = "There is no such user", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn remove(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:organization_members"])?;
    let (id, users) = (read_path(path)?, MemberIds::from_body(body)?);
    tracing::info!(target: "audit", client = caller.client_id, organization = id, members = users.len(), "members are removed");
    members::remove::<Organization>(visit, users, vec![id]).await?;
    Ok(StatusCode::NO_CONTENT)
}
