//! Imports of users into a database, from a file in Auth0's import format.
//!
//! Source: Auth0, "Bulk User Import Database Schema and Examples".

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartRejection};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::model::truncate;
use crate::tenant::config::Connection;
use crate::tenant::http::json_object::Object;
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::imported_user::{ImportFault, ImportResult, ImportedUser};
use crate::tenant::management::openapi::{CommonRefusals, JobObject};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::state::Shared;

/// The largest file, in bytes.
///
/// Source: Auth0, "Bulk User Imports": 500 KB.
const FILE_BYTES: usize = 500 << 10;
/// The longest other field of the form, in bytes.
const FIELD_BYTES: usize = 1 << 10;
/// The most users of a file. It is limited because the job may keep an error for each.
const MOST: usize = 5_000;
/// The longest time that an import may take. It is limited because the next one cannot begin
/// before it ends.
const PATIENCE: Duration = Duration::from_secs(300);

/// The form of an import, with the file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
pub(super) struct ImportForm {
    /// The file: a JSON array of users, 500 KB at most.
    #[schema(value_type = String, format = Binary)]
    users: Vec<u8>,
    /// The id of the database to import into.
    connection_id: String,
    /// Whether to update existing users. Otherwise they are reported as errors.
    #[schema(value_type = String, required = false, pattern = "^(true|false)$")]
    upsert: bool,
    /// Any text, which is shown with the job.
    #[schema(value_type = String, required = false, max_length = 256)]
    external_id: String,
    /// Accepted without effect: the tenant has no administrator's address to send the mail to.
    #[schema(value_type = String, required = false, pattern = "^(true|false)$")]
    send_completion_email: bool,
}

/// The form of an import, as received.
#[derive(Default)]
struct MultipartForm {
    users: Option<Vec<u8>>,
    connection_id: Option<String>,
    upsert: bool,
    external_id: Option<String>,
}

/// Import users
///
/// Each user is imported completely or not at all. Supported password hashes are argon2,
/// bcrypt, hmac, ldap, pbkdf2, scrypt, sha1, sha256 and sha512. Users with other hashes, or
/// with hashes that are too expensive to check, are left out and reported as errors.
#[utoipa::path(post, path = "/api/v2/jobs/users-imports", operation_id = "post_users_imports", tag = "jobs",
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    security(("token" = ["create:users"])),
    responses((status = 202, description = "The job", body = JobObject),
              (status = 404, description = "There is no such connection", body = ProblemBody),
              (status = 413, description = "The file is too large", body = ProblemBody),
              (status = 415, description = "The body is not a form with a file", body = ProblemBody),
              CommonRefusals))]
pub(super) async fn create(
    ManagementCall { caller, visit: Visit { tenant, .. } }: ManagementCall,
    form: Result<Multipart, MultipartRejection>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    caller.require(&["create:users"])?;
    let form = form.map_err(|_| Problem::plain(StatusCode::UNSUPPORTED_MEDIA_TYPE))?;
    let form = MultipartForm::read_multipart(form).await?;
    // The scope to create users does not allow changes to existing ones.
    if form.upsert {
        caller.require(&["update:users"])?;
    }
    let job = form.begin(&tenant)?;
    tracing::info!(target: "audit", client = caller.client_id, job = %job["id"], "users were imported");
    Ok((StatusCode::ACCEPTED, Json(job)))
}

fn too_large() -> Problem {
    let message = format!("Payload content length greater than maximum allowed: {FILE_BYTES}");
    Problem { code: None, ..Problem::new(StatusCode::PAYLOAD_TOO_LARGE, message, "") }
}

impl MultipartForm {
    async fn read_multipart(mut multipart: Multipart) -> Result<Self, Problem> {
        let (mut form, mut seen) = (Self::default(), Vec::new());
        while let Some(mut field) = multipart.next_field().await.map_err(|error| refuse_multipart(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            if seen.contains(&name) {
                return Err(Problem::body(&format!("the field {} appears twice", truncate(&name, 64))));
            }
            let longest = if name == "users" { FILE_BYTES } else { FIELD_BYTES };
            let bytes = read_bytes(&mut field, longest).await?;
            let Some(bytes) = bytes else {
                let too_long = || {
                    Problem::body(&format!(
                        "a field is longer than {FIELD_BYTES} bytes: {}",
                        truncate(&name, 64)
                    ))
                };
                return Err(if name == "users" { too_large() } else { too_long() });
            };
            let text =
                || String::from_utf8(bytes.clone()).map_err(|_| Problem::body("expected text in UTF-8"));
            match name.as_str() {
                "users" => form.users = Some(bytes),
                "connection_id" => form.connection_id = Some(text()?),
                "external_id" => form.external_id = Some(text()?),
                "upsert" => form.upsert = parse_flag(&name, &text()?)?,
                "send_completion_email" => drop(parse_flag(&name, &text()?)?),
                _ => {
                    let detail = "Additional properties not allowed: expected users, connection_id, upsert, \
                                  external_id and send_completion_email";
                    return Err(Problem::body(detail));
                }
            }
            seen.push(name);
        }
        Ok(form)
    }

    /// Begins the import. Returns the job.
    fn begin(self, tenant: &Shared) -> Result<Value, Problem> {
        let missing = |name: &str| Problem::body(&format!("Missing required property: {name}"));
        let file = self.users.ok_or_else(|| missing("users"))?;
        let id = self.connection_id.ok_or_else(|| missing("connection_id"))?;
        let connection = tenant.config.connections().find(|it| it.id == id);
        let connection =
            connection.ok_or_else(crate::tenant::management::connections::inexistent_connection)?.clone();
        if !connection.is_database() {
            return Err(Problem::operation("Users are imported into a database only."));
        }
        let users: Vec<Object> = serde_json::from_slice(&file).map_err(|error| {
            Problem::body(&format!("expected a JSON array of users: {error} on property users"))
        })?;
        if users.len() > MOST {
            return Err(Problem::body(&format!("expected at most {MOST} users in a file on property users")));
        }
        let mut about = json!({ "connection_id": id, "upsert": self.upsert });
        if let Some(external) = self.external_id {
            about["external_id"] = external.into();
        }
        let mut running = RunningImport::begin(tenant, about)?;
        let begun = running.job.clone();
        // The response does not wait for the disk, and a closed connection does not cancel the import.
        tokio::task::spawn_blocking(move || running.import(users, &connection, self.upsert));
        Ok(begun)
    }
}

/// A running import. Only one runs at a time.
struct RunningImport {
    tenant: Shared,
    job: Value,
    result: Value,
    errors: Vec<Value>,
}

impl RunningImport {
    fn begin(tenant: &Shared, about: Value) -> Result<Self, Problem> {
        // Auth0 lets two imports run, and refuses a third with this message.
        if tenant.management_data.importing.swap(true, Ordering::AcqRel) {
            let message = "There are 1 active import users jobs, please wait until some of them are finished and try again";
            return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, message, "too_many_active_jobs"));
        }
        let job = tenant.management_data.jobs.begin("users_import", about);
        let result = json!({ "status": "failed" });
        Ok(Self { tenant: tenant.clone(), job, result, errors: Vec::new() })
    }

    fn import(&mut self, users: Vec<Object>, connection: &Connection, upsert: bool) {
        let start = self.tenant.ambient.monotonic();
        let (mut inserted, mut updated, total) = (0, 0, users.len());
        for Object(user) in users {
            let shown = redact_user(&user);
            let is_gone =
                self.tenant.config.connection(&connection.name).is_none_or(|it| it.id != connection.id);
            let became = if is_gone {
                Err(ImportFault::new("CONNECTION", "The connection was deleted meanwhile.", ""))
            } else if self.tenant.ambient.elapsed(start) > PATIENCE {
                Err(ImportFault::new("TIMEOUT", "The import took too long; import this user again.", ""))
            } else {
                ImportedUser::parse(user, connection)
                    .and_then(|it| it.import(&*self.tenant.directory, &self.tenant.people, upsert))
            };
            match became {
                Ok(ImportResult::Inserted) => inserted += 1,
                Ok(ImportResult::Updated) => updated += 1,
                Err(fault) => self.errors.push(json!({ "user": shown, "errors": [fault] })),
            }
        }
        let failed = self.errors.len();
        let summary = json!({ "total": total, "inserted": inserted, "updated": updated, "failed": failed });
        self.result = json!({ "summary": summary, "percentage_done": 100 });
    }
}

/// Ends the job and lets the next import begin, however the import ends, even if it panics.
impl Drop for RunningImport {
    fn drop(&mut self) {
        let data = &self.tenant.management_data;
        // Clear the flag first: a client that sees the job's end may begin the next import at once.
        data.importing.store(false, Ordering::Release);
        data.jobs.end(&self.job, self.result.take(), std::mem::take(&mut self.errors));
    }
}

fn refuse_multipart(error: &axum::extract::multipart::MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return too_large();
    }
    Problem::body("the form is broken")
}

/// Returns the bytes of a field, or `None` if it is longer than `longest`.
async fn read_bytes(field: &mut Field<'_>, longest: usize) -> Result<Option<Vec<u8>>, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| refuse_multipart(&error))? {
        if bytes.len() + chunk.len() > longest {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

fn parse_flag(name: &str, text: &str) -> Result<bool, Problem> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::body(&format!("expected true or false on property {name}"))),
    }
}

/// Returns the user for an error's report, with passwords, hashes and second factors masked.
fn redact_user(user: &Map<String, Value>) -> Value {
    let is_secret = |key: &str| key.contains("password") || key == "mfa_factors";
    let shown = user.iter().map(|(key, value)| {
        let value = if is_secret(key) { json!("*****") } else { value.clone() };
        (key.clone(), value)
    });
    Value::Object(shown.collect())
}
