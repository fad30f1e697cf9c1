//! Organizations. They come from `tenant.toml`, or are created by this API and last as long as
//! the process. The directory stores the ids of each user's organizations with the user.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::tenant::config::{check_display_name, check_name};
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::groups;
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, OrganizationList};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management_data::groups::Group;
use crate::tenant::management_data::organizations::Organization;

/// An organization to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewOrganization {
    #[schema(min_length = 1, max_length = 50, pattern = "^[a-z0-9][a-z0-9_-]*$")]
    name: String,
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    display_name: Option<String>,
}

/// List organizations
#[utoipa::path(get, path = "/api/v2/organizations", operation_id = "get_organizations", tag = "organizations",
    params(PageQuery), security(("token" = ["read:organizations"])),
    responses((status = 200, description = "Organizations, or a page of them", body = OrganizationList), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<PageQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:organizations"])?;
    let all: Vec<Value> = tenant.management_data.organizations.list().iter().map(|it| json!(it)).collect();
    query.select_page(&all, "organizations", "id").map(Json)
}

/// Get an organization
#[utoipa::path(get, path = "/api/v2/organizations/{id}", operation_id = "get_organizations_by_id", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")), security(("token" = ["read:organizations"])),
    responses((status = 200, description = "The organization", body = Organization),
              (status = 404, description = "There is no such organization", body = ProblemBody), CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:organizations"])?;
    let organization = tenant.management_data.organizations.get(&read_path(path)?)?;
    Ok(Json(json!(organization)))
}

/// Create an organization
///
/// The organization lasts as long as the process. One in `[[organizations]]` of `tenant.toml` is
/// permanent.
#[utoipa::path(post, path = "/api/v2/organizations", operation_id = "post_organizations", tag = "organizations",
    request_body = NewOrganization, security(("token" = ["create:organizations"])),
    responses((status = 201, description = "The organization", body = Organization),
              (status = 409, description = "There is an organization of that name", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["create:organizations"])?;
    let NewOrganization { name, display_name } = body.deserialize()?;
    check_name(&name).map_err(|why| Problem::body(&format!("{why} on property name")))?;
    let shown = display_name.unwrap_or_else(|| name.clone());
    check_display_name(&shown).map_err(|why| Problem::body(&format!("{why} on property display_name")))?;
    let made = tenant.management_data.organizations.add(&name, &shown, tenant.ambient.random())?;
    tracing::info!(target: "audit", client = caller.client_id, organization = made.id(), "an organization was created");
    Ok((StatusCode::CREATED, Json(json!(made))))
}

/// Remove an organization
///
/// Its members lose their membership.
#[utoipa::path(delete, path = "/api/v2/organizations/{id}", operation_id = "delete_organizations_by_id", tag = "organizations",
    params(("id" = String, Path, description = "The organization's id")), security(("token" = ["delete:organizations"])),
    responses((status = 204, description = "There is no such organization any more"),
              (status = 404, description = "There is no such organization", body = ProblemBody), CommonRefusals))]
pub(super) async fn delete(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:organizations"])?;
    let id = read_path(path)?;
    let organization = id.clone();
    visit
        .run(move |Visit { tenant, .. }| {
            groups::remove::<Organization>(&tenant.management_data, &*tenant.directory, &id)
        })
        .await?;
    tracing::info!(target: "audit", client = caller.client_id, organization, "an organization was removed");
    Ok(StatusCode::NO_CONTENT)
}
