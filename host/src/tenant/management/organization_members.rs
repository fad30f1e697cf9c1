//! The members of each organization.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::model::{ApiError, User};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::Call;
use crate::tenant::management::body::Body;
use crate::tenant::management::openapi::{CommonRefusals, OrganizationList, OrganizationMemberList};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{UserId, ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::scan::each_user;
use crate::tenant::management::user_lists::UserList;
use crate::tenant::management_data::organizations::{Organization, Organizations};
use crate::tenant::profile;

/// The most members of one organization that are listed, in checkpoint paging too.
const MOST_LISTED: usize = 1_000;

/// Ids of users.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberIds {
    #[schema(min_items = 1, max_items = 50)]
    members: Vec<String>,
}

impl MemberIds {
    fn read(body: Body) -> Result<Vec<String>, Problem> {
        let Self { members } = body.deserialize()?;
        if (1..=50).contains(&members.len()) {
            return Ok(members);
        }
        Err(Problem::body("expected 1 to 50 items on property members"))
    }
}

/// Returns the organizations of a user. One that is unknown to the tenant is shown by its id.
fn organizations_of(organizations: &Organizations, user: &User) -> Vec<Value> {
    let known: BTreeMap<String, Organization> =
        organizations.list().into_iter().map(|it| (it.id.clone(), it)).collect();
    let find = |id: &String| known.get(id).cloned().unwrap_or_else(|| Organization::from_membership(id));
    user.organizations.iter().map(|id| json!(find(id))).collect()
}

/// Get a user's organizations
#[utoipa::path(get, path = "/api/v2/users/{id}/organizations", operation_id = "get_organizations_of_user", tag = "users",
    params(("id" = inline(UserId), Path, description = "The user's id, `provider|id`"), PageQuery),
    security(("token" = ["read:organizations"])),
    responses((status = 200, description = "The organizations, or a page of them", body = OrganizationList),
              (status = 404, description = "There is no such user", body = ProblemBody), CommonRefusals))]
pub(super) async fn list_by_user(
    Call { caller, visit }: Call,
    UserId(id): UserId,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:organizations"])?;
    query.check()?;
    let all = visit
        .run(move |Visit { tenant, .. }| {
            let stored = tenant.directory.get(&id)?;
            Ok::<_, ApiError>(organizations_of(&tenant.management_data.organizations, &stored.user))
        })
        .await?;
    query.select_page(&all, "organizations", "id").map(Json)
}

/// Get an organization's members
#[utoipa::path(get, path = "/api/v2/organizations/{id}/members", operation_id = "get_members", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id"), PageQuery),
    security(("token" = ["read:organization_members"])),
    responses((status = 200, description = "Members, or a page of them: the first 1,000", body = OrganizationMemberList),
              (status = 404, description = "There is no such organization", body = ProblemBody), CommonRefusals))]
pub(super) async fn list(
    Call { caller, visit }: Call,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:organization_members"])?;
    query.check()?;
    let id = read_path(path)?;
    visit
        .run(move |Visit { tenant, .. }| {
            let organization = tenant.management_data.organizations.get(&id)?;
            let mut members = Vec::new();
            each_user(&*tenant.directory, &tenant.ambient, |stored| {
                let user = &stored.user;
                if user.organizations.contains(&organization.id) {
                    members.push(profile::describe_member(user));
                }
                Ok(members.len() < MOST_LISTED)
            })?;
            query.select_page(&members, "members", "user_id").map(Json)
        })
        .await
}

/// Make users members of an organization
#[utoipa::path(post, path = "/api/v2/organizations/{id}/members", operation_id = "post_members", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")), request_body = MemberIds,
    security(("token" = ["create:organization_members"])),
    responses((status = 204, description = "The users are members"),
              (status = 404, description = "There is no such organization, or no such user", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              (status = 413, description = "The body is too large", body = ProblemBody),
              (status = 415, description = "The body is neither JSON nor a form", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn add(
    Call { caller, visit }: Call,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.require(&["create:organization_members"])?;
    let (id, members) = (read_path(path)?, MemberIds::read(body)?);
    tracing::info!(target: "audit", client = caller.client_id, organization = id, members = members.len(), "members are added");
    visit
        .run(move |Visit { tenant, .. }| {
            let organization = tenant.management_data.organizations.get(&id)?;
            // Check that every user exists first, so that a missing one changes nothing.
            members.iter().try_for_each(|user| tenant.directory.get(user).map(|_| ()))?;
            members.iter().try_for_each(|user| {
                UserList::Organizations.change((&*tenant.directory, &tenant.ambient), user, |ids| {
                    if !ids.contains(&organization.id) {
                        ids.push(organization.id.clone());
                    }
                })
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End the membership of users
#[utoipa::path(delete, path = "/api/v2/organizations/{id}/members", operation_id = "delete_members", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")), request_body = MemberIds,
    security(("token" = ["delete:organization_members"])),
    responses((status = 204, description = "The users are no longer members"),
              (status = 404, description = "There is no such user", body = ProblemBody),
              (status = 409, description = "A concurrent request changed it first", body = ProblemBody),
              (status = 413, description = "The body is too large", body = ProblemBody),
              (status = 415, description = "The body is neither JSON nor a form", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn remove(
    Call { caller, visit }: Call,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:organization_members"])?;
    let (id, members) = (read_path(path)?, MemberIds::read(body)?);
    tracing::info!(target: "audit", client = caller.client_id, organization = id, members = members.len(), "members are removed");
    visit
        .run(move |Visit { tenant, .. }| {
            // Also a membership in an organization that is unknown to the tenant.
            members.iter().try_for_each(|user| {
                UserList::Organizations.change((&*tenant.directory, &tenant.ambient), user, |ids| {
                    ids.retain(|it| *it != id);
                })
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
