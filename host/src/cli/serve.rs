//! `ligature serve`.

use std::path::{Path, PathBuf};

use anyhow::anyhow;

use super::decision_args::DecisionArgs;
use super::directory::{DIRECTORY, JournalArgs};
#[cfg(feature = "hook-command")]
use super::hook_routes::{HookRoutesArgs, TenantParts};
use super::plugin::PluginArgs;
use super::recorder_args::RecorderArgs;
use super::{CommandResult, Exit, log, print_line};
use crate::ambient::Ambient;
use crate::console::{ConsoleAccess, ConsoleParts};
use crate::directory::OpenMode;
use crate::policies::{PolicyEntry, Source};
use crate::reading::{describe_io_error, describe_read_error};
use crate::sandbox::{Allocator, Options, Wasi};
use crate::service::EarlyEnd;
use crate::tenant::{
    Config, MoreRoutes, MountedParts, Opening, Ports, Ready, StateDir, TenantDirectory, serve,
};

/// The most logins that are decided at once; others wait.
const CONCURRENT_LOGINS: u32 = 64;

/// Serve a local tenant that is compatible with Auth0's clients
///
/// Serves a local tenant that is compatible with Auth0's clients: the Management API v2
/// for users and identities, and the Authentication API. The plugin decides every login.
///
/// The server listens on this machine only, by HTTP and by HTTPS with a certificate of
/// its own authority. It sends no mails: /dev/outbox shows them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature serve --init && ligature serve --config tenant.toml --directory sqlite:users.db --policy policy.json"
)]
pub(super) struct Args {
    /// The configuration: clients, connections and initial users. By default, one with
    /// random secrets is created in the state folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write a configuration with comments, and a policy.json beside it, and exit
    #[arg(long)]
    init: bool,
    /// The directory: sqlite:PATH or postgres://USER@HOST/DATABASE. By default, users are
    /// in memory, and lost when the server stops
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
    /// The policy document; without it, the plugin's defaults apply. Policy and plugin are
    /// reloaded when their files change
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    /// The HTTP port; 0 takes any free port
    #[arg(long, value_name = "PORT", default_value_t = 4480)]
    port: u16,
    /// The HTTPS port; 0 takes any free port
    #[arg(long, value_name = "PORT", default_value_t = 4481)]
    tls_port: u16,
    /// The folder for keys and certificates [default: ~/.local/state/ligature]
    #[arg(long, value_name = "FOLDER", env = "LIGATURE_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
    #[command(flatten)]
    recorder: RecorderArgs,
    #[command(flatten)]
    decisions: DecisionArgs,
    #[cfg(feature = "hook-command")]
    #[command(flatten)]
    hook: HookRoutesArgs,
    /// Sign with a new key from now on; tokens of the old key stay valid
    #[arg(long)]
    rotate_key: bool,
    /// The format of the log, which goes to standard error. LIGATURE_LOG sets its level:
    /// `info` by default, `debug` for every request
    #[arg(long, value_enum, default_value_t = log::LogFormat::Text)]
    log_format: log::LogFormat,
}

/// The file of the configuration, with its text.
struct ConfigFile<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> CommandResult {
        if self.init {
            return write_configuration(self.config.as_deref().unwrap_or(Path::new("tenant.toml")), ambient);
        }
        refuse_tenant(self.directory.as_deref())?;
        let early_end = EarlyEnd::listen();
        let log = log::start(self.log_format, ambient)?;
        let state = self.open_state()?;
        let (file, text) = match &self.config {
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| {
                    let why = describe_read_error(&error);
                    Exit::unreadable(anyhow!("{}: {why}; `ligature serve --init` writes one", file.display()))
                })?;
                (file.clone(), text)
            }
            None => {
                let made =
                    state.read_or_make("tenant.toml", || Config::template(|| ambient.random().secret()));
                (state.file("tenant.toml"), made.map_err(Exit::unreadable)?)
            }
        };
        let mut config =
            Config::parse(&text).map_err(|error| Exit::unreadable(anyhow!("{}: {error}", file.display())))?;
        config.resolve_files(&file);
        // The example's passwords are public, so its users are not added to an existing
        // directory.
        if self.config.is_none() && self.directory.is_some() {
            config.users.clear();
        }
        let directory = match &self.directory {
            Some(directory) => TenantDirectory::Opened {
                is_remote: !directory.starts_with("sqlite:"),
                directory: self.journal.open_with_retries(directory, OpenMode::Create, ambient)?,
            },
            None => TenantDirectory::Memory,
        };
        let sources = self.policy_sources(&mut config, &ConfigFile { path: &file, text: &text }, ambient)?;
        let recorder = self.recorder.start(ambient)?;
        let ports = Ports { http: self.port, https: self.tls_port };
        let rotate_key = self.rotate_key;
        let missing_lines = log.missing();
        #[cfg(feature = "hook-command")]
        let more_routes = self.hook.routes(
            TenantParts {
                on_failure: config.on_failure,
                recorder: recorder.clone(),
                missing_lines: missing_lines.clone(),
            },
            ambient,
        )?;
        #[cfg(not(feature = "hook-command"))]
        let more_routes: Option<MoreRoutes> = None;
        #[cfg(feature = "hook-command")]
        let has_hook = more_routes.is_some();
        let has_console = config.console.enabled;
        let more_routes = if has_console { Some(add_console(more_routes, ambient)) } else { more_routes };
        let opening = Opening {
            config,
            directory,
            sources,
            state: &state,
            more_routes,
            recorder,
            decisions: self.decisions.retention(has_console),
            ports,
            rotate_key,
            missing_lines,
            early_end,
            ambient: ambient.clone(),
        };
        let served = serve(opening, |ready| {
            announce_ready(ready, &file, self.directory.is_none());
            #[cfg(feature = "hook-command")]
            if has_hook {
                super::hook_routes::announce(ready);
            }
            if has_console {
                tracing::info!("the operators' console is at {}console", ready.http);
            }
        });
        Ok(served?)
    }

    /// Returns the policies of the configuration, or the one of the command line.
    fn policy_sources(
        &self,
        config: &mut Config,
        file: &ConfigFile<'_>,
        ambient: &Ambient,
    ) -> Result<Vec<Source>, Exit> {
        let mut entries = std::mem::take(&mut config.policy);
        let named = [
            ("--plugin", self.plugin.file().is_some()),
            ("--policy", self.policy.is_some()),
            ("--wasi", self.plugin.wasi() != Wasi::Minimal),
        ];
        if let (Some((named, _)), false) = (named.iter().find(|it| it.1), entries.is_empty()) {
            return Err(Exit::unreadable(anyhow!(
                "{} has its own [[policy]] tables; omit {named}, or remove the tables",
                file.path.display()
            )));
        }
        PolicyEntry::resolve_all(&mut entries, file.path, file.text);
        if entries.is_empty() {
            let plugin = self.plugin.file().map(Path::to_owned);
            entries.push(PolicyEntry::from_flags(plugin, self.plugin.wasi(), self.policy.clone()));
        }
        let options = self.plugin.options(Options {
            allocator: Allocator::Pool,
            concurrent_logins: CONCURRENT_LOGINS,
            limits: config.limits.clone(),
            ..Options::default()
        })?;
        Ok(Source::open_all(entries, &options, ambient)?)
    }

    fn open_state(&self) -> Result<StateDir, Exit> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || {
            let base =
                absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|it| it.join(".local/state")));
            base.map(|base| base.join("ligature"))
        };
        let folder = self.state.clone().or_else(home);
        let folder = folder.ok_or_else(|| {
            Exit::unreadable(anyhow!("there is no home folder; name a folder for the state with --state"))
        })?;
        Ok(StateDir::open(&folder)?)
    }
}

/// Adds the operators' console to further routes. Whoever reaches the tenant is an operator: it
/// listens on this machine only.
fn add_console(others: Option<MoreRoutes>, ambient: &Ambient) -> MoreRoutes {
    let ambient = ambient.clone();
    Box::new(move |MountedParts { decider, directory, decisions }| {
        let console = ConsoleParts {
            directory: directory.clone(),
            access: ConsoleAccess::local(),
            ambient: ambient.clone(),
        }
        .into_routes();
        let parts = MountedParts { decider, directory, decisions };
        others.iter().fold(console, |console, others| console.merge(others(parts.clone())))
    })
}

/// Refuses a tenant of Auth0 as the directory: its users, passwords and sessions are at Auth0, and
/// a server here could neither verify a password nor create a user.
fn refuse_tenant(directory: Option<&str>) -> CommandResult {
    match directory {
        Some(directory) if directory.starts_with("auth0://") => Err(Exit::unreadable(anyhow!(
            "`ligature serve` is a tenant itself, so another tenant cannot be its directory: for the logins of a tenant of \
             Auth0, run `ligature hook` with this --directory"
        ))),
        _ => Ok(()),
    }
}

/// Writes a configuration, and a policy beside it.
fn write_configuration(file: &Path, ambient: &Ambient) -> CommandResult {
    if !write_new(file, &Config::template(|| ambient.random().secret()))? {
        return Err(Exit::unreadable(anyhow!("{} already exists, and was not changed", file.display())));
    }
    let policy = file.with_file_name("policy.json");
    let beside = if write_new(&policy, Config::template_policy())? {
        format!(", and {} beside it", policy.display())
    } else {
        format!("; {} already existed, and was not changed", policy.display())
    };
    print_line(format!("{} is written, with random secrets{beside}. Next:", file.display()))?;
    print_line(format!(
        "  ligature serve --config {} --directory sqlite:users.db --policy {}",
        file.display(),
        policy.display()
    ))
}

/// Writes a new file that only its owner can read, because it may hold secrets. Returns
/// false if the file exists.
fn write_new(file: &Path, text: &str) -> Result<bool, Exit> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file).and_then(|mut opened| opened.write_all(text.as_bytes())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => {
            Err(Exit::failed(anyhow!("{} cannot be written: {}", file.display(), describe_io_error(&error))))
        }
    }
}

/// Announces that the server is ready: one line for programs, and the next steps for
/// people.
fn announce_ready(ready: &Ready, config: &Path, in_memory: bool) {
    let ca = ready.ca.display();
    let line = format!("ligature: ready {} {} ca={ca}", ready.http, ready.https);
    // Printed by a thread of its own, because a pipe that nobody reads would block.
    let printing = std::thread::Builder::new().name("ready".to_owned()).spawn(move || print_line(line));
    drop(printing);
    tracing::info!("open {} in a browser: it says how to log in and how to link", ready.http);
    tracing::info!(config = %config.display(), "clients and their secrets");
    if in_memory {
        tracing::info!(
            "users are in memory, and are lost when this process ends; --directory sqlite:users.db keeps them"
        );
    }
    tracing::info!("to trust the certificate: Node: NODE_EXTRA_CA_CERTS={ca}");
    tracing::info!("  Python: SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}");
    tracing::info!(
        "  Chromium: mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ligature -i {ca}"
    );
}
