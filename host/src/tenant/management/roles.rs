//! Roles. They come from `tenant.toml`, or are created by this API and last as long as the
//! process. The directory stores the names of each user's roles with the user.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::groups;
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, RoleList};
use crate::tenant::management::paging::PageQuery;
use crate::tenant::management::path::{ValidQuery, read_path};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management_data::groups::Group;
use crate::tenant::management_data::roles::Role;

/// The most characters of a name and of a description.
const LENGTHS: (usize, usize) = (50, 255);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// A part of the role's name, in any letter case.
    name_filter: Option<String>,
    /// The type of role: `tenant`, the type of all roles here, or `organization`, which gives an
    /// empty list.
    #[param(pattern = "^(tenant|organization)$")]
    r#type: Option<String>,
    /// The number of the page, from 0.
    #[param(minimum = 0, maximum = 1000)]
    page: Option<u32>,
    /// The number of roles per page.
    #[param(minimum = 1, maximum = 100)]
    per_page: Option<u32>,
    /// Whether the response includes the total.
    include_totals: Option<bool>,
}

/// A role to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewRole {
    #[schema(min_length = 1, max_length = 50, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    name: String,
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    description: Option<String>,
}

/// The fields of a role to change.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RoleChange {
    #[schema(min_length = 1, max_length = 50, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    name: Option<String>,
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    description: Option<String>,
}

impl RoleChange {
    fn check(&self) -> Result<(), Problem> {
        let texts = [("name", &self.name, LENGTHS.0), ("description", &self.description, LENGTHS.1)];
        for (property, text, longest) in texts {
            let Some(text) = text else { continue };
            let length = text.chars().count();
            if length > longest || (property == "name" && length == 0) {
                return Err(Problem::body(&format!(
                    "expected up to {longest} characters on property {property}"
                )));
            }
            if text.chars().any(char::is_control) {
                return Err(Problem::body(&format!("there is a control character on property {property}")));
            }
        }
        Ok(())
    }
}

/// List roles
#[utoipa::path(get, path = "/api/v2/roles", operation_id = "get_roles", tag = "roles", params(ListQuery),
    security(("token" = ["read:roles"])),
    responses((status = 200, description = "Roles, or a page of them", body = RoleList), CommonRefusals))]
pub(super) async fn list(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    ValidQuery(query): ValidQuery<ListQuery>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:roles"])?;
    let is_tenant = match query.r#type.as_deref() {
        None | Some("tenant") => true,
        Some("organization") => false,
        Some(_) => return Err(Problem::query("type: expected tenant or organization")),
    };
    let part = query.name_filter.unwrap_or_default().to_lowercase();
    let roles = tenant.management_data.roles.list().into_iter();
    let roles: Vec<Value> = roles
        .filter(|role| is_tenant && role.name.to_lowercase().contains(&part))
        .map(|it| json!(it))
        .collect();
    let ListQuery { page, per_page, include_totals, .. } = query;
    PageQuery { page, per_page, include_totals, ..PageQuery::default() }
        .select_page(&roles, "roles", "id")
        .map(Json)
}

/// Get a role
#[utoipa::path(get, path = "/api/v2/roles/{id}", operation_id = "get_roles_by_id", tag = "roles",
    params(("id" = String, Path, description = "The role's id")), security(("token" = ["read:roles"])),
    responses((status = 200, description = "The role", body = Role),
              (status = 404, description = "There is no such role", body = ProblemBody), CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:roles"])?;
    let role = tenant.management_data.roles.get(&read_path(path)?)?;
    Ok(Json(json!(role)))
}

/// Create a role
///
/// The role lasts as long as the process. A role in `[[roles]]` of `tenant.toml` is permanent.
#[utoipa::path(post, path = "/api/v2/roles", operation_id = "post_roles", tag = "roles",
    request_body = NewRole, security(("token" = ["create:roles"])),
    responses((status = 200, description = "The role", body = Role),
              (status = 409, description = "There is a role of that name", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    body: Body,
) -> Result<Json<Value>, Problem> {
    caller.require(&["create:roles"])?;
    let NewRole { name, description } = body.deserialize()?;
    RoleChange { name: Some(name.clone()), description: description.clone() }.check()?;
    let role =
        tenant.management_data.roles.add(&name, &description.unwrap_or_default(), tenant.ambient.random())?;
    tracing::info!(target: "audit", client = caller.client_id, role = role.id, "a role was created");
    Ok(Json(json!(role)))
}

/// Change a role
///
/// Users who have the role keep it under its new name.
#[utoipa::path(patch, path = "/api/v2/roles/{id}", operation_id = "patch_roles_by_id", tag = "roles",
    params(("id" = String, Path, description = "The role's id")), request_body = RoleChange,
    security(("token" = ["update:roles"])),
    responses((status = 200, description = "The role", body = Role),
              (status = 404, description = "There is no such role", body = ProblemBody),
              (status = 409, description = "There is another role of that name", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn update(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
    body: Body,
) -> Result<Json<Value>, Problem> {
    caller.require(&["update:roles"])?;
    let id = read_path(path)?;
    let wanted: RoleChange = body.deserialize()?;
    wanted.check()?;
    let role = visit
        .run(move |Visit { tenant, .. }| {
            groups::change(&tenant.management_data, &*tenant.directory, &id, |before: &Role| {
                let name = wanted.name.unwrap_or_else(|| before.name.clone());
                let description = wanted.description.unwrap_or_else(|| before.description.clone());
                Role::new(before.id.clone(), name, description)
            })
        })
        .await?;
    tracing::info!(target: "audit", client = caller.client_id, role = role.id, "a role was changed");
    Ok(Json(json!(role)))
}

/// Remove a role
///
/// Users who have the role lose it.
#[utoipa::path(delete, path = "/api/v2/roles/{id}", operation_id = "delete_roles_by_id", tag = "roles",
    params(("id" = String, Path, description = "The role's id")), security(("token" = ["delete:roles"])),
    responses((status = 204, description = "There is no such role any more"),
              (status = 404, description = "There is no such role", body = ProblemBody), CommonRefusals))]
pub(super) async fn delete(
    ManagementCall { caller, visit }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<StatusCode, Problem> {
    caller.require(&["delete:roles"])?;
    let id = read_path(path)?;
    let role = id.clone();
    visit
        .run(move |Visit { tenant, .. }| {
            groups::remove::<Role>(&tenant.management_data, &*tenant.directory, &id)
        })
        .await?;
    tracing::info!(target: "audit", client = caller.client_id, role, "a role was removed");
    Ok(StatusCode::NO_CONTENT)
}
