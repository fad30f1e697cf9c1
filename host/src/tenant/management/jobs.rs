//! Jobs: each is done before it is answered, whatever its status says at first,
//! and is remembered for a day.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::access::Caller;
use super::body::Body;
use super::openapi::{CommonRefusals, JobObject};
use super::path::in_path;
use super::problem::{Problem, ProblemBody};
use super::tickets::{OfIdentity, known_client, no_organization, verifiable};
use crate::login::Timestamp;
use crate::tenant::issuer::Issuer;
use crate::tenant::one_time::OneTime;
use crate::tenant::weighed::Weighed;
use crate::tenant::{Shared, random, run};

/// How long a job is remembered, in seconds.
const LIFETIME_S: u64 = 86_400;

/// Jobs that were done.
pub(super) struct Jobs(OneTime<Arc<Job>>);

/// What came of a job.
pub(super) struct Job {
    /// As it is shown.
    shown: Value,
    /// What was wrong, of an import with each user.
    errors: Vec<Value>,
}

impl Weighed for Job {
    fn bytes(&self) -> usize {
        self.shown.bytes() + self.errors.bytes()
    }
}

impl Jobs {
    pub(super) fn new() -> Self {
        Self(OneTime::new(LIFETIME_S))
    }

    /// Keeps a job that is done. Returns how it looked before.
    pub(super) fn done(&self, kind: &str, about: Value, came_of: Value, errors: Vec<Value>) -> Value {
        let id = format!("job_{}", &random::object_id()[..16]);
        let mut shown = Map::new();
        shown.insert("type".to_owned(), kind.into());
        shown.insert("id".to_owned(), id.as_str().into());
        shown.insert("created_at".to_owned(), Timestamp::now().to_string().into());
        shown.extend(about.as_object().cloned().unwrap_or_default());
        let mut before = shown.clone();
        before.insert("status".to_owned(), "pending".into());
        shown.insert("status".to_owned(), "completed".into());
        shown.extend(came_of.as_object().cloned().unwrap_or_default());
        let shown = Value::Object(shown);
        self.0.put_as(id, Arc::new(Job { shown, errors }));
        Value::Object(before)
    }

    fn get(&self, id: &str) -> Result<Arc<Job>, Problem> {
        let inexistent = || Problem::new(StatusCode::NOT_FOUND, "The job does not exist", "inexistent_job");
        self.0.get(id).ok_or_else(inexistent)
    }
}

/// A mail that verifies a user's address.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct VerificationEmail {
    #[schema(pattern = r"^[^|\x00-\x1F\x7F-\x9F]+\|[^\x00-\x1F\x7F-\x9F]+$")]
    user_id: String,
    /// A client's id. It changes nothing.
    client_id: Option<String>,
    identity: Option<OfIdentity>,
    /// Refused: there are no organizations.
    organization_id: Option<String>,
}

/// Send a mail that verifies an address
#[utoipa::path(post, path = "/api/v2/jobs/verification-email", operation_id = "post_verification_email", tag = "jobs",
    request_body = VerificationEmail, security(("token" = ["update:users"])),
    responses((status = 201, description = "The job", body = JobObject),
              (status = 404, description = "There is no such user", body = ProblemBody),
              (status = 413, description = "The body is too large", body = ProblemBody),
              (status = 415, description = "The body is neither JSON nor a form", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn verification_email(
    State(tenant): State<Shared>,
    issuer: Issuer,
    caller: Caller,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["update:users"])?;
    let body: VerificationEmail = body.read()?;
    let job = run(&tenant, move |tenant| {
        no_organization(body.organization_id.as_ref())?;
        known_client(tenant, body.client_id.as_deref())?;
        let stored = tenant.directory.get(&body.user_id)?;
        let email = verifiable(tenant, &stored.user, body.identity.as_ref())?;
        let own = stored.user.identities.first().and_then(|own| tenant.config.connection(&own.connection));
        let connection = own.ok_or_else(Problem::no_user)?;
        tenant.send_verification(&issuer, connection, &body.user_id, email);
        Ok::<_, Problem>(tenant.stores.jobs.done("verification_email", json!({}), json!({}), Vec::new()))
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
    State(tenant): State<Shared>,
    caller: Caller,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Value>, Problem> {
    caller.require(&["create:users", "read:users", "update:users"])?;
    let job = tenant.stores.jobs.get(&in_path(path)?)?;
    let mut shown = job.shown.clone();
    // The file is as secret as the users in it.
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
pub(super) async fn errors(
    State(tenant): State<Shared>,
    caller: Caller,
    path: Result<Path<String>, axum::extract::rejection::PathRejection>,
) -> Result<Response, Problem> {
    caller.require(&["create:users", "read:users"])?;
    let job = tenant.stores.jobs.get(&in_path(path)?)?;
    if job.errors.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Ok(Json(&job.errors).into_response())
}
