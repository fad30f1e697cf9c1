//! `ligature backfill preview`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::explain::explain;
use super::policy_args::{PolicyArgs, count_threads, describe_policies};
use super::report_folder::ReportFolder;
use super::run_summary::{count_of, right_count_of, verb};
use super::stop::stop_on_signals;
use super::watch::Watch;
use crate::ambient::Ambient;
use crate::auth0::{ClientCredentials, ManagementClient, SetupError, TenantAddress};
use crate::backfill::{
    Addresses, BackfillError, DirectoryGroups, FileCounts, FileGroups, GroupDecider, GroupKind, GroupSource,
    PlanHeader, PlanWriter, Preview, ReadRoles, Tally, TenantExport, TenantGroups, TenantUsers,
};
use crate::cli::directory::{DIRECTORY, JournalArgs, is_from, parse_directory};
use crate::cli::{CommandResult, Exit, print, print_json};
use crate::directory::{Location, OpenError, OpenMode};
use crate::harness::group_thousands;
use crate::model::Timestamp;
use crate::policies::LoadedPolicy;
use crate::terminal::{Json, Text, care, line};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature backfill preview --users users.ndjson.gz --policy policy.json --report report"
)]
pub(super) struct PreviewArgs {
    /// An export of the users, gzipped or not: Auth0's export, one user per line, or an array. It is
    /// read twice
    #[arg(long, value_name = "FILE", required_unless_present = "directory")]
    users: Option<PathBuf>,
    /// The directory, instead of an export: sqlite:PATH, postgres://USER@HOST/DATABASE, or
    /// auth0://DOMAIN for a tenant of Auth0, whose bulk export is started and downloaded
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
    #[command(flatten)]
    policies: PolicyArgs,
    /// The folder for the plan, a table for spreadsheets and a page. It is created, and only its
    /// owner can read it
    #[arg(long, value_name = "FOLDER")]
    report: Option<PathBuf>,
    /// Write whole addresses into the report, instead of masked ones
    #[arg(long, requires = "report")]
    addresses: bool,
    /// The time of the logins, such as 2026-11-21T10:00:00Z, instead of now
    #[arg(long, value_name = "TIME")]
    now: Option<Timestamp>,
    /// The number of threads that decide. The default: one for each processor
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

impl PreviewArgs {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        self.refuse_two_sources()?;
        let threads = count_threads(self.threads);
        let policies = self.policies.load(threads, ambient)?;
        let watch = Watch::new(ambient, stop_on_signals()?);
        let folder = self.report.as_deref().map(ReportFolder::create).transpose()?;
        let Found { mut source, tenant, directory_id } =
            self.find_groups(folder.as_ref(), &watch, ambient)?;
        let now = self.now.unwrap_or_else(|| ambient.now());
        let addresses = if self.addresses { Addresses::Whole } else { Addresses::Masked };
        let header = PlanHeader::new(now, self.describe_source()?, describe_policies(&policies))
            .with_directory_id(directory_id)
            .with_addresses(addresses);
        let read_roles = tenant.map(|users| move |user_id: &str| users.read_roles(user_id));
        let read_roles = read_roles.as_ref().map(|read| read as &ReadRoles<'_>);
        let decider = GroupDecider { policies: &policies, now, ambient, read_roles };
        let preview = Preview { decider, threads: threads as usize, progress: &watch, addresses };
        let tally = match &folder {
            None => plan_into(io::sink(), &header, |plan| preview.plan_groups(source.groups(), plan)),
            Some(folder) => {
                plan_into(folder.create_plan()?, &header, |plan| preview.plan_groups(source.groups(), plan))
            }
        };
        let tally = tally.map_err(explain)?;
        watch.finish();
        let counts = source.counts();
        if let Some(folder) = folder {
            folder.finish(counts.users)?;
        }
        if self.json {
            return print_json(&Json::pretty(&tally).map_err(Exit::failed)?);
        }
        print(&describe_preview(&tally, &counts, &policies))
    }

    /// Refuses a file and a directory at once, unless the environment names the directory.
    fn refuse_two_sources(&self) -> Result<(), Exit> {
        match (&self.users, &self.directory) {
            (Some(_), Some(directory)) if !is_from(DIRECTORY, directory) => Err(Exit::unreadable(anyhow!(
                "--users and --directory name two sources of users; give one of them"
            ))),
            _ => Ok(()),
        }
    }

    /// Finds the groups of the export, or else of the directory.
    fn find_groups(
        &self,
        folder: Option<&ReportFolder>,
        watch: &Watch,
        ambient: &Ambient,
    ) -> Result<Found, Exit> {
        let spool = || folder.map_or_else(std::env::temp_dir, |folder| folder.path().to_owned());
        match (&self.users, &self.directory) {
            (None, Some(directory)) => match parse_directory(directory)? {
                Location::Auth0(address) => find_tenant_groups(&address, &spool(), watch, ambient),
                Location::Sqlite(_) | Location::Postgres(_) => {
                    let directory = self.journal.open(directory, OpenMode::ReadOnly, ambient)?;
                    let directory_id = Some(directory.directory_id()?);
                    let groups = DirectoryGroups::find(directory, watch).map_err(explain)?;
                    Ok(Found { source: Source::Directory(groups), tenant: None, directory_id })
                }
            },
            (users, _) => {
                let users = users.clone().unwrap_or_default();
                let groups = FileGroups::find(&users, &spool(), watch).map_err(explain)?;
                Ok(Found { source: Source::File(groups), tenant: None, directory_id: None })
            }
        }
    }

    /// Describes the source of the users, without a password.
    fn describe_source(&self) -> Result<String, Exit> {
        match (&self.users, &self.directory) {
            (None, Some(directory)) => Ok(parse_directory(directory)?.describe()),
            (users, _) => Ok(users.as_deref().map(|file| file.display().to_string()).unwrap_or_default()),
        }
    }
}

/// The groups that were found, the tenant that they are of, and the id of their directory.
struct Found {
    source: Source,
    tenant: Option<TenantUsers>,
    directory_id: Option<String>,
}

/// Finds the groups of a tenant in its export.
fn find_tenant_groups(address: &str, spool: &Path, watch: &Watch, ambient: &Ambient) -> Result<Found, Exit> {
    let refuse = |error: SetupError| Exit::from(OpenError::Tenant(error.to_string()));
    let address: TenantAddress = address.parse().map_err(refuse)?;
    let credentials = ClientCredentials::from_environment().map_err(refuse)?;
    let name = format!("the export of {address}");
    let directory_id = Some(address.directory_id());
    let client = ManagementClient::connect(address, credentials, ambient).map_err(refuse)?;
    let export = TenantExport { client: &client, progress: watch, ambient };
    let file = export.fetch(spool).map_err(explain)?;
    let exported = FileGroups::find_in(&file, &name, spool, watch).map_err(explain)?;
    let users = TenantUsers::new(Arc::new(client), ambient);
    let source = Source::Tenant(TenantGroups::new(exported, users.clone()));
    Ok(Found { source, tenant: Some(users), directory_id })
}

/// The source of the groups.
enum Source {
    File(FileGroups),
    Directory(DirectoryGroups),
    Tenant(TenantGroups),
}

impl Source {
    fn groups(&mut self) -> &mut dyn GroupSource {
        match self {
            Self::File(groups) => groups,
            Self::Directory(groups) => groups,
            Self::Tenant(groups) => groups,
        }
    }

    fn counts(&self) -> FileCounts {
        match self {
            Self::File(groups) => groups.counts.clone(),
            // The fields of the export are known.
            Self::Tenant(groups) => FileCounts { missing: Vec::new(), ..groups.counts().clone() },
            Self::Directory(groups) => FileCounts { users: groups.users, ..FileCounts::default() },
        }
    }
}

/// Writes a plan to its end.
fn plan_into<W: Write>(
    out: W,
    header: &PlanHeader,
    plan_groups: impl FnOnce(&mut PlanWriter<W>) -> Result<Tally, BackfillError>,
) -> Result<Tally, BackfillError> {
    let mut plan = PlanWriter::begin(out, header).map_err(BackfillError::Unwritable)?;
    let tally = plan_groups(&mut plan)?;
    plan.end().map_err(BackfillError::Unwritable)?;
    Ok(tally)
}

/// Describes what a preview has found.
fn describe_preview(tally: &Tally, counts: &FileCounts, policies: &[LoadedPolicy]) -> Text {
    let mut text = Text::default();
    let number = group_thousands;
    let have = if tally.accounts == 1 { "has" } else { "have" };
    text.line(format!(
        "{}, of which {} {have} the address of another one: {}",
        count_of(counts.users, "user"),
        number(tally.accounts),
        count_of(tally.groups, "group")
    ));
    if counts.without_address > 0 {
        text.line(format!("{} without an address", count_of(counts.without_address, "user")));
    }
    if counts.repeated > 0 {
        let (repeated, are) = (count_of(counts.repeated, "user"), verb(counts.repeated));
        text.line(format!("{repeated} {are} there again; the first one with an id counts"));
    }
    if !counts.missing.is_empty() {
        let fields: Vec<String> = counts.missing.iter().map(|field| format!("`{field}`")).collect();
        text.line(line![care(format!(
            "No user has {}: a policy links fewer accounts without it; request it from the export job",
            fields.join(", ")
        ))]);
    }
    if counts.left_out > 0 {
        let (left_out, are) = (count_of(counts.left_out, "user"), verb(counts.left_out));
        text.line(line![care(format!("{left_out} {are} left out:"))]);
        for (place, why) in &counts.reported {
            text.line(format!("  {place}: {why}"));
        }
    }
    for kind in GroupKind::ALL {
        let count =
            |counts: &std::collections::BTreeMap<&str, u64>| counts.get(kind.as_str()).copied().unwrap_or(0);
        text.head(&format!("{:<9}{}", kind.as_str(), right_count_of(count(&tally.groups_by_kind), "group")));
        if let Some(reasons) = tally.reasons.get(kind.as_str()) {
            for (reason, times) in reasons {
                text.line(format!("  {:>12}  {reason}", number(*times)));
            }
        }
    }
    text.line("");
    text.line(format!(
        "Links would leave {} fewer. Nothing was changed.",
        count_of(tally.removed_accounts, "account")
    ));
    text.line(
        "Each account was decided as if it logged in now, the newest of a group first. Reasons are counted by login.",
    );
    if policies.iter().any(|policy| policy.mode().as_deref() == Some("observe")) {
        text.line(line![care(
            "The policy only observes: a login would report these decisions, and link nothing."
        )]);
    }
    text
}
