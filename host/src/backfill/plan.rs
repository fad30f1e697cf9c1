//! The plan of a backfill: one line of JSON for its header, one for each group, and one with the
//! hash of all lines before it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::group::{Group, GroupId};
use super::group_decision::{GroupKind, PlannedLogin};
use crate::directory::compute_content_version;
use crate::model::{ApiError, Timestamp, User, mask_addresses};
use crate::reading::describe_read_error;

/// The format of the file. Another version of it has another number.
const FORMAT: &str = "ligature backfill plan 2";

/// The maximum length of a line, in bytes.
const LINE: u64 = 16 << 20;

/// The form of addresses in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// Only the first letter and the domain.
    #[default]
    Masked,
    /// Whole.
    Whole,
}

/// The first line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanHeader {
    format: String,
    /// The time of the decisions.
    pub decided_at: Timestamp,
    /// The source of the users, without a password.
    pub source: String,
    /// The id of the directory that the users come from; none if they come from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory_id: Option<String>,
    /// The policies that decided, in order.
    pub policies: Vec<PlannedPolicy>,
    /// Whether addresses are whole, and not masked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_addresses: bool,
}

/// A policy of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedPolicy {
    /// The name.
    pub name: String,
    /// The hash of the policy document.
    pub policy_sha256: String,
    /// The hash of the plugin.
    pub plugin_sha256: String,
    /// The mode, if the plugin has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}

/// A group of a plan, with the decisions about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// The id of the group.
    pub group: GroupId,
    /// The kind of the strongest decision: LINK, CONFLICT, SUGGEST, SKIP.
    pub kind: GroupKind,
    /// The address, which is masked unless the header says otherwise.
    pub address: String,
    /// The accounts, the oldest first.
    pub accounts: Vec<PlannedAccount>,
    /// The decided logins, in order.
    pub logins: Vec<PlannedLogin>,
}

/// An account of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAccount {
    /// The id.
    pub user_id: String,
    /// A hash of the account's content, without the fields that a login changes: 16 hexadecimal digits.
    pub version: String,
    /// The connections of its identities, each once.
    pub connections: Vec<String>,
}

/// The last line of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlanEnd {
    groups: u64,
    sha256: String,
}

/// The reason why a plan cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The file cannot be read.
    #[error("{}: {}", .0.display(), describe_read_error(.1))]
    Unreadable(PathBuf, io::Error),
    /// The file is a stream.
    #[error(
        "{}: a plan is read several times, and a pipe or standard input can be read once only: name the file of the plan",
        .0.display()
    )]
    Stream(PathBuf),
    /// The file is not a plan.
    #[error("{}: this is not a plan of `ligature backfill preview`", .0.display())]
    NotAPlan(PathBuf),
    /// The plan is of another version of the format.
    #[error("{}: the plan has the format `{}`, and this program reads `{FORMAT}`; preview again", .0.display(), .1)]
    OtherFormat(PathBuf, String),
    /// The plan breaks off.
    #[error("{}: the plan breaks off before its last line, as if the preview had been interrupted; preview again", .0.display())]
    Truncated(PathBuf),
    /// The plan was edited.
    #[error(
        "{}: the plan has changed since the preview wrote it: its last line has another hash. Narrow a plan with --only, \
         --connections, --sample or --groups instead of editing it",
        .0.display()
    )]
    Edited(PathBuf),
}

impl PlanHeader {
    /// Creates the header of a new plan.
    #[must_use]
    pub fn new(decided_at: Timestamp, source: String, policies: Vec<PlannedPolicy>) -> Self {
        let format = FORMAT.to_owned();
        Self { format, decided_at, source, directory_id: None, policies, has_addresses: false }
    }

    /// Returns the header of a plan whose users come from this directory.
    #[must_use]
    pub fn with_directory_id(self, directory_id: Option<String>) -> Self {
        Self { directory_id, ..self }
    }

    /// Returns the header of a plan whose addresses are whole, or masked.
    #[must_use]
    pub fn with_addresses(self, addresses: Addresses) -> Self {
        Self { has_addresses: addresses == Addresses::Whole, ..self }
    }
}

impl PlannedGroup {
    /// Creates the plan of a group.
    ///
    /// # Errors
    ///
    /// If an account cannot be hashed.
    pub(super) fn new(
        group: &Group,
        logins: Vec<PlannedLogin>,
        addresses: Addresses,
    ) -> Result<Self, ApiError> {
        let address = group.users.first().and_then(|user| user.email.as_deref()).unwrap_or_default();
        Ok(Self {
            group: group.id,
            kind: logins.iter().map(|login| login.kind).min().unwrap_or(GroupKind::Skip),
            address: match addresses {
                Addresses::Masked => mask_addresses(address).into_owned(),
                Addresses::Whole => address.to_owned(),
            },
            accounts: group.users.iter().map(PlannedAccount::new).collect::<Result<_, _>>()?,
            logins,
        })
    }

    /// Returns the number of accounts that the links of the plan remove.
    #[must_use]
    pub fn count_removed_accounts(&self) -> usize {
        let links = self.logins.iter().filter(|login| login.kind == GroupKind::Link);
        links.map(|login| login.others.len()).sum()
    }
}

impl PlannedAccount {
    fn new(user: &User) -> Result<Self, ApiError> {
        let mut connections: Vec<String> = Vec::new();
        for identity in &user.identities {
            if !connections.contains(&identity.connection) {
                connections.push(identity.connection.clone());
            }
        }
        let version = format!("{:016x}", compute_content_version(user)?);
        Ok(Self { user_id: user.user_id.clone(), version, connections })
    }
}

/// A writer of a plan.
pub struct PlanWriter<W> {
    out: W,
    hash: Sha256,
    groups: u64,
}

impl<W: Write> PlanWriter<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn begin(out: W, header: &PlanHeader) -> io::Result<Self> {
        let mut writer = Self { out, hash: Sha256::new(), groups: 0 };
        writer.write_line(&serde_json::to_vec(header)?)?;
        Ok(writer)
    }

    /// Writes a group, as JSON on one line.
    pub(super) fn write_group(&mut self, json: &[u8]) -> io::Result<()> {
        self.groups += 1;
        self.write_line(json)
    }

    /// Writes the last line, and returns the writer.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn end(mut self) -> io::Result<W> {
        let sha256 = to_hex(&self.hash.clone().finalize());
        let end = PlanEnd { groups: self.groups, sha256 };
        self.write_line(&serde_json::to_vec(&end)?)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn write_line(&mut self, json: &[u8]) -> io::Result<()> {
        self.hash.update(json);
        self.hash.update(b"\n");
        self.out.write_all(json)?;
        self.out.write_all(b"\n")
    }
}

/// A plan that was read and is complete and unchanged.
#[derive(Debug)]
pub struct Plan {
    path: PathBuf,
    file: File,
    /// The header.
    pub header: PlanHeader,
    /// The number of groups.
    pub groups: u64,
    /// The hash of the whole plan, which names it.
    pub sha256: String,
}

impl Plan {
    /// Opens a plan, and checks its hash.
    ///
    /// # Errors
    ///
    /// If it is no plan, breaks off, or was edited.
    pub fn open(path: &Path) -> Result<Self, PlanError> {
        let unreadable = |error| PlanError::Unreadable(path.to_owned(), error);
        let file = File::open(path).map_err(unreadable)?;
        if (&file).rewind().is_err() {
            return Err(PlanError::Stream(path.to_owned()));
        }
        let mut lines = Lines { text: BufReader::with_capacity(1 << 18, &file), line: Vec::new() };
        let first = lines.next().map_err(unreadable)?.unwrap_or_default();
        let header = read_header(path, first)?;
        let mut hash = Sha256::new();
        hash.update(first);
        let mut groups = 0;
        loop {
            let Some(line) = lines.next().map_err(unreadable)? else {
                return Err(PlanError::Truncated(path.to_owned()));
            };
            if !line.starts_with(b"{\"groups\":") {
                hash.update(line);
                groups += 1;
                continue;
            }
            let end: PlanEnd =
                serde_json::from_slice(line).map_err(|_| PlanError::Truncated(path.to_owned()))?;
            let sha256 = to_hex(&hash.finalize());
            let is_last = lines.next().map_err(unreadable)?.is_none();
            if !is_last || end != (PlanEnd { groups, sha256: sha256.clone() }) {
                return Err(PlanError::Edited(path.to_owned()));
            }
            return Ok(Self { path: path.to_owned(), file, header, groups, sha256 });
        }
    }

    /// Calls `each` with every group, in order, until it fails.
    ///
    /// # Errors
    ///
    /// If the plan cannot be read, or the error of `each`.
    pub fn read_groups<E: From<PlanError>>(
        &self,
        mut each: impl FnMut(PlannedGroup) -> Result<(), E>,
    ) -> Result<(), E> {
        let unreadable = |error| PlanError::Unreadable(self.path.clone(), error);
        let mut file = &self.file;
        file.rewind().map_err(unreadable)?;
        let mut lines = Lines { text: BufReader::with_capacity(1 << 18, file), line: Vec::new() };
        lines.next().map_err(unreadable)?;
        for _ in 0..self.groups {
            let line = lines.next().map_err(unreadable)?.unwrap_or_default();
            let group = serde_json::from_slice(line).map_err(|_| PlanError::Edited(self.path.clone()))?;
            each(group)?;
        }
        Ok(())
    }
}

fn read_header(path: &Path, line: &[u8]) -> Result<PlanHeader, PlanError> {
    #[derive(Deserialize)]
    struct Format {
        format: String,
    }
    let not_a_plan = |_| PlanError::NotAPlan(path.to_owned());
    let Format { format } = serde_json::from_slice(line).map_err(not_a_plan)?;
    if !format.starts_with("ligature backfill plan ") {
        return Err(PlanError::NotAPlan(path.to_owned()));
    }
    if format != FORMAT {
        return Err(PlanError::OtherFormat(path.to_owned(), format));
    }
    serde_json::from_slice(line).map_err(|_| PlanError::Edited(path.to_owned()))
}

struct Lines<R> {
    text: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Returns the next line with its end. A line that is too long is cut.
    fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        let read = self.text.by_ref().take(LINE).read_until(b'\n', &mut self.line)?;
        Ok((read > 0).then_some(&self.line))
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
