//! Auth0's bulk export of users: a job that writes a file, which is downloaded from another host.

use std::io::{self, Read};

use serde::Deserialize;
use serde_json::{Value, json};
use ureq::http::Method;
use url::Url;

use super::address::is_loopback;
use super::client::{ApiRequest, ManagementClient};
use super::path::path;
use super::response::show;
use super::retry::Repeat;
use super::{CallError, CallErrorKind, Need, TimeLimit};

/// The fields of an exported user. Auth0 exports at most 30, and neither roles nor organizations.
///
/// Source: Auth0, "Bulk User Exports" and "User Profile Structure".
pub const EXPORTED_FIELDS: [&str; 21] = [
    "user_id",
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
    "created_at",
    "updated_at",
    "last_login",
    "logins_count",
    "last_ip",
    "blocked",
    "multifactor",
    "identities",
    "user_metadata",
    "app_metadata",
];

/// The longest reason of a failed job that is repeated, in bytes.
const LONGEST_REASON: usize = 300;

/// An export job, as the tenant describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExportState {
    /// The job is waiting or working. Holds its percentage, if the tenant says it.
    Working(Option<u64>),
    /// The file can be downloaded from this URL. Whoever knows it can do so, for a minute.
    Finished(String),
    /// The job has failed. Holds the reason, as a part of a sentence.
    Failed(String),
}

#[derive(Deserialize)]
struct Begun {
    id: String,
}

/// Source: Auth0 Management API v2, `GET /api/v2/jobs/{id}`.
#[derive(Deserialize)]
struct Job {
    status: String,
    location: Option<String>,
    percentage_done: Option<f64>,
    status_details: Option<String>,
}

/// A file that is being downloaded. Reading fails if it ends before its announced length.
pub struct Download {
    body: Box<dyn Read + Send>,
    /// The length in bytes, if the server announces it.
    pub length: Option<u64>,
    read: u64,
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.body.read(buffer)?;
        self.read += read as u64;
        let is_short = self.length.is_some_and(|length| self.read < length);
        if read == 0 && is_short && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(read)
    }
}

impl ManagementClient {
    /// Begins a job that exports all users, one object a line, and returns its id.
    ///
    /// Source: Auth0 Management API v2, `POST /api/v2/jobs/users-exports`.
    ///
    /// # Errors
    ///
    /// If the tenant begins no job.
    pub fn begin_users_export(&self, limit: TimeLimit) -> Result<String, CallError> {
        let fields: Vec<Value> = EXPORTED_FIELDS.iter().map(|name| json!({ "name": name })).collect();
        let call = ApiRequest {
            method: Method::POST,
            path: path(&["jobs", "users-exports"]).map_err(|kind| self.error(kind))?,
            json: Some(json!({ "format": "json", "fields": fields })),
            repeat: Repeat::WithoutEffect,
            need: Need::EXPORT_USERS,
        };
        self.read_json(&call, limit).map(|begun: Begun| begun.id)
    }

    /// Returns the state of an export job.
    ///
    /// # Errors
    ///
    /// If the tenant does not describe the job.
    pub fn users_export(&self, job: &str, limit: TimeLimit) -> Result<ExportState, CallError> {
        let read: Job = self.read_json(&self.read_job(&["jobs", job])?, limit)?;
        Ok(match (read.status.as_str(), read.location) {
            ("completed", Some(location)) => ExportState::Finished(location),
            ("completed", None) => ExportState::Failed("it names no file".to_owned()),
            ("failed", _) => ExportState::Failed(match read.status_details {
                Some(why) => show(&why, &[], LONGEST_REASON),
                None => self.read_failure(job, limit),
            }),
            _ => ExportState::Working(read.percentage_done.filter(|it| (0.0..=100.0).contains(it)).map(
                // Between 0 and 100.
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                |percentage| percentage as u64,
            )),
        })
    }

    /// Returns the first error of a failed job, as a part of a sentence.
    fn read_failure(&self, job: &str, limit: TimeLimit) -> String {
        let errors: Result<Vec<Value>, _> =
            self.read_job(&["jobs", job, "errors"]).and_then(|call| self.read_json(&call, limit));
        let first = errors.ok().and_then(|errors| errors.first()?["message"].as_str().map(str::to_owned));
        first.map_or_else(|| "the tenant gives no reason".to_owned(), |why| show(&why, &[], LONGEST_REASON))
    }

    fn read_job(&self, segments: &[&str]) -> Result<ApiRequest, CallError> {
        Ok(ApiRequest {
            method: Method::GET,
            path: path(segments).map_err(|kind| self.error(kind))?,
            json: None,
            repeat: Repeat::Read,
            need: Need::EXPORT_USERS,
        })
    }

    /// Opens the file of an export job. The request has no token: the URL is the permission. No error
    /// contains the URL.
    ///
    /// # Errors
    ///
    /// If the URL is not one of https (of this machine, for a tenant of this machine), or if the server
    /// does not send the file.
    pub fn open_download(&self, location: &str, limit: TimeLimit) -> Result<Download, CallError> {
        self.check_location(location).map_err(|kind| self.error(kind))?;
        let response =
            self.transport().download(location, limit).map_err(|failure| self.error(failure.kind))?;
        let status = response.status().as_u16();
        let is_page = response
            .headers()
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().to_ascii_lowercase().starts_with(b"text/html"));
        let refuse =
            |message: String| Err(self.error(CallErrorKind::Refused { status, error_code: None, message }));
        match (status, is_page) {
            (200, false) => {}
            (200, true) => {
                let why =
                    "the file of the export job is a page of HTML; is there a proxy or a login in between?";
                return Err(self.error(CallErrorKind::Unreadable(why.to_owned())));
            }
            (300..=399, _) => {
                return refuse(
                    "the server of the export's file redirects to another address, which is not followed"
                        .to_owned(),
                );
            }
            (408 | 429 | 500..=599, _) => {
                let why = format!("the server of the export's file failed with status {status}");
                return Err(self.error(CallErrorKind::Unclear(why)));
            }
            _ => return refuse("the server of the export's file refuses the download".to_owned()),
        }
        let length = response.body().content_length();
        Ok(Download { body: Box::new(response.into_body().into_reader()), length, read: 0 })
    }

    fn check_location(&self, location: &str) -> Result<(), CallErrorKind> {
        let refuse = |why: &str| {
            let why = format!("the tenant names a file of the export job that is not downloaded: {why}");
            Err(CallErrorKind::NotSent(why))
        };
        let Ok(url) = Url::parse(location) else { return refuse("its URL cannot be parsed") };
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                refuse("its URL has a user name or a password")
            }
            "https" if !self.address().is_loopback() => Ok(()),
            "http" if self.address().is_loopback() && is_loopback(&url) => Ok(()),
            _ if self.address().is_loopback() => refuse("its URL is not one of http on this machine"),
            _ => refuse("its URL is not one of https"),
        }
    }
}
