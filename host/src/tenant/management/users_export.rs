//! Exports of users: one gzipped file, with a JSON object per line or as CSV.

use std::io::Write;
use std::sync::PoisonError;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::model::User;
use crate::tenant::http::visit::Visit;
use crate::tenant::management::access::ManagementCall;
use crate::tenant::management::body::Body;
use crate::tenant::management::csv;
use crate::tenant::management::openapi::{BodyRefusals, CommonRefusals, JobObject};
use crate::tenant::management::problem::{Problem, ProblemBody};
use crate::tenant::management::scan::each_user;
use crate::tenant::management::user_json;
use crate::tenant::management::user_json::FieldSelection;
use crate::tenant::management_data::exports::Export;
use crate::tenant::management_data::jobs::JobResult;
use crate::tenant::signing::issuer::Issuer;
use crate::tenant::state::{Shared, Tenant};

/// The largest file, in bytes, before it is gzipped.
const BYTES: usize = 32 << 20;
/// The most fields of a file, and the most characters of each field's name.
const FIELDS: (usize, usize) = (100, 256);
/// The columns of a CSV file if the request gives none.
const USUAL: [&str; 13] = [
    "user_id",
    "email",
    "email_verified",
    "username",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "identities[0].connection",
    "created_at",
    "updated_at",
    "last_login",
    "logins_count",
];

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ExportFormat {
    #[default]
    Json,
    Csv,
}

/// A column of a CSV file, or a key of each JSON object.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Field {
    /// A path, such as `identities[0].connection` or `user_metadata.theme`.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    name: String,
    /// The name of the column or key in the file; `name` by default.
    #[schema(min_length = 1, max_length = 256, pattern = r"^[^\x00-\x1F\x7F-\x9F]*$")]
    export_as: Option<String>,
}

/// The export's format, fields and limit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportBody {
    /// The id of a connection: exports only its users.
    connection_id: Option<String>,
    #[serde(default)]
    format: Option<ExportFormat>,
    /// The most users to export.
    #[serde(default, deserialize_with = "crate::tenant::management::body::deserialize_whole_number")]
    #[schema(minimum = 1, maximum = 9_223_372_036_854_775_807_i64)]
    limit: Option<u64>,
    #[schema(max_items = 100)]
    fields: Option<Vec<Field>>,
}

/// Export users
///
/// The job's `location` is the URL of a file that can be downloaded without a token for ten
/// minutes.
#[utoipa::path(post, path = "/api/v2/jobs/users-exports", operation_id = "post_users_exports", tag = "jobs",
    request_body = ExportBody, security(("token" = ["read:users"])),
    responses((status = 200, description = "The job", body = JobObject),
              (status = 404, description = "There is no such connection", body = ProblemBody),
              BodyRefusals, CommonRefusals))]
pub(super) async fn create(
    ManagementCall { caller, visit }: ManagementCall,
    body: Body,
) -> Result<Json<Value>, Problem> {
    caller.require(&["read:users"])?;
    let body: ExportBody = body.deserialize()?;
    body.check()?;
    let job = visit.run(move |Visit { tenant, issuer, .. }| export_users(tenant, issuer, &body)).await?;
    tracing::info!(target: "audit", client = caller.client_id, job = %job["id"], "users were exported");
    Ok(Json(job))
}

/// Returns an exported file, or status 404 if it does not exist or has expired.
pub(super) async fn download(
    State(tenant): State<Shared>,
    Path((secret, name)): Path<(String, String)>,
) -> Response {
    match tenant.management_data.exports.get(&secret, &name) {
        Some(export) => {
            let disposition = format!("attachment; filename=\"{name}\"");
            let headers = [(CONTENT_TYPE, "application/gzip".to_owned()), (CONTENT_DISPOSITION, disposition)];
            (headers, export.bytes.clone()).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such file, or not any more.\n").into_response(),
    }
}

impl ExportBody {
    fn check(&self) -> Result<(), Problem> {
        let (most, longest) = FIELDS;
        let fields = self.fields.as_deref().unwrap_or_default();
        if fields.len() > most {
            return Err(Problem::body(&format!("expected up to {most} items on property fields")));
        }
        let names = fields.iter().flat_map(|it| [Some(&it.name), it.export_as.as_ref()]).flatten();
        for name in names {
            if !(1..=longest).contains(&name.chars().count()) || name.chars().any(char::is_control) {
                return Err(Problem::body(&format!(
                    "expected up to {longest} characters on property fields"
                )));
            }
        }
        if self.limit.is_some_and(|limit| limit < 1 || i64::try_from(limit).is_err()) {
            return Err(Problem::body("expected a number from 1 on property limit"));
        }
        Ok(())
    }
}

fn export_users(tenant: &Tenant, issuer: &Issuer, body: &ExportBody) -> Result<Value, Problem> {
    let connection = match &body.connection_id {
        None => None,
        Some(id) => {
            let connection = tenant.config.connections().find(|it| it.id == *id);
            Some(
                connection
                    .ok_or_else(crate::tenant::management::connections::inexistent_connection)?
                    .name
                    .clone(),
            )
        }
    };
    // Run one export at a time, because each keeps its file in memory.
    let _alone = tenant.management_data.exporting.lock().unwrap_or_else(PoisonError::into_inner);
    let format = body.format.unwrap_or_default();
    let mut file = FileOfUsers::new(format, body.fields.clone());
    let (mut left, mut failed) = (body.limit.unwrap_or(u64::MAX), None);
    each_user(&*tenant.directory, |stored| {
        let is_of = |name: &String| stored.user.identities.iter().any(|it| it.connection == *name);
        if connection.as_ref().is_none_or(is_of) {
            left -= 1;
            if file.write(&stored.user).is_err() {
                failed = Some("The file would be larger than 32 MiB; export fewer users or fields.");
            }
        }
        Ok(left > 0 && failed.is_none())
    })?;
    let format = if format == ExportFormat::Csv { "csv" } else { "json" };
    let mut about = json!({ "format": format });
    for (key, value) in [
        ("connection_id", body.connection_id.as_ref().map(|it| json!(it))),
        ("limit", body.limit.map(Value::from)),
        (
            "fields",
            body.fields.as_ref().map(|fields| {
                fields
                    .iter()
                    .map(|it| match &it.export_as {
                        Some(name) => json!({ "name": it.name, "export_as": name }),
                        None => json!({ "name": it.name }),
                    })
                    .collect()
            }),
        ),
    ] {
        if let Some(value) = value {
            about[key] = value;
        }
    }
    if let Some(why) = failed {
        let result = json!({ "status": "failed", "status_details": why });
        return Ok(tenant.management_data.jobs.keep_finished(
            "users_export",
            about,
            JobResult { summary: result, errors: vec![json!({ "message": why })] },
        ));
    }
    let name = format!("users.{format}.gz");
    let export = Export { bytes: file.finish().into(), name: name.clone() };
    let secret = tenant.management_data.exports.put(export);
    let result = json!({
        "location": format!("{issuer}exports/{secret}/{name}"), "percentage_done": 100, "time_left_seconds": 0,
    });
    Ok(tenant.management_data.jobs.keep_finished(
        "users_export",
        about,
        JobResult { summary: result, errors: Vec::new() },
    ))
}

/// The error that the file would become too large.
struct TooLarge;

/// A file that is being written.
struct FileOfUsers {
    gzip: GzEncoder<Vec<u8>>,
    written: usize,
    format: ExportFormat,
    fields: Vec<Field>,
}

impl FileOfUsers {
    fn new(format: ExportFormat, fields: Option<Vec<Field>>) -> Self {
        let usual = || {
            let field = |name: &&str| Field { name: (*name).to_owned(), export_as: None };
            USUAL.iter().map(field).collect()
        };
        let fields = match (fields, format) {
            (Some(fields), _) if !fields.is_empty() => fields,
            (_, ExportFormat::Csv) => usual(),
            // No fields: each object is the whole user.
            (_, ExportFormat::Json) => Vec::new(),
        };
        let gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut file = Self { gzip, written: 0, format, fields };
        if format == ExportFormat::Csv {
            let names = file.fields.iter().map(|it| csv::cell(&json!(it.header()))).collect::<Vec<_>>();
            let _ = file.line(&names.join(","));
        }
        file
    }

    fn write(&mut self, user: &User) -> Result<(), TooLarge> {
        let shown = user_json::render_user(user, &FieldSelection::default());
        let line = match self.format {
            ExportFormat::Csv => {
                let cells = self.fields.iter().map(|it| csv::cell(it.get_value(&shown)));
                cells.collect::<Vec<_>>().join(",")
            }
            ExportFormat::Json if self.fields.is_empty() => shown.to_string(),
            ExportFormat::Json => {
                let fields =
                    self.fields.iter().map(|it| (it.header().to_owned(), it.get_value(&shown).clone()));
                Value::Object(fields.filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>()).to_string()
            }
        };
        self.line(&line)
    }

    fn line(&mut self, line: &str) -> Result<(), TooLarge> {
        self.written += line.len() + 1;
        if self.written > BYTES {
            return Err(TooLarge);
        }
        let end = if self.format == ExportFormat::Csv { "\r\n" } else { "\n" };
        // Writing to a vector does not fail.
        self.gzip
            .write_all(line.as_bytes())
            .and_then(|()| self.gzip.write_all(end.as_bytes()))
            .map_err(|_| TooLarge)
    }

    fn finish(self) -> Vec<u8> {
        self.gzip.finish().unwrap_or_default()
    }
}

impl Field {
    fn header(&self) -> &str {
        self.export_as.as_deref().unwrap_or(&self.name)
    }

    /// Returns the user's value at this field's path, or `null`.
    fn get_value<'v>(&self, user: &'v Value) -> &'v Value {
        let steps = self.name.split(['.', '[', ']']).filter(|step| !step.is_empty());
        steps.fold(user, |value, step| match value {
            Value::Array(items) => {
                step.parse().ok().and_then(|place: usize| items.get(place)).unwrap_or(&Value::Null)
            }
            _ => &value[step],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::tenant::management::users_export::Field;

    #[test]
    fn a_path_leads_to_its_value() {
        let user = json!({ "user_id": "a|1", "identities": [{ "connection": "db" }], "user_metadata": { "a": { "b": 1 } } });
        let of = |name: &str| Field { name: name.to_owned(), export_as: None }.get_value(&user).clone();
        assert_eq!(of("user_id"), "a|1");
        assert_eq!(of("identities[0].connection"), "db");
        assert_eq!(of("user_metadata.a.b"), 1);
        for none in ["identities[1].connection", "identities.x", "user_id.x", "x.y", "[0]"] {
            assert!(of(none).is_null(), "{none}");
        }
    }
}
