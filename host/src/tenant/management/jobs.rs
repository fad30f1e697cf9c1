//! Jobs, each kept for a day. Every job except an import is finished before the response is
//! sent, although the response says `pending`.

use std::sync::Arc;

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, JobObject};
use crate::tenant::management::path::read_path;
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::tickets::{
    VerifiedIdentity, find_verifiable_address, refuse_organization, require_client,
};
use crate::tenant::management_data::jobs::{Job, JobResult, Jobs};
use crate::tenant::people::mail_links::VerificationLink;

/// Returns a job, or the refusal if there is none with this id.
fn find_job(jobs: &Jobs, id: &str) -> Result<Arc<Job>, Problem> {
    let inexistent = || Problem::new(StatusCode::NOT_FOUND, "The job does not exist", "inexistent_job");
    jobs.get(id).ok_or_else(inexistent)
}

/// A mail that verifies a user's address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerificationEmail {
    #[schema(pattern = r"^[^|\x00-\x1F\x7F-\x9F]+\|[^\x00-\x1F\x7F-\x9F]+$")]
    user_id: String,
    /// The id of a client, which must exist. It has no other effect.
    client_id: Option<String>,
    identity: Option<VerifiedIdentity>,
    /// Refused if given: this tenant has no mails for an organization.
    organization_id: Option<String>,
}

/// Send a mail that verifies an address
#[utoipa::path(post, path = "/api/v2/jobs/verification-email", operation_id = "post_verification_email", tag = "jobs",
    request_body = VerificationEmail, security(("token" = ["update:users"])),
    responses((status = 201, description = "The job", body = JobObject),
              (status = 404, description = "There is no such user", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn verification_email(
    ManagementCall { caller, visit }: ManagementCall,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["update:users"])?;
    let body: VerificationEmail = body.deserialize()?;
    let job = visit
        .run(move |Visit { tenant, issuer, .. }| {
            refuse_organization(body.organization_id.as_ref())?;
            require_client(&tenant.config, body.client_id.as_deref())?;
            let stored = tenant.directory.get(&body.user_id)?;
            let email = find_verifiable_address(&tenant.config, &stored.user, body.identity.as_ref())?;
            let own =
                stored.user.identities.first().and_then(|own| tenant.config.connection(&own.connection));
            let connection = own.ok_or_else(Problem::no_user)?;
            let link = VerificationLink::new(&body.user_id, email, tenant.ambient.draw_moment());
            tenant.people.send_verification(issuer, connection, link);
            Ok::<_, Problem>(tenant.management_data.jobs.keep_finished(
                "verification_email",
                json!({}),
                JobResult::default(),
            ))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(job)))
}

/// Get a job
#[utoipa::path(get, path = "/api/v2/jobs/{id}", operation_id = "get_jobs_by_id", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    security(("token" = ["create:users"]), ("token" = ["read:users"]), ("token" = ["update:users"])),
    responses((status = 200, description = "The job", body = JobObject),
              (status = 404, description = "There is no such job, or not any more", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn get(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["create:users", "read:users", "update:users"])?;
    let job = find_job(&tenant.management_data.jobs, &read_path(path)?)?;
    let mut shown = job.shown.clone();
    // The link to an export's file needs no token, so only callers that may read users see it.
    if !caller.has("read:users")
        && let Value::Object(shown) = &mut shown
    {
        shown.remove("location");
    }
    Ok(Json(shown))
}

/// Get what was wrong with a job
#[utoipa::path(get, path = "/api/v2/jobs/{id}/errors", operation_id = "get_errors", tag = "jobs",
    params(("id" = String, Path, description = "The job's id")),
    security(("token" = ["create:users"]), ("token" = ["read:users"])),
    responses((status = 200, description = "The users that were not imported, and why", body = [Object]),
              (status = 204, description = "Nothing was wrong"),
              (status = 404, description = "There is no such job, or not any more", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn get_errors(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    caller.require(&["create:users", "read:users"])?;
    let job = find_job(&tenant.management_data.jobs, &read_path(path)?)?;
    if job.errors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(&job.errors).into_response())
}
