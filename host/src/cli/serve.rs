//! `ligature serve`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::anyhow;

use super::directory::{DIRECTORY, JournalArgs};
use super::plugin::PluginArgs;
use super::{Exit, Outcome, log, print_line};
use crate::ambient::Ambient;
use crate::directory::{Administration, Memory, Open};
use crate::policies::{PolicyEntry, Source};
use crate::sandbox::{Allocator, Options, Wasi};
use crate::tenant::{Config, EarlyEnd, Opening, Ports, Ready, StateDir, serve};

/// Logins that are decided at a time; others wait.
const CONCURRENT_LOGINS: u32 = 64;

/// Serve a local tenant that Auth0's clients accept for Auth0
///
/// Serves a local tenant that Auth0's clients accept for Auth0: the Management
/// API v2 of users and identities, the Authentication API, and the plugin at
/// every login.
///
/// It listens on this machine only, by http and by https, with a certificate of
/// an authority made for it. Mails are sent nowhere: /dev/outbox shows them.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example: ligature serve --init && ligature serve --config tenant.toml --directory sqlite:users.db --policy policy.json"
)]
pub(super) struct Args {
    /// Clients, connections and users of the beginning; one with random secrets
    /// is made in the state folder where left out
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Write such a file, with comments, and a policy.json beside it, and end
    #[arg(long)]
    init: bool,
    /// Where the users are: sqlite:PATH or postgres://USER@HOST/DATABASE. In
    /// memory, until it ends, where left out
    #[arg(long, short, value_name = "URL", env = DIRECTORY, hide_env_values = true)]
    directory: Option<String>,
    #[command(flatten)]
    journal: JournalArgs,
    /// The policy document; the plugin's defaults if left out. It is read again
    /// when it changes, as the plugin is
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    plugin: PluginArgs,
    /// The port of http; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 4480)]
    port: u16,
    /// The port of https; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 4481)]
    tls_port: u16,
    /// Where keys and certificates are kept [default: ~/.local/state/ligature]
    #[arg(long, value_name = "FOLDER", env = "LIGATURE_STATE", hide_env_values = true)]
    state: Option<PathBuf>,
    /// Sign with a new key from now on; tokens of the one before stay good
    #[arg(long)]
    rotate_key: bool,
    /// How the log is written, to standard error. LIGATURE_LOG says what of it:
    /// `info` if left out, `debug` for every request
    #[arg(long, value_enum, default_value_t = log::Format::Text)]
    log_format: log::Format,
}

impl Args {
    pub(super) fn execute(self, ambient: &Ambient) -> Outcome {
        if self.init {
            return init(self.config.as_deref().unwrap_or(Path::new("tenant.toml")), ambient);
        }
        let early_end = EarlyEnd::listen();
        let log = log::start(self.log_format, ambient)?;
        let state = self.state()?;
        let (file, text) = match &self.config {
            Some(file) => {
                let text = std::fs::read_to_string(file).map_err(|error| {
                    let why = crate::reading::cannot_be_read(&error);
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
        // The passwords of the example are for everybody to read: nobody asked
        // for its users among their own.
        if self.config.is_none() && self.directory.is_some() {
            config.users.clear();
        }
        let directory: Arc<dyn Administration> = match &self.directory {
            Some(directory) => self.journal.open_patiently(directory, Open::Create, ambient)?,
            None => Arc::new(Memory::new(ambient)),
        };
        let sources = self.sources(&mut config, (&file, &text), ambient)?;
        let ports = Ports { http: self.port, https: self.tls_port };
        let rotate_key = self.rotate_key;
        let is_remote = self.directory.as_ref().is_some_and(|it| !it.starts_with("sqlite:"));
        let missing_lines = log.missing();
        let opening = Opening {
            config,
            directory,
            is_remote,
            sources,
            state: &state,
            ports,
            rotate_key,
            missing_lines,
            early_end,
            ambient: ambient.clone(),
        };
        let served = serve(opening, |ready| tell(ready, &file, self.directory.is_none()));
        Ok(served?)
    }

    /// The policies of the configuration, or the one of the command line.
    fn sources(
        &self,
        config: &mut Config,
        (file, text): (&Path, &str),
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
                "{} has its own [[policy]], which say that themselves; leave {named} out, or the tables",
                file.display()
            )));
        }
        PolicyEntry::resolve_all(&mut entries, file, text);
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
        let sources = entries.into_iter().map(|entry| Source::new(entry, &options, ambient));
        Ok(sources.collect::<Result<_, _>>()?)
    }

    fn state(&self) -> Result<StateDir, Exit> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || {
            let base =
                absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|it| it.join(".local/state")));
            base.map(|base| base.join("ligature"))
        };
        let folder = self.state.clone().or_else(home);
        let folder = folder
            .ok_or_else(|| Exit::unreadable(anyhow!("there is no home folder; name one with --state")))?;
        Ok(StateDir::open(&folder)?)
    }
}

/// Writes a configuration, and a policy beside it.
fn init(file: &Path, ambient: &Ambient) -> Outcome {
    if !write_new(file, &Config::template(|| ambient.random().secret()))? {
        return Err(Exit::unreadable(anyhow!("{} is there already, and was left as it is", file.display())));
    }
    let policy = file.with_file_name("policy.json");
    let beside = if write_new(&policy, Config::template_policy())? {
        format!(", and {} beside it", policy.display())
    } else {
        format!("; {} was there already, and was left as it is", policy.display())
    };
    print_line(format!("{} is written, with random secrets{beside}. Next:", file.display()))?;
    print_line(format!(
        "  ligature serve --config {} --directory sqlite:users.db --policy {}",
        file.display(),
        policy.display()
    ))
}

/// Writes a file that only its owner may read, as there may be secrets in it. False
/// if it is there.
fn write_new(file: &Path, text: &str) -> Result<bool, Exit> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file).and_then(|mut opened| opened.write_all(text.as_bytes())) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Exit::failed(anyhow!("{} cannot be written: {error}", file.display()))),
    }
}

/// One line for programs; for people, how to go on.
fn tell(ready: &Ready, config: &Path, in_memory: bool) {
    let ca = ready.ca.display();
    let line = format!("ligature: ready {} {} ca={ca}", ready.http, ready.https);
    // Standard output may have no reader.
    let printing = std::thread::Builder::new().name("ready".to_owned()).spawn(move || print_line(line));
    drop(printing);
    tracing::info!("open {} in a browser: it says how to log in and how to link", ready.http);
    tracing::info!(config = %config.display(), "clients and their secrets");
    if in_memory {
        tracing::info!(
            "users are in memory, and gone when this ends; --directory sqlite:users.db keeps them"
        );
    }
    tracing::info!("to trust the certificate: Node: NODE_EXTRA_CA_CERTS={ca}");
    tracing::info!("  Python: SSL_CERT_FILE={ca} REQUESTS_CA_BUNDLE={ca}");
    tracing::info!(
        "  Chromium: mkdir -p $HOME/.pki/nssdb && certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ligature -i {ca}"
    );
}
